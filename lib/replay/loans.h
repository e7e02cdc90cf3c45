/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans.h - several loans at once, and what is lent now.
 */
#ifndef GMS_REPLAY_LOANS_H
#define GMS_REPLAY_LOANS_H

#include <stddef.h>
#include <stdint.h>

#include <gmemstate/gmemstate.h>

/* One loan that is wanted. */
struct loans_want {
	uint64_t gpa, bytes;
	uint32_t dir;	/* enum gms_lend_dir */
};

struct loans_gauges {
	uint64_t shared_pages, lent_pages, slack_bytes;
};

/* In result changed_pages and nruns are the sums. 0 or the first error. */
int loans_lend(struct gms_space *space, const struct loans_want *want, size_t n, gms_loan_id *ids,
	       struct gms_lend_result *result);
int loans_return(struct gms_space *space, const gms_loan_id *ids, size_t n,
		 struct gms_lend_result *result);
int loans_read(const struct gms_space *space, struct loans_gauges *gauges);

#endif

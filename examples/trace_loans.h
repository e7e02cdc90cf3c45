/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_loans.h - replay the lines of a trace as loans: a map is a loan, an unmap its
 * return, a coherent allocation a loan that is never returned.
 */
#ifndef EXAMPLES_TRACE_LOANS_H
#define EXAMPLES_TRACE_LOANS_H

#include <gmemstate/gmemstate.h>

#include "trace.h"

#define TRACE_RAM_PAGES	(UINT64_C(2) << 18)	/* the guest of the traces has 2 GiB */

struct trace_out;

/* The loans that are out. All zero: none. */
struct trace_loans {
	struct trace_out *bucket[4096];
};

/*
 * One line, lent from that guest-physical address on. What gms_lend() or
 * gms_return() says; -ENOENT for an unmap without a map, or -ENOMEM.
 */
int  trace_loan(struct trace_loans *loans, struct gms_space *space,
		const struct trace_line *line, uint64_t from);
void trace_loans_forget(struct trace_loans *loans);

#endif

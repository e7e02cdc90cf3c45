/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans.c - several loans at once, and what is lent now; see loans.h.
 */
#include "replay/loans.h"

static void add(struct gms_lend_result *sum, const struct gms_lend_result *one)
{
	sum->changed_pages += one->changed_pages;
	sum->nruns += one->nruns;
}

int loans_lend(struct gms_space *space, const struct loans_want *want, size_t n, gms_loan_id *ids,
	       struct gms_lend_result *result)
{
	struct gms_lend_result one;
	int err = 0;

	for (size_t i = 0; !err && i < n; i++) {
		GMS_INIT(&one);
		err = gms_lend(space, want[i].gpa, want[i].bytes, want[i].dir, 0, &ids[i], &one);
		add(result, &one);
	}
	return err;
}

int loans_return(struct gms_space *space, const gms_loan_id *ids, size_t n,
		 struct gms_lend_result *result)
{
	struct gms_lend_result one;
	int err = 0;

	for (size_t i = 0; !err && i < n; i++) {
		GMS_INIT(&one);
		err = gms_return(space, ids[i], &one);
		add(result, &one);
	}
	return err;
}

int loans_read(const struct gms_space *space, struct loans_gauges *gauges)
{
	struct gms_acct acct;
	int err;

	GMS_INIT(&acct);
	err = gms_acct_read(space, &acct);
	*gauges = (struct loans_gauges){
		.shared_pages = acct.shared_pages,
		.lent_pages = acct.lent_pages,
		.slack_bytes = acct.slack_bytes,
	};
	return err;
}

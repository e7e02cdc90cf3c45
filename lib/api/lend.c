/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lend.c - the calls of lend.h.
 */
#include <errno.h>

#include <gmemstate/lend.h>

#include "base/sized.h"
#include "engine/space.h"

/* The caller's array, and whether there is a result to fill. */
static int result_in(const struct gms_lend_result *result, struct gms__lent *lent)
{
	struct gms_lend_result ours;
	int err;

	*lent = (struct gms__lent){ .error_reason = GMS_REASON_NONE };
	if (!result)
		return 0;
	err = gms__sized_in(&ours, sizeof(ours), result);
	if (err)
		return err;
	if (ours.run_capacity && !ours.runs)
		return -EINVAL;
	lent->runs = ours.runs;
	lent->room = ours.run_capacity;
	return 0;
}

/* On an error what was done is nothing, and what is left is why. */
static void result_out(struct gms_lend_result *result, const struct gms__lent *lent, int err)
{
	struct gms_lend_result ours;

	GMS_INIT(&ours);
	ours.runs = lent->runs;
	ours.run_capacity = lent->room;
	if (!err) {
		ours.nruns = lent->nruns;
		ours.changed_pages = lent->changed_pages;
		ours.hit_pages = lent->hit_pages;
		ours.kept_pages = lent->kept_pages;
		ours.idle_pages = lent->idle_pages;
		ours.blocked_pages = lent->blocked_pages;
	}
	ours.error_gfn = lent->error_gfn;
	ours.error_reason = lent->error_reason;
	gms__sized_out(result, &ours, sizeof(ours));
}

int gms_lend(struct gms_space *space, uint64_t gpa, uint64_t bytes, uint32_t dir, gms_tag tag,
	     gms_loan_id *id, struct gms_lend_result *result)
{
	const struct gms__loan_spec what = { gpa, bytes, dir, tag };
	struct gms__lent lent;
	int err;

	if (!space || !id)
		return -EINVAL;
	err = result_in(result, &lent);
	if (err)
		return err;
	if (!bytes || bytes - 1 > UINT64_MAX - gpa || !dir || dir > GMS_LEND_BOTH)
		err = -EINVAL;
	else
		err = gms__loans_lend(space, &what, id, &lent);
	if (result)
		result_out(result, &lent, err);
	return err;
}

int gms_return(struct gms_space *space, gms_loan_id id, struct gms_lend_result *result)
{
	struct gms__lent lent;
	int err;

	if (!space)
		return -EINVAL;
	err = result_in(result, &lent);
	if (err)
		return err;
	err = gms__loans_return(space, id, &lent);
	if (result)
		result_out(result, &lent, err);
	return err;
}

int gms_reclaim(struct gms_space *space, uint64_t budget_pages, uint64_t now_ns,
		struct gms_lend_result *result)
{
	struct gms__lent lent;
	int err;

	if (!space)
		return -EINVAL;
	err = result_in(result, &lent);
	if (err)
		return err;
	gms__loans_reclaim(space, budget_pages, now_ns, &lent);
	if (result)
		result_out(result, &lent, 0);
	return 0;
}

int gms_loans_in(struct gms_space *space, struct gms_range range, struct gms_loan_info *buf,
		 size_t nbuf, size_t *found)
{
	if (!space || !found || (nbuf && !buf) || !gms__range_ok(range))
		return -EINVAL;
	*found = gms__loans_list(space, range, buf, nbuf);
	return 0;
}

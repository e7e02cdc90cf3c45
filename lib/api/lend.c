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

static bool may_be_lent(const struct gms_loan_want *want)
{
	return want->bytes && want->bytes - 1 <= UINT64_MAX - want->gpa && want->dir &&
	       want->dir <= GMS_LEND_BOTH && !want->reserved;
}

int gms_lend(struct gms_space *space, uint64_t gpa, uint64_t bytes, uint32_t dir, gms_tag tag,
	     gms_loan_id *id, struct gms_lend_result *result)
{
	const struct gms_loan_want want = { gpa, bytes, tag, dir, 0 };
	struct gms__lent lent;
	int err;

	if (!space || !id)
		return -EINVAL;
	err = result_in(result, &lent);
	if (err)
		return err;
	err = may_be_lent(&want) ? gms__loans_lend(space, &want, id, &lent) : -EINVAL;
	if (result)
		result_out(result, &lent, err);
	return err;
}

int gms_lend_many(struct gms_space *space, const struct gms_loan_want *want, size_t n,
		  gms_loan_id *ids, struct gms_lend_result *result)
{
	struct gms__lent lent;
	int err;

	if (!space || (n && (!want || !ids)))
		return -EINVAL;
	if (n > GMS_LEND_MOST)
		return -E2BIG;
	err = result_in(result, &lent);
	if (err)
		return err;
	for (size_t i = 0; !err && i < n; i++)
		err = may_be_lent(&want[i]) ? 0 : -EINVAL;
	if (!err && n)
		err = gms__loans_lend_many(space, want, n, ids, &lent);
	if (result)
		result_out(result, &lent, err);
	return err;
}

static int give_back(struct gms_space *space, const gms_loan_id *ids, size_t n,
		     struct gms_lend_result *result)
{
	struct gms__lent lent;
	int err = result_in(result, &lent);

	if (err)
		return err;
	if (n)
		err = gms__loans_return(space, ids, n, &lent);
	if (result)
		result_out(result, &lent, err);
	return err;
}

int gms_return(struct gms_space *space, gms_loan_id id, struct gms_lend_result *result)
{
	return space ? give_back(space, &id, 1, result) : -EINVAL;
}

int gms_return_many(struct gms_space *space, const gms_loan_id *ids, size_t n,
		    struct gms_lend_result *result)
{
	if (!space || (n && !ids))
		return -EINVAL;
	return n <= GMS_LEND_MOST ? give_back(space, ids, n, result) : -E2BIG;
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

int gms_lend_read(const struct gms_space *space, struct gms_lend_gauges *gauges)
{
	struct gms_lend_gauges ours;
	int err;

	if (!space)
		return -EINVAL;
	err = gms__sized_check(gauges, sizeof(*gauges));
	if (err)
		return err;
	GMS_INIT(&ours);
	ours.shared_pages = gms__load(&space->ledger.shared_pages);
	gms__loans_read(space, &ours);
	gms__sized_out(gauges, &ours, sizeof(ours));
	return 0;
}

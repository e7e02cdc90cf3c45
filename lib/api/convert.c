/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * convert.c - the calls of convert.h.
 */
#include <errno.h>

#include <gmemstate/convert.h>

#include "base/sized.h"
#include "engine/import.h"
#include "engine/plan.h"
#include "map/bitmap.h"

static int check_change(const struct gms_space *space, const struct gms_change *change)
{
	const gms_state bits = change->set | change->clear;

	if (!gms__range_ok(change->range) || (bits & ~GMS_STATE_ALL) ||
	    (change->set & change->clear))
		return -EINVAL;
	return gms__profile_may_change(space->profile, bits) ? 0 : -EOPNOTSUPP;
}

static void outside_profile(gms_gfn gfn, struct gms_convert_result *result)
{
	struct gms_convert_result ours;

	GMS_INIT(&ours);
	ours.error_gfn = gfn;
	ours.error_reason = GMS_REASON_PROFILE;
	gms__sized_out(result, &ours, sizeof(ours));
}

static uint64_t flushes(const struct gms_charge *charge)
{
	return charge->count[GMS_ACCT_FLUSH_STAGE2] + charge->count[GMS_ACCT_FLUSH_PROCESS] +
	       charge->count[GMS_ACCT_FLUSH_KERNEL] + charge->count[GMS_ACCT_FLUSH_IOTLB];
}

static void report(const struct gms__plan *plan, int err, struct gms_convert_result *result)
{
	struct gms_convert_result ours;

	GMS_INIT(&ours);
	if (err) {
		ours.error_gfn = plan->error_gfn;
		ours.error_reason = plan->error_reason;
	} else {
		ours.changed_pages = plan->changed_pages;
		ours.unchanged_pages = plan->unchanged_pages;
		ours.host_runs = plan->runs[0].n + plan->runs[1].n;
		ours.splits = plan->cuts.n;
		ours.merges = plan->merges;
		ours.flushes = flushes(&plan->charge);
	}
	gms__sized_out(result, &ours, sizeof(ours));
}

/* A plan that was made, or failed to be with err: commit it, say so, drop it. */
static int carry_out(struct gms__plan *plan, int err, struct gms_convert_result *result)
{
	if (!err && plan->changed_pages)
		err = gms__plan_commit(plan);
	plan->charge.count[GMS_ACCT_CONVERTS] = 1;
	if (!err)
		plan->charge.count[GMS_ACCT_PAGES_UNCHANGED] = plan->unchanged_pages;
	else if (plan->error_reason == GMS_REASON_PINNED ||
		 plan->error_reason == GMS_REASON_FROZEN)
		plan->charge.count[GMS_ACCT_BLOCKED] = 1;
	gms__plan_charge(plan);
	if (result)
		report(plan, err, result);
	gms__plan_drop(plan);
	return err;
}

static int convert(struct gms_space *space, const struct gms_change *changes, size_t nchanges,
		   bool may_alloc, struct gms_convert_result *result)
{
	struct gms__plan plan;
	int err = gms__plan_make(&plan, space, changes, nchanges, may_alloc);

	return carry_out(&plan, err, result);
}

static void report_fast(const struct gms__fast_result *fast, struct gms_convert_result *result)
{
	struct gms_convert_result ours;

	GMS_INIT(&ours);
	ours.changed_pages = fast->changed_pages;
	ours.unchanged_pages = fast->unchanged_pages;
	ours.splits = fast->splits;
	ours.merges = fast->merges;
	gms__sized_out(result, &ours, sizeof(ours));
}

/* One valid change; the result, if any, is of a size that is known. */
static int convert_one(struct gms_space *space, const struct gms_change *change, bool may_alloc,
		       struct gms_convert_result *result)
{
	struct gms__fast_result fast;

	if (!gms__fast_convert(space, change, may_alloc, &fast))
		return convert(space, change, 1, may_alloc, result);
	if (result)
		report_fast(&fast, result);
	return 0;
}

int gms_convert(struct gms_space *space, const struct gms_change *changes, size_t nchanges,
		const struct gms_convert_opts *theirs, struct gms_convert_result *result)
{
	struct gms_convert_opts opts;
	int err = 0;

	if (!space || (nchanges && !changes))
		return -EINVAL;
	GMS_INIT(&opts);
	if (theirs)
		err = gms__sized_in(&opts, sizeof(opts), theirs);
	if (!err && result)
		err = gms__sized_check(result, sizeof(*result));
	if (err)
		return err;
	/* Nobody shall read what an earlier call left there. */
	if (result)
		gms__sized_out(result, &(struct gms_convert_result){ 0 }, sizeof(*result));
	if ((opts.flags & ~GMS_CONVERT_NO_ALLOC) || opts.mode != GMS_CONVERT_ATOMIC)
		return -EINVAL;
	if (nchanges > SIZE_MAX / 4 / sizeof(struct gms__segment))
		return -E2BIG;
	for (size_t i = 0; i < nchanges; i++) {
		err = check_change(space, &changes[i]);
		if (err == -EOPNOTSUPP && result)
			outside_profile(changes[i].range.first, result);
		if (err)
			return err;
	}
	if (!nchanges) {
		gms__ledger_count(&space->ledger, GMS_ACCT_CONVERTS, 1);
		return 0;
	}
	if (nchanges == 1)
		return convert_one(space, changes, !(opts.flags & GMS_CONVERT_NO_ALLOC), result);
	return convert(space, changes, nchanges, !(opts.flags & GMS_CONVERT_NO_ALLOC), result);
}

int gms_bitmap_import(struct gms_space *space, struct gms_range range, gms_state mask,
		      gms_state value, unsigned granule_order, const uint64_t *le_bitmap,
		      uint32_t how, struct gms_convert_result *result)
{
	const struct gms__import import = { range, mask, value, granule_order, how, le_bitmap };
	struct gms__plan plan;
	int err;

	if (!space || !le_bitmap)
		return -EINVAL;
	err = result ? gms__sized_check(result, sizeof(*result)) : 0;
	if (err)
		return err;
	if (result)
		gms__sized_out(result, &(struct gms_convert_result){ 0 }, sizeof(*result));
	if (!gms__range_ok(range) || (mask & ~GMS_STATE_ALL) || (value & ~mask) ||
	    !gms__bitmap_ok(range, granule_order) || how > GMS_BITMAP_ASSIGN)
		return -EINVAL;
	if (!gms__profile_may_change(space->profile, mask)) {
		if (result)
			outside_profile(range.first, result);
		return -EOPNOTSUPP;
	}
	gms__plan_begin(&plan, space, true);
	err = gms__import_add(&plan, &import);
	if (!err && plan.segments.n)
		err = gms__plan_check(&plan);
	return carry_out(&plan, err, result);
}

/* What may be changed under every profile. */
static int turn(struct gms_space *space, struct gms_range range, gms_state set, gms_state clear,
		struct gms_convert_result *result)
{
	const struct gms_change change = { range, set, clear };
	int err;

	if (!space)
		return -EINVAL;
	err = result ? gms__sized_check(result, sizeof(*result)) : 0;
	if (err)
		return err;
	if (result)
		gms__sized_out(result, &(struct gms_convert_result){ 0 }, sizeof(*result));
	return gms__range_ok(range) ? convert_one(space, &change, true, result) : -EINVAL;
}

int gms_share(struct gms_space *space, struct gms_range range, struct gms_convert_result *result)
{
	return turn(space, range, GMS_STATE_SHARED, 0, result);
}

int gms_unshare(struct gms_space *space, struct gms_range range,
		struct gms_convert_result *result)
{
	return turn(space, range, 0, GMS_STATE_SHARED, result);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * convert.c - the calls of convert.h.
 */
#include <errno.h>

#include <gmemstate/convert.h>

#include "api/convert.h"
#include "base/sized.h"
#include "engine/import.h"
#include "map/bitmap.h"

int gms__check_change(const struct gms_space *space, const struct gms_change *change)
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

int gms__carry_out(struct gms__plan *plan, int err, bool progress,
		   struct gms_convert_result *result)
{
	gms_gfn next = 0;

	if (progress)
		err = gms__convert_progress(plan, err, &next);
	else
		err = gms__convert_plan(plan, err);
	if (result)
		gms__convert_report(plan, err, next, result);
	return err;
}

static int convert(struct gms_space *space, const struct gms_change *changes, size_t nchanges,
		   const struct gms__want *want, bool progress, struct gms_convert_result *result)
{
	struct gms__plan plan;
	int err;

	gms__plan_begin(&plan, space, want);
	err = gms__carry_out(&plan, gms__plan_changes(&plan, changes, nchanges), progress, result);
	gms__plan_drop(&plan);
	return err;
}

void gms__report_fast(const struct gms__fast_result *fast, gms_gfn next,
		      struct gms_convert_result *result)
{
	struct gms_convert_result ours;

	GMS_INIT(&ours);
	ours.changed_pages = fast->changed_pages;
	ours.unchanged_pages = fast->unchanged_pages;
	ours.splits = fast->splits;
	ours.merges = fast->merges;
	ours.next = next;
	gms__sized_out(result, &ours, sizeof(ours));
}

/* One valid change; the result, if any, is of a size that is known. */
static int convert_one(struct gms_space *space, const struct gms_change *change,
		       const struct gms__want *want, bool progress,
		       struct gms_convert_result *result)
{
	struct gms__fast_result fast;

	if (!gms__fast_convert(space, change,
			       gms__tag_of(&space->ledger.tags, want->tag, !want->no_alloc),
			       !want->no_alloc, &fast))
		return convert(space, change, 1, want, progress, result);
	if (result)
		gms__report_fast(&fast, progress ? change->range.first + change->range.npages : 0,
				 result);
	return 0;
}

static void convert_none(struct gms_space *space, const struct gms__want *want)
{
	gms__ledger_count(&space->ledger, GMS_ACCT_CONVERTS, 1);
	gms__tag_count(gms__tag_of(&space->ledger.tags, want->tag, !want->no_alloc),
		       GMS_ACCT_CONVERTS, 1);
}

#define FLAGS	(GMS_CONVERT_NO_ALLOC | GMS_CONVERT_DRY_RUN | GMS_CONVERT_ALL_BLOCKERS | \
		 GMS_CONVERT_NO_WAIT)

static int check_opts(const struct gms_convert_opts *opts)
{
	const bool progress = opts->mode == GMS_CONVERT_PROGRESS;

	if ((opts->flags & ~FLAGS) || opts->mode > GMS_CONVERT_PROGRESS || opts->reserved ||
	    opts->content > GMS_CONTENT_ZERO || (opts->blockers_room && !opts->blockers))
		return -EINVAL;
	if (progress && (opts->flags & (GMS_CONVERT_DRY_RUN | GMS_CONVERT_ALL_BLOCKERS)))
		return -EINVAL;
	return 0;
}

static uint64_t wait_of(const struct gms_space *space, const struct gms_convert_opts *opts)
{
	if (opts->flags & GMS_CONVERT_NO_WAIT)
		return 0;
	return opts->wait_ns ? opts->wait_ns : space->access_wait_ns;
}

struct gms__want gms__wanted(const struct gms_space *space, const struct gms_convert_opts *opts)
{
	return (struct gms__want){
		.wait_ns = wait_of(space, opts),
		.no_alloc = opts->flags & GMS_CONVERT_NO_ALLOC,
		.dry_run = opts->flags & GMS_CONVERT_DRY_RUN,
		.all_blockers = opts->flags & GMS_CONVERT_ALL_BLOCKERS,
		.content = opts->content,
		.tag = opts->tag,
		.blockers = opts->blockers,
		.blockers_room = opts->blockers_room,
	};
}

static int check_changes(const struct gms_space *space, const struct gms_change *changes,
			 size_t nchanges, struct gms_convert_result *result)
{
	int err = 0;

	if (nchanges > SIZE_MAX / 4 / sizeof(struct gms__segment))
		return -E2BIG;
	for (size_t i = 0; i < nchanges && !err; i++) {
		err = gms__check_change(space, &changes[i]);
		if (err == -EOPNOTSUPP && result)
			outside_profile(changes[i].range.first, result);
	}
	return err;
}

int gms__clear_result(struct gms_convert_result *result)
{
	const int err = result ? gms__sized_check(result, sizeof(*result)) : 0;

	if (result && !err)
		gms__sized_out(result, &(struct gms_convert_result){ 0 }, sizeof(*result));
	return err;
}

int gms__convert_in(struct gms_convert_opts *opts, const struct gms_convert_opts *theirs,
		    struct gms_convert_result *result)
{
	int err = 0;

	GMS_INIT(opts);
	if (theirs)
		err = gms__sized_in(opts, sizeof(*opts), theirs);
	if (!err)
		err = gms__clear_result(result);
	return err ? err : check_opts(opts);
}

int gms_convert(struct gms_space *space, const struct gms_change *changes, size_t nchanges,
		const struct gms_convert_opts *theirs, struct gms_convert_result *result)
{
	struct gms_convert_opts opts;
	struct gms__want want;
	uint64_t began_ns;
	bool progress;
	int err;

	if (!space || (nchanges && !changes))
		return -EINVAL;
	err = gms__convert_in(&opts, theirs, result);
	if (!err)
		err = check_changes(space, changes, nchanges, result);
	if (err)
		return err;
	began_ns = gms__ledger_now(&space->ledger);
	progress = opts.mode == GMS_CONVERT_PROGRESS;
	want = gms__wanted(space, &opts);
	if (!nchanges)
		convert_none(space, &want);
	else if (nchanges == 1 && !want.dry_run)
		err = convert_one(space, changes, &want, progress, result);
	else
		err = convert(space, changes, nchanges, &want, progress, result);
	gms__ledger_took(&space->ledger, began_ns);
	return err;
}

int gms_convert_park(struct gms_space *space, const struct gms_change *changes, size_t nchanges,
		     const struct gms_convert_opts *theirs, gms_parked_fn *done, void *ctx,
		     gms_ticket *ticket, struct gms_convert_result *result)
{
	struct gms_convert_result ours;
	struct gms_convert_opts opts;
	struct gms__want want;
	int err;

	if (!space || !changes || !nchanges || !done || !ticket)
		return -EINVAL;
	GMS_INIT(&ours);
	err = gms__convert_in(&opts, theirs, result);
	if (!err && ((opts.flags & ~GMS_CONVERT_NO_ALLOC) || opts.mode != GMS_CONVERT_ATOMIC))
		err = -EINVAL;
	if (!err)
		err = check_changes(space, changes, nchanges, result);
	if (err)
		return err;
	want = gms__wanted(space, &opts);
	want.wait_ns = 0;
	err = gms__park_convert(space, changes, nchanges, &want, done, ctx, ticket, &ours);
	if (result)
		gms__sized_out(result, &ours, sizeof(ours));
	return err;
}

int gms_convert_cancel(struct gms_space *space, gms_ticket ticket)
{
	return space ? gms__park_cancel(space, ticket) : -EINVAL;
}

int gms_bitmap_import(struct gms_space *space, struct gms_range range, gms_state mask,
		      gms_state value, unsigned granule_order, const uint64_t *le_bitmap,
		      uint32_t how, struct gms_convert_result *result)
{
	const struct gms__import import = { range, mask, value, granule_order, how, le_bitmap };
	struct gms__want want = { 0 };
	struct gms__plan plan;
	uint64_t began_ns;
	int err;

	if (!space || !le_bitmap)
		return -EINVAL;
	err = gms__clear_result(result);
	if (err)
		return err;
	if (!gms__range_ok(range) || (mask & ~GMS_STATE_ALL) || (value & ~mask) ||
	    !gms__bitmap_ok(range, granule_order) || how > GMS_BITMAP_ASSIGN)
		return -EINVAL;
	if (!gms__profile_may_change(space->profile, mask)) {
		if (result)
			outside_profile(range.first, result);
		return -EOPNOTSUPP;
	}
	began_ns = gms__ledger_now(&space->ledger);
	want.wait_ns = space->access_wait_ns;
	gms__plan_begin(&plan, space, &want);
	err = gms__carry_out(&plan, gms__import_add(&plan, &import), false, result);
	gms__plan_drop(&plan);
	gms__ledger_took(&space->ledger, began_ns);
	return err;
}

/* What may be changed under every profile. */
int gms__turn(struct gms_space *space, const struct gms_change *change, uint64_t wait_ns,
	      struct gms_convert_result *result)
{
	struct gms__want want = { .wait_ns = wait_ns };
	uint64_t began_ns;
	int err;

	if (!space)
		return -EINVAL;
	err = gms__clear_result(result);
	if (err)
		return err;
	if (!gms__range_ok(change->range))
		return -EINVAL;
	began_ns = gms__ledger_now(&space->ledger);
	err = convert_one(space, change, &want, false, result);
	gms__ledger_took(&space->ledger, began_ns);
	return err;
}

int gms_share(struct gms_space *space, struct gms_range range, struct gms_convert_result *result)
{
	const struct gms_change change = { range, GMS_STATE_SHARED, 0 };

	return gms__turn(space, &change, space ? space->access_wait_ns : 0, result);
}

int gms_unshare(struct gms_space *space, struct gms_range range,
		struct gms_convert_result *result)
{
	const struct gms_change change = { range, 0, GMS_STATE_SHARED };

	return gms__turn(space, &change, space ? space->access_wait_ns : 0, result);
}

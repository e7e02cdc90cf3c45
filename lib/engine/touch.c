/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * touch.c - the conversions of access.h that depend on what pages are: freeze, thaw,
 * resolve.
 *
 * What their segments are is known when the pages stand still, so such a plan begins
 * with its range alone, and its segments are made of what the locked pages turn out
 * to be: of those frozen already only a count changes (frost.h), and of those that are
 * not missing nothing is resolved.
 *
 * Locking: the plan's.
 */
#include "engine/plan.h"

#include "map/walk.h"

void gms__touch_begin(struct gms__plan *plan)
{
	const struct gms_range range = plan->want.range;

	plan->segments.n = 1;
	*(struct gms__segment *)plan->segments.items =
		(struct gms__segment){ range.first, range.first + range.npages, 0, 0 };
}

/* The pages count once more, or once less. */
static int note_frost(struct gms__plan *plan, gms_gfn first, gms_gfn end)
{
	struct gms_range *range = gms__list_add(&plan->room, &plan->frost);

	if (!range)
		return gms__plan_no_memory(plan, first);
	*range = (struct gms_range){ first, end - first };
	plan->unchanged_pages += end - first;
	return 0;
}

static int cut_freeze(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state state)
{
	if (state & GMS_STATE_FROZEN)
		return note_frost(plan, first, end);
	return gms__plan_add(plan, first, end, GMS_STATE_FROZEN, 0);
}

static int cut_thaw(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state state)
{
	struct gms_range more;
	uint64_t times;
	int err = 0;

	if (!(state & GMS_STATE_FROZEN))
		return gms__plan_refuse(plan, -EALREADY, first, GMS_REASON_NONE);
	for (gms_gfn at = first, stop; at < end && !err; at = stop) {
		stop = gms__min(end, (at | (GMS__GIB_PAGES - 1)) + 1);
		if (!gms__frost_next(plan->space, at, stop, &more, &times)) {
			err = gms__plan_add(plan, at, stop, 0, GMS_STATE_FROZEN);
			continue;
		}
		if (more.first > at)
			err = gms__plan_add(plan, at, more.first, 0, GMS_STATE_FROZEN);
		stop = more.first + more.npages;
		if (!err)
			err = note_frost(plan, more.first, stop);
	}
	return err;
}

static int cut_resolve(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state state)
{
	const gms_state writable = plan->want.writable ? GMS_STATE_WRITE_PROTECT : 0;

	if (state & GMS_STATE_MISSING)
		return gms__plan_add(plan, first, end, GMS_STATE_POPULATED,
				     GMS_STATE_MISSING | writable);
	if (state & writable)
		return gms__plan_add(plan, first, end, 0, writable);
	plan->unchanged_pages += end - first;
	return 0;
}

static int cut_run(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state state)
{
	switch (plan->want.touch) {
	case GMS__FREEZE:	return cut_freeze(plan, first, end, state);
	case GMS__THAW:		return cut_thaw(plan, first, end, state);
	default:		return cut_resolve(plan, first, end, state);
	}
}

int gms__touch_cut(struct gms__plan *plan)
{
	const gms_state mask = plan->want.touch == GMS__RESOLVE ?
			       GMS_STATE_MISSING | GMS_STATE_WRITE_PROTECT : GMS_STATE_FROZEN;
	const gms_gfn end = plan->want.range.first + plan->want.range.npages;
	gms_gfn pos = plan->want.range.first, at = pos;
	struct gms_cursor cursor = { 0 };
	struct gms_run run;
	int err = 0;

	plan->segments.n = 0;
	while (!err && at < end) {
		if (!gms__map_next_run(&plan->space->map, &cursor, &pos, end, mask, &run) ||
		    run.first > at)	/* a hole, which the walk through the pages refuses */
			return gms__plan_add(plan, at, at + 1, 0, mask);
		err = cut_run(plan, run.first, run.first + run.npages, run.state);
		at = pos;
	}
	return err;
}

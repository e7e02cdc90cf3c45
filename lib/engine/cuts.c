/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cuts.c - what a conversion does to folios: see which it leaves mixed, cut
 * them, and merge what it leaves uniform, by the space's policies (C8).
 *
 * Only a block that a turning run covers in part can become mixed (C7); one
 * that it covers whole is uniform without looking.
 *
 *   LEVELS	The walk of a plan sums what turns at the edges of runs, block by
 *		block, and settles a block when it leaves it.
 *   HALVES	Runs that touch turn as one. A folio is uniform (I7), so it becomes
 *		mixed where such a stretch begins or ends within it, and nowhere
 *		else: it is halved until the edge is one of folios.
 *   ALL_4K	Folios that a run turns shared, in whole or in part, are cut.
 *
 * Locking: the plan's.
 */
#include "engine/plan.h"
#include "engine/shape.h"

static int cut_add(struct gms__plan *plan, gms_gfn gfn, unsigned order, uint64_t n)
{
	struct gms__shape *cut = gms__list_add(&plan->room, &plan->cuts);

	if (!cut)
		return gms__plan_no_memory(plan, gfn);
	*cut = (struct gms__shape){ gfn, order, (uint32_t)n };
	return 0;
}

/* The walk leaves a block: does it stay one folio? */
static int turn_settle(struct gms__plan *plan, struct gms__turn *turn, unsigned order)
{
	struct gms__region row;
	uint64_t check, shared;
	int err = 0;

	if (!turn->block)
		return 0;
	gms__region_find(&plan->space->map, turn->gfn, &row, &check);
	shared = gms__map_shared_in(&plan->space->map, &row, turn->gfn, order) +
		 (uint64_t)turn->shared;
	/* The edit that mixes the block brings the chunk that holds the cut. */
	if (shared && shared < UINT64_C(1) << order && !gms__map_is_split(&row, turn->gfn, order))
		err = cut_add(plan, turn->gfn, order, 1);
	turn->block = 0;
	return err;
}

static int turn_add(struct gms__plan *plan, unsigned order, gms_gfn first, gms_gfn end,
		    bool to_shared)
{
	struct gms__turn *turn = &plan->turn[order == GMS_ORDER_1G];
	const gms_gfn block = (first >> order) + 1;
	const int64_t n = (int64_t)(end - first);

	if (turn->block != block) {
		int err = turn_settle(plan, turn, order);

		if (err)
			return err;
		*turn = (struct gms__turn){ block, first, 0 };
	}
	turn->shared += to_shared ? n : -n;
	return 0;
}

static int note_turn(struct gms__plan *plan, unsigned order, gms_gfn first, gms_gfn end,
		     bool to_shared)
{
	const uint64_t npages = UINT64_C(1) << order;
	const gms_gfn head_end = (first | (npages - 1)) + 1, tail = end & ~(npages - 1);
	int err = 0;

	if (end < head_end || (first & (npages - 1)))
		err = turn_add(plan, order, first, gms__min(end, head_end), to_shared);
	if (!err && tail >= head_end && tail < end)
		err = turn_add(plan, order, tail, end, to_shared);
	return err;
}

/* HALVES: nothing turns beyond this edge, or before it. */
static int edge(struct gms__plan *plan, gms_gfn at)
{
	const struct gms_space *space = plan->space;
	const gms_gfn last = plan->stretch.edge;
	struct gms__region row;
	uint64_t check;
	int err = 0;

	plan->stretch.edge = at;
	/* No folio goes across a region's border, or a GiB's: the next one may not be locked. */
	if (!(at & (GMS__GIB_PAGES - 1)) || !gms__region_find(&space->map, at, &row, &check) ||
	    row.first >= at)
		return 0;
	for (unsigned order = gms__shape_order(space, &row, at); !err && order; order--) {
		const uint64_t inside = (UINT64_C(1) << order) - 1;

		if (!(at & inside))
			break;
		/* The edge before this one is in the same block: that cut it. */
		if (last >> order == at >> order && (last & inside))
			continue;
		err = cut_add(plan, at, order, 1);
		plan->needs.leaves[GMS__LEAF64] += order == GMS_ORDER_2M;	/* its tree */
	}
	return err;
}

/* The stretch of pages that turn has come to its end. */
static int stretch_end(struct gms__plan *plan)
{
	int err;

	if (plan->stretch.first == plan->stretch.end)
		return 0;
	err = edge(plan, plan->stretch.first);
	return err ? err : edge(plan, plan->stretch.end);
}

static int stretch_turn(struct gms__plan *plan, gms_gfn first, gms_gfn end)
{
	int err = 0;

	if (first != plan->stretch.end) {
		err = stretch_end(plan);
		plan->stretch.first = first;
	}
	plan->stretch.end = end;
	return err;
}

/* ALL_4K: cut the folios of the base order that are not cut yet, a GiB at a time. */
static int share_all(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		     gms_gfn end)
{
	const unsigned order = gms__region_order(row);
	const uint64_t npages = UINT64_C(1) << order;
	int err = 0;

	/* Several runs of one folio: the first one cuts it. */
	first = gms__max(first & ~(npages - 1), plan->stretch.end);
	while (!err && first < end) {
		const gms_gfn gib_end = gms__clip_hi(row, first, GMS__GIB_PAGES);
		const gms_gfn stop = gms__min(gib_end, (end + npages - 1) & ~(npages - 1));
		gms_gfn at = first;

		/* Without a chunk all are as the first. */
		if (!gms__map_has_chunk(row, first) && gms__map_is_split(row, first, order))
			at = stop;
		while (!err && at < stop) {
			gms_gfn from = at;

			while (at < stop && !gms__map_is_split(row, at, order))
				at += npages;
			if (at > from)
				err = cut_add(plan, from, order, (at - from) >> order);
			else
				at += npages;
		}
		first = stop;
		plan->stretch.end = stop;
	}
	return err;
}

/* DEFERRED: when a block turned last is remembered, once it is sure that it does. */
static int note_turned(struct gms__plan *plan, gms_gfn first, gms_gfn end)
{
	struct gms_range *range = gms__list_add(&plan->room, &plan->turned);

	if (!range)
		return gms__plan_no_memory(plan, first);
	*range = (struct gms_range){ first, end - first };
	return 0;
}

int gms__cuts_turn(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		   gms_gfn end, bool to_shared)
{
	const unsigned base = gms__region_order(row);
	int err = 0;

	if (base == GMS_ORDER_4K || plan->space->split == GMS_SPLIT_NONE)
		return 0;
	if (plan->space->merge == GMS_MERGE_DEFERRED)
		err = note_turned(plan, first, end);
	if (err)
		return err;
	switch (plan->space->split) {
	case GMS_SPLIT_HALVES:
		return stretch_turn(plan, first, end);
	case GMS_SPLIT_ALL_4K:
		return to_shared ? share_all(plan, row, first, end) : 0;
	default:
		err = note_turn(plan, GMS_ORDER_2M, first, end, to_shared);
		if (!err && base == GMS_ORDER_1G)
			err = note_turn(plan, GMS_ORDER_1G, first, end, to_shared);
		return err;
	}
}

int gms__cuts_settle(struct gms__plan *plan)
{
	int err;

	if (plan->space->split == GMS_SPLIT_HALVES)
		return stretch_end(plan);
	err = turn_settle(plan, &plan->turn[1], GMS_ORDER_1G);
	return err ? err : turn_settle(plan, &plan->turn[0], GMS_ORDER_2M);
}

/* The backend is told that the last of n folios side by side are one again. */
static void shape_unreport(struct gms__plan *plan, const struct gms__region *row,
			   const struct gms__shape *shape, uint64_t n)
{
	const unsigned parts = gms__shape_parts(plan->space, shape->order);

	while (n-- > 0)
		gms__host_merge(plan->space, row, shape->gfn + (n << shape->order), shape->order,
				parts, &plan->charge);
}

static int shape_report(struct gms__plan *plan, const struct gms__region *row,
			const struct gms__shape *shape)
{
	const unsigned order = shape->order, parts = gms__shape_parts(plan->space, order);

	for (uint64_t n = 0; n < shape->n; n++) {
		const gms_gfn gfn = shape->gfn + (n << order);
		int err = gms__host_split(plan->space, row, gfn, order, parts, &plan->charge);

		if (err) {
			shape_unreport(plan, row, shape, n);
			return gms__plan_refuse(plan, err,
						gms__plan_page(plan, gfn >> order << order,
							       GMS_STATE_SHARED),
						GMS_REASON_BACKEND);
		}
	}
	return 0;
}

/*
 * A folio is cut before what it is cut into. The list has them in that order but
 * for LEVELS, where the walk settles a GiB after its blocks: first pass, the GiB.
 */
static bool of_pass(const struct gms__plan *plan, const struct gms__shape *shape, unsigned pass)
{
	if (plan->space->split != GMS_SPLIT_LEVELS)
		return !pass;
	return (shape->order == GMS_ORDER_2M) == pass;
}

/* Tell the backends of the cuts of a pass from *i on. */
static int report(struct gms__plan *plan, unsigned pass, size_t *i)
{
	const struct gms__shape *shape = plan->cuts.items;
	struct gms__region row;
	uint64_t check;
	int err = 0;

	for (; *i < plan->cuts.n; ++*i) {
		if (!of_pass(plan, &shape[*i], pass))
			continue;
		gms__region_find(&plan->space->map, shape[*i].gfn, &row, &check);
		err = shape_report(plan, &row, &shape[*i]);
		if (err)
			break;
	}
	return err;
}

/* Of the first n. */
static void unreport(struct gms__plan *plan, unsigned pass, size_t n)
{
	const struct gms__shape *shape = plan->cuts.items;
	struct gms__region row;
	uint64_t check;

	while (n-- > 0) {
		if (!of_pass(plan, &shape[n], pass))
			continue;
		gms__region_find(&plan->space->map, shape[n].gfn, &row, &check);
		shape_unreport(plan, &row, &shape[n], shape[n].n);
	}
}

/* Cut, or undo it; row is the region of the shape before, or empty. */
static void cut_shape(struct gms__plan *plan, const struct gms__shape *shape, bool cut,
		      struct gms__region *row)
{
	uint64_t check;

	if (shape->gfn - row->first >= row->npages)
		gms__region_find(&plan->space->map, shape->gfn, row, &check);
	if (plan->space->split == GMS_SPLIT_ALL_4K)
		gms__shape_cut_run(plan->space, row, shape->gfn, shape->order, shape->n, cut,
				   &plan->tables);
	else
		gms__shape_cut(plan->space, row, shape->gfn, shape->order, cut, &plan->tables);
}

int gms__cuts_make(struct gms__plan *plan)
{
	const struct gms__shape *shape = plan->cuts.items;
	struct gms__region row = { .npages = 0 };
	size_t n[2] = { 0, 0 };
	int err = 0;

	if (plan->space->reports_folios) {
		err = report(plan, 0, &n[0]);
		if (!err)
			err = report(plan, 1, &n[1]);
	}
	if (err) {
		unreport(plan, 1, n[1]);
		unreport(plan, 0, n[0]);
		return err;
	}
	for (size_t i = 0; i < plan->cuts.n; i++)
		cut_shape(plan, &shape[i], true, &row);
	return 0;
}

void gms__cuts_undo(struct gms__plan *plan)
{
	const struct gms__shape *shape = plan->cuts.items;
	struct gms__region row = { .npages = 0 };

	for (size_t i = plan->cuts.n; i-- > 0;)
		cut_shape(plan, &shape[i], false, &row);
	if (plan->space->reports_folios) {
		unreport(plan, 1, plan->cuts.n);
		unreport(plan, 0, plan->cuts.n);
	}
}

void gms__cuts_merge(struct gms__plan *plan)
{
	const struct gms__segment *s = plan->segments.items;
	const struct gms_range *turned = plan->turned.items;

	for (size_t i = 0; i < plan->turned.n; i++)
		gms__shape_turned(plan->space, turned[i].first, turned[i].first + turned[i].npages);
	for (size_t i = 0; i < plan->segments.n; i++) {
		const struct gms__region *row = gms__plan_row(plan, s[i].first);

		if (s[i].end <= gms__region_end(row) && !gms__region_order(row))
			continue;	/* most segments, where pages are all there is */
		if ((s[i].set | s[i].clear) & GMS_STATE_SHARED)
			plan->merges += gms__shape_merge(plan->space, s[i].first, s[i].end,
							 &plan->tables, &plan->charge);
	}
}

uint64_t gms__cuts_count(const struct gms__plan *plan, uint64_t *count)
{
	const struct gms__shape *shape = plan->cuts.items;
	uint64_t n = 0;

	for (size_t i = 0; i < plan->cuts.n; i++) {
		if (count)
			count[gms__shape_split_kind(plan->space, shape[i].order)] += shape[i].n;
		n += shape[i].n;
	}
	return n;
}

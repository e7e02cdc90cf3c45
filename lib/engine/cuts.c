/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cuts.c - what a conversion does to folios: see which it leaves mixed, cut
 * them, and merge what it leaves uniform, by the space's policies (C8).
 *
 * Only a block that a turning run covers in part can become mixed (C7); one
 * that it covers whole is uniform without looking. So the walk of a plan sums
 * what turns at the edges of runs, block by block, and settles a block when it
 * leaves it.
 *
 * Locking: the plan's.
 */
#include "engine/plan.h"

/* The walk leaves a block: does it stay one folio? */
static int turn_settle(struct gms__plan *plan, struct gms__turn *turn, unsigned order)
{
	struct gms__region row;
	struct gms__shape *cut;
	uint64_t check, shared;

	if (!turn->block)
		return 0;
	gms__region_find(&plan->space->map, turn->gfn, &row, &check);
	shared = gms__map_shared_in(&plan->space->map, &row, turn->gfn, order) +
		 (uint64_t)turn->shared;
	/* The edit that mixes the block brings the chunk that holds the cut. */
	if (shared && shared < UINT64_C(1) << order && !gms__map_is_split(&row, turn->gfn, order)) {
		cut = gms__list_add(&plan->room, &plan->cuts);
		if (!cut)
			return gms__plan_no_memory(plan, turn->gfn);
		*cut = (struct gms__shape){ turn->gfn, order };
	}
	turn->block = 0;
	return 0;
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

int gms__cuts_turn(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		   gms_gfn end, bool to_shared)
{
	const unsigned base = gms__region_order(row);
	int err = 0;

	if (plan->space->split != GMS_SPLIT_LEVELS)
		return 0;
	if (base >= GMS_ORDER_2M)
		err = note_turn(plan, GMS_ORDER_2M, first, end, to_shared);
	if (!err && base == GMS_ORDER_1G)
		err = note_turn(plan, GMS_ORDER_1G, first, end, to_shared);
	return err;
}

int gms__cuts_settle(struct gms__plan *plan)
{
	int err = turn_settle(plan, &plan->turn[1], GMS_ORDER_1G);

	return err ? err : turn_settle(plan, &plan->turn[0], GMS_ORDER_2M);
}

static unsigned parts_of(unsigned order)
{
	return order == GMS_ORDER_1G ? GMS_ORDER_2M : GMS_ORDER_4K;
}

/* Tell the backends of the cuts of one order from *i on; those of n at most. */
static int report(struct gms__plan *plan, unsigned order, size_t *i, size_t n)
{
	const struct gms__shape *shape = plan->cuts.items;
	struct gms__region row;
	uint64_t check;

	for (; *i < n; ++*i) {
		int err;

		if (shape[*i].order != order)
			continue;
		gms__region_find(&plan->space->map, shape[*i].gfn, &row, &check);
		err = gms__host_split(plan->space, &row, shape[*i].gfn, order, parts_of(order),
				      &plan->charge);
		if (err)
			return gms__plan_refuse(plan, err, shape[*i].gfn >> order << order,
						GMS_REASON_BACKEND);
	}
	return 0;
}

static void unreport(struct gms__plan *plan, unsigned order, size_t n)
{
	const struct gms__shape *shape = plan->cuts.items;
	struct gms__region row;
	uint64_t check;

	while (n-- > 0) {
		if (shape[n].order != order)
			continue;
		gms__region_find(&plan->space->map, shape[n].gfn, &row, &check);
		gms__host_merge(plan->space, &row, shape[n].gfn, order, parts_of(order),
				&plan->charge);
	}
}

static void cut(struct gms__plan *plan, bool cut)
{
	const struct gms__shape *shape = plan->cuts.items;

	/* Cuts do not depend on each other: any order undoes them. */
	for (size_t i = 0; i < plan->cuts.n; i++)
		gms__shape_cut(plan->space, shape[i].gfn, shape[i].order, cut, &plan->tables);
}

/* A folio of 1G is cut before those of 2M that it then is made of. */
int gms__cuts_make(struct gms__plan *plan)
{
	size_t large = 0, small = 0;
	int err = 0;

	if (plan->space->reports_folios) {
		err = report(plan, GMS_ORDER_1G, &large, plan->cuts.n);
		if (!err)
			err = report(plan, GMS_ORDER_2M, &small, plan->cuts.n);
	}
	if (err) {
		unreport(plan, GMS_ORDER_2M, small);
		unreport(plan, GMS_ORDER_1G, large);
		return err;
	}
	cut(plan, true);
	return 0;
}

void gms__cuts_undo(struct gms__plan *plan)
{
	cut(plan, false);
	if (plan->space->reports_folios) {
		unreport(plan, GMS_ORDER_2M, plan->cuts.n);
		unreport(plan, GMS_ORDER_1G, plan->cuts.n);
	}
}

void gms__cuts_merge(struct gms__plan *plan)
{
	const struct gms__segment *s = plan->segments.items;

	for (size_t i = 0; i < plan->segments.n; i++) {
		if ((s[i].set | s[i].clear) & GMS_STATE_SHARED)
			plan->merges += gms__shape_merge(plan->space, s[i].first, s[i].end,
							 &plan->tables, &plan->charge);
	}
}

void gms__cuts_count(const struct gms__plan *plan, uint64_t *count)
{
	const struct gms__shape *shape = plan->cuts.items;

	for (size_t i = 0; i < plan->cuts.n; i++)
		count[shape[i].order == GMS_ORDER_1G ? GMS_ACCT_SPLITS_1G : GMS_ACCT_SPLITS_2M]++;
}

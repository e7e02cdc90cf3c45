/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.c - work a conversion out; see plan.h.
 *
 * The walk goes through the segments in order of gfn and through the runs of
 * each, so the first refusal it meets is that of the lowest page.
 */
#include "engine/plan.h"

#include <errno.h>
#include <string.h>

#include "base/debug.h"
#include "map/walk.h"

static void list_init(struct gms__list *list, void *items, size_t capacity, size_t item_bytes)
{
	memset(list, 0, sizeof(*list));
	list->items = items;
	list->capacity = capacity;
	list->item_bytes = item_bytes;
}

static void list_drop(struct gms_space *space, struct gms__list *list)
{
	if (list->scratch) {
		struct gms__stock stock = { 0 };

		gms__stock_push(&stock, list->scratch);
		gms__pool_put(&space->scratch, &stock);
	}
	if (list->heap_bytes)
		gms__mem_free(&space->map.mem, list->items, list->heap_bytes);
	list->scratch = NULL;
	list->heap_bytes = 0;
}

static int list_room(struct gms__plan *plan, struct gms__list *list, size_t capacity)
{
	struct gms_space *space = plan->space;
	struct gms__list more = *list;

	if (capacity <= list->capacity)
		return 0;
	if (!list->scratch && capacity <= GMS__SCRATCH_BYTES / list->item_bytes) {
		struct gms__stock stock = { 0 };

		if (gms__pool_take(&space->scratch, &stock, 1, plan->may_alloc))
			return -ENOMEM;
		more.scratch = gms__stock_pop(&stock);
		more.items = more.scratch->room;
		more.capacity = GMS__SCRATCH_BYTES / list->item_bytes;
	} else {
		if (!plan->may_alloc || capacity > SIZE_MAX / 2 / list->item_bytes)
			return -ENOMEM;
		if (capacity < 2 * list->capacity)
			capacity = 2 * list->capacity;
		more.scratch = NULL;
		more.heap_bytes = capacity * list->item_bytes;
		more.items = gms__mem_alloc(&space->map.mem, more.heap_bytes);
		if (!more.items)
			return -ENOMEM;
		more.capacity = capacity;
	}
	if (list->n)
		memcpy(more.items, list->items, list->n * list->item_bytes);
	list_drop(space, list);
	*list = more;
	return 0;
}

/* Room for one more; NULL: no memory. */
static void *list_add(struct gms__plan *plan, struct gms__list *list)
{
	if (list_room(plan, list, list->n + 1))
		return NULL;
	return (char *)list->items + list->n++ * list->item_bytes;
}

static int refuse(struct gms__plan *plan, int err, gms_gfn gfn, uint32_t reason)
{
	plan->error_gfn = gfn;
	plan->error_reason = reason;
	return err;
}

static int no_memory(struct gms__plan *plan, gms_gfn gfn)
{
	return refuse(plan, -ENOMEM, gfn, GMS_REASON_NO_MEMORY);
}

static int normalise(struct gms__plan *plan, const struct gms_change *changes, size_t nchanges)
{
	const struct gms__profile *profile = plan->space->profile;
	const size_t room = gms__batch_room(nchanges);
	struct gms__segment *segment;
	struct gms__list tmp;
	int err = 0;

	if (nchanges == 1) {
		plan->segments.n = gms__batch_normalise(changes, 1, plan->segment0, NULL);
	} else {
		list_init(&tmp, NULL, 0, sizeof(struct gms__segment));
		if (list_room(plan, &plan->segments, room) || list_room(plan, &tmp, room))
			err = no_memory(plan, changes->range.first);
		else
			plan->segments.n = gms__batch_normalise(changes, nchanges,
								plan->segments.items, tmp.items);
		list_drop(plan->space, &tmp);
	}
	segment = plan->segments.items;
	for (size_t i = 0; i < plan->segments.n; i++)
		gms__profile_complete(profile, &segment[i].set, &segment[i].clear);
	return err;
}

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
		cut = list_add(plan, &plan->cuts);
		if (!cut)
			return no_memory(plan, turn->gfn);
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

/*
 * Only a block that a turning run covers in part can become mixed (C7); one
 * that it covers whole is uniform without looking.
 */
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

static int note_host_run(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
			 gms_gfn end, bool to_shared)
{
	struct gms__list *list = &plan->runs[to_shared];
	struct gms_host_run *run = list->items;
	const uint64_t offset = (first - row->first) << GMS_PAGE_SHIFT;

	if (list->n && first > row->first) {
		run += list->n - 1;
		if (run->first + run->npages == first) {
			run->npages += end - first;
			return 0;
		}
	}
	run = list_add(plan, list);
	if (!run)
		return no_memory(plan, first);
	run->first = first;
	run->npages = end - first;
	run->backing_id = row->backing_id;
	run->backing_offset_bytes = row->backing_offset_bytes + offset;
	run->hva = row->hva ? (char *)row->hva + offset : NULL;
	return 0;
}

static int check_run(struct gms__plan *plan, const struct gms__region *row,
		     const struct gms__segment *segment, const struct gms_run *run)
{
	const gms_state old = run->state, new = (old & ~segment->clear) | segment->set;
	const gms_gfn first = run->first, end = run->first + run->npages;
	const unsigned base_order = gms__region_order(row);
	const bool to_shared = new & GMS_STATE_SHARED;
	uint32_t reason;
	gms_gfn pinned;
	int err;

	if (old == new) {
		plan->unchanged_pages += run->npages;
		return 0;
	}
	err = gms__rule_check(old, new, &reason);
	if (err)
		return refuse(plan, err, first, reason);
	if (gms__rule_blocked_by_pins(old, new) &&
	    gms__claims_first(&plan->space->claims, first, end, &pinned))
		return refuse(plan, -EAGAIN, pinned, GMS_REASON_PINNED);
	plan->changed_pages += run->npages;
	gms__map_needs_state(&plan->space->map, new, &plan->needs);
	if (!((old ^ new) & GMS_STATE_SHARED))
		return 0;

	plan->turned_pages[to_shared] += run->npages;
	if (row->backend)
		err = note_host_run(plan, row, first, end, to_shared);
	if (!err && plan->space->split == GMS_SPLIT_LEVELS && base_order >= GMS_ORDER_2M)
		err = note_turn(plan, GMS_ORDER_2M, first, end, to_shared);
	if (!err && plan->space->split == GMS_SPLIT_LEVELS && base_order == GMS_ORDER_1G)
		err = note_turn(plan, GMS_ORDER_1G, first, end, to_shared);
	return err;
}

static int check_segment(struct gms__plan *plan, const struct gms__segment *segment)
{
	struct gms__map *map = &plan->space->map;
	gms_gfn pos = segment->first;

	while (pos < segment->end) {
		struct gms_cursor cursor = { 0 };
		struct gms__region row;
		struct gms_run run;
		uint64_t check;
		gms_gfn stop;

		if (!gms__region_find(map, pos, &row, &check) || row.first > pos)
			return refuse(plan, -ENOENT, pos, GMS_REASON_HOLE);
		stop = gms__min(segment->end, row.first + row.npages);
		gms__map_needs(map, &row, pos, stop, segment->set, segment->clear,
			      &plan->needs);
		while (gms__map_next_run(map, &cursor, &pos, stop, GMS_STATE_ALL, &run)) {
			int err = check_run(plan, &row, segment, &run);

			if (err)
				return err;
		}
	}
	return 0;
}

/*
 * What is flipped before a backend is called must be remembered, if one is
 * called: the pages of the segments that do not share.
 */
static int journal(struct gms__plan *plan)
{
	const struct gms__segment *segment = plan->segments.items;

	if (!plan->runs[GMS__TO_PRIVATE].n && !plan->runs[GMS__TO_SHARED].n)
		return 0;
	for (size_t i = 0; i < plan->segments.n; i++) {
		const struct gms__segment *s = &segment[i];
		struct gms_cursor cursor = { 0 };
		gms_gfn pos = s->first;
		struct gms_run run;

		if (s->set & GMS_STATE_SHARED)
			continue;
		while (gms__map_next_run(&plan->space->map, &cursor, &pos, s->end, GMS_STATE_ALL,
					 &run)) {
			struct gms__old *old;

			if (((run.state & ~s->clear) | s->set) == run.state)
				continue;
			old = list_add(plan, &plan->journal);
			if (!old)
				return no_memory(plan, run.first);
			*old = (struct gms__old){ run.first, run.first + run.npages, run.state };
			/* Undoing takes a block with several of them back one by one. */
			if (plan->journal.n > 1 && (old[-1].end - 1) >> GMS_ORDER_2M ==
						   old->first >> GMS_ORDER_2M)
				plan->needs.detours = true;
		}
	}
	return 0;
}

/* From here on a conversion owns its GiB instead of holding their stripes. */
#define LARGE_PAGES	(GMS__STRIPES * GMS__GIB_PAGES)

static void lock(struct gms__plan *plan)
{
	const struct gms__segment *segment = plan->segments.items;
	const gms_gfn first = segment[0].first, end = segment[plan->segments.n - 1].end;
	uint64_t stripes = 0, npages = 0;

	for (size_t i = 0; i < plan->segments.n; i++) {
		const struct gms_range range = { segment[i].first,
						 segment[i].end - segment[i].first };

		npages += range.npages;
		if (stripes != GMS__ALL_STRIPES)
			stripes |= gms__map_stripes(range);
	}
	if (npages > LARGE_PAGES) {
		gms__map_own(&plan->space->map, first, end);
		plan->owns = true;
		return;
	}
	gms__map_lock(&plan->space->map, stripes, first, end);
	plan->stripes = stripes;
}

void gms__plan_begin(struct gms__plan *plan, struct gms_space *space, bool may_alloc)
{
	memset(plan, 0, offsetof(struct gms__plan, segment0));
	plan->space = space;
	plan->may_alloc = may_alloc;
	list_init(&plan->segments, plan->segment0, 8, sizeof(plan->segment0[0]));
	list_init(&plan->runs[0], plan->run0[0], 4, sizeof(plan->run0[0][0]));
	list_init(&plan->runs[1], plan->run0[1], 4, sizeof(plan->run0[0][0]));
	list_init(&plan->cuts, plan->cut0, 8, sizeof(plan->cut0[0]));
	list_init(&plan->journal, plan->journal0, 4, sizeof(plan->journal0[0]));
}

int gms__plan_add(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state set,
		  gms_state clear)
{
	struct gms__segment *segment = plan->segments.items;

	gms__profile_complete(plan->space->profile, &set, &clear);
	if (plan->segments.n) {
		segment += plan->segments.n - 1;
		gms__assert(segment->end <= first);
		if (segment->end == first && segment->set == set && segment->clear == clear) {
			segment->end = end;
			return 0;
		}
	}
	segment = list_add(plan, &plan->segments);
	if (!segment)
		return no_memory(plan, first);
	*segment = (struct gms__segment){ first, end, set, clear };
	return 0;
}

int gms__plan_check(struct gms__plan *plan)
{
	const struct gms__segment *segment = plan->segments.items;
	int err;

	lock(plan);
	for (size_t i = 0; i < plan->segments.n; i++) {
		err = check_segment(plan, &segment[i]);
		if (err)
			return err;
	}
	err = turn_settle(plan, &plan->turn[1], GMS_ORDER_1G);
	if (!err)
		err = turn_settle(plan, &plan->turn[0], GMS_ORDER_2M);
	if (!err)
		err = journal(plan);
	if (err)
		return err;
	if (gms__map_provide(&plan->space->map, &plan->needs, &plan->tables, plan->may_alloc))
		return no_memory(plan, segment->first);
	return 0;
}

int gms__plan_make(struct gms__plan *plan, struct gms_space *space,
		   const struct gms_change *changes, size_t nchanges, bool may_alloc)
{
	int err;

	gms__plan_begin(plan, space, may_alloc);
	err = normalise(plan, changes, nchanges);
	return err ? err : gms__plan_check(plan);
}

void gms__plan_charge(struct gms__plan *plan)
{
	struct gms__ledger *ledger = &plan->space->ledger;

	if (plan->stripes) {
		gms__ledger_charge(ledger, &ledger->shard[__builtin_ctzll(plan->stripes)],
				   &plan->charge);
		return;
	}
	/* It never came to the locks, or owns its GiB without. */
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++)
		gms__ledger_count(ledger, kind, plan->charge.count[kind]);
}

void gms__plan_drop(struct gms__plan *plan)
{
	struct gms_space *space = plan->space;

	gms__map_unlock(&space->map, plan->stripes);
	if (plan->owns)
		gms__map_disown(&space->map);
	gms__tables_put(&space->map, &plan->tables);
	list_drop(space, &plan->segments);
	list_drop(space, &plan->runs[0]);
	list_drop(space, &plan->runs[1]);
	list_drop(space, &plan->cuts);
	list_drop(space, &plan->journal);
}

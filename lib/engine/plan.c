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
#include "map/edit.h"
#include "map/walk.h"

static gms_gfn lowest(const struct gms_change *changes, size_t nchanges)
{
	gms_gfn first = changes[0].range.first;

	for (size_t i = 1; i < nchanges; i++)
		first = gms__min(first, changes[i].range.first);
	return first;
}

int gms__plan_changes(struct gms__plan *plan, const struct gms_change *changes, size_t nchanges)
{
	const struct gms_profile_info *profile = plan->space->profile;
	const size_t room = gms__batch_room(nchanges);
	struct gms__segment *segment;

	if (nchanges > 1 && (gms__list_room(&plan->room, &plan->segments, room) ||
			     gms__list_room(&plan->room, &plan->spare, room)))
		return gms__plan_no_memory(plan, lowest(changes, nchanges));
	segment = plan->segments.items;
	plan->segments.n = gms__batch_normalise(changes, nchanges, segment, plan->spare.items);
	for (size_t i = 0; i < plan->segments.n; i++)
		gms__profile_complete(profile, &segment[i].set, &segment[i].clear);
	return 0;
}

/*
 * What is flipped before a backend or a listener is called must be remembered: the
 * pages of the segments that do not give, and for listeners, who are told of
 * their gains last, all of them.
 */
static int journal(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state state)
{
	struct gms__old *old = gms__list_add(&plan->room, &plan->journal);

	if (!old)
		return gms__plan_no_memory(plan, first);
	*old = (struct gms__old){ first, end, state };
	/* Undoing takes a block with several of them back one by one. */
	if (plan->journal.n > 1 && (old[-1].end - 1) >> GMS_ORDER_2M == first >> GMS_ORDER_2M)
		plan->needs.detours = true;
	return 0;
}

/* All that stands in the way of a run, or the first of it; 0: the walk goes on. */
static int check_refusals(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
			  gms_gfn end, gms_state old, gms_state new)
{
	uint32_t reason;
	int err = 0;

	if ((old | new) & GMS__RULED)
		err = gms__rule_check(old, new, &reason);
	if (!err && gms__region_bars(row, new)) {
		err = -EPERM;
		reason = GMS_REASON_NO_DIRECT_MAP;
	}
	if (err && !gms__plan_blocked(plan, err, first, first, end, reason))
		return err;
	/* Before what holds pages, which may be any of the run. */
	if ((old & ~new & GMS_STATE_POPULATED & plan->space->listeners.bits) &&
	    gms__hear_forbids(plan, row, old, new) &&
	    !gms__plan_blocked(plan, -EBUSY, first, first, end, GMS_REASON_LISTENER))
		return -EBUSY;
	return gms__plan_held(plan, first, end, old, new) ? -EAGAIN : 0;
}

/* Pages [first, end) of one region, now in state old, are to turn as a segment says. */
static int check_run(struct gms__plan *plan, const struct gms__region *row,
		     const struct gms__segment *s, gms_gfn first, gms_gfn end, gms_state old)
{
	const gms_state new = gms__changed(old, s->set, s->clear);
	const bool to_shared = new & GMS_STATE_SHARED;
	const uint64_t npages = end - first;
	int err;

	if (old == new) {
		plan->unchanged_pages += npages;
		return 0;
	}
	err = check_refusals(plan, row, first, end, old, new);
	if (err || plan->err)		/* it is not going to happen */
		return err;
	plan->changed_pages += npages;
	gms__map_needs_state(&plan->space->map, new, &plan->needs);
	if (plan->space->listeners.most ||
	    (plan->space->nbackends && !gms__segment_gives(s)))
		err = journal(plan, first, end, old);
	if (!err && ((old ^ new) & plan->space->listeners.bits))
		err = gms__hear_turn(plan, row, first, end, old, new);
	if (!err && row->backend)
		err = gms__host_note(plan, row, first, end, old, new);
	if (err || !((old ^ new) & GMS_STATE_SHARED))
		return err;
	plan->turned_pages[to_shared] += npages;
	return gms__cuts_turn(plan, row, first, end, to_shared);
}

/*
 * A segment of pages of one block in one state, as guests send them by the
 * hundred: one look tells all, and which leaf the edit will want. false: it is
 * not that, or not the first in its block, and nothing has been noted.
 */
static bool check_small(struct gms__plan *plan, const struct gms__region *row,
			const struct gms__segment *s, int *err)
{
	const gms_gfn first = s->first, end = s->end;
	const uint64_t gib = *gms__gib_at(row, first);
	struct gms__edit e;
	int class;

	if (gms__word_is_uniform(gib) || first / GMS__BLOCK_PAGES != (end - 1) / GMS__BLOCK_PAGES ||
	    gms__needs_met(&plan->needs, row, first))
		return false;
	gms__edit_begin(&e, &plan->space->map, row, gms__word_table(gib), first, end, s->set,
			s->clear);
	gms__edit_look(&e);
	if (e.how == GMS__NOTHING) {
		plan->unchanged_pages += end - first;
		*err = 0;
		return true;
	}
	if (e.how == GMS__APART || e.nturned != 1 || e.turned[0].npages != end - first)
		return false;
	class = gms__edit_class(&e);
	if (class >= 0)
		plan->needs.leaves[class]++;
	gms__needs_meet(&plan->needs, row, first);
	*err = check_run(plan, row, s, first, end, e.turned[0].from);
	return true;
}

/* Pages [*pos, stop) of a segment, within one region. */
static int check_part(struct gms__plan *plan, const struct gms__region *row,
		      const struct gms__segment *segment, gms_gfn *pos, gms_gfn stop)
{
	struct gms__map *map = &plan->space->map;
	struct gms_cursor cursor = { 0 };
	struct gms_run run;
	int err = 0;

	gms__map_needs(map, row, *pos, stop, segment->set, segment->clear, &plan->needs);
	while (!err && gms__map_next_run(map, &cursor, pos, stop, GMS_STATE_ALL, &run))
		err = check_run(plan, row, segment, run.first, run.first + run.npages, run.state);
	return err;
}

/* The first page of a region after a hole that begins at gfn. */
static gms_gfn hole_end(const struct gms__plan *plan, gms_gfn gfn, gms_gfn end)
{
	struct gms__region row;
	uint64_t check;

	if (gms__region_find(&plan->space->map, gfn, &row, &check))
		end = gms__min(end, row.first);
	return end;
}

static int check_segment(struct gms__plan *plan, const struct gms__segment *segment)
{
	gms_gfn pos = segment->first;
	int err = 0;

	while (pos < segment->end && !err) {
		const struct gms__region *row = gms__plan_row(plan, pos);
		const gms_gfn stop = gms__min(segment->end, gms__region_end(row));

		if (pos - row->first >= row->npages) {
			const gms_gfn end = hole_end(plan, pos, segment->end);

			if (!gms__plan_blocked(plan, -ENOENT, pos, pos, end, GMS_REASON_HOLE))
				return -ENOENT;
			pos = end;
		} else if (pos == segment->first && stop == segment->end &&
			   check_small(plan, row, segment, &err)) {
			break;
		} else {
			err = check_part(plan, row, segment, &pos, stop);
		}
	}
	return err;
}

/* From here on a conversion owns its GiB instead of holding their stripes. */
#define LARGE_PAGES	(GMS__STRIPES * GMS__GIB_PAGES)

/* Spans are by stripe. A listener comes only while nobody owns anything. */
static bool own(struct gms__plan *plan, gms_gfn first, gms_gfn end)
{
	struct gms__map *map = &plan->space->map;

	gms__map_own(map, first, end);
	plan->owns = !plan->space->listeners.most;
	if (!plan->owns)
		gms__map_disown(map);
	return plan->owns;
}

static void lock(struct gms__plan *plan)
{
	const struct gms__segment *segment = plan->segments.items;
	const gms_gfn first = segment[0].first, end = segment[plan->segments.n - 1].end;
	uint64_t stripes = 0, npages = 0;

	if (plan->want.held) {
		plan->stripes = plan->want.held;
		return;
	}
	for (size_t i = 0; i < plan->segments.n; i++) {
		const struct gms_range range = { segment[i].first,
						 segment[i].end - segment[i].first };

		npages += range.npages;
		if (stripes != GMS__ALL_STRIPES)
			stripes |= gms__map_stripes(range);
	}
	if (npages > LARGE_PAGES && own(plan, first, end))
		return;
	gms__map_lock(&plan->space->map, stripes, first, end);
	plan->stripes = stripes;
}

static void forget(struct gms__plan *plan)
{
	memset(&plan->needs, 0, offsetof(struct gms__plan, segment0) -
				offsetof(struct gms__plan, needs));
	plan->err = 0;
	for (unsigned kind = 0; kind < GMS__HOST_KINDS; kind++)
		plan->runs[kind].n = 0;
	plan->cuts.n = 0;
	plan->turned.n = 0;
	plan->journal.n = 0;
	plan->frost.n = 0;
}

void gms__plan_begin(struct gms__plan *plan, struct gms_space *space,
		     const struct gms__want *want)
{
	plan->space = space;
	plan->want = *want;
	plan->account = gms__tag_of(&space->ledger.tags, want->tag, !want->no_alloc);
	plan->room = (struct gms__room){ &space->scratch, &space->map.mem, !want->no_alloc };
	plan->stripes = 0;
	plan->owns = false;
	plan->again = false;
	gms__list_init(&plan->segments, plan->segment0, 8, sizeof(plan->segment0[0]));
	gms__list_init(&plan->spare, NULL, 0, sizeof(plan->segment0[0]));
	gms__list_init(&plan->runs[0], plan->run0[0], 4, sizeof(plan->run0[0][0]));
	gms__list_init(&plan->runs[1], plan->run0[1], 4, sizeof(plan->run0[0][0]));
	for (unsigned kind = 2; kind < GMS__HOST_KINDS; kind++)
		gms__list_init(&plan->runs[kind], NULL, 0, sizeof(struct gms_host_run));
	gms__list_init(&plan->cuts, plan->cut0, 8, sizeof(plan->cut0[0]));
	gms__list_init(&plan->turned, NULL, 0, sizeof(struct gms_range));
	gms__list_init(&plan->journal, plan->journal0, 4, sizeof(plan->journal0[0]));
	gms__list_init(&plan->frost, NULL, 0, sizeof(struct gms_range));
	plan->frost_hand = (struct gms__stock){ 0 };
	plan->queued.number = 0;
	plan->queued.until_ns = 0;
	forget(plan);
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
	segment = gms__list_add(&plan->room, &plan->segments);
	if (!segment)
		return gms__plan_no_memory(plan, first);
	*segment = (struct gms__segment){ first, end, set, clear };
	return 0;
}

/* The words of the blocks to come are on their way while one is looked at. */
#define AHEAD	6u

static void look_ahead(const struct gms__plan *plan, const struct gms__segment *s)
{
	const struct gms__region *row = plan->row;
	uint64_t gib;

	if (!row || s->first - row->first >= row->npages)
		return;
	gib = *gms__gib_at(row, s->first);
	if (!gms__word_is_uniform(gib)) {
		const struct gms__chunk *chunk = gms__word_table(gib);

		__builtin_prefetch(&chunk->word[gms__block_index(s->first)], 1);
	}
}

int gms__plan_check(struct gms__plan *plan)
{
	const struct gms__segment *segment;
	int err = 0;

	if (plan->want.touch)
		gms__touch_begin(plan);
	lock(plan);
	if (plan->want.touch)
		err = gms__touch_cut(plan);
	if (err)
		return err;
	segment = plan->segments.items;
	for (size_t i = 0; i < plan->segments.n; i++) {
		if (i + AHEAD < plan->segments.n)
			look_ahead(plan, &segment[i + AHEAD]);
		err = check_segment(plan, &segment[i]);
		if (err)
			return err;
	}
	if (plan->err)
		return plan->err;
	err = gms__cuts_settle(plan);
	if (!err && plan->hearing.n)
		err = gms__hear_settle(plan);
	if (err)
		return err;
	gms__host_sort(plan);
	if (gms__map_provide(&plan->space->map, &plan->needs, &plan->tables,
			     plan->room.may_alloc))
		return gms__plan_no_memory(plan, segment->first);
	if (!plan->space->access)
		return 0;
	err = gms__frost_check(plan);
	return err ? err : gms__gate_close(plan);
}

gms_gfn gms__plan_page(const struct gms__plan *plan, gms_gfn gfn, gms_state mask)
{
	const struct gms__segment *s = plan->segments.items;

	for (size_t i = 0; i < plan->segments.n; i++) {
		gms_gfn pos = gms__max(gfn, s[i].first), at;
		struct gms_cursor cursor = { 0 };
		struct gms_run run;

		for (at = pos; at < s[i].end; at = pos) {
			if (!gms__map_next_run(&plan->space->map, &cursor, &pos, s[i].end, mask,
					       &run) || run.first > at)
				return at;	/* a hole */
			if ((gms__changed(run.state, s[i].set, s[i].clear) & mask) != run.state)
				return at;
		}
	}
	return gfn;
}

void gms__plan_charge(struct gms__plan *plan)
{
	struct gms__ledger *ledger = &plan->space->ledger;

	/* No shard: it never came to the locks, or owns its GiB without. */
	gms__ledger_charge(ledger, plan->stripes ?
			   &ledger->shard[__builtin_ctzll(plan->stripes)] : NULL, plan->account,
			   &plan->charge);
}

static void let_go(struct gms__plan *plan)
{
	struct gms__map *map = &plan->space->map;

	gms__hear_drop(plan);
	if (plan->gate_stripes)
		gms__gate_open(plan);
	if (plan->frost_hand.n)
		gms__pool_put(&plan->space->access->frost, &plan->frost_hand);
	if (!plan->want.held)
		gms__map_unlock(map, plan->stripes);
	if (plan->owns)
		gms__map_disown(map);
	plan->stripes = 0;
	plan->owns = false;
	gms__tables_put(map, &plan->tables);
}

void gms__plan_again(struct gms__plan *plan, gms_gfn end)
{
	struct gms__segment *segment = plan->segments.items;
	size_t n = plan->segments.n;

	let_go(plan);		/* first: the gate is for the segments as they were */
	while (n && segment[n - 1].first >= end)
		n--;
	/* While it waits for accesses they look at its segments: then all stay. */
	if (n && segment[n - 1].end > end)
		segment[n - 1].end = end;
	plan->segments.n = n;
	forget(plan);
}

int gms__plan_reserve(struct gms__plan *plan, size_t nchanges)
{
	const size_t room = gms__batch_room(nchanges);

	if (gms__list_room(&plan->room, &plan->segments, room) ||
	    gms__list_room(&plan->room, &plan->spare, room) ||
	    gms__list_room(&plan->room, &plan->runs[GMS__HOST_PRIVATE], nchanges) ||
	    gms__list_room(&plan->room, &plan->runs[GMS__HOST_SHARED], nchanges) ||
	    gms__list_room(&plan->room, &plan->cuts, nchanges) ||
	    gms__list_room(&plan->room, &plan->journal, nchanges))
		return -ENOMEM;
	return 0;
}

void gms__plan_reuse(struct gms__plan *plan, const struct gms__want *want)
{
	plan->want = *want;
	plan->account = gms__tag_of(&plan->space->ledger.tags, want->tag, !want->no_alloc);
	plan->room.may_alloc = !want->no_alloc;
	plan->again = false;
	plan->queued.until_ns = 0;
	plan->segments.n = 0;
	forget(plan);
}

void gms__plan_rest(struct gms__plan *plan)
{
	let_go(plan);
	plan->room.may_alloc = true;
}

void gms__plan_drop(struct gms__plan *plan)
{
	let_go(plan);
	gms__list_drop(&plan->room, &plan->segments);
	gms__list_drop(&plan->room, &plan->spare);
	for (unsigned kind = 0; kind < GMS__HOST_KINDS; kind++)
		gms__list_drop(&plan->room, &plan->runs[kind]);
	gms__list_drop(&plan->room, &plan->cuts);
	gms__list_drop(&plan->room, &plan->turned);
	gms__list_drop(&plan->room, &plan->journal);
	gms__list_drop(&plan->room, &plan->frost);
}

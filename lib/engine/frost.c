/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frost.c - pages that are frozen more than once; see frost.h.
 */
#include "engine/frost.h"

#include <errno.h>

#include "engine/plan.h"
#include "map/changes.h"

enum how { LESS, MORE, GONE };

static struct gms__frosted *of(struct gms__inode *node)
{
	return (struct gms__frosted *)(void *)node;
}

static struct gms__access_shard *shard_of(struct gms_space *space, gms_gfn gfn)
{
	return &space->access->shard[gms__stripe_of(gfn)];
}

static gms_gfn gib_end(gms_gfn at, gms_gfn end)
{
	return gms__min(end, (at | (GMS__GIB_PAGES - 1)) + 1);
}

/* --- one shard, whose lock is held, and pages of one GiB ------------------- */

static void put_in(struct gms__frost *frost, struct gms__frosted *f, gms_gfn first, gms_gfn end,
		   uint64_t more)
{
	f->node.first = first;
	f->node.end = end;
	f->node.serial = ++frost->serial;
	f->more = more;
	gms__itree_insert(&frost->root, &f->node);
	gms__store(&frost->n, frost->n + 1);
}

static void take_out(struct gms__frost *frost, struct gms__frosted *f)
{
	gms__itree_remove(&frost->root, &f->node);
	gms__store(&frost->n, frost->n - 1);
}

/* A run begins at gfn, if one holds it. */
static void cut_at(struct gms__frost *frost, gms_gfn gfn, struct gms__stock *hand)
{
	struct gms__inode *node = gms__itree_first(frost->root, gfn, gfn + 1);
	gms_gfn end;

	if (!node || node->first == gfn)
		return;
	end = node->end;
	take_out(frost, of(node));
	put_in(frost, of(node), node->first, gfn, of(node)->more);
	put_in(frost, gms__stock_pop(hand), gfn, end, of(node)->more);
}

/* Z1, where something changed on one side of gfn. */
static void join_at(struct gms__frost *frost, gms_gfn gfn, struct gms__stock *hand)
{
	struct gms__inode *left, *right;

	if (gfn % GMS__GIB_PAGES == 0)
		return;
	left = gms__itree_first(frost->root, gfn - 1, gfn);
	right = gms__itree_first(frost->root, gfn, gfn + 1);
	if (!left || !right || left == right || of(left)->more != of(right)->more)
		return;
	take_out(frost, of(left));
	take_out(frost, of(right));
	put_in(frost, of(left), left->first, right->end, of(right)->more);
	gms__stock_push(hand, right);
}

static void change(struct gms__frost *frost, gms_gfn first, gms_gfn end, enum how how,
		   struct gms__stock *hand)
{
	struct gms__inode *node;

	cut_at(frost, first, hand);
	cut_at(frost, end, hand);
	for (gms_gfn pos = first, stop; pos < end; pos = stop) {
		node = gms__itree_first(frost->root, pos, end);
		stop = node ? node->first : end;
		if (stop > pos) {
			if (how == MORE)
				put_in(frost, gms__stock_pop(hand), pos, stop, 1);
			continue;
		}
		stop = node->end;
		if (how == MORE) {
			of(node)->more++;
		} else if (how == GONE || !--of(node)->more) {
			take_out(frost, of(node));
			gms__stock_push(hand, node);
		}
	}
	join_at(frost, first, hand);
	join_at(frost, end, hand);
}

/* Nodes that change() may take; a page that cannot be frozen more goes to *full. */
static uint64_t nodes(const struct gms__frost *frost, gms_gfn first, gms_gfn end, enum how how,
		      gms_gfn *full)
{
	struct gms__inode *node = gms__itree_first(frost->root, first, end);
	uint64_t n = 2;

	if (how != MORE)
		return node ? n : 0;
	for (n++; node; node = gms__itree_after(frost->root, node, first, end), n++) {
		if (of(node)->more == GMS__FROST_MOST)
			*full = gms__min(*full, gms__max(first, node->first));
	}
	return n;
}

/* --- ranges --------------------------------------------------------------- */

static bool any_frost(const struct gms_space *space, gms_gfn first, gms_gfn end)
{
	const struct gms_range range = { first, end - first };

	for (uint64_t set = gms__map_stripes(range); set; set &= set - 1) {
		if (gms__load(&space->access->shard[__builtin_ctzll(set)].frost.n))
			return true;
	}
	return false;
}

static uint64_t range_nodes(struct gms_space *space, gms_gfn first, gms_gfn end, enum how how,
			    gms_gfn *full)
{
	uint64_t n = 0;

	if (how != MORE && !any_frost(space, first, end))
		return 0;
	for (gms_gfn at = first, stop; at < end; at = stop) {
		struct gms__access_shard *shard = shard_of(space, at);

		stop = gib_end(at, end);
		gms__lock(&shard->lock);
		n += nodes(&shard->frost, at, stop, how, full);
		gms__unlock(&shard->lock);
	}
	return n;
}

static void range_change(struct gms_space *space, gms_gfn first, gms_gfn end, enum how how,
			 struct gms__stock *hand)
{
	if (how != MORE && !any_frost(space, first, end))
		return;
	for (gms_gfn at = first, stop; at < end; at = stop) {
		struct gms__access_shard *shard = shard_of(space, at);

		stop = gib_end(at, end);
		gms__lock(&shard->lock);
		change(&shard->frost, at, stop, how, hand);
		gms__unlock(&shard->lock);
	}
}

bool gms__frost_next(struct gms_space *space, gms_gfn first, gms_gfn end, struct gms_range *run,
		     uint64_t *more)
{
	struct gms__access_shard *shard = shard_of(space, first);
	struct gms__inode *node;

	if (!gms__load(&shard->frost.n))
		return false;
	gms__lock(&shard->lock);
	node = gms__itree_first(shard->frost.root, first, end);
	if (node) {
		run->first = gms__max(first, node->first);
		run->npages = gms__min(end, node->end) - run->first;
		*more = of(node)->more;
	}
	gms__unlock(&shard->lock);
	return node;
}

int gms__frost_put(struct gms_space *space, gms_gfn first, gms_gfn end, uint64_t more)
{
	struct gms__access_shard *shard = shard_of(space, first);
	struct gms__stock hand = { 0 };

	if (gms__pool_take(&space->access->frost, &hand, 1, true))
		return -ENOMEM;
	gms__lock(&shard->lock);
	put_in(&shard->frost, gms__stock_pop(&hand), first, end, more);
	join_at(&shard->frost, first, &hand);
	join_at(&shard->frost, end, &hand);
	gms__unlock(&shard->lock);
	gms__pool_put(&space->access->frost, &hand);
	return 0;
}

/* --- plans ---------------------------------------------------------------- */

static enum how how_of(const struct gms__plan *plan)
{
	return plan->want.touch == GMS__FREEZE ? MORE : LESS;
}

/* Does the segment thaw pages for good? gms_thaw() keeps clear of what has a count. */
static bool thaws(const struct gms__plan *plan, const struct gms__segment *s)
{
	return (s->clear & GMS_STATE_FROZEN) && plan->want.touch != GMS__THAW;
}

int gms__frost_check(struct gms__plan *plan)
{
	const struct gms__segment *s = plan->segments.items;
	const struct gms_range *range = plan->frost.items;
	struct gms_space *space = plan->space;
	gms_gfn full = UINT64_MAX;
	uint64_t n = 0;

	for (size_t i = 0; i < plan->frost.n; i++)
		n += range_nodes(space, range[i].first, range[i].first + range[i].npages,
				 how_of(plan), &full);
	if (full != UINT64_MAX)
		return gms__plan_refuse(plan, -EOVERFLOW, full, GMS_REASON_FROZEN);
	for (size_t i = 0; i < plan->segments.n; i++) {
		if (thaws(plan, &s[i]))
			n += range_nodes(space, s[i].first, s[i].end, GONE, &full);
	}
	if (n && gms__pool_take(&space->access->frost, &plan->frost_hand, n, plan->room.may_alloc))
		return gms__plan_no_memory(plan, plan->frost.n ? range->first : s->first);
	return 0;
}

/* Counts have changed, and no state: the commit, if there was one, is over. */
static void note_counts(struct gms__plan *plan)
{
	struct gms__map *map = &plan->space->map;
	const struct gms_range *range = plan->frost.items;

	if (!plan->frost.n || !(map->keeps & GMS__KEEPS_CHANGES))
		return;
	gms__plan_change_begin(plan);
	for (size_t i = 0; i < plan->frost.n; i++)
		gms__changes_note_all(map, range[i].first, range[i].first + range[i].npages);
	gms__plan_change_end(plan);
}

void gms__frost_do(struct gms__plan *plan)
{
	const struct gms__segment *s = plan->segments.items;
	const struct gms_range *range = plan->frost.items;

	for (size_t i = 0; i < plan->frost.n; i++)
		range_change(plan->space, range[i].first, range[i].first + range[i].npages,
			     how_of(plan), &plan->frost_hand);
	for (size_t i = 0; i < plan->segments.n; i++) {
		if (thaws(plan, &s[i]))
			range_change(plan->space, s[i].first, s[i].end, GONE, &plan->frost_hand);
	}
	note_counts(plan);
}

/* --- regions -------------------------------------------------------------- */

int gms__frost_region_check(struct gms_space *space, const struct gms__gate *gate,
			    struct gms__stock *hand)
{
	const struct gms__segment *s = gate->segment;
	gms_gfn full;

	return gms__pool_take(&space->access->frost, hand,
			      range_nodes(space, s->first, s->end, GONE, &full), true);
}

void gms__frost_region_do(struct gms_space *space, const struct gms__gate *gate,
			  struct gms__stock *hand)
{
	range_change(space, gate->segment->first, gate->segment->end, GONE, hand);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listeners.c - listeners come and go, and so do regions beneath them.
 *
 * What a new listener is to map, or all listeners of a new region, is worked out
 * and told as a conversion's gains are: with a plan that has no segments. So a
 * refusal or a failure is undone in the same way.
 *
 * Locking: all stripes are held, except where a function takes them itself.
 */
#include "engine/listeners.h"

#include <string.h>

#include "engine/plan.h"
#include "map/walk.h"

#define SPANS_PER_SLAB	64

int gms__listeners_init(struct gms__listeners *all, struct gms__mem *mem)
{
	_Static_assert(sizeof(struct gms__span) == GMS__CACHE_LINE, "a span is one line");
	return gms__pool_init(&all->spans, mem, sizeof(struct gms__span), SPANS_PER_SLAB);
}

/* The place is free again. */
static void forget(struct gms__listeners *all, unsigned i)
{
	struct gms__listener *l = all->at[i];

	all->at[i] = NULL;
	gms__lock_fini(&l->lock);
	gms__mem_free(all->spans.mem, l, sizeof(*l));
}

void gms__listeners_fini(struct gms__listeners *all)
{
	for (unsigned i = 0; i < all->most; i++) {
		if (all->at[i])
			forget(all, i);
	}
	gms__pool_fini(&all->spans);
}

/* What all predicates depend on, and up to which place there are any. */
static void sum_up(struct gms__listeners *all)
{
	all->bits = 0;
	all->most = 0;
	for (unsigned i = 0; i < GMS_LISTENERS_MOST; i++) {
		const struct gms__listener *l = all->at[i];

		if (!l)
			continue;
		all->bits |= l->ops.mask;
		if (l->ops.flags & GMS_LISTEN_NO_DISCARD)
			all->bits |= GMS_STATE_POPULATED;
		all->most = i + 1;
	}
}

/* A plan for who holds all stripes; it has no segments. */
static void plan_begin(struct gms__plan *plan, struct gms_space *space)
{
	const struct gms__want want = { .held = GMS__ALL_STRIPES };

	gms__plan_begin(plan, space, &want);
	plan->stripes = GMS__ALL_STRIPES;
}

static int plan_end(struct gms__plan *plan, int err)
{
	if (!err)
		err = gms__hear_settle(plan);
	if (!err)
		err = gms__hear_tell(plan);
	gms__plan_charge(plan);
	gms__plan_drop(plan);
	return err;
}

/* All of a region that a listener wants, or what it has of it. */
static int hear_region(struct gms__plan *plan, unsigned i, const struct gms__region *row,
		       bool gained)
{
	const struct gms_listener *ops = &plan->space->listeners.at[i]->ops;
	const gms_gfn end = row->first + row->npages;
	struct gms_cursor cursor = { 0 };
	gms_gfn pos = row->first;
	struct gms_run run;
	int err = 0;

	if (!row->hva && (ops->flags & GMS_LISTEN_WANTS_HVA))
		return 0;
	while (!err && gms__map_next_match(&plan->space->map, &cursor, &pos, end, ops->mask,
					   ops->value, &run))
		err = gms__hear_run(plan, i, row, run.first, run.first + run.npages, gained);
	return err;
}

int gms__listeners_region(struct gms_space *space, const struct gms__region *row, bool comes)
{
	struct gms__plan plan;
	int err = 0;

	if (!space->listeners.most)
		return 0;
	plan_begin(&plan, space);
	for (unsigned i = 0; i < space->listeners.most && !err; i++) {
		if (space->listeners.at[i])
			err = hear_region(&plan, i, row, comes);
	}
	return plan_end(&plan, err);
}

static int replay(struct gms_space *space, unsigned i)
{
	struct gms__region row;
	struct gms__plan plan;
	uint64_t check;
	int err = 0;

	plan_begin(&plan, space);
	for (uint64_t r = 0; !err && gms__region_nth(&space->map, r, &row, &check); r++)
		err = hear_region(&plan, i, &row, true);
	return plan_end(&plan, err);
}

static int add_locked(struct gms_space *space, const struct gms_listener *ops, uint32_t *id)
{
	struct gms__listeners *all = &space->listeners;
	struct gms__listener *l;
	unsigned i = 0;
	int err;

	while (i < GMS_LISTENERS_MOST && all->at[i])
		i++;
	if (i == GMS_LISTENERS_MOST || all->last_id == UINT32_MAX)
		return -ENOSPC;
	l = gms__mem_alloc(all->spans.mem, sizeof(*l));
	if (!l)
		return -ENOMEM;
	memset(l, 0, sizeof(*l));
	err = gms__lock_init(&l->lock, GMS__RANK_LISTENER, i);
	if (err) {
		gms__mem_free(all->spans.mem, l, sizeof(*l));
		return err;
	}
	all->at[i] = l;
	l->ops = *ops;
	l->ops.mask |= GMS__UNHEARD;
	if (!l->ops.max_span_pages)
		l->ops.max_span_pages = GMS__GIB_PAGES;
	l->join_order = (unsigned)__builtin_ctzll(gms__min(l->ops.max_span_pages,
							   GMS__BLOCK_PAGES));
	l->id = all->last_id + 1;
	sum_up(all);
	err = replay(space, i);
	if (err) {
		forget(all, i);
		sum_up(all);
		return err;
	}
	*id = ++all->last_id;
	return 0;
}

int gms__listener_add(struct gms_space *space, const struct gms_listener *ops, uint32_t *id)
{
	int err;

	gms__map_lock_all(&space->map);
	err = add_locked(space, ops, id);
	gms__map_unlock(&space->map, GMS__ALL_STRIPES);
	return err;
}

/* The place of a listener; GMS_LISTENERS_MOST: there is none. */
static unsigned place_of(const struct gms__listeners *all, uint32_t id)
{
	for (unsigned i = 0; i < all->most; i++) {
		if (all->at[i] && all->at[i]->id == id)
			return i;
	}
	return GMS_LISTENERS_MOST;
}

struct gms__listener *gms__listener_of(struct gms_space *space, uint32_t id)
{
	const unsigned i = place_of(&space->listeners, id);

	return i < GMS_LISTENERS_MOST ? space->listeners.at[i] : NULL;
}

/* Revoke the spans of a tree, some at a time, and give their nodes back. */
static int take_all(struct gms_space *space, struct gms__listener *l, struct gms__inode **root,
		    struct gms_charge *charge)
{
	struct gms_host_run runs[32];
	struct gms__stock gone = { 0 };
	int err = 0;

	while (*root) {
		size_t n = 0, ndone = 0;

		while (*root && n < 32) {
			struct gms__inode *at = gms__itree_first(*root, 0, UINT64_MAX);
			struct gms__region row;
			uint64_t check;

			gms__region_find(&space->map, at->first, &row, &check);
			gms__host_run(&runs[n++], &row, at->first, at->end);
			gms__itree_remove(root, at);
			gms__stock_push(&gone, at);
		}
		charge->count[GMS_ACCT_SPANS_UNMAPPED] += n;
		if (!l->ops.revoke)
			continue;
		charge->count[GMS_ACCT_LISTENER_CALLS]++;
		for (size_t at = 0; at < n; at += ndone + 1) {
			int failed;

			ndone = 0;
			failed = l->ops.revoke(l->ops.ctx, &runs[at], n - at, &ndone, charge);
			if (!failed)
				break;
			/* The one that it failed at is its own to see to; the rest still go. */
			err = err ? err : failed < 0 ? failed : -EIO;
			charge->count[GMS_ACCT_UNDO_FAILURES]++;
			ndone = gms__min(ndone, n - at - 1);
		}
	}
	gms__pool_put(&space->listeners.spans, &gone);
	return err;
}

int gms__listener_remove(struct gms_space *space, uint32_t id)
{
	struct gms_charge charge;
	struct gms__listener *l;
	unsigned place;
	int err = 0;

	memset(&charge, 0, sizeof(charge));
	gms__map_lock_all(&space->map);
	place = place_of(&space->listeners, id);
	if (place == GMS_LISTENERS_MOST) {
		gms__map_unlock(&space->map, GMS__ALL_STRIPES);
		return -ENOENT;
	}
	l = space->listeners.at[place];
	if (l->ops.begin)
		l->ops.begin(l->ops.ctx);
	for (unsigned s = 0; s < GMS__STRIPES; s++) {
		int failed = take_all(space, l, &l->root[s], &charge);

		err = err ? err : failed;
	}
	if (l->ops.end)
		l->ops.end(l->ops.ctx);
	forget(&space->listeners, place);
	sum_up(&space->listeners);
	gms__ledger_charge(&space->ledger, &space->ledger.shard[0], NULL,
			   &charge);
	gms__map_unlock(&space->map, GMS__ALL_STRIPES);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grow.c - folios that may be one again, merged.
 *
 * A merge wants a block uniform in SHARED (under ALL_4K: private throughout) and
 * free of pins: who holds a page of a small folio holds that folio, and it
 * cannot become part of another. A scan under DEFERRED also wants that no page
 * of it turned for a while. Small folios grow before large ones.
 *
 * Locking: see shape.h.
 */
#include <errno.h>
#include <string.h>

#include "engine/plan.h"
#include "engine/shape.h"
#include "map/turns.h"
#include "map/walk.h"

static bool pinned(struct gms_space *space, gms_gfn gfn, unsigned order)
{
	const gms_gfn first = gfn >> order << order, end = first + (UINT64_C(1) << order);
	gms_gfn where;

	/* Who owns the GiB has no stripe to look under. */
	if (!gms__map_is_owned(&space->map, first) &&
	    gms__claims_none(&space->claims, first, end))
		return false;
	return gms__claims_first(&space->claims, first, end, &where);
}

static bool young(const struct gms__grow *g, gms_gfn gfn, unsigned order)
{
	return g->scan && g->space->merge == GMS_MERGE_DEFERRED &&
	       gms__turns_age(g->row, gfn, order, g->now) < g->space->merge_after_commits;
}

/* What merged goes into the ledger, to the backend and to the scan's result. */
static void note(struct gms__grow *g, gms_gfn gfn, unsigned order)
{
	struct gms_space *space = g->space;
	const uint32_t split = gms__shape_split_kind(space, order);

	if (split == GMS_ACCT_SPLITS_OTHER)
		g->others++;
	else
		gms__space_count(space, gfn, split == GMS_ACCT_SPLITS_1G ? GMS_ACCT_MERGES_1G :
								   GMS_ACCT_MERGES_2M, 1);
	if (g->charge)
		gms__host_merge(space, g->row, gfn, order, gms__shape_parts(space, order),
				g->charge);
	if (g->scan)
		g->scan->folios[order]++;
}

/* A block that is cut, uniform, and has whole parts. */
static bool merge_one(struct gms__grow *g, gms_gfn gfn, unsigned order)
{
	if (pinned(g->space, gfn, order) || young(g, gfn, order)) {
		if (g->scan)
			g->scan->waiting++;
		return false;
	}
	gms__shape_cut(g->space, g->row, gfn, order, false, g->tables);
	note(g, gfn, order);
	return true;
}

/* May the pages of the block be one folio, as far as they are shared? */
static bool fits(const struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		 unsigned order)
{
	const uint64_t shared = gms__map_shared_in(&space->map, row, gfn, order);

	return !shared || (shared == UINT64_C(1) << order && space->split != GMS_SPLIT_ALL_4K);
}

static bool merge_level(struct gms__grow *g, gms_gfn gfn, unsigned order)
{
	return gms__map_is_split(g->row, gfn, order) && fits(g->space, g->row, gfn, order) &&
	       merge_one(g, gfn, order);
}

/* All folios of 2M of a GiB that one mark stands for (M4). */
static uint64_t merge_all_2m(struct gms__grow *g, gms_gfn gfn)
{
	const gms_gfn lo = gms__clip_lo(g->row, gfn, GMS__GIB_PAGES);
	const uint64_t n = (gms__clip_hi(g->row, gfn, GMS__GIB_PAGES) - lo) >> GMS_ORDER_2M;

	if (!gms__map_is_split(g->row, gfn, GMS_ORDER_2M) ||
	    gms__map_shared_at(&g->space->map, g->row, gfn))
		return 0;
	if (young(g, gfn, GMS_ORDER_1G)) {	/* they turned as one */
		g->scan->waiting += n;
		return 0;
	}
	gms__shape_cut_run(g->space, g->row, lo, GMS_ORDER_2M, n, false, g->tables);
	for (uint64_t i = 0; i < n; i++)
		note(g, lo + (i << GMS_ORDER_2M), GMS_ORDER_2M);
	return n;
}

/* HALVES: is the block one folio now? Blocks of at most least are not looked into. */
static bool grow_half(struct gms__grow *g, gms_gfn at, unsigned order, unsigned least,
		      uint64_t *n)
{
	const gms_gfn half = at + (UINT64_C(1) << order) / 2;
	bool left, right;

	if (!order || !gms__map_is_split(g->row, at, order))
		return true;
	if (order <= least || at >= g->end || at + (UINT64_C(1) << order) <= g->first)
		return false;
	left = grow_half(g, at, order - 1, least, n);
	right = grow_half(g, half, order - 1, least, n);
	/* I7: each half is uniform. */
	if (!left || !right ||
	    gms__map_shared_at(&g->space->map, g->row, at) !=
	    gms__map_shared_at(&g->space->map, g->row, half) || !merge_one(g, at, order))
		return false;
	++*n;
	return true;
}

uint64_t gms__grow_block(struct gms__grow *g, gms_gfn gfn)
{
	uint64_t n = 0;

	if (g->space->split != GMS_SPLIT_HALVES)
		return merge_level(g, gfn, GMS_ORDER_2M);
	grow_half(g, gfn & ~(GMS__BLOCK_PAGES - 1), GMS_ORDER_2M, GMS_ORDER_4K, &n);
	return n;
}

uint64_t gms__grow_gib(struct gms__grow *g, gms_gfn gfn)
{
	const unsigned base = gms__region_order(g->row);
	uint64_t n = 0;

	switch (g->space->split) {
	case GMS_SPLIT_HALVES:
		if (base == GMS_ORDER_1G)
			grow_half(g, gfn & ~(GMS__GIB_PAGES - 1), base, GMS_ORDER_2M, &n);
		return n;
	case GMS_SPLIT_ALL_4K:
		if (base == GMS_ORDER_2M)
			return gms__map_has_chunk(g->row, gfn) ? 0 : merge_all_2m(g, gfn);
		return merge_level(g, gfn, base);
	default:
		return base == GMS_ORDER_1G && !gms__map_any_split_2m(g->row, gfn) &&
		       merge_level(g, gfn, base);
	}
}

/* Merge in [first, end), all within one GiB. */
static uint64_t merge_gib(struct gms__grow *g, gms_gfn first, gms_gfn end)
{
	const bool large = end - first >= GMS__BLOCK_PAGES;
	uint64_t n = 0;

	g->first = first;
	g->end = end;
	if (gms__map_any_split_2m(g->row, first)) {
		for (gms_gfn at = first; at < end; at = (at | (GMS__BLOCK_PAGES - 1)) + 1)
			n += gms__grow_block(g, at);
	}
	n += gms__grow_gib(g, end - 1);
	if (n)	/* O3: the stripe's idle GiB are not an owner's to move */
		gms__map_settle(&g->space->map, g->row, end - 1, g->tables,
				large || gms__map_is_owned(&g->space->map, end - 1));
	return n;
}

static uint64_t merge(struct gms_space *space, gms_gfn first, gms_gfn end,
		      struct gms__tables *tables, struct gms_charge *charge)
{
	struct gms__region row;
	struct gms__grow g = { .space = space, .row = &row, .tables = tables };
	uint64_t check, n = 0;

	g.charge = space->reports_folios ? charge : NULL;
	while (first < end && gms__region_find(&space->map, first, &row, &check)) {
		const gms_gfn stop = gms__min(end, row.first + row.npages);

		first = gms__max(first, row.first);
		if (gms__region_order(&row) == GMS_ORDER_4K)
			first = gms__max(first, stop);
		while (first < stop) {
			const gms_gfn next = gms__min(stop, (first | (GMS__GIB_PAGES - 1)) + 1);

			n += merge_gib(&g, first, next);
			first = next;
		}
	}
	gms__grow_end(&g);
	return n;
}

uint64_t gms__shape_merge(struct gms_space *space, gms_gfn first, gms_gfn end,
			  struct gms__tables *tables, struct gms_charge *charge)
{
	if (space->merge != GMS_MERGE_EAGER || space->split == GMS_SPLIT_NONE)
		return 0;
	return merge(space, first, end, tables, charge);
}

void gms__shape_merge_apart(struct gms_space *space, gms_gfn first, gms_gfn end,
			    struct gms__tables *tables)
{
	struct gms_charge charge;

	if (!space->reports_folios) {
		gms__shape_merge(space, first, end, tables, NULL);
		return;
	}
	memset(&charge, 0, sizeof(charge));
	gms__shape_merge(space, first, end, tables, &charge);
	gms__ledger_charge(&space->ledger, gms__space_shard(space, first), NULL,
			   &charge);
}

int gms__shape_grow(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		    unsigned order, struct gms__tables *tables, struct gms_charge *charge)
{
	const gms_gfn first = gfn >> order << order, end = first + (UINT64_C(1) << order);
	struct gms__grow g = { .space = space, .row = row, .first = first, .end = end,
			       .tables = tables, .charge = charge };
	uint64_t n = 0;

	if (space->split == GMS_SPLIT_HALVES) {
		const uint64_t shared = gms__map_count(&space->map, first, end, GMS_STATE_SHARED);

		if (shared && shared != end - first)
			return -EBUSY;
	} else if (!fits(space, row, gfn, order)) {
		return -EBUSY;
	}
	if (pinned(space, gfn, order))
		return -EAGAIN;
	if (space->split == GMS_SPLIT_HALVES) {
		grow_half(&g, first, order, GMS_ORDER_4K, &n);
		gms__grow_end(&g);
		return 0;
	}
	if (order == GMS_ORDER_2M || gms__map_any_split_2m(row, gfn)) {
		for (gms_gfn at = first; at < end; at += GMS__BLOCK_PAGES)
			merge_level(&g, at, GMS_ORDER_2M);
	}
	if (order == GMS_ORDER_1G)
		merge_level(&g, gfn, order);
	gms__grow_end(&g);
	return 0;
}

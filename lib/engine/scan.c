/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan.c - merges that were put off: go round the space, a bounded way at a time.
 *
 * The candidates are the cut folios themselves, so they take no memory, and a
 * guest that makes many only makes the way round longer. A pass begins at the
 * lowest page and ends behind the highest; each call goes on where the last one
 * stopped. A block of 2M counts as looked at, and so does a GiB that has none to
 * look into.
 *
 * Locking: takes the stripe of one GiB at a time. Where the pass is is one word:
 * two scans at once look twice at the same, which does no harm.
 */
#include <string.h>

#include "engine/plan.h"
#include "engine/shape.h"

static bool any_cut(const struct gms__region *row, gms_gfn gfn)
{
	if (gms__region_order(row) == GMS_ORDER_1G)
		return gms__map_is_split(row, gfn, GMS_ORDER_1G);
	return gms__map_has_chunk(row, gfn) ? gms__map_any_split_2m(row, gfn) :
					      gms__map_is_split(row, gfn, GMS_ORDER_2M);
}

/* From at on within its GiB, as far as the budget goes; where to go on. */
static gms_gfn scan_gib(struct gms__grow *g, gms_gfn at, uint64_t budget)
{
	const gms_gfn end = gms__clip_hi(g->row, at, GMS__GIB_PAGES);
	uint64_t *looked = &g->scan->looked_blocks;
	uint64_t n = 0;

	g->first = at;
	g->end = end;
	if (!any_cut(g->row, at) || !gms__map_any_split_2m(g->row, at))
		++*looked;
	else
		for (; at < end; at += GMS__BLOCK_PAGES) {
			if (*looked >= budget)
				return at;
			++*looked;
			n += gms__grow_block(g, at);
		}
	/* What is larger may have parts that were looked at in an earlier call. */
	g->first = 0;
	n += gms__grow_gib(g, end - 1);
	if (n)
		gms__map_settle(&g->space->map, g->row, end - 1, g->tables, true);
	return end;
}

/* The GiB that holds a page of a region, and where to go on. */
static gms_gfn scan_at(struct gms_space *space, gms_gfn gfn, uint64_t budget,
		       struct gms_merge_result *result)
{
	const uint64_t stripe = UINT64_C(1) << gms__stripe_of(gfn);
	struct gms__region row;
	struct gms__tables tables;
	struct gms_charge charge;
	struct gms__grow g = { .space = space, .row = &row, .tables = &tables, .scan = result };
	uint64_t check;

	memset(&tables, 0, sizeof(tables));
	if (space->reports_folios) {
		memset(&charge, 0, sizeof(charge));
		g.charge = &charge;
	}
	gms__map_lock(&space->map, stripe, gfn, gfn + 1);
	if (gms__region_find(&space->map, gfn, &row, &check) && row.first <= gfn) {
		if (gms__region_order(&row) == GMS_ORDER_4K) {
			gfn = row.first + row.npages;
			result->looked_blocks++;
		} else {
			g.now = gms__shape_now(space);
			gms__map_change_begin(&space->map, stripe);
			gfn = scan_gib(&g, gfn, budget);
			gms__map_change_end(&space->map, stripe);
			gms__grow_end(&g);
		}
	} else {	/* gone: what comes next is looked for again */
		result->looked_blocks++;
	}
	if (g.charge)
		gms__ledger_charge(&space->ledger, &space->ledger.shard[__builtin_ctzll(stripe)],
				   NULL, &charge);
	gms__map_unlock(&space->map, stripe);
	gms__tables_put(&space->map, &tables);
	return gfn;
}

void gms__shape_scan(struct gms_space *space, uint64_t budget, struct gms_merge_result *result)
{
	gms_gfn at = gms__load(&space->scan_next);
	struct gms__region row;
	uint64_t check;

	result->more = space->split != GMS_SPLIT_NONE;
	while (result->more && result->looked_blocks < budget) {
		if (gms__region_find(&space->map, at, &row, &check)) {
			at = scan_at(space, gms__max(at, row.first), budget, result);
		} else {
			at = 0;
			result->more = false;
		}
		gms__store(&space->scan_next, at);
	}
}

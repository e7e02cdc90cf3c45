/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shape.c - the marks that folios are: look, cut, and the calls that a single
 * folio is named to; see shape.h.
 *
 * Locking: see shape.h. The two calls take the stripe of their GiB.
 */
#include "engine/shape.h"

#include <errno.h>
#include <string.h>

#include "engine/plan.h"
#include "map/turns.h"

unsigned gms__shape_order(const struct gms_space *space, const struct gms__region *row,
			  gms_gfn gfn)
{
	unsigned order = gms__region_order(row);

	while (order && gms__map_is_split(row, gfn, order))
		order = gms__shape_parts(space, order);
	return order;
}

uint64_t gms__shape_stretch(const struct gms_space *space, const struct gms__region *row,
			    gms_gfn gfn, unsigned *order)
{
	*order = gms__shape_order(space, row, gfn);
	/* Without marks on its blocks a GiB has folios of one order. */
	if (!gms__map_any_split_2m(row, gfn))
		return GMS__GIB_PAGES - (gfn & (GMS__GIB_PAGES - 1));
	if (!*order && space->split != GMS_SPLIT_HALVES)
		return GMS__BLOCK_PAGES - (gfn & (GMS__BLOCK_PAGES - 1));
	return UINT64_C(1) << *order;
}

static void gauge(struct gms_space *space, gms_gfn gfn, unsigned order, uint64_t n, bool cut)
{
	const unsigned parts = gms__shape_parts(space, order);
	const uint64_t nparts = n << (order - parts);

	gms__space_folios(space, gfn, order, cut ? -n : n);
	gms__space_folios(space, gfn, parts, cut ? nparts : -nparts);
}

void gms__shape_cut(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		    unsigned order, bool cut, struct gms__tables *tables)
{
	gms__map_set_split(&space->map, row, gfn, order, cut, tables);
	gauge(space, gfn, order, 1, cut);
}

void gms__shape_cut_run(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
			unsigned order, uint64_t n, bool cut, struct gms__tables *tables)
{
	if (order == GMS_ORDER_2M && !gms__map_has_chunk(row, gfn) &&
	    n << order == gms__clip_hi(row, gfn, GMS__GIB_PAGES) -
			  gms__clip_lo(row, gfn, GMS__GIB_PAGES)) {
		gms__map_set_split_all(&space->map, row, gfn, cut);
	} else {
		for (uint64_t i = 0; i < n; i++)
			gms__map_set_split(&space->map, row, gfn + (i << order), order, cut,
					   tables);
	}
	gauge(space, gfn, order, n, cut);
}

void gms__shape_turned(struct gms_space *space, gms_gfn first, gms_gfn end)
{
	const uint32_t now = gms__shape_now(space) + 1;	/* the commit is counted at its end */
	struct gms__region row;
	uint64_t check;

	gms__region_find(&space->map, first, &row, &check);
	gms__turns_note(gms__words_of(&row)->turns, &row, first, end, now);
}

/* What a cut at gfn wants: all folios from order now down to above order are cut. */
static int split_provide(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
			 unsigned now, unsigned order, struct gms__tables *tables)
{
	struct gms__map *map = &space->map;
	unsigned last = now;		/* the smallest that is cut */

	while (gms__shape_parts(space, last) > order)
		last = gms__shape_parts(space, last);
	if (last != GMS_ORDER_1G && !gms__map_has_chunk(row, gfn) &&
	    gms__pool_take(&map->chunks, &tables->chunks, 1, true))
		return -ENOMEM;
	if (space->split == GMS_SPLIT_HALVES && last <= GMS_ORDER_2M && now >= GMS_ORDER_2M)
		return gms__pool_take(&map->leaves[GMS__LEAF64], &tables->leaves[GMS__LEAF64], 1,
				      true);
	return 0;
}

/* Tell the backend, the largest first; what it refuses is undone. */
static int split_report(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
			unsigned now, unsigned order, struct gms_charge *charge)
{
	unsigned at[GMS_ORDERS], n = 0;
	int err = 0;

	for (; now > order; now = gms__shape_parts(space, now)) {
		err = gms__host_split(space, row, gfn, now, gms__shape_parts(space, now), charge);
		if (err)
			break;
		at[n++] = now;
	}
	while (err && n-- > 0)
		gms__host_merge(space, row, gfn, at[n], gms__shape_parts(space, at[n]), charge);
	return err;
}

static int split_locked(struct gms_space *space, gms_gfn gfn, unsigned order,
			struct gms__tables *tables, struct gms_charge *charge)
{
	const uint64_t stripe = UINT64_C(1) << gms__stripe_of(gfn);
	struct gms__region row;
	uint64_t check;
	unsigned now;
	int err = 0;

	if (!gms__region_find(&space->map, gfn, &row, &check) || row.first > gfn)
		return -ENOENT;
	now = gms__shape_order(space, &row, gfn);
	if (now <= order)
		return 0;
	if (space->split == GMS_SPLIT_NONE)
		return -EOPNOTSUPP;
	if (split_provide(space, &row, gfn, now, order, tables))
		return -ENOMEM;

	gms__map_change_begin(&space->map, stripe);
	if (charge)
		err = split_report(space, &row, gfn, now, order, charge);
	for (; !err && now > order; now = gms__shape_parts(space, now)) {
		gms__shape_cut(space, &row, gfn, now, true, tables);
		gms__space_count(space, gfn, gms__shape_split_kind(space, now), 1);
	}
	/* Nobody cuts by hand what he wants grown at once. */
	if (!err && space->merge == GMS_MERGE_DEFERRED)
		gms__turns_note(gms__words_of(&row)->turns, &row, gfn, gfn + 1,
				gms__shape_now(space));
	gms__map_change_end(&space->map, stripe);
	return err;
}

static int merge_locked(struct gms_space *space, gms_gfn gfn, unsigned order,
			struct gms__tables *tables, struct gms_charge *charge)
{
	const uint64_t stripe = UINT64_C(1) << gms__stripe_of(gfn);
	struct gms__region row;
	uint64_t check;
	unsigned base;
	int err;

	if (!gms__region_find(&space->map, gfn, &row, &check) || row.first > gfn)
		return -ENOENT;
	base = gms__region_order(&row);
	if (order > base || (space->split == GMS_SPLIT_ALL_4K && order && order != base))
		return -EINVAL;
	if (gms__shape_order(space, &row, gfn) >= order)
		return 0;
	/* One block of many that one mark stands for. */
	if (order == GMS_ORDER_2M && !gms__map_has_chunk(&row, gfn) &&
	    gms__pool_take(&space->map.chunks, &tables->chunks, 1, true))
		return -ENOMEM;

	gms__map_change_begin(&space->map, stripe);
	err = gms__shape_grow(space, &row, gfn, order, tables, charge);
	gms__map_settle(&space->map, &row, gfn, tables, true);
	gms__map_change_end(&space->map, stripe);
	return err;
}

static int with_stripe(struct gms_space *space, gms_gfn gfn, unsigned order,
		       int (*act)(struct gms_space *space, gms_gfn gfn, unsigned order,
				  struct gms__tables *tables, struct gms_charge *charge))
{
	const uint64_t stripe = UINT64_C(1) << gms__stripe_of(gfn);
	struct gms__tables tables;
	struct gms_charge charge;
	int err;

	memset(&tables, 0, sizeof(tables));
	gms__map_lock(&space->map, stripe, gfn, gfn + 1);
	if (space->reports_folios) {
		memset(&charge, 0, sizeof(charge));
		err = act(space, gfn, order, &tables, &charge);
		gms__ledger_charge(&space->ledger, gms__space_shard(space, gfn), NULL,
				   &charge);
	} else {
		err = act(space, gfn, order, &tables, NULL);
	}
	gms__map_unlock(&space->map, stripe);
	gms__tables_put(&space->map, &tables);
	return err;
}

int gms__shape_split_at(struct gms_space *space, gms_gfn gfn, unsigned order)
{
	return with_stripe(space, gfn, order, split_locked);
}

int gms__shape_merge_at(struct gms_space *space, gms_gfn gfn, unsigned order)
{
	return with_stripe(space, gfn, order, merge_locked);
}

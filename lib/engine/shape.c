/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shape.c - cut folios and let them grow together, by the space's policies.
 *
 *   I6  Folios tile every region, aligned, none above its base order: a shape
 *       is only ever SPLIT marks on blocks, so it cannot be otherwise.
 *   I7  Under GMS_SPLIT_LEVELS no folio above order 0 is mixed in SHARED: the
 *       plan cuts before it flips, and a merge looks first.
 *
 * A merge wants a block uniform in SHARED and free of pins: who holds a page of
 * a small folio holds that folio, and it cannot become part of another.
 *
 * Locking: the caller holds the stripes; the two calls that a single folio is
 * named to take the stripe of its GiB themselves.
 */
#include <errno.h>
#include <string.h>

#include "engine/plan.h"

unsigned gms__shape_order(const struct gms__region *row, gms_gfn gfn)
{
	const unsigned base = gms__region_order(row);

	if (base == GMS_ORDER_4K || (base == GMS_ORDER_1G &&
				     !gms__map_is_split(row, gfn, GMS_ORDER_1G)))
		return base;
	return gms__map_is_split(row, gfn, GMS_ORDER_2M) ? GMS_ORDER_4K : GMS_ORDER_2M;
}

void gms__shape_cut(struct gms_space *space, gms_gfn gfn, unsigned order, bool cut,
		    struct gms__tables *tables)
{
	const unsigned below = order == GMS_ORDER_1G ? GMS_ORDER_2M : GMS_ORDER_4K;
	struct gms__region row;
	uint64_t check;

	gms__region_find(&space->map, gfn, &row, &check);
	gms__map_set_split(&space->map, &row, gfn, order, cut, tables);
	gms__space_gauge(space, gfn, GMS__FOLIOS_4K + order / GMS_ORDER_2M,
			 cut ? UINT64_MAX : 1);
	gms__space_gauge(space, gfn, GMS__FOLIOS_4K + below / GMS_ORDER_2M,
			 cut ? 512 : -UINT64_C(512));
}

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

static bool mixed(const struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		  unsigned order)
{
	const uint64_t shared = gms__map_shared_in(&space->map, row, gfn, order);

	return shared && shared != UINT64_C(1) << order;
}

static bool merge_one(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		      unsigned order, struct gms__tables *tables, struct gms_charge *charge)
{
	if (!gms__map_is_split(row, gfn, order) || mixed(space, row, gfn, order) ||
	    pinned(space, gfn, order))
		return false;
	gms__shape_cut(space, gfn, order, false, tables);
	gms__space_count(space, gfn, order == GMS_ORDER_1G ? GMS_ACCT_MERGES_1G :
							     GMS_ACCT_MERGES_2M, 1);
	if (charge)
		gms__host_merge(space, row, gfn, order,
				order == GMS_ORDER_1G ? GMS_ORDER_2M : GMS_ORDER_4K, charge);
	return true;
}

/* Merge in [first, end), all within one GiB of one region. */
static uint64_t merge_gib(struct gms_space *space, const struct gms__region *row, gms_gfn first,
			  gms_gfn end, struct gms__tables *tables,
			  struct gms_charge *charge)
{
	const bool large = end - first >= GMS__BLOCK_PAGES;
	uint64_t n = 0;

	if (gms__map_has_chunk(row, first)) {
		for (; first < end; first = (first | (GMS__BLOCK_PAGES - 1)) + 1)
			n += merge_one(space, row, first, GMS_ORDER_2M, tables, charge);
	}
	if (gms__region_order(row) == GMS_ORDER_1G && !gms__map_any_split_2m(row, end - 1))
		n += merge_one(space, row, end - 1, GMS_ORDER_1G, tables, charge);
	if (n)	/* O3: the stripe's idle GiB are not an owner's to move */
		gms__map_settle(&space->map, row, end - 1, tables,
				large || gms__map_is_owned(&space->map, end - 1));
	return n;
}

uint64_t gms__shape_merge(struct gms_space *space, gms_gfn first, gms_gfn end,
			  struct gms__tables *tables, struct gms_charge *charge)
{
	struct gms__region row;
	uint64_t check, n = 0;

	if (space->merge != GMS_MERGE_EAGER || space->split == GMS_SPLIT_NONE)
		return 0;
	while (first < end && gms__region_find(&space->map, first, &row, &check)) {
		const gms_gfn stop = gms__min(end, row.first + row.npages);

		first = gms__max(first, row.first);
		if (gms__region_order(&row) == GMS_ORDER_4K)
			first = gms__max(first, stop);
		while (first < stop) {
			const gms_gfn next = gms__min(stop, (first | (GMS__GIB_PAGES - 1)) + 1);

			n += merge_gib(space, &row, first, next, tables,
				       space->reports_folios ? charge : NULL);
			first = next;
		}
	}
	return n;
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
	gms__ledger_charge(&space->ledger, gms__space_shard(space, first), &charge);
}

static void count_split(struct gms_space *space, gms_gfn gfn, unsigned order,
			struct gms__tables *tables)
{
	gms__shape_cut(space, gfn, order, true, tables);
	gms__shard_count(gms__space_shard(space, gfn), order == GMS_ORDER_1G ?
			 GMS_ACCT_SPLITS_1G : GMS_ACCT_SPLITS_2M, 1);
}

static int split_locked(struct gms_space *space, gms_gfn gfn, unsigned order, uint64_t stripe,
			struct gms__tables *tables)
{
	struct gms__region row;
	uint64_t check;
	unsigned now;

	if (!gms__region_find(&space->map, gfn, &row, &check) || row.first > gfn)
		return -ENOENT;
	now = gms__shape_order(&row, gfn);
	if (now <= order)
		return 0;
	if (space->split == GMS_SPLIT_NONE)
		return -EOPNOTSUPP;
	if (order == GMS_ORDER_4K && !gms__map_has_chunk(&row, gfn) &&
	    gms__pool_take(&space->map.chunks, &tables->chunks, 1, true))
		return -ENOMEM;

	gms__map_change_begin(&space->map, stripe);
	if (now == GMS_ORDER_1G)
		count_split(space, gfn, GMS_ORDER_1G, tables);
	if (order == GMS_ORDER_4K)
		count_split(space, gfn, GMS_ORDER_2M, tables);
	gms__map_change_end(&space->map, stripe);
	return 0;
}

static int merge_locked(struct gms_space *space, gms_gfn gfn, unsigned order, uint64_t stripe,
			struct gms__tables *tables)
{
	const gms_gfn first = gfn >> order << order, end = first + (UINT64_C(1) << order);
	struct gms__region row;
	uint64_t check;

	if (!gms__region_find(&space->map, gfn, &row, &check) || row.first > gfn)
		return -ENOENT;
	if (order > gms__region_order(&row))
		return -EINVAL;
	if (gms__shape_order(&row, gfn) >= order)
		return 0;
	if (mixed(space, &row, gfn, order))
		return -EBUSY;
	if (pinned(space, gfn, order))
		return -EAGAIN;

	gms__map_change_begin(&space->map, stripe);
	if (gms__map_has_chunk(&row, gfn)) {
		for (gms_gfn at = first; at < end; at += GMS__BLOCK_PAGES)
			merge_one(space, &row, at, GMS_ORDER_2M, tables, NULL);
	}
	if (order == GMS_ORDER_1G)
		merge_one(space, &row, gfn, GMS_ORDER_1G, tables, NULL);
	gms__map_settle(&space->map, &row, gfn, tables, true);
	gms__map_change_end(&space->map, stripe);
	return 0;
}

static int with_stripe(struct gms_space *space, gms_gfn gfn, unsigned order,
		       int (*act)(struct gms_space *space, gms_gfn gfn, unsigned order,
				  uint64_t stripe, struct gms__tables *tables))
{
	const uint64_t stripe = UINT64_C(1) << gms__stripe_of(gfn);
	struct gms__tables tables;
	int err;

	memset(&tables, 0, sizeof(tables));
	gms__map_lock(&space->map, stripe, gfn, gfn + 1);
	err = act(space, gfn, order, stripe, &tables);
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

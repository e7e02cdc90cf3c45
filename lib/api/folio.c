/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folio.c - the calls of folio.h.
 */
#include <errno.h>

#include <gmemstate/folio.h>

#include "base/sized.h"
#include "engine/plan.h"
#include "map/get.h"
#include "map/halves.h"

static void fill(struct gms_folio *folio, gms_gfn gfn, unsigned order, uint32_t region,
		 uint64_t shared_pages)
{
	folio->first = gfn >> order << order;
	folio->order = order;
	folio->flags = shared_pages && shared_pages != UINT64_C(1) << order ? GMS_FOLIO_MIXED : 0;
	folio->shared_pages = shared_pages;
	folio->region = region;
	folio->reserved = 0;
}

/* I7: one page says whether all are shared. The shape may have changed meanwhile. */
static bool half_at(const struct gms_space *space, gms_gfn gfn, struct gms_folio *folio)
{
	struct gms__region row;
	unsigned order, again;
	gms_state state;

	do {
		if (!gms__halves_folio(&space->map, gfn, &row, &order))
			return false;
		state = gms__map_get(&space->map, gfn);
	} while (!gms__halves_folio(&space->map, gfn, &row, &again) || again != order);
	fill(folio, gfn, order, gms__region_id(&row),
	     state & GMS_STATE_SHARED ? UINT64_C(1) << order : 0);
	return true;
}

/*
 * The folio that holds gfn, or false for a hole. A split in progress shows the
 * folio before it or after it: the GiB's mark and the block's are read one
 * after the other, and a block's mark counts only where its GiB is cut.
 */
static bool folio_at(const struct gms_space *space, gms_gfn gfn, struct gms_folio *folio)
{
	const bool all_4k = space->split == GMS_SPLIT_ALL_4K;
	struct gms__block block;
	unsigned order = GMS_ORDER_1G;

	if (space->split == GMS_SPLIT_HALVES)
		return half_at(space, gfn, folio);
	if (!gms__map_block(&space->map, gfn, GMS_ORDER_1G, &block))
		return false;
	if (block.base_order == GMS_ORDER_4K || (block.split && all_4k &&
						 block.base_order == GMS_ORDER_1G)) {
		order = GMS_ORDER_4K;
	} else if (block.base_order == GMS_ORDER_2M || block.split) {
		if (!gms__map_block(&space->map, gfn, GMS_ORDER_2M, &block))
			return false;
		order = block.split ? GMS_ORDER_4K : GMS_ORDER_2M;
	}
	if (order == GMS_ORDER_4K) {
		const gms_state state = gms__map_get(&space->map, gfn);

		if (state & GMS_HOLE)
			return false;
		block.shared_pages = state & GMS_STATE_SHARED;
	}
	fill(folio, gfn, order, block.region, block.shared_pages);
	return true;
}

int gms_folio_at(const struct gms_space *space, gms_gfn gfn, struct gms_folio *folio)
{
	struct gms_folio ours;

	if (!space || !folio)
		return -EINVAL;
	if (!folio_at(space, gfn, &ours))
		return -ENOENT;
	*folio = ours;
	return 0;
}

int gms_folio_iter_init(struct gms_folio_iter *it, const struct gms_space *space,
			struct gms_range range)
{
	if (!it)
		return -EINVAL;
	it->space = NULL;
	it->next = 0;
	it->end = 0;
	if (!space || !gms__range_ok(range))
		return -EINVAL;
	it->space = space;
	it->next = range.first;
	it->end = range.first + range.npages;
	return 0;
}

bool gms_folio_iter_next(struct gms_folio_iter *it, struct gms_folio *folio)
{
	if (!it || !folio || !it->space)
		return false;
	while (it->next < it->end) {
		struct gms__region row;
		struct gms_folio ours;
		uint64_t check;

		if (folio_at(it->space, it->next, &ours)) {
			*folio = ours;
			it->next = ours.first + (UINT64_C(1) << ours.order);
			return true;
		}
		if (!gms__region_find(&it->space->map, it->next, &row, &check))
			break;
		it->next = gms__max(it->next, row.first);
		if (it->next >= it->end)
			break;
	}
	it->next = it->end;
	return false;
}

static bool order_ok(const struct gms_space *space, unsigned order)
{
	return order < GMS_ORDERS && (!(order % GMS_ORDER_2M) || space->split == GMS_SPLIT_HALVES);
}

int gms_folio_split(struct gms_space *space, gms_gfn gfn, unsigned order)
{
	return space && order_ok(space, order) ? gms__shape_split_at(space, gfn, order) : -EINVAL;
}

int gms_folio_merge(struct gms_space *space, gms_gfn gfn, unsigned order)
{
	return space && order_ok(space, order) ? gms__shape_merge_at(space, gfn, order) : -EINVAL;
}

int gms_merge_scan(struct gms_space *space, uint64_t budget, struct gms_merge_result *result)
{
	struct gms_merge_result ours;
	int err;

	if (!space)
		return -EINVAL;
	err = result ? gms__sized_check(result, sizeof(*result)) : 0;
	if (err)
		return err;
	GMS_INIT(&ours);
	gms__shape_scan(space, budget, &ours);
	if (result)
		gms__sized_out(result, &ours, sizeof(ours));
	return 0;
}

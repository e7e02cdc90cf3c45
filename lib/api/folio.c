/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folio.c - the calls of folio.h.
 */
#include <errno.h>

#include <gmemstate/folio.h>

#include "engine/plan.h"
#include "map/get.h"

/*
 * The folio that holds gfn, or false for a hole. A split in progress shows the
 * folio before it or after it: the GiB's mark and the block's are read one
 * after the other, and a block's mark counts only where its GiB is cut.
 */
static bool folio_at(const struct gms_space *space, gms_gfn gfn, struct gms_folio *folio)
{
	struct gms__block block;
	unsigned order = GMS_ORDER_1G;

	if (!gms__map_block(&space->map, gfn, GMS_ORDER_1G, &block))
		return false;
	if (block.base_order == GMS_ORDER_4K) {
		order = GMS_ORDER_4K;
	} else if (block.base_order == GMS_ORDER_2M || block.split) {
		if (!gms__map_block(&space->map, gfn, GMS_ORDER_2M, &block))
			return false;
		order = block.split ? GMS_ORDER_4K : GMS_ORDER_2M;
	}
	folio->first = gfn >> order << order;
	folio->order = order;
	folio->flags = 0;
	folio->region = block.region;
	folio->reserved = 0;
	if (order == GMS_ORDER_4K) {
		const gms_state state = gms__map_get(&space->map, gfn);

		if (state & GMS_HOLE)
			return false;
		folio->shared_pages = state & GMS_STATE_SHARED;
		return true;
	}
	folio->shared_pages = block.shared_pages;
	if (block.shared_pages && block.shared_pages != block.npages)
		folio->flags = GMS_FOLIO_MIXED;
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

static bool order_ok(unsigned order)
{
	return order == GMS_ORDER_4K || order == GMS_ORDER_2M || order == GMS_ORDER_1G;
}

int gms_folio_split(struct gms_space *space, gms_gfn gfn, unsigned order)
{
	return space && order_ok(order) ? gms__shape_split_at(space, gfn, order) : -EINVAL;
}

int gms_folio_merge(struct gms_space *space, gms_gfn gfn, unsigned order)
{
	return space && order_ok(order) ? gms__shape_merge_at(space, gfn, order) : -EINVAL;
}

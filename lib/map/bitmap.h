/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bitmap.h - the states of a range as a bitmap.
 */
#ifndef GMS_MAP_BITMAP_H
#define GMS_MAP_BITMAP_H

#include "map/map.h"

/* Is there such a granule, and does the range begin with one? */
static inline bool gms__bitmap_ok(struct gms_range range, unsigned order)
{
	return order <= GMS_ORDER_1G && !(range.first & ((UINT64_C(1) << order) - 1));
}

/* Granules of 2^order pages that so many pages, at least one, are in. */
static inline uint64_t gms__bitmap_granules(uint64_t npages, unsigned order)
{
	return ((npages - 1) >> order) + 1;
}

/*
 * See gms_bitmap_export(): pages [first, end), of which there is one, first a
 * multiple of 2^order. Lock-free.
 */
void gms__map_bitmap(const struct gms__map *map, gms_gfn first, gms_gfn end, gms_state mask,
		     gms_state value, unsigned order, uint64_t *le_bitmap);

#endif

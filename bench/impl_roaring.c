/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_roaring.c - a CRoaring bitmap: one attribute, at most 2^32 pages.
 */
#include <stdio.h>
#include <stdlib.h>

#include <roaring/roaring.h>

#include "peer.h"

static void *create(uint64_t npages)
{
	roaring_bitmap_t *r = roaring_bitmap_create();

	(void)npages;
	if (!r) {
		fputs("bench: out of memory\n", stderr);
		exit(1);
	}
	return r;
}

static void destroy(void *map)
{
	roaring_bitmap_free(map);
}

static unsigned get(void *map, uint64_t page)
{
	return roaring_bitmap_contains(map, (uint32_t)page);
}

static void set(void *map, uint64_t first, uint64_t end, unsigned shared)
{
	if (shared)
		roaring_bitmap_add_range(map, first, end);
	else
		roaring_bitmap_remove_range(map, first, end);
}

static uint64_t count(void *map, uint64_t first, uint64_t end)
{
	return roaring_bitmap_range_cardinality(map, first, end);
}

static int uniform(void *map, uint64_t first, uint64_t end)
{
	if (!roaring_bitmap_contains(map, (uint32_t)first))
		return count(map, first, end) ? -1 : 0;
	return roaring_bitmap_contains_range(map, first, end) ? 1 : -1;
}

static uint64_t next(void *map, uint64_t first, uint64_t end)
{
	roaring_uint32_iterator_t it;

	roaring_init_iterator(map, &it);
	if (!roaring_move_uint32_iterator_equalorlarger(&it, (uint32_t)first) ||
	    it.current_value >= end)
		return end;
	return it.current_value;
}

static void runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	uint64_t lo = first, hi = first;	/* the run so far, [lo, hi) */
	roaring_uint32_iterator_t it;
	uint32_t page[256], n;

	roaring_init_iterator(map, &it);
	if (!roaring_move_uint32_iterator_equalorlarger(&it, (uint32_t)first))
		return;
	while ((n = roaring_read_uint32_iterator(&it, page, 256))) {
		for (uint32_t i = 0; i < n; i++) {
			if (page[i] == hi && hi > lo) {
				hi++;
				continue;
			}
			if (hi > lo)
				fn(arg, lo, hi < end ? hi : end);
			if (page[i] >= end)
				return;
			lo = page[i];
			hi = lo + 1;
		}
		if (hi >= end)
			break;
	}
	if (hi > lo)
		fn(arg, lo, hi < end ? hi : end);
}

static void batch(void *map, const uint64_t *pages, size_t n, unsigned shared)
{
	for (size_t i = 0; i < n; i++) {
		if (shared)
			roaring_bitmap_add(map, (uint32_t)pages[i]);
		else
			roaring_bitmap_remove(map, (uint32_t)pages[i]);
	}
}

static void optimize(void *map)
{
	roaring_bitmap_run_optimize(map);
}

const struct peer peer_roaring = {
	.name = "croaring", .attrs = PEER_ONE_ATTR, .flags = PEER_NO_TOUCH,
	.max_pages = UINT64_C(1) << 32,
	.create = create, .destroy = destroy, .get = get, .set = set, .uniform = uniform,
	.next = next, .runs = runs, .count = count, .batch = batch, .optimize = optimize
};

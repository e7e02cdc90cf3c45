/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * count.c - how many pages, and what may be passed over; by counts kept (M2, M6).
 *
 * A GiB of the range is counted at one moment.
 */
#include "map/walk.h"

static unsigned count_index(gms_state attribute)
{
	switch (attribute) {
	case GMS_STATE_POPULATED:	return GMS__COUNT_POPULATED;
	case GMS_STATE_MISSING:		return GMS__COUNT_MISSING;
	case GMS_STATE_DIRTY:		return GMS__COUNT_DIRTY;
	default:			return GMS__COUNT_SHARED;
	}
}

/* Blocks [b, end) of a chunk, all whole. */
static uint64_t count_blocks(const struct gms__map *map, const struct gms__chunk *chunk,
			     unsigned b, unsigned end, gms_state attribute)
{
	uint64_t n = 0;

	while (b < end) {
		if (attribute == GMS_STATE_SHARED && !(b % GMS__GROUP_BLOCKS) &&
		    end - b >= GMS__GROUP_BLOCKS) {
			const unsigned groups = (end - b) / GMS__GROUP_BLOCKS;

			n += map->bulk->sum16(&chunk->shared[b / GMS__GROUP_BLOCKS], groups);
			b += groups * GMS__GROUP_BLOCKS;
			continue;
		}
		n += gms__block_count(&map->palette, map->bulk, gms__load(&chunk->word[b]), 0,
				      (unsigned)GMS__BLOCK_PAGES, attribute);
		b++;
	}
	return n;
}

/* Pages [first, end) of a chunk's GiB. */
static uint64_t count_chunk(const struct gms__map *map, const struct gms__chunk *chunk,
			    gms_gfn first, gms_gfn end, gms_state attribute)
{
	const gms_gfn head = (first + GMS__BLOCK_PAGES - 1) & ~(GMS__BLOCK_PAGES - 1);
	const gms_gfn tail = end & ~(GMS__BLOCK_PAGES - 1);
	const unsigned from = first % GMS__BLOCK_PAGES, to = end % GMS__BLOCK_PAGES;
	uint64_t n = 0;

	if (head > tail)	/* within one block */
		return gms__block_count(&map->palette, map->bulk,
					gms__load(&chunk->word[gms__block_index(first)]), from, to,
					attribute);
	if (from)
		n += gms__block_count(&map->palette, map->bulk,
				      gms__load(&chunk->word[gms__block_index(first)]), from,
				      (unsigned)GMS__BLOCK_PAGES, attribute);
	if (head < tail)
		n += count_blocks(map, chunk, gms__block_index(head),
				  gms__block_index(tail - 1) + 1, attribute);
	if (to)
		n += gms__block_count(&map->palette, map->bulk,
				      gms__load(&chunk->word[gms__block_index(tail)]), 0, to,
				      attribute);
	return n;
}

/* Pages [first, end) within one GiB of one region; false: read again. */
static bool count_gib(const struct gms__map *map, const uint64_t *gib_at, bool all, gms_gfn first,
		      gms_gfn end, gms_state attribute, uint64_t *n)
{
	const uint64_t gib = gms__load(gib_at);
	const struct gms__chunk *chunk = gms__word_table(gib);
	uint64_t generation;

	if (gms__word_is_uniform(gib)) {
		*n = gms__word_state(gib) & attribute ? end - first : 0;
		return true;
	}
	if (all) {
		*n = gms__load(&chunk->pages[count_index(attribute)]);
		return gms__load_relaxed(gib_at) == gib;
	}
	generation = gms__load(&chunk->generation);
	*n = count_chunk(map, chunk, first, end, attribute);
	gms__read_fence();
	return gms__load_relaxed(&chunk->generation) == generation &&
	       gms__load_relaxed(gib_at) == gib;
}

/* [first, end) within one region. */
static uint64_t count_region(const struct gms__map *map, const struct gms__region *row,
			     gms_gfn first, gms_gfn end, gms_state attribute)
{
	const struct gms__words *words = gms__words_of(row);
	const uint64_t base = gms__gib_of(row->first);
	uint64_t total = 0, n;

	while (first < end) {
		gms_gfn stop;
		bool all;

		if (attribute == GMS_STATE_SHARED) {
			const uint64_t g = base + gms__next_lit(words->lit,
								gms__gib_of(first) - base,
								gms__gib_of(end - 1) + 1 - base);

			first = gms__max(first, g << GMS_ORDER_1G);
			if (first >= end)
				break;
		}
		stop = gms__min((first | (GMS__GIB_PAGES - 1)) + 1, end);
		all = first == gms__clip_lo(row, first, GMS__GIB_PAGES) &&
		      stop == gms__clip_hi(row, first, GMS__GIB_PAGES);
		if (count_gib(map, gms__gib_at(row, first), all, first, stop, attribute, &n)) {
			total += n;
			first = stop;
		}
	}
	return total;
}

uint64_t gms__map_count(const struct gms__map *map, gms_gfn first, gms_gfn end,
			gms_state attribute)
{
	uint64_t total = 0;

	while (first < end) {
		struct gms__region row;
		uint64_t check, n;
		gms_gfn stop;

		if (!gms__region_find(map, first, &row, &check) || row.first >= end)
			break;
		first = gms__max(first, row.first);
		stop = gms__min(end, row.first + row.npages);
		n = count_region(map, &row, first, stop, attribute);
		if (gms__unlikely(gms__table_changed(map, check)))
			continue;
		total += n;
		first = stop;
	}
	return total;
}

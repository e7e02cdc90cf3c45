/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * get.h - one page's state, the call that everybody makes, and whether a block is
 * uniform, which is asked nearly as often.
 *
 * Inline, straight on and without a frame: what a flat bitmap costs is the
 * measure. Whatever is not as expected is left to get.c, from the beginning.
 * Labels R1 to R3 are those of map.h.
 */
#ifndef GMS_MAP_GET_H
#define GMS_MAP_GET_H

#include "map/map.h"

/* get.c: in whatever region; and until it succeeds. */
gms_state gms__map_get_search(const struct gms__map *map, gms_gfn gfn);
gms_state gms__map_get_slow(const struct gms__map *map, gms_gfn gfn);
/* A block of a less even kind, from where the reader stands. */
gms_state gms__map_get_other(const struct gms__map *map, gms_gfn gfn, uint64_t check,
			     const uint64_t *gib_at, uint64_t gib);

/* From the word of the GiB on, whose place is right while the table is the same. */
static inline gms_state gms__map_get_at(const struct gms__map *map, gms_gfn gfn, uint64_t check,
					const uint64_t *gib_at)
{
	const uint64_t gib = gms__load(gib_at);
	const struct gms__chunk *chunk;
	uint64_t word, generation;
	gms_state state;

	if (gms__word_is_uniform(gib)) {
		state = gms__word_state(gib);
	} else {
		chunk = gms__word_table(gib);
		generation = gms__load(&chunk->generation);
		word = gms__load(&chunk->word[gms__block_index(gfn)]);
		if (gms__likely(gms__block_is_even(word))) {
			state = gms__block_get_even(&map->palette, word, gfn);
		} else if (gms__block_kind(word) == GMS__LIST16) {
			state = gms__block_get_list16(&map->palette, word, gfn);
			gms__read_fence();
		} else {
			return gms__map_get_other(map, gfn, check, gib_at, gib);
		}
		if (gms__unlikely(gms__load_relaxed(&chunk->generation) != generation))
			return gms__map_get_slow(map, gfn);
		if (gms__unlikely(gms__load_relaxed(gib_at) != gib))
			return gms__map_get_slow(map, gfn);
	}
	if (gms__unlikely(gms__table_changed(map, check)))
		return gms__map_get_slow(map, gfn);
	return state;
}

static inline gms_state gms__map_get(const struct gms__map *map, gms_gfn gfn)
{
	const uint64_t check = gms__load(&map->table);
	const uint64_t npages = gms__load(&map->most_npages);	/* first: region.c */
	const uint64_t *gib_at;

	if (gms__unlikely(gfn - gms__load(&map->most_first) >= npages))
		return gms__map_get_search(map, gfn);
	gib_at = (const uint64_t *)(uintptr_t)(gms__load(&map->most_words) +
					       gms__gib_of(gfn) * sizeof(uint64_t));
	/*
	 * They were one table's: only then is the word's place right, and may it
	 * be looked at.
	 */
	if (gms__unlikely(gms__table_changed(map, check)))
		return gms__map_get_slow(map, gfn);
	return gms__map_get_at(map, gfn, check, gib_at);
}

/*
 * Is the aligned block of order 9 or 18 at gfn equal under a mask? -1: it is not
 * whole in a region, or not to be told at a glance, or somebody was at it.
 */
static inline int gms__map_block_uniform(const struct gms__map *map, gms_gfn gfn, unsigned order,
					 gms_state mask)
{
	const uint64_t check = gms__load(&map->table), npages = UINT64_C(1) << order;
	const struct gms__region *row = gms__region_around(gms__word_table(check), gfn);
	const uint64_t inside = gfn - gms__load(&row->first), all = gms__load(&row->npages);
	const struct gms__chunk *chunk;
	uint64_t gib, generation;
	const uint64_t *gib_at;
	uint32_t shared;
	int answer = 1;

	if (inside >= all || all - inside < npages)
		return -1;
	gib_at = gms__gib_at(row, gfn);
	if (gms__unlikely(gms__table_changed(map, check)))
		return -1;
	gib = gms__load(gib_at);
	if (!gms__word_is_uniform(gib)) {
		chunk = gms__word_table(gib);
		if (order == GMS_ORDER_1G) {
			shared = gms__load(&chunk->pages[GMS__COUNT_SHARED]);
			answer = mask == GMS_STATE_SHARED ? !shared || shared == npages : -1;
		} else {
			generation = gms__load(&chunk->generation);
			answer = gms__block_uniform_under(
				&map->palette, gms__load(&chunk->word[gms__block_index(gfn)]),
				mask);
			gms__read_fence();
			if (gms__unlikely(gms__load_relaxed(&chunk->generation) != generation))
				return -1;
		}
		if (gms__unlikely(gms__load_relaxed(gib_at) != gib))
			return -1;
	}
	return gms__unlikely(gms__table_changed(map, check)) ? -1 : answer;
}

#endif

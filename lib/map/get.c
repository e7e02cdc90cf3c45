/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * get.c - one page's state where it takes longer, and one block; see map.h for
 * how readers go.
 */
#include "map/get.h"

gms_state gms__map_get_other(const struct gms__map *map, gms_gfn gfn, uint64_t check,
			     const uint64_t *gib_at, uint64_t gib)
{
	const struct gms__chunk *chunk = gms__word_table(gib);
	const uint64_t generation = gms__load(&chunk->generation);
	const uint64_t word = gms__load(&chunk->word[gms__block_index(gfn)]);
	const gms_state state = gms__block_get(&map->palette, word, gfn % GMS__BLOCK_PAGES);

	gms__read_fence();
	if (gms__likely(gms__load_relaxed(&chunk->generation) == generation &&
			gms__load_relaxed(gib_at) == gib && !gms__table_changed(map, check)))
		return state;
	return gms__map_get_slow(map, gfn);
}

gms_state gms__map_get_search(const struct gms__map *map, gms_gfn gfn)
{
	const uint64_t check = gms__load(&map->table);
	const struct gms__region *row = gms__region_around(gms__word_table(check), gfn);
	const uint64_t *gib_at;

	if (gfn - gms__load(&row->first) >= gms__load(&row->npages))
		return gms__map_get_slow(map, gfn);
	gib_at = gms__gib_at(row, gfn);
	if (gms__unlikely(gms__table_changed(map, check)))
		return gms__map_get_slow(map, gfn);
	return gms__map_get_at(map, gfn, check, gib_at);
}

/* One try, without an early way out: false: somebody changed what was read. */
static bool attempt(const struct gms__map *map, gms_gfn gfn, gms_state *state)
{
	const struct gms__chunk *chunk;
	struct gms__region row;
	uint64_t check, gib, generation;
	const uint64_t *gib_at;

	*state = GMS_HOLE;
	if (!gms__region_find(map, gfn, &row, &check) || row.first > gfn)
		return !gms__table_changed(map, check);
	gib_at = gms__gib_at(&row, gfn);
	gib = gms__load(gib_at);
	if (gms__word_is_uniform(gib)) {
		*state = gms__word_state(gib);
		return !gms__table_changed(map, check);
	}
	chunk = gms__word_table(gib);
	generation = gms__load(&chunk->generation);
	*state = gms__block_get(&map->palette, gms__load(&chunk->word[gms__block_index(gfn)]),
				gfn % GMS__BLOCK_PAGES);
	gms__read_fence();
	return gms__load_relaxed(&chunk->generation) == generation &&
	       gms__load_relaxed(gib_at) == gib && !gms__table_changed(map, check);
}

gms_state gms__map_get_slow(const struct gms__map *map, gms_gfn gfn)
{
	gms_state state;

	while (!attempt(map, gfn, &state))
		;
	return state;
}

/* What the word of the GiB tells: of the GiB, or of any block if that is uniform. */
static void block_of_gib(uint64_t gib, unsigned order, struct gms__block *block)
{
	const struct gms__chunk *chunk = gms__word_table(gib);

	/* M4: of a region of 2M folios the mark is that of all blocks. */
	block->split = gms__word_is_split(gib) &&
		       (order == GMS_ORDER_1G || block->base_order == GMS_ORDER_2M);
	block->uniform = gms__word_is_uniform(gib);
	if (!block->uniform)
		block->shared_pages = gms__load(&chunk->pages[GMS__COUNT_SHARED]);
	else
		block->shared_pages = gms__word_state(gib) & GMS_STATE_SHARED ? block->npages : 0;
}

static bool block_of_chunk(const struct gms__map *map, const struct gms__chunk *chunk,
			   gms_gfn gfn, struct gms__block *block)
{
	const uint64_t generation = gms__load(&chunk->generation);
	const uint64_t word = gms__load(&chunk->word[gms__block_index(gfn)]);
	const unsigned first = (unsigned)(block->first % GMS__BLOCK_PAGES);

	block->split = gms__block_is_split(word);
	block->shared_pages = 0;
	if (!block->split)
		block->shared_pages = gms__block_count(&map->palette, map->bulk, word, first,
						       first + (unsigned)block->npages,
						       GMS_STATE_SHARED);
	block->uniform = gms__block_is_uniform(word);
	gms__read_fence();
	return gms__load_relaxed(&chunk->generation) == generation;
}

bool gms__map_block(const struct gms__map *map, gms_gfn gfn, unsigned order,
		    struct gms__block *block)
{
	const uint64_t npages = UINT64_C(1) << order;
	struct gms__region row;
	uint64_t check, gib;
	bool good;

	do {
		const uint64_t *gib_at;

		if (!gms__region_find(map, gfn, &row, &check) || row.first > gfn)
			return false;
		block->first = gms__clip_lo(&row, gfn, npages);
		block->npages = gms__clip_hi(&row, gfn, npages) - block->first;
		block->region = gms__region_id(&row);
		block->base_order = gms__region_order(&row);
		gib_at = gms__gib_at(&row, gfn);
		gib = gms__load(gib_at);
		good = true;
		if (order == GMS_ORDER_1G || gms__word_is_uniform(gib))
			block_of_gib(gib, order, block);
		else
			good = block_of_chunk(map, gms__word_table(gib), gfn, block);
		good = good && gms__load_relaxed(gib_at) == gib;
	} while (gms__unlikely(!good || gms__table_changed(map, check)));
	return true;
}

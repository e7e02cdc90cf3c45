/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * get.c - one page, one block: the reads that everything else is made of.
 *
 * Each goes down through at most three words (region table, GiB, block) to a
 * leaf and then looks whether what it came through still stands (R1 to R3 of
 * map.h); if not, somebody changed the very blocks it went through, and it
 * starts again. Nothing is stored and nothing is waited for.
 */
#include "map/map.h"

/* A block with a leaf: read between two looks. */
static __attribute__((noinline)) bool get_leaf(const struct gms__map *map,
					       const struct gms__chunk *chunk, gms_gfn gfn,
					       gms_state *state)
{
	const struct gms__look look = gms__look(chunk, gfn);

	*state = gms__block_get(&map->palette, look.word, gfn % GMS__BLOCK_PAGES);
	return gms__look_again(chunk, &look);
}

gms_state gms__map_get(const struct gms__map *map, gms_gfn gfn)
{
	const struct gms__region *row;
	const struct gms__chunk *chunk;
	const uint64_t *gib_at;
	uint64_t check, gib, word, first;
	gms_state state;

	for (;;) {
		row = gms__region_of(map, gfn, &check);
		first = row ? gms__load(&row->first) : 0;
		if (gms__unlikely(!row || first > gfn)) {
			if (gms__table_changed(map, check))
				continue;
			return GMS_HOLE;
		}
		gib_at = &gms__load(&row->word)[(gfn >> GMS_ORDER_1G) - (first >> GMS_ORDER_1G)];
		/*
		 * The row was one table's: only then is the word's place right,
		 * and may it be looked at.
		 */
		if (gms__unlikely(gms__table_changed(map, check)))
			continue;
		gib = gms__load(gib_at);
		if (gms__word_is_uniform(gib)) {
			state = gms__word_state(gib);
		} else {
			chunk = gms__word_table(gib);
			word = gms__load(&chunk->word[gms__block_index(gfn)]);
			if (gms__likely(gms__block_kind(word) == GMS__UNIFORM))
				state = gms__block_state(word);
			else if (!gms__block_has_leaf(word))
				state = gms__block_get(&map->palette, word,
						       gfn % GMS__BLOCK_PAGES);
			else if (!get_leaf(map, chunk, gfn, &state))
				continue;
			if (gms__unlikely(gms__load_relaxed(gib_at) != gib))
				continue;
		}
		if (gms__likely(!gms__table_changed(map, check)))
			return state;
	}
}

static void block_of_gib(uint64_t gib, struct gms__block *block)
{
	const struct gms__chunk *chunk = gms__word_table(gib);

	block->split = gms__word_is_split(gib);
	block->uniform = gms__word_is_uniform(gib);
	if (!block->uniform)
		block->shared_pages = gms__load(&chunk->shared_pages);
	else
		block->shared_pages = gms__word_state(gib) & GMS_STATE_SHARED ? block->npages : 0;
}

static bool block_of_chunk(const struct gms__map *map, const struct gms__chunk *chunk,
			   gms_gfn gfn, struct gms__block *block)
{
	const struct gms__look look = gms__look(chunk, gfn);
	const unsigned first = (unsigned)(block->first % GMS__BLOCK_PAGES);

	block->shared_pages = gms__block_shared(&map->palette, look.word, first,
						first + (unsigned)block->npages);
	block->split = gms__block_is_split(look.word);
	block->uniform = gms__block_kind(look.word) == GMS__UNIFORM;
	return !gms__block_has_leaf(look.word) || gms__look_again(chunk, &look);
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
		block->first = gms__max(gfn & ~(npages - 1), row.first);
		block->npages = gms__min((gfn | (npages - 1)) + 1, row.first + row.npages) -
				block->first;
		block->region = gms__region_id(&row);
		block->base_order = gms__region_order(&row);
		gib_at = &row.word[(gfn >> GMS_ORDER_1G) - (row.first >> GMS_ORDER_1G)];
		gib = gms__load(gib_at);
		if (order == GMS_ORDER_1G) {
			block_of_gib(gib, block);
			good = true;
		} else if (gms__word_is_uniform(gib)) {
			block->shared_pages = gms__word_state(gib) & GMS_STATE_SHARED ?
					      block->npages : 0;
			block->split = false;
			block->uniform = true;
			good = true;
		} else {
			good = block_of_chunk(map, gms__word_table(gib), gfn, block);
		}
		good = good && gms__load_relaxed(gib_at) == gib;
	} while (gms__unlikely(!good || gms__table_changed(map, check)));
	return true;
}

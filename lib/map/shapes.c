/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shapes.c - chunks, and the marks that say what folios are cut into.
 *
 * Locking: the caller holds the stripes.
 */
#include "base/debug.h"
#include "map/changes.h"
#include "map/halves.h"

static void gib_store(uint64_t *at, uint64_t fresh)
{
	gms__store(at, gms__word_next(*at, fresh));
}

/* R1 of map.h: readers of what the chunk held must see that it moved on. */
static void chunk_moves(struct gms__chunk *chunk)
{
	gms__store(&chunk->generation, chunk->generation + 1);
}

struct gms__chunk *gms__chunk_of(const struct gms__region *r, gms_gfn gfn)
{
	const uint64_t word = *gms__gib_at(r, gfn);

	return gms__word_is_uniform(word) ? NULL : gms__word_table(word);
}

/* It says the same as the GiB's uniform word did. */
static void chunk_fill(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
		       struct gms__chunk *chunk, gms_state state)
{
	const uint64_t word = gms__block_uniform(&map->palette, state);
	const gms_gfn base = gfn & ~(GMS__GIB_PAGES - 1);
	const gms_gfn lo = gms__clip_lo(r, gfn, GMS__GIB_PAGES);
	const gms_gfn hi = gms__clip_hi(r, gfn, GMS__GIB_PAGES);
	struct gms__delta all = { { 0 } };

	chunk->nmixed = 0;
	chunk->nlists = 0;
	chunk->nsplit = 0;
	if (map->keeps & GMS__KEEPS_HALVES)
		gms__halves_clear(chunk);
	gms__delta_turn(&all, 0, state, (unsigned)(hi - lo));
	for (unsigned i = 0; i < GMS__COUNTED; i++)
		gms__store(&chunk->pages[i], (uint32_t)all.pages[i]);
	for (unsigned b = 0; b < GMS__CHUNK_BLOCKS; b++)
		gms__store(&chunk->word[b], word);
	for (unsigned q = 0; q < GMS__CHUNK_BLOCKS / GMS__GROUP_BLOCKS; q++) {
		const gms_gfn from = gms__max(base + q * GMS__GROUP_PAGES, lo);
		const gms_gfn to = gms__min(base + (q + 1) * GMS__GROUP_PAGES, hi);

		gms__store(&chunk->shared[q],
			   state & GMS_STATE_SHARED && from < to ? (uint16_t)(to - from) : 0);
	}
}

/* M4: the GiB's mark was that of its blocks. */
static void chunk_split(const struct gms__region *r, gms_gfn gfn, struct gms__chunk *chunk)
{
	const unsigned first = gms__block_index(gms__clip_lo(r, gfn, GMS__GIB_PAGES));
	const unsigned last = gms__block_index(gms__clip_hi(r, gfn, GMS__GIB_PAGES) - 1);

	for (unsigned b = first; b <= last; b++)
		gms__store(&chunk->word[b], chunk->word[b] | GMS__BLOCK_SPLIT);
	chunk->nsplit = (uint16_t)(last - first + 1);
}

struct gms__chunk *gms__chunk_get(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
				  struct gms__tables *tables)
{
	struct gms__chunk *chunk = gms__chunk_of(r, gfn);
	uint64_t *at;

	if (chunk)
		return chunk;
	at = gms__gib_at(r, gfn);
	chunk = gms__stock_pop(&tables->chunks);
	gms__assert(chunk);
	chunk_fill(map, r, gfn, chunk, gms__word_state(*at));
	if (gms__word_is_split(*at) && gms__region_order(r) == GMS_ORDER_2M) {
		chunk_split(r, gfn, chunk);
		gib_store(at, gms__word_to(chunk));
	} else {
		gib_store(at, gms__word_to(chunk) | (*at & GMS__WORD_SPLIT));
	}
	return chunk;
}

/* Does it say the same everywhere? Then it becomes one word. */
static void collapse(struct gms__map *map, const struct gms__idle *gib, struct gms__tables *tables)
{
	const unsigned first = gib->place % GMS__CHUNK_BLOCKS;
	const unsigned last = gib->place / GMS__CHUNK_BLOCKS % GMS__CHUNK_BLOCKS;
	struct gms__chunk *chunk = gms__word_table(*gib->at);
	const uint64_t word = chunk->word[first];
	gms_state state;

	if (chunk->nmixed || chunk->nsplit ||
	    !map->bulk->all_equal(&chunk->word[first], last - first + 1, word, ~UINT64_C(0)))
		return;
	state = gms__block_state(&map->palette, word);
	gib_store(gib->at, gms__word_uniform(state) | (*gib->at & GMS__WORD_SPLIT));
	chunk_moves(chunk);
	gms__stock_push(&tables->chunks, chunk);
	if (!(state & GMS_STATE_SHARED))
		gms__darken(gib->words, gib->at);
}

void gms__map_settle(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
		     struct gms__tables *tables, bool at_once)
{
	struct gms__idle *idle = map->stripe[gms__stripe_of(gfn)].idle, gib, last;
	const gms_gfn lo = gms__clip_lo(r, gfn, GMS__GIB_PAGES);
	const gms_gfn hi = gms__clip_hi(r, gfn, GMS__GIB_PAGES);
	const struct gms__chunk *chunk = gms__chunk_of(r, gfn);

	if (!chunk || chunk->nmixed || chunk->nsplit ||
	    chunk->pages[GMS__COUNT_SHARED] % (hi - lo))
		return;
	gib.at = gms__gib_at(r, gfn);
	gib.words = gms__words_of(r);
	gib.place = (gms__gib_of(gfn) * GMS__CHUNK_BLOCKS + gms__block_index(hi - 1)) *
		    GMS__CHUNK_BLOCKS + gms__block_index(lo);
	if (at_once) {
		collapse(map, &gib, tables);
		return;
	}
	last = idle[GMS__IDLE - 1];
	for (unsigned i = 0; i < GMS__IDLE; i++) {
		if (idle[i].at == gib.at)
			return;
	}
	for (unsigned i = GMS__IDLE - 1; i; i--)
		idle[i] = idle[i - 1];
	idle[0] = gib;
	/* It may have been taken into use, or collapsed otherwise. */
	if (last.at && !gms__word_is_uniform(*last.at) &&
	    !gms__map_is_owned(map, last.place >> GMS_ORDER_1G << GMS_ORDER_1G))
		collapse(map, &last, tables);
}

bool gms__map_is_split(const struct gms__region *r, gms_gfn gfn, unsigned order)
{
	const uint64_t gib = *gms__gib_at(r, gfn);
	struct gms__chunk *chunk;

	if (order == GMS_ORDER_1G)
		return gms__word_is_split(gib);
	if (gms__word_is_uniform(gib))
		return gms__word_is_split(gib) && gms__region_order(r) == order;
	chunk = gms__word_table(gib);
	if (order == GMS_ORDER_2M)
		return gms__block_is_split(chunk->word[gms__block_index(gfn)]);
	return gms__halves_is_cut(chunk, gfn, order);
}

bool gms__map_has_chunk(const struct gms__region *r, gms_gfn gfn)
{
	return gms__chunk_of(r, gfn);
}

void gms__map_set_split(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
			unsigned order, bool split, struct gms__tables *tables)
{
	struct gms__chunk *chunk;
	uint64_t *at = gms__gib_at(r, gfn);

	gms__changes_note(map, r, gfn >> order << order,
			  (gfn >> order << order) + (UINT64_C(1) << order));
	if (order == GMS_ORDER_1G) {
		gib_store(at, split ? *at | GMS__WORD_SPLIT : *at & ~GMS__WORD_SPLIT);
		return;
	}
	chunk = gms__chunk_get(map, r, gfn, tables);
	if (order != GMS_ORDER_2M) {
		gms__halves_cut(chunk, gfn, order, split);
		return;
	}
	at = &chunk->word[gms__block_index(gfn)];
	if (gms__block_is_split(*at) == split)
		return;
	chunk->nsplit = (uint16_t)(chunk->nsplit + (split ? 1 : -1));
	if (gms__likely(!(map->keeps & GMS__KEEPS_HALVES))) {
		gms__store(at, *at ^ GMS__BLOCK_SPLIT);
	} else if (split) {
		gms__halves_open(chunk, gms__block_index(gfn), tables);
		gms__store(at, *at | GMS__BLOCK_SPLIT);
	} else {
		gms__store(at, *at & ~GMS__BLOCK_SPLIT);
		chunk_moves(chunk);
		gms__halves_close(chunk, gms__block_index(gfn), tables);
	}
}

void gms__map_set_split_all(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
			    bool split)
{
	uint64_t *at = gms__gib_at(r, gfn);

	gms__assert(gms__word_is_uniform(*at) && gms__region_order(r) == GMS_ORDER_2M);
	gms__changes_note(map, r, gms__clip_lo(r, gfn, GMS__GIB_PAGES),
			  gms__clip_hi(r, gfn, GMS__GIB_PAGES));
	gib_store(at, split ? *at | GMS__WORD_SPLIT : *at & ~GMS__WORD_SPLIT);
}

bool gms__map_shared_at(const struct gms__map *map, const struct gms__region *r, gms_gfn gfn)
{
	const struct gms__chunk *chunk = gms__chunk_of(r, gfn);

	if (!chunk)
		return gms__word_state(*gms__gib_at(r, gfn)) & GMS_STATE_SHARED;
	return gms__block_get(&map->palette, chunk->word[gms__block_index(gfn)],
			      gfn % GMS__BLOCK_PAGES) & GMS_STATE_SHARED;
}

uint64_t gms__map_shared_in(const struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
			    unsigned order)
{
	const struct gms__chunk *chunk = gms__chunk_of(r, gfn);
	const uint64_t npages = UINT64_C(1) << order;
	const gms_gfn lo = gms__clip_lo(r, gfn, npages), hi = gms__clip_hi(r, gfn, npages);

	if (chunk && order == GMS_ORDER_1G)
		return chunk->pages[GMS__COUNT_SHARED];
	if (chunk)
		return gms__block_count(&map->palette, map->bulk,
					chunk->word[gms__block_index(gfn)],
					(unsigned)(lo % GMS__BLOCK_PAGES),
					(unsigned)((hi - 1) % GMS__BLOCK_PAGES) + 1,
					GMS_STATE_SHARED);
	return gms__word_state(*gms__gib_at(r, gfn)) & GMS_STATE_SHARED ? hi - lo : 0;
}

bool gms__map_any_split_2m(const struct gms__region *r, gms_gfn gfn)
{
	const struct gms__chunk *chunk = gms__chunk_of(r, gfn);

	return chunk && chunk->nsplit;
}

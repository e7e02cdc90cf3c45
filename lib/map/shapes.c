/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shapes.c - chunks, and the marks that say what folios are cut into.
 *
 * Locking: the caller holds the stripes.
 */
#include "base/debug.h"
#include "map/map.h"

static uint64_t *gib_at(const struct gms__region *r, gms_gfn gfn)
{
	return &r->word[(gfn >> GMS_ORDER_1G) - (r->first >> GMS_ORDER_1G)];
}

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
	const uint64_t word = *gib_at(r, gfn);

	return gms__word_is_uniform(word) ? NULL : gms__word_table(word);
}

/* It says the same as the GiB's uniform word did. */
static struct gms__chunk *chunk_make(const struct gms__region *r, gms_gfn gfn,
				     struct gms__tables *tables)
{
	uint64_t *at = gib_at(r, gfn);
	const gms_gfn base = gfn & ~(GMS__GIB_PAGES - 1);
	const gms_gfn lo = gms__max(base, r->first);
	const gms_gfn hi = gms__min(base + GMS__GIB_PAGES, r->first + r->npages);
	const gms_state state = gms__word_state(*at);
	struct gms__chunk *chunk = gms__stock_pop(&tables->chunks);

	gms__assert(chunk);
	chunk_moves(chunk);
	chunk->nmixed = 0;
	gms__store(&chunk->shared_pages, state & GMS_STATE_SHARED ? (uint32_t)(hi - lo) : 0);
	for (unsigned b = 0; b < GMS__CHUNK_BLOCKS; b++)
		gms__store(&chunk->word[b], gms__block_uniform(state));
	for (unsigned p = 0; p < GMS__CHUNK_BLOCKS / 2; p++) {
		const gms_gfn pair = base + p * 2 * GMS__BLOCK_PAGES;
		const gms_gfn from = gms__max(pair, lo);
		const gms_gfn to = gms__min(pair + 2 * GMS__BLOCK_PAGES, hi);

		gms__store(&chunk->shared[p],
			   state & GMS_STATE_SHARED && from < to ? (uint16_t)(to - from) : 0);
	}
	gib_store(at, gms__word_to(chunk) | (*at & GMS__WORD_SPLIT));
	return chunk;
}

struct gms__chunk *gms__chunk_get(const struct gms__region *r, gms_gfn gfn,
				  struct gms__tables *tables)
{
	struct gms__chunk *chunk = gms__chunk_of(r, gfn);

	return chunk ? chunk : chunk_make(r, gfn, tables);
}

void gms__map_collapse(const struct gms__region *r, gms_gfn gfn, struct gms__tables *tables)
{
	uint64_t *at = gib_at(r, gfn);
	const gms_gfn lo = gms__max(gfn & ~(GMS__GIB_PAGES - 1), r->first);
	const gms_gfn hi = gms__min((gfn | (GMS__GIB_PAGES - 1)) + 1, r->first + r->npages);
	struct gms__chunk *chunk = gms__chunk_of(r, gfn);
	const unsigned first = gms__block_index(lo), last = gms__block_index(hi - 1);

	if (!chunk || chunk->nmixed || gms__block_is_split(chunk->word[first]))
		return;
	for (unsigned b = last; b > first; b--) {
		if (chunk->word[b] != chunk->word[first])
			return;
	}
	chunk_moves(chunk);
	gib_store(at, gms__word_uniform(gms__block_state(chunk->word[first])) |
		      (*at & GMS__WORD_SPLIT));
	gms__stock_push(&tables->chunks, chunk);
}

bool gms__map_is_split(const struct gms__region *r, gms_gfn gfn, unsigned order)
{
	const struct gms__chunk *chunk = gms__chunk_of(r, gfn);

	if (order == GMS_ORDER_1G)
		return gms__word_is_split(*gib_at(r, gfn));
	return chunk && gms__block_is_split(chunk->word[gms__block_index(gfn)]);
}

bool gms__map_has_chunk(const struct gms__region *r, gms_gfn gfn)
{
	return gms__chunk_of(r, gfn);
}

void gms__map_set_split(const struct gms__region *r, gms_gfn gfn, unsigned order, bool split,
			struct gms__tables *tables)
{
	struct gms__chunk *chunk;
	uint64_t *at = gib_at(r, gfn);

	if (order == GMS_ORDER_1G) {
		gib_store(at, split ? *at | GMS__WORD_SPLIT : *at & ~GMS__WORD_SPLIT);
		return;
	}
	chunk = gms__chunk_get(r, gfn, tables);
	at = &chunk->word[gms__block_index(gfn)];
	if (gms__block_has_leaf(*at))
		chunk_moves(chunk);
	gms__store(at, split ? *at | GMS__BLOCK_SPLIT : *at & ~GMS__BLOCK_SPLIT);
}

uint64_t gms__map_shared_in(const struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
			    unsigned order)
{
	const struct gms__chunk *chunk = gms__chunk_of(r, gfn);
	const gms_gfn base = gfn >> order << order;
	const gms_gfn lo = gms__max(base, r->first);
	const gms_gfn hi = gms__min(base + (UINT64_C(1) << order), r->first + r->npages);

	if (chunk && order == GMS_ORDER_1G)
		return chunk->shared_pages;
	if (chunk)
		return gms__block_shared(&map->palette, chunk->word[gms__block_index(gfn)],
					 (unsigned)(lo - base), (unsigned)(hi - base));
	return gms__word_state(*gib_at(r, gfn)) & GMS_STATE_SHARED ? hi - lo : 0;
}

bool gms__map_any_split_2m(const struct gms__region *r, gms_gfn gfn)
{
	const struct gms__chunk *chunk = gms__chunk_of(r, gfn);

	for (unsigned b = 0; chunk && b < GMS__CHUNK_BLOCKS; b++) {
		if (gms__block_is_split(chunk->word[b]))
			return true;
	}
	return false;
}

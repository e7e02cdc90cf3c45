/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.c - bounce buffers; see pool.h.
 */
#include "replay/pool.h"

#include <errno.h>
#include <stdlib.h>

#include <gmemstate/types.h>

#define WORD_SLOTS	64u
#define PAGE_SLOTS	(GMS_PAGE_SIZE / POOL_SLOT_BYTES)

static uint32_t slots_of(uint64_t bytes)
{
	return (uint32_t)((bytes + POOL_SLOT_BYTES - 1) / POOL_SLOT_BYTES);
}

void pool_init(struct pool *pool, uint64_t chunk_bytes)
{
	*pool = (struct pool){ .chunk_slots = (uint32_t)(chunk_bytes / POOL_SLOT_BYTES) };
}

void pool_drop(struct pool *pool)
{
	for (uint32_t i = 0; i < pool->nchunks; i++)
		free(pool->chunk[i].taken);
	free(pool->chunk);
	*pool = (struct pool){ .chunk_slots = pool->chunk_slots };
}

int pool_grow(struct pool *pool)
{
	struct pool_chunk *chunk = realloc(pool->chunk, (pool->nchunks + 1) * sizeof(*chunk));
	uint64_t *taken;

	if (!chunk)
		return -ENOMEM;
	pool->chunk = chunk;
	taken = calloc(pool->chunk_slots / WORD_SLOTS, sizeof(*taken));
	if (!taken)
		return -ENOMEM;
	chunk[pool->nchunks++] = (struct pool_chunk){
		.taken = taken, .nfree = pool->chunk_slots, .lacks = UINT32_MAX,
	};
	return 0;
}

/* The first slot from there on that is taken, or free; at most end. */
static uint32_t next(const uint64_t *taken, uint32_t from, uint32_t end, bool want_taken)
{
	const uint64_t flip = want_taken ? 0 : UINT64_MAX;
	uint32_t word = from / WORD_SLOTS;
	uint64_t bits;

	if (from >= end)
		return end;
	bits = (taken[word] ^ flip) & UINT64_MAX << from % WORD_SLOTS;
	while (!bits && ++word * WORD_SLOTS < end)
		bits = taken[word] ^ flip;
	if (!bits)
		return end;
	from = word * WORD_SLOTS + (uint32_t)__builtin_ctzll(bits);
	return from < end ? from : end;
}

static void mark(uint64_t *taken, uint32_t first, uint32_t n, bool to)
{
	while (n) {
		const uint32_t at = first % WORD_SLOTS;
		const uint32_t here = WORD_SLOTS - at < n ? WORD_SLOTS - at : n;
		const uint64_t bits = UINT64_MAX >> (WORD_SLOTS - here) << at;

		if (to)
			taken[first / WORD_SLOTS] |= bits;
		else
			taken[first / WORD_SLOTS] &= ~bits;
		first += here;
		n -= here;
	}
}

/* The first run of n free slots that begins at a multiple of align; end: there is none. */
static uint32_t find(const struct pool_chunk *chunk, uint32_t end, uint32_t n, uint32_t align)
{
	uint32_t at = chunk->low;

	for (;;) {
		uint32_t stop;

		at = next(chunk->taken, at, end, false);
		at = (at + align - 1) / align * align;
		if (at >= end || end - at < n)
			return end;
		stop = next(chunk->taken, at, at + n, true);
		if (stop == at + n)
			return at;
		at = stop;
	}
}

uint64_t pool_take(struct pool *pool, uint64_t bytes)
{
	const uint32_t end = pool->chunk_slots, n = slots_of(bytes);
	const uint32_t align = n >= PAGE_SLOTS ? PAGE_SLOTS : 1;

	if (bytes > (uint64_t)end * POOL_SLOT_BYTES)
		return POOL_NONE;
	while (pool->first < pool->nchunks && !pool->chunk[pool->first].nfree)
		pool->first++;
	for (uint32_t i = pool->first; i < pool->nchunks; i++) {
		struct pool_chunk *chunk = &pool->chunk[i];
		uint32_t at;

		if (chunk->nfree < n || n >= chunk->lacks)
			continue;
		at = find(chunk, end, n, align);
		if (at == end) {
			chunk->lacks = n;
			continue;
		}
		mark(chunk->taken, at, n, true);
		chunk->nfree -= n;
		if (at == chunk->low)
			chunk->low = at + n;
		return ((uint64_t)i * end + at) * POOL_SLOT_BYTES;
	}
	return POOL_NONE;
}

void pool_give(struct pool *pool, uint64_t offset, uint64_t bytes)
{
	const uint64_t slot = offset / POOL_SLOT_BYTES;
	const uint32_t i = (uint32_t)(slot / pool->chunk_slots);
	const uint32_t at = (uint32_t)(slot % pool->chunk_slots);
	struct pool_chunk *chunk = &pool->chunk[i];

	mark(chunk->taken, at, slots_of(bytes), false);
	chunk->nfree += slots_of(bytes);
	chunk->lacks = UINT32_MAX;
	if (at < chunk->low)
		chunk->low = at;
	if (i < pool->first)
		pool->first = i;
}

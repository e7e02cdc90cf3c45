/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h - bounce buffers: slots of 2 KiB, the first run that is long enough, as in
 * Linux' swiotlb.
 *
 * The pool is chunks of one size; a mapping lies in one chunk. What begins at a page
 * boundary is what is a page long or longer.
 *
 *   P1  A slot is taken from pool_take() to pool_give(), by one mapping.
 *   P2  No run of free slots, of a length that a chunk says it lacks, is in the chunk.
 *
 * Locking: none; a pool is one replay's.
 */
#ifndef GMS_REPLAY_POOL_H
#define GMS_REPLAY_POOL_H

#include <stdint.h>

#define POOL_SLOT_BYTES		2048u
#define POOL_CHUNK_BYTES_LEAST	(UINT64_C(1) << 21)
#define POOL_NONE		UINT64_MAX

struct pool_chunk {
	uint64_t *taken;	/* a bit a slot */
	uint32_t  nfree;
	uint32_t  low;		/* all slots below it are taken */
	uint32_t  lacks;	/* P2: in slots, page boundaries heeded */
};

struct pool {
	struct pool_chunk *chunk;
	uint32_t nchunks;
	uint32_t first;		/* chunks below it are full */
	uint32_t chunk_slots;
};

/* chunk_bytes: a multiple of POOL_CHUNK_BYTES_LEAST, below 2^40. */
void pool_init(struct pool *pool, uint64_t chunk_bytes);
void pool_drop(struct pool *pool);
/* One chunk more; 0 or -ENOMEM. */
int  pool_grow(struct pool *pool);
/* Where, from the start of the pool in bytes; POOL_NONE: nowhere, it has to grow. */
uint64_t pool_take(struct pool *pool, uint64_t bytes);
/* With the same length. */
void pool_give(struct pool *pool, uint64_t offset, uint64_t bytes);

#endif

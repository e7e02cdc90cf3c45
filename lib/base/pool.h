/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h - objects of one size whose memory keeps its type.
 *
 * A lock-free reader may look at an object after it was given back, and notices
 * only afterwards. So what was once an object of a pool stays one: slabs go
 * back to the allocator with the pool, never before. A free object is linked
 * through its first bytes, which such a reader may take for data: the link is
 * stored like data.
 *
 * Locking: the pool's own lock (rank POOL), taken inside each call.
 */
#ifndef GMS_BASE_POOL_H
#define GMS_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/mem.h"

struct gms__node {
	struct gms__node *next;
};

struct gms__slab;

struct gms__pool {
	struct gms__lock  lock;
	struct gms__mem	 *mem;
	struct gms__slab *slabs;
	struct gms__node *free;
	size_t		  object_bytes;	/* 32, or a multiple of the cache line */
	size_t		  per_slab;
	uint64_t	  nfree;
	uint64_t	  ntotal;
};

/* Objects a caller has taken and may use or give back. */
struct gms__stock {
	struct gms__node *head;
	struct gms__node *tail;		/* the last one, if there is one */
	uint64_t	  n;
};

/* New objects are all zero behind their link; old ones hold what they held. */
int  gms__pool_init(struct gms__pool *pool, struct gms__mem *mem, size_t object_bytes,
		    size_t per_slab);
void gms__pool_fini(struct gms__pool *pool);

/* Make the stock at least n, or leave it as it is and say -ENOMEM. */
int  gms__pool_take(struct gms__pool *pool, struct gms__stock *stock, uint64_t n,
		    bool may_alloc);
void gms__pool_put(struct gms__pool *pool, struct gms__stock *stock);
/* Bytes of free objects; a reader without a lock gets a recent figure. */
uint64_t gms__pool_idle_bytes(const struct gms__pool *pool);
int  gms__pool_reserve(struct gms__pool *pool, uint64_t nfree);

static inline void *gms__stock_pop(struct gms__stock *stock)
{
	struct gms__node *node = stock->head;

	if (node) {
		stock->head = node->next;
		stock->n--;
	}
	return node;
}

static inline void gms__stock_push(struct gms__stock *stock, void *object)
{
	struct gms__node *node = object;

	gms__store(&node->next, stock->head);
	if (!stock->head)
		stock->tail = node;
	stock->head = node;
	stock->n++;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.c - objects of one size whose memory keeps its type; see pool.h.
 */
#include "base/pool.h"

#include <errno.h>
#include <string.h>

#include "base/debug.h"

struct gms__slab {
	struct gms__slab *next;
	char		  pad[GMS__CACHE_LINE - sizeof(void *)];
};

static size_t slab_bytes(const struct gms__pool *pool)
{
	return sizeof(struct gms__slab) + pool->per_slab * pool->object_bytes;
}

int gms__pool_init(struct gms__pool *pool, struct gms__mem *mem, size_t object_bytes,
		   size_t per_slab)
{
	gms__assert(object_bytes % (GMS__CACHE_LINE / 2) == 0);
	memset(pool, 0, sizeof(*pool));
	pool->mem = mem;
	pool->object_bytes = object_bytes;
	pool->per_slab = per_slab;
	return gms__lock_init(&pool->lock, GMS__RANK_POOL, 0);
}

void gms__pool_fini(struct gms__pool *pool)
{
	struct gms__slab *slab = pool->slabs;

	while (slab) {
		struct gms__slab *next = slab->next;

		gms__mem_free(pool->mem, slab, slab_bytes(pool));
		slab = next;
	}
	gms__lock_fini(&pool->lock);
}

static int grow(struct gms__pool *pool)
{
	struct gms__slab *slab = gms__mem_alloc(pool->mem, slab_bytes(pool));
	char *object;

	if (!slab)
		return -ENOMEM;
	memset(slab, 0, slab_bytes(pool));
	slab->next = pool->slabs;
	pool->slabs = slab;

	object = (char *)(slab + 1) + pool->per_slab * pool->object_bytes;
	for (size_t i = 0; i < pool->per_slab; i++) {
		struct gms__node *node = (void *)(object -= pool->object_bytes);

		node->next = pool->free;
		pool->free = node;
	}
	gms__store(&pool->nfree, pool->nfree + pool->per_slab);
	pool->ntotal += pool->per_slab;
	return 0;
}

static int grow_to(struct gms__pool *pool, uint64_t nfree)
{
	while (pool->nfree < nfree) {
		if (grow(pool))
			return -ENOMEM;
	}
	return 0;
}

int gms__pool_take(struct gms__pool *pool, struct gms__stock *stock, uint64_t n, bool may_alloc)
{
	int err = 0;

	if (stock->n >= n)
		return 0;
	gms__lock(&pool->lock);
	if (pool->nfree < n - stock->n)
		err = may_alloc ? grow_to(pool, n - stock->n) : -ENOMEM;
	while (!err && stock->n < n) {
		struct gms__node *node = pool->free;

		pool->free = node->next;
		gms__store(&pool->nfree, pool->nfree - 1);
		gms__stock_push(stock, node);
	}
	gms__unlock(&pool->lock);
	return err;
}

void gms__pool_put(struct gms__pool *pool, struct gms__stock *stock)
{
	if (!stock->head)
		return;
	gms__lock(&pool->lock);
	gms__store(&stock->tail->next, pool->free);
	pool->free = stock->head;
	gms__store(&pool->nfree, pool->nfree + stock->n);
	gms__unlock(&pool->lock);
	stock->head = NULL;
	stock->n = 0;
}

int gms__pool_reserve(struct gms__pool *pool, uint64_t nfree)
{
	int err;

	gms__lock(&pool->lock);
	err = grow_to(pool, nfree);
	gms__unlock(&pool->lock);
	return err;
}

uint64_t gms__pool_idle_bytes(const struct gms__pool *pool)
{
	return gms__load(&pool->nfree) * pool->object_bytes;
}

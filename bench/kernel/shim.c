/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shim.c - slabs and RCU for the kernel's data structures in user space.
 *
 * A cache is a free list over large chunks, as the kernel's is over pages; its
 * lock is a spin lock that one thread alone finds free. Chunks are never given
 * back, so a cache's size is told by its live objects.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared.h"
#include <linux/slab.h>
#include <urcu.h>

#include "peer.h"
#include "shim.h"

#define CHUNK_BYTES	(64u << 10)
#define GRACE_OBJECTS	4096u	/* freed after one grace period, about */

struct object {
	struct object *next;
};

struct kmem_cache {
	char	       lock;
	struct object *free;
	char	      *bump;
	size_t	       left;
	size_t	       bytes;
	size_t	       align;
	void	     (*ctor)(void *);
	uint64_t       live;
};

extern const struct peer peer_maple, peer_xarray, peer_rbtree;

__attribute__((visibility("default")))
const struct peer *const bench_kernel_peers[] = { &peer_maple, &peer_xarray, &peer_rbtree, NULL };

bool shim_readers;
int preempt_count;

static void lock(struct kmem_cache *cache)
{
	while (__atomic_test_and_set(&cache->lock, __ATOMIC_ACQUIRE))
		;
}

static void unlock(struct kmem_cache *cache)
{
	__atomic_clear(&cache->lock, __ATOMIC_RELEASE);
}

static void *take(struct kmem_cache *cache)
{
	struct object *object = cache->free;

	if (object) {
		cache->free = object->next;
	} else {
		if (cache->left < cache->bytes) {
			if (posix_memalign((void **)&cache->bump, 4096, CHUNK_BYTES)) {
				fputs("bench: out of memory\n", stderr);
				exit(1);
			}
			cache->left = CHUNK_BYTES;
		}
		object = (struct object *)cache->bump;
		cache->bump += cache->bytes;
		cache->left -= cache->bytes;
		if (cache->ctor)
			cache->ctor(object);
	}
	cache->live++;
	return object;
}

static void put(struct kmem_cache *cache, void *mem)
{
	struct object *object = mem;

	object->next = cache->free;
	cache->free = object;
	cache->live--;
}

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     unsigned int flags, void (*ctor)(void *))
{
	struct kmem_cache *cache = calloc(1, sizeof(*cache));

	if (!align)
		align = 8;
	cache->bytes = (size + align - 1) & -(size_t)align;
	cache->align = align;
	cache->ctor = ctor;
	return cache;
}

void *kmem_cache_alloc_lru(struct kmem_cache *cache, struct list_lru *lru, int gfp)
{
	void *mem;

	lock(cache);
	mem = take(cache);
	unlock(cache);
	if (gfp & __GFP_ZERO)
		memset(mem, 0, cache->bytes);
	return mem;
}

void kmem_cache_free(struct kmem_cache *cache, void *mem)
{
	/* A constructor left an object in a form that its next user expects. */
	lock(cache);
	if (cache->ctor)
		cache->ctor(mem);
	put(cache, mem);
	unlock(cache);
}

int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n, void **mem)
{
	lock(cache);
	for (size_t i = 0; i < n; i++)
		mem[i] = take(cache);
	unlock(cache);
	for (size_t i = 0; gfp & __GFP_ZERO && i < n; i++)
		memset(mem[i], 0, cache->bytes);
	return (int)n;
}

void kmem_cache_free_bulk(struct kmem_cache *cache, size_t n, void **mem)
{
	lock(cache);
	for (size_t i = 0; i < n; i++)
		put(cache, mem[i]);
	unlock(cache);
}

uint64_t shim_live_bytes(const struct kmem_cache *cache)
{
	return __atomic_load_n(&cache->live, __ATOMIC_RELAXED) * cache->bytes;
}

int lockdep_is_held(const void *lock)
{
	return 1;
}

/* What the one writer handed over, to be freed when no reader can see it any more. */
static struct {
	struct rcu_head *head;
	void (*func)(struct rcu_head *head);
} *waiting;
static size_t nwaiting, waiting_room;

void shim_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	if (!shim_readers) {
		func(head);
		return;
	}
	/* One store over all of a guest hands over what it was made of. */
	if (nwaiting == waiting_room) {
		waiting_room = waiting_room ? 2 * waiting_room : 2 * GRACE_OBJECTS;
		waiting = realloc(waiting, waiting_room * sizeof(*waiting));
		if (!waiting) {
			fputs("bench: out of memory\n", stderr);
			exit(1);
		}
	}
	waiting[nwaiting].head = head;
	waiting[nwaiting++].func = func;
}

void shim_quiesce(bool now)
{
	if (nwaiting < (now ? 1 : GRACE_OBJECTS))
		return;
	synchronize_rcu();
	for (size_t i = 0; i < nwaiting; i++)
		waiting[i].func(waiting[i].head);
	nwaiting = 0;
}

void shim_thread_begin(void)
{
	rcu_register_thread();
}

void shim_thread_end(void)
{
	rcu_unregister_thread();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena.c - an allocator for spaces on a jemalloc arena of its own.
 *
 * Every allocation names the arena and goes round the thread caches, so that
 * nothing of a space lies anywhere else, two arenas share no page, and a free
 * is at once a free. The arena's decay is switched off for dirty and for muzzy
 * pages: jemalloc makes no madvise(2) call for it behind the caller's back, in
 * the middle of a conversion; free pages stay until gms_jemalloc_purge(). It
 * does call mmap(2) when the arena must grow.
 *
 * The record of the arena lies in the arena too (it would be wrong to mix in
 * malloc(), which may or may not be jemalloc's), and is not counted.
 *
 *   J1  asked_bytes is the sum of the sizes asked for and not freed; used_bytes
 *       the sum of what jemalloc rounds them to. Both are exact between calls;
 *       while other threads are inside one, each may be ahead by theirs.
 *   J2  asked_bytes_max is never less than any asked_bytes seen.
 */
#include <gmemstate/jemalloc.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <jemalloc/jemalloc.h>

/* Room for "stats.arenas.4294967295.resident". */
#define NAME_BYTES	64

/* Largest alignment that struct gms_mem_ops promises to ask for. */
#define ALIGN_MAX	4096

struct gms_jemalloc {
	unsigned int index;
	_Atomic uint64_t asked_bytes;
	_Atomic uint64_t used_bytes;
	_Atomic uint64_t asked_bytes_max;
	_Atomic uint64_t allocs;
	_Atomic uint64_t frees;
	_Atomic uint64_t refused;
};

static int flags_for(unsigned int index, size_t align)
{
	return MALLOCX_ARENA(index) | MALLOCX_TCACHE_NONE | MALLOCX_ALIGN(align);
}

static int arena_control(unsigned int index, const char *what, void *value, size_t bytes)
{
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "arena.%u.%s", index, what);
	return -mallctl(name, NULL, NULL, value, bytes);
}

static void raise_max(struct gms_jemalloc *arena, uint64_t bytes)
{
	uint64_t max = atomic_load_explicit(&arena->asked_bytes_max, memory_order_relaxed);

	while (max < bytes &&
	       !atomic_compare_exchange_weak_explicit(&arena->asked_bytes_max, &max, bytes,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

static void *arena_alloc(void *ctx, size_t bytes, size_t align)
{
	struct gms_jemalloc *arena = ctx;
	uint64_t asked;
	void *mem = NULL;
	int flags;

	/* jemalloc leaves both undefined; the core asks for neither. */
	if (bytes && align && align <= ALIGN_MAX && !(align & (align - 1))) {
		flags = flags_for(arena->index, align);
		mem = mallocx(bytes, flags);
	}
	if (!mem) {
		atomic_fetch_add_explicit(&arena->refused, 1, memory_order_relaxed);
		return NULL;
	}
	atomic_fetch_add_explicit(&arena->allocs, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&arena->used_bytes, nallocx(bytes, flags), memory_order_relaxed);
	asked = atomic_fetch_add_explicit(&arena->asked_bytes, bytes, memory_order_relaxed);
	raise_max(arena, asked + bytes);
	return mem;
}

static void arena_free(void *ctx, void *mem, size_t bytes, size_t align)
{
	struct gms_jemalloc *arena = ctx;
	const int flags = flags_for(arena->index, align);

	/* Before the memory goes: another thread that gets it must not make the sum too large. */
	atomic_fetch_sub_explicit(&arena->asked_bytes, bytes, memory_order_relaxed);
	atomic_fetch_sub_explicit(&arena->used_bytes, nallocx(bytes, flags), memory_order_relaxed);
	atomic_fetch_add_explicit(&arena->frees, 1, memory_order_relaxed);
	sdallocx(mem, bytes, flags);
}

int gms_jemalloc_new(struct gms_jemalloc **out)
{
	struct gms_jemalloc *arena;
	size_t bytes = sizeof(unsigned int);
	ssize_t never = -1;
	unsigned int index;

	if (!out)
		return -EINVAL;
	if (mallctl("arenas.create", &index, &bytes, NULL, 0))
		return -ENOMEM;
	if (arena_control(index, "dirty_decay_ms", &never, sizeof(never)) ||
	    arena_control(index, "muzzy_decay_ms", &never, sizeof(never)))
		goto destroy;
	arena = mallocx(sizeof(*arena), flags_for(index, _Alignof(struct gms_jemalloc)));
	if (!arena)
		goto destroy;

	arena->index = index;
	atomic_init(&arena->asked_bytes, 0);
	atomic_init(&arena->used_bytes, 0);
	atomic_init(&arena->asked_bytes_max, 0);
	atomic_init(&arena->allocs, 0);
	atomic_init(&arena->frees, 0);
	atomic_init(&arena->refused, 0);
	*out = arena;
	return 0;
destroy:
	(void)arena_control(index, "destroy", NULL, 0);
	return -ENOMEM;
}

void gms_jemalloc_free(struct gms_jemalloc *arena)
{
	/* Takes the record along. */
	if (arena)
		(void)arena_control(arena->index, "destroy", NULL, 0);
}

/* As in the core: 0, -EINVAL or -E2BIG for a struct of the caller that is to be filled in. */
static int check_out(const void *object, size_t known_bytes)
{
	const unsigned char *byte = object;
	size_t bytes;

	memcpy(&bytes, object, sizeof(bytes));
	if (bytes < sizeof(size_t))
		return -EINVAL;
	for (size_t i = known_bytes; i < bytes; i++)
		if (byte[i])
			return -E2BIG;
	return 0;
}

static void put_out(void *object, const void *ours, size_t known_bytes)
{
	size_t bytes;

	memcpy(&bytes, object, sizeof(bytes));
	if (bytes > known_bytes)
		bytes = known_bytes;
	memcpy((char *)object + sizeof(size_t), (const char *)ours + sizeof(size_t),
	       bytes - sizeof(size_t));
}

int gms_jemalloc_allocator(struct gms_jemalloc *arena, struct gms_mem_ops *ops)
{
	struct gms_mem_ops ours = { .ctx = arena, .alloc = arena_alloc, .free = arena_free };
	int rc;

	if (!arena || !ops)
		return -EINVAL;
	rc = check_out(ops, sizeof(ours));
	if (!rc)
		put_out(ops, &ours, sizeof(ours));
	return rc;
}

/* 0 where this jemalloc was built without statistics. */
static uint64_t resident_bytes(unsigned int index)
{
	char name[NAME_BYTES];
	size_t resident = 0, bytes = sizeof(resident);
	uint64_t epoch = 1;

	if (mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)))
		return 0;
	snprintf(name, sizeof(name), "stats.arenas.%u.resident", index);
	return mallctl(name, &resident, &bytes, NULL, 0) ? 0 : resident;
}

int gms_jemalloc_stats(struct gms_jemalloc *arena, struct gms_jemalloc_stats *stats)
{
	struct gms_jemalloc_stats now = { 0 };
	int rc;

	if (!arena || !stats)
		return -EINVAL;
	rc = check_out(stats, sizeof(now));
	if (rc)
		return rc;
	now.asked_bytes = atomic_load_explicit(&arena->asked_bytes, memory_order_relaxed);
	now.used_bytes = atomic_load_explicit(&arena->used_bytes, memory_order_relaxed);
	now.asked_bytes_max = atomic_load_explicit(&arena->asked_bytes_max, memory_order_relaxed);
	now.allocs = atomic_load_explicit(&arena->allocs, memory_order_relaxed);
	now.frees = atomic_load_explicit(&arena->frees, memory_order_relaxed);
	now.refused = atomic_load_explicit(&arena->refused, memory_order_relaxed);
	now.resident_bytes = resident_bytes(arena->index);
	now.arena = arena->index;
	put_out(stats, &now, sizeof(now));
	return 0;
}

int gms_jemalloc_purge(struct gms_jemalloc *arena)
{
	return arena ? arena_control(arena->index, "purge", NULL, 0) : -EINVAL;
}

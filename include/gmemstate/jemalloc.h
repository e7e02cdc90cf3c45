/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file jemalloc.h
 * @brief An allocator for spaces on a jemalloc arena of its own.
 *
 * In libgmemstate-jemalloc (pkg-config gmemstate-jemalloc), so that the core
 * never links jemalloc. Metadata lies apart from the VMM's heap, can be purged
 * alone, and is counted to the byte. Do not dlopen() this library: Debian's
 * jemalloc uses static TLS.
 */
#ifndef GMEMSTATE_JEMALLOC_H
#define GMEMSTATE_JEMALLOC_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief One arena. */
struct gms_jemalloc;

/** @brief What an arena holds. Clear with GMS_INIT() first. */
struct gms_jemalloc_stats {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	uint64_t asked_bytes;		/**< Live bytes, as asked for. */
	uint64_t used_bytes;		/**< Live bytes, as jemalloc rounds them. */
	uint64_t asked_bytes_max;	/**< Most ever live, as asked for. */
	uint64_t allocs;		/**< Allocations ever made. */
	uint64_t frees;			/**< Those given back. */
	uint64_t refused;		/**< Those jemalloc refused. */
	uint64_t resident_bytes;	/**< Bytes of the arena in memory; 0 if jemalloc keeps no statistics. */
	uint64_t arena;			/**< jemalloc's number for the arena. */
};

/**
 * @brief Make an arena.
 *
 * @param out Where it goes; untouched on error.
 * @retval 0       Made.
 * @retval -EINVAL @p out is NULL.
 * @retval -ENOMEM jemalloc has no memory or no arena left.
 * @par Threads
 * X, but touches no other arena.
 * @par Cost
 * One jemalloc arena, a few pages.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_jemalloc_new(struct gms_jemalloc **out);

/**
 * @brief Free an arena and every byte in it.
 *
 * Every space that uses it must be freed before.
 *
 * @param arena NULL is fine.
 * @par Threads
 * X.
 * @par Cost
 * Linear in what is left in it.
 * @since 0.1
 */
GMS_API void gms_jemalloc_free(struct gms_jemalloc *arena);

/**
 * @brief The allocator for gms_space_opts::mem.
 *
 * @param arena An arena; must outlive every space that is given the operations.
 * @param ops   Filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p ops is longer than this library knows and not zero there.
 * @par Threads
 * Pure. The operations may run on any thread.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_jemalloc_allocator(struct gms_jemalloc *arena, struct gms_mem_ops *ops);

/**
 * @brief What the arena holds, exactly.
 *
 * @param arena An arena.
 * @param stats Filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p stats is longer than this library knows and not zero there.
 * @par Threads
 * Any thread; takes jemalloc's own locks.
 * @par Cost
 * A refresh of jemalloc's statistics.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_jemalloc_stats(struct gms_jemalloc *arena, struct gms_jemalloc_stats *stats);

/**
 * @brief Give the arena's free pages back to the host at once.
 *
 * @param arena An arena.
 * @retval 0       Purged.
 * @retval -EINVAL @p arena is NULL.
 * @retval other   What jemalloc's mallctl() said, negative.
 * @par Threads
 * Any thread; takes jemalloc's own locks.
 * @par Cost
 * System calls in the number of free extents.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_jemalloc_purge(struct gms_jemalloc *arena);

GMS_END_DECLS
#endif

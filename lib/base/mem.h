/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.h - the embedder's allocator, counted to the byte.
 *
 * Pointers go into tagged words (map/word.h), so an address at or above 2^48
 * counts as no memory. Threads: any; the counters are atomic.
 */
#ifndef GMS_BASE_MEM_H
#define GMS_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include <gmemstate/space.h>

#define GMS__CACHE_LINE	64u

struct gms__mem {
	struct gms_mem_ops ops;
	uint64_t bytes;		/* live */
	uint64_t bytes_max;
};

/* The C library's allocator. */
extern const struct gms_mem_ops gms__mem_libc;

/* What the embedder gave, or the C library's for NULL: 0, -EINVAL or -E2BIG. */
int   gms__mem_ops_in(struct gms_mem_ops *ours, const struct gms_mem_ops *theirs);
void  gms__mem_init(struct gms__mem *mem, const struct gms_mem_ops *ops);
/* Aligned to a cache line, not cleared. */
void *gms__mem_alloc(struct gms__mem *mem, size_t bytes);
/* NULL is fine. */
void  gms__mem_free(struct gms__mem *mem, void *p, size_t bytes);

#endif

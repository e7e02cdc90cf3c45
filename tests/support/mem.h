/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.h - an allocator that counts, fails on demand and distrusts its caller.
 *
 * New memory is filled with a pattern, so that nobody relies on zeros; freed
 * memory with another. A block must come back with the size and alignment it
 * was asked for and with its guards whole, or the program stops at once.
 */
#ifndef FX_MEM_H
#define FX_MEM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/space.h>

struct fx_mem {
	struct gms_mem_ops ops;	/* what the space is given */
	pthread_mutex_t	lock;	/* guards all below */
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t peak_bytes;	/* most that was live at once */
	uint64_t calls;		/* allocations asked for so far */
	uint64_t bytes;		/* bytes given out so far */
	uint64_t refused;	/* allocations made to fail */
	uint64_t pass;		/* allocations that still succeed, if armed */
	bool	 armed;
	bool	 sticky;	/* after the first refusal all are refused */
};

void fx_mem_init(struct fx_mem *mem);

/*
 * Let @pass allocations through, then refuse: one only, or with @sticky every
 * one until fx_mem_heal().
 */
void fx_mem_fail_after(struct fx_mem *mem, uint64_t pass, bool sticky);
void fx_mem_heal(struct fx_mem *mem);

#endif

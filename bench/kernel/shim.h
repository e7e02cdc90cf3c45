/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shim.h - what the kernel's data structures need around them, for speed.
 *
 * The kernel's own user-space shims are made to find bugs: their slab poisons
 * and aligns by hand. Ours keeps free lists and counts live bytes.
 */
#ifndef BENCH_KERNEL_SHIM_H
#define BENCH_KERNEL_SHIM_H

#include <stdbool.h>
#include <stdint.h>

struct kmem_cache;

uint64_t shim_live_bytes(const struct kmem_cache *cache);

/*
 * Whether readers run beside the writer of the map in hand, so that memory
 * waits for them. Every call that changes a map says so first: a map that has
 * readers and one that has none live side by side.
 */
extern bool shim_readers;

struct rcu_head;
void shim_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));

/*
 * Outside any read section of the one writer: wait for the readers and free
 * what was handed over, if it is much, or now. A grace period is shared by
 * thousands of nodes, few enough that those come back from the cache, and no
 * third thread takes part.
 */
void shim_quiesce(bool now);

void shim_thread_begin(void);
void shim_thread_end(void);

#endif

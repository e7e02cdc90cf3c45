/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - the guest of one replay: its memory, made where the trace touches it, the
 * model of its host, and a listener that maps what is shared as VFIO would.
 *
 * Locking: none; a world is one replay's.
 */
#ifndef GMS_REPLAY_WORLD_H
#define GMS_REPLAY_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/gmemstate.h>

/* The guest's memory is below; what is beyond is a replay's own, such as a pool. */
#define WORLD_RAM_BYTES_MOST	(UINT64_C(1) << 46)
#define WORLD_GIB		(UINT64_C(1) << 30)

struct world_opts {
	uint32_t profile;	/* enum gms_profile */
	uint32_t base_order;
	uint32_t lend_policy;	/* enum gms_lend_policy */
	uint64_t idle_pages, idle_ns;
	uint64_t ram_bytes;	/* addresses below; rounded up to a GiB */
	uint64_t most_bytes;	/* of our memory, that keeping track of its pages takes */
};

struct world {
	struct gms_mem_ops mem;
	uint64_t bytes, most_bytes;	/* of our memory */
	bool	 full;		/* more was asked for: what it did since may not be all */
	struct gms_space *space;
	struct gms_model *model;
	struct gms_backend backend;
	uint32_t listener;
	uint32_t base_order;
	gms_state state;	/* of private memory */
	uint64_t now_ns;	/* the space's clock */
	uint64_t *there;	/* a bit a GiB */
	uint64_t ngib;
	uint64_t next_pool;	/* where the next pool memory goes */
};

/* 0 or a negative errno; then there is nothing to drop. */
int  world_make(struct world *world, const struct world_opts *opts);
void world_drop(struct world *world);
/* Memory for these bytes, which are below ram_bytes. */
int  world_reach(struct world *world, uint64_t gpa, uint64_t bytes);
/* Memory above the guest's, shared at once in one conversion; *pages: how many turned. */
int  world_pool(struct world *world, uint64_t bytes, uint64_t *gpa, uint64_t *pages);
/* The ledger, and what the listener had at most. */
int  world_read(const struct world *world, struct gms_acct *acct, uint64_t *entries_max);

#endif

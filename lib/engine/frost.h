/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frost.h - pages that are frozen more than once: how often.
 *
 * That a page is frozen its state says. What is frozen n times, n above 1, is in the
 * tree of its stripe's shard of accesses, run by run, as n - 1. Most are not.
 *
 *   Z1  Runs are disjoint, within a GiB, and neighbours that touch differ.
 *   Z2  Every page of a run is FROZEN, and its count is 1 to 2^32 - 2.
 *
 * A call adds two ends of runs in each GiB, so there are as many as calls, and never
 * more than pages.
 *
 * Locking: the shard's (access.h); who changes it holds the stripe, or owns the GiB,
 * too. Nodes are had before the first change: a plan has them in its hand (C1).
 */
#ifndef GMS_ENGINE_FROST_H
#define GMS_ENGINE_FROST_H

#include <gmemstate/types.h>

#include "base/debug.h"
#include "base/pool.h"
#include "map/itree.h"

struct gms_space;
struct gms__plan;
struct gms__gate;

struct gms__frosted {		/* a cache line */
	struct gms__inode node;
	uint64_t more;		/* than once */
	uint64_t reserved;
};

struct gms__frost {
	struct gms__inode *root;
	uint64_t n;		/* runs; also read without the lock, as a hint */
	uint64_t serial;
};

#define GMS__FROST_MOST		(UINT32_MAX - UINT64_C(1))

/*
 * The pages in a plan's list are frozen once more, or once less, and those that its
 * segments thaw not at all any more: see to the memory, and then do it.
 */
int  gms__frost_check(struct gms__plan *plan);
void gms__frost_do(struct gms__plan *plan);
/*
 * The first run of [first, end), within a GiB, that is frozen more than once, and how often
 * beyond that; false: none.
 */
bool gms__frost_next(struct gms_space *space, gms_gfn first, gms_gfn end, struct gms_range *run,
		     uint64_t *more);
/* For snapshots: such a run of a space that nobody knows yet, by Z1 and Z2; -ENOMEM. */
int  gms__frost_put(struct gms_space *space, gms_gfn first, gms_gfn end, uint64_t more);
/* A region is to go: as above, in two steps. */
int  gms__frost_region_check(struct gms_space *space, const struct gms__gate *gate,
			     struct gms__stock *hand);
void gms__frost_region_do(struct gms_space *space, const struct gms__gate *gate,
			  struct gms__stock *hand);

#endif

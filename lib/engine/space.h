/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.h - what a space is made of.
 *
 * Lock order (base/lock.h): the queue of parked conversions, then stripes in
 * ascending order, then wide loans, then listeners, then accesses, then claims, then
 * pools, then the ledger. The tables of backends and of listeners change under all
 * stripes.
 */
#ifndef GMS_ENGINE_SPACE_H
#define GMS_ENGINE_SPACE_H

#include <gmemstate/space.h>

#include "base/pool.h"
#include "engine/access.h"
#include "engine/claims.h"
#include "engine/ledger.h"
#include "engine/loans.h"
#include "engine/park.h"
#include "engine/profile.h"
#include "engine/room.h"
#include "engine/spans.h"
#include "map/map.h"

#define GMS__MAX_BACKENDS	64u
#define GMS__SPACE_FLAGS	(GMS_SPACE_ACCESS | GMS_SPACE_TRACK_CHANGES)

struct gms_space {
	struct gms__map	    map;
	struct gms__claims  claims;
	struct gms__ledger  ledger;
	struct gms__pool    scratch;
	struct gms__listeners listeners;
	struct gms__park    park;
	struct gms__loans loans;
	struct gms__access_books *access;	/* NULL: none yet; set under all stripes */
	const struct gms_profile_info *profile;
	uint32_t split;
	uint32_t merge;
	uint32_t merge_after_commits;	/* under GMS_MERGE_DEFERRED */
	bool	 faults_cancelled;	/* nobody waits for faults any more */
	bool	 plain_shapes;	/* two levels of marks, and no more to it: fast.c knows how */
	gms_gfn	 scan_next;	/* where gms_merge_scan() goes on */
	void	 (*log)(void *ctx, uint32_t level, const char *text);
	void	 *ctx;
	struct gms_backend *backend[GMS__MAX_BACKENDS];	/* NULL: the slot is free */
	uint32_t backend_regions[GMS__MAX_BACKENDS];
	uint32_t nbackends;
	bool	 reports_folios;	/* a backend wants to know of splits or merges */
	uint64_t access_wait_ns;	/* of conversions that do not say */
};

int  gms__space_init(struct gms_space *space, const struct gms_space_opts *opts,
		     const struct gms_mem_ops *mem);
void gms__space_fini(struct gms_space *space);
int  gms__space_reserve(struct gms_space *space, uint64_t nleaves);
void gms__space_log(const struct gms_space *space, uint32_t level, const char *text);
int  gms__space_region_add(struct gms_space *space, const struct gms_region_opts *opts,
			   const struct gms_backend *backend, uint32_t *id);
int  gms__space_region_remove(struct gms_space *space, uint32_t id);

/* What the holder of a stripe counts in. */
static inline struct gms__ledger_shard *gms__space_shard(struct gms_space *space, gms_gfn gfn)
{
	return &space->ledger.shard[gms__stripe_of(gfn)];
}

/*
 * For the holder of the stripe, or the owner of the GiB. Who holds a stripe may
 * see an owner who is only waiting for it: so what owners count is added
 * atomically.
 */
static inline void gms__space_add(struct gms_space *space, gms_gfn gfn, uint64_t *mine,
				  uint64_t *owners, uint64_t more)
{
	if (gms__unlikely(gms__map_is_owned(&space->map, gfn)))
		gms__add(owners, more);
	else
		__atomic_store_n(mine, *mine + more, __ATOMIC_RELAXED);
}

static inline void gms__space_count(struct gms_space *space, gms_gfn gfn, uint32_t kind,
				    uint64_t count)
{
	if (gms__slot_of(kind) < 0)
		gms__ledger_count(&space->ledger, kind, count);
	else
		gms__space_add(space, gfn, &gms__space_shard(space, gfn)->count[gms__slot_of(kind)],
			       &space->ledger.shard[GMS__STRIPES].count[gms__slot_of(kind)],
			       count);
}

static inline void gms__space_folios(struct gms_space *space, gms_gfn gfn, unsigned order,
				     uint64_t more)
{
	gms__space_add(space, gfn,
		       gms__ledger_folios(&space->ledger, gms__stripe_of(gfn), order),
		       gms__ledger_folios(&space->ledger, GMS__STRIPES, order), more);
}

/* May loans have to do with a page of this GiB? Its stripe is held. */
static inline bool gms__loans_any(const struct gms_space *space, gms_gfn gfn)
{
	return gms__unlikely(gms__load_relaxed(&space->loans.shard[gms__stripe_of(gfn)]->here));
}

/* Not empty, and its end can be said. */
static inline bool gms__range_ok(struct gms_range range)
{
	return range.npages && range.npages <= UINT64_MAX - range.first;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spans.h - a listener and the spans it was given.
 *
 *   S1  The spans of a listener are disjoint, and tile exactly the pages that match
 *       its predicate, in whole granules (I9).
 *   S2  A span is within one region and one multiple of its listener's largest
 *       span, so within one GiB.
 *   S3  nspans counts them, and those that a conversion under way may add.
 *
 * By S2 the spans of a stripe's GiB are a tree of their own, which who holds the
 * stripe may change: conversions of different GiB meet in the counter alone.
 * The tree is the interval tree of the pins.
 *
 * Locking: trees by their stripes. The table of listeners changes under all
 * stripes, so that it stands still for who holds one.
 */
#ifndef GMS_ENGINE_SPANS_H
#define GMS_ENGINE_SPANS_H

#include <gmemstate/listen.h>

#include "base/pool.h"
#include "map/itree.h"
#include "map/map.h"

/* Pages that no listener is handed (I10). */
#define GMS__UNHEARD	(GMS_STATE_MISSING | GMS_STATE_FROZEN)

struct gms__span {
	struct gms__inode node;		/* its left link is the pool's when free */
	bool	 busy;			/* the plan under way removes it */
	char	 pad[GMS__CACHE_LINE - sizeof(struct gms__inode) - sizeof(bool)];
};

struct gms__listener {
	struct gms_listener ops;	/* mask has GMS__UNHEARD in it */
	uint32_t id;
	unsigned join_order;		/* the smaller block that is joined */
	struct gms__lock lock;		/* of GMS_LISTEN_SERIAL, from begin to end */
	uint64_t nspans;
	uint64_t nspans_max;
	uint64_t npages;
	uint64_t undo_failures;
	struct gms__inode *root[GMS__STRIPES];
	uint64_t serial[GMS__STRIPES];	/* the next one's */
};

struct gms__listeners {
	struct gms__listener *at[GMS_LISTENERS_MOST];	/* NULL: the place is free */
	unsigned  most;			/* places in use are below */
	gms_state bits;			/* attributes that a predicate depends on */
	uint32_t  last_id;
	struct gms__pool spans;
};

static inline bool gms__listener_wants(const struct gms__listener *l,
				       const struct gms__region *row, gms_state state)
{
	return (state & l->ops.mask) == l->ops.value &&
	       (row->hva || !(l->ops.flags & GMS_LISTEN_WANTS_HVA));
}

static inline struct gms__span *gms__span_first(const struct gms__listener *l, gms_gfn first,
						gms_gfn end)
{
	return (struct gms__span *)gms__itree_first(l->root[gms__stripe_of(first)], first, end);
}

#endif

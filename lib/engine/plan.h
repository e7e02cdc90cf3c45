/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.h - a conversion worked out and paid for, before anything changes (C1).
 *
 * gms__plan_make() checks every page, finds what blocks, lists what the host
 * must be told and takes all memory; gms__plan_commit() then walks it, and only
 * the embedder's backend can make it fail, which is undone. A plan that is
 * dropped has changed nothing.
 *
 * Lists begin inside the plan, go on in a scratch object of the space and then
 * in memory of their own, so that small conversions allocate nothing.
 *
 * Locking: from make to drop the plan holds the stripes of all its pages, or, if
 * they are many, owns their GiB (map/own.c).
 */
#ifndef GMS_ENGINE_PLAN_H
#define GMS_ENGINE_PLAN_H

#include <gmemstate/backend.h>
#include <gmemstate/convert.h>

#include "engine/batch.h"
#include "engine/space.h"

enum { GMS__TO_PRIVATE, GMS__TO_SHARED };

struct gms__list {
	void   *items;
	size_t	n;
	size_t	capacity;
	size_t	item_bytes;
	struct gms__scratch *scratch;	/* NULL: items are not in one */
	size_t	heap_bytes;		/* 0: items are not on the heap */
};

struct gms__shape {		/* a folio to cut */
	gms_gfn	 gfn;
	unsigned order;
};

struct gms__old {		/* a run as it was */
	gms_gfn	  first;
	gms_gfn	  end;
	gms_state state;
};

/* Pages of one block that turn, summed while the walk is in it. */
struct gms__turn {
	gms_gfn	 block;		/* + 1; 0: none */
	gms_gfn	 gfn;
	int64_t	 shared;
};

struct gms__plan {
	struct gms_space *space;
	bool	 may_alloc;
	uint64_t stripes;		/* that are held */
	bool	 owns;			/* or the GiB from the first to the last page */

	struct gms__list segments;	/* struct gms__segment */
	struct gms__list runs[2];	/* struct gms_host_run, by direction */
	struct gms__list cuts;		/* struct gms__shape */
	struct gms__list journal;	/* struct gms__old */
	struct gms__needs needs;
	struct gms__tables tables;
	struct gms__turn turn[2];	/* 2M, 1G */
	uint64_t touched;		/* backends called, a bit each */

	uint64_t changed_pages;
	uint64_t unchanged_pages;
	uint64_t turned_pages[2];	/* by direction */
	uint64_t merges;
	gms_gfn	 error_gfn;
	uint32_t error_reason;
	struct gms_charge charge;

	struct gms__segment segment0[8];
	struct gms_host_run run0[2][4];
	struct gms__shape cut0[8];
	struct gms__old journal0[4];
};

/* Changes are valid, nchanges is at least 1. On an error, drop it all the same. */
int  gms__plan_make(struct gms__plan *plan, struct gms_space *space,
		    const struct gms_change *changes, size_t nchanges, bool may_alloc);
/*
 * The same in steps, for who has segments that ascend and are disjoint (batch.h):
 * begin, add each of them, and check, if there is one. Neighbours that touch and
 * are equal are joined.
 */
void gms__plan_begin(struct gms__plan *plan, struct gms_space *space, bool may_alloc);
int  gms__plan_add(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state set,
		   gms_state clear);
int  gms__plan_check(struct gms__plan *plan);

int  gms__plan_commit(struct gms__plan *plan);
/* What was counted goes into the ledger. */
void gms__plan_charge(struct gms__plan *plan);
void gms__plan_drop(struct gms__plan *plan);

/*
 * fast.c: one valid change within a block, done at once; false: it is for the
 * plan, and nothing has changed.
 */
struct gms__fast_result {
	uint64_t changed_pages;
	uint64_t unchanged_pages;
	uint64_t splits;
	uint64_t merges;
};
bool gms__fast_convert(struct gms_space *space, const struct gms_change *change, bool may_alloc,
		       struct gms__fast_result *result);

/*
 * shape.c: the folios' side of it. The caller holds the stripes, unless it says
 * otherwise.
 */
unsigned gms__shape_order(const struct gms__region *row, gms_gfn gfn);
void gms__shape_cut(struct gms_space *space, gms_gfn gfn, unsigned order, bool cut,
		    struct gms__tables *tables);
/* Merge what may be one folio again in [first, end); how many merged. */
uint64_t gms__shape_merge(struct gms_space *space, gms_gfn first, gms_gfn end,
			  struct gms__tables *tables);
/* These two take the stripe themselves; see gms_folio_split() and _merge(). */
int gms__shape_split_at(struct gms_space *space, gms_gfn gfn, unsigned order);
int gms__shape_merge_at(struct gms_space *space, gms_gfn gfn, unsigned order);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shape.h - what folios memory is made of, by the space's policies.
 *
 * A shape is only ever marks on blocks that say "cut": on GiB and on 2 MiB
 * blocks, and under GMS_SPLIT_HALVES on every block between 8K and 1G
 * (map/halves.h). What a marked block is cut into is the policy's:
 *
 *   LEVELS	1G into 2M, 2M into 4K
 *   HALVES	into two of the next smaller order
 *   ALL_4K	into 4K, whatever it was: a folio is one of its region's base order
 *		or a single page
 *   NONE	nothing is ever cut
 *
 *   I6  Folios tile every region, aligned, none above its base order: marks
 *       cannot say anything else.
 *   I7  Under LEVELS and HALVES no folio above order 0 is mixed in SHARED; under
 *       ALL_4K none holds a shared page. The plan cuts before it flips, and a
 *       merge looks first.
 *
 * Locking: the caller holds the stripes, or owns the GiB, unless said otherwise.
 */
#ifndef GMS_ENGINE_SHAPE_H
#define GMS_ENGINE_SHAPE_H

#include <gmemstate/folio.h>

#include "engine/space.h"

/* The order of what a folio of this order is cut into. */
static inline unsigned gms__shape_parts(const struct gms_space *space, unsigned order)
{
	if (space->split == GMS_SPLIT_HALVES)
		return order - 1;
	return order == GMS_ORDER_1G && space->split != GMS_SPLIT_ALL_4K ? GMS_ORDER_2M :
									   GMS_ORDER_4K;
}

/* As what the ledger counts a cut, or what grows from its parts. */
static inline uint32_t gms__shape_split_kind(const struct gms_space *space, unsigned order)
{
	const unsigned parts = gms__shape_parts(space, order);

	if (order == GMS_ORDER_1G && parts == GMS_ORDER_2M)
		return GMS_ACCT_SPLITS_1G;
	return order == GMS_ORDER_2M && !parts ? GMS_ACCT_SPLITS_2M : GMS_ACCT_SPLITS_OTHER;
}

/* shape.c: the folio that holds gfn, a page of the region */
unsigned gms__shape_order(const struct gms_space *space, const struct gms__region *row,
			  gms_gfn gfn);
/*
 * Its order, and how many pages from gfn on are in folios of that order: as many as can be
 * told at a glance, which may go beyond the region.
 */
uint64_t gms__shape_stretch(const struct gms_space *space, const struct gms__region *row,
			    gms_gfn gfn, unsigned *order);
/*
 * Cut the block of this order around gfn, which is one folio, or make it one, all
 * of whose parts are whole. Tables may be wanted for order 17 and less.
 */
void gms__shape_cut(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		    unsigned order, bool cut, struct gms__tables *tables);
/* The same for n folios of the base order side by side, in one GiB. */
void gms__shape_cut_run(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
			unsigned order, uint64_t n, bool cut, struct gms__tables *tables);
/* Have pages [first, end) turned with the commit in hand? For GMS_MERGE_DEFERRED. */
void gms__shape_turned(struct gms_space *space, gms_gfn first, gms_gfn end);
/* These two take the stripe themselves; see gms_folio_split() and _merge(). */
int gms__shape_split_at(struct gms_space *space, gms_gfn gfn, unsigned order);
int gms__shape_merge_at(struct gms_space *space, gms_gfn gfn, unsigned order);

/*
 * grow.c: merge what may be one folio again in [first, end), if the policy is
 * EAGER; how many merged. Backends are told, and charge what that is.
 */
uint64_t gms__shape_merge(struct gms_space *space, gms_gfn first, gms_gfn end,
			  struct gms__tables *tables, struct gms_charge *charge);
/* The same outside of a conversion: what is charged goes into the ledger. */
void gms__shape_merge_apart(struct gms_space *space, gms_gfn first, gms_gfn end,
			    struct gms__tables *tables);
/* Make the block of this order around gfn one folio, or say why not. */
int gms__shape_grow(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		    unsigned order, struct gms__tables *tables, struct gms_charge *charge);

/* scan.c: takes stripes itself; see gms_merge_scan() */
void gms__shape_scan(struct gms_space *space, uint64_t budget, struct gms_merge_result *result);

/* grow.c, for scan.c: a pass over a part of a GiB, to see what may be one folio again */
struct gms__grow {
	struct gms_space *space;
	const struct gms__region *row;
	gms_gfn	 first, end;		/* only blocks that touch these pages */
	struct gms__tables *tables;
	struct gms_charge *charge;	/* NULL: no backend asks */
	struct gms_merge_result *scan;	/* NULL: not a scan */
	uint32_t now;			/* of a scan, in commits */
	uint64_t others;		/* GMS_ACCT_MERGES_OTHER, counted at the end */
};
/* The 2 MiB block at gfn, or the part of it that the pass touches. */
uint64_t gms__grow_block(struct gms__grow *g, gms_gfn gfn);
/* What is counted once for all. */
static inline void gms__grow_end(struct gms__grow *g)
{
	gms__ledger_count(&g->space->ledger, GMS_ACCT_MERGES_OTHER, g->others);
}
/* What is larger, once the blocks of the GiB around gfn have been looked at. */
uint64_t gms__grow_gib(struct gms__grow *g, gms_gfn gfn);

/* Commits of the space so far. */
static inline uint32_t gms__shape_now(const struct gms_space *space)
{
	return (uint32_t)gms__ledger_events(&space->ledger, GMS_ACCT_COMMITS);
}

#endif

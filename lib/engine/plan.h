/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.h - a conversion worked out and paid for, before anything changes (C1).
 *
 * gms__plan_check() looks at every page, finds what blocks, lists what the host
 * must be told and takes all memory; gms__plan_commit() then walks it, and only
 * the embedder's code can make it fail, which is undone. A plan that is dropped
 * has changed nothing.
 *
 * A plan belongs to several files, each with a part of it: what the folios do
 * (cuts.c), what the host is told (host.c), the order of it all (commit.c).
 *
 * Locking: from check to drop the plan holds the stripes of all its pages, or, if
 * they are many, owns their GiB (map/own.c), unless the caller holds them.
 */
#ifndef GMS_ENGINE_PLAN_H
#define GMS_ENGINE_PLAN_H

#include <errno.h>

#include <gmemstate/backend.h>
#include <gmemstate/convert.h>

#include "engine/access.h"
#include "engine/batch.h"
#include "engine/hear.h"
#include "engine/room.h"
#include "engine/shape.h"
#include "engine/space.h"

enum { GMS__TO_PRIVATE, GMS__TO_SHARED };

/* What runs the host is told of, by the attribute that turns and where to. */
enum gms__host_kind {
	GMS__HOST_PRIVATE,	/* as GMS__TO_PRIVATE */
	GMS__HOST_SHARED,	/* as GMS__TO_SHARED */
	GMS__HOST_UNDIRECT,
	GMS__HOST_DIRECT,
	GMS__HOST_POPULATE,
	GMS__HOST_DISCARD,
	GMS__HOST_FREEZE,	/* shared pages; of private ones the host has nothing */
	GMS__HOST_THAW,
	GMS__HOST_SHARED_FROZEN,	/* shared, and not for the VMM to touch yet */
	GMS__HOST_KINDS
};

struct gms__shape {		/* a folio to cut */
	gms_gfn	 gfn;
	uint32_t order;
	uint32_t n;		/* folios, side by side from gfn on, if not 1 */
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

/* Pages that turn, run by run, as far as they touch; or what is cut so far. */
struct gms__stretch {
	gms_gfn	 first;
	gms_gfn	 end;
	gms_gfn	 edge;		/* the last one seen, of another */
};

/* What its segments come from (touch.c). */
enum gms__touch { GMS__CHANGES, GMS__FREEZE, GMS__THAW, GMS__RESOLVE };

/* What the caller wants of a plan; all 0 is the usual. */
struct gms__want {
	enum gms__touch touch;
	bool	 writable;	/* GMS__RESOLVE: that too */
	struct gms_range range;	/* of all but GMS__CHANGES */
	uint64_t wait_ns;	/* for accesses; 0: not at all */
	bool	 no_alloc;
	uint64_t held;		/* stripes that the caller holds; 0: the plan takes its own */
	bool	 dry_run;
	uint32_t content;	/* enum gms_content */
	gms_tag	 tag;
	bool	 all_blockers;		/* or only the lowest */
	struct gms_blocker *blockers;
	size_t	 blockers_room;
};

struct gms__plan {
	struct gms_space *space;
	struct gms__want want;
	struct gms__tag *account;	/* of want.tag; NULL: nobody's */
	struct gms__room room;
	uint64_t stripes;		/* that are held */
	bool	 owns;			/* or the GiB from the first to the last page */
	bool	 again;			/* another try of the same conversion */
	struct gms__queued queued;	/* while it waits for accesses */
	int	 err;			/* of the lowest page refused so far */

	struct gms__list segments;	/* struct gms__segment */
	struct gms__list spare;		/* more of them, while a batch is normalised */
	struct gms__list runs[GMS__HOST_KINDS];	/* struct gms_host_run */
	struct gms__list cuts;		/* struct gms__shape */
	struct gms__list turned;	/* struct gms_range, under GMS_MERGE_DEFERRED */
	struct gms__list journal;	/* struct gms__old */
	struct gms__list frost;		/* struct gms_range: of their counts, one changes */
	struct gms__stock frost_hand;	/* nodes for that */
	struct gms__needs needs;	/* from here on: of one try */
	struct gms__tables tables;
	bool	 done;
	const struct gms__region *row;	/* the last one that was asked for */
	struct gms__turn turn[2];	/* 2M, 1G */
	struct gms__stretch stretch;	/* under GMS_SPLIT_HALVES and _ALL_4K */
	struct gms__hearing hearing;
	struct gms__gate gate;
	uint64_t gate_stripes;		/* in whose shards it is; 0: nowhere */
	uint64_t touched;		/* backends called, a bit each */
	bool	 several_backends;

	uint64_t changed_pages;
	uint64_t unchanged_pages;
	uint64_t turned_pages[2];	/* by direction */
	uint64_t merges;
	uint64_t nblockers;		/* found, also those without room */
	struct gms_blocker last_blocker;
	gms_gfn	 error_gfn;
	uint32_t error_reason;
	struct gms_charge charge;

	struct gms__segment segment0[8];
	struct gms_host_run run0[2][4];
	struct gms__shape cut0[8];
	struct gms__old journal0[4];
	struct gms__heard heard0;	/* the first; set up when it is used */
};

/*
 * begin, add segments that ascend and are disjoint (batch.h), or changes, and
 * check, if there is one. Neighbours that touch and are equal are joined. On an
 * error, drop it all the same.
 */
void gms__plan_begin(struct gms__plan *plan, struct gms_space *space,
		     const struct gms__want *want);
int  gms__plan_add(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state set,
		   gms_state clear);
/* Changes are valid, nchanges is at least 1. */
int  gms__plan_changes(struct gms__plan *plan, const struct gms_change *changes,
		       size_t nchanges);
int  gms__plan_check(struct gms__plan *plan);
/* What was checked is forgotten and unlocked, and of the segments only those below end stay. */
void gms__plan_again(struct gms__plan *plan, gms_gfn end);
int  gms__plan_commit(struct gms__plan *plan);
/* In between, readers see that something changes in the plan's GiB. */
void gms__plan_change_begin(struct gms__plan *plan);
void gms__plan_change_end(struct gms__plan *plan);
/* What was counted goes into the ledger. */
void gms__plan_charge(struct gms__plan *plan);
void gms__plan_drop(struct gms__plan *plan);
/*
 * A plan that serves again and again keeps its lists' memory: it rests between
 * its uses. Room for what n changes come to is had before.
 */
int  gms__plan_reserve(struct gms__plan *plan, size_t nchanges);
void gms__plan_reuse(struct gms__plan *plan, const struct gms__want *want);
void gms__plan_rest(struct gms__plan *plan);

/*
 * The row of a page's region, if it is one's; else a row that does not hold it. The
 * table stands still while the plan is locked, and the next page is often near.
 */
static inline const struct gms__region *gms__plan_row(struct gms__plan *plan, gms_gfn gfn)
{
	const struct gms__region *row = plan->row;

	if (!row || gfn - row->first >= row->npages) {
		row = gms__region_around(gms__word_table(plan->space->map.table), gfn);
		plan->row = row;
	}
	return row;
}

/* Say why; returns err. */
static inline int gms__plan_refuse(struct gms__plan *plan, int err, gms_gfn gfn, uint32_t reason)
{
	plan->error_gfn = gfn;
	plan->error_reason = reason;
	return err;
}

static inline int gms__plan_no_memory(struct gms__plan *plan, gms_gfn gfn)
{
	return gms__plan_refuse(plan, -ENOMEM, gfn, GMS_REASON_NO_MEMORY);
}

/*
 * Whom to blame for a folio or a span at gfn: the first page from there on that
 * changes under the mask, or is a hole; gfn if none does. Before the first flip.
 */
gms_gfn gms__plan_page(const struct gms__plan *plan, gms_gfn gfn, gms_state mask);

/* blockers.c: one more thing in the way, for who asked for all */
void gms__plan_note(struct gms__plan *plan, const struct gms_blocker *blocker);
/*
 * Pages [first, end) may not change. true: the walk goes on, because all that
 * is in the way shall be found.
 */
bool gms__plan_blocked(struct gms__plan *plan, int err, gms_gfn gfn, gms_gfn first, gms_gfn end,
		       uint32_t reason);
/* Does somebody hold one of them who forbids the change, so that the walk ends? */
bool gms__plan_held(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state old,
		    gms_state new);

/* touch.c: the range as the one segment; and what it is cut into, under the locks */
void gms__touch_begin(struct gms__plan *plan);
int  gms__touch_cut(struct gms__plan *plan);

/* The VMM may touch the page: what map_host gives it, and unmap_host takes. */
static inline bool gms__host_touches(gms_state state)
{
	return (state & (GMS_STATE_SHARED | GMS_STATE_FROZEN)) == GMS_STATE_SHARED;
}

/*
 * Does a segment give pages to the VMM, so that they are flipped after the host was
 * told? One that freezes gives none, and of one that also takes some that comes first.
 */
static inline bool gms__segment_gives(const struct gms__segment *s)
{
	return !(s->set & GMS_STATE_FROZEN) && !(s->clear & GMS_STATE_SHARED) &&
	       ((s->set & GMS_STATE_SHARED) || (s->clear & GMS_STATE_FROZEN));
}

/* host.c: what the host is told */
/* Where pages [first, end) of a region are, and nothing else. */
void gms__host_run(struct gms_host_run *run, const struct gms__region *row, gms_gfn first,
		   gms_gfn end);
/* [first, end) of one region turn in SHARED, FROZEN, DIRECT_MAP or POPULATED. */
int  gms__host_note(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		    gms_gfn end, gms_state old, gms_state new);
void gms__host_sort(struct gms__plan *plan);
/*
 * The calls of one side: what turns private and leaves, or what turns shared. On an
 * error *done says how far it came; undo takes it back.
 */
struct gms__host_done {
	unsigned step;
	size_t	 runs;		/* of that step */
};
int  gms__host_do(struct gms__plan *plan, struct gms__host_done *done);
void gms__host_undo(struct gms__plan *plan, struct gms__host_done done);
void gms__host_discard(struct gms__plan *plan);
void gms__host_flush(struct gms__plan *plan);
/* A folio is cut into, or made of, folios of another order. The caller holds the stripe. */
int  gms__host_split(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		     unsigned order, unsigned parts_order, struct gms_charge *charge);
void gms__host_merge(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		     unsigned order, unsigned parts_order, struct gms_charge *charge);

/* cuts.c: what a plan does to folios */
int  gms__cuts_turn(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		    gms_gfn end, bool to_shared);
int  gms__cuts_settle(struct gms__plan *plan);	/* the walk has ended */
int  gms__cuts_make(struct gms__plan *plan);	/* or an error, and nothing was cut */
void gms__cuts_undo(struct gms__plan *plan);
void gms__cuts_merge(struct gms__plan *plan);
/* Folios that were cut; count, if not NULL, gets them by kind. */
uint64_t gms__cuts_count(const struct gms__plan *plan, uint64_t *count);

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
bool gms__fast_convert(struct gms_space *space, const struct gms_change *change,
		       struct gms__tag *account, bool may_alloc,
		       struct gms__fast_result *result);
/* The same for loans, which hold the stripe and do not stand in their own way. */
bool gms__fast_turn(struct gms_space *space, const struct gms_change *change,
		    struct gms__tag *account, struct gms__fast_result *result);
/* Pages of which each is missing, or as it shall be. There are books of accesses. */
bool gms__fast_resolve(struct gms_space *space, struct gms_range range, bool writable,
		       struct gms__fast_result *result);

#endif

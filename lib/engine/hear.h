/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hear.h - what a plan does to the spans of the listeners that are concerned.
 *
 * respan.c works it out while the plan is made, notify.c tells the listeners
 * while it is carried out. The trees of spans change last of all, when nothing
 * can fail any more: so undoing has calls to make, but no trees to mend.
 *
 * Locking: the plan's.
 */
#ifndef GMS_ENGINE_HEAR_H
#define GMS_ENGINE_HEAR_H

#include <gmemstate/backend.h>

#include "engine/room.h"
#include "engine/spans.h"

struct gms__plan;

/* The calls that one listener gets, in this order. */
enum gms__hear_step {
	GMS__HEAR_UNMAP,	/* revoke: what is lost, or the spans that held it */
	GMS__HEAR_REMAP,	/* commit: what is left of those */
	GMS__HEAR_JOIN,		/* revoke: parts of what becomes one */
	GMS__HEAR_MAP,		/* commit: what is gained */
	GMS__HEAR_STEPS
};

struct gms__new_span {
	gms_gfn first;
	gms_gfn end;
	gms_gfn cause;		/* a page of the conversion that it is due to */
};

struct gms__heard {
	struct gms__listener *listener;
	struct gms__list gains;		/* struct gms__new_span, not rounded */
	struct gms__list old;		/* struct gms__span *, all busy */
	struct gms__list new;		/* struct gms__new_span */
	struct gms__list runs[GMS__HEAR_STEPS];	/* struct gms_host_run */
	size_t	 done[GMS__HEAR_STEPS];	/* how many runs were told */
	struct gms__stock nodes;	/* one for each that is new */
	size_t	 peak;			/* most spans more than before, on the way */
	size_t	 peak_new;		/* how many were new then */
	uint64_t reserved;		/* of the budget */
	bool	 concerned;		/* a span begins or ends */
	gms_gfn	 loss_first, loss_end;	/* not looked at yet; empty: none */
	struct gms__span *cut;		/* the span that the last loss fell into */
	gms_gfn	 cut_pos;		/* up to where its rest is settled */
	gms_gfn	 cut_cause;

	struct gms__new_span gain0[2];
	struct gms__span *old0[2];
	struct gms__new_span new0[3];
	struct gms_host_run run0[GMS__HEAR_STEPS][2];
};

struct gms__hearing {
	struct gms__heard *of[GMS_LISTENERS_MOST];	/* NULL: not concerned */
	unsigned n;
	struct gms__scratch *more;	/* room for all but the first */
};

/* respan.c: may pages of a region lose their memory, which a listener keeps? */
bool gms__hear_forbids(const struct gms__plan *plan, const struct gms__region *row,
		       gms_state old, gms_state new);
/* A run of one region turns from old to new. */
int  gms__hear_turn(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		    gms_gfn end, gms_state old, gms_state new);
/* The same for the listener at a place, which does gain it, or lose it. */
int  gms__hear_run(struct gms__plan *plan, unsigned i, const struct gms__region *row,
		   gms_gfn first, gms_gfn end, bool gained);
/* The walk has ended: make spans of it, and keep to the budgets. */
int  gms__hear_settle(struct gms__plan *plan);
void gms__hear_drop(struct gms__plan *plan);

/* notify.c: without anything else that changes, all of the below. */
int  gms__hear_tell(struct gms__plan *plan);
/* prepare comes before anything changed; an error needs no undo. */
int  gms__hear_prepare(struct gms__plan *plan);
int  gms__hear_lose(struct gms__plan *plan);
int  gms__hear_gain(struct gms__plan *plan);
/* Take back what gain, and what lose, told. */
void gms__hear_ungain(struct gms__plan *plan);
void gms__hear_unlose(struct gms__plan *plan);
void gms__hear_abort(struct gms__plan *plan);
/* It is over: the trees follow, if it came to pass. */
void gms__hear_end(struct gms__plan *plan, bool happened);

#endif

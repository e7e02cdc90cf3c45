/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blockers.c - what stands in the way of a plan, and the list of it for who wants all.
 *
 * Locking: the plan's: nothing that would be in the way comes meanwhile, but
 * accesses, for which the plan puts up a gate at its end (gates.c).
 */
#include "engine/plan.h"

/* One more thing in the way; or more of the last, if it is the same and next to it. */
void gms__plan_note(struct gms__plan *plan, const struct gms_blocker *blocker)
{
	struct gms_blocker *last = &plan->last_blocker;

	if (plan->nblockers && last->id == blocker->id && last->reason == blocker->reason &&
	    last->range.first + last->range.npages == blocker->range.first) {
		last->range.npages += blocker->range.npages;
	} else {
		*last = *blocker;
		plan->nblockers++;
	}
	if (plan->nblockers <= plan->want.blockers_room)
		plan->want.blockers[plan->nblockers - 1] = *last;
}

/* A run that may not change, and how it would. */
struct holders {
	struct gms__plan *plan;
	gms_gfn	  first, end;
	gms_state old, new;
};

static void note_pin(struct gms__inode *node, void *ctx)
{
	const struct holders *walk = ctx;
	const gms_gfn first = gms__max(node->first, walk->first);
	const gms_gfn end = gms__min(node->end, walk->end);
	struct gms_pin_info pin;

	gms__claim_info(node, &pin);
	gms__plan_note(walk->plan, &(struct gms_blocker){
		.range = { first, end - first }, .id = pin.id, .tag = pin.tag,
		.reason = GMS_REASON_PINNED, .flags = pin.flags });
}

static void note_access(struct gms__inode *node, void *ctx)
{
	const struct holders *walk = ctx;
	const gms_gfn first = gms__max(node->first, walk->first);
	const gms_gfn end = gms__min(node->end, walk->end);

	if (gms__access_forbids(node, walk->old, walk->new))
		gms__plan_note(walk->plan, &(struct gms_blocker){
			.range = { first, end - first }, .reason = GMS_REASON_ACCESS });
}

/* In pieces that a look-up is quick in, so that many loans take as long as they are many. */
static void note_lent_gib(struct gms__plan *plan, gms_gfn first, gms_gfn end)
{
	gms_gfn lent, stop;

	for (gms_gfn at = first; at < end;) {
		stop = gms__min(end, (at | (GMS__LEAF_PAGES - 1)) + 1);
		if (!gms__loans_first(plan->space, at, stop, plan->owns, &lent)) {
			at = stop;
			continue;
		}
		gms__plan_note(plan, &(struct gms_blocker){ .range = { lent, 1 },
							  .reason = GMS_REASON_LENT });
		at = lent + 1;
	}
}

static void note_lent(struct gms__plan *plan, gms_gfn first, gms_gfn end)
{
	gms_gfn lent, stop;

	for (gms_gfn at = first; at < end; at = stop) {
		stop = gms__min(end, (at | (GMS__GIB_PAGES - 1)) + 1);
		if (gms__loans_first(plan->space, at, stop, plan->owns, &lent))
			note_lent_gib(plan, lent, stop);
	}
}

/* No pin may come meanwhile. */
static bool pinned(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_gfn *gfn)
{
	struct gms__claims *claims = &plan->space->claims;

	if (!plan->owns && gms__gib_of(first) == gms__gib_of(end - 1) &&
	    gms__claims_none(claims, first, end))
		return false;
	return gms__claims_first(claims, first, end, gfn);
}

/*
 * Does somebody hold a page of [first, end), who is asked to let it go? *gfn is
 * the lowest.
 */
static bool is_held(struct gms__plan *plan, gms_state old, gms_state new, gms_gfn first,
		    gms_gfn end, gms_gfn *gfn, uint32_t *reason)
{
	gms_gfn lent, used;

	*gfn = end;
	if (gms__rule_blocked_by_pins(old, new) && pinned(plan, first, end, gfn))
		*reason = GMS_REASON_PINNED;
	if (gms__rule_blocked_by_loans(old, new) &&
	    gms__loans_first(plan->space, first, end, plan->owns, &lent) && lent < *gfn) {
		*gfn = lent;
		*reason = GMS_REASON_LENT;
	}
	if (plan->space->access && gms__rule_blocked_by_access(old, new, true) &&
	    gms__access_first(plan->space->access, first, end, old, new, &used) && used < *gfn) {
		*gfn = used;
		*reason = GMS_REASON_ACCESS;
	}
	return *gfn < end;
}

/* Who holds pages of a run, of those that are asked to let them go. */
static void note_holders(struct holders *walk)
{
	struct gms__plan *plan = walk->plan;
	const struct gms_range range = { walk->first, walk->end - walk->first };

	if (gms__rule_blocked_by_pins(walk->old, walk->new)) {
		gms__claims_visit(&plan->space->claims, range, note_pin, walk);
		note_lent(plan, walk->first, walk->end);
	}
	if (plan->space->access && gms__rule_blocked_by_access(walk->old, walk->new, true))
		gms__access_visit(plan->space->access, walk->first, walk->end, note_access, walk);
}

bool gms__plan_blocked(struct gms__plan *plan, int err, gms_gfn gfn, gms_gfn first, gms_gfn end,
		    uint32_t reason)
{
	if (!plan->err)
		plan->err = gms__plan_refuse(plan, err, gfn, reason);
	if (!plan->want.all_blockers)
		return false;
	gms__plan_note(plan, &(struct gms_blocker){ .range = { first, end - first },
						    .reason = reason });
	return true;
}

bool gms__plan_held(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state old,
		    gms_state new)
{
	struct holders walk = { plan, first, end, old, new };
	uint32_t reason;
	gms_gfn gfn;

	if (!is_held(plan, old, new, first, end, &gfn, &reason))
		return false;
	if (!plan->err)
		plan->err = gms__plan_refuse(plan, -EAGAIN, gfn, reason);
	if (!plan->want.all_blockers)
		return true;
	note_holders(&walk);
	return false;
}

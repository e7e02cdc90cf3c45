/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * park.c - conversions that wait for pins, loans and accesses to go; see park.h.
 */
#include "engine/park.h"

#include <string.h>

#include "engine/convert.h"

struct gms__ticket {
	struct gms__ticket *older;
	struct gms__ticket *younger;
	gms_ticket id;
	gms_parked_fn *done;
	void	  *ctx;
	struct gms__want want;
	bool	   due;		/* something happened since it was tried */
	gms_gfn	   blocked;	/* the page that is in the way; none: it waits for an older one */
	bool	   busy;	/* it is being tried */
	size_t	   bytes;	/* of all this */
	size_t	   nchanges;
	size_t	   nsegments;
	struct gms__segment *segment;	/* what the changes come to, behind them */
	struct gms_change change[];
};

int gms__park_init(struct gms__park *park)
{
	memset(park, 0, sizeof(*park));
	return gms__lock_init(&park->lock, GMS__RANK_PARK, 0);
}

static struct gms__ticket *ticket_new(struct gms_space *space, const struct gms_change *changes,
				      size_t nchanges, const struct gms__want *want)
{
	const size_t room = gms__batch_room(nchanges);
	const size_t bytes = sizeof(struct gms__ticket) + nchanges * sizeof(*changes) +
			     2 * room * sizeof(struct gms__segment);
	struct gms__ticket *ticket = gms__mem_alloc(&space->map.mem, bytes);

	if (!ticket)
		return NULL;
	memset(ticket, 0, sizeof(*ticket));
	ticket->bytes = bytes;
	ticket->blocked = UINT64_MAX;
	ticket->want = *want;
	ticket->nchanges = nchanges;
	memcpy(ticket->change, changes, nchanges * sizeof(*changes));
	ticket->segment = (struct gms__segment *)(void *)&ticket->change[nchanges];
	ticket->nsegments = gms__batch_normalise(changes, nchanges, ticket->segment,
						 ticket->segment + room);
	return ticket;
}

static void ticket_free(struct gms_space *space, struct gms__ticket *ticket)
{
	gms__mem_free(&space->map.mem, ticket, ticket->bytes);
}

/* Have two a page in common? */
static bool meet(const struct gms__segment *a, size_t na, const struct gms__segment *b, size_t nb)
{
	while (na && nb) {
		if (a->end <= b->first) {
			a++;
			na--;
		} else if (b->end <= a->first) {
			b++;
			nb--;
		} else {
			return true;
		}
	}
	return false;
}

static bool tickets_meet(const struct gms__ticket *a, const struct gms__ticket *b)
{
	return meet(a->segment, a->nsegments, b->segment, b->nsegments);
}

static void append(struct gms__park *park, struct gms__ticket *ticket)
{
	ticket->id = ++park->last_id;
	ticket->older = park->youngest;
	ticket->younger = NULL;
	*(park->youngest ? &park->youngest->younger : &park->oldest) = ticket;
	park->youngest = ticket;
	gms__store(&park->ntickets, park->ntickets + 1);
}

/* Out of the queue; those that waited for it are due. */
static void take_out(struct gms__park *park, struct gms__ticket *ticket)
{
	for (struct gms__ticket *t = ticket->younger; t; t = t->younger)
		t->due |= tickets_meet(ticket, t);
	*(ticket->older ? &ticket->older->younger : &park->oldest) = ticket->younger;
	*(ticket->younger ? &ticket->younger->older : &park->youngest) = ticket->older;
	gms__store(&park->ntickets, park->ntickets - 1);
}

/* W2 */
static bool waits_for_older(const struct gms__ticket *ticket)
{
	for (const struct gms__ticket *t = ticket->older; t; t = t->older) {
		if (tickets_meet(ticket, t))
			return true;
	}
	return false;
}

/* Those that wait for an older one are not due before it goes. */
static struct gms__ticket *next_due(const struct gms__park *park)
{
	struct gms__ticket *t = park->oldest;

	for (; t; t = t->younger) {
		if (!t->due || t->busy)
			continue;
		if (!waits_for_older(t))
			break;
		t->due = false;
	}
	return t;
}

static bool is_blocked(int err, uint32_t reason)
{
	return err == -EAGAIN && (reason == GMS_REASON_PINNED || reason == GMS_REASON_LENT ||
				  reason == GMS_REASON_ACCESS);
}

static int convert(struct gms_space *space, const struct gms_change *changes, size_t nchanges,
		   const struct gms__want *want, bool again, struct gms_convert_result *result)
{
	struct gms__plan plan;
	int err;

	gms__plan_begin(&plan, space, want);
	plan.again = again;
	err = gms__convert_plan(&plan, gms__plan_changes(&plan, changes, nchanges));
	GMS_INIT(result);
	gms__convert_report(&plan, err, 0, result);
	gms__plan_drop(&plan);
	return err;
}

/* Try one; the caller has the lock, which is let go meanwhile. */
static void try_one(struct gms_space *space, struct gms__ticket *ticket)
{
	struct gms__park *park = &space->park;
	struct gms_convert_result result;
	int err;

	ticket->due = false;
	ticket->busy = true;
	gms__unlock(&park->lock);
	err = convert(space, ticket->change, ticket->nchanges, &ticket->want, true, &result);
	gms__lock(&park->lock);
	ticket->busy = false;
	if (is_blocked(err, result.error_reason)) {
		ticket->blocked = result.error_gfn;
		return;
	}
	take_out(park, ticket);
	gms__unlock(&park->lock);
	ticket->done(ticket->ctx, ticket->id, err, &result);
	ticket_free(space, ticket);
	gms__lock(&park->lock);
}

/* Try all that are due, unless somebody else is at it. The caller has the lock. */
static void try_all(struct gms_space *space)
{
	struct gms__park *park = &space->park;
	struct gms__ticket *ticket;

	if (park->tried)
		return;
	park->tried = true;
	while ((ticket = next_due(park)) != NULL)
		try_one(space, ticket);
	park->tried = false;
}

void gms__park_wake(struct gms_space *space, struct gms_range range)
{
	const struct gms__segment gone = { range.first, range.first + range.npages, 0, 0 };
	struct gms__park *park = &space->park;
	bool any = false;

	if (gms__likely(!gms__load(&park->ntickets)))
		return;
	gms__lock(&park->lock);
	for (struct gms__ticket *t = park->oldest; t; t = t->younger) {
		/* Where it was blocked it is, until that page is free. */
		if (t->busy ? meet(&gone, 1, t->segment, t->nsegments) :
			      t->blocked - range.first < range.npages)
			any = t->due = true;
	}
	if (any)
		try_all(space);
	gms__unlock(&park->lock);
}

int gms__park_convert(struct gms_space *space, const struct gms_change *changes,
		      size_t nchanges, const struct gms__want *want, gms_parked_fn *done,
		      void *ctx, gms_ticket *id, struct gms_convert_result *result)
{
	struct gms__park *park = &space->park;
	struct gms__ticket *ticket = ticket_new(space, changes, nchanges, want);
	bool waits;
	int err;

	*id = 0;
	if (!ticket) {
		gms__ledger_count(&space->ledger, GMS_ACCT_CONVERTS, 1);
		return -ENOMEM;
	}
	ticket->done = done;
	ticket->ctx = ctx;
	gms__lock(&park->lock);
	if (park->ntickets == GMS_PARKED_MOST) {
		gms__unlock(&park->lock);
		ticket_free(space, ticket);
		gms__ledger_count(&space->ledger, GMS_ACCT_CONVERTS, 1);
		return -ENOSPC;
	}
	append(park, ticket);
	waits = waits_for_older(ticket);
	ticket->busy = !waits;
	if (waits)
		*id = ticket->id;
	gms__unlock(&park->lock);
	if (waits) {
		gms__ledger_count(&space->ledger, GMS_ACCT_CONVERTS, 1);
		gms__ledger_count(&space->ledger, GMS_ACCT_PARKED, 1);
		return 0;
	}

	err = convert(space, changes, nchanges, want, false, result);
	gms__lock(&park->lock);
	ticket->busy = false;
	if (is_blocked(err, result->error_reason)) {
		ticket->blocked = result->error_gfn;
		*id = ticket->id;
		gms__ledger_count(&space->ledger, GMS_ACCT_PARKED, 1);
		try_all(space);		/* a pin may have gone since: then it is due */
		gms__unlock(&park->lock);
		return 0;
	}
	take_out(park, ticket);
	try_all(space);
	gms__unlock(&park->lock);
	ticket_free(space, ticket);
	return err;
}

int gms__park_cancel(struct gms_space *space, gms_ticket id)
{
	struct gms__park *park = &space->park;
	struct gms__ticket *ticket;
	int err = -ENOENT;

	gms__lock(&park->lock);
	for (ticket = park->oldest; ticket && ticket->id != id;)
		ticket = ticket->younger;
	if (ticket)
		err = ticket->busy ? -EBUSY : 0;
	if (!err) {
		take_out(park, ticket);
		try_all(space);
	}
	gms__unlock(&park->lock);
	if (!err)
		ticket_free(space, ticket);
	return err;
}

void gms__park_fini(struct gms_space *space)
{
	const struct gms_convert_result nothing = { .size = sizeof(nothing) };
	struct gms__ticket *ticket;

	while ((ticket = space->park.oldest) != NULL) {
		take_out(&space->park, ticket);
		ticket->done(ticket->ctx, ticket->id, -ECANCELED, &nothing);
		ticket_free(space, ticket);
	}
	gms__lock_fini(&space->park.lock);
}

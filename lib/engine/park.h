/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * park.h - conversions that wait for pins, loans and accesses to go (C4).
 *
 *   W1  A parked conversion holds nothing: no lock, no page, no place ahead of
 *       pins or of conversions that are not parked. So two of them cannot block
 *       each other, whatever pages they name.
 *   W2  Of two that have a page in common the older runs first. Waiting goes from
 *       younger to older alone, so it never goes in a circle.
 *   W3  One is tried when it comes, when a pin, a loan or an access that meets it goes, and when an
 *       older one that it waits for is gone. Each of these makes it due once: no
 *       try is without a cause, and nobody loops.
 *
 * Who lets a pin go tries, unless somebody is at it: then that one will look
 * again. Callbacks are called with no lock held.
 *
 * Locking: the queue's own lock (rank PARK, before all others), never held while
 * a conversion or a callback runs. A ticket that is being tried stays in the
 * queue, and is its trier's.
 */
#ifndef GMS_ENGINE_PARK_H
#define GMS_ENGINE_PARK_H

#include <gmemstate/convert.h>

#include "base/lock.h"
#include "base/mem.h"

struct gms__ticket;
struct gms__want;

struct gms__park {
	struct gms__lock lock;
	struct gms__ticket *oldest;
	struct gms__ticket *youngest;
	uint64_t last_id;
	uint64_t ntickets;		/* read without the lock as a hint */
	bool	 tried;			/* somebody is at it */
};

int  gms__park_init(struct gms__park *park);
/* What still waits is told -ECANCELED. */
void gms__park_fini(struct gms_space *space);

/*
 * Convert, or park. 0 and *ticket 0: it was done; 0 and a ticket: parked. Changes
 * are valid, nchanges is at least 1.
 */
int  gms__park_convert(struct gms_space *space, const struct gms_change *changes,
		       size_t nchanges, const struct gms__want *want, gms_parked_fn *done,
		       void *ctx, gms_ticket *ticket, struct gms_convert_result *result);
int  gms__park_cancel(struct gms_space *space, gms_ticket ticket);
/* Pins, loans or accesses of these pages went, or more. No lock is held. */
void gms__park_wake(struct gms_space *space, struct gms_range range);

#endif

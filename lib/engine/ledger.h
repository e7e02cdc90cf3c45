/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger.h - what happened, and how things are.
 *
 * Counts are atomic additions; no lock. With a clock the ledger also keeps the
 * time that pages have been shared, in page-nanoseconds: that sum moves in
 * steps under a lock (rank LEDGER) and is read without one, from a pair of
 * slots of which one is always whole, so that a signal handler can read it.
 */
#ifndef GMS_ENGINE_LEDGER_H
#define GMS_ENGINE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/account.h>

#include "base/lock.h"

struct gms__exposure {
	uint64_t page_ns;	/* up to at_ns, low half */
	uint64_t page_ns_high;
	uint64_t pages;		/* shared since */
	uint64_t at_ns;
};

struct gms__ledger {
	struct gms_acct_event event[GMS_ACCT_KINDS];
	uint64_t shared_pages;
	uint64_t shared_pages_max;
	uint64_t regions;
	uint64_t pages;
	uint64_t folios_4k;
	uint64_t folios_2m;
	uint64_t folios_1g;
	uint64_t pins;
	uint64_t pinned_pages;

	uint64_t (*now_ns)(void *ctx);	/* NULL: no clock */
	void	*ctx;
	struct gms__lock lock;
	uint64_t latch;			/* slot[latch & 1] is whole */
	struct gms__exposure slot[2];
};

/* What one commit counts, added to the ledger at its end. */
struct gms_charge {
	uint64_t count[GMS_ACCT_KINDS];
};

int  gms__ledger_init(struct gms__ledger *ledger, uint64_t (*now_ns)(void *ctx), void *ctx);
void gms__ledger_fini(struct gms__ledger *ledger);
void gms__ledger_count(struct gms__ledger *ledger, uint32_t kind, uint64_t count);
void gms__ledger_charge(struct gms__ledger *ledger, const struct gms_charge *charge);
void gms__ledger_shared(struct gms__ledger *ledger, uint64_t more, uint64_t fewer);
/* Folios of an order that appeared; negative: went. */
void gms__ledger_folios(struct gms__ledger *ledger, unsigned order, int64_t n);
void gms__ledger_exposure(const struct gms__ledger *ledger, uint64_t *page_ns, uint64_t *high);
bool gms__ledger_may_charge(uint32_t kind);

#endif

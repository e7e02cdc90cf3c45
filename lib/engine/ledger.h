/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger.h - what happened, and how things are.
 *
 * What the library counts itself it counts in shards, a stripe of the map each:
 * who holds the stripe adds with a plain load and store, so that conversions of
 * different GiB meet in no cache line and the fast path makes no atomic
 * addition for them. One more shard is for who owns GiB without a stripe
 * (map/own.c). What others charge is added atomically. With a clock the ledger
 * also keeps the time that pages have been shared, in page-nanoseconds: that
 * sum moves in steps under a lock (rank LEDGER) and is read without one, from a
 * pair of slots of which one is always whole, so that a signal handler can read
 * it.
 */
#ifndef GMS_ENGINE_LEDGER_H
#define GMS_ENGINE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/account.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "map/map.h"

/* Page-time up to a moment. */
struct gms__exposure {
	uint64_t page_ns;	/* up to at_ns, low half */
	uint64_t page_ns_high;
	uint64_t pages;		/* that many since */
	uint64_t at_ns;
};

/* A sum that moves in steps; of its two slots one is always whole. */
struct gms__exposed {
	uint64_t latch;		/* slot[latch & 1] is whole */
	struct gms__exposure slot[2];
};

/*
 * Kinds below are counted in shards; of those from here on, few policies count
 * theirs atomically, loans in shards of their own (loans.h).
 */
#define GMS__SHARD_KINDS	GMS_ACCT_SPLITS_OTHER
#define GMS__LEDGER_SHARDS	(GMS__STRIPES + 1)

enum {
	GMS__FOLIOS,		/* of order 0, 9, 18 */
	GMS__PINS = GMS__FOLIOS + 3,
	GMS__PINNED_PAGES,
	GMS__GAUGES
};

struct gms__ledger_shard {
	_Alignas(GMS__CACHE_LINE) uint64_t count[GMS__SHARD_KINDS];
	uint64_t gauge[GMS__GAUGES];	/* may be below 0: the sum over the shards is not */
};

/* Folios of the orders between, which few spaces have; a row a shard. */
struct gms__between {
	_Alignas(GMS__CACHE_LINE) uint64_t folios[GMS_ORDERS];
};

struct gms__ledger {
	struct gms__ledger_shard shard[GMS__LEDGER_SHARDS];
	struct gms__between *between;	/* NULL: only orders 0, 9 and 18 */
	struct gms_acct_event event[GMS_ACCT_KINDS];
	uint64_t shared_pages;
	uint64_t shared_pages_max;
	uint64_t regions;
	uint64_t pages;

	uint64_t (*now_ns)(void *ctx);	/* NULL: no clock */
	void	*ctx;
	struct gms__lock lock;
	struct gms__exposed shared;	/* guarded by it */
};

/* What one commit counts, added to the ledger at its end. */
struct gms_charge {
	uint64_t count[GMS_ACCT_KINDS];
};

int  gms__ledger_init(struct gms__ledger *ledger, uint64_t (*now_ns)(void *ctx), void *ctx);
void gms__ledger_fini(struct gms__ledger *ledger);
/* Without a stripe: added atomically. */
void gms__ledger_count(struct gms__ledger *ledger, uint32_t kind, uint64_t count);
void gms__ledger_charge(struct gms__ledger *ledger, struct gms__ledger_shard *shard,
			const struct gms_charge *charge);
/* Sums over the shards. */
uint64_t gms__ledger_events(const struct gms__ledger *ledger, uint32_t kind);
uint64_t gms__ledger_gauge(const struct gms__ledger *ledger, unsigned gauge);
uint64_t gms__ledger_nfolios(const struct gms__ledger *ledger, unsigned order);
void gms__ledger_expose(struct gms__ledger *ledger, uint64_t more, uint64_t fewer);

/* The caller guards the shard: it holds that stripe, or owns the GiB. */
static inline void gms__shard_count(struct gms__ledger_shard *shard, uint32_t kind,
				    uint64_t count)
{
	__atomic_store_n(&shard->count[kind], shard->count[kind] + count, __ATOMIC_RELAXED);
}

static inline void gms__shard_gauge(struct gms__ledger_shard *shard, unsigned gauge,
				    uint64_t more)
{
	__atomic_store_n(&shard->gauge[gauge], shard->gauge[gauge] + more, __ATOMIC_RELAXED);
}

/* The gauge of folios of an order, of a shard; as the others it may be below 0. */
static inline uint64_t *gms__ledger_folios(struct gms__ledger *ledger, unsigned shard,
					   unsigned order)
{
	return order % GMS_ORDER_2M ? &ledger->between[shard].folios[order] :
	       &ledger->shard[shard].gauge[GMS__FOLIOS + order / GMS_ORDER_2M];
}

/*
 * Pages that turned. One atomic addition is what an exact highest point costs:
 * the sum of the shards was never known while it stood.
 */
static inline void gms__ledger_shared(struct gms__ledger *ledger, uint64_t more, uint64_t fewer)
{
	if (fewer)	/* first, as a commit does it: so the highest point is right */
		gms__sub(&ledger->shared_pages, fewer);
	if (more)
		gms__raise(&ledger->shared_pages_max, gms__add(&ledger->shared_pages, more));
	if (ledger->now_ns && (more || fewer))
		gms__ledger_expose(ledger, more, fewer);
}

/* The caller guards the sum; readers do not. */
void gms__exposed_step(struct gms__exposed *exposed, uint64_t now, uint64_t more,
		       uint64_t fewer);
unsigned __int128 gms__exposed_read(const struct gms__exposed *exposed, uint64_t now);
void gms__ledger_exposure(const struct gms__ledger *ledger, uint64_t *page_ns, uint64_t *high);
bool gms__ledger_may_charge(uint32_t kind);

#endif

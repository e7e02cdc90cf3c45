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
 *
 * Histograms. How many pages a commit turned falls into a bucket of the shard if
 * they are few, as they are when guests convert a million times, and else,
 * atomically, into one of the ledger: so a shard stays small.
 * A histogram's sum is the event that counts those pages, and is not kept twice.
 *
 * What an owner does is counted for the space first and for its tag (tags.h)
 * after it, so that the accounts never come to more than the space's counts.
 */
#ifndef GMS_ENGINE_LEDGER_H
#define GMS_ENGINE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/account.h>

#include "base/atomic.h"
#include "base/debug.h"
#include "base/lock.h"
#include "engine/tags.h"
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

/* Sizes that shards have buckets for: 1, 2, 4 pages. More of them cost KiB a space. */
#define GMS__SMALL_SIZES	3u
/* And those that others have: a space has no more than 2^40 pages. */
#define GMS__SIZES		41u
#define GMS__LEDGER_SLOTS		13u

/*
 * What is counted when guests convert a million times has a slot in the shards;
 * what a backend, a listener or a refusal takes time for anyway has none: -1.
 */
static inline int gms__slot_of(uint32_t kind)
{
	switch (kind) {
	case GMS_ACCT_CONVERTS:		return 0;
	case GMS_ACCT_COMMITS:		return 1;
	case GMS_ACCT_PAGES_TO_SHARED:	return 2;
	case GMS_ACCT_PAGES_TO_PRIVATE:	return 3;
	case GMS_ACCT_PAGES_CHANGED:	return 4;
	case GMS_ACCT_PAGES_UNCHANGED:	return 5;
	case GMS_ACCT_SPLITS_1G:	return 6;
	case GMS_ACCT_SPLITS_2M:	return 7;
	case GMS_ACCT_MERGES_2M:	return 8;
	case GMS_ACCT_MERGES_1G:	return 9;
	case GMS_ACCT_PINS:		return 10;
	case GMS_ACCT_UNPINS:		return 11;
	case GMS_ACCT_PINS_REFUSED:	return 12;
	default:			return -1;
	}
}

struct gms__ledger_shard {
	_Alignas(GMS__CACHE_LINE) uint64_t count[GMS__LEDGER_SLOTS];
	uint64_t gauge[GMS__GAUGES];	/* may be below 0: the sum over the shards is not */
	uint64_t size[2][GMS__SMALL_SIZES];	/* by GMS_HISTOGRAM_TO_SHARED, _TO_PRIVATE */
};

_Static_assert(sizeof(struct gms__ledger_shard) == 3 * GMS__CACHE_LINE, "a shard is full");
_Static_assert(GMS_HISTOGRAM_TO_SHARED == 0 && GMS_HISTOGRAM_TO_PRIVATE == 1,
	       "index of sizes");

/* Folios of the orders between, which few spaces have; a row a shard. */
struct gms__between {
	_Alignas(GMS__CACHE_LINE) uint64_t folios[GMS_ORDERS];
};

struct gms__ledger {
	struct gms__ledger_shard shard[GMS__LEDGER_SHARDS];
	struct gms__between *between;	/* NULL: only orders 0, 9 and 18 */
	uint64_t count[GMS_ACCT_KINDS];
	uint64_t ns[GMS_ACCT_KINDS - GMS_ACCT_GUEST_EXITS];	/* time is charged for these */
	struct gms__tags tags;
	uint64_t large[2][GMS__SIZES];	/* beyond the shards' sizes */
	uint64_t took[GMS_HISTOGRAM_BUCKETS];		/* conversion calls, by time */
	uint64_t took_ns;
	uint64_t shared_pages;
	uint64_t shared_pages_max;
	uint64_t regions;
	uint64_t pages;

	uint64_t (*now_ns)(void *ctx);	/* NULL: no clock */
	void	*ctx;
	struct gms__lock lock;
	struct gms__exposed shared;	/* guarded by it */
};

/*
 * What one commit counts, added to the ledger at its end; and the page that a
 * backend's operation in progress blames, if it does.
 */
struct gms_charge {
	uint64_t count[GMS_ACCT_KINDS];
	gms_gfn	 error_gfn;
	bool	 error_named;
};

int  gms__ledger_init(struct gms__ledger *ledger, struct gms__mem *mem,
		      uint64_t (*now_ns)(void *ctx), void *ctx);
void gms__ledger_fini(struct gms__ledger *ledger);
/* Time charged with a kind. */
static inline uint64_t gms__ledger_ns(const struct gms__ledger *ledger, uint32_t kind)
{
	return kind < GMS_ACCT_GUEST_EXITS ? 0 :
	       gms__load(&ledger->ns[kind - GMS_ACCT_GUEST_EXITS]);
}

/* Without a stripe: added atomically. */
void gms__ledger_count(struct gms__ledger *ledger, uint32_t kind, uint64_t count);
/*
 * What one conversion counted: for the space, in the shard if the caller guards
 * one, NULL if it does not; into the histograms, if it is a commit; and for the
 * tag's account, which the caller looked up before its first change (tags.h).
 */
void gms__ledger_charge(struct gms__ledger *ledger, struct gms__ledger_shard *shard,
			struct gms__tag *tag, const struct gms_charge *charge);
/* Sums over the shards. */
uint64_t gms__ledger_events(const struct gms__ledger *ledger, uint32_t kind);
uint64_t gms__ledger_gauge(const struct gms__ledger *ledger, unsigned gauge);
uint64_t gms__ledger_nfolios(const struct gms__ledger *ledger, unsigned order);
void gms__ledger_expose(struct gms__ledger *ledger, uint64_t more, uint64_t fewer);

/* A kind with a slot. The caller guards the shard: it holds that stripe, or owns the GiB. */
static inline void gms__shard_count(struct gms__ledger_shard *shard, uint32_t kind,
				    uint64_t count)
{
	uint64_t *at = &shard->count[gms__slot_of(kind)];

	gms__assert(gms__slot_of(kind) >= 0);
	__atomic_store_n(at, *at + count, __ATOMIC_RELAXED);
}

static inline void gms__shard_gauge(struct gms__ledger_shard *shard, unsigned gauge,
				    uint64_t more)
{
	__atomic_store_n(&shard->gauge[gauge], shard->gauge[gauge] + more, __ATOMIC_RELAXED);
}

/* Where a value falls: the least i with value <= 2^i, or the last bucket. */
static inline unsigned gms__bucket_of(uint64_t value)
{
	const unsigned i = value > 1 ? 64 - (unsigned)__builtin_clzll(value - 1) : 0;

	return i < GMS_HISTOGRAM_BUCKETS ? i : GMS_HISTOGRAM_BUCKETS - 1;
}

/* A commit turned npages, not 0. The caller guards the shard, if it has one. */
static inline void gms__ledger_size(struct gms__ledger *ledger, struct gms__ledger_shard *shard,
				    unsigned histogram, uint64_t npages)
{
	const unsigned i = gms__bucket_of(npages);

	if (shard && i < GMS__SMALL_SIZES)
		__atomic_store_n(&shard->size[histogram][i], shard->size[histogram][i] + 1,
				 __ATOMIC_RELAXED);
	else
		gms__add(&ledger->large[histogram][i < GMS__SIZES ? i : GMS__SIZES - 1], 1);
}

/* The embedder's clock; 0 without one. */
static inline uint64_t gms__ledger_now(const struct gms__ledger *ledger)
{
	return gms__unlikely(ledger->now_ns != NULL) ? ledger->now_ns(ledger->ctx) : 0;
}

void gms__ledger_add_time(struct gms__ledger *ledger, uint64_t began_ns);

/* A conversion call that began then, by gms__ledger_now(), is done. */
static inline void gms__ledger_took(struct gms__ledger *ledger, uint64_t began_ns)
{
	if (gms__unlikely(ledger->now_ns != NULL))
		gms__ledger_add_time(ledger, began_ns);
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
void gms__ledger_histogram(const struct gms__ledger *ledger, uint32_t kind,
			   struct gms_histogram *out);
/* kinds.c: a sentence about a kind. */
const char *gms__kind_help(uint32_t kind);

#endif

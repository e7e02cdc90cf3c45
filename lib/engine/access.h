/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access.h - who touches guest memory just now, and who waits to.
 *
 * The books are in shards, as pins are (claims.h): an access inside one GiB is in
 * the shard of its stripe, a wide one in one more, the last. Its node is in the
 * caller's struct gms_access, so to begin allocates nothing.
 *
 *   A1  Every page of every access that runs is SHARED, neither FROZEN nor MISSING,
 *       and not WRITE_PROTECT if the access writes.
 *   A2  A shard's here counts its accesses, and in its high half the wide ones that
 *       touch a GiB of its stripe.
 *
 * What keeps A1. A conversion that would break it, or might be undone, puts up a gate
 * before its first change: the list of its segments, in the shard of each of its
 * stripes. Under the shard's lock it looks who runs there, and is refused as for a
 * pin. An access looks, under the same lock, first for gates, then at the pages. So
 * one of the two sees the other, and behind no gate does a state change.
 *
 * Who waits, and for whom. Everybody who must wait gets a number, which ascends.
 *   - An access waits for gates, which are of conversions that run and so go by
 *     themselves, and for the conversions of a lower number that wait and want one
 *     of its pages (not if it is nested).
 *   - A conversion waits for accesses that run, and for those of a lower number that
 *     wait for nothing but conversions, or were just told to look again.
 *   - Nobody waits for an access that waits for a page to thaw or to come: that is
 *     a conversion's to bring about.
 * So waiting goes from higher to lower numbers, and to what runs: never in a circle,
 * but for the threads that begin an access inside another and do not say so.
 *
 * Locking: a shard's lock (rank ACCESS) guards what is in it; several are taken in
 * ascending order. Whoever changes states holds stripes, or owns GiB, and takes it
 * within these: so a shard has one gate of a stripe's holder, and one of the owner.
 * The queue of conversions that wait has a lock of its own (rank QUEUE). Waiting is
 * done with one of these locks, which is let go, and no other.
 */
#ifndef GMS_ENGINE_ACCESS_H
#define GMS_ENGINE_ACCESS_H

#include <gmemstate/access.h>

#include "base/debug.h"
#include "base/wait.h"
#include "engine/batch.h"
#include "engine/faults.h"
#include "engine/frost.h"
#include "engine/ledger.h"
#include "engine/profile.h"
#include "map/itree.h"
#include "map/map.h"

#define GMS__ACCESS_SHARDS	(GMS__STRIPES + 1)
#define GMS__WIDE_ACCESSES	GMS__STRIPES		/* the last shard */
#define GMS__ONE_WIDE_ACCESS	(UINT64_C(1) << 32)	/* in here */

/* The attributes that an access looks at. */
#define GMS__FIT	(GMS_STATE_SHARED | GMS_STATE_FROZEN | GMS_STATE_MISSING | \
			 GMS_STATE_WRITE_PROTECT | GMS_STATE_POISON)

struct gms_space;
struct gms__plan;

/* struct gms_access, from within. */
struct gms__access {
	gms_gfn	 error_gfn;
	uint32_t error_reason;
	uint32_t flags;
	struct gms__inode node;
};

/* What a conversion is about to do: its segments ascend and are disjoint. */
struct gms__gate {
	const struct gms__segment *segment;
	size_t	 n;
};

enum { GMS__GATE_STRIPE, GMS__GATE_OWNER, GMS__GATES };

/* A conversion that waits. */
struct gms__queued {
	struct gms__queued *older;
	struct gms__queued *younger;
	struct gms__gate gate;		/* what it wants */
	struct gms__segment whole;	/* that, if its segments are not known before */
	uint64_t number;	/* 0: it is not in the queue */
	uint64_t until_ns;	/* 0: it never was */
	bool	 woken;
	pthread_cond_t cond;
};

/* An access that waits, in the list of its shard. */
struct gms__waiter {
	struct gms__waiter *older;
	struct gms__waiter *younger;
	gms_gfn	 first;
	gms_gfn	 end;
	uint64_t number;
	uint32_t flags;		/* of the access */
	bool	 gated;		/* by conversions, and nothing else */
	bool	 woken;		/* it is about to look again */
	int	 error;		/* that its page was given up with */
	struct gms__wish wish;	/* the fault that counts it, if one does */
	pthread_cond_t cond;
};

/* What a shard counts. */
enum { GMS__BEGUN, GMS__WAITED, GMS__ACCESS_COUNTS };

struct gms__access_shard {
	_Alignas(GMS__CACHE_LINE) struct gms__lock lock;
	uint64_t	   here;
	const struct gms__gate *gate[GMS__GATES];
	struct gms__inode *root;
	struct gms__waiter *oldest;
	struct gms__waiter *youngest;
	uint64_t	   serial;
	uint64_t	   count[GMS__ACCESS_COUNTS];
	struct gms__frost  frost;
};

struct gms__access_books {
	struct gms__access_shard shard[GMS__ACCESS_SHARDS];
	uint64_t	    wide_waiters;	/* read under any shard's lock */
	struct gms__lock    queue;	/* guards these four */
	struct gms__queued *oldest;
	struct gms__queued *youngest;
	uint64_t	    nqueued;	/* read without the lock as a hint */
	uint64_t	    number;	/* the last one that was given */
	struct gms__faults  faults;
	struct gms__pool    frost;	/* nodes of freeze counts */
};

/* access.c */
/* The books of a space, made if there are none; NULL: no memory. Holds nothing. */
struct gms__access_books *gms__access_open(struct gms_space *space);
/* The same for a space that nobody else knows of yet. */
int  gms__access_make(struct gms_space *space);
void gms__access_fini(struct gms_space *space);
/* As gms_access_begin() and _end(), with valid arguments. */
int  gms__access_begin(struct gms_space *space, gms_gfn first, gms_gfn end, uint32_t flags,
		       uint64_t timeout_ns, struct gms__access *access);
void gms__access_end(struct gms_space *space, struct gms__access *access);
/* Faults of these pages are given up, and who waits for them gets the error. */
int  gms__access_fail(struct gms_space *space, gms_gfn first, gms_gfn end, int error);
void gms__access_acct(const struct gms_space *space, struct gms_acct *acct);

/* gates.c: what conversions do here; the caller has the stripes, or owns the GiB */

/* Call visit, under locks, for each access that runs and meets [first, end). */
void gms__access_visit(struct gms__access_books *books, gms_gfn first, gms_gfn end,
		       void (*visit)(struct gms__inode *node, void *ctx), void *ctx);
/* Does one meet it that forbids this change? *gfn is the lowest page. */
bool gms__access_first(struct gms__access_books *books, gms_gfn first, gms_gfn end,
		       gms_state old, gms_state new, gms_gfn *gfn);
/* Is the access one that forbids it? */
bool gms__access_forbids(const struct gms__inode *node, gms_state old, gms_state new);
/*
 * Put up a plan's gate: 0, or -EAGAIN with the reason in the plan. It goes when the
 * plan lets go, and then those go on who waited for it.
 */
int  gms__gate_close(struct gms__plan *plan);
void gms__gate_open(struct gms__plan *plan);
/* The plan was refused for accesses, and holds nothing. false: its time is over. */
bool gms__gate_await(struct gms__plan *plan);
/* It will not try again, or got what it waited for. */
void gms__gate_leave(struct gms__plan *plan);
/* A region is to go: the same with a gate of the caller's, who holds all stripes. */
int  gms__gate_region(struct gms_space *space, const struct gms__gate *gate);
void gms__gate_region_end(struct gms_space *space, const struct gms__gate *gate);
/*
 * fast.c: may [first, end), within a GiB, turn at once, in SHARED alone? If so the
 * shard's lock is held, which the caller lets go.
 */
bool gms__gate_quick(struct gms__access_books *books, gms_gfn first, gms_gfn end,
		     bool to_shared);

/* --- for these files ------------------------------------------------------ */

static inline bool gms__access_writes(uint32_t flags)
{
	return flags & GMS_ACCESS_WRITE;
}

/* Might it change what an access looks at, or has a right to? */
static inline bool gms__segment_gates(const struct gms__segment *s)
{
	return ((s->set | s->clear) & GMS__FIT) || (s->clear & GMS_STATE_POPULATED);
}

/* Might it be forbidden by an access? */
static inline bool gms__segment_takes(const struct gms__segment *s)
{
	return gms__rule_blocked_by_access(s->clear, s->set, true);
}

/* The first segment that ends after gfn; n: none. */
static inline size_t gms__gate_from(const struct gms__gate *gate, gms_gfn gfn)
{
	size_t lo = 0, hi = gate->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (gate->segment[mid].end <= gfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The lowest page of [first, end) that a gate concerns, or is asked of it; end: none. */
gms_gfn gms__gate_meets(const struct gms__gate *gate, gms_gfn first, gms_gfn end,
			bool (*which)(const struct gms__segment *s));

/* Shards of a range, a bit each; the last if it is wide. */
static inline uint64_t gms__access_shards(gms_gfn first, gms_gfn end)
{
	const uint64_t stripes = gms__map_stripes((struct gms_range){ first, end - first });

	return gms__gib_of(first) == gms__gib_of(end - 1) ? stripes :
	       stripes | UINT64_C(1) << GMS__WIDE_ACCESSES;
}

static inline void gms__access_lock(struct gms__access_books *books, uint64_t shards)
{
	for (; shards; shards &= shards - 1)
		gms__lock(&books->shard[__builtin_ctzll(shards)].lock);
}

static inline void gms__access_unlock(struct gms__access_books *books, uint64_t shards)
{
	for (; shards; shards &= shards - 1)
		gms__unlock(&books->shard[__builtin_ctzll(shards)].lock);
}

/* Does a conversion that waits, with a number below, want a page of [first, end)? */
bool gms__queue_holds(struct gms__access_books *books, gms_gfn first, gms_gfn end,
		      uint64_t number, gms_gfn *gfn);
uint64_t gms__queue_number(struct gms__access_books *books);
/* Conversions that want a page of [first, end) look again. */
void gms__queue_wake(struct gms__access_books *books, gms_gfn first, gms_gfn end);
/* Accesses that wait for a page that the gate concerns look again. No shard is locked. */
void gms__waiters_wake(struct gms__access_books *books, uint64_t stripes,
		       const struct gms__gate *gate);

/* access_check.c: A1, A2, the trees, the faults and the frost, recounted. */
bool gms__access_sound(struct gms_space *space, struct gms__fault *fault);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans.h - the loans of a space: who has lent which bytes, and what that
 * keeps shared.
 *
 * Of every page that is lent, or idle, there is a cell; 32 neighbours are a
 * leaf, made when the first of them is lent, found by a hash table of the
 * stripe's shard (map/map.h). A cell says what it must in 64 bits:
 *
 *   0			no loan has to do with the page
 *   [OURS] n, bytes	n loans, with so many bytes of the page, counted each
 *   OURS IDLE links	none any more, but it is shared still: in the shard's
 *			list of idle pages, oldest first
 *   OURS		for a moment, under the stripe: it is being turned
 *
 * OURS: a loan turned the page shared, and when the last is returned it may turn
 * private. A page that was shared before its first loan has it not; one that is
 * shared explicitly meanwhile loses it.
 *
 *   L1  A page whose cell is not 0 is SHARED.
 *   L2  A cell's count and bytes are those of the loans that touch the page.
 *   L3  here counts a shard's cells that are not 0; a leaf's nused its own.
 *   L4  The list of idle pages holds those whose cell is IDLE, once each, and
 *       ascends in time; nidle counts them.
 *   L5  A loan within a GiB is in the shard of its stripe, another in the last
 *       one. One of at most 32 pages within a GiB is in the list of the leaf
 *       that its first page is in, others in their shard's tree.
 *   L6  A leaf is in the table, under its number, or on the free list.
 *
 * So "nothing lent here" costs a load or two where a stripe has none. Leaves that
 * have become empty stay in the table until they are half of it: a guest comes
 * back to where it was. Memory stays with the shard, for the loans to come.
 *
 * Locking: who lends or returns holds the stripes of the ranges, all the time
 * from the look at the states to the last count; a shard is its stripe's, the
 * last one has a lock of its own (rank LOANS). A large conversion, which owns
 * GiB without their stripes, takes them one by one to look: nobody lends in a GiB
 * that is owned.
 */
#ifndef GMS_ENGINE_LOANS_H
#define GMS_ENGINE_LOANS_H

#include <gmemstate/convert.h>
#include <gmemstate/lend.h>

#include "base/debug.h"
#include "base/hash.h"
#include "base/lock.h"
#include "engine/ledger.h"
#include "engine/room.h"
#include "engine/slots.h"
#include "map/map.h"

#define GMS__LEAF_ORDER		5u
#define GMS__LEAF_PAGES		(1u << GMS__LEAF_ORDER)
#define GMS__LOAN_SHARDS	(GMS__STRIPES + 1)
#define GMS__WIDE_LOANS		GMS__STRIPES	/* the last shard */

#define GMS__CELL_OURS		(UINT64_C(1) << 63)
#define GMS__CELL_IDLE		(UINT64_C(1) << 62)
#define GMS__CELL_ONE		(UINT64_C(1) << 37)	/* a loan; below: its bytes */
#define GMS__CELL_BYTES		(GMS__CELL_ONE - 1)
#define GMS__CELL_COUNT		(((UINT64_C(1) << 25) - 1) * GMS__CELL_ONE)

/* A page of a shard: its leaf's number and its place there. In an idle cell: two. */
#define GMS__PAGE_BITS		31u
#define GMS__NO_PAGE		((UINT32_C(1) << GMS__PAGE_BITS) - 1)

struct gms__leaf {
	struct gms__leaf  *next_free;
	uint64_t	   number;	/* gfn >> GMS__LEAF_ORDER */
	struct gms__inode *loans;	/* short ones that begin here; right: next, left: before */
	uint32_t	   index;	/* of the shard's leaves */
	uint32_t	   nused;	/* cells that are not 0 */
	bool		   placed;	/* in the table */
	char		   pad[GMS__CACHE_LINE - 3 * sizeof(void *) - 2 * sizeof(uint32_t) -
			       sizeof(bool)];
	uint64_t	   cell[GMS__LEAF_PAGES];
	uint64_t	   since[GMS__LEAF_PAGES];	/* when it became idle */
};

/* What a shard counts, for the ledger. The gauges first. */
enum {
	GMS__LOANS, GMS__LENT_BYTES, GMS__LENT_PAGES, GMS__IDLE_PAGES, GMS__SLACK_BYTES,
	GMS__LENDS, GMS__RETURNS, GMS__LEND_HITS, GMS__RECLAIMS, GMS__RECLAIMED_PAGES,
	GMS__LOAN_COUNTS
};

struct gms__loan_shard {
	_Alignas(GMS__CACHE_LINE) uint64_t here;	/* read without a lock as a hint */
	struct gms__hash   table;	/* of leaves */
	struct gms__slots  slots;
	struct gms__inode *root;	/* long loans */
	struct gms__leaf  *free;
	struct gms__slabs  leaves;
	uint32_t	   nleaves;	/* that were ever made */
	uint32_t	   nempty;	/* of those in the table */
	uint32_t	   oldest;	/* idle pages */
	uint32_t	   latest;
	uint64_t	   nidle;	/* read without a lock as a hint */
	uint64_t	   serial;
	struct gms__exposed idle;	/* page-time */
	uint64_t	   count[GMS__LOAN_COUNTS];	/* the sum over the shards counts */
};

struct gms__loans {
	struct gms__loan_shard *shard[GMS__LOAN_SHARDS];	/* made when first lent from */
	uint32_t policy;		/* enum gms_lend_policy */
	uint64_t most_idle;		/* LAZY: pages */
	uint64_t oldest_ns;
	uint64_t nidle;			/* of all shards; added to atomically */
	uint64_t wait;			/* returns before LAZY tries again: as many as failed */
	uint64_t tick;			/* what tells idle pages' age without a clock */
	uint64_t made;			/* shards there are, a bit each */
	struct gms__lock wide;		/* guards the last shard */
};

/* What a call changed, for its caller's result. */
struct gms__lent {
	struct gms_range *runs;		/* the caller's array; may be NULL */
	uint64_t room;
	uint64_t nruns;			/* that there were */
	struct gms_range last;		/* the latest, which may grow */
	uint64_t changed_pages;
	uint64_t hit_pages;
	uint64_t kept_pages;
	uint64_t idle_pages;
	uint64_t blocked_pages;
	gms_gfn	 error_gfn;
	uint32_t error_reason;
};

struct gms_space;

/* loans.c */
bool gms__loans_make(struct gms__loans *loans, struct gms__mem *mem, unsigned s);
int  gms__loans_init(struct gms__loans *loans, const struct gms_space_opts *opts);
void gms__loans_fini(struct gms__loans *loans, struct gms__mem *mem);
/*
 * The lowest lent page of [first, end). The caller holds the stripes, or owns
 * the GiB and holds none.
 */
bool gms__loans_first(struct gms_space *space, gms_gfn first, gms_gfn end, bool owns,
		      gms_gfn *gfn);
/*
 * An embedder's conversion named SHARED for [first, end), in which no page that
 * it turned private is lent: no page of it is a loan's business any more to turn
 * private. The caller as above, with the change still under way.
 */
void gms__loans_forget(struct gms_space *space, gms_gfn first, gms_gfn end, bool owns);
/* What loans have to say in the ledger; lock-free. */
uint64_t gms__loans_sum(const struct gms_space *space, unsigned which);
/* Of any kind that the ledger knows, also those that loans count for it. */
uint64_t gms__loans_events(const struct gms_space *space, uint32_t kind);
void gms__loans_acct(const struct gms_space *space, struct gms_acct *acct);
/* All but shared_pages, into what is 0. */
void gms__loans_read(const struct gms_space *space, struct gms_lend_gauges *gauges);
size_t gms__loans_list(struct gms_space *space, struct gms_range range,
		       struct gms_loan_info *buf, size_t nbuf);

/* loans_lend.c, loans_return.c: as gms_lend() and its kin, arguments checked, n not 0 */
int  gms__loans_lend(struct gms_space *space, const struct gms_loan_want *want,
		     gms_loan_id *id, struct gms__lent *lent);
int  gms__loans_lend_many(struct gms_space *space, const struct gms_loan_want *want, size_t n,
			  gms_loan_id *ids, struct gms__lent *lent);
int  gms__loans_return(struct gms_space *space, const gms_loan_id *ids, size_t n,
		       struct gms__lent *lent);
void gms__loans_reclaim(struct gms_space *space, uint64_t budget, uint64_t now_ns,
			struct gms__lent *lent);

/* loans_check.c: L1 to L6 and the gauges' sums, recounted. The caller holds all stripes. */
struct gms__loans_sums {
	uint64_t loans;
	uint64_t bytes;
	uint64_t lent_pages;
	uint64_t idle_pages;
	uint64_t slack_bytes;
};
bool gms__loans_sound(const struct gms_space *space, struct gms__loans_sums *sums,
		      struct gms__fault *fault);

/* --- for these files ------------------------------------------------------ */

/* What changes of cells come to, for the gauges; all 0 at first. */
struct gms__cell_sums {
	uint64_t now;		/* gms__loans_now(), if it was asked */
	uint64_t lent_pages;	/* modulo 2^64, like gauges */
	uint64_t idle_pages;
	uint64_t slack_bytes;
};

/* loans_turn.c: pages on their way between shared and private */

/* Pages whose cells are marked OURS alone, and the one conversion that turns them. */
struct gms__loan_turn {
	struct gms_space *space;
	struct gms__lent *lent;
	gms_tag	 tag;
	struct gms__tag *account;	/* its */
	uint64_t stripes;		/* that are held */
	bool	 shared;		/* to where */
	struct gms__room room;
	struct gms__leaf *leaf;		/* looked at last; leaves do not go meanwhile */
	struct gms__list changes;	/* struct gms_change: disjoint runs, sorted on demand */
	struct gms_change change0[32];
};

void gms__turn_begin(struct gms__loan_turn *turn, struct gms_space *space, uint64_t stripes,
		     bool shared, gms_tag tag, struct gms__lent *lent);
/* A page that was marked; -ENOMEM: and it is not in the list. */
int  gms__turn_add(struct gms__loan_turn *turn, gms_gfn gfn);
void gms__turn_sort(struct gms__loan_turn *turn);
/* All of them or none; what turned goes to the caller's result. */
int  gms__turn_do(struct gms__loan_turn *turn);
/*
 * To private, as far as it may be: marks are gone afterwards, pages that may not
 * turn are idle. sums: of each stripe.
 */
void gms__turn_back(struct gms__loan_turn *turn, struct gms__cell_sums *sums);
void gms__turn_end(struct gms__loan_turn *turn);

static inline bool gms__cell_is_lent(uint64_t cell)
{
	return (cell & GMS__CELL_COUNT) && !(cell & GMS__CELL_IDLE);
}

/* Bytes that loans show the host of a page, beyond those lent. */
static inline uint64_t gms__cell_slack(uint64_t cell)
{
	uint64_t bytes = cell & GMS__CELL_BYTES;

	if (!(cell & GMS__CELL_OURS) || cell == GMS__CELL_OURS)
		return 0;
	if (cell & GMS__CELL_IDLE)
		return GMS_PAGE_SIZE;
	return bytes < GMS_PAGE_SIZE ? GMS_PAGE_SIZE - bytes : 0;
}

static inline struct gms__leaf *gms__leaf_find(const struct gms__loan_shard *shard, gms_gfn gfn)
{
	return gms__hash_find(&shard->table, gfn >> GMS__LEAF_ORDER);
}

/* The same, if the leaf looked at last is another. */
static inline struct gms__leaf *gms__leaf_at(const struct gms__loan_shard *shard,
					     struct gms__leaf *last, gms_gfn gfn)
{
	if (gms__likely(last && last->number == gfn >> GMS__LEAF_ORDER))
		return last;
	return gms__leaf_find(shard, gfn);
}

/* Who guards the shard counts. */
static inline void gms__loan_count(struct gms__loan_shard *shard, unsigned which, uint64_t more)
{
	__atomic_store_n(&shard->count[which], shard->count[which] + more, __ATOMIC_RELAXED);
}

/* Replace a cell; the list of idle pages is the caller's. */
static inline void gms__cell_set(struct gms__loan_shard *shard, struct gms__leaf *leaf,
				 unsigned i, uint64_t cell, struct gms__cell_sums *sums)
{
	const uint64_t old = leaf->cell[i];
	const uint32_t was = leaf->nused;

	leaf->cell[i] = cell;
	sums->lent_pages += (uint64_t)gms__cell_is_lent(cell) - gms__cell_is_lent(old);
	sums->slack_bytes += gms__cell_slack(cell) - gms__cell_slack(old);
	if (!old == !cell)
		return;
	leaf->nused = was + (cell ? 1 : -1u);
	shard->nempty += (uint32_t)!leaf->nused - !was;
	gms__store(&shard->here, shard->here + (cell ? 1 : -UINT64_C(1)));
}

/* loans.c: a page becomes idle, the latest of the shard, or is so no more. */
void gms__idle_push(struct gms__loan_shard *shard, struct gms__leaf *leaf, unsigned i,
		    uint64_t since, struct gms__cell_sums *sums);
/* Its cell becomes cell. */
void gms__idle_pull(struct gms__loan_shard *shard, struct gms__leaf *leaf, unsigned i,
		    uint64_t cell, struct gms__cell_sums *sums);
/* The gauges of a shard, and the time that pages were idle. */
void gms__cells_account(struct gms_space *space, unsigned s, struct gms__cell_sums *sums);
/* What says how old idle pages are: the space's clock, or the order in which they came. */
uint64_t gms__loans_now(struct gms_space *space);
/* See to it that a leaf of gfn is there; NULL: no memory. */
struct gms__leaf *gms__leaf_open(struct gms__loan_shard *shard, struct gms__mem *mem,
				 gms_gfn gfn);
/* Give up empty leaves if they are many: before a loan opens those it needs. */
void gms__leaves_sweep(struct gms__loan_shard *shard);

/* See to it that a shard is there to lend from. The caller guards it; false: no memory. */
static inline bool gms__loans_open(struct gms__loans *loans, struct gms__mem *mem, unsigned s)
{
	return gms__likely(gms__load_relaxed(&loans->made) >> s & 1) ||
	       gms__loans_make(loans, mem, s);
}

/* Leaves in use with pages of [first, end): ascending, or in no order if they are many. */
struct gms__leaves {
	const struct gms__loan_shard *shard;
	uint64_t at;		/* a leaf's number, or a place of the table */
	uint64_t first;		/* leaves' numbers */
	uint64_t last;
	bool	 ascending;
};

void gms__leaves_begin(struct gms__leaves *it, const struct gms__loan_shard *shard,
		       gms_gfn first, gms_gfn end);
struct gms__leaf *gms__leaves_next(struct gms__leaves *it);	/* NULL: no more */

/* Cells [*lo, *hi) of a leaf are of [first, end). */
static inline void gms__leaf_clip(const struct gms__leaf *leaf, gms_gfn first, gms_gfn end,
				  unsigned *lo, unsigned *hi)
{
	const gms_gfn base = leaf->number << GMS__LEAF_ORDER;

	*lo = (unsigned)(gms__max(first, base) - base);
	*hi = (unsigned)(gms__min(gms__max(end, base), base + GMS__LEAF_PAGES) - base);
}

static inline struct gms__leaf *gms__page_leaf(const struct gms__loan_shard *shard, uint32_t page)
{
	return gms__slabs_at(&shard->leaves, page >> GMS__LEAF_ORDER, sizeof(struct gms__leaf));
}

static inline gms_gfn gms__page_gfn(const struct gms__leaf *leaf, unsigned i)
{
	return (leaf->number << GMS__LEAF_ORDER) + i;
}

/* A loan's bytes are its claim's pages and, low in its serial, where it begins and ends in them. */
static inline uint64_t gms__loan_gpa(const struct gms__claim *loan)
{
	return loan->node.first << GMS_PAGE_SHIFT | (loan->node.serial >> 12 & 0xfff);
}

static inline uint64_t gms__loan_bytes(const struct gms__claim *loan)
{
	return ((loan->node.end - 1) << GMS_PAGE_SHIFT | (loan->node.serial & 0xfff)) + 1 -
	       gms__loan_gpa(loan);
}

static inline bool gms__loan_is_wide(gms_gfn first, gms_gfn end)
{
	return gms__gib_of(first) != gms__gib_of(end - 1);
}

static inline bool gms__loan_is_long(gms_gfn first, gms_gfn end)
{
	return end - first > GMS__LEAF_PAGES || gms__loan_is_wide(first, end);
}

/* What a loan of [gpa, gpa + bytes) is in the cell of one of its pages. */
static inline uint64_t gms__loan_share(uint64_t gpa, uint64_t bytes, gms_gfn gfn)
{
	const uint64_t page = gfn << GMS_PAGE_SHIFT;
	const uint64_t lo = gms__max(page, gpa);
	const uint64_t hi = gms__min(page + (GMS_PAGE_SIZE - 1), gpa + (bytes - 1));

	return GMS__CELL_ONE + (hi - lo + 1);
}

#endif

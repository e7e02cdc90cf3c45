/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.h - which state has this page: regions, GiB words, block words, leaves.
 *
 *   region table --> per region a word a GiB --> uniform state
 *                                            `-> chunk: a word a 2 MiB block
 *   word of a block --> uniform state, or one or two runs (block.h)
 *                   `-> leaf: a plane of bits, a list of runs, bytes
 *
 * A GiB or 2 MiB block here is one of the guest's address space: region words
 * begin at the GiB that holds the region's first page, and what sticks out of
 * the region is never looked at.
 *
 *   M1  A block word that is not UNIFORM or PLAIN holds at least two states (K1).
 *   M2  chunk->pages[] are the pages of the GiB that have the counted
 *       attributes, chunk->shared[q] the shared pages of blocks 4q to 4q + 3.
 *       While a writer is at work they may be too high, never too low.
 *   M3  chunk->nmixed is the number of its words that are not uniform, nlists
 *       that of its words that are lists, bytes or wide, nsplit that of SPLIT,
 *       and of what is cut between blocks and GiB (halves.h).
 *   M4  SPLIT is set only on blocks of at most the region's base order; or, of
 *       base order 9, on a GiB without a chunk: then all its blocks are.
 *   M5  A block without SPLIT in a GiB without SPLIT is part of a folio of 1G
 *       if the base order is 18; no block in such a GiB is SPLIT.
 *   M6  A GiB with a shared page is lit: its bit in the region's words is set.
 *
 * Readers (get.h, get.c, walk.c, count.c) take no lock and never wait. They go
 *
 *   table word, row, GiB word, generation, block word, leaf
 *
 * all with acquire loads, and then look again whether these still stand:
 *   R1  the chunk's generation, if they read a leaf. One look is enough for all
 *       blocks of the chunk whose words were loaded after the first.
 *   R2  the GiB word, if they read a chunk.
 *   R3  the table word, at the end, and before they follow a row's pointer.
 * If one moved they start again: somebody changed the very blocks they went
 * through. That holds in a signal handler too, for there is no moment at which
 * a word is half written. So of each page they give a state that it had while
 * they read; of pages of different words not those of one moment.
 *
 * Writers hold the stripe of every GiB they change, or own it (own.c); adding
 * and removing regions takes all stripes. Each stripe counts its changes for
 * gms__map_seq(): odd while one is going on.
 *   W1  Every store that a reader can see is a release store, into a free table
 *       too, and tables change hands under a lock.
 *   W2  A block word that has a leaf is replaced in this order: the new leaf is
 *       filled, the word stored, the generation raised; only then is the old
 *       leaf reused, or do bits change under the word's new places.
 *   W3  Bits of a plane change in place, 64 in a store, and nothing is raised.
 *   W4  A GiB word is stored with the next tag (word.h): after its new chunk is
 *       filled, and before its old one, or a leaf of it, is reused.
 *   W5  A region table is written while it is the spare, and published with the
 *       next tag before the old one, or an array, chunk or leaf that only the
 *       old one leads to, is reused.
 *
 * Why that is enough: who reuses something learnt of what made it free, by the
 * order of its own stores or by the lock, and a reader that acquires one of its
 * stores learns that too: it finds the raised generation (R1, W2), the next GiB
 * word (R2, W4) or the next table (R3, W5) when it looks again. A generation
 * that was raised before the first look tells of the new word already. The
 * other order, raise and then store, does not: a reader that comes in between
 * has the new generation with the old word. tests/proof/reader.pml is this
 * protocol as a model, which spin searches for errors.
 */
#ifndef GMS_MAP_MAP_H
#define GMS_MAP_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/space.h>
#include <gmemstate/state.h>

#include "base/atomic.h"
#include "base/bulk.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "map/block.h"
#include "map/palette.h"
#include "map/word.h"

#define GMS__GIB_PAGES		(UINT64_C(1) << GMS_ORDER_1G)
#define GMS__CHUNK_BLOCKS	512u
/* Blocks whose shared pages are counted together: a larger group, less memory. */
#define GMS__GROUP_BLOCKS	4u
#define GMS__GROUP_PAGES	(GMS__GROUP_BLOCKS * GMS__BLOCK_PAGES)
/* A sanitizer follows at most 64 locks of a thread, and all stripes are held at times. */
#define GMS__STRIPES		32u
#define GMS__ALL_STRIPES	((UINT64_C(1) << GMS__STRIPES) - 1)

/* The blocks of one GiB that is not uniform. */
struct gms__chunk {
	struct gms__node node;
	uint64_t generation;
	uint32_t pages[GMS__COUNTED];
	uint16_t nmixed;	/* these three for writers only */
	uint16_t nlists;
	uint16_t nsplit;
	char	 pad[GMS__CACHE_LINE - sizeof(struct gms__node) - sizeof(uint64_t) -
		     GMS__COUNTED * sizeof(uint32_t) - 3 * sizeof(uint16_t)];
	uint64_t word[GMS__CHUNK_BLOCKS];
	uint16_t shared[GMS__CHUNK_BLOCKS / GMS__GROUP_BLOCKS];
};

/*
 * One row of the region table. Readers load each member on its own and then
 * check that the table is still the current one.
 */
struct gms__region {
	uint64_t  first;
	uint64_t  npages;
	uint64_t  words;	/* the address that GiB 0 of the guest would have its word at */
	uint64_t  id_order;	/* id << 16 | fault order << 8 | rule | base order */
	uint64_t  backend;	/* the engine's: index + 1, or 0 */
	uint64_t  backing_id;
	uint64_t  backing_offset_bytes;
	void	 *hva;
};

/* In front of a region's GiB words. */
struct gms__words {
	struct gms__node node;		/* on a free list */
	struct gms__words *all;		/* on the list of all */
	uint64_t	 class;		/* log2 of the number of words */
	uint64_t	*lit;		/* a bit a GiB: M6 */
	struct gms__turns *turns;	/* if the map keeps them */
	struct gms__turns *changes;
	char		 pad[GMS__CACHE_LINE - sizeof(struct gms__node) - 5 * sizeof(uint64_t)];
	uint64_t	 word[];
};

struct gms__turns;			/* turns.h */

struct gms__table {
	struct gms__table *next;	/* on the list of retired ones */
	uint64_t	   capacity;
	uint64_t	   n;
	char		   pad[GMS__CACHE_LINE - 2 * sizeof(uint64_t) - sizeof(void *)];
	struct gms__region row[];	/* row 0 is there and empty if n is 0 */
};

/* A GiB that is uniform but keeps its chunk, because a guest may come back to it. */
struct gms__idle {
	uint64_t *at;			/* NULL: none */
	struct gms__words *words;
	uint64_t  place;		/* its number << 18 | last << 9 | first block */
};

#define GMS__IDLE	2		/* a stripe; the latest first */

struct gms__stripe {
	struct gms__lock lock;
	uint64_t	 seq;
	uint64_t	 began;		/* changes.h: the generation when it turned odd */
	struct gms__idle idle[GMS__IDLE];
	char		 pad[2 * GMS__CACHE_LINE - sizeof(struct gms__lock) -
			     2 * sizeof(uint64_t) - GMS__IDLE * sizeof(struct gms__idle)];
};

/* What a map keeps besides states. */
enum {
	GMS__KEEPS_HALVES = 1,		/* folios of every order (halves.h) */
	GMS__KEEPS_TURNS = 2,		/* when blocks turned (turns.h) */
	GMS__KEEPS_CHANGES = 4		/* when they changed in any way (changes.h) */
};

#define GMS__WORD_CLASSES	24	/* 2^0 .. 2^23 words: 2^22 GiB are all there can be */

struct gms__map {
	uint64_t	   table;	/* tagged pointer to the current region table */
	uint64_t	   most_npages;	/* its largest region, which most pages are in */
	uint64_t	   most_first;
	uint64_t	   most_words;
	const struct gms__bulk *bulk;
	struct gms__table *spare;	/* the other one of the pair */
	struct gms__table *retired;	/* smaller ones, once current */
	struct gms__words *arrays[GMS__WORD_CLASSES];	/* free ones, by log2 of words */
	struct gms__words *all_arrays;	/* every one, for the end */
	struct gms__mem	   mem;
	struct gms__pool   chunks;
	struct gms__pool   leaves[GMS__LEAF_CLASSES];
	struct gms__palette palette;
	uint32_t	   last_id;
	unsigned	   keeps;	/* GMS__KEEPS_* bits */
	struct gms__lock   large;	/* these four: own.c */
	uint64_t	   owned_first;	/* GiB that a large conversion owns */
	uint64_t	   owned_gibs;
	uint64_t	   large_seq;
	uint64_t	   large_began;	/* as a stripe's */
	uint64_t	   generation;	/* changes.h */
	uint64_t	   removed;	/* when a region went last, or the map was made */
	struct gms__stripe stripe[GMS__STRIPES];
};

/* What an edit takes its tables from and gives them back to. */
struct gms__tables {
	struct gms__stock chunks;
	struct gms__stock leaves[GMS__LEAF_CLASSES];
};

static inline uint32_t gms__region_id(const struct gms__region *r)
{
	return (uint32_t)(gms__load(&r->id_order) >> 16);
}

/* A rule of id_order: no page of it is ever in the direct map. */
#define GMS__NO_DIRECT_MAP	0x80u

static inline unsigned gms__region_order(const struct gms__region *r)
{
	return gms__load(&r->id_order) & 0x7f;
}

static inline uint32_t gms__region_flags(const struct gms__region *r)
{
	return gms__load(&r->id_order) & GMS__NO_DIRECT_MAP ? GMS_REGION_NO_DIRECT_MAP : 0;
}

/* Is it that rule which forbids its pages this state? */
static inline bool gms__region_bars(const struct gms__region *r, gms_state state)
{
	return (state & GMS_STATE_DIRECT_MAP) && gms__region_flags(r);
}

static inline unsigned gms__region_fault_order(const struct gms__region *r)
{
	return gms__load(&r->id_order) >> 8 & 0xff;
}

static inline uint64_t gms__region_end(const struct gms__region *r)
{
	return gms__load(&r->first) + gms__load(&r->npages);
}

static inline uint64_t gms__gib_of(gms_gfn gfn)
{
	return gfn >> GMS_ORDER_1G;
}

/* The word of the GiB around gfn, a page of the region. */
static inline uint64_t *gms__gib_at(const struct gms__region *r, gms_gfn gfn)
{
	return (uint64_t *)(uintptr_t)(gms__load(&r->words) +
				       gms__gib_of(gfn) * sizeof(uint64_t));
}

static inline struct gms__words *gms__words_of(const struct gms__region *r)
{
	return (struct gms__words *)(void *)gms__gib_at(r, gms__load(&r->first)) - 1;
}

static inline unsigned gms__stripe_of(gms_gfn gfn)
{
	return gms__gib_of(gfn) % GMS__STRIPES;
}

static inline unsigned gms__block_index(gms_gfn gfn)
{
	return gfn / GMS__BLOCK_PAGES % GMS__CHUNK_BLOCKS;
}

static inline gms_gfn gms__min(gms_gfn a, gms_gfn b) { return a < b ? a : b; }
static inline gms_gfn gms__max(gms_gfn a, gms_gfn b) { return a > b ? a : b; }

/* The part of the aligned block of npages around gfn that is in the region. */
static inline gms_gfn gms__clip_lo(const struct gms__region *r, gms_gfn gfn, uint64_t npages)
{
	return gms__max(gfn & ~(npages - 1), r->first);
}

static inline gms_gfn gms__clip_hi(const struct gms__region *r, gms_gfn gfn, uint64_t npages)
{
	return gms__min((gfn | (npages - 1)) + 1, r->first + r->npages);
}

/* map.c: making and unmaking, stripes */
int  gms__map_init(struct gms__map *map, const struct gms_mem_ops *ops, unsigned keeps);
void gms__map_fini(struct gms__map *map);
/* Memory from the allocator less what is free in the pools. */
uint64_t gms__map_used_bytes(const struct gms__map *map);
int  gms__map_reserve(struct gms__map *map, uint64_t nblocks, uint64_t ngibs);
void gms__tables_put(struct gms__map *map, struct gms__tables *tables);

static inline bool gms__tables_any(const struct gms__tables *tables)
{
	uint64_t n = tables->chunks.n;

	for (unsigned c = 0; c < GMS__LEAF_CLASSES; c++)
		n |= tables->leaves[c].n;
	return n;
}
uint64_t gms__map_stripes(struct gms_range range);	/* the set of its stripes, a bit each */
/* Lock them to change [first, end), which nobody will own then. */
void gms__map_lock(struct gms__map *map, uint64_t stripes, gms_gfn first, gms_gfn end);
void gms__map_lock_stripes(struct gms__map *map, uint64_t stripes);	/* to change no states */
void gms__map_lock_all(struct gms__map *map);
void gms__map_unlock(struct gms__map *map, uint64_t stripes);
void gms__map_change_begin(struct gms__map *map, uint64_t stripes);
void gms__map_change_end(struct gms__map *map, uint64_t stripes);
/*
 * The same for one of them, or for who owns GiB: from here on the pages that seq is
 * of may change.
 */
static inline void gms__map_odd(struct gms__map *map, uint64_t *seq, uint64_t *began)
{
	if (gms__unlikely(map->keeps & GMS__KEEPS_CHANGES))
		gms__store(began, gms__load(&map->generation));
	gms__store(seq, gms__load_relaxed(seq) + 1);
}
uint64_t gms__map_seq(const struct gms__map *map, uint64_t stripes, bool *busy);

/*
 * own.c: a large conversion owns the GiB it walks, and holds no stripe
 */
void gms__map_own(struct gms__map *map, gms_gfn first, gms_gfn end);
void gms__map_disown(struct gms__map *map);
/* Wait until the large conversion that there was is done. No lock may be held. */
void gms__map_await_owner(struct gms__map *map);

/* region.c: the region table; changing it takes all stripes */
int  gms__region_init(struct gms__map *map);
void gms__region_fini(struct gms__map *map);
/* cut: its folios are, at once (M4). */
int  gms__region_insert(struct gms__map *map, const struct gms__region *row, gms_state state,
			bool cut);
void gms__region_delete(struct gms__map *map, uint32_t id);
/* What a region of these pages takes, uniform; without its row in the table. */
uint64_t gms__region_bytes(const struct gms__map *map, gms_gfn first, uint64_t npages);
/*
 * The first region that ends after gfn. Copies the row; false: none. *check is
 * for gms__table_changed().
 */
bool gms__region_find(const struct gms__map *map, gms_gfn gfn, struct gms__region *row,
		      uint64_t *check);
/* Pages of [first, end) that regions hold. */
uint64_t gms__region_pages(const struct gms__map *map, gms_gfn first, gms_gfn end);
bool gms__region_nth(const struct gms__map *map, uint64_t n, struct gms__region *row,
		     uint64_t *check);

static inline bool gms__table_changed(const struct gms__map *map, uint64_t check)
{
	return gms__load_relaxed(&map->table) != check;
}

/*
 * The last row that does not begin after gfn, or the first one: if a region
 * holds gfn it is this. Without branches but the loop's, which goes by the
 * number of regions alone.
 */
static inline const struct gms__region *gms__region_around(const struct gms__table *table,
							   gms_gfn gfn)
{
	const struct gms__region *row = table->row;

	for (uint64_t n = gms__load(&table->n); n > 1;) {
		const uint64_t half = n / 2;

		row += gms__load(&row[half].first) <= gfn ? half : 0;
		n -= half;
	}
	return row;
}

/* M6. GiB of many stripes share a word of these bits. */
static inline void gms__light(struct gms__words *words, const uint64_t *gib_at)
{
	const uint64_t g = (uint64_t)(gib_at - words->word), bit = UINT64_C(1) << g % 64;

	if (!(gms__load_relaxed(&words->lit[g / 64]) & bit))
		__atomic_fetch_or(&words->lit[g / 64], bit, __ATOMIC_RELEASE);
}

static inline void gms__darken(struct gms__words *words, const uint64_t *gib_at)
{
	const uint64_t g = (uint64_t)(gib_at - words->word), bit = UINT64_C(1) << g % 64;

	if (gms__load_relaxed(&words->lit[g / 64]) & bit)
		__atomic_fetch_and(&words->lit[g / 64], ~bit, __ATOMIC_RELEASE);
}

/* Does a large conversion own this page's GiB (own.c)? */
static inline bool gms__map_is_owned(const struct gms__map *map, gms_gfn gfn)
{
	return gms__gib_of(gfn) - gms__load(&map->owned_first) < gms__load(&map->owned_gibs);
}

/* Or one of [first, end)? */
static inline bool gms__map_any_owned(const struct gms__map *map, gms_gfn first, gms_gfn end)
{
	const uint64_t gibs = gms__load(&map->owned_gibs);
	const uint64_t owned = gms__load(&map->owned_first);

	return gms__unlikely(gibs) && gms__gib_of(first) < owned + gibs &&
	       gms__gib_of(end - 1) >= owned;
}

/* For readers of vectors, which are no acquire loads: what they read comes before. */
static inline void gms__read_fence(void)
{
#ifdef GMS__TSAN
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/* get.c: all about one block; lock-free. get.h has the one page. */
struct gms__block {
	uint64_t first;		/* the block, clipped to the region */
	uint64_t npages;
	uint64_t shared_pages;	/* of a block of order 9: if it is not split */
	uint32_t region;
	unsigned base_order;
	bool	 split;		/* the block's folio is cut */
	bool	 uniform;	/* in every attribute */
};
/* The block of order 9 or 18 around gfn; false: a hole. */
bool gms__map_block(const struct gms__map *map, gms_gfn gfn, unsigned order,
		    struct gms__block *block);
/* edit.c: changing states; the caller holds the stripes */
struct gms__needs {		/* tables that edits, told of in ascending order, may need */
	uint64_t chunks;
	uint64_t leaves[GMS__LEAF_CLASSES];
	uint64_t last_gib;	/* the identity of the GiB counted last */
	uint64_t last_block;	/* of the block edited in part last */
	uint64_t last_detour;	/* of the block edited by several segments last */
	bool	 spares;	/* a leaf of each class to copy through */
	bool	 detours;	/* two: a block goes through several states on its way */
};
/* Regions that share a GiB have each a word for it: that is what tells two apart. */
static inline uint64_t gms__gib_identity(const struct gms__region *r, gms_gfn gfn)
{
	return (uintptr_t)gms__gib_at(r, gfn) / sizeof(uint64_t);
}

static inline uint64_t gms__block_identity(const struct gms__region *r, gms_gfn gfn)
{
	return gms__gib_identity(r, gfn) * GMS__CHUNK_BLOCKS + gms__block_index(gfn);
}

/* Was the block the last one that an edit in part was told of? */
static inline bool gms__needs_met(const struct gms__needs *needs, const struct gms__region *r,
				  gms_gfn gfn)
{
	return needs->last_block == gms__block_identity(r, gfn);
}

static inline void gms__needs_meet(struct gms__needs *needs, const struct gms__region *r,
				   gms_gfn gfn)
{
	needs->last_block = gms__block_identity(r, gfn);
}

void gms__map_needs(struct gms__map *map, const struct gms__region *r, gms_gfn first,
		    gms_gfn end, gms_state set, gms_state clear, struct gms__needs *needs);
/* A run that turns to this state: the palette may be full. */
void gms__map_needs_state(struct gms__map *map, gms_state state, struct gms__needs *needs);
/* Take what is needed in hand. */
int  gms__map_provide(struct gms__map *map, const struct gms__needs *needs,
		      struct gms__tables *tables, bool may_alloc);
void gms__map_edit(struct gms__map *map, const struct gms__region *r, gms_gfn first, gms_gfn end,
		   gms_state set, gms_state clear, struct gms__tables *tables);

/*
 * The same within one block, where no tables are wanted but what may be in
 * hand; false: nothing has changed, and gms__map_needs() must be asked.
 */
bool gms__map_edit_try(struct gms__map *map, const struct gms__region *r, gms_gfn first,
		       gms_gfn end, gms_state set, gms_state clear, struct gms__tables *tables);

/*
 * shapes.c: what blocks folios are cut into; the caller holds the stripes. Orders
 * are 9 and 18, or of a map with halves all but 0, up to the region's base order.
 */
bool gms__map_is_split(const struct gms__region *r, gms_gfn gfn, unsigned order);
bool gms__map_has_chunk(const struct gms__region *r, gms_gfn gfn);
bool gms__map_any_split_2m(const struct gms__region *r, gms_gfn gfn);
uint64_t gms__map_shared_in(const struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
			    unsigned order);
void gms__map_set_split(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
			unsigned order, bool split, struct gms__tables *tables);
/* The same for all blocks of a GiB without a chunk, in a region of base order 9 (M4). */
void gms__map_set_split_all(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
			    bool split);
bool gms__map_shared_at(const struct gms__map *map, const struct gms__region *r, gms_gfn gfn);
/*
 * A chunk none of whose blocks is mixed or split may become one word again: at
 * once, or when the stripe has two later ones.
 */
void gms__map_settle(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
		     struct gms__tables *tables, bool at_once);
struct gms__chunk *gms__chunk_of(const struct gms__region *r, gms_gfn gfn);
/* The chunk of a GiB, made from the hand if there is none. */
struct gms__chunk *gms__chunk_get(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
				  struct gms__tables *tables);

#endif

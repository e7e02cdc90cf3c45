/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.h - which state has this page: regions, GiB words, block words, leaves.
 *
 *   region table --> per region a word a GiB --> uniform state
 *                                            `-> chunk: a word a 2 MiB block
 *   word of a block --> uniform state, or one or two runs (block.h)
 *                   `-> leaf: a list of runs, a plane of bits, bytes
 *
 * A GiB or 2 MiB block here is one of the guest's address space: region words
 * begin at the GiB that holds the region's first page, and what sticks out of
 * the region is never looked at.
 *
 *   M1  A block word that is not UNIFORM holds at least two states (K1).
 *   M2  chunk->shared[p] is the number of shared pages of blocks 2p and 2p + 1
 *       in the region, chunk->shared_pages that of the whole GiB.
 *   M3  chunk->nmixed is the number of its words that are not UNIFORM.
 *   M4  SPLIT is set only on blocks of at most the region's base order.
 *   M5  A block without SPLIT in a GiB without SPLIT is part of a folio of 1G
 *       if the base order is 18; no block in such a GiB is SPLIT.
 *
 * Readers (get.c, walk.c) take no lock and never wait. They go
 *
 *   table word, GiB word, [generation,] block word, leaf
 *
 * all with acquire loads, and then look again, in this order of freshness:
 *   R1  the block word and then the chunk's generation, if they read a leaf.
 *       The generation rises before a word that has or had a leaf is stored
 *       and before the chunk changes hands, so if neither moved, the leaf was
 *       the block's all the time, and the places in the word those of its
 *       bits. The word alone may come back; the generation alone may have
 *       risen for a store that is yet to come.
 *   R2  the GiB word, if they read a chunk. Its tag changes with every store
 *       (word.h).
 *   R3  the table word.
 * If one moved they start again: somebody changed the very blocks they went
 * through. That holds in a signal handler too, for there is no moment at which
 * a word is half written.
 *
 * Writers hold the stripe of every GiB they change; adding and removing
 * regions takes all stripes. Each stripe counts its changes for
 * gms__map_seq(): odd while one is going on. Every store of theirs that a
 * reader can see is a release store, and comes after the rise of the
 * generation that belongs to it.
 */
#ifndef GMS_MAP_MAP_H
#define GMS_MAP_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/space.h>
#include <gmemstate/state.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "map/block.h"
#include "map/palette.h"
#include "map/word.h"

#define GMS__GIB_PAGES		(UINT64_C(1) << GMS_ORDER_1G)
#define GMS__CHUNK_BLOCKS	512u
/* A sanitizer follows at most 64 locks of a thread, and all stripes are held at times. */
#define GMS__STRIPES		32u
#define GMS__ALL_STRIPES	((UINT64_C(1) << GMS__STRIPES) - 1)

/* The blocks of one GiB that is not uniform. */
struct gms__chunk {
	struct gms__node node;
	uint64_t generation;
	uint32_t nmixed;	/* writers only */
	uint32_t shared_pages;
	char	 pad[GMS__CACHE_LINE - sizeof(struct gms__node) - 2 * sizeof(uint64_t)];
	uint64_t word[GMS__CHUNK_BLOCKS];
	uint16_t shared[GMS__CHUNK_BLOCKS / 2];
};

/*
 * One row of the region table. Readers load each member on its own and then
 * check that the table is still the current one.
 */
struct gms__region {
	uint64_t  first;
	uint64_t  npages;
	uint64_t *word;		/* by GiB, from first >> 18 */
	uint64_t  id_order;	/* id << 8 | base order */
	uint64_t  backend;	/* the engine's: index + 1, or 0 */
	uint64_t  backing_id;
	uint64_t  backing_offset_bytes;
	void	 *hva;
};

struct gms__table;

struct gms__stripe {
	struct gms__lock lock;
	uint64_t	 seq;
	char		 pad[2 * GMS__CACHE_LINE -
			     (sizeof(struct gms__lock) + sizeof(uint64_t)) % GMS__CACHE_LINE];
};

#define GMS__WORD_CLASSES	24	/* 2^0 .. 2^23 words: 2^22 GiB are all there can be */

struct gms__map {
	uint64_t	   table;	/* tagged pointer to the current region table */
	struct gms__table *spare;	/* the other one of the pair */
	struct gms__table *retired;	/* smaller ones, once current */
	struct gms__node  *arrays[GMS__WORD_CLASSES];	/* free word arrays, by log2 of words */
	struct gms__node  *all_arrays;	/* every one, for the end */
	struct gms__mem	   mem;
	struct gms__pool   chunks;
	struct gms__pool   leaves[GMS__LEAF_CLASSES];
	struct gms__palette palette;
	uint32_t	   last_id;
	struct gms__stripe stripe[GMS__STRIPES];
};

/* What an edit takes its tables from and gives them back to. */
struct gms__tables {
	struct gms__stock chunks;
	struct gms__stock leaves[GMS__LEAF_CLASSES];
};

static inline uint32_t gms__region_id(const struct gms__region *r)
{
	return (uint32_t)(gms__load(&r->id_order) >> 8);
}

static inline unsigned gms__region_order(const struct gms__region *r)
{
	return gms__load(&r->id_order) & 0xff;
}

static inline uint64_t gms__region_end(const struct gms__region *r)
{
	return gms__load(&r->first) + gms__load(&r->npages);
}

static inline unsigned gms__stripe_of(gms_gfn gfn)
{
	return (gfn >> GMS_ORDER_1G) % GMS__STRIPES;
}

static inline unsigned gms__block_index(gms_gfn gfn)
{
	return gfn / GMS__BLOCK_PAGES % GMS__CHUNK_BLOCKS;
}

static inline gms_gfn gms__min(gms_gfn a, gms_gfn b) { return a < b ? a : b; }
static inline gms_gfn gms__max(gms_gfn a, gms_gfn b) { return a > b ? a : b; }

/* map.c: making and unmaking, stripes */
int  gms__map_init(struct gms__map *map, const struct gms_mem_ops *ops);
void gms__map_fini(struct gms__map *map);
/* Memory from the allocator less what is free in the pools. */
uint64_t gms__map_used_bytes(const struct gms__map *map);
int  gms__map_reserve(struct gms__map *map, uint64_t nblocks, uint64_t ngibs);
void gms__tables_put(struct gms__map *map, struct gms__tables *tables);
uint64_t gms__map_stripes(struct gms_range range);	/* the set of its stripes, a bit each */
void gms__map_lock(struct gms__map *map, uint64_t stripes);
void gms__map_unlock(struct gms__map *map, uint64_t stripes);
void gms__map_change_begin(struct gms__map *map, uint64_t stripes);
void gms__map_change_end(struct gms__map *map, uint64_t stripes);
uint64_t gms__map_seq(const struct gms__map *map, uint64_t stripes, bool *busy);

/* region.c: the region table; changing it takes all stripes */
struct gms__table {
	struct gms__table *next;	/* on the list of retired ones */
	uint64_t	   capacity;
	uint64_t	   n;
	char		   pad[GMS__CACHE_LINE - 2 * sizeof(uint64_t) - sizeof(void *)];
	struct gms__region row[];
};

void gms__region_fini(struct gms__map *map);
int  gms__region_insert(struct gms__map *map, const struct gms__region *row, gms_state state);
void gms__region_delete(struct gms__map *map, uint32_t id);
uint64_t gms__region_count(const struct gms__map *map);
/*
 * The first region that ends after gfn. Copies the row; false: none. *check is
 * for gms__table_changed().
 */
bool gms__region_find(const struct gms__map *map, gms_gfn gfn, struct gms__region *row,
		      uint64_t *check);
bool gms__region_nth(const struct gms__map *map, uint64_t n, struct gms__region *row,
		     uint64_t *check);

static inline bool gms__table_changed(const struct gms__map *map, uint64_t check)
{
	return gms__load_relaxed(&map->table) != check;
}

/*
 * The same without the copy, for who checks the table afterwards: NULL, or the
 * row in place.
 */
static inline const struct gms__region *gms__region_of(const struct gms__map *map, gms_gfn gfn,
						       uint64_t *check)
{
	const struct gms__table *table;
	uint64_t lo = 0, hi;

	*check = gms__load(&map->table);
	table = gms__word_table(*check);
	if (gms__unlikely(!table))
		return NULL;
	for (hi = gms__load(&table->n); lo < hi;) {
		const uint64_t mid = lo + (hi - lo) / 2;

		if (gms__region_end(&table->row[mid]) > gfn)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo < gms__load(&table->n) ? &table->row[lo] : NULL;
}

/* R1: what a reader of a leaf looks at before and after. */
struct gms__look {
	uint64_t	generation;
	const uint64_t *at;
	uint64_t	word;
};

static inline struct gms__look gms__look(const struct gms__chunk *chunk, gms_gfn gfn)
{
	struct gms__look look;

	look.generation = gms__load(&chunk->generation);
	look.at = &chunk->word[gms__block_index(gfn)];
	look.word = gms__load(look.at);
	return look;
}

static inline bool gms__look_again(const struct gms__chunk *chunk, const struct gms__look *look)
{
	/* Vector loads of a leaf are no acquire loads: hold the compiler. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return gms__load(look->at) == look->word &&
	       gms__load_relaxed(&chunk->generation) == look->generation;
}

/* get.c: one page, one block; lock-free */
gms_state gms__map_get(const struct gms__map *map, gms_gfn gfn);

struct gms__block {
	uint64_t first;		/* the block, clipped to the region */
	uint64_t npages;
	uint64_t shared_pages;
	uint32_t region;
	unsigned base_order;
	bool	 split;		/* the block's folio is cut */
	bool	 uniform;	/* in every attribute */
};
/* The block of order 9 or 18 around gfn; false: a hole. */
bool gms__map_block(const struct gms__map *map, gms_gfn gfn, unsigned order,
		    struct gms__block *block);

/* walk.c: runs and counts; lock-free */
bool gms__map_next_run(const struct gms__map *map, gms_gfn *pos, gms_gfn end, gms_state mask,
		       struct gms_run *run);
bool gms__map_run_at(const struct gms__map *map, gms_gfn gfn, gms_state mask,
		     struct gms_run *run);
uint64_t gms__map_count_shared(const struct gms__map *map, gms_gfn first, gms_gfn end);

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
void gms__map_needs(struct gms__map *map, const struct gms__region *r, gms_gfn first,
		    gms_gfn end, gms_state set, gms_state clear, struct gms__needs *needs);
/* A run that turns to this state: the palette may be full. */
void gms__map_needs_state(struct gms__map *map, gms_state state, struct gms__needs *needs);
/* Take what is needed in hand. */
int  gms__map_provide(struct gms__map *map, const struct gms__needs *needs,
		      struct gms__tables *tables, bool may_alloc);
void gms__map_edit(struct gms__map *map, const struct gms__region *r, gms_gfn first, gms_gfn end,
		   gms_state set, gms_state clear, struct gms__tables *tables);

/* shapes.c: what blocks folios are cut into; the caller holds the stripes */
bool gms__map_is_split(const struct gms__region *r, gms_gfn gfn, unsigned order);
bool gms__map_has_chunk(const struct gms__region *r, gms_gfn gfn);
bool gms__map_any_split_2m(const struct gms__region *r, gms_gfn gfn);
uint64_t gms__map_shared_in(const struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
			    unsigned order);
void gms__map_set_split(const struct gms__region *r, gms_gfn gfn, unsigned order, bool split,
			struct gms__tables *tables);
/* A chunk whose blocks all say the same, none split, becomes one word. */
void gms__map_collapse(const struct gms__region *r, gms_gfn gfn, struct gms__tables *tables);
struct gms__chunk *gms__chunk_of(const struct gms__region *r, gms_gfn gfn);
/* The chunk of a GiB, made from the hand if there is none. */
struct gms__chunk *gms__chunk_get(const struct gms__region *r, gms_gfn gfn,
				  struct gms__tables *tables);

#endif

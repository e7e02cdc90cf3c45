/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edit.h - one edit of one block: look what it comes to, then do it.
 *
 * Looking changes nothing. It says which pages turn from what to what, and
 * which leaf the block will want, so that whoever must ask others first (pins,
 * rules) or has to take memory does it in between.
 *
 * Locking: the caller holds the block's stripe, or owns its GiB, from the look
 * to the deed.
 */
#ifndef GMS_MAP_EDIT_H
#define GMS_MAP_EDIT_H

#include "map/map.h"

enum gms__how {
	GMS__NOTHING,		/* all pages are so already */
	GMS__NEW_WORD,		/* the block's word says it all */
	GMS__NEW_PLANE,		/* three runs: a plane from now on */
	GMS__BITS,		/* bits of the plane there is */
	GMS__NEW_LIST16,	/* a list copied to another leaf */
	GMS__NEW_LIST32,
	GMS__IN_BYTES,		/* bytes, in place */
	GMS__APART		/* taken apart into runs (edit.c); turns are not known */
};

struct gms__turned {
	gms_state from;
	gms_state to;
	uint32_t  npages;
};

/* As many runs as a list can have that is worked on here, and what an edit adds. */
#define GMS__LIST_MOST	34

struct gms__edit {
	struct gms__map	   *map;
	struct gms__chunk  *chunk;
	uint64_t	   *at;			/* the block's word */
	uint16_t	   *shared;		/* the count of its group */
	unsigned lo, hi;			/* the block's pages in the region */
	unsigned first, end;			/* those that are edited */
	gms_state set, clear;
	struct gms__delta delta;

	enum gms__how how;			/* from here on: what a look found */
	unsigned nturned;
	unsigned nruns;				/* of run[] or entry[] */
	uint64_t word;				/* the next one, or its places */
	struct gms__turned turned[GMS__LIST_MOST];
	unsigned border[6];			/* three runs: first, end, ... */
	uint16_t entry[GMS__LIST_MOST];
};

static inline bool gms__edit_whole(const struct gms__edit *e)
{
	return e->first == e->lo && e->end == e->hi;
}

/* The edit of pages [first, end) of one block, nothing looked at yet. */
static inline void gms__edit_begin(struct gms__edit *e, struct gms__map *map,
				   const struct gms__region *r, struct gms__chunk *chunk,
				   gms_gfn first, gms_gfn end, gms_state set, gms_state clear)
{
	const unsigned b = gms__block_index(first);
	const gms_gfn base = first & ~(GMS__BLOCK_PAGES - 1);

	e->map = map;
	e->chunk = chunk;
	e->at = &chunk->word[b];
	e->shared = &chunk->shared[b / GMS__GROUP_BLOCKS];
	e->lo = (unsigned)(gms__clip_lo(r, first, GMS__BLOCK_PAGES) - base);
	e->hi = (unsigned)(gms__clip_hi(r, first, GMS__BLOCK_PAGES) - base);
	e->first = (unsigned)(first - base);
	e->end = (unsigned)(end - base);
	e->set = set;
	e->clear = clear;
	e->nturned = 0;
}

static inline void gms__edit_turns(struct gms__edit *e, gms_state from, gms_state to,
				   unsigned npages)
{
	e->turned[e->nturned++] = (struct gms__turned){ from, to, npages };
}

/* simple.c */
void gms__edit_look(struct gms__edit *e);
/* A leaf of the class it asks for is in hand. Not for GMS__APART. */
void gms__edit_do(struct gms__edit *e, struct gms__tables *tables);

/* list.c: the look at a list */
void gms__edit_look_list(struct gms__edit *e);

/* bytes.c: a place a page */
void gms__edit_look_bytes(struct gms__edit *e);
/* Have all states that pages of a BYTES word turn to a place? Takes places. */
bool gms__bytes_placed(struct gms__palette *palette, uint64_t word, unsigned first, unsigned end,
		       gms_state set, gms_state clear);
/* Change them in place, and count; false: a state has no place. Turns may be unknown. */
bool gms__edit_do_bytes(struct gms__edit *e, struct gms__tables *tables);

/* The class of leaf that a deed takes from the hand; -1: none. */
static inline int gms__edit_class(const struct gms__edit *e)
{
	switch (e->how) {
	case GMS__NEW_PLANE:
	case GMS__NEW_LIST32:
		return GMS__LEAF64;
	case GMS__NEW_LIST16:
		return GMS__LEAF32;
	default:
		return -1;
	}
}

/* After an edit of a chunk: is the GiB dark now, or idle? */
static inline void gms__map_after(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
				  struct gms__chunk *chunk, struct gms__tables *tables)
{
	if (gms__unlikely(!chunk->pages[GMS__COUNT_SHARED]))
		gms__darken(gms__words_of(r), gms__gib_at(r, gfn));
	if (gms__unlikely(!chunk->nmixed))
		gms__map_settle(map, r, gfn, tables, false);
}

/*
 * M2: a count rises before what it counts appears, and falls after that has
 * gone, so that a reader who sees 0 may skip. These are called on both sides of
 * the change.
 */
static inline void gms__count_pages(struct gms__chunk *chunk, const struct gms__delta *delta,
				    unsigned from, bool before)
{
	for (unsigned i = from; i < GMS__COUNTED; i++) {
		const int32_t n = delta->pages[i];

		if (n && (n > 0) == before)
			gms__store(&chunk->pages[i], chunk->pages[i] + (uint32_t)n);
	}
}

/* Shared pages of the chunk and of one group in it. */
static inline void gms__count_shared(struct gms__chunk *chunk, uint16_t *group, int32_t n)
{
	uint32_t *pages = &chunk->pages[GMS__COUNT_SHARED];

	gms__store(pages, *pages + (uint32_t)n);
	gms__store(group, (uint16_t)(*group + n));
}

static inline void gms__edit_counts(struct gms__edit *e, bool before)
{
	const int32_t n = e->delta.pages[GMS__COUNT_SHARED];

	if (n && (n > 0) == before)
		gms__count_shared(e->chunk, e->shared, n);
	if (gms__unlikely((e->set | e->clear) & (GMS__COUNTED_STATES & ~GMS_STATE_SHARED)))
		gms__count_pages(e->chunk, &e->delta, GMS__COUNT_SHARED + 1, before);
}

/* The block's word is replaced (W2 of map.h), between the counts. */
static inline void gms__edit_publish(struct gms__edit *e, uint64_t word,
				     struct gms__tables *tables)
{
	struct gms__chunk *chunk = e->chunk;
	const uint64_t old = *e->at;

	word |= old & GMS__BLOCK_SPLIT;
	gms__edit_counts(e, true);
	gms__store(e->at, word);
	chunk->nmixed = (uint16_t)(chunk->nmixed + gms__block_is_uniform(old) -
				   gms__block_is_uniform(word));
	if (gms__block_has_leaf(old)) {
		gms__store(&chunk->generation, chunk->generation + 1);
		chunk->nlists = (uint16_t)(chunk->nlists - gms__block_is_list(old));
		if (gms__block_leaf(old) != gms__block_leaf(word))
			gms__stock_push(&tables->leaves[gms__block_class(old)],
					gms__block_leaf(old));
	}
	if (gms__block_is_list(word))
		chunk->nlists++;
	gms__edit_counts(e, false);
}

#endif

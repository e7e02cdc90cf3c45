/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_model.h - the map of a space beside an array with a word a page.
 *
 * White box: edits go in where the engine makes them, as well as through
 * gms_convert(), and words, leaves, counts and pools are looked at as they lie.
 * The array is the truth, and knows nothing of blocks.
 */
#ifndef MODEL_MAP_MODEL_H
#define MODEL_MAP_MODEL_H

#include "fixture.h"

#include "engine/plan.h"
#include "map/get.h"
#include "map/walk.h"

#define MM_REGIONS	6
#define MM_GIBS		6		/* frames of all guests are below */
#define MM_FRAMES	(MM_GIBS * FX_1G)
#define MM_HOLE		UINT16_C(0x8000)	/* in the array: no region has the page */

struct mm_place {
	gms_gfn	 first;
	uint64_t npages;
	uint32_t base_order;
};

struct mm_guest {
	const char *name;
	struct mm_place place[MM_REGIONS];
	bool	 small;			/* compared whole after every step */
};

struct mm_region {
	struct gms__region row;
	gms_gfn	 end;
	uint32_t base_order;
	uint32_t pages[MM_GIBS][GMS__COUNTED];	/* that have the attribute, by the array */
};

enum mm_way { MM_PLANNED, MM_TRIED, MM_CONVERTED, MM_CUT, MM_GROWN, MM_WAYS };

/* One operation, and what it was. */
struct mm_op {
	uint64_t  step;
	enum mm_way way;
	struct mm_region *region;
	gms_gfn	  first, end;
	gms_state set, clear;
	int	  err;
};

/* One run of the model; one at a time. */
struct mm {
	const struct mm_guest *guest;
	uint64_t  epoch, step;
	uint32_t  split, merge;
	struct gms_space *space;
	struct gms__map	 *map;
	struct fx_mem	  mem;
	struct fx_rand	  rand;
	struct mm_region  region[MM_REGIONS];
	unsigned  nregions;
	uint16_t *page;			/* [MM_FRAMES] */
	struct mm_op story[16];		/* the last ones, in a ring */
};
extern struct mm mm;

/* Fail the test, with the seed and the last operations. */
__attribute__((__format__(__printf__, 1, 2), __noreturn__))
void mm_disagree(const char *form, ...);

#define MM_AGREE(condition, ...) \
	do { \
		if (!(condition)) \
			mm_disagree(__VA_ARGS__); \
	} while (0)

static inline uint64_t mm_below(uint64_t bound)
{
	return fx_rand_below(&mm.rand, bound);
}

static inline bool mm_odds(uint64_t num, uint64_t den)
{
	return fx_rand_odds(&mm.rand, num, den);
}

/* The word of the block that holds a page; false: its GiB is one word. */
static inline bool mm_word(const struct mm_region *r, gms_gfn gfn, uint64_t *word)
{
	const struct gms__chunk *chunk = gms__chunk_of(&r->row, gfn);

	if (chunk)
		*word = chunk->word[gms__block_index(gfn)];
	return chunk;
}

/* Has the palette a place for a state, or one to give? Takes none. */
static inline bool mm_has_place(gms_state state)
{
	if (mm.map->palette.n < GMS__PLACES)
		return true;
	for (unsigned i = 0; i < mm.map->palette.n; i++) {
		if (mm.map->palette.state[i] == state)
			return true;
	}
	return false;
}

/* map_draw.c: the next edit, in a region, of legal states */
void mm_draw_begin(void);
void mm_draw_edit(struct mm_op *op);

/* map_array.c */
void mm_array_add(struct mm_region *r, gms_state state);
/* Carry an edit out; pages that turned shared and private are added up. */
void mm_array_edit(const struct mm_op *op, uint64_t *to_shared, uint64_t *to_private);
/* The first error that gms_convert() must name, by the array; 0: none. */
int  mm_array_refuses(const struct mm_op *op);
/* Compare the blocks that an operation touched, and those beside them. */
void mm_verify_around(const struct mm_op *op);
/*
 * Compare everything: runs, counts, tables, gms_check(). Pages are looked up one
 * by one where an edit was, elsewhere at times; NULL: everywhere.
 */
void mm_verify_whole(const struct mm_region *touched);

/* map_matrix.c */
void mm_matrix_before(const struct mm_op *op);
void mm_matrix_after(const struct mm_op *op);
void mm_matrix_print(void);
/* Fail if what cannot happen did, and, after so many steps, if what can did not. */
void mm_matrix_check(bool enough);

#endif

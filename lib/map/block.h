/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block.h - what one word says of the 512 pages of a 2 MiB block.
 *
 *   bits 2..0  kind
 *   bit 3      SPLIT: the block's folio is cut into single pages
 *
 *   kind      the rest of the word                         leaf
 *   UNIFORM   19..4 state                                  none
 *   RUNS      10..4 and 17..11 two places of the palette;  none
 *             26..18 first and 35..27 length of a run of
 *             the second, 44..36 and 53..45 of another
 *   LIST16    47..5 address                                16 entries of 16 bits:
 *   LIST32    47..5 address                                32 of them
 *   PLANE     47..5 address, 54..48 and 61..55 two places  512 bits: 1 is the second
 *   BYTES     47..5 address                                512 places
 *   WIDE      47..5 address                                512 states of 16 bits
 *
 * A list's entry is first page << 7 | place, ascending, from page 0 on, the
 * last one repeated to the end; so the entry of a page is found by counting
 * those that are not above it, without a branch.
 *
 *   K1  A word that is not UNIFORM holds at least two states.
 *   K2  RUNS: length 1 is not 0; a second run begins after the first one's end
 *       and a page between; no run covers the block.
 *   K3  Lists: entries with different firsts have different places from their
 *       neighbours.
 *
 * A word whose kind has no leaf is its own snapshot. The others are read
 * between two looks at their chunk's generation (map.h).
 */
#ifndef GMS_MAP_BLOCK_H
#define GMS_MAP_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/types.h>

#include "base/pool.h"
#include "map/palette.h"

#define GMS__BLOCK_PAGES	(UINT64_C(1) << GMS_ORDER_2M)

enum gms__kind {
	GMS__UNIFORM,
	GMS__RUNS,
	GMS__LIST16,
	GMS__LIST32,
	GMS__PLANE,
	GMS__BYTES,
	GMS__WIDE,
};

/* Sizes of leaves: 32, 64, 512 and 1024 bytes. */
enum { GMS__LEAF32, GMS__LEAF64, GMS__LEAF512, GMS__LEAF1024, GMS__LEAF_CLASSES };

#define GMS__BLOCK_SPLIT	UINT64_C(8)
#define GMS__BLOCK_PTR		UINT64_C(0x0000ffffffffffe0)

static inline enum gms__kind gms__block_kind(uint64_t word)
{
	return (enum gms__kind)(word & 7);
}

static inline bool gms__block_has_leaf(uint64_t word)
{
	return (word & 7) >= GMS__LIST16;
}

static inline bool gms__block_is_split(uint64_t word)
{
	return word & GMS__BLOCK_SPLIT;
}

static inline void *gms__block_leaf(uint64_t word)
{
	return (void *)(uintptr_t)(word & GMS__BLOCK_PTR);
}

static inline uint64_t gms__block_uniform(gms_state state)
{
	return GMS__UNIFORM | (uint64_t)state << 4;
}

/* Of a UNIFORM word. */
static inline gms_state gms__block_state(uint64_t word)
{
	return (gms_state)(word >> 4) & 0xffff;
}

/* The two places of a RUNS or a PLANE word. */
static inline unsigned gms__block_base(uint64_t word)
{
	return (word >> (gms__block_kind(word) == GMS__RUNS ? 4 : 48)) & 127;
}

static inline unsigned gms__block_other(uint64_t word)
{
	return (word >> (gms__block_kind(word) == GMS__RUNS ? 11 : 55)) & 127;
}

static inline unsigned gms__block_class(uint64_t word)
{
	switch (gms__block_kind(word)) {
	case GMS__LIST16:	return GMS__LEAF32;
	case GMS__BYTES:	return GMS__LEAF512;
	case GMS__WIDE:		return GMS__LEAF1024;
	default:		return GMS__LEAF64;
	}
}

/* The state of one page of a word that is not UNIFORM. */
gms_state gms__block_get(const struct gms__palette *palette, uint64_t word, unsigned page);

/* The pages around one that are equal to it under a mask: [*first, *end). */
gms_state gms__block_piece(const struct gms__palette *palette, uint64_t word, unsigned page,
			   gms_state mask, unsigned *first, unsigned *end);

/* Pages of [first, end) that are shared. */
unsigned gms__block_shared(const struct gms__palette *palette, uint64_t word, unsigned first,
			   unsigned end);

/*
 * For writers: a block taken apart into runs, changed, and put together again.
 * Run i is pages [start[i], start[i + 1]); start[n] is the end.
 */
struct gms__runs {
	unsigned n;
	uint16_t start[GMS__BLOCK_PAGES + 3];
	uint16_t state[GMS__BLOCK_PAGES + 2];
};

void gms__runs_of(struct gms__runs *runs, const struct gms__palette *palette, uint64_t word,
		  unsigned first, unsigned end);
/* Clear and set attributes of pages [first, end), which the runs cover; true: some changed. */
bool gms__runs_edit(struct gms__runs *runs, unsigned first, unsigned end, gms_state set,
		    gms_state clear);
/* The kind that holds these runs in the fewest bytes. */
enum gms__kind gms__runs_kind(const struct gms__runs *runs, struct gms__palette *palette);
/* The word, and the leaf filled in, if the kind has one. */
uint64_t gms__runs_word(const struct gms__runs *runs, enum gms__kind kind,
			struct gms__palette *palette, void *leaf);

#endif

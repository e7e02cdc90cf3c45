/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block.h - what one word says of the 512 pages of a 2 MiB block.
 *
 *   bits 2..0  kind
 *   bit 3      SPLIT: the block's folio is cut into single pages
 *
 *   kind      the rest of the word                         leaf
 *   UNIFORM   47..5 address, 55..48 and 63..56 its place   a plane of zeros, everybody's
 *             of the palette, twice
 *   PLANE     47..5 address, 55..48 and 63..56 two places  512 bits: 1 is the second
 *   RUNS      55..48 and 63..56 two places; four borders   none
 *             in 10 bits each from bit 4 on: where the one
 *             or two runs of the second begin and end
 *   LIST16    47..5 address                                16 entries of 16 bits:
 *   LIST32    47..5 address                                32 of them
 *   BYTES     47..5 address                                512 places
 *   WIDE      47..5 address                                512 states of 16 bits
 *   PLAIN     19..4 state: uniform, and has no place       none
 *
 * Two states are by far the most frequent mixture, so they have the fastest
 * forms: runs in the word itself, and from the third run on a plane, which
 * is read like a flat bitmap. Three states and more are a list of runs in one
 * cache line, and bytes when they are more than a list holds.
 *
 * A list's entry is first page << 7 | place, ascending, from page 0 on, the
 * last one repeated to the end; so the entry of a page is found by counting
 * those that are not above it, without a branch.
 *
 *   K1  A word that is not UNIFORM or PLAIN holds at least two states.
 *   K2  RUNS: the first is not empty; a second begins after the first one's end
 *       and a page between; none covers the block.
 *   K3  Lists: entries with different firsts have different places from their
 *       neighbours.
 *
 * A word whose kind has no leaf is its own snapshot. The others are read
 * between two looks at their chunk's generation (map.h).
 *
 * For a reader UNIFORM and PLANE are the same thing: a bit that chooses one of two
 * places (gms__block_get()). A branch between them would be mispredicted as often
 * as a guest mixes the two.
 */
#ifndef GMS_MAP_BLOCK_H
#define GMS_MAP_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/types.h>

#include "base/atomic.h"
#include "base/bulk.h"
#include "base/pool.h"
#include "map/palette.h"
#include "map/rank.h"

#define GMS__BLOCK_PAGES	(UINT64_C(1) << GMS_ORDER_2M)

/* The attributes whose pages are counted a GiB; the first one also a group of blocks. */
enum { GMS__COUNT_SHARED, GMS__COUNT_POPULATED, GMS__COUNT_MISSING, GMS__COUNT_DIRTY,
       GMS__COUNTED };

#define GMS__COUNTED_STATES	(GMS_STATE_SHARED | GMS_STATE_POPULATED | GMS_STATE_MISSING | \
				 GMS_STATE_DIRTY)

/* What an edit adds to the counts. */
struct gms__delta {
	int32_t pages[GMS__COUNTED];
};

static inline void gms__delta_turn(struct gms__delta *delta, gms_state old, gms_state new,
				   unsigned npages)
{
	static const gms_state attribute[GMS__COUNTED] = {
		GMS_STATE_SHARED, GMS_STATE_POPULATED, GMS_STATE_MISSING, GMS_STATE_DIRTY
	};
	const int32_t n = (int32_t)npages;

	for (unsigned i = 0; i < GMS__COUNTED; i++) {
		if ((old ^ new) & attribute[i])
			delta->pages[i] += new & attribute[i] ? n : -n;
	}
}

/* A state with attributes cleared and set. */
static inline gms_state gms__changed(gms_state state, gms_state set, gms_state clear)
{
	return (state & ~clear) | set;
}

enum gms__kind {
	GMS__UNIFORM = 0,
	GMS__PLANE = 1,
	GMS__RUNS = 2,
	GMS__LIST16 = 3,
	GMS__LIST32 = 4,
	GMS__BYTES = 5,
	GMS__WIDE = 6,
	GMS__PLAIN = 7,
	GMS__KINDS
};

/* Sizes of leaves: 32, 64, 512 and 1024 bytes. */
enum { GMS__LEAF32, GMS__LEAF64, GMS__LEAF512, GMS__LEAF1024, GMS__LEAF_CLASSES };

#define GMS__BLOCK_SPLIT	UINT64_C(8)
#define GMS__BLOCK_PTR		UINT64_C(0x0000ffffffffffe0)

static inline enum gms__kind gms__block_kind(uint64_t word)
{
	return (enum gms__kind)(word & 7);
}

/* One of the block's own, that is. */
static inline bool gms__block_has_leaf(uint64_t word)
{
	return 0x7a >> (word & 7) & 1;	/* all but UNIFORM, RUNS and PLAIN */
}

static inline bool gms__block_is_uniform(uint64_t word)
{
	return 0x81 >> (word & 7) & 1;
}

/* Kinds that edits decode: neither states in the word nor bits that change in place. */
static inline bool gms__block_is_list(uint64_t word)
{
	return 0x78 >> (word & 7) & 1;
}

static inline bool gms__block_is_split(uint64_t word)
{
	return word & GMS__BLOCK_SPLIT;
}

static inline void *gms__block_leaf(uint64_t word)
{
	return (void *)(uintptr_t)(word & GMS__BLOCK_PTR);
}

/* The two places of a word of kind UNIFORM, PLANE or RUNS. */
#define GMS__BLOCK_PLACES_SHIFT	48
#define GMS__BLOCK_PLACES	(UINT64_C(0xffff) << GMS__BLOCK_PLACES_SHIFT)

static inline unsigned gms__block_base(uint64_t word)
{
	return word >> GMS__BLOCK_PLACES_SHIFT & 0xff;
}

static inline unsigned gms__block_other(uint64_t word)
{
	return (unsigned)(word >> (GMS__BLOCK_PLACES_SHIFT + 8));
}

static inline uint64_t gms__block_places(unsigned base, unsigned other)
{
	return ((uint64_t)base | (uint64_t)other << 8) << GMS__BLOCK_PLACES_SHIFT;
}

extern const uint64_t gms__plane_of_zeros[GMS__BLOCK_PAGES / 64];

/* The word of a uniform block; takes a place. */
static inline uint64_t gms__block_uniform(struct gms__palette *palette, gms_state state)
{
	const int place = gms__palette_place(palette, state);

	if (gms__unlikely(place < 0))
		return GMS__PLAIN | (uint64_t)state << 4;
	return GMS__UNIFORM | (uint64_t)(uintptr_t)gms__plane_of_zeros |
	       gms__block_places((unsigned)place, (unsigned)place);
}

/* Of a uniform block. */
static inline gms_state gms__block_state(const struct gms__palette *palette, uint64_t word)
{
	return gms__block_kind(word) == GMS__PLAIN ? (gms_state)(word >> 4) & 0xffff :
	       gms__palette_state(palette, gms__block_base(word));
}

/*
 * A RUNS word holds 512 less each border, so that adding a page's number to all
 * four at once sets the top bit of those that are not above it; an odd number of
 * them means that the page is in a run. No second run: both borders are 512.
 */
#define GMS__RUNS_SHIFT		4
#define GMS__RUNS_BITS		10
#define GMS__RUNS_ONES		UINT64_C(0x40100401)	/* 1 in each of the four */
#define GMS__RUNS_MASK		((UINT64_C(1) << 4 * GMS__RUNS_BITS) - 1)

/* The runs of a RUNS word: [s1, e1) and [s2, e2), the second behind, or empty at 512. */
struct gms__two_runs {
	unsigned s1, e1, s2, e2;
};

static inline struct gms__two_runs gms__block_two_runs(uint64_t word)
{
	return (struct gms__two_runs){ 512 - (word >> 4 & 1023), 512 - (word >> 14 & 1023),
				       512 - (word >> 24 & 1023), 512 - (word >> 34 & 1023) };
}

static inline uint64_t gms__block_runs(uint64_t places, unsigned s1, unsigned e1, unsigned s2,
				       unsigned e2)
{
	return GMS__RUNS | places | (uint64_t)(512 - s1) << 4 | (uint64_t)(512 - e1) << 14 |
	       (uint64_t)(512 - s2) << 24 | (uint64_t)(512 - e2) << 34;
}

/* 1 for a page in a run. */
static inline uint64_t gms__block_in_runs(uint64_t word, unsigned page)
{
	const uint64_t passed = page * GMS__RUNS_ONES +
				(word >> GMS__RUNS_SHIFT & GMS__RUNS_MASK);

	/* The sum of the four top bits arrives in that of the last. */
	return (passed & GMS__RUNS_ONES << 9) * GMS__RUNS_ONES >> 39 & 1;
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

/* The state of one page of a word of another kind than these two. */
gms_state gms__block_get_other(const struct gms__palette *palette, uint64_t word, unsigned page);

static inline bool gms__block_is_even(uint64_t word)
{
	return !(word & 6);
}

static inline gms_state gms__block_get_even(const struct gms__palette *palette, uint64_t word,
					    uint64_t page)
{
	const uint64_t *plane = gms__block_leaf(word);
	const uint64_t bit = gms__load(&plane[page / 64 % 8]) >> page % 64 & 1;

	return gms__palette_state(palette, (uint8_t)(word >> GMS__BLOCK_PLACES_SHIFT >> bit * 8));
}

/* Of a list of 16; page counts modulo the block. */
static inline gms_state gms__block_get_list16(const struct gms__palette *palette, uint64_t word,
					      uint64_t page)
{
	const uint16_t *entry = gms__block_leaf(word);
	const unsigned n = gms__rank16(entry, (uint16_t)(page << 7 | 127));

	/* At least 1, but for a list that is somebody else's by now. */
	return gms__palette_state(palette, gms__load(&entry[(n - 1) & 15]) & 127);
}

static inline gms_state gms__block_get(const struct gms__palette *palette, uint64_t word,
				       unsigned page)
{
	return gms__likely(gms__block_is_even(word)) ? gms__block_get_even(palette, word, page) :
						       gms__block_get_other(palette, word, page);
}

/* The pages around one that are equal to it under a mask: [*first, *end). */
gms_state gms__block_piece(const struct gms__palette *palette, uint64_t word, unsigned page,
			   gms_state mask, unsigned *first, unsigned *end);

/* Pages of [first, end) that have the attribute. */
unsigned gms__block_count(const struct gms__palette *palette, const struct gms__bulk *bulk,
			  uint64_t word, unsigned first, unsigned end, gms_state attribute);

/* Pages of [first, end) of a RUNS or PLANE word that are of its second place. */
unsigned gms__block_others(uint64_t word, const struct gms__bulk *bulk, unsigned first,
			   unsigned end);

bool gms__block_uniform_deep(const struct gms__palette *palette, uint64_t word, gms_state mask);

/* Are all pages equal under a mask? By the palette alone where that tells (K1). */
static inline bool gms__block_uniform_under(const struct gms__palette *palette, uint64_t word,
					    gms_state mask)
{
	if ((word & 7) > GMS__RUNS)
		return gms__block_uniform_deep(palette, word, mask);
	return !((gms__palette_state(palette, gms__block_base(word)) ^
		  gms__palette_state(palette, gms__block_other(word))) & mask);
}

/* Both states of a RUNS or PLANE word, and what they turn to under an edit. */
struct gms__two_states {
	gms_state base, other;
	gms_state new_base, new_other;
};

static inline struct gms__two_states gms__block_two_states(const struct gms__palette *palette,
							   uint64_t word, gms_state set,
							   gms_state clear)
{
	const gms_state base = gms__palette_state(palette, gms__block_base(word));
	const gms_state other = gms__palette_state(palette, gms__block_other(word));

	return (struct gms__two_states){ base, other, gms__changed(base, set, clear),
					 gms__changed(other, set, clear) };
}

/* Does nothing turn? */
static inline bool gms__two_stay(const struct gms__two_states *s)
{
	return s->new_base == s->base && s->new_other == s->other;
}

/* Does one of the two turn to the other, and that stay? */
static inline bool gms__two_join(const struct gms__two_states *s)
{
	return s->new_base == s->new_other &&
	       (s->new_base == s->base || s->new_base == s->other);
}

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
/*
 * Clear and set attributes of pages [first, end), which the runs cover; true:
 * some changed. What that does to the counts is added to delta.
 */
bool gms__runs_edit(struct gms__runs *runs, unsigned first, unsigned end, gms_state set,
		    gms_state clear, struct gms__delta *delta);
/* The kind that holds these runs in the fewest bytes. */
enum gms__kind gms__runs_kind(const struct gms__runs *runs, struct gms__palette *palette);
/* The word, and the leaf filled in, if the kind has one. */
uint64_t gms__runs_word(const struct gms__runs *runs, enum gms__kind kind,
			struct gms__palette *palette, void *leaf);

#endif

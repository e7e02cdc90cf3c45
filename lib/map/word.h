/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * word.h - one 8-byte word says what a block is: uniform, or look there.
 *
 *   bit 0        UNIFORM: bits 31..6 hold the state; else bits 47..6 are the
 *                address of a table that does
 *   bit 1        SPLIT: the block's folio is cut into folios of the next order
 *   bits 63..48  tag
 *
 * A word is published with one release store, so a block changes its shape and
 * its meaning in one instant. Every store raises the tag. A reader that went
 * through a word to a table and finds the word equal afterwards has read the
 * table while it belonged to the block: tables keep their type (base/pool.h),
 * and to be fooled the reader would have to sleep through exactly a multiple
 * of 65,536 changes of that one word that end where they began.
 */
#ifndef GMS_MAP_WORD_H
#define GMS_MAP_WORD_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/types.h>

#define GMS__WORD_UNIFORM	UINT64_C(1)
#define GMS__WORD_SPLIT		UINT64_C(2)
#define GMS__WORD_PTR		UINT64_C(0x0000ffffffffffc0)
#define GMS__WORD_STATE_SHIFT	6
#define GMS__WORD_TAG_SHIFT	48
#define GMS__WORD_TAG		(UINT64_C(0xffff) << GMS__WORD_TAG_SHIFT)

static inline bool gms__word_is_uniform(uint64_t word)
{
	return word & GMS__WORD_UNIFORM;
}

static inline bool gms__word_is_split(uint64_t word)
{
	return word & GMS__WORD_SPLIT;
}

static inline gms_state gms__word_state(uint64_t word)
{
	return (gms_state)(word >> GMS__WORD_STATE_SHIFT) & GMS_STATE_ALL;
}

static inline void *gms__word_table(uint64_t word)
{
	return (void *)(uintptr_t)(word & GMS__WORD_PTR);
}

static inline uint64_t gms__word_uniform(gms_state state)
{
	return GMS__WORD_UNIFORM | (uint64_t)state << GMS__WORD_STATE_SHIFT;
}

static inline uint64_t gms__word_to(const void *table)
{
	return (uint64_t)(uintptr_t)table;
}

/* The word that may follow old: fresh's meaning under the next tag. */
static inline uint64_t gms__word_next(uint64_t old, uint64_t fresh)
{
	return (fresh & ~GMS__WORD_TAG) |
	       ((old & GMS__WORD_TAG) + (UINT64_C(1) << GMS__WORD_TAG_SHIFT));
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pick.h - which pages of a block match a value under a mask: a bit a page.
 *
 * Every state that blocks name by a place of the palette is compared once, when
 * the pick is set up. Places are only ever added: a word that names a new one
 * is told by gms__pick_stands() after it was read.
 *
 * Locking: none, for readers. A leaf may be somebody else's by now: the bits
 * then mean nothing, which the caller finds out by looking again (map.h).
 */
#ifndef GMS_MAP_PICK_H
#define GMS_MAP_PICK_H

#include "map/block.h"

#define GMS__PICK_BLOCKS	64u	/* at a time */

struct gms__pick {
	const struct gms__palette *palette;
	const struct gms__bulk *bulk;
	gms_state mask;
	gms_state value;
	uint32_t  nplaces;		/* compared; the rest is 0 */
	int8_t	  place[GMS__PLACES];	/* -1: it matches, 0: it does not */
	uint8_t	  bit[GMS__PLACES / 8];	/* the same, a bit a place */
};

void gms__pick_init(struct gms__pick *pick, const struct gms__palette *palette,
		    const struct gms__bulk *bulk, gms_state mask, gms_state value);

/* After an acquire load of a word: was every place it may name compared? */
static inline bool gms__pick_stands(const struct gms__pick *pick)
{
	return gms__load_relaxed(&pick->palette->n) == pick->nplaces;
}

static inline bool gms__pick_state(const struct gms__pick *pick, gms_state state)
{
	return (state & pick->mask) == pick->value;
}

/* One block's bits, page b in bits[b / 64] at b % 64. */
void gms__pick_block(const struct gms__pick *pick, uint64_t word,
		     uint64_t bits[GMS__PLANE_WORDS]);

/* The bits of 1 to GMS__PICK_BLOCKS blocks, one after the other, little endian. */
void gms__pick_blocks(const struct gms__pick *pick, const uint64_t *words, unsigned n,
		      uint64_t *le_bits);

#ifdef GMS__BULK_AVX2
/*
 * pick_avx2.c, for picks whose table is gms__bulk_avx2: it was chosen by who asked
 * the CPU. A multiple of 8 blocks; returned is the set of those that are
 * neither UNIFORM nor PLANE nor RUNS, of which nothing good was written.
 */
uint64_t gms__pick_blocks_avx2(const struct gms__pick *pick, const uint64_t *words,
			       unsigned n, uint64_t *le_bits);
/* The leaf of a BYTES word. */
void gms__pick_bytes_avx2(const struct gms__pick *pick, const uint8_t *place,
			  uint64_t *le_bits);
#endif

#endif

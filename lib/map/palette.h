/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * palette.h - the states a guest really uses, by a number of 7 bits.
 *
 * A page has one of 32,768 states, a guest's pages have a handful. Blocks that
 * are not uniform name states by their place here. Places are given out once
 * and for ever, before the first word that uses them is published, so a reader
 * needs no check. When all are taken, blocks with other states hold them in
 * full (block.h).
 *
 * Locking: writers take the palette's lock (rank PALETTE) to add a place, and
 * look without it first.
 */
#ifndef GMS_MAP_PALETTE_H
#define GMS_MAP_PALETTE_H

#include <stdint.h>

#include <gmemstate/types.h>

#include "base/atomic.h"
#include "base/lock.h"

#define GMS__PLACES	128u

struct gms__palette {
	uint16_t state[256];	/* by place: a byte, so that a reader need not mask */
	uint32_t n;
	struct gms__lock lock;
};

int  gms__palette_init(struct gms__palette *palette);
void gms__palette_fini(struct gms__palette *palette);

/* The place of a state, taken if need be; -1: all places are taken. */
int gms__palette_take(struct gms__palette *palette, gms_state state);

static inline int gms__palette_place(struct gms__palette *palette, gms_state state)
{
	const uint32_t n = gms__load(&palette->n);

	for (uint32_t i = 0; i < n; i++) {
		if (gms__load_relaxed(&palette->state[i]) == state)
			return (int)i;
	}
	return gms__palette_take(palette, state);
}

static inline gms_state gms__palette_state(const struct gms__palette *palette, unsigned place)
{
	return gms__load_relaxed(&palette->state[place & 0xff]);
}

#endif

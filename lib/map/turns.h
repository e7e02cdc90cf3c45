/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * turns.h - when the pages of a block turned shared or private last.
 *
 * Time is a count that the caller keeps, in 32 bits that wrap: what did not turn
 * for 2^32 looks young again for a while. A map that keeps turns has two words a
 * GiB, so that a GiB turns whole in one store, and one a 2 MiB block. A region
 * may begin with those of an earlier one: what is cut later has turned later.
 *
 * Locking: writers only; the caller holds the stripe, or owns the GiB.
 */
#ifndef GMS_MAP_TURNS_H
#define GMS_MAP_TURNS_H

#include "map/map.h"

struct gms__turns {
	uint32_t all;		/* the GiB turned whole */
	uint32_t last;		/* some page of it turned */
	uint32_t block[GMS__CHUNK_BLOCKS];
};

/* Pages [first, end) of a region turn now. */
void gms__turns_note(const struct gms__region *r, gms_gfn first, gms_gfn end, uint32_t now);
/* How long ago the aligned block of this order around gfn did. */
uint32_t gms__turns_age(const struct gms__region *r, gms_gfn gfn, unsigned order, uint32_t now);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mirror.h - a copy of a space, a page at a time, that gms_diff() keeps up to date.
 */
#ifndef FX_MIRROR_H
#define FX_MIRROR_H

#include <stdint.h>

#include <gmemstate/snapshot.h>

struct mirror {
	uint64_t  npages;	/* frames [0, npages) */
	gms_state *state;	/* GMS_HOLE outside regions */
	uint8_t	 *order;	/* of the page's folio; 0 in a hole */
	uint64_t  generation;
	uint64_t  runs, told;	/* the last time: runs, and their pages */
	uint64_t  anew;		/* how often it began anew */
};

void mirror_init(struct mirror *mirror, uint64_t npages);
void mirror_free(struct mirror *mirror);
/* Up to date with all that was committed before; an error that no header names: never. */
int mirror_follow(struct mirror *mirror, const struct gms_space *space);

#endif

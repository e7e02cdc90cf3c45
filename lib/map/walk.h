/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.h - runs, in order.
 *
 * A walk stands somewhere and knows how it came there; while that holds it goes
 * on from a plane's bits without descending again. What it reads is read anew
 * each time: only the way is kept, and checked after each step (R1 to R3).
 */
#ifndef GMS_MAP_WALK_H
#define GMS_MAP_WALK_H

#include "map/map.h"

/*
 * struct gms_cursor of state.h: check is the table word; gib_at, gib, generation
 * and plane the way down; first and npages the plane's pages, as far as they are
 * the region's (0: the walk stands on no plane); state[] what pages are whose
 * bit is 0, or 1, under the mask.
 */

/*
 * The first run at or after *pos and before end. It begins at *pos or, after a
 * hole, at a region's start; *pos moves to its end.
 */
bool gms__map_next_run(const struct gms__map *map, struct gms_cursor *cursor, gms_gfn *pos,
		       gms_gfn end, gms_state mask, struct gms_run *run);
/* The first run whose state is value. */
bool gms__map_next_match(const struct gms__map *map, struct gms_cursor *cursor, gms_gfn *pos,
			 gms_gfn end, gms_state mask, gms_state value, struct gms_run *run);
bool gms__map_run_at(const struct gms__map *map, gms_gfn gfn, gms_state mask,
		     struct gms_run *run);
/* The first page of [first, end) whose state is value; end: none. */
gms_gfn gms__map_find(const struct gms__map *map, gms_gfn first, gms_gfn end, gms_state mask,
		      gms_state value);
/* count.c: pages of [first, end) that have one of the counted attributes. */
uint64_t gms__map_count(const struct gms__map *map, gms_gfn first, gms_gfn end,
			gms_state attribute);

/* The first lit GiB of [g, end), counted in a region's words; end: none (M6). */
static inline uint64_t gms__next_lit(const uint64_t *bits, uint64_t g, uint64_t end)
{
	while (g < end) {
		const uint64_t lit = gms__load(&bits[g / 64]) >> g % 64;

		if (lit)
			return gms__min(g + (unsigned)__builtin_ctzll(lit), end);
		g = (g | 63) + 1;
	}
	return end;
}

#endif

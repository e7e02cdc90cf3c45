/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * piece.h - equal pages that a walk reads at one moment; walk.c and match.c.
 */
#ifndef GMS_MAP_PIECE_H
#define GMS_MAP_PIECE_H

#include "map/walk.h"

/* A piece: all pages of [first, end) have this state under the mask. */
struct gms__piece {
	gms_gfn	  first;
	gms_gfn	  end;
	gms_state state;
	uint32_t  region;
};

static inline bool gms__covers(const struct gms_cursor *cursor, gms_gfn pos)
{
	return pos - cursor->first < cursor->npages;
}

/* R1 to R3, after a look at the plane. */
static inline bool gms__still_there(const struct gms__map *map, const struct gms_cursor *cursor)
{
	const struct gms__chunk *chunk = gms__word_table(cursor->gib);

	return gms__load_relaxed(&chunk->generation) == cursor->generation &&
	       gms__load_relaxed(cursor->gib_at) == cursor->gib &&
	       !gms__table_changed(map, cursor->check);
}

/* Make a run of the piece and those that follow and are equal to it. */
void gms__run_on(const struct gms__map *map, struct gms_cursor *cursor, gms_gfn *pos,
		 gms_gfn end, gms_state mask, struct gms__piece *p, struct gms_run *run);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * changes.h - which blocks changed since: generations, and a stamp a block.
 *
 * A map that keeps changes counts them. Whoever changes a page's state, a folio's
 * shape or a freeze count takes the next number and stamps the blocks with it
 * (turns.h), all while the sequence of the stripe, or of the large conversion, is
 * odd.
 *
 *   H1  A number is taken after the sequence turned odd, and what the count stood at
 *       before that stands in began.
 *   H2  The generation of a reader is the count, but none above a began whose
 *       sequence is odd.
 *   H3  So a number up to a reader's generation was taken by somebody who is done,
 *       whose stamps and states it sees; who is not done will stamp what it changes
 *       with a number above.
 *
 * That is why stamps and states may be stored in either order, why what is undone
 * needs no care (it was stamped when it was done), and why a reader that saw the half
 * of a change will be told of the block again, next time.
 *
 * Stamps are the low half of a number. A reader takes one for what it is between
 * the generation that it asks about and the count. A stamp of 2^32 changes before
 * may look like that too: too much is said, never too little.
 *
 * Locking: who notes holds the stripe or owns the GiB; readers take none. A removal
 * is noted under all stripes.
 */
#ifndef GMS_MAP_CHANGES_H
#define GMS_MAP_CHANGES_H

#include "map/turns.h"

/* Counts begin at a number that another map's is hardly near to. */
void gms__changes_init(struct gms__map *map);
void gms__changes_stamp(struct gms__map *map, const struct gms__region *r, gms_gfn first,
			gms_gfn end);
/* The same for pages of any regions, and holes. */
void gms__changes_note_all(struct gms__map *map, gms_gfn first, gms_gfn end);
/* A region is gone. */
void gms__changes_removed(struct gms__map *map);
/* H2 */
uint64_t gms__changes_now(const struct gms__map *map);
/* May a reader have this generation, with all regions that were there still there? */
bool gms__changes_tell(const struct gms__map *map, uint64_t since);
/*
 * The first stretch of changed blocks of a region that ends after pos, clipped to begin
 * there or later; false: there is none.
 */
bool gms__changes_next(const struct gms__map *map, uint64_t since, gms_gfn pos, gms_gfn *first,
		       gms_gfn *end);

/* Pages [first, end) of a region change, or have just done so. */
static inline void gms__changes_note(struct gms__map *map, const struct gms__region *r,
				     gms_gfn first, gms_gfn end)
{
	if (gms__unlikely(map->keeps & GMS__KEEPS_CHANGES))
		gms__changes_stamp(map, r, first, end);
}

#endif

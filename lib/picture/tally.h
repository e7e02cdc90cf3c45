/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tally.h - count what a picture shows, and ink its cells.
 *
 * Pages come by runs, in the order of their frames: so there is one cell at a time that
 * is counted, and a picture takes a byte a cell.
 */
#ifndef GMS_PICTURE_TALLY_H
#define GMS_PICTURE_TALLY_H

#include "picture/layout.h"
#include "picture/view.h"

#define PICTURE_LONGEST	3u

struct picture_counts {
	uint64_t pages[PICTURE_CLASSES];
	uint64_t total;
	uint64_t shared_pages;
	uint64_t blocks_2m, blocks_1g;	/* of folios as regions were made */
	uint64_t cut_2m, cut_1g;	/* that are cut, to less than that */
	uint64_t newly_cut, newly_whole;	/* of 2 MiB, in a difference */
	uint64_t mixed;			/* blocks of 2 MiB with shared and private pages */
	uint64_t nruns;			/* of the watched rank */
	struct gms_range longest[PICTURE_LONGEST];	/* of them; no pages: none */
	uint64_t part_cells;		/* in which something loud is in part */
};

/* All of a layout. before: NULL, or what it was. 0 or -ENOMEM. */
int picture_tally(const struct picture_layout *layout, const struct picture_view *view,
		  const struct picture_memory *before, const struct picture_memory *now,
		  struct picture_counts *counts, uint8_t **inks);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h - where in a picture each page is.
 *
 * Memory without a hole in it is one plot; holes between plots are not drawn. A plot is
 * cells of 2^cell_order pages, the same in all of a picture, along a Hilbert curve or
 * in rows. The cells are the largest number that the box has room for. In rows they are
 * blocks of 2 MiB, or larger, so that a row is one GiB or several; only of a little memory
 * they are pages.
 */
#ifndef GMS_PICTURE_LAYOUT_H
#define GMS_PICTURE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "picture/memory.h"

struct picture_plot {
	struct gms_range range;
	gms_gfn	 origin;	/* where cell 0 begins: in the range, or in front of it */
	uint64_t first_cell;	/* that holds a page of the range */
	uint64_t ncells;	/* from cell 0 */
	uint32_t columns, rows;	/* in cells */
	unsigned int order;	/* of the Hilbert curve */
	uint32_t x, y;		/* of its top left, in the box */
	size_t	 ink;		/* of its first cell; row by row */
};

struct picture_box {
	uint32_t width, height;	/* room for plots and what is written beside them */
	uint32_t letter_width, line_height;
	uint32_t gap;		/* between plots */
	uint32_t step;		/* plots begin at multiples of it, from top to bottom */
	uint32_t most_scale;
};

struct picture_layout {
	struct picture_plot *plot;
	size_t	 nplots;
	unsigned int cell_order;
	uint32_t scale;		/* pixels of a cell's side */
	uint32_t columns;	/* cells of a row; 0: along Hilbert curves */
	uint32_t width, height;	/* that it takes of the box, or more */
	uint64_t ncells;	/* of all plots' rectangles */
	struct picture_box box;
};

#define PICTURE_ADDRESS_LETTERS	15u	/* that stand before a row */

/* Ranges that are drawn: regions, of both files of a difference, in the zoom. */
int  picture_ranges(struct gms_range **ranges, size_t *n, const struct picture_memory *before,
		    const struct picture_memory *now, struct gms_range zoom);
/* 0 or -ENOMEM; -EFBIG if there are too many ranges for any picture. Takes ranges over. */
int  picture_lay_out(struct picture_layout *layout, struct gms_range *ranges, size_t n,
		     const struct picture_box *box, bool rows);
void picture_layout_free(struct picture_layout *layout);
/* Where a cell is in its plot. */
void picture_cell_at(const struct picture_layout *layout, const struct picture_plot *plot,
		     uint64_t cell, uint32_t *column, uint32_t *row);
/* "0x100000000 + 62 GiB"; and a size alone. */
void picture_range_text(char *text, size_t room, struct gms_range range);
void picture_size_text(char *text, size_t room, uint64_t npages);

#endif

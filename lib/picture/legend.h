/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * legend.h - what a picture shows in words: a title, the scale, a line a class with pages,
 * bytes and percent, and what was counted beside.
 */
#ifndef GMS_PICTURE_LEGEND_H
#define GMS_PICTURE_LEGEND_H

#include "picture/tally.h"

#define PICTURE_LINES		32u
#define PICTURE_LINE_BYTES	192u

enum picture_line_kind {
	PICTURE_LINE_TEXT = 0,
	PICTURE_LINE_INK,	/* a sample of one ink before it */
	PICTURE_LINE_RAMP,	/* of a ramp, from that ink on */
	PICTURE_LINE_MARK	/* of a cell with the mark */
};

struct picture_line {
	enum picture_line_kind kind;
	unsigned int ink;
	char text[PICTURE_LINE_BYTES];
};

struct picture_legend {
	char title[2 * PICTURE_LINE_BYTES];
	char scale[PICTURE_LINE_BYTES];
	struct picture_line line[PICTURE_LINES];
	unsigned int nlines;
};

struct picture_words {
	const char *before, *now;	/* the files' names; before NULL: no difference */
	const char *cell;		/* "a pixel" */
	bool	 marks;			/* marks can be seen */
	uint64_t alone;			/* cells that are drawn larger than they are */
};

void picture_legend(struct picture_legend *legend, const struct picture_words *words,
		    const struct picture_view *view, const struct picture_layout *layout,
		    const struct picture_counts *counts, const uint8_t *inks);
/* Pages that differ. */
uint64_t picture_changed(const struct picture_counts *counts);

#endif

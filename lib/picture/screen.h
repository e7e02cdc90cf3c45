/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.h - a picture in the terminal: half blocks where it has colours and UTF-8, a
 * letter a cell where it does not.
 */
#ifndef GMS_PICTURE_SCREEN_H
#define GMS_PICTURE_SCREEN_H

#include "picture/legend.h"
#include "tool/out.h"
#include "tool/term.h"

struct picture_screen {
	enum term_colours colours;
	bool	 utf8;
	unsigned int columns;
};

/* Two cells a letter? */
bool picture_screen_halves(const struct picture_screen *screen);
void picture_screen_box(struct picture_box *box, const struct picture_screen *screen);
/* 0 or a negative errno. */
int  picture_screen(const struct picture_screen *screen, const struct picture_layout *layout,
		    const struct picture_view *view, const struct picture_legend *legend,
		    const uint8_t *inks, struct out *out);

#endif

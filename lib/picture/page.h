/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page.h - a picture with its title, addresses and legend, in pixels: what PNG and SVG
 * both draw.
 */
#ifndef GMS_PICTURE_PAGE_H
#define GMS_PICTURE_PAGE_H

#include "picture/legend.h"
#include "tool/out.h"

/* Colours beside the inks of a view. */
#define PICTURE_RGB_TEXT	0x1a1a1aUL
#define PICTURE_RGB_GREY	0x6b6b6bUL
#define PICTURE_RGB_FRAME	0xc8c8c8UL
#define PICTURE_RGB_MARK	0x1a1a1aUL

struct picture_text {
	uint32_t x, y;		/* its top left */
	bool	 bold, grey;
	char	*text;
};

struct picture_swatch {
	uint32_t x, y, width, height;
	unsigned int ink;	/* PICTURE_MARK alone: a cell with the mark */
};

struct picture_page {
	uint32_t width, height;
	uint32_t x, y;		/* of the layout's box */
	const struct picture_layout *layout;
	const struct picture_view *view;
	const uint8_t *inks;
	struct picture_text *text;
	size_t	 ntexts;
	struct picture_swatch *swatch;
	size_t	 nswatches;
	bool	 marks;		/* cells are large enough for them */
};

/* The box for plots of a picture of about so many pixels a side. */
void picture_page_box(struct picture_box *box, uint32_t size);
bool picture_page_marks(const struct picture_layout *layout);
/* Refers to all that it is given. 0 or -ENOMEM. */
int  picture_page(struct picture_page *page, const struct picture_layout *layout,
		  const struct picture_view *view, const struct picture_legend *legend,
		  const uint8_t *inks);
void picture_page_free(struct picture_page *page);

/* 0 or a negative errno; -EOPNOTSUPP without libpng. */
int picture_png(const struct picture_page *page, struct out *out);
int picture_svg(const struct picture_page *page, struct out *out);

#endif

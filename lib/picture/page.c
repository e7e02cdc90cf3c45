/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page.c - a picture with its title, addresses and legend; see page.h.
 */
#include "picture/page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "picture/font.h"

#define MARGIN		16u
#define LINE		18u	/* of the legend and the title */
#define SAMPLE		30u	/* before a line of the legend */
#define STEP		(SAMPLE / PICTURE_STEPS)
#define MARK_SCALE	6u	/* pixels that a marked cell needs */

void picture_page_box(struct picture_box *box, uint32_t size)
{
	*box = (struct picture_box){
		.width = size,
		/* A TiB is 1024 rows, and what is written between them. */
		.height = size + size / 8,
		.letter_width = PICTURE_FONT_COLUMNS,
		.line_height = PICTURE_FONT_ROWS + 4,
		.gap = 14,
		.step = 1,
		.most_scale = 16,
	};
}

bool picture_page_marks(const struct picture_layout *layout)
{
	return layout->scale >= MARK_SCALE && layout->cell_order >= GMS_ORDER_2M;
}

static int add_text(struct picture_page *page, uint32_t x, uint32_t y, bool bold, bool grey,
		    const char *text)
{
	const uint32_t width = x + (uint32_t)strlen(text) * PICTURE_FONT_COLUMNS + MARGIN;
	struct picture_text *more;

	if (!(page->ntexts & (page->ntexts - 1))) {
		more = realloc(page->text, (page->ntexts ? 2 * page->ntexts : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		page->text = more;
	}
	more = &page->text[page->ntexts];
	*more = (struct picture_text){ x, y, bold, grey, strdup(text) };
	if (!more->text)
		return -ENOMEM;
	page->ntexts++;
	if (page->width < width)
		page->width = width;
	return 0;
}

/* Addresses before rows, as many as can be read; the first is the plot's own. */
static int add_rows(struct picture_page *page, const struct picture_plot *plot)
{
	const struct picture_layout *layout = page->layout;
	const uint64_t row_pages = (uint64_t)layout->columns << layout->cell_order;
	uint32_t step = 1;
	int err = 0;

	while (step * layout->scale < PICTURE_FONT_ROWS + 2)
		step *= 2;
	for (uint32_t row = 0; !err && row < plot->rows; row += step) {
		const gms_gfn gfn = plot->origin + row * row_pages;
		char text[32];

		if (row && (plot->rows - row) * layout->scale < PICTURE_FONT_ROWS)
			break;
		snprintf(text, sizeof(text), "0x%" PRIx64, gfn << GMS_PAGE_SHIFT);
		err = add_text(page, page->x + plot->x -
			       (uint32_t)(strlen(text) + 1) * PICTURE_FONT_COLUMNS,
			       page->y + plot->y + row * layout->scale, false, true, text);
	}
	return err;
}

static int add_plots(struct picture_page *page)
{
	const struct picture_layout *layout = page->layout;
	int err = 0;

	for (size_t i = 0; !err && i < layout->nplots; i++) {
		const struct picture_plot *plot = &layout->plot[i];
		char text[64];

		picture_range_text(text, sizeof(text), plot->range);
		err = add_text(page, page->x + plot->x,
			       page->y + plot->y - PICTURE_FONT_ROWS - 1, false, false, text);
		if (!err && layout->columns)
			err = add_rows(page, plot);
	}
	return err;
}

static void add_samples(struct picture_page *page, const struct picture_line *line, uint32_t y)
{
	const unsigned int n = line->kind == PICTURE_LINE_RAMP ? PICTURE_STEPS : 1;

	if (line->kind == PICTURE_LINE_TEXT)
		return;
	for (unsigned int i = 0; i < n; i++)
		page->swatch[page->nswatches++] = (struct picture_swatch){
			.x = MARGIN + i * STEP,
			.y = y,
			.width = n > 1 ? STEP : SAMPLE,
			.height = PICTURE_FONT_ROWS,
			.ink = line->kind == PICTURE_LINE_MARK ? PICTURE_MARK : line->ink + i,
		};
}

int picture_page(struct picture_page *page, const struct picture_layout *layout,
		 const struct picture_view *view, const struct picture_legend *legend,
		 const uint8_t *inks)
{
	uint32_t y = MARGIN;
	int err;

	*page = (struct picture_page){
		.x = MARGIN,
		.y = MARGIN + 2 * LINE + MARGIN / 2,
		.width = layout->width + 2 * MARGIN,
		.layout = layout,
		.view = view,
		.inks = inks,
		.marks = picture_page_marks(layout),
		.swatch = calloc((size_t)legend->nlines * PICTURE_STEPS,
				 sizeof(*page->swatch)),
	};
	if (!page->swatch)
		return -ENOMEM;
	err = add_text(page, MARGIN, y, true, false, legend->title);
	if (!err)
		err = add_text(page, MARGIN, y + LINE, false, true, legend->scale);
	if (!err)
		err = add_plots(page);
	y = page->y + layout->height + MARGIN;
	for (unsigned int i = 0; !err && i < legend->nlines; i++, y += LINE) {
		const struct picture_line *line = &legend->line[i];

		add_samples(page, line, y);
		err = add_text(page, MARGIN + SAMPLE + PICTURE_FONT_COLUMNS, y, false, false,
			       line->text);
	}
	page->height = y + MARGIN / 2;
	if (err)
		picture_page_free(page);
	return err;
}

void picture_page_free(struct picture_page *page)
{
	for (size_t i = 0; i < page->ntexts; i++)
		free(page->text[i].text);
	free(page->text);
	free(page->swatch);
	*page = (struct picture_page){ .text = NULL };
}

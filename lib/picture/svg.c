/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * svg.c - a page as an SVG: a path a colour, of the runs of cells that have it.
 */
#include "picture/page.h"

#include <inttypes.h>
#include <string.h>

#include "picture/font.h"

#define ASCENT	11u	/* rows of a letter above the line it stands on */

static void put_text(struct out *out, const struct picture_text *text)
{
	out_print(out, "<text x=\"%" PRIu32 "\" y=\"%" PRIu32 "\"%s%s textLength=\"%zu\">",
		  text->x, text->y + ASCENT, text->bold ? " class=\"bold\"" : "",
		  text->grey ? " class=\"grey\"" : "",
		  strlen(text->text) * PICTURE_FONT_COLUMNS);
	for (const char *at = text->text; *at; at++) {
		switch (*at) {
		case '<':
			out_print(out, "&lt;");
			break;
		case '>':
			out_print(out, "&gt;");
			break;
		case '&':
			out_print(out, "&amp;");
			break;
		default:
			out_write(out, at, 1);
			break;
		}
	}
	out_print(out, "</text>\n");
}

/* All runs of cells of that ink, with the mark or without. */
static void put_ink(struct out *out, const struct picture_page *page, unsigned int wanted)
{
	const uint32_t scale = page->layout->scale;

	out_print(out, "<path fill=\"#%06" PRIx32 "\" d=\"", picture_rgb(page->view, wanted));
	for (size_t i = 0; i < page->layout->nplots; i++) {
		const struct picture_plot *plot = &page->layout->plot[i];

		for (uint32_t row = 0; row < plot->rows; row++) {
			const uint8_t *inks = page->inks + plot->ink + (size_t)row * plot->columns;

			for (uint32_t column = 0, n; column < plot->columns; column += n) {
				for (n = 0; column + n < plot->columns &&
				     (inks[column + n] & ~PICTURE_MARK) == wanted; n++)
					;
				if (n)
					out_print(out, "M%" PRIu32 " %" PRIu32 "h%" PRIu32 "v%"
						  PRIu32 "h-%" PRIu32 "z",
						  page->x + plot->x + column * scale,
						  page->y + plot->y + row * scale, n * scale,
						  scale, n * scale);
				else
					n = 1;
			}
		}
	}
	out_print(out, "\"/>\n");
}

static void put_mark(struct out *out, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	out_print(out, "M%" PRIu32 " %" PRIu32 "h2v2h-2z", x + width / 2 - 1, y + height / 2 - 1);
}

static void put_marks(struct out *out, const struct picture_page *page)
{
	const uint32_t scale = page->layout->scale;

	out_print(out, "<path fill=\"#%06lx\" d=\"M0 0", PICTURE_RGB_MARK);
	for (size_t i = 0; page->marks && i < page->layout->nplots; i++) {
		const struct picture_plot *plot = &page->layout->plot[i];
		const uint8_t *ink = page->inks + plot->ink;

		for (uint32_t row = 0; row < plot->rows; row++)
			for (uint32_t column = 0; column < plot->columns; column++)
				if (*ink++ & PICTURE_MARK)
					put_mark(out, page->x + plot->x + column * scale,
						 page->y + plot->y + row * scale, scale, scale);
	}
	for (size_t i = 0; i < page->nswatches; i++) {
		const struct picture_swatch *swatch = &page->swatch[i];

		if (swatch->ink & PICTURE_MARK)
			put_mark(out, swatch->x, swatch->y, swatch->width, swatch->height);
	}
	out_print(out, "\"/>\n");
}

static void put_box(struct out *out, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	out_print(out, "<rect x=\"%" PRIu32 ".5\" y=\"%" PRIu32 ".5\" width=\"%" PRIu32
		  "\" height=\"%" PRIu32 "\" fill=\"none\" stroke=\"#%06lx\"/>\n",
		  x - 1, y - 1, width + 1, height + 1, PICTURE_RGB_FRAME);
}

static void put_head(struct out *out, const struct picture_page *page)
{
	out_print(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%" PRIu32 "\" height=\"%"
		  PRIu32 "\" viewBox=\"0 0 %" PRIu32 " %" PRIu32
		  "\" xml:space=\"preserve\">\n",
		  page->width, page->height, page->width, page->height);
	out_print(out, "<style>text{font:11.7px monospace;white-space:pre;fill:#%06lx}"
		  ".bold{font-weight:bold}.grey{fill:#%06lx}</style>\n",
		  PICTURE_RGB_TEXT, PICTURE_RGB_GREY);
	out_print(out, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
}

int picture_svg(const struct picture_page *page, struct out *out)
{
	const struct picture_layout *layout = page->layout;
	bool used[PICTURE_INKS] = { false };

	for (uint64_t i = 0; i < layout->ncells; i++)
		used[page->inks[i] & ~PICTURE_MARK] = true;
	put_head(out, page);
	for (size_t i = 0; i < layout->nplots; i++) {
		const struct picture_plot *plot = &layout->plot[i];

		put_box(out, page->x + plot->x, page->y + plot->y, plot->columns * layout->scale,
			plot->rows * layout->scale);
	}
	out_print(out, "<g shape-rendering=\"crispEdges\">\n");
	for (unsigned int ink = 1; ink < PICTURE_INKS; ink++)
		if (used[ink])
			put_ink(out, page, ink);
	for (size_t i = 0; i < page->nswatches; i++) {
		const struct picture_swatch *swatch = &page->swatch[i];

		out_print(out, "<rect x=\"%" PRIu32 "\" y=\"%" PRIu32 "\" width=\"%" PRIu32
			  "\" height=\"%" PRIu32 "\" fill=\"#%06" PRIx32 "\"/>\n",
			  swatch->x, swatch->y, swatch->width, swatch->height,
			  picture_rgb(page->view, swatch->ink));
	}
	put_marks(out, page);
	out_print(out, "</g>\n");
	for (size_t i = 0; i < page->ntexts; i++)
		put_text(out, &page->text[i]);
	out_print(out, "</svg>\n");
	return out->err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.c - a picture in the terminal; see screen.h.
 */
#include "picture/screen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_LINES	34u	/* that plots may take */
#define SAMPLE		PICTURE_STEPS

/* What stands in a place: a letter, or one or two cells. */
struct place {
	char	letter;		/* 0: cells */
	uint8_t upper, lower;	/* their inks */
};

struct sheet {
	const struct picture_screen *screen;
	const struct picture_view *view;
	struct out *out;
	uint32_t columns, lines;
	struct place *place;
	unsigned int front, back;	/* inks that the terminal writes with; 0: its own */
};

bool picture_screen_halves(const struct picture_screen *screen)
{
	return screen->colours != TERM_PLAIN && screen->utf8;
}

void picture_screen_box(struct picture_box *box, const struct picture_screen *screen)
{
	const uint32_t tall = picture_screen_halves(screen) ? 2 : 1;
	uint32_t lines = screen->columns * 2 / 5 + 2;

	if (lines < LEAST_LINES)
		lines = LEAST_LINES;
	*box = (struct picture_box){
		.width = screen->columns,
		.height = lines * tall,
		.letter_width = 1,
		.line_height = tall,
		.gap = tall,
		.step = tall,
		.most_scale = 1,
	};
}

/* --- colours --------------------------------------------------------------------------- */

static unsigned int level_of(unsigned int value)
{
	static const uint8_t level[6] = { 0, 95, 135, 175, 215, 255 };
	unsigned int best = 0;

	for (unsigned int i = 1; i < 6; i++)
		if (abs((int)level[i] - (int)value) < abs((int)level[best] - (int)value))
			best = i;
	return best;
}

static void colour(struct sheet *sheet, bool back, unsigned int ink)
{
	const uint32_t rgb = picture_rgb(sheet->view, ink);
	const unsigned int red = rgb >> 16 & 0xff, green = rgb >> 8 & 0xff, blue = rgb & 0xff;

	if (sheet->screen->colours == TERM_TRUE)
		out_print(sheet->out, "\033[%d;2;%u;%u;%um", back ? 48 : 38, red, green, blue);
	else
		out_print(sheet->out, "\033[%d;5;%um", back ? 48 : 38, 16 + 36 * level_of(red) +
			  6 * level_of(green) + level_of(blue));
}

/* The terminal's own colours are had by a reset of both. */
static void use(struct sheet *sheet, unsigned int front, unsigned int back)
{
	if (sheet->screen->colours == TERM_PLAIN)
		return;
	if ((!front && sheet->front) || (!back && sheet->back)) {
		out_print(sheet->out, "\033[0m");
		sheet->front = sheet->back = 0;
	}
	if (front && front != sheet->front)
		colour(sheet, false, front);
	if (back && back != sheet->back)
		colour(sheet, true, back);
	sheet->front = front;
	sheet->back = back;
}

/* --- places ---------------------------------------------------------------------------- */

static void put_cells(struct sheet *sheet, unsigned int upper, unsigned int lower)
{
	upper &= ~PICTURE_MARK;
	lower &= ~PICTURE_MARK;
	if (!picture_screen_halves(sheet->screen)) {
		use(sheet, upper, 0);
		out_print(sheet->out, "%c", picture_letter(sheet->view, upper));
	} else if (!upper && !lower) {
		use(sheet, 0, 0);
		out_print(sheet->out, " ");
	} else if (!upper) {
		use(sheet, lower, 0);
		out_print(sheet->out, "\u2584");
	} else if (upper == lower) {
		use(sheet, upper, 0);
		out_print(sheet->out, "\u2588");
	} else {
		use(sheet, upper, lower);
		out_print(sheet->out, "\u2580");
	}
}

static void put_line(struct sheet *sheet, const struct place *place)
{
	uint32_t columns = sheet->columns;

	while (columns && !place[columns - 1].letter && !place[columns - 1].upper &&
	       !place[columns - 1].lower)
		columns--;
	for (uint32_t i = 0; i < columns; i++) {
		if (place[i].letter) {
			use(sheet, 0, 0);
			out_print(sheet->out, "%c", place[i].letter);
		} else {
			put_cells(sheet, place[i].upper, place[i].lower);
		}
	}
	use(sheet, 0, 0);
	out_print(sheet->out, "\n");
}

static void write_at(struct sheet *sheet, uint32_t column, uint32_t line, const char *text)
{
	if (line >= sheet->lines)
		return;
	for (; *text && column < sheet->columns; text++, column++)
		sheet->place[(size_t)line * sheet->columns + column].letter = *text;
}

static void set_plot(struct sheet *sheet, const struct picture_layout *layout,
		     const struct picture_plot *plot, const uint8_t *ink)
{
	const uint32_t tall = layout->box.step;
	char text[64];

	picture_range_text(text, sizeof(text), plot->range);
	write_at(sheet, plot->x, plot->y / tall - 1, text);
	for (uint32_t row = 0; row < plot->rows; row++) {
		struct place *place = sheet->place +
			(size_t)((plot->y + row) / tall) * sheet->columns + plot->x;
		const bool lower = (plot->y + row) % tall;

		for (uint32_t column = 0; column < plot->columns; column++)
			*(lower ? &place[column].lower : &place[column].upper) = *ink++;
		if (!layout->columns || lower)
			continue;
		snprintf(text, sizeof(text), "0x%" PRIx64,
			 (plot->origin + row * ((uint64_t)layout->columns << layout->cell_order))
			 << GMS_PAGE_SHIFT);
		write_at(sheet, plot->x - (uint32_t)strlen(text) - 1, (plot->y + row) / tall, text);
	}
}

/* --- the legend --------------------------------------------------------------------------- */

static void put_sample(struct sheet *sheet, const struct picture_line *line)
{
	for (unsigned int i = 0; i < SAMPLE; i++) {
		const unsigned int ink = line->ink + (line->kind == PICTURE_LINE_RAMP ? i : 0);

		if (line->kind == PICTURE_LINE_TEXT)
			out_print(sheet->out, " ");
		else
			put_cells(sheet, ink, ink);
	}
	use(sheet, 0, 0);
	out_print(sheet->out, " ");
}

/* A text in lines no longer than the terminal's, broken at blanks. */
static void put_text(struct sheet *sheet, const char *text, uint32_t indent)
{
	const uint32_t room = sheet->screen->columns > indent + 20 ?
			      sheet->screen->columns - indent : 20;

	while (strlen(text) > room) {
		size_t n = room;

		while (n && text[n] != ' ')
			n--;
		if (!n)
			n = room;
		out_write(sheet->out, text, n);
		text += n;
		while (*text == ' ')
			text++;
		out_print(sheet->out, "\n%*s", (int)indent, "");
	}
	out_print(sheet->out, "%s\n", text);
}

static void put_legend(struct sheet *sheet, const struct picture_legend *legend)
{
	out_print(sheet->out, "\n");
	for (unsigned int i = 0; i < legend->nlines; i++) {
		put_sample(sheet, &legend->line[i]);
		put_text(sheet, legend->line[i].text, SAMPLE + 1);
	}
}

int picture_screen(const struct picture_screen *screen, const struct picture_layout *layout,
		   const struct picture_view *view, const struct picture_legend *legend,
		   const uint8_t *inks, struct out *out)
{
	struct sheet sheet = {
		.screen = screen,
		.view = view,
		.out = out,
		.columns = layout->width,
		.lines = (layout->height + layout->box.step - 1) / layout->box.step,
	};

	sheet.place = calloc((size_t)sheet.columns * sheet.lines, sizeof(*sheet.place));
	if (!sheet.place)
		return -ENOMEM;
	for (size_t i = 0; i < layout->nplots; i++)
		set_plot(&sheet, layout, &layout->plot[i], inks + layout->plot[i].ink);
	put_text(&sheet, legend->title, 0);
	put_text(&sheet, legend->scale, 0);
	out_print(out, "\n");
	for (uint32_t line = 0; line < sheet.lines; line++)
		put_line(&sheet, sheet.place + (size_t)line * sheet.columns);
	put_legend(&sheet, legend);
	free(sheet.place);
	return out->err;
}

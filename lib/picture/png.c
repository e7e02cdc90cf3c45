/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * png.c - a page as a PNG, of as many colours as it has.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "picture/page.h"

#include <errno.h>

#ifdef HAVE_PNG
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "picture/font.h"

/* Entries of the palette behind the inks. */
enum { TEXT = PICTURE_INKS, GREY, FRAME, MARK, ENTRIES };

struct canvas {
	uint32_t width, height;
	uint8_t *pixels;	/* entries of the palette, row by row; 0 is white */
};

static void fill(struct canvas *canvas, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
		 uint8_t entry)
{
	for (uint32_t row = y; row < y + height && row < canvas->height; row++)
		for (uint32_t column = x; column < x + width && column < canvas->width; column++)
			canvas->pixels[(size_t)row * canvas->width + column] = entry;
}

static void draw_text(struct canvas *canvas, const struct picture_text *text)
{
	uint32_t x = text->x;

	for (const char *at = text->text; *at; at++, x += PICTURE_FONT_COLUMNS) {
		const uint8_t *rows = picture_font(*at);

		for (uint32_t row = 0; row < PICTURE_FONT_ROWS; row++)
			for (uint32_t column = 0; column < PICTURE_FONT_COLUMNS; column++)
				if (rows[row] & (0x80 >> column))
					fill(canvas, x + column, text->y + row, text->bold ? 2 : 1,
					     1, text->grey ? GREY : TEXT);
	}
}

static void draw_frame(struct canvas *canvas, uint32_t x, uint32_t y, uint32_t width,
		       uint32_t height)
{
	fill(canvas, x - 1, y - 1, width + 2, 1, FRAME);
	fill(canvas, x - 1, y + height, width + 2, 1, FRAME);
	fill(canvas, x - 1, y - 1, 1, height + 2, FRAME);
	fill(canvas, x + width, y - 1, 1, height + 2, FRAME);
}

static void draw_cell(struct canvas *canvas, uint32_t x, uint32_t y, uint32_t width,
		      uint32_t height, uint8_t ink, bool marks)
{
	fill(canvas, x, y, width, height, ink & ~PICTURE_MARK);
	if (marks && ink & PICTURE_MARK)
		fill(canvas, x + width / 2 - 1, y + height / 2 - 1, 2, 2, MARK);
}

static void draw_plot(struct canvas *canvas, const struct picture_page *page,
		      const struct picture_plot *plot)
{
	const uint32_t scale = page->layout->scale, x = page->x + plot->x, y = page->y + plot->y;
	const uint8_t *ink = page->inks + plot->ink;

	draw_frame(canvas, x, y, plot->columns * scale, plot->rows * scale);
	for (uint32_t row = 0; row < plot->rows; row++)
		for (uint32_t column = 0; column < plot->columns; column++)
			draw_cell(canvas, x + column * scale, y + row * scale, scale, scale,
				  *ink++, page->marks);
}

static void draw(struct canvas *canvas, const struct picture_page *page)
{
	for (size_t i = 0; i < page->layout->nplots; i++)
		draw_plot(canvas, page, &page->layout->plot[i]);
	for (size_t i = 0; i < page->nswatches; i++) {
		const struct picture_swatch *swatch = &page->swatch[i];

		draw_frame(canvas, swatch->x, swatch->y, swatch->width, swatch->height);
	}
	for (size_t i = 0; i < page->nswatches; i++) {
		const struct picture_swatch *swatch = &page->swatch[i];

		draw_cell(canvas, swatch->x, swatch->y, swatch->width, swatch->height,
			  (uint8_t)swatch->ink, true);
	}
	for (size_t i = 0; i < page->ntexts; i++)
		draw_text(canvas, &page->text[i]);
}

static png_color colour(uint32_t rgb)
{
	return (png_color){
		.red = (png_byte)(rgb >> 16), .green = (png_byte)(rgb >> 8), .blue = (png_byte)rgb
	};
}

static void put(png_structp png, png_bytep bytes, size_t n)
{
	struct out *out = png_get_io_ptr(png);

	out_write(out, bytes, n);
	if (out->err)
		png_error(png, "cannot be written");
}

static void flush(png_structp png)
{
	(void)png;
}

/* libpng leaves by longjmp(): what is to be freed is the caller's. */
static int encode(png_structp png, png_infop info, const struct picture_page *page,
		  const struct canvas *canvas, struct out *out)
{
	png_color palette[ENTRIES];

	for (unsigned int i = 0; i < PICTURE_INKS; i++)
		palette[i] = colour(picture_rgb(page->view, i));
	palette[TEXT] = colour(PICTURE_RGB_TEXT);
	palette[GREY] = colour(PICTURE_RGB_GREY);
	palette[FRAME] = colour(PICTURE_RGB_FRAME);
	palette[MARK] = colour(PICTURE_RGB_MARK);
	if (setjmp(png_jmpbuf(png)))
		return out->err ? out->err : -EIO;
	png_set_write_fn(png, out, put, flush);
	png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
	png_set_IHDR(png, info, canvas->width, canvas->height, 8, PNG_COLOR_TYPE_PALETTE,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_PLTE(png, info, palette, ENTRIES);
	png_write_info(png, info);
	for (uint32_t row = 0; row < canvas->height; row++)
		png_write_row(png, canvas->pixels + (size_t)row * canvas->width);
	png_write_end(png, info);
	return 0;
}

static void stay_silent(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static void give_up(png_structp png, png_const_charp text)
{
	(void)text;
	png_longjmp(png, 1);
}

int picture_png(const struct picture_page *page, struct out *out)
{
	struct canvas canvas = { page->width, page->height, NULL };
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, give_up,
						  stay_silent);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	int err = -ENOMEM;

	canvas.pixels = calloc((size_t)canvas.width, canvas.height);
	if (info && canvas.pixels) {
		draw(&canvas, page);
		err = encode(png, info, page, &canvas, out);
	}
	free(canvas.pixels);
	png_destroy_write_struct(&png, &info);
	return err;
}

#else

int picture_png(const struct picture_page *page, struct out *out)
{
	(void)page;
	(void)out;
	return -EOPNOTSUPP;
}

#endif

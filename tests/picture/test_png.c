/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of lib/picture/png.c and page.c: a PNG is decoded again, and its pixels are the cells. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <unistd.h>

#include "oracle.h"
#include "picture/font.h"
#include "picture/page.h"

#ifdef HAVE_PNG
#include <png.h>

struct image {
	png_image png;
	unsigned char *rgb;
};

static uint32_t pixel(const struct image *image, uint32_t x, uint32_t y)
{
	const unsigned char *at = image->rgb + 3 * ((size_t)y * image->png.width + x);

	return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

static void decode(struct image *image, const char *path)
{
	memset(image, 0, sizeof(*image));
	image->png.version = PNG_IMAGE_VERSION;
	ck_assert_msg(png_image_begin_read_from_file(&image->png, path), "%s",
		      image->png.message);
	image->png.format = PNG_FORMAT_RGB;
	image->rgb = malloc(PNG_IMAGE_SIZE(image->png));
	ck_assert_msg(png_image_finish_read(&image->png, NULL, image->rgb, 0, NULL), "%s",
		      image->png.message);
}

/* The middle of a cell can be a mark; the pixel at its top left is not. */
static uint64_t wrong_pixels(const struct image *image, const struct picture_page *page,
			     const uint8_t *inks)
{
	const uint32_t scale = page->layout->scale;
	uint64_t wrong = 0;

	for (size_t i = 0; i < page->layout->nplots; i++) {
		const struct picture_plot *plot = &page->layout->plot[i];

		for (uint64_t cell = 0; cell < (uint64_t)plot->columns * plot->rows; cell++) {
			const uint32_t x = page->x + plot->x +
					   (uint32_t)(cell % plot->columns) * scale;
			const uint32_t y = page->y + plot->y +
					   (uint32_t)(cell / plot->columns) * scale;
			const uint8_t ink = inks[plot->ink + cell];
			const bool dot = page->marks && ink & PICTURE_MARK;

			wrong += pixel(image, x, y) != picture_rgb(page->view, ink);
			wrong += pixel(image, x + scale - 1, y + scale - 1) !=
				 picture_rgb(page->view, ink);
			wrong += (pixel(image, x + scale / 2, y + scale / 2) !=
				  picture_rgb(page->view, ink)) !=
				 (dot && picture_rgb(page->view, ink) != PICTURE_RGB_MARK);
		}
	}
	return wrong;
}

/* Each text stands where the page says, and within the picture. */
static uint64_t wrong_letters(const struct image *image, const struct picture_page *page)
{
	uint64_t wrong = 0;

	for (size_t i = 0; i < page->ntexts; i++) {
		const struct picture_text *text = &page->text[i];
		const size_t letters = strlen(text->text);

		wrong += text->x + letters * PICTURE_FONT_COLUMNS > image->png.width;
		wrong += text->y + PICTURE_FONT_ROWS > image->png.height;
		for (size_t k = 0; !text->bold && k < letters; k++) {
			const uint8_t *rows = picture_font(text->text[k]);

			for (uint32_t bit = 0; bit < 7 * PICTURE_FONT_ROWS; bit++) {
				const uint32_t x = text->x + (uint32_t)k * PICTURE_FONT_COLUMNS + bit % 7;
				const uint32_t y = text->y + bit / 7;
				const bool ink = rows[bit / 7] & (0x80 >> bit % 7);

				wrong += ink != (pixel(image, x, y) ==
						 (text->grey ? PICTURE_RGB_GREY : PICTURE_RGB_TEXT));
			}
		}
	}
	return wrong;
}

static uint64_t wrong_samples(const struct image *image, const struct picture_page *page)
{
	uint64_t wrong = 0;

	for (size_t i = 0; i < page->nswatches; i++) {
		const struct picture_swatch *swatch = &page->swatch[i];

		wrong += pixel(image, swatch->x, swatch->y) != picture_rgb(page->view, swatch->ink);
	}
	return wrong;
}

/* _i: 0 Hilbert, 1 rows; and 2 for each step of the picture's size */
START_TEST(pixels_are_those_of_the_pages)
{
	static const uint32_t sizes[] = { 256, 700 };
	char path[] = "picture-XXXXXX";
	struct gms_space *space;
	struct picture_memory memory;
	struct picture_layout layout;
	struct picture_counts counts, theirs;
	struct picture_legend legend;
	struct picture_words words = { .now = "a <&> \"file\"", .cell = "a pixel" };
	struct picture_page page;
	struct picture_box box;
	struct gms_range *ranges;
	struct fx_rand rand;
	struct image image;
	struct out out;
	uint8_t *inks, *wanted;
	size_t n;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	space = oracle_space(&rand, GMS_SPLIT_LEVELS);
	oracle_change(space, &rand, 100);
	oracle_load(&memory, space, false);
	/* The GiB is left out: so that cells are large, and have marks. */
	ck_assert_int_eq(picture_ranges(&ranges, &n, NULL, &memory, FX_RANGE(2, FX_1G - 2)), 0);
	picture_page_box(&box, sizes[_i / 2]);
	ck_assert_int_eq(picture_lay_out(&layout, ranges, n, &box, _i % 2), 0);
	ck_assert_int_eq(picture_tally(&layout, &picture_state, NULL, &memory, &counts, &inks), 0);
	wanted = oracle_tally(&layout, &picture_state, NULL, space, &theirs);
	words.marks = picture_page_marks(&layout);
	picture_legend(&legend, &words, &picture_state, &layout, &counts, inks);
	ck_assert_int_eq(picture_page(&page, &layout, &picture_state, &legend, inks), 0);

	close(mkstemp(path));
	ck_assert_int_eq(out_open(&out, path), 0);
	ck_assert_int_eq(picture_png(&page, &out), 0);
	ck_assert_int_eq(out_close(&out, 0), 0);
	decode(&image, path);
	ck_assert_uint_eq(image.png.width, page.width);
	ck_assert_uint_eq(image.png.height, page.height);
	ck_assert_uint_eq(wrong_pixels(&image, &page, wanted), 0);
	ck_assert_uint_eq(wrong_samples(&image, &page), 0);
	ck_assert_uint_eq(wrong_letters(&image, &page), 0);

	unlink(path);
	free(image.rgb);
	free(wanted);
	free(inks);
	picture_page_free(&page);
	picture_layout_free(&layout);
	picture_unload(&memory);
	gms_space_free(space);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("png");
	TCase *pixels = fx_case(suite, "pixels");

	tcase_add_loop_test(pixels, pixels_are_those_of_the_pages, 0, 4);
	return fx_run(suite);
}

#else

int main(void)
{
	puts("skipped: built without libpng (Debian: libpng-dev)");
	return 77;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of lib/picture/screen.c and svg.c: a picture as text. */
#include <unistd.h>

#include "oracle.h"
#include "picture/page.h"
#include "picture/screen.h"

struct drawn {
	struct picture_memory memory;
	struct picture_layout layout;
	struct picture_counts counts;
	struct picture_legend legend;
	uint8_t *inks;
};

/* 64 MiB: the first 2 MiB shared, a page of the next, all else private. */
static void draw(struct drawn *drawn, const struct picture_box *box, bool rows)
{
	const struct picture_words words = { .now = "guest", .cell = "a letter" };
	struct gms_space *space = fx_plain_space(NULL);
	struct gms_range *ranges;
	size_t n;

	fx_region(space, FX_RANGE(0, 32 * FX_2M), GMS_ORDER_2M, 0, NULL);
	fx_region(space, FX_RANGE(64 * FX_2M, 96 * FX_2M), GMS_ORDER_2M, 0, NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 513), NULL), 0);
	oracle_load(&drawn->memory, space, false);
	gms_space_free(space);
	ck_assert_int_eq(picture_ranges(&ranges, &n, NULL, &drawn->memory, FX_ALL), 0);
	ck_assert_int_eq(picture_lay_out(&drawn->layout, ranges, n, box, rows), 0);
	ck_assert_int_eq(picture_tally(&drawn->layout, &picture_bare_state, NULL, &drawn->memory,
				       &drawn->counts, &drawn->inks), 0);
	picture_legend(&drawn->legend, &words, &picture_bare_state, &drawn->layout,
		       &drawn->counts, drawn->inks);
}

static void done(struct drawn *drawn)
{
	free(drawn->inks);
	picture_layout_free(&drawn->layout);
	picture_unload(&drawn->memory);
}

/* What is written for a terminal, the caller's to free. */
static char *on_screen(struct picture_screen screen, bool rows)
{
	struct picture_box box;
	struct drawn drawn;
	struct out out = { .file = NULL };
	char *text = NULL;
	size_t bytes = 0;

	picture_screen_box(&box, &screen);
	draw(&drawn, &box, rows);
	out.file = open_memstream(&text, &bytes);
	ck_assert_int_eq(picture_screen(&screen, &drawn.layout, &picture_bare_state, &drawn.legend,
					drawn.inks, &out), 0);
	fclose(out.file);
	done(&drawn);
	return text;
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return n;
}

START_TEST(plain_is_letters_without_escapes)
{
	char *text = on_screen((struct picture_screen){ TERM_PLAIN, true, 80 }, true);

	ck_assert_uint_eq(count(text, "\033"), 0);
	ck_assert_uint_eq(count(text, "guest: 2.00 MiB of 256 MiB (0.78 %) shared\n"), 1);
	ck_assert_uint_eq(count(text, "           0x0 #+..............................\n"), 1);
	ck_assert_uint_eq(count(text, "               0x8000000 + 192 MiB\n"), 1);
	ck_assert_uint_eq(count(text, "     0x8000000 ........"), 1);
	ck_assert_uint_eq(count(text, "###### shared                                   513 pages"), 1);
	for (const unsigned char *at = (unsigned char *)text; *at; at++)
		ck_assert_uint_lt(*at, 127);
	free(text);
}
END_TEST

/* _i: is there UTF-8? */
START_TEST(colours_are_reset_at_each_line)
{
	char *text = on_screen((struct picture_screen){ TERM_TRUE, _i, 80 }, false);
	const char *at = text, *end;

	ck_assert_uint_gt(count(text, "\033[38;2;213;94;0m"), 0);
	ck_assert_int_eq(count(text, "\u2580") > 0, _i);
	for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		const char *last = NULL;

		for (const char *k = at; k < end; k++)
			last = *k == '\033' ? k : last;
		ck_assert(!last || !strncmp(last, "\033[0m", 4));
	}
	free(text);
	text = on_screen((struct picture_screen){ TERM_256, _i, 80 }, false);
	ck_assert_uint_eq(count(text, "\033[38;2"), 0);
	ck_assert_uint_gt(count(text, "\033[38;5;166m"), 0);
	free(text);
}
END_TEST

/* _i: columns */
START_TEST(no_line_is_longer_than_the_terminal)
{
	for (int rows = 0; rows < 2; rows++) {
		char *text = on_screen((struct picture_screen){ TERM_PLAIN, false,
								(unsigned int)_i }, rows);

		for (const char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1)
			ck_assert_int_le(end - at, _i);
		free(text);
	}
}
END_TEST

START_TEST(svg_has_a_path_a_colour_and_each_cell_once)
{
	struct picture_page page;
	struct picture_box box;
	struct drawn drawn;
	struct out out = { .file = NULL };
	char *text = NULL;
	size_t bytes = 0;
	uint64_t cells = 0, area;

	picture_page_box(&box, 512);
	draw(&drawn, &box, true);
	ck_assert_int_eq(picture_page(&page, &drawn.layout, &picture_bare_state, &drawn.legend,
				      drawn.inks), 0);
	out.file = open_memstream(&text, &bytes);
	ck_assert_int_eq(picture_svg(&page, &out), 0);
	fclose(out.file);
	ck_assert_uint_eq(count(text, "<path fill=\"#0072b2\" d=\"M"), 1);
	ck_assert_uint_eq(count(text, "<path fill=\"#d55e00\" d=\"M"), 1);
	/* One of 512 pages: the second step from yellow to orange. */
	ck_assert_uint_eq(count(text, "<path fill=\"#eed634\" d=\"M"), 1);
	ck_assert_uint_eq(count(text, "</svg>\n"), 1);
	for (const char *at = text; (at = strstr(at, "h-")) != NULL; at++)
		cells += strtoul(at + 2, NULL, 10);
	/* Widths of all runs, and of the mark of one cell. */
	area = (32 + 96) * (uint64_t)drawn.layout.scale + (page.marks ? 2 : 0);
	ck_assert_uint_eq(cells, area);
	free(text);
	picture_page_free(&page);
	done(&drawn);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("screen");
	TCase *text = fx_case(suite, "text");

	tcase_add_test(text, plain_is_letters_without_escapes);
	tcase_add_loop_test(text, colours_are_reset_at_each_line, 0, 2);
	tcase_add_loop_test(text, no_line_is_longer_than_the_terminal, 40, 200);
	tcase_add_test(text, svg_has_a_path_a_colour_and_each_cell_once);
	return fx_run(suite);
}

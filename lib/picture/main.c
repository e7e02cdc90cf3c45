/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - gmemstate-map: a guest's memory as a picture.
 *
 * Where to read: memory.c and walk.c what a file says, view.c what is shown and in which
 * colours, layout.c where, tally.c how cells come by their ink, page.c what is
 * around them, and png.c, svg.c and screen.c how it is written.
 */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "picture/halo.h"
#include "picture/options.h"
#include "picture/page.h"
#include "picture/screen.h"

#define PICTURE_SIZE	1024u
#define WHY_BYTES	256u
#define HALO_SCALE	2u	/* pixels of a cell up to which one alone is hard to see */

struct work {
	struct picture_options options;
	struct picture_memory before, now;
	const struct picture_memory *compared;	/* before, or NULL */
	const struct picture_view *view;
	struct picture_screen screen;
	struct picture_layout layout;
	struct picture_counts counts;
	uint8_t *inks;
};

static int failed(const char *what, int err, const char *why)
{
	fprintf(stderr, "gmemstate-map: %s: %s\n", what, why ? why : strerror(-err));
	return err;
}

static int load(struct picture_memory *memory, const char *path, uint64_t most_bytes)
{
	char why[WHY_BYTES];
	const int err = picture_load(memory, path, most_bytes, why, sizeof(why));

	return err ? failed(strcmp(path, "-") ? path : "standard input", err, why) : 0;
}

static int load_all(struct work *work)
{
	const struct picture_options *options = &work->options;
	int err = 0;

	if (options->before) {
		err = load(&work->before, options->before, options->most_bytes);
		work->compared = &work->before;
	}
	if (!err)
		err = load(&work->now, options->now, options->most_bytes);
	if (work->compared)
		work->view = &picture_diff;
	else if (options->view)
		work->view = options->view;
	else
		work->view = picture_has(&work->now, GMS_STATE_POPULATED) ? &picture_state :
									   &picture_bare_state;
	return err;
}

static bool is_for_screen(const struct picture_options *options)
{
	return !options->png && !options->svg;
}

static void look_at_screen(struct work *work)
{
	const struct picture_options *options = &work->options;

	work->screen = (struct picture_screen){
		.colours = options->colours_given ? options->colours :
						    term_colours(STDOUT_FILENO),
		.utf8 = term_is_utf8(),
		.columns = options->size ? options->size : term_columns(STDOUT_FILENO),
	};
	if (work->screen.columns < 40)
		work->screen.columns = 40;
}

static int no_memory_there(const struct work *work)
{
	const struct picture_memory *now = &work->now;
	const struct picture_region *last = &now->region[now->nregions - 1];

	fprintf(stderr, "gmemstate-map: --zoom: there is no memory at these addresses; the first "
		"is 0x%" PRIx64 ", the last 0x%" PRIx64 "\n",
		now->region[0].first << GMS_PAGE_SHIFT,
		((last->first + last->npages) << GMS_PAGE_SHIFT) - 1);
	return -ENOENT;
}

static int count(struct work *work)
{
	const struct picture_options *options = &work->options;
	const bool screen = is_for_screen(options);
	bool rows = options->rows == PICTURE_ROWS_YES;
	struct gms_range *ranges;
	struct picture_box box;
	size_t n;
	int err = picture_ranges(&ranges, &n, work->compared, &work->now, options->zoom);

	if (err)
		return failed("memory", err, NULL);
	if (!n) {
		free(ranges);
		return no_memory_there(work);
	}
	if (options->rows == PICTURE_ROWS_AUTO)
		rows = screen;
	if (screen)
		picture_screen_box(&box, &work->screen);
	else
		picture_page_box(&box, options->size ? options->size : PICTURE_SIZE);
	err = picture_lay_out(&work->layout, ranges, n, &box, rows);
	if (err)
		return failed(options->now, err, err == -EFBIG ?
			      "too many regions for one picture: see --zoom" : NULL);
	err = picture_tally(&work->layout, work->view, work->compared, &work->now, &work->counts,
			    &work->inks);
	return err ? failed("cells", err, NULL) : 0;
}

static const char *cell_name(const struct work *work, char *text, size_t room)
{
	if (is_for_screen(&work->options))
		return picture_screen_halves(&work->screen) ? "half a letter" : "a letter";
	if (work->layout.scale == 1)
		return "a pixel";
	snprintf(text, room, "a square of %" PRIu32 " pixels' side", work->layout.scale);
	return text;
}

static int write_picture(const struct picture_page *page, const char *path,
			 int (*write)(const struct picture_page *, struct out *), const char *form)
{
	struct out out;
	char why[WHY_BYTES];
	int err;

	if (!strcmp(path, "-") && isatty(STDOUT_FILENO)) {
		snprintf(why, sizeof(why), "is for a file or a pipe, not for a terminal");
		return failed(form, -EINVAL, why);
	}
	err = out_open(&out, path);
	if (err)
		return failed(path, err, NULL);
	err = out_close(&out, write(page, &out));
	if (err == -EOPNOTSUPP)
		return failed(form, err, "this program was built without libpng; --svg works");
	return err ? failed(path, err, NULL) : 0;
}

static int draw_page(const struct work *work, const struct picture_legend *legend,
		     const uint8_t *inks)
{
	const struct picture_options *options = &work->options;
	struct picture_page page;
	int err = picture_page(&page, &work->layout, work->view, legend, inks);

	if (err)
		return failed("picture", err, NULL);
	if (options->png)
		err = write_picture(&page, options->png, picture_png, "--png");
	if (!err && options->svg)
		err = write_picture(&page, options->svg, picture_svg, "--svg");
	picture_page_free(&page);
	return err;
}

static int draw_pages(const struct work *work, struct picture_words *words)
{
	struct picture_legend legend;
	uint8_t *grown = NULL;
	int err;

	words->marks = picture_page_marks(&work->layout);
	if (work->layout.scale <= HALO_SCALE) {
		grown = picture_halo(&work->layout, work->view, work->inks, &words->alone);
		if (!grown)
			return failed("picture", -ENOMEM, NULL);
	}
	picture_legend(&legend, words, work->view, &work->layout, &work->counts, work->inks);
	err = draw_page(work, &legend, grown ? grown : work->inks);
	free(grown);
	return err;
}

static int draw_screen(const struct work *work, const struct picture_words *words)
{
	struct picture_legend legend;
	struct out out;
	int err;

	picture_legend(&legend, words, work->view, &work->layout, &work->counts, work->inks);
	err = out_open(&out, "-");
	if (!err)
		err = out_close(&out, picture_screen(&work->screen, &work->layout, work->view,
						     &legend, work->inks, &out));
	return err ? failed("standard output", err, NULL) : 0;
}

static int draw(const struct work *work)
{
	char cell[WHY_BYTES];
	struct picture_words words = {
		.before = work->options.before,
		.now = work->options.now,
		.cell = cell_name(work, cell, sizeof(cell)),
	};

	return is_for_screen(&work->options) ? draw_screen(work, &words) : draw_pages(work, &words);
}

int main(int argc, char **argv)
{
	struct work work = { .inks = NULL };
	int err;

	setlocale(LC_CTYPE, "");
	err = picture_options(&work.options, argc, argv);
	if (err)
		return err > 0 ? 0 : 2;
	look_at_screen(&work);
	err = load_all(&work);
	if (!err)
		err = count(&work);
	if (!err && !work.options.quiet)
		err = draw(&work);
	picture_unload(&work.before);
	picture_unload(&work.now);
	picture_layout_free(&work.layout);
	free(work.inks);
	if (err)
		return 2;
	return work.options.exit_code && picture_changed(&work.counts) ? 1 : 0;
}

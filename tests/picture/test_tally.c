/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of lib/picture/tally.c, walk.c, view.c and layout.c: cells and counts, page by page. */
#include <unistd.h>

#include "oracle.h"
#include "picture/halo.h"
#include "picture/legend.h"
#include "picture/page.h"

static const struct picture_view *const views[] = {
	&picture_state, &picture_bare_state, &picture_folios, &picture_access,
};

/* A box in which cells are of a page, or of many. */
static void draw_box(struct picture_box *box, struct fx_rand *rand)
{
	static const uint32_t sizes[] = { 256, 300, 1024, 1100 };

	picture_page_box(box, sizes[fx_rand_below(rand, 4)]);
	box->gap = 1 + (uint32_t)fx_rand_below(rand, 20);
}

static void lay_out(struct picture_layout *layout, const struct picture_memory *before,
		    const struct picture_memory *now, struct gms_range zoom,
		    const struct picture_box *box, bool rows)
{
	struct gms_range *ranges;
	size_t n;

	ck_assert_int_eq(picture_ranges(&ranges, &n, before, now, zoom), 0);
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(picture_lay_out(layout, ranges, n, box, rows), 0);
}

static void compare(const struct picture_layout *layout, const struct picture_view *view,
		    const struct picture_memory *before, const struct picture_memory *now,
		    const struct gms_space *was, const struct gms_space *is)
{
	struct picture_counts ours, theirs;
	uint8_t *inks, *wanted = oracle_tally(layout, view, was, is, &theirs);
	uint64_t part = 0, wrong = 0;

	ck_assert_int_eq(picture_tally(layout, view, before, now, &ours, &inks), 0);
	for (uint64_t i = 0; i < layout->ncells; i++) {
		wrong += inks[i] != wanted[i];
		part += (wanted[i] & ~PICTURE_MARK) >= PICTURE_RAMPS;
	}
	ck_assert_msg(!wrong, "%s: %" PRIu64 " cells of 2^%u pages have another ink", view->name,
		      wrong, layout->cell_order);
	ck_assert_mem_eq(ours.pages, theirs.pages, sizeof(ours.pages));
	ck_assert_uint_eq(ours.total, theirs.total);
	ck_assert_uint_eq(ours.shared_pages, theirs.shared_pages);
	ck_assert_uint_eq(ours.mixed, theirs.mixed);
	ck_assert_uint_eq(ours.cut_2m, theirs.cut_2m);
	ck_assert_uint_eq(ours.newly_cut, theirs.newly_cut);
	ck_assert_uint_eq(ours.newly_whole, theirs.newly_whole);
	ck_assert_uint_eq(ours.nruns, theirs.nruns);
	ck_assert_uint_eq(ours.part_cells, part);
	free(inks);
	free(wanted);
}

static struct gms_range zoom_somewhere(struct fx_rand *rand)
{
	const gms_gfn first = fx_rand_below(rand, 5 * FX_2M);

	if (fx_rand_odds(rand, 1, 2))
		return FX_ALL;
	return FX_RANGE(first, FX_1G + fx_rand_below(rand, FX_1G));
}

/* _i: the split policy */
START_TEST(cells_and_counts_are_those_of_the_pages)
{
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	for (unsigned int round = 0; round < sizeof(views) / sizeof(views[0]); round++) {
		struct gms_space *space = oracle_space(&rand, (uint32_t)_i);
		struct picture_memory memory;
		struct picture_layout layout;
		struct picture_box box;

		/* Half of the views, in turns, where it takes four times as long. */
		if (fx_slowdown() > 1 && (round + fx_seed()) % 2) {
			gms_space_free(space);
			continue;
		}
		if (round)	/* at first nothing is cut */
			oracle_change(space, &rand, 5 + (unsigned int)fx_rand_below(&rand, 200));
		oracle_load(&memory, space, false);
		ck_assert(round || memory.nfolios == memory.nregions);
		draw_box(&box, &rand);
		lay_out(&layout, NULL, &memory, zoom_somewhere(&rand), &box,
			fx_rand_odds(&rand, 1, 2));
		compare(&layout, views[round], NULL, &memory, NULL, space);
		picture_layout_free(&layout);
		picture_unload(&memory);
		gms_space_free(space);
	}
}
END_TEST

/* _i: the split policy */
START_TEST(differences_are_those_of_the_pages)
{
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 100 + (uint64_t)_i);
	for (unsigned int round = 0; round < (fx_slowdown() > 1 ? 1 : 3); round++) {
		struct gms_space *was = oracle_space(&rand, (uint32_t)_i), *is;
		struct picture_memory before, now;
		struct picture_layout layout;
		struct picture_box box;

		oracle_change(was, &rand, 100);
		oracle_load(&before, was, false);
		oracle_load(&now, was, false);
		is = now.space;		/* goes on from there */
		now.space = NULL;
		picture_unload(&now);
		oracle_change(is, &rand, (unsigned int)fx_rand_below(&rand, 100));
		if (round % 3 == 1)	/* a region more, and one that reaches further */
			fx_region(is, FX_RANGE(3 * FX_1G, 3 * FX_2M), GMS_ORDER_2M, 0, NULL);
		if (round % 3 == 2)	/* a region of the middle is gone */
			ck_assert_int_eq(gms_region_remove(is, 2), 0);
		oracle_load(&now, is, false);
		draw_box(&box, &rand);
		lay_out(&layout, &before, &now, FX_ALL, &box, round % 2);
		compare(&layout, &picture_diff, &before, &now, was, is);
		picture_layout_free(&layout);
		picture_unload(&before);
		picture_unload(&now);
		gms_space_free(was);
		gms_space_free(is);
	}
}
END_TEST

START_TEST(no_difference_is_none)
{
	struct picture_memory before, now;
	struct picture_layout layout;
	struct picture_counts counts;
	struct picture_box box;
	struct gms_space *space;
	struct fx_rand rand;
	uint8_t *inks;

	fx_rand_init(&rand, fx_seed(), 200);
	space = oracle_space(&rand, GMS_SPLIT_LEVELS);
	oracle_change(space, &rand, 200);
	oracle_load(&before, space, false);
	oracle_load(&now, space, false);
	picture_page_box(&box, 512);
	lay_out(&layout, &before, &now, FX_ALL, &box, false);
	ck_assert_int_eq(picture_tally(&layout, &picture_diff, &before, &now, &counts, &inks), 0);
	ck_assert_uint_eq(picture_changed(&counts), 0);
	free(inks);
	/* And one page is one. */
	picture_unload(&now);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FX_1G + 5, 1), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FX_1G + 5, 1), NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FX_1G + 5, 1), NULL), 0);
	oracle_load(&now, space, false);
	ck_assert_int_eq(picture_tally(&layout, &picture_diff, &before, &now, &counts, &inks), 0);
	ck_assert_uint_le(counts.pages[PICTURE_DIFF_TO_SHARED], 1);
	free(inks);
	picture_layout_free(&layout);
	picture_unload(&before);
	picture_unload(&now);
	gms_space_free(space);
}
END_TEST

/* _i: by rows? */
START_TEST(one_shared_page_of_a_tib_is_seen)
{
	const gms_gfn page = 333 * FX_1G + 777;
	struct gms_space *space = fx_plain_space(NULL);
	struct picture_memory memory;
	struct picture_layout layout;
	struct picture_counts counts;
	struct picture_box box;
	uint8_t *inks, *grown;
	uint64_t seen = 0, large = 0, alone;

	fx_region(space, FX_RANGE(0, 1024 * FX_1G), GMS_ORDER_1G, GMS_STATE_POPULATED, NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(page, 1), NULL), 0);
	oracle_load(&memory, space, false);
	/* Whole GiB, blocks of 2 MiB, one in pages, and the same again. */
	ck_assert_uint_eq(memory.nfolios, 5);
	/* A quarter of the usual size, so that a cell is more than a block. */
	picture_page_box(&box, 256);
	lay_out(&layout, NULL, &memory, FX_ALL, &box, _i);
	ck_assert_uint_gt(layout.cell_order, 9);
	ck_assert_int_eq(picture_tally(&layout, &picture_state, NULL, &memory, &counts, &inks), 0);
	grown = picture_halo(&layout, &picture_state, inks, &alone);
	for (uint64_t i = 0; i < layout.ncells; i++) {
		seen += (inks[i] & ~PICTURE_MARK) == picture_ramp(&picture_state, 3);
		large += (grown[i] & ~PICTURE_MARK) == picture_ramp(&picture_state, 3);
	}
	ck_assert_uint_eq(seen, 1);
	ck_assert_uint_eq(alone, 1);
	ck_assert_uint_ge(large, 4);	/* at a border there is less around it */
	ck_assert_uint_le(large, 9);
	ck_assert_uint_eq(counts.shared_pages, 1);
	ck_assert_uint_eq(counts.cut_1g, 1);
	ck_assert_uint_eq(counts.cut_2m, 1);
	ck_assert_uint_eq(counts.mixed, 1);
	ck_assert_uint_eq(counts.nruns, 1);
	ck_assert_uint_eq(counts.longest[0].first, page);
	ck_assert_uint_eq(counts.longest[0].npages, 1);
	ck_assert_uint_eq(counts.longest[1].npages, 0);
	free(grown);
	free(inks);
	picture_layout_free(&layout);
	picture_unload(&memory);
	gms_space_free(space);
}
END_TEST

/* _i: the split policy */
START_TEST(folios_are_listed)
{
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	for (unsigned int round = 0; round < 8; round++) {
		struct gms_space *space = oracle_space(&rand, (uint32_t)_i);
		struct picture_memory memory;
		struct gms_folio_iter it;
		struct gms_folio folio;
		bool good = true;
		size_t at = 0;

		oracle_change(space, &rand, (unsigned int)fx_rand_below(&rand, 300));
		oracle_load(&memory, space, false);
		ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_ALL), 0);
		while (good && gms_folio_iter_next(&it, &folio)) {
			while (at < memory.nfolios && memory.folios[at].end <= folio.first)
				at++;
			good = at < memory.nfolios && memory.folios[at].order == folio.order &&
			       memory.folios[at].end >= folio.first + (UINT64_C(1) << folio.order);
		}
		ck_assert(good);
		ck_assert_uint_eq(at + 1, memory.nfolios);
		picture_unload(&memory);
		gms_space_free(space);
	}
}
END_TEST

/* More blocks than anybody waits for, if each were asked: all views, and what changed. */
START_TEST(most_memory_there_is)
{
	static const gms_gfn pages[] = { 5, GMS_GFN_LIMIT / 3, GMS_GFN_LIMIT - 1 };
	struct gms_space *space = fx_plain_space(NULL);
	struct picture_memory before, now;
	struct picture_layout layout;
	struct picture_counts counts;
	struct picture_box box;
	uint8_t *inks;

	fx_region(space, FX_RANGE(0, GMS_GFN_LIMIT), GMS_ORDER_2M, 0, NULL);
	oracle_load(&before, space, false);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(gms_share(space, FX_RANGE(pages[i], 1), NULL), 0);
	oracle_load(&now, space, false);
	picture_page_box(&box, 256);
	for (size_t i = 0; i <= sizeof(views) / sizeof(views[0]); i++) {
		const bool two = i == sizeof(views) / sizeof(views[0]);

		lay_out(&layout, two ? &before : NULL, &now, FX_ALL, &box, false);
		ck_assert_int_eq(picture_tally(&layout, two ? &picture_diff : views[i],
					       two ? &before : NULL, &now, &counts, &inks), 0);
		ck_assert_uint_eq(counts.total, GMS_GFN_LIMIT);
		ck_assert_uint_eq(counts.cut_2m, 3);
		ck_assert_uint_eq(counts.newly_cut, two ? 3 : 0);
		ck_assert_uint_eq(counts.shared_pages, 3);
		free(inks);
		picture_layout_free(&layout);
	}
	picture_unload(&before);
	picture_unload(&now);
	gms_space_free(space);
}
END_TEST

/* One page of a class in a cell of a million others. */
static void one_of_a_million(const struct picture_view *view)
{
	for (unsigned int i = 0; i < PICTURE_CLASSES; i++) {
		for (unsigned int other = 0; other < PICTURE_CLASSES; other++) {
			struct picture_cell cell = { .total = 1000000 };
			uint32_t rgb;

			if (!view->class[i].name || !view->class[other].name ||
			    view->class[i].rank <= view->class[other].rank)
				continue;
			cell.pages[i] = 1;
			cell.pages[other] = 999999;
			rgb = picture_rgb(view, picture_ink(view, &cell));
			ck_assert_msg(rgb != view->class[other].rgb, "%s: one page \"%s\" vanishes",
				      view->name, view->class[i].name);
		}
	}
}

START_TEST(loud_page_of_a_million_is_seen)
{
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		one_of_a_million(views[i]);
	one_of_a_million(&picture_diff);
}
END_TEST

START_TEST(colours_are_all_different)
{
	const struct picture_view *const all[] = {
		&picture_state, &picture_folios, &picture_access, &picture_diff,
	};

	for (size_t v = 0; v < sizeof(all) / sizeof(all[0]); v++)
		for (unsigned int i = 0; i < PICTURE_CLASSES; i++)
			for (unsigned int k = 0; all[v]->class[i].name && k < i; k++)
				ck_assert_msg(!all[v]->class[k].name ||
					      (all[v]->class[i].rgb != all[v]->class[k].rgb &&
					       all[v]->class[i].letter != all[v]->class[k].letter),
					      "%s: %s looks like %s", all[v]->name,
					      all[v]->class[i].name, all[v]->class[k].name);
}
END_TEST

/* Every plot is in the box, and no two overlap, whatever the regions. _i: by rows? */
START_TEST(plots_do_not_overlap)
{
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 300 + (uint64_t)_i);
	for (unsigned int round = 0; round < 40; round++) {
		const size_t n = 1 + fx_rand_below(&rand, 12);
		struct gms_range *ranges = calloc(n, sizeof(*ranges));
		struct picture_layout layout;
		struct picture_box box;
		gms_gfn at = fx_rand_below(&rand, 5000);

		for (size_t i = 0; i < n; i++) {
			const uint64_t most = UINT64_C(1) << fx_rand_below(&rand, 28);

			ranges[i] = FX_RANGE(at, 1 + fx_rand_below(&rand, most));
			at += ranges[i].npages + 1 + fx_rand_below(&rand, 5000);
		}
		picture_page_box(&box, 256 + (uint32_t)fx_rand_below(&rand, 1000));
		ck_assert_int_eq(picture_lay_out(&layout, ranges, n, &box, _i), 0);
		ck_assert_uint_le(layout.width, layout.box.width);
		ck_assert_uint_le(layout.height, layout.box.height);
		for (size_t i = 0; i < n; i++) {
			const struct picture_plot *a = &layout.plot[i];
			const uint32_t w = a->columns * layout.scale, h = a->rows * layout.scale;

			ck_assert_uint_ge(a->y, box.line_height);
			ck_assert_uint_le(a->x + w, layout.width);
			ck_assert_uint_le(a->y + h, layout.height);
			for (size_t k = 0; k < i; k++) {
				const struct picture_plot *b = &layout.plot[k];

				ck_assert(a->x >= b->x + b->columns * layout.scale ||
					  a->y >= b->y + b->rows * layout.scale + box.line_height ||
					  b->x >= a->x + w || b->y >= a->y + h + box.line_height);
			}
		}
		picture_layout_free(&layout);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tally");
	TCase *oracle = fx_case(suite, "oracle"), *seen = fx_case(suite, "seen");

	tcase_add_loop_test(oracle, cells_and_counts_are_those_of_the_pages, GMS_SPLIT_LEVELS,
			    GMS_SPLIT_NONE + 1);
	tcase_add_loop_test(oracle, differences_are_those_of_the_pages, GMS_SPLIT_LEVELS,
			    GMS_SPLIT_NONE + 1);
	tcase_add_test(oracle, no_difference_is_none);
	tcase_add_loop_test(oracle, folios_are_listed, GMS_SPLIT_LEVELS, GMS_SPLIT_NONE + 1);
	tcase_add_loop_test(seen, one_shared_page_of_a_tib_is_seen, 0, 2);
	tcase_add_test(seen, most_memory_there_is);
	tcase_add_test(seen, loud_page_of_a_million_is_seen);
	tcase_add_test(seen, colours_are_all_different);
	tcase_add_loop_test(seen, plots_do_not_overlap, 0, 2);
	return fx_run(suite);
}

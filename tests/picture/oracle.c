/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle.c - what a picture must show, page by page; see oracle.h.
 */
#include "oracle.h"

#include <unistd.h>

/* --- spaces --------------------------------------------------------------------- */

static int to_file(void *ctx, const char *text, size_t bytes)
{
	return fwrite(text, 1, bytes, ctx) == bytes ? 0 : -EIO;
}

void oracle_load(struct picture_memory *memory, struct gms_space *space, bool text)
{
	char path[] = "picture-XXXXXX", why[256];
	const int fd = mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");

	ck_assert_ptr_nonnull(file);
	if (text)
		ck_assert_int_eq(gms_dump(space, FX_ALL, to_file, file), 0);
	else
		ck_assert_int_eq(gms_save(space, to_file, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_msg(!picture_load(memory, path, 0, why, sizeof(why)), "%s", why);
	unlink(path);
}

struct gms_space *oracle_space(struct fx_rand *rand, uint32_t split)
{
	static const uint32_t merges[] = { GMS_MERGE_EAGER, GMS_MERGE_EXPLICIT };
	struct gms_space *space = fx_space(NULL, GMS_PROFILE_GENERIC, split,
					   merges[fx_rand_below(rand, 2)]);

	/* Below and above a hole, side by side, and one of single pages in between. */
	fx_region(space, FX_RANGE(0, 5 * FX_2M), GMS_ORDER_2M, 0, NULL);
	fx_region(space, FX_RANGE(5 * FX_2M, 700), GMS_ORDER_4K, GMS_STATE_POPULATED, NULL);
	fx_region(space, FX_RANGE(9 * FX_2M + 3, 99), GMS_ORDER_4K, GMS_STATE_SHARED, NULL);
	fx_region(space, FX_RANGE(FX_1G, FX_1G), GMS_ORDER_1G, GMS_STATE_POPULATED, NULL);
	fx_region(space, FX_RANGE(2 * FX_1G, 20 * FX_2M), GMS_ORDER_2M, GMS_STATE_POPULATED, NULL);
	return space;
}

static struct gms_range somewhere(struct fx_rand *rand)
{
	static const struct gms_range region[] = {
		{ 0, 5 * FX_2M }, { 5 * FX_2M, 700 }, { 9 * FX_2M + 3, 99 }, { FX_1G, FX_1G },
		{ 2 * FX_1G, 20 * FX_2M },
	};
	const struct gms_range in = region[fx_rand_below(rand, 5)];
	const uint64_t at = fx_rand_below(rand, in.npages);
	uint64_t npages = 1 + fx_rand_below(rand, fx_rand_odds(rand, 1, 2) ? 8 : 3000);

	if (npages > in.npages - at)
		npages = in.npages - at;
	return FX_RANGE(in.first + at, npages);
}

void oracle_change(struct gms_space *space, struct fx_rand *rand, unsigned int n)
{
	static const gms_state bits[] = {
		GMS_STATE_SHARED, GMS_STATE_SHARED, GMS_STATE_SHARED, GMS_STATE_POPULATED,
		GMS_STATE_MISSING, GMS_STATE_DIRTY, GMS_STATE_WRITE_PROTECT,
	};

	for (unsigned int i = 0; i < n; i++) {
		const struct gms_range range = somewhere(rand);
		const gms_state bit = bits[fx_rand_below(rand, 7)];
		struct gms_change change = { .range = range };

		if (fx_rand_odds(rand, 1, 2))
			change.set = bit;
		else
			change.clear = bit;
		/* What a rule forbids is as good: then nothing changes. */
		if (bit == GMS_STATE_MISSING)
			(void)!(change.set ? gms_miss(space, range, 0, NULL) :
				gms_resolve(space, range, true, NULL));
		else
			(void)!gms_convert(space, &change, 1, NULL, NULL);
		if (fx_rand_odds(rand, 1, 8))
			(void)!gms_freeze(space, somewhere(rand), 0, NULL);
		if (fx_rand_odds(rand, 1, 8))
			(void)!gms_folio_split(space, range.first,
					       fx_rand_odds(rand, 1, 2) ? GMS_ORDER_4K :
					       GMS_ORDER_2M);
		if (fx_rand_odds(rand, 1, 8))
			(void)!gms_folio_merge(space, range.first, GMS_ORDER_2M);
	}
}

/* --- one page ---------------------------------------------------------------------- */

static bool page_of(const struct gms_space *space, gms_gfn gfn, struct picture_piece *page)
{
	struct gms_region region;
	struct gms_folio folio;

	GMS_INIT(&region);
	if (!space || gms_region_get(space, gfn, &region) || gms_folio_at(space, gfn, &folio))
		return false;
	*page = (struct picture_piece){
		.first = gfn,
		.npages = 1,
		.state = gms_state_at(space, gfn),
		.order = folio.order,
		.base_order = region.base_order,
		.mixed = folio.flags & GMS_FOLIO_MIXED,
	};
	return true;
}

static unsigned int class_of(const struct picture_view *view, const struct picture_piece *was,
			     const struct picture_piece *is)
{
	if (view != &picture_diff)
		return view->of(NULL, is);
	if (!was)
		return PICTURE_DIFF_ADDED;
	return is ? view->of(was, is) : PICTURE_DIFF_REMOVED;
}

/* --- one cell, by the rule of view.h once more ----------------------------------------- */

static uint8_t ink_of(const struct picture_view *view, const uint64_t *pages, bool cut)
{
	static const unsigned int shares[] = { 1024, 256, 64, 16, 4 };
	uint64_t total = 0, of_rank[256] = { 0 }, most = 0;
	unsigned int rank = 255, winner = 0, last = 0, ink;

	for (unsigned int i = 0; i < PICTURE_CLASSES; i++) {
		total += pages[i];
		of_rank[view->class[i].rank] += pages[i];
	}
	if (!total)
		return PICTURE_NONE;
	while (rank && !of_rank[rank])
		rank--;
	for (unsigned int i = 0; i < PICTURE_CLASSES; i++) {
		if (!view->class[i].name || view->class[i].rank != rank)
			continue;
		last = i;
		if (pages[i] > most) {
			most = pages[i];
			winner = i;
		}
	}
	if (view->both && pages[PICTURE_DIFF_TO_SHARED] && pages[PICTURE_DIFF_TO_PRIVATE])
		ink = 1u + view->both;
	else if (!rank || of_rank[rank] == total)
		ink = 1 + winner;
	else
		ink = PICTURE_RAMPS + last * PICTURE_STEPS;
	for (unsigned int i = 0; ink >= PICTURE_RAMPS && i < 5; i++)
		ink += of_rank[rank] * shares[i] >= total;
	return (uint8_t)(ink | (cut ? PICTURE_MARK : 0));
}

/* --- all ---------------------------------------------------------------------------------- */

struct block {
	uint64_t number;
	bool	 shared, private, cut, newly_cut, newly_whole;
};

static void end_block(struct block *block, struct picture_counts *counts)
{
	counts->mixed += block->shared && block->private;
	counts->cut_2m += block->cut;
	counts->newly_cut += block->newly_cut;
	counts->newly_whole += block->newly_whole;
	*block = (struct block){ .number = UINT64_MAX };
}

static void count_page(struct block *block, struct picture_counts *counts,
		       const struct picture_piece *was, const struct picture_piece *is)
{
	const uint64_t number = is->first / FX_2M;
	const bool cut = is->base_order >= 9 && is->order < 9;
	const bool was_cut = was && was->base_order >= 9 && was->order < 9;

	if (number != block->number)
		end_block(block, counts);
	block->number = number;
	if (is->state & GMS_STATE_SHARED) {
		block->shared = true;
		counts->shared_pages++;
	} else {
		block->private = true;
	}
	block->cut |= cut;
	block->newly_cut |= was && cut && !was_cut;
	block->newly_whole |= was_cut && !cut;
}

static void count_run(struct gms_range *run, struct picture_counts *counts, bool watched,
		      gms_gfn gfn)
{
	if (watched && run->npages && run->first + run->npages == gfn) {
		run->npages++;
		return;
	}
	counts->nruns += run->npages != 0;
	*run = FX_RANGE(gfn, watched ? 1 : 0);
}

uint8_t *oracle_tally(const struct picture_layout *layout, const struct picture_view *view,
		      const struct gms_space *before, const struct gms_space *now,
		      struct picture_counts *counts)
{
	uint8_t *inks = calloc(layout->ncells, 1);
	struct block block = { .number = UINT64_MAX };

	memset(counts, 0, sizeof(*counts));
	for (size_t i = 0; i < layout->nplots; i++) {
		const struct picture_plot *plot = &layout->plot[i];
		uint64_t (*pages)[PICTURE_CLASSES] = calloc(plot->ncells, sizeof(*pages));
		bool *cut = calloc(plot->ncells, 1);
		struct gms_range run = { 0, 0 };

		for (uint64_t n = 0; n < plot->range.npages; n++) {
			const gms_gfn gfn = plot->range.first + n;
			const uint64_t cell = (gfn - plot->origin) >> layout->cell_order;
			struct picture_piece was, is;
			const bool there = page_of(now, gfn, &is);
			const bool had = page_of(before, gfn, &was);
			const struct picture_piece *page = there ? &is : &was;
			unsigned int class;

			ck_assert(there || had);
			class = class_of(view, had ? &was : NULL, there ? &is : NULL);
			counts->pages[class]++;
			counts->total++;
			pages[cell][class]++;
			cut[cell] |= page->base_order >= 9 && page->order < 9;
			if (there)
				count_page(&block, counts, had ? &was : NULL, &is);
			count_run(&run, counts, view->class[class].rank == view->watch, gfn);
		}
		count_run(&run, counts, false, 0);
		for (uint64_t cell = 0; cell < plot->ncells; cell++) {
			uint32_t column, row;

			picture_cell_at(layout, plot, cell, &column, &row);
			if (column < plot->columns && row < plot->rows)
				inks[plot->ink + (size_t)row * plot->columns + column] =
					ink_of(view, pages[cell], cut[cell]);
		}
		free(pages);
		free(cut);
	}
	end_block(&block, counts);
	return inks;
}

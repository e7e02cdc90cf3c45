/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tally.c - count what a picture shows, and ink its cells; see tally.h.
 */
#include "picture/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_BLOCK	UINT64_MAX

/* The last block of an order that was counted, so that each is once. */
struct last {
	uint64_t cut_2m, cut_1g, newly_cut, newly_whole;
};

struct tally {
	const struct picture_layout *layout;
	const struct picture_view *view;
	const struct picture_plot *plot;
	struct picture_counts *counts;
	uint8_t *inks;
	struct picture_cell cell;
	uint64_t number;		/* of the cell */
	struct gms_range run;		/* of the watched rank; no pages: none */
	uint64_t block;			/* of 2 MiB, the last one seen */
	unsigned int block_holds;	/* 1: private pages, 2: shared ones */
	struct last last;
};

/* --- cells ------------------------------------------------------------------------- */

static void ink_cells(struct tally *tally, uint64_t first, uint64_t n, uint8_t ink)
{
	uint8_t *inks = tally->inks + tally->plot->ink;

	if (tally->layout->columns) {	/* row by row: as they are numbered */
		memset(inks + first, ink, n);
		return;
	}
	for (uint64_t i = first; i < first + n; i++) {
		uint32_t column, row;

		picture_cell_at(tally->layout, tally->plot, i, &column, &row);
		inks[(size_t)row * tally->plot->columns + column] = ink;
	}
}

static void count_part(struct tally *tally, uint8_t ink, uint64_t cells)
{
	if ((ink & ~PICTURE_MARK) >= PICTURE_RAMPS)
		tally->counts->part_cells += cells;
}

static void end_cell(struct tally *tally)
{
	const uint8_t ink = picture_ink(tally->view, &tally->cell);

	if (tally->cell.total) {
		ink_cells(tally, tally->number, 1, ink);
		count_part(tally, ink, 1);
	}
	memset(&tally->cell, 0, sizeof(tally->cell));
}

static void add_to_cell(struct tally *tally, uint64_t number, uint64_t npages, unsigned int class,
			bool cut)
{
	if (number != tally->number)
		end_cell(tally);
	tally->number = number;
	tally->cell.pages[class] += npages;
	tally->cell.total += npages;
	tally->cell.cut |= cut;
}

static void add_pages(struct tally *tally, gms_gfn first, uint64_t npages, unsigned int class,
		      bool cut)
{
	const unsigned int k = tally->layout->cell_order;
	const uint64_t cell_pages = UINT64_C(1) << k;

	while (npages) {
		const uint64_t at = first - tally->plot->origin;
		const uint64_t in = at & (cell_pages - 1);
		uint64_t n = cell_pages - in < npages ? cell_pages - in : npages;

		if (!in && npages >= 2 * cell_pages) {	/* whole cells are all alike */
			struct picture_cell whole = { .total = cell_pages, .cut = cut };

			end_cell(tally);
			whole.pages[class] = cell_pages;
			n = npages & ~(cell_pages - 1);
			ink_cells(tally, at >> k, n >> k, picture_ink(tally->view, &whole));
		} else {
			add_to_cell(tally, at >> k, n, class, cut);
		}
		first += n;
		npages -= n;
	}
}

/* --- counts ------------------------------------------------------------------------ */

static void end_run(struct tally *tally)
{
	struct gms_range run = tally->run;

	tally->counts->nruns += run.npages != 0;
	for (unsigned int i = 0; i < PICTURE_LONGEST; i++) {
		struct gms_range *place = &tally->counts->longest[i];

		if (run.npages > place->npages) {
			const struct gms_range was = *place;

			*place = run;
			run = was;
		}
	}
	tally->run.npages = 0;
}

static void watch(struct tally *tally, const struct picture_piece *piece, unsigned int class)
{
	if (tally->view->class[class].rank != tally->view->watch)
		return;
	if (!tally->run.npages || tally->run.first + tally->run.npages != piece->first) {
		end_run(tally);
		tally->run.first = piece->first;
	}
	tally->run.npages += piece->npages;
}

static void end_block(struct tally *tally)
{
	tally->counts->mixed += tally->block_holds == 3;
	tally->block_holds = 0;
}

static void count_mixed(struct tally *tally, const struct picture_piece *piece)
{
	const unsigned int holds = piece->state & GMS_STATE_SHARED ? 2 : 1;
	const uint64_t first = piece->first >> GMS_ORDER_2M;
	const uint64_t last = (piece->first + piece->npages - 1) >> GMS_ORDER_2M;

	if (first != tally->block)
		end_block(tally);
	tally->block_holds |= holds;
	if (first != last) {	/* those between hold nothing else */
		end_block(tally);
		tally->block_holds = holds;
	}
	tally->block = last;
	if (holds == 2)
		tally->counts->shared_pages += piece->npages;
}

static void count_once(uint64_t *count, uint64_t *last, const struct picture_piece *piece,
		       unsigned int order)
{
	const uint64_t from = piece->first >> order;
	const uint64_t to = (piece->first + piece->npages - 1) >> order;

	*count += to - from + (from != *last);
	*last = to;
}

static void count_cut(struct tally *tally, const struct picture_piece *before,
		      const struct picture_piece *now)
{
	struct picture_counts *counts = tally->counts;
	const bool cut = picture_is_cut(now), was_cut = before && picture_is_cut(before);

	if (cut)
		count_once(&counts->cut_2m, &tally->last.cut_2m, now, GMS_ORDER_2M);
	if (now->base_order == GMS_ORDER_1G && now->order < GMS_ORDER_1G)
		count_once(&counts->cut_1g, &tally->last.cut_1g, now, GMS_ORDER_1G);
	if (before && cut && !was_cut)
		count_once(&counts->newly_cut, &tally->last.newly_cut, now, GMS_ORDER_2M);
	if (before && was_cut && !cut)
		count_once(&counts->newly_whole, &tally->last.newly_whole, now, GMS_ORDER_2M);
}

static void add_piece(struct tally *tally, const struct picture_piece *before,
		      const struct picture_piece *now, unsigned int class)
{
	tally->counts->pages[class] += now->npages;
	tally->counts->total += now->npages;
	watch(tally, now, class);
	add_pages(tally, now->first, now->npages, class, picture_is_cut(now));
	if (class == PICTURE_DIFF_REMOVED && tally->view == &picture_diff)
		return;		/* it is not there any more */
	count_mixed(tally, now);
	count_cut(tally, before, now);
}

static void count_blocks(struct picture_counts *counts, const struct picture_memory *memory,
			 struct gms_range range)
{
	for (size_t i = 0; i < memory->nregions; i++) {
		const struct picture_region *region = &memory->region[i];
		gms_gfn first = region->first, end = region->first + region->npages;

		if (first < range.first)
			first = range.first;
		if (end > range.first + range.npages)
			end = range.first + range.npages;
		if (first >= end || !region->base_order)
			continue;
		counts->blocks_2m += ((end - 1) >> GMS_ORDER_2M) - (first >> GMS_ORDER_2M) + 1;
		if (region->base_order == GMS_ORDER_1G)
			counts->blocks_1g += ((end - 1) >> GMS_ORDER_1G) -
					     (first >> GMS_ORDER_1G) + 1;
	}
}

/* --- walks -------------------------------------------------------------------------- */

static void tally_one(struct tally *tally, const struct picture_memory *now)
{
	struct picture_piece piece;
	struct picture_walk walk;

	picture_walk_begin(&walk, now, tally->plot->range, tally->view->mask, tally->view->exact);
	while (picture_walk_next(&walk, &piece))
		add_piece(tally, NULL, &piece, tally->view->of(NULL, &piece));
}

/* A walk and its piece, from which pages are taken. */
struct side {
	struct picture_walk walk;
	struct picture_piece piece;
	bool more;
};

static void side_take(struct side *side, uint64_t npages)
{
	side->piece.first += npages;
	side->piece.npages -= npages;
	if (!side->piece.npages)
		side->more = picture_walk_next(&side->walk, &side->piece);
}

static void side_begin(struct side *side, const struct tally *tally,
		       const struct picture_memory *memory)
{
	picture_walk_begin(&side->walk, memory, tally->plot->range, tally->view->mask,
			   tally->view->exact);
	side->more = picture_walk_next(&side->walk, &side->piece);
}

/* Pages of a side that come before the other one's, and are in none of its regions. */
static void take_alone(struct tally *tally, struct side *side, const struct side *other,
		       unsigned int class)
{
	struct picture_piece piece = side->piece;

	if (other->more && other->piece.first < piece.first + piece.npages)
		piece.npages = other->piece.first - piece.first;
	add_piece(tally, NULL, &piece, class);
	side_take(side, piece.npages);
}

static void tally_two(struct tally *tally, const struct picture_memory *before,
		      const struct picture_memory *now)
{
	struct side was, is;

	side_begin(&was, tally, before);
	side_begin(&is, tally, now);
	while (was.more || is.more) {
		struct picture_piece a = was.piece, b = is.piece;

		if (!is.more || (was.more && a.first < b.first)) {
			take_alone(tally, &was, &is, PICTURE_DIFF_REMOVED);
			continue;
		}
		if (!was.more || b.first < a.first) {
			take_alone(tally, &is, &was, PICTURE_DIFF_ADDED);
			continue;
		}
		a.npages = b.npages = a.npages < b.npages ? a.npages : b.npages;
		add_piece(tally, &a, &b, tally->view->of(&a, &b));
		side_take(&was, a.npages);
		side_take(&is, b.npages);
	}
}

int picture_tally(const struct picture_layout *layout, const struct picture_view *view,
		  const struct picture_memory *before, const struct picture_memory *now,
		  struct picture_counts *counts, uint8_t **inks)
{
	struct tally tally = {
		.layout = layout,
		.view = view,
		.counts = counts,
		.inks = calloc(layout->ncells, 1),
		.block = NO_BLOCK,
		.last = { NO_BLOCK, NO_BLOCK, NO_BLOCK, NO_BLOCK },
	};

	if (!tally.inks)
		return -ENOMEM;
	memset(counts, 0, sizeof(*counts));
	for (size_t i = 0; i < layout->nplots; i++) {
		tally.plot = &layout->plot[i];
		tally.number = 0;
		if (before)
			tally_two(&tally, before, now);
		else
			tally_one(&tally, now);
		end_cell(&tally);
		end_run(&tally);
		count_blocks(counts, now, tally.plot->range);
	}
	end_block(&tally);
	*inks = tally.inks;
	return 0;
}

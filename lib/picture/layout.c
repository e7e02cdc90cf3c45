/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.c - where in a picture each page is; see layout.h.
 */
#include "picture/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture/hilbert.h"

#define MOST_PLOTS		2048u
#define MOST_ORDER		40u	/* of a cell: all frames there can be */
#define ROW_CELLS		512u	/* of 2 MiB: a GiB */
#define MOST_HEIGHT		65536u
#define PAGES_IN_ROWS		32768u	/* at most, that are cells of their own */

/* --- text ------------------------------------------------------------------------ */

void picture_size_text(char *text, size_t room, uint64_t npages)
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)npages * (GMS_PAGE_SIZE / 1024.);
	unsigned int i = 0;

	for (; value >= 1023.95 && i < 4; i++)
		value /= 1024;
	/* As many digits as say something. */
	if (value == (double)(uint64_t)value)
		snprintf(text, room, "%.0f %s", value, unit[i]);
	else
		snprintf(text, room, "%.*f %s", value < 10 ? 2 : 1, value, unit[i]);
}

void picture_range_text(char *text, size_t room, struct gms_range range)
{
	char size[32];

	picture_size_text(size, sizeof(size), range.npages);
	snprintf(text, room, "0x%" PRIx64 " + %s", range.first << GMS_PAGE_SHIFT, size);
}

/* --- ranges ----------------------------------------------------------------------- */

static int by_first(const void *a, const void *b)
{
	const struct gms_range *one = a, *other = b;

	return one->first < other->first ? -1 : one->first > other->first;
}

static void add_clipped(struct gms_range *ranges, size_t *n, const struct picture_memory *memory,
			struct gms_range zoom)
{
	const gms_gfn zoom_end = zoom.first + zoom.npages;

	for (size_t i = 0; memory && i < memory->nregions; i++) {
		const struct picture_region *region = &memory->region[i];
		gms_gfn first = region->first, end = region->first + region->npages;

		if (first < zoom.first)
			first = zoom.first;
		if (end > zoom_end)
			end = zoom_end;
		if (first < end)
			ranges[(*n)++] = (struct gms_range){ first, end - first };
	}
}

int picture_ranges(struct gms_range **ranges, size_t *n, const struct picture_memory *before,
		   const struct picture_memory *now, struct gms_range zoom)
{
	const size_t most = (before ? before->nregions : 0) + now->nregions;
	struct gms_range *all = malloc(most * sizeof(*all));
	size_t have = 0, kept = 0;

	if (!all)
		return -ENOMEM;
	add_clipped(all, &have, before, zoom);
	add_clipped(all, &have, now, zoom);
	qsort(all, have, sizeof(*all), by_first);
	for (size_t i = 0; i < have; i++) {
		const gms_gfn end = all[i].first + all[i].npages;
		struct gms_range *last = kept ? &all[kept - 1] : NULL;

		if (!last || all[i].first > last->first + last->npages)
			all[kept++] = all[i];
		else if (end > last->first + last->npages)
			last->npages = end - last->first;
	}
	*ranges = all;
	*n = kept;
	return 0;
}

/* --- plots -------------------------------------------------------------------------- */

static uint64_t largest_power(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n));
}

static void shape_plot(const struct picture_layout *layout, struct picture_plot *plot)
{
	const unsigned int k = layout->cell_order;
	const uint64_t cell_pages = UINT64_C(1) << k, npages = plot->range.npages;
	uint64_t align = layout->columns ? layout->columns * cell_pages : UINT64_C(1) << 18;
	gms_gfn end = plot->range.first + npages;

	/* Blocks of guest memory are squares and whole rows, if it is as long as one. */
	if (align > largest_power(npages))
		align = largest_power(npages);
	if (align < cell_pages)
		align = cell_pages;
	plot->origin = plot->range.first & ~(align - 1);
	plot->first_cell = (plot->range.first - plot->origin) >> k;
	plot->ncells = ((end - plot->origin - 1) >> k) + 1;
	if (layout->columns) {
		plot->columns = layout->columns;
		plot->rows = (uint32_t)((plot->ncells - 1) / layout->columns + 1);
		if (plot->ncells < plot->columns)
			plot->columns = (uint32_t)plot->ncells;
		return;
	}
	plot->order = picture_hilbert_order(plot->ncells);
	plot->columns = plot->rows = UINT32_C(1) << plot->order;
	if (plot->order && plot->ncells <= UINT64_C(2) << (2 * (plot->order - 1)))
		plot->rows /= 2;
}

static uint32_t whole_steps(const struct picture_layout *layout, uint32_t height)
{
	const uint32_t step = layout->box.step;

	return (height + step - 1) / step * step;
}

/* Beside each other, and below what has no room there. */
static void place_squares(struct picture_layout *layout)
{
	const struct picture_box *box = &layout->box;
	uint32_t x = 0, y = 0, shelf = 0;

	layout->width = 0;
	for (size_t i = 0; i < layout->nplots; i++) {
		struct picture_plot *plot = &layout->plot[i];
		const uint32_t height = box->line_height +
					whole_steps(layout, plot->rows * layout->scale);
		uint32_t width = plot->columns * layout->scale;
		char text[64];

		picture_range_text(text, sizeof(text), plot->range);
		if (width < strlen(text) * box->letter_width)
			width = (uint32_t)strlen(text) * box->letter_width;
		if (x && x + width > box->width) {
			y += shelf + box->gap;
			x = shelf = 0;
		}
		plot->x = x;
		plot->y = y + box->line_height;
		if (shelf < height)
			shelf = height;
		if (layout->width < x + width)
			layout->width = x + width;
		x += width + box->gap;
	}
	layout->height = y + shelf;
}

/* Below each other, each with its name above and addresses before its rows. */
static void place_rows(struct picture_layout *layout)
{
	const struct picture_box *box = &layout->box;
	const uint32_t margin = PICTURE_ADDRESS_LETTERS * box->letter_width;
	uint32_t y = 0;

	layout->width = margin + layout->columns * layout->scale;
	for (size_t i = 0; i < layout->nplots; i++) {
		struct picture_plot *plot = &layout->plot[i];
		uint32_t high = whole_steps(layout, plot->rows * layout->scale);

		if (high < box->line_height)
			high = box->line_height;
		plot->x = margin;
		plot->y = y + box->line_height;
		y = plot->y + high + box->gap;
	}
	layout->height = y - box->gap;
}

static bool try(struct picture_layout *layout, unsigned int cell_order, uint32_t columns,
		uint32_t scale)
{
	uint64_t rows = 0;

	layout->cell_order = cell_order;
	layout->columns = columns;
	layout->scale = scale;
	layout->ncells = 0;
	for (size_t i = 0; i < layout->nplots; i++) {
		struct picture_plot *plot = &layout->plot[i];

		/* What cannot fit is not worth numbers that may be too large. */
		if (plot->range.npages >> cell_order > (uint64_t)layout->box.width *
						       layout->box.height)
			return false;
		shape_plot(layout, plot);
		plot->ink = layout->ncells;
		layout->ncells += (uint64_t)plot->columns * plot->rows;
		rows += plot->rows;
	}
	if (rows * scale > (uint64_t)layout->box.height * 64)
		return false;
	if (columns)
		place_rows(layout);
	else
		place_squares(layout);
	return layout->width <= layout->box.width && layout->height <= layout->box.height;
}

static bool try_squares(struct picture_layout *layout, unsigned int cell_order)
{
	uint32_t scale = 1;

	if (!try(layout, cell_order, 0, 1))
		return false;
	while (scale < layout->box.most_scale && try(layout, cell_order, 0, scale + 1))
		scale++;
	return try(layout, cell_order, 0, scale);
}

/* The rows that leave the largest cells; of equal ones, the longest. */
static bool try_rows(struct picture_layout *layout, unsigned int cell_order)
{
	const struct picture_box *box = &layout->box;
	uint32_t room = box->width, best_columns = 0, best_scale = 0;

	room -= PICTURE_ADDRESS_LETTERS * box->letter_width;
	for (uint32_t columns = ROW_CELLS; columns >= 16; columns /= 2) {
		uint32_t scale = columns > room ? 0 : room / columns;

		if (scale > box->most_scale)
			scale = box->most_scale;
		while (scale > best_scale && !try(layout, cell_order, columns, scale))
			scale--;
		if (scale > best_scale) {
			best_scale = scale;
			best_columns = columns;
		}
	}
	return best_scale && try(layout, cell_order, best_columns, best_scale);
}

/* A curve seldom ends where its square does: what it does not reach is not drawn. */
static void crop(struct picture_layout *layout)
{
	layout->ncells = 0;
	for (size_t i = 0; i < layout->nplots; i++) {
		struct picture_plot *plot = &layout->plot[i];
		uint32_t columns = 0, rows = 0, column, row;

		for (uint64_t cell = plot->first_cell; cell < plot->ncells; cell++) {
			picture_hilbert(plot->order, cell, &column, &row);
			columns = column >= columns ? column + 1 : columns;
			rows = row >= rows ? row + 1 : rows;
		}
		plot->columns = columns;
		plot->rows = rows;
		plot->ink = layout->ncells;
		layout->ncells += (uint64_t)columns * rows;
	}
	place_squares(layout);
}

static bool fit(struct picture_layout *layout, bool rows, unsigned int order)
{
	for (; order <= MOST_ORDER; order++) {
		if (!(rows ? try_rows(layout, order) : try_squares(layout, order)))
			continue;
		if (!rows)
			crop(layout);
		return true;
	}
	return false;
}

int picture_lay_out(struct picture_layout *layout, struct gms_range *ranges, size_t n,
		    const struct picture_box *box, bool rows)
{
	uint64_t npages = 0;
	unsigned int order = 0;

	*layout = (struct picture_layout){ .nplots = n, .box = *box };
	layout->plot = calloc(n, sizeof(*layout->plot));
	for (size_t i = 0; layout->plot && i < n; i++) {
		layout->plot[i].range = ranges[i];
		npages += ranges[i].npages;
	}
	free(ranges);
	if (!layout->plot)
		return -ENOMEM;
	if (rows && npages > PAGES_IN_ROWS)
		order = GMS_ORDER_2M;
	if (n <= MOST_PLOTS && fit(layout, rows, order))
		return 0;
	/* So many plots that they need more room, each as small as it can be. */
	layout->box.height = MOST_HEIGHT;
	if (n <= MOST_PLOTS && fit(layout, rows, 0))
		return 0;
	picture_layout_free(layout);
	return -EFBIG;
}

void picture_layout_free(struct picture_layout *layout)
{
	free(layout->plot);
	*layout = (struct picture_layout){ .plot = NULL };
}

void picture_cell_at(const struct picture_layout *layout, const struct picture_plot *plot,
		     uint64_t cell, uint32_t *column, uint32_t *row)
{
	if (layout->columns) {
		*column = (uint32_t)(cell % layout->columns);
		*row = (uint32_t)(cell / layout->columns);
	} else {
		picture_hilbert(plot->order, cell, column, row);
	}
}

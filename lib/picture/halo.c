/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * halo.c - make what is alone large enough to be seen; see halo.h.
 */
#include "picture/halo.h"

#include <stdlib.h>
#include <string.h>

static bool is_watched(const struct picture_view *view, unsigned int ink)
{
	const unsigned int least = view->both ? view->watch - 1u : view->watch;
	unsigned int class;

	ink &= ~PICTURE_MARK;
	if (ink == PICTURE_NONE)
		return false;
	class = ink < PICTURE_RAMPS ? ink - 1 : (ink - PICTURE_RAMPS) / PICTURE_STEPS;
	return view->class[class].rank >= least || (view->both && class == view->both);
}

/* The square of three around a cell, as much of it as is in the plot. */
struct around {
	uint32_t left, right, top, bottom;
};

static struct around around(const struct picture_plot *plot, uint32_t column, uint32_t row)
{
	return (struct around){
		.left = column ? column - 1 : 0,
		.right = column + 1 < plot->columns ? column + 1 : column,
		.top = row ? row - 1 : 0,
		.bottom = row + 1 < plot->rows ? row + 1 : row,
	};
}

static bool is_alone(const struct picture_plot *plot, const struct picture_view *view,
		     const uint8_t *inks, uint32_t column, uint32_t row)
{
	const struct around a = around(plot, column, row);

	for (uint32_t y = a.top; y <= a.bottom; y++)
		for (uint32_t x = a.left; x <= a.right; x++)
			if ((x != column || y != row) &&
			    is_watched(view, inks[(size_t)y * plot->columns + x]))
				return false;
	return true;
}

static void grow(const struct picture_plot *plot, uint8_t *inks, uint32_t column, uint32_t row,
		 uint8_t ink)
{
	const struct around a = around(plot, column, row);

	/* Where there is no memory nothing is drawn. */
	for (uint32_t y = a.top; y <= a.bottom; y++)
		for (uint32_t x = a.left; x <= a.right; x++)
			if (inks[(size_t)y * plot->columns + x] != PICTURE_NONE)
				inks[(size_t)y * plot->columns + x] = ink;
}

uint8_t *picture_halo(const struct picture_layout *layout, const struct picture_view *view,
		      const uint8_t *inks, uint64_t *n)
{
	uint8_t *grown = malloc(layout->ncells);

	*n = 0;
	if (!grown)
		return NULL;
	memcpy(grown, inks, layout->ncells);
	for (size_t i = 0; i < layout->nplots; i++) {
		const struct picture_plot *plot = &layout->plot[i];
		const uint8_t *from = inks + plot->ink;

		for (uint32_t row = 0; row < plot->rows; row++) {
			for (uint32_t column = 0; column < plot->columns; column++) {
				const uint8_t ink = from[(size_t)row * plot->columns + column];

				if (!is_watched(view, ink) ||
				    !is_alone(plot, view, from, column, row))
					continue;
				grow(plot, grown + plot->ink, column, row, ink);
				++*n;
			}
		}
	}
	return grown;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hilbert.c - a line that fills a square; see hilbert.h.
 */
#include "picture/hilbert.h"

void picture_hilbert(unsigned int order, uint64_t number, uint32_t *column, uint32_t *row)
{
	uint32_t x = 0, y = 0;

	/* From the smallest square to the whole: each is turned as its quarter wants it. */
	for (unsigned int level = 0; level < order; level++, number >>= 2) {
		const uint32_t side = UINT32_C(1) << level;
		const unsigned int quarter = number & 3;
		const uint32_t was = x;

		switch (quarter) {
		case 0:
			x = y;
			y = was;
			break;
		case 1:
			x += side;
			break;
		case 2:
			x += side;
			y += side;
			break;
		default:
			x = side - 1 - y;
			y = 2 * side - 1 - was;
			break;
		}
	}
	*column = x;
	*row = y;
}

unsigned int picture_hilbert_order(uint64_t ncells)
{
	unsigned int order = 0;

	while (order + 1 < PICTURE_HILBERT_ORDERS && UINT64_C(1) << (2 * order) < ncells)
		order++;
	return order;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hilbert.h - a line that fills a square: neighbours on it are neighbours in it.
 *
 * A square of 2^order cells a side is filled from its top left, by its top right and
 * its bottom right, to its bottom left, a quarter after the other; so what is a power of
 * four cells long and begins at a multiple of that is a square, and half of one two.
 */
#ifndef GMS_PICTURE_HILBERT_H
#define GMS_PICTURE_HILBERT_H

#include <stdint.h>

#define PICTURE_HILBERT_ORDERS	17u	/* 0 to 16: 2^32 cells */

/* Where the cell of that number is, counted from the top left. */
void picture_hilbert(unsigned int order, uint64_t number, uint32_t *column, uint32_t *row);
/* The smallest order that has room for so many cells, of which there is at least one. */
unsigned int picture_hilbert_order(uint64_t ncells);

#endif

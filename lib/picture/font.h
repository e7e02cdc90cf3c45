/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * font.h - letters for a picture: ASCII, all of one size.
 */
#ifndef GMS_PICTURE_FONT_H
#define GMS_PICTURE_FONT_H

#include <stdint.h>

#define PICTURE_FONT_COLUMNS	7u
#define PICTURE_FONT_ROWS	13u

/* A byte a row, the leftmost pixel in the top bit; of what is not printable, of "?". */
const uint8_t *picture_font(char letter);

#endif

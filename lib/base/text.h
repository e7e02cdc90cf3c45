/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - put a line together without stdio.
 *
 * Text past the end of the buffer is dropped; what is there always ends in a
 * NUL if there is room for one.
 */
#ifndef GMS_BASE_TEXT_H
#define GMS_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct gms__text {
	char  *buf;
	size_t room;	/* bytes of buf, the NUL included */
	size_t len;
};

void gms__text_begin(struct gms__text *text, char *buf, size_t room);
void gms__text_str(struct gms__text *text, const char *str);
void gms__text_dec(struct gms__text *text, uint64_t value);
void gms__text_hex(struct gms__text *text, uint64_t value);	/* with 0x */

#endif

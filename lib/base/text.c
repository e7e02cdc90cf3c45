/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - put a line together without stdio; see text.h.
 */
#include "base/text.h"

void gms__text_begin(struct gms__text *text, char *buf, size_t room)
{
	text->buf = buf;
	text->room = buf ? room : 0;
	text->len = 0;
	if (text->room)
		buf[0] = '\0';
}

void gms__text_str(struct gms__text *text, const char *str)
{
	while (*str && text->len + 1 < text->room)
		text->buf[text->len++] = *str++;
	if (text->room)
		text->buf[text->len] = '\0';
}

static void number(struct gms__text *text, uint64_t value, unsigned base)
{
	char digits[21];
	char *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do {
		*--p = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	gms__text_str(text, p);
}

void gms__text_dec(struct gms__text *text, uint64_t value)
{
	number(text, value, 10);
}

void gms__text_hex(struct gms__text *text, uint64_t value)
{
	gms__text_str(text, "0x");
	number(text, value, 16);
}

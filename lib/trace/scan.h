/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan.h - words and numbers of a line.
 *
 * A line ends with '\n', which is there to be read: no loop asks for the end of
 * the line but by that. A function returns where it stopped, or NULL.
 */
#ifndef GMS_TRACE_SCAN_H
#define GMS_TRACE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Two further digits could overflow. */
#define SCAN_SAFE_DIGITS	19
#define SCAN_SAFE_NIBBLES	16

static inline bool scan_is_space(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool scan_is_digit(char c)
{
	return (unsigned char)(c - '0') <= 9;
}

static inline const char *scan_spaces(const char *at)
{
	while (scan_is_space(*at))
		at++;
	return at;
}

/* To the first space, or the end of the line. */
static inline const char *scan_word(const char *at)
{
	while ((unsigned char)*at > ' ' || (*at != ' ' && *at != '\t' && *at != '\n'))
		at++;
	return at;
}

static inline const char *scan_decimal(const char *at, uint64_t *value)
{
	const char *const start = at;
	unsigned int digit;
	uint64_t sum = 0;

	for (; (digit = (unsigned char)(*at - '0')) <= 9; at++) {
		if (at - start >= SCAN_SAFE_DIGITS &&
		    (sum > UINT64_MAX / 10 || sum * 10 > UINT64_MAX - digit))
			return NULL;
		sum = sum * 10 + digit;
	}
	*value = sum;
	return at > start ? at : NULL;
}

static inline unsigned int scan_nibble(char c)
{
	const unsigned int digit = (unsigned char)(c - '0');
	const unsigned int letter = (unsigned char)((c | 0x20) - 'a');

	return digit <= 9 ? digit : letter < 6 ? letter + 10 : 16;
}

static inline const char *scan_hex(const char *at, uint64_t *value)
{
	const char *const start = at;
	unsigned int nibble;
	uint64_t sum = 0;

	for (; (nibble = scan_nibble(*at)) < 16; at++) {
		if (at - start >= SCAN_SAFE_NIBBLES && sum >> 60)
			return NULL;
		sum = sum << 4 | nibble;
	}
	*value = sum;
	return at > start ? at : NULL;
}

/* Past the text, if it is next. */
static inline const char *scan_text(const char *at, const char *text)
{
	while (*text && *at == *text) {
		at++;
		text++;
	}
	return *text ? NULL : at;
}

/* Does [address, address + bytes) end within 64 bits? */
static inline bool scan_fits(uint64_t address, uint64_t bytes)
{
	return bytes <= UINT64_MAX - address;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - numbers as people read them.
 */
#ifndef GMS_TOOL_TEXT_H
#define GMS_TOOL_TEXT_H

#include <stdint.h>

#define TEXT_BYTES	32u

/* Each fills in its first argument, of TEXT_BYTES, and returns it. */
const char *text_count(char *text, uint64_t n);		/* 89,341 */
const char *text_bytes(char *text, uint64_t bytes);	/* 1.25 GiB */
const char *text_ns(char *text, double ns);		/* 1.25 ms */
const char *text_real(char *text, double value);	/* three digits or more: 0.125, 1,234 */

#endif

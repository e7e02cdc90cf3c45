/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.c - arrays of numbers; see list.h.
 */
#include "trace/list.h"

#include "trace/scan.h"

enum { IN_BRACES, BARE, IN_BYTES };

/* x86 and whoever else has guests that are traced: the low byte comes first. */
static const char *scan_bytes(const char *at, unsigned int width, uint64_t *value)
{
	unsigned int high, low;

	*value = 0;
	for (unsigned int i = 0; i < width; i++) {
		if (i)
			at = scan_text(at, ", ");
		if (!at || (high = scan_nibble(at[0])) > 15 || (low = scan_nibble(at[1])) > 15)
			return NULL;
		*value |= (uint64_t)(high << 4 | low) << (8 * i);
		at += 2;
	}
	return at;
}

static const char *scan_number(const struct trace_list *list, const char *at, uint64_t *value)
{
	if (list->way == IN_BYTES)
		return scan_bytes(at, list->width, value);
	if (list->way == BARE)
		return scan_decimal(at, value);
	at = scan_text(at, "0x");
	return at ? scan_hex(at, value) : NULL;
}

/* Past what stands between two numbers. NULL: the list ends. */
static const char *scan_between(const struct trace_list *list, const char *at)
{
	if (list->way == IN_BYTES)
		return scan_text(at, ", ");
	if (list->way == BARE)
		return *at == ' ' && scan_is_digit(at[1]) ? at + 1 : NULL;
	return scan_text(at, ",");
}

static char closing(const struct trace_list *list)
{
	return list->way == IN_BRACES ? '}' : ']';
}

const char *trace_list_scan(struct trace_list *list, const char *at, unsigned int width,
			    const char **broken)
{
	const char *inside, *next;
	uint64_t value;

	*list = (struct trace_list){ .way = BARE, .width = (uint8_t)width };
	*broken = at;
	if ((inside = scan_text(at, "{")))
		list->way = IN_BRACES;
	else if ((inside = scan_text(at, "ARRAY[")))
		list->way = IN_BYTES;
	else
		inside = at;
	list->at = inside;
	/* An empty one. */
	if (list->way == BARE ? !scan_is_digit(*inside) : *inside == closing(list))
		return list->way == BARE ? inside : inside + 1;
	for (next = inside; next; next = scan_between(list, at)) {
		*broken = next;
		at = scan_number(list, next, &value);
		if (!at)
			return NULL;
		list->n++;
	}
	*broken = at;
	if (list->way == BARE)
		return at;
	return *at == closing(list) ? at + 1 : NULL;
}

uint64_t trace_list_next(struct trace_list *list)
{
	uint64_t value;
	const char *at = scan_number(list, list->at, &value);

	list->at = scan_between(list, at);
	return value;
}

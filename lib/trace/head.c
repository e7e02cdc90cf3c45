/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * head.c - who, where and when; see head.h.
 *
 * The task's name comes first and may be anything, so the processor in its brackets is
 * looked for, with a time behind it.
 */
#include "trace/head.h"

#include <string.h>

#include "trace/scan.h"

#define NS_PER_SECOND	UINT64_C(1000000000)

/* Flags as ftrace has them: d.h1. and the like. */
#define MOST_FLAGS	8

/* Seconds with a point; a clock that counts something else has none. */
static const char *scan_time(const char *at, uint64_t *time_ns)
{
	uint64_t fraction = 0, unit = NS_PER_SECOND;

	at = scan_decimal(at, time_ns);
	if (!at || *at != '.')
		return at;
	for (at++; scan_is_digit(*at); at++) {
		unit /= 10;
		fraction += unit * (uint64_t)(*at - '0');
	}
	if (*time_ns > (UINT64_MAX - fraction) / NS_PER_SECOND)
		return NULL;
	*time_ns = *time_ns * NS_PER_SECOND + fraction;
	return at;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || scan_is_digit(c) || c == '_';
}

/* "name:" or "system:name:"; else the line is of no event. */
static void find_name(struct trace_head *head, const char *at)
{
	const char *end = at;

	head->system = NULL;
	head->name = head->name_end = head->text = at;
	while (is_name(*end))
		end++;
	if (end == at || *end != ':')
		return;
	if (is_name(end[1])) {
		head->system = at;
		head->name = ++end;
		while (is_name(*end))
			end++;
		if (*end != ':')
			return;
	}
	head->name_end = end;
	head->text = scan_spaces(end + 1);
}

/* From "[000]" on. */
static bool is_head(struct trace_head *head, const char *at)
{
	const char *word;
	uint64_t cpu;

	at = scan_decimal(at + 1, &cpu);
	if (!at || *at != ']' || cpu > UINT16_MAX || !scan_is_space(at[1]))
		return false;
	at = scan_spaces(at + 1);
	if (!scan_is_digit(*at)) {
		word = at;
		at = scan_word(at);
		if (at - word > MOST_FLAGS)
			return false;
		at = scan_spaces(at);
	}
	at = scan_time(at, &head->time_ns);
	if (!at || *at != ':' || !scan_is_space(at[1]))
		return false;
	head->cpu = (uint16_t)cpu;
	find_name(head, scan_spaces(at + 1));
	return true;
}

bool trace_head_find(struct trace_head *head, const char *line, const char *end)
{
	const char *at = line;

	while ((at = memchr(at, '[', (size_t)(end - at)))) {
		if (is_head(head, at))
			return true;
		at++;
	}
	return false;
}

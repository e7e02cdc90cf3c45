/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.h - what trace.c hands to those who know a form, and what they hand back.
 */
#ifndef GMS_TRACE_PARSE_H
#define GMS_TRACE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/devices.h"
#include "trace/trace.h"

/* Segments of one line: four times what the kernel can print into one. */
#define TRACE_SEGMENTS	4096u
#define TRACE_MARK_BYTES	128u

enum trace_line {
	TRACE_LINE_EVENTS,	/* n events, perhaps none */
	TRACE_LINE_MARK,	/* a mark, in event[0] and mark */
	TRACE_LINE_OTHER,	/* a line of its form, but of no mapping */
	TRACE_LINE_NOTE,	/* says something about the text itself */
	TRACE_LINE_BAD,		/* expected, at */
	TRACE_LINE_NO_MEMORY
};

struct trace_parse {
	const char *line;	/* its first byte .. */
	const char *end;	/* .. and the '\n' behind the last */
	struct trace_event *events;
	size_t	 n;		/* events of the line */
	uint64_t lost_events;	/* the line says that so many are missing */
	const char *expected;	/* of a bad line: what .. */
	const char *at;		/* .. and where */
	struct trace_devices *devices;
	char	 mark[TRACE_MARK_BYTES];
};

static inline enum trace_line trace_bad(struct trace_parse *parse, const char *at,
					const char *expected)
{
	parse->at = at;
	parse->expected = expected;
	return TRACE_LINE_BAD;
}

/* The device named by [name, end) into event. EVENTS: found. */
enum trace_line trace_parse_device(struct trace_parse *parse, const char *name, const char *end,
				   struct trace_event *event);
/* The mark called [name, the line's end), without control characters and what is too long. */
enum trace_line trace_parse_mark(struct trace_parse *parse, const char *name, uint64_t time_ns);

/* One event into events[0]. */
enum trace_line trace_parse_lines(struct trace_parse *parse);
/* Up to TRACE_SEGMENTS events. */
enum trace_line trace_parse_ftrace(struct trace_parse *parse);
enum trace_line trace_parse_perf(struct trace_parse *parse);
/* What ftrace says of its buffer in a comment. */
void trace_parse_ftrace_comment(struct trace_parse *parse, const char *at);
/* Which form is this line, which is no comment, of? ANY: of none. */
enum trace_form trace_form_of(const char *line, const char *end);

#endif

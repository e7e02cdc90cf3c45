/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ftrace.c - what is in the kernel's trace and trace_pipe, and what trace-cmd report
 * prints, which is the same but for the flags.
 */
#include <string.h>

#include "trace/dma.h"
#include "trace/head.h"
#include "trace/parse.h"
#include "trace/scan.h"

/* Lines that are no event's: of stack traces, and trace-cmd's first. */
static const char *const others[] = { "=> ", "<stack trace>", "cpus=" };

/* "CPU:1 [LOST 12 EVENTS]", or "[LOST EVENTS]" if nobody counted them. */
static bool is_lost(const char *line, uint64_t *lost)
{
	const char *at = scan_text(line, "CPU:"), *number;
	uint64_t cpu, n;

	at = at ? scan_decimal(at, &cpu) : NULL;
	at = at ? scan_text(at, " [LOST ") : NULL;
	if (!at)
		return false;
	number = scan_decimal(at, &n);
	if (!scan_text(number ? scan_spaces(number) : at, "EVENTS]"))
		return false;
	*lost = number ? n : 1;
	return true;
}

/* What did not fit into the kernel's buffer of one line. */
static bool is_too_big(const struct trace_parse *parse)
{
	static const char text[] = "[LINE TOO BIG]";
	const size_t n = sizeof(text) - 1;

	return (size_t)(parse->end - parse->line) >= n && !memcmp(parse->end - n, text, n);
}

static enum trace_line parse_marker(struct trace_parse *parse, const struct trace_head *head)
{
	const char *at = scan_text(head->text, "tracing_mark_write: ");	/* trace-cmd's way */

	at = scan_text(at ? at : head->text, "mark ");
	if (!at || scan_spaces(at) == parse->end)
		return TRACE_LINE_OTHER;
	return trace_parse_mark(parse, scan_spaces(at), head->time_ns);
}

static bool is_event(const struct trace_head *head, const char *name)
{
	const size_t n = strlen(name);

	return (size_t)(head->name_end - head->name) == n && !memcmp(head->name, name, n);
}

enum trace_line trace_parse_ftrace(struct trace_parse *parse)
{
	const char *const start = scan_spaces(parse->line);
	struct trace_head head;

	if (is_lost(start, &parse->lost_events))
		return TRACE_LINE_NOTE;
	if (is_too_big(parse)) {
		parse->lost_events = 1;
		return TRACE_LINE_NOTE;
	}
	if (!trace_head_find(&head, parse->line, parse->end)) {
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			if (scan_text(start, others[i]))
				return TRACE_LINE_OTHER;
		}
		return trace_bad(parse, start, "TASK-PID [CPU] FLAGS TIME: EVENT: ..");
	}
	if (is_event(&head, "tracing_mark_write") || is_event(&head, "print"))
		return parse_marker(parse, &head);
	return trace_parse_dma(parse, &head);
}

void trace_parse_ftrace_comment(struct trace_parse *parse, const char *at)
{
	uint64_t there, written;

	at = scan_text(at, "entries-in-buffer/entries-written: ");
	at = at ? scan_decimal(at, &there) : NULL;
	at = at ? scan_text(at, "/") : NULL;
	if (at && scan_decimal(at, &written) && written > there)
		parse->lost_events = written - there;
}

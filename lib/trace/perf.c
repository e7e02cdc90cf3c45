/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf.c - what perf script prints.
 */
#include "trace/dma.h"
#include "trace/head.h"
#include "trace/parse.h"
#include "trace/scan.h"

static bool is_dma(const struct trace_head *head)
{
	return head->system && scan_text(head->system, "dma:");
}

enum trace_line trace_parse_perf(struct trace_parse *parse)
{
	struct trace_head head;
	const char *lost;

	/* A call chain, below its event. */
	if (*parse->line == '\t')
		return TRACE_LINE_OTHER;
	if (!trace_head_find(&head, parse->line, parse->end))
		return trace_bad(parse, scan_spaces(parse->line),
				 "TASK PID [CPU] TIME: SYSTEM:EVENT: ..");
	/* With --show-lost-events. */
	lost = scan_text(head.text, "PERF_RECORD_LOST lost ");
	if (lost && scan_decimal(lost, &parse->lost_events))
		return TRACE_LINE_NOTE;
	return is_dma(&head) ? trace_parse_dma(parse, &head) : TRACE_LINE_OTHER;
}

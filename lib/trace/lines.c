/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lines.c - the form of examples/traces: a line a mapping, with spaces between
 *
 *	time_ns cpu op gpa len dir dev dma
 */
#include "trace/parse.h"
#include "trace/scan.h"

#define DMA	"the address that the device was given, in hexadecimal"

/* To the next field: past one space or more. */
static inline const char *next_field(const char *at)
{
	return scan_is_space(*at) ? scan_spaces(at) : NULL;
}

static inline int op_of(char letter)
{
	switch (letter) {
	case 'M':
		return TRACE_MAP;
	case 'U':
		return TRACE_UNMAP;
	case 'A':
		return TRACE_COHERENT;
	case 'R':
		return TRACE_FREE;
	default:
		return -1;
	}
}

static inline int dir_of(char letter)
{
	switch (letter) {
	case 'T':
		return TRACE_TO_DEVICE;
	case 'F':
		return TRACE_FROM_DEVICE;
	case 'B':
		return TRACE_BOTH;
	default:
		return -1;
	}
}

enum trace_line trace_parse_lines(struct trace_parse *parse)
{
	struct trace_event *event = parse->events;
	const char *at = scan_spaces(parse->line), *gpa, *end;
	enum trace_line is;
	uint64_t cpu;
	int op, dir;

	end = scan_decimal(at, &event->time_ns);
	if (!end || !(end = next_field(end)))
		return trace_bad(parse, at, "a time in nanoseconds");
	at = end;
	end = scan_decimal(at, &cpu);
	if (!end || cpu > UINT16_MAX || !(end = next_field(end)))
		return trace_bad(parse, at, "the number of a processor, 0 to 65535");
	at = end;
	op = op_of(*at);
	if (op < 0 || !(end = next_field(at + 1)))
		return trace_bad(parse, at, "M, U, A or R (map, unmap, allocate, free)");
	gpa = end;
	end = scan_hex(gpa, &event->gpa);
	if (!end || !(end = next_field(end)))
		return trace_bad(parse, gpa, "a guest-physical address in hexadecimal");
	at = end;
	end = scan_decimal(at, &event->bytes);
	if (!end || !event->bytes || !(end = next_field(end)))
		return trace_bad(parse, at, "a length in bytes, 1 or more");
	if (!scan_fits(event->gpa, event->bytes))
		return trace_bad(parse, at, "a length that ends below 2^64");
	at = end;
	dir = dir_of(*at);
	if (dir < 0 || !(end = next_field(at + 1)))
		return trace_bad(parse, at, "T, F or B (the device reads, writes, both)");
	at = end;
	end = scan_word(at);
	is = trace_parse_device(parse, at, end, event);
	if (is != TRACE_LINE_EVENTS)
		return is;
	at = next_field(end);
	if (!at)
		return trace_bad(parse, end, DMA);
	end = scan_hex(at, &event->dma);
	if (!end || !scan_fits(event->dma, event->bytes) ||
	    (!scan_is_space(*end) && end != parse->end))
		return trace_bad(parse, at, DMA);
	end = scan_spaces(end);
	if (end != parse->end)
		return trace_bad(parse, end, "the end of the line");
	event->cpu = (uint16_t)cpu;
	event->op = (uint8_t)op;
	event->dir = (uint8_t)dir;
	parse->n = 1;
	return TRACE_LINE_EVENTS;
}

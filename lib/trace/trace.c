/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - DMA mappings, read one after the other from a text; see trace.h.
 *
 * Bytes come into a window, lines are taken out of it where they lie. The '\n' that
 * ends a line is there for whoever parses it, also where the file's last line has none.
 *
 * Invariants:
 *   T1  at <= searched <= end: what lies before at was used up, and in [at, searched)
 *	 there is no '\n'.
 *   T2  A line of TRACE_LINE_BYTES fits behind at when the window was moved.
 *   T3  queue[queue_at, queue_n) are events of the latest line that nobody took yet.
 */
#include "trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace/head.h"
#include "trace/input.h"
#include "trace/parse.h"
#include "trace/scan.h"

#define WINDOW_BYTES	(4 * (size_t)TRACE_LINE_BYTES)

struct trace {
	struct trace_opts opts;
	struct trace_seen seen;
	struct trace_fault fault;
	int	 err;			/* what ended it; 0: go on */
	bool	 is_endless;		/* the window begins in a line that is too long */
	size_t	 at, searched, end;	/* in the window */
	size_t	 queue_at, queue_n;
	struct trace_parse parse;
	struct trace_devices devices;
	struct trace_input input;
	struct trace_event queue[TRACE_SEGMENTS];
	char	 window[WINDOW_BYTES + 1];
};

/* Of a trace that could not be opened. */
static struct trace_fault open_fault;

/* The bytes at [at, end), as a person can read them. */
static void show_text(char *text, size_t room, const char *at, const char *end)
{
	static const char digits[] = "0123456789abcdef", more[] = "...";
	char *to = text;

	for (; at < end; at++) {
		if ((size_t)(to - text) + 4 + sizeof(more) > room) {
			memcpy(to, more, sizeof(more));
			return;
		}
		if (*at >= ' ' && *at <= '~') {
			*to++ = *at;
			continue;
		}
		*to++ = '\\';
		*to++ = 'x';
		*to++ = digits[(unsigned char)*at >> 4];
		*to++ = digits[*at & 15];
	}
	*to = '\0';
}

static void name_path(struct trace_fault *fault, const char *path)
{
	*fault = (struct trace_fault){ .path = strcmp(path, "-") ? path : "<stdin>" };
}

int trace_open(struct trace **out, const char *path, const struct trace_opts *opts)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	int err = trace ? trace_input_open(&trace->input, path) : -ENOMEM;

	*out = NULL;
	name_path(&open_fault, path);
	if (err) {
		open_fault.expected = strerror(-err);
		free(trace);
		return err;
	}
	name_path(&trace->fault, path);
	if (opts)
		trace->opts = *opts;
	trace->parse.devices = &trace->devices;
	trace->seen.form = trace->opts.form;
	trace->seen.total_bytes = trace->input.total_bytes;
	trace->seen.packing = trace_input_packing(&trace->input);
	*out = trace;
	return 0;
}

void trace_close(struct trace *trace)
{
	if (!trace)
		return;
	trace_input_close(&trace->input);
	trace_devices_clear(&trace->devices);
	free(trace);
}

/* The file as a whole. */
static int file_fault(struct trace *trace, int err)
{
	trace->fault.expected = trace->input.wrong ? trace->input.wrong : strerror(-err);
	return err;
}

/* 0, or an error; with skip_bad the line is counted instead. */
static int line_fault(struct trace *trace)
{
	const struct trace_parse *parse = &trace->parse;
	struct trace_fault *fault = &trace->fault;

	if (trace->opts.skip_bad) {
		trace->seen.bad_lines++;
		return 0;
	}
	fault->line = trace->seen.lines;
	fault->column = (uint64_t)(parse->at - parse->line) + 1;
	fault->expected = parse->expected;
	show_text(fault->text, sizeof(fault->text), parse->at, parse->end);
	return -EBADMSG;
}

/* More bytes into the window: how many; 0: there are none. */
static ssize_t fill_window(struct trace *trace, bool wait)
{
	const size_t left = trace->end - trace->at;
	ssize_t got;

	if (!left || WINDOW_BYTES - trace->end < TRACE_LINE_BYTES) {
		memmove(trace->window, trace->window + trace->at, left);
		trace->searched -= trace->at;
		trace->at = 0;
		trace->end = left;
	}
	got = trace_input_read(&trace->input, trace->window + trace->end,
			       WINDOW_BYTES - trace->end, wait);
	if (got > 0)
		trace->end += (size_t)got;
	return got;
}

static void take_line(struct trace *trace, size_t end)
{
	struct trace_parse *parse = &trace->parse;

	parse->line = trace->window + trace->at;
	/* As another system ends lines. */
	if (end > trace->at && trace->window[end - 1] == '\r')
		trace->window[--end] = '\n';
	parse->end = trace->window + end;
	trace->seen.lines++;
}

/* A line that is too long: report it once, and drop what is there of it. */
static int endless_line(struct trace *trace)
{
	struct trace_parse *parse = &trace->parse;

	if (trace->is_endless)
		return 0;
	trace->is_endless = true;
	trace->seen.lines++;
	parse->line = trace->window + trace->at;
	parse->at = parse->line + TRACE_LINE_BYTES;
	parse->end = trace->window + trace->searched;
	parse->expected = "the end of the line, which may have 65536 bytes";
	return line_fault(trace);
}

/* 1: the next line is in parse; 0: there is none; -EAGAIN: none yet, or another error. */
static int next_line(struct trace *trace, bool wait)
{
	ssize_t got;
	char *found;
	int err;

	for (;;) {
		found = memchr(trace->window + trace->searched, '\n', trace->end - trace->searched);
		trace->searched = found ? (size_t)(found - trace->window) : trace->end;
		if (trace->is_endless || trace->searched - trace->at > TRACE_LINE_BYTES) {
			err = endless_line(trace);
			if (err)
				return err;
			trace->is_endless = !found;
			trace->searched += found != NULL;
			trace->at = trace->searched;
			if (found)
				continue;
		}
		if (!found) {
			got = fill_window(trace, wait);
			if (got > 0)
				continue;
			if (got < 0)
				return (int)got;
			if (trace->at == trace->end)
				return 0;
			/* The last line, which lacks its end. */
			trace->window[trace->end] = '\n';
		}
		take_line(trace, trace->searched);
		trace->searched += found != NULL;
		trace->at = trace->searched;
		return 1;
	}
}

enum trace_line trace_parse_device(struct trace_parse *parse, const char *name, const char *end,
				   struct trace_event *event)
{
	const char *at;

	for (at = name; at < end && *at > ' ' && *at <= '~'; at++)
		;
	if (at < end || name == end || (size_t)(end - name) > TRACE_DEVICE_BYTES)
		return trace_bad(parse, name, "the name of a device");
	return trace_devices_find(parse->devices, name, (size_t)(end - name), &event->device) ?
	       TRACE_LINE_NO_MEMORY : TRACE_LINE_EVENTS;
}

enum trace_line trace_parse_mark(struct trace_parse *parse, const char *name, uint64_t time_ns)
{
	const char *end = parse->end;
	size_t n = 0;

	while (end > name && scan_is_space(end[-1]))
		end--;
	for (; name < end && n < sizeof(parse->mark) - 1; name++)
		parse->mark[n++] = *name >= ' ' && *name <= '~' ? *name : '?';
	parse->mark[n] = '\0';
	*parse->events = (struct trace_event){
		.time_ns = time_ns,
		.gpa = TRACE_NO_ADDRESS,
		.dma = TRACE_NO_ADDRESS,
		.op = TRACE_MARK,
	};
	parse->n = 1;
	return TRACE_LINE_MARK;
}

/* A line that begins with #: "# mark TIME NAME" says something. */
static enum trace_line parse_comment(struct trace_parse *parse, const char *at)
{
	uint64_t time_ns;

	at = scan_spaces(at + 1);
	trace_parse_ftrace_comment(parse, at);
	at = scan_text(at, "mark");
	if (!at || !scan_is_space(*at))
		return TRACE_LINE_NOTE;
	at = scan_decimal(scan_spaces(at), &time_ns);
	if (!at || !scan_is_space(*at))
		return TRACE_LINE_NOTE;
	at = scan_spaces(at);
	return at == parse->end ? TRACE_LINE_NOTE : trace_parse_mark(parse, at, time_ns);
}

/* "TIME CPU": what a program said before a trace may begin with a number, too. */
static bool is_lines(const char *at)
{
	uint64_t number;

	at = scan_decimal(at, &number);
	if (!at || !scan_is_space(*at))
		return false;
	at = scan_decimal(scan_spaces(at), &number);
	return at && scan_is_space(*at);
}

enum trace_form trace_form_of(const char *line, const char *end)
{
	struct trace_head head;

	/* A task may call itself 17, so this comes first. */
	if (trace_head_find(&head, line, end))
		return head.system || scan_text(head.text, "PERF_RECORD_") ? TRACE_FORM_PERF :
									     TRACE_FORM_FTRACE;
	if (scan_text(line, "CPU:") || scan_text(line, "cpus="))
		return TRACE_FORM_FTRACE;
	return is_lines(scan_spaces(line)) ? TRACE_FORM_LINES : TRACE_FORM_ANY;
}

static enum trace_line parse_line(struct trace *trace)
{
	struct trace_parse *parse = &trace->parse;
	const char *at = scan_spaces(parse->line);

	parse->n = 0;
	parse->lost_events = 0;
	if (at == parse->end)
		return TRACE_LINE_NOTE;
	if (*at == '#')
		return parse_comment(parse, at);
	if (trace->seen.form == TRACE_FORM_ANY)
		trace->seen.form = trace_form_of(parse->line, parse->end);
	switch (trace->seen.form) {
	case TRACE_FORM_LINES:
		return trace_parse_lines(parse);
	case TRACE_FORM_FTRACE:
		return trace_parse_ftrace(parse);
	case TRACE_FORM_PERF:
		return trace_parse_perf(parse);
	default:
		return trace_bad(parse, at, "a line of a trace: time_ns cpu op gpa len dir dev "
					    "dma, or text of ftrace or perf script");
	}
}

/* The next line, if any: its events are put into events[], or into the queue. */
static int read_line(struct trace *trace, struct trace_event *events, bool wait)
{
	int got = next_line(trace, wait);

	if (got <= 0)
		return got;
	/* A line of the common form is one event. */
	trace->parse.events = trace->seen.form == TRACE_FORM_LINES ? events : trace->queue;
	switch (parse_line(trace)) {
	case TRACE_LINE_EVENTS:
		trace->seen.events += trace->parse.n;
		break;
	case TRACE_LINE_MARK:
	case TRACE_LINE_NOTE:
		break;
	case TRACE_LINE_OTHER:
		trace->seen.other_lines++;
		break;
	case TRACE_LINE_BAD:
		trace->parse.n = 0;
		return line_fault(trace) ? -EBADMSG : 1;
	case TRACE_LINE_NO_MEMORY:
		return -ENOMEM;
	}
	trace->seen.lost_events += trace->parse.lost_events;
	return 1;
}

static bool is_mark(const struct trace_event *event)
{
	return event->op == TRACE_MARK;
}

static size_t take_queued(struct trace *trace, struct trace_event *events, size_t n)
{
	const size_t left = trace->queue_n - trace->queue_at;

	n = n < left ? n : left;
	memcpy(events, trace->queue + trace->queue_at, n * sizeof(*events));
	trace->queue_at += n;
	return n;
}

static int64_t read_events(struct trace *trace, struct trace_event *events, size_t n)
{
	size_t got = take_queued(trace, events, n);
	int err = 0;

	while (got < n) {
		err = read_line(trace, events + got, got == 0);
		if (err <= 0)
			break;
		if (trace->parse.events == trace->queue) {
			trace->queue_at = 0;
			trace->queue_n = trace->parse.n;
			got += take_queued(trace, events + got, n - got);
		} else {
			got += trace->parse.n;
		}
		if (trace->parse.n && is_mark(events + got - 1))
			break;
	}
	/* These two are over when the caller comes again. */
	if (err < 0 && err != -EAGAIN && err != -EINTR) {
		trace->err = err;
		if (!trace->fault.expected)
			file_fault(trace, err);
	}
	return got ? (int64_t)got : err < 0 ? err : 0;
}

int64_t trace_read(struct trace *trace, struct trace_event *events, size_t n)
{
	const int64_t got = trace->err ? trace->err : read_events(trace, events, n);

	trace->seen.bytes = trace->input.bytes;
	trace->seen.packing = trace_input_packing(&trace->input);
	trace->seen.devices = trace->devices.n;
	return got;
}

const struct trace_seen *trace_seen(const struct trace *trace)
{
	return &trace->seen;
}

const struct trace_fault *trace_fault(const struct trace *trace)
{
	return trace ? &trace->fault : &open_fault;
}

const char *trace_device(const struct trace *trace, uint32_t device)
{
	return device < trace->devices.n ? trace->devices.known[device].name : NULL;
}

const char *trace_mark(const struct trace *trace)
{
	return trace->parse.mark;
}

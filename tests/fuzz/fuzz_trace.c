/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_trace.c - texts that are read as traces of DMA mappings.
 *
 * An input is a byte and a file. The byte says of which form it is to be, whether bad
 * lines are passed over, and how many events are asked for at a time. Events are sane,
 * counts add up and a fault lies in the file, whatever it is; plain lines are as the
 * oracle reads them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "oracle_trace.h"
#include "trace/trace.h"

const char fuzz_name[] = "trace";

/* A few bytes of xz or zstd are many lines. */
#define MOST_PACKED	600

struct text {
	const char *at;		/* what the oracle has not read yet */
	size_t	 left;
	uint64_t lines, bad;
};

/* The oracle's next event; false: there is none, or a bad line that is not passed over. */
static bool next_event(struct text *text, bool skip_bad, struct trace_event *event,
		       char name[ORACLE_NAME_BYTES])
{
	while (text->left) {
		const char *end = memchr(text->at, '\n', text->left);
		const size_t bytes = end ? (size_t)(end - text->at) : text->left;
		const enum oracle_line is = oracle_trace_line(text->at, bytes, event, name);

		text->at += bytes + (end != NULL);
		text->left -= bytes + (end != NULL);
		text->lines++;
		if (is == ORACLE_EVENT)
			return true;
		if (is == ORACLE_BAD) {
			text->bad++;
			if (!skip_bad)
				return false;
		}
	}
	return false;
}

static void check_address(const char *what, uint64_t address, uint64_t bytes)
{
	if (address != TRACE_NO_ADDRESS && bytes > UINT64_MAX - address)
		fuzz_fail("%s: does not end below 2^64", what);
}

static void check_event(const struct trace *trace, const struct trace_event *event)
{
	if (event->op >= TRACE_OPS)
		fuzz_fail("an operation that is none");
	if (event->op == TRACE_MARK) {
		if (strlen(trace_mark(trace)) == 0)
			fuzz_fail("a mark without a name");
		return;
	}
	if (event->dir < TRACE_TO_DEVICE || event->dir > TRACE_BOTH)
		fuzz_fail("a direction that is none");
	if (!trace_device(trace, event->device))
		fuzz_fail("a device without a name");
	if (!event->bytes && event->op != TRACE_UNMAP)
		fuzz_fail("nothing is mapped");
	if (event->gpa == TRACE_NO_ADDRESS && event->dma == TRACE_NO_ADDRESS)
		fuzz_fail("no address at all");
	check_address("gpa", event->gpa, event->bytes);
	check_address("dma", event->dma, event->bytes);
}

static void check_as_oracle(const struct trace *trace, const struct trace_event *event,
			    struct text *text, bool skip_bad)
{
	char name[ORACLE_NAME_BYTES];
	struct trace_event want;

	if (!next_event(text, skip_bad, &want, name))
		fuzz_fail("an event that is in no line");
	fuzz_same("time", event->time_ns, want.time_ns);
	fuzz_same("gpa", event->gpa, want.gpa);
	fuzz_same("dma", event->dma, want.dma);
	fuzz_same("bytes", event->bytes, want.bytes);
	fuzz_same("cpu", event->cpu, want.cpu);
	fuzz_same("op", event->op, want.op);
	fuzz_same("dir", event->dir, want.dir);
	/* A mark's is good at the end of a read, where a mark is. */
	if (strcmp(name, event->op == TRACE_MARK ? trace_mark(trace) :
						   trace_device(trace, event->device)) != 0)
		fuzz_fail("another name than %s", name);
}

static void check_fault(const struct trace *trace, uint64_t bytes)
{
	const struct trace_fault *fault = trace_fault(trace);
	const char *at;

	if (!fault->expected || !fault->path)
		fuzz_fail("a fault without a reason");
	if (fault->line > trace_seen(trace)->lines || (fault->line && !fault->column))
		fuzz_fail("a fault in no line");
	if (!strcmp(trace_seen(trace)->packing, "plain") && fault->column > bytes + 1)
		fuzz_fail("a fault in no column");
	for (at = fault->text; *at; at++) {
		if (*at < ' ' || *at > '~')
			fuzz_fail("a fault's text is not printable");
	}
}

/* Reads it all: the number of events and marks. */
static uint64_t read_all(struct trace *trace, size_t room, struct text *text, bool skip_bad,
			 int64_t *err)
{
	struct trace_event events[64];
	uint64_t n = 0;

	while ((*err = trace_read(trace, events, room)) > 0) {
		if ((uint64_t)*err > room)
			fuzz_fail("more events than there was room for");
		for (int64_t i = 0; i < *err; i++) {
			check_event(trace, &events[i]);
			if (text)
				check_as_oracle(trace, &events[i], text, skip_bad);
			if (events[i].op == TRACE_MARK && i < *err - 1)
				fuzz_fail("a mark does not end a read");
			n += events[i].op != TRACE_MARK;
		}
	}
	return n;
}

static void check_text(const char *path, const uint8_t *data, size_t bytes, uint8_t how)
{
	const struct trace_opts opts = { .form = how & 3, .skip_bad = how & 4 };
	struct text text = { .at = (const char *)data, .left = bytes };
	const bool has_oracle = opts.form == TRACE_FORM_LINES;
	char name[ORACLE_NAME_BYTES];
	const struct trace_seen *seen;
	struct trace_event event;
	struct trace *trace;
	bool is_plain;
	int64_t err;
	uint64_t n;

	if (trace_open(&trace, path, &opts))
		fuzz_fail("%s: cannot be opened", path);
	/* What the file is seen to be is known after the first read, and is not lines then. */
	n = read_all(trace, 1 + (how >> 3), has_oracle ? &text : NULL, opts.skip_bad, &err);
	seen = trace_seen(trace);
	is_plain = !strcmp(seen->packing, "plain");
	fuzz_same("events", seen->events, n);
	if (err && err != -EBADMSG)
		fuzz_fail("error %d", (int)err);
	if (err)
		check_fault(trace, bytes);
	if (is_plain && seen->lines > bytes)
		fuzz_fail("more lines than bytes");
	if (seen->bad_lines && !opts.skip_bad)
		fuzz_fail("bad lines are passed over unasked");
	/* A file that is refused has no lines. */
	if (has_oracle && is_plain && !(err && !trace_fault(trace)->line)) {
		if (opts.skip_bad && err)
			fuzz_fail("a bad line is not passed over");
		if (next_event(&text, opts.skip_bad, &event, name))
			fuzz_fail("a line's event was not given");
		fuzz_same("lines", seen->lines, text.lines);
		fuzz_same("bad lines", seen->bad_lines + (err != 0), text.bad);
	}
	trace_close(trace);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	FILE *file;
	char path[64];

	if (!bytes)
		return 0;
	if (bytes > MOST_PACKED && (data[1] == 0xfd || data[1] == 0x28))
		bytes = MOST_PACKED;
	file = tmpfile();
	if (!file || fwrite(data + 1, 1, bytes - 1, file) != bytes - 1 || fflush(file))
		fuzz_fail("no file to write to");
	snprintf(path, sizeof(path), "/dev/fd/%d", fileno(file));
	check_text(path, data + 1, bytes - 1, data[0]);
	fclose(file);
	return 0;
}

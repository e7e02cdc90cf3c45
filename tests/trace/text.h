/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - texts that are read as traces.
 */
#ifndef TESTS_TRACE_TEXT_H
#define TESTS_TRACE_TEXT_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/trace.h"

/* What came of a text. */
struct text_read {
	int	 err;		/* of trace_open() or of the last trace_read() */
	size_t	 n;		/* events, the first TEXT_EVENTS of them kept */
	uint64_t ops[TRACE_OPS];
	struct trace_event *events;
	struct trace_seen seen;
	struct trace_fault fault;
	char	 mark[128];	/* the last */
	char	 device[128];	/* number 0; "": none */
};

#define TEXT_EVENTS	8192u

/* A file of its own with these bytes; the caller unlinks and frees the path. */
char *text_file(const void *bytes, size_t n);
/* Read @path to its end or an error, @room events at a time. Freed by text_done(). */
void text_path(struct text_read *read, const char *path, const struct trace_opts *opts,
	       size_t room);
/* A text in a file. */
void text_bytes(struct text_read *read, const void *bytes, size_t n,
		const struct trace_opts *opts);
void text_read(struct text_read *read, const char *text, const struct trace_opts *opts);
void text_done(struct text_read *read);
/* Run the cases that CK_RUN_CASE asks for. The exit status. */
int text_run(Suite *suite);
/* A file of the source's tree. */
void text_source(struct text_read *read, const char *path);

#endif

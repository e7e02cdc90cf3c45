/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - texts that are read as traces; see text.h.
 */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *text_file(const void *bytes, size_t n)
{
	const char *folder = getenv("TMPDIR");
	char *path = malloc(4096);
	FILE *file;
	int fd;

	ck_assert_ptr_nonnull(path);
	snprintf(path, 4096, "%s/gmstrace.XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	file = fdopen(fd, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

void text_path(struct text_read *read, const char *path, const struct trace_opts *opts,
	       size_t room)
{
	struct trace_event *events = calloc(room, sizeof(*events));
	struct trace *trace;
	int64_t got = 0;

	memset(read, 0, sizeof(*read));
	read->events = calloc(TEXT_EVENTS, sizeof(*events));
	ck_assert(events && read->events);
	read->err = trace_open(&trace, path, opts);
	while (!read->err && (got = trace_read(trace, events, room)) > 0) {
		for (int64_t i = 0; i < got; i++) {
			if (read->n < TEXT_EVENTS)
				read->events[read->n] = events[i];
			read->n++;
			read->ops[events[i].op]++;
		}
		if (events[got - 1].op == TRACE_MARK)
			snprintf(read->mark, sizeof(read->mark), "%s", trace_mark(trace));
	}
	if (got < 0)
		read->err = (int)got;
	read->fault = *trace_fault(trace);
	if (trace) {
		read->seen = *trace_seen(trace);
		if (trace_device(trace, 0))
			snprintf(read->device, sizeof(read->device), "%s", trace_device(trace, 0));
	}
	trace_close(trace);
	free(events);
}

void text_bytes(struct text_read *read, const void *bytes, size_t n,
		const struct trace_opts *opts)
{
	char *path = text_file(bytes, n);

	text_path(read, path, opts, 256);
	unlink(path);
	free(path);
	read->fault.path = NULL;
}

void text_read(struct text_read *read, const char *text, const struct trace_opts *opts)
{
	text_bytes(read, text, strlen(text), opts);
}

void text_source(struct text_read *read, const char *path)
{
	const char *top = getenv("top_srcdir");
	char full[4096];

	snprintf(full, sizeof(full), "%s/%s", top ? top : ".", path);
	text_path(read, full, NULL, 1000);
	read->fault.path = NULL;
}

void text_done(struct text_read *read)
{
	free(read->events);
	read->events = NULL;
}

int text_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failures;

	srunner_run_all(runner, CK_ENV);
	failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

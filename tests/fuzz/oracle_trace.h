/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_trace.h - lines of examples/traces/README's form, read slowly.
 */
#ifndef ORACLE_TRACE_H
#define ORACLE_TRACE_H

#include <stddef.h>

#include "trace/trace.h"

enum oracle_line {
	ORACLE_NOTHING,		/* blank, or a comment */
	ORACLE_EVENT,		/* or a mark */
	ORACLE_BAD
};

#define ORACLE_NAME_BYTES	128

/* One line, without its '\n'. name: of the device or the mark. */
enum oracle_line oracle_trace_line(const char *line, size_t bytes, struct trace_event *event,
				   char name[ORACLE_NAME_BYTES]);

#endif

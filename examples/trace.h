/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - read a trace of DMA mappings, a line at a time; traces/README has the
 * form of a line.
 */
#ifndef EXAMPLES_TRACE_H
#define EXAMPLES_TRACE_H

#include <stdint.h>
#include <stdio.h>

enum trace_op { TRACE_MAP = 'M', TRACE_UNMAP = 'U', TRACE_COHERENT = 'A' };

struct trace_line {
	uint64_t time_ns;
	char	 op;		/* enum trace_op */
	char	 dir;		/* T to the device, F from it, B both */
	uint32_t device;	/* the PCI address, bus << 16 | device << 8 | function */
	uint64_t gpa;
	uint64_t dma;
	uint64_t bytes;
};

struct trace {
	FILE	*file;
	uint64_t nlines;	/* read so far, for messages */
};

/* 0 or a negative errno. */
int  trace_open(struct trace *trace, const char *path);
/* 1 with a line, 0 at the end, -EBADMSG for a line that is none. */
int  trace_next(struct trace *trace, struct trace_line *line);
void trace_rewind(struct trace *trace);
void trace_close(struct trace *trace);

#endif

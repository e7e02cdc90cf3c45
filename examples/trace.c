/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - read a trace of DMA mappings; see trace.h.
 */
#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int trace_open(struct trace *trace, const char *path)
{
	trace->nlines = 0;
	trace->file = fopen(path, "r");
	return trace->file ? 0 : -errno;
}

void trace_close(struct trace *trace)
{
	if (trace->file)
		fclose(trace->file);
	trace->file = NULL;
}

void trace_rewind(struct trace *trace)
{
	rewind(trace->file);
	trace->nlines = 0;
}

static int parse(const char *text, struct trace_line *line)
{
	unsigned bus, device, function;
	int end = 0;

	if (sscanf(text, "%" SCNu64 " %*u %c %" SCNx64 " %" SCNu64 " %c %x:%x.%x %" SCNx64 " %n",
		   &line->time_ns, &line->op, &line->gpa, &line->bytes, &line->dir, &bus,
		   &device, &function, &line->dma, &end) != 9 || text[end] != '\0')
		return -EBADMSG;
	line->device = bus << 16 | device << 8 | function;
	return strchr("MUA", line->op) && strchr("TFB", line->dir) ? 1 : -EBADMSG;
}

int trace_next(struct trace *trace, struct trace_line *line)
{
	char text[256];

	while (fgets(text, sizeof(text), trace->file)) {
		trace->nlines++;
		if (text[0] != '#' && text[0] != '\n')
			return parse(text, line);
	}
	return ferror(trace->file) ? -EIO : 0;
}

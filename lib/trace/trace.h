/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - DMA mappings of a guest, read one after the other from a text.
 *
 * The text may be lines of examples/traces/README's form, what the kernel's ftrace
 * prints for trace_event=dma:*, or what perf script prints for it; which of them
 * is seen from the text. It comes from a file or a pipe, as it is or packed by
 * xz or zstd, which is seen from its first bytes.
 *
 * Memory is bounded: a line has TRACE_LINE_BYTES at most, device names are told apart
 * up to TRACE_DEVICES, and nothing is kept of what was read.
 *
 * Locking: none; a trace is one thread's.
 */
#ifndef GMS_TRACE_TRACE_H
#define GMS_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_LINE_BYTES	65536u
#define TRACE_DEVICES		4096u
/*
 * An address that the text does not say. Lines say both. The kernel's own events say the
 * buffer's of a map only, and of dma_unmap_sg, which says nothing else; and the device's of
 * all others. Where an IOMMU put segments together, a map lacks the buffer's (dma.h).
 */
#define TRACE_NO_ADDRESS	UINT64_MAX

enum trace_op {
	TRACE_MAP = 0,		/* a buffer is mapped for a device */
	TRACE_UNMAP,		/* it is mapped no more */
	TRACE_COHERENT,		/* memory that driver and device share at once */
	TRACE_FREE,		/* it is given back */
	TRACE_SYNC_CPU,		/* what the device wrote is to be seen */
	TRACE_SYNC_DEVICE,	/* what the driver wrote is to be seen */
	TRACE_MARK,		/* "# mark TIME NAME", or of ftrace; see trace_mark() */
	TRACE_OPS
};

/* Which way the bytes go. */
enum trace_dir {
	TRACE_TO_DEVICE = 1,
	TRACE_FROM_DEVICE = 2,
	TRACE_BOTH = 3
};

/* One segment. A scatter list is several, in order, at one time. */
struct trace_event {
	uint64_t time_ns;
	uint64_t gpa;		/* of the buffer, or TRACE_NO_ADDRESS */
	uint64_t dma;		/* what the device was given, or TRACE_NO_ADDRESS */
	uint64_t bytes;		/* 0: the text does not say (an unmapped scatter list) */
	uint32_t device;	/* 0, 1, .. in the order of their first lines */
	uint16_t cpu;
	uint8_t	 op;		/* enum trace_op */
	uint8_t	 dir;		/* enum trace_dir */
};

enum trace_form {
	TRACE_FORM_ANY = 0,	/* as the first line that is no comment says */
	TRACE_FORM_LINES,
	TRACE_FORM_FTRACE,
	TRACE_FORM_PERF
};

struct trace_opts {
	uint32_t form;		/* enum trace_form */
	bool skip_bad;		/* count lines that are none, and go on */
};

/* What was read so far. */
struct trace_seen {
	uint64_t lines;
	uint64_t events;	/* without marks */
	uint64_t bad_lines;	/* passed over, with skip_bad */
	uint64_t other_lines;	/* of other events, and of mappings that failed */
	uint64_t lost_events;	/* that the text itself says are missing */
	uint64_t bytes;		/* of the file, packed as it is */
	uint64_t total_bytes;	/* of a file that has an end; else 0 */
	uint32_t devices;
	uint32_t form;		/* enum trace_form; ANY: not known yet */
	const char *packing;	/* "plain", "xz", "zstd" */
};

/* What is wrong, and where: after an error. */
struct trace_fault {
	const char *path;	/* the caller's; "-" is called <stdin> */
	uint64_t line;		/* from 1; 0: the file as a whole */
	uint64_t column;	/* from 1, in bytes; 0 if line is 0 */
	const char *expected;	/* "a length in bytes"; of a whole file: what went wrong */
	char	 text[64];	/* the beginning of what was there instead, printable; "": the
				 * line ended */
};

struct trace;

/*
 * path: "-" is the standard input; the string must last as long as the trace. 0, or a
 * negative errno; opts may be NULL. Nothing is read yet.
 */
int  trace_open(struct trace **out, const char *path, const struct trace_opts *opts);
/*
 * The next events, n at most: as many as there were before the end, an error, or a pipe
 * that has nothing at the moment. 0: the end. -EBADMSG: a damaged line or file; what
 * came before it was given. -EINTR: a signal came, and its handler does not restart reads;
 * one may go on. Any other error ends the trace.
 */
int64_t trace_read(struct trace *trace, struct trace_event *events, size_t n);
void trace_close(struct trace *trace);	/* NULL is nothing */

const struct trace_seen  *trace_seen(const struct trace *trace);
/* Also after trace_open() failed: then trace is NULL. */
const struct trace_fault *trace_fault(const struct trace *trace);
/* A device's name as the text has it; NULL: none of that number. */
const char *trace_device(const struct trace *trace, uint32_t device);
/*
 * The name of the latest TRACE_MARK that trace_read() gave; it ends a read. In the kernel's
 * text that is what somebody wrote into trace_marker: "mark NAME".
 */
const char *trace_mark(const struct trace *trace);

#endif

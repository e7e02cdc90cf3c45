/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * head.h - who, where and when: how ftrace, trace-cmd report and perf script begin a
 * line. They differ in little:
 *
 *	kworker/u8:0-12      [000] ..s1.     3.096512: dma_alloc: ...
 *	kworker/u8:0-12      [000]     3.096512: dma_alloc: ...
 *	kworker/u8:0    12 [000]     3.096512345: dma:dma_alloc: ...
 *
 * A task may call itself what it likes: its name may have spaces, colons and brackets.
 */
#ifndef GMS_TRACE_HEAD_H
#define GMS_TRACE_HEAD_H

#include <stdbool.h>
#include <stdint.h>

struct trace_head {
	uint64_t    time_ns;
	uint16_t    cpu;
	const char *system;	/* "dma", or NULL: not said */
	const char *name;	/* of the event */
	const char *name_end;	/* name, if the line is of no event */
	const char *text;	/* what the event says */
};

/* Is there one in the line? */
bool trace_head_find(struct trace_head *head, const char *line, const char *end);

#endif

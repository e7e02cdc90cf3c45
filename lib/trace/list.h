/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.h - arrays of numbers, in the three ways they are written:
 *
 *	{0x1000,0x2000}			the kernel
 *	4096 8192			libtraceevent (perf script, trace-cmd report)
 *	ARRAY[00, 10, 00, 00, ..]	the same, where it does not understand the event:
 *					bytes, as they were in memory
 */
#ifndef GMS_TRACE_LIST_H
#define GMS_TRACE_LIST_H

#include <stddef.h>
#include <stdint.h>

struct trace_list {
	const char *at;		/* the next number */
	size_t	 n;		/* of them in all */
	uint8_t	 way;
	uint8_t	 width;		/* bytes of a number, where it is written in bytes */
};

/* A list of numbers of @width bytes at @at: where it ends, or NULL with where it broke. */
const char *trace_list_scan(struct trace_list *list, const char *at, unsigned int width,
			    const char **broken);
/* The next of them; call it n times at most. */
uint64_t trace_list_next(struct trace_list *list);

#endif

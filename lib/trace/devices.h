/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devices.h - names of devices, numbered as they come.
 *
 * When all numbers but one are given away, the devices that come then share the last.
 */
#ifndef GMS_TRACE_DEVICES_H
#define GMS_TRACE_DEVICES_H

#include <stddef.h>
#include <stdint.h>

#include "trace/trace.h"

/* Longer names are no names. */
#define TRACE_DEVICE_BYTES	127u
#define TRACE_DEVICE_SLOTS	(2 * TRACE_DEVICES)

struct trace_device {
	char	*name;
	uint32_t bytes;		/* of the name */
	uint32_t hash;
};

struct trace_devices {
	uint32_t n;
	uint32_t latest;	/* mostly the next line's */
	struct trace_device known[TRACE_DEVICES];
	uint16_t slots[TRACE_DEVICE_SLOTS];	/* number + 1, by hash; 0: free */
};

/* The number of a name of 1 to TRACE_DEVICE_BYTES bytes; 0 or -ENOMEM. */
int  trace_devices_find(struct trace_devices *devices, const char *name, size_t bytes,
			uint32_t *number);
void trace_devices_clear(struct trace_devices *devices);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - the host's time, to measure by.
 */
#ifndef GMS_TOOL_CLOCK_H
#define GMS_TOOL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC */
static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

#endif

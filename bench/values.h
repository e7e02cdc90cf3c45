/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * values.h - the benchmark's values as this library's states, and back.
 *
 * Bit 0 of a value is SHARED. The other three stand for attributes that no rule
 * of the library ties to each other or to SHARED.
 */
#ifndef BENCH_VALUES_H
#define BENCH_VALUES_H

#include <stdio.h>
#include <stdlib.h>

#include <gmemstate/gmemstate.h>

#define VALUE_1		GMS_STATE_WRITE_PROTECT
#define VALUE_2		GMS_STATE_DIRTY
#define VALUE_3		GMS_STATE_USER0
#define VALUE_ALL	(GMS_STATE_SHARED | VALUE_1 | VALUE_2 | VALUE_3)

static inline gms_state state_of(unsigned value)
{
	return (value & 1 ? GMS_STATE_SHARED : 0) | (value & 2 ? VALUE_1 : 0) |
	       (value & 4 ? VALUE_2 : 0) | (value & 8 ? VALUE_3 : 0);
}

static inline unsigned value_of(unsigned state)
{
	return (state & GMS_STATE_SHARED ? 1u : 0) | (state & VALUE_1 ? 2u : 0) |
	       (state & VALUE_2 ? 4u : 0) | (state & VALUE_3 ? 8u : 0);
}

/* No call of the benchmark may fail: what would be timed then is something else. */
static inline void must(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "bench: %s: %s\n", what, gms_strerror(err));
		exit(1);
	}
}

#endif

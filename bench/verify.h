/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.h - no implementation is timed before it agrees with the byte array.
 */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include <stdbool.h>

#include "states.h"

/* Random operations on a small guest. False: why says what differed. */
bool verify_operations(const struct peer *peer, char *why, size_t bytes);

/* A map that state_build() or state_restore() left. */
bool verify_state(const struct state *state, const struct peer *peer, void *map, char *why,
		  size_t bytes);

unsigned peer_value(const struct peer *peer, void *map, uint64_t page);
void peer_bitmap(const struct peer *peer, void *map, uint64_t first, uint64_t end,
		 uint64_t *bits);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * states.h - the states of a guest in which things are measured.
 *
 *   W1  all private, after having been shared and taken back once
 *   W2  1 % of the pages shared, single ones at random
 *   W3  every other page of a quarter of the 2M blocks shared
 *   D   W1 with 4,096 shared buffers of 1 to 16 pages at random
 *   M   131,072 ranges of 1 to 64 pages at random set to one of 16 values
 *
 * Seeds are fixed. Numbers are those of 64 GiB; a smaller guest has them in
 * proportion. Next to the steps that make a state there is its oracle: a byte a
 * page, and the runs of equal bytes.
 */
#ifndef BENCH_STATES_H
#define BENCH_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peer.h"

#define PAGES_2M	(UINT64_C(1) << 9)
#define PAGES_1G	(UINT64_C(1) << 18)

enum state_id { STATE_W1, STATE_W2, STATE_W3, STATE_D, STATE_M, STATES };

extern const char *const state_name[STATES];

struct span {
	uint64_t first;
	uint64_t end;
	unsigned value;
};

struct spans {
	struct span *span;
	size_t	     n;
	size_t	     room;
};

struct state {
	enum state_id id;
	uint64_t      npages;
	uint8_t	     *value;	/* the oracle */
	struct spans  steps;	/* set these in order, after all private */
	struct spans  runs;	/* maximal runs of one value that is not 0 */
};

void spans_add(struct spans *spans, uint64_t first, uint64_t end, unsigned value);

void state_make(struct state *state, enum state_id id, uint64_t npages);
void state_drop(struct state *state);

/* A map of one implementation in that state. */
void *state_build(const struct state *state, const struct peer *peer, bool for_threads);

/* A store that makes the state: of several attributes in M, of one elsewhere. */
void peer_store(const struct state *state, const struct peer *peer, void *map, uint64_t first,
		uint64_t end, unsigned value);

/* Put the pages whose bit is set back to the state, and clear the bits. */
void state_restore(const struct state *state, const struct peer *peer, void *map,
		   uint64_t *touched);

void *need(void *memory);	/* memory, or the end of the program */

#endif

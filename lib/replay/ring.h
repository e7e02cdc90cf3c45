/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - blocks of steps on their way from the reader to the replays.
 *
 *   R1  Block i is in slot i % RING_BLOCKS; the reader fills it when all replays are
 *       done with block i - RING_BLOCKS.
 *   R2  A replay takes the blocks in order, and one worker at a time has it.
 *
 * Locking: all of struct ring but the steps of a block under its lock. A block's steps
 * are the reader's until ring_give(), then constant.
 */
#ifndef GMS_REPLAY_RING_H
#define GMS_REPLAY_RING_H

#include <pthread.h>

#include "replay/replay.h"

#define RING_BLOCKS	16u
#define RING_STEPS	4096u

struct ring_block {
	size_t n;
	struct replay_step step[RING_STEPS];
};

/* A replay, and how far it is. */
struct ring_lane {
	struct replay replay;
	uint64_t done;		/* blocks */
	bool	 busy;		/* a worker has it */
	bool	 ended;
};

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t  more;	/* for workers: there is something to do, or nothing ever */
	pthread_cond_t  room;	/* for the reader */
	struct ring_block *block;
	struct ring_lane *lane;
	uint32_t nlanes;
	pthread_t *worker;
	uint32_t nworkers;
	uint64_t start_ns;	/* of the trace's time; constant from the first block on */
	uint64_t end_ns;	/* constant when over */
	uint64_t given;		/* blocks */
	bool	 over;		/* the reader gives no more */
	int	 err;		/* the first, of lane[failed] */
	uint32_t failed;
};

/* Starts the workers. 0 or a negative errno: then there is nothing to stop. */
int  ring_start(struct ring *ring, struct ring_lane *lane, uint32_t nlanes, uint32_t nworkers);
/* The block to fill, when there is room; NULL: a replay failed. */
struct ring_block *ring_fill(struct ring *ring);
/* It is filled. start_ns: when the trace begins, the same each time. */
void ring_give(struct ring *ring, uint64_t start_ns);
/* No more blocks: waits until all replays came to the trace's end. The first error. */
int  ring_stop(struct ring *ring, uint64_t start_ns, uint64_t end_ns, bool failed);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workloads.h - what is timed.
 *
 * A workload runs n operations on a map and returns nanoseconds an operation.
 * It prepares its arguments first, then runs a quarter of the operations
 * untimed to bring back what other implementations pushed out of the caches,
 * and then the clock. The same seed gives every implementation the same
 * operations. One that changes the map marks the pages it touched.
 */
#ifndef BENCH_WORKLOADS_H
#define BENCH_WORKLOADS_H

#include <stdbool.h>
#include <stdint.h>

#include "states.h"

#define WORK_CHANGES	(1u << 0)	/* the map must be restored after it */
#define WORK_NO_EXTRA	(1u << 1)	/* not for variants (PEER_EXTRA) */
#define WORK_ONE_STATE	(1u << 2)	/* the state does not matter: W1 only */
#define WORK_LOANS	(1u << 3)	/* for who counts loans */
#define WORK_BACKEND	PEER_BACKEND	/* for peers with what is named attached, ... */
#define WORK_LISTENER	PEER_LISTENER	/* ... and nothing else: none named, none attached */
#define WORK_BOTH	(WORK_BACKEND | WORK_LISTENER)

struct job {
	const struct peer  *peer;
	const struct state *state;
	void		   *map;
	uint64_t	    seed;
	uint64_t	    n;		/* operations wanted */
	uint64_t	   *touched;	/* a bit a page; NULL: nobody wants to know */
};

struct bench;

struct workload {
	const char *id;
	unsigned    flags;
	uint64_t    most;	/* operations of one sample, at most */
	double	  (*run)(const struct job *job);
	/* Instead of run: does all of a state itself. */
	void	  (*measure)(struct bench *bench, const struct state *state);
};

extern const struct workload workloads[];	/* ends with a NULL id */

uint64_t now_ns(void);

/* Keeps the compiler from dropping what computed it. */
extern volatile uint64_t sink;

/* The loops that callgrind counts (instructions.c): out of line, by these names. */
uint64_t counted_lookups(const struct job *job);
void counted_conversions(const struct job *job);

#endif

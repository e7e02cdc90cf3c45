/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threads.h - one or two threads at work on a map for a while.
 *
 * A side looks pages up at random, or shares a page at random and takes it
 * back. The map has the protection it needs: its own (RCU, or none), or a lock
 * around each call.
 */
#ifndef BENCH_THREADS_H
#define BENCH_THREADS_H

#include "bench.h"

#define MAX_TIMED	65536u

enum protection { OWN, MUTEX, RWLOCK };

struct guarded {
	const struct peer *peer;
	void		  *map;
	enum protection	   protection;
	char		   name[32];	/* the peer's, and its lock's */
};

struct side {
	bool	  writes;
	int	  cpu;
	uint64_t  seed;
	uint64_t  first_page;	/* it works on [first_page, first_page + npages) */
	uint64_t  npages;
	uint32_t *timed;	/* room for MAX_TIMED single lookups' ns; NULL: not wanted */

	uint64_t  warm_n;	/* operations done before the clock started */
	uint64_t  n;		/* and after it */
	double	  ns;		/* each of those */
	size_t	  ntimed;
};

/* All sides at once, for run_ns after a quarter as much untimed. */
void threads_run(const struct guarded *on, struct side *side, unsigned n, uint64_t run_ns);

/* Give the pages that a writing side went over the state's values again. */
void threads_restore(const struct guarded *on, const struct side *side,
		     const struct state *state);

void guarded_init(struct guarded *on, const struct peer *peer, void *map,
		  enum protection protection);

#endif

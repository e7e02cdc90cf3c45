/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crew.h - threads that work until the time is up, and say what went wrong.
 *
 * A thread must not fail a Check test by itself: it reports with crew_fail(),
 * which stops the crew, and crew_run() fails the test from the main thread.
 */
#ifndef STRESS_CREW_H
#define STRESS_CREW_H

#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"

#define CREW_MAX	72

struct crew;

struct crew_member {
	struct crew	*crew;
	struct fx_rand	 rand;
	pthread_t	 thread;
	unsigned	 number;	/* among those that do the same */
	uint64_t	 rounds;
	void		(*work)(struct crew_member *me);	/* one round */
	uint64_t	 tally[8];	/* what the test wants summed */
};

struct crew {
	struct gms_space *space;
	struct fx_mem	  mem;
	struct fx_host	 *host;
	atomic_bool	  stop;
	pthread_mutex_t	  lock;		/* guards @broken */
	char		  broken[256];
	unsigned	  nmembers;
	struct crew_member member[CREW_MAX];
};

/* Take @n members on, who call @work round after round. */
void crew_add(struct crew *crew, unsigned n, void (*work)(struct crew_member *me));

/*
 * Let them work for GMS_STRESS_SECONDS (2), then fail the test if one reported
 * something, or if one never finished a round.
 */
void crew_run(struct crew *crew);

uint64_t crew_tally(const struct crew *crew, unsigned which);

__attribute__((__format__(__printf__, 2, 3)))
void crew_fail(struct crew *crew, const char *form, ...);

#endif

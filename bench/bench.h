/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - one run of the benchmark: what was asked for, and who takes part.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"
#include "states.h"
#include "targets.h"
#include "workloads.h"

#define MAX_PEERS	32
#define MAX_SAMPLES	31

struct options {
	const char *only;		/* ids, by commas; NULL: all */
	const char *states;
	const char *impls;
	const char *kernel_peers;	/* the shared object; may be missing */
	uint64_t    guest_pages;
	unsigned    samples;		/* medians of so many */
	uint64_t    sample_ns;		/* about so long each */
	bool	    quick;
	bool	    all;		/* the second table too */
	int	    cpu[2];		/* for one thread, and for the second of W11 */
};

struct contender {
	const struct peer *peer;
	void		  *map;
	uint64_t	   bytes;	/* of metadata, when it had been built */
	uint64_t	   used_bytes;
};

struct bench {
	struct options	  options;
	struct report	  report;
	struct contender  contender[MAX_PEERS];
	size_t		  n;
	uint64_t	 *touched;	/* scratch: a bit a page */
};

/* Is word in a list that is separated by commas? A NULL list holds every word. */
bool listed(const char *list, const char *word);

/* The same for ids of rows and workloads: W6 lists W6-2M, and W11-reader lists W11. */
bool id_listed(const char *list, const char *id);

/*
 * peers.c: fill in the contenders; what is missing goes into the report, and
 * with verify what is wrong too.
 */
void peers_find(struct bench *bench, bool verify);

/* main.c */
double median(double *value, unsigned n);
void warm_memory(uint64_t bytes);
void pin_to(int cpu);
uint64_t malloc_bytes(void);
uint64_t choose_n(const struct bench *bench, const struct workload *work, struct job *job);

/* concurrent.c: W11 in one state */
void concurrent_measure(struct bench *bench, const struct state *state);
void writers_measure(struct bench *bench, const struct state *state);
void writers_listener_measure(struct bench *bench, const struct state *state);

/* touch.c: W15 */
void touch_measure(struct bench *bench, const struct state *state);

/* guest.c: W16 */
void guest_measure(struct bench *bench, const struct state *state);

/* memory.c: W9 */
void memory_measure(struct bench *bench, const struct state *state);
void memory_adversary(struct bench *bench);

/* growth.c: as the guest grows */
void growth_measure(struct bench *bench);

/* instructions.c: callgrind's counts */
void instructions_measure(struct bench *bench);
int  instructions_count(struct bench *bench, const char *what);

#endif

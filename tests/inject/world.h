/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - a small guest with backends and listeners, all on one fuse.
 *
 * Four blocks of 2M around a border of 1 GiB, a hole, and behind it regions of
 * single pages and of blocks; backends in the order A B A. Everything that can be
 * seen of it fits a snapshot of a few words, which is compared after each failure.
 */
#ifndef INJECT_WORLD_H
#define INJECT_WORLD_H

#include "device.h"
#include "fixture.h"

#define WORLD_PLACES	4
#define WORLD_PAGES	(2048 + 300 + 212 + 1024)
#define WORLD_DEVICES	4
#define WORLD_CHANGES	6

struct world_place {
	struct gms_range range;
	unsigned index;			/* of its first page in the arrays of states */
	int	 host;			/* -1: none */
};

struct world_batch {
	struct gms_change change[WORLD_CHANGES];
	size_t	 n;
	struct gms_convert_opts opts;
};

/* What must be as it was: hashes and counts. */
struct world_snap {
	uint64_t runs, folios, pins;
	uint64_t host[2];
	uint64_t device[WORLD_DEVICES];	/* its own view, and what the library says it has */
	uint64_t undo_failures[WORLD_DEVICES];
	struct gms_acct acct;
};

struct world {
	uint64_t number, step;		/* which one, and which batch: for a failure's message */
	const char *doing;
	struct gms_space *space;
	struct fx_mem	  mem;
	struct fx_rand	  rand;
	struct fx_fuse	  fuse;
	struct fx_host	 *host[2];
	struct fx_device *device[WORLD_DEVICES];
	uint32_t  id[WORLD_DEVICES];	/* 0: not added */
	struct world_place place[WORLD_PLACES];
	uint32_t  profile, split, merge;
	bool	  large;		/* the first region is of 1G folios, and larger */
	gms_pin_id pin[4];
	gms_state now[WORLD_PAGES];	/* as world_look() saw it */
	gms_state want[WORLD_PAGES];	/* after the batch */
	uint64_t  logged;		/* lines of GMS_LOG_ERROR */
	struct world_batch batch;	/* the last */
};

void world_begin(struct world *w, uint64_t number);
void world_end(struct world *w);

/* Fail the test, with how to see it again. */
__attribute__((__format__(__printf__, 2, 3), __noreturn__))
void world_fail(const struct world *w, const char *form, ...);

uint64_t world_below(struct world *w, uint64_t bound);
bool world_odds(struct world *w, uint64_t num, uint64_t den);

/* Draw a batch, and what the pages will be after it from what they are. */
void world_draw(struct world *w);
/* Pins come and go. */
void world_repin(struct world *w);
/* Read what the pages are. */
void world_look(struct world *w);

/* Also fails if a contract was broken or if the library and a listener differ. */
void world_snap(struct world *w, struct world_snap *snap);
/*
 * Fail if anything differs but the counters that count attempts. @views: the hosts'
 * and listeners' own views too.
 */
void world_same(const struct world *w, const struct world_snap *a, const struct world_snap *b,
		bool views);
/* Is this counter of attempts, whatever came of them? */
bool world_counts_attempts(uint32_t kind);
/* gms_check(). */
void world_check(const struct world *w);
/* Every page of the hosts and the listeners against the states. */
void world_check_views(struct world *w);

#endif

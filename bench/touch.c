/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * touch.c - W15: what it costs to say that guest memory is touched.
 *
 * An access to a page at random, begun and ended, against a reader's side of a
 * pthread_rwlock around a look at a flat bitmap: what a VMM does that has no more
 * than a lock. Alone (access), and with a copy of the page in between (access-4K),
 * where flat is the bare copy: the ratio is what the guarding costs. access2 is the
 * same by two threads in different GiB.
 *
 * And freezing all of the guest while two threads touch it, each page of which it
 * waits for.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <gmemstate/gmemstate.h>

#include "bench.h"

#define SLICE		64u
#define BUFFER_PAGES	64u	/* what is copied stays in the cache, as a ring's buffers do */

enum way { BARE, LOCK, LIBRARY };

struct place {
	struct gms_space *space;
	uint64_t	 *bits;		/* a bit a page */
	pthread_rwlock_t  lock;
	uint64_t	  npages;
	unsigned char	 *memory;
};

struct toucher {
	struct place *place;
	enum way  way;
	bool	  copies;
	int	  cpu;
	uint64_t  first_page;
	uint64_t  npages;
	uint64_t  run_ns;	/* 0: until it is told to stop */
	atomic_bool *stop;
	pthread_t thread;
	double	  ns;
	unsigned char page[4096];
};

static void copy(struct toucher *t, uint64_t page)
{
	if (t->copies)
		memcpy(&t->place->memory[page % BUFFER_PAGES * 4096], t->page, 4096);
}

static uint64_t touch(struct toucher *t, uint64_t page)
{
	struct place *place = t->place;
	struct gms_access access;
	uint64_t got = 0;

	switch (t->way) {
	case BARE:
		copy(t, page);
		break;
	case LOCK:
		pthread_rwlock_rdlock(&place->lock);
		got = place->bits[page / 64] >> page % 64 & 1;
		if (got)
			copy(t, page);
		pthread_rwlock_unlock(&place->lock);
		break;
	case LIBRARY:
		if (gms_access_begin(place->space, (struct gms_range){ page, 1 },
				     GMS_ACCESS_WRITE, GMS_FOREVER, &access))
			break;
		got = 1;
		copy(t, page);
		gms_access_end(place->space, &access);
	}
	return got;
}

static uint64_t slice(struct toucher *t, uint64_t *x)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SLICE; i++) {
		*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		sum += touch(t, t->first_page +
			     (uint64_t)((unsigned __int128)*x * t->npages >> 64));
	}
	return sum;
}

static void *work(void *arg)
{
	struct toucher *t = arg;
	uint64_t x = t->first_page + 1, n = 0, sum = 0, start;

	pin_to(t->cpu);
	for (start = now_ns(); t->run_ns && now_ns() - start < t->run_ns / 4;)
		sum += slice(t, &x);
	start = now_ns();
	do {
		sum += slice(t, &x);
		n += SLICE;
	} while (t->run_ns ? now_ns() - start < t->run_ns : !atomic_load(t->stop));
	t->ns = (double)(now_ns() - start) / (double)n;
	sink = sum;
	return NULL;
}

/* Nanoseconds of one, by as many threads, each in its own part of the guest. */
static double sample(const struct bench *bench, struct place *place, enum way way, bool copies,
		     unsigned nthreads)
{
	static struct toucher t[2];
	double ns = 0;

	for (unsigned i = 0; i < nthreads; i++) {
		const uint64_t npages = place->npages / nthreads;

		t[i] = (struct toucher){ .place = place, .way = way, .copies = copies,
					 .cpu = bench->options.cpu[i], .first_page = i * npages,
					 .npages = npages, .run_ns = bench->options.sample_ns };
		if (pthread_create(&t[i].thread, NULL, work, &t[i]))
			abort();
	}
	for (unsigned i = 0; i < nthreads; i++) {
		pthread_join(t[i].thread, NULL);
		ns += t[i].ns / nthreads;
	}
	return ns;
}

/* All of the guest is frozen, and thawed, while two threads are at it. */
static double freeze(const struct bench *bench, struct place *place)
{
	const struct gms_range all = { 0, place->npages };
	const struct timespec while_ns = { 0, 2000000 };
	static struct toucher t[2];
	atomic_bool stop = false;
	uint64_t start, took;

	for (unsigned i = 0; i < 2; i++) {
		t[i] = (struct toucher){ .place = place, .way = LIBRARY, .copies = true,
					 .cpu = bench->options.cpu[i],
					 .first_page = i * place->npages / 2,
					 .npages = place->npages / 2, .stop = &stop };
		if (pthread_create(&t[i].thread, NULL, work, &t[i]))
			abort();
	}
	nanosleep(&while_ns, NULL);
	start = now_ns();
	if (gms_freeze(place->space, all, GMS_FOREVER, NULL))
		abort();
	took = now_ns() - start;
	nanosleep(&while_ns, NULL);
	if (gms_thaw(place->space, all, NULL))
		abort();
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i].thread, NULL);
	return (double)took;
}

static const struct peer *peer_of(const struct bench *bench, const char *name)
{
	for (size_t i = 0; i < bench->n; i++) {
		const struct peer *peer = bench->contender[i].peer;

		if (!(peer->flags & PEER_ATTACHED) && !strcmp(peer->name, name))
			return peer;
	}
	return NULL;
}

static void place_make(struct place *place, const struct state *state)
{
	struct gms_region_opts region;
	struct gms_space_opts opts;

	memset(place, 0, sizeof(*place));
	place->npages = state->npages;
	place->bits = need(malloc(state->npages / 8));
	place->memory = need(malloc(BUFFER_PAGES * 4096));
	memset(place->bits, 0xff, state->npages / 8);
	memset(place->memory, 1, BUFFER_PAGES * 4096);
	pthread_rwlock_init(&place->lock, NULL);
	GMS_INIT(&opts);
	opts.flags = GMS_SPACE_ACCESS;
	GMS_INIT(&region);
	region.npages = state->npages;
	region.state = GMS_STATE_SHARED;
	if (gms_space_new(&place->space, &opts) ||
	    gms_region_add(place->space, &region, NULL))
		abort();
}

void touch_measure(struct bench *bench, const struct state *state)
{
	static const struct {
		const char *id;
		bool	    copies;
		unsigned    nthreads;
	} rows[] = {
		{ "W15-access", false, 1 }, { "W15-access2", false, 2 },
		{ "W15-access-4K", true, 1 }, { "W15-access2-4K", true, 2 },
	};
	const struct peer *flat = peer_of(bench, "flat"), *ours = peer_of(bench, "gmemstate");
	static const char *const name[] = { "flat", "flat+rwlock", "gmemstate" };
	const uint64_t gib = state->npages / PAGES_1G;
	double value[3][MAX_SAMPLES];
	struct place place;

	if (!flat || !ours)
		return;
	place_make(&place, state);
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		for (unsigned k = 0; k < bench->options.samples; k++)
			for (int way = rows[r].copies ? BARE : LOCK; way <= LIBRARY; way++)
				value[way][k] = sample(bench, &place, way, rows[r].copies,
						       rows[r].nthreads);
		for (int way = rows[r].copies ? BARE : LOCK; way <= LIBRARY; way++)
			report_add(&bench->report, rows[r].id, state_name[state->id], name[way],
				   way == LIBRARY ? ours : flat, UNIT_NS,
				   median(value[way], bench->options.samples), gib);
	}
	for (unsigned k = 0; k < bench->options.samples; k++)
		value[0][k] = freeze(bench, &place);
	report_add(&bench->report, "W15-freeze", state_name[state->id], "gmemstate", ours, UNIT_NS,
		   median(value[0], bench->options.samples), gib);
	gms_space_free(place.space);
	pthread_rwlock_destroy(&place.lock);
	free(place.memory);
	free(place.bits);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * threads.c - the loops of threads.h, and what starts and stops them.
 */
#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SLICE	64u	/* operations between two looks at the phase */

enum phase { WARM, TIMED, STOP };

/* What all sides of one run share. */
struct arena {
	const struct guarded *on;
	pthread_mutex_t	      mutex;
	pthread_rwlock_t      rwlock;
	pthread_barrier_t     barrier;
	_Atomic int	      phase;	/* enum phase */
};

struct worker {
	struct arena *arena;
	struct side  *side;
	pthread_t     thread;
};

static unsigned read_page(struct arena *a, uint64_t page)
{
	const struct guarded *on = a->on;
	const struct peer *peer = on->peer;
	unsigned got;

	switch (on->protection) {
	case MUTEX:
		pthread_mutex_lock(&a->mutex);
		got = peer->get(on->map, page);
		pthread_mutex_unlock(&a->mutex);
		return got;
	case RWLOCK:
		pthread_rwlock_rdlock(&a->rwlock);
		got = peer->get(on->map, page);
		pthread_rwlock_unlock(&a->rwlock);
		return got;
	default:
		return peer->get_mt ? peer->get_mt(on->map, page) : peer->get(on->map, page);
	}
}

static void write_page(struct arena *a, uint64_t page, unsigned shared)
{
	const struct guarded *on = a->on;
	const struct peer *peer = on->peer;

	switch (on->protection) {
	case MUTEX:
		pthread_mutex_lock(&a->mutex);
		peer->set(on->map, page, page + 1, shared);
		pthread_mutex_unlock(&a->mutex);
		break;
	case RWLOCK:
		pthread_rwlock_wrlock(&a->rwlock);
		peer->set(on->map, page, page + 1, shared);
		pthread_rwlock_unlock(&a->rwlock);
		break;
	default:
		(peer->set_mt ? peer->set_mt : peer->set)(on->map, page, page + 1, shared);
	}
}

static uint64_t next_page(uint64_t *x, const struct side *side)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return side->first_page + (uint64_t)((unsigned __int128)*x * side->npages >> 64);
}

static enum phase phase_of(struct arena *a)
{
	return atomic_load_explicit(&a->phase, memory_order_relaxed);
}

/* The time of single lookups is not part of the mean. */
static void read_pages(struct arena *a, struct side *side)
{
	uint64_t x = side->seed, sum = 0, timing = 0, start;

	for (; phase_of(a) == WARM; side->warm_n++)
		sum += read_page(a, next_page(&x, side));
	start = now_ns();
	do {
		const uint64_t before = now_ns();

		sum += read_page(a, next_page(&x, side));
		if (side->timed && side->ntimed < MAX_TIMED)
			side->timed[side->ntimed++] = (uint32_t)(now_ns() - before);
		timing += now_ns() - before;
		for (unsigned i = 0; i < SLICE; i++)
			sum += read_page(a, next_page(&x, side));
		side->n += SLICE;
	} while (phase_of(a) == TIMED);
	side->ns = (double)(now_ns() - start - timing) / (double)side->n;
	sink = sum;
}

static uint64_t write_slices(struct arena *a, struct side *side, uint64_t *x, enum phase during)
{
	uint64_t n = 0;

	do {
		for (unsigned i = 0; i < SLICE; i += 2) {
			const uint64_t page = next_page(x, side);

			write_page(a, page, 1);
			write_page(a, page, 0);
		}
		n += SLICE;
	} while (phase_of(a) == during);
	return n;
}

static void write_pages(struct arena *a, struct side *side)
{
	uint64_t x = side->seed, start;

	side->warm_n = write_slices(a, side, &x, WARM);
	start = now_ns();
	side->n = write_slices(a, side, &x, TIMED);
	side->ns = (double)(now_ns() - start) / (double)side->n;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct arena *a = worker->arena;
	const struct peer *peer = a->on->peer;

	pin_to(worker->side->cpu);
	if (peer->thread_begin)
		peer->thread_begin();
	pthread_barrier_wait(&a->barrier);
	(worker->side->writes ? write_pages : read_pages)(a, worker->side);
	if (peer->thread_end)
		peer->thread_end();
	return NULL;
}

void threads_run(const struct guarded *on, struct side *side, unsigned n, uint64_t run_ns)
{
	const struct timespec warm = { 0, (long)run_ns / 4 }, timed = { 0, (long)run_ns };
	struct arena a = { .on = on };
	struct worker worker[2];

	pthread_mutex_init(&a.mutex, NULL);
	pthread_rwlock_init(&a.rwlock, NULL);
	pthread_barrier_init(&a.barrier, NULL, n + 1);
	for (unsigned i = 0; i < n; i++) {
		worker[i].arena = &a;
		worker[i].side = &side[i];
		if (pthread_create(&worker[i].thread, NULL, work, &worker[i])) {
			fputs("bench: no thread\n", stderr);
			exit(1);
		}
	}
	pthread_barrier_wait(&a.barrier);
	nanosleep(&warm, NULL);
	a.phase = TIMED;
	nanosleep(&timed, NULL);
	a.phase = STOP;
	for (unsigned i = 0; i < n; i++)
		pthread_join(worker[i].thread, NULL);
	pthread_barrier_destroy(&a.barrier);
	pthread_rwlock_destroy(&a.rwlock);
	pthread_mutex_destroy(&a.mutex);
}

void threads_restore(const struct guarded *on, const struct side *side, const struct state *state)
{
	uint64_t x = side->seed;

	for (uint64_t i = 0; side->writes && i < side->warm_n + side->n; i += 2) {
		const uint64_t page = next_page(&x, side);

		if (state->value[page])		/* the writer left it 0 */
			peer_store(state, on->peer, on->map, page, page + 1, state->value[page]);
	}
	if (side->writes && on->peer->optimize)
		on->peer->optimize(on->map);
}

void guarded_init(struct guarded *on, const struct peer *peer, void *map,
		  enum protection protection)
{
	static const char *const suffix[] = { "", "+mutex", "+rwlock" };

	*on = (struct guarded){ peer, map, protection, "" };
	snprintf(on->name, sizeof(on->name), "%s%s", peer->name, suffix[protection]);
}

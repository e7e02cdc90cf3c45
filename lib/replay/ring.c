/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.c - blocks of steps on their way from the reader to the replays; see ring.h.
 */
#include "replay/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* The replay that is behind the others, of those that nobody has and can go on. */
static struct ring_lane *pick(const struct ring *ring)
{
	struct ring_lane *found = NULL;

	for (uint32_t i = 0; i < ring->nlanes; i++) {
		struct ring_lane *lane = &ring->lane[i];

		if (lane->busy || lane->ended)
			continue;
		if (lane->done == ring->given && !ring->over)
			continue;
		if (!found || lane->done < found->done)
			found = lane;
	}
	return found;
}

static bool all_ended(const struct ring *ring)
{
	for (uint32_t i = 0; i < ring->nlanes; i++) {
		if (!ring->lane[i].ended)
			return false;
	}
	return true;
}

static uint64_t done_by_all(const struct ring *ring)
{
	uint64_t done = ring->given;

	for (uint32_t i = 0; i < ring->nlanes; i++) {
		if (ring->lane[i].done < done)
			done = ring->lane[i].done;
	}
	return done;
}

static double cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int work_on(const struct ring *ring, struct ring_lane *lane, bool at_end)
{
	const struct ring_block *block = &ring->block[lane->done % RING_BLOCKS];
	const double before = cpu_seconds();
	int err;

	if (at_end)
		err = replay_end(&lane->replay, ring->start_ns, ring->end_ns);
	else
		err = replay_steps(&lane->replay, ring->start_ns, block->step, block->n);
	lane->replay.report->replay_seconds += cpu_seconds() - before;
	return err;
}

static void *work(void *arg)
{
	struct ring *ring = arg;
	struct ring_lane *lane;
	bool at_end;
	int err;

	pthread_mutex_lock(&ring->lock);
	while (!ring->err && !all_ended(ring)) {
		lane = pick(ring);
		if (!lane) {
			pthread_cond_wait(&ring->more, &ring->lock);
			continue;
		}
		at_end = lane->done == ring->given;
		lane->busy = true;
		pthread_mutex_unlock(&ring->lock);
		err = work_on(ring, lane, at_end);
		pthread_mutex_lock(&ring->lock);
		lane->busy = false;
		lane->done += !at_end;
		lane->ended = at_end;
		if (err && !ring->err) {
			ring->err = err;
			ring->failed = (uint32_t)(lane - ring->lane);
		}
		pthread_cond_signal(&ring->room);
		pthread_cond_broadcast(&ring->more);
	}
	pthread_mutex_unlock(&ring->lock);
	return NULL;
}

static void join_all(struct ring *ring)
{
	for (uint32_t i = 0; i < ring->nworkers; i++)
		pthread_join(ring->worker[i], NULL);
	free(ring->worker);
	free(ring->block);
}

int ring_start(struct ring *ring, struct ring_lane *lane, uint32_t nlanes, uint32_t nworkers)
{
	int err = 0;

	*ring = (struct ring){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.more = PTHREAD_COND_INITIALIZER,
		.room = PTHREAD_COND_INITIALIZER,
		.lane = lane, .nlanes = nlanes,
	};
	ring->block = malloc(RING_BLOCKS * sizeof(*ring->block));
	ring->worker = calloc(nworkers, sizeof(*ring->worker));
	if (!ring->block || !ring->worker)
		err = -ENOMEM;
	while (!err && ring->nworkers < nworkers) {
		err = -pthread_create(&ring->worker[ring->nworkers], NULL, work, ring);
		ring->nworkers += !err;
	}
	/* Fewer do it as well. */
	if (ring->nworkers)
		return 0;
	free(ring->worker);
	free(ring->block);
	return err;
}

struct ring_block *ring_fill(struct ring *ring)
{
	struct ring_block *block;

	pthread_mutex_lock(&ring->lock);
	while (!ring->err && ring->given - done_by_all(ring) == RING_BLOCKS)
		pthread_cond_wait(&ring->room, &ring->lock);
	block = ring->err ? NULL : &ring->block[ring->given % RING_BLOCKS];
	pthread_mutex_unlock(&ring->lock);
	if (block)
		block->n = 0;
	return block;
}

void ring_give(struct ring *ring, uint64_t start_ns)
{
	pthread_mutex_lock(&ring->lock);
	if (!ring->given++)
		ring->start_ns = start_ns;
	pthread_cond_broadcast(&ring->more);
	pthread_mutex_unlock(&ring->lock);
}

int ring_stop(struct ring *ring, uint64_t start_ns, uint64_t end_ns, bool failed)
{
	pthread_mutex_lock(&ring->lock);
	if (!ring->given)
		ring->start_ns = start_ns;
	ring->end_ns = end_ns;
	ring->over = true;
	if (failed && !ring->err)
		ring->err = -ECANCELED;
	pthread_cond_broadcast(&ring->more);
	pthread_mutex_unlock(&ring->lock);
	join_all(ring);
	pthread_mutex_destroy(&ring->lock);
	pthread_cond_destroy(&ring->more);
	pthread_cond_destroy(&ring->room);
	return ring->err;
}

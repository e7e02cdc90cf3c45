/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.h - mutexes with a rank, so that the lock order is data.
 *
 * A thread takes locks in ascending (rank, index); a build with --enable-debug
 * traps at the first that is not. Nothing that a lock-free reader does comes
 * near here.
 */
#ifndef GMS_BASE_LOCK_H
#define GMS_BASE_LOCK_H

#include <pthread.h>
#include <stdint.h>

enum gms__rank {
	GMS__RANK_COLLECT = 1,	/* the requests that a collector gathers */
	GMS__RANK_PARK,		/* the queue of parked conversions */
	GMS__RANK_LARGE,	/* the one large conversion there may be at a time */
	GMS__RANK_STRIPE,	/* state of the GiB blocks of one stripe; index = stripe */
	GMS__RANK_LOANS,	/* the loans that cross a GiB */
	GMS__RANK_LISTENER,	/* a listener's calls; index = place */
	GMS__RANK_ACCESS,	/* the accesses of one shard; index = shard */
	GMS__RANK_QUEUE,	/* conversions that wait for accesses */
	GMS__RANK_FAULTS,	/* the faults of a space */
	GMS__RANK_CLAIMS,	/* the pins of one shard; index = shard */
	GMS__RANK_PALETTE,	/* the states in use */
	GMS__RANK_POOL,		/* free lists */
	GMS__RANK_LEDGER,	/* exposure */
	GMS__RANK_MODEL,	/* what a model of a host remembers */
};

struct gms__lock {
	pthread_mutex_t	mutex;
	uint32_t	rank;
	uint32_t	index;
};

int  gms__lock_init(struct gms__lock *lock, enum gms__rank rank, uint32_t index);
void gms__lock_fini(struct gms__lock *lock);
void gms__lock(struct gms__lock *lock);
void gms__unlock(struct gms__lock *lock);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.c - mutexes with a rank; see lock.h.
 */
#include "base/lock.h"

#include "base/debug.h"

#ifdef GMS_DEBUG
/*
 * The order is checked on the way in only: locks are dropped in any order, so
 * a thread's held locks are counted by place, highest last.
 */
static _Thread_local uint64_t held[128];
static _Thread_local unsigned nheld;

static void order_enter(const struct gms__lock *lock)
{
	const uint64_t place = (uint64_t)lock->rank << 32 | lock->index;

	gms__assert(nheld < 128);
	gms__assert(!nheld || held[nheld - 1] < place);
	held[nheld++] = place;
}

static void order_leave(const struct gms__lock *lock)
{
	const uint64_t place = (uint64_t)lock->rank << 32 | lock->index;
	unsigned i = nheld;

	while (i && held[i - 1] != place)
		i--;
	gms__assert(i);
	for (; i < nheld; i++)
		held[i - 1] = held[i];
	nheld--;
}
#else
static void order_enter(const struct gms__lock *lock) { (void)lock; }
static void order_leave(const struct gms__lock *lock) { (void)lock; }
#endif

int gms__lock_init(struct gms__lock *lock, enum gms__rank rank, uint32_t index)
{
	lock->rank = rank;
	lock->index = index;
	return -pthread_mutex_init(&lock->mutex, NULL);
}

void gms__lock_fini(struct gms__lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

void gms__lock(struct gms__lock *lock)
{
	order_enter(lock);
	pthread_mutex_lock(&lock->mutex);
}

void gms__unlock(struct gms__lock *lock)
{
	pthread_mutex_unlock(&lock->mutex);
	order_leave(lock);
}

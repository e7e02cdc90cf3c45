/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.c - wait under a lock; see wait.h.
 */
#include "base/wait.h"

#include <time.h>

#include <gmemstate/types.h>

#define SECOND	UINT64_C(1000000000)

bool gms__cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int err = pthread_condattr_init(&attr);

	if (err)
		return false;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	err = pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
	return !err;
}

void gms__cond_fini(pthread_cond_t *cond)
{
	pthread_cond_destroy(cond);
}

bool gms__cond_wait(pthread_cond_t *cond, struct gms__lock *lock, uint64_t until_ns)
{
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / SECOND), .tv_nsec = (long)(until_ns % SECOND),
	};

	if (until_ns == GMS_FOREVER)
		return !pthread_cond_wait(cond, &lock->mutex);
	return !pthread_cond_timedwait(cond, &lock->mutex, &until);
}

void gms__cond_wake(pthread_cond_t *cond)
{
	pthread_cond_signal(cond);
}

void gms__cond_wake_all(pthread_cond_t *cond)
{
	pthread_cond_broadcast(cond);
}

uint64_t gms__clock_ns(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

uint64_t gms__clock_after(uint64_t ns)
{
	const uint64_t now = gms__clock_ns();

	return ns < GMS_FOREVER - now ? now + ns : GMS_FOREVER;
}

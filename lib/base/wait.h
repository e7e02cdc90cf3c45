/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.h - wait under a lock, until somebody says so or a time is over.
 *
 * Times are of the monotonic clock, which the C library reads without a system
 * call where it can. Nobody reads it who does not wait.
 *
 * Locking: who waits holds the lock, which is let go meanwhile.
 */
#ifndef GMS_BASE_WAIT_H
#define GMS_BASE_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

/* false: the system has no room for one. */
bool gms__cond_init(pthread_cond_t *cond);
void gms__cond_fini(pthread_cond_t *cond);
/* false: it is past until_ns. It may return for no reason. */
bool gms__cond_wait(pthread_cond_t *cond, struct gms__lock *lock, uint64_t until_ns);
void gms__cond_wake(pthread_cond_t *cond);
void gms__cond_wake_all(pthread_cond_t *cond);

uint64_t gms__clock_ns(void);
/* When so much time is over; GMS_FOREVER for what never is. */
uint64_t gms__clock_after(uint64_t ns);

#endif

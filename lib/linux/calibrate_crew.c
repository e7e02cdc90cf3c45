/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibrate_crew.c - threads that run beside while something is measured.
 *
 * A flush interrupts every CPU on which a thread of the process runs, so these do
 * nothing but run, each bound to a CPU of its own that is not the caller's. Where
 * threads can not be bound the scheduler spreads them, as it does a VMM's.
 */
#define _GNU_SOURCE	/* pthread_attr_setaffinity_np */
#include "linux/calibrate.h"

#include <errno.h>
#include <signal.h>

int gms__calib_cpu(const struct gms__calib *calib, unsigned int n)
{
	int cpu = calib->cpu;

	if (cpu < 0)
		return -1;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		cpu = (cpu + 1) % CPU_SETSIZE;
		if (CPU_ISSET(cpu, &calib->allowed) && !n--)
			return cpu;
	}
	return calib->cpu;
}

static void *run_beside(void *arg)
{
	struct gms__calib_crew *crew = arg;

	atomic_fetch_add(&crew->running, 1);
	while (!atomic_load_explicit(&crew->stop, memory_order_relaxed))
		;
	return NULL;
}

int gms__calib_thread(const struct gms__calib *calib, unsigned int n, pthread_t *thread,
		      void *(*body)(void *arg), void *arg)
{
	const int cpu = gms__calib_cpu(calib, n);
	sigset_t all, before;
	pthread_attr_t attr;
	cpu_set_t one;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return -rc;
	if (cpu >= 0) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		rc = pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
	}
	sigfillset(&all);
	if (!rc)
		rc = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!rc) {
		rc = pthread_create(thread, &attr, body, arg);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attr);
	return -rc;
}

int gms__calib_crew_start(struct gms__calib *calib, unsigned int n)
{
	struct gms__calib_crew *crew = &calib->crew;
	int rc = 0;

	atomic_init(&crew->running, 0);
	atomic_init(&crew->stop, false);
	crew->nthreads = 0;
	while (!rc && crew->nthreads < n) {
		rc = gms__calib_thread(calib, crew->nthreads, &crew->thread[crew->nthreads],
				       run_beside, crew);
		crew->nthreads += !rc;
	}
	if (rc) {
		gms__calib_crew_stop(crew);
		return rc;
	}
	while (atomic_load(&crew->running) < n)
		sched_yield();
	return 0;
}

void gms__calib_crew_stop(struct gms__calib_crew *crew)
{
	atomic_store(&crew->stop, true);
	for (unsigned int i = 0; i < crew->nthreads; i++)
		pthread_join(crew->thread[i], NULL);
	crew->nthreads = 0;
}

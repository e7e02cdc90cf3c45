/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crew.c - threads that work until the time is up, and say what went wrong.
 */
#include "crew.h"

#include <stdarg.h>
#include <time.h>

void crew_add(struct crew *crew, unsigned n, void (*work)(struct crew_member *me))
{
	for (unsigned i = 0; i < n; i++) {
		struct crew_member *member = &crew->member[crew->nmembers];

		ck_assert_uint_lt(crew->nmembers, CREW_MAX);
		member->crew = crew;
		member->number = i;
		member->work = work;
		fx_rand_init(&member->rand, fx_seed(), crew->nmembers++);
	}
}

void crew_fail(struct crew *crew, const char *form, ...)
{
	va_list args;

	pthread_mutex_lock(&crew->lock);
	if (!crew->broken[0]) {
		va_start(args, form);
		vsnprintf(crew->broken, sizeof(crew->broken), form, args);
		va_end(args);
	}
	pthread_mutex_unlock(&crew->lock);
	atomic_store(&crew->stop, true);
}

static void *work(void *arg)
{
	struct crew_member *me = arg;

	while (!atomic_load_explicit(&me->crew->stop, memory_order_relaxed)) {
		me->work(me);
		me->rounds++;
	}
	return NULL;
}

void crew_run(struct crew *crew)
{
	const uint64_t seconds = fx_env_u64("GMS_STRESS_SECONDS", 1);
	const struct timespec tick = { 0, 20 * 1000 * 1000 };

	pthread_mutex_init(&crew->lock, NULL);
	for (unsigned i = 0; i < crew->nmembers; i++)
		ck_assert_int_eq(pthread_create(&crew->member[i].thread, NULL, work,
						&crew->member[i]), 0);
	for (uint64_t i = 0; i < seconds * 50 && !atomic_load(&crew->stop); i++)
		nanosleep(&tick, NULL);
	atomic_store(&crew->stop, true);
	for (unsigned i = 0; i < crew->nmembers; i++)
		pthread_join(crew->member[i].thread, NULL);
	ck_assert_msg(!crew->broken[0], "%s", crew->broken);
	for (unsigned i = 0; i < crew->nmembers; i++)
		ck_assert_msg(crew->member[i].rounds, "thread %u did nothing", i);
	if (crew->host)
		ck_assert_msg(!crew->host->broken[0], "backend contract: %s", crew->host->broken);
	pthread_mutex_destroy(&crew->lock);
}

uint64_t crew_tally(const struct crew *crew, unsigned which)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < crew->nmembers; i++)
		sum += crew->member[i].tally[which];
	return sum;
}

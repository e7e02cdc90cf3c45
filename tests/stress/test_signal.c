/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_signal.c - a signal handler asks while its own thread converts.
 *
 * The handler may interrupt a writer at any instruction, with its locks held
 * and its sequence odd. Every reading call must come back, and see of each page
 * its old or its new state. It also keeps a copy by gms_diff(), which is what the space
 * is when all is over: although a handler may come between a change and its stamp.
 */
#include "crew.h"

#include <signal.h>
#include <time.h>

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define MARK	(S | GMS_STATE_USER0 | GMS_STATE_USER1)

static struct gms_space *space;
static atomic_uint_fast64_t asked, wrong, retries;
static atomic_bool stop;

/* The handler's own, until the writer is done. */
#define WATCHED		FX_RANGE(FX_1G - 700, 1400)
static gms_state copy[1400];
static uint64_t copied_to;	/* the generation */

static bool follow(void)
{
	const struct gms_range watched = WATCHED;
	struct gms_iter it;
	struct gms_run run;
	uint64_t now;

	if (gms_generation(space, &now) || gms_diff(space, copied_to, &it))
		return false;
	while (gms_iter_next(&it, &run)) {
		for (uint64_t i = 0; i < watched.npages; i++) {
			if (watched.first + i - run.first < run.npages)
				copy[i] = run.state;
		}
	}
	copied_to = now;
	return true;
}

static bool known(gms_state state)
{
	return state == D || state == (D | MARK);
}

static void ask(int signo)
{
	const struct gms_range range = WATCHED;
	uint64_t seq = gms_read_begin(space, range), count, seen = 0;
	struct gms_gup_answer answer;
	struct gms_region region;
	struct gms_folio folio;
	struct gms_acct acct;
	struct gms_iter it;
	struct gms_run run;
	gms_gfn gfn;
	bool same, bad = false;

	(void)signo;
	GMS_INIT(&answer);
	GMS_INIT(&region);
	GMS_INIT(&acct);
	bad |= !known(gms_state_at(space, range.first));
	bad |= gms_run_at(space, FX_1G, GMS_STATE_ALL, &run) || !known(run.state);
	bad |= gms_iter_init(&it, space, range, GMS_STATE_ALL);
	while (gms_iter_next(&it, &run)) {
		bad |= !known(run.state);
		seen += run.npages;
	}
	bad |= seen != range.npages;
	bad |= gms_count(space, range, MARK, S, &count) || count;
	bad |= gms_find(space, range, MARK, GMS_STATE_USER0, &gfn) != -ENOENT;
	bad |= gms_uniform(space, range, S, &same);
	bad |= gms_map_order(space, range.first, S) > 18;
	bad |= gms_gup_query(space, range, 0, &answer) ||
	       answer.eligible_pages + answer.refused_pages != range.npages;
	bad |= gms_folio_at(space, range.first, &folio) || folio.first > range.first;
	bad |= gms_region_get(space, range.first, &region) || region.first;
	bad |= gms_gfn_of(space, region.page_hva, &gfn) || gfn != range.first;
	bad |= gms_acct_read(space, &acct) || acct.pages != 2 * FX_1G;
	bad |= !follow();
	atomic_fetch_add(&retries, gms_read_retry(space, range, seq));
	atomic_fetch_add(&wrong, bad);
	atomic_fetch_add(&asked, 1);
}

static void *convert(void *arg)
{
	struct fx_rand rand;

	(void)arg;
	fx_rand_init(&rand, fx_seed(), 0);
	while (!atomic_load(&stop)) {
		const bool share = fx_rand_odds(&rand, 1, 2);
		const struct gms_change one = {
			FX_RANGE(FX_1G - 700 + fx_rand_below(&rand, 700),
				 1 + fx_rand_below(&rand, 700)),
			share ? MARK : 0, share ? 0 : MARK,
		};
		gms_pin_id id;

		if (gms_convert(space, &one, 1, NULL, NULL))
			atomic_fetch_add(&wrong, 1);
		if (share && !gms_pin(space, one.range, 0, 1, &id, NULL) && gms_unpin(space, id))
			atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

START_TEST(a_handler_reads_while_its_thread_converts)
{
	const uint64_t seconds = fx_env_u64("GMS_STRESS_SECONDS", 2);
	const struct timespec tick = { 0, 100 * 1000 };
	struct sigaction action = { .sa_handler = ask, .sa_flags = SA_RESTART };
	struct gms_space_opts opts;
	struct timespec begin, now;
	struct fx_mem mem;
	pthread_t writer;
	unsigned differ = 0;

	fx_mem_init(&mem);
	GMS_INIT(&opts);
	opts.mem = &mem.ops;
	opts.flags = GMS_SPACE_TRACK_CHANGES;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	fx_region(space, FX_RANGE(0, 2 * FX_1G), 18, D, NULL);
	sigemptyset(&action.sa_mask);
	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	ck_assert_int_eq(pthread_create(&writer, NULL, convert, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		ck_assert_int_eq(pthread_kill(writer, SIGUSR1), 0);
		nanosleep(&tick, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((uint64_t)(now.tv_sec - begin.tv_sec) < seconds);
	atomic_store(&stop, true);
	pthread_join(writer, NULL);
	ck_assert_uint_eq(atomic_load(&wrong), 0);
	ck_assert_uint_gt(atomic_load(&asked), 0);
	ck_assert_msg(atomic_load(&retries), "no signal ever met a conversion: nothing was tested");
	ck_assert(follow());
	for (unsigned i = 0; i < 1400; i++)
		differ += copy[i] != gms_state_at(space, FX_1G - 700 + i);
	ck_assert_uint_eq(differ, 0);
	fx_space_done(space, &mem);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("signal");
	TCase *tc = fx_case(s, "handler");

	fx_seed();
	tcase_add_test(tc, a_handler_reads_while_its_thread_converts);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers beside a writer that turns pages of one checkered 2 MiB block: every
 * run they get holds the page it was asked for, and a walk leaves no gap.
 */
#include "fixture.h"

#include <pthread.h>

static struct gms_space *space;
static bool stop;

static void *turn_pages(void *ctx)
{
	struct fx_rand rand;

	(void)ctx;
	fx_rand_init(&rand, 1, 5);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		const struct gms_range range = FX_RANGE(fx_rand_below(&rand, FX_2M - 3),
							1 + fx_rand_below(&rand, 3));

		if (gms_share(space, range, NULL) || gms_unshare(space, range, NULL))
			abort();
		for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++)
			if ((gfn & 1) && gms_share(space, FX_RANGE(gfn, 1), NULL))
				abort();
	}
	return NULL;
}

START_TEST(runs_hold_what_was_asked_for)
{
	const uint64_t rounds = UINT64_C(100000) / fx_slowdown();
	struct gms_iter it;
	struct gms_run run;
	pthread_t writer;

	space = fx_plain_space(NULL);
	fx_region(space, FX_RANGE(0, FX_2M), 0, GMS_STATE_DIRECT_MAP, NULL);
	for (gms_gfn gfn = 1; gfn < FX_2M; gfn += 2)
		ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	ck_assert_int_eq(pthread_create(&writer, NULL, turn_pages, NULL), 0);
	for (uint64_t i = 0; i < rounds; i++) {
		const gms_gfn gfn = i * 7 % FX_2M;

		ck_assert_int_eq(gms_run_at(space, gfn, GMS_STATE_SHARED, &run), 0);
		ck_assert_msg(run.first <= gfn && gfn - run.first < run.npages,
			      "the run of 0x%" PRIx64 " is 0x%" PRIx64 "+%" PRIu64, gfn, run.first,
			      run.npages);
		if (i % 64)
			continue;
		gms_gfn next = 0;

		ck_assert_int_eq(gms_iter_init(&it, space, FX_RANGE(0, FX_2M), GMS_STATE_SHARED), 0);
		while (gms_iter_next(&it, &run)) {
			ck_assert_uint_eq(run.first, next);
			ck_assert_uint_gt(run.npages, 0);
			next += run.npages;
		}
		ck_assert_uint_eq(next, FX_2M);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(writer, NULL), 0);
	fx_check(space);
	gms_space_free(space);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plane");

	tcase_add_test(fx_case(s, "readers"), runs_hold_what_was_asked_for);
	return fx_run(s);
}

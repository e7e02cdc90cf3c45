/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/base/lock.c: debug builds trap on a broken order. */
#include <signal.h>

#include "fixture.h"

#include "base/lock.h"

static struct gms__lock stripe3, stripe5, pool;

static void setup(void)
{
	ck_assert_int_eq(gms__lock_init(&stripe3, GMS__RANK_STRIPE, 3), 0);
	ck_assert_int_eq(gms__lock_init(&stripe5, GMS__RANK_STRIPE, 5), 0);
	ck_assert_int_eq(gms__lock_init(&pool, GMS__RANK_POOL, 0), 0);
}

static void teardown(void)
{
	gms__lock_fini(&stripe3);
	gms__lock_fini(&stripe5);
	gms__lock_fini(&pool);
}

START_TEST(ascending_locks_pass_in_any_order_of_release)
{
	gms__lock(&stripe3);
	gms__lock(&stripe5);
	gms__lock(&pool);
	gms__unlock(&stripe5);
	gms__unlock(&pool);
	gms__unlock(&stripe3);
	gms__lock(&stripe3);
	gms__unlock(&stripe3);
	/* Held by nobody now: another may have it at once. */
	ck_assert_int_eq(pthread_mutex_trylock(&stripe3.mutex), 0);
	ck_assert_int_eq(pthread_mutex_unlock(&stripe3.mutex), 0);
}
END_TEST

#ifdef GMS_DEBUG
START_TEST(descending_index_traps)
{
	gms__lock(&stripe5);
	gms__lock(&stripe3);
}
END_TEST

START_TEST(descending_rank_traps)
{
	gms__lock(&pool);
	gms__lock(&stripe3);
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("lock");
	TCase *t = fx_case(s, "lock");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, ascending_locks_pass_in_any_order_of_release);
#ifdef GMS_DEBUG
	if (!getenv("CK_FORK")) {
		tcase_add_test_raise_signal(t, descending_index_traps, SIGILL);
		tcase_add_test_raise_signal(t, descending_rank_traps, SIGILL);
	}
#endif
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of gms_convert_park(): what waits, for what, in which order it
 * runs, and that each callback is called once.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

static struct fx_mem mem;
static struct gms_space *space;

/* What callbacks were called with, in order. */
static struct call {
	gms_ticket ticket;
	int err;
	uint64_t changed_pages;
	void *ctx;
} calls[64];
static unsigned ncalls;
static gms_pin_id unpin_inside;
static bool quiet;		/* only count */

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, 4096), 9, D | S, NULL);
	ncalls = 0;
	unpin_inside = 0;
	quiet = false;
}

static void teardown(void)
{
	fx_check(space);
	fx_space_done(space, &mem);
}

static void done(void *ctx, gms_ticket ticket, int err, const struct gms_convert_result *result)
{
	const gms_pin_id id = unpin_inside;

	if (quiet) {
		ncalls++;
		return;
	}
	ck_assert_uint_lt(ncalls, 64);
	calls[ncalls++] = (struct call){ ticket, err, result->changed_pages, ctx };
	unpin_inside = 0;
	if (id)
		ck_assert_int_eq(gms_unpin(space, id), 0);
}

static gms_pin_id pin(gms_gfn first, uint64_t npages)
{
	gms_pin_id id;

	ck_assert_int_eq(gms_pin(space, FX_RANGE(first, npages), 0, 1, &id, NULL), 0);
	return id;
}

static gms_ticket park(gms_gfn first, uint64_t npages)
{
	const struct gms_change change = { FX_RANGE(first, npages), 0, S };
	struct gms_convert_result result;
	gms_ticket ticket = 77;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert_park(space, &change, 1, NULL, done, &ticket, &ticket,
					  &result), 0);
	return ticket;
}

START_TEST(what_nothing_blocks_is_done_at_once)
{
	ck_assert_uint_eq(park(10, 5), 0);
	ck_assert_uint_eq(ncalls, 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(0, 4096)), 4091);
}
END_TEST

START_TEST(it_runs_when_the_last_pin_goes)
{
	const gms_pin_id a = pin(10, 1), b = pin(12, 4);
	const gms_ticket ticket = park(8, 8);

	ck_assert_uint_ne(ticket, 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_PARKED), 1);
	ck_assert_int_eq(gms_unpin(space, b), 0);
	ck_assert_uint_eq(ncalls, 0);
	ck_assert_int_eq(gms_unpin(space, a), 0);
	ck_assert_uint_eq(ncalls, 1);
	ck_assert_uint_eq(calls[0].ticket, ticket);
	ck_assert_int_eq(calls[0].err, 0);
	ck_assert_uint_eq(calls[0].changed_pages, 8);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(8, 8)), 0);
	ck_assert_int_eq(gms_convert_cancel(space, ticket), -ENOENT);
}
END_TEST

START_TEST(other_pins_wake_nobody)
{
	const gms_pin_id a = pin(10, 1), b = pin(100, 4);
	const gms_ticket ticket = park(8, 8);

	ck_assert_int_eq(gms_unpin(space, b), 0);
	ck_assert_uint_eq(ncalls, 0);
	ck_assert_int_eq(gms_convert_cancel(space, ticket), 0);
	ck_assert_int_eq(gms_unpin(space, a), 0);
	ck_assert_uint_eq(ncalls, 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(8, 8)), 8);
}
END_TEST

START_TEST(a_parked_conversion_holds_nothing)
{
	const gms_pin_id a = pin(10, 1);
	gms_pin_id b;

	ck_assert_uint_ne(park(8, 8), 0);
	b = pin(9, 3);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(13, 1), NULL), 0);
	ck_assert_int_eq(gms_unpin(space, a), 0);
	ck_assert_uint_eq(ncalls, 0);
	ck_assert_int_eq(gms_unpin(space, b), 0);
	ck_assert_uint_eq(ncalls, 1);
	ck_assert_uint_eq(calls[0].changed_pages, 7);
}
END_TEST

/* Two that each hold what the other waits for would never run, if they held anything. */
START_TEST(two_that_cross_both_run)
{
	const gms_pin_id a = pin(10, 1), b = pin(20, 1);
	const gms_ticket first = park(5, 20), second = park(8, 30);

	ck_assert_int_eq(gms_unpin(space, b), 0);
	ck_assert_uint_eq(ncalls, 0);
	ck_assert_int_eq(gms_unpin(space, a), 0);
	ck_assert_uint_eq(ncalls, 2);
	ck_assert_uint_eq(calls[0].ticket, first);
	ck_assert_uint_eq(calls[1].ticket, second);
	ck_assert_uint_eq(calls[1].changed_pages, 13);
}
END_TEST

START_TEST(the_younger_waits_for_the_older_that_it_meets)
{
	const struct gms_change share = { FX_RANGE(8, 8), S, 0 };
	const gms_pin_id a = pin(10, 1), far = pin(200, 1);
	const gms_ticket older = park(8, 8), apart = park(200, 4);
	gms_ticket younger;

	/* Nothing blocks it but that it comes after. */
	ck_assert_int_eq(gms_convert_park(space, &share, 1, NULL, done, NULL, &younger, NULL), 0);
	ck_assert_uint_ne(younger, 0);
	ck_assert_int_eq(gms_unpin(space, far), 0);
	ck_assert_uint_eq(ncalls, 1);
	ck_assert_uint_eq(calls[0].ticket, apart);
	ck_assert_int_eq(gms_unpin(space, a), 0);
	ck_assert_uint_eq(ncalls, 3);
	ck_assert_uint_eq(calls[1].ticket, older);
	ck_assert_uint_eq(calls[2].ticket, younger);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(8, 8)), 8);
}
END_TEST

START_TEST(cancelling_the_older_lets_the_younger_go)
{
	const struct gms_change share = { FX_RANGE(14, 8), 0, S };
	const gms_pin_id a = pin(10, 1);
	const gms_ticket older = park(8, 8);
	gms_ticket younger;

	ck_assert_int_eq(gms_convert_park(space, &share, 1, NULL, done, NULL, &younger, NULL), 0);
	ck_assert_int_eq(gms_convert_cancel(space, older), 0);
	ck_assert_uint_eq(ncalls, 1);
	ck_assert_uint_eq(calls[0].ticket, younger);
	ck_assert_int_eq(gms_unpin(space, a), 0);
	ck_assert_uint_eq(ncalls, 1);
}
END_TEST

START_TEST(a_callback_may_let_go_of_another_pin)
{
	const gms_pin_id a = pin(10, 1);

	unpin_inside = pin(50, 1);
	ck_assert_uint_ne(park(10, 1), 0);
	ck_assert_uint_ne(park(50, 1), 0);
	ck_assert_int_eq(gms_unpin(space, a), 0);
	ck_assert_uint_eq(ncalls, 2);
	ck_assert_int_eq(calls[1].err, 0);
}
END_TEST

START_TEST(what_fails_otherwise_is_over)
{
	const struct gms_change freeze = { FX_RANGE(9, 1), GMS_STATE_FROZEN, 0 };
	const gms_pin_id a = pin(10, 1);

	ck_assert_uint_ne(park(8, 8), 0);
	ck_assert_int_eq(gms_convert(space, &freeze, 1, NULL, NULL), 0);
	ck_assert_int_eq(gms_unpin(space, a), 0);
	ck_assert_uint_eq(ncalls, 1);
	ck_assert_int_eq(calls[0].err, -EBUSY);
}
END_TEST

START_TEST(what_fails_at_once_is_not_parked)
{
	const struct gms_change hole = { FX_RANGE(4095, 2), 0, S };
	struct gms_convert_result result;
	gms_ticket ticket = 5;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert_park(space, &hole, 1, NULL, done, NULL, &ticket, &result),
			 -ENOENT);
	ck_assert_uint_eq(ticket, 0);
	ck_assert_uint_eq(result.error_gfn, 4096);
	fx_mem_fail_after(&mem, 0, false);
	ck_assert_int_eq(gms_convert_park(space, &hole, 1, NULL, done, NULL, &ticket, &result),
			 -ENOMEM);
	fx_mem_heal(&mem);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
	const struct gms_change good = { FX_RANGE(8, 8), 0, S };
	struct gms_convert_opts opts;
	gms_ticket ticket;

	GMS_INIT(&opts);
	ck_assert_int_eq(gms_convert_park(NULL, &good, 1, NULL, done, NULL, &ticket, NULL), -EINVAL);
	ck_assert_int_eq(gms_convert_park(space, NULL, 1, NULL, done, NULL, &ticket, NULL), -EINVAL);
	ck_assert_int_eq(gms_convert_park(space, &good, 0, NULL, done, NULL, &ticket, NULL), -EINVAL);
	ck_assert_int_eq(gms_convert_park(space, &good, 1, NULL, NULL, NULL, &ticket, NULL), -EINVAL);
	ck_assert_int_eq(gms_convert_park(space, &good, 1, NULL, done, NULL, NULL, NULL), -EINVAL);
	opts.flags = GMS_CONVERT_DRY_RUN;
	ck_assert_int_eq(gms_convert_park(space, &good, 1, &opts, done, NULL, &ticket, NULL),
			 -EINVAL);
	opts.flags = 0;
	opts.mode = GMS_CONVERT_PROGRESS;
	ck_assert_int_eq(gms_convert_park(space, &good, 1, &opts, done, NULL, &ticket, NULL),
			 -EINVAL);
	ck_assert_int_eq(gms_convert_cancel(NULL, 1), -EINVAL);
	ck_assert_int_eq(gms_convert_cancel(space, 1), -ENOENT);
}
END_TEST

START_TEST(there_is_room_for_so_many)
{
	const struct gms_change change = { FX_RANGE(10, 1), 0, S };
	const gms_pin_id a = pin(10, 1);
	gms_ticket ticket;

	for (unsigned i = 0; i < GMS_PARKED_MOST; i++)
		ck_assert_uint_ne(park(10, 1), 0);
	ck_assert_int_eq(gms_convert_park(space, &change, 1, NULL, done, NULL, &ticket, NULL),
			 -ENOSPC);
	ck_assert_uint_eq(ticket, 0);
	quiet = true;
	ck_assert_int_eq(gms_unpin(space, a), 0);
	ck_assert_uint_eq(ncalls, GMS_PARKED_MOST);
}
END_TEST

START_TEST(what_still_waits_at_the_end_is_told)
{
	struct fx_mem other_mem;
	struct gms_space *first = space;

	fx_mem_init(&other_mem);
	space = fx_plain_space(&other_mem);
	fx_region(space, FX_RANGE(0, 512), 0, D | S, NULL);
	pin(10, 1);
	ck_assert_uint_ne(park(10, 1), 0);
	fx_space_done(space, &other_mem);
	space = first;
	ck_assert_uint_eq(ncalls, 1);
	ck_assert_int_eq(calls[0].err, -ECANCELED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("park");
	TCase *t = fx_case(s, "park");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_nothing_blocks_is_done_at_once);
	tcase_add_test(t, it_runs_when_the_last_pin_goes);
	tcase_add_test(t, other_pins_wake_nobody);
	tcase_add_test(t, a_parked_conversion_holds_nothing);
	tcase_add_test(t, two_that_cross_both_run);
	tcase_add_test(t, the_younger_waits_for_the_older_that_it_meets);
	tcase_add_test(t, cancelling_the_older_lets_the_younger_go);
	tcase_add_test(t, a_callback_may_let_go_of_another_pin);
	tcase_add_test(t, what_fails_otherwise_is_over);
	tcase_add_test(t, what_fails_at_once_is_not_parked);
	tcase_add_test(t, bad_arguments_are_refused);
	tcase_add_test(t, there_is_room_for_so_many);
	tcase_add_test(t, what_still_waits_at_the_end_is_told);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of access.h: who may touch, who waits for whom, what is asked for.
 *
 * What has to wait does so on a thread of its own; that it does is seen in the ledger
 * (GMS_ACCT_ACCESS_WAITS, GMS_ACCT_CONVERT_WAITS), so no test depends on the time.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define P	GMS_STATE_POPULATED
#define M	GMS_STATE_MISSING
#define F	GMS_STATE_FROZEN
#define WP	GMS_STATE_WRITE_PROTECT
#define MS	UINT64_C(1000000)
#define W	GMS_ACCESS_WRITE

static struct fx_mem mem;
static struct gms_space *space;
static struct gms_access access;
static struct gms_convert_result result;

/* 4 GiB of shared pages; 8 MiB in blocks of 2 MiB for faults; then some that are private. */
#define BLOCKS	(4 * FX_1G)
#define PRIVATE	(5 * FX_1G)
#define HOLE	(6 * FX_1G)

static void setup_with(uint32_t profile)
{
	struct gms_region_opts opts;

	fx_mem_init(&mem);
	space = fx_space(&mem, profile, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	fx_region(space, FX_RANGE(0, 4 * FX_1G), 0, S | D | P, NULL);
	fx_region_opts(&opts, FX_RANGE(BLOCKS, 4 * FX_2M), 9, S | D, NULL);
	opts.fault_order = 9;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	fx_region(space, FX_RANGE(PRIVATE, FX_2M), 0, D | P, NULL);
	GMS_INIT(&result);
}

static void setup(void)
{
	setup_with(GMS_PROFILE_GENERIC);
}

static void teardown(void)
{
	fx_check(space);
	fx_space_done(space, &mem);
}

static int begin(struct gms_range range, uint32_t flags)
{
	return gms_access_begin(space, range, flags, 0, &access);
}

static void refused(struct gms_range range, uint32_t flags, int error, gms_gfn gfn,
		    uint32_t reason)
{
	ck_assert_int_eq(begin(range, flags), error);
	ck_assert_uint_eq(access.error_gfn, gfn);
	ck_assert_uint_eq(access.error_reason, reason);
}

static void put(struct gms_range range, gms_state set, gms_state clear)
{
	const struct gms_change change = { range, set, clear };

	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
}

/* Without waiting. */
static int convert(struct gms_range range, gms_state set, gms_state clear)
{
	const struct gms_change change = { range, set, clear };
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_NO_WAIT;
	return gms_convert(space, &change, 1, &opts, &result);
}

static void in_the_way(struct gms_range range, gms_state set, gms_state clear, gms_gfn gfn)
{
	ck_assert_int_eq(convert(range, set, clear), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, gfn);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_ACCESS);
}

/* --- beginning ---------------------------------------------------------------- */

START_TEST(bad_input_is_refused)
{
	const struct gms_range one = FX_RANGE(0, 1);

	ck_assert_int_eq(gms_access_begin(NULL, one, 0, 0, &access), -EINVAL);
	ck_assert_int_eq(gms_access_begin(space, one, 0, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(0, 0), 0, 0, &access), -EINVAL);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(2, UINT64_MAX), 0, 0, &access), -EINVAL);
	for (unsigned i = 3; i < 32; i++)
		ck_assert_int_eq(gms_access_begin(space, one, UINT32_C(1) << i, 0, &access),
				 -EINVAL);
	gms_access_end(NULL, &access);
	gms_access_end(space, NULL);
	ck_assert_int_eq(gms_freeze(NULL, one, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(0, 0), 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_thaw(NULL, one, NULL), -EINVAL);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(1, UINT64_MAX), NULL), -EINVAL);
	ck_assert_int_eq(gms_miss(NULL, one, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(0, 0), 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_resolve(NULL, one, false, NULL), -EINVAL);
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(0, 0), false, NULL), -EINVAL);
}
END_TEST

START_TEST(results_of_a_wrong_size_are_refused)
{
	FX_LONGER(struct gms_convert_result) longer;
	const struct gms_range one = FX_RANGE(0, 1);

	memset(&longer, 0, sizeof(longer));
	longer.known.size = sizeof(longer);
	ck_assert_int_eq(gms_freeze(space, one, 0, &longer.known), 0);
	ck_assert_int_eq(gms_thaw(space, one, &longer.known), 0);
	longer.tail[3] = 1;
	ck_assert_int_eq(gms_freeze(space, one, 0, &longer.known), -E2BIG);
	ck_assert_int_eq(gms_thaw(space, one, &longer.known), -E2BIG);
	ck_assert_int_eq(gms_miss(space, one, 0, &longer.known), -E2BIG);
	ck_assert_int_eq(gms_resolve(space, one, false, &longer.known), -E2BIG);
	result.size = 4;
	ck_assert_int_eq(gms_freeze(space, one, 0, &result), -EINVAL);
	ck_assert_int_eq(gms_thaw(space, one, &result), -EINVAL);
	ck_assert_int_eq(gms_miss(space, one, 0, &result), -EINVAL);
	ck_assert_int_eq(gms_resolve(space, one, false, &result), -EINVAL);
	ck_assert_uint_eq(gms_state_at(space, 0), S | D | P);
}
END_TEST

START_TEST(the_lowest_page_that_is_not_fit_is_named)
{
	refused(FX_RANGE(HOLE, 1), 0, -ENOENT, HOLE, GMS_REASON_HOLE);
	refused(FX_RANGE(BLOCKS + 4 * FX_2M - 2, 4), 0, -ENOENT, BLOCKS + 4 * FX_2M,
		GMS_REASON_HOLE);
	refused(FX_RANGE(PRIVATE + 3, 1), 0, -EFAULT, PRIVATE + 3, GMS_REASON_PRIVATE);
	put(FX_RANGE(10, 1), GMS_STATE_POISON, 0);
	put(FX_RANGE(12, 1), F, 0);
	put(FX_RANGE(14, 1), M, 0);
	put(FX_RANGE(16, 1), WP, 0);
	refused(FX_RANGE(8, 20), W, -EHWPOISON, 10, GMS_REASON_POISON);
	refused(FX_RANGE(11, 20), W, -EBUSY, 12, GMS_REASON_FROZEN);
	refused(FX_RANGE(13, 20), W, -EAGAIN, 14, GMS_REASON_MISSING);
	refused(FX_RANGE(15, 20), W, -EAGAIN, 16, GMS_REASON_WRITE_PROTECT);
	ck_assert_int_eq(begin(FX_RANGE(15, 20), 0), 0);	/* it reads */
	ck_assert_uint_eq(access.error_reason, GMS_REASON_NONE);
	gms_access_end(space, &access);
}
END_TEST

/* POISON > FROZEN > MISSING > private > WRITE_PROTECT. */
START_TEST(of_one_page_the_worst_counts)
{
	const gms_gfn gfn = PRIVATE;

	put(FX_RANGE(gfn, 1), WP | M | F | GMS_STATE_POISON, 0);
	refused(FX_RANGE(gfn, 1), W, -EHWPOISON, gfn, GMS_REASON_POISON);
	put(FX_RANGE(gfn, 1), 0, GMS_STATE_POISON | P);
	refused(FX_RANGE(gfn, 1), W, -EBUSY, gfn, GMS_REASON_FROZEN);
	put(FX_RANGE(gfn, 1), 0, F);
	refused(FX_RANGE(gfn, 1), W, -EAGAIN, gfn, GMS_REASON_MISSING);
	put(FX_RANGE(gfn, 1), 0, M);
	refused(FX_RANGE(gfn, 1), W, -EFAULT, gfn, GMS_REASON_PRIVATE);
	put(FX_RANGE(gfn, 1), S, 0);
	refused(FX_RANGE(gfn, 1), W, -EAGAIN, gfn, GMS_REASON_WRITE_PROTECT);
}
END_TEST

START_TEST(the_first_access_may_lack_memory)	/* _i: made before, or not */
{
	struct gms_space_opts opts;
	struct gms_space *other;

	GMS_INIT(&opts);
	opts.mem = &mem.ops;
	opts.flags = _i ? GMS_SPACE_ACCESS : 0;
	ck_assert_int_eq(gms_space_new(&other, &opts), 0);
	fx_region(other, FX_RANGE(0, 8), 0, S, NULL);
	fx_mem_fail_after(&mem, 0, true);
	ck_assert_int_eq(gms_access_begin(other, FX_RANGE(0, 1), 0, 0, &access),
			 _i ? 0 : -ENOMEM);
	if (_i)
		gms_access_end(other, &access);
	else
		ck_assert_int_eq(gms_fault_raise(other, 0, 0, 0), -ENOMEM);
	fx_mem_heal(&mem);
	fx_check(other);
	gms_space_free(other);
}
END_TEST

/* --- what a running access forbids ---------------------------------------------- */

START_TEST(what_an_access_needs_stays)
{
	const struct gms_range pages = FX_RANGE(100, 4), around = FX_RANGE(90, 20);

	ck_assert_int_eq(begin(pages, W), 0);
	in_the_way(around, 0, S, 100);
	in_the_way(around, 0, P, 100);
	in_the_way(around, M, 0, 100);
	in_the_way(around, F, 0, 100);
	in_the_way(around, WP, 0, 100);
	in_the_way(FX_RANGE(102, 1), M, P, 102);
	ck_assert_int_eq(gms_freeze(space, around, 0, &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, 100);
	ck_assert_int_eq(gms_miss(space, around, 0, &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, 100);
	ck_assert_int_eq(gms_region_remove(space, 1), -EAGAIN);
	/* The rest may change, and hardware asks nobody. */
	ck_assert_int_eq(convert(around, GMS_STATE_DIRTY | GMS_STATE_USER0, D), 0);
	ck_assert_int_eq(convert(around, S, 0), 0);
	ck_assert_int_eq(convert(FX_RANGE(90, 10), 0, S), 0);
	ck_assert_int_eq(convert(FX_RANGE(103, 1), GMS_STATE_POISON, 0), 0);
	gms_access_end(space, &access);
	ck_assert_int_eq(convert(around, WP, S), 0);
	ck_assert_int_eq(gms_region_remove(space, 1), 0);
}
END_TEST

START_TEST(who_reads_does_not_mind_write_protection)
{
	ck_assert_int_eq(begin(FX_RANGE(100, 4), 0), 0);
	ck_assert_int_eq(convert(FX_RANGE(90, 20), WP, 0), 0);
	gms_access_end(space, &access);
}
END_TEST

START_TEST(accesses_overlap_and_cross_gibs)
{
	struct gms_access inner, large;

	ck_assert_int_eq(begin(FX_RANGE(FX_1G - 2, 4), W), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(FX_1G - 1, 1), W, 0, &inner), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(FX_2M, 3 * FX_1G), 0, 0, &large), 0);
	fx_check(space);
	in_the_way(FX_RANGE(FX_1G, 1), 0, S, FX_1G);
	in_the_way(FX_RANGE(0, 4 * FX_1G), 0, S, FX_2M);
	gms_access_end(space, &large);
	in_the_way(FX_RANGE(0, 4 * FX_1G), 0, S, FX_1G - 2);
	gms_access_end(space, &access);
	in_the_way(FX_RANGE(0, 4 * FX_1G), 0, S, FX_1G - 1);
	gms_access_end(space, &inner);
	ck_assert_int_eq(convert(FX_RANGE(0, 4 * FX_1G), 0, S), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_ACCESSES), 3);
}
END_TEST

START_TEST(a_dry_run_and_all_blockers_name_accesses)
{
	const struct gms_change change = { FX_RANGE(0, 100), 0, S };
	struct gms_blocker blocker[4];
	struct gms_convert_opts opts;
	struct gms_access more;

	ck_assert_int_eq(begin(FX_RANGE(10, 2), W), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(50, 5), 0, 0, &more), 0);
	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_DRY_RUN | GMS_CONVERT_ALL_BLOCKERS;
	opts.blockers = blocker;
	opts.blockers_room = 4;
	opts.wait_ns = GMS_FOREVER;
	ck_assert_int_eq(gms_convert(space, &change, 1, &opts, &result), -EAGAIN);
	ck_assert_uint_eq(result.blockers, 2);
	ck_assert_uint_eq(blocker[0].range.first, 10);
	ck_assert_uint_eq(blocker[0].range.npages, 2);
	ck_assert_uint_eq(blocker[0].reason, GMS_REASON_ACCESS);
	ck_assert_uint_eq(blocker[1].range.first, 50);
	ck_assert_uint_eq(blocker[1].range.npages, 5);
	gms_access_end(space, &access);
	gms_access_end(space, &more);
	ck_assert_int_eq(gms_convert(space, &change, 1, &opts, &result), 0);
}
END_TEST

START_TEST(who_waited_in_vain_gets_all_blockers_too)
{
	const struct gms_change change = { FX_RANGE(0, 100), 0, S };
	struct gms_blocker blocker[4];
	struct gms_convert_opts opts;
	struct gms_access more;

	ck_assert_int_eq(begin(FX_RANGE(10, 2), W), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(50, 5), 0, 0, &more), 0);
	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_ALL_BLOCKERS;
	opts.blockers = blocker;
	opts.blockers_room = 4;
	opts.wait_ns = MS;
	ck_assert_int_eq(gms_convert(space, &change, 1, &opts, &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, 10);
	ck_assert_uint_eq(result.blockers, 2);
	ck_assert_uint_eq(blocker[1].range.first, 50);
	gms_access_end(space, &access);
	gms_access_end(space, &more);
	ck_assert_int_eq(gms_convert(space, &change, 1, &opts, &result), 0);
	ck_assert_uint_eq(result.blockers, 0);
}
END_TEST

/* What a loan turned shared stays so while it is touched, and goes with the next reclaim. */
START_TEST(a_page_in_use_is_not_returned)
{
	struct gms_lend_result lent;
	gms_loan_id id;

	ck_assert_int_eq(gms_lend(space, PRIVATE * GMS_PAGE_SIZE, 5000, GMS_LEND_BOTH, 1, &id,
				  NULL), 0);
	ck_assert_int_eq(begin(FX_RANGE(PRIVATE, 1), W), 0);
	GMS_INIT(&lent);
	ck_assert_int_eq(gms_return(space, id, &lent), 0);
	ck_assert_uint_eq(lent.changed_pages, 1);
	ck_assert_uint_eq(lent.blocked_pages, 1);
	ck_assert_uint_eq(gms_state_at(space, PRIVATE) & S, S);
	ck_assert_uint_eq(gms_state_at(space, PRIVATE + 1) & S, 0);
	gms_access_end(space, &access);
	ck_assert_int_eq(gms_reclaim(space, 10, 0, &lent), 0);
	ck_assert_uint_eq(lent.changed_pages, 1);
	ck_assert_uint_eq(gms_state_at(space, PRIVATE) & S, 0);
}
END_TEST

/* --- freezing ------------------------------------------------------------------- */

START_TEST(freezing_nests_page_by_page)
{
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(0, 10), 0, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 10);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(5, 10), 0, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 5);
	ck_assert_uint_eq(result.unchanged_pages, 5);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(5, 1), 0, &result), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(0, 15), &result), 0);
	ck_assert_uint_eq(result.changed_pages, 10);
	fx_check(space);
	ck_assert_int_eq(begin(FX_RANGE(0, 5), W), 0);
	gms_access_end(space, &access);
	refused(FX_RANGE(0, 15), 0, -EBUSY, 5, GMS_REASON_FROZEN);
	refused(FX_RANGE(9, 6), 0, -EBUSY, 9, GMS_REASON_FROZEN);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(5, 10), &result), -EALREADY);
	ck_assert_uint_eq(result.error_gfn, 10);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(5, 5), &result), 0);
	refused(FX_RANGE(0, 15), 0, -EBUSY, 5, GMS_REASON_FROZEN);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(5, 1), NULL), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(5, 1), NULL), -EALREADY);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_FREEZES), 3);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_THAWS), 3);
}
END_TEST

START_TEST(a_conversion_freezes_once_and_thaws_for_good)
{
	put(FX_RANGE(0, 10), F, 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(0, 1), NULL), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(gms_freeze(space, FX_RANGE(0, 10), 0, NULL), 0);
	put(FX_RANGE(4, 2), 0, F);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(4, 1), NULL), -EALREADY);
	fx_check(space);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(gms_thaw(space, FX_RANGE(0, 4), NULL), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(1, 1), NULL), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(0, 1), NULL), -EALREADY);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(4, 1), 0, NULL), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(4, 1), NULL), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(4, 1), NULL), -EALREADY);
}
END_TEST

START_TEST(freezing_spans_gibs_and_regions_but_no_holes)
{
	const struct gms_range all = FX_RANGE(FX_1G - 8, 3 * FX_1G);

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(gms_freeze(space, all, 0, NULL), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(4 * FX_1G - 4, 8), 0, NULL), 0);
	fx_check(space);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(HOLE - 1, 4), 0, &result), -ENOENT);
	ck_assert_uint_eq(result.error_gfn, HOLE - 1);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_HOLE);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(BLOCKS + 2, 4 * FX_2M), &result), -EALREADY);
	ck_assert_uint_eq(result.error_gfn, BLOCKS + 4);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(gms_thaw(space, all, NULL), 0);
	ck_assert_int_eq(gms_region_remove(space, 2), 0);	/* frozen, and it may go */
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(4 * FX_1G - 4, 8), &result), -ENOENT);
	ck_assert_uint_eq(result.error_gfn, BLOCKS);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(4 * FX_1G - 4, 4), NULL), 0);
}
END_TEST

START_TEST(pins_do_not_stand_in_the_way_of_frost)
{
	gms_pin_id id;

	ck_assert_int_eq(gms_pin(space, FX_RANGE(5, 2), GMS_PIN_WRITE, 1, &id, NULL), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(0, 10), 0, NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(5, 2), 0, 1, &id, NULL), -EFAULT);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 5), NULL), -EBUSY);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(0, 10), 0, &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, 5);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(0, 10), NULL), 0);
}
END_TEST

/* --- missing ---------------------------------------------------------------------- */

START_TEST(what_is_missing_comes_back_with_resolve)
{
	ck_assert_int_eq(gms_miss(space, FX_RANGE(0, 10), 0, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 10);
	ck_assert_uint_eq(gms_state_at(space, 3), S | D | M);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(5, 10), 0, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 5);
	put(FX_RANGE(0, 30), WP, 0);
	put(FX_RANGE(20, 5), 0, P);
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(0, 25), false, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 15);
	ck_assert_uint_eq(result.unchanged_pages, 10);
	ck_assert_uint_eq(gms_state_at(space, 3), S | D | P | WP);
	ck_assert_uint_eq(gms_state_at(space, 22), S | D | WP);	/* not missing: as it was */
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(2, 19), true, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 19);
	ck_assert_uint_eq(gms_state_at(space, 2), S | D | P);
	ck_assert_uint_eq(gms_state_at(space, 1), S | D | P | WP);
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(BLOCKS + 4 * FX_2M - 1, 2), false, &result),
			 -ENOENT);
	ck_assert_uint_eq(result.error_gfn, BLOCKS + 4 * FX_2M);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(HOLE, 2), 0, &result), -ENOENT);
}
END_TEST

/* --- faults ------------------------------------------------------------------------- */

static size_t take(struct gms_fault *fault, size_t most, uint32_t order)
{
	size_t n = 0;
	int err = gms_fault_next(space, fault, most, order, 0, &n);

	ck_assert(err == 0 || err == -EAGAIN);
	return err ? 0 : n;
}

START_TEST(bad_input_of_faults_is_refused)
{
	struct gms_fault fault[2];
	size_t n;

	ck_assert_int_eq(gms_fault_raise(NULL, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(gms_fault_raise(space, 0, GMS_ACCESS_NOWAIT, 0), -EINVAL);
	ck_assert_int_eq(gms_fault_raise(space, HOLE, 0, 0), -ENOENT);
	ck_assert_int_eq(gms_fault_raise(space, 0, W, 0), -EALREADY);
	ck_assert_int_eq(gms_fault_next(NULL, fault, 2, 0, 0, &n), -EINVAL);
	ck_assert_int_eq(gms_fault_next(space, NULL, 2, 0, 0, &n), -EINVAL);
	ck_assert_int_eq(gms_fault_next(space, fault, 0, 0, 0, &n), -EINVAL);
	ck_assert_int_eq(gms_fault_next(space, fault, 2, 2, 0, &n), -EINVAL);
	ck_assert_int_eq(gms_fault_next(space, fault, 2, 0, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_fault_next(space, fault, 2, 0, 0, &n), -EAGAIN);
	ck_assert_int_eq(gms_fault_next(space, fault, 2, 0, 1, &n), -ETIMEDOUT);
	ck_assert_int_eq(gms_fault_again(NULL, FX_RANGE(0, 1)), -EINVAL);
	ck_assert_int_eq(gms_fault_again(space, FX_RANGE(0, 0)), -EINVAL);
	ck_assert_int_eq(gms_fault_again(space, FX_RANGE(0, 1)), -ENOENT);
	ck_assert_int_eq(gms_fault_fail(NULL, FX_RANGE(0, 1), -EIO), -EINVAL);
	ck_assert_int_eq(gms_fault_fail(space, FX_RANGE(0, 0), -EIO), -EINVAL);
	ck_assert_int_eq(gms_fault_fail(space, FX_RANGE(0, 1), 0), -EINVAL);
	ck_assert_int_eq(gms_fault_fail(space, FX_RANGE(0, 1), 5), -EINVAL);
	ck_assert_int_eq(gms_fault_fail(space, FX_RANGE(0, 1), -4096), -EINVAL);
	ck_assert_int_eq(gms_fault_fail(space, FX_RANGE(0, 1), -EIO), -ENOENT);
	ck_assert_int_eq(gms_fault_notify(NULL, NULL, NULL), -EINVAL);
	gms_fault_cancel(NULL, true);
}
END_TEST

START_TEST(a_page_is_asked_for_once)
{
	struct gms_fault fault[4];

	ck_assert_int_eq(gms_miss(space, FX_RANGE(0, 10), 0, NULL), 0);
	refused(FX_RANGE(3, 1), GMS_ACCESS_NOWAIT, -EAGAIN, 3, GMS_REASON_MISSING);
	refused(FX_RANGE(3, 5), W, -EAGAIN, 3, GMS_REASON_MISSING);
	ck_assert_int_eq(gms_fault_raise(space, 3, 0, 77), 0);
	ck_assert_uint_eq(take(fault, 4, GMS_FAULT_OLDEST), 1);
	ck_assert_uint_eq(fault[0].range.first, 3);
	ck_assert_uint_eq(fault[0].range.npages, 1);
	ck_assert_uint_eq(fault[0].gfn, 3);
	ck_assert_uint_eq(fault[0].tag, 0);
	ck_assert_uint_eq(fault[0].waiters, 1);
	ck_assert_uint_eq(fault[0].flags, W);
	ck_assert_uint_eq(fault[0].reason, GMS_REASON_MISSING);
	/* Handed out it counts still, and is not queued a second time. */
	ck_assert_int_eq(gms_fault_raise(space, 3, 0, 77), 0);
	ck_assert_uint_eq(take(fault, 4, GMS_FAULT_OLDEST), 0);
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(3, 1), false, NULL), 0);
	ck_assert_int_eq(gms_fault_again(space, FX_RANGE(3, 1)), -ENOENT);
	ck_assert_int_eq(begin(FX_RANGE(3, 1), W), 0);
	gms_access_end(space, &access);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_FAULTS), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_FAULTS_MERGED), 3);
}
END_TEST

START_TEST(a_huge_page_is_asked_for_whole)
{
	const struct gms_range block = FX_RANGE(BLOCKS + FX_2M, FX_2M);
	struct gms_fault fault[4];
	struct gms_region region;

	GMS_INIT(&region);
	ck_assert_int_eq(gms_region_get(space, BLOCKS, &region), 0);
	ck_assert_uint_eq(region.fault_order, 9);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(BLOCKS, 4 * FX_2M), 0, NULL), 0);
	ck_assert_int_eq(gms_fault_raise(space, block.first + 9, 0, 5), 0);
	ck_assert_int_eq(gms_fault_raise(space, block.first + 511, W, 6), 0);
	ck_assert_uint_eq(take(fault, 4, GMS_FAULT_OLDEST), 1);
	ck_assert_uint_eq(fault[0].range.first, block.first);
	ck_assert_uint_eq(fault[0].range.npages, FX_2M);
	ck_assert_uint_eq(fault[0].gfn, block.first + 9);
	ck_assert_uint_eq(fault[0].tag, 5);
	ck_assert_uint_eq(fault[0].waiters, 2);
	/* It is over with its last page. */
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(block.first, 511), false, NULL), 0);
	ck_assert_int_eq(gms_fault_again(space, FX_RANGE(block.first, 1)), 0);
	ck_assert_uint_eq(take(fault, 4, GMS_FAULT_OLDEST), 1);
	put(FX_RANGE(block.first + 511, 1), 0, M);	/* any conversion will do */
	ck_assert_int_eq(gms_fault_again(space, block), -ENOENT);
}
END_TEST

START_TEST(regions_say_what_they_fault_in)
{
	struct gms_region_opts opts;

	fx_region_opts(&opts, FX_RANGE(HOLE, FX_2M), 0, S, NULL);
	opts.fault_order = 18;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), -EINVAL);
	opts.fault_order = 5;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), -EINVAL);
	opts.fault_order = 9;
	opts.npages = FX_2M + 1;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), -EINVAL);
	opts.npages = FX_2M;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
}
END_TEST

START_TEST(the_oldest_comes_first_or_what_most_wait_for)
{
	static const gms_gfn by_age[] = { 4, 2, 7 }, by_weight[] = { 7, 4, 2 };
	struct gms_fault fault[4];

	ck_assert_int_eq(gms_miss(space, FX_RANGE(0, 10), 0, NULL), 0);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 3; i++)
			ck_assert_int_eq(gms_fault_raise(space, by_age[i], 0, i), 0);
		ck_assert_int_eq(gms_fault_raise(space, 7, 0, 9), 0);
		ck_assert_uint_eq(take(fault, 2, round ? GMS_FAULT_MOST_WAITERS :
							 GMS_FAULT_OLDEST), 2);
		ck_assert_uint_eq(take(fault + 2, 2, round ? GMS_FAULT_MOST_WAITERS :
							     GMS_FAULT_OLDEST), 1);
		for (unsigned i = 0; i < 3; i++)
			ck_assert_uint_eq(fault[i].gfn, (round ? by_weight : by_age)[i]);
		/* Put back they are as old as before. */
		ck_assert_int_eq(gms_fault_again(space, FX_RANGE(7, 1)), 0);
		ck_assert_int_eq(gms_fault_again(space, FX_RANGE(0, 10)), 0);
		ck_assert_uint_eq(take(fault, 4, GMS_FAULT_OLDEST), 3);
		for (unsigned i = 0; i < 3; i++)
			ck_assert_uint_eq(fault[i].gfn, by_age[i]);
		ck_assert_int_eq(gms_fault_fail(space, FX_RANGE(0, 5), -EIO), 0);
		ck_assert_int_eq(gms_fault_fail(space, FX_RANGE(0, 5), -EIO), -ENOENT);
		ck_assert_int_eq(gms_fault_fail(space, FX_RANGE(7, 1), -EIO), 0);
	}
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_FAULTS_FAILED), 6);
}
END_TEST

START_TEST(a_write_faults_on_what_is_write_protected)
{
	struct gms_fault fault[4];

	put(FX_RANGE(0, 10), WP, 0);
	refused(FX_RANGE(4, 1), W, -EAGAIN, 4, GMS_REASON_WRITE_PROTECT);
	ck_assert_int_eq(gms_fault_raise(space, 5, W, 1), 0);
	ck_assert_int_eq(gms_fault_raise(space, 5, 0, 1), -EALREADY);
	ck_assert_uint_eq(take(fault, 4, GMS_FAULT_OLDEST), 2);
	ck_assert_uint_eq(fault[0].reason, GMS_REASON_WRITE_PROTECT);
	ck_assert_uint_eq(fault[1].gfn, 5);
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(4, 1), true, NULL), 0);
	put(FX_RANGE(5, 1), 0, WP);
	ck_assert_int_eq(gms_fault_again(space, FX_RANGE(0, 10)), -ENOENT);
}
END_TEST

START_TEST(there_are_only_so_many_faults)
{
	const uint64_t n = GMS_FAULTS_MOST;
	struct gms_fault fault[64];
	size_t got = 0, some;
	unsigned failed = 0;

	ck_assert_int_eq(gms_miss(space, FX_RANGE(0, n + 1), 0, NULL), 0);
	for (gms_gfn gfn = 0; gfn < n; gfn++)
		failed += gms_fault_raise(space, gfn, 0, 0) != 0;
	ck_assert_uint_eq(failed, 0);
	ck_assert_int_eq(gms_fault_raise(space, n, 0, 0), -ENOSPC);
	ck_assert_int_eq(gms_fault_raise(space, n - 1, 0, 0), 0);
	ck_assert_int_eq(begin(FX_RANGE(n, 1), 0), -ENOSPC);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(n, 1), 0, MS, &access), -ENOSPC);
	while ((some = take(fault, 64, GMS_FAULT_OLDEST)))
		got += some;
	ck_assert_uint_eq(got, n);
	ck_assert_int_eq(gms_fault_raise(space, n, 0, 0), -ENOSPC);	/* handed out, not over */
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(0, n / 2), false, NULL), 0);
	ck_assert_int_eq(gms_fault_raise(space, n, 0, 0), 0);
	fx_check(space);
	ck_assert_int_eq(gms_region_remove(space, 1), 0);	/* and the rest with its region */
	ck_assert_uint_eq(take(fault, 64, GMS_FAULT_OLDEST), 0);
}
END_TEST

static void count_call(void *ctx)
{
	++*(unsigned *)ctx;
}

START_TEST(somebody_is_told_when_the_queue_is_no_longer_empty)
{
	struct gms_fault fault[4];
	unsigned calls = 0, more = 0;

	ck_assert_int_eq(gms_miss(space, FX_RANGE(0, 10), 0, NULL), 0);
	ck_assert_int_eq(gms_fault_notify(space, count_call, &calls), 0);
	ck_assert_uint_eq(calls, 0);
	ck_assert_int_eq(gms_fault_raise(space, 1, 0, 0), 0);
	ck_assert_int_eq(gms_fault_raise(space, 2, 0, 0), 0);
	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(take(fault, 1, GMS_FAULT_OLDEST), 1);
	ck_assert_int_eq(gms_fault_raise(space, 3, 0, 0), 0);
	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(take(fault, 4, GMS_FAULT_OLDEST), 2);
	ck_assert_int_eq(gms_fault_again(space, FX_RANGE(2, 1)), 0);
	ck_assert_uint_eq(calls, 2);
	ck_assert_int_eq(gms_fault_notify(space, count_call, &more), 0);
	ck_assert_uint_eq(more, 1);	/* at once: there is one */
	ck_assert_int_eq(gms_fault_notify(space, NULL, NULL), 0);
	ck_assert_uint_eq(take(fault, 4, GMS_FAULT_OLDEST), 1);
	ck_assert_int_eq(gms_fault_raise(space, 4, 0, 0), 0);
	ck_assert_uint_eq(calls, 2);
	ck_assert_uint_eq(more, 1);
}
END_TEST

/* --- waiting -------------------------------------------------------------------------- */

/* Something that waits, on a thread of its own. */
struct waiter {
	pthread_t thread;
	struct gms_range range;
	uint32_t flags;
	uint64_t timeout_ns;
	struct gms_access access;
	int	 (*work)(struct waiter *w);
	int	 err;
	atomic_bool over;
};

static void *run(void *arg)
{
	struct waiter *w = arg;

	w->err = w->work(w);
	atomic_store(&w->over, true);
	return NULL;
}

static int touch(struct waiter *w)
{
	return gms_access_begin(space, w->range, w->flags, w->timeout_ns, &w->access);
}

static int take_away(struct waiter *w)
{
	const struct gms_change change = { w->range, 0, S };
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.wait_ns = w->timeout_ns;
	return gms_convert(space, &change, 1, &opts, NULL);
}

static int freeze(struct waiter *w)
{
	return gms_freeze(space, w->range, w->timeout_ns, NULL);
}

static int next_fault(struct waiter *w)
{
	struct gms_fault fault;
	size_t n = 0;
	int err = gms_fault_next(space, &fault, 1, 0, w->timeout_ns, &n);

	return err ? err : (int)fault.gfn;
}

static void nap(void)
{
	const struct timespec ms = { 0, 1000000 };

	nanosleep(&ms, NULL);
}

/* Start it; returns when it waits, by the count of those who do. */
static void start(struct waiter *w, int (*work)(struct waiter *w), struct gms_range range,
		  uint32_t kind)
{
	const uint64_t before = kind ? fx_event(space, kind) : 0;

	w->work = work;
	w->range = range;
	w->err = 1;
	atomic_store(&w->over, false);
	ck_assert_int_eq(pthread_create(&w->thread, NULL, run, w), 0);
	while (kind && fx_event(space, kind) == before)
		nap();
	nap();
	nap();
}

static int finish(struct waiter *w)
{
	pthread_join(w->thread, NULL);
	return w->err;
}

START_TEST(a_conversion_waits_for_accesses)	/* _i: by itself, frozen, with a wide one */
{
	static const gms_gfn where[] = { 100, 100, FX_1G - 1 };
	struct waiter w = { .timeout_ns = GMS_FOREVER };
	struct gms_access more;

	ck_assert_int_eq(begin(FX_RANGE(where[_i], 2), W), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(where[_i] + 1, 1), 0, 0, &more), 0);
	start(&w, _i == 1 ? freeze : take_away, FX_RANGE(where[_i] - 5, 10), GMS_ACCT_CONVERT_WAITS);
	ck_assert(!atomic_load(&w.over));
	fx_check(space);	/* it holds nothing */
	ck_assert_int_eq(gms_share(space, FX_RANGE(PRIVATE, 1), NULL), 0);
	gms_access_end(space, &access);
	nap();
	ck_assert(!atomic_load(&w.over));
	gms_access_end(space, &more);
	ck_assert_int_eq(finish(&w), 0);
	ck_assert_int_eq(begin(FX_RANGE(where[_i], 1), 0), _i == 1 ? -EBUSY : -EFAULT);
}
END_TEST

START_TEST(a_conversion_does_not_wait_for_ever)
{
	struct gms_access more;

	ck_assert_int_eq(begin(FX_RANGE(100, 1), W), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(90, 20), 5 * MS, &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, 100);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_ACCESS);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(90, 20), 5 * MS, &result), -EAGAIN);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_CONVERT_WAITS), 2);
	/* Who came after goes on. */
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(95, 1), 0, 0, &more), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_ACCESS_WAITS), 0);
	gms_access_end(space, &more);
	gms_access_end(space, &access);
}
END_TEST

struct busy {
	pthread_t thread;
	struct gms_range range;
	atomic_bool stop;
	int	err;
};

static void *touch_again(void *arg)
{
	struct busy *busy = arg;
	struct gms_access nested;

	while (!atomic_load(&busy->stop) && !busy->err) {
		busy->err = gms_access_begin(space, busy->range, GMS_ACCESS_NESTED, 0, &nested);
		if (!busy->err)
			gms_access_end(space, &nested);
	}
	return NULL;
}

/* A4: nor when it is told to look all the time. */
START_TEST(a_conversion_has_an_end_among_busy_accesses)
{
	struct busy busy[2] = { { .range = FX_RANGE(95, 1) }, { .range = FX_RANGE(105, 1) } };

	ck_assert_int_eq(begin(FX_RANGE(100, 1), W), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&busy[i].thread, NULL, touch_again, &busy[i]), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(gms_freeze(space, FX_RANGE(90, 20), MS, &result), -EAGAIN);
	for (int i = 0; i < 2; i++) {
		atomic_store(&busy[i].stop, true);
		pthread_join(busy[i].thread, NULL);
		ck_assert_int_eq(busy[i].err, 0);
	}
	gms_access_end(space, &access);
}
END_TEST

START_TEST(the_space_says_how_long)
{
	struct gms_space_opts opts;
	struct gms_space *other;

	GMS_INIT(&opts);
	opts.access_wait_ns = 3 * MS;
	opts.mem = &mem.ops;
	ck_assert_int_eq(gms_space_new(&other, &opts), 0);
	fx_region(other, FX_RANGE(0, 8), 0, S, NULL);
	ck_assert_int_eq(gms_access_begin(other, FX_RANGE(0, 1), 0, 0, &access), 0);
	ck_assert_int_eq(gms_unshare(other, FX_RANGE(0, 8), &result), -EAGAIN);
	ck_assert_uint_eq(fx_event(other, GMS_ACCT_CONVERT_WAITS), 1);
	gms_access_end(other, &access);
	gms_space_free(other);
}
END_TEST

/* A5, the one way: an access does not pass a conversion that waits. */
START_TEST(an_access_waits_behind_a_conversion_that_waits)
{
	struct waiter c = { .timeout_ns = GMS_FOREVER }, a = { .timeout_ns = GMS_FOREVER };
	struct gms_access held, nested;

	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(100, 1), W, 0, &held), 0);
	start(&c, freeze, FX_RANGE(90, 20), GMS_ACCT_CONVERT_WAITS);
	refused(FX_RANGE(95, 1), GMS_ACCESS_NOWAIT, -EAGAIN, 95, GMS_REASON_ACCESS);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(95, 1), 0, MS, &a.access), -ETIMEDOUT);
	ck_assert_uint_eq(a.access.error_reason, GMS_REASON_ACCESS);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(110, 1), 0, 0, &a.access), 0);
	gms_access_end(space, &a.access);	/* beside it nobody waits */
	start(&a, touch, FX_RANGE(95, 1), GMS_ACCT_ACCESS_WAITS);
	ck_assert(!atomic_load(&a.over));
	/* And who holds one already passes. */
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(95, 1), GMS_ACCESS_NESTED, 0, &nested),
			 0);
	gms_access_end(space, &nested);
	ck_assert(!atomic_load(&c.over));
	gms_access_end(space, &held);
	ck_assert_int_eq(finish(&c), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(90, 20), NULL), 0);
	ck_assert_int_eq(finish(&a), 0);
	gms_access_end(space, &a.access);
}
END_TEST

/* A5, the other way: a conversion that comes later waits for it. */
START_TEST(a_conversion_waits_behind_an_access_that_waits)
{
	struct waiter c1 = { .timeout_ns = GMS_FOREVER }, c2 = { .timeout_ns = GMS_FOREVER };
	struct waiter a = { .timeout_ns = GMS_FOREVER };
	struct gms_access first;

	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(100, 1), W, 0, &first), 0);
	start(&c1, freeze, FX_RANGE(90, 20), GMS_ACCT_CONVERT_WAITS);
	start(&a, touch, FX_RANGE(95, 1), GMS_ACCT_ACCESS_WAITS);
	/* Nothing runs on its page, but the access was there before. */
	start(&c2, take_away, FX_RANGE(95, 1), GMS_ACCT_CONVERT_WAITS);
	gms_access_end(space, &first);
	ck_assert_int_eq(finish(&c1), 0);
	ck_assert(!atomic_load(&a.over));	/* it is frozen */
	ck_assert_int_eq(finish(&c2), -EBUSY);	/* and the conversion may look */
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(90, 20), NULL), 0);
	ck_assert_int_eq(finish(&a), 0);
	start(&c2, take_away, FX_RANGE(95, 1), GMS_ACCT_CONVERT_WAITS);
	gms_access_end(space, &a.access);
	ck_assert_int_eq(finish(&c2), 0);
}
END_TEST

START_TEST(who_waits_goes_on_when_the_page_is_fit)	/* _i: frozen, missing, write-protected */
{
	struct waiter narrow = { .timeout_ns = GMS_FOREVER, .flags = W };
	struct waiter wide = { .timeout_ns = GMS_FOREVER, .flags = W };
	const struct gms_range page = FX_RANGE(FX_1G - 1, 1);

	if (_i == 0)
		ck_assert_int_eq(gms_freeze(space, page, 0, NULL), 0);
	else
		put(page, _i == 1 ? M : WP, 0);
	start(&narrow, touch, page, GMS_ACCT_ACCESS_WAITS);
	start(&wide, touch, FX_RANGE(FX_1G - 2, 4), GMS_ACCT_ACCESS_WAITS);
	ck_assert(!atomic_load(&narrow.over) && !atomic_load(&wide.over));
	put(FX_RANGE(FX_1G - 2, 1), GMS_STATE_DIRTY, 0);	/* that is nothing to them */
	put(page, GMS_STATE_POISON, 0);
	ck_assert_int_eq(finish(&wide), -EHWPOISON);
	ck_assert_uint_eq(wide.access.error_gfn, page.first);
	ck_assert_int_eq(finish(&narrow), -EHWPOISON);
	put(page, 0, GMS_STATE_POISON | P);
	put(page, P, 0);

	start(&narrow, touch, page, GMS_ACCT_ACCESS_WAITS);
	start(&wide, touch, FX_RANGE(FX_1G - 2, 4), GMS_ACCT_ACCESS_WAITS);
	if (_i == 0)
		ck_assert_int_eq(gms_thaw(space, page, NULL), 0);
	else
		ck_assert_int_eq(gms_resolve(space, page, _i == 2, NULL), 0);
	ck_assert_int_eq(finish(&narrow), 0);
	ck_assert_int_eq(finish(&wide), 0);
	gms_access_end(space, &narrow.access);
	gms_access_end(space, &wide.access);
}
END_TEST

/* A backend in the middle of a conversion, until it is let go. */
static atomic_int gate_steps;

static int dawdle(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		  struct gms_charge *charge)
{
	(void)ctx;
	(void)runs;
	(void)nruns;
	(void)ndone;
	(void)charge;
	atomic_store(&gate_steps, 1);
	while (atomic_load(&gate_steps) == 1)
		nap();
	return atomic_load(&gate_steps) == 2 ? 0 : -EXFULL;
}

static int share(struct waiter *w)
{
	return gms_share(space, w->range, NULL);
}

/* What a conversion is at is not looked at: it may yet be undone. */
START_TEST(behind_a_gate_nobody_looks)	/* _i: it succeeds, or fails */
{
	struct waiter c = { 0 }, a = { .timeout_ns = GMS_FOREVER };
	struct gms_region_opts opts;
	struct gms_backend backend;

	GMS_INIT(&backend);
	backend.map_host = dawdle;
	fx_region_opts(&opts, FX_RANGE(HOLE, 64), 0, D, NULL);
	opts.backend = &backend;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	refused(FX_RANGE(HOLE + 9, 1), 0, -EFAULT, HOLE + 9, GMS_REASON_PRIVATE);
	atomic_store(&gate_steps, 0);
	start(&c, share, FX_RANGE(HOLE, 16), 0);
	while (!atomic_load(&gate_steps))
		nap();
	refused(FX_RANGE(HOLE + 9, 20), 0, -EAGAIN, HOLE + 9, GMS_REASON_ACCESS);
	refused(FX_RANGE(HOLE + 9, 1), GMS_ACCESS_NESTED, -EAGAIN, HOLE + 9, GMS_REASON_ACCESS);
	refused(FX_RANGE(HOLE + 16, 1), 0, -EFAULT, HOLE + 16, GMS_REASON_PRIVATE);
	start(&a, touch, FX_RANGE(HOLE + 3, 1), GMS_ACCT_ACCESS_WAITS);
	ck_assert(!atomic_load(&a.over));
	atomic_store(&gate_steps, 2 + _i);
	ck_assert_int_eq(finish(&c), _i ? -EXFULL : 0);
	ck_assert_int_eq(finish(&a), _i ? -EFAULT : 0);
	if (!_i)
		gms_access_end(space, &a.access);
}
END_TEST

START_TEST(time_runs_out_for_what_does_not_come)
{
	struct gms_fault fault[2];

	ck_assert_int_eq(gms_freeze(space, FX_RANGE(0, 1), 0, NULL), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(0, 1), 0, MS, &access), -EBUSY);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(1, 1), 0, NULL), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(1, 1), 0, MS, &access), -ETIMEDOUT);
	ck_assert_uint_eq(access.error_gfn, 1);
	ck_assert_uint_eq(access.error_reason, GMS_REASON_MISSING);
	/* The fault stays, and nobody waits for it any more. */
	ck_assert_uint_eq(take(fault, 2, GMS_FAULT_OLDEST), 1);
	ck_assert_uint_eq(fault[0].waiters, 0);
	ck_assert_uint_ge(fault[0].waited_ns, MS);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(1, 1), GMS_ACCESS_NOWAIT, GMS_FOREVER,
					  &access), -EAGAIN);
}
END_TEST

START_TEST(a_fault_that_fails_is_an_error_to_those_who_wait)
{
	struct waiter w[3] = { { .timeout_ns = GMS_FOREVER }, { .timeout_ns = GMS_FOREVER },
			       { .timeout_ns = GMS_FOREVER } };
	const gms_gfn page = FX_1G;
	struct gms_fault fault[4];

	ck_assert_int_eq(gms_miss(space, FX_RANGE(page, 8), 0, NULL), 0);
	start(&w[0], touch, FX_RANGE(page, 1), GMS_ACCT_ACCESS_WAITS);
	start(&w[1], touch, FX_RANGE(page - 1, 2), GMS_ACCT_ACCESS_WAITS);
	start(&w[2], touch, FX_RANGE(page + 1, 1), GMS_ACCT_ACCESS_WAITS);
	ck_assert_uint_eq(take(fault, 4, GMS_FAULT_MOST_WAITERS), 2);
	ck_assert_uint_eq(fault[0].gfn, page);
	ck_assert_uint_eq(fault[0].waiters, 2);
	ck_assert_uint_eq(fault[1].waiters, 1);
	ck_assert_int_eq(gms_fault_fail(space, FX_RANGE(page, 1), -ENETDOWN), 0);
	ck_assert_int_eq(finish(&w[0]), -ENETDOWN);
	ck_assert_uint_eq(w[0].access.error_gfn, page);
	ck_assert_int_eq(finish(&w[1]), -ENETDOWN);
	ck_assert(!atomic_load(&w[2].over));
	ck_assert_uint_eq(gms_state_at(space, page) & M, M);
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(page + 1, 1), false, NULL), 0);
	ck_assert_int_eq(finish(&w[2]), 0);
	gms_access_end(space, &w[2].access);
	/* It is asked for again. */
	refused(FX_RANGE(page, 1), 0, -EAGAIN, page, GMS_REASON_MISSING);
	ck_assert_uint_eq(take(fault, 4, GMS_FAULT_OLDEST), 1);
}
END_TEST

START_TEST(who_waits_on_a_region_that_goes_is_told)
{
	struct waiter w = { .timeout_ns = GMS_FOREVER };

	ck_assert_int_eq(gms_miss(space, FX_RANGE(BLOCKS, 1), 0, NULL), 0);
	start(&w, touch, FX_RANGE(BLOCKS, 1), GMS_ACCT_ACCESS_WAITS);
	ck_assert_int_eq(gms_region_remove(space, 2), 0);
	ck_assert_int_eq(finish(&w), -ENOENT);
}
END_TEST

START_TEST(handlers_wait_for_faults)
{
	struct waiter w[2] = { { .timeout_ns = GMS_FOREVER }, { .timeout_ns = GMS_FOREVER } };

	put(FX_RANGE(7, 1), M, 0);
	start(&w[0], next_fault, FX_RANGE(0, 1), 0);
	ck_assert_int_eq(gms_fault_raise(space, 7, 0, 0), 0);
	ck_assert_int_eq(finish(&w[0]), 7);
	for (int i = 0; i < 2; i++)
		start(&w[i], next_fault, FX_RANGE(0, 1), 0);
	gms_fault_cancel(space, true);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(finish(&w[i]), -ECANCELED);
	ck_assert_int_eq(next_fault(&w[0]), -ECANCELED);	/* for good */
	gms_fault_cancel(space, false);
	w[0].timeout_ns = 0;
	ck_assert_int_eq(next_fault(&w[0]), -EAGAIN);
}
END_TEST

START_TEST(handlers_may_be_cancelled_before_anything_else)
{
	struct waiter w = { .timeout_ns = GMS_FOREVER };

	gms_fault_cancel(space, true);
	ck_assert_int_eq(next_fault(&w), -ECANCELED);
}
END_TEST

/* A backend that does something, and then fails once. */
struct failing {
	void	(*first)(struct failing *f);
	gms_gfn	error_gfn;
	struct waiter w;
	int	raised;
	unsigned calls;
};

static int fail_once(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		     struct gms_charge *charge)
{
	struct failing *f = ctx;

	(void)runs;
	(void)nruns;
	(void)ndone;
	if (f->calls++)
		return 0;
	f->first(f);
	gms_charge_error(charge, f->error_gfn);
	return -EIO;
}

static void backed(struct gms_backend *backend, struct failing *f)
{
	struct gms_region_opts opts;

	GMS_INIT(backend);
	backend->ctx = f;
	backend->set_attributes = fail_once;
	fx_region_opts(&opts, FX_RANGE(HOLE, FX_2M), 0, S | D | P, NULL);
	opts.backend = backend;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	/* The first access of a space waits for conversions that run. */
	ck_assert_int_eq(begin(FX_RANGE(0, 1), 0), 0);
	gms_access_end(space, &access);
}

static void touch_the_end(struct failing *f)
{
	start(&f->w, touch, FX_RANGE(HOLE + 80, 1), GMS_ACCT_ACCESS_WAITS);
}

/* Of a conversion that does what it can the rest is left to those who waited for it. */
START_TEST(who_waits_for_more_than_was_done_goes_on)
{
	const struct gms_change change = { FX_RANGE(HOLE, 100), 0, S };
	struct failing f = { .first = touch_the_end, .error_gfn = HOLE + 50,
			     .w = { .timeout_ns = 5000 * MS } };
	struct gms_convert_opts opts;
	struct gms_backend backend;

	backed(&backend, &f);
	GMS_INIT(&opts);
	opts.mode = GMS_CONVERT_PROGRESS;
	ck_assert_int_eq(gms_convert(space, &change, 1, &opts, &result), -EIO);
	ck_assert_uint_eq(result.next, HOLE + 50);
	ck_assert_int_eq(finish(&f.w), 0);
	gms_access_end(space, &f.w.access);
}
END_TEST

static int raise_fault(struct waiter *w)
{
	return gms_fault_raise(space, w->range.first, W, 0);
}

static void raise_meanwhile(struct failing *f)
{
	start(&f->w, raise_fault, FX_RANGE(HOLE + 7, 1), 0);
	f->raised = finish(&f->w);
}

/* F2 */
START_TEST(what_is_not_missing_after_all_is_no_fault)	/* _i: missing, write-protected */
{
	const struct gms_change change[] = {
		{ FX_RANGE(HOLE, 16), _i ? WP : M, 0 }, { FX_RANGE(HOLE + 20, 1), 0, S },
	};
	struct failing f = { .first = raise_meanwhile, .error_gfn = HOLE + 20 };
	struct gms_backend backend;
	struct gms_fault fault[2];

	backed(&backend, &f);
	ck_assert_int_eq(gms_convert(space, change, 2, NULL, NULL), -EIO);
	ck_assert_int_eq(f.raised, 0);
	ck_assert_uint_eq(gms_state_at(space, HOLE + 7), S | D | P);
	fx_check(space);
	ck_assert_uint_eq(take(fault, 2, GMS_FAULT_OLDEST), 0);
}
END_TEST

static void note(void *ctx, gms_ticket ticket, int err, const struct gms_convert_result *did)
{
	(void)ticket;
	(void)did;
	*(int *)ctx = err;
}

START_TEST(a_parked_conversion_runs_when_the_access_ends)
{
	const struct gms_change change = { FX_RANGE(90, 20), 0, S };
	struct gms_access more;
	gms_ticket ticket;
	int done = 1;

	ck_assert_int_eq(begin(FX_RANGE(100, 2), W), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(105, 1), W, 0, &more), 0);
	ck_assert_int_eq(gms_convert_park(space, &change, 1, NULL, note, &done, &ticket, &result),
			 0);
	ck_assert_uint_ne(ticket, 0);
	ck_assert_uint_eq(result.error_gfn, 100);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_ACCESS);
	gms_access_end(space, &access);
	ck_assert_int_eq(done, 1);
	gms_access_end(space, &more);
	ck_assert_int_eq(done, 0);
	ck_assert_uint_eq(gms_state_at(space, 95) & S, 0);
}
END_TEST

START_TEST(every_profile_freezes_and_misses)	/* _i: the profile */
{
	setup_with((uint32_t)_i);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(0, 4), 0, NULL), 0);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(0, 4), 0, NULL), 0);
	ck_assert_int_eq(gms_resolve(space, FX_RANGE(0, 4), true, NULL), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(0, 4), NULL), 0);
	ck_assert_uint_eq(gms_state_at(space, 0) & ~D, S | P);
	teardown();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("access");
	TCase *tc = fx_case(s, "begin");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, bad_input_is_refused);
	tcase_add_test(tc, results_of_a_wrong_size_are_refused);
	tcase_add_test(tc, the_lowest_page_that_is_not_fit_is_named);
	tcase_add_test(tc, of_one_page_the_worst_counts);
	tcase_add_loop_test(tc, the_first_access_may_lack_memory, 0, 2);
	tc = fx_case(s, "forbid");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_an_access_needs_stays);
	tcase_add_test(tc, who_reads_does_not_mind_write_protection);
	tcase_add_test(tc, accesses_overlap_and_cross_gibs);
	tcase_add_test(tc, a_dry_run_and_all_blockers_name_accesses);
	tcase_add_test(tc, who_waited_in_vain_gets_all_blockers_too);
	tcase_add_test(tc, a_page_in_use_is_not_returned);
	tc = fx_case(s, "freeze");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, freezing_nests_page_by_page);
	tcase_add_test(tc, a_conversion_freezes_once_and_thaws_for_good);
	tcase_add_test(tc, freezing_spans_gibs_and_regions_but_no_holes);
	tcase_add_test(tc, pins_do_not_stand_in_the_way_of_frost);
	tc = fx_case(s, "fault");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_missing_comes_back_with_resolve);
	tcase_add_test(tc, bad_input_of_faults_is_refused);
	tcase_add_test(tc, a_page_is_asked_for_once);
	tcase_add_test(tc, a_huge_page_is_asked_for_whole);
	tcase_add_test(tc, regions_say_what_they_fault_in);
	tcase_add_test(tc, the_oldest_comes_first_or_what_most_wait_for);
	tcase_add_test(tc, a_write_faults_on_what_is_write_protected);
	tcase_add_test(tc, there_are_only_so_many_faults);
	tcase_add_test(tc, somebody_is_told_when_the_queue_is_no_longer_empty);
	tc = fx_case(s, "wait");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_conversion_waits_for_accesses, 0, 3);
	tcase_add_test(tc, a_conversion_does_not_wait_for_ever);
	tcase_add_test(tc, a_conversion_has_an_end_among_busy_accesses);
	tcase_add_test(tc, the_space_says_how_long);
	tcase_add_test(tc, an_access_waits_behind_a_conversion_that_waits);
	tcase_add_test(tc, a_conversion_waits_behind_an_access_that_waits);
	tcase_add_loop_test(tc, who_waits_goes_on_when_the_page_is_fit, 0, 3);
	tcase_add_loop_test(tc, behind_a_gate_nobody_looks, 0, 2);
	tcase_add_test(tc, time_runs_out_for_what_does_not_come);
	tcase_add_test(tc, a_fault_that_fails_is_an_error_to_those_who_wait);
	tcase_add_test(tc, who_waits_on_a_region_that_goes_is_told);
	tcase_add_test(tc, who_waits_for_more_than_was_done_goes_on);
	tcase_add_loop_test(tc, what_is_not_missing_after_all_is_no_fault, 0, 2);
	tcase_add_test(tc, handlers_wait_for_faults);
	tcase_add_test(tc, handlers_may_be_cancelled_before_anything_else);
	tcase_add_test(tc, a_parked_conversion_runs_when_the_access_ends);
	tc = fx_case(s, "profile");
	tcase_add_loop_test(tc, every_profile_freezes_and_misses, 0, GMS_PROFILE_COUNT);
	return fx_run(s);
}

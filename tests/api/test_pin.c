/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of pin.h: who may, who has, and who is in the way. */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define P	GMS_STATE_POPULATED

/* [0, 1024) shared 2M folios, [1024, 1536) private, a hole, [2048, 2560) shared. */
static struct fx_mem mem;
static struct gms_space *space;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, 1024), 9, S | D | P, NULL);
	fx_region(space, FX_RANGE(1024, 512), 9, D | P, NULL);
	fx_region(space, FX_RANGE(2048, 512), 0, S | D | P, NULL);
}

static void teardown(void)
{
	fx_space_done(space, &mem);
}

static int change(gms_gfn first, uint64_t npages, gms_state set, gms_state clear)
{
	const struct gms_change one = { FX_RANGE(first, npages), set, clear };

	return gms_convert(space, &one, 1, NULL, NULL);
}

static gms_pin_id pin(gms_gfn first, uint64_t npages, gms_tag tag)
{
	gms_pin_id id = 0;

	ck_assert_int_eq(gms_pin(space, FX_RANGE(first, npages), 0, tag, &id, NULL), 0);
	ck_assert_uint_ne(id, 0);
	return id;
}

static void refuse_pin(struct gms_range range, uint32_t flags, int error, gms_gfn lowest)
{
	struct fx_snap before, after;
	gms_gfn gfn = 7777;
	gms_pin_id id = 4711;
	uint64_t live;

	ck_assert_int_eq(gms_acct_tag_add(space, 1), 0);	/* the refusal is counted there */
	live = mem.live_bytes;
	fx_snap_take(&before, space, NULL);
	ck_assert_int_eq(gms_pin(space, range, flags, 1, &id, &gfn), error);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);
	ck_assert_uint_eq(mem.live_bytes, live);
	ck_assert_uint_eq(id, 4711);
	if (error != -EINVAL)
		ck_assert_uint_eq(gfn, lowest);
	ck_assert_int_eq(gms_pin(space, range, flags, 1, &id, NULL), error);
}

static void refuse_unshare(struct gms_range range, gms_gfn lowest)
{
	struct gms_convert_result result;
	struct fx_snap before, after;

	GMS_INIT(&result);
	fx_snap_take(&before, space, NULL);
	ck_assert_int_eq(gms_unshare(space, range, &result), -EAGAIN);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);
	ck_assert_uint_eq(result.error_gfn, lowest);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
}

/* --- may they be pinned -------------------------------------------------- */

static void answer_is(gms_gfn first, uint64_t npages, uint32_t flags, uint64_t eligible,
		      gms_gfn refused, uint32_t reason)
{
	struct gms_gup_answer answer;

	GMS_INIT(&answer);
	ck_assert_int_eq(gms_gup_query(space, FX_RANGE(first, npages), flags, &answer), 0);
	ck_assert_uint_eq(answer.eligible_pages, eligible);
	ck_assert_uint_eq(answer.refused_pages, npages - eligible);
	ck_assert_str_eq(gms_reason_name(answer.reason), gms_reason_name(reason));
	if (reason)
		ck_assert_uint_eq(answer.refused_gfn, refused);
	ck_assert_uint_eq(answer.reserved, 0);
}

START_TEST(query_counts_and_names_the_first_refused)
{
	answer_is(0, 1024, 0, 1024, 0, GMS_REASON_NONE);
	answer_is(1000, 100, 0, 24, 1024, GMS_REASON_PRIVATE);
	answer_is(1536, 512, 0, 0, 1536, GMS_REASON_HOLE);
	answer_is(0, 4096, 0, 1024 + 512, 1024, GMS_REASON_PRIVATE);
	answer_is(2048, UINT64_C(1) << 50, 0, 512, 2560, GMS_REASON_HOLE);
}
END_TEST

static const struct {
	gms_state set, clear;
	uint32_t  flags, reason;
	int	  error;
} refusals[] = {
	{ GMS_STATE_POISON, 0, 0, GMS_REASON_POISON, -EHWPOISON },
	{ GMS_STATE_FROZEN, 0, 0, GMS_REASON_FROZEN, -EFAULT },
	{ GMS_STATE_MISSING, 0, 0, GMS_REASON_MISSING, -EFAULT },
	{ 0, S, 0, GMS_REASON_PRIVATE, -EFAULT },
	{ 0, D, 0, GMS_REASON_NO_DIRECT_MAP, -EFAULT },
	{ GMS_STATE_WRITE_PROTECT, 0, GMS_PIN_WRITE, GMS_REASON_WRITE_PROTECT, -EFAULT },
	/* Two at once: the graver one is named. */
	{ GMS_STATE_POISON | GMS_STATE_FROZEN, 0, 0, GMS_REASON_POISON, -EHWPOISON },
	{ GMS_STATE_FROZEN | GMS_STATE_MISSING, 0, 0, GMS_REASON_FROZEN, -EFAULT },
	{ GMS_STATE_MISSING, S, 0, GMS_REASON_MISSING, -EFAULT },
	{ GMS_STATE_WRITE_PROTECT, S, GMS_PIN_WRITE, GMS_REASON_PRIVATE, -EFAULT },
	{ GMS_STATE_WRITE_PROTECT, D, GMS_PIN_WRITE, GMS_REASON_NO_DIRECT_MAP, -EFAULT },
	/* No obstacle. */
	{ GMS_STATE_WRITE_PROTECT, 0, 0, GMS_REASON_NONE, 0 },
	{ GMS_STATE_WRITE_PROTECT, 0, GMS_PIN_LONGTERM, GMS_REASON_NONE, 0 },
	{ 0, P, GMS_PIN_WRITE | GMS_PIN_LONGTERM, GMS_REASON_NONE, 0 },
	{ GMS_STATE_DIRTY | GMS_STATE_USER3, 0, GMS_PIN_WRITE, GMS_REASON_NONE, 0 },
};

START_TEST(state_decides_who_may_be_pinned)	/* _i: of refusals; I5, I10 */
{
	gms_pin_id id;

	ck_assert_int_eq(change(100, 1, refusals[_i].set, refusals[_i].clear), 0);
	if (refusals[_i].reason == GMS_REASON_NONE) {
		answer_is(90, 20, refusals[_i].flags, 20, 0, GMS_REASON_NONE);
		ck_assert_int_eq(gms_pin(space, FX_RANGE(90, 20), refusals[_i].flags, 1, &id,
					 NULL), 0);
		ck_assert_int_eq(gms_unpin(space, id), 0);
	} else {
		answer_is(90, 20, refusals[_i].flags, 19, 100, refusals[_i].reason);
		refuse_pin(FX_RANGE(90, 20), refusals[_i].flags, refusals[_i].error, 100);
		answer_is(90, 10, refusals[_i].flags, 10, 0, GMS_REASON_NONE);
	}
}
END_TEST

START_TEST(query_refuses_bad_input)
{
	FX_LONGER(struct gms_gup_answer) longer;
	struct gms_gup_answer answer;

	GMS_INIT(&answer);
	ck_assert_int_eq(gms_gup_query(NULL, FX_RANGE(0, 1), 0, &answer), -EINVAL);
	ck_assert_int_eq(gms_gup_query(space, FX_RANGE(0, 1), 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_gup_query(space, FX_RANGE(0, 0), 0, &answer), -EINVAL);
	ck_assert_int_eq(gms_gup_query(space, FX_RANGE(2, UINT64_MAX), 0, &answer), -EINVAL);
	for (unsigned i = 2; i < 32; i++)
		ck_assert_int_eq(gms_gup_query(space, FX_RANGE(0, 1), UINT32_C(1) << i, &answer),
				 -EINVAL);
	answer.size = 0;
	ck_assert_int_eq(gms_gup_query(space, FX_RANGE(0, 1), 0, &answer), -EINVAL);
	answer.size = sizeof(size_t) - 1;
	ck_assert_int_eq(gms_gup_query(space, FX_RANGE(0, 1), 0, &answer), -EINVAL);
	gms_init(&longer, sizeof(longer));
	ck_assert_int_eq(gms_gup_query(space, FX_RANGE(0, 1), 0, &longer.known), 0);
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_gup_query(space, FX_RANGE(0, 1), 0, &longer.known), -E2BIG);
}
END_TEST

START_TEST(iter_tiles_the_range)
{
	static const struct gms_gup_run want[] = {
		{ 90, 10, GMS_REASON_NONE, 0 }, { 100, 5, GMS_REASON_FROZEN, 0 },
		{ 105, 919, GMS_REASON_NONE, 0 }, { 1024, 512, GMS_REASON_PRIVATE, 0 },
		{ 1536, 512, GMS_REASON_HOLE, 0 }, { 2048, 512, GMS_REASON_NONE, 0 },
		{ 2560, 40, GMS_REASON_HOLE, 0 },
	};
	struct gms_gup_iter it;
	struct gms_region region;
	struct gms_gup_run run;

	ck_assert_int_eq(change(100, 5, GMS_STATE_FROZEN, 0), 0);
	ck_assert_int_eq(gms_gup_iter_init(&it, space, FX_RANGE(90, 2600 - 90), 0), 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ck_assert(gms_gup_iter_next(&it, &run));
		ck_assert_uint_eq(run.first, want[i].first);
		ck_assert_uint_eq(run.npages, want[i].npages);
		ck_assert_uint_eq(run.reason, want[i].reason);
		GMS_INIT(&region);
		if (gms_region_get(space, run.first, &region))
			ck_assert_uint_eq(run.region, 0);
		else
			ck_assert_uint_eq(run.region, region.id);
	}
	ck_assert(!gms_gup_iter_next(&it, &run));
	ck_assert(!gms_gup_iter_next(&it, &run));
}
END_TEST

START_TEST(iter_ends_a_run_where_the_region_ends)
{
	struct gms_gup_iter it;
	struct gms_gup_run run;

	fx_region(space, FX_RANGE(2560, 8), 0, S | D, NULL);
	ck_assert_int_eq(gms_gup_iter_init(&it, space, FX_RANGE(2550, 18), GMS_PIN_WRITE), 0);
	ck_assert(gms_gup_iter_next(&it, &run));
	ck_assert_uint_eq(run.npages, 10);
	ck_assert(gms_gup_iter_next(&it, &run));
	ck_assert_uint_eq(run.first, 2560);
	ck_assert_uint_eq(run.npages, 8);
	ck_assert(!gms_gup_iter_next(&it, &run));
}
END_TEST

START_TEST(iter_refuses_bad_input)
{
	struct gms_gup_iter it;
	struct gms_gup_run run;

	ck_assert_int_eq(gms_gup_iter_init(NULL, space, FX_RANGE(0, 1), 0), -EINVAL);
	ck_assert_int_eq(gms_gup_iter_init(&it, NULL, FX_RANGE(0, 1), 0), -EINVAL);
	ck_assert(!gms_gup_iter_next(&it, &run));
	ck_assert_int_eq(gms_gup_iter_init(&it, space, FX_RANGE(0, 0), 0), -EINVAL);
	ck_assert(!gms_gup_iter_next(&it, &run));
	ck_assert_int_eq(gms_gup_iter_init(&it, space, FX_RANGE(0, 1), 4), -EINVAL);
	ck_assert(!gms_gup_iter_next(&it, &run));
	ck_assert(!gms_gup_iter_next(NULL, &run));
	ck_assert_int_eq(gms_gup_iter_init(&it, space, FX_RANGE(0, 1), 0), 0);
	ck_assert(!gms_gup_iter_next(&it, NULL));
}
END_TEST

/* --- pins ---------------------------------------------------------------- */

START_TEST(pin_refuses_bad_input)
{
	gms_pin_id id = 0;

	ck_assert_int_eq(gms_pin(NULL, FX_RANGE(0, 1), 0, 1, &id, NULL), -EINVAL);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(0, 1), 0, 1, NULL, NULL), -EINVAL);
	refuse_pin(FX_RANGE(0, 0), 0, -EINVAL, 0);
	refuse_pin(FX_RANGE(UINT64_MAX, 2), 0, -EINVAL, 0);
	refuse_pin(FX_RANGE(0, 1), 4, -EINVAL, 0);
	refuse_pin(FX_RANGE(0, 1), UINT32_C(1) << 31, -EINVAL, 0);
	refuse_pin(FX_RANGE(1536, 1), 0, -ENOENT, 1536);
	refuse_pin(FX_RANGE(2550, 20), 0, -ENOENT, 2560);
	refuse_pin(FX_RANGE(2048, UINT64_MAX - 2048), 0, -ENOENT, 2560);
	refuse_pin(FX_RANGE(1000, 1048), 0, -EFAULT, 1024);	/* private before the hole */
	ck_assert_int_eq(gms_unpin(NULL, 1), -EINVAL);
	ck_assert_int_eq(gms_unpin(space, 0), -ENOENT);
	ck_assert_int_eq(gms_unpin(space, 12345), -ENOENT);
	ck_assert_int_eq(gms_unpin(space, UINT64_MAX), -ENOENT);
}
END_TEST

START_TEST(unpin_works_once)
{
	gms_pin_id one = pin(5, 10, 1), two = pin(5, 10, 1);

	ck_assert_uint_ne(one, two);
	ck_assert_int_eq(gms_unpin(space, one), 0);
	ck_assert_int_eq(gms_unpin(space, one), -ENOENT);
	ck_assert_uint_ne(pin(5, 10, 1), one);
	ck_assert_int_eq(gms_unpin(space, two), 0);
}
END_TEST

START_TEST(pinned_page_blocks_unshare_until_unpin)	/* C3, I4 */
{
	gms_pin_id id = pin(1, 1, 7);

	refuse_unshare(FX_RANGE(0, 4), 1);
	refuse_unshare(FX_RANGE(1, 1), 1);
	refuse_unshare(FX_RANGE(0, 1024), 1);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 1), NULL), 0);	/* the page beside it */
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(2, 2), NULL), 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(0, 4)), 1);
	ck_assert_int_eq(gms_unpin(space, id), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 4), NULL), 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(0, 4)), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 4), NULL), 0);
}
END_TEST

START_TEST(error_gfn_is_clamped_to_the_range)
{
	gms_pin_id id = pin(100, 800, 1);

	refuse_unshare(FX_RANGE(300, 10), 300);
	refuse_unshare(FX_RANGE(50, 100), 100);
	refuse_unshare(FX_RANGE(899, 50), 899);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(900, 50), NULL), 0);
	ck_assert_int_eq(gms_unpin(space, id), 0);
}
END_TEST

START_TEST(overlapping_pins_all_count)
{
	gms_pin_id wide = pin(10, 20, 1), inner = pin(15, 2, 2), same = pin(15, 2, 2);

	ck_assert_int_eq(gms_unpin(space, wide), 0);
	refuse_unshare(FX_RANGE(0, 100), 15);
	ck_assert_int_eq(gms_unpin(space, inner), 0);
	refuse_unshare(FX_RANGE(0, 100), 15);
	ck_assert_int_eq(gms_unpin(space, same), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 100), NULL), 0);
}
END_TEST

START_TEST(pins_hold_memory_direct_map_and_presence)
{
	gms_pin_id id = pin(100, 4, 1);

	ck_assert_int_eq(change(96, 16, 0, P), -EAGAIN);
	ck_assert_int_eq(change(96, 16, 0, D), -EAGAIN);
	ck_assert_int_eq(change(96, 16, GMS_STATE_MISSING, 0), -EAGAIN);
	ck_assert_int_eq(change(96, 16, GMS_STATE_FROZEN, 0), 0);	/* pins do not block it */
	ck_assert_int_eq(change(96, 16, GMS_STATE_POISON, 0), 0);
	ck_assert_int_eq(change(96, 16, GMS_STATE_WRITE_PROTECT | GMS_STATE_DIRTY, 0), 0);
	ck_assert_int_eq(gms_unpin(space, id), 0);
	ck_assert_int_eq(change(96, 16, 0, P), 0);
}
END_TEST

START_TEST(a_pin_may_span_regions)
{
	gms_pin_id id;

	ck_assert_int_eq(gms_share(space, FX_RANGE(1024, 512), NULL), 0);
	id = pin(1000, 100, 1);
	refuse_unshare(FX_RANGE(1024, 512), 1024);
	refuse_unshare(FX_RANGE(0, 1024), 1000);
	ck_assert_int_eq(gms_unpin(space, id), 0);
}
END_TEST

START_TEST(pins_in_lists_by_first_then_age)
{
	const gms_pin_id late = pin(20, 5, 3), early = pin(10, 30, 1), twin = pin(20, 9, 4);
	struct gms_pin_info list[4];
	size_t found = 99;

	pin(500, 5, 9);
	memset(list, 0x11, sizeof(list));
	ck_assert_int_eq(gms_pins_in(space, FX_RANGE(24, 5), list, 4, &found), 0);
	ck_assert_uint_eq(found, 3);
	ck_assert_uint_eq(list[0].id, early);
	ck_assert_uint_eq(list[0].tag, 1);
	ck_assert_uint_eq(list[0].range.first, 10);
	ck_assert_uint_eq(list[0].range.npages, 30);
	ck_assert_uint_eq(list[0].flags, 0);
	ck_assert_uint_eq(list[0].reserved, 0);
	ck_assert_uint_eq(list[1].id, late);
	ck_assert_uint_eq(list[2].id, twin);
	ck_assert_uint_eq(list[3].id, UINT64_C(0x1111111111111111));

	memset(list, 0x11, sizeof(list));
	ck_assert_int_eq(gms_pins_in(space, FX_RANGE(24, 1), list, 1, &found), 0);
	ck_assert_uint_eq(found, 3);
	ck_assert_uint_eq(list[0].id, early);
	ck_assert_uint_eq(list[1].id, UINT64_C(0x1111111111111111));
	ck_assert_int_eq(gms_pins_in(space, FX_RANGE(40, 460), NULL, 0, &found), 0);
	ck_assert_uint_eq(found, 0);
	ck_assert_int_eq(gms_pins_in(space, FX_RANGE(0, UINT64_MAX), NULL, 0, &found), 0);
	ck_assert_uint_eq(found, 4);
}
END_TEST

START_TEST(pins_in_refuses_bad_input)
{
	struct gms_pin_info info;
	size_t found;

	ck_assert_int_eq(gms_pins_in(NULL, FX_RANGE(0, 1), &info, 1, &found), -EINVAL);
	ck_assert_int_eq(gms_pins_in(space, FX_RANGE(0, 1), NULL, 1, &found), -EINVAL);
	ck_assert_int_eq(gms_pins_in(space, FX_RANGE(0, 1), &info, 1, NULL), -EINVAL);
	ck_assert_int_eq(gms_pins_in(space, FX_RANGE(0, 0), &info, 1, &found), -EINVAL);
	ck_assert_int_eq(gms_pins_in(space, FX_RANGE(9, UINT64_MAX), &info, 1, &found), -EINVAL);
}
END_TEST

START_TEST(many_pins_are_counted_and_listed)
{
	enum { MANY = 3000 };
	static gms_pin_id ids[MANY];
	struct gms_acct acct;
	size_t found;

	for (size_t i = 0; i < MANY; i++)
		ids[i] = pin(i % 1000, 1 + i % 24, i);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.pins, MANY);
	ck_assert_int_eq(gms_pins_in(space, FX_RANGE(0, 1024), NULL, 0, &found), 0);
	ck_assert_uint_eq(found, MANY);
	fx_check(space);
	for (size_t i = 0; i < MANY; i++)	/* 7 and MANY have no common factor */
		ck_assert_int_eq(gms_unpin(space, ids[(i * 7) % MANY]), 0);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.pins, 0);
	ck_assert_uint_eq(acct.pinned_pages, 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 1024), NULL), 0);
}
END_TEST

/* --- across GiB ---------------------------------------------------------- */

static struct fx_mem large_mem;
static struct gms_space *large;

/* 40 GiB of shared 1G folios. */
static void setup_large(void)
{
	fx_mem_init(&large_mem);
	large = fx_plain_space(&large_mem);
	fx_region(large, FX_RANGE(0, 40 * FX_1G), 18, S | D | P, NULL);
}

static void teardown_large(void)
{
	fx_check(large);
	fx_space_done(large, &large_mem);
}

static gms_pin_id pin_large(gms_gfn first, uint64_t npages)
{
	gms_pin_id id = 0;

	ck_assert_int_eq(gms_pin(large, FX_RANGE(first, npages), 0, first, &id, NULL), 0);
	return id;
}

static void refuse_large(gms_gfn first, uint64_t npages, gms_gfn lowest)
{
	struct gms_convert_result result;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_unshare(large, FX_RANGE(first, npages), &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, lowest);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
}

START_TEST(a_pin_across_a_border_blocks_both_sides)	/* _i: GiB after it that it reaches */
{
	const gms_gfn border = 3 * FX_1G, end = border + (uint64_t)_i * FX_1G + 3;
	const gms_pin_id id = pin_large(border - 2, end - border + 2);

	refuse_large(border - 2, 1, border - 2);
	refuse_large(border - FX_2M, FX_2M, border - 2);
	refuse_large(border, FX_2M, border);
	refuse_large(end - 1, FX_1G, end - 1);
	refuse_large(2 * FX_1G, FX_1G, border - 2);
	refuse_large(0, 40 * FX_1G, border - 2);
	ck_assert_int_eq(gms_unshare(large, FX_RANGE(border - 12, 10), NULL), 0);
	ck_assert_int_eq(gms_unshare(large, FX_RANGE(end, 10), NULL), 0);
	ck_assert_int_eq(gms_share(large, FX_RANGE(0, 40 * FX_1G), NULL), 0);
	/* Whole in state, but held: they stay cut until the pin goes. */
	ck_assert_uint_eq(fx_order_at(large, border - 1), 0);
	ck_assert_uint_eq(fx_order_at(large, end - 1), 0);
	ck_assert_int_eq(gms_unpin(large, id), 0);
	ck_assert_uint_eq(fx_order_at(large, border - 1), 18);
	ck_assert_uint_eq(fx_order_at(large, end - 1), 18);
	ck_assert_int_eq(gms_unpin(large, id), -ENOENT);
	ck_assert_int_eq(gms_unshare(large, FX_RANGE(0, 40 * FX_1G), NULL), 0);
}
END_TEST

/* A GiB 32 further on has the same stripe, and its pins are not in the way here. */
START_TEST(a_pin_elsewhere_is_in_nobodys_way)
{
	const gms_pin_id near = pin_large(FX_1G + 5, 1), far = pin_large(33 * FX_1G + 5, 1);
	const gms_pin_id across = pin_large(34 * FX_1G - 1, 2);

	ck_assert_int_eq(gms_unshare(large, FX_RANGE(0, FX_1G), NULL), 0);
	ck_assert_int_eq(gms_unshare(large, FX_RANGE(2 * FX_1G, 31 * FX_1G), NULL), 0);
	ck_assert_int_eq(gms_unshare(large, FX_RANGE(FX_1G + FX_2M, FX_2M), NULL), 0);
	refuse_large(33 * FX_1G, FX_1G, 33 * FX_1G + 5);
	ck_assert_int_eq(gms_unpin(large, far), 0);
	refuse_large(33 * FX_1G, FX_1G, 34 * FX_1G - 1);
	refuse_large(FX_1G, FX_1G, FX_1G + 5);
	ck_assert_int_eq(gms_unpin(large, across), 0);
	ck_assert_int_eq(gms_unshare(large, FX_RANGE(33 * FX_1G, 7 * FX_1G), NULL), 0);
	ck_assert_int_eq(gms_unpin(large, near), 0);
	ck_assert_int_eq(gms_unshare(large, FX_RANGE(FX_1G, FX_1G), NULL), 0);
}
END_TEST

START_TEST(pins_of_many_gib_are_listed_in_order)
{
	/* By first, then by age, with pins within a GiB and across several in turn. */
	const struct gms_range range[] = {
		{ 0, 38 * FX_1G }, { 7, 1 }, { 7, FX_1G }, { 7, 2 }, { FX_1G - 1, 1 },
		{ FX_1G - 1, 2 }, { FX_1G, 1 }, { 5 * FX_1G, 33 * FX_1G }, { 5 * FX_1G, 1 },
		{ 32 * FX_1G + 7, 1 }, { 33 * FX_1G, FX_1G }, { 33 * FX_1G, FX_1G + 1 },
		{ 37 * FX_1G, 2 }, { 37 * FX_1G + 1, 1 },
	};
	/* Made in another order, but twins (the same first) in this one. */
	const size_t order[] = { 9, 7, 8, 4, 13, 0, 5, 1, 10, 2, 11, 3, 12, 6 };
	enum { N = sizeof(range) / sizeof(range[0]) };
	struct gms_pin_info list[N];
	gms_pin_id id[N];
	size_t found;

	for (size_t i = 0; i < N; i++)
		id[order[i]] = pin_large(range[order[i]].first, range[order[i]].npages);
	ck_assert_int_eq(gms_pins_in(large, FX_ALL, list, N, &found), 0);
	ck_assert_uint_eq(found, N);
	for (size_t i = 0; i < N; i++) {
		ck_assert_uint_eq(list[i].id, id[i]);
		ck_assert_uint_eq(list[i].range.first, range[i].first);
		ck_assert_uint_eq(list[i].range.npages, range[i].npages);
	}
	ck_assert_int_eq(gms_pins_in(large, FX_RANGE(FX_1G, 1), list, N, &found), 0);
	ck_assert_uint_eq(found, 4);
	ck_assert_uint_eq(list[0].id, id[0]);
	ck_assert_uint_eq(list[1].id, id[2]);
	ck_assert_uint_eq(list[2].id, id[5]);
	ck_assert_uint_eq(list[3].id, id[6]);
	for (size_t i = 0; i < N; i++)
		ck_assert_int_eq(gms_unpin(large, id[(i * 3) % N]), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pin");
	TCase *tc = fx_case(s, "query");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, query_counts_and_names_the_first_refused);
	tcase_add_loop_test(tc, state_decides_who_may_be_pinned, 0,
			    (int)(sizeof(refusals) / sizeof(refusals[0])));
	tcase_add_test(tc, query_refuses_bad_input);
	tcase_add_test(tc, iter_tiles_the_range);
	tcase_add_test(tc, iter_ends_a_run_where_the_region_ends);
	tcase_add_test(tc, iter_refuses_bad_input);

	tc = fx_case(s, "pin");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, pin_refuses_bad_input);
	tcase_add_test(tc, unpin_works_once);
	tcase_add_test(tc, pinned_page_blocks_unshare_until_unpin);
	tcase_add_test(tc, error_gfn_is_clamped_to_the_range);
	tcase_add_test(tc, overlapping_pins_all_count);
	tcase_add_test(tc, pins_hold_memory_direct_map_and_presence);
	tcase_add_test(tc, a_pin_may_span_regions);
	tcase_add_test(tc, pins_in_lists_by_first_then_age);
	tcase_add_test(tc, pins_in_refuses_bad_input);
	tcase_add_test(tc, many_pins_are_counted_and_listed);

	tc = fx_case(s, "across");
	tcase_add_checked_fixture(tc, setup_large, teardown_large);
	tcase_add_loop_test(tc, a_pin_across_a_border_blocks_both_sides, 0, 3);
	tcase_add_test(tc, a_pin_elsewhere_is_in_nobodys_way);
	tcase_add_test(tc, pins_of_many_gib_are_listed_in_order);
	return fx_run(s);
}

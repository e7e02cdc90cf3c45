/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of folio.h: looking, cutting, growing, and the policies. */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define FIRST	FX_1G		/* one region of 2 GiB from here */

static struct fx_mem mem;
static struct gms_space *space;

static void begin(uint32_t base_order, uint32_t split, uint32_t merge)
{
	fx_mem_init(&mem);
	space = fx_space(&mem, GMS_PROFILE_GENERIC, split, merge);
	fx_region(space, FX_RANGE(FIRST, 2 * FX_1G), base_order, D, NULL);
}

static void begin_eager(void)
{
	begin(18, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
}

static void begin_explicit(void)
{
	begin(18, GMS_SPLIT_LEVELS, GMS_MERGE_EXPLICIT);
}

static void begin_none(void)
{
	begin(18, GMS_SPLIT_NONE, GMS_MERGE_EAGER);
}

static void end(void)
{
	fx_space_done(space, &mem);
}

/* How many folios of each order there are, by walking and by the ledger. */
static void folios_are(uint64_t of_1g, uint64_t of_2m, uint64_t of_4k)
{
	uint64_t seen[3] = { 0, 0, 0 };
	struct gms_folio_iter it;
	struct gms_folio folio;
	struct gms_acct acct;
	gms_gfn next = FIRST;

	ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_ALL), 0);
	while (gms_folio_iter_next(&it, &folio)) {	/* I6: no gap, no overlap, aligned */
		ck_assert_uint_eq(folio.first, next);
		ck_assert(folio.order == 0 || folio.order == 9 || folio.order == 18);
		ck_assert_uint_eq(folio.first & ((UINT64_C(1) << folio.order) - 1), 0);
		ck_assert_uint_eq(folio.reserved, 0);
		next += UINT64_C(1) << folio.order;
		seen[folio.order / 9]++;
	}
	ck_assert_uint_eq(next, FIRST + 2 * FX_1G);
	ck_assert_uint_eq(seen[2], of_1g);
	ck_assert_uint_eq(seen[1], of_2m);
	ck_assert_uint_eq(seen[0], of_4k);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.folios_1g, of_1g);
	ck_assert_uint_eq(acct.folios_2m, of_2m);
	ck_assert_uint_eq(acct.folios_4k, of_4k);
	fx_check(space);
}

START_TEST(look_refuses_bad_input)
{
	struct gms_folio_iter it;
	struct gms_folio folio;

	ck_assert_int_eq(gms_folio_at(NULL, FIRST, &folio), -EINVAL);
	ck_assert_int_eq(gms_folio_at(space, FIRST, NULL), -EINVAL);
	ck_assert_int_eq(gms_folio_at(space, FIRST - 1, &folio), -ENOENT);
	ck_assert_int_eq(gms_folio_at(space, FIRST + 2 * FX_1G, &folio), -ENOENT);
	ck_assert_int_eq(gms_folio_at(space, UINT64_MAX, &folio), -ENOENT);

	ck_assert_int_eq(gms_folio_iter_init(NULL, space, FX_ALL), -EINVAL);
	ck_assert_int_eq(gms_folio_iter_init(&it, NULL, FX_ALL), -EINVAL);
	ck_assert(!gms_folio_iter_next(&it, &folio));
	ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_RANGE(FIRST, 0)), -EINVAL);
	ck_assert(!gms_folio_iter_next(&it, &folio));
	ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_RANGE(FIRST, UINT64_MAX)), -EINVAL);
	ck_assert(!gms_folio_iter_next(&it, &folio));
	ck_assert(!gms_folio_iter_next(NULL, &folio));
	ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_ALL), 0);
	ck_assert(!gms_folio_iter_next(&it, NULL));
}
END_TEST

START_TEST(iter_gives_folios_that_stick_out)
{
	struct gms_folio_iter it;
	struct gms_folio folio;

	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 600, 1), NULL), 0);
	ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_RANGE(FIRST + 511, 2)), 0);
	ck_assert(gms_folio_iter_next(&it, &folio));
	ck_assert_uint_eq(folio.first, FIRST);
	ck_assert_uint_eq(folio.order, 9);
	ck_assert(gms_folio_iter_next(&it, &folio));
	ck_assert_uint_eq(folio.first, FIRST + 512);
	ck_assert_uint_eq(folio.order, 0);
	ck_assert(!gms_folio_iter_next(&it, &folio));

	ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_RANGE(0, FIRST)), 0);
	ck_assert(!gms_folio_iter_next(&it, &folio));
}
END_TEST

START_TEST(folio_counts_its_shared_pages)
{
	struct gms_folio folio;

	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 512, 512), NULL), 0);
	ck_assert_int_eq(gms_folio_at(space, FIRST + 700, &folio), 0);
	ck_assert_uint_eq(folio.first, FIRST + 512);
	ck_assert_uint_eq(folio.order, 9);
	ck_assert_uint_eq(folio.shared_pages, 512);
	ck_assert_uint_eq(folio.flags, 0);
	ck_assert_int_eq(gms_folio_at(space, FIRST + FX_1G, &folio), 0);
	ck_assert_uint_eq(folio.order, 18);
	ck_assert_uint_eq(folio.shared_pages, 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + FX_1G, FX_1G), NULL), 0);
	ck_assert_int_eq(gms_folio_at(space, FIRST + FX_1G + 5, &folio), 0);
	ck_assert_uint_eq(folio.order, 18);
	ck_assert_uint_eq(folio.shared_pages, FX_1G);
}
END_TEST

START_TEST(levels_cut_only_along_the_path)	/* C8 */
{
	struct gms_convert_result result;

	GMS_INIT(&result);
	folios_are(2, 0, 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 777, 1), &result), 0);
	folios_are(1, 511, 512);
	ck_assert_uint_eq(result.splits, 2);
	ck_assert_uint_eq(result.merges, 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_1G), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_2M), 1);

	GMS_INIT(&result);	/* whole 2M folios need one cut of the 1G, none of their own */
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + FX_1G + 512, 1024), &result), 0);
	folios_are(0, 511 + 512, 512);
	ck_assert_uint_eq(result.splits, 1);

	GMS_INIT(&result);	/* a range with a ragged head and tail cuts those two only */
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 5 * FX_2M + 1, 3 * FX_2M), &result), 0);
	folios_are(0, 511 + 512 - 2, 512 * 3);
	ck_assert_uint_eq(result.splits, 2);
}
END_TEST

START_TEST(eager_merges_in_the_commit_that_makes_it_possible)
{
	struct gms_convert_result result;

	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 777, 1), NULL), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FIRST + 777, 1), &result), 0);
	folios_are(2, 0, 0);
	ck_assert_uint_eq(result.merges, 2);
	ck_assert_uint_eq(result.splits, 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_MERGES_2M), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_MERGES_1G), 1);

	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 777, 1), NULL), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 512, 512), &result), 0);
	folios_are(1, 512, 0);
	ck_assert_uint_eq(result.merges, 1);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST, FX_1G), &result), 0);
	folios_are(2, 0, 0);
	ck_assert_uint_eq(result.merges, 1);
}
END_TEST

START_TEST(other_attributes_do_not_cut)
{
	const struct gms_change dirty = { FX_RANGE(FIRST + 9, 1), GMS_STATE_DIRTY, 0 };

	ck_assert_int_eq(gms_convert(space, &dirty, 1, NULL, NULL), 0);
	folios_are(2, 0, 0);
}
END_TEST

START_TEST(eager_waits_for_the_last_pin)
{
	gms_pin_id one, two;

	/* Two pins across the border of two 2M blocks, both shared, one of them cut. */
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST, 512 + 511), NULL), 0);
	folios_are(1, 511, 512);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(FIRST + 510, 10), 0, 1, &one, NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(FIRST + 515, 10), 0, 2, &two, NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST, FX_1G), NULL), 0);
	folios_are(1, 511, 512);
	ck_assert_int_eq(gms_unpin(space, one), 0);
	folios_are(1, 511, 512);
	ck_assert_int_eq(gms_unpin(space, two), 0);
	folios_are(2, 0, 0);
}
END_TEST

START_TEST(a_pin_elsewhere_in_the_gib_does_not_stop_2m_merges)
{
	gms_pin_id pin;

	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST, FX_1G - 1), NULL), 0);
	folios_are(1, 511, 512);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(FIRST, 1), 0, 1, &pin, NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST, FX_1G), NULL), 0);
	folios_are(1, 512, 0);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	folios_are(2, 0, 0);
}
END_TEST

START_TEST(explicit_merges_only_when_asked)
{
	const gms_gfn gfn = FIRST + 777;

	ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(gfn, 1), NULL), 0);
	folios_are(1, 511, 512);
	ck_assert_int_eq(gms_folio_merge(space, gfn, 0), 0);
	folios_are(1, 511, 512);
	ck_assert_int_eq(gms_folio_merge(space, gfn, 9), 0);
	folios_are(1, 512, 0);
	ck_assert_int_eq(gms_folio_merge(space, gfn, 9), 0);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 18), 0);
	folios_are(2, 0, 0);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 9), 0);	/* has more */
	folios_are(2, 0, 0);
}
END_TEST

START_TEST(explicit_merge_takes_both_levels_at_once)
{
	struct gms_acct acct;

	for (uint64_t b = 0; b < 512; b += 3)
		ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + b * FX_2M + b, 1), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FIRST, FX_1G), NULL), 0);
	folios_are(1, 512 - 171, 171 * 512);
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 12345, 18), 0);
	folios_are(2, 0, 0);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.event[GMS_ACCT_MERGES_1G].count, 1);
	ck_assert_uint_eq(acct.event[GMS_ACCT_MERGES_2M].count,
			  acct.event[GMS_ACCT_SPLITS_2M].count);
}
END_TEST

START_TEST(merge_of_a_mixed_or_pinned_block_changes_nothing)
{
	struct fx_snap before, after;
	gms_pin_id pin;

	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 777, 1), NULL), 0);
	fx_snap_take(&before, space, NULL);
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 777, 9), -EBUSY);
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 777, 18), -EBUSY);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 18), -EBUSY);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);

	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST, FX_1G), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(FIRST + 512, 1), 0, 1, &pin, NULL), 0);
	fx_snap_take(&before, space, NULL);
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 777, 9), -EAGAIN);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 18), -EAGAIN);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	folios_are(1, 511, 512);	/* EXPLICIT: unpin merges nothing */
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 18), 0);
	folios_are(2, 0, 0);
}
END_TEST

START_TEST(split_cuts_along_the_path)
{
	gms_pin_id pin;

	ck_assert_int_eq(gms_folio_split(space, FIRST + 777, 18), 0);
	folios_are(2, 0, 0);
	ck_assert_int_eq(gms_folio_split(space, FIRST + 777, 9), 0);
	folios_are(1, 512, 0);
	ck_assert_int_eq(gms_folio_split(space, FIRST + 777, 9), 0);
	ck_assert_int_eq(gms_folio_split(space, FIRST + 777, 18), 0);
	folios_are(1, 512, 0);
	ck_assert_int_eq(gms_folio_split(space, FIRST + FX_1G + 5, 0), 0);
	folios_are(0, 512 + 511, 512);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST, 512), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(FIRST + 3, 2), 0, 1, &pin, NULL), 0);
	ck_assert_int_eq(gms_folio_split(space, FIRST + 4, 0), 0);	/* pins do not prevent it */
	ck_assert_uint_eq(fx_order_at(space, FIRST + 4), 0);
	ck_assert_uint_eq(fx_order_at(space, FIRST + 512), 9);
	fx_check(space);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

START_TEST(split_and_merge_refuse_bad_input)
{
	static const unsigned strange[] = { 1, 8, 10, 17, 19, 64, UINT32_MAX };
	struct fx_snap before, after;

	fx_snap_take(&before, space, NULL);
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		ck_assert_int_eq(gms_folio_split(space, FIRST, strange[i]), -EINVAL);
		ck_assert_int_eq(gms_folio_merge(space, FIRST, strange[i]), -EINVAL);
	}
	ck_assert_int_eq(gms_folio_split(NULL, FIRST, 0), -EINVAL);
	ck_assert_int_eq(gms_folio_merge(NULL, FIRST, 9), -EINVAL);
	ck_assert_int_eq(gms_folio_split(space, FIRST - 1, 0), -ENOENT);
	ck_assert_int_eq(gms_folio_merge(space, FIRST - 1, 9), -ENOENT);
	ck_assert_int_eq(gms_folio_split(space, UINT64_MAX, 0), -ENOENT);
	ck_assert_int_eq(gms_folio_merge(space, UINT64_MAX, 9), -ENOENT);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);

	fx_region(space, FX_RANGE(0, 512), 0, D, NULL);
	ck_assert_int_eq(gms_folio_merge(space, 0, 9), -EINVAL);
	ck_assert_int_eq(gms_folio_merge(space, 0, 0), 0);
	ck_assert_int_eq(gms_folio_split(space, 0, 9), 0);	/* has less */
	fx_region(space, FX_RANGE(8 * FX_1G, FX_1G), 9, D, NULL);
	ck_assert_int_eq(gms_folio_merge(space, 8 * FX_1G, 18), -EINVAL);
}
END_TEST

START_TEST(none_tracks_mixed_folios_without_cutting)
{
	struct gms_folio folio;

	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 777, 3), NULL), 0);
	folios_are(2, 0, 0);
	ck_assert_int_eq(gms_folio_at(space, FIRST, &folio), 0);
	ck_assert_uint_eq(folio.flags, GMS_FOLIO_MIXED);
	ck_assert_uint_eq(folio.shared_pages, 3);
	ck_assert_uint_eq(gms_map_order(space, FIRST, S), 9);
	ck_assert_uint_eq(gms_map_order(space, FIRST + 777, S), 0);
	ck_assert_uint_eq(gms_map_order(space, FIRST + FX_1G, S), 18);
	ck_assert_int_eq(gms_folio_split(space, FIRST, 0), -EOPNOTSUPP);
	ck_assert_int_eq(gms_folio_split(space, FIRST, 9), -EOPNOTSUPP);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FIRST + 777, 3), NULL), 0);
	ck_assert_int_eq(gms_folio_at(space, FIRST, &folio), 0);
	ck_assert_uint_eq(folio.flags, 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_1G), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_MERGES_1G), 0);
}
END_TEST

/* What one page names is merged by, wherever it turns (C8). */
START_TEST(eager_merges_where_shared_is_named_and_nothing_turns)
{
	const struct gms_change dirty = { FX_RANGE(FIRST + 5, 1), GMS_STATE_SHARED | GMS_STATE_DIRTY, 0 };
	struct gms_convert_result result;
	struct gms_folio folio;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST, FX_2M), NULL), 0);
	ck_assert_int_eq(gms_folio_split(space, FIRST + 5, GMS_ORDER_4K), 0);
	ck_assert_int_eq(gms_convert(space, &dirty, 1, NULL, &result), 0);
	ck_assert_uint_eq(result.merges, 1);
	ck_assert_int_eq(gms_folio_at(space, FIRST + 5, &folio), 0);
	ck_assert_uint_eq(folio.order, GMS_ORDER_2M);
	fx_check(space);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("folio");
	TCase *tc = fx_case(s, "eager");

	tcase_add_checked_fixture(tc, begin_eager, end);
	tcase_add_test(tc, look_refuses_bad_input);
	tcase_add_test(tc, iter_gives_folios_that_stick_out);
	tcase_add_test(tc, folio_counts_its_shared_pages);
	tcase_add_test(tc, levels_cut_only_along_the_path);
	tcase_add_test(tc, eager_merges_in_the_commit_that_makes_it_possible);
	tcase_add_test(tc, other_attributes_do_not_cut);
	tcase_add_test(tc, eager_merges_where_shared_is_named_and_nothing_turns);
	tcase_add_test(tc, eager_waits_for_the_last_pin);
	tcase_add_test(tc, a_pin_elsewhere_in_the_gib_does_not_stop_2m_merges);

	tc = fx_case(s, "explicit");
	tcase_add_checked_fixture(tc, begin_explicit, end);
	tcase_add_test(tc, explicit_merges_only_when_asked);
	tcase_add_test(tc, explicit_merge_takes_both_levels_at_once);
	tcase_add_test(tc, merge_of_a_mixed_or_pinned_block_changes_nothing);
	tcase_add_test(tc, split_cuts_along_the_path);
	tcase_add_test(tc, split_and_merge_refuse_bad_input);

	tc = fx_case(s, "none");
	tcase_add_checked_fixture(tc, begin_none, end);
	tcase_add_test(tc, none_tracks_mixed_folios_without_cutting);
	return fx_run(s);
}

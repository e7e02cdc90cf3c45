/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/map/changes.c: what readers are told while a writer is at
 * work, which no test with threads meets often, and numbers that wrap.
 */
#include "fixture.h"

#include "map/changes.h"

static struct fx_mem fx;
static struct gms__map *map;
static struct gms__region row;

static void open_map(void)
{
	struct gms__region new;
	uint64_t check;

	fx_mem_init(&fx);
	map = aligned_alloc(GMS__CACHE_LINE, (sizeof(*map) + 63) / 64 * 64);
	ck_assert_ptr_nonnull(map);
	ck_assert_int_eq(gms__map_init(map, &fx.ops, GMS__KEEPS_CHANGES), 0);
	memset(&new, 0, sizeof(new));
	new.first = FX_1G;
	new.npages = 3 * FX_1G;
	new.id_order = UINT64_C(1) << 16 | 9;
	gms__map_change_begin(map, GMS__ALL_STRIPES);
	ck_assert_int_eq(gms__region_insert(map, &new, 0, false), 0);
	gms__map_change_end(map, GMS__ALL_STRIPES);
	ck_assert(gms__region_find(map, FX_1G, &row, &check));
}

static void close_map(void)
{
	gms__map_fini(map);
	free(map);
	ck_assert_uint_eq(fx.live_blocks, 0);
}

static bool tells(uint64_t since, gms_gfn gfn)
{
	gms_gfn first, end;

	return gms__changes_next(map, since, gfn, &first, &end) && first == gfn;
}

static void change(gms_gfn gfn)
{
	const uint64_t stripe = UINT64_C(1) << gms__stripe_of(gfn);

	gms__map_change_begin(map, stripe);
	gms__changes_note(map, &row, gfn, gfn + 1);
	gms__map_change_end(map, stripe);
}

/* H2 and H3: the number is taken, others go on, and only then come the stamps. */
START_TEST(who_is_not_done_is_told_of_later)	/* _i: the owner of many GiB, or of a stripe */
{
	struct gms__stripe *stripe;
	uint64_t before, during, *seq, *began;

	open_map();
	stripe = &map->stripe[gms__stripe_of(FX_1G)];
	seq = _i ? &map->large_seq : &stripe->seq;
	began = _i ? &map->large_began : &stripe->began;
	before = gms__changes_now(map);
	gms__map_odd(map, seq, began);
	ck_assert_uint_eq(gms__changes_now(map), before);
	gms__changes_note(map, &row, FX_1G, FX_1G + 1);
	for (int i = 0; i < 3; i++)
		change(2 * FX_1G);
	/* Done is what began later, and it is told of; but not up to it. */
	during = gms__changes_now(map);
	ck_assert_uint_eq(during, before);
	ck_assert(tells(before, FX_1G));
	ck_assert(tells(before, 2 * FX_1G));
	/* The rest of its stamps, with the number of before or the next one. */
	gms__changes_note(map, &row, FX_1G + 5 * FX_2M, FX_1G + 5 * FX_2M + 1);
	gms__store(seq, *seq + 1);
	ck_assert(tells(during, FX_1G + 5 * FX_2M));
	ck_assert_uint_eq(gms__changes_now(map), map->generation);
	ck_assert_uint_eq(map->generation, before + 5);
	ck_assert(!tells(gms__changes_now(map), FX_1G + 5 * FX_2M));
	close_map();
}
END_TEST

/* Nor one that follows others in its stripe. */
START_TEST(a_change_in_hand_is_not_counted)
{
	uint64_t at;

	open_map();
	change(FX_1G);
	at = gms__changes_now(map);
	gms__map_change_begin(map, 1u << gms__stripe_of(FX_1G));
	gms__changes_note(map, &row, FX_1G, FX_1G + FX_2M);
	ck_assert_uint_eq(gms__changes_now(map), at);
	gms__map_change_end(map, 1u << gms__stripe_of(FX_1G));
	ck_assert_uint_eq(gms__changes_now(map), at + 1);
	close_map();
}
END_TEST

START_TEST(stamps_wrap_and_leave_nothing_out)	/* _i: how far before the wrap it begins */
{
	uint64_t since;

	open_map();
	map->generation = (map->generation | UINT32_MAX) - (uint64_t)_i;
	since = gms__changes_now(map);
	for (int i = 0; i < 6; i++) {
		ck_assert(!tells(since + (uint64_t)i, FX_1G + 7 * FX_2M));
		change(FX_1G + 7 * FX_2M);
		ck_assert(tells(since + (uint64_t)i, FX_1G + 7 * FX_2M));
		ck_assert(tells(since, FX_1G + 7 * FX_2M));
	}
	ck_assert(!tells(gms__changes_now(map), FX_1G + 7 * FX_2M));
	close_map();
}
END_TEST

START_TEST(what_is_long_ago_is_told_too_much_of)
{
	uint64_t since, long_ago;

	open_map();
	change(FX_1G);
	change(FX_1G);
	long_ago = gms__changes_now(map);
	/* 2^32 less one: the stamp is older than since, and far from looking young. */
	map->generation += UINT32_MAX - 1;
	since = gms__changes_now(map);
	change(2 * FX_1G);
	ck_assert(!tells(since, FX_1G));
	ck_assert(tells(since, 2 * FX_1G));
	/* Who asks since before that is told of all. */
	ck_assert(!tells(long_ago, FX_1G));
	change(2 * FX_1G);
	ck_assert(tells(long_ago, FX_1G));
	ck_assert(tells(long_ago, 3 * FX_1G));
	/* And a stamp of 2^32 ago looks like one of now. */
	ck_assert(tells(since + 1, FX_1G));
	close_map();
}
END_TEST

START_TEST(a_stretch_is_as_long_as_it_can_be)
{
	gms_gfn first, end;
	uint64_t since;

	open_map();
	since = gms__changes_now(map);
	ck_assert(!gms__changes_next(map, since, 0, &first, &end));
	gms__map_change_begin(map, GMS__ALL_STRIPES);
	gms__changes_note(map, &row, 2 * FX_1G - 1, 3 * FX_1G + 513);
	gms__map_change_end(map, GMS__ALL_STRIPES);
	ck_assert(gms__changes_next(map, since, 0, &first, &end));
	ck_assert_uint_eq(first, 2 * FX_1G - FX_2M);
	ck_assert_uint_eq(end, 3 * FX_1G + 2 * FX_2M);
	ck_assert(!gms__changes_next(map, since, end, &first, &end));
	/* 0 is before everything. */
	ck_assert(gms__changes_tell(map, 0));
	ck_assert(gms__changes_next(map, 0, 0, &first, &end));
	ck_assert_uint_eq(first, FX_1G);
	ck_assert_uint_eq(end, 4 * FX_1G);
	close_map();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("changes");
	TCase *tc = fx_case(s, "readers");

	tcase_add_loop_test(tc, who_is_not_done_is_told_of_later, 0, 2);
	tcase_add_test(tc, a_change_in_hand_is_not_counted);
	tc = fx_case(s, "numbers");
	tcase_add_loop_test(tc, stamps_wrap_and_leave_nothing_out, 0, 6);
	tcase_add_test(tc, what_is_long_ago_is_told_too_much_of);
	tcase_add_test(tc, a_stretch_is_as_long_as_it_can_be);
	return fx_run(s);
}

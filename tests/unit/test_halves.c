/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/map/halves.c and turns.c: marks against an array of
 * orders, trees that come from the hand and go back, and ages.
 */
#include "fixture.h"

#include "map/halves.h"
#include "map/turns.h"

static struct fx_mem fx;
static struct gms__map *map;
static struct gms__region row;
static uint8_t *orders;		/* of each page's folio */

static void open_map(unsigned base)
{
	struct gms__region new;
	uint64_t check;

	fx_mem_init(&fx);
	map = aligned_alloc(GMS__CACHE_LINE, (sizeof(*map) + 63) / 64 * 64);
	ck_assert_ptr_nonnull(map);
	ck_assert_int_eq(gms__map_init(map, &fx.ops, GMS__KEEPS_HALVES | GMS__KEEPS_TURNS), 0);
	memset(&new, 0, sizeof(new));
	new.first = FX_1G;
	new.npages = 2 * FX_1G;
	new.id_order = UINT64_C(1) << 16 | base;
	ck_assert_int_eq(gms__region_insert(map, &new, 0, false), 0);
	ck_assert(gms__region_find(map, FX_1G, &row, &check));
	orders = malloc(2 * FX_1G);
	ck_assert_ptr_nonnull(orders);
	memset(orders, (int)base, 2 * FX_1G);
}

static void close_map(void)
{
	free(orders);
	gms__map_fini(map);
	free(map);
	ck_assert_uint_eq(fx.live_blocks, 0);
}

static uint64_t trees_used(void)
{
	return map->leaves[GMS__LEAF64].ntotal - map->leaves[GMS__LEAF64].nfree;
}

/* One cut, or its undoing, with what it may want in hand. */
static void set(gms_gfn gfn, unsigned order, bool cut)
{
	const gms_gfn first = gfn >> order << order;
	struct gms__tables hand;

	memset(&hand, 0, sizeof(hand));
	ck_assert_int_eq(gms__pool_take(&map->chunks, &hand.chunks, 1, true), 0);
	ck_assert_int_eq(gms__pool_take(&map->leaves[GMS__LEAF64], &hand.leaves[GMS__LEAF64], 1,
					true), 0);
	gms__map_set_split(map, &row, gfn, order, cut, &hand);
	gms__tables_put(map, &hand);
	memset(&orders[first - FX_1G], (int)(cut ? order - 1 : order), UINT64_C(1) << order);
}

static unsigned order_at(gms_gfn gfn)
{
	struct gms__region found;
	unsigned order = 99;

	ck_assert(gms__halves_folio(map, gfn, &found, &order));
	ck_assert_uint_eq(found.first, row.first);
	return order;
}

static void compare(void)
{
	gms_gfn gfn = FX_1G;
	bool same = true;

	while (gfn < 3 * FX_1G) {
		const unsigned order = order_at(gfn);

		same &= order == orders[gfn - FX_1G];
		for (unsigned o = order + 1; o <= gms__region_order(&row); o++)
			same &= gms__map_is_split(&row, gfn, o);
		same &= !order || !gms__map_is_split(&row, gfn, order);
		gfn = ((gfn >> order) + 1) << order;
	}
	ck_assert(same && gfn == 3 * FX_1G);
}

START_TEST(marks_are_what_was_marked)	/* _i: base order 9 or 18 */
{
	const unsigned base = _i ? 18 : 9;
	struct fx_rand rand;
	uint64_t cuts = 0;

	open_map(base);
	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	compare();
	for (unsigned step = 0; step < 4000; step++) {
		/* A few places, so that what is cut is met again. */
		const gms_gfn gfn = FX_1G + fx_rand_below(&rand, 4) * (FX_1G / 2 - 700) +
				    fx_rand_below(&rand, 1500);
		const unsigned order = orders[gfn - FX_1G];

		if (order && fx_rand_odds(&rand, 4, 5)) {
			set(gfn, order, true);
			cuts++;
		} else if (order < base && orders[(gfn ^ UINT64_C(1) << order) - FX_1G] == order) {
			set(gfn, order + 1, false);
			cuts--;
		}
		if (step % 500 == 0)
			compare();
	}
	compare();
	ck_assert_uint_gt(cuts, 0);
	/* Undone from the small to the large, nothing is left but idle chunks. */
	for (unsigned order = 0; order < base; order++)
		for (gms_gfn gfn = FX_1G; gfn < 3 * FX_1G; gfn += UINT64_C(2) << order)
			if (orders[gfn - FX_1G] == order)
				set(gfn, order + 1, false);
	compare();
	ck_assert_uint_eq(trees_used(), 0);
	for (gms_gfn gfn = FX_1G; gfn < 3 * FX_1G; gfn += FX_1G)
		ck_assert(!gms__map_any_split_2m(&row, gfn));
	close_map();
}
END_TEST

START_TEST(a_tree_is_there_while_its_block_is_split)
{
	uint64_t generation;

	open_map(18);
	for (unsigned order = 18; order > 9; order--)
		set(FX_1G + 600, order, true);
	ck_assert_uint_eq(trees_used(), 0);
	set(FX_1G + 600, 9, true);
	ck_assert_uint_eq(trees_used(), 1);
	for (unsigned order = 8; order; order--)
		set(FX_1G + 600, order, true);
	ck_assert_uint_eq(trees_used(), 1);
	ck_assert_uint_eq(order_at(FX_1G + 600), 0);
	ck_assert_uint_eq(order_at(FX_1G + 601), 0);
	ck_assert_uint_eq(order_at(FX_1G + 602), 1);
	ck_assert_uint_eq(order_at(FX_1G), 9);
	ck_assert_uint_eq(order_at(2 * FX_1G - 1), 17);
	for (unsigned order = 1; order < 9; order++)
		set(FX_1G + 600, order, false);
	/* W2: readers must learn that the tree is another's now. */
	generation = gms__chunk_of(&row, FX_1G)->generation;
	set(FX_1G + 600, 9, false);
	ck_assert_uint_eq(gms__chunk_of(&row, FX_1G)->generation, generation + 1);
	ck_assert_uint_eq(trees_used(), 0);
	/* The next block's tree is clean, though another had it. */
	set(FX_1G, 9, true);
	ck_assert_uint_eq(order_at(FX_1G), 8);
	ck_assert_uint_eq(order_at(FX_1G + 88), 8);
	set(FX_1G, 9, false);
	close_map();
}
END_TEST

START_TEST(a_region_gives_its_trees_back)
{
	open_map(9);
	for (gms_gfn gfn = FX_1G; gfn < FX_1G + 20 * FX_2M; gfn += FX_2M)
		set(gfn, 9, true);
	ck_assert_uint_eq(trees_used(), 20);
	gms__region_delete(map, gms__region_id(&row));
	ck_assert_uint_eq(trees_used(), 0);
	close_map();
}
END_TEST

START_TEST(ages_are_those_of_the_youngest_page)
{
	open_map(18);
	ck_assert_uint_eq(gms__turns_age(&row, FX_1G, 9, 7), 7);
	gms__turns_note(gms__words_of(&row)->turns, &row, FX_1G + 600, FX_1G + 601, 10);
	ck_assert_uint_eq(gms__turns_age(&row, FX_1G + 512, 9, 12), 2);
	ck_assert_uint_eq(gms__turns_age(&row, FX_1G + 512, 3, 12), 2);
	ck_assert_uint_eq(gms__turns_age(&row, FX_1G, 9, 12), 12);
	ck_assert_uint_eq(gms__turns_age(&row, FX_1G, 10, 12), 2);
	ck_assert_uint_eq(gms__turns_age(&row, FX_1G, 18, 12), 2);
	ck_assert_uint_eq(gms__turns_age(&row, FX_1G + FX_1G / 2, 17, 12), 12);
	ck_assert_uint_eq(gms__turns_age(&row, 2 * FX_1G, 18, 12), 12);
	/* A GiB that turns whole, and the ends of what goes over borders. */
	gms__turns_note(gms__words_of(&row)->turns, &row, 2 * FX_1G - 1, 3 * FX_1G, 20);
	ck_assert_uint_eq(gms__turns_age(&row, 2 * FX_1G + 5 * FX_2M, 9, 25), 5);
	ck_assert_uint_eq(gms__turns_age(&row, 2 * FX_1G - 1, 9, 25), 5);
	ck_assert_uint_eq(gms__turns_age(&row, 2 * FX_1G - FX_2M - 1, 9, 25), 25);
	/* The count wraps. */
	gms__turns_note(gms__words_of(&row)->turns, &row, 2 * FX_1G, 3 * FX_1G, UINT32_MAX - 1);
	ck_assert_uint_eq(gms__turns_age(&row, 2 * FX_1G, 18, 3), 5);
	close_map();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("halves");
	TCase *tc = fx_case(s, "marks");

	fx_seed();
	tcase_add_loop_test(tc, marks_are_what_was_marked, 0, 2);
	tcase_add_test(tc, a_tree_is_there_while_its_block_is_split);
	tcase_add_test(tc, a_region_gives_its_trees_back);
	tc = fx_case(s, "ages");
	tcase_add_test(tc, ages_are_those_of_the_youngest_page);
	return fx_run(s);
}

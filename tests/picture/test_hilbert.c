/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of lib/picture/hilbert.c: the curve fills its square, step by step. */
#include <check.h>
#include <stdlib.h>

#include "fixture.h"
#include "picture/hilbert.h"

static bool are_neighbours(uint32_t x, uint32_t y, uint32_t u, uint32_t v)
{
	return (x == u && (y + 1 == v || v + 1 == y)) || (y == v && (x + 1 == u || u + 1 == x));
}

/* _i: the order */
START_TEST(curve_visits_each_cell_once_and_steps_to_a_neighbour)
{
	const uint32_t side = UINT32_C(1) << _i;
	const uint64_t ncells = (uint64_t)side * side;
	unsigned char *seen = calloc(ncells, 1);
	uint32_t x, y, last_x = 0, last_y = 0;
	uint64_t outside = 0, twice = 0, jumps = 0;

	for (uint64_t i = 0; i < ncells; i++) {
		picture_hilbert((unsigned int)_i, i, &x, &y);
		if (x >= side || y >= side) {
			outside++;
			continue;
		}
		twice += seen[(uint64_t)y * side + x]++;
		jumps += i && !are_neighbours(x, y, last_x, last_y);
		last_x = x;
		last_y = y;
	}
	ck_assert_uint_eq(outside, 0);
	ck_assert_uint_eq(twice, 0);
	ck_assert_uint_eq(jumps, 0);
	/* It ends at the bottom left. */
	ck_assert_uint_eq(last_x, 0);
	ck_assert_uint_eq(last_y, side - 1);
	free(seen);
}
END_TEST

/* _i: the order; the square is too large to visit all of it */
START_TEST(large_curve_steps_to_a_neighbour)
{
	struct fx_rand rand;
	uint64_t jumps = 0;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	for (unsigned int i = 0; i < 100000; i++) {
		const uint64_t at = fx_rand_below(&rand, (UINT64_C(1) << (2 * _i)) - 1);
		uint32_t x, y, u, v;

		picture_hilbert((unsigned int)_i, at, &x, &y);
		picture_hilbert((unsigned int)_i, at + 1, &u, &v);
		jumps += !are_neighbours(x, y, u, v);
	}
	ck_assert_uint_eq(jumps, 0);
}
END_TEST

/* An aligned power of four of cells is a square at a multiple of its side. */
START_TEST(aligned_cells_are_a_square)
{
	uint64_t elsewhere = 0;

	for (uint64_t i = 0; i < 1 << 14; i++) {
		uint32_t x, y, u, v;

		picture_hilbert(7, i, &x, &y);
		picture_hilbert(4, i / 64, &u, &v);
		elsewhere += x / 8 != u || y / 8 != v;
	}
	/* And so is each of its 64 cells long parts, whatever the curve around it. */
	for (uint64_t i = 0; i < 1 << 14; i += 64) {
		uint32_t x, y, u, v;

		picture_hilbert(7, i, &x, &y);
		for (uint64_t k = 1; k < 64; k++) {
			picture_hilbert(7, i + k, &u, &v);
			elsewhere += u / 8 != x / 8 || v / 8 != y / 8;
		}
	}
	ck_assert_uint_eq(elsewhere, 0);
}
END_TEST

START_TEST(order_is_the_smallest_with_room)
{
	ck_assert_uint_eq(picture_hilbert_order(1), 0);
	ck_assert_uint_eq(picture_hilbert_order(2), 1);
	for (unsigned int order = 1; order < PICTURE_HILBERT_ORDERS; order++) {
		const uint64_t room = UINT64_C(1) << (2 * order);

		ck_assert_uint_eq(picture_hilbert_order(room), order);
		ck_assert_uint_eq(picture_hilbert_order(room / 4 + 1), order);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hilbert");
	TCase *curve = fx_case(suite, "curve");

	tcase_add_loop_test(curve, curve_visits_each_cell_once_and_steps_to_a_neighbour, 0, 11);
	tcase_add_loop_test(curve, large_curve_steps_to_a_neighbour, 11, PICTURE_HILBERT_ORDERS);
	tcase_add_test(curve, aligned_cells_are_a_square);
	tcase_add_test(curve, order_is_the_smallest_with_room);
	return fx_run(suite);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests against a guest that fragments its memory on purpose: what
 * metadata it can make its host keep, that all of it comes back when the guest's
 * memory is uniform again, and what friendlier guests cost.
 *
 * GMS_ADVERSARY_GIB sets the size of the guests that alternate; the caps are for
 * 64 GiB and more.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define FLAT	(64 * FX_1G / 8)	/* bytes of one bit a page of 64 GiB */

/*
 * What may stay in use after a guest became uniform again, beside what a fresh
 * space has. A GiB that was just made uniform keeps its table of 512 words and
 * their counts, for the guest may come back to it, but no more than 64 of them
 * are kept; a table is less than 4.5 KiB. And of each slab that was once needed,
 * a cache line is the slab's own: less than 1 byte in 128 of them all.
 */
#define KEPT_TABLES	(UINT64_C(64) * 4608)
#define SLAB_SHARE	128

/* In a smaller guest than 64 GiB, slabs that are only begun count for more. */
#define SLABS_BEGUN	(UINT64_C(192) * 1024)

/* Of the 16 states: any set of these, each of which may change on its own. */
static const gms_state four[4] = {
	S, GMS_STATE_POPULATED, GMS_STATE_DIRTY, GMS_STATE_WRITE_PROTECT,
};
#define ALL_FOUR	(S | GMS_STATE_POPULATED | GMS_STATE_DIRTY | GMS_STATE_WRITE_PROTECT)

static struct fx_mem mem;
static struct gms_space *space;
static struct gms_acct acct;
static uint64_t npages, fresh_bytes, failed;

static void guest_of(uint64_t pages, uint32_t base_order)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	npages = pages;
	failed = 0;
	fx_region(space, FX_RANGE(0, npages), base_order, 0, NULL);
	fx_acct(space, &acct);
	fresh_bytes = acct.metadata_used_bytes;
	ck_assert_uint_le(fresh_bytes, acct.metadata_bytes);
}

static uint64_t pages_of_gib(uint64_t gib)
{
	const uint64_t pages = fx_env_u64("GMS_ADVERSARY_GIB", gib) * FX_1G / fx_slowdown();

	return pages - pages % (2 * FX_2M);	/* halves of whole folios */
}

/* An assertion of Check is a write to a file: one for all, not one a page. */
static void all_succeeded(void)
{
	ck_assert_uint_eq(failed, 0);
}

static void convert(struct gms_range range, gms_state set, gms_state clear)
{
	const struct gms_change change = { range, set, clear };

	failed += gms_convert(space, &change, 1, NULL, NULL) != 0;
}

/* Every other page, one at a time, as a guest would ask. */
static void alternate(gms_gfn first, uint64_t n)
{
	for (gms_gfn gfn = first + 1; gfn < first + n; gfn += 2)
		failed += gms_share(space, FX_RANGE(gfn, 1), NULL) != 0;
	all_succeeded();
}

/* Page i turns into state i % 16: bit b of i is attribute b. */
static void sixteen_states(void)
{
	for (unsigned b = 0; b < 4; b++) {
		for (gms_gfn gfn = UINT64_C(1) << b; gfn < npages; gfn += UINT64_C(2) << b)
			convert(FX_RANGE(gfn, UINT64_C(1) << b), four[b], 0);
	}
	all_succeeded();
}

static gms_state nth_of_sixteen(gms_gfn gfn)
{
	gms_state state = 0;

	for (unsigned b = 0; b < 4; b++)
		state |= gfn >> b & 1 ? four[b] : 0;
	return state;
}

static void costs_at_most(uint64_t cap)
{
	const bool full = npages >= 64 * FX_1G;

	fx_acct(space, &acct);
	printf("%" PRIu64 " pages: %" PRIu64 " bytes in use, %" PRIu64 " from the allocator, "
	       "cap %" PRIu64 "\n", npages, acct.metadata_used_bytes, acct.metadata_bytes, cap);
	ck_assert_uint_le(acct.metadata_used_bytes, cap + (full ? 0 : fresh_bytes));
	ck_assert_uint_le(acct.metadata_bytes, cap + (full ? 0 : SLABS_BEGUN));
}

static void came_back(uint64_t kept)
{
	uint64_t clear = 0;

	fx_acct(space, &acct);
	printf("uniform again: %" PRIu64 " bytes in use, %" PRIu64 " in a fresh space\n",
	       acct.metadata_used_bytes, fresh_bytes);
	ck_assert_uint_le(acct.metadata_used_bytes,
			  fresh_bytes + kept + acct.metadata_bytes / SLAB_SHARE);
	ck_assert_uint_eq(acct.shared_pages, 0);
	ck_assert_int_eq(gms_count(space, FX_RANGE(0, npages), ALL_FOUR, 0, &clear), 0);
	ck_assert_uint_eq(clear, npages);
}

/* Ways back to uniform. */
static void turn_at_once(gms_gfn first, uint64_t n)
{
	convert(FX_RANGE(first, n), 0, ALL_FOUR);
	all_succeeded();
}

static void turn_by_2m(gms_gfn first, uint64_t n)
{
	for (gms_gfn gfn = first; gfn < first + n; gfn += FX_2M)
		convert(FX_RANGE(gfn, FX_2M), 0, ALL_FOUR);
	all_succeeded();
}

START_TEST(two_states_cost_little_more_than_a_bit_and_come_back)	/* _i: at once, by 2M */
{
	guest_of(pages_of_gib(64), GMS_ORDER_4K);
	alternate(0, npages);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), npages / 2);
	costs_at_most(npages * 115 / 100 / 8);
	fx_check(space);
	if (_i)
		turn_by_2m(0, npages);
	else
		turn_at_once(0, npages);
	came_back(_i ? KEPT_TABLES : 0);
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(sixteen_states_cost_little_more_than_a_byte_and_come_back)
{
	guest_of(pages_of_gib(64), GMS_ORDER_4K);
	sixteen_states();
	costs_at_most(npages * 12 / 10);
	for (gms_gfn gfn = 0; gfn < npages; gfn += 1021)
		failed += gms_state_at(space, gfn) != nth_of_sixteen(gfn);
	all_succeeded();
	fx_check(space);
	turn_by_2m(0, npages / 2);
	fx_check(space);
	turn_at_once(npages / 2, npages / 2);
	came_back(KEPT_TABLES);
	fx_space_done(space, &mem);
}
END_TEST

/* Page by page in random order; and what came back is what serves the next. */
START_TEST(pages_that_turn_back_one_by_one_give_all_back)
{
	const uint64_t half = pages_of_gib(2), n = half / 2;
	uint64_t *gfn = calloc(n, sizeof(*gfn)), calls;
	struct fx_rand rand;

	ck_assert_ptr_nonnull(gfn);
	fx_rand_init(&rand, fx_seed(), 0);
	for (uint64_t i = 0; i < n; i++) {	/* a shuffle while it is filled */
		const uint64_t other = fx_rand_below(&rand, i + 1);

		gfn[i] = gfn[other];
		gfn[other] = 2 * i + 1;
	}
	guest_of(2 * half, GMS_ORDER_4K);
	alternate(0, half);
	for (uint64_t i = 0; i < n; i++)
		failed += gms_unshare(space, FX_RANGE(gfn[i], 1), NULL) != 0;
	all_succeeded();
	came_back(KEPT_TABLES);
	fx_check(space);

	/* The GiB just left may keep their tables, which is all that is new. */
	calls = mem.calls;
	alternate(half, half);
	ck_assert_uint_le(mem.calls - calls, half / FX_1G + 1);
	costs_at_most(half * 115 / 100 / 8 + KEPT_TABLES);
	fx_space_done(space, &mem);
	free(gfn);
}
END_TEST

/* --- guests that mean no harm --------------------------------------------- */

static void uses_at_most(const char *what, uint64_t cap)
{
	all_succeeded();
	fx_acct(space, &acct);
	printf("%s: %" PRIu64 " bytes in use, %" PRIu64 " from the allocator, cap %" PRIu64 "\n",
	       what, acct.metadata_used_bytes, acct.metadata_bytes, cap);
	ck_assert_uint_le(acct.metadata_bytes, cap);
	fx_space_done(space, &mem);
}

START_TEST(a_uniform_tib_costs_32_kib)	/* _i: base order / 9 */
{
	guest_of(1024 * FX_1G, (uint32_t)_i * 9);
	uses_at_most("1 TiB", 32 * 1024);
}
END_TEST

/* 4,096 DMA buffers of 1 to 16 pages. */
START_TEST(scattered_buffers_cost_a_fifth_of_a_bitmap)	/* _i: base order / 9 */
{
	struct fx_rand rand;

	guest_of(64 * FX_1G, (uint32_t)_i * 9);
	fx_rand_init(&rand, fx_seed(), 1);
	for (unsigned i = 0; i < 4096; i++) {
		const uint64_t n = 1 + fx_rand_below(&rand, 16);
		const gms_gfn gfn = fx_rand_below(&rand, npages - n + 1);

		failed += gms_share(space, FX_RANGE(gfn, n), NULL) != 0;
	}
	uses_at_most("buffers", FLAT / 5);
}
END_TEST

START_TEST(scattered_pages_cost_no_more_than_a_bitmap)	/* _i: base order / 9 */
{
	struct fx_rand rand;

	guest_of(64 * FX_1G, (uint32_t)_i * 9);
	fx_rand_init(&rand, fx_seed(), 2);
	for (uint64_t i = 0; i < npages / 100; i++)
		failed += gms_share(space, FX_RANGE(fx_rand_below(&rand, npages), 1), NULL) != 0;
	uses_at_most("1 % of pages", FLAT * 115 / 100);
}
END_TEST

START_TEST(every_other_page_of_a_quarter_costs_no_more_than_a_bitmap)	/* _i: base order / 9 */
{
	struct fx_rand rand;

	guest_of(64 * FX_1G, (uint32_t)_i * 9);
	fx_rand_init(&rand, fx_seed(), 3);
	for (gms_gfn gfn = 0; gfn < npages; gfn += FX_2M) {
		if (fx_rand_odds(&rand, 1, 4))
			alternate(gfn, FX_2M);
	}
	uses_at_most("every other page of 25 %", FLAT * 115 / 100);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("adversary");
	TCase *tc = fx_case(s, "two");

	tcase_add_loop_test(tc, two_states_cost_little_more_than_a_bit_and_come_back, 0, 2);
	tcase_add_test(tc, pages_that_turn_back_one_by_one_give_all_back);

	tc = fx_case(s, "sixteen");
	tcase_add_test(tc, sixteen_states_cost_little_more_than_a_byte_and_come_back);

	tc = fx_case(s, "scatter");
	tcase_add_loop_test(tc, a_uniform_tib_costs_32_kib, 0, 3);
	tcase_add_loop_test(tc, scattered_buffers_cost_a_fifth_of_a_bitmap, 0, 3);
	tcase_add_loop_test(tc, scattered_pages_cost_no_more_than_a_bitmap, 0, 3);
	tcase_add_loop_test(tc, every_other_page_of_a_quarter_costs_no_more_than_a_bitmap, 0, 3);
	return fx_run(s);
}

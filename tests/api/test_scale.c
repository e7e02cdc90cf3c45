/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests at 64 TiB: what a call costs in memory depends on the range
 * it names and not on the guest. Time is not asserted; a call that visited
 * every page of such a guest would simply not end.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define HUGE	(UINT64_C(1) << 34)	/* pages of 64 TiB */

struct bill {
	uint64_t calls, bytes;
};

static const struct gms_range touched[] = {
	{ 5, 1 }, { 5000, 1 }, { 100, 600 }, { FX_2M * 7, FX_2M }, { FX_2M * 9 + 5, FX_2M * 3 },
	{ FX_1G - 3, 6 }, { 0, FX_1G },
};
#define NTOUCHED	(sizeof(touched) / sizeof(touched[0]))

/* What the allocator was asked for by a fixed list of operations. */
static void bill_of(uint64_t npages, uint32_t base_order, struct bill *bill)
{
	struct gms_space *space;
	struct fx_mem mem;
	size_t n = 0;

	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, npages), base_order, D, NULL);
	for (size_t i = 0; i < NTOUCHED; i++) {
		uint64_t calls = mem.calls, bytes = mem.bytes;
		gms_pin_id id;

		ck_assert_int_eq(gms_share(space, touched[i], NULL), 0);
		ck_assert_int_eq(gms_pin(space, touched[i], 0, 1, &id, NULL), 0);
		ck_assert_int_eq(gms_unshare(space, touched[i], NULL), -EAGAIN);
		ck_assert_int_eq(gms_unpin(space, id), 0);
		bill[n++] = (struct bill){ mem.calls - calls, mem.bytes - bytes };
		calls = mem.calls, bytes = mem.bytes;
		ck_assert_int_eq(gms_unshare(space, touched[i], NULL), 0);
		bill[n++] = (struct bill){ mem.calls - calls, mem.bytes - bytes };
	}
	fx_space_done(space, &mem);
}

START_TEST(the_bill_does_not_depend_on_the_guest)	/* _i: base order / 9 */
{
	struct bill small[2 * NTOUCHED], large[2 * NTOUCHED];

	bill_of(2 * FX_1G, (uint32_t)_i * 9, small);
	bill_of(HUGE, (uint32_t)_i * 9, large);
	for (size_t i = 0; i < 2 * NTOUCHED; i++) {
		ck_assert_uint_eq(small[i].calls, large[i].calls);
		ck_assert_uint_eq(small[i].bytes, large[i].bytes);
		ck_assert_uint_le(large[i].bytes, 1024 * 1024);
	}
}
END_TEST

START_TEST(a_region_costs_little_more_than_8_bytes_a_gib)	/* _i: base order / 9 */
{
	struct gms_space *space;
	struct gms_acct acct;
	struct fx_mem mem;
	uint64_t bytes;

	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	bytes = mem.live_bytes;
	fx_region(space, FX_RANGE(0, HUGE), (uint32_t)_i * 9, D, NULL);
	ck_assert_uint_le(mem.live_bytes - bytes, 8 * HUGE / FX_1G + 4096);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.pages, HUGE);
	ck_assert_uint_eq(acct.folios_1g + acct.folios_2m + acct.folios_4k,
			  HUGE >> (_i * 9));
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(reads_cross_64_tib)
{
	struct gms_space *space;
	struct gms_run run;
	struct fx_mem mem;
	bool uniform;
	gms_gfn gfn;

	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(FX_1G, HUGE), 18, D, NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(HUGE - 1, 1), NULL), 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 1);
	ck_assert_int_eq(gms_find(space, FX_ALL, S, S, &gfn), 0);
	ck_assert_uint_eq(gfn, HUGE - 1);
	ck_assert_int_eq(gms_run_at(space, FX_1G, S, &run), 0);
	ck_assert_uint_eq(run.npages, HUGE - 1 - FX_1G);
	ck_assert_int_eq(gms_uniform(space, FX_RANGE(FX_1G, HUGE), S, &uniform), 0);
	ck_assert(!uniform);
	ck_assert_uint_eq(fx_order_at(space, FX_1G), 18);
	ck_assert_uint_eq(fx_order_at(space, HUGE - 1), 0);
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(all_of_it_converts_in_one_call)
{
	struct gms_convert_result result;
	struct gms_space *space;
	struct fx_mem mem;

	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, HUGE), 18, D, NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(77, 1), NULL), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(space, FX_RANGE(0, HUGE), &result), 0);
	ck_assert_uint_eq(result.changed_pages, HUGE - 1);
	ck_assert_uint_eq(result.unchanged_pages, 1);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), HUGE);
	ck_assert_uint_eq(fx_order_at(space, 77), 18);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1, HUGE - 2), NULL), 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 2);
	fx_space_done(space, &mem);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("scale");
	TCase *tc = fx_case(s, "scale");

	tcase_add_loop_test(tc, the_bill_does_not_depend_on_the_guest, 0, 3);
	tcase_add_loop_test(tc, a_region_costs_little_more_than_8_bytes_a_gib, 0, 3);
	tcase_add_test(tc, reads_cross_64_tib);
	tcase_add_test(tc, all_of_it_converts_in_one_call);
	return fx_run(s);
}

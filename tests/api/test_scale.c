/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests at 64 TiB and with a million pins: what a call costs in
 * memory depends on what it names and not on the guest. Time is not asserted; a
 * call that visited every page of such a guest would simply not end.
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
	/* And a bit. */
	ck_assert_uint_le(mem.live_bytes - bytes, 8 * HUGE / FX_1G + HUGE / FX_1G / 8 + 4096);
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

/* --- pins ---------------------------------------------------------------- */

#define GIBS	UINT64_C(64)
#define STEP	16			/* pages from one pin of a GiB to the next */

/* Pin i: pages of a GiB of its own turn, every 997th over the border to the next. */
static struct gms_range nth_pin(uint64_t i)
{
	const uint64_t gib = i % GIBS * FX_1G, k = i / GIBS;

	if (i % 997 == 0 && i % GIBS != GIBS - 1)
		return FX_RANGE(gib + FX_1G - 1, 2);
	return FX_RANGE(gib + k * STEP, 1 + k % STEP);
}

/* An assertion of Check is a write to a file: one for all, not one a pin. */
static void pin_all(struct gms_space *space, gms_pin_id *id, uint64_t n)
{
	uint64_t failed = 0;

	for (uint64_t i = 0; i < n; i++)
		failed += gms_pin(space, nth_pin(i), 0, i, &id[i], NULL) != 0;
	ck_assert_uint_eq(failed, 0);
}

/* Every stride-th, which has no factor in common with n: all of them, far apart. */
static void unpin_all(struct gms_space *space, const gms_pin_id *id, uint64_t n, uint64_t stride)
{
	uint64_t failed = 0;

	for (uint64_t i = 0, j = 0; i < n; i++, j = (j + stride) % n)
		failed += gms_unpin(space, id[j]) != 0;
	ck_assert_uint_eq(failed, 0);
	ck_assert_int_eq(gms_unpin(space, id[0]), -ENOENT);
}

/* How many pins meet a range: counted by the library and by hand. */
static void pins_are(struct gms_space *space, struct gms_range range, uint64_t n)
{
	struct gms_pin_info info[3];
	uint64_t want = 0;
	size_t found;

	for (uint64_t i = 0; i < n; i++) {
		const struct gms_range pin = nth_pin(i);

		want += pin.first < range.first + range.npages &&
			range.first < pin.first + pin.npages;
	}
	ck_assert_int_eq(gms_pins_in(space, range, info, 3, &found), 0);
	ck_assert_uint_eq(found, want);
	for (size_t i = 0; i < 3 && i < found; i++) {
		ck_assert_uint_eq(info[i].range.first, nth_pin(info[i].tag).first);
		ck_assert(!i || info[i - 1].range.first < info[i].range.first ||
			  info[i - 1].range.first == info[i].range.first);
	}
}

START_TEST(a_million_pins_live_at_once)
{
	const uint64_t n = 1000000 / fx_slowdown();
	gms_pin_id *id = calloc(n, sizeof(*id));
	struct gms_convert_result result;
	struct gms_space *space;
	struct gms_acct acct;
	struct fx_mem mem;
	uint64_t bytes;

	ck_assert_ptr_nonnull(id);
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, GIBS * FX_1G), 18, S | D, NULL);
	bytes = mem.live_bytes;

	pin_all(space, id, n);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.pins, n);
	/* A cache line a pin; the rest is slabs begun, and counts by GiB. */
	ck_assert_uint_le(mem.live_bytes - bytes, 64 * n + GIBS * 4096 + 33 * 65536 * 2);
	bytes = mem.live_bytes;

	pins_are(space, FX_ALL, n);
	for (uint64_t gib = 0; gib < GIBS; gib += 21)
		pins_are(space, FX_RANGE(gib * FX_1G, FX_1G), n);
	pins_are(space, FX_RANGE(3 * FX_1G - 5, 10), n);
	pins_are(space, FX_RANGE(7 * FX_1G + 1000, 300), n);
	pins_are(space, FX_RANGE(20 * FX_1G + 77, 2 * FX_1G), n);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(5 * FX_1G + 20 * STEP + 15, FX_1G), &result),
			 -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, 5 * FX_1G + 21 * STEP);
	fx_check(space);

	unpin_all(space, id, n, n % 15013 ? 15013 : 15017);
	fx_check(space);
	pin_all(space, id, n);
	ck_assert_uint_eq(mem.live_bytes, bytes);
	unpin_all(space, id, n, 1);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.pins, 0);
	ck_assert_uint_eq(acct.pinned_pages, 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, GIBS * FX_1G), NULL), 0);
	fx_check(space);
	fx_space_done(space, &mem);
	free(id);
}
END_TEST

/* Who pins and lets go for ever, each time elsewhere, needs no more than once. */
START_TEST(pins_that_wander_take_no_memory)
{
	struct gms_space *space;
	struct fx_mem mem;
	uint64_t calls, failed = 0;
	gms_pin_id id;

	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, HUGE), 18, S | D, NULL);
	for (gms_gfn gib = 0; gib < 64; gib++) {	/* each stripe once, and across */
		ck_assert_int_eq(gms_pin(space, FX_RANGE(gib * FX_1G, 1 + gib / 32 * FX_1G), 0, 1,
					 &id, NULL), 0);
		ck_assert_int_eq(gms_unpin(space, id), 0);
	}
	calls = mem.calls;
	for (gms_gfn gfn = 0; gfn < HUGE - 3; gfn += FX_1G - 1) {
		failed += gms_pin(space, FX_RANGE(gfn, 3), 0, 1, &id, NULL) != 0;
		failed += gms_unpin(space, id) != 0;
	}
	ck_assert_uint_eq(failed, 0);
	ck_assert_uint_eq(mem.calls, calls);
	fx_check(space);
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
	tcase_add_test(tc, a_million_pins_live_at_once);
	tcase_add_test(tc, pins_that_wander_take_no_memory);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of account.h: gauges, events, charges, and exact memory. */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	host = fx_host_new(0, 4096);
	fx_region(space, FX_RANGE(0, 2048), 9, D, host);
	fx_region(space, FX_RANGE(2048, 1024), 0, D | S, host);
}

static void teardown(void)
{
	fx_host_check(host, space, FX_RANGE(0, 4096));
	fx_space_done(space, &mem);
	fx_host_free(host);
}

START_TEST(gauges_follow)
{
	struct gms_acct acct;
	gms_pin_id id;

	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.size, sizeof(acct));
	ck_assert_uint_eq(acct.regions, 2);
	ck_assert_uint_eq(acct.pages, 3072);
	ck_assert_uint_eq(acct.shared_pages, 1024);
	ck_assert_uint_eq(acct.shared_pages_max, 1024);
	ck_assert_uint_eq(acct.folios_2m, 4);
	ck_assert_uint_eq(acct.folios_4k, 1024);
	ck_assert_uint_eq(acct.shared_page_ns, 0);

	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 700), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 600), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(610, 20), 0, 1, &id, NULL), 0);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.shared_pages, 1124);
	ck_assert_uint_eq(acct.shared_pages_max, 1724);
	ck_assert_uint_eq(acct.pins, 1);
	ck_assert_uint_eq(acct.pinned_pages, 20);
	ck_assert_uint_eq(acct.folios_2m, 3);
	ck_assert_uint_eq(acct.folios_4k, 1024 + 512);
	ck_assert_int_eq(gms_unpin(space, id), 0);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.pins, 0);
	ck_assert_uint_eq(acct.pinned_pages, 0);
}
END_TEST

START_TEST(removing_a_region_takes_its_pages_out)
{
	const uint32_t id = fx_region(space, FX_RANGE(3072, 512), 9, D | S, host);
	struct gms_acct acct;

	ck_assert_int_eq(gms_unshare(space, FX_RANGE(3100, 1), NULL), 0);
	ck_assert_int_eq(gms_region_remove(space, id), 0);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.regions, 2);
	ck_assert_uint_eq(acct.pages, 3072);
	ck_assert_uint_eq(acct.shared_pages, 1024);
	ck_assert_uint_eq(acct.shared_pages_max, 1536);
	ck_assert_uint_eq(acct.folios_2m, 4);
	ck_assert_uint_eq(acct.folios_4k, 1024);
}
END_TEST

START_TEST(metadata_is_what_the_allocator_gave)
{
	struct gms_acct acct;
	gms_pin_id id;

	for (gms_gfn gfn = 0; gfn < 2048; gfn += 2) {
		ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
		fx_acct(space, &acct);
		ck_assert_uint_eq(acct.metadata_bytes, mem.live_bytes);
		ck_assert_uint_eq(acct.metadata_bytes_max, mem.peak_bytes);
	}
	ck_assert_int_eq(gms_pin(space, FX_RANGE(2048, 9), 0, 1, &id, NULL), 0);
	ck_assert_int_eq(gms_space_reserve(space, 100), 0);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.metadata_bytes, mem.live_bytes);
	ck_assert_int_eq(gms_unpin(space, id), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 3072), NULL), 0);
	fx_mem_fail_after(&mem, 0, true);
	ck_assert_int_eq(gms_space_reserve(space, 100000), -ENOMEM);
	fx_mem_heal(&mem);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.metadata_bytes, mem.live_bytes);
	ck_assert_uint_eq(acct.metadata_bytes_max, mem.peak_bytes);
}
END_TEST

START_TEST(conversions_are_counted)
{
	const struct gms_change batch[] = {
		{ FX_RANGE(0, 4), S, 0 }, { FX_RANGE(8, 4), S, 0 },
		{ FX_RANGE(2048, 16), 0, S }, { FX_RANGE(512, 8), GMS_STATE_DIRTY, 0 },
	};
	struct gms_convert_result result;
	struct gms_acct acct;
	gms_pin_id id;

	GMS_INIT(&result);
	host->charge_flush = 3;
	ck_assert_int_eq(gms_convert(space, batch, 4, NULL, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 32);
	ck_assert_uint_eq(result.host_runs, 3);
	ck_assert_uint_eq(result.flushes, 3);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.event[GMS_ACCT_CONVERTS].count, 1);
	ck_assert_uint_eq(acct.event[GMS_ACCT_COMMITS].count, 1);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_TO_SHARED].count, 8);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_TO_PRIVATE].count, 16);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_CHANGED].count, 32);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_UNCHANGED].count, 0);
	ck_assert_uint_eq(acct.event[GMS_ACCT_HOST_RUNS].count, 3);
	ck_assert_uint_eq(acct.event[GMS_ACCT_BACKEND_CALLS].count, 2);
	ck_assert_uint_eq(acct.event[GMS_ACCT_BACKEND_FLUSHES].count, 1);
	ck_assert_uint_eq(acct.event[GMS_ACCT_SYS_MADVISE].count, 3);
	ck_assert_uint_eq(acct.event[GMS_ACCT_FLUSH_PROCESS].count, 3);
	ck_assert_uint_eq(acct.event[GMS_ACCT_SPLITS_2M].count, 1);
	ck_assert_uint_eq(host->calls, 2);
	ck_assert_uint_eq(host->flushes, 1);

	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 16), NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 16), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(3, 1), 0, 1, &id, NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 16), NULL), -EAGAIN);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(100, 1), 0, 1, &id, NULL), -EFAULT);
	ck_assert_int_eq(gms_unpin(space, id), 0);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.event[GMS_ACCT_CONVERTS].count, 4);
	ck_assert_uint_eq(acct.event[GMS_ACCT_COMMITS].count, 2);
	ck_assert_uint_eq(acct.event[GMS_ACCT_BLOCKED].count, 1);
	ck_assert_uint_eq(acct.event[GMS_ACCT_ROLLBACKS].count, 0);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_CHANGED].count, 40);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_UNCHANGED].count, 8 + 16);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PINS].count, 1);
	ck_assert_uint_eq(acct.event[GMS_ACCT_UNPINS].count, 1);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PINS_REFUSED].count, 1);
	ck_assert_uint_eq(host->flushes, 2);
}
END_TEST

START_TEST(rollback_is_counted)
{
	fx_host_fail_after(host, 1, -EIO);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(2048, 8), NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 8), NULL), -EIO);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_ROLLBACKS), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_COMMITS), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_UNDO_FAILURES), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_PAGES_TO_SHARED), 0);
}
END_TEST

START_TEST(charge_adds_to_what_the_embedder_sees)
{
	struct gms_acct acct;

	for (uint32_t kind = GMS_ACCT_GUEST_EXITS; kind < GMS_ACCT_KINDS; kind++) {
		ck_assert_int_eq(gms_acct_charge(space, 1, kind, kind, 10), 0);
		ck_assert_int_eq(gms_acct_charge(space, 2, kind, 0, 5), 0);
	}
	fx_acct(space, &acct);
	for (uint32_t kind = GMS_ACCT_GUEST_EXITS; kind < GMS_ACCT_KINDS; kind++) {
		ck_assert_uint_eq(acct.event[kind].count, kind);
		ck_assert_uint_eq(acct.event[kind].ns, 15);
	}
}
END_TEST

START_TEST(charge_refuses_what_the_library_counts)
{
	struct fx_snap before, after;

	fx_snap_take(&before, space, host);
	for (uint32_t kind = 0; kind < GMS_ACCT_GUEST_EXITS; kind++)
		ck_assert_int_eq(gms_acct_charge(space, 1, kind, 1, 1), -EINVAL);
	ck_assert_int_eq(gms_acct_charge(space, 1, GMS_ACCT_KINDS, 1, 1), -EINVAL);
	ck_assert_int_eq(gms_acct_charge(space, 1, UINT32_MAX, 1, 1), -EINVAL);
	ck_assert_int_eq(gms_acct_charge(NULL, 1, GMS_ACCT_GUEST_EXITS, 1, 1), -EINVAL);
	fx_snap_take(&after, space, host);
	fx_snap_same(&before, &after);
	ck_assert_mem_eq(&before.acct, &after.acct, sizeof(before.acct));
}
END_TEST

START_TEST(read_refuses_bad_input)
{
	FX_LONGER(struct gms_acct) longer;
	struct gms_acct acct;

	GMS_INIT(&acct);
	ck_assert_int_eq(gms_acct_read(NULL, &acct), -EINVAL);
	ck_assert_int_eq(gms_acct_read(space, NULL), -EINVAL);
	acct.size = sizeof(size_t) - 1;
	ck_assert_int_eq(gms_acct_read(space, &acct), -EINVAL);
	acct.size = 0;
	ck_assert_int_eq(gms_acct_read(space, &acct), -EINVAL);
	gms_init(&longer, sizeof(longer));
	ck_assert_int_eq(gms_acct_read(space, &longer.known), 0);
	ck_assert_uint_eq(longer.known.pages, 3072);
	longer.tail[15] = 1;
	ck_assert_int_eq(gms_acct_read(space, &longer.known), -E2BIG);
}
END_TEST

START_TEST(read_fills_a_shorter_struct_as_far_as_it_goes)
{
	struct gms_acct acct;
	const unsigned char *byte = (const unsigned char *)&acct;
	const size_t keep = offsetof(struct gms_acct, shared_pages);

	memset(&acct, 0x33, sizeof(acct));
	acct.size = keep;
	ck_assert_int_eq(gms_acct_read(space, &acct), 0);
	ck_assert_uint_eq(acct.pages, 3072);
	for (size_t i = keep; i < sizeof(acct); i++)
		ck_assert_uint_eq(byte[i], 0x33);
}
END_TEST

START_TEST(names_are_distinct_and_end)
{
	for (uint32_t i = 0; i < GMS_ACCT_KINDS; i++) {
		ck_assert_ptr_nonnull(gms_acct_name(i));
		ck_assert_str_ne(gms_acct_name(i), "");
		for (uint32_t k = 0; k < i; k++)
			ck_assert_str_ne(gms_acct_name(i), gms_acct_name(k));
	}
	ck_assert_str_eq(gms_acct_name(GMS_ACCT_PAGES_TO_SHARED), "pages_to_shared");
	ck_assert_ptr_null(gms_acct_name(GMS_ACCT_KINDS));
	ck_assert_ptr_null(gms_acct_name(UINT32_MAX));
}
END_TEST

static uint64_t fake_now_ns;

static uint64_t fake_clock(void *ctx)
{
	ck_assert_ptr_eq(ctx, &fake_now_ns);
	return fake_now_ns;
}

START_TEST(page_time_is_the_integral_of_shared_pages)
{
	struct gms_space *timed = NULL;
	struct gms_space_opts opts;
	struct gms_acct acct;

	GMS_INIT(&opts);
	opts.now_ns = fake_clock;
	opts.ctx = &fake_now_ns;
	fake_now_ns = 1000;
	ck_assert_int_eq(gms_space_new(&timed, &opts), 0);
	fx_region(timed, FX_RANGE(0, 1024), 9, D, NULL);
	fake_now_ns = 2000;
	ck_assert_int_eq(gms_share(timed, FX_RANGE(0, 10), NULL), 0);
	fake_now_ns = 2300;
	ck_assert_int_eq(gms_share(timed, FX_RANGE(10, 5), NULL), 0);	/* 300 ns of 10 */
	fake_now_ns = 2350;
	ck_assert_int_eq(gms_unshare(timed, FX_RANGE(0, 15), NULL), 0);	/* 50 ns of 15 */
	fake_now_ns = 9000;
	ck_assert_int_eq(gms_share(timed, FX_RANGE(0, 2), NULL), 0);
	fake_now_ns = 9100;
	fx_acct(timed, &acct);						/* 100 ns of 2 so far */
	ck_assert_uint_eq(acct.shared_page_ns, 300 * 10 + 50 * 15 + 100 * 2);
	fx_check(timed);
	gms_space_free(timed);
}
END_TEST

static uint64_t leap_ns(void *ctx)
{
	return *(uint64_t *)ctx;
}

/* A TiB that is shared fills 64 bits of page-ns in 69 seconds. */
START_TEST(page_time_does_not_wrap)
{
	uint64_t now = 5;
	struct gms_space_opts opts;
	struct gms_space *large = NULL;
	struct gms_acct acct;
	const unsigned __int128 wanted = ((unsigned __int128)1 << 28) * UINT64_C(1000000000000);

	GMS_INIT(&opts);
	opts.now_ns = leap_ns;
	opts.ctx = &now;
	ck_assert_int_eq(gms_space_new(&large, &opts), 0);
	fx_region(large, FX_RANGE(0, UINT64_C(1) << 28), GMS_ORDER_1G, GMS_STATE_SHARED, NULL);
	now += UINT64_C(1000000000000);
	for (int stored = 0; stored < 2; stored++) {	/* on the way, and in the books */
		GMS_INIT(&acct);
		ck_assert_int_eq(gms_acct_read(large, &acct), 0);
		ck_assert_uint_eq(acct.shared_page_ns, (uint64_t)wanted);
		ck_assert_uint_eq(acct.shared_page_ns_high, (uint64_t)(wanted >> 64));
		ck_assert_uint_gt(acct.shared_page_ns_high, 0);
		ck_assert_int_eq(gms_unshare(large, FX_RANGE(0, UINT64_C(1) << 28), NULL), 0);
	}
	gms_space_free(large);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("account");
	TCase *tc = fx_case(s, "ledger");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, page_time_does_not_wrap);
	tcase_add_test(tc, gauges_follow);
	tcase_add_test(tc, removing_a_region_takes_its_pages_out);
	tcase_add_test(tc, metadata_is_what_the_allocator_gave);
	tcase_add_test(tc, conversions_are_counted);
	tcase_add_test(tc, rollback_is_counted);
	tcase_add_test(tc, charge_adds_to_what_the_embedder_sees);
	tcase_add_test(tc, charge_refuses_what_the_library_counts);
	tcase_add_test(tc, read_refuses_bad_input);
	tcase_add_test(tc, read_fills_a_shorter_struct_as_far_as_it_goes);
	tcase_add_test(tc, names_are_distinct_and_end);
	tc = fx_case(s, "clock");
	tcase_add_test(tc, page_time_is_the_integral_of_shared_pages);
	return fx_run(s);
}

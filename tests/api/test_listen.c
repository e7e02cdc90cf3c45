/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of listen.h: which spans a listener is given, how they are cut
 * and joined, what it may refuse, and that nothing is left of what it refused.
 * The device itself checks every call it gets (tests/support/device.h).
 */
#include "device.h"
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define P	GMS_STATE_POPULATED

/* Two GiB of 1G folios, a hole, and 3 blocks of 4K pages in the middle of one. */
static struct fx_mem mem;
static struct gms_space *space;
static struct fx_device *device;
static uint32_t id;

static const struct gms_range large = { 0, 2 * FX_1G };
static const struct gms_range small = { 3 * FX_1G + 1024, 3 * FX_2M };

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	device = fx_device_new(space, S, S);
	fx_region(space, large, GMS_ORDER_1G, D, NULL);
	fx_region(space, small, 0, D, NULL);
	id = 0;
}

static void look(void)
{
	struct gms_listener_info info;

	fx_check(space);
	if (!id)
		return;
	fx_device_check(device, space, FX_RANGE(0, 2 * FX_1G));
	fx_device_check(device, space, small);
	GMS_INIT(&info);
	ck_assert_int_eq(gms_listener_get(space, id, &info), 0);
	ck_assert_uint_eq(info.spans, device->nspans);
}

static void teardown(void)
{
	look();
	if (id)
		ck_assert_int_eq(gms_listener_remove(space, id), 0);
	ck_assert_uint_eq(device->nspans, 0);
	fx_space_done(space, &mem);
	fx_device_free(device);
}

static void add(void)
{
	ck_assert_int_eq(gms_listener_add(space, &device->ops, &id), 0);
	ck_assert_uint_ne(id, 0);
}

static void give(gms_gfn first, uint64_t npages)
{
	ck_assert_int_eq(gms_share(space, FX_RANGE(first, npages), NULL), 0);
}

static void take(gms_gfn first, uint64_t npages)
{
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(first, npages), NULL), 0);
}

static void span_is(size_t i, gms_gfn first, uint64_t npages)
{
	ck_assert_uint_lt(i, device->nspans);
	ck_assert_uint_eq(device->span[i].first, first);
	ck_assert_uint_eq(device->span[i].npages, npages);
}

START_TEST(a_shared_1g_folio_is_one_span)
{
	add();
	give(0, FX_1G);
	ck_assert_uint_eq(device->nspans, 1);
	span_is(0, 0, FX_1G);
	ck_assert_uint_eq(device->prepares, 1);
	ck_assert_uint_eq(device->commits, 1);
	ck_assert_uint_eq(device->revokes, 0);
}
END_TEST

START_TEST(a_page_is_asked_for_its_span)
{
	struct gms_range span = { 7, 7 };

	add();
	give(100, 20);
	ck_assert_int_eq(gms_listener_span_at(space, id, 119, &span), 0);
	ck_assert_uint_eq(span.first, 100);
	ck_assert_uint_eq(span.npages, 20);
	ck_assert_int_eq(gms_listener_span_at(space, id, 120, &span), -ENOENT);
	ck_assert_int_eq(gms_listener_span_at(space, id, UINT64_MAX, &span), -ENOENT);
	ck_assert_int_eq(gms_listener_span_at(space, id + 1, 100, &span), -ENOENT);
	ck_assert_int_eq(gms_listener_span_at(NULL, id, 100, &span), -EINVAL);
	ck_assert_int_eq(gms_listener_span_at(space, id, 100, NULL), -EINVAL);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
	static const struct {
		gms_state mask, value;
		uint32_t flags, granule;
		uint64_t most;
	} bad[] = {
		{ GMS_STATE_ALL + 1, 0, 0, 0, 0 }, { S | GMS_STATE_FROZEN, S, 0, 0, 0 },
		{ S | GMS_STATE_MISSING, S, 0, 0, 0 }, { S, S | D, 0, 0, 0 },
		{ S, S, 1u << 5, 0, 0 }, { S, S, 0, 19, 0 }, { S, S, 0, 0, 3 },
		{ S, S, 0, 0, 2 * FX_1G }, { S, S, 0, 3, 4 },
	};
	struct gms_listener_info info;
	FX_LONGER(struct gms_listener) longer;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct gms_listener ops = device->ops;

		ops.mask = bad[i].mask;
		ops.value = bad[i].value;
		ops.flags = bad[i].flags;
		ops.granule_order = bad[i].granule;
		ops.max_span_pages = bad[i].most;
		ck_assert_msg(gms_listener_add(space, &ops, &id) == -EINVAL, "case %zu", i);
	}
	ck_assert_int_eq(gms_listener_add(NULL, &device->ops, &id), -EINVAL);
	ck_assert_int_eq(gms_listener_add(space, NULL, &id), -EINVAL);
	ck_assert_int_eq(gms_listener_add(space, &device->ops, NULL), -EINVAL);
	ck_assert_int_eq(gms_listener_remove(NULL, 1), -EINVAL);
	ck_assert_int_eq(gms_listener_remove(space, 0), -ENOENT);
	ck_assert_int_eq(gms_listener_remove(space, 1), -ENOENT);
	GMS_INIT(&info);
	ck_assert_int_eq(gms_listener_get(space, 1, &info), -ENOENT);
	ck_assert_int_eq(gms_listener_get(space, 1, NULL), -EINVAL);
	ck_assert_int_eq(gms_listener_get(NULL, 1, &info), -EINVAL);
	gms_init(&longer, sizeof(longer));
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_listener_add(space, &longer.known, &id), -E2BIG);
}
END_TEST

START_TEST(there_is_room_for_so_many)
{
	uint32_t ids[GMS_LISTENERS_MOST], more;

	for (unsigned i = 0; i < GMS_LISTENERS_MOST; i++) {
		struct gms_listener nothing;

		GMS_INIT(&nothing);
		nothing.mask = nothing.value = S;
		ck_assert_int_eq(gms_listener_add(space, &nothing, &ids[i]), 0);
		ck_assert_int_eq(gms_listener_add(space, &nothing, &more),
				 i + 1 == GMS_LISTENERS_MOST ? -ENOSPC : 0);
		if (i + 1 < GMS_LISTENERS_MOST)
			ck_assert_int_eq(gms_listener_remove(space, more), 0);
	}
	give(10, 10);
	take(12, 3);
	fx_check(space);
	for (unsigned i = 0; i < GMS_LISTENERS_MOST; i++)
		ck_assert_int_eq(gms_listener_remove(space, ids[i]), 0);
}
END_TEST

START_TEST(one_page_revoked_in_the_middle_leaves_two_spans)
{
	add();
	give(0, FX_1G);
	fx_device_forget(device);
	take(1000, 1);
	ck_assert_uint_eq(device->nspans, 2);
	span_is(0, 0, 1000);
	span_is(1, 1001, FX_1G - 1001);
	ck_assert_uint_eq(device->spans_revoked, 1);
	ck_assert_uint_eq(device->spans_committed, 2);
	ck_assert_uint_eq(device->revokes, 1);
	ck_assert_uint_eq(device->commits, 1);
}
END_TEST

START_TEST(who_can_cut_loses_nothing_else)
{
	device->ops.flags = GMS_LISTEN_CAN_CUT;
	add();
	give(0, FX_1G);
	fx_device_forget(device);
	take(1000, 1);
	ck_assert_uint_eq(device->nspans, 2);
	ck_assert_uint_eq(device->pages_revoked, 1);
	ck_assert_uint_eq(device->commits, 0);
}
END_TEST

START_TEST(several_holes_in_one_span_are_one_cut)
{
	struct gms_change holes[3] = {
		{ FX_RANGE(10, 5), 0, S }, { FX_RANGE(100, 1), 0, S }, { FX_RANGE(300, 20), 0, S },
	};

	add();
	give(0, 512);
	fx_device_forget(device);
	ck_assert_int_eq(gms_convert(space, holes, 3, NULL, NULL), 0);
	ck_assert_uint_eq(device->nspans, 4);
	ck_assert_uint_eq(device->spans_revoked, 1);
	ck_assert_uint_eq(device->revokes, 1);
	ck_assert_uint_eq(device->commits, 1);
}
END_TEST

START_TEST(blocks_that_have_come_to_match_whole_become_one_span)
{
	add();
	for (gms_gfn gfn = 0; gfn < 512; gfn += 2)
		give(gfn, 1);
	ck_assert_uint_eq(device->nspans, 256);
	for (gms_gfn gfn = 1; gfn < 511; gfn += 2)
		give(gfn, 1);
	ck_assert_uint_eq(device->nspans, 511);
	give(511, 1);
	ck_assert_uint_eq(device->nspans, 1);
	span_is(0, 0, 512);

	for (gms_gfn gfn = FX_1G - 512; gfn > 512; gfn -= 512)
		give(gfn, 512);
	ck_assert_uint_eq(device->nspans, 511);
	give(512, 512);
	ck_assert_uint_eq(device->nspans, 1);
	span_is(0, 0, FX_1G);
}
END_TEST

START_TEST(who_does_not_join_keeps_what_is_mapped)
{
	device->ops.flags = GMS_LISTEN_NO_JOIN;
	add();
	give(0, 511);
	give(511, 1);
	ck_assert_uint_eq(device->nspans, 2);
	ck_assert_uint_eq(device->revokes, 0);
}
END_TEST

START_TEST(spans_keep_to_the_largest_and_its_multiples)
{
	device->ops.max_span_pages = 64;
	add();
	give(60, 140);
	ck_assert_uint_eq(device->nspans, 4);
	span_is(0, 60, 4);
	span_is(1, 64, 64);
	span_is(2, 128, 64);
	span_is(3, 192, 8);
	give(200, 56);
	ck_assert_uint_eq(device->nspans, 4);
	span_is(3, 192, 64);
}
END_TEST

/* A gain that cannot join, for a span is being cut, is not taken by the next that can. */
START_TEST(what_was_gained_before_is_not_joined_again)
{
	const struct gms_change change[] = {
		{ FX_RANGE(450, 1), 0, S }, { FX_RANGE(768, 332), S, 0 }, { FX_RANGE(1200, 100), S, 0 },
	};

	add();
	give(400, 368);
	give(1100, 100);
	give(1300, 236);
	ck_assert_uint_eq(device->nspans, 3);
	ck_assert_int_eq(gms_convert(space, change, 3, NULL, NULL), 0);
	look();
}
END_TEST

START_TEST(only_whole_granules_are_mapped)
{
	device->ops.granule_order = 4;
	add();
	give(5, 10);
	ck_assert_uint_eq(device->nspans, 0);
	ck_assert_uint_eq(device->begins, 0);
	give(0, 5);
	ck_assert_uint_eq(device->nspans, 0);
	give(15, 20);
	ck_assert_uint_eq(device->nspans, 1);
	span_is(0, 0, 32);
	take(17, 1);
	ck_assert_uint_eq(device->nspans, 1);
	span_is(0, 0, 16);
}
END_TEST

START_TEST(a_region_need_not_begin_or_end_with_a_granule)
{
	const gms_gfn base = 5 * FX_1G;

	device->ops.granule_order = 3;
	add();
	fx_region(space, FX_RANGE(base + 5, 200), 0, D, NULL);
	give(base + 20, 100);
	give(base + 5, 15);
	give(base + 120, 85);
	ck_assert_uint_eq(device->nspans, 1);
	span_is(0, base + 8, 192);
	take(base + 5, 1);
	take(base + 204, 1);
	ck_assert_uint_eq(device->nspans, 1);
	fx_device_check(device, space, FX_RANGE(base, 256));
}
END_TEST

START_TEST(a_full_budget_refuses_before_anything_changed)
{
	struct gms_convert_result result;
	unsigned n = 0;

	device->ops.max_spans = 100;
	add();
	GMS_INIT(&result);
	while (gms_share(space, FX_RANGE(2 * n, 1), &result) == 0)
		n++;
	ck_assert_uint_eq(n, 100);
	ck_assert_int_eq(gms_share(space, FX_RANGE(200, 1), &result), -ENOSPC);
	ck_assert_uint_eq(result.error_gfn, 200);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_SPANS);
	ck_assert_uint_eq(gms_state_at(space, 200), D);
	ck_assert_uint_eq(device->nspans, 100);
	ck_assert_uint_eq(device->nspans_max, 100);
	take(0, 1);
	give(200, 1);
}
END_TEST

START_TEST(a_cut_beyond_the_budget_is_refused)
{
	struct gms_convert_result result;

	device->ops.max_spans = 1;
	add();
	give(0, FX_1G);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1000, 1), &result), -ENOSPC);
	ck_assert_uint_eq(result.error_gfn, 1000);
	ck_assert_uint_eq(gms_state_at(space, 1000), D | S);
	take(0, 1000);
	ck_assert_uint_eq(device->nspans, 1);
}
END_TEST

START_TEST(a_listener_that_comes_is_told_what_there_is)
{
	give(100, 50);
	give(FX_1G - 10, 20);
	give(small.first, small.npages);
	add();
	ck_assert_uint_eq(device->nspans, 4);
	span_is(1, FX_1G - 10, 10);
	span_is(2, FX_1G, 10);
	ck_assert_uint_eq(device->begins, 1);
	ck_assert_uint_eq(device->prepares, 1);
}
END_TEST

START_TEST(a_replay_that_fails_leaves_nothing)
{
	give(100, 50);
	give(200, 50);
	device->ops.max_spans = 1;
	ck_assert_int_eq(gms_listener_add(space, &device->ops, &id), -ENOSPC);
	device->ops.max_spans = 0;
	for (unsigned n = 0; n < 3; n++) {
		fx_device_fail_after(device, n, -EXFULL);
		ck_assert_int_eq(gms_listener_add(space, &device->ops, &id), -EXFULL);
		ck_assert_uint_eq(device->nspans, 0);
	}
	ck_assert_uint_eq(id, 0);
	fx_check(space);
	add();
}
END_TEST

START_TEST(regions_come_and_go)
{
	uint32_t region;

	add();
	region = fx_region(space, FX_RANGE(5 * FX_1G, 2048), 9, D | S, NULL);
	ck_assert_uint_eq(device->nspans, 1);
	take(5 * FX_1G + 7, 1);
	ck_assert_uint_eq(device->nspans, 2);
	fx_device_fail_after(device, 2, -EIO);
	ck_assert_int_eq(gms_region_remove(space, region), -EIO);
	ck_assert_uint_eq(device->nspans, 2);
	fx_device_check(device, space, FX_RANGE(5 * FX_1G, 2048));
	ck_assert_int_eq(gms_region_remove(space, region), 0);
	ck_assert_uint_eq(device->nspans, 0);
}
END_TEST

START_TEST(a_region_that_a_listener_refuses_is_not_added)
{
	struct gms_region_opts opts;
	uint32_t region;

	add();
	for (unsigned n = 0; n < 2; n++) {
		fx_region_opts(&opts, FX_RANGE(5 * FX_1G, 2048), 9, D | S, NULL);
		fx_device_fail_after(device, n, -EXFULL);
		ck_assert_int_eq(gms_region_add(space, &opts, &region), -EXFULL);
		ck_assert_uint_eq(gms_state_at(space, 5 * FX_1G), GMS_HOLE);
	}
}
END_TEST

START_TEST(a_failure_at_any_point_is_undone)	/* _i: with a backend too, who can cut */
{
	struct fx_host *host = fx_host_new(6 * FX_1G, 2048);
	const gms_gfn base = 6 * FX_1G;
	const struct gms_change change[] = {
		{ FX_RANGE(base, 100), 0, S },		/* a part of a span goes */
		{ FX_RANGE(base + 200, 1), 0, S },
		{ FX_RANGE(base + 600, 424), S, 0 },	/* a block becomes whole */
		{ FX_RANGE(base + 1100, 7), S, GMS_STATE_DIRTY },
	};
	uint64_t hash, host_hash;
	unsigned n;

	device->ops.flags = _i ? GMS_LISTEN_CAN_CUT : 0;
	fx_region(space, FX_RANGE(base, 2048), 9, D, host);
	host->space = space;
	add();
	give(base, 512);
	give(base + 512, 88);
	hash = fx_device_hash(device);
	host_hash = fx_host_hash(host);
	for (n = 0; ; n++) {
		fx_device_fail_after(device, n, -EXFULL);
		if (gms_convert(space, change, 4, NULL, NULL) == 0)
			break;
		ck_assert_uint_eq(fx_device_hash(device), hash);
		ck_assert_uint_eq(fx_host_hash(host), host_hash);
		fx_device_check(device, space, FX_RANGE(base, 2048));
		fx_host_check(host, space, FX_RANGE(base, 2048));
		fx_check(space);
		ck_assert_uint_eq(device->failures, n + 1);
	}
	ck_assert_uint_ge(n, 5);
	ck_assert(fx_device_heal(device));
	fx_device_check(device, space, FX_RANGE(base, 2048));
	ck_assert_int_eq(gms_listener_remove(space, id), 0);
	id = 0;
	fx_space_done(space, &mem);
	fx_host_free(host);
	space = fx_plain_space(&mem);
	fx_device_forget(device);
}
END_TEST

START_TEST(a_veto_names_a_page_of_the_conversion)
{
	const struct gms_change change[] = {
		{ FX_RANGE(100, 2), 0, S }, { FX_RANGE(600, 400), S, 0 },
	};
	struct gms_convert_result result;

	add();
	give(0, 600);
	give(1000, 24);
	GMS_INIT(&result);
	for (unsigned n = 0; n < 8; n++) {
		/* prepare, the span, its two parts, those that join, the block */
		fx_device_fail_after(device, n, -EXFULL);
		if (gms_convert(space, change, 2, NULL, &result) == 0)
			break;
		ck_assert_uint_eq(result.error_reason, GMS_REASON_LISTENER);
		ck_assert_uint_eq(result.error_gfn, n < 4 ? 100 : 600);
	}
	ck_assert(fx_device_heal(device));
}
END_TEST

START_TEST(missing_and_frozen_pages_are_not_handed_out)
{
	const struct gms_change freeze = { FX_RANGE(10, 1), GMS_STATE_FROZEN, 0 };
	const struct gms_change thaw = { FX_RANGE(10, 1), 0, GMS_STATE_FROZEN };

	add();
	give(0, 64);
	ck_assert_int_eq(gms_convert(space, &freeze, 1, NULL, NULL), 0);
	ck_assert_uint_eq(device->nspans, 2);
	ck_assert_int_eq(gms_convert(space, &thaw, 1, NULL, NULL), 0);
	ck_assert_uint_eq(device->nspans, 3);
}
END_TEST

START_TEST(who_cannot_bear_a_discard_is_not_discarded_under)
{
	const struct gms_change populate = { FX_RANGE(0, 8), P, 0 };
	const struct gms_change discard = { FX_RANGE(3, 1), 0, P };
	const struct gms_change both = { FX_RANGE(3, 1), 0, P | S };
	struct gms_convert_result result;

	device->ops.flags = GMS_LISTEN_NO_DISCARD;
	add();
	give(0, 8);
	ck_assert_int_eq(gms_convert(space, &populate, 1, NULL, NULL), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(space, &discard, 1, NULL, &result), -EBUSY);
	ck_assert_uint_eq(result.error_gfn, 3);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_LISTENER);
	ck_assert_int_eq(gms_convert(space, &both, 1, NULL, NULL), 0);
}
END_TEST

START_TEST(a_discard_that_is_forbidden_is_one_blocker_of_all)
{
	const struct gms_change populate = { FX_RANGE(0, 64), P, 0 };
	const struct gms_change discard = { FX_RANGE(0, 64), 0, P };
	struct gms_convert_result result;
	struct gms_convert_opts opts;
	struct gms_blocker blocker[4];
	gms_pin_id pin;

	device->ops.flags = GMS_LISTEN_NO_DISCARD;
	add();
	give(0, 64);
	ck_assert_int_eq(gms_convert(space, &populate, 1, NULL, NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(40, 2), 0, 77, &pin, NULL), 0);

	/* The listener keeps page 0, the pin but page 40: the lowest decides. */
	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(space, &discard, 1, NULL, &result), -EBUSY);
	ck_assert_uint_eq(result.error_gfn, 0);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_LISTENER);

	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_ALL_BLOCKERS;
	opts.blockers = blocker;
	opts.blockers_room = 4;
	ck_assert_int_eq(gms_convert(space, &discard, 1, &opts, &result), -EBUSY);
	ck_assert_uint_eq(result.blockers, 2);
	ck_assert_uint_eq(blocker[0].reason, GMS_REASON_LISTENER);
	ck_assert_uint_eq(blocker[0].range.npages, 64);
	ck_assert_uint_eq(blocker[1].reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(blocker[1].range.first, 40);
	ck_assert_uint_eq(blocker[1].range.npages, 2);
	ck_assert_uint_eq(blocker[1].tag, 77);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

START_TEST(random_conversions_keep_the_device_exact)	/* _i: which kind of device */
{
	static const struct {
		uint32_t flags, granule;
		uint64_t most, budget;
	} kind[] = {
		{ 0, 0, 0, 0 }, { GMS_LISTEN_CAN_CUT, 0, 0, 0 }, { GMS_LISTEN_NO_JOIN, 0, 128, 0 },
		{ 0, 3, 0, 40 }, { GMS_LISTEN_CAN_CUT, 0, 256, 30 }, { 0, 9, 0, 0 }, { 0, 0, 1, 0 },
		{ GMS_LISTEN_SERIAL, 1, 64, 100 },
	};
	struct gms_change change[6];
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	device->ops.flags = kind[_i].flags;
	device->ops.granule_order = kind[_i].granule;
	device->ops.max_span_pages = kind[_i].most;
	device->ops.max_spans = kind[_i].budget;
	add();
	for (unsigned step = 0; step < 3000 / fx_slowdown(); step++) {
		const unsigned n = 1 + (unsigned)fx_rand_below(&rand, 6);

		for (unsigned i = 0; i < n; i++) {
			const bool low = fx_rand_below(&rand, 2);
			const gms_gfn base = low ? FX_1G - 1024 : small.first;
			const uint64_t most = low ? 2048 : small.npages;
			const gms_gfn at = fx_rand_below(&rand, most);
			const bool on = fx_rand_below(&rand, 2);
			const gms_state bit = fx_rand_below(&rand, 8) ? S : GMS_STATE_FROZEN;
			const uint64_t room = most - at < 700 ? most - at : 700;

			change[i].range = FX_RANGE(base + at, 1 + fx_rand_below(&rand, room));
			change[i].set = on ? bit : 0;
			change[i].clear = on ? 0 : bit;
		}
		if (gms_convert(space, change, n, NULL, NULL) == 0 && step % 64)
			continue;
		fx_check(space);
		fx_device_check(device, space, FX_RANGE(FX_1G - 1024, 2048));
		fx_device_check(device, space, small);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("listen");
	TCase *t = fx_case(s, "spans");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_shared_1g_folio_is_one_span);
	tcase_add_test(t, a_page_is_asked_for_its_span);
	tcase_add_test(t, bad_arguments_are_refused);
	tcase_add_test(t, there_is_room_for_so_many);
	tcase_add_test(t, one_page_revoked_in_the_middle_leaves_two_spans);
	tcase_add_test(t, who_can_cut_loses_nothing_else);
	tcase_add_test(t, several_holes_in_one_span_are_one_cut);
	tcase_add_test(t, blocks_that_have_come_to_match_whole_become_one_span);
	tcase_add_test(t, who_does_not_join_keeps_what_is_mapped);
	tcase_add_test(t, spans_keep_to_the_largest_and_its_multiples);
	tcase_add_test(t, what_was_gained_before_is_not_joined_again);
	tcase_add_test(t, only_whole_granules_are_mapped);
	tcase_add_test(t, a_region_need_not_begin_or_end_with_a_granule);
	tcase_add_test(t, a_full_budget_refuses_before_anything_changed);
	tcase_add_test(t, a_cut_beyond_the_budget_is_refused);
	tcase_add_test(t, a_listener_that_comes_is_told_what_there_is);
	tcase_add_test(t, a_replay_that_fails_leaves_nothing);
	tcase_add_test(t, regions_come_and_go);
	tcase_add_test(t, a_region_that_a_listener_refuses_is_not_added);
	tcase_add_loop_test(t, a_failure_at_any_point_is_undone, 0, 2);
	tcase_add_test(t, a_veto_names_a_page_of_the_conversion);
	tcase_add_test(t, missing_and_frozen_pages_are_not_handed_out);
	tcase_add_test(t, who_cannot_bear_a_discard_is_not_discarded_under);
	tcase_add_test(t, a_discard_that_is_forbidden_is_one_blocker_of_all);
	tcase_add_loop_test(t, random_conversions_keep_the_device_exact, 0, 8);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of the split and merge policies: folios of every order, all or
 * nothing, merges that wait, scans, and what a backend is told of it.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define FIRST	FX_1G		/* one region of 2 GiB from here */
#define AFTER	3		/* commits that DEFERRED waits for */
#define ALL	UINT64_MAX

static struct fx_mem mem;
static struct gms_space *space;

/* A backend that knows the shape of its region from what it was told alone. */
static struct {
	struct gms_backend backend;
	uint8_t	*order;		/* of each page of the 2 GiB */
	uint64_t splits, merges, fail_after;
	bool	 broken;
} host;

static int host_split(void *ctx, const struct gms_host_folio *folio, struct gms_charge *charge)
{
	const gms_gfn at = folio->first - FIRST;

	(void)ctx;
	(void)charge;
	if (!host.fail_after--)
		return -EIO;
	for (uint64_t i = 0; i < UINT64_C(1) << folio->order; i++) {
		host.broken |= host.order[at + i] != folio->order;
		host.order[at + i] = (uint8_t)folio->parts_order;
	}
	host.broken |= folio->parts_order >= folio->order ||
		       folio->backing_offset_bytes != folio->first * GMS_PAGE_SIZE ||
		       (uintptr_t)folio->hva != FX_HVA + folio->first * GMS_PAGE_SIZE;
	host.splits++;
	return 0;
}

static void host_merge(void *ctx, const struct gms_host_folio *folio, struct gms_charge *charge)
{
	const gms_gfn at = folio->first - FIRST;

	(void)ctx;
	(void)charge;
	for (uint64_t i = 0; i < UINT64_C(1) << folio->order; i++) {
		host.broken |= host.order[at + i] != folio->parts_order;
		host.order[at + i] = (uint8_t)folio->order;
	}
	host.merges++;
}

static void begin(uint32_t base_order, uint32_t split, uint32_t merge, gms_state state)
{
	struct gms_space_opts opts;
	struct gms_region_opts region;

	fx_mem_init(&mem);
	GMS_INIT(&opts);
	opts.split = split;
	opts.merge = merge;
	opts.mem = &mem.ops;
	opts.merge_after_commits = merge == GMS_MERGE_DEFERRED ? AFTER : 0;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);

	memset(&host, 0, sizeof(host));
	host.order = malloc(2 * FX_1G);
	ck_assert_ptr_nonnull(host.order);
	memset(host.order, state & S && split == GMS_SPLIT_ALL_4K ? 0 : (int)base_order,
	       2 * FX_1G);
	host.fail_after = UINT64_MAX;
	GMS_INIT(&host.backend);
	host.backend.split = host_split;
	host.backend.merge = host_merge;
	fx_region_opts(&region, FX_RANGE(FIRST, 2 * FX_1G), base_order, D | state, NULL);
	region.backend = &host.backend;
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
}

/* The folios that the space has are those that the backend knows. */
static void host_knows(void)
{
	struct gms_folio_iter it;
	struct gms_folio folio;
	bool same = true;

	ck_assert(!host.broken);
	ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_ALL), 0);
	while (gms_folio_iter_next(&it, &folio))
		for (uint64_t i = 0; i < UINT64_C(1) << folio.order; i++)
			same &= host.order[folio.first - FIRST + i] == folio.order;
	ck_assert(same);
}

static void end(void)
{
	host_knows();
	free(host.order);
	fx_check(space);
	fx_space_done(space, &mem);
}

/* Folios of each order, by walking and by the ledger. */
static void folios_are(const uint64_t should[GMS_ORDERS])
{
	uint64_t seen[GMS_ORDERS] = { 0 };
	struct gms_folio_iter it;
	struct gms_folio folio;
	struct gms_acct acct;
	gms_gfn next = FIRST;
	bool tiled = true;

	ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_ALL), 0);
	while (gms_folio_iter_next(&it, &folio)) {	/* I6 */
		tiled &= folio.first == next && !(next & ((UINT64_C(1) << folio.order) - 1));
		next += UINT64_C(1) << folio.order;
		seen[folio.order]++;
	}
	ck_assert(tiled);
	ck_assert_uint_eq(next, FIRST + 2 * FX_1G);
	fx_acct(space, &acct);
	for (unsigned order = 0; order < GMS_ORDERS; order++) {
		ck_assert_msg(seen[order] == should[order], "order %u: %" PRIu64 " folios, not %"
			      PRIu64, order, seen[order], should[order]);
		ck_assert_uint_eq(acct.folios[order], should[order]);
	}
	ck_assert_uint_eq(acct.folios_4k, should[0]);
	ck_assert_uint_eq(acct.folios_2m, should[9]);
	ck_assert_uint_eq(acct.folios_1g, should[18]);
	fx_check(space);
	host_knows();
}

#define FOLIOS_ARE(...)	folios_are((const uint64_t[GMS_ORDERS]){ __VA_ARGS__ })

static void to_shared(gms_gfn first, uint64_t npages)
{
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + first, npages), NULL), 0);
}

static void to_private(gms_gfn first, uint64_t npages)
{
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FIRST + first, npages), NULL), 0);
}

static struct gms_merge_result scan(uint64_t budget)
{
	struct gms_merge_result result;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_merge_scan(space, budget, &result), 0);
	ck_assert_uint_le(result.looked_blocks, budget);
	ck_assert_uint_eq(result.reserved, 0);
	return result;
}

/* --- HALVES ---------------------------------------------------------------- */

static void begin_halves(void) { begin(18, GMS_SPLIT_HALVES, GMS_MERGE_EAGER, 0); }
static void begin_halves_explicit(void) { begin(18, GMS_SPLIT_HALVES, GMS_MERGE_EXPLICIT, 0); }

START_TEST(halves_leave_one_folio_of_each_order)
{
	struct gms_convert_result result;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 777, 1), &result), 0);
	ck_assert_uint_eq(result.splits, 18);
	FOLIOS_ARE([0] = 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, [18] = 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_OTHER), 18);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_1G), 0);
	ck_assert_uint_eq(host.splits, 18);
	for (unsigned order = 0; order < 18; order++)	/* the buddy of that order */
		ck_assert_uint_eq(fx_order_at(space, FIRST + (777 ^ UINT64_C(1) << order)), order);

	GMS_INIT(&result);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FIRST + 777, 1), &result), 0);
	ck_assert_uint_eq(result.merges, 18);
	FOLIOS_ARE([18] = 2);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_MERGES_OTHER), 18);
}
END_TEST

START_TEST(halves_cut_at_the_edges_only)
{
	/* 4M to 12M: an edge between 8M and 4M on each side. */
	to_shared(2 * FX_2M, 4 * FX_2M);
	FOLIOS_ARE([10] = 4, [12] = 1, 1, 1, 1, 1, [17] = 1, [18] = 1);
	ck_assert_uint_eq(fx_order_at(space, FIRST + 2 * FX_2M), 10);
	ck_assert_uint_eq(fx_order_at(space, FIRST + 5 * FX_2M), 10);
	/* What touches it turns with it: no edge between. */
	to_shared(0, 2 * FX_2M);
	to_shared(6 * FX_2M, 2 * FX_2M);
	FOLIOS_ARE([12] = 2, 1, 1, 1, 1, [17] = 1, [18] = 1);
	to_shared(0, FX_1G);
	FOLIOS_ARE([18] = 2);
}
END_TEST

START_TEST(halves_join_what_turns_in_pieces)
{
	const struct gms_change batch[] = {
		{ FX_RANGE(FIRST + 512, 100), S, 0 },
		{ FX_RANGE(FIRST + 612, 156), S | GMS_STATE_USER0, 0 },
		{ FX_RANGE(FIRST + 768, 256), S | GMS_STATE_DIRTY, 0 },
	};

	ck_assert_int_eq(gms_convert(space, batch, 3, NULL, NULL), 0);
	ck_assert_uint_eq(fx_order_at(space, FIRST + 612), 9);
	ck_assert_uint_eq(fx_order_at(space, FIRST), 9);
	FOLIOS_ARE([9] = 2, 1, 1, 1, 1, 1, 1, 1, [17] = 1, [18] = 1);
}
END_TEST

START_TEST(halves_map_at_every_order)
{
	to_shared(777, 1);
	for (unsigned order = 0; order < 18; order++)
		ck_assert_uint_eq(gms_map_order(space, FIRST + (777 ^ UINT64_C(1) << order), S),
				  order);
	ck_assert_uint_eq(gms_map_order(space, FIRST + FX_1G, S), 18);
	/* A folio may be mixed in other attributes: then less of it is mapped at once. */
	ck_assert_int_eq(gms_convert(space, &(struct gms_change){ FX_RANGE(FIRST + FX_1G + 96, 1),
							  GMS_STATE_DIRTY, 0 }, 1, NULL, NULL), 0);
	ck_assert_uint_eq(fx_order_at(space, FIRST + FX_1G), 18);
	ck_assert_uint_eq(gms_map_order(space, FIRST + FX_1G, GMS_STATE_DIRTY), 6);
	ck_assert_uint_eq(gms_map_order(space, FIRST + FX_1G + 128, GMS_STATE_DIRTY), 7);
}
END_TEST

START_TEST(halves_split_and_merge_by_hand)
{
	ck_assert_int_eq(gms_folio_split(space, FIRST + 777, 17), 0);
	FOLIOS_ARE([17] = 2, [18] = 1);
	ck_assert_int_eq(gms_folio_split(space, FIRST + 777, 12), 0);
	FOLIOS_ARE([12] = 2, 1, 1, 1, 1, [17] = 1, [18] = 1);
	ck_assert_int_eq(gms_folio_split(space, FIRST + 777, 3), 0);
	FOLIOS_ARE([3] = 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, [17] = 1, [18] = 1);
	ck_assert_int_eq(gms_folio_split(space, FIRST + 777, 5), 0);	/* has less */
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 777, 7), 0);
	FOLIOS_ARE([7] = 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, [17] = 1, [18] = 1);
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 777, 18), 0);
	FOLIOS_ARE([18] = 2);
	ck_assert_int_eq(gms_folio_split(space, FIRST, 19), -EINVAL);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 19), -EINVAL);
	ck_assert_uint_eq(host.splits, host.merges);
}
END_TEST

START_TEST(halves_grow_only_what_is_uniform_and_free)
{
	gms_pin_id pin;

	to_shared(0, 3);
	to_private(0, 1);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 1), -EBUSY);
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 2, 2), -EBUSY);
	to_shared(0, 4);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(FIRST + 2, 1), 0, 1, &pin, NULL), 0);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 2), -EAGAIN);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 1), 0);
	ck_assert_uint_eq(fx_order_at(space, FIRST), 1);
	ck_assert_uint_eq(fx_order_at(space, FIRST + 2), 0);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 2), 0);
	ck_assert_uint_eq(fx_order_at(space, FIRST + 3), 2);
}
END_TEST

START_TEST(halves_of_2m_regions_stop_at_2m)
{
	end();
	begin(9, GMS_SPLIT_HALVES, GMS_MERGE_EAGER, 0);
	to_shared(700, 1);
	FOLIOS_ARE([0] = 2, 1, 1, 1, 1, 1, 1, 1, 1, [9] = 1023);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 10), -EINVAL);
	to_private(700, 1);
	FOLIOS_ARE([9] = 1024);
}
END_TEST

START_TEST(reserved_halves_need_no_allocator)
{
	struct gms_convert_opts opts;
	bool good = true;

	ck_assert_int_eq(gms_space_reserve(space, 300), 0);
	fx_mem_fail_after(&mem, 0, true);
	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_NO_ALLOC;
	/* Three pages apart want a leaf, and each block a tree. */
	for (unsigned i = 0; i < 3 * 300; i++) {
		const struct gms_change one = {
			FX_RANGE(FIRST + (i / 3 * 3) * FX_2M + i % 3 * 100, 1), S, 0
		};

		good &= !gms_convert(space, &one, 1, &opts, NULL);
	}
	ck_assert(good && !mem.refused);
	fx_mem_heal(&mem);
}
END_TEST

START_TEST(a_region_goes_with_all_its_halves)
{
	struct gms_region region;
	struct gms_acct acct;

	for (gms_gfn gfn = 0; gfn < 2 * FX_1G; gfn += 7777)
		to_shared(gfn, 1);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_region_get(space, FIRST, &region), 0);
	ck_assert_int_eq(gms_region_remove(space, region.id), 0);
	fx_acct(space, &acct);
	for (unsigned order = 0; order < GMS_ORDERS; order++)
		ck_assert_uint_eq(acct.folios[order], 0);
}
END_TEST

/* --- ALL_4K ---------------------------------------------------------------- */

static void begin_all(void) { begin(18, GMS_SPLIT_ALL_4K, GMS_MERGE_EAGER, 0); }
static void begin_all_2m(void) { begin(9, GMS_SPLIT_ALL_4K, GMS_MERGE_EAGER, 0); }
static void begin_all_shared(void) { begin(9, GMS_SPLIT_ALL_4K, GMS_MERGE_EXPLICIT, S); }

START_TEST(any_shared_page_cuts_all_of_1g)
{
	struct gms_convert_result result;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST + 777, 1), &result), 0);
	ck_assert_uint_eq(result.splits, 1);
	FOLIOS_ARE([0] = FX_1G, [18] = 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_OTHER), 1);
	ck_assert_uint_eq(gms_map_order(space, FIRST + 100000, S), 0);
	to_shared(0, FX_1G);	/* uniform, but shared */
	FOLIOS_ARE([0] = FX_1G, [18] = 1);
	to_private(0, FX_1G - 1);
	FOLIOS_ARE([0] = FX_1G, [18] = 1);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FIRST + FX_1G - 1, 1), &result), 0);
	ck_assert_uint_eq(result.merges, 1);
	FOLIOS_ARE([18] = 2);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_MERGES_OTHER), 1);
}
END_TEST

START_TEST(all_4k_has_two_orders_only)
{
	ck_assert_int_eq(gms_folio_split(space, FIRST, 9), 0);
	FOLIOS_ARE([0] = FX_1G, [18] = 1);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 9), -EINVAL);
	ck_assert_int_eq(gms_folio_split(space, FIRST, 5), -EINVAL);
	ck_assert_int_eq(gms_folio_merge(space, FIRST, 18), 0);
	FOLIOS_ARE([18] = 2);
	to_shared(5, 1);
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 1000, 18), -EBUSY);
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 1000, 0), 0);
}
END_TEST

START_TEST(any_shared_page_cuts_all_of_2m)
{
	to_shared(777, 1);
	FOLIOS_ARE([0] = 512, [9] = 1023);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_2M), 1);
	to_shared(0, FX_1G);	/* one mark for the whole GiB, or one a block */
	FOLIOS_ARE([0] = FX_1G, [9] = 512);
	to_shared(FX_1G, FX_1G);
	FOLIOS_ARE([0] = 2 * FX_1G);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_2M), 1024);
	to_private(FX_1G + 5 * FX_2M, 512);
	FOLIOS_ARE([0] = 2 * FX_1G - 512, [9] = 1);
	to_private(0, 2 * FX_1G);
	FOLIOS_ARE([9] = 1024);
	to_shared(100, 2 * FX_1G - 200);
	to_private(0, 2 * FX_1G);
	FOLIOS_ARE([9] = 1024);
}
END_TEST

START_TEST(what_is_shared_at_first_is_cut_at_first)
{
	FOLIOS_ARE([0] = 2 * FX_1G);
	to_private(0, 2 * FX_1G);
	FOLIOS_ARE([0] = 2 * FX_1G);
	/* One folio of a GiB that one mark stands for. */
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 3000, 9), 0);
	FOLIOS_ARE([0] = 2 * FX_1G - 512, [9] = 1);
	ck_assert_uint_eq(scan(ALL).folios[9], 1023);
	FOLIOS_ARE([9] = 1024);
}
END_TEST

/* --- merges that wait ------------------------------------------------------- */

static void begin_deferred(void) { begin(18, GMS_SPLIT_LEVELS, GMS_MERGE_DEFERRED, 0); }
static void begin_deferred_halves(void) { begin(18, GMS_SPLIT_HALVES, GMS_MERGE_DEFERRED, 0); }

/* Commits that turn nothing. */
static void commits(unsigned n)
{
	const gms_state bit = GMS_STATE_USER0;
	const gms_gfn gfn = FIRST + FX_1G;

	while (n--) {
		const bool set = gms_state_at(space, gfn) & bit;
		const struct gms_change one = { FX_RANGE(gfn, 1), set ? 0 : bit, set ? bit : 0 };

		ck_assert_int_eq(gms_convert(space, &one, 1, NULL, NULL), 0);
	}
}

START_TEST(deferred_waits_for_commits)
{
	to_shared(777, 1);
	to_private(777, 1);
	FOLIOS_ARE([0] = 512, [9] = 511, [18] = 1);	/* no conversion merges */
	ck_assert_uint_gt(scan(ALL).waiting, 0);
	commits(AFTER - 1);
	ck_assert_uint_gt(scan(ALL).waiting, 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_MERGES_2M), 0);
	commits(1);
	ck_assert_uint_eq(fx_order_at(space, FIRST), 9);
	ck_assert_uint_eq(scan(ALL).folios[9], 1);	/* and the GiB in the same pass */
	ck_assert_uint_eq(fx_order_at(space, FIRST), 18);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_MERGES_1G), 1);
}
END_TEST

START_TEST(deferred_begins_anew_with_each_turn)
{
	to_shared(777, 1);
	to_private(777, 1);
	commits(AFTER - 1);
	to_shared(888, 1);
	to_private(888, 1);
	/* Naming pages that are so already turns nothing. */
	to_private(777, 1);
	commits(AFTER - 1);
	ck_assert_uint_eq(scan(ALL).folios[9], 0);
	ck_assert_int_eq(gms_folio_merge(space, FIRST + 777, 9), 0);	/* by hand at once */
	ck_assert_int_eq(gms_folio_split(space, FIRST + 777, 0), 0);
	commits(1);
	ck_assert_uint_eq(scan(ALL).folios[9], 0);	/* cut by hand: the same wait */
	commits(AFTER - 1);
	ck_assert_uint_eq(scan(ALL).folios[9], 1);
}
END_TEST

START_TEST(deferred_waits_for_pins)
{
	gms_pin_id pin;

	to_shared(0, 512);
	to_shared(512, 1);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(FIRST + 512, 1), 0, 1, &pin, NULL), 0);
	to_shared(512, 512);
	commits(AFTER);
	ck_assert_uint_eq(scan(ALL).folios[9], 0);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_uint_eq(fx_order_at(space, FIRST + 512), 0);
	ck_assert_uint_eq(scan(ALL).folios[9], 1);
}
END_TEST

START_TEST(deferred_grows_halves_as_they_age)
{
	struct gms_merge_result result;

	to_shared(777, 1);
	to_private(777, 1);
	commits(AFTER);
	result = scan(ALL);
	for (unsigned order = 1; order < GMS_ORDERS; order++)
		ck_assert_uint_eq(result.folios[order], 1);
	FOLIOS_ARE([18] = 2);
}
END_TEST

START_TEST(scans_go_round_in_steps)
{
	struct gms_merge_result result;
	uint64_t looked = 0, merged = 0;
	unsigned calls = 0;

	for (unsigned b = 0; b < 512; b += 2) {
		to_shared(b * FX_2M + 9, 1);
		to_private(b * FX_2M + 9, 1);
	}
	ck_assert_uint_eq(scan(0).looked_blocks, 0);
	commits(AFTER + 1);
	do {
		result = scan(100);
		looked += result.looked_blocks;
		merged += result.folios[9];
		calls++;
	} while (result.more);
	ck_assert_uint_eq(merged, 256);
	ck_assert_uint_eq(fx_order_at(space, FIRST + 100), 18);
	ck_assert_uint_ge(calls, 6);
	ck_assert_uint_le(looked, 2 * 512 + 2);
	result = scan(ALL);	/* the next pass */
	ck_assert_uint_eq(result.more, 0);
	ck_assert_uint_eq(result.folios[9] + result.folios[18], 0);
}
END_TEST

START_TEST(explicit_scans_without_waiting)
{
	to_shared(777, 1);
	to_private(777, 1);
	to_shared(FX_1G + 5, 1);
	ck_assert_uint_eq(scan(ALL).folios[18], 1);
	ck_assert_uint_eq(fx_order_at(space, FIRST), 18);
	ck_assert_uint_eq(fx_order_at(space, FIRST + FX_1G + 5), 0);
}
END_TEST

START_TEST(scan_refuses_bad_input)
{
	FX_LONGER(struct gms_merge_result) longer;
	struct gms_merge_result result;

	ck_assert_int_eq(gms_merge_scan(NULL, 1, NULL), -EINVAL);
	memset(&result, 0, sizeof(result));
	result.size = 3;
	ck_assert_int_eq(gms_merge_scan(space, 1, &result), -EINVAL);
	gms_init(&longer, sizeof(longer));
	ck_assert_int_eq(gms_merge_scan(space, 1, &longer.known), 0);
	longer.tail[3] = 1;
	ck_assert_int_eq(gms_merge_scan(space, 1, &longer.known), -E2BIG);
	ck_assert_int_eq(gms_merge_scan(space, 1, NULL), 0);
}
END_TEST

START_TEST(hysteresis_is_for_deferred_only)
{
	struct gms_space *other;
	struct gms_space_opts opts;

	GMS_INIT(&opts);
	opts.merge_after_commits = 1;
	ck_assert_int_eq(gms_space_new(&other, &opts), -EINVAL);
	opts.merge = GMS_MERGE_DEFERRED;
	opts.merge_after_commits = (UINT64_C(1) << 31) + 1;
	ck_assert_int_eq(gms_space_new(&other, &opts), -EINVAL);
	opts.merge_after_commits--;
	ck_assert_int_eq(gms_space_new(&other, &opts), 0);
	gms_space_free(other);
}
END_TEST

/* --- a backend that cannot cut ----------------------------------------------- */

static const struct {
	uint32_t base, split, merge;
} every[] = {
	{ 18, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER }, { 18, GMS_SPLIT_HALVES, GMS_MERGE_EAGER },
	{ 18, GMS_SPLIT_ALL_4K, GMS_MERGE_EAGER }, { 9, GMS_SPLIT_ALL_4K, GMS_MERGE_EAGER },
	{ 9, GMS_SPLIT_HALVES, GMS_MERGE_EXPLICIT }, { 18, GMS_SPLIT_HALVES, GMS_MERGE_DEFERRED },
};

START_TEST(a_refused_cut_leaves_no_trace)	/* _i: policy */
{
	struct fx_snap before, after;
	uint64_t n = 0;
	int err;

	begin(every[_i].base, every[_i].split, every[_i].merge, 0);
	to_shared(FX_1G - 3000, 1);
	fx_snap_take(&before, space, NULL);
	for (;; n++) {
		const struct gms_change batch[] = {
			{ FX_RANGE(FIRST + 100, 1100), S, 0 },
			{ FX_RANGE(FIRST + FX_1G - 3000, 1), 0, S },
			{ FX_RANGE(FIRST + FX_1G - 77, 99), S, 0 },
		};

		host.fail_after = n;
		err = gms_convert(space, batch, 3, NULL, NULL);
		host.fail_after = UINT64_MAX;
		host_knows();
		fx_check(space);
		if (!err)
			break;
		ck_assert_int_eq(err, -EIO);
		fx_snap_take(&after, space, NULL);
		fx_snap_same(&before, &after);
	}
	ck_assert_uint_gt(n, 0);

	fx_snap_take(&before, space, NULL);
	for (n = 0;; n++) {
		host.fail_after = n;
		err = gms_folio_split(space, FIRST + FX_1G + 99999, 0);
		host.fail_after = UINT64_MAX;
		if (!err)
			break;
		ck_assert_int_eq(err, -EIO);
		fx_snap_take(&after, space, NULL);
		fx_snap_same(&before, &after);
	}
	ck_assert_uint_gt(n + (every[_i].split == GMS_SPLIT_ALL_4K), 0);
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy");
	TCase *tc = fx_case(s, "halves");

	tcase_add_checked_fixture(tc, begin_halves, end);
	tcase_add_test(tc, halves_leave_one_folio_of_each_order);
	tcase_add_test(tc, halves_cut_at_the_edges_only);
	tcase_add_test(tc, halves_join_what_turns_in_pieces);
	tcase_add_test(tc, halves_map_at_every_order);
	tcase_add_test(tc, halves_of_2m_regions_stop_at_2m);
	tc = fx_case(s, "halves by hand");
	tcase_add_checked_fixture(tc, begin_halves_explicit, end);
	tcase_add_test(tc, halves_split_and_merge_by_hand);
	tcase_add_test(tc, halves_grow_only_what_is_uniform_and_free);
	tcase_add_test(tc, reserved_halves_need_no_allocator);
	tcase_add_test(tc, a_region_goes_with_all_its_halves);
	tcase_add_test(tc, explicit_scans_without_waiting);
	tcase_add_test(tc, scan_refuses_bad_input);

	tc = fx_case(s, "all 4K");
	tcase_add_checked_fixture(tc, begin_all, end);
	tcase_add_test(tc, any_shared_page_cuts_all_of_1g);
	tcase_add_test(tc, all_4k_has_two_orders_only);
	tc = fx_case(s, "all 4K of 2M");
	tcase_add_checked_fixture(tc, begin_all_2m, end);
	tcase_add_test(tc, any_shared_page_cuts_all_of_2m);
	tc = fx_case(s, "all 4K, shared");
	tcase_add_checked_fixture(tc, begin_all_shared, end);
	tcase_add_test(tc, what_is_shared_at_first_is_cut_at_first);

	tc = fx_case(s, "deferred");
	tcase_add_checked_fixture(tc, begin_deferred, end);
	tcase_add_test(tc, deferred_waits_for_commits);
	tcase_add_test(tc, deferred_begins_anew_with_each_turn);
	tcase_add_test(tc, deferred_waits_for_pins);
	tcase_add_test(tc, scans_go_round_in_steps);
	tc = fx_case(s, "deferred halves");
	tcase_add_checked_fixture(tc, begin_deferred_halves, end);
	tcase_add_test(tc, deferred_grows_halves_as_they_age);

	tc = fx_case(s, "every policy");
	tcase_add_test(tc, hysteresis_is_for_deferred_only);
	tcase_add_loop_test(tc, a_refused_cut_leaves_no_trace, 0,
			    (int)(sizeof(every) / sizeof(every[0])));
	return fx_run(s);
}

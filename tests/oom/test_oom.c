/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_oom.c - every allocation of every operation fails once.
 *
 * A scenario sets a space up and names one call. The call is made with its
 * first allocation failing, then with its second, and so on until it has no
 * more: each time it must say -ENOMEM, leave everything that can be seen as it
 * was, and succeed when memory is back. Both kinds of famine are tried: one
 * allocation that fails, and all from that one on.
 *
 * Tables that a failed call took already may stay with the space, ready for the
 * next; they must not pile up, so a call that fails twice in the same way must
 * hold no more after the second time.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

/* [0, 1 GiB) one folio, hosted; then 64 folios of 2M, hosted; 4K pages without a host. */
#define SECOND	FX_1G
#define THIRD	(FX_1G + 64 * FX_2M + 7)

#define PIN_TAG	2

struct stage {
	struct fx_mem	  mem;
	struct fx_host	 *host;
	struct gms_space *space;
	gms_pin_id	  pin;
};

struct scenario {
	const char *name;
	void (*prepare)(struct stage *stage);
	int  (*act)(struct stage *stage);
	bool keeps;	/* a failed call may keep memory, as its header says */
	uint32_t split;	/* policies; 0: LEVELS, EAGER */
	uint32_t merge;
};

static int change(struct stage *stage, gms_gfn first, uint64_t npages, gms_state set,
		  gms_state clear)
{
	const struct gms_change one = { FX_RANGE(first, npages), set, clear };

	return gms_convert(stage->space, &one, 1, NULL, NULL);
}

/* --- what is there before ------------------------------------------------ */

static void prepare_nothing(struct stage *stage)
{
	(void)stage;
}

static void prepare_ragged(struct stage *stage)
{
	for (gms_gfn gfn = 0; gfn < 3 * FX_2M; gfn += 2)
		ck_assert_int_eq(gms_share(stage->space, FX_RANGE(gfn, 1), NULL), 0);
	for (gms_gfn gfn = SECOND + 5; gfn < SECOND + 200; gfn += 7)
		ck_assert_int_eq(gms_share(stage->space, FX_RANGE(gfn, 3), NULL), 0);
}

static void prepare_pinned(struct stage *stage)
{
	ck_assert_int_eq(gms_share(stage->space, FX_RANGE(0, FX_1G), NULL), 0);
	ck_assert_int_eq(gms_pin(stage->space, FX_RANGE(700, 40), 0, 1, &stage->pin, NULL), 0);
}

static void prepare_many_pins(struct stage *stage)
{
	gms_pin_id id;

	prepare_pinned(stage);
	for (gms_gfn gfn = 0; gfn < 500; gfn++)
		ck_assert_int_eq(gms_pin(stage->space, FX_RANGE(gfn, 1 + gfn % 9), 0, gfn, &id,
					 NULL), 0);
}

/* All folios of 2M cut, by one mark, and private again. */
static void prepare_all_cut(struct stage *stage)
{
	ck_assert_int_eq(gms_share(stage->space, FX_RANGE(SECOND, 64 * FX_2M), NULL), 0);
	ck_assert_int_eq(gms_unshare(stage->space, FX_RANGE(SECOND, 64 * FX_2M), NULL), 0);
}

/* Loans until the slots and the table of leaves must grow. */
static void prepare_lent(struct stage *stage)
{
	gms_loan_id id;

	for (uint64_t i = 0; i < 32; i++)
		ck_assert_int_eq(gms_lend(stage->space, i * 32 << GMS_PAGE_SHIFT, 1,
					  GMS_LEND_BOTH, 0, &id, NULL), 0);
}

static void prepare_large(struct stage *stage)
{
	fx_region(stage->space, FX_RANGE(16 * FX_1G, 64 * FX_1G), 18, D, NULL);
}

/* Use up what the space has in hand: no memory comes until the pools are dry. */
static void prepare_dry(struct stage *stage)
{
	gms_gfn gfn = SECOND + 32 * FX_2M;
	gms_pin_id id;

	prepare_ragged(stage);
	/* An account that is not had refuses nothing: what is asked for here is the pin's. */
	ck_assert_int_eq(gms_acct_tag_add(stage->space, PIN_TAG), 0);
	ck_assert_int_eq(gms_share(stage->space, FX_RANGE(800, 224), NULL), 0);
	fx_mem_fail_after(&stage->mem, 0, true);
	while (!gms_share(stage->space, FX_RANGE(gfn, 1), NULL))
		gfn += FX_2M;
	/* Three pages apart are what a block needs a leaf for. */
	for (unsigned i = 0; i < 3 * 400; i++) {
		gfn = (64 + i / 3) * FX_2M + i % 3 * 100;
		if (gms_share(stage->space, FX_RANGE(gfn, 1), NULL))
			break;
	}
	while (!gms_pin(stage->space, FX_RANGE(801, 3), 0, 1, &id, NULL))
		;
	fx_mem_heal(&stage->mem);
}

static void prepare_frozen(struct stage *stage)
{
	prepare_ragged(stage);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(gms_freeze(stage->space, FX_RANGE(0, SECOND + FX_2M), 0, NULL),
				 0);
	/* Use up the nodes that are in hand. */
	fx_mem_fail_after(&stage->mem, 0, true);
	for (gms_gfn gfn = 0; gfn < FX_2M; gfn += 2) {
		if (gms_freeze(stage->space, FX_RANGE(gfn, 1), 0, NULL))
			break;
	}
	for (gms_gfn gfn = FX_2M; gfn < 2 * FX_2M; gfn += 2) {
		if (gms_thaw(stage->space, FX_RANGE(gfn, 1), NULL))
			break;
	}
	fx_mem_heal(&stage->mem);
}

static void prepare_missing(struct stage *stage)
{
	prepare_ragged(stage);
	ck_assert_int_eq(gms_miss(stage->space, FX_RANGE(0, 3 * FX_2M), 0, NULL), 0);
}

static void prepare_faults(struct stage *stage)
{
	gms_gfn gfn = 0;

	prepare_missing(stage);
	ck_assert_int_eq(gms_fault_raise(stage->space, gfn++, 0, 0), 0);
	fx_mem_fail_after(&stage->mem, 0, true);
	while (!gms_fault_raise(stage->space, gfn, 0, 0))
		gfn++;
	fx_mem_heal(&stage->mem);
}

/* --- the call ------------------------------------------------------------ */

/* Once more, or once less, of what is frozen more than once already, in many runs. */
static int act_freeze(struct stage *stage)
{
	return gms_freeze(stage->space, FX_RANGE(1, SECOND + 100), 0, NULL);
}

static int act_thaw(struct stage *stage)
{
	return gms_thaw(stage->space, FX_RANGE(3, 2 * FX_2M), NULL);
}

/* What was frozen several times thaws for good, in the middle of a run. */
static int act_melt(struct stage *stage)
{
	return change(stage, SECOND - 4, 2, 0, GMS_STATE_FROZEN);
}

static int act_remove_frozen(struct stage *stage)
{
	struct gms_region region;

	GMS_INIT(&region);
	if (gms_region_get(stage->space, SECOND + 1, &region) == -ENOENT)
		return 0;
	return gms_region_remove(stage->space, region.id);
}

static int act_miss(struct stage *stage)
{
	return gms_miss(stage->space, FX_RANGE(1, SECOND), 0, NULL);
}

static int act_resolve(struct stage *stage)
{
	return gms_resolve(stage->space, FX_RANGE(5, 4 * FX_2M), true, NULL);
}

static int act_access(struct stage *stage)
{
	struct gms_access access;
	int err = gms_access_begin(stage->space, FX_RANGE(0, 1), 0, 0, &access);

	if (!err)
		gms_access_end(stage->space, &access);
	return err;
}

static int act_fault(struct stage *stage)
{
	return gms_fault_raise(stage->space, 2 * FX_2M, GMS_ACCESS_WRITE, 7);
}

static int act_notify(struct stage *stage)
{
	return gms_fault_notify(stage->space, NULL, NULL);
}

static int act_region_add(struct stage *stage)
{
	struct gms_region_opts opts;

	fx_region_opts(&opts, FX_RANGE(16 * FX_1G, 4 * FX_1G), 18, S | D, NULL);
	return gms_region_add(stage->space, &opts, NULL);
}

static int act_many_regions(struct stage *stage)	/* as one: undone if one fails */
{
	uint32_t ids[40];
	int err = 0, n;

	for (n = 0; n < 40 && !err; n++) {
		struct gms_region_opts opts;

		fx_region_opts(&opts, FX_RANGE(16 * FX_1G + (uint64_t)n * 3, 2), 0, D, NULL);
		err = gms_region_add(stage->space, &opts, &ids[n]);
	}
	for (n--; err && n > 0; n--)
		ck_assert_int_eq(gms_region_remove(stage->space, ids[n - 1]), 0);
	return err;
}

static int act_share_page(struct stage *stage)
{
	return gms_share(stage->space, FX_RANGE(12345, 1), NULL);
}

static int act_share_span(struct stage *stage)	/* ragged at both ends, over two regions */
{
	return gms_share(stage->space, FX_RANGE(FX_1G - 1000, 3333), NULL);
}

static int act_share_small_pages(struct stage *stage)
{
	return gms_share(stage->space, FX_RANGE(THIRD + 3, 77), NULL);
}

static int act_unshare_ragged(struct stage *stage)
{
	return gms_unshare(stage->space, FX_RANGE(1, 3 * FX_2M - 2), NULL);
}

static int act_dirty(struct stage *stage)
{
	return change(stage, 17, 2000, GMS_STATE_DIRTY | GMS_STATE_POPULATED, 0);
}

static int act_large_batch(struct stage *stage)
{
	struct gms_change batch[200];

	for (uint64_t i = 0; i < 200; i++)
		batch[i] = (struct gms_change){
			FX_RANGE(i * 1301 % (FX_1G - 9), 1 + i % 9),
			i % 3 ? S : GMS_STATE_USER0, i % 3 ? GMS_STATE_USER1 : 0,
		};
	return gms_convert(stage->space, batch, 200, NULL, NULL);
}

static int act_both_ways(struct stage *stage)
{
	struct gms_change batch[60];

	for (uint64_t i = 0; i < 60; i++)
		batch[i] = (struct gms_change){
			FX_RANGE(i * 40, 20), i & 1 ? S : 0, i & 1 ? 0 : S,
		};
	return gms_convert(stage->space, batch, 60, NULL, NULL);
}

static int act_every_gib(struct stage *stage)
{
	struct gms_change batch[64];

	for (uint64_t g = 0; g < 64; g++)
		batch[g] = (struct gms_change){ FX_RANGE((16 + g) * FX_1G + g, 1), S, 0 };
	return gms_convert(stage->space, batch, 64, NULL, NULL);
}

static int act_bitmap(struct stage *stage)	/* ragged, over two regions with a host */
{
	static const uint64_t words[40] = {
		0x5, 0, UINT64_MAX, 0xff00ff00ff00ff00, 0, 0x8000000000000001, 1, 2, 3, 4,
		[20] = 0xaaaaaaaaaaaaaaaa, [21] = 0xaaaaaaaaaaaaaaaa, [39] = UINT64_MAX
	};

	return gms_bitmap_import(stage->space, FX_RANGE(FX_1G - 1000, 2500), S, S, 0, words,
				 GMS_BITMAP_ASSIGN, NULL);
}

static int act_pin(struct stage *stage)
{
	return gms_pin(stage->space, FX_RANGE(900, 40), GMS_PIN_WRITE, PIN_TAG, &stage->pin, NULL);
}

static int act_account(struct stage *stage)
{
	return gms_acct_tag_add(stage->space, 77);
}

static int lend(struct stage *stage, gms_gfn first, uint64_t npages)
{
	gms_loan_id id;

	return gms_lend(stage->space, first << GMS_PAGE_SHIFT, npages << GMS_PAGE_SHIFT,
			GMS_LEND_BOTH, 0, &id, NULL);
}

static int act_lend_page(struct stage *stage)
{
	return lend(stage, 12345, 1);
}

static int act_lend_span(struct stage *stage)	/* wide, ragged, over two regions */
{
	return lend(stage, FX_1G - 1000, 3333);
}

/* Both GiB, in no order, some over the border; more than fit the call's own lists. */
static int act_lend_many(struct stage *stage)
{
	struct gms_loan_want want[60];
	gms_loan_id ids[60];

	for (uint64_t i = 0; i < 60; i++) {
		const uint64_t gfn = FX_1G - 31 + i * 37 % 60;

		want[i] = (struct gms_loan_want){ gfn << GMS_PAGE_SHIFT, 1 + i * 97, 0,
						  GMS_LEND_BOTH, 0 };
		if (i % 3 == 0)
			want[i].gpa = (i * 1000) << GMS_PAGE_SHIFT;
	}
	return gms_lend_many(stage->space, want, 60, ids, NULL);
}

static int act_split_2m(struct stage *stage)
{
	return gms_folio_split(stage->space, SECOND + 900, 0);
}

static int act_split_1g(struct stage *stage)
{
	return gms_folio_split(stage->space, 900, 0);
}

static int act_split_17(struct stage *stage)
{
	return gms_folio_split(stage->space, 900, 3);
}

static int act_merge_2m(struct stage *stage)
{
	return gms_folio_merge(stage->space, SECOND + 900, 9);
}

static int act_reserve(struct stage *stage)
{
	return gms_space_reserve(stage->space, 700);
}

static const struct scenario scenarios[] = {
	{ "region add", prepare_nothing, act_region_add, false, 0, 0 },
	{ "many regions", prepare_nothing, act_many_regions, true, 0, 0 },
	{ "share a page", prepare_nothing, act_share_page, false, 0, 0 },
	{ "share a span", prepare_nothing, act_share_span, false, 0, 0 },
	{ "share small pages", prepare_nothing, act_share_small_pages, false, 0, 0 },
	{ "unshare ragged", prepare_ragged, act_unshare_ragged, false, 0, 0 },
	{ "share a span of ragged", prepare_ragged, act_share_span, false, 0, 0 },
	{ "large batch", prepare_nothing, act_large_batch, false, 0, 0 },
	{ "large batch on ragged", prepare_ragged, act_large_batch, false, 0, 0 },
	{ "both ways on ragged", prepare_ragged, act_both_ways, false, 0, 0 },
	{ "every GiB", prepare_large, act_every_gib, false, 0, 0 },
	{ "bitmap", prepare_nothing, act_bitmap, false, 0, 0 },
	{ "bitmap on ragged", prepare_ragged, act_bitmap, false, 0, 0 },
	{ "bitmap, dry", prepare_dry, act_bitmap, false, 0, 0 },
	{ "pin", prepare_dry, act_pin, false, 0, 0 },
	{ "other attributes, dry", prepare_dry, act_dirty, false, 0, 0 },
	{ "share a span, dry", prepare_dry, act_share_span, false, 0, 0 },
	{ "both ways, dry", prepare_dry, act_both_ways, false, 0, 0 },
	{ "lend a page", prepare_nothing, act_lend_page, false, 0, 0 },
	{ "lend a page, lent next to", prepare_lent, act_lend_page, false, 0, 0 },
	{ "lend a span", prepare_nothing, act_lend_span, false, 0, 0 },
	{ "lend a span of ragged", prepare_ragged, act_lend_span, false, 0, 0 },
	{ "lend a span, dry", prepare_dry, act_lend_span, false, 0, 0 },
	{ "lend many", prepare_nothing, act_lend_many, false, 0, 0 },
	{ "lend many, lent next to", prepare_lent, act_lend_many, false, 0, 0 },
	{ "lend many of ragged", prepare_ragged, act_lend_many, false, 0, 0 },
	{ "lend many, dry", prepare_dry, act_lend_many, false, 0, 0 },
	{ "account of a tag", prepare_nothing, act_account, false, 0, 0 },
	{ "account of another tag", prepare_ragged, act_account, false, 0, 0 },
	{ "split 2M", prepare_nothing, act_split_2m, false, 0, 0 },
	{ "split 1G", prepare_nothing, act_split_1g, false, 0, 0 },
	{ "reserve", prepare_nothing, act_reserve, true, 0, 0 },
	{ "first access", prepare_ragged, act_access, false, 0, 0 },
	{ "first freeze", prepare_ragged, act_freeze, false, 0, 0 },
	{ "freeze again", prepare_frozen, act_freeze, false, 0, 0 },
	{ "thaw a part", prepare_frozen, act_thaw, false, 0, 0 },
	{ "thaw for good", prepare_frozen, act_melt, false, 0, 0 },
	{ "a frozen region goes", prepare_frozen, act_remove_frozen, false, 0, 0 },
	{ "miss", prepare_ragged, act_miss, false, 0, 0 },
	{ "resolve", prepare_missing, act_resolve, true, 0, 0 },
	{ "first fault", prepare_missing, act_fault, false, 0, 0 },
	{ "fault", prepare_faults, act_fault, false, 0, 0 },
	{ "whom to notify", prepare_ragged, act_notify, false, 0, 0 },
#define HALVES(merge)	GMS_SPLIT_HALVES, GMS_MERGE_##merge
	{ "share a page, halves", prepare_nothing, act_share_page, false, HALVES(EAGER) },
	{ "share a span, halves", prepare_nothing, act_share_span, false, HALVES(DEFERRED) },
	{ "unshare ragged, halves", prepare_ragged, act_unshare_ragged, false, HALVES(EAGER) },
	{ "large batch, halves", prepare_ragged, act_large_batch, false, HALVES(EAGER) },
	{ "large batch, halves, later", prepare_ragged, act_large_batch, false, HALVES(DEFERRED) },
	{ "both ways, halves, dry", prepare_dry, act_both_ways, false, HALVES(EXPLICIT) },
	{ "bitmap, halves", prepare_ragged, act_bitmap, false, HALVES(EAGER) },
	{ "split, halves", prepare_nothing, act_split_17, false, HALVES(EAGER) },
	{ "split 2M, halves", prepare_nothing, act_split_2m, false, HALVES(EAGER) },
	{ "reserve, halves", prepare_nothing, act_reserve, true, HALVES(EAGER) },
#define ALL_4K(merge)	GMS_SPLIT_ALL_4K, GMS_MERGE_##merge
	{ "share a span, all 4K", prepare_nothing, act_share_span, false, ALL_4K(EAGER) },
	{ "large batch, all 4K", prepare_ragged, act_large_batch, false, ALL_4K(DEFERRED) },
	{ "split 2M, all 4K", prepare_nothing, act_split_2m, false, ALL_4K(EAGER) },
	{ "merge one of many, all 4K", prepare_all_cut, act_merge_2m, false, ALL_4K(EXPLICIT) },
	{ "share a span, later", prepare_nothing, act_share_span, false,
	  GMS_SPLIT_LEVELS, GMS_MERGE_DEFERRED },
	{ "large batch, not cut", prepare_ragged, act_large_batch, false,
	  GMS_SPLIT_NONE, GMS_MERGE_EAGER },
};

static void stage_open(struct stage *stage, const struct scenario *scenario)
{
	memset(stage, 0, sizeof(*stage));
	fx_mem_init(&stage->mem);
	stage->host = fx_host_new(0, FX_1G + 64 * FX_2M);
	stage->space = fx_space(&stage->mem, GMS_PROFILE_GENERIC, scenario->split, scenario->merge);
	fx_region(stage->space, FX_RANGE(0, FX_1G), 18, D, stage->host);
	fx_region(stage->space, FX_RANGE(SECOND, 64 * FX_2M), 9, D, stage->host);
	fx_region(stage->space, FX_RANGE(THIRD, 1000), 0, D, NULL);
	scenario->prepare(stage);
}

static void stage_close(struct stage *stage)
{
	ck_assert_msg(!stage->host->broken[0], "%s", stage->host->broken);
	fx_space_done(stage->space, &stage->mem);
	fx_host_free(stage->host);
}

/* The call with allocation n failing; false when it has not as many. */
static bool starve(const struct scenario *scenario, uint64_t n, bool sticky)
{
	struct fx_snap before, after;
	struct stage stage;
	uint64_t live;
	int err;

	stage_open(&stage, scenario);
	fx_snap_take(&before, stage.space, stage.host);
	live = stage.mem.live_bytes;
	fx_mem_fail_after(&stage.mem, n, sticky);
	err = scenario->act(&stage);
	fx_mem_heal(&stage.mem);
	if (!stage.mem.refused) {
		ck_assert_msg(!err, "%s: %s without a famine", scenario->name, gms_strerror(err));
		stage_close(&stage);
		return false;
	}
	ck_assert_msg(err == -ENOMEM, "%s, allocation %" PRIu64 ": %s", scenario->name, n,
		      gms_strerror(err));
	fx_snap_take(&after, stage.space, stage.host);
	fx_snap_same(&before, &after);
	fx_check(stage.space);
	if (n == 0 && sticky && !scenario->keeps)
		ck_assert_msg(stage.mem.live_bytes == live,
			      "%s: %" PRIu64 " bytes live without any allocation, before %" PRIu64,
			      scenario->name, stage.mem.live_bytes, live);

	live = stage.mem.live_bytes;
	fx_mem_fail_after(&stage.mem, 0, true);
	err = scenario->act(&stage);
	fx_mem_heal(&stage.mem);
	if (err) {	/* or what the first time got was enough */
		ck_assert_int_eq(err, -ENOMEM);
		ck_assert_uint_eq(stage.mem.live_bytes, live);
		fx_snap_take(&after, stage.space, stage.host);
		fx_snap_same(&before, &after);
		ck_assert_msg(!scenario->act(&stage), "%s fails with memory back", scenario->name);
	}
	stage_close(&stage);
	return true;
}

START_TEST(every_failing_allocation_leaves_no_trace)	/* _i: scenario, and kind of famine */
{
	const struct scenario *scenario = &scenarios[_i / 2];
	uint64_t n = 0;

	while (starve(scenario, n, _i & 1))
		n++;
	ck_assert_msg(n, "%s allocates nothing: it tests nothing", scenario->name);
}
END_TEST

START_TEST(new_space_fails_cleanly)	/* _i & 1: all from the n-th on, or only it */
{
	for (uint64_t n = 0;; n++) {
		struct gms_space *space = NULL;
		struct gms_space_opts opts;
		struct fx_mem mem;
		int err;

		fx_mem_init(&mem);
		GMS_INIT(&opts);
		opts.mem = &mem.ops;
		opts.split = _i & 2 ? GMS_SPLIT_HALVES : GMS_SPLIT_LEVELS;
		opts.flags = _i & 2 ? GMS_SPACE_ACCESS | GMS_SPACE_TRACK_CHANGES : 0;
		fx_mem_fail_after(&mem, n, _i & 1);
		err = gms_space_new(&space, &opts);
		if (!mem.refused) {
			ck_assert_int_eq(err, 0);
			ck_assert_uint_gt(n, 0);
			gms_space_free(space);
			ck_assert_uint_eq(mem.live_blocks, 0);
			return;
		}
		ck_assert_int_eq(err, -ENOMEM);
		ck_assert_ptr_null(space);
		ck_assert_uint_eq(mem.live_blocks, 0);
	}
}
END_TEST

/* What is done without memory for an account is counted for all others. */
START_TEST(books_are_no_reason_to_fail)	/* _i: allocations that succeed */
{
	const struct scenario scenario = { "books", prepare_nothing, NULL, false, 0, 0 };
	struct gms_acct_tag acct;
	struct stage stage;

	stage_open(&stage, &scenario);
	fx_mem_fail_after(&stage.mem, (uint64_t)_i, true);
	ck_assert_int_eq(gms_acct_charge(stage.space, 77, GMS_ACCT_REQUESTS, 3, 4), 0);
	fx_mem_heal(&stage.mem);
	GMS_INIT(&acct);
	ck_assert_int_eq(gms_acct_tag(stage.space, _i < 2 ? GMS_TAG_OTHER : 77, &acct), 0);
	ck_assert_uint_eq(acct.event[GMS_ACCT_REQUESTS].count, 3);
	ck_assert_uint_eq(acct.event[GMS_ACCT_REQUESTS].ns, 4);
	ck_assert_uint_eq(fx_event(stage.space, GMS_ACCT_REQUESTS), 3);
	fx_check(stage.space);
	stage_close(&stage);
}
END_TEST

/* Calls whose headers say that they allocate nothing. */
START_TEST(what_allocates_nothing_needs_no_memory)
{
	const struct scenario scenario = { "no memory", prepare_many_pins, NULL, false, 0, 0 };
	struct gms_pin_info pins[600];
	struct stage stage;
	struct fx_snap snap;
	uint64_t calls;
	size_t found;

	stage_open(&stage, &scenario);
	ck_assert_int_eq(gms_pins_in(stage.space, FX_ALL, pins, 600, &found), 0);
	ck_assert_uint_eq(found, 501);
	calls = stage.mem.calls;
	fx_mem_fail_after(&stage.mem, 0, true);
	fx_snap_take(&snap, stage.space, stage.host);
	fx_check(stage.space);
	for (size_t i = 0; i < found; i++)
		ck_assert_int_eq(gms_unpin(stage.space, pins[i].id), 0);
	ck_assert_int_eq(gms_unshare(stage.space, FX_RANGE(0, FX_1G), NULL), 0);
	for (gms_gfn gfn = 0; gfn < SECOND + 1; gfn += SECOND) {
		struct gms_region region;

		GMS_INIT(&region);
		ck_assert_int_eq(gms_region_get(stage.space, gfn, &region), 0);
		ck_assert_int_eq(gms_region_remove(stage.space, region.id), 0);
	}
	ck_assert_uint_eq(stage.mem.calls, calls);
	fx_mem_heal(&stage.mem);
	stage_close(&stage);
}
END_TEST

/* What memory a return would like is not there: the loan is gone all the same. */
START_TEST(a_return_loses_nothing)	/* _i: the allocation that fails, and all after it */
{
	const struct scenario scenario = { "return", prepare_ragged, NULL, false, 0, 0 };
	struct gms_lend_result did;
	struct stage stage;
	gms_loan_id id;

	stage_open(&stage, &scenario);
	ck_assert_int_eq(gms_lend(stage.space, 1 << GMS_PAGE_SHIFT,
				  3 * FX_2M << GMS_PAGE_SHIFT, GMS_LEND_BOTH, 0, &id, NULL), 0);
	for (gms_gfn gfn = 0; gfn < 2 * FX_2M; gfn += 3)	/* holes in what turns */
		ck_assert_int_eq(gms_share(stage.space, FX_RANGE(gfn, 1), NULL), 0);
	fx_mem_fail_after(&stage.mem, (uint64_t)_i, true);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_return(stage.space, id, &did), 0);
	fx_mem_heal(&stage.mem);
	fx_check(stage.space);
	ck_assert_uint_eq(fx_event(stage.space, GMS_ACCT_RETURNS), 1);
	/* The odd pages and one more, less the odd multiples of three that were shared. */
	ck_assert_uint_eq(did.changed_pages + did.idle_pages, 768 + 1 - 171);
	ck_assert_uint_eq(did.idle_pages, did.blocked_pages);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_reclaim(stage.space, UINT64_MAX, UINT64_MAX, &did), 0);
	ck_assert_uint_eq(did.idle_pages, 0);
	fx_check(stage.space);
	stage_close(&stage);
}
END_TEST

/* The same of many, which list more than is at hand. */
START_TEST(a_return_of_many_loses_nothing)	/* _i: as above */
{
	const struct scenario scenario = { "return", prepare_nothing, NULL, false, 0, 0 };
	struct gms_loan_want want[1000];
	struct gms_lend_result did;
	gms_loan_id ids[1000];
	struct stage stage;

	stage_open(&stage, &scenario);
	for (uint64_t i = 0; i < 1000; i++)
		want[i] = (struct gms_loan_want){ i * 37 % 1000 * 2 << GMS_PAGE_SHIFT, 5, i % 4,
						  GMS_LEND_BOTH, 0 };
	ck_assert_int_eq(gms_lend_many(stage.space, want, 1000, ids, NULL), 0);
	fx_mem_fail_after(&stage.mem, (uint64_t)_i, true);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_return_many(stage.space, ids, 1000, &did), 0);
	fx_mem_heal(&stage.mem);
	fx_check(stage.space);
	ck_assert_uint_eq(fx_event(stage.space, GMS_ACCT_RETURNS), 1000);
	ck_assert_uint_eq(did.changed_pages + did.idle_pages, 1000);
	ck_assert_uint_eq(did.idle_pages, did.blocked_pages);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_reclaim(stage.space, UINT64_MAX, UINT64_MAX, &did), 0);
	ck_assert_uint_eq(did.idle_pages, 0);
	ck_assert_uint_eq(fx_shared(stage.space, FX_ALL), 0);
	fx_check(stage.space);
	stage_close(&stage);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oom");
	TCase *tc = fx_case(s, "oom");

	tcase_add_loop_test(tc, new_space_fails_cleanly, 0, 4);
	tcase_add_loop_test(tc, every_failing_allocation_leaves_no_trace, 0,
			    2 * (int)(sizeof(scenarios) / sizeof(scenarios[0])));
	tcase_add_loop_test(tc, books_are_no_reason_to_fail, 0, 3);
	tcase_add_test(tc, what_allocates_nothing_needs_no_memory);
	tcase_add_loop_test(tc, a_return_loses_nothing, 0, 6);
	tcase_add_loop_test(tc, a_return_of_many_loses_nothing, 0, 8);
	return fx_run(s);
}

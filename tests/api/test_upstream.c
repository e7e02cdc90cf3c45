/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of convert.h: what the selftests of guest_memfd fix as the
 * behaviour of a conversion, and what a VMM gets from this library beyond that: a
 * dry run, all that blocks, and progress that is resumed as guests resume it.
 */
#include "device.h"
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define P	GMS_STATE_POPULATED

#define FIRST	UINT64_C(1024)		/* of the four pages */
#define FOUR	FX_RANGE(FIRST, 4)
#define LONGTERM (GMS_PIN_WRITE | GMS_PIN_LONGTERM)

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;
static struct gms_convert_result result;
static struct gms_convert_opts opts;

static void setup_state(gms_state state)
{
	fx_mem_init(&mem);
	space = fx_space(&mem, GMS_PROFILE_GMEM_INPLACE, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	host = fx_host_new(512, 2048);
	fx_host_do_all(host);
	fx_region(space, FX_RANGE(512, 2048), 9, state, host);
	fx_host_mend(host, space, FX_RANGE(512, 2048));
	GMS_INIT(&result);
	GMS_INIT(&opts);
}

static void setup_shared(void)
{
	setup_state(S | P);
}

static void setup_private(void)
{
	setup_state(0);
}

static void teardown(void)
{
	fx_host_check(host, space, FX_RANGE(512, 2048));
	fx_space_done(space, &mem);
	fx_host_free(host);
}

static gms_pin_id pin(gms_gfn gfn, uint64_t npages, gms_tag tag)
{
	gms_pin_id id;

	ck_assert_int_eq(gms_pin(space, FX_RANGE(gfn, npages), LONGTERM, tag, &id, NULL), 0);
	return id;
}

static int convert(const struct gms_change *changes, size_t n)
{
	GMS_INIT(&result);
	return gms_convert(space, changes, n, &opts, &result);
}

static bool is_shared(gms_gfn gfn)
{
	return gms_state_at(space, gfn) & S;
}

START_TEST(a_pin_on_one_of_four_blocks_that_page_alone)	/* _i: which, 0 to 3 */
{
	const gms_gfn pinned = FIRST + (gms_gfn)_i;
	const gms_pin_id id = pin(pinned, 1, 7);

	ck_assert_int_eq(gms_unshare(space, FOUR, &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, pinned);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(fx_shared(space, FOUR), 4);
	ck_assert_uint_eq(host->calls, 0);

	for (gms_gfn gfn = FIRST; gfn < FIRST + 4; gfn++) {
		ck_assert_int_eq(gms_unshare(space, FX_RANGE(gfn, 1), NULL),
				 gfn == pinned ? -EAGAIN : 0);
		ck_assert(is_shared(gfn) == (gfn == pinned));
	}
	ck_assert_int_eq(gms_share(space, FOUR, NULL), 0);
	ck_assert_int_eq(gms_unpin(space, id), 0);
	ck_assert_int_eq(gms_unshare(space, FOUR, NULL), 0);
	ck_assert_uint_eq(fx_shared(space, FOUR), 0);
}
END_TEST

START_TEST(one_of_four_is_one_of_four)	/* _i: which */
{
	const gms_gfn turned = FIRST + (gms_gfn)_i;

	ck_assert_int_eq(gms_unshare(space, FX_RANGE(turned, 1), &result), 0);
	ck_assert_uint_eq(result.changed_pages, 1);
	for (gms_gfn gfn = FIRST; gfn < FIRST + 4; gfn++)
		ck_assert(is_shared(gfn) == (gfn != turned));
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(512, 2048)), 2047);
}
END_TEST

START_TEST(sharing_asks_no_pin)
{
	const gms_pin_id id = pin(FIRST, 4, 7);

	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FIRST + 4, 4), NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FIRST, 8), &result), 0);
	ck_assert_uint_eq(result.changed_pages, 4);
	ck_assert_int_eq(gms_unpin(space, id), 0);
}
END_TEST

START_TEST(twice_is_free)
{
	struct fx_snap before, after;
	uint64_t calls;

	ck_assert_int_eq(gms_unshare(space, FOUR, NULL), 0);
	calls = host->calls;
	fx_snap_take(&before, space, host);
	ck_assert_int_eq(gms_unshare(space, FOUR, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_uint_eq(result.unchanged_pages, 4);
	fx_snap_take(&after, space, host);
	ck_assert_uint_eq(host->calls, calls);
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		const uint64_t rise = kind == GMS_ACCT_CONVERTS ? 1 :
				      kind == GMS_ACCT_PAGES_UNCHANGED ? 4 : 0;

		ck_assert_msg(after.acct.event[kind].count - before.acct.event[kind].count == rise,
			      "%s", gms_acct_name(kind));
	}
}
END_TEST

START_TEST(a_discard_keeps_visibility)
{
	const struct gms_change discard = { FOUR, 0, P };

	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FIRST, 2), NULL), 0);
	ck_assert_int_eq(convert(&discard, 1), 0);
	for (gms_gfn gfn = FIRST; gfn < FIRST + 4; gfn++) {
		ck_assert(is_shared(gfn) == (gfn >= FIRST + 2));
		ck_assert(!(gms_state_at(space, gfn) & P));
	}
}
END_TEST

START_TEST(a_conversion_before_population_is_remembered)
{
	const struct gms_change populate = { FX_RANGE(FIRST, 8), P, 0 };

	ck_assert_int_eq(gms_share(space, FOUR, NULL), 0);
	ck_assert_int_eq(convert(&populate, 1), 0);
	for (gms_gfn gfn = FIRST; gfn < FIRST + 8; gfn++) {
		ck_assert(gms_state_at(space, gfn) & P);
		ck_assert(is_shared(gfn) == (gfn < FIRST + 4));
	}
}
END_TEST

START_TEST(content_reaches_every_run)	/* _i: which content */
{
	const struct gms_change both[] = {
		{ FX_RANGE(FIRST, 4), 0, S }, { FX_RANGE(FIRST + 8, 4), 0, S | P },
	};
	const struct gms_change back = { FX_RANGE(FIRST, 2), S, 0 };

	host->content = opts.content = (uint32_t)_i;
	ck_assert_int_eq(convert(both, 2), 0);
	ck_assert_int_eq(convert(&back, 1), 0);
	ck_assert_uint_ge(host->runs, 7);	/* the host looks at each */
}
END_TEST

START_TEST(every_pin_is_found)
{
	const struct gms_change change[] = {
		{ FX_RANGE(FIRST, 100), 0, S }, { FX_RANGE(FIRST + 200, 10), 0, S },
	};
	const gms_pin_id id[] = {
		pin(FIRST - 5, 10, 11), pin(FIRST + 50, 1, 12), pin(FIRST + 50, 3, 13),
		pin(FIRST + 120, 20, 14), pin(FIRST + 209, 40, 15),
	};
	static const struct gms_range clamped[] = {
		{ FIRST, 5 }, { FIRST + 50, 1 }, { FIRST + 50, 3 }, { FIRST + 209, 1 },
	};
	static const int which[] = { 0, 1, 2, 4 };
	struct gms_blocker blocker[8];

	opts.flags = GMS_CONVERT_ALL_BLOCKERS;
	opts.blockers = blocker;
	opts.blockers_room = 8;
	ck_assert_int_eq(convert(change, 2), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, FIRST);
	ck_assert_uint_eq(result.blockers, 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_uint_eq(blocker[i].range.first, clamped[i].first);
		ck_assert_uint_eq(blocker[i].range.npages, clamped[i].npages);
		ck_assert_uint_eq(blocker[i].id, id[which[i]]);
		ck_assert_uint_eq(blocker[i].tag, (gms_tag)(11 + which[i]));
		ck_assert_uint_eq(blocker[i].reason, GMS_REASON_PINNED);
		ck_assert_uint_eq(blocker[i].flags, LONGTERM);
	}
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(FIRST, 300)), 300);

	/* Without room they are counted all the same. */
	opts.blockers_room = 1;
	ck_assert_int_eq(convert(change, 2), -EAGAIN);
	ck_assert_uint_eq(result.blockers, 4);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(gms_unpin(space, id[i]), 0);
	ck_assert_int_eq(convert(change, 2), 0);
	ck_assert_uint_eq(result.blockers, 0);
}
END_TEST

START_TEST(what_blocks_may_be_of_any_kind)
{
	const struct gms_change freeze = { FX_RANGE(FIRST + 10, 2), GMS_STATE_FROZEN, 0 };
	const struct gms_change change = { FX_RANGE(2540, 40), 0, S };	/* 2560 on is a hole */
	const struct gms_change more[] = { change, { FX_RANGE(FIRST, 20), 0, S } };
	struct gms_blocker blocker[8];
	gms_pin_id id;

	ck_assert_int_eq(convert(&freeze, 1), 0);
	id = pin(2550, 1, 5);
	opts.flags = GMS_CONVERT_ALL_BLOCKERS;
	opts.blockers = blocker;
	opts.blockers_room = 8;
	ck_assert_int_eq(convert(more, 2), -EBUSY);
	ck_assert_uint_eq(result.error_gfn, FIRST + 10);
	ck_assert_uint_eq(result.blockers, 3);
	ck_assert_uint_eq(blocker[0].reason, GMS_REASON_FROZEN);
	ck_assert_uint_eq(blocker[0].range.npages, 2);
	ck_assert_uint_eq(blocker[1].reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(blocker[2].reason, GMS_REASON_HOLE);
	ck_assert_uint_eq(blocker[2].range.first, 2560);
	ck_assert_uint_eq(blocker[2].range.npages, 20);
	ck_assert_int_eq(gms_unpin(space, id), 0);
}
END_TEST

START_TEST(a_dry_run_says_what_would_happen)
{
	const struct gms_change change[] = {
		{ FX_RANGE(600, 100), 0, S }, { FX_RANGE(1024, 512), 0, S }, { FX_RANGE(650, 10), S, 0 },
	};
	struct gms_convert_result dry;
	struct fx_snap before, after;

	opts.flags = GMS_CONVERT_DRY_RUN;
	fx_snap_take(&before, space, host);
	ck_assert_int_eq(convert(change, 3), 0);
	dry = result;
	fx_snap_take(&after, space, host);
	ck_assert_uint_eq(host->calls, 0);
	ck_assert_uint_eq(host->flushes, 0);
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++)
		ck_assert_msg(after.acct.event[kind].count - before.acct.event[kind].count ==
			      (kind == GMS_ACCT_DRY_RUNS), "%s", gms_acct_name(kind));
	before.acct.event[GMS_ACCT_DRY_RUNS].count++;
	fx_snap_same(&before, &after);

	opts.flags = 0;
	ck_assert_int_eq(convert(change, 3), 0);
	ck_assert_uint_eq(dry.changed_pages, 602);
	ck_assert_uint_eq(dry.changed_pages, result.changed_pages);
	ck_assert_uint_eq(dry.unchanged_pages, result.unchanged_pages);
	ck_assert_uint_eq(dry.host_runs, result.host_runs);
	ck_assert_uint_eq(dry.splits, result.splits);
	ck_assert_uint_eq(dry.splits, 1);
}
END_TEST

START_TEST(a_dry_run_says_what_would_stop_it)
{
	const struct gms_change change = { FX_RANGE(600, 1000), 0, S };
	const gms_pin_id id = pin(777, 2, 3);

	opts.flags = GMS_CONVERT_DRY_RUN;
	ck_assert_int_eq(convert(&change, 1), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, 777);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_BLOCKED), 0);
	ck_assert_int_eq(gms_unpin(space, id), 0);
}
END_TEST

START_TEST(what_was_reserved_is_enough)
{
	const struct gms_change change[] = {
		{ FX_RANGE(600, 100), 0, S }, { FX_RANGE(1030, 5), 0, S }, { FX_RANGE(2000, 50), 0, S },
	};
	uint64_t calls;

	ck_assert_int_eq(gms_space_reserve(space, 4), 0);
	calls = mem.calls;
	opts.flags = GMS_CONVERT_NO_ALLOC;
	ck_assert_int_eq(convert(change, 3), 0);
	ck_assert_uint_eq(mem.calls, calls);
}
END_TEST

/* SNP: the guest hands in entries, and the next to do when it was interrupted. */
START_TEST(progress_resumes_like_a_page_state_change)
{
	struct gms_change entry[8];
	const gms_pin_id id[] = { pin(FIRST + 33, 1, 1), pin(FIRST + 71, 1, 2) };
	const gms_gfn stops[] = { FIRST + 33, FIRST + 71 };
	uint64_t changed = 0;

	for (unsigned i = 0; i < 8; i++)
		entry[i] = (struct gms_change){ FX_RANGE(FIRST + 10 * i, 5), 0, S };
	opts.mode = GMS_CONVERT_PROGRESS;
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(convert(entry, 8), -EAGAIN);
		ck_assert_uint_eq(result.next, stops[i]);
		ck_assert_uint_eq(result.error_gfn, stops[i]);
		ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
		changed += result.changed_pages;
		ck_assert(is_shared(stops[i]));
		ck_assert(!is_shared(stops[i] - 1));
		ck_assert_int_eq(gms_unpin(space, id[i]), 0);
	}
	ck_assert_int_eq(convert(entry, 8), 0);
	ck_assert_uint_eq(changed + result.changed_pages, 40);
	ck_assert_uint_eq(result.next, FIRST + 75);
}
END_TEST

/* TDX: one range; the answer is the address to go on from. */
START_TEST(progress_resumes_like_map_gpa)
{
	gms_gfn from = 512;
	unsigned tries = 0;

	for (unsigned i = 0; i < 4; i++)
		(void)pin(600 + 500 * i, 1, i);
	opts.mode = GMS_CONVERT_PROGRESS;
	for (;;) {
		const struct gms_change rest = { FX_RANGE(from, 2560 - from), 0, S };
		struct gms_pin_info info;
		size_t found;

		if (!convert(&rest, 1))
			break;
		ck_assert_uint_eq(result.next, 600 + 500 * tries);
		ck_assert_uint_eq(result.changed_pages, result.next - from);
		from = result.next;
		ck_assert_int_eq(gms_pins_in(space, FX_RANGE(from, 1), &info, 1, &found), 0);
		ck_assert_int_eq(gms_unpin(space, info.id), 0);
		ck_assert_uint_lt(tries++, 4);
	}
	ck_assert_uint_eq(tries, 4);
	ck_assert_uint_eq(result.next, 2560);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(512, 2048)), 0);
}
END_TEST

START_TEST(progress_looks_at_no_blockers_and_is_no_dry_run)
{
	const struct gms_change change = { FOUR, 0, S };

	opts.mode = GMS_CONVERT_PROGRESS;
	opts.flags = GMS_CONVERT_DRY_RUN;
	ck_assert_int_eq(convert(&change, 1), -EINVAL);
	opts.flags = GMS_CONVERT_ALL_BLOCKERS;
	ck_assert_int_eq(convert(&change, 1), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("upstream");
	TCase *t = fx_case(s, "selftests");

	tcase_add_checked_fixture(t, setup_shared, teardown);
	tcase_add_loop_test(t, a_pin_on_one_of_four_blocks_that_page_alone, 0, 4);
	tcase_add_loop_test(t, one_of_four_is_one_of_four, 0, 4);
	tcase_add_test(t, sharing_asks_no_pin);
	tcase_add_test(t, twice_is_free);
	tcase_add_test(t, a_discard_keeps_visibility);
	tcase_add_loop_test(t, content_reaches_every_run, 0, 3);

	t = fx_case(s, "from the beginning");
	tcase_add_checked_fixture(t, setup_private, teardown);
	tcase_add_test(t, a_conversion_before_population_is_remembered);

	t = fx_case(s, "beyond");
	tcase_add_checked_fixture(t, setup_shared, teardown);
	tcase_add_test(t, every_pin_is_found);
	tcase_add_test(t, what_blocks_may_be_of_any_kind);
	tcase_add_test(t, a_dry_run_says_what_would_happen);
	tcase_add_test(t, a_dry_run_says_what_would_stop_it);
	tcase_add_test(t, what_was_reserved_is_enough);
	tcase_add_test(t, progress_resumes_like_a_page_state_change);
	tcase_add_test(t, progress_resumes_like_map_gpa);
	tcase_add_test(t, progress_looks_at_no_blockers_and_is_no_dry_run);
	return fx_run(s);
}

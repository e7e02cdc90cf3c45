/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of lend.h. */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define PAGE	UINT64_C(4096)
#define BOTH	GMS_LEND_BOTH

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;
static uint64_t clock_ns;
static struct gms_lend_result result;
static struct gms_range runs[64];

static uint64_t now(void *ctx)
{
	(void)ctx;
	return clock_ns;
}

/* [0, 2 GiB) without a host, [4 GiB, 5 GiB) with one; a hole between. */
static void make(uint32_t policy, uint64_t pages, uint64_t ns)
{
	struct gms_space_opts opts;

	GMS_INIT(&opts);
	fx_mem_init(&mem);
	opts.mem = &mem.ops;
	opts.now_ns = now;
	opts.lend_policy = policy;
	opts.lend_idle_pages = pages;
	opts.lend_idle_ns = ns;
	clock_ns = 1000;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	host = fx_host_new(4 * FX_1G, FX_1G);
	fx_region(space, FX_RANGE(0, 2 * FX_1G), 18, D, NULL);
	fx_region(space, FX_RANGE(4 * FX_1G, FX_1G), 9, D, host);
}

static void eager(void)	     { make(GMS_LEND_EAGER, 0, 0); }
static void lazy(void)	     { make(GMS_LEND_LAZY, 100, 0); }
static void persistent(void) { make(GMS_LEND_PERSISTENT, 0, 0); }

static void teardown(void)
{
	fx_check(space);
	fx_space_done(space, &mem);
	fx_host_free(host);
}

/* With every test's result at hand. */
static struct gms_lend_result *fresh(void)
{
	GMS_INIT(&result);
	result.runs = runs;
	result.run_capacity = sizeof(runs) / sizeof(runs[0]);
	return &result;
}

static gms_loan_id lend(uint64_t gpa, uint64_t bytes)
{
	gms_loan_id id = 0;
	const int err = gms_lend(space, gpa, bytes, BOTH, 7, &id, fresh());

	if (err || !id)
		ck_abort_msg("no loan of %" PRIx64 "+%" PRIx64 ": %s", gpa, bytes,
			     gms_strerror(err));
	return id;
}

static void give(gms_loan_id id)
{
	const int err = gms_return(space, id, fresh());

	if (err)
		ck_abort_msg("no return of %" PRIx64 ": %s", id, gms_strerror(err));
}

static bool is_run(unsigned i, gms_gfn first, uint64_t npages)
{
	return runs[i].first == first && runs[i].npages == npages;
}

static struct gms_acct acct(void)
{
	struct gms_acct a;

	fx_acct(space, &a);
	return a;
}

/* --- what is lent is shared ------------------------------------------------ */

START_TEST(a_page_turns_shared_with_its_first_loan_and_private_after_its_last)
{
	const gms_loan_id one = lend(5 * PAGE + 100, 16);
	gms_loan_id two;

	ck_assert_uint_eq(result.changed_pages, 1);
	ck_assert_uint_eq(result.nruns, 1);
	ck_assert(is_run(0, 5, 1));
	ck_assert_uint_eq(gms_state_at(space, 5), D | S);
	two = lend(5 * PAGE + 4000, 200);	/* over the border */
	ck_assert_uint_eq(result.changed_pages, 1);
	ck_assert_uint_eq(result.hit_pages, 1);
	ck_assert(is_run(0, 6, 1));
	give(one);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_uint_eq(gms_state_at(space, 5), D | S);
	give(two);
	ck_assert_uint_eq(result.changed_pages, 2);
	ck_assert(is_run(0, 5, 2));
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
}
END_TEST

START_TEST(what_was_shared_before_stays_shared)
{
	gms_loan_id id;

	ck_assert_int_eq(gms_share(space, FX_RANGE(10, 2), NULL), 0);
	id = lend(9 * PAGE, 4 * PAGE);
	ck_assert_uint_eq(result.changed_pages, 2);
	ck_assert_uint_eq(result.kept_pages, 2);
	ck_assert_uint_eq(result.nruns, 2);
	ck_assert(is_run(0, 9, 1) && is_run(1, 12, 1));
	give(id);
	ck_assert_uint_eq(result.nruns, 2);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 2);
	ck_assert_uint_eq(gms_state_at(space, 10), D | S);
}
END_TEST

START_TEST(what_is_shared_explicitly_meanwhile_stays_shared)
{
	const gms_loan_id id = lend(9 * PAGE, 4 * PAGE);
	struct gms_convert_result did;

	GMS_INIT(&did);
	ck_assert_int_eq(gms_share(space, FX_RANGE(10, 1), &did), 0);
	ck_assert_uint_eq(did.unchanged_pages, 1);
	ck_assert_uint_eq(acct().slack_bytes, 0);
	give(id);
	ck_assert_uint_eq(result.changed_pages, 3);
	ck_assert_uint_eq(gms_state_at(space, 10), D | S);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 1);
}
END_TEST

START_TEST(runs_that_do_not_fit_are_counted)
{
	gms_loan_id id;

	for (gms_gfn gfn = 1; gfn < 20; gfn += 2)
		ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	fresh();
	result.run_capacity = 3;
	runs[3] = FX_RANGE(77, 77);
	ck_assert_int_eq(gms_lend(space, 0, 20 * PAGE, BOTH, 0, &id, &result), 0);
	ck_assert_uint_eq(result.nruns, 10);
	ck_assert(is_run(0, 0, 1) && is_run(2, 4, 1) && is_run(3, 77, 77));
	give(id);
	ck_assert_uint_eq(result.nruns, 10);
}
END_TEST

START_TEST(a_loan_may_be_of_any_size)
{
	static const struct {
		uint64_t gpa, bytes;
	} all[] = {
		{ 0, 1 }, { 4095, 1 }, { 4095, 2 }, { 0, PAGE }, { 511 * PAGE, 2 * PAGE },
		{ 31 * PAGE, 33 * PAGE }, { FX_1G * PAGE - 1, 2 }, { 77, 3 * FX_2M * PAGE },
		{ (FX_1G - 700) * PAGE + 5, 1400 * PAGE }, { 0, 2 * FX_1G * PAGE },
	};
	gms_loan_id id[sizeof(all) / sizeof(all[0])];
	uint64_t bytes = 0;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		id[i] = lend(all[i].gpa, all[i].bytes);
		bytes += all[i].bytes;
		ck_assert_uint_eq(acct().lent_bytes, bytes);
		fx_check(space);
	}
	ck_assert_uint_eq(acct().lent_pages, 2 * FX_1G);
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		give(id[i]);
		fx_check(space);
	}
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
	ck_assert_uint_eq(acct().lent_bytes + acct().lent_pages + acct().loans, 0);
}
END_TEST

START_TEST(ids_are_never_used_again)
{
	gms_loan_id last = 0;

	for (unsigned i = 0; i < 100; i++) {
		const gms_loan_id id = lend(PAGE, 1);

		ck_assert_uint_ne(id, last);
		give(id);
		ck_assert_int_eq(gms_return(space, id, NULL), -ENOENT);
		last = id;
	}
	ck_assert_int_eq(gms_return(space, 0, NULL), -ENOENT);
	ck_assert_int_eq(gms_return(space, UINT64_MAX, NULL), -ENOENT);
}
END_TEST

/* --- what is lent is held ---------------------------------------------------- */

START_TEST(a_lent_page_does_not_turn_private_otherwise)
{
	const gms_loan_id id = lend(8 * PAGE, 2 * PAGE);
	struct gms_change change = { FX_RANGE(0, 3 * FX_2M), 0, S };
	struct gms_convert_result did;

	GMS_INIT(&did);
	ck_assert_int_eq(gms_share(space, FX_RANGE(4, 4), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(4, 8), &did), -EAGAIN);
	ck_assert_uint_eq(did.error_gfn, 8);
	ck_assert_uint_eq(did.error_reason, GMS_REASON_LENT);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, &did), -EAGAIN);
	ck_assert_uint_eq(did.error_gfn, 8);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 6);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_BLOCKED), 2);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(4, 4), NULL), 0);
	give(id);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 100), NULL), 0);
}
END_TEST

START_TEST(a_lent_page_is_not_discarded)
{
	struct gms_change change = { FX_RANGE(8, 2), GMS_STATE_POPULATED, 0 };
	gms_loan_id id;

	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
	id = lend(9 * PAGE, 1);
	change.set = 0;
	change.clear = GMS_STATE_POPULATED;
	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), -EAGAIN);
	give(id);
	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
}
END_TEST

START_TEST(all_that_is_in_the_way_is_found)
{
	const gms_loan_id id = lend(8 * PAGE, 3 * PAGE);
	const struct gms_change change = { FX_RANGE(0, 20), 0, S };
	struct gms_blocker blocker[8];
	struct gms_convert_opts opts;
	struct gms_convert_result did;
	gms_pin_id pin;

	ck_assert_int_eq(gms_pin(space, FX_RANGE(9, 1), 0, 5, &pin, NULL), 0);
	GMS_INIT(&opts);
	GMS_INIT(&did);
	opts.flags = GMS_CONVERT_ALL_BLOCKERS;
	opts.blockers = blocker;
	opts.blockers_room = 8;
	ck_assert_int_eq(gms_convert(space, &change, 1, &opts, &did), -EAGAIN);
	ck_assert_uint_eq(did.error_gfn, 8);
	ck_assert_uint_eq(did.error_reason, GMS_REASON_LENT);
	ck_assert_uint_eq(did.blockers, 2);
	ck_assert_uint_eq(blocker[0].reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(blocker[0].range.first, 9);
	ck_assert_uint_eq(blocker[1].reason, GMS_REASON_LENT);
	ck_assert_uint_eq(blocker[1].range.first, 8);
	ck_assert_uint_eq(blocker[1].range.npages, 3);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	give(id);
}
END_TEST

START_TEST(a_large_conversion_finds_what_is_lent)
{
	gms_loan_id id;

	fx_region(space, FX_RANGE(64 * FX_1G, 64 * FX_1G), 18, D, NULL);
	id = lend((64 + 40) * FX_1G * PAGE + 12345, 1);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(64 * FX_1G, 64 * FX_1G), NULL), -EAGAIN);
	ck_assert_int_eq(gms_share(space, FX_RANGE(64 * FX_1G, 64 * FX_1G), NULL), 0);
	give(id);
	ck_assert_uint_eq(result.idle_pages + result.changed_pages, 0);	/* explicit now */
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(64 * FX_1G, 64 * FX_1G), NULL), 0);
}
END_TEST

START_TEST(a_region_with_loans_stays)
{
	const gms_loan_id id = lend((4 * FX_1G + 3) * PAGE, 1);

	ck_assert_int_eq(gms_region_remove(space, 2), -EAGAIN);
	give(id);
	ck_assert_int_eq(gms_region_remove(space, 2), 0);
}
END_TEST

START_TEST(a_region_takes_its_idle_pages_along)
{
	give(lend((4 * FX_1G + 3) * PAGE, 1));
	give(lend(3 * PAGE, 1));
	ck_assert_uint_eq(acct().idle_pages, 2);
	ck_assert_int_eq(gms_region_remove(space, 2), 0);
	ck_assert_uint_eq(acct().idle_pages, 1);
}
END_TEST

static unsigned parked_done;

static void count_done(void *ctx, gms_ticket ticket, int err,
		       const struct gms_convert_result *did)
{
	(void)ctx;
	(void)ticket;
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(did->changed_pages, 1);
	parked_done++;
}

START_TEST(a_parked_conversion_waits_for_loans_too)
{
	const struct gms_change change = { FX_RANGE(8, 2), 0, S };
	const gms_loan_id one = lend(8 * PAGE, 1), two = lend(FX_1G * PAGE - 1, 2);
	struct gms_convert_result did;
	gms_ticket ticket;

	GMS_INIT(&did);
	parked_done = 0;
	ck_assert_int_eq(gms_share(space, FX_RANGE(9, 1), NULL), 0);
	ck_assert_int_eq(gms_convert_park(space, &change, 1, NULL, count_done, NULL, &ticket,
					  &did), 0);
	ck_assert_uint_ne(ticket, 0);
	ck_assert_uint_eq(did.error_reason, GMS_REASON_LENT);
	give(two);
	ck_assert_uint_eq(parked_done, 0);
	give(one);
	ck_assert_uint_eq(parked_done, 1);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
}
END_TEST

/* --- what cannot turn is not lost --------------------------------------------- */

START_TEST(a_pinned_page_is_idle_after_its_last_loan)
{
	const gms_loan_id id = lend(8 * PAGE, 5 * PAGE);
	gms_pin_id pin;

	ck_assert_int_eq(gms_pin(space, FX_RANGE(10, 1), 0, 1, &pin, NULL), 0);
	give(id);
	ck_assert_uint_eq(result.changed_pages, 4);
	ck_assert_uint_eq(result.nruns, 2);
	ck_assert(is_run(0, 8, 2) && is_run(1, 11, 2));
	ck_assert_uint_eq(result.blocked_pages, 1);
	ck_assert_uint_eq(result.idle_pages, 1);
	ck_assert_uint_eq(result.error_gfn, 10);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(acct().idle_pages, 1);
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, fresh()), 0);
	ck_assert_uint_eq(result.blocked_pages, 1);
	ck_assert_uint_eq(result.idle_pages, 1);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 1);
	ck_assert_uint_eq(result.idle_pages, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
}
END_TEST

START_TEST(a_frozen_page_is_idle_after_its_last_loan)
{
	const gms_loan_id id = lend(8 * PAGE, 1);
	struct gms_change freeze = { FX_RANGE(8, 1), GMS_STATE_FROZEN, 0 };

	ck_assert_int_eq(gms_convert(space, &freeze, 1, NULL, NULL), 0);
	give(id);
	ck_assert_uint_eq(result.blocked_pages, 1);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_FROZEN);
	freeze.set = 0;
	freeze.clear = GMS_STATE_FROZEN;
	ck_assert_int_eq(gms_convert(space, &freeze, 1, NULL, NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(8, 1), NULL), 0);
	ck_assert_uint_eq(acct().idle_pages, 0);	/* anybody may unshare it */
}
END_TEST

START_TEST(a_host_that_objects_keeps_the_page_idle)
{
	const gms_loan_id id = lend((4 * FX_1G + 8) * PAGE, 3 * PAGE);

	fx_host_fail_after(host, 0, -EIO);
	give(id);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_uint_eq(result.blocked_pages, 3);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_BACKEND);
	fx_check(space);
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 3);
}
END_TEST

START_TEST(a_host_that_objects_leaves_nothing_lent)
{
	gms_loan_id id = 3;

	fx_host_fail_after(host, 0, -EIO);
	ck_assert_int_eq(gms_lend(space, (4 * FX_1G + 8) * PAGE, PAGE, BOTH, 0, &id, fresh()),
			 -EIO);
	ck_assert_uint_eq(result.error_gfn, 4 * FX_1G + 8);
	ck_assert_uint_eq(id, 3);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
	ck_assert_uint_eq(acct().loans + acct().lent_pages, 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_LENDS), 0);
}
END_TEST

static int veto;
static uint64_t mapped, unmapped;

static int ask(void *ctx, const struct gms_span_change *change)
{
	(void)ctx;
	return change->nlost ? veto : 0;
}

static int on_commit(void *ctx, const struct gms_host_run *run, size_t nruns, size_t *ndone,
		     struct gms_charge *charge)
{
	(void)ctx;
	(void)charge;
	for (*ndone = 0; *ndone < nruns; ++*ndone)
		mapped += run[*ndone].npages;
	return 0;
}

static int on_revoke(void *ctx, const struct gms_host_run *run, size_t nruns, size_t *ndone,
		     struct gms_charge *charge)
{
	(void)ctx;
	(void)charge;
	for (*ndone = 0; *ndone < nruns; ++*ndone)
		unmapped += run[*ndone].npages;
	return 0;
}

START_TEST(a_listener_follows_loans_and_may_object)	/* _i: with which error */
{
	static const int errors[] = { -EBUSY, -EAGAIN, -EIO };
	struct gms_listener device;
	uint32_t device_id;
	gms_loan_id id;

	GMS_INIT(&device);
	device.mask = S;
	device.value = S;
	device.prepare = ask;
	device.commit = on_commit;
	device.revoke = on_revoke;
	veto = 0;
	mapped = 0;
	unmapped = 0;
	ck_assert_int_eq(gms_listener_add(space, &device, &device_id), 0);
	id = lend(100 * PAGE, 4 * PAGE);
	ck_assert_uint_eq(mapped, 4);
	veto = errors[_i];
	give(id);
	ck_assert_uint_eq(result.blocked_pages, 4);
	ck_assert_uint_eq(result.idle_pages, 4);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_LISTENER);
	ck_assert_uint_eq(unmapped, 0);
	fx_check(space);
	veto = 0;
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 4);
	ck_assert_uint_eq(unmapped, 4);
}
END_TEST

/* --- policies ------------------------------------------------------------------- */

START_TEST(lazy_reclaims_in_batches_the_oldest_first)
{
	for (gms_gfn gfn = 0; gfn < 100; gfn++) {
		give(lend(gfn * 3 * PAGE, 1));
		ck_assert_uint_eq(result.changed_pages, 0);
		ck_assert_uint_eq(result.idle_pages, 1);
	}
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_RECLAIMS), 0);
	give(lend(300 * PAGE, 1));		/* one too many */
	ck_assert_uint_gt(result.changed_pages, 10);
	ck_assert_uint_eq(result.nruns, result.changed_pages);
	ck_assert(is_run(0, 0, 1) && is_run(1, 3, 1));
	ck_assert_uint_eq(acct().idle_pages, 101 - result.changed_pages);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_RECLAIMS), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_RECLAIMED_PAGES), result.changed_pages);
	/* One conversion for all of them. */
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_COMMITS), 101 + 1);
	lend(300 * PAGE, 2);
	ck_assert_uint_eq(result.hit_pages, 1);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_LEND_HITS), 1);
}
END_TEST

START_TEST(a_hit_makes_a_page_young_again)
{
	for (gms_gfn gfn = 0; gfn < 100; gfn++)
		give(lend(gfn * PAGE, 1));
	give(lend(0, 1));
	give(lend(1000 * PAGE, 1));
	ck_assert_uint_eq(runs[0].first, 1);
	ck_assert_uint_eq(gms_state_at(space, 0), D | S);
}
END_TEST

START_TEST(lazy_reclaims_what_is_old)
{
	fx_space_done(space, &mem);
	fx_host_free(host);
	make(GMS_LEND_LAZY, 1000, 100);
	give(lend(0, 1));
	clock_ns += 60;
	give(lend(PAGE, 1));
	clock_ns += 41;
	give(lend(2 * PAGE, 1));
	ck_assert_uint_eq(gms_state_at(space, 0), D);
	ck_assert_uint_eq(result.nruns, 1);
	ck_assert_uint_eq(gms_state_at(space, 1), D | S);
}
END_TEST

START_TEST(persistent_pages_are_reclaimed_by_call_only)
{
	for (gms_gfn gfn = 0; gfn < 500; gfn++) {
		clock_ns++;
		give(lend((gfn * 37 % 500) * PAGE, 1));
	}
	ck_assert_uint_eq(acct().idle_pages, 500);
	ck_assert_int_eq(gms_reclaim(space, 0, UINT64_MAX, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_int_eq(gms_reclaim(space, 2, UINT64_MAX, fresh()), 0);
	ck_assert_uint_eq(result.idle_pages, 498);
	ck_assert(is_run(0, 0, 1) && is_run(1, 37, 1));
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 498);
	ck_assert_uint_eq(result.nruns, 2);		/* sorted and joined */
	ck_assert(is_run(0, 1, 36) && is_run(1, 38, 462));
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_RECLAIMS), 2);
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, NULL), 0);
}
END_TEST

START_TEST(the_oldest_goes_first_across_the_guest)
{
	fx_region(space, FX_RANGE(64 * FX_1G, 40 * FX_1G), 18, D, NULL);
	for (unsigned i = 0; i < 40; i++) {
		clock_ns += 5;
		give(lend((64 + i * 7 % 40) * FX_1G * PAGE, 1));
	}
	for (unsigned i = 0; i < 40; i++) {
		ck_assert_int_eq(gms_reclaim(space, 1, UINT64_MAX, fresh()), 0);
		ck_assert_uint_eq(runs[0].first, (64 + i * 7 % 40) * FX_1G);
	}
}
END_TEST

START_TEST(a_reclaim_by_time_takes_what_is_old_enough)
{
	fx_space_done(space, &mem);
	fx_host_free(host);
	make(GMS_LEND_PERSISTENT, 0, 100);
	give(lend(0, 1));
	clock_ns += 10;
	give(lend(PAGE, 1));
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, clock_ns + 89, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, clock_ns + 99, fresh()), 0);
	ck_assert(is_run(0, 0, 1));
	ck_assert_uint_eq(result.idle_pages, 1);
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, clock_ns + 100, fresh()), 0);
	ck_assert(is_run(0, 1, 1));
}
END_TEST

START_TEST(a_reclaim_is_one_call_of_the_host)
{
	for (gms_gfn gfn = 0; gfn < 300; gfn++)
		give(lend((4 * FX_1G + gfn * 2) * PAGE, 1));
	fx_host_forget(host);
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, fresh()), 0);
	ck_assert_uint_eq(host->calls, 1);
	ck_assert_uint_eq(host->runs, 300);
	ck_assert_uint_eq(host->flushes, 1);
	ck_assert_uint_eq(result.nruns, 300);
}
END_TEST

/* --- the ledger ------------------------------------------------------------------- */

START_TEST(exposure_is_counted)
{
	gms_loan_id a, b;

	a = lend(100, 100);
	ck_assert_uint_eq(acct().slack_bytes, 4096 - 100);
	b = lend(150, 100);				/* counted twice where they meet */
	ck_assert_uint_eq(acct().lent_bytes, 200);
	ck_assert_uint_eq(acct().slack_bytes, 4096 - 200);
	ck_assert_uint_eq(acct().lent_pages, 1);
	clock_ns += 10;
	ck_assert_uint_eq(acct().shared_page_ns, 10);
	ck_assert_uint_eq(acct().idle_page_ns, 0);
	give(a);
	give(b);
	ck_assert_uint_eq(acct().slack_bytes, 4096);
	ck_assert_uint_eq(acct().lent_pages, 0);
	ck_assert_uint_eq(acct().idle_pages, 1);
	clock_ns += 7;
	ck_assert_uint_eq(acct().idle_page_ns, 7);
	ck_assert_uint_eq(acct().shared_page_ns, 17);
	a = lend(0, 3 * PAGE);
	clock_ns += 5;
	ck_assert_uint_eq(acct().idle_page_ns, 7);
	ck_assert_uint_eq(acct().slack_bytes, 0);
	give(a);
	clock_ns += 1;
	ck_assert_uint_eq(acct().idle_page_ns, 10);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_LENDS), 3);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_RETURNS), 3);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_LEND_HITS), 2);
}
END_TEST

/* --- who holds what ------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
	const struct gms_loan_info *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

START_TEST(loans_are_listed_as_a_scan_finds_them)
{
	struct gms_loan_info mine[200], got[200];
	struct fx_rand rand;
	size_t n = 0, found;

	fx_rand_init(&rand, fx_seed(), 1);
	while (n < 200) {
		struct gms_loan_info *info = &mine[n++];
		const uint64_t most = fx_rand_odds(&rand, 1, 10) ? 3000 * PAGE : 3 * PAGE;

		*info = (struct gms_loan_info){ .bytes = 1 + fx_rand_below(&rand, most),
						.tag = n, .dir = 1 + n % 3 };
		info->gpa = fx_rand_below(&rand, 2000 * PAGE) +
			    (fx_rand_odds(&rand, 1, 4) ? (FX_1G - 1000) * PAGE : 0);
		ck_assert_int_eq(gms_lend(space, info->gpa, info->bytes, info->dir, info->tag,
					  &info->id, NULL), 0);
	}
	qsort(mine, n, sizeof(mine[0]), by_id);
	for (unsigned i = 0; i < 300; i++) {
		const struct gms_range range = { fx_rand_below(&rand, 2 * FX_1G),
						 1 + fx_rand_below(&rand, i % 2 ? 100 : FX_1G) };
		bool same = true;
		size_t k = 0;

		ck_assert_int_eq(gms_loans_in(space, range, got, 200, &found), 0);
		qsort(got, found, sizeof(got[0]), by_id);
		for (size_t m = 0; m < n; m++) {
			const gms_gfn first = mine[m].gpa / PAGE;
			const gms_gfn last = (mine[m].gpa + mine[m].bytes - 1) / PAGE;

			if (last < range.first || first >= range.first + range.npages)
				continue;
			same = same && k < found && !memcmp(&mine[m], &got[k], sizeof(got[0]));
			k++;
		}
		ck_assert_msg(same && k == found, "[%" PRIx64 "+%" PRIx64 ") of seed %" PRIx64,
			      range.first, range.npages, fx_seed());
	}
	ck_assert_int_eq(gms_loans_in(space, FX_ALL, got, 3, &found), 0);
	ck_assert_uint_eq(found, 200);
	ck_assert_int_eq(gms_loans_in(space, FX_ALL, NULL, 0, &found), 0);
	ck_assert_uint_eq(found, 200);
	for (size_t m = 0; m < n; m++)
		give(mine[m].id);
	ck_assert_int_eq(gms_loans_in(space, FX_ALL, NULL, 0, &found), 0);
	ck_assert_uint_eq(found, 0);
}
END_TEST

/* --- input that means harm ------------------------------------------------------------- */

START_TEST(arguments_are_checked)
{
	FX_LONGER(struct gms_lend_result) longer;
	gms_loan_id id = 5;
	size_t found;

	ck_assert_int_eq(gms_lend(NULL, 0, 1, BOTH, 0, &id, NULL), -EINVAL);
	ck_assert_int_eq(gms_lend(space, 0, 1, BOTH, 0, NULL, NULL), -EINVAL);
	ck_assert_int_eq(gms_lend(space, 0, 0, BOTH, 0, &id, NULL), -EINVAL);
	ck_assert_int_eq(gms_lend(space, UINT64_MAX, 2, BOTH, 0, &id, NULL), -EINVAL);
	ck_assert_int_eq(gms_lend(space, 2, UINT64_MAX, BOTH, 0, &id, NULL), -EINVAL);
	ck_assert_int_eq(gms_lend(space, 0, 1, 0, 0, &id, NULL), -EINVAL);
	ck_assert_int_eq(gms_lend(space, 0, 1, 4, 0, &id, NULL), -EINVAL);
	fresh()->runs = NULL;
	ck_assert_int_eq(gms_lend(space, 0, 1, BOTH, 0, &id, &result), -EINVAL);
	fresh()->size = 3;
	ck_assert_int_eq(gms_lend(space, 0, 1, BOTH, 0, &id, &result), -EINVAL);
	memset(&longer, 0, sizeof(longer));
	longer.known.size = sizeof(longer);
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_lend(space, 0, 1, BOTH, 0, &id, &longer.known), -E2BIG);
	ck_assert_int_eq(gms_return(space, 1, &longer.known), -E2BIG);
	ck_assert_int_eq(gms_reclaim(space, 1, 1, &longer.known), -E2BIG);
	ck_assert_int_eq(gms_return(NULL, 1, NULL), -EINVAL);
	ck_assert_int_eq(gms_reclaim(NULL, 1, 1, NULL), -EINVAL);
	ck_assert_int_eq(gms_loans_in(NULL, FX_RANGE(0, 1), NULL, 0, &found), -EINVAL);
	ck_assert_int_eq(gms_loans_in(space, FX_RANGE(0, 1), NULL, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_loans_in(space, FX_RANGE(0, 1), NULL, 1, &found), -EINVAL);
	ck_assert_int_eq(gms_loans_in(space, FX_RANGE(0, 0), NULL, 0, &found), -EINVAL);
	ck_assert_uint_eq(id, 5);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
}
END_TEST

START_TEST(holes_are_named)
{
	static const struct {
		uint64_t gpa, bytes;
		gms_gfn hole;
	} all[] = {
		{ 2 * FX_1G * PAGE - 1, 2, 2 * FX_1G },
		{ 0, UINT64_MAX, 2 * FX_1G },
		{ UINT64_MAX, 1, UINT64_MAX / PAGE },
		{ 3 * FX_1G * PAGE, UINT64_C(1) << 62, 3 * FX_1G },
	};
	const uint64_t metadata = acct().metadata_bytes;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		gms_loan_id id;

		ck_assert_int_eq(gms_lend(space, all[i].gpa, all[i].bytes, BOTH, 0, &id,
					  fresh()), -ENOENT);
		ck_assert_uint_eq(result.error_gfn, all[i].hole);
		ck_assert_uint_eq(result.error_reason, GMS_REASON_HOLE);
		ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
	}
	/* What a guest makes the library set aside is a share of its own memory. */
	ck_assert_uint_lt(acct().metadata_bytes - metadata, 2 * FX_1G * PAGE / 100);
}
END_TEST

START_TEST(a_page_may_be_lent_65537_times)
{
	const unsigned n = 65537;
	gms_loan_id *id = calloc(n, sizeof(*id));

	for (unsigned i = 0; i < n; i++)
		id[i] = lend(PAGE + i % 4096, 1);
	ck_assert_uint_eq(acct().loans, n);
	fx_check(space);
	for (unsigned i = 0; i < n; i++) {
		if (gms_state_at(space, 1) != (D | S))
			ck_abort_msg("private with %u loans", n - i);
		give(id[i]);
	}
	ck_assert_uint_eq(gms_state_at(space, 1), D);
	free(id);
}
END_TEST

START_TEST(a_million_loans_may_live)
{
	const unsigned n = 1000000 / fx_slowdown();
	gms_loan_id *id = calloc(n, sizeof(*id));

	for (unsigned i = 0; i < n; i++)
		id[i] = lend(((uint64_t)i * 7919 % (2 * FX_1G)) * PAGE + i % 4000, 100);
	ck_assert_uint_eq(acct().loans, n);
	for (unsigned i = 0; i < n; i++)
		give(id[i]);
	ck_assert_uint_eq(acct().loans, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
	free(id);
}
END_TEST

START_TEST(options_are_checked)
{
	struct gms_space_opts opts;
	struct gms_space *other;

	GMS_INIT(&opts);
	opts.lend_policy = GMS_LEND_PERSISTENT + 1;
	ck_assert_int_eq(gms_space_new(&other, &opts), -EINVAL);
	GMS_INIT(&opts);
	opts.reserved = 1;
	ck_assert_int_eq(gms_space_new(&other, &opts), -EINVAL);
}
END_TEST

/* What cannot turn private is not tried again by every return. */
START_TEST(a_reclaim_that_fails_is_not_repeated_at_once)
{
	gms_pin_id pin[1000];

	for (unsigned i = 0; i < 1000; i++) {
		const uint64_t gpa = 2 * i * PAGE;
		const gms_loan_id id = lend(gpa, PAGE);

		ck_assert_int_eq(gms_pin(space, FX_RANGE(2 * i, 1), GMS_PIN_LONGTERM, 1, &pin[i],
					 NULL), 0);
		ck_assert_int_eq(gms_return(space, id, fresh()), 0);
	}
	ck_assert_uint_le(fx_event(space, GMS_ACCT_RECLAIMS), 20);
	for (unsigned i = 0; i < 1000; i++)
		ck_assert_int_eq(gms_unpin(space, pin[i]), 0);
	/* And once it can, it does. */
	for (unsigned i = 0; i < 2000; i++)
		ck_assert_int_eq(gms_return(space, lend(4 * i * PAGE, 1), fresh()), 0);
	ck_assert_uint_le(fx_shared(space, FX_RANGE(0, 8192)), 100);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lend");
	TCase *t = fx_case(s, "eager");

	tcase_add_checked_fixture(t, eager, teardown);
	tcase_add_test(t, a_page_turns_shared_with_its_first_loan_and_private_after_its_last);
	tcase_add_test(t, what_was_shared_before_stays_shared);
	tcase_add_test(t, what_is_shared_explicitly_meanwhile_stays_shared);
	tcase_add_test(t, runs_that_do_not_fit_are_counted);
	tcase_add_test(t, a_loan_may_be_of_any_size);
	tcase_add_test(t, ids_are_never_used_again);
	tcase_add_test(t, a_lent_page_does_not_turn_private_otherwise);
	tcase_add_test(t, a_lent_page_is_not_discarded);
	tcase_add_test(t, all_that_is_in_the_way_is_found);
	tcase_add_test(t, a_parked_conversion_waits_for_loans_too);
	tcase_add_test(t, a_large_conversion_finds_what_is_lent);
	tcase_add_test(t, a_region_with_loans_stays);
	tcase_add_test(t, a_pinned_page_is_idle_after_its_last_loan);
	tcase_add_test(t, a_frozen_page_is_idle_after_its_last_loan);
	tcase_add_test(t, a_host_that_objects_keeps_the_page_idle);
	tcase_add_test(t, a_host_that_objects_leaves_nothing_lent);
	tcase_add_loop_test(t, a_listener_follows_loans_and_may_object, 0, 3);
	tcase_add_test(t, loans_are_listed_as_a_scan_finds_them);
	tcase_add_test(t, arguments_are_checked);
	tcase_add_test(t, holes_are_named);
	tcase_add_test(t, a_page_may_be_lent_65537_times);
	tcase_add_test(t, a_million_loans_may_live);
	tcase_add_test(t, options_are_checked);
	t = fx_case(s, "lazy");
	tcase_add_checked_fixture(t, lazy, teardown);
	tcase_add_test(t, lazy_reclaims_in_batches_the_oldest_first);
	tcase_add_test(t, a_hit_makes_a_page_young_again);
	tcase_add_test(t, lazy_reclaims_what_is_old);
	tcase_add_test(t, a_reclaim_that_fails_is_not_repeated_at_once);
	t = fx_case(s, "persistent");
	tcase_add_checked_fixture(t, persistent, teardown);
	tcase_add_test(t, a_region_takes_its_idle_pages_along);
	tcase_add_test(t, persistent_pages_are_reclaimed_by_call_only);
	tcase_add_test(t, the_oldest_goes_first_across_the_guest);
	tcase_add_test(t, a_reclaim_by_time_takes_what_is_old_enough);
	tcase_add_test(t, a_reclaim_is_one_call_of_the_host);
	tcase_add_test(t, exposure_is_counted);
	return fx_run(s);
}

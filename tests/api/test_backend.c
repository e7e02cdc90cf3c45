/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of backend.h: what a backend is asked, in which order, and
 * that a failure at any point leaves no trace. The recording host itself
 * checks every run it is given (tests/support/host.h).
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

/* One host behind [0, 1024) private 2M, [1024, 2048) shared 4K, and [2560, 3072). */
static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;

static const struct gms_range all = { 0, 4096 };

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	host = fx_host_new(0, 4096);
	fx_region(space, FX_RANGE(0, 1024), 9, D, host);
	fx_region(space, FX_RANGE(1024, 1024), 0, D | S, host);
	fx_region(space, FX_RANGE(2560, 512), 9, D, host);
}

static void teardown(void)
{
	fx_host_check(host, space, all);
	fx_space_done(space, &mem);
	fx_host_free(host);
}

static void entry_is(size_t i, enum fx_host_op op, gms_gfn first, uint64_t npages)
{
	ck_assert_uint_lt(i, host->nlog);
	ck_assert_int_eq(host->log[i].op, op);
	ck_assert_uint_eq(host->log[i].first, first);
	ck_assert_uint_eq(host->log[i].npages, npages);
}

START_TEST(share_maps_then_flushes_once)
{
	ck_assert_int_eq(gms_share(space, FX_RANGE(10, 20), NULL), 0);
	ck_assert_uint_eq(host->nlog, 2);
	entry_is(0, FX_MAP, 10, 20);
	entry_is(1, FX_FLUSH, 0, 0);
}
END_TEST

START_TEST(unshare_unmaps_then_flushes_once)
{
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1100, 20), NULL), 0);
	ck_assert_uint_eq(host->nlog, 2);
	entry_is(0, FX_UNMAP, 1100, 20);
	entry_is(1, FX_FLUSH, 0, 0);
}
END_TEST

START_TEST(no_call_where_nothing_turns)
{
	const struct gms_change dirty = { FX_RANGE(0, 2048), GMS_STATE_DIRTY, 0 };

	ck_assert_int_eq(gms_share(space, FX_RANGE(1024, 1024), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 1024), NULL), 0);
	ck_assert_int_eq(gms_convert(space, &dirty, 1, NULL, NULL), 0);
	ck_assert_uint_eq(host->calls, 0);
	ck_assert_uint_eq(host->nlog, host->flushes);
}
END_TEST

/* The VMM may touch what is shared and not frozen. */
START_TEST(freezing_unmaps_what_is_shared_and_thawing_maps_it)
{
	const struct gms_change both = { FX_RANGE(1100, 4), GMS_STATE_FROZEN, S };

	ck_assert_int_eq(gms_freeze(space, FX_RANGE(1000, 40), 0, NULL), 0);
	ck_assert_uint_eq(host->nlog, 2);	/* of the private ones it is told nothing */
	entry_is(0, FX_UNMAP, 1024, 16);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(1030, 20), 0, NULL), 0);
	ck_assert_uint_eq(host->nlog, 4);
	entry_is(2, FX_UNMAP, 1040, 10);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(1000, 40), NULL), 0);
	ck_assert_uint_eq(host->nlog, 6);
	entry_is(4, FX_MAP, 1024, 6);
	fx_host_check(host, space, all);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(1030, 20), NULL), 0);
	entry_is(6, FX_MAP, 1030, 20);
	/* What turns private and freezes at once is unmapped once. */
	ck_assert_int_eq(gms_convert(space, &both, 1, NULL, NULL), 0);
	ck_assert_uint_eq(host->nlog, 10);
	entry_is(8, FX_UNMAP, 1100, 4);
}
END_TEST

START_TEST(what_turns_shared_while_frozen_is_mapped_when_it_thaws)
{
	const struct gms_change thaw = { FX_RANGE(0, 512), S, GMS_STATE_FROZEN };

	ck_assert_int_eq(gms_freeze(space, FX_RANGE(0, 512), 0, NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(10, 5), NULL), 0);
	ck_assert_uint_eq(host->calls, 0);	/* it has no set_attributes */
	fx_host_check(host, space, all);
	fx_host_forget(host);
	ck_assert_int_eq(gms_convert(space, &thaw, 1, NULL, NULL), 0);
	entry_is(0, FX_MAP, 0, 10);	/* shared only now */
	entry_is(1, FX_MAP, 15, 497);
	entry_is(2, FX_MAP, 10, 5);	/* thawed, in a call of their own */
	ck_assert_uint_eq(host->calls, 2);
}
END_TEST

START_TEST(a_failed_freeze_or_thaw_is_undone)	/* _i: the run that fails, and which */
{
	const struct gms_change batch[] = {
		{ FX_RANGE(1030, 4), GMS_STATE_FROZEN, 0 }, { FX_RANGE(1040, 4), GMS_STATE_FROZEN, 0 },
		{ FX_RANGE(1050, 4), 0, GMS_STATE_FROZEN }, { FX_RANGE(1060, 4), 0, GMS_STATE_FROZEN },
	};
	struct fx_snap before, after;

	ck_assert_int_eq(gms_freeze(space, FX_RANGE(1050, 20), 0, NULL), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(1050, 2), 0, NULL), 0);
	fx_snap_take(&before, space, host);
	fx_host_fail_after(host, (uint64_t)_i, -EXFULL);
	ck_assert_int_eq(gms_convert(space, batch, 4, NULL, NULL), -EXFULL);
	fx_snap_take(&after, space, host);
	fx_snap_same(&before, &after);
	fx_host_check(host, space, all);
	fx_check(space);
	ck_assert_int_eq(gms_convert(space, batch, 4, NULL, NULL), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(1050, 1), NULL), -EALREADY);
}
END_TEST

START_TEST(who_brought_it_in_has_populated_it)
{
	struct gms_space *other = fx_plain_space(&mem);
	struct fx_host *full = fx_host_new(0, 512);

	fx_host_do_all(full);
	full->space = other;
	fx_region(other, FX_RANGE(0, 512), 0, D | S, full);
	fx_host_mend(full, other, FX_RANGE(0, 512));
	ck_assert_int_eq(gms_convert(other, &(struct gms_change){ FX_RANGE(0, 8),
				     GMS_STATE_POPULATED, 0 }, 1, NULL, NULL), 0);
	ck_assert_uint_eq(full->calls_of[FX_POPULATE], 1);
	ck_assert_int_eq(gms_miss(other, FX_RANGE(4, 8), 0, NULL), 0);
	ck_assert_uint_eq(full->calls_of[FX_DISCARD], 1);
	for (gms_gfn gfn = 4; gfn < 12; gfn++)
		fx_host_wrote(full, gfn);
	ck_assert_int_eq(gms_resolve(other, FX_RANGE(0, 16), false, NULL), 0);
	ck_assert_uint_eq(full->calls_of[FX_POPULATE], 1);
	fx_host_check(full, other, FX_RANGE(0, 512));
	gms_space_free(other);
	fx_host_free(full);
}
END_TEST

START_TEST(runs_are_coalesced_and_only_what_turns)	/* C6 */
{
	const struct gms_change batch[] = {
		{ FX_RANGE(700, 10), S, 0 }, { FX_RANGE(20, 10), S, 0 },
		{ FX_RANGE(10, 10), S, 0 }, { FX_RANGE(710, 5), S, 0 },
		{ FX_RANGE(15, 2), S, 0 }, { FX_RANGE(505, 14), S, 0 },	/* over a 2M border */
		{ FX_RANGE(1000, 48), S, 0 },	/* 1024.. is shared already */
	};

	ck_assert_int_eq(gms_convert(space, batch, 7, NULL, NULL), 0);
	ck_assert_uint_eq(host->calls, 1);
	ck_assert_uint_eq(host->nlog, 5);
	entry_is(0, FX_MAP, 10, 20);
	entry_is(1, FX_MAP, 505, 14);
	entry_is(2, FX_MAP, 700, 15);
	entry_is(3, FX_MAP, 1000, 24);
	entry_is(4, FX_FLUSH, 0, 0);
}
END_TEST

START_TEST(runs_do_not_cross_regions)
{
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1024, 10), NULL), 0);
	fx_host_forget(host);
	ck_assert_int_eq(gms_share(space, FX_RANGE(1000, 40), NULL), 0);
	ck_assert_uint_eq(host->calls, 1);
	entry_is(0, FX_MAP, 1000, 24);
	entry_is(1, FX_MAP, 1024, 10);
	entry_is(2, FX_FLUSH, 0, 0);
}
END_TEST

START_TEST(runs_join_over_gib_borders)
{
	struct gms_space *big = fx_plain_space(&mem);
	struct fx_host *wide = fx_host_new(0, 2 * FX_1G);

	fx_region(big, FX_RANGE(0, 2 * FX_1G), 18, D, wide);
	ck_assert_int_eq(gms_share(big, FX_RANGE(FX_1G - 5, 10), NULL), 0);
	ck_assert_uint_eq(wide->runs, 1);
	ck_assert_uint_eq(wide->log[0].npages, 10);
	ck_assert_msg(!wide->broken[0], "%s", wide->broken);
	fx_check(big);
	gms_space_free(big);
	fx_host_free(wide);
}
END_TEST

START_TEST(both_ways_in_one_commit_flush_once)
{
	const struct gms_change batch[] = {
		{ FX_RANGE(1030, 5), 0, S }, { FX_RANGE(5, 5), S, 0 },
		{ FX_RANGE(1500, 5), 0, S }, { FX_RANGE(2600, 5), S, 0 },
	};

	ck_assert_int_eq(gms_convert(space, batch, 4, NULL, NULL), 0);
	ck_assert_uint_eq(host->calls, 2);
	ck_assert_uint_eq(host->runs, 4);
	ck_assert_uint_eq(host->flushes, 1);
	ck_assert_int_eq(host->log[host->nlog - 1].op, FX_FLUSH);
}
END_TEST

START_TEST(each_backend_gets_its_own_runs)
{
	struct fx_host *other = fx_host_new(8192, 1024);

	fx_region(space, FX_RANGE(8192, 1024), 9, D, other);
	ck_assert_int_eq(gms_share(space, FX_RANGE(8200, 5), NULL), 0);
	ck_assert_uint_eq(host->nlog, 0);
	ck_assert_uint_eq(other->runs, 1);
	ck_assert_uint_eq(other->flushes, 1);
	fx_host_check(other, space, FX_RANGE(8192, 1024));
	fx_host_free(other);
}
END_TEST

START_TEST(operations_may_be_missing)
{
	struct gms_region_opts opts;
	struct gms_backend none;

	GMS_INIT(&none);
	fx_region_opts(&opts, FX_RANGE(8192, 512), 9, D, NULL);
	opts.backend = &none;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(8200, 5), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(8200, 5), NULL), 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(8192, 512)), 0);
}
END_TEST

START_TEST(charge_add_of_null_does_nothing)
{
	gms_charge_add(NULL, GMS_ACCT_SYS_MADVISE, 1);
}
END_TEST

/* Charges one of every number there is, also of those it must not. */
static int charge_all(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		      struct gms_charge *charge)
{
	(void)ctx, (void)runs, (void)nruns, (void)ndone;
	for (uint32_t kind = 0; kind <= GMS_ACCT_KINDS; kind++)
		gms_charge_add(charge, kind, 2);
	gms_charge_add(charge, UINT32_MAX, 2);
	return 0;
}

START_TEST(charges_reach_the_ledger)
{
	struct gms_convert_result result;
	struct gms_region_opts opts;
	struct gms_backend backend;
	struct gms_acct acct;

	GMS_INIT(&backend);
	GMS_INIT(&result);
	backend.map_host = charge_all;
	fx_region_opts(&opts, FX_RANGE(8192, 512), 9, D, NULL);
	opts.backend = &backend;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(8200, 5), &result), 0);
	ck_assert_uint_eq(result.flushes, 4 * 2);	/* stage 2, process, kernel, IOTLB */
	fx_acct(space, &acct);
	for (uint32_t kind = GMS_ACCT_GUEST_EXITS; kind < GMS_ACCT_KINDS; kind++)
		ck_assert_uint_eq(acct.event[kind].count, 2);
	ck_assert_uint_eq(acct.event[GMS_ACCT_CONVERTS].count, 1);
	ck_assert_uint_eq(acct.event[GMS_ACCT_BLOCKED].count, 0);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PINS].count, 0);
}
END_TEST

/* Fails at its second run, and names pages of its own choice. */
struct naming {
	gms_gfn gfn[2];
	unsigned n;
};

static int fail_and_name(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
			 struct gms_charge *charge)
{
	const struct naming *naming = ctx;

	(void)runs;
	gms_charge_error(NULL, 0);
	for (unsigned i = 0; i < naming->n; i++)
		gms_charge_error(charge, naming->gfn[i]);
	*ndone = nruns - 1;
	return -EAGAIN;
}

START_TEST(failing_backend_may_name_the_page)
{
	static const struct {
		struct naming naming;
		gms_gfn error_gfn;
	} cases[] = {
		{ { { 0 }, 0 }, 8300 },			/* names none: the run's first */
		{ { { 8300 }, 1 }, 8300 },
		{ { { 8304 }, 1 }, 8304 },
		{ { { 8305 }, 1 }, 8300 },		/* behind the run */
		{ { { 8299 }, 1 }, 8300 },		/* before it */
		{ { { 8202 }, 1 }, 8300 },		/* of the run that took effect */
		{ { { UINT64_MAX }, 1 }, 8300 },
		{ { { 8303, 8301 }, 2 }, 8301 },	/* the last one counts */
	};
	const struct gms_change batch[] = {
		{ FX_RANGE(8200, 5), S, 0 }, { FX_RANGE(8300, 5), S, 0 },
	};
	struct gms_convert_result result;
	struct gms_region_opts opts;
	struct gms_backend backend;
	struct naming naming;

	GMS_INIT(&backend);
	backend.ctx = &naming;
	backend.map_host = fail_and_name;
	fx_region_opts(&opts, FX_RANGE(8192, 512), 9, D, NULL);
	opts.backend = &backend;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		naming = cases[i].naming;
		GMS_INIT(&result);
		ck_assert_int_eq(gms_convert(space, batch, 2, NULL, &result), -EAGAIN);
		ck_assert_uint_eq(result.error_gfn, cases[i].error_gfn);
		ck_assert_uint_eq(result.error_reason, GMS_REASON_BACKEND);
	}
}
END_TEST

/* Six runs, three each way, over three regions: the failure moves through them. */
static const struct gms_change sixfold[] = {
	{ { 5, 5 }, S, 0 }, { { 100, 700 }, S, 0 }, { { 2560, 512 }, S, 0 },
	{ { 1024, 1 }, 0, S }, { { 1100, 50 }, 0, S }, { { 2000, 48 }, 0, S },
};

START_TEST(failure_at_any_run_leaves_no_trace)	/* _i: runs that succeed before; C12 */
{
	const struct gms_change marks[] = {	/* that must come back with the pages */
		{ FX_RANGE(7, 300), GMS_STATE_USER0 | GMS_STATE_POPULATED, 0 },
		{ FX_RANGE(1110, 20), GMS_STATE_USER0 | GMS_STATE_HOST_MAPPED, 0 },
		{ FX_RANGE(2010, 1), GMS_STATE_DIRTY, 0 },
	};
	struct gms_convert_result result;
	struct fx_snap before, after;
	uint64_t live;

	ck_assert_int_eq(gms_share(space, FX_RANGE(90, 3), NULL), 0);
	ck_assert_int_eq(gms_convert(space, marks, 3, NULL, NULL), 0);
	live = mem.live_bytes;
	GMS_INIT(&result);
	fx_snap_take(&before, space, host);
	fx_host_fail_after(host, (uint64_t)_i, -EIO);
	ck_assert_int_eq(gms_convert(space, sixfold, 6, NULL, &result), -EIO);
	ck_assert_uint_eq(host->failures, 1);
	ck_assert_str_eq(gms_reason_name(result.error_reason),
			 gms_reason_name(GMS_REASON_BACKEND));
	fx_snap_take(&after, space, host);
	fx_snap_same(&before, &after);
	fx_host_check(host, space, all);
	fx_check(space);
	ck_assert_uint_le(mem.live_bytes, live + 1024 * 1024);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_ROLLBACKS), 1);

	ck_assert_int_eq(gms_convert(space, sixfold, 6, NULL, NULL), 0);
	fx_host_check(host, space, all);
}
END_TEST

START_TEST(failure_of_the_second_backend_undoes_the_first)	/* _i: which of the two fails */
{
	struct fx_host *other = fx_host_new(8192, 1024);
	const struct gms_change batch[] = {
		{ FX_RANGE(5, 5), S, 0 }, { FX_RANGE(1030, 5), 0, S },
		{ FX_RANGE(8200, 5), S, 0 }, { FX_RANGE(8800, 5), 0, S },
	};
	struct fx_snap before, after;
	uint64_t other_before;

	fx_region(space, FX_RANGE(8192, 512), 9, D, other);
	fx_region(space, FX_RANGE(8704, 512), 9, D | S, other);
	for (uint64_t pass = 0; pass < 2; pass++) {
		struct fx_host *failing = _i ? other : host;

		fx_snap_take(&before, space, host);
		other_before = fx_host_hash(other);
		fx_host_fail_after(failing, pass, -ENOTTY);
		ck_assert_int_eq(gms_convert(space, batch, 4, NULL, NULL), -ENOTTY);
		fx_snap_take(&after, space, host);
		fx_snap_same(&before, &after);
		ck_assert_uint_eq(fx_host_hash(other), other_before);
		fx_check(space);
	}
	fx_host_check(other, space, FX_RANGE(8192, 1024));
	fx_host_free(other);
}
END_TEST

/* A backend that fails, and fails again when told to undo what it did. */
struct stubborn {
	unsigned calls;
};

static int stubborn_map(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
			struct gms_charge *charge)
{
	struct stubborn *stubborn = ctx;

	(void)runs, (void)charge;
	stubborn->calls++;
	*ndone = nruns - 1;
	return -EIO;
}

static int stubborn_unmap(void *ctx, const struct gms_host_run *runs, size_t nruns,
			  size_t *ndone, struct gms_charge *charge)
{
	struct stubborn *stubborn = ctx;

	(void)runs, (void)nruns, (void)charge;
	stubborn->calls++;
	*ndone = 0;
	return -EIO;
}

START_TEST(failing_undo_is_counted_and_the_books_stay_sound)
{
	const struct gms_change batch[] = {
		{ FX_RANGE(8200, 5), S, 0 }, { FX_RANGE(8300, 5), S, 0 },
	};
	struct stubborn stubborn = { 0 };
	struct fx_snap before, after;
	struct gms_region_opts opts;
	struct gms_backend backend;

	GMS_INIT(&backend);
	backend.ctx = &stubborn;
	backend.map_host = stubborn_map;
	backend.unmap_host = stubborn_unmap;
	fx_region_opts(&opts, FX_RANGE(8192, 512), 9, D, NULL);
	opts.backend = &backend;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	fx_snap_take(&before, space, host);
	ck_assert_int_eq(gms_convert(space, batch, 2, NULL, NULL), -EIO);
	fx_snap_take(&after, space, host);
	fx_snap_same(&before, &after);
	ck_assert_uint_eq(stubborn.calls, 2);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_ROLLBACKS), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_UNDO_FAILURES), 1);
	fx_check(space);
}
END_TEST

START_TEST(a_refused_batch_never_reaches_the_backend)
{
	gms_pin_id id;

	ck_assert_int_eq(gms_pin(space, FX_RANGE(2040, 1), 0, 1, &id, NULL), 0);
	ck_assert_int_eq(gms_convert(space, sixfold, 6, NULL, NULL), -EAGAIN);
	ck_assert_uint_eq(host->nlog, 0);
	ck_assert_int_eq(gms_unpin(space, id), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1024, 2048), NULL), -ENOENT);
	ck_assert_uint_eq(host->nlog, 0);
}
END_TEST

START_TEST(space_calls_like_free_and_remove_call_no_backend)
{
	uint32_t id = fx_region(space, FX_RANGE(3072, 512), 9, D | S, host);

	ck_assert_int_eq(gms_region_remove(space, id), 0);
	fx_host_set(host, FX_RANGE(3072, 512), false);
	ck_assert_uint_eq(host->nlog, 0);
}
END_TEST

/* A list that came down to two states, a run of which goes and has to come back. */
START_TEST(undo_brings_a_list_of_two_states_back)
{
	static const struct gms_change dirty[] = {
		{ { 1, 1 }, GMS_STATE_DIRTY, 0 }, { { 3, 1 }, GMS_STATE_DIRTY, 0 }
	}, clean[] = {
		{ { 1, 1 }, 0, GMS_STATE_DIRTY }, { { 3, 1 }, 0, GMS_STATE_DIRTY }
	};
	struct fx_snap before, after;

	for (gms_gfn gfn = 0; gfn < 6; gfn += 2)
		ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	ck_assert_int_eq(gms_convert(space, dirty, 2, NULL, NULL), 0);
	ck_assert_int_eq(gms_convert(space, clean, 2, NULL, NULL), 0);
	fx_snap_take(&before, space, host);
	fx_host_fail_after(host, 0, -EIO);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 1), NULL), -EIO);
	fx_snap_take(&after, space, host);
	fx_snap_same(&before, &after);
	fx_host_check(host, space, all);
	fx_check(space);
}
END_TEST

/* A page that was not zeroed yet, because what comes before it failed, must not be. */
START_TEST(undo_asks_for_contents_to_be_kept)
{
	const struct gms_change change[] = {
		{ FX_RANGE(1030, 2), 0, S }, { FX_RANGE(10, 2), S, 0 }, { FX_RANGE(20, 2), S, 0 },
	};
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.content = GMS_CONTENT_ZERO;
	fx_host_fail_after(host, 2, -EIO);
	ck_assert_int_eq(gms_convert(space, change, 3, &opts, NULL), -EIO);
	ck_assert_uint_eq(host->nlog, 6);
	entry_is(0, FX_UNMAP, 1030, 2);
	entry_is(1, FX_MAP, 10, 2);
	entry_is(2, FX_MAP, 20, 2);	/* failed */
	entry_is(3, FX_UNMAP, 10, 2);
	entry_is(4, FX_MAP, 1030, 2);
	entry_is(5, FX_FLUSH, 0, 0);
	for (size_t i = 0; i < 5; i++)
		ck_assert_uint_eq(host->log[i].content,
				  i < 3 ? GMS_CONTENT_ZERO : GMS_CONTENT_UNDO);
}
END_TEST

/*
 * What turns shared is zeroed before the VMM reaches it, what turns private when all
 * else is done; who asks for nothing gets nothing zeroed.
 */
START_TEST(zeros_come_before_the_vmm_and_after_all_else)
{
	static const enum fx_host_op order[] = {
		FX_UNMAP, FX_ATTRIBUTES, FX_ATTRIBUTES, FX_ATTRIBUTES, FX_ZERO, FX_ZERO,
		FX_MAP, FX_MAP, FX_ZERO, FX_FLUSH,
	};
	const struct gms_range ram = FX_RANGE(0, 2048);
	const struct gms_change change[] = {
		{ FX_RANGE(1030, 2), 0, S }, { FX_RANGE(10, 2), S, 0 }, { FX_RANGE(20, 2), S, 0 },
	};
	struct fx_host *full = fx_host_new(0, ram.npages);
	struct gms_space *with = fx_plain_space(NULL);
	struct gms_convert_opts opts;

	fx_host_do_all(full);
	fx_region(with, ram, 0, 0, full);
	fx_host_mend(full, with, ram);
	ck_assert_int_eq(gms_share(with, FX_RANGE(1024, 64), NULL), 0);
	ck_assert_uint_eq(full->calls_of[FX_ZERO], 0);

	fx_host_forget(full);
	GMS_INIT(&opts);
	opts.content = GMS_CONTENT_ZERO;
	full->content = GMS_CONTENT_ZERO;
	ck_assert_int_eq(gms_convert(with, change, 3, &opts, NULL), 0);
	ck_assert_uint_eq(full->nlog, sizeof(order) / sizeof(order[0]));
	for (size_t i = 0; i < full->nlog; i++)
		ck_assert_int_eq(full->log[i].op, order[i]);
	ck_assert_uint_eq(full->log[4].first, 10);
	ck_assert_uint_eq(full->log[5].first, 20);
	ck_assert_uint_eq(full->log[8].first, 1030);

	/* Failing to zero fails the conversion, and all else that was done is undone. */
	full->content = GMS_CONTENT_ANY;
	ck_assert_int_eq(gms_unshare(with, FX_RANGE(10, 12), NULL), 0);
	ck_assert_int_eq(gms_share(with, FX_RANGE(1030, 2), NULL), 0);
	full->content = GMS_CONTENT_ZERO;
	full->fail_op = FX_ZERO;
	for (uint64_t pass = 0; pass < 3; pass++) {
		fx_host_fail_after(full, pass, -EIO);
		ck_assert_int_eq(gms_convert(with, change, 3, &opts, NULL), -EIO);
		fx_host_check(full, with, ram);
		fx_check(with);
	}
	ck_assert_uint_eq(full->failures, 3);
	gms_space_free(with);
	fx_host_free(full);
}
END_TEST

/* What cannot be discarded keeps its memory; that is no reason for the rest to. */
START_TEST(a_failed_discard_does_not_stop_the_others)
{
	const gms_state populated = GMS_STATE_POPULATED;
	const struct gms_range a = { 4096, 512 }, b = { 4608, 512 };
	struct fx_host *of_a = fx_host_new(4096, 1024), *of_b = fx_host_new(4096, 1024);
	struct gms_change changes[] = {
		{ FX_RANGE(4096, 10), 0, populated }, { FX_RANGE(4116, 10), 0, populated },
		{ FX_RANGE(4608, 10), 0, populated },
	};

	fx_host_do_all(of_a);
	fx_host_do_all(of_b);
	fx_region(space, a, 0, D | populated, of_a);
	fx_region(space, b, 0, D | populated, of_b);
	fx_host_mend(of_a, space, a);
	fx_host_mend(of_b, space, b);
	fx_host_fail_after(of_a, 0, -EIO);
	ck_assert_int_eq(gms_convert(space, changes, 3, NULL, NULL), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_DISCARD_FAILURES), 1);
	ck_assert_uint_eq(of_a->failures, 1);
	fx_host_mend(of_a, space, changes[0].range);
	fx_host_check(of_a, space, a);
	fx_host_check(of_b, space, b);
	fx_check(space);
	fx_host_free(of_a);
	fx_host_free(of_b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("backend");
	TCase *tc = fx_case(s, "order");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, share_maps_then_flushes_once);
	tcase_add_test(tc, unshare_unmaps_then_flushes_once);
	tcase_add_test(tc, no_call_where_nothing_turns);
	tcase_add_test(tc, freezing_unmaps_what_is_shared_and_thawing_maps_it);
	tcase_add_test(tc, what_turns_shared_while_frozen_is_mapped_when_it_thaws);
	tcase_add_loop_test(tc, a_failed_freeze_or_thaw_is_undone, 0, 4);
	tcase_add_test(tc, who_brought_it_in_has_populated_it);
	tcase_add_test(tc, runs_are_coalesced_and_only_what_turns);
	tcase_add_test(tc, runs_do_not_cross_regions);
	tcase_add_test(tc, runs_join_over_gib_borders);
	tcase_add_test(tc, both_ways_in_one_commit_flush_once);
	tcase_add_test(tc, each_backend_gets_its_own_runs);
	tcase_add_test(tc, operations_may_be_missing);
	tcase_add_test(tc, charge_add_of_null_does_nothing);
	tcase_add_test(tc, charges_reach_the_ledger);
	tcase_add_test(tc, space_calls_like_free_and_remove_call_no_backend);

	tc = fx_case(s, "failure");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, failure_at_any_run_leaves_no_trace, 0, 6);
	tcase_add_loop_test(tc, failure_of_the_second_backend_undoes_the_first, 0, 2);
	tcase_add_test(tc, failing_backend_may_name_the_page);
	tcase_add_test(tc, failing_undo_is_counted_and_the_books_stay_sound);
	tcase_add_test(tc, undo_brings_a_list_of_two_states_back);
	tcase_add_test(tc, undo_asks_for_contents_to_be_kept);
	tcase_add_test(tc, zeros_come_before_the_vmm_and_after_all_else);
	tcase_add_test(tc, a_failed_discard_does_not_stop_the_others);
	tcase_add_test(tc, a_refused_batch_never_reaches_the_backend);
	return fx_run(s);
}

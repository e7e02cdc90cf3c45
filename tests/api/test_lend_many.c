/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of lend.h: many loans at once, and the gauges. */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define PAGE	UINT64_C(4096)
#define BOTH	GMS_LEND_BOTH
#define MOST	300u

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;
static struct gms_lend_result result;
static struct gms_range runs[MOST];
static struct gms_loan_want want[MOST];
static gms_loan_id ids[MOST];
static size_t n;

/* [0, 2 GiB) and [4 GiB, 5 GiB), a hole between; each with a host. */
static struct fx_host *hosts[2];

static void make(uint32_t policy, uint64_t pages)
{
	struct gms_space_opts opts;

	GMS_INIT(&opts);
	fx_mem_init(&mem);
	opts.mem = &mem.ops;
	opts.lend_policy = policy;
	opts.lend_idle_pages = pages;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	hosts[0] = fx_host_new(0, 2 * FX_1G);
	hosts[1] = fx_host_new(4 * FX_1G, FX_1G);
	host = hosts[1];
	fx_region(space, FX_RANGE(0, 2 * FX_1G), 18, D, hosts[0]);
	fx_region(space, FX_RANGE(4 * FX_1G, FX_1G), 9, D, host);
	memset(ids, 0, sizeof(ids));
	n = 0;
}

static void eager(void)	     { make(GMS_LEND_EAGER, 0); }
static void lazy(void)	     { make(GMS_LEND_LAZY, 100); }

static void teardown(void)
{
	fx_check(space);
	fx_space_done(space, &mem);
	fx_host_free(hosts[0]);
	fx_host_free(hosts[1]);
}

static struct gms_lend_result *fresh(void)
{
	GMS_INIT(&result);
	result.runs = runs;
	result.run_capacity = MOST;
	return &result;
}

static void add(uint64_t gpa, uint64_t bytes)
{
	want[n] = (struct gms_loan_want){ gpa, bytes, n, BOTH, 0 };
	n++;
}

static void lend_all(void)
{
	ck_assert_int_eq(gms_lend_many(space, want, n, ids, fresh()), 0);
}

static void return_all(void)
{
	ck_assert_int_eq(gms_return_many(space, ids, n, fresh()), 0);
}

static struct gms_lend_gauges gauges(void)
{
	struct gms_lend_gauges g;

	GMS_INIT(&g);
	ck_assert_int_eq(gms_lend_read(space, &g), 0);
	return g;
}

static bool nothing_is_lent(void)
{
	const struct gms_lend_gauges g = gauges();

	return !(g.loans | g.lent_bytes | g.lent_pages | g.idle_pages | g.slack_bytes);
}

START_TEST(many_are_lent_and_returned_in_one_conversion)
{
	const struct fx_host *h = host;

	for (unsigned i = 0; i < 64; i++)	/* the guest's ring is in no order */
		add((4 * FX_1G + i * 37 % 64 * 8) * PAGE + 100, 2 * PAGE);
	fx_host_forget(host);
	lend_all();
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_CONVERTS), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_LENDS), 64);
	ck_assert_uint_eq(h->calls_of[FX_MAP], 1);
	ck_assert_uint_eq(result.changed_pages, 3 * 64);
	ck_assert_uint_eq(result.nruns, 64);
	for (unsigned i = 0; i < 64; i++) {
		if (runs[i].first != 4 * FX_1G + i * 8 || runs[i].npages != 3)
			ck_abort_msg("run %u is not in its place", i);
	}
	ck_assert_uint_eq(gauges().lent_pages, 3 * 64);
	fx_check(space);
	fx_host_forget(host);
	return_all();
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_CONVERTS), 2);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_RETURNS), 64);
	ck_assert_uint_eq(h->calls_of[FX_UNMAP], 1);
	ck_assert_uint_eq(h->flushes, 1);
	ck_assert_uint_eq(result.changed_pages, 3 * 64);
	ck_assert_uint_eq(result.nruns, 64);
	ck_assert(nothing_is_lent());
	fx_host_check(host, space, FX_RANGE(4 * FX_1G, FX_1G));
}
END_TEST

START_TEST(a_page_that_many_name_turns_once)
{
	ck_assert_int_eq(gms_share(space, FX_RANGE(7, 1), NULL), 0);
	for (unsigned i = 0; i < 40; i++)
		add(5 * PAGE + i * 10, 10);
	add(4 * PAGE, 4 * PAGE);
	lend_all();
	/* 5 by the first; 4 and 6 by the last, which finds 5 lent and 7 shared. */
	ck_assert_uint_eq(result.changed_pages, 3);
	ck_assert_uint_eq(result.hit_pages, 39 + 1);
	ck_assert_uint_eq(result.kept_pages, 1);
	ck_assert_uint_eq(result.nruns, 1);
	ck_assert(runs[0].first == 4 && runs[0].npages == 3);
	ck_assert_uint_eq(gauges().lent_pages, 4);
	ck_assert_uint_eq(gauges().lent_bytes, 400 + 4 * PAGE);
	ck_assert_uint_eq(gauges().shared_pages, 4);
	fx_check(space);
	ck_assert_int_eq(gms_return_many(space, ids, 40, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_int_eq(gms_return_many(space, ids + 40, 1, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 3);
	ck_assert_uint_eq(gms_state_at(space, 7), D | S);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 1);
}
END_TEST

/* Over borders of GiB, of any size, in no order. */
static void add_assorted(void)
{
	add((FX_1G - 700) * PAGE + 5, 1400 * PAGE);
	add((4 * FX_1G + 77) * PAGE, 1);
	add(FX_1G * PAGE - 1, 2);
	add(0, 2 * FX_1G * PAGE);
	add(31 * PAGE, 33 * PAGE);
	add(FX_1G * PAGE + 4095, 2);
	add(12, 13);
}

START_TEST(they_may_be_of_any_size)
{
	uint64_t bytes = 0;
	size_t found;

	add_assorted();
	for (size_t i = 0; i < n; i++)
		bytes += want[i].bytes;
	lend_all();
	fx_check(space);
	ck_assert_uint_eq(gauges().lent_bytes, bytes);
	ck_assert_uint_eq(gauges().lent_pages, 2 * FX_1G + 1);
	ck_assert_uint_eq(gauges().loans, n);
	ck_assert_uint_eq(result.changed_pages, 2 * FX_1G + 1);
	ck_assert_int_eq(gms_loans_in(space, FX_RANGE(FX_1G, 1), NULL, 0, &found), 0);
	ck_assert_uint_eq(found, 4);
	return_all();
	ck_assert_uint_eq(result.changed_pages, 2 * FX_1G + 1);
	ck_assert(nothing_is_lent());
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
}
END_TEST

START_TEST(each_loan_is_as_if_lent_alone)
{
	struct gms_loan_info info;
	struct gms_acct_tag acct;
	size_t found;

	for (unsigned i = 0; i < 5; i++) {
		add(i * 64 * PAGE + 8, 100 + i);
		want[i].dir = 1 + i % 3;
	}
	lend_all();
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(gms_loans_in(space, FX_RANGE(i * 64, 1), &info, 1, &found), 0);
		ck_assert_uint_eq(found, 1);
		ck_assert_uint_eq(info.id, ids[i]);
		ck_assert_uint_eq(info.gpa, want[i].gpa);
		ck_assert_uint_eq(info.bytes, want[i].bytes);
		ck_assert_uint_eq(info.tag, want[i].tag);
		ck_assert_uint_eq(info.dir, want[i].dir);
		if (!i)
			continue;
		GMS_INIT(&acct);
		ck_assert_int_eq(gms_acct_tag(space, i, &acct), 0);
		ck_assert_uint_eq(acct.event[GMS_ACCT_LENDS].count, 1);
	}
	for (unsigned i = 0; i < 5; i += 2)	/* one by one, or together */
		ck_assert_int_eq(gms_return(space, ids[i], NULL), 0);
	ids[0] = ids[3];
	ck_assert_int_eq(gms_return_many(space, ids, 2, NULL), 0);
	for (unsigned i = 1; i < 5; i++) {
		GMS_INIT(&acct);
		ck_assert_int_eq(gms_acct_tag(space, i, &acct), 0);
		ck_assert_uint_eq(acct.event[GMS_ACCT_RETURNS].count, 1);
	}
	ck_assert(nothing_is_lent());
}
END_TEST

START_TEST(none_is_lent_if_one_is_refused)
{
	struct gms_acct a, b;

	add(0, PAGE);
	add(FX_1G * PAGE - 1, 2);
	add((2 * FX_1G - 2) * PAGE, 4 * PAGE);
	add(9 * PAGE, 1);
	fx_acct(space, &a);
	ck_assert_int_eq(gms_lend_many(space, want, n, ids, fresh()), -ENOENT);
	ck_assert_uint_eq(result.error_gfn, 2 * FX_1G);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_HOLE);
	ck_assert_uint_eq(result.changed_pages + result.nruns, 0);
	/* A host that objects, at the last. */
	want[2] = (struct gms_loan_want){ (4 * FX_1G + 5) * PAGE, 1, 0, BOTH, 0 };
	fx_host_fail_after(host, 0, -EIO);
	ck_assert_int_eq(gms_lend_many(space, want, n, ids, fresh()), -EIO);
	ck_assert_uint_eq(result.error_gfn, 4 * FX_1G + 5);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_BACKEND);
	fx_acct(space, &b);
	ck_assert_uint_eq(ids[0] + ids[1] + ids[2] + ids[3], 0);
	ck_assert_uint_eq(b.loans + b.lent_bytes + b.lent_pages + b.shared_pages, 0);
	ck_assert_uint_eq(b.event[GMS_ACCT_LENDS].count, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
	fx_host_check(hosts[0], space, FX_RANGE(0, 2 * FX_1G));
	fx_host_check(host, space, FX_RANGE(4 * FX_1G, FX_1G));
	lend_all();
	return_all();
}
END_TEST

START_TEST(none_is_returned_if_one_is_not_there)
{
	gms_loan_id some[4];

	add_assorted();
	lend_all();
	memcpy(some, ids, sizeof(some));
	some[3] = ids[1];			/* twice */
	ck_assert_int_eq(gms_return_many(space, some, 4, fresh()), -ENOENT);
	some[3] = ids[0];			/* the wide one twice */
	ck_assert_int_eq(gms_return_many(space, some, 4, fresh()), -ENOENT);
	some[3] = 0;
	ck_assert_int_eq(gms_return_many(space, some, 4, fresh()), -ENOENT);
	some[3] = UINT64_MAX;
	ck_assert_int_eq(gms_return_many(space, some, 4, fresh()), -ENOENT);
	ck_assert_uint_eq(gauges().loans, n);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_RETURNS), 0);
	ck_assert_int_eq(gms_return(space, ids[3], NULL), 0);	/* and is wide */
	some[3] = ids[3];
	ck_assert_int_eq(gms_return_many(space, some, 4, fresh()), -ENOENT);
	fx_check(space);
	ck_assert_int_eq(gms_return_many(space, some, 3, fresh()), 0);
	ck_assert_int_eq(gms_return_many(space, some, 3, fresh()), -ENOENT);
	ck_assert_int_eq(gms_return_many(space, ids + 4, n - 4, fresh()), 0);
	ck_assert(nothing_is_lent());
}
END_TEST

START_TEST(what_may_not_turn_is_idle_and_the_rest_turns)
{
	gms_pin_id pin;

	for (unsigned i = 0; i < 10; i++)
		add((20 - 2 * i) * PAGE, PAGE);
	lend_all();
	ck_assert_int_eq(gms_pin(space, FX_RANGE(8, 1), 0, 1, &pin, NULL), 0);
	return_all();
	ck_assert_uint_eq(result.changed_pages, 9);
	ck_assert_uint_eq(result.blocked_pages, 1);
	ck_assert_uint_eq(result.idle_pages, 1);
	ck_assert_uint_eq(result.error_gfn, 8);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(gauges().idle_pages, 1);
	ck_assert_uint_eq(gauges().slack_bytes, PAGE);
	fx_check(space);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 1);
}
END_TEST

static unsigned parked_done;

static void count_done(void *ctx, gms_ticket ticket, int err,
		       const struct gms_convert_result *did)
{
	(void)ctx;
	(void)ticket;
	(void)did;
	parked_done += !err;
}

START_TEST(what_waited_for_them_is_carried_out)	/* _i: how many loans */
{
	const struct gms_change change = { FX_RANGE(4 * (gms_gfn)_i - 4, 1), 0, S };
	gms_ticket ticket;

	for (int i = 0; i < _i; i++)
		add((gms_gfn)i * 4 * PAGE, PAGE);
	ck_assert_int_eq(gms_share(space, change.range, NULL), 0);
	lend_all();
	parked_done = 0;
	ck_assert_int_eq(gms_convert_park(space, &change, 1, NULL, count_done, NULL, &ticket,
					  NULL), 0);
	ck_assert_uint_ne(ticket, 0);
	return_all();
	ck_assert_uint_eq(parked_done, 1);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
}
END_TEST

START_TEST(a_kick_needs_no_memory_the_second_time)
{
	uint64_t calls_before = 0;

	for (unsigned i = 0; i < 128; i++)
		add((i * 37 % 128 * 3 + 4 * FX_1G) * PAGE, 1 + i);
	for (unsigned round = 0; round < 3; round++) {
		if (round == 1)
			calls_before = mem.calls;
		lend_all();
		ck_assert_uint_eq(result.nruns, 128);
		return_all();
		ck_assert_uint_eq(result.nruns, 128);
	}
	ck_assert_uint_eq(mem.calls, calls_before);
}
END_TEST

START_TEST(arguments_are_checked)
{
	static struct gms_loan_want many[GMS_LEND_MOST + 1];
	static gms_loan_id names[GMS_LEND_MOST + 1];
	FX_LONGER(struct gms_lend_gauges) longer;
	struct gms_lend_gauges g;

	add(0, PAGE);
	add(PAGE, PAGE);
	ck_assert_int_eq(gms_lend_many(NULL, want, n, ids, NULL), -EINVAL);
	ck_assert_int_eq(gms_lend_many(space, NULL, n, ids, NULL), -EINVAL);
	ck_assert_int_eq(gms_lend_many(space, want, n, NULL, NULL), -EINVAL);
	ck_assert_int_eq(gms_lend_many(space, NULL, 0, NULL, fresh()), 0);
	ck_assert_int_eq(gms_return_many(NULL, ids, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_return_many(space, NULL, 1, NULL), -EINVAL);
	ck_assert_int_eq(gms_return_many(space, NULL, 0, fresh()), 0);
	want[1].bytes = 0;
	ck_assert_int_eq(gms_lend_many(space, want, n, ids, NULL), -EINVAL);
	want[1].bytes = UINT64_MAX - PAGE + 2;
	ck_assert_int_eq(gms_lend_many(space, want, n, ids, NULL), -EINVAL);
	want[1].bytes = 1;
	want[1].dir = 4;
	ck_assert_int_eq(gms_lend_many(space, want, n, ids, NULL), -EINVAL);
	want[1].dir = 0;
	ck_assert_int_eq(gms_lend_many(space, want, n, ids, NULL), -EINVAL);
	want[1].dir = 1;
	want[1].reserved = 1;
	ck_assert_int_eq(gms_lend_many(space, want, n, ids, NULL), -EINVAL);
	want[1].reserved = 0;
	fresh();
	result.runs = NULL;
	ck_assert_int_eq(gms_lend_many(space, want, n, ids, &result), -EINVAL);
	ck_assert_int_eq(gms_return_many(space, ids, 0, &result), -EINVAL);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_LENDS) + fx_shared(space, FX_ALL), 0);
	for (size_t i = 0; i <= GMS_LEND_MOST; i++)
		many[i] = (struct gms_loan_want){ i * 8, 8, 0, BOTH, 0 };
	ck_assert_int_eq(gms_lend_many(space, many, GMS_LEND_MOST + 1, names, NULL), -E2BIG);
	ck_assert_int_eq(gms_return_many(space, names, GMS_LEND_MOST + 1, NULL), -E2BIG);
	ck_assert_int_eq(gms_lend_many(space, many, GMS_LEND_MOST, names, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 128);
	ck_assert_uint_eq(gauges().loans, GMS_LEND_MOST);
	ck_assert_int_eq(gms_return_many(space, names, GMS_LEND_MOST, fresh()), 0);
	ck_assert_uint_eq(result.changed_pages, 128);
	GMS_INIT(&g);
	ck_assert_int_eq(gms_lend_read(NULL, &g), -EINVAL);
	ck_assert_int_eq(gms_lend_read(space, NULL), -EINVAL);
	g.size = 4;
	ck_assert_int_eq(gms_lend_read(space, &g), -EINVAL);
	memset(&longer, 0, sizeof(longer));
	longer.known.size = sizeof(longer);
	ck_assert_int_eq(gms_lend_read(space, &longer.known), 0);
	longer.tail[3] = 1;
	ck_assert_int_eq(gms_lend_read(space, &longer.known), -E2BIG);
}
END_TEST

START_TEST(lazy_reclaims_once_for_all_of_them)
{
	for (unsigned i = 0; i < 140; i++)
		add((4 * FX_1G + i * 3) * PAGE, PAGE);
	lend_all();
	fx_host_forget(host);
	return_all();
	ck_assert_uint_eq(result.idle_pages, 140);
	ck_assert_uint_eq(result.changed_pages, 90);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_RECLAIMS), 1);
	ck_assert_uint_eq(host->calls_of[FX_UNMAP], 1);
	ck_assert_uint_eq(host->flushes, 1);
	ck_assert_uint_eq(gauges().idle_pages, 50);
	n = 60;		/* the oldest are gone, the others hit */
	lend_all();
	ck_assert_uint_eq(result.changed_pages, 60);
	memmove(want, want + 100, 40 * sizeof(want[0]));
	n = 40;
	ck_assert_int_eq(gms_lend_many(space, want, n, ids + 60, fresh()), 0);
	ck_assert_uint_eq(result.hit_pages, 40);
	n = 100;
	return_all();
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, NULL), 0);
	ck_assert(nothing_is_lent());
}
END_TEST

START_TEST(gauges_are_those_of_the_ledger)
{
	struct gms_lend_gauges g;
	struct gms_acct a;

	ck_assert(nothing_is_lent());
	add_assorted();
	lend_all();
	for (unsigned i = 0; i < 7; i++) {
		g = gauges();
		fx_acct(space, &a);
		ck_assert_uint_eq(g.loans, a.loans);
		ck_assert_uint_eq(g.lent_bytes, a.lent_bytes);
		ck_assert_uint_eq(g.lent_pages, a.lent_pages);
		ck_assert_uint_eq(g.idle_pages, a.idle_pages);
		ck_assert_uint_eq(g.slack_bytes, a.slack_bytes);
		ck_assert_uint_eq(g.shared_pages, a.shared_pages);
		ck_assert_int_eq(gms_return(space, ids[i], NULL), 0);
	}
	ck_assert_int_eq(gms_reclaim(space, UINT64_MAX, UINT64_MAX, NULL), 0);
	ck_assert(nothing_is_lent());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("many loans");
	TCase *t = fx_case(s, "eager");

	tcase_add_checked_fixture(t, eager, teardown);
	tcase_add_test(t, many_are_lent_and_returned_in_one_conversion);
	tcase_add_test(t, a_page_that_many_name_turns_once);
	tcase_add_test(t, they_may_be_of_any_size);
	tcase_add_test(t, each_loan_is_as_if_lent_alone);
	tcase_add_test(t, none_is_lent_if_one_is_refused);
	tcase_add_test(t, none_is_returned_if_one_is_not_there);
	tcase_add_test(t, what_may_not_turn_is_idle_and_the_rest_turns);
	tcase_add_loop_test(t, what_waited_for_them_is_carried_out, 1, 2);
	tcase_add_loop_test(t, what_waited_for_them_is_carried_out, 32, 35);
	tcase_add_test(t, a_kick_needs_no_memory_the_second_time);
	tcase_add_test(t, arguments_are_checked);
	t = fx_case(s, "lazy");
	tcase_add_checked_fixture(t, lazy, teardown);
	tcase_add_test(t, lazy_reclaims_once_for_all_of_them);
	tcase_add_test(t, gauges_are_those_of_the_ledger);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of a collector: who is in a commit with others, who waits for whom. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "fixture.h"
#include "guest/request.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define PAGES	UINT64_C(8192)
#define MOST	80
#define MS	UINT64_C(1000000)
#define SECOND	UINT64_C(1000000000)

enum { TAG_GROUP = 7, TAG_OWN };

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;
static struct gms_collector *collector;
static struct gms_request *request[MOST];
static unsigned nrequests;

static void setup(void)
{
	struct gms_space_opts opts;

	fx_mem_init(&mem);
	GMS_INIT(&opts);
	opts.mem = &mem.ops;
	opts.access_wait_ns = GMS_FOREVER;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	host = fx_host_new(0, PAGES);
	fx_region(space, FX_RANGE(0, PAGES), 9, D, host);
	nrequests = 0;
}

static void forget_requests(void)
{
	while (nrequests)
		gms_request_free(request[--nrequests]);
}

static void teardown(void)
{
	forget_requests();
	gms_collector_free(collector);
	collector = NULL;
	fx_check(space);
	fx_host_check(host, space, FX_RANGE(0, PAGES));
	fx_space_done(space, &mem);
	fx_host_free(host);
}

static void make(uint32_t most_requests, uint64_t wait_ns, uint64_t most_pages)
{
	struct gms_collector_opts opts;

	GMS_INIT(&opts);
	opts.most_requests = most_requests;
	opts.wait_ns = wait_ns;
	opts.most_pages = most_pages;
	opts.tag = TAG_GROUP;
	ck_assert_int_eq(gms_collector_new(&collector, space, &opts), 0);
}

static struct gms_request_opts usual(void)
{
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.tag = TAG_OWN;
	opts.collector = collector;
	return opts;
}

static struct gms_request *begin_with(const struct gms_request_opts *opts, uint64_t chunk_pages)
{
	struct gms_request **one = &request[nrequests];

	ck_assert_int_eq(gms_request_new(one, space, opts), 0);
	nrequests++;
	ck_assert_int_eq(gms__request_begin(*one, GMS_PROTOCOL_SNP_PSC, chunk_pages), 0);
	return *one;
}

static void add(struct gms_request *one, gms_gfn first, uint64_t npages, bool share)
{
	gms__request_add(one, FX_RANGE(first, npages), share ? S : 0, share ? 0 : S);
}

/* A request of one part, ready. */
static struct gms_request *ask_with(const struct gms_request_opts *opts, gms_gfn first,
				    uint64_t npages, bool share)
{
	struct gms_request *one = begin_with(opts, GMS_REQUEST_WHOLE);

	add(one, first, npages, share);
	gms__request_ready(one, 0);
	return one;
}

static struct gms_request *ask(gms_gfn first, uint64_t npages, bool share)
{
	const struct gms_request_opts opts = usual();

	return ask_with(&opts, first, npages, share);
}

static struct gms_request_result result_of(const struct gms_request *one)
{
	struct gms_request_result result;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_request_result(one, &result), 0);
	return result;
}

static void is_done(const struct gms_request *one, int error, uint64_t pages_done)
{
	const struct gms_request_result result = result_of(one);

	ck_assert_uint_eq(result.step, GMS_REQUEST_DONE);
	ck_assert_int_eq(result.error, error);
	ck_assert_uint_eq(result.pages_done, pages_done);
}

static struct gms_collector_stats stats_now(void)
{
	struct gms_collector_stats stats;

	GMS_INIT(&stats);
	ck_assert_int_eq(gms_collector_stats(collector, &stats), 0);
	return stats;
}

static void stats_are(uint64_t joined, uint64_t alone, uint64_t commits, uint64_t refused,
		      uint64_t largest)
{
	const struct gms_collector_stats stats = stats_now();

	ck_assert_uint_eq(stats.requests, joined + alone);
	ck_assert_uint_eq(stats.joined, joined);
	ck_assert_uint_eq(stats.alone, alone);
	ck_assert_uint_eq(stats.commits, commits);
	ck_assert_uint_eq(stats.refused, refused);
	ck_assert_uint_eq(stats.largest, largest);
}

static uint64_t tag_event(gms_tag tag, uint32_t kind)
{
	struct gms_acct_tag acct;

	GMS_INIT(&acct);
	ck_assert_int_eq(gms_acct_tag(space, tag, &acct), 0);
	return acct.event[kind].count;
}

/* The order in which requests are over. */
struct order {
	struct gms_request *one[MOST];
	unsigned n;
};

static void note(void *ctx, struct gms_request *one)
{
	struct order *order = ctx;

	ck_assert_int_eq((int)result_of(one).step, GMS_REQUEST_DONE);
	order->one[order->n++] = one;
}

static struct order run_all(void)
{
	struct order order = { .n = 0 };

	ck_assert_int_eq(gms_collector_run_all(collector, request, nrequests, note, &order), 0);
	ck_assert_uint_eq(order.n, nrequests);
	return order;
}

static gms_pin_id pinned(gms_gfn gfn)
{
	gms_pin_id pin;

	ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(gfn, 1), GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	return pin;
}

/* --- run_all --- */

START_TEST(all_go_through_in_one_commit_with_one_flush)
{
	make(0, 0, 0);
	for (gms_gfn i = 0; i < 64; i++)
		ask(i * 128, 16, true);
	run_all();
	for (unsigned i = 0; i < 64; i++) {
		is_done(request[i], 0, 16);
		ck_assert_uint_eq(result_of(request[i]).commits, 1);
	}
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 64 * 16);
	ck_assert_uint_eq(host->calls, 1);
	ck_assert_uint_eq(host->runs, 64);
	ck_assert_uint_eq(host->flushes, 1);
	stats_are(64, 0, 1, 0, 64);
	ck_assert_uint_eq(tag_event(TAG_GROUP, GMS_ACCT_COMMITS), 1);
	ck_assert_uint_eq(tag_event(TAG_GROUP, GMS_ACCT_PAGES_TO_SHARED), 64 * 16);
	ck_assert_uint_eq(tag_event(TAG_GROUP, GMS_ACCT_HYPERCALLS), 0);
	ck_assert_uint_eq(tag_event(TAG_OWN, GMS_ACCT_COMMITS), 0);
	ck_assert_uint_eq(tag_event(TAG_OWN, GMS_ACCT_HYPERCALLS), 64);
}
END_TEST

START_TEST(one_that_is_refused_is_answered_for_itself)	/* _i: which of ten */
{
	const gms_pin_id pin = pinned(500);
	struct order order;

	make(0, 0, 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(490, 10), NULL), 0);
	for (int i = 0; i < 10; i++) {
		if (i == _i)
			ask(490, 20, false);
		else
			ask(1000 + 100 * (gms_gfn)i, 5, true);
	}
	order = run_all();
	for (int i = 0; i < 10; i++) {
		if (i != _i)
			is_done(request[i], 0, 5);
	}
	is_done(request[_i], -EAGAIN, 0);
	ck_assert_uint_eq(result_of(request[_i]).error_gfn, 500);
	ck_assert_uint_eq(result_of(request[_i]).error_reason, GMS_REASON_PINNED);
	ck_assert_ptr_eq(order.one[9], request[_i]);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 9 * 5 + 11);
	stats_are(9, 1, 2, 1, 10);
	ck_assert_uint_eq(tag_event(TAG_OWN, GMS_ACCT_BLOCKED), 1);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

/* Two are put aside after a refusal each; of more, all go by themselves after the third. */
START_TEST(many_that_are_refused_cost_three_commits)	/* _i: how many */
{
	gms_pin_id pin[5];

	make(0, 0, 0);
	for (int i = 0; i < _i; i++)
		pin[i] = pinned(500 + 10 * (gms_gfn)i);
	for (int i = 0; i < 8; i++)
		ask(i < _i ? 500 + 10 * (gms_gfn)i : 1000 + 10 * (gms_gfn)i, 4, i >= _i);
	run_all();
	for (int i = 0; i < 8; i++)
		is_done(request[i], i < _i ? -EAGAIN : 0, i < _i ? 0 : 4);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), (unsigned)(4 * (8 - _i) + _i));
	if (_i < 3)
		stats_are(8 - (unsigned)_i, (unsigned)_i, 1 + (unsigned)_i, (unsigned)_i, 8);
	else
		stats_are(0, 8, 3, 3, 8);
	for (int i = 0; i < _i; i++)
		ck_assert_int_eq(gms_unpin(space, pin[i]), 0);
}
END_TEST

START_TEST(who_asks_for_the_same_page_is_refused_with_it)
{
	const gms_pin_id pin = pinned(500);

	make(0, 0, 0);
	ask(400, 200, false);
	ask(500, 1, false);
	ask(600, 1, true);
	run_all();
	is_done(request[0], -EAGAIN, 0);
	is_done(request[1], -EAGAIN, 0);
	is_done(request[2], 0, 1);
	stats_are(1, 2, 2, 1, 3);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

START_TEST(a_backend_that_fails_fails_for_one)
{
	make(0, 0, 0);
	for (gms_gfn i = 0; i < 4; i++)
		ask(i * 10, 5, true);
	fx_host_fail_after(host, 2, -EIO);
	run_all();
	for (unsigned i = 0; i < 4; i++)
		is_done(request[i], 0, 5);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 20);
	ck_assert_uint_eq(host->failures, 1);
	stats_are(3, 1, 2, 1, 4);
}
END_TEST

START_TEST(the_later_one_has_the_page)	/* _i: does the later one share? */
{
	const uint64_t runs = host->runs;

	make(0, 0, 0);
	if (!_i)
		ck_assert_int_eq(gms_share(space, FX_RANGE(50, 100), NULL), 0);
	ask(0, 100, !_i);
	ask(50, 100, _i);
	ask(80, 10, !_i);
	run_all();
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(result_of(request[i]).error, 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(0, 50)), _i ? 0 : 50);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(50, 30)), _i ? 30 : 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(80, 10)), _i ? 0 : 10);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(90, 60)), _i ? 60 : 0);
	ck_assert_uint_gt(host->runs, runs);
	stats_are(3, 0, 1, 0, 3);
}
END_TEST

START_TEST(holes_are_each_requests_own_matter)
{
	struct gms_request_opts opts;

	make(0, 0, 0);
	opts = usual();
	opts.flags = GMS_REQUEST_HOLES;
	ask_with(&opts, PAGES - 10, 20, true);
	ask(PAGES - 30, 40, true);
	ask(0, 1, true);
	ask_with(&opts, PAGES + 5, 5, true);
	run_all();
	is_done(request[0], 0, 20);
	is_done(request[1], -ENOENT, 0);
	is_done(request[2], 0, 1);
	is_done(request[3], 0, 5);
	ck_assert_uint_eq(result_of(request[1]).error_gfn, PAGES);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 11);
	stats_are(2, 2, 2, 1, 4);	/* the first has the page that is refused, too */
}
END_TEST

static bool stop_second(void *ctx)
{
	return ++*(int *)ctx == 2;
}

START_TEST(a_first_chunk_goes_with_the_others)	/* _i: is it stopped? */
{
	struct gms_request_opts opts;
	struct gms_request *one;
	struct order order;
	int asked = 0;

	make(0, 0, 600);
	opts = usual();
	opts.stop = _i ? stop_second : NULL;
	opts.ctx = &asked;
	one = begin_with(&opts, 512);
	add(one, 100, 3000, true);
	gms__request_ready(one, -EPROTO);
	ask(4000, 1, true);
	order = run_all();
	is_done(one, _i ? 0 : -EPROTO, _i ? 1024 : 3000);
	is_done(request[1], 0, 1);
	ck_assert_ptr_eq(order.one[0], request[1]);
	ck_assert_uint_eq(result_of(one).commits, _i ? 2 : 6);
	ck_assert_uint_eq(result_of(one).changed_pages, _i ? 512 : 3000 - 512);
	ck_assert_uint_eq(tag_event(TAG_GROUP, GMS_ACCT_PAGES_TO_SHARED), 513);
	stats_are(1, 1, 1, 0, 2);
}
END_TEST

/* What is refused lies in a later chunk of it. */
START_TEST(a_first_chunk_is_not_to_blame_for_the_next)
{
	const gms_pin_id pin = pinned(2000);
	struct gms_request_opts opts;
	struct gms_request *one;

	make(0, 0, 0);
	opts = usual();
	one = begin_with(&opts, 512);
	add(one, 100, 3000, true);
	gms__request_ready(one, 0);
	ask(2000, 1, false);
	run_all();
	is_done(one, 0, 3000);
	is_done(request[1], -EAGAIN, 0);
	ck_assert_uint_eq(tag_event(TAG_GROUP, GMS_ACCT_PAGES_TO_SHARED), 512);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

START_TEST(what_is_too_large_goes_by_itself)
{
	struct gms_request_opts opts;

	make(0, 0, 100);
	ask(0, 101, true);
	ask(200, 100, true);
	opts = usual();
	opts.most_pages = 70;
	ask_with(&opts, 400, 101, true);
	run_all();
	is_done(request[0], 0, 101);
	is_done(request[1], 0, 100);
	is_done(request[2], 0, 70);
	ck_assert_uint_eq(result_of(request[0]).changed_pages, 101);
	ck_assert_uint_eq(result_of(request[1]).changed_pages, 0);
	stats_are(2, 1, 1, 0, 2);
}
END_TEST

START_TEST(who_wants_another_content_goes_by_himself)
{
	struct gms_request_opts opts;

	make(0, 0, 0);
	ask(0, 1, true);
	opts = usual();
	opts.content = GMS_CONTENT_ZERO;
	ask_with(&opts, 10, 1, true);
	ask(20, 1, true);
	run_all();
	is_done(request[1], 0, 1);
	for (size_t i = 0; i < host->nlog; i++) {
		if (host->log[i].op == FX_MAP)
			ck_assert_uint_eq(host->log[i].content,
					  host->log[i].first == 10 ? GMS_CONTENT_ZERO :
								     GMS_CONTENT_ANY);
	}
	stats_are(2, 1, 1, 0, 3);
}
END_TEST

START_TEST(nothing_to_convert_is_answered_without_a_commit)
{
	struct gms_request_opts opts;
	struct gms_request *one;

	make(0, 0, 0);
	opts = usual();
	one = begin_with(&opts, GMS_REQUEST_WHOLE);
	gms__request_ready(one, -EPROTO);
	one = begin_with(&opts, GMS_REQUEST_WHOLE);
	gms__request_add(one, FX_RANGE(0, 512), 0, 0);
	gms__request_ready(one, 0);
	run_all();
	is_done(request[0], -EPROTO, 0);
	is_done(request[1], 0, 512);
	stats_are(0, 2, 0, 0, 0);
	ck_assert_int_eq(gms_collector_run_all(collector, NULL, 0, NULL, NULL), 0);
	stats_are(0, 2, 0, 0, 0);
}
END_TEST

/* Pages that are not shared may be asked for, and only once. */
static int admit_private(struct gms_request *one, struct gms_range range, uint64_t *npages)
{
	for (uint64_t i = 0; i < *npages; i++) {
		if (gms_state_at(one->space, range.first + i) & S) {
			*npages = i;
			return gms__request_blame(one, range.first + i, GMS_REASON_SHARED, -EPERM);
		}
	}
	return 0;
}

START_TEST(who_is_judged_by_state_is_not_judged_on_what_was)
{
	make(0, 0, 0);
	ask(10, 1, true);
	ask(10, 1, true);
	ask(12, 1, true);
	ask(8, 5, true);
	for (unsigned i = 0; i < 4; i++)
		request[i]->admit = admit_private;
	run_all();
	is_done(request[0], 0, 1);
	is_done(request[1], -EPERM, 0);
	is_done(request[2], 0, 1);
	is_done(request[3], -EPERM, 2);
	ck_assert_uint_eq(result_of(request[3]).error_gfn, 10);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 4);
	stats_are(2, 2, 1, 0, 4);
}
END_TEST

START_TEST(what_is_refused_as_a_call_changes_nothing)
{
	struct gms_space *other = fx_plain_space(NULL);
	struct gms_request *foreign, *idle, *good;
	struct gms_request *list[3];

	make(0, 0, 0);
	good = ask(0, 1, true);
	ask(1, 1, true);
	ck_assert_int_eq(gms_request_new(&foreign, other, NULL), 0);
	ck_assert_int_eq(gms__request_begin(foreign, GMS_PROTOCOL_TDX_MAP, 1), 0);
	add(foreign, 0, 1, true);
	gms__request_ready(foreign, 0);
	ck_assert_int_eq(gms_request_new(&idle, space, NULL), 0);
	for (int i = 0; i < 4; i++) {
		list[0] = good;
		list[1] = request[1];
		list[2] = i == 0 ? good : i == 1 ? foreign : i == 2 ? idle : NULL;
		ck_assert_int_eq(gms_collector_run_all(collector, list, 3, NULL, NULL), -EINVAL);
		ck_assert_uint_eq(result_of(good).step, GMS_REQUEST_READY);
		ck_assert_uint_eq(result_of(foreign).step, GMS_REQUEST_READY);
		ck_assert_uint_eq(result_of(idle).step, GMS_REQUEST_IDLE);
	}
	ck_assert_int_eq(gms_collector_run_all(NULL, list, 1, NULL, NULL), -EINVAL);
	ck_assert_int_eq(gms_collector_run_all(collector, NULL, 1, NULL, NULL), -EINVAL);
	stats_are(0, 0, 0, 0, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
	ck_assert_int_eq(gms_collector_run_all(collector, list, 2, NULL, NULL), 0);
	ck_assert_int_eq(gms_collector_run_all(collector, list, 2, NULL, NULL), -EINVAL);
	stats_are(2, 0, 1, 0, 2);
	gms_request_free(idle);
	gms_request_free(foreign);
	gms_space_free(other);
}
END_TEST

/* Each is taken in anew, and run, before the next is told of. */
static void again(void *ctx, struct gms_request *one)
{
	const struct gms_range range = one->part[0].change.range;

	(void)ctx;
	ck_assert_int_eq(gms__request_end(one, GMS_PROTOCOL_SNP_PSC), 0);
	ck_assert_int_eq(gms__request_begin(one, GMS_PROTOCOL_SNP_PSC, GMS_REQUEST_WHOLE), 0);
	add(one, range.first + 1000, range.npages, true);
	gms__request_ready(one, 0);
	ck_assert_int_eq(gms_request_run(one), 0);
}

START_TEST(a_request_that_is_over_may_be_used_at_once)
{
	make(0, 0, 20);
	for (gms_gfn i = 0; i < 5; i++)
		ask(i * 100, i == 2 ? 30 : 10, true);
	ck_assert_int_eq(gms_collector_run_all(collector, request, nrequests, again, NULL), 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(0, 1000)), 70);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(1000, 1000)), 70);
	stats_are(8, 2, 5, 0, 4);
}
END_TEST

/* 12 requests of 100 parts or more; of one the last part is refused, one has chunks. */
static uint64_t run_many_parts(uint64_t pass, bool sticky, bool *failed)
{
	const gms_pin_id pin = pinned(7000);

	for (gms_gfn i = 0; i < 12; i++) {
		const struct gms_request_opts opts = usual();
		struct gms_request *one = begin_with(&opts, i == 3 ? 7 : GMS_REQUEST_WHOLE);

		for (gms_gfn k = 0; k < 100; k++)
			add(one, 500 * i + 5 * k, 1 + k % 3, true);
		if (i == 5)
			add(one, 7000, 1, false);
		gms__request_ready(one, 0);
	}
	fx_mem_fail_after(&mem, pass, sticky);
	run_all();
	fx_mem_heal(&mem);
	*failed = mem.refused;
	for (unsigned i = 0; i < 12; i++)
		is_done(request[i], i == 5 ? -EAGAIN : 0, 199);
	ck_assert_uint_le(stats_now().commits, 2);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	return fx_shared(space, FX_RANGE(0, 7000));
}

/* Those that a group has no room for, or that its plan had none for, have room by themselves. */
START_TEST(out_of_memory_is_nobodys_error_who_had_none_alone)	/* _i: once, or from then on */
{
	bool failed = true;
	uint64_t pass;

	for (pass = 0; failed; pass++) {
		ck_assert_int_eq(gms_space_reserve(space, 64), 0);
		make(1, 0, 0);	/* room for 16 changes, so that it must grow */
		ck_assert_uint_eq(run_many_parts(pass, _i, &failed), 12 * 199);
		forget_requests();
		gms_collector_free(collector);
		collector = NULL;
		ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, PAGES), NULL), 0);
	}
	ck_assert_uint_gt(pass, 2);
}
END_TEST

START_TEST(new_takes_only_what_it_knows)
{
	FX_LONGER(struct gms_collector_opts) opts;
	FX_LONGER(struct gms_collector_stats) stats;
	struct gms_collector *made = NULL;
	struct gms_request *one = NULL;
	struct gms_request_opts with;
	struct gms_space *other;
	bool failed = true;

	GMS_INIT(&opts);
	ck_assert_int_eq(gms_collector_new(NULL, space, NULL), -EINVAL);
	ck_assert_int_eq(gms_collector_new(&made, NULL, NULL), -EINVAL);
	opts.known.most_requests = 4097;
	ck_assert_int_eq(gms_collector_new(&made, space, &opts.known), -EINVAL);
	opts.known.most_requests = 2;
	opts.known.wait_ns = SECOND + 1;
	ck_assert_int_eq(gms_collector_new(&made, space, &opts.known), -EINVAL);
	opts.known.wait_ns = SECOND;
	opts.known.reserved = 1;
	ck_assert_int_eq(gms_collector_new(&made, space, &opts.known), -EINVAL);
	opts.known.reserved = 0;
	opts.tail[3] = 1;
	ck_assert_int_eq(gms_collector_new(&made, space, &opts.known), -E2BIG);
	opts.tail[3] = 0;
	ck_assert_ptr_null(made);
	for (uint64_t pass = 0; failed; pass++) {
		fx_mem_fail_after(&mem, pass, false);
		failed = gms_collector_new(&collector, space, &opts.known);
		fx_mem_heal(&mem);
		ck_assert(failed == !collector);
	}
	GMS_INIT(&stats);
	ck_assert_int_eq(gms_collector_stats(NULL, &stats.known), -EINVAL);
	ck_assert_int_eq(gms_collector_stats(collector, NULL), -EINVAL);
	ck_assert_int_eq(gms_collector_stats(collector, &stats.known), 0);
	stats.tail[0] = 1;
	ck_assert_int_eq(gms_collector_stats(collector, &stats.known), -E2BIG);
	gms_collector_free(NULL);

	other = fx_plain_space(NULL);
	GMS_INIT(&with);
	with.collector = collector;
	ck_assert_int_eq(gms_request_new(&one, other, &with), -EINVAL);
	ck_assert_ptr_null(one);
	gms_space_free(other);
}
END_TEST

/* --- Threads that wait for each other --- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static void pause_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

struct vcpu {
	struct gms_request *request;
	pthread_t   thread;
	uint64_t    took_ns;
	atomic_bool back;
	int	    err;
};

static struct vcpu vcpu[MOST];

static void *run_one(void *arg)
{
	struct vcpu *me = arg;
	const uint64_t start = now_ns();

	me->err = gms_request_run(me->request);
	me->took_ns = now_ns() - start;
	atomic_store(&me->back, true);
	return NULL;
}

static void start(unsigned i)
{
	vcpu[i].request = request[i];
	atomic_store(&vcpu[i].back, false);
	ck_assert_int_eq(pthread_create(&vcpu[i].thread, NULL, run_one, &vcpu[i]), 0);
}

static void join(unsigned i)
{
	ck_assert_int_eq(pthread_join(vcpu[i].thread, NULL), 0);
	ck_assert_int_eq(vcpu[i].err, 0);
}

/* Until so many have come to the collector. */
static void until_came(uint64_t n)
{
	while (stats_now().requests < n)
		pause_ms(1);
}

/* Eight come at once. Is the second over before that, the machine is too slow to tell. */
static bool eight_go_at_once(void)
{
	bool late = false;

	for (gms_gfn i = 0; i < 8; i++)
		ask(i * 100, 10, true);
	for (unsigned i = 0; i < 8; i++)
		start(i);
	for (unsigned i = 0; i < 8; i++) {
		join(i);
		is_done(request[i], 0, 10);
		late |= vcpu[i].took_ns >= SECOND;
	}
	forget_requests();
	return !late;
}

START_TEST(a_full_group_does_not_wait)
{
	unsigned tries = 0;
	bool in_time;

	do {
		ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, PAGES), NULL), 0);
		fx_host_forget(host);
		gms_collector_free(collector);
		make(8, SECOND, 0);
		in_time = eight_go_at_once();
	} while (!in_time && ++tries < 10);
	ck_assert(in_time);
	stats_are(8, 0, 1, 0, 8);
	ck_assert_uint_eq(host->flushes, 1);
	ck_assert_uint_eq(tag_event(TAG_OWN, GMS_ACCT_HYPERCALLS), 8 * (tries + 1));
}
END_TEST

START_TEST(one_alone_waits_for_its_time_and_no_longer)	/* _i: ms */
{
	make(8, (uint64_t)_i * MS, 0);
	ask(0, 10, true);
	start(0);
	join(0);
	is_done(request[0], 0, 10);
	ck_assert_uint_ge(vcpu[0].took_ns, (uint64_t)_i * MS);
	stats_are(1, 0, 1, 0, 1);
}
END_TEST

START_TEST(who_waits_for_nobody_goes_at_once)	/* _i: by most_requests, or by wait_ns */
{
	make(_i ? 1 : 8, _i ? SECOND : 0, 0);
	for (gms_gfn i = 0; i < 5; i++) {
		ask(i * 100, 10, true);
		ck_assert_int_eq(gms_request_run(request[i]), 0);
		is_done(request[i], 0, 10);
	}
	stats_are(5, 0, 5, 0, 1);
}
END_TEST

/* The leader waits for a while, and those that it could wait for do not join. */
START_TEST(who_has_nothing_to_convert_waits_for_nobody)
{
	struct gms_request_opts opts;
	struct gms_request *one;
	bool back;

	make(8, 200 * MS, 10);
	ask(0, 10, true);
	start(0);
	until_came(1);
	opts = usual();
	one = begin_with(&opts, GMS_REQUEST_WHOLE);
	gms__request_ready(one, -EPROTO);
	ck_assert_int_eq(gms_request_run(one), 0);
	is_done(one, -EPROTO, 0);
	one = ask(100, 11, true);
	ck_assert_int_eq(gms_request_run(one), 0);
	is_done(one, 0, 11);
	back = atomic_load(&vcpu[0].back);
	join(0);
	ck_assert(!back || vcpu[0].took_ns >= 200 * MS);
	stats_are(1, 2, 1, 0, 1);
}
END_TEST

/* An access holds a page that one of them wants, until all others are back. */
START_TEST(a_slow_one_holds_up_nobody)	/* _i: which is slow; 0 leads */
{
	struct gms_access access;
	bool late = false;

	make(4, SECOND, 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(1000, 1), NULL), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(1000, 1), 0, 0, &access), 0);
	for (int i = 0; i < 4; i++) {
		if (i == _i)
			ask(1000, 1, false);
		else
			ask(100 * (gms_gfn)i, 10, true);
		start((unsigned)i);
		until_came((unsigned)i + 1);
	}
	for (int i = 0; i < 4; i++) {
		if (i != _i) {
			join((unsigned)i);
			is_done(request[i], 0, 10);
			late |= vcpu[i].took_ns >= SECOND;
		}
	}
	ck_assert(!atomic_load(&vcpu[_i].back));
	if (!late)
		stats_are(3, 1, 2, 1, 4);
	gms_access_end(space, &access);
	join((unsigned)_i);
	is_done(request[_i], 0, 1);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 30);
}
END_TEST

/* While a commit runs, in the backend, the next group gathers, and goes as one. */
static atomic_bool hold, held;

static int slow_map(void *ctx, const struct gms_host_run *run, size_t nruns, size_t *ndone,
		    struct gms_charge *charge)
{
	(void)ctx;
	(void)run;
	(void)charge;
	atomic_store(&held, true);
	while (atomic_load(&hold))
		pause_ms(1);
	*ndone = nruns;
	return 0;
}

START_TEST(while_one_commits_the_next_gathers)
{
	struct gms_backend backend;
	struct gms_region_opts region;
	struct gms_request *list[1];

	GMS_INIT(&backend);
	backend.map_host = slow_map;
	GMS_INIT(&region);
	region.first = 2 * PAGES;
	region.npages = PAGES;
	region.state = D;
	region.backend = &backend;
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	atomic_store(&hold, true);
	atomic_store(&held, false);
	make(4, 0, 0);
	for (gms_gfn i = 0; i < 7; i++)
		ask(2 * PAGES + 100 * i, 10, true);
	start(0);
	while (!atomic_load(&held))
		pause_ms(1);
	for (unsigned i = 1; i < 7; i++)
		start(i);
	until_came(7);
	pause_ms(10);
	for (unsigned i = 0; i < 7; i++)
		ck_assert(!atomic_load(&vcpu[i].back));
	atomic_store(&hold, false);
	for (unsigned i = 0; i < 7; i++) {
		join(i);
		is_done(request[i], 0, 10);
	}
	stats_are(7, 0, 2, 0, 6);
	list[0] = ask(0, 1, true);
	ck_assert_int_eq(gms_collector_run_all(collector, list, 1, NULL, NULL), 0);
	stats_are(8, 0, 3, 0, 6);
}
END_TEST

/* Which commit is the vCPU's, whose page is at TURN_VCPU: the first is held up. */
#define TURN_COMMITS	200
#define TURN_VCPU	(2 * PAGES + 4000)
static gms_gfn turn_log[2 * TURN_COMMITS];
static unsigned nturns;

static int log_turn(void *ctx, const struct gms_host_run *run, size_t nruns, size_t *ndone,
		    struct gms_charge *charge)
{
	turn_log[nturns++] = run->first;
	return slow_map(ctx, run, nruns, ndone, charge);
}

static void *run_again_and_again(void *arg)
{
	struct vcpu *me = arg;
	struct gms_request *one = me->request;

	for (gms_gfn i = 0; !me->err && i < TURN_COMMITS; i++) {
		if (i) {
			(void)!gms__request_end(one, GMS_PROTOCOL_SNP_PSC);
			(void)!gms__request_begin(one, GMS_PROTOCOL_SNP_PSC, GMS_REQUEST_WHOLE);
			add(one, 2 * PAGES + i, 1, true);
			gms__request_ready(one, 0);
		}
		me->err = gms_collector_run_all(collector, &one, 1, NULL, NULL);
	}
	return NULL;
}

/* A vCPU that came while an event loop committed is next, and not the loop once more. */
START_TEST(a_loop_overtakes_nobody)
{
	struct gms_backend backend;
	struct gms_region_opts region;

	GMS_INIT(&backend);
	backend.map_host = log_turn;
	GMS_INIT(&region);
	region.first = 2 * PAGES;
	region.npages = PAGES;
	region.state = D;
	region.backend = &backend;
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	atomic_store(&hold, true);
	atomic_store(&held, false);
	nturns = 0;
	make(4, 0, 0);
	vcpu[0].request = ask(2 * PAGES, 1, true);
	vcpu[0].err = 0;
	ck_assert_int_eq(pthread_create(&vcpu[0].thread, NULL, run_again_and_again, &vcpu[0]), 0);
	while (!atomic_load(&held))
		pause_ms(1);
	ask(TURN_VCPU, 1, true);
	start(1);
	until_came(2);
	atomic_store(&hold, false);
	join(1);
	join(0);
	ck_assert_uint_eq(nturns, TURN_COMMITS + 1);
	ck_assert_uint_eq(turn_log[1], TURN_VCPU);
}
END_TEST

static void *run_list(void *arg)
{
	struct vcpu *me = arg;

	me->err = gms_collector_run_all(collector, &me->request, 1, NULL, NULL);
	return NULL;
}

/* Event loops and threads with one collector: none of them is forgotten. */
START_TEST(loops_and_threads_take_turns)
{
	make(0, 0, 0);
	for (unsigned round = 0; round < 50; round++) {
		for (gms_gfn i = 0; i < 12; i++)
			ask(i * 100, 10, round % 2);
		for (unsigned i = 0; i < 12; i++) {
			vcpu[i].request = request[i];
			ck_assert_int_eq(pthread_create(&vcpu[i].thread, NULL,
							i % 3 ? run_one : run_list, &vcpu[i]), 0);
		}
		for (unsigned i = 0; i < 12; i++) {
			join(i);
			is_done(request[i], 0, 10);
		}
		forget_requests();
	}
	ck_assert_uint_eq(stats_now().joined, 600);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("collect");
	TCase *all = fx_case(s, "run_all"), *wait = fx_case(s, "wait");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, all_go_through_in_one_commit_with_one_flush);
	tcase_add_loop_test(all, one_that_is_refused_is_answered_for_itself, 0, 10);
	tcase_add_loop_test(all, many_that_are_refused_cost_three_commits, 1, 6);
	tcase_add_test(all, who_asks_for_the_same_page_is_refused_with_it);
	tcase_add_test(all, a_backend_that_fails_fails_for_one);
	tcase_add_loop_test(all, the_later_one_has_the_page, 0, 2);
	tcase_add_test(all, holes_are_each_requests_own_matter);
	tcase_add_loop_test(all, a_first_chunk_goes_with_the_others, 0, 2);
	tcase_add_test(all, a_first_chunk_is_not_to_blame_for_the_next);
	tcase_add_test(all, what_is_too_large_goes_by_itself);
	tcase_add_test(all, who_wants_another_content_goes_by_himself);
	tcase_add_test(all, nothing_to_convert_is_answered_without_a_commit);
	tcase_add_test(all, who_is_judged_by_state_is_not_judged_on_what_was);
	tcase_add_test(all, what_is_refused_as_a_call_changes_nothing);
	tcase_add_test(all, a_request_that_is_over_may_be_used_at_once);
	tcase_add_loop_test(all, out_of_memory_is_nobodys_error_who_had_none_alone, 0, 2);
	tcase_add_test(all, new_takes_only_what_it_knows);

	tcase_add_checked_fixture(wait, setup, teardown);
	tcase_add_test(wait, a_full_group_does_not_wait);
	tcase_add_loop_test(wait, one_alone_waits_for_its_time_and_no_longer, 1, 4);
	tcase_add_loop_test(wait, who_waits_for_nobody_goes_at_once, 0, 2);
	tcase_add_test(wait, who_has_nothing_to_convert_waits_for_nobody);
	tcase_add_loop_test(wait, a_slow_one_holds_up_nobody, 0, 4);
	tcase_add_test(wait, while_one_commits_the_next_gathers);
	tcase_add_test(wait, a_loop_overtakes_nobody);
	tcase_add_test(wait, loops_and_threads_take_turns);
	return fx_run(s);
}

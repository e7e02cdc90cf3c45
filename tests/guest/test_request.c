/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of a request: parts, chunks, how far it comes, what it is charged. */
#include "fixture.h"
#include "guest/request.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define PAGES	UINT64_C(4096)

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;
static struct gms_request *request;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	host = fx_host_new(0, PAGES);
	fx_region(space, FX_RANGE(0, PAGES), 9, D, host);
}

static void teardown(void)
{
	gms_request_free(request);
	request = NULL;
	fx_check(space);
	fx_host_check(host, space, FX_RANGE(0, PAGES));
	fx_space_done(space, &mem);
	fx_host_free(host);
}

static void make(const struct gms_request_opts *opts)
{
	ck_assert_int_eq(gms_request_new(&request, space, opts), 0);
}

static void begin(uint64_t chunk_pages)
{
	ck_assert_int_eq(gms__request_begin(request, GMS_PROTOCOL_SNP_PSC, chunk_pages), 0);
}

static void add(gms_gfn first, uint64_t npages, bool share)
{
	gms__request_add(request, FX_RANGE(first, npages), share ? S : 0, share ? 0 : S);
}

static struct gms_request_result run(void)
{
	struct gms_request_result result;

	ck_assert_int_eq(gms_request_run(request), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_request_result(request, &result), 0);
	ck_assert_uint_eq(result.step, GMS_REQUEST_DONE);
	return result;
}

START_TEST(parts_are_one_commit)
{
	struct gms_request_result result;

	make(NULL);
	begin(GMS_REQUEST_WHOLE);
	add(10, 1, true);
	add(700, 20, true);
	add(5, 1, true);
	gms__request_ready(request, 0);
	result = run();
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.parts_done, 3);
	ck_assert_uint_eq(result.pages_done, 22);
	ck_assert_uint_eq(result.changed_pages, 22);
	ck_assert_uint_eq(result.commits, 1);
	ck_assert_uint_eq(host->calls, 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_GUEST_EXITS), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_HYPERCALLS), 1);
	ck_assert_int_eq(gms__request_end(request, GMS_PROTOCOL_SNP_MSR), -EINVAL);
	ck_assert_int_eq(gms__request_end(request, GMS_PROTOCOL_SNP_PSC), 0);
	ck_assert_int_eq(gms_request_run(request), -EINVAL);
}
END_TEST

START_TEST(a_part_that_fails_leaves_those_before_it)
{
	struct gms_request_result result;
	gms_pin_id pin;

	make(NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(600, 100), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(650, 1), GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	begin(GMS_REQUEST_WHOLE);
	add(10, 1, true);
	add(640, 20, false);
	add(20, 1, true);
	gms__request_ready(request, -EPROTO);
	result = run();
	ck_assert_int_eq(result.error, -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, 650);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(result.parts_done, 1);
	ck_assert_uint_eq(result.part_pages_done, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 101);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

START_TEST(a_granular_part_is_done_up_to_the_page_that_fails)
{
	struct gms_request_result result;
	gms_pin_id pin;

	make(NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(600, 100), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(650, 1), GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	begin(GMS_REQUEST_WHOLE);
	add(640, 20, false);
	request->granular = true;
	gms__request_ready(request, 0);
	result = run();
	ck_assert_int_eq(result.error, -EAGAIN);
	ck_assert_uint_eq(result.part_pages_done, 10);
	ck_assert_uint_eq(result.pages_done, 10);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 90);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

START_TEST(what_the_protocol_has_against_the_rest_comes_last)
{
	struct gms_request_result result;

	make(NULL);
	begin(GMS_REQUEST_WHOLE);
	add(1, 1, true);
	gms__request_ready(request, -EPROTO);
	result = run();
	ck_assert_int_eq(result.error, -EPROTO);
	ck_assert_uint_eq(result.parts_done, 1);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 1);
}
END_TEST

static bool stop_third(void *ctx)
{
	return ++*(int *)ctx == 3;
}

START_TEST(chunks_are_commits_and_stop_ends_them)
{
	struct gms_request_result result;
	struct gms_request_opts opts;
	int asked = 0;

	GMS_INIT(&opts);
	opts.stop = stop_third;
	opts.ctx = &asked;
	make(&opts);
	begin(512);
	add(100, 3000, true);
	gms__request_ready(request, 0);
	result = run();
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.pages_done, 3 * 512);
	ck_assert_uint_eq(result.part_pages_done, 3 * 512);
	ck_assert_uint_eq(result.commits, 3);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 3 * 512);
}
END_TEST

START_TEST(no_more_pages_than_a_call_may_look_after)
{
	struct gms_request_result result;
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.most_pages = 700;
	make(&opts);
	begin(512);
	add(0, 600, true);
	add(1000, 600, true);
	gms__request_ready(request, -EPROTO);
	result = run();
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.parts_done, 1);
	ck_assert_uint_eq(result.part_pages_done, 100);
	ck_assert_uint_eq(result.pages_done, 700);
	ck_assert_uint_eq(result.commits, 2);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 700);
}
END_TEST

START_TEST(holes_are_refused_or_passed_over)	/* _i: are they taken? */
{
	struct gms_request_result result;
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.flags = _i ? GMS_REQUEST_HOLES : 0;
	make(&opts);
	begin(GMS_REQUEST_WHOLE);
	add(PAGES - 10, 20, true);
	add(PAGES + 100, 20, true);
	add(1, 1, true);
	gms__request_ready(request, 0);
	result = run();
	ck_assert_int_eq(result.error, _i ? 0 : -ENOENT);
	ck_assert_uint_eq(result.pages_done, _i ? 41 : 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), _i ? 11 : 0);
	if (!_i)
		ck_assert_uint_eq(result.error_gfn, PAGES);
}
END_TEST

static bool stop_never(void *ctx)
{
	++*(int *)ctx;
	return false;
}

START_TEST(a_hole_is_no_chunks)	/* _i: passed over, or not asked for */
{
	struct gms_request_result result;
	struct gms_request_opts opts;
	int asked = 0;

	GMS_INIT(&opts);
	opts.flags = GMS_REQUEST_HOLES;
	opts.stop = stop_never;
	opts.ctx = &asked;
	make(&opts);
	begin(512);
	add(100, 1000, true);
	if (_i)
		gms__request_add(request, FX_RANGE(1100, GMS_GFN_LIMIT - 1100), 0, 0);
	else
		add(PAGES + 100, GMS_GFN_LIMIT - PAGES - 100, true);
	gms__request_ready(request, 0);
	result = run();
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.parts_done, 2);
	ck_assert_uint_eq(result.commits, 2);
	ck_assert_int_lt(asked, 4);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 1000);
}
END_TEST

/* Pages below 300 only. */
static int admit_low(struct gms_request *asked, struct gms_range range, uint64_t *npages)
{
	if (range.first + range.npages <= 300)
		return 0;
	*npages = range.first < 300 ? 300 - range.first : 0;
	return gms__request_blame(asked, range.first + *npages, GMS_REASON_PROFILE, -EPERM);
}

START_TEST(what_is_not_admitted_ends_the_request)	/* _i: part that is not */
{
	struct gms_request_result result;

	make(NULL);
	begin(GMS_REQUEST_WHOLE);
	add(0, 10, true);
	if (_i)
		add(20, 10, true);
	add(290, 20, true);
	add(30, 10, true);
	request->admit = admit_low;
	gms__request_ready(request, 0);
	result = run();
	ck_assert_int_eq(result.error, -EPERM);
	ck_assert_uint_eq(result.error_gfn, 300);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PROFILE);
	ck_assert_uint_eq(result.parts_done, 1 + (unsigned)_i);
	ck_assert_uint_eq(result.part_pages_done, 10);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 20 + 10 * (unsigned)_i);
}
END_TEST

/* Shared and taken back: at once, or part by part because a page after it is pinned. */
START_TEST(what_was_shared_in_between_is_accepted_no_more)	/* _i: part by part? */
{
	struct gms_space *tdx = fx_space(NULL, GMS_PROFILE_TDX, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	const struct gms_change accept = { FX_RANGE(0, 16), GMS_STATE_ACCEPTED, 0 };
	struct gms_request *asks;
	gms_pin_id pin;

	fx_region(tdx, FX_RANGE(0, 512), 0, D, NULL);
	ck_assert_int_eq(gms_convert(tdx, &accept, 1, NULL, NULL), 0);
	ck_assert_int_eq(gms_share(tdx, FX_RANGE(20, 1), NULL), 0);
	ck_assert_int_eq(gms_pin(tdx, FX_RANGE(20, 1), GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	ck_assert_int_eq(gms_request_new(&asks, tdx, NULL), 0);
	ck_assert_int_eq(gms__request_begin(asks, GMS_PROTOCOL_TDX_MAP, GMS_REQUEST_WHOLE), 0);
	gms__request_add(asks, FX_RANGE(4, 4), S, 0);
	gms__request_add(asks, FX_RANGE(6, 4), 0, S);
	if (_i)
		gms__request_add(asks, FX_RANGE(20, 1), 0, S);
	gms__request_ready(asks, 0);
	ck_assert_int_eq(gms_request_run(asks), 0);
	for (gms_gfn gfn = 0; gfn < 16; gfn++) {
		const gms_state state = gms_state_at(tdx, gfn) & (S | GMS_STATE_ACCEPTED);

		ck_assert_uint_eq(state, gfn < 4 || gfn >= 8 ? GMS_STATE_ACCEPTED : gfn < 6 ? S : 0);
	}
	gms_request_free(asks);
	ck_assert_int_eq(gms_unpin(tdx, pin), 0);
	gms_space_free(tdx);
}
END_TEST

/* Accepted and given back: at once, or part by part. */
START_TEST(what_is_discarded_is_accepted_no_more)	/* _i: part by part? */
{
	const gms_state left = GMS_STATE_ACCEPTED | GMS_STATE_DIRTY | GMS_STATE_POPULATED;
	gms_pin_id pin;

	make(NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(20, 1), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(20, 1), GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	begin(GMS_REQUEST_WHOLE);
	gms__request_add(request, FX_RANGE(4, 4), GMS_STATE_ACCEPTED | GMS_STATE_DIRTY, 0);
	gms__request_add(request, FX_RANGE(6, 4), 0, GMS_STATE_POPULATED);
	if (_i)
		gms__request_add(request, FX_RANGE(20, 1), 0, S);
	gms__request_ready(request, 0);
	ck_assert_int_eq(run().error, _i ? -EAGAIN : 0);
	for (gms_gfn gfn = 4; gfn < 10; gfn++)
		ck_assert_uint_eq(gms_state_at(space, gfn) & left,
				  gfn < 6 ? GMS_STATE_ACCEPTED | GMS_STATE_DIRTY : 0);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

/* Nobody told the host to unmap it: what its bit says is so. */
START_TEST(what_was_private_in_between_stays_mapped)	/* _i: part by part? */
{
	const gms_state mapped = S | GMS_STATE_HOST_MAPPED;
	const struct gms_change change = { FX_RANGE(10, 1), mapped, 0 };
	struct gms_request_result result;

	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
	make(NULL);
	begin(GMS_REQUEST_WHOLE);
	add(10, 1, false);
	add(10, 1, true);
	if (_i)
		add(PAGES, 1, true);
	gms__request_ready(request, 0);
	result = run();
	ck_assert_int_eq(result.error, _i ? -ENOENT : 0);
	ck_assert_uint_eq(result.parts_done, 2);
	ck_assert_uint_eq(gms_state_at(space, 10) & mapped, _i ? S : mapped);
	ck_assert_uint_eq(host->calls, _i ? 3 : 1);
}
END_TEST

START_TEST(stop_is_not_asked_before_what_is_not_admitted)
{
	struct gms_request_result result;
	struct gms_request_opts opts;
	int asked = 0;

	GMS_INIT(&opts);
	opts.stop = stop_third;
	opts.ctx = &asked;
	make(&opts);
	begin(GMS_REQUEST_WHOLE);
	add(290, 20, true);
	request->admit = admit_low;
	gms__request_ready(request, 0);
	result = run();
	ck_assert_int_eq(result.error, -EPERM);
	ck_assert_uint_eq(result.error_gfn, 300);
	ck_assert_uint_eq(result.part_pages_done, 10);
	ck_assert_int_eq(asked, 0);
}
END_TEST

START_TEST(refused_by_the_embedder_changes_nothing)
{
	struct gms_request_result result;

	make(NULL);
	begin(GMS_REQUEST_WHOLE);
	add(1, 1, true);
	ck_assert_int_eq(gms_request_refuse(request, -EPERM), -EINVAL);
	gms__request_ready(request, 0);
	ck_assert_int_eq(gms_request_refuse(request, 0), -EINVAL);
	ck_assert_int_eq(gms_request_refuse(request, -EPERM), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_request_result(request, &result), 0);
	ck_assert_int_eq(result.error, -EPERM);
	ck_assert_uint_eq(result.step, GMS_REQUEST_DONE);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
}
END_TEST

START_TEST(parts_are_looked_at_by_number)
{
	struct gms_request_part part;

	make(NULL);
	begin(GMS_REQUEST_WHOLE);
	ck_assert_int_eq(gms_request_part_at(request, 0, &part), -ENOENT);
	add(7, 3, true);
	add(9, 1, false);
	ck_assert_int_eq(gms_request_part_at(request, 1, &part), 0);
	ck_assert_uint_eq(part.change.range.first, 9);
	ck_assert_uint_eq(part.change.clear, S);
	ck_assert_int_eq(gms_request_part_at(request, 2, &part), -ENOENT);
	ck_assert_int_eq(gms_request_part_at(NULL, 0, &part), -EINVAL);
	ck_assert_str_eq(gms_protocol_name(GMS_PROTOCOL_SNP_PSC), "snp-psc");
	ck_assert_str_eq(gms_protocol_name(GMS_PROTOCOL_COUNT), "unknown");
}
END_TEST

/* The last part lies in more regions than there is room for changes. */
START_TEST(without_memory_for_all_what_comes_before_is_done)
{
	struct gms_request_result result;
	struct gms_request_opts opts;

	for (gms_gfn i = 0; i < PAGES / 2; i++)
		fx_region(space, FX_RANGE(PAGES + 2 * i + 1, 1), 0, D, NULL);
	GMS_INIT(&opts);
	opts.flags = GMS_REQUEST_HOLES;
	make(&opts);
	ck_assert_int_eq(gms_space_reserve(space, 16), 0);
	begin(GMS_REQUEST_WHOLE);
	add(10, 1, true);
	add(12, 1, true);
	add(PAGES, PAGES, true);
	gms__request_ready(request, 0);
	fx_mem_fail_after(&mem, 0, true);
	result = run();
	fx_mem_heal(&mem);
	ck_assert_int_eq(result.error, -ENOMEM);
	ck_assert_uint_eq(result.parts_done, 2);
	ck_assert_uint_eq(result.commits, 2);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 2);
}
END_TEST

START_TEST(once_reserved_nothing_is_allocated)
{
	uint64_t calls;

	make(NULL);
	ck_assert_int_eq(gms_space_reserve(space, 16), 0);
	calls = mem.calls;
	for (gms_gfn round = 0; round < 2; round++) {
		begin(GMS_REQUEST_WHOLE);
		for (gms_gfn i = 0; i < GMS__REQUEST_PARTS; i++)
			add(16 * i, 1, !round);
		gms__request_ready(request, 0);
		ck_assert_int_eq(run().error, 0);
	}
	ck_assert_uint_eq(mem.calls, calls);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("request");
	TCase *run_case = fx_case(s, "run");

	tcase_add_checked_fixture(run_case, setup, teardown);
	tcase_add_test(run_case, parts_are_one_commit);
	tcase_add_test(run_case, a_part_that_fails_leaves_those_before_it);
	tcase_add_test(run_case, a_granular_part_is_done_up_to_the_page_that_fails);
	tcase_add_test(run_case, what_the_protocol_has_against_the_rest_comes_last);
	tcase_add_test(run_case, chunks_are_commits_and_stop_ends_them);
	tcase_add_test(run_case, no_more_pages_than_a_call_may_look_after);
	tcase_add_loop_test(run_case, a_hole_is_no_chunks, 0, 2);
	tcase_add_loop_test(run_case, holes_are_refused_or_passed_over, 0, 2);
	tcase_add_loop_test(run_case, what_is_not_admitted_ends_the_request, 0, 2);
	tcase_add_loop_test(run_case, what_was_shared_in_between_is_accepted_no_more, 0, 2);
	tcase_add_loop_test(run_case, what_is_discarded_is_accepted_no_more, 0, 2);
	tcase_add_loop_test(run_case, what_was_private_in_between_stays_mapped, 0, 2);
	tcase_add_test(run_case, stop_is_not_asked_before_what_is_not_admitted);
	tcase_add_test(run_case, refused_by_the_embedder_changes_nothing);
	tcase_add_test(run_case, parts_are_looked_at_by_number);
	tcase_add_test(run_case, without_memory_for_all_what_comes_before_is_done);
	tcase_add_test(run_case, once_reserved_nothing_is_allocated);
	return fx_run(s);
}

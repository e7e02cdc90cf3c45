/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of struct gms_batch: it does what gms_convert() does, and does
 * it again without memory.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;
static struct gms_batch *batch;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	host = fx_host_new(0, 4096);
	fx_region(space, FX_RANGE(0, 4096), 9, D, host);
	ck_assert_int_eq(gms_space_reserve(space, 64), 0);
	ck_assert_int_eq(gms_batch_new(&batch, space, 600), 0);
}

static void teardown(void)
{
	fx_check(space);
	gms_batch_free(batch);
	fx_host_check(host, space, FX_RANGE(0, 4096));
	fx_space_done(space, &mem);
	fx_host_free(host);
}

static void add(gms_gfn first, uint64_t npages, gms_state set, gms_state clear)
{
	const struct gms_change change = { FX_RANGE(first, npages), set, clear };

	ck_assert_int_eq(gms_batch_add(batch, &change), 0);
}

START_TEST(what_was_added_is_one_commit)
{
	struct gms_convert_result result;

	GMS_INIT(&result);
	add(100, 50, S, 0);
	add(120, 10, 0, S);
	add(10, 5, S, 0);
	ck_assert_int_eq(gms_batch_commit(batch, NULL, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 45);
	ck_assert_uint_eq(result.host_runs, 3);
	ck_assert_uint_eq(host->calls, 1);
	ck_assert_uint_eq(host->flushes, 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_CONVERTS), 1);
	ck_assert_int_eq(gms_batch_commit(batch, NULL, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 0);
	gms_batch_clear(batch);
	ck_assert_int_eq(gms_batch_commit(batch, NULL, &result), 0);
	ck_assert_uint_eq(result.unchanged_pages, 0);
}
END_TEST

START_TEST(it_is_used_again_without_memory)
{
	struct gms_convert_opts opts;
	uint64_t calls;

	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_NO_ALLOC;
	for (unsigned round = 0; round < 10; round++) {
		calls = mem.calls;
		gms_batch_clear(batch);
		for (gms_gfn gfn = 0; gfn < 512; gfn++)
			add((gfn * 2654435761u) % 4096, 1, round % 2 ? 0 : S, round % 2 ? S : 0);
		ck_assert_int_eq(gms_batch_commit(batch, &opts, NULL), 0);
		ck_assert_uint_eq(mem.calls, calls);
	}
}
END_TEST

START_TEST(progress_goes_on_where_it_stopped)
{
	struct gms_convert_opts opts;
	struct gms_convert_result result;
	gms_pin_id id;

	GMS_INIT(&opts);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 4096), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(700, 3), 0, 0, &id, NULL), 0);
	add(600, 200, 0, S);
	add(100, 5, 0, S);
	opts.mode = GMS_CONVERT_PROGRESS;
	ck_assert_int_eq(gms_batch_commit(batch, &opts, &result), -EAGAIN);
	ck_assert_uint_eq(result.next, 700);
	ck_assert_uint_eq(result.error_gfn, 700);
	ck_assert_uint_eq(result.changed_pages, 105);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(0, 4096)), 4096 - 105);
	ck_assert_int_eq(gms_batch_commit(batch, &opts, &result), -EAGAIN);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_uint_eq(result.next, 700);
	ck_assert_int_eq(gms_unpin(space, id), 0);
	ck_assert_int_eq(gms_batch_commit(batch, &opts, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 100);
	ck_assert_uint_eq(result.next, 800);
}
END_TEST

START_TEST(room_grows_with_what_is_added)
{
	struct gms_batch *small;
	const struct gms_change change = { FX_RANGE(1, 1), S, 0 };

	ck_assert_int_eq(gms_batch_new(&small, space, 0), 0);
	for (unsigned i = 0; i < 1000; i++) {
		const struct gms_change one = { FX_RANGE(4 * i, 1), S, 0 };

		ck_assert_int_eq(gms_batch_add(small, &one), 0);
	}
	fx_mem_fail_after(&mem, 0, true);
	for (unsigned i = 0; i < 5000; i++) {
		const int err = gms_batch_add(small, &change);

		if (err) {
			ck_assert_int_eq(err, -ENOMEM);
			break;
		}
		ck_assert_uint_lt(i, 4999);
	}
	fx_mem_heal(&mem);
	ck_assert_int_eq(gms_batch_commit(small, NULL, NULL), 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(0, 4096)), 1001);
	gms_batch_free(small);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
	struct gms_change change = { FX_RANGE(1, 1), S, S };
	struct gms_batch *other = NULL;
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.mode = GMS_CONVERT_PROGRESS;
	opts.flags = GMS_CONVERT_DRY_RUN;
	ck_assert_int_eq(gms_batch_new(NULL, space, 1), -EINVAL);
	ck_assert_int_eq(gms_batch_new(&other, NULL, 1), -EINVAL);
	ck_assert_int_eq(gms_batch_new(&other, space, SIZE_MAX / 64), -E2BIG);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(gms_batch_add(batch, &change), -EINVAL);
	ck_assert_int_eq(gms_batch_add(NULL, &change), -EINVAL);
	ck_assert_int_eq(gms_batch_add(batch, NULL), -EINVAL);
	ck_assert_int_eq(gms_batch_commit(NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(gms_batch_commit(batch, &opts, NULL), -EINVAL);
	gms_batch_clear(NULL);
	gms_batch_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("batch");
	TCase *t = fx_case(s, "batch");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_added_is_one_commit);
	tcase_add_test(t, it_is_used_again_without_memory);
	tcase_add_test(t, progress_goes_on_where_it_stopped);
	tcase_add_test(t, room_grows_with_what_is_added);
	tcase_add_test(t, bad_arguments_are_refused);
	return fx_run(s);
}

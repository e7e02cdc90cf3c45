/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of space.h: making, reserving and freeing a space. */
#include "fixture.h"

#define SHARED_MAPPABLE	(GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP)

static struct fx_mem mem;
static struct gms_space *space;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
}

static void teardown(void)
{
	fx_space_done(space, &mem);
}

/* --- gms_space_new ------------------------------------------------------- */

static void refuse_new(const struct gms_space_opts *opts, int error)
{
	struct gms_space *untouched = (struct gms_space *)(void *)&mem, *out = untouched;
	uint64_t live = mem.live_blocks;

	ck_assert_int_eq(gms_space_new(&out, opts), error);
	ck_assert_ptr_eq(out, untouched);
	ck_assert_uint_eq(mem.live_blocks, live);
}

START_TEST(new_with_defaults_makes_an_empty_space)
{
	struct gms_space *plain = NULL;
	struct gms_acct acct;

	ck_assert_int_eq(gms_space_new(&plain, NULL), 0);
	fx_acct(plain, &acct);
	ck_assert_uint_eq(acct.regions, 0);
	ck_assert_uint_eq(acct.pages, 0);
	ck_assert_uint_eq(gms_state_at(plain, 0), GMS_HOLE);
	fx_check(plain);
	gms_space_free(plain);
}
END_TEST

START_TEST(new_refuses_null_out)
{
	ck_assert_int_eq(gms_space_new(NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(new_refuses_unknown_choices)
{
	struct gms_space_opts opts;

	GMS_INIT(&opts);
	opts.mem = &mem.ops;
	opts.profile = GMS_PROFILE_COUNT;
	refuse_new(&opts, -EINVAL);
	opts.profile = UINT32_MAX;
	refuse_new(&opts, -EINVAL);
	opts.profile = 0;
	opts.split = GMS_SPLIT_NONE + 1;
	refuse_new(&opts, -EINVAL);
	opts.split = 0;
	opts.merge = GMS_MERGE_EXPLICIT + 1;
	refuse_new(&opts, -EINVAL);
	opts.merge = 0;
	opts.flags = GMS_SPACE_TRACK_CHANGES << 1;
	refuse_new(&opts, -EINVAL);
	opts.flags = UINT32_C(1) << 31;
	refuse_new(&opts, -EINVAL);
}
END_TEST

START_TEST(new_takes_every_profile_and_policy)
{
	for (uint32_t choice = 0; choice < GMS_PROFILE_COUNT * 4; choice++) {
		struct gms_space *each = fx_space(&mem, choice / 4, choice & 1, choice >> 1 & 1);

		fx_check(each);
		gms_space_free(each);
	}
}
END_TEST

START_TEST(new_refuses_half_an_allocator)
{
	struct gms_space_opts opts;
	struct gms_mem_ops ops = mem.ops;

	GMS_INIT(&opts);
	opts.mem = &ops;
	ops.alloc = NULL;
	refuse_new(&opts, -EINVAL);
	ops = mem.ops;
	ops.free = NULL;
	refuse_new(&opts, -EINVAL);
	GMS_INIT(&ops);
	refuse_new(&opts, -EINVAL);
}
END_TEST

START_TEST(new_refuses_structs_shorter_than_their_size)
{
	struct gms_space_opts opts;
	struct gms_mem_ops ops = mem.ops;

	GMS_INIT(&opts);
	opts.mem = &ops;
	for (size_t size = 0; size < sizeof(size_t); size++) {
		opts.size = size;
		refuse_new(&opts, -EINVAL);
		opts.size = sizeof(opts);
		ops.size = size;
		refuse_new(&opts, -EINVAL);
		ops.size = sizeof(ops);
	}
}
END_TEST

START_TEST(new_reads_a_shorter_struct_as_zeros)
{
	struct gms_space *shorter = NULL;
	struct gms_space_opts opts;

	memset(&opts, 0xff, sizeof(opts));
	opts.size = sizeof(opts.size);
	ck_assert_int_eq(gms_space_new(&shorter, &opts), 0);
	gms_space_free(shorter);
}
END_TEST

START_TEST(new_takes_a_longer_struct_only_if_zero)
{
	FX_LONGER(struct gms_space_opts) opts;
	FX_LONGER(struct gms_mem_ops) ops;
	struct gms_space *longer = NULL;

	gms_init(&opts, sizeof(opts));
	gms_init(&ops, sizeof(ops));
	ops.known = mem.ops;
	ops.known.size = sizeof(ops);
	opts.known.mem = &ops.known;
	ck_assert_int_eq(gms_space_new(&longer, &opts.known), 0);
	gms_space_free(longer);

	opts.tail[15] = 1;
	refuse_new(&opts.known, -E2BIG);
	opts.tail[15] = 0;
	ops.tail[0] = 1;
	refuse_new(&opts.known, -E2BIG);
}
END_TEST

START_TEST(free_of_null_is_fine)
{
	gms_space_free(NULL);
}
END_TEST

START_TEST(free_gives_back_everything_while_pinned_and_mixed)
{
	struct gms_space *full = fx_plain_space(&mem);
	uint64_t before = mem.live_blocks;
	gms_pin_id pin;

	fx_region(full, FX_RANGE(0, FX_1G), GMS_ORDER_1G, SHARED_MAPPABLE, NULL);
	ck_assert_int_eq(gms_pin(full, FX_RANGE(0, 3), 0, 1, &pin, NULL), 0);
	ck_assert_int_eq(gms_unshare(full, FX_RANGE(7, 1000), NULL), 0);
	ck_assert_uint_ge(mem.live_blocks, before);
	fx_check(full);
	gms_space_free(full);
	gms_space_free(space);
	ck_assert_uint_eq(mem.live_blocks, 0);
	space = fx_plain_space(&mem);
}
END_TEST

/* --- gms_space_reserve --------------------------------------------------- */

START_TEST(reserve_refuses_null)
{
	ck_assert_int_eq(gms_space_reserve(NULL, 1), -EINVAL);
}
END_TEST

START_TEST(reserve_of_none_allocates_nothing)
{
	uint64_t calls = mem.calls;

	ck_assert_int_eq(gms_space_reserve(space, 0), 0);
	ck_assert_uint_eq(mem.calls, calls);
}
END_TEST

/* Every other page of @n blocks turns, so that each block is as mixed as can be. */
START_TEST(reserve_makes_conversions_independent_of_the_allocator)
{
	const struct gms_range ram = FX_RANGE(FX_1G, FX_1G);
	const uint64_t n = 16;
	struct gms_convert_opts opts;
	uint64_t calls;

	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_NO_ALLOC;
	fx_region(space, ram, GMS_ORDER_1G, GMS_STATE_DIRECT_MAP, NULL);
	ck_assert_int_eq(gms_space_reserve(space, n), 0);
	calls = mem.calls;
	fx_mem_fail_after(&mem, 0, true);
	for (uint64_t b = 0; b < n; b++)
		for (uint64_t i = 0; i < FX_2M; i += 2) {
			const struct gms_change one = {
				FX_RANGE(ram.first + b * FX_2M + i, 1), GMS_STATE_SHARED, 0,
			};

			if (b & 1)
				ck_assert_int_eq(gms_share(space, one.range, NULL), 0);
			else
				ck_assert_int_eq(gms_convert(space, &one, 1, &opts, NULL), 0);
		}
	ck_assert_int_eq(gms_unshare(space, ram, NULL), 0);
	ck_assert_uint_eq(mem.calls, calls);
	fx_mem_heal(&mem);
	fx_check(space);
}
END_TEST

/* Many changes of one block count as one block. */
START_TEST(reserve_covers_a_batch_within_one_block)
{
	struct gms_change changes[100];
	struct gms_convert_opts opts;
	uint64_t calls;

	fx_region(space, FX_RANGE(0, FX_2M), 0, 0, NULL);
	for (gms_gfn gfn = 0; gfn < FX_2M; gfn++) {	/* three states by turns */
		changes[0] = (struct gms_change){ FX_RANGE(gfn, 1),
						  (gms_state)(gfn % 3) * GMS_STATE_USER0, 0 };
		ck_assert_int_eq(gms_convert(space, changes, 1, NULL, NULL), 0);
	}
	ck_assert_int_eq(gms_space_reserve(space, 1), 0);
	for (uint64_t i = 0; i < 100; i++)
		changes[i] = (struct gms_change){ FX_RANGE(5 * i, 3), GMS_STATE_SHARED, 0 };
	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_NO_ALLOC;
	calls = mem.calls;
	ck_assert_int_eq(gms_convert(space, changes, 100, &opts, NULL), 0);
	ck_assert_uint_eq(mem.calls, calls);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 300);
}
END_TEST

#define S	GMS_STATE_SHARED
#define P	GMS_STATE_POPULATED
#define F	GMS_STATE_FROZEN
#define D	GMS_STATE_DIRECT_MAP
#define M	GMS_STATE_MISSING

static int accept_runs(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		       struct gms_charge *charge)
{
	(void)runs;
	(void)nruns;
	(void)ndone;
	(void)charge;
	++*(unsigned *)ctx;
	return 0;
}

/* 99 changes with runs of every kind; or one with 290 runs of one kind. */
START_TEST(reserve_covers_all_that_backends_are_told)	/* _i: that, or this */
{
	static const struct { gms_state was, set, clear; } kind[] = {
		{ S | D | P, F, 0 }, { D | P, S, 0 }, { S | D, P, 0 }, { F | S | D | P, 0, F },
		{ S | D | P, M, P }, { S | D | P, 0, S }, { S | D | P, 0, D }, { S | P, D, 0 },
		{ D | P, S | F, 0 },
	};
	const size_t n = _i ? 290 : 99;
	struct gms_change changes[99];
	struct gms_backend backend;
	struct gms_region_opts region;
	struct gms_convert_opts opts;
	unsigned told = 0;
	uint64_t calls;

	GMS_INIT(&backend);
	backend.ctx = &told;
	backend.unmap_host = backend.map_host = backend.populate = accept_runs;
	backend.discard = backend.direct_map = accept_runs;
	fx_region_opts(&region, FX_RANGE(0, 2 * FX_2M), 0, 0, NULL);
	region.backend = &backend;
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		struct gms_change one = { FX_RANGE(3 * i, 1), S, 0 };

		if (!_i)
			one.set = kind[i % 9].was;
		ck_assert_int_eq(gms_convert(space, &one, 1, NULL, NULL), 0);
		if (!_i)
			changes[i] = (struct gms_change){ one.range, kind[i % 9].set,
							  kind[i % 9].clear };
	}
	if (_i)
		changes[0] = (struct gms_change){ FX_RANGE(0, 3 * n), 0, S };
	ck_assert_int_eq(gms_space_reserve(space, 2), 0);
	told = 0;
	calls = mem.calls;
	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_NO_ALLOC;
	ck_assert_int_eq(gms_convert(space, changes, _i ? 1 : n, &opts, NULL), 0);
	ck_assert_uint_eq(mem.calls, calls);
	ck_assert_uint_ge(told, _i ? 1 : 8);
}
END_TEST

/*
 * Thousands of conversions of any kind, in no more blocks than were asked for, with
 * an allocator that has nothing left.
 */
START_TEST(reserve_covers_any_conversions_of_so_many_blocks)	/* _i: base order / 9 */
{
	static const gms_state some[] = {
		GMS_STATE_SHARED, GMS_STATE_POPULATED, GMS_STATE_DIRTY, GMS_STATE_USER0,
		GMS_STATE_USER1,
	};
	enum { BLOCKS = 24 };
	const unsigned steps = 12000 / fx_slowdown();
	const struct gms_range ram = FX_RANGE(4 * FX_1G, 4 * FX_1G);
	uint64_t calls, failed = 0, changed = 0;
	struct gms_convert_result result;
	struct gms_convert_opts opts;
	struct fx_rand rand;
	gms_gfn block[BLOCKS];

	GMS_INIT(&opts);
	GMS_INIT(&result);
	opts.flags = GMS_CONVERT_NO_ALLOC;
	fx_rand_init(&rand, fx_seed(), 0);
	fx_region(space, ram, (uint32_t)_i * 9, GMS_STATE_DIRECT_MAP, NULL);
	for (unsigned i = 0; i < BLOCKS; i++)
		block[i] = ram.first + fx_rand_below(&rand, ram.npages / FX_2M) * FX_2M;
	ck_assert_int_eq(gms_space_reserve(space, BLOCKS), 0);
	calls = mem.calls;
	fx_mem_fail_after(&mem, 0, true);
	for (unsigned step = 0; step < steps; step++) {
		const size_t n = 1 + (size_t)fx_rand_below(&rand, 8);
		struct gms_change changes[8];

		for (size_t i = 0; i < n; i++) {
			/* One in 16 is longer; all that are met stay below 400 runs. */
			const uint64_t most = fx_rand_odds(&rand, 1, 16) ? 256 / n : 16;
			const uint64_t npages = 1 + fx_rand_below(&rand, most);
			const gms_gfn first = block[fx_rand_below(&rand, BLOCKS)] +
					      fx_rand_below(&rand, FX_2M - npages + 1);
			const gms_state bits = some[fx_rand_below(&rand, 5)];
			const bool set = fx_rand_odds(&rand, 1, 2);

			changes[i] = (struct gms_change){ FX_RANGE(first, npages), set ? bits : 0,
							  set ? 0 : bits };
		}
		if (step % 3 == 0)
			failed += gms_share(space, changes[0].range, &result) != 0;
		else if (step % 3 == 1)
			failed += gms_unshare(space, changes[0].range, &result) != 0;
		else
			failed += gms_convert(space, changes, n, &opts, &result) != 0;
		changed += result.changed_pages;
	}
	ck_assert_uint_eq(failed, 0);
	ck_assert_uint_eq(mem.calls, calls);
	ck_assert_uint_gt(changed, steps);
	fx_mem_heal(&mem);
	fx_check(space);
}
END_TEST

START_TEST(reserve_out_of_memory_keeps_what_could_be_had)
{
	struct fx_snap before, after;

	fx_region(space, FX_RANGE(0, FX_1G), GMS_ORDER_1G, 0, NULL);
	fx_snap_take(&before, space, NULL);
	fx_mem_fail_after(&mem, 0, true);
	ck_assert_int_eq(gms_space_reserve(space, 100000), -ENOMEM);
	fx_mem_heal(&mem);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);
	fx_check(space);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("space");
	TCase *tc = fx_case(s, "new");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, new_with_defaults_makes_an_empty_space);
	tcase_add_test(tc, new_refuses_null_out);
	tcase_add_test(tc, new_refuses_unknown_choices);
	tcase_add_test(tc, new_takes_every_profile_and_policy);
	tcase_add_test(tc, new_refuses_half_an_allocator);
	tcase_add_test(tc, new_refuses_structs_shorter_than_their_size);
	tcase_add_test(tc, new_reads_a_shorter_struct_as_zeros);
	tcase_add_test(tc, new_takes_a_longer_struct_only_if_zero);
	tcase_add_test(tc, free_of_null_is_fine);
	tcase_add_test(tc, free_gives_back_everything_while_pinned_and_mixed);

	tc = fx_case(s, "reserve");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, reserve_refuses_null);
	tcase_add_test(tc, reserve_of_none_allocates_nothing);
	tcase_add_test(tc, reserve_makes_conversions_independent_of_the_allocator);
	tcase_add_test(tc, reserve_covers_a_batch_within_one_block);
	tcase_add_loop_test(tc, reserve_covers_all_that_backends_are_told, 0, 2);
	tcase_add_loop_test(tc, reserve_covers_any_conversions_of_so_many_blocks, 0, 3);
	tcase_add_test(tc, reserve_out_of_memory_keeps_what_could_be_had);
	return fx_run(s);
}

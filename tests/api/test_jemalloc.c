/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of jemalloc.h: bytes to the byte, arenas apart, spaces on them. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <gmemstate/gmemstate.h>
#include <gmemstate/jemalloc.h>

#define LONGER(type)	struct { type known; unsigned char tail[16]; }

static struct gms_jemalloc *arena_new(struct gms_mem_ops *ops)
{
	struct gms_jemalloc *arena = NULL;

	ck_assert_int_eq(gms_jemalloc_new(&arena), 0);
	ck_assert_ptr_nonnull(arena);
	GMS_INIT(ops);
	ck_assert_int_eq(gms_jemalloc_allocator(arena, ops), 0);
	return arena;
}

static struct gms_jemalloc_stats stats_of(struct gms_jemalloc *arena)
{
	struct gms_jemalloc_stats stats;

	GMS_INIT(&stats);
	ck_assert_int_eq(gms_jemalloc_stats(arena, &stats), 0);
	return stats;
}

START_TEST(calls_with_null_are_refused)
{
	struct gms_jemalloc_stats stats;
	struct gms_jemalloc *arena;
	struct gms_mem_ops ops;

	ck_assert_int_eq(gms_jemalloc_new(NULL), -EINVAL);
	arena = arena_new(&ops);
	GMS_INIT(&stats);
	ck_assert_int_eq(gms_jemalloc_allocator(NULL, &ops), -EINVAL);
	ck_assert_int_eq(gms_jemalloc_allocator(arena, NULL), -EINVAL);
	ck_assert_int_eq(gms_jemalloc_stats(NULL, &stats), -EINVAL);
	ck_assert_int_eq(gms_jemalloc_stats(arena, NULL), -EINVAL);
	ck_assert_int_eq(gms_jemalloc_purge(NULL), -EINVAL);
	gms_jemalloc_free(arena);
	gms_jemalloc_free(NULL);
}
END_TEST

START_TEST(structs_of_a_wrong_size_are_refused)
{
	LONGER(struct gms_jemalloc_stats) longer_stats;
	LONGER(struct gms_mem_ops) longer_ops;
	struct gms_jemalloc_stats stats;
	struct gms_mem_ops ops, got;
	struct gms_jemalloc *arena = arena_new(&got);

	GMS_INIT(&stats);
	GMS_INIT(&ops);
	for (size_t size = 0; size < sizeof(size_t); size++) {
		stats.size = ops.size = size;
		ck_assert_int_eq(gms_jemalloc_stats(arena, &stats), -EINVAL);
		ck_assert_int_eq(gms_jemalloc_allocator(arena, &ops), -EINVAL);
	}
	ck_assert_ptr_null(ops.ctx);

	GMS_INIT(&longer_stats);
	GMS_INIT(&longer_ops);
	longer_stats.tail[15] = longer_ops.tail[0] = 1;
	ck_assert_int_eq(gms_jemalloc_stats(arena, &longer_stats.known), -E2BIG);
	ck_assert_int_eq(gms_jemalloc_allocator(arena, &longer_ops.known), -E2BIG);
	ck_assert_ptr_null(longer_ops.known.ctx);
	longer_stats.tail[15] = longer_ops.tail[0] = 0;
	ck_assert_int_eq(gms_jemalloc_stats(arena, &longer_stats.known), 0);
	ck_assert_int_eq(gms_jemalloc_allocator(arena, &longer_ops.known), 0);
	ck_assert_uint_eq(longer_stats.known.size, sizeof(longer_stats));
	ck_assert_uint_eq(longer_ops.known.size, sizeof(longer_ops));
	ck_assert_ptr_eq(longer_ops.known.ctx, got.ctx);

	memset(&stats, 0x5a, sizeof(stats));
	stats.size = offsetof(struct gms_jemalloc_stats, used_bytes);
	ck_assert_int_eq(gms_jemalloc_stats(arena, &stats), 0);
	ck_assert_uint_eq(stats.asked_bytes, 0);
	ck_assert_uint_eq(stats.used_bytes, UINT64_C(0x5a5a5a5a5a5a5a5a));
	gms_jemalloc_free(arena);
}
END_TEST

START_TEST(bytes_are_counted_exactly)
{
	static const size_t bytes[] = { 1, 7, 8, 64, 100, 4096, 4097, 65536, 3u << 20, 20u << 20 };
	enum { N = sizeof(bytes) / sizeof(bytes[0]) };
	struct gms_jemalloc_stats stats;
	struct gms_mem_ops ops;
	struct gms_jemalloc *arena = arena_new(&ops);
	uint64_t asked = 0;
	void *mem[N];

	stats = stats_of(arena);
	ck_assert_uint_eq(stats.asked_bytes + stats.used_bytes + stats.allocs + stats.frees, 0);
	for (size_t i = 0; i < N; i++) {
		mem[i] = ops.alloc(ops.ctx, bytes[i], 8);
		ck_assert_ptr_nonnull(mem[i]);
		memset(mem[i], 0xa5, bytes[i]);
		asked += bytes[i];
		stats = stats_of(arena);
		ck_assert_uint_eq(stats.asked_bytes, asked);
		ck_assert_uint_eq(stats.asked_bytes_max, asked);
		ck_assert_uint_ge(stats.used_bytes, asked);
		ck_assert_uint_eq(stats.allocs, i + 1);
	}
	for (size_t i = 0; i < N; i++) {
		ops.free(ops.ctx, mem[i], bytes[i], 8);
		stats = stats_of(arena);
		ck_assert_uint_eq(stats.asked_bytes_max, asked);
		ck_assert_uint_eq(stats.frees, i + 1);
	}
	ck_assert_uint_eq(stats.asked_bytes, 0);
	ck_assert_uint_eq(stats.used_bytes, 0);
	ck_assert_uint_eq(stats.refused, 0);
	gms_jemalloc_free(arena);
}
END_TEST

START_TEST(memory_is_aligned_as_asked)
{
	struct gms_mem_ops ops;
	struct gms_jemalloc *arena = arena_new(&ops);

	for (size_t align = 1; align <= 4096; align *= 2)
		for (size_t bytes = 1; bytes <= 20000; bytes += 1999) {
			void *mem = ops.alloc(ops.ctx, bytes, align);

			ck_assert_ptr_nonnull(mem);
			ck_assert_uint_eq((uintptr_t)mem % align, 0);
			ck_assert_uint_eq((uintptr_t)mem >> 48, 0);
			ops.free(ops.ctx, mem, bytes, align);
		}
	ck_assert_uint_eq(stats_of(arena).used_bytes, 0);
	gms_jemalloc_free(arena);
}
END_TEST

START_TEST(requests_that_can_not_be_met_are_counted_and_change_nothing)
{
	static const struct { size_t bytes, align; } bad[] = {
		{ SIZE_MAX, 8 }, { (size_t)1 << 60, 4096 }, { 0, 8 }, { 8, 0 }, { 8, 3 },
		{ 8, 8192 }, { 8, SIZE_MAX },
	};
	struct gms_jemalloc_stats stats;
	struct gms_mem_ops ops;
	struct gms_jemalloc *arena = arena_new(&ops);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_ptr_null(ops.alloc(ops.ctx, bad[i].bytes, bad[i].align));
		stats = stats_of(arena);
		ck_assert_uint_eq(stats.refused, i + 1);
		ck_assert_uint_eq(stats.allocs + stats.asked_bytes + stats.asked_bytes_max, 0);
	}
	gms_jemalloc_free(arena);
}
END_TEST

START_TEST(arenas_do_not_mix)
{
	struct gms_mem_ops one, two;
	struct gms_jemalloc *a = arena_new(&one), *b = arena_new(&two);
	void *mem[64], *other;

	ck_assert_uint_ne(stats_of(a).arena, stats_of(b).arena);
	other = two.alloc(two.ctx, 100, 8);
	ck_assert_ptr_nonnull(other);
	memset(other, 0x42, 100);
	for (size_t i = 0; i < 64; i++) {
		mem[i] = one.alloc(one.ctx, 100, 8);
		ck_assert_ptr_nonnull(mem[i]);
		/* Not even a page in common. */
		ck_assert_uint_ne((uintptr_t)mem[i] / 4096, (uintptr_t)other / 4096);
	}
	ck_assert_uint_eq(stats_of(a).asked_bytes, 6400);
	ck_assert_uint_eq(stats_of(b).asked_bytes, 100);

	/* An arena goes with all that is in it, and leaves the other alone. */
	gms_jemalloc_free(a);
	for (size_t i = 0; i < 100; i++)
		ck_assert_int_eq(((unsigned char *)other)[i], 0x42);
	ck_assert_uint_eq(stats_of(b).asked_bytes, 100);
	two.free(two.ctx, other, 100, 8);
	gms_jemalloc_free(b);
}
END_TEST

START_TEST(purge_gives_free_pages_back)
{
	const size_t bytes = 8u << 20;
	struct gms_mem_ops ops;
	struct gms_jemalloc *arena = arena_new(&ops);
	uint64_t full, empty;
	void *mem = ops.alloc(ops.ctx, bytes, 4096);

	ck_assert_ptr_nonnull(mem);
	memset(mem, 1, bytes);
	full = stats_of(arena).resident_bytes;
	ops.free(ops.ctx, mem, bytes, 4096);
	if (full) {			/* a jemalloc that keeps statistics */
		ck_assert_uint_ge(full, bytes);
		/* Nothing goes back by itself... */
		ck_assert_uint_eq(stats_of(arena).resident_bytes, full);
	}
	ck_assert_int_eq(gms_jemalloc_purge(arena), 0);
	empty = stats_of(arena).resident_bytes;
	if (full)
		ck_assert_uint_le(empty, full - bytes);	/* ...but then all of it */
	ck_assert_int_eq(gms_jemalloc_purge(arena), 0);
	gms_jemalloc_free(arena);
}
END_TEST

#define NTHREADS	4

static void *alloc_and_free(void *arg)
{
	const struct gms_mem_ops *ops = arg;
	void *kept[50];

	for (int turn = 0; turn < 100; turn++) {
		for (size_t i = 0; i < 50; i++)
			kept[i] = ops->alloc(ops->ctx, 16 + i * 31, 16);
		for (size_t i = 0; i < 50; i++)
			ops->free(ops->ctx, kept[i], 16 + i * 31, 16);
	}
	return NULL;
}

START_TEST(threads_are_counted_exactly)
{
	struct gms_jemalloc_stats stats;
	pthread_t thread[NTHREADS];
	struct gms_mem_ops ops;
	struct gms_jemalloc *arena = arena_new(&ops);
	uint64_t turn_bytes = 0;

	for (size_t i = 0; i < 50; i++)
		turn_bytes += 16 + i * 31;
	for (int t = 0; t < NTHREADS; t++)
		ck_assert_int_eq(pthread_create(&thread[t], NULL, alloc_and_free, &ops), 0);
	for (int t = 0; t < NTHREADS; t++)
		ck_assert_int_eq(pthread_join(thread[t], NULL), 0);
	stats = stats_of(arena);
	ck_assert_uint_eq(stats.asked_bytes, 0);
	ck_assert_uint_eq(stats.used_bytes, 0);
	ck_assert_uint_eq(stats.allocs, NTHREADS * 100 * 50);
	ck_assert_uint_eq(stats.frees, NTHREADS * 100 * 50);
	ck_assert_uint_ge(stats.asked_bytes_max, turn_bytes);
	ck_assert_uint_le(stats.asked_bytes_max, NTHREADS * turn_bytes);
	gms_jemalloc_free(arena);
}
END_TEST

/* Share every other page of some folios, so that the space needs metadata. */
static struct gms_space *busy_space(const struct gms_mem_ops *ops)
{
	struct gms_space *space = NULL;
	struct gms_region_opts region;
	struct gms_space_opts opts;

	GMS_INIT(&opts);
	opts.mem = ops;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	GMS_INIT(&region);
	region.npages = 262144;
	region.base_order = 9;
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	for (gms_gfn gfn = 0; gfn < 20000; gfn += 2)
		ck_assert_int_eq(gms_share(space, (struct gms_range){ gfn, 1 }, NULL), 0);
	return space;
}

START_TEST(space_takes_all_its_memory_from_the_arena_and_gives_it_back)
{
	struct gms_jemalloc_stats stats;
	struct gms_mem_ops ops;
	struct gms_jemalloc *arena = arena_new(&ops);
	struct gms_space *space = busy_space(&ops);
	struct gms_acct acct;

	GMS_INIT(&acct);
	ck_assert_int_eq(gms_acct_read(space, &acct), 0);
	stats = stats_of(arena);
	ck_assert_uint_gt(stats.allocs, 0);
	ck_assert_uint_gt(stats.asked_bytes, 0);
	ck_assert_uint_eq(stats.asked_bytes, acct.metadata_bytes);
	ck_assert_uint_eq(stats.asked_bytes_max, acct.metadata_bytes_max);
	gms_space_free(space);
	stats = stats_of(arena);
	ck_assert_uint_eq(stats.asked_bytes, 0);
	ck_assert_uint_eq(stats.used_bytes, 0);
	ck_assert_uint_eq(stats.allocs, stats.frees);
	gms_jemalloc_free(arena);
}
END_TEST

START_TEST(spaces_on_one_arena_are_counted_together)
{
	struct gms_mem_ops ops;
	struct gms_jemalloc *arena = arena_new(&ops);
	struct gms_space *a, *b;
	uint64_t one;

	a = busy_space(&ops);
	one = stats_of(arena).asked_bytes;
	b = busy_space(&ops);
	ck_assert_uint_eq(stats_of(arena).asked_bytes, 2 * one);
	gms_space_free(a);
	ck_assert_uint_eq(stats_of(arena).asked_bytes, one);
	gms_space_free(b);
	ck_assert_uint_eq(stats_of(arena).asked_bytes, 0);
	gms_jemalloc_free(arena);
}
END_TEST

START_TEST(arenas_can_be_made_for_ever)
{
	/* jemalloc has 4095 arenas at most: each must go away for good. */
	for (int i = 0; i < 5000; i++) {
		struct gms_jemalloc *arena = NULL;

		ck_assert_int_eq(gms_jemalloc_new(&arena), 0);
		gms_jemalloc_free(arena);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jemalloc");
	TCase *arena = tcase_create("arena"), *space = tcase_create("space");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(arena, 300);
	tcase_set_timeout(space, 300);
	suite_add_tcase(suite, arena);
	suite_add_tcase(suite, space);
	tcase_add_test(arena, calls_with_null_are_refused);
	tcase_add_test(arena, structs_of_a_wrong_size_are_refused);
	tcase_add_test(arena, bytes_are_counted_exactly);
	tcase_add_test(arena, memory_is_aligned_as_asked);
	tcase_add_test(arena, requests_that_can_not_be_met_are_counted_and_change_nothing);
	tcase_add_test(arena, arenas_do_not_mix);
	tcase_add_test(arena, purge_gives_free_pages_back);
	tcase_add_test(arena, threads_are_counted_exactly);
	tcase_add_test(arena, arenas_can_be_made_for_ever);
	tcase_add_test(space, space_takes_all_its_memory_from_the_arena_and_gives_it_back);
	tcase_add_test(space, spaces_on_one_arena_are_counted_together);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/base/pool.c. */
#include "fixture.h"

#include "base/pool.h"

#define OBJECT_BYTES	128
#define PER_SLAB	4

static struct fx_mem fx;
static struct gms__mem mem;
static struct gms__pool pool;

static void setup(void)
{
	fx_mem_init(&fx);
	gms__mem_init(&mem, &fx.ops);
	ck_assert_int_eq(gms__pool_init(&pool, &mem, OBJECT_BYTES, PER_SLAB), 0);
}

static void teardown(void)
{
	gms__pool_fini(&pool);
	ck_assert_uint_eq(fx.live_blocks, 0);
	ck_assert_uint_eq(mem.bytes, 0);
}

START_TEST(take_grows_by_slabs_and_put_gives_back)
{
	struct gms__stock stock = { 0 };

	ck_assert_int_eq(gms__pool_take(&pool, &stock, 6, true), 0);
	ck_assert_uint_eq(stock.n, 6);
	ck_assert_uint_eq(pool.nfree, 2);
	ck_assert_uint_eq(fx.live_blocks, 2);
	gms__pool_put(&pool, &stock);
	ck_assert_uint_eq(stock.n, 0);
	ck_assert_uint_eq(pool.nfree, 8);

	ck_assert_int_eq(gms__pool_take(&pool, &stock, 8, false), 0);
	ck_assert_uint_eq(fx.live_blocks, 2);
	gms__pool_put(&pool, &stock);
}
END_TEST

START_TEST(objects_are_disjoint_and_aligned)
{
	struct gms__stock stock = { 0 };
	char *object[2 * PER_SLAB];

	ck_assert_int_eq(gms__pool_take(&pool, &stock, 2 * PER_SLAB, true), 0);
	for (int i = 0; i < 2 * PER_SLAB; i++) {
		object[i] = gms__stock_pop(&stock);
		ck_assert_uint_eq((uintptr_t)object[i] % GMS__CACHE_LINE, 0);
		for (int j = 0; j < i; j++)
			ck_assert(object[i] >= object[j] + OBJECT_BYTES ||
				  object[j] >= object[i] + OBJECT_BYTES);
	}
	ck_assert_ptr_null(gms__stock_pop(&stock));
	for (int i = 0; i < 2 * PER_SLAB; i++)
		gms__stock_push(&stock, object[i]);
	gms__pool_put(&pool, &stock);
}
END_TEST

START_TEST(take_without_memory_takes_nothing)
{
	struct gms__stock stock = { 0 };

	ck_assert_int_eq(gms__pool_take(&pool, &stock, 1, false), -ENOMEM);
	fx_mem_fail_after(&fx, 1, false);
	ck_assert_int_eq(gms__pool_take(&pool, &stock, PER_SLAB + 1, true), -ENOMEM);
	ck_assert_uint_eq(stock.n, 0);
	ck_assert_uint_eq(pool.nfree, PER_SLAB);
}
END_TEST

START_TEST(take_adds_to_what_is_in_hand)
{
	struct gms__stock stock = { 0 };

	ck_assert_int_eq(gms__pool_take(&pool, &stock, 1, true), 0);
	ck_assert_int_eq(gms__pool_take(&pool, &stock, 3, true), 0);
	ck_assert_uint_eq(stock.n, 3);
	ck_assert_int_eq(gms__pool_take(&pool, &stock, 2, true), 0);
	ck_assert_uint_eq(stock.n, 3);
	gms__pool_put(&pool, &stock);
}
END_TEST

START_TEST(bytes_are_counted)
{
	void *p = gms__mem_alloc(&mem, 100);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(mem.bytes, 100);
	gms__mem_free(&mem, p, 100);
	ck_assert_uint_eq(mem.bytes_max, 100);
}
END_TEST

static unsigned high_frees;

static void *high_alloc(void *ctx, size_t bytes, size_t align)
{
	(void)ctx;
	(void)bytes;
	(void)align;
	return (void *)(uintptr_t)(UINT64_C(1) << 48);
}

static void high_free(void *ctx, void *p, size_t bytes, size_t align)
{
	(void)ctx;
	(void)bytes;
	(void)align;
	ck_assert_uint_eq((uint64_t)(uintptr_t)p, UINT64_C(1) << 48);
	high_frees++;
}

START_TEST(an_allocator_that_answers_too_high_is_refused)
{
	const struct gms_mem_ops ops = { sizeof(ops), NULL, high_alloc, high_free };
	struct gms__mem high;

	high_frees = 0;
	gms__mem_init(&high, &ops);
	ck_assert_ptr_null(gms__mem_alloc(&high, 64));
	ck_assert_uint_eq(high_frees, 1);
	ck_assert_uint_eq(high.bytes, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pool");
	TCase *t = fx_case(s, "pool");
	TCase *m = fx_case(s, "mem");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, take_grows_by_slabs_and_put_gives_back);
	tcase_add_test(t, objects_are_disjoint_and_aligned);
	tcase_add_test(t, take_without_memory_takes_nothing);
	tcase_add_test(t, take_adds_to_what_is_in_hand);
	tcase_add_checked_fixture(m, setup, teardown);
	tcase_add_test(m, bytes_are_counted);
	tcase_add_test(m, an_allocator_that_answers_too_high_is_refused);
	return fx_run(s);
}

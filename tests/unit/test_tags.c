/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/engine/tags.c: TG1 to TG4. */
#include <pthread.h>

#include "engine/tags.h"
#include "fixture.h"

static struct fx_mem fx;
static struct gms__mem mem;
static struct gms__tags tags;

static void setup(void)
{
	fx_mem_init(&fx);
	gms__mem_init(&mem, &fx.ops);
	gms__tags_init(&tags, &mem);
}

static void teardown(void)
{
	gms__tags_fini(&tags);
	ck_assert_uint_eq(fx.live_blocks, 0);
}

static uint64_t count_of(gms_tag tag)
{
	const struct gms__tag *account = gms__tags_find(&tags, tag);

	return account ? account->count[GMS_ACCT_PINS] : 0;
}

START_TEST(nobody_has_no_account)
{
	ck_assert_ptr_null(gms__tag_of(&tags, 0, true));
	gms__tag_count(NULL, GMS_ACCT_PINS, 1);
	gms__tag_time(NULL, GMS_ACCT_REQUESTS, 1);
	ck_assert_uint_eq(fx.calls, 0);
	ck_assert_ptr_null(gms__tags_above(&tags, 0));
	ck_assert_ptr_null(gms__tags_each(&tags, NULL));
}
END_TEST

START_TEST(account_stays_where_it_is)	/* TG1, TG2 */
{
	struct gms__tag *first = gms__tag_of(&tags, 1, true);

	for (gms_tag tag = 2; tag <= 3000; tag++)
		ck_assert_int_eq(gms__tags_add(&tags, tag), 0);
	ck_assert_ptr_eq(gms__tag_of(&tags, 1, true), first);
	ck_assert_ptr_eq(gms__tags_find(&tags, 1), first);
	ck_assert_uint_eq(tags.n, 3000);
	ck_assert_int_eq(gms__tags_add(&tags, 1), 0);
	ck_assert_uint_eq(tags.n, 3000);
}
END_TEST

START_TEST(each_and_above_visit_all)
{
	static const gms_tag some[] = { 3, 7, UINT64_C(1) << 40, UINT64_MAX - 1 };
	const struct gms__tag *tag = NULL;
	gms_tag after = 0;
	unsigned n = 0;

	for (unsigned i = 4; i-- > 0;)
		ck_assert_int_eq(gms__tags_add(&tags, some[i]), 0);
	while ((tag = gms__tags_each(&tags, tag)))
		n++;
	ck_assert_uint_eq(n, 4);
	for (unsigned i = 0; i < 4; i++) {
		tag = gms__tags_above(&tags, after);
		ck_assert_ptr_nonnull(tag);
		ck_assert_uint_eq(tag->tag, some[i]);
		after = tag->tag;
	}
	ck_assert_ptr_null(gms__tags_above(&tags, after));
	gms__tag_time(&tags.other, GMS_ACCT_REQUESTS, 1);
	ck_assert_ptr_eq(gms__tags_above(&tags, after), &tags.other);
	ck_assert_ptr_null(gms__tags_above(&tags, GMS_TAG_OTHER));
}
END_TEST

START_TEST(without_memory_others_are_charged)	/* the table, then the account */
{
	for (uint64_t pass = 0; pass < 2; pass++) {
		fx_mem_fail_after(&fx, pass, true);
		ck_assert_int_eq(gms__tags_add(&tags, 9), -ENOMEM);
		ck_assert_ptr_eq(gms__tag_of(&tags, 9, true), &tags.other);
		fx_mem_heal(&fx);
	}
	ck_assert_ptr_eq(gms__tag_of(&tags, 9, false), &tags.other);
	ck_assert_uint_eq(tags.n, 0);
	ck_assert_ptr_ne(gms__tag_of(&tags, 9, true), &tags.other);
	ck_assert_uint_eq(gms__tag_of(&tags, 9, false)->tag, 9);
}
END_TEST

START_TEST(tags_beyond_the_limit_are_others)	/* TG3 */
{
	uint64_t bytes;

	for (gms_tag tag = 1; tag <= GMS_ACCT_TAGS_MAX; tag++)
		ck_assert_int_eq(gms__tags_add(&tags, tag << 20), 0);
	bytes = mem.bytes;
	ck_assert_int_eq(gms__tags_add(&tags, 5), -ENOSPC);
	ck_assert_ptr_eq(gms__tag_of(&tags, 5, true), &tags.other);
	ck_assert_uint_eq(mem.bytes, bytes);
	ck_assert_uint_eq(gms__tag_of(&tags, 1 << 20, true)->tag, 1 << 20);
}
END_TEST

#define THREADS	4
#define ROUNDS	20000
#define RACING	37

static void *count_some(void *arg)
{
	const uint64_t seed = (uint64_t)(uintptr_t)arg;

	for (uint64_t i = 0; i < ROUNDS; i++)
		gms__tag_count(gms__tag_of(&tags, 1 + (i * 7 + seed) % RACING, true),
			       GMS_ACCT_PINS, 1);
	return NULL;
}

START_TEST(threads_with_one_new_tag_make_one_account)	/* TG2 */
{
	pthread_t thread[THREADS];
	uint64_t sum = 0;

	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, count_some, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	for (gms_tag tag = 1; tag <= RACING; tag++)
		sum += count_of(tag);
	ck_assert_uint_eq(sum, THREADS * ROUNDS);
	ck_assert_uint_eq(tags.n, RACING);
	ck_assert_uint_eq(count_of(GMS_TAG_OTHER), 0);
	ck_assert_uint_eq(fx.live_blocks, RACING + 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tags");
	TCase *tc = fx_case(s, "tags");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nobody_has_no_account);
	tcase_add_test(tc, account_stays_where_it_is);
	tcase_add_test(tc, each_and_above_visit_all);
	tcase_add_test(tc, without_memory_others_are_charged);
	tcase_add_test(tc, tags_beyond_the_limit_are_others);
	tcase_add_test(tc, threads_with_one_new_tag_make_one_account);
	return fx_run(s);
}

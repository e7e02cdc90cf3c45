/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/engine/access_check.c: each of its labels is broken by hand
 * once, and gms_check() must name it. And a page that is frozen as often as can be
 * counted, which no test has the time for otherwise.
 */
#include "fixture.h"

#include "engine/space.h"

#define S	GMS_STATE_SHARED
#define M	GMS_STATE_MISSING

static struct fx_mem mem;
static struct gms_space *space;
static struct gms_access access;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, 2 * FX_1G), 0, S, NULL);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(500, 4), 0, NULL), 0);
	ck_assert_int_eq(gms_fault_raise(space, 501, 0, 0), 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(100, 4), GMS_ACCESS_WRITE, 0, &access),
			 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(gms_freeze(space, FX_RANGE(200, 10), 0, NULL), 0);
	fx_check(space);
}

static void teardown(void)
{
	gms_access_end(space, &access);
	fx_check(space);
	fx_space_done(space, &mem);
}

static void broken(const char *label)
{
	char why[256] = "";

	ck_assert_int_eq(gms_check(space, why, sizeof(why)), -EBADMSG);
	ck_assert_msg(!strncmp(why, label, strlen(label)), "%s, should be %s", why, label);
}

static struct gms__access_shard *shard(void)
{
	return &space->access->shard[0];
}

static struct gms__frosted *frosted(void)
{
	return (struct gms__frosted *)(void *)gms__itree_first(shard()->frost.root, 0, UINT64_MAX);
}

static struct gms__faulted *faulted(void)
{
	return (struct gms__faulted *)(void *)gms__itree_first(space->access->faults.by_gfn, 0,
							       UINT64_MAX);
}

/* Behind the library's back. */
static void move_access(gms_gfn first, gms_gfn end)
{
	struct gms__access *ours = (struct gms__access *)&access;

	gms__itree_remove(&shard()->root, &ours->node);
	ours->node.first = first;
	ours->node.end = end;
	gms__itree_insert(&shard()->root, &ours->node);
}

START_TEST(an_access_where_it_may_not_be_is_found)	/* _i: frozen, missing, a hole */
{
	static const gms_gfn at[] = { 205, 503, 3 * FX_1G };

	move_access(at[_i], at[_i] + 1);
	broken("A1");
	move_access(100, 104);
}
END_TEST

START_TEST(counts_of_accesses_are_recounted)
{
	shard()->here++;
	broken("A2");
	shard()->here += GMS__ONE_WIDE_ACCESS - 1;
	broken("A2");
	shard()->here -= GMS__ONE_WIDE_ACCESS;
}
END_TEST

START_TEST(a_gate_that_was_left_is_found)
{
	const struct gms__gate gate = { NULL, 0 };

	shard()->gate[GMS__GATE_OWNER] = &gate;
	broken("A2");
	shard()->gate[GMS__GATE_OWNER] = NULL;
}
END_TEST

START_TEST(freeze_counts_are_recounted)
{
	shard()->frost.n++;
	broken("Z1");
	shard()->frost.n--;
	frosted()->more = 0;
	broken("Z2");
	frosted()->more = GMS__FROST_MOST + 1;
	broken("Z2");
	frosted()->more = 1;
	frosted()->node.end++;		/* not frozen */
	frosted()->node.max_end++;
	broken("Z2");
	frosted()->node.end--;
	frosted()->node.max_end--;
}
END_TEST

START_TEST(faults_are_recounted)
{
	space->access->faults.nqueued++;
	broken("F3");
	space->access->faults.nqueued--;
	space->access->faults.n++;
	broken("F3");
	space->access->faults.n--;
	faulted()->reason = GMS_REASON_WRITE_PROTECT;
	broken("F2");
	faulted()->reason = GMS_REASON_MISSING;
}
END_TEST

START_TEST(a_page_is_frozen_only_so_often)
{
	struct gms_convert_result result;

	GMS_INIT(&result);
	frosted()->more = GMS__FROST_MOST - 1;
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(195, 20), 0, NULL), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(195, 20), 0, &result), -EOVERFLOW);
	ck_assert_uint_eq(result.error_gfn, 200);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_FROZEN);
	fx_check(space);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(190, 10), 0, NULL), 0);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(200, 10), NULL), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(200, 10), 0, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("access_check");
	TCase *tc = fx_case(s, "labels");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, an_access_where_it_may_not_be_is_found, 0, 3);
	tcase_add_test(tc, counts_of_accesses_are_recounted);
	tcase_add_test(tc, a_gate_that_was_left_is_found);
	tcase_add_test(tc, freeze_counts_are_recounted);
	tcase_add_test(tc, faults_are_recounted);
	tcase_add_test(tc, a_page_is_frozen_only_so_often);
	return fx_run(s);
}

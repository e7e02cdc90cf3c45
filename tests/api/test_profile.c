/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of enum gms_profile: which attributes exist under which rules. */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define A	GMS_STATE_ACCEPTED
#define X	GMS_STATE_DESTROYED

enum direct_map { TOLD, ALWAYS, FOLLOWS, NEVER };

static const struct {
	uint32_t	profile;
	gms_state	known;
	enum direct_map direct_map;
} rules[] = {
	{ GMS_PROFILE_GENERIC,	     GMS_STATE_ALL,		  TOLD },
	{ GMS_PROFILE_KVM_ATTRS,     GMS_STATE_ALL & ~(A | X),	  ALWAYS },
	{ GMS_PROFILE_GMEM_INPLACE,  GMS_STATE_ALL & ~(A | X),	  ALWAYS },
	{ GMS_PROFILE_GMEM_HUGETLB,  GMS_STATE_ALL & ~(A | X),	  ALWAYS },
	{ GMS_PROFILE_NO_DIRECT_MAP, GMS_STATE_ALL & ~(A | X),	  FOLLOWS },
	{ GMS_PROFILE_SECRETMEM,     GMS_STATE_ALL & ~(A | X),	  NEVER },
	{ GMS_PROFILE_SNP,	     GMS_STATE_ALL & ~X,	  ALWAYS },
	{ GMS_PROFILE_TDX,	     GMS_STATE_ALL & ~X,	  ALWAYS },
	{ GMS_PROFILE_PKVM,	     GMS_STATE_ALL & ~(A | X),	  ALWAYS },
	{ GMS_PROFILE_CCA,	     GMS_STATE_ALL,		  ALWAYS },
};
#define NRULES	((int)(sizeof(rules) / sizeof(rules[0])))

/* One space of the profile under test: [0, 1024) private, [1024, 2048) shared. */
static struct fx_mem mem;
static struct gms_space *space;

static void begin(int i)
{
	fx_mem_init(&mem);
	space = fx_space(&mem, rules[i].profile, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	fx_region(space, FX_RANGE(0, 1024), 9, 0, NULL);
	fx_region(space, FX_RANGE(1024, 1024), 9, S, NULL);
}

static int change(gms_gfn gfn, gms_state set, gms_state clear, struct gms_convert_result *result)
{
	const struct gms_change one = { FX_RANGE(gfn, 1), set, clear };

	return gms_convert(space, &one, 1, NULL, result);
}

/* What DIRECT_MAP must be on a page that was added without it. */
static gms_state direct(int i, bool shared)
{
	return rules[i].direct_map == ALWAYS || (rules[i].direct_map == FOLLOWS && shared) ? D : 0;
}

START_TEST(every_profile_is_covered)
{
	ck_assert_int_eq(NRULES, GMS_PROFILE_COUNT);
}
END_TEST

START_TEST(region_begins_with_the_direct_map_of_its_profile)	/* _i: of rules */
{
	gms_state told = rules[_i].direct_map == TOLD ? D : 0;

	begin(_i);
	fx_region(space, FX_RANGE(4096, 1), 0, D, NULL);
	fx_region(space, FX_RANGE(4097, 1), 0, D | S, NULL);
	ck_assert_uint_eq(gms_state_at(space, 0), direct(_i, false));
	ck_assert_uint_eq(gms_state_at(space, 1024), S | direct(_i, true));
	ck_assert_uint_eq(gms_state_at(space, 4096), direct(_i, false) | told);
	ck_assert_uint_eq(gms_state_at(space, 4097), S | direct(_i, true) | told);
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(region_refuses_unknown_attributes)	/* _i: of rules */
{
	begin(_i);
	for (unsigned b = 0; b < 15; b++) {
		gms_state bit = UINT32_C(1) << b;
		struct gms_region_opts opts;
		struct fx_snap before, after;

		if (bit & (S | D | GMS_STATE_HOST_MAPPED))
			continue;
		fx_region_opts(&opts, FX_RANGE(8192 + b, 1), 0, bit, NULL);
		fx_snap_take(&before, space, NULL);
		if (bit & rules[_i].known) {
			ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
			continue;
		}
		ck_assert_int_eq(gms_region_add(space, &opts, NULL), -EOPNOTSUPP);
		fx_snap_take(&after, space, NULL);
		fx_snap_same(&before, &after);
	}
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(convert_refuses_unknown_attributes)	/* _i: of rules */
{
	begin(_i);
	for (unsigned b = 0; b < 15; b++) {
		gms_state bit = UINT32_C(1) << b;
		gms_gfn gfn = bit == GMS_STATE_HOST_MAPPED ? 1030 : 20;
		struct gms_convert_result result;
		struct fx_snap before, after;
		bool known = bit & rules[_i].known;

		if (bit == D && rules[_i].direct_map != TOLD)
			known = false;	/* the profile sets it, nobody else */
		GMS_INIT(&result);
		fx_snap_take(&before, space, NULL);
		if (known) {
			ck_assert_msg(!change(gfn, bit, 0, NULL), "%s", gms_state_name(bit));
			ck_assert_uint_eq(gms_state_at(space, gfn) & bit, bit);
			ck_assert_int_eq(change(gfn, 0, bit == GMS_STATE_POISON ?
						bit | GMS_STATE_POPULATED : bit, NULL), 0);
			ck_assert_uint_eq(gms_state_at(space, gfn) & bit, 0);
			continue;
		}
		ck_assert_msg(change(gfn, bit, 0, &result) == -EOPNOTSUPP, "%s",
			      gms_state_name(bit));
		fx_snap_take(&after, space, NULL);
		fx_snap_same(&before, &after);
	}
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(direct_map_follows_its_rule_when_pages_turn)	/* _i: of rules */
{
	begin(_i);
	ck_assert_int_eq(gms_share(space, FX_RANGE(10, 600), NULL), 0);
	ck_assert_uint_eq(gms_state_at(space, 10), S | direct(_i, true));
	ck_assert_uint_eq(gms_state_at(space, 9), direct(_i, false));
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(10, 600), NULL), 0);
	ck_assert_uint_eq(gms_state_at(space, 10), direct(_i, false));
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1024, 1), NULL), 0);
	ck_assert_uint_eq(gms_state_at(space, 1024), direct(_i, false));
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(pins_need_the_direct_map)	/* _i: of rules; I5 */
{
	bool pinnable = rules[_i].direct_map == ALWAYS || rules[_i].direct_map == FOLLOWS;
	struct gms_gup_answer answer;
	gms_pin_id id;
	int err;

	begin(_i);
	GMS_INIT(&answer);
	ck_assert_int_eq(gms_gup_query(space, FX_RANGE(1100, 4), GMS_PIN_WRITE, &answer), 0);
	ck_assert_uint_eq(answer.reason,
			  pinnable ? GMS_REASON_NONE : GMS_REASON_NO_DIRECT_MAP);
	err = gms_pin(space, FX_RANGE(1100, 4), GMS_PIN_WRITE, 1, &id, NULL);
	ck_assert_int_eq(err, pinnable ? 0 : -EFAULT);
	if (!err) {
		ck_assert_int_eq(gms_unshare(space, FX_RANGE(1103, 4), NULL), -EAGAIN);
		ck_assert_int_eq(gms_unpin(space, id), 0);
	}
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1103, 4), NULL), 0);
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(sharing_ends_acceptance_where_there_is_any)	/* _i: of rules */
{
	struct gms_convert_result result;

	begin(_i);
	if (rules[_i].known & A) {
		GMS_INIT(&result);
		ck_assert_int_eq(change(30, A | GMS_STATE_POPULATED, 0, NULL), 0);
		ck_assert_int_eq(change(1024, A, 0, &result), -EPERM);
		ck_assert_uint_eq(result.error_gfn, 1024);
		ck_assert_uint_eq(result.error_reason, GMS_REASON_SHARED);
		ck_assert_int_eq(gms_share(space, FX_RANGE(30, 1), NULL), 0);
		ck_assert_int_eq(gms_unshare(space, FX_RANGE(30, 1), NULL), 0);
		ck_assert_uint_eq(gms_state_at(space, 30) & (A | GMS_STATE_POPULATED),
				  GMS_STATE_POPULATED);
	}
	fx_space_done(space, &mem);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("profile");
	TCase *tc = fx_case(s, "profile");

	tcase_add_test(tc, every_profile_is_covered);
	tcase_add_loop_test(tc, region_begins_with_the_direct_map_of_its_profile, 0, NRULES);
	tcase_add_loop_test(tc, region_refuses_unknown_attributes, 0, NRULES);
	tcase_add_loop_test(tc, convert_refuses_unknown_attributes, 0, NRULES);
	tcase_add_loop_test(tc, direct_map_follows_its_rule_when_pages_turn, 0, NRULES);
	tcase_add_loop_test(tc, pins_need_the_direct_map, 0, NRULES);
	tcase_add_loop_test(tc, sharing_ends_acceptance_where_there_is_any, 0, NRULES);
	return fx_run(s);
}

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

/* --- the tables ---------------------------------------------------------- */

START_TEST(info_says_what_a_space_does)	/* _i: of rules */
{
	static const uint32_t direct_map[] = {
		[TOLD] = GMS_DIRECT_MAP_AS_TOLD, [ALWAYS] = GMS_DIRECT_MAP_ALWAYS,
		[FOLLOWS] = GMS_DIRECT_MAP_SHARED, [NEVER] = GMS_DIRECT_MAP_NEVER,
	};
	const gms_state tied = rules[_i].direct_map == TOLD ? 0 : D;
	struct gms_profile_info info;

	GMS_INIT(&info);
	ck_assert_int_eq(gms_profile_info(rules[_i].profile, &info), 0);
	ck_assert_uint_eq(info.attributes, rules[_i].known);
	ck_assert_uint_eq(info.settable, rules[_i].known & ~tied);
	ck_assert_uint_eq(info.direct_map, direct_map[rules[_i].direct_map]);
	ck_assert_uint_eq(!!(info.flags & GMS_PROFILE_ACCEPTS), !!(rules[_i].known & A));
	ck_assert_uint_eq(!!(info.flags & GMS_PROFILE_DESTROYS), !!(rules[_i].known & X));
}
END_TEST

/* What hosts promise, from their documents. */
static const struct {
	const char *name;
	uint32_t to_shared, to_private;
	int	 held_error;
	uint32_t split, unit, unit_most, atomicity, progress;
} contracts[] = {
	[GMS_PROFILE_GENERIC] = { "generic", GMS_FATE_ANY, GMS_FATE_ANY, -EAGAIN,
		GMS_SPLITS_AS_TOLD, GMS_REQUEST_GFNS, 0, GMS_ATOMIC_ALL, GMS_PROGRESS_NONE },
	[GMS_PROFILE_KVM_ATTRS] = { "kvm-attrs", GMS_FATE_ZEROED, GMS_FATE_ZEROED, 0,
		GMS_SPLITS_MAPPING, GMS_REQUEST_GFNS, 1, GMS_ATOMIC_ALL, GMS_PROGRESS_NONE },
	[GMS_PROFILE_GMEM_INPLACE] = { "gmem-inplace", GMS_FATE_KEPT, GMS_FATE_KEPT, -EAGAIN,
		GMS_SPLITS_NEVER, GMS_REQUEST_OFFSETS, 1, GMS_ATOMIC_BUT_UNMAPS,
		GMS_PROGRESS_ERROR_OFFSET },
	[GMS_PROFILE_GMEM_HUGETLB] = { "gmem-hugetlb", GMS_FATE_KEPT, GMS_FATE_KEPT, -EAGAIN,
		GMS_SPLITS_ALL_4K, GMS_REQUEST_OFFSETS, 1, GMS_ATOMIC_BUT_UNMAPS,
		GMS_PROGRESS_ERROR_OFFSET },
	[GMS_PROFILE_NO_DIRECT_MAP] = { "no-direct-map", GMS_FATE_KEPT, GMS_FATE_KEPT, -EAGAIN,
		GMS_SPLITS_NEVER, GMS_REQUEST_OFFSETS, 1, GMS_ATOMIC_BUT_UNMAPS,
		GMS_PROGRESS_ERROR_OFFSET },
	[GMS_PROFILE_SECRETMEM] = { "secretmem", GMS_FATE_ANY, GMS_FATE_ANY, 0,
		GMS_SPLITS_NEVER, GMS_REQUEST_NONE, 0, GMS_ATOMIC_ALL, GMS_PROGRESS_NONE },
	[GMS_PROFILE_SNP] = { "snp", GMS_FATE_LOST, GMS_FATE_LOST, 0, GMS_SPLITS_ONE_WAY,
		GMS_REQUEST_ENTRIES, 253, GMS_ATOMIC_ENTRY, GMS_PROGRESS_CUR_ENTRY },
	[GMS_PROFILE_TDX] = { "tdx", GMS_FATE_LOST, GMS_FATE_ZEROED, 0, GMS_SPLITS_ONE_WAY,
		GMS_REQUEST_GFNS, 1, GMS_ATOMIC_CHUNK, GMS_PROGRESS_NEXT_GPA },
	[GMS_PROFILE_PKVM] = { "pkvm", GMS_FATE_KEPT, GMS_FATE_KEPT, -EBUSY, GMS_SPLITS_NEVER,
		GMS_REQUEST_GRANULE, 1, GMS_ATOMIC_GRANULE, GMS_PROGRESS_NONE },
	[GMS_PROFILE_CCA] = { "cca", GMS_FATE_LOST, GMS_FATE_LOST, -EAGAIN, GMS_SPLITS_MAPPING,
		GMS_REQUEST_GFNS, 1, GMS_ATOMIC_PREFIX, GMS_PROGRESS_TOP },
};

START_TEST(info_says_what_hosts_promise)	/* _i: profile */
{
	struct gms_profile_info info;

	GMS_INIT(&info);
	ck_assert_int_eq(gms_profile_info((uint32_t)_i, &info), 0);
	ck_assert_str_eq(info.name, contracts[_i].name);
	ck_assert_uint_eq(info.to_shared, contracts[_i].to_shared);
	ck_assert_uint_eq(info.to_private, contracts[_i].to_private);
	ck_assert_int_eq(info.held_error, contracts[_i].held_error);
	ck_assert_uint_eq(info.split, contracts[_i].split);
	ck_assert_uint_eq(info.unit, contracts[_i].unit);
	ck_assert_uint_eq(info.unit_most, contracts[_i].unit_most);
	ck_assert_uint_eq(info.atomicity, contracts[_i].atomicity);
	ck_assert_uint_eq(info.progress, contracts[_i].progress);
}
END_TEST

/* The transitions, said once more: what the manual says of a page that changes so. */
static int legal(int i, gms_state from, gms_state to, bool pinned, uint32_t *reason)
{
	const bool shared = to & S;

	*reason = GMS_REASON_NONE;
	if (from == to)
		return 0;
	*reason = GMS_REASON_PROFILE;
	if ((from | to) & ~rules[i].known)
		return -EOPNOTSUPP;
	if (rules[i].direct_map != TOLD && (to & D) != direct(i, shared))
		return -EOPNOTSUPP;
	*reason = GMS_REASON_POISON;
	if ((from & GMS_STATE_POISON) && !(to & GMS_STATE_POISON) && (to & GMS_STATE_POPULATED))
		return -EHWPOISON;
	*reason = GMS_REASON_FROZEN;
	if ((from & S) && !shared && (from & GMS_STATE_FROZEN))
		return -EBUSY;
	*reason = GMS_REASON_PRIVATE;
	if (!shared && (to & GMS_STATE_HOST_MAPPED))
		return -EPERM;
	*reason = GMS_REASON_SHARED;
	if (shared && (to & A))
		return -EPERM;
	*reason = GMS_REASON_PINNED;
	if (pinned && (((from & S) && !shared) || ((from & D) && !(to & D)) ||
		       ((from & GMS_STATE_POPULATED) && !(to & GMS_STATE_POPULATED)) ||
		       (!(from & GMS_STATE_MISSING) && (to & GMS_STATE_MISSING))))
		return -EAGAIN;
	*reason = GMS_REASON_NONE;
	return 0;
}

/* All that a rule is about, and one attribute that none is. */
#define RULED	(S | D | A | X | GMS_STATE_POPULATED | GMS_STATE_HOST_MAPPED | \
		 GMS_STATE_MISSING | GMS_STATE_FROZEN | GMS_STATE_POISON | GMS_STATE_USER0)

START_TEST(every_transition_is_as_the_manual_says)	/* _i: of rules */
{
	gms_state from = 0;
	uint64_t n = 0;

	do {			/* each subset of RULED, to each that is not far */
		gms_state flip = 0;

		do {
			if (__builtin_popcount(flip) <= 4) {
				uint32_t seen, wanted;
				const bool pinned = n++ & 1;
				const int err = legal(_i, from, from ^ flip, pinned, &wanted);

				if (gms_profile_may(rules[_i].profile, from, from ^ flip, pinned,
						    &seen) != err || seen != wanted)
					ck_abort_msg("0x%x to 0x%x, pinned %d: not %s", from,
						     from ^ flip, pinned, gms_strerror(err));
			}
			flip = (flip - RULED) & RULED;
		} while (flip);
		from = (from - RULED) & RULED;
	} while (from);
	ck_assert_uint_eq(n, 1024 * 386);	/* 1 + 10 + 45 + 120 + 210 of 10 */
}
END_TEST

/* One attribute flips in a space: the error is the table's. */
START_TEST(a_space_follows_the_table)	/* _i: of rules */
{
	gms_gfn gfn = 1 << 20;
	uint64_t tried = 0;
	gms_state from = 0;

	begin(_i);
	for (;; from = (from - RULED) & RULED) {
		struct gms_region_opts opts;

		if (tried && !from)
			break;
		tried++;
		fx_region_opts(&opts, FX_RANGE(gfn, 1), 0, from, NULL);
		opts.hva = NULL;
		if ((from & ~rules[_i].known) || gms_region_add(space, &opts, NULL))
			continue;
		for (gms_state bits = RULED & rules[_i].known; bits; bits &= bits - 1) {
			const gms_state bit = bits & -bits, was = gms_state_at(space, gfn);
			gms_state to = was ^ bit;
			struct gms_convert_result result;
			uint32_t reason;
			int err;

			if (bit == D && rules[_i].direct_map != TOLD)
				continue;
			/* What the change brings along. */
			if (bit == S && (to & S))
				to &= ~A;
			if (bit == S && !(to & S))
				to &= ~GMS_STATE_HOST_MAPPED;
			if (bit == GMS_STATE_POPULATED && !(to & bit))
				to &= ~(A | GMS_STATE_HOST_MAPPED);
			if (bit == S && rules[_i].direct_map != TOLD)
				to = (to & ~D) | direct(_i, to & S);
			GMS_INIT(&result);
			err = change(gfn, bit & to, bit & ~to, &result);
			if (err != gms_profile_may(rules[_i].profile, was, to, false, &reason) ||
			    (err && result.error_reason != reason))
				ck_abort_msg("0x%x to 0x%x: %s", was, to, gms_strerror(err));
			if (gms_state_at(space, gfn) != (err ? was : to))
				ck_abort_msg("0x%x became 0x%x", was, gms_state_at(space, gfn));
		}
		gfn++;
	}
	ck_assert_uint_gt(gfn, (1 << 20) + 100);
	fx_check(space);
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(table_calls_refuse_bad_input)
{
	FX_LONGER(struct gms_profile_info) longer;
	struct gms_profile_info info;
	struct gms_refusal refusal;
	uint32_t n = 0, reason = 77;

	GMS_INIT(&info);
	ck_assert_int_eq(gms_profile_info(GMS_PROFILE_COUNT, &info), -EINVAL);
	ck_assert_int_eq(gms_profile_info(0, NULL), -EINVAL);
	gms_init(&longer, sizeof(longer));
	longer.tail[15] = 1;
	ck_assert_int_eq(gms_profile_info(0, &longer.known), -E2BIG);
	ck_assert_int_eq(gms_refusal_at(0, NULL), -EINVAL);
	while (!gms_refusal_at(n, &refusal)) {
		ck_assert_int_lt(refusal.error, 0);
		ck_assert_uint_ne(refusal.reason, GMS_REASON_NONE);
		n++;
	}
	ck_assert_uint_eq(n, 6);
	ck_assert_int_eq(gms_refusal_at(n, &refusal), -ENOENT);
	ck_assert_int_eq(gms_profile_may(GMS_PROFILE_COUNT, 0, 0, false, NULL), -EINVAL);
	ck_assert_int_eq(gms_profile_may(0, GMS_HOLE, 0, false, &reason), -EINVAL);
	ck_assert_uint_eq(reason, 77);
	ck_assert_int_eq(gms_profile_may(0, S, 0, true, NULL), -EAGAIN);
	ck_assert_int_eq(gms_profile_may(0, S, S, true, NULL), 0);
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
	tc = fx_case(s, "tables");
	tcase_add_loop_test(tc, info_says_what_a_space_does, 0, NRULES);
	tcase_add_loop_test(tc, info_says_what_hosts_promise, 0, GMS_PROFILE_COUNT);
	tcase_add_loop_test(tc, every_transition_is_as_the_manual_says, 0, NRULES);
	tcase_add_loop_test(tc, a_space_follows_the_table, 0, NRULES);
	tcase_add_test(tc, table_calls_refuse_bad_input);
	return fx_run(s);
}

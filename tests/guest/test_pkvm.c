/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of guest/pkvm.h: the table of who owns a page, and the guest's calls. */
#include <pthread.h>

#include "vcpu.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define P	GMS_STATE_POPULATED
#define PAGES	UINT64_C(4096)		/* of each of two regions, one behind the other */
#define ALL	FX_RANGE(0, 2 * PAGES)
#define GPA(gfn)	((uint64_t)(gfn) << GMS_PAGE_SHIFT)
#define BIT(n)		(UINT64_C(1) << (n))
#define INVALID		((uint64_t)-3)
#define ROWS(table)	((int)(sizeof(table) / sizeof((table)[0])))

static uint64_t regs[4];

static void setup(void)
{
	vcpu_setup(GMS_PROFILE_PKVM, GMS_MERGE_EAGER, PAGES, D | P);
	vcpu_make(NULL);
}

static void change(gms_gfn first, uint64_t npages, gms_state set, gms_state clear)
{
	const struct gms_change one = { FX_RANGE(first, npages), set, clear };

	ck_assert_int_eq(gms_convert(space, &one, 1, NULL, NULL), 0);
}

/* One call: its action; regs has the answer. */
static uint32_t call(uint32_t flags, uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
	uint32_t action = 12345;

	regs[0] = x0;
	regs[1] = x1;
	regs[2] = x2;
	regs[3] = x3;
	ck_assert_int_eq(gms_pkvm(request, flags, regs, &action), 0);
	return action;
}

/* Answered with these two registers, and nothing in the others? */
static void answers(uint32_t action, uint64_t x0, uint64_t x1)
{
	ck_assert_uint_eq(action, GMS_PKVM_ANSWER);
	ck_assert_uint_eq(regs[0], x0);
	ck_assert_uint_eq(regs[1], x1);
	ck_assert_uint_eq(regs[2], 0);
	ck_assert_uint_eq(regs[3], 0);
}

static uint64_t one(uint64_t x0, gms_gfn gfn)
{
	ck_assert_uint_eq(call(0, x0, GPA(gfn), 0, 0), GMS_PKVM_ANSWER);
	ck_assert_uint_eq(regs[1] | regs[2] | regs[3], 0);
	return regs[0];
}

/* --- The table --- */

/* All that is allowed: host and guest before and after, and the count. */
static const struct {
	uint32_t op;
	const char *before, *after;	/* O owned, S shared, B borrowed, - nothing, X poisoned */
	uint32_t count, new_count;
} allowed[] = {
	{ GMS_PKVM_HOST_SHARE_GUEST, "O-", "SB", 0, 1 },
	{ GMS_PKVM_HOST_SHARE_GUEST, "S-", "SB", 1, 2 },
	{ GMS_PKVM_HOST_SHARE_GUEST, "S-", "SB", 2, 3 },
	{ GMS_PKVM_HOST_SHARE_GUEST, "S-", "SB", UINT32_MAX - 1, UINT32_MAX },
	{ GMS_PKVM_HOST_UNSHARE_GUEST, "SB", "O-", 1, 0 },
	{ GMS_PKVM_HOST_UNSHARE_GUEST, "SB", "S-", 2, 1 },
	{ GMS_PKVM_HOST_UNSHARE_GUEST, "SB", "S-", UINT32_MAX, UINT32_MAX - 1 },
	{ GMS_PKVM_HOST_DONATE_GUEST, "O-", "-O", 0, 0 },
	{ GMS_PKVM_GUEST_SHARE_HOST, "-O", "BS", 0, 0 },
	{ GMS_PKVM_GUEST_UNSHARE_HOST, "BS", "-O", 0, 0 },
	{ GMS_PKVM_GUEST_RELINQUISH, "-O", "O-", 0, 0 },
	{ GMS_PKVM_GUEST_RELINQUISH, "O-", "O-", 0, 0 },
	{ GMS_PKVM_RECLAIM, "-O", "O-", 0, 0 },
	{ GMS_PKVM_RECLAIM, "BS", "O-", 0, 0 },
	{ GMS_PKVM_RECLAIM, "OX", "O-", 0, 0 },
	{ GMS_PKVM_FORCE_RECLAIM, "-O", "OX", 0, 0 },
	{ GMS_PKVM_HOST_SHARE_HYP, "O-", "SB", 0, 0 },
	{ GMS_PKVM_HOST_UNSHARE_HYP, "SB", "O-", 0, 0 },
	{ GMS_PKVM_HOST_SHARE_FFA, "O-", "S-", 0, 0 },
	{ GMS_PKVM_HOST_UNSHARE_FFA, "S-", "O-", 0, 0 },
};

static const char letters[] = "OSB-X";

static struct gms_pkvm_page page_of(const char *pair, uint32_t count)
{
	const struct gms_pkvm_page page = {
		.host = (uint32_t)(strchr(letters, pair[0]) - letters),
		.guest = (uint32_t)(strchr(letters, pair[1]) - letters),
		.count = count,
	};

	return page;
}

START_TEST(what_is_allowed_comes_to_its_pair)	/* _i: row */
{
	const struct gms_pkvm_page before = page_of(allowed[_i].before, allowed[_i].count);
	const struct gms_pkvm_page wanted = page_of(allowed[_i].after, allowed[_i].new_count);
	struct gms_pkvm_page page;

	memset(&page, 0xff, sizeof(page));
	ck_assert_int_eq(gms_pkvm_may(allowed[_i].op, &before, &page), 0);
	ck_assert_mem_eq(&page, &wanted, sizeof(page));
	page = before;
	ck_assert_int_eq(gms_pkvm_may(allowed[_i].op, &page, &page), 0);
	ck_assert_mem_eq(&page, &wanted, sizeof(page));
	ck_assert_int_eq(gms_pkvm_may(allowed[_i].op, &before, NULL), 0);
}
END_TEST

static bool is_allowed(uint32_t op, const char *pair)
{
	for (int i = 0; i < ROWS(allowed); i++)
		if (allowed[i].op == op && !strncmp(allowed[i].before, pair, 2))
			return true;
	return false;
}

/* Those that begin with a look at what the guest has mapped. */
static bool looks_at_guest(uint32_t op)
{
	return op == GMS_PKVM_HOST_UNSHARE_GUEST || op == GMS_PKVM_GUEST_SHARE_HOST ||
	       op == GMS_PKVM_GUEST_UNSHARE_HOST || op == GMS_PKVM_GUEST_RELINQUISH ||
	       op == GMS_PKVM_RECLAIM || op == GMS_PKVM_FORCE_RECLAIM;
}

/* What a pair that is in no row of allowed[] comes to. */
static int refusal(uint32_t op, const char *pair)
{
	if (looks_at_guest(op) && pair[1] == 'X' && op != GMS_PKVM_RECLAIM)
		return -EHWPOISON;
	if (looks_at_guest(op) && pair[1] == '-' && op != GMS_PKVM_GUEST_RELINQUISH)
		return -ENOENT;
	return -EPERM;
}

START_TEST(every_other_pair_is_refused)		/* _i: operation */
{
	const uint32_t op = (uint32_t)_i;
	unsigned int wrong = 0;

	for (int i = 0; i < 25; i++) {
		const char pair[3] = { letters[i / 5], letters[i % 5], 0 };
		const struct gms_pkvm_page before = page_of(pair, 0);
		struct gms_pkvm_page after = page_of("XX", 9), was = after;

		if (is_allowed(op, pair))
			continue;
		if (gms_pkvm_may(op, &before, &after) != refusal(op, pair) ||
		    memcmp(&after, &was, sizeof(was))) {
			printf("operation %u of %s: %d\n", op, pair,
			       gms_pkvm_may(op, &before, NULL));
			wrong++;
		}
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

static const struct {
	uint32_t op;
	const char *pair;
	uint32_t count, order;
	int error;
} refused[] = {
	{ GMS_PKVM_HOST_SHARE_GUEST, "S-", 0, 0, -EPERM },	/* shared with another kind */
	{ GMS_PKVM_HOST_SHARE_GUEST, "S-", UINT32_MAX, 0, -EBUSY },
	{ GMS_PKVM_HOST_UNSHARE_GUEST, "SB", 0, 0, -EINVAL },	/* counted wrong */
	{ GMS_PKVM_HOST_UNSHARE_GUEST, "SB", 1, 9, -E2BIG },
	{ GMS_PKVM_GUEST_SHARE_HOST, "-O", 0, 9, -E2BIG },
	{ GMS_PKVM_GUEST_SHARE_HOST, "BS", 0, 9, -E2BIG },	/* before the state */
	{ GMS_PKVM_GUEST_UNSHARE_HOST, "BS", 0, 9, -E2BIG },
	{ GMS_PKVM_GUEST_RELINQUISH, "-O", 0, 18, -E2BIG },
	{ GMS_PKVM_GUEST_RELINQUISH, "-O", 1, 0, -EBUSY },
	{ GMS_PKVM_RECLAIM, "-O", 0, 1, -E2BIG },
	{ GMS_PKVM_FORCE_RECLAIM, "-O", 0, 9, -E2BIG },
	{ GMS_PKVM_HOST_UNSHARE_HYP, "SB", 1, 0, -EBUSY },
	{ GMS_PKVM_HOST_UNSHARE_FFA, "S-", 1, 0, -EPERM },	/* guests have it */
	{ GMS_PKVM_OP_COUNT, "O-", 0, 0, -EINVAL },
	{ UINT32_MAX, "O-", 0, 0, -EINVAL },
};

START_TEST(users_and_sizes_are_refused)		/* _i: row */
{
	struct gms_pkvm_page before = page_of(refused[_i].pair, refused[_i].count), after;

	before.order = refused[_i].order;
	ck_assert_int_eq(gms_pkvm_may(refused[_i].op, &before, &after), refused[_i].error);
}
END_TEST

START_TEST(states_that_there_are_not_are_refused)
{
	struct gms_pkvm_page page = page_of("O-", 0);

	ck_assert_int_eq(gms_pkvm_may(0, NULL, &page), -EINVAL);
	page.host = GMS_PKVM_STATE_COUNT;
	ck_assert_int_eq(gms_pkvm_may(0, &page, &page), -EINVAL);
	page = page_of("O-", 0);
	page.guest = UINT32_MAX;
	ck_assert_int_eq(gms_pkvm_may(0, &page, &page), -EINVAL);
}
END_TEST

START_TEST(attributes_are_a_pair)
{
	static const struct {
		gms_state state;
		const char *pair;
	} pairs[] = {
		{ P, "-O" }, { P | S, "BS" }, { 0, "O-" }, { S, "O-" },
		{ GMS_STATE_POISON, "OX" }, { GMS_STATE_POISON | P | S, "OX" },
		{ P | GMS_STATE_FROZEN | GMS_STATE_DIRTY | D, "-O" },
		{ GMS_STATE_MISSING, "O-" },
	};
	struct gms_pkvm_page page;

	for (int i = 0; i < ROWS(pairs); i++) {
		const struct gms_pkvm_page wanted = page_of(pairs[i].pair, 0);

		memset(&page, 0xff, sizeof(page));
		ck_assert_int_eq(gms_pkvm_page_of(pairs[i].state, &page), 0);
		ck_assert_mem_eq(&page, &wanted, sizeof(page));
	}
	ck_assert_int_eq(gms_pkvm_page_of(GMS_HOLE, &page), -ENOENT);
	ck_assert_int_eq(gms_pkvm_page_of(BIT(15), &page), -EINVAL);
	ck_assert_int_eq(gms_pkvm_page_of(0, NULL), -EINVAL);
}
END_TEST

/* --- Calls --- */

START_TEST(a_granule_is_shared_and_unshared_once)
{
	ck_assert_uint_eq(one(GMS_PKVM_MEM_UNSHARE, 7), INVALID);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_PRIVATE);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_SHARE, 7), 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(7, 1)), 1);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_SHARE, 7), INVALID);
	ck_assert_int_eq(result_of().error, -EPERM);
	ck_assert_uint_eq(result_of().error_gfn, 7);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_SHARED);
	ck_assert_uint_eq(fx_shared(space, ALL), 1);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_UNSHARE, 7), 0);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_UNSHARE, 7), INVALID);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_HYPERCALLS), 5);
}
END_TEST

START_TEST(the_upper_half_of_x0_does_not_count)
{
	ck_assert_uint_eq(one(GMS_PKVM_MEM_SHARE | BIT(32) | BIT(63), 7), 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 1);
}
END_TEST

START_TEST(relinquish_gives_the_memory_back)
{
	ck_assert_uint_eq(one(GMS_PKVM_MEM_RELINQUISH, 7), 0);
	ck_assert_uint_eq(gms_state_at(space, 7) & P, 0);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_RELINQUISH, 7), 0);	/* nothing is there */
	ck_assert_uint_eq(one(GMS_PKVM_MEM_SHARE, 8), 0);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_RELINQUISH, 8), INVALID);
	ck_assert_uint_eq(gms_state_at(space, 8) & (P | S), P | S);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_UNSHARE, 8), 0);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_RELINQUISH, 8), 0);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_UNSHARE, 8), INVALID);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	ck_assert_uint_eq(gms_state_at(space, 6) & gms_state_at(space, 9) & P, P);
}
END_TEST

START_TEST(a_page_that_is_not_there_is_brought_in_and_the_call_comes_again)
{
	change(7, 1, 0, P);
	ck_assert_uint_eq(call(0, GMS_PKVM_MEM_SHARE, GPA(7), 0, 0), GMS_PKVM_BRING_IN);
	ck_assert_uint_eq(result_of().error_gfn, 7);
	/* The guest runs from the HVC again: its registers are those of the call. */
	ck_assert_uint_eq(regs[0], GMS_PKVM_MEM_SHARE);
	ck_assert_uint_eq(regs[1], GPA(7));
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	change(7, 1, P, S);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_SHARE, 7), 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 1);
	/* Shared memory that the host took away: for the guest there is nothing. */
	change(7, 1, 0, P);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_UNSHARE, 7), INVALID);
	ck_assert_uint_eq(call(0, GMS_PKVM_MEM_SHARE, GPA(7), 0, 0), GMS_PKVM_BRING_IN);
	change(7, 1, P, S);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_SHARE, 7), 0);
}
END_TEST

START_TEST(a_poisoned_granule_is_refused)	/* _i: the call */
{
	static const uint32_t calls[] = {
		GMS_PKVM_MEM_SHARE, GMS_PKVM_MEM_UNSHARE, GMS_PKVM_MEM_RELINQUISH,
	};

	change(7, 1, GMS_STATE_POISON, 0);
	ck_assert_uint_eq(one(calls[_i], 7), INVALID);
	ck_assert_int_eq(result_of().error, -EHWPOISON);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_POISON);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

START_TEST(meminfo_is_the_granule)
{
	answers(call(0, GMS_PKVM_HYP_MEMINFO, 0, 0, 0), 4096, 0);
	answers(call(GMS_PKVM_RANGES, GMS_PKVM_HYP_MEMINFO, 0, 0, 0), 4096, 1);
	for (int i = 1; i < 4; i++)
		answers(call(GMS_PKVM_RANGES, GMS_PKVM_HYP_MEMINFO, i == 1, i == 2, i == 3),
			INVALID, 0);
}
END_TEST

static const uint64_t unknown_calls[] = {
	0, 0xc6000000, 0xc6000001, 0xc6000005, 0xc6000008, 0xc600000a, 0x86000003, 0x84000000,
	0xc4000003, UINT32_MAX, UINT64_MAX,
};

START_TEST(another_call_is_not_supported)	/* _i: row */
{
	answers(call(0, unknown_calls[_i], GPA(7), 0, 0), (uint64_t)-1, 0);
	answers(call(GMS_PKVM_RANGES, unknown_calls[_i], GPA(7), 1, 0), (uint64_t)-1, 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

static const struct {
	uint32_t flags;
	uint64_t x1, x2, x3;
} wrong_calls[] = {
	{ 0, 1, 0, 0 },				/* unaligned */
	{ 0, GPA(7) + 2048, 0, 0 },
	{ 0, GPA(7), 1, 0 },			/* no ranges, so reserved */
	{ 0, GPA(7), BIT(63), 0 },
	{ 0, GPA(7), 0, 1 },
	{ 0, GPA(7), 0, BIT(63) },
	{ 0, BIT(52), 0, 0 },
	{ 0, BIT(63), 0, 0 },
	{ 0, UINT64_MAX - 4095, 0, 0 },
	{ 0, UINT64_MAX, 0, 0 },
	{ 0, GPA(2 * PAGES), 0, 0 },		/* holes */
	{ 0, BIT(52) - 4096, 0, 0 },
	{ 1, GPA(7), 1, 1 },
	{ 1, GPA(7) + 1, 1, 0 },
	{ 1, GPA(7), BIT(52), 0 },		/* bytes wrap */
	{ 1, GPA(7), BIT(52) + 1, 0 },
	{ 1, GPA(7), UINT64_MAX, 0 },
	{ 1, GPA(1), GMS_GFN_LIMIT, 0 },
	{ 1, BIT(52) - 4096, 2, 0 },
	{ 1, UINT64_MAX - 4095, 2, 0 },
	{ 1, GPA(2 * PAGES), 100, 0 },
	{ 1, GPA(2 * PAGES), 0, 0 },
};

START_TEST(words_that_are_wrong_are_invalid)	/* _i: row */
{
	struct gms_request_opts opts;

	for (uint32_t holes = 0; holes < 2; holes++) {
		GMS_INIT(&opts);
		opts.flags = holes ? GMS_REQUEST_HOLES : 0;
		vcpu_make(&opts);
		for (uint64_t x0 = GMS_PKVM_MEM_SHARE; x0 <= GMS_PKVM_MEM_UNSHARE; x0++)
			answers(call(wrong_calls[_i].flags, x0, wrong_calls[_i].x1, wrong_calls[_i].x2,
				     wrong_calls[_i].x3), INVALID, 0);
	}
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	ck_assert_uint_eq(host->calls, 0);
}
END_TEST

START_TEST(a_range_is_done_in_one_commit)
{
	answers(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_SHARE, GPA(PAGES - 100), 200, 0), 0, 200);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(PAGES - 100, 200)), 200);
	ck_assert_uint_eq(result_of().commits, 1);
	answers(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_UNSHARE, GPA(PAGES - 100), 200, 0), 0, 200);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	/* As guests that know no ranges call it. */
	answers(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_SHARE, GPA(5), 0, 0), 0, 1);
	ck_assert_uint_eq(fx_shared(space, ALL), 1);
	/* Of relinquish there are no ranges. */
	answers(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_RELINQUISH, GPA(6), 2, 0), INVALID, 0);
	answers(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_RELINQUISH, GPA(6), 0, 0), 0, 0);
	ck_assert_uint_eq(gms_state_at(space, 6) & P, 0);
}
END_TEST

/* What ends a range, from page 40 of it on, and what the call for the rest says. */
START_TEST(a_range_is_done_up_to_what_is_refused)	/* _i: what */
{
	const uint32_t last = _i == 1 ? GMS_PKVM_BRING_IN : GMS_PKVM_ANSWER;
	uint32_t action;

	switch (_i) {
	case 0:
		change(140, 1, S, 0);
		break;
	case 1:
		change(140, 1, 0, P);
		break;
	case 2:
		change(140, 1, GMS_STATE_POISON, 0);
		break;
	default:
		break;
	}
	answers(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_SHARE, GPA(_i == 3 ? 2 * PAGES - 40 : 100), 64,
		     0), 0, 40);
	ck_assert_int_lt(result_of().error, 0);
	ck_assert_uint_eq(fx_shared(space, ALL), _i ? 40 : 41);
	action = call(GMS_PKVM_RANGES, GMS_PKVM_MEM_SHARE, GPA(_i == 3 ? 2 * PAGES : 140), 24, 0);
	ck_assert_uint_eq(action, last);
	if (last == GMS_PKVM_ANSWER)
		answers(action, INVALID, 0);
	else
		ck_assert_uint_eq(regs[2], 24);
	ck_assert_uint_eq(fx_shared(space, ALL), _i ? 40 : 41);
}
END_TEST

START_TEST(a_pinned_granule_ends_an_unshare)	/* _i: where it is */
{
	gms_pin_id pin;

	change(100, 64, S, 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(100 + (unsigned)_i, 1), 0, 1, &pin, NULL), 0);
	if (_i)
		answers(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_UNSHARE, GPA(100), 64, 0), 0,
			(unsigned)_i);
	answers(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_UNSHARE, GPA(100 + (unsigned)_i),
		     64 - (unsigned)_i, 0), INVALID, 0);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(result_of().error_gfn, 100 + (unsigned)_i);
	ck_assert_uint_eq(fx_shared(space, ALL), 64 - (unsigned)_i);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	answers(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_UNSHARE, GPA(100 + (unsigned)_i),
		     64 - (unsigned)_i, 0), 0, 64 - (unsigned)_i);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

START_TEST(what_is_in_the_way_for_a_moment_is_for_later)
{
	struct gms_request_opts opts;
	struct gms_access access;

	GMS_INIT(&opts);
	opts.flags = GMS_REQUEST_NO_WAIT;
	vcpu_make(&opts);
	change(7, 2, S, 0);
	ck_assert_int_eq(gms_access_begin(space, FX_RANGE(7, 1), 0, 0, &access), 0);
	ck_assert_uint_eq(call(0, GMS_PKVM_MEM_UNSHARE, GPA(7), 0, 0), GMS_PKVM_LATER);
	ck_assert_uint_eq(regs[0], GMS_PKVM_MEM_UNSHARE);
	gms_access_end(space, &access);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(7, 1), 0, NULL), 0);
	ck_assert_uint_eq(call(0, GMS_PKVM_MEM_UNSHARE, GPA(7), 0, 0), GMS_PKVM_LATER);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(7, 1), NULL), 0);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_UNSHARE, 7), 0);
}
END_TEST

static const struct {
	int error;
	uint32_t action;
	uint64_t x0;
} refusals[] = {
	{ -EAGAIN, GMS_PKVM_LATER, GMS_PKVM_MEM_SHARE },
	{ -EPERM, GMS_PKVM_ANSWER, INVALID },
	{ -ENOENT, GMS_PKVM_ANSWER, INVALID },
	{ -EBUSY, GMS_PKVM_ANSWER, INVALID },
	{ -ENOMEM, GMS_PKVM_LATER, GMS_PKVM_MEM_SHARE },
	{ -ENOSYS, GMS_PKVM_ANSWER, (uint64_t)-1 },
};

START_TEST(the_embedder_refuses)	/* _i: row */
{
	uint64_t words[4] = { GMS_PKVM_MEM_SHARE, GPA(7) };
	uint32_t action;

	ck_assert_int_eq(gms_pkvm_begin(request, 0, words), 0);
	ck_assert_int_eq(gms_request_refuse(request, refusals[_i].error), 0);
	ck_assert_int_eq(gms_pkvm_end(request, words, &action), 0);
	ck_assert_uint_eq(action, refusals[_i].action);
	ck_assert_uint_eq(words[0], refusals[_i].x0);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

START_TEST(a_failing_host_is_answered_and_undone)
{
	fx_host_fail_after(host, 0, -EIO);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_SHARE, 7), INVALID);
	ck_assert_int_eq(result_of().error, -EIO);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	ck_assert_uint_eq(one(GMS_PKVM_MEM_SHARE, 7), 0);
}
END_TEST

static bool stop_second(void *ctx)
{
	return ++*(unsigned int *)ctx == 2;
}

/* Wherever it is cut, the guest's loop ends in the state of one call. */
START_TEST(a_range_goes_on_where_it_stopped)	/* _i: most pages, or chunks */
{
	struct gms_request_opts opts;
	uint64_t done = 0, calls = 0;
	unsigned int asked = 0;

	GMS_INIT(&opts);
	if (_i % 2) {
		opts.most_pages = (unsigned)_i;
	} else {
		opts.chunk_pages = (unsigned)_i;
		opts.stop = stop_second;
		opts.ctx = &asked;
	}
	vcpu_make(&opts);
	while (done < 300 && calls++ < 300) {
		ck_assert_uint_eq(call(GMS_PKVM_RANGES, GMS_PKVM_MEM_SHARE,
				       GPA(PAGES - 150 + done), 300 - done, 0), GMS_PKVM_ANSWER);
		ck_assert_uint_eq(regs[0], 0);
		ck_assert_uint_gt(regs[1], 0);
		if (_i % 2)
			ck_assert_uint_le(regs[1], (unsigned)_i);
		done += regs[1];
		ck_assert_uint_eq(fx_shared(space, ALL), done);
	}
	ck_assert_uint_eq(done, 300);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(PAGES - 150, 300)), 300);
}
END_TEST

#define VCPUS	4
#define ROUNDS	200

struct vcpu {
	pthread_t thread;
	unsigned int shared[ROUNDS];	/* was it told that it did? */
	pthread_barrier_t *gate;
};

static void *run_vcpu(void *arg)
{
	struct vcpu *vcpu = arg;
	struct gms_request *own;
	uint32_t action;

	if (gms_request_new(&own, space, NULL))
		return arg;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t words[4] = { GMS_PKVM_MEM_SHARE, GPA(i) };

		(void)pthread_barrier_wait(vcpu->gate);
		vcpu->shared[i] = !gms_pkvm(own, 0, words, &action) &&
				  action == GMS_PKVM_ANSWER && !words[0];
	}
	gms_request_free(own);
	return NULL;
}

START_TEST(of_calls_at_once_one_is_told_that_it_did)
{
	struct vcpu vcpus[VCPUS];
	pthread_barrier_t gate;
	unsigned int wrong = 0;

	memset(vcpus, 0, sizeof(vcpus));
	ck_assert_int_eq(pthread_barrier_init(&gate, NULL, VCPUS), 0);
	for (int i = 0; i < VCPUS; i++) {
		vcpus[i].gate = &gate;
		ck_assert_int_eq(pthread_create(&vcpus[i].thread, NULL, run_vcpu, &vcpus[i]), 0);
	}
	for (int i = 0; i < VCPUS; i++) {
		void *failed;

		ck_assert_int_eq(pthread_join(vcpus[i].thread, &failed), 0);
		ck_assert_ptr_null(failed);
	}
	(void)pthread_barrier_destroy(&gate);
	for (int r = 0; r < ROUNDS; r++) {
		unsigned int told = 0;

		for (int i = 0; i < VCPUS; i++)
			told += vcpus[i].shared[r];
		wrong += told != 1;
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(fx_shared(space, ALL), ROUNDS);
}
END_TEST

START_TEST(steps_out_of_order_are_the_embedders_fault)
{
	uint64_t words[4] = { GMS_PKVM_MEM_SHARE, GPA(7) };
	uint32_t action = 77;

	ck_assert_int_eq(gms_pkvm_begin(NULL, 0, words), -EINVAL);
	ck_assert_int_eq(gms_pkvm_begin(request, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_pkvm_begin(request, 2, words), -EINVAL);
	ck_assert_int_eq(gms_pkvm_end(request, words, &action), -EINVAL);
	ck_assert_int_eq(gms_pkvm_end(NULL, words, &action), -EINVAL);
	ck_assert_int_eq(gms_pkvm(request, 0, words, NULL), -EINVAL);
	ck_assert_int_eq(gms_pkvm(request, 0, NULL, &action), -EINVAL);
	ck_assert_int_eq(gms_pkvm(request, 4, words, &action), -EINVAL);
	ck_assert_int_eq(gms_pkvm(NULL, 0, words, &action), -EINVAL);
	ck_assert_int_eq(gms_pkvm_begin(request, 0, words), 0);
	ck_assert_int_eq(gms_pkvm_end(request, words, &action), -EINVAL);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_pkvm_end(request, NULL, &action), -EINVAL);
	ck_assert_int_eq(gms_pkvm_end(request, words, NULL), -EINVAL);
	ck_assert_uint_eq(action, 77);
	ck_assert_int_eq(gms_pkvm_end(request, words, &action), 0);
	ck_assert_int_eq(gms_pkvm_end(request, words, &action), -EINVAL);
}
END_TEST

static void add_table(Suite *s)
{
	TCase *table = fx_case(s, "table");

	tcase_add_loop_test(table, what_is_allowed_comes_to_its_pair, 0, ROWS(allowed));
	tcase_add_loop_test(table, every_other_pair_is_refused, 0, GMS_PKVM_OP_COUNT);
	tcase_add_loop_test(table, users_and_sizes_are_refused, 0, ROWS(refused));
	tcase_add_test(table, states_that_there_are_not_are_refused);
	tcase_add_test(table, attributes_are_a_pair);
}

static void add_calls(Suite *s)
{
	TCase *calls = fx_case(s, "call"), *ranges = fx_case(s, "range");

	tcase_add_checked_fixture(calls, setup, vcpu_teardown);
	tcase_add_test(calls, a_granule_is_shared_and_unshared_once);
	tcase_add_test(calls, the_upper_half_of_x0_does_not_count);
	tcase_add_test(calls, relinquish_gives_the_memory_back);
	tcase_add_test(calls, a_page_that_is_not_there_is_brought_in_and_the_call_comes_again);
	tcase_add_loop_test(calls, a_poisoned_granule_is_refused, 0, 3);
	tcase_add_test(calls, meminfo_is_the_granule);
	tcase_add_loop_test(calls, another_call_is_not_supported, 0, ROWS(unknown_calls));
	tcase_add_loop_test(calls, words_that_are_wrong_are_invalid, 0, ROWS(wrong_calls));
	tcase_add_test(calls, what_is_in_the_way_for_a_moment_is_for_later);
	tcase_add_loop_test(calls, the_embedder_refuses, 0, ROWS(refusals));
	tcase_add_test(calls, a_failing_host_is_answered_and_undone);
	tcase_add_test(calls, of_calls_at_once_one_is_told_that_it_did);
	tcase_add_test(calls, steps_out_of_order_are_the_embedders_fault);

	tcase_add_checked_fixture(ranges, setup, vcpu_teardown);
	tcase_add_test(ranges, a_range_is_done_in_one_commit);
	tcase_add_loop_test(ranges, a_range_is_done_up_to_what_is_refused, 0, 4);
	tcase_add_loop_test(ranges, a_pinned_granule_ends_an_unshare, 0, 3);
	tcase_add_loop_test(ranges, a_range_goes_on_where_it_stopped, 1, 9);
}

int main(void)
{
	Suite *s = suite_create("pkvm");

	add_table(s);
	add_calls(s);
	return fx_run(s);
}

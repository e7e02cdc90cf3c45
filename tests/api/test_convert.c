/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of convert.h: transitions, what is refused, and that a
 * refused batch leaves no trace.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define P	GMS_STATE_POPULATED
#define H	GMS_STATE_HOST_MAPPED
#define A	GMS_STATE_ACCEPTED

/* RAM: two regions that meet at 2048, then a hole at 3072, then 512 pages more. */
static struct fx_mem mem;
static struct gms_space *space;
static struct gms_convert_result result;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(1024, 1024), 9, D, NULL);
	fx_region(space, FX_RANGE(2048, 1024), 0, D, NULL);
	fx_region(space, FX_RANGE(4096, 512), 9, D | S, NULL);
	GMS_INIT(&result);
}

static void teardown(void)
{
	fx_space_done(space, &mem);
}

static int change(gms_gfn first, uint64_t npages, gms_state set, gms_state clear)
{
	const struct gms_change one = { FX_RANGE(first, npages), set, clear };

	GMS_INIT(&result);
	return gms_convert(space, &one, 1, NULL, &result);
}

/* @changes must be refused so, and nothing that can be seen may differ. */
static void refuse(const struct gms_change *changes, size_t n, int error, gms_gfn error_gfn,
		   uint32_t reason)
{
	struct fx_snap before, after;
	uint64_t live;

	GMS_INIT(&result);
	fx_snap_take(&before, space, NULL);
	ck_assert_int_eq(gms_convert(space, changes, n, NULL, &result), error);
	live = mem.live_bytes;	/* scratch memory may stay with the space, once */
	ck_assert_int_eq(gms_convert(space, changes, n, NULL, &result), error);
	ck_assert_uint_eq(mem.live_bytes, live);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);
	if (reason != GMS_REASON_NONE) {
		ck_assert_uint_eq(result.error_gfn, error_gfn);
		ck_assert_str_eq(gms_reason_name(result.error_reason), gms_reason_name(reason));
	}
	fx_check(space);
}

static void refuse_one(gms_gfn first, uint64_t npages, gms_state set, gms_state clear, int error,
		       gms_gfn error_gfn, uint32_t reason)
{
	const struct gms_change one = { FX_RANGE(first, npages), set, clear };

	refuse(&one, 1, error, error_gfn, reason);
}

/* --- bad input ----------------------------------------------------------- */

static const struct gms_range bad_ranges[] = {
	{ 1024, 0 }, { 0, 0 }, { UINT64_MAX, 2 }, { 1, UINT64_MAX }, { 1024, UINT64_MAX - 1023 },
};

START_TEST(bad_ranges_are_refused)	/* _i: of bad_ranges */
{
	const struct gms_change two[] = {
		{ FX_RANGE(1024, 1), S, 0 }, { bad_ranges[_i], S, 0 },
	};

	refuse_one(bad_ranges[_i].first, bad_ranges[_i].npages, S, 0, -EINVAL, 0, 0);
	refuse(two, 2, -EINVAL, 0, 0);
	ck_assert_int_eq(gms_share(space, bad_ranges[_i], &result), -EINVAL);
	ck_assert_int_eq(gms_unshare(space, bad_ranges[_i], &result), -EINVAL);
}
END_TEST

START_TEST(null_is_refused)
{
	const struct gms_change one = { FX_RANGE(1024, 1), S, 0 };

	ck_assert_int_eq(gms_share(NULL, one.range, NULL), -EINVAL);
	ck_assert_int_eq(gms_unshare(NULL, one.range, NULL), -EINVAL);
	ck_assert_int_eq(gms_convert(NULL, &one, 1, NULL, NULL), -EINVAL);
	ck_assert_int_eq(gms_convert(space, NULL, 1, NULL, NULL), -EINVAL);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(1024, 1024)), 0);
}
END_TEST

START_TEST(no_changes_succeed)
{
	ck_assert_int_eq(gms_convert(space, NULL, 0, NULL, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_uint_eq(result.unchanged_pages, 0);
}
END_TEST

START_TEST(unknown_and_contrary_bits_are_refused)
{
	refuse_one(1024, 1, GMS_HOLE, 0, -EINVAL, 0, 0);
	refuse_one(1024, 1, 0, GMS_HOLE, -EINVAL, 0, 0);
	refuse_one(1024, 1, GMS_STATE_ALL + 1, 0, -EINVAL, 0, 0);
	refuse_one(1024, 1, S, S, -EINVAL, 0, 0);
	refuse_one(1024, 1, S | D, P | D, -EINVAL, 0, 0);
}
END_TEST

START_TEST(unknown_flags_and_modes_are_refused)
{
	const struct gms_change one = { FX_RANGE(1024, 1), S, 0 };
	struct gms_convert_opts opts;

	for (unsigned i = 4; i < 32; i++) {
		GMS_INIT(&opts);
		opts.flags = UINT32_C(1) << i;
		ck_assert_int_eq(gms_convert(space, &one, 1, &opts, NULL), -EINVAL);
	}
	GMS_INIT(&opts);
	opts.mode = GMS_CONVERT_PROGRESS + 1;
	ck_assert_int_eq(gms_convert(space, &one, 1, &opts, NULL), -EINVAL);
	opts.mode = UINT32_MAX;
	ck_assert_int_eq(gms_convert(space, &one, 1, &opts, NULL), -EINVAL);
	ck_assert_uint_eq(gms_state_at(space, 1024), D);
}
END_TEST

START_TEST(structs_of_a_wrong_size_are_refused)
{
	const struct gms_change one = { FX_RANGE(1024, 1), S, 0 };
	FX_LONGER(struct gms_convert_opts) opts;
	FX_LONGER(struct gms_convert_result) res;

	gms_init(&opts, sizeof(opts));
	gms_init(&res, sizeof(res));
	opts.tail[0] = 1;
	ck_assert_int_eq(gms_convert(space, &one, 1, &opts.known, NULL), -E2BIG);
	opts.tail[0] = 0;
	res.tail[15] = 1;
	ck_assert_int_eq(gms_convert(space, &one, 1, NULL, &res.known), -E2BIG);
	ck_assert_int_eq(gms_share(space, one.range, &res.known), -E2BIG);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(4096, 1), &res.known), -E2BIG);
	res.tail[15] = 0;
	opts.known.size = sizeof(size_t) - 1;
	ck_assert_int_eq(gms_convert(space, &one, 1, &opts.known, NULL), -EINVAL);
	opts.known.size = 0;
	ck_assert_int_eq(gms_convert(space, &one, 1, &opts.known, NULL), -EINVAL);
	res.known.size = 0;
	ck_assert_int_eq(gms_convert(space, &one, 1, NULL, &res.known), -EINVAL);
	ck_assert_int_eq(gms_share(space, one.range, &res.known), -EINVAL);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(4096, 1), &res.known), -EINVAL);
	ck_assert_uint_eq(gms_state_at(space, 1024), D);
	ck_assert_uint_eq(gms_state_at(space, 4096), S | D);

	gms_init(&opts, sizeof(opts));
	gms_init(&res, sizeof(res));
	ck_assert_int_eq(gms_convert(space, &one, 1, &opts.known, &res.known), 0);
	ck_assert_uint_eq(res.known.changed_pages, 1);
	ck_assert_uint_eq(res.known.size, sizeof(res));
}
END_TEST

START_TEST(a_shorter_result_is_filled_as_far_as_it_goes)
{
	const unsigned char *rest = (const unsigned char *)&result;
	const size_t keep = offsetof(struct gms_convert_result, host_runs);

	memset(&result, 0x66, sizeof(result));
	result.size = keep;
	ck_assert_int_eq(gms_share(space, FX_RANGE(1024, 5), &result), 0);
	ck_assert_uint_eq(result.changed_pages, 5);
	for (size_t i = keep; i < sizeof(result); i++)
		ck_assert_uint_eq(rest[i], 0x66);
}
END_TEST

START_TEST(holes_are_refused_by_the_lowest)
{
	const struct gms_change backwards[] = {
		{ FX_RANGE(9000, 5), S, 0 }, { FX_RANGE(4000, 97), S, 0 },
		{ FX_RANGE(1024, 4), S, 0 },
	};

	refuse_one(3072, 1, S, 0, -ENOENT, 3072, GMS_REASON_HOLE);
	refuse_one(0, 1, S, 0, -ENOENT, 0, GMS_REASON_HOLE);
	refuse_one(1000, 100, S, 0, -ENOENT, 1000, GMS_REASON_HOLE);
	refuse_one(3000, 2000, S, 0, -ENOENT, 3072, GMS_REASON_HOLE);
	refuse_one(1024, GMS_GFN_LIMIT, S, 0, -ENOENT, 3072, GMS_REASON_HOLE);
	refuse_one(1, UINT64_MAX - 1, S, 0, -ENOENT, 1, GMS_REASON_HOLE);
	refuse(backwards, 3, -ENOENT, 4000, GMS_REASON_HOLE);
}
END_TEST

/* --- transitions --------------------------------------------------------- */

START_TEST(share_and_unshare_tell_what_they_did)
{
	ck_assert_int_eq(gms_share(space, FX_RANGE(1500, 1000), &result), 0);
	ck_assert_uint_eq(result.changed_pages, 1000);
	ck_assert_uint_eq(result.unchanged_pages, 0);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_NONE);
	ck_assert_uint_eq(gms_state_at(space, 1499), D);
	ck_assert_uint_eq(gms_state_at(space, 1500), S | D);
	ck_assert_uint_eq(gms_state_at(space, 2499), S | D);
	ck_assert_uint_eq(gms_state_at(space, 2500), D);
	fx_check(space);

	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(space, FX_RANGE(1024, 2048), &result), 0);
	ck_assert_uint_eq(result.changed_pages, 1048);
	ck_assert_uint_eq(result.unchanged_pages, 1000);

	GMS_INIT(&result);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1024, 2048), &result), 0);
	ck_assert_uint_eq(result.changed_pages, 2048);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(1024, 2048)), 0);
	fx_check(space);
}
END_TEST

START_TEST(converting_to_what_is_does_nothing)
{
	uint64_t seq, commits = fx_event(space, GMS_ACCT_COMMITS);

	ck_assert_int_eq(gms_share(space, FX_RANGE(1030, 3), NULL), 0);
	seq = gms_read_begin(space, FX_RANGE(1030, 3));
	ck_assert_int_eq(gms_share(space, FX_RANGE(1030, 3), &result), 0);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_uint_eq(result.unchanged_pages, 3);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_COMMITS), commits + 1);
	ck_assert_uint_eq(gms_read_begin(space, FX_RANGE(1030, 3)), seq);
}
END_TEST

START_TEST(later_changes_win_for_what_they_name)
{
	const struct gms_change batch[] = {
		{ FX_RANGE(1024, 100), S | P, 0 },
		{ FX_RANGE(1050, 10), 0, S },
		{ FX_RANGE(1055, 10), GMS_STATE_USER0, 0 },
		{ FX_RANGE(1058, 1), S, P },
	};

	ck_assert_int_eq(gms_convert(space, batch, 4, NULL, &result), 0);
	ck_assert_uint_eq(gms_state_at(space, 1024), S | D | P);
	ck_assert_uint_eq(gms_state_at(space, 1050), D | P);
	ck_assert_uint_eq(gms_state_at(space, 1055), D | P | GMS_STATE_USER0);
	ck_assert_uint_eq(gms_state_at(space, 1058), S | D | GMS_STATE_USER0);
	ck_assert_uint_eq(gms_state_at(space, 1060), S | D | P | GMS_STATE_USER0);
	ck_assert_uint_eq(gms_state_at(space, 1065), S | D | P);
	ck_assert_uint_eq(result.changed_pages, 100);
}
END_TEST

START_TEST(sharing_and_unsharing_in_one_batch_does_nothing)
{
	const struct gms_change batch[] = {
		{ FX_RANGE(1024, 600), S, 0 }, { FX_RANGE(1024, 600), 0, S },
		{ FX_RANGE(4096, 512), 0, S }, { FX_RANGE(4096, 512), S, 0 },
	};
	struct fx_snap before, after;

	ck_assert_int_eq(change(4096, 512, P | H, 0), 0);
	ck_assert_int_eq(change(1024, 600, P | A, 0), 0);
	fx_snap_take(&before, space, NULL);
	ck_assert_int_eq(gms_convert(space, batch, 4, NULL, &result), 0);
	ck_assert_uint_eq(result.changed_pages, 0);
	ck_assert_uint_eq(result.unchanged_pages, 600 + 512);
	fx_snap_take(&after, space, NULL);
	ck_assert_uint_eq(before.runs, after.runs);
	ck_assert_uint_eq(before.folios, after.folios);
	ck_assert_uint_eq(before.acct.event[GMS_ACCT_PAGES_CHANGED].count,
			  after.acct.event[GMS_ACCT_PAGES_CHANGED].count);
}
END_TEST

START_TEST(unsharing_takes_host_mapped_away)	/* I4 */
{
	ck_assert_int_eq(change(4096, 512, P | H, 0), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(4100, 1), NULL), 0);
	ck_assert_uint_eq(gms_state_at(space, 4100), D | P);
	ck_assert_uint_eq(gms_state_at(space, 4101), S | D | P | H);
}
END_TEST

START_TEST(sharing_takes_accepted_away)
{
	ck_assert_int_eq(change(1024, 512, P | A, 0), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(1030, 1), NULL), 0);
	ck_assert_uint_eq(gms_state_at(space, 1030), S | D | P);
	ck_assert_uint_eq(gms_state_at(space, 1031), D | P | A);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1030, 1), NULL), 0);
	ck_assert_uint_eq(gms_state_at(space, 1030), D | P);
}
END_TEST

START_TEST(discard_keeps_shared_only)	/* I3 */
{
	ck_assert_int_eq(change(4096, 512, P | H | GMS_STATE_DIRTY, 0), 0);
	ck_assert_int_eq(change(4096, 512, 0, P), 0);
	ck_assert_uint_eq(gms_state_at(space, 4096), S | D);
	ck_assert_int_eq(change(1024, 512, P | A | GMS_STATE_DIRTY | GMS_STATE_USER1, 0), 0);
	ck_assert_int_eq(change(1024, 512, 0, P), 0);
	ck_assert_uint_eq(gms_state_at(space, 1024), D | GMS_STATE_USER1);
	fx_check(space);
}
END_TEST

START_TEST(private_host_mapped_and_shared_accepted_are_refused)
{
	const struct gms_change both[] = {
		{ FX_RANGE(4096, 4), 0, S }, { FX_RANGE(4098, 1), H, 0 },
	};

	refuse_one(1024, 4, H, 0, -EPERM, 1024, GMS_REASON_PRIVATE);
	refuse_one(4096, 4, A, 0, -EPERM, 4096, GMS_REASON_SHARED);
	refuse_one(1030, 4, S | A, 0, -EPERM, 1030, GMS_REASON_SHARED);
	refuse_one(4100, 4, H, S, -EPERM, 4100, GMS_REASON_PRIVATE);
	refuse(both, 2, -EPERM, 4098, GMS_REASON_PRIVATE);
}
END_TEST

START_TEST(poison_goes_only_with_the_memory)	/* I11 */
{
	ck_assert_int_eq(change(4096, 8, P, 0), 0);
	ck_assert_int_eq(change(4100, 1, GMS_STATE_POISON, 0), 0);
	refuse_one(4096, 8, 0, GMS_STATE_POISON, -EHWPOISON, 4100, GMS_REASON_POISON);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(4100, 1), NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(4100, 1), NULL), 0);
	ck_assert_uint_eq(gms_state_at(space, 4100), S | D | P | GMS_STATE_POISON);
	ck_assert_int_eq(change(4100, 1, 0, GMS_STATE_POISON | P), 0);
	ck_assert_uint_eq(gms_state_at(space, 4100), S | D);
}
END_TEST

START_TEST(frozen_pages_do_not_turn_private)
{
	ck_assert_int_eq(change(4200, 3, GMS_STATE_FROZEN, 0), 0);
	refuse_one(4096, 512, 0, S, -EBUSY, 4200, GMS_REASON_FROZEN);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(4202, 1), &result), -EBUSY);
	ck_assert_uint_eq(result.error_gfn, 4202);
	ck_assert_int_eq(change(1030, 1, GMS_STATE_FROZEN, 0), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1030, 1), NULL), 0);	/* is private */
	ck_assert_int_eq(gms_share(space, FX_RANGE(1030, 1), NULL), 0);
	ck_assert_int_eq(change(4200, 3, 0, GMS_STATE_FROZEN), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(4096, 512), NULL), 0);
}
END_TEST

START_TEST(the_lowest_refused_page_decides)
{
	const struct gms_change batch[] = {
		{ FX_RANGE(4400, 10), 0, S },	/* frozen at 4405 */
		{ FX_RANGE(4200, 10), 0, S },	/* pinned at 4209 */
		{ FX_RANGE(4300, 1), A, 0 },	/* shared */
	};
	gms_pin_id pin;

	ck_assert_int_eq(gms_pin(space, FX_RANGE(4209, 50), 0, 1, &pin, NULL), 0);
	ck_assert_int_eq(change(4405, 1, GMS_STATE_FROZEN, 0), 0);
	refuse(batch, 3, -EAGAIN, 4209, GMS_REASON_PINNED);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	refuse(batch, 3, -EPERM, 4300, GMS_REASON_SHARED);
	refuse(batch, 2, -EBUSY, 4405, GMS_REASON_FROZEN);
}
END_TEST

START_TEST(no_alloc_refuses_what_was_not_set_aside)
{
	const struct gms_change one = { FX_RANGE(1030, 1), S, 0 };
	struct fx_snap before, after;
	struct gms_convert_opts opts;
	uint64_t calls = mem.calls;
	int err;

	GMS_INIT(&opts);
	opts.flags = GMS_CONVERT_NO_ALLOC;
	fx_snap_take(&before, space, NULL);
	err = gms_convert(space, &one, 1, &opts, &result);
	ck_assert_uint_eq(mem.calls, calls);
	fx_snap_take(&after, space, NULL);
	if (err) {	/* the first pool of a space may hold enough */
		ck_assert_int_eq(err, -ENOMEM);
		fx_snap_same(&before, &after);
	}
	ck_assert_int_eq(gms_space_reserve(space, 1), 0);
	calls = mem.calls;
	ck_assert_int_eq(gms_convert(space, &one, 1, &opts, NULL), 0);
	ck_assert_uint_eq(mem.calls, calls);
	ck_assert_uint_eq(gms_state_at(space, 1030), S | D);
}
END_TEST

/* A result that is used again says nothing of the call before. */
START_TEST(result_of_an_error_is_of_that_error)
{
	struct gms_space *inplace;
	struct fx_mem own;
	struct gms_change accept;

	fx_mem_init(&own);
	inplace = fx_space(&own, GMS_PROFILE_GMEM_INPLACE, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	fx_region(inplace, FX_RANGE(FX_2M, FX_2M), GMS_ORDER_2M, 0, NULL);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(inplace, FX_RANGE(FX_2M - 1, 2), &result), -ENOENT);
	ck_assert_uint_eq(result.error_gfn, FX_2M - 1);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_HOLE);

	ck_assert_int_eq(gms_share(inplace, FX_RANGE(FX_2M, 0), &result), -EINVAL);
	ck_assert_uint_eq(result.error_gfn, 0);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_NONE);

	accept = (struct gms_change){ FX_RANGE(FX_2M + 3, 1), GMS_STATE_ACCEPTED, 0 };
	ck_assert_int_eq(gms_convert(inplace, &accept, 1, NULL, &result), -EOPNOTSUPP);
	ck_assert_uint_eq(result.error_gfn, FX_2M + 3);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PROFILE);
	fx_space_done(inplace, &own);
}
END_TEST

/* All of a block there is, where a region ends within a word of bits. */
START_TEST(a_small_region_that_fills_up_is_uniform)
{
	static const gms_gfn begun[] = { 1024, 1034, 1044, 1063 };
	struct gms_space *small = fx_plain_space(NULL);
	bool uniform;

	fx_region(small, FX_RANGE(1024, 40), 0, 0, NULL);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(gms_share(small, FX_RANGE(begun[i], 1), NULL), 0);
	ck_assert_int_eq(gms_share(small, FX_RANGE(1025, 38), NULL), 0);
	fx_check(small);
	ck_assert_int_eq(gms_uniform(small, FX_RANGE(1024, 40), GMS_STATE_SHARED, &uniform), 0);
	ck_assert(uniform);
	gms_space_free(small);
}
END_TEST

START_TEST(progress_says_where_it_stopped_and_why)
{
	const struct gms_change changes[] = {
		{ FX_RANGE(2048, 10), 0, S }, { FX_RANGE(1024, 10), 0, S },
	};
	struct gms_convert_opts opts;
	gms_pin_id pin;

	GMS_INIT(&opts);
	opts.mode = GMS_CONVERT_PROGRESS;
	ck_assert_int_eq(change(1024, 2048, S, 0), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(2051, 1), 0, 1, &pin, NULL), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(space, changes, 2, &opts, &result), -EAGAIN);
	ck_assert_uint_eq(result.next, 2051);
	ck_assert_uint_eq(result.error_gfn, 2051);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
	ck_assert_uint_eq(result.changed_pages, 13);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_int_eq(gms_convert(space, changes, 2, &opts, &result), 0);
	ck_assert_uint_eq(result.next, 2058);
	ck_assert_uint_eq(result.changed_pages, 7);
	ck_assert_uint_eq(result.unchanged_pages, 13);
}
END_TEST

START_TEST(progress_without_memory_names_the_lowest_page)
{
	struct gms_change changes[64];
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.mode = GMS_CONVERT_PROGRESS;
	for (unsigned i = 0; i < 64; i++)
		changes[i] = (struct gms_change){ FX_RANGE(3000 - 2 * i, 1), S, 0 };
	fx_mem_fail_after(&mem, 0, true);
	ck_assert_int_eq(gms_convert(space, changes, 64, &opts, &result), -ENOMEM);
	fx_mem_heal(&mem);
	ck_assert_uint_eq(result.next, 3000 - 2 * 63);
	ck_assert_uint_eq(result.error_gfn, 3000 - 2 * 63);
	ck_assert_uint_eq(result.changed_pages, 0);
}
END_TEST

/* What an earlier call has done no later one goes back from, whatever it fails at. */
START_TEST(progress_without_memory_does_not_go_back)
{
	struct gms_convert_opts opts;
	struct gms_change all;
	unsigned gib = 2;

	fx_region(space, FX_RANGE(FX_1G, 40 * FX_1G), 18, D, NULL);
	ck_assert_int_eq(change(FX_1G, 100, S, 0), 0);
	fx_mem_fail_after(&mem, 0, true);
	while (change(gib * FX_1G, 1, S, 0) == 0)
		gib++;
	/* This GiB wants a table that is not to be had; those before it have theirs. */
	all = (struct gms_change){ FX_RANGE(FX_1G, (gib - 1) * FX_1G + 10), S, 0 };
	GMS_INIT(&opts);
	GMS_INIT(&result);
	opts.mode = GMS_CONVERT_PROGRESS;
	ck_assert_int_eq(gms_convert(space, &all, 1, &opts, &result), -ENOMEM);
	ck_assert_uint_eq(result.next, FX_1G + 100);
	ck_assert_uint_eq(result.unchanged_pages, 100);
	fx_mem_heal(&mem);
	ck_assert_int_eq(gms_convert(space, &all, 1, &opts, &result), 0);
}
END_TEST

/* One pin over runs in several states is one thing in the way, with room or without. */
START_TEST(blockers_are_counted_alike_whatever_the_room)
{
	const struct gms_change share = { FX_RANGE(1024, 30), S, 0 };
	const struct gms_change dirty = { FX_RANGE(1034, 10), GMS_STATE_DIRTY, 0 };
	const struct gms_change hide = { FX_RANGE(1024, 30), 0, S };
	struct gms_blocker blocker[8];
	struct gms_convert_opts opts;
	gms_pin_id id;

	GMS_INIT(&opts);
	GMS_INIT(&result);
	opts.flags = GMS_CONVERT_ALL_BLOCKERS;
	ck_assert_int_eq(gms_convert(space, &share, 1, NULL, NULL), 0);
	ck_assert_int_eq(gms_convert(space, &dirty, 1, NULL, NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(1026, 25), 0, 9, &id, NULL), 0);
	for (opts.blockers_room = 0; opts.blockers_room <= 8; opts.blockers_room += 4) {
		opts.blockers = blocker;
		ck_assert_int_eq(gms_convert(space, &hide, 1, &opts, &result), -EAGAIN);
		ck_assert_uint_eq(result.blockers, 1);
	}
	ck_assert_uint_eq(blocker[0].range.first, 1026);
	ck_assert_uint_eq(blocker[0].range.npages, 25);
	ck_assert_int_eq(gms_unpin(space, id), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("convert");
	TCase *tc = fx_case(s, "bad_input");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, bad_ranges_are_refused, 0,
			    (int)(sizeof(bad_ranges) / sizeof(bad_ranges[0])));
	tcase_add_test(tc, result_of_an_error_is_of_that_error);
	tcase_add_test(tc, null_is_refused);
	tcase_add_test(tc, no_changes_succeed);
	tcase_add_test(tc, unknown_and_contrary_bits_are_refused);
	tcase_add_test(tc, unknown_flags_and_modes_are_refused);
	tcase_add_test(tc, structs_of_a_wrong_size_are_refused);
	tcase_add_test(tc, a_shorter_result_is_filled_as_far_as_it_goes);
	tcase_add_test(tc, holes_are_refused_by_the_lowest);

	tc = fx_case(s, "transitions");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, share_and_unshare_tell_what_they_did);
	tcase_add_test(tc, converting_to_what_is_does_nothing);
	tcase_add_test(tc, later_changes_win_for_what_they_name);
	tcase_add_test(tc, sharing_and_unsharing_in_one_batch_does_nothing);
	tcase_add_test(tc, unsharing_takes_host_mapped_away);
	tcase_add_test(tc, sharing_takes_accepted_away);
	tcase_add_test(tc, discard_keeps_shared_only);
	tcase_add_test(tc, private_host_mapped_and_shared_accepted_are_refused);
	tcase_add_test(tc, poison_goes_only_with_the_memory);
	tcase_add_test(tc, frozen_pages_do_not_turn_private);
	tcase_add_test(tc, the_lowest_refused_page_decides);
	tcase_add_test(tc, no_alloc_refuses_what_was_not_set_aside);
	tcase_add_test(tc, a_small_region_that_fills_up_is_uniform);
	tcase_add_test(tc, blockers_are_counted_alike_whatever_the_room);

	tc = fx_case(s, "progress");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, progress_says_where_it_stopped_and_why);
	tcase_add_test(tc, progress_without_memory_names_the_lowest_page);
	tcase_add_test(tc, progress_without_memory_does_not_go_back);
	return fx_run(s);
}

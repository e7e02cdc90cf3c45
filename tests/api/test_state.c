/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of state.h: what a page is, which are so, how many. */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

/*
 * Three regions: A [512, 1536) of 2M folios, B right after it, [1536, 1600) of
 * 4K, then a hole, then C, 1 GiB at 4 GiB, of one folio. All direct-map;
 * shared are A's 600..699, B's last four pages, and C's third 2M block.
 */
static struct fx_mem mem;
static struct gms_space *space;
static uint32_t a, b, c;

#define C_FIRST	(4 * FX_1G)

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	a = fx_region(space, FX_RANGE(512, 1024), 9, D, NULL);
	b = fx_region(space, FX_RANGE(1536, 64), 0, D, NULL);
	c = fx_region(space, FX_RANGE(C_FIRST, FX_1G), 18, D, NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(600, 100), NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(1596, 4), NULL), 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(C_FIRST + 1024, 512), NULL), 0);
}

static void teardown(void)
{
	fx_space_done(space, &mem);
}

static const struct {
	gms_gfn	  gfn;
	gms_state state;
} points[] = {
	{ 0, GMS_HOLE }, { 511, GMS_HOLE }, { 512, D }, { 599, D }, { 600, S | D },
	{ 699, S | D }, { 700, D }, { 1535, D }, { 1536, D }, { 1595, D }, { 1596, S | D },
	{ 1599, S | D }, { 1600, GMS_HOLE }, { C_FIRST - 1, GMS_HOLE }, { C_FIRST, D },
	{ C_FIRST + 1023, D }, { C_FIRST + 1024, S | D }, { C_FIRST + 1535, S | D },
	{ C_FIRST + 1536, D }, { C_FIRST + FX_1G - 1, D }, { C_FIRST + FX_1G, GMS_HOLE },
	{ GMS_GFN_LIMIT, GMS_HOLE }, { UINT64_MAX, GMS_HOLE },
};

START_TEST(state_at_tells_every_border)
{
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		ck_assert_msg(gms_state_at(space, points[i].gfn) == points[i].state,
			      "0x%" PRIx64 " is 0x%x", points[i].gfn,
			      gms_state_at(space, points[i].gfn));
	ck_assert_uint_eq(gms_state_at(NULL, 600), GMS_HOLE);
}
END_TEST

static void run_is(gms_gfn gfn, gms_state mask, gms_gfn first, uint64_t npages, gms_state state,
		   uint32_t region)
{
	struct gms_run run;

	ck_assert_int_eq(gms_run_at(space, gfn, mask, &run), 0);
	ck_assert_uint_eq(run.first, first);
	ck_assert_uint_eq(run.npages, npages);
	ck_assert_uint_eq(run.state, state);
	ck_assert_uint_eq(run.region, region);
}

START_TEST(run_at_is_maximal_and_within_the_region)
{
	run_is(512, S, 512, 88, 0, a);
	run_is(599, S | D, 512, 88, D, a);
	run_is(650, S, 600, 100, S, a);
	run_is(700, GMS_STATE_ALL, 700, 836, D, a);
	run_is(1535, S, 700, 836, 0, a);
	run_is(1536, S, 1536, 60, 0, b);
	run_is(C_FIRST + 1, S, C_FIRST, 1024, 0, c);
	run_is(C_FIRST + 1200, S, C_FIRST + 1024, 512, S, c);
	run_is(C_FIRST + FX_1G - 1, S, C_FIRST + 1536, FX_1G - 1536, 0, c);
}
END_TEST

START_TEST(run_at_under_another_mask_is_longer)
{
	run_is(650, 0, 512, 1024, 0, a);
	run_is(650, D, 512, 1024, D, a);
	run_is(650, D | GMS_STATE_DIRTY, 512, 1024, D, a);
	run_is(1599, 0, 1536, 64, 0, b);
	run_is(C_FIRST, D, C_FIRST, FX_1G, D, c);
}
END_TEST

START_TEST(run_at_refuses_bad_input)
{
	struct gms_run run;

	ck_assert_int_eq(gms_run_at(NULL, 512, S, &run), -EINVAL);
	ck_assert_int_eq(gms_run_at(space, 512, S, NULL), -EINVAL);
	ck_assert_int_eq(gms_run_at(space, 512, GMS_STATE_ALL + 1, &run), -EINVAL);
	ck_assert_int_eq(gms_run_at(space, 512, GMS_HOLE, &run), -EINVAL);
	ck_assert_int_eq(gms_run_at(space, 511, S, &run), -ENOENT);
	ck_assert_int_eq(gms_run_at(space, UINT64_MAX, S, &run), -ENOENT);
}
END_TEST

START_TEST(iter_walks_regions_and_skips_holes)
{
	static const struct gms_run want[] = {
		{ 520, 80, 0, 0 }, { 600, 100, S, 0 }, { 700, 836, 0, 0 }, { 1536, 60, 0, 0 },
		{ 1596, 4, S, 0 }, { C_FIRST, 1024, 0, 0 }, { C_FIRST + 1024, 76, S, 0 },
	};
	struct gms_iter it;
	struct gms_run run;

	ck_assert_int_eq(gms_iter_init(&it, space, FX_RANGE(520, C_FIRST + 1100 - 520), S), 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ck_assert(gms_iter_next(&it, &run));
		ck_assert_uint_eq(run.first, want[i].first);
		ck_assert_uint_eq(run.npages, want[i].npages);
		ck_assert_uint_eq(run.state, want[i].state);
		ck_assert_uint_eq(run.region, i < 3 ? a : i < 5 ? b : c);
	}
	memset(&run, 0x44, sizeof(run));
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_uint_eq(run.first, UINT64_C(0x4444444444444444));
}
END_TEST

START_TEST(iter_of_nothing_but_holes_is_empty)
{
	struct gms_iter it;
	struct gms_run run;

	ck_assert_int_eq(gms_iter_init(&it, space, FX_RANGE(0, 512), S), 0);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_iter_init(&it, space, FX_RANGE(2 * C_FIRST, UINT64_MAX / 2), S), 0);
	ck_assert(!gms_iter_next(&it, &run));
}
END_TEST

/* The runs that a walk over matches gives, to its end. */
static void matches_are(struct gms_range range, gms_state mask, gms_state value,
			const struct gms_run *want, size_t n)
{
	struct gms_iter it;
	struct gms_run run;

	ck_assert_int_eq(gms_iter_init_match(&it, space, range, mask, value), 0);
	for (size_t i = 0; i < n; i++) {
		ck_assert(gms_iter_next(&it, &run));
		ck_assert_uint_eq(run.first, want[i].first);
		ck_assert_uint_eq(run.npages, want[i].npages);
		ck_assert_uint_eq(run.state, value);
		ck_assert_uint_eq(run.region, want[i].first < 1536 ? a :
				  want[i].first < C_FIRST ? b : c);
	}
	memset(&run, 0x44, sizeof(run));
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_uint_eq(run.first, UINT64_C(0x4444444444444444));
}

#define MATCHES_ARE(range, mask, value, ...) do { \
	static const struct gms_run want_[] = { __VA_ARGS__ }; \
	matches_are((range), (mask), (value), want_, sizeof(want_) / sizeof(want_[0])); \
} while (0)

START_TEST(iter_match_gives_matching_runs_of_all_regions)
{
	MATCHES_ARE(FX_ALL, S, S, { .first = 600, .npages = 100 }, { .first = 1596, .npages = 4 },
		    { .first = C_FIRST + 1024, .npages = 512 });
	MATCHES_ARE(FX_ALL, S, 0, { .first = 512, .npages = 88 }, { .first = 700, .npages = 836 },
		    { .first = 1536, .npages = 60 }, { .first = C_FIRST, .npages = 1024 },
		    { .first = C_FIRST + 1536, .npages = FX_1G - 1536 });
	MATCHES_ARE(FX_ALL, S | D, S | D, { .first = 600, .npages = 100 },
		    { .first = 1596, .npages = 4 }, { .first = C_FIRST + 1024, .npages = 512 });
	matches_are(FX_ALL, S | D, S, NULL, 0);
	matches_are(FX_ALL, GMS_STATE_DIRTY, GMS_STATE_DIRTY, NULL, 0);
}
END_TEST

/* A run does not cross from a region into the next, also where both match. */
START_TEST(iter_match_under_no_mask_gives_the_regions)
{
	MATCHES_ARE(FX_ALL, 0, 0, { .first = 512, .npages = 1024 }, { .first = 1536, .npages = 64 },
		    { .first = C_FIRST, .npages = FX_1G });
	MATCHES_ARE(FX_ALL, GMS_STATE_DIRTY, 0, { .first = 512, .npages = 1024 },
		    { .first = 1536, .npages = 64 }, { .first = C_FIRST, .npages = FX_1G });
}
END_TEST

START_TEST(iter_match_clips_to_the_range)
{
	MATCHES_ARE(FX_RANGE(650, 1598 - 650), S, S, { .first = 650, .npages = 50 },
		    { .first = 1596, .npages = 2 });
	MATCHES_ARE(FX_RANGE(650, 1), S, S, { .first = 650, .npages = 1 });
	MATCHES_ARE(FX_RANGE(0, 513), S, 0, { .first = 512, .npages = 1 });
	MATCHES_ARE(FX_RANGE(C_FIRST + 1535, FX_1G), S, S,
		    { .first = C_FIRST + 1535, .npages = 1 });
	matches_are(FX_RANGE(700, 896), S, S, NULL, 0);
	matches_are(FX_RANGE(0, 512), S, 0, NULL, 0);
	matches_are(FX_RANGE(1600, C_FIRST - 1600), S, S, NULL, 0);
	matches_are(FX_RANGE(C_FIRST + FX_1G, 8), 0, 0, NULL, 0);
}
END_TEST

START_TEST(iter_match_agrees_with_a_walk_over_all)	/* _i: which mask and value */
{
	static const struct { gms_state mask, value; } pairs[] = {
		{ S, S }, { S, 0 }, { D, D }, { S | D, D }, { GMS_STATE_DIRTY, GMS_STATE_DIRTY },
		{ S | GMS_STATE_DIRTY, S }, { GMS_STATE_ALL, D | GMS_STATE_DIRTY }, { 0, 0 },
	};
	const gms_state mask = pairs[_i].mask, value = pairs[_i].value;
	struct gms_iter all, matching;
	struct gms_run run, match;
	uint64_t npages = 0, counted;

	for (gms_gfn gfn = 1024; gfn < 1536; gfn += 2)	/* a bit a page */
		ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	for (gms_gfn gfn = C_FIRST + 512; gfn < C_FIRST + 1024; gfn += 7) {	/* four states */
		const struct gms_change change = {
			FX_RANGE(gfn, 3), gfn & 1 ? GMS_STATE_DIRTY : S, 0,
		};

		ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
	}
	ck_assert_int_eq(gms_iter_init(&all, space, FX_ALL, mask), 0);
	ck_assert_int_eq(gms_iter_init_match(&matching, space, FX_ALL, mask, value), 0);
	while (gms_iter_next(&all, &run)) {
		if (run.state != value)
			continue;
		ck_assert(gms_iter_next(&matching, &match));
		ck_assert_mem_eq(&match, &run, sizeof(run));
		npages += run.npages;
	}
	ck_assert(!gms_iter_next(&matching, &match));
	ck_assert_int_eq(gms_count(space, FX_ALL, mask, value, &counted), 0);
	ck_assert_uint_eq(npages, counted);
}
END_TEST

START_TEST(iter_sees_what_was_converted_between_two_calls)	/* _i: 0 all runs, 1 matches */
{
	const bool match = _i;
	struct gms_iter it;
	struct gms_run run;

	for (gms_gfn gfn = 1024; gfn < 1536; gfn += 2)
		ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	if (match)
		ck_assert_int_eq(gms_iter_init_match(&it, space, FX_ALL, S, S), 0);
	else
		ck_assert_int_eq(gms_iter_init(&it, space, FX_RANGE(600, GMS_GFN_LIMIT - 600), S),
				 0);
	ck_assert(gms_iter_next(&it, &run));
	ck_assert_uint_eq(run.first, 600);

	/* In a block just left, and in one ahead that is a bit a page. */
	ck_assert_int_eq(gms_share(space, FX_RANGE(710, 4), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1024, 10), NULL), 0);
	if (!match) {
		ck_assert(gms_iter_next(&it, &run));
		ck_assert_uint_eq(run.first, 700);
		ck_assert_uint_eq(run.npages, 10);
	}
	ck_assert(gms_iter_next(&it, &run));
	ck_assert_uint_eq(run.first, 710);
	ck_assert_uint_eq(run.npages, 4);
	if (!match)
		ck_assert(gms_iter_next(&it, &run));
	ck_assert(gms_iter_next(&it, &run));
	ck_assert_uint_eq(run.first, 1034);
	ck_assert_uint_eq(run.npages, 1);

	/* Within the block where it stands: right ahead, then all of it at once. */
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(1036, 1), NULL), 0);
	if (!match)
		ck_assert(gms_iter_next(&it, &run));
	ck_assert(gms_iter_next(&it, &run));
	ck_assert_uint_eq(run.first, 1038);
	ck_assert_uint_eq(run.npages, 1);
	ck_assert_int_eq(gms_share(space, FX_RANGE(1024, 512), NULL), 0);
	ck_assert(gms_iter_next(&it, &run));
	ck_assert_uint_eq(run.first, 1039);
	ck_assert_uint_eq(run.npages, 1536 - 1039);
	ck_assert_uint_eq(run.state, S);

	/* And a region that it has not come to goes. */
	ck_assert_int_eq(gms_region_remove(space, b), 0);
	if (!match)
		ck_assert(gms_iter_next(&it, &run));
	ck_assert(gms_iter_next(&it, &run));
	ck_assert_uint_eq(run.first, C_FIRST + 1024);
}
END_TEST

/* Ranges no call may accept. */
static const struct gms_range bad_ranges[] = {
	{ 600, 0 }, { 0, 0 }, { UINT64_MAX, 0 }, { UINT64_MAX, 2 }, { 1, UINT64_MAX },
	{ 600, UINT64_MAX - 599 }, { UINT64_MAX - 5, 7 },
};

START_TEST(reads_refuse_bad_ranges)	/* _i: of bad_ranges */
{
	const struct gms_range bad = bad_ranges[_i];
	uint64_t npages = 99;
	bool uniform = true;
	gms_gfn gfn = 99;
	struct gms_iter it;
	struct gms_run run;

	ck_assert_int_eq(gms_iter_init(&it, space, bad, S), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_iter_init_match(&it, space, bad, S, S), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_find(space, bad, S, S, &gfn), -EINVAL);
	ck_assert_int_eq(gms_count(space, bad, S, S, &npages), -EINVAL);
	ck_assert_int_eq(gms_uniform(space, bad, S, &uniform), -EINVAL);
	ck_assert_uint_eq(gfn, 99);
	ck_assert_uint_eq(npages, 99);
}
END_TEST

START_TEST(reads_refuse_null_and_unknown_bits)
{
	const struct gms_range ok = FX_RANGE(512, 8);
	uint64_t npages;
	bool uniform;
	gms_gfn gfn;
	struct gms_iter it;
	struct gms_run run;

	ck_assert_int_eq(gms_iter_init(NULL, space, ok, S), -EINVAL);
	ck_assert_int_eq(gms_iter_init(&it, NULL, ok, S), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_iter_init(&it, space, ok, GMS_STATE_ALL + 1), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert(!gms_iter_next(NULL, &run));
	ck_assert_int_eq(gms_iter_init(&it, space, ok, S), 0);
	ck_assert(!gms_iter_next(&it, NULL));
	ck_assert_int_eq(gms_iter_init_match(NULL, space, ok, S, S), -EINVAL);
	ck_assert_int_eq(gms_iter_init_match(&it, NULL, ok, S, S), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_iter_init_match(&it, space, ok, GMS_STATE_ALL + 1, 0), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_iter_init_match(&it, space, ok, S, S | D), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_iter_init_match(&it, space, ok, 0, S), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_iter_init_match(&it, space, ok, S, GMS_HOLE), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_iter_init_match(&it, space, ok, S, 0), 0);
	ck_assert(!gms_iter_next(&it, NULL));
	ck_assert(gms_iter_next(&it, &run));

	ck_assert_int_eq(gms_find(NULL, ok, S, S, &gfn), -EINVAL);
	ck_assert_int_eq(gms_find(space, ok, S, S, NULL), -EINVAL);
	ck_assert_int_eq(gms_find(space, ok, GMS_HOLE, 0, &gfn), -EINVAL);
	ck_assert_int_eq(gms_find(space, ok, S, S | D, &gfn), -EINVAL);
	ck_assert_int_eq(gms_count(NULL, ok, S, S, &npages), -EINVAL);
	ck_assert_int_eq(gms_count(space, ok, S, S, NULL), -EINVAL);
	ck_assert_int_eq(gms_count(space, ok, GMS_STATE_ALL + 1, 0, &npages), -EINVAL);
	ck_assert_int_eq(gms_count(space, ok, D, S, &npages), -EINVAL);
	ck_assert_int_eq(gms_uniform(NULL, ok, S, &uniform), -EINVAL);
	ck_assert_int_eq(gms_uniform(space, ok, S, NULL), -EINVAL);
	ck_assert_int_eq(gms_uniform(space, ok, GMS_HOLE, &uniform), -EINVAL);
}
END_TEST

START_TEST(find_gives_the_first_and_stays_in_the_range)
{
	gms_gfn gfn;

	ck_assert_int_eq(gms_find(space, FX_ALL, S, S, &gfn), 0);
	ck_assert_uint_eq(gfn, 600);
	ck_assert_int_eq(gms_find(space, FX_RANGE(0, UINT64_MAX), S, S, &gfn), 0);
	ck_assert_uint_eq(gfn, 600);
	ck_assert_int_eq(gms_find(space, FX_RANGE(650, 900), S, 0, &gfn), 0);
	ck_assert_uint_eq(gfn, 700);
	ck_assert_int_eq(gms_find(space, FX_RANGE(700, C_FIRST), S, S, &gfn), 0);
	ck_assert_uint_eq(gfn, 1596);
	ck_assert_int_eq(gms_find(space, FX_RANGE(1600, C_FIRST), S | D, S | D, &gfn), 0);
	ck_assert_uint_eq(gfn, C_FIRST + 1024);
	ck_assert_int_eq(gms_find(space, FX_RANGE(1590, 6), S, S, &gfn), -ENOENT);
	ck_assert_int_eq(gms_find(space, FX_RANGE(1590, 7), S, S, &gfn), 0);
	ck_assert_uint_eq(gfn, 1596);
	ck_assert_int_eq(gms_find(space, FX_ALL, D, 0, &gfn), -ENOENT);
	ck_assert_int_eq(gms_find(space, FX_RANGE(0, 512), 0, 0, &gfn), -ENOENT);
	ck_assert_int_eq(gms_find(space, FX_ALL, 0, 0, &gfn), 0);
	ck_assert_uint_eq(gfn, 512);
}
END_TEST

START_TEST(count_adds_up)
{
	uint64_t npages;

	ck_assert_uint_eq(fx_shared(space, FX_ALL), 100 + 4 + 512);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(610, 10)), 10);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(690, 1600)), 10 + 4);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(C_FIRST + 1000, 100)), 76);
	ck_assert_int_eq(gms_count(space, FX_ALL, S, 0, &npages), 0);
	ck_assert_uint_eq(npages, 1024 + 64 + FX_1G - 616);
	ck_assert_int_eq(gms_count(space, FX_RANGE(0, UINT64_MAX), 0, 0, &npages), 0);
	ck_assert_uint_eq(npages, 1024 + 64 + FX_1G);
	ck_assert_int_eq(gms_count(space, FX_RANGE(0, 512), 0, 0, &npages), 0);
	ck_assert_uint_eq(npages, 0);
	ck_assert_int_eq(gms_count(space, FX_ALL, S | D, D, &npages), 0);
	ck_assert_uint_eq(npages, 1024 + 64 + FX_1G - 616);
	ck_assert_int_eq(gms_count(space, FX_ALL, S | D, S, &npages), 0);
	ck_assert_uint_eq(npages, 0);
}
END_TEST

static bool uniform(gms_gfn first, uint64_t npages, gms_state mask)
{
	bool answer = false;

	ck_assert_int_eq(gms_uniform(space, FX_RANGE(first, npages), mask, &answer), 0);
	return answer;
}

START_TEST(uniform_sees_one_different_page)
{
	bool answer;

	ck_assert(uniform(512, 88, S));
	ck_assert(!uniform(512, 89, S));
	ck_assert(uniform(600, 100, S));
	ck_assert(!uniform(599, 2, S));
	ck_assert(uniform(599, 2, D));
	ck_assert(!uniform(512, 512, S));
	ck_assert(uniform(1024, 512, S));
	ck_assert(uniform(700, 1596 - 700, S));	/* over two regions */
	ck_assert(uniform(512, 1088, D));
	ck_assert(uniform(C_FIRST, 512, S));
	ck_assert(uniform(C_FIRST + 1024, 512, S));
	ck_assert(!uniform(C_FIRST, FX_1G, S));
	ck_assert(uniform(C_FIRST, FX_1G, D));
	ck_assert(uniform(512, 512, 0));
	ck_assert_int_eq(gms_uniform(space, FX_RANGE(511, 2), S, &answer), -ENOENT);
	ck_assert_int_eq(gms_uniform(space, FX_RANGE(1599, 2), S, &answer), -ENOENT);
	ck_assert_int_eq(gms_uniform(space, FX_RANGE(1599, C_FIRST), S, &answer), -ENOENT);
}
END_TEST

START_TEST(map_order_is_the_smaller_of_folio_and_uniform_block)
{
	const struct gms_change dirty = { FX_RANGE(1030, 1), GMS_STATE_DIRTY, 0 };

	ck_assert_uint_eq(gms_map_order(space, 512, S), 0);	/* cut */
	ck_assert_uint_eq(gms_map_order(space, 1024, S), 9);
	ck_assert_uint_eq(gms_map_order(space, 1540, S), 0);	/* base order 0 */
	ck_assert_uint_eq(gms_map_order(space, C_FIRST, S), 9);
	ck_assert_uint_eq(gms_map_order(space, C_FIRST + 1030, S), 9);
	ck_assert_uint_eq(gms_map_order(space, 1600, S), 0);
	ck_assert_uint_eq(gms_map_order(NULL, 1024, S), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(C_FIRST + 1024, 512), NULL), 0);
	ck_assert_uint_eq(gms_map_order(space, C_FIRST + 1030, S), 18);

	ck_assert_int_eq(gms_convert(space, &dirty, 1, NULL, NULL), 0);
	ck_assert_uint_eq(fx_order_at(space, 1030), 9);	/* other bits may mix in a folio */
	ck_assert_uint_eq(gms_map_order(space, 1030, S), 9);
	ck_assert_uint_eq(gms_map_order(space, 1030, S | GMS_STATE_DIRTY), 0);
}
END_TEST

static bool touched_by(struct gms_range watched, struct gms_range converted)
{
	uint64_t seq = gms_read_begin(space, watched);

	ck_assert(!gms_read_retry(space, watched, seq));
	ck_assert_int_eq(gms_share(space, converted, NULL), 0);
	return gms_read_retry(space, watched, seq);
}

START_TEST(retry_is_true_after_a_writer_touched_the_range)
{
	const struct gms_range bad = FX_RANGE(5, 0);

	ck_assert(touched_by(FX_RANGE(1024, 512), FX_RANGE(1030, 1)));
	ck_assert(touched_by(FX_RANGE(1535, 2), FX_RANGE(1536, 1)));
	ck_assert(touched_by(FX_ALL, FX_RANGE(C_FIRST + FX_1G - 1, 1)));
	ck_assert(touched_by(bad, FX_RANGE(C_FIRST, 1)));
	ck_assert(touched_by(FX_RANGE(0, UINT64_MAX), FX_RANGE(C_FIRST + 9, 1)));
}
END_TEST

START_TEST(retry_is_true_after_a_region_came_or_went)
{
	const struct gms_range watched = FX_RANGE(3 * FX_1G, 10);
	uint64_t seq = gms_read_begin(space, watched);
	uint32_t id = fx_region(space, watched, 0, S, NULL);

	ck_assert(gms_read_retry(space, watched, seq));
	seq = gms_read_begin(space, watched);
	ck_assert_int_eq(gms_region_remove(space, id), 0);
	ck_assert(gms_read_retry(space, watched, seq));
}
END_TEST

START_TEST(retry_is_false_while_nothing_changes)
{
	uint64_t seq = gms_read_begin(space, FX_ALL);

	ck_assert_uint_eq(fx_shared(space, FX_ALL), 616);
	ck_assert(!gms_read_retry(space, FX_ALL, seq));
	ck_assert(!gms_read_retry(NULL, FX_ALL, gms_read_begin(NULL, FX_ALL)));
}
END_TEST

START_TEST(a_match_that_fills_a_word_of_a_plane_is_found)
{
	const gms_gfn on[] = { 70, 72, 74 };	/* more than two runs: a plane */
	struct gms_space *two = fx_plain_space(NULL);
	struct gms_iter it;
	struct gms_run run;

	fx_region(two, FX_RANGE(0, FX_2M), 0, GMS_STATE_SHARED, NULL);
	fx_region(two, FX_RANGE(FX_2M, FX_2M), 0, 0, NULL);
	ck_assert_int_eq(gms_share(two, FX_RANGE(FX_2M, 64), NULL), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(gms_share(two, FX_RANGE(FX_2M + on[i], 1), NULL), 0);
	ck_assert_int_eq(gms_iter_init_match(&it, two, FX_RANGE(0, 2 * FX_2M),
					     GMS_STATE_SHARED, GMS_STATE_SHARED), 0);
	ck_assert(gms_iter_next(&it, &run) && run.npages == FX_2M);
	ck_assert(gms_iter_next(&it, &run) && run.first == FX_2M && run.npages == 64);
	gms_space_free(two);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("state");
	TCase *tc = fx_case(s, "read");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, state_at_tells_every_border);
	tcase_add_test(tc, run_at_is_maximal_and_within_the_region);
	tcase_add_test(tc, run_at_under_another_mask_is_longer);
	tcase_add_test(tc, run_at_refuses_bad_input);
	tcase_add_test(tc, iter_walks_regions_and_skips_holes);
	tcase_add_test(tc, iter_of_nothing_but_holes_is_empty);
	tcase_add_test(tc, iter_match_gives_matching_runs_of_all_regions);
	tcase_add_test(tc, iter_match_under_no_mask_gives_the_regions);
	tcase_add_test(tc, iter_match_clips_to_the_range);
	tcase_add_test(tc, a_match_that_fills_a_word_of_a_plane_is_found);
	tcase_add_loop_test(tc, iter_match_agrees_with_a_walk_over_all, 0, 8);
	tcase_add_loop_test(tc, iter_sees_what_was_converted_between_two_calls, 0, 2);
	tcase_add_loop_test(tc, reads_refuse_bad_ranges, 0,
			    (int)(sizeof(bad_ranges) / sizeof(bad_ranges[0])));
	tcase_add_test(tc, reads_refuse_null_and_unknown_bits);
	tcase_add_test(tc, find_gives_the_first_and_stays_in_the_range);
	tcase_add_test(tc, count_adds_up);
	tcase_add_test(tc, uniform_sees_one_different_page);
	tcase_add_test(tc, map_order_is_the_smaller_of_folio_and_uniform_block);

	tc = fx_case(s, "sequence");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, retry_is_true_after_a_writer_touched_the_range);
	tcase_add_test(tc, retry_is_true_after_a_region_came_or_went);
	tcase_add_test(tc, retry_is_false_while_nothing_changes);
	return fx_run(s);
}

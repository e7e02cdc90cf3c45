/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of gms_generation() and gms_diff(): what changed, and nothing left out. */
#include "fixture.h"

#include "mirror.h"
#include "snapfile.h"

#define S	GMS_STATE_SHARED
#define LARGE	(4 * FX_1G)		/* a region of 1G folios */
#define SMALL	(LARGE + FX_1G)		/* one of pages, that is not aligned */
#define SPAN	(SMALL + 3000)

static struct gms_space *tracking_space(struct fx_mem *mem, uint32_t merge)
{
	struct gms_space_opts opts;
	struct gms_space *space = NULL;

	fx_mem_init(mem);
	GMS_INIT(&opts);
	opts.mem = &mem->ops;
	opts.merge = merge;
	opts.merge_after_commits = merge == GMS_MERGE_DEFERRED ? 3 : 0;
	opts.flags = GMS_SPACE_TRACK_CHANGES;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	return space;
}

static uint64_t generation(const struct gms_space *space)
{
	uint64_t now = 0;

	ck_assert_int_eq(gms_generation(space, &now), 0);
	ck_assert_uint_ne(now, 0);
	return now;
}

/* Pages that are told of since then. */
static uint64_t told(const struct gms_space *space, uint64_t since)
{
	struct gms_iter it;
	struct gms_run run;
	uint64_t n = 0;

	ck_assert_int_eq(gms_diff(space, since, &it), 0);
	while (gms_iter_next(&it, &run))
		n += run.npages;
	return n;
}

static void is_told(const struct gms_space *space, uint64_t since, struct gms_range range)
{
	gms_gfn at = range.first;
	struct gms_iter it;
	struct gms_run run;

	ck_assert_int_eq(gms_diff(space, since, &it), 0);
	while (gms_iter_next(&it, &run)) {
		ck_assert_uint_eq(run.first, at);
		ck_assert_uint_eq(run.state, gms_state_at(space, run.first));
		at += run.npages;
	}
	ck_assert_uint_eq(at, range.first + range.npages);
}

/* --- which blocks ---------------------------------------------------------- */

static void set(struct gms_space *space, struct gms_range range, gms_state set_bits,
		gms_state clear)
{
	const struct gms_change change = { range, set_bits, clear };

	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
}

START_TEST(a_change_is_told_of_in_blocks)	/* _i: base order */
{
	struct fx_mem mem;
	struct gms_space *space = tracking_space(&mem, GMS_MERGE_EXPLICIT);
	uint64_t at;

	fx_region(space, FX_RANGE(FX_1G, 2 * FX_1G), (uint32_t)_i, 0, NULL);
	/* From here on neither folios nor tables change. */
	if (_i == GMS_ORDER_1G)
		ck_assert_int_eq(gms_folio_split(space, FX_1G, 9), 0);
	set(space, FX_RANGE(FX_1G + 5 * FX_2M, 1), GMS_STATE_USER0, 0);
	at = generation(space);
	ck_assert_uint_eq(told(space, at), 0);

	set(space, FX_RANGE(FX_1G + 3 * FX_2M + 7, 1), GMS_STATE_DIRTY, 0);
	is_told(space, at, FX_RANGE(FX_1G + 3 * FX_2M, FX_2M));
	at = generation(space);
	set(space, FX_RANGE(FX_1G + 3 * FX_2M + 7, FX_2M), GMS_STATE_USER1, 0);
	is_told(space, at, FX_RANGE(FX_1G + 3 * FX_2M, 2 * FX_2M));
	/* What was told is told once. */
	at = generation(space);
	ck_assert_uint_eq(told(space, at), 0);
	/* Nothing changes. */
	set(space, FX_RANGE(FX_1G + 3 * FX_2M + 7, FX_2M), GMS_STATE_USER1, 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(2 * FX_1G, FX_1G), NULL), 0);
	ck_assert_uint_eq(told(space, at), 0);
	/* A GiB whole, in one stamp, and over its end. */
	set(space, FX_RANGE(2 * FX_1G, FX_1G), GMS_STATE_POPULATED, 0);
	is_told(space, at, FX_RANGE(2 * FX_1G, FX_1G));
	set(space, FX_RANGE(2 * FX_1G - 1, 2), GMS_STATE_DIRTY, 0);
	is_told(space, at, FX_RANGE(2 * FX_1G - FX_2M, FX_1G + FX_2M));
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(what_came_to_nothing_may_be_told_of)
{
	struct fx_mem mem;
	struct gms_space *space = tracking_space(&mem, GMS_MERGE_EAGER);
	const struct gms_change change = { FX_RANGE(0, 9), S, 0 };
	struct gms_convert_opts opts;
	struct gms_convert_result did;
	uint64_t at;

	fx_region(space, FX_RANGE(0, FX_1G), 9, 0, NULL);
	GMS_INIT(&opts);
	GMS_INIT(&did);
	opts.flags = GMS_CONVERT_DRY_RUN;
	at = generation(space);
	ck_assert_int_eq(gms_convert(space, &change, 1, &opts, &did), 0);
	ck_assert_uint_eq(did.changed_pages, 9);
	ck_assert_uint_eq(told(space, at), 0);
	ck_assert_uint_eq(generation(space), at);
	/* To and fro is two changes. */
	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 9), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 9), NULL), 0);
	ck_assert_uint_gt(generation(space), at + 1);
	is_told(space, at, FX_RANGE(0, FX_2M));
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(folios_are_told_of)
{
	struct fx_mem mem;
	struct gms_space *space = tracking_space(&mem, GMS_MERGE_EXPLICIT);
	uint64_t at;

	fx_region(space, FX_RANGE(0, 2 * FX_1G), GMS_ORDER_1G, 0, NULL);
	at = generation(space);
	ck_assert_int_eq(gms_folio_split(space, FX_1G + 700, 0), 0);
	is_told(space, at, FX_RANGE(FX_1G, FX_1G));
	at = generation(space);
	ck_assert_int_eq(gms_folio_split(space, FX_1G, 0), 0);
	is_told(space, at, FX_RANGE(FX_1G, FX_2M));
	at = generation(space);
	ck_assert_int_eq(gms_folio_split(space, FX_1G, 0), 0);
	ck_assert_uint_eq(told(space, at), 0);
	ck_assert_int_eq(gms_folio_merge(space, FX_1G, 9), 0);
	is_told(space, at, FX_RANGE(FX_1G, FX_2M));
	at = generation(space);
	ck_assert_int_eq(gms_merge_scan(space, UINT64_MAX, NULL), 0);
	is_told(space, at, FX_RANGE(FX_1G, FX_1G));
	fx_space_done(space, &mem);
}
END_TEST

/* All folios of a GiB that one mark stands for, and a scan that makes them whole. */
START_TEST(a_mark_for_many_folios_is_told_of)
{
	struct gms_space_opts opts;
	struct gms_space *space = NULL;
	struct fx_mem mem;
	uint64_t at;

	fx_mem_init(&mem);
	GMS_INIT(&opts);
	opts.mem = &mem.ops;
	opts.split = GMS_SPLIT_ALL_4K;
	opts.merge = GMS_MERGE_EXPLICIT;
	opts.flags = GMS_SPACE_TRACK_CHANGES;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	fx_region(space, FX_RANGE(0, 2 * FX_1G), GMS_ORDER_2M, 0, NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FX_1G, FX_1G), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(FX_1G, FX_1G), NULL), 0);
	ck_assert_uint_eq(fx_order_at(space, FX_1G), 0);
	at = generation(space);
	ck_assert_int_eq(gms_merge_scan(space, UINT64_MAX, NULL), 0);
	ck_assert_uint_eq(fx_order_at(space, FX_1G), 9);
	is_told(space, at, FX_RANGE(FX_1G, FX_1G));
	fx_space_done(space, &mem);
}
END_TEST

/* A page that is frozen once more does not change its state. */
START_TEST(freeze_counts_are_told_of)
{
	struct fx_mem mem;
	struct gms_space *space = tracking_space(&mem, GMS_MERGE_EXPLICIT);
	uint64_t at;

	fx_region(space, FX_RANGE(0, 4 * FX_2M), GMS_ORDER_2M, 0, NULL);
	for (int i = 0; i < 3; i++) {
		at = generation(space);
		ck_assert_int_eq(gms_freeze(space, FX_RANGE(FX_2M - 1, 2), 0, NULL), 0);
		is_told(space, at, FX_RANGE(0, 2 * FX_2M));
	}
	for (int i = 0; i < 3; i++) {
		at = generation(space);
		ck_assert_int_eq(gms_thaw(space, FX_RANGE(FX_2M, 1), NULL), 0);
		is_told(space, at, FX_RANGE(FX_2M, FX_2M));
	}
	fx_space_done(space, &mem);
}
END_TEST

/* --- regions --------------------------------------------------------------- */

START_TEST(a_new_region_is_told_of_whole)
{
	struct fx_mem mem;
	struct gms_space *space = tracking_space(&mem, GMS_MERGE_EAGER);
	const uint64_t empty = generation(space);
	uint64_t at;

	ck_assert_uint_eq(told(space, empty), 0);
	fx_region(space, FX_RANGE(SMALL, 3000), 0, 0, NULL);
	is_told(space, empty, FX_RANGE(SMALL, 3000));
	at = generation(space);
	fx_region(space, FX_RANGE(SMALL - 100, 100), 0, S, NULL);
	is_told(space, at, FX_RANGE(SMALL - 100, 100));
	is_told(space, empty, FX_RANGE(SMALL - 100, 3100));
	/* A block that two regions share. */
	at = generation(space);
	ck_assert_int_eq(gms_share(space, FX_RANGE(SMALL, 1), NULL), 0);
	is_told(space, at, FX_RANGE(SMALL, FX_2M));
	is_told(space, 0, FX_RANGE(SMALL - 100, 3100));
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(after_a_removal_a_copy_begins_anew)
{
	struct fx_mem mem;
	struct gms_space *space = tracking_space(&mem, GMS_MERGE_EAGER);
	struct gms_iter it;
	struct gms_run run;
	uint64_t at;
	uint32_t id;

	fx_region(space, FX_RANGE(0, 512), 9, 0, NULL);
	id = fx_region(space, FX_RANGE(512, 512), 9, 0, NULL);
	at = generation(space);
	ck_assert_int_eq(gms_diff(space, at, &it), 0);
	ck_assert_int_eq(gms_region_remove(space, id), 0);
	/* Who walks is not told: the next one is. */
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_diff(space, at, &it), -ESTALE);
	ck_assert(!gms_iter_next(&it, &run));
	is_told(space, 0, FX_RANGE(0, 512));
	at = generation(space);
	ck_assert_uint_eq(told(space, at), 0);
	/* Its words serve another one, whose stamps are new. */
	fx_region(space, FX_RANGE(1024, 512), 9, S, NULL);
	is_told(space, at, FX_RANGE(1024, 512));
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(no_generation_but_the_space_s_own)
{
	struct fx_mem mem, other_mem;
	struct gms_space *space = tracking_space(&mem, GMS_MERGE_EAGER);
	struct gms_space *other = tracking_space(&other_mem, GMS_MERGE_EAGER);
	struct gms_iter it;

	ck_assert_int_eq(gms_diff(space, generation(space) + 1, &it), -ESTALE);
	ck_assert_int_eq(gms_diff(space, UINT64_MAX, &it), -ESTALE);
	ck_assert_int_eq(gms_diff(space, 1, &it), -ESTALE);
	ck_assert_int_eq(gms_diff(space, generation(space) - 1, &it), -ESTALE);
	ck_assert_int_eq(gms_diff(space, generation(other), &it), -ESTALE);
	ck_assert_int_eq(gms_diff(other, generation(space), &it), -ESTALE);
	fx_space_done(other, &other_mem);
	fx_space_done(space, &mem);
}
END_TEST

START_TEST(bad_arguments_are_told_apart)
{
	struct fx_mem mem;
	struct gms_space *space = tracking_space(&mem, GMS_MERGE_EAGER), *plain;
	struct fx_mem plain_mem;
	struct gms_iter it;
	struct gms_run run;
	uint64_t at = 77;

	fx_mem_init(&plain_mem);
	plain = fx_plain_space(&plain_mem);
	fx_region(plain, FX_RANGE(0, 512), 9, 0, NULL);
	ck_assert_int_eq(gms_generation(NULL, &at), -EINVAL);
	ck_assert_int_eq(gms_generation(space, NULL), -EINVAL);
	ck_assert_int_eq(gms_generation(plain, &at), -EOPNOTSUPP);
	ck_assert_uint_eq(at, 77);
	ck_assert_int_eq(gms_diff(space, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_diff(NULL, 0, &it), -EINVAL);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_diff(plain, 0, &it), -EOPNOTSUPP);
	ck_assert(!gms_iter_next(&it, &run));
	fx_space_done(plain, &plain_mem);
	fx_space_done(space, &mem);
}
END_TEST

/* --- copies ---------------------------------------------------------------- */

static struct gms_range a_range(struct fx_rand *rand)
{
	static const uint64_t length[] = { 1, 1, 7, 64, 512, 513, 2048, FX_1G, 2 * FX_1G };
	const gms_gfn base = fx_rand_odds(rand, 1, 8) ? SMALL : fx_rand_below(rand, 4) * FX_1G;
	const gms_gfn first = base + fx_rand_below(rand, base == SMALL ? 2900 : 4096);

	return FX_RANGE(fx_rand_odds(rand, 1, 4) ? first & ~(FX_2M - 1) : first,
			length[fx_rand_below(rand, 9)]);
}

/* Whatever is allowed. */
static void stir(struct gms_space *space, struct fx_rand *rand)
{
	const struct gms_range range = a_range(rand);
	struct gms_change change = { range, 0, 0 };
	int err = 0;

	switch (fx_rand_below(rand, 6)) {
	case 0:
		err = gms_freeze(space, range, 0, NULL);
		break;
	case 1:
		err = gms_thaw(space, range, NULL);
		break;
	case 2:
		err = gms_folio_split(space, range.first, 9 * (unsigned)fx_rand_below(rand, 2));
		break;
	case 3:
		err = gms_merge_scan(space, fx_rand_below(rand, 600), NULL);
		break;
	default:
		change.set = (gms_state)fx_rand_u64(rand) & (gms_state)fx_rand_u64(rand) &
			     (S | GMS_STATE_DIRTY | GMS_STATE_USER0);
		change.clear = (S | GMS_STATE_DIRTY) & ~change.set;
		err = gms_convert(space, &change, 1, NULL, NULL);
	}
	(void)err;	/* what is refused changes nothing */
}

static void same(const struct mirror *mirror, const struct gms_space *space)
{
	struct gms_folio folio;
	bool agrees = true;

	for (gms_gfn gfn = 0; agrees && gfn < SPAN;
	     gfn += gfn % FX_1G < 8192 || gfn >= SMALL ? 1 : 37) {
		agrees = gms_state_at(space, gfn) == mirror->state[gfn];
		if (!gms_folio_at(space, gfn, &folio))
			agrees = agrees && folio.order == mirror->order[gfn];
	}
	ck_assert(agrees);
}

START_TEST(a_copy_follows)	/* _i: merge policy */
{
	struct fx_mem mem;
	struct gms_space *space = tracking_space(&mem, (uint32_t)_i);
	struct mirror mirror;
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	fx_region(space, FX_RANGE(0, LARGE), GMS_ORDER_1G, 0, NULL);
	fx_region(space, FX_RANGE(SMALL, 3000), 0, S, NULL);
	mirror_init(&mirror, SPAN);
	for (unsigned round = 0; round < 400 / fx_slowdown(); round++) {
		for (uint64_t n = fx_rand_below(&rand, 4); n; n--)
			stir(space, &rand);
		ck_assert_int_eq(mirror_follow(&mirror, space), 0);
		if (round % 16 == 0)
			same(&mirror, space);
	}
	same(&mirror, space);
	ck_assert_uint_eq(mirror.anew, 0);
	mirror_free(&mirror);
	fx_space_done(space, &mem);
}
END_TEST

/* A space that was loaded is another one, and all of it is new. */
START_TEST(a_loaded_space_tracks_if_it_is_asked_to)
{
	struct fx_mem mem;
	struct gms_space *space = tracking_space(&mem, GMS_MERGE_EAGER), *loaded = NULL;
	struct snapfile *file = snapfile_new();
	struct gms_load_opts opts;
	uint64_t at;

	fx_region(space, FX_RANGE(0, FX_1G), 9, 0, NULL);
	ck_assert_int_eq(gms_share(space, FX_RANGE(700, 3), NULL), 0);
	ck_assert_int_eq(gms_save(space, snapfile_write, file), 0);
	GMS_INIT(&opts);
	ck_assert_int_eq(gms_load(&loaded, &opts, snapfile_read, file, NULL), 0);
	ck_assert_int_eq(gms_generation(loaded, &at), -EOPNOTSUPP);
	gms_space_free(loaded);
	file->at = 0;
	opts.flags = GMS_SPACE_TRACK_CHANGES;
	ck_assert_int_eq(gms_load(&loaded, &opts, snapfile_read, file, NULL), 0);
	at = generation(loaded);
	is_told(loaded, 0, FX_RANGE(0, FX_1G));
	ck_assert_uint_eq(told(loaded, at), 0);
	ck_assert_int_eq(gms_unshare(loaded, FX_RANGE(701, 1), NULL), 0);
	is_told(loaded, at, FX_RANGE(FX_2M, FX_2M));
	gms_space_free(loaded);
	snapfile_free(file);
	fx_space_done(space, &mem);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("diff");
	TCase *tc = fx_case(s, "blocks");

	fx_seed();
	tcase_add_loop_test(tc, a_change_is_told_of_in_blocks, 9, 10);
	tcase_add_loop_test(tc, a_change_is_told_of_in_blocks, 18, 19);
	tcase_add_test(tc, what_came_to_nothing_may_be_told_of);
	tcase_add_test(tc, folios_are_told_of);
	tcase_add_test(tc, a_mark_for_many_folios_is_told_of);
	tcase_add_test(tc, freeze_counts_are_told_of);
	tc = fx_case(s, "regions");
	tcase_add_test(tc, a_new_region_is_told_of_whole);
	tcase_add_test(tc, after_a_removal_a_copy_begins_anew);
	tcase_add_test(tc, no_generation_but_the_space_s_own);
	tcase_add_test(tc, bad_arguments_are_told_apart);
	tc = fx_case(s, "copies");
	tcase_add_loop_test(tc, a_copy_follows, GMS_MERGE_EAGER, GMS_MERGE_EXPLICIT + 1);
	tcase_add_test(tc, a_loaded_space_tracks_if_it_is_asked_to);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/map: edits against an array, tables counted and
 * promised (gms__map_needs), representations that come and go.
 */
#include "fixture.h"

#include "map/get.h"
#include "map/walk.h"

#define FIRST	(FX_1G - 3 * FX_2M / 2)		/* begins in mid-block, in mid-GiB */
#define PAGES	(FX_1G + 3 * FX_2M)		/* and meets three GiB */

static struct fx_mem fx;
static struct gms__map *map;
static struct gms__region row;
static uint16_t *oracle;

static void region(uint64_t first, uint64_t npages, gms_state state)
{
	struct gms__region new;
	uint64_t check;

	memset(&new, 0, sizeof(new));
	new.first = first;
	new.npages = npages;
	new.id_order = UINT64_C(1) << 16;
	ck_assert_int_eq(gms__region_insert(map, &new, state, false), 0);
	ck_assert(gms__region_find(map, first, &row, &check));
}

static void setup(void)
{
	fx_mem_init(&fx);
	map = aligned_alloc(GMS__CACHE_LINE, (sizeof(*map) + 63) / 64 * 64);
	ck_assert_ptr_nonnull(map);
	ck_assert_int_eq(gms__map_init(map, &fx.ops, 0), 0);
	oracle = calloc(PAGES, sizeof(*oracle));
	ck_assert_ptr_nonnull(oracle);
}

static void teardown(void)
{
	free(oracle);
	gms__map_fini(map);
	free(map);
	ck_assert_uint_eq(fx.live_blocks, 0);
}

static uint64_t leaves_used(void)
{
	uint64_t n = 0;

	for (unsigned c = 0; c < GMS__LEAF_CLASSES; c++)
		n += map->leaves[c].ntotal - map->leaves[c].nfree;
	return n;
}

/* Edit with exactly the tables that needs promised. */
static void edit(gms_gfn first, gms_gfn end, gms_state set, gms_state clear)
{
	struct gms__tables tables;
	struct gms__needs needs;

	memset(&tables, 0, sizeof(tables));
	memset(&needs, 0, sizeof(needs));
	gms__map_needs(map, &row, first, end, set, clear, &needs);
	ck_assert_uint_le(needs.chunks, 2);
	for (gms_gfn pos = first; pos < end;) {
		struct gms_cursor cursor = { 0 };
		struct gms_run run;

		ck_assert(gms__map_next_run(map, &cursor, &pos, end, GMS_STATE_ALL, &run));
		gms__map_needs_state(map, (run.state & ~clear) | set, &needs);
	}
	ck_assert_int_eq(gms__map_provide(map, &needs, &tables, true), 0);
	gms__map_edit(map, &row, first, end, set, clear, &tables);
	gms__tables_put(map, &tables);
	for (gms_gfn gfn = first; gfn < end; gfn++) {
		uint16_t *page = &oracle[gfn - row.first];

		*page = (uint16_t)((*page & ~clear) | set);
	}
}

static void compare(void)
{
	uint64_t shared = 0, pos = FIRST, at = 0, failed = 0;
	struct gms_cursor cursor = { 0 };
	struct gms_run run;

	while (gms__map_next_run(map, &cursor, &pos, UINT64_MAX, GMS_STATE_ALL, &run)) {
		ck_assert_uint_eq(run.first, FIRST + at);
		ck_assert(!at || oracle[at - 1] != run.state);		/* I1 */
		for (uint64_t i = 0; i < run.npages; i++, at++) {
			failed += oracle[at] != run.state;
			shared += oracle[at] & GMS_STATE_SHARED;
		}
	}
	ck_assert_uint_eq(at, PAGES);
	ck_assert_uint_eq(failed, 0);	/* an assertion of Check is a write to a file */
	ck_assert_uint_eq(gms__map_count(map, FIRST, FIRST + PAGES, GMS_STATE_SHARED), shared);
}

/* With 4, 128 and 4096 states: the last fill the palette. */
START_TEST(random_edits_equal_an_array)
{
	static const uint64_t length[] = { 1, 16, FX_2M, 3 * FX_2M, FX_1G, PAGES };
	const uint64_t states = UINT64_C(1) << (5 * _i + 2);
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	region(FIRST, PAGES, 0);
	for (int step = 0; step < 300 / (int)fx_slowdown(); step++) {
		uint64_t first = FIRST + fx_rand_below(&rand, PAGES);
		uint64_t n = 1 + fx_rand_below(&rand, length[fx_rand_below(&rand, 6)]);
		gms_state set = (gms_state)fx_rand_below(&rand, states);
		gms_state clear = (gms_state)fx_rand_below(&rand, states) & ~set;

		if (fx_rand_odds(&rand, 1, 4)) {	/* whole blocks make uniform words */
			first = first / FX_2M * FX_2M;
			n = (n + FX_2M - 1) / FX_2M * FX_2M;
		}
		if (first < FIRST)
			first = FIRST;
		if (n > FIRST + PAGES - first)
			n = FIRST + PAGES - first;
		edit(first, first + n, set, clear);
		ck_assert_uint_eq(gms__map_get(map, first), oracle[first - FIRST]);
		if (step % 60 == 0)
			compare();
	}
	compare();
}
END_TEST

START_TEST(a_leaf_goes_when_its_block_is_uniform_again)
{
	region(FIRST, PAGES, 0);
	for (unsigned page = 0; page < FX_2M; page += 2)
		edit(FX_1G + page, FX_1G + page + 1, GMS_STATE_SHARED, 0);
	ck_assert_uint_eq(leaves_used(), 1);
	ck_assert_uint_eq(map->chunks.ntotal - map->chunks.nfree, 1);
	for (unsigned page = 0; page < FX_2M; page += 2)
		edit(FX_1G + page, FX_1G + page + 1, 0, GMS_STATE_SHARED);
	ck_assert_uint_eq(leaves_used(), 0);
	compare();
}
END_TEST

START_TEST(one_run_in_a_block_needs_no_leaf)
{
	region(FIRST, PAGES, 0);
	edit(FX_1G + 7, FX_1G + 8, GMS_STATE_SHARED, 0);
	edit(FX_1G + 100, FX_1G + 116, GMS_STATE_SHARED, 0);
	ck_assert_uint_eq(leaves_used(), 0);
	compare();
}
END_TEST

START_TEST(three_runs_from_edge_to_edge_need_no_leaf)	/* two are left between them */
{
	region(FIRST, PAGES, 0);
	edit(FX_1G, FX_1G + 10, GMS_STATE_SHARED, 0);
	edit(FX_1G + 500, FX_1G + FX_2M, GMS_STATE_SHARED, 0);
	edit(FX_1G + 200, FX_1G + 210, GMS_STATE_SHARED, 0);
	ck_assert_uint_eq(leaves_used(), 0);
	compare();
}
END_TEST

START_TEST(a_change_of_a_leaf_raises_the_generation)
{
	const struct gms__chunk *chunk;
	uint64_t before;

	region(FIRST, PAGES, 0);
	for (unsigned page = 0; page < FX_2M; page += 2)
		edit(FX_1G + page, FX_1G + page + 1, GMS_STATE_SHARED, 0);
	chunk = gms__chunk_of(&row, FX_1G);
	before = chunk->generation;
	edit(FX_1G + 101, FX_1G + 102, GMS_STATE_SHARED, 0);	/* a bit, in place */
	ck_assert_uint_eq(chunk->generation, before);
	edit(FX_1G, FX_1G + FX_2M, GMS_STATE_DIRTY, 0);		/* other places */
	ck_assert_uint_gt(chunk->generation, before);
	before = chunk->generation;
	edit(FX_1G, FX_1G + FX_2M, GMS_STATE_SHARED, 0);	/* the leaf goes */
	ck_assert_uint_gt(chunk->generation, before);
	compare();
}
END_TEST

START_TEST(a_chunk_goes_when_its_gib_is_uniform_again)
{
	region(FIRST, PAGES, 0);
	edit(FX_1G + FX_2M, FX_1G + 3 * FX_2M, GMS_STATE_SHARED, 0);
	ck_assert_uint_eq(map->chunks.ntotal - map->chunks.nfree, 1);
	edit(FX_1G, 2 * FX_1G, GMS_STATE_SHARED, 0);
	ck_assert_uint_eq(map->chunks.ntotal - map->chunks.nfree, 0);
	compare();
}
END_TEST

static void needs(struct gms__needs *n, gms_gfn first, gms_gfn end, gms_state set)
{
	memset(n, 0, sizeof(*n));
	gms__map_needs(map, &row, first, end, set, set ? 0 : GMS_STATE_SHARED, n);
}

START_TEST(needs_are_no_more_than_the_edges)
{
	struct gms__needs n;

	region(FIRST, PAGES, 0);
	needs(&n, FX_1G, 2 * FX_1G, GMS_STATE_SHARED);
	ck_assert_uint_eq(n.chunks, 0);
	/* What of a GiB is in the region is the whole of it here. */
	needs(&n, FIRST, FX_1G, GMS_STATE_SHARED);
	ck_assert_uint_eq(n.chunks, 0);
	needs(&n, FX_1G + 1, FX_1G + 2, GMS_STATE_SHARED);
	ck_assert_uint_eq(n.chunks, 1);
	/* Two segments of a batch in one block: a chunk once, and room to move. */
	gms__map_needs(map, &row, FX_1G + 9, FX_1G + 10, GMS_STATE_SHARED, 0, &n);
	ck_assert_uint_eq(n.chunks, 1);
	ck_assert(n.detours);
	/* What changes nothing needs nothing. */
	needs(&n, FX_1G + FX_2M + 1, FX_1G + FX_2M + 2, 0);
	ck_assert_uint_eq(n.chunks, 0);
}
END_TEST

START_TEST(two_regions_in_one_gib_need_a_chunk_each)
{
	struct gms__needs n;

	region(FX_1G, 2 * FX_2M, 0);
	needs(&n, FX_1G + 1, FX_1G + 2, GMS_STATE_SHARED);
	region(FX_1G + 4 * FX_2M, 2 * FX_2M, 0);
	gms__map_needs(map, &row, FX_1G + 4 * FX_2M + 1, FX_1G + 4 * FX_2M + 2, GMS_STATE_SHARED,
		       0, &n);
	ck_assert_uint_eq(n.chunks, 2);
}
END_TEST

START_TEST(every_word_store_raises_the_tag)
{
	uint64_t *at, before;

	region(FX_1G, FX_1G, 0);
	at = gms__gib_at(&row, FX_1G);
	before = *at;
	edit(FX_1G, 2 * FX_1G, GMS_STATE_SHARED, 0);
	edit(FX_1G, 2 * FX_1G, 0, GMS_STATE_SHARED);
	ck_assert_uint_eq(*at & ~GMS__WORD_TAG, before & ~GMS__WORD_TAG);
	ck_assert_uint_ne(*at, before);
}
END_TEST

START_TEST(regions_come_and_go_without_losing_memory)
{
	struct gms__region gone;
	uint64_t bytes = 0, check;

	for (uint32_t round = 0; round < 200; round++) {
		for (uint32_t id = 1; id <= 20; id++) {
			struct gms__region new;

			memset(&new, 0, sizeof(new));
			new.first = id * FX_1G;
			new.npages = FX_1G;
			new.id_order = (uint64_t)id << 16;
			ck_assert_int_eq(gms__region_insert(map, &new, 0, false), 0);
		}
		ck_assert(gms__region_nth(map, 19, &gone, &check));
		ck_assert(!gms__region_nth(map, 20, &gone, &check));
		for (uint32_t id = 20; id; id--) {
			ck_assert(gms__region_find(map, id * FX_1G, &gone, &check));
			ck_assert_uint_eq(gms__region_id(&gone), id);
			gms__region_delete(map, id);
		}
		ck_assert(!gms__region_nth(map, 0, &gone, &check));
		if (!round)
			bytes = fx.live_bytes;
	}
	ck_assert_uint_eq(fx.live_bytes, bytes);
}
END_TEST

START_TEST(stripes_of_a_range_are_those_of_its_gibs)
{
	for (uint64_t first = 0; first < 130; first++) {
		for (uint64_t n = 1; n < 70; n++) {
			uint64_t wanted = 0;

			for (uint64_t g = first; g < first + n; g++)
				wanted |= UINT64_C(1) << g % GMS__STRIPES;
			ck_assert_uint_eq(gms__map_stripes(FX_RANGE(first * FX_1G + 5,
								    n * FX_1G - 5)), wanted);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("map");
	TCase *t = fx_case(s, "edit"), *r = fx_case(s, "region");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, random_edits_equal_an_array, 0, 3);
	tcase_add_test(t, a_leaf_goes_when_its_block_is_uniform_again);
	tcase_add_test(t, one_run_in_a_block_needs_no_leaf);
	tcase_add_test(t, three_runs_from_edge_to_edge_need_no_leaf);
	tcase_add_test(t, a_change_of_a_leaf_raises_the_generation);
	tcase_add_test(t, a_chunk_goes_when_its_gib_is_uniform_again);
	tcase_add_test(t, needs_are_no_more_than_the_edges);
	tcase_add_test(t, two_regions_in_one_gib_need_a_chunk_each);
	tcase_add_test(t, every_word_store_raises_the_tag);
	tcase_add_checked_fixture(r, setup, teardown);
	tcase_add_test(r, regions_come_and_go_without_losing_memory);
	tcase_add_test(r, stripes_of_a_range_are_those_of_its_gibs);
	return fx_run(s);
}

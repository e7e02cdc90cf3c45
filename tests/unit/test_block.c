/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/map/block.c and runs.c: every kind of word says what
 * an array of states says, whatever part of the block the region has.
 */
#include "fixture.h"

#include "map/block.h"

#define PAGES	512u

static const struct gms__bulk *bulk;
static struct gms__palette palette;
static uint64_t leaf[1024 / sizeof(uint64_t)] __attribute__((aligned(64)));
static gms_state page[PAGES];
static struct fx_rand rng;

static void setup(void)
{
	bulk = gms__bulk_choose();
	ck_assert_int_eq(gms__palette_init(&palette), 0);
	memset(leaf, 0xa5, sizeof(leaf));
	fx_rand_init(&rng, fx_seed(), 4);
}

static void teardown(void)
{
	gms__palette_fini(&palette);
}

static void runs_of_pages(struct gms__runs *runs, unsigned lo, unsigned hi)
{
	runs->n = 0;
	for (unsigned i = lo; i < hi; i++) {
		if (i > lo && page[i] == page[i - 1])
			continue;
		runs->start[runs->n] = (uint16_t)i;
		runs->state[runs->n++] = (uint16_t)page[i];
	}
	runs->start[runs->n] = (uint16_t)hi;
}

/* Everything that can be asked of the word, against the pages. */
static void compare(uint64_t word, unsigned lo, unsigned hi)
{
	static const gms_state masks[] = { GMS_STATE_ALL, GMS_STATE_SHARED, GMS_STATE_DIRTY, 0 };
	unsigned shared = 0, from = lo + (unsigned)fx_rand_below(&rng, hi - lo);
	unsigned to = from + 1 + (unsigned)fx_rand_below(&rng, hi - from), part = 0;
	struct gms__runs back, wanted;
	bool differ = false;

	for (unsigned i = lo; i < hi; i++) {
		differ |= gms__block_get(&palette, word, i) != page[i];
		shared += page[i] & GMS_STATE_SHARED;
		part += i >= from && i < to ? page[i] & GMS_STATE_SHARED : 0;
	}
	ck_assert(!differ);
	ck_assert_uint_eq(gms__block_count(&palette, bulk, word, lo, hi, GMS_STATE_SHARED), shared);
	ck_assert_uint_eq(gms__block_count(&palette, bulk, word, from, to, GMS_STATE_SHARED), part);
	for (unsigned m = 0; m < 4; m++) {
		unsigned first, end;
		const unsigned i = lo + (unsigned)fx_rand_below(&rng, hi - lo);
		const gms_state state = gms__block_piece(&palette, word, i, masks[m], &first, &end);

		ck_assert_uint_eq(state, page[i] & masks[m]);
		ck_assert(first <= i && i < end && end <= PAGES);
		first = first < lo ? lo : first;
		end = end > hi ? hi : end;
		for (unsigned j = first; j < end; j++)
			differ |= (page[j] & masks[m]) != state;
		ck_assert(!differ);
		ck_assert(first == lo || (page[first - 1] & masks[m]) != state);
		ck_assert(end == hi || (page[end] & masks[m]) != state);
	}
	gms__runs_of(&back, &palette, word, lo, hi);
	runs_of_pages(&wanted, lo, hi);
	ck_assert_uint_eq(back.n, wanted.n);
	ck_assert_mem_eq(back.start, wanted.start, (wanted.n + 1) * sizeof(wanted.start[0]));
	ck_assert_mem_eq(back.state, wanted.state, wanted.n * sizeof(wanted.state[0]));
}

static enum gms__kind store_and_compare(unsigned lo, unsigned hi)
{
	struct gms__runs runs;
	enum gms__kind kind;
	uint64_t word;

	runs_of_pages(&runs, lo, hi);
	kind = gms__runs_kind(&runs, &palette);
	word = gms__runs_word(&runs, kind, &palette, gms__block_has_leaf(kind) ? leaf : NULL);
	/* Where all places are taken a uniform word says its state itself. */
	if (kind != GMS__UNIFORM || gms__block_kind(word) != GMS__PLAIN)
		ck_assert_int_eq(gms__block_kind(word), kind);
	kind = gms__block_kind(word);
	compare(word, lo, hi);
	return kind;
}

START_TEST(random_runs_come_back_from_every_kind)
{
	static const unsigned states[] = { 2, 3, 16, 300 };
	unsigned seen[GMS__KINDS] = { 0 };

	for (unsigned round = 0; round < 1200 / fx_slowdown(); round++) {
		const unsigned n = states[round * 4 * fx_slowdown() / 1200 % 4];
		const unsigned length = 1 + (unsigned)fx_rand_below(&rng, round % 7 ? 200 : 4);
		unsigned lo = 0, hi = PAGES;

		if (round % 3 == 0) {
			lo = (unsigned)fx_rand_below(&rng, PAGES - 1);
			hi = lo + 1 + (unsigned)fx_rand_below(&rng, PAGES - lo);
		}
		for (unsigned i = 0; i < PAGES;) {
			const gms_state state = (gms_state)fx_rand_below(&rng, n);
			unsigned end = i + 1 + (unsigned)fx_rand_below(&rng, length);

			for (; i < end && i < PAGES; i++)
				page[i] = state;
		}
		seen[store_and_compare(lo, hi)]++;
	}
	/* Uniform in a state for which there is no place any more. */
	for (unsigned i = 0; i < GMS__PLACES; i++)
		gms__palette_place(&palette, 0x4000 + i);
	for (unsigned i = 0; i < PAGES; i++)
		page[i] = 0x7fff;
	seen[store_and_compare(0, PAGES)]++;
	for (unsigned kind = 0; kind < GMS__KINDS; kind++)
		ck_assert_msg(seen[kind], "kind %u was never used", kind);
}
END_TEST

START_TEST(alternating_pages_are_a_plane)	/* 1 bit a page against a hostile guest */
{
	for (unsigned i = 0; i < PAGES; i++)
		page[i] = i & 1;
	ck_assert_int_eq(store_and_compare(0, PAGES), GMS__PLANE);
	for (unsigned i = 0; i < PAGES; i++)
		page[i] = i % 16;
	ck_assert_int_eq(store_and_compare(0, PAGES), GMS__BYTES);
}
END_TEST

START_TEST(borders_of_each_kind)	/* _i: runs */
{
	for (unsigned two = 0; two < 2; two++) {
		for (unsigned i = 0; i < PAGES; i++) {
			const unsigned run = i * (unsigned)_i / PAGES;

			page[i] = two ? run % 2 : run % 3;
		}
		const enum gms__kind kind = store_and_compare(0, PAGES);

		if (_i == 1)
			ck_assert_int_eq(kind, GMS__UNIFORM);
		else if (_i == 2 || (two && _i <= 5))
			ck_assert_int_eq(kind, GMS__RUNS);
		else if (two)
			ck_assert_int_eq(kind, GMS__PLANE);
		else
			ck_assert_int_eq(kind, _i <= 16 ? GMS__LIST16 :
					 _i <= 32 ? GMS__LIST32 : GMS__BYTES);
	}
}
END_TEST

START_TEST(random_edits_of_runs_equal_an_array)
{
	struct gms__delta delta;
	struct gms__runs runs;

	memset(page, 0, sizeof(page));
	runs_of_pages(&runs, 0, PAGES);
	for (unsigned round = 0; round < 1500; round++) {
		const unsigned first = (unsigned)fx_rand_below(&rng, PAGES);
		const unsigned end = first + 1 + (unsigned)fx_rand_below(&rng, PAGES - first);
		const gms_state set = (gms_state)fx_rand_below(&rng, 8);
		const gms_state clear = (gms_state)fx_rand_below(&rng, 8) & ~set;
		struct gms__runs wanted;
		int turned = 0;

		memset(&delta, 0, sizeof(delta));
		for (unsigned i = first; i < end; i++) {
			const gms_state new = (page[i] & ~clear) | set;

			turned += (int)(new & GMS_STATE_SHARED) - (int)(page[i] & GMS_STATE_SHARED);
			page[i] = new;
		}
		gms__runs_edit(&runs, first, end, set, clear, &delta);
		ck_assert_int_eq(delta.pages[GMS__COUNT_SHARED], turned);
		runs_of_pages(&wanted, 0, PAGES);
		ck_assert_uint_eq(runs.n, wanted.n);
		ck_assert_mem_eq(runs.start, wanted.start, (runs.n + 1) * sizeof(runs.start[0]));
		ck_assert_mem_eq(runs.state, wanted.state, runs.n * sizeof(runs.state[0]));
	}
}
END_TEST

START_TEST(garbage_stays_within_the_block)
{
	/* What a reader may see of a leaf that is somebody else's by now. */
	for (unsigned round = 0; round < 3000 / fx_slowdown(); round++) {
		const unsigned i = (unsigned)fx_rand_below(&rng, PAGES);
		static const uint64_t kinds[] = {
			GMS__PLANE, GMS__LIST16, GMS__LIST32, GMS__BYTES, GMS__WIDE
		};
		const uint64_t kind = kinds[fx_rand_below(&rng, 5)];
		const uint64_t places = fx_rand_u64(&rng) & ~GMS__BLOCK_PTR & ~UINT64_C(15);
		const uint64_t word = kind | places | (uint64_t)(uintptr_t)leaf;
		unsigned first, end;

		for (unsigned w = 0; w < sizeof(leaf) / sizeof(leaf[0]); w++)
			leaf[w] = fx_rand_u64(&rng);
		ck_assert_uint_eq(gms__block_get(&palette, word, i) & ~GMS_STATE_ALL, 0);
		gms__block_piece(&palette, word, i, GMS_STATE_ALL, &first, &end);
		ck_assert(first <= PAGES && end <= PAGES);
		ck_assert_uint_le(gms__block_count(&palette, bulk, word, 0, PAGES, GMS_STATE_SHARED), PAGES);
	}
}
END_TEST

START_TEST(a_full_palette_gives_no_place)
{
	for (unsigned i = 0; i < GMS__PLACES; i++)
		ck_assert_int_eq(gms__palette_place(&palette, i), (int)i);
	ck_assert_int_eq(gms__palette_place(&palette, GMS__PLACES), -1);
	ck_assert_int_eq(gms__palette_place(&palette, 5), 5);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("block");
	TCase *t = fx_case(s, "block");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, random_runs_come_back_from_every_kind);
	tcase_add_test(t, alternating_pages_are_a_plane);
	tcase_add_loop_test(t, borders_of_each_kind, 1, 200);
	tcase_add_test(t, random_edits_of_runs_equal_an_array);
	tcase_add_test(t, garbage_stays_within_the_block);
	tcase_add_test(t, a_full_palette_gives_no_place);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/map/pick.c and pick_avx2.c: whatever this CPU can
 * run says of every kind of word what its pages say one by one.
 */
#include "fixture.h"

#include "base/le.h"
#include "map/pick.h"

#define PAGES	512u
#define BLOCKS	GMS__PICK_BLOCKS

static const struct gms__bulk *tables[2];
static int ntables;

static struct gms__palette palette;
static uint64_t leaf[BLOCKS][1024 / sizeof(uint64_t)] __attribute__((aligned(64)));
static uint64_t word[BLOCKS];
static unsigned made[GMS__KINDS];
static struct fx_rand rng;

static void setup(void)
{
	ck_assert_int_eq(gms__palette_init(&palette), 0);
	memset(made, 0, sizeof(made));
	fx_rand_init(&rng, fx_seed(), 33);
}

static void teardown(void)
{
	gms__palette_fini(&palette);
}

/* A block of nstates states in about nruns runs. */
static uint64_t any_word(void *room, unsigned nstates, unsigned nruns)
{
	struct gms__runs runs = { 0 };
	unsigned page = 0;
	uint64_t made_of;

	while (page < PAGES) {
		const gms_state state = (gms_state)fx_rand_below(&rng, nstates) * 37 & 0x7fff;

		if (!runs.n || runs.state[runs.n - 1] != state) {
			runs.start[runs.n] = (uint16_t)page;
			runs.state[runs.n++] = (uint16_t)state;
		}
		page += 1 + (unsigned)fx_rand_below(&rng, 2 * PAGES / nruns);
	}
	runs.start[runs.n] = PAGES;
	made_of = gms__runs_word(&runs, gms__runs_kind(&runs, &palette), &palette, room);
	made[gms__block_kind(made_of)]++;
	return made_of | (fx_rand_odds(&rng, 1, 2) ? GMS__BLOCK_SPLIT : 0);
}

static void compare(const struct gms__pick *match, unsigned n)
{
	uint64_t got[BLOCKS * 8 + 2], bits[8];

	got[0] = got[n * 8 + 1] = 0x5a5a;
	gms__pick_blocks(match, word, n, got + 1);
	ck_assert(got[0] == 0x5a5a && got[n * 8 + 1] == 0x5a5a);
	for (unsigned i = 0; i < n; i++) {
		gms__pick_block(match, word[i], bits);
		for (unsigned w = 0; w < 8; w++) {
			uint64_t wanted = 0;

			for (unsigned p = 0; p < 64; p++) {
				const gms_state state = gms__block_get(&palette, word[i],
								       w * 64 + p);

				wanted |= (uint64_t)((state & match->mask) == match->value) << p;
			}
			if (bits[w] != wanted || gms__le64(got[1 + i * 8 + w]) != wanted)
				ck_abort_msg("word %u of block %u of %u, kind %u: %016" PRIx64
					     " alone, %016" PRIx64 " with others, not %016" PRIx64,
					     w, i, n, (unsigned)gms__block_kind(word[i]), bits[w],
					     gms__le64(got[1 + i * 8 + w]), wanted);
		}
	}
}

START_TEST(bits_are_what_the_pages_are)	/* _i: table */
{
	static const unsigned states[] = { 2, 2, 2, 3, 16, 100, 300 };
	static const unsigned runs[] = { 1, 3, 5, 9, 24, 80, 400 };

	for (unsigned round = 0; round < 3000 / fx_slowdown(); round++) {
		const unsigned n = 1 + (unsigned)fx_rand_below(&rng, BLOCKS);
		const unsigned most = round < 2000 / fx_slowdown() ? 5 : 7;
		struct gms__pick match;
		gms_state mask;

		for (unsigned i = 0; i < n; i++)
			word[i] = any_word(leaf[i], states[fx_rand_below(&rng, most)],
					   runs[fx_rand_below(&rng, 7)]);
		mask = round % 3 ? (gms_state)fx_rand_u64(&rng) & GMS_STATE_ALL : GMS_STATE_SHARED;
		gms__pick_init(&match, &palette, tables[_i], mask,
				(gms_state)(fx_rand_below(&rng, 16) * 37) & mask);
		ck_assert(gms__pick_stands(&match));
		compare(&match, n);
	}
	for (unsigned kind = 0; kind < GMS__KINDS; kind++)
		ck_assert_msg(made[kind], "no block of kind %u", kind);
}
END_TEST

START_TEST(a_new_place_is_noticed)
{
	struct gms__pick match;

	ck_assert_int_ge(gms__palette_place(&palette, 1), 0);
	gms__pick_init(&match, &palette, tables[0], 1, 1);
	ck_assert_int_ge(gms__palette_place(&palette, 1), 0);
	ck_assert(gms__pick_stands(&match));
	ck_assert_int_ge(gms__palette_place(&palette, 3), 0);
	ck_assert(!gms__pick_stands(&match));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pick");
	TCase *t = fx_case(s, "pick");

	tables[ntables++] = &gms__bulk_plain;
	if (gms__bulk_choose() != &gms__bulk_plain)
		tables[ntables++] = gms__bulk_choose();
	for (int i = 0; i < ntables; i++)
		printf("_i = %d: %s\n", i, tables[i]->name);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, bits_are_what_the_pages_are, 0, ntables);
	tcase_add_test(t, a_new_place_is_noticed);
	return fx_run(s);
}

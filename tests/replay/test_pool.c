/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/replay/pool.c. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "rand.h"
#include "replay/pool.h"

#define CHUNK_BYTES	POOL_CHUNK_BYTES_LEAST
#define CHUNK_SLOTS	(CHUNK_BYTES / POOL_SLOT_BYTES)
#define CHUNKS_MOST	3u
#define HELD_MOST	2000u

START_TEST(what_is_a_page_long_begins_at_a_page)
{
	struct pool pool;

	pool_init(&pool, CHUNK_BYTES);
	ck_assert_uint_eq(pool_take(&pool, 1), POOL_NONE);
	ck_assert_int_eq(pool_grow(&pool), 0);
	ck_assert_uint_eq(pool_take(&pool, 1), 0);
	ck_assert_uint_eq(pool_take(&pool, 4096), 4096);
	ck_assert_uint_eq(pool_take(&pool, 2048), 2048);
	ck_assert_uint_eq(pool_take(&pool, 2049), 8192);
	pool_give(&pool, 4096, 4096);
	ck_assert_uint_eq(pool_take(&pool, 4097), 12288);
	ck_assert_uint_eq(pool_take(&pool, 4096), 4096);
	pool_drop(&pool);
}
END_TEST

START_TEST(a_chunk_is_the_longest)
{
	struct pool pool;

	pool_init(&pool, CHUNK_BYTES);
	ck_assert_int_eq(pool_grow(&pool), 0);
	ck_assert_uint_eq(pool_take(&pool, CHUNK_BYTES + 1), POOL_NONE);
	ck_assert_uint_eq(pool_take(&pool, UINT64_MAX), POOL_NONE);
	ck_assert_uint_eq(pool_take(&pool, CHUNK_BYTES), 0);
	ck_assert_uint_eq(pool_take(&pool, 1), POOL_NONE);
	ck_assert_int_eq(pool_grow(&pool), 0);
	ck_assert_uint_eq(pool_take(&pool, 1), CHUNK_BYTES);
	pool_give(&pool, 0, CHUNK_BYTES);
	ck_assert_uint_eq(pool_take(&pool, 1), 0);
	pool_drop(&pool);
}
END_TEST

/* --- against an array of slots ----------------------------------------------------- */

struct naive {
	bool taken[CHUNKS_MOST * CHUNK_SLOTS];
	uint64_t nslots;
};

static uint64_t naive_take(struct naive *naive, uint64_t bytes)
{
	const uint64_t n = (bytes + POOL_SLOT_BYTES - 1) / POOL_SLOT_BYTES;
	const uint64_t step = n > 1 ? 2 : 1;

	for (uint64_t at = 0; at + n <= naive->nslots; at += step) {
		uint64_t i = 0;

		if (at / CHUNK_SLOTS != (at + n - 1) / CHUNK_SLOTS)
			continue;
		while (i < n && !naive->taken[at + i])
			i++;
		if (i < n)
			continue;
		memset(&naive->taken[at], true, n);
		return at * POOL_SLOT_BYTES;
	}
	return POOL_NONE;
}

static void naive_give(struct naive *naive, uint64_t offset, uint64_t bytes)
{
	memset(&naive->taken[offset / POOL_SLOT_BYTES], false,
	       (bytes + POOL_SLOT_BYTES - 1) / POOL_SLOT_BYTES);
}

static uint64_t some_length(struct fx_rand *rand)
{
	static const uint64_t most[] = { 64, 2048, 4096, 16384, 262144, CHUNK_BYTES + 4096 };

	return 1 + fx_rand_below(rand, most[fx_rand_below(rand, 40) % 6]);
}

START_TEST(it_takes_what_a_search_from_the_start_finds)
{
	static struct naive naive;
	static struct { uint64_t at, bytes; } held[HELD_MOST];
	const unsigned steps = 20000 / fx_slowdown();
	unsigned nheld = 0, full = 0;
	bool same = true;
	struct fx_rand rand;
	struct pool pool;

	fx_rand_init(&rand, fx_seed(), 1);
	pool_init(&pool, CHUNK_BYTES);
	for (unsigned i = 0; same && i < steps; i++) {
		const uint64_t bytes = some_length(&rand);
		const bool fill = i / 2000 % 2 == 0;

		if (nheld && (nheld == HELD_MOST || fx_rand_odds(&rand, fill ? 1 : 3, 4))) {
			const unsigned which = (unsigned)fx_rand_below(&rand, nheld--);

			pool_give(&pool, held[which].at, held[which].bytes);
			naive_give(&naive, held[which].at, held[which].bytes);
			held[which] = held[nheld];
			continue;
		}
		held[nheld].at = pool_take(&pool, bytes);
		held[nheld].bytes = bytes;
		same = held[nheld].at == naive_take(&naive, bytes);
		nheld += held[nheld].at != POOL_NONE;
		if (held[nheld].at == POOL_NONE && pool.nchunks < CHUNKS_MOST) {
			ck_assert_int_eq(pool_grow(&pool), 0);
			naive.nslots += CHUNK_SLOTS;
		}
		full += pool.nchunks == CHUNKS_MOST;
	}
	ck_assert(same);
	ck_assert_uint_gt(full, 0);
	while (nheld--)
		pool_give(&pool, held[nheld].at, held[nheld].bytes);
	for (unsigned i = 0; i < pool.nchunks; i++)
		ck_assert_uint_eq(pool_take(&pool, CHUNK_BYTES), i * CHUNK_BYTES);
	pool_drop(&pool);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("replay/pool");
	TCase *take = tcase_create("take");

	tcase_add_test(take, what_is_a_page_long_begins_at_a_page);
	tcase_add_test(take, a_chunk_is_the_longest);
	tcase_add_test(take, it_takes_what_a_search_from_the_start_finds);
	suite_add_tcase(s, take);
	return fx_run(s);
}

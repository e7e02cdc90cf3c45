/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exports beside a writer: each bit is one that its page had.
 *
 * The writer gives pages other states all the time, so that blocks go through
 * every form that the map has for them and the palette grows; but only one page
 * is turned between shared and private. The bitmap of what is shared must be the
 * same each time but for that page's bit, and in the end both must have been seen.
 */
#include "fixture.h"

#include <pthread.h>

#define S	GMS_STATE_SHARED
#define BLOCKS	96u
#define PAGES	(BLOCKS * FX_2M)
#define WORDS	(PAGES / 64)
#define TURNING	(5 * FX_2M + 77)

#define OTHERS	(GMS_STATE_USER0 | GMS_STATE_USER1 | GMS_STATE_USER2 | GMS_STATE_USER3 | \
		 GMS_STATE_DIRTY | GMS_STATE_WRITE_PROTECT)

/* Neither begins with a block or ends with one; an odd one is not one of words. */
static const struct gms_range parts[] = {
	{ 64, PAGES - 128 }, { 0, PAGES }, { 13, PAGES - 13 }, { 16, 200 * 64 }
};

static struct gms_space *space;
static bool stop;

static void *change_pages(void *ctx)
{
	struct fx_rand rand;
	bool shared = false;

	(void)ctx;
	fx_rand_init(&rand, fx_seed(), 32);
	for (uint64_t i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		const gms_state set = fx_rand_u64(&rand) & OTHERS;
		const gms_gfn first = fx_rand_below(&rand, PAGES - 600);
		const uint64_t npages = 1 + fx_rand_below(&rand, i % 16 ? 5 : 600);
		const struct gms_change change = { FX_RANGE(first, npages), set, OTHERS & ~set };
		const struct gms_change all = { FX_RANGE(0, PAGES), set, OTHERS & ~set };
		int err = gms_convert(space, i % 4096 ? &change : &all, 1, NULL, NULL);

		if (!err && !(i % 3)) {
			shared = !shared;
			err = shared ? gms_share(space, FX_RANGE(TURNING, 1), NULL) :
				       gms_unshare(space, FX_RANGE(TURNING, 1), NULL);
		}
		if (err)
			abort();
	}
	return NULL;
}

/* The bits that may be, without those of the page that turns. */
static void export(struct gms_range range, unsigned order, uint64_t *out, uint64_t *turning)
{
	const uint64_t g = (TURNING - range.first) >> order;

	ck_assert_int_eq(gms_bitmap_export(space, range, S, S, order, out), 0);
	*turning = out[g / 64] >> g % 64 & 1;
	out[g / 64] &= ~(UINT64_C(1) << g % 64);
}

START_TEST(bits_are_what_pages_were)	/* _i: order of a granule */
{
	const unsigned nparts = _i ? 2 : 4;
	static uint64_t still[4][WORDS], now[WORDS];
	uint64_t turning, seen[2] = { 0, 0 };
	pthread_t writer;

	space = fx_plain_space(NULL);
	stop = false;
	fx_region(space, FX_RANGE(0, PAGES), 0, GMS_STATE_DIRECT_MAP, NULL);
	/* From blocks without a shared page to blocks of nothing else. */
	for (gms_gfn gfn = 0; gfn < PAGES; gfn++) {
		if (gfn / FX_2M % 8 && gfn * 2654435761u % 8 < gfn / FX_2M % 8 && gfn != TURNING)
			ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	}
	for (unsigned p = 0; p < nparts; p++) {
		export(parts[p], (unsigned)_i, still[p], &turning);
		ck_assert(!turning || _i);
	}
	ck_assert_int_eq(pthread_create(&writer, NULL, change_pages, NULL), 0);
	for (unsigned i = 0; i < 40000 / fx_slowdown(); i++) {
		const unsigned p = i % nparts;
		const uint64_t n = ((parts[p].npages - 1) >> _i) + 1;

		export(parts[p], (unsigned)_i, now, &turning);
		seen[turning]++;
		if (memcmp(now, still[p], (n + 63) / 64 * sizeof(now[0])))
			ck_abort_msg("export %u of part %u has bits that no page had", i, p);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(writer, NULL), 0);
	if (!_i)
		ck_assert_msg(seen[0] && seen[1], "the page never turned: %" PRIu64 " %" PRIu64,
			      seen[0], seen[1]);
	fx_check(space);
	gms_space_free(space);
}
END_TEST

/* Every page is shared; each of these states is one that the space has not seen. */
#define NEW_PAGES	(8 * FX_2M)

static bool go, done;

static void *make_states(void *ctx)
{
	(void)ctx;
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		;
	for (gms_state bits = 1; bits < 120; bits++) {
		const struct gms_change change = {
			FX_RANGE(bits * 31 % NEW_PAGES, 1), bits * GMS_STATE_FROZEN, 0
		};

		if (gms_convert(space, &change, 1, NULL, NULL))
			abort();
	}
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	return NULL;
}

START_TEST(states_that_are_new_are_not_missed)
{
	const unsigned rounds = 1000 / fx_slowdown();
	uint64_t now[NEW_PAGES / 64];
	pthread_t writer;

	for (unsigned i = 0; i < rounds; i++) {
		go = done = false;
		space = fx_plain_space(NULL);
		fx_region(space, FX_RANGE(0, NEW_PAGES), 0, S, NULL);
		ck_assert_int_eq(pthread_create(&writer, NULL, make_states, NULL), 0);
		__atomic_store_n(&go, true, __ATOMIC_RELEASE);
		while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
			ck_assert_int_eq(gms_bitmap_export(space, FX_RANGE(0, NEW_PAGES), S, S, 0,
							   now), 0);
			for (unsigned w = 0; w < NEW_PAGES / 64; w++)
				if (now[w] != UINT64_MAX)
					ck_abort_msg("round %u: word %u is %016" PRIx64, i, w,
						     now[w]);
		}
		ck_assert_int_eq(pthread_join(writer, NULL), 0);
		gms_space_free(space);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bitmap");
	TCase *t = fx_case(s, "beside a writer");

	tcase_add_test(t, states_that_are_new_are_not_missed);
	tcase_add_loop_test(t, bits_are_what_pages_were, 0, 4);
	return fx_run(s);
}

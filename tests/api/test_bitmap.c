/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of bitmaps, out by state.h and in by convert.h: each against
 * an array of states, page by page.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

/* Frames that the tests look at: from the first GiB into the second. */
#define WINDOW	(FX_1G + 40 * FX_2M)
#define WORDS	(WINDOW / 64 + 1)

/* What is kept in USER bits has no rules, and any number of states. */
#define U	(GMS_STATE_USER0 | GMS_STATE_USER1 | GMS_STATE_USER2 | GMS_STATE_USER3)
#define MANY	(U | GMS_STATE_DIRTY | GMS_STATE_WRITE_PROTECT | GMS_STATE_DESTROYED | D)

static struct fx_rand rng;
static struct fx_mem mem;
static struct gms_space *space;
static gms_state *page;			/* of the window, as the array has it */
static uint64_t *bitmap, *wanted;

/* Check writes down every assertion that holds, which takes too long a million times. */
#define expect(x, ...) do { if (!(x)) ck_abort_msg(__VA_ARGS__); } while (0)

static void setup(void)
{
	fx_rand_init(&rng, fx_seed(), 31);
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	page = calloc(WINDOW, sizeof(*page));
	bitmap = malloc((WORDS + 2) * sizeof(*bitmap));
	wanted = malloc((WORDS + 2) * sizeof(*wanted));
	ck_assert(page && bitmap && wanted);
}

static void teardown(void)
{
	free(page);
	free(bitmap);
	free(wanted);
	fx_space_done(space, &mem);
}

/*
 * Holes, a region of a few pages between others, borders within words, blocks
 * and GiB, one of which begins as uniform as a GiB can be.
 */
static void add_regions(gms_state state)
{
	fx_region(space, FX_RANGE(37, 3), 0, state, NULL);
	fx_region(space, FX_RANGE(40, 30), 0, state, NULL);
	fx_region(space, FX_RANGE(97, 900), 0, state, NULL);
	fx_region(space, FX_RANGE(1030, 20 * FX_2M + 77), 0, state, NULL);
	fx_region(space, FX_RANGE(64 * FX_2M, 100 * FX_2M), 9, state, NULL);
	fx_region(space, FX_RANGE(FX_1G - 21 * FX_2M - 5, 30 * FX_2M), 0, state, NULL);
	fx_region(space, FX_RANGE(FX_1G + 20 * FX_2M, 20 * FX_2M), 9, state | S, NULL);
}

static void change(gms_gfn first, uint64_t npages, gms_state set, gms_state clear)
{
	const struct gms_change one = { FX_RANGE(first, npages), set, clear };
	const int err = gms_convert(space, &one, 1, NULL, NULL);

	expect(!err || err == -ENOENT, "change of 0x%" PRIx64 "+%" PRIu64 ": %s", first, npages,
	       gms_strerror(err));
}

/* One block becomes what it is called after in the map, if it is no hole. */
static void shape(gms_gfn base, unsigned kind, gms_state states)
{
	gms_state set;

	change(base, FX_2M, fx_rand_u64(&rng) & states, 0);
	for (gms_gfn gfn = base; gfn < base + FX_2M && kind; gfn++) {
		uint64_t n = 1;

		set = fx_rand_u64(&rng) & states;
		switch (kind) {
		case 1:		/* a run or two */
			gfn += fx_rand_below(&rng, 300);
			n = 1 + fx_rand_below(&rng, base + FX_2M - gfn > 99 ? 99 : 1);
			break;
		case 2:		/* a plane */
			set = S;
			break;
		case 3:		/* a list */
			gfn += fx_rand_below(&rng, 60);
			n = 1 + fx_rand_below(&rng, 20);
			break;
		default:	/* bytes, or states in full */
			break;
		}
		if (gfn < base + FX_2M)
			change(gfn, n, set, states & ~set);
		gfn += n - 1 + fx_rand_below(&rng, 3);
	}
}

static void learn(void)
{
	for (gms_gfn gfn = 0; gfn < WINDOW; gfn++)
		page[gfn] = gms_state_at(space, gfn);
}

static void fill(gms_state states)
{
	const unsigned step = fx_slowdown() > 1 ? 7 : 1;

	add_regions(0);
	for (gms_gfn base = 0; base < WINDOW; base += step * FX_2M)
		shape(base, (unsigned)fx_rand_below(&rng, 6), states);
	learn();
}

/* What the array says the bitmap is; how many words. */
static uint64_t want(struct gms_range range, gms_state mask, gms_state value, unsigned order)
{
	const uint64_t n = ((range.npages - 1) >> order) + 1, words = (n + 63) / 64;
	unsigned char *byte = (unsigned char *)wanted;

	memset(wanted, 0, words * sizeof(*wanted));
	for (uint64_t i = 0; i < range.npages; i++) {
		const gms_state state = page[range.first + i];

		if (state != GMS_HOLE && (state & mask) == value)
			byte[(i >> order) / 8] |= (unsigned char)(1 << (i >> order) % 8);
	}
	return words;
}

static void compare(struct gms_range range, gms_state mask, gms_state value, unsigned order)
{
	const uint64_t guard = UINT64_C(0xa5a5a5a5a5a5a5a5);
	const uint64_t words = want(range, mask, value, order);

	for (uint64_t w = 0; w < words + 2; w++)
		bitmap[w] = guard;
	expect(!gms_bitmap_export(space, range, mask, value, order, bitmap + 1), "refused");
	expect(bitmap[0] == guard && bitmap[words + 1] == guard, "wrote outside");
	for (uint64_t w = 0; w < words; w++)
		expect(bitmap[w + 1] == wanted[w],
		       "0x%" PRIx64 "+%" PRIu64 " order %u mask 0x%x value 0x%x, word %" PRIu64
		       ": %016" PRIx64 ", not %016" PRIx64, range.first, range.npages, order, mask,
		       value, w, bitmap[w + 1], wanted[w]);
}

static struct gms_range any_range(unsigned order)
{
	const unsigned grain = fx_rand_odds(&rng, 1, 3) ? 0 : fx_rand_odds(&rng, 1, 2) ? 6 : 9;
	const unsigned shift = grain > order ? grain : order;
	const uint64_t longest = fx_rand_odds(&rng, 1, 3) ? 300 : WINDOW;
	struct gms_range range;

	range.first = fx_rand_below(&rng, WINDOW) >> shift << shift;
	range.npages = WINDOW - range.first;
	if (range.npages > longest)
		range.npages = longest;
	range.npages = 1 + fx_rand_below(&rng, range.npages);
	return range;
}

/* In the loop tests _i is which states there are. */
static const gms_state palettes[] = { S, U, MANY };

START_TEST(export_says_what_each_page_says)
{
	static const gms_state values[][2] = {
		{ S, S }, { S, 0 }, { 0, 0 }, { GMS_STATE_ALL, 0 }, { GMS_STATE_ALL, S },
		{ U, GMS_STATE_USER1 }, { MANY, GMS_STATE_USER0 | D }, { GMS_STATE_USER2, 0 },
		{ GMS_STATE_DIRTY | S, S }, { GMS_STATE_POISON, GMS_STATE_POISON },
	};
	const unsigned rounds = 1200 / fx_slowdown();

	fill(palettes[_i]);
	for (unsigned i = 0; i < rounds; i++) {
		const gms_state *v = values[i % (sizeof(values) / sizeof(values[0]))];
		const unsigned order = i % 3 ? (unsigned)fx_rand_below(&rng, 19) : 0;

		compare(any_range(order), v[0], v[1], order);
	}
	for (unsigned order = 0; order <= GMS_ORDER_1G; order++) {
		compare(FX_RANGE(0, WINDOW), S, S, order);
		compare(FX_RANGE(0, WINDOW - 1), U, 0, order);
	}
}
END_TEST

START_TEST(export_of_memory_that_nobody_has_is_clear)
{
	const struct gms_range far = FX_RANGE(UINT64_MAX - 128, 128);

	bitmap[0] = bitmap[1] = bitmap[2] = UINT64_MAX;
	ck_assert_int_eq(gms_bitmap_export(space, far, 0, 0, 0, bitmap), 0);
	ck_assert(!bitmap[0] && !bitmap[1] && bitmap[2] == UINT64_MAX);
	add_regions(0);
	learn();
	for (unsigned order = 0; order <= GMS_ORDER_1G; order++)
		compare(FX_RANGE((WINDOW - 1) >> order << order, 1), S, S, order);
}
END_TEST

/* A slot of 130 pages at 1 MiB, as KVM_GET_DIRTY_LOG would write it: a multiple of 64 bits. */
START_TEST(export_has_the_bytes_of_a_dirty_log)
{
	static const unsigned char log[24 + 1] = {
		0x09, 0x08, 0, 0, 0, 0, 0, 0x80, 0x01, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0,
		0, 0, 0xee
	};
	static const unsigned char by_four[8] = { 0x05, 0x80, 0x01, 0, 0x01, 0, 0, 0 };
	static const uint64_t dirty[] = { 0, 3, 11, 63, 64, 129 };
	unsigned char got[32] __attribute__((aligned(8)));

	fx_region(space, FX_RANGE(0x100, 130), 0, 0, NULL);
	for (size_t i = 0; i < sizeof(dirty) / sizeof(dirty[0]); i++)
		change(0x100 + dirty[i], 1, GMS_STATE_DIRTY | GMS_STATE_POPULATED, 0);
	memset(got, 0xee, sizeof(got));
	ck_assert_int_eq(gms_bitmap_export(space, FX_RANGE(0x100, 130), GMS_STATE_DIRTY,
					   GMS_STATE_DIRTY, 0, (uint64_t *)(void *)got), 0);
	ck_assert_mem_eq(got, log, sizeof(log));
	ck_assert_int_eq(gms_bitmap_export(space, FX_RANGE(0x100, 130), GMS_STATE_DIRTY,
					   GMS_STATE_DIRTY, 2, (uint64_t *)(void *)got), 0);
	ck_assert_mem_eq(got, by_four, sizeof(by_four));
}
END_TEST

START_TEST(export_refuses_every_bad_argument)
{
	uint64_t word = 7;

	fx_region(space, FX_RANGE(0, FX_1G), 18, 0, NULL);
#define refused(space, range, mask, value, order, out) \
	ck_assert_int_eq(gms_bitmap_export((space), (range), (mask), (value), (order), (out)), \
			 -EINVAL)
	refused(NULL, FX_RANGE(0, 64), S, S, 0, &word);
	refused(space, FX_RANGE(0, 64), S, S, 0, NULL);
	refused(space, FX_RANGE(0, 0), S, S, 0, &word);
	refused(space, FX_RANGE(2, UINT64_MAX - 1), S, S, 18, &word);
	refused(space, FX_RANGE(0, 64), GMS_STATE_ALL + 1, 0, 0, &word);
	refused(space, FX_RANGE(0, 64), S, D, 0, &word);
	refused(space, FX_RANGE(0, 64), 0, S, 0, &word);
	refused(space, FX_RANGE(0, 64), S, S, 19, &word);
	refused(space, FX_RANGE(0, 64), S, S, 64, &word);
	refused(space, FX_RANGE(1, 64), S, S, 1, &word);
	refused(space, FX_RANGE(FX_1G / 2, 64), S, S, 18, &word);
#undef refused
	ck_assert_uint_eq(word, 7);
	ck_assert_int_eq(gms_bitmap_export(space, FX_RANGE(0, 64), S, 0, 18, &word), 0);
	ck_assert_uint_eq(word, UINT64_C(1));
}
END_TEST

/* --- import -------------------------------------------------------------- */

static void put_bit(uint64_t g, bool one)
{
	unsigned char *byte = (unsigned char *)bitmap + g / 8;

	*byte = (unsigned char)((*byte & ~(1 << g % 8)) | one << g % 8);
}

static bool bit_at(uint64_t g)
{
	return ((const unsigned char *)bitmap)[g / 8] >> g % 8 & 1;
}

/* Runs of all lengths, and noise behind the last granule. */
static void random_bits(uint64_t n)
{
	uint64_t g = 0;
	bool one = fx_rand_odds(&rng, 1, 2);

	memset(bitmap, fx_rand_odds(&rng, 1, 2) ? 0xff : 0, (n + 63) / 64 * sizeof(*bitmap));
	while (g < n) {
		uint64_t length = 1 + fx_rand_below(&rng, fx_rand_odds(&rng, 1, 4) ? 2000 : 5);

		for (; length && g < n; length--)
			put_bit(g++, one);
		one = !one;
	}
}

/* What the array becomes; how many pages change. */
static uint64_t apply(struct gms_range range, gms_state mask, gms_state value, unsigned order,
		      uint32_t how, uint64_t *unchanged)
{
	uint64_t changed = 0;

	*unchanged = 0;
	for (uint64_t i = 0; i < range.npages; i++) {
		gms_state *state = &page[range.first + i];
		const bool one = bit_at(i >> order);
		gms_state to = value;

		if (!one && how != GMS_BITMAP_ASSIGN)
			continue;
		if (one == (how == GMS_BITMAP_CLEAR))
			to = mask & ~value;
		to |= *state & ~mask;
		changed += to != *state;
		*unchanged += to == *state;
		*state = to;
	}
	return changed;
}

static void expect_pages(void)
{
	for (gms_gfn gfn = 0; gfn < WINDOW; gfn++) {
		const gms_state state = gms_state_at(space, gfn);

		expect(state == page[gfn], "0x%" PRIx64 " is 0x%x, not 0x%x", gfn, state,
		       page[gfn]);
	}
	fx_check(space);
}

START_TEST(import_does_what_the_bits_say)	/* _i: how */
{
	const unsigned rounds = fx_slowdown() > 1 ? 12 : 40;

	fx_region(space, FX_RANGE(0, 60 * FX_2M), 0, 0, NULL);
	fx_region(space, FX_RANGE(60 * FX_2M, WINDOW - 60 * FX_2M), 9, 0, NULL);
	learn();
	for (unsigned i = 0; i < rounds; i++) {
		const unsigned order = (unsigned)fx_rand_below(&rng, i % 2 ? 4 : 19);
		const gms_state mask = fx_rand_u64(&rng) & palettes[i % 3];
		const gms_state value = fx_rand_u64(&rng) & mask;
		struct gms_range range = any_range(order);
		struct gms_convert_result result;
		uint64_t changed, unchanged;

		if (range.npages > 20000)
			range.npages = 20000;
		random_bits(((range.npages - 1) >> order) + 1);
		changed = apply(range, mask, value, order, (uint32_t)_i, &unchanged);
		GMS_INIT(&result);
		ck_assert_int_eq(gms_bitmap_import(space, range, mask, value, order, bitmap,
						   (uint32_t)_i, &result), 0);
		ck_assert_uint_eq(result.changed_pages, changed);
		ck_assert_uint_eq(result.unchanged_pages, unchanged);
		ck_assert_uint_eq(result.error_gfn, 0);
		if (i % 8 == 7 || i == rounds - 1)
			expect_pages();
	}
}
END_TEST

START_TEST(import_is_the_conversion_of_its_runs)
{
	static struct gms_change changes[4096];
	struct gms_space *twin = fx_plain_space(NULL);
	struct fx_host *host[2] = { fx_host_new(0, FX_1G), fx_host_new(0, FX_1G) };
	struct gms_space *both[2] = { space, twin };
	const struct gms_range range = FX_RANGE(0, 4096);

	for (unsigned i = 0; i < 2; i++)
		fx_region(both[i], FX_RANGE(0, FX_1G), 18, D, host[i]);
	for (unsigned round = 0; round < 20; round++) {
		struct gms_convert_result result[2];
		struct fx_snap snap[2];
		size_t n = 0;

		random_bits(range.npages);
		for (gms_gfn gfn = 0; gfn < range.npages; gfn++) {
			const bool one = bit_at(gfn);

			changes[n++] = (struct gms_change){ FX_RANGE(gfn, 1), one ? S : 0,
							    one ? 0 : S };
		}
		GMS_INIT(&result[0]);
		GMS_INIT(&result[1]);
		ck_assert_int_eq(gms_bitmap_import(space, range, S, S, 0, bitmap,
						   GMS_BITMAP_ASSIGN, &result[0]), 0);
		ck_assert_int_eq(gms_convert(twin, changes, n, NULL, &result[1]), 0);
		ck_assert_mem_eq(&result[0], &result[1], sizeof(result[0]));
		for (unsigned i = 0; i < 2; i++) {
			fx_host_check(host[i], both[i], FX_RANGE(0, FX_1G));
			fx_snap_take(&snap[i], both[i], host[i]);
			snap[i].regions = 0;	/* ids and addresses of two spaces */
		}
		fx_snap_same(&snap[0], &snap[1]);
		ck_assert_uint_eq(fx_event(space, GMS_ACCT_CONVERTS),
				  fx_event(twin, GMS_ACCT_CONVERTS));
		ck_assert_uint_eq(fx_event(space, GMS_ACCT_HOST_RUNS),
				  fx_event(twin, GMS_ACCT_HOST_RUNS));
	}
	gms_space_free(twin);
	ck_assert_int_eq(gms_region_remove(space, 1), 0);
	fx_host_free(host[0]);
	fx_host_free(host[1]);
}
END_TEST

START_TEST(export_and_import_bring_states_back)	/* _i: which states */
{
	static const gms_state bits[] = { S, GMS_STATE_USER0, GMS_STATE_USER1, GMS_STATE_USER2,
					  GMS_STATE_USER3, GMS_STATE_DIRTY, D,
					  GMS_STATE_WRITE_PROTECT, GMS_STATE_DESTROYED };
	const struct gms_range part = FX_RANGE(1030, 20 * FX_2M + 77);

	fill(palettes[_i]);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		ck_assert_int_eq(gms_bitmap_export(space, part, bits[i], bits[i], 0, bitmap), 0);
		change(part.first, part.npages, i & 1 ? bits[i] : 0, i & 1 ? 0 : bits[i]);
		ck_assert_int_eq(gms_bitmap_import(space, part, bits[i], bits[i], 0, bitmap,
						   i & 1 ? GMS_BITMAP_ASSIGN : GMS_BITMAP_SET,
						   NULL), 0);
	}
	expect_pages();
}
END_TEST

/* The import fails as said, and nothing has changed. */
static void blocked(struct gms_range range, gms_state mask, gms_state value, uint32_t how, int err,
		    gms_gfn gfn, uint32_t reason)
{
	struct gms_convert_result result;
	struct fx_snap before, after;

	GMS_INIT(&result);
	fx_snap_take(&before, space, NULL);
	ck_assert_int_eq(gms_bitmap_import(space, range, mask, value, 0, bitmap, how, &result),
			 err);
	ck_assert_uint_eq(result.error_gfn, gfn);
	ck_assert_uint_eq(result.error_reason, reason);
	ck_assert_uint_eq(result.changed_pages, 0);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);
	ck_assert_int_eq(gms_bitmap_import(space, range, mask, value, 0, bitmap, how, NULL), err);
	fx_check(space);
}

START_TEST(import_is_all_or_nothing)
{
	const struct gms_range range = FX_RANGE(1024, 512);
	gms_pin_id pin;

	fx_region(space, FX_RANGE(1024, 300), 0, S | D, NULL);
	fx_region(space, FX_RANGE(1400, 136), 0, S | D, NULL);
	memset(bitmap, 0, 64);
	put_bit(3, true);
	put_bit(100, true);
	put_bit(200, true);

	/* Holes, which only bits that ask for something may not meet. */
	blocked(range, S, S, GMS_BITMAP_ASSIGN, -ENOENT, 1324, GMS_REASON_HOLE);
	put_bit(310, true);
	blocked(range, S, S, GMS_BITMAP_CLEAR, -ENOENT, 1334, GMS_REASON_HOLE);
	put_bit(310, false);

	ck_assert_int_eq(gms_pin(space, FX_RANGE(1120, 10), 0, 1, &pin, NULL), 0);
	blocked(range, S, S, GMS_BITMAP_CLEAR, -EAGAIN, 1124, GMS_REASON_PINNED);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_BLOCKED), 2);
	ck_assert_int_eq(gms_bitmap_import(space, range, S, S, 0, bitmap, GMS_BITMAP_SET, NULL),
			 0);
	ck_assert_int_eq(gms_unpin(space, pin), 0);

	change(1224, 1, GMS_STATE_FROZEN, 0);
	blocked(range, S, S, GMS_BITMAP_CLEAR, -EBUSY, 1224, GMS_REASON_FROZEN);
	change(1224, 1, GMS_STATE_POISON | GMS_STATE_POPULATED, GMS_STATE_FROZEN);
	blocked(range, GMS_STATE_POISON, GMS_STATE_POISON, GMS_BITMAP_CLEAR, -EHWPOISON, 1224,
		GMS_REASON_POISON);
	change(1224, 1, 0, GMS_STATE_POPULATED | GMS_STATE_POISON);
	blocked(range, GMS_STATE_ACCEPTED, GMS_STATE_ACCEPTED, GMS_BITMAP_SET, -EPERM, 1027,
		GMS_REASON_SHARED);

	ck_assert_int_eq(gms_bitmap_import(space, range, S, S, 0, bitmap, GMS_BITMAP_CLEAR, NULL),
			 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 433);
}
END_TEST

START_TEST(import_asks_the_profile_whatever_the_bits_are)
{
	struct gms_space *kvm = fx_space(NULL, GMS_PROFILE_KVM_ATTRS, GMS_SPLIT_LEVELS,
					 GMS_MERGE_EAGER);
	struct gms_convert_result result;
	uint64_t word = 0;

	fx_region(kvm, FX_RANGE(64, 64), 0, 0, NULL);
	for (unsigned i = 0; i < 2; i++, word = 1) {
		const gms_state mask = i ? D : GMS_STATE_ACCEPTED;

		GMS_INIT(&result);
		ck_assert_int_eq(gms_bitmap_import(kvm, FX_RANGE(64, 64), mask, 0, 0, &word,
						   GMS_BITMAP_SET, &result), -EOPNOTSUPP);
		ck_assert_uint_eq(result.error_gfn, 64);
		ck_assert_uint_eq(result.error_reason, GMS_REASON_PROFILE);
	}
	gms_space_free(kvm);
}
END_TEST

START_TEST(import_of_nothing_is_a_conversion_of_nothing)
{
	struct gms_convert_result result;
	struct fx_snap before, after;

	add_regions(0);
	memset(bitmap, 0, WORDS * sizeof(*bitmap));
	put_bit(70, true);		/* behind the last granule */
	/* The ledger's only trace of it is a conversion, which snapshots leave out. */
	fx_snap_take(&before, space, NULL);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_bitmap_import(space, FX_RANGE(0, 70), S, S, 0, bitmap,
					   GMS_BITMAP_SET, &result), 0);
	ck_assert_uint_eq(result.changed_pages + result.unchanged_pages, 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_CONVERTS), 1);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);
	/* Without an attribute to change all pages are as wanted, but must be there. */
	ck_assert_int_eq(gms_bitmap_import(space, FX_RANGE(97, 640), 0, 0, 0, bitmap,
					   GMS_BITMAP_ASSIGN, &result), 0);
	ck_assert_uint_eq(result.unchanged_pages, 640);
	blocked(FX_RANGE(0, 640), 0, 0, GMS_BITMAP_ASSIGN, -ENOENT, 0, GMS_REASON_HOLE);
}
END_TEST

START_TEST(import_refuses_every_bad_argument)
{
	FX_LONGER(struct gms_convert_result) longer;
	struct gms_convert_result result;
	uint64_t word = UINT64_MAX;

	fx_region(space, FX_RANGE(0, FX_1G), 18, 0, NULL);
#define refused(space, range, mask, value, order, in, how) do { \
	GMS_INIT(&result); \
	ck_assert_int_eq(gms_bitmap_import((space), (range), (mask), (value), (order), (in), \
					   (how), &result), -EINVAL); \
} while (0)
	refused(NULL, FX_RANGE(0, 64), S, S, 0, &word, GMS_BITMAP_SET);
	refused(space, FX_RANGE(0, 64), S, S, 0, NULL, GMS_BITMAP_SET);
	refused(space, FX_RANGE(0, 0), S, S, 0, &word, GMS_BITMAP_SET);
	refused(space, FX_RANGE(2, UINT64_MAX - 1), S, S, 0, &word, GMS_BITMAP_SET);
	refused(space, FX_RANGE(0, 64), GMS_STATE_ALL + 1, 0, 0, &word, GMS_BITMAP_SET);
	refused(space, FX_RANGE(0, 64), S, D, 0, &word, GMS_BITMAP_SET);
	refused(space, FX_RANGE(0, 64), S, S, 19, &word, GMS_BITMAP_SET);
	refused(space, FX_RANGE(1, 64), S, S, 1, &word, GMS_BITMAP_SET);
	refused(space, FX_RANGE(0, 64), S, S, 0, &word, GMS_BITMAP_ASSIGN + 1);
	refused(space, FX_RANGE(0, 64), S, S, 0, &word, UINT32_MAX);
#undef refused
	GMS_INIT(&result);
	result.size = 4;
	ck_assert_int_eq(gms_bitmap_import(space, FX_RANGE(0, 64), S, S, 0, &word, GMS_BITMAP_SET,
					   &result), -EINVAL);
	GMS_INIT(&longer);
	longer.tail[3] = 1;
	ck_assert_int_eq(gms_bitmap_import(space, FX_RANGE(0, 64), S, S, 0, &word, GMS_BITMAP_SET,
					   &longer.known), -E2BIG);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
	longer.tail[3] = 0;
	ck_assert_int_eq(gms_bitmap_import(space, FX_RANGE(0, 64), S, S, 0, &word, GMS_BITMAP_SET,
					   &longer.known), 0);
	ck_assert_uint_eq(longer.known.changed_pages, 64);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bitmap");
	TCase *export = fx_case(s, "export"), *import = fx_case(s, "import");

	tcase_add_checked_fixture(export, setup, teardown);
	tcase_add_checked_fixture(import, setup, teardown);
	tcase_add_loop_test(export, export_says_what_each_page_says, 0, 3);
	tcase_add_test(export, export_of_memory_that_nobody_has_is_clear);
	tcase_add_test(export, export_has_the_bytes_of_a_dirty_log);
	tcase_add_test(export, export_refuses_every_bad_argument);
	tcase_add_loop_test(import, import_does_what_the_bits_say, GMS_BITMAP_SET,
			    GMS_BITMAP_ASSIGN + 1);
	tcase_add_test(import, import_is_the_conversion_of_its_runs);
	tcase_add_loop_test(import, export_and_import_bring_states_back, 0, 3);
	tcase_add_test(import, import_is_all_or_nothing);
	tcase_add_test(import, import_asks_the_profile_whatever_the_bits_are);
	tcase_add_test(import, import_of_nothing_is_a_conversion_of_nothing);
	tcase_add_test(import, import_refuses_every_bad_argument);
	return fx_run(s);
}

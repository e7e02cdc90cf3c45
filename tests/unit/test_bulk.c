/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/base/bulk.c, bulk_avx2.c and bulk_neon.c: each table
 * that this CPU can run says what counting bit by bit says. What is read ends
 * (or begins) where memory does, so that a read too far is a crash.
 */
#include "fixture.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bulk.h"

#ifdef GMS__TSAN
static const bool sanitized_threads = true;
#else
static const bool sanitized_threads = false;
#endif

#define WORDS	512u

/* Check writes down every assertion that holds, which takes too long a million times. */
#define expect(x, ...) do { if (!(x)) ck_abort_msg(__VA_ARGS__); } while (0)

static const struct gms__bulk *tables[3];
static int ntables;

static struct fx_rand rng;
static unsigned char *room;	/* a page, between two that nobody may touch */
static size_t room_bytes;

static void setup(void)
{
	room_bytes = (size_t)sysconf(_SC_PAGESIZE);
	room = mmap(NULL, 3 * room_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(room, MAP_FAILED);
	room += room_bytes;
	ck_assert_int_eq(mprotect(room, room_bytes, PROT_READ | PROT_WRITE), 0);
	fx_rand_init(&rng, fx_seed(), 21);
}

static void teardown(void)
{
	ck_assert_int_eq(munmap(room - room_bytes, 3 * room_bytes), 0);
}

/* Memory of so many bytes: at the end of the room, or at its beginning. */
static void *at_edge(size_t bytes, bool end)
{
	return end ? room + room_bytes - bytes : room;
}

static bool bit(const uint64_t *plane, unsigned b)
{
	return plane[b / 64] >> (b % 64) & 1;
}

/* None, all, few, many or half of the bits. */
static void fill(uint64_t *words, unsigned n, unsigned kind)
{
	for (unsigned i = 0; i < n; i++) {
		const uint64_t a = fx_rand_u64(&rng), b = fx_rand_u64(&rng), c = fx_rand_u64(&rng);

		words[i] = kind % 5 == 0 ? 0 : kind % 5 == 1 ? UINT64_MAX :
			   kind % 5 == 2 ? (a & b & c) : kind % 5 == 3 ? (a | b | c) : a;
	}
}

START_TEST(plane_count_counts_every_bit)	/* _i: table */
{
	uint64_t *plane = at_edge(GMS__PLANE_WORDS * sizeof(*plane), true);

	for (unsigned b = 0; b < GMS__PLANE_BITS; b++) {
		memset(plane, 0, GMS__PLANE_WORDS * sizeof(*plane));
		plane[b / 64] = UINT64_C(1) << b % 64;
		expect(tables[_i]->plane_count(plane) == 1, "bit %u", b);
	}
	for (unsigned round = 0; round < 2000 / fx_slowdown(); round++) {
		unsigned n = 0;

		fill(plane, GMS__PLANE_WORDS, round);
		for (unsigned b = 0; b < GMS__PLANE_BITS; b++)
			n += bit(plane, b);
		expect(tables[_i]->plane_count(plane) == n, "round %u: not %u", round, n);
	}
}
END_TEST

START_TEST(plane_count_range_counts_between_any_two_bits)	/* _i: table */
{
	uint64_t *plane = at_edge(GMS__PLANE_WORDS * sizeof(*plane), true);

	for (unsigned kind = 0; kind < 5; kind++) {
		fill(plane, GMS__PLANE_WORDS, kind);
		for (unsigned first = 0; first <= GMS__PLANE_BITS; first++) {
			unsigned n = 0;

			for (unsigned end = first; end <= GMS__PLANE_BITS; end++) {
				if (end > first)
					n += bit(plane, end - 1);
				expect(tables[_i]->plane_count_range(plane, first, end) == n,
				       "kind %u, [%u, %u): not %u", kind, first, end, n);
			}
		}
	}
}
END_TEST

START_TEST(sum16_sums_any_number_of_any_counts)	/* _i: table */
{
	for (unsigned n = 0; n <= WORDS; n++) {
		for (unsigned round = 0; round < 10; round++) {
			uint16_t *count = at_edge(n * sizeof(*count), round & 1);
			const uint64_t below = round < 4 ? 2049 : UINT64_C(1) << 16;
			uint32_t sum = 0;

			if (!(round & 1))	/* where a vector begins, and behind */
				count += round / 2;
			for (unsigned i = 0; i < n; i++) {
				count[i] = round == 9 ? UINT16_MAX :
					   (uint16_t)fx_rand_below(&rng, below);
				sum += count[i];
			}
			expect(tables[_i]->sum16(count, n) == sum, "round %u, %u counts: not %u",
			       round, n, (unsigned)sum);
		}
	}
}
END_TEST

/* Both functions that compare, against the place where the first differs. */
static void compare(const struct gms__bulk *bulk, const uint64_t *words, unsigned n, uint64_t word,
		    uint64_t mask)
{
	unsigned equal = 0;

	while (equal < n && (words[equal] & mask) == (word & mask))
		equal++;
	expect(bulk->equal_prefix(words, n, word, mask) == equal, "not %u of %u words", equal, n);
	expect(bulk->all_equal(words, n, word, mask) == (equal == n), "%u of %u words", equal, n);
}

START_TEST(words_are_equal_up_to_the_first_that_differs)	/* _i: table */
{
	for (unsigned n = 0; n <= WORDS; n++) {
		for (unsigned round = 0; round < 8; round++) {
			uint64_t *words = at_edge(n * sizeof(*words), round & 1);
			const uint64_t word = fx_rand_u64(&rng);
			const uint64_t mask = round < 2 ? UINT64_MAX : fx_rand_u64(&rng);

			/* What the mask hides differs everywhere. */
			for (unsigned i = 0; i < n; i++)
				words[i] = (word & mask) | (fx_rand_u64(&rng) & ~mask);
			compare(tables[_i], words, n, word, mask);
			for (unsigned changes = 0; n && changes < 3; changes++) {
				words[fx_rand_below(&rng, n)] ^= UINT64_C(1) <<
								 fx_rand_below(&rng, 64);
				compare(tables[_i], words, n, word, mask);
			}
			compare(tables[_i], words, n, ~word, 0);
		}
	}
}
END_TEST

START_TEST(every_bit_of_every_word_can_differ)	/* _i: table */
{
	uint64_t *words = at_edge(23 * sizeof(*words), true);

	memset(words, 0, 23 * sizeof(*words));
	for (unsigned b = 0; b < 23 * 64; b++) {
		const uint64_t one = UINT64_C(1) << b % 64;

		words[b / 64] = one;
		compare(tables[_i], words, 23, 0, UINT64_MAX);
		compare(tables[_i], words, 23, 0, one);
		compare(tables[_i], words, 23, 0, ~one);
		words[b / 64] = 0;
	}
}
END_TEST

START_TEST(planes_copy_writes_little_endian_bytes_anywhere)	/* _i: table */
{
	enum { N = 5, BYTES = GMS__PLANE_BITS / 8 };
	uint64_t *planes = at_edge(N * BYTES, false);
	unsigned char wanted[N * BYTES];

	for (unsigned round = 0; round < 640 / fx_slowdown(); round++) {
		const unsigned off = round % 64, n = round % (N + 1);
		unsigned char *out = room + room_bytes - n * BYTES - off;
		struct gms__plane_copy copy[N];

		fill(planes, N * GMS__PLANE_WORDS, round);
		memset(wanted, 0, sizeof(wanted));
		for (unsigned i = 0; i < n; i++) {
			/* In any order, one twice perhaps. */
			const uint64_t *plane = planes + fx_rand_below(&rng, N) * GMS__PLANE_WORDS;
			const uint64_t flip = round % 3 ? fx_rand_u64(&rng) :
					      round % 2 ? UINT64_MAX : 0;
			const uint64_t base = round % 5 ? fx_rand_u64(&rng) :
					      round % 2 ? UINT64_MAX : 0;

			copy[i] = (struct gms__plane_copy){ plane, flip, base };
			for (unsigned b = 0; b < GMS__PLANE_BITS; b++)
				if ((bit(plane, b) && flip >> b % 64 & 1) != (base >> b % 64 & 1))
					wanted[i * BYTES + b / 8] |= (unsigned char)(1 << b % 8);
		}
		memset(out - 1, 0x5a, n * BYTES + 1 + off);
		tables[_i]->planes_copy(out, copy, n);
		ck_assert_mem_eq(out, wanted, n * BYTES);
		expect(out[-1] == 0x5a && (!off || out[n * BYTES] == 0x5a),
		       "wrote outside, %u from the end", off);
	}
}
END_TEST

static struct {
	uint64_t plane[GMS__PLANE_WORDS] __attribute__((aligned(64)));
	bool	 stop;
} race;

/* Words whose bytes are all equal, one after the other. */
static void *store_words(void *unused)
{
	(void)unused;
	for (uint64_t byte = 0; !gms__load(&race.stop); byte = (byte + 1) % 256)
		for (unsigned i = 0; i < GMS__PLANE_WORDS; i++)
			gms__store(&race.plane[i], byte * UINT64_C(0x0101010101010101));
	return NULL;
}

START_TEST(words_that_others_store_are_read_in_one_piece)	/* _i: table */
{
	unsigned changes = 0;		/* seen: the writer did run beside us */
	unsigned char last = 0;
	pthread_t writer;

	if (sanitized_threads && tables[_i] != gms__bulk_choose())
		return;		/* its loads are races to the sanitizer: bulk.h */
	gms__store(&race.stop, false);
	ck_assert_int_eq(pthread_create(&writer, NULL, store_words, NULL), 0);
	for (unsigned round = 0; round < 200000 / fx_slowdown() || changes < 100; round++) {
		unsigned char out[GMS__PLANE_BITS / 8];
		unsigned count;

		tables[_i]->planes_copy(out, &(struct gms__plane_copy){ race.plane, UINT64_MAX, 0 },
					1);
		for (unsigned i = 0; i < sizeof(out); i++)
			expect(out[i] == out[i & ~7u], "byte %u is of another word", i);
		changes += out[0] != last;
		last = out[0];
		count = tables[_i]->equal_prefix(race.plane, GMS__PLANE_WORDS, 0, 1);
		expect(count <= GMS__PLANE_WORDS, "%u words are equal", count);
		count = tables[_i]->plane_count(race.plane);
		expect(count <= GMS__PLANE_BITS, "%u bits of a plane", count);
		count = tables[_i]->plane_count_range(race.plane, 1, 500);
		expect(count <= 499, "%u of 499 bits", count);
	}
	gms__store(&race.stop, true);
	ck_assert_int_eq(pthread_join(writer, NULL), 0);
}
END_TEST

#ifdef GMS__BULK_AVX2

/* Does the system list all of these for its first CPU? -1: it has no list. */
static int listed(const char *const *flags)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char *line = NULL, *word;
	size_t size = 0;
	int found = -1;

	while (file && found < 0 && getline(&line, &size, file) > 0) {
		unsigned missing = 0;

		if (strncmp(line, "flags", 5) != 0)
			continue;
		for (unsigned i = 0; flags[i]; i++) {
			const size_t length = strlen(flags[i]);
			bool here = false;

			for (word = line; (word = strstr(word, flags[i])); word += length)
				here |= word[-1] == ' ' && strchr(" \n", word[length]);
			missing += !here;
		}
		found = !missing;
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static const char *const avx2_flags[] = { "avx2", "bmi1", "bmi2", "popcnt", NULL };

START_TEST(choose_takes_avx2_where_the_system_lists_it)
{
	const bool wanted = listed(avx2_flags) == 1 && !sanitized_threads;

	ck_assert_str_eq(gms__bulk_choose()->name, wanted ? "avx2" : "plain");
}
END_TEST

#endif

START_TEST(choose_takes_the_fastest_that_runs)
{
	const struct gms__bulk *fastest = tables[sanitized_threads ? 0 : ntables - 1];

	ck_assert_ptr_eq(gms__bulk_choose(), fastest);
	ck_assert_ptr_eq(gms__bulk_choose(), fastest);
}
END_TEST

/* From the slowest to the fastest. */
static void find_tables(void)
{
	tables[ntables++] = &gms__bulk_plain;
#ifdef GMS__BULK_AVX2
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
		tables[ntables++] = &gms__bulk_avx2;
	else
		printf("avx2: skipped: this CPU does not have AVX2, BMI1, BMI2 and POPCNT\n");
#endif
#ifdef GMS__BULK_NEON
	tables[ntables++] = &gms__bulk_neon;
#endif
	for (int i = 0; i < ntables; i++)
		printf("_i = %d: %s\n", i, tables[i]->name);
	fflush(stdout);
}

int main(void)
{
	Suite *s = suite_create("bulk");
	TCase *t = fx_case(s, "bulk");
	TCase *c = fx_case(s, "choose");

	fx_seed();
	find_tables();
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, plane_count_counts_every_bit, 0, ntables);
	tcase_add_loop_test(t, plane_count_range_counts_between_any_two_bits, 0, ntables);
	tcase_add_loop_test(t, sum16_sums_any_number_of_any_counts, 0, ntables);
	tcase_add_loop_test(t, words_are_equal_up_to_the_first_that_differs, 0, ntables);
	tcase_add_loop_test(t, every_bit_of_every_word_can_differ, 0, ntables);
	tcase_add_loop_test(t, planes_copy_writes_little_endian_bytes_anywhere, 0, ntables);
	tcase_add_loop_test(t, words_that_others_store_are_read_in_one_piece, 0, ntables);
#ifdef GMS__BULK_AVX2
	if (listed(avx2_flags) < 0)
		printf("choose_takes_avx2: skipped: /proc/cpuinfo lists no flags\n");
	else
		tcase_add_test(c, choose_takes_avx2_where_the_system_lists_it);
	fflush(stdout);
#endif
	tcase_add_test(c, choose_takes_the_fastest_that_runs);
	return fx_run(s);
}

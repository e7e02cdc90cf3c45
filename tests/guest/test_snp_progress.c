/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of guest/snp.h: buffers that stop half way and go on, that fail and are
 * sent again, that begin anywhere, and that the guest writes to meanwhile.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "psc.h"

#define S	GMS_STATE_SHARED
#define PAGES	UINT64_C(4096)
#define WORDS	(PAGES / 64)
#define ALL	GMS_SNP_PSC_BYTES

#define P4(op, gfn, cur)	((uint64_t)(op) << 52 | (uint64_t)(gfn) << 12 | (cur))
#define P2(op, gfn, cur)	(P4(op, gfn, cur) | UINT64_C(1) << 56)
#define PRIVATE	1
#define SHARED	2
#define PSMASH	3

/* What is shared at first. */
#define FIRST	FX_RANGE(500, 200)

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;
static struct gms_request *request;
static struct psc_memory memory;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	host = fx_host_new(0, PAGES);
	fx_region(space, FX_RANGE(0, PAGES / 2), 9, GMS_STATE_DIRECT_MAP, host);
	fx_region(space, FX_RANGE(PAGES / 2, PAGES / 2), 9, GMS_STATE_DIRECT_MAP, host);
}

static void teardown(void)
{
	gms_request_free(request);
	request = NULL;
	fx_check(space);
	fx_host_check(host, space, FX_RANGE(0, PAGES));
	fx_space_done(space, &mem);
	fx_host_free(host);
}

static void make(const struct gms_request_opts *opts)
{
	gms_request_free(request);
	request = NULL;
	ck_assert_int_eq(gms_request_new(&request, space, opts), 0);
}

static void make_most(uint64_t most_pages)
{
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.most_pages = most_pages;
	make(&opts);
}

/* --- what is shared, a bit a page --- */

struct shares {
	uint64_t word[WORDS];
};

static struct shares shares_now(void)
{
	struct shares now;

	ck_assert_int_eq(gms_bitmap_export(space, FX_RANGE(0, PAGES), S, S, 0, now.word), 0);
	return now;
}

static bool same(const struct shares *a, const struct shares *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static void turn(struct shares *shares, gms_gfn gfn, bool share)
{
	const uint64_t bit = UINT64_C(1) << gfn % 64;

	shares->word[gfn / 64] = share ? shares->word[gfn / 64] | bit :
				 shares->word[gfn / 64] & ~bit;
}

static void start_over(void)
{
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, PAGES), NULL), 0);
	ck_assert_int_eq(gms_share(space, FIRST, NULL), 0);
}

/* --- buffers, page by page --- */

struct sample {
	uint64_t entry[12];
	unsigned n;
	unsigned pages;		/* that are to be done */
	uint64_t info;		/* in the end */
};

static const struct sample samples[] = {
	{ { P4(SHARED, 7, 0), P4(SHARED, 8, 0), P2(SHARED, 512, 0), P4(PRIVATE, 600, 0),
	    P4(SHARED, 9, 1), P2(SHARED, 1024, 500), P4(PSMASH, 10, 0), P2(PRIVATE, 512, 510),
	    P4(SHARED, 2047, 0), P4(SHARED, 2048, 0) }, 10, 532, 0 },
	{ { P2(SHARED, 1536, 0), P2(SHARED, 2048, 0), P2(PRIVATE, 512, 0) }, 3, 1536, 0 },
	{ { P2(PSMASH, 512, 300), P2(PRIVATE, 512, 500), P2(SHARED, 512, 505),
	    P4(SHARED, 1024, 0), P2(SHARED, 1, 0) }, 5, 232, GMS_SNP_PSC_INVALID_ENTRY },
	{ { P4(PRIVATE, 500, 0), P4(PRIVATE, 501, 0), P4(SHARED, 501, 0), P4(SHARED, 502, 0),
	    P2(SHARED, 1024, 509), P4(SHARED, 4096, 0), P4(SHARED, 1, 0) }, 7, 7,
	  GMS_SNP_PSC_GENERIC },
};
#define SAMPLES		((int)(sizeof(samples) / sizeof(samples[0])))

static uint64_t pages_in(uint64_t entry)
{
	return entry & GMS_SNP_PSC_2M ? 512 : 1;
}

/* The shares and the buffer after the sample's first npages pages, one by one. */
static void do_by_hand(const struct sample *sample, uint64_t npages, struct shares *shares,
		       struct psc_memory *after)
{
	unsigned i = 0;

	psc_fill(after, 0, sample->n - 1, sample->entry, sample->n);
	while (i < sample->n) {
		uint64_t *entry = &after->word[1 + i];
		const uint64_t at = *entry & 0xfff;
		const unsigned op = *entry >> 52 & 0xf;

		if (at == pages_in(*entry)) {
			i++;
			continue;
		}
		if (!npages--)
			break;
		if (op != PSMASH)
			turn(shares, (*entry >> 12 & 0xffffffffff) + at, op == SHARED);
		++*entry;
	}
	after->word[0] += i;
}

static void fill(const struct sample *sample)
{
	psc_fill(&memory, 0, sample->n - 1, sample->entry, sample->n);
}

static struct shares shares_at_first(void)
{
	struct shares shares = { { 0 } };

	for (gms_gfn gfn = FIRST.first; gfn < FIRST.first + FIRST.npages; gfn++)
		turn(&shares, gfn, true);
	return shares;
}

static void check_reached(const struct sample *sample, uint64_t npages, const char *when)
{
	struct shares by_hand = shares_at_first();
	const struct shares now = shares_now();
	struct psc_memory after;

	do_by_hand(sample, npages, &by_hand, &after);
	ck_assert_msg(same(&now, &by_hand), "%s %u pages: other pages are shared", when,
		      (unsigned)npages);
	ck_assert_msg(!memcmp(&memory, &after, sizeof(memory)),
		      "%s %u pages: entry %u page %u, not entry %u", when, (unsigned)npages,
		      psc_cur_entry(&memory), psc_cur_page(&memory, psc_cur_entry(&memory) % 12),
		      psc_cur_entry(&after));
}

START_TEST(a_buffer_may_stop_after_any_page)	/* _i: which sample */
{
	const struct sample *sample = &samples[_i];
	struct gms_request *all = NULL;

	ck_assert_int_eq(gms_request_new(&all, space, NULL), 0);
	for (uint64_t npages = 1; npages <= sample->pages; npages++) {
		const bool through = npages == sample->pages;
		uint64_t info;

		start_over();
		fill(sample);
		make_most(npages);
		info = psc_ask(request, &memory, ALL);
		check_reached(sample, npages, "stopped after");
		if (info != (through && sample->info != GMS_SNP_PSC_GENERIC ? sample->info : 0))
			ck_abort_msg("%u pages: 0x%" PRIx64, (unsigned)npages, info);
		info = psc_ask(all, &memory, ALL);
		check_reached(sample, sample->pages, "all of the");
		if (info != sample->info)
			ck_abort_msg("after %u pages: 0x%" PRIx64, (unsigned)npages, info);
	}
	gms_request_free(all);
}
END_TEST

START_TEST(a_buffer_may_stop_again_and_again)	/* _i: pages a call */
{
	for (int which = 0; which < SAMPLES; which++) {
		const struct sample *sample = &samples[which];
		const unsigned most = (unsigned)_i;
		uint64_t info = 0;

		start_over();
		fill(sample);
		make_most(most);
		for (unsigned done = most; done < sample->pages; done += most) {
			info |= psc_ask(request, &memory, ALL);
			check_reached(sample, done, "stopped after");
		}
		ck_assert_uint_eq(info, 0);
		info = psc_ask(request, &memory, ALL);
		check_reached(sample, sample->pages, "all of the");
		if (sample->info == GMS_SNP_PSC_GENERIC && sample->pages % most == 0)
			info = psc_ask(request, &memory, ALL);
		ck_assert_uint_eq(info, sample->info);
	}
}
END_TEST

static bool stop_at(void *ctx)
{
	uint64_t *left = ctx;

	return !--*left;
}

START_TEST(a_buffer_may_be_stopped_after_any_chunk)	/* _i: pages a chunk */
{
	const struct sample *sample = &samples[3];
	struct gms_request_opts opts;
	uint64_t left;

	GMS_INIT(&opts);
	opts.chunk_pages = (uint64_t)_i;
	opts.stop = stop_at;
	opts.ctx = &left;
	make(&opts);
	for (uint64_t n = 1; n * (uint64_t)_i <= sample->pages; n++) {
		start_over();
		fill(sample);
		left = n;
		ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
		check_reached(sample, n * (uint64_t)_i, "stopped after");
		left = UINT64_MAX;
		ck_assert_uint_eq(psc_ask(request, &memory, ALL), sample->info);
		check_reached(sample, sample->pages, "all of the");
	}
}
END_TEST

/* --- what fails, and is sent again --- */

START_TEST(a_part_with_a_pinned_page_waits_for_it)	/* _i: the page that is pinned */
{
	const uint64_t entries[] = {
		P4(SHARED, 9, 0), P4(PRIVATE, 500, 1), P4(PRIVATE, 510, 0), P4(PRIVATE, 511, 0),
		P4(PRIVATE, 512, 0), P4(SHARED, 10, 0)
	};
	struct gms_request_result result;
	struct shares by_hand = shares_at_first(), now;
	gms_pin_id pin;

	start_over();
	make(NULL);
	ck_assert_int_eq(gms_pin(space, FX_RANGE((gms_gfn)_i, 1), GMS_PIN_LONGTERM, 1, &pin, NULL),
			 0);
	psc_fill(&memory, 0, 5, entries, 6);
	for (unsigned again = 0; again < 2; again++) {
		ck_assert_uint_eq(psc_ask(request, &memory, ALL), GMS_SNP_PSC_GENERIC);
		ck_assert_uint_eq(psc_cur_entry(&memory), 2);
		ck_assert_uint_eq(psc_cur_page(&memory, 0), 1);
		for (unsigned i = 2; i < 6; i++)
			ck_assert_uint_eq(psc_cur_page(&memory, i), 0);
		GMS_INIT(&result);
		ck_assert_int_eq(gms_request_result(request, &result), 0);
		ck_assert_int_eq(result.error, -EAGAIN);
		ck_assert_uint_eq(result.error_gfn, (gms_gfn)_i);
		turn(&by_hand, 9, true);
		now = shares_now();
		ck_assert(same(&now, &by_hand));
	}
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
	ck_assert_uint_eq(psc_cur_entry(&memory), 6);
	for (gms_gfn gfn = 510; gfn < 513; gfn++)
		turn(&by_hand, gfn, false);
	turn(&by_hand, 10, true);
	now = shares_now();
	ck_assert(same(&now, &by_hand));
}
END_TEST

START_TEST(a_chunk_with_a_pinned_page_leaves_those_before_it)
{
	const uint64_t entry = P2(PRIVATE, 512, 0);
	struct gms_request_opts opts;
	gms_pin_id pin;

	GMS_INIT(&opts);
	opts.chunk_pages = 8;
	make(&opts);
	start_over();
	ck_assert_int_eq(gms_pin(space, FX_RANGE(630, 1), GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	psc_fill(&memory, 0, 0, &entry, 1);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), GMS_SNP_PSC_GENERIC);
	ck_assert_uint_eq(psc_cur_entry(&memory), 0);
	ck_assert_uint_eq(psc_cur_page(&memory, 0), 112);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 200 - (624 - 512));
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 12);
}
END_TEST

START_TEST(a_part_that_the_host_fails_has_no_progress)	/* _i: which part */
{
	/* It ends in a hole, so that its parts are carried out one by one. */
	const struct sample *sample = &samples[3];
	static const uint64_t done[] = { 0, 2, 4 };

	start_over();
	make(NULL);
	fill(sample);
	fx_host_fail_after(host, (uint64_t)_i, -EIO);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), GMS_SNP_PSC_GENERIC);
	ck_assert(!fx_host_heal(host));
	check_reached(sample, done[_i], "failed after");
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), sample->info);
	check_reached(sample, sample->pages, "all of the");
}
END_TEST

/* --- where the buffer is --- */

START_TEST(a_buffer_may_begin_anywhere)	/* _i: bytes behind a word */
{
	static unsigned char bytes[sizeof(struct psc_memory) + 8];
	const size_t length = 8 * (size_t)(1 + samples[0].n);
	struct gms_request *some = NULL;
	struct gms_request_opts opts;
	unsigned wrong = 0;
	uint64_t info = 1;

	GMS_INIT(&opts);
	opts.most_pages = 300;
	ck_assert_int_eq(gms_request_new(&some, space, &opts), 0);
	make(NULL);
	start_over();
	fill(&samples[0]);
	memset(bytes, 0x5a, sizeof(bytes));
	memcpy(bytes + 16 + _i, memory.word, length);
	ck_assert_int_eq(gms_snp_psc(some, bytes + 16 + _i, length, &info), 0);
	ck_assert_uint_eq(info, 0);
	ck_assert_int_eq(gms_snp_psc(request, bytes + 16 + _i, length, &info), 0);
	ck_assert_uint_eq(info, 0);
	memcpy(memory.word, bytes + 16 + _i, length);
	check_reached(&samples[0], samples[0].pages, "all of the");
	for (size_t i = 0; i < sizeof(bytes); i++)
		wrong += (i < 16 + (size_t)_i || i >= 16 + (size_t)_i + length) && bytes[i] != 0x5a;
	ck_assert_uint_eq(wrong, 0);
	gms_request_free(some);
}
END_TEST

/* Memory of one page to write to, one to read only, and one not even that. */
static unsigned char *guarded_pages(size_t *page_bytes)
{
	const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *at = mmap(NULL, 3 * bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(at, MAP_FAILED);
	*page_bytes = bytes;
	return at;
}

static void guard(unsigned char *pages, size_t page_bytes)
{
	ck_assert_int_eq(mprotect(pages + page_bytes, page_bytes, PROT_READ), 0);
	ck_assert_int_eq(mprotect(pages + 2 * page_bytes, page_bytes, PROT_NONE), 0);
}

START_TEST(what_is_no_answer_is_not_stored_to)	/* _i: entries that are answered */
{
	uint64_t words[5] = { psc_header(0, 3), P4(SHARED, 7, 0), P4(SHARED, 9, 0),
			      P4(SHARED, 11, 0), P4(SHARED, 13, 0) };
	const size_t answered = 8 * (1 + (size_t)_i);
	unsigned char *pages, *buffer;
	size_t page_bytes;
	uint64_t info = 1;

	for (int i = _i; i < 4; i++)
		words[1 + i] |= 1;
	make(NULL);
	pages = guarded_pages(&page_bytes);
	buffer = pages + page_bytes - answered;
	memcpy(buffer, words, sizeof(words));
	guard(pages, page_bytes);
	ck_assert_int_eq(gms_snp_psc(request, buffer, sizeof(words), &info), 0);
	ck_assert_uint_eq(info, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), (uint64_t)_i);
	memcpy(&words[0], buffer, 8);
	ck_assert_uint_eq(words[0], psc_header(4, 3));
	ck_assert_int_eq(munmap(pages, 3 * page_bytes), 0);
}
END_TEST

START_TEST(without_progress_nothing_is_stored)
{
	static const struct {
		uint64_t word[2];
		uint64_t info;
	} still[] = {
		{ { UINT64_C(0xfd0000), P4(SHARED, 7, 0) }, GMS_SNP_PSC_INVALID_HDR },
		{ { UINT64_C(0x000001), P4(SHARED, 7, 0) }, 0 },
		{ { 0, P4(SHARED, 7, 2) }, GMS_SNP_PSC_INVALID_ENTRY },
		{ { 0, P4(SHARED, 4096, 0) }, GMS_SNP_PSC_GENERIC },
		/* Longer than what may be read. */
		{ { UINT64_C(0x010000), P4(SHARED, 7, 0) }, GMS_SNP_PSC_INVALID_HDR },
	};
	unsigned char *pages, *buffer;
	size_t page_bytes;
	uint64_t info = 1;

	make(NULL);
	pages = guarded_pages(&page_bytes);
	buffer = pages + 2 * page_bytes - sizeof(still[0].word);
	for (size_t i = 0; i < sizeof(still) / sizeof(still[0]); i++) {
		ck_assert_int_eq(mprotect(pages, 2 * page_bytes, PROT_READ | PROT_WRITE), 0);
		memcpy(buffer, still[i].word, sizeof(still[i].word));
		guard(pages, page_bytes);
		ck_assert_int_eq(gms_snp_psc(request, buffer, sizeof(still[i].word), &info), 0);
		ck_assert_uint_eq(info, still[i].info);
	}
	ck_assert_int_eq(gms_snp_psc(request, pages + 2 * page_bytes - 7, 7, &info), 0);
	ck_assert_uint_eq(info, GMS_SNP_PSC_INVALID_HDR);
	ck_assert_int_eq(munmap(pages, 3 * page_bytes), 0);
}
END_TEST

/* --- guests that write to it meanwhile --- */

START_TEST(what_is_written_after_the_reading_changes_nothing)	/* _i: before the run, or after */
{
	const struct sample *sample = &samples[0];
	uint64_t info = 1;

	start_over();
	make_most(400);
	fill(sample);
	ck_assert_int_eq(gms_snp_psc_begin(request, memory.word, ALL), 0);
	if (_i)
		ck_assert_int_eq(gms_request_run(request), 0);
	memset(memory.word, 0xff, sizeof(memory.word));
	if (!_i)
		ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, &info), 0);
	ck_assert_uint_eq(info, 0);
	/* What is stored is of what was read; all else is as the guest left it. */
	ck_assert_uint_eq(memory.word[0], ~UINT64_C(0xffff) | 2);
	ck_assert_uint_eq(memory.word[1], P4(SHARED, 7, 1));
	ck_assert_uint_eq(memory.word[2], P4(SHARED, 8, 1));
	ck_assert_uint_eq(memory.word[3], P2(SHARED, 512, 398));
	for (unsigned i = 4; i < PSC_WORDS; i++)
		ck_assert_uint_eq(memory.word[i], UINT64_MAX);
	fill(sample);
	memory.word[0] += 2;
	memory.word[1] += 1;
	memory.word[2] += 1;
	memory.word[3] += 398;
	check_reached(sample, 400, "stopped after");
}
END_TEST

static int attack_is_over;

/* A word as hostile as it may be and still do something. */
static uint64_t any_entry(struct fx_rand *rand)
{
	const bool huge = fx_rand_odds(rand, 1, 16);
	gms_gfn gfn = fx_rand_below(rand, fx_rand_odds(rand, 1, 512) ? GMS_GFN_LIMIT : PAGES);

	if (huge && !fx_rand_odds(rand, 1, 16))
		gfn -= gfn % FX_2M;
	return psc_entry((unsigned)fx_rand_below(rand, 6), gfn, huge,
			 (unsigned)fx_rand_below(rand, fx_rand_odds(rand, 1, 64) ? 3 :
						 fx_rand_odds(rand, 1, 4) ? 2 : 1));
}

static void *attack(void *ctx)
{
	struct fx_rand rand;

	(void)ctx;
	fx_rand_init(&rand, fx_seed(), 1);
	while (!__atomic_load_n(&attack_is_over, __ATOMIC_RELAXED)) {
		const uint64_t index = fx_rand_below(&rand, PSC_WORDS);

		__atomic_store_n(&memory.word[1 + index % GMS_SNP_PSC_ENTRIES_MOST],
				 any_entry(&rand), __ATOMIC_RELAXED);
		if (index % 4 == 0)
			__atomic_store_n(&memory.word[0],
					 psc_header((unsigned)fx_rand_below(&rand, 300),
						    (unsigned)fx_rand_below(&rand, 256)),
					 __ATOMIC_RELAXED);
	}
	return NULL;
}

/* What the request says that it asked for, done by hand as far as it says it came. */
static void follow(struct shares *shares, const struct gms_request_result *result)
{
	struct gms_request_part part;
	uint32_t next = 0;

	for (uint32_t i = 0; !gms_request_part_at(request, i, &part); i++) {
		const struct gms_range range = part.change.range;
		uint64_t done = range.npages;

		if (part.entry < next || !part.nentries ||
		    part.entry + part.nentries > GMS_SNP_PSC_ENTRIES_MOST)
			ck_abort_msg("part %u is of entry %u and %u more", i, part.entry,
				     part.nentries - 1);
		next = part.entry + part.nentries;
		if (i >= result->parts_done)
			done = i == result->parts_done ? result->part_pages_done : 0;
		for (uint64_t k = 0; k < done; k++) {
			if ((part.change.set | part.change.clear) & S)
				turn(shares, range.first + k, part.change.set & S);
		}
	}
}

START_TEST(an_answer_is_of_one_reading)
{
	const unsigned rounds = 20000 / fx_slowdown();
	struct shares by_hand = { { 0 } };
	pthread_t guest;

	make_most(1500);
	attack_is_over = 0;
	fill(&samples[0]);
	ck_assert_int_eq(pthread_create(&guest, NULL, attack, NULL), 0);
	for (unsigned round = 0; round < rounds; round++) {
		struct gms_request_result result;
		uint64_t info = UINT64_MAX;
		struct shares now;

		if (gms_snp_psc(request, memory.word, ALL, &info))
			ck_abort_msg("round %u was not answered", round);
		GMS_INIT(&result);
		if (gms_request_result(request, &result))
			ck_abort_msg("round %u has no result", round);
		follow(&by_hand, &result);
		now = shares_now();
		if (!same(&now, &by_hand))
			ck_abort_msg("round %u: other pages are shared than the parts say", round);
		if ((info == 0) != (result.error == 0) ||
		    (info == GMS_SNP_PSC_GENERIC) != (result.error == -ENOENT))
			ck_abort_msg("round %u: 0x%" PRIx64 " for %d", round, info, result.error);
	}
	__atomic_store_n(&attack_is_over, 1, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(guest, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("snp progress");
	TCase *stop = fx_case(s, "stop"), *fail = fx_case(s, "fail"), *place = fx_case(s, "place"),
	      *hostile = fx_case(s, "hostile");

	tcase_add_checked_fixture(stop, setup, teardown);
	tcase_add_loop_test(stop, a_buffer_may_stop_after_any_page, 0, SAMPLES);
	tcase_add_loop_test(stop, a_buffer_may_stop_again_and_again, 1, 9);
	tcase_add_loop_test(stop, a_buffer_may_stop_again_and_again, 510, 515);
	tcase_add_loop_test(stop, a_buffer_may_be_stopped_after_any_chunk, 1, 4);

	tcase_add_checked_fixture(fail, setup, teardown);
	tcase_add_loop_test(fail, a_part_with_a_pinned_page_waits_for_it, 510, 513);
	tcase_add_test(fail, a_chunk_with_a_pinned_page_leaves_those_before_it);
	tcase_add_loop_test(fail, a_part_that_the_host_fails_has_no_progress, 0, 3);

	tcase_add_checked_fixture(place, setup, teardown);
	tcase_add_loop_test(place, a_buffer_may_begin_anywhere, 0, 8);
	tcase_add_loop_test(place, what_is_no_answer_is_not_stored_to, 0, 5);
	tcase_add_test(place, without_progress_nothing_is_stored);

	tcase_add_checked_fixture(hostile, setup, teardown);
	tcase_add_loop_test(hostile, what_is_written_after_the_reading_changes_nothing, 0, 2);
	tcase_add_test(hostile, an_answer_is_of_one_reading);
	return fx_run(s);
}

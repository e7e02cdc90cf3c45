/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of guest/snp.h: what is asked, what is answered, by the book. */
#include "psc.h"

#define S	GMS_STATE_SHARED
#define A	GMS_STATE_ACCEPTED
#define PAGES	UINT64_C(4096)
#define LAST	(GMS_GFN_LIMIT - 1)
#define ALL	GMS_SNP_PSC_BYTES

/* An entry of 4K, one of 2M. */
#define P4(op, gfn, cur)	((uint64_t)(op) << 52 | (uint64_t)(gfn) << 12 | (cur))
#define P2(op, gfn, cur)	(P4(op, gfn, cur) | UINT64_C(1) << 56)
#define PRIVATE	1
#define SHARED	2

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;
static struct gms_request *request;
static struct psc_memory memory;

/* Two regions, one after the other, and nothing else. */
static void make_space(uint32_t profile)
{
	fx_mem_init(&mem);
	space = fx_space(&mem, profile, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	host = fx_host_new(0, PAGES);
	fx_region(space, FX_RANGE(0, PAGES / 2), 9, GMS_STATE_DIRECT_MAP, host);
	fx_region(space, FX_RANGE(PAGES / 2, PAGES / 2), 9, GMS_STATE_DIRECT_MAP, host);
}

static void setup(void)
{
	make_space(GMS_PROFILE_GENERIC);
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

static void make(uint32_t flags, uint32_t gpa_bits)
{
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.flags = flags;
	opts.gpa_bits = gpa_bits;
	ck_assert_int_eq(gms_request_new(&request, space, &opts), 0);
}

static struct gms_request_result result_of(void)
{
	struct gms_request_result result;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_request_result(request, &result), 0);
	return result;
}

/* What a buffer is answered with, from the documents; all pages are private at first. */
static const struct fact {
	const char *what;
	uint32_t bytes;
	uint16_t cur, end;
	uint64_t entry[5];
	uint64_t info;
	uint16_t then_cur;
	uint16_t then_page[5];
	uint64_t shared_pages;
} facts[] = {
	{ "one page", ALL, 0, 0, { P4(SHARED, 7, 0) }, 0, 1, { 1 }, 1 },
	{ "one block", ALL, 0, 0, { P2(SHARED, 512, 0) }, 0, 1, { 512 }, 512 },
	{ "the last entry counts", ALL, 0, 2,
	  { P4(SHARED, 7, 0), P4(SHARED, 9, 0), P4(SHARED, 11, 0), P4(SHARED, 13, 0) },
	  0, 3, { 1, 1, 1, 0 }, 3 },
	{ "entries before cur_entry do not", ALL, 2, 3,
	  { P4(SHARED, 7, 0), P2(SHARED, 1, 900), P4(SHARED, 11, 0), P4(SHARED, 13, 0) },
	  0, 4, { 0, 900, 1, 1 }, 2 },
	{ "nor those after the last", ALL, 0, 0, { P4(SHARED, 7, 0), P2(SHARED, 1, 900) },
	  0, 1, { 1, 900 }, 1 },
	{ "no entry at all", ALL, 1, 0, { P4(SHARED, 7, 0) }, 0, 1, { 0 }, 0 },
	{ "far from any entry", ALL, 0xffff, 252, { P4(SHARED, 7, 0) }, 0, 0xffff, { 0 }, 0 },
	{ "what is done is passed over", ALL, 0, 3,
	  { P4(SHARED, 7, 1), P2(SHARED, 512, 512), P4(SHARED, 8, 0), P4(SHARED, 9, 1) },
	  0, 4, { 1, 512, 1, 1 }, 1 },
	{ "all is done", ALL, 0, 1, { P4(SHARED, 7, 1), P2(SHARED, 512, 512) },
	  0, 2, { 1, 512 }, 0 },
	{ "the rest of a block", ALL, 0, 0, { P2(SHARED, 512, 100) }, 0, 1, { 512 }, 412 },
	{ "its last page", ALL, 0, 0, { P2(SHARED, 512, 511) }, 0, 1, { 512 }, 1 },
	{ "the rest of a block, and a page that KVM joins to it", ALL, 0, 1,
	  { P2(SHARED, 512, 100), P4(SHARED, 512 + 412, 0) }, 0, 2, { 512, 1 }, 412 },
	{ "the later of two that contradict counts", ALL, 0, 2,
	  { P2(SHARED, 512, 0), P4(PRIVATE, 600, 0), P4(PRIVATE, 601, 0) },
	  0, 3, { 512, 1, 1 }, 510 },
	{ "the same twice", ALL, 0, 1, { P4(SHARED, 7, 0), P4(SHARED, 7, 0) }, 0, 2, { 1, 1 }, 1 },
	{ "over two regions", ALL, 0, 1, { P4(SHARED, 2047, 0), P4(SHARED, 2048, 0) },
	  0, 2, { 1, 1 }, 2 },
	{ "private is private already", ALL, 0, 0, { P4(PRIVATE, 7, 0) }, 0, 1, { 1 }, 0 },
	{ "reserved bits mean nothing", ALL, 0, 0, { P4(SHARED, 7, 0) | UINT64_C(0x7f) << 57 },
	  0, 1, { 1 }, 1 },

	{ "PSMASH", ALL, 0, 1, { P2(3, 512, 0), P4(SHARED, 7, 0) }, 0, 2, { 512, 1 }, 1 },
	{ "UNSMASH", ALL, 0, 1, { P2(4, 512, 0), P4(SHARED, 7, 0) }, 0, 2, { 512, 1 }, 1 },
	{ "no operation", ALL, 0, 1, { P4(0, 6, 0), P4(SHARED, 7, 0) }, 0, 2, { 1, 1 }, 1 },
	{ "the highest operation", ALL, 0, 1, { P4(15, 6, 0), P4(SHARED, 7, 0) },
	  0, 2, { 1, 1 }, 1 },
	{ "PSMASH of no memory", ALL, 0, 0, { P2(3, LAST - 511, 0) }, 0, 1, { 512 }, 0 },
	{ "PSMASH of what is no block", ALL, 0, 0, { P2(3, 1, 0) },
	  GMS_SNP_PSC_INVALID_ENTRY, 0, { 0 }, 0 },

	{ "end_entry past the most", ALL, 0, 253, { P4(SHARED, 7, 0) },
	  GMS_SNP_PSC_INVALID_HDR, 0, { 0 }, 0 },
	{ "end_entry as far as it goes", ALL, 3, 0xffff, { P4(SHARED, 7, 0) },
	  GMS_SNP_PSC_INVALID_HDR, 3, { 0 }, 0 },
	{ "end_entry is looked at before cur_entry", ALL, 300, 299, { P4(SHARED, 7, 0) },
	  GMS_SNP_PSC_INVALID_HDR, 300, { 0 }, 0 },
	{ "and before entries", ALL, 0, 253, { P2(SHARED, 1, 900) },
	  GMS_SNP_PSC_INVALID_HDR, 0, { 900 }, 0 },
	{ "more memory than the most", ALL + 16, 253, 253, { P4(SHARED, 7, 0) },
	  GMS_SNP_PSC_INVALID_HDR, 253, { 0 }, 0 },
	{ "the memory ends before end_entry", 8 + 2 * 8 + 7, 0, 2, { P4(SHARED, 7, 0) },
	  GMS_SNP_PSC_INVALID_HDR, 0, { 0 }, 0 },
	{ "and right after it", 8 + 2 * 8, 0, 1, { P4(SHARED, 7, 0), P4(SHARED, 9, 0) },
	  0, 2, { 1, 1 }, 2 },
	{ "a header only", 8, 0, 0, { P4(SHARED, 7, 0) }, GMS_SNP_PSC_INVALID_HDR, 0, { 0 }, 0 },
	{ "not even that", 7, 0, 0, { P4(SHARED, 7, 0) }, GMS_SNP_PSC_INVALID_HDR, 0, { 0 }, 0 },
	{ "nothing", 0, 0, 0, { P4(SHARED, 7, 0) }, GMS_SNP_PSC_INVALID_HDR, 0, { 0 }, 0 },

	{ "more done than there is, 4K", ALL, 0, 0, { P4(SHARED, 7, 2) },
	  GMS_SNP_PSC_INVALID_ENTRY, 0, { 2 }, 0 },
	{ "more done than there is, 2M", ALL, 0, 0, { P2(SHARED, 512, 513) },
	  GMS_SNP_PSC_INVALID_ENTRY, 0, { 513 }, 0 },
	{ "as much as can be said", ALL, 0, 0, { P2(SHARED, 512, 4095) },
	  GMS_SNP_PSC_INVALID_ENTRY, 0, { 4095 }, 0 },
	{ "not aligned", ALL, 0, 0, { P2(SHARED, 256, 0) },
	  GMS_SNP_PSC_INVALID_ENTRY, 0, { 0 }, 0 },
	{ "not aligned, and done", ALL, 0, 0, { P2(SHARED, 256, 512) },
	  GMS_SNP_PSC_INVALID_ENTRY, 0, { 512 }, 0 },
	{ "wrong after what is done and right", ALL, 0, 4,
	  { P4(SHARED, 7, 1), P4(SHARED, 8, 0), P2(SHARED, 512, 0), P4(SHARED, 9, 2),
	    P4(SHARED, 10, 0) }, GMS_SNP_PSC_INVALID_ENTRY, 3, { 1, 1, 512, 2, 0 }, 513 },
	{ "wrong, and would join", ALL, 0, 1, { P4(SHARED, 8, 0), P4(SHARED, 9, 2) },
	  GMS_SNP_PSC_INVALID_ENTRY, 1, { 1, 2 }, 1 },

	{ "a hole", ALL, 0, 0, { P4(SHARED, 4096, 0) }, GMS_SNP_PSC_GENERIC, 0, { 0 }, 0 },
	{ "the last page of all", ALL, 0, 0, { P4(SHARED, LAST, 0) },
	  GMS_SNP_PSC_GENERIC, 0, { 0 }, 0 },
	{ "the last block of all", ALL, 0, 0, { P2(SHARED, LAST - 511, 0) },
	  GMS_SNP_PSC_GENERIC, 0, { 0 }, 0 },
	{ "joined past the last block of all", ALL, 0, 1,
	  { P2(SHARED, LAST - 511, 0), P2(SHARED, 0, 0) }, GMS_SNP_PSC_GENERIC, 0, { 0, 0 }, 0 },
	{ "a hole after what is done and right", ALL, 0, 4,
	  { P4(SHARED, 7, 0), P4(SHARED, 8, 1), P4(SHARED, 4096, 0), P4(SHARED, 9, 0),
	    P4(SHARED, 10, 0) }, GMS_SNP_PSC_GENERIC, 2, { 1, 1, 0, 0, 0 }, 1 },
	{ "a hole in a part takes all of it", ALL, 0, 3,
	  { P4(SHARED, 7, 0), P4(SHARED, 4094, 0), P4(SHARED, 4095, 0), P4(SHARED, 4096, 0) },
	  GMS_SNP_PSC_GENERIC, 1, { 1, 0, 0, 0 }, 1 },
	{ "a hole comes before what is wrong behind it", ALL, 0, 1,
	  { P4(SHARED, 4096, 0), P4(SHARED, 7, 2) }, GMS_SNP_PSC_GENERIC, 0, { 0, 2 }, 0 },
};

START_TEST(buffers_are_answered_by_the_book)	/* _i: which fact */
{
	const struct fact *fact = &facts[_i];
	const uint64_t *entry = fact->entry;

	make(0, 0);
	psc_fill(&memory, fact->cur, fact->end, entry, 5);
	ck_assert_msg(psc_ask(request, &memory, fact->bytes) == fact->info, "%s: the answer",
		      fact->what);
	ck_assert_msg(psc_cur_entry(&memory) == fact->then_cur, "%s: cur_entry is %u",
		      fact->what, psc_cur_entry(&memory));
	for (unsigned i = 0; i < 5; i++)
		ck_assert_msg(psc_cur_page(&memory, i) == fact->then_page[i],
			      "%s: cur_page of entry %u is %u", fact->what, i,
			      psc_cur_page(&memory, i));
	ck_assert_msg(fx_shared(space, FX_ALL) == fact->shared_pages, "%s: pages shared",
		      fact->what);
}
END_TEST

/* What becomes one part. */
static const struct joint {
	const char *what;
	uint64_t entry[4];
	struct gms_request_part part[4];
} joints[] = {
	{ "neighbours", { P4(SHARED, 7, 0), P4(SHARED, 8, 0), P4(SHARED, 9, 0) },
	  { { { { 7, 3 }, S, A }, 0, 3, 0, 0 } } },
	{ "blocks", { P2(PRIVATE, 512, 0), P2(PRIVATE, 1024, 0) },
	  { { { { 512, 1024 }, 0, S }, 0, 2, 9, 0 } } },
	{ "unlike sizes", { P2(SHARED, 512, 0), P4(SHARED, 1024, 0) },
	  { { { { 512, 512 }, S, A }, 0, 1, 9, 0 }, { { { 1024, 1 }, S, A }, 1, 1, 0, 0 } } },
	{ "unlike operations", { P4(SHARED, 7, 0), P4(PRIVATE, 8, 0) },
	  { { { { 7, 1 }, S, A }, 0, 1, 0, 0 }, { { { 8, 1 }, 0, S }, 1, 1, 0, 0 } } },
	{ "not in order", { P4(SHARED, 8, 0), P4(SHARED, 7, 0) },
	  { { { { 8, 1 }, S, A }, 0, 1, 0, 0 }, { { { 7, 1 }, S, A }, 1, 1, 0, 0 } } },
	{ "a gap", { P4(SHARED, 7, 0), P4(SHARED, 9, 0) },
	  { { { { 7, 1 }, S, A }, 0, 1, 0, 0 }, { { { 9, 1 }, S, A }, 1, 1, 0, 0 } } },
	{ "one done in between", { P4(SHARED, 7, 0), P4(SHARED, 8, 1), P4(SHARED, 9, 0) },
	  { { { { 7, 1 }, S, A }, 0, 1, 0, 0 }, { { { 9, 1 }, S, A }, 2, 1, 0, 0 } } },
	{ "the rest of a block, before another", { P2(SHARED, 512, 1), P2(SHARED, 1024, 0) },
	  { { { { 513, 511 }, S, A }, 0, 1, 0, 0 }, { { { 1024, 512 }, S, A }, 1, 1, 9, 0 } } },
	{ "the rest of a block, after another", { P2(SHARED, 512, 0), P2(SHARED, 1024, 1) },
	  { { { { 512, 512 }, S, A }, 0, 1, 9, 0 }, { { { 1025, 511 }, S, A }, 1, 1, 0, 0 } } },
	{ "the rest of a block, before pages", { P2(SHARED, 512, 100), P4(SHARED, 924, 0),
	    P4(SHARED, 1024, 0) },
	  { { { { 612, 412 }, S, A }, 0, 1, 0, 0 }, { { { 924, 1 }, S, A }, 1, 1, 0, 0 },
	    { { { 1024, 1 }, S, A }, 2, 1, 0, 0 } } },
	{ "what does nothing", { P4(3, 7, 0), P4(3, 8, 0), P4(4, 9, 0) },
	  { { { { 7, 2 }, 0, 0 }, 0, 2, 0, 0 }, { { { 9, 1 }, 0, 0 }, 2, 1, 0, 0 } } },
};

START_TEST(entries_join_by_the_book)	/* _i: which joint */
{
	const struct joint *joint = &joints[_i];
	struct gms_request_part part;
	unsigned nentries = 0, n = 0;
	uint64_t info;

	make(0, 0);
	while (nentries < 4 && joint->entry[nentries])
		nentries++;
	psc_fill(&memory, 0, nentries - 1, joint->entry, nentries);
	ck_assert_int_eq(gms_snp_psc_begin(request, memory.word, ALL), 0);
	for (; n < 4 && joint->part[n].nentries; n++) {
		ck_assert_int_eq(gms_request_part_at(request, n, &part), 0);
		ck_assert_msg(!memcmp(&part, &joint->part[n], sizeof(part)),
			      "%s: part %u is %u pages at %u of entry %u and %u more, order %u",
			      joint->what, n, (unsigned)part.change.range.npages,
			      (unsigned)part.change.range.first, part.entry, part.nentries - 1,
			      part.order);
	}
	ck_assert_int_eq(gms_request_part_at(request, n, &part), -ENOENT);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, &info), 0);
	ck_assert_uint_eq(info, 0);
	ck_assert_uint_eq(psc_cur_entry(&memory), nentries);
}
END_TEST

START_TEST(the_largest_buffer_of_blocks_is_one_part)
{
	const uint64_t npages = GMS_SNP_PSC_ENTRIES_MOST * FX_2M;
	uint64_t entries[GMS_SNP_PSC_ENTRIES_MOST];
	struct gms_request_result result;

	fx_region(space, FX_RANGE(8192, npages), 9, GMS_STATE_DIRECT_MAP, NULL);
	make(0, 0);
	for (unsigned i = 0; i < GMS_SNP_PSC_ENTRIES_MOST; i++)
		entries[i] = psc_entry(SHARED, 8192 + i * FX_2M, true, 0);
	psc_fill(&memory, 0, 252, entries, 253);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
	ck_assert_uint_eq(psc_cur_entry(&memory), 253);
	result = result_of();
	ck_assert_uint_eq(result.nparts, 1);
	ck_assert_uint_eq(result.commits, 1);
	ck_assert_uint_eq(result.changed_pages, npages);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), npages);
}
END_TEST

START_TEST(the_largest_buffer_of_scattered_pages_is_one_commit_with_one_flush)
{
	uint64_t entries[GMS_SNP_PSC_ENTRIES_MOST];
	struct gms_request_result result;

	ck_assert_int_eq(gms_share(space, FX_RANGE(0, PAGES), NULL), 0);
	fx_host_forget(host);
	make(0, 0);
	for (unsigned i = 0; i < GMS_SNP_PSC_ENTRIES_MOST; i++)
		entries[i] = psc_entry(PRIVATE, 16 * (252 - i), false, 0);
	psc_fill(&memory, 0, 252, entries, 253);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
	result = result_of();
	ck_assert_uint_eq(result.nparts, 253);
	ck_assert_uint_eq(result.commits, 1);
	ck_assert_uint_eq(result.changed_pages, 253);
	ck_assert_uint_eq(host->calls_of[FX_UNMAP], 1);
	ck_assert_uint_eq(host->flushes, 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_GUEST_EXITS), 1);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), PAGES - 253);
}
END_TEST

START_TEST(holes_are_passed_over_where_that_is_wanted)
{
	const uint64_t entries[] = {
		P4(SHARED, 4094, 0), P4(SHARED, 4095, 0), P4(SHARED, 4096, 0),
		P2(SHARED, LAST - 511, 0), P4(SHARED, 7, 0)
	};

	make(GMS_REQUEST_HOLES, 0);
	psc_fill(&memory, 0, 4, entries, 5);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
	ck_assert_uint_eq(psc_cur_entry(&memory), 5);
	ck_assert_uint_eq(psc_cur_page(&memory, 3), 512);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 3);
}
END_TEST

START_TEST(no_address_is_longer_than_the_guest_s)
{
	const gms_gfn end = GMS_GFN_LIMIT >> 12;	/* of 40 bits of address */
	const uint64_t entries[] = {
		psc_entry(SHARED, end - 1, false, 0), psc_entry(SHARED, end - 512, true, 0),
		psc_entry(SHARED, end, false, 0)
	};
	uint64_t answer;

	make(GMS_REQUEST_HOLES, 40);
	psc_fill(&memory, 0, 2, entries, 3);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), GMS_SNP_PSC_INVALID_ENTRY);
	ck_assert_uint_eq(psc_cur_entry(&memory), 2);
	ck_assert_int_eq(gms_snp_msr(request, entries[0] | GMS_SNP_MSR_REQUEST, &answer), 0);
	ck_assert_uint_eq(answer, GMS_SNP_MSR_RESPONSE);
	ck_assert_int_eq(gms_snp_msr(request, entries[2] | GMS_SNP_MSR_REQUEST, &answer), 0);
	ck_assert_uint_eq(answer, GMS_SNP_MSR_ERROR);
}
END_TEST

START_TEST(sharing_takes_back_what_the_guest_accepted)	/* _i: by the MSR? */
{
	const struct gms_change accept = { FX_RANGE(0, 16), A, 0 };
	const uint64_t entry = P4(SHARED, 7, 0);
	uint64_t answer;

	teardown();
	make_space(GMS_PROFILE_SNP);
	ck_assert_int_eq(gms_convert(space, &accept, 1, NULL, NULL), 0);
	make(0, 0);
	psc_fill(&memory, 0, 0, &entry, 1);
	if (!_i)
		ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
	else
		ck_assert_int_eq(gms_snp_msr(request, entry | GMS_SNP_MSR_REQUEST, &answer), 0);
	ck_assert_uint_eq(gms_state_at(space, 7) & (S | A), S);
	ck_assert_uint_eq(gms_state_at(space, 8) & (S | A), A);
	memory.word[0] = psc_header(0, 0);
	memory.word[1] = P4(PRIVATE, 7, 0);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
	ck_assert_uint_eq(gms_state_at(space, 7) & (S | A), 0);
}
END_TEST

START_TEST(a_profile_without_acceptance_has_none_to_take_back)
{
	const uint64_t entry = P4(SHARED, 7, 0);

	teardown();
	make_space(GMS_PROFILE_KVM_ATTRS);
	make(0, 0);
	psc_fill(&memory, 0, 0, &entry, 1);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 1);
}
END_TEST

/* What the MSR is answered with; page 7 is pinned, and shared as pages 7 and 8 only. */
static const struct {
	uint64_t word;
	uint64_t answer;
	uint64_t shared_pages;
} words[] = {
	{ P4(SHARED, 9, 0x014), 0x015, 3 },
	{ P4(SHARED, 8, 0x014), 0x015, 2 },
	{ P4(PRIVATE, 8, 0x014), 0x015, 1 },
	{ P4(PRIVATE, 9, 0x014), 0x015, 2 },
	{ P4(PRIVATE, 7, 0x014), UINT64_C(0x8000000000000015), 2 },
	{ P4(SHARED, 4096, 0x014), UINT64_C(0x8000000000000015), 2 },
	{ P4(SHARED, LAST, 0x014), UINT64_C(0x8000000000000015), 2 },
	{ P4(0, 9, 0x014), UINT64_C(0x8000000000000015), 2 },
	{ P4(3, 9, 0x014), UINT64_C(0x8000000000000015), 2 },
	{ P4(4, 9, 0x014), UINT64_C(0x8000000000000015), 2 },
	{ P4(15, 9, 0x014), UINT64_C(0x8000000000000015), 2 },
	{ P4(SHARED, 9, 0x014) | UINT64_C(0xff) << 56, 0x015, 3 },
};

START_TEST(the_msr_is_answered_by_the_book)	/* _i: which word */
{
	uint64_t answer = 0;
	gms_pin_id pin;

	ck_assert_int_eq(gms_share(space, FX_RANGE(7, 2), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(7, 1), GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	make(0, 0);
	ck_assert_int_eq(gms_snp_msr(request, words[_i].word, &answer), 0);
	ck_assert_uint_eq(answer, words[_i].answer);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), words[_i].shared_pages);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

START_TEST(the_embedder_may_refuse)	/* _i: for now, for good, in a word of ours, the MSR */
{
	static const int errors[] = { -EAGAIN, -EPERM, -EPROTO, -EBADMSG };
	static const uint64_t infos[] = { 0, GMS_SNP_PSC_GENERIC, GMS_SNP_PSC_GENERIC,
					  GMS_SNP_PSC_GENERIC };
	const uint64_t entries[] = { P4(SHARED, 7, 1), P4(SHARED, 9, 0) };
	uint64_t answer;

	make(0, 0);
	psc_fill(&memory, 0, 1, entries, 2);
	ck_assert_int_eq(gms_snp_psc_begin(request, memory.word, ALL), 0);
	ck_assert_int_eq(gms_request_refuse(request, errors[_i]), 0);
	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, &answer), 0);
	ck_assert_uint_eq(answer, infos[_i]);
	ck_assert_uint_eq(psc_cur_entry(&memory), 1);
	ck_assert_uint_eq(psc_cur_page(&memory, 1), 0);
	ck_assert_int_eq(gms_snp_msr_begin(request, P4(SHARED, 9, 0x014)), 0);
	ck_assert_int_eq(gms_request_refuse(request, errors[_i]), 0);
	ck_assert_int_eq(gms_snp_msr_end(request, &answer), 0);
	ck_assert_uint_eq(answer, GMS_SNP_MSR_ERROR);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
}
END_TEST

/* _i: pinned, frozen; and put off or not. */
START_TEST(what_is_held_may_be_put_off)
{
	const uint64_t entries[] = { P4(SHARED, 9, 0), P4(PRIVATE, 7, 0) };
	const bool frozen = _i & 1, put_off = _i & 2;
	gms_pin_id pin = 0;

	ck_assert_int_eq(gms_share(space, FX_RANGE(7, 1), NULL), 0);
	if (frozen)
		ck_assert_int_eq(gms_freeze(space, FX_RANGE(7, 1), 0, NULL), 0);
	else
		ck_assert_int_eq(gms_pin(space, FX_RANGE(7, 1), GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	make(put_off ? GMS_REQUEST_PUT_OFF : 0, 0);
	psc_fill(&memory, 0, 1, entries, 2);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), put_off ? 0 : GMS_SNP_PSC_GENERIC);
	ck_assert_uint_eq(psc_cur_entry(&memory), 1);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), put_off ? 0 : GMS_SNP_PSC_GENERIC);
	if (frozen)
		ck_assert_int_eq(gms_thaw(space, FX_RANGE(7, 1), NULL), 0);
	else
		ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), 0);
	ck_assert_uint_eq(psc_cur_entry(&memory), 2);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 1);
	/* A hole is held by nobody. */
	psc_fill(&memory, 0, 0, (const uint64_t[]){ P4(SHARED, 4096, 0) }, 1);
	ck_assert_uint_eq(psc_ask(request, &memory, ALL), GMS_SNP_PSC_GENERIC);
}
END_TEST

START_TEST(mistakes_of_the_embedder_are_refused)
{
	const uint64_t entry = P4(SHARED, 7, 0), word = P4(SHARED, 7, 0x014);
	uint64_t info = 1;

	make(0, 0);
	psc_fill(&memory, 0, 0, &entry, 1);
	ck_assert_int_eq(gms_snp_psc_begin(NULL, memory.word, ALL), -EINVAL);
	ck_assert_int_eq(gms_snp_psc_begin(request, NULL, ALL), -EINVAL);
	ck_assert_int_eq(gms_snp_psc(NULL, memory.word, ALL, &info), -EINVAL);
	ck_assert_int_eq(gms_snp_psc(request, NULL, ALL, &info), -EINVAL);
	ck_assert_int_eq(gms_snp_psc(request, memory.word, ALL, NULL), -EINVAL);
	ck_assert_int_eq(gms_snp_msr(NULL, word, &info), -EINVAL);
	ck_assert_int_eq(gms_snp_msr(request, word, NULL), -EINVAL);
	ck_assert_int_eq(gms_snp_msr_begin(NULL, word), -EINVAL);
	ck_assert_int_eq(gms_snp_msr_begin(request, P4(SHARED, 7, 0x015)), -EINVAL);
	ck_assert_int_eq(gms_snp_msr_begin(request, P4(SHARED, 7, 0x114)), -EINVAL);

	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, &info), -EINVAL);
	ck_assert_int_eq(gms_snp_psc_begin(request, memory.word, ALL), 0);
	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, &info), -EINVAL);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_snp_msr_end(request, &info), -EINVAL);
	ck_assert_int_eq(gms_snp_psc_end(NULL, memory.word, &info), -EINVAL);
	ck_assert_int_eq(gms_snp_psc_end(request, NULL, &info), -EINVAL);
	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, NULL), -EINVAL);
	ck_assert_uint_eq(psc_cur_entry(&memory), 0);
	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, &info), 0);
	ck_assert_uint_eq(info, 0);
	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, &info), -EINVAL);

	ck_assert_int_eq(gms_snp_msr_begin(request, word), 0);
	ck_assert_int_eq(gms_snp_msr_end(request, &info), -EINVAL);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, &info), -EINVAL);
	ck_assert_int_eq(gms_snp_msr_end(request, NULL), -EINVAL);
	ck_assert_int_eq(gms_snp_msr_end(request, &info), 0);
	ck_assert_int_eq(gms_snp_msr_end(request, &info), -EINVAL);
}
END_TEST

START_TEST(a_request_that_was_begun_may_be_begun_anew)
{
	const uint64_t entry = P4(SHARED, 7, 0);
	uint64_t info;

	make(0, 0);
	ck_assert_int_eq(gms_snp_msr_begin(request, P4(SHARED, 100, 0x014)), 0);
	psc_fill(&memory, 0, 0, &entry, 1);
	ck_assert_int_eq(gms_snp_psc_begin(request, memory.word, 7), 0);
	ck_assert_int_eq(gms_snp_psc_begin(request, memory.word, ALL), 0);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_snp_psc_end(request, memory.word, &info), 0);
	ck_assert_uint_eq(info, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 1);
}
END_TEST

START_TEST(once_reserved_nothing_is_allocated)
{
	uint64_t entries[GMS_SNP_PSC_ENTRIES_MOST], calls, answer;

	make(0, 0);
	ck_assert_int_eq(gms_space_reserve(space, 16), 0);
	calls = mem.calls;
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < GMS_SNP_PSC_ENTRIES_MOST; i++)
			entries[i] = psc_entry(round % 2 ? PRIVATE : SHARED, 16 * i, false, 0);
		entries[252] = round < 2 ? entries[252] : psc_entry(SHARED, LAST, false, 0);
		psc_fill(&memory, 0, 252, entries, 253);
		ck_assert_uint_eq(psc_ask(request, &memory, ALL),
				  round < 2 ? 0 : GMS_SNP_PSC_GENERIC);
		ck_assert_int_eq(gms_snp_msr(request, P4(SHARED, 5, 0x014), &answer), 0);
	}
	ck_assert_uint_eq(mem.calls, calls);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("snp");
	TCase *psc = fx_case(s, "psc"), *msr = fx_case(s, "msr"), *calls = fx_case(s, "calls");

	tcase_add_checked_fixture(psc, setup, teardown);
	tcase_add_loop_test(psc, buffers_are_answered_by_the_book, 0,
			    (int)(sizeof(facts) / sizeof(facts[0])));
	tcase_add_loop_test(psc, entries_join_by_the_book, 0,
			    (int)(sizeof(joints) / sizeof(joints[0])));
	tcase_add_test(psc, the_largest_buffer_of_blocks_is_one_part);
	tcase_add_test(psc, the_largest_buffer_of_scattered_pages_is_one_commit_with_one_flush);
	tcase_add_test(psc, holes_are_passed_over_where_that_is_wanted);
	tcase_add_test(psc, no_address_is_longer_than_the_guest_s);
	tcase_add_loop_test(psc, sharing_takes_back_what_the_guest_accepted, 0, 2);
	tcase_add_test(psc, a_profile_without_acceptance_has_none_to_take_back);

	tcase_add_checked_fixture(msr, setup, teardown);
	tcase_add_loop_test(msr, the_msr_is_answered_by_the_book, 0,
			    (int)(sizeof(words) / sizeof(words[0])));

	tcase_add_checked_fixture(calls, setup, teardown);
	tcase_add_loop_test(calls, the_embedder_may_refuse, 0, 4);
	tcase_add_loop_test(calls, what_is_held_may_be_put_off, 0, 4);
	tcase_add_test(calls, mistakes_of_the_embedder_are_refused);
	tcase_add_test(calls, a_request_that_was_begun_may_be_begun_anew);
	tcase_add_test(calls, once_reserved_nothing_is_allocated);
	return fx_run(s);
}

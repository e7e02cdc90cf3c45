/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of guest/tdx.h: each code and each place to go on from, driven as the
 * Linux guest does.
 */
#include <pthread.h>

#include "vcpu.h"

#define S	GMS_STATE_SHARED
#define A	GMS_STATE_ACCEPTED
#define PAGES	(6 * FX_2M)		/* in two regions of three folios */
#define HALF	(PAGES / 2)
#define BIT47	(UINT64_C(1) << 47)
#define BIT51	(UINT64_C(1) << 51)
#define GPA(gfn) ((uint64_t)(gfn) << GMS_PAGE_SHIFT)

#define INVALID	(GMS_TDX_OPERAND_INVALID | GMS_TDX_OPERAND_RCX)
#define BUSY	(GMS_TDX_OPERAND_BUSY | GMS_TDX_OPERAND_RCX)

static struct gms_request_opts opts;

static void setup(void)
{
	vcpu_setup(GMS_PROFILE_TDX, GMS_MERGE_EXPLICIT, HALF, GMS_STATE_DIRECT_MAP);
	GMS_INIT(&opts);
	opts.gpa_bits = 48;
}

static void make(void)
{
	vcpu_make(&opts);
}

static uint64_t accept_at(gms_gfn gfn, uint32_t level)
{
	uint64_t rax;

	ck_assert_int_eq(gms_tdx_accept(request, GPA(gfn) | level, &rax), 0);
	return rax;
}

/* The Linux guest: believes no address outside of what it asked for, gives up at the third. */
struct guest {
	uint64_t calls;
	uint64_t r10, r11;	/* of the last call */
	bool	 lied_to;
};

static bool guest_map(struct guest *guest, uint64_t start, uint64_t end)
{
	int stuck = 0;

	while (stuck < 3) {
		ck_assert_int_eq(gms_tdx_map(request, start, end - start, &guest->r10,
					     &guest->r11), 0);
		guest->calls++;
		if (guest->r10 != GMS_TDX_MAP_RETRY)
			return guest->r10 == GMS_TDX_MAP_SUCCESS;
		guest->lied_to |= guest->r11 < start || guest->r11 >= end;
		if (guest->lied_to)
			return false;
		stuck = guest->r11 == start ? stuck + 1 : 0;
		start = guest->r11;
	}
	return false;
}

/* As Linux accepts a range: 1G, 2M, 4K, whatever is aligned and answered with success. */
static bool guest_accept(gms_gfn first, gms_gfn end)
{
	while (first < end) {
		uint32_t level = GMS_TDX_LEVEL_1G + 1;
		uint64_t npages = 0;

		while (!npages && level--) {
			const uint64_t size = UINT64_C(1) << (9 * level);

			if (!(first % size) && end - first >= size && !accept_at(first, level))
				npages = size;
		}
		if (!npages)
			return false;
		first += npages;
	}
	return true;
}

/* Not of a hole: what is asked for is in the regions, or refused before they matter. */
static const struct words {
	uint32_t gpa_bits;
	uint64_t r12, r13, r10, r11;
} words[] = {
	{ 48, 0, GPA(1), GMS_TDX_MAP_SUCCESS, 0 },
	{ 48, BIT47 | GPA(5), GPA(7), GMS_TDX_MAP_SUCCESS, 0 },
	{ 48, BIT47, GPA(PAGES), GMS_TDX_MAP_SUCCESS, 0 },
	{ 52, BIT51 | GPA(5), GPA(7), GMS_TDX_MAP_SUCCESS, 0 },
	/* Empty, or wrapping. */
	{ 48, GPA(3), 0, GMS_TDX_MAP_INVALID_OPERAND, GPA(3) },
	{ 48, GPA(3), UINT64_MAX, GMS_TDX_MAP_INVALID_OPERAND, GPA(3) },
	{ 48, GPA(3), -GPA(3), GMS_TDX_MAP_INVALID_OPERAND, GPA(3) },
	{ 48, GPA(3), -GPA(2), GMS_TDX_MAP_INVALID_OPERAND, GPA(3) },
	{ 52, -GPA(1), GPA(1), GMS_TDX_MAP_INVALID_OPERAND, -GPA(1) },
	{ 52, -GPA(1), GPA(2), GMS_TDX_MAP_INVALID_OPERAND, -GPA(1) },
	{ 52, UINT64_MAX, 1, GMS_TDX_MAP_INVALID_OPERAND, UINT64_MAX },
	/* Past the guest's address width. */
	{ 48, 2 * BIT47, GPA(1), GMS_TDX_MAP_INVALID_OPERAND, 2 * BIT47 },
	{ 48, BIT51, GPA(1), GMS_TDX_MAP_INVALID_OPERAND, BIT51 },
	{ 48, 2 * BIT47 - GPA(1), GPA(2), GMS_TDX_MAP_INVALID_OPERAND, 2 * BIT47 - GPA(1) },
	{ 48, BIT47, BIT47 + GPA(1), GMS_TDX_MAP_INVALID_OPERAND, BIT47 },
	{ 48, 0, 2 * BIT47 + 1, GMS_TDX_MAP_INVALID_OPERAND, 0 },
	{ 52, 2 * BIT51, GPA(1), GMS_TDX_MAP_INVALID_OPERAND, 2 * BIT51 },
	{ 52, 2 * BIT51 - GPA(1), GPA(2), GMS_TDX_MAP_INVALID_OPERAND, 2 * BIT51 - GPA(1) },
	/* Private at one end, shared at the other. */
	{ 48, BIT47 - GPA(1), GPA(2), GMS_TDX_MAP_INVALID_OPERAND, BIT47 - GPA(1) },
	{ 48, 0, BIT47 + 1, GMS_TDX_MAP_INVALID_OPERAND, 0 },
	{ 52, BIT51 - GPA(1), GPA(2), GMS_TDX_MAP_INVALID_OPERAND, BIT51 - GPA(1) },
	/* Unaligned: what is wrong with the range comes first. */
	{ 48, 1, GPA(1), GMS_TDX_MAP_ALIGN_ERROR, 1 },
	{ 48, GPA(1), 1, GMS_TDX_MAP_ALIGN_ERROR, GPA(1) },
	{ 48, GPA(1), GPA(1) - 1, GMS_TDX_MAP_ALIGN_ERROR, GPA(1) },
	{ 48, BIT47 | 0x800, GPA(1), GMS_TDX_MAP_ALIGN_ERROR, BIT47 | 0x800 },
	{ 48, BIT47 - 1, 1, GMS_TDX_MAP_ALIGN_ERROR, BIT47 - 1 },
	{ 48, BIT47 - 1, 2, GMS_TDX_MAP_INVALID_OPERAND, BIT47 - 1 },
	/* Right, but of a hole. */
	{ 48, BIT47 - GPA(1), GPA(1), GMS_TDX_MAP_INVALID_OPERAND, BIT47 - GPA(1) },
	{ 48, BIT47, BIT47, GMS_TDX_MAP_INVALID_OPERAND, BIT47 | GPA(PAGES) },
	{ 52, 2 * BIT51 - GPA(1), GPA(1), GMS_TDX_MAP_INVALID_OPERAND, 2 * BIT51 - GPA(1) },
};

START_TEST(words_are_answered)	/* _i: which */
{
	const struct words *w = &words[_i];
	uint64_t r10 = 7, r11 = 7, first = w->r12 & ~(UINT64_C(1) << (w->gpa_bits - 1));
	bool share = w->r12 != first;

	opts.gpa_bits = w->gpa_bits;
	make();
	ck_assert_int_eq(gms_tdx_map(request, w->r12, w->r13, &r10, &r11), 0);
	ck_assert_uint_eq(r10, w->r10);
	ck_assert_uint_eq(r11, w->r11);
	if (r10 == GMS_TDX_MAP_SUCCESS)
		ck_assert_uint_eq(count(S, S), share ? w->r13 >> GMS_PAGE_SHIFT : 0);
	else
		ck_assert_uint_eq(count(S, S), (w->r11 - w->r12) >> GMS_PAGE_SHIFT);
}
END_TEST

static uint64_t stop_at;	/* of the times that it is asked */

static bool stop(void *ctx)
{
	return ++*(uint64_t *)ctx == stop_at;
}

START_TEST(stopped_after_any_chunk_it_comes_to_the_same)	/* _i: after which; 0: never */
{
	struct guest guest = { 0, 0, 0, false };
	uint64_t asked = 0;

	stop_at = (uint64_t)_i;
	opts.stop = stop;
	opts.ctx = &asked;
	make();
	ck_assert(guest_map(&guest, BIT47 | GPA(100), BIT47 | GPA(100 + 5 * FX_2M)));
	ck_assert_uint_eq(guest.calls, _i > 0 && _i < 5 ? 2 : 1);
	ck_assert_uint_eq(asked, 4);
	ck_assert_uint_eq(count(S, S), 5 * FX_2M);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(100, 5 * FX_2M)), 5 * FX_2M);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_GUEST_EXITS), guest.calls);
	stop_at = 0;
	ck_assert(guest_map(&guest, GPA(100), GPA(100 + 5 * FX_2M)));
	ck_assert_uint_eq(count(S, S), 0);
}
END_TEST

START_TEST(a_call_does_no_more_than_it_may)	/* _i: pages, from a sample */
{
	static const uint64_t sample[] = { 1, 7, 511, 512, 513, 700, 1024, 2559, 2560, 9999 };
	const uint64_t most = sample[_i], npages = most < 16 ? 40 : 5 * FX_2M;
	struct guest guest = { 0, 0, 0, false };

	opts.most_pages = most;
	make();
	ck_assert(guest_map(&guest, BIT47 | GPA(100), BIT47 | GPA(100 + npages)));
	ck_assert_uint_eq(guest.calls, (npages + most - 1) / most);
	ck_assert_uint_eq(count(S, S), npages);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(100, npages)), npages);
}
END_TEST

START_TEST(what_holds_a_chunk_is_waited_for_by_asking_again)	/* _i: pinned, frozen */
{
	struct guest guest = { 0, 0, 0, false };
	const struct gms_range held = FX_RANGE(2 * FX_2M + 3, 1);
	struct gms_request_result result;
	gms_pin_id pin = 0;

	ck_assert_int_eq(gms_share(space, FX_RANGE(0, PAGES), NULL), 0);
	if (_i)
		ck_assert_int_eq(gms_freeze(space, held, 0, NULL), 0);
	else
		ck_assert_int_eq(gms_pin(space, held, GMS_PIN_LONGTERM, 1, &pin, NULL), 0);
	make();
	ck_assert(!guest_map(&guest, GPA(10), GPA(PAGES)));
	ck_assert_uint_eq(guest.r10, GMS_TDX_MAP_RETRY);
	ck_assert_uint_eq(guest.r11, GPA(10 + FX_2M));
	ck_assert_uint_eq(guest.calls, 4);
	result = result_of();
	ck_assert_int_eq(result.error, _i ? -EBUSY : -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, held.first);
	ck_assert_uint_eq(count(S, 0), FX_2M);
	if (_i)
		ck_assert_int_eq(gms_thaw(space, held, NULL), 0);
	else
		ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert(guest_map(&guest, guest.r11, GPA(PAGES)));
	ck_assert_uint_eq(count(S, 0), PAGES - 10);
}
END_TEST

START_TEST(a_host_that_fails_ends_it)
{
	struct guest guest = { 0, 0, 0, false };

	make();
	fx_host_fail_after(host, 2, -EIO);
	ck_assert(!guest_map(&guest, BIT47, BIT47 | GPA(PAGES)));
	ck_assert_uint_eq(guest.r10, GMS_TDX_MAP_INVALID_OPERAND);
	ck_assert_uint_eq(guest.r11, BIT47 | GPA(2 * FX_2M));
	ck_assert_uint_eq(count(S, S), 2 * FX_2M);
}
END_TEST

START_TEST(one_chunk_is_one_commit)	/* _i: the host's chunks, larger, whole */
{
	static const uint64_t chunk[] = { 0, 1024, GMS_REQUEST_WHOLE };
	static const uint64_t commits[] = { 6, 3, 1 };
	struct guest guest = { 0, 0, 0, false };

	opts.chunk_pages = chunk[_i];
	make();
	ck_assert(guest_map(&guest, BIT47, BIT47 | GPA(PAGES)));
	ck_assert_uint_eq(result_of().commits, commits[_i]);
	ck_assert_uint_eq(count(S, S), PAGES);
}
END_TEST

START_TEST(the_embedder_may_refuse)	/* _i: for now, in three ways */
{
	static const int errors[] = { -EAGAIN, -EBUSY, -ENOMEM };
	uint64_t r10, r11;

	make();
	ck_assert_int_eq(gms_tdx_map_begin(request, BIT47 | GPA(3), GPA(1)), 0);
	ck_assert_int_eq(gms_request_refuse(request, errors[_i]), 0);
	ck_assert_int_eq(gms_tdx_map_end(request, &r10, &r11), 0);
	ck_assert_uint_eq(r10, GMS_TDX_MAP_RETRY);
	ck_assert_uint_eq(r11, BIT47 | GPA(3));
	ck_assert_int_eq(gms_tdx_map_begin(request, GPA(3), GPA(1)), 0);
	ck_assert_int_eq(gms_request_refuse(request, -EPERM), 0);
	ck_assert_int_eq(gms_tdx_map_end(request, &r10, &r11), 0);
	ck_assert_uint_eq(r10, GMS_TDX_MAP_INVALID_OPERAND);
	/* Words that are wrong are answered so, whoever refuses them too. */
	ck_assert_int_eq(gms_tdx_map_begin(request, GPA(3), 1), 0);
	ck_assert_int_eq(gms_request_refuse(request, -EAGAIN), 0);
	ck_assert_int_eq(gms_tdx_map_end(request, &r10, &r11), 0);
	ck_assert_uint_eq(r10, GMS_TDX_MAP_ALIGN_ERROR);
	ck_assert_uint_eq(count(S, S), 0);

	ck_assert_int_eq(gms_tdx_accept_begin(request, 0), 0);
	ck_assert_int_eq(gms_request_refuse(request, errors[_i]), 0);
	ck_assert_int_eq(gms_tdx_accept_end(request, &r10), 0);
	ck_assert_uint_eq(r10, BUSY);
	ck_assert_int_eq(gms_tdx_accept_begin(request, 0), 0);
	ck_assert_int_eq(gms_request_refuse(request, -EPERM), 0);
	ck_assert_int_eq(gms_tdx_accept_end(request, &r10), 0);
	ck_assert_uint_eq(r10, INVALID);
	ck_assert_uint_eq(count(A, A), 0);
}
END_TEST

/* Nothing of what the same request held before goes to the guest. */
START_TEST(what_was_asked_before_is_not_answered)	/* _i: the level */
{
	const uint64_t buffer[2] = { 0, UINT64_C(0x00200000dead0000) };
	uint64_t rax;

	make();
	ck_assert_int_eq(gms_snp_psc_begin(request, buffer, sizeof(buffer)), 0);
	ck_assert_int_eq(gms_tdx_accept_begin(request, (uint64_t)_i), 0);
	ck_assert_int_eq(gms_request_refuse(request, -EALREADY), 0);
	ck_assert_int_eq(gms_tdx_accept_end(request, &rax), 0);
	ck_assert_uint_eq(rax, GMS_TDX_PAGE_ALREADY_ACCEPTED | (unsigned)_i);
}
END_TEST

START_TEST(steps_out_of_order_are_refused)
{
	uint64_t word;

	make();
	ck_assert_int_eq(gms_tdx_map_begin(NULL, 0, 0), -EINVAL);
	ck_assert_int_eq(gms_tdx_map(NULL, 0, 0, &word, &word), -EINVAL);
	ck_assert_int_eq(gms_tdx_map(request, 0, 0, NULL, &word), -EINVAL);
	ck_assert_int_eq(gms_tdx_map(request, 0, 0, &word, NULL), -EINVAL);
	ck_assert_int_eq(gms_tdx_map_end(NULL, &word, &word), -EINVAL);
	ck_assert_int_eq(gms_tdx_map_end(request, &word, &word), -EINVAL);
	ck_assert_int_eq(gms_tdx_accept_begin(NULL, 0), -EINVAL);
	ck_assert_int_eq(gms_tdx_accept(NULL, 0, &word), -EINVAL);
	ck_assert_int_eq(gms_tdx_accept(request, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_tdx_accept_end(request, NULL), -EINVAL);
	ck_assert_int_eq(gms_tdx_map_begin(request, 0, GPA(1)), 0);
	ck_assert_int_eq(gms_tdx_map_end(request, &word, &word), -EINVAL);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_tdx_accept_end(request, &word), -EINVAL);
	ck_assert_int_eq(gms_tdx_map_end(request, NULL, &word), -EINVAL);
	ck_assert_int_eq(gms_tdx_map_end(request, &word, NULL), -EINVAL);
	ck_assert_int_eq(gms_tdx_map_end(request, &word, &word), 0);
	ck_assert_int_eq(gms_tdx_map_end(request, &word, &word), -EINVAL);
}
END_TEST

/* First folio: accepted. Second: shared. Third: its page 7 is accepted. Fourth: cut. */
static void mix(void)
{
	ck_assert_uint_eq(accept_at(0, GMS_TDX_LEVEL_2M), GMS_TDX_ACCEPT_SUCCESS);
	ck_assert_int_eq(gms_share(space, FX_RANGE(FX_2M, FX_2M), NULL), 0);
	ck_assert_uint_eq(accept_at(2 * FX_2M + 7, GMS_TDX_LEVEL_4K), GMS_TDX_ACCEPT_SUCCESS);
	ck_assert_int_eq(gms_folio_split(space, 3 * FX_2M, GMS_ORDER_4K), 0);
}

static const struct block {
	uint64_t rcx, rax;
} blocks[] = {
	/* Words. */
	{ 3, INVALID },
	{ GPA(4 * FX_2M) | 3, INVALID },
	{ GPA(4 * FX_2M) | 7, INVALID },
	{ GPA(4 * FX_2M) | 8, INVALID },
	{ GPA(4 * FX_2M) | 0x800, INVALID },
	{ GPA(4 * FX_2M) | UINT64_C(1) << 52, INVALID },
	{ GPA(4 * FX_2M) | UINT64_C(1) << 63, INVALID },
	{ GPA(4 * FX_2M + 1) | 1, INVALID },
	{ GPA(FX_2M) | 2, INVALID },
	{ BIT47 | GPA(4 * FX_2M), INVALID },
	{ BIT47 - GPA(1), INVALID },
	{ BIT47, INVALID },
	{ 2 * BIT47, INVALID },
	{ UINT64_MAX, INVALID },
	/* Pages. */
	{ GPA(PAGES), INVALID },
	{ GPA(PAGES) | 1, INVALID },
	{ 0 | 2, GMS_TDX_PAGE_SIZE_MISMATCH | 2 },
	{ 0 | 1, GMS_TDX_PAGE_ALREADY_ACCEPTED | 1 },
	{ GPA(5), GMS_TDX_PAGE_ALREADY_ACCEPTED | 1 },
	{ GPA(FX_2M) | 1, INVALID },
	{ GPA(FX_2M + 9), INVALID },
	{ GPA(2 * FX_2M) | 1, GMS_TDX_PAGE_SIZE_MISMATCH | 1 },
	{ GPA(2 * FX_2M + 7), GMS_TDX_PAGE_ALREADY_ACCEPTED | 0 },
	{ GPA(2 * FX_2M + 8), GMS_TDX_ACCEPT_SUCCESS },
	{ GPA(3 * FX_2M) | 1, GMS_TDX_PAGE_SIZE_MISMATCH | 1 },
	{ GPA(3 * FX_2M), GMS_TDX_ACCEPT_SUCCESS },
	{ GPA(4 * FX_2M) | 1, GMS_TDX_ACCEPT_SUCCESS },
	{ GPA(4 * FX_2M + 3), GMS_TDX_ACCEPT_SUCCESS },
};

START_TEST(blocks_are_accepted)	/* _i: which */
{
	const struct block *b = &blocks[_i];
	uint64_t rax, before;

	make();
	mix();
	before = count(A, A);
	ck_assert_int_eq(gms_tdx_accept(request, b->rcx, &rax), 0);
	ck_assert_uint_eq(rax, b->rax);
	ck_assert_uint_eq(count(A, A) - before,
			  rax ? 0 : UINT64_C(1) << (9 * (b->rcx & 7)));
}
END_TEST

START_TEST(a_block_that_is_mixed_is_mapped_small)
{
	/* Also where the folio is not cut. */
	struct gms_space *uncut = fx_space(NULL, GMS_PROFILE_TDX, GMS_SPLIT_NONE, GMS_MERGE_EAGER);
	struct gms_request *other;
	uint64_t rax;

	fx_region(uncut, FX_RANGE(0, FX_2M), GMS_ORDER_2M, GMS_STATE_DIRECT_MAP, NULL);
	ck_assert_int_eq(gms_share(uncut, FX_RANGE(5, 1), NULL), 0);
	ck_assert_uint_eq(fx_order_at(uncut, 0), GMS_ORDER_2M);
	ck_assert_int_eq(gms_request_new(&other, uncut, NULL), 0);
	ck_assert_int_eq(gms_tdx_accept(other, GMS_TDX_LEVEL_2M, &rax), 0);
	ck_assert_uint_eq(rax, GMS_TDX_PAGE_SIZE_MISMATCH | 1);
	ck_assert_int_eq(gms_tdx_accept(other, GMS_TDX_LEVEL_4K, &rax), 0);
	ck_assert_uint_eq(rax, GMS_TDX_ACCEPT_SUCCESS);
	gms_request_free(other);
	gms_space_free(uncut);
}
END_TEST

START_TEST(an_error_of_an_accept_names_its_page)
{
	make();
	mix();
	ck_assert_uint_eq(accept_at(FX_2M, GMS_TDX_LEVEL_2M), INVALID);
	ck_assert_uint_eq(result_of().error_gfn, FX_2M);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_SHARED);
	ck_assert_uint_eq(accept_at(2 * FX_2M, GMS_TDX_LEVEL_2M), GMS_TDX_PAGE_SIZE_MISMATCH | 1);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_MIXED);
	ck_assert_uint_eq(accept_at(PAGES, GMS_TDX_LEVEL_4K), INVALID);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_HOLE);
}
END_TEST

START_TEST(an_accept_is_whole_or_smaller)
{
	/* What a call may do and how it is cut up is for MapGPA: a block is one thing. */
	uint64_t asked = 0;

	stop_at = 1;
	opts.stop = stop;
	opts.ctx = &asked;
	opts.chunk_pages = 3;
	opts.most_pages = 511;
	opts.flags = GMS_REQUEST_HOLES;
	make();
	ck_assert_uint_eq(accept_at(0, GMS_TDX_LEVEL_2M), GMS_TDX_PAGE_SIZE_MISMATCH | 1);
	ck_assert_uint_eq(accept_at(PAGES, GMS_TDX_LEVEL_4K), INVALID);
	opts.most_pages = 512;
	make();
	ck_assert_uint_eq(accept_at(0, GMS_TDX_LEVEL_2M), GMS_TDX_ACCEPT_SUCCESS);
	ck_assert_uint_eq(count(A, A), FX_2M);
	ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(a_share_inside_a_folio_demotes_it)
{
	struct guest guest = { 0, 0, 0, false };

	make();
	ck_assert(guest_accept(0, PAGES));
	ck_assert_uint_eq(count(A, A), PAGES);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_2M), 0);
	ck_assert(guest_map(&guest, BIT47 | GPA(77), BIT47 | GPA(78)));
	ck_assert_uint_eq(result_of().splits, 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_SPLITS_2M), 1);
	ck_assert_uint_eq(fx_order_at(space, 0), GMS_ORDER_4K);
	ck_assert_uint_eq(count(S | A, A), PAGES - 1);
	ck_assert_uint_eq(gms_state_at(space, 77) & (S | A), S);
	/* It comes back as it went, and is not accepted any more. */
	ck_assert(guest_map(&guest, GPA(77), GPA(78)));
	ck_assert_uint_eq(count(S | A, A), PAGES - 1);
	ck_assert_uint_eq(accept_at(0, GMS_TDX_LEVEL_2M), GMS_TDX_PAGE_SIZE_MISMATCH | 1);
	ck_assert_uint_eq(accept_at(77, GMS_TDX_LEVEL_4K), GMS_TDX_ACCEPT_SUCCESS);
	ck_assert_uint_eq(count(S | A, A), PAGES);
	/* Nobody promotes it: it stays mapped small. */
	ck_assert_uint_eq(accept_at(0, GMS_TDX_LEVEL_2M), GMS_TDX_PAGE_SIZE_MISMATCH | 1);
	ck_assert_uint_eq(accept_at(0, GMS_TDX_LEVEL_4K), GMS_TDX_PAGE_ALREADY_ACCEPTED | 0);
}
END_TEST

START_TEST(a_round_trip_is_accepted_in_large_blocks)
{
	struct guest guest = { 0, 0, 0, false };

	make();
	ck_assert(guest_map(&guest, BIT47 | GPA(FX_2M), BIT47 | GPA(3 * FX_2M)));
	ck_assert(guest_map(&guest, GPA(FX_2M), GPA(3 * FX_2M)));
	ck_assert_uint_eq(result_of().splits, 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_GUEST_EXITS), guest.calls);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_ACCEPTS), 0);
	ck_assert(guest_accept(FX_2M, 3 * FX_2M));
	/* Two blocks of 2M; those of 1G are not asked for, as they are not aligned. */
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_ACCEPTS), 2);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_GUEST_EXITS), guest.calls);
	ck_assert_uint_eq(result_of().changed_pages, FX_2M);
	ck_assert_uint_eq(count(S | A, A), 2 * FX_2M);
}
END_TEST

START_TEST(a_page_of_1g_is_accepted_at_once)
{
	fx_region(space, FX_RANGE(FX_1G, FX_1G), GMS_ORDER_1G, GMS_STATE_DIRECT_MAP, NULL);
	make();
	ck_assert(guest_accept(FX_1G, 2 * FX_1G));
	ck_assert_uint_eq(result_of().changed_pages, FX_1G);
	ck_assert_uint_eq(accept_at(FX_1G, GMS_TDX_LEVEL_1G), GMS_TDX_PAGE_ALREADY_ACCEPTED | 2);
	ck_assert_uint_eq(accept_at(FX_1G + 1, GMS_TDX_LEVEL_4K),
			  GMS_TDX_PAGE_ALREADY_ACCEPTED | 2);
}
END_TEST

#define VCPUS	4u
#define ROUNDS	400u

static uint64_t seed;

/* A vCPU of its own request; the pages are everybody's. */
static void *vcpu(void *arg)
{
	struct fx_rand rand;
	struct gms_request *own;
	uint64_t r10, r11, rax;
	uintptr_t wrong = 0;

	fx_rand_init(&rand, seed, (uint64_t)(uintptr_t)arg);
	if (gms_request_new(&own, space, &opts))
		return (void *)1;
	for (unsigned i = 0; i < ROUNDS; i++) {
		const gms_gfn first = fx_rand_below(&rand, 2 * FX_2M);
		const uint64_t npages = 1 + fx_rand_below(&rand, 2 * FX_2M);
		const uint64_t bit = fx_rand_below(&rand, 2) ? BIT47 : 0;

		wrong |= gms_tdx_map(own, bit | GPA(first), GPA(npages), &r10, &r11) ||
			 r10 != GMS_TDX_MAP_SUCCESS;
		for (uint32_t level = 0; level < 3; level++) {
			const gms_gfn at = first & ~((UINT64_C(1) << 9 * level) - 1);

			wrong |= gms_tdx_accept(own, GPA(at) | level, &rax) || rax == BUSY;
		}
	}
	gms_request_free(own);
	return (void *)wrong;
}

START_TEST(vcpus_share_and_accept_the_same_pages)
{
	pthread_t thread[VCPUS];
	void *wrong;

	seed = fx_seed();
	for (uintptr_t i = 0; i < VCPUS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, vcpu, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < VCPUS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
	ck_assert_uint_eq(count(S | A, S | A), 0);
}
END_TEST

START_TEST(who_knows_no_acceptance_accepts_nothing)
{
	struct gms_request *other;
	struct gms_space *plain;
	uint64_t rax;

	plain = fx_space(NULL, GMS_PROFILE_KVM_ATTRS, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	ck_assert_int_eq(gms_request_new(&other, plain, NULL), 0);
	ck_assert_int_eq(gms_tdx_accept_begin(other, 0), -EOPNOTSUPP);
	ck_assert_int_eq(gms_tdx_accept(other, 0, &rax), -EOPNOTSUPP);
	gms_request_free(other);
	gms_space_free(plain);
}
END_TEST

#define TIB	(UINT64_C(1) << 28)	/* pages */
#define FAR	(UINT64_C(1) << 30)	/* where the 70 TiB begin: 4 TiB */

START_TEST(seventy_terabytes_are_one_call)	/* _i: a hole; a region */
{
	struct guest guest = { 0, 0, 0, false };
	uint64_t bytes;

	if (_i)
		fx_region(space, FX_RANGE(FAR, 70 * TIB), GMS_ORDER_1G, GMS_STATE_DIRECT_MAP, NULL);
	opts.chunk_pages = GMS_REQUEST_WHOLE;
	opts.flags = _i ? 0 : GMS_REQUEST_HOLES;
	make();
	bytes = mem.bytes;
	ck_assert(guest_map(&guest, BIT47 | GPA(FAR), BIT47 | GPA(FAR + 70 * TIB)));
	ck_assert_uint_eq(guest.calls, 1);
	ck_assert_uint_eq(result_of().pages_done, 70 * TIB);
	ck_assert_uint_eq(result_of().changed_pages, _i ? 70 * TIB : 0);
	ck_assert_uint_eq(result_of().commits, _i ? 1 : 0);
	ck_assert_uint_eq(mem.bytes, bytes);
	ck_assert(guest_map(&guest, GPA(FAR), GPA(FAR + 70 * TIB)));
	ck_assert_uint_eq(count(S, S), 0);
}
END_TEST

static bool never(void *ctx)
{
	++*(uint64_t *)ctx;
	return false;
}

START_TEST(chunks_of_it_are_bounded_by_what_a_call_may_do)	/* _i: a hole; a region */
{
	uint64_t r10, r11, asked = 0;

	if (_i)
		fx_region(space, FX_RANGE(FAR, 70 * TIB), GMS_ORDER_1G, GMS_STATE_DIRECT_MAP, NULL);
	opts.most_pages = 100 * FX_2M;
	opts.stop = never;
	opts.ctx = &asked;
	opts.flags = _i ? 0 : GMS_REQUEST_HOLES;
	make();
	ck_assert_int_eq(gms_tdx_map(request, BIT47 | GPA(FAR), GPA(70 * TIB), &r10, &r11), 0);
	ck_assert_uint_eq(r10, GMS_TDX_MAP_RETRY);
	ck_assert_uint_eq(r11, BIT47 | GPA(FAR + 100 * FX_2M));
	ck_assert_uint_eq(asked, _i ? 99 : 0);	/* a hole is no chunks */
	ck_assert_uint_eq(result_of().commits, _i ? 100 : 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tdx");
	TCase *map = fx_case(s, "map"), *accept = fx_case(s, "accept");

	tcase_add_checked_fixture(map, setup, vcpu_teardown);
	tcase_add_loop_test(map, words_are_answered, 0, (int)(sizeof(words) / sizeof(words[0])));
	tcase_add_loop_test(map, stopped_after_any_chunk_it_comes_to_the_same, 0, 6);
	tcase_add_loop_test(map, a_call_does_no_more_than_it_may, 0, 10);
	tcase_add_loop_test(map, what_holds_a_chunk_is_waited_for_by_asking_again, 0, 2);
	tcase_add_test(map, a_host_that_fails_ends_it);
	tcase_add_loop_test(map, one_chunk_is_one_commit, 0, 3);
	tcase_add_loop_test(map, the_embedder_may_refuse, 0, 3);
	tcase_add_loop_test(map, what_was_asked_before_is_not_answered, 0, 2);
	tcase_add_test(map, steps_out_of_order_are_refused);
	tcase_add_loop_test(map, seventy_terabytes_are_one_call, 0, 2);
	tcase_add_loop_test(map, chunks_of_it_are_bounded_by_what_a_call_may_do, 0, 2);

	tcase_add_checked_fixture(accept, setup, vcpu_teardown);
	tcase_add_loop_test(accept, blocks_are_accepted, 0,
			    (int)(sizeof(blocks) / sizeof(blocks[0])));
	tcase_add_test(accept, a_block_that_is_mixed_is_mapped_small);
	tcase_add_test(accept, an_error_of_an_accept_names_its_page);
	tcase_add_test(accept, an_accept_is_whole_or_smaller);
	tcase_add_test(accept, a_share_inside_a_folio_demotes_it);
	tcase_add_test(accept, a_round_trip_is_accepted_in_large_blocks);
	tcase_add_test(accept, a_page_of_1g_is_accepted_at_once);
	tcase_add_test(accept, vcpus_share_and_accept_the_same_pages);
	tcase_add_test(accept, who_knows_no_acceptance_accepts_nothing);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile requests, of every protocol: what one may cost, and what it may touch.
 *
 * The bound of request.h, for a request of P parts and C chunks of memory: P + C + 1
 * conversions, no allocation, and three calls of a backend a conversion.
 */
#include "fixture.h"

#define PAGES	UINT64_C(4096)
#define FIRST	(GMS_STATE_DIRECT_MAP | GMS_STATE_POPULATED)
#define BITS	48u
#define TRIALS	600

static struct fx_mem mem;
static struct fx_host *host;
static struct gms_space *space;
static struct gms_request *request;
static gms_state before[PAGES];

/* Two regions and a hole in between, under a profile that knows every attribute. */
static void setup(void)
{
	struct gms_request_opts opts;

	fx_mem_init(&mem);
	space = fx_space(&mem, GMS_PROFILE_CCA, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	host = fx_host_new(0, PAGES);
	fx_region(space, FX_RANGE(0, 1536), 9, FIRST, host);
	fx_region(space, FX_RANGE(2048, 2048), 9, FIRST, host);
	GMS_INIT(&opts);
	opts.gpa_bits = BITS;
	opts.flags = GMS_REQUEST_HOLES;
	ck_assert_int_eq(gms_request_new(&request, space, &opts), 0);
	ck_assert_int_eq(gms_space_reserve(space, 64), 0);
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

/* --- the hostile: each takes in a request, and says what would answer it --- */

enum hostile {
	PSC, MSR, MAP, ACCEPT, PKVM, CCA, CALL, FAULT, HOSTILES
};

static uint64_t words[1 + GMS_SNP_PSC_ENTRIES_MOST];

/* Where numbers wrap and regions end, and anywhere. */
static gms_gfn bad_gfn(struct fx_rand *rand)
{
	static const uint64_t worth[] = {
		0, 1535, 1536, 2047, 2048, 4095, 4096, (UINT64_C(1) << 35) - 1, UINT64_C(1) << 35,
		(UINT64_C(1) << 36) - 1, UINT64_C(1) << 36, GMS_GFN_LIMIT - 1, GMS_GFN_LIMIT,
		UINT64_C(1) << 51, (UINT64_C(1) << 52) - 1, UINT64_MAX,
	};

	switch (fx_rand_below(rand, 4)) {
	case 0:
		return worth[fx_rand_below(rand, 16)];
	case 1:
		return fx_rand_below(rand, 8) * FX_2M;
	case 2:
		return fx_rand_u64(rand) >> fx_rand_below(rand, 64);
	default:
		return fx_rand_below(rand, PAGES);
	}
}

static uint64_t bad_bytes(struct fx_rand *rand)
{
	return fx_rand_odds(rand, 1, 2) ? fx_rand_below(rand, 3000) * GMS_PAGE_SIZE :
					  bad_gfn(rand) * GMS_PAGE_SIZE + fx_rand_below(rand, 2);
}

static int begin_psc(struct fx_rand *rand)
{
	const uint64_t cur = fx_rand_below(rand, 4), end = fx_rand_below(rand, 255);

	words[0] = cur | (fx_rand_odds(rand, 1, 8) ? fx_rand_u64(rand) : end) << 16;
	for (unsigned i = 1; i <= GMS_SNP_PSC_ENTRIES_MOST; i++) {
		const bool large = fx_rand_odds(rand, 1, 3);
		const gms_gfn gfn = bad_gfn(rand) & (GMS_GFN_LIMIT - 1) & (large ? ~511ull : ~0ull);

		/* Mostly as it is to be, so that the first entries are not all that counts. */
		words[i] = fx_rand_odds(rand, 1, 90) ? fx_rand_u64(rand) :
			   (large ? GMS_SNP_PSC_2M : 0) |
			   (1 + fx_rand_below(rand, 2)) << GMS_SNP_OP_SHIFT |
			   (gfn & ((UINT64_C(1) << (BITS - 12)) - 1)) << GMS_SNP_GFN_SHIFT;
	}
	return gms_snp_psc_begin(request, words, fx_rand_odds(rand, 1, 9) ?
				 fx_rand_below(rand, sizeof(words)) : sizeof(words));
}

static int begin(enum hostile which, struct fx_rand *rand)
{
	uint64_t args[6] = { 0 };
	const gms_gfn gfn = bad_gfn(rand);
	const uint64_t gpa = gfn * GMS_PAGE_SIZE + (fx_rand_odds(rand, 1, 9) ? 8 : 0);

	switch (which) {
	case PSC:
		return begin_psc(rand);
	case MSR:
		return gms_snp_msr_begin(request, fx_rand_below(rand, 4) << GMS_SNP_OP_SHIFT |
					 gfn << GMS_SNP_GFN_SHIFT | GMS_SNP_MSR_REQUEST);
	case MAP:
		return gms_tdx_map_begin(request, gpa | (fx_rand_u64(rand) & 1) << (BITS - 1),
					 bad_bytes(rand));
	case ACCEPT:
		return gms_tdx_accept_begin(request, gpa | fx_rand_below(rand, 4));
	case PKVM:
		args[0] = GMS_PKVM_HYP_MEMINFO + fx_rand_below(rand, 9);
		args[1] = gpa;
		args[2] = bad_gfn(rand);
		args[3] = fx_rand_odds(rand, 1, 9);
		return gms_pkvm_begin(request, GMS_PKVM_RANGES, args);
	case CCA:
		return gms_cca_ripas_begin(request, gpa, gpa + bad_bytes(rand),
					   fx_rand_below(rand, 3), fx_rand_u64(rand) & 3);
	case CALL:
		args[0] = gpa;
		args[1] = bad_bytes(rand) / GMS_PAGE_SIZE;
		args[2] = fx_rand_below(rand, 64);
		return gms_kvm_call_begin(request, GMS_KVM_MAP_GPA_RANGE, args);
	default:
		return gms_kvm_fault_begin(request, fx_rand_below(rand, 4) * GMS_KVM_FAULT_PRIVATE,
					   gpa, bad_bytes(rand));
	}
}

static int end(enum hostile which)
{
	struct gms_cca_answer answer;
	uint64_t regs[4] = { 0 };
	uint32_t action;
	int64_t ret;

	switch (which) {
	case PSC:
		return gms_snp_psc_end(request, words, regs);
	case MSR:
		return gms_snp_msr_end(request, regs);
	case MAP:
		return gms_tdx_map_end(request, regs, regs + 1);
	case ACCEPT:
		return gms_tdx_accept_end(request, regs);
	case PKVM:
		return gms_pkvm_end(request, regs, &action);
	case CCA:
		return gms_cca_ripas_end(request, &answer);
	case CALL:
		return gms_kvm_call_end(request, GMS_KVM_FOR_GUEST, &ret);
	default:
		return gms_kvm_fault_end(request, &action);
	}
}

/* --- what it cost, and touched --- */

struct spent {
	uint64_t allocations, conversions, host_calls;
};

static struct spent spent(void)
{
	return (struct spent){ mem.calls, fx_event(space, GMS_ACCT_CONVERTS), host->calls };
}

/* Pages of memory that a part names, in chunks: 0 where there are none. */
static void check_spent(struct spent from, struct spent to, uint64_t nparts, uint64_t nchunks)
{
	const uint64_t most = nparts + nchunks + 1;

	ck_assert_uint_eq(to.allocations, from.allocations);
	ck_assert_uint_le(to.conversions - from.conversions, most);
	ck_assert_uint_le(to.host_calls - from.host_calls, 3 * most);
}

static void look(gms_state *states)
{
	for (gms_gfn gfn = 0; gfn < PAGES; gfn++)
		states[gfn] = gms_state_at(space, gfn);
}

static bool named(gms_gfn gfn)
{
	struct gms_request_part part;

	for (uint32_t i = 0; !gms_request_part_at(request, i, &part); i++) {
		if (gfn - part.change.range.first < part.change.range.npages)
			return true;
	}
	return false;
}

/* Pages that are something else now, and that no part of the request names. */
static unsigned touched_elsewhere(void)
{
	unsigned n = 0;

	for (gms_gfn gfn = 0; gfn < PAGES; gfn++)
		n += gms_state_at(space, gfn) != before[gfn] && !named(gfn);
	return n;
}

static struct gms_request_result result(void)
{
	struct gms_request_result did;

	GMS_INIT(&did);
	ck_assert_int_eq(gms_request_result(request, &did), 0);
	return did;
}

/* Did it turn pages? */
static bool try_one(enum hostile which, struct fx_rand *rand)
{
	struct fx_snap was, is;
	struct spent from;

	look(before);
	fx_snap_take(&was, space, host);
	from = spent();
	ck_assert_int_eq(begin(which, rand), 0);
	ck_assert_int_eq(gms_request_run(request), 0);
	check_spent(from, spent(), result().nparts, PAGES / 512 + 2);
	ck_assert_uint_eq(touched_elsewhere(), 0);
	ck_assert_int_eq(end(which), 0);
	/* An answer stores to no page, and what was wrong as a whole changed nothing. */
	if (result().changed_pages)
		return true;
	fx_snap_take(&is, space, host);
	is.acct = was.acct;
	fx_snap_same(&was, &is);
	return false;
}

START_TEST(random_words_touch_what_they_name_at_a_price)	/* _i: which protocol */
{
	struct fx_rand rand;
	gms_pin_id pin = 0;
	unsigned turned = 0;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	for (int i = 0; i < TRIALS; i++) {
		turned += try_one((enum hostile)_i, &rand);
		if (pin && fx_rand_odds(&rand, 1, 3)) {
			ck_assert_int_eq(gms_unpin(space, pin), 0);
			pin = 0;
		} else if (!pin && fx_rand_odds(&rand, 1, 3)) {
			(void)!gms_pin(space, FX_RANGE(fx_rand_below(&rand, PAGES), 1),
				       GMS_PIN_LONGTERM, 0, &pin, NULL);
		}
	}
	if (pin)
		ck_assert_int_eq(gms_unpin(space, pin), 0);
	/* Both kinds were tried: what is carried out, and what is not. */
	ck_assert_uint_gt(turned, 0);
	ck_assert_uint_lt(turned, TRIALS);
}
END_TEST

/* The dearest buffer: as one conversion it is refused for its last entry. */
START_TEST(a_buffer_refused_at_its_end_costs_twice_its_entries)
{
	struct spent from;
	uint64_t error;
	gms_pin_id pin;

	ck_assert_int_eq(gms_share(space, FX_RANGE(4095, 1), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(4095, 1), GMS_PIN_LONGTERM, 0, &pin, NULL), 0);
	words[0] = (GMS_SNP_PSC_ENTRIES_MOST - 1) << 16;
	for (unsigned i = 1; i <= GMS_SNP_PSC_ENTRIES_MOST; i++) {
		const uint64_t op = i == GMS_SNP_PSC_ENTRIES_MOST ? GMS_SNP_PRIVATE : GMS_SNP_SHARED;

		words[i] = op << GMS_SNP_OP_SHIFT |
			   (op == GMS_SNP_PRIVATE ? 4095ull : 2048 + 8 * i % 2040) << 12;
	}
	from = spent();
	ck_assert_int_eq(gms_snp_psc(request, words, sizeof(words), &error), 0);
	ck_assert_uint_eq(error, GMS_SNP_PSC_GENERIC);
	ck_assert_uint_eq(words[0] & 0xffff, GMS_SNP_PSC_ENTRIES_MOST - 1);
	check_spent(from, spent(), GMS_SNP_PSC_ENTRIES_MOST, 0);
	ck_assert_uint_ge(fx_event(space, GMS_ACCT_CONVERTS), GMS_SNP_PSC_ENTRIES_MOST);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

/* 253 times the same block, turned this way and that: as one conversion it is nothing. */
START_TEST(entries_that_contradict_each_other_are_one_conversion)
{
	struct spent from;
	uint64_t error;

	words[0] = (GMS_SNP_PSC_ENTRIES_MOST - 1) << 16;
	for (unsigned i = 1; i <= GMS_SNP_PSC_ENTRIES_MOST; i++)
		words[i] = GMS_SNP_PSC_2M | (uint64_t)(i % 2 ? GMS_SNP_PRIVATE : GMS_SNP_SHARED) <<
			   GMS_SNP_OP_SHIFT | UINT64_C(2048) << 12;
	from = spent();
	ck_assert_int_eq(gms_snp_psc(request, words, sizeof(words), &error), 0);
	ck_assert_uint_eq(error, 0);
	check_spent(from, spent(), 0, 0);
	ck_assert_uint_eq(host->runs, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
}
END_TEST

/* All that can be addressed, at once: the price is that of the memory there is. */
START_TEST(the_whole_address_space_costs_what_memory_does)
{
	const uint64_t half = UINT64_C(1) << (BITS - 1);
	const uint64_t args[6] = { 0, half >> 12, 0 };
	struct gms_cca_answer answer;
	uint64_t r10, r11;
	struct spent from;
	int64_t ret;

	from = spent();
	ck_assert_int_eq(gms_tdx_map(request, half, half, &r10, &r11), 0);
	ck_assert_uint_eq(r10, GMS_TDX_MAP_SUCCESS);
	check_spent(from, spent(), 1, PAGES / 512);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 3584);
	from = spent();
	ck_assert_int_eq(gms_cca_ripas(request, 0, half, GMS_CCA_RIPAS_RAM, 0, &answer), 0);
	ck_assert_uint_eq(answer.x1, half);
	check_spent(from, spent(), 1, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 0);
	from = spent();
	ck_assert_int_eq(gms_kvm_call(request, GMS_KVM_MAP_GPA_RANGE, args, GMS_KVM_FOR_GUEST,
				      &ret), 0);
	ck_assert_int_eq(ret, 0);
	check_spent(from, spent(), 1, 0);
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 3584);
}
END_TEST

/* A pin in every chunk, and a guest that asks again for ever: each time costs one try. */
START_TEST(a_guest_that_is_told_to_retry_pays_for_each)
{
	const uint64_t base = 2048 * GMS_PAGE_SIZE, bytes = 2048 * GMS_PAGE_SIZE;
	gms_pin_id pin[4];
	uint64_t r10, r11;

	ck_assert_int_eq(gms_share(space, FX_RANGE(2048, 2048), NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(gms_pin(space, FX_RANGE(2048 + 512 * i, 1), GMS_PIN_LONGTERM, 0,
					 &pin[i], NULL), 0);
	for (unsigned i = 0; i < 50; i++) {
		const struct spent from = spent();

		ck_assert_int_eq(gms_tdx_map(request, base, bytes, &r10, &r11), 0);
		ck_assert_uint_eq(r10, GMS_TDX_MAP_RETRY);
		ck_assert_uint_eq(r11, base);
		check_spent(from, spent(), 0, 0);
	}
	ck_assert_uint_eq(fx_shared(space, FX_ALL), 2048);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(gms_unpin(space, pin[i]), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("attack");
	TCase *attack = fx_case(s, "attack");

	tcase_add_checked_fixture(attack, setup, teardown);
	tcase_add_loop_test(attack, random_words_touch_what_they_name_at_a_price, 0, HOSTILES);
	tcase_add_test(attack, a_buffer_refused_at_its_end_costs_twice_its_entries);
	tcase_add_test(attack, entries_that_contradict_each_other_are_one_conversion);
	tcase_add_test(attack, the_whole_address_space_costs_what_memory_does);
	tcase_add_test(attack, a_guest_that_is_told_to_retry_pays_for_each);
	return fx_run(s);
}

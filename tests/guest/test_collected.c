/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_collected.c - a vCPU cannot tell whether others were in the commit: in two spaces
 * that are alike the same requests of every protocol are made, in one each by itself and in
 * the other through a collector, and all answers and all pages must be the same.
 *
 * Each request has 512 pages of its own, so that their order is no matter.
 */
#include <pthread.h>

#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define N	16u			/* requests */
#define AREA	512u
#define RAM	FX_RANGE(0, 14 * AREA)	/* the last two ask for holes */
#define ENTRIES	20u
#define ROUNDS	60u
#define TOP_BIT	(UINT64_C(1) << 51)

enum kind { PSC, MSR, CALL, FAULT, MAP, ACCEPT, PKVM, CCA };

struct ask {
	enum kind kind;
	uint64_t  word[1 + ENTRIES];
	uint64_t  answer[4];
};

struct world {
	struct fx_mem	  mem;
	struct gms_space *space;
	struct fx_host	 *host;
	struct gms_collector *collector;
	struct gms_request *request[N];
	struct ask ask[N];
	gms_pin_id pin[N];
	unsigned   npins;
};

static struct world alone, together;
static struct fx_rand rnd;

static void world_new(struct world *w, uint32_t profile, bool threads)
{
	struct gms_request_opts opts;

	memset(w, 0, sizeof(*w));
	fx_mem_init(&w->mem);
	w->space = fx_space(&w->mem, profile, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	w->host = fx_host_new(RAM.first, RAM.npages);
	fx_region(w->space, RAM, GMS_ORDER_2M, D | GMS_STATE_POPULATED, w->host);
	ck_assert_int_eq(gms_collector_new(&w->collector, w->space, NULL), 0);
	for (unsigned i = 0; i < N; i++) {
		GMS_INIT(&opts);
		opts.flags = i % 2 ? GMS_REQUEST_HOLES : 0;
		opts.content = i % 5 == 4 ? GMS_CONTENT_PRESERVE : GMS_CONTENT_ANY;
		opts.chunk_pages = i % 3 ? 0 : 100;
		opts.most_pages = i % 7 == 6 ? 300 : 0;
		opts.collector = threads ? w->collector : NULL;
		ck_assert_int_eq(gms_request_new(&w->request[i], w->space, &opts), 0);
	}
}

static void world_free(struct world *w)
{
	for (unsigned i = 0; i < w->npins; i++)
		ck_assert_int_eq(gms_unpin(w->space, w->pin[i]), 0);
	for (unsigned i = 0; i < N; i++)
		gms_request_free(w->request[i]);
	gms_collector_free(w->collector);
	fx_check(w->space);
	fx_host_check(w->host, w->space, RAM);
	fx_space_done(w->space, &w->mem);
	fx_host_free(w->host);
}

/* --- Requests --- */

static const enum kind kinds[][4] = {
	[GMS_PROFILE_SNP] = { PSC, PSC, MSR, CALL },
	[GMS_PROFILE_TDX] = { MAP, MAP, ACCEPT, FAULT },
	[GMS_PROFILE_PKVM] = { PKVM, PKVM, PKVM, FAULT },
	[GMS_PROFILE_CCA] = { CCA, CCA, CALL, FAULT },
};

static struct gms_range draw_range(unsigned area)
{
	const gms_gfn base = (gms_gfn)area * AREA;
	gms_gfn first = fx_rand_below(&rnd, AREA);
	uint64_t npages = 1 + fx_rand_below(&rnd, AREA - first);

	if (fx_rand_odds(&rnd, 1, 2))
		npages = 1 + npages % 8;
	if (first + npages > AREA)
		npages = AREA - first;
	return fx_rand_odds(&rnd, 1, 8) ? FX_RANGE(base, AREA) : FX_RANGE(base + first, npages);
}

static void draw(struct ask *ask, uint32_t profile, unsigned area)
{
	const struct gms_range range = draw_range(area);
	const uint64_t gpa = range.first * GMS_PAGE_SIZE, bytes = range.npages * GMS_PAGE_SIZE;
	const bool share = fx_rand_odds(&rnd, 1, 2);

	memset(ask, 0, sizeof(*ask));
	ask->kind = kinds[profile][fx_rand_below(&rnd, 4)];
	switch (ask->kind) {
	case PSC:
		ask->word[0] = fx_rand_below(&rnd, ENTRIES + 2) << GMS_SNP_PSC_END_ENTRY_SHIFT;
		for (unsigned i = 1; i <= ENTRIES; i++) {
			const gms_gfn gfn = (gms_gfn)area * AREA + fx_rand_below(&rnd, AREA);

			ask->word[i] = gfn << GMS_SNP_GFN_SHIFT |
				       (1 + fx_rand_below(&rnd, 3)) << GMS_SNP_OP_SHIFT;
		}
		if (fx_rand_odds(&rnd, 1, 3))
			ask->word[1 + fx_rand_below(&rnd, ENTRIES)] =
				(gms_gfn)area * AREA << GMS_SNP_GFN_SHIFT | GMS_SNP_PSC_2M |
				UINT64_C(2) << GMS_SNP_OP_SHIFT | fx_rand_below(&rnd, 513);
		break;
	case MSR:
		ask->word[0] = gpa | (1 + fx_rand_below(&rnd, 3)) << GMS_SNP_OP_SHIFT |
			       GMS_SNP_MSR_REQUEST;
		break;
	case CALL:
		ask->word[0] = gpa;
		ask->word[1] = range.npages;
		ask->word[2] = share ? 0 : GMS_KVM_MAP_PRIVATE;
		break;
	case FAULT:
		ask->word[0] = share ? 0 : GMS_KVM_FAULT_PRIVATE;
		ask->word[1] = gpa;
		ask->word[2] = bytes;
		break;
	case MAP:
		ask->word[0] = gpa | (share ? TOP_BIT : 0);
		ask->word[1] = bytes;
		break;
	case ACCEPT:
		ask->word[0] = share ? (uint64_t)area * AREA * GMS_PAGE_SIZE | 1 : gpa;
		break;
	case PKVM:
		ask->word[0] = share ? GMS_PKVM_MEM_SHARE : GMS_PKVM_MEM_UNSHARE;
		ask->word[1] = gpa;
		ask->word[2] = fx_rand_odds(&rnd, 1, 2) ? range.npages : 0;
		break;
	case CCA:
		ask->word[0] = gpa;
		ask->word[1] = gpa + bytes;
		ask->word[2] = share ? GMS_CCA_RIPAS_EMPTY : GMS_CCA_RIPAS_RAM;
		ask->word[3] = fx_rand_below(&rnd, 2);
	}
}

static int begin(struct gms_request *request, const struct ask *ask)
{
	const uint64_t *word = ask->word;

	switch (ask->kind) {
	case PSC:
		return gms_snp_psc_begin(request, word, sizeof(ask->word));
	case MSR:
		return gms_snp_msr_begin(request, word[0]);
	case CALL:
		return gms_kvm_call_begin(request, GMS_KVM_MAP_GPA_RANGE, word);
	case FAULT:
		return gms_kvm_fault_begin(request, word[0], word[1], word[2]);
	case MAP:
		return gms_tdx_map_begin(request, word[0], word[1]);
	case ACCEPT:
		return gms_tdx_accept_begin(request, word[0]);
	case PKVM:
		return gms_pkvm_begin(request, GMS_PKVM_RANGES, word);
	default:
		return gms_cca_ripas_begin(request, word[0], word[1], word[2], word[3]);
	}
}

static int end(struct gms_request *request, struct ask *ask)
{
	struct gms_cca_answer cca;
	uint32_t action = 0;
	int64_t ret = 0;
	int err;

	switch (ask->kind) {
	case PSC:
		return gms_snp_psc_end(request, ask->word, ask->answer);
	case MSR:
		return gms_snp_msr_end(request, ask->answer);
	case CALL:
		err = gms_kvm_call_end(request, GMS_KVM_FOR_GUEST, &ret);
		ask->answer[0] = (uint64_t)ret;
		return err;
	case FAULT:
		err = gms_kvm_fault_end(request, &action);
		ask->answer[0] = action;
		return err;
	case MAP:
		return gms_tdx_map_end(request, &ask->answer[0], &ask->answer[1]);
	case ACCEPT:
		return gms_tdx_accept_end(request, ask->answer);
	case PKVM:
		err = gms_pkvm_end(request, ask->word, &action);
		ask->answer[0] = action;
		return err;
	default:
		err = gms_cca_ripas_end(request, &cca);
		ask->answer[0] = cca.x0;
		ask->answer[1] = cca.x1;
		ask->answer[2] = cca.x2;
		return err;
	}
}

/* --- Both worlds --- */

static void *run_one(void *arg)
{
	return gms_request_run(arg) ? arg : NULL;
}

static void run_together(bool threads)
{
	pthread_t thread[N];
	void *failed;

	if (!threads) {
		ck_assert_int_eq(gms_collector_run_all(together.collector, together.request, N,
						       NULL, NULL), 0);
		return;
	}
	for (unsigned i = 0; i < N; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, run_one,
						together.request[i]), 0);
	for (unsigned i = 0; i < N; i++) {
		ck_assert_int_eq(pthread_join(thread[i], &failed), 0);
		ck_assert_ptr_null(failed);
	}
}

static void round_of(uint32_t profile, bool threads)
{
	for (unsigned i = 0; i < N; i++) {
		draw(&alone.ask[i], profile, i);
		together.ask[i] = alone.ask[i];
		ck_assert_int_eq(begin(alone.request[i], &alone.ask[i]), 0);
		ck_assert_int_eq(begin(together.request[i], &together.ask[i]), 0);
		ck_assert_int_eq(gms_request_run(alone.request[i]), 0);
	}
	run_together(threads);
	for (unsigned i = 0; i < N; i++) {
		struct gms_request_result a, b;

		GMS_INIT(&a);
		GMS_INIT(&b);
		ck_assert_int_eq(end(alone.request[i], &alone.ask[i]), 0);
		ck_assert_int_eq(end(together.request[i], &together.ask[i]), 0);
		ck_assert_int_eq(gms_request_result(alone.request[i], &a), 0);
		ck_assert_int_eq(gms_request_result(together.request[i], &b), 0);
		ck_assert_msg(!memcmp(&alone.ask[i], &together.ask[i], sizeof(struct ask)) &&
			      a.error == b.error && a.error_gfn == b.error_gfn &&
			      a.error_reason == b.error_reason && a.pages_done == b.pages_done,
			      "request %u of kind %d: alone error %d at 0x%" PRIx64 ", %" PRIu64
			      " pages; together %d at 0x%" PRIx64 ", %" PRIu64 " pages", i,
			      alone.ask[i].kind, a.error, a.error_gfn, a.pages_done, b.error,
			      b.error_gfn, b.pages_done);
	}
}

/* Something in the way of some of them, the same in both. */
static void obstruct(void)
{
	const gms_gfn gfn = fx_rand_below(&rnd, RAM.npages);
	const struct gms_range page = FX_RANGE(gfn, 1);
	int a, b;

	if (alone.npins == N || !fx_rand_odds(&rnd, 1, 3))
		return;
	a = gms_pin(alone.space, page, 0, 1, &alone.pin[alone.npins], NULL);
	b = gms_pin(together.space, page, 0, 1, &together.pin[together.npins], NULL);
	ck_assert_int_eq(a, b);
	if (!a) {
		alone.npins++;
		together.npins++;
	}
}

START_TEST(answers_are_those_of_each_alone)	/* _i: profile * 2 + by threads? */
{
	static const uint32_t profile[] = { GMS_PROFILE_SNP, GMS_PROFILE_TDX, GMS_PROFILE_PKVM,
					    GMS_PROFILE_CCA };
	struct gms_collector_stats stats;
	gms_gfn differ = 0;

	fx_rand_init(&rnd, fx_seed(), (uint64_t)_i);
	world_new(&alone, profile[_i / 2], false);
	world_new(&together, profile[_i / 2], _i % 2);
	for (unsigned round = 0; round < ROUNDS; round++) {
		round_of(profile[_i / 2], _i % 2);
		for (gms_gfn gfn = 0; gfn < RAM.npages; gfn++)
			differ += gms_state_at(alone.space, gfn) !=
				  gms_state_at(together.space, gfn);
		ck_assert_uint_eq(differ, 0);
		obstruct();
	}
	GMS_INIT(&stats);
	ck_assert_int_eq(gms_collector_stats(together.collector, &stats), 0);
	ck_assert_uint_eq(stats.requests, ROUNDS * N);
	ck_assert_uint_eq(stats.joined + stats.alone, stats.requests);
	ck_assert_uint_gt(stats.joined, 0);
	ck_assert_uint_gt(stats.alone, 0);
	world_free(&together);
	world_free(&alone);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("collected");
	TCase *t = fx_case(s, "answers");

	fx_seed();
	tcase_add_loop_test(t, answers_are_those_of_each_alone, 0, 8);
	return fx_run(s);
}

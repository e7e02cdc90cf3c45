/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_collect.c - many vCPUs with three collectors: SNP's buffers of random entries, run
 * by threads that wait for each other and by event loops, while devices pin pages and
 * touch them.
 *
 * Every page of the first part of the guest has one owner, and owners' pages lie side by
 * side, so that all commits meet in the same folios; nobody else converts them. An owner
 * knows from its answers what each must be, a byte a page, and looks after each. The
 * pages behind are everybody's; there entries are of 2 MiB too, and there devices work.
 * Meant for ThreadSanitizer; GMS_STRESS_SECONDS sets how long.
 */
#include "crew.h"

#include <time.h>

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define OWNED	(8 * FX_2M)
#define COMMON	(4 * FX_2M)
#define RAM	FX_RANGE(0, OWNED + COMMON)
#define VCPUS	48
#define LOOPS	2
#define LANES	4			/* requests of a loop */
#define OWNERS	(VCPUS + LOOPS * LANES)
#define ENTRIES	24

enum { CALLS, DONE, REFUSED, PINS };

struct owner {
	struct gms_request *request;
	uint64_t words[1 + ENTRIES];
	uint64_t sent[1 + ENTRIES];
	unsigned n;
};

static struct crew crew;
static struct gms_collector *collector[3];
static struct owner owner[OWNERS];
static uint8_t model[OWNED];		/* each page's is its owner's */

static void make_collector(unsigned i, uint32_t most_requests, uint64_t wait_ns)
{
	struct gms_collector_opts opts;

	GMS_INIT(&opts);
	opts.most_requests = most_requests;
	opts.wait_ns = wait_ns;
	ck_assert_int_eq(gms_collector_new(&collector[i], crew.space, &opts), 0);
}

static void setup(void)
{
	struct gms_space_opts opts;

	memset(&crew, 0, sizeof(crew));
	memset(model, 0, sizeof(model));
	fx_mem_init(&crew.mem);
	GMS_INIT(&opts);
	opts.profile = GMS_PROFILE_SNP;
	opts.flags = GMS_SPACE_ACCESS;
	opts.mem = &crew.mem.ops;
	ck_assert_int_eq(gms_space_new(&crew.space, &opts), 0);
	crew.host = fx_host_new(0, OWNED + COMMON);
	fx_region(crew.space, RAM, GMS_ORDER_2M, D, crew.host);
	make_collector(0, 64, 0);
	make_collector(1, 6, 100000);
	make_collector(2, 1, 0);
	for (unsigned i = 0; i < OWNERS; i++) {
		struct gms_request_opts with;

		GMS_INIT(&with);
		with.wait_ns = GMS_FOREVER;
		with.collector = collector[i % 3];
		ck_assert_int_eq(gms_request_new(&owner[i].request, crew.space, &with), 0);
	}
}

static uint64_t entry(gms_gfn gfn, bool share, uint64_t bits)
{
	const uint64_t op = share ? GMS_SNP_SHARED : GMS_SNP_PRIVATE;

	return gfn << GMS_SNP_GFN_SHIFT | op << GMS_SNP_OP_SHIFT | bits;
}

/* Own pages, some of them twice, and now and then some of everybody's. */
static void compose(struct crew_member *me, unsigned number)
{
	struct owner *own = &owner[number];
	const uint64_t each = OWNED / OWNERS;

	own->n = 1 + (unsigned)fx_rand_below(&me->rand, ENTRIES);
	for (unsigned i = 1; i <= own->n; i++) {
		const bool share = fx_rand_odds(&me->rand, 1, 2);
		gms_gfn gfn = number + OWNERS * fx_rand_below(&me->rand, each);

		if (!fx_rand_odds(&me->rand, 1, 12)) {
			own->words[i] = entry(gfn, share, 0);
		} else if (fx_rand_odds(&me->rand, 1, 4)) {
			gfn = OWNED + FX_2M * fx_rand_below(&me->rand, COMMON / FX_2M);
			own->words[i] = entry(gfn, share, GMS_SNP_PSC_2M);
		} else {
			gfn = OWNED + fx_rand_below(&me->rand, COMMON);
			own->words[i] = entry(gfn, share, 0);
		}
	}
	own->words[0] = (uint64_t)(own->n - 1) << GMS_SNP_PSC_END_ENTRY_SHIFT;
	memcpy(own->sent, own->words, sizeof(own->words));
	if (gms_snp_psc_begin(own->request, own->words, sizeof(own->words)))
		crew_fail(&crew, "begin");
}

/* The entries that are done, as the answer says, made pages what they are. */
static void check_answer(struct crew_member *me, unsigned number)
{
	struct owner *own = &owner[number];
	uint64_t info = 0;
	unsigned done;

	me->tally[CALLS]++;
	if (gms_snp_psc_end(own->request, own->words, &info)) {
		crew_fail(&crew, "end");
		return;
	}
	done = (uint16_t)own->words[0];
	me->tally[DONE] += done;
	me->tally[REFUSED] += info != 0;
	if ((info && info != GMS_SNP_PSC_GENERIC) || (done < own->n) != (info != 0) ||
	    (info && (own->sent[1 + done] >> GMS_SNP_GFN_SHIFT & (GMS_GFN_LIMIT - 1)) < OWNED))
		crew_fail(&crew, "%u of %u entries, 0x%" PRIx64, done, own->n, info);
	for (unsigned i = 1; i <= done; i++) {
		const gms_gfn gfn = own->sent[i] >> GMS_SNP_GFN_SHIFT & (GMS_GFN_LIMIT - 1);

		if (gfn < OWNED)
			model[gfn] = (own->sent[i] >> GMS_SNP_OP_SHIFT & 15) == GMS_SNP_SHARED;
	}
	for (unsigned i = 1; i <= own->n; i++) {
		const gms_gfn gfn = own->sent[i] >> GMS_SNP_GFN_SHIFT & (GMS_GFN_LIMIT - 1);

		if (gfn < OWNED && (gms_state_at(crew.space, gfn) & S) != model[gfn])
			crew_fail(&crew, "page 0x%" PRIx64 " of %u is not %u", gfn, number,
				  model[gfn]);
	}
}

static void vcpu(struct crew_member *me)
{
	compose(me, me->number);
	if (gms_request_run(owner[me->number].request))
		crew_fail(&crew, "run");
	check_answer(me, me->number);
}

static void answered(void *ctx, struct gms_request *request)
{
	struct crew_member *me = ctx;
	unsigned number = VCPUS;

	while (number < OWNERS - 1 && owner[number].request != request)
		number++;
	check_answer(me, number);
}

static void loop(struct crew_member *me)
{
	struct gms_request *request[LANES];

	for (unsigned i = 0; i < LANES; i++) {
		const unsigned number = VCPUS + me->number * LANES + i;

		compose(me, number);
		request[i] = owner[number].request;
	}
	if (gms_collector_run_all(collector[me->rounds % 3], request, LANES, answered, me))
		crew_fail(&crew, "run_all");
}

static void device(struct crew_member *me)
{
	const struct timespec io = { 0, 200 * 1000 };
	const struct gms_range range = FX_RANGE(OWNED + fx_rand_below(&me->rand, COMMON), 1);
	struct gms_access access;
	gms_pin_id id;

	if (fx_rand_odds(&me->rand, 1, 2)) {
		if (gms_pin(crew.space, range, 0, 1, &id, NULL))
			return;
		me->tally[PINS]++;
		nanosleep(&io, NULL);
		if (gms_unpin(crew.space, id))
			crew_fail(&crew, "unpin");
	} else if (!gms_access_begin(crew.space, range, 0, 0, &access)) {
		nanosleep(&io, NULL);
		gms_access_end(crew.space, &access);
	}
}

static struct gms_collector_stats all_stats(void)
{
	struct gms_collector_stats sum, one;

	GMS_INIT(&sum);
	for (unsigned i = 0; i < 3; i++) {
		GMS_INIT(&one);
		ck_assert_int_eq(gms_collector_stats(collector[i], &one), 0);
		sum.requests += one.requests;
		sum.joined += one.joined;
		sum.alone += one.alone;
		sum.commits += one.commits;
		sum.refused += one.refused;
	}
	return sum;
}

START_TEST(each_page_is_what_its_owner_was_told)
{
	struct gms_collector_stats stats;
	gms_gfn wrong = 0;

	setup();
	crew_add(&crew, VCPUS, vcpu);
	crew_add(&crew, LOOPS, loop);
	crew_add(&crew, 2, device);
	crew_run(&crew);

	fx_check(crew.space);
	fx_host_check(crew.host, crew.space, RAM);
	for (gms_gfn gfn = 0; gfn < OWNED; gfn++)
		wrong += (gms_state_at(crew.space, gfn) & S) != model[gfn];
	ck_assert_uint_eq(wrong, 0);
	stats = all_stats();
	ck_assert_uint_eq(stats.requests, crew_tally(&crew, CALLS));
	ck_assert_uint_eq(stats.requests, stats.joined + stats.alone);
	ck_assert_uint_eq(fx_event(crew.space, GMS_ACCT_GUEST_EXITS), stats.requests);
	printf("%" PRIu64 " requests, %" PRIu64 " refused, %" PRIu64 " joined in %" PRIu64
	       " commits, of which %" PRIu64 " refused; %" PRIu64 " entries, %" PRIu64 " pins\n",
	       stats.requests, crew_tally(&crew, REFUSED), stats.joined, stats.commits,
	       stats.refused, crew_tally(&crew, DONE), crew_tally(&crew, PINS));
	fflush(stdout);

	for (unsigned i = 0; i < OWNERS; i++)
		gms_request_free(owner[i].request);
	for (unsigned i = 0; i < 3; i++)
		gms_collector_free(collector[i]);
	fx_space_done(crew.space, &crew.mem);
	fx_host_free(crew.host);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("collect");
	TCase *t = fx_case(s, "vcpus");

	fx_seed();
	tcase_add_test(t, each_page_is_what_its_owner_was_told);
	return fx_run(s);
}

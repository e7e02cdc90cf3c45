/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workloads.c - the workloads of one thread.
 */
#include "workloads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "bits.h"
#include "random.h"
#include "verify.h"

#define OUTSTANDING	256u	/* W5: buffers shared at any moment */
#define BUFFER_PAGES	16u
#define BATCH_PAGES	512u	/* W14 */
#define TIB_PAGES	(1024 * PAGES_1G)	/* W10 */

volatile uint64_t sink;

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double since(uint64_t start, uint64_t n)
{
	return (double)(now_ns() - start) / (double)n;
}

static uint64_t warm_up(const struct job *job)
{
	return job->n / 4 + 1;
}

/*
 * A workload's loop: i counts the operations, and the clock starts when those
 * that warm up are done. now_ns() is never 0, so the loop goes on.
 */
#define for_timed(i, job, start)						\
	for (uint64_t i = 0, warm_ = warm_up(job);				\
	     i < warm_ + (job)->n && (i != warm_ || ((start) = now_ns())); i++)

/* --- Lookups ---
 *
 * Addresses come from a multiplicative generator in registers: a table of them
 * would push the map under test out of the caches.
 */

#define LCG_A	UINT64_C(6364136223846793005)
#define LCG_C	UINT64_C(1442695040888963407)

static inline uint64_t page_of(uint64_t x, uint64_t npages)
{
	return (uint64_t)((unsigned __int128)x * npages >> 64);
}

static uint64_t lookups(const struct job *job, uint64_t seed, uint64_t n)
{
	unsigned (*get)(void *, uint64_t) = job->peer->get;
	const uint64_t npages = job->state->npages;
	uint64_t x = seed, sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		x = x * LCG_A + LCG_C;
		sum += get(job->map, page_of(x, npages));
	}
	return sum;
}

/* Each address needs the answer before it. */
static uint64_t dependent_lookups(const struct job *job, uint64_t seed, uint64_t n)
{
	unsigned (*get)(void *, uint64_t) = job->peer->get;
	const uint64_t npages = job->state->npages;
	uint64_t x = seed, sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		const unsigned got = get(job->map, page_of(x, npages));

		x = x * LCG_A + LCG_C + got;
		sum += got;
	}
	return sum;
}

static double timed_lookups(const struct job *job,
			    uint64_t (*run)(const struct job *job, uint64_t seed, uint64_t n))
{
	uint64_t start;

	sink = run(job, job->seed + 1, warm_up(job));
	start = now_ns();
	sink = run(job, job->seed, job->n);
	return since(start, job->n);
}

static double lookup_throughput(const struct job *job)
{
	return timed_lookups(job, lookups);
}

static double lookup_latency(const struct job *job)
{
	return timed_lookups(job, dependent_lookups);
}

__attribute__((noinline)) uint64_t counted_lookups(const struct job *job)
{
	return lookups(job, job->seed, job->n);
}

/* --- Conversions --- */

static void touch(const struct job *job, uint64_t first, uint64_t end)
{
	if (job->touched)
		bits_set(job->touched, first, end);
}

static unsigned random_value(const struct job *job, struct rng *rng)
{
	return (unsigned)rng_below(rng, job->state->id == STATE_M ? 16 : 2) & job->peer->attrs;
}

typedef void store_fn(void *map, uint64_t first, uint64_t end, unsigned value);

static store_fn *store_of(const struct job *job)
{
	return job->state->id == STATE_M && job->peer->assign ? job->peer->assign : job->peer->set;
}

/* An aligned block of npages, or with 0 a range of log-uniform length up to 1 GiB. */
static double convert(const struct job *job, uint64_t block_pages)
{
	const uint64_t npages = job->state->npages, n = job->n + warm_up(job);
	struct span *op = need(malloc(n * sizeof(*op)));
	store_fn *store = store_of(job);
	struct rng rng = { job->seed };
	uint64_t start = 0;
	double ns;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t length = block_pages, first;

		if (block_pages) {
			first = rng_below(&rng, npages / block_pages) * block_pages;
		} else {
			length = (uint64_t)exp2(rng_unit(&rng) * 18);
			first = rng_below(&rng, npages - length + 1);
		}
		op[i] = (struct span){ first, first + length, random_value(job, &rng) };
		touch(job, op[i].first, op[i].end);
	}
	for_timed(i, job, start)
		store(job->map, op[i].first, op[i].end, op[i].value);
	ns = since(start, job->n);
	free(op);
	return ns;
}

static double convert_2m(const struct job *job)
{
	return convert(job, PAGES_2M);
}

static double convert_1g(const struct job *job)
{
	return convert(job, PAGES_1G);
}

static double convert_any(const struct job *job)
{
	return convert(job, 0);
}

/* Share one buffer, unshare the one shared OUTSTANDING before: one operation. */
static double dma(const struct job *job)
{
	const uint64_t n = job->n + warm_up(job) + OUTSTANDING;
	struct span *op = need(malloc(n * sizeof(*op)));
	store_fn *store = store_of(job);
	struct rng rng = { job->seed };
	uint64_t start = 0;
	double ns;

	for (uint64_t i = 0; i < n; i++) {
		const uint64_t length = 1 + rng_below(&rng, BUFFER_PAGES);
		const uint64_t first = rng_below(&rng, job->state->npages - length + 1);

		op[i] = (struct span){ first, first + length, 1 };
		touch(job, op[i].first, op[i].end);
	}
	for (uint64_t i = 0; i < OUTSTANDING; i++)
		store(job->map, op[i].first, op[i].end, 1);
	for_timed(i, job, start) {
		const struct span *old = &op[i], *new = &op[i + OUTSTANDING];

		store(job->map, old->first, old->end, 0);
		store(job->map, new->first, new->end, 1);
	}
	ns = since(start, job->n);
	for (uint64_t i = n - OUTSTANDING; i < n; i++)
		store(job->map, op[i].first, op[i].end, 0);
	free(op);
	return ns;
}

/* Lend one page, return the one lent OUTSTANDING before: one operation. */
static double loans(const struct job *job)
{
	const uint64_t n = job->n + warm_up(job) + OUTSTANDING;
	uint64_t *page = need(malloc(n * sizeof(*page)));
	struct rng rng = { job->seed };
	uint64_t loan[OUTSTANDING];
	uint64_t start = 0;
	double ns;

	for (uint64_t i = 0; i < n; i++) {
		page[i] = rng_below(&rng, job->state->npages);
		touch(job, page[i], page[i] + 1);
	}
	for (uint64_t i = 0; i < OUTSTANDING; i++)
		loan[i] = job->peer->lend(job->map, page[i]);
	for_timed(i, job, start) {
		job->peer->unlend(job->map, loan[i % OUTSTANDING]);
		loan[i % OUTSTANDING] = job->peer->lend(job->map, page[i + OUTSTANDING]);
	}
	ns = since(start, job->n);
	for (uint64_t i = 0; i < OUTSTANDING; i++)
		job->peer->unlend(job->map, loan[i]);
	free(page);
	return ns;
}

static void store_pages(const struct job *job, const uint64_t *page, unsigned shared, bool at_once)
{
	if (at_once && job->peer->batch) {
		job->peer->batch(job->map, page, BATCH_PAGES, shared);
		return;
	}
	for (unsigned i = 0; i < BATCH_PAGES; i++)
		job->peer->set(job->map, page[i], page[i] + 1, shared);
}

/* Single pages in random order, shared in one batch and unshared in the next: a page of each. */
static double store_batches(const struct job *job, bool at_once)
{
	const uint64_t n = job->n + warm_up(job);
	uint64_t *pages = need(malloc(n * BATCH_PAGES * sizeof(*pages)));
	struct rng rng = { job->seed };
	uint64_t start = 0;
	double ns;

	for (uint64_t i = 0; i < n * BATCH_PAGES; i++) {
		pages[i] = rng_below(&rng, job->state->npages);
		touch(job, pages[i], pages[i] + 1);
	}
	for_timed(i, job, start) {
		store_pages(job, &pages[i * BATCH_PAGES], 1, at_once);
		store_pages(job, &pages[i * BATCH_PAGES], 0, at_once);
	}
	ns = since(start, job->n * 2 * BATCH_PAGES);
	free(pages);
	return ns;
}

static double batches(const struct job *job)
{
	return store_batches(job, true);
}

/* The same pages, a call each. */
static double singles(const struct job *job)
{
	return store_batches(job, false);
}

static void store_singly(const struct job *job, unsigned shared)
{
	uint64_t x = job->seed;

	for (uint64_t i = 0; i < job->n; i++) {
		const uint64_t page = page_of(x = x * LCG_A + LCG_C, job->state->npages);

		job->peer->set(job->map, page, page + 1, shared);
	}
}

/* n pages, shared one by one and then unshared one by one: 2 n conversions. */
__attribute__((noinline)) void counted_conversions(const struct job *job)
{
	store_singly(job, 1);
	store_singly(job, 0);
}

/* --- Queries --- */

static double uniform(const struct job *job, uint64_t block_pages)
{
	const uint64_t nblocks = job->state->npages / block_pages;
	uint64_t x = job->seed, sum = 0, start = 0;

	for_timed(i, job, start) {
		uint64_t first;

		x = x * LCG_A + LCG_C;
		first = page_of(x, nblocks) * block_pages;
		sum += (uint64_t)job->peer->uniform(job->map, first, first + block_pages);
	}
	sink = sum;
	return since(start, job->n);
}

static double uniform_2m(const struct job *job)
{
	return uniform(job, PAGES_2M);
}

static double uniform_1g(const struct job *job)
{
	return uniform(job, PAGES_1G);
}

static void take_run(void *arg, uint64_t first, uint64_t end)
{
	*(uint64_t *)arg += first ^ end;
}

static double all_runs(const struct job *job)
{
	uint64_t sum = 0, start = 0;

	for_timed(i, job, start)
		job->peer->runs(job->map, 0, job->state->npages, take_run, &sum);
	sink = sum;
	return since(start, job->n);
}

static double count_range(const struct job *job)
{
	const uint64_t npages = job->state->npages;
	uint64_t x = job->seed, sum = 0, start = 0;

	for_timed(i, job, start) {
		uint64_t a, b;

		a = page_of(x = x * LCG_A + LCG_C, npages);
		b = page_of(x = x * LCG_A + LCG_C, npages);
		sum += job->peer->count(job->map, a < b ? a : b, (a < b ? b : a) + 1);
	}
	sink = sum;
	return since(start, job->n);
}

static double next_shared(const struct job *job)
{
	const uint64_t npages = job->state->npages;
	uint64_t x = job->seed, sum = 0, start = 0;

	for_timed(i, job, start) {
		x = x * LCG_A + LCG_C;
		sum += job->peer->next(job->map, page_of(x, npages), npages);
	}
	sink = sum;
	return since(start, job->n);
}

static double export_1g(const struct job *job)
{
	uint64_t *bits = need(malloc(PAGES_1G / 8));
	uint64_t x = job->seed, start = 0;
	double ns;

	for_timed(i, job, start) {
		uint64_t first;

		x = x * LCG_A + LCG_C;
		first = page_of(x, job->state->npages / PAGES_1G) * PAGES_1G;
		peer_bitmap(job->peer, job->map, first, first + PAGES_1G, bits);
		sink = bits[0];
	}
	ns = since(start, job->n);
	free(bits);
	return ns;
}

static double create_destroy(const struct job *job)
{
	uint64_t start = 0;

	for_timed(i, job, start)
		job->peer->destroy(job->peer->create(TIB_PAGES));
	return since(start, job->n);
}

const struct workload workloads[] = {
	{ "lookup-throughput", WORK_NO_EXTRA, 10000000, lookup_throughput, NULL },
	{ "lookup-latency", WORK_NO_EXTRA, 10000000, lookup_latency, NULL },
	{ "W4a", WORK_CHANGES, 8192, convert_2m, NULL },
	{ "W4b", WORK_CHANGES, 512, convert_1g, NULL },
	{ "W4c", WORK_CHANGES, 1024, convert_any, NULL },
	{ "W5", WORK_CHANGES, 8192, dma, NULL },
	{ "W5-lend", WORK_CHANGES | WORK_LOANS, 8192, loans, NULL },
	{ "W5-listener", WORK_CHANGES | WORK_LISTENER, 8192, dma, NULL },
	{ "W5-backend", WORK_CHANGES | WORK_BACKEND, 8192, dma, NULL },
	{ "W5-both", WORK_CHANGES | WORK_BOTH, 8192, dma, NULL },
	{ "W5-lend-listener", WORK_CHANGES | WORK_LOANS | WORK_LISTENER, 8192, loans, NULL },
	{ "W5-lend-backend", WORK_CHANGES | WORK_LOANS | WORK_BACKEND, 8192, loans, NULL },
	{ "W5-lend-both", WORK_CHANGES | WORK_LOANS | WORK_BOTH, 8192, loans, NULL },
	{ "W6-2M", WORK_NO_EXTRA, 1000000, uniform_2m, NULL },
	{ "W6-1G", WORK_NO_EXTRA, 1000000, uniform_1g, NULL },
	{ "W7", WORK_NO_EXTRA, 1000, all_runs, NULL },
	{ "W8", WORK_NO_EXTRA, 100000, count_range, NULL },
	{ "W9", WORK_NO_EXTRA, 0, NULL, memory_measure },
	{ "W10", WORK_NO_EXTRA | WORK_ONE_STATE, 1000, create_destroy, NULL },
	{ "W11", WORK_CHANGES, 0, NULL, concurrent_measure },
	{ "W11-writers2", WORK_CHANGES, 0, NULL, writers_measure },
	{ "W11-writers2-listener", WORK_CHANGES | WORK_LISTENER, 0, NULL,
	  writers_listener_measure },
	{ "W12", WORK_NO_EXTRA, 100000, next_shared, NULL },
	{ "W13", WORK_NO_EXTRA, 1000, export_1g, NULL },
	{ "W14", WORK_CHANGES, 32, batches, NULL },
	{ "W14-single-both", WORK_CHANGES | WORK_BOTH, 32, singles, NULL },
	{ "W14-batch-both", WORK_CHANGES | WORK_BOTH, 32, batches, NULL },
	{ "W15", WORK_NO_EXTRA | WORK_ONE_STATE, 0, NULL, touch_measure },
	{ "W16", WORK_NO_EXTRA | WORK_ONE_STATE, 0, NULL, guest_measure },
	{ NULL, 0, 0, NULL, NULL }
};

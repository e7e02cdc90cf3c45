/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c - W16: what a guest's request costs, from its bytes to the answer in them.
 *
 * Requests are SNP's buffers. Of the same buffers a VMM of today makes, by hand, a loop
 * over the entries and one conversion for each run of neighbours, under one mutex: over
 * a byte a page (bytes+mutex), over a bitmap (flat), and over a bitmap by QEMU's function
 * for a state change (qemu+mutex). Here it is gms_snp_psc(), and for 64 vCPUs at once also
 * gms_collector_run_all().
 *
 * -backend: each conversion tells a backend, which counts, and ends with a flush, which
 * counts. -flush: the flush is one, of a page of this process while another thread of it
 * runs; that is the least that a conversion costs a host.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <gmemstate/gmemstate.h>

#include "bench.h"
#include "random.h"

#define ENTRIES		GMS_SNP_PSC_ENTRIES_MOST
#define WORDS		(1 + ENTRIES)
#define VCPUS		64u
#define VCPU_ENTRIES	64u
#define VARIANTS	8u	/* sets of buffers, one after the other */

enum cost { NOTHING, COUNTED, FLUSHED, COSTS };

struct host {
	enum cost cost;
	uint64_t  runs;
	uint64_t  flushes;
	unsigned char *page;		/* FLUSHED */
};

struct place {
	uint64_t npages;
	struct host host;
	struct gms_space *space;
	struct gms_collector *collector;
	struct gms_request *request[VCPUS];
	const struct peer *bytes, *flat, *qemu;
	void	*bytes_map, *flat_map, *qemu_map;
	pthread_mutex_t lock;
};

/* The buffers of one exit, or of 64: as the guest wrote them, and as the VMM sees them. */
struct round {
	unsigned nbuffers;
	uint64_t to[2][VCPUS][WORDS];	/* to private, to shared */
	uint64_t seen[VCPUS][WORDS];
};

/* --- The host --- */

/* The right to write goes, which all CPUs must learn at once, and comes back. */
static void flush_page(unsigned char *page)
{
	*(volatile unsigned char *)page = 1;
	if (mprotect(page, 4096, PROT_READ) || mprotect(page, 4096, PROT_READ | PROT_WRITE))
		abort();
}

static void flush(struct host *host)
{
	host->flushes++;
	if (host->cost == FLUSHED)
		flush_page(host->page);
}

static int told(void *ctx, const struct gms_host_run *run, size_t nruns, size_t *ndone,
		struct gms_charge *charge)
{
	struct host *host = ctx;

	(void)run;
	(void)charge;
	host->runs += nruns;
	*ndone = nruns;
	return 0;
}

static void told_flush(void *ctx, struct gms_charge *charge)
{
	(void)charge;
	flush(ctx);
}

/* --- By hand --- */

static void convert_run(struct place *place, const struct peer *peer, void *map, uint64_t first,
			uint64_t end, unsigned shared)
{
	pthread_mutex_lock(&place->lock);
	peer->set(map, first, end, shared);
	if (place->host.cost != NOTHING) {
		place->host.runs++;
		flush(&place->host);
	}
	pthread_mutex_unlock(&place->lock);
}

static void serve_by_hand(struct place *place, const struct peer *peer, void *map,
			  uint64_t *buffer)
{
	const uint64_t header = buffer[0];
	unsigned at = (uint16_t)header, last = (uint16_t)(header >> 16);
	uint64_t first = 0, end = 0;
	unsigned op = 0;

	for (; at <= last && last < ENTRIES; at++) {
		const uint64_t entry = buffer[1 + at];
		const uint64_t npages = entry & GMS_SNP_PSC_2M ? PAGES_2M : 1;
		const uint64_t gfn = entry >> GMS_SNP_GFN_SHIFT & (GMS_GFN_LIMIT - 1);
		const uint64_t done = entry & 0xfff;
		const unsigned what = (unsigned)(entry >> GMS_SNP_OP_SHIFT) & 15;

		if (done > npages || gfn % npages || gfn >= place->npages ||
		    npages > place->npages - gfn)
			break;
		if (gfn + done != end || what != op) {
			if (end > first)
				convert_run(place, peer, map, first, end, op == GMS_SNP_SHARED);
			first = gfn + done;
			op = what;
		}
		end = gfn + npages;
		buffer[1 + at] = (entry & ~UINT64_C(0xfff)) | npages;
	}
	if (end > first)
		convert_run(place, peer, map, first, end, op == GMS_SNP_SHARED);
	buffer[0] = (header & ~UINT64_C(0xffff)) | at;
}

/* --- Ways to serve a round --- */

static void serve_bytes(struct place *place, struct round *round)
{
	for (unsigned i = 0; i < round->nbuffers; i++)
		serve_by_hand(place, place->bytes, place->bytes_map, round->seen[i]);
}

static void serve_flat(struct place *place, struct round *round)
{
	for (unsigned i = 0; i < round->nbuffers; i++)
		serve_by_hand(place, place->flat, place->flat_map, round->seen[i]);
}

static void serve_qemu(struct place *place, struct round *round)
{
	for (unsigned i = 0; i < round->nbuffers; i++)
		serve_by_hand(place, place->qemu, place->qemu_map, round->seen[i]);
}

static void answered(int err, uint64_t info)
{
	if (err || info) {
		fprintf(stderr, "bench: a request is answered %d, 0x%llx\n", err,
			(unsigned long long)info);
		exit(1);
	}
}

static void serve_each(struct place *place, struct round *round)
{
	for (unsigned i = 0; i < round->nbuffers; i++) {
		uint64_t info = 1;
		const int err = gms_snp_psc(place->request[i], round->seen[i],
					    sizeof(round->seen[i]), &info);

		answered(err, info);
	}
}

static void serve_all(struct place *place, struct round *round)
{
	for (unsigned i = 0; i < round->nbuffers; i++)
		answered(gms_snp_psc_begin(place->request[i], round->seen[i],
					   sizeof(round->seen[i])), 0);
	answered(gms_collector_run_all(place->collector, place->request, round->nbuffers, NULL,
				       NULL), 0);
	for (unsigned i = 0; i < round->nbuffers; i++) {
		uint64_t info = 1;
		const int err = gms_snp_psc_end(place->request[i], round->seen[i], &info);

		answered(err, info);
	}
}

typedef void serve_fn(struct place *place, struct round *round);

static serve_fn *const serve[] = { serve_flat, serve_bytes, serve_qemu, serve_each, serve_all };
static const char *const way_name[] = { "flat", "bytes+mutex", "qemu+mutex", "gmemstate",
					"gmemstate" };

enum way { FLAT, BYTES, QEMU, EACH, ALL, WAYS };

/* --- What is asked --- */

static uint64_t entry_of(uint64_t gfn, unsigned op, bool large)
{
	return gfn << GMS_SNP_GFN_SHIFT | (uint64_t)op << GMS_SNP_OP_SHIFT |
	       (large ? GMS_SNP_PSC_2M : 0);
}

static void fill(struct round *round, unsigned buffer, unsigned nentries, const uint64_t *gfn,
		 bool large)
{
	for (unsigned op = GMS_SNP_PRIVATE; op <= GMS_SNP_SHARED; op++) {
		uint64_t *words = round->to[op == GMS_SNP_SHARED][buffer];

		words[0] = (uint64_t)(nentries - 1) << GMS_SNP_PSC_END_ENTRY_SHIFT;
		for (unsigned i = 0; i < nentries; i++)
			words[1 + i] = entry_of(gfn[i], op, large);
	}
}

/* Scattered 4K, or with large adjacent 2M. */
static void make_round(struct round *round, unsigned nbuffers, unsigned nentries, bool large,
		       uint64_t npages, struct rng *rng)
{
	uint64_t gfn[ENTRIES];

	round->nbuffers = nbuffers;
	for (unsigned b = 0; b < nbuffers; b++) {
		const uint64_t first = rng_below(rng, npages / PAGES_2M - nentries) * PAGES_2M;

		for (unsigned i = 0; i < nentries; i++)
			gfn[i] = large ? first + i * PAGES_2M : rng_below(rng, npages);
		fill(round, b, nentries, gfn, large);
	}
}

static void run_round(struct place *place, enum way way, struct round *round, bool share)
{
	memcpy(round->seen, round->to[share], round->nbuffers * sizeof(round->seen[0]));
	serve[way](place, round);
}

/* --- Measuring --- */

/* Nanoseconds of a request. */
static double sample(const struct bench *bench, struct place *place, enum way way,
		     struct round *rounds)
{
	const uint64_t budget = bench->options.sample_ns;
	uint64_t n = 0, start, took;

	for (unsigned i = 0; i < 2; i++) {
		run_round(place, way, &rounds[i], true);
		run_round(place, way, &rounds[i], false);
	}
	start = now_ns();
	do {
		run_round(place, way, &rounds[n % VARIANTS], true);
		run_round(place, way, &rounds[n % VARIANTS], false);
		n++;
		took = now_ns() - start;
	} while (took < budget);
	return (double)took / (double)(2 * n * rounds->nbuffers);
}

/*
 * What all of them have must be the same, page by page, and so must the answers; and what
 * is said to be one commit ends with one flush.
 */
static bool agree(struct place *place, struct round *round, bool share, enum way ours)
{
	static uint64_t by_hand[VCPUS][WORDS];
	const size_t bytes = round->nbuffers * sizeof(round->seen[0]);
	uint64_t flushes;

	for (unsigned way = FLAT; way <= QEMU; way++)
		run_round(place, way, round, share);
	memcpy(by_hand, round->seen, bytes);
	flushes = place->host.flushes;
	run_round(place, ours, round, share);
	if (memcmp(by_hand, round->seen, bytes) ||
	    (ours == ALL && place->host.flushes - flushes != (place->host.cost != NOTHING)))
		return false;
	for (uint64_t page = 0; page < place->npages; page++) {
		const unsigned shared = gms_state_at(place->space, page) & GMS_STATE_SHARED;

		if (place->bytes->get(place->bytes_map, page) != shared ||
		    place->flat->get(place->flat_map, page) != shared ||
		    place->qemu->get(place->qemu_map, page) != shared)
			return false;
	}
	return true;
}

static void add_row(struct bench *bench, const struct state *state, const char *what,
		    enum cost cost, enum way way, double ns)
{
	static const char *const suffix[COSTS] = { "", "-backend", "-flush" };
	static const struct peer *const peer[WAYS] = { &peer_flat, &peer_bytes, &peer_qemu,
						       &peer_gmemstate, &peer_gmemstate };
	char id[32];

	snprintf(id, sizeof(id), "W16-%s%s", what, suffix[cost]);
	report_add(&bench->report, id, state_name[state->id], way_name[way], peer[way], UNIT_NS, ns,
		   state->npages / PAGES_1G);
}

/* Rows of that name, where it is in one commit; and of 64 requests, of each by itself. */
static void measure_rows(struct bench *bench, const struct state *state, struct place *place,
			 const char *what, struct round *rounds)
{
	const bool one = rounds->nbuffers == 1;
	const enum way ways = one ? ALL : WAYS;
	double value[WAYS][MAX_SAMPLES];

	if (!agree(place, rounds, true, ALL) || !agree(place, rounds, false, EACH)) {
		report_missing(&bench->report, "W16-%s: not all come to the same", what);
		return;
	}
	for (unsigned k = 0; k < bench->options.samples; k++)
		for (unsigned way = 0; way < ways; way++)
			value[way][k] = sample(bench, place, way, rounds);
	for (unsigned way = 0; way < ways; way++) {
		const double ns = median(value[way], bench->options.samples);

		if (one || way != EACH)
			add_row(bench, state, what, place->host.cost, way, ns);
		if (!one && way != ALL)
			add_row(bench, state, "each", place->host.cost, way, ns);
	}
}

/* --- Where it happens --- */

static void place_make(struct place *place, const struct state *state, enum cost cost)
{
	struct gms_space_opts opts;
	struct gms_region_opts region;
	struct gms_backend backend;
	struct gms_collector_opts together;
	int err;

	memset(place, 0, sizeof(*place));
	place->npages = state->npages;
	place->host.cost = cost;
	place->host.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
	pthread_mutex_init(&place->lock, NULL);
	place->bytes = &peer_bytes;
	place->flat = &peer_flat;
	place->qemu = &peer_qemu;
	place->bytes_map = peer_bytes.create(place->npages);
	place->flat_map = peer_flat.create(place->npages);
	place->qemu_map = peer_qemu.create(place->npages);
	GMS_INIT(&backend);
	backend.ctx = &place->host;
	backend.map_host = told;
	backend.unmap_host = told;
	backend.flush = told_flush;
	GMS_INIT(&opts);
	opts.profile = GMS_PROFILE_SNP;
	GMS_INIT(&region);
	region.npages = place->npages;
	region.backend = cost == NOTHING ? NULL : &backend;
	GMS_INIT(&together);
	err = gms_space_new(&place->space, &opts);
	err = err ? err : gms_region_add(place->space, &region, NULL);
	err = err ? err : gms_collector_new(&place->collector, place->space, &together);
	for (unsigned i = 0; !err && i < VCPUS; i++)
		err = gms_request_new(&place->request[i], place->space, NULL);
	answered(err, place->host.page == MAP_FAILED);
}

static void place_drop(struct place *place)
{
	for (unsigned i = 0; i < VCPUS; i++)
		gms_request_free(place->request[i]);
	gms_collector_free(place->collector);
	gms_space_free(place->space);
	peer_bytes.destroy(place->bytes_map);
	peer_flat.destroy(place->flat_map);
	peer_qemu.destroy(place->qemu_map);
	pthread_mutex_destroy(&place->lock);
	munmap(place->host.page, 4096);
}

struct bystander {
	pthread_t   thread;
	atomic_bool stop;
	int	    cpu;
};

/* Another vCPU, whose CPU a flush has to tell. */
static void *stand_by(void *arg)
{
	struct bystander *me = arg;

	pin_to(me->cpu);
	while (!atomic_load_explicit(&me->stop, memory_order_relaxed))
		;
	return NULL;
}

void guest_measure(struct bench *bench, const struct state *state)
{
	static const struct {
		const char *what;
		unsigned    nbuffers, nentries;
		bool	    large;
	} row[] = {
		{ "psc-4K", 1, ENTRIES, false },
		{ "psc-2M", 1, ENTRIES, true },
		{ "vcpus", VCPUS, VCPU_ENTRIES, false },
	};
	struct round *rounds = need(malloc(VARIANTS * sizeof(*rounds)));
	struct place place;

	if (!listed(bench->options.impls, "gmemstate") || state->npages < 2 * ENTRIES * PAGES_2M) {
		free(rounds);
		return;
	}
	for (unsigned cost = NOTHING; cost < COSTS; cost++) {
		struct bystander other = { .stop = false, .cpu = bench->options.cpu[1] };

		place_make(&place, state, cost);
		if (cost == FLUSHED && pthread_create(&other.thread, NULL, stand_by, &other))
			abort();
		for (size_t r = 0; r < sizeof(row) / sizeof(row[0]); r++) {
			struct rng rng = { r + 1 };

			for (unsigned i = 0; i < VARIANTS; i++)
				make_round(&rounds[i], row[r].nbuffers, row[r].nentries,
					   row[r].large, place.npages, &rng);
			measure_rows(bench, state, &place, row[r].what, rounds);
		}
		if (cost == FLUSHED) {
			atomic_store(&other.stop, true);
			pthread_join(other.thread, NULL);
		}
		place_drop(&place);
	}
	free(rounds);
}

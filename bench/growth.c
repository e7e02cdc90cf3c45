/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * growth.c - cost as the guest grows from 1 GiB to 64 TiB.
 *
 * The guest grows and what it shares does not: 4,096 buffers of 1 to 16 pages
 * at random, at every size. Lookups at random, conversions of log-uniform
 * length as in W4c, and the bytes of metadata before those. An array stops at
 * the size where it would be more than 2 GiB (peer.h: max_pages).
 */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "random.h"

#define BUFFERS		4096u
#define LARGEST_GIB	65536u

static const struct workload *workload(const char *id)
{
	const struct workload *work = workloads;

	while (strcmp(work->id, id))
		work++;
	return work;
}

static void build(const struct state *state, struct contender *c)
{
	const struct peer *peer = c->peer;
	const uint64_t before = malloc_bytes();
	struct rng rng = { state->npages };

	c->map = peer->create(state->npages);
	if (!(peer->flags & PEER_NO_TOUCH)) {
		peer->set(c->map, 0, state->npages, 1);
		peer->set(c->map, 0, state->npages, 0);
	}
	for (unsigned i = 0; i < BUFFERS; i++) {
		const uint64_t npages = 1 + rng_below(&rng, 16);
		const uint64_t first = rng_below(&rng, state->npages - npages + 1);

		peer->set(c->map, first, first + npages, 1);
	}
	if (peer->optimize)
		peer->optimize(c->map);
	c->bytes = peer->bytes ? peer->bytes(c->map) : malloc_bytes() - before;
}

static void measure(struct bench *bench, const struct state *state, const char *id,
		    const struct workload *work)
{
	static double sample[MAX_PEERS][MAX_SAMPLES];
	struct job job = { .state = state };
	uint64_t n[MAX_PEERS] = { 0 };

	for (unsigned k = 0; k <= bench->options.samples; k++) {
		for (size_t i = 0; i < bench->n; i++) {
			if (!bench->contender[i].map)
				continue;
			job.peer = bench->contender[i].peer;
			job.map = bench->contender[i].map;
			job.seed = UINT64_C(0x6e0) + k;
			if (!k) {
				n[i] = choose_n(bench, work, &job);
				continue;
			}
			job.n = n[i];
			sample[i][k - 1] = work->run(&job);
		}
	}
	for (size_t i = 0; i < bench->n; i++) {
		const struct contender *c = &bench->contender[i];

		if (c->map)
			report_add(&bench->report, id, state_name[STATE_D], c->peer->name,
				   c->peer, UNIT_NS,
				   median(sample[i], bench->options.samples),
				   state->npages / PAGES_1G);
	}
}

static void one_size(struct bench *bench, uint64_t guest_gib)
{
	struct state state = { .id = STATE_D, .npages = guest_gib * PAGES_1G };

	warm_memory(guest_gib > 1024 ? UINT64_C(3) << 30 : UINT64_C(256) << 20);
	for (size_t i = 0; i < bench->n; i++) {
		struct contender *c = &bench->contender[i];

		if (c->peer->flags & (PEER_EXTRA | PEER_ATTACHED) ||
		    (c->peer->max_pages && c->peer->max_pages < state.npages))
			continue;
		build(&state, c);
		report_add(&bench->report, "grow-bytes", state_name[STATE_D], c->peer->name,
			   c->peer, UNIT_BYTES, (double)c->bytes, guest_gib);
	}
	measure(bench, &state, "grow-lookup", workload("lookup-throughput"));
	measure(bench, &state, "grow-convert", workload("W4c"));
	for (size_t i = 0; i < bench->n; i++) {
		struct contender *c = &bench->contender[i];

		if (c->map)
			c->peer->destroy(c->map);
		c->map = NULL;
	}
}

void growth_measure(struct bench *bench)
{
	const uint64_t start = now_ns();

	fputs("growth:", stderr);
	for (uint64_t gib = 1; gib <= LARGEST_GIB; gib *= bench->options.quick ? 16 : 4) {
		fprintf(stderr, " %" PRIu64 "G", gib);
		fflush(stderr);
		one_size(bench, gib);
	}
	fprintf(stderr, " (%.0f s)\n", (double)(now_ns() - start) / 1e9);
}

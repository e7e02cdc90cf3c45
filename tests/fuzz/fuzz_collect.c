/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_collect.c - requests of several vCPUs in one commit, gms_collector_run_all().
 *
 * All of them together are one conversion in the model. If it is refused, who has the page
 * is left out, three times at most; what the others come to must be what they come to in
 * order, if they can be done in order. They are over first. Those that were left out follow
 * one by one.
 */
#include <stdlib.h>
#include <string.h>

#include <gmemstate/guest/collect.h>

#include "asks.h"

#define VCPUS	5u
#define ROUNDS	3
#define TRIES		3u
#define COLLECT_PAGES	UINT64_C(131072)	/* most that joins, by default */
#define NOBODYS		UINT64_MAX

const char fuzz_name[] = "collect";

static const uint32_t profiles[] = {
	GMS_PROFILE_GENERIC, GMS_PROFILE_KVM_ATTRS, GMS_PROFILE_SNP, GMS_PROFILE_CCA,
};

struct vcpu {
	struct ask ask;
	struct gms_request *request;
	bool	 aside;		/* does not go with the others */
};

static struct gms_collector *collectors[GMS_PROFILE_COUNT];

/* In which order they were over. */
struct order {
	struct gms_request *request[VCPUS];
	unsigned n;
};

static void free_collectors(void)
{
	for (unsigned i = 0; i < GMS_PROFILE_COUNT; i++)
		gms_collector_free(collectors[i]);
}

static struct gms_collector *collector_of(struct world *w)
{
	static bool freed_at_exit;
	struct gms_collector **collector = &collectors[w->profile];

	if (!freed_at_exit)
		freed_at_exit = !atexit(free_collectors);
	if (!*collector)
		fuzz_same("gms_collector_new()", gms_collector_new(collector, w->space, NULL), 0);
	return *collector;
}

static uint64_t joined(struct gms_collector *collector)
{
	struct gms_collector_stats stats;

	GMS_INIT(&stats);
	fuzz_same("gms_collector_stats()", gms_collector_stats(collector, &stats), 0);
	fuzz_same("requests", stats.requests, stats.joined + stats.alone);
	return stats.joined;
}

static void note(void *ctx, struct gms_request *request)
{
	struct order *order = ctx;

	if (order->n == VCPUS)
		fuzz_fail("more requests were over than there are");
	order->request[order->n++] = request;
}

/* Parts that ask for something: how many, and of how many pages in all. */
static size_t add_changes(const struct world *w, const struct ask *ask,
			  struct gms_change *changes, uint64_t *npages)
{
	size_t n = 0;

	for (uint32_t i = 0; i < ask->nparts; i++) {
		if (!((ask->part[i].set | ask->part[i].clear) & w->known))
			continue;
		*npages += ask->part[i].range.npages;
		changes[n++] = world_named(ask->part[i]);
	}
	return n;
}

/* The lowest page of a hole that these name, if their request minds, or the one given. */
static gms_gfn lowest_hole(const struct gms_change *changes, size_t n, gms_gfn lowest)
{
	for (size_t i = 0; i < n; i++) {
		const struct gms_range range = changes[i].range;

		for (gms_gfn at = range.first; at < range.first + range.npages && at < lowest; at++) {
			if (world_index(at) < 0)
				lowest = at;
		}
	}
	return lowest;
}

/* All who are not aside as one conversion: its lowest refused page, or NOBODYS. */
static gms_gfn convert_together(struct world *w, const struct vcpu *vcpus, unsigned n)
{
	static struct gms_change changes[VCPUS * ASK_PARTS];
	gms_gfn hole = NOBODYS, refused = NOBODYS;
	uint64_t npages = 0;
	size_t nchanges = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct ask *ask = &vcpus[i].ask;
		size_t more;

		if (vcpus[i].aside)
			continue;
		more = add_changes(w, ask, changes + nchanges, &npages);
		if (!(ask->flags & GMS_REQUEST_HOLES))
			hole = lowest_hole(changes + nchanges, more, hole);
		nchanges += more;
	}
	if (hole == NOBODYS) {
		(void)world_convert_all(w, changes, nchanges, WORLD_SKIP_HOLES, &refused);
	} else {
		static struct world copy;

		copy = *w;
		(void)world_convert_all(&copy, changes, nchanges, WORLD_SKIP_HOLES, &refused);
	}
	return hole < refused ? hole : refused;
}

static bool names(const struct ask *ask, gms_gfn gfn)
{
	for (uint32_t i = 0; i < ask->nparts; i++) {
		if (gfn - ask->part[i].range.first < ask->part[i].range.npages)
			return true;
	}
	return false;
}

/* Who has the page does not go with the others: false if that leaves all, or none. */
static bool put_aside(struct vcpu *vcpus, unsigned n, gms_gfn gfn)
{
	unsigned put = 0, left = 0;

	for (unsigned i = 0; i < n; i++) {
		if (vcpus[i].aside)
			continue;
		vcpus[i].aside = names(&vcpus[i].ask, gfn);
		put += vcpus[i].aside;
		left += !vcpus[i].aside;
	}
	return put && left;
}

/* Who goes together, after three tries at most: it is done in the model. */
static void go_together(struct world *w, struct vcpu *vcpus, unsigned n)
{
	struct gms_change changes[ASK_PARTS];

	for (unsigned i = 0; i < n; i++) {
		uint64_t npages = 0;

		vcpus[i].aside = !add_changes(w, &vcpus[i].ask, changes, &npages) ||
				 npages > COLLECT_PAGES;
	}
	for (unsigned tries = 0; tries < TRIES; tries++) {
		const gms_gfn refused = convert_together(w, vcpus, n);

		if (refused == NOBODYS)
			return;
		if (!put_aside(vcpus, n, refused))
			break;
	}
	for (unsigned i = 0; i < n; i++)
		vcpus[i].aside = true;
}

/* If those that went together can be done in order, that is what they come to. */
static void check_order(const struct world *before, const struct world *w,
			const struct vcpu *vcpus, unsigned n)
{
	static struct world copy;
	struct reply reply;

	copy = *before;
	for (unsigned i = 0; i < n; i++) {
		if (vcpus[i].aside)
			continue;
		oracle_request(&copy, &vcpus[i].ask, &reply);
		if (reply.part < vcpus[i].ask.nparts)
			return;
	}
	if (memcmp(copy.state, w->state, sizeof(w->state)))
		fuzz_fail("together they come to something else than in order");
}

static void whole(const struct ask *ask, struct reply *reply)
{
	*reply = (struct reply){ .part = ask->nparts, .error = ask->stop_error };
	for (uint32_t i = 0; i < ask->nparts; i++)
		reply->pages += ask->part[i].range.npages;
}

static void check(struct world *w, struct vcpu *vcpus, unsigned n, const struct order *order,
		  uint64_t njoined)
{
	static struct world before;
	struct reply reply;
	unsigned over = 0;

	before = *w;
	go_together(w, vcpus, n);
	check_order(&before, w, vcpus, n);
	fuzz_same("requests over", order->n, n);
	/* Who has no part at all is over with the first. */
	for (unsigned i = 0; i < n; i++) {
		njoined -= !vcpus[i].aside;
		if (vcpus[i].aside && vcpus[i].ask.nparts)
			continue;
		if (order->request[over++] != vcpus[i].request)
			fuzz_fail("request %u of %u did not go with the others", i, n);
		whole(&vcpus[i].ask, &reply);
		ask_end(vcpus[i].request, &reply);
	}
	fuzz_same("joined, and should not have", njoined, 0);
	for (unsigned i = 0; i < n; i++) {
		if (!vcpus[i].aside || !vcpus[i].ask.nparts)
			continue;
		if (order->request[over++] != vcpus[i].request)
			fuzz_fail("request %u of %u is out of order", i, n);
		oracle_request(w, &vcpus[i].ask, &reply);
		ask_end(vcpus[i].request, &reply);
	}
	world_compare(w);
}

static void run(struct world *w, struct fuzz_in *in)
{
	struct gms_collector *collector = collector_of(w);
	static struct vcpu vcpus[VCPUS];
	struct gms_request *requests[VCPUS];
	struct order order = { .n = 0 };
	const unsigned n = 1 + fuzz_below(in, VCPUS);
	const uint64_t before = joined(collector);

	for (unsigned i = 0; i < n; i++) {
		struct gms_request_opts opts;

		ask_draw(in, &vcpus[i].ask, true);
		GMS_INIT(&opts);
		opts.flags = vcpus[i].ask.flags;
		opts.wait_ns = 1 + i;	/* nobody waits here: it makes them five requests */
		requests[i] = vcpus[i].request = world_request(w, &opts);
		ask_begin(requests[i], &vcpus[i].ask);
	}
	fuzz_same("gms_collector_run_all()",
		  gms_collector_run_all(collector, requests, n, note, &order), 0);
	check(w, vcpus, n, &order, joined(collector) - before);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	struct fuzz_in in = fuzz_in(data, bytes);
	struct world *w = world_get(profiles[fuzz_below(&in, 4)]);

	world_setup(w, &in);
	for (unsigned i = 0; i < ROUNDS && in.left; i++) {
		run(w, &in);
		if (fuzz_u8(&in) & 1) {
			world_release(w);
			world_thaw(w);
		}
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_collect.c - requests of several vCPUs in one commit, gms_collector_run_all().
 *
 * Those of which the commit was all are over first, in order: all of them together are
 * one conversion in the model, which it must allow, and which must be what they come to
 * in order if they can be done in order. If the model allows it for all, none may be left.
 * Those that are left are carried out after them, one by one.
 */
#include <stdlib.h>
#include <string.h>

#include <gmemstate/guest/collect.h>

#include "asks.h"

#define VCPUS	5u
#define ROUNDS	3
#define COLLECT_PAGES	UINT64_C(131072)	/* most that joins, by default */

const char fuzz_name[] = "collect";

static const uint32_t profiles[] = {
	GMS_PROFILE_GENERIC, GMS_PROFILE_KVM_ATTRS, GMS_PROFILE_SNP, GMS_PROFILE_CCA,
};

struct vcpu {
	struct ask ask;
	struct gms_request *request;
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

static const struct vcpu *vcpu_of(const struct vcpu *vcpus, const struct gms_request *request)
{
	while (vcpus->request != request)
		vcpus++;
	return vcpus;
}

/*
 * Pages that no region holds are left out by flags of each request: what is in one commit
 * is made of pages that there are.
 */
static size_t add_changes(const struct world *w, const struct ask *ask, struct gms_change *changes)
{
	size_t n = 0;

	for (uint32_t i = 0; i < ask->nparts; i++) {
		if (!((ask->part[i].set | ask->part[i].clear) & w->known))
			continue;
		changes[n] = ask->part[i];
		if (changes[n].set & GMS_STATE_SHARED)
			changes[n].clear |= GMS_STATE_ACCEPTED;
		n++;
	}
	return n;
}

static bool names_hole(const struct world *w, const struct ask *ask)
{
	struct gms_change changes[ASK_PARTS];
	const size_t n = add_changes(w, ask, changes);

	if (ask->flags & GMS_REQUEST_HOLES)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct gms_range range = changes[i].range;

		for (gms_gfn at = range.first; at < range.first + range.npages; at++) {
			if (world_index(at) < 0)
				return true;
		}
	}
	return false;
}

/* The first @n of an order as one conversion, and in order: may they be? */
static bool at_once(struct world *w, const struct vcpu *vcpus, const struct order *order,
		    uint64_t n)
{
	static struct gms_change changes[VCPUS * ASK_PARTS];
	static struct world in_order;
	struct reply reply;
	size_t nchanges = 0;
	bool all = true;

	in_order = *w;
	for (unsigned i = 0; i < n; i++) {
		const struct ask *ask = &vcpu_of(vcpus, order->request[i])->ask;

		if (names_hole(w, ask))
			return false;
		nchanges += add_changes(w, ask, changes + nchanges);
		oracle_request(&in_order, ask, &reply);
		all &= reply.part == ask->nparts;
	}
	if (world_convert_all(w, changes, nchanges, WORLD_SKIP_HOLES))
		return false;
	if (all && memcmp(in_order.state, w->state, sizeof(w->state)))
		fuzz_fail("together they come to something else than in order");
	return true;
}

static void whole(const struct ask *ask, struct reply *reply)
{
	*reply = (struct reply){ .part = ask->nparts, .error = ask->stop_error };
	for (uint32_t i = 0; i < ask->nparts; i++)
		reply->pages += ask->part[i].range.npages;
}

/* Those that ask for nothing at all are over with the first, and count with the others. */
static unsigned first_ones(const struct vcpu *vcpus, const struct order *order, uint64_t njoined)
{
	unsigned n = 0;

	for (; n < order->n; n++) {
		const bool empty = !vcpu_of(vcpus, order->request[n])->ask.nparts;

		if (!empty && !njoined--)
			break;
	}
	return n;
}

/* Do those from the @from-th on? Who asks for nothing need not go with others. */
static bool asks_anything(const struct world *w, const struct vcpu *vcpus,
			  const struct order *order, unsigned from)
{
	struct gms_change changes[ASK_PARTS];
	size_t n = 0;

	for (unsigned i = from; i < order->n; i++)
		n += add_changes(w, &vcpu_of(vcpus, order->request[i])->ask, changes);
	return n;
}

static void check(struct world *w, struct vcpu *vcpus, unsigned n, const struct order *order,
		  uint64_t njoined)
{
	const unsigned nfirst = first_ones(vcpus, order, njoined);
	struct reply reply;
	unsigned i = 0;

	fuzz_same("requests over", order->n, n);
	if (asks_anything(w, vcpus, order, nfirst)) {
		static struct world copy;
		struct order given = { .n = n };
		uint64_t pages = 0;

		copy = *w;
		for (unsigned k = 0; k < n; k++) {
			given.request[k] = vcpus[k].request;
			whole(&vcpus[k].ask, &reply);
			pages = reply.pages > pages ? reply.pages : pages;
		}
		if (pages <= COLLECT_PAGES && at_once(&copy, vcpus, &given, n))
			fuzz_fail("%u of %u went together, and all could have", nfirst, n);
	}
	if (!at_once(w, vcpus, order, nfirst))
		fuzz_fail("%u went together, and could not have", nfirst);
	for (; i < nfirst; i++) {
		whole(&vcpu_of(vcpus, order->request[i])->ask, &reply);
		ask_end(order->request[i], &reply);
	}
	for (; i < n; i++) {
		oracle_request(w, &vcpu_of(vcpus, order->request[i])->ask, &reply);
		ask_end(order->request[i], &reply);
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

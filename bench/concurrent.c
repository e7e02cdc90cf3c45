/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * concurrent.c - W11: what threads on one map cost each other.
 *
 * One thread looks pages up while another converts. Each implementation has the
 * protection it needs: its own, or a lock around both: a mutex and a
 * reader-writer lock around the flat bitmap, the latter around everything else.
 * Rows without a suffix are those beside the other thread, -quiet those alone,
 * -p999 is the slowest of a thousand lookups beside a writer, the clock's own
 * cost included.
 *
 * And two threads convert at once, each in its own half of the guest: how many
 * times the conversions of one alone. Next to this library there are two
 * bitmaps, without a lock, which tells what the machine gives, and with a mutex.
 * The same with a listener, whose spans both change.
 */
#include <stdlib.h>
#include <string.h>

#include "threads.h"

#define ROWS	5

static const char *const row_id[ROWS] = {
	"W11-reader-quiet", "W11-writer-quiet", "W11-reader", "W11-writer", "W11-reader-p999"
};

struct variant {
	struct guarded on;
	double	       sample[ROWS][MAX_SAMPLES];
};

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void sample(struct bench *bench, const struct state *state, struct variant *v, unsigned k,
		   uint32_t *timed)
{
	const int *cpu = bench->options.cpu;
	const uint64_t run_ns = bench->options.sample_ns, npages = state->npages;
	struct side read = { false, cpu[0], k, 0, npages, NULL, 0, 0, 0, 0 };
	struct side write = { true, cpu[1], ~(uint64_t)k, 0, npages, NULL, 0, 0, 0, 0 };
	struct side both[2] = { read, write };

	both[0].timed = timed;
	threads_run(&v->on, &read, 1, run_ns);
	threads_run(&v->on, &write, 1, run_ns);
	threads_restore(&v->on, &write, state);
	threads_run(&v->on, both, 2, run_ns);
	threads_restore(&v->on, &both[1], state);

	v->sample[0][k] = read.ns;
	v->sample[1][k] = write.ns;
	v->sample[2][k] = both[0].ns;
	v->sample[3][k] = both[1].ns;
	qsort(timed, both[0].ntimed, sizeof(*timed), compare);
	v->sample[4][k] = both[0].ntimed ? timed[both[0].ntimed * 999 / 1000] : 0;
}

void concurrent_measure(struct bench *bench, const struct state *state)
{
	static struct variant v[MAX_PEERS + 2];
	uint32_t *timed = need(malloc(MAX_TIMED * sizeof(*timed)));
	size_t n = 0;

	for (size_t i = 0; i < bench->n; i++) {
		const struct contender *c = &bench->contender[i];
		const struct peer *peer = c->peer;
		const bool own = peer->get_mt || peer->flags & PEER_ANY_THREAD;

		if (!c->map || peer->flags & (PEER_EXTRA | PEER_ATTACHED))
			continue;
		guarded_init(&v[n++].on, peer,
			     peer->create_mt ? state_build(state, peer, true) : c->map,
			     own ? OWN : RWLOCK);
		if (!strcmp(peer->name, "flat")) {
			guarded_init(&v[n++].on, peer, c->map, MUTEX);
			guarded_init(&v[n++].on, peer, c->map, RWLOCK);
		}
	}
	/* Sample 0 is taken twice: the first brings what a map keeps for its writers. */
	for (unsigned k = 0; k <= bench->options.samples; k++) {
		for (size_t i = 0; i < n; i++)
			sample(bench, state, &v[i], k ? k - 1 : 0, timed);
	}
	for (size_t i = 0; i < n; i++) {
		const struct guarded *on = &v[i].on;

		for (unsigned r = 0; r < ROWS; r++)
			report_add(&bench->report, row_id[r], state_name[state->id], on->name,
				   on->peer, UNIT_NS,
				   median(v[i].sample[r], bench->options.samples),
				   state->npages / PAGES_1G);
		if (on->peer->create_mt)
			on->peer->destroy(on->map);
	}
	free(timed);
}

static double speedup(struct bench *bench, const struct state *state, const struct guarded *on,
		      unsigned k)
{
	const int *cpu = bench->options.cpu;
	const uint64_t run_ns = bench->options.sample_ns, half = state->npages / 2;
	struct side alone = { true, cpu[0], 2 * k, 0, half, NULL, 0, 0, 0, 0 };
	struct side both[2] = { alone, { true, cpu[1], 2 * k + 1, half, half, NULL, 0, 0, 0, 0 } };

	threads_run(on, &alone, 1, run_ns);
	threads_restore(on, &alone, state);
	threads_run(on, both, 2, run_ns);
	threads_restore(on, &both[0], state);
	threads_restore(on, &both[1], state);
	return alone.ns / both[0].ns + alone.ns / both[1].ns;
}

static void writers(struct bench *bench, const struct state *state, const char *id,
		    unsigned attached)
{
	static struct {
		struct guarded on;
		double	       sample[MAX_SAMPLES];
	} v[3];
	size_t n = 0;

	for (size_t i = 0; i < bench->n; i++) {
		const struct contender *c = &bench->contender[i];
		const bool flat = !strcmp(c->peer->name, "flat");

		/* The bare map keeps what one writer has in hand. */
		if (!c->map || (c->peer->flags & PEER_ATTACHED) != attached ||
		    (!flat && strcmp(peer_row_name(c->peer), "gmemstate")))
			continue;
		guarded_init(&v[n++].on, c->peer, c->map, OWN);
		if (flat)
			guarded_init(&v[n++].on, c->peer, c->map, MUTEX);
	}
	for (unsigned k = 0; k < bench->options.samples; k++) {
		for (size_t i = 0; i < n; i++)
			v[i].sample[k] = speedup(bench, state, &v[i].on, k);
	}
	for (size_t i = 0; i < n; i++)
		report_add(&bench->report, id, state_name[state->id],
			   attached ? peer_row_name(v[i].on.peer) : v[i].on.name, v[i].on.peer,
			   UNIT_TIMES, median(v[i].sample, bench->options.samples),
			   state->npages / PAGES_1G);
}

void writers_measure(struct bench *bench, const struct state *state)
{
	writers(bench, state, "W11-writers2", 0);
}

void writers_listener_measure(struct bench *bench, const struct state *state)
{
	writers(bench, state, "W11-writers2-listener", PEER_LISTENER);
}

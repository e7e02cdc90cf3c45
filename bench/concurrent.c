/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * concurrent.c - W11: one thread looks pages up while another converts.
 *
 * The writer shares a page at random and takes it back. Each implementation has
 * the protection it needs: its own (RCU, or none needed), or a lock around
 * both: a mutex and a reader-writer lock around the flat bitmap, the latter
 * around everything else. Rows without a suffix are those beside the other
 * thread, -quiet those alone, -p999 is the slowest of a thousand lookups beside
 * a writer, the clock's own cost included.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bits.h"

#define SLICE		64u	/* operations between two looks at the clock's flag */
#define MAX_TIMED	65536u

enum protection { OWN, MUTEX, RWLOCK };

struct variant {
	const struct contender *contender;
	enum protection		protection;
	char			name[32];
	void		       *map;
	double			sample[5][MAX_SAMPLES];
};

/* What both threads of one sample share. */
struct arena {
	const struct variant *variant;
	uint64_t	 npages;
	uint64_t	 seed;
	pthread_mutex_t	 mutex;
	pthread_rwlock_t rwlock;
	pthread_barrier_t barrier;
	_Atomic bool	 stop;
};

struct side {
	struct arena *arena;
	pthread_t     thread;
	int	      cpu;
	uint64_t      n;	/* operations done */
	double	      ns;	/* each */
	uint32_t     *timed;	/* the reader's sample of single lookups, in ns */
	size_t	      ntimed;
};

static unsigned read_page(struct arena *a, uint64_t page)
{
	const struct variant *v = a->variant;
	const struct peer *peer = v->contender->peer;
	unsigned got;

	switch (v->protection) {
	case MUTEX:
		pthread_mutex_lock(&a->mutex);
		got = peer->get(v->map, page);
		pthread_mutex_unlock(&a->mutex);
		return got;
	case RWLOCK:
		pthread_rwlock_rdlock(&a->rwlock);
		got = peer->get(v->map, page);
		pthread_rwlock_unlock(&a->rwlock);
		return got;
	default:
		return peer->get_mt ? peer->get_mt(v->map, page) : peer->get(v->map, page);
	}
}

static void write_page(struct arena *a, uint64_t page, unsigned shared)
{
	const struct variant *v = a->variant;
	const struct peer *peer = v->contender->peer;

	switch (v->protection) {
	case MUTEX:
		pthread_mutex_lock(&a->mutex);
		peer->set(v->map, page, page + 1, shared);
		pthread_mutex_unlock(&a->mutex);
		break;
	case RWLOCK:
		pthread_rwlock_wrlock(&a->rwlock);
		peer->set(v->map, page, page + 1, shared);
		pthread_rwlock_unlock(&a->rwlock);
		break;
	default:
		(peer->set_mt ? peer->set_mt : peer->set)(v->map, page, page + 1, shared);
	}
}

static uint64_t next_page(uint64_t *x, uint64_t npages)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint64_t)((unsigned __int128)*x * npages >> 64);
}

static void begin(struct side *side)
{
	const struct peer *peer = side->arena->variant->contender->peer;

	pin_to(side->cpu);
	if (peer->thread_begin)
		peer->thread_begin();
	pthread_barrier_wait(&side->arena->barrier);
}

static void finish(struct side *side, uint64_t start, uint64_t taken_out)
{
	const struct peer *peer = side->arena->variant->contender->peer;

	side->ns = (double)(now_ns() - start - taken_out) / (double)side->n;
	if (peer->thread_end)
		peer->thread_end();
}

static void *reader(void *arg)
{
	struct side *side = arg;
	struct arena *a = side->arena;
	uint64_t x = a->seed, sum = 0, start, timing = 0;

	begin(side);
	start = now_ns();
	while (!atomic_load_explicit(&a->stop, memory_order_relaxed)) {
		const uint64_t before = now_ns();

		sum += read_page(a, next_page(&x, a->npages));
		if (side->timed && side->ntimed < MAX_TIMED)
			side->timed[side->ntimed++] = (uint32_t)(now_ns() - before);
		timing += now_ns() - before;	/* not part of the mean */
		for (unsigned i = 0; i < SLICE; i++)
			sum += read_page(a, next_page(&x, a->npages));
		side->n += SLICE;
	}
	finish(side, start, timing);
	sink = sum;
	return NULL;
}

static void *writer(void *arg)
{
	struct side *side = arg;
	struct arena *a = side->arena;
	uint64_t x = ~a->seed, start;

	begin(side);
	start = now_ns();
	while (!atomic_load_explicit(&a->stop, memory_order_relaxed)) {
		for (unsigned i = 0; i < SLICE; i += 2) {
			const uint64_t page = next_page(&x, a->npages);

			write_page(a, page, 1);
			write_page(a, page, 0);
		}
		side->n += SLICE;
	}
	finish(side, start, 0);
	return NULL;
}

static void start_side(struct side *side, void *(*run)(void *))
{
	if (pthread_create(&side->thread, NULL, run, side)) {
		fputs("bench: no thread\n", stderr);
		exit(1);
	}
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/*
 * Run one or both sides for a while, then put back what the writer changed; a
 * map that is made for threads is made anew for each sample instead.
 */
static void together(struct bench *bench, const struct state *state, struct variant *v,
		     uint64_t seed, struct side *read, struct side *write)
{
	struct arena a = { .variant = v, .npages = state->npages, .seed = seed };
	const struct timespec pause = { 0, (long)bench->options.sample_ns };
	const struct peer *peer = v->contender->peer;
	uint64_t x = ~seed;

	pthread_mutex_init(&a.mutex, NULL);
	pthread_rwlock_init(&a.rwlock, NULL);
	pthread_barrier_init(&a.barrier, NULL, 1 + !!read + !!write);
	if (read) {
		read->arena = &a;
		start_side(read, reader);
	}
	if (write) {
		write->arena = &a;
		start_side(write, writer);
	}
	pthread_barrier_wait(&a.barrier);
	nanosleep(&pause, NULL);
	a.stop = true;
	if (read)
		pthread_join(read->thread, NULL);
	if (write)
		pthread_join(write->thread, NULL);
	if (write && !peer->create_mt) {
		for (uint64_t i = 0; i < write->n; i += 2) {
			const uint64_t block = next_page(&x, state->npages) / PAGES_2M;

			bits_set(bench->blocks, block, block + 1);
		}
		state_restore(state, peer, v->map, bench->blocks);
		memset(bench->blocks, 0, (state->npages / PAGES_2M + 63) / 64 * 8);
	}
	pthread_barrier_destroy(&a.barrier);
	pthread_rwlock_destroy(&a.rwlock);
	pthread_mutex_destroy(&a.mutex);
}

static const char *const row_id[5] = {
	"W11-reader-quiet", "W11-writer-quiet", "W11-reader", "W11-writer", "W11-reader-p999"
};

static void sample(struct bench *bench, const struct state *state, struct variant *v, unsigned k,
		   uint32_t *timed)
{
	const int *cpu = bench->options.cpu;
	struct side read = { .cpu = cpu[0] }, write = { .cpu = cpu[1] };
	const struct peer *peer = v->contender->peer;

	if (peer->create_mt)
		v->map = state_build(state, peer, true);
	together(bench, state, v, k, &read, NULL);
	v->sample[0][k] = read.ns;
	together(bench, state, v, k, NULL, &write);
	v->sample[1][k] = write.ns;

	read = (struct side){ .cpu = cpu[0], .timed = timed };
	write = (struct side){ .cpu = cpu[1] };
	together(bench, state, v, k, &read, &write);
	v->sample[2][k] = read.ns;
	v->sample[3][k] = write.ns;
	qsort(timed, read.ntimed, sizeof(*timed), compare);
	v->sample[4][k] = read.ntimed ? timed[read.ntimed * 999 / 1000] : 0;
	if (peer->create_mt)
		peer->destroy(v->map);
}

static size_t add_variant(struct variant *v, size_t n, const struct contender *c,
			  enum protection protection)
{
	static const char *const suffix[] = { "", "+mutex", "+rwlock" };

	v[n].contender = c;
	v[n].protection = protection;
	v[n].map = c->map;
	snprintf(v[n].name, sizeof(v[n].name), "%s%s", c->peer->name, suffix[protection]);
	return n + 1;
}

void concurrent_measure(struct bench *bench, const struct state *state)
{
	static struct variant v[MAX_PEERS + 2];
	uint32_t *timed = need(malloc(MAX_TIMED * sizeof(*timed)));
	size_t n = 0;

	for (size_t i = 0; i < bench->n; i++) {
		const struct contender *c = &bench->contender[i];
		const bool own = c->peer->get_mt || c->peer->flags & PEER_ANY_THREAD;

		if (!c->map || c->peer->flags & PEER_EXTRA)
			continue;
		n = add_variant(v, n, c, own ? OWN : RWLOCK);
		if (!strcmp(c->peer->name, "flat")) {
			n = add_variant(v, n, c, MUTEX);
			n = add_variant(v, n, c, RWLOCK);
		}
	}
	for (unsigned k = 0; k < bench->options.samples; k++) {
		for (size_t i = 0; i < n; i++)
			sample(bench, state, &v[i], k, timed);
	}
	for (size_t i = 0; i < n; i++) {
		const struct peer *peer = v[i].contender->peer;

		for (unsigned r = 0; r < 5; r++)
			report_add(&bench->report, row_id[r], state_name[state->id], v[i].name,
				   peer, UNIT_NS,
				   median(v[i].sample[r], bench->options.samples),
				   state->npages / PAGES_1G);
	}
	free(timed);
}

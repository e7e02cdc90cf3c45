/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * states.c - make the states of states.h, and bring maps into them.
 */
#include "states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "random.h"

#define PAGES_64G	(64 * PAGES_1G)

const char *const state_name[STATES] = { "W1", "W2", "W3", "D", "M" };

void *need(void *memory)
{
	if (!memory) {
		fputs("bench: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

void spans_add(struct spans *spans, uint64_t first, uint64_t end, unsigned value)
{
	if (spans->n == spans->room) {
		spans->room = spans->room ? 2 * spans->room : 1024;
		spans->span = need(realloc(spans->span, spans->room * sizeof(struct span)));
	}
	spans->span[spans->n++] = (struct span){ first, end, value };
}

static uint64_t in_proportion(const struct state *state, uint64_t of_64g)
{
	const uint64_t n = of_64g * (state->npages >> 9) / (PAGES_64G >> 9);

	return n ? n : 1;
}

static void scatter(struct state *state, struct rng *rng, uint64_t n, uint64_t longest,
		    bool values)
{
	for (uint64_t i = 0; i < n; i++) {
		const uint64_t npages = 1 + rng_below(rng, longest);
		const uint64_t first = rng_below(rng, state->npages - npages + 1);

		spans_add(&state->steps, first, first + npages,
			  values ? (unsigned)rng_below(rng, 16) : 1);
	}
}

static void every_other_page(struct state *state, struct rng *rng)
{
	for (uint64_t block = 0; block < state->npages; block += PAGES_2M) {
		if (rng_below(rng, 4))
			continue;
		for (uint64_t page = block; page < block + PAGES_2M; page += 2)
			spans_add(&state->steps, page, page + 1, 1);
	}
}

static void find_runs(struct state *state)
{
	const uint8_t *value = state->value;
	uint64_t first = 0, end;

	for (; first < state->npages; first = end) {
		uint64_t word;

		for (end = first + 1; end < state->npages && value[end] == value[first]; end++) {
			/* Most of a guest is 0. */
			while (!value[end] && end + 8 <= state->npages &&
			       (memcpy(&word, &value[end], 8), !word))
				end += 8;
			if (end == state->npages || value[end] != value[first])
				break;
		}
		if (value[first])
			spans_add(&state->runs, first, end, value[first]);
	}
}

void state_make(struct state *state, enum state_id id, uint64_t npages)
{
	struct rng rng = { UINT64_C(0x676d7300) + id };

	memset(state, 0, sizeof(*state));
	state->id = id;
	state->npages = npages;
	if (id == STATE_W2)
		scatter(state, &rng, npages / 100, 1, false);
	else if (id == STATE_W3)
		every_other_page(state, &rng);
	else if (id == STATE_D)
		scatter(state, &rng, in_proportion(state, 4096), 16, false);
	else if (id == STATE_M)
		scatter(state, &rng, in_proportion(state, 131072), 64, true);

	state->value = need(calloc(npages, 1));
	for (size_t i = 0; i < state->steps.n; i++) {
		const struct span *step = &state->steps.span[i];

		memset(state->value + step->first, (int)step->value, step->end - step->first);
	}
	find_runs(state);
}

void state_drop(struct state *state)
{
	free(state->value);
	free(state->steps.span);
	free(state->runs.span);
	memset(state, 0, sizeof(*state));
}

void peer_store(const struct state *state, const struct peer *peer, void *map, uint64_t first,
		uint64_t end, unsigned value)
{
	if (state->id == STATE_M && peer->assign)
		peer->assign(map, first, end, value);
	else
		(peer->load ? peer->load : peer->set)(map, first, end, value & peer->attrs);
}

void *state_build(const struct state *state, const struct peer *peer, bool for_threads)
{
	void *(*create)(uint64_t) =
		for_threads && peer->create_mt ? peer->create_mt : peer->create;
	void *map = create(state->npages);

	if (!(peer->flags & PEER_NO_TOUCH)) {	/* real memory, not the zero page */
		void (*all)(void *, uint64_t, uint64_t, unsigned) =
			peer->assign ? peer->assign : peer->set;

		all(map, 0, state->npages, peer->attrs);
		all(map, 0, state->npages, 0);
	}
	for (size_t i = 0; i < state->steps.n; i++) {
		const struct span *step = &state->steps.span[i];

		peer_store(state, peer, map, step->first, step->end, step->value);
	}
	if (peer->optimize)
		peer->optimize(map);
	return map;
}

/* The first run that ends after page. */
static size_t run_after(const struct spans *runs, uint64_t page)
{
	size_t lo = 0, hi = runs->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (runs->span[mid].end > page)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

void state_restore(const struct state *state, const struct peer *peer, void *map,
		   uint64_t *touched)
{
	const uint64_t npages = state->npages;
	const struct span *run = state->runs.span;
	uint64_t first, end = 0;

	while ((first = bits_next_set(touched, end, npages)) < npages) {
		end = bits_next_clear(touched, first, npages);
		peer_store(state, peer, map, first, end, 0);
		for (size_t i = run_after(&state->runs, first);
		     i < state->runs.n && run[i].first < end; i++)
			peer_store(state, peer, map, run[i].first > first ? run[i].first : first,
				   run[i].end < end ? run[i].end : end, run[i].value);
	}
	bits_clear(touched, 0, npages);
	if (peer->optimize)
		peer->optimize(map);
}

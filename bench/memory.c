/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - W9: bytes of metadata.
 *
 * What an implementation says of itself, or what it has from malloc. Next to
 * the states: uniform guests of 1 TiB and 16 TiB, and a guest that alternates
 * pages on purpose, between two values and between sixteen, and then makes all
 * equal again.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#define PATTERN		16u	/* values that follow each other in the adversary's guest */
#define QUICK_PAGES	(8 * PAGES_1G)

static uint64_t bytes_of(const struct peer *peer, void *map, uint64_t before)
{
	return peer->bytes ? peer->bytes(map) : malloc_bytes() - before;
}

static void uniform(struct bench *bench, const char *id, uint64_t guest_gib)
{
	const uint64_t npages = guest_gib * PAGES_1G;

	for (size_t i = 0; i < bench->n; i++) {
		const struct peer *peer = bench->contender[i].peer;
		const uint64_t before = malloc_bytes();
		void *map;

		if (peer->flags & (PEER_EXTRA | PEER_ATTACHED) ||
		    (peer->max_pages && peer->max_pages < npages))
			continue;
		map = peer->create(npages);
		report_add(&bench->report, id, state_name[STATE_W1], peer->name, peer,
			   UNIT_BYTES, (double)bytes_of(peer, map, before), guest_gib);
		peer->destroy(map);
	}
}

void memory_measure(struct bench *bench, const struct state *state)
{
	const uint64_t guest_gib = state->npages / PAGES_1G;

	for (size_t i = 0; i < bench->n; i++) {
		const struct contender *c = &bench->contender[i];

		if (!c->map || c->peer->flags & (PEER_EXTRA | PEER_ATTACHED))
			continue;
		report_add(&bench->report, "W9", state_name[state->id], c->peer->name, c->peer,
			   UNIT_BYTES, (double)c->bytes, guest_gib);
		report_add(&bench->report, "W9-used", state_name[state->id], c->peer->name,
			   c->peer, UNIT_BYTES, (double)c->used_bytes, guest_gib);
	}
	if (state->id == STATE_W1) {
		uniform(bench, "W9-1T", 1024);
		uniform(bench, "W9-16T", 16384);
	}
}

static void alternate(struct bench *bench, const struct peer *peer, uint64_t npages,
		      unsigned values)
{
	const uint64_t before = malloc_bytes();
	void (*store)(void *, uint64_t, uint64_t, unsigned) =
		values > 2 && peer->assign ? peer->assign : peer->set;
	void *map = peer->create(npages);

	for (uint64_t page = 0; page < npages; page++) {
		if (page % values)
			store(map, page, page + 1, (unsigned)(page % values));
	}
	for (unsigned back = 0; back < 2; back++) {
		uint64_t bytes, used;
		char id[32];

		/* Block by block, as a guest would; nothing is told that it is the whole. */
		for (uint64_t page = 0; back && page < npages; page += PAGES_2M)
			store(map, page, page + PAGES_2M, 0);
		bytes = bytes_of(peer, map, before);
		used = peer->used_bytes ? peer->used_bytes(map) : bytes;
		snprintf(id, sizeof(id), "W9-alternate-%u%s", values, back ? "-back" : "");
		report_add(&bench->report, id, state_name[STATE_M], peer->name, peer, UNIT_BYTES,
			   (double)bytes, npages / PAGES_1G);
		snprintf(id, sizeof(id), "W9-alternate-%u%s-used", values, back ? "-back" : "");
		report_add(&bench->report, id, state_name[STATE_M], peer->name, peer, UNIT_BYTES,
			   (double)used, npages / PAGES_1G);
	}
	peer->destroy(map);
}

void memory_adversary(struct bench *bench)
{
	/* Seconds a guest of 64 GiB; its metadata is in proportion. */
	const uint64_t npages = bench->options.quick && bench->options.guest_pages > QUICK_PAGES ?
				QUICK_PAGES : bench->options.guest_pages;
	const uint64_t start = now_ns();

	fputs("adversary", stderr);
	for (size_t i = 0; i < bench->n; i++) {
		const struct peer *peer = bench->contender[i].peer;

		if (peer->flags & (PEER_EXTRA | PEER_ATTACHED) ||
		    (peer->max_pages && peer->max_pages < npages))
			continue;
		/*
		 * Trees need a node a page, seconds and gigabytes: one of them is
		 * enough. The bare map has what gmemstate has.
		 */
		if (!(peer->flags & PEER_PLAIN) && strcmp(peer->name, "gmemstate") &&
		    strcmp(peer->name, "absl") && strcmp(peer->name, "croaring"))
			continue;
		alternate(bench, peer, npages, 2);
		if (peer->attrs == PEER_FOUR_ATTRS)
			alternate(bench, peer, npages, PATTERN);
	}
	fprintf(stderr, " (%.0f s)\n", (double)(now_ns() - start) / 1e9);
}

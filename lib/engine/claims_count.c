/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claims_count.c - how many pins touch a block; see P4 in claims.h.
 *
 * A shard's GiB are few among all there are, so their counts hang in a hash
 * table: open addressing, linear probing, never more than half full. What goes
 * is closed up behind (no tombstones), so a table that pins come to and go from
 * for ever does not fill.
 */
#include "engine/claims.h"

#include <string.h>

#define FIRST_BITS	2u

static size_t table_bytes(uint32_t bits)
{
	return sizeof(struct gms__place) << bits;
}

static void put(struct gms__shard *shard, struct gms__place place)
{
	const uint32_t mask = (UINT32_C(1) << shard->place_bits) - 1;
	uint32_t i = gms__counts_home(shard, place.gib);

	while (shard->place[i].counts)
		i = (i + 1) & mask;
	shard->place[i] = place;
}

static bool make_room(struct gms__shard *shard, struct gms__mem *mem)
{
	const uint32_t old_bits = shard->place_bits;
	const uint32_t bits = shard->place ? old_bits + 1 : FIRST_BITS;
	struct gms__place *old = shard->place, *place;

	if (old && shard->ngibs < UINT32_C(1) << old_bits >> 1)
		return true;
	place = gms__mem_alloc(mem, table_bytes(bits));
	if (!place)
		return false;
	memset(place, 0, table_bytes(bits));
	shard->place = place;
	shard->place_bits = bits;
	for (uint32_t i = 0; old && i < UINT32_C(1) << old_bits; i++) {
		if (old[i].counts)
			put(shard, old[i]);
	}
	gms__mem_free(mem, old, table_bytes(old_bits));
	return true;
}

struct gms__counts *gms__counts_open(struct gms__shard *shard, struct gms__mem *mem,
				     uint64_t gib)
{
	struct gms__counts *counts = gms__counts_of(shard, gib);

	if (counts)
		return counts;
	if (!make_room(shard, mem))
		return NULL;
	counts = shard->idle;
	if (counts) {
		shard->idle = counts->next_idle;
	} else {
		counts = gms__mem_alloc(mem, sizeof(*counts));
		if (!counts)
			return NULL;
		memset(counts, 0, sizeof(*counts));
	}
	put(shard, (struct gms__place){ gib, counts });
	shard->ngibs++;
	return counts;
}

/* Empty place i, and let those behind it that probed past it move up. */
static void close_up(struct gms__shard *shard, uint32_t i)
{
	const uint32_t mask = (UINT32_C(1) << shard->place_bits) - 1;
	struct gms__place *place = shard->place;

	for (uint32_t j = (i + 1) & mask; place[j].counts; j = (j + 1) & mask) {
		const uint32_t home = gms__counts_home(shard, place[j].gib);

		if (((j - home) & mask) >= ((j - i) & mask)) {
			place[i] = place[j];
			i = j;
		}
	}
	place[i].counts = NULL;
}

static void drop(struct gms__shard *shard, struct gms__counts *counts, uint64_t gib)
{
	const uint32_t mask = (UINT32_C(1) << shard->place_bits) - 1;
	uint32_t i = gms__counts_home(shard, gib);

	while (shard->place[i].counts != counts)
		i = (i + 1) & mask;
	close_up(shard, i);
	shard->ngibs--;
	/* With its last pin every block went to 0: nothing to clear. */
	counts->next_idle = shard->idle;
	shard->idle = counts;
}

void gms__counts_add(struct gms__counts *counts, gms_gfn first, gms_gfn end)
{
	const unsigned last = gms__block_index(end - 1);

	counts->npins++;
	for (unsigned b = gms__block_index(first); b <= last; b++)
		counts->block[b]++;
}

void gms__counts_sub(struct gms__shard *shard, gms_gfn first, gms_gfn end)
{
	const uint64_t gib = first >> GMS_ORDER_1G;
	struct gms__counts *counts = gms__counts_of(shard, gib);
	const unsigned last = gms__block_index(end - 1);

	for (unsigned b = gms__block_index(first); b <= last; b++)
		counts->block[b]--;
	if (!--counts->npins)
		drop(shard, counts, gib);
}

void gms__counts_fini(struct gms__shard *shard, struct gms__mem *mem)
{
	struct gms__counts *counts;

	for (uint32_t i = 0; shard->place && i < UINT32_C(1) << shard->place_bits; i++)
		gms__mem_free(mem, shard->place[i].counts, sizeof(*counts));
	while ((counts = shard->idle)) {
		shard->idle = counts->next_idle;
		gms__mem_free(mem, counts, sizeof(*counts));
	}
	gms__mem_free(mem, shard->place, table_bytes(shard->place_bits));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claims_count.c - how many pins touch a block; see P4 in claims.h.
 */
#include "engine/claims.h"

#include <string.h>

struct gms__counts *gms__counts_open(struct gms__shard *shard, struct gms__mem *mem,
				     uint64_t gib)
{
	struct gms__counts *counts = gms__counts_of(shard, gib);

	if (counts)
		return counts;
	if (!gms__hash_ready(&shard->gibs, mem))
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
	gms__hash_put(&shard->gibs, gib, counts);
	return counts;
}

static void drop(struct gms__shard *shard, struct gms__counts *counts, uint64_t gib)
{
	gms__hash_drop(&shard->gibs, gib);
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

	for (uint32_t i = 0; i < gms__hash_places(&shard->gibs); i++)
		gms__mem_free(mem, shard->gibs.place[i].value, sizeof(*counts));
	while ((counts = shard->idle)) {
		shard->idle = counts->next_idle;
		gms__mem_free(mem, counts, sizeof(*counts));
	}
	gms__hash_fini(&shard->gibs, mem);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * turns.c - when the pages of a block turned last; see turns.h.
 */
#include "map/turns.h"

static struct gms__turns *turns_of(const struct gms__region *r, gms_gfn gfn)
{
	const struct gms__words *words = gms__words_of(r);

	return &words->turns[gms__gib_at(r, gfn) - words->word];
}

static void note_gib(const struct gms__region *r, gms_gfn first, gms_gfn end, uint32_t now)
{
	struct gms__turns *turns = turns_of(r, first);

	turns->last = now;
	if (first == gms__clip_lo(r, first, GMS__GIB_PAGES) &&
	    end == gms__clip_hi(r, first, GMS__GIB_PAGES)) {
		turns->all = now;
		return;
	}
	for (unsigned b = gms__block_index(first); b <= gms__block_index(end - 1); b++)
		turns->block[b] = now;
}

void gms__turns_note(const struct gms__region *r, gms_gfn first, gms_gfn end, uint32_t now)
{
	while (first < end) {
		const gms_gfn stop = gms__min(end, (first | (GMS__GIB_PAGES - 1)) + 1);

		note_gib(r, first, stop, now);
		first = stop;
	}
}

static uint32_t age(uint32_t at, uint32_t now)
{
	return now - at;
}

uint32_t gms__turns_age(const struct gms__region *r, gms_gfn gfn, unsigned order, uint32_t now)
{
	const struct gms__turns *turns = turns_of(r, gfn);
	const gms_gfn first = gfn >> order << order;
	const gms_gfn last = first + (UINT64_C(1) << order) - 1;
	uint32_t least;

	if (order == GMS_ORDER_1G)
		return age(turns->last, now);
	least = age(turns->all, now);
	for (unsigned b = gms__block_index(first); b <= gms__block_index(last); b++) {
		if (age(turns->block[b], now) < least)
			least = age(turns->block[b], now);
	}
	return least;
}

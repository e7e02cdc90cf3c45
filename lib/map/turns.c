/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * turns.c - when the pages of a block turned last; see turns.h.
 */
#include "map/turns.h"

/* The GiB of a page, counted in the words of its region. */
static uint64_t gib_in(const struct gms__words *words, const struct gms__region *r, gms_gfn gfn)
{
	return (uint64_t)(gms__gib_at(r, gfn) - words->word);
}

static void note_gib(struct gms__turns *turns, const struct gms__region *r, gms_gfn first,
		     gms_gfn end, uint32_t now)
{
	const struct gms__words *words = gms__words_of(r);
	const uint64_t g = gib_in(words, r, first);

	gms__store(gms__turns_last(words, turns, g), now);
	if (first == gms__clip_lo(r, first, GMS__GIB_PAGES) &&
	    end == gms__clip_hi(r, first, GMS__GIB_PAGES)) {
		gms__store(&turns[g].all, now);
		return;
	}
	for (unsigned b = gms__block_index(first); b <= gms__block_index(end - 1); b++)
		gms__store(&turns[g].block[b], now);
}

void gms__turns_note(struct gms__turns *turns, const struct gms__region *r, gms_gfn first,
		     gms_gfn end, uint32_t now)
{
	while (first < end) {
		const gms_gfn stop = gms__min(end, (first | (GMS__GIB_PAGES - 1)) + 1);

		note_gib(turns, r, first, stop, now);
		first = stop;
	}
}

static uint32_t age(uint32_t at, uint32_t now)
{
	return now - at;
}

uint32_t gms__turns_age(const struct gms__region *r, gms_gfn gfn, unsigned order, uint32_t now)
{
	const struct gms__words *words = gms__words_of(r);
	const uint64_t g = gib_in(words, r, gfn);
	const struct gms__turns *turns = &words->turns[g];
	const gms_gfn first = gfn >> order << order;
	const gms_gfn last = first + (UINT64_C(1) << order) - 1;
	uint32_t least;

	if (order == GMS_ORDER_1G)
		return age(*gms__turns_last(words, words->turns, g), now);
	least = age(turns->all, now);
	for (unsigned b = gms__block_index(first); b <= gms__block_index(last); b++) {
		if (age(turns->block[b], now) < least)
			least = age(turns->block[b], now);
	}
	return least;
}

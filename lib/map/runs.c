/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs.c - take a block apart into runs, change them, put it together again.
 *
 * For writers, who alone may change the block meanwhile. A new leaf is filled
 * with gms__store(): a reader may still be looking at what its memory held
 * before, and must see that it has gone astray.
 */
#include <string.h>

#include "base/debug.h"
#include "map/block.h"

#define PAGES	((unsigned)GMS__BLOCK_PAGES)

static void append(struct gms__runs *runs, unsigned start, gms_state state)
{
	if (runs->n && runs->state[runs->n - 1] == state)
		return;
	runs->start[runs->n] = (uint16_t)start;
	runs->state[runs->n] = (uint16_t)state;
	runs->n++;
}

static void plane_runs(struct gms__runs *runs, const uint64_t *plane, unsigned first,
		       unsigned end, gms_state base, gms_state other)
{
	bool in = plane[first / 64] >> first % 64 & 1;

	append(runs, first, in ? other : base);
	for (unsigned w = first / 64; w <= (end - 1) / 64; w++) {
		/* Bits that differ from the page before. */
		uint64_t turn = plane[w] ^ (plane[w] << 1 | (w ? plane[w - 1] >> 63 : in));

		if (w == first / 64)
			turn &= first % 64 == 63 ? 0 : ~UINT64_C(0) << (first % 64 + 1);
		for (; turn; turn &= turn - 1) {
			const unsigned page = w * 64 + (unsigned)__builtin_ctzll(turn);

			if (page >= end)
				return;
			in = !in;
			append(runs, page, in ? other : base);
		}
	}
}

void gms__runs_of(struct gms__runs *runs, const struct gms__palette *palette, uint64_t word,
		  unsigned first, unsigned end)
{
	unsigned page = first, lo, hi;

	runs->n = 0;
	if (gms__block_kind(word) == GMS__PLANE) {
		plane_runs(runs, gms__block_leaf(word), first, end,
			   gms__palette_state(palette, gms__block_base(word)),
			   gms__palette_state(palette, gms__block_other(word)));
	} else {
		while (page < end) {
			append(runs, page,
			       gms__block_piece(palette, word, page, GMS_STATE_ALL, &lo, &hi));
			page = hi;
		}
	}
	runs->start[runs->n] = (uint16_t)end;
}

bool gms__runs_edit(struct gms__runs *runs, unsigned first, unsigned end, gms_state set,
		    gms_state clear, struct gms__delta *delta)
{
	struct gms__runs old;
	bool changed = false;

	old.n = runs->n;
	memcpy(old.start, runs->start, (runs->n + 1) * sizeof(old.start[0]));
	memcpy(old.state, runs->state, runs->n * sizeof(old.state[0]));
	runs->n = 0;
	for (unsigned i = 0; i < old.n; i++) {
		const unsigned lo = old.start[i], hi = old.start[i + 1];
		const gms_state state = old.state[i], new = gms__changed(state, set, clear);
		const unsigned from = lo < first ? first : lo, to = hi > end ? end : hi;

		if (from >= to || new == state) {
			append(runs, lo, state);
			continue;
		}
		if (lo < from)
			append(runs, lo, state);
		append(runs, from, new);
		gms__delta_turn(delta, state, new, to - from);
		changed = true;
		if (hi > to)
			append(runs, to, state);
	}
	runs->start[runs->n] = old.start[old.n];
	return changed;
}

static bool two_states(const struct gms__runs *runs)
{
	for (unsigned i = 2; i < runs->n; i++) {
		if (runs->state[i] != runs->state[i - 2])
			return false;
	}
	return true;
}

/* Do the states of all runs have a place? Takes places. */
static bool placed(const struct gms__runs *runs, struct gms__palette *palette)
{
	gms_state last[2] = { GMS_HOLE, GMS_HOLE };

	for (unsigned i = 0; i < runs->n; i++) {
		const gms_state state = runs->state[i];

		if (state == last[i & 1])
			continue;
		if (gms__palette_place(palette, state) < 0)
			return false;
		last[i & 1] = state;
	}
	return true;
}

enum gms__kind gms__runs_kind(const struct gms__runs *runs, struct gms__palette *palette)
{
	if (runs->n == 1)
		return GMS__UNIFORM;
	if (!placed(runs, palette))
		return GMS__WIDE;
	if (two_states(runs))
		return runs->n <= 5 ? GMS__RUNS : GMS__PLANE;
	if (runs->n <= 16)
		return GMS__LIST16;
	return runs->n <= 32 ? GMS__LIST32 : GMS__BYTES;
}

/* Odd runs are of the other state. A region may end within the block. */
static uint64_t runs_word(const struct gms__runs *runs, uint64_t places)
{
	const uint16_t *start = runs->start;
	const bool two = runs->n > 3;

	return gms__block_runs(places, start[1], start[2], two ? start[3] : PAGES,
			       two ? start[4] : PAGES);
}

static void fill_list(const struct gms__runs *runs, struct gms__palette *palette, uint16_t *entry,
		      unsigned length)
{
	for (unsigned i = 0; i < length; i++) {
		const unsigned run = i < runs->n ? i : runs->n - 1;
		/* The first entry begins with the block, also where the region does not. */
		const unsigned start = run ? runs->start[run] : 0;

		gms__store(&entry[i], (uint16_t)(start << 7 |
				(unsigned)gms__palette_place(palette, runs->state[run])));
	}
}

static void fill_plane(const struct gms__runs *runs, uint64_t *plane)
{
	uint64_t bits[PAGES / 64] = { 0 };

	for (unsigned i = 1; i < runs->n; i += 2) {
		unsigned page = runs->start[i];
		const unsigned end = runs->start[i + 1];

		while (page < end) {
			const unsigned room = 64 - page % 64;
			const unsigned n = room < end - page ? room : end - page;

			bits[page / 64] |= (~UINT64_C(0) >> (64 - n)) << page % 64;
			page += n;
		}
	}
	for (unsigned w = 0; w < PAGES / 64; w++)
		gms__store(&plane[w], bits[w]);
}

uint64_t gms__runs_word(const struct gms__runs *runs, enum gms__kind kind,
			struct gms__palette *palette, void *leaf)
{
	const uint64_t to = (uint64_t)kind | (uint64_t)(uintptr_t)leaf;
	uint64_t places;

	gms__assert(!((uint64_t)(uintptr_t)leaf & ~GMS__BLOCK_PTR));
	switch (kind) {
	case GMS__UNIFORM:
		return gms__block_uniform(palette, runs->state[0]);
	case GMS__RUNS:
	case GMS__PLANE:
		places = gms__block_places((unsigned)gms__palette_place(palette, runs->state[0]),
					   (unsigned)gms__palette_place(palette, runs->state[1]));
		if (kind == GMS__RUNS)
			return runs_word(runs, places);
		fill_plane(runs, leaf);
		return to | places;
	case GMS__LIST16:
	case GMS__LIST32:
		fill_list(runs, palette, leaf, kind == GMS__LIST16 ? 16 : 32);
		return to;
	default:
		break;
	}
	for (unsigned i = 0, page = 0; page < PAGES; page++) {
		while (i + 1 < runs->n && page >= runs->start[i + 1])
			i++;
		if (kind == GMS__WIDE)
			gms__store(&((uint16_t *)leaf)[page], runs->state[i]);
		else
			gms__store(&((uint8_t *)leaf)[page],
				   (uint8_t)gms__palette_place(palette, runs->state[i]));
	}
	return to;
}

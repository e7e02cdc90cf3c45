/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytes.c - edits of a block that has a byte a page, the place of its state.
 *
 * They are made in place, a page at a time, and nothing is raised: each page is
 * in its old state or in the new one. The block stays so until it is uniform.
 */
#include "map/edit.h"

#define PAGES	((unsigned)GMS__BLOCK_PAGES)

/* Where each place goes under an edit; found out as places are met. */
struct moves {
	struct gms__palette *palette;
	gms_state set, clear;
	int16_t	  to[GMS__PLACES];	/* -1: not met yet */
};

static void moves_none(struct moves *moves, struct gms__palette *palette, gms_state set,
		       gms_state clear)
{
	moves->palette = palette;
	moves->set = set;
	moves->clear = clear;
	for (unsigned i = 0; i < GMS__PLACES; i++)
		moves->to[i] = -1;
}

/* The place that pages of a place go to; -1: there is none. */
static int move(struct moves *moves, unsigned place)
{
	struct gms__palette *palette = moves->palette;

	if (moves->to[place] < 0)
		moves->to[place] = (int16_t)gms__palette_place(
			palette, gms__changed(gms__palette_state(palette, place), moves->set,
					      moves->clear));
	return moves->to[place];
}

/* Find out all that pages [first, end) need; false: a state has no place. */
static bool move_all(struct moves *moves, const uint8_t *bytes, unsigned first, unsigned end)
{
	for (unsigned page = first; page < end; page++) {
		if (move(moves, bytes[page] & 127) < 0)
			return false;
	}
	return true;
}

bool gms__bytes_placed(struct gms__palette *palette, uint64_t word, unsigned first, unsigned end,
		       gms_state set, gms_state clear)
{
	struct moves moves;

	moves_none(&moves, palette, set, clear);
	return move_all(&moves, gms__block_leaf(word), first, end);
}

void gms__edit_look_bytes(struct gms__edit *e)
{
	struct gms__palette *palette = &e->map->palette;
	const uint8_t *bytes = gms__block_leaf(*e->at);
	unsigned count[GMS__PLACES] = { 0 };
	struct moves moves;

	e->how = GMS__NOTHING;
	moves_none(&moves, palette, e->set, e->clear);
	for (unsigned page = e->first; page < e->end; page++)
		count[bytes[page] & 127]++;
	for (unsigned place = 0; place < GMS__PLACES; place++) {
		const int to = count[place] ? move(&moves, place) : (int)place;

		if (to == (int)place)
			continue;
		e->how = to < 0 || e->nturned == GMS__LIST_MOST ? GMS__APART : GMS__IN_BYTES;
		if (e->how == GMS__APART)
			return;
		gms__edit_turns(e, gms__palette_state(palette, place),
				gms__palette_state(palette, (unsigned)to), count[place]);
	}
}

static bool all_equal(const struct gms__edit *e, const uint8_t *bytes)
{
	for (unsigned page = e->lo + 1; page < e->hi; page++) {
		if (bytes[page] != bytes[e->lo])
			return false;
	}
	return true;
}

bool gms__edit_do_bytes(struct gms__edit *e, struct gms__tables *tables)
{
	struct gms__palette *palette = &e->map->palette;
	uint8_t *bytes = gms__block_leaf(*e->at);
	struct moves moves;

	moves_none(&moves, palette, e->set, e->clear);
	if (!move_all(&moves, bytes, e->first, e->end))
		return false;
	e->delta = (struct gms__delta){ { 0 } };
	for (unsigned page = e->first; page < e->end; page++) {
		const unsigned place = bytes[page] & 127;

		gms__delta_turn(&e->delta, gms__palette_state(palette, place),
				gms__palette_state(palette, (unsigned)moves.to[place]), 1);
	}
	gms__edit_counts(e, true);
	for (unsigned page = e->first; page < e->end; page++) {
		const int to = moves.to[bytes[page] & 127];

		if (to != bytes[page])
			gms__store(&bytes[page], (uint8_t)to);
	}
	gms__edit_counts(e, false);
	if (all_equal(e, bytes)) {
		e->delta = (struct gms__delta){ { 0 } };
		gms__edit_publish(e, gms__block_uniform(palette,
							gms__palette_state(palette, bytes[e->lo])),
				  tables);
	}
	return true;
}

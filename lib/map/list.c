/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.c - edits of a block whose runs are a list.
 *
 * A list is never changed in place, for a reader may be counting its entries:
 * it is copied, with the change worked in, to another leaf, or into the word
 * if little is left of it.
 */
#include "map/edit.h"

static void add(struct gms__edit *e, unsigned start, unsigned place)
{
	if (!e->nruns || (e->entry[e->nruns - 1] & 127u) != place)
		e->entry[e->nruns++] = (uint16_t)(start << 7 | place);
}

/* Work the edit in; false: the palette is full. */
static bool work_in(struct gms__edit *e, const uint16_t *old, unsigned length)
{
	const struct gms__palette *palette = &e->map->palette;
	gms_state placed = GMS_HOLE;
	int new_place = -1;

	for (unsigned i = 0; i < length && (!i || old[i] != old[i - 1]); i++) {
		/* The first entry begins with the block, also where the region does not. */
		const unsigned start = i ? old[i] >> 7 : e->lo, place = old[i] & 127;
		const bool is_last = i + 1 == length || old[i + 1] == old[i];
		const unsigned stop = is_last ? e->hi : old[i + 1] >> 7;
		const unsigned from = start > e->first ? start : e->first;
		const unsigned to = stop < e->end ? stop : e->end;
		const gms_state state = gms__palette_state(palette, place);
		const gms_state new = gms__changed(state, e->set, e->clear);

		if (from >= to || new == state) {
			add(e, start, place);
			continue;
		}
		if (new != placed) {
			new_place = gms__palette_place(&e->map->palette, new);
			placed = new;
		}
		if (new_place < 0)
			return false;
		if (start < from)
			add(e, start, place);
		add(e, from, (unsigned)new_place);
		gms__edit_turns(e, state, new, to - from);
		if (to < stop)
			add(e, to, place);
	}
	return true;
}

static bool two_places(const struct gms__edit *e)
{
	for (unsigned i = 2; i < e->nruns; i++) {
		if ((e->entry[i] ^ e->entry[i - 2]) & 127)
			return false;
	}
	return true;
}

static uint64_t in_word(const struct gms__edit *e)
{
	const uint64_t places = gms__block_places(e->entry[0] & 127, e->entry[1] & 127);
	const unsigned n = e->nruns;
	const unsigned e1 = n > 2 ? e->entry[2] >> 7 : e->hi;

	return gms__block_runs(places, e->entry[1] >> 7, e1,
			       n > 3 ? e->entry[3] >> 7 : (unsigned)GMS__BLOCK_PAGES,
			       n > 4 ? e->entry[4] >> 7 : n > 3 ? e->hi :
			       (unsigned)GMS__BLOCK_PAGES);
}

void gms__edit_look_list(struct gms__edit *e)
{
	e->nruns = 0;
	e->how = GMS__APART;
	if (!work_in(e, gms__block_leaf(*e->at), gms__block_kind(*e->at) == GMS__LIST16 ? 16 : 32))
		return;
	e->how = GMS__NEW_WORD;
	if (!e->nturned)
		e->how = GMS__NOTHING;
	else if (e->nruns == 1)
		e->word = gms__block_uniform(&e->map->palette,
					     gms__palette_state(&e->map->palette,
								e->entry[0] & 127));
	else if (e->nruns <= 5 && two_places(e))
		e->word = in_word(e);
	else
		e->how = e->nruns <= 16 ? GMS__NEW_LIST16 :
			 e->nruns <= 32 ? GMS__NEW_LIST32 : GMS__APART;
	e->entry[0] &= 127;	/* it begins with the block */
}

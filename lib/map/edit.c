/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edit.c - set and clear attributes of a range.
 *
 * An edit cannot fail: gms__map_needs() told before how many chunks and leaves
 * it may want, and the caller has them in hand. Tables that an edit makes
 * superfluous go back into that hand, so undoing an edit cannot fail either.
 *
 * A GiB or block whose word or leaf is replaced changes in one instant. Bits of
 * a plane change 64 at a time. So a reader sees of every page the old or the
 * new state.
 *
 * Locking: the caller holds the stripes of all it edits, or owns the GiB.
 * Writers read plainly what only writers change, and store what readers look at
 * with gms__store().
 */
#include "base/bits.h"
#include "base/debug.h"
#include "map/changes.h"
#include "map/edit.h"

#define PAGES	((unsigned)GMS__BLOCK_PAGES)

/*
 * The kind a block will have. A block that is covered whole keeps its kind of
 * leaf even where a smaller one would do: so one spare of each class is enough
 * for any number of them.
 */
static enum gms__kind kind_after(struct gms__palette *palette, const struct gms__runs *runs,
				 uint64_t word, bool is_whole)
{
	const enum gms__kind kind = gms__runs_kind(runs, palette), old = gms__block_kind(word);

	if (!is_whole || !gms__block_has_leaf(kind) || kind == GMS__WIDE || old == GMS__PLANE)
		return kind;
	return old;
}

/*
 * A leaf from the hand for a kind, or for a larger one. An edit that is undone
 * may find the block's old leaf only, which was larger than it had to be; or
 * smaller, where a list had come down to two states.
 */
static void *leaf_for(struct gms__tables *tables, unsigned nruns, enum gms__kind *kind)
{
	void *leaf;

	if (*kind == GMS__PLANE && nruns <= 16 && !tables->leaves[GMS__LEAF64].n &&
	    tables->leaves[GMS__LEAF32].n)
		*kind = GMS__LIST16;
	for (;;) {
		leaf = gms__stock_pop(&tables->leaves[gms__block_class(*kind)]);
		if (leaf || *kind == GMS__WIDE)
			break;
		*kind = *kind == GMS__LIST16 ? GMS__LIST32 :
			*kind == GMS__BYTES ? GMS__WIDE : GMS__BYTES;
	}
	gms__assert(leaf);
	return leaf;
}

/* Take the block apart into runs and put it together again. */
static void edit_apart(struct gms__edit *e, struct gms__tables *tables)
{
	struct gms__palette *palette = &e->map->palette;
	struct gms__runs runs;
	enum gms__kind kind;
	void *leaf = NULL;

	e->delta = (struct gms__delta){ { 0 } };
	gms__runs_of(&runs, palette, *e->at, e->lo, e->hi);
	if (!gms__runs_edit(&runs, e->first, e->end, e->set, e->clear, &e->delta))
		return;
	kind = kind_after(palette, &runs, *e->at, gms__edit_whole(e));
	if (gms__block_has_leaf(kind))
		leaf = leaf_for(tables, runs.n, &kind);
	gms__edit_publish(e, gms__runs_word(&runs, kind, palette, leaf), tables);
}

static void edit_block(struct gms__edit *e, struct gms__tables *tables)
{
	int class;

	gms__edit_look(e);
	class = gms__edit_class(e);
	if (e->how == GMS__APART && gms__block_kind(*e->at) == GMS__BYTES &&
	    gms__edit_do_bytes(e, tables))
		return;
	if (e->how == GMS__APART || (class >= 0 && !tables->leaves[class].n))
		edit_apart(e, tables);	/* which takes larger leaves too */
	else
		gms__edit_do(e, tables);
}

static void count_groups(struct gms__chunk *chunk, unsigned b, unsigned n, int pages_each)
{
	for (unsigned at = b; at < b + n; at++) {
		uint16_t *shared = &chunk->shared[at / GMS__GROUP_BLOCKS];

		gms__store(shared, (uint16_t)(*shared + pages_each));
	}
}

/* Blocks [b, b + n) of a chunk, all whole and uniform in one state, turn to another. */
static void fill(struct gms__chunk *chunk, unsigned b, unsigned n, uint64_t word, gms_state old,
		 gms_state new)
{
	const bool to_shared = new & GMS_STATE_SHARED, turns = (old ^ new) & GMS_STATE_SHARED;
	struct gms__delta delta = { { 0 } };

	gms__delta_turn(&delta, old, new, n * PAGES);
	gms__count_pages(chunk, &delta, GMS__COUNT_SHARED, true);
	if (turns && to_shared)
		count_groups(chunk, b, n, (int)PAGES);
	for (unsigned at = b; at < b + n; at++)
		gms__store(&chunk->word[at], word);
	if (turns && !to_shared)
		count_groups(chunk, b, n, -(int)PAGES);
	gms__count_pages(chunk, &delta, GMS__COUNT_SHARED, false);
}

/* Uniform blocks that begin at pos and end by end; returns how many were done. */
static unsigned edit_stretch(struct gms__map *map, struct gms__chunk *chunk, gms_gfn pos,
			     gms_gfn end, gms_state set, gms_state clear)
{
	const unsigned b = gms__block_index(pos);
	const uint64_t word = chunk->word[b];
	const gms_state old = gms__block_state(&map->palette, word);
	const gms_state new = gms__changed(old, set, clear);
	unsigned n;

	if (!gms__block_is_uniform(word))
		return 0;
	n = map->bulk->equal_prefix(&chunk->word[b], (unsigned)((end - pos) / GMS__BLOCK_PAGES),
				    word, ~UINT64_C(0));
	if (old != new)
		fill(chunk, b, n,
		     gms__block_uniform(&map->palette, new) | (word & GMS__BLOCK_SPLIT), old, new);
	return n;
}

/*
 * What all pages of a GiB will be, if they will all be the same; false: they
 * will not, or it is too long a question.
 */
static bool uniform_after(const struct gms__map *map, const struct gms__chunk *chunk,
			  unsigned first, unsigned last, gms_state set, gms_state clear,
			  gms_state *state)
{
	*state = GMS_HOLE;
	for (unsigned b = first; b <= last; b++) {
		const uint64_t word = chunk->word[b];
		gms_state base, other;

		if (gms__block_is_list(word) || gms__block_is_split(word))
			return false;
		if (gms__block_is_uniform(word)) {
			base = gms__block_state(&map->palette, word);
			other = base;
		} else {
			base = gms__palette_state(&map->palette, gms__block_base(word));
			other = gms__palette_state(&map->palette, gms__block_other(word));
		}
		base = gms__changed(base, set, clear);
		if (base != gms__changed(other, set, clear) ||
		    (base != *state && *state != GMS_HOLE))
			return false;
		*state = base;
	}
	return true;
}

/* W5: a GiB turns uniform in one store; what it was made of goes into the hand. */
static void drop_chunk(const struct gms__region *r, gms_gfn gfn, unsigned first, unsigned last,
		       gms_state state, struct gms__tables *tables)
{
	uint64_t *at = gms__gib_at(r, gfn);
	struct gms__chunk *chunk = gms__word_table(*at);

	gms__store(at, gms__word_next(*at, gms__word_uniform(state) | (*at & GMS__WORD_SPLIT)));
	gms__store(&chunk->generation, chunk->generation + 1);
	for (unsigned b = first; chunk->nmixed && b <= last; b++) {
		const uint64_t word = chunk->word[b];

		if (gms__block_has_leaf(word))
			gms__stock_push(&tables->leaves[gms__block_class(word)],
					gms__block_leaf(word));
	}
	gms__stock_push(&tables->chunks, chunk);
}

/* A whole GiB, if it will be uniform. */
static bool edit_whole_gib(struct gms__map *map, const struct gms__region *r, gms_gfn gfn,
			   gms_state set, gms_state clear, struct gms__tables *tables)
{
	const unsigned first = gms__block_index(gms__clip_lo(r, gfn, GMS__GIB_PAGES));
	const unsigned last = gms__block_index(gms__clip_hi(r, gfn, GMS__GIB_PAGES) - 1);
	uint64_t *at = gms__gib_at(r, gfn);
	gms_state state;

	if (gms__word_is_uniform(*at)) {
		state = gms__changed(gms__word_state(*at), set, clear);
		gms__store(at, gms__word_next(*at, gms__word_uniform(state) |
						   (*at & GMS__WORD_SPLIT)));
	} else {
		struct gms__chunk *chunk = gms__word_table(*at);

		if (chunk->nsplit || chunk->nlists ||
		    !uniform_after(map, chunk, first, last, set, clear, &state))
			return false;
		drop_chunk(r, gfn, first, last, state, tables);
	}
	if (!(state & GMS_STATE_SHARED))
		gms__darken(gms__words_of(r), at);
	return true;
}

/* Edit pages [first, end) of the one GiB they are in. */
static void edit_gib(struct gms__map *map, const struct gms__region *r, gms_gfn first,
		     gms_gfn end, gms_state set, gms_state clear, struct gms__tables *tables)
{
	const uint64_t *at = gms__gib_at(r, first);
	const bool all = first == gms__clip_lo(r, first, GMS__GIB_PAGES) &&
			 end == gms__clip_hi(r, first, GMS__GIB_PAGES);
	struct gms__chunk *chunk;
	struct gms__edit e;
	gms_gfn pos, stop;

	if (gms__word_is_uniform(*at)) {
		const gms_state old = gms__word_state(*at);

		if (gms__changed(old, set, clear) == old)
			return;
	}
	gms__changes_note(map, r, first, end);
	if (set & GMS_STATE_SHARED)
		gms__light(gms__words_of(r), at);
	if (all && edit_whole_gib(map, r, first, set, clear, tables))
		return;
	chunk = gms__chunk_get(map, r, first, tables);
	for (pos = first; pos < end; pos = stop) {
		if (!(pos % GMS__BLOCK_PAGES) && end - pos >= GMS__BLOCK_PAGES) {
			const unsigned n = edit_stretch(map, chunk, pos, end, set, clear);

			stop = pos + n * GMS__BLOCK_PAGES;
			if (n)
				continue;
		}
		stop = gms__min(end, (pos | (GMS__BLOCK_PAGES - 1)) + 1);
		gms__edit_begin(&e, map, r, chunk, pos, stop, set, clear);
		edit_block(&e, tables);
	}
	if (!chunk->pages[GMS__COUNT_SHARED])
		gms__darken(gms__words_of(r), at);
	gms__map_settle(map, r, first, tables, all || gms__map_is_owned(map, first));	/* O3 */
}

void gms__map_edit(struct gms__map *map, const struct gms__region *r, gms_gfn first, gms_gfn end,
		   gms_state set, gms_state clear, struct gms__tables *tables)
{
	while (first < end) {
		const gms_gfn stop = gms__min(end, (first | (GMS__GIB_PAGES - 1)) + 1);

		edit_gib(map, r, first, stop, set, clear, tables);
		first = stop;
	}
}

/*
 * Bits of one word of a plane that turn shared or private, the edit that a
 * fragmented guest makes most; false: it is not that.
 */
static bool quick_bits(struct gms__map *map, struct gms__chunk *chunk, uint64_t block,
		       gms_gfn first, gms_gfn end, gms_state set, gms_state clear)
{
	const struct gms__two_states s = gms__block_two_states(&map->palette, block, set, clear);
	uint64_t *word = (uint64_t *)gms__block_leaf(block) + first / 64 % 8;
	const uint64_t bits = (~UINT64_C(0) >> (64 - (end - first))) << first % 64;
	uint16_t *group = &chunk->shared[gms__block_index(first) / GMS__GROUP_BLOCKS];
	uint64_t turned, after;
	int32_t n;

	if ((s.base ^ s.other) != GMS_STATE_SHARED || !gms__two_join(&s))
		return false;
	turned = s.new_base == s.other ? ~*word & bits : *word & bits;
	after = *word ^ turned;
	if (!after || after == ~UINT64_C(0))	/* the block may have become simple */
		return false;
	n = turned & (turned - 1) ? (int32_t)gms__bits(turned) : turned != 0;
	n = s.new_base & GMS_STATE_SHARED ? n : -n;
	if (n > 0)	/* M2 */
		gms__count_shared(chunk, group, n);
	gms__store(word, after);
	if (n < 0)
		gms__count_shared(chunk, group, n);
	return true;
}

/* A uniform block that turns whole, or a part of which turns: a run in the word. */
static bool quick_uniform(struct gms__map *map, struct gms__chunk *chunk, uint64_t *at,
			  gms_gfn first, gms_gfn end, gms_state set, gms_state clear)
{
	const gms_state old = gms__block_state(&map->palette, *at);
	const gms_state new = gms__changed(old, set, clear);
	const unsigned npages = (unsigned)(end - first), page = first % GMS__BLOCK_PAGES;
	const int32_t n = new & GMS_STATE_SHARED ? (int32_t)npages : -(int32_t)npages;
	uint16_t *group = &chunk->shared[gms__block_index(first) / GMS__GROUP_BLOCKS];
	const uint64_t split = *at & GMS__BLOCK_SPLIT;
	uint64_t word;
	int place;

	if ((old ^ new) != GMS_STATE_SHARED || gms__block_kind(*at) == GMS__PLAIN)
		return false;
	place = gms__palette_place(&map->palette, new);
	if (place < 0)
		return false;
	if (npages == PAGES) {
		word = gms__block_uniform(&map->palette, new) | split;
	} else {
		word = gms__block_runs(gms__block_places(gms__block_base(*at), (unsigned)place),
				       page, page + npages, PAGES, PAGES) | split;
		chunk->nmixed++;
	}
	if (n > 0)	/* M2 */
		gms__count_shared(chunk, group, n);
	gms__store(at, word);
	if (n < 0)
		gms__count_shared(chunk, group, n);
	return true;
}

/* What is edited most, straight on; false: nothing has changed. */
static bool quick(struct gms__map *map, const struct gms__region *r, struct gms__chunk *chunk,
		  gms_gfn first, gms_gfn end, gms_state set, gms_state clear,
		  struct gms__tables *tables)
{
	uint64_t *at = &chunk->word[gms__block_index(first)];

	/* At a region's border a block is whole with fewer pages. */
	if (r->first > (first & ~(GMS__BLOCK_PAGES - 1)) ||
	    r->first + r->npages <= (first | (GMS__BLOCK_PAGES - 1)))
		return false;
	switch (gms__block_kind(*at)) {
	case GMS__UNIFORM:
		if (!quick_uniform(map, chunk, at, first, end, set, clear))
			return false;
		gms__map_after(map, r, first, chunk, tables);
		return true;
	case GMS__PLANE:
		return first / 64 == (end - 1) / 64 && chunk->pages[GMS__COUNT_SHARED] &&
		       quick_bits(map, chunk, *at, first, end, set, clear);
	default:
		return false;
	}
}

bool gms__map_edit_try(struct gms__map *map, const struct gms__region *r, gms_gfn first,
		       gms_gfn end, gms_state set, gms_state clear, struct gms__tables *tables)
{
	const uint64_t *at = gms__gib_at(r, first);
	struct gms__chunk *chunk;
	struct gms__edit e;
	int class;

	if (gms__word_is_uniform(*at))
		return gms__changed(gms__word_state(*at), set, clear) == gms__word_state(*at);
	chunk = gms__word_table(*at);
	if (set & GMS_STATE_SHARED)
		gms__light(gms__words_of(r), at);
	if (quick(map, r, chunk, first, end, set, clear, tables)) {
		gms__changes_note(map, r, first, end);
		return true;
	}
	gms__edit_begin(&e, map, r, chunk, first, end, set, clear);
	gms__edit_look(&e);
	class = gms__edit_class(&e);
	if (e.how == GMS__APART || (class >= 0 && !tables->leaves[class].n))
		return false;
	if (e.how != GMS__NOTHING)
		gms__changes_note(map, r, first, end);
	gms__edit_do(&e, tables);
	gms__map_after(map, r, first, chunk, tables);
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * needs.c - how many tables an edit may want, told before it begins (C1).
 *
 * An edit wants tables for the blocks at its two edges, which it covers in
 * part; between them a block keeps its kind of leaf or becomes uniform, so one
 * spare of each class serves for all.
 *
 * Locking: the caller holds the stripes of all it asks about.
 */
#include "map/edit.h"

/*
 * Several segments of a batch change one block: what it is on the way, and in
 * the end, may be of any class. true: that was provided for, once for all.
 */
static bool several(struct gms__needs *needs, uint64_t id)
{
	if (needs->last_block == id && needs->last_detour != id) {
		for (unsigned c = 0; c < GMS__LEAF_CLASSES; c++)
			needs->leaves[c]++;
		needs->last_detour = id;
		needs->detours = true;
	}
	needs->last_block = id;
	return needs->last_detour == id;
}

/* The leaf that a block will have after an edit of a part; -1: none, or the one it has. */
static int leaf_after(struct gms__map *map, const struct gms__region *r, uint64_t word,
		      gms_gfn edge, gms_gfn first, gms_gfn end, gms_state set, gms_state clear,
		      bool *changes)
{
	const gms_gfn base = edge & ~(GMS__BLOCK_PAGES - 1);
	const gms_gfn lo = gms__clip_lo(r, edge, GMS__BLOCK_PAGES);
	const gms_gfn hi = gms__clip_hi(r, edge, GMS__BLOCK_PAGES);
	const unsigned from = (unsigned)(gms__max(first, lo) - base);
	const unsigned to = (unsigned)(gms__min(end, hi) - base);
	struct gms__delta unused = { { 0 } };
	struct gms__runs runs;
	enum gms__kind kind;

	*changes = true;
	if (gms__block_is_uniform(word)) {
		const gms_state old = gms__block_state(&map->palette, word);
		const gms_state new = gms__changed(old, set, clear);

		*changes = old != new;
		/* Places are taken here and now: later there may be none. */
		if (old == new || (gms__palette_place(&map->palette, old) >= 0 &&
				   gms__palette_place(&map->palette, new) >= 0))
			return -1;
		return GMS__LEAF1024;
	}
	if (gms__block_kind(word) == GMS__PLANE) {
		const struct gms__two_states s =
			gms__block_two_states(&map->palette, word, set, clear);

		if (gms__two_stay(&s) || gms__two_join(&s))	/* in place */
			return -1;
	}
	if (gms__block_kind(word) == GMS__BYTES &&
	    gms__bytes_placed(&map->palette, word, from, to, set, clear))
		return -1;	/* in place */
	gms__runs_of(&runs, &map->palette, word, (unsigned)(lo - base), (unsigned)(hi - base));
	*changes = gms__runs_edit(&runs, from, to, set, clear, &unused);
	kind = gms__runs_kind(&runs, &map->palette);
	return *changes && gms__block_has_leaf(kind) ? (int)gms__block_class(kind) : -1;
}

/* What the GiB and the block at one edge of an edit may need. */
static void needs_edge(struct gms__map *map, const struct gms__region *r, gms_gfn edge,
		       gms_gfn first, gms_gfn end, gms_state set, gms_state clear,
		       struct gms__needs *needs)
{
	const uint64_t gib = *gms__gib_at(r, edge), gib_id = gms__gib_identity(r, edge);
	uint64_t word;
	bool changes;
	int class;

	if (!gms__word_is_uniform(gib)) {
		word = gms__chunk_of(r, edge)->word[gms__block_index(edge)];
	} else {
		const gms_state old = gms__word_state(gib);

		if (gms__changed(old, set, clear) == old ||
		    (first <= gms__clip_lo(r, edge, GMS__GIB_PAGES) &&
		     end >= gms__clip_hi(r, edge, GMS__GIB_PAGES)))
			return;
		if (needs->last_gib != gib_id) {
			needs->last_gib = gib_id;
			needs->chunks++;
		}
		word = gms__block_uniform(&map->palette, old);
	}
	if (first <= gms__clip_lo(r, edge, GMS__BLOCK_PAGES) &&
	    end >= gms__clip_hi(r, edge, GMS__BLOCK_PAGES)) {
		needs->spares |= gms__block_has_leaf(word);
		return;
	}
	class = leaf_after(map, r, word, edge, first, end, set, clear, &changes);
	if (changes && !several(needs, gms__block_identity(r, edge)) &&
	    class >= 0)
		needs->leaves[class]++;
}

void gms__map_needs(struct gms__map *map, const struct gms__region *r, gms_gfn first,
		    gms_gfn end, gms_state set, gms_state clear, struct gms__needs *needs)
{
	needs_edge(map, r, first, first, end, set, clear, needs);
	if (first / GMS__BLOCK_PAGES == (end - 1) / GMS__BLOCK_PAGES)
		return;
	/* Between the edges every block is covered whole. */
	for (gms_gfn at = first; at < end && !needs->spares; at = (at | (GMS__GIB_PAGES - 1)) + 1) {
		const struct gms__chunk *chunk = gms__chunk_of(r, at);

		needs->spares = chunk && chunk->nlists;
	}
	needs_edge(map, r, end - 1, first, end, set, clear, needs);
}

/*
 * Blocks that are covered whole keep their kind of leaf, unless the palette has
 * no place for a state they turn to: then they become WIDE, and of those the
 * run touches at most two are not uniform throughout.
 */
void gms__map_needs_state(struct gms__map *map, gms_state state, struct gms__needs *needs)
{
	if (gms__palette_place(&map->palette, state) < 0)
		needs->leaves[GMS__LEAF1024] += 2;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edit.c - set and clear attributes of a range.
 *
 * An edit cannot fail: gms__map_needs() told before how many chunks and leaves
 * it may want, and the caller has them in hand. Tables that an edit makes
 * superfluous go back into that hand, so undoing an edit cannot fail either.
 *
 * A block whose word or leaf is replaced changes in one instant. Bits of a
 * plane change 64 at a time. So a reader sees of every page the old or the new
 * state.
 *
 * Locking: the caller holds the stripes of all it edits. Writers read plainly
 * what only writers change, and store what readers look at with gms__store().
 */
#include <string.h>

#include "base/debug.h"
#include "map/map.h"

static uint64_t gib_index(const struct gms__region *r, gms_gfn gfn)
{
	return (gfn >> GMS_ORDER_1G) - (r->first >> GMS_ORDER_1G);
}

static gms_state changed(gms_state state, gms_state set, gms_state clear)
{
	return (state & ~clear) | set;
}

/* The part of the aligned block of npages around gfn that is in the region. */
static gms_gfn clip_lo(const struct gms__region *r, gms_gfn gfn, uint64_t npages)
{
	return gms__max(gfn & ~(npages - 1), r->first);
}

static gms_gfn clip_hi(const struct gms__region *r, gms_gfn gfn, uint64_t npages)
{
	return gms__min((gfn | (npages - 1)) + 1, r->first + r->npages);
}

/* One edit of one block: pages [first, end) of [lo, hi), counted in the block. */
struct edit {
	struct gms__map	   *map;
	struct gms__chunk  *chunk;
	uint64_t	   *at;
	struct gms__tables *tables;
	unsigned lo, hi, first, end;
	gms_state set, clear;
};

static bool whole(const struct edit *e)
{
	return e->first == e->lo && e->end == e->hi;
}

static void publish(struct edit *e, uint64_t word)
{
	const uint64_t old = *e->at;

	word |= old & GMS__BLOCK_SPLIT;
	/* R1 of map.h */
	if (gms__block_has_leaf(old) || gms__block_has_leaf(word))
		gms__store(&e->chunk->generation, e->chunk->generation + 1);
	e->chunk->nmixed += (gms__block_kind(word) != GMS__UNIFORM) -
			    (gms__block_kind(old) != GMS__UNIFORM);
	gms__store(e->at, word);
	if (gms__block_has_leaf(old) && gms__block_leaf(old) != gms__block_leaf(word))
		gms__stock_push(&e->tables->leaves[gms__block_class(old)], gms__block_leaf(old));
}

static uint64_t two_runs(unsigned base, unsigned other, unsigned s1, unsigned l1, unsigned s2,
			 unsigned l2)
{
	return GMS__RUNS | (uint64_t)base << 4 | (uint64_t)other << 11 | (uint64_t)s1 << 18 |
	       (uint64_t)l1 << 27 | (uint64_t)s2 << 36 | (uint64_t)l2 << 45;
}

/* A uniform block, changed whole or in one stretch; false: not that simple. */
static bool edit_uniform(struct edit *e)
{
	const gms_state old = gms__block_state(*e->at), new = changed(old, e->set, e->clear);
	int base, other;

	if (old == new)
		return true;
	if (whole(e)) {
		publish(e, gms__block_uniform(new));
		return true;
	}
	base = gms__palette_place(&e->map->palette, old);
	other = gms__palette_place(&e->map->palette, new);
	if (base < 0 || other < 0)
		return false;
	publish(e, two_runs((unsigned)base, (unsigned)other, e->first, e->end - e->first, 0, 0));
	return true;
}

/* A run that comes or goes as a whole; false: not that simple. */
static bool edit_runs(struct edit *e)
{
	const struct gms__palette *palette = &e->map->palette;
	const uint64_t word = *e->at;
	const unsigned base = gms__block_base(word), other = gms__block_other(word);
	const unsigned s1 = word >> 18 & 511, l1 = word >> 27 & 511;
	const unsigned s2 = word >> 36 & 511, l2 = word >> 45 & 511;
	const gms_state in = gms__palette_state(palette, other);
	const gms_state out = gms__palette_state(palette, base);
	const unsigned n = e->end - e->first;

	if (changed(in, e->set, e->clear) == out) {
		if (e->first == s1 && n == l1) {
			publish(e, l2 ? two_runs(base, other, s2, l2, 0, 0) :
					gms__block_uniform(out));
			return true;
		}
		if (l2 && e->first == s2 && n == l2) {
			publish(e, two_runs(base, other, s1, l1, 0, 0));
			return true;
		}
	}
	if (changed(out, e->set, e->clear) == in && !l2 && !whole(e)) {
		if (e->first > s1 + l1) {
			publish(e, two_runs(base, other, s1, l1, e->first, n));
			return true;
		}
		if (e->end < s1 && e->end > e->lo) {
			publish(e, two_runs(base, other, e->first, n, s1, l1));
			return true;
		}
	}
	return false;
}

static unsigned plane_edit(uint64_t *plane, unsigned first, unsigned end, bool bit)
{
	unsigned turned = 0;

	while (first < end) {
		uint64_t *w = &plane[first / 64];
		const unsigned n = 64 - first % 64 < end - first ? 64 - first % 64 : end - first;
		const uint64_t bits = (~UINT64_C(0) >> (64 - n)) << first % 64;
		const uint64_t new = bit ? *w | bits : *w & ~bits;

		turned += (unsigned)__builtin_popcountll(*w ^ new);
		if (*w != new)
			gms__store(w, new);
		first += n;
	}
	return turned;
}

/* A plane with no more ones, or zeros, may have so few runs that a word holds them. */
#define FEW	8

static unsigned plane_ones(const uint64_t *plane)
{
	unsigned n = 0;

	for (unsigned w = 0; w < GMS__BLOCK_PAGES / 64; w++)
		n += (unsigned)__builtin_popcountll(plane[w]);
	return n;
}

/* Does a plane stay one of the same two states? */
static bool in_place(const struct gms__palette *palette, uint64_t word, gms_state set,
		     gms_state clear)
{
	const gms_state base = gms__palette_state(palette, gms__block_base(word));
	const gms_state other = gms__palette_state(palette, gms__block_other(word));
	const gms_state new = changed(base, set, clear);

	return new == changed(other, set, clear) && (new == base || new == other);
}

/*
 * Bits of a plane, in place; false: not that simple, or *settle: done, but the
 * block may have fewer runs now than a plane is for.
 */
static bool edit_plane(struct edit *e, bool *settle)
{
	const struct gms__palette *palette = &e->map->palette;
	const gms_state base = gms__palette_state(palette, gms__block_base(*e->at));
	const gms_state other = gms__palette_state(palette, gms__block_other(*e->at));
	uint64_t *plane = gms__block_leaf(*e->at);
	unsigned ones;

	if (changed(base, e->set, e->clear) == base && changed(other, e->set, e->clear) == other)
		return true;
	if (whole(e) || !in_place(palette, *e->at, e->set, e->clear))
		return false;
	if (!plane_edit(plane, e->first, e->end, changed(base, e->set, e->clear) == other))
		return true;
	ones = plane_ones(plane);
	*settle = ones <= FEW || ones + FEW >= e->hi - e->lo;
	return !*settle;
}

/* The other places, the same bits or runs: a whole block of two states. */
static bool edit_places(struct edit *e)
{
	struct gms__palette *palette = &e->map->palette;
	const uint64_t word = *e->at;
	const gms_state base = changed(gms__palette_state(palette, gms__block_base(word)),
				       e->set, e->clear);
	const gms_state other = changed(gms__palette_state(palette, gms__block_other(word)),
					e->set, e->clear);
	int b, o;

	if (base == other) {
		publish(e, gms__block_uniform(base));
		return true;
	}
	b = gms__palette_place(palette, base);
	o = gms__palette_place(palette, other);
	if (b < 0 || o < 0)
		return false;
	if (gms__block_kind(word) == GMS__RUNS)
		publish(e, (word & ~(UINT64_C(0x3fff) << 4)) | (uint64_t)b << 4 |
			   (uint64_t)o << 11);
	else
		publish(e, (word & (GMS__BLOCK_PTR | GMS__PLANE)) | (uint64_t)b << 48 |
			   (uint64_t)o << 55);
	return true;
}

/*
 * The kind a block will have. A block that is covered whole keeps its kind of
 * leaf even where a smaller one would do: so one spare of each class is enough
 * for any number of them.
 */
static enum gms__kind kind_after(struct gms__palette *palette, const struct gms__runs *runs,
				 uint64_t word, bool is_whole)
{
	const enum gms__kind kind = gms__runs_kind(runs, palette), old = gms__block_kind(word);

	if (!is_whole || kind <= GMS__RUNS || kind == GMS__WIDE || old == GMS__PLANE)
		return kind;
	return old;
}

/*
 * A leaf from the hand for a kind, or for a larger one. An edit that is undone
 * may find the block's old leaf only, which was larger than it had to be.
 */
static void *leaf_for(struct edit *e, enum gms__kind *kind)
{
	void *leaf;

	for (;;) {
		leaf = gms__stock_pop(&e->tables->leaves[gms__block_class(*kind)]);
		if (leaf || *kind == GMS__WIDE)
			break;
		*kind = *kind == GMS__LIST16 ? GMS__LIST32 :
			*kind == GMS__BYTES ? GMS__WIDE : GMS__BYTES;
	}
	gms__assert(leaf);
	return leaf;
}

static void edit_general(struct edit *e, bool settle)
{
	struct gms__palette *palette = &e->map->palette;
	const uint64_t word = *e->at;
	struct gms__runs runs;
	enum gms__kind kind;
	void *leaf = NULL;

	gms__runs_of(&runs, palette, word, e->lo, e->hi);
	/*
	 * An edit that changes nothing was not provided for. After a plane's
	 * bits changed in place it is not this one that changes them.
	 */
	if (!gms__runs_edit(&runs, e->first, e->end, e->set, e->clear) && !settle)
		return;
	kind = kind_after(palette, &runs, word, whole(e));
	if (kind >= GMS__LIST16)
		leaf = leaf_for(e, &kind);
	publish(e, gms__runs_word(&runs, kind, palette, leaf));
}

static void edit_block(struct edit *e)
{
	const enum gms__kind kind = gms__block_kind(*e->at);
	bool settle = false;

	if (kind == GMS__UNIFORM && edit_uniform(e))
		return;
	if (whole(e) && (kind == GMS__RUNS || kind == GMS__PLANE) && edit_places(e))
		return;
	if (kind == GMS__RUNS && edit_runs(e))
		return;
	if (kind == GMS__PLANE && edit_plane(e, &settle))
		return;
	edit_general(e, settle);
}

static void edit_range(struct gms__map *map, const struct gms__region *r,
		       struct gms__chunk *chunk, gms_gfn first, gms_gfn end, gms_state set,
		       gms_state clear, struct gms__tables *tables)
{
	const unsigned b = gms__block_index(first);
	const gms_gfn base = first & ~(GMS__BLOCK_PAGES - 1);
	struct edit e = {
		.map = map, .chunk = chunk, .at = &chunk->word[b], .tables = tables,
		.lo = (unsigned)(clip_lo(r, first, GMS__BLOCK_PAGES) - base),
		.hi = (unsigned)(clip_hi(r, first, GMS__BLOCK_PAGES) - base),
		.first = (unsigned)(first - base), .end = (unsigned)(end - base),
		.set = set, .clear = clear,
	};
	uint16_t *pair = &chunk->shared[b / 2];
	unsigned before = 0, after;

	if ((set | clear) & GMS_STATE_SHARED)
		before = gms__block_shared(&map->palette, *e.at, e.first, e.end);
	edit_block(&e);
	if (!((set | clear) & GMS_STATE_SHARED))
		return;
	after = set & GMS_STATE_SHARED ? e.end - e.first : 0;
	if (before == after)
		return;
	gms__store(pair, (uint16_t)(*pair + after - before));
	gms__store(&chunk->shared_pages, chunk->shared_pages + after - before);
}

/* Edit pages [first, end) of the one GiB they are in. */
static void edit_gib(struct gms__map *map, const struct gms__region *r, gms_gfn first,
		     gms_gfn end, gms_state set, gms_state clear, struct gms__tables *tables)
{
	uint64_t *at = &r->word[gib_index(r, first)];
	const bool all = first == clip_lo(r, first, GMS__GIB_PAGES) &&
			 end == clip_hi(r, first, GMS__GIB_PAGES);
	struct gms__chunk *chunk;

	if (gms__word_is_uniform(*at)) {
		const gms_state old = gms__word_state(*at), new = changed(old, set, clear);

		if (old == new)
			return;
		if (all) {
			gms__store(at, gms__word_next(*at, gms__word_uniform(new) |
							   (*at & GMS__WORD_SPLIT)));
			return;
		}
	}
	chunk = gms__chunk_get(r, first, tables);
	for (gms_gfn pos = first; pos < end;) {
		const gms_gfn stop = gms__min(end, (pos | (GMS__BLOCK_PAGES - 1)) + 1);

		edit_range(map, r, chunk, pos, stop, set, clear, tables);
		pos = stop;
	}
	/*
	 * Single pages that come and go would make and drop a chunk each time,
	 * so only a larger edit, or one of the whole GiB, gives it back.
	 */
	if (all || end - first >= GMS__BLOCK_PAGES)
		gms__map_collapse(r, first, tables);
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

/* Regions that share a GiB have each a word for it: that is what tells two apart. */
static uint64_t gib_identity(const struct gms__region *r, gms_gfn gfn)
{
	return (uintptr_t)&r->word[gib_index(r, gfn)] / sizeof(uint64_t);
}

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

/* The leaf that the block at one edge of an edit will have, if the edit covers it in part. */
static void needs_leaf(struct gms__map *map, const struct gms__region *r, uint64_t word,
		       gms_gfn edge, gms_gfn first, gms_gfn end, gms_state set, gms_state clear,
		       struct gms__needs *needs)
{
	const gms_gfn base = edge & ~(GMS__BLOCK_PAGES - 1);
	const gms_gfn lo = clip_lo(r, edge, GMS__BLOCK_PAGES);
	const gms_gfn hi = clip_hi(r, edge, GMS__BLOCK_PAGES);
	const uint64_t id = gib_identity(r, edge) * GMS__CHUNK_BLOCKS + gms__block_index(edge);
	struct gms__runs runs;
	enum gms__kind kind;

	if (first <= lo && end >= hi) {
		needs->spares |= gms__block_has_leaf(word);
		return;
	}
	if (gms__block_kind(word) == GMS__UNIFORM) {
		const gms_state old = gms__block_state(word);

		if (changed(old, set, clear) == old)
			return;
		if (several(needs, id))
			return;
		/* Places are taken here and now: later there may be none. */
		if (gms__palette_place(&map->palette, old) < 0 ||
		    gms__palette_place(&map->palette, changed(old, set, clear)) < 0)
			needs->leaves[GMS__LEAF1024]++;
		return;
	}
	if (gms__block_kind(word) == GMS__PLANE && in_place(&map->palette, word, set, clear)) {
		if (several(needs, id))
			return;
		needs->leaves[GMS__LEAF32]++;	/* should it turn out few */
		needs->leaves[GMS__LEAF64]++;
		return;
	}
	gms__runs_of(&runs, &map->palette, word, (unsigned)(lo - base), (unsigned)(hi - base));
	if (!gms__runs_edit(&runs, (unsigned)(gms__max(first, lo) - base),
			    (unsigned)(gms__min(end, hi) - base), set, clear))
		return;
	if (several(needs, id))
		return;
	kind = gms__runs_kind(&runs, &map->palette);
	if (kind >= GMS__LIST16)
		needs->leaves[gms__block_class(kind)]++;
}

/* What the GiB and the block at one edge of an edit may need. */
static void needs_edge(struct gms__map *map, const struct gms__region *r, gms_gfn edge,
		       gms_gfn first, gms_gfn end, gms_state set, gms_state clear,
		       struct gms__needs *needs)
{
	const uint64_t gib = r->word[gib_index(r, edge)];
	const uint64_t gib_id = gib_identity(r, edge);
	uint64_t word;

	if (!gms__word_is_uniform(gib)) {
		word = gms__chunk_of(r, edge)->word[gms__block_index(edge)];
	} else {
		const gms_state old = gms__word_state(gib);

		if (changed(old, set, clear) == old ||
		    (first <= clip_lo(r, edge, GMS__GIB_PAGES) &&
		     end >= clip_hi(r, edge, GMS__GIB_PAGES)))
			return;
		if (needs->last_gib != gib_id) {
			needs->last_gib = gib_id;
			needs->chunks++;
		}
		word = gms__block_uniform(old);
	}
	needs_leaf(map, r, word, edge, first, end, set, clear, needs);
}

void gms__map_needs(struct gms__map *map, const struct gms__region *r, gms_gfn first,
		    gms_gfn end, gms_state set, gms_state clear, struct gms__needs *needs)
{
	needs_edge(map, r, first, first, end, set, clear, needs);
	if (first >> GMS_ORDER_2M == (end - 1) >> GMS_ORDER_2M)
		return;
	/* Between the edges every block is covered whole. */
	for (gms_gfn at = first; at < end && !needs->spares; at = (at | (GMS__GIB_PAGES - 1)) + 1) {
		const struct gms__chunk *chunk = gms__chunk_of(r, at);

		needs->spares = chunk && chunk->nmixed;
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

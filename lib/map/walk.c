/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.c - runs, in order; see walk.h.
 *
 * A step reads one piece: a uniform GiB, a stretch of uniform 2 MiB blocks, or
 * the pages of a block that are equal. Each piece is checked on its own, as in
 * get.h; runs are made of pieces. So a run is of one moment only as far as one
 * piece reaches, and gms_read_begin() is for callers who need more.
 */
#include "map/piece.h"

#define PAGES		((unsigned)GMS__BLOCK_PAGES)
#define PLANE_WORDS	(PAGES / 64)

/* The first page of a plane from page on whose bit differs from flip's, or PAGES. */
static unsigned plane_next(const uint64_t *plane, uint64_t here, unsigned page, uint64_t flip)
{
	unsigned w = page / 64;
	uint64_t bits = (here ^ flip) & ~UINT64_C(0) << page % 64;

	while (!bits && ++w < PLANE_WORDS)
		bits = gms__load(&plane[w]) ^ flip;
	return bits ? w * 64 + (unsigned)__builtin_ctzll(bits) : PAGES;
}

/* The piece that begins at pos, which the cursor's plane has. */
static void plane_piece(const struct gms_cursor *cursor, gms_gfn pos, struct gms__piece *p)
{
	const gms_gfn base = pos & ~(GMS__BLOCK_PAGES - 1);
	const unsigned page = (unsigned)(pos - base);
	/* Read once: bits change in place, and the page must be in its own piece. */
	const uint64_t here = gms__load(&cursor->plane[page / 64]);
	const bool bit = here >> page % 64 & 1;

	p->first = pos;
	p->end = gms__min(base + plane_next(cursor->plane, here, page, bit ? ~UINT64_C(0) : 0),
			  cursor->first + cursor->npages);
	p->state = cursor->state[bit];
	p->region = cursor->region;
}

/* The piece of a chunk that begins at pos; the cursor stands on the plane, if it is one. */
static void chunk_piece(const struct gms__map *map, const struct gms__chunk *chunk,
			gms_gfn region_first, gms_gfn region_end, gms_gfn pos, gms_state mask,
			struct gms_cursor *cursor, struct gms__piece *p)
{
	const unsigned b = gms__block_index(pos);
	const gms_gfn base = pos & ~(GMS__BLOCK_PAGES - 1);
	const uint64_t word = gms__load(&chunk->word[b]);
	const struct gms__palette *palette = &map->palette;
	unsigned first, end, n;

	if (gms__block_is_uniform(word)) {
		n = map->bulk->equal_prefix(&chunk->word[b], GMS__CHUNK_BLOCKS - b, word,
					    ~GMS__BLOCK_SPLIT);
		/* Read again, it may have been another already. */
		p->end = base + (n ? n : 1) * GMS__BLOCK_PAGES;
		p->state = gms__block_state(palette, word) & mask;
		return;
	}
	if (gms__block_kind(word) == GMS__PLANE) {
		cursor->state[0] = (uint16_t)(gms__palette_state(palette, gms__block_base(word)) &
					      mask);
		cursor->state[1] = (uint16_t)(gms__palette_state(palette, gms__block_other(word)) &
					      mask);
		if (cursor->state[0] != cursor->state[1]) {
			cursor->plane = gms__block_leaf(word);
			cursor->first = gms__max(base, region_first);
			cursor->npages = gms__min(base + GMS__BLOCK_PAGES, region_end) -
					 cursor->first;
			plane_piece(cursor, pos, p);
			return;
		}
	}
	p->state = gms__block_piece(palette, word, (unsigned)(pos - base), mask, &first, &end);
	p->end = base + end;
}

/*
 * The piece that begins at gfn, or the first one after it when gfn is a hole;
 * false: there is none.
 */
static bool descend(const struct gms__map *map, gms_gfn gfn, gms_state mask,
		    struct gms_cursor *cursor, struct gms__piece *p)
{
	for (;;) {
		const struct gms__table *table;
		const struct gms__region *row;
		const struct gms__chunk *chunk;
		gms_gfn first, end;

		cursor->check = gms__load(&map->table);
		cursor->npages = 0;
		table = gms__word_table(cursor->check);
		row = gms__region_around(table, gfn);
		if (gfn >= gms__region_end(row) && gms__load(&row->first) <= gfn)
			row++;
		if (row >= table->row + gms__load(&table->n)) {
			if (gms__table_changed(map, cursor->check))
				continue;
			return false;
		}
		first = gms__load(&row->first);
		end = first + gms__load(&row->npages);
		p->first = gms__max(gfn, first);
		p->region = gms__region_id(row);
		cursor->region = p->region;
		cursor->gib_at = gms__gib_at(row, p->first);
		if (gms__unlikely(gms__table_changed(map, cursor->check)))
			continue;
		cursor->gib = gms__load(cursor->gib_at);
		if (gms__word_is_uniform(cursor->gib)) {
			p->end = gms__min((p->first | (GMS__GIB_PAGES - 1)) + 1, end);
			p->state = gms__word_state(cursor->gib) & mask;
			if (gms__likely(!gms__table_changed(map, cursor->check)))
				return true;
			continue;
		}
		chunk = gms__word_table(cursor->gib);
		cursor->generation = gms__load(&chunk->generation);
		chunk_piece(map, chunk, first, end, p->first, mask, cursor, p);
		p->end = gms__min(p->end, end);
		gms__read_fence();
		if (gms__likely(gms__still_there(map, cursor)))
			return true;
	}
}

static bool piece_at(const struct gms__map *map, gms_gfn pos, gms_state mask,
		     struct gms_cursor *cursor, struct gms__piece *p)
{
	if (gms__covers(cursor, pos)) {
		plane_piece(cursor, pos, p);
		if (gms__likely(gms__still_there(map, cursor)))
			return true;
	}
	return descend(map, pos, mask, cursor, p);
}

/* Make a run of the piece and those that follow and are equal to it. */
void gms__run_on(const struct gms__map *map, struct gms_cursor *cursor, gms_gfn *pos,
		 gms_gfn end, gms_state mask, struct gms__piece *p, struct gms_run *run)
{
	struct gms__piece more;

	/* What ends within a plane ends because the next page differs. */
	while (p->end < end && !gms__covers(cursor, p->end) &&
	       piece_at(map, p->end, mask, cursor, &more) && more.first == p->end &&
	       more.region == p->region && more.state == p->state)
		p->end = more.end;
	run->first = p->first;
	run->npages = gms__min(p->end, end) - p->first;
	run->state = p->state;
	run->region = p->region;
	*pos = p->first + run->npages;
}

bool gms__map_next_run(const struct gms__map *map, struct gms_cursor *cursor, gms_gfn *pos,
		       gms_gfn end, gms_state mask, struct gms_run *run)
{
	struct gms__piece p;

	if (*pos >= end)
		return false;
	if (!piece_at(map, *pos, mask, cursor, &p) || p.first >= end) {
		*pos = end;
		return false;
	}
	gms__run_on(map, cursor, pos, end, mask, &p, run);
	return true;
}

/* The equal pages around gfn, in one GiB word or one block. */
static bool around(const struct gms__map *map, gms_gfn gfn, gms_state mask, struct gms__piece *p,
		   gms_gfn *region_first)
{
	struct gms__region row;
	uint64_t check, gib, generation;
	const uint64_t *gib_at;
	unsigned first, end;
	bool good;

	do {
		if (!gms__region_find(map, gfn, &row, &check) || row.first > gfn)
			return false;
		gib_at = gms__gib_at(&row, gfn);
		gib = gms__load(gib_at);
		if (gms__word_is_uniform(gib)) {
			p->first = gfn & ~(GMS__GIB_PAGES - 1);
			p->end = p->first + GMS__GIB_PAGES;
			p->state = gms__word_state(gib) & mask;
			good = true;
		} else {
			const struct gms__chunk *chunk = gms__word_table(gib);

			generation = gms__load(&chunk->generation);
			p->state = gms__block_piece(
				&map->palette, gms__load(&chunk->word[gms__block_index(gfn)]),
				gfn % GMS__BLOCK_PAGES, mask, &first, &end);
			p->first = (gfn & ~(GMS__BLOCK_PAGES - 1)) + first;
			p->end = (gfn & ~(GMS__BLOCK_PAGES - 1)) + end;
			gms__read_fence();
			good = gms__load_relaxed(&chunk->generation) == generation &&
			       gms__load_relaxed(gib_at) == gib;
		}
	} while (gms__unlikely(!good || gms__table_changed(map, check)));
	p->first = gms__max(p->first, row.first);
	p->end = gms__min(p->end, row.first + row.npages);
	p->region = gms__region_id(&row);
	*region_first = row.first;
	return true;
}

bool gms__map_run_at(const struct gms__map *map, gms_gfn gfn, gms_state mask, struct gms_run *run)
{
	struct gms_cursor cursor = { 0 };
	gms_gfn pos = gfn, first, region_first, unused;
	struct gms__piece p, q;

	if (!around(map, gfn, mask, &p, &region_first))
		return false;
	for (first = p.first; first > region_first; first = q.first) {
		if (!around(map, first - 1, mask, &q, &unused) || q.region != p.region ||
		    q.state != p.state)
			break;
	}
	if (!gms__map_next_run(map, &cursor, &pos, GMS_GFN_LIMIT, mask, run))
		return false;
	if (run->region != p.region || run->state != p.state) {
		/* Changed in between: the piece is an answer of one moment. */
		run->first = p.first;
		run->npages = p.end - p.first;
		run->state = p.state;
		run->region = p.region;
		return true;
	}
	run->npages += run->first - first;
	run->first = first;
	return true;
}

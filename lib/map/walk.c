/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.c - runs and counts, block by block.
 *
 * A step reads one piece: a uniform GiB, a uniform 2 MiB block, or the pages of
 * a block that are equal. Each piece is checked on its own, as in get.c; runs
 * are made of pieces. So a run is of one moment only as far as one piece
 * reaches, and gms_read_begin() is for callers who need more.
 */
#include "map/map.h"

/* A piece: all pages of [first, end) have this state under the mask. */
struct piece {
	gms_gfn	  first;
	gms_gfn	  end;
	gms_state state;
	uint32_t  region;
	gms_gfn	  region_first;
};

/* The piece of one block of a chunk; false: it moved meanwhile. */
static bool chunk_piece(const struct gms__map *map, const struct gms__chunk *chunk, gms_gfn gfn,
			gms_state mask, struct piece *p)
{
	const gms_gfn base = gfn & ~(GMS__BLOCK_PAGES - 1);
	const struct gms__look look = gms__look(chunk, gfn);
	unsigned first, end;

	p->state = gms__block_piece(&map->palette, look.word, (unsigned)(gfn - base), mask, &first,
				    &end);
	p->first = base + first;
	p->end = base + end;
	return !gms__block_has_leaf(look.word) || gms__look_again(chunk, &look);
}

/*
 * The piece that holds gfn, or the first one after it when gfn is a hole;
 * false: there is none. Within a block the piece is found in both directions.
 */
static bool piece_at(const struct gms__map *map, gms_gfn gfn, gms_state mask, struct piece *p)
{
	struct gms__region row;
	uint64_t check, gib;
	const uint64_t *gib_at;
	gms_gfn at;
	bool good;

	do {
		if (!gms__region_find(map, gfn, &row, &check))
			return false;
		at = gms__max(gfn, row.first);
		gib_at = &row.word[(at >> GMS_ORDER_1G) - (row.first >> GMS_ORDER_1G)];
		gib = gms__load(gib_at);
		if (gms__word_is_uniform(gib)) {
			p->first = at & ~(GMS__GIB_PAGES - 1);
			p->end = p->first + GMS__GIB_PAGES;
			p->state = gms__word_state(gib) & mask;
			good = true;
		} else {
			good = chunk_piece(map, gms__word_table(gib), at, mask, p) &&
			       gms__load_relaxed(gib_at) == gib;
		}
	} while (gms__unlikely(!good || gms__table_changed(map, check)));
	p->first = gms__max(p->first, row.first);
	p->end = gms__min(p->end, row.first + row.npages);
	p->region = gms__region_id(&row);
	p->region_first = row.first;
	return true;
}

/*
 * The first run at or after *pos and before end. It begins at *pos or, after a
 * hole, at a region's start; *pos moves to its end.
 */
bool gms__map_next_run(const struct gms__map *map, gms_gfn *pos, gms_gfn end, gms_state mask,
		       struct gms_run *run)
{
	struct piece p, q;

	if (*pos >= end || !piece_at(map, *pos, mask, &p))
		return false;
	run->first = gms__max(*pos, p.first);
	if (run->first >= end) {
		*pos = end;
		return false;
	}
	while (p.end < end && piece_at(map, p.end, mask, &q) && q.region == p.region &&
	       q.state == p.state)
		p.end = q.end;
	run->npages = gms__min(p.end, end) - run->first;
	run->state = p.state;
	run->region = p.region;
	*pos = run->first + run->npages;
	return true;
}

bool gms__map_run_at(const struct gms__map *map, gms_gfn gfn, gms_state mask, struct gms_run *run)
{
	gms_gfn pos = gfn, first;
	struct piece p, q;

	if (!piece_at(map, gfn, mask, &p) || p.first > gfn)
		return false;
	for (first = p.first; first > p.region_first; first = q.first) {
		if (!piece_at(map, first - 1, mask, &q) || q.region != p.region ||
		    q.state != p.state)
			break;
	}
	if (!gms__map_next_run(map, &pos, GMS_GFN_LIMIT, mask, run))
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

/* Shared pages of [first, end) within one GiB of one region. */
static bool count_gib(const struct gms__map *map, const struct gms__region *row, uint64_t check,
		      gms_gfn first, gms_gfn end, uint64_t *n)
{
	const uint64_t g = (first >> GMS_ORDER_1G) - (row->first >> GMS_ORDER_1G);
	const uint64_t gib = gms__load(&row->word[g]);
	const gms_gfn base = first & ~(GMS__GIB_PAGES - 1);
	const struct gms__chunk *chunk;

	*n = 0;
	if (gms__word_is_uniform(gib)) {
		*n = gms__word_state(gib) & GMS_STATE_SHARED ? end - first : 0;
		return !gms__table_changed(map, check);
	}
	chunk = gms__word_table(gib);
	if (first == gms__max(base, row->first) &&
	    end == gms__min(base + GMS__GIB_PAGES, row->first + row->npages)) {
		*n = gms__load(&chunk->shared_pages);
		return gms__load_relaxed(&row->word[g]) == gib && !gms__table_changed(map, check);
	}
	while (first < end) {
		const unsigned b = gms__block_index(first);
		struct gms__look look;
		const gms_gfn block = first & ~(GMS__BLOCK_PAGES - 1);
		const gms_gfn stop = gms__min(end, block + GMS__BLOCK_PAGES);

		/* Two blocks at a time, where both are whole. */
		if (!(b & 1) && first == block && end >= block + 2 * GMS__BLOCK_PAGES) {
			*n += gms__load(&chunk->shared[b / 2]);
			first = block + 2 * GMS__BLOCK_PAGES;
			continue;
		}
		look = gms__look(chunk, first);
		*n += gms__block_shared(&map->palette, look.word, (unsigned)(first - block),
					(unsigned)(stop - block));
		if (gms__block_has_leaf(look.word) && !gms__look_again(chunk, &look))
			return false;
		first = stop;
	}
	return gms__load_relaxed(&row->word[g]) == gib && !gms__table_changed(map, check);
}

uint64_t gms__map_count_shared(const struct gms__map *map, gms_gfn first, gms_gfn end)
{
	uint64_t total = 0, n;

	while (first < end) {
		struct gms__region row;
		uint64_t check;
		gms_gfn at, stop;

		if (!gms__region_find(map, first, &row, &check))
			break;
		at = gms__max(first, row.first);
		if (at >= end)
			break;
		stop = gms__min((at | (GMS__GIB_PAGES - 1)) + 1, row.first + row.npages);
		stop = gms__min(stop, end);
		if (count_gib(map, &row, check, at, stop, &n)) {
			total += n;
			first = stop;
		}
	}
	return total;
}

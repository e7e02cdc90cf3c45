/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * match.c - the pages that are so: the next run of a value, the first page.
 *
 * A search descends once a GiB and goes through its words there; counts say
 * which groups of blocks, and which GiB, hold nothing shared (M2, M6). It stops
 * at a plane, through which the walk then goes bit by bit.
 */
#include "map/piece.h"

#define PAGES		((unsigned)GMS__BLOCK_PAGES)
#define PLANE_WORDS	(PAGES / 64)

static bool has(const struct gms_cursor *cursor, gms_state value)
{
	return cursor->state[0] == value || cursor->state[1] == value;
}

/*
 * The next match within the plane that the walk stands on, one of whose states
 * is the value. 1: here it is; 0: none is left in it, and *pos has moved to its
 * end; -1: it is no longer there.
 */
static int plane_match(const struct gms__map *map, const struct gms_cursor *cursor,
		       gms_gfn *pos, gms_gfn end, gms_state value, struct gms__piece *p)
{
	const gms_gfn base = *pos & ~(GMS__BLOCK_PAGES - 1);
	const gms_gfn plane_end = cursor->first + cursor->npages;
	const uint64_t flip = -(uint64_t)(cursor->state[0] == value);
	const unsigned page = (unsigned)(*pos - base);
	const unsigned stop = (unsigned)(gms__min(plane_end, end) - base);
	unsigned w = page / 64, first = PAGES, last;
	uint64_t match, here;

	here = gms__load(&cursor->plane[w]) ^ flip;
	for (match = here & ~UINT64_C(0) << page % 64; !match; match = here) {
		if (++w == PLANE_WORDS)
			break;
		here = gms__load(&cursor->plane[w]) ^ flip;
	}
	if (match)
		first = w * 64 + (unsigned)__builtin_ctzll(match);
	if (first >= stop) {
		if (!gms__still_there(map, cursor))
			return -1;
		*pos = plane_end;
		return 0;
	}
	for (match = ~here & ~UINT64_C(0) << first % 64; !match; match = ~here) {
		if (++w == PLANE_WORDS)
			break;
		here = gms__load(&cursor->plane[w]) ^ flip;
	}
	last = match ? w * 64 + (unsigned)__builtin_ctzll(match) : PAGES;
	p->first = base + first;
	p->end = gms__min(base + last, plane_end);
	p->state = value;
	p->region = cursor->region;
	return gms__still_there(map, cursor) ? 1 : -1;
}

/* The next run, if it begins and ends in the very word that the walk stands in. */
static bool word_match(const struct gms__map *map, const struct gms_cursor *cursor, gms_gfn *pos,
		       gms_gfn end, gms_state value, struct gms_run *run)
{
	const uint64_t flip = -(uint64_t)(cursor->state[0] == value);
	const uint64_t match = (gms__load(&cursor->plane[*pos / 64 % PLANE_WORDS]) ^ flip) >>
			       *pos % 64;
	unsigned skip, n;

	if (!match)
		return false;
	skip = (unsigned)__builtin_ctzll(match);
	if (!~(match >> skip))	/* all 64 */
		return false;
	n = (unsigned)__builtin_ctzll(~(match >> skip));
	if (*pos % 64 + skip + n >= 64 ||
	    *pos + skip + n > gms__min(cursor->first + cursor->npages, end) ||
	    !gms__still_there(map, cursor))
		return false;
	run->first = *pos + skip;
	run->npages = n;
	run->state = value;
	run->region = cursor->region;
	*pos = run->first + n;
	return true;
}

/* What is looked for, and where the search stands. */
struct search {
	const struct gms__map *map;
	gms_gfn	  pos;
	gms_gfn	  end;
	gms_state mask;
	gms_state value;
	bool	  shared;	/* SHARED alone: counts tell what to pass over */
};

enum sought { SOUGHT_NONE, SOUGHT_PIECE, SOUGHT_PLANE };

static bool matches(const struct search *s, unsigned place)
{
	return (gms__palette_state(&s->map->palette, place) & s->mask) == s->value;
}

/* The first match in a word of runs from page on: [*first, *end); false: none. */
static bool runs_match(const struct search *s, uint64_t word, unsigned page, unsigned *first,
		       unsigned *end)
{
	const bool base = matches(s, gms__block_base(word));
	const bool other = matches(s, gms__block_other(word));
	const struct gms__two_runs r = gms__block_two_runs(word);
	/* Where what matches begins and ends, in order; a border is also an end. */
	const unsigned border[6] = { 0, r.s1, r.e1, r.s2, r.e2, PAGES };

	*first = page;
	*end = PAGES;
	if (base == other)
		return base;
	for (unsigned i = other; i < 5; i += 2) {
		*first = border[i] > page ? border[i] : page;
		*end = border[i + 1];
		if (*first < *end)
			return true;
	}
	return false;
}

/* The same for lists and bytes. */
static bool other_match(const struct search *s, uint64_t word, unsigned page, unsigned *first,
			unsigned *end)
{
	unsigned unused;

	for (*first = page; *first < PAGES; *first = *end) {
		if (gms__block_piece(&s->map->palette, word, *first, s->mask, &unused, end) ==
		    s->value)
			return true;
		if (*end <= *first)	/* a list that went away meanwhile */
			break;
	}
	return false;
}

/*
 * The first block of a chunk, before stop, that has a match at or after pos; a
 * plane that may have one stops the search too.
 */
static enum sought seek_chunk(const struct search *s, const struct gms__chunk *chunk,
			      gms_gfn pos, gms_gfn stop, struct gms_cursor *cursor,
			      struct gms__piece *p)
{
	unsigned page = pos % GMS__BLOCK_PAGES, first, end;
	gms_gfn base = pos - page;

	for (; base < stop; base += GMS__BLOCK_PAGES, page = 0) {
		const unsigned b = gms__block_index(base);
		uint64_t word;

		/* The first block is looked at itself: its word is wanted anyhow. */
		if (s->shared && base > pos &&
		    !gms__load(&chunk->shared[b / GMS__GROUP_BLOCKS])) {
			base |= GMS__GROUP_PAGES - 1;
			base -= GMS__BLOCK_PAGES - 1;
			continue;
		}
		word = gms__load(&chunk->word[b]);
		p->first = base + page;
		p->end = base + GMS__BLOCK_PAGES;
		if (gms__block_is_even(word) && gms__block_base(word) != gms__block_other(word)) {
			cursor->plane = gms__block_leaf(word);
			cursor->first = base;	/* the caller clips */
			if (b + 1 < GMS__CHUNK_BLOCKS)
				__builtin_prefetch(gms__block_leaf(
						gms__load_relaxed(&chunk->word[b + 1])));
			cursor->state[0] = (uint16_t)(gms__palette_state(
					&s->map->palette, gms__block_base(word)) & s->mask);
			cursor->state[1] = (uint16_t)(gms__palette_state(
					&s->map->palette, gms__block_other(word)) & s->mask);
			if (cursor->state[0] != s->value && cursor->state[1] != s->value)
				continue;
			return cursor->state[0] != cursor->state[1] ? SOUGHT_PLANE : SOUGHT_PIECE;
		}
		if (gms__block_is_uniform(word)) {
			if ((gms__block_state(&s->map->palette, word) & s->mask) == s->value)
				return SOUGHT_PIECE;
			continue;
		}
		if (gms__block_kind(word) == GMS__RUNS ? runs_match(s, word, page, &first, &end) :
							 other_match(s, word, page, &first, &end)) {
			p->first = base + first;
			p->end = base + end;
			return SOUGHT_PIECE;
		}
	}
	return SOUGHT_NONE;
}

/* Find the next match from s->pos on, which moves up to it, or to the end. */
static enum sought seek(struct search *s, struct gms_cursor *cursor, struct gms__piece *p)
{
	const struct gms__map *map = s->map;
	bool far = false;	/* beyond the GiB it began in */

	for (; s->pos < s->end; far = true) {
		const struct gms__table *table;
		const struct gms__region *row;
		enum sought found = SOUGHT_NONE;
		gms_gfn first, end, pos, stop;
		struct gms__region copy;	/* of what says where words are */

		cursor->check = gms__load(&map->table);
		cursor->npages = 0;
		table = gms__word_table(cursor->check);
		row = gms__region_around(table, s->pos);
		if (s->pos >= gms__region_end(row) && gms__load(&row->first) <= s->pos)
			row++;
		if (row >= table->row + gms__load(&table->n)) {
			if (gms__table_changed(map, cursor->check))
				continue;
			break;
		}
		first = gms__load(&row->first);
		end = first + gms__load(&row->npages);
		pos = gms__max(s->pos, first);
		cursor->region = gms__region_id(row);
		copy.first = first;
		copy.words = gms__load(&row->words);
		cursor->gib_at = gms__gib_at(&copy, pos);
		if (gms__unlikely(gms__table_changed(map, cursor->check)))
			continue;
		if (pos >= s->end)
			break;
		if (s->shared && far) {
			const uint64_t *lit = gms__words_of(&copy)->lit;
			const uint64_t g = gms__gib_of(first);

			pos = gms__max(pos, (g + gms__next_lit(lit, gms__gib_of(pos) - g,
							       gms__gib_of(end - 1) + 1 - g))
					    << GMS_ORDER_1G);
			if (pos >= end || pos >= s->end) {
				if (!gms__table_changed(map, cursor->check))
					s->pos = gms__min(end, s->end);
				continue;
			}
			cursor->gib_at = gms__gib_at(&copy, pos);
		}
		stop = gms__min((pos | (GMS__GIB_PAGES - 1)) + 1, end);
		cursor->gib = gms__load(cursor->gib_at);
		p->first = pos;
		p->end = stop;
		p->state = s->value;
		p->region = cursor->region;
		if (gms__word_is_uniform(cursor->gib)) {
			if ((gms__word_state(cursor->gib) & s->mask) == s->value)
				found = SOUGHT_PIECE;
			if (gms__table_changed(map, cursor->check))
				continue;
		} else {
			const struct gms__chunk *chunk = gms__word_table(cursor->gib);

			cursor->generation = gms__load(&chunk->generation);
			found = seek_chunk(s, chunk, pos, stop, cursor, p);
			gms__read_fence();
			if (gms__unlikely(!gms__still_there(map, cursor)))
				continue;
		}
		/* What sticks out of the region is nobody's. */
		if (found == SOUGHT_NONE || p->first >= stop) {
			s->pos = gms__min(stop, s->end);
			continue;
		}
		s->pos = p->first;
		p->end = gms__min(p->end, end);
		if (found == SOUGHT_PLANE) {
			cursor->npages = gms__min(cursor->first + GMS__BLOCK_PAGES, end) -
					 gms__max(cursor->first, first);
			cursor->first = gms__max(cursor->first, first);
		}
		return s->pos < s->end ? found : SOUGHT_NONE;
	}
	s->pos = s->end;
	return SOUGHT_NONE;
}

/* The next piece whose state is value; *pos moves on. */
static bool next_piece(const struct gms__map *map, struct gms_cursor *cursor, gms_gfn *pos,
		       gms_gfn end, gms_state mask, gms_state value, struct gms__piece *p)
{
	struct search s = { map, *pos, end, mask, value, mask == GMS_STATE_SHARED && value };

	while (s.pos < end) {
		if (gms__covers(cursor, s.pos)) {
			/* The end of a run may have led to another plane. */
			const int found = has(cursor, value) ?
					  plane_match(map, cursor, &s.pos, end, value, p) : -1;

			if (found > 0)
				return true;
			if (!found)
				continue;
		}
		switch (seek(&s, cursor, p)) {
		case SOUGHT_PIECE:
			*pos = s.pos;
			return true;
		case SOUGHT_PLANE:
			break;
		default:
			s.pos = end;
		}
	}
	*pos = end;
	return false;
}

bool gms__map_next_match(const struct gms__map *map, struct gms_cursor *cursor, gms_gfn *pos,
			 gms_gfn end, gms_state mask, gms_state value, struct gms_run *run)
{
	struct gms__piece p;

	if (gms__covers(cursor, *pos) && has(cursor, value) &&
	    word_match(map, cursor, pos, end, value, run))
		return true;
	if (!next_piece(map, cursor, pos, end, mask, value, &p))
		return false;
	gms__run_on(map, cursor, pos, end, mask, &p, run);
	return true;
}

gms_gfn gms__map_find(const struct gms__map *map, gms_gfn first, gms_gfn end, gms_state mask,
		      gms_state value)
{
	struct gms_cursor cursor;
	struct gms__piece p;

	cursor.npages = 0;
	return next_piece(map, &cursor, &first, end, mask, value, &p) ? p.first : end;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * changes.c - which blocks changed since; see changes.h.
 */
#include "map/changes.h"

void gms__changes_init(struct gms__map *map)
{
	/* Beyond what stamps can say: since the generation 0 everything has changed. */
	map->generation = ((uint64_t)(uintptr_t)map * UINT64_C(0x9e3779b97f4a7c15) >> 2) |
			  UINT64_C(1) << 32;
	map->removed = map->generation;
}

/* H1: readers who know the number see that the sequence is odd, or the whole change. */
static uint64_t take_number(struct gms__map *map)
{
	return __atomic_add_fetch(&map->generation, 1, __ATOMIC_ACQ_REL);
}

void gms__changes_stamp(struct gms__map *map, const struct gms__region *r, gms_gfn first,
			gms_gfn end)
{
	gms__turns_note(gms__words_of(r)->changes, r, first, end, (uint32_t)take_number(map));
}

void gms__changes_note_all(struct gms__map *map, gms_gfn first, gms_gfn end)
{
	struct gms__region row;
	uint64_t check;

	while (first < end && gms__region_find(map, first, &row, &check) && row.first < end) {
		const gms_gfn stop = gms__min(end, row.first + row.npages);

		gms__changes_note(map, &row, gms__max(first, row.first), stop);
		first = stop;
	}
}

void gms__changes_removed(struct gms__map *map)
{
	if (map->keeps & GMS__KEEPS_CHANGES)
		gms__store(&map->removed, take_number(map));
}

/* began comes after seq: it is of that change, or of a later one. */
static uint64_t lower(uint64_t now, const uint64_t *seq, const uint64_t *began)
{
	return gms__load(seq) & 1 ? gms__min(now, gms__load(began)) : now;
}

uint64_t gms__changes_now(const struct gms__map *map)
{
	uint64_t now = gms__load(&map->generation);

	now = lower(now, &map->large_seq, &map->large_began);
	for (unsigned s = 0; s < GMS__STRIPES; s++)
		now = lower(now, &map->stripe[s].seq, &map->stripe[s].began);
	return now;
}

bool gms__changes_tell(const struct gms__map *map, uint64_t since)
{
	return !since || (since <= gms__load(&map->generation) &&
			  since >= gms__load(&map->removed));
}

/* Is the stamp later? The count is read after it, and has come as far as it. */
static bool later(const struct gms__map *map, uint64_t since, const uint32_t *stamp)
{
	const uint32_t after = gms__load(stamp) - (uint32_t)since - 1;

	return after < gms__load(&map->generation) - since;
}

/* The first page at or after pos that has changed, or has not; end: there is none. */
static gms_gfn seek(const struct gms__map *map, const struct gms__region *r, uint64_t since,
		    gms_gfn pos, gms_gfn end, bool wanted)
{
	const struct gms__words *words = gms__words_of(r);

	while (pos < end) {
		const uint64_t g = (uint64_t)(gms__gib_at(r, pos) - words->word);
		const gms_gfn stop = gms__min(end, (pos | (GMS__GIB_PAGES - 1)) + 1);
		const struct gms__turns *gib = &words->changes[g];
		const bool any = later(map, since, gms__turns_last(words, words->changes, g));

		if (!any || later(map, since, &gib->all)) {
			if (any == wanted)
				return pos;
			pos = stop;
			continue;
		}
		for (; pos < stop; pos = (pos | (GMS__BLOCK_PAGES - 1)) + 1) {
			if (later(map, since, &gib->block[gms__block_index(pos)]) == wanted)
				return pos;
		}
		pos = gms__min(pos, stop);
	}
	return end;
}

bool gms__changes_next(const struct gms__map *map, uint64_t since, gms_gfn pos, gms_gfn *first,
		       gms_gfn *end)
{
	struct gms__region row;
	uint64_t check;

	while (gms__region_find(map, pos, &row, &check)) {
		const gms_gfn region_end = row.first + row.npages;

		*first = seek(map, &row, since, gms__max(pos, row.first), region_end, true);
		*end = seek(map, &row, since, *first, region_end, false);
		if (gms__unlikely(gms__table_changed(map, check)))
			continue;	/* the stamps may be another region's */
		if (*first < region_end)
			return true;
		pos = region_end;
	}
	return false;
}

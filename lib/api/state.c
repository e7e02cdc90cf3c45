/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.c - the calls of state.h: reads that take no lock.
 */
#include <errno.h>
#include <string.h>

#include <gmemstate/folio.h>
#include <gmemstate/state.h>

#include "api/state.h"
#include "engine/plan.h"
#include "map/bitmap.h"
#include "map/changes.h"
#include "map/get.h"
#include "map/walk.h"

static bool bits_ok(gms_state bits)
{
	return !(bits & ~GMS_STATE_ALL);
}

gms_state gms_state_at(const struct gms_space *space, gms_gfn gfn)
{
	return gms__likely(space) ? gms__map_get(&space->map, gfn) : GMS_HOLE;
}

int gms_run_at(const struct gms_space *space, gms_gfn gfn, gms_state mask, struct gms_run *run)
{
	if (!space || !run || !bits_ok(mask))
		return -EINVAL;
	return gms__map_run_at(&space->map, gfn, mask, run) ? 0 : -ENOENT;
}

int gms_iter_init_match(struct gms_iter *it, const struct gms_space *space,
			struct gms_range range, gms_state mask, gms_state value)
{
	if (!it)
		return -EINVAL;
	memset(it, 0, sizeof(*it));
	if (!space || !gms__range_ok(range) || !bits_ok(mask) || (value & ~mask))
		return -EINVAL;
	it->space = space;
	it->next = range.first;
	it->end = range.first + range.npages;
	it->mask = mask;
	it->value = value;
	return 0;
}

int gms_iter_init(struct gms_iter *it, const struct gms_space *space, struct gms_range range,
		  gms_state mask)
{
	const int err = gms_iter_init_match(it, space, range, mask, 0);

	if (!err)
		it->value = GMS__ANY_VALUE;
	return err;
}

/* it->end is that of a stretch. */
static bool next_changed(struct gms_iter *it, struct gms_run *run)
{
	const struct gms__map *map = &it->space->map;

	for (;;) {
		if (it->next < it->end && gms__map_next_run(map, &it->cursor, &it->next, it->end,
							    it->mask, run))
			return true;
		if (!gms__changes_next(map, it->since, it->end, &it->next, &it->end))
			return false;
	}
}

bool gms_iter_next(struct gms_iter *it, struct gms_run *run)
{
	if (!it || !run || !it->space)
		return false;
	if (it->value == GMS__ANY_VALUE)
		return gms__map_next_run(&it->space->map, &it->cursor, &it->next, it->end,
					 it->mask, run);
	if (gms__unlikely(it->value == GMS__CHANGED_VALUE))
		return next_changed(it, run);
	return gms__map_next_match(&it->space->map, &it->cursor, &it->next, it->end, it->mask,
				   it->value, run);
}

int gms_find(const struct gms_space *space, struct gms_range range, gms_state mask,
	     gms_state value, gms_gfn *gfn)
{
	gms_gfn found;

	if (!space || !gfn || !gms__range_ok(range) || !bits_ok(mask) || (value & ~mask))
		return -EINVAL;
	found = gms__map_find(&space->map, range.first, range.first + range.npages, mask, value);
	if (found == range.first + range.npages)
		return -ENOENT;
	*gfn = found;
	return 0;
}

/* Is it one of the attributes that the map keeps counts of? */
static bool counted(gms_state mask)
{
	return mask && !(mask & (mask - 1)) && (mask & GMS__COUNTED_STATES);
}

int gms_count(const struct gms_space *space, struct gms_range range, gms_state mask,
	      gms_state value, uint64_t *npages)
{
	const gms_gfn end = range.first + range.npages;
	struct gms_run run;
	struct gms_iter it;
	uint64_t n = 0;
	int err = -EINVAL;

	if (counted(mask) && value == mask) {
		if (space && npages && gms__range_ok(range)) {
			*npages = gms__map_count(&space->map, range.first, end, mask);
			err = 0;
		}
		return err;
	}
	if (npages)
		err = gms_iter_init_match(&it, space, range, mask, value);
	if (err)
		return err;
	if (!mask) {
		*npages = gms__region_pages(&space->map, range.first, end);
		return 0;
	}
	while (gms_iter_next(&it, &run))
		n += run.npages;
	*npages = n;
	return 0;
}

static int uniform_range(const struct gms_space *space, struct gms_range range, gms_state mask,
			 bool *uniform)
{
	struct gms_cursor cursor;
	struct gms_run run;
	gms_gfn pos = range.first;

	if (gms__region_pages(&space->map, pos, pos + range.npages) != range.npages)
		return -ENOENT;
	cursor.npages = 0;
	*uniform = true;
	if (gms__map_next_run(&space->map, &cursor, &pos, range.first + range.npages, mask, &run)) {
		const gms_state state = run.state;

		/* Runs end with their region; what counts is the state. */
		while (run.state == state &&
		       gms__map_next_run(&space->map, &cursor, &pos, range.first + range.npages,
					 mask, &run))
			;
		*uniform = run.state == state;
	}
	return 0;
}

int gms_bitmap_export(const struct gms_space *space, struct gms_range range, gms_state mask,
		      gms_state value, unsigned granule_order, uint64_t *le_bitmap)
{
	if (!space || !le_bitmap || !gms__range_ok(range) || !bits_ok(mask) || (value & ~mask) ||
	    !gms__bitmap_ok(range, granule_order))
		return -EINVAL;
	gms__map_bitmap(&space->map, range.first, range.first + range.npages, mask, value,
			granule_order, le_bitmap);
	return 0;
}

int gms_uniform(const struct gms_space *space, struct gms_range range, gms_state mask,
		bool *uniform)
{
	const unsigned order = range.npages == GMS__BLOCK_PAGES ? GMS_ORDER_2M : GMS_ORDER_1G;
	int answer;

	if (!space || !uniform || !gms__range_ok(range) || !bits_ok(mask))
		return -EINVAL;
	if (range.npages == UINT64_C(1) << order && !(range.first & (range.npages - 1))) {
		answer = gms__map_block_uniform(&space->map, range.first, order, mask);
		if (gms__likely(answer >= 0)) {
			*uniform = answer;
			return 0;
		}
	}
	return uniform_range(space, range, mask, uniform);
}

unsigned gms_map_order(const struct gms_space *space, gms_gfn gfn, gms_state mask)
{
	const bool halves = space && space->split == GMS_SPLIT_HALVES;
	struct gms_folio folio;
	unsigned order;

	if (!space || gms_folio_at(space, gfn, &folio))
		return 0;
	/* The largest block of a folio that is uniform, of the orders that there are. */
	for (order = folio.order; order; order -= halves ? 1 : GMS_ORDER_2M) {
		const struct gms_range block = { gfn >> order << order, UINT64_C(1) << order };
		bool uniform;

		if (!gms_uniform(space, block, mask & GMS_STATE_ALL, &uniform) && uniform)
			break;
	}
	return order;
}

static struct gms_range range_or_all(struct gms_range range)
{
	const struct gms_range all = { 0, GMS_GFN_LIMIT };

	return gms__range_ok(range) ? range : all;
}

uint64_t gms_read_begin(const struct gms_space *space, struct gms_range range)
{
	uint64_t seq;
	bool busy;

	if (!space)
		return 0;
	seq = gms__map_seq(&space->map, gms__map_stripes(range_or_all(range)), &busy);
	return seq << 1 | busy;
}

bool gms_read_retry(const struct gms_space *space, struct gms_range range, uint64_t seq)
{
	uint64_t now;
	bool busy;

	if (!space)
		return false;
	/*
	 * What was read was read with acquire loads, so these loads come after
	 * them; a writer whose changes were seen has made its sequence odd before.
	 */
	now = gms__map_seq(&space->map, gms__map_stripes(range_or_all(range)), &busy);
	return (seq & 1) || busy || now << 1 != seq;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.c - the calls of state.h: reads that take no lock.
 */
#include <errno.h>

#include <gmemstate/state.h>

#include "engine/plan.h"

static bool bits_ok(gms_state bits)
{
	return !(bits & ~GMS_STATE_ALL);
}

gms_state gms_state_at(const struct gms_space *space, gms_gfn gfn)
{
	return space ? gms__map_get(&space->map, gfn) : GMS_HOLE;
}

int gms_run_at(const struct gms_space *space, gms_gfn gfn, gms_state mask, struct gms_run *run)
{
	if (!space || !run || !bits_ok(mask))
		return -EINVAL;
	return gms__map_run_at(&space->map, gfn, mask, run) ? 0 : -ENOENT;
}

int gms_iter_init(struct gms_iter *it, const struct gms_space *space, struct gms_range range,
		  gms_state mask)
{
	if (!it)
		return -EINVAL;
	it->space = NULL;
	it->next = 0;
	it->end = 0;
	it->mask = 0;
	it->reserved = 0;
	if (!space || !gms__range_ok(range) || !bits_ok(mask))
		return -EINVAL;
	it->space = space;
	it->next = range.first;
	it->end = range.first + range.npages;
	it->mask = mask;
	return 0;
}

bool gms_iter_next(struct gms_iter *it, struct gms_run *run)
{
	if (!it || !run || !it->space)
		return false;
	return gms__map_next_run(&it->space->map, &it->next, it->end, it->mask, run);
}

int gms_find(const struct gms_space *space, struct gms_range range, gms_state mask,
	     gms_state value, gms_gfn *gfn)
{
	struct gms_run run;
	struct gms_iter it;
	int err;

	if (!gfn || (value & ~mask))
		return -EINVAL;
	err = gms_iter_init(&it, space, range, mask);
	if (err)
		return err;
	while (gms_iter_next(&it, &run)) {
		if (run.state == value) {
			*gfn = run.first;
			return 0;
		}
	}
	return -ENOENT;
}

int gms_count(const struct gms_space *space, struct gms_range range, gms_state mask,
	      gms_state value, uint64_t *npages)
{
	struct gms_run run;
	struct gms_iter it;
	uint64_t n = 0;
	int err;

	if (!npages || (value & ~mask))
		return -EINVAL;
	err = gms_iter_init(&it, space, range, mask);
	if (err)
		return err;
	if (mask == GMS_STATE_SHARED && value) {
		*npages = gms__map_count_shared(&space->map, it.next, it.end);
		return 0;
	}
	while (gms_iter_next(&it, &run)) {
		if (run.state == value)
			n += run.npages;
	}
	*npages = n;
	return 0;
}

/* An aligned block of order 9 or 18, whole in a region: its counts tell. */
static bool uniform_block(const struct gms_space *space, struct gms_range range, gms_state mask,
			  bool *uniform)
{
	const unsigned order = range.npages == GMS__BLOCK_PAGES ? GMS_ORDER_2M : GMS_ORDER_1G;
	struct gms__block block;

	if (range.npages != UINT64_C(1) << order || range.first % range.npages ||
	    !gms__map_block(&space->map, range.first, order, &block) ||
	    block.npages != range.npages)
		return false;
	if (block.uniform)
		*uniform = true;
	else if (mask == GMS_STATE_SHARED)
		*uniform = !block.shared_pages || block.shared_pages == block.npages;
	else
		return false;
	return true;
}

int gms_uniform(const struct gms_space *space, struct gms_range range, gms_state mask,
		bool *uniform)
{
	struct gms_run run, first = { 0 };
	struct gms_iter it;
	gms_gfn pos = range.first;
	bool same = true;
	int err;

	if (!uniform)
		return -EINVAL;
	err = gms_iter_init(&it, space, range, mask);
	if (err)
		return err;
	if (uniform_block(space, range, mask, uniform))
		return 0;
	while (gms_iter_next(&it, &run)) {
		if (run.first != pos)
			return -ENOENT;
		if (pos == range.first)
			first = run;
		same = run.state == first.state;
		pos += run.npages;
		if (!same)
			break;
	}
	if (same && pos != range.first + range.npages)
		return -ENOENT;
	if (!same) {
		/* A hole behind the difference is an error all the same. */
		struct gms_range rest = { pos, range.first + range.npages - pos };
		uint64_t n = 0;

		if (rest.npages && (gms_count(space, rest, 0, 0, &n) || n != rest.npages))
			return -ENOENT;
	}
	*uniform = same;
	return 0;
}

unsigned gms_map_order(const struct gms_space *space, gms_gfn gfn, gms_state mask)
{
	struct gms__region row;
	uint64_t check;
	unsigned order;

	if (!space || !gms__region_find(&space->map, gfn, &row, &check) || row.first > gfn)
		return 0;
	mask &= GMS_STATE_ALL;
	for (order = GMS_ORDER_1G; order; order -= GMS_ORDER_2M) {
		const struct gms_range block = { gfn >> order << order, UINT64_C(1) << order };
		struct gms__block shape;
		bool uniform;

		if (order > gms__region_order(&row) ||
		    !gms__map_block(&space->map, gfn, order, &shape) || shape.split)
			continue;
		if (!gms_uniform(space, block, mask, &uniform) && uniform)
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot_region.c - make what sections say of a region; see snapshot.h.
 *
 * A region is added private, and whole; then states are edited and folios cut with the
 * map's own functions, so that what a file cannot say, the map cannot get. No backend
 * hears of it and nothing is counted as having happened. What the map would take as well is
 * looked at here: that states are allowed, that folios are as the policy has them (I7), and
 * that only what is frozen is frozen more than once (Z2).
 *
 * Locking: the stripes are held, as the functions below ask for them, although nobody
 * else is there.
 */
#include <errno.h>
#include <string.h>

#include "api/snapshot.h"
#include "api/space.h"
#include "engine/frost.h"
#include "engine/shape.h"
#include "map/walk.h"

static gms_gfn end_of(const struct gms__loader *l)
{
	return l->row.first + l->row.npages;
}

static void change_begin(struct gms__loader *l)
{
	gms__map_lock_all(&l->space->map);
	gms__map_change_begin(&l->space->map, GMS__ALL_STRIPES);
}

static void change_end(struct gms__loader *l)
{
	gms__map_change_end(&l->space->map, GMS__ALL_STRIPES);
	gms__map_unlock(&l->space->map, GMS__ALL_STRIPES);
}

/* --- regions --------------------------------------------------------------- */

static int flags_read(struct gms__loader *l, uint32_t *flags)
{
	const unsigned at = l->at;
	uint64_t number = 0;
	int err = gms__snap_number(l, UINT64_MAX, &number, "flags of a region");

	if (!err && number & ~(uint64_t)GMS_REGION_NO_DIRECT_MAP) {
		l->at = at;
		return gms__snap_later(l, "flags of a region that this library knows");
	}
	*flags = (uint32_t)number;
	return err;
}

static int region_read(struct gms__loader *l, struct gms_region_opts *opts)
{
	uint64_t order = 0, fault_order = 0;
	int err = gms__snap_number(l, GMS_GFN_LIMIT, &opts->first, "a frame");

	if (!err && opts->first < end_of(l))
		err = gms__snap_bad(l, "regions in order");
	if (!err)
		err = gms__snap_number(l, GMS_GFN_LIMIT, &opts->npages, "a number of pages");
	if (!err)
		err = gms__snap_number(l, GMS_ORDER_1G, &order, "an order");
	if (!err)
		err = gms__snap_number(l, GMS_ORDER_1G, &fault_order, "an order");
	if (!err)
		err = gms__snap_number(l, UINT64_MAX, &opts->backing_id, "a backing");
	if (!err)
		err = gms__snap_number(l, UINT64_MAX, &opts->backing_offset_bytes, "an offset");
	if (!err)
		err = flags_read(l, &opts->flags);
	opts->base_order = (uint32_t)order;
	opts->fault_order = (uint32_t)fault_order;
	if (!err && gms__region_check(l->space, opts))
		err = gms__snap_bad(l, "a region that may be");
	return err;
}

/* What the file cannot hold. */
static int region_ask(struct gms__loader *l, struct gms_region_opts *opts)
{
	struct gms_region_opts theirs = *opts;
	int err = l->opts.region ? l->opts.region(l->opts.ctx, &theirs) : 0;

	opts->hva = theirs.hva;
	opts->backend = theirs.backend;
	return err;
}

int gms__snap_region(struct gms__loader *l)
{
	struct gms_region_opts opts;
	uint64_t check;
	int err = gms__snap_region_end(l);

	GMS_INIT(&opts);
	if (!err)
		err = region_read(l, &opts);
	if (!err)
		err = gms__snap_fits(l, gms__region_bytes(&l->space->map, opts.first,
							  opts.npages));
	if (!err)
		err = region_ask(l, &opts);
	if (!err)
		err = gms_region_add(l->space, &opts, NULL);
	if (err)
		return err;
	gms__region_find(&l->space->map, opts.first, &l->row, &check);
	l->state_end = opts.first;
	l->folio_end = opts.first;
	l->frozen_end = opts.first;
	l->frozen_last = 0;
	return 0;
}

/* --- states ---------------------------------------------------------------- */

static int state_read(struct gms__loader *l, gms_state *state)
{
	const struct gms_profile_info *profile = l->space->profile;
	const unsigned at = l->at;
	uint64_t number;
	int err = gms__snap_number(l, UINT64_MAX, &number, "a state");

	if (err)
		return err;
	*state = (gms_state)number & GMS_STATE_ALL;
	if (number != *state || (*state & ~profile->attributes)) {
		l->at = at;
		return gms__snap_later(l, "attributes of the profile");
	}
	if (gms__rule_first(*state) || gms__region_bars(&l->row, *state) ||
	    (profile->direct_map != GMS_DIRECT_MAP_AS_TOLD &&
	     gms__profile_first(profile, *state) != *state)) {
		l->at = at;
		return gms__snap_bad(l, "a state that may be");
	}
	return 0;
}

static int paint(struct gms__loader *l, gms_gfn first, gms_gfn end, gms_state state)
{
	struct gms__map *map = &l->space->map;
	struct gms__needs needs;
	struct gms__tables tables;
	int err = gms__snap_fits(l, 0);

	if (err)
		return err;
	memset(&needs, 0, sizeof(needs));
	memset(&tables, 0, sizeof(tables));
	gms__map_needs(map, &l->row, first, end, state, GMS_STATE_ALL & ~state, &needs);
	gms__map_needs_state(map, state, &needs);
	err = gms__map_provide(map, &needs, &tables, true);
	if (!err)
		gms__map_edit(map, &l->row, first, end, state, GMS_STATE_ALL & ~state, &tables);
	gms__tables_put(map, &tables);
	return err;
}

/*
 * The pages after it in its last block too, so that a block only ever holds what is
 * before them: what they are comes next.
 */
static int paint_ahead(struct gms__loader *l, gms_gfn first, gms_gfn end, gms_state state)
{
	return paint(l, first, gms__clip_hi(&l->row, end - 1, GMS__BLOCK_PAGES), state);
}

static void count_shared(struct gms__loader *l, uint64_t npages, gms_state state)
{
	if (state & GMS_STATE_SHARED)
		gms__ledger_shared(&l->space->ledger, npages, 0);
}

static bool bit(const unsigned char *bits, unsigned i)
{
	return bits[i / 8] >> i % 8 & 1;
}

static int load_run(struct gms__loader *l, uint64_t npages)
{
	gms_state state;
	int err = state_read(l, &state);

	if (!err)
		err = paint_ahead(l, l->state_end, l->state_end + npages, state);
	if (!err)
		count_shared(l, npages, state);
	return err;
}

static int load_bits(struct gms__loader *l, unsigned npages)
{
	const unsigned bytes = (npages + 7) / 8;
	const unsigned char *bits;
	gms_state state[2];
	unsigned ones = 0;
	int err = state_read(l, &state[0]);

	if (!err)
		err = state_read(l, &state[1]);
	if (err)
		return err;
	bits = l->buf + l->at;
	if (l->n - l->at < bytes || (npages % 8 && bits[bytes - 1] >> npages % 8))
		return gms__snap_bad(l, "a bitmap");
	err = paint_ahead(l, l->state_end, l->state_end + npages, state[0]);
	for (unsigned i = 0, end; !err && i < npages; i = end) {
		for (end = i + 1; end < npages && bit(bits, end) == bit(bits, i);)
			end++;
		if (!bit(bits, i))
			continue;
		err = paint(l, l->state_end + i, l->state_end + end, state[1]);
		ones += end - i;
	}
	if (err)
		return err;
	count_shared(l, npages - ones, state[0]);
	count_shared(l, ones, state[1]);
	l->at += bytes;
	return 0;
}

static int load_states(struct gms__loader *l)
{
	uint64_t number, npages;
	int err = 0;

	while (!err && l->at < l->n) {
		err = gms__snap_number(l, UINT64_MAX, &number, "a number of pages");
		if (err)
			break;
		npages = number / 2;
		if (!npages || npages > end_of(l) - l->state_end ||
		    (number % 2 && npages > GMS__SNAP_BITS))
			return gms__snap_bad(l, "as many pages as there may be");
		err = number % 2 ? load_bits(l, (unsigned)npages) : load_run(l, npages);
		l->state_end += npages;
	}
	return err;
}

int gms__snap_states(struct gms__loader *l)
{
	int err;

	if (l->state_end == end_of(l))
		return gms__snap_bad(l, "states of a region's pages, once");
	change_begin(l);
	err = load_states(l);
	change_end(l);
	return err;
}

/* --- folios ---------------------------------------------------------------- */

/* Cut the folio at gfn until it has the order, if cuts can make it that. */
static int cut_to(struct gms__loader *l, gms_gfn gfn, unsigned order)
{
	struct gms_space *space = l->space;
	struct gms__tables tables;
	unsigned now;
	int err = 0;

	memset(&tables, 0, sizeof(tables));
	while (!err && (now = gms__shape_order(space, &l->row, gfn)) > order) {
		if (now != GMS_ORDER_1G && !gms__map_has_chunk(&l->row, gfn))
			err = gms__pool_take(&space->map.chunks, &tables.chunks, 1, true);
		if (!err && now == GMS_ORDER_2M && space->split == GMS_SPLIT_HALVES)
			err = gms__pool_take(&space->map.leaves[GMS__LEAF64],
					     &tables.leaves[GMS__LEAF64], 1, true);
		if (!err)
			gms__shape_cut(space, &l->row, gfn, now, true, &tables);
	}
	gms__tables_put(&space->map, &tables);
	if (!err && now != order)
		err = gms__snap_bad(l, "an order of the split policy");
	return err;
}

/* ALL_4K: folios of the base order, cut at once. */
static int cut_all(struct gms__loader *l, gms_gfn first, gms_gfn end)
{
	const unsigned base = gms__region_order(&l->row);
	struct gms__tables tables;
	int err = 0;

	if ((first | end) & ((UINT64_C(1) << base) - 1))
		return gms__snap_bad(l, "folios cut whole");
	memset(&tables, 0, sizeof(tables));
	if (base == GMS_ORDER_2M && !gms__map_has_chunk(&l->row, first))
		err = gms__pool_take(&l->space->map.chunks, &tables.chunks, 1, true);
	if (!err)
		gms__shape_cut_run(l->space, &l->row, first, base, (end - first) >> base, true,
				   &tables);
	gms__tables_put(&l->space->map, &tables);
	return err;
}

static int cut_record(struct gms__loader *l, gms_gfn end, unsigned order)
{
	int err = gms__snap_fits(l, 0);

	if (!err && l->space->split == GMS_SPLIT_ALL_4K && !order)
		return cut_all(l, l->folio_end, end);
	for (gms_gfn gfn = l->folio_end; !err && gfn < end;) {
		err = cut_to(l, gfn, order);
		gfn += gms__shape_stretch(l->space, &l->row, gfn, &order);
	}
	return err;
}

/* Within what a record of folios below the base order may be about? */
static bool in_one(const struct gms__loader *l, gms_gfn first, gms_gfn end, unsigned order)
{
	if (l->space->split == GMS_SPLIT_HALVES && order < GMS_ORDER_2M)
		return first / GMS__BLOCK_PAGES == (end - 1) / GMS__BLOCK_PAGES;
	return gms__gib_of(first) == gms__gib_of(end - 1);
}

static int load_folios(struct gms__loader *l)
{
	const unsigned base = gms__region_order(&l->row);
	uint64_t number, n;
	unsigned order;
	gms_gfn end;
	int err = 0;

	while (!err && l->at < l->n) {
		err = gms__snap_number(l, UINT64_MAX, &number, "folios");
		if (err)
			break;
		order = number & ((1u << GMS__SNAP_ORDER_BITS) - 1);
		n = number >> GMS__SNAP_ORDER_BITS;
		if (order > base || !n || n > (end_of(l) - l->folio_end) >> order ||
		    l->folio_end & ((UINT64_C(1) << order) - 1))
			return gms__snap_bad(l, "folios that tile the region");
		end = l->folio_end + (n << order);
		if (order < base) {
			if (!in_one(l, l->folio_end, end, order))
				return gms__snap_bad(l, "folios of one block");
			err = cut_record(l, end, order);
		}
		l->folio_end = end;
	}
	return err;
}

int gms__snap_folios(struct gms__loader *l)
{
	int err;

	if (l->state_end != end_of(l) || l->folio_end == end_of(l) ||
	    l->frozen_end != l->row.first || l->space->split == GMS_SPLIT_NONE)
		return gms__snap_bad(l, "folios after states, and where folios are cut");
	change_begin(l);
	err = load_folios(l);
	change_end(l);
	return err;
}

/* I7: is the folio, or are the pages, as the split policy has it? */
static bool folio_sound(const struct gms__loader *l, gms_gfn first, unsigned order)
{
	const uint64_t npages = UINT64_C(1) << order;
	const uint64_t shared = gms__map_count(&l->space->map, first, first + npages,
					       GMS_STATE_SHARED);

	return l->space->split == GMS_SPLIT_ALL_4K ? !shared : !shared || shared == npages;
}

static bool folios_sound(const struct gms__loader *l)
{
	uint64_t n;
	unsigned order;

	if (l->space->split == GMS_SPLIT_NONE || !gms__region_order(&l->row))
		return true;
	for (gms_gfn gfn = l->row.first; gfn < end_of(l); gfn += n) {
		n = gms__shape_stretch(l->space, &l->row, gfn, &order);
		if (!order)
			continue;
		/* Of many that are one state throughout, the first stands for all. */
		if (gms__map_has_chunk(&l->row, gfn))
			n = UINT64_C(1) << order;
		if (!folio_sound(l, gfn, order))
			return false;
	}
	return true;
}

int gms__snap_region_end(struct gms__loader *l)
{
	if (!l->row.npages)
		return 0;
	if (l->state_end != end_of(l))
		return gms__snap_bad(l, "states of all pages of the region before");
	if (l->folio_end != l->row.first && l->folio_end != end_of(l))
		return gms__snap_bad(l, "all folios of the region before");
	if (!folios_sound(l))
		return gms__snap_bad(l, "folios of the region before as the split policy has them");
	return 0;
}

/* --- freeze counts --------------------------------------------------------- */

static int load_frozen(struct gms__loader *l)
{
	uint64_t gap, npages, more;
	gms_gfn first, end;
	int err = gms__snap_number(l, end_of(l) - l->frozen_end, &gap, "pages between");

	if (!err)
		err = gms__snap_number(l, end_of(l) - l->frozen_end - gap, &npages,
				       "a number of pages");
	if (!err)
		err = gms__snap_number(l, GMS__FROST_MOST, &more, "a freeze count");
	if (err)
		return err;
	first = l->frozen_end + gap;
	end = first + npages;
	if (!npages || !more || gms__gib_of(first) != gms__gib_of(end - 1))
		return gms__snap_bad(l, "a freeze count of pages of a GiB");
	if (!gap && more == l->frozen_last && first % GMS__GIB_PAGES)
		return gms__snap_bad(l, "another freeze count");
	if (gms__map_find(&l->space->map, first, end, GMS_STATE_FROZEN, 0) != end)
		return gms__snap_bad(l, "a freeze count of frozen pages");
	err = gms__snap_fits(l, 0);
	if (!err)
		err = gms__frost_put(l->space, first, end, more);
	l->frozen_end = end;
	l->frozen_last = more;
	return err;
}

int gms__snap_frozen(struct gms__loader *l)
{
	int err = 0;

	if (!l->row.npages || l->state_end != end_of(l))
		return gms__snap_bad(l, "freeze counts after states");
	if (!l->space->access)
		err = gms__access_make(l->space);
	while (!err && l->at < l->n)
		err = load_frozen(l);
	return err;
}

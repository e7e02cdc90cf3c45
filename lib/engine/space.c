/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.c - a space's life and its regions.
 *
 * Locking: regions come and go with all stripes held, so whoever holds one
 * stripe sees a table that stands still.
 */
#include "engine/space.h"

#include <errno.h>
#include <string.h>

#include "base/debug.h"
#include "engine/listeners.h"
#include "engine/plan.h"
#include "engine/shape.h"
#include "map/walk.h"

#define SCRATCH_PER_SLAB	1
/*
 * The lists that one conversion may have at a time: its runs of each kind, segments and
 * what they are made of, cuts, what turned, the journal, listeners; and one that moves.
 */
#define SCRATCH_RESERVED	(GMS__HOST_KINDS + 7u)
#define ACCESS_WAIT_NS		UINT64_C(1000000000)
#define BETWEEN_BYTES		(GMS__LEDGER_SHARDS * sizeof(struct gms__between))

int gms__space_init(struct gms_space *space, const struct gms_space_opts *opts,
		    const struct gms_mem_ops *mem)
{
	const unsigned keeps = (opts->split == GMS_SPLIT_HALVES ? GMS__KEEPS_HALVES : 0) |
			       (opts->merge == GMS_MERGE_DEFERRED ? GMS__KEEPS_TURNS : 0) |
			       (opts->flags & GMS_SPACE_TRACK_CHANGES ? GMS__KEEPS_CHANGES : 0);
	int err = gms__map_init(&space->map, mem, keeps);

	_Static_assert(sizeof(struct gms__scratch) % GMS__CACHE_LINE == 0, "scratch alignment");
	if (!err)
		err = gms__claims_init(&space->claims, &space->map.mem);
	if (!err)
		err = gms__listeners_init(&space->listeners, &space->map.mem);
	if (!err)
		err = gms__park_init(&space->park);
	if (!err)
		err = gms__loans_init(&space->loans, opts);
	if (!err)
		err = gms__ledger_init(&space->ledger, &space->map.mem, opts->now_ns,
				       opts->ctx);
	if (!err)
		err = gms__pool_init(&space->scratch, &space->map.mem,
				     sizeof(struct gms__scratch), SCRATCH_PER_SLAB);
	if (!err && keeps & GMS__KEEPS_HALVES) {
		space->ledger.between = gms__mem_alloc(&space->map.mem, BETWEEN_BYTES);
		err = space->ledger.between ? 0 : -ENOMEM;
	}
	if (!err && opts->flags & GMS_SPACE_ACCESS)
		err = gms__access_make(space);
	if (err) {
		gms__mem_free(&space->map.mem, space->ledger.between, BETWEEN_BYTES);
		return err;
	}
	if (space->ledger.between)
		memset(space->ledger.between, 0, BETWEEN_BYTES);
	space->profile = gms__profile_get(opts->profile);
	space->split = opts->split;
	space->merge = opts->merge;
	space->merge_after_commits = (uint32_t)opts->merge_after_commits;
	space->plain_shapes = !(keeps & ~GMS__KEEPS_CHANGES) && opts->split != GMS_SPLIT_ALL_4K;
	space->access_wait_ns = opts->access_wait_ns ? opts->access_wait_ns : ACCESS_WAIT_NS;
	space->log = opts->log;
	space->ctx = opts->ctx;
	return 0;
}

void gms__space_fini(struct gms_space *space)
{
	gms__park_fini(space);
	gms__access_fini(space);
	gms__pool_fini(&space->scratch);
	gms__listeners_fini(&space->listeners);
	for (unsigned i = 0; i < GMS__MAX_BACKENDS; i++)
		gms__mem_free(&space->map.mem, space->backend[i], sizeof(*space->backend[i]));
	gms__mem_free(&space->map.mem, space->ledger.between, BETWEEN_BYTES);
	gms__ledger_fini(&space->ledger);
	gms__loans_fini(&space->loans, &space->map.mem);
	gms__claims_fini(&space->claims);
	gms__map_fini(&space->map);
}

void gms__space_log(const struct gms_space *space, uint32_t level, const char *text)
{
	if (space->log)
		space->log(space->ctx, level, text);
}

int gms__space_reserve(struct gms_space *space, uint64_t nleaves)
{
	uint64_t ngibs = 0, check;
	struct gms__region row;

	for (uint64_t i = 0; gms__region_nth(&space->map, i, &row, &check); i++)
		ngibs += ((row.first + row.npages - 1) >> GMS_ORDER_1G) -
			 (row.first >> GMS_ORDER_1G) + 1;
	if (!nleaves)
		return 0;
	if (gms__map_reserve(&space->map, nleaves, gms__min(ngibs, nleaves)))
		return -ENOMEM;
	_Static_assert(290 * sizeof(struct gms_host_run) <= GMS__SCRATCH_BYTES, "as promised");
	return gms__pool_reserve(&space->scratch, SCRATCH_RESERVED);
}

static bool overlaps(const struct gms__region *row, const struct gms_region_opts *opts)
{
	const char *hva = opts->hva, *row_hva = row->hva;
	const uint64_t bytes = opts->npages << GMS_PAGE_SHIFT;
	const uint64_t row_bytes = row->npages << GMS_PAGE_SHIFT;

	if (opts->first < row->first + row->npages && row->first < opts->first + opts->npages)
		return true;
	return hva && row_hva &&
	       (uint64_t)(uintptr_t)hva < (uint64_t)(uintptr_t)row_hva + row_bytes &&
	       (uint64_t)(uintptr_t)row_hva < (uint64_t)(uintptr_t)hva + bytes;
}

/* index + 1 of a backend, which has one more region now; 0: it has none. */
static int backend_get(struct gms_space *space, const struct gms_backend *b, uint32_t *index)
{
	uint32_t room = 0;

	*index = 0;
	if (!b)
		return 0;
	for (uint32_t i = 0; i < GMS__MAX_BACKENDS && !*index; i++) {
		const struct gms_backend *have = space->backend[i];

		if (!have)
			room = room ? room : i + 1;
		else if (!memcmp(have, b, sizeof(*b)))
			*index = i + 1;
	}
	if (!*index) {
		struct gms_backend *fresh;

		if (!room)
			return -ENOSPC;
		fresh = gms__mem_alloc(&space->map.mem, sizeof(*fresh));
		if (!fresh)
			return -ENOMEM;
		*fresh = *b;
		space->backend[room - 1] = fresh;
		space->nbackends++;
		*index = room;
	}
	space->backend_regions[*index - 1]++;
	return 0;
}

static void backend_put(struct gms_space *space, uint64_t index)
{
	if (!index || --space->backend_regions[index - 1])
		return;
	gms__mem_free(&space->map.mem, space->backend[index - 1], sizeof(struct gms_backend));
	space->backend[index - 1] = NULL;
	space->nbackends--;
}

/* Into the map, and to the listeners that want it. */
static int region_insert(struct gms_space *space, struct gms__region *row, gms_state state,
			 bool cut)
{
	uint64_t check;
	int err = gms__region_insert(&space->map, row, state, cut);

	if (err)
		return err;
	gms__region_find(&space->map, row->first, row, &check);
	err = gms__listeners_region(space, row, true);
	if (err)
		gms__region_delete(&space->map, gms__region_id(row));
	return err;
}

static int region_add_locked(struct gms_space *space, const struct gms_region_opts *opts,
			     const struct gms_backend *backend, uint32_t *id)
{
	const gms_state state = gms__profile_first(space->profile, opts->state);
	/* I7: shared pages are not in folios. */
	const bool cut = space->split == GMS_SPLIT_ALL_4K && opts->base_order &&
			 (state & GMS_STATE_SHARED);
	const unsigned order = cut ? GMS_ORDER_4K : opts->base_order;
	struct gms__region row;
	uint32_t index = 0;
	uint64_t check;
	int err;

	for (uint64_t i = 0; gms__region_nth(&space->map, i, &row, &check); i++) {
		if (overlaps(&row, opts))
			return -EEXIST;
	}
	if (space->map.last_id == UINT32_MAX)
		return -ENOSPC;
	err = backend_get(space, backend, &index);
	if (err)
		return err;

	memset(&row, 0, sizeof(row));
	row.first = opts->first;
	row.npages = opts->npages;
	row.id_order = (uint64_t)(space->map.last_id + 1) << 16 | opts->fault_order << 8 |
		       (opts->flags & GMS_REGION_NO_DIRECT_MAP ? GMS__NO_DIRECT_MAP : 0) |
		       opts->base_order;
	row.backing_id = opts->backing_id;
	row.backing_offset_bytes = opts->backing_offset_bytes;
	row.hva = opts->hva;
	row.backend = index;
	err = region_insert(space, &row, state, cut);
	if (err) {
		backend_put(space, index);
		return err;
	}
	space->reports_folios |= backend && (backend->split || backend->merge);
	*id = ++space->map.last_id;
	gms__add(&space->ledger.regions, 1);
	gms__add(&space->ledger.pages, opts->npages);
	gms__space_folios(space, opts->first, order, opts->npages >> order);
	if (state & GMS_STATE_SHARED)
		gms__ledger_shared(&space->ledger, opts->npages, 0);
	return 0;
}

int gms__space_region_add(struct gms_space *space, const struct gms_region_opts *opts,
			  const struct gms_backend *backend, uint32_t *id)
{
	int err;

	gms__map_lock_all(&space->map);
	gms__map_change_begin(&space->map, GMS__ALL_STRIPES);
	err = region_add_locked(space, opts, backend, id);
	gms__map_change_end(&space->map, GMS__ALL_STRIPES);
	gms__map_unlock(&space->map, GMS__ALL_STRIPES);
	return err;
}

/* Take the folios of a region that goes out of the ledger. */
static void forget_folios(struct gms_space *space, const struct gms__region *row)
{
	const gms_gfn end = row->first + row->npages;
	gms_gfn gfn = row->first;

	while (gfn < end) {
		unsigned order;
		const uint64_t npages = gms__min(gms__shape_stretch(space, row, gfn, &order),
						 end - gfn);

		gms__space_folios(space, gfn, order, -(npages >> order));
		gfn += npages;
	}
}

/* Nothing holds it, and nobody comes to it any more. */
static int region_delete(struct gms_space *space, const struct gms__region *row)
{
	const gms_gfn end = row->first + row->npages;
	uint64_t shared;
	int err = gms__listeners_region(space, row, false);

	if (err)
		return err;
	gms__loans_forget(space, row->first, end, false);
	shared = gms__map_count(&space->map, row->first, end, GMS_STATE_SHARED);
	forget_folios(space, row);
	backend_put(space, row->backend);
	gms__region_delete(&space->map, gms__region_id(row));
	gms__sub(&space->ledger.regions, 1);
	gms__sub(&space->ledger.pages, row->npages);
	gms__ledger_shared(&space->ledger, 0, shared);
	return 0;
}

/* The same among accesses. */
static int region_delete_gated(struct gms_space *space, const struct gms__region *row)
{
	const struct gms__segment all = { row->first, row->first + row->npages, 0, GMS_STATE_ALL };
	const struct gms__gate gate = { &all, 1 };
	struct gms__stock hand = { 0 };
	int err = gms__gate_region(space, &gate);

	if (err)
		return err;
	err = gms__frost_region_check(space, &gate, &hand);
	if (!err)
		err = region_delete(space, row);
	if (!err)
		gms__frost_region_do(space, &gate, &hand);
	gms__gate_region_end(space, &gate);
	gms__pool_put(&space->access->frost, &hand);
	return err;
}

static int region_remove_locked(struct gms_space *space, uint32_t id)
{
	struct gms__region row;
	uint64_t check;
	gms_gfn held;

	for (uint64_t i = 0;; i++) {
		if (!gms__region_nth(&space->map, i, &row, &check))
			return -ENOENT;
		if (gms__region_id(&row) == id)
			break;
	}
	if (gms__claims_first(&space->claims, row.first, row.first + row.npages, &held) ||
	    gms__loans_first(space, row.first, row.first + row.npages, false, &held))
		return -EAGAIN;
	return space->access ? region_delete_gated(space, &row) : region_delete(space, &row);
}

int gms__space_region_remove(struct gms_space *space, uint32_t id)
{
	int err;

	gms__map_lock_all(&space->map);
	gms__map_change_begin(&space->map, GMS__ALL_STRIPES);
	err = region_remove_locked(space, id);
	gms__map_change_end(&space->map, GMS__ALL_STRIPES);
	gms__map_unlock(&space->map, GMS__ALL_STRIPES);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_map.c - this library's state map alone, without the engine around it.
 *
 * What a conversion costs below the public call: no arguments checked, no
 * pins, no ledger. Locks and the sequence are taken where threads meet (set_mt)
 * and left out where the other implementations have none either. The only file
 * of the benchmark that uses the library's internals.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "map/get.h"
#include "map/walk.h"

#include "bits.h"
#include "peer.h"
#include "values.h"

#define KEEP_TABLES	64u	/* what stays in hand between edits */

struct map {
	struct gms__map	   map;
	struct gms__region row;
	struct gms__tables tables;
};

static void *create(uint64_t npages)
{
	const size_t bytes = (sizeof(struct map) + GMS__CACHE_LINE - 1) & -(size_t)GMS__CACHE_LINE;
	struct map *m = aligned_alloc(GMS__CACHE_LINE, bytes);
	struct gms__region row;
	uint64_t check;

	must(m ? 0 : -ENOMEM, "aligned_alloc");
	memset(m, 0, bytes);
	must(gms__map_init(&m->map, &gms__mem_libc, 0), "gms__map_init");
	memset(&row, 0, sizeof(row));
	row.npages = npages;
	row.id_order = 1 << 8;
	must(gms__region_insert(&m->map, &row, 0, false), "gms__region_insert");
	gms__region_find(&m->map, 0, &m->row, &check);
	return m;
}

static void destroy(void *map)
{
	struct map *m = map;

	gms__tables_put(&m->map, &m->tables);
	gms__map_fini(&m->map);
	free(m);
}

static unsigned get(void *map, uint64_t page)
{
	return gms__map_get(&((struct map *)map)->map, page);
}

/* The one place that knows how the map is changed. */
static void edit(struct map *m, uint64_t first, uint64_t end, gms_state set, gms_state clear)
{
	struct gms__needs needs;
	uint64_t in_hand;

	if (!m->tables.leaves[GMS__LEAF64].n)
		must(gms__pool_take(&m->map.leaves[GMS__LEAF64], &m->tables.leaves[GMS__LEAF64],
				    KEEP_TABLES / 2, true), "gms__pool_take");
	if (first / GMS__BLOCK_PAGES == (end - 1) / GMS__BLOCK_PAGES &&
	    gms__map_edit_try(&m->map, &m->row, first, end, set, clear, &m->tables))
		return;
	memset(&needs, 0, sizeof(needs));
	gms__map_needs(&m->map, &m->row, first, end, set, clear, &needs);
	must(gms__map_provide(&m->map, &needs, &m->tables, true), "gms__map_provide");
	gms__map_edit(&m->map, &m->row, first, end, set, clear, &m->tables);
	in_hand = m->tables.chunks.n;
	for (unsigned class = 0; class < GMS__LEAF_CLASSES; class++)
		in_hand += m->tables.leaves[class].n;
	if (in_hand > KEEP_TABLES)
		gms__tables_put(&m->map, &m->tables);
}

static void set(void *map, uint64_t first, uint64_t end, unsigned shared)
{
	edit(map, first, end, shared ? GMS_STATE_SHARED : 0, shared ? 0 : GMS_STATE_SHARED);
}

static void assign(void *map, uint64_t first, uint64_t end, unsigned value)
{
	const gms_state state = state_of(value);

	edit(map, first, end, state, VALUE_ALL & ~state);
}

static void set_mt(void *map, uint64_t first, uint64_t end, unsigned shared)
{
	struct map *m = map;
	const uint64_t stripes = gms__map_stripes((struct gms_range){ first, end - first });

	gms__map_lock(&m->map, stripes, first, end);
	gms__map_change_begin(&m->map, stripes);
	set(map, first, end, shared);
	gms__map_change_end(&m->map, stripes);
	gms__map_unlock(&m->map, stripes);
}

static void runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	struct gms_cursor cursor = { 0 };
	struct gms_run run;

	while (gms__map_next_match(&((struct map *)map)->map, &cursor, &first, end,
				   GMS_STATE_SHARED, GMS_STATE_SHARED, &run))
		fn(arg, run.first, run.first + run.npages);
}

static uint64_t next(void *map, uint64_t first, uint64_t end)
{
	return gms__map_find(&((struct map *)map)->map, first, end, GMS_STATE_SHARED,
			     GMS_STATE_SHARED);
}

static int uniform(void *map, uint64_t first, uint64_t end)
{
	const struct gms__map *m = &((struct map *)map)->map;
	const unsigned order = end - first == GMS__GIB_PAGES ? GMS_ORDER_1G : GMS_ORDER_2M;
	struct gms_cursor cursor = { 0 };
	struct gms_run run;
	uint64_t pos = first;
	int same;

	if (end - first == UINT64_C(1) << order && !(first & (end - first - 1)) &&
	    (same = gms__map_block_uniform(m, first, order, GMS_STATE_SHARED)) >= 0)
		return same ? (int)(gms__map_get(m, first) & GMS_STATE_SHARED) : -1;
	if (!gms__map_next_run(m, &cursor, &pos, end, GMS_STATE_SHARED, &run) ||
	    run.npages < end - first)
		return -1;
	return run.state & GMS_STATE_SHARED;
}

static uint64_t count(void *map, uint64_t first, uint64_t end)
{
	return gms__map_count(&((struct map *)map)->map, first, end, GMS_STATE_SHARED);
}

static uint64_t bytes(void *map)
{
	return gms__load(&((struct map *)map)->map.mem.bytes);
}

static uint64_t used_bytes(void *map)
{
	return gms__map_used_bytes(&((struct map *)map)->map);
}

const struct peer peer_gmemstate_map = {
	.name = "gmemstate-map", .attrs = PEER_FOUR_ATTRS, .flags = PEER_OURS,
	.create = create, .destroy = destroy, .get = get, .value = value_of, .set = set,
	.assign = assign, .uniform = uniform, .next = next, .runs = runs, .count = count,
	.bytes = bytes, .used_bytes = used_bytes, .get_mt = get, .set_mt = set_mt
};

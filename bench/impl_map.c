/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_map.c - this library's state map alone, without the engine around it.
 *
 * What a conversion costs below the public call: no arguments checked, no
 * pins, no ledger. Locks and the sequence are taken where threads meet (set_mt)
 * and left out where the other implementations have none either. The only file
 * of the benchmark that uses the library's internals.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "map/map.h"

#include "bits.h"
#include "peer.h"

#define VALUE_1		GMS_STATE_WRITE_PROTECT
#define VALUE_2		GMS_STATE_DIRTY
#define VALUE_3		GMS_STATE_USER0
#define VALUE_ALL	(GMS_STATE_SHARED | VALUE_1 | VALUE_2 | VALUE_3)

#define KEEP_TABLES	64u	/* what stays in hand between edits */

struct map {
	struct gms__map	   map;
	struct gms__region row;
	struct gms__tables tables;
};

static void must(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "bench: gmemstate-map: %s: error %d\n", what, err);
		exit(1);
	}
}

static gms_state state_of(unsigned value)
{
	return (value & 1 ? GMS_STATE_SHARED : 0) | (value & 2 ? VALUE_1 : 0) |
	       (value & 4 ? VALUE_2 : 0) | (value & 8 ? VALUE_3 : 0);
}

static unsigned value_of(unsigned state)
{
	return (state & GMS_STATE_SHARED ? 1u : 0) | (state & VALUE_1 ? 2u : 0) |
	       (state & VALUE_2 ? 4u : 0) | (state & VALUE_3 ? 8u : 0);
}

static void *create(uint64_t npages)
{
	const size_t bytes = (sizeof(struct map) + GMS__CACHE_LINE - 1) & -(size_t)GMS__CACHE_LINE;
	struct map *m = aligned_alloc(GMS__CACHE_LINE, bytes);
	struct gms__region row;
	uint64_t check;

	must(!m, "aligned_alloc");
	memset(m, 0, bytes);
	must(gms__map_init(&m->map, &gms__mem_libc), "gms__map_init");
	memset(&row, 0, sizeof(row));
	row.npages = npages;
	row.id_order = 1 << 8;
	must(gms__region_insert(&m->map, &row, 0), "gms__region_insert");
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

static void edit(struct map *m, uint64_t first, uint64_t end, gms_state set, gms_state clear)
{
	struct gms__needs needs;
	uint64_t in_hand;

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

	gms__map_lock(&m->map, stripes);
	gms__map_change_begin(&m->map, stripes);
	set(map, first, end, shared);
	gms__map_change_end(&m->map, stripes);
	gms__map_unlock(&m->map, stripes);
}

static void runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	struct gms_run run;

	while (gms__map_next_run(&((struct map *)map)->map, &first, end, GMS_STATE_SHARED, &run)) {
		if (run.state)
			fn(arg, run.first, run.first + run.npages);
	}
}

static uint64_t next(void *map, uint64_t first, uint64_t end)
{
	struct gms_run run;

	while (gms__map_next_run(&((struct map *)map)->map, &first, end, GMS_STATE_SHARED, &run)) {
		if (run.state)
			return run.first;
	}
	return end;
}

static int uniform(void *map, uint64_t first, uint64_t end)
{
	const struct gms__map *m = &((struct map *)map)->map;
	const unsigned order = end - first == GMS__GIB_PAGES ? GMS_ORDER_1G : GMS_ORDER_2M;
	struct gms__block block;
	struct gms_run run;
	uint64_t pos = first;

	if (end - first == UINT64_C(1) << order && !(first & (end - first - 1)) &&
	    gms__map_block(m, first, order, &block) && block.npages == end - first) {
		if (!block.shared_pages)
			return 0;
		return block.shared_pages == block.npages ? 1 : -1;
	}
	if (!gms__map_next_run(m, &pos, end, GMS_STATE_SHARED, &run) || run.npages < end - first)
		return -1;
	return run.state & GMS_STATE_SHARED;
}

static uint64_t count(void *map, uint64_t first, uint64_t end)
{
	return gms__map_count_shared(&((struct map *)map)->map, first, end);
}

static uint64_t bytes(void *map)
{
	return gms__load(&((struct map *)map)->map.mem.bytes);
}

const struct peer peer_gmemstate_map = {
	.name = "gmemstate-map", .attrs = PEER_FOUR_ATTRS, .flags = PEER_OURS,
	.create = create, .destroy = destroy, .get = get, .value = value_of, .set = set,
	.assign = assign, .uniform = uniform, .next = next, .runs = runs, .count = count,
	.bytes = bytes, .get_mt = get, .set_mt = set_mt
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.c - a map's life, and its stripes of locks; see map.h.
 */
#include "map/map.h"

#include <errno.h>
#include <string.h>

#include "base/debug.h"
#include "map/changes.h"
#include "map/halves.h"

#define CHUNKS_PER_SLAB	4

static const size_t leaf_bytes[GMS__LEAF_CLASSES] = { 32, 64, 512, 1024 };
static const size_t leaves_per_slab[GMS__LEAF_CLASSES] = { 512, 256, 63, 31 };

/* A batch may want tables for a moment that it gives back at its end. */
#define IN_FLIGHT	4

int gms__map_init(struct gms__map *map, const struct gms_mem_ops *ops, unsigned keeps)
{
	const size_t chunk_bytes = sizeof(struct gms__chunk) +
				   (keeps & GMS__KEEPS_HALVES ? sizeof(struct gms__halves) : 0);

	_Static_assert(sizeof(struct gms__chunk) % GMS__CACHE_LINE == 0, "chunk alignment");
	_Static_assert(sizeof(struct gms__halves) % GMS__CACHE_LINE == 0, "chunk alignment");
	_Static_assert(sizeof(struct gms__stripe) % GMS__CACHE_LINE == 0, "stripe alignment");

	memset(map, 0, sizeof(*map));
	map->keeps = keeps;
	gms__mem_init(&map->mem, ops);
	map->bulk = gms__bulk_choose();
	gms__changes_init(map);
	if (gms__region_init(map) ||
	    gms__pool_init(&map->chunks, &map->mem, chunk_bytes, CHUNKS_PER_SLAB) ||
	    gms__palette_init(&map->palette))
		return -ENOMEM;
	for (unsigned c = 0; c < GMS__LEAF_CLASSES; c++) {
		if (gms__pool_init(&map->leaves[c], &map->mem, leaf_bytes[c], leaves_per_slab[c]))
			return -ENOMEM;
	}
	if (gms__lock_init(&map->large, GMS__RANK_LARGE, 0))
		return -ENOMEM;
	for (unsigned s = 0; s < GMS__STRIPES; s++) {
		if (gms__lock_init(&map->stripe[s].lock, GMS__RANK_STRIPE, s))
			return -ENOMEM;
	}
	return 0;
}

void gms__map_fini(struct gms__map *map)
{
	for (unsigned s = 0; s < GMS__STRIPES; s++)
		gms__lock_fini(&map->stripe[s].lock);
	gms__lock_fini(&map->large);
	gms__region_fini(map);
	for (unsigned c = 0; c < GMS__LEAF_CLASSES; c++)
		gms__pool_fini(&map->leaves[c]);
	gms__palette_fini(&map->palette);
	gms__pool_fini(&map->chunks);
}

int gms__map_reserve(struct gms__map *map, uint64_t nblocks, uint64_t ngibs)
{
	int err = 0;

	if (nblocks > (UINT64_MAX - IN_FLIGHT) / 3)
		return -ENOMEM;
	/* Twice: a block that a batch changes several times is provided for so. */
	for (unsigned c = 0; !err && c < GMS__LEAF_CLASSES; c++)
		err = gms__pool_reserve(&map->leaves[c], 2 * nblocks + IN_FLIGHT);
	/* And a tree. */
	if (!err && map->keeps & GMS__KEEPS_HALVES)
		err = gms__pool_reserve(&map->leaves[GMS__LEAF64], 3 * nblocks + IN_FLIGHT);
	return err ? err : gms__pool_reserve(&map->chunks, ngibs + IN_FLIGHT);
}

int gms__map_provide(struct gms__map *map, const struct gms__needs *needs,
		     struct gms__tables *tables, bool may_alloc)
{
	const uint64_t more = needs->detours ? 2 : needs->spares ? 1 : 0;
	int err = gms__pool_take(&map->chunks, &tables->chunks, needs->chunks, may_alloc);

	for (unsigned c = 0; !err && c < GMS__LEAF_CLASSES; c++)
		err = gms__pool_take(&map->leaves[c], &tables->leaves[c], needs->leaves[c] + more,
				     may_alloc);
	return err;
}

void gms__tables_put(struct gms__map *map, struct gms__tables *tables)
{
	if (tables->chunks.n)
		gms__pool_put(&map->chunks, &tables->chunks);
	for (unsigned c = 0; c < GMS__LEAF_CLASSES; c++) {
		if (tables->leaves[c].n)
			gms__pool_put(&map->leaves[c], &tables->leaves[c]);
	}
}

uint64_t gms__map_used_bytes(const struct gms__map *map)
{
	uint64_t idle = gms__pool_idle_bytes(&map->chunks);

	for (unsigned c = 0; c < GMS__LEAF_CLASSES; c++)
		idle += gms__pool_idle_bytes(&map->leaves[c]);
	return gms__load(&map->mem.bytes) - idle;
}

uint64_t gms__map_stripes(struct gms_range range)
{
	const uint64_t first_gib = gms__gib_of(range.first);
	const uint64_t last_gib = gms__gib_of(range.first + range.npages - 1);
	const uint64_t n = last_gib - first_gib + 1;
	const unsigned s = first_gib % GMS__STRIPES;
	uint64_t set;

	if (n >= GMS__STRIPES)
		return GMS__ALL_STRIPES;
	set = (UINT64_C(1) << n) - 1;
	return (set << s | set >> (GMS__STRIPES - s)) & GMS__ALL_STRIPES;
}

void gms__map_lock_stripes(struct gms__map *map, uint64_t stripes)
{
	for (; stripes; stripes &= stripes - 1)
		gms__lock(&map->stripe[__builtin_ctzll(stripes)].lock);
}

void gms__map_lock(struct gms__map *map, uint64_t stripes, gms_gfn first, gms_gfn end)
{
	for (;;) {
		gms__map_lock_stripes(map, stripes);
		if (!gms__map_any_owned(map, first, end))
			return;
		gms__map_unlock(map, stripes);
		gms__map_await_owner(map);
	}
}

void gms__map_lock_all(struct gms__map *map)
{
	gms__map_lock(map, GMS__ALL_STRIPES, 0, UINT64_MAX);
}

void gms__map_unlock(struct gms__map *map, uint64_t stripes)
{
	for (; stripes; stripes &= stripes - 1)
		gms__unlock(&map->stripe[__builtin_ctzll(stripes)].lock);
}

void gms__map_change_begin(struct gms__map *map, uint64_t stripes)
{
	for (; stripes; stripes &= stripes - 1) {
		struct gms__stripe *stripe = &map->stripe[__builtin_ctzll(stripes)];

		gms__assert(!(gms__load_relaxed(&stripe->seq) & 1));
		/*
		 * All that readers see of the change is stored with release, so
		 * it cannot become visible before this does.
		 */
		gms__map_odd(map, &stripe->seq, &stripe->began);
	}
}

void gms__map_change_end(struct gms__map *map, uint64_t stripes)
{
	for (; stripes; stripes &= stripes - 1) {
		uint64_t *seq = &map->stripe[__builtin_ctzll(stripes)].seq;

		gms__store(seq, gms__load_relaxed(seq) + 1);
	}
}

/*
 * The sum of all sequences: each only grows, so an equal sum means that none
 * moved.
 */
uint64_t gms__map_seq(const struct gms__map *map, uint64_t stripes, bool *busy)
{
	uint64_t sum = gms__load(&map->large_seq), odd = sum & 1;

	for (; stripes; stripes &= stripes - 1) {
		uint64_t seq = gms__load(&map->stripe[__builtin_ctzll(stripes)].seq);

		sum += seq;
		odd |= seq & 1;
	}
	*busy = odd;
	return sum;
}

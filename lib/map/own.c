/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * own.c - a conversion of many GiB that does not hold everything while it walks.
 *
 * A small conversion holds the stripes of its GiB. A large one would hold all
 * of them, and for as long as it takes to walk a TiB. It owns its GiB instead:
 * their numbers stand in the map, and who has locked a stripe looks whether
 * they meet his own, and if so waits for the owner. Elsewhere all goes on.
 *
 *   O1  One owner at a time: he has the lock (rank LARGE).
 *   O2  The numbers are published before every stripe of theirs was locked and
 *       released once; so whoever did not see them is done.
 *   O3  Who owns a GiB changes it without its stripe, and leaves alone what the
 *       stripe guards besides: its sequence (he has large_seq) and its idle GiB.
 */
#include "map/map.h"

void gms__map_own(struct gms__map *map, gms_gfn first, gms_gfn end)
{
	const struct gms_range range = { first, end - first };

	gms__lock(&map->large);
	gms__store(&map->owned_first, gms__gib_of(first));
	gms__store(&map->owned_gibs, gms__gib_of(end - 1) - gms__gib_of(first) + 1);
	for (uint64_t left = gms__map_stripes(range); left; left &= left - 1) {
		struct gms__lock *lock = &map->stripe[__builtin_ctzll(left)].lock;

		gms__lock(lock);
		gms__unlock(lock);
	}
}

void gms__map_disown(struct gms__map *map)
{
	gms__store(&map->owned_gibs, 0);
	gms__unlock(&map->large);
}

void gms__map_await_owner(struct gms__map *map)
{
	gms__lock(&map->large);
	gms__unlock(&map->large);
}

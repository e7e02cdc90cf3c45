/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash.c - a table from numbers to pointers; see hash.h.
 */
#include "base/hash.h"

#include <string.h>

#define FIRST_BITS	2u

static size_t table_bytes(uint32_t bits)
{
	return sizeof(struct gms__place) << bits;
}

void gms__hash_put(struct gms__hash *hash, uint64_t key, void *value)
{
	const uint32_t mask = (UINT32_C(1) << hash->bits) - 1;
	uint32_t i = gms__hash_home(hash, key);

	while (hash->place[i].value)
		i = (i + 1) & mask;
	hash->place[i] = (struct gms__place){ key, value };
	hash->n++;
}

bool gms__hash_ready(struct gms__hash *hash, struct gms__mem *mem)
{
	const struct gms__hash old = *hash;
	const uint32_t bits = old.place ? old.bits + 1 : FIRST_BITS;
	struct gms__place *place;

	if (old.place && old.n < UINT32_C(1) << old.bits >> 1)
		return true;
	place = gms__mem_alloc(mem, table_bytes(bits));
	if (!place)
		return false;
	memset(place, 0, table_bytes(bits));
	*hash = (struct gms__hash){ place, bits, 0 };
	for (uint32_t i = 0; i < gms__hash_places(&old); i++) {
		if (old.place[i].value)
			gms__hash_put(hash, old.place[i].key, old.place[i].value);
	}
	gms__mem_free(mem, old.place, table_bytes(old.bits));
	return true;
}

/* Empty place i, and let those behind it that probed past it move up. */
static void close_up(struct gms__hash *hash, uint32_t i)
{
	const uint32_t mask = (UINT32_C(1) << hash->bits) - 1;
	struct gms__place *place = hash->place;

	for (uint32_t j = (i + 1) & mask; place[j].value; j = (j + 1) & mask) {
		const uint32_t home = gms__hash_home(hash, place[j].key);

		if (((j - home) & mask) >= ((j - i) & mask)) {
			place[i] = place[j];
			i = j;
		}
	}
	place[i].value = NULL;
}

void gms__hash_drop(struct gms__hash *hash, uint64_t key)
{
	const uint32_t mask = (UINT32_C(1) << hash->bits) - 1;
	uint32_t i = gms__hash_home(hash, key);

	while (hash->place[i].key != key || !hash->place[i].value)
		i = (i + 1) & mask;
	close_up(hash, i);
	hash->n--;
}

void gms__hash_fini(struct gms__hash *hash, struct gms__mem *mem)
{
	gms__mem_free(mem, hash->place, table_bytes(hash->bits));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash.h - a table from numbers to pointers.
 *
 * Open addressing, linear probing, never more than half full. What goes is
 * closed up behind (no tombstones), so a table that keys come to and go from
 * for ever does not fill.
 *
 * Locking: the caller's.
 */
#ifndef GMS_BASE_HASH_H
#define GMS_BASE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

struct gms__place {
	uint64_t key;
	void	*value;		/* NULL: free */
};

struct gms__hash {
	struct gms__place *place;
	uint32_t bits;		/* 2^ that many places, if any */
	uint32_t n;
};

/* Room for one more key; false: no memory. */
bool gms__hash_ready(struct gms__hash *hash, struct gms__mem *mem);
/* A key that is not there, when there is room. */
void gms__hash_put(struct gms__hash *hash, uint64_t key, void *value);
/* A key that is there. */
void gms__hash_drop(struct gms__hash *hash, uint64_t key);
void gms__hash_fini(struct gms__hash *hash, struct gms__mem *mem);

/* Places, to walk them; values are NULL in free ones. */
static inline uint32_t gms__hash_places(const struct gms__hash *hash)
{
	return hash->place ? UINT32_C(1) << hash->bits : 0;
}

/* The top bits of a product with 2^64 / phi: neighbours and multiples part ways. */
static inline uint32_t gms__hash_home(const struct gms__hash *hash, uint64_t key)
{
	return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - hash->bits));
}

/* NULL: not there. */
static inline void *gms__hash_find(const struct gms__hash *hash, uint64_t key)
{
	const uint32_t mask = (UINT32_C(1) << hash->bits) - 1;

	if (!hash->n)
		return NULL;
	for (uint32_t i = gms__hash_home(hash, key);; i = (i + 1) & mask) {
		const struct gms__place *place = &hash->place[i];

		if (!place->value || place->key == key)
			return place->value;
	}
}

#endif

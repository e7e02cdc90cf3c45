/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots.h - names that are never used again, and objects that never move.
 *
 * Slabs are an array that grows without moving what is in it: the first slabs
 * grow from 16 objects on, so that a few are little memory, then each has 1024.
 * Where an object is, is arithmetic.
 *
 * Slots are slabs of claims (pins, loans) with ids. An id is its slot's
 * generation, its shard and its slot: a stale one finds nothing.
 *
 *   P5  A slot is live (odd generation), on the free list, or worn out.
 *
 * Memory stays, for the claims to come. Locking: the caller's.
 */
#ifndef GMS_ENGINE_SLOTS_H
#define GMS_ENGINE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/types.h>

#include "base/mem.h"
#include "map/itree.h"

#define GMS__SLOT_BITS	26u
#define GMS__SLOTS	(UINT32_C(1) << GMS__SLOT_BITS)
#define GMS__WORN_OUT	(UINT32_MAX - 1)	/* the generation after a slot's last id */

struct gms__slabs {
	void   **slab;
	uint32_t n;
	uint32_t capacity;
};

struct gms__claim {		/* a cache line */
	struct gms__inode node;	/* left links free ones */
	gms_tag	 tag;
	uint32_t generation;	/* odd: live */
	uint32_t slot  : GMS__SLOT_BITS;
	uint32_t flags : 32 - GMS__SLOT_BITS;
};

struct gms__slots {
	struct gms__slabs  slabs;
	struct gms__inode *free;
	uint32_t	   n;		/* that were ever used */
};

#define GMS__FIRST_SLAB_BITS	4u
#define GMS__LAST_SLAB_BITS	10u

/* The slab an object is in; *at is its place there, *n how many the slab has. */
static inline uint32_t gms__slab_of(uint32_t index, uint32_t *at, uint32_t *n)
{
	unsigned bits;

	if (index >> GMS__LAST_SLAB_BITS) {
		*n = UINT32_C(1) << GMS__LAST_SLAB_BITS;
		*at = index % *n;
		return (index >> GMS__LAST_SLAB_BITS) + GMS__LAST_SLAB_BITS - GMS__FIRST_SLAB_BITS;
	}
	if (!(index >> GMS__FIRST_SLAB_BITS)) {
		*n = UINT32_C(1) << GMS__FIRST_SLAB_BITS;
		*at = index;
		return 0;
	}
	/* As many as all before it together, so its size is its first object. */
	bits = 31 - (unsigned)__builtin_clz(index);
	*n = UINT32_C(1) << bits;
	*at = index - *n;
	return bits - GMS__FIRST_SLAB_BITS + 1;
}

static inline void *gms__slabs_at(const struct gms__slabs *slabs, uint32_t index, size_t bytes)
{
	uint32_t at, n;
	const uint32_t slab = gms__slab_of(index, &at, &n);

	return (char *)slabs->slab[slab] + at * bytes;
}

/* See to it that there is an object index, the next after all there are; false: no memory. */
bool gms__slabs_ready(struct gms__slabs *slabs, uint32_t index, size_t bytes,
		      struct gms__mem *mem);
void gms__slabs_fini(struct gms__slabs *slabs, size_t bytes, struct gms__mem *mem);

static inline struct gms__claim *gms__slot_at(const struct gms__slots *slots, uint32_t slot)
{
	return gms__slabs_at(&slots->slabs, slot, sizeof(struct gms__claim));
}

void gms__slots_fini(struct gms__slots *slots, struct gms__mem *mem);
bool gms__slots_make(struct gms__slots *slots, uint32_t n, struct gms__mem *mem);

/* See to it that gms__slots_take() has n to take; false: no memory, or no more names. */
static inline bool gms__slots_ready(struct gms__slots *slots, uint32_t n, struct gms__mem *mem)
{
	return (n == 1 && slots->free) || gms__slots_make(slots, n, mem);
}

struct gms__claim *gms__slots_take(struct gms__slots *slots);
void gms__slots_give(struct gms__slots *slots, struct gms__claim *claim);

static inline uint64_t gms__slot_id(const struct gms__claim *claim, unsigned shard)
{
	return (uint64_t)claim->generation << 32 | shard << GMS__SLOT_BITS | claim->slot;
}

static inline unsigned gms__slot_shard(uint64_t id)
{
	return (uint32_t)id >> GMS__SLOT_BITS;
}

/* NULL: no such claim, or not any more. */
static inline struct gms__claim *gms__slots_find(const struct gms__slots *slots, uint64_t id)
{
	const uint32_t slot = (uint32_t)id % GMS__SLOTS, generation = (uint32_t)(id >> 32);
	struct gms__claim *claim;

	if (slot >= slots->n || !(generation & 1))
		return NULL;
	claim = gms__slot_at(slots, slot);
	return claim->generation == generation ? claim : NULL;
}

/* P5, recounted: n are live. What breaks, with what was seen and what should be; or NULL. */
const char *gms__slots_fault(const struct gms__slots *slots, uint64_t n, uint64_t *seen,
			     uint64_t *wanted);

#endif

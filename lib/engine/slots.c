/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots.c - names that are never used again; see slots.h.
 */
#include "engine/slots.h"

#include <string.h>

#include "base/debug.h"

void gms__slabs_fini(struct gms__slabs *slabs, size_t bytes, struct gms__mem *mem)
{
	uint32_t index = 0, at, n;

	for (uint32_t i = 0; i < slabs->n; i++, index += n) {
		gms__slab_of(index, &at, &n);
		gms__mem_free(mem, slabs->slab[i], n * bytes);
	}
	gms__mem_free(mem, slabs->slab, slabs->capacity * sizeof(*slabs->slab));
}

static bool slab_room(struct gms__slabs *slabs, struct gms__mem *mem)
{
	const uint32_t capacity = slabs->capacity ? 2 * slabs->capacity : 8;
	void **slab;

	if (slabs->n < slabs->capacity)
		return true;
	slab = gms__mem_alloc(mem, capacity * sizeof(*slab));
	if (!slab)
		return false;
	if (slabs->n)
		memcpy(slab, slabs->slab, slabs->n * sizeof(*slab));
	gms__mem_free(mem, slabs->slab, slabs->capacity * sizeof(*slab));
	slabs->slab = slab;
	slabs->capacity = capacity;
	return true;
}

bool gms__slabs_ready(struct gms__slabs *slabs, uint32_t index, size_t bytes,
		      struct gms__mem *mem)
{
	uint32_t at, n;
	const uint32_t slab = gms__slab_of(index, &at, &n);

	if (slab < slabs->n)
		return true;
	if (!slab_room(slabs, mem))
		return false;
	slabs->slab[slab] = gms__mem_alloc(mem, n * bytes);
	if (!slabs->slab[slab])
		return false;
	slabs->n++;
	return true;
}

void gms__slots_fini(struct gms__slots *slots, struct gms__mem *mem)
{
	gms__slabs_fini(&slots->slabs, sizeof(struct gms__claim), mem);
}

bool gms__slots_make(struct gms__slots *slots, uint32_t n, struct gms__mem *mem)
{
	const struct gms__inode *node = slots->free;

	for (; n && node; n--)
		node = node->left;
	for (uint32_t slot = slots->n; n; n--, slot++) {
		if (slot >= GMS__SLOTS ||
		    !gms__slabs_ready(&slots->slabs, slot, sizeof(struct gms__claim), mem))
			return false;
	}
	return true;
}

struct gms__claim *gms__slots_take(struct gms__slots *slots)
{
	struct gms__claim *claim = (struct gms__claim *)slots->free;

	if (claim) {
		slots->free = claim->node.left;
	} else {
		claim = gms__slot_at(slots, slots->n);
		memset(claim, 0, sizeof(*claim));
		claim->slot = slots->n++ % GMS__SLOTS;
	}
	claim->generation++;
	return claim;
}

void gms__slots_give(struct gms__slots *slots, struct gms__claim *claim)
{
	gms__assert(claim->generation & 1);
	claim->generation++;
	if (claim->generation == GMS__WORN_OUT)
		return;
	claim->node.left = slots->free;
	slots->free = &claim->node;
}

const char *gms__slots_fault(const struct gms__slots *slots, uint64_t n, uint64_t *seen,
			     uint64_t *wanted)
{
	uint64_t live = 0, worn_out = 0, nfree = 0;

	for (uint32_t slot = 0; slot < slots->n; slot++) {
		const uint32_t generation = gms__slot_at(slots, slot)->generation;

		live += generation & 1;
		worn_out += generation == GMS__WORN_OUT;
	}
	*seen = 1;
	*wanted = 0;
	for (const struct gms__inode *node = slots->free; node && nfree <= slots->n;
	     node = node->left) {
		if (((const struct gms__claim *)node)->generation & 1)
			return "P5: live slot on the free list";
		nfree++;
	}
	*seen = live;
	*wanted = n;
	if (live != n)
		return "P5: live slots";
	*seen = live + worn_out + nfree;
	*wanted = slots->n;
	return *seen != *wanted ? "P5: slots" : NULL;
}

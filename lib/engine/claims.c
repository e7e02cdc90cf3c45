/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claims.c - the pins of a space; see claims.h.
 */
#include "engine/claims.h"

#include <errno.h>
#include <string.h>

#include "base/atomic.h"

#define PER_SLAB	64u
#define SLAB_BYTES	(PER_SLAB * sizeof(struct gms__claim))

int gms__claims_init(struct gms__claims *claims, struct gms__mem *mem)
{
	memset(claims, 0, sizeof(*claims));
	claims->mem = mem;
	return gms__lock_init(&claims->lock, GMS__RANK_CLAIMS, 0);
}

void gms__claims_fini(struct gms__claims *claims)
{
	for (uint32_t i = 0; i < claims->nslabs; i++)
		gms__mem_free(claims->mem, claims->slab[i], SLAB_BYTES);
	gms__mem_free(claims->mem, claims->slab, claims->slab_capacity * sizeof(*claims->slab));
	gms__lock_fini(&claims->lock);
}

static struct gms__claim *at_slot(const struct gms__claims *claims, uint32_t slot)
{
	return &claims->slab[slot / PER_SLAB][slot % PER_SLAB];
}

static struct gms__claim *find(const struct gms__claims *claims, gms_pin_id id)
{
	const uint32_t slot = (uint32_t)id, generation = (uint32_t)(id >> 32);
	struct gms__claim *claim;

	if (slot / PER_SLAB >= claims->nslabs)
		return NULL;
	claim = at_slot(claims, slot);
	return claim->generation == generation && (generation & 1) ? claim : NULL;
}

static int grow_directory(struct gms__claims *claims)
{
	const uint32_t capacity = claims->slab_capacity ? 2 * claims->slab_capacity : 8;
	struct gms__claim **slab = gms__mem_alloc(claims->mem, capacity * sizeof(*slab));

	if (!slab)
		return -ENOMEM;
	if (claims->nslabs)
		memcpy(slab, claims->slab, claims->nslabs * sizeof(*slab));
	gms__mem_free(claims->mem, claims->slab, claims->slab_capacity * sizeof(*slab));
	claims->slab = slab;
	claims->slab_capacity = capacity;
	return 0;
}

static int grow(struct gms__claims *claims)
{
	struct gms__claim *slab;

	if (claims->nslabs == UINT32_MAX / PER_SLAB)
		return -ENOMEM;
	slab = gms__mem_alloc(claims->mem, SLAB_BYTES);
	if (!slab)
		return -ENOMEM;
	if (claims->nslabs == claims->slab_capacity && grow_directory(claims)) {
		gms__mem_free(claims->mem, slab, SLAB_BYTES);
		return -ENOMEM;
	}
	memset(slab, 0, SLAB_BYTES);
	for (uint32_t i = PER_SLAB; i-- > 0;) {
		slab[i].slot = claims->nslabs * PER_SLAB + i;
		slab[i].next_free = claims->free;
		claims->free = slab[i].slot + 1;
	}
	claims->slab[claims->nslabs++] = slab;
	return 0;
}

int gms__claims_add(struct gms__claims *claims, struct gms_range range, uint32_t flags,
		    gms_tag tag, gms_pin_id *id)
{
	struct gms__claim *claim;

	gms__lock(&claims->lock);
	if (!claims->free && grow(claims)) {
		gms__unlock(&claims->lock);
		return -ENOMEM;
	}
	claim = at_slot(claims, claims->free - 1);
	claims->free = claim->next_free;
	claim->generation++;
	claim->tag = tag;
	claim->flags = flags;
	claim->node.first = range.first;
	claim->node.end = range.first + range.npages;
	claim->node.serial = claims->serial++;
	gms__itree_insert(&claims->root, &claim->node);
	gms__store(&claims->n, claims->n + 1);
	*id = (gms_pin_id)claim->generation << 32 | claim->slot;
	gms__unlock(&claims->lock);
	return 0;
}

bool gms__claims_range(struct gms__claims *claims, gms_pin_id id, struct gms_range *range)
{
	const struct gms__claim *claim;

	gms__lock(&claims->lock);
	claim = find(claims, id);
	if (claim) {
		range->first = claim->node.first;
		range->npages = claim->node.end - claim->node.first;
	}
	gms__unlock(&claims->lock);
	return claim;
}

bool gms__claims_remove(struct gms__claims *claims, gms_pin_id id)
{
	struct gms__claim *claim;

	gms__lock(&claims->lock);
	claim = find(claims, id);
	if (claim) {
		gms__itree_remove(&claims->root, &claim->node);
		gms__store(&claims->n, claims->n - 1);
		claim->generation++;
		if (claim->generation != UINT32_MAX - 1) {	/* else the slot has served */
			claim->next_free = claims->free;
			claims->free = claim->slot + 1;
		}
	}
	gms__unlock(&claims->lock);
	return claim;
}

bool gms__claims_first(struct gms__claims *claims, gms_gfn first, gms_gfn end, gms_gfn *gfn)
{
	const struct gms__inode *node;

	/* Who asks holds the stripes, so no pin can come into the range. */
	if (!gms__load(&claims->n))
		return false;
	gms__lock(&claims->lock);
	node = gms__itree_first(claims->root, first, end);
	if (node)
		*gfn = node->first > first ? node->first : first;
	gms__unlock(&claims->lock);
	return node;
}

struct list {
	struct gms_pin_info *buf;
	size_t nbuf;
	size_t found;
};

static void list_one(struct gms__inode *node, void *ctx)
{
	const struct gms__claim *claim = (const struct gms__claim *)node;
	struct list *list = ctx;

	if (list->found < list->nbuf) {
		struct gms_pin_info *info = &list->buf[list->found];

		info->range.first = node->first;
		info->range.npages = node->end - node->first;
		info->id = (gms_pin_id)claim->generation << 32 | claim->slot;
		info->tag = claim->tag;
		info->flags = claim->flags;
		info->reserved = 0;
	}
	list->found++;
}

size_t gms__claims_list(struct gms__claims *claims, struct gms_range range,
			struct gms_pin_info *buf, size_t nbuf)
{
	struct list list = { buf, nbuf, 0 };

	gms__lock(&claims->lock);
	gms__itree_visit(claims->root, range.first, range.first + range.npages, list_one, &list);
	gms__unlock(&claims->lock);
	return list.found;
}

void gms__claims_each(struct gms__claims *claims,
		      void (*visit)(struct gms__inode *node, void *ctx), void *ctx)
{
	gms__lock(&claims->lock);
	gms__itree_visit(claims->root, 0, UINT64_MAX, visit, ctx);
	gms__unlock(&claims->lock);
}

bool gms__claims_sound(struct gms__claims *claims)
{
	uint64_t n;
	bool sound;

	gms__lock(&claims->lock);
	sound = gms__itree_sound(claims->root, &n) && n == claims->n;
	gms__unlock(&claims->lock);
	return sound;
}

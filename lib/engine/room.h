/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * room.h - the growing lists of a plan.
 *
 * A list begins in memory of its owner, goes on in a scratch object of the
 * space and then in memory of its own, so that small conversions allocate
 * nothing, and reserved ones take what gms_space_reserve() set aside.
 *
 * Locking: a list is its owner's. Takes the lock of the scratch pool.
 */
#ifndef GMS_ENGINE_ROOM_H
#define GMS_ENGINE_ROOM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"

#define GMS__SCRATCH_BYTES	16384u

/* Room for one list of a larger plan. */
struct gms__scratch {
	struct gms__node node;
	char pad[GMS__CACHE_LINE - sizeof(struct gms__node)];
	char room[GMS__SCRATCH_BYTES];
};

struct gms__list {
	void   *items;
	size_t	n;
	size_t	capacity;
	size_t	item_bytes;
	struct gms__scratch *scratch;	/* NULL: items are not in one */
	size_t	heap_bytes;		/* 0: items are not on the heap */
};

/* Where lists grow. */
struct gms__room {
	struct gms__pool *scratch;
	struct gms__mem  *mem;
	bool		  may_alloc;
};

/* items: room for capacity of them; NULL for none. */
static inline void gms__list_init(struct gms__list *list, void *items, size_t capacity,
				  size_t item_bytes)
{
	*list = (struct gms__list){ .items = items, .capacity = capacity,
				    .item_bytes = item_bytes };
}

/* Room for capacity items in all, or -ENOMEM and nothing changed. */
int   gms__list_room(const struct gms__room *room, struct gms__list *list, size_t capacity);
void  gms__list_drop(const struct gms__room *room, struct gms__list *list);

/* One more item, not set; NULL: no memory. */
static inline void *gms__list_add(const struct gms__room *room, struct gms__list *list)
{
	if (list->n == list->capacity && gms__list_room(room, list, list->n + 1))
		return NULL;
	return (char *)list->items + list->n++ * list->item_bytes;
}

#endif

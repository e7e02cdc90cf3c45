/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * room.c - the growing lists of a plan; see room.h.
 */
#include "engine/room.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

void gms__list_drop(const struct gms__room *room, struct gms__list *list)
{
	if (list->scratch) {
		struct gms__stock stock = { 0 };

		gms__stock_push(&stock, list->scratch);
		gms__pool_put(room->scratch, &stock);
	}
	if (list->heap_bytes)
		gms__mem_free(room->mem, list->items, list->heap_bytes);
	list->scratch = NULL;
	list->heap_bytes = 0;
}

int gms__list_room(const struct gms__room *room, struct gms__list *list, size_t capacity)
{
	struct gms__list more = *list;

	if (capacity <= list->capacity)
		return 0;
	if (!list->scratch && capacity <= GMS__SCRATCH_BYTES / list->item_bytes) {
		struct gms__stock stock = { 0 };

		if (gms__pool_take(room->scratch, &stock, 1, room->may_alloc))
			return -ENOMEM;
		more.scratch = gms__stock_pop(&stock);
		more.items = more.scratch->room;
		more.capacity = GMS__SCRATCH_BYTES / list->item_bytes;
	} else {
		if (!room->may_alloc || capacity > SIZE_MAX / 2 / list->item_bytes)
			return -ENOMEM;
		if (capacity < 2 * list->capacity)
			capacity = 2 * list->capacity;
		more.scratch = NULL;
		more.heap_bytes = capacity * list->item_bytes;
		more.items = gms__mem_alloc(room->mem, more.heap_bytes);
		if (!more.items)
			return -ENOMEM;
		more.capacity = capacity;
	}
	if (list->n)
		memcpy(more.items, list->items, list->n * list->item_bytes);
	gms__list_drop(room, list);
	*list = more;
	return 0;
}

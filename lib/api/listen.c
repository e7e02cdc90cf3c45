/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen.c - the calls of listen.h.
 */
#include <errno.h>

#include <gmemstate/listen.h>

#include "base/sized.h"
#include "engine/listeners.h"

#define FLAGS	(GMS_LISTEN_CAN_CUT | GMS_LISTEN_NO_JOIN | GMS_LISTEN_NO_DISCARD | \
		 GMS_LISTEN_SERIAL | GMS_LISTEN_WANTS_HVA)

static int check(const struct gms_listener *l)
{
	const uint64_t most = l->max_span_pages;

	if ((l->mask & ~GMS_STATE_ALL) || (l->mask & GMS__UNHEARD) || (l->value & ~l->mask) ||
	    (l->flags & ~FLAGS) || l->granule_order > GMS_ORDER_1G)
		return -EINVAL;
	if (most && ((most & (most - 1)) || most > GMS__GIB_PAGES || most >> l->granule_order == 0))
		return -EINVAL;
	return 0;
}

int gms_listener_add(struct gms_space *space, const struct gms_listener *theirs, uint32_t *id)
{
	struct gms_listener listener;
	int err;

	if (!space || !theirs || !id)
		return -EINVAL;
	GMS_INIT(&listener);
	err = gms__sized_in(&listener, sizeof(listener), theirs);
	if (!err)
		err = check(&listener);
	return err ? err : gms__listener_add(space, &listener, id);
}

int gms_listener_remove(struct gms_space *space, uint32_t id)
{
	return space ? gms__listener_remove(space, id) : -EINVAL;
}

int gms_listener_get(struct gms_space *space, uint32_t id, struct gms_listener_info *info)
{
	struct gms_listener_info ours;
	const struct gms__listener *l;
	int err;

	if (!space || !info)
		return -EINVAL;
	err = gms__sized_check(info, sizeof(*info));
	if (err)
		return err;
	GMS_INIT(&ours);
	/* One stripe makes the table stand still. */
	gms__map_lock_stripes(&space->map, 1);
	l = gms__listener_of(space, id);
	if (l) {
		ours.spans = gms__load(&l->nspans);
		ours.spans_max = gms__load(&l->nspans_max);
		ours.pages = gms__load(&l->npages);
		ours.undo_failures = gms__load(&l->undo_failures);
	}
	gms__map_unlock(&space->map, 1);
	if (!l)
		return -ENOENT;
	gms__sized_out(info, &ours, sizeof(ours));
	return 0;
}

int gms_listener_span_at(struct gms_space *space, uint32_t id, gms_gfn gfn,
			 struct gms_range *span)
{
	const struct gms__listener *l;
	const struct gms__span *at;
	uint64_t stripes;

	if (!space || !span)
		return -EINVAL;
	if (gfn == UINT64_MAX)
		return -ENOENT;
	stripes = gms__map_stripes((struct gms_range){ gfn, 1 });
	gms__map_lock_stripes(&space->map, stripes);
	l = gms__listener_of(space, id);
	at = l ? gms__span_first(l, gfn, gfn + 1) : NULL;
	if (at)
		*span = (struct gms_range){ at->node.first, at->node.end - at->node.first };
	gms__map_unlock(&space->map, stripes);
	return at ? 0 : -ENOENT;
}

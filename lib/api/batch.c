/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch.c - the calls of a batch that is gathered, committed, and used again.
 *
 * A batch keeps a plan, whose lists keep their memory from one commit to the
 * next. A batch is one thread's at a time.
 */
#include <errno.h>
#include <string.h>

#include "api/convert.h"
#include "base/sized.h"

struct gms_batch {
	struct gms_space *space;
	struct gms__list  changes;	/* struct gms_change */
	struct gms__plan  plan;
};

static struct gms__room room_of(struct gms_space *space)
{
	return (struct gms__room){ &space->scratch, &space->map.mem, true };
}

/* Room for n changes, and for what they may come to. */
static int reserve(struct gms_batch *batch, size_t n)
{
	const struct gms__room room = room_of(batch->space);
	int err = gms__list_room(&room, &batch->changes, n);

	return err ? err : gms__plan_reserve(&batch->plan, n);
}

int gms_batch_new(struct gms_batch **out, struct gms_space *space, size_t nchanges)
{
	struct gms_batch *batch;

	if (!out || !space)
		return -EINVAL;
	if (nchanges > SIZE_MAX / 4 / sizeof(struct gms_host_run))
		return -E2BIG;
	batch = gms__mem_alloc(&space->map.mem, sizeof(*batch));
	if (!batch)
		return -ENOMEM;
	batch->space = space;
	gms__list_init(&batch->changes, NULL, 0, sizeof(struct gms_change));
	gms__plan_begin(&batch->plan, space, &(struct gms__want){ 0 });
	if (reserve(batch, nchanges)) {
		gms_batch_free(batch);
		return -ENOMEM;
	}
	*out = batch;
	return 0;
}

void gms_batch_free(struct gms_batch *batch)
{
	struct gms__room room;

	if (!batch)
		return;
	room = room_of(batch->space);
	gms__plan_drop(&batch->plan);
	gms__list_drop(&room, &batch->changes);
	gms__mem_free(&batch->space->map.mem, batch, sizeof(*batch));
}

int gms_batch_add(struct gms_batch *batch, const struct gms_change *change)
{
	struct gms_change *room;
	int err;

	if (!batch || !change)
		return -EINVAL;
	err = gms__check_change(batch->space, change);
	if (err)
		return err;
	if (batch->changes.n == batch->changes.capacity) {
		const size_t n = batch->changes.n;

		if (n > SIZE_MAX / 16 / sizeof(struct gms_host_run))
			return -E2BIG;
		err = reserve(batch, n < 8 ? 16 : 2 * n);
		if (err)
			return err;
	}
	room = batch->changes.items;
	room[batch->changes.n++] = *change;
	return 0;
}

void gms_batch_clear(struct gms_batch *batch)
{
	if (batch)
		batch->changes.n = 0;
}

int gms_batch_commit(struct gms_batch *batch, const struct gms_convert_opts *theirs,
		     struct gms_convert_result *result)
{
	struct gms_convert_opts opts;
	struct gms__ledger *ledger;
	struct gms__want want;
	uint64_t began_ns;
	int err;

	if (!batch)
		return -EINVAL;
	err = gms__convert_in(&opts, theirs, result);
	if (err)
		return err;
	ledger = &batch->plan.space->ledger;
	began_ns = gms__ledger_now(ledger);
	want = gms__wanted(batch->plan.space, &opts);
	gms__plan_reuse(&batch->plan, &want);
	if (batch->changes.n)
		err = gms__plan_changes(&batch->plan, batch->changes.items, batch->changes.n);
	err = gms__carry_out(&batch->plan, err, opts.mode == GMS_CONVERT_PROGRESS, result);
	gms__plan_rest(&batch->plan);
	gms__ledger_took(ledger, began_ns);
	return err;
}

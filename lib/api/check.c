/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c - the calls of check.h.
 */
#include <errno.h>

#include <gmemstate/check.h>
#include <gmemstate/state.h>

#include "engine/check.h"
#include "engine/plan.h"

int gms_check(struct gms_space *space, char *why, size_t bytes)
{
	struct gms__text text;

	gms__text_begin(&text, why, bytes);
	return space ? gms__check(space, &text) : -EINVAL;
}

static const char *order_name(const struct gms_space *space, gms_gfn gfn)
{
	struct gms__region row;
	uint64_t check;

	if (!gms__region_find(&space->map, gfn, &row, &check) || row.first > gfn)
		return "-";
	switch (gms_map_order(space, gfn, 0)) {
	case GMS_ORDER_1G:	return "1g";
	case GMS_ORDER_2M:	return "2m";
	default:		return "4k";
	}
}

int gms_dump(const struct gms_space *space, struct gms_range range, gms_write_fn *write, void *ctx)
{
	struct gms_iter it;
	struct gms_run run;
	char line[256];
	int err;

	if (!write)
		return -EINVAL;
	err = gms_iter_init(&it, space, range, GMS_STATE_ALL);
	while (!err && gms_iter_next(&it, &run)) {
		struct gms__text text;

		gms__text_begin(&text, line, sizeof(line));
		gms__text_hex(&text, run.first);
		gms__text_str(&text, "-");
		gms__text_hex(&text, run.first + run.npages - 1);
		gms__text_str(&text, " ");
		gms__text_dec(&text, run.npages);
		gms__text_str(&text, " ");
		gms__text_str(&text, order_name(space, run.first));
		if (!(run.state & GMS_STATE_SHARED))
			gms__text_str(&text, " private");
		for (gms_state left = run.state; left; left &= left - 1) {
			gms__text_str(&text, " ");
			gms__text_str(&text, gms_state_name(left & -left));
		}
		gms__text_str(&text, "\n");
		err = write(ctx, line, text.len);
	}
	return err;
}

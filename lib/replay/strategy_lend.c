/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strategy_lend.c - eager, lazy and keep: each map is a loan of its own, each unmap
 * its return; which pages turn, and when, is the space's policy.
 *
 * The guest asks for each map and unmap, whatever comes of it; one that keeps its
 * buffers shared knows them, and asks for a new one only.
 */
#include "replay/replay.h"

static int map(struct replay *replay, const struct replay_step *step)
{
	struct gms_cost_counts *counts = &replay->report->counts;
	struct gms_lend_result result = replay->blank;
	int err = world_reach(&replay->world, step->address, step->bytes);

	if (!err)
		err = gms_lend(replay->world.space, step->address, step->bytes, step->dir, 0,
			       &replay->held[step->slot].loan, &result);
	if (err)
		return replay_fail(replay, "lending", err);
	counts->doorbells += step->rings;
	counts->asks += replay->opts.setup.strategy != GMS_COST_PERSISTENT || result.changed_pages;
	if (result.changed_pages) {
		replay_count_turn(&counts->to_shared, &result);
		replay_count_contents(replay, step->bytes, step->dir);
	}
	return 0;
}

static int unmap(struct replay *replay, const struct replay_step *step)
{
	struct gms_cost_counts *counts = &replay->report->counts;
	struct gms_lend_result result = replay->blank;
	const int err = gms_return(replay->world.space, replay->held[step->slot].loan, &result);

	if (err)
		return replay_fail(replay, "returning", err);
	counts->asks += replay->opts.setup.strategy != GMS_COST_PERSISTENT;
	replay_count_turn(&counts->to_private, &result);
	return 0;
}

const struct replay_ops replay_lend_ops = {
	.map = map,
	.unmap = unmap,
};

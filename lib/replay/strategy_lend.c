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
	const int err = gms_lend(replay->world.space, step->address, step->bytes, step->dir, 0,
				 &replay->held[step->slot].loan, &result);

	if (err)
		return replay_fail(replay, "lending", err);
	counts->doorbells += step->rings;
	counts->asks += replay->opts.setup.strategy != GMS_COST_PERSISTENT || result.changed_pages;
	if (result.changed_pages) {
		replay_count_map(replay, step->address, step->bytes, step->dir);
		replay_count_turn(&counts->to_shared, &result);
		replay_count_contents(replay, step->bytes, step->dir);
	}
	return 0;
}

static int unmap(struct replay *replay, const struct replay_step *step)
{
	struct gms_cost_counts *counts = &replay->report->counts;
	const uint32_t strategy = replay->opts.setup.strategy;
	struct gms_lend_result result = replay->returned;
	int err = gms_return(replay->world.space, replay->held[step->slot].loan, &result);

	if (err)
		return replay_fail(replay, "returning", err);
	counts->asks += strategy != GMS_COST_PERSISTENT;
	err = replay_count_private(replay, &result);
	/* What LAZY takes back is what the guest looked at long ago. */
	if (!err && result.nruns && strategy == GMS_COST_CONVERT)
		replay_count_unmap(replay, step);
	return err;
}

const struct replay_ops replay_lend_ops = {
	.map = map,
	.unmap = unmap,
};

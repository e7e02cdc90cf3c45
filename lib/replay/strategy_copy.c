/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strategy_copy.c - bounce and pool: copies through memory that stays shared; pread:
 * by system calls, with nothing shared.
 *
 * The guest copies what the device reads when it maps, or says that it wrote more, and
 * what the device wrote when it unmaps, or wants to see it. With bounce the VMM copies
 * each of these once more. Memory that driver and device share at once is pool memory
 * itself; with pread the device goes by system calls to it whenever it looks, which the
 * trace does not show.
 *
 * All of the pool is shown, and none of it but what is mapped is lent.
 */
#include "replay/replay.h"

#include <errno.h>

static void copy(struct replay *replay, uint64_t bytes)
{
	gms_cost_count_copy(&replay->report->counts.copied, bytes, replay->pool.copies);
	replay->report->bytes_copied += bytes * replay->pool.copies;
}

/* --- through a pool ------------------------------------------------------------------ */

static int grow(struct replay *replay)
{
	struct gms_cost_counts *counts = &replay->report->counts;
	struct replay_pool *pool = &replay->pool;
	uint64_t gpa = 0, pages = 0;
	int err = pool_grow(&pool->slots);

	if (!err)
		err = world_pool(&replay->world, pool->chunk_bytes, &gpa, &pages);
	if (err)
		return replay_fail(replay, "making a pool", err);
	if (!pool->bytes)
		pool->gpa = gpa;
	pool->bytes += pool->chunk_bytes;
	counts->asks++;
	counts->to_shared.lone_runs++;
	counts->to_shared.lone_pages += pages;
	return 0;
}

static int pool_begin(struct replay *replay)
{
	replay->pool = (struct replay_pool){
		.chunk_bytes = replay->opts.pool_bytes,
		.copies = replay->opts.setup.strategy == GMS_COST_BOUNCE ? 2 : 1,
	};
	pool_init(&replay->pool.slots, replay->pool.chunk_bytes);
	return grow(replay);
}

static void pool_end(struct replay *replay)
{
	pool_drop(&replay->pool.slots);
}

/* Coherent memory is pages of its own. */
static uint64_t length_of(const struct replay_step *step)
{
	if (step->op == TRACE_MAP || step->op == TRACE_UNMAP)
		return step->bytes;
	return (step->bytes + GMS_PAGE_SIZE - 1) / GMS_PAGE_SIZE * GMS_PAGE_SIZE;
}

static int pool_map(struct replay *replay, const struct replay_step *step)
{
	struct replay_held *held = &replay->held[step->slot];
	struct replay_pool *pool = &replay->pool;
	int err = 0;

	if (length_of(step) > pool->chunk_bytes)
		return replay_fail(replay, "a mapping is longer than the pool; make it larger "
				   "(--pool)", -E2BIG);
	held->at = pool_take(&pool->slots, length_of(step));
	if (held->at == POOL_NONE) {
		err = grow(replay);
		if (err)
			return err;
		held->at = pool_take(&pool->slots, length_of(step));
	}
	err = gms_lend(replay->world.space, pool->gpa + held->at, step->bytes, step->dir, 0,
		       &held->loan, NULL);
	if (err)
		return replay_fail(replay, "lending", err);
	pool->lent_bytes += step->bytes;
	replay->report->counts.doorbells += step->rings;
	if (step->op == TRACE_MAP && step->dir & TRACE_TO_DEVICE)
		copy(replay, step->bytes);
	return 0;
}

static int pool_unmap(struct replay *replay, const struct replay_step *step)
{
	struct replay_held *held = &replay->held[step->slot];
	const int err = gms_return(replay->world.space, held->loan, NULL);

	if (err)
		return replay_fail(replay, "returning", err);
	pool_give(&replay->pool.slots, held->at, length_of(step));
	replay->pool.lent_bytes -= step->bytes;
	if (step->op == TRACE_UNMAP && step->dir & TRACE_FROM_DEVICE)
		copy(replay, step->bytes);
	return 0;
}

static bool goes(const struct replay_step *step)
{
	return step->dir & (step->op == TRACE_SYNC_DEVICE ? TRACE_TO_DEVICE : TRACE_FROM_DEVICE);
}

static int pool_sync(struct replay *replay, const struct replay_step *step)
{
	if (goes(step))
		copy(replay, step->bytes);
	return 0;
}

static uint64_t pool_slack(const struct replay *replay)
{
	return replay->pool.bytes - replay->pool.lent_bytes;
}

const struct replay_ops replay_pool_ops = {
	.begin = pool_begin,
	.map = pool_map,
	.unmap = pool_unmap,
	.sync = pool_sync,
	.slack_bytes = pool_slack,
	.drop = pool_end,
};

/* --- by system calls ------------------------------------------------------------------ */

static void call(struct replay *replay, struct gms_cost_copies *copies, uint64_t bytes)
{
	gms_cost_count_copy(copies, bytes, 1);
	replay->report->bytes_copied += bytes;
}

static int pread_map(struct replay *replay, const struct replay_step *step)
{
	struct gms_cost_counts *counts = &replay->report->counts;

	counts->doorbells += step->rings;
	if (step->op == TRACE_MAP && step->dir & TRACE_TO_DEVICE)
		call(replay, &counts->read, step->bytes);
	return 0;
}

static int pread_unmap(struct replay *replay, const struct replay_step *step)
{
	if (step->op == TRACE_UNMAP && step->dir & TRACE_FROM_DEVICE)
		call(replay, &replay->report->counts.written, step->bytes);
	return 0;
}

static int pread_sync(struct replay *replay, const struct replay_step *step)
{
	struct gms_cost_counts *counts = &replay->report->counts;

	if (goes(step))
		call(replay, step->op == TRACE_SYNC_DEVICE ? &counts->read : &counts->written,
		     step->bytes);
	return 0;
}

const struct replay_ops replay_pread_ops = {
	.map = pread_map,
	.unmap = pread_unmap,
	.sync = pread_sync,
};

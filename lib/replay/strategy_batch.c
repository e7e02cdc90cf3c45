/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strategy_batch.c - batch=N: maps wait for each other and are lent in one conversion,
 * and so are unmaps returned.
 *
 * Nobody waits longer than wait_ns of the trace's time, nor past the end of what is
 * mapped, nor at all for memory that driver and device share at once. The guest asks
 * once a batch, and kicks the device once for all requests that began in it: a scatter
 * list that is longer than a batch is still one request.
 *
 * A buffer that was unmapped and waits is lent still, as far as the space knows; its
 * bytes count as shown beyond what is lent.
 */
#include "replay/replay.h"

#include <errno.h>
#include <stdlib.h>

/* A loan's number is never 0. */
#define WAITS	((gms_loan_id)0)

static int begin(struct replay *replay)
{
	struct replay_batch *batch = &replay->batch;
	const uint32_t n = replay->opts.setup.batch;

	batch->want = calloc(n, sizeof(*batch->want));
	batch->slot = calloc(n, sizeof(*batch->slot));
	batch->id = calloc(n, sizeof(*batch->id));
	batch->back = calloc(n, sizeof(*batch->back));
	batch->back_step = calloc(n, sizeof(*batch->back_step));
	batch->wait_ns = replay->opts.batch_wait_ns;
	if (!batch->want || !batch->slot || !batch->id || !batch->back || !batch->back_step)
		return replay_fail(replay, "making batches", -ENOMEM);
	return 0;
}

static void drop(struct replay *replay)
{
	free(replay->batch.want);
	free(replay->batch.slot);
	free(replay->batch.id);
	free(replay->batch.back);
	free(replay->batch.back_step);
}

static int lend_all(struct replay *replay)
{
	struct gms_cost_counts *counts = &replay->report->counts;
	struct gms_lend_result result = replay->blank;
	struct replay_batch *batch = &replay->batch;
	int err;

	if (!batch->nwant)
		return 0;
	err = gms_lend_many(replay->world.space, batch->want, batch->nwant, batch->id, &result);
	if (err)
		return replay_fail(replay, "lending a batch", err);
	for (uint32_t i = 0; i < batch->nwant; i++) {
		const struct gms_loan_want *want = &batch->want[i];

		replay->held[batch->slot[i]].loan = batch->id[i];
		if (!result.changed_pages)
			continue;
		replay_count_map(replay, want->gpa, want->bytes, want->dir);
		replay_count_contents(replay, want->bytes, want->dir);
	}
	counts->asks++;
	counts->doorbells += batch->rings != 0;
	replay_count_turn(&counts->to_shared, &result);
	batch->nwant = 0;
	batch->rings = 0;
	return 0;
}

static int return_all(struct replay *replay)
{
	struct gms_lend_result result = replay->returned;
	struct replay_batch *batch = &replay->batch;
	int err;

	if (!batch->nback)
		return 0;
	err = gms_return_many(replay->world.space, batch->back, batch->nback, &result);
	if (err)
		return replay_fail(replay, "returning a batch", err);
	replay->report->counts.asks++;
	err = replay_count_private(replay, &result);
	for (uint32_t i = 0; !err && result.nruns && i < batch->nback; i++)
		replay_count_unmap(replay, &batch->back_step[i]);
	batch->nback = 0;
	batch->back_bytes_sum = 0;
	return err;
}

static int map(struct replay *replay, const struct replay_step *step)
{
	struct replay_batch *batch = &replay->batch;
	const uint32_t i = batch->nwant;

	if (!i)
		batch->want_ns = step->time_ns;
	batch->want[i] = (struct gms_loan_want){
		.gpa = step->address, .bytes = step->bytes, .dir = step->dir,
	};
	batch->slot[i] = step->slot;
	batch->rings += step->rings;
	batch->nwant++;
	replay->held[step->slot].loan = WAITS;
	return batch->nwant == replay->opts.setup.batch || step->op == TRACE_COHERENT ?
	       lend_all(replay) : 0;
}

static int unmap(struct replay *replay, const struct replay_step *step)
{
	struct replay_batch *batch = &replay->batch;
	int err = replay->held[step->slot].loan == WAITS ? lend_all(replay) : 0;

	if (err)
		return err;
	if (!batch->nback)
		batch->back_ns = step->time_ns;
	batch->back_step[batch->nback] = *step;
	batch->back[batch->nback++] = replay->held[step->slot].loan;
	batch->back_bytes_sum += step->bytes;
	return batch->nback == replay->opts.setup.batch ? return_all(replay) : 0;
}

static uint64_t due_of(uint64_t since_ns, uint64_t wait_ns, uint32_t n)
{
	return !n || since_ns > UINT64_MAX - wait_ns ? UINT64_MAX : since_ns + wait_ns;
}

static uint64_t due_ns(const struct replay *replay)
{
	const struct replay_batch *batch = &replay->batch;
	const uint64_t want = due_of(batch->want_ns, batch->wait_ns, batch->nwant);
	const uint64_t back = due_of(batch->back_ns, batch->wait_ns, batch->nback);

	return want < back ? want : back;
}

static int do_due(struct replay *replay)
{
	const struct replay_batch *batch = &replay->batch;

	if (due_of(batch->want_ns, batch->wait_ns, batch->nwant) <= replay->world.now_ns)
		return lend_all(replay);
	return return_all(replay);
}

static int end(struct replay *replay)
{
	const int err = lend_all(replay);

	return err ? err : return_all(replay);
}

static uint64_t slack_bytes(const struct replay *replay)
{
	return replay->batch.back_bytes_sum;
}

const struct replay_ops replay_batch_ops = {
	.begin = begin,
	.map = map,
	.unmap = unmap,
	.due_ns = due_ns,
	.do_due = do_due,
	.end = end,
	.slack_bytes = slack_bytes,
	.drop = drop,
};

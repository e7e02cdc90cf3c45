/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c - one replay: its time, its gauges, its report; see replay.h.
 */
#include "replay/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_HELD	1024u
/* Runs that a return tells; what is beyond, of large budgets, is taken as not used again. */
#define RUNS_MOST	65536u

static const struct replay_ops *const strategies[GMS_COST_STRATEGIES] = {
	[GMS_COST_BOUNCE] = &replay_pool_ops,
	[GMS_COST_POOL] = &replay_pool_ops,
	[GMS_COST_CONVERT] = &replay_lend_ops,
	[GMS_COST_CONVERT_BATCH] = &replay_batch_ops,
	[GMS_COST_LAZY] = &replay_lend_ops,
	[GMS_COST_PERSISTENT] = &replay_lend_ops,
	[GMS_COST_PREAD] = &replay_pread_ops,
};

/* --- for strategies ------------------------------------------------------------- */

int replay_fail(struct replay *replay, const char *doing, int err)
{
	if (err)
		snprintf(replay->why, sizeof(replay->why), "%s: %s: %s", replay->opts.setup.name,
			 doing, !replay->world.full ? gms_strerror(err) : "so many pages "
			 "are, or were, mapped that they take more memory than --most-memory");
	return err;
}

void replay_count_turn(struct gms_cost_turns *turns, const struct gms_lend_result *result)
{
	if (result->nruns == 1) {
		turns->lone_runs++;
		turns->lone_pages += result->changed_pages;
	} else if (result->nruns) {
		turns->calls++;
		turns->runs += result->nruns;
		turns->pages += result->changed_pages;
	}
}

void replay_count_map(struct replay *replay, uint64_t gpa, uint64_t bytes, uint32_t dir)
{
	const uint64_t npages = used_take(&replay->used, gpa, bytes);

	if (dir & TRACE_TO_DEVICE)
		replay->report->counts.used_pages += npages;
}

int replay_count_private(struct replay *replay, const struct gms_lend_result *result)
{
	const uint64_t n = result->nruns < RUNS_MOST ? result->nruns : RUNS_MOST;

	if (!n)
		return 0;
	replay_count_turn(&replay->report->counts.to_private, result);
	return replay_fail(replay, "keeping what turned",
			   used_turned(&replay->used, result->runs, n));
}

void replay_count_unmap(struct replay *replay, const struct replay_step *step)
{
	if (step->dir & TRACE_FROM_DEVICE)
		replay->report->counts.used_pages +=
			used_take(&replay->used, step->address, step->bytes);
}

void replay_count_contents(struct replay *replay, uint64_t bytes, uint32_t dir)
{
	const uint64_t n = dir == TRACE_BOTH ? 2 : 1;

	if (replay->opts.setup.backing != GMS_COST_ATTRIBUTES)
		return;
	gms_cost_count_copy(&replay->report->counts.copied, bytes, n);
	replay->report->bytes_copied += bytes * n;
}

/* --- making one -------------------------------------------------------------------- */

static uint32_t policy_of(uint32_t strategy)
{
	if (strategy == GMS_COST_LAZY)
		return GMS_LEND_LAZY;
	return strategy == GMS_COST_PERSISTENT ? GMS_LEND_PERSISTENT : GMS_LEND_EAGER;
}

int replay_make(struct replay *replay, const struct replay_opts *opts, struct report *report)
{
	const struct world_opts world = {
		.profile = opts->setup.profile,
		.base_order = opts->setup.base_order,
		.lend_policy = policy_of(opts->setup.strategy),
		.idle_pages = opts->setup.idle_pages,
		.idle_ns = opts->setup.idle_ns,
		.ram_bytes = opts->ram_bytes,
		.most_bytes = opts->most_bytes,
	};
	int err;

	*replay = (struct replay){
		.ops = strategies[opts->setup.strategy], .opts = *opts, .report = report,
	};
	report->setup = opts->setup;
	GMS_INIT(&replay->blank);
	GMS_INIT(&report->counts);
	GMS_INIT(&report->cost);
	err = world_make(&replay->world, &world);
	if (!err)
		err = used_init(&replay->used, replay->world.ngib);
	replay->returned = replay->blank;
	replay->returned.run_capacity = RUNS_MOST;
	replay->returned.runs = malloc(RUNS_MOST * sizeof(*replay->returned.runs));
	if (!err && !replay->returned.runs)
		err = -ENOMEM;
	return replay_fail(replay, "making its guest", err);
}

void replay_drop(struct replay *replay)
{
	if (replay->ops && replay->ops->drop)
		replay->ops->drop(replay);
	world_drop(&replay->world);
	used_drop(&replay->used);
	free(replay->returned.runs);
	free(replay->held);
	replay->held = NULL;
}

static int hold(struct replay *replay, uint32_t slot)
{
	uint32_t n = replay->nheld ? replay->nheld : FIRST_HELD;
	struct replay_held *held;

	if (slot < replay->nheld)
		return 0;
	while (n <= slot)
		n *= 2;
	held = realloc(replay->held, n * sizeof(*held));
	if (!held)
		return replay_fail(replay, "keeping what is mapped", -ENOMEM);
	replay->held = held;
	replay->nheld = n;
	return 0;
}

/* --- time -------------------------------------------------------------------------- */

static int point_now(const struct replay *replay, const struct gms_lend_gauges *gauges,
		     uint64_t slack_bytes, struct report_point *point)
{
	struct gms_acct acct;
	int err;

	GMS_INIT(&acct);
	err = gms_acct_read(replay->world.space, &acct);
	*point = (struct report_point){
		.pages_to_shared = acct.event[GMS_ACCT_PAGES_TO_SHARED].count,
		.pages_to_private = acct.event[GMS_ACCT_PAGES_TO_PRIVATE].count,
		.commits = acct.event[GMS_ACCT_COMMITS].count,
		.bytes_copied = replay->report->bytes_copied,
		.bytes_mapped = replay->bytes_mapped,
		.shared_pages = gauges->shared_pages,
		.shared_pages_max = replay->interval_shared_max,
		.slack_bytes = slack_bytes,
		.lent_pages = gauges->lent_pages,
	};
	return err;
}

/* Nothing happens from now until then: what was it like meanwhile? */
static int move(struct replay *replay, uint64_t then_ns, bool last)
{
	struct report_series *series = &replay->report->series;
	const bool due = series_is_due(series, then_ns);
	struct gms_lend_gauges gauges;
	struct report_point point;
	uint64_t slack;
	int err;

	GMS_INIT(&gauges);
	err = gms_lend_read(replay->world.space, &gauges);
	slack = gauges.slack_bytes;
	if (replay->ops->slack_bytes)
		slack += replay->ops->slack_bytes(replay);
	if (slack > replay->slack_max)
		replay->slack_max = slack;
	replay->slack_byte_ns += (double)slack * (double)(then_ns - replay->world.now_ns);
	if (gauges.shared_pages > replay->interval_shared_max)
		replay->interval_shared_max = gauges.shared_pages;
	if (!err && (last || due)) {
		err = point_now(replay, &gauges, slack, &point);
		if (due)
			series_fill(series, then_ns, &point);
		if (last)
			series_end(series, &point);
		replay->interval_shared_max = gauges.shared_pages;
	}
	replay->world.now_ns = then_ns;
	return replay_fail(replay, "reading the ledger", err);
}

/* What waits may be due before. */
static int advance(struct replay *replay, uint64_t then_ns)
{
	int err = 0;

	while (!err && replay->ops->due_ns) {
		const uint64_t due_ns = replay->ops->due_ns(replay);

		if (due_ns > then_ns || due_ns == UINT64_MAX)
			break;
		if (due_ns > replay->world.now_ns)
			err = move(replay, due_ns, false);
		if (!err)
			err = replay->ops->do_due(replay);
	}
	if (!err && then_ns > replay->world.now_ns)
		err = move(replay, then_ns, false);
	return err;
}

static int begin(struct replay *replay, uint64_t start_ns)
{
	if (replay->begun)
		return 0;
	replay->begun = true;
	replay->world.now_ns = start_ns;
	series_begin(&replay->report->series, start_ns);
	return replay->ops->begin ? replay->ops->begin(replay) : 0;
}

/* --- steps ------------------------------------------------------------------------- */

static int map(struct replay *replay, const struct replay_step *step)
{
	struct gms_cost_counts *counts = &replay->report->counts;
	int err = hold(replay, step->slot);

	if (err)
		return err;
	err = world_reach(&replay->world, step->address, step->bytes);
	if (err)
		return replay_fail(replay, "making its guest's memory", err);
	if (step->op == TRACE_MAP) {
		replay->bytes_mapped += step->bytes;
		counts->requests += step->rings;
	}
	return replay->ops->map(replay, step);
}

static int one(struct replay *replay, const struct replay_step *step)
{
	switch (step->op) {
	case TRACE_MAP:
	case TRACE_COHERENT:
		return map(replay, step);
	case TRACE_UNMAP:
	case TRACE_FREE:
		return replay->ops->unmap(replay, step);
	default:
		return replay->ops->sync ? replay->ops->sync(replay, step) : 0;
	}
}

int replay_steps(struct replay *replay, uint64_t start_ns, const struct replay_step *step,
		 size_t n)
{
	int err = begin(replay, start_ns);

	for (size_t i = 0; !err && i < n; i++) {
		if (step[i].time_ns != replay->world.now_ns)
			err = advance(replay, step[i].time_ns);
		if (!err)
			err = one(replay, &step[i]);
		/* A return goes on without; its numbers are not those of the strategy. */
		if (!err && replay->world.full)
			err = replay_fail(replay, "returning", -ENOMEM);
	}
	return err;
}

/* --- the end ----------------------------------------------------------------------- */

static uint64_t sum_of(const struct gms_acct *acct, const uint32_t *kind, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += acct->event[kind[i]].count;
	return sum;
}

#define SUM(acct, ...)	sum_of(acct, (const uint32_t[]){ __VA_ARGS__ }, \
			       sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void fill_in(struct replay *replay)
{
	struct report *report = replay->report;
	const struct gms_acct *acct = &report->acct;

	report->page_transitions_to_shared = SUM(acct, GMS_ACCT_PAGES_TO_SHARED);
	report->page_transitions_to_private = SUM(acct, GMS_ACCT_PAGES_TO_PRIVATE);
	report->commits = SUM(acct, GMS_ACCT_COMMITS);
	report->flushes = SUM(acct, GMS_ACCT_FLUSH_STAGE2, GMS_ACCT_FLUSH_PROCESS,
			      GMS_ACCT_FLUSH_KERNEL, GMS_ACCT_FLUSH_IOTLB);
	report->backend_calls = SUM(acct, GMS_ACCT_BACKEND_CALLS);
	report->splits = SUM(acct, GMS_ACCT_SPLITS_1G, GMS_ACCT_SPLITS_2M, GMS_ACCT_SPLITS_OTHER);
	report->merges = SUM(acct, GMS_ACCT_MERGES_1G, GMS_ACCT_MERGES_2M, GMS_ACCT_MERGES_OTHER);
	report->pages_exposed_max = acct->shared_pages_max;
	report->pages_exposed_end = acct->shared_pages;
	report->page_seconds_exposed = ((double)acct->shared_page_ns_high * 0x1p64 +
					(double)acct->shared_page_ns) / 1e9;
	report->bytes_exposed_beyond_lent = replay->slack_max;
	report->byte_seconds_exposed_beyond_lent = replay->slack_byte_ns / 1e9;
	report->pool_bytes = replay->pool.bytes;
	report->loans_never_returned = acct->loans;
}

int replay_end(struct replay *replay, uint64_t start_ns, uint64_t end_ns)
{
	char why[128];
	int err = begin(replay, start_ns);

	if (!err)
		err = advance(replay, end_ns);
	if (!err && replay->ops->end)
		err = replay->ops->end(replay);
	if (!err)
		err = move(replay, end_ns, true);
	if (err)
		return err;
	err = world_read(&replay->world, &replay->report->acct,
			 &replay->report->listener_entries_max);
	if (err)
		return replay_fail(replay, "reading the ledger", err);
	if (gms_check(replay->world.space, why, sizeof(why)))
		return replay_fail(replay, why, -EBADMSG);
	fill_in(replay);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * convert.c - a conversion from beginning to end: plan, commit, and what the
 * ledger is told of it.
 *
 * Locking: the plan's.
 */
#include "engine/convert.h"

#include "base/sized.h"

/* Of most plans no stripe has any. */
static bool any_loans(const struct gms__plan *plan)
{
	const struct gms__loans *loans = &plan->space->loans;

	for (uint64_t set = plan->stripes; set; set &= set - 1) {
		if (gms__load_relaxed(&loans->shard[__builtin_ctzll(set)]->here))
			return true;
	}
	return plan->owns;
}

/* What an embedder names is shared or private by its will now, and no loan's. */
static void forget_loans(struct gms__plan *plan)
{
	const struct gms__segment *s = plan->segments.items;

	if (!any_loans(plan))
		return;
	for (size_t i = 0; i < plan->segments.n; i++) {
		if ((s[i].set | s[i].clear) & GMS_STATE_SHARED)
			gms__loans_forget(plan->space, s[i].first, s[i].end, plan->owns);
	}
}

/* Check and commit; a dry run only checks. */
static int check_and_commit(struct gms__plan *plan)
{
	int err = plan->segments.n || plan->want.touch ? gms__plan_check(plan) : 0;

	if (!err && plan->changed_pages && !plan->want.dry_run)
		err = gms__plan_commit(plan);
	if (!err && !plan->want.dry_run) {
		forget_loans(plan);
		if ((plan->segments.n || plan->frost.n) && plan->space->access)
			gms__frost_do(plan);
	}
	plan->done = !err;
	return err;
}

/* As long as nothing but accesses is in the way, and there is time. */
static int try_until(struct gms__plan *plan)
{
	int err;

	while ((err = check_and_commit(plan)) == -EAGAIN &&
	       plan->error_reason == GMS_REASON_ACCESS && plan->want.wait_ns &&
	       !plan->want.dry_run) {
		const uint64_t nblockers = plan->nblockers;
		const gms_gfn gfn = plan->error_gfn;

		gms__plan_again(plan, UINT64_MAX);
		if (!gms__gate_await(plan)) {
			gms__plan_refuse(plan, err, gfn, GMS_REASON_ACCESS);
			plan->nblockers = nblockers;
			break;
		}
	}
	if (plan->queued.number)
		gms__gate_leave(plan);
	return err;
}

static void charge(struct gms__plan *plan, int err)
{
	uint64_t *count = plan->charge.count;

	if ((err == -EAGAIN || err == -EBUSY) && !plan->again)
		count[GMS_ACCT_BLOCKED] = plan->error_reason == GMS_REASON_PINNED ||
					  plan->error_reason == GMS_REASON_LENT ||
					  plan->error_reason == GMS_REASON_ACCESS ||
					  plan->error_reason == GMS_REASON_FROZEN;
	else if (!err)
		count[GMS_ACCT_PAGES_UNCHANGED] = plan->unchanged_pages;
	count[GMS_ACCT_CONVERTS] = !plan->again;
	if (plan->want.dry_run) {
		plan->charge = (struct gms_charge){ .count = { 0 } };
		count[GMS_ACCT_DRY_RUNS] = 1;
	}
	gms__plan_charge(plan);
}

int gms__convert_plan(struct gms__plan *plan, int err)
{
	if (!err)
		err = try_until(plan);
	charge(plan, err);
	return err;
}

/*
 * Do what comes before the page that was refused. Another page may be refused
 * then, by somebody who came meanwhile or an embedder's second thoughts: each try
 * ends before the last, and the last of a few where an earlier call had come to.
 */
#define TRIES	8u

int gms__convert_progress(struct gms__plan *plan, int err, gms_gfn *next)
{
	const struct gms__segment *s = plan->segments.items;
	const gms_gfn first = plan->segments.n ? s[0].first : 0;
	gms_gfn begin = first, stop;
	uint32_t reason = GMS_REASON_NONE;
	int last = 0;

	if (err) {		/* it never came to segments */
		*next = plan->error_gfn;
		return gms__convert_plan(plan, err);
	}
	*next = plan->segments.n ? s[plan->segments.n - 1].end : 0;
	for (unsigned i = 0; (err = gms__convert_plan(plan, 0)) != 0; i++) {
		last = err;
		reason = plan->error_reason;
		if (!i)
			begin = gms__plan_page(plan, begin, GMS_STATE_ALL);
		stop = i < TRIES ? gms__max(plan->error_gfn, begin) : begin;
		*next = stop < *next ? stop : first;
		if (*next == first)
			break;
		plan->again = true;
		gms__plan_again(plan, *next);
	}
	if (last)		/* also where what comes before it was done */
		gms__plan_refuse(plan, last, *next, reason);
	return last;
}

static uint64_t host_runs(const struct gms__plan *plan)
{
	return plan->runs[GMS__HOST_PRIVATE].n + plan->runs[GMS__HOST_SHARED].n +
	       plan->runs[GMS__HOST_FREEZE].n + plan->runs[GMS__HOST_THAW].n +
	       plan->runs[GMS__HOST_SHARED_FROZEN].n;
}

static uint64_t flushes(const struct gms_charge *charge)
{
	return charge->count[GMS_ACCT_FLUSH_STAGE2] + charge->count[GMS_ACCT_FLUSH_PROCESS] +
	       charge->count[GMS_ACCT_FLUSH_KERNEL] + charge->count[GMS_ACCT_FLUSH_IOTLB];
}

void gms__convert_report(const struct gms__plan *plan, int err, gms_gfn next,
			 struct gms_convert_result *result)
{
	struct gms_convert_result ours;

	GMS_INIT(&ours);
	ours.next = next;
	ours.blockers = plan->nblockers;
	if (err) {
		ours.error_gfn = plan->error_gfn;
		ours.error_reason = plan->error_reason;
	}
	if (plan->done) {
		ours.changed_pages = plan->changed_pages;
		ours.unchanged_pages = plan->unchanged_pages;
		ours.host_runs = host_runs(plan);
		ours.splits = gms__cuts_count(plan, NULL);
		ours.merges = plan->merges;
		ours.flushes = flushes(&plan->charge);
	}
	gms__sized_out(result, &ours, sizeof(ours));
}

int gms__convert_held(struct gms_space *space, const struct gms_change *changes,
		      size_t nchanges, uint64_t stripes, gms_tag tag, struct gms__did *did)
{
	const struct gms__want want = { .held = stripes, .tag = tag };
	struct gms__plan plan;
	int err;

	gms__plan_begin(&plan, space, &want);
	err = gms__convert_plan(&plan, gms__plan_changes(&plan, changes, nchanges));
	*did = (struct gms__did){
		.changed_pages = err ? 0 : plan.changed_pages,
		.unchanged_pages = err ? 0 : plan.unchanged_pages,
		.error_gfn = err ? plan.error_gfn : 0,
		.error_reason = err ? plan.error_reason : GMS_REASON_NONE,
	};
	gms__plan_drop(&plan);
	return err;
}

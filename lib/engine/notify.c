/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.c - tell listeners what a plan does to their spans, and take it back.
 *
 * Listeners are told in the order of their places, and what they were
 * told is taken back in the opposite order, the steps of each likewise. A
 * listener that fails part-way has done a leading part of its runs.
 *
 * Locking: the plan's, and from begin to end the lock of each listener that
 * wants one caller at a time (rank LISTENER, in order of place).
 */
#include "engine/plan.h"

/* NULL: the listener at this place is not concerned. */
static struct gms__heard *heard(const struct gms__plan *plan, unsigned i)
{
	struct gms__heard *h = plan->hearing.of[i];

	return h && h->concerned ? h : NULL;
}

static int veto(struct gms__plan *plan, int err, gms_gfn gfn)
{
	plan->charge.count[GMS_ACCT_LISTENER_VETOES]++;
	return gms__plan_refuse(plan, err < 0 ? err : -EIO, gfn, GMS_REASON_LISTENER);
}

static bool maps(enum gms__hear_step step)
{
	return step == GMS__HEAR_REMAP || step == GMS__HEAR_MAP;
}

static int call(struct gms__plan *plan, struct gms__heard *h, bool map,
		const struct gms_host_run *runs, size_t n, size_t *done)
{
	const struct gms_listener *ops = &h->listener->ops;
	gms_host_fn *op = map ? ops->commit : ops->revoke;
	size_t ndone = 0;
	int err = 0;

	*done = n;
	if (!n)
		return 0;
	if (op) {
		plan->charge.count[GMS_ACCT_LISTENER_CALLS]++;
		err = op(ops->ctx, runs, n, &ndone, &plan->charge);
		if (err)
			*done = ndone < n ? ndone : n - 1;
	}
	plan->charge.count[map ? GMS_ACCT_SPANS_MAPPED : GMS_ACCT_SPANS_UNMAPPED] += *done;
	return err;
}

/* Of what a listener has, the first page from gfn on that it loses. */
static gms_gfn lost_page(const struct gms__plan *plan, const struct gms__heard *h, gms_gfn gfn)
{
	return gms__plan_page(plan, gfn, h->listener->ops.mask);
}

/*
 * The page of the conversion that a span is due to; what is mapped, or becomes a
 * part of it, lies in a new span.
 */
static gms_gfn cause(const struct gms__plan *plan, const struct gms__heard *h,
		     enum gms__hear_step step, gms_gfn first)
{
	const struct gms__new_span *new = h->new.items;

	if (step == GMS__HEAR_UNMAP)
		return lost_page(plan, h, first);
	while (first < new->first || first >= new->end)
		new++;
	return new->cause;
}

static int do_step(struct gms__plan *plan, struct gms__heard *h, enum gms__hear_step step)
{
	const struct gms_host_run *runs = h->runs[step].items;
	int err = call(plan, h, maps(step), runs, h->runs[step].n, &h->done[step]);

	return err ? veto(plan, err, cause(plan, h, step, runs[h->done[step]].first)) : 0;
}

/* A call that takes something back. */
static void undo(struct gms__plan *plan, struct gms__heard *h, bool map,
		 const struct gms_host_run *runs, size_t n)
{
	uint64_t failures = 0;
	size_t done;

	/* What it fails at stays as it is; the rest is undone all the same. */
	for (size_t i = 0; i < n; i += done + 1) {
		if (!call(plan, h, map, &runs[i], n - i, &done))
			break;
		failures++;
	}
	if (!failures)
		return;
	plan->charge.count[GMS_ACCT_UNDO_FAILURES] += failures;
	gms__add(&h->listener->undo_failures, failures);
	gms__space_log(plan->space, GMS_LOG_ERROR,
		       "a listener failed to undo a conversion: what it has mapped differs from "
		       "its spans");
}

static void undo_one(struct gms__plan *plan, struct gms__heard *h, bool map, gms_gfn first,
		     gms_gfn end)
{
	struct gms_host_run run;

	if (first >= end)
		return;
	gms__host_run(&run, gms__plan_row(plan, first), first, end);
	undo(plan, h, map, &run, 1);
}

/*
 * Parts that were revoked do not come back as spans of their own: what is left of
 * their span goes as well, and the span comes back whole. Runs [from, to) are of it.
 */
static void uncut(struct gms__plan *plan, struct gms__heard *h, const struct gms__span *span,
		  size_t from, size_t to)
{
	const struct gms_host_run *part = h->runs[GMS__HEAR_UNMAP].items;
	gms_gfn pos = span->node.first;

	for (size_t i = from; i < to; i++) {
		undo_one(plan, h, false, pos, part[i].first);
		pos = part[i].first + part[i].npages;
	}
	undo_one(plan, h, false, pos, span->node.end);
	undo_one(plan, h, true, span->node.first, span->node.end);
}

static void uncut_all(struct gms__plan *plan, struct gms__heard *h)
{
	const struct gms_host_run *part = h->runs[GMS__HEAR_UNMAP].items;
	struct gms__span *const *old = h->old.items;
	size_t span = h->old.n;

	for (size_t to = h->done[GMS__HEAR_UNMAP], from; to; to = from) {
		do
			span--;
		while (part[to - 1].first < old[span]->node.first ||
		       part[to - 1].first >= old[span]->node.end);
		for (from = to; from && part[from - 1].first >= old[span]->node.first;)
			from--;
		uncut(plan, h, old[span], from, to);
	}
}

static void undo_step(struct gms__plan *plan, struct gms__heard *h, enum gms__hear_step step)
{
	if (step == GMS__HEAR_UNMAP && (h->listener->ops.flags & GMS_LISTEN_CAN_CUT))
		uncut_all(plan, h);
	else
		undo(plan, h, !maps(step), h->runs[step].items, h->done[step]);
	h->done[step] = 0;
}

static void abort_all(struct gms__plan *plan, unsigned upto)
{
	for (unsigned i = upto; i-- > 0;) {
		const struct gms__heard *h = heard(plan, i);

		if (h && h->listener->ops.abort)
			h->listener->ops.abort(h->listener->ops.ctx);
	}
}

static int prepare(struct gms__plan *plan, struct gms__heard *h)
{
	const struct gms_listener *ops = &h->listener->ops;
	const struct gms__list *runs = h->runs;
	const struct gms_span_change change = {
		runs[GMS__HEAR_UNMAP].items, runs[GMS__HEAR_UNMAP].n,
		runs[GMS__HEAR_REMAP].items, runs[GMS__HEAR_REMAP].n,
		runs[GMS__HEAR_JOIN].items, runs[GMS__HEAR_JOIN].n,
		runs[GMS__HEAR_MAP].items, runs[GMS__HEAR_MAP].n,
	};
	const struct gms__new_span *new = h->new.items;
	int err;

	if (!ops->prepare)
		return 0;
	plan->charge.count[GMS_ACCT_LISTENER_CALLS]++;
	err = ops->prepare(ops->ctx, &change);
	if (!err)
		return 0;
	return veto(plan, err, change.nlost ? lost_page(plan, h, change.lost->first) :
				new->cause);
}

int gms__hear_prepare(struct gms__plan *plan)
{
	int err = 0;

	for (unsigned i = 0; plan->hearing.n && i < GMS_LISTENERS_MOST; i++) {
		struct gms__heard *h = heard(plan, i);

		if (!h)
			continue;
		if (h->listener->ops.flags & GMS_LISTEN_SERIAL)
			gms__lock(&h->listener->lock);
		if (h->listener->ops.begin)
			h->listener->ops.begin(h->listener->ops.ctx);
	}
	for (unsigned i = 0; plan->hearing.n && i < GMS_LISTENERS_MOST; i++) {
		struct gms__heard *h = heard(plan, i);

		err = h ? prepare(plan, h) : 0;
		if (!err)
			continue;
		abort_all(plan, i + 1);
		return err;
	}
	return 0;
}

static int both(struct gms__plan *plan, enum gms__hear_step first, enum gms__hear_step second)
{
	int err = 0;

	for (unsigned i = 0; plan->hearing.n && i < GMS_LISTENERS_MOST && !err; i++) {
		struct gms__heard *h = heard(plan, i);

		if (!h)
			continue;
		err = do_step(plan, h, first);
		if (!err)
			err = do_step(plan, h, second);
	}
	return err;
}

static void undo_both(struct gms__plan *plan, enum gms__hear_step first,
		      enum gms__hear_step second)
{
	for (unsigned i = GMS_LISTENERS_MOST; plan->hearing.n && i-- > 0;) {
		struct gms__heard *h = heard(plan, i);

		if (h && h->done[second])
			undo_step(plan, h, second);
		if (h && h->done[first])
			undo_step(plan, h, first);
	}
}

int gms__hear_lose(struct gms__plan *plan)
{
	return both(plan, GMS__HEAR_UNMAP, GMS__HEAR_REMAP);
}

int gms__hear_gain(struct gms__plan *plan)
{
	return both(plan, GMS__HEAR_JOIN, GMS__HEAR_MAP);
}

void gms__hear_ungain(struct gms__plan *plan)
{
	undo_both(plan, GMS__HEAR_JOIN, GMS__HEAR_MAP);
}

void gms__hear_unlose(struct gms__plan *plan)
{
	undo_both(plan, GMS__HEAR_UNMAP, GMS__HEAR_REMAP);
}

void gms__hear_abort(struct gms__plan *plan)
{
	abort_all(plan, GMS_LISTENERS_MOST);
}

static uint64_t pages_of(const struct gms__list *list)
{
	const struct gms_host_run *run = list->items;
	uint64_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += run[i].npages;
	return n;
}

/* The old spans go, the new ones come. */
static void follow(struct gms__heard *h)
{
	struct gms__listener *l = h->listener;
	const struct gms__new_span *new = h->new.items;
	struct gms__span **old = h->old.items;

	for (size_t i = 0; i < h->old.n; i++) {
		gms__itree_remove(&l->root[gms__stripe_of(old[i]->node.first)], &old[i]->node);
		old[i]->busy = false;
		gms__stock_push(&h->nodes, old[i]);
	}
	for (size_t i = 0; i < h->new.n; i++) {
		const unsigned s = gms__stripe_of(new[i].first);
		struct gms__span *span = gms__stock_pop(&h->nodes);

		span->busy = false;
		span->node.first = new[i].first;
		span->node.end = new[i].end;
		span->node.serial = l->serial[s]++;
		gms__itree_insert(&l->root[s], &span->node);
	}
	gms__add(&l->nspans, h->new.n - h->old.n - h->reserved);
	h->old.n = 0;
	h->reserved = 0;
	gms__raise(&l->nspans_max, gms__load(&l->nspans));
	gms__add(&l->npages, pages_of(&h->runs[GMS__HEAR_MAP]) +
			     pages_of(&h->runs[GMS__HEAR_REMAP]) -
			     pages_of(&h->runs[GMS__HEAR_JOIN]) -
			     pages_of(&h->runs[GMS__HEAR_UNMAP]));
}

void gms__hear_end(struct gms__plan *plan, bool happened)
{
	for (unsigned i = GMS_LISTENERS_MOST; plan->hearing.n && i-- > 0;) {
		struct gms__heard *h = heard(plan, i);

		if (!h)
			continue;
		if (happened)
			follow(h);
		if (h->listener->ops.end)
			h->listener->ops.end(h->listener->ops.ctx);
		if (h->listener->ops.flags & GMS_LISTEN_SERIAL)
			gms__unlock(&h->listener->lock);
	}
}

int gms__hear_tell(struct gms__plan *plan)
{
	int err = gms__hear_prepare(plan);

	if (!err) {
		err = gms__hear_lose(plan);
		if (!err)
			err = gms__hear_gain(plan);
		if (err) {
			gms__hear_ungain(plan);
			gms__hear_unlose(plan);
			gms__hear_abort(plan);
		}
	}
	gms__hear_end(plan, !err);
	return err;
}

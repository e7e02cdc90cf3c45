/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c - what a plan tells the backends, and how that is taken back.
 *
 *   H1  The runs of a kind ascend by backend, then by page: one call a backend,
 *       whatever lies between its regions.
 *   H2  Neighbouring runs of one region are one run.
 *   H3  Undoing calls the opposite operation for exactly the runs that were done,
 *       the last call first.
 *   H4  Undoing asks for contents to be kept, whatever was asked for: a page whose
 *       turn to be zeroed did not come has its contents still.
 *
 * Locking: the plan's. The table of backends stands still while a stripe is held.
 */
#include "base/debug.h"
#include "engine/plan.h"

/* A step of a commit, in order: which runs, which operation, and what undoes it. */
struct step {
	enum gms__host_kind kind;
	size_t do_at, undo_at;		/* offsets in struct gms_backend; 0: nothing does */
};

#define OP(name)	offsetof(struct gms_backend, name)

static const struct step steps[] = {
	{ GMS__HOST_PRIVATE, OP(unmap_host), OP(map_host) },
	{ GMS__HOST_FREEZE, OP(unmap_host), OP(map_host) },
	{ GMS__HOST_PRIVATE, OP(set_attributes), OP(set_attributes) },
	{ GMS__HOST_UNDIRECT, OP(direct_map), OP(direct_map) },
	{ GMS__HOST_POPULATE, OP(populate), OP(discard) },
	{ GMS__HOST_DIRECT, OP(direct_map), OP(direct_map) },
	{ GMS__HOST_SHARED, OP(set_attributes), OP(set_attributes) },
	{ GMS__HOST_SHARED_FROZEN, OP(set_attributes), OP(set_attributes) },
	{ GMS__HOST_SHARED, OP(zero), 0 },
	{ GMS__HOST_SHARED_FROZEN, OP(zero), 0 },
	{ GMS__HOST_SHARED, OP(map_host), OP(unmap_host) },
	{ GMS__HOST_THAW, OP(map_host), OP(unmap_host) },
	{ GMS__HOST_PRIVATE, OP(zero), 0 },	/* last: what fails before has not lost it */
};

#define NSTEPS	(sizeof(steps) / sizeof(steps[0]))

static gms_host_fn *operation(const struct gms_backend *backend, size_t at)
{
	return *(gms_host_fn *const *)(const void *)((const char *)backend + at);
}

void gms__host_run(struct gms_host_run *run, const struct gms__region *row, gms_gfn first,
		   gms_gfn end)
{
	const uint64_t offset = (first - row->first) << GMS_PAGE_SHIFT;

	*run = (struct gms_host_run){
		.first = first,
		.npages = end - first,
		.backing_id = row->backing_id,
		.backing_offset_bytes = row->backing_offset_bytes + offset,
		.hva = row->hva ? (char *)row->hva + offset : NULL,
	};
}

static int note(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		gms_gfn end, enum gms__host_kind kind, gms_state mask, gms_state to)
{
	struct gms__list *list = &plan->runs[kind];
	struct gms_host_run *run = list->items;

	if (list->n) {
		run += list->n - 1;
		if (first > row->first && run->first + run->npages == first) {	/* H2 */
			run->npages += end - first;
			return 0;
		}
		plan->several_backends |= run->reserved != row->backend;
	}
	run = gms__list_add(&plan->room, list);
	if (!run)
		return gms__plan_no_memory(plan, first);
	gms__host_run(run, row, first, end);
	run->mask = mask;
	run->to = to;
	run->content = plan->want.content;
	run->reserved = (uint32_t)row->backend;
	return 0;
}

/*
 * What turns in SHARED, or in FROZEN alone. A frozen page does not turn private (a
 * refusal), and one that turns private and freezes is as one that turns private.
 */
static int note_touch(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		      gms_gfn end, gms_state old, gms_state new)
{
	if (old & ~new & GMS_STATE_SHARED)
		return note(plan, row, first, end, GMS__HOST_PRIVATE, GMS_STATE_SHARED, 0);
	if (new & ~old & GMS_STATE_SHARED)
		return note(plan, row, first, end,
			    gms__host_touches(new) ? GMS__HOST_SHARED : GMS__HOST_SHARED_FROZEN,
			    GMS_STATE_SHARED, GMS_STATE_SHARED);
	if (gms__host_touches(old) == gms__host_touches(new))
		return 0;
	return note(plan, row, first, end,
		    gms__host_touches(new) ? GMS__HOST_THAW : GMS__HOST_FREEZE,
		    GMS_STATE_FROZEN, new & GMS_STATE_FROZEN);
}

int gms__host_note(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		   gms_gfn end, gms_state old, gms_state new)
{
	const gms_state on = new & ~old, off = old & ~new;
	int err = 0;

	if ((on | off) & (GMS_STATE_SHARED | GMS_STATE_FROZEN))
		err = note_touch(plan, row, first, end, old, new);
	if (!err && (on | off) & GMS_STATE_DIRECT_MAP)
		err = note(plan, row, first, end,
			   on & GMS_STATE_DIRECT_MAP ? GMS__HOST_DIRECT : GMS__HOST_UNDIRECT,
			   GMS_STATE_DIRECT_MAP, on & GMS_STATE_DIRECT_MAP);
	/* Who brought in what was missing has populated it. */
	if (!err && (on | off) & GMS_STATE_POPULATED &&
	    !(on & GMS_STATE_POPULATED && off & GMS_STATE_MISSING))
		err = note(plan, row, first, end,
			   on & GMS_STATE_POPULATED ? GMS__HOST_POPULATE : GMS__HOST_DISCARD,
			   GMS_STATE_POPULATED, on & GMS_STATE_POPULATED);
	return err;
}

static bool before(const struct gms_host_run *a, const struct gms_host_run *b)
{
	return a->reserved < b->reserved || (a->reserved == b->reserved && a->first < b->first);
}

static void sift(struct gms_host_run *run, size_t at, size_t n)
{
	for (size_t child; (child = 2 * at + 1) < n; at = child) {
		struct gms_host_run tmp = run[at];

		child += child + 1 < n && before(&run[child], &run[child + 1]);
		if (!before(&tmp, &run[child]))
			break;
		run[at] = run[child];
		run[child] = tmp;
	}
}

/* H1. A heap sort: it needs no memory, and its worst case is no guest's to choose. */
static void sort(struct gms_host_run *run, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(run, i, n);
	while (n-- > 1) {
		struct gms_host_run last = run[n];

		run[n] = run[0];
		run[0] = last;
		sift(run, 0, n);
	}
}

void gms__host_sort(struct gms__plan *plan)
{
	for (unsigned kind = 0; plan->several_backends && kind < GMS__HOST_KINDS; kind++)
		sort(plan->runs[kind].items, plan->runs[kind].n);
}

/* Call an operation for n runs of one backend; how many took effect goes to *done. */
static int call(struct gms__plan *plan, size_t op_at, const struct gms_host_run *runs, size_t n,
		size_t *done)
{
	const uint32_t index = runs->reserved;
	const struct gms_backend *backend = plan->space->backend[index - 1];
	gms_host_fn *op = operation(backend, op_at);
	size_t ndone = 0;
	int err;

	*done = n;
	plan->touched |= UINT64_C(1) << (index - 1);
	if (!op)
		return 0;
	plan->charge.count[GMS_ACCT_BACKEND_CALLS]++;
	plan->charge.count[GMS_ACCT_HOST_RUNS] += n;
	plan->charge.error_named = false;
	err = op(backend->ctx, runs, n, &ndone, &plan->charge);
	if (!err)
		return 0;
	*done = ndone < n ? ndone : n - 1;
	return err < 0 ? err : -EIO;
}

/*
 * The same for all of them: what the backend fails at stays as it is, and the rest is
 * done all the same. How often it failed.
 */
static uint64_t call_on(struct gms__plan *plan, size_t op_at, const struct gms_host_run *runs,
			size_t n)
{
	uint64_t failures = 0;
	size_t done;

	for (size_t i = 0; i < n; i += done + 1) {
		if (!call(plan, op_at, &runs[i], n - i, &done))
			break;
		failures++;
	}
	return failures;
}

/* Where the runs of the backend end that the run at a place is of. */
static size_t same_backend(const struct gms__list *list, size_t at)
{
	const struct gms_host_run *run = list->items;
	size_t end = at + 1;

	while (end < list->n && run[end].reserved == run[at].reserved)
		end++;
	return end;
}

/* The page that the backend named, if it is of the run that failed; else its first. */
static gms_gfn blamed(const struct gms_charge *charge, const struct gms_host_run *run)
{
	if (charge->error_named && charge->error_gfn - run->first < run->npages)
		return charge->error_gfn;
	return run->first;
}

/* Tell the backends of all runs of a step; *done counts runs, on failure too. */
static int tell(struct gms__plan *plan, const struct step *step, size_t *done)
{
	const struct gms__list *list = &plan->runs[step->kind];
	const struct gms_host_run *run = list->items;
	size_t end, n;

	*done = 0;
	if (step->do_at == OP(zero) && plan->want.content != GMS_CONTENT_ZERO)
		return 0;
	for (; *done < list->n; *done = end) {
		int err;

		end = same_backend(list, *done);
		err = call(plan, step->do_at, &run[*done], end - *done, &n);
		if (err) {
			*done += n;
			return gms__plan_refuse(plan, err, blamed(&plan->charge, &run[*done]),
						GMS_REASON_BACKEND);
		}
	}
	return 0;
}

/* H4 */
static void turn_back(struct gms_host_run *run, size_t n, uint32_t content)
{
	for (size_t i = 0; i < n; i++) {
		run[i].to ^= run[i].mask;
		run[i].content = content;
	}
}

/* Undo the first done runs of a step. */
static void untell(struct gms__plan *plan, const struct step *step, size_t done)
{
	struct gms_host_run *run = plan->runs[step->kind].items;
	uint64_t failures = 0;

	if (!step->undo_at)
		return;
	turn_back(run, done, GMS_CONTENT_UNDO);
	for (size_t end = done, at; end; end = at) {
		for (at = end - 1; at; at--) {
			if (run[at - 1].reserved != run[at].reserved)
				break;
		}
		failures += call_on(plan, step->undo_at, &run[at], end - at);
	}
	turn_back(run, done, plan->want.content);
	plan->charge.count[GMS_ACCT_UNDO_FAILURES] += failures;
	if (failures)
		gms__space_log(plan->space, GMS_LOG_ERROR,
			       "a backend failed to undo a conversion: the host's view of some "
			       "pages differs from their state");
}

int gms__host_do(struct gms__plan *plan, struct gms__host_done *done)
{
	for (done->step = 0; done->step < NSTEPS; done->step++) {
		int err = tell(plan, &steps[done->step], &done->runs);

		if (err)
			return err;
	}
	done->runs = 0;
	return 0;
}

void gms__host_undo(struct gms__plan *plan, struct gms__host_done done)
{
	if (done.step < NSTEPS)
		untell(plan, &steps[done.step], done.runs);
	while (done.step-- > 0)
		untell(plan, &steps[done.step], plan->runs[steps[done.step].kind].n);
}

void gms__host_discard(struct gms__plan *plan)
{
	const struct gms__list *list = &plan->runs[GMS__HOST_DISCARD];
	const struct gms_host_run *run = list->items;
	uint64_t failures = 0;

	for (size_t at = 0, end; at < list->n; at = end) {
		end = same_backend(list, at);
		failures += call_on(plan, OP(discard), &run[at], end - at);
	}
	plan->charge.count[GMS_ACCT_DISCARD_FAILURES] += failures;
	if (failures)
		gms__space_log(plan->space, GMS_LOG_WARN,
			       "a backend failed to discard: pages without contents still hold "
			       "memory");
}

void gms__host_flush(struct gms__plan *plan)
{
	for (uint64_t left = plan->touched; left; left &= left - 1) {
		const struct gms_backend *backend = plan->space->backend[__builtin_ctzll(left)];

		if (!backend->flush)
			continue;
		plan->charge.count[GMS_ACCT_BACKEND_FLUSHES]++;
		backend->flush(backend->ctx, &plan->charge);
	}
}

static struct gms_host_folio folio_of(const struct gms__region *row, gms_gfn gfn, unsigned order,
				      unsigned parts_order)
{
	const gms_gfn first = gfn >> order << order;
	const uint64_t offset = (first - row->first) << GMS_PAGE_SHIFT;

	return (struct gms_host_folio){
		.first = first,
		.backing_id = row->backing_id,
		.backing_offset_bytes = row->backing_offset_bytes + offset,
		.hva = row->hva ? (char *)row->hva + offset : NULL,
		.order = order,
		.parts_order = parts_order,
	};
}

int gms__host_split(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		    unsigned order, unsigned parts_order, struct gms_charge *charge)
{
	const struct gms_backend *backend = row->backend ? space->backend[row->backend - 1] : NULL;
	const struct gms_host_folio folio = folio_of(row, gfn, order, parts_order);
	int err;

	if (!backend || !backend->split)
		return 0;
	err = backend->split(backend->ctx, &folio, charge);
	return err > 0 ? -EIO : err;
}

void gms__host_merge(struct gms_space *space, const struct gms__region *row, gms_gfn gfn,
		     unsigned order, unsigned parts_order, struct gms_charge *charge)
{
	const struct gms_backend *backend = row->backend ? space->backend[row->backend - 1] : NULL;
	const struct gms_host_folio folio = folio_of(row, gfn, order, parts_order);

	if (backend && backend->merge)
		backend->merge(backend->ctx, &folio, charge);
}

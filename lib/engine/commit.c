/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commit.c - walk a plan; when the host objects, walk it backwards.
 *
 * The order (C5):
 *   1. cut the folios that will be mixed
 *   2. flip what does not turn shared, so that nobody pins it any more
 *   3. the backends unmap what turned private
 *   4. the backends map what turns shared
 *   5. flip what turns shared
 *   6. flush, once a backend
 *   7. merge what became uniform
 * Only 3 and 4 can fail. Then the opposite operation is called for every run
 * that was done, latest first, 2 and 1 are undone from the plan's journal, and
 * the backends that were called flush (C12).
 *
 * Locking: the plan holds its stripes, or owns its GiB. Their sequence, or the
 * one of large conversions, is odd from 1 to 7.
 */
#include <errno.h>

#include "engine/plan.h"

/* The runs from at on that meet one backend: *end and its index + 1. */
static uint64_t group(const struct gms__plan *plan, const struct gms__list *list, size_t at,
		      size_t *end)
{
	const struct gms_host_run *run = list->items;
	const struct gms__map *map = &plan->space->map;
	struct gms__region row;
	uint64_t check, backend;

	gms__region_find(map, run[at].first, &row, &check);
	backend = row.backend;
	for (*end = at + 1; *end < list->n; ++*end) {
		if (run[*end].first >= row.first + row.npages)
			gms__region_find(map, run[*end].first, &row, &check);
		if (row.backend != backend)
			break;
	}
	return backend;
}

static gms_host_fn *operation(const struct gms_backend *backend, int direction)
{
	return direction == GMS__TO_SHARED ? backend->map_host : backend->unmap_host;
}

/* Call the operation for n runs; how many took effect goes to *done. */
static int call(struct gms__plan *plan, uint64_t index, int direction,
		const struct gms_host_run *runs, size_t n, size_t *done)
{
	const struct gms_backend *backend = &plan->space->backend[index - 1];
	gms_host_fn *op = operation(backend, direction);
	size_t ndone = 0;
	int err;

	*done = n;
	plan->touched |= UINT64_C(1) << (index - 1);
	if (!op)
		return 0;
	plan->charge.count[GMS_ACCT_BACKEND_CALLS]++;
	plan->charge.count[GMS_ACCT_HOST_RUNS] += n;
	err = op(backend->ctx, runs, n, &ndone, &plan->charge);
	if (!err)
		return 0;
	*done = ndone < n ? ndone : n - 1;
	return err < 0 ? err : -EIO;
}

/* Tell the backends of all runs of one direction; *done counts runs, on failure too. */
static int tell(struct gms__plan *plan, int direction, size_t *done)
{
	const struct gms__list *list = &plan->runs[direction];
	const struct gms_host_run *run = list->items;
	size_t end, n;

	for (*done = 0; *done < list->n; *done = end) {
		const uint64_t index = group(plan, list, *done, &end);
		int err = call(plan, index, direction, &run[*done], end - *done, &n);

		if (err) {
			*done += n;
			plan->error_gfn = run[*done].first;
			plan->error_reason = GMS_REASON_BACKEND;
			return err;
		}
	}
	return 0;
}

/* Undo the first done runs of one direction, latest backend first. */
static void untell(struct gms__plan *plan, int direction, size_t done)
{
	struct gms__list list = plan->runs[direction];
	const struct gms_host_run *run = list.items;

	while (done) {
		uint64_t index = 0;
		size_t at = 0, end, n;

		list.n = done;
		for (end = 0; end < done;) {
			at = end;
			index = group(plan, &list, at, &end);
		}
		if (call(plan, index, !direction, &run[at], done - at, &n)) {
			plan->charge.count[GMS_ACCT_UNDO_FAILURES]++;
			gms__space_log(plan->space, GMS_LOG_ERROR,
				       "a backend failed to undo a conversion: the host's view of "
				       "some pages differs from their state");
		}
		done = at;
	}
}

static void flush(struct gms__plan *plan)
{
	for (uint64_t left = plan->touched; left; left &= left - 1) {
		const struct gms_backend *backend = &plan->space->backend[__builtin_ctzll(left)];

		if (!backend->flush)
			continue;
		plan->charge.count[GMS_ACCT_BACKEND_FLUSHES]++;
		backend->flush(backend->ctx, &plan->charge);
	}
}

static void cut(struct gms__plan *plan, bool cut)
{
	const struct gms__shape *shape = plan->cuts.items;

	/* Cuts do not depend on each other: any order undoes them. */
	for (size_t i = 0; i < plan->cuts.n; i++)
		gms__shape_cut(plan->space, shape[i].gfn, shape[i].order, cut, &plan->tables);
}

static void edit(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state set,
		 gms_state clear)
{
	struct gms__region row;
	uint64_t check;

	while (first < end) {
		gms_gfn stop;

		gms__region_find(&plan->space->map, first, &row, &check);
		stop = gms__min(end, row.first + row.npages);
		gms__map_edit(&plan->space->map, &row, first, stop, set, clear, &plan->tables);
		first = stop;
	}
}

/* Flip the segments that turn pages shared, or all the others. */
static void flip(struct gms__plan *plan, int direction)
{
	const struct gms__segment *s = plan->segments.items;

	for (size_t i = 0; i < plan->segments.n; i++) {
		if (!(s[i].set & GMS_STATE_SHARED) == (direction == GMS__TO_PRIVATE))
			edit(plan, s[i].first, s[i].end, s[i].set, s[i].clear);
	}
}

static void roll_back(struct gms__plan *plan, size_t unmapped, size_t mapped)
{
	const struct gms__old *old = plan->journal.items;

	untell(plan, GMS__TO_SHARED, mapped);
	untell(plan, GMS__TO_PRIVATE, unmapped);
	for (size_t i = plan->journal.n; i-- > 0;)
		edit(plan, old[i].first, old[i].end, old[i].state, GMS_STATE_ALL & ~old[i].state);
	cut(plan, false);
	flush(plan);
	plan->charge.count[GMS_ACCT_ROLLBACKS]++;
}

static void merge(struct gms__plan *plan)
{
	const struct gms__segment *s = plan->segments.items;

	for (size_t i = 0; i < plan->segments.n; i++) {
		if ((s[i].set | s[i].clear) & GMS_STATE_SHARED)
			plan->merges += gms__shape_merge(plan->space, s[i].first, s[i].end,
							 &plan->tables);
	}
}

static void count(struct gms__plan *plan)
{
	const struct gms__shape *shape = plan->cuts.items;
	uint64_t *n = plan->charge.count;

	n[GMS_ACCT_COMMITS]++;
	n[GMS_ACCT_PAGES_CHANGED] += plan->changed_pages;
	n[GMS_ACCT_PAGES_TO_SHARED] += plan->turned_pages[GMS__TO_SHARED];
	n[GMS_ACCT_PAGES_TO_PRIVATE] += plan->turned_pages[GMS__TO_PRIVATE];
	for (size_t i = 0; i < plan->cuts.n; i++)
		n[shape[i].order == GMS_ORDER_1G ? GMS_ACCT_SPLITS_1G : GMS_ACCT_SPLITS_2M]++;
	gms__ledger_shared(&plan->space->ledger, plan->turned_pages[GMS__TO_SHARED],
			   plan->turned_pages[GMS__TO_PRIVATE]);
}

static void change_begin(struct gms__plan *plan)
{
	struct gms__map *map = &plan->space->map;

	if (plan->owns)
		gms__store(&map->large_seq, map->large_seq + 1);
	gms__map_change_begin(map, plan->stripes);
}

static void change_end(struct gms__plan *plan)
{
	struct gms__map *map = &plan->space->map;

	gms__map_change_end(map, plan->stripes);
	if (plan->owns)
		gms__store(&map->large_seq, map->large_seq + 1);
}

int gms__plan_commit(struct gms__plan *plan)
{
	size_t unmapped = 0, mapped = 0;
	int err;

	change_begin(plan);
	cut(plan, true);
	flip(plan, GMS__TO_PRIVATE);
	err = tell(plan, GMS__TO_PRIVATE, &unmapped);
	if (!err)
		err = tell(plan, GMS__TO_SHARED, &mapped);
	if (err) {
		roll_back(plan, unmapped, mapped);
	} else {
		flip(plan, GMS__TO_SHARED);
		flush(plan);
		merge(plan);
		if (plan->changed_pages)
			count(plan);
	}
	change_end(plan);
	return err;
}

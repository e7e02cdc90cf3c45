/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commit.c - walk a plan; when the embedder's code objects, walk it backwards.
 *
 * The order (C5):
 *   1. listeners prepare
 *   2. cut the folios that will be mixed
 *   3. listeners give up what they lose (notify.c)
 *   4. flip what does not turn shared or thaw, so that nobody pins it any more
 *   5. the backends, first for what turns private or freezes (host.c)
 *   6. flip what turns shared or thaws
 *   7. listeners map what they gain
 *   8. discard, flush, once a backend, and merge what became uniform
 * What fails in 1 to 7 is undone from the plan's journal, in reverse order (C12);
 * 8 cannot fail a conversion.
 *
 * Locking: the plan holds its stripes, or owns its GiB. Their sequence, or the
 * one of large conversions, is odd from 1 to 8.
 */
#include "engine/plan.h"

static void edit(struct gms__plan *plan, gms_gfn first, gms_gfn end, gms_state set,
		 gms_state clear)
{
	struct gms__map *map = &plan->space->map;

	while (first < end) {
		const struct gms__region *row = gms__plan_row(plan, first);
		const gms_gfn stop = gms__min(end, gms__region_end(row));
		const bool small = first / GMS__BLOCK_PAGES == (stop - 1) / GMS__BLOCK_PAGES;

		/* O3: what the quicker way does with idle GiB an owner must not. */
		if (plan->owns || !small ||
		    !gms__map_edit_try(map, row, first, stop, set, clear, &plan->tables))
			gms__map_edit(map, row, first, stop, set, clear, &plan->tables);
		first = stop;
	}
}

/* Flip the segments that turn pages shared or thaw them, or all the others. */
static void flip(struct gms__plan *plan, int direction)
{
	const struct gms__segment *s = plan->segments.items;

	for (size_t i = 0; i < plan->segments.n; i++) {
		if (gms__segment_gives(&s[i]) == (direction == GMS__TO_SHARED))
			edit(plan, s[i].first, s[i].end, s[i].set, s[i].clear);
	}
}

/*
 * Pages that the VMM might touch, or all the others: the host is told to unmap, and
 * to map, while the state is on the private side, in an undo as well.
 */
static void flip_back(struct gms__plan *plan, bool were_touched)
{
	const struct gms__old *old = plan->journal.items;

	for (size_t i = plan->journal.n; i-- > 0;) {
		if (were_touched != gms__host_touches(old[i].state))
			continue;
		edit(plan, old[i].first, old[i].end, old[i].state, GMS_STATE_ALL & ~old[i].state);
	}
}

static void count(struct gms__plan *plan)
{
	uint64_t *n = plan->charge.count;

	n[GMS_ACCT_COMMITS]++;
	n[GMS_ACCT_PAGES_CHANGED] += plan->changed_pages;
	n[GMS_ACCT_PAGES_TO_SHARED] += plan->turned_pages[GMS__TO_SHARED];
	n[GMS_ACCT_PAGES_TO_PRIVATE] += plan->turned_pages[GMS__TO_PRIVATE];
	gms__cuts_count(plan, n);
	gms__ledger_shared(&plan->space->ledger, plan->turned_pages[GMS__TO_SHARED],
			   plan->turned_pages[GMS__TO_PRIVATE]);
}

void gms__plan_change_begin(struct gms__plan *plan)
{
	struct gms__map *map = &plan->space->map;

	if (plan->owns)
		gms__map_odd(map, &map->large_seq, &map->large_began);
	gms__map_change_begin(map, plan->stripes);
}

void gms__plan_change_end(struct gms__plan *plan)
{
	struct gms__map *map = &plan->space->map;

	gms__map_change_end(map, plan->stripes);
	if (plan->owns)
		gms__store(&map->large_seq, map->large_seq + 1);
}

static int carry_out(struct gms__plan *plan)
{
	struct gms__host_done done = { 0 };
	int err = gms__hear_prepare(plan);

	if (err)
		return err;	/* nothing was done, and nothing is undone */
	plan->charge.count[GMS_ACCT_ROLLBACKS]++;	/* unless it comes to pass */
	err = gms__cuts_make(plan);
	if (err)
		goto give_up;
	err = gms__hear_lose(plan);
	if (err)
		goto uncut;
	flip(plan, GMS__TO_PRIVATE);
	err = gms__host_do(plan, &done);
	if (!err) {
		flip(plan, GMS__TO_SHARED);
		err = gms__hear_gain(plan);
	}
	if (!err) {
		plan->charge.count[GMS_ACCT_ROLLBACKS]--;
		return 0;
	}

	gms__hear_ungain(plan);
	flip_back(plan, false);
	gms__host_undo(plan, done);
	flip_back(plan, true);
uncut:
	gms__hear_unlose(plan);
	gms__cuts_undo(plan);
give_up:
	gms__hear_abort(plan);
	return err;
}

int gms__plan_commit(struct gms__plan *plan)
{
	int err;

	gms__plan_change_begin(plan);
	err = carry_out(plan);
	if (!err)
		gms__host_discard(plan);
	gms__host_flush(plan);
	gms__hear_end(plan, !err);
	if (!err) {
		gms__cuts_merge(plan);
		if (plan->changed_pages)
			count(plan);
	}
	gms__plan_change_end(plan);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans_turn.c - turn the pages of loans, shared or private, in one conversion;
 * see loans.h.
 *
 * Their cells are marked meanwhile, so the conversion finds nothing lent and has
 * nothing to forget: lending, returning and turning are one step to everybody
 * else, for the stripes are held.
 */
#include "engine/convert.h"
#include "engine/loans.h"
#include "engine/plan.h"
#include "map/get.h"

void gms__turn_begin(struct gms__loan_turn *turn, struct gms_space *space, uint64_t stripes,
		     bool shared, gms_tag tag, struct gms__lent *lent)
{
	turn->space = space;
	turn->lent = lent;
	turn->tag = tag;
	turn->account = gms__tag_of(&space->ledger.tags, tag, true);
	turn->stripes = stripes;
	turn->shared = shared;
	turn->leaf = NULL;
	turn->room = (struct gms__room){ &space->scratch, &space->map.mem, true };
	gms__list_init(&turn->changes, turn->change0, 8, sizeof(turn->change0[0]));
}

void gms__turn_end(struct gms__loan_turn *turn)
{
	gms__list_drop(&turn->room, &turn->changes);
}

int gms__turn_add(struct gms__loan_turn *turn, gms_gfn gfn)
{
	struct gms_change *change = turn->changes.items;

	if (turn->changes.n) {
		change += turn->changes.n - 1;
		if (change->range.first + change->range.npages == gfn) {
			change->range.npages++;
			return 0;
		}
	}
	change = gms__list_add(&turn->room, &turn->changes);
	if (!change)
		return -ENOMEM;
	*change = (struct gms_change){ .range = { gfn, 1 } };
	*(turn->shared ? &change->set : &change->clear) = GMS_STATE_SHARED;
	return 0;
}

/* Let the change at i sink to where it belongs in a heap of n. */
static void sink(struct gms_change *change, size_t i, size_t n)
{
	const struct gms_change one = change[i];

	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && change[child].range.first < change[child + 1].range.first)
			child++;
		if (change[child].range.first <= one.range.first)
			break;
		change[i] = change[child];
	}
	change[i] = one;
}

static bool is_sorted(const struct gms_change *change, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (change[i].range.first < change[i - 1].range.first)
			return false;
	}
	return true;
}

/* In place, and in O(n log n) whatever order a guest named its loans in. */
void gms__turn_sort(struct gms__loan_turn *turn)
{
	struct gms_change *change = turn->changes.items;
	const size_t n = turn->changes.n;

	if (is_sorted(change, n))
		return;
	for (size_t i = n / 2; i-- > 0;)
		sink(change, i, n);
	for (size_t i = n; i-- > 1;) {
		const struct gms_change top = change[0];

		change[0] = change[i];
		change[i] = top;
		sink(change, 0, i);
	}
}

static void tell(struct gms__lent *lent, struct gms_range range)
{
	struct gms_range *last = &lent->last;

	lent->changed_pages += range.npages;
	if (lent->nruns && last->first + last->npages == range.first) {
		last->npages += range.npages;
	} else {
		*last = range;
		lent->nruns++;
	}
	if (lent->nruns <= lent->room)
		lent->runs[lent->nruns - 1] = *last;
}

static int convert(struct gms__loan_turn *turn)
{
	const struct gms_change *change = turn->changes.items;
	struct gms__fast_result fast;
	struct gms__did did;
	int err;

	if (turn->changes.n == 1 && gms__fast_turn(turn->space, change, turn->account, &fast))
		return 0;
	err = gms__convert_held(turn->space, change, turn->changes.n, turn->stripes, turn->tag,
				&did);
	if (err) {
		turn->lent->error_gfn = did.error_gfn;
		turn->lent->error_reason = did.error_reason;
	}
	return err;
}

int gms__turn_do(struct gms__loan_turn *turn)
{
	const struct gms_change *change = turn->changes.items;
	int err = turn->changes.n ? convert(turn) : 0;

	for (size_t i = 0; !err && i < turn->changes.n; i++)
		tell(turn->lent, change[i].range);
	return err;
}

/* The marks of a run become nothing, or idle; with test, only of pages that may not turn. */
static void settle(struct gms__loan_turn *turn, struct gms_range range, bool idle,
		   bool (*test)(struct gms_space *space, gms_gfn gfn),
		   struct gms__cell_sums *sums)
{
	struct gms_space *space = turn->space;
	const gms_gfn end = range.first + range.npages;

	for (gms_gfn gfn = range.first; gfn < end; gfn++) {
		const unsigned s = gms__stripe_of(gfn), i = gfn % GMS__LEAF_PAGES;
		struct gms__loan_shard *shard = space->loans.shard[s];
		struct gms__leaf *leaf = gms__leaf_at(shard, turn->leaf, gfn);

		turn->leaf = leaf;
		if (leaf->cell[i] != GMS__CELL_OURS || (test && !test(space, gfn)))
			continue;
		if (!idle) {
			gms__cell_set(shard, leaf, i, 0, &sums[s]);
			continue;
		}
		if (!sums[s].now)
			sums[s].now = gms__loans_now(space);
		gms__idle_push(shard, leaf, i, sums[s].now, &sums[s]);
		turn->lent->blocked_pages++;
	}
}

static bool may_not_turn(struct gms_space *space, gms_gfn gfn)
{
	gms_gfn held;

	return (gms__map_get(&space->map, gfn) & GMS_STATE_FROZEN) ||
	       gms__claims_first(&space->claims, gfn, gfn + 1, &held) ||
	       (space->access && gms__access_first(space->access, gfn, gfn + 1,
						   GMS_STATE_SHARED, 0, &held));
}

/* Those of the runs that are marked still. */
static int collect(struct gms__loan_turn *turn, const struct gms__list *from)
{
	const struct gms_change *change = from->items;
	int err = 0;

	for (size_t i = 0; i < from->n; i++) {
		const struct gms_range range = change[i].range;
		const gms_gfn end = range.first + range.npages;

		for (gms_gfn gfn = range.first; !err && gfn < end; gfn++) {
			const struct gms__leaf *leaf = gms__leaf_find(
				turn->space->loans.shard[gms__stripe_of(gfn)], gfn);

			if (leaf->cell[gfn % GMS__LEAF_PAGES] == GMS__CELL_OURS)
				err = gms__turn_add(turn, gfn);
		}
	}
	return err;
}

static void settle_all(struct gms__loan_turn *turn, const struct gms__list *list, bool idle,
		       bool (*test)(struct gms_space *space, gms_gfn gfn),
		       struct gms__cell_sums *sums)
{
	const struct gms_change *change = list->items;

	for (size_t i = 0; i < list->n; i++)
		settle(turn, change[i].range, idle, test, sums);
}

/*
 * Where some pages are pinned, frozen or in use the others turn. What else may be in the
 * way (a backend, a listener, memory) is asked once more, and then they wait.
 */
void gms__turn_back(struct gms__loan_turn *turn, struct gms__cell_sums *sums)
{
	struct gms__loan_turn again;
	int err = gms__turn_do(turn);

	if (!err) {
		settle_all(turn, &turn->changes, false, NULL, sums);
		return;
	}
	if (err == -EAGAIN || err == -EBUSY) {
		settle_all(turn, &turn->changes, true, may_not_turn, sums);
		gms__turn_begin(&again, turn->space, turn->stripes, false, turn->tag, turn->lent);
		if (!collect(&again, &turn->changes) && !gms__turn_do(&again))
			settle_all(&again, &again.changes, false, NULL, sums);
		gms__turn_end(&again);
	}
	settle_all(turn, &turn->changes, true, NULL, sums);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fast.c - the conversion that guests make a million times: one change of pages
 * of one 2 MiB block.
 *
 * It comes to the same as plan and commit, in the same order (C1, C5), without
 * the lists: what the pages are is in one word and its leaf, and the one edit
 * needs a leaf at most, which is had before. What is not that simple is left to
 * the plan, before anything changed: a region with a backend, what a listener
 * looks at, several regions, a GiB that has no chunk yet, folios of other shapes
 * than LEVELS makes, any refusal.
 *
 * What is resolved, millions of times too, is the same but for three things: no backend
 * is told of it, so a region may have one; all that turns must have been missing; and
 * faults are over with it.
 *
 * Locking: takes the stripe of the block's GiB, or the caller has it.
 */
#include <string.h>

#include "engine/plan.h"
#include "map/changes.h"
#include "map/edit.h"

/* The change, and what it comes to. */
struct fast {
	struct gms_space *space;
	struct gms__tag *account;
	const struct gms__region *row;
	gms_gfn	  first, end;
	gms_state set, clear;
	uint64_t  changed;
	uint64_t  turned[2];	/* by direction */
	bool	  loans;	/* it is an embedder's: look whether they stand in the way */
	bool	  resolves;
};

/* May these pages turn? false: that is for the plan to say. */
static bool admit(struct fast *f, gms_state old, gms_state new, uint64_t npages)
{
	uint32_t reason;
	gms_gfn lent;

	if ((f->resolves && !(old & GMS_STATE_MISSING)) ||
	    (((old | new) & GMS__RULED) && gms__rule_check(old, new, &reason)) ||
	    gms__region_bars(f->row, new) ||
	    (gms__rule_blocked_by_pins(old, new) &&
	     !gms__claims_none(&f->space->claims, f->first, f->end)) ||
	    (f->loans && gms__rule_blocked_by_loans(old, new) &&
	     gms__loans_first(f->space, f->first, f->end, false, &lent)))
		return false;
	f->changed += npages;
	if ((old ^ new) & GMS_STATE_SHARED)
		f->turned[!!(new & GMS_STATE_SHARED)] += npages;
	return true;
}

/* Cut the folios that will be mixed. */
static unsigned cut(struct fast *f, uint64_t word)
{
	struct gms_space *space = f->space;
	const unsigned base = gms__region_order(f->row);
	const gms_gfn gfn = f->first;
	uint64_t shared;
	unsigned n = 0;

	if (base == GMS_ORDER_4K || space->split != GMS_SPLIT_LEVELS ||
	    gms__block_is_split(word))
		return 0;
	shared = gms__map_shared_in(&space->map, f->row, gfn, GMS_ORDER_2M) +
		 f->turned[GMS__TO_SHARED] - f->turned[GMS__TO_PRIVATE];
	if (base == GMS_ORDER_1G && !gms__map_is_split(f->row, gfn, GMS_ORDER_1G)) {
		const uint64_t all = gms__map_shared_in(&space->map, f->row, gfn, GMS_ORDER_1G) +
				     f->turned[GMS__TO_SHARED] - f->turned[GMS__TO_PRIVATE];

		if (all && all != GMS__GIB_PAGES) {
			gms__shape_cut(space, f->row, gfn, GMS_ORDER_1G, true, NULL);
			gms__space_count(space, gfn, GMS_ACCT_SPLITS_1G, 1);
			gms__tag_count(f->account, GMS_ACCT_SPLITS_1G, 1);
			n++;
		}
	}
	if (shared && shared != GMS__BLOCK_PAGES) {
		gms__shape_cut(space, f->row, gfn, GMS_ORDER_2M, true, NULL);
		gms__space_count(space, gfn, GMS_ACCT_SPLITS_2M, 1);
		gms__tag_count(f->account, GMS_ACCT_SPLITS_2M, 1);
		n++;
	}
	return n;
}

static void tally(struct fast *f, struct gms__ledger_shard *shard, uint32_t kind, uint64_t n)
{
	gms__shard_count(shard, kind, n);
	gms__tag_count(f->account, kind, n);
}

static void count(struct fast *f)
{
	const uint64_t shared = f->turned[GMS__TO_SHARED], hidden = f->turned[GMS__TO_PRIVATE];
	struct gms__ledger_shard *shard = gms__space_shard(f->space, f->first);
	const uint64_t unchanged = f->end - f->first - f->changed;
	struct gms__ledger *ledger = &f->space->ledger;

	tally(f, shard, GMS_ACCT_CONVERTS, 1);
	if (unchanged)
		tally(f, shard, GMS_ACCT_PAGES_UNCHANGED, unchanged);
	if (!f->changed)
		return;
	tally(f, shard, GMS_ACCT_COMMITS, 1);
	tally(f, shard, GMS_ACCT_PAGES_CHANGED, f->changed);
	if (shared) {
		tally(f, shard, GMS_ACCT_PAGES_TO_SHARED, shared);
		gms__ledger_size(ledger, shard, GMS_HISTOGRAM_TO_SHARED, shared);
	}
	if (hidden) {
		tally(f, shard, GMS_ACCT_PAGES_TO_PRIVATE, hidden);
		gms__ledger_size(ledger, shard, GMS_HISTOGRAM_TO_PRIVATE, hidden);
	}
	gms__ledger_shared(ledger, shared, hidden);
}

static void change(struct fast *f, struct gms__edit *e, struct gms__tables *tables,
		   struct gms__fast_result *result)
{
	struct gms__map *map = &f->space->map;
	struct gms__stripe *stripe = &map->stripe[gms__stripe_of(f->first)];
	const bool folios = gms__region_order(f->row);

	gms__map_odd(map, &stripe->seq, &stripe->began);	/* as gms__map_change_begin() */
	if (folios && (f->turned[GMS__TO_SHARED] || f->turned[GMS__TO_PRIVATE]))
		result->splits = cut(f, *e->at);
	if (f->set & GMS_STATE_SHARED)
		gms__light(gms__words_of(f->row), gms__gib_at(f->row, f->first));
	gms__changes_note(map, f->row, f->first, f->end);
	gms__edit_do(e, tables);
	if (folios && ((f->set | f->clear) & GMS_STATE_SHARED))
		result->merges = gms__shape_merge(f->space, f->first, f->end, tables, NULL);
	gms__map_after(map, f->row, f->first, e->chunk, tables);
	gms__store(&stripe->seq, stripe->seq + 1);
}

static bool convert(struct fast *f, bool may_alloc, struct gms__tables *tables,
		    struct gms__fast_result *result)
{
	struct gms__map *map = &f->space->map;
	struct gms__edit e;
	uint64_t gib;
	int class;

	f->row = gms__region_around(gms__word_table(map->table), f->first);
	if (gms__map_is_owned(map, f->first) || f->first < f->row->first ||
	    f->end > gms__region_end(f->row) || (f->row->backend && !f->resolves) ||
	    ((f->set | f->clear) & f->space->listeners.bits))
		return false;
	gib = *gms__gib_at(f->row, f->first);
	if (gms__word_is_uniform(gib)) {
		if (gms__changed(gms__word_state(gib), f->set, f->clear) != gms__word_state(gib))
			return false;
	} else {
		gms__edit_begin(&e, map, f->row, gms__word_table(gib), f->first, f->end, f->set,
				f->clear);
		gms__edit_look(&e);
		if (e.how == GMS__APART)
			return false;
		for (unsigned i = 0; i < e.nturned; i++) {
			if (!admit(f, e.turned[i].from, e.turned[i].to, e.turned[i].npages))
				return false;
		}
		class = gms__edit_class(&e);
		if (class >= 0 && gms__pool_take(&map->leaves[class], &tables->leaves[class], 1,
						 may_alloc))
			return false;
		if (e.how != GMS__NOTHING)
			change(f, &e, tables, result);
	}
	if (f->loans && ((f->set | f->clear) & GMS_STATE_SHARED))
		gms__loans_forget(f->space, f->first, f->end, false);
	count(f);
	return true;
}

/*
 * Where there are accesses, what they look at turns under their lock: it is quick, and
 * cannot be undone. But for SHARED, and what is resolved, that is for the plan, and so
 * is whom to wait for, or to wake. Nobody who runs objects to what is resolved.
 */
static bool convert_among(struct fast *f, bool may_alloc, struct gms__tables *tables,
			  struct gms__fast_result *result)
{
	const gms_state seen = (f->set | f->clear) & (GMS__FIT | GMS_STATE_POPULATED);
	struct gms__access_books *books = f->space->access;
	struct gms__lock *lock = NULL;
	bool done;

	if (gms__unlikely(books != NULL) && seen) {
		if ((seen != GMS_STATE_SHARED && !f->resolves) ||
		    !gms__gate_quick(books, f->first, f->end,
				     f->resolves || f->set & GMS_STATE_SHARED))
			return false;
		lock = &books->shard[gms__stripe_of(f->first)].lock;
	}
	done = convert(f, may_alloc, tables, result);
	if (gms__unlikely(lock != NULL))
		gms__unlock(lock);
	if (gms__unlikely(f->resolves) && done) {
		const struct gms__segment segment = { f->first, f->end, f->set, f->clear };
		const struct gms__gate gate = { &segment, 1 };

		gms__faults_over(f->space, &gate);
	}
	return done;
}

static bool is_small(const struct gms_space *space, struct gms_range range)
{
	return space->plain_shapes && range.first / GMS__BLOCK_PAGES ==
	       (range.first + range.npages - 1) / GMS__BLOCK_PAGES;
}

static bool held(struct gms_space *space, const struct gms_change *c, struct gms__tag *account,
		 bool may_alloc, bool loans, bool resolves, struct gms__fast_result *result)
{
	struct gms__tables tables;
	struct fast f;
	bool done;

	f.space = space;
	f.first = c->range.first;
	f.end = f.first + c->range.npages;
	f.account = account;
	f.set = c->set;
	f.clear = c->clear;
	f.changed = 0;
	f.turned[0] = 0;
	f.turned[1] = 0;
	f.loans = loans;
	f.resolves = resolves;
	memset(&tables, 0, sizeof(tables));
	result->splits = 0;
	result->merges = 0;
	gms__profile_complete(space->profile, &f.set, &f.clear);
	done = convert_among(&f, may_alloc, &tables, result);
	if (gms__tables_any(&tables))
		gms__tables_put(&space->map, &tables);
	result->changed_pages = f.changed;
	result->unchanged_pages = f.end - f.first - f.changed;
	return done;
}

bool gms__fast_turn(struct gms_space *space, const struct gms_change *c,
		    struct gms__tag *account, struct gms__fast_result *result)
{
	return is_small(space, c->range) && held(space, c, account, true, false, false, result);
}

bool gms__fast_convert(struct gms_space *space, const struct gms_change *c,
		       struct gms__tag *account, bool may_alloc,
		       struct gms__fast_result *result)
{
	struct gms__lock *lock = &space->map.stripe[gms__stripe_of(c->range.first)].lock;
	bool done;

	if (!is_small(space, c->range))
		return false;
	gms__lock(lock);
	done = held(space, c, account, may_alloc, gms__loans_any(space, c->range.first), false,
		    result);
	gms__unlock(lock);
	return done;
}

bool gms__fast_resolve(struct gms_space *space, struct gms_range range, bool writable,
		       struct gms__fast_result *result)
{
	const struct gms_change c = {
		range, GMS_STATE_POPULATED,
		GMS_STATE_MISSING | (writable ? GMS_STATE_WRITE_PROTECT : 0),
	};
	struct gms__lock *lock = &space->map.stripe[gms__stripe_of(range.first)].lock;
	bool done;

	if (!is_small(space, range))
		return false;
	gms__lock(lock);
	done = held(space, &c, NULL, true, false, true, result);
	gms__unlock(lock);
	return done;
}

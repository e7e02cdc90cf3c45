/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans_return.c - give loans back, and take idle pages back from the host.
 *
 * A return cannot fail once its loan is found: a page that ought to turn private
 * and cannot becomes idle instead, and waits for gms_reclaim().
 */
#include <errno.h>

#include "engine/loans.h"
#include "engine/space.h"

/*
 * What LAZY leaves when it reclaims, of pages and of age. Replays of real guests
 * convert as often, within some 4 %, with any part from a quarter to seven eighths: a
 * half shows the host an eighth less than three quarters.
 */
#define KEEP(most)	((most) / 2)

struct returning {
	struct gms_space *space;
	struct gms__lent *lent;
	struct gms__loan_turn turn;
	struct gms__cell_sums sums[GMS__STRIPES];
};

/* What is left to do for a return when the stripes are let go. */
struct after {
	struct gms_range pages;		/* of the loan */
	bool overdue;
};

static void begin(struct returning *r, struct gms_space *space, uint64_t stripes, gms_tag tag,
		  struct gms__lent *lent)
{
	r->space = space;
	r->lent = lent;
	gms__turn_begin(&r->turn, space, stripes, false, tag, lent);
	for (uint64_t set = stripes; set; set &= set - 1)
		r->sums[__builtin_ctzll(set)] = (struct gms__cell_sums){ 0 };
}

static void end(struct returning *r)
{
	for (uint64_t set = r->turn.stripes; set; set &= set - 1) {
		const unsigned s = (unsigned)__builtin_ctzll(set);

		gms__cells_account(r->space, s, &r->sums[s]);
	}
}

static void make_idle(struct returning *r, unsigned s, struct gms__leaf *leaf, unsigned i)
{
	if (!r->sums[s].now)
		r->sums[s].now = gms__loans_now(r->space);
	gms__idle_push(r->space->loans.shard[s], leaf, i, r->sums[s].now, &r->sums[s]);
	r->lent->idle_pages++;
}

/* A loan's share of a page goes; the last one's page is marked, or idle at once. */
static void uncount_page(struct returning *r, unsigned s, struct gms__leaf *leaf, gms_gfn gfn,
			 uint64_t share)
{
	struct gms__loan_shard *shard = r->space->loans.shard[s];
	const unsigned i = gfn % GMS__LEAF_PAGES;
	const uint64_t cell = leaf->cell[i] - share;

	gms__cell_set(shard, leaf, i, cell, &r->sums[s]);
	if (cell != GMS__CELL_OURS)
		return;
	if (r->space->loans.policy != GMS_LEND_EAGER) {
		make_idle(r, s, leaf, i);
	} else if (gms__turn_add(&r->turn, gfn)) {
		make_idle(r, s, leaf, i);
		r->lent->blocked_pages++;
	}
}

static void uncount(struct returning *r, const struct gms__claim *loan)
{
	const uint64_t gpa = gms__loan_gpa(loan), bytes = gms__loan_bytes(loan);

	for (gms_gfn gfn = loan->node.first; gfn < loan->node.end; gfn++) {
		const unsigned s = gms__stripe_of(gfn);

		r->turn.leaf = gms__leaf_at(r->space->loans.shard[s], r->turn.leaf, gfn);
		uncount_page(r, s, r->turn.leaf, gfn, gms__loan_share(gpa, bytes, gfn));
	}
}

static void unlink_loan(const struct returning *r, struct gms__loan_shard *shard,
			struct gms__inode *node)
{
	if (gms__loan_is_long(node->first, node->end)) {
		gms__itree_remove(&shard->root, node);
		return;
	}
	if (node->right)
		node->right->left = node->left;
	if (node->left)
		node->left->right = node->right;
	else
		gms__leaf_at(shard, r->turn.leaf, node->first)->loans = node->right;
}

/* Is it time to reclaim, by the policy? Decided under the stripes, done without. */
static bool overdue(const struct returning *r)
{
	struct gms__loans *loans = &r->space->loans;
	const uint64_t wait = gms__load_relaxed(&loans->wait);

	if (loans->policy != GMS_LEND_LAZY || !r->lent->idle_pages)
		return false;
	if (gms__unlikely(wait)) {
		__atomic_store_n(&loans->wait, wait - 1, __ATOMIC_RELAXED);
		return false;
	}
	if (gms__load_relaxed(&loans->nidle) > loans->most_idle)
		return true;
	for (uint64_t set = loans->oldest_ns ? r->turn.stripes : 0; set; set &= set - 1) {
		const unsigned s = (unsigned)__builtin_ctzll(set);
		const uint32_t page = loans->shard[s]->oldest;

		if (page != GMS__NO_PAGE && r->sums[s].now &&
		    r->sums[s].now - gms__page_leaf(loans->shard[s], page)
				->since[page % GMS__LEAF_PAGES] > loans->oldest_ns)
			return true;
	}
	return false;
}

/* The caller holds the stripes of the loan, and the wide lock if it is wide. */
static void give_back(struct returning *r, unsigned s, struct gms__claim *loan,
		      struct after *after)
{
	struct gms__loan_shard *first = r->space->loans.shard[gms__stripe_of(loan->node.first)];
	struct gms__loan_shard *shard = r->space->loans.shard[s];
	const uint64_t bytes = gms__loan_bytes(loan);

	after->pages = (struct gms_range){ loan->node.first, loan->node.end - loan->node.first };
	uncount(r, loan);
	unlink_loan(r, shard, &loan->node);
	gms__slots_give(&shard->slots, loan);
	if (r->turn.changes.n) {
		const uint64_t blocked = r->lent->blocked_pages;

		gms__turn_back(&r->turn, r->sums);
		r->lent->idle_pages += r->lent->blocked_pages - blocked;
	}
	end(r);
	gms__loan_count(first, GMS__LOANS, (uint64_t)-1);
	gms__loan_count(first, GMS__LENT_BYTES, -bytes);
	gms__loan_count(first, GMS__RETURNS, 1);
	gms__tag_count(r->turn.account, GMS_ACCT_RETURNS, 1);
	after->overdue = overdue(r);
	gms__turn_end(&r->turn);
}

/* The stripes of a wide loan, 0 if there is none, and its pages. */
static uint64_t look(struct gms_space *space, gms_loan_id id, gms_gfn *first, gms_gfn *last_end)
{
	struct gms__loans *loans = &space->loans;
	const struct gms__claim *loan;
	uint64_t stripes = 0;

	gms__lock(&loans->wide);
	loan = gms__slots_find(&loans->shard[GMS__WIDE_LOANS]->slots, id);
	if (loan) {
		*first = loan->node.first;
		*last_end = loan->node.end;
		stripes = gms__map_stripes((struct gms_range){ *first, *last_end - *first });
	}
	gms__unlock(&loans->wide);
	return stripes;
}

/* With the stripe held: 1: done; 0: there is no such loan; -1: its GiB is owned. */
static int return_narrow(struct gms_space *space, gms_loan_id id, struct gms__lent *lent,
			 struct after *after)
{
	const unsigned s = gms__slot_shard(id);
	struct gms__claim *loan = gms__slots_find(&space->loans.shard[s]->slots, id);
	struct returning r;

	if (!loan)
		return 0;
	if (gms__map_is_owned(&space->map, loan->node.first))
		return -1;
	begin(&r, space, UINT64_C(1) << s, loan->tag, lent);
	give_back(&r, s, loan, after);
	return 1;
}

static int return_wide(struct gms_space *space, gms_loan_id id, struct gms__lent *lent,
		       struct after *after)
{
	gms_gfn first, last_end;
	const uint64_t stripes = look(space, id, &first, &last_end);
	struct gms__claim *loan;
	struct returning r;

	if (!stripes)
		return 0;
	gms__map_lock(&space->map, stripes, first, last_end);
	gms__lock(&space->loans.wide);
	loan = gms__slots_find(&space->loans.shard[GMS__WIDE_LOANS]->slots, id);
	if (loan) {
		begin(&r, space, stripes, loan->tag, lent);
		give_back(&r, GMS__WIDE_LOANS, loan, after);
	}
	gms__unlock(&space->loans.wide);
	gms__map_unlock(&space->map, stripes);
	return !!loan;
}

/* --- reclaiming ---------------------------------------------------------- */

/* The stripe with the page that has been idle longest, and when the next one's was; or none. */
static unsigned oldest_stripe(const struct gms__loans *loans, uint64_t stripes, uint64_t *since,
			      uint64_t *next)
{
	unsigned oldest = GMS__STRIPES;

	*since = UINT64_MAX;
	*next = UINT64_MAX;
	for (uint64_t set = stripes; set; set &= set - 1) {
		const unsigned s = (unsigned)__builtin_ctzll(set);
		const struct gms__loan_shard *shard = loans->shard[s];
		uint64_t at;

		if (shard->oldest == GMS__NO_PAGE)
			continue;
		at = gms__page_leaf(shard, shard->oldest)->since[shard->oldest % GMS__LEAF_PAGES];
		if (oldest == GMS__STRIPES || at < *since) {
			*next = *since;
			*since = at;
			oldest = s;
		} else {
			*next = gms__min(*next, at);
		}
	}
	return oldest;
}

/* Mark the oldest page of one stripe, and more while they are older than next. */
static int take_from(struct returning *r, unsigned s, uint64_t until, uint64_t next,
		     uint64_t *budget)
{
	struct gms__loan_shard *shard = r->space->loans.shard[s];
	uint64_t since;

	do {
		struct gms__leaf *leaf = gms__page_leaf(shard, shard->oldest);
		const unsigned i = shard->oldest % GMS__LEAF_PAGES;
		int err = gms__turn_add(&r->turn, gms__page_gfn(leaf, i));

		if (err)
			return err;
		gms__idle_pull(shard, leaf, i, GMS__CELL_OURS, &r->sums[s]);
		--*budget;
		if (shard->oldest == GMS__NO_PAGE)
			break;
		leaf = gms__page_leaf(shard, shard->oldest);
		since = leaf->since[shard->oldest % GMS__LEAF_PAGES];
	} while (*budget && since < next && since <= until);
	return 0;
}

/* Idle pages, the oldest first, until the budget is spent or they came after until. */
static void take(struct returning *r, uint64_t until, uint64_t budget)
{
	uint64_t since, next;
	unsigned s;

	while (budget) {
		s = oldest_stripe(&r->space->loans, r->turn.stripes, &since, &next);
		if (s == GMS__STRIPES || since > until || take_from(r, s, until, next, &budget))
			break;
	}
}

static uint64_t stripes_with_idle(const struct gms__loans *loans)
{
	uint64_t stripes = 0;

	for (unsigned s = 0; s < GMS__STRIPES; s++) {
		if (gms__load(&gms__load(&loans->shard[s])->nidle))
			stripes |= UINT64_C(1) << s;
	}
	return stripes;
}

static void lock_to_reclaim(struct returning *r, struct gms_space *space, uint64_t stripes,
			    struct gms__lent *lent)
{
	/* Any GiB of these stripes may have idle pages: wait for every owner. */
	gms__map_lock(&space->map, stripes, 0, UINT64_MAX);
	begin(r, space, stripes, 0, lent);
}

/* What is marked turns private in one conversion, and the stripes are let go. */
static void reclaim_marked(struct returning *r)
{
	struct gms__map *map = &r->space->map;
	struct gms__loan_shard *shard =
		r->space->loans.shard[__builtin_ctzll(r->turn.stripes)];
	const uint64_t changed = r->lent->changed_pages;

	if (r->turn.changes.n) {
		gms__turn_sort(&r->turn);
		gms__turn_back(&r->turn, r->sums);
		gms__loan_count(shard, GMS__RECLAIMS, 1);
		gms__loan_count(shard, GMS__RECLAIMED_PAGES,
				r->lent->changed_pages - changed);
	}
	end(r);
	gms__map_unlock(map, r->turn.stripes);
	gms__turn_end(&r->turn);
}

void gms__loans_reclaim(struct gms_space *space, uint64_t budget, uint64_t now_ns,
			struct gms__lent *lent)
{
	const struct gms__loans *loans = &space->loans;
	const uint64_t stripes = stripes_with_idle(loans);
	uint64_t until = UINT64_MAX;
	struct returning r;

	if (space->ledger.now_ns && now_ns != UINT64_MAX)
		until = now_ns - gms__min(now_ns, loans->oldest_ns);
	if (stripes && budget) {
		lock_to_reclaim(&r, space, stripes, lent);
		take(&r, until, budget);
		reclaim_marked(&r);
	}
	lent->idle_pages = gms__load(&loans->nidle);
}

/*
 * LAZY's own: with too many idle pages some more go than must, so that what a
 * batch costs is shared by many returns; and with one too old those that will be
 * soon. What could not turn, because it is pinned or somebody objects, is not tried
 * again before as many loans have come back: so no return pays for more than one.
 */
static void reclaim_overdue(struct gms_space *space, struct gms__lent *lent)
{
	struct gms__loans *loans = &space->loans;
	const uint64_t blocked = lent->blocked_pages;
	const uint64_t stripes = stripes_with_idle(loans);
	uint64_t nidle, since, next;
	struct returning r;

	if (!stripes)
		return;
	lock_to_reclaim(&r, space, stripes, lent);
	/* Another thread may have been here first. */
	nidle = gms__load(&loans->nidle);
	if (nidle > loans->most_idle)
		take(&r, UINT64_MAX, nidle - KEEP(loans->most_idle));
	if (loans->oldest_ns && space->ledger.now_ns) {
		const uint64_t now = gms__loans_now(space);

		if (oldest_stripe(loans, stripes, &since, &next) < GMS__STRIPES && now > since &&
		    now - since > loans->oldest_ns)
			take(&r, now - KEEP(loans->oldest_ns), UINT64_MAX);
	}
	reclaim_marked(&r);
	__atomic_store_n(&loans->wait, lent->blocked_pages - blocked, __ATOMIC_RELAXED);
}

/* 1: done; 0: there is no such loan. */
static int return_one(struct gms_space *space, gms_loan_id id, struct gms__lent *lent,
		      struct after *after)
{
	const unsigned s = gms__slot_shard(id);
	int done;

	if (s >= GMS__WIDE_LOANS)
		return s == GMS__WIDE_LOANS && return_wide(space, id, lent, after);
	for (;;) {
		gms__lock(&space->map.stripe[s].lock);
		done = return_narrow(space, id, lent, after);
		gms__unlock(&space->map.stripe[s].lock);
		if (done >= 0)
			return done;
		gms__map_await_owner(&space->map);
	}
}

int gms__loans_return(struct gms_space *space, gms_loan_id id, struct gms__lent *lent)
{
	struct after after;

	if (!return_one(space, id, lent, &after))
		return -ENOENT;
	if (gms__unlikely(after.overdue))
		reclaim_overdue(space, lent);
	gms__park_wake(space, after.pages);
	return 0;
}

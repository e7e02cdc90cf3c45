/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans_return.c - give loans back, and take idle pages back from the host.
 *
 * A return cannot fail once its loans are found: a page that ought to turn private
 * and cannot becomes idle instead, and waits for gms_reclaim(). Many loans go under
 * the stripes of all, and what they leave turns in one conversion.
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

#define WAKES	32u

/* What is left to do for a return when the stripes are let go. */
struct after {
	struct gms_range pages[WAKES];	/* of the loans; of many the last has more than theirs */
	unsigned n;
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
static bool overdue(const struct returning *r, uint64_t nreturns)
{
	struct gms__loans *loans = &r->space->loans;
	const uint64_t wait = gms__load_relaxed(&loans->wait);

	if (loans->policy != GMS_LEND_LAZY || !r->lent->idle_pages)
		return false;
	if (gms__unlikely(wait)) {
		__atomic_store_n(&loans->wait, wait - gms__min(wait, nreturns), __ATOMIC_RELAXED);
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

static void went(struct after *after, struct gms_range pages)
{
	struct gms_range *last = &after->pages[WAKES - 1];
	gms_gfn end;

	if (after->n < WAKES) {
		after->pages[after->n++] = pages;
		return;
	}
	end = gms__max(last->first + last->npages, pages.first + pages.npages);
	last->first = gms__min(last->first, pages.first);
	last->npages = end - last->first;
}

/* --- returning ----------------------------------------------------------- */

/* In a claim's flags, beside its direction: it is named by the call under way. */
#define NAMED	4u

static struct gms__claim *loan_of(const struct gms_space *space, gms_loan_id id)
{
	return gms__slots_find(&space->loans.shard[gms__slot_shard(id)]->slots, id);
}

/* Of the caller's stripes. */
static void give_back(struct returning *r, struct gms__claim *loan, unsigned s,
		      struct after *after)
{
	struct gms__loan_shard *shard = r->space->loans.shard[s];
	struct gms__loan_shard *first = r->space->loans.shard[gms__stripe_of(loan->node.first)];
	struct gms__tag *account = loan->tag == r->turn.tag ? r->turn.account :
				   gms__tag_of(&r->space->ledger.tags, loan->tag, false);

	went(after, (struct gms_range){ loan->node.first, loan->node.end - loan->node.first });
	uncount(r, loan);
	unlink_loan(r, shard, &loan->node);
	gms__loan_count(first, GMS__LOANS, (uint64_t)-1);
	gms__loan_count(first, GMS__LENT_BYTES, -gms__loan_bytes(loan));
	gms__loan_count(first, GMS__RETURNS, 1);
	gms__tag_count(account, GMS_ACCT_RETURNS, 1);
	gms__slots_give(&shard->slots, loan);
}

/* The same; all are there, and this is the first. */
static void give_all(struct gms_space *space, const gms_loan_id *ids, size_t n,
		     struct gms__claim *loan, uint64_t stripes, struct gms__lent *lent,
		     struct after *after)
{
	struct returning r;

	begin(&r, space, stripes, loan->tag, lent);
	after->n = 0;
	give_back(&r, loan, gms__slot_shard(ids[0]), after);
	for (size_t i = 1; i < n; i++)
		give_back(&r, loan_of(space, ids[i]), gms__slot_shard(ids[i]), after);
	if (r.turn.changes.n) {
		const uint64_t blocked = lent->blocked_pages;

		if (n > 1)
			gms__turn_sort(&r.turn);
		gms__turn_back(&r.turn, r.sums);
		lent->idle_pages += lent->blocked_pages - blocked;
	}
	end(&r);
	after->overdue = overdue(&r, n);
	gms__turn_end(&r.turn);
}

/*
 * The stripes of all; 0: there is no such loan. Names of loans within a GiB tell
 * theirs, wide ones are asked: whether they are still there is seen under the stripes.
 */
static uint64_t stripes_of(struct gms_space *space, const gms_loan_id *ids, size_t n, bool *wide)
{
	struct gms__loans *loans = &space->loans;
	uint64_t stripes = 0;

	*wide = false;
	for (size_t i = 0; i < n; i++) {
		if (gms__slot_shard(ids[i]) > GMS__WIDE_LOANS)
			return 0;
		*wide |= gms__slot_shard(ids[i]) == GMS__WIDE_LOANS;
		stripes |= UINT64_C(1) << gms__slot_shard(ids[i]);
	}
	if (!*wide)
		return stripes;
	stripes &= GMS__ALL_STRIPES;
	gms__lock(&loans->wide);
	for (size_t i = 0; i < n; i++) {
		const struct gms__claim *loan;

		if (gms__slot_shard(ids[i]) != GMS__WIDE_LOANS)
			continue;
		loan = loan_of(space, ids[i]);
		if (!loan) {
			stripes = 0;
			break;
		}
		stripes |= gms__map_stripes((struct gms_range){
			loan->node.first, loan->node.end - loan->node.first });
	}
	gms__unlock(&loans->wide);
	return stripes;
}

/* With the stripes: 0; -ENOENT: one is not there, or named twice; -EAGAIN: its GiB is owned. */
static int find_all(struct gms_space *space, const gms_loan_id *ids, size_t n,
		    struct gms__claim **first)
{
	int err = 0;

	for (size_t i = 0; i < n; i++) {
		struct gms__claim *loan = loan_of(space, ids[i]);

		if (!loan || loan->flags & NAMED)
			err = -ENOENT;
		else if (gms__map_any_owned(&space->map, loan->node.first, loan->node.end))
			err = -EAGAIN;
		if (err) {
			while (i-- > 0)
				loan_of(space, ids[i])->flags &= ~NAMED;
			return err;
		}
		loan->flags |= NAMED;
		if (!i)
			*first = loan;
	}
	return 0;
}

/* As above, and they are given back if they are there. */
static int try_many(struct gms_space *space, const gms_loan_id *ids, size_t n,
		    struct gms__lent *lent, struct after *after)
{
	bool wide;
	const uint64_t stripes = stripes_of(space, ids, n, &wide);
	struct gms__claim *first = NULL;
	int err;

	if (!stripes)
		return -ENOENT;
	gms__map_lock_stripes(&space->map, stripes);
	if (wide)
		gms__lock(&space->loans.wide);
	err = find_all(space, ids, n, &first);
	if (!err)
		give_all(space, ids, n, first, stripes, lent, after);
	if (wide)
		gms__unlock(&space->loans.wide);
	gms__map_unlock(&space->map, stripes);
	return err;
}

/* One that is within a GiB, as most are. */
static int try_one(struct gms_space *space, gms_loan_id id, struct gms__lent *lent,
		   struct after *after)
{
	const unsigned s = gms__slot_shard(id);
	struct gms__claim *loan;
	int err = 0;

	gms__lock(&space->map.stripe[s].lock);
	loan = loan_of(space, id);
	if (!loan)
		err = -ENOENT;
	else if (gms__map_is_owned(&space->map, loan->node.first))
		err = -EAGAIN;
	else
		give_all(space, &id, 1, loan, UINT64_C(1) << s, lent, after);
	gms__unlock(&space->map.stripe[s].lock);
	return err;
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

int gms__loans_return(struct gms_space *space, const gms_loan_id *ids, size_t n,
		      struct gms__lent *lent)
{
	const bool simple = n == 1 && gms__slot_shard(ids[0]) < GMS__WIDE_LOANS;
	struct after after;
	int err;

	while ((err = simple ? try_one(space, ids[0], lent, &after) :
			       try_many(space, ids, n, lent, &after)) == -EAGAIN)
		gms__map_await_owner(&space->map);
	if (err)
		return err;
	if (gms__unlikely(after.overdue))
		reclaim_overdue(space, lent);
	for (unsigned i = 0; i < after.n; i++)
		gms__park_wake(space, after.pages[i]);
	return 0;
}

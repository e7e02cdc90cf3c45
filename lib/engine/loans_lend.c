/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans_lend.c - lend bytes: their pages are shared as long as somebody has them.
 *
 * Loans are made one or many at a time, all of them or none: under the stripes of
 * all, and with one conversion. Everything that can fail comes first, ending with
 * the conversion: slots, the leaves, what each page is. The pages that will turn are
 * marked meanwhile; then counting cannot fail, and goes loan by loan, so that many
 * come to what as many calls would, one after the other.
 */
#include <errno.h>
#include <string.h>

#include "engine/loans.h"
#include "engine/space.h"
#include "map/get.h"

struct lending {
	struct gms_space *space;
	struct gms__lent *lent;
	size_t	 n;			/* loans */
	struct gms__loan_turn turn;
	struct gms__cell_sums sums[GMS__STRIPES];
};

/* A loan that is wanted, by its pages. */
struct pages {
	gms_gfn	 first;
	gms_gfn	 end;
	unsigned shard;			/* that it goes to */
};

static struct pages pages_of(const struct gms_loan_want *want)
{
	struct pages pages;

	pages.first = want->gpa >> GMS_PAGE_SHIFT;
	pages.end = ((want->gpa + (want->bytes - 1)) >> GMS_PAGE_SHIFT) + 1;
	pages.shard = gms__loan_is_wide(pages.first, pages.end) ? GMS__WIDE_LOANS :
								  gms__stripe_of(pages.first);
	return pages;
}

static uint64_t stripes_of(const struct pages *pages)
{
	return gms__map_stripes((struct gms_range){ pages->first, pages->end - pages->first });
}

static int refuse(struct lending *l, int err, gms_gfn gfn, uint32_t reason)
{
	l->lent->error_gfn = gfn;
	l->lent->error_reason = reason;
	return err;
}

/* Those who lend for several count for each; before the first change all have an account. */
static struct gms__tag *account_of(struct lending *l, gms_tag tag, bool may_alloc)
{
	return tag == l->turn.tag ? l->turn.account :
	       gms__tag_of(&l->space->ledger.tags, tag, may_alloc);
}

/* Seen before leaves are made: a guest may name a large range that ends in a hole. */
static inline int refuse_hole(struct lending *l, const struct pages *pages)
{
	gms_gfn gfn = pages->first;
	struct gms__region row;
	uint64_t check;

	if (gms__region_pages(&l->space->map, gfn, pages->end) == pages->end - gfn)
		return 0;
	while (gms__region_find(&l->space->map, gfn, &row, &check) && row.first <= gfn)
		gfn = row.first + row.npages;
	return refuse(l, -ENOENT, gfn, GMS_REASON_HOLE);
}

/* The shards of all that is lent. */
static inline int open_shards(struct lending *l, gms_gfn blame)
{
	struct gms__loans *loans = &l->space->loans;

	for (uint64_t set = l->turn.stripes; set; set &= set - 1) {
		const unsigned s = (unsigned)__builtin_ctzll(set);

		if (!gms__loans_open(loans, &l->space->map.mem, s))
			return refuse(l, -ENOMEM, blame, GMS_REASON_NO_MEMORY);
		gms__leaves_sweep(loans->shard[s]);
	}
	return 0;
}

/* Names for n loans of a shard. */
static inline int open_slots(struct lending *l, unsigned s, uint32_t n, gms_gfn blame)
{
	struct gms__loans *loans = &l->space->loans;
	struct gms__mem *mem = &l->space->map.mem;

	if (gms__loans_open(loans, mem, s) && gms__slots_ready(&loans->shard[s]->slots, n, mem))
		return 0;
	return refuse(l, -ENOMEM, blame, GMS_REASON_NO_MEMORY);
}

static struct gms__leaf *open_leaf(struct lending *l, struct gms__loan_shard *shard, gms_gfn gfn,
				   int *err)
{
	struct gms__leaf *leaf = gms__leaf_at(shard, l->turn.leaf, gfn);

	if (!leaf)
		leaf = gms__leaf_open(shard, &l->space->map.mem, gfn);
	if (!leaf)
		*err = refuse(l, -ENOMEM, gfn, GMS_REASON_NO_MEMORY);
	l->turn.leaf = leaf;
	return leaf;
}

/* A page that several ask for is marked once, and has room for them all. */
static inline int mark_page(struct lending *l, gms_gfn gfn)
{
	const uint64_t most = GMS__CELL_COUNT - l->n * GMS__CELL_ONE;
	const unsigned s = gms__stripe_of(gfn), i = gfn % GMS__LEAF_PAGES;
	struct gms__loan_shard *shard = l->space->loans.shard[s];
	struct gms__leaf *leaf;
	uint64_t cell;
	int err = 0;

	leaf = open_leaf(l, shard, gfn, &err);
	if (!leaf)
		return err;
	cell = leaf->cell[i];
	if (cell) {
		if (!(cell & GMS__CELL_IDLE) && (cell & GMS__CELL_COUNT) > most)
			return refuse(l, -ENOSPC, gfn, GMS_REASON_LENT);
		return 0;
	}
	if (gms__map_get(&l->space->map, gfn) & GMS_STATE_SHARED)
		return 0;
	if (gms__turn_add(&l->turn, gfn))
		return refuse(l, -ENOMEM, gfn, GMS_REASON_NO_MEMORY);
	gms__cell_set(shard, leaf, i, GMS__CELL_OURS, &l->sums[s]);
	return 0;
}

static inline int mark(struct lending *l, const struct pages *pages)
{
	int err = 0;

	for (gms_gfn gfn = pages->first; !err && gfn < pages->end; gfn++)
		err = mark_page(l, gfn);
	return err;
}

/* What is marked is what was to turn. */
static void unmark(struct lending *l)
{
	const struct gms_change *change = l->turn.changes.items;

	for (size_t i = 0; i < l->turn.changes.n; i++) {
		const gms_gfn end = change[i].range.first + change[i].range.npages;

		for (gms_gfn gfn = change[i].range.first; gfn < end; gfn++) {
			const unsigned s = gms__stripe_of(gfn);
			struct gms__loan_shard *shard = l->space->loans.shard[s];

			gms__cell_set(shard, gms__leaf_find(shard, gfn), gfn % GMS__LEAF_PAGES, 0,
				      &l->sums[s]);
		}
	}
}

static void count_page(struct lending *l, const struct gms_loan_want *want, gms_gfn gfn)
{
	const uint64_t share = gms__loan_share(want->gpa, want->bytes, gfn);
	const unsigned s = gms__stripe_of(gfn), i = gfn % GMS__LEAF_PAGES;
	struct gms__loan_shard *shard = l->space->loans.shard[s];
	struct gms__leaf *leaf = gms__leaf_at(shard, l->turn.leaf, gfn);
	const uint64_t cell = leaf->cell[i];

	l->turn.leaf = leaf;
	if (cell & GMS__CELL_IDLE) {
		gms__idle_pull(shard, leaf, i, GMS__CELL_OURS + share, &l->sums[s]);
		l->lent->hit_pages++;
		return;
	}
	gms__cell_set(shard, leaf, i, cell + share, &l->sums[s]);
	l->lent->hit_pages += cell & GMS__CELL_COUNT ? 1 : 0;
	l->lent->kept_pages += !cell;
}

/* L5. The claim's pages and bytes are set. */
static void link_loan(struct lending *l, struct gms__loan_shard *shard, struct gms__claim *loan)
{
	struct gms__inode *node = &loan->node;
	struct gms__leaf *leaf;

	if (gms__loan_is_long(node->first, node->end)) {
		gms__itree_insert(&shard->root, node);
		return;
	}
	leaf = gms__leaf_at(shard, l->turn.leaf, node->first);
	node->left = NULL;
	node->right = leaf->loans;
	if (leaf->loans)
		leaf->loans->left = node;
	leaf->loans = node;
}

static gms_loan_id enter(struct lending *l, const struct gms_loan_want *want,
			 const struct pages *pages)
{
	struct gms__loan_shard *shard = l->space->loans.shard[pages->shard];
	struct gms__claim *loan = gms__slots_take(&shard->slots);
	const uint64_t last = want->gpa + (want->bytes - 1);

	loan->tag = want->tag;
	loan->flags = want->dir & GMS_LEND_BOTH;
	loan->node.first = pages->first;
	loan->node.end = pages->end;
	loan->node.serial = ++shard->serial << 24 | (want->gpa & 0xfff) << 12 | (last & 0xfff);
	link_loan(l, shard, loan);
	return gms__slot_id(loan, pages->shard);
}

/* One of them, whose pages are shared. */
static gms_loan_id count(struct lending *l, const struct gms_loan_want *want,
			 const struct pages *pages)
{
	/* Also of a wide loan. */
	struct gms__loan_shard *shard = l->space->loans.shard[gms__stripe_of(pages->first)];
	struct gms__tag *account = account_of(l, want->tag, false);
	const uint64_t before = l->lent->hit_pages;
	uint64_t hits;

	for (gms_gfn gfn = pages->first; gfn < pages->end; gfn++)
		count_page(l, want, gfn);
	hits = l->lent->hit_pages - before;
	gms__loan_count(shard, GMS__LOANS, 1);
	gms__loan_count(shard, GMS__LENT_BYTES, want->bytes);
	gms__loan_count(shard, GMS__LENDS, 1);
	if (hits)
		gms__loan_count(shard, GMS__LEND_HITS, hits);
	gms__tag_count(account, GMS_ACCT_LENDS, 1);
	gms__tag_count(account, GMS_ACCT_LEND_HITS, hits);
	return enter(l, want, pages);
}

static void account(struct lending *l)
{
	for (uint64_t set = l->turn.stripes; set; set &= set - 1) {
		const unsigned s = (unsigned)__builtin_ctzll(set);

		gms__cells_account(l->space, s, &l->sums[s]);
	}
}

static void begin(struct lending *l, struct gms_space *space, size_t n, uint64_t stripes,
		  gms_tag tag, struct gms__lent *lent)
{
	l->space = space;
	l->lent = lent;
	l->n = n;
	gms__turn_begin(&l->turn, space, stripes, true, tag, lent);
	for (uint64_t set = stripes; set; set &= set - 1)
		l->sums[__builtin_ctzll(set)] = (struct gms__cell_sums){ 0 };
}

/* --- one ----------------------------------------------------------------- */

static int lend_one(struct lending *l, const struct gms_loan_want *want,
		    const struct pages *pages, gms_loan_id *id)
{
	int err = refuse_hole(l, pages);

	if (!err)
		err = open_shards(l, pages->first);
	if (!err)
		err = open_slots(l, pages->shard, 1, pages->first);
	if (err)
		return err;
	err = mark(l, pages);
	if (!err)
		err = gms__turn_do(&l->turn);
	if (err) {
		unmark(l);
		return err;
	}
	*id = count(l, want, pages);
	account(l);
	return 0;
}

int gms__loans_lend(struct gms_space *space, const struct gms_loan_want *want, gms_loan_id *id,
		    struct gms__lent *lent)
{
	const struct pages pages = pages_of(want);
	const uint64_t stripes = stripes_of(&pages);
	const bool wide = pages.shard == GMS__WIDE_LOANS;
	struct lending l;
	int err;

	begin(&l, space, 1, stripes, want->tag, lent);
	gms__map_lock(&space->map, stripes, pages.first, pages.end);
	if (wide)
		gms__lock(&space->loans.wide);
	err = lend_one(&l, want, &pages, id);
	if (wide)
		gms__unlock(&space->loans.wide);
	gms__map_unlock(&space->map, stripes);
	gms__turn_end(&l.turn);
	return err;
}

/* --- many ---------------------------------------------------------------- */

struct survey {
	uint64_t stripes;		/* of all */
	gms_gfn	 first;			/* of all, with what is between them */
	gms_gfn	 end;
	uint32_t nloans[GMS__LOAN_SHARDS];
};

static void survey(struct survey *all, const struct gms_loan_want *want, size_t n)
{
	memset(all, 0, sizeof(*all));
	all->first = UINT64_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct pages pages = pages_of(&want[i]);

		all->stripes |= stripes_of(&pages);
		all->first = gms__min(all->first, pages.first);
		all->end = gms__max(all->end, pages.end);
		all->nloans[pages.shard]++;
	}
}

static int reserve_many(struct lending *l, const struct gms_loan_want *want,
			const struct survey *all)
{
	int err = 0;

	for (size_t i = 0; !err && i < l->n; i++) {
		const struct pages pages = pages_of(&want[i]);

		err = refuse_hole(l, &pages);
		account_of(l, want[i].tag, true);
	}
	if (!err)
		err = open_shards(l, all->first);
	for (unsigned s = 0; !err && s < GMS__LOAN_SHARDS; s++)
		err = all->nloans[s] ? open_slots(l, s, all->nloans[s], all->first) : 0;
	return err;
}

static int lend_many(struct lending *l, const struct gms_loan_want *want,
		     const struct survey *all, gms_loan_id *ids)
{
	int err = reserve_many(l, want, all);

	if (err)
		return err;
	for (size_t i = 0; !err && i < l->n; i++) {
		const struct pages pages = pages_of(&want[i]);

		err = mark(l, &pages);
	}
	if (!err) {
		gms__turn_sort(&l->turn);
		err = gms__turn_do(&l->turn);
	}
	if (err) {
		unmark(l);
		return err;
	}
	for (size_t i = 0; i < l->n; i++) {
		const struct pages pages = pages_of(&want[i]);

		ids[i] = count(l, &want[i], &pages);
	}
	account(l);
	return 0;
}

int gms__loans_lend_many(struct gms_space *space, const struct gms_loan_want *want, size_t n,
			 gms_loan_id *ids, struct gms__lent *lent)
{
	struct lending l;
	struct survey all;
	bool wide;
	int err;

	survey(&all, want, n);
	wide = all.nloans[GMS__WIDE_LOANS];
	begin(&l, space, n, all.stripes, want->tag, lent);
	gms__map_lock(&space->map, all.stripes, all.first, all.end);
	if (wide)
		gms__lock(&space->loans.wide);
	err = lend_many(&l, want, &all, ids);
	if (wide)
		gms__unlock(&space->loans.wide);
	gms__map_unlock(&space->map, all.stripes);
	gms__turn_end(&l.turn);
	return err;
}

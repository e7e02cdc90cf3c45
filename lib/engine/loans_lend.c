/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans_lend.c - lend bytes: their pages are shared as long as somebody has them.
 *
 * Everything that can fail comes first, ending with the conversion: a slot, the
 * leaves, what each page is. The pages that will turn are marked meanwhile;
 * then counting cannot fail.
 */
#include <errno.h>

#include "engine/loans.h"
#include "engine/space.h"
#include "map/get.h"

struct lending {
	struct gms_space *space;
	const struct gms__loan_spec *what;
	struct gms__lent *lent;
	gms_gfn	 first;
	gms_gfn	 end;
	struct gms__loan_turn turn;
	struct gms__cell_sums sums;	/* of the stripe that a walk is in */
};

static int refuse(struct lending *l, int err, gms_gfn gfn, uint32_t reason)
{
	l->lent->error_gfn = gfn;
	l->lent->error_reason = reason;
	return err;
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

static int mark_page(struct lending *l, gms_gfn gfn)
{
	struct gms__loan_shard *shard = l->space->loans.shard[gms__stripe_of(gfn)];
	const unsigned i = gfn % GMS__LEAF_PAGES;
	struct gms__leaf *leaf;
	uint64_t cell;
	int err = 0;

	leaf = open_leaf(l, shard, gfn, &err);
	if (!leaf)
		return err;
	cell = leaf->cell[i];
	if (cell) {
		if (!(cell & GMS__CELL_IDLE) && (cell & GMS__CELL_COUNT) == GMS__CELL_COUNT)
			return refuse(l, -ENOSPC, gfn, GMS_REASON_LENT);
		return 0;
	}
	if (gms__map_get(&l->space->map, gfn) & GMS_STATE_SHARED)
		return 0;
	if (gms__turn_add(&l->turn, gfn))
		return refuse(l, -ENOMEM, gfn, GMS_REASON_NO_MEMORY);
	gms__cell_set(shard, leaf, i, GMS__CELL_OURS, &l->sums);
	return 0;
}

/* On an error *at is how far it came. */
static int mark(struct lending *l, gms_gfn *at)
{
	int err = 0;

	for (*at = l->first; *at < l->end; ++*at) {
		err = mark_page(l, *at);
		if (err)
			break;
	}
	return err;
}

static void unmark(struct lending *l, gms_gfn end)
{
	for (gms_gfn gfn = l->first; gfn < end; gfn++) {
		struct gms__loan_shard *shard = l->space->loans.shard[gms__stripe_of(gfn)];
		struct gms__leaf *leaf = gms__leaf_find(shard, gfn);

		if (leaf->cell[gfn % GMS__LEAF_PAGES] == GMS__CELL_OURS)
			gms__cell_set(shard, leaf, gfn % GMS__LEAF_PAGES, 0, &l->sums);
	}
}

static void count_page(struct lending *l, struct gms__loan_shard *shard, struct gms__leaf *leaf,
		       gms_gfn gfn)
{
	const uint64_t share = gms__loan_share(l->what->gpa, l->what->bytes, gfn);
	const unsigned i = gfn % GMS__LEAF_PAGES;
	const uint64_t cell = leaf->cell[i];

	if (cell & GMS__CELL_IDLE) {
		gms__idle_pull(shard, leaf, i, GMS__CELL_OURS + share, &l->sums);
		l->lent->hit_pages++;
		return;
	}
	gms__cell_set(shard, leaf, i, cell + share, &l->sums);
	l->lent->hit_pages += cell & GMS__CELL_COUNT ? 1 : 0;
	l->lent->kept_pages += !cell;
}

static void count(struct lending *l)
{
	struct gms__loans *loans = &l->space->loans;

	for (gms_gfn gfn = l->first; gfn < l->end; gfn++) {
		const unsigned s = gms__stripe_of(gfn);

		l->turn.leaf = gms__leaf_at(loans->shard[s], l->turn.leaf, gfn);
		count_page(l, loans->shard[s], l->turn.leaf, gfn);
		if ((gfn + 1) % GMS__GIB_PAGES == 0 || gfn + 1 == l->end) {
			gms__cells_account(l->space, s, &l->sums);
			l->sums = (struct gms__cell_sums){ 0 };
		}
	}
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

static gms_loan_id enter(struct lending *l, unsigned s)
{
	struct gms__loan_shard *shard = l->space->loans.shard[s];
	struct gms__claim *loan = gms__slots_take(&shard->slots);
	const uint64_t last = l->what->gpa + (l->what->bytes - 1);

	loan->tag = l->what->tag;
	loan->flags = l->what->dir & 3;
	loan->node.first = l->first;
	loan->node.end = l->end;
	loan->node.serial = ++shard->serial << 24 | (l->what->gpa & 0xfff) << 12 | (last & 0xfff);
	link_loan(l, shard, loan);
	return gms__slot_id(loan, s);
}

/* Seen before leaves are made: a guest may name a large range that ends in a hole. */
static gms_gfn hole_at(const struct lending *l)
{
	struct gms__region row;
	gms_gfn gfn = l->first;
	uint64_t check;

	while (gms__region_find(&l->space->map, gfn, &row, &check) && row.first <= gfn)
		gfn = row.first + row.npages;
	return gfn;
}

static int lend(struct lending *l, unsigned s, gms_loan_id *id)
{
	struct gms__loans *loans = &l->space->loans;
	struct gms__mem *mem = &l->space->map.mem;
	struct gms__loan_shard *shard;
	gms_gfn at = l->first;
	int err = -ENOMEM;

	if (gms__region_pages(&l->space->map, l->first, l->end) != l->end - l->first)
		return refuse(l, -ENOENT, hole_at(l), GMS_REASON_HOLE);
	for (uint64_t set = l->turn.stripes; set; set &= set - 1) {
		const unsigned stripe = (unsigned)__builtin_ctzll(set);

		if (!gms__loans_open(loans, mem, stripe))
			return refuse(l, err, l->first, GMS_REASON_NO_MEMORY);
		gms__leaves_sweep(loans->shard[stripe]);
	}
	if (!gms__loans_open(loans, mem, s) ||
	    !gms__slots_ready(&loans->shard[s]->slots, mem))
		return refuse(l, err, l->first, GMS_REASON_NO_MEMORY);
	err = mark(l, &at);
	if (!err)
		err = gms__turn_do(&l->turn);
	if (err) {
		unmark(l, at);
		return err;
	}
	count(l);
	*id = enter(l, s);
	shard = loans->shard[gms__stripe_of(l->first)];	/* also of a wide loan */
	gms__loan_count(shard, GMS__LOANS, 1);
	gms__loan_count(shard, GMS__LENT_BYTES, l->what->bytes);
	gms__loan_count(shard, GMS__LENDS, 1);
	if (l->lent->hit_pages)
		gms__loan_count(shard, GMS__LEND_HITS, l->lent->hit_pages);
	gms__tag_count(l->turn.account, GMS_ACCT_LENDS, 1);
	gms__tag_count(l->turn.account, GMS_ACCT_LEND_HITS, l->lent->hit_pages);
	return 0;
}

int gms__loans_lend(struct gms_space *space, const struct gms__loan_spec *what,
		    gms_loan_id *id, struct gms__lent *lent)
{
	struct lending l;
	uint64_t stripes;
	bool wide;
	int err;

	l.space = space;
	l.what = what;
	l.lent = lent;
	l.first = what->gpa >> GMS_PAGE_SHIFT;
	l.end = ((what->gpa + (what->bytes - 1)) >> GMS_PAGE_SHIFT) + 1;
	l.sums = (struct gms__cell_sums){ 0 };
	stripes = gms__map_stripes((struct gms_range){ l.first, l.end - l.first });
	wide = gms__loan_is_wide(l.first, l.end);
	gms__turn_begin(&l.turn, space, stripes, true, what->tag, lent);
	gms__map_lock(&space->map, stripes, l.first, l.end);
	if (wide)
		gms__lock(&space->loans.wide);
	err = lend(&l, wide ? GMS__WIDE_LOANS : gms__stripe_of(l.first), id);
	if (wide)
		gms__unlock(&space->loans.wide);
	gms__map_unlock(&space->map, stripes);
	gms__turn_end(&l.turn);
	return err;
}

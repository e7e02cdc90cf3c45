/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loans_check.c - recount the loans; labels as in loans.h.
 *
 * Cells against loans: what the loans of a page come to is added up where an idle
 * page has its time, which one that is not idle does not need. So the recount
 * needs no memory of its own.
 *
 * Locking: the caller holds all stripes, so nothing moves and no lock is taken.
 */
#include "engine/loans.h"
#include "engine/space.h"
#include "map/get.h"

struct recount {
	const struct gms_space *space;
	struct gms__loans_sums *sums;
	struct gms__fault *fault;
	unsigned s;
	uint64_t nloans;	/* of the shard */
};

static void broken(struct recount *rc, const char *what, gms_gfn gfn, uint64_t seen,
		   uint64_t wanted)
{
	if (!rc->fault->what)
		*rc->fault = (struct gms__fault){ what, gfn, seen, wanted };
}

static void add_up(struct recount *rc, const struct gms__claim *loan)
{
	const uint64_t gpa = gms__loan_gpa(loan), bytes = gms__loan_bytes(loan);

	for (gms_gfn gfn = loan->node.first; gfn < loan->node.end; gfn++) {
		struct gms__leaf *leaf =
			gms__leaf_find(rc->space->loans.shard[gms__stripe_of(gfn)], gfn);
		const uint64_t share = gms__loan_share(gpa, bytes, gfn);
		const unsigned i = gfn % GMS__LEAF_PAGES;

		if (!leaf || (leaf->cell[i] & GMS__CELL_IDLE)) {
			broken(rc, "L2: a lent page without a count", gfn, 0, share);
			return;
		}
		leaf->since[i] += share;
	}
}

static void visit(struct gms__inode *node, void *ctx)
{
	const struct gms__claim *loan = (const struct gms__claim *)node;
	struct recount *rc = ctx;
	const struct gms__slots *slots = &rc->space->loans.shard[rc->s]->slots;
	const bool wide = gms__loan_is_wide(node->first, node->end);
	const unsigned s = wide ? GMS__WIDE_LOANS : gms__stripe_of(node->first);

	if (s != rc->s)
		broken(rc, "L5: shard of a loan", node->first, rc->s, s);
	if (loan->slot >= slots->n || gms__slot_at(slots, loan->slot) != loan)
		broken(rc, "P5: slot of a loan", node->first, loan->slot, slots->n);
	if (!(loan->generation & 1))
		broken(rc, "P5: generation of a loan", node->first, loan->generation, 1);
	add_up(rc, loan);
	rc->nloans++;
	rc->sums->loans++;
	rc->sums->bytes += gms__loan_bytes(loan);
}

static void visit_long(struct gms__inode *node, void *ctx)
{
	if (!gms__loan_is_long(node->first, node->end))
		broken(ctx, "L5: a short loan in the tree", node->first, 1, 0);
	visit(node, ctx);
}

static void visit_short(struct recount *rc, const struct gms__leaf *leaf)
{
	const struct gms__inode *prev = NULL;

	for (struct gms__inode *node = leaf->loans; node; node = node->right) {
		if (node->left != prev || gms__loan_is_long(node->first, node->end) ||
		    node->first >> GMS__LEAF_ORDER != leaf->number)
			broken(rc, "L5: the list of a leaf", node->first, leaf->number, 0);
		if (rc->fault->what)
			return;
		visit(node, rc);
		prev = node;
	}
}

static void visit_loans(struct recount *rc)
{
	const struct gms__loan_shard *shard = rc->space->loans.shard[rc->s];

	for (uint32_t i = 0; i < gms__hash_places(&shard->table); i++) {
		if (shard->table.place[i].value)
			visit_short(rc, shard->table.place[i].value);
	}
	gms__itree_visit(shard->root, 0, UINT64_MAX, visit_long, rc);
}

static void check_cell(struct recount *rc, gms_gfn gfn, uint64_t cell)
{
	const gms_state state = gms__map_get(&rc->space->map, gfn);

	if ((state & GMS_HOLE) || !(state & GMS_STATE_SHARED))
		broken(rc, "L1: a lent or idle page is not shared", gfn, state, GMS_STATE_SHARED);
	if (cell == GMS__CELL_OURS)
		broken(rc, "L2: a page between shared and private", gfn, cell, 0);
	rc->sums->lent_pages += gms__cell_is_lent(cell);
	rc->sums->idle_pages += cell & GMS__CELL_IDLE ? 1 : 0;
	rc->sums->slack_bytes += gms__cell_slack(cell);
}

static void check_leaves(struct recount *rc)
{
	const struct gms__loan_shard *shard = rc->space->loans.shard[rc->s];
	uint64_t here = 0, nempty = 0, nplaced = 0, nfree = 0;

	for (uint32_t k = 0; k < shard->nleaves; k++) {
		struct gms__leaf *leaf = gms__slabs_at(&shard->leaves, k, sizeof(*leaf));
		uint32_t nused = 0;

		if (leaf->placed && gms__hash_find(&shard->table, leaf->number) != leaf)
			broken(rc, "L6: place of a leaf", gms__page_gfn(leaf, 0), k, 0);
		for (unsigned i = 0; i < GMS__LEAF_PAGES; i++) {
			if (!(leaf->cell[i] & GMS__CELL_IDLE))
				leaf->since[i] = 0;
			nused += !!leaf->cell[i];
			if (leaf->cell[i])
				check_cell(rc, gms__page_gfn(leaf, i), leaf->cell[i]);
		}
		if (nused != leaf->nused)
			broken(rc, "L3: cells of a leaf", gms__page_gfn(leaf, 0), leaf->nused,
			       nused);
		if (!leaf->placed && nused)
			broken(rc, "L6: a free leaf in use", gms__page_gfn(leaf, 0), nused, 0);
		here += nused;
		nplaced += leaf->placed;
		nempty += leaf->placed && !nused;
	}
	for (const struct gms__leaf *leaf = shard->free; leaf && nfree <= shard->nleaves;
	     leaf = leaf->next_free)
		nfree++;
	if (here != shard->here)
		broken(rc, "L3: cells of a shard", 0, shard->here, here);
	if (nplaced != shard->table.n)
		broken(rc, "L6: leaves in the table", 0, shard->table.n, nplaced);
	if (nempty != shard->nempty)
		broken(rc, "L3: empty leaves", 0, shard->nempty, nempty);
	if (nplaced + nfree != shard->nleaves)
		broken(rc, "L6: leaves", 0, nplaced + nfree, shard->nleaves);
}

static void check_idle(struct recount *rc, uint64_t idle)
{
	const struct gms__loan_shard *shard = rc->space->loans.shard[rc->s];
	uint32_t page = shard->oldest, prev = GMS__NO_PAGE;
	uint64_t n = 0, since = 0;

	while (page != GMS__NO_PAGE && n <= idle) {
		const struct gms__leaf *leaf = gms__page_leaf(shard, page);
		const unsigned i = page % GMS__LEAF_PAGES;
		const uint64_t cell = leaf->cell[i];

		if (!(cell & GMS__CELL_IDLE) ||
		    (cell >> GMS__PAGE_BITS & GMS__NO_PAGE) != prev || leaf->since[i] < since) {
			broken(rc, "L4: an idle page's place", gms__page_gfn(leaf, i), cell, prev);
			return;
		}
		since = leaf->since[i];
		prev = page;
		page = cell & GMS__NO_PAGE;
		n++;
	}
	if (n != idle || shard->nidle != idle || shard->latest != prev)
		broken(rc, "L4: idle pages", 0, n, idle);
}

static void check_shard(struct recount *rc)
{
	const struct gms__loan_shard *shard = rc->space->loans.shard[rc->s];
	uint64_t n, seen, wanted, idle = rc->sums->idle_pages;
	const char *what;

	if (!gms__itree_sound(shard->root, &n)) {
		broken(rc, "T1 to T3: the tree of a shard of loans", 0, rc->s, n);
		return;
	}
	check_leaves(rc);
	check_idle(rc, rc->sums->idle_pages - idle);
	rc->nloans = 0;
	visit_loans(rc);
	what = gms__slots_fault(&shard->slots, rc->nloans, &seen, &wanted);
	if (what)
		broken(rc, what, 0, seen, wanted);
}

/* L2, when every loan was added up. */
static void check_counts(struct recount *rc)
{
	for (rc->s = 0; rc->s < GMS__STRIPES; rc->s++) {
		const struct gms__loan_shard *shard = rc->space->loans.shard[rc->s];

		for (uint32_t k = 0; k < shard->nleaves; k++) {
			const struct gms__leaf *leaf =
				gms__slabs_at(&shard->leaves, k, sizeof(*leaf));

			for (unsigned i = 0; i < GMS__LEAF_PAGES; i++) {
				const uint64_t cell = leaf->cell[i];

				if (!(cell & GMS__CELL_IDLE) &&
				    (cell & ~GMS__CELL_OURS) != leaf->since[i])
					broken(rc, "L2: loans of a page", gms__page_gfn(leaf, i),
					       cell, leaf->since[i]);
			}
		}
	}
}

bool gms__loans_sound(const struct gms_space *space, struct gms__loans_sums *sums,
		      struct gms__fault *fault)
{
	struct recount rc = { .space = space, .sums = sums, .fault = fault };

	*sums = (struct gms__loans_sums){ 0 };
	*fault = (struct gms__fault){ 0 };
	for (rc.s = 0; rc.s < GMS__LOAN_SHARDS && !fault->what; rc.s++)
		check_shard(&rc);
	if (!fault->what)
		check_counts(&rc);
	return !fault->what;
}

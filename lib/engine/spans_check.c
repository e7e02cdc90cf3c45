/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spans_check.c - the spans of the listeners, recounted: I9, S1 to S3, and T of
 * their trees.
 *
 * Locking: the caller holds all stripes.
 */
#include "engine/listeners.h"
#include "map/walk.h"

struct recount {
	struct gms_space *space;
	const struct gms__listener *l;
	struct gms__fault *fault;
	uint64_t nspans;
	uint64_t npages;
};

static bool broken(struct recount *rc, const char *what, gms_gfn gfn, uint64_t seen,
		   uint64_t wanted)
{
	*rc->fault = (struct gms__fault){ what, gfn, seen, wanted };
	return false;
}

/* Whole granules [first, end) of one GiB match, and nothing next to them does. */
static bool check_run(struct recount *rc, gms_gfn first, gms_gfn end)
{
	struct gms__inode *root = rc->l->root[gms__stripe_of(first)];
	const uint64_t most = rc->l->ops.max_span_pages;
	const struct gms__inode *at = gms__itree_first(root, first, end);
	gms_gfn pos = first;

	for (; at; at = gms__itree_after(root, at, first, end)) {
		if (at->first != pos)
			return broken(rc, "I9: pages without a span", pos, at->first, pos);
		if (at->end > end)
			return broken(rc, "I9: a span of pages that do not match", at->first,
				      at->end, end);
		if (at->first / most != (at->end - 1) / most)
			return broken(rc, "S2: a span larger than the largest", at->first, at->end,
				      most);
		if (((const struct gms__span *)at)->busy)
			return broken(rc, "S1: a span still busy", at->first, 1, 0);
		pos = at->end;
		rc->nspans++;
	}
	if (pos != end)
		return broken(rc, "I9: pages without a span", pos, 0, end - pos);
	rc->npages += end - first;
	return true;
}

static bool check_region(struct recount *rc, const struct gms__region *row)
{
	const struct gms_listener *ops = &rc->l->ops;
	const uint64_t granule = UINT64_C(1) << ops->granule_order;
	const gms_gfn end = row->first + row->npages;
	struct gms_cursor cursor = { 0 };
	gms_gfn pos = row->first;
	struct gms_run run;

	if (!row->hva && (ops->flags & GMS_LISTEN_WANTS_HVA))
		return true;
	while (gms__map_next_match(&rc->space->map, &cursor, &pos, end, ops->mask, ops->value,
				   &run)) {
		const gms_gfn lo = (run.first + granule - 1) & ~(granule - 1);
		const gms_gfn hi = (run.first + run.npages) & ~(granule - 1);

		for (gms_gfn at = lo, stop; at < hi; at = stop) {
			stop = gms__min(hi, (at | (GMS__GIB_PAGES - 1)) + 1);
			if (!check_run(rc, at, stop))
				return false;
		}
	}
	return true;
}

static bool check_listener(struct recount *rc)
{
	struct gms__region row;
	uint64_t check, nodes = 0;

	for (uint64_t i = 0; gms__region_nth(&rc->space->map, i, &row, &check); i++) {
		if (!check_region(rc, &row))
			return false;
	}
	for (unsigned s = 0; s < GMS__STRIPES; s++) {
		uint64_t n;

		if (!gms__itree_sound(rc->l->root[s], &n))
			return broken(rc, "T: tree of spans, stripe", s, 0, 0);
		nodes += n;
	}
	if (nodes != rc->nspans)
		return broken(rc, "I9: spans where nothing matches", 0, nodes, rc->nspans);
	if (rc->l->nspans != rc->nspans)
		return broken(rc, "S3: spans", 0, rc->l->nspans, rc->nspans);
	if (rc->l->npages != rc->npages)
		return broken(rc, "I8: pages of spans", 0, rc->l->npages, rc->npages);
	if (rc->l->ops.max_spans && rc->nspans > rc->l->ops.max_spans)
		return broken(rc, "S3: spans over budget", 0, rc->nspans, rc->l->ops.max_spans);
	return true;
}

bool gms__spans_sound(struct gms_space *space, struct gms__fault *fault)
{
	for (unsigned i = 0; i < space->listeners.most; i++) {
		struct recount rc = { .space = space, .l = space->listeners.at[i],
				      .fault = fault };

		if (rc.l && !check_listener(&rc))
			return false;
	}
	return true;
}

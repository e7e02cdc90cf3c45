/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * respan.c - work out which spans a conversion ends, and which begin; see hear.h.
 *
 * Losses are settled as the walk goes on: a span that a loss falls into is
 * marked busy, and what stays of it between the losses becomes new spans.
 * Gains wait for the end of the walk, since whether a block has come to match
 * whole depends on all that turns in it: that is asked of the map with the
 * plan's segments laid over it. A span that is busy is not joined.
 *
 * Rounding: what a listener with a granule loses grows to whole granules, what
 * it gains shrinks to those that match whole.
 */
#include "base/debug.h"
#include "engine/plan.h"
#include "map/get.h"
#include "map/walk.h"

static bool can_cut(const struct gms__heard *h)
{
	return h->listener->ops.flags & GMS_LISTEN_CAN_CUT;
}

static struct gms__heard *hear(struct gms__plan *plan, unsigned i)
{
	struct gms__hearing *hearing = &plan->hearing;
	struct gms__heard *h = &plan->heard0;

	_Static_assert((GMS_LISTENERS_MOST - 1) * sizeof(*h) <= GMS__SCRATCH_BYTES,
		       "all but the first fit");
	if (hearing->of[i])
		return hearing->of[i];
	if (hearing->n) {
		if (!hearing->more) {
			struct gms__stock stock = { 0 };

			if (gms__pool_take(plan->room.scratch, &stock, 1, plan->room.may_alloc))
				return NULL;
			hearing->more = gms__stock_pop(&stock);
		}
		h = (struct gms__heard *)(void *)hearing->more->room + hearing->n - 1;
	}
	h->listener = plan->space->listeners.at[i];
	gms__list_init(&h->gains, h->gain0, 2, sizeof(h->gain0[0]));
	gms__list_init(&h->old, h->old0, 2, sizeof(h->old0[0]));
	gms__list_init(&h->new, h->new0, 3, sizeof(h->new0[0]));
	for (unsigned s = 0; s < GMS__HEAR_STEPS; s++) {
		gms__list_init(&h->runs[s], h->run0[s], 2, sizeof(h->run0[s][0]));
		h->done[s] = 0;
	}
	h->nodes = (struct gms__stock){ 0 };
	h->peak = h->peak_new = 0;
	h->reserved = 0;
	h->concerned = false;
	h->loss_first = h->loss_end = 0;
	h->cut = NULL;
	hearing->of[i] = h;
	hearing->n++;
	return h;
}

/* One more span, or part of one, to tell of in a step. */
static int tell(struct gms__plan *plan, struct gms__heard *h, enum gms__hear_step step,
		gms_gfn first, gms_gfn end)
{
	struct gms__list *list = &h->runs[step];
	struct gms_host_run *run = gms__list_add(&plan->room, list);

	if (!run)
		return gms__plan_no_memory(plan, first);
	gms__host_run(run, gms__plan_row(plan, first), first, end);
	return 0;
}

static int add_new(struct gms__plan *plan, struct gms__heard *h, gms_gfn first, gms_gfn end,
		   gms_gfn cause)
{
	struct gms__new_span *span = gms__list_add(&plan->room, &h->new);

	if (!span)
		return gms__plan_no_memory(plan, cause);
	*span = (struct gms__new_span){ first, end, cause };
	return 0;
}

static int end_span(struct gms__plan *plan, struct gms__heard *h, struct gms__span *span)
{
	struct gms__span **old = gms__list_add(&plan->room, &h->old);

	if (!old)
		return gms__plan_no_memory(plan, span->node.first);
	*old = span;
	span->busy = true;
	return 0;
}

/* --- losses ---------------------------------------------------------------- */

static int keep(struct gms__plan *plan, struct gms__heard *h, gms_gfn first, gms_gfn end)
{
	int err = add_new(plan, h, first, end, h->cut_cause);

	return err || can_cut(h) ? err : tell(plan, h, GMS__HEAR_REMAP, first, end);
}

/*
 * What it has so far, if that is the most. Losses are told in order, and before
 * gains: what these make fewer again is no use then.
 */
static void note_peak(struct gms__heard *h)
{
	if (h->new.n > h->old.n && h->new.n - h->old.n > h->peak) {
		h->peak = h->new.n - h->old.n;
		h->peak_new = h->new.n;
	}
}

/* The walk has left the span that was cut. */
static int cut_close(struct gms__plan *plan, struct gms__heard *h)
{
	const struct gms__span *span = h->cut;
	int err = 0;

	h->cut = NULL;
	if (span && h->cut_pos < span->node.end)
		err = keep(plan, h, h->cut_pos, span->node.end);
	if (can_cut(h))		/* who cannot is told of all that goes first */
		note_peak(h);
	return err;
}

static int cut_open(struct gms__plan *plan, struct gms__heard *h, struct gms__span *span,
		    gms_gfn cause)
{
	int err = cut_close(plan, h);

	if (!err)
		err = end_span(plan, h, span);
	if (!err && !can_cut(h))
		err = tell(plan, h, GMS__HEAR_UNMAP, span->node.first, span->node.end);
	if (err)
		return err;
	h->cut = span;
	h->cut_pos = span->node.first;
	h->cut_cause = cause;
	return 0;
}

static int lose(struct gms__plan *plan, struct gms__heard *h, gms_gfn loss_first,
		gms_gfn loss_end)
{
	const gms_gfn granule = UINT64_C(1) << h->listener->ops.granule_order;
	const gms_gfn first = loss_first & ~(granule - 1);
	const gms_gfn end = ((loss_end - 1) | (granule - 1)) + 1;
	struct gms__inode *root = h->listener->root[gms__stripe_of(first)];
	struct gms__inode *at = gms__itree_first(root, first, end);
	int err = 0;

	while (at && !err) {
		struct gms__span *span = (struct gms__span *)at;
		const gms_gfn stop = gms__min(end, at->end);
		gms_gfn start = gms__max(first, at->first);

		if (span != h->cut)
			err = cut_open(plan, h, span, loss_first);
		h->cut_cause = loss_first;
		start = gms__max(start, h->cut_pos);
		if (!err && start > h->cut_pos)
			err = keep(plan, h, h->cut_pos, start);
		if (!err && start < stop && can_cut(h))
			err = tell(plan, h, GMS__HEAR_UNMAP, start, stop);
		h->cut_pos = gms__max(h->cut_pos, stop);
		at = stop < end ? gms__itree_after(root, at, first, end) : NULL;
	}
	return err;
}

static int lose_pending(struct gms__plan *plan, struct gms__heard *h)
{
	const gms_gfn first = h->loss_first, end = h->loss_end;

	h->loss_first = h->loss_end = 0;
	return first < end ? lose(plan, h, first, end) : 0;
}

/* --- gains ----------------------------------------------------------------- */

/* The plan's first segment that ends after gfn. */
static const struct gms__segment *segment_after(const struct gms__plan *plan, gms_gfn gfn)
{
	const struct gms__segment *s = plan->segments.items;
	size_t n = plan->segments.n;

	while (n) {
		const size_t half = n / 2;

		if (s[half].end <= gfn) {
			s += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return s;
}

/* Will all pages of [first, end), which are of one region, match? */
static bool all_match(const struct gms__plan *plan, const struct gms__listener *l, gms_gfn first,
		      gms_gfn end)
{
	const struct gms__segment *s = segment_after(plan, first);
	const struct gms__segment *last = (const struct gms__segment *)plan->segments.items +
					  plan->segments.n;
	struct gms_cursor cursor = { 0 };
	struct gms_run run;
	gms_gfn pos = first;

	while (pos < end) {
		const bool in = s < last && s->first <= pos;
		const gms_gfn stop = gms__min(end, in ? s->end : s < last ? s->first : end);
		gms_state set = 0, clear = 0;

		if (in) {
			set = s->set;
			clear = s->clear;
			s++;
		}
		while (gms__map_next_run(&plan->space->map, &cursor, &pos, stop, l->ops.mask,
					 &run)) {
			if ((gms__changed(run.state, set, clear) & l->ops.mask) != l->ops.value)
				return false;
		}
	}
	return true;
}

/* What is asked and found about one gain. */
struct gain {
	const struct gms__region *row;
	gms_gfn first, end;	/* pages that match, grown or shrunk to what is mapped */
};

/* Does the aligned block around gfn, less what is known to match, match whole? */
static bool block_matches(const struct gms__plan *plan, const struct gms__listener *l,
			  const struct gain *g, gms_gfn gfn, uint64_t npages)
{
	const gms_gfn lo = gms__clip_lo(g->row, gfn, npages);
	const gms_gfn hi = gms__clip_hi(g->row, gfn, npages);

	return (lo >= g->first || all_match(plan, l, lo, gms__min(g->first, hi))) &&
	       (hi <= g->end || all_match(plan, l, gms__max(g->end, lo), hi));
}

/* Shrink or grow a gain to the granules that match whole; false: there are none. */
static bool to_granules(const struct gms__plan *plan, const struct gms__listener *l,
			struct gain *g)
{
	const uint64_t n = UINT64_C(1) << l->ops.granule_order;
	const gms_gfn lo = g->first & ~(n - 1), hi = ((g->end - 1) | (n - 1)) + 1;
	bool head, tail;

	if (n == 1)
		return true;
	head = lo >= g->row->first && lo + n <= g->row->first + g->row->npages &&
	       block_matches(plan, l, g, g->first, n);
	tail = hi <= g->row->first + g->row->npages && hi - n >= g->row->first &&
	       block_matches(plan, l, g, g->end - 1, n);
	g->first = head ? lo : lo + n;
	g->end = tail ? hi : hi - n;
	return g->first < g->end;
}

/* The spans that meet [*first, *end), which grows to hold them; false: one is busy. */
static bool take_in(const struct gms__listener *l, gms_gfn *first, gms_gfn *end)
{
	struct gms__inode *root = l->root[gms__stripe_of(*first)];
	const gms_gfn lo = *first, hi = *end;
	const struct gms__inode *at = gms__itree_first(root, lo, hi);

	for (; at; at = gms__itree_after(root, at, lo, hi)) {
		if (((const struct gms__span *)at)->busy)
			return false;
		*first = gms__min(*first, at->first);
		*end = gms__max(*end, at->end);
	}
	return true;
}

/*
 * May a page next to a gain match? It is not gained itself, so it does now, or
 * never will: that is what most gains fail at, and all it costs them. But a gain
 * that was rounded to granules may have another next to it.
 */
static bool neighbour(const struct gms__plan *plan, const struct gms__listener *l, gms_gfn gfn)
{
	return l->ops.granule_order ||
	       (gms__map_get(&plan->space->map, gfn) & l->ops.mask) == l->ops.value;
}

/*
 * Blocks that have come to match whole become one span, if one can: not where a
 * gain before, up to where its pages are mapped, has been told by itself.
 */
static void join(const struct gms__plan *plan, const struct gms__listener *l, struct gain *g,
		 gms_gfn upto)
{
	const uint64_t small = UINT64_C(1) << l->join_order, large = l->ops.max_span_pages;
	const gms_gfn lo = gms__clip_lo(g->row, g->first, small);
	const gms_gfn hi = gms__clip_hi(g->row, g->end - 1, small);
	const bool one = g->first / small == (g->end - 1) / small;
	const bool left = lo == g->first || neighbour(plan, l, g->first - 1);
	const bool right = hi == g->end || neighbour(plan, l, g->end);
	gms_gfn first = g->first, end = g->end;
	bool head, tail;

	if (one && !(left && right))
		return;
	head = left && block_matches(plan, l, g, g->first, small);
	tail = one ? head : right && block_matches(plan, l, g, g->end - 1, small);
	if (head)
		first = lo;
	if (tail)
		end = hi;
	if (head && tail && large > small) {
		if (block_matches(plan, l, g, g->first, large))
			first = gms__clip_lo(g->row, g->first, large);
		if (block_matches(plan, l, g, g->end - 1, large))
			end = gms__clip_hi(g->row, g->end - 1, large);
	}
	if ((first < g->first || end > g->end) && first >= upto && take_in(l, &first, &end)) {
		g->first = first;
		g->end = end;
	}
}

static int map_pieces(struct gms__plan *plan, struct gms__heard *h, const struct gain *g,
		      const struct gms__new_span *cause)
{
	const uint64_t large = h->listener->ops.max_span_pages;
	int err = 0;

	for (gms_gfn at = g->first, stop; at < g->end && !err; at = stop) {
		stop = gms__min(g->end, (at | (large - 1)) + 1);
		err = add_new(plan, h, at, stop, gms__min(gms__max(cause->first, at),
							  cause->end - 1));
		if (!err)
			err = tell(plan, h, GMS__HEAR_MAP, at, stop);
	}
	return err;
}

/*
 * What of a region is in whole granules, as if nothing else were of it: its edges
 * need not be multiples of somebody's granule. false: nothing is.
 */
static bool whole_granules(const struct gms__region *row, const struct gms__listener *l,
			   struct gms__region *whole)
{
	const uint64_t n = UINT64_C(1) << l->ops.granule_order;
	const gms_gfn lo = (row->first + n - 1) & ~(n - 1);
	const gms_gfn hi = (row->first + row->npages) & ~(n - 1);

	if (lo >= hi)
		return false;
	*whole = *row;
	whole->first = lo;
	whole->npages = hi - lo;
	return true;
}

/* One gain, in order; *upto: what the ones before have come to. */
static int gain(struct gms__plan *plan, struct gms__heard *h, const struct gms__new_span *gained,
		gms_gfn *upto)
{
	struct gms__listener *l = h->listener;
	const gms_gfn first = gms__max(gained->first, *upto);
	struct gain g = { gms__plan_row(plan, first), first, gained->end };
	struct gms__inode *root = l->root[gms__stripe_of(gained->first)], *at = NULL;
	struct gms__region whole;
	int err = 0;

	if (g.first >= g.end)
		return 0;
	if (l->ops.granule_order) {
		if (!whole_granules(g.row, l, &whole))
			return 0;
		g.row = &whole;
		g.first = gms__max(first, whole.first);
		g.end = gms__min(g.end, whole.first + whole.npages);
	}
	if (g.first >= g.end || !to_granules(plan, l, &g))
		return 0;
	if (!(l->ops.flags & GMS_LISTEN_NO_JOIN))
		join(plan, l, &g, *upto);
	*upto = g.end;
	if (g.first < first || g.end > gained->end)
		at = gms__itree_first(root, g.first, g.end);
	for (; at && !err; at = gms__itree_after(root, at, g.first, g.end)) {
		err = end_span(plan, h, (struct gms__span *)at);
		if (!err)
			err = tell(plan, h, GMS__HEAR_JOIN, at->first, at->end);
	}
	return err ? err : map_pieces(plan, h, &g, gained);
}

/* --- both ------------------------------------------------------------------ */

/* Pages [first, end) of one GiB are gained. */
static int note_gain(struct gms__plan *plan, struct gms__heard *h, const struct gms__region *row,
		     gms_gfn first, gms_gfn end)
{
	struct gms__new_span *last = h->gains.items;

	if (h->gains.n) {
		last += h->gains.n - 1;
		if (last->end == first && first > row->first && first % GMS__GIB_PAGES) {
			last->end = end;
			return 0;
		}
	}
	last = gms__list_add(&plan->room, &h->gains);
	if (!last)
		return gms__plan_no_memory(plan, first);
	*last = (struct gms__new_span){ first, end, first };
	return 0;
}

static int note_loss(struct gms__plan *plan, struct gms__heard *h, const struct gms__region *row,
		     gms_gfn first, gms_gfn end)
{
	int err = 0;

	if (h->loss_end != first || first == row->first || !(first % GMS__GIB_PAGES)) {
		err = lose_pending(plan, h);
		h->loss_first = first;
	}
	h->loss_end = end;
	return err;
}

int gms__hear_run(struct gms__plan *plan, unsigned i, const struct gms__region *row,
		  gms_gfn first, gms_gfn end, bool gained)
{
	struct gms__heard *h = hear(plan, i);
	int err = 0;

	if (!h)
		return gms__plan_no_memory(plan, first);
	for (gms_gfn at = first, stop; at < end && !err; at = stop) {
		stop = gms__min(end, (at | (GMS__GIB_PAGES - 1)) + 1);
		err = gained ? note_gain(plan, h, row, at, stop) :
			       note_loss(plan, h, row, at, stop);
	}
	return err;
}

bool gms__hear_forbids(const struct gms__plan *plan, const struct gms__region *row,
		       gms_state old, gms_state new)
{
	const struct gms__listeners *all = &plan->space->listeners;

	for (unsigned i = 0; i < all->most; i++) {
		const struct gms__listener *l = all->at[i];

		if (l && (l->ops.flags & GMS_LISTEN_NO_DISCARD) &&
		    gms__listener_wants(l, row, old) && gms__listener_wants(l, row, new))
			return true;
	}
	return false;
}

int gms__hear_turn(struct gms__plan *plan, const struct gms__region *row, gms_gfn first,
		   gms_gfn end, gms_state old, gms_state new)
{
	const struct gms__listeners *all = &plan->space->listeners;
	int err = 0;

	for (unsigned i = 0; i < all->most && !err; i++) {
		const struct gms__listener *l = all->at[i];
		const bool was = l && gms__listener_wants(l, row, old);
		const bool will = l && gms__listener_wants(l, row, new);

		if (was != will)
			err = gms__hear_run(plan, i, row, first, end, will);
	}
	return err;
}

/* S3, and nodes for what is new. */
static int reserve(struct gms__plan *plan, struct gms__heard *h)
{
	struct gms__listener *l = h->listener;
	const struct gms__new_span *new = h->new.items;
	const uint64_t most = l->ops.max_spans;
	uint64_t now, over;

	if (gms__pool_take(&plan->space->listeners.spans, &h->nodes, h->new.n,
			   plan->room.may_alloc))
		return gms__plan_no_memory(plan, new->cause);
	note_peak(h);
	if (!h->peak)
		return 0;
	now = gms__load_relaxed(&l->nspans);
	do {
		const uint64_t room = most - gms__min(now, most);

		if (most && h->peak > room) {
			over = gms__min(h->peak - room, h->peak_new);
			return gms__plan_refuse(plan, -ENOSPC, new[h->peak_new - over].cause,
						GMS_REASON_SPANS);
		}
	} while (!__atomic_compare_exchange_n(&l->nspans, &now, now + h->peak, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	h->reserved = h->peak;
	return 0;
}

int gms__hear_settle(struct gms__plan *plan)
{
	int err = 0;

	for (unsigned i = 0; i < plan->space->listeners.most && !err; i++) {
		struct gms__heard *h = plan->hearing.of[i];
		const struct gms__new_span *gained;
		gms_gfn upto = 0;

		if (!h)
			continue;
		err = lose_pending(plan, h);
		if (!err)
			err = cut_close(plan, h);
		note_peak(h);
		gained = h->gains.items;
		for (size_t k = 0; k < h->gains.n && !err; k++)
			err = gain(plan, h, &gained[k], &upto);
		if (!err)
			err = reserve(plan, h);
		h->concerned = h->old.n || h->new.n;
	}
	return err;
}

void gms__hear_drop(struct gms__plan *plan)
{
	struct gms__hearing *hearing = &plan->hearing;

	for (unsigned i = 0; hearing->n && i < GMS_LISTENERS_MOST; i++) {
		struct gms__heard *h = hearing->of[i];
		struct gms__span **old;

		if (!h)
			continue;
		old = h->old.items;
		for (size_t k = 0; k < h->old.n; k++)
			old[k]->busy = false;
		gms__sub(&h->listener->nspans, h->reserved);
		gms__pool_put(&plan->space->listeners.spans, &h->nodes);
		gms__list_drop(&plan->room, &h->gains);
		gms__list_drop(&plan->room, &h->old);
		gms__list_drop(&plan->room, &h->new);
		for (unsigned s = 0; s < GMS__HEAR_STEPS; s++)
			gms__list_drop(&plan->room, &h->runs[s]);
		hearing->of[i] = NULL;
	}
	if (hearing->more) {
		struct gms__stock stock = { 0 };

		gms__stock_push(&stock, hearing->more);
		gms__pool_put(plan->room.scratch, &stock);
		hearing->more = NULL;
	}
	hearing->n = 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gates.c - conversions among accesses: who is in the way of a plan, how it keeps
 * others out while it runs, and how it waits; see access.h.
 *
 * A gate covers all pages of the segments that name what accesses look at, also those
 * that do not change: a page that was flipped already may yet be flipped back. Whether
 * an access forbids a change is asked of the very pages.
 */
#include <errno.h>

#include "engine/access.h"
#include "engine/plan.h"
#include "map/edit.h"
#include "map/walk.h"

gms_gfn gms__gate_meets(const struct gms__gate *gate, gms_gfn first, gms_gfn end,
			bool (*which)(const struct gms__segment *s))
{
	for (size_t i = gms__gate_from(gate, first); i < gate->n; i++) {
		const struct gms__segment *s = &gate->segment[i];

		if (s->first >= end)
			break;
		if (which(s))
			return gms__max(first, s->first);
	}
	return end;
}

/* --- who is in the way ---------------------------------------------------- */

static const struct gms__access *access_of(const struct gms__inode *node)
{
	return (const struct gms__access *)(const void *)
		((const char *)node - offsetof(struct gms__access, node));
}

bool gms__access_forbids(const struct gms__inode *node, gms_state old, gms_state new)
{
	return gms__rule_blocked_by_access(old, new, gms__access_writes(access_of(node)->flags));
}

static bool any_wide(const struct gms__access_books *books, uint64_t stripes)
{
	for (; stripes; stripes &= stripes - 1) {
		if (gms__load(&books->shard[__builtin_ctzll(stripes)].here) >=
		    GMS__ONE_WIDE_ACCESS)
			return true;
	}
	return false;
}

/* The shards that may have an access that meets [first, end). */
static uint64_t shards_of(const struct gms__access_books *books, gms_gfn first, gms_gfn end)
{
	const uint64_t stripes = gms__map_stripes((struct gms_range){ first, end - first });

	return any_wide(books, stripes) ? stripes | UINT64_C(1) << GMS__WIDE_ACCESSES : stripes;
}

void gms__access_visit(struct gms__access_books *books, gms_gfn first, gms_gfn end,
		       void (*visit)(struct gms__inode *node, void *ctx), void *ctx)
{
	for (uint64_t set = shards_of(books, first, end); set; set &= set - 1) {
		struct gms__access_shard *shard = &books->shard[__builtin_ctzll(set)];

		if (!gms__load(&shard->here))
			continue;
		gms__lock(&shard->lock);
		gms__itree_visit(shard->root, first, end, visit, ctx);
		gms__unlock(&shard->lock);
	}
}

struct turn {
	gms_state old, new;
};

static bool forbids(const struct gms__inode *node, void *ctx)
{
	const struct turn *turn = ctx;

	return gms__access_forbids(node, turn->old, turn->new);
}

bool gms__access_first(struct gms__access_books *books, gms_gfn first, gms_gfn end,
		       gms_state old, gms_state new, gms_gfn *gfn)
{
	struct turn turn = { old, new };

	*gfn = end;
	for (uint64_t set = shards_of(books, first, end); set; set &= set - 1) {
		struct gms__access_shard *shard = &books->shard[__builtin_ctzll(set)];
		const struct gms__inode *node;

		if (!gms__load(&shard->here))
			continue;
		gms__lock(&shard->lock);
		node = gms__itree_find(shard->root, first, end, forbids, &turn);
		if (node)
			*gfn = gms__min(*gfn, gms__max(node->first, first));
		gms__unlock(&shard->lock);
	}
	return *gfn < end;
}

/* A plan that looks for what is in its way, page by page. */
struct search {
	struct gms__plan *plan;
	const struct gms__gate *gate;
	gms_gfn	 gfn;		/* the lowest so far */
};

/* The lowest page of [first, end) that an access forbids to change, or what was found. */
static void search_pages(struct search *search, gms_gfn first, gms_gfn end, uint32_t flags)
{
	const struct gms__gate *gate = search->gate;

	end = gms__min(end, search->gfn);
	for (size_t i = gms__gate_from(gate, first); i < gate->n; i++) {
		const struct gms__segment *s = &gate->segment[i];
		gms_gfn pos = gms__max(first, s->first);
		struct gms_cursor cursor = { 0 };
		struct gms_run run;

		if (s->first >= end)
			break;
		while (gms__rule_blocked_by_access(s->clear, s->set,
						   gms__access_writes(flags)) &&
		       gms__map_next_run(&search->plan->space->map, &cursor, &pos,
					 gms__min(end, s->end), GMS_STATE_ALL, &run)) {
			const gms_state new = gms__changed(run.state, s->set, s->clear);

			if (gms__rule_blocked_by_access(run.state, new,
							gms__access_writes(flags))) {
				search->gfn = run.first;
				return;
			}
		}
	}
}

/* Are all accesses from here on above what was found? They ascend. */
static bool search_access(const struct gms__inode *node, void *ctx)
{
	struct search *search = ctx;

	if (gms__max(node->first, search->gate->segment[0].first) >= search->gfn)
		return true;
	search_pages(search, node->first, node->end, access_of(node)->flags);
	return false;
}

/* The shard's lock is held. */
static void search_shard(struct search *search, const struct gms__access_shard *shard)
{
	const struct gms__gate *gate = search->gate;
	const gms_gfn first = gate->segment[0].first, end = gate->segment[gate->n - 1].end;
	const uint64_t number = search->plan->queued.number;

	gms__itree_find(shard->root, first, end, search_access, search);
	/* Who does not wait for accesses that run does not wait for others either. */
	if (!search->plan->want.wait_ns)
		return;
	for (const struct gms__waiter *w = shard->oldest; w; w = w->younger) {
		if ((w->gated || w->woken) && (!number || w->number < number))
			search_pages(search, w->first, w->end, w->flags);
	}
}

/* And those of the wide shard, after the narrow ones. */
static void search_wide(struct search *search, struct gms__access_books *books, uint64_t stripes)
{
	struct gms__access_shard *wide = &books->shard[GMS__WIDE_ACCESSES];

	if (!any_wide(books, stripes) && !gms__load(&books->wide_waiters))
		return;
	gms__lock(&wide->lock);
	search_shard(search, wide);
	gms__unlock(&wide->lock);
}

/* --- gates ---------------------------------------------------------------- */

static void wake_shard(struct gms__access_shard *shard, const struct gms__gate *gate)
{
	for (struct gms__waiter *w = shard->oldest; w; w = w->younger) {
		if (gms__gate_meets(gate, w->first, w->end, gms__segment_gates) < w->end) {
			w->woken = true;
			gms__cond_wake(&w->cond);
		}
	}
}

static void wake_wide(struct gms__access_books *books, const struct gms__gate *gate)
{
	struct gms__access_shard *wide = &books->shard[GMS__WIDE_ACCESSES];

	if (!gms__load(&books->wide_waiters))
		return;
	gms__lock(&wide->lock);
	wake_shard(wide, gate);
	gms__unlock(&wide->lock);
}

void gms__waiters_wake(struct gms__access_books *books, uint64_t stripes,
		       const struct gms__gate *gate)
{
	for (; stripes; stripes &= stripes - 1) {
		struct gms__access_shard *shard = &books->shard[__builtin_ctzll(stripes)];

		gms__lock(&shard->lock);
		wake_shard(shard, gate);
		gms__unlock(&shard->lock);
	}
	wake_wide(books, gate);
}

static void open_gate(struct gms_space *space, uint64_t stripes, unsigned kind,
		      const struct gms__gate *gate)
{
	struct gms__access_books *books = space->access;

	for (uint64_t set = stripes; set; set &= set - 1) {
		struct gms__access_shard *shard = &books->shard[__builtin_ctzll(set)];

		gms__lock(&shard->lock);
		shard->gate[kind] = NULL;
		wake_shard(shard, gate);
		gms__unlock(&shard->lock);
	}
	wake_wide(books, gate);
	gms__faults_over(space, gate);
}

static uint64_t stripes_of(const struct gms__gate *gate)
{
	const gms_gfn first = gate->segment[0].first;

	return gms__map_stripes((struct gms_range){
		first, gate->segment[gate->n - 1].end - first });
}

static bool concerns_accesses(const struct gms__gate *gate)
{
	for (size_t i = 0; i < gate->n; i++) {
		if (gms__segment_gates(&gate->segment[i]))
			return true;
	}
	return false;
}

/* It waits no longer: what it wanted its gate covers. */
static void unqueue(struct gms__access_books *books, struct gms__queued *q)
{
	gms__lock(&books->queue);
	*(q->older ? &q->older->younger : &books->oldest) = q->younger;
	*(q->younger ? &q->younger->older : &books->youngest) = q->older;
	gms__store(&books->nqueued, books->nqueued - 1);
	gms__unlock(&books->queue);
	gms__cond_fini(&q->cond);
	q->number = 0;
}

int gms__gate_close(struct gms__plan *plan)
{
	const unsigned kind = plan->owns ? GMS__GATE_OWNER : GMS__GATE_STRIPE;
	struct gms__access_books *books = plan->space->access;
	struct search search = { plan, &plan->gate, UINT64_MAX };

	plan->gate = (struct gms__gate){ plan->segments.items, plan->segments.n };
	if (plan->want.dry_run || !plan->changed_pages || !concerns_accesses(&plan->gate))
		return 0;
	plan->gate_stripes = plan->owns ? stripes_of(&plan->gate) : plan->stripes;
	for (uint64_t set = plan->gate_stripes; set; set &= set - 1) {
		struct gms__access_shard *shard = &books->shard[__builtin_ctzll(set)];

		gms__lock(&shard->lock);
		shard->gate[kind] = &plan->gate;
		search_shard(&search, shard);
		gms__unlock(&shard->lock);
	}
	search_wide(&search, books, plan->gate_stripes);
	if (search.gfn == UINT64_MAX) {
		if (plan->queued.number)
			unqueue(books, &plan->queued);
		return 0;
	}
	gms__gate_open(plan);
	if (plan->want.all_blockers)
		gms__plan_note(plan, &(struct gms_blocker){ .range = { search.gfn, 1 },
							    .reason = GMS_REASON_ACCESS });
	return gms__plan_refuse(plan, -EAGAIN, search.gfn, GMS_REASON_ACCESS);
}

void gms__gate_open(struct gms__plan *plan)
{
	open_gate(plan->space, plan->gate_stripes,
		  plan->owns ? GMS__GATE_OWNER : GMS__GATE_STRIPE, &plan->gate);
	plan->gate_stripes = 0;
}

bool gms__gate_quick(struct gms__access_books *books, gms_gfn first, gms_gfn end, bool to_shared)
{
	struct gms__access_shard *shard = &books->shard[gms__stripe_of(first)];

	gms__lock(&shard->lock);
	if (shard->oldest || gms__load(&books->wide_waiters) ||
	    (!to_shared && (shard->here >= GMS__ONE_WIDE_ACCESS ||
			    gms__itree_first(shard->root, first, end)))) {
		gms__unlock(&shard->lock);
		return false;
	}
	return true;
}

/* --- regions -------------------------------------------------------------- */

int gms__gate_region(struct gms_space *space, const struct gms__gate *gate)
{
	const gms_gfn first = gate->segment->first, end = gate->segment->end;
	struct gms__access_books *books = space->access;
	const uint64_t stripes = stripes_of(gate);
	struct gms__access_shard *wide = &books->shard[GMS__WIDE_ACCESSES];
	bool used = false;

	for (uint64_t set = stripes; set; set &= set - 1) {
		struct gms__access_shard *shard = &books->shard[__builtin_ctzll(set)];

		gms__lock(&shard->lock);
		shard->gate[GMS__GATE_STRIPE] = gate;
		used |= gms__itree_first(shard->root, first, end) != NULL;
		gms__unlock(&shard->lock);
	}
	gms__lock(&wide->lock);
	used |= gms__itree_first(wide->root, first, end) != NULL;
	gms__unlock(&wide->lock);
	if (used)
		gms__gate_region_end(space, gate);
	return used ? -EAGAIN : 0;
}

void gms__gate_region_end(struct gms_space *space, const struct gms__gate *gate)
{
	open_gate(space, stripes_of(gate), GMS__GATE_STRIPE, gate);
}

/* --- waiting -------------------------------------------------------------- */

bool gms__queue_holds(struct gms__access_books *books, gms_gfn first, gms_gfn end,
		      uint64_t number, gms_gfn *gfn)
{
	*gfn = end;
	if (gms__likely(!gms__load(&books->nqueued)))
		return false;
	gms__lock(&books->queue);
	for (const struct gms__queued *q = books->oldest; q && q->number < number; q = q->younger)
		*gfn = gms__min(*gfn, gms__gate_meets(&q->gate, first, end, gms__segment_takes));
	gms__unlock(&books->queue);
	return *gfn < end;
}

uint64_t gms__queue_number(struct gms__access_books *books)
{
	uint64_t number;

	gms__lock(&books->queue);
	number = ++books->number;
	gms__unlock(&books->queue);
	return number;
}

void gms__queue_wake(struct gms__access_books *books, gms_gfn first, gms_gfn end)
{
	if (gms__likely(!gms__load(&books->nqueued)))
		return;
	gms__lock(&books->queue);
	for (struct gms__queued *q = books->oldest; q; q = q->younger) {
		if (gms__gate_meets(&q->gate, first, end, gms__segment_takes) < end) {
			q->woken = true;
			gms__cond_wake(&q->cond);
		}
	}
	gms__unlock(&books->queue);
}

static bool enqueue(struct gms__plan *plan)
{
	struct gms__access_books *books = plan->space->access;
	const struct gms_range range = plan->want.range;
	struct gms__queued *q = &plan->queued;

	if (!gms__cond_init(&q->cond))
		return false;
	if (!q->until_ns) {
		q->until_ns = gms__clock_after(plan->want.wait_ns);
		gms__ledger_count(&plan->space->ledger, GMS_ACCT_CONVERT_WAITS, 1);
	}
	/* The segments of a freeze are made anew at each try. */
	q->whole = (struct gms__segment){ range.first, range.first + range.npages,
					  GMS_STATE_FROZEN, 0 };
	if (plan->want.touch)
		q->gate = (struct gms__gate){ &q->whole, 1 };
	else
		q->gate = (struct gms__gate){ plan->segments.items, plan->segments.n };
	gms__lock(&books->queue);
	q->number = ++books->number;
	q->older = books->youngest;
	q->younger = NULL;
	*(books->youngest ? &books->youngest->younger : &books->oldest) = q;
	books->youngest = q;
	gms__store(&books->nqueued, books->nqueued + 1);
	gms__unlock(&books->queue);
	return true;
}

static bool in_the_way(struct gms__plan *plan)
{
	struct search search = { plan, &plan->queued.gate, UINT64_MAX };
	const uint64_t stripes = stripes_of(search.gate);
	struct gms__access_books *books = plan->space->access;

	for (uint64_t set = stripes; set && search.gfn == UINT64_MAX; set &= set - 1) {
		struct gms__access_shard *shard = &books->shard[__builtin_ctzll(set)];

		gms__lock(&shard->lock);
		search_shard(&search, shard);
		gms__unlock(&shard->lock);
	}
	if (search.gfn == UINT64_MAX)
		search_wide(&search, books, stripes);
	return search.gfn != UINT64_MAX;
}

bool gms__gate_await(struct gms__plan *plan)
{
	struct gms__access_books *books = plan->space->access;
	struct gms__queued *q = &plan->queued;
	bool woken;

	if (q->number ? gms__clock_ns() >= q->until_ns : !enqueue(plan))
		return false;
	do {
		gms__lock(&books->queue);
		q->woken = false;
		gms__unlock(&books->queue);
		if (!in_the_way(plan))
			return true;
		/* Who is woken all the time never comes to wait, which looks at the time. */
		if (gms__clock_ns() >= q->until_ns)
			return false;
		gms__lock(&books->queue);
		while (!q->woken && gms__cond_wait(&q->cond, &books->queue, q->until_ns))
			;
		woken = q->woken;
		gms__unlock(&books->queue);
	} while (woken);
	return false;
}

void gms__gate_leave(struct gms__plan *plan)
{
	const struct gms__gate gate = plan->queued.gate;
	struct gms__access_books *books = plan->space->access;

	unqueue(books, &plan->queued);
	gms__waiters_wake(books, stripes_of(&gate), &gate);
}

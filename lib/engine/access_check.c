/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access_check.c - recount what access.h, faults.h and frost.h promise.
 *
 * Locking: all stripes are held, so no state changes; each shard is looked at under its
 * lock, for accesses come and go all the same.
 */
#include "engine/space.h"
#include "map/walk.h"

struct recount {
	struct gms_space *space;
	struct gms__fault *fault;
	uint64_t n;
	uint64_t wide[GMS__STRIPES];
	bool	 broken;
};

static void broken(struct recount *rc, const char *what, uint64_t gfn, uint64_t seen,
		   uint64_t wanted)
{
	if (!rc->broken)
		*rc->fault = (struct gms__fault){ what, gfn, seen, wanted };
	rc->broken = true;
}

/* --- A1, A2 ---------------------------------------------------------------- */

static void check_access(struct gms__inode *node, void *ctx)
{
	const struct gms__access *access = (const struct gms__access *)(void *)
		((char *)node - offsetof(struct gms__access, node));
	struct recount *rc = ctx;
	gms_gfn pos = node->first, at = pos;
	struct gms_cursor cursor = { 0 };
	struct gms_run run;

	rc->n++;
	if (gms__gib_of(node->first) != gms__gib_of(node->end - 1)) {
		const struct gms_range range = { node->first, node->end - node->first };

		for (uint64_t set = gms__map_stripes(range); set; set &= set - 1)
			rc->wide[__builtin_ctzll(set)]++;
	}
	for (; at < node->end && !rc->broken; at = pos) {
		uint32_t reason;

		if (!gms__map_next_run(&rc->space->map, &cursor, &pos, node->end, GMS__FIT, &run) ||
		    run.first > at) {
			broken(rc, "A1: access to a hole", at, 1, 0);
			return;
		}
		/* The hardware asks nobody. */
		reason = gms__rule_access(run.state & ~GMS_STATE_POISON,
					  gms__access_writes(access->flags));
		if (reason)
			broken(rc, "A1: access to a page that is not fit, reason", at, reason, 0);
	}
}

static void check_shard(struct recount *rc, unsigned s)
{
	struct gms__access_shard *shard = &rc->space->access->shard[s];
	uint64_t n;

	rc->n = 0;
	gms__lock(&shard->lock);
	if (!gms__itree_sound(shard->root, &n))
		broken(rc, "T1: tree of accesses, shard", s, 0, 1);
	gms__itree_visit(shard->root, 0, UINT64_MAX, check_access, rc);
	if ((uint32_t)shard->here != rc->n)
		broken(rc, "A2: accesses of a shard", s, (uint32_t)shard->here, rc->n);
	for (unsigned i = 0; i < GMS__GATES; i++) {
		if (shard->gate[i])
			broken(rc, "A2: a gate, and nobody converts; shard", s, 1, 0);
	}
	gms__unlock(&shard->lock);
}

/* Wide ones come and go, and are counted, with the last shard locked among others. */
static void check_wide(struct recount *rc)
{
	struct gms__access_books *books = rc->space->access;
	struct gms__access_shard *wide = &books->shard[GMS__WIDE_ACCESSES];

	gms__lock(&wide->lock);
	gms__itree_visit(wide->root, 0, UINT64_MAX, check_access, rc);
	for (unsigned s = 0; s < GMS__STRIPES; s++) {
		const uint64_t here = gms__load(&books->shard[s].here) >> 32;

		if (here != rc->wide[s])
			broken(rc, "A2: wide accesses at a shard", s, here, rc->wide[s]);
	}
	gms__unlock(&wide->lock);
}

/* --- Z1, Z2 ---------------------------------------------------------------- */

static void check_frost(struct recount *rc, unsigned s)
{
	struct gms__access_shard *shard = &rc->space->access->shard[s];
	struct gms__inode *node, *next;
	uint64_t n;

	gms__lock(&shard->lock);
	if (!gms__itree_sound(shard->frost.root, &n) || n != shard->frost.n)
		broken(rc, "Z1: tree of freeze counts, shard", s, shard->frost.n, n);
	node = gms__itree_first(shard->frost.root, 0, UINT64_MAX);
	for (; node && !rc->broken; node = next) {
		const struct gms__frosted *f = (const struct gms__frosted *)(void *)node;
		const struct gms__frosted *after;

		next = gms__itree_after(shard->frost.root, node, 0, UINT64_MAX);
		after = (const struct gms__frosted *)(void *)next;
		if (gms__gib_of(node->first) != gms__gib_of(node->end - 1) ||
		    gms__stripe_of(node->first) != s)
			broken(rc, "Z1: freeze count out of its GiB", node->first, node->end, 0);
		if (after && (after->node.first < node->end ||
			      (after->node.first == node->end && after->more == f->more)))
			broken(rc, "Z1: freeze counts overlap, or are one", node->first, node->end,
			       after->node.first);
		if (!f->more || f->more > GMS__FROST_MOST)
			broken(rc, "Z2: freeze count", node->first, f->more, 1);
		if (gms__map_find(&rc->space->map, node->first, node->end, GMS_STATE_FROZEN, 0) !=
		    node->end)
			broken(rc, "Z2: freeze count of a page that is not frozen", node->first,
			       f->more, 0);
	}
	gms__unlock(&shard->lock);
}

/* --- F1 to F3 --------------------------------------------------------------- */

static void check_faults(struct recount *rc)
{
	struct gms__faults *faults = &rc->space->access->faults;
	struct gms__inode *node, *next;
	uint64_t n, by_age = 0, by_weight = 0, queued = 0;

	gms__lock(&faults->lock);
	if (!gms__itree_sound(faults->by_gfn, &n) || n != faults->n)
		broken(rc, "F3: faults", 0, faults->n, n);
	if (!gms__itree_sound(faults->by_age, &by_age) ||
	    !gms__itree_sound(faults->by_weight, &by_weight) || by_age != by_weight)
		broken(rc, "F3: faults by age and by weight", 0, by_age, by_weight);
	node = gms__itree_first(faults->by_gfn, 0, UINT64_MAX);
	for (; node && !rc->broken; node = next) {
		const struct gms__faulted *f = (const struct gms__faulted *)(void *)node;
		const gms_state bit = f->reason == GMS_REASON_MISSING ? GMS_STATE_MISSING :
									GMS_STATE_WRITE_PROTECT;
		const struct gms__faulted *after;

		next = gms__itree_after(faults->by_gfn, node, 0, UINT64_MAX);
		after = (const struct gms__faulted *)(void *)next;
		if (after && after->gfns.first < node->end && after->reason == f->reason)
			broken(rc, "F1: two faults of a block", node->first, 2, 1);
		if (gms__map_find(&rc->space->map, node->first, node->end, bit, bit) == node->end)
			broken(rc, "F2: a fault that is over, reason", node->first, f->reason, 0);
		queued += f->queued;
	}
	if (!rc->broken && (queued != faults->nqueued || queued != by_age))
		broken(rc, "F3: queued faults", 0, faults->nqueued, queued);
	gms__unlock(&faults->lock);
}

bool gms__access_sound(struct gms_space *space, struct gms__fault *fault)
{
	struct recount rc = { .space = space, .fault = fault };

	if (!space->access)
		return true;
	for (unsigned s = 0; s < GMS__ACCESS_SHARDS; s++)
		check_shard(&rc, s);
	for (unsigned s = 0; s < GMS__STRIPES; s++) {
		rc.wide[s] = 0;
		check_frost(&rc, s);
	}
	check_wide(&rc);
	check_faults(&rc);
	return !rc.broken;
}

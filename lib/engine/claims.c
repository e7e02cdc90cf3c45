/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claims.c - the pins of a space: shards and trees; see claims.h.
 */
#include "engine/claims.h"

#include <errno.h>
#include <string.h>

#include "base/debug.h"

int gms__claims_init(struct gms__claims *claims, struct gms__mem *mem)
{
	_Static_assert(sizeof(struct gms__shard) == 2 * GMS__CACHE_LINE, "shards are small");
	_Static_assert(sizeof(struct gms__claim) == GMS__CACHE_LINE, "a claim is one line");
	_Static_assert(sizeof(struct gms__counts) % GMS__CACHE_LINE == 0, "blocks are aligned");
	_Static_assert(GMS__SHARDS <= UINT32_MAX >> GMS__SLOT_BITS, "ids have room for shards");
	int err = 0;

	memset(claims, 0, sizeof(*claims));
	claims->mem = mem;
	for (unsigned s = 0; !err && s < GMS__SHARDS; s++)
		err = gms__lock_init(&claims->shard[s].lock, GMS__RANK_CLAIMS, s);
	return err;
}

void gms__claims_fini(struct gms__claims *claims)
{
	for (unsigned s = 0; s < GMS__SHARDS; s++) {
		struct gms__shard *shard = &claims->shard[s];

		gms__slots_fini(&shard->slots, claims->mem);
		gms__counts_fini(shard, claims->mem);
		gms__lock_fini(&shard->lock);
	}
}

/* --- adding and removing ------------------------------------------------- */

static unsigned shard_of(gms_gfn first, gms_gfn end)
{
	if (first >> GMS_ORDER_1G != (end - 1) >> GMS_ORDER_1G)
		return GMS__WIDE_SHARD;
	return gms__stripe_of(first);
}

static void count_here(struct gms__shard *shard, uint64_t by)
{
	gms__store(&shard->here, shard->here + by);
}

/* The stripes of a wide pin are held, so their shards' counts stand still. */
static void count_wide(struct gms__claims *claims, struct gms_range range, uint64_t by)
{
	for (uint64_t set = gms__map_stripes(range); set; set &= set - 1)
		count_here(&claims->shard[__builtin_ctzll(set)], by);
}

/*
 * Age, for pins that begin at one page: a narrow pin there and a wide one hold
 * the same stripe, so the two shards can agree on the next number.
 */
static uint64_t next_serial(struct gms__claims *claims, unsigned s, gms_gfn first)
{
	uint64_t *serial = &claims->shard[gms__stripe_of(first)].serial;
	uint64_t *wide = &claims->shard[GMS__WIDE_SHARD].serial;

	if (s == GMS__WIDE_SHARD)
		*serial = *wide = gms__max(*serial, *wide) + 1;
	else
		++*serial;
	return *serial;
}

int gms__claims_add(struct gms__claims *claims, struct gms_range range, uint32_t flags,
		    gms_tag tag, gms_pin_id *id)
{
	const gms_gfn first = range.first, end = first + range.npages;
	const unsigned s = shard_of(first, end);
	struct gms__shard *shard = &claims->shard[s];
	struct gms__counts *counts = NULL;
	struct gms__claim *claim;

	gms__lock(&shard->lock);
	if (!gms__slots_ready(&shard->slots, 1, claims->mem))
		goto no_memory;
	if (s != GMS__WIDE_SHARD) {
		/* Last of what can fail: fresh counts wait for their first pin. */
		counts = gms__counts_open(shard, claims->mem, first >> GMS_ORDER_1G);
		if (!counts)
			goto no_memory;
		gms__counts_add(counts, first, end);
	} else {
		count_wide(claims, range, GMS__ONE_WIDE);
	}
	claim = gms__slots_take(&shard->slots);
	claim->tag = tag;
	claim->flags = flags;
	gms__assert(claim->flags == flags);
	claim->node.first = first;
	claim->node.end = end;
	claim->node.serial = next_serial(claims, s, first);
	gms__itree_insert(&shard->root, &claim->node);
	count_here(shard, 1);
	*id = gms__slot_id(claim, s);
	gms__unlock(&shard->lock);
	return 0;

no_memory:
	gms__unlock(&shard->lock);
	return -ENOMEM;
}

static struct gms_range range_of(const struct gms__claim *claim)
{
	return (struct gms_range){ claim->node.first, claim->node.end - claim->node.first };
}

uint64_t gms__claims_stripes(struct gms__claims *claims, gms_pin_id id)
{
	struct gms__shard *wide = &claims->shard[GMS__WIDE_SHARD];
	const unsigned s = gms__slot_shard(id);
	const struct gms__claim *claim;
	uint64_t stripes;

	if (s != GMS__WIDE_SHARD)
		return s < GMS__WIDE_SHARD ? UINT64_C(1) << s : 0;
	gms__lock(&wide->lock);
	claim = gms__slots_find(&wide->slots, id);
	stripes = claim ? gms__map_stripes(range_of(claim)) : 0;
	gms__unlock(&wide->lock);
	return stripes;
}

bool gms__claims_remove(struct gms__claims *claims, gms_pin_id id, struct gms_range *range,
			gms_tag *tag)
{
	const unsigned s = gms__slot_shard(id);
	struct gms__shard *shard = &claims->shard[s];
	struct gms__claim *claim;

	gms__lock(&shard->lock);
	claim = gms__slots_find(&shard->slots, id);
	if (claim) {
		*range = range_of(claim);
		*tag = claim->tag;
		gms__itree_remove(&shard->root, &claim->node);
		count_here(shard, -UINT64_C(1));
		if (s == GMS__WIDE_SHARD)
			count_wide(claims, *range, -GMS__ONE_WIDE);
		else
			gms__counts_sub(shard, claim->node.first, claim->node.end);
		gms__slots_give(&shard->slots, claim);
	}
	gms__unlock(&shard->lock);
	return claim;
}

/* --- asking -------------------------------------------------------------- */

/*
 * Lower *gfn to the first page of [first, end) that a pin of the shard holds.
 * Within one GiB the counts may spare the way down the tree.
 */
static void first_in(struct gms__shard *shard, bool counted, gms_gfn first, gms_gfn end,
		     gms_gfn *gfn)
{
	const struct gms__inode *node = NULL;

	gms__lock(&shard->lock);
	if (!counted || gms__counts_any(shard, first, end))
		node = gms__itree_first(shard->root, first, end);
	if (node)
		*gfn = gms__min(*gfn, gms__max(node->first, first));
	gms__unlock(&shard->lock);
}

bool gms__claims_first(struct gms__claims *claims, gms_gfn first, gms_gfn end, gms_gfn *gfn)
{
	const struct gms_range range = { first, end - first };
	const bool one_gib = shard_of(first, end) != GMS__WIDE_SHARD;
	uint64_t any = 0;
	gms_gfn lowest = end;

	/*
	 * What is zero now stays so, or becomes so for pins that do not meet the
	 * range: see who may ask.
	 */
	for (uint64_t set = gms__map_stripes(range); set; set &= set - 1) {
		struct gms__shard *shard = &claims->shard[__builtin_ctzll(set)];
		const uint64_t here = gms__load(&shard->here);

		any |= here;
		if ((uint32_t)here)
			first_in(shard, one_gib, first, end, &lowest);
	}
	if (any >= GMS__ONE_WIDE)
		first_in(&claims->shard[GMS__WIDE_SHARD], false, first, end, &lowest);
	if (lowest < end)
		*gfn = lowest;
	return lowest < end;
}

/* A walk through narrow pins that lets the wide ones in where they belong. */
struct merge {
	struct gms__inode *root;	/* of the wide ones */
	struct gms__inode *wide;	/* the next */
	gms_gfn first;
	gms_gfn end;
	void  (*visit)(struct gms__inode *node, void *ctx);
	void   *ctx;
};

static void visit_wide(struct merge *m)
{
	m->visit(m->wide, m->ctx);
	m->wide = gms__itree_after(m->root, m->wide, m->first, m->end);
}

static void visit_in_turn(struct gms__inode *narrow, void *ctx)
{
	struct merge *m = ctx;

	while (m->wide && gms__itree_before(m->wide, narrow))
		visit_wide(m);
	m->visit(narrow, m->ctx);
}

/*
 * Visit what meets [first, end) in order. All of a GiB's narrow pins are in one
 * shard and come before those of the next, so the shards take turns GiB by GiB.
 */
static void visit_all(const struct gms__claims *claims, struct gms_range range,
		      void (*visit)(struct gms__inode *node, void *ctx), void *ctx)
{
	const gms_gfn first = range.first, end = first + range.npages;
	const uint64_t stripes = gms__map_stripes(range);
	struct gms__inode *next[GMS__STRIPES];
	struct merge m = { claims->shard[GMS__WIDE_SHARD].root, NULL, first, end, visit, ctx };

	m.wide = gms__itree_first(m.root, first, end);
	for (uint64_t set = stripes; set; set &= set - 1) {
		const unsigned s = (unsigned)__builtin_ctzll(set);

		next[s] = gms__itree_first(claims->shard[s].root, first, end);
	}
	for (;;) {
		unsigned s = GMS__WIDE_SHARD;
		gms_gfn gib;

		for (uint64_t set = stripes; set; set &= set - 1) {
			const unsigned t = (unsigned)__builtin_ctzll(set);

			if (next[t] && (s == GMS__WIDE_SHARD || next[t]->first < next[s]->first))
				s = t;
		}
		if (s == GMS__WIDE_SHARD)
			break;
		gib = next[s]->first & ~(GMS__GIB_PAGES - 1);
		gms__itree_visit(claims->shard[s].root, gms__max(first, gib),
				 gms__min(end, gib + GMS__GIB_PAGES), visit_in_turn, &m);
		next[s] = gms__itree_first(claims->shard[s].root, gib + GMS__GIB_PAGES, end);
	}
	while (m.wide)
		visit_wide(&m);
}

struct list {
	struct gms_pin_info *buf;
	size_t nbuf;
	size_t found;
};

void gms__claim_info(const struct gms__inode *node, struct gms_pin_info *info)
{
	const struct gms__claim *claim = (const struct gms__claim *)node;

	info->range = range_of(claim);
	info->id = gms__slot_id(claim, shard_of(node->first, node->end));
	info->tag = claim->tag;
	info->flags = claim->flags;
	info->reserved = 0;
}

static void list_one(struct gms__inode *node, void *ctx)
{
	struct list *list = ctx;

	if (list->found < list->nbuf)
		gms__claim_info(node, &list->buf[list->found]);
	list->found++;
}

void gms__claims_visit(struct gms__claims *claims, struct gms_range range,
		       void (*visit)(struct gms__inode *node, void *ctx), void *ctx)
{
	/* All at once, and whatever here says: a list is of one moment. */
	const uint64_t shards = gms__map_stripes(range) | UINT64_C(1) << GMS__WIDE_SHARD;

	for (uint64_t set = shards; set; set &= set - 1)
		gms__lock(&claims->shard[__builtin_ctzll(set)].lock);
	visit_all(claims, range, visit, ctx);
	for (uint64_t set = shards; set; set &= set - 1)
		gms__unlock(&claims->shard[__builtin_ctzll(set)].lock);
}

size_t gms__claims_list(struct gms__claims *claims, struct gms_range range,
			struct gms_pin_info *buf, size_t nbuf)
{
	struct list list = { buf, nbuf, 0 };

	gms__claims_visit(claims, range, list_one, &list);
	return list.found;
}

void gms__claims_each(const struct gms__claims *claims,
		      void (*visit)(struct gms__inode *node, void *ctx), void *ctx)
{
	visit_all(claims, (struct gms_range){ 0, UINT64_MAX }, visit, ctx);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claims_check.c - recount the shards of the pins; labels as in claims.h.
 *
 * Locking: the caller holds all stripes, so nothing moves and no lock is taken.
 */
#include "engine/claims.h"

#include <string.h>

struct recount {
	const struct gms__claims *claims;
	struct gms__fault *fault;
	unsigned s;			/* the shard looked at */
	uint64_t wide_here[GMS__STRIPES];
	uint32_t block[GMS__CHUNK_BLOCKS];
	uint64_t npins;
};

static void broken(struct recount *rc, const char *what, gms_gfn gfn, uint64_t seen,
		   uint64_t wanted)
{
	if (!rc->fault->what)
		*rc->fault = (struct gms__fault){ what, gfn, seen, wanted };
}

static void check_claim(struct gms__inode *node, void *ctx)
{
	const struct gms__claim *claim = (const struct gms__claim *)node;
	struct recount *rc = ctx;
	const struct gms__shard *shard = &rc->claims->shard[rc->s];
	const struct gms_range range = { node->first, node->end - node->first };
	const bool wide = node->first >> GMS_ORDER_1G != (node->end - 1) >> GMS_ORDER_1G;
	const unsigned s = wide ? GMS__WIDE_SHARD : gms__stripe_of(node->first);

	if (s != rc->s)
		broken(rc, "P2: shard of a pin", node->first, rc->s, s);
	if (claim->slot >= shard->slots.n || gms__slot_at(&shard->slots, claim->slot) != claim)
		broken(rc, "P5: slot of a pin", node->first, claim->slot, shard->slots.n);
	if (!(claim->generation & 1))
		broken(rc, "P5: generation of a pin", node->first, claim->generation, 1);
	for (uint64_t set = wide ? gms__map_stripes(range) : 0; set; set &= set - 1)
		rc->wide_here[__builtin_ctzll(set)]++;
}

static void count_blocks(struct gms__inode *node, void *ctx)
{
	struct recount *rc = ctx;

	rc->npins++;
	for (unsigned b = gms__block_index(node->first); b <= gms__block_index(node->end - 1); b++)
		rc->block[b]++;
}

/* Returns the pins of the shard's GiB, which should be all of it. */
static uint64_t check_counts(struct recount *rc, const struct gms__shard *shard)
{
	uint64_t npins = 0, ngibs = 0;

	for (uint32_t i = 0; i < gms__hash_places(&shard->gibs); i++) {
		const struct gms__place *place = &shard->gibs.place[i];
		const struct gms__counts *counts = place->value;
		const gms_gfn first = place->key << GMS_ORDER_1G;

		if (!counts)
			continue;
		ngibs++;
		if (gms__counts_of(shard, place->key) != counts)
			broken(rc, "P4: place of a GiB's counts", first, i, 0);
		memset(rc->block, 0, sizeof(rc->block));
		rc->npins = 0;
		gms__itree_visit(shard->root, first, first + GMS__GIB_PAGES, count_blocks, rc);
		if (!rc->npins || counts->npins != rc->npins)
			broken(rc, "P4: pins of a GiB", first, counts->npins, rc->npins);
		for (unsigned b = 0; b < GMS__CHUNK_BLOCKS; b++) {
			if (counts->block[b] != rc->block[b])
				broken(rc, "P4: pins of a block", first + b * GMS__BLOCK_PAGES,
				       counts->block[b], rc->block[b]);
		}
		npins += rc->npins;
	}
	if (ngibs != shard->gibs.n)
		broken(rc, "P4: GiB with counts", 0, shard->gibs.n, ngibs);
	for (const struct gms__counts *idle = shard->idle; idle; idle = idle->next_idle) {
		for (unsigned b = 0; b < GMS__CHUNK_BLOCKS; b++) {
			if (idle->block[b])
				broken(rc, "P4: idle counts", 0, idle->block[b], 0);
		}
	}
	return npins;
}

bool gms__claims_sound(const struct gms__claims *claims, struct gms__fault *fault)
{
	struct recount rc = { .claims = claims, .fault = fault };

	memset(fault, 0, sizeof(*fault));
	for (rc.s = 0; rc.s < GMS__SHARDS; rc.s++) {
		const struct gms__shard *shard = &claims->shard[rc.s];
		uint64_t n, counted, seen, wanted;
		const char *what;

		/* A tree that is none is not walked further. */
		if (!gms__itree_sound(shard->root, &n)) {
			broken(&rc, "T1 to T3: the tree of a shard", 0, rc.s, n);
			return false;
		}
		gms__itree_visit(shard->root, 0, UINT64_MAX, check_claim, &rc);
		if ((uint32_t)shard->here != n)
			broken(&rc, "P3: pins of a shard", 0, (uint32_t)shard->here, n);
		counted = check_counts(&rc, shard);
		if (rc.s != GMS__WIDE_SHARD && counted != n)
			broken(&rc, "P4: pins of a shard's GiB", 0, counted, n);
		what = gms__slots_fault(&shard->slots, n, &seen, &wanted);
		if (what)
			broken(&rc, what, 0, seen, wanted);
	}
	for (unsigned s = 0; s < GMS__STRIPES; s++) {
		if (claims->shard[s].here >> 32 != rc.wide_here[s])
			broken(&rc, "P3: wide pins of a stripe", 0, claims->shard[s].here >> 32,
			       rc.wide_here[s]);
	}
	return !fault->what;
}

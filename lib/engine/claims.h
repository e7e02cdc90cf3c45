/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claims.h - the pins of a space, in shards.
 *
 * A pin inside one GiB is narrow: it lives in the shard of that GiB's stripe
 * (map/map.h). One that crosses from a GiB to the next is wide: it lives in one
 * more shard, the last. Pins of different GiB so meet in no lock and no line.
 *
 *   P1  Every page of every pin is SHARED, DIRECT_MAP and not MISSING.
 *   P2  A narrow pin is in the shard of its stripe, a wide one in the last.
 *   P3  here counts a shard's pins, and in its high half the wide pins that
 *       touch a GiB of the shard's stripe.
 *   P4  A GiB that holds narrow pins has counts: of those pins, and of how many
 *       touch each of its 2 MiB blocks. A GiB without has none.
 *   P5  A slot is in the tree (odd generation), on the free list, or worn out
 *       (slots.h).
 *
 * So "no pin here" costs one load where a stripe has none, and a few where only
 * other blocks have. Which pins meet a range, and which comes first, the trees
 * say (map/itree.h).
 *
 * An id is never used again (slots.h). Claims, counts and tables stay with
 * their shard, for the pins to come.
 *
 * Locking: who adds or removes a pin holds the stripes of its range, and within
 * them the call takes the shard's lock (rank CLAIMS, index: the shard). So who
 * holds the stripe may read all of a narrow shard, and who has the shard's lock
 * its tree and counts. Who makes pages unfit for pins holds their stripes, or
 * has seen to it in another way that no pin can come: that is what keeps P1.
 */
#ifndef GMS_ENGINE_CLAIMS_H
#define GMS_ENGINE_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/pin.h>

#include "base/atomic.h"
#include "base/debug.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/mem.h"
#include "engine/slots.h"
#include "map/map.h"

#define GMS__SHARDS	(GMS__STRIPES + 1)
#define GMS__WIDE_SHARD	GMS__STRIPES		/* the last shard */
#define GMS__ONE_WIDE	(UINT64_C(1) << 32)	/* in here */

/* How many narrow pins touch the blocks of one GiB. */
struct gms__counts {
	struct gms__counts *next_idle;
	uint64_t npins;
	char	 pad[GMS__CACHE_LINE - sizeof(void *) - sizeof(uint64_t)];
	uint32_t block[GMS__CHUNK_BLOCKS];
};

struct gms__shard {
	_Alignas(GMS__CACHE_LINE) struct gms__lock lock;
	uint64_t	     here;	/* read without a lock as a hint */
	struct gms__hash     gibs;	/* from a GiB's number to its counts */
	struct gms__inode   *root;
	struct gms__slots    slots;
	struct gms__counts  *idle;	/* counts at 0, of no GiB */
	uint64_t	     serial;	/* of a narrow shard: the stripe guards it */
};

struct gms__claims {
	struct gms__shard shard[GMS__SHARDS];
	struct gms__mem	 *mem;
};

/* claims.c */
int  gms__claims_init(struct gms__claims *claims, struct gms__mem *mem);
void gms__claims_fini(struct gms__claims *claims);
/* The caller holds the stripes of the range. */
int  gms__claims_add(struct gms__claims *claims, struct gms_range range, uint32_t flags,
		     gms_tag tag, gms_pin_id *id);
/* The stripes to hold while this pin is removed; 0: there is no such pin. */
uint64_t gms__claims_stripes(struct gms__claims *claims, gms_pin_id id);
/* The caller holds them. What it held and whose it was, or false: no such pin any more. */
bool gms__claims_remove(struct gms__claims *claims, gms_pin_id id, struct gms_range *range,
			gms_tag *tag);
/*
 * Does a pin meet [first, end)? *gfn is the lowest page that one holds. The
 * caller need not hold a stripe if no pin can come into the range otherwise.
 */
bool gms__claims_first(struct gms__claims *claims, gms_gfn first, gms_gfn end, gms_gfn *gfn);
/* Call visit for the pins that meet a range, as gms_pins_in() lists them. */
void gms__claims_visit(struct gms__claims *claims, struct gms_range range,
		       void (*visit)(struct gms__inode *node, void *ctx), void *ctx);
void gms__claim_info(const struct gms__inode *node, struct gms_pin_info *info);
/* As gms_pins_in(). */
size_t gms__claims_list(struct gms__claims *claims, struct gms_range range,
			struct gms_pin_info *buf, size_t nbuf);
/* Call visit for each pin in that order. The caller holds all stripes. */
void gms__claims_each(const struct gms__claims *claims,
		      void (*visit)(struct gms__inode *node, void *ctx), void *ctx);

/* claims_check.c: P2 to P5 and the trees, recounted. The caller holds all stripes. */
bool gms__claims_sound(const struct gms__claims *claims, struct gms__fault *fault);

/* claims_count.c: P4, for a shard whose lock the caller has */
void gms__counts_fini(struct gms__shard *shard, struct gms__mem *mem);
/* The counts of a GiB, made if there are none; NULL: no memory. */
struct gms__counts *gms__counts_open(struct gms__shard *shard, struct gms__mem *mem,
				     uint64_t gib);
/* A pin [first, end) of a GiB whose counts are open came, or went. */
void gms__counts_add(struct gms__counts *counts, gms_gfn first, gms_gfn end);
void gms__counts_sub(struct gms__shard *shard, gms_gfn first, gms_gfn end);

/* NULL: the GiB has no narrow pins. */
static inline struct gms__counts *gms__counts_of(const struct gms__shard *shard, uint64_t gib)
{
	return gms__hash_find(&shard->gibs, gib);
}

/* Does a narrow pin touch a block of [first, end), which is within one GiB? */
static inline bool gms__counts_any(const struct gms__shard *shard, gms_gfn first, gms_gfn end)
{
	const struct gms__counts *counts = gms__counts_of(shard, first >> GMS_ORDER_1G);
	const unsigned last = gms__block_index(end - 1);

	for (unsigned b = gms__block_index(first); counts && b <= last; b++) {
		if (counts->block[b])
			return true;
	}
	return false;
}

/*
 * Is it certain that no pin touches the 2 MiB blocks of [first, end)? The range
 * is within one GiB and the caller holds its stripe. Errs towards false: where
 * a pin touches another page of a block, and where the stripe has wide ones.
 */
static inline bool gms__claims_none(const struct gms__claims *claims, gms_gfn first, gms_gfn end)
{
	const struct gms__shard *shard = &claims->shard[gms__stripe_of(first)];
	const uint64_t here = gms__load_relaxed(&shard->here);

	if (gms__likely(!here))
		return true;
	return here < GMS__ONE_WIDE && !gms__counts_any(shard, first, end);
}

#endif

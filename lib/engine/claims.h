/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claims.h - the pins of a space.
 *
 *   P1  Every page of every pin is SHARED, DIRECT_MAP and not MISSING.
 *
 * A pin's id is its slot and the slot's generation, so an id is never used
 * again, and a stale one finds nothing.
 *
 * Locking: each call takes the lock (rank CLAIMS) itself. Who adds a pin also
 * holds the stripes of its range, and so does who makes pages unfit for pins:
 * that is what keeps P1.
 */
#ifndef GMS_ENGINE_CLAIMS_H
#define GMS_ENGINE_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/pin.h>

#include "base/lock.h"
#include "base/mem.h"
#include "map/itree.h"

struct gms__claim {
	struct gms__inode node;
	gms_tag	 tag;
	uint32_t flags;
	uint32_t slot;
	uint32_t generation;	/* odd: live */
	uint32_t next_free;	/* slot + 1 */
};

struct gms__claims {
	struct gms__lock   lock;
	struct gms__mem	  *mem;
	struct gms__inode *root;
	struct gms__claim **slab;	/* slot by slot, 64 a slab */
	uint32_t	   nslabs;
	uint32_t	   slab_capacity;
	uint32_t	   free;	/* slot + 1 */
	uint64_t	   serial;
	uint64_t	   n;		/* live; read without the lock as a hint */
};

int  gms__claims_init(struct gms__claims *claims, struct gms__mem *mem);
void gms__claims_fini(struct gms__claims *claims);
int  gms__claims_add(struct gms__claims *claims, struct gms_range range, uint32_t flags,
		     gms_tag tag, gms_pin_id *id);
/* The range of a pin; false: no such pin. */
bool gms__claims_range(struct gms__claims *claims, gms_pin_id id, struct gms_range *range);
bool gms__claims_remove(struct gms__claims *claims, gms_pin_id id);
/* Does a pin meet [first, end)? *gfn is the lowest page that one holds. */
bool gms__claims_first(struct gms__claims *claims, gms_gfn first, gms_gfn end, gms_gfn *gfn);
size_t gms__claims_list(struct gms__claims *claims, struct gms_range range,
			struct gms_pin_info *buf, size_t nbuf);
/* Call visit for each pin, the lock held. */
void gms__claims_each(struct gms__claims *claims,
		      void (*visit)(struct gms__inode *node, void *ctx), void *ctx);
bool gms__claims_sound(struct gms__claims *claims);

#endif

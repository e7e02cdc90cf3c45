/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - guest memory of any kind, and what it must be, page by page.
 *
 * A world knows of every page whether it is shared and has memory, and the word
 * that is in it. What it does goes to the library; lx_world_look() then asks the
 * kernel in every way it knows whether that is what the host, its devices and a
 * guest find.
 */
#ifndef LINUX_WORLD_H
#define LINUX_WORLD_H

#include "reader.h"
#include "ring.h"
#include "support.h"

#include "rand.h"

#define LX_WORLD_EDGES	128u

struct lx_world {
	struct lx_guest guest;
	struct gms_backing_info info;
	struct fx_rand rand;
	gms_state *state;	/* SHARED, POPULATED and FROZEN, of each page */
	unsigned char *nfrozen;	/* how often each page is frozen */
	uint64_t  *word;	/* first in the page */
	uint64_t  *nrevoked;	/* private or frozen pages, of each unit that is revoked whole */
	uint64_t   unit_pages;	/* 1: each page is revoked alone */
	uint64_t   next_word;
	uint64_t   edge[LX_WORLD_EDGES];	/* pages at both sides of where late ranges begin and end */
	unsigned int nedges;
#if defined(__x86_64__)
	struct lx_machine machine;
#endif
	struct lx_ring ring;
	int	  disk;		/* one page long, O_DIRECT; -1: none */
	bool	  has_machine, has_ring;
	char	 *page;		/* aligned, for O_DIRECT */

	/* What was looked at. */
	uint64_t  nreached, nrefused, nguest, nguest_missing;
};

/* Pages that each unit of a kind is made of, and of which a world has several. */
void lx_world_new(struct lx_world *world, uint32_t kind, uint32_t revoke, uint64_t seed);
void lx_world_free(struct lx_world *world);

static inline bool lx_world_can(const struct lx_world *world, uint32_t ability)
{
	return !world->info.error[ability];
}

/* Does the VMM reach this page, by what the world knows? */
bool lx_world_reach(const struct lx_world *world, uint64_t n);

/* Convert; the library must answer as the world expects. */
void lx_world_convert(struct lx_world *world, const struct gms_change *changes, size_t n,
		      uint32_t content);

/* One random step: a batch, words written, pages frozen, or a conversion that a pin stops. */
void lx_world_step(struct lx_world *world);

/* Write new words to pages that may be written, by the host or by the guest. */
void lx_world_write(struct lx_world *world, uint64_t first, uint64_t npages);

/* Ask the kernel about @n random pages, half of them where something began or ended. */
void lx_world_look(struct lx_world *world, unsigned int n);

/* Ask the kernel: 0 if page @n can be pinned so (GMS_PIN_*), or a negative errno. */
long lx_world_pin(struct lx_world *world, uint64_t n, uint32_t flags);

#endif

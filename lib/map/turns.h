/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * turns.h - when the pages of a block turned last: a book of stamps.
 *
 * Time is a count that the caller keeps, in 32 bits that wrap. A map has two such
 * books, if it keeps them: one of when pages turned shared or private, for merges
 * that are put off, and one of when they changed in any way (changes.h). Each
 * has two stamps a GiB, so that a GiB turns whole in one store, and one a 2 MiB
 * block. A region may begin with those of an earlier one: in the first book what is
 * cut later has turned later, and in the other a new region has changed.
 *
 * The last stamps of all GiB lie together, for who looks at all of them.
 *
 * Locking: writers only, but for changes.c; the caller holds the stripe, or owns the
 * GiB.
 */
#ifndef GMS_MAP_TURNS_H
#define GMS_MAP_TURNS_H

#include "map/map.h"

struct gms__turns {
	uint32_t all;		/* the GiB turned whole */
	uint32_t block[GMS__CHUNK_BLOCKS];
};

/* A book of 2^class GiB: so many of these, and behind them so many last stamps. */
static inline size_t gms__turns_bytes(uint64_t class)
{
	return (sizeof(struct gms__turns) + sizeof(uint32_t)) << class;
}

/* When some page of GiB g of these words turned. */
static inline uint32_t *gms__turns_last(const struct gms__words *words, struct gms__turns *turns,
					uint64_t g)
{
	return (uint32_t *)(void *)&turns[(size_t)1 << words->class] + g;
}

/* Pages [first, end) of a region turn now, in one of its books. */
void gms__turns_note(struct gms__turns *turns, const struct gms__region *r, gms_gfn first,
		     gms_gfn end, uint32_t now);
/* How long ago the aligned block of this order around gfn turned shared or private. */
uint32_t gms__turns_age(const struct gms__region *r, gms_gfn gfn, unsigned order, uint32_t now);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * halves.h - folios of every order: which blocks are cut in half.
 *
 * A map of a space that halves (GMS_SPLIT_HALVES) keeps two kinds of trees of
 * one bit a block, 511 of them in a cache line: node 1 is the whole, nodes 2n
 * and 2n + 1 are the halves of node n, and a bit that is set says that the block
 * is cut. The top of a GiB has the blocks of 1G down to 4M in the chunk, behind
 * its words; the tree of a 2 MiB block has those of 1M down to 8K, and is there
 * while the block is SPLIT. The roots are elsewhere: they are the SPLIT marks of
 * the GiB's word and of the block's, so that orders 18 and 9 mean what they mean
 * in every map.
 *
 *   H1  A block is cut only where all larger ones around it are, up to the
 *       region's base order; a tree of a block that is SPLIT is its own.
 *   H2  The top's bits are counted in chunk->nsplit like SPLIT blocks: a chunk
 *       with a cut in it stays.
 *
 * Readers go as through leaves (map.h), with the chunk's generation as R1: a
 * tree is filled and its address stored before its block turns SPLIT, and used
 * anew after the mark is gone and the generation raised (W2). A folio that is
 * cut to much smaller ones goes through every order, each of which a reader may
 * see: they tile the region at any moment.
 *
 * Locking: the caller holds the stripe, or owns the GiB; readers nothing.
 */
#ifndef GMS_MAP_HALVES_H
#define GMS_MAP_HALVES_H

#include "map/map.h"

#define GMS__TREE_WORDS		8u

/* Behind each chunk of such a map. */
struct gms__halves {
	uint64_t top[GMS__TREE_WORDS];
	uint64_t tree[GMS__CHUNK_BLOCKS];	/* addresses; of SPLIT blocks */
};

static inline struct gms__halves *gms__halves_of(struct gms__chunk *chunk)
{
	return (struct gms__halves *)(void *)(chunk + 1);
}

/* Of an order that is neither 9 nor 18, in a GiB with a chunk. */
bool gms__halves_is_cut(struct gms__chunk *chunk, gms_gfn gfn, unsigned order);
void gms__halves_cut(struct gms__chunk *chunk, gms_gfn gfn, unsigned order, bool cut);

/* A chunk that nobody sees yet: nothing is cut. */
void gms__halves_clear(struct gms__chunk *chunk);
/* A block will be SPLIT: its tree comes from the hand. */
void gms__halves_open(struct gms__chunk *chunk, unsigned block, struct gms__tables *tables);
/* It is not SPLIT any more, and the generation is raised: the tree goes there. */
void gms__halves_close(struct gms__chunk *chunk, unsigned block, struct gms__tables *tables);

/* For readers: the region and the order of the folio around gfn; false: a hole. */
bool gms__halves_folio(const struct gms__map *map, gms_gfn gfn, struct gms__region *row,
		       unsigned *order);

#endif

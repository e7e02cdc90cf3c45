/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * itree.h - ranges that may overlap: which of them meet this one?
 *
 * A treap by (first, serial), each node knowing the largest end below it.
 *
 *   T1  In order, (first, serial) ascends; serials are unique.
 *   T2  A parent's priority is not below its children's.
 *   T3  max_end is the largest end in the node's subtree.
 *
 * The priorities come from the serial and from where the node is in memory, and are
 * worked out rather than kept, so that a node stays small. A guest may choose the
 * ranges, and know the serials: it does not know the addresses. So it does not
 * choose the shape, and depth is O(log n) in expectation.
 *
 * Locking: the caller's.
 */
#ifndef GMS_MAP_ITREE_H
#define GMS_MAP_ITREE_H

#include <stdbool.h>
#include <stdint.h>

struct gms__inode {
	struct gms__inode *left;
	struct gms__inode *right;
	uint64_t first;
	uint64_t end;
	uint64_t max_end;
	uint64_t serial;
};

static inline bool gms__itree_before(const struct gms__inode *a, const struct gms__inode *b)
{
	return a->first < b->first || (a->first == b->first && a->serial < b->serial);
}

/* first, end and serial are set by the caller. */
void gms__itree_insert(struct gms__inode **root, struct gms__inode *node);
void gms__itree_remove(struct gms__inode **root, struct gms__inode *node);

/* The first node, in order, that meets [first, end); NULL: none. */
struct gms__inode *gms__itree_first(struct gms__inode *root, uint64_t first, uint64_t end);

/* The next one that meets [first, end) after a node of this tree or another. */
struct gms__inode *gms__itree_after(struct gms__inode *root, const struct gms__inode *node,
				    uint64_t first, uint64_t end);

/* The first of them, in order, that the test is true of; NULL: none. */
struct gms__inode *gms__itree_find(struct gms__inode *root, uint64_t first, uint64_t end,
				   bool (*test)(const struct gms__inode *node, void *ctx),
				   void *ctx);

/* Call visit for every node that meets [first, end), in order. */
void gms__itree_visit(struct gms__inode *root, uint64_t first, uint64_t end,
		      void (*visit)(struct gms__inode *node, void *ctx), void *ctx);

/* T1 to T3 hold; *n is the number of nodes. */
bool gms__itree_sound(const struct gms__inode *root, uint64_t *n);

#endif

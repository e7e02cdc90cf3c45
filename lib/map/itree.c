/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * itree.c - ranges that may overlap; see itree.h.
 *
 * Plain recursion: the depth is logarithmic, and both the split of an insert
 * and the join of a remove then fit on a screen.
 */
#include "map/itree.h"

#include <stddef.h>

static uint64_t mix(uint64_t x)	/* splitmix64's finaliser */
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static bool before(const struct gms__inode *a, const struct gms__inode *b)
{
	return a->first < b->first || (a->first == b->first && a->serial < b->serial);
}

static struct gms__inode *pull(struct gms__inode *node)
{
	node->max_end = node->end;
	if (node->left && node->left->max_end > node->max_end)
		node->max_end = node->left->max_end;
	if (node->right && node->right->max_end > node->max_end)
		node->max_end = node->right->max_end;
	return node;
}

/* Cut a tree into what comes before key and what does not. */
static void cut(struct gms__inode *tree, const struct gms__inode *key, struct gms__inode **lower,
		struct gms__inode **upper)
{
	if (!tree) {
		*lower = *upper = NULL;
	} else if (before(tree, key)) {
		cut(tree->right, key, &tree->right, upper);
		*lower = pull(tree);
	} else {
		cut(tree->left, key, lower, &tree->left);
		*upper = pull(tree);
	}
}

/* All of lower comes before all of upper. */
static struct gms__inode *join(struct gms__inode *lower, struct gms__inode *upper)
{
	if (!lower || !upper)
		return lower ? lower : upper;
	if (lower->priority >= upper->priority) {
		lower->right = join(lower->right, upper);
		return pull(lower);
	}
	upper->left = join(lower, upper->left);
	return pull(upper);
}

static struct gms__inode *insert(struct gms__inode *tree, struct gms__inode *node)
{
	if (!tree || node->priority > tree->priority) {
		cut(tree, node, &node->left, &node->right);
		return pull(node);
	}
	if (before(node, tree))
		tree->left = insert(tree->left, node);
	else
		tree->right = insert(tree->right, node);
	return pull(tree);
}

static struct gms__inode *drop(struct gms__inode *tree, const struct gms__inode *node)
{
	if (tree == node)
		return join(tree->left, tree->right);
	if (before(node, tree))
		tree->left = drop(tree->left, node);
	else
		tree->right = drop(tree->right, node);
	return pull(tree);
}

void gms__itree_insert(struct gms__inode **root, struct gms__inode *node)
{
	node->priority = mix(node->serial);
	*root = insert(*root, node);
}

void gms__itree_remove(struct gms__inode **root, struct gms__inode *node)
{
	*root = drop(*root, node);
}

struct gms__inode *gms__itree_first(struct gms__inode *root, uint64_t first, uint64_t end)
{
	while (root && root->max_end > first) {
		if (root->left && root->left->max_end > first) {
			/*
			 * Something on the left ends late enough. If none of it
			 * begins early enough, nothing further right does.
			 */
			root = root->left;
		} else if (root->first >= end) {
			return NULL;
		} else if (root->end > first) {
			return root;
		} else {
			root = root->right;
		}
	}
	return NULL;
}

void gms__itree_visit(struct gms__inode *root, uint64_t first, uint64_t end,
		      void (*visit)(struct gms__inode *node, void *ctx), void *ctx)
{
	if (!root || root->max_end <= first)
		return;
	gms__itree_visit(root->left, first, end, visit, ctx);
	if (root->first >= end)
		return;
	if (root->end > first)
		visit(root, ctx);
	gms__itree_visit(root->right, first, end, visit, ctx);
}

static bool sound(const struct gms__inode *node, const struct gms__inode **last, uint64_t *n)
{
	uint64_t max_end;

	if (!node)
		return true;
	if (!sound(node->left, last, n) || (*last && !before(*last, node)))
		return false;
	*last = node;
	++*n;
	if (!sound(node->right, last, n))
		return false;
	max_end = node->end;
	if (node->left && node->left->max_end > max_end)
		max_end = node->left->max_end;
	if (node->right && node->right->max_end > max_end)
		max_end = node->right->max_end;
	return node->max_end == max_end &&
	       (!node->left || node->left->priority <= node->priority) &&
	       (!node->right || node->right->priority <= node->priority);
}

bool gms__itree_sound(const struct gms__inode *root, uint64_t *n)
{
	const struct gms__inode *last = NULL;

	*n = 0;
	return sound(root, &last, n);
}

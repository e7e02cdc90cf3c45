/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * itree.c - ranges that may overlap; see itree.h.
 *
 * Recursion where two sides are sewn together: the depth is logarithmic, and
 * both the cut of an insert and the join of a remove then fit on a screen.
 */
#include "map/itree.h"

#include <stddef.h>

/* splitmix64's finaliser, which sends different serials to different numbers. */
static uint64_t priority(const struct gms__inode *node)
{
	uint64_t x = node->serial ^ (uint64_t)(uintptr_t)node * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
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
	} else if (gms__itree_before(tree, key)) {
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
	if (priority(lower) >= priority(upper)) {
		lower->right = join(lower->right, upper);
		return pull(lower);
	}
	upper->left = join(lower, upper->left);
	return pull(upper);
}

static struct gms__inode *drop(struct gms__inode *tree, const struct gms__inode *node)
{
	if (tree == node)
		return join(tree->left, tree->right);
	if (gms__itree_before(node, tree))
		tree->left = drop(tree->left, node);
	else
		tree->right = drop(tree->right, node);
	/* What ends later than the node still does: no need to look at both sides. */
	return tree->max_end == node->end ? pull(tree) : tree;
}

void gms__itree_insert(struct gms__inode **root, struct gms__inode *node)
{
	const uint64_t height = priority(node);
	struct gms__inode **link = root;

	while (*link && priority(*link) >= height) {
		if ((*link)->max_end < node->end)
			(*link)->max_end = node->end;
		link = gms__itree_before(node, *link) ? &(*link)->left : &(*link)->right;
	}
	cut(*link, node, &node->left, &node->right);
	*link = pull(node);
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

struct gms__inode *gms__itree_after(struct gms__inode *root, const struct gms__inode *node,
				    uint64_t first, uint64_t end)
{
	while (root && root->max_end > first) {
		struct gms__inode *left;

		if (!gms__itree_before(node, root)) {
			root = root->right;
			continue;
		}
		/* Left of root the search may fail, but along node's path only. */
		left = gms__itree_after(root->left, node, first, end);
		if (left || root->first >= end)
			return left;
		if (root->end > first)
			return root;
		return gms__itree_first(root->right, first, end);
	}
	return NULL;
}

struct gms__inode *gms__itree_find(struct gms__inode *root, uint64_t first, uint64_t end,
				   bool (*test)(const struct gms__inode *node, void *ctx),
				   void *ctx)
{
	while (root && root->max_end > first) {
		struct gms__inode *left = gms__itree_find(root->left, first, end, test, ctx);

		if (left || root->first >= end)
			return left;
		if (root->end > first && test(root, ctx))
			return root;
		root = root->right;
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
	if (!sound(node->left, last, n) || (*last && !gms__itree_before(*last, node)))
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
	       (!node->left || priority(node->left) <= priority(node)) &&
	       (!node->right || priority(node->right) <= priority(node));
}

bool gms__itree_sound(const struct gms__inode *root, uint64_t *n)
{
	const struct gms__inode *last = NULL;

	*n = 0;
	return sound(root, &last, n);
}

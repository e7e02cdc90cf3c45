/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rbtree.c - runs in Linux' interval tree, an augmented red-black tree.
 *
 * The tree holds the runs whose value is not 0; they do not overlap, and
 * neighbours with equal values are one.
 */
#include "shared.h"
#include <stdlib.h>
#include <linux/slab.h>
#include <linux/rbtree.h>
#include <linux/rbtree_augmented.h>

#define EXPORT_SYMBOL_GPL(x)
#include "tools/lib/rbtree.c"
#include "lib/interval_tree.c"

#include "peer.h"
#include "shim.h"

struct run {
	struct interval_tree_node node;
	unsigned value;
};

static struct kmem_cache *run_cache;

static void *create(uint64_t npages)
{
	struct rb_root_cached *root = calloc(1, sizeof(*root));

	if (!run_cache)
		run_cache = kmem_cache_create("run", sizeof(struct run), 0, 0, NULL);
	return root;
}

static struct run *first_run(void *map, uint64_t first, uint64_t last)
{
	struct interval_tree_node *node = interval_tree_iter_first(map, first, last);

	return node ? container_of(node, struct run, node) : NULL;
}

static struct run *after(const struct run *run)
{
	struct rb_node *rb = rb_next(&run->node.rb);

	return rb ? container_of(rb, struct run, node.rb) : NULL;
}

static void insert(void *map, uint64_t first, uint64_t last, unsigned value)
{
	struct run *run = kmem_cache_alloc(run_cache, GFP_KERNEL);

	run->node.start = first;
	run->node.last = last;
	run->value = value;
	interval_tree_insert(&run->node, map);
}

static void drop(void *map, struct run *run)
{
	interval_tree_remove(&run->node, map);
	kmem_cache_free(run_cache, run);
}

static void destroy(void *map)
{
	struct rb_root_cached *root = map;
	struct rb_node *rb;

	while ((rb = rb_first_cached(root)))
		drop(map, container_of(rb, struct run, node.rb));
	free(root);
}

static unsigned get(void *map, uint64_t page)
{
	const struct run *run = first_run(map, page, page);

	return run ? run->value : 0;
}

static void assign(void *map, uint64_t first, uint64_t end, unsigned value)
{
	uint64_t last = end - 1;
	struct run *run, *following;

	/* From the run that ends right before the range to the one that begins right after. */
	for (run = first_run(map, first ? first - 1 : 0, last + 1);
	     run && run->node.start <= last + 1; run = following) {
		const uint64_t lo = run->node.start, hi = run->node.last;
		const unsigned old = run->value;

		following = after(run);
		if (old == value) {
			if (lo <= first && hi >= last)
				return;
			drop(map, run);
			first = min(first, lo);
			last = max(last, hi);
		} else if (lo <= last && hi >= first) {
			drop(map, run);
			if (lo < first)
				insert(map, lo, first - 1, old);
			if (hi > last)
				insert(map, last + 1, hi, old);
		}
	}
	if (value)
		insert(map, first, last, value);
}

static bool next_run(void *map, uint64_t *pos, uint64_t end, uint64_t *lo, uint64_t *hi,
		     const struct run **at)
{
	const struct run *run = *at ? after(*at) : first_run(map, *pos, end - 1);

	while (run && !(run->value & 1))
		run = after(run);
	if (!run || run->node.start >= end)
		return false;
	*lo = max((uint64_t)run->node.start, *pos);
	*hi = run->node.last + 1;
	for (*at = run; (run = after(run)) && run->node.start == *hi && run->value & 1; *at = run)
		*hi = run->node.last + 1;
	*hi = min(*hi, end);
	*pos = *hi;
	return true;
}

static uint64_t next(void *map, uint64_t first, uint64_t end)
{
	const struct run *at = NULL;
	uint64_t lo, hi;

	return next_run(map, &first, end, &lo, &hi, &at) ? lo : end;
}

static int uniform(void *map, uint64_t first, uint64_t end)
{
	const struct run *at = NULL;
	uint64_t pos = first, lo, hi;

	if (!next_run(map, &pos, end, &lo, &hi, &at))
		return 0;
	return lo == first && hi == end ? 1 : -1;
}

static void runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	const struct run *at = NULL;
	uint64_t lo, hi;

	while (next_run(map, &first, end, &lo, &hi, &at))
		fn(arg, lo, hi);
}

static uint64_t count(void *map, uint64_t first, uint64_t end)
{
	const struct run *at = NULL;
	uint64_t lo, hi, n = 0;

	while (next_run(map, &first, end, &lo, &hi, &at))
		n += hi - lo;
	return n;
}

static uint64_t bytes(void *map)
{
	return sizeof(struct rb_root_cached) + shim_live_bytes(run_cache);
}

const struct peer peer_rbtree = {
	.name = "rbtree", .attrs = PEER_FOUR_ATTRS, .flags = PEER_NO_TOUCH,
	.create = create, .destroy = destroy, .get = get, .set = assign, .uniform = uniform,
	.next = next, .runs = runs, .count = count, .bytes = bytes
};

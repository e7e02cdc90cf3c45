/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maple.c - runs in Linux' maple tree.
 *
 * The tree holds the runs whose value is not 0. It joins empty ranges by
 * itself and others not at all, so a store looks at both neighbours first.
 */
#include "shared.h"
#include <stdlib.h>
#include <linux/init.h>

#include "shim.h"
#undef call_rcu
#define call_rcu shim_call_rcu
#include "lib/maple_tree.c"

#include "peer.h"

static struct maple_tree *tree_new(unsigned flags)
{
	static bool once;
	struct maple_tree *tree = malloc(sizeof(*tree));

	if (!once)
		maple_tree_init();
	once = true;
	mt_init_flags(tree, flags);
	return tree;
}

static void *create(uint64_t npages)
{
	return tree_new(0);
}

static void *create_mt(uint64_t npages)
{
	return tree_new(MT_FLAGS_USE_RCU);
}

static void destroy(void *map)
{
	shim_quiesce(true);
	shim_readers = false;
	mt_clear_in_rcu(map);	/* no reader is left: free it at once */
	mtree_destroy(map);
	free(map);
}

static unsigned entry_value(const void *entry)
{
	return entry ? (unsigned)xa_to_value(entry) : 0;
}

static unsigned get(void *map, uint64_t page)
{
	return entry_value(mtree_load(map, page));
}

static void assign(void *map, uint64_t first, uint64_t end, unsigned value)
{
	void *entry = value ? xa_mk_value(value) : NULL;
	unsigned long last = end - 1;
	MA_STATE(mas, map, first, first);

	shim_readers = mt_in_rcu(map);
	mas_lock(&mas);
	if (entry && first) {
		mas_set(&mas, first - 1);
		if (mas_walk(&mas) == entry)
			first = mas.index;
	}
	if (entry) {
		mas_set(&mas, end);
		if (mas_walk(&mas) == entry)
			last = mas.last;
	}
	mas_set_range(&mas, first, last);
	if (mas_store_gfp(&mas, entry, GFP_KERNEL))
		abort();
	mas_unlock(&mas);
	if (shim_readers)
		shim_quiesce(false);
}

/* Shared runs of [first, end), each as fn says; fn returns whether to go on. */
static void each(void *map, uint64_t first, uint64_t end, bool (*fn)(void *, uint64_t, uint64_t),
		 void *arg)
{
	uint64_t lo = 0, hi = 0;
	void *entry;
	MA_STATE(mas, map, first, first);

	rcu_read_lock();
	mas_for_each(&mas, entry, end - 1) {
		const uint64_t from = max(mas.index, first), to = min(mas.last + 1, end);

		if (!(entry_value(entry) & 1))
			continue;
		if (hi > lo && from == hi) {
			hi = to;
			continue;
		}
		if (hi > lo && !fn(arg, lo, hi))
			goto out;
		lo = from;
		hi = to;
	}
	if (hi > lo)
		fn(arg, lo, hi);
out:
	rcu_read_unlock();
}

static uint64_t next(void *map, uint64_t first, uint64_t end)
{
	unsigned long at = first;
	void *entry;

	while ((entry = mt_find(map, &at, end - 1))) {
		if (entry_value(entry) & 1) {
			MA_STATE(mas, map, at - 1, at - 1);

			/* mt_find() moved at behind the entry. */
			rcu_read_lock();
			mas_walk(&mas);
			rcu_read_unlock();
			return max(mas.index, first);
		}
	}
	return end;
}

struct call {
	run_fn *fn;
	void   *arg;
};

static bool call(void *arg, uint64_t lo, uint64_t hi)
{
	struct call *c = arg;

	c->fn(c->arg, lo, hi);
	return true;
}

static void runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	struct call c = { fn, arg };

	each(map, first, end, call, &c);
}

static bool add(void *arg, uint64_t lo, uint64_t hi)
{
	*(uint64_t *)arg += hi - lo;
	return true;
}

static uint64_t count(void *map, uint64_t first, uint64_t end)
{
	uint64_t n = 0;

	each(map, first, end, add, &n);
	return n;
}

static int uniform(void *map, uint64_t first, uint64_t end)
{
	const unsigned shared = get(map, first) & 1;
	uint64_t at = first;
	MA_STATE(mas, map, first, first);

	rcu_read_lock();
	while (at < end && (entry_value(mas_walk(&mas)) & 1) == shared) {
		at = mas.last + 1;
		if (!at)
			at = end;
		mas_set(&mas, at);
	}
	rcu_read_unlock();
	return at >= end ? (int)shared : -1;
}

static uint64_t bytes(void *map)
{
	return sizeof(struct maple_tree) + shim_live_bytes(maple_node_cache);
}

const struct peer peer_maple = {
	.name = "maple", .attrs = PEER_FOUR_ATTRS, .flags = PEER_NO_TOUCH,
	.create = create, .destroy = destroy, .get = get, .set = assign, .uniform = uniform,
	.next = next, .runs = runs, .count = count, .bytes = bytes,
	.create_mt = create_mt, .get_mt = get, .set_mt = assign,
	.thread_begin = shim_thread_begin, .thread_end = shim_thread_end
};

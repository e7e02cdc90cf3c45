/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xarray.c - Linux' xarray as KVM keeps memory attributes in it.
 *
 * An entry a page, none where no attribute is set: in KVM's terms the attribute
 * is "private", so a shared page has no entry. A range is reserved page by page
 * and then stored page by page, as kvm_vm_set_mem_attributes() does.
 */
#include "shared.h"
#include <stdlib.h>
#include <linux/xarray.h>

#include "shim.h"
#undef call_rcu
#define call_rcu shim_call_rcu
#include "lib/xarray.c"

#include "peer.h"

struct kmem_cache *radix_tree_node_cachep;

void radix_tree_node_rcu_free(struct rcu_head *head)
{
	struct xa_node *node = container_of(head, struct xa_node, rcu_head);

	kmem_cache_free(radix_tree_node_cachep, node);
}

static void node_ctor(void *mem)
{
	struct xa_node *node = mem;

	memset(node, 0, sizeof(*node));
	INIT_LIST_HEAD(&node->private_list);
}

struct map {
	struct xarray xa;
	bool	      readers;	/* beside the writer */
};

static void set(void *map, uint64_t first, uint64_t end, unsigned value)
{
	struct map *m = map;
	void *entry = value == 1 ? NULL : xa_mk_value(value ^ 1);

	shim_readers = m->readers;
	for (uint64_t page = first; page < end; page++) {
		if (xa_reserve(&m->xa, page, GFP_KERNEL_ACCOUNT))
			abort();
	}
	for (uint64_t page = first; page < end; page++) {
		if (xa_err(xa_store(&m->xa, page, entry, GFP_KERNEL_ACCOUNT)))
			abort();
	}
	if (shim_readers)
		shim_quiesce(false);
}

static struct map *map_new(uint64_t npages, bool readers)
{
	struct map *m = malloc(sizeof(*m));

	if (!radix_tree_node_cachep)
		radix_tree_node_cachep = kmem_cache_create("radix_tree_node",
							   sizeof(struct xa_node), 0, 0,
							   node_ctor);
	xa_init(&m->xa);
	m->readers = readers;
	set(m, 0, npages, 0);
	return m;
}

static void *create(uint64_t npages)
{
	return map_new(npages, false);
}

static void *create_mt(uint64_t npages)
{
	return map_new(npages, true);
}

static void destroy(void *map)
{
	shim_quiesce(true);
	shim_readers = false;	/* none is left */
	xa_destroy(&((struct map *)map)->xa);
	free(map);
}

static unsigned entry_value(const void *entry)
{
	return (entry ? (unsigned)xa_to_value(entry) : 0) ^ 1;
}

static unsigned get(void *map, uint64_t page)
{
	return entry_value(xa_load(&((struct map *)map)->xa, page));
}

/* The first page of [first, end) whose shared bit is so, else end. */
static uint64_t find(struct map *m, uint64_t first, uint64_t end, unsigned shared)
{
	XA_STATE(xas, &m->xa, first);
	uint64_t page;

	rcu_read_lock();
	for (page = first; page < end; page++) {
		void *entry;

		do {
			entry = page == first ? xas_load(&xas) : xas_next(&xas);
		} while (xas_retry(&xas, entry));
		if ((entry_value(entry) & 1) == shared)
			break;
	}
	rcu_read_unlock();
	return page;
}

static uint64_t next(void *map, uint64_t first, uint64_t end)
{
	return find(map, first, end, 1);
}

static int uniform(void *map, uint64_t first, uint64_t end)
{
	const unsigned shared = get(map, first) & 1;

	return find(map, first, end, !shared) == end ? (int)shared : -1;
}

static void runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	while ((first = find(map, first, end, 1)) < end) {
		const uint64_t stop = find(map, first, end, 0);

		fn(arg, first, stop);
		first = stop;
	}
}

static uint64_t count(void *map, uint64_t first, uint64_t end)
{
	XA_STATE(xas, &((struct map *)map)->xa, first);
	uint64_t n = 0;

	rcu_read_lock();
	for (uint64_t page = first; page < end; page++) {
		void *entry;

		do {
			entry = page == first ? xas_load(&xas) : xas_next(&xas);
		} while (xas_retry(&xas, entry));
		n += entry_value(entry) & 1;
	}
	rcu_read_unlock();
	return n;
}

static uint64_t bytes(void *map)
{
	return sizeof(struct map) + shim_live_bytes(radix_tree_node_cachep);
}

const struct peer peer_xarray = {
	.name = "xarray", .attrs = PEER_FOUR_ATTRS, .flags = PEER_NO_TOUCH,
	.max_pages = UINT64_C(1) << 24,
	.create = create, .destroy = destroy, .get = get, .set = set, .uniform = uniform,
	.next = next, .runs = runs, .count = count, .bytes = bytes,
	.create_mt = create_mt, .get_mt = get, .set_mt = set,
	.thread_begin = shim_thread_begin, .thread_end = shim_thread_end
};

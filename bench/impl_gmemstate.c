/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_gmemstate.c - this library, whole public calls.
 *
 * A conversion here checks its arguments, takes the locks, looks for pins and
 * frozen pages, keeps the counts and the ledger. Variants: folios of 4K
 * (nothing to split), of 2M and of 1G (split and merged as they become mixed),
 * 4K with many live pins elsewhere, so that the pin check has a tree to look
 * through, and 4K with what conversions have to tell: a backend that only counts, a
 * listener that takes every span, or both, where a batch is a struct gms_batch that
 * is filled and committed again and again.
 */
#include <errno.h>

#include "peer.h"
#include "values.h"

#define BATCH_MOST	512u
#define NPINS		65536u
#define PIN_STRIDE	16u

static struct gms_range range_of(uint64_t first, uint64_t end)
{
	return (struct gms_range){ first, end - first };
}

static struct gms_space *space_new(uint64_t npages, uint32_t order,
				   const struct gms_backend *backend)
{
	struct gms_region_opts region;
	struct gms_space *space;

	must(gms_space_new(&space, NULL), "gms_space_new");
	GMS_INIT(&region);
	region.npages = npages;
	region.base_order = order;
	region.backend = backend;
	must(gms_region_add(space, &region, NULL), "gms_region_add");
	return space;
}

static void *create_4k(uint64_t npages)
{
	return space_new(npages, GMS_ORDER_4K, NULL);
}

static void *create_2m(uint64_t npages)
{
	return space_new(npages, GMS_ORDER_2M, NULL);
}

static void *create_1g(uint64_t npages)
{
	return space_new(npages, GMS_ORDER_1G, NULL);
}

static void *create_pins(uint64_t npages)
{
	struct gms_space *space = space_new(npages, GMS_ORDER_4K, NULL);
	struct gms_region_opts region;
	gms_pin_id id;

	GMS_INIT(&region);
	region.first = 2 * npages;
	region.npages = (uint64_t)NPINS * PIN_STRIDE;
	region.state = GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP;
	must(gms_region_add(space, &region, NULL), "gms_region_add");
	for (unsigned i = 0; i < NPINS; i++)
		must(gms_pin(space, (struct gms_range){ region.first + i * PIN_STRIDE, 8 },
			     0, 0, &id, NULL), "gms_pin");
	return space;
}

static void destroy(void *map)
{
	gms_space_free(map);
}

/* --- A backend that only counts, a listener that takes everything --- */

static struct {
	uint64_t calls;
	uint64_t runs;
	uint64_t flushes;
	uint64_t conversions;	/* that the listener heard of */
} host;

static struct gms_batch *kept_batch;	/* of the one space with both */

static int count_runs(void *ctx, const struct gms_host_run *run, size_t nruns, size_t *ndone,
		      struct gms_charge *charge)
{
	(void)ctx;
	(void)run;
	(void)charge;
	host.calls++;
	host.runs += nruns;
	*ndone = nruns;
	return 0;
}

static void count_flush(void *ctx, struct gms_charge *charge)
{
	(void)ctx;
	(void)charge;
	host.flushes++;
}

/* Two writers may do so at once: it counts nothing. */
static int take_spans(void *ctx, const struct gms_host_run *span, size_t nspans, size_t *ndone,
		      struct gms_charge *charge)
{
	(void)ctx;
	(void)span;
	(void)charge;
	*ndone = nspans;
	return 0;
}

static void count_begin(void *ctx)
{
	(void)ctx;
	host.conversions++;
}

static void *create_backend(uint64_t npages)
{
	struct gms_backend backend;

	GMS_INIT(&backend);
	backend.unmap_host = count_runs;
	backend.map_host = count_runs;
	backend.flush = count_flush;
	return space_new(npages, GMS_ORDER_4K, &backend);
}

static void add_listener(struct gms_space *space, void (*begin)(void *ctx))
{
	struct gms_listener listener;
	uint32_t id;

	GMS_INIT(&listener);
	listener.mask = GMS_STATE_SHARED;
	listener.value = GMS_STATE_SHARED;
	listener.begin = begin;
	listener.revoke = take_spans;
	listener.commit = take_spans;
	must(gms_listener_add(space, &listener, &id), "gms_listener_add");
}

static void *create_listener(uint64_t npages)
{
	struct gms_space *space = space_new(npages, GMS_ORDER_4K, NULL);

	add_listener(space, NULL);
	return space;
}

static void *create_both(uint64_t npages)
{
	struct gms_space *space = create_backend(npages);

	add_listener(space, count_begin);
	must(gms_batch_new(&kept_batch, space, BATCH_MOST), "gms_batch_new");
	return space;
}

static void destroy_both(void *map)
{
	gms_batch_free(kept_batch);
	gms_space_free(map);
}

/* --- Calls --- */

static unsigned get(void *map, uint64_t page)
{
	return gms_state_at(map, page);
}

static void set(void *map, uint64_t first, uint64_t end, unsigned shared)
{
	if (shared)
		must(gms_share(map, range_of(first, end), NULL), "gms_share");
	else
		must(gms_unshare(map, range_of(first, end), NULL), "gms_unshare");
}

static void assign(void *map, uint64_t first, uint64_t end, unsigned value)
{
	const gms_state state = state_of(value);
	const struct gms_change change = { range_of(first, end), state, VALUE_ALL & ~state };

	must(gms_convert(map, &change, 1, NULL, NULL), "gms_convert");
}

static int uniform(void *map, uint64_t first, uint64_t end)
{
	bool same;

	must(gms_uniform(map, range_of(first, end), GMS_STATE_SHARED, &same), "gms_uniform");
	return same ? (int)(gms_state_at(map, first) & GMS_STATE_SHARED) : -1;
}

static uint64_t next(void *map, uint64_t first, uint64_t end)
{
	gms_gfn gfn;

	if (gms_find(map, range_of(first, end), GMS_STATE_SHARED, GMS_STATE_SHARED, &gfn))
		return end;
	return gfn;
}

static void runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	struct gms_iter it;
	struct gms_run run;

	must(gms_iter_init_match(&it, map, range_of(first, end), GMS_STATE_SHARED,
				 GMS_STATE_SHARED), "gms_iter_init_match");
	while (gms_iter_next(&it, &run))
		fn(arg, run.first, run.first + run.npages);
}

static uint64_t count(void *map, uint64_t first, uint64_t end)
{
	uint64_t npages;

	must(gms_count(map, range_of(first, end), GMS_STATE_SHARED, GMS_STATE_SHARED, &npages),
	     "gms_count");
	return npages;
}

static void bitmap(void *map, uint64_t first, uint64_t end, uint64_t *bits)
{
	must(gms_bitmap_export(map, range_of(first, end), GMS_STATE_SHARED, GMS_STATE_SHARED, 0,
			       bits), "gms_bitmap_export");
}

static struct gms_change change_of(uint64_t page, unsigned shared)
{
	return (struct gms_change){ { page, 1 }, shared ? GMS_STATE_SHARED : 0,
				    shared ? 0 : GMS_STATE_SHARED };
}

static void batch(void *map, const uint64_t *pages, size_t n, unsigned shared)
{
	struct gms_change change[BATCH_MOST];

	while (n) {
		const size_t some = n < BATCH_MOST ? n : BATCH_MOST;

		for (size_t i = 0; i < some; i++)
			change[i] = change_of(pages[i], shared);
		must(gms_convert(map, change, some, NULL, NULL), "gms_convert");
		pages += some;
		n -= some;
	}
}

/*
 * What a batch costs is told only if it is one commit: one call of the backend with
 * every run, one flush, one conversion for the listener; or nothing to do.
 */
static void batch_both(void *map, const uint64_t *pages, size_t n, unsigned shared)
{
	(void)map;
	while (n) {
		const size_t some = n < BATCH_MOST ? n : BATCH_MOST;
		const uint64_t runs = host.runs, calls = host.calls, flushes = host.flushes;
		const uint64_t conversions = host.conversions;
		uint64_t changed;

		gms_batch_clear(kept_batch);
		for (size_t i = 0; i < some; i++) {
			const struct gms_change change = change_of(pages[i], shared);

			must(gms_batch_add(kept_batch, &change), "gms_batch_add");
		}
		must(gms_batch_commit(kept_batch, NULL, NULL), "gms_batch_commit");
		changed = host.runs != runs;
		if (host.calls - calls != changed || host.flushes - flushes != changed ||
		    host.conversions - conversions != changed)
			must(-EIO, "a batch with a listener and a backend: one commit");
		pages += some;
		n -= some;
	}
}

static uint64_t lend(void *map, uint64_t page)
{
	gms_loan_id id;

	must(gms_lend(map, page * GMS_PAGE_SIZE, GMS_PAGE_SIZE, GMS_LEND_BOTH, 0, &id, NULL),
	     "gms_lend");
	return id;
}

static void unlend(void *map, uint64_t loan)
{
	must(gms_return(map, loan, NULL), "gms_return");
}

static struct gms_acct account(void *map)
{
	struct gms_acct acct;

	GMS_INIT(&acct);
	must(gms_acct_read(map, &acct), "gms_acct_read");
	return acct;
}

static uint64_t bytes(void *map)
{
	return account(map).metadata_bytes;
}

static uint64_t used_bytes(void *map)
{
	return account(map).metadata_used_bytes;
}

#define CALLS										\
	.attrs = PEER_FOUR_ATTRS, .get = get, .value = value_of,	\
	.set = set, .assign = assign, .uniform = uniform, .next = next, .runs = runs,	\
	.count = count, .bitmap = bitmap, .bytes = bytes, .used_bytes = used_bytes,	\
	.lend = lend, .unlend = unlend

const struct peer peer_gmemstate = {
	.name = "gmemstate", .flags = PEER_OURS | PEER_ANY_THREAD, .create = create_4k,
	.batch = batch, .destroy = destroy, CALLS
};

const struct peer peer_gmemstate_2m = {
	.name = "gmemstate-2m", .flags = PEER_OURS | PEER_ANY_THREAD | PEER_EXTRA,
	.create = create_2m, .batch = batch, .destroy = destroy, CALLS
};

const struct peer peer_gmemstate_1g = {
	.name = "gmemstate-1g", .flags = PEER_OURS | PEER_ANY_THREAD | PEER_EXTRA,
	.create = create_1g, .batch = batch, .destroy = destroy, CALLS
};

const struct peer peer_gmemstate_pins = {
	.name = "gmemstate-pins", .flags = PEER_OURS | PEER_ANY_THREAD | PEER_EXTRA,
	.create = create_pins, .batch = batch, .destroy = destroy, CALLS
};

const struct peer peer_gmemstate_backend = {
	.name = "gmemstate-backend", .flags = PEER_OURS | PEER_ANY_THREAD | PEER_BACKEND,
	.create = create_backend, .batch = batch, .destroy = destroy, CALLS
};

const struct peer peer_gmemstate_listener = {
	.name = "gmemstate-listener", .flags = PEER_OURS | PEER_ANY_THREAD | PEER_LISTENER,
	.create = create_listener, .batch = batch, .destroy = destroy, CALLS
};

const struct peer peer_gmemstate_both = {
	.name = "gmemstate-both", .flags = PEER_OURS | PEER_ANY_THREAD | PEER_ATTACHED,
	.create = create_both, .batch = batch_both, .destroy = destroy_both, CALLS
};

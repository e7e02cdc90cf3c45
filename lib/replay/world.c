/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.c - the guest of one replay; see world.h.
 */
#include "replay/world.h"

#include <errno.h>
#include <stdlib.h>

#define GIB_PAGES	(WORLD_GIB >> GMS_PAGE_SHIFT)

static uint64_t clock_of(void *ctx)
{
	return ((const struct world *)ctx)->now_ns;
}

/* A small trace can name every page there is, and each that was named is kept track of. */
static void *take_memory(void *ctx, size_t bytes, size_t align)
{
	struct world *world = ctx;
	void *mem = NULL;

	if (bytes > world->most_bytes - world->bytes) {
		world->full = true;
		return NULL;
	}
	if (posix_memalign(&mem, align, bytes))
		return NULL;
	world->bytes += bytes;
	return mem;
}

static void give_memory(void *ctx, void *mem, size_t bytes, size_t align)
{
	(void)align;
	((struct world *)ctx)->bytes -= bytes;
	free(mem);
}

/* Like a container of VFIO without a limit: whole entries only, of 1 GiB at most. */
static int listen(struct world *world)
{
	struct gms_listener listener;

	GMS_INIT(&listener);
	listener.mask = GMS_STATE_SHARED;
	listener.value = GMS_STATE_SHARED;
	return gms_listener_add(world->space, &listener, &world->listener);
}

static int make_model(struct world *world, uint32_t profile)
{
	struct gms_model_opts opts;
	int err;

	GMS_INIT(&opts);
	GMS_INIT(&world->backend);
	opts.profile = profile;
	err = gms_model_new(&world->model, &opts);
	return err ? err : gms_model_backend(world->model, &world->backend);
}

static int make_space(struct world *world, const struct world_opts *opts)
{
	struct gms_space_opts how;

	GMS_INIT(&how);
	how.mem = &world->mem;
	how.profile = opts->profile;
	how.now_ns = clock_of;
	how.ctx = world;
	how.lend_policy = opts->lend_policy;
	how.lend_idle_pages = opts->idle_pages;
	how.lend_idle_ns = opts->idle_ns;
	return gms_space_new(&world->space, &how);
}

int world_make(struct world *world, const struct world_opts *opts)
{
	const uint64_t ngib = (opts->ram_bytes + WORLD_GIB - 1) / WORLD_GIB;
	struct gms_profile_info info;
	int err;

	*world = (struct world){
		.base_order = opts->base_order, .ngib = ngib, .most_bytes = opts->most_bytes,
	};
	GMS_INIT(&world->mem);
	world->mem.ctx = world;
	world->mem.alloc = take_memory;
	world->mem.free = give_memory;
	GMS_INIT(&info);
	err = gms_profile_info(opts->profile, &info);
	if (err)
		return err;
	/* The other profiles move DIRECT_MAP themselves. */
	if (info.direct_map == GMS_DIRECT_MAP_AS_TOLD)
		world->state = GMS_STATE_DIRECT_MAP;
	world->next_pool = ngib * WORLD_GIB;
	world->there = calloc(ngib / 64 + 1, sizeof(*world->there));
	err = world->there ? make_model(world, opts->profile) : -ENOMEM;
	if (!err)
		err = make_space(world, opts);
	if (!err)
		err = listen(world);
	if (err)
		world_drop(world);
	return err;
}

void world_drop(struct world *world)
{
	gms_space_free(world->space);
	gms_model_free(world->model);
	free(world->there);
	*world = (struct world){ .space = NULL };
}

static int add_region(struct world *world, uint64_t gpa, uint64_t bytes, uint32_t base_order)
{
	struct gms_region_opts opts;

	GMS_INIT(&opts);
	opts.first = gpa >> GMS_PAGE_SHIFT;
	opts.npages = bytes >> GMS_PAGE_SHIFT;
	opts.backend = &world->backend;
	opts.base_order = base_order;
	opts.state = world->state;
	return gms_region_add(world->space, &opts, NULL);
}

int world_reach(struct world *world, uint64_t gpa, uint64_t bytes)
{
	const uint64_t last = (gpa + bytes - 1) / WORLD_GIB;
	int err = 0;

	for (uint64_t gib = gpa / WORLD_GIB; !err && gib <= last; gib++) {
		if (world->there[gib / 64] >> gib % 64 & 1)
			continue;
		err = add_region(world, gib * WORLD_GIB, WORLD_GIB, world->base_order);
		if (!err)
			world->there[gib / 64] |= UINT64_C(1) << gib % 64;
	}
	return err;
}

int world_pool(struct world *world, uint64_t bytes, uint64_t *gpa, uint64_t *pages)
{
	const uint32_t order = world->base_order < GMS_ORDER_2M ? world->base_order : GMS_ORDER_2M;
	const struct gms_range range = {
		world->next_pool >> GMS_PAGE_SHIFT, bytes >> GMS_PAGE_SHIFT
	};
	int err = add_region(world, world->next_pool, bytes, order);

	if (err)
		return err;
	*gpa = world->next_pool;
	*pages = range.npages;
	world->next_pool += bytes;
	return gms_share(world->space, range, NULL);
}

int world_read(const struct world *world, struct gms_acct *acct, uint64_t *entries_max)
{
	struct gms_listener_info info;
	int err;

	GMS_INIT(acct);
	GMS_INIT(&info);
	err = gms_acct_read(world->space, acct);
	if (!err)
		err = gms_listener_get(world->space, world->listener, &info);
	*entries_max = info.spans_max;
	return err;
}

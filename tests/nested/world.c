/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.c - a guest with private memory, a space and the backends between them.
 *
 * The shared half is a memfd of gms_backing_new(); before its backend stands one
 * that can be told to fail.
 */
#define _GNU_SOURCE
#include "nested.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int unmap_host(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		      struct gms_charge *charge)
{
	const struct world *world = ctx;

	return world->inner.unmap_host(world->inner.ctx, runs, nruns, ndone, charge);
}

static int map_host(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		    struct gms_charge *charge)
{
	struct world *world = ctx;
	int rc;

	if (!world->fail_after || nruns <= world->fail_after)
		return world->inner.map_host(world->inner.ctx, runs, nruns, ndone, charge);
	rc = world->inner.map_host(world->inner.ctx, runs, world->fail_after, ndone, charge);
	if (!rc) {
		*ndone = world->fail_after;
		rc = -EIO;
	}
	world->fail_after = 0;
	return rc;
}

static int discard(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		   struct gms_charge *charge)
{
	const struct world *world = ctx;

	return world->inner.discard(world->inner.ctx, runs, nruns, ndone, charge);
}

static void must(int rc, const char *what)
{
	if (!rc)
		return;
	errno = -rc;
	vm_die(what);
}

static void add_guest_memory(struct world *world, uint32_t flags)
{
	struct gms_kvm_memory_opts opts;
	struct gms_region_opts region;
	struct gms_backend before;

	GMS_INIT(&region);
	must(gms_backing_region(world->backing, VM_FIRST, 9, GMS_STATE_SHARED, &region),
	     "gms_backing_region");
	world->inner = *region.backend;
	before = world->inner;
	before.ctx = world;
	before.unmap_host = unmap_host;
	before.map_host = map_host;
	before.discard = discard;
	before.populate = NULL;
	before.flush = NULL;
	before.split = NULL;
	before.merge = NULL;
	GMS_INIT(&opts);
	opts.shared = &before;
	opts.vm_fd = world->vm.fd;
	opts.gmem_fd = world->vm.gmem_fd;
	opts.flags = flags;
	must(gms_kvm_memory_new(&world->memory, &opts), "gms_kvm_memory_new");
	must(gms_kvm_memory_region(world->memory, &region), "gms_kvm_memory_region");
	must(gms_region_add(world->space, &region, NULL), "gms_region_add");
}

/* Without a guest_memfd, and without anything that takes it from the VMM. */
static void add_plain_memory(struct world *world)
{
	struct gms_kvm_memory_opts opts;
	struct gms_region_opts region;

	GMS_INIT(&opts);
	opts.vm_fd = world->vm.fd;
	opts.gmem_fd = -1;
	must(gms_kvm_memory_new(&world->plain, &opts), "gms_kvm_memory_new, plain");
	GMS_INIT(&region);
	region.first = VM_PLAIN_FIRST;
	region.npages = VM_PLAIN_PAGES;
	region.hva = world->vm.plain;
	region.state = GMS_STATE_SHARED;
	must(gms_kvm_memory_region(world->plain, &region), "gms_kvm_memory_region, plain");
	must(gms_region_add(world->space, &region, NULL), "gms_region_add, plain");
}

void world_new(struct world *world, uint32_t flags)
{
	struct gms_backing_opts opts;
	struct gms_space_opts space;

	memset(world, 0, sizeof(*world));
	vm_new(&world->vm);
	GMS_INIT(&opts);
	opts.bytes = VM_PAGES * GMS_PAGE_SIZE;
	opts.kind = GMS_BACKING_MEMFD;
	must(gms_backing_new(&world->backing, &opts), "gms_backing_new");
	world->hva = gms_backing_hva(world->backing);
	vm_add_memory(&world->vm, world->hva);
	for (uint64_t n = 0; n < VM_PAGES; n++)
		world->hva[512 * n] = n + 1;
	GMS_INIT(&space);
	space.profile = GMS_PROFILE_KVM_ATTRS;
	must(gms_space_new(&world->space, &space), "gms_space_new");
	add_guest_memory(world, flags);
	add_plain_memory(world);
	must(gms_request_new(&world->request, world->space, NULL), "gms_request_new");
}

void world_free(struct world *world)
{
	gms_request_free(world->request);
	gms_space_free(world->space);
	gms_kvm_memory_free(world->memory);
	gms_kvm_memory_free(world->plain);
	vm_free(&world->vm);
	gms_backing_free(world->backing);
}

uint64_t world_charged(const struct world *world, uint32_t kind)
{
	struct gms_acct acct;

	GMS_INIT(&acct);
	must(gms_acct_read(world->space, &acct), "gms_acct_read");
	return acct.event[kind].count;
}

uint64_t world_guest_sees(struct world *world, uint64_t page)
{
	uint64_t value = UINT64_MAX;

	(void)vm_read(&world->vm, VM_FIRST + page, 1, &value);
	return value;
}

bool world_vmm_reaches(const struct world *world, uint64_t page)
{
	uint64_t value;
	const struct iovec to = { &value, sizeof(value) };
	const struct iovec from = { &world->hva[512 * page], sizeof(value) };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == sizeof(value);
}

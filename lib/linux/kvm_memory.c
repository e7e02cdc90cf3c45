/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm_memory.c - the backend of memory whose pages KVM knows as private or shared.
 *
 * It stands before another backend, that of the VMM's mapping, and adds what KVM
 * has to be told (kvm_turn.c). All else is handed on.
 *
 * System calls, for a seccomp filter:
 *   gms_kvm_memory_new     ioctl (KVM_CHECK_EXTENSION, KVM_GET_API_VERSION; in place
 *                          KVM_SET_MEMORY_ATTRIBUTES2)
 *   gms_kvm_memory_region  ioctl (KVM_SET_MEMORY_ATTRIBUTES; in place
 *                          KVM_SET_MEMORY_ATTRIBUTES2); so does a conversion, and
 *                          fallocate
 */
#include "linux/kvm_memory.h"

#include <errno.h>
#include <stdlib.h>

#include "linux/sized.h"

/* Both halves: which one holds the page's memory, nobody told. */
static int discard(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		   struct gms_charge *charge)
{
	const struct gms_kvm_memory *memory = ctx;
	const struct gms_backend *shared = &memory->shared;
	size_t left = nruns;
	int rc = 0, err = 0;

	if (shared->discard) {
		err = shared->discard(shared->ctx, runs, nruns, ndone, charge);
		if (err)
			left = *ndone;
	}
	if (memory->gmem_fd >= 0 && !(gms__linux_in_place(memory) && shared->discard))
		rc = gms__linux_kvm_punch(memory, runs, left, ndone, charge);
	return rc ? rc : err;
}

static int populate(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		    struct gms_charge *charge)
{
	const struct gms_kvm_memory *memory = ctx;
	const struct gms_backend *shared = &memory->shared;

	if (shared->populate || !gms__linux_in_place(memory))
		return shared->populate ? shared->populate(shared->ctx, runs, nruns, ndone, charge)
					: 0;
	for (*ndone = 0; *ndone < nruns; ++*ndone) {
		const int rc = gms__linux_kvm_allocate(memory, &runs[*ndone], charge);

		if (rc)
			return rc;
	}
	return 0;
}

static int unmap_host(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		      struct gms_charge *charge)
{
	const struct gms_backend *shared = &((struct gms_kvm_memory *)ctx)->shared;

	return shared->unmap_host(shared->ctx, runs, nruns, ndone, charge);
}

static int map_host(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		    struct gms_charge *charge)
{
	const struct gms_backend *shared = &((struct gms_kvm_memory *)ctx)->shared;

	return shared->map_host(shared->ctx, runs, nruns, ndone, charge);
}

static int direct_map(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		      struct gms_charge *charge)
{
	const struct gms_backend *shared = &((struct gms_kvm_memory *)ctx)->shared;

	return shared->direct_map(shared->ctx, runs, nruns, ndone, charge);
}

/* In place. Of two halves the one that is entered is empty by then (K3). */
static int zero(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		struct gms_charge *charge)
{
	const struct gms_backend *shared = &((struct gms_kvm_memory *)ctx)->shared;

	return shared->zero(shared->ctx, runs, nruns, ndone, charge);
}

static int split(void *ctx, const struct gms_host_folio *folio, struct gms_charge *charge)
{
	const struct gms_backend *shared = &((struct gms_kvm_memory *)ctx)->shared;

	return shared->split(shared->ctx, folio, charge);
}

static void merge(void *ctx, const struct gms_host_folio *folio, struct gms_charge *charge)
{
	const struct gms_backend *shared = &((struct gms_kvm_memory *)ctx)->shared;

	shared->merge(shared->ctx, folio, charge);
}

static void fill_backend(struct gms_kvm_memory *memory)
{
	const struct gms_backend *shared = &memory->shared;
	struct gms_backend *backend = &memory->backend;

	GMS_INIT(backend);
	backend->ctx = memory;
	backend->set_attributes = gms__linux_kvm_turn;
	backend->flush = gms__linux_kvm_flush;
	backend->discard = discard;
	backend->populate = populate;
	if (shared->unmap_host)
		backend->unmap_host = unmap_host;
	if (shared->map_host)
		backend->map_host = map_host;
	if (shared->direct_map)
		backend->direct_map = direct_map;
	if (shared->zero && gms__linux_in_place(memory))
		backend->zero = zero;
	if (shared->split)
		backend->split = split;
	if (shared->merge)
		backend->merge = merge;
}

static int check_opts(const struct gms_kvm_memory_opts *opts)
{
	const uint32_t both = GMS_KVM_MEMORY_PUNCH | GMS_KVM_MEMORY_IN_PLACE;

	if (opts->flags & ~both || opts->reserved || opts->flags == both ||
	    opts->gmem_offset_bytes % GMS_PAGE_SIZE)
		return -EINVAL;
	if (opts->vm_fd < 0 || (opts->flags && opts->gmem_fd < 0))
		return -EBADF;
	return opts->shared ? gms__linux_sized_check(opts->shared, sizeof(*opts->shared)) : 0;
}

int gms_kvm_memory_new(struct gms_kvm_memory **out, const struct gms_kvm_memory_opts *opts)
{
	struct gms_kvm_memory_opts given;
	struct gms_kvm_memory *memory;
	int rc;

	if (!out)
		return -EINVAL;
	rc = gms__linux_sized_in(&given, sizeof(given), opts);
	if (!rc)
		rc = check_opts(&given);
	if (!rc)
		rc = gms__linux_kvm_probe(&given);
	if (rc)
		return rc;
	memory = calloc(1, sizeof(*memory));
	if (!memory)
		return -ENOMEM;
	if (given.shared)
		gms__linux_sized_get(&memory->shared, sizeof(memory->shared), given.shared);
	memory->gmem_offset_bytes = given.gmem_offset_bytes;
	memory->vm_fd = given.vm_fd;
	memory->gmem_fd = given.gmem_fd;
	memory->flags = given.flags;
	pthread_mutex_init(&memory->lock, NULL);
	fill_backend(memory);
	*out = memory;
	return 0;
}

void gms_kvm_memory_free(struct gms_kvm_memory *memory)
{
	if (!memory)
		return;
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

int gms_kvm_memory_region(struct gms_kvm_memory *memory, struct gms_region_opts *region)
{
	struct gms_host_run whole = { 0 };
	struct gms_region_opts opts;
	int rc;

	if (!memory)
		return -EINVAL;
	rc = gms__linux_sized_in(&opts, sizeof(opts), region);
	if (rc)
		return rc;
	if (!opts.npages || opts.first >= GMS_GFN_LIMIT ||
	    opts.npages > GMS_GFN_LIMIT - opts.first)
		return -EINVAL;
	whole.first = opts.first;
	whole.npages = opts.npages;
	whole.backing_offset_bytes = opts.backing_offset_bytes;
	whole.mask = GMS_STATE_SHARED;
	whole.to = opts.state & GMS_STATE_SHARED;
	rc = gms__linux_kvm_tell(memory, &whole, NULL);
	if (rc)
		return rc;
	opts.backend = &memory->backend;
	gms__linux_sized_put(region, &opts, sizeof(opts));
	return 0;
}

uint64_t gms_kvm_memory_failures(const struct gms_kvm_memory *memory)
{
	return memory ? atomic_load_explicit(&memory->failures, memory_order_relaxed) : 0;
}

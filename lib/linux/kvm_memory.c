/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm_memory.c - the backend of memory whose pages KVM knows as private or shared.
 *
 * It stands before another backend, that of the VMM's mapping, and adds what KVM
 * has to be told. An ioctl for a range is all or nothing in the kernel, so a run is
 * a call and nothing is ever half done.
 *
 * With two backings a page that turned leaves memory behind in the half that it
 * left. That may go only when the conversion cannot be undone any more, which a
 * backend learns from the flush that ends every commit. So an operation keeps the
 * runs that it turned:
 *
 *   K1  What was turned is kept with the commit's name, its struct gms_charge, until
 *       that commit's flush; the memory for it is had before the first ioctl.
 *   K2  A call that undoes (GMS_CONTENT_UNDO) marks what this commit turned the other
 *       way: that memory stays where it is.
 *   K3  To zero a page empties the half that it enters, before it enters it: nobody
 *       can see that half, so this needs no undo. Undoing must not, by K2.
 *
 * In place there is one half, and all that is done to it is the ioctl.
 *
 * Locking: lock guards the list of what was turned. Two commits at once are of
 * different pages, and never look at each other's entries.
 *
 * System calls, for a seccomp filter:
 *   gms_kvm_memory_new     ioctl (KVM_CHECK_EXTENSION, KVM_GET_API_VERSION; in place
 *                          KVM_SET_MEMORY_ATTRIBUTES2)
 *   gms_kvm_memory_region  ioctl (KVM_SET_MEMORY_ATTRIBUTES; in place
 *                          KVM_SET_MEMORY_ATTRIBUTES2); so does a conversion, and
 *                          fallocate
 */
#include <gmemstate/linux/kvm.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <linux/falloc.h>

#include <gmemstate/account.h>

#include "linux/sized.h"
#include "linux/sys.h"
#include "linux/uapi.h"

/* Most calls in a row that a signal ends before the error is believed. */
#define TRIES_MAX	16

/* Runs of one operation that took effect. */
struct turned {
	struct turned *next;
	const struct gms_charge *commit;
	size_t nruns;
	bool undone;
	struct gms_host_run runs[];
};

struct gms_kvm_memory {
	struct gms_backend backend;	/* this one */
	struct gms_backend shared;	/* the one behind it; all NULL: none */
	uint64_t gmem_offset_bytes;
	int vm_fd, gmem_fd;
	uint32_t flags;
	pthread_mutex_t lock;
	struct turned *turned;
	_Atomic uint64_t failures;
};

static bool in_place(const struct gms_kvm_memory *memory)
{
	return memory->flags & GMS_KVM_MEMORY_IN_PLACE;
}

static uint64_t run_bytes(const struct gms_host_run *run)
{
	return run->npages << GMS_PAGE_SHIFT;
}

static uint64_t gmem_offset(const struct gms_kvm_memory *memory, const struct gms_host_run *run)
{
	return memory->gmem_offset_bytes + run->backing_offset_bytes;
}

/* --- What the kernel does --- */

static int fallocate_run(const struct gms_kvm_memory *memory, const struct gms_host_run *run,
			 int mode, struct gms_charge *charge)
{
	unsigned int tries = 0;
	int rc;

	do {
		rc = gms__linux_fallocate(memory->gmem_fd, mode | FALLOC_FL_KEEP_SIZE,
					  gmem_offset(memory, run), run_bytes(run));
		gms_charge_add(charge, GMS_ACCT_SYS_FALLOCATE, 1);
	} while ((rc == -EINTR || rc == -EAGAIN) && ++tries < TRIES_MAX);
	return rc;
}

/* Give back what the guest_memfd holds of these pages. */
static int punch(const struct gms_kvm_memory *memory, const struct gms_host_run *runs,
		 size_t nruns, size_t *ndone, struct gms_charge *charge)
{
	for (*ndone = 0; *ndone < nruns; ++*ndone) {
		const int rc = fallocate_run(memory, &runs[*ndone], FALLOC_FL_PUNCH_HOLE, charge);

		if (rc)
			return rc;
	}
	return 0;
}

/* The same of the mapping. A few runs at a time are turned into what discard takes. */
static int discard_shared(const struct gms_kvm_memory *memory, const struct gms_host_run *runs,
			  size_t nruns, size_t *ndone, struct gms_charge *charge)
{
	struct gms_host_run part[32];
	size_t n, did;
	int rc = 0;

	if (!memory->shared.discard)
		return -EOPNOTSUPP;
	for (*ndone = 0; *ndone < nruns && !rc; *ndone += did) {
		for (n = 0; n < sizeof(part) / sizeof(part[0]) && *ndone + n < nruns; n++) {
			part[n] = runs[*ndone + n];
			part[n].mask = GMS_STATE_POPULATED;
			part[n].to = 0;
			part[n].content = GMS_CONTENT_ANY;
		}
		did = 0;
		rc = memory->shared.discard(memory->shared.ctx, part, n, &did, charge);
		if (!rc)
			did = n;
	}
	return rc;
}

/* In place the kernel names the offset at which it fails, if what fails is a page. */
static int tell_file(const struct gms_kvm_memory *memory, const struct gms_host_run *run,
		     struct gms_charge *charge)
{
	struct gms__kvm_attributes2 attributes = {
		.offset = gmem_offset(memory, run),
		.size = run_bytes(run),
		.attributes = run->to & GMS_STATE_SHARED ? 0 : GMS_KVM_ATTRIBUTE_PRIVATE,
	};
	const int rc = gms__linux_ioctl(memory->gmem_fd, GMS_KVM_SET_ATTRIBUTES2, &attributes);

	if ((rc == -EAGAIN || rc == -ENOMEM) && attributes.error_offset >= attributes.offset &&
	    attributes.error_offset - attributes.offset < attributes.size)
		gms_charge_error(charge, run->first + ((attributes.error_offset -
							attributes.offset) >> GMS_PAGE_SHIFT));
	return rc;
}

static int tell_vm(const struct gms_kvm_memory *memory, const struct gms_host_run *run)
{
	struct gms__kvm_attributes attributes = {
		.address = run->first << GMS_PAGE_SHIFT,
		.size = run_bytes(run),
		.attributes = run->to & GMS_STATE_SHARED ? 0 : GMS_KVM_ATTRIBUTE_PRIVATE,
	};

	return gms__linux_ioctl(memory->vm_fd, GMS_KVM_SET_ATTRIBUTES, &attributes);
}

static int tell(const struct gms_kvm_memory *memory, const struct gms_host_run *run,
		struct gms_charge *charge)
{
	const int rc = in_place(memory) ? tell_file(memory, run, charge) : tell_vm(memory, run);

	gms_charge_add(charge, GMS_ACCT_SYS_IOCTL, 1);
	if (!rc)
		gms_charge_add(charge, GMS_ACCT_FLUSH_STAGE2, 1);
	return rc;
}

/* --- What was turned --- */

/* K2: what this commit turned one way is turned back. */
static void undo(struct gms_kvm_memory *memory, const struct gms_charge *commit, gms_state to)
{
	pthread_mutex_lock(&memory->lock);
	for (struct turned *turned = memory->turned; turned; turned = turned->next)
		turned->undone |= turned->commit == commit && turned->runs[0].to != to;
	pthread_mutex_unlock(&memory->lock);
}

static void keep(struct gms_kvm_memory *memory, struct turned *turned)
{
	pthread_mutex_lock(&memory->lock);
	turned->next = memory->turned;
	memory->turned = turned;
	pthread_mutex_unlock(&memory->lock);
}

/* One that a commit turned, or NULL. */
static struct turned *take(struct gms_kvm_memory *memory, const struct gms_charge *commit)
{
	struct turned **at = &memory->turned, *turned;

	pthread_mutex_lock(&memory->lock);
	while (*at && (*at)->commit != commit)
		at = &(*at)->next;
	turned = *at;
	if (turned)
		*at = turned->next;
	pthread_mutex_unlock(&memory->lock);
	return turned;
}

static int empty_half(const struct gms_kvm_memory *memory, const struct gms_host_run *runs,
		      size_t nruns, bool of_mapping, size_t *ndone, struct gms_charge *charge)
{
	if (of_mapping)
		return discard_shared(memory, runs, nruns, ndone, charge);
	return punch(memory, runs, nruns, ndone, charge);
}

/* The half that was left. What fails keeps its memory; that stops nothing else. */
static void give_back(struct gms_kvm_memory *memory, const struct turned *turned,
		      struct gms_charge *charge)
{
	const bool of_mapping = !(turned->runs[0].to & GMS_STATE_SHARED);
	size_t done = 0;

	if (of_mapping && !memory->shared.discard)
		return;
	for (size_t i = 0; i < turned->nruns; i += done + 1) {
		if (!empty_half(memory, turned->runs + i, turned->nruns - i, of_mapping, &done,
				charge))
			break;
		atomic_fetch_add_explicit(&memory->failures, 1, memory_order_relaxed);
	}
}

/* --- Operations --- */

/* Can contents be as the conversion asks? */
static int check_content(const struct gms_kvm_memory *memory, const struct gms_host_run *run)
{
	if (run->content == GMS_CONTENT_ANY)
		return 0;
	if (in_place(memory))	/* who zeroes there is told by zero() */
		return run->content == GMS_CONTENT_PRESERVE || memory->shared.zero ? 0
										    : -EOPNOTSUPP;
	if (run->content != GMS_CONTENT_ZERO)
		return -EOPNOTSUPP;
	if (run->to & GMS_STATE_SHARED)
		return memory->shared.discard ? 0 : -EOPNOTSUPP;
	return memory->gmem_fd >= 0 ? 0 : -EOPNOTSUPP;
}

/* What a conversion needs before its first ioctl; *out is what is to be kept of it, or NULL. */
static int prepare(struct gms_kvm_memory *memory, const struct gms_host_run *runs, size_t nruns,
		   struct gms_charge *charge, struct turned **out)
{
	const bool zero = runs->content == GMS_CONTENT_ZERO;
	struct turned *turned;
	size_t ndone;
	int rc = check_content(memory, runs);

	*out = NULL;
	if (rc || in_place(memory) || (!zero && !(memory->flags & GMS_KVM_MEMORY_PUNCH)))
		return rc;
	turned = malloc(sizeof(*turned) + nruns * sizeof(runs[0]));	/* K1 */
	if (!turned)
		return -ENOMEM;
	if (zero) {	/* K3 */
		rc = empty_half(memory, runs, nruns, runs->to & GMS_STATE_SHARED, &ndone, charge);
		if (rc) {
			free(turned);
			return rc;
		}
	}
	turned->commit = charge;
	turned->undone = false;
	memcpy(turned->runs, runs, nruns * sizeof(runs[0]));
	*out = turned;
	return 0;
}

static int set_attributes(void *ctx, const struct gms_host_run *runs, size_t nruns,
			  size_t *ndone, struct gms_charge *charge)
{
	struct gms_kvm_memory *memory = ctx;
	struct turned *turned = NULL;
	int rc = 0;

	if (runs->content == GMS_CONTENT_UNDO)
		undo(memory, charge, runs->to);
	else
		rc = prepare(memory, runs, nruns, charge, &turned);
	for (*ndone = 0; *ndone < nruns && !rc; *ndone += !rc)
		rc = tell(memory, &runs[*ndone], charge);
	if (turned && *ndone) {
		turned->nruns = *ndone;
		keep(memory, turned);
	} else {
		free(turned);
	}
	return rc;
}

static void flush(void *ctx, struct gms_charge *charge)
{
	struct gms_kvm_memory *memory = ctx;
	struct turned *turned;

	while ((turned = take(memory, charge)) != NULL) {
		if (!turned->undone && memory->flags & GMS_KVM_MEMORY_PUNCH)
			give_back(memory, turned, charge);
		free(turned);
	}
	if (memory->shared.flush)
		memory->shared.flush(memory->shared.ctx, charge);
}

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
	if (memory->gmem_fd >= 0 && !(in_place(memory) && shared->discard))
		rc = punch(memory, runs, left, ndone, charge);
	return rc ? rc : err;
}

static int populate(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		    struct gms_charge *charge)
{
	const struct gms_kvm_memory *memory = ctx;
	const struct gms_backend *shared = &memory->shared;

	if (shared->populate || !in_place(memory))
		return shared->populate ? shared->populate(shared->ctx, runs, nruns, ndone, charge)
					: 0;
	for (*ndone = 0; *ndone < nruns; ++*ndone) {
		const int rc = fallocate_run(memory, &runs[*ndone], 0, charge);

		if (rc) {	/* what there is of it */
			(void)fallocate_run(memory, &runs[*ndone], FALLOC_FL_PUNCH_HOLE, charge);
			return rc;
		}
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
	backend->set_attributes = set_attributes;
	backend->flush = flush;
	backend->discard = discard;
	backend->populate = populate;
	if (shared->unmap_host)
		backend->unmap_host = unmap_host;
	if (shared->map_host)
		backend->map_host = map_host;
	if (shared->direct_map)
		backend->direct_map = direct_map;
	if (shared->zero && in_place(memory))
		backend->zero = zero;
	if (shared->split)
		backend->split = split;
	if (shared->merge)
		backend->merge = merge;
}

/* --- Making it --- */

/*
 * What a VM of this type can do the capability tells. /dev/kvm itself answers for
 * VMs too; the version of KVM's interface only it knows. Whether the attributes are
 * the file's is tried with those of no page at all: who knows the call says -EINVAL.
 */
static int probe(const struct gms_kvm_memory_opts *opts)
{
	struct gms__kvm_attributes2 none = { 0 };
	int rc;

	if (opts->flags & GMS_KVM_MEMORY_IN_PLACE) {
		rc = gms__linux_ioctl(opts->gmem_fd, GMS_KVM_SET_ATTRIBUTES2, &none);
		return rc == -ENOTTY ? -EOPNOTSUPP : rc == -EINVAL ? 0 : rc;
	}
	rc = gms__linux_ioctl_num(opts->vm_fd, KVM_CHECK_EXTENSION, GMS_KVM_CAP_MEMORY_ATTRIBUTES);
	if (rc < 0)
		return rc == -ENOTTY || rc == -EINVAL ? -EBADF : rc;
	if (gms__linux_ioctl_num(opts->vm_fd, KVM_GET_API_VERSION, 0) >= 0)
		return -EBADF;
	return (unsigned int)rc & GMS_KVM_ATTRIBUTE_PRIVATE ? 0 : -EOPNOTSUPP;
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

	if (!out || !opts)
		return -EINVAL;
	rc = gms__linux_sized_check(opts, sizeof(given));
	if (rc)
		return rc;
	gms__linux_sized_get(&given, sizeof(given), opts);
	rc = check_opts(&given);
	if (!rc)
		rc = probe(&given);
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

	if (!memory || !region)
		return -EINVAL;
	rc = gms__linux_sized_check(region, sizeof(opts));
	if (rc)
		return rc;
	gms__linux_sized_get(&opts, sizeof(opts), region);
	if (!opts.npages || opts.first >= GMS_GFN_LIMIT ||
	    opts.npages > GMS_GFN_LIMIT - opts.first)
		return -EINVAL;
	whole.first = opts.first;
	whole.npages = opts.npages;
	whole.backing_offset_bytes = opts.backing_offset_bytes;
	whole.mask = GMS_STATE_SHARED;
	whole.to = opts.state & GMS_STATE_SHARED;
	rc = tell(memory, &whole, NULL);
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

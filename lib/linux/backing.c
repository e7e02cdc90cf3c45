/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backing.c - guest memory: a file of the kernel and one mapping of it.
 *
 * The mapping is shared, begins at a multiple of the huge pages that may fit,
 * and is inherited by a fork(2) like any other (revoke.c says what a child can
 * not do with it). What the VMM loses is access through this mapping: a guest
 * on guest_memfd reaches its pages through the file and runs on.
 *
 * System calls, for a seccomp filter:
 *   gms_backing_new     mmap, munmap, madvise, pidfd_open, close; those of file.c
 *                       and trial.c
 *   gms_backing_free    munmap, close
 *   gms_backing_region  process_madvise, madvise or mprotect
 *   a conversion        the same; those of discard.c and populate.c
 */
#include "linux/backing.h"

#include <errno.h>
#include <stdlib.h>

#include "linux/sized.h"
#include "linux/sys.h"

#define ALIGN_BYTES	(UINT64_C(2) << 20)

/*
 * A range of addresses that begins at a multiple of 2 MiB: take more than is
 * needed, and give back what sticks out.
 */
static int reserve(char **out, uint64_t bytes)
{
	const uint64_t spare = ALIGN_BYTES - GMS_PAGE_SIZE;
	uint64_t head;
	void *mem;
	int rc;

	if (bytes > SIZE_MAX - spare)
		return -ENOMEM;
	rc = gms__linux_mmap(&mem, NULL, bytes + spare, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (rc)
		return rc;
	head = -(uintptr_t)mem & (ALIGN_BYTES - 1);
	gms__linux_munmap(mem, head);
	gms__linux_munmap((char *)mem + head + bytes, spare - head);
	*out = (char *)mem + head;
	return 0;
}

static int check_opts(const struct gms_backing_opts *opts, uint64_t host_page_bytes)
{
	if (opts->kind >= GMS_BACKING_KINDS || opts->revoke > GMS_REVOKE_NONE || opts->flags)
		return -EINVAL;
	if (!opts->bytes || opts->bytes % GMS_PAGE_SIZE || opts->bytes % host_page_bytes)
		return -EINVAL;
	if (gms__linux_file_page_bytes(opts->kind) &&
	    opts->bytes % gms__linux_file_page_bytes(opts->kind))
		return -EINVAL;
	return 0;
}

/*
 * Of hugetlb the kernel finds an aligned place itself. Else a place was reserved; a
 * failure may have given it up, and by now it may be somebody else's: it is ours no
 * more.
 */
static int map_file(struct gms__linux_revoker *revoker, bool anywhere, int fd)
{
	void *mem = revoker->base;
	int rc;

	if (!anywhere) {
		rc = gms__linux_mmap(&mem, mem, revoker->bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_FIXED, fd);
		if (rc == -ENODEV)	/* no mapping of such a file: nothing was given up */
			gms__linux_munmap(revoker->base, revoker->bytes);
	} else {
		rc = gms__linux_mmap(&mem, NULL, revoker->bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED, fd);
	}
	revoker->base = rc ? NULL : mem;
	/* What cannot be swapped is locked, and there is a limit to that. */
	return rc == -EAGAIN ? -ENOMEM : rc;
}

static int make_memory(struct gms_backing *backing, const struct gms_backing_opts *opts)
{
	struct gms__linux_revoker *revoker = &backing->revoker;
	const bool anywhere = gms__linux_file_page_bytes(opts->kind);
	int rc;

	if (!anywhere) {
		rc = reserve(&revoker->base, opts->bytes);
		if (rc)
			return rc;
	}
	revoker->bytes = opts->bytes;

	backing->fd = gms__linux_file_new(opts->kind, opts->bytes, opts->vm_fd);
	if (backing->fd < 0)
		return backing->fd;

	rc = map_file(revoker, anywhere, backing->fd);
	if (rc == -ENODEV) {
		backing->error[GMS_BACKING_CAN_MAP] = rc;
		return 0;
	}
	/* No failure: whether huge pages came is seen by the trial. */
	if (!rc && opts->kind == GMS_BACKING_MEMFD_THP)
		(void)gms__linux_madvise(revoker->base, opts->bytes, MADV_HUGEPAGE);
	return rc;
}

/* What can be seen not to work has no operation, or one that refuses. */
static void set_backend(struct gms_backing *backing)
{
	GMS_INIT(&backing->backend);
	backing->backend.ctx = backing;
	backing->backend.unmap_host = gms__linux_unmap_host;
	backing->backend.map_host = gms__linux_map_host;
	backing->backend.populate = gms__linux_populate;
	backing->backend.discard = gms__linux_discard;
	backing->backend.zero = gms__linux_zero_runs;
	if (backing->error[GMS_BACKING_CAN_GUP])
		backing->backend.direct_map = gms__linux_no_direct_map;
}

int gms_backing_new(struct gms_backing **out, const struct gms_backing_opts *opts)
{
	const uint64_t host_page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	struct gms_backing_opts given;
	struct gms_backing *backing;
	int rc;

	if (!out)
		return -EINVAL;
	rc = gms__linux_sized_in(&given, sizeof(given), opts);
	if (!rc)
		rc = check_opts(&given, host_page_bytes);
	if (rc)
		return rc;

	backing = calloc(1, sizeof(*backing));
	if (!backing)
		return -ENOMEM;
	backing->fd = -1;
	backing->kind = given.kind;
	backing->page_bytes = gms__linux_file_page_bytes(given.kind);
	if (!backing->page_bytes)
		backing->page_bytes = host_page_bytes;
	rc = gms__linux_revoker_init(&backing->revoker, given.revoke, host_page_bytes);
	if (rc) {
		free(backing);
		return rc;
	}
	rc = make_memory(backing, &given);
	if (!rc)
		rc = gms__linux_try(backing);
	if (rc) {
		gms_backing_free(backing);
		return rc;
	}
	set_backend(backing);
	*out = backing;
	return 0;
}

void gms_backing_free(struct gms_backing *backing)
{
	if (!backing)
		return;
	gms__linux_munmap(backing->revoker.base, backing->revoker.bytes);
	gms__linux_close(backing->fd);
	gms__linux_revoker_fini(&backing->revoker);
	free(backing);
}

int gms_backing_fd(const struct gms_backing *backing)
{
	return backing ? backing->fd : -EINVAL;
}

void *gms_backing_hva(const struct gms_backing *backing)
{
	return backing ? backing->revoker.base : NULL;
}

uint64_t gms_backing_bytes(const struct gms_backing *backing)
{
	return backing ? backing->revoker.bytes : 0;
}

uint32_t gms_backing_revoke(const struct gms_backing *backing)
{
	if (!backing)
		return GMS_REVOKE_BEST;
	return atomic_load_explicit(&backing->revoker.found, memory_order_acquire);
}

int gms_backing_exposed(const struct gms_backing *backing, uint64_t offset_bytes, uint64_t npages,
			uint64_t *exposed)
{
	struct gms_host_run run = { .backing_offset_bytes = offset_bytes, .npages = npages };
	struct gms__linux_revoker *revoker;

	if (!backing || !exposed || !npages || offset_bytes % GMS_PAGE_SIZE)
		return -EINVAL;
	/* Its lock is all that is written to. */
	revoker = (struct gms__linux_revoker *)(uintptr_t)&backing->revoker;
	if (gms__linux_runs_check(revoker, &run, 1) == -EINVAL)
		return -EINVAL;
	*exposed = gms__linux_revoker_exposed(revoker, offset_bytes >> GMS_PAGE_SHIFT, npages);
	return 0;
}

/*
 * A mapping that was converted before and now fails to be revoked as a whole
 * ends up restored as a whole; the kernel fails so only for want of memory for
 * page tables.
 */
static int make_agree(struct gms_backing *backing, gms_state state)
{
	struct gms_host_run whole = { .npages = backing->revoker.bytes >> GMS_PAGE_SHIFT };
	size_t ndone = 0;

	if (backing->error[GMS_BACKING_CAN_TOUCH])
		return state & GMS_STATE_SHARED ? -EOPNOTSUPP : 0;
	if (state & GMS_STATE_SHARED && !(state & GMS_STATE_FROZEN))
		return gms__linux_restore(&backing->revoker, &whole, 1, &ndone, NULL);
	return gms__linux_unmap_host(backing, &whole, 1, &ndone, NULL);
}

int gms_backing_region(struct gms_backing *backing, gms_gfn first, uint32_t base_order,
		       gms_state state, struct gms_region_opts *opts)
{
	struct gms_region_opts region;
	int rc;

	if (!backing || !opts)
		return -EINVAL;
	rc = gms__linux_sized_check(opts, sizeof(region));
	if (rc)
		return rc;
	rc = make_agree(backing, state);
	if (rc)
		return rc;

	GMS_INIT(&region);
	region.first = first;
	region.npages = backing->revoker.bytes >> GMS_PAGE_SHIFT;
	region.backing_id = (uint64_t)backing->fd;
	region.hva = backing->revoker.base;
	region.backend = &backing->backend;
	region.base_order = base_order;
	region.state = state;
	if (backing->error[GMS_BACKING_CAN_GUP]) {
		region.state &= ~GMS_STATE_DIRECT_MAP;
		/* What never turns shared is never said to be fit for a pin. */
		if (!backing->error[GMS_BACKING_CAN_TOUCH])
			region.flags = GMS_REGION_NO_DIRECT_MAP;
	}
	gms__linux_sized_put(opts, &region, sizeof(region));
	return 0;
}

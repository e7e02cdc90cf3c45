/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backing.c - guest memory: a file of the kernel and one mapping of it.
 *
 * The mapping is shared, begins at a multiple of 2 MiB so that huge pages fit,
 * and is inherited by a fork(2) like any other (revoke.c says what a child can
 * not do with it). What the VMM loses is access through this mapping: a guest
 * on guest_memfd reaches its pages through the file and runs on.
 *
 * System calls, for a seccomp filter:
 *   gms_backing_new     memfd_create, ftruncate, fcntl(F_ADD_SEALS) or ioctl
 *                       (KVM_CHECK_EXTENSION, KVM_CREATE_GUEST_MEMFD); mmap,
 *                       munmap, pidfd_open, close
 *   gms_backing_free    munmap, close
 *   gms_backing_region  process_madvise, madvise or mprotect; so does a conversion
 */
#define _GNU_SOURCE	/* MFD_CLOEXEC, F_ADD_SEALS */
#include <gmemstate/linux/backing.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "linux/revoke.h"
#include "linux/sized.h"
#include "linux/sys.h"
#include "linux/uapi.h"

#define ALIGN_BYTES	(UINT64_C(2) << 20)

struct gms_backing {
	struct gms__linux_revoker revoker;	/* also holds where it is mapped */
	struct gms_backend backend;
	int fd;
};

static int memfd_new(uint64_t bytes)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = gms__linux_memfd("gmemstate", flags | GMS_MFD_NOEXEC_SEAL);
	int saved, rc;

	if (fd == -EINVAL)	/* a kernel that does not know the flag */
		fd = gms__linux_memfd("gmemstate", flags);
	if (fd < 0)
		return fd;
	rc = gms__linux_truncate(fd, bytes);
	if (rc) {
		gms__linux_close(fd);
		return rc;
	}
	/* Keeps others who have the descriptor from pulling pages out from under us. */
	saved = errno;
	(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	errno = saved;
	return fd;
}

static int guest_memfd_new(int vm_fd, uint64_t bytes)
{
	const uint64_t flags = GMS_GMEM_MMAP | GMS_GMEM_INIT_SHARED;
	struct gms__kvm_gmem gmem = { .size = bytes, .flags = flags };
	int rc;

	if (vm_fd < 0)
		return -EBADF;
	rc = gms__linux_ioctl_num(vm_fd, KVM_CHECK_EXTENSION, GMS_KVM_CAP_GUEST_MEMFD_FLAGS);
	if (rc < 0)
		return rc == -ENOTTY ? -EBADF : rc;
	if (((uint64_t)rc & flags) != flags)
		return -EOPNOTSUPP;
	rc = gms__linux_ioctl(vm_fd, GMS_KVM_CREATE_GMEM, &gmem);
	return rc == -ENOTTY ? -EBADF : rc;	/* /dev/kvm itself, not a VM */
}

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
	if (!opts->bytes || opts->bytes % GMS_PAGE_SIZE || opts->bytes % host_page_bytes)
		return -EINVAL;
	if (opts->kind > GMS_BACKING_GUEST_MEMFD || opts->revoke > GMS_REVOKE_NONE || opts->flags)
		return -EINVAL;
	return 0;
}

static int map_file(struct gms_backing *backing, const struct gms_backing_opts *opts)
{
	struct gms__linux_revoker *revoker = &backing->revoker;
	void *mem;
	int rc;

	rc = reserve(&revoker->base, opts->bytes);
	if (rc)
		return rc;
	revoker->bytes = opts->bytes;

	if (opts->kind == GMS_BACKING_MEMFD)
		backing->fd = memfd_new(opts->bytes);
	else
		backing->fd = guest_memfd_new(opts->vm_fd, opts->bytes);
	if (backing->fd < 0)
		return backing->fd;

	return gms__linux_mmap(&mem, revoker->base, opts->bytes, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED, backing->fd);
}

int gms_backing_new(struct gms_backing **out, const struct gms_backing_opts *opts)
{
	const uint64_t host_page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	struct gms_backing_opts given;
	struct gms_backing *backing;
	int rc;

	if (!out || !opts)
		return -EINVAL;
	rc = gms__linux_sized_check(opts, sizeof(given));
	if (rc)
		return rc;
	gms__linux_sized_get(&given, sizeof(given), opts);
	rc = check_opts(&given, host_page_bytes);
	if (rc)
		return rc;

	backing = calloc(1, sizeof(*backing));
	if (!backing)
		return -ENOMEM;
	backing->fd = -1;
	rc = gms__linux_revoker_init(&backing->revoker, given.revoke, host_page_bytes);
	if (rc) {
		free(backing);
		return rc;
	}
	rc = map_file(backing, &given);
	if (rc) {
		gms_backing_free(backing);
		return rc;
	}
	GMS_INIT(&backing->backend);
	backing->backend.ctx = &backing->revoker;
	backing->backend.unmap_host = gms__linux_revoke;
	backing->backend.map_host = gms__linux_restore;
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

const char *gms_revoke_name(uint32_t revoke)
{
	static const char *const name[] = {
		[GMS_REVOKE_BEST] = "the best there is",
		[GMS_REVOKE_GUARD_VECTOR] = "guard markers, vectored",
		[GMS_REVOKE_GUARD] = "guard markers",
		[GMS_REVOKE_MPROTECT] = "mprotect",
		[GMS_REVOKE_NONE] = "not at all",
	};

	return revoke < sizeof(name) / sizeof(name[0]) ? name[revoke] : NULL;
}

/*
 * A mapping that was converted before and now fails to be revoked as a whole
 * ends up restored as a whole; the kernel fails so only for want of memory for
 * page tables.
 */
int gms_backing_region(struct gms_backing *backing, gms_gfn first, uint32_t base_order,
		       gms_state state, struct gms_region_opts *opts)
{
	struct gms_region_opts region;
	struct gms_host_run whole = { .first = first };
	size_t ndone = 0;
	int rc;

	if (!backing || !opts)
		return -EINVAL;
	rc = gms__linux_sized_check(opts, sizeof(region));
	if (rc)
		return rc;

	whole.npages = backing->revoker.bytes >> GMS_PAGE_SHIFT;
	whole.hva = backing->revoker.base;
	if (state & GMS_STATE_SHARED)
		rc = gms__linux_restore(&backing->revoker, &whole, 1, &ndone, NULL);
	else
		rc = gms__linux_revoke(&backing->revoker, &whole, 1, &ndone, NULL);
	if (rc)
		return rc;

	GMS_INIT(&region);
	region.first = first;
	region.npages = whole.npages;
	region.backing_id = (uint64_t)backing->fd;
	region.hva = backing->revoker.base;
	region.backend = &backing->backend;
	region.base_order = base_order;
	region.state = state;
	gms__linux_sized_put(opts, &region, sizeof(region));
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.c - the file behind each kind of guest memory.
 *
 * System calls, for a seccomp filter: memfd_create, memfd_secret, ftruncate,
 * fcntl(F_ADD_SEALS), ioctl (KVM_CHECK_EXTENSION, KVM_CREATE_GUEST_MEMFD),
 * fallocate, fstat, close.
 */
#define _GNU_SOURCE	/* MFD_CLOEXEC, F_ADD_SEALS */
#include "linux/backing.h"

#include <errno.h>
#include <fcntl.h>

#include <gmemstate/account.h>

#include "linux/sys.h"
#include "linux/uapi.h"

/* Most calls in a row that a signal may interrupt before that is the answer. */
#define TRIES_MAX	16

static int resize(int fd, uint64_t bytes)
{
	const int rc = gms__linux_truncate(fd, bytes);

	if (!rc)
		return fd;
	gms__linux_close(fd);
	/* memfd_secret and hugetlb say so of lengths that no file can have. */
	return rc == -EFBIG ? -ENOMEM : rc;
}

static int memfd_new(uint64_t bytes, unsigned int huge)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | huge;
	int fd = gms__linux_memfd("gmemstate", flags | GMS_MFD_NOEXEC_SEAL);
	int saved;

	if (fd == -EINVAL)	/* a kernel that does not know the flag */
		fd = gms__linux_memfd("gmemstate", flags);
	if (fd < 0)		/* no huge pages, not of this size, or a kernel without any */
		return huge && (fd == -EINVAL || fd == -ENODEV || fd == -ENOSYS) ? -EOPNOTSUPP
										 : fd;
	fd = resize(fd, bytes);
	if (fd < 0)
		return fd;
	/* Keeps others who have the descriptor from pulling pages out from under us. */
	saved = errno;
	(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	errno = saved;
	return fd;
}

static int secret_new(uint64_t bytes)
{
	const int fd = gms__linux_memfd_secret(O_CLOEXEC);

	if (fd < 0)
		return fd == -ENOSYS ? -EOPNOTSUPP : fd;
	return resize(fd, bytes);
}

static int guest_memfd_new(int vm_fd, uint64_t bytes, uint64_t flags)
{
	struct gms__kvm_gmem gmem = { .size = bytes, .flags = flags };
	int rc;

	if (vm_fd < 0)
		return -EBADF;
	rc = gms__linux_ioctl_num(vm_fd, KVM_CHECK_EXTENSION, GMS_KVM_CAP_GUEST_MEMFD_FLAGS);
	if (rc < 0)
		return rc == -ENOTTY ? -EBADF : rc;
	if (((uint64_t)rc & flags) != flags)
		return -EOPNOTSUPP;
	rc = gms__linux_ioctl_num(vm_fd, KVM_CHECK_EXTENSION, GMS_KVM_CAP_GUEST_MEMFD);
	if (rc <= 0)
		return rc ? rc : -EOPNOTSUPP;
	rc = gms__linux_ioctl(vm_fd, GMS_KVM_CREATE_GMEM, &gmem);
	return rc == -ENOTTY ? -EBADF : rc;	/* /dev/kvm itself, not a VM */
}

int gms__linux_file_new(uint32_t kind, uint64_t bytes, int vm_fd)
{
	switch (kind) {
	case GMS_BACKING_MEMFD:
	case GMS_BACKING_MEMFD_THP:
		return memfd_new(bytes, 0);
	case GMS_BACKING_HUGETLB_2M:
		return memfd_new(bytes, MFD_HUGETLB | GMS_HUGE_2M);
	case GMS_BACKING_HUGETLB_1G:
		return memfd_new(bytes, MFD_HUGETLB | GMS_HUGE_1G);
	case GMS_BACKING_MEMFD_SECRET:
		return secret_new(bytes);
	case GMS_BACKING_GUEST_MEMFD:
		return guest_memfd_new(vm_fd, bytes, GMS_GMEM_MMAP | GMS_GMEM_INIT_SHARED);
	case GMS_BACKING_GUEST_MEMFD_PRIVATE:
		return guest_memfd_new(vm_fd, bytes, GMS_GMEM_MMAP);
	case GMS_BACKING_GUEST_MEMFD_OPAQUE:
		return guest_memfd_new(vm_fd, bytes, 0);
	default:
		return -EINVAL;
	}
}

uint64_t gms__linux_file_page_bytes(uint32_t kind)
{
	if (kind == GMS_BACKING_HUGETLB_2M)
		return UINT64_C(2) << 20;
	if (kind == GMS_BACKING_HUGETLB_1G)
		return UINT64_C(1) << 30;
	return 0;
}

uint64_t gms__linux_file_allocated(const struct gms_backing *backing)
{
	uint64_t bytes;

	if (!backing->counts_blocks || gms__linux_file_bytes(backing->fd, &bytes))
		return GMS_BACKING_UNKNOWN;
	return bytes;
}

/*
 * A signal stops the kernel with only a part allocated, or with nothing: of memfd
 * older kernels take back what they had. So a call that was interrupted is made again
 * for half as much, down to a page of the file, and the rest by further ones.
 */
int gms__linux_fallocate_all(int fd, int mode, uint64_t offset, uint64_t bytes,
			     uint64_t page_bytes, struct gms_charge *charge)
{
	uint64_t piece = bytes;
	unsigned int tries = 0;
	int rc = 0;

	while (bytes) {
		piece = piece < bytes ? piece : bytes;
		rc = gms__linux_fallocate(fd, mode, offset, piece);
		gms_charge_add(charge, GMS_ACCT_SYS_FALLOCATE, 1);
		if (!rc) {
			offset += piece;
			bytes -= piece;
			tries = 0;
		} else if (rc == -EINTR && piece / 2 >= page_bytes) {
			piece = piece / 2 / page_bytes * page_bytes;
		} else if ((rc != -EINTR && rc != -EAGAIN) || ++tries >= TRIES_MAX) {
			break;
		}
	}
	return rc;
}

int gms__linux_fallocate_run(const struct gms_backing *backing, const struct gms_host_run *run,
			     int mode, struct gms_charge *charge)
{
	return gms__linux_fallocate_all(backing->fd, mode, run->backing_offset_bytes,
					run->npages << GMS_PAGE_SHIFT, backing->page_bytes,
					charge);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.h - system calls that answer with a negative errno and leave errno alone.
 *
 * A caller of this library may be between its own system call and the look at
 * errno, so every call saves and restores it. Raw numbers are used where the C
 * library is too old to have a wrapper. Nothing here may be a symbol.
 */
#ifndef GMS_LINUX_SYS_H
#define GMS_LINUX_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "linux/uapi.h"

/* What the call returned, or -errno; errno becomes @saved again. */
static inline long gms__linux_result(long rc, int saved)
{
	if (rc < 0)
		rc = -errno;
	errno = saved;
	return rc;
}

static inline int gms__linux_open(const char *path, int flags)
{
	const int saved = errno;

	return (int)gms__linux_result(open(path, flags | O_CLOEXEC), saved);
}

/* Closing what is not open is fine: negative descriptors are errors kept in place of one. */
static inline void gms__linux_close(int fd)
{
	const int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
}

static inline int gms__linux_ioctl(int fd, unsigned long request, void *arg)
{
	const int saved = errno;

	return (int)gms__linux_result(ioctl(fd, request, arg), saved);
}

/* An ioctl whose argument is a number. */
static inline int gms__linux_ioctl_num(int fd, unsigned long request, unsigned long arg)
{
	const int saved = errno;

	return (int)gms__linux_result(ioctl(fd, request, arg), saved);
}

static inline int gms__linux_memfd(const char *name, unsigned int flags)
{
	const int saved = errno;

	return (int)gms__linux_result(syscall(SYS_memfd_create, name, flags), saved);
}

static inline int gms__linux_truncate(int fd, uint64_t bytes)
{
	const int saved = errno;

	return (int)gms__linux_result(ftruncate(fd, (off_t)bytes), saved);
}

/* A descriptor that names this process. */
static inline int gms__linux_pidfd_self(void)
{
	const int saved = errno;

	return (int)gms__linux_result(syscall(SYS_pidfd_open, getpid(), 0), saved);
}

/* 0 and *@out, or a negative errno. */
static inline int gms__linux_mmap(void **out, void *at, size_t bytes, int prot, int flags, int fd)
{
	const int saved = errno;
	void *mem = mmap(at, bytes, prot, flags, fd, 0);
	const int rc = mem == MAP_FAILED ? -errno : 0;

	errno = saved;
	if (!rc)
		*out = mem;
	return rc;
}

static inline void gms__linux_munmap(void *mem, size_t bytes)
{
	const int saved = errno;

	if (mem && bytes)
		(void)munmap(mem, bytes);
	errno = saved;
}

static inline int gms__linux_madvise(void *mem, size_t bytes, int advice)
{
	const int saved = errno;

	return (int)gms__linux_result(madvise(mem, bytes, advice), saved);
}

static inline int gms__linux_mprotect(void *mem, size_t bytes, int prot)
{
	const int saved = errno;

	return (int)gms__linux_result(mprotect(mem, bytes, prot), saved);
}

/* Bytes advised, or a negative errno. */
static inline long gms__linux_process_madvise(int pidfd, const struct iovec *iov, size_t niov,
					      int advice)
{
	const int saved = errno;

	return gms__linux_result(syscall(SYS_process_madvise, pidfd, iov, niov, advice, 0), saved);
}

#endif

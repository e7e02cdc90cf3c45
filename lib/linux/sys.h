/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.h - system calls that answer with a negative errno and leave errno alone.
 *
 * A caller of this library may be between its own system call and the look at
 * errno, so every call saves and restores it. Raw numbers are used where the C
 * library is too old to have a wrapper, or has it for _GNU_SOURCE only. Nothing
 * here may be a symbol.
 */
#ifndef GMS_LINUX_SYS_H
#define GMS_LINUX_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
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

static inline int gms__linux_memfd_secret(unsigned int flags)
{
	const int saved = errno;

	return (int)gms__linux_result(syscall(SYS_memfd_secret, flags), saved);
}

static inline int gms__linux_fallocate(int fd, int mode, uint64_t offset, uint64_t bytes)
{
	const int saved = errno;

	return (int)gms__linux_result(syscall(SYS_fallocate, fd, mode, offset, bytes), saved);
}

/*
 * Memory that a file has, as far as it counts: 0 and *@bytes, or a negative errno. By
 * number, because C libraries make another call of it, and filters are exact.
 */
static inline int gms__linux_file_bytes(int fd, uint64_t *bytes)
{
	const int saved = errno;
	struct stat st;
	const int rc = (int)gms__linux_result(syscall(SYS_fstat, fd, &st), saved);

	if (!rc)
		*bytes = (uint64_t)st.st_blocks * 512;
	return rc;
}

static inline long gms__linux_pread(int fd, void *mem, size_t bytes, uint64_t offset)
{
	const int saved = errno;

	return gms__linux_result(pread(fd, mem, bytes, (off_t)offset), saved);
}

static inline long gms__linux_pwrite(int fd, const void *mem, size_t bytes, uint64_t offset)
{
	const int saved = errno;

	return gms__linux_result(pwrite(fd, mem, bytes, (off_t)offset), saved);
}

static inline int gms__linux_pipe(int fd[2])
{
	const int saved = errno;

	return (int)gms__linux_result(syscall(SYS_pipe2, fd, O_CLOEXEC), saved);
}

/* Copy from this process to itself, by pinning the pages at @from. Bytes, or a negative errno. */
static inline long gms__linux_vm_read(void *to, const void *from, size_t bytes)
{
	const struct iovec local = { to, bytes };
	const struct iovec remote = { (void *)(uintptr_t)from, bytes };
	const int saved = errno;

	return gms__linux_result(syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0),
				 saved);
}

/* Is the page that begins at @mem in memory? 0 and *@resident, or a negative errno. */
static inline int gms__linux_mincore(void *mem, size_t bytes, unsigned char *resident)
{
	const int saved = errno;

	return (int)gms__linux_result(mincore(mem, bytes, resident), saved);
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

/* A part of a file, mapped anywhere, readable and writable. 0 and *@out, or a negative errno. */
static inline int gms__linux_map_part(void **out, int fd, uint64_t offset, size_t bytes)
{
	const int saved = errno;
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
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

static inline int gms__linux_userfaultfd(int flags)
{
	const int saved = errno;

	return (int)gms__linux_result(syscall(SYS_userfaultfd, flags), saved);
}

static inline int gms__linux_eventfd(void)
{
	const int saved = errno;

	return (int)gms__linux_result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), saved);
}

/* An eventfd that is full is readable already: there is nothing to be told. */
static inline void gms__linux_eventfd_post(int fd)
{
	const uint64_t one = 1;
	const int saved = errno;

	(void)gms__linux_result(write(fd, &one, sizeof(one)), saved);
}

static inline long gms__linux_read(int fd, void *to, size_t bytes)
{
	const int saved = errno;

	return gms__linux_result(read(fd, to, bytes), saved);
}

/* 1: readable; 0: not in that time (UINT64_MAX: no limit); or a negative errno. */
static inline int gms__linux_wait_readable(int fd, uint64_t timeout_ns)
{
	struct timespec time = { .tv_sec = (time_t)(timeout_ns / 1000000000),
				 .tv_nsec = (long)(timeout_ns % 1000000000) };
	struct timespec *const until = timeout_ns == UINT64_MAX ? NULL : &time;
	struct pollfd one = { .fd = fd, .events = POLLIN };
	const int saved = errno;

	return (int)gms__linux_result(syscall(SYS_ppoll, &one, 1, until, NULL, 0), saved);
}

#endif

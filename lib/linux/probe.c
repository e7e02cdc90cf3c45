/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - what this host offers, found by trying.
 *
 * Everything that is made here is a descriptor or a mapping of a page or two,
 * and goes away in the function that made it. Nothing is concluded from the
 * kernel's version, and no setting is changed. Where the only trial would be
 * to run a guest (exits) or to use up memory (THP), what the kernel advertises
 * is believed.
 *
 * System calls, for a seccomp filter: openat, read, write, pipe2, close, ioctl,
 * mmap, munmap, madvise, process_madvise, pidfd_open, memfd_create,
 * memfd_secret, ftruncate, userfaultfd, io_uring_setup.
 */
#define _GNU_SOURCE	/* MFD_CLOEXEC */
#include "linux/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <linux/userfaultfd.h>

#include "linux/sized.h"
#include "linux/sys.h"
#include "linux/touch.h"
#include "linux/uapi.h"

#define THP_DIR		"/sys/kernel/mm/transparent_hugepage/"
#define BYTES_2M	(UINT64_C(2) << 20)
#define BYTES_1G	(UINT64_C(1) << 30)

void gms__linux_probe_set(struct gms__linux_probe *probe, enum gms_host_feature feature, int err)
{
	probe->host.error[feature] = err;
	if (!err)
		probe->host.features |= UINT64_C(1) << feature;
}

/* A small file of /proc or /sys, cut to what fits and ended with NUL. */
static int read_text(const char *path, char *text, size_t room)
{
	const int saved = errno;
	const int fd = gms__linux_open(path, O_RDONLY);
	long rc;

	if (fd < 0)
		return fd;
	rc = gms__linux_result(read(fd, text, room - 1), saved);
	gms__linux_close(fd);
	if (rc < 0)
		return (int)rc;
	text[rc] = '\0';
	return 0;
}

static uint64_t max_map_count(void)
{
	char text[32];

	return read_text("/proc/sys/vm/max_map_count", text, sizeof(text))
	       ? 0 : strtoull(text, NULL, 10);
}

/* Two pages of a new memfd, the first of them written. */
static int map_memfd(const struct gms__linux_probe *probe, char **mem)
{
	const uint64_t page = probe->host.page_bytes;
	const int fd = gms__linux_memfd("gmemstate-probe", MFD_CLOEXEC);
	void *got = NULL;
	int rc;

	if (fd < 0)
		return fd;
	rc = gms__linux_truncate(fd, 2 * page);
	if (!rc)
		rc = gms__linux_mmap(&got, NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	gms__linux_close(fd);
	if (!rc) {
		*mem = got;
		**mem = 0x5a;
	}
	return rc;
}

static int probe_memfd(const struct gms__linux_probe *probe)
{
	char *mem;
	int rc = map_memfd(probe, &mem);

	if (rc)
		return rc;
	gms__linux_munmap(mem, 2 * probe->host.page_bytes);
	return 0;
}

static int probe_memfd_secret(const struct gms__linux_probe *probe)
{
	const int fd = gms__linux_memfd_secret(O_CLOEXEC);
	void *mem;
	int rc;

	if (fd < 0)
		return fd;
	rc = gms__linux_truncate(fd, probe->host.page_bytes);
	if (!rc)
		rc = gms__linux_mmap(&mem, NULL, probe->host.page_bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED, fd);
	if (!rc)
		gms__linux_munmap(mem, probe->host.page_bytes);
	gms__linux_close(fd);
	return rc;
}

/* The setting in force: 2M pages have one of their own on newer kernels, or inherit. */
static int probe_memfd_thp(void)
{
	char text[128];
	int rc;

	rc = read_text(THP_DIR "hugepages-2048kB/shmem_enabled", text, sizeof(text));
	if (rc || strstr(text, "[inherit]")) {
		rc = read_text(THP_DIR "shmem_enabled", text, sizeof(text));
		if (rc)
			return rc;
	}
	return strstr(text, "[never]") || strstr(text, "[deny]") ? -EOPNOTSUPP : 0;
}

/* Without MAP_NORESERVE the mapping succeeds only if there is a page for it. */
static int probe_hugetlb(uint64_t bytes, unsigned int size_flag)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (int)size_flag;
	void *mem;
	int rc = gms__linux_mmap(&mem, NULL, bytes, PROT_READ | PROT_WRITE, flags, -1);

	if (!rc)
		gms__linux_munmap(mem, bytes);
	return rc;
}

/* A marked page must refuse, its neighbour must not, and the data must be there after. */
static int check_guard(const struct gms__linux_probe *probe, char *mem,
		       int (*advise)(const struct gms__linux_probe *probe, char *mem, int advice))
{
	int rc = advise(probe, mem, GMS_MADV_GUARD_INSTALL);

	if (rc)
		return rc;
	if (gms__linux_touch(probe->pipe, mem) != -EFAULT ||
	    gms__linux_touch(probe->pipe, mem + probe->host.page_bytes))
		return -EOPNOTSUPP;
	rc = advise(probe, mem, GMS_MADV_GUARD_REMOVE);
	if (rc)
		return rc;
	return gms__linux_touch(probe->pipe, mem) || *mem != 0x5a ? -EOPNOTSUPP : 0;
}

static int advise_alone(const struct gms__linux_probe *probe, char *mem, int advice)
{
	return gms__linux_madvise(mem, probe->host.page_bytes, advice);
}

static int advise_vector(const struct gms__linux_probe *probe, char *mem, int advice)
{
	const struct iovec iov = { mem, probe->host.page_bytes };
	const int pidfd = gms__linux_pidfd_self();
	long rc;

	if (pidfd < 0)
		return pidfd;
	rc = gms__linux_process_madvise(pidfd, &iov, 1, advice);
	gms__linux_close(pidfd);
	return rc < 0 ? (int)rc : rc == (long)iov.iov_len ? 0 : -EOPNOTSUPP;
}

static int probe_guard(const struct gms__linux_probe *probe,
		       int (*advise)(const struct gms__linux_probe *probe, char *mem, int advice))
{
	char *mem;
	int rc = map_memfd(probe, &mem);

	if (rc)
		return rc;
	rc = check_guard(probe, mem, advise);
	gms__linux_munmap(mem, 2 * probe->host.page_bytes);
	return rc;
}

static int probe_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = gms__linux_userfaultfd(O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd == -EPERM)
		fd = gms__linux_userfaultfd(O_CLOEXEC | O_NONBLOCK | GMS__UFFD_USER_MODE_ONLY);
	if (fd < 0)
		return fd;
	rc = gms__linux_ioctl(fd, UFFDIO_API, &api);
	gms__linux_close(fd);
	return rc;
}

static int probe_io_uring(void)
{
	const int saved = errno;
	struct gms__io_uring_params params = { 0 };
	const int fd = (int)gms__linux_result(syscall(SYS_io_uring_setup, 1, &params), saved);

	gms__linux_close(fd);
	return fd < 0 ? fd : 0;
}

int gms_host_probe(struct gms_host *host)
{
	struct gms__linux_probe probe = { 0 };
	int rc;

	if (!host)
		return -EINVAL;
	rc = gms__linux_sized_check(host, sizeof(*host));
	if (rc)
		return rc;
	probe.host.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	probe.host.max_map_count = max_map_count();
	/* Without a pipe every touch fails, and what depends on one is answered no. */
	(void)gms__linux_touch_open(probe.pipe);

	gms__linux_probe_kvm(&probe);
	gms__linux_probe_set(&probe, GMS_HOST_MEMFD, probe_memfd(&probe));
	gms__linux_probe_set(&probe, GMS_HOST_MEMFD_SECRET, probe_memfd_secret(&probe));
	gms__linux_probe_set(&probe, GMS_HOST_MEMFD_THP, probe_memfd_thp());
	gms__linux_probe_set(&probe, GMS_HOST_HUGETLB_2M, probe_hugetlb(BYTES_2M, GMS_HUGE_2M));
	gms__linux_probe_set(&probe, GMS_HOST_HUGETLB_1G, probe_hugetlb(BYTES_1G, GMS_HUGE_1G));
	gms__linux_probe_set(&probe, GMS_HOST_GUARD, probe_guard(&probe, advise_alone));
	gms__linux_probe_set(&probe, GMS_HOST_GUARD_VECTOR, probe_guard(&probe, advise_vector));
	gms__linux_probe_set(&probe, GMS_HOST_UFFD, probe_uffd());
	gms__linux_probe_set(&probe, GMS_HOST_IO_URING, probe_io_uring());

	gms__linux_touch_close(probe.pipe);
	gms__linux_sized_put(host, &probe.host, sizeof(probe.host));
	return 0;
}

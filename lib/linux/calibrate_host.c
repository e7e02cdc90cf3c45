/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibrate_host.c - what it costs to take pages away and to give them back.
 *
 * A batch works on every other page of guest memory, as a guest with scattered
 * buffers would have it done, or on a whole block of 2M of small pages; it ends
 * with all of it mapped again.
 */
#define _GNU_SOURCE	/* FALLOC_FL_PUNCH_HOLE */
#include "linux/calibrate.h"

#include <errno.h>
#include <fcntl.h>

#include "linux/sys.h"
#include "linux/uapi.h"

/* Vectors of one call; what a call with one costs less is what a vector costs. */
#define VECTORS		64u

static char *scattered(const struct gms__calib *calib, unsigned int i)
{
	return calib->mem + 2 * i * calib->page;
}

/* --- system calls ---------------------------------------------------------------- */

#define CALLS	256u

static int call_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const uint64_t start = gms__calib_now();

	(void)calib;
	(void)arg;
	for (unsigned int i = 0; i < CALLS; i++)
		(void)syscall(SYS_getppid);	/* can not fail */
	ns[0] = gms__calib_each(start, CALLS);
	return 0;
}

/* To close on exec what does so already. */
static int ioctl_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const int fd = gms_backing_fd(calib->memfd);
	const uint64_t start = gms__calib_now();

	(void)arg;
	for (unsigned int i = 0; i < CALLS; i++) {
		const int rc = gms__linux_ioctl_num(fd, FIOCLEX, 0);

		if (rc)
			return rc;
	}
	ns[0] = gms__calib_each(start, CALLS);
	return 0;
}

int gms__calib_calls(struct gms__calib *calib)
{
	uint64_t *const call[GMS__CALIB_NUMBERS] = { &calib->model.syscall_ns };
	uint64_t *const nothing[GMS__CALIB_NUMBERS] = { &calib->model.ioctl_ns };
	const int rc = gms__calib_measure(calib, call_batch, NULL, call);

	return rc ? rc : gms__calib_measure(calib, ioctl_batch, NULL, nothing);
}

/* --- guard markers, mprotect, DONTNEED --------------------------------------------- */

/* A pair of operations that undo each other, by page and by block. */
struct pair {
	int (*take)(struct gms__calib *calib, char *mem, uint64_t bytes);
	int (*give)(struct gms__calib *calib, char *mem, uint64_t bytes);
};

static int pair_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const struct pair *pair = arg;
	uint64_t start = gms__calib_now();
	int rc = 0;

	for (unsigned int i = 0; !rc && i < GMS__CALIB_BATCH; i++)
		rc = pair->take(calib, scattered(calib, i), calib->page);
	ns[0] = gms__calib_each(start, GMS__CALIB_BATCH);
	start = gms__calib_now();
	for (unsigned int i = 0; !rc && i < GMS__CALIB_BATCH; i++)
		rc = pair->give(calib, scattered(calib, i), calib->page);
	ns[1] = gms__calib_each(start, GMS__CALIB_BATCH);
	if (!rc)
		gms__calib_touch(calib, calib->mem, GMS__CALIB_BATCH * 2 * calib->page);
	return rc;
}

static int pair_2m_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const struct pair *pair = arg;
	uint64_t start = gms__calib_now();
	int rc = pair->take(calib, calib->mem, GMS__CALIB_2M);

	ns[0] = gms__calib_each(start, 1);
	start = gms__calib_now();
	if (!rc)
		rc = pair->give(calib, calib->mem, GMS__CALIB_2M);
	ns[1] = gms__calib_each(start, 1);
	if (!rc)
		gms__calib_touch(calib, calib->mem, GMS__CALIB_2M);
	return rc;
}

static int measure_pair(struct gms__calib *calib, struct pair pair,
			uint64_t *const page[GMS__CALIB_NUMBERS],
			uint64_t *const block[GMS__CALIB_NUMBERS])
{
	const int rc = gms__calib_measure(calib, pair_batch, &pair, page);

	return rc ? rc : gms__calib_measure(calib, pair_2m_batch, &pair, block);
}

static int guard_install(struct gms__calib *calib, char *mem, uint64_t bytes)
{
	(void)calib;
	return gms__linux_madvise(mem, bytes, GMS_MADV_GUARD_INSTALL);
}

static int guard_remove(struct gms__calib *calib, char *mem, uint64_t bytes)
{
	(void)calib;
	return gms__linux_madvise(mem, bytes, GMS_MADV_GUARD_REMOVE);
}

int gms__calib_guard(struct gms__calib *calib)
{
	uint64_t *const page[GMS__CALIB_NUMBERS] = {
		&calib->model.guard_install_page_ns, &calib->model.guard_remove_page_ns,
	};
	uint64_t *const block[GMS__CALIB_NUMBERS] = {
		&calib->model.guard_install_2m_ns, &calib->model.guard_remove_2m_ns,
	};

	return measure_pair(calib, (struct pair){ guard_install, guard_remove }, page, block);
}

static int protect_none(struct gms__calib *calib, char *mem, uint64_t bytes)
{
	(void)calib;
	return gms__linux_mprotect(mem, bytes, PROT_NONE);
}

static int protect_rw(struct gms__calib *calib, char *mem, uint64_t bytes)
{
	(void)calib;
	return gms__linux_mprotect(mem, bytes, PROT_READ | PROT_WRITE);
}

int gms__calib_mprotect(struct gms__calib *calib)
{
	uint64_t *const page[GMS__CALIB_NUMBERS] = {
		&calib->model.mprotect_none_page_ns, &calib->model.mprotect_rw_page_ns,
	};
	uint64_t *const block[GMS__CALIB_NUMBERS] = {
		&calib->model.mprotect_none_2m_ns, &calib->model.mprotect_rw_2m_ns,
	};

	return measure_pair(calib, (struct pair){ protect_none, protect_rw }, page, block);
}

static int dontneed(struct gms__calib *calib, char *mem, uint64_t bytes)
{
	(void)calib;
	return gms__linux_madvise(mem, bytes, MADV_DONTNEED);
}

static int touch(struct gms__calib *calib, char *mem, uint64_t bytes)
{
	gms__calib_touch(calib, mem, bytes);
	return 0;
}

static void read_pages(const struct gms__calib *calib, const char *mem, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += calib->page)
		(void)*(const volatile char *)(mem + at);
}

/* A fault by reading may map neighbours: one page of each 32, and a whole block. */
static int read_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const uint64_t stride = GMS__CALIB_2M / GMS__CALIB_BATCH;
	uint64_t start;
	int rc = 0;

	(void)arg;
	for (unsigned int i = 0; !rc && i < GMS__CALIB_BATCH; i++)
		rc = dontneed(calib, calib->mem + i * stride, calib->page);
	start = gms__calib_now();
	for (unsigned int i = 0; !rc && i < GMS__CALIB_BATCH; i++)
		read_pages(calib, calib->mem + i * stride, calib->page);
	ns[0] = gms__calib_each(start, GMS__CALIB_BATCH);
	if (!rc)
		rc = dontneed(calib, calib->mem, GMS__CALIB_2M);
	start = gms__calib_now();
	if (!rc)
		read_pages(calib, calib->mem, GMS__CALIB_2M);
	ns[1] = gms__calib_each(start, 1);
	if (!rc)
		gms__calib_touch(calib, calib->mem, GMS__CALIB_2M);
	return rc;
}

int gms__calib_dontneed(struct gms__calib *calib)
{
	uint64_t *const page[GMS__CALIB_NUMBERS] = {
		&calib->model.dontneed_page_ns, &calib->model.refault_page_ns,
	};
	uint64_t *const block[GMS__CALIB_NUMBERS] = { &calib->model.dontneed_2m_ns };
	uint64_t *const reads[GMS__CALIB_NUMBERS] = {
		&calib->model.refault_read_page_ns, &calib->model.refault_read_2m_ns,
	};
	const int rc = measure_pair(calib, (struct pair){ dontneed, touch }, page, block);

	return rc ? rc : gms__calib_measure(calib, read_batch, NULL, reads);
}

/* --- vectors ----------------------------------------------------------------------- */

static int advise_vector(struct gms__calib *calib, unsigned int n, int advice)
{
	struct iovec iov[VECTORS];
	long rc;

	for (unsigned int i = 0; i < n; i++)
		iov[i] = (struct iovec){ scattered(calib, i), calib->page };
	rc = gms__linux_process_madvise(calib->pidfd, iov, n, advice);
	if (rc < 0)
		return (int)rc;
	return (uint64_t)rc == n * calib->page ? 0 : -EOPNOTSUPP;
}

/* Each vector, and what is left of a call with one. */
static int dontneed_vector_batch(struct gms__calib *calib, void *arg,
				 uint64_t ns[GMS__CALIB_NUMBERS])
{
	uint64_t start = gms__calib_now(), one, all;
	int rc = advise_vector(calib, 1, MADV_DONTNEED);

	(void)arg;
	one = gms__calib_each(start, 1);
	gms__calib_touch(calib, calib->mem, calib->page);
	start = gms__calib_now();
	if (!rc)
		rc = advise_vector(calib, VECTORS, MADV_DONTNEED);
	all = gms__calib_each(start, 1);
	gms__calib_touch(calib, calib->mem, VECTORS * 2 * calib->page);
	ns[1] = gms__calib_difference(all, one) / (VECTORS - 1);
	ns[1] += !ns[1];
	ns[0] = gms__calib_difference(one, ns[1]);
	return rc;
}

int gms__calib_vector(struct gms__calib *calib)
{
	uint64_t *const numbers[GMS__CALIB_NUMBERS] = {
		&calib->model.process_madvise_ns, &calib->model.process_madvise_vector_ns,
	};

	if (calib->pidfd < 0)
		return calib->pidfd;
	return gms__calib_measure(calib, dontneed_vector_batch, NULL, numbers);
}

static int guard_vector_batch(struct gms__calib *calib, void *arg,
			      uint64_t ns[GMS__CALIB_NUMBERS])
{
	uint64_t start = gms__calib_now();
	int rc = advise_vector(calib, VECTORS, GMS_MADV_GUARD_INSTALL);

	(void)arg;
	ns[0] = gms__calib_each(start, VECTORS);
	start = gms__calib_now();
	if (!rc)
		rc = advise_vector(calib, VECTORS, GMS_MADV_GUARD_REMOVE);
	ns[1] = gms__calib_each(start, VECTORS);
	if (!rc)
		gms__calib_touch(calib, calib->mem, VECTORS * 2 * calib->page);
	return rc;
}

int gms__calib_guard_vector(struct gms__calib *calib)
{
	uint64_t *const numbers[GMS__CALIB_NUMBERS] = {
		&calib->model.guard_install_vector_ns, &calib->model.guard_remove_vector_ns,
	};

	if (calib->pidfd < 0)
		return calib->pidfd;
	return gms__calib_measure(calib, guard_vector_batch, NULL, numbers);
}

/* --- flushes ----------------------------------------------------------------------- */

/*
 * To take a page away that was touched, less the same of one that was not: that
 * changes as many page tables, and has nothing to flush. The page is a mapping of
 * its own, or the cuts would be most of it.
 */
static int flush_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	uint64_t with = 0, without = 0;
	char *mem = arg;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < 2 * GMS__CALIB_BATCH; i++) {
		uint64_t start;

		if (i & 1)
			gms__calib_touch(calib, mem, calib->page);
		start = gms__calib_now();
		rc = protect_none(calib, mem, calib->page);
		*(i & 1 ? &with : &without) += gms__calib_each(start, 1);
		if (!rc)
			rc = protect_rw(calib, mem, calib->page);
		if (!rc && (i & 1))	/* it is there, and must not be found by the next */
			rc = dontneed(calib, mem, calib->page);
	}
	ns[0] = gms__calib_difference(with, without) / GMS__CALIB_BATCH;
	ns[0] += !ns[0];
	return rc;
}

static int flush_beside(struct gms__calib *calib, char *mem, unsigned int others, uint64_t *number)
{
	uint64_t *const numbers[GMS__CALIB_NUMBERS] = { number };
	int rc = gms__calib_crew_start(calib, others);

	if (rc)
		return rc;
	rc = gms__calib_measure(calib, flush_batch, mem, numbers);
	gms__calib_crew_stop(&calib->crew);
	if (!rc)
		calib->model.threads = others;
	return rc;
}

/* As many beside as there are CPUs for, and as the caller wants. */
int gms__calib_flush(struct gms__calib *calib)
{
	uint64_t most = calib->model.cpus ? calib->model.cpus - 1 : 0;
	void *mem;
	int rc;

	if (most > calib->opts.threads)
		most = calib->opts.threads;
	rc = gms__linux_mmap(&mem, NULL, calib->page, PROT_READ | PROT_WRITE, MAP_SHARED,
			     gms_backing_fd(calib->memfd));
	if (rc)
		return rc;
	for (unsigned int i = 0; !rc && i < GMS_COST_FLUSH_POINTS; i++) {
		const unsigned int others = i ? 1u << (i - 1) : 0;

		if (others > most)
			break;
		rc = flush_beside(calib, mem, others, &calib->model.flush_ns[i]);
	}
	gms__linux_munmap(mem, calib->page);
	return rc;
}

/* --- holes --------------------------------------------------------------------------- */

struct file {
	int fd;
	char *mem;
};

static int punch(const struct file *file, uint64_t at, uint64_t bytes)
{
	return gms__linux_fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
				    bytes);
}

static int punch_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const struct file *file = arg;
	uint64_t start = gms__calib_now();
	int rc = 0;

	for (unsigned int i = 0; !rc && i < GMS__CALIB_BATCH; i++)
		rc = punch(file, 2 * i * calib->page, calib->page);
	ns[0] = gms__calib_each(start, GMS__CALIB_BATCH);
	if (rc)
		return rc;
	start = gms__calib_now();
	for (unsigned int i = 0; i < GMS__CALIB_BATCH; i++)
		gms__calib_touch(calib, file->mem + 2 * i * calib->page, calib->page);
	ns[1] = gms__calib_each(start, GMS__CALIB_BATCH);
	return 0;
}

static int punch_2m_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const struct file *file = arg;
	const uint64_t start = gms__calib_now();
	const int rc = punch(file, 0, GMS__CALIB_2M);

	ns[0] = gms__calib_each(start, 1);
	if (!rc)
		gms__calib_touch(calib, file->mem, GMS__CALIB_2M);
	return rc;
}

static int measure_file(struct gms__calib *calib, struct gms_backing *backing,
			uint64_t *const page[GMS__CALIB_NUMBERS],
			uint64_t *const block[GMS__CALIB_NUMBERS])
{
	struct file file = { gms_backing_fd(backing), gms_backing_hva(backing) };
	int rc;

	gms__calib_touch(calib, file.mem, GMS__CALIB_BYTES);
	rc = gms__calib_measure(calib, punch_batch, &file, page);
	return rc ? rc : gms__calib_measure(calib, punch_2m_batch, &file, block);
}

int gms__calib_punch(struct gms__calib *calib)
{
	uint64_t *const page[GMS__CALIB_NUMBERS] = {
		&calib->model.punch_memfd_page_ns, &calib->model.populate_memfd_page_ns,
	};
	uint64_t *const block[GMS__CALIB_NUMBERS] = { &calib->model.punch_memfd_2m_ns };

	return measure_file(calib, calib->memfd, page, block);
}

static int refault_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const uint64_t bytes = 4 * GMS__CALIB_BATCH * calib->page;
	const int rc = dontneed(calib, arg, bytes);
	const uint64_t start = gms__calib_now();

	if (!rc)
		gms__calib_touch(calib, arg, bytes);
	ns[0] = gms__calib_each(start, 4 * GMS__CALIB_BATCH);
	return rc;
}

int gms__calib_gmem(struct gms__calib *calib)
{
	uint64_t *const page[GMS__CALIB_NUMBERS] = {
		&calib->model.punch_gmem_page_ns, &calib->model.populate_gmem_page_ns,
	};
	uint64_t *const block[GMS__CALIB_NUMBERS] = { &calib->model.punch_gmem_2m_ns };
	uint64_t *const refault[GMS__CALIB_NUMBERS] = { &calib->model.refault_gmem_page_ns };
	struct gms_backing *gmem = NULL;
	struct gms_backing_opts opts;
	int rc;

	if (calib->vm_fd < 0)
		return calib->vm_fd;
	GMS_INIT(&opts);
	opts.bytes = GMS__CALIB_BYTES;
	opts.kind = GMS_BACKING_GUEST_MEMFD;
	opts.revoke = GMS_REVOKE_NONE;
	opts.vm_fd = calib->vm_fd;
	rc = gms_backing_new(&gmem, &opts);
	if (rc)
		return rc;
	rc = measure_file(calib, gmem, page, block);
	if (!rc)
		rc = gms__calib_measure(calib, refault_batch, gms_backing_hva(gmem), refault);
	if (!rc)
		rc = gms__calib_guest_faults(calib, gmem);
	gms_backing_free(gmem);
	return rc;
}

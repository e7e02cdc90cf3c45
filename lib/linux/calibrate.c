/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibrate.c - measure the unit costs of this host, part after part.
 *
 * The budget is shared out as it is used: each measurement gets an equal share of
 * what is left, so that one that was quick, or that this host does not have,
 * leaves its time to those after it. A share is spent on batches; the number is
 * their median, because a batch that was interrupted is not slower by a little
 * but by a thousand times.
 *
 *   K1  A first batch is not counted: it finds memory that a virtual host may have
 *       to fetch, and code that is not in the cache.
 *   K2  What was measured in part only is not known: a part that fails leaves zeros
 *       for what it had not got to, and its error.
 *   K3  Nothing is left behind: no thread, descriptor, mapping; the calling thread
 *       may run where it could before.
 *
 * System calls, for a seccomp filter: calls.def lists them, those of threads too.
 */
#define _GNU_SOURCE	/* sched_getaffinity, cpu_set_t */
#include "linux/calibrate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gmemstate/linux/backing.h>

#include "linux/sized.h"
#include "linux/sys.h"
#include "linux/uapi.h"

#define BUDGET_MS	1500u
#define NS_PER_MS	UINT64_C(1000000)
#define NS_PER_S	UINT64_C(1000000000)

/* Medians of more batches are not better. */
#define SAMPLES_MAX	101

/* Most that one measurement may take of the budget: later ones are no less wanted. */
#define SHARE_MOST_NS	(80 * NS_PER_MS)

struct part {
	const char *name;
	int (*run)(struct gms__calib *calib);
	unsigned int measurements;	/* at most, of which shares of the budget are made */
};

static const struct part parts[GMS_CALIBRATE_PARTS] = {
	[GMS_CALIBRATE_CALLS] = { "system calls", gms__calib_calls, 2 },
	[GMS_CALIBRATE_FLUSH] = { "flushes", gms__calib_flush, 3 },
	[GMS_CALIBRATE_GUARD] = { "guard markers", gms__calib_guard, 2 },
	[GMS_CALIBRATE_GUARD_VECTOR] = { "guard markers, vectored", gms__calib_guard_vector, 1 },
	[GMS_CALIBRATE_MPROTECT] = { "mprotect", gms__calib_mprotect, 2 },
	[GMS_CALIBRATE_DONTNEED] = { "discard of a mapping", gms__calib_dontneed, 3 },
	[GMS_CALIBRATE_VECTOR] = { "process_madvise", gms__calib_vector, 1 },
	[GMS_CALIBRATE_PUNCH] = { "holes in memfd", gms__calib_punch, 2 },
	[GMS_CALIBRATE_COPY] = { "memcpy", gms__calib_copy, 10 },
	[GMS_CALIBRATE_FILE] = { "file I/O to memfd", gms__calib_file, 5 },
	[GMS_CALIBRATE_KVM] = { "exits of a guest", gms__calib_kvm, 2 },
	[GMS_CALIBRATE_GMEM] = { "guest_memfd", gms__calib_gmem, 4 },
	[GMS_CALIBRATE_MISSING] = { "userfault, missing", gms__calib_missing, 1 },
	[GMS_CALIBRATE_MINOR] = { "userfault, minor", gms__calib_minor, 1 },
};

uint64_t gms__calib_now(void)
{
	struct timespec now;

	/* Fails for an unknown clock only. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t gms__calib_each(uint64_t start, uint64_t n)
{
	const uint64_t each = (gms__calib_now() - start + n / 2) / n;

	return each ? each : 1;
}

uint64_t gms__calib_difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 1;
}

void gms__calib_touch(const struct gms__calib *calib, char *mem, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += calib->page)
		*(volatile char *)(mem + at) = 1;
}

static int ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int gms__calib_measure(struct gms__calib *calib, gms__calib_batch_fn *batch, void *arg,
		       uint64_t *const medians[GMS__CALIB_NUMBERS])
{
	uint64_t sample[GMS__CALIB_NUMBERS][SAMPLES_MAX], ns[GMS__CALIB_NUMBERS] = { 0 };
	const uint64_t start = gms__calib_now();
	uint64_t share = calib->end_ns > start ? (calib->end_ns - start) / calib->left : 0;
	size_t n = 0;
	int rc;

	if (calib->left > 1)
		calib->left--;
	if (share > SHARE_MOST_NS)
		share = SHARE_MOST_NS;
	rc = batch(calib, arg, ns);	/* K1 */
	while (!rc && n < SAMPLES_MAX) {
		rc = batch(calib, arg, ns);
		for (size_t k = 0; k < GMS__CALIB_NUMBERS; k++)
			sample[k][n] = ns[k];
		n++;
		if (gms__calib_now() - start >= share)
			break;
	}
	if (rc)
		return rc;
	calib->result.samples += n;
	for (size_t k = 0; k < GMS__CALIB_NUMBERS; k++) {
		if (!medians[k])
			continue;
		qsort(sample[k], n, sizeof(sample[k][0]), ascending);
		*medians[k] = sample[k][n / 2];
	}
	return 0;
}

/* Where the caller may run, and keep it where it is. A filter may refuse: unbound then. */
static void bind_caller(struct gms__calib *calib)
{
	const int saved = errno;
	cpu_set_t one;
	int cpu;

	calib->cpu = -1;
	if (sched_getaffinity(0, sizeof(calib->allowed), &calib->allowed)) {
		CPU_ZERO(&calib->allowed);
		errno = saved;
		return;
	}
	cpu = sched_getcpu();
	if (!(calib->opts.flags & GMS_CALIBRATE_NO_BIND) && cpu >= 0 && cpu < CPU_SETSIZE) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!sched_setaffinity(0, sizeof(one), &one))
			calib->cpu = cpu;
	}
	errno = saved;
}

static void unbind_caller(const struct gms__calib *calib)
{
	const int saved = errno;

	if (calib->cpu >= 0)
		(void)sched_setaffinity(0, sizeof(calib->allowed), &calib->allowed);
	errno = saved;
}

static int open_memory(struct gms__calib *calib)
{
	struct gms_backing_opts opts;
	int rc;

	GMS_INIT(&opts);
	opts.bytes = GMS__CALIB_BYTES;
	opts.kind = GMS_BACKING_MEMFD;
	opts.revoke = GMS_REVOKE_NONE;
	rc = gms_backing_new(&calib->memfd, &opts);
	if (rc)
		return rc;
	calib->mem = gms_backing_hva(calib->memfd);
	/* Where the host gives huge pages unasked, a page would be measured as a split. */
	(void)gms__linux_madvise(calib->mem, GMS__CALIB_BYTES, MADV_NOHUGEPAGE);
	gms__calib_touch(calib, calib->mem, GMS__CALIB_BYTES);
	return 0;
}

static void open_all(struct gms__calib *calib)
{
	calib->pidfd = gms__linux_pidfd_self();
	calib->kvm_fd = -EOPNOTSUPP;
	if (calib->opts.flags & GMS_CALIBRATE_KVM_FD)
		calib->kvm_fd = calib->opts.kvm_fd < 0 ? -EBADF : calib->opts.kvm_fd;
	else if (!(calib->opts.flags & GMS_CALIBRATE_NO_KVM))
		calib->kvm_fd = gms__linux_open("/dev/kvm", O_RDWR);
	calib->vm_fd = calib->kvm_fd;
	if (calib->kvm_fd >= 0)
		calib->vm_fd = gms__linux_ioctl_num(calib->kvm_fd, KVM_CREATE_VM, 0);
}

static void close_all(struct gms__calib *calib)
{
	gms__linux_close(calib->vm_fd);
	if (!(calib->opts.flags & GMS_CALIBRATE_KVM_FD))
		gms__linux_close(calib->kvm_fd);
	gms__linux_close(calib->pidfd);
	gms_backing_free(calib->memfd);
}

static int tell(const struct gms__calib *calib, uint32_t part)
{
	return calib->opts.progress ?
	       calib->opts.progress(calib->opts.ctx, part, GMS_CALIBRATE_PARTS) : 0;
}

static int run_parts(struct gms__calib *calib)
{
	unsigned int left = 0;
	int rc;

	for (uint32_t i = 0; i < GMS_CALIBRATE_PARTS; i++)
		left += parts[i].measurements;
	for (uint32_t i = 0; i < GMS_CALIBRATE_PARTS; i++) {
		rc = tell(calib, i);
		if (rc)
			return rc;
		calib->left = left;
		calib->result.error[i] = parts[i].run(calib);
		left -= parts[i].measurements;
	}
	return tell(calib, GMS_CALIBRATE_PARTS);
}

static int run(struct gms__calib *calib)
{
	const uint64_t start = gms__calib_now();
	int rc;

	calib->end_ns = start + calib->opts.budget_ms * NS_PER_MS;
	rc = open_memory(calib);
	if (rc)
		return rc;
	open_all(calib);
	bind_caller(calib);
	calib->model.host_page_bytes = calib->page;
	calib->model.cpus = (uint64_t)CPU_COUNT(&calib->allowed);
	rc = run_parts(calib);
	unbind_caller(calib);
	close_all(calib);
	calib->result.elapsed_ns = gms__calib_now() - start;
	return rc;
}

static int check_opts(struct gms_calibrate_opts *opts)
{
	const uint32_t known = GMS_CALIBRATE_KVM_FD | GMS_CALIBRATE_NO_KVM | GMS_CALIBRATE_NO_BIND;

	if (opts->flags & ~known || opts->budget_ms > GMS_CALIBRATE_MOST_MS ||
	    opts->threads > GMS__CALIB_THREADS)
		return -EINVAL;
	if (!opts->budget_ms)
		opts->budget_ms = BUDGET_MS;
	if (!opts->threads)
		opts->threads = GMS__CALIB_THREADS;
	return 0;
}

int gms_calibrate(struct gms_cost_model *model, const struct gms_calibrate_opts *opts,
		  struct gms_calibrate_result *result)
{
	struct gms__calib *calib;
	int rc;

	if (!model)
		return -EINVAL;
	rc = gms__linux_sized_check(model, sizeof(calib->model));
	if (!rc && result)
		rc = gms__linux_sized_check(result, sizeof(calib->result));
	if (!rc && opts)
		rc = gms__linux_sized_check(opts, sizeof(calib->opts));
	if (rc)
		return rc;
	calib = calloc(1, sizeof(*calib));
	if (!calib)
		return -ENOMEM;
	if (opts)
		gms__linux_sized_get(&calib->opts, sizeof(calib->opts), opts);
	calib->page = (uint64_t)sysconf(_SC_PAGESIZE);
	rc = check_opts(&calib->opts);
	if (!rc)
		rc = run(calib);
	if (!rc) {
		gms__linux_sized_put(model, &calib->model, sizeof(calib->model));
		if (result)
			gms__linux_sized_put(result, &calib->result, sizeof(calib->result));
	}
	free(calib);
	return rc;
}

const char *gms_calibrate_part_name(uint32_t part)
{
	return part < GMS_CALIBRATE_PARTS ? parts[part].name : NULL;
}

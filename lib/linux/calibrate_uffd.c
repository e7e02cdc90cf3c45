/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibrate_uffd.c - what a fault costs that another thread of the process serves.
 *
 * The caller touches pages one by one; a thread on another CPU, where there is
 * one, waits in poll(2) as a handler does, and fills each in. A mapping of its own
 * is armed, over the same file: the handler of missing pages copies into holes,
 * that of minor faults maps what is there.
 *
 *   U1  A touch never waits for ever: the handler ends only after the caller said
 *       so, and if it can not serve a fault it disarms the mapping, which wakes the
 *       caller and lets the kernel serve what is left.
 */
#define _GNU_SOURCE	/* O_CLOEXEC, syscall, FALLOC_FL_PUNCH_HOLE */
#include "linux/calibrate.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include <linux/userfaultfd.h>

#include "linux/sys.h"
#include "linux/uapi.h"

struct armed {
	struct gms__calib *calib;
	char *mem;		/* the armed mapping */
	int fd;			/* userfaultfd */
	int stop;		/* eventfd */
	bool minor;
	atomic_int error;	/* of the handler */
	pthread_t handler;
};

static int serve(const struct armed *on, uint64_t address)
{
	const uint64_t page = on->calib->page, at = address & ~(page - 1);
	struct uffdio_continue map = { .range = { at, page } };
	struct uffdio_copy copy = {
		.dst = at, .src = (uintptr_t)on->calib->mem + GMS__CALIB_2M, .len = page,
	};

	return on->minor ? gms__linux_ioctl(on->fd, UFFDIO_CONTINUE, &map)
			 : gms__linux_ioctl(on->fd, UFFDIO_COPY, &copy);
}

static void disarm(const struct armed *on)
{
	struct uffdio_range range = { (uintptr_t)on->mem, GMS__CALIB_2M };

	(void)gms__linux_ioctl(on->fd, UFFDIO_UNREGISTER, &range);
	/* The kernel has woken who waits for a missing page, but not for a minor fault. */
	(void)gms__linux_ioctl(on->fd, UFFDIO_WAKE, &range);
}

static void *handle(void *arg)
{
	struct armed *on = arg;
	struct pollfd fds[2] = {
		{ .fd = on->fd, .events = POLLIN }, { .fd = on->stop, .events = POLLIN },
	};
	struct uffd_msg msg;
	int rc = 0;

	while (!fds[1].revents) {
		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			rc = -errno;
			break;
		}
		if (!(fds[0].revents & POLLIN))
			continue;
		if (gms__linux_read(on->fd, &msg, sizeof(msg)) != (long)sizeof(msg))
			continue;
		rc = serve(on, msg.arg.pagefault.address);
		if (rc)
			break;
	}
	if (rc) {
		atomic_store(&on->error, rc);
		disarm(on);
	}
	return NULL;
}

static int uffd_open(uint64_t features)
{
	const int flags = O_CLOEXEC | O_NONBLOCK;
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = gms__linux_userfaultfd(flags), rc;

	if (fd == -EPERM)
		fd = gms__linux_userfaultfd(flags | GMS__UFFD_USER_MODE_ONLY);
	if (fd < 0)
		return fd;
	rc = gms__linux_ioctl(fd, UFFDIO_API, &api);
	if (!rc)
		return fd;
	gms__linux_close(fd);
	return rc;
}

/* Arm a new mapping, none of which is mapped yet. */
static int arm(struct armed *on)
{
	struct uffdio_register range = { .range = { 0, GMS__CALIB_2M } };
	void *mem;
	int rc = gms__linux_mmap(&mem, NULL, GMS__CALIB_2M, PROT_READ | PROT_WRITE, MAP_SHARED,
				 gms_backing_fd(on->calib->memfd));

	if (rc)
		return rc;
	on->mem = mem;
	(void)gms__linux_madvise(mem, GMS__CALIB_2M, MADV_NOHUGEPAGE);
	on->fd = uffd_open(on->minor ? UFFD_FEATURE_MINOR_SHMEM : UFFD_FEATURE_MISSING_SHMEM);
	if (on->fd < 0)
		return on->fd;
	range.range.start = (uintptr_t)mem;
	range.mode = on->minor ? UFFDIO_REGISTER_MODE_MINOR : UFFDIO_REGISTER_MODE_MISSING;
	rc = gms__linux_ioctl(on->fd, UFFDIO_REGISTER, &range);
	if (rc)
		return rc;
	on->stop = gms__linux_eventfd();
	return on->stop < 0 ? on->stop : 0;
}

static int fault_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	struct armed *on = arg;
	const uint64_t bytes = 2 * GMS__CALIB_BATCH * calib->page;
	uint64_t start;
	int rc = gms__linux_madvise(on->mem, bytes, MADV_DONTNEED);

	if (!rc && !on->minor)
		rc = gms__linux_fallocate(gms_backing_fd(calib->memfd),
					  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes);
	if (rc)
		return rc;
	start = gms__calib_now();
	for (unsigned int i = 0; i < GMS__CALIB_BATCH; i++)
		gms__calib_touch(calib, on->mem + 2 * i * calib->page, calib->page);
	ns[0] = gms__calib_each(start, GMS__CALIB_BATCH);
	return atomic_load(&on->error);
}

static void stop_handler(struct armed *on)
{
	gms__linux_eventfd_post(on->stop);
	pthread_join(on->handler, NULL);
}

static int measure_faults(struct gms__calib *calib, bool minor, uint64_t *number)
{
	struct armed on = { .calib = calib, .fd = -1, .stop = -1, .minor = minor };
	uint64_t *const numbers[GMS__CALIB_NUMBERS] = { number };
	int rc = arm(&on);

	if (!rc)
		rc = gms__calib_thread(calib, 0, &on.handler, handle, &on);
	if (!rc) {
		rc = gms__calib_measure(calib, fault_batch, &on, numbers);
		stop_handler(&on);
	}
	gms__linux_close(on.stop);
	gms__linux_close(on.fd);
	gms__linux_munmap(on.mem, GMS__CALIB_2M);
	return rc;
}

int gms__calib_missing(struct gms__calib *calib)
{
	const int rc = measure_faults(calib, false, &calib->model.userfault_missing_ns);

	gms__calib_touch(calib, calib->mem, GMS__CALIB_2M);	/* fill its holes */
	return rc;
}

int gms__calib_minor(struct gms__calib *calib)
{
	return measure_faults(calib, true, &calib->model.userfault_minor_ns);
}

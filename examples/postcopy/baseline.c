/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * baseline.c - what the kernel takes to serve a fault, with no library in it.
 *
 * A thread touches pages of a small file that is registered with a userfaultfd of
 * our own; another one polls, reads and copies. From the touch to its end.
 */
#include "postcopy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#define PAGES	4096u

struct raw {
	int uffd;
	char *mem;
	struct pc_times times;
	int err;
};

/* Threads that wake each other are drawn to one CPU, where a fault is cheaper than in a VMM. */
static void move_to(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *touch(void *arg)
{
	struct raw *raw = arg;

	move_to(0);
	for (uint64_t i = 0; i < PAGES; i++) {
		const uint64_t page = i * 2654435761u % PAGES;
		const uint64_t from = pc_now_ns();

		(void)*(volatile char *)(raw->mem + page * PC_PAGE);
		pc_times_add(&raw->times, pc_now_ns() - from);
	}
	return NULL;
}

static int serve_all(const struct raw *raw)
{
	static const char page[GMS_PAGE_SIZE];
	struct pollfd ready = { .fd = raw->uffd, .events = POLLIN };

	for (unsigned int left = PAGES; left; left--) {
		struct uffdio_copy copy = { .src = (uintptr_t)page, .len = PC_PAGE };
		struct uffd_msg msg;

		do {
			if (poll(&ready, 1, 1000) <= 0)
				return -EIO;
		} while (read(raw->uffd, &msg, sizeof(msg)) != (ssize_t)sizeof(msg));
		copy.dst = msg.arg.pagefault.address & ~(uint64_t)(PC_PAGE - 1);
		if (ioctl(raw->uffd, UFFDIO_COPY, &copy))
			return -errno;
	}
	return 0;
}

static void *serve(void *arg)
{
	struct raw *raw = arg;

	move_to(1);
	raw->err = serve_all(raw);
	if (raw->err) {		/* the other thread goes on, with zeros */
		close(raw->uffd);
		raw->uffd = -1;
	}
	return NULL;
}

static int open_raw(struct raw *raw)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	const int fd = memfd_create("baseline", MFD_CLOEXEC);

	raw->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (fd < 0 || raw->uffd < 0 || ftruncate(fd, PAGES * PC_PAGE))
		return -errno;
	raw->mem = mmap(NULL, PAGES * PC_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (raw->mem == MAP_FAILED)
		return -errno;
	reg.range.start = (uintptr_t)raw->mem;
	reg.range.len = PAGES * PC_PAGE;
	if (ioctl(raw->uffd, UFFDIO_API, &api) || ioctl(raw->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return pc_times_make(&raw->times, PAGES);
}

int pc_baseline(uint64_t *median_ns)
{
	struct raw raw = { .uffd = -1 };
	pthread_t toucher, server;
	int rc = open_raw(&raw);

	if (rc)
		return rc;
	if (pthread_create(&server, NULL, serve, &raw) ||
	    pthread_create(&toucher, NULL, touch, &raw))
		return -EAGAIN;
	pthread_join(toucher, NULL);
	pthread_join(server, NULL);
	if (raw.uffd >= 0)
		close(raw.uffd);
	munmap(raw.mem, PAGES * PC_PAGE);
	pc_times_sort(&raw.times);
	*median_ns = pc_times_at(&raw.times, 0.5);
	free(raw.times.ns);
	return raw.err;
}

/*
 * A host that is a guest itself may have given free memory back: the first touch then
 * waits for another machine. Memory that was touched and freed just now is there.
 */
void pc_warm(uint64_t npages)
{
	void *mem = mmap(NULL, npages * PC_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (mem != MAP_FAILED)
		munmap(mem, npages * PC_PAGE);
}

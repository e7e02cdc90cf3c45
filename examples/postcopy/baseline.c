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
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#define FAULTS_4K	4096u
#define FAULTS_2M	16u
#define BYTES_2M	(UINT64_C(2) << 20)
#define HUGE_2M		(21u << 26)	/* memfd_create(2): log2 of the page */

struct raw {
	int uffd;
	char *mem;
	char *contents;		/* of a page */
	uint64_t faults;
	uint64_t page_bytes;
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
	for (uint64_t i = 0; i < raw->faults; i++) {
		const uint64_t page = i * 2654435761u % raw->faults;
		const uint64_t from = pc_now_ns();

		(void)*(volatile char *)(raw->mem + page * raw->page_bytes);
		pc_times_add(&raw->times, pc_now_ns() - from);
	}
	return NULL;
}

static int serve_all(const struct raw *raw)
{
	struct pollfd ready = { .fd = raw->uffd, .events = POLLIN };

	for (uint64_t left = raw->faults; left; left--) {
		struct uffdio_copy copy = { .src = (uintptr_t)raw->contents,
					    .len = raw->page_bytes };
		struct uffd_msg msg;

		do {
			if (poll(&ready, 1, 1000) <= 0)
				return -EIO;
		} while (read(raw->uffd, &msg, sizeof(msg)) != (ssize_t)sizeof(msg));
		copy.dst = msg.arg.pagefault.address & ~(raw->page_bytes - 1);
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

static int map_raw(struct raw *raw, bool huge)
{
	const size_t bytes = raw->faults * raw->page_bytes;
	const int fd = memfd_create("baseline", MFD_CLOEXEC | (huge ? MFD_HUGETLB | HUGE_2M : 0));
	void *mem = MAP_FAILED;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)bytes))
		mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mem == MAP_FAILED)
		return -errno;
	raw->mem = mem;
	return 0;
}

static int open_raw(struct raw *raw)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)raw->mem, raw->faults * raw->page_bytes },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	raw->contents = calloc(1, raw->page_bytes);
	if (!raw->contents)
		return -ENOMEM;
	raw->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (raw->uffd < 0 || ioctl(raw->uffd, UFFDIO_API, &api) ||
	    ioctl(raw->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return pc_times_make(&raw->times, raw->faults);
}

static int measure(struct raw *raw)
{
	pthread_t toucher, server;
	int rc = open_raw(raw);

	if (rc)
		return rc;
	if (pthread_create(&server, NULL, serve, raw))
		return -EAGAIN;
	if (pthread_create(&toucher, NULL, touch, raw))
		return -EAGAIN;		/* the server gives up by itself */
	pthread_join(toucher, NULL);
	pthread_join(server, NULL);
	pc_times_sort(&raw->times);
	return raw->err;
}

int pc_baseline(bool huge, uint64_t *median_ns)
{
	static struct raw raw;
	int rc;

	raw.uffd = -1;
	raw.faults = huge ? FAULTS_2M : FAULTS_4K;
	raw.page_bytes = huge ? BYTES_2M : PC_PAGE;
	rc = map_raw(&raw, huge);
	if (rc)
		return rc;
	rc = measure(&raw);
	*median_ns = rc ? 0 : pc_times_at(&raw.times, 0.5);
	if (raw.uffd >= 0)
		close(raw.uffd);
	munmap(raw.mem, raw.faults * raw.page_bytes);
	free(raw.contents);
	free(raw.times.ns);
	return rc;
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

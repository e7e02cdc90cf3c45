/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c - what time is spent on, and how it is distributed.
 *
 * To tell the library's own time from the kernel's, this program has an ioctl(), a
 * read() and a pwrite() of its own, which the library's calls find before those of the C
 * library: they make the system call and add what it took to a counter of the
 * thread. What a call of the library took, less that, is the library.
 */
#include "postcopy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Thread_local uint64_t kernel_ns;
static uint64_t clock_ns;	/* what a look at the clock takes: it is not the library either */

uint64_t pc_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t pc_kernel_ns(void)
{
	return kernel_ns;
}

uint64_t pc_clock_ns(void)
{
	return clock_ns;
}

void pc_clock_measure(void)
{
	const uint64_t from = pc_now_ns();

	for (unsigned int i = 0; i < 999; i++)
		(void)pc_now_ns();
	clock_ns = (pc_now_ns() - from) / 1000;
}

static void add_since(uint64_t from_ns)
{
	kernel_ns += pc_now_ns() - from_ns + clock_ns;
}

int ioctl(int fd, unsigned long request, ...)
{
	const uint64_t from = pc_now_ns();
	va_list args;
	void *arg;
	long rc;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	rc = syscall(SYS_ioctl, fd, request, arg);
	add_since(from);
	return (int)rc;
}

ssize_t read(int fd, void *to, size_t bytes)
{
	const uint64_t from = pc_now_ns();
	const long rc = syscall(SYS_read, fd, to, bytes);

	add_since(from);
	return rc;
}

ssize_t pwrite(int fd, const void *from, size_t bytes, off_t offset)
{
	const uint64_t begun = pc_now_ns();
	const long rc = syscall(SYS_pwrite64, fd, from, bytes, offset);

	add_since(begun);
	return rc;
}

int pc_times_make(struct pc_times *times, uint64_t room)
{
	times->ns = malloc((room ? room : 1) * sizeof(times->ns[0]));
	times->n = 0;
	times->room = times->ns ? room : 0;
	return times->ns ? 0 : -ENOMEM;
}

void pc_times_add(struct pc_times *times, uint64_t ns)
{
	if (times->n < times->room)
		times->ns[times->n++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

int pc_times_join(struct pc_times *into, const struct pc_times *from)
{
	uint32_t *more = realloc(into->ns, (into->n + from->n + 1) * sizeof(more[0]));

	if (!more)
		return -ENOMEM;
	into->ns = more;
	into->room = into->n + from->n;
	for (uint64_t i = 0; i < from->n; i++)
		pc_times_add(into, from->ns[i]);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void pc_times_sort(struct pc_times *times)
{
	if (times->n)
		qsort(times->ns, times->n, sizeof(times->ns[0]), compare);
}

uint64_t pc_times_at(const struct pc_times *times, double part)
{
	if (!times->n)
		return 0;
	return times->ns[(uint64_t)(part * (double)(times->n - 1) + 0.5)];
}

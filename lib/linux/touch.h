/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * touch.h - touch memory through the kernel, which answers instead of a signal.
 *
 * System calls, for a seccomp filter: pipe2, write, read, close.
 */
#ifndef GMS_LINUX_TOUCH_H
#define GMS_LINUX_TOUCH_H

#include "linux/sys.h"

/*
 * A pipe to touch memory with: 0, or a negative errno, and every touch fails with
 * -EBADF, which says nothing about the memory.
 */
static inline int gms__linux_touch_open(int pipe[2])
{
	const int rc = gms__linux_pipe(pipe);

	if (rc)
		pipe[0] = pipe[1] = -1;
	return rc;
}

static inline void gms__linux_touch_close(const int pipe[2])
{
	gms__linux_close(pipe[0]);
	gms__linux_close(pipe[1]);
}

/*
 * Load a byte, and store the same one to @to: 0, or -EFAULT where a touch of ours
 * would be a signal.
 */
static inline int gms__linux_touch_both(const int pipe[2], const void *mem, void *to)
{
	const int saved = errno;
	char byte;
	long rc = gms__linux_result(write(pipe[1], mem, 1), saved);

	if (rc != 1)
		return rc < 0 ? (int)rc : -EIO;
	rc = gms__linux_result(read(pipe[0], to, 1), saved);
	if (rc == 1)
		return 0;
	/* The byte must not wait there for the next touch. */
	(void)gms__linux_result(read(pipe[0], &byte, 1), saved);
	return rc < 0 ? (int)rc : -EIO;
}

/* Load a byte. */
static inline int gms__linux_touch(const int pipe[2], const void *mem)
{
	char byte;

	return gms__linux_touch_both(pipe, mem, &byte);
}

#endif

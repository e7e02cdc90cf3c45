/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file linux/seccomp.h
 * @brief Which system calls each call of the Linux library makes, for a seccomp filter.
 *
 * The same table is in gmemstate-seccomp(7) and, as JSON, in
 * share/gmemstate/seccomp.json. A test runs every call under a filter that allows
 * what is listed for it, and no more.
 */
#ifndef GMEMSTATE_LINUX_SECCOMP_H
#define GMEMSTATE_LINUX_SECCOMP_H

#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief A system call; of ioctl(2) one request. */
struct gms_linux_syscall {
	const char *name;	/**< "process_madvise". */
	const char *request;	/**< Of ioctl(2): "KVM_RUN"; else NULL. */
	const char *when;	/**< NULL: to be expected; else when it is made: "no guard markers". */
	uint64_t    request_number; /**< Of ioctl(2): its second argument; else 0. */
	int64_t	    number;	/**< Here; -1: this architecture has no such call. */
};

/** @brief A row: a call of this library, or what others make on its behalf. */
struct gms_linux_call {
	const char *name;	/**< "gms_backing_new", "conversion", "libc". */
	const char *about;	/**< A few words for people. */
	const struct gms_linux_syscall *syscalls; /**< Constant. */
	size_t	    nsyscalls;	/**< How many; 0: none. */
};

/**
 * @brief The table.
 *
 * A row for each public call of the library, in alphabetical order; then
 * "conversion", what a conversion makes of a region of gms_backing_region(), on the
 * thread that converts; and "libc", what the C library makes of memory, locks and
 * threads on behalf of both libraries, in any call.
 *
 * @param n NULL, or where the number of rows goes.
 * @return Constant, never NULL.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API const struct gms_linux_call *gms_linux_calls(size_t *n);

/**
 * @brief Write the table as JSON: an array "calls" of rows, with names and no numbers.
 *
 * A row has "call", "about" and an array "syscalls" of objects with "name", and where
 * they apply "request", "request_number" and "when".
 *
 * @param write Called once a line, the end of line included.
 * @param ctx   Handed to @p write.
 * @retval 0       Written.
 * @retval -EINVAL NULL @p write.
 * @retval other   What @p write returned.
 * @par Threads
 * Pure, but for @p write.
 * @par Cost
 * A call a line.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_linux_calls_write(gms_write_fn *write, void *ctx);

GMS_END_DECLS
#endif

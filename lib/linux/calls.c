/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.c - which system calls each call of this library makes; calls.def has them.
 *
 * System calls, for a seccomp filter: none.
 */
#include <gmemstate/linux/seccomp.h>

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/userfaultfd.h>

#include "linux/uapi.h"

/* Of the C library's ways to make a call an architecture may lack one. */
#ifndef SYS_poll
#define SYS_poll		-1
#endif
#ifndef SYS_clone3
#define SYS_clone3		-1
#endif
#ifndef SYS_rseq
#define SYS_rseq		-1
#endif

/* Room for the longest line: an ioctl's, or what a row is about. */
#define LINE_BYTES	320

/* Each list ends with an entry without a name, since an array has to have one. */
#define SYS_IF(name, when)		{ #name, NULL, when, 0, SYS_##name },
#define SYS(name)			SYS_IF(name, NULL)
#define IOCTL_IF(request, number, when)	{ "ioctl", #request, when, (uint32_t)(number), SYS_ioctl },
#define IOCTL(request, number)		IOCTL_IF(request, number, NULL)
#define CALL(name, about, list) \
	static const struct gms_linux_syscall name##_syscalls[] = { \
		list { NULL, NULL, NULL, 0, -1 } \
	};
#include "linux/calls.def"
#undef CALL

#define CALL(name, about, list) \
	{ #name, about, name##_syscalls, \
	  sizeof(name##_syscalls) / sizeof(name##_syscalls[0]) - 1 },
static const struct gms_linux_call calls[] = {
#include "linux/calls.def"
};

#define CALLS	(sizeof(calls) / sizeof(calls[0]))

const struct gms_linux_call *gms_linux_calls(size_t *n)
{
	if (n)
		*n = CALLS;
	return calls;
}

/* A line of printf(3), which fits: everything in it is of this file. */
#define SAY(...) do { \
	if (!rc) { \
		const int n_ = snprintf(line, sizeof(line), __VA_ARGS__); \
		rc = n_ < 0 || (size_t)n_ >= sizeof(line) ? -EOVERFLOW \
							  : write(ctx, line, (size_t)n_); \
	} \
} while (0)

static int write_syscall(const struct gms_linux_syscall *sys, const char *end,
			 gms_write_fn *write, void *ctx)
{
	const char *when = sys->when ? sys->when : "";
	const char *key = sys->when ? ", \"when\": \"" : "", *quote = sys->when ? "\"" : "";
	char line[LINE_BYTES];
	int rc = 0;

	if (sys->request)
		SAY("\t\t\t\t{ \"name\": \"%s\", \"request\": \"%s\", \"request_number\": %llu"
		    "%s%s%s }%s\n", sys->name, sys->request,
		    (unsigned long long)sys->request_number, key, when, quote, end);
	else
		SAY("\t\t\t\t{ \"name\": \"%s\"%s%s%s }%s\n", sys->name, key, when, quote, end);
	return rc;
}

int gms_linux_calls_write(gms_write_fn *write, void *ctx)
{
	char line[LINE_BYTES];
	int rc = 0;

	if (!write)
		return -EINVAL;
	SAY("{\n");
	SAY("\t\"calls\": [\n");
	for (size_t i = 0; i < CALLS; i++) {
		const struct gms_linux_call *call = &calls[i];

		SAY("\t\t{\n");
		SAY("\t\t\t\"call\": \"%s\",\n", call->name);
		SAY("\t\t\t\"about\": \"%s\",\n", call->about);
		SAY("\t\t\t\"syscalls\": [%s\n", call->nsyscalls ? "" : "]");
		for (size_t s = 0; !rc && s < call->nsyscalls; s++)
			rc = write_syscall(&call->syscalls[s],
					   s + 1 < call->nsyscalls ? "," : "", write, ctx);
		if (call->nsyscalls)
			SAY("\t\t\t]\n");
		SAY("\t\t}%s\n", i + 1 < CALLS ? "," : "");
	}
	SAY("\t]\n");
	SAY("}\n");
	return rc;
}

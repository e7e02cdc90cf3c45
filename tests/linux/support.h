/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * support.h - what the tests of the Linux library share.
 *
 * Whether a page can be reached is always asked of the kernel: by a write() to
 * a pipe, by O_DIRECT I/O of a real file, or by a touch that catches SIGSEGV.
 */
#ifndef LINUX_SUPPORT_H
#define LINUX_SUPPORT_H

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gmemstate/gmemstate-linux.h>

#define LX_PAGE		((size_t)GMS_PAGE_SIZE)
#define LX_2M		UINT64_C(512)		/* pages */
#define LX_1G		UINT64_C(262144)	/* pages */

#define LX_RANGE(from, count)	((struct gms_range){ .first = (from), .npages = (count) })

/* A struct of a later version: ours, and a tail that this library does not know. */
#define LX_LONGER(type)	struct { type known; unsigned char tail[16]; }

/* A test case with a time limit that fits the slowest sanitizer. */
TCase *lx_case(Suite *suite, const char *name);

/*
 * Run a suite: 0, 1, or 77 if all that ran passed but something was left out,
 * which lx_leave_out() has said.
 */
int lx_run(Suite *suite);
void lx_leave_out(const char *what, const char *why);

/* A VM of /dev/kvm, or a negative errno. */
int lx_vm(void);

/* What the host offers; probed once a process. */
const struct gms_host *lx_host(void);

/* Calls that an older kernel, or a filter, refuses; each with those before it. */
enum lx_refusal {
	LX_NO_VECTORS,	/* process_madvise(2) */
	LX_NO_MARKERS,	/* guard markers */
	LX_NO_MPROTECT	/* mprotect(2) */
};

/*
 * Make this process's kernel refuse calls. For ever, so only in a child. False if
 * no filter can be set.
 */
bool lx_refuse_calls(enum lx_refusal refusal);

/* Why this host has no memory of a kind (enum gms_backing_kind), or NULL if it has. */
const char *lx_missing(uint32_t kind);

/* A length for a kind: at least @npages of 4096 bytes, and whole pages of its own. */
uint64_t lx_length(uint32_t kind, uint64_t npages);

/* Can the VMM reach the byte? Asked of the kernel; no signal either way. */
bool lx_reaches(const void *mem);

/* Touch a byte; true if that raised SIGSEGV, with the address in *@at. */
bool lx_touch_faults(const volatile char *mem, void **at);

/* Is every byte of a page this one? */
bool lx_page_holds(const char *page, unsigned char byte);

/*
 * A file on a disk that does O_DIRECT, @npages long, page n filled with byte
 * n + 1; or -1 if there is no such disk ($TMPDIR, here, /var/tmp were tried).
 */
int lx_disk_file(unsigned int npages);

/* Read page @n of the file straight into memory: bytes, or a negative errno. */
long lx_direct_read(int fd, unsigned int n, void *mem);

/* Guest memory and a space that has it as one region. */
struct lx_guest {
	struct gms_backing *backing;
	struct gms_space *space;
	char *hva;
	gms_gfn first;
	uint64_t npages;
	uint32_t region;
	int vm;
};

/*
 * Fails the test on any error. The whole region begins in @state, but for
 * DIRECT_MAP where the memory cannot be pinned.
 */
void lx_guest_new(struct lx_guest *guest, uint32_t kind, uint32_t revoke, uint64_t npages,
		  uint32_t base_order, gms_state state);
void lx_guest_free(struct lx_guest *guest);

/* gms_check(), and every @step'th page is reached if and only if it is shared. */
void lx_guest_check(struct lx_guest *guest, uint64_t step);

char *lx_page(const struct lx_guest *guest, uint64_t n);
uint64_t lx_event(const struct gms_space *space, uint32_t kind);

/* Descriptors and mappings that this process has. */
unsigned int lx_fds(void);
unsigned int lx_maps(void);

/* Mappings that begin within guest memory. */
unsigned int lx_maps_of(const struct lx_guest *guest);

#endif

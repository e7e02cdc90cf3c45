/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.h - a guest in ring 3 that reads a word of each page it is told, or writes one.
 *
 * It answers what guests see of memory that the VMM has lost. Pages whose touch
 * makes KVM_RUN fail are noted and stepped over.
 */
#ifndef LINUX_READER_H
#define LINUX_READER_H

#include "machine.h"

/* Where the memory is that it looks at: at most 1 GiB of it. */
#define LX_READER_FIRST	LX_1G

/* One page to touch. */
struct lx_touch {
	gms_gfn	 gfn;
	uint64_t word;		/* in: what to write; out: what was read */
	bool	 missing;	/* KVM_RUN failed with EFAULT */
};

#if defined(__x86_64__)

/* Put a backing where a machine looks. Fails the test on errors, as all here. */
void lx_reader_attach(struct lx_machine *m, const struct gms_backing *backing);

/* Touch @n pages. */
void lx_reader_touch(struct lx_machine *m, struct lx_touch *touch, size_t n, bool write);

#endif

#endif

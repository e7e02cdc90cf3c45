/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.h - a guest in ring 3 that reads a word of each page it is told, or writes one.
 *
 * It answers what guests see of memory that the VMM has lost. Pages whose touch
 * makes KVM_RUN fail are noted and stepped over.
 */
#ifndef LINUX_READER_H
#define LINUX_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support.h"

/* One page to touch. */
struct lx_touch {
	uint64_t gfn;
	uint64_t word;		/* in: what to write; out: what was read */
	bool	 missing;	/* KVM_RUN failed with EFAULT */
};

struct lx_reader {
	int	 vm, vcpu;
	void	*run;
	size_t	 run_bytes;
	unsigned char *low;	/* its page tables, code and lists */
};

/* Memory of a guest, from 1 GiB on: at most 1 GiB of it. */
#define LX_READER_FIRST	LX_1G

/* Make a vCPU in a VM that has none, and put a backing where it looks. Fails the test on errors. */
void lx_reader_new(struct lx_reader *reader, int vm, const struct gms_backing *backing);
void lx_reader_free(struct lx_reader *reader);

/* Touch @n pages; how often KVM_RUN came back. */
unsigned int lx_reader_touch(struct lx_reader *reader, struct lx_touch *touch, size_t n,
			     bool write);

#endif

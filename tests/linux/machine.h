/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h - a vCPU that runs a few 64-bit instructions, in ring 3 or ring 0.
 *
 * It has 64 KiB of low memory, with the page tables and the code; the first GiB of
 * its addresses is mapped to itself, by 2M pages. Each call fails the test on error.
 */
#ifndef LINUX_MACHINE_H
#define LINUX_MACHINE_H

#include "support.h"

#include <linux/kvm.h>

#define LX_RAM_BYTES	0x10000u
#define LX_LIST_GPA	0xa000u		/* low memory that is the test's: to its end */

/* Memory of nothing in particular. */
void *lx_anonymous(size_t bytes);

#if defined(__x86_64__)

struct lx_machine {
	int vm, vcpu;
	struct kvm_run *run;
	size_t run_bytes;
	unsigned char *ram;
	bool borrowed;	/* the VM is another's */
};

/* In ring 3, which also runs where KVM has no help of the hardware. */
void lx_machine_new(struct lx_machine *m);
/* The same in a VM that has neither a vCPU nor slot 0, and that stays open. */
void lx_machine_in(struct lx_machine *m, int vm);
void lx_machine_ring0(struct lx_machine *m);
void lx_machine_free(struct lx_machine *m);
/* Code to run from its beginning, with 0x42 in %al. */
void lx_put_code(struct lx_machine *m, const unsigned char *code, size_t bytes, uint64_t rdi,
		 uint64_t rsi);
struct gms_kvm_exit lx_run_machine(struct lx_machine *m);
/* The same, with what the last exit left undone finished and not run any further. */
void lx_finish(struct lx_machine *m);
/* Write a byte to each of these pages. */
void lx_touch_pages(struct lx_machine *m, const gms_gfn *gfn, size_t n);

#endif

#endif

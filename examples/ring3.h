/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring3.h - a VM with one vCPU that begins in ring 3, as a kernel would leave it for a
 * program: 64-bit mode and user segments. That needs no firmware and no kernel, and
 * runs natively also where KVM is itself virtualised without hardware help.
 *
 * Memory, page tables and code are the caller's, in slots of vm_fd.
 */
#ifndef RING3_H
#define RING3_H

#include <stddef.h>
#include <stdint.h>

#include <linux/kvm.h>

/* kvm_regs::rflags of a guest that may use ports; without, 2. */
#define RING3_PORTS	0x3002u

struct ring3 {
	int kvm_fd, vm_fd, vcpu_fd;
	struct kvm_run *run;
	size_t run_bytes;
};

/* Nothing is open, and ring3_close() is fine from here on. */
void ring3_init(struct ring3 *ring3);

/* A VM. 0, or a negative errno; with kvm_fd negative it was /dev/kvm, else the VM. */
int ring3_open(struct ring3 *ring3);

/* Its vCPU, which begins with these registers, on the page tables at @tables_gpa. */
int ring3_boot(struct ring3 *ring3, uint64_t tables_gpa, const struct kvm_regs *regs);

void ring3_close(struct ring3 *ring3);

#endif

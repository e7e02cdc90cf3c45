/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring3.c - a VM with one vCPU that begins in ring 3; see ring3.h.
 */
#include "ring3.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

void ring3_init(struct ring3 *ring3)
{
	*ring3 = (struct ring3){ .kvm_fd = -1, .vm_fd = -1, .vcpu_fd = -1 };
}

int ring3_open(struct ring3 *ring3)
{
	ring3->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (ring3->kvm_fd < 0)
		return -errno;
	ring3->vm_fd = ioctl(ring3->kvm_fd, KVM_CREATE_VM, 0);
	return ring3->vm_fd < 0 ? -errno : 0;
}

#if defined(__x86_64__)

#define CPUID_ENTRIES	256

#define CR0_USUAL	UINT64_C(0x80050033)	/* paging, protection, native FPU errors */
#define CR4_USUAL	UINT64_C(0x620)		/* PAE, FXSR, SIMD exceptions */
#define EFER_LONG	UINT64_C(0x500)		/* long mode, enabled and active */

static int add_vcpu(struct ring3 *ring3)
{
	const int bytes = ioctl(ring3->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run;

	if (bytes < 0)
		return -errno;
	ring3->vcpu_fd = ioctl(ring3->vm_fd, KVM_CREATE_VCPU, 0);
	if (ring3->vcpu_fd < 0)
		return -errno;
	run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring3->vcpu_fd, 0);
	if (run == MAP_FAILED)
		return -errno;
	ring3->run = run;
	ring3->run_bytes = (size_t)bytes;
	return 0;
}

static int set_cpuid(const struct ring3 *ring3)
{
	struct kvm_cpuid2 *cpuid;
	int rc = 0;

	cpuid = calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = CPUID_ENTRIES;
	if (ioctl(ring3->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) ||
	    ioctl(ring3->vcpu_fd, KVM_SET_CPUID2, cpuid))
		rc = -errno;
	free(cpuid);
	return rc;
}

static int set_registers(const struct ring3 *ring3, uint64_t tables_gpa,
			 const struct kvm_regs *regs)
{
	const struct kvm_segment code = {
		.limit = 0xffffffff, .selector = 0x1b, .type = 11, .present = 1, .dpl = 3,
		.s = 1, .l = 1, .g = 1,
	};
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 0x23, .type = 3, .present = 1, .dpl = 3,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	if (ioctl(ring3->vcpu_fd, KVM_GET_SREGS, &sregs))
		return -errno;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = CR0_USUAL;
	sregs.cr3 = tables_gpa;
	sregs.cr4 = CR4_USUAL;
	sregs.efer = EFER_LONG;
	if (ioctl(ring3->vcpu_fd, KVM_SET_SREGS, &sregs) ||
	    ioctl(ring3->vcpu_fd, KVM_SET_REGS, regs))
		return -errno;
	return 0;
}

int ring3_boot(struct ring3 *ring3, uint64_t tables_gpa, const struct kvm_regs *regs)
{
	int rc = add_vcpu(ring3);

	if (!rc)
		rc = set_cpuid(ring3);
	return rc ? rc : set_registers(ring3, tables_gpa, regs);
}

#else

int ring3_boot(struct ring3 *ring3, uint64_t tables_gpa, const struct kvm_regs *regs)
{
	(void)ring3;
	(void)tables_gpa;
	(void)regs;
	return -EOPNOTSUPP;
}

#endif

void ring3_close(struct ring3 *ring3)
{
	if (ring3->run)
		munmap(ring3->run, ring3->run_bytes);
	if (ring3->vcpu_fd >= 0)
		close(ring3->vcpu_fd);
	if (ring3->vm_fd >= 0)
		close(ring3->vm_fd);
	if (ring3->kvm_fd >= 0)
		close(ring3->kvm_fd);
}

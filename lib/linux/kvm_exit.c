/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm_exit.c - why KVM_RUN came back, and what to answer.
 *
 * System calls, for a seccomp filter:
 *   gms_kvm_run               ioctl (KVM_RUN)
 *   gms_kvm_translate         ioctl (KVM_TRANSLATE)
 *   gms_kvm_hypercall_return  none
 *   gms_kvm_exit_is_ram       none
 */
#include <gmemstate/linux/kvm.h>

#include <errno.h>
#include <string.h>

#include <gmemstate/state.h>

#include "linux/sized.h"
#include "linux/sys.h"
#include "linux/uapi.h"

_Static_assert(GMS_KVM_MAP_GPA_RANGE == GMS_KVM_HC_MAP_GPA_RANGE, "the hypercall's number");

/* The union of kvm_run whose members the headers may lack. */
static char *detail(struct kvm_run *run)
{
	return (char *)run + offsetof(struct kvm_run, hw);
}

static void read_memory_fault(struct kvm_run *run, struct gms_kvm_exit *exit)
{
	struct gms__kvm_memory_fault fault;

	memcpy(&fault, detail(run), sizeof(fault));
	exit->gpa = fault.gpa;
	exit->bytes = fault.size;
	exit->raw_flags = fault.flags;
	if (fault.flags & GMS_KVM_FAULT_PRIVATE)
		exit->flags |= GMS_KVM_ACCESS_PRIVATE;
	if (fault.flags & GMS_KVM_FAULT_USERFAULT)
		exit->kind = GMS_KVM_EXIT_MISSING;
}

static void read_hypercall(struct kvm_run *run, struct gms_kvm_exit *exit)
{
	struct gms__kvm_hypercall call;

	memcpy(&call, detail(run), sizeof(call));
	exit->kind = GMS_KVM_EXIT_HYPERCALL;
	exit->nr = call.nr;
	memcpy(exit->args, call.args, sizeof(exit->args));
	exit->raw_flags = call.flags;
}

/* KVM_RUN failed. Memory faults come so too: as an error with an exit reason beside it. */
static void read_failure(struct kvm_run *run, struct gms_kvm_exit *exit)
{
	const bool told = exit->reason == GMS_KVM_REASON_MEMORY_FAULT;

	switch (exit->error) {
	case -EINTR:
	case -EAGAIN:
		exit->kind = GMS_KVM_EXIT_AGAIN;
		return;
	case -EFAULT:
		exit->kind = told ? GMS_KVM_EXIT_WANTS : GMS_KVM_EXIT_NO_PAGE;
		break;
	case -EHWPOISON:
		exit->kind = GMS_KVM_EXIT_POISON;
		break;
	default:
		exit->kind = GMS_KVM_EXIT_ERROR;
		return;
	}
	if (told)
		read_memory_fault(run, exit);
}

static void read_exit(struct kvm_run *run, struct gms_kvm_exit *exit)
{
	switch (exit->reason) {
	case KVM_EXIT_IO:
		exit->kind = GMS_KVM_EXIT_IO;
		break;
	case KVM_EXIT_MMIO:
		exit->kind = GMS_KVM_EXIT_MMIO;
		exit->gpa = run->mmio.phys_addr;
		exit->bytes = run->mmio.len;
		if (run->mmio.is_write)
			exit->flags |= GMS_KVM_ACCESS_WRITE;
		break;
	case KVM_EXIT_HYPERCALL:
		read_hypercall(run, exit);
		break;
	case GMS_KVM_REASON_MEMORY_FAULT:
		exit->kind = GMS_KVM_EXIT_WANTS;
		read_memory_fault(run, exit);
		break;
	case KVM_EXIT_INTR:
		exit->kind = GMS_KVM_EXIT_AGAIN;
		break;
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_FAIL_ENTRY:
	case KVM_EXIT_INTERNAL_ERROR:
		exit->kind = GMS_KVM_EXIT_DEAD;
		break;
	default:
		exit->kind = GMS_KVM_EXIT_OTHER;
		break;
	}
}

int gms_kvm_run(int vcpu_fd, void *run, size_t run_bytes, struct gms_kvm_exit *exit)
{
	struct kvm_run *kvm_run = run;
	struct gms_kvm_exit seen = { 0 };
	int rc;

	if (!run || !exit || run_bytes < sizeof(*kvm_run))
		return -EINVAL;
	rc = gms__linux_sized_check(exit, sizeof(seen));
	if (rc)
		return rc;

	kvm_run->exit_reason = 0;
	rc = gms__linux_ioctl_num(vcpu_fd, KVM_RUN, 0);
	seen.reason = kvm_run->exit_reason;
	if (rc < 0) {
		seen.error = rc;
		read_failure(kvm_run, &seen);
	} else {
		read_exit(kvm_run, &seen);
	}
	gms__linux_sized_put(exit, &seen, sizeof(seen));
	return 0;
}

int gms_kvm_hypercall_return(void *run, size_t run_bytes, int64_t ret)
{
	struct kvm_run *kvm_run = run;

	if (!run || run_bytes < sizeof(*kvm_run))
		return -EINVAL;
	if (kvm_run->exit_reason != KVM_EXIT_HYPERCALL)
		return -ENOENT;
	kvm_run->hypercall.ret = (uint64_t)ret;
	return 0;
}

bool gms_kvm_exit_is_ram(const struct gms_space *space, const struct gms_kvm_exit *exit)
{
	struct gms_kvm_exit seen;

	if (!exit || gms__linux_size_of(exit) < sizeof(size_t))
		return false;
	gms__linux_sized_get(&seen, sizeof(seen), exit);
	return seen.kind == GMS_KVM_EXIT_MMIO &&
	       gms_state_at(space, seen.gpa >> GMS_PAGE_SHIFT) != GMS_HOLE;
}

int gms_kvm_translate(int vcpu_fd, uint64_t linear, uint64_t *gpa)
{
	struct kvm_translation translation = { .linear_address = linear };
	int rc;

	if (!gpa)
		return -EINVAL;
	rc = gms__linux_ioctl(vcpu_fd, KVM_TRANSLATE, &translation);
	if (rc < 0)
		return rc;
	if (!translation.valid)
		return -ENOENT;
	*gpa = translation.physical_address;
	return 0;
}

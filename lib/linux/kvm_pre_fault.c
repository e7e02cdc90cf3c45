/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm_pre_fault.c - map pages into the guest before it touches them.
 *
 * The kernel moves the address and the length of its argument on as it goes, and
 * says 0 once anything was done: the call is then made again for what is left.
 *
 * System calls, for a seccomp filter:
 *   gms_kvm_pre_fault  ioctl (KVM_PRE_FAULT_MEMORY)
 */
#include <gmemstate/linux/kvm.h>

#include <errno.h>

#include "linux/sys.h"
#include "linux/uapi.h"

/* Most calls in a row that get nowhere before the error is believed. */
#define TRIES_MAX	16

int gms_kvm_pre_fault(int vcpu_fd, struct gms_range range, gms_gfn *next)
{
	struct gms__kvm_pre_fault todo = { 0 };
	unsigned int tries = 0;
	int rc = 0;

	if (!range.npages || range.first >= GMS_GFN_LIMIT ||
	    range.npages > GMS_GFN_LIMIT - range.first)
		return -EINVAL;
	todo.gpa = range.first << GMS_PAGE_SHIFT;
	todo.size = range.npages << GMS_PAGE_SHIFT;
	while (todo.size) {
		const uint64_t before = todo.size;

		rc = gms__linux_ioctl(vcpu_fd, GMS_KVM_PRE_FAULT, &todo);
		if (rc == -ENOTTY)	/* a KVM that does not know the call, or no vCPU */
			rc = -EOPNOTSUPP;
		if (todo.size < before)
			tries = 0;
		else if (!rc)
			rc = -EAGAIN;
		if (rc && ((rc != -EINTR && rc != -EAGAIN) || ++tries >= TRIES_MAX))
			break;
	}
	if (next)
		*next = todo.gpa >> GMS_PAGE_SHIFT;
	return todo.size ? rc : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm.c - memory slots, and why KVM_RUN came back.
 *
 * System calls, for a seccomp filter: ioctl (KVM_SET_USER_MEMORY_REGION and
 * its second form, KVM_CHECK_EXTENSION, KVM_RUN).
 */
#include <gmemstate/linux/kvm.h>

#include <errno.h>
#include <string.h>

#include "linux/sized.h"
#include "linux/sys.h"
#include "linux/uapi.h"

static int check_slot(const struct gms_kvm_slot *slot)
{
	const uint32_t known = GMS_KVM_SLOT_READONLY | GMS_KVM_SLOT_DIRTY_LOG | GMS_KVM_SLOT_GMEM;

	if (slot->flags & ~known || slot->reserved)
		return -EINVAL;
	if (slot->first >= GMS_GFN_LIMIT || slot->npages > GMS_GFN_LIMIT - slot->first)
		return -EINVAL;
	if ((uintptr_t)slot->hva > UINTPTR_MAX - (slot->npages << GMS_PAGE_SHIFT))
		return -EINVAL;
	if (!(slot->flags & GMS_KVM_SLOT_GMEM))
		return 0;
	if (slot->gmem_offset_bytes > INT64_MAX - (slot->npages << GMS_PAGE_SHIFT))
		return -EINVAL;
	return slot->gmem_fd < 0 ? -EBADF : 0;
}

/* -ENOTTY means a descriptor that is no VM, or a KVM that has only the first ioctl. */
static int set_with_file(int vm_fd, const struct gms__kvm_memslot2 *memslot)
{
	struct gms__kvm_memslot2 mem = *memslot;
	int rc = gms__linux_ioctl(vm_fd, GMS_KVM_SET_MEMSLOT2, &mem);

	if (rc != -ENOTTY)
		return rc;
	if (!gms__linux_ioctl_num(vm_fd, KVM_CHECK_EXTENSION, GMS_KVM_CAP_USER_MEMORY2))
		return -EOPNOTSUPP;
	return rc;
}

int gms_kvm_slot_set(int vm_fd, const struct gms_kvm_slot *slot)
{
	struct kvm_userspace_memory_region first;
	struct gms__kvm_memslot2 mem = { 0 };
	struct gms_kvm_slot given;
	int rc;

	if (!slot)
		return -EINVAL;
	rc = gms__linux_sized_check(slot, sizeof(given));
	if (rc)
		return rc;
	gms__linux_sized_get(&given, sizeof(given), slot);
	rc = check_slot(&given);
	if (rc)
		return rc;

	mem.slot = given.slot;
	mem.guest_phys_addr = given.first << GMS_PAGE_SHIFT;
	mem.memory_size = given.npages << GMS_PAGE_SHIFT;
	mem.userspace_addr = (uintptr_t)given.hva;
	if (given.flags & GMS_KVM_SLOT_READONLY)
		mem.flags |= KVM_MEM_READONLY;
	if (given.flags & GMS_KVM_SLOT_DIRTY_LOG)
		mem.flags |= KVM_MEM_LOG_DIRTY_PAGES;

	/* To delete a slot the kernel asks for nothing but its number. */
	if ((given.flags & GMS_KVM_SLOT_GMEM) && given.npages) {
		mem.flags |= GMS_KVM_MEM_GUEST_MEMFD;
		mem.guest_memfd = (uint32_t)given.gmem_fd;
		mem.guest_memfd_offset = given.gmem_offset_bytes;
		return set_with_file(vm_fd, &mem);
	}
	memcpy(&first, &mem, sizeof(first));
	return gms__linux_ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &first);
}

static void read_memory_fault(const struct kvm_run *run, struct gms_kvm_exit *exit)
{
	struct gms__kvm_memory_fault fault;

	memcpy(&fault, (const char *)run + offsetof(struct kvm_run, hw), sizeof(fault));
	exit->gpa = fault.gpa;
	exit->bytes = fault.size;
	if (fault.flags & GMS_KVM_FAULT_PRIVATE)
		exit->flags |= GMS_KVM_ACCESS_PRIVATE;
}

/* KVM_RUN failed. Memory faults come so too: as an error with an exit reason beside it. */
static void read_failure(const struct kvm_run *run, struct gms_kvm_exit *exit)
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

static void read_exit(const struct kvm_run *run, struct gms_kvm_exit *exit)
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

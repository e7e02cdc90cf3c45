/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm_slot.c - memory slots.
 *
 * System calls, for a seccomp filter:
 *   gms_kvm_slot_set  ioctl (KVM_SET_USER_MEMORY_REGION and its second form,
 *                     KVM_CHECK_EXTENSION)
 */
#include <gmemstate/linux/kvm.h>

#include <errno.h>
#include <string.h>

#include "linux/sized.h"
#include "linux/sys.h"
#include "linux/uapi.h"

static int check_slot(const struct gms_kvm_slot *slot)
{
	const uint32_t known = GMS_KVM_SLOT_READONLY | GMS_KVM_SLOT_DIRTY_LOG |
			       GMS_KVM_SLOT_GMEM | GMS_KVM_SLOT_USERFAULT;

	if (slot->flags & ~known || slot->reserved)
		return -EINVAL;
	if (slot->first >= GMS_GFN_LIMIT || slot->npages > GMS_GFN_LIMIT - slot->first)
		return -EINVAL;
	if ((uintptr_t)slot->hva > UINTPTR_MAX - (slot->npages << GMS_PAGE_SHIFT))
		return -EINVAL;
	if ((slot->flags & GMS_KVM_SLOT_USERFAULT) && !slot->userfault_bitmap)
		return -EINVAL;
	if (!(slot->flags & GMS_KVM_SLOT_GMEM))
		return 0;
	if (slot->gmem_offset_bytes > INT64_MAX - (slot->npages << GMS_PAGE_SHIFT))
		return -EINVAL;
	return slot->gmem_fd < 0 ? -EBADF : 0;
}

/* -ENOTTY means a descriptor that is no VM, or a KVM that has only the first ioctl. */
static int set_by_second(int vm_fd, const struct gms__kvm_memslot2 *memslot)
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

	rc = gms__linux_sized_in(&given, sizeof(given), slot);
	if (!rc)
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
	}
	if ((given.flags & GMS_KVM_SLOT_USERFAULT) && given.npages) {
		mem.flags |= GMS_KVM_MEM_USERFAULT;
		mem.userfault_bitmap = (uintptr_t)given.userfault_bitmap;
	}
	if (mem.flags & (GMS_KVM_MEM_GUEST_MEMFD | GMS_KVM_MEM_USERFAULT))
		return set_by_second(vm_fd, &mem);
	memcpy(&first, &mem, sizeof(first));
	return gms__linux_ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &first);
}

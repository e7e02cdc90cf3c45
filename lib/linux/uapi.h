/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uapi.h - what this library needs of the kernel and older headers lack.
 *
 * Debian 12 has the headers of Linux 6.1: no guest_memfd, no guard markers, no
 * KVM_EXIT_MEMORY_FAULT. The names here are our own, so that newer headers can
 * be included beside; the layouts are the kernel's and asserted, and where the
 * headers do have the original, equal to it.
 */
#ifndef GMS_LINUX_UAPI_H
#define GMS_LINUX_UAPI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include <linux/ioctl.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>

/* Numbers above 424 are the same on every architecture but alpha. */
#if !defined(__alpha__)
#ifndef SYS_pidfd_open
#define SYS_pidfd_open		434
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise	440
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret	447
#endif
#endif

/* madvise(2): a touch of the page fails, its data stays in the file. */
#define GMS_MADV_GUARD_INSTALL	102
#define GMS_MADV_GUARD_REMOVE	103

/* memfd_create(2): not executable, and sealed so. */
#define GMS_MFD_NOEXEC_SEAL	0x0008u

/* mmap(2) and memfd_create(2): log2 of the huge page, from bit 26 on. */
#define GMS_HUGE_2M		(21u << 26)
#define GMS_HUGE_1G		(30u << 26)

/* userfaultfd(2): faults of user mode only, which needs no privilege. */
#define GMS__UFFD_USER_MODE_ONLY	1

/* /dev/userfaultfd: a userfaultfd with the flags given, for who may open the device. */
#define GMS__UFFD_IOC_NEW	_IO(UFFDIO, 0x00)

/* uffdio_api::features. */
#define GMS__UFFD_WP_SHMEM	(UINT64_C(1) << 12)
#define GMS__UFFD_POISON	(UINT64_C(1) << 14)

/* uffdio_continue::mode: write-protected. */
#define GMS__UFFD_CONTINUE_WP	(UINT64_C(1) << 1)

/* struct uffdio_poison */
struct gms__uffd_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t	 updated;
};

#define GMS__UFFDIO_POISON	_IOWR(UFFDIO, 0x08, struct gms__uffd_poison)

/* KVM_CHECK_EXTENSION. */
#define GMS_KVM_CAP_USER_MEMORY2	231
#define GMS_KVM_CAP_MEMORY_FAULT_INFO	232
#define GMS_KVM_CAP_MEMORY_ATTRIBUTES	233
#define GMS_KVM_CAP_GUEST_MEMFD		234
#define GMS_KVM_CAP_VM_TYPES		235
#define GMS_KVM_CAP_PRE_FAULT_MEMORY	236
#define GMS_KVM_CAP_GUEST_MEMFD_FLAGS	244

/* kvm_userspace_memory_region2::flags; the second one is of the KVM userfault series. */
#define GMS_KVM_MEM_GUEST_MEMFD		(UINT32_C(1) << 2)
#define GMS_KVM_MEM_USERFAULT		(UINT32_C(1) << 3)

/* kvm_create_guest_memfd::flags. */
#define GMS_GMEM_MMAP			(UINT64_C(1) << 0)
#define GMS_GMEM_INIT_SHARED		(UINT64_C(1) << 1)

/* kvm_memory_attributes::attributes. */
#define GMS_KVM_ATTRIBUTE_PRIVATE	(UINT64_C(1) << 3)

/* kvm_run::exit_reason; guest/kvm.h has kvm_run::memory_fault.flags. */
#define GMS_KVM_REASON_MEMORY_FAULT	39

/* KVM_CAP_EXIT_HYPERCALL: bit of KVM_HC_MAP_GPA_RANGE. */
#define GMS_KVM_HC_MAP_GPA_RANGE	12

/* struct kvm_userspace_memory_region2 */
struct gms__kvm_memslot2 {
	uint32_t slot;
	uint32_t flags;
	uint64_t guest_phys_addr;
	uint64_t memory_size;
	uint64_t userspace_addr;
	uint64_t guest_memfd_offset;
	uint32_t guest_memfd;
	uint32_t pad1;
	uint64_t userfault_bitmap;	/* KVM userfault series; pad2[0] without it */
	uint64_t pad2[13];
};

/* struct kvm_create_guest_memfd */
struct gms__kvm_gmem {
	uint64_t size;
	uint64_t flags;
	uint64_t reserved[6];
};

/* struct kvm_memory_attributes */
struct gms__kvm_attributes {
	uint64_t address;
	uint64_t size;
	uint64_t attributes;
	uint64_t flags;
};

/*
 * struct kvm_memory_attributes2, of the series that converts guest_memfd in place:
 * an ioctl of that file. Not in Linux yet, so whether it is there is found by trying.
 */
struct gms__kvm_attributes2 {
	uint64_t offset;
	uint64_t size;
	uint64_t attributes;
	uint64_t flags;
	uint64_t error_offset;
	uint64_t reserved[11];
};

/* struct kvm_pre_fault_memory */
struct gms__kvm_pre_fault {
	uint64_t gpa;
	uint64_t size;
	uint64_t flags;
	uint64_t padding[5];
};

/* kvm_run::memory_fault, in the union that begins where kvm_run::hw is. */
struct gms__kvm_memory_fault {
	uint64_t flags;
	uint64_t gpa;
	uint64_t size;
};

/* kvm_run::hypercall, in the same union; older headers have 32 bits of its flags. */
struct gms__kvm_hypercall {
	uint64_t nr;
	uint64_t args[6];
	uint64_t ret;
	uint64_t flags;
};

/* struct io_uring_params, of which only zeros are of interest here */
struct gms__io_uring_params {
	uint32_t word[30];
};

#define GMS_KVM_SET_MEMSLOT2	_IOW(KVMIO, 0x49, struct gms__kvm_memslot2)
#define GMS_KVM_SET_ATTRIBUTES	_IOW(KVMIO, 0xd2, struct gms__kvm_attributes)
#define GMS_KVM_SET_ATTRIBUTES2	_IOWR(KVMIO, 0xd2, struct gms__kvm_attributes2)
#define GMS_KVM_CREATE_GMEM	_IOWR(KVMIO, 0xd4, struct gms__kvm_gmem)
#define GMS_KVM_PRE_FAULT	_IOWR(KVMIO, 0xd5, struct gms__kvm_pre_fault)

_Static_assert(sizeof(struct gms__kvm_memslot2) == 160, "kvm_userspace_memory_region2");
_Static_assert(offsetof(struct gms__kvm_memslot2, guest_memfd_offset) == 32, "offset of the file");
_Static_assert(offsetof(struct gms__kvm_memslot2, guest_memfd) == 40, "the file");
_Static_assert(offsetof(struct gms__kvm_memslot2, userfault_bitmap) == 48, "bitmap, or padding");
_Static_assert(sizeof(struct gms__kvm_gmem) == 64, "kvm_create_guest_memfd");
_Static_assert(sizeof(struct gms__kvm_attributes) == 32, "kvm_memory_attributes");
_Static_assert(sizeof(struct gms__kvm_attributes2) == 128, "kvm_memory_attributes2");
_Static_assert(offsetof(struct gms__kvm_attributes2, flags) ==
	       offsetof(struct gms__kvm_attributes, flags), "its head is the first one");
_Static_assert(offsetof(struct gms__kvm_attributes2, error_offset) == 32, "error_offset");
_Static_assert(sizeof(struct gms__kvm_pre_fault) == 64, "kvm_pre_fault_memory");
_Static_assert(sizeof(struct gms__kvm_hypercall) == 72, "kvm_run::hypercall");
_Static_assert(offsetof(struct gms__kvm_hypercall, ret) ==
	       offsetof(struct kvm_run, hypercall.ret) - offsetof(struct kvm_run, hw), "its ret");
_Static_assert(offsetof(struct kvm_run, hypercall) == offsetof(struct kvm_run, hw),
	       "kvm_run::hypercall");
_Static_assert(sizeof(struct gms__kvm_memory_fault) == 24, "kvm_run::memory_fault");
_Static_assert(sizeof(struct gms__uffd_poison) == 32, "uffdio_poison");
_Static_assert(sizeof(struct uffd_msg) == 32, "uffd_msg");
_Static_assert(sizeof(struct gms__io_uring_params) == 120, "io_uring_params");
_Static_assert(offsetof(struct kvm_run, hw) == 32, "the union of kvm_run");
_Static_assert(offsetof(struct kvm_run, mmio) == offsetof(struct kvm_run, hw), "kvm_run::mmio");

/* The head of the second memslot struct is the first one. */
_Static_assert(offsetof(struct gms__kvm_memslot2, userspace_addr) ==
	       offsetof(struct kvm_userspace_memory_region, userspace_addr), "memslots");

#ifdef KVM_SET_USER_MEMORY_REGION2
_Static_assert(GMS_KVM_SET_MEMSLOT2 == KVM_SET_USER_MEMORY_REGION2, "memslot ioctl");
#endif
#ifdef KVM_CREATE_GUEST_MEMFD
_Static_assert(GMS_KVM_CREATE_GMEM == KVM_CREATE_GUEST_MEMFD, "guest_memfd ioctl");
#endif
#ifdef KVM_SET_MEMORY_ATTRIBUTES
_Static_assert(GMS_KVM_SET_ATTRIBUTES == KVM_SET_MEMORY_ATTRIBUTES, "attributes ioctl");
#endif
#ifdef KVM_SET_MEMORY_ATTRIBUTES2
_Static_assert(GMS_KVM_SET_ATTRIBUTES2 == KVM_SET_MEMORY_ATTRIBUTES2, "attributes of a file");
#endif
#ifdef KVM_PRE_FAULT_MEMORY
_Static_assert(GMS_KVM_PRE_FAULT == KVM_PRE_FAULT_MEMORY, "pre-fault ioctl");
#endif
#ifdef KVM_CAP_GUEST_MEMFD_FLAGS
_Static_assert(GMS_KVM_CAP_GUEST_MEMFD_FLAGS == KVM_CAP_GUEST_MEMFD_FLAGS, "flags capability");
#endif
#ifdef KVM_EXIT_MEMORY_FAULT
_Static_assert(GMS_KVM_REASON_MEMORY_FAULT == KVM_EXIT_MEMORY_FAULT, "exit reason");
#endif
#ifdef UFFDIO_POISON
_Static_assert(GMS__UFFDIO_POISON == UFFDIO_POISON, "poison ioctl");
_Static_assert(GMS__UFFD_POISON == UFFD_FEATURE_POISON, "poison feature");
#endif
#ifdef UFFDIO_CONTINUE_MODE_WP
_Static_assert(GMS__UFFD_CONTINUE_WP == UFFDIO_CONTINUE_MODE_WP, "continue mode");
#endif
#ifdef USERFAULTFD_IOC_NEW
_Static_assert(GMS__UFFD_IOC_NEW == USERFAULTFD_IOC_NEW, "device");
#endif
#ifdef MADV_GUARD_INSTALL
_Static_assert(GMS_MADV_GUARD_INSTALL == MADV_GUARD_INSTALL, "guard install");
#endif

#endif

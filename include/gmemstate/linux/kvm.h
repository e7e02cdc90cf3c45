/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file linux/kvm.h
 * @brief KVM as far as guest memory is concerned: slots and exits.
 *
 * The structs here are the library's own, so that a program needs no kernel
 * headers newer than those of its distribution.
 */
#ifndef GMEMSTATE_LINUX_KVM_H
#define GMEMSTATE_LINUX_KVM_H

#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** Guest writes are KVM_EXIT_MMIO. */
#define GMS_KVM_SLOT_READONLY	(UINT32_C(1) << 0)
/** KVM keeps a dirty log. */
#define GMS_KVM_SLOT_DIRTY_LOG	(UINT32_C(1) << 1)
/** The memory is a guest_memfd: @c gmem_fd and @c gmem_offset_bytes say which. */
#define GMS_KVM_SLOT_GMEM	(UINT32_C(1) << 2)

/** @brief A memory slot. Clear with GMS_INIT() first. */
struct gms_kvm_slot {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	gms_gfn	 first;			/**< First frame. */
	uint64_t npages;		/**< Pages; 0 deletes the slot. */
	void	*hva;			/**< Where the VMM has it mapped. */
	uint64_t gmem_offset_bytes;	/**< Where in the guest_memfd. */
	int32_t	 gmem_fd;		/**< guest_memfd, with #GMS_KVM_SLOT_GMEM. */
	uint32_t slot;			/**< Slot number, address space in bits 31:16. */
	uint32_t flags;			/**< GMS_KVM_SLOT_* bits. */
	uint32_t reserved;		/**< 0. */
};

/** @brief Why KVM_RUN came back, as far as memory is concerned. */
enum gms_kvm_exit_kind {
	GMS_KVM_EXIT_OTHER = 0,	/**< Read kvm_run::exit_reason. */
	GMS_KVM_EXIT_AGAIN,	/**< A signal, or nothing to do: run again. */
	GMS_KVM_EXIT_IO,	/**< Port access; read kvm_run::io. */
	GMS_KVM_EXIT_MMIO,	/**< Access to what no slot holds; @c gpa, @c bytes, WRITE. */
	GMS_KVM_EXIT_WANTS,	/**< The guest wants the other visibility: @c gpa, @c bytes, PRIVATE. */
	GMS_KVM_EXIT_NO_PAGE,	/**< The host has no page there (EFAULT), and does not say where. */
	GMS_KVM_EXIT_POISON,	/**< The page has a hardware error (EHWPOISON). */
	GMS_KVM_EXIT_DEAD,	/**< Triple fault, failed entry, internal error. */
	GMS_KVM_EXIT_ERROR	/**< KVM_RUN itself failed: @c error. */
};

/** The access was a write. */
#define GMS_KVM_ACCESS_WRITE	(UINT32_C(1) << 0)
/** The guest meant private memory; clear: shared. */
#define GMS_KVM_ACCESS_PRIVATE	(UINT32_C(1) << 1)

/** @brief One exit. Clear with GMS_INIT() first. */
struct gms_kvm_exit {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t gpa;		/**< Guest-physical address, where the kind has one. */
	uint64_t bytes;		/**< Length, where the kind has one. */
	uint32_t kind;		/**< enum gms_kvm_exit_kind. */
	uint32_t flags;		/**< GMS_KVM_ACCESS_* bits. */
	uint32_t reason;	/**< kvm_run::exit_reason, raw. */
	int32_t	 error;		/**< Negative errno of KVM_RUN, or 0. */
};

/**
 * @brief Set, change or delete a memory slot.
 *
 * Uses KVM_SET_USER_MEMORY_REGION2 for guest_memfd and the first ioctl else.
 *
 * @param vm_fd The VM.
 * @param slot  The slot.
 * @retval 0       Set.
 * @retval -EINVAL NULL; unknown flag; a range that wraps; or the kernel refused the numbers.
 * @retval -EBADF  #GMS_KVM_SLOT_GMEM with a negative descriptor.
 * @retval -E2BIG  @p slot is longer than this library knows and not zero there.
 * @retval -EOPNOTSUPP guest_memfd, and this KVM has no KVM_SET_USER_MEMORY_REGION2.
 * @retval other   What the kernel said.
 * @par Threads
 * Any.
 * @par Cost
 * One ioctl; the kernel takes milliseconds to delete a slot.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_kvm_slot_set(int vm_fd, const struct gms_kvm_slot *slot);

/**
 * @brief Run a vCPU until it comes back, and say why.
 *
 * Clears exit_reason first: after an EFAULT the kernel may leave the old one.
 *
 * @param vcpu_fd   The vCPU.
 * @param run       Its struct kvm_run, mapped by the caller.
 * @param run_bytes Length of that mapping.
 * @param exit      Filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in; failures of KVM_RUN are kinds too.
 * @retval -EINVAL NULL, a mapping too short, or a size smaller than its own member.
 * @retval -E2BIG  @p exit is longer than this library knows and not zero there.
 * @par Threads
 * The vCPU's thread.
 * @par Cost
 * One ioctl.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_run(int vcpu_fd, void *run, size_t run_bytes, struct gms_kvm_exit *exit);

GMS_END_DECLS
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file linux/kvm.h
 * @brief KVM as far as guest memory is concerned: slots, private memory, exits, bitmaps.
 *
 * The structs here are the library's own, so that a program needs no kernel
 * headers newer than those of its distribution.
 *
 * Private memory. A VM whose type has it (KVM_CAP_MEMORY_ATTRIBUTES) keeps for each
 * frame whether it is private, and offers no way to ask. A slot then has two
 * backings: the VMM's mapping for pages that are shared, a guest_memfd for those
 * that are private. struct gms_kvm_memory is the backend that keeps KVM in step with
 * a space; GMS_PROFILE_KVM_ATTRS are the rules that go with it.
 */
#ifndef GMEMSTATE_LINUX_KVM_H
#define GMEMSTATE_LINUX_KVM_H

#include <gmemstate/backend.h>
#include <gmemstate/convert.h>
#include <gmemstate/guest/kvm.h>
#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/* --- Slots --- */

/** Guest writes are KVM_EXIT_MMIO. */
#define GMS_KVM_SLOT_READONLY	(UINT32_C(1) << 0)
/** KVM keeps a dirty log. */
#define GMS_KVM_SLOT_DIRTY_LOG	(UINT32_C(1) << 1)
/** Private pages, or all, are a guest_memfd: @c gmem_fd and @c gmem_offset_bytes say which. */
#define GMS_KVM_SLOT_GMEM	(UINT32_C(1) << 2)
/** Pages whose bit in @c userfault_bitmap is set exit as #GMS_KVM_EXIT_MISSING. */
#define GMS_KVM_SLOT_USERFAULT	(UINT32_C(1) << 3)

/** @brief A memory slot. Clear with GMS_INIT() first. */
struct gms_kvm_slot {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	gms_gfn	 first;			/**< First frame. */
	uint64_t npages;		/**< Pages; 0 deletes the slot. */
	void	*hva;			/**< Where the VMM has it mapped. */
	uint64_t gmem_offset_bytes;	/**< Where in the guest_memfd. */
	/** guest_memfd, with #GMS_KVM_SLOT_GMEM. To be kept open: a slot does not keep it. */
	int32_t	 gmem_fd;
	uint32_t slot;			/**< Slot number, address space in bits 31:16. */
	uint32_t flags;			/**< GMS_KVM_SLOT_* bits. */
	uint32_t reserved;		/**< 0. */
	/** With #GMS_KVM_SLOT_USERFAULT: a bit a page, read by KVM at every fault. */
	uint64_t *userfault_bitmap;
};

/**
 * @brief Set, change or delete a memory slot.
 *
 * Uses KVM_SET_USER_MEMORY_REGION2 for guest_memfd and userfault, the first ioctl else.
 *
 * @param vm_fd The VM.
 * @param slot  The slot.
 * @retval 0       Set.
 * @retval -EINVAL NULL; unknown flag; a range that wraps; #GMS_KVM_SLOT_USERFAULT
 *                 without a bitmap; or the kernel refused the numbers, or a flag that
 *                 it does not know: KVM userfault is not in Linux yet.
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

/* --- Private memory --- */

/** @brief Keeps KVM's memory attributes in step with a space. */
struct gms_kvm_memory;

/**
 * Give back, at the end of a commit, the memory of the half that a page has left: of
 * the mapping by the @c discard of gms_kvm_memory_opts::shared, of the guest_memfd by
 * punching a hole. Without it a page that turns back has its old contents again, unless
 * the conversion asks for #GMS_CONTENT_ZERO.
 */
#define GMS_KVM_MEMORY_PUNCH	(UINT32_C(1) << 0)
/**
 * The guest_memfd is both halves, and keeps the attributes itself
 * (KVM_SET_MEMORY_ATTRIBUTES2 on the file): pages turn in place.
 */
#define GMS_KVM_MEMORY_IN_PLACE	(UINT32_C(1) << 1)

/** @brief Options of gms_kvm_memory_new(). Clear with GMS_INIT() first. */
struct gms_kvm_memory_opts {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	/**
	 * What takes the shared half away from the VMM and back, say that of
	 * gms_backing_region(). Copied; NULL: none. Its operations are called as the core
	 * would, but for set_attributes, which is this backend's own, and for zero, which
	 * is called in place only.
	 */
	const struct gms_backend *shared;
	/** Where in the guest_memfd the page is that has offset 0 in the region's backing. */
	uint64_t gmem_offset_bytes;
	int32_t	 vm_fd;			/**< The VM. Not closed. */
	/**
	 * guest_memfd, or -1. Not closed; keep it open as long as slots use it, which then
	 * lose their private half.
	 */
	int32_t	 gmem_fd;
	uint32_t flags;			/**< GMS_KVM_MEMORY_* bits. */
	uint32_t reserved;		/**< 0. */
};

/**
 * @brief Make the backend of a region whose pages KVM knows as private or shared.
 *
 * Each run of a conversion is one ioctl, which the kernel does whole or not at all.
 * Going private, the VMM loses the pages first, then KVM turns; going shared, KVM
 * first.
 *
 * What is in a page that turned (gms_convert_opts::content): with two backings
 * GMS_CONTENT_PRESERVE is refused (-EOPNOTSUPP, the kernel copies nothing and nobody
 * may read the private half), and GMS_CONTENT_ZERO empties the half that a page enters
 * before it enters it: refused where the shared half's backend cannot discard, or there
 * is no guest_memfd. In place the pages keep their contents, and ZERO is what
 * gms_backend::zero of the shared half's backend makes of it, refused without.
 *
 * Discarding (POPULATED cleared) gives back both halves; populating fills in the
 * shared one only, the private one in place.
 *
 * @param out  Where it goes; untouched on error.
 * @param opts What it works on.
 * @retval 0       Made; nothing was told to KVM yet, see gms_kvm_memory_region().
 * @retval -EINVAL NULL; unknown flag; an offset that is not a multiple of the page; a
 *                 shared backend smaller than its own size member; #GMS_KVM_MEMORY_PUNCH
 *                 with #GMS_KVM_MEMORY_IN_PLACE.
 * @retval -E2BIG  @p opts or its shared has a nonzero member this library does not know.
 * @retval -EBADF  @p vm_fd is no VM; or #GMS_KVM_MEMORY_PUNCH or
 *                 #GMS_KVM_MEMORY_IN_PLACE without a guest_memfd.
 * @retval -EOPNOTSUPP This VM has no private memory: its type, or this KVM, knows no
 *                 attributes; or, in place, guest_memfd has no
 *                 KVM_SET_MEMORY_ATTRIBUTES2.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the kernel said.
 * @par On error
 * Nothing changed.
 * @par Threads
 * Any.
 * @par Cost
 * Two ioctls.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_memory_new(struct gms_kvm_memory **out, const struct gms_kvm_memory_opts *opts);

/**
 * @brief Free it. What KVM was told stays.
 *
 * @param memory NULL is fine. No space may use it any more.
 * @par Threads
 * X.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API void gms_kvm_memory_free(struct gms_kvm_memory *memory);

/**
 * @brief Tell KVM the state of a region's pages, and make this its backend.
 *
 * For a region that is filled in and not added yet: gms_region_add() calls no backend.
 *
 * @param memory As of gms_kvm_memory_new(); must outlive the region.
 * @param region Its first, npages, state and backing_offset_bytes are read, its backend
 *               is set to one that is valid as long as @p memory.
 * @retval 0       KVM has every page of the region as its state says.
 * @retval -EINVAL NULL; a size smaller than its own member; an empty or wrapping range;
 *                 or the kernel refused the numbers.
 * @retval -E2BIG  @p region is longer than this library knows and not zero there.
 * @retval -EAGAIN In place: a page that would turn private is in use.
 * @retval -ENOMEM Out of memory, in the kernel.
 * @retval other   What the kernel said.
 * @par On error
 * @p region is untouched, what KVM knows as before.
 * @par Threads
 * Any, but not beside conversions of these pages.
 * @par Cost
 * One ioctl; the kernel's time is linear in the pages.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_memory_region(struct gms_kvm_memory *memory, struct gms_region_opts *region);

/**
 * @brief How often memory that a page has left could not be given back.
 *
 * The page is as it should be; only the memory is still held.
 *
 * @param memory As of gms_kvm_memory_new(). NULL answers 0.
 * @return Calls that failed.
 * @par Threads
 * Any; async-signal-safe.
 * @par Cost
 * A load.
 * @since 0.1
 */
GMS_API uint64_t gms_kvm_memory_failures(const struct gms_kvm_memory *memory);

/**
 * @brief Map pages into the guest before it touches them (KVM_PRE_FAULT_MEMORY).
 *
 * Also gives private pages their memory. The guest may run meanwhile, on other vCPUs.
 *
 * @param vcpu_fd A vCPU of the guest, not running.
 * @param range   The pages.
 * @param next    NULL, or where the first page goes that is not done; past the range's
 *                last one when all are. Untouched on -EINVAL.
 * @retval 0       All are mapped.
 * @retval -EINVAL An empty or wrapping range, or past #GMS_GFN_LIMIT.
 * @retval -ENOENT No slot holds the page.
 * @retval -EFAULT The host has no page there, or it is private without a guest_memfd.
 * @retval -EINTR  Signals, or a kernel that is busy (-EAGAIN), kept interrupting it: 16
 *                 times in a row without a page done.
 * @retval -EAGAIN As -EINTR.
 * @retval -EHWPOISON The page has a hardware error.
 * @retval -EOPNOTSUPP This KVM or vCPU cannot.
 * @retval other   What the kernel said.
 * @par On error
 * The pages below *@p next are mapped.
 * @par Threads
 * The vCPU's thread.
 * @par Cost
 * One ioctl, and one more for every interruption.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_pre_fault(int vcpu_fd, struct gms_range range, gms_gfn *next);

/* --- Exits --- */

/** @brief Why KVM_RUN came back, as far as memory is concerned. */
enum gms_kvm_exit_kind {
	GMS_KVM_EXIT_OTHER = 0,	/**< Read kvm_run::exit_reason. */
	GMS_KVM_EXIT_AGAIN,	/**< A signal, or nothing to do: run again. */
	GMS_KVM_EXIT_IO,	/**< Port access; read kvm_run::io. */
	GMS_KVM_EXIT_MMIO,	/**< Access to what no slot holds; @c gpa, @c bytes, WRITE. */
	GMS_KVM_EXIT_WANTS,	/**< The guest wants the other visibility: @c gpa, @c bytes, PRIVATE. */
	GMS_KVM_EXIT_NO_PAGE,	/**< The host has no page there (EFAULT), and does not say where. */
	GMS_KVM_EXIT_POISON,	/**< Hardware error (EHWPOISON); @c gpa if @c bytes is not 0. */
	GMS_KVM_EXIT_DEAD,	/**< Triple fault, failed entry, internal error. */
	GMS_KVM_EXIT_ERROR,	/**< KVM_RUN itself failed: @c error. */
	GMS_KVM_EXIT_MISSING,	/**< The userfault bitmap says so: @c gpa, @c bytes, PRIVATE. */
	GMS_KVM_EXIT_HYPERCALL	/**< @c nr, @c args; answer with gms_kvm_hypercall_return(). */
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
	uint64_t raw_flags;	/**< Flags of the memory fault or hypercall, as KVM has them. */
	uint64_t nr;		/**< Number of the hypercall. */
	uint64_t args[6];	/**< Its arguments, nothing checked. */
};

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

/**
 * @brief Answer a hypercall; the guest sees it at the next gms_kvm_run().
 *
 * @param run       The vCPU's struct kvm_run.
 * @param run_bytes Length of that mapping.
 * @param ret       What the guest gets: 0, or a negative KVM_* number.
 * @retval 0       Stored.
 * @retval -EINVAL NULL or a mapping too short.
 * @retval -ENOENT The last exit was no hypercall.
 * @par Threads
 * The vCPU's thread.
 * @par Cost
 * A store.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_kvm_hypercall_return(void *run, size_t run_bytes, int64_t ret);

/**
 * @brief Was the access to RAM, though it came as one to a device?
 *
 * A vCPU whose instructions KVM emulates turns a touch of a page that the host does
 * not have into an MMIO exit inside a RAM slot. The write has not happened, and the
 * instruction is over: answer it as a device would, by writing to, or reading from,
 * the page.
 *
 * @param space The guest's memory. NULL answers false.
 * @param exit  As gms_kvm_run() filled it in. NULL answers false.
 * @return true for a #GMS_KVM_EXIT_MMIO whose first byte is in a region of @p space.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * As gms_state_at().
 * @since 0.1
 */
GMS_API bool
gms_kvm_exit_is_ram(const struct gms_space *space, const struct gms_kvm_exit *exit);

/**
 * @brief Ask KVM what an address of the guest's own translates to (KVM_TRANSLATE).
 *
 * For #GMS_KVM_EXIT_NO_PAGE, which names no page, where the VMM knows what the guest
 * was about to touch: an operand's address, or the instruction's own.
 *
 * @param vcpu_fd A vCPU, not running.
 * @param linear  Linear address.
 * @param gpa     Where the guest-physical address goes; untouched on error.
 * @retval 0       Translated.
 * @retval -EINVAL NULL, or the kernel refused.
 * @retval -ENOENT The guest's page tables map nothing there.
 * @retval -ENOTTY No vCPU, or an architecture whose KVM does not translate.
 * @retval other   What the kernel said.
 * @par Threads
 * The vCPU's thread.
 * @par Cost
 * One ioctl.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_kvm_translate(int vcpu_fd, uint64_t linear, uint64_t *gpa);

/* --- Bitmaps --- */

/** Clear in KVM's log what was taken over (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2). */
#define GMS_KVM_DIRTY_CLEAR	(UINT32_C(1) << 0)

/** Bytes of a slot's bitmaps. */
#define GMS_KVM_BITMAP_BYTES(npages)	(((npages) + 63) / 64 * 8)

/**
 * @brief Take over a slot's dirty log: its pages become DIRTY.
 *
 * Pages that are DIRTY already stay so: clear the attribute when a page is sent. The
 * log is read first. Without #GMS_KVM_DIRTY_CLEAR that also clears it, unless the VM
 * has KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2; with it the log is cleared last, so nothing
 * is lost whatever fails.
 *
 * @param vm_fd        The VM.
 * @param slot         The slot, as it was set: its number, first and npages count.
 * @param space        A space that has these pages.
 * @param le_bitmap    Room for the log, which stays there.
 * @param bitmap_bytes At least GMS_KVM_BITMAP_BYTES(npages).
 * @param flags        #GMS_KVM_DIRTY_CLEAR or 0.
 * @param result       NULL, or filled in as gms_bitmap_import() does.
 * @retval 0       Every page of the log is DIRTY.
 * @retval -EINVAL NULL; unknown flag; a slot of no pages or that wraps; too little room;
 *                 or the kernel refused.
 * @retval -E2BIG  @p slot or @p result is longer than this library knows and not zero there.
 * @retval -ENOENT The slot keeps no log; or a page of the log is a hole in @p space, see
 *                 error_gfn.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the kernel, or gms_bitmap_import(), said.
 * @par On error
 * No page became DIRTY, unless clearing the log failed; what was read is in
 * @p le_bitmap, for another gms_bitmap_import().
 * @par Threads
 * W.
 * @par Cost
 * One or two ioctls, and as gms_bitmap_import().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_dirty_log(int vm_fd, const struct gms_kvm_slot *slot, struct gms_space *space,
		  uint64_t *le_bitmap, size_t bitmap_bytes, uint32_t flags,
		  struct gms_convert_result *result);

/**
 * @brief Fill in a slot's userfault bitmap: a bit for each page that is MISSING.
 *
 * As KVM wants it: unsigned longs of the host's byte order, bit 0 of the first is the
 * slot's first page. Holes are not missing. Fill it in before #GMS_KVM_SLOT_USERFAULT
 * is set: setting a bit later has no effect on a page that the guest has mapped.
 *
 * @param space        The guest's memory.
 * @param slot         Its first and npages count, and its userfault_bitmap is written.
 * @param bitmap_bytes At least GMS_KVM_BITMAP_BYTES(npages).
 * @retval 0       Filled in.
 * @retval -EINVAL NULL; a slot of no pages or that wraps; too little room.
 * @retval -E2BIG  @p slot is longer than this library knows and not zero there.
 * @par Threads
 * R; nobody else may write to the bitmap meanwhile.
 * @par Cost
 * As gms_bitmap_export().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_userfault_fill(const struct gms_space *space, const struct gms_kvm_slot *slot,
		       size_t bitmap_bytes);

/**
 * @brief Let the guest at pages that have arrived: clear their userfault bits.
 *
 * After their contents are in place, and before who waits for them is woken. What was
 * written before is seen by whoever sees a bit cleared.
 *
 * @param slot  Its first, npages and userfault_bitmap count.
 * @param range Pages of the slot.
 * @retval 0       Cleared.
 * @retval -EINVAL NULL; a slot of no pages, that wraps, or without a bitmap; a range that
 *                 is empty, wraps or is not within the slot.
 * @retval -E2BIG  @p slot is longer than this library knows and not zero there.
 * @par Threads
 * Any, also beside the guest and beside itself; async-signal-safe.
 * @par Cost
 * An atomic operation for 64 pages. No system call.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_userfault_clear(const struct gms_kvm_slot *slot, struct gms_range range);

GMS_END_DECLS
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file guest/kvm.h
 * @brief What reaches a VMM from KVM itself: MAP_GPA_RANGE and memory faults.
 *
 * A guest asks KVM to share or unshare its memory with the hypercall
 * KVM_HC_MAP_GPA_RANGE, which KVM hands on as KVM_EXIT_HYPERCALL; SNP's and TDX's
 * requests arrive in the same words where KVM itself speaks their protocol. A guest
 * that touches a page as what it is not gives KVM_EXIT_MEMORY_FAULT. Both are given
 * to the calls here as KVM has them. That takes no headers of Linux; gmemstate/linux/kvm.h
 * has the exits.
 *
 * Either is done whole, or not at all: KVM's words know no progress. So
 * gms_request_opts::chunk_pages and @c stop mean nothing here, and a request for more
 * than @c most_pages is refused.
 */
#ifndef GMEMSTATE_GUEST_KVM_H
#define GMEMSTATE_GUEST_KVM_H

#include <gmemstate/guest/request.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** KVM_HC_MAP_GPA_RANGE, the hypercall that shares and unshares. */
#define GMS_KVM_MAP_GPA_RANGE	12

/** Of its attributes: what the guest would like it mapped with, 0: 4K, 1: 2M, 2: 1G. A hint. */
#define GMS_KVM_MAP_PAGE_SIZE	UINT64_C(0xf)
/** Of its attributes: private; clear: shared. */
#define GMS_KVM_MAP_PRIVATE	(UINT64_C(1) << 4)

/** As the guest gets it, with a minus: KVM_EPERM. A page is held, or the host cannot. */
#define GMS_KVM_EPERM		1
/** As the guest gets it, with a minus: KVM_E2BIG. More pages than a call may have. */
#define GMS_KVM_E2BIG		7
/** As the guest gets it, with a minus: KVM_EFAULT. No memory there, or none that is sound. */
#define GMS_KVM_EFAULT		14
/** As the guest gets it, with a minus: KVM_EINVAL. Not pages, or reserved bits. */
#define GMS_KVM_EINVAL		22
/** As the guest gets it, with a minus: KVM_EOPNOTSUPP. This guest's pages do not turn. */
#define GMS_KVM_EOPNOTSUPP	95
/** As the guest gets it, with a minus: KVM_ENOSYS. Another hypercall. */
#define GMS_KVM_ENOSYS		1000

/** @brief Who reads kvm_run::hypercall.ret. */
enum gms_kvm_style {
	/** A guest without protection, in RAX: 0, or a number of GMS_KVM_E* with a minus. */
	GMS_KVM_FOR_GUEST = 0,
	/**
	 * KVM's own code for SNP and TDX: 0, EINVAL (22) or EAGAIN (11), without a minus;
	 * with anything else KVM_RUN fails, in kernels that look.
	 */
	GMS_KVM_FOR_PLATFORM
};

/**
 * @brief Take in a hypercall.
 *
 * @param request The vCPU's.
 * @param nr      kvm_run::hypercall.nr; another than #GMS_KVM_MAP_GPA_RANGE is answered
 *                as one that there is not.
 * @param args    kvm_run::hypercall.args: address, pages, attributes. Copied; the last
 *                three are not read.
 * @retval 0       Taken in, also if there is nothing to do but to refuse it.
 * @retval -EINVAL NULL.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * Constant.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_call_begin(struct gms_request *request, uint64_t nr, const uint64_t args[6]);

/**
 * @brief Answer it.
 *
 * For the guest: wrong words are EINVAL, or ENOSYS if it is no hypercall of this kind,
 * too many pages E2BIG; a hole or a poisoned page EFAULT; a profile without
 * conversions EOPNOTSUPP; and what is held, or fails for another reason, EPERM. For the
 * platform: what is held (-EAGAIN, -EBUSY) and want of memory EAGAIN, all else EINVAL.
 * What gms_request_refuse() was given counts as if a conversion had said it.
 *
 * @param request A request that is #GMS_REQUEST_DONE.
 * @param style   enum gms_kvm_style.
 * @param ret     What goes into kvm_run::hypercall.ret.
 * @retval 0       Answered.
 * @retval -EINVAL NULL; unknown style; not done, or taken in by another call.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * Constant.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_call_end(struct gms_request *request, uint32_t style, int64_t *ret);

/**
 * @brief A hypercall, from the exit's words to what goes back.
 *
 * @param request The vCPU's.
 * @param nr      As of gms_kvm_call_begin().
 * @param args    The same.
 * @param style   enum gms_kvm_style.
 * @param ret     What goes into kvm_run::hypercall.ret.
 * @retval 0       Answered: all of it is done, if *@p ret is 0, or nothing.
 * @retval -EINVAL NULL; unknown style.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_request_run().
 * @par Cost
 * One conversion.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_call(struct gms_request *request, uint64_t nr, const uint64_t args[6], uint32_t style,
	     int64_t *ret);

/** Of a memory fault's flags: the guest meant private memory; clear: shared. */
#define GMS_KVM_FAULT_PRIVATE	(UINT64_C(1) << 3)
/** Of a memory fault's flags: the slot's userfault bitmap says that the page is not here. */
#define GMS_KVM_FAULT_USERFAULT	(UINT64_C(1) << 4)

/** @brief What to do with a vCPU after its memory fault. Grows at the end only. */
enum gms_kvm_action {
	/**
	 * Run it: the pages are as it wanted them. After a userfault: the page is here, so
	 * clear its bit of the bitmap, if that is still set, and run it. If the same fault
	 * comes again and again while nothing turns (gms_request_result::changed_pages; with a
	 * collector that is not told: ask gms_state_at() before), KVM has no such page to give:
	 * a private one in a slot without guest_memfd.
	 */
	GMS_KVM_RESUME = 0,
	/**
	 * A userfault, which is queued now. Run it once the page was resolved and its bit
	 * cleared: contents, then the bit, then gms_resolve().
	 */
	GMS_KVM_WAIT,
	/** The page is held, or room is short: run it later, it will fault again. */
	GMS_KVM_AGAIN,
	/** It would fault for ever: a hole, poison, words that mean nothing. Do not run it. */
	GMS_KVM_REFUSE
};

/**
 * @brief Take in a memory fault.
 *
 * A fault without #GMS_KVM_FAULT_USERFAULT asks for all of its pages to be what the
 * guest took them for. One with it asks for its first page to be brought in, and turns
 * nothing: if the page is of the wrong visibility too, the guest faults again once it
 * is there. gms_request_part_at() has that page, with nothing to set or clear.
 *
 * @param request The vCPU's.
 * @param flags   kvm_run::memory_fault.flags; bits not known here are refused.
 * @param gpa     kvm_run::memory_fault.gpa, a multiple of the page.
 * @param bytes   kvm_run::memory_fault.size, the same: no larger page is guessed from it.
 * @retval 0       Taken in, also if there is nothing to do but to refuse it.
 * @retval -EINVAL NULL.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * Constant.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_fault_begin(struct gms_request *request, uint64_t flags, uint64_t gpa, uint64_t bytes);

/**
 * @brief Answer it; a userfault is queued here, as gms_fault_raise() does, for
 * gms_request_opts::tag.
 *
 * @param request A request that is #GMS_REQUEST_DONE.
 * @param action  Where the enum gms_kvm_action goes.
 * @retval 0       Answered. gms_request_result() has the error behind it.
 * @retval -EINVAL NULL; not done, or taken in by another call.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * As gms_fault_raise() for a userfault.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_kvm_fault_end(struct gms_request *request, uint32_t *action);

/**
 * @brief A memory fault, from the exit's words to what to do with the vCPU.
 *
 * @param request The vCPU's.
 * @param flags   As of gms_kvm_fault_begin().
 * @param gpa     The same.
 * @param bytes   The same.
 * @param action  Where the enum gms_kvm_action goes.
 * @retval 0       Answered.
 * @retval -EINVAL NULL.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_request_run().
 * @par Cost
 * One conversion, or as gms_fault_raise().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_kvm_fault(struct gms_request *request, uint64_t flags, uint64_t gpa, uint64_t bytes,
	      uint32_t *action);

GMS_END_DECLS
#endif

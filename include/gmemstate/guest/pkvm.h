/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file guest/pkvm.h
 * @brief pKVM: who owns a page, and what its guests ask: share, unshare, relinquish.
 *
 * Under pKVM every page has an owner, which the hypervisor keeps at both ends: what
 * the host has of the page, and what the guest has. The table of what may follow what
 * is gms_pkvm_may(). A guest changes it a granule at a time, with the calls of Linux's
 * hypercalls.rst: registers X0 to X3 in, and the same out. The granule is a page of
 * 4096 bytes.
 *
 * Unlike a conversion, such a call is refused if the page is as wanted already.
 */
#ifndef GMEMSTATE_GUEST_PKVM_H
#define GMEMSTATE_GUEST_PKVM_H

#include <gmemstate/guest/request.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/* --- The table --- */

/** @brief What one side has of a page. */
enum gms_pkvm_state {
	GMS_PKVM_OWNED = 0,	/**< The page, alone. */
	GMS_PKVM_SHARED_OWNED,	/**< The page, and lets another have it too. */
	GMS_PKVM_SHARED_BORROWED, /**< It is the other's, who lets it have it. */
	GMS_PKVM_NOPAGE,	/**< Nothing. */
	GMS_PKVM_POISONED,	/**< Nothing: the host took the page back by force. */
	GMS_PKVM_STATE_COUNT	/**< Number of states of this version. */
};

/** @brief A page, as the hypervisor has it. */
struct gms_pkvm_page {
	uint32_t host;	/**< enum gms_pkvm_state of the host. */
	uint32_t guest;	/**< The same of the other side: a guest, or the hypervisor itself. */
	/**
	 * Who uses it still: guests that the host shares the page with; for the
	 * hypervisor, and a page that is relinquished, references that it holds.
	 */
	uint32_t count;
	uint32_t order;	/**< How the guest has it mapped: 0, or an order above a page's. */
};

/** @brief What changes who owns a page. Grows at the end only. */
enum gms_pkvm_op {
	GMS_PKVM_HOST_SHARE_GUEST = 0,	/**< A guest that is not protected gets the page too. */
	GMS_PKVM_HOST_UNSHARE_GUEST,	/**< And loses it. */
	GMS_PKVM_HOST_DONATE_GUEST,	/**< A protected guest gets it, for itself alone. */
	GMS_PKVM_GUEST_SHARE_HOST,	/**< It lets the host have it: MEM_SHARE. */
	GMS_PKVM_GUEST_UNSHARE_HOST,	/**< And takes it back: MEM_UNSHARE. */
	GMS_PKVM_GUEST_RELINQUISH,	/**< It gives the page back: MEM_RELINQUISH. */
	GMS_PKVM_RECLAIM,		/**< The host takes it back, of a guest that dies. */
	GMS_PKVM_FORCE_RECLAIM,		/**< Of one that lives, which finds it poisoned. */
	GMS_PKVM_HOST_SHARE_HYP,	/**< The hypervisor gets it too. */
	GMS_PKVM_HOST_UNSHARE_HYP,	/**< And loses it. */
	GMS_PKVM_HOST_SHARE_FFA,	/**< The secure world gets it too, which has no side here. */
	GMS_PKVM_HOST_UNSHARE_FFA,	/**< And loses it. */
	GMS_PKVM_OP_COUNT		/**< Number of these of this version. */
};

/**
 * @brief May the page change hands so, and what is it then?
 *
 * The same as the hypervisor's checks, except that FF-A gets no page, and gives none
 * back, that guests have: the hypervisor does not count there.
 *
 * @param op     enum gms_pkvm_op.
 * @param before The page.
 * @param after  NULL, or what it is then; may be @p before. Untouched on error.
 * @retval 0       It may.
 * @retval -EINVAL NULL @p before; unknown operation or state.
 * @retval -EPERM  One side is not what the operation is for.
 * @retval -EBUSY  It is used: references are left, or there is no room to count another.
 * @retval -ENOENT The guest has nothing mapped there, and the operation is for what it has.
 * @retval -E2BIG  It is mapped as part of a larger block.
 * @retval -EHWPOISON The guest's page was taken by force.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A look at each row of the table.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_pkvm_may(uint32_t op, const struct gms_pkvm_page *before, struct gms_pkvm_page *after);

/**
 * @brief What the attributes of a page of a protected guest come to.
 *
 * POISON: the guest's page is poisoned, the host's is its own. Not POPULATED: nothing
 * is mapped, the host's is its own. Else the guest owns it, and shares it if SHARED.
 *
 * @param state GMS_STATE_* bits.
 * @param page  Where it goes, with no count and order 0.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a bit that is no attribute.
 * @retval -ENOENT #GMS_HOLE.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_pkvm_page_of(gms_state state, struct gms_pkvm_page *page);

/* --- Guest calls --- */

/** X0 of HYP_MEMINFO: how large is a granule? */
#define GMS_PKVM_HYP_MEMINFO	UINT32_C(0xc6000002)
/** X0 of MEM_SHARE. */
#define GMS_PKVM_MEM_SHARE	UINT32_C(0xc6000003)
/** X0 of MEM_UNSHARE. */
#define GMS_PKVM_MEM_UNSHARE	UINT32_C(0xc6000004)
/** X0 of MEM_RELINQUISH, which Android has. */
#define GMS_PKVM_MEM_RELINQUISH	UINT32_C(0xc6000009)

/** X0 of an answer: done. */
#define GMS_PKVM_SUCCESS	0
/** X0 of an answer, as signed: no such call. */
#define GMS_PKVM_NOT_SUPPORTED	(-1)
/** X0 of an answer, as signed: refused, whatever for. */
#define GMS_PKVM_INVALID_PARAMETER	(-3)

/**
 * MEM_SHARE and MEM_UNSHARE take a number of granules in X2, 0 being 1, and answer in
 * X1 how many they did: as Android's pKVM, which says so in HYP_MEMINFO's answer
 * (KVM_FUNC_HAS_RANGE). Without it X2 must be 0 and they do one.
 */
#define GMS_PKVM_RANGES		(UINT32_C(1) << 0)

/** @brief What to do with a vCPU after its call. Grows at the end only. */
enum gms_pkvm_action {
	/** Give it the registers, and run it. */
	GMS_PKVM_ANSWER = 0,
	/**
	 * Give the guest the page that gms_request_result::error_gfn names, as at a data
	 * abort, private and POPULATED, and let it make the call again: run it from the
	 * HVC itself, with the registers as they are.
	 */
	GMS_PKVM_BRING_IN,
	/** Let it make the call again later: what stands in the way is short. */
	GMS_PKVM_LATER
};

/**
 * @brief Take in a call.
 *
 * @param request The vCPU's.
 * @param flags   #GMS_PKVM_RANGES, or 0: what the guest was told the hypervisor can.
 * @param regs    X0 to X3. Copied. Of X0 the lower half counts.
 * @retval 0       Taken in, also if there is nothing to do but to refuse it.
 * @retval -EINVAL NULL; unknown flag.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * Constant.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_pkvm_begin(struct gms_request *request, uint32_t flags, const uint64_t regs[4]);

/**
 * @brief Answer it.
 *
 * MEM_SHARE of a page that is not there is #GMS_PKVM_BRING_IN, as the hypervisor makes
 * it a data abort; MEM_RELINQUISH of one is done. gms_request_refuse() with -EAGAIN, a
 * page that is frozen, an access (access.h) in the way and want of memory are
 * #GMS_PKVM_LATER. All
 * else that is refused is INVALID_PARAMETER; a range whose first granules are done is
 * done, as far as X1 says.
 *
 * @param request A request that is #GMS_REQUEST_DONE.
 * @param regs    X0 to X3 of the guest; written for #GMS_PKVM_ANSWER only.
 * @param action  Where the enum gms_pkvm_action goes.
 * @retval 0       Answered.
 * @retval -EINVAL NULL; not done, or taken in by another call.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * Constant.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_pkvm_end(struct gms_request *request, uint64_t regs[4], uint32_t *action);

/**
 * @brief A call, from registers to registers.
 *
 * A page is looked at right before it is converted, but not in one step with it. Of two
 * calls for one granule on two vCPUs at once, one is refused all the same, unless they
 * go through a collector; of two ranges, or another call of the library for these pages
 * at once, both may be told that they did it. The pages are what the last one made
 * them.
 *
 * @param request The vCPU's. Holes are never passed over here, whatever
 *                #GMS_REQUEST_HOLES says.
 * @param flags   As of gms_pkvm_begin().
 * @param regs    X0 to X3 of the guest, in and out.
 * @param action  Where the enum gms_pkvm_action goes.
 * @retval 0       Answered.
 * @retval -EINVAL NULL; unknown flag.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_request_run().
 * @par Cost
 * A look at the pages, and one conversion.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_pkvm(struct gms_request *request, uint32_t flags, uint64_t regs[4], uint32_t *action);

GMS_END_DECLS
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file backend.h
 * @brief The host side of a region: what carries a conversion out.
 *
 * The core keeps the books and calls a backend for what only the host can do.
 * All runs of one commit and direction arrive in one call, in order of gfn,
 * coalesced, no page twice: a kernel interface that takes a vector gets one.
 * Only where regions of another backend lie between them there are several
 * calls. The flush at the end covers them all.
 *
 * Order within a commit. To private: the state is flipped, so that no new pin
 * is taken, then unmap_host. To shared: map_host, then the state is flipped.
 * One flush per backend ends the commit. When an operation fails, everything
 * done so far is undone by the opposite operation, in reverse order.
 *
 * An operation runs while the library holds the locks of the GiB blocks that
 * are being converted, and no other: it may call the reading functions (class
 * R) of any space, gms_charge_add(), and nothing else of this library.
 */
#ifndef GMEMSTATE_BACKEND_H
#define GMEMSTATE_BACKEND_H

#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief Adjacent pages of one region that turn the same way. */
struct gms_host_run {
	gms_gfn	  first;		/**< First frame. */
	uint64_t  npages;		/**< Length in pages. */
	uint64_t  backing_id;		/**< The region's backing id. */
	uint64_t  backing_offset_bytes;	/**< Where the run begins in the backing. */
	void	 *hva;			/**< Where it begins in the VMM, or NULL if not mapped. */
};

/** @brief Where a backend reports what it spent. Opaque. */
struct gms_charge;

/**
 * @brief Charge the commit in progress for something a backend did.
 *
 * @param charge What the operation was given. NULL does nothing.
 * @param kind   A GMS_ACCT_* kind from #GMS_ACCT_GUEST_EXITS on; another does nothing.
 * @param count  How many.
 * @par Threads
 * From inside a backend operation only, on its thread.
 * @par Cost
 * One addition.
 * @since 0.1
 */
GMS_API void gms_charge_add(struct gms_charge *charge, uint32_t kind, uint64_t count);

/**
 * @brief One operation on all runs of a commit.
 *
 * @param ctx    gms_backend::ctx.
 * @param runs   The runs, ascending, disjoint. Valid during the call.
 * @param nruns  At least 1.
 * @param ndone  In: 0. Out, on failure: how many leading runs took effect in
 *               full. The run after them must be as it was before the call.
 * @param charge For gms_charge_add().
 * @return 0, or a negative errno, which the conversion returns.
 */
typedef int gms_host_fn(void *ctx, const struct gms_host_run *runs, size_t nruns,
			size_t *ndone, struct gms_charge *charge);

/**
 * @brief The host side of a region. Clear with GMS_INIT() first.
 *
 * Copied when the region is added; any operation may be NULL: nothing to do.
 */
struct gms_backend {
	size_t	      size;	  /**< Bytes of this struct the caller knows. */
	void	     *ctx;	  /**< Handed to every operation. */
	gms_host_fn  *unmap_host; /**< Take the pages away from the VMM; contents stay. */
	gms_host_fn  *map_host;	  /**< Give the pages to the VMM. */
	/** One flush for all that the commit changed. Cannot fail. */
	void	    (*flush)(void *ctx, struct gms_charge *charge);
};

GMS_END_DECLS
#endif

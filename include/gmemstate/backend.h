/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file backend.h
 * @brief The host side of a region: what carries a conversion out.
 *
 * The core keeps the books and calls a backend for what only the host can do.
 * All runs of one commit and operation arrive in one call, in order of gfn,
 * coalesced, no page twice, whatever regions of other backends lie between them:
 * a kernel interface that takes a vector gets one. Only pages that freeze or thaw, or
 * turn shared while they are frozen, come in a call of their own. One flush per
 * backend ends the commit.
 *
 * The VMM may touch what is SHARED and not FROZEN. So freezing a shared page calls
 * unmap_host, and thawing it map_host, with FROZEN in the run's mask; of private pages
 * that freeze or thaw the host is told nothing. A page that turns shared while it is
 * frozen has its attributes set, and is mapped when it thaws.
 *
 * Order within a commit, of a backend's operations and of what goes on between:
 *
 *   1. split, for folios that will be mixed; 1G before 2M
 *   2. listeners give up what they lose
 *   3. what does not turn shared or thaw is flipped, so that no new pin is taken
 *   4. unmap_host, then set_attributes, of what turns private; unmap_host of what freezes
 *   5. direct_map of what leaves the direct map, populate, direct_map of what returns
 *   6. set_attributes, then zero, then map_host, of what turns shared; map_host of
 *      what thaws; zero of what turned private. zero only where the conversion asks
 *      for #GMS_CONTENT_ZERO.
 *   7. what turns shared or thaws is flipped; listeners map what they gain
 *   8. discard of what lost its memory, flush, merge: these cannot be undone, and
 *      their failures are counted but do not undo the conversion
 *
 * When an operation of 1 to 7 fails, everything done so far is undone by the
 * opposite operation, in reverse order, and what was called is flushed. Contents are
 * then to be kept, whatever the conversion asked for; what zero has done stays done.
 *
 * An operation runs while the library holds the locks of the GiB blocks that
 * are being converted (of all, when a region or a listener comes or goes): it may
 * call the reading functions (class R) of any space, gms_charge_add(),
 * gms_charge_error(), and nothing else of this library. It must not wait in a loop of
 * gms_read_retry(), which says again until the commit is over. Commits in different
 * GiB may call one backend from several threads at once.
 */
#ifndef GMEMSTATE_BACKEND_H
#define GMEMSTATE_BACKEND_H

#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief What shall be in a page after it turned. */
enum gms_content {
	GMS_CONTENT_ANY = 0,	/**< Whatever the host does: nobody relies on it. */
	GMS_CONTENT_PRESERVE,	/**< What was in it. */
	GMS_CONTENT_ZERO,	/**< Zeros. */
	/** What was in it before this commit, which is being undone: to backends only. */
	GMS_CONTENT_UNDO
};

/** @brief Adjacent pages of one region that turn the same way. */
struct gms_host_run {
	gms_gfn	  first;		/**< First frame. */
	uint64_t  npages;		/**< Length in pages. */
	uint64_t  backing_id;		/**< The region's backing id. */
	uint64_t  backing_offset_bytes;	/**< Where the run begins in the backing. */
	void	 *hva;			/**< Where it begins in the VMM, or NULL if not mapped. */
	gms_state mask;	/**< The attribute that turns: SHARED, FROZEN, DIRECT_MAP, POPULATED. */
	gms_state to;			/**< What it turns to: @p mask, or 0. */
	uint32_t  content;		/**< enum gms_content, as asked; UNDO when undoing. */
	uint32_t  reserved;		/**< The library's. */
};

/** @brief A folio that is cut, or grown together. */
struct gms_host_folio {
	gms_gfn	  first;		/**< First frame. */
	uint64_t  backing_id;		/**< The region's backing id. */
	uint64_t  backing_offset_bytes;	/**< Where the folio begins in the backing. */
	void	 *hva;			/**< Where it begins in the VMM, or NULL if not mapped. */
	uint32_t  order;		/**< The larger order: one folio of it. */
	uint32_t  parts_order;		/**< The smaller: the folios it is made of. */
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
 * @brief Name the page at which an operation fails.
 *
 * It becomes gms_convert_result::error_gfn; of an operation that names none that is
 * the first page of the run that failed. The last call counts.
 *
 * @param charge What the operation was given. NULL does nothing.
 * @param gfn    A page of the first run that did not take effect; another does nothing.
 * @par Threads
 * From inside a backend operation only, on its thread.
 * @par Cost
 * A store.
 * @since 0.1
 */
GMS_API void gms_charge_error(struct gms_charge *charge, gms_gfn gfn);

/**
 * @brief One operation on all runs of a commit.
 *
 * @param ctx    gms_backend::ctx.
 * @param runs   The runs, ascending, disjoint. Valid during the call.
 * @param nruns  At least 1.
 * @param ndone  In: 0. Out, on failure: how many leading runs took effect in
 *               full. The run after them must be as it was before the call.
 * @param charge For gms_charge_add() and gms_charge_error().
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
	gms_host_fn  *set_attributes; /**< Tell KVM that the pages are shared, or private. */
	gms_host_fn  *direct_map; /**< Take the pages out of the kernel's direct map, or back. */
	/**
	 * Give the pages memory; undone by discard. Not told of pages that stop being
	 * MISSING in the same change: who brought their contents in has given it.
	 */
	gms_host_fn  *populate;
	gms_host_fn  *discard;	  /**< Give the pages' memory back to the host. */
	/** Cut a folio in the host. 0, or a negative errno: then nothing was cut. */
	int	    (*split)(void *ctx, const struct gms_host_folio *folio,
			     struct gms_charge *charge);
	/** A folio is one again. Cannot fail; also undoes split. */
	void	    (*merge)(void *ctx, const struct gms_host_folio *folio,
			     struct gms_charge *charge);
	gms_host_fn  *zero;	  /**< Put zeros into pages that the VMM cannot touch. */
};

GMS_END_DECLS
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file pin.h
 * @brief May the host pin these pages, who has, and hold them.
 *
 * A pin says that somebody (GUP, DMA, vhost, an io_uring fixed buffer) holds
 * pages that must not lose their memory or turn private. The kernel cannot be
 * asked which pages are pinned, so the embedder's own pins are the only truth.
 */
#ifndef GMEMSTATE_PIN_H
#define GMEMSTATE_PIN_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** The holder writes to the pages. */
#define GMS_PIN_WRITE		(UINT32_C(1) << 0)
/** The holder keeps them for long (FOLL_LONGTERM). */
#define GMS_PIN_LONGTERM	(UINT32_C(1) << 1)

/** @brief Names one pin of one space; never 0, never used again. */
typedef uint64_t gms_pin_id;

/** @brief What gms_gup_query() answers. Clear with GMS_INIT() first. */
struct gms_gup_answer {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	uint64_t eligible_pages;	/**< Pages that may be pinned. */
	uint64_t refused_pages;		/**< Pages that may not. */
	gms_gfn	 refused_gfn;		/**< The first of them, if any. */
	uint32_t reason;		/**< Why that one: enum gms_reason; NONE if none. */
	uint32_t reserved;		/**< 0. */
};

/** @brief A maximal range with one answer. */
struct gms_gup_run {
	gms_gfn	 first;		/**< First frame. */
	uint64_t npages;	/**< Length in pages. */
	uint32_t reason;	/**< GMS_REASON_NONE: may be pinned; else why not. */
	uint32_t region;	/**< Id of the region; 0 for a hole. */
};

/** @brief A walk over what may and may not be pinned. Owned by the caller. */
struct gms_gup_iter {
	const struct gms_space *space;	/**< Private. */
	gms_gfn	 next;			/**< Private. */
	gms_gfn	 end;			/**< Private. */
	uint32_t flags;			/**< Private. */
	uint32_t reserved;		/**< Private. */
};

/** @brief One pin, as gms_pins_in() lists it. */
struct gms_pin_info {
	struct gms_range range;	/**< Its pages. */
	gms_pin_id	 id;	/**< Its name. */
	gms_tag		 tag;	/**< Its owner. */
	uint32_t	 flags;	/**< GMS_PIN_* bits. */
	uint32_t	 reserved;	/**< 0. */
};

/**
 * @brief Would a pin of these pages succeed, and if not, where and why?
 *
 * A page may be pinned when it is SHARED and DIRECT_MAP and not POISON,
 * FROZEN, MISSING, nor WRITE_PROTECT if @p flags has WRITE. Not populated is
 * no obstacle: the kernel populates it. Errs towards refused beside a writer.
 *
 * @param space  The space.
 * @param range  Pages; those in holes are refused.
 * @param flags  GMS_PIN_* bits.
 * @param answer Where the answer goes. Cleared with GMS_INIT() before.
 * @retval 0       Answered.
 * @retval -EINVAL NULL; empty or wrapping range; unknown flag; @p answer too short.
 * @retval -E2BIG  @p answer is longer than this library knows and not zero there.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Linear in the blocks of the range; a uniform block is one step.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_gup_query(const struct gms_space *space, struct gms_range range, uint32_t flags,
	      struct gms_gup_answer *answer);

/**
 * @brief Begin a walk: what to do zero-copy, what to bounce.
 *
 * @param it    Set up for gms_gup_iter_next(); nothing to free.
 * @param space The space; must outlive the walk.
 * @param range The answers tile it without a gap; holes are refused.
 * @param flags GMS_PIN_* bits.
 * @retval 0       Ready.
 * @retval -EINVAL NULL; empty or wrapping range; unknown flag. The walk is empty.
 * @par Threads
 * R; async-signal-safe. A walk belongs to one thread at a time.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_gup_iter_init(struct gms_gup_iter *it, const struct gms_space *space,
		  struct gms_range range, uint32_t flags);

/**
 * @brief The next sub-range with one answer. It never crosses a region's end.
 *
 * @param it  From gms_gup_iter_init(). NULL answers false.
 * @param run Where the answer goes; untouched at the end. NULL answers false.
 * @return true with an answer, false at the end.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Linear in the blocks that the sub-range is made of.
 * @since 0.1
 */
GMS_API bool gms_gup_iter_next(struct gms_gup_iter *it, struct gms_gup_run *run);

/**
 * @brief Hold pages: until unpinned they keep their memory and stay shared.
 *
 * Pins are counted and may overlap.
 *
 * @param space     The space.
 * @param range     Pages; may span regions, not holes.
 * @param flags     GMS_PIN_* bits.
 * @param tag       Who holds them, for whoever is blocked.
 * @param id        Where the pin's name goes.
 * @param error_gfn NULL, or where the lowest refused frame goes on an error that has one.
 * @retval 0       All pages are held; else the error is that of the lowest page
 *                 that is refused.
 * @retval -EINVAL NULL; empty or wrapping range; unknown flag.
 * @retval -ENOENT A page is a hole.
 * @retval -EFAULT A page may not be pinned; gms_gup_query() says why. Often: the
 *                 region was described without DIRECT_MAP.
 * @retval -EHWPOISON A page is poisoned.
 * @retval -ENOMEM Out of memory.
 * @par On error
 * Nothing changed, but memory that was had stays set aside.
 * @par Threads
 * W.
 * @par Cost
 * O(log pins + blocks of the range); a few small allocations, often none.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_pin(struct gms_space *space, struct gms_range range, uint32_t flags, gms_tag tag,
	gms_pin_id *id, gms_gfn *error_gfn);

/**
 * @brief Let go of what gms_pin() held.
 *
 * Under #GMS_MERGE_EAGER, folios that only this pin kept apart merge.
 *
 * @param space The space.
 * @param id    What gms_pin() gave.
 * @retval 0       Let go.
 * @retval -EINVAL NULL @p space.
 * @retval -ENOENT No such pin, or not any more.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W.
 * @par Cost
 * O(log pins + 2 MiB blocks of the pin); allocates nothing.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_unpin(struct gms_space *space, gms_pin_id id);

/**
 * @brief List the pins that overlap a range, by first frame, then oldest first.
 *
 * @param space The space.
 * @param range The pages.
 * @param buf   Room for @p nbuf pins; NULL if @p nbuf is 0.
 * @param nbuf  How many fit.
 * @param found Where the number that overlap goes, also those that did not fit.
 * @retval 0       Listed.
 * @retval -EINVAL NULL; empty or wrapping range.
 * @par Threads
 * W. The list is of one moment.
 * @par Cost
 * O(log pins) for every GiB that pins were found in, and found; allocates nothing.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_pins_in(struct gms_space *space, struct gms_range range, struct gms_pin_info *buf,
	    size_t nbuf, size_t *found);

GMS_END_DECLS
#endif

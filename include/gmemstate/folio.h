/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file folio.h
 * @brief The blocks memory is made of: look, split, merge.
 *
 * Folios tile every region; each is a naturally aligned block of order 0, 9 or
 * 18, none above its region's base order. Under #GMS_SPLIT_LEVELS no folio
 * above order 0 holds both shared and private pages; other attributes may mix.
 */
#ifndef GMEMSTATE_FOLIO_H
#define GMEMSTATE_FOLIO_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** The folio holds shared and private pages. */
#define GMS_FOLIO_MIXED	(UINT32_C(1) << 0)

/** @brief One folio. */
struct gms_folio {
	gms_gfn	 first;		/**< First frame, a multiple of 2^order. */
	uint32_t order;		/**< 0, 9 or 18. */
	uint32_t flags;		/**< GMS_FOLIO_* bits. */
	uint64_t shared_pages;	/**< Pages of it that are shared. */
	uint32_t region;	/**< Id of its region. */
	uint32_t reserved;	/**< 0. */
};

/** @brief A walk over folios. Owned by the caller. */
struct gms_folio_iter {
	const struct gms_space *space;	/**< Private. */
	gms_gfn	next;			/**< Private. */
	gms_gfn	end;			/**< Private. */
};

/**
 * @brief The folio that holds a page.
 *
 * @param space The space.
 * @param gfn   A frame.
 * @param folio Where the answer goes.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL.
 * @retval -ENOENT A hole.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * As gms_state_at().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_folio_at(const struct gms_space *space, gms_gfn gfn, struct gms_folio *folio);

/**
 * @brief Begin a walk over the folios that overlap a range, in order.
 *
 * @param it    Set up for gms_folio_iter_next(); nothing to free.
 * @param space The space; must outlive the walk.
 * @param range The first and last folio may stick out of it. Holes are skipped.
 * @retval 0       Ready.
 * @retval -EINVAL NULL; empty or wrapping range. The walk is empty.
 * @par Threads
 * R; async-signal-safe. A walk belongs to one thread at a time.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_folio_iter_init(struct gms_folio_iter *it, const struct gms_space *space,
		    struct gms_range range);

/**
 * @brief The next folio of a walk.
 *
 * @param it    From gms_folio_iter_init(). NULL answers false.
 * @param folio Where the folio goes; untouched at the end. NULL answers false.
 * @return true with a folio, false at the end.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * As gms_folio_at().
 * @since 0.1
 */
GMS_API bool gms_folio_iter_next(struct gms_folio_iter *it, struct gms_folio *folio);

/**
 * @brief Cut the folio around a page, until the page's folio is of @p order or less.
 *
 * Only along the path: splitting 1G to 4K leaves 511 folios of 2M and 512 of
 * 4K. Pins do not prevent it: they hold pages, and the pages stay. Under
 * #GMS_MERGE_EAGER the next conversion in the block may merge it again.
 *
 * @param space The space.
 * @param gfn   A frame.
 * @param order 0, 9 or 18.
 * @retval 0       The page's folio has @p order, or had less.
 * @retval -EINVAL NULL @p space; another order.
 * @retval -ENOENT A hole.
 * @retval -EOPNOTSUPP The split policy is #GMS_SPLIT_NONE.
 * @retval -ENOMEM Out of memory.
 * @par On error
 * Nothing changed, but memory that was had stays set aside.
 * @par Threads
 * W.
 * @par Cost
 * Constant; may allocate.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_folio_split(struct gms_space *space, gms_gfn gfn, unsigned order);

/**
 * @brief Grow the block of @p order around a page into one folio.
 *
 * @param space The space.
 * @param gfn   A frame.
 * @param order 0, 9 or 18.
 * @retval 0       The page's folio has @p order, or had more.
 * @retval -EINVAL NULL @p space; another order, or one above the region's base order.
 * @retval -ENOENT A hole.
 * @retval -EAGAIN A page of the block is pinned.
 * @retval -EBUSY  The block holds shared and private pages.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W.
 * @par Cost
 * Constant in the space, at most 512 steps.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_folio_merge(struct gms_space *space, gms_gfn gfn, unsigned order);

GMS_END_DECLS
#endif

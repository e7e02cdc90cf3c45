/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file folio.h
 * @brief The blocks memory is made of: look, split, merge.
 *
 * Folios tile every region; each is a naturally aligned block, none above its
 * region's base order. Which orders there are, and which folios may hold shared
 * pages, is the space's split policy:
 *
 * - #GMS_SPLIT_LEVELS: 0, 9 and 18; above 0 none holds both shared and private
 *   pages. Other attributes may mix.
 * - #GMS_SPLIT_HALVES: 0 to 18, and the same.
 * - #GMS_SPLIT_ALL_4K: the base order, without a shared page, or 0.
 * - #GMS_SPLIT_NONE: the base order, whatever is in it.
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
	uint32_t order;		/**< 0, 9 or 18; under #GMS_SPLIT_HALVES 0 to 18. */
	uint32_t flags;		/**< GMS_FOLIO_* bits. */
	uint64_t shared_pages;	/**< Pages of it that are shared. */
	uint32_t region;	/**< Id of its region. */
	uint32_t reserved;	/**< 0. */
};

/** @brief What a gms_merge_scan() did. Clear with GMS_INIT() first. */
struct gms_merge_result {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	uint64_t looked_blocks;		/**< Blocks looked at: what the call cost. */
	/** Blocks looked at that could be one folio, but turned too recently or are pinned. */
	uint64_t waiting;
	uint64_t folios[GMS_ORDERS];	/**< Folios merged, by the order they have now. */
	uint32_t more;			/**< 1: the pass is not at its end; 0: it is. */
	uint32_t reserved;		/**< 0. */
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
 * 4K; under #GMS_SPLIT_HALVES it leaves one of each order and two of 4K, and
 * under #GMS_SPLIT_ALL_4K nothing but 4K. Pins do not prevent it: they hold
 * pages, and the pages stay. Under #GMS_MERGE_EAGER the next conversion in the
 * block may merge it again; under #GMS_MERGE_DEFERRED it counts as one that
 * turned the page. A backend is told of each folio that is cut, the largest first.
 *
 * @param space The space.
 * @param gfn   A frame.
 * @param order 0, 9 or 18; under #GMS_SPLIT_HALVES 0 to 18.
 * @retval 0       The page's folio has @p order, or less.
 * @retval -EINVAL NULL @p space; another order.
 * @retval -ENOENT A hole.
 * @retval -EOPNOTSUPP The split policy is #GMS_SPLIT_NONE.
 * @retval -ENOMEM Out of memory.
 * @return Or what the region's backend answered to its split.
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
 * Whatever the merge policy. A backend is told of each folio that grows, the
 * smallest first.
 *
 * @param space The space.
 * @param gfn   A frame.
 * @param order 0, 9 or 18; under #GMS_SPLIT_HALVES 0 to 18.
 * @retval 0       The page's folio has @p order, or had more.
 * @retval -EINVAL NULL @p space; another order, or one above the region's base
 *                 order; under #GMS_SPLIT_ALL_4K one that is neither 0 nor that.
 * @retval -ENOENT A hole.
 * @retval -EAGAIN A page of the block is pinned.
 * @retval -EBUSY  The block holds shared and private pages; under
 *                 #GMS_SPLIT_ALL_4K, any shared page.
 * @retval -ENOMEM Out of memory: under #GMS_SPLIT_ALL_4K, for one folio of 2M of
 *                 a GiB of which all are cut.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W.
 * @par Cost
 * Linear in the cut folios of the block.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_folio_merge(struct gms_space *space, gms_gfn gfn, unsigned order);

/**
 * @brief Merge what may be one folio again, a bounded way through the space.
 *
 * What #GMS_MERGE_DEFERRED leaves to a quiet moment, and #GMS_MERGE_EXPLICIT to
 * the embedder. A block merges if its folios may be one by the split policy and
 * none of its pages is pinned; under #GMS_MERGE_DEFERRED also only if at least
 * merge_after_commits commits of the space (struct gms_space_opts) came after
 * the last one that turned a page of it shared or private; of a block of less
 * than 2M, a page of the 2M around it.
 *
 * A pass goes from the lowest page to the highest. Each call goes on where the
 * last one stopped, ends with the pass at the latest, and the next one begins
 * anew. So to look at everything once, call until more is 0. Where the scan is
 * costs no memory, and what a guest cuts makes the pass longer, not a call.
 *
 * @param space  The space.
 * @param budget Most blocks of 2 MiB to look at; a GiB that is not cut counts as
 *               one, and so does a region of single pages. 0 looks at nothing.
 * @param result NULL, or what was done. Cleared with GMS_INIT() before.
 * @retval 0       Done, or as much as the budget allows.
 * @retval -EINVAL NULL @p space, or a size smaller than its own member.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; holds the lock of one GiB at a time. Of several scans at once each may look
 * at the same blocks.
 * @par Cost
 * Linear in the budget; under #GMS_SPLIT_HALVES up to 511 steps a block. Allocates
 * nothing.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_merge_scan(struct gms_space *space, uint64_t budget, struct gms_merge_result *result);

GMS_END_DECLS
#endif

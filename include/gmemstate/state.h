/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file state.h
 * @brief Ask: what is this page, which pages are so, how many.
 *
 * Every call here takes no lock, registers nothing, stores nothing shared and
 * makes no system call; a signal handler may ask, also one that interrupted a
 * conversion on its own thread. Beside a writer an answer holds each page's
 * old or new state, never a third; gms_read_begin() tells whether a group of
 * answers belongs together.
 *
 * A range may span regions and holes. Holes have no state: they are skipped,
 * not counted and never found, unless a call says otherwise. A run never
 * crosses from one region into another.
 */
#ifndef GMEMSTATE_STATE_H
#define GMEMSTATE_STATE_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief A maximal range of pages whose states are equal under a mask. */
struct gms_run {
	gms_gfn	  first;	/**< First frame. */
	uint64_t  npages;	/**< Length in pages. */
	gms_state state;	/**< Their state, with bits outside the mask clear. */
	uint32_t  region;	/**< Id of the region they are in. */
};

/** @brief Where a walk stands and how it came there. Private. */
struct gms_cursor {
	uint64_t	check;		/**< Private. */
	const uint64_t *gib_at;		/**< Private. */
	uint64_t	gib;		/**< Private. */
	uint64_t	generation;	/**< Private. */
	const uint64_t *plane;		/**< Private. */
	gms_gfn		first;		/**< Private. */
	uint64_t	npages;		/**< Private. */
	uint32_t	region;		/**< Private. */
	uint16_t	state[2];	/**< Private. */
};

/** @brief A walk over runs. Owned by the caller; set up by gms_iter_init() or gms_diff(). */
struct gms_iter {
	const struct gms_space *space;	/**< Private. */
	gms_gfn	  next;			/**< Private. */
	gms_gfn	  end;			/**< Private. */
	uint64_t  since;		/**< Private. */
	gms_state mask;			/**< Private. */
	gms_state value;		/**< Private. */
	struct gms_cursor cursor;	/**< Private. */
};

/**
 * @brief The state of one page. The hot call: no error path.
 *
 * @param space The space. NULL answers #GMS_HOLE.
 * @param gfn   Any frame.
 * @return GMS_STATE_* bits, or #GMS_HOLE if no region holds the page.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Two or three dependent loads; O(log regions).
 * @since 0.1
 */
GMS_API gms_state gms_state_at(const struct gms_space *space, gms_gfn gfn);

/**
 * @brief The whole run around a page, under a mask.
 *
 * @param space The space.
 * @param gfn   A frame.
 * @param mask  Attributes to look at; 0: the run is the region.
 * @param run   Where the answer goes.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or an unknown bit in @p mask.
 * @retval -ENOENT A hole.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Linear in the blocks of 1 GiB, 2 MiB and 4 KiB that the run is made of.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_run_at(const struct gms_space *space, gms_gfn gfn, gms_state mask, struct gms_run *run);

/**
 * @brief Begin a walk over the runs of a range, in order, under a mask.
 *
 * @param it    Set up for gms_iter_next(); nothing to free.
 * @param space The space; must outlive the walk.
 * @param range Runs are clipped to it.
 * @param mask  Attributes to look at.
 * @retval 0       Ready.
 * @retval -EINVAL NULL; empty or wrapping range; unknown bit in @p mask. The walk is empty.
 * @par Threads
 * R; async-signal-safe. A walk belongs to one thread at a time.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_iter_init(struct gms_iter *it, const struct gms_space *space, struct gms_range range,
	      gms_state mask);

/**
 * @brief Begin a walk over those runs of a range that match, in order.
 *
 * As gms_iter_init(), but runs of another value are passed over, whole blocks
 * at a time: all that is shared, all that is dirty.
 *
 * @param it    Set up for gms_iter_next(); nothing to free.
 * @param space The space; must outlive the walk.
 * @param range Runs are clipped to it.
 * @param mask  Attributes to look at.
 * @param value What they must be; bits outside @p mask are an error.
 * @retval 0       Ready.
 * @retval -EINVAL NULL; empty or wrapping range; unknown bit in @p mask; @p value not
 *                 within @p mask. The walk is empty.
 * @par Threads
 * R; async-signal-safe. A walk belongs to one thread at a time.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_iter_init_match(struct gms_iter *it, const struct gms_space *space, struct gms_range range,
		    gms_state mask, gms_state value);

/**
 * @brief The next run of a walk.
 *
 * Beside a writer two runs in a row may be of one state. The walk's own thread
 * may convert between two calls: the next run is of the pages as they are then.
 *
 * @param it  From gms_iter_init(), gms_iter_init_match() or gms_diff(). NULL answers false.
 * @param run Where the run goes; untouched at the end. NULL answers false.
 * @return true with a run, false at the end.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Linear in the blocks that the run is made of.
 * @since 0.1
 */
GMS_API bool gms_iter_next(struct gms_iter *it, struct gms_run *run);

/**
 * @brief The first page of a range whose state matches.
 *
 * @param space The space.
 * @param range Where to look; never past it.
 * @param mask  Attributes to look at.
 * @param value What they must be; bits outside @p mask are an error.
 * @param gfn   Where the frame goes.
 * @retval 0       Found.
 * @retval -ENOENT None there.
 * @retval -EINVAL NULL; empty or wrapping range; unknown bit; @p value not within @p mask.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Linear in the blocks passed over; a uniform block is one step. Looking for
 * SHARED, 64 GiB without any are one step.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_find(const struct gms_space *space, struct gms_range range, gms_state mask,
	 gms_state value, gms_gfn *gfn);

/**
 * @brief How many pages of a range match.
 *
 * @param space  The space.
 * @param range  Where to count.
 * @param mask   Attributes to look at; 0 counts every page that is not a hole.
 * @param value  What they must be; bits outside @p mask are an error.
 * @param npages Where the count goes.
 * @retval 0       Counted.
 * @retval -EINVAL NULL; empty or wrapping range; unknown bit; @p value not within @p mask.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Linear in the runs; for a mask of SHARED, POPULATED, MISSING or DIRTY alone in
 * the GiB, and in the blocks of the first and last one.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_count(const struct gms_space *space, struct gms_range range, gms_state mask,
	  gms_state value, uint64_t *npages);

/**
 * @brief Write which granules of a range hold a page that matches: a bitmap.
 *
 * Bit b of the bitmap, which is bit b % 8 of byte b / 8 on every host, stands for
 * the b-th granule of the range: the layout of KVM's dirty log and of its
 * userfault bitmap, and of QEMU's bitmaps. It is set if any page of the granule
 * that is in the range matches. Holes never match. Bits behind the last granule,
 * in the last 64-bit word, are cleared.
 *
 * For the granules of which all pages match, export those that hold a page which
 * does not, and take the complement: with a mask of one attribute, ask for the
 * other value. Holes then count as matching.
 *
 * Beside a writer each bit is of pages as they were during the call, bits of
 * different blocks not of one moment; gms_read_begin() tells.
 *
 * @param space         The space.
 * @param range         The pages; its first one begins a granule, its last one need
 *                      not end one.
 * @param mask          Attributes to look at; 0: every page that is not a hole matches.
 * @param value         What they must be; bits outside @p mask are an error.
 * @param granule_order A bit stands for 2^granule_order pages: 0 to 18.
 * @param le_bitmap     Room for a bit a granule, rounded up to 64-bit words, all of
 *                      which are written; until the call returns with anything.
 * @retval 0       Written.
 * @retval -EINVAL NULL; empty or wrapping range; unknown bit; @p value not within
 *                 @p mask; @p granule_order above 18; a range that does not begin
 *                 with a granule. Nothing is written.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * A GiB that is uniform is filled in, otherwise linear in its 2 MiB blocks. At a bit
 * a page about what copying the bitmap takes, if the range begins with a multiple
 * of 64 pages; several times that if it does not.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_bitmap_export(const struct gms_space *space, struct gms_range range, gms_state mask,
		  gms_state value, unsigned granule_order, uint64_t *le_bitmap);

/**
 * @brief Are all pages of a range equal under a mask?
 *
 * @param space   The space.
 * @param range   The pages.
 * @param mask    Attributes to look at.
 * @param uniform Where the answer goes.
 * @retval 0       Answered.
 * @retval -EINVAL NULL; empty or wrapping range; unknown bit in @p mask.
 * @retval -ENOENT A page of the range is a hole.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * One step for an aligned 2 MiB or 1 GiB block under a mask of SHARED, and for
 * any block that is uniform; else linear up to the first difference, and in the
 * regions of the range.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uniform(const struct gms_space *space, struct gms_range range, gms_state mask,
	    bool *uniform);

/**
 * @brief The largest order at which a host may map the page.
 *
 * The smaller of the folio's order and of the largest aligned block around the
 * page that is uniform under @p mask. Errs towards smaller beside a writer.
 *
 * @param space The space.
 * @param gfn   A frame; 0 is answered for a hole.
 * @param mask  Attributes that one mapping must not mix, usually SHARED.
 * @return 0, 9 or 18.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * As gms_uniform() of the blocks around the page.
 * @since 0.1
 */
GMS_API unsigned gms_map_order(const struct gms_space *space, gms_gfn gfn, gms_state mask);

/**
 * @brief Begin a group of reads of a range that shall appear as one.
 *
 * Never waits, so a signal handler may call it; the handler must not loop on
 * gms_read_retry(), since it may have interrupted the writer it would wait for.
 *
 * @param space The space. NULL: gms_read_retry() will say false.
 * @param range The pages; an invalid range stands for all memory.
 * @return A number for gms_read_retry().
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * A load a GiB of the range, at most 32.
 * @since 0.1
 */
GMS_API uint64_t gms_read_begin(const struct gms_space *space, struct gms_range range);

/**
 * @brief Did a writer touch the range since, or was one at work?
 *
 * May say true for a writer elsewhere, never false for one in the range.
 *
 * @param space The space.
 * @param range The range given to gms_read_begin().
 * @param seq   What that returned.
 * @return true: what was read may not belong together, read again.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * A load a GiB of the range, at most 32.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK bool
gms_read_retry(const struct gms_space *space, struct gms_range range, uint64_t seq);

GMS_END_DECLS
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file listen.h
 * @brief Listeners: devices that must follow conversions.
 *
 * A listener (VFIO, iommufd, vhost, migration) wants every page whose state
 * matches its predicate, and no other. It is handed spans: ranges of pages of one
 * region that it maps as one entry. The library keeps the list of the spans it
 * gave, which tile exactly the pages that match, never cross a region nor a
 * multiple of 1 GiB, and are as few as can be:
 *
 * - pages that are gained together are one span, up to max_span_pages;
 * - a block of 2 MiB, and then of 1 GiB, that has come to match whole becomes one
 *   span, if its parts were several (#GMS_LISTEN_NO_JOIN: they stay);
 * - a span is cut only when a part of it is lost. A listener with
 *   #GMS_LISTEN_CAN_CUT is told to revoke that part, another to revoke the span
 *   and then to map what is left of it: at most one span more for every hole.
 *
 * What a device loses for a moment. A listener that cannot cut does without the
 * rest of a span between the revoke that takes it all and the commit that maps the
 * rest, which is the very next call; and without the parts of a block while it is
 * joined, likewise. One that must not lose a page that stays, not for a moment, has
 * two ways: #GMS_LISTEN_CAN_CUT with #GMS_LISTEN_NO_JOIN, or max_span_pages equal to
 * its granule, which no cut ever falls into.
 *
 * Order within a conversion; what backends do lies in between (backend.h):
 *
 *   1. begin, prepare, of every listener that is concerned: each may object
 *   2. revoke what was lost, commit what is left of spans that were cut
 *   3. states change, the host follows
 *   4. revoke the parts of what is joined, commit what was gained
 *   5. end
 *
 * When an operation of 2 to 4 fails, what was done is undone by the opposite
 * operation, in reverse order, for the listener that failed as well; those that had
 * been prepared are told to abort, including one whose prepare objected; then end.
 *
 * Operations run while the library holds the locks of the GiB that are converted,
 * or of all when a region or a listener comes or goes, and those of listeners that
 * are #GMS_LISTEN_SERIAL: they may call the reading functions (class R) of any space,
 * gms_charge_add(), and nothing else of this library, and must not wait in a loop of
 * gms_read_retry(). Conversions in different GiB may call one listener from several
 * threads at once, unless it is #GMS_LISTEN_SERIAL.
 *
 * The budget counts what a listener has at any moment of a conversion, not only at
 * its end: so two smaller conversions may fit where one does not.
 */
#ifndef GMEMSTATE_LISTEN_H
#define GMEMSTATE_LISTEN_H

#include <gmemstate/backend.h>
#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** It can revoke a part of a span, and keeps the rest mapped. */
#define GMS_LISTEN_CAN_CUT	(UINT32_C(1) << 0)
/** Spans that are mapped are not taken away to become part of a larger one. */
#define GMS_LISTEN_NO_JOIN	(UINT32_C(1) << 1)
/** Pages that it has mapped and keeps must not be discarded: that is refused. */
#define GMS_LISTEN_NO_DISCARD	(UINT32_C(1) << 2)
/** From begin to end it is called by one thread at a time. */
#define GMS_LISTEN_SERIAL	(UINT32_C(1) << 3)
/** It maps by address in the VMM: regions without one are not handed to it. */
#define GMS_LISTEN_WANTS_HVA	(UINT32_C(1) << 4)

/** Most listeners that a space can have. */
#define GMS_LISTENERS_MOST	16

/** @brief What a conversion will do to a listener's spans, in this order. */
struct gms_span_change {
	const struct gms_host_run *lost;   /**< Revoked: what is lost, or spans that hold it. */
	size_t	nlost;			   /**< How many. */
	const struct gms_host_run *rest;   /**< Committed: what is left of these spans. */
	size_t	nrest;			   /**< How many. */
	const struct gms_host_run *joined; /**< Revoked: parts of what becomes one span. */
	size_t	njoined;		   /**< How many. */
	const struct gms_host_run *gained; /**< Committed: what is gained. */
	size_t	ngained;		   /**< How many. */
};

/**
 * @brief A consumer of the pages that match. Clear with GMS_INIT() first.
 *
 * Copied by gms_listener_add(). Spans come as struct gms_host_run, which tells
 * where they are for the guest, in the file and in the VMM; mask, to and content
 * are 0. Any operation may be NULL: nothing to do.
 */
struct gms_listener {
	size_t	  size;		/**< Bytes of this struct the caller knows. */
	void	 *ctx;		/**< Handed to every operation. */
	/**
	 * The predicate: (state & mask) == value. Pages that are MISSING or FROZEN never
	 * match; naming these bits is an error.
	 */
	gms_state mask;
	gms_state value;	/**< See mask. */
	uint32_t  flags;	/**< GMS_LISTEN_* bits. */
	uint32_t  granule_order; /**< Only aligned blocks of this order that match whole: 0 to 18. */
	uint64_t  max_spans;	/**< Its budget, never exceeded; 0: no limit. */
	uint64_t  max_span_pages; /**< A power of two, at least the granule; 0: 1 GiB, the most. */

	void	(*begin)(void *ctx);	/**< A conversion concerns it. */
	void	(*end)(void *ctx);	/**< It is over, whatever came of it. */
	/** May this be done? 0, or a negative errno, which the conversion returns. */
	int	(*prepare)(void *ctx, const struct gms_span_change *change);
	void	(*abort)(void *ctx);	/**< What was prepared does not happen, or is undone. */
	gms_host_fn *revoke;	/**< Unmap these spans, or parts; ndone as for backends. */
	gms_host_fn *commit;	/**< Map these spans. */
};

/** @brief What a listener has. Clear with GMS_INIT() first. */
struct gms_listener_info {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t spans;		/**< Spans it has mapped. */
	uint64_t spans_max;	/**< The most it ever had. */
	uint64_t pages;		/**< Pages of them. */
	uint64_t undo_failures;	/**< Times it failed to undo: its view may differ since. */
};

/**
 * @brief Add a listener, and map what matches already.
 *
 * @param space    The space.
 * @param listener Copied. What its ctx points to must outlive it.
 * @param id       Where its id goes: never 0, never used again.
 * @retval 0       It is told of every conversion from now on.
 * @retval -EINVAL NULL; unknown bit or flag; @p value not within @p mask; MISSING or
 *                 FROZEN in mask; an order above 18; max_span_pages that is no power
 *                 of two, above 1 GiB or below the granule; a size smaller than its own member.
 * @retval -E2BIG  @p listener is longer than this library knows and not zero there.
 * @retval -ENOSPC What matches does not fit its budget; or #GMS_LISTENERS_MOST are there.
 * @retval -ENOMEM Out of memory.
 * @retval other   What its prepare or commit returned.
 * @par On error
 * Nothing changed; what was mapped has been revoked.
 * @par Threads
 * W; waits for every conversion to end.
 * @par Cost
 * One walk over all runs of the space; memory for each span.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_listener_add(struct gms_space *space, const struct gms_listener *listener, uint32_t *id);

/**
 * @brief Take everything away from a listener, and the listener away.
 *
 * @param space The space.
 * @param id    What gms_listener_add() gave.
 * @retval 0       All its spans were revoked; it is not called any more.
 * @retval -EINVAL NULL @p space.
 * @retval -ENOENT No such listener, or not any more.
 * @retval other   The first error its revoke returned: it is gone all the same, and
 *                 the spans that it failed to revoke are its own to see to.
 * @par On error
 * See above.
 * @par Threads
 * W; waits for every conversion to end.
 * @par Cost
 * O(spans); allocates nothing.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_listener_remove(struct gms_space *space, uint32_t id);

/**
 * @brief What a listener has mapped.
 *
 * @param space The space.
 * @param id    What gms_listener_add() gave.
 * @param info  Where the answer goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p info is longer than this library knows and not zero there.
 * @retval -ENOENT No such listener, or not any more.
 * @par Threads
 * W; beside a conversion the numbers include what it is about to do.
 * @par Cost
 * Constant.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_listener_get(struct gms_space *space, uint32_t id, struct gms_listener_info *info);

/**
 * @brief The span that holds a page, for one listener.
 *
 * @param space The space.
 * @param id    What gms_listener_add() gave.
 * @param gfn   A frame.
 * @param span  Where its pages go.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL.
 * @retval -ENOENT No such listener, or it has not mapped the page.
 * @par Threads
 * W.
 * @par Cost
 * O(log spans).
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_listener_span_at(struct gms_space *space, uint32_t id, gms_gfn gfn, struct gms_range *span);

GMS_END_DECLS
#endif

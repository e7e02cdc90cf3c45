/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file convert.h
 * @brief Change what pages are: all or nothing, or as far as it goes.
 */
#ifndef GMEMSTATE_CONVERT_H
#define GMEMSTATE_CONVERT_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief Attributes to set and to clear on a range. */
struct gms_change {
	struct gms_range range;	/**< The pages. */
	gms_state	 set;	/**< Attributes to set. */
	gms_state	 clear;	/**< Attributes to clear; none may be in set too. */
};

/** Take no memory from the allocator, only what gms_space_reserve() set aside. */
#define GMS_CONVERT_NO_ALLOC	(UINT32_C(1) << 0)
/**
 * Only say what would happen: nothing changes, and no code of the embedder is
 * called. merges and flushes, which only a commit can tell, stay 0.
 */
#define GMS_CONVERT_DRY_RUN	(UINT32_C(1) << 1)
/** Do not stop at the lowest page that is refused: find all that stands in the way. */
#define GMS_CONVERT_ALL_BLOCKERS	(UINT32_C(1) << 2)
/** Do not wait for accesses (access.h): -EAGAIN at once, whatever wait_ns says. */
#define GMS_CONVERT_NO_WAIT	(UINT32_C(1) << 3)

/** @brief How a batch fails. */
enum gms_convert_mode {
	GMS_CONVERT_ATOMIC = 0,	/**< Everything, or nothing at all. */
	/**
	 * In order of page, up to the first that is refused; what is done stays done,
	 * and submitting the same batch again goes on from there. What is done may have
	 * used up a listener's budget that the whole batch would have kept to.
	 */
	GMS_CONVERT_PROGRESS
};

/** @brief What stands in the way of a conversion. */
struct gms_blocker {
	struct gms_range range;	/**< Pages of the conversion that it blocks. */
	uint64_t id;		/**< The gms_pin_id of a pin; else 0. */
	gms_tag	 tag;		/**< The pin's owner; else 0. */
	uint32_t reason;	/**< enum gms_reason. */
	uint32_t flags;		/**< GMS_PIN_* bits of a pin; else 0. */
};

/** @brief Options of gms_convert(). Clear with GMS_INIT() first. */
struct gms_convert_opts {
	size_t	 size;	/**< Bytes of this struct the caller knows. */
	uint32_t flags;	/**< GMS_CONVERT_* bits. */
	uint32_t mode;	/**< enum gms_convert_mode. */
	gms_tag	 tag;	/**< Who asks, for the ledger; 0: nobody. */
	uint32_t content;	/**< enum gms_content: handed to backends with what turns. */
	uint32_t reserved;	/**< 0. */
	/**
	 * With #GMS_CONVERT_ALL_BLOCKERS: room for @p blockers_room of them, NULL for
	 * none; ascending by the page that they block, a pin once for every run of
	 * pages in one state that it blocks, unless these touch. Pages that are lent
	 * come after the pins of their run; gms_loans_in() says who has them. After
	 * these come accesses.
	 */
	struct gms_blocker *blockers;
	size_t	 blockers_room;	/**< How many fit. */
	/**
	 * How long to wait for accesses that are in the way, holding nothing meanwhile;
	 * 0: as gms_space_opts::access_wait_ns says; #GMS_FOREVER. A dry run does not wait.
	 */
	uint64_t wait_ns;
};

/** @brief What a conversion did, or what stopped it. Clear with GMS_INIT(). */
struct gms_convert_result {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	uint64_t changed_pages;		/**< Pages whose state changed. */
	uint64_t unchanged_pages;	/**< Pages that were as wanted already. */
	uint64_t host_runs;		/**< Runs given to backends, after coalescing. */
	uint64_t splits;		/**< Folios cut. */
	uint64_t merges;		/**< Folios grown together. */
	uint64_t flushes;		/**< TLB-flushing calls the backends charged. */
	gms_gfn	 error_gfn;		/**< On an error that names a page: the lowest one. */
	uint32_t error_reason;		/**< On error: enum gms_reason. */
	uint32_t reserved;		/**< 0. */
	/**
	 * #GMS_CONVERT_PROGRESS: the first page not done; past the last page of the
	 * batch when all is. The counts above are of what was done.
	 */
	gms_gfn	 next;
	uint64_t blockers;		/**< #GMS_CONVERT_ALL_BLOCKERS: found, with room or not. */
};

/**
 * @brief Share a range with the host: every page of it becomes SHARED.
 *
 * @param space  The space.
 * @param range  Pages; may span regions, not holes.
 * @param result NULL, or filled in; on an error with the lowest page that was
 *               refused and why, or with zeros if no page is to blame.
 * @retval 0       Every page is shared; the backend and listeners have mapped those that
 *                 were not.
 * @retval -EINVAL NULL @p space; empty or wrapping range; a result too short.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page is a hole; see error_gfn.
 * @retval -ENOSPC A listener would have more spans than its budget; see error_gfn.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the backend or a listener returned.
 * @par On error
 * Nothing changed, but memory that was had stays set aside. A backend or listener
 * that failed has been told to undo.
 * @par Threads
 * W: serialised with other W calls that touch the same GiB. Blocks as long as
 * the backend and the listeners do. Not async-signal-safe.
 * @par Cost
 * O(log regions + blocks touched); no allocation once reserved.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_share(struct gms_space *space, struct gms_range range, struct gms_convert_result *result);

/**
 * @brief Take a range back from the host: every page of it becomes private.
 *
 * @param space  The space.
 * @param range  Pages; may span regions, not holes.
 * @param result NULL, or filled in; on an error with the lowest page that was
 *               refused and why, or with zeros if no page is to blame.
 * @retval 0       Every page is private; the backend and listeners have unmapped those
 *                 that were not.
 * @retval -EINVAL NULL @p space; empty or wrapping range; a result too short.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page is a hole; see error_gfn.
 * @retval -EAGAIN A shared page is pinned or lent, or an access (access.h) runs on it
 *                 and did not end in gms_space_opts::access_wait_ns; see error_gfn. Try
 *                 again after that.
 * @retval -EBUSY  A shared page is frozen; see error_gfn.
 * @retval -ENOSPC A listener would have more spans than its budget; see error_gfn.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the backend or a listener returned.
 * @par On error
 * Nothing changed, but memory that was had stays set aside. A backend or listener
 * that failed has been told to undo.
 * @par Threads
 * W: serialised with other W calls that touch the same GiB. Blocks as long as
 * the backend and the listeners do. Not async-signal-safe.
 * @par Cost
 * O(log regions + log pins + blocks touched); no allocation once reserved.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_unshare(struct gms_space *space, struct gms_range range, struct gms_convert_result *result);

/**
 * @brief Carry out a batch of changes: all of them or none, or as far as it goes.
 *
 * The batch is normalised first: where changes overlap, the later one wins for
 * every attribute it names; pages that are as wanted already are dropped;
 * neighbours are joined. What counts is the state before and after the whole
 * batch: sharing and unsharing a page in one batch does nothing.
 *
 * What the bits bring along. Clearing SHARED clears HOST_MAPPED; setting it
 * clears ACCEPTED. Clearing POPULATED (a discard) clears ACCEPTED,
 * HOST_MAPPED and DIRTY and keeps SHARED. POISON is cleared only together with
 * POPULATED. Where the profile ties DIRECT_MAP to SHARED, it follows.
 *
 * @param space    The space.
 * @param changes  @p nchanges changes, in any order; NULL is fine for none. Read
 *                during the call, not kept.
 * @param nchanges 0 succeeds and changes nothing.
 * @param opts     NULL for defaults.
 * @param result   NULL, or filled in; on an error with the lowest page that was
 *                 refused and why, or with zeros if no page is to blame.
 * @retval 0       Every page is as the batch says.
 * @retval -EINVAL NULL; empty or wrapping range; unknown bit, flag, mode or content; a
 *                 bit in both set and clear; a struct shorter than its own size member;
 *                 #GMS_CONVERT_PROGRESS with #GMS_CONVERT_DRY_RUN or
 *                 #GMS_CONVERT_ALL_BLOCKERS.
 * @retval -E2BIG  A nonzero member this library does not know; too many changes to count.
 * @retval -ENOENT A page is a hole; see error_gfn.
 * @retval -EOPNOTSUPP The profile does not know an attribute that is changed; error_gfn is
 *                 where that change begins.
 * @retval -EAGAIN A page is pinned that would turn private, lose its memory, turn
 *                 missing or leave the direct map, or lent and would turn private or
 *                 lose its memory; or an access (access.h) runs on it that forbids the
 *                 change, and did not end in time. error_gfn is the lowest.
 * @retval -EBUSY  A page is frozen that would turn private, or would be discarded under
 *                 a listener that cannot bear it; see error_gfn.
 * @retval -EPERM  A page would be private and HOST_MAPPED, or shared and ACCEPTED, or
 *                 in the direct map in a region with #GMS_REGION_NO_DIRECT_MAP.
 * @retval -EHWPOISON POISON would be cleared on a page that keeps its memory.
 * @retval -ENOSPC A listener would have more spans than its budget; see error_gfn.
 * @retval -ENOMEM Out of memory, or not enough set aside with #GMS_CONVERT_NO_ALLOC.
 * @retval other   What the backend or a listener returned.
 * @par On error
 * Nothing changed, but memory that was had stays set aside. With
 * #GMS_CONVERT_PROGRESS the pages below gms_convert_result::next have changed, and
 * the error is that of the page there. Where several pages were refused, the error
 * is that of the lowest. A backend or listener that failed has been told to undo; if
 * zeros were asked for, pages that would have turned may be zeroed all the same.
 * @par Threads
 * W: serialised with other W calls that touch the same GiB. Blocks as long as
 * the backend and the listeners do. Not async-signal-safe.
 * @par Cost
 * O(n log n + n log regions + blocks touched) for n changes. All memory is had
 * before the first change.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_convert(struct gms_space *space, const struct gms_change *changes, size_t nchanges,
	    const struct gms_convert_opts *opts, struct gms_convert_result *result);

/** @brief Changes that are gathered, committed as one, and the room used again. */
struct gms_batch;

/**
 * @brief Make an empty batch.
 *
 * @param out      Where the new batch goes; untouched on error.
 * @param space    The space; must outlive the batch.
 * @param nchanges Room to begin with: as many changes are added, and committed to the
 *                 backends, without memory for them having to be had then.
 * @retval 0       *@p out is a batch without changes.
 * @retval -EINVAL NULL.
 * @retval -E2BIG  Too many changes to count.
 * @retval -ENOMEM Out of memory.
 * @par On error
 * Nothing changed, but memory that was had stays set aside.
 * @par Threads
 * W. A batch belongs to one thread at a time.
 * @par Cost
 * Some 300 bytes a change.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_batch_new(struct gms_batch **out, struct gms_space *space, size_t nchanges);

/**
 * @brief Add a change. Where changes overlap, the later one wins.
 *
 * @param batch  The batch.
 * @param change Copied.
 * @retval 0       Added.
 * @retval -EINVAL NULL; empty or wrapping range; unknown bit; a bit in both set and clear.
 * @retval -EOPNOTSUPP The profile does not know an attribute that is changed.
 * @retval -E2BIG  Too many changes to count.
 * @retval -ENOMEM Out of memory.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_batch_new().
 * @par Cost
 * Constant; allocates when there is no room, for as many again.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_batch_add(struct gms_batch *batch, const struct gms_change *change);

/**
 * @brief Carry out what was added, as gms_convert() does. The batch keeps it.
 *
 * @param batch  The batch; empty succeeds and changes nothing.
 * @param opts   NULL for defaults.
 * @param result NULL, or filled in as gms_convert() does.
 * @retval 0       Every page is as the batch says.
 * @retval -EINVAL NULL @p batch; opts or result as gms_convert() refuses them.
 * @retval other   What gms_convert() returns.
 * @par On error
 * As gms_convert(): nothing changed, or with #GMS_CONVERT_PROGRESS what comes before
 * the page that was refused. The batch may be committed again.
 * @par Threads
 * W; see gms_batch_new() and gms_convert().
 * @par Cost
 * As gms_convert().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_batch_commit(struct gms_batch *batch, const struct gms_convert_opts *opts,
		 struct gms_convert_result *result);

/**
 * @brief Forget the changes, and keep the room.
 *
 * @param batch The batch; NULL does nothing.
 * @par Threads
 * W; see gms_batch_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API void gms_batch_clear(struct gms_batch *batch);

/**
 * @brief Free a batch. What it committed stays.
 *
 * @param batch The batch; NULL is fine.
 * @par Threads
 * W; see gms_batch_new().
 * @par Cost
 * A few calls of the allocator.
 * @since 0.1
 */
GMS_API void gms_batch_free(struct gms_batch *batch);

/** Most conversions that a space has parked at a time. */
#define GMS_PARKED_MOST		UINT32_C(4096)

/** @brief Names one parked conversion of one space; never 0, never used again. */
typedef uint64_t gms_ticket;

/**
 * @brief What a parked conversion came to.
 *
 * Called once, with no lock held, on the thread whose gms_unpin(), gms_return(),
 * gms_access_end(), gms_convert_cancel() or gms_convert_park() made it possible. It may call any
 * function of class R or W, but with -ECANCELED none of this space.
 *
 * @param ctx    As it was given.
 * @param ticket The conversion.
 * @param err    0: it was carried out. Else what gms_convert() would have returned,
 *               not -EAGAIN for a pin or a loan; -ECANCELED when the space is freed.
 * @param result As of gms_convert(). Valid during the call.
 */
typedef void gms_parked_fn(void *ctx, gms_ticket ticket, int err,
			   const struct gms_convert_result *result);

/**
 * @brief Convert now, or when the last pin, loan or access in the way goes.
 *
 * A conversion that is refused with -EAGAIN because pages are pinned, lent or touched is
 * parked: it is tried again when what holds the lowest of them goes, and carried out
 * once nothing holds any. Of parked conversions that have a page in
 * common the older is carried out first; others overtake each other. A parked
 * conversion holds nothing: pins, loans and other conversions go on as if it were not
 * there, and two cannot block each other. Nobody polls.
 *
 * @param space    The space.
 * @param changes  As of gms_convert(); copied.
 * @param nchanges At least 1.
 * @param opts     NULL for defaults; ATOMIC mode, and no flag but
 *                 #GMS_CONVERT_NO_ALLOC.
 * @param done     Called when it is over; not if it was carried out, or failed, at
 *                 once. If it was parked, maybe before this call returns.
 * @param ctx      Handed to @p done.
 * @param ticket   Where its name goes if it is parked; 0: it is not.
 * @param result   NULL, or filled in as gms_convert() does; if it is parked, with
 *                 the lowest page that is held, or with zeros if it waits for an
 *                 older one.
 * @retval 0       Carried out, if *@p ticket is 0; else parked.
 * @retval -EINVAL NULL; no change; what gms_convert() says; a flag or mode that does not
 *                 go with parking.
 * @retval -ENOSPC #GMS_PARKED_MOST are parked, or a listener's budget is full.
 * @retval -ENOMEM Out of memory.
 * @retval other   What gms_convert() returns, but for -EAGAIN.
 * @par On error
 * Nothing changed, and nothing is parked.
 * @par Threads
 * W; see gms_convert().
 * @par Cost
 * As gms_convert(), a copy of the changes, and a look at each parked conversion.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_convert_park(struct gms_space *space, const struct gms_change *changes, size_t nchanges,
		 const struct gms_convert_opts *opts, gms_parked_fn *done, void *ctx,
		 gms_ticket *ticket, struct gms_convert_result *result);

/**
 * @brief Forget a parked conversion.
 *
 * @param space  The space.
 * @param ticket What gms_convert_park() gave.
 * @retval 0       It is not carried out, and its callback is not called.
 * @retval -EINVAL NULL @p space.
 * @retval -ENOENT No such conversion, or its callback has been called, or is being called.
 * @retval -EBUSY  It is being tried just now, on another thread.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W. Younger ones that waited for it are tried, on this thread.
 * @par Cost
 * A look at each parked conversion, and what those that are tried take.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_convert_cancel(struct gms_space *space, gms_ticket ticket);

/** @brief What the bits of an imported bitmap ask for. */
enum gms_bitmap_how {
	GMS_BITMAP_SET = 0,	/**< 1: the value; 0: stays as it is. */
	GMS_BITMAP_CLEAR,	/**< 1: the opposite of the value; 0: stays as it is. */
	GMS_BITMAP_ASSIGN	/**< 1: the value; 0: the opposite. */
};

/**
 * @brief Convert the pages that a bitmap names, all of them or none.
 *
 * The bitmap is laid out as gms_bitmap_export() writes it, a bit a granule of
 * pages. A page is given the value by setting @p value and clearing the rest of
 * @p mask, and the opposite by setting the rest of @p mask and clearing @p value;
 * attributes outside of @p mask stay, but for what gms_convert() says that bits
 * bring along. It is one conversion: rules, pins, backends, folios and the
 * ledger are as if gms_convert() had been given these changes.
 *
 * Each 64-bit word is read once, so a kernel may be writing to the bitmap: a bit
 * that it sets meanwhile counts or does not.
 *
 * @param space         The space.
 * @param range         The pages; its first one begins a granule, its last one need
 *                      not end one. Pages whose bit asks for nothing may be holes.
 * @param mask          Attributes that change; with 0 nothing does.
 * @param value         Which of them the value has; bits outside @p mask are an error.
 * @param granule_order A bit stands for 2^granule_order pages: 0 to 18.
 * @param le_bitmap     A bit a granule, rounded up to 64-bit words; what is behind the
 *                      last granule is no matter. Read during the call, not kept.
 * @param how           enum gms_bitmap_how.
 * @param result        NULL, or filled in as gms_convert() does.
 * @retval 0       Every page is as the bitmap says.
 * @retval -EINVAL NULL; empty or wrapping range; unknown bit or @p how; @p value not
 *                 within @p mask; @p granule_order above 18; a range that does not
 *                 begin with a granule; a result shorter than its own size member.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page that is to change is a hole; see error_gfn.
 * @retval -EOPNOTSUPP The profile does not know an attribute of @p mask, whatever the
 *                 bits are; error_gfn is where the range begins.
 * @retval -EAGAIN A page is pinned that would turn private, lose its memory, turn
 *                 missing or leave the direct map, or lent and would turn private or
 *                 lose its memory; or an access (access.h) runs on it that forbids the
 *                 change, and did not end in time. error_gfn is the lowest.
 * @retval -EBUSY  A page is frozen that would turn private, or would be discarded under
 *                 a listener that cannot bear it; see error_gfn.
 * @retval -EPERM  A page would be private and HOST_MAPPED, or shared and ACCEPTED, or
 *                 in the direct map in a region with #GMS_REGION_NO_DIRECT_MAP.
 * @retval -EHWPOISON POISON would be cleared on a page that keeps its memory.
 * @retval -ENOSPC A listener would have more spans than its budget; see error_gfn.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the backend or a listener returned.
 * @par On error
 * Nothing changed, but memory that was had stays set aside. Where several pages
 * were refused, the error is that of the lowest. A backend or listener that failed
 * has been told to undo.
 * @par Threads
 * W: serialised with other W calls that touch the same GiB. Blocks as long as
 * the backend and the listeners do. Not async-signal-safe.
 * @par Cost
 * O(words + n log regions + blocks touched) for n runs of bits that ask for
 * something; with #GMS_BITMAP_ASSIGN all runs do. Up to 72 bytes a run for the time
 * of the call, beside what gms_convert() takes: import a large bitmap whose bits
 * alternate in parts, if it need not be one conversion.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_bitmap_import(struct gms_space *space, struct gms_range range, gms_state mask,
		  gms_state value, unsigned granule_order, const uint64_t *le_bitmap,
		  uint32_t how, struct gms_convert_result *result);

GMS_END_DECLS
#endif

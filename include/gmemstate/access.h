/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file access.h
 * @brief The choke points: touch guest memory, freeze it, bring missing pages in.
 *
 * Whoever touches guest memory on the guest's behalf for a while (a device's memcpy,
 * a read(2) into it) says so around it: gms_access_begin(), gms_access_end(). What
 * that buys:
 *
 *   A1  While an access runs, none of its pages turns private, loses its memory,
 *       turns missing or freezes, or is write-protected if the access writes. Who wants
 *       that waits for the access to end: conversions for so long as they say
 *       (gms_convert_opts::wait_ns, gms_space_opts::access_wait_ns), or not at all.
 *   A2  An access that begins finds every page of it fit: shared, not frozen, not
 *       missing, not poisoned, and if it writes, not write-protected.
 *   A3  A page that is missing is asked for once, however many wait for it. What
 *       waits goes on when the page is there, when it is given up, or when its time
 *       is over. An access asks for the lowest of its pages first.
 *   A4  Nobody waits with a lock of the library held: a conversion that waits for
 *       accesses holds nothing but a place in the queue. Every wait has an end of
 *       its own, so no two wait for each other for ever; but who converts while he
 *       runs an access may wait for himself, and should not do so #GMS_FOREVER.
 *   A5  First come, first served on a page: an access that begins behind a conversion
 *       that waits, waits for it, and a conversion behind accesses that wait waits for
 *       them, so that neither starves.
 *
 * Accesses are for the short; what lasts, and what hardware does, is pinned (pin.h).
 *
 * The order of resolve: whoever brings a page in writes its contents, then calls
 * gms_resolve(), which clears MISSING with release and then wakes. Who finds the page
 * no more missing finds its contents.
 */
#ifndef GMEMSTATE_ACCESS_H
#define GMEMSTATE_ACCESS_H

#include <gmemstate/convert.h>
#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** The access writes. */
#define GMS_ACCESS_WRITE	(UINT32_C(1) << 0)
/** Do not wait, whatever @c timeout_ns says: -EAGAIN. A fault is queued all the same. */
#define GMS_ACCESS_NOWAIT	(UINT32_C(1) << 1)
/** This thread holds another access: do not queue behind a conversion that waits. */
#define GMS_ACCESS_NESTED	(UINT32_C(1) << 2)

/** @brief One access. Owned by the caller, who must not move or free it before its end. */
struct gms_access {
	gms_gfn	 error_gfn;	/**< On an error that names a page: the lowest one. */
	uint32_t error_reason;	/**< On error: enum gms_reason. */
	uint32_t flags;		/**< GMS_ACCESS_* bits it was begun with. */
	uint64_t opaque[13];	/**< Private. */
};

/** @brief A page, or a block of them, that somebody wants and that is not there. */
struct gms_fault {
	struct gms_range range;	/**< What to bring in: a page, or the region's fault block. */
	gms_gfn	 gfn;		/**< The page that was asked for first. */
	gms_tag	 tag;		/**< Who asked first; 0: an access. */
	uint64_t waited_ns;	/**< Since it was first asked for. */
	uint64_t waiters;	/**< Accesses that wait for it, and calls of gms_fault_raise(). */
	uint32_t reason;	/**< GMS_REASON_MISSING or GMS_REASON_WRITE_PROTECT. */
	uint32_t flags;		/**< #GMS_ACCESS_WRITE if one of them writes. */
};

/** @brief Which faults gms_fault_next() hands out first. */
enum gms_fault_order {
	GMS_FAULT_OLDEST = 0,	/**< The one that waits longest. */
	GMS_FAULT_MOST_WAITERS	/**< The one that most wait for; of equals the oldest. */
};

/** Most faults that a space has at a time, handed out or not. */
#define GMS_FAULTS_MOST		UINT32_C(65536)

/**
 * @brief Begin to touch guest memory.
 *
 * @param space      The space.
 * @param range      Pages; may span regions, not holes.
 * @param flags      GMS_ACCESS_* bits.
 * @param timeout_ns How long to wait; 0: not at all; #GMS_FOREVER.
 * @param access     Set up; needs no clearing before. On an error there is nothing to end.
 * @retval 0       Begun: until gms_access_end() the pages stay as A1 says.
 * @retval -EINVAL NULL; empty or wrapping range; unknown flag.
 * @retval -ENOENT A page is a hole.
 * @retval -EHWPOISON A page is poisoned.
 * @retval -EBUSY  A page is frozen: at once, if the caller does not wait, else when its
 *                 time is over.
 * @retval -EAGAIN A page is missing, or write-protected and the access writes, and the
 *                 caller does not wait: a fault is queued. Or a conversion is at the page.
 * @retval -ETIMEDOUT The same, and the time is over. Faults stay queued.
 * @retval -EFAULT A page is private.
 * @retval -EIO    The page was given up with that error, or another that
 *                 gms_fault_fail() was given.
 * @retval -ENOSPC #GMS_FAULTS_MOST are queued.
 * @retval -ENOMEM Out of memory for a fault, or for the space's first access.
 * @par On error
 * No access runs. The error is that of the lowest page that is not fit, which
 * gms_access::error_gfn names.
 * @par Threads
 * Any, not from callbacks of this library; not async-signal-safe. Without waiting it
 * blocks on locks that are held for a few instructions only, but the first access of
 * a space without #GMS_SPACE_ACCESS waits once for conversions that run.
 * @par Cost
 * A lock, a look at each block of the range, and O(log accesses); no allocation but
 * for a fault.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_access_begin(struct gms_space *space, struct gms_range range, uint32_t flags,
		 uint64_t timeout_ns, struct gms_access *access);

/**
 * @brief The access is over. Whoever waits for it goes on.
 *
 * Parked conversions that it blocked are carried out on this thread.
 *
 * @param space  The space.
 * @param access What gms_access_begin() set up, once. NULL does nothing.
 * @par Threads
 * Any, not from callbacks of this library; not async-signal-safe.
 * @par Cost
 * A lock and O(log accesses).
 * @since 0.1
 */
GMS_API void gms_access_end(struct gms_space *space, struct gms_access *access);

/**
 * @brief Freeze a range: every access fails or waits, nothing is lost.
 *
 * Freezing nests: a page thaws with its last gms_thaw(). Accesses that run are waited
 * for; pins do not stand in the way, and what they allow goes on. Shared pages are taken
 * away from the host by gms_backend::unmap_host, with FROZEN in the run's mask.
 *
 * A page that gms_convert() froze counts as frozen once; one that it thaws is thawed,
 * however often it was frozen.
 *
 * @param space      The space.
 * @param range      Pages; may span regions, not holes.
 * @param timeout_ns How long to wait for accesses that run; 0: not at all; #GMS_FOREVER.
 * @param result     NULL, or filled in as gms_convert() does.
 * @retval 0       Every page is frozen once more.
 * @retval -EINVAL NULL @p space; empty or wrapping range; a result too short.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page is a hole; see error_gfn.
 * @retval -EAGAIN An access runs on a page and did not end in time; see error_gfn.
 * @retval -EOVERFLOW A page is frozen 2^32 - 1 times; see error_gfn.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the backend or a listener returned.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_unshare().
 * @par Cost
 * As gms_unshare(): uniform GiB are one step each. Freezing again what is frozen is
 * O(log n) for n ranges frozen more than once, and calls no backend.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_freeze(struct gms_space *space, struct gms_range range, uint64_t timeout_ns,
	   struct gms_convert_result *result);

/**
 * @brief Undo one gms_freeze() of a range. Who waited for it goes on.
 *
 * The range need not be one that was frozen in one call: each page is thawed once.
 *
 * @param space  The space.
 * @param range  Pages; all of them frozen.
 * @param result NULL, or filled in as gms_convert() does.
 * @retval 0       Every page is frozen once less.
 * @retval -EINVAL NULL @p space; empty or wrapping range; a result too short.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page is a hole; see error_gfn.
 * @retval -EALREADY A page is not frozen; see error_gfn. There is no reason to it.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the backend or a listener returned.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_share().
 * @par Cost
 * As gms_freeze().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_thaw(struct gms_space *space, struct gms_range range, struct gms_convert_result *result);

/**
 * @brief Arm a range: its contents must be brought in before anyone may touch it.
 *
 * Clears POPULATED: the backend discards what the pages held, so whoever needs it has
 * saved it. That a touch by the guest traps is the embedder's to see to (uffd.h of the
 * Linux library does).
 *
 * @param space      The space.
 * @param range      Pages; may span regions, not holes.
 * @param timeout_ns How long to wait for accesses that run; 0: not at all; #GMS_FOREVER.
 * @param result     NULL, or filled in as gms_convert() does.
 * @retval 0       Every page is missing.
 * @retval -EINVAL NULL @p space; empty or wrapping range; a result too short.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page is a hole; see error_gfn.
 * @retval -EAGAIN A page is pinned or lent, or an access runs on it that did not end in
 *                 time; see error_gfn.
 * @retval -ENOMEM Out of memory.
 * @retval other   What a listener returned.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_unshare().
 * @par Cost
 * As gms_unshare().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_miss(struct gms_space *space, struct gms_range range, uint64_t timeout_ns,
	 struct gms_convert_result *result);

/**
 * @brief The contents of a range are there: let everyone who waits go on.
 *
 * Call it after the contents are written. Of pages that are missing it clears MISSING
 * and sets POPULATED, without telling the backend to populate; the others keep both as
 * they are. With @p writable it clears WRITE_PROTECT of all of them. Faults in the range
 * are over, once no page of their block is missing, or write-protected, as they say.
 *
 * @param space    The space.
 * @param range    Pages; may span regions, not holes.
 * @param writable Clear WRITE_PROTECT too, also of pages that are not missing.
 * @param result   NULL, or filled in as gms_convert() does.
 * @retval 0       No page is missing.
 * @retval -EINVAL NULL @p space; empty or wrapping range; a result too short.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page is a hole; see error_gfn.
 * @retval -ENOMEM Out of memory.
 * @retval other   What a listener returned.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_share().
 * @par Cost
 * As gms_share(), and O(log faults) for each that is over.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_resolve(struct gms_space *space, struct gms_range range, bool writable,
	    struct gms_convert_result *result);

/**
 * @brief Queue a fault that was seen elsewhere: a userfaultfd event, a vCPU's exit.
 *
 * A fault on a page, or on a block of the region's fault order, that is queued or
 * handed out already only counts.
 *
 * @param space The space.
 * @param gfn   The page.
 * @param flags #GMS_ACCESS_WRITE, or 0.
 * @param tag   Who asks: a thread, a vCPU; 0: nobody.
 * @retval 0       Queued, or counted.
 * @retval -EINVAL NULL; unknown flag.
 * @retval -ENOENT A hole.
 * @retval -EALREADY The page is neither missing nor write-protected for this: nothing to
 *                 bring in, who faulted need only try again.
 * @retval -ENOSPC #GMS_FAULTS_MOST are queued.
 * @retval -ENOMEM Out of memory.
 * @par On error
 * Nothing changed.
 * @par Threads
 * Any, not from callbacks of this library; not async-signal-safe. Does not block, but
 * as the first access of a space may (gms_access_begin()).
 * @par Cost
 * O(log faults); an allocation now and then.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_fault_raise(struct gms_space *space, gms_gfn gfn, uint32_t flags, gms_tag tag);

/**
 * @brief Take faults to serve them. Each is handed out once.
 *
 * Over with gms_resolve(), gms_fault_fail(), or any conversion after which its page is
 * not missing; gms_fault_again() puts it back.
 *
 * @param space      The space.
 * @param faults     Room for @p most.
 * @param most       At least 1.
 * @param order      enum gms_fault_order.
 * @param timeout_ns How long to wait for the first; 0: not at all; #GMS_FOREVER.
 * @param found      Where their number goes: at least 1 on success.
 * @retval 0       Some.
 * @retval -EINVAL NULL; @p most 0; unknown order.
 * @retval -EAGAIN None, and the caller does not wait.
 * @retval -ETIMEDOUT None came in time.
 * @retval -ECANCELED gms_fault_cancel() was called.
 * @retval -ENOMEM Out of memory for the books, if the space had none.
 * @par Threads
 * Any number, not from callbacks of this library; not async-signal-safe.
 * @par Cost
 * O(log faults) for each.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_fault_next(struct gms_space *space, struct gms_fault *faults, size_t most, uint32_t order,
	       uint64_t timeout_ns, size_t *found);

/**
 * @brief The faults of a range cannot be served now: queue them again, as old as they are.
 *
 * @param space The space.
 * @param range Pages of faults that were handed out.
 * @retval 0       Queued again.
 * @retval -EINVAL NULL; empty or wrapping range.
 * @retval -ENOENT No fault there is handed out.
 * @par Threads
 * As gms_fault_next().
 * @par Cost
 * O(log faults) for each.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_fault_again(struct gms_space *space, struct gms_range range);

/**
 * @brief Give the faults of a range up: who waits for them gets an error.
 *
 * The pages stay missing; a later access asks for them again.
 *
 * @param space The space.
 * @param range The pages.
 * @param error A negative errno for those who wait, usually -EIO.
 * @retval 0       Given up.
 * @retval -EINVAL NULL; empty or wrapping range; @p error not below 0 and above -4096.
 * @retval -ENOENT No fault there.
 * @par Threads
 * As gms_fault_next().
 * @par Cost
 * O(log faults) for each.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_fault_fail(struct gms_space *space, struct gms_range range, int error);

/**
 * @brief Wake the threads in gms_fault_next(), now and for good: they get -ECANCELED.
 *
 * @param space The space. NULL does nothing.
 * @param on    true: cancel; false: serve again.
 * @par Threads
 * Any, not from callbacks of this library; not async-signal-safe.
 * @par Cost
 * A lock.
 * @since 0.1
 */
GMS_API void gms_fault_cancel(struct gms_space *space, bool on);

/**
 * @brief Called when the queue of faults is no longer empty.
 *
 * On the thread that faulted, with a lock of the library held: it may do nothing but
 * wake somebody, such as by a write(2) to an eventfd.
 */
typedef void gms_fault_fn(void *ctx);

/**
 * @brief Say whom to wake when the queue of faults is no longer empty.
 *
 * Called at once if it is not empty now. gms_fault_next() until -EAGAIN empties it.
 *
 * @param space    The space.
 * @param callback Called; NULL: nobody any more. When this returns, an earlier one is
 *                 not running and is not called again.
 * @param ctx      Handed to @p callback.
 * @retval 0       Kept.
 * @retval -EINVAL NULL @p space.
 * @retval -ENOMEM Out of memory.
 * @par On error
 * Nothing changed.
 * @par Threads
 * Any, not from callbacks of this library; not async-signal-safe.
 * @par Cost
 * A lock.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_fault_notify(struct gms_space *space, gms_fault_fn *callback, void *ctx);

GMS_END_DECLS
#endif

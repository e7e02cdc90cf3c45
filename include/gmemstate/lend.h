/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file lend.h
 * @brief Counted loans of bytes: what a DMA map and unmap are.
 *
 * A guest maps a buffer for a device and unmaps it when the device is done.
 * Buffers are often shorter than a page and share pages with others, so a page
 * is shared with its first loan and may turn private after its last.
 *
 * Only a page that a loan turned shared turns private again. One that was shared
 * when it was first lent stays so, and so does one that any other call names as
 * shared (gms_share() and the like) while it is lent or idle.
 *
 * When it turns private is the space's policy, gms_space_opts::lend_policy:
 * with the last loan (#GMS_LEND_EAGER), or later, in batches (#GMS_LEND_LAZY), or
 * when gms_reclaim() says (#GMS_LEND_PERSISTENT). Meanwhile the page is idle: the
 * next loan of it finds it shared. Under every policy a page is idle that ought to
 * turn private and cannot, because it is pinned or frozen, or because a backend,
 * a listener or the allocator refuses. After a batch of LAZY's of which pages could
 * not turn, as many loans come back before it tries the next: what stays idle
 * because others hold it costs no return more than it brought.
 *
 * A lent page neither turns private nor loses its memory by any other call:
 * these say -EAGAIN with #GMS_REASON_LENT. An idle page may be unshared by any.
 */
#ifndef GMEMSTATE_LEND_H
#define GMEMSTATE_LEND_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief Names one loan of one space; never 0, never used again. */
typedef uint64_t gms_loan_id;

/** @brief Which way the bytes go. */
enum gms_lend_dir {
	GMS_LEND_TO_DEVICE = 1,		/**< The device reads. */
	GMS_LEND_FROM_DEVICE = 2,	/**< The device writes. */
	GMS_LEND_BOTH = 3		/**< It does both. */
};

/**
 * @brief What gms_lend(), gms_return() or gms_reclaim() did. Clear with GMS_INIT().
 *
 * An embedder that maps pages for devices itself does so for @p runs alone.
 */
struct gms_lend_result {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	/**
	 * Set by the caller: room for @p run_capacity ranges, or NULL. The pages that
	 * turned go there: ascending, but that what a policy reclaims by itself
	 * follows what was returned. Neighbours are joined.
	 */
	struct gms_range *runs;
	uint64_t run_capacity;	/**< Set by the caller: how many fit. */
	uint64_t nruns;		/**< Runs there were, also those that did not fit. */
	uint64_t changed_pages;	/**< Pages that turned: shared if lent, else private. */
	uint64_t hit_pages;	/**< Lent: pages that were shared because lent or idle. */
	uint64_t kept_pages;	/**< Lent: pages that were shared already, and not by a loan. */
	/**
	 * Returned: pages without a loan now that did not turn. Reclaimed: pages of the
	 * space that are idle still.
	 */
	uint64_t idle_pages;
	uint64_t blocked_pages;	/**< Pages that were to turn private and could not: idle now. */
	gms_gfn	 error_gfn;	/**< The lowest page that was refused, or blocked; else 0. */
	uint32_t error_reason;	/**< Why: enum gms_reason; NONE if nothing was in the way. */
	uint32_t reserved;	/**< 0. */
};

/** Most loans of one gms_lend_many() or gms_return_many(). */
#define GMS_LEND_MOST 65536

/** @brief One loan that is wanted: what gms_lend() takes. */
struct gms_loan_want {
	uint64_t gpa;		/**< Its first byte. */
	uint64_t bytes;		/**< Its length. */
	gms_tag	 tag;		/**< Its owner. */
	uint32_t dir;		/**< enum gms_lend_dir. */
	uint32_t reserved;	/**< 0. */
};

/** @brief What is lent now, as in struct gms_acct. Clear with GMS_INIT() first. */
struct gms_lend_gauges {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t loans;		/**< Loans that are not returned. */
	uint64_t lent_bytes;	/**< Their lengths; bytes lent twice count twice. */
	uint64_t lent_pages;	/**< Pages that are lent, each once. */
	uint64_t idle_pages;	/**< Pages that are shared because they were lent, and are not now. */
	uint64_t slack_bytes;	/**< Of the pages that loans turned shared: bytes not lent. */
	uint64_t shared_pages;	/**< Pages that are shared, for whatever reason. */
};

/** @brief One loan, as gms_loans_in() lists it. */
struct gms_loan_info {
	uint64_t    gpa;	/**< Its first byte. */
	uint64_t    bytes;	/**< Its length. */
	gms_loan_id id;		/**< Its name. */
	gms_tag	    tag;	/**< Its owner. */
	uint32_t    dir;	/**< enum gms_lend_dir. */
	uint32_t    reserved;	/**< 0. */
};

/**
 * @brief Lend a range of bytes: until it is returned its pages are shared.
 *
 * Loans are counted and may overlap.
 *
 * @param space  The space.
 * @param gpa    Guest-physical address of the first byte; any alignment.
 * @param bytes  Length; the pages may span regions, not holes.
 * @param dir    enum gms_lend_dir; kept for gms_loans_in().
 * @param tag    Who borrows them.
 * @param id     Where the loan's name goes; untouched on error.
 * @param result NULL, or filled in; on an error with the page to blame, if there is one.
 * @retval 0       Every page is shared, and stays so.
 * @retval -EINVAL NULL; @p bytes is 0 or the end wraps; unknown @p dir; a result
 *                 shorter than its own size member, or with room but no array.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page is a hole; see error_gfn.
 * @retval -ENOSPC A page has 33,554,431 loans already; see error_gfn.
 * @retval -ENOMEM Out of memory.
 * @retval other   What gms_share() says of a page that is not shared yet.
 * @par On error
 * Nothing changed, but memory that was had stays set aside.
 * @par Threads
 * W. Counting and converting are one step: two threads that lend and return the
 * same page are exact.
 * @par Cost
 * O(pages), and gms_share() of those that are private, all in one conversion. Within
 * a 2 MiB block, and where the GiB was lent from before, a fraction of a microsecond
 * and no allocation.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_lend(struct gms_space *space, uint64_t gpa, uint64_t bytes, uint32_t dir, gms_tag tag,
	 gms_loan_id *id, struct gms_lend_result *result);

/**
 * @brief Lend many ranges of bytes at once, in one conversion: all of them or none.
 *
 * For what brings many buffers, as a virtqueue's kick does: the host is called, and
 * flushes, once. The loans, and what @p result counts, are those that gms_lend() would
 * have made of them in their order; a page that several ask for turns once. What turns
 * is charged to the first one's tag.
 *
 * @param space  The space.
 * @param want   @p n loans, in any order; they may overlap. NULL is fine for none.
 * @param n      At most #GMS_LEND_MOST; 0 succeeds and changes nothing.
 * @param ids    Where their names go, ids[i] being want[i]'s; untouched on error.
 * @param result NULL, or filled in for all of them; on an error with the page to blame,
 *               if there is one.
 * @retval 0       Every page is shared, and stays so.
 * @retval -EINVAL NULL; of one of them @p bytes is 0, the end wraps, @p dir is unknown
 *                 or @p reserved is not 0; a result as for gms_lend().
 * @retval -E2BIG  More than #GMS_LEND_MOST; @p result is longer than this library knows
 *                 and not zero there.
 * @retval -ENOENT A page is a hole; see error_gfn.
 * @retval -ENOSPC A page would have more than 33,554,431 loans if all were of it; see
 *                 error_gfn.
 * @retval -ENOMEM Out of memory.
 * @retval other   What gms_convert() says of the pages that are not shared yet.
 * @par On error
 * Nothing changed, but memory that was had stays set aside.
 * @par Threads
 * W, on every GiB that one of them is in.
 * @par Cost
 * That of as many gms_lend(), with one conversion of all that turn, in O(runs log runs)
 * more if they do not ascend. Up to 128 runs that turn are listed in memory that the
 * space keeps: after the first such call that costs no allocation.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_lend_many(struct gms_space *space, const struct gms_loan_want *want, size_t n,
	      gms_loan_id *ids, struct gms_lend_result *result);

/**
 * @brief Return a loan: pages without any are private again, or idle, by the policy.
 *
 * The loan is gone whatever happens to its pages. Pages that are to turn private
 * do in one conversion; those that cannot are idle, see blocked_pages.
 *
 * @param space  The space.
 * @param id     What gms_lend() gave.
 * @param result NULL, or filled in; under #GMS_LEND_LAZY also with what the policy
 *               reclaimed because of this return.
 * @retval 0       Returned.
 * @retval -EINVAL NULL @p space; a result as for gms_lend().
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT No such loan, or not any more.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; carries parked conversions out that waited for the loan. What LAZY reclaims by
 * itself is serialised with other W calls on every GiB that has idle pages.
 * @par Cost
 * O(pages), and gms_unshare() of those that turn. With #GMS_LEND_LAZY, once in
 * many returns, that of a gms_reclaim().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_return(struct gms_space *space, gms_loan_id id, struct gms_lend_result *result);

/**
 * @brief Return many loans at once: all of them or none, in one conversion.
 *
 * They are gone whatever happens to their pages, as with gms_return(): those without
 * a loan now turn private by the policy, in one conversion, and those that cannot are idle.
 * The conversion is charged to the tag of the first.
 *
 * @param space  The space.
 * @param ids    @p n names, in any order; NULL is fine for none.
 * @param n      At most #GMS_LEND_MOST; 0 succeeds and changes nothing.
 * @param result NULL, or filled in for all of them, as by gms_return().
 * @retval 0       Returned.
 * @retval -EINVAL NULL; a result as for gms_lend().
 * @retval -E2BIG  More than #GMS_LEND_MOST; @p result is longer than this library knows
 *                 and not zero there.
 * @retval -ENOENT One is no loan, or not any more, or named twice.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W, on every GiB that one of them is in; carries parked conversions out that waited for
 * them. What LAZY reclaims by itself is serialised as by gms_return(), and happens once.
 * @par Cost
 * O(pages + n), with one conversion of all that turn, in O(runs log runs) more if they do
 * not ascend. With #GMS_LEND_LAZY, once in many returns, that of a gms_reclaim().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_return_many(struct gms_space *space, const gms_loan_id *ids, size_t n,
		struct gms_lend_result *result);

/**
 * @brief Take idle pages back from the host, the longest idle first, as one batch.
 *
 * A page that cannot turn private is idle from now on, as if it had been returned now.
 *
 * @param space        The space.
 * @param budget_pages Most pages to take; UINT64_MAX: all.
 * @param now_ns       The time by the space's clock: only pages that have been idle
 *                     for gms_space_opts::lend_idle_ns are taken. UINT64_MAX, or in a
 *                     space without a clock: however short.
 * @param result       NULL, or filled in.
 * @retval 0       Done, perhaps with blocked_pages, or fewer for want of memory.
 * @retval -EINVAL NULL @p space; a result as for gms_lend().
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @par Threads
 * W, serialised with other W calls on every GiB that has idle pages.
 * @par Cost
 * O(n log n + n * 32) for n pages, and one conversion of their runs. Allocates for
 * more than 680 runs.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_reclaim(struct gms_space *space, uint64_t budget_pages, uint64_t now_ns,
	    struct gms_lend_result *result);

/**
 * @brief List the loans that touch pages of a range, in no particular order.
 *
 * @param space The space.
 * @param range The pages.
 * @param buf   Room for @p nbuf loans; NULL if @p nbuf is 0.
 * @param nbuf  How many fit.
 * @param found Where the number that touch it goes, also those that did not fit.
 * @retval 0       Listed.
 * @retval -EINVAL NULL; empty or wrapping range.
 * @par Threads
 * W. The list is of one moment.
 * @par Cost
 * O(pages of the range / 32), or if that is less the pages lent in its GiB; O(log loans)
 * for those longer than 32 pages; and found, with loans that begin up to 62 pages away.
 * Allocates nothing.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_loans_in(struct gms_space *space, struct gms_range range, struct gms_loan_info *buf,
	     size_t nbuf, size_t *found);

/**
 * @brief What is lent now: some of gms_acct_read(), for who looks often.
 *
 * Each number is exact; beside writers it is the sum of what was true of each set of GiB
 * at a moment of the call.
 *
 * @param space  The space.
 * @param gauges Filled in.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL; @p gauges shorter than its own size member.
 * @retval -E2BIG  @p gauges is longer than this library knows and not zero there.
 * @par Threads
 * R, async-signal-safe.
 * @par Cost
 * O(1): five loads for each of the 32 sets of GiB that pages were ever lent from.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_lend_read(const struct gms_space *space, struct gms_lend_gauges *gauges);

GMS_END_DECLS
#endif

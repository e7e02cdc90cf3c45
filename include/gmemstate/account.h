/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file account.h
 * @brief The ledger: what conversions cost.
 *
 * Gauges say how things are; events count what happened since the space was
 * made. The library counts what it does, backends charge what they spend
 * (gms_charge_add()), the embedder adds what only it sees (gms_acct_charge()).
 */
#ifndef GMEMSTATE_ACCOUNT_H
#define GMEMSTATE_ACCOUNT_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief What can be counted. Grows at the end only. */
enum gms_acct_kind {
	GMS_ACCT_CONVERTS = 0,	   /**< Conversion calls with valid arguments. */
	GMS_ACCT_COMMITS,	   /**< Those that changed at least one page. */
	GMS_ACCT_BLOCKED,	   /**< Those refused with -EAGAIN or -EBUSY. */
	GMS_ACCT_ROLLBACKS,	   /**< Those undone: a backend or a listener failed. */
	GMS_ACCT_UNDO_FAILURES,	   /**< Undo operations that a backend failed too. */
	GMS_ACCT_PAGES_TO_SHARED,  /**< Pages turned shared. */
	GMS_ACCT_PAGES_TO_PRIVATE, /**< Pages turned private. */
	GMS_ACCT_PAGES_CHANGED,	   /**< Pages whose state changed in any way. */
	GMS_ACCT_PAGES_UNCHANGED,  /**< Pages asked for that were as wanted already. */
	GMS_ACCT_HOST_RUNS,	   /**< Runs given to backends. */
	GMS_ACCT_BACKEND_CALLS,	   /**< map_host and unmap_host calls. */
	GMS_ACCT_BACKEND_FLUSHES,  /**< flush calls. */
	GMS_ACCT_SPLITS_1G,	   /**< Folios of 1G cut to 2M. */
	GMS_ACCT_SPLITS_2M,	   /**< Folios of 2M cut to 4K. */
	GMS_ACCT_MERGES_2M,	   /**< Folios of 2M made of 4K. */
	GMS_ACCT_MERGES_1G,	   /**< Folios of 1G made of 2M. */
	GMS_ACCT_PINS,		   /**< gms_pin() calls that succeeded. */
	GMS_ACCT_UNPINS,	   /**< gms_unpin() calls that succeeded. */
	GMS_ACCT_PINS_REFUSED,	   /**< gms_pin() calls refused for a page. */
	GMS_ACCT_DRY_RUNS,	   /**< Conversions that were only tried out. */
	GMS_ACCT_DISCARD_FAILURES, /**< Discards that a backend failed. */
	GMS_ACCT_PARKED,	   /**< Conversions that were parked. */
	GMS_ACCT_LISTENER_CALLS,   /**< Calls of listeners, but begin and end. */
	GMS_ACCT_LISTENER_VETOES,  /**< Conversions that a listener refused or failed. */
	GMS_ACCT_SPANS_MAPPED,	   /**< Spans that listeners were given. */
	GMS_ACCT_SPANS_UNMAPPED,   /**< Spans that listeners gave up. */
	GMS_ACCT_SPLITS_OTHER,	   /**< Folios cut otherwise: in half, or from 1G to 4K. */
	GMS_ACCT_MERGES_OTHER,	   /**< Folios made otherwise: of two halves, or 1G of 4K. */
	GMS_ACCT_LENDS,		   /**< gms_lend() calls that succeeded. */
	GMS_ACCT_RETURNS,	   /**< gms_return() calls that succeeded. */
	GMS_ACCT_LEND_HITS,	   /**< Pages lent that were shared because lent or idle. */
	GMS_ACCT_RECLAIMS,	   /**< Batches of idle pages, asked for or by the policy. */
	GMS_ACCT_RECLAIMED_PAGES,  /**< Pages that these turned private. */
	GMS_ACCT_ACCESSES,	   /**< gms_access_begin() calls that succeeded. */
	GMS_ACCT_ACCESS_WAITS,	   /**< gms_access_begin() calls that waited. */
	GMS_ACCT_CONVERT_WAITS,	   /**< Conversion calls that waited for accesses. */
	GMS_ACCT_FAULTS,	   /**< Faults queued; those put back count once. */
	GMS_ACCT_FAULTS_MERGED,	   /**< Those that were there already: waited for, or raised again. */
	GMS_ACCT_FAULTS_FAILED,	   /**< Those given up by gms_fault_fail(). */
	GMS_ACCT_FREEZES,	   /**< gms_freeze() calls that succeeded. */
	GMS_ACCT_THAWS,		   /**< gms_thaw() calls that succeeded. */

	GMS_ACCT_GUEST_EXITS,	   /**< Exits from the guest to the host kernel. */
	GMS_ACCT_HYPERCALLS,	   /**< Hypercalls of the guest. */
	GMS_ACCT_USER_EXITS,	   /**< Exits that went on to the VMM. */
	GMS_ACCT_SYS_MADVISE,	   /**< madvise(2) calls. */
	GMS_ACCT_SYS_PROCESS_MADVISE, /**< process_madvise(2) calls. */
	GMS_ACCT_SYS_MPROTECT,	   /**< mprotect(2) calls. */
	GMS_ACCT_SYS_FALLOCATE,	   /**< fallocate(2) calls. */
	GMS_ACCT_SYS_IOCTL,	   /**< ioctl(2) calls. */
	GMS_ACCT_SYS_READ,	   /**< read(2) and its kin. */
	GMS_ACCT_SYS_WRITE,	   /**< write(2) and its kin. */
	GMS_ACCT_SYS_OTHER,	   /**< Other system calls. */
	GMS_ACCT_FLUSH_STAGE2,	   /**< Calls that flushed guest translations. */
	GMS_ACCT_FLUSH_PROCESS,	   /**< Calls that flushed the VMM's translations. */
	GMS_ACCT_FLUSH_KERNEL,	   /**< Calls that flushed kernel ranges. */
	GMS_ACCT_FLUSH_IOTLB,	   /**< Calls that flushed IOMMU translations. */
	GMS_ACCT_PTES_4K,	   /**< Page-table entries of 4K written. */
	GMS_ACCT_PTES_2M,	   /**< Page-table entries of 2M written. */
	GMS_ACCT_PTES_1G,	   /**< Page-table entries of 1G written. */
	GMS_ACCT_PAGES_ZEROED,	   /**< Pages cleared. */
	GMS_ACCT_BYTES_COPIED,	   /**< Bytes bounced: copied only because of visibility. */
	GMS_ACCT_BYTES_DIRECT,	   /**< Bytes moved without a copy, straight to the page. */
	GMS_ACCT_REFAULTS,	   /**< Faults expected because mappings were dropped. */
	GMS_ACCT_REQUESTS,	   /**< I/O requests served. */
	GMS_ACCT_TREE_UPDATES,	   /**< Stores into the trees that hold attributes. */
	GMS_ACCT_ACCEPTS,	   /**< Guest instructions that accept, validate or rescind. */
	GMS_ACCT_RMP_UPDATES,	   /**< Entries of a reverse map written (RMPUPDATE). */
	GMS_ACCT_BYTES_FLUSHED,	   /**< Bytes written back from caches. */
	GMS_ACCT_KINDS		   /**< Number of kinds of this version. */
};

/** @brief One kind's total. */
struct gms_acct_event {
	uint64_t count;	/**< How many. */
	uint64_t ns;	/**< Time charged with them. */
};

/** @brief The ledger. Clear with GMS_INIT() first. */
struct gms_acct {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	uint64_t regions;		/**< Regions. */
	uint64_t pages;			/**< Pages of all regions. */
	uint64_t shared_pages;		/**< Those that are shared. */
	uint64_t shared_pages_max;	/**< Most that were shared at once. */
	uint64_t shared_page_ns;	/**< Page-time shared so far, low 64 bits; 0 without a clock. */
	uint64_t shared_page_ns_high;	/**< The high 64 bits: a shared TiB needs them in 69 s. */
	uint64_t folios_4k;		/**< Folios of order 0. */
	uint64_t folios_2m;		/**< Folios of order 9. */
	uint64_t folios_1g;		/**< Folios of order 18. */
	uint64_t pins;			/**< Live pins. */
	uint64_t pinned_pages;		/**< Sum of their lengths. */
	uint64_t metadata_bytes;	/**< Memory the space has from its allocator. */
	uint64_t metadata_bytes_max;	/**< Most it ever had. */
	uint64_t metadata_used_bytes;	/**< Of metadata_bytes, in use; the rest is kept for later. */
	uint64_t folios[GMS_ORDERS];	/**< Folios of each order; three of them are above too. */
	uint64_t loans;			/**< Live loans. */
	uint64_t lent_bytes;		/**< Sum of their lengths: bytes lent twice count twice. */
	uint64_t lent_pages;		/**< Pages with a loan, each once. */
	uint64_t idle_pages;		/**< Pages without, that a loan turned shared and that are so still. */
	/**
	 * What the host sees because of loans beyond what was lent: of each page that
	 * a loan turned shared, the 4096 bytes less those lent of it (down to 0).
	 */
	uint64_t slack_bytes;
	uint64_t idle_page_ns;		/**< Page-time idle so far, low 64 bits; 0 without a clock. */
	uint64_t idle_page_ns_high;	/**< The high 64 bits. */
	struct gms_acct_event event[GMS_ACCT_KINDS]; /**< By enum gms_acct_kind. */
};

/** Most tags that a space keeps accounts of, beside #GMS_TAG_OTHER. */
#define GMS_ACCT_TAGS_MAX	4096u

/**
 * The account of all tags that have none of their own: those beyond
 * #GMS_ACCT_TAGS_MAX, and those that came when there was no memory for one.
 */
#define GMS_TAG_OTHER		UINT64_MAX

/** @brief One owner's account. Clear with GMS_INIT() first. */
struct gms_acct_tag {
	size_t	size;	/**< Bytes of this struct the caller knows. */
	gms_tag tag;	/**< Whose. */
	struct gms_acct_event event[GMS_ACCT_KINDS]; /**< By enum gms_acct_kind. */
};

/** Buckets of a histogram. */
#define GMS_HISTOGRAM_BUCKETS	64u

/** @brief Which histogram. Grows at the end only. */
enum gms_histogram_kind {
	GMS_HISTOGRAM_TO_SHARED = 0, /**< Pages a commit turned shared, if any. */
	GMS_HISTOGRAM_TO_PRIVATE,    /**< Pages a commit turned private, if any. */
	GMS_HISTOGRAM_CONVERT_NS,    /**< Time of conversion calls; none without a clock. */
	GMS_HISTOGRAM_COUNT	     /**< Number of histograms of this version. */
};

/** @brief A histogram by powers of two. Clear with GMS_INIT() first. */
struct gms_histogram {
	size_t	 size;	/**< Bytes of this struct the caller knows. */
	uint64_t count;	/**< Values: the sum of the buckets. */
	uint64_t sum;	/**< Sum of the values. */
	/** [i]: values above 2^(i-1), up to and with 2^i; [0]: 0 and 1; the last: the rest too. */
	uint64_t bucket[GMS_HISTOGRAM_BUCKETS];
};

/** @brief What gms_acct_write() writes. */
enum gms_acct_format {
	GMS_ACCT_OPENMETRICS = 0, /**< OpenMetrics text, as Prometheus reads it. */
	GMS_ACCT_JSON		  /**< One JSON object. */
};

/**
 * @brief Read the ledger.
 *
 * Each number is exact; beside a writer they may be of different moments.
 *
 * @param space The space.
 * @param acct  Where it goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p acct is longer than this library knows and not zero there.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Some thirty loads a number.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_acct_read(const struct gms_space *space, struct gms_acct *acct);

/**
 * @brief Add what only the embedder sees.
 *
 * @param space The space.
 * @param tag   Who caused it; 0: nobody in particular. It counts for the space as well.
 * @param kind  A kind from #GMS_ACCT_GUEST_EXITS on; the library counts the others itself.
 * @param count How many; 0 adds time only.
 * @param ns    Time spent on them; 0 if not known.
 * @retval 0       Added.
 * @retval -EINVAL NULL @p space; a kind that cannot be charged.
 * @par Threads
 * W, but takes no lock; async-signal-safe for tag 0 and for tags that have an
 * account: another makes one, which allocates. See gms_acct_tag_add().
 * @par Cost
 * Two atomic additions, four with a tag.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_acct_charge(struct gms_space *space, gms_tag tag, uint32_t kind, uint64_t count, uint64_t ns);

/**
 * @brief Make the account of a tag.
 *
 * Calls that are given a tag make it themselves when it is new. Where there is
 * no memory for it, or none may be asked for (#GMS_CONVERT_NO_ALLOC), or there
 * are #GMS_ACCT_TAGS_MAX already, what they do is counted for #GMS_TAG_OTHER:
 * books are no reason to refuse a guest its conversion, and the sum over the
 * accounts stays exact. Who wants to be sure of an account, or to charge from a
 * signal handler, makes it here.
 *
 * @param space The space.
 * @param tag   Any but 0; twice is fine. Accounts live as long as the space.
 * @retval 0       There is one.
 * @retval -EINVAL NULL @p space; @p tag is 0.
 * @retval -ENOSPC There are #GMS_ACCT_TAGS_MAX accounts.
 * @retval -ENOMEM Out of memory.
 * @par Threads
 * W, but takes no lock.
 * @par Cost
 * At most two allocations: 8 KiB with the first tag of a space, and under a KiB each.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_acct_tag_add(struct gms_space *space, gms_tag tag);

/**
 * @brief Read one owner's account.
 *
 * What it holds: the conversions made with the tag, with what backends charged
 * during them; its pins; what was charged with it. Merges have no owner: a folio
 * grows together because all who held parts of it let go.
 * The sum over all accounts never exceeds the space's own counts.
 *
 * @param space The space.
 * @param tag   Any but 0; #GMS_TAG_OTHER always has one.
 * @param acct  Where it goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in. Each number is exact; beside a writer they may be of
 *                 different moments.
 * @retval -EINVAL NULL; @p tag is 0; a size smaller than its own member.
 * @retval -E2BIG  @p acct is longer than this library knows and not zero there.
 * @retval -ENOENT Nothing was done with that tag yet.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * A hash look-up and two loads a kind.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_acct_tag(const struct gms_space *space, gms_tag tag, struct gms_acct_tag *acct);

/**
 * @brief The lowest tag above another that has an account.
 *
 * To visit all: begin after 0, go on after each answer. #GMS_TAG_OTHER comes
 * last, and only if something was counted there.
 *
 * @param space The space.
 * @param after Any tag.
 * @param tag   Where the answer goes; untouched if there is none.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL.
 * @retval -ENOENT No account of a tag above.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Linear in the tags.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_acct_tag_next(const struct gms_space *space, gms_tag after, gms_tag *tag);

/**
 * @brief Read a histogram.
 *
 * @param space     The space.
 * @param kind      enum gms_histogram_kind.
 * @param histogram Where it goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in. Each number is exact; beside a writer they may be of
 *                 different moments.
 * @retval -EINVAL NULL; unknown @p kind; a size smaller than its own member.
 * @retval -E2BIG  @p histogram is longer than this library knows and not zero there.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Some four hundred loads.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_acct_histogram(const struct gms_space *space, uint32_t kind,
		   struct gms_histogram *histogram);

/**
 * @brief Write the whole ledger: gauges, events, histograms, accounts of tags.
 *
 * OpenMetrics names begin with gmemstate_ and end with their unit. Of the
 * accounts of tags only what is not 0 is written.
 *
 * @param space  The space.
 * @param format enum gms_acct_format.
 * @param write  Called once a line, the end of line included.
 * @param ctx    Handed to @p write.
 * @retval 0       Written.
 * @retval -EINVAL NULL @p space or @p write; unknown @p format.
 * @retval other   What @p write returned.
 * @par On error
 * What was written before stays written; @p write is not called again.
 * @par Threads
 * R; async-signal-safe if @p write is. Needs less than 2 KiB of stack.
 * @par Cost
 * Linear in kinds times tags.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_acct_write(const struct gms_space *space, uint32_t format, gms_write_fn *write, void *ctx);

/**
 * @brief The name of a kind, as reports print it: "pages_to_shared".
 *
 * @param kind An enum gms_acct_kind value.
 * @return A constant string, or NULL for an unknown kind.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API const char *gms_acct_name(uint32_t kind);

GMS_END_DECLS
#endif

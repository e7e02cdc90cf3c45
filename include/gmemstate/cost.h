/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file cost.h
 * @brief What the steps of a conversion cost on a host, and what I/O costs with them.
 *
 * A model is measured by gms_calibrate() of the Linux library, or filled in by
 * hand; it is kept as text that people can read and edit. A member that is 0 is
 * not known. From a model and a pattern of requests follows what each way to do
 * them costs: convert the buffer, keep it shared, or copy through a pool.
 */
#ifndef GMEMSTATE_COST_H
#define GMEMSTATE_COST_H

#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief Sizes that copies are measured at. */
enum gms_cost_size {
	GMS_COST_SIZE_4K = 0,	/**< 4 KiB. */
	GMS_COST_SIZE_16K,	/**< 16 KiB. */
	GMS_COST_SIZE_64K,	/**< 64 KiB. */
	GMS_COST_SIZE_256K,	/**< 256 KiB. */
	GMS_COST_SIZE_2M,	/**< 2 MiB. */
	GMS_COST_SIZE_COUNT	/**< Number of sizes. */
};

/** Numbers of running threads that a flush is measured with. */
#define GMS_COST_FLUSH_POINTS	8

/** A cost is no more than this: a sum of 2^24 such fits 64 bits. */
#define GMS_COST_MOST_NS	UINT64_C(1000000000000)

/** Longest text that gms_cost_load() takes. */
#define GMS_COST_TEXT_BYTES	UINT64_C(65536)

/**
 * @brief Unit costs of one host. Clear with GMS_INIT() first.
 *
 * A page is the host's: host_page_bytes. What takes access or memory away flushes
 * translations; its cost here is that in a process of which no other thread
 * runs. With n more of them running, add flush_ns at n and take flush_ns[0] away.
 */
struct gms_cost_model {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	uint64_t host_page_bytes;	/**< The host's page size. */
	uint64_t cpus;			/**< CPUs that the process might use. */
	uint64_t threads;		/**< Most other threads that ran when flushes were measured. */

	uint64_t syscall_ns;		/**< A system call that does nothing. */
	uint64_t ioctl_ns;		/**< An ioctl(2) that does nothing. */
	uint64_t guest_exit_ns;		/**< A guest's exit that KVM handles by itself. */
	uint64_t user_exit_ns;		/**< What an exit to the VMM, and KVM_RUN, adds to that. */

	/** One flush: [0] no other thread of the process runs; [i] 2^(i-1) others do. */
	uint64_t flush_ns[GMS_COST_FLUSH_POINTS];

	uint64_t guard_install_page_ns;	/**< MADV_GUARD_INSTALL of a mapped page. */
	uint64_t guard_remove_page_ns;	/**< MADV_GUARD_REMOVE of it. */
	uint64_t guard_install_2m_ns;	/**< MADV_GUARD_INSTALL of 2 MiB of mapped pages. */
	uint64_t guard_remove_2m_ns;	/**< MADV_GUARD_REMOVE of them. */
	uint64_t guard_install_vector_ns; /**< Each single page of a vector of them. */
	uint64_t guard_remove_vector_ns;  /**< The same of MADV_GUARD_REMOVE. */

	uint64_t mprotect_none_page_ns;	/**< mprotect(2) of a mapped page amid others: no access. */
	uint64_t mprotect_rw_page_ns;	/**< And back. */
	uint64_t mprotect_none_2m_ns;	/**< 2 MiB of mapped pages: no access. */
	uint64_t mprotect_rw_2m_ns;	/**< And back. */

	uint64_t punch_memfd_page_ns;	/**< A hole of a page punched into a memfd. */
	uint64_t punch_memfd_2m_ns;	/**< A hole of 2 MiB. */
	uint64_t punch_gmem_page_ns;	/**< A hole of a page punched into a guest_memfd. */
	uint64_t punch_gmem_2m_ns;	/**< A hole of 2 MiB. */

	uint64_t dontneed_page_ns;	/**< MADV_DONTNEED of a mapped page. */
	uint64_t dontneed_2m_ns;	/**< MADV_DONTNEED of 2 MiB of mapped pages. */
	uint64_t process_madvise_ns;	/**< process_madvise(2), less what its vectors cost. */
	uint64_t process_madvise_vector_ns; /**< Each vector: MADV_DONTNEED of a mapped page. */

	uint64_t refault_page_ns;	/**< A write to a page of a memfd: there, not mapped. */
	uint64_t refault_read_page_ns;	/**< A read of it, alone. */
	uint64_t refault_read_2m_ns;	/**< Reads of 2 MiB of them: one may map several. */
	uint64_t refault_gmem_page_ns;	/**< A touch of a page of a guest_memfd. */
	/** More if a KVM slot names the mapping: to take a page from the guest, and its fault. */
	uint64_t refault_guest_page_ns;
	uint64_t populate_memfd_page_ns; /**< A touch of a page of a memfd that is not there. */
	uint64_t populate_gmem_page_ns;	/**< The same of a guest_memfd. */
	uint64_t userfault_missing_ns;	/**< A fault that another thread serves with UFFDIO_COPY. */
	uint64_t userfault_minor_ns;	/**< The same with UFFDIO_CONTINUE. */

	uint64_t copy_warm_ns[GMS_COST_SIZE_COUNT]; /**< memcpy(3), both ends in the cache. */
	uint64_t copy_cold_ns[GMS_COST_SIZE_COUNT]; /**< memcpy(3), neither end in a cache. */
	uint64_t pwrite_ns[GMS_COST_SIZE_COUNT];    /**< pwrite(2) to a memfd, in the cache. */
	uint64_t pread_ns[GMS_COST_SIZE_COUNT];	    /**< pread(2) from a memfd, in the cache. */
};

/** @brief One number of a model. */
struct gms_cost_item {
	const char *name;	/**< As in the text: "guest_exit_ns". */
	uint64_t    value;	/**< 0: not known. */
};

/** @brief What gms_cost_load() saw. Clear with GMS_INIT() first. */
struct gms_cost_load_result {
	size_t	    size;	  /**< Bytes of this struct the caller knows. */
	uint64_t    known_keys;	  /**< Numbers that were read. */
	uint64_t    unknown_keys; /**< Lines of a later version that were passed over. */
	uint64_t    line;	  /**< On -EBADMSG and -EOPNOTSUPP: the line, from 1. */
	const char *expected;	  /**< And what was expected there; else NULL. */
};

/* --- what a way to do I/O costs on that host ----------------------------------- */

/** @brief Ways to get a request's bytes between a guest's buffer and the VMM. */
enum gms_cost_strategy {
	GMS_COST_BOUNCE = 0,	/**< A pool that stays shared; the VMM copies out of it again. */
	GMS_COST_POOL,		/**< The same pool; the VMM works in it: one copy less. */
	GMS_COST_CONVERT,	/**< Share the buffer for the request, unshare it after. */
	GMS_COST_CONVERT_BATCH,	/**< The same for the buffers of several requests at once. */
	GMS_COST_LAZY,		/**< Share it; unshare it, with others, when it was idle long. */
	GMS_COST_PERSISTENT,	/**< Share it at its first use, and never take it back. */
	GMS_COST_PREAD,		/**< pread(2), pwrite(2) of the memory's file: nothing mapped. */
	GMS_COST_STRATEGIES	/**< Number of strategies. */
};

/** All strategies, for gms_cost_advise(). */
#define GMS_COST_ANY	((UINT32_C(1) << GMS_COST_STRATEGIES) - 1)

/** @brief Which way a request's bytes go. */
enum gms_cost_direction {
	GMS_COST_IN = 1,	/**< To the guest: a read. */
	GMS_COST_OUT = 2,	/**< From the guest: a write. */
	GMS_COST_BOTH = 3	/**< As many each way. */
};

/** @brief What a page has to be taken from when it turns private. */
enum gms_cost_backing {
	GMS_COST_GUARD = 0,	/**< The VMM's mapping, by guard markers. */
	GMS_COST_MPROTECT,	/**< The VMM's mapping, by mprotect(2). */
	GMS_COST_ATTRIBUTES,	/**< KVM's memory attributes: two halves, contents are lost. */
	GMS_COST_IN_PLACE,	/**< guest_memfd that converts in place. */
	GMS_COST_BACKINGS	/**< Number of backings. */
};

/** @brief How the guest makes itself heard. */
enum gms_cost_ask {
	GMS_COST_ASK_VMM = 0,	/**< An exit to the VMM. */
	GMS_COST_ASK_KERNEL,	/**< An exit that KVM handles by itself. */
	GMS_COST_ASK_NOT,	/**< No exit: a ring that is polled. */
	GMS_COST_ASKS		/**< Number of ways. */
};

/** The data is in the CPU's cache when it is copied. Default: it is in none. */
#define GMS_COST_WARM		(UINT32_C(1) << 0)
/** The buffers of a batch lie side by side: one run, one call. Default: each alone. */
#define GMS_COST_ADJACENT	(UINT32_C(1) << 1)
/** The memory is a guest_memfd, which costs more to map again. Default: a memfd. */
#define GMS_COST_GUEST_MEMFD	(UINT32_C(1) << 2)
/**
 * The guest loses pages that turn private too, and faults on those that it uses again:
 * KVM's slot names the mapping that is revoked. Default: it has them all the time.
 */
#define GMS_COST_GUEST_FAULTS	(UINT32_C(1) << 3)

/** @brief What a guest's requests are like. Clear with GMS_INIT() first. */
struct gms_cost_pattern {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t bytes;		/**< Of a request, from the start of a page; not 0. */
	uint64_t granule_bytes;	/**< What can be converted: a power of two; 0: a host's page. */
	uint64_t reuse_ns;	/**< Until the same buffer is used again; 0: never. */
	uint64_t idle_ns;	/**< LAZY: a buffer idle for longer is taken back. */
	uint32_t direction;	/**< enum gms_cost_direction. */
	uint32_t backing;	/**< enum gms_cost_backing. */
	uint32_t ask;		/**< Each wish to convert: enum gms_cost_ask. */
	uint32_t doorbell;	/**< Each request, or batch of them: enum gms_cost_ask. */
	uint32_t outstanding;	/**< Most requests on their way at once; 0: a batch. */
	uint32_t batch;		/**< Most that can be converted at once; 0: 1. */
	uint32_t threads;	/**< Other threads of the VMM that run meanwhile: vCPUs. */
	uint32_t flags;		/**< GMS_COST_* bits; an unknown bit is an error. */
};

/**
 * @brief What one strategy costs. Clear with GMS_INIT() first.
 *
 * Nanoseconds are a request's share, rounded up. Counts are those of @p requests
 * requests together, and whole. What does not fit is UINT64_MAX.
 */
struct gms_cost_estimate {
	size_t	 size;		 /**< Bytes of this struct the caller knows. */
	uint64_t total_ns;	 /**< A request: the sum of the next six. */
	uint64_t exits_ns;	 /**< Of it: the guest's exits. */
	uint64_t syscalls_ns;	 /**< Entering the kernel and leaving it. */
	uint64_t page_table_ns;	 /**< What it does there but flush and copy. */
	uint64_t flushes_ns;	 /**< Flushes of translations, with the threads that run. */
	uint64_t refaults_ns;	 /**< Pages that are touched for the first time again. */
	uint64_t copies_ns;	 /**< Copies. */
	uint64_t requests;	 /**< The counts are of so many requests. */
	uint64_t exits;		 /**< Exits of the guest. */
	uint64_t syscalls;	 /**< System calls, without the device's own. */
	uint64_t flushes;	 /**< Flushes. */
	uint64_t refaulted_pages; /**< Host pages that fault: the VMM's, and the guest's. */
	uint64_t copied_bytes;	 /**< Bytes copied, without the device's own transfer. */
	uint64_t exposed_pages;	 /**< Host pages shared though no request needs them. */
	uint64_t exposed_ns;	 /**< How long after each use; UINT64_MAX: for ever. */
	/**
	 * The least length, in whole granules, at which this is cheaper than BOUNCE.
	 * UINT64_MAX: none up to 2^40 bytes. 0: not known, or this is BOUNCE.
	 */
	uint64_t break_even_bytes;
	const char *missing;	 /**< On -ENODATA: the model's number; else NULL. */
};

/**
 * @brief Pages that turned one way, counted; pages are the host's.
 *
 * Runs that turn in one conversion may share a system call, one run alone has its
 * own. So the two are counted apart.
 */
struct gms_cost_turns {
	uint64_t lone_runs;	/**< Conversions of one run of pages. */
	uint64_t lone_pages;	/**< Their pages. */
	uint64_t calls;		/**< Conversions of several runs. */
	uint64_t runs;		/**< Their runs. */
	uint64_t pages;		/**< Their pages. */
};

/**
 * @brief Copies, by their length; gms_cost_count_copy() adds one.
 *
 * [i] are those longer than size i - 1 of enum gms_cost_size, and not longer than
 * size i; the last are those longer than all.
 */
struct gms_cost_copies {
	uint64_t copies[GMS_COST_SIZE_COUNT + 1]; /**< How many. */
	uint64_t bytes[GMS_COST_SIZE_COUNT + 1];  /**< Bytes of them together. */
};

/** @brief Steps that were counted. Clear with GMS_INIT() first. */
struct gms_cost_counts {
	size_t	 size;			   /**< Bytes of this struct the caller knows. */
	uint64_t requests;		   /**< That the steps were for; 0 counts as 1. */
	uint64_t doorbells;		   /**< How often the guest rang. */
	uint64_t asks;			   /**< Its wishes to convert. */
	struct gms_cost_turns to_shared;   /**< Pages that turned shared. */
	struct gms_cost_turns to_private;  /**< Pages that turned private. */
	struct gms_cost_copies copied;	   /**< By memcpy(3). */
	struct gms_cost_copies read;	   /**< By pread(2) of the memory's file. */
	struct gms_cost_copies written;	   /**< By pwrite(2) to it. */
	/** Pages that turned private and that the guest used after that. */
	uint64_t used_pages;
};

/** @brief What gms_cost_advise() found. Clear with GMS_INIT() first. */
struct gms_cost_advice {
	size_t	 size;		 /**< Bytes of this struct the caller knows. */
	uint64_t total_ns;	 /**< A request with the strategy. */
	uint64_t runner_up_ns;	 /**< A request with the next; 0 if there is none. */
	uint64_t break_even_bytes; /**< As in struct gms_cost_estimate, of the strategy. */
	uint32_t strategy;	 /**< The cheapest: enum gms_cost_strategy. */
	uint32_t runner_up;	 /**< The next; GMS_COST_STRATEGIES: none. */
	uint32_t unknown;	 /**< Bit n: strategy n was allowed, and is not known. */
	uint32_t reserved;	 /**< 0. */
	const char *why;	 /**< In a line, without its end; a constant. */
	const char *missing;	 /**< What the first that is not known lacks; else NULL. */
};

/**
 * @brief An example: the numbers of one host, to try things with.
 *
 * A virtual machine of two CPUs under a KVM without hardware help, where exits and
 * flushes are dear. They are not your host's: measure that with gms_calibrate().
 *
 * @param model Filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p model is longer than this library knows and not zero there.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A copy.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_cost_example(struct gms_cost_model *model);

/**
 * @brief One number of a model after the other, by name.
 *
 * @param model A model.
 * @param index 0, 1, 2 .. in the order of the struct.
 * @param item  Where it goes; untouched on error.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p model is longer than this library knows and not zero there.
 * @retval -ENOENT There are no more.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_cost_item_at(const struct gms_cost_model *model, uint32_t index, struct gms_cost_item *item);

/**
 * @brief Write a model as text: a line "name value" each, what is not known left out.
 *
 * The first line is "gmemstate-cost 1", the last "end". A later version may add
 * names; it changes the 1 only if this version could not read the rest.
 *
 * @param model A model.
 * @param write Called once a line.
 * @param ctx   Handed to @p write.
 * @retval 0       Written.
 * @retval -EINVAL NULL; a size smaller than its own member; a number that
 *                 gms_cost_load() would refuse.
 * @retval -E2BIG  @p model is longer than this library knows and not zero there.
 * @retval other   What @p write returned.
 * @par On error
 * Part of the text may have been written; nothing with the first two.
 * @par Threads
 * Pure, but for @p write.
 * @par Cost
 * A call a line.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_cost_save(const struct gms_cost_model *model, gms_write_fn *write, void *ctx);

/**
 * @brief Read a model that gms_cost_save() wrote, or that somebody edited.
 *
 * Empty lines, and lines that begin with #, are passed over. A name that is not
 * there is not known; one that this version does not know is counted.
 *
 * @param model  Filled in. Cleared with GMS_INIT() before.
 * @param text   The whole text; need not be ended by NUL.
 * @param bytes  Its length, #GMS_COST_TEXT_BYTES at most.
 * @param result NULL, or what was seen. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL @p model or @p text; a size smaller than its own member.
 * @retval -E2BIG  A struct is longer than this library knows and not zero there.
 * @retval -EBADMSG The text is damaged: no such first line; a line that is not a
 *                 name and a number; a name twice; a cost above #GMS_COST_MOST_NS, a
 *                 page size that is none, a count above 2^20; no "end", or text
 *                 behind it; too long.
 * @retval -EOPNOTSUPP The first line names a version that this library does not read.
 * @par On error
 * @p model is untouched.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * Linear in @p bytes; no allocation.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_cost_load(struct gms_cost_model *model, const char *text, size_t bytes,
	      struct gms_cost_load_result *result);

/**
 * @brief A strategy's name: "bounce", "convert-batch".
 *
 * @param strategy enum gms_cost_strategy.
 * @return A constant; NULL if there is no such strategy.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API const char *gms_cost_strategy_name(uint32_t strategy);

/**
 * @brief What a request costs with a strategy: counted steps times unit costs.
 *
 * The device's own transfer is the same with each strategy, and is left out. A
 * number of the model that is 0 is not known; what needs it is not known either.
 *
 * Between the sizes that copies were measured at, and the numbers of threads of
 * flushes, the cost is on the line between the two that are known; beyond the
 * last two, on their line. Sizes in between that are not known are passed over.
 * Below the least size, it is on the line to nothing, or for pread(2) and
 * pwrite(2) to an empty system call. More is never cheaper: a number smaller than
 * one before it counts as that. Pages are on the line from one page to 2 MiB.
 *
 * @param model    Unit costs.
 * @param pattern  The requests.
 * @param strategy enum gms_cost_strategy.
 * @param estimate Filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL; a size smaller than its own member; a number in @p model that
 *                 gms_cost_load() would refuse; in @p pattern no bytes, an unknown
 *                 number or bit, or a granule that is no power of two, smaller than
 *                 a host's page, or above 2^30; no such strategy.
 * @retval -E2BIG  A struct is longer than this library knows and not zero there.
 * @retval -ENODATA The model lacks what this strategy needs.
 * @par On error
 * @p estimate is untouched; with -ENODATA it is zero but for the name of the first
 * number that is missing.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * Bounded: some hundred sums, most of them for the break-even length; no allocation.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_cost_estimate(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		  uint32_t strategy, struct gms_cost_estimate *estimate);

/**
 * @brief Count copies of one length.
 *
 * What does not fit stays UINT64_MAX.
 *
 * @param copies Where they are added; not NULL.
 * @param bytes  Of each.
 * @param n      How many.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A few comparisons.
 * @since 0.1
 */
GMS_API void gms_cost_count_copy(struct gms_cost_copies *copies, uint64_t bytes, uint64_t n);

/**
 * @brief What steps cost that were counted: by a program that ran, or from a trace.
 *
 * The parts are as in gms_cost_estimate(), which prices the counts of its pattern
 * with this; but nanoseconds are those of all requests together. They are linear in
 * the counts: counts that are added up cost what they cost apart, but for the
 * rounding of each kind. A backing that loses contents has them copied: whoever counts
 * adds such copies.
 *
 * @param model    Unit costs.
 * @param pattern  How it was done: @p direction, @p backing, @p ask, @p doorbell,
 *                 @p threads and @p flags; nothing else is looked at.
 * @param counts   The steps. A conversion of more than 1024 runs may count as one.
 * @param estimate Filled in but for what is exposed and the break-even length, which
 *                 are 0. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL; a size smaller than its own member; a number in @p model that
 *                 gms_cost_load() would refuse; an unknown number or bit in
 *                 @p pattern; in @p counts fewer pages than runs, or runs than calls,
 *                 pages without runs, bytes that so many copies of that class
 *                 cannot have, or more pages used than turned private.
 * @retval -E2BIG  A struct is longer than this library knows and not zero there.
 * @retval -ENODATA The model lacks what was counted.
 * @par On error
 * As gms_cost_estimate().
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * Bounded: some dozen sums; no allocation.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_cost_price(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
	       const struct gms_cost_counts *counts, struct gms_cost_estimate *estimate);

/**
 * @brief The cheapest of some strategies, by how much, and why.
 *
 * Of two that cost the same the one that exposes pages for a shorter time is
 * taken, then the first. Exposure is not weighed otherwise: leave out of
 * @p allowed what must not be.
 *
 * @param model   Unit costs.
 * @param pattern The requests.
 * @param allowed Bit n: strategy n; #GMS_COST_ANY for all.
 * @param advice  Filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in; some that were allowed may not be known.
 * @retval -EINVAL As gms_cost_estimate(); @p allowed is 0 or has an unknown bit.
 * @retval -E2BIG  A struct is longer than this library knows and not zero there.
 * @retval -ENODATA None that is allowed is known.
 * @par On error
 * @p advice is untouched; with -ENODATA it is as if nothing was found, with the name
 * of a number that is missing.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * An estimate for each strategy that is allowed.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_cost_advise(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		uint32_t allowed, struct gms_cost_advice *advice);

GMS_END_DECLS
#endif

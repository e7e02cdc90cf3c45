/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file cost.h
 * @brief What the steps of a conversion cost on a host: unit costs in nanoseconds.
 *
 * A model is measured by gms_calibrate() of the Linux library, or filled in by
 * hand; it is kept as text that people can read and edit. A member that is 0 is
 * not known.
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

	uint64_t refault_page_ns;	/**< A touch of a page of a memfd that is there, not mapped. */
	uint64_t populate_memfd_page_ns; /**< A touch of a page of a memfd that is not there. */
	uint64_t populate_gmem_page_ns;	/**< The same of a guest_memfd. */
	uint64_t userfault_missing_ns;	/**< A fault that another thread serves with UFFDIO_COPY. */
	uint64_t userfault_minor_ns;	/**< The same with UFFDIO_CONTINUE. */

	uint64_t copy_warm_ns[GMS_COST_SIZE_COUNT]; /**< memcpy(3), both ends in the cache. */
	uint64_t copy_cold_ns[GMS_COST_SIZE_COUNT]; /**< memcpy(3), neither end in a cache. */
	uint64_t pwrite_ns[GMS_COST_SIZE_COUNT];    /**< pwrite(2) to pages of a memfd. */
	uint64_t pread_ns[GMS_COST_SIZE_COUNT];	    /**< pread(2) from pages of a memfd. */
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

GMS_END_DECLS
#endif

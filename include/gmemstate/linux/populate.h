/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file linux/populate.h
 * @brief Give pages their first contents through their file, in the way that is fastest.
 *
 * There are two: write(2) to the file, which maps nothing, and memcpy into a mapping.
 * With pages of 4 KiB the write wins twofold, since it saves a page fault a page; with
 * huge pages, which fault once in 2 MiB, memcpy wins fourfold. guest_memfd, hugetlb and
 * memfd_secret have no write at all.
 */
#ifndef GMEMSTATE_LINUX_POPULATE_H
#define GMEMSTATE_LINUX_POPULATE_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief How contents get into a file. */
enum gms_populate_way {
	/** PWRITE for pages of 4 KiB where the file has it, else the memcpy that fits. */
	GMS_POPULATE_BEST = 0,
	GMS_POPULATE_PWRITE,	/**< pwrite(2), 2 MiB at a time. */
	GMS_POPULATE_MEMCPY,	/**< memcpy into a mapping of its own: a fault a host page. */
	GMS_POPULATE_ADVISE_MEMCPY /**< MADV_POPULATE_WRITE of that, then memcpy. */
};

/** @brief Options of gms_populate_write(). Clear with GMS_INIT() first. */
struct gms_populate_opts {
	size_t	 size;	/**< Bytes of this struct the caller knows. */
	uint32_t way;	/**< enum gms_populate_way. */
	/** For BEST: order of the host's pages; 0: the region's base order says it. */
	uint32_t order;
};

/** @brief What was done. Clear with GMS_INIT() first. */
struct gms_populate_result {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	gms_gfn	 next;		/**< First page that is not done; the end when all is. */
	gms_gfn	 error_gfn;	/**< On -EEXIST and -ENOENT: the page. */
	uint64_t calls;		/**< System calls. */
	uint32_t way;		/**< enum gms_populate_way that was taken last; never BEST. */
	uint32_t reserved;	/**< 0. */
};

/**
 * @brief Write the first contents of pages, and set POPULATED.
 *
 * The region's backing id must be its file's descriptor, as gms_backing_region() fills it
 * in. Pages may be private: the VMM's own mapping is not touched. MISSING is cleared, as
 * gms_resolve() does; where a userfaultfd is registered, gms_uffd_fill() is the call.
 *
 * @param space  The space.
 * @param range  Pages; may span regions, not holes.
 * @param src    The contents, a page after the other.
 * @param opts   NULL for defaults.
 * @param result NULL, or filled in, also on error.
 * @retval 0       Written; every page is POPULATED and not MISSING.
 * @retval -EINVAL NULL; empty or wrapping range; unknown way; an order above 18.
 * @retval -E2BIG  A nonzero member this library does not know.
 * @retval -ENOENT A page is a hole.
 * @retval -EEXIST A page is POPULATED: its contents are not written over.
 * @retval -EBADF  The backing id is no descriptor.
 * @retval -EOPNOTSUPP The file has no write (PWRITE), or cannot be mapped.
 * @retval -EFAULT @p src cannot be read (PWRITE).
 * @retval -ENOMEM Out of memory, of the kernel or for the conversion.
 * @retval other   What the kernel, a backend or a listener returned.
 * @par On error
 * -EINVAL, -E2BIG, -ENOENT, -EEXIST: nothing changed. Else the pages below
 * gms_populate_result::next are done.
 * @par Threads
 * W. Two calls on the same pages at once are the caller's to exclude: both would write.
 * @par Cost
 * A system call for 2 MiB (PWRITE), or three and a fault a host page (MEMCPY), for each
 * region; and a conversion.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_populate_write(struct gms_space *space, struct gms_range range, const void *src,
		   const struct gms_populate_opts *opts, struct gms_populate_result *result);

/**
 * @brief The name of a way: "pwrite", "memcpy".
 * @param way enum gms_populate_way.
 * @return A constant string, or NULL for an unknown one.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API const char *gms_populate_name(uint32_t way);

GMS_END_DECLS
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file linux/backing.h
 * @brief Guest memory from the kernel, with a backend that takes single pages away.
 *
 * A backing is a file (memfd or guest_memfd) and one mapping of it in the VMM.
 * Its backend revokes private pages from that mapping and restores shared
 * ones; contents stay. It does not stop another mapping, the file descriptor,
 * or an I/O that already holds the page: pins are for that.
 *
 * Pages are revoked with guard markers (MADV_GUARD_INSTALL), all runs of a
 * commit in one process_madvise(2) where the kernel takes vectors, else one
 * madvise(2) a run; where there are no markers, with mprotect(2), one a run, up
 * to the host's limit of mappings (-ENOMEM, and the commit is undone). What
 * works is found at the first conversion; every call that is made is charged
 * to it, also one that was refused.
 */
#ifndef GMEMSTATE_LINUX_BACKING_H
#define GMEMSTATE_LINUX_BACKING_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief Guest memory. */
struct gms_backing;

/** @brief Where the memory comes from. */
enum gms_backing_kind {
	GMS_BACKING_MEMFD = 0,	 /**< memfd_create(2). */
	GMS_BACKING_GUEST_MEMFD	 /**< KVM_CREATE_GUEST_MEMFD with MMAP and INIT_SHARED. */
};

/** @brief How the VMM loses its access to a private page. */
enum gms_revoke {
	GMS_REVOKE_BEST = 0,	/**< The first of these that works. */
	GMS_REVOKE_GUARD_VECTOR,/**< Guard markers, all runs in one process_madvise(2). */
	GMS_REVOKE_GUARD,	/**< Guard markers, one madvise(2) a run. */
	GMS_REVOKE_MPROTECT,	/**< mprotect(2), one a run. */
	GMS_REVOKE_NONE		/**< Not at all: the books only. */
};

/** @brief Options of gms_backing_new(). Clear with GMS_INIT() first. */
struct gms_backing_opts {
	size_t	 size;	/**< Bytes of this struct the caller knows. */
	uint64_t bytes;	/**< Length; a multiple of 4096 and of the host's page. */
	uint32_t kind;	/**< enum gms_backing_kind. */
	uint32_t revoke;/**< enum gms_revoke. */
	int32_t	 vm_fd;	/**< The VM, for guest_memfd; ignored else. */
	uint32_t flags;	/**< None yet: 0. */
};

/**
 * @brief Make guest memory and map it, readable and writable throughout.
 *
 * @param out  Where it goes; untouched on error.
 * @param opts What to make.
 * @retval 0       Made. The mapping is aligned to 2 MiB.
 * @retval -EINVAL NULL; bytes 0 or not a multiple of the page; unknown kind, revoke or flag.
 * @retval -E2BIG  A nonzero member this library does not know.
 * @retval -EBADF  guest_memfd without a VM.
 * @retval -EOPNOTSUPP This kernel lacks what is asked: guest_memfd that can be mapped.
 * @retval -ENOMEM Out of memory or address space.
 * @retval other   What the kernel said.
 * @par Threads
 * Any.
 * @par Cost
 * A handful of system calls; populates nothing.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_backing_new(struct gms_backing **out, const struct gms_backing_opts *opts);

/**
 * @brief Unmap and close.
 *
 * @param backing NULL is fine. No space may use it any more.
 * @par Threads
 * X.
 * @par Cost
 * A few system calls.
 * @since 0.1
 */
GMS_API void gms_backing_free(struct gms_backing *backing);

/**
 * @brief The file. Owned by the backing.
 * @param backing A backing.
 * @return A descriptor, or -EINVAL for NULL.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API int gms_backing_fd(const struct gms_backing *backing);

/**
 * @brief Where the VMM has it mapped.
 * @param backing A backing.
 * @return The first byte; NULL for NULL.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API void *gms_backing_hva(const struct gms_backing *backing);

/**
 * @brief Its length.
 * @param backing A backing.
 * @return Bytes; 0 for NULL.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API uint64_t gms_backing_bytes(const struct gms_backing *backing);

/**
 * @brief How it revokes, as found out so far.
 * @param backing A backing.
 * @return enum gms_revoke; BEST as long as nothing was revoked or restored.
 * @par Threads
 * Any; async-signal-safe.
 * @par Cost
 * A load.
 * @since 0.1
 */
GMS_API uint32_t gms_backing_revoke(const struct gms_backing *backing);

/**
 * @brief The name of a way to revoke: "guard markers, vectored".
 * @param revoke enum gms_revoke.
 * @return A constant string, or NULL for an unknown one.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API const char *gms_revoke_name(uint32_t revoke);

/**
 * @brief Describe the whole backing as a region, and make the mapping agree.
 *
 * Fills in everything gms_region_add() wants: backing id (the descriptor),
 * offset, address, backend. If @p state is private, the VMM's access to the
 * whole backing is revoked here and now, else it is restored.
 *
 * @param backing    A backing; must outlive the region.
 * @param first      First frame of the region.
 * @param base_order 0, 9 or 18.
 * @param state      State of every page at first.
 * @param opts       Filled in. Cleared with GMS_INIT() before. Its backend
 *                   pointer is valid as long as the backing.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p opts is longer than this library knows and not zero there.
 * @retval other   What the kernel said to revoking or restoring.
 * @par On error
 * @p opts is untouched, the mapping as before.
 * @par Threads
 * Any, but not beside conversions of the same backing.
 * @par Cost
 * One system call, not in any ledger.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_backing_region(struct gms_backing *backing, gms_gfn first, uint32_t base_order,
		   gms_state state, struct gms_region_opts *opts);

GMS_END_DECLS
#endif

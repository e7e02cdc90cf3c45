/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file linux/backing.h
 * @brief Guest memory from the kernel, with a backend that takes single pages away.
 *
 * A backing is a file of the kernel and, if the kernel maps it at all, one mapping of
 * it in the VMM. Its backend revokes private pages from that mapping and restores
 * shared ones, gives memory back and has it allocated. Revoking does not stop another
 * mapping, the file descriptor, or an I/O that already holds the page: pins are for
 * that.
 *
 * What a kind of memory can do on this host is tried when a backing is made, never
 * concluded from the kind: gms_backing_get() and gms_backing_can() tell. An operation
 * that the memory cannot do is refused with -EOPNOTSUPP, and the conversion with it.
 *
 * Pages are revoked with guard markers (MADV_GUARD_INSTALL), all runs of a
 * commit in one process_madvise(2) where the kernel takes vectors, else one
 * madvise(2) a run; where there are no markers, with mprotect(2), one a run, up
 * to the host's limit of mappings (-ENOMEM, and the commit is undone). What
 * works is found at the first conversion; every call that is made is charged
 * to it, also one that was refused.
 *
 * Memory of which the kernel gives and takes only huge pages (hugetlb) is revoked by
 * whole huge pages: when the last page of one turns private, and until the first
 * turns shared. In between its private pages are within the VMM's reach, and
 * gms_backing_exposed() counts them. A discard of less than a huge page leaves zeros
 * and frees nothing: gms_backing_info::undiscarded_bytes. All huge pages are reserved
 * when the backing is made; one that was discarded, or zeroed as a whole, is not any
 * more: if the pool has none by then, a touch is a SIGBUS, where populating fails.
 *
 * GMS_CONTENT_ZERO punches a hole: what had memory has it again at the next touch. If
 * the conversion fails after that, contents are gone. Any other content is kept.
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
	GMS_BACKING_MEMFD_THP,	 /**< The same, huge pages advised: they may come, or not. */
	GMS_BACKING_HUGETLB_2M,	 /**< memfd_create(2) with MFD_HUGETLB, of 2 MiB pages. */
	GMS_BACKING_HUGETLB_1G,	 /**< The same, of 1 GiB pages. */
	GMS_BACKING_MEMFD_SECRET,/**< memfd_secret(2): out of the kernel's direct map. */
	GMS_BACKING_GUEST_MEMFD, /**< KVM_CREATE_GUEST_MEMFD with MMAP and INIT_SHARED. */
	GMS_BACKING_GUEST_MEMFD_PRIVATE, /**< With MMAP: mapped, but a touch is a SIGBUS. */
	GMS_BACKING_GUEST_MEMFD_OPAQUE,	 /**< Without flags: cannot be mapped. */
	GMS_BACKING_KINDS	 /**< Number of kinds of this version. */
};

/** @brief How the VMM loses its access to a private page. */
enum gms_revoke {
	GMS_REVOKE_BEST = 0,	/**< The first of these that works. */
	GMS_REVOKE_GUARD_VECTOR,/**< Guard markers, all runs in one process_madvise(2). */
	GMS_REVOKE_GUARD,	/**< Guard markers, one madvise(2) a run. */
	GMS_REVOKE_MPROTECT,	/**< mprotect(2), one a run. */
	GMS_REVOKE_NONE		/**< Not at all: the books only. */
};

/** @brief What memory may be able to do. Grows at the end only. */
enum gms_backing_ability {
	GMS_BACKING_CAN_MAP = 0, /**< Be mapped in the VMM. */
	GMS_BACKING_CAN_TOUCH,	 /**< Be loaded from and stored to there. */
	GMS_BACKING_CAN_REVOKE,	 /**< Be taken from the VMM, revoke_bytes at a time. */
	GMS_BACKING_CAN_DISCARD, /**< Be given back to the host, discard_bytes at a time. */
	GMS_BACKING_CAN_POPULATE,/**< Be allocated ahead of the first touch. */
	GMS_BACKING_CAN_GUP,	 /**< Be pinned: direct I/O, fixed buffers, vhost. */
	GMS_BACKING_CAN_PREAD,	 /**< Be read through the descriptor. */
	GMS_BACKING_CAN_PWRITE,	 /**< Be written through the descriptor. */
	GMS_BACKING_HAS_HUGE,	 /**< Huge pages were got. */
	GMS_BACKING_ABILITIES	 /**< Number of abilities of this version. */
};

/** Not known: the kernel does not tell. */
#define GMS_BACKING_UNKNOWN	UINT64_MAX

/** @brief What memory can do here. Clear with GMS_INIT() first. */
struct gms_backing_info {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t bytes;		/**< Length. */
	uint64_t page_bytes;	/**< Of the pages that were got: the host's, 2 MiB or 1 GiB. */
	uint64_t revoke_bytes;	/**< Least that can be revoked; 0: nothing. */
	uint64_t discard_bytes;	/**< Least whose discard frees memory; 0: none does. */
	uint64_t allocated_bytes; /**< Memory it has now, or #GMS_BACKING_UNKNOWN. */
	/** Discarded since it was made, and zeroed only: summed, also what was used again. */
	uint64_t undiscarded_bytes;
	uint64_t abilities;	/**< Bit n: enum gms_backing_ability n was seen to work. */
	uint32_t kind;		/**< enum gms_backing_kind. */
	int32_t	 error[GMS_BACKING_ABILITIES]; /**< 0, or what the kernel said: a negative errno. */
};

/** @brief Options of gms_backing_new(). Clear with GMS_INIT() first. */
struct gms_backing_opts {
	size_t	 size;	/**< Bytes of this struct the caller knows. */
	uint64_t bytes;	/**< Length; a multiple of the host's page, or of the huge page. */
	uint32_t kind;	/**< enum gms_backing_kind. */
	uint32_t revoke;/**< enum gms_revoke. */
	int32_t	 vm_fd;	/**< The VM, for guest_memfd; ignored else. */
	uint32_t flags;	/**< None yet: 0. */
};

/**
 * @brief Make guest memory, map it where that can be, and try what it can do.
 *
 * The trial uses the first page and gives it back, except where pages cannot be
 * given back (memfd_secret).
 *
 * @param out  Where it goes; untouched on error.
 * @param opts What to make.
 * @retval 0       Made. The mapping is aligned to 2 MiB, and to 1 GiB for pages of that
 *                 size; readable and writable throughout.
 * @retval -EINVAL NULL; bytes 0 or not a multiple of the page; unknown kind, revoke or flag.
 * @retval -E2BIG  A nonzero member this library does not know.
 * @retval -EBADF  guest_memfd without a VM.
 * @retval -EOPNOTSUPP This kernel lacks what is asked: this kind of guest_memfd,
 *                 memfd_secret, huge pages of this size.
 * @retval -ENOMEM Out of memory, address space or huge pages.
 * @retval other   What the kernel said.
 * @par Threads
 * Any.
 * @par Cost
 * Some forty system calls; zeroes a page, which takes a while if it is of 1 GiB.
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
 * @return The first byte; NULL for NULL, and if it cannot be mapped.
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
 * @brief Say what the memory can do, how large its pages are, and how much it has.
 *
 * @param backing A backing.
 * @param info    Filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p info is longer than this library knows and not zero there.
 * @par Threads
 * Any.
 * @par Cost
 * One system call.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_backing_get(const struct gms_backing *backing, struct gms_backing_info *info);

/**
 * @brief Can the memory do this, and if not, why?
 *
 * @param backing A backing.
 * @param ability enum gms_backing_ability.
 * @param why     NULL, or where a sentence for people goes: a constant string;
 *                untouched unless -EOPNOTSUPP.
 * @retval 0       It was seen to work.
 * @retval -EOPNOTSUPP It does not work.
 * @retval -EINVAL NULL @p backing; unknown ability.
 * @par Threads
 * Any; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_backing_can(const struct gms_backing *backing, uint32_t ability, const char **why);

/**
 * @brief Count pages that are private or frozen, and within the VMM's reach all the same.
 *
 * They share a huge page with shared ones, or the backing was told not to revoke.
 * Asked for a single page: is what the books say of it enforced?
 *
 * @param backing      A backing.
 * @param offset_bytes Where in the file; a multiple of 4096.
 * @param npages       How many pages of 4096 bytes from there.
 * @param exposed      Where the number goes.
 * @retval 0       Counted.
 * @retval -EINVAL NULL; empty, or not within the backing.
 * @par Threads
 * Any; beside a conversion of the same pages the number is of before or after.
 * Not async-signal-safe.
 * @par Cost
 * None where every page is revoked alone; else linear in huge pages.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_backing_exposed(const struct gms_backing *backing, uint64_t offset_bytes, uint64_t npages,
		    uint64_t *exposed);

/**
 * @brief The name of a kind of memory: "memfd, huge pages".
 * @param kind enum gms_backing_kind.
 * @return A constant string, or NULL for an unknown one.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API const char *gms_backing_kind_name(uint32_t kind);

/**
 * @brief The name of an ability: "discard".
 * @param ability enum gms_backing_ability.
 * @return A constant string, or NULL for an unknown one.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API const char *gms_backing_ability_name(uint32_t ability);

/**
 * @brief Describe the whole backing as a region, and make the mapping agree.
 *
 * Fills in everything gms_region_add() wants: backing id (the descriptor),
 * offset, address, backend. If @p state is private or frozen, the VMM's access to the
 * whole backing is revoked here and now, else it is restored. Memory that the kernel
 * refuses to pin is described without DIRECT_MAP, so that gms_gup_query() says so; if it
 * may be shared all the same, with #GMS_REGION_NO_DIRECT_MAP: its space needs a profile
 * that does not set it (SECRETMEM, or GENERIC).
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
 * @retval -EOPNOTSUPP Shared, and the kernel keeps the host out of this memory; or
 *                 private, and there is no way to revoke it.
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

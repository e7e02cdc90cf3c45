/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file space.h
 * @brief A guest's memory: the space, its policies, and its regions.
 */
#ifndef GMEMSTATE_SPACE_H
#define GMEMSTATE_SPACE_H

#include <gmemstate/backend.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief One guest's memory. */
struct gms_space;

/**
 * @brief Where the library takes its memory from. Clear with GMS_INIT() first.
 *
 * Copied by gms_space_new(). Called from any thread that calls a W or X
 * function, several at once; must not call back into the space.
 */
struct gms_mem_ops {
	size_t	size;	/**< Bytes of this struct the caller knows. */
	void   *ctx;	/**< Handed to both. */
	/**
	 * @p bytes bytes at a multiple of @p align (a power of two, at most 4096),
	 * below address 2^48; NULL when there are none.
	 */
	void *(*alloc)(void *ctx, size_t bytes, size_t align);
	/** Give back what alloc gave, with the same numbers. Never NULL. */
	void  (*free)(void *ctx, void *mem, size_t bytes, size_t align);
};

/** @brief Which system's rules a space follows; see gmemstate(7). */
enum gms_profile {
	GMS_PROFILE_GENERIC = 0,   /**< Every attribute, direct map as told. */
	GMS_PROFILE_KVM_ATTRS,	   /**< KVM_SET_MEMORY_ATTRIBUTES with two backings. */
	GMS_PROFILE_GMEM_INPLACE,  /**< guest_memfd converted in place. */
	GMS_PROFILE_GMEM_HUGETLB,  /**< guest_memfd on huge pages. */
	GMS_PROFILE_NO_DIRECT_MAP, /**< Only shared pages are in the direct map. */
	GMS_PROFILE_SECRETMEM,	   /**< No page is ever in the direct map. */
	GMS_PROFILE_SNP,	   /**< AMD SEV-SNP: pages are accepted. */
	GMS_PROFILE_TDX,	   /**< Intel TDX: pages are accepted. */
	GMS_PROFILE_PKVM,	   /**< Protected KVM on arm64. */
	GMS_PROFILE_CCA,	   /**< Arm CCA: accepted, destroyed. */
	GMS_PROFILE_COUNT	   /**< Number of profiles of this version. */
};

/** @brief When a folio that a conversion leaves mixed is cut. */
enum gms_split_policy {
	GMS_SPLIT_LEVELS = 0,	/**< 1G to 2M to 4K, only along the path needed. */
	GMS_SPLIT_HALVES,	/**< In half, along the path needed: folios of every order. */
	GMS_SPLIT_ALL_4K,	/**< To 4K at once, when any page of it turns shared. */
	GMS_SPLIT_NONE		/**< Never: track only. */
};

/** @brief When folios that are uniform again grow back together. */
enum gms_merge_policy {
	GMS_MERGE_EAGER = 0,	/**< In the commit, or the unpin, that makes it possible. */
	GMS_MERGE_DEFERRED,	/**< By gms_merge_scan(), what has stayed uniform for a while. */
	GMS_MERGE_EXPLICIT	/**< By gms_folio_merge() and gms_merge_scan() only. */
};

/** @brief When a page that loans turned shared turns private again; see lend.h. */
enum gms_lend_policy {
	GMS_LEND_EAGER = 0,	/**< With its last loan. */
	GMS_LEND_LAZY,		/**< Idle pages wait, and go in batches: too many, or too old. */
	GMS_LEND_PERSISTENT	/**< By gms_reclaim() only. */
};

/** @brief How loud a message to the log callback is. */
enum gms_log_level {
	GMS_LOG_ERROR = 0,	/**< Something the embedder must look at. */
	GMS_LOG_WARN,		/**< Worth a look. */
	GMS_LOG_INFO		/**< Good to know. */
};

/**
 * Make the books of accesses (access.h) with the space: 5 KiB. Without it they are made
 * by the first call that needs them, which waits once for conversions that run.
 */
#define GMS_SPACE_ACCESS	(UINT32_C(1) << 0)
/**
 * Keep which blocks of 2 MiB changed, and when, for gms_diff() (snapshot.h): 2 KiB a GiB
 * of a region, whose GiB are rounded up to a power of two, and an addition to a counter
 * of the space in each change.
 */
#define GMS_SPACE_TRACK_CHANGES	(UINT32_C(1) << 1)

/** @brief Options of gms_space_new(). Clear with GMS_INIT() first. */
struct gms_space_opts {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint32_t profile;	/**< enum gms_profile. */
	uint32_t split;		/**< enum gms_split_policy. */
	uint32_t merge;		/**< enum gms_merge_policy. */
	uint32_t flags;		/**< GMS_SPACE_* bits. */
	const struct gms_mem_ops *mem;	/**< NULL: the C library's. */
	/** Time in ns for the ledger, never going back; NULL: it keeps no time. */
	uint64_t (*now_ns)(void *ctx);
	/** One line without an end of line; NULL: silence. No lock is promised. */
	void	 (*log)(void *ctx, uint32_t level, const char *text);
	void	*ctx;		/**< Handed to now_ns and log. */
	/**
	 * Under #GMS_MERGE_DEFERRED, else 0: how many commits of the space
	 * (#GMS_ACCT_COMMITS), in whatever part of it, must have come after the last
	 * one that turned a page of a block. At most 2^31.
	 */
	uint64_t merge_after_commits;
	uint32_t lend_policy;	/**< enum gms_lend_policy. */
	uint32_t reserved;	/**< 0. */
	/** LAZY: most idle pages after a gms_return(), but see lend.h of those that are held. */
	uint64_t lend_idle_pages;
	uint64_t lend_idle_ns;	/**< LAZY: oldest age of an idle page, if there is a clock; 0: any. */
	/**
	 * How long a conversion waits for accesses that are in its way (access.h), unless
	 * it says so itself; 0: a second. Without accesses nothing waits.
	 */
	uint64_t access_wait_ns;
};

/**
 * The kernel never has this memory in its direct map, and so refuses to pin it
 * (memfd_secret): no profile may say otherwise, and no change (-EPERM).
 */
#define GMS_REGION_NO_DIRECT_MAP	(UINT32_C(1) << 0)

/** @brief Options of gms_region_add(). Clear with GMS_INIT() first. */
struct gms_region_opts {
	size_t	  size;			/**< Bytes of this struct the caller knows. */
	gms_gfn	  first;		/**< First frame; a multiple of 2^base_order. */
	uint64_t  npages;		/**< Pages; a multiple of 2^base_order. */
	uint64_t  backing_id;		/**< The embedder's name for the file, say its fd. */
	uint64_t  backing_offset_bytes;	/**< Where in the file; a multiple of the folio. */
	void	 *hva;			/**< Where the VMM has it mapped; page-aligned, or NULL. */
	const struct gms_backend *backend;	/**< Host side; NULL: none, model only. */
	uint32_t  base_order;		/**< 0, 9 or 18: the folios it begins with. */
	gms_state state;		/**< State of every page at first. */
	/**
	 * 0, 9 or 18: what faults (access.h) ask for is an aligned block of 2^fault_order
	 * pages, such as a huge page that comes in whole. first and npages are
	 * multiples of it.
	 */
	uint32_t  fault_order;
	uint32_t  flags;		/**< GMS_REGION_* bits. */
};

/** @brief What gms_region_get() tells. Clear with GMS_INIT() first. */
struct gms_region {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	gms_gfn	 first;			/**< First frame of the region. */
	uint64_t npages;		/**< Its pages. */
	uint64_t backing_id;		/**< Its backing id. */
	uint64_t backing_offset_bytes;	/**< Where its first page is in the backing. */
	void	*hva;			/**< Where its first page is in the VMM, or NULL. */
	uint64_t page_offset_bytes;	/**< Where the page asked for is in the backing. */
	void	*page_hva;		/**< Where the page asked for is in the VMM, or NULL. */
	uint32_t id;			/**< Its id. */
	uint32_t base_order;		/**< Its base order. */
	uint32_t fault_order;		/**< Its fault order. */
	uint32_t flags;			/**< GMS_REGION_* bits. */
};

/**
 * @brief Make an empty space.
 *
 * @param out  Where the new space goes; untouched on error.
 * @param opts NULL for defaults. Read during the call; what mem points to is copied.
 * @retval 0       *out is a space without regions.
 * @retval -EINVAL @p out is NULL; unknown profile, policy or flag; a mem without
 *                 alloc or free; merge_after_commits out of its bounds; a size
 *                 smaller than its own member.
 * @retval -E2BIG  @p opts or its mem has a nonzero member this library does not know.
 * @retval -ENOMEM Out of memory.
 * @par Threads
 * X, but touches no other space.
 * @par Cost
 * One allocation of a few KiB.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_space_new(struct gms_space **out, const struct gms_space_opts *opts);

/**
 * @brief Free a space, its regions, pins and metadata.
 *
 * Calls no backend: the host's view of the memory stays as it is.
 *
 * @param space NULL is fine.
 * @par Threads
 * X: no other call on this space may run or follow.
 * @par Cost
 * Time linear in the metadata.
 * @since 0.1
 */
GMS_API void gms_space_free(struct gms_space *space);

/**
 * @brief Set metadata aside, so that conversions need not allocate.
 *
 * After this, conversions take no memory from the allocator, and with
 * #GMS_CONVERT_NO_ALLOC do not ask for it, as long as at most @p nleaves more
 * 2 MiB blocks hold more than one state than do now, and as many GiB do, or
 * did since they were last converted whole; as one conversion runs at a time;
 * and as it has at most 100 changes, meets at most 400 runs of pages in one
 * state, gives backends at most 290 runs for an operation, and cuts at most 1000
 * folios (each half counts under #GMS_SPLIT_HALVES). Regions added later are not
 * provided for, nor are freeze counts (gms_freeze()). A block that is uniform but whose
 * folio is still cut counts as one that is not.
 *
 * @param space   The space.
 * @param nleaves Most 2 MiB blocks that will be mixed at once, beyond those
 *                that are now. 0 succeeds.
 * @retval 0       Set aside.
 * @retval -EINVAL @p space is NULL.
 * @retval -ENOMEM Out of memory; what could be had stays set aside.
 * @par Threads
 * W.
 * @par Cost
 * Allocates what it sets aside.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_space_reserve(struct gms_space *space, uint64_t nleaves);

/**
 * @brief Add a region: from now on each of its pages has a state.
 *
 * The region is tiled with folios of its base order. The profile may set or
 * clear DIRECT_MAP in the initial state. Listeners map what matches. No backend
 * is called: the host's view must agree with the initial state already (gms_backing_region() of the Linux
 * library sees to it).
 *
 * @param space The space.
 * @param opts  The region. Read during the call; the backend is copied.
 * @param id    NULL, or where the region's id goes: never 0, never used again.
 * @retval 0       Added.
 * @retval -EINVAL NULL; empty or wrapping range, or past #GMS_GFN_LIMIT; base order
 *                 or fault order not 0, 9 or 18; first, npages or offset not a multiple
 *                 of the folio, or first or npages not of the fault block; offset plus
 *                 length wraps; hva not page-aligned or wrapping; unknown state bit or
 *                 flag; a state that breaks an invariant (private and HOST_MAPPED,
 *                 shared and ACCEPTED), or has DIRECT_MAP with
 *                 #GMS_REGION_NO_DIRECT_MAP.
 * @retval -EOPNOTSUPP The profile does not know an attribute of the state; or it sets
 *                 DIRECT_MAP by itself, and #GMS_REGION_NO_DIRECT_MAP rules that out.
 * @retval -E2BIG  A nonzero member this library does not know.
 * @retval -EEXIST It overlaps a region, in gfn or in hva.
 * @retval -ENOSPC More than 64 different backends at once; or a listener would have more
 *                 spans than its budget.
 * @retval -ENOMEM Out of memory.
 * @retval other   What a listener returned.
 * @par On error
 * Nothing changed; *id is untouched.
 * @par Threads
 * W, serialised with every other W call.
 * @par Cost
 * 8 bytes a GiB, with #GMS_SPACE_TRACK_CHANGES and with #GMS_MERGE_DEFERRED 2 KiB
 * more, and a copy of the table of regions.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_region_add(struct gms_space *space, const struct gms_region_opts *opts, uint32_t *id);

/**
 * @brief Remove a region; its pages become a hole.
 *
 * Listeners unmap what they had of it. Calls no backend.
 *
 * @param space The space.
 * @param id    What gms_region_add() gave.
 * @retval 0       Gone.
 * @retval -EINVAL @p space is NULL.
 * @retval -ENOENT No such region.
 * @retval -EAGAIN A page of it is pinned or lent, or an access runs on it.
 * @retval -ENOMEM Out of memory for what listeners are to be told, or for freeze counts
 *                 that reach beyond the region (gms_freeze()).
 * @retval other   What a listener returned.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W, serialised with every other W call. Readers see it whole or not at all.
 * @par Cost
 * Linear in the region's metadata, and in spans; allocates only for listeners and
 * freeze counts.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_region_remove(struct gms_space *space, uint32_t id);

/**
 * @brief Translate a frame: which region, where in its file, where in the VMM.
 *
 * @param space  The space.
 * @param gfn    Any frame.
 * @param region Where the answer goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p region is longer than this library knows and not zero there.
 * @retval -ENOENT A hole.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * O(log regions).
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_region_get(const struct gms_space *space, gms_gfn gfn, struct gms_region *region);

/**
 * @brief The first region that holds a frame at or after @p gfn.
 *
 * To visit all: start at 0, go on at first + npages. The page fields speak of
 * the later of @p gfn and the region's first frame.
 *
 * @param space  The space.
 * @param gfn    Any frame.
 * @param region Where the answer goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p region is longer than this library knows and not zero there.
 * @retval -ENOENT No region there or later.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * O(log regions).
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_region_next(const struct gms_space *space, gms_gfn gfn, struct gms_region *region);

/**
 * @brief Translate back: the frame behind an address of the VMM.
 *
 * What a SIGSEGV handler asks with si_addr.
 *
 * @param space The space.
 * @param hva   Any address; it is not touched.
 * @param gfn   Where the frame goes.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL @p space or @p gfn.
 * @retval -ENOENT The address is in no region.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * O(regions).
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_gfn_of(const struct gms_space *space, const void *hva, gms_gfn *gfn);

/**
 * @brief Translate back: the frame behind an offset of a backing.
 *
 * @param space        The space.
 * @param backing_id   A region's backing id.
 * @param offset_bytes Offset in the backing.
 * @param gfn          Where the frame goes: the lowest, if the file is used twice.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL @p space or @p gfn.
 * @retval -ENOENT No region has that part of that backing.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * O(regions).
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_gfn_of_offset(const struct gms_space *space, uint64_t backing_id,
		  uint64_t offset_bytes, gms_gfn *gfn);

GMS_END_DECLS
#endif

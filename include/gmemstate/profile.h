/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file profile.h
 * @brief The systems that a space can follow, as data: rules, contracts, costs.
 *
 * What enum gms_profile stands for, for who wants to know before he converts:
 * which attributes there are, what happens to contents, what a refused
 * conversion leaves behind, and what a conversion costs in each unit of the
 * ledger. The library follows the same tables.
 */
#ifndef GMEMSTATE_PROFILE_H
#define GMEMSTATE_PROFILE_H

#include <gmemstate/account.h>
#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief Which pages are in the host kernel's direct map. */
enum gms_direct_map_rule {
	GMS_DIRECT_MAP_AS_TOLD = 0, /**< An attribute like any other. */
	GMS_DIRECT_MAP_ALWAYS,	    /**< All. */
	GMS_DIRECT_MAP_SHARED,	    /**< Those that are shared. */
	GMS_DIRECT_MAP_NEVER	    /**< None. */
};

/** @brief What is in a page after it turned. */
enum gms_content_fate {
	GMS_FATE_ANY = 0,	/**< Nothing is promised. */
	GMS_FATE_KEPT,		/**< What was in it. */
	GMS_FATE_LOST,		/**< Neither that nor zeros. */
	GMS_FATE_ZEROED		/**< Zeros. */
};

/** @brief What the host does to a folio that turns in part. */
enum gms_split_rule {
	GMS_SPLITS_AS_TOLD = 0,	/**< What the space's policy says. */
	GMS_SPLITS_NEVER,	/**< There are pages of 4K only. */
	GMS_SPLITS_MAPPING,	/**< The folio stays; it is mapped smaller, and larger again. */
	GMS_SPLITS_ONE_WAY,	/**< The same, and never larger again. */
	GMS_SPLITS_ALL_4K	/**< Any shared page in it: the whole folio, to 4K. */
};

/** @brief What one request of the system names. */
enum gms_request_unit {
	GMS_REQUEST_NONE = 0,	/**< There is no such request. */
	GMS_REQUEST_GFNS,	/**< A range of guest frames. */
	GMS_REQUEST_OFFSETS,	/**< A range of offsets in a file. */
	GMS_REQUEST_ENTRIES,	/**< Entries of 4K or 2M in a buffer. */
	GMS_REQUEST_GRANULE	/**< One page. */
};

/** @brief What of a request is done when it fails. */
enum gms_atomicity {
	GMS_ATOMIC_ALL = 0,	/**< Nothing. */
	GMS_ATOMIC_BUT_UNMAPS,	/**< Nothing, but the host's mappings of all of it are gone. */
	GMS_ATOMIC_ENTRY,	/**< Entries, and pages of the one in hand, before the failure. */
	GMS_ATOMIC_CHUNK,	/**< Chunks of 2M before it. */
	GMS_ATOMIC_PREFIX,	/**< The pages before it. */
	GMS_ATOMIC_GRANULE	/**< Each page is a request of its own. */
};

/** @brief How the system says how far a request came. */
enum gms_progress_output {
	GMS_PROGRESS_NONE = 0,	/**< It does not. */
	GMS_PROGRESS_ERROR_OFFSET, /**< The offset of the first page, or folio, in the way. */
	GMS_PROGRESS_CUR_ENTRY,	/**< The entry and the page in hand, in the buffer. */
	GMS_PROGRESS_NEXT_GPA,	/**< The address to go on from. */
	GMS_PROGRESS_TOP	/**< The end of what is done. */
};

/** @brief A way to get data in or out, or a page to turn: a row of costs. */
enum gms_path {
	GMS_PATH_NONE = 0,	/**< Nothing is charged. */
	GMS_PATH_BOUNCE,	/**< A pool that is shared once, and copies. */
	GMS_PATH_KVM_ATTRS,	/**< KVM_SET_MEMORY_ATTRIBUTES after a hypercall; two backings. */
	GMS_PATH_IMPLICIT,	/**< The same after KVM_EXIT_MEMORY_FAULT. */
	GMS_PATH_GMEM,		/**< guest_memfd converted in place. */
	GMS_PATH_IOMMU,		/**< What a mapping in an IOMMU adds. */
	GMS_PATH_DIRECT_MAP,	/**< What leaving the direct map, or coming back, adds. */
	GMS_PATH_DISCARD,	/**< A hole is punched. */
	GMS_PATH_SNP,		/**< SEV-SNP: page state change. */
	GMS_PATH_TDX,		/**< TDX: MapGPA, accept. */
	GMS_PATH_PKVM,		/**< pKVM: share, unshare. */
	GMS_PATH_CCA,		/**< CCA: RIPAS and guest_memfd. */
	GMS_PATH_USERFAULT,	/**< KVM userfault: a page is brought in. */
	GMS_PATH_COUNT		/**< Number of paths of this version. */
};

/** Pages turn shared. */
#define GMS_COST_TO_SHARED	(UINT32_C(1) << 0)
/** Pages turn private. */
#define GMS_COST_TO_PRIVATE	(UINT32_C(1) << 1)
/** Pages were to turn private, and the host refused for one that is held. */
#define GMS_COST_REFUSED	(UINT32_C(1) << 2)
/** Pages get memory. */
#define GMS_COST_POPULATE	(UINT32_C(1) << 3)
/** Pages lose their memory. */
#define GMS_COST_DISCARD	(UINT32_C(1) << 4)
/** Pages leave the direct map. */
#define GMS_COST_UNDIRECT	(UINT32_C(1) << 5)
/** Pages come back to the direct map. */
#define GMS_COST_DIRECT		(UINT32_C(1) << 6)

/** @brief What a cost is multiplied with. */
enum gms_cost_per {
	GMS_PER_CALL = 0,	/**< Once, however many runs there are. */
	GMS_PER_RUN,		/**< Runs. */
	GMS_PER_PAGE,		/**< Pages. */
	GMS_PER_PIECE,		/**< Blocks of 2M that a run covers whole, and pages beside them. */
	GMS_PER_CHUNK,		/**< 2M of a run from its start, the last one rounded up. */
	GMS_PER_BUFFER,		/**< 64 pieces, rounded up: what a Linux guest asks at a time. */
	GMS_PER_BUFFER_MAX,	/**< 253 pieces, rounded up: the most the protocol allows. */
	GMS_PER_STRETCH,	/**< Adjacent pieces of one size in one such buffer of 64. */
	GMS_PER_NEW_2M,		/**< Blocks of 2M that this happens to for the first time. */
	GMS_PER_NEW_1G,		/**< Blocks of 1G that this happens to for the first time. */
	GMS_PER_COUNT		/**< Number of these. */
};

/** @brief count times what it is per, of a kind, at some events. */
struct gms_cost_term {
	uint32_t kind;		/**< enum gms_acct_kind. */
	uint32_t per;		/**< enum gms_cost_per. */
	uint32_t events;	/**< GMS_COST_* bits. */
	uint32_t count;		/**< How many each. */
};

/** @brief A row of costs. Clear with GMS_INIT() first. */
struct gms_path_info {
	size_t	    size;	/**< Bytes of this struct the caller knows. */
	const char *name;	/**< As reports print it: "gmem". */
	const struct gms_cost_term *terms;	/**< Constant. */
	size_t	    nterms;	/**< How many. */
};

/** The guest must accept a page before it may use it. */
#define GMS_PROFILE_ACCEPTS	(UINT32_C(1) << 0)
/** A guest may be refused a page for good until it asks for it back. */
#define GMS_PROFILE_DESTROYS	(UINT32_C(1) << 1)

/** @brief A profile. Clear with GMS_INIT() first. */
struct gms_profile_info {
	size_t	    size;	/**< Bytes of this struct the caller knows. */
	const char *name;	/**< As reports print it: "gmem-inplace". */
	gms_state   attributes;	/**< Those that exist. */
	gms_state   settable;	/**< Those that a change may name. */
	uint32_t    direct_map;	/**< enum gms_direct_map_rule. */
	uint32_t    to_shared;	/**< enum gms_content_fate of a page that turns shared. */
	uint32_t    to_private;	/**< The same of one that turns private. */
	uint32_t    flags;	/**< GMS_PROFILE_* bits. */
	int32_t	    held_error;	/**< What the host says of a page that is held; 0: it does not look. */
	uint32_t    split;	/**< enum gms_split_rule. */
	uint32_t    unit;	/**< enum gms_request_unit. */
	uint32_t    unit_most;	/**< Most units in a request; 0: no limit. */
	uint32_t    atomicity;	/**< enum gms_atomicity. */
	uint32_t    progress;	/**< enum gms_progress_output. */
	uint32_t    convert_path;	/**< enum gms_path of a conversion. */
	uint32_t    populate_path;	/**< enum gms_path of getting memory, and of the direct map. */
};

/**
 * @brief A change that is refused. It is meant if all members agree with it.
 *
 * The states are those before the change and those after it, with all that the
 * change brings along.
 */
struct gms_refusal {
	gms_state lost;		/**< One of these goes; 0: whatever goes. */
	gms_state gained;	/**< One of these comes; 0: whatever comes. */
	gms_state was;		/**< All of these were there. */
	gms_state is;		/**< All of these are there afterwards. */
	gms_state is_not;	/**< None of these is. */
	uint32_t  if_pinned;	/**< 1: only if the page is pinned. */
	int32_t	  error;	/**< What the change says. */
	uint32_t  reason;	/**< enum gms_reason. */
};

/**
 * @brief What a profile stands for.
 *
 * @param profile enum gms_profile.
 * @param info    Where it goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL; unknown profile; a size smaller than its own member.
 * @retval -E2BIG  @p info is longer than this library knows and not zero there.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_profile_info(uint32_t profile, struct gms_profile_info *info);

/**
 * @brief One of the refusals that hold under every profile.
 *
 * A change is allowed that none of them means; of several the first counts.
 *
 * @param index   0, 1, 2 ..
 * @param refusal Where it goes; untouched on error.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL.
 * @retval -ENOENT There are no more.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_refusal_at(uint32_t index, struct gms_refusal *refusal);

/**
 * @brief May a page go from one state to another?
 *
 * @param profile enum gms_profile.
 * @param from    The state before.
 * @param to      The state after, with all that the change brings along.
 * @param pinned  Is the page pinned?
 * @param reason  NULL, or where the enum gms_reason goes.
 * @retval 0       It may. Also if nothing changes.
 * @retval -EINVAL Unknown profile, or a bit that is no attribute.
 * @retval -EOPNOTSUPP The profile has no such state: an attribute that it does not
 *                 know, or DIRECT_MAP against its rule.
 * @retval -EAGAIN It is pinned.
 * @retval -EBUSY  It is frozen.
 * @retval -EPERM  It would be private and HOST_MAPPED, or shared and ACCEPTED.
 * @retval -EHWPOISON It would lose POISON and keep its memory.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A look at each refusal.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_profile_may(uint32_t profile, gms_state from, gms_state to, bool pinned, uint32_t *reason);

/**
 * @brief What a path costs, as data.
 *
 * Numbers are what Linux does, read from its algorithms and the protocols'
 * definitions, not measured: how often, and not how long.
 *
 * @param path enum gms_path.
 * @param info Where it goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL; unknown path; a size smaller than its own member.
 * @retval -E2BIG  @p info is longer than this library knows and not zero there.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_path_info(uint32_t path, struct gms_path_info *info);

/**
 * @brief What a path costs for some ranges: its terms, added up.
 *
 * Blocks are taken to be new (#GMS_PER_NEW_2M), each once.
 *
 * @param path    enum gms_path.
 * @param event   One GMS_COST_* bit.
 * @param ranges  @p nranges ranges, ascending and disjoint: what one call is given.
 * @param nranges 0 costs nothing.
 * @param count   By enum gms_acct_kind; what it costs is added.
 * @param nkinds  Length of @p count; kinds beyond are left out.
 * @retval 0       Added.
 * @retval -EINVAL NULL; unknown path; not one event; empty, wrapping or unsorted range.
 * @par On error
 * @p count is untouched.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * Linear in ranges.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_path_cost(uint32_t path, uint32_t event, const struct gms_range *ranges, size_t nranges,
	      uint64_t *count, size_t nkinds);

GMS_END_DECLS
#endif

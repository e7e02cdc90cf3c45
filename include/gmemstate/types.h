/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file types.h
 * @brief The words every other header uses: frames, ranges, states, reasons.
 *
 * A page is 4096 bytes of guest-physical memory on every host, and every count
 * in this library is in pages unless its name says otherwise. A state is the
 * set of attributes of one page; the bits are independent unless gmemstate(7)
 * ties them together.
 */
#ifndef GMEMSTATE_TYPES_H
#define GMEMSTATE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define GMS_API		__attribute__((__visibility__("default")))
#define GMS_MUST_CHECK	__attribute__((__warn_unused_result__))
#else
#define GMS_API
#define GMS_MUST_CHECK
#endif

#ifdef __cplusplus
#define GMS_BEGIN_DECLS	extern "C" {
#define GMS_END_DECLS	}
#else
#define GMS_BEGIN_DECLS
#define GMS_END_DECLS
#endif

GMS_BEGIN_DECLS

/** log2 of the bytes in a page. */
#define GMS_PAGE_SHIFT	12
/** Bytes in a page. */
#define GMS_PAGE_SIZE	4096u

/** Order of a single page (4 KiB). */
#define GMS_ORDER_4K	0u
/** Order of a 2 MiB folio: 512 pages. */
#define GMS_ORDER_2M	9u
/** Order of a 1 GiB folio: 262,144 pages. */
#define GMS_ORDER_1G	18u
/** Orders that folios can have: 0 to 18. */
#define GMS_ORDERS	19u

/** A time in nanoseconds that is never over. */
#define GMS_FOREVER	UINT64_MAX

/** First frame number that cannot exist: 52 bits of physical address. */
#define GMS_GFN_LIMIT	(UINT64_C(1) << 40)

/** @brief Guest frame number, always in units of 4 KiB. */
typedef uint64_t gms_gfn;

/** @brief Attributes of one page: GMS_STATE_* bits, or #GMS_HOLE. */
typedef uint32_t gms_state;

/** @brief The embedder's own name for who asked: a device, a queue, a vCPU. */
typedef uint64_t gms_tag;

/** @brief Pages [first, first + npages). Empty or wrapping ranges are errors. */
struct gms_range {
	gms_gfn	 first;		/**< First frame. */
	uint64_t npages;	/**< Length in pages, at least 1. */
};

/**
 * @brief Takes text: @p bytes bytes, not NUL-terminated.
 * @return 0 to go on; anything else stops and is returned.
 */
typedef int gms_write_fn(void *ctx, const char *text, size_t bytes);

/** The host may touch the page; clear: private to the guest. */
#define GMS_STATE_SHARED	(UINT32_C(1) << 0)
/** Present in the host kernel's direct map. */
#define GMS_STATE_DIRECT_MAP	(UINT32_C(1) << 1)
/** Backing memory is allocated and initialised. */
#define GMS_STATE_POPULATED	(UINT32_C(1) << 2)
/** Mapped in the VMM's page table. Private pages never are. */
#define GMS_STATE_HOST_MAPPED	(UINT32_C(1) << 3)
/** The guest has validated or accepted the page (SNP, TDX, CCA). */
#define GMS_STATE_ACCEPTED	(UINT32_C(1) << 4)
/** Contents are gone for good until asked back explicitly (CCA). */
#define GMS_STATE_DESTROYED	(UINT32_C(1) << 5)
/** Contents must be brought in before anyone may touch the page. */
#define GMS_STATE_MISSING	(UINT32_C(1) << 6)
/** Every access fails, nothing is lost. */
#define GMS_STATE_FROZEN	(UINT32_C(1) << 7)
/** Writes trap. */
#define GMS_STATE_WRITE_PROTECT	(UINT32_C(1) << 8)
/** Written since the bit was last cleared. */
#define GMS_STATE_DIRTY		(UINT32_C(1) << 9)
/** The hardware reported an error in the page. */
#define GMS_STATE_POISON	(UINT32_C(1) << 10)
/** The embedder's own bit 0. */
#define GMS_STATE_USER0		(UINT32_C(1) << 11)
/** The embedder's own bit 1. */
#define GMS_STATE_USER1		(UINT32_C(1) << 12)
/** The embedder's own bit 2. */
#define GMS_STATE_USER2		(UINT32_C(1) << 13)
/** The embedder's own bit 3. */
#define GMS_STATE_USER3		(UINT32_C(1) << 14)
/** Every attribute this version knows. */
#define GMS_STATE_ALL		((UINT32_C(1) << 15) - 1)

/** Not a state: no region holds the page. */
#define GMS_HOLE		(UINT32_C(1) << 31)

/** @brief Why a page was refused, or what blocks it. Grows at the end only. */
enum gms_reason {
	GMS_REASON_NONE = 0,		/**< Nothing stands in the way. */
	GMS_REASON_HOLE,		/**< No region holds the page. */
	GMS_REASON_POISON,		/**< Hardware error. */
	GMS_REASON_FROZEN,		/**< Frozen. */
	GMS_REASON_MISSING,		/**< Contents not here yet. */
	GMS_REASON_PRIVATE,		/**< Private to the guest. */
	GMS_REASON_NO_DIRECT_MAP,	/**< Not in the host's direct map. */
	GMS_REASON_WRITE_PROTECT,	/**< Writes trap and a write was asked for. */
	GMS_REASON_PINNED,		/**< A pin overlaps it. */
	GMS_REASON_SHARED,		/**< Shared, and the change is for private pages. */
	GMS_REASON_PROFILE,		/**< The space's profile does not know the change. */
	GMS_REASON_MIXED,		/**< The block holds both; not reported by this version. */
	GMS_REASON_BACKEND,		/**< The embedder's backend failed. */
	GMS_REASON_NO_MEMORY,		/**< The allocator refused. */
	GMS_REASON_LISTENER,		/**< A listener objected, failed, or cannot bear it. */
	GMS_REASON_SPANS,		/**< More spans than a listener can have. */
	GMS_REASON_LENT,		/**< A loan holds it. */
	GMS_REASON_ACCESS,		/**< An access runs on it; to an access: a conversion is at it. */
	GMS_REASON_DESTROYED,		/**< Its contents are gone, and the guest does not know. */
	GMS_REASON_COUNT		/**< Number of reasons of this version. */
};

/**
 * @brief Clear a sized struct and write its size into its first member.
 *
 * A function and not an initialiser, so that no byte is left to chance and
 * bindings have something to call.
 *
 * @param object Struct that begins with size_t size. NULL does nothing.
 * @param bytes  sizeof(*object). Less than sizeof(size_t) does nothing.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * One memset.
 * @since 0.1
 */
GMS_API void gms_init(void *object, size_t bytes);

/** Clear @p ptr's object and write its size: every sized struct starts so. */
#define GMS_INIT(ptr)	gms_init((ptr), sizeof(*(ptr)))

/**
 * @brief What a return value of this library means, as an English phrase.
 *
 * @param error 0 or a negative errno that this library returned.
 * @return A constant string, never NULL.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API const char *gms_strerror(int error);

/**
 * @brief The name of a reason, for messages: "pinned", "frozen".
 *
 * @param reason An enum gms_reason value.
 * @return A constant string, never NULL; "unknown" for a value of a later version.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API const char *gms_reason_name(uint32_t reason);

/**
 * @brief The name of one attribute, for messages: "shared", "direct-map".
 *
 * @param bit One GMS_STATE_* bit.
 * @return A constant string, or NULL if @p bit is not exactly one known bit.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API const char *gms_state_name(gms_state bit);

GMS_END_DECLS
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file guest/tdx.h
 * @brief TDX: MapGPA, in chunks that can be retried, and the acceptance of pages.
 *
 * A TDX guest shares and takes back with TDG.VP.VMCALL<MapGPA>, a request to the VMM
 * that may end anywhere: the guest is told where to go on. Pages that came back must be
 * accepted, TDG.MEM.PAGE.ACCEPT, a block of 1G, 2M or 4K at a time, before the guest may
 * use them. A page that is shared loses its acceptance.
 *
 * gms_request_opts::gpa_bits is the guest's address width, GPAW: 48 or 52. The highest
 * bit of it, 47 or 51, says shared; it is no part of the frame number.
 */
#ifndef GMEMSTATE_GUEST_TDX_H
#define GMEMSTATE_GUEST_TDX_H

#include <gmemstate/guest/request.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** The sub-function of TDG.VP.VMCALL that is MapGPA, in R11. */
#define GMS_TDX_MAP_GPA			UINT64_C(0x10001)

/** R10, TDG.VP.VMCALL_SUCCESS: all of it is done. */
#define GMS_TDX_MAP_SUCCESS		UINT64_C(0)
/** R10, TDG.VP.VMCALL_RETRY: go on with the address in R11. */
#define GMS_TDX_MAP_RETRY		UINT64_C(1)
/** R10, TDG.VP.VMCALL_INVALID_OPERAND: not possible, from the address in R11 on. */
#define GMS_TDX_MAP_INVALID_OPERAND	UINT64_C(0x8000000000000000)
/** R10, TDG.VP.VMCALL_ALIGN_ERROR: not a multiple of 4 KiB. */
#define GMS_TDX_MAP_ALIGN_ERROR		UINT64_C(0x8000000000000002)

/** Pages that KVM converts at a time for one MapGPA (2 MiB). */
#define GMS_TDX_CHUNK_PAGES		UINT64_C(512)

/** RAX: the block is accepted now. */
#define GMS_TDX_ACCEPT_SUCCESS		UINT64_C(0)
/** RAX, TDX_PAGE_ALREADY_ACCEPTED: it was before. Bits 7:0: the level it is mapped at. */
#define GMS_TDX_PAGE_ALREADY_ACCEPTED	UINT64_C(0x00000b0a00000000)
/** RAX, TDX_PAGE_SIZE_MISMATCH: it is mapped smaller. Bits 7:0: the level asked for. */
#define GMS_TDX_PAGE_SIZE_MISMATCH	UINT64_C(0xc0000b0b00000000)
/** RAX, TDX_OPERAND_INVALID. Bits 7:0: #GMS_TDX_OPERAND_RCX. */
#define GMS_TDX_OPERAND_INVALID		UINT64_C(0xc000010000000000)
/** RAX, TDX_OPERAND_BUSY: try again. Bits 7:0: #GMS_TDX_OPERAND_RCX. */
#define GMS_TDX_OPERAND_BUSY		UINT64_C(0x8000020000000000)
/** The operand that an error is about: RCX. */
#define GMS_TDX_OPERAND_RCX		UINT64_C(1)
/** The part of RAX that is a GMS_TDX_* code; the rest are its details. */
#define GMS_TDX_CODE_MASK		UINT64_C(0xffffffffffffff00)

/** @brief How large a block is accepted: bits 2:0 of RCX. */
enum gms_tdx_level {
	GMS_TDX_LEVEL_4K = 0,	/**< A page. */
	GMS_TDX_LEVEL_2M,	/**< 512 pages. */
	GMS_TDX_LEVEL_1G	/**< 262,144 pages. */
};

/**
 * @brief Take in a MapGPA.
 *
 * An address without the shared bit asks for private pages, one with it for shared
 * ones. The words are checked as KVM does: first that the range is not empty, does not
 * wrap, is below 2^gpa_bits and of one kind at both ends, then its alignment.
 *
 * @param request Not #GMS_REQUEST_READY, or what it holds is forgotten.
 * @param r12     Address of the first page, with the shared bit.
 * @param r13     Bytes.
 * @retval 0       Taken in: it is #GMS_REQUEST_READY, also if the answer is an error.
 * @retval -EINVAL NULL.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_tdx_map_begin(struct gms_request *request, uint64_t r12, uint64_t r13);

/**
 * @brief Answer a MapGPA.
 *
 * What is done stays done. #GMS_TDX_MAP_RETRY if it was stopped
 * (gms_request_opts::stop, gms_request_opts::most_pages), or if a chunk is pinned, lent,
 * frozen or accessed, or was refused with -EAGAIN or -EBUSY, or for want of memory: guests
 * ask again, Linux up to three times without any progress. Any other refusal is
 * #GMS_TDX_MAP_INVALID_OPERAND.
 *
 * @param request Of gms_tdx_map_begin(), and done; it will be #GMS_REQUEST_IDLE.
 * @param r10     Where the GMS_TDX_MAP_* code goes.
 * @param r11     Where the address goes at which to go on, or that failed, with the
 *                shared bit as the guest gave it; 0 on success.
 * @retval 0       Both are written.
 * @retval -EINVAL NULL; not a MapGPA that is #GMS_REQUEST_DONE.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_tdx_map_end(struct gms_request *request, uint64_t *r10, uint64_t *r11);

/**
 * @brief Take in a MapGPA, carry it out, and answer it.
 *
 * @param request Not #GMS_REQUEST_READY, or what it holds is forgotten.
 * @param r12     As of gms_tdx_map_begin().
 * @param r13     As of gms_tdx_map_begin().
 * @param r10     As of gms_tdx_map_end().
 * @param r11     As of gms_tdx_map_end().
 * @retval 0       Answered.
 * @retval -EINVAL NULL.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_request_run().
 * @par Cost
 * One conversion a chunk: of 512 pages, or gms_request_opts::chunk_pages. With
 * #GMS_REQUEST_WHOLE one for all: what is uniform costs a step a GiB, whatever its size.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_tdx_map(struct gms_request *request, uint64_t r12, uint64_t r13, uint64_t *r10,
	    uint64_t *r11);

/**
 * @brief Take in the acceptance of a block: TDG.MEM.PAGE.ACCEPT.
 *
 * Bits 2:0 of the word are an enum gms_tdx_level, bits 51:12 the address, aligned to
 * the block; the rest must be 0. Level 1G is what guests begin with; TDX modules until
 * now refuse it, which makes guests go on with 2M as #GMS_TDX_PAGE_SIZE_MISMATCH does.
 *
 * @param request Not #GMS_REQUEST_READY, or what it holds is forgotten.
 * @param rcx     Address and level.
 * @retval 0       Taken in: it is #GMS_REQUEST_READY, also if the answer is an error.
 * @retval -EINVAL NULL.
 * @retval -EOPNOTSUPP The space's profile does not know #GMS_STATE_ACCEPTED.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_tdx_accept_begin(struct gms_request *request, uint64_t rcx);

/**
 * @brief Answer the acceptance of a block: all of it is accepted, or nothing.
 *
 * #GMS_TDX_PAGE_SIZE_MISMATCH if the host cannot map the block as one: its folio is
 * smaller, it is shared or accepted in part, or it has more than
 * gms_request_opts::most_pages; the guest goes on with a smaller level. A page inside of
 * a larger block may be accepted: the host then maps the block in smaller pieces
 * (gms_map_order() with #GMS_STATE_ACCEPTED in the mask says so). A page that is shared,
 * or that no region holds, is #GMS_TDX_OPERAND_INVALID, where a processor would exit to
 * the host and find no page to give.
 *
 * @param request Of gms_tdx_accept_begin(), and done; it will be #GMS_REQUEST_IDLE.
 * @param rax     Where the code goes, with its details.
 * @retval 0       It is written.
 * @retval -EINVAL NULL; not an acceptance that is #GMS_REQUEST_DONE.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_tdx_accept_end(struct gms_request *request, uint64_t *rax);

/**
 * @brief Take in the acceptance of a block, carry it out, and answer it.
 *
 * @param request Not #GMS_REQUEST_READY, or what it holds is forgotten.
 * @param rcx     As of gms_tdx_accept_begin().
 * @param rax     As of gms_tdx_accept_end().
 * @retval 0       Answered.
 * @retval -EINVAL NULL.
 * @retval -EOPNOTSUPP The space's profile does not know #GMS_STATE_ACCEPTED.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_request_run().
 * @par Cost
 * One conversion.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_tdx_accept(struct gms_request *request, uint64_t rcx, uint64_t *rax);

GMS_END_DECLS
#endif

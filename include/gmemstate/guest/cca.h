/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file guest/cca.h
 * @brief Arm CCA: a realm asks what its addresses are to be, RSI_IPA_STATE_SET.
 *
 * The realm IPA state (RIPAS) of a page of the protected half of the address space is
 * EMPTY, RAM or DESTROYED. A realm makes pages RAM to use them and EMPTY to share them
 * through the other half. The host's books follow: RAM is private and #GMS_STATE_ACCEPTED,
 * EMPTY is #GMS_STATE_SHARED. #GMS_STATE_DESTROYED stays until a realm says that it
 * knows of it.
 *
 * A request may be done in part: the realm is told from where on it is not, and asks
 * again. gms_request_opts::gpa_bits is the width of the realm's addresses; those with
 * the highest of these bits set are unprotected.
 */
#ifndef GMEMSTATE_GUEST_CCA_H
#define GMEMSTATE_GUEST_CCA_H

#include <gmemstate/guest/request.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** The function identifier of RSI_IPA_STATE_SET, in X0. */
#define GMS_CCA_IPA_STATE_SET		UINT64_C(0xc4000197)

/** @brief RsiRipas: what an address of the protected half is to its realm. */
enum gms_cca_ripas {
	GMS_CCA_RIPAS_EMPTY = 0, /**< RSI_EMPTY: not used. */
	GMS_CCA_RIPAS_RAM,	 /**< RSI_RAM: the realm's own memory. */
	GMS_CCA_RIPAS_DESTROYED	 /**< RSI_DESTROYED: it was, and the host took it away. */
};

/** RSI_CHANGE_DESTROYED, bit 0 of the flags in X4: pages that are DESTROYED change too. */
#define GMS_CCA_CHANGE_DESTROYED	UINT64_C(1)

/** X0, RSI_SUCCESS. */
#define GMS_CCA_SUCCESS			UINT64_C(0)
/** X0, RSI_ERROR_INPUT: the words are wrong. */
#define GMS_CCA_ERROR_INPUT		UINT64_C(1)

/** X2, RSI_ACCEPT: the realm asks again from X1 on, if that is not the top. */
#define GMS_CCA_ACCEPT			UINT64_C(0)
/** X2, RSI_REJECT: the host does not change what is from X1 on. */
#define GMS_CCA_REJECT			UINT64_C(1)

/** @brief What goes back to the realm. */
struct gms_cca_answer {
	uint64_t x0;	/**< #GMS_CCA_SUCCESS or #GMS_CCA_ERROR_INPUT. */
	uint64_t x1;	/**< The first address that is not changed; 0 with an error. */
	uint64_t x2;	/**< #GMS_CCA_ACCEPT or #GMS_CCA_REJECT; 0 with an error. */
};

/**
 * @brief Take in an RSI_IPA_STATE_SET.
 *
 * An error of input is: an address that is no multiple of 4 KiB, a top that is not
 * above the base, a range that is not within the protected half, a RIPAS other than
 * EMPTY and RAM.
 *
 * @param request Not #GMS_REQUEST_READY, or what it holds is forgotten.
 * @param base    X1: address of the first page.
 * @param top     X2: end of the last page.
 * @param ripas   X3: #GMS_CCA_RIPAS_EMPTY or #GMS_CCA_RIPAS_RAM.
 * @param flags   X4: #GMS_CCA_CHANGE_DESTROYED or 0; other bits are not looked at.
 * @retval 0       Taken in: it is #GMS_REQUEST_READY, also if the answer is an error.
 * @retval -EINVAL NULL.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_cca_ripas_begin(struct gms_request *request, uint64_t base, uint64_t top, uint64_t ripas,
		    uint64_t flags);

/**
 * @brief Answer an RSI_IPA_STATE_SET.
 *
 * It is done up to the page that cannot be, whose address is x1. If that is because
 * it is pinned, lent, frozen or accessed, because the embedder said -EAGAIN or -EBUSY, for
 * want of memory, or because the request was stopped, the realm is to ask again: #GMS_CCA_ACCEPT. If it
 * is for another reason, a page that is DESTROYED without #GMS_CCA_CHANGE_DESTROYED among
 * them, and RAM was asked for: #GMS_CCA_REJECT. Nobody can reject EMPTY: the protocol
 * makes of that an #GMS_CCA_ACCEPT that goes no further, and Linux as a realm asks again
 * for ever. Who would rather end it finds the reason in gms_request_result::error.
 *
 * @param request Of gms_cca_ripas_begin(), and done; it will be #GMS_REQUEST_IDLE.
 * @param answer  Where the registers go.
 * @retval 0       They are written.
 * @retval -EINVAL NULL; not an RSI_IPA_STATE_SET that is #GMS_REQUEST_DONE.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_cca_ripas_end(struct gms_request *request, struct gms_cca_answer *answer);

/**
 * @brief Take in an RSI_IPA_STATE_SET, carry it out, and answer it.
 *
 * @param request Not #GMS_REQUEST_READY, or what it holds is forgotten.
 * @param base    As of gms_cca_ripas_begin().
 * @param top     As of gms_cca_ripas_begin().
 * @param ripas   As of gms_cca_ripas_begin().
 * @param flags   As of gms_cca_ripas_begin().
 * @param answer  As of gms_cca_ripas_end().
 * @retval 0       Answered.
 * @retval -EINVAL NULL.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_request_run().
 * @par Cost
 * One conversion, and without #GMS_CCA_CHANGE_DESTROYED one gms_find().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_cca_ripas(struct gms_request *request, uint64_t base, uint64_t top, uint64_t ripas,
	      uint64_t flags, struct gms_cca_answer *answer);

/**
 * @brief The RIPAS of a page, from its state.
 *
 * @param state GMS_STATE_* bits, as of gms_state_at(); #GMS_HOLE is EMPTY.
 * @return An enum gms_cca_ripas: DESTROYED whatever else it is, else RAM if it is
 *         accepted, else EMPTY.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API uint32_t gms_cca_ripas_of(gms_state state);

GMS_END_DECLS
#endif

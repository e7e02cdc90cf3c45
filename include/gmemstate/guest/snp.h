/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file guest/snp.h
 * @brief SEV-SNP: page state changes, by the GHCB's buffer and by its MSR.
 *
 * A guest with a GHCB sends a buffer: a header and up to 253 entries, each of a page of
 * 4 KiB or 2 MiB. The buffer is read once and carried out as KVM does it: entries that
 * are done are passed over, neighbours of one kind become one part, and what is done is
 * written into the buffer (cur_page of each entry, cur_entry of the header), so that
 * the guest may send the same buffer again for the rest. An entry of 2 MiB that is done
 * in part goes on in pages of 4 KiB, alone: KVM joins it with an entry that names pages
 * inside of it, and then converts pages that no entry names; here nothing joins it.
 *
 * PSMASH and UNSMASH, and operations that nobody has defined, are done without doing
 * anything, as KVM does them: how a host maps a page is its own affair.
 *
 * A guest without a GHCB, early in its boot, writes a request for one page of 4 KiB
 * into the GHCB's MSR, and finds the answer there.
 */
#ifndef GMEMSTATE_GUEST_SNP_H
#define GMEMSTATE_GUEST_SNP_H

#include <gmemstate/guest/request.h>

GMS_BEGIN_DECLS

/** Most entries of a buffer: VMGEXIT_PSC_MAX_COUNT. */
#define GMS_SNP_PSC_ENTRIES_MOST	253u
/** Bytes of the longest buffer, header and all: what the GHCB has room for. */
#define GMS_SNP_PSC_BYTES		2032u

/** @brief What is asked of a page: bits 55:52 of an entry, and of the MSR. */
enum gms_snp_op {
	GMS_SNP_PRIVATE = 1,	/**< Assign it to the guest. */
	GMS_SNP_SHARED = 2,	/**< Take it from the guest, for the host to see. */
	GMS_SNP_PSMASH = 3,	/**< Cut 2 MiB into pages of 4 KiB. Buffer only. */
	GMS_SNP_UNSMASH = 4	/**< Make them whole again. Buffer only. */
};

/** Bits 15:0 of the header: cur_entry, the entry that comes next. */
#define GMS_SNP_PSC_CUR_ENTRY_SHIFT	0
/** Bits 31:16 of the header: end_entry, the last entry. */
#define GMS_SNP_PSC_END_ENTRY_SHIFT	16
/** Bits 11:0 of an entry: cur_page, how many of its pages are done. */
#define GMS_SNP_PSC_CUR_PAGE_SHIFT	0
/** Bits 51:12 of an entry, and of the MSR: the page. */
#define GMS_SNP_GFN_SHIFT		12
/** Bits 55:52 of an entry, and of the MSR: enum gms_snp_op. */
#define GMS_SNP_OP_SHIFT		52
/** Bit 56 of an entry: it is of 2 MiB. */
#define GMS_SNP_PSC_2M			(UINT64_C(1) << 56)

/** In sw_exit_info_2: a page could not be converted. VMGEXIT_PSC_ERROR_GENERIC. */
#define GMS_SNP_PSC_GENERIC		(UINT64_C(0x100) << 32)
/** The buffer has no such entries. VMGEXIT_PSC_ERROR_INVALID_HDR. */
#define GMS_SNP_PSC_INVALID_HDR		((UINT64_C(1) << 32) | 1)
/** The entry at cur_entry is wrong. VMGEXIT_PSC_ERROR_INVALID_ENTRY. */
#define GMS_SNP_PSC_INVALID_ENTRY	((UINT64_C(1) << 32) | 2)

/** Bits 11:0 of the MSR: what it holds. */
#define GMS_SNP_MSR_CODE_MASK		UINT64_C(0xfff)
/** The code of a request. */
#define GMS_SNP_MSR_REQUEST		UINT64_C(0x014)
/** The code of an answer; with all other bits 0: it is done. */
#define GMS_SNP_MSR_RESPONSE		UINT64_C(0x015)
/** The answer if it is not done: bits 63:32 are not 0. GHCB_MSR_PSC_RESP_ERROR. */
#define GMS_SNP_MSR_ERROR		((UINT64_C(1) << 63) | GMS_SNP_MSR_RESPONSE)

/**
 * @brief Take in a buffer of page state changes.
 *
 * Its words are checked one by one: end_entry first, then each entry from cur_entry on,
 * which may not have more pages done than it has, must be aligned to its size, and lie
 * below gms_request_opts::gpa_bits. The entries before one that is wrong are carried out.
 *
 * @param request The vCPU's request. What it held is forgotten.
 * @param buffer  Where the VMM sees the guest's buffer. It may begin at any address and
 *                change at any time: each word of it that is needed is read once, now.
 * @param bytes   How far it may be read. Guests choose where in the GHCB it begins: too
 *                few bytes are an error of the guest's, and end_entry is checked
 *                against those that there are.
 * @retval 0       Taken in: it is #GMS_REQUEST_READY, also if it is wrong.
 * @retval -EINVAL NULL.
 * @par Threads
 * W; see gms_request_new(). Guests may write to the buffer meanwhile.
 * @par Cost
 * At most 254 words are read.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_snp_psc_begin(struct gms_request *request, const void *buffer, size_t bytes);

/**
 * @brief Answer a buffer: how far it came, and why not farther.
 *
 * cur_page is stored into entries of which pages were done, and cur_entry into the
 * header, last, if it moved. Nothing else is stored to. An entry comes back in one
 * piece, as it was read: what says how much is done also says of what.
 *
 * A page that is held (-EAGAIN, -EBUSY in gms_request_result::error) is
 * #GMS_SNP_PSC_GENERIC like any other, as with KVM, and Linux guests end there. With
 * #GMS_REQUEST_PUT_OFF it is 0, and the guest tries again: the buffer says from where on.
 *
 * @param request        A request of gms_snp_psc_begin() that is #GMS_REQUEST_DONE.
 * @param buffer         The same buffer.
 * @param sw_exit_info_2 Where the GHCB's field of that name goes; sw_exit_info_1 is 0.
 *                       0 is no error: if cur_entry is not past end_entry, the guest is
 *                       to send the buffer again. Else a GMS_SNP_PSC_* value.
 * @retval 0       Answered.
 * @retval -EINVAL NULL; a request that is another protocol's, or not #GMS_REQUEST_DONE.
 * @par On error
 * Nothing was stored; the request is as it was.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * At most 254 stores.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_snp_psc_end(struct gms_request *request, void *buffer, uint64_t *sw_exit_info_2);

/**
 * @brief Take in a buffer, carry it out, answer it.
 *
 * @param request        The vCPU's request.
 * @param buffer         As gms_snp_psc_begin() has it; it is written to as
 *                       gms_snp_psc_end() says.
 * @param bytes          As gms_snp_psc_begin() has it.
 * @param sw_exit_info_2 As gms_snp_psc_end() has it.
 * @retval 0       Answered.
 * @retval -EINVAL NULL.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_run().
 * @par Cost
 * As those of the three steps.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_snp_psc(struct gms_request *request, void *buffer, size_t bytes, uint64_t *sw_exit_info_2);

/**
 * @brief Take in the MSR's request for one page.
 *
 * @param request  The vCPU's request. What it held is forgotten.
 * @param ghcb_msr What the guest wrote to the MSR.
 * @retval 0       Taken in: it is #GMS_REQUEST_READY, also if it is wrong.
 * @retval -EINVAL NULL; @p ghcb_msr does not have the code #GMS_SNP_MSR_REQUEST.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_snp_msr_begin(struct gms_request *request, uint64_t ghcb_msr);

/**
 * @brief Answer the MSR's request.
 *
 * An operation other than private and shared, an address beyond
 * gms_request_opts::gpa_bits, and a page that could not be converted are all the same
 * error. The MSR has no words for "try again".
 *
 * @param request  A request of gms_snp_msr_begin() that is #GMS_REQUEST_DONE.
 * @param ghcb_msr Where what the guest is to find in the MSR goes.
 * @retval 0       Answered.
 * @retval -EINVAL NULL; a request that is another protocol's, or not #GMS_REQUEST_DONE.
 * @par On error
 * The request is as it was.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_snp_msr_end(struct gms_request *request, uint64_t *ghcb_msr);

/**
 * @brief Take in the MSR's request, carry it out, answer it.
 *
 * @param request  The vCPU's request.
 * @param ghcb_msr As gms_snp_msr_begin() has it.
 * @param answer   What the guest is to find in the MSR.
 * @retval 0       Answered.
 * @retval -EINVAL NULL; @p ghcb_msr does not have the code #GMS_SNP_MSR_REQUEST.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; see gms_request_run().
 * @par Cost
 * A conversion of one page.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_snp_msr(struct gms_request *request, uint64_t ghcb_msr, uint64_t *answer);

GMS_END_DECLS
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tdx.c - MapGPA: share, or take back, a range that may be done piece by piece.
 *
 * The request has one part. What goes back is where it stopped, in the guest's own
 * words: the shared bit is added and taken away again by counting from r12.
 */
#include <gmemstate/guest/tdx.h>

#include <errno.h>

#include "guest/request.h"
#include "guest/tdx.h"

/* Against the words as a whole; no conversion returns them. */
#define BAD_RANGE	(-EPROTO)	/* TDG.VP.VMCALL_INVALID_OPERAND */
#define BAD_ALIGNMENT	(-EBADMSG)	/* TDG.VP.VMCALL_ALIGN_ERROR */

/* In the order in which KVM looks. */
static int check_words(uint64_t gpa, uint64_t bytes, uint64_t shared_bit)
{
	const uint64_t last = gpa + bytes - 1;

	if (gpa + bytes <= gpa || last >= 2 * shared_bit ||
	    (gpa & shared_bit) != (last & shared_bit))
		return BAD_RANGE;
	return (gpa | bytes) % GMS_PAGE_SIZE ? BAD_ALIGNMENT : 0;
}

int gms_tdx_map_begin(struct gms_request *request, uint64_t r12, uint64_t r13)
{
	struct gms_range range;
	uint64_t shared_bit;
	int err = gms__request_begin(request, GMS_PROTOCOL_TDX_MAP, GMS_TDX_CHUNK_PAGES);

	if (err)
		return err;
	request->words.tdx.gpa = r12;
	shared_bit = gms__tdx_shared_bit(request);
	err = check_words(r12, r13, shared_bit);
	if (!err) {
		const gms_state share = r12 & shared_bit ? GMS_STATE_SHARED : 0;

		range.first = (r12 & ~shared_bit) >> GMS_PAGE_SHIFT;
		range.npages = r13 >> GMS_PAGE_SHIFT;
		gms__request_add(request, range, share, GMS_STATE_SHARED & ~share);
	}
	gms__request_ready(request, err);
	return 0;
}

static uint64_t answer_of(const struct gms_request *request)
{
	if (!request->nparts)
		return request->stop_error == BAD_ALIGNMENT ? GMS_TDX_MAP_ALIGN_ERROR :
							      GMS_TDX_MAP_INVALID_OPERAND;
	if (!request->error)
		return gms__request_whole(request) ? GMS_TDX_MAP_SUCCESS : GMS_TDX_MAP_RETRY;
	return gms__error_passes(request->error) ? GMS_TDX_MAP_RETRY : GMS_TDX_MAP_INVALID_OPERAND;
}

int gms_tdx_map_end(struct gms_request *request, uint64_t *r10, uint64_t *r11)
{
	int err;

	if (!r10 || !r11)
		return -EINVAL;
	err = gms__request_end(request, GMS_PROTOCOL_TDX_MAP);
	if (err)
		return err;
	*r10 = answer_of(request);
	*r11 = 0;
	if (*r10 != GMS_TDX_MAP_SUCCESS)
		*r11 = request->words.tdx.gpa + (request->pages_done << GMS_PAGE_SHIFT);
	return 0;
}

int gms_tdx_map(struct gms_request *request, uint64_t r12, uint64_t r13, uint64_t *r10,
		uint64_t *r11)
{
	int err;

	if (!r10 || !r11)
		return -EINVAL;
	err = gms_tdx_map_begin(request, r12, r13);
	if (!err)
		err = gms_request_run(request);
	return err ? err : gms_tdx_map_end(request, r10, r11);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snp_msr.c - a page state change through the GHCB's MSR: one page, in one word.
 */
#include "guest/snp.h"

#include <errno.h>

/* stop_error: no such operation, or no such page. gms_convert() never says this. */
#define BAD_REQUEST	(-EBADMSG)

int gms_snp_msr_begin(struct gms_request *request, uint64_t ghcb_msr)
{
	const unsigned op = gms__snp_op(ghcb_msr);
	struct gms_range page;
	bool good;

	if ((ghcb_msr & GMS_SNP_MSR_CODE_MASK) != GMS_SNP_MSR_REQUEST ||
	    gms__request_begin(request, GMS_PROTOCOL_SNP_MSR, GMS_REQUEST_WHOLE))
		return -EINVAL;
	good = (op == GMS_SNP_PRIVATE || op == GMS_SNP_SHARED) &&
	       gms__pages_of(request, gms__snp_gfn(ghcb_msr) << GMS_PAGE_SHIFT, GMS_PAGE_SIZE,
			     &page);
	if (good)
		gms__snp_add(request, page, op);
	gms__request_ready(request, good ? 0 : BAD_REQUEST);
	return 0;
}

int gms_snp_msr_end(struct gms_request *request, uint64_t *ghcb_msr)
{
	if (!ghcb_msr || gms__request_end(request, GMS_PROTOCOL_SNP_MSR))
		return -EINVAL;
	*ghcb_msr = request->error ? GMS_SNP_MSR_ERROR : GMS_SNP_MSR_RESPONSE;
	return 0;
}

int gms_snp_msr(struct gms_request *request, uint64_t ghcb_msr, uint64_t *answer)
{
	int err = answer ? gms_snp_msr_begin(request, ghcb_msr) : -EINVAL;

	if (!err)
		err = gms_request_run(request);
	return err ? err : gms_snp_msr_end(request, answer);
}

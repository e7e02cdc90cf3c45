/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snp.h - what the two ways to ask for a page state change have in common.
 */
#ifndef GMS_GUEST_SNP_H
#define GMS_GUEST_SNP_H

#include <gmemstate/guest/snp.h>

#include "guest/request.h"

#define GMS__SNP_GFN_MASK	((UINT64_C(1) << 40) - 1)
#define GMS__SNP_OP_MASK	UINT64_C(0xf)

/* Entries and the MSR have the page and what is asked of it at the same place. */
static inline gms_gfn gms__snp_gfn(uint64_t word)
{
	return word >> GMS_SNP_GFN_SHIFT & GMS__SNP_GFN_MASK;
}

static inline unsigned gms__snp_op(uint64_t word)
{
	return (unsigned)(word >> GMS_SNP_OP_SHIFT & GMS__SNP_OP_MASK);
}

/*
 * One more part: what the operation makes of its pages. A page that is shared must be
 * validated anew (PVALIDATE) when it comes back.
 */
static inline struct gms_request_part *
gms__snp_add(struct gms_request *request, struct gms_range range, unsigned op)
{
	switch (op) {
	case GMS_SNP_PRIVATE:
		return gms__request_add(request, range, 0, GMS_STATE_SHARED);
	case GMS_SNP_SHARED:
		return gms__request_add(request, range, GMS_STATE_SHARED, GMS_STATE_ACCEPTED);
	default:
		return gms__request_add(request, range, 0, 0);
	}
}

#endif

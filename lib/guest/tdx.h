/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tdx.h - what MapGPA and the acceptance of pages have in common: the shared bit.
 */
#ifndef GMS_GUEST_TDX_H
#define GMS_GUEST_TDX_H

#include "guest/request.h"

/* The highest bit of a guest address: 47 with a GPAW of 48, 51 with 52. */
static inline uint64_t gms__tdx_shared_bit(const struct gms_request *request)
{
	return UINT64_C(1) << (request->opts.gpa_bits - 1);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * convert.h - a conversion from beginning to end.
 */
#ifndef GMS_ENGINE_CONVERT_H
#define GMS_ENGINE_CONVERT_H

#include "engine/plan.h"

/* What a conversion did, or what stopped it. */
struct gms__did {
	uint64_t changed_pages;
	uint64_t unchanged_pages;
	gms_gfn	 error_gfn;
	uint32_t error_reason;
};

/*
 * A plan that has its segments, or failed to get them with err: check, commit,
 * charge. The caller drops it.
 */
int  gms__convert_plan(struct gms__plan *plan, int err);
/*
 * The same as far as it goes: *next is the first page that was not looked after,
 * or the end. An error is that of the page at *next, and stays in the plan.
 */
int  gms__convert_progress(struct gms__plan *plan, int err, gms_gfn *next);
/* What came of it, into a result of a size that is known. */
void gms__convert_report(const struct gms__plan *plan, int err, gms_gfn next,
			 struct gms_convert_result *result);
/* For who holds the stripes of all changes, which are valid. */
int  gms__convert_held(struct gms_space *space, const struct gms_change *changes,
		       size_t nchanges, uint64_t stripes, gms_tag tag, struct gms__did *did);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * convert.h - what the calls that convert have in common: the checking of what
 * they are given, and the result.
 */
#ifndef GMS_API_CONVERT_H
#define GMS_API_CONVERT_H

#include "engine/convert.h"

int  gms__check_change(const struct gms_space *space, const struct gms_change *change);
struct gms__want gms__wanted(const struct gms_space *space, const struct gms_convert_opts *opts);
/* Nobody shall read what an earlier call left there; NULL is fine. */
int  gms__clear_result(struct gms_convert_result *result);
/* Take in a caller's options, NULL for defaults, and clear what a result, if any, says. */
int  gms__convert_in(struct gms_convert_opts *opts, const struct gms_convert_opts *theirs,
		     struct gms_convert_result *result);
/* One change, of a caller who gave no options, which may be made under every profile. */
int  gms__turn(struct gms_space *space, const struct gms_change *change, uint64_t wait_ns,
	       struct gms_convert_result *result);
void gms__report_fast(const struct gms__fast_result *fast, gms_gfn next,
		      struct gms_convert_result *result);
/* A plan that has its segments, or failed to get them: carry it out, and say so. */
int  gms__carry_out(struct gms__plan *plan, int err, bool progress,
		    struct gms_convert_result *result);

#endif

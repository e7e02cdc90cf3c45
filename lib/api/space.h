/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.h - what a region may be, for all who add one.
 */
#ifndef GMS_API_SPACE_H
#define GMS_API_SPACE_H

#include <gmemstate/space.h>

/* All that gms_region_add() refuses but an overlap, and a backend: 0 or the error. */
int gms__region_check(const struct gms_space *space, const struct gms_region_opts *opts);

#endif

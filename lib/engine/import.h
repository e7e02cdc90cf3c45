/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import.h - a bitmap as a conversion.
 */
#ifndef GMS_ENGINE_IMPORT_H
#define GMS_ENGINE_IMPORT_H

#include "engine/plan.h"

/* The arguments of gms_bitmap_import(), which are valid. */
struct gms__import {
	struct gms_range range;
	gms_state	 mask;
	gms_state	 value;
	unsigned	 order;
	uint32_t	 how;
	const uint64_t	*le_bitmap;
};

/* Add what the bitmap asks for to a plan that has begun. 0 or -ENOMEM. */
int gms__import_add(struct gms__plan *plan, const struct gms__import *import);

#endif

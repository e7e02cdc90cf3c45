/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * halo.h - make what is alone large enough to be seen.
 */
#ifndef GMS_PICTURE_HALO_H
#define GMS_PICTURE_HALO_H

#include "picture/layout.h"
#include "picture/view.h"

/*
 * A copy of the inks in which each cell of what the view watches, and of what is louder,
 * that has none of them beside it is three cells wide and high, within its plot. n: how
 * many there are. NULL: out of memory.
 */
uint8_t *picture_halo(const struct picture_layout *layout, const struct picture_view *view,
		      const uint8_t *inks, uint64_t *n);

#endif

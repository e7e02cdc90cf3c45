/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle.h - what a picture must show, page by page, and spaces to draw.
 */
#ifndef PICTURE_ORACLE_H
#define PICTURE_ORACLE_H

#include "fixture.h"
#include "picture/tally.h"

/* A space in memory as a picture sees it; made of gms_save(), or of gms_dump(). */
void oracle_load(struct picture_memory *memory, struct gms_space *space, bool text);

/* A space of that split policy with regions and holes, and random changes to it. */
struct gms_space *oracle_space(struct fx_rand *rand, uint32_t split);
void oracle_change(struct gms_space *space, struct fx_rand *rand, unsigned int n);

/*
 * The whole layout once more, page by page: the inks and counts that picture_tally() must
 * come to. before is NULL, or what there was. The inks are the caller's to free.
 */
uint8_t *oracle_tally(const struct picture_layout *layout, const struct picture_view *view,
		      const struct gms_space *before, const struct gms_space *now,
		      struct picture_counts *counts);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - what a picture shows: classes of pages, and the ink of a cell that holds some.
 *
 * A class is calm, or it is loud with a rank. Of a cell without a loud page the ink is
 * that of the calm class with the most pages. Otherwise the highest rank in it decides,
 * however few its pages are: the class's own ink if they fill the cell, a step of its ramp,
 * from few to many, if not: a step is four times as many. So nothing loud is ever averaged
 * away.
 *
 * The colours are of Okabe and Ito's palette, and shades of them, that people who do
 * not see red or green can tell apart.
 */
#ifndef GMS_PICTURE_VIEW_H
#define GMS_PICTURE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "picture/memory.h"

#define PICTURE_CLASSES	16u
#define PICTURE_STEPS	6u	/* of a ramp */

/* An ink: none, a class, or a class's step. The mark says that a folio of the cell is cut. */
#define PICTURE_NONE		0u
#define PICTURE_RAMPS		(1u + PICTURE_CLASSES)
#define PICTURE_INKS		(PICTURE_RAMPS + PICTURE_CLASSES * PICTURE_STEPS)
#define PICTURE_MARK		0x80u

struct picture_class {
	const char *name;	/* NULL: no such class */
	uint32_t rgb;
	uint32_t few, many;	/* the ends of its ramp, if it is loud */
	uint8_t	 rank;		/* 0: calm; classes of one rank have one ramp, the last one's */
	char	 letter;	/* where there are no colours: a cell full of it, */
	char	 part;		/* and one in part */
};

struct picture_view {
	const char *name;
	struct picture_class class[PICTURE_CLASSES];
	gms_state mask;		/* attributes that it looks at */
	bool	 exact;		/* and each folio */
	uint8_t	 watch;		/* the rank whose runs are of interest */
	uint8_t	 both;		/* the class of a cell that holds the two highest ranks; 0: none */
	const char *watched;	/* the runs in words */
	/* The class of pages; before is NULL, or what they were. */
	unsigned int (*of)(const struct picture_piece *before, const struct picture_piece *now);
};

extern const struct picture_view picture_state, picture_bare_state, picture_folios,
	picture_access, picture_diff;

/* Classes of a difference: of pages that are not in both, and of those that turned. */
#define PICTURE_DIFF_ADDED	7u
#define PICTURE_DIFF_REMOVED	8u
#define PICTURE_DIFF_TO_PRIVATE	9u
#define PICTURE_DIFF_TO_SHARED	10u
/* And those below are of pages that did not change. */
#define PICTURE_DIFF_SAME	2u

/* What a cell holds. */
struct picture_cell {
	uint64_t pages[PICTURE_CLASSES];
	uint64_t total;
	bool	 cut;		/* a page of it is in a folio cut below 2 MiB */
};

uint8_t	 picture_ink(const struct picture_view *view, const struct picture_cell *cell);
uint32_t picture_rgb(const struct picture_view *view, unsigned int ink);
char	 picture_letter(const struct picture_view *view, unsigned int ink);
/* The first ink of the ramp of a rank. */
unsigned int picture_ramp(const struct picture_view *view, unsigned int rank);
bool	 picture_is_cut(const struct picture_piece *piece);

#endif

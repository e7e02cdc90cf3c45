/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.c - what a picture shows; see view.h.
 */
#include "picture/view.h"

bool picture_is_cut(const struct picture_piece *piece)
{
	return piece->order < GMS_ORDER_2M && piece->base_order >= GMS_ORDER_2M;
}

/* --- what pages are --------------------------------------------------------------- */

enum { EMPTY, PRIVATE, CUT, MISSING, SHARED_EMPTY, SHARED, POISON };

/* Cold colours are private, warm ones are shared. */
#define CLASS_CUT { "private, in a cut folio", 0x56b4e9, 0x2a95d1, 0x40a4dd, 1, ':', ':' }
#define CLASS_MISSING { "missing: not here yet", 0xcc79a7, 0xe5bcd3, 0xd893b8, 2, '?', '?' }
#define CLASS_POISON { "poisoned: a hardware error", 0x000000, 0x000000, 0x000000, 4, '!', '!' }

static unsigned int bare_state_of(const struct picture_piece *before,
				  const struct picture_piece *now)
{
	(void)before;
	if (now->state & GMS_STATE_POISON)
		return POISON;
	if (now->state & GMS_STATE_SHARED)
		return SHARED;
	if (now->state & GMS_STATE_MISSING)
		return MISSING;
	return picture_is_cut(now) ? CUT : PRIVATE;
}

static unsigned int state_of(const struct picture_piece *before, const struct picture_piece *now)
{
	const unsigned int class = bare_state_of(before, now);

	if (now->state & GMS_STATE_POPULATED)
		return class;
	return class == SHARED ? SHARED_EMPTY : class == PRIVATE ? EMPTY : class;
}

const struct picture_view picture_state = {
	.name = "state",
	.class = {
		[EMPTY] = { "private, not populated", 0x3d4f5c, 0, 0, 0, ',', ',' },
		[PRIVATE] = { "private, populated", 0x0072b2, 0, 0, 0, '.', '.' },
		[CUT] = CLASS_CUT,
		[MISSING] = CLASS_MISSING,
		[SHARED_EMPTY] = { "shared, not populated", 0xffc9b5, 0, 0, 3, 'o', 'o' },
		[SHARED] = { "shared, populated", 0xd55e00, 0xf0e442, 0xe69f00, 3, '#', '+' },
		[POISON] = CLASS_POISON,
	},
	.mask = GMS_STATE_SHARED | GMS_STATE_POPULATED | GMS_STATE_MISSING | GMS_STATE_POISON,
	.watch = 3,
	.watched = "shared",
	.of = state_of,
};

const struct picture_view picture_bare_state = {
	.name = "state",
	.class = {
		[PRIVATE] = { "private", 0x0072b2, 0, 0, 0, '.', '.' },
		[CUT] = CLASS_CUT,
		[MISSING] = CLASS_MISSING,
		[SHARED] = { "shared", 0xd55e00, 0xf0e442, 0xe69f00, 3, '#', '+' },
		[POISON] = CLASS_POISON,
	},
	.mask = GMS_STATE_SHARED | GMS_STATE_MISSING | GMS_STATE_POISON,
	.watch = 3,
	.watched = "shared",
	.of = bare_state_of,
};

/* --- how folios are ---------------------------------------------------------------- */

enum { WHOLE, MIXED, CUT_2M, CUT_MIDDLE, CUT_4K };

static unsigned int folio_of(const struct picture_piece *before, const struct picture_piece *now)
{
	(void)before;
	if (now->order == now->base_order)
		return now->mixed ? MIXED : WHOLE;
	if (now->order >= GMS_ORDER_2M)
		return CUT_2M;
	return now->order ? CUT_MIDDLE : CUT_4K;
}

const struct picture_view picture_folios = {
	.name = "folios",
	.class = {
		[WHOLE] = { "whole, as the region was made", 0x0072b2, 0, 0, 0, '.', '.' },
		[MIXED] = { "whole, but shared in part", 0xe69f00, 0xf3cf80, 0xeeb84d, 1,
			    'x', 'x' },
		[CUT_2M] = { "cut to 2 MiB, or more", 0x56b4e9, 0xaad9f4, 0x80c7ef, 2, ':', ':' },
		[CUT_MIDDLE] = { "cut to 8 KiB, up to 1 MiB", 0x009e73, 0x7fcfb8, 0x3fb595, 3,
				 '+', '+' },
		[CUT_4K] = { "cut to 4 KiB", 0xd55e00, 0xf0e442, 0xe69f00, 4, '#', '*' },
	},
	.mask = GMS_STATE_SHARED,
	.exact = true,
	.watch = 4,
	.watched = "cut to 4 KiB",
	.of = folio_of,
};

/* --- what an access of the host meets ------------------------------------------------ */

enum { CLOSED, OPEN, DIRTY, PROTECTED, AWAY, FROZEN, BAD };

static unsigned int access_of(const struct picture_piece *before, const struct picture_piece *now)
{
	(void)before;
	if (now->state & GMS_STATE_POISON)
		return BAD;
	if (now->state & GMS_STATE_FROZEN)
		return FROZEN;
	if (now->state & GMS_STATE_MISSING)
		return AWAY;
	if (now->state & GMS_STATE_WRITE_PROTECT)
		return PROTECTED;
	if (now->state & GMS_STATE_DIRTY)
		return DIRTY;
	return now->state & GMS_STATE_SHARED ? OPEN : CLOSED;
}

const struct picture_view picture_access = {
	.name = "access",
	.class = {
		[CLOSED] = { "private: closed to the host", 0xc9d3dc, 0, 0, 0, '.', '.' },
		[OPEN] = { "shared: open to the host", 0x0072b2, 0, 0, 0, 'o', 'o' },
		[DIRTY] = { "dirty: written since cleared", 0x009e73, 0x7fcfb8, 0x3fb595, 1,
			    'd', 'd' },
		[PROTECTED] = { "write-protected", 0xe69f00, 0xf3cf80, 0xeeb84d, 2, 'w', 'w' },
		[AWAY] = { "missing: not here yet", 0xcc79a7, 0xe5bcd3, 0xd893b8, 3,
			   '?', '?' },
		[FROZEN] = { "frozen: every access fails", 0xd55e00, 0xf0e442, 0xe69f00, 4,
			     '#', '+' },
		[BAD] = { "poisoned: a hardware error", 0x000000, 0x000000, 0x000000, 5, '!', '!' },
	},
	.mask = GMS_STATE_SHARED | GMS_STATE_MISSING | GMS_STATE_FROZEN | GMS_STATE_WRITE_PROTECT |
		GMS_STATE_DIRTY | GMS_STATE_POISON,
	.watch = 4,
	.watched = "frozen",
	.of = access_of,
};

/* --- what changed ---------------------------------------------------------------------- */

enum {
	SAME_PRIVATE, SAME_SHARED, OTHER, WAS_CUT, WAS_MERGED, GOT_MEMORY, LOST_MEMORY,
	ADDED = PICTURE_DIFF_ADDED, REMOVED = PICTURE_DIFF_REMOVED,
	TO_PRIVATE = PICTURE_DIFF_TO_PRIVATE, TO_SHARED = PICTURE_DIFF_TO_SHARED, BOTH
};

/* Contents that can be read now: a page that is populated and not missing. */
static bool has_memory(gms_state state)
{
	return (state & (GMS_STATE_POPULATED | GMS_STATE_MISSING)) == GMS_STATE_POPULATED;
}

static unsigned int change_of(const struct picture_piece *before, const struct picture_piece *now)
{
	const gms_state turned = before->state ^ now->state;

	if (turned & GMS_STATE_SHARED)
		return now->state & GMS_STATE_SHARED ? TO_SHARED : TO_PRIVATE;
	if (has_memory(before->state) != has_memory(now->state))
		return has_memory(now->state) ? GOT_MEMORY : LOST_MEMORY;
	if (before->order != now->order)
		return now->order < before->order ? WAS_CUT : WAS_MERGED;
	if (turned)
		return OTHER;
	return now->state & GMS_STATE_SHARED ? SAME_SHARED : SAME_PRIVATE;
}

const struct picture_view picture_diff = {
	.name = "diff",
	.class = {
		[SAME_PRIVATE] = { "as before, private", 0xe3e8ec, 0, 0, 0, '.', '.' },
		[SAME_SHARED] = { "as before, shared", 0xb4bec7, 0, 0, 0, 'o', 'o' },
		[OTHER] = { "another attribute changed", 0x5c5030, 0x8d8469, 0x746a4c, 1,
			    'a', 'a' },
		[WAS_CUT] = { "in a folio that was cut", 0x66ccff, 0x99ddff, 0x80d4ff, 2,
			      'c', 'c' },
		[WAS_MERGED] = { "in a folio that was merged", 0xffeeaa, 0xfff7d4, 0xfff3bf, 3,
				 'm', 'm' },
		[GOT_MEMORY] = { "got memory, or arrived", 0x009e73, 0x4dbb9d, 0x26ac88, 4,
				 '^', '^' },
		[LOST_MEMORY] = { "lost memory, or is missing", 0xc05fa5, 0xd38fc0, 0xc977b3,
				  5, 'v', 'v' },
		[ADDED] = { "in a region that was added", 0xe69f00, 0xf3cf80, 0xeeb84d, 6,
			    'A', 'A' },
		[REMOVED] = { "in a region that was removed", 0x000000, 0x808080, 0x404040, 7,
			      'R', 'R' },
		[TO_PRIVATE] = { "turned private", 0x0072b2, 0x3c8dc5, 0x1e80bc, 8, 'p', '-' },
		[TO_SHARED] = { "turned shared", 0xd55e00, 0xe0824a, 0xda7025, 9, 'S', '+' },
		[BOTH] = { "a cell of both", 0xf0e442, 0, 0, 0, '*', '*' },
	},
	.mask = GMS_STATE_ALL,
	.exact = true,
	.watch = 9,
	.both = BOTH,
	.watched = "turned shared",
	.of = change_of,
};

/* --- the ink of a cell ------------------------------------------------------------------- */

static unsigned int most_pages(const struct picture_view *view, const struct picture_cell *cell,
			       unsigned int rank)
{
	unsigned int most = PICTURE_CLASSES;

	for (unsigned int i = 0; i < PICTURE_CLASSES; i++)
		if (view->class[i].name && view->class[i].rank == rank && cell->pages[i] &&
		    (most == PICTURE_CLASSES || cell->pages[i] > cell->pages[most]))
			most = i;
	return most;
}

/* The last class of the rank has the ramp. */
static unsigned int ramp_class(const struct picture_view *view, unsigned int rank)
{
	unsigned int last = 0;

	for (unsigned int i = 0; i < PICTURE_CLASSES; i++)
		if (view->class[i].name && view->class[i].rank == rank)
			last = i;
	return last;
}

unsigned int picture_ramp(const struct picture_view *view, unsigned int rank)
{
	return PICTURE_RAMPS + ramp_class(view, rank) * PICTURE_STEPS;
}

/* Up to a thousandth is the first step; each one more is four times as much. */
static unsigned int step_of(uint64_t loud, uint64_t total)
{
	uint64_t times = UINT64_C(1) << (2 * (PICTURE_STEPS - 1));
	unsigned int step = 0;

	for (; times > 1 && loud * times >= total; times /= 4)
		step++;
	return step;
}

uint8_t picture_ink(const struct picture_view *view, const struct picture_cell *cell)
{
	const unsigned int mark = cell->cut ? PICTURE_MARK : 0;
	unsigned int top = 0, second = 0, ink;
	uint64_t loud = 0;

	if (!cell->total)
		return PICTURE_NONE;
	for (unsigned int i = 0; i < PICTURE_CLASSES; i++) {
		const unsigned int rank = view->class[i].rank;

		if (!cell->pages[i] || rank == top)
			continue;
		if (rank > top) {
			second = top;
			top = rank;
		} else if (rank > second) {
			second = rank;
		}
	}
	if (view->both && top == view->watch && second == view->watch - 1u)
		return (uint8_t)((1u + view->both) | mark);
	for (unsigned int i = 0; top && i < PICTURE_CLASSES; i++)
		if (view->class[i].rank == top)
			loud += cell->pages[i];
	if (!top || loud == cell->total)
		ink = 1 + most_pages(view, cell, top);
	else
		ink = picture_ramp(view, top) + step_of(loud, cell->total);
	return (uint8_t)(ink | mark);
}

static uint32_t between(uint32_t few, uint32_t many, unsigned int step)
{
	uint32_t rgb = 0;

	for (unsigned int shift = 0; shift < 24; shift += 8) {
		const uint32_t a = few >> shift & 0xff, b = many >> shift & 0xff;

		rgb |= (a * (PICTURE_STEPS - 1 - step) + b * step) / (PICTURE_STEPS - 1) << shift;
	}
	return rgb;
}

uint32_t picture_rgb(const struct picture_view *view, unsigned int ink)
{
	const struct picture_class *class;

	ink &= ~PICTURE_MARK;
	if (ink == PICTURE_NONE)
		return 0xffffff;
	if (ink < PICTURE_RAMPS)
		return view->class[ink - 1].rgb;
	ink -= PICTURE_RAMPS;
	class = &view->class[ink / PICTURE_STEPS];
	return between(class->few, class->many, ink % PICTURE_STEPS);
}

char picture_letter(const struct picture_view *view, unsigned int ink)
{
	ink &= ~PICTURE_MARK;
	if (ink == PICTURE_NONE)
		return ' ';
	if (ink < PICTURE_RAMPS)
		return view->class[ink - 1].letter;
	return view->class[(ink - PICTURE_RAMPS) / PICTURE_STEPS].part;
}

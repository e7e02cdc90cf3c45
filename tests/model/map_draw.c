/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_draw.c - what the model of the map changes next.
 *
 * Few blocks are busy, so that each of them is made more mixed and simpler again
 * many times. Most edits are of a few attributes, which keeps blocks in states
 * that the palette has; some look at the block first, in the array, to take it
 * where chance seldom would.
 */
#include "map_model.h"

#define S		GMS_STATE_SHARED
#define A		GMS_STATE_ACCEPTED
#define H		GMS_STATE_HOST_MAPPED
#define P		GMS_STATE_POPULATED

/* Several attributes at once: a part of them makes a third state. */
#define MARK		(S | GMS_STATE_USER0 | GMS_STATE_USER1)

/* The others refuse conversions from then on. */
#define USUAL		(GMS_STATE_ALL & ~(GMS_STATE_FROZEN | GMS_STATE_POISON))

/* A comb: single pages at a stride, one a step. */
static struct {
	struct mm_region *region;
	gms_gfn	  at, end;
	uint64_t  stride;
	gms_state set, clear;
} comb;

void mm_draw_begin(void)
{
	memset(&comb, 0, sizeof(comb));
}

/* Add what a legal change brings along, so that every page stays legal. */
static void make_legal(struct mm_op *op)
{
	if (op->set & H)
		op->set |= S;
	if (op->set & S)
		op->set &= ~A;
	op->clear &= ~op->set;
	if (op->set & S)
		op->clear |= A;
	if (op->set & A)
		op->clear |= S;
	if (op->clear & S)
		op->clear |= H;
	if (op->clear & P)
		op->clear |= (A | H | GMS_STATE_DIRTY) & ~op->set;
}

static void assign(struct mm_op *op, gms_state state)
{
	op->set = state;
	op->clear = GMS_STATE_ALL & ~state;
}

/* Any state at all: often in some epochs, where the palette is full soon. */
static bool draw_any(void)
{
	return mm_odds(1, mm.epoch / 8 % 2 ? 100 : 10);
}

/* Mostly a few attributes, so that states come again. */
static void draw_bits(struct mm_op *op)
{
	static const gms_state some[] = {
		S, S, MARK, MARK, MARK, GMS_STATE_DIRTY, P | GMS_STATE_USER2, GMS_STATE_MISSING,
	};
	gms_state bits = some[mm_below(8)];

	if (draw_any()) {
		op->set = (gms_state)fx_rand_u64(&mm.rand) & GMS_STATE_ALL;
		op->clear = (gms_state)fx_rand_u64(&mm.rand) & GMS_STATE_ALL;
		if (!mm_odds(1, 16))
			op->set &= USUAL;
	} else if (mm_odds(1, 2)) {
		op->set = bits;
	} else {
		op->clear = bits;
	}
}

/* The run of equal pages around one, within [lo, hi). */
static void run_around(struct mm_op *op, gms_gfn gfn, gms_gfn lo, gms_gfn hi)
{
	op->first = gfn;
	op->end = gfn + 1;
	while (op->first > lo && mm.page[op->first - 1] == mm.page[gfn])
		op->first--;
	while (op->end < hi && mm.page[op->end] == mm.page[gfn])
		op->end++;
}

/* Where the run after a page's begins: short runs are found so, too. */
static gms_gfn next_run(gms_gfn gfn, gms_gfn hi)
{
	gms_gfn at = gfn;

	while (at < hi && mm.page[at] == mm.page[gfn])
		at++;
	return at < hi ? at : gfn;
}

/* The first page that is of neither of the first two states. */
static gms_gfn third_state(gms_gfn lo, gms_gfn hi)
{
	const gms_gfn second = next_run(lo, hi);
	gms_gfn at = second;

	while (at < hi && (mm.page[at] == mm.page[lo] || mm.page[at] == mm.page[second]))
		at++;
	return at < hi ? at : second;
}

/* From the first to the last page of a state. */
static void hull_of(struct mm_op *op, gms_state state, gms_gfn lo, gms_gfn hi)
{
	for (op->first = lo; op->first < hi - 1 && mm.page[op->first] != state; op->first++)
		;
	for (op->end = hi; op->end > op->first + 1 && mm.page[op->end - 1] != state; op->end--)
		;
}

/* Cover what no place is left for with a state that has one. */
static void draw_narrowing(struct mm_op *op, gms_gfn lo, gms_gfn hi)
{
	gms_state with = 0;

	op->first = hi;
	op->end = lo + 1;
	for (gms_gfn gfn = lo; gfn < hi; gfn++) {
		if (gfn > lo && mm.page[gfn] == mm.page[gfn - 1] && gfn != op->end)
			continue;
		if (mm_has_place(mm.page[gfn])) {
			with = mm.page[gfn];
			continue;
		}
		op->first = gms__min(op->first, gfn);
		op->end = gfn + 1;
	}
	if (op->first >= op->end)
		op->first = op->end - 1;
	assign(op, with);
}

/* What is of neither of the first two states becomes as one of them, with what lies between. */
static void draw_two_states(struct mm_op *op, gms_gfn lo, gms_gfn hi)
{
	const gms_gfn second = next_run(lo, hi);

	op->first = third_state(lo, hi);
	for (op->end = hi; op->end > op->first + 1; op->end--) {
		const uint16_t last = mm.page[op->end - 1];

		if (last != mm.page[lo] && last != mm.page[second])
			break;
	}
	assign(op, mm.page[mm_odds(1, 2) ? lo : second]);
}

/* Between the first and the last run of the second state all become as the first. */
static void draw_fold(struct mm_op *op, gms_gfn lo, gms_gfn hi)
{
	const gms_gfn second = next_run(lo, hi);

	op->first = next_run(second, hi);
	for (op->end = hi; op->end > op->first + 1 && mm.page[op->end] != mm.page[second]; op->end--)
		;
	if (mm_odds(1, 2))	/* what lies behind as well, or up to there */
		op->end = hi;
	else
		while (op->end > op->first + 1 && mm.page[op->end - 1] == mm.page[second])
			op->end--;
	assign(op, mm.page[lo]);
}

/* A change within the block around a page, which makes it simpler or more mixed. */
static void draw_in_block(struct mm_op *op, gms_gfn page)
{
	const gms_gfn gfn = mm_odds(1, 2) ? page : next_run(page, gms__clip_hi(&op->region->row,
									     page, FX_2M));
	const gms_gfn lo = gms__clip_lo(&op->region->row, gfn, FX_2M);
	const gms_gfn hi = gms__clip_hi(&op->region->row, gfn, FX_2M);
	const gms_gfn other = lo + mm_below(hi - lo);
	uint64_t which = mm_below(18), nruns = 1;
	gms_state bits, from;
	uint64_t word;

	for (gms_gfn at = lo + 1; at < hi; at++)
		nruns += mm.page[at] != mm.page[at - 1];
	/* Two forms for few runs of two states meet here: a word's and a plane. */
	if (nruns >= 4 && nruns <= 7 && mm_odds(1, 2))
		which = mm_odds(1, 2) ? 9 : 12;
	if (nruns > 16 && mm_odds(1, 5))
		which = (const uint64_t[]){ 8, 8, 10, 11, 15 }[mm_below(5)];
	/* Full palettes are for good; blocks shall come back from it. */
	if (mm_word(op->region, gfn, &word) && gms__block_kind(word) == GMS__WIDE &&
	    mm_odds(1, 3))
		which = mm_odds(1, 2) ? 8 : 14;
	draw_bits(op);
	op->first = gfn;
	op->end = gfn + 1;
	switch (which) {
	case 0: case 1: case 2: case 3:
		break;
	case 4: case 5: case 6:
		op->end = gms__min(hi, gfn + 1 + mm_below(64));
		break;
	case 7:		/* all */
		op->first = lo;
		op->end = hi;
		break;
	case 8:		/* all, one state */
		op->first = lo;
		op->end = hi;
		assign(op, mm.page[other]);
		if (draw_any() || draw_any() || draw_any())
			assign(op, (gms_state)fx_rand_u64(&mm.rand) & USUAL);
		break;
	case 10:
		draw_two_states(op, lo, hi);
		break;
	case 9:		/* a run becomes as its neighbour */
		run_around(op, mm_odds(1, 2) ? gfn : third_state(lo, hi), lo, hi);
		assign(op, mm.page[op->first > lo ? op->first - 1 : other]);
		break;
	case 11:	/* a stretch becomes as some page */
		op->first = gms__min(gfn, other);
		op->end = gms__max(gfn, other) + 1;
		assign(op, mm.page[lo + mm_below(hi - lo)]);
		break;
	case 12: case 13:	/* all of the second state become a bit more like the first */
		from = mm.page[next_run(lo, hi)];
		bits = (mm.page[lo] ^ from) & (gms_state)fx_rand_u64(&mm.rand);
		hull_of(op, from, lo, hi);
		op->set = mm.page[lo] & bits;
		op->clear = from & bits;
		break;
	case 14:
		draw_narrowing(op, lo, hi);
		break;
	case 15:
		draw_fold(op, lo, hi);
		break;
	default:
		comb.region = op->region;
		comb.at = gfn;
		comb.end = hi;
		comb.stride = 1 + mm_below(12);
		comb.set = op->set;
		comb.clear = op->clear;
	}
}

/* The GiB around a page, as far as it is the region's, or some more than it. */
static void draw_gibs(struct mm_op *op, gms_gfn gfn)
{
	op->first = gms__clip_lo(&op->region->row, gfn, FX_1G);
	op->end = gms__clip_hi(&op->region->row, gfn, FX_1G);
	draw_bits(op);
	if (mm_odds(1, 3))
		assign(op, mm.page[gfn]);
	if (mm_odds(1, 4)) {
		op->first = op->region->row.first + mm_below(gfn + 1 - op->region->row.first);
		op->end = gfn + 1 + mm_below(op->region->end - gfn);
	}
}

/* Few blocks are busy: the first and last of each region and of its GiB. */
static gms_gfn draw_page(const struct mm_region *r)
{
	const gms_gfn gib = (r->row.first & ~(FX_1G - 1)) + mm_below(3) * FX_1G;
	const gms_gfn from[] = { r->row.first, r->end - FX_2M, gib, gib + 5 * FX_2M,
				 gib - FX_2M };
	const gms_gfn gfn = from[mm_below(5)] + mm_below(FX_2M);

	if (gfn < r->row.first || gfn >= r->end)
		return r->row.first + mm_below(gms__min(r->row.npages, FX_2M));
	return gfn;
}

void mm_draw_edit(struct mm_op *op)
{
	gms_gfn gfn;

	memset(op, 0, sizeof(*op));
	op->step = mm.step;
	if (comb.region) {
		op->region = comb.region;
		op->first = comb.at;
		op->end = comb.at + 1;
		op->set = comb.set;
		op->clear = comb.clear;
		comb.at += comb.stride;
		if (mm_odds(1, 8)) {	/* a tooth of another state */
			op->set = op->clear = 0;
			draw_bits(op);
		}
		if (comb.at >= comb.end || mm_odds(1, 60))
			comb.region = NULL;
		make_legal(op);
		return;
	}
	op->region = &mm.region[mm_below(mm.nregions)];
	gfn = draw_page(op->region);
	if (mm_odds(1, mm.guest->small ? 30 : 200)) {
		draw_gibs(op, gfn);
	} else if (mm_odds(1, 20)) {	/* several blocks, whole ones at times */
		draw_bits(op);
		op->first = gfn;
		op->end = gms__min(op->region->end, gfn + 1 + mm_below(4 * FX_2M));
		if (mm_odds(1, 2)) {
			op->first = gms__clip_lo(&op->region->row, gfn, FX_2M);
			op->end = gms__clip_hi(&op->region->row, op->end - 1, FX_2M);
		}
	} else {
		draw_in_block(op, gfn);
	}
	make_legal(op);
}

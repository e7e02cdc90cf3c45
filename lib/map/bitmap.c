/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bitmap.c - the states of a range as a bitmap; see bitmap.h.
 *
 * The walk goes up through the regions and their GiB. Where a bit is a page, and
 * a block's bits are whole words of the bitmap, groups of blocks are written to
 * where they belong; all else goes through eight words on the stack.
 *
 *   X1  Words of the bitmap before nwords say what was found so far, and bits
 *       behind that are clear. What is in the others is no matter.
 *
 * After each group or block the reader looks again (R1 to R3 of map.h, and the
 * palette): if somebody changed what it went through, that one is read again,
 * and not the GiB, so a busy writer costs it little. Until then nothing of it
 * counts: nwords is left alone, or the words are still on the stack.
 */
#include "map/bitmap.h"

#include <string.h>

#include "base/le.h"
#include "map/pick.h"

#define PAGES	((unsigned)GMS__BLOCK_PAGES)

struct bitmap {
	const struct gms__map *map;
	struct gms__pick pick;
	gms_gfn	  first;	/* of the range: bit 0 */
	unsigned  order;
	uint64_t *word;
	uint64_t  nwords;	/* X1 */
};

/* How the walk came to the chunk it is in. */
struct way {
	uint64_t	check;
	const uint64_t *gib_at;
	uint64_t	gib;
	const struct gms__chunk *chunk;
	uint64_t	generation;
};

/* --- what is written ----------------------------------------------------- */

static void clear_to(struct bitmap *x, uint64_t nwords)
{
	if (x->nwords >= nwords)
		return;
	memset(&x->word[x->nwords], 0, (nwords - x->nwords) * sizeof(x->word[0]));
	x->nwords = nwords;
}

/* The granules that pages [first, end) are in. */
static void set_granules(struct bitmap *x, gms_gfn first, gms_gfn end)
{
	const uint64_t lo = (first - x->first) >> x->order;
	const uint64_t hi = (end - 1 - x->first) >> x->order;
	const uint64_t w = lo / 64, last = hi / 64;
	uint64_t bits = ~UINT64_C(0) << lo % 64;

	clear_to(x, w + 1);
	if (w < last) {
		x->word[w] |= gms__le64(bits);
		memset(&x->word[w + 1], 0xff, (last - w - 1) * sizeof(x->word[0]));
		x->nwords = last;
		clear_to(x, last + 1);
		bits = ~UINT64_C(0);
	}
	x->word[last] |= gms__le64(bits & ~UINT64_C(0) >> (63 - hi % 64));
}

/* Each bit of the lower half becomes the sum of two. */
static uint64_t halve(uint64_t bits)
{
	bits = (bits | bits >> 1) & UINT64_C(0x5555555555555555);
	bits = (bits | bits >> 1) & UINT64_C(0x3333333333333333);
	bits = (bits | bits >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	bits = (bits | bits >> 4) & UINT64_C(0x00ff00ff00ff00ff);
	bits = (bits | bits >> 8) & UINT64_C(0x0000ffff0000ffff);
	return (bits | bits >> 16) & UINT64_C(0x00000000ffffffff);
}

/* From a bit a page to one of 2^order pages; order is below a block's. */
static void fold(uint64_t bits[GMS__PLANE_WORDS], unsigned order)
{
	unsigned n = GMS__PLANE_WORDS;

	for (; order && n > 1; order--) {
		n /= 2;
		for (unsigned w = 0; w < n; w++)
			bits[w] = halve(bits[2 * w]) | halve(bits[2 * w + 1]) << 32;
	}
	while (order--)
		bits[0] = halve(bits[0]);
	for (; n < GMS__PLANE_WORDS; n++)
		bits[n] = 0;
}

/* Bits of the pages of a block that are not in [lo, hi) are no matter. */
static void clip(uint64_t bits[GMS__PLANE_WORDS], unsigned lo, unsigned hi)
{
	for (unsigned w = 0; w < lo / 64; w++)
		bits[w] = 0;
	bits[lo / 64] &= ~UINT64_C(0) << lo % 64;
	for (unsigned w = (hi + 63) / 64; w < GMS__PLANE_WORDS; w++)
		bits[w] = 0;
	bits[(hi - 1) / 64] &= ~UINT64_C(0) >> (63 - (hi - 1) % 64);
}

/* Leave out the first bits of a block. */
static void drop(uint64_t bits[GMS__PLANE_WORDS], unsigned n)
{
	const unsigned words = n / 64, shift = n % 64;

	for (unsigned w = 0; w < GMS__PLANE_WORDS; w++) {
		const uint64_t lo = w + words < GMS__PLANE_WORDS ? bits[w + words] : 0;
		const uint64_t hi = w + words + 1 < GMS__PLANE_WORDS ? bits[w + words + 1] : 0;

		bits[w] = lo >> shift | hi << 1 << (63 - shift);
	}
}

/* Granules [at, last], the first of which may have been begun. */
static void add_granules(struct bitmap *x, uint64_t at, uint64_t last,
			 const uint64_t bits[GMS__PLANE_WORDS])
{
	const unsigned shift = at % 64;
	uint64_t w = at / 64, carry;

	clear_to(x, w + 1);
	carry = gms__le64(x->word[w]);
	for (unsigned i = 0; w <= last / 64; w++, i++) {
		const uint64_t more = i < GMS__PLANE_WORDS ? bits[i] : 0;

		x->word[w] = gms__le64(carry | more << shift);
		carry = more >> 1 >> (63 - shift);
	}
	x->nwords = gms__max(x->nwords, w);
}

/* Pages [lo, hi) of one block. */
static void add_pages(struct bitmap *x, gms_gfn lo, gms_gfn hi, uint64_t bits[GMS__PLANE_WORDS])
{
	const gms_gfn base = lo & ~(GMS__BLOCK_PAGES - 1);
	const gms_gfn first = lo >> x->order << x->order;
	uint64_t any = 0;

	clip(bits, (unsigned)(lo - base), (unsigned)(hi - base));
	if (x->order >= GMS_ORDER_2M) {
		for (unsigned w = 0; w < GMS__PLANE_WORDS; w++)
			any |= bits[w];
		if (any)
			set_granules(x, lo, hi);
		return;
	}
	fold(bits, x->order);
	/* Words behind the one that lo is in belong to nobody yet. */
	if (base < first)
		drop(bits, (unsigned)((first - base) >> x->order));
	add_granules(x, (first - x->first) >> x->order, (hi - 1 - x->first) >> x->order, bits);
}

/* --- what is read -------------------------------------------------------- */

static bool still_there(const struct bitmap *x, const struct way *way)
{
	gms__read_fence();
	return gms__load_relaxed(&way->chunk->generation) == way->generation &&
	       gms__load_relaxed(way->gib_at) == way->gib &&
	       !gms__table_changed(x->map, way->check) && gms__pick_stands(&x->pick);
}

/* Do blocks at pos begin with a word of the bitmap, a bit a page? */
static bool in_place(const struct bitmap *x, gms_gfn pos)
{
	return !x->order && !(x->first % 64) && !(pos % GMS__BLOCK_PAGES);
}

/* n whole blocks; false: read them again. */
static bool write_blocks(struct bitmap *x, const struct way *way, gms_gfn pos, unsigned n)
{
	const uint64_t w = (pos - x->first) / 64;

	clear_to(x, w);
	gms__pick_blocks(&x->pick, &way->chunk->word[gms__block_index(pos)], n,
			 &x->word[w]);
	if (!still_there(x, way))
		return false;
	x->nwords = w + n * GMS__PLANE_WORDS;
	return true;
}

/* [pos, end) of one block; false: read it again. */
static bool add_block(struct bitmap *x, const struct way *way, gms_gfn pos, gms_gfn end)
{
	const uint64_t word = gms__load(&way->chunk->word[gms__block_index(pos)]);
	uint64_t bits[GMS__PLANE_WORDS];

	if (gms__block_is_uniform(word)) {
		if (!still_there(x, way))
			return false;
		if (gms__pick_state(&x->pick, gms__block_state(&x->map->palette, word)))
			set_granules(x, pos, end);
		return true;
	}
	gms__pick_block(&x->pick, word, bits);
	if (!still_there(x, way))
		return false;
	add_pages(x, pos, end, bits);
	return true;
}

/* [pos, end) of a chunk; how far it came before somebody changed it. */
static gms_gfn export_chunk(struct bitmap *x, const struct way *way, gms_gfn pos, gms_gfn end)
{
	while (pos < end) {
		uint64_t npages = (pos | (GMS__BLOCK_PAGES - 1)) + 1 - pos;

		if (in_place(x, pos) && end - pos >= GMS__BLOCK_PAGES) {
			npages = gms__min((end - pos) & ~(GMS__BLOCK_PAGES - 1),
					  GMS__PICK_BLOCKS * GMS__BLOCK_PAGES);
			if (!write_blocks(x, way, pos, (unsigned)(npages / GMS__BLOCK_PAGES)))
				break;
		} else {
			npages = gms__min(npages, end - pos);
			if (!add_block(x, way, pos, pos + npages))
				break;
		}
		pos += npages;
	}
	return pos;
}

/* [pos, end) of one region; how far it came before somebody changed the regions. */
static gms_gfn export_region(struct bitmap *x, const struct gms__region *row, uint64_t check,
			     gms_gfn pos, gms_gfn end)
{
	while (pos < end) {
		const gms_gfn stop = gms__min((pos | (GMS__GIB_PAGES - 1)) + 1, end);
		struct way way = { .check = check, .gib_at = gms__gib_at(row, pos) };

		way.gib = gms__load(way.gib_at);
		if (gms__word_is_uniform(way.gib)) {
			if (gms__table_changed(x->map, check))
				break;
			if (gms__pick_state(&x->pick, gms__word_state(way.gib)))
				set_granules(x, pos, stop);
			pos = stop;
			continue;
		}
		way.chunk = gms__word_table(way.gib);
		way.generation = gms__load(&way.chunk->generation);
		pos = export_chunk(x, &way, pos, stop);
		if (gms__unlikely(pos < stop)) {
			if (gms__table_changed(x->map, check))
				break;
			if (!gms__pick_stands(&x->pick))
				gms__pick_init(&x->pick, &x->map->palette, x->map->bulk,
					       x->pick.mask, x->pick.value);
		}
	}
	return pos;
}

void gms__map_bitmap(const struct gms__map *map, gms_gfn first, gms_gfn end, gms_state mask,
		     gms_state value, unsigned order, uint64_t *le_bitmap)
{
	struct bitmap x = { .map = map, .first = first, .order = order, .word = le_bitmap };
	gms_gfn pos = first;

	gms__pick_init(&x.pick, &map->palette, map->bulk, mask, value);
	while (pos < end) {
		struct gms__region row;
		uint64_t check;

		if (!gms__region_find(map, pos, &row, &check) || row.first >= end)
			break;
		pos = gms__max(pos, row.first);
		pos = export_region(&x, &row, check, pos, gms__min(end, row.first + row.npages));
	}
	clear_to(&x, (gms__bitmap_granules(end - first, order) + 63) / 64);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block.c - read one block's word and leaf; see block.h.
 *
 * These are called by readers without a lock, so a leaf may be somebody else's
 * by now and its contents anything: every answer stays within the block and
 * within the palette, and the caller finds out that it was worth nothing.
 */
#include "map/block.h"

#define PAGES		((unsigned)GMS__BLOCK_PAGES)

const uint64_t gms__plane_of_zeros[GMS__BLOCK_PAGES / 64]
	__attribute__((aligned(GMS__CACHE_LINE)));

static unsigned list_length(uint64_t word)
{
	return gms__block_kind(word) == GMS__LIST16 ? 16 : 32;
}

/* The index of the entry that holds a page. */
static unsigned list_find(const uint16_t *entry, uint64_t word, unsigned page)
{
	const uint16_t key = (uint16_t)(page << 7 | 127);
	unsigned n = gms__rank16(entry, key);

	if (n == 16 && gms__block_kind(word) == GMS__LIST32)
		n += gms__rank16(entry + 16, key);
	return n ? n - 1 : 0;
}

gms_state gms__block_get_other(const struct gms__palette *palette, uint64_t word, unsigned page)
{
	const uint16_t *wide;
	const uint8_t *bytes;

	switch (gms__block_kind(word)) {
	case GMS__RUNS:
		return gms__palette_state(palette, gms__block_in_runs(word, page) ?
						   gms__block_other(word) : gms__block_base(word));
	case GMS__LIST16:
	case GMS__LIST32:
		wide = gms__block_leaf(word);
		return gms__palette_state(palette,
					  gms__load(&wide[list_find(wide, word, page)]) & 127);
	case GMS__PLAIN:
		return gms__block_state(palette, word) & GMS_STATE_ALL;
	case GMS__BYTES:
		bytes = gms__block_leaf(word);
		return gms__palette_state(palette, gms__load(&bytes[page]));
	case GMS__WIDE:
	default:
		wide = gms__block_leaf(word);
		return gms__load(&wide[page]) & GMS_STATE_ALL;
	}
}

static gms_state runs_piece(const struct gms__palette *palette, uint64_t word, unsigned page,
			    gms_state mask, unsigned *first, unsigned *end)
{
	const struct gms__two_runs r = gms__block_two_runs(word);
	const unsigned s1 = r.s1, e1 = r.e1, s2 = r.s2, e2 = r.e2;
	const gms_state base = gms__palette_state(palette, gms__block_base(word)) & mask;
	const gms_state other = gms__palette_state(palette, gms__block_other(word)) & mask;

	*first = 0;
	*end = PAGES;
	if (base == other)
		return base;
	if (page < s1) {
		*end = s1;
	} else if (page < e1) {
		*first = s1;
		*end = e1;
		return other;
	} else if (s2 == e2) {
		*first = e1;
	} else if (page < s2) {
		*first = e1;
		*end = s2;
	} else if (page < e2) {
		*first = s2;
		*end = e2;
		return other;
	} else {
		*first = e2;
	}
	return base;
}

static gms_state list_piece(const struct gms__palette *palette, uint64_t word, unsigned page,
			    gms_state mask, unsigned *first, unsigned *end)
{
	const uint16_t *entry = gms__block_leaf(word);
	const unsigned n = list_length(word), at = list_find(entry, word, page);
	const gms_state state = gms__palette_state(palette, gms__load(&entry[at]) & 127) & mask;
	unsigned lo = at, hi = at + 1;

	while (lo && (gms__palette_state(palette, gms__load(&entry[lo - 1]) & 127) & mask) == state)
		lo--;
	while (hi < n && (gms__palette_state(palette, gms__load(&entry[hi]) & 127) & mask) == state)
		hi++;
	*first = gms__load(&entry[lo]) >> 7;
	*end = hi < n ? gms__load(&entry[hi]) >> 7 : PAGES;
	return state;
}

/*
 * The first page at or after one whose bit differs from flip's; PAGES: none.
 * here is the word of that page as it was read once: read again it might say
 * otherwise, for bits change in place, and the page would not be in its piece.
 */
static unsigned plane_next(const uint64_t *plane, uint64_t here, unsigned page, uint64_t flip)
{
	unsigned w = page / 64;
	uint64_t bits = (here ^ flip) & ~UINT64_C(0) << page % 64;

	while (!bits && ++w < PAGES / 64)
		bits = gms__load(&plane[w]) ^ flip;
	return bits ? w * 64 + (unsigned)__builtin_ctzll(bits) : PAGES;
}

/* The end of the last stretch before page that differs; 0: none. */
static unsigned plane_back(const uint64_t *plane, uint64_t here, unsigned page, uint64_t flip)
{
	unsigned w = page / 64;
	uint64_t bits = (here ^ flip) & ~(~UINT64_C(0) << page % 64);

	while (!bits && w)
		bits = gms__load(&plane[--w]) ^ flip;
	return bits ? w * 64 + 64 - (unsigned)__builtin_clzll(bits) : 0;
}

static gms_state plane_piece(const struct gms__palette *palette, uint64_t word, unsigned page,
			     gms_state mask, unsigned *first, unsigned *end)
{
	const gms_state base = gms__palette_state(palette, gms__block_base(word)) & mask;
	const gms_state other = gms__palette_state(palette, gms__block_other(word)) & mask;
	const uint64_t *plane = gms__block_leaf(word);
	const uint64_t here = gms__load(&plane[page / 64]);
	const bool bit = here >> page % 64 & 1;
	const uint64_t flip = bit ? ~UINT64_C(0) : 0;

	*first = 0;
	*end = PAGES;
	if (base != other) {
		*first = plane_back(plane, here, page, flip);
		*end = plane_next(plane, here, page, flip);
	}
	return bit ? other : base;
}

gms_state gms__block_piece(const struct gms__palette *palette, uint64_t word, unsigned page,
			   gms_state mask, unsigned *first, unsigned *end)
{
	gms_state state;

	switch (gms__block_kind(word)) {
	case GMS__UNIFORM:
	case GMS__PLAIN:
		*first = 0;
		*end = PAGES;
		return gms__block_state(palette, word) & mask;
	case GMS__RUNS:
		return runs_piece(palette, word, page, mask, first, end);
	case GMS__LIST16:
	case GMS__LIST32:
		return list_piece(palette, word, page, mask, first, end);
	case GMS__PLANE:
		return plane_piece(palette, word, page, mask, first, end);
	default:
		break;
	}
	state = gms__block_get(palette, word, page) & mask;
	*first = page;
	*end = page + 1;
	while (*first && (gms__block_get(palette, word, *first - 1) & mask) == state)
		--*first;
	while (*end < PAGES && (gms__block_get(palette, word, *end) & mask) == state)
		++*end;
	return state;
}

static unsigned overlap(unsigned s, unsigned e, unsigned first, unsigned end)
{
	const unsigned lo = s > first ? s : first, hi = e < end ? e : end;

	return lo < hi ? hi - lo : 0;
}

static unsigned runs_count(uint64_t word, unsigned first, unsigned end)
{
	const struct gms__two_runs r = gms__block_two_runs(word);

	return overlap(r.s1, r.e1, first, end) + overlap(r.s2, r.e2, first, end);
}

static unsigned list_count(const struct gms__palette *palette, uint64_t word, unsigned first,
			   unsigned end, gms_state attribute)
{
	const uint16_t *entry = gms__block_leaf(word);
	const unsigned length = list_length(word);
	unsigned n = 0;

	for (unsigned i = 0; i < length; i++) {
		const uint16_t e = gms__load(&entry[i]);
		unsigned stop = PAGES;

		if (i + 1 < length)
			stop = gms__load(&entry[i + 1]) >> 7;

		/* A repeated last entry is empty but for its last repetition. */
		if (gms__palette_state(palette, e & 127) & attribute)
			n += overlap(e >> 7, stop, first, end);
	}
	/* Of a list read while it went away the sum may be anything. */
	return n <= end - first ? n : end - first;
}

unsigned gms__block_others(uint64_t word, const struct gms__bulk *bulk, unsigned first,
			   unsigned end)
{
	if (gms__block_kind(word) == GMS__RUNS)
		return runs_count(word, first, end);
	if (end - first == 1)
		return gms__load(&((const uint64_t *)gms__block_leaf(word))[first / 64]) >>
		       first % 64 & 1;
	if (end - first == PAGES)
		return bulk->plane_count(gms__block_leaf(word));
	return bulk->plane_count_range(gms__block_leaf(word), first, end);
}

unsigned gms__block_count(const struct gms__palette *palette, const struct gms__bulk *bulk,
			  uint64_t word, unsigned first, unsigned end, gms_state attribute)
{
	const enum gms__kind kind = gms__block_kind(word);
	bool base, other;
	unsigned n = 0;

	switch (kind) {
	case GMS__UNIFORM:
	case GMS__PLAIN:
		return gms__block_state(palette, word) & attribute ? end - first : 0;
	case GMS__RUNS:
	case GMS__PLANE:
		base = gms__palette_state(palette, gms__block_base(word)) & attribute;
		other = gms__palette_state(palette, gms__block_other(word)) & attribute;
		if (base == other)
			return base ? end - first : 0;
		n = gms__block_others(word, bulk, first, end);
		return other ? n : end - first - n;
	case GMS__LIST16:
	case GMS__LIST32:
		return list_count(palette, word, first, end, attribute);
	default:
		break;
	}
	for (unsigned page = first; page < end; page++)
		n += gms__block_get_other(palette, word, page) & attribute ? 1 : 0;
	return n;
}

bool gms__block_uniform_deep(const struct gms__palette *palette, uint64_t word, gms_state mask)
{
	unsigned first, end;

	gms__block_piece(palette, word, 0, mask, &first, &end);
	return end == PAGES;
}

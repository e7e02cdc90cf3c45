/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pick.c - a block's matching pages as bits; see pick.h.
 *
 * Whatever mixture of kinds a GiB is made of, no branch is taken by the kind of
 * a block: UNIFORM and PLANE are copied alike, as bulk.h does it, and what they
 * are not is put on a list meanwhile and done afterwards. RUNS, the most frequent
 * of those, have no branch by where the runs are either.
 */
#include "map/pick.h"

#include <string.h>

#include "base/le.h"

#define WORDS	GMS__PLANE_WORDS
#define BATCH	16u	/* prepared on the stack, which may be a signal handler's */

void gms__pick_init(struct gms__pick *pick, const struct gms__palette *palette,
		    const struct gms__bulk *bulk, gms_state mask, gms_state value)
{
	memset(pick, 0, sizeof(*pick));
	pick->palette = palette;
	pick->bulk = bulk;
	pick->mask = mask;
	pick->value = value;
	pick->nplaces = gms__load(&palette->n);
	for (uint32_t i = 0; i < pick->nplaces; i++) {
		if (!gms__pick_state(pick, gms__palette_state(palette, i)))
			continue;
		pick->place[i] = -1;
		pick->bit[i / 8] |= (uint8_t)(1 << i % 8);
	}
}

/* All ones or all zeros. */
static inline uint64_t place_bits(const struct gms__pick *pick, unsigned place)
{
	return (uint64_t)(int64_t)pick->place[place % GMS__PLACES];
}

/*
 * Words of a block that are ones from a page on: those from &steps[8 - page / 64]
 * on are, but for the bits below the page in its own word.
 */
static const uint64_t steps[2 * WORDS] = {
	[WORDS] = UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
		  UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX
};

static inline void runs_bits(const struct gms__pick *pick, uint64_t word, uint64_t bits[WORDS])
{
	const uint64_t base = place_bits(pick, gms__block_base(word));
	const uint64_t flip = place_bits(pick, gms__block_other(word)) ^ base;
	const struct gms__two_runs r = gms__block_two_runs(word);
	const unsigned edge[4] = { r.s1, r.e1, r.s2, r.e2 };
	const uint64_t *a = &steps[WORDS - edge[0] / 64], *b = &steps[WORDS - edge[1] / 64];
	const uint64_t *c = &steps[WORDS - edge[2] / 64], *d = &steps[WORDS - edge[3] / 64];

	for (unsigned w = 0; w < WORDS; w++)
		bits[w] = ((a[w] ^ b[w] ^ c[w] ^ d[w]) & flip) ^ base;
	/* The edge behind the last page has no bits below it in any word. */
	for (unsigned i = 0; i < 4; i++)
		bits[edge[i] / 64 % WORDS] ^= ((UINT64_C(1) << edge[i] % 64) - 1) & flip;
}

/* Each bit becomes the parity of all up to it. */
static uint64_t parities(uint64_t word)
{
	for (unsigned shift = 1; shift < 64; shift *= 2)
		word ^= word << shift;
	return word;
}

static void list_bits(const struct gms__pick *pick, uint64_t word, uint64_t bits[WORDS])
{
	const unsigned length = gms__block_kind(word) == GMS__LIST16 ? 16 : 32;
	const uint16_t *entry = gms__block_leaf(word);
	uint64_t turns[WORDS] = { 0 }, last = 0;

	/* The pages at which matching begins or ends. */
	for (unsigned i = 0; i < length; i++) {
		const uint16_t e = gms__load(&entry[i]);
		const uint64_t is = place_bits(pick, e);

		turns[e >> 7 >> 6] ^= ((is ^ last) & 1) << (e >> 7) % 64;
		last = is;
	}
	last = 0;
	for (unsigned w = 0; w < WORDS; w++) {
		bits[w] = parities(turns[w]) ^ last;
		last = -(bits[w] >> 63);
	}
}

static void bytes_bits(const struct gms__pick *pick, const uint8_t *place, uint64_t bits[WORDS])
{
#ifdef GMS__BULK_AVX2
	if (pick->bulk == &gms__bulk_avx2) {
		gms__pick_bytes_avx2(pick, place, bits);
		return;
	}
#endif
	for (unsigned w = 0; w < WORDS; w++) {
		bits[w] = 0;
		for (unsigned i = 0; i < 64; i++)
			bits[w] |= (place_bits(pick, gms__load(&place[w * 64 + i])) & 1) << i;
	}
}

static void wide_bits(const struct gms__pick *pick, const uint16_t *state, uint64_t bits[WORDS])
{
	for (unsigned w = 0; w < WORDS; w++) {
		bits[w] = 0;
		for (unsigned i = 0; i < 64; i++)
			bits[w] |= (uint64_t)gms__pick_state(pick, gms__load(&state[w * 64 + i]))
				   << i;
	}
}

/* Of a block that is neither UNIFORM nor PLANE. */
static void other_bits(const struct gms__pick *pick, uint64_t word, uint64_t bits[WORDS])
{
	switch (gms__block_kind(word)) {
	case GMS__RUNS:
		runs_bits(pick, word, bits);
		break;
	case GMS__LIST16:
	case GMS__LIST32:
		list_bits(pick, word, bits);
		break;
	case GMS__BYTES:
		bytes_bits(pick, gms__block_leaf(word), bits);
		break;
	case GMS__PLAIN:
		memset(bits, gms__pick_state(pick, gms__block_state(pick->palette, word)) ?
			     0xff : 0, WORDS * sizeof(bits[0]));
		break;
	default:
		wide_bits(pick, gms__block_leaf(word), bits);
		break;
	}
}

/* How a UNIFORM or PLANE block is copied; of others, how zeros are. */
static inline struct gms__plane_copy copy_of(const struct gms__pick *pick, uint64_t word)
{
	const uint64_t is_even = -(uint64_t)gms__block_is_even(word);
	const uint64_t at = (word & GMS__BLOCK_PTR & is_even) |
			    ((uint64_t)(uintptr_t)gms__plane_of_zeros & ~is_even);
	const uint64_t base = place_bits(pick, gms__block_base(word));

	return (struct gms__plane_copy){
		.plane = (const uint64_t *)(uintptr_t)at,
		.flip = base ^ place_bits(pick, gms__block_other(word)),
		.base = base,
	};
}

void gms__pick_block(const struct gms__pick *pick, uint64_t word, uint64_t bits[WORDS])
{
	struct gms__plane_copy copy;

	if (gms__block_kind(word) > GMS__PLANE) {
		other_bits(pick, word, bits);
		return;
	}
	copy = copy_of(pick, word);
	for (unsigned w = 0; w < WORDS; w++)
		bits[w] = (gms__load(&copy.plane[w]) & copy.flip) ^ copy.base;
}

static void write_bits(uint64_t *le_bits, const uint64_t bits[WORDS])
{
	for (unsigned w = 0; w < WORDS; w++)
		le_bits[w] = gms__le64(bits[w]);
}

/* At most BATCH blocks, and at least one. */
static void pick_batch(const struct gms__pick *pick, const uint64_t *words, unsigned n,
		       uint64_t *le_bits)
{
	struct gms__plane_copy copy[BATCH];
	uint64_t other[BATCH], bits[WORDS];
	unsigned at[BATCH], nothers = 0, i = 0;

	do {
		const uint64_t word = gms__load(&words[i]);

		copy[i] = copy_of(pick, word);
		other[nothers] = word;
		at[nothers] = i;
		nothers += gms__block_kind(word) > GMS__PLANE;
	} while (++i < n);
	pick->bulk->planes_copy(le_bits, copy, n);
	for (i = 0; i < nothers; i++) {
		other_bits(pick, other[i], bits);
		write_bits(&le_bits[at[i] * WORDS], bits);
	}
}

#ifdef GMS__BULK_AVX2

/* As many blocks as come in eights. */
static unsigned pick_eights(const struct gms__pick *pick, const uint64_t *words, unsigned n,
			    uint64_t *le_bits)
{
	const unsigned eights = n & ~7u;
	uint64_t left = gms__pick_blocks_avx2(pick, words, eights, le_bits);
	uint64_t bits[WORDS];

	for (; left; left &= left - 1) {
		const unsigned i = (unsigned)__builtin_ctzll(left);

		/* Read again, it may be of any kind. */
		gms__pick_block(pick, gms__load(&words[i]), bits);
		write_bits(&le_bits[i * WORDS], bits);
	}
	return eights;
}

#endif

void gms__pick_blocks(const struct gms__pick *pick, const uint64_t *words, unsigned n,
		      uint64_t *le_bits)
{
	unsigned i = 0, batch;

#ifdef GMS__BULK_AVX2
	if (pick->bulk == &gms__bulk_avx2)
		i = pick_eights(pick, words, n, le_bits);
#endif
	for (; i < n; i += batch) {
		batch = n - i < BATCH ? n - i : BATCH;
		pick_batch(pick, words + i, batch, &le_bits[i * WORDS]);
	}
}

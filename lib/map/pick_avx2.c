/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pick_avx2.c - pick.h for x86-64 CPUs with AVX2: eight blocks at a time.
 *
 * What a block's word says is worked out for eight of them in the 32-bit lanes
 * of a vector, and the palette asked by shuffles: 128 bits are a table of 16
 * bytes. Loads are as bulk.h has it: words in one piece, and of no one moment.
 *
 * Compiled function by function for such a CPU; see bulk_avx2.c for the reason.
 */
#include "map/pick.h"

#ifdef GMS__BULK_AVX2

#include <immintrin.h>

/* The table of these functions has been chosen by who asked the CPU for each. */
#define AVX2 __attribute__((__target__("avx2,bmi,bmi2,popcnt")))

#define STEP	8u	/* blocks */

AVX2 static inline __m256i load4(const void *p)
{
	return *(const volatile __m256i_u *)p;
}

AVX2 static inline void store(void *p, __m256i v)
{
	_mm256_storeu_si256((__m256i_u *)p, v);
}

/* Both halves of a vector are this: what shuffles of bytes look up in. */
AVX2 static inline __m256i table_of(const uint8_t table[16])
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

/* 1 << i for i below 8; 0 for the other eight. */
static const uint8_t bit_of[16] = { 1, 2, 4, 8, 16, 32, 64, 128 };

/* One or the other half of each of eight words. */
AVX2 static inline __m256i halves(__m256i a, __m256i b, bool upper)
{
	const __m256 fa = _mm256_castsi256_ps(a), fb = _mm256_castsi256_ps(b);
	const __m256 mixed = upper ? _mm256_shuffle_ps(fa, fb, 0xdd) :
				     _mm256_shuffle_ps(fa, fb, 0x88);

	return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
}

/* The addresses of four planes; of other kinds, zeros. */
AVX2 static inline __m256i planes_of(__m256i words)
{
	const __m256i kind = _mm256_and_si256(words, _mm256_set1_epi64x(6));
	const __m256i even = _mm256_cmpeq_epi64(kind, _mm256_setzero_si256());

	return _mm256_blendv_epi8(
		_mm256_set1_epi64x((long long)(uintptr_t)gms__plane_of_zeros),
		_mm256_and_si256(words, _mm256_set1_epi64x((long long)GMS__BLOCK_PTR)), even);
}

/*
 * By the upper halves of eight words, a byte 0 all ones if the first place does
 * not match, and a byte 1 if the second does not. The other bytes mean nothing.
 */
AVX2 static inline __m256i misses(__m256i upper, __m256i table)
{
	const unsigned base = GMS__BLOCK_PLACES_SHIFT - 32, other = base + 8;
	const __m256i byte = _mm256_or_si256(
		_mm256_and_si256(_mm256_srli_epi32(upper, base + 3), _mm256_set1_epi32(0x0f)),
		_mm256_and_si256(_mm256_srli_epi32(upper, other + 3 - 8),
				 _mm256_set1_epi32(0x0f00)));
	const __m256i bit = _mm256_or_si256(
		_mm256_and_si256(_mm256_srli_epi32(upper, base), _mm256_set1_epi32(7)),
		_mm256_and_si256(_mm256_srli_epi32(upper, other - 8), _mm256_set1_epi32(0x0700)));
	const __m256i hit = _mm256_and_si256(_mm256_shuffle_epi8(table, byte),
					     _mm256_shuffle_epi8(table_of(bit_of), bit));

	return _mm256_cmpeq_epi8(hit, _mm256_setzero_si256());
}

/* Byte 0 or 1 of each lane in all of it. */
AVX2 static inline __m256i spread(__m256i v, int byte)
{
	const __m256i lanes = _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c,
						0, 0x04040404, 0x08080808, 0x0c0c0c0c);

	return _mm256_shuffle_epi8(v, _mm256_or_si256(lanes, _mm256_set1_epi8((char)byte)));
}

/* What the words of a group of blocks come to: bulk.h's copies, apart from each other. */
struct group {
	const uint64_t *plane[GMS__PICK_BLOCKS];
	int32_t flip[GMS__PICK_BLOCKS];
	int32_t base[GMS__PICK_BLOCKS];
};

/* The set of the blocks that are of another kind than UNIFORM and PLANE. */
AVX2 static inline uint64_t prepare(const struct gms__pick *pick, const uint64_t *words,
				    unsigned n, struct group *group)
{
	const __m256i table = table_of(pick->bit), ones = _mm256_set1_epi32(-1);
	uint64_t others = 0;

	for (unsigned i = 0; i < n; i += STEP) {
		const __m256i a = load4(words + i), b = load4(words + i + STEP / 2);
		const __m256i lower = halves(a, b, false);
		const __m256i kind = _mm256_and_si256(lower, _mm256_set1_epi32(7));
		const __m256i other = _mm256_cmpgt_epi32(kind, _mm256_set1_epi32(GMS__PLANE));
		const __m256i miss = misses(halves(a, b, true), table);
		const __m256i first = spread(miss, 0);

		store(&group->plane[i], planes_of(a));
		store(&group->plane[i + STEP / 2], planes_of(b));
		/* A UNIFORM word names its place twice: it flips nothing. */
		store(&group->flip[i], _mm256_xor_si256(first, spread(miss, 1)));
		store(&group->base[i], _mm256_xor_si256(first, ones));
		others |= (uint64_t)(unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(other)) << i;
	}
	return others;
}

AVX2 static inline void copy(const struct group *group, unsigned n, __m256i_u *out)
{
	for (unsigned i = 0; i < n; i++, out += 2) {
		const __m256i flip = _mm256_set1_epi32(group->flip[i]);
		const __m256i base = _mm256_set1_epi32(group->base[i]);
		const __m256i lo = _mm256_and_si256(load4(group->plane[i]), flip);
		const __m256i hi = _mm256_and_si256(load4(group->plane[i] + 4), flip);

		_mm256_storeu_si256(out, _mm256_xor_si256(lo, base));
		_mm256_storeu_si256(out + 1, _mm256_xor_si256(hi, base));
	}
}

/* A page each, in all lanes. */
#define LANE(edges, i)	_mm256_permute4x64_epi64((edges), (i) * 0x55)

/* Four words of which the bits from a page on are ones; first: each word's first bit. */
AVX2 static inline __m256i from_page(__m256i page, __m256i first)
{
	/* What is below 0 becomes 0, and a shift by 64 or more leaves nothing. */
	return _mm256_sllv_epi64(_mm256_set1_epi64x(-1), _mm256_subs_epu16(page, first));
}

AVX2 static inline void write_runs(const struct gms__pick *pick, uint64_t word, __m256i_u *out)
{
	/* Four fields of 10 bits: 512 less each border. */
	const __m256i fields = _mm256_and_si256(_mm256_srlv_epi64(
		_mm256_set1_epi64x((long long)word), _mm256_setr_epi64x(4, 14, 24, 34)),
		_mm256_set1_epi64x(1023));
	const __m256i edges = _mm256_sub_epi64(_mm256_set1_epi64x(GMS__BLOCK_PAGES), fields);
	const __m256i s1 = LANE(edges, 0), e1 = LANE(edges, 1);
	const __m256i s2 = LANE(edges, 2), e2 = LANE(edges, 3);
	const __m256i base = _mm256_set1_epi8(pick->place[gms__block_base(word) % GMS__PLACES]);
	const __m256i other = _mm256_set1_epi8(pick->place[gms__block_other(word) % GMS__PLACES]);
	const __m256i flip = _mm256_xor_si256(base, other);

	for (unsigned half = 0; half < 2; half++) {
		const __m256i first = half ? _mm256_setr_epi64x(256, 320, 384, 448) :
					     _mm256_setr_epi64x(0, 64, 128, 192);
		const __m256i one = _mm256_xor_si256(from_page(s1, first), from_page(e1, first));
		const __m256i two = _mm256_xor_si256(from_page(s2, first), from_page(e2, first));
		const __m256i in = _mm256_and_si256(_mm256_xor_si256(one, two), flip);

		_mm256_storeu_si256(out + half, _mm256_xor_si256(in, base));
	}
}

AVX2 uint64_t gms__pick_blocks_avx2(const struct gms__pick *pick, const uint64_t *words,
				    unsigned n, uint64_t *le_bits)
{
	__m256i_u *out = (__m256i_u *)(void *)le_bits;
	uint64_t others, left = 0;
	struct group group;

	/* First all words, then all planes: none waits for another. */
	others = prepare(pick, words, n, &group);
	copy(&group, n, out);
	/* By its word as it is now: it need not be of the same kind any more. */
	for (; others; others &= others - 1) {
		const unsigned i = (unsigned)__builtin_ctzll(others);
		const uint64_t word = gms__load(&words[i]);

		if (gms__likely(gms__block_kind(word) == GMS__RUNS))
			write_runs(pick, word, out + 2 * i);
		else
			left |= others & -others;
	}
	return left;
}

AVX2 void gms__pick_bytes_avx2(const struct gms__pick *pick, const uint8_t *place,
			       uint64_t *le_bits)
{
	const __m256i table = table_of(pick->bit), bits = table_of(bit_of);

	for (unsigned w = 0; w < GMS__PLANE_WORDS; w++) {
		uint32_t miss[2];

		for (unsigned half = 0; half < 2; half++) {
			const __m256i p = load4(place + w * 64 + half * 32);
			const __m256i byte = _mm256_and_si256(_mm256_srli_epi16(p, 3),
							      _mm256_set1_epi8(15));
			const __m256i bit = _mm256_and_si256(p, _mm256_set1_epi8(7));
			const __m256i hit = _mm256_and_si256(_mm256_shuffle_epi8(table, byte),
							     _mm256_shuffle_epi8(bits, bit));

			miss[half] = (uint32_t)_mm256_movemask_epi8(
				_mm256_cmpeq_epi8(hit, _mm256_setzero_si256()));
		}
		le_bits[w] = ~((uint64_t)miss[1] << 32 | miss[0]);
	}
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk_avx2.c - bulk.h for x86-64 CPUs with AVX2.
 *
 * Only the functions here are compiled for such a CPU, by their attribute, and
 * not the file: an inline function of a header, were the compiler to keep a
 * copy of it, could otherwise be the one that all other files are linked to.
 */
#include "base/bulk.h"

#ifdef GMS__BULK_AVX2

#include <immintrin.h>

#include "base/atomic.h"
#include "base/debug.h"

/* gms__bulk_choose() asks for each of these. */
#define AVX2 __attribute__((__target__("avx2,bmi,bmi2,popcnt")))

/* Four words, each read once and in one piece (B2). */
AVX2 static inline __m256i load4(const void *p)
{
	return *(const volatile __m256i_u *)p;
}

AVX2 static inline unsigned bits_of(const uint64_t *word)
{
	return (unsigned)__builtin_popcountll(gms__load_relaxed(word));
}

/* An instruction a word: faster than counting in vectors, and than a loop. */
AVX2 static unsigned avx2_plane_count(const uint64_t plane[GMS__PLANE_WORDS])
{
	return bits_of(plane) + bits_of(plane + 1) + bits_of(plane + 2) + bits_of(plane + 3) +
	       bits_of(plane + 4) + bits_of(plane + 5) + bits_of(plane + 6) + bits_of(plane + 7);
}

/* The set bits of each byte, those below it by table of 16. */
AVX2 static inline __m256i bits_of_bytes(__m256i v)
{
	const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
					       0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i nibble = _mm256_set1_epi8(15);

	return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(v, nibble)),
			       _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi64(v, 4),
									   nibble)));
}

/* Words of which the first bits are clear, to the bit from; base: each word's first bit. */
AVX2 static inline __m256i from_bit(__m256i from, __m256i base)
{
	/* What is below 0 becomes 0, and a shift by 64 or more leaves nothing. */
	return _mm256_sllv_epi64(_mm256_set1_epi64x(-1), _mm256_subs_epu16(from, base));
}

/* Ranges that end anywhere are no branch to be guessed: all words are masked. */
AVX2 static unsigned avx2_plane_count_range(const uint64_t plane[GMS__PLANE_WORDS], unsigned first,
					    unsigned end)
{
	const __m256i lo_base = _mm256_setr_epi64x(0, 64, 128, 192);
	const __m256i hi_base = _mm256_setr_epi64x(256, 320, 384, 448);
	const __m256i from = _mm256_set1_epi64x(first), to = _mm256_set1_epi64x(end);
	__m256i lo, hi, sums;
	__m128i two;

	gms__assert(first <= end && end <= GMS__PLANE_BITS);
	lo = _mm256_andnot_si256(from_bit(to, lo_base), from_bit(from, lo_base));
	hi = _mm256_andnot_si256(from_bit(to, hi_base), from_bit(from, hi_base));
	lo = bits_of_bytes(_mm256_and_si256(lo, load4(plane)));
	hi = bits_of_bytes(_mm256_and_si256(hi, load4(plane + 4)));
	sums = _mm256_sad_epu8(_mm256_add_epi8(lo, hi), _mm256_setzero_si256());
	two = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
	return (unsigned)(_mm_cvtsi128_si64(two) + _mm_extract_epi64(two, 1));
}

AVX2 static uint32_t avx2_sum16(const uint16_t *count, unsigned n)
{
	/* Not madd, which takes counts for signed: garbage must not make a sum negative. */
	const __m256i even = _mm256_set1_epi32(0xffff);
	__m256i a = _mm256_setzero_si256(), b = a;
	__m128i sums;
	uint32_t sum;

	for (; n >= 16; count += 16, n -= 16) {
		const __m256i v = load4(count);

		a = _mm256_add_epi32(a, _mm256_and_si256(v, even));
		b = _mm256_add_epi32(b, _mm256_srli_epi32(v, 16));
	}
	a = _mm256_add_epi32(a, b);
	sums = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
	sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, _MM_SHUFFLE(1, 0, 3, 2)));
	sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, _MM_SHUFFLE(2, 3, 0, 1)));
	sum = (uint32_t)_mm_cvtsi128_si32(sums);
	for (; n; count++, n--)
		sum += gms__load_relaxed(count);
	return sum;
}

/* Where four words differ from a word under a mask. */
AVX2 static inline __m256i differ(const uint64_t *words, __m256i word, __m256i mask)
{
	return _mm256_and_si256(_mm256_xor_si256(load4(words), word), mask);
}

/* A bit for each of four words that is all zero. */
AVX2 static inline unsigned zeros(__m256i v)
{
	const __m256i equal = _mm256_cmpeq_epi64(v, _mm256_setzero_si256());

	return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(equal));
}

AVX2 static inline unsigned equal_prefix(const uint64_t *words, unsigned n, uint64_t word,
					 uint64_t mask)
{
	const __m256i word4 = _mm256_set1_epi64x((long long)word);
	const __m256i mask4 = _mm256_set1_epi64x((long long)mask);
	unsigned i = 0;

	for (; n - i >= 16; i += 16) {
		const __m256i a = differ(words + i, word4, mask4);
		const __m256i b = differ(words + i + 4, word4, mask4);
		const __m256i c = differ(words + i + 8, word4, mask4);
		const __m256i d = differ(words + i + 12, word4, mask4);
		const __m256i any = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));

		/* Which one differs is asked of what was read, not of what is there by now. */
		if (gms__unlikely(!_mm256_testz_si256(any, any)))
			return i + (unsigned)__builtin_ctz(~(zeros(a) | zeros(b) << 4 |
							     zeros(c) << 8 | zeros(d) << 12));
	}
	for (; n - i >= 4; i += 4) {
		const unsigned equal = zeros(differ(words + i, word4, mask4));

		if (equal != 15)
			return i + (unsigned)__builtin_ctz(~equal);
	}
	while (i < n && !((gms__load_relaxed(&words[i]) ^ word) & mask))
		i++;
	return i;
}

AVX2 static unsigned avx2_equal_prefix(const uint64_t *words, unsigned n, uint64_t word,
				       uint64_t mask)
{
	return equal_prefix(words, n, word, mask);
}

AVX2 static bool avx2_all_equal(const uint64_t *words, unsigned n, uint64_t word, uint64_t mask)
{
	return equal_prefix(words, n, word, mask) == n;
}

AVX2 static void avx2_planes_copy(void *out, const struct gms__plane_copy *copy, unsigned n)
{
	__m256i_u *to = out;

	for (; n; n--, copy++, to += 2) {
		const __m256i flip = _mm256_set1_epi64x((long long)copy->flip);
		const __m256i base = _mm256_set1_epi64x((long long)copy->base);
		const __m256i lo = _mm256_and_si256(load4(copy->plane), flip);
		const __m256i hi = _mm256_and_si256(load4(copy->plane + 4), flip);

		_mm256_storeu_si256(to, _mm256_xor_si256(lo, base));
		_mm256_storeu_si256(to + 1, _mm256_xor_si256(hi, base));
	}
}

const struct gms__bulk gms__bulk_avx2 = {
	.name = "avx2",
	.plane_count = avx2_plane_count,
	.plane_count_range = avx2_plane_count_range,
	.sum16 = avx2_sum16,
	.all_equal = avx2_all_equal,
	.equal_prefix = avx2_equal_prefix,
	.planes_copy = avx2_planes_copy,
};

#endif

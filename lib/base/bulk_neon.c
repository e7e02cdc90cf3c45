/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk_neon.c - bulk.h for AArch64, every one of which has NEON.
 *
 * A part of a plane is counted word by word, as in plain C: only the count of a
 * word's bits is the vector unit's.
 */
#include "base/bulk.h"

#ifdef GMS__BULK_NEON

#include <arm_neon.h>

#include "base/atomic.h"
#include "base/debug.h"

typedef uint64x2_t __attribute__((__aligned__(8), __may_alias__)) words_at;
typedef uint16x8_t __attribute__((__aligned__(2), __may_alias__)) counts_at;

/* Two words, each read once and in one piece (B2). */
static inline uint64x2_t load2(const uint64_t *p)
{
	return *(const volatile words_at *)p;
}

static inline uint8x16_t bits_of_bytes(uint64x2_t v)
{
	return vcntq_u8(vreinterpretq_u8_u64(v));
}

static unsigned neon_plane_count(const uint64_t plane[GMS__PLANE_WORDS])
{
	const uint8x16_t a = vaddq_u8(bits_of_bytes(load2(plane)), bits_of_bytes(load2(plane + 2)));
	const uint8x16_t b = vaddq_u8(bits_of_bytes(load2(plane + 4)),
				      bits_of_bytes(load2(plane + 6)));

	return vaddlvq_u8(vaddq_u8(a, b));
}

static unsigned neon_plane_count_range(const uint64_t plane[GMS__PLANE_WORDS], unsigned first,
				       unsigned end)
{
	uint8x8_t bytes = vdup_n_u8(0);

	gms__assert(first <= end && end <= GMS__PLANE_BITS);
	for (unsigned w = first / 64; w * 64 < end; w++) {
		uint64_t word = gms__load_relaxed(&plane[w]);

		if (w * 64 < first)
			word &= ~UINT64_C(0) << first % 64;
		if (end - w * 64 < 64)
			word &= ~(~UINT64_C(0) << end % 64);
		bytes = vadd_u8(bytes, vcnt_u8(vcreate_u8(word)));
	}
	return vaddlv_u8(bytes);
}

static uint32_t neon_sum16(const uint16_t *count, unsigned n)
{
	uint32x4_t sums = vdupq_n_u32(0);
	uint32_t sum;

	for (; n >= 8; count += 8, n -= 8)
		sums = vpadalq_u16(sums, *(const volatile counts_at *)count);
	sum = vaddvq_u32(sums);
	for (; n; count++, n--)
		sum += gms__load_relaxed(count);
	return sum;
}

/* Where two words differ from a word under a mask. */
static inline uint64x2_t differ(const uint64_t *words, uint64x2_t word, uint64x2_t mask)
{
	return vandq_u64(veorq_u64(load2(words), word), mask);
}

static inline unsigned equal_prefix(const uint64_t *words, unsigned n, uint64_t word, uint64_t mask)
{
	const uint64x2_t word2 = vdupq_n_u64(word), mask2 = vdupq_n_u64(mask);
	unsigned i = 0;

	for (; n - i >= 8; i += 8) {
		const uint64x2_t v[4] = {
			differ(words + i, word2, mask2), differ(words + i + 2, word2, mask2),
			differ(words + i + 4, word2, mask2), differ(words + i + 6, word2, mask2),
		};
		const uint64x2_t any = vorrq_u64(vorrq_u64(v[0], v[1]), vorrq_u64(v[2], v[3]));

		if (gms__likely(!vmaxvq_u32(vreinterpretq_u32_u64(any))))
			continue;
		/* Which one differs is asked of what was read, not of what is there by now. */
		for (unsigned k = 0; k < 4; k++) {
			if (vgetq_lane_u64(v[k], 0))
				return i + 2 * k;
			if (vgetq_lane_u64(v[k], 1))
				return i + 2 * k + 1;
		}
	}
	while (i < n && !((gms__load_relaxed(&words[i]) ^ word) & mask))
		i++;
	return i;
}

static unsigned neon_equal_prefix(const uint64_t *words, unsigned n, uint64_t word, uint64_t mask)
{
	return equal_prefix(words, n, word, mask);
}

static bool neon_all_equal(const uint64_t *words, unsigned n, uint64_t word, uint64_t mask)
{
	return equal_prefix(words, n, word, mask) == n;
}

static void neon_planes_copy(void *out, const struct gms__plane_copy *copy, unsigned n)
{
	uint8_t *to = out;

	for (; n; n--, copy++) {
		const uint64x2_t flip = vdupq_n_u64(copy->flip), base = vdupq_n_u64(copy->base);

		for (unsigned i = 0; i < GMS__PLANE_WORDS; i += 2, to += sizeof(flip)) {
			const uint64x2_t v = load2(copy->plane + i);

			vst1q_u8(to, vreinterpretq_u8_u64(veorq_u64(vandq_u64(v, flip), base)));
		}
	}
}

const struct gms__bulk gms__bulk_neon = {
	.name = "neon",
	.plane_count = neon_plane_count,
	.plane_count_range = neon_plane_count_range,
	.sum16 = neon_sum16,
	.all_equal = neon_all_equal,
	.equal_prefix = neon_equal_prefix,
	.planes_copy = neon_planes_copy,
};

#endif

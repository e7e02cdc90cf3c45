/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk.c - bulk.h in plain C, and the choice between the tables.
 */
#include "base/bulk.h"

#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/debug.h"
#include "base/le.h"

static inline unsigned count_range(const uint64_t *plane, unsigned first, unsigned end)
{
	const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
	uint64_t bytes = 0;	/* 8 in each byte for each of 8 words: none overflows */

	for (unsigned w = first / 64; w * 64 < end; w++) {
		uint64_t word = gms__load_relaxed(&plane[w]);

		if (w * 64 < first)
			word &= ~UINT64_C(0) << first % 64;
		if (end - w * 64 < 64)
			word &= ~(~UINT64_C(0) << end % 64);
		bytes += gms__bits_of_bytes(word);
	}
	/* The sum may not fit a byte, so it is made of four 16-bit ones. */
	bytes = (bytes & even) + (bytes >> 8 & even);
	return (unsigned)((bytes * UINT64_C(0x0001000100010001)) >> 48);
}

static unsigned plain_plane_count(const uint64_t plane[GMS__PLANE_WORDS])
{
	return count_range(plane, 0, GMS__PLANE_BITS);
}

static unsigned plain_plane_count_range(const uint64_t plane[GMS__PLANE_WORDS], unsigned first,
					unsigned end)
{
	gms__assert(first <= end && end <= GMS__PLANE_BITS);
	return count_range(plane, first, end);
}

static uint32_t plain_sum16(const uint16_t *count, unsigned n)
{
	typedef uint64_t __attribute__((__may_alias__)) four_counts;
	const uint64_t even = UINT64_C(0x0000ffff0000ffff);
	uint64_t halves = 0;	/* two 32-bit sums, each below 512 * 65536 */
	uint32_t sum = 0;

	for (; n && (uintptr_t)count % sizeof(four_counts); count++, n--)
		sum += gms__load_relaxed(count);
	for (; n >= 4; count += 4, n -= 4) {
		const uint64_t four = gms__load_relaxed((const four_counts *)count);

		halves += (four & even) + (four >> 16 & even);
	}
	for (; n; count++, n--)
		sum += gms__load_relaxed(count);
	return sum + (uint32_t)halves + (uint32_t)(halves >> 32);
}

static unsigned plain_equal_prefix(const uint64_t *words, unsigned n, uint64_t word, uint64_t mask)
{
	unsigned i = 0;

	while (i < n && !((gms__load_relaxed(&words[i]) ^ word) & mask))
		i++;
	return i;
}

static bool plain_all_equal(const uint64_t *words, unsigned n, uint64_t word, uint64_t mask)
{
	return plain_equal_prefix(words, n, word, mask) == n;
}

static void plain_planes_copy(void *out, const struct gms__plane_copy *copy, unsigned n)
{
	unsigned char *to = out;

	for (; n; n--, copy++) {
		for (unsigned i = 0; i < GMS__PLANE_WORDS; i++, to += sizeof(uint64_t)) {
			const uint64_t word = gms__le64((gms__load_relaxed(&copy->plane[i]) &
							 copy->flip) ^ copy->base);

			memcpy(to, &word, sizeof(word));
		}
	}
}

const struct gms__bulk gms__bulk_plain = {
	.name = "plain",
	.plane_count = plain_plane_count,
	.plane_count_range = plain_plane_count_range,
	.sum16 = plain_sum16,
	.all_equal = plain_all_equal,
	.equal_prefix = plain_equal_prefix,
	.planes_copy = plain_planes_copy,
};

const struct gms__bulk *gms__bulk_choose(void)
{
#if !defined(GMS__TSAN) && defined(GMS__BULK_AVX2)
	/*
	 * The compiler's library has asked CPUID and whether the system saves
	 * the registers before any constructor of ours could run; where it has
	 * not, the first line makes it do so. Every extension that the file is
	 * compiled for is asked for: hypervisors mask them one by one.
	 */
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
		return &gms__bulk_avx2;
#elif !defined(GMS__TSAN) && defined(GMS__BULK_NEON)
	return &gms__bulk_neon;
#endif
	return &gms__bulk_plain;
}

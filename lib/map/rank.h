/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rank.h - where in a list of runs a page is, without a branch.
 */
#ifndef GMS_MAP_RANK_H
#define GMS_MAP_RANK_H

#include <stdint.h>

#include "base/atomic.h"

/*
 * On x86-64 a vector load gives whole entries and is an acquire load. On others,
 * and for ThreadSanitizer, which does not know that, entries are read one by one.
 */
#if defined(__SSE2__) && !defined(GMS__TSAN)
#include <emmintrin.h>
#define GMS__RANK_SSE2	1
#endif

/* How many of 16 ascending entries are not above key; at least 1, if the first is not. */
static inline unsigned gms__rank16(const uint16_t *entry, uint16_t key)
{
#ifdef GMS__RANK_SSE2
	const __m128i keys = _mm_set1_epi16((short)key), zero = _mm_setzero_si128();
	const __m128i lo = _mm_load_si128((const __m128i *)(const void *)entry);
	const __m128i hi = _mm_load_si128((const __m128i *)(const void *)(entry + 8));
	const __m128i le = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_subs_epu16(lo, keys), zero),
					   _mm_cmpeq_epi16(_mm_subs_epu16(hi, keys), zero));

	/* Ascending, so those not above are the first ones. */
	return (unsigned)__builtin_ctz(~(unsigned)_mm_movemask_epi8(le));
#else
	unsigned n = 0;

	for (unsigned i = 0; i < 16; i++)
		n += gms__load(&entry[i]) <= key;
	return n;
#endif
}

#endif

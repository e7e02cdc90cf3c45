/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bits.h - bitmaps as Linux and QEMU work on them.
 *
 * The algorithms of bitmap_set(), bitmap_clear(), find_next_bit() and
 * find_next_zero_bit(): a masked first word, whole words, a masked last word.
 */
#ifndef BENCH_BITS_H
#define BENCH_BITS_H

#include <stdint.h>

static inline unsigned bits_test(const uint64_t *bits, uint64_t at)
{
	return (unsigned)(bits[at >> 6] >> (at & 63)) & 1;
}

static inline void bits_set(uint64_t *bits, uint64_t first, uint64_t end)
{
	uint64_t *word = bits + (first >> 6), *last = bits + (end >> 6);
	uint64_t mask = ~UINT64_C(0) << (first & 63);

	if (word < last) {
		*word++ |= mask;
		mask = ~UINT64_C(0);
		while (word < last)
			*word++ = mask;
	}
	if (end & 63)
		*word |= mask & ~(~UINT64_C(0) << (end & 63));
}

static inline void bits_clear(uint64_t *bits, uint64_t first, uint64_t end)
{
	uint64_t *word = bits + (first >> 6), *last = bits + (end >> 6);
	uint64_t mask = ~UINT64_C(0) << (first & 63);

	if (word < last) {
		*word++ &= ~mask;
		mask = ~UINT64_C(0);
		while (word < last)
			*word++ = 0;
	}
	if (end & 63)
		*word &= ~(mask & ~(~UINT64_C(0) << (end & 63)));
}

/* First bit of [first, end) that differs from those of invert's; end: none. */
static inline uint64_t bits_find(const uint64_t *bits, uint64_t first, uint64_t end,
				 uint64_t invert)
{
	uint64_t at = first & ~UINT64_C(63), word;

	if (first >= end)
		return end;
	word = (bits[first >> 6] ^ invert) & (~UINT64_C(0) << (first & 63));
	while (!word) {
		at += 64;
		if (at >= end)
			return end;
		word = bits[at >> 6] ^ invert;
	}
	at += (unsigned)__builtin_ctzll(word);
	return at < end ? at : end;
}

static inline uint64_t bits_next_set(const uint64_t *bits, uint64_t first, uint64_t end)
{
	return bits_find(bits, first, end, 0);
}

static inline uint64_t bits_next_clear(const uint64_t *bits, uint64_t first, uint64_t end)
{
	return bits_find(bits, first, end, ~UINT64_C(0));
}

static inline uint64_t bits_count(const uint64_t *bits, uint64_t first, uint64_t end)
{
	uint64_t word = first >> 6, mask = ~UINT64_C(0) << (first & 63), n = 0;

	for (; word < end >> 6; word++, mask = ~UINT64_C(0))
		n += (unsigned)__builtin_popcountll(bits[word] & mask);
	if (end & 63)
		n += (unsigned)__builtin_popcountll(bits[word] & mask &
						    ~(~UINT64_C(0) << (end & 63)));
	return n;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bits.h - how many bits are set.
 *
 * Counted in all bytes of a word at a time: baseline x86-64 has no instruction
 * for it, and the compiler's own way out is a call a word.
 */
#ifndef GMS_BASE_BITS_H
#define GMS_BASE_BITS_H

#include <stdint.h>

/* The set bits of each byte of a word, in that byte. */
static inline uint64_t gms__bits_of_bytes(uint64_t word)
{
	const uint64_t twos = UINT64_C(0x3333333333333333);

	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & twos) + (word >> 2 & twos);
	return (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

static inline unsigned gms__bits(uint64_t word)
{
	return (unsigned)(gms__bits_of_bytes(word) * UINT64_C(0x0101010101010101) >> 56);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * le.h - words as others lay them out: little endian on every host.
 */
#ifndef GMS_BASE_LE_H
#define GMS_BASE_LE_H

#include <stdint.h>

/* From the host's order to little endian, and back. */
static inline uint64_t gms__le64(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(word);
#else
	return word;
#endif
}

static inline uint16_t gms__le16(uint16_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap16(word);
#else
	return word;
#endif
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crc32c.h - the checksum of iSCSI, ext4 and btrfs (Castagnoli's polynomial).
 *
 * Finds every burst of up to 32 bits, so every damaged byte.
 */
#ifndef GMS_BASE_CRC32C_H
#define GMS_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Go on from the sum of what came before; 0 at the start. */
uint32_t gms__crc32c(uint32_t sum, const void *data, size_t bytes);

#endif

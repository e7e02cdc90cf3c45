/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sized.h - structs that grow: they begin with how many bytes the caller knows.
 *
 * A struct shorter than ours reads as zeros where it ends and is written as far
 * as it goes. A longer one comes from a later version; what we do not know of
 * it must be zero.
 */
#ifndef GMS_BASE_SIZED_H
#define GMS_BASE_SIZED_H

#include <stddef.h>

/* Copy a caller's struct into ours. -EINVAL, or -E2BIG. */
int gms__sized_in(void *ours, size_t our_bytes, const void *theirs);

/* May we answer into this struct? 0, -EINVAL, or -E2BIG. */
int gms__sized_check(const void *theirs, size_t our_bytes);

/* Answer: copy ours as far as theirs goes; theirs keeps its size. */
void gms__sized_out(void *theirs, const void *ours, size_t our_bytes);

#endif

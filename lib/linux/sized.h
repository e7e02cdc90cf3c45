/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sized.h - structs that say how long the caller thinks they are.
 *
 * The convention of the core, for this library's own structs: a size_t size
 * comes first; a shorter struct than ours means zeros in what it lacks; of a
 * longer one the part that we do not know must be zero. Nothing here may be a
 * symbol: the static archives of core and Linux library are linked together.
 */
#ifndef GMS_LINUX_SIZED_H
#define GMS_LINUX_SIZED_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline size_t gms__linux_size_of(const void *object)
{
	size_t bytes;

	memcpy(&bytes, object, sizeof(bytes));
	return bytes;
}

/* Is a struct of the caller one that we may read or fill in? 0, -EINVAL or -E2BIG. */
static inline int gms__linux_sized_check(const void *object, size_t known_bytes)
{
	const unsigned char *byte = object;
	const size_t bytes = gms__linux_size_of(object);

	if (bytes < sizeof(size_t))
		return -EINVAL;
	for (size_t i = known_bytes; i < bytes; i++)
		if (byte[i])
			return -E2BIG;
	return 0;
}

/* Read a checked struct into one of ours; what the caller's lacks is zero. */
static inline void gms__linux_sized_get(void *ours, size_t known_bytes, const void *object)
{
	const size_t bytes = gms__linux_size_of(object);

	memset(ours, 0, known_bytes);
	memcpy(ours, object, bytes < known_bytes ? bytes : known_bytes);
}

/* Copy a caller's struct into ours: 0, -EINVAL (also for NULL), or -E2BIG. */
static inline int gms__linux_sized_in(void *ours, size_t known_bytes, const void *object)
{
	const int rc = object ? gms__linux_sized_check(object, known_bytes) : -EINVAL;

	if (!rc)
		gms__linux_sized_get(ours, known_bytes, object);
	return rc;
}

/* Fill in a checked struct as far as it reaches; its size member stays the caller's. */
static inline void gms__linux_sized_put(void *object, const void *ours, size_t known_bytes)
{
	const size_t bytes = gms__linux_size_of(object);
	const size_t reach = bytes < known_bytes ? bytes : known_bytes;

	memcpy((char *)object + sizeof(size_t), (const char *)ours + sizeof(size_t),
	       reach - sizeof(size_t));
}

#endif

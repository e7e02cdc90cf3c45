/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sized.c - structs that grow; see sized.h.
 */
#include "base/sized.h"

#include <errno.h>
#include <string.h>

#include <gmemstate/types.h>

void gms_init(void *object, size_t bytes)
{
	if (!object || bytes < sizeof(bytes))
		return;
	memset(object, 0, bytes);
	memcpy(object, &bytes, sizeof(bytes));
}

int gms__sized_check(const void *theirs, size_t our_bytes)
{
	const unsigned char *byte = theirs;
	size_t their_bytes;

	if (!theirs)
		return -EINVAL;
	memcpy(&their_bytes, theirs, sizeof(their_bytes));
	if (their_bytes < sizeof(their_bytes))
		return -EINVAL;
	for (size_t i = our_bytes; i < their_bytes; i++) {
		if (byte[i])
			return -E2BIG;
	}
	return 0;
}

int gms__sized_in(void *ours, size_t our_bytes, const void *theirs)
{
	size_t their_bytes;
	int err = gms__sized_check(theirs, our_bytes);

	if (err)
		return err;
	memcpy(&their_bytes, theirs, sizeof(their_bytes));
	gms_init(ours, our_bytes);
	memcpy((char *)ours + sizeof(size_t), (const char *)theirs + sizeof(size_t),
	       (their_bytes < our_bytes ? their_bytes : our_bytes) - sizeof(size_t));
	return 0;
}

void gms__sized_out(void *theirs, const void *ours, size_t our_bytes)
{
	size_t their_bytes;

	memcpy(&their_bytes, theirs, sizeof(their_bytes));
	memcpy((char *)theirs + sizeof(size_t), (const char *)ours + sizeof(size_t),
	       (their_bytes < our_bytes ? their_bytes : our_bytes) - sizeof(size_t));
}

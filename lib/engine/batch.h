/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch.h - a batch of changes in its normal form (C6).
 *
 *   B1  Segments ascend and are disjoint.
 *   B2  Neighbours that touch differ in set or clear.
 *   B3  A segment's set and clear are disjoint, and are what all changes that
 *       cover it come to, the later one winning for every attribute it names.
 *
 * Pure: no locks.
 */
#ifndef GMS_ENGINE_BATCH_H
#define GMS_ENGINE_BATCH_H

#include <stddef.h>

#include <gmemstate/convert.h>

struct gms__segment {
	gms_gfn	  first;
	gms_gfn	  end;
	gms_state set;
	gms_state clear;
};

/* Segments that gms__batch_normalise() wants room for, in each of two arrays. */
static inline size_t gms__batch_room(size_t nchanges)
{
	return 2 * nchanges;
}

/* Returns how many segments are in out. nchanges is at least 1; for 1, tmp may be NULL. */
size_t gms__batch_normalise(const struct gms_change *changes, size_t nchanges,
			    struct gms__segment *out, struct gms__segment *tmp);

#endif

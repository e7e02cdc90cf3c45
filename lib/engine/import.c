/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import.c - the runs of equal bits of a bitmap are the segments of a plan.
 *
 * They ascend and are disjoint as they are found, so nothing has to be sorted.
 * Each word is read once: a kernel may be writing to it, and a bit that was one
 * thing at a run's end and another at the next run's start would be in both
 * runs, or in none.
 *
 * Locking: none yet; the plan takes its stripes when all segments are known.
 */
#include "engine/import.h"

#include "base/le.h"
#include "map/bitmap.h"

/* Granules [g, end) whose bits are all one, or all zero. */
static int add_run(struct gms__plan *plan, const struct gms__import *import, uint64_t g,
		   uint64_t end, bool one)
{
	const gms_gfn first = import->range.first + (g << import->order);
	const uint64_t npages = gms__min((end - g) << import->order,
					 import->range.npages - (g << import->order));
	const gms_state opposite = import->mask & ~import->value;

	if (!one && import->how != GMS_BITMAP_ASSIGN)
		return 0;
	if (one == (import->how != GMS_BITMAP_CLEAR))
		return gms__plan_add(plan, first, first + npages, import->value, opposite);
	return gms__plan_add(plan, first, first + npages, opposite, import->value);
}

int gms__import_add(struct gms__plan *plan, const struct gms__import *import)
{
	const uint64_t n = gms__bitmap_granules(import->range.npages, import->order);
	bool one = false;	/* of the granule before */
	uint64_t start = 0;
	int err = 0;

	for (uint64_t w = 0; w * 64 < n && !err; w++) {
		const uint64_t bits = gms__le64(gms__load_relaxed(&import->le_bitmap[w]));
		/* The granules that differ from the one before. */
		uint64_t turns = bits ^ (bits << 1 | one);

		if (n - w * 64 < 64)
			turns &= ~(~UINT64_C(0) << (n - w * 64));
		for (; turns && !err; turns &= turns - 1) {
			const uint64_t g = w * 64 + (unsigned)__builtin_ctzll(turns);

			if (g)
				err = add_run(plan, import, start, g, one);
			start = g;
			one = !one;
		}
	}
	return err ? err : add_run(plan, import, start, n, one);
}

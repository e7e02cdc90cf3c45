/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch.c - a batch of changes in its normal form; see batch.h.
 *
 * A merge sort whose merge lays the later half over the earlier one. n changes
 * have at most 2n borders, so no half ever has more than twice its changes'
 * number of segments, and the whole is O(n log n) whatever the overlaps are:
 * the changes may come from a guest.
 */
#include "engine/batch.h"

#include "map/map.h"

/* Append, joining with the last segment where B2 asks for it. */
static size_t emit(struct gms__segment *out, size_t n, gms_gfn first, gms_gfn end,
		   gms_state set, gms_state clear)
{
	if (n && out[n - 1].end == first && out[n - 1].set == set && out[n - 1].clear == clear) {
		out[n - 1].end = end;
		return n;
	}
	out[n] = (struct gms__segment){ first, end, set, clear };
	return n + 1;
}

/* Lay b over a. */
static size_t overlay(const struct gms__segment *a, size_t na, const struct gms__segment *b,
		      size_t nb, struct gms__segment *out)
{
	const struct gms__segment *a_end = a + na, *b_end = b + nb;
	gms_gfn pos = 0;
	size_t n = 0;

	while (a < a_end || b < b_end) {
		const gms_gfn a_first = a < a_end ? gms__max(a->first, pos) : UINT64_MAX;
		const gms_gfn b_first = b < b_end ? gms__max(b->first, pos) : UINT64_MAX;
		gms_gfn end;

		if (a_first == b_first) {
			end = gms__min(a->end, b->end);
			n = emit(out, n, a_first, end, (a->set & ~b->clear) | b->set,
				 (a->clear & ~b->set) | b->clear);
		} else if (a_first < b_first) {
			end = gms__min(a->end, b_first);
			n = emit(out, n, a_first, end, a->set, a->clear);
		} else {
			end = gms__min(b->end, a_first);
			n = emit(out, n, b_first, end, b->set, b->clear);
		}
		pos = end;
		if (a < a_end && a->end <= pos)
			a++;
		if (b < b_end && b->end <= pos)
			b++;
	}
	return n;
}

size_t gms__batch_normalise(const struct gms_change *changes, size_t nchanges,
			    struct gms__segment *out, struct gms__segment *tmp)
{
	const size_t half = nchanges / 2, room = gms__batch_room(half);
	size_t na, nb;

	if (nchanges == 1) {
		const struct gms_range range = changes->range;

		out[0] = (struct gms__segment){ range.first, range.first + range.npages,
						changes->set, changes->clear };
		return 1;
	}
	na = gms__batch_normalise(changes, half, tmp, out);
	nb = gms__batch_normalise(changes + half, nchanges - half, tmp + room, out + room);
	return overlay(tmp, na, tmp + room, nb, out);
}

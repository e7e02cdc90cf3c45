/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch.c - a batch of changes in its normal form; see batch.h.
 *
 * B1 to B3 leave one form only, so it may be come to by any way. There are three:
 *
 *   As they came. Guests mostly send what ascends already.
 *   By first frame. Changes say the same of the pages that they share, for
 *   most batches make all pages shared or all private: then it does not matter
 *   which came later.
 *   One over the other, where it does: a merge sort whose merge lays the later
 *   half over the earlier one. n changes have at most 2n borders, so no half
 *   ever has more than twice its changes' number of segments.
 *
 * None takes more than O(n log n), whatever the overlaps are, and a way that
 * was tried in vain took no longer than the last one does: the changes may come
 * from a guest.
 */
#include "engine/batch.h"

#include "map/map.h"

#define FEW		32u	/* sorted by insertion */
#define DIGIT_BITS	8u

static struct gms__segment segment_of(const struct gms_change *change)
{
	const struct gms_range range = change->range;

	return (struct gms__segment){ range.first, range.first + range.npages, change->set,
				      change->clear };
}

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

/*
 * Append, where that is simple; false: it begins before the last segment, or
 * says something else about pages of that.
 */
static inline bool follow(struct gms__segment *out, size_t *n, struct gms__segment next)
{
	struct gms__segment *last;

	if (!*n || next.first >= out[*n - 1].end) {
		*n = emit(out, *n, next.first, next.end, next.set, next.clear);
		return true;
	}
	last = &out[*n - 1];
	if (next.first < last->first || next.set != last->set || next.clear != last->clear)
		return false;
	last->end = gms__max(last->end, next.end);
	return true;
}

static const struct gms__segment *sort_few(const struct gms_change *changes, size_t nchanges,
					   struct gms__segment *out)
{
	for (size_t i = 0; i < nchanges; i++) {
		const struct gms__segment s = segment_of(&changes[i]);
		size_t at = i;

		for (; at && out[at - 1].first > s.first; at--)
			out[at] = out[at - 1];
		out[at] = s;
	}
	return out;
}

static void sort_by_digit(const struct gms__segment *from, size_t n, unsigned shift,
			  struct gms__segment *to)
{
	const gms_gfn mask = (1u << DIGIT_BITS) - 1;
	size_t at[1u << DIGIT_BITS] = { 0 }, next = 0;

	for (size_t i = 0; i < n; i++)
		at[from[i].first >> shift & mask]++;
	for (size_t d = 0; d <= mask; d++) {
		const size_t count = at[d];

		at[d] = next;
		next += count;
	}
	for (size_t i = 0; i < n; i++)
		to[at[from[i].first >> shift & mask]++] = from[i];
}

/* By first frame, in one of the two arrays, which is returned. */
static const struct gms__segment *sort(const struct gms_change *changes, size_t nchanges,
				       struct gms__segment *out, struct gms__segment *tmp)
{
	struct gms__segment *from = tmp, *to = out;
	unsigned shift = 0;
	gms_gfn differ = 0;

	if (nchanges <= FEW)
		return sort_few(changes, nchanges, out);
	for (size_t i = 0; i < nchanges; i++) {
		from[i] = segment_of(&changes[i]);
		differ |= from[i].first ^ from[0].first;
	}
	/* From the lowest digit up, but for bits that all have in common. */
	while (differ) {
		const unsigned skip = (unsigned)__builtin_ctzll(differ);
		struct gms__segment *const sorted = to;

		shift += skip;
		sort_by_digit(from, nchanges, shift, sorted);
		to = from;
		from = sorted;
		differ = differ >> skip >> DIGIT_BITS;
		shift += DIGIT_BITS;
	}
	return from;
}

/* One over the other. */
static size_t lay(const struct gms_change *changes, size_t nchanges, struct gms__segment *out,
		  struct gms__segment *tmp)
{
	const size_t half = nchanges / 2, room = gms__batch_room(half);
	size_t na, nb;

	if (nchanges == 1) {
		out[0] = segment_of(changes);
		return 1;
	}
	na = lay(changes, half, tmp, out);
	nb = lay(changes + half, nchanges - half, tmp + room, out + room);
	return overlay(tmp, na, tmp + room, nb, out);
}

size_t gms__batch_normalise(const struct gms_change *changes, size_t nchanges,
			    struct gms__segment *out, struct gms__segment *tmp)
{
	const struct gms__segment *sorted;
	size_t n = 0, i = 0;

	while (i < nchanges && follow(out, &n, segment_of(&changes[i])))
		i++;
	if (i == nchanges)
		return n;
	sorted = sort(changes, nchanges, out, tmp);
	n = 0;
	for (i = 0; i < nchanges; i++) {
		/* Where they were sorted into out, n is never ahead of i. */
		if (!follow(out, &n, sorted[i]))
			return lay(changes, nchanges, out, tmp);
	}
	return n;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * track.c - which pages are private where not every one can be revoked alone.
 *
 * Of hugetlb the kernel revokes only whole pages of 2 MiB or 1 GiB: a unit. A
 * unit is revoked when the last of its pages turns private, and restored before
 * the first turns shared; until then its private pages are only noted. The same
 * notes are kept for a backing that was told not to revoke: it has no units.
 *
 *   T1  nprivate[u] is the number of bits of private that are set in unit u.
 *   T2  A unit is revoked if and only if all of its pages are private.
 *   T3  Turning a page to what it is changes nothing.
 *
 * Locking: the caller holds track->lock from span to turn.
 *
 * System calls, for a seccomp filter: none.
 */
#include "linux/track.h"

#include <errno.h>
#include <stdlib.h>

#include <gmemstate/types.h>

#define WORD	64u

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The bits of a word from page @first on, at most up to @end. */
static uint64_t bits_of(uint64_t first, uint64_t end)
{
	const uint64_t from = first % WORD, n = least(WORD - from, end - first);

	return (n == WORD ? UINT64_MAX : (UINT64_C(1) << n) - 1) << from;
}

static uint64_t count(const uint64_t *private, uint64_t first, uint64_t end)
{
	uint64_t n = 0;

	for (uint64_t at = first; at < end; at += WORD - at % WORD)
		n += (uint64_t)__builtin_popcountll(private[at / WORD] & bits_of(at, end));
	return n;
}

static uint64_t first_of(const struct gms_host_run *run)
{
	return run->backing_offset_bytes >> GMS_PAGE_SHIFT;
}

/* Will the unit be private whole once these of its pages are? */
static bool fills(const struct gms__linux_track *track, uint64_t unit, uint64_t first, uint64_t end)
{
	const uint64_t begin = unit * track->unit_pages;
	const uint64_t from = first > begin ? first : begin;
	const uint64_t to = least(end, begin + track->unit_pages);

	return track->nprivate[unit] + (to - from) - count(track->private, from, to) ==
	       track->unit_pages;
}

static bool is_whole(const struct gms__linux_track *track, uint64_t unit)
{
	return track->nprivate[unit] == track->unit_pages;
}

bool gms__linux_track_span(const struct gms__linux_track *track, const struct gms_host_run *run,
			   bool take, struct gms_host_run *span)
{
	const uint64_t first = first_of(run), end = first + run->npages;
	uint64_t low, high;

	if (!track->unit_pages)
		return false;
	/* What turns private fills every unit but, maybe, the outer two: one range. */
	low = first / track->unit_pages;
	high = (end - 1) / track->unit_pages + 1;
	while (low < high && !(take ? fills(track, low, first, end) : is_whole(track, low)))
		low++;
	while (low < high && !(take ? fills(track, high - 1, first, end)
				    : is_whole(track, high - 1)))
		high--;
	*span = (struct gms_host_run){
		.npages = (high - low) * track->unit_pages,
		.backing_offset_bytes = low * track->unit_pages << GMS_PAGE_SHIFT,
	};
	return low < high;
}

void gms__linux_track_turn(struct gms__linux_track *track, const struct gms_host_run *run,
			   bool take)
{
	const uint64_t end = first_of(run) + run->npages;

	for (uint64_t at = first_of(run); at < end; at += WORD - at % WORD) {
		uint64_t *word = &track->private[at / WORD];
		const uint64_t bits = bits_of(at, end);
		const uint64_t new = take ? *word | bits : *word & ~bits;

		/* A unit is at least a word long, and aligned: a word is of one unit. */
		if (track->unit_pages) {
			uint32_t *n = &track->nprivate[at / track->unit_pages];

			*n -= (uint32_t)__builtin_popcountll(*word);
			*n += (uint32_t)__builtin_popcountll(new);
		}
		*word = new;
	}
}

uint64_t gms__linux_track_exposed(const struct gms__linux_track *track, uint64_t first,
				  uint64_t npages)
{
	const uint64_t end = first + npages;
	uint64_t n = 0;

	if (!track->unit_pages)
		return count(track->private, first, end);
	for (uint64_t at = first; at < end; at += track->unit_pages - at % track->unit_pages) {
		const uint64_t unit = at / track->unit_pages;

		if (!is_whole(track, unit))
			n += count(track->private, at, least(end, (unit + 1) * track->unit_pages));
	}
	return n;
}

int gms__linux_track_init(struct gms__linux_track *track, uint64_t bytes, uint64_t unit_bytes)
{
	const uint64_t npages = bytes >> GMS_PAGE_SHIFT, unit_pages = unit_bytes >> GMS_PAGE_SHIFT;
	int rc;

	*track = (struct gms__linux_track){ .npages = npages, .unit_pages = unit_pages };
	track->private = calloc((npages + WORD - 1) / WORD, sizeof(*track->private));
	if (unit_pages)
		track->nprivate = calloc(npages / unit_pages, sizeof(*track->nprivate));
	rc = pthread_mutex_init(&track->lock, NULL);
	if (rc || !track->private || (unit_pages && !track->nprivate)) {
		free(track->private);
		free(track->nprivate);
		if (!rc)
			pthread_mutex_destroy(&track->lock);
		*track = (struct gms__linux_track){ 0 };
		return rc ? -rc : -ENOMEM;
	}
	return 0;
}

void gms__linux_track_fini(struct gms__linux_track *track)
{
	if (!track->private)
		return;
	free(track->private);
	free(track->nprivate);
	pthread_mutex_destroy(&track->lock);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_cca.c - what a realm must be answered; see oracle_cca.h.
 */
#include "oracle_cca.h"

#include <errno.h>

#define S	GMS_STATE_SHARED
#define A	GMS_STATE_ACCEPTED
#define X	GMS_STATE_DESTROYED

/* The first page of a range that is DESTROYED, or the end of it. */
static gms_gfn first_destroyed(const struct world *w, gms_gfn first, gms_gfn end)
{
	for (unsigned i = 0; i < WORLD_PAGES; i++) {
		if ((w->state[i] & X) && world_gfn(i) >= first && world_gfn(i) < end)
			return world_gfn(i);
	}
	return end;
}

/* What the model does of pages [first, end), each after the other. */
static int change(struct world *w, const struct limits *limits, gms_gfn first, gms_gfn end,
		  uint64_t ripas, bool force, struct cca_answer *answer)
{
	const gms_gfn stop = force ? end : first_destroyed(w, first, end);
	const gms_state set = ripas ? A : S, clear = (ripas ? S : A) | (force ? X : 0);
	struct world_did did = { .npages = 0 };
	int err = 0;

	if (stop > first)
		err = world_convert(w, (struct gms_range){ first, stop - first }, set, clear,
				    WORLD_AS_FAR | (limits->holes ? WORLD_SKIP_HOLES : 0), &did);
	answer->pages += did.npages;
	answer->changed += did.changed;
	return err || stop == end ? err : -EPERM;
}

struct cca_answer oracle_cca_ripas(struct world *w, struct limits *limits, uint64_t base,
				   uint64_t top, uint64_t ripas, uint64_t flags)
{
	const uint64_t half = UINT64_C(1) << (limits->gpa_bits - 1), first = base / 4096;
	const uint64_t npages = top / 4096 - first;
	struct cca_answer answer = { .x0 = 1 };
	bool ends = false;
	int err = 0;

	if (base % 4096 || top % 4096 || top <= base || top > half || ripas > 1)
		return answer;
	while (!ends) {
		const gms_gfn at = first + answer.pages;

		err = change(w, limits, at, at + limits_next(limits, first, answer.pages, npages),
			     ripas, flags % 2, &answer);
		ends = err || limits_ends(limits, answer.pages, npages);
	}
	answer.x0 = 0;
	answer.x1 = base + 4096 * answer.pages;
	answer.x2 = ripas && err && err != -EAGAIN && err != -EBUSY;
	return answer;
}

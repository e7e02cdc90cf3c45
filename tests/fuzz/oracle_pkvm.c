/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_pkvm.c - what a guest under pKVM must be answered; see oracle_pkvm.h.
 */
#include "oracle_pkvm.h"

#include <errno.h>

__extension__ typedef unsigned __int128 wide;

enum { MEMINFO = 2, SHARE = 3, UNSHARE = 4, RELINQUISH = 9 };

#define INVALID	((uint64_t)-3)

/* What becomes of one granule. */
enum fate { DONE, REFUSED, NOT_THERE, HELD_SHORTLY };

static enum fate one(struct world *w, gms_gfn gfn, unsigned call, uint64_t *changed)
{
	const gms_state state = world_state(w, gfn);
	const bool shared = state & GMS_STATE_SHARED;
	struct world_did did;
	int err = 0;

	if (state == GMS_HOLE || (state & GMS_STATE_POISON))
		return REFUSED;
	if (!(state & GMS_STATE_POPULATED) && call == SHARE)
		return NOT_THERE;
	if (!(state & GMS_STATE_POPULATED) && call == UNSHARE)
		return REFUSED;
	/* Relinquishing nothing is fine; what goes with memory goes, should it be there. */
	if ((state & GMS_STATE_POPULATED) && shared != (call == UNSHARE))
		return REFUSED;
	err = world_convert(w, (struct gms_range){ gfn, 1 },
			    call == SHARE ? GMS_STATE_SHARED : 0,
			    call == UNSHARE ? GMS_STATE_SHARED :
			    call == RELINQUISH ? GMS_STATE_POPULATED : 0, 0, &did);
	*changed += did.changed;
	if (err == -EBUSY)
		return HELD_SHORTLY;
	return err ? REFUSED : DONE;
}

/* The granules of a range, chunk by chunk. */
static void all(struct world *w, struct limits *limits, unsigned call, struct gms_range range,
		struct pkvm_answer *answer)
{
	enum fate fate = DONE;
	bool ends = false;

	while (!ends) {
		uint64_t left = limits_next(limits, range.first, answer->granules,
					    range.npages);

		for (; left && fate == DONE; left--) {
			fate = one(w, range.first + answer->granules, call, &answer->changed);
			answer->granules += fate == DONE;
		}
		ends = fate != DONE || limits_ends(limits, answer->granules, range.npages);
	}
	if (answer->granules || fate == DONE) {
		answer->action = GMS_PKVM_ANSWER;
		answer->x[0] = 0;
	} else if (fate == NOT_THERE) {
		answer->action = GMS_PKVM_BRING_IN;
		answer->gfn = range.first;
	} else if (fate == HELD_SHORTLY) {
		answer->action = GMS_PKVM_LATER;
	}
}

struct pkvm_answer oracle_pkvm(struct world *w, struct limits *limits, bool ranges,
			       const uint64_t x[4])
{
	const uint32_t function = (uint32_t)x[0];
	const unsigned call = function & 0xf;
	struct pkvm_answer answer = { .action = GMS_PKVM_ANSWER, .x = { INVALID, 0, 0, 0 } };
	uint64_t n = 1;

	if (function >> 4 != 0xc600000 ||
	    (call != MEMINFO && call != SHARE && call != UNSHARE && call != RELINQUISH)) {
		answer.x[0] = UINT64_MAX;
		return answer;
	}
	if (call == MEMINFO) {
		if (!x[1] && !x[2] && !x[3]) {
			answer.x[0] = 4096;
			answer.x[1] = ranges;
		}
		return answer;
	}
	ranges = ranges && call != RELINQUISH;
	if (ranges && x[2])
		n = x[2];
	if ((!ranges && x[2]) || x[3] || x[1] % 4096 ||
	    x[1] + (wide)n * 4096 > (wide)1 << limits->gpa_bits)
		return answer;
	all(w, limits, call, (struct gms_range){ x[1] / 4096, n }, &answer);
	if (ranges)
		answer.x[1] = answer.granules;
	return answer;
}

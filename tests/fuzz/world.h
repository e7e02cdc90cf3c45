/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - a small space for fuzzing, and beside it what it must be.
 *
 * The model is two arrays, a word and a byte a page: the page's state, and whether it is
 * pinned or lent. It follows the documents and shares no code with the library; each
 * of its functions looks at every page.
 *
 * The world's pages, each with a number from 0 to WORLD_PAGES - 1 (world_index()):
 *
 *	frames		folios	a backend
 *	0..1023		2M	yes
 *	1024..1299	a hole
 *	1300..2559	4K	no	not aligned, and touches the next
 *	2560..4095	2M	yes
 *	2^39 - 512..	2M	yes	ends where the shared bit of 52 bits of address begins
 *	2^40 - 512..	2M	yes	the last frames there are
 *
 * A world is made once for a profile and is made as new for each input: that it
 * is indeed is checked by replay.c, which runs inputs in two orders.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stdbool.h>

#include <gmemstate/gmemstate.h>

#include "fuzz.h"

#define WORLD_PAGES	(1024 + 1260 + 1536 + 512 + 512)
#define WORLD_HOLDS	8

/* As struct world's held. */
#define WORLD_PINNED	1u
#define WORLD_LENT	2u

struct world {
	struct gms_space *space;
	uint32_t  profile;
	gms_state known;		/* attributes that a change may name */
	gms_state first;		/* what every page is at first: private */

	/* What each page must be. */
	gms_state state[WORLD_PAGES];
	uint8_t	  held[WORLD_PAGES];

	/* What the backends were told. */
	bool	  mapped[WORLD_PAGES];
	uint64_t  host_calls, host_runs, flushes;

	/* What is to be undone before the next input. */
	gms_pin_id  pin[WORLD_HOLDS];
	gms_loan_id loan[WORLD_HOLDS];
	unsigned  npins, nloans;
};

/*
 * The world of a profile that does not move DIRECT_MAP (not NO_DIRECT_MAP, SECRETMEM), as
 * new: all private, nothing held. The space is the same each time.
 */
struct world *world_get(uint32_t profile);

/*
 * A request of the world's space with these options: made once, as it takes longer than what
 * it is used for; the world frees it.
 */
struct gms_request *world_request(struct world *w, const struct gms_request_opts *opts);

/*
 * As the input says (at most 1 + 7 * 4 bytes): pages shared, in stretches or every other
 * one, pinned, lent, frozen, accepted, destroyed, poisoned.
 */
void world_setup(struct world *w, struct fuzz_in *in);

/* Fail unless every page is as the model has it, the backends know, and gms_check() agrees. */
void world_compare(struct world *w);

/* A frame's number, or -1 in a hole; and back. */
int world_index(gms_gfn gfn);
gms_gfn world_gfn(unsigned index);
/* A frame where a region begins, or the one after its end; any number will do. */
gms_gfn world_border(unsigned number);
/* The first frame of a region at or after one, or UINT64_MAX. */
gms_gfn world_next(gms_gfn gfn);
/* What a page must be, or GMS_HOLE. */
gms_state world_state(const struct world *w, gms_gfn gfn);

/* How the model converts, and what it says of it. */
#define WORLD_SKIP_HOLES	1u	/* frames in holes count as done */
#define WORLD_AS_FAR		2u	/* up to the page that is refused, and not all or nothing */

struct world_did {
	uint64_t npages;	/* frames done, from the range's start */
	uint64_t changed;	/* pages that became something else */
	gms_gfn	 error_gfn;	/* the lowest page that is refused */
	uint32_t reason;	/* enum gms_reason */
};

/*
 * Convert a range in the model: 0, or the error of the lowest page that is refused, with
 * nothing changed. The range may be of any length; attributes that the profile does
 * not know are left out. @did may be NULL.
 */
int world_convert(struct world *w, struct gms_range range, gms_state set, gms_state clear,
		  unsigned flags, struct world_did *did);
/* The same in the model and in the space, in one conversion, which must agree. */
int world_convert_both(struct world *w, struct gms_range range, gms_state set, gms_state clear);


/* What a page becomes, as convert.h has it; and may it? 0, or the error and the reason. */
gms_state world_after(gms_state old, gms_state set, gms_state clear);
int world_refusal(gms_state old, gms_state new, uint8_t held, uint32_t *reason);
/* A part that names all that it brings along, as requests do it. */
struct gms_change world_named(struct gms_change change);
/*
 * As gms_convert() in the model: all changes or none, what counts is what pages are before
 * and after all of them. 0, or an error: of the lowest page that is refused, which goes to
 * *@refused if that is not NULL, or that there is a hole.
 */
int world_convert_all(struct world *w, const struct gms_change *changes, size_t nchanges,
		      unsigned flags, gms_gfn *refused);

/* Hold pages, or freeze them: false, and nothing done, where they may not be, or enough are. */
bool world_pin(struct world *w, gms_gfn first, uint64_t npages);
bool world_lend(struct world *w, gms_gfn first, uint64_t npages);
bool world_freeze(struct world *w, gms_gfn first, uint64_t npages);
/* Let go of all pins and loans: what was refused for them may go on. */
void world_release(struct world *w);
/* Thaw all. */
void world_thaw(struct world *w);

#endif

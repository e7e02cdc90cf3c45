/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request.h - a guest's request between its words and its conversions.
 *
 * A protocol takes a request in with gms__request_begin(), adds its parts, and calls
 * it ready; whoever runs it moves the place on; the protocol reads the place and the
 * error, and answers.
 *
 *   R1  Parts are in the order of the guest, at most GMS__REQUEST_PARTS. Each is of
 *       valid pages: not empty, not past GMS_GFN_LIMIT.
 *   R2  What is done is the parts before place.part whole, and the first place.pages
 *       pages of that part, which are fewer than it has.
 *   R3  stop_error is what the protocol has against what follows the last part: it
 *       becomes the error once all parts are done, and not before.
 *   R4  The guest's memory is read in begin and written in end, never in between.
 *
 * Locking: a request is one thread's at a time; while it waits in a collector all but
 * its seat is the leader's (collect.c).
 */
#ifndef GMS_GUEST_REQUEST_H
#define GMS_GUEST_REQUEST_H

#include <errno.h>
#include <pthread.h>

#include <gmemstate/guest/request.h>

#include "engine/space.h"

#define GMS__REQUEST_PARTS	253u	/* the most entries that a buffer has */

/* The words that a request came in. Each protocol has a member, and owns it. */
struct gms__psc_copy {
	uint64_t header;
	uint64_t entry[GMS__REQUEST_PARTS];
	uint32_t first;		/* the entry that was at hand */
	uint32_t end;		/* one past the last */
};

union gms__guest_words {
	struct gms__psc_copy psc;
	struct {
		uint64_t gpa;			/* R12, or RCX, as the guest gave it */
		uint32_t level;			/* that an accepted block is mapped at */
	} tdx;
	struct {
		uint64_t base, ripas, flags;	/* as the guest gave them */
	} cca;
	struct {
		uint32_t call;
		bool	 ranged;
	} pkvm;
	struct {
		uint64_t flags;		/* of a memory fault */
	} kvm;
};

struct gms__reached {
	uint32_t part;
	uint64_t pages;		/* of that part */
};

/* The pages that come next, up to a chunk: what is to be converted, and how far it leads. */
struct gms__window {
	struct gms__reached end;
	uint64_t pages;		/* from the request's place to the end */
	size_t	 nchanges;	/* added to the batch */
	int	 error;		/* of the page at the end: it is not admitted */
	gms_gfn	 error_gfn;
	uint32_t error_reason;
};

/*
 * May the part go ahead from its first page on, as things are? Called right before it
 * is converted, with no lock held. Shortens *npages to those before the first page that
 * may not, and returns the error of that one with its reason in the request: 0 if
 * all may. With *npages 0 nothing is converted.
 */
typedef int gms__admit_fn(struct gms_request *request, struct gms_range range,
			  uint64_t *npages);

struct gms_request {
	struct gms_space *space;
	struct gms_request_opts opts;	/* defaults filled in */
	struct gms_batch *batch;
	uint32_t protocol;
	uint32_t step;

	struct gms_request_part part[GMS__REQUEST_PARTS];
	uint32_t nparts;
	uint64_t chunk_pages;	/* of this request; GMS_REQUEST_WHOLE: no chunks */
	gms__admit_fn *admit;	/* NULL: whatever gms_convert() allows */
	bool	 granular;	/* a part that fails is done up to the page that fails */
	int	 stop_error;

	struct gms__reached place;
	int	 error;		/* of the part at place; 0: stopped, or done */
	gms_gfn	 error_gfn;
	uint32_t error_reason;
	uint64_t pages_done;
	uint64_t commits;
	uint64_t changed_pages;
	uint64_t splits;
	uint64_t flushes;

	/* group.c: while it is in a group; joint: from begin to end */
	struct gms_request *next;
	struct gms__window window;	/* of it, in the group's commit */
	gms_gfn	 low, high;	/* no page that it still asks for is outside of [low, high) */
	bool	 aside;		/* not in the group's commit */
	bool	 joint;		/* some of it was converted with that of others */

	/* collect.c */
	pthread_cond_t told;
	bool	 seated;	/* it waits in a collector */

	union gms__guest_words words;
};

/*
 * Forget what it held and take in a new one: 0, or -EINVAL for NULL. chunk_pages: what
 * the protocol's host does, GMS_REQUEST_WHOLE for none.
 */
int  gms__request_begin(struct gms_request *request, uint32_t protocol, uint64_t chunk_pages);
/*
 * One more part, which R1 allows. Attributes that the profile does not know are left
 * out of set and clear. Returned for its entry and order to be filled in.
 */
struct gms_request_part *gms__request_add(struct gms_request *request, struct gms_range range,
					  gms_state set, gms_state clear);
/* All parts are there. stop_error: see R3. */
void gms__request_ready(struct gms_request *request, int stop_error);
/*
 * Before the answer: 0, or -EINVAL if it is NULL, of another protocol, or not done. It
 * is idle then.
 */
int  gms__request_end(struct gms_request *request, uint32_t protocol);
/* Are all parts done? stop_error may have something against the rest. */
static inline bool gms__request_whole(const struct gms_request *request)
{
	return request->place.part == request->nparts;
}
/* Of an error: may the same go through later, with nothing else done about it? */
static inline bool gms__error_passes(int error)
{
	return error == -EAGAIN || error == -EBUSY || error == -ENOMEM;
}
/* Named in an error that an admit function returns. */
static inline int gms__request_blame(struct gms_request *request, gms_gfn gfn, uint32_t reason,
				     int error)
{
	request->error_gfn = gfn;
	request->error_reason = reason;
	return error;
}

/* Bytes [gpa, gpa + bytes) as pages: false if not aligned, empty, or past the limit. */
bool gms__pages_of(const struct gms_request *request, uint64_t gpa, uint64_t bytes,
		   struct gms_range *range);

#endif

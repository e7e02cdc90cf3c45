/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * group.h - requests that are carried out in one commit, as far as that goes.
 *
 *   G1  A group is in the order in which its requests came, and so are the changes of
 *       its commit: where two ask for the same page, the later one has it.
 *   G2  Of a request a commit has all of the next window, or nothing: those of which it
 *       has nothing are aside, and as they were.
 *   G3  A request that is admitted by the state of its pages is in a commit only if no
 *       request before it there comes near these pages: what it is judged on is what it
 *       finds.
 *   G4  All requests of a commit want the same content.
 *   G5  A group is committed at most three times, and after each refusal without who has
 *       the page: what one vCPU asks for costs the others no more than that.
 *
 * Locking: a group is one thread's. Nothing here is called with a lock held.
 */
#ifndef GMS_GUEST_GROUP_H
#define GMS_GUEST_GROUP_H

#include "guest/request.h"

/* Linked by next. */
struct gms__group {
	struct gms_request  *first;
	struct gms_request **end;	/* where the next one goes */
	uint32_t n;
	uint32_t tried;			/* those that were not aside from the start */
	uint32_t commits;		/* refused ones too */
	uint32_t refused;
};

static inline void gms__group_init(struct gms__group *group)
{
	*group = (struct gms__group){ .end = &group->first };
}

static inline void gms__group_add(struct gms__group *group, struct gms_request *request)
{
	request->next = NULL;
	*group->end = request;
	group->end = &request->next;
	group->n++;
}

/*
 * Carry out the next window of all that are not aside yet, in one commit, and put those
 * aside that it cannot have.
 */
void gms__group_commit(struct gms__group *group, struct gms_batch *batch, gms_tag tag);

#endif

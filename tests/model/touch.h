/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * touch.h - the oracle's side of access.h: who touches, how often pages are frozen,
 * and what is asked for. Nobody waits here: there is one thread.
 */
#ifndef MODEL_TOUCH_H
#define MODEL_TOUCH_H

#include "oracle.h"

#define TOUCH_ACCESSES	16
#define TOUCH_FAULTS	256

struct touch_access {
	struct gms_range range;
	uint32_t flags;
	bool	 runs;
	struct gms_access access;
};

struct touch_fault {
	struct gms_range range;
	gms_gfn	 gfn;
	uint32_t reason;
	uint32_t flags;
	gms_tag	 tag;
	uint64_t waiters;
	uint64_t age;
	bool	 queued;
};

struct touch {
	struct touch_access access[TOUCH_ACCESSES];
	struct touch_fault fault[TOUCH_FAULTS];
	size_t	 nfaults;
	uint64_t age;
};

/* Does an access that runs forbid the page this change? */
bool touch_forbids(const struct touch *t, gms_gfn gfn, gms_state old, gms_state new);
bool touch_any(const struct touch *t, struct gms_range range);
/* After whatever changed: faults that are over go. */
void touch_settle(struct touch *t, const struct oracle *o);

/* One random step, at a range; a line of the story goes to @line. */
void touch_step(struct touch *t, struct oracle *o, struct gms_space *space, struct fx_rand *rand,
		struct gms_range range, char *line, size_t room);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * match.h - which unmap ends which map, found once for all replays of a run.
 *
 * Each mapping that is outstanding has a slot: a small number, used again after it
 * ends. A replay keeps what it knows of a mapping by that number.
 *
 * Locking: none; the thread that reads the trace has it.
 */
#ifndef GMS_REPLAY_MATCH_H
#define GMS_REPLAY_MATCH_H

#include <stdint.h>

#include "trace/trace.h"

/* What replays are given: an event whose mapping is known. */
struct replay_step {
	uint64_t time_ns;
	uint64_t address;	/* guest-physical, of what is lent; of a sync: 0 */
	uint64_t bytes;		/* of the mapping, also at its end; of a sync: its own */
	uint32_t slot;		/* of a sync: 0 */
	uint8_t	 op;		/* enum trace_op, but TRACE_MARK */
	uint8_t	 dir;		/* enum trace_dir, of the mapping */
	bool	 rings;		/* a map that begins a request: its driver kicks the device */
};

/* In a bucket: its neighbours' slots. MATCH_NONE: none. */
struct match_link {
	uint32_t next, prev;
};

/* A mapping that is outstanding, or a slot that is free. */
struct match_mapping {
	uint64_t dma, gpa, bytes, address;
	uint64_t time_ns;
	uint32_t device;
	struct match_link dma_link;	/* next: also the next free slot */
	struct match_link gpa_link;
	uint8_t	 op;		/* TRACE_MAP or TRACE_COHERENT */
	uint8_t	 dir;
};

#define MATCH_NONE	UINT32_MAX
/*
 * Mappings that a search looks at, the latest first. A guest has one of an address and
 * a length, or some; a file may have millions, and an unmap that is none of them.
 */
#define MATCH_LOOKS	256u

struct match {
	struct match_mapping *mapping;	/* by slot */
	uint32_t *by_dma, *by_gpa;	/* buckets; by_gpa from the first unmap that needs it */
	uint32_t  nbuckets;		/* a power of two, as many as there is room for slots */
	uint32_t  nslots;		/* that were ever used */
	uint32_t  free;			/* the first of those that are not now */
	uint32_t  n, n_max, most;
};

void match_init(struct match *match, uint32_t most);
void match_drop(struct match *match);
/* The slot of a new mapping; -ENOSPC: there are as many as are allowed; -ENOMEM. */
int64_t match_begin(struct match *match, const struct trace_event *event, uint64_t address);
/* The slot of the mapping that ends here, which is free now, and what it was; -ENOENT, -ENOMEM. */
int64_t match_end(struct match *match, const struct trace_event *event,
		  struct match_mapping *was);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.h - how far a call may go, for the protocols that can say how far one came.
 */
#ifndef FUZZ_LIMITS_H
#define FUZZ_LIMITS_H

#include "world.h"

struct limits {
	uint32_t gpa_bits;
	bool	 holes;		/* frames in holes count as done */
	uint64_t host_chunk;	/* pages that the protocol's host converts at a time */
	uint64_t chunk_pages;	/* UINT64_MAX: all at once */
	uint64_t most_pages;	/* UINT64_MAX: no limit */
	unsigned stop_after;	/* chunks of a call; 0: never */
	unsigned asked[2];	/* by the library, by the oracle */
};

/* Of five bytes. Chunks are @host_chunk unless the input says otherwise. */
struct limits limits_draw(struct fuzz_in *in, uint64_t host_chunk);
/* A request with these limits, which must outlive it; its profile is the world's. */
struct gms_request *limits_request(struct limits *limits, struct world *w);
/* Before each call. */
void limits_call(struct limits *limits);

/*
 * For oracles: how many pages come next, of @npages from @first on, of which @done are
 * done: up to the end of a chunk, or of a hole that is passed over at once.
 */
uint64_t limits_next(const struct limits *limits, gms_gfn first, uint64_t done, uint64_t npages);
/* For oracles: they are done, and all went well. Does the call end here? */
bool limits_ends(struct limits *limits, uint64_t done, uint64_t npages);

/* A frame in the lower half of what the address width allows, mostly. */
uint64_t limits_gpa(const struct limits *limits, struct fuzz_in *in);
/* From there on: pages in bytes, now and then not quite, or up to where a half ends. */
uint64_t limits_bytes(const struct limits *limits, uint64_t gpa, struct fuzz_in *in);

#endif

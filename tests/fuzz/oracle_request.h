/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_request.h - what guest/request.h says of a request's parts, a page at a time.
 */
#ifndef FUZZ_ORACLE_REQUEST_H
#define FUZZ_ORACLE_REQUEST_H

#include "world.h"

/* As many as a request can have. */
#define ASK_PARTS	253u

struct ask {
	struct gms_change part[ASK_PARTS];
	uint32_t nparts;
	uint32_t flags;		/* GMS_REQUEST_HOLES */
	uint64_t most_pages;	/* 0: no limit */
	uint64_t chunk_pages;	/* GMS_REQUEST_WHOLE: no chunks */
	bool	 granular;
	gms_state barred;	/* pages that are so are not admitted; 0: all are */
	int	 stop_error;
};

struct reply {
	uint32_t part;		/* parts done */
	uint64_t part_pages;	/* pages done of the next */
	uint64_t pages;
	int	 error;
	gms_gfn	 error_gfn;
	uint32_t error_reason;
};

/* The error of a page that is barred. */
#define ASK_BARRED	(-EDOM)

/* Carry it out in the model. */
void oracle_request(struct world *w, const struct ask *ask, struct reply *reply);

#endif

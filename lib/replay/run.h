/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h - one pass over a trace, replayed under all setups at once.
 *
 * One thread reads, and finds which unmap ends which map; blocks of steps go round in
 * a ring, and workers replay each under each setup, in order. The ring is all that is
 * kept of the trace.
 */
#ifndef GMS_REPLAY_RUN_H
#define GMS_REPLAY_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "replay/replay.h"
#include "replay/report.h"

/* Longest mapping: a device's, not a guest's whole memory. */
#define RUN_BYTES_MOST	(UINT64_C(1) << 30)

struct run_opts {
	const char *path;	/* "-": the standard input */
	struct trace_opts trace;
	const struct replay_opts *setup;
	uint32_t nsetups;
	uint32_t jobs;		/* workers; 0: one a CPU */
	uint32_t most_outstanding;
	bool	 by_dma;	/* what the device was given is lent, not the buffer */
	bool	 quiet;		/* no bar */
	uint64_t until_ns;	/* of the trace, from its first event on; UINT64_MAX: all */
	const char *save;	/* a folder for what the guests are like in the end; or NULL */
	double	 speed;		/* of the trace's time to the clock's; 0: as fast as can be */
};

/*
 * Fills in run but its cost; run->report has room for all setups. 0 or a negative
 * errno, with a line for people in why.
 */
int run_trace(const struct run_opts *opts, struct report_run *run, char *why, size_t why_bytes);

#endif

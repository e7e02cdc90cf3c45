/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - what replays of one trace found, for who prints and who draws it.
 *
 * A replay is a trace under one setup: a strategy, a profile, a folio size. All
 * replays of a run saw the same events. Nothing here grows with the trace: a series
 * has REPORT_POINTS at most and halves its resolution when it is full.
 */
#ifndef GMS_REPLAY_REPORT_H
#define GMS_REPLAY_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/gmemstate.h>

#include "trace/trace.h"

#define REPORT_POINTS		2048u	/* of a series; even */
#define REPORT_BUCKETS		48u	/* of a histogram by powers of two */
#define REPORT_MARKS		64u

/* What became of the trace. Each is one of enum gms_cost_strategy, with its numbers. */
struct replay_setup {
	uint32_t strategy;	/* enum gms_cost_strategy */
	uint32_t profile;	/* enum gms_profile */
	uint32_t base_order;	/* of the guest's folios */
	uint32_t batch;		/* CONVERT_BATCH: requests at once */
	uint32_t backing;	/* enum gms_cost_backing; run.pattern has the first setup's */
	uint64_t idle_pages;	/* LAZY */
	uint64_t idle_ns;	/* LAZY; 0: however long */
	char	 name[48];	/* "batch=8", with profile and folios if there are several */
};

/* [i]: values above 2^(i-1), up to and with 2^i; [0]: 0 and 1; the last: the rest too. */
struct report_histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t bucket[REPORT_BUCKETS];
};

/* At the end of an interval of the trace's time; totals since the start, and gauges. */
struct report_point {
	uint64_t pages_to_shared;
	uint64_t pages_to_private;
	uint64_t commits;
	uint64_t bytes_copied;
	uint64_t bytes_mapped;		/* lengths of maps so far */
	uint64_t shared_pages;		/* then */
	uint64_t shared_pages_max;	/* the most in the interval, of those looked at */
	uint64_t slack_bytes;		/* shown beyond what is lent, then */
	uint64_t lent_pages;		/* then */
};

struct report_series {
	uint64_t start_ns;	/* of the trace's time */
	uint64_t interval_ns;	/* a power of two times the first */
	uint32_t npoints;	/* point[i] ends at start_ns + (i + 1) * interval_ns */
	struct report_point point[REPORT_POINTS];
};

/* One replay. */
struct report {
	struct replay_setup setup;

	uint64_t page_transitions_to_shared;
	uint64_t page_transitions_to_private;
	uint64_t commits;
	uint64_t flushes;		/* of all kinds that the ledger has */
	uint64_t backend_calls;
	uint64_t bytes_copied;
	uint64_t splits;
	uint64_t merges;
	uint64_t pages_exposed_max;
	uint64_t pages_exposed_end;
	double	 page_seconds_exposed;
	uint64_t bytes_exposed_beyond_lent;	/* at most, of the moments between events */
	double	 byte_seconds_exposed_beyond_lent;
	uint64_t listener_entries_max;
	uint64_t pool_bytes;		/* BOUNCE, POOL: the most there was of it; else 0 */
	uint64_t loans_never_returned;

	struct gms_acct acct;		/* the ledger at the end */
	struct gms_cost_counts counts;	/* the steps that were priced */
	struct gms_cost_estimate cost;	/* of the whole trace, not of a request */
	bool	 cost_known;		/* else cost.missing names what the model lacks */
	struct report_series series;
	double	 replay_seconds;	/* this replay's own CPU time */
};

struct report_mark {
	uint64_t time_ns;
	char	 name[40];
};

/* A run: one trace, some replays. */
struct report_run {
	const char *trace_name;
	struct trace_seen seen;
	uint64_t events;		/* maps, unmaps, coherent, frees: those replayed */
	uint64_t maps;
	uint64_t unmaps;
	uint64_t coherent;
	uint64_t frees;
	uint64_t syncs;
	uint64_t unmatched_unmaps;	/* of what was mapped before the trace began */
	uint64_t bad_events;		/* of what no guest has: passed over, with skip_bad */
	uint32_t guest_cpus;		/* the highest number of one, and 1 */
	uint64_t first_ns, last_ns;	/* of the trace's time */
	uint64_t outstanding_max;	/* mappings */
	uint64_t bytes_mapped;
	struct report_histogram length_bytes;
	struct report_histogram life_ns;	/* from map to unmap */
	uint32_t nmarks;		/* that were kept */
	struct report_mark mark[REPORT_MARKS];

	struct gms_cost_model model;	/* what costs are of */
	const char *model_name;		/* "this host, measured now", a file's name, "example" */
	/* Of costs: backing, ask, doorbell, threads; bytes is unused. */
	struct gms_cost_pattern pattern;
	double	 elapsed_seconds;	/* of the run */

	uint32_t nreports;
	struct report *report;		/* in the order they were asked for */
};

/* table.c, json.c, metrics.c, plots.c. 0 or a negative errno. */
struct out;
int report_table(const struct report_run *run, struct out *out);
int report_json(const struct report_run *run, struct out *out);
int report_openmetrics(const struct report_run *run, struct out *out);
/* Files in dir, which is made; a message of what failed, for people, in why. */
int report_plots(const struct report_run *run, const char *dir, char *why, size_t why_bytes);

#endif

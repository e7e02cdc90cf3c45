/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h - one replay: a trace's steps under one setup.
 *
 * Time is the trace's. Between two times nothing happens: what is shown beyond what is
 * lent is looked at there, and not between two steps of one time, such as the segments
 * of a scatter list.
 *
 * Locking: none; one thread at a time has a replay.
 */
#ifndef GMS_REPLAY_REPLAY_H
#define GMS_REPLAY_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay/match.h"
#include "replay/pool.h"
#include "replay/report.h"
#include "replay/used.h"
#include "replay/world.h"

struct replay;

/* What a strategy does; any but map and unmap may be NULL. 0 or a negative errno. */
struct replay_ops {
	int (*begin)(struct replay *replay);
	int (*map)(struct replay *replay, const struct replay_step *step);
	int (*unmap)(struct replay *replay, const struct replay_step *step);
	int (*sync)(struct replay *replay, const struct replay_step *step);
	/* When something that waits must be done; UINT64_MAX: nothing waits. */
	uint64_t (*due_ns)(const struct replay *replay);
	int (*do_due)(struct replay *replay);
	int (*end)(struct replay *replay);
	/* Bytes shown beyond what is lent, past those that loans turned shared. */
	uint64_t (*slack_bytes)(const struct replay *replay);
	void (*drop)(struct replay *replay);
};

/* What a replay knows of a mapping. */
struct replay_held {
	gms_loan_id loan;
	uint64_t at;	/* the strategy's own */
};

struct replay_pool {
	struct pool slots;
	uint64_t gpa;		/* of the first byte; grows without a gap */
	uint64_t bytes;
	uint64_t lent_bytes;
	uint64_t chunk_bytes;
	uint32_t copies;	/* of each byte, each way */
};

/* Loans that wait to be made together, and to be returned together. */
struct replay_batch {
	struct gms_loan_want *want;
	uint32_t *slot;		/* of each */
	gms_loan_id *id;	/* theirs, when they are made */
	uint32_t nwant;
	gms_loan_id *back;
	struct replay_step *back_step;	/* of each */
	uint64_t back_bytes_sum;
	uint32_t nback;
	uint64_t want_ns, back_ns;	/* since when the first waits */
	uint64_t wait_ns;		/* how long at most */
	uint32_t rings;			/* requests that begin among those that wait */
};

struct replay_opts {
	struct replay_setup setup;
	uint64_t ram_bytes;
	uint64_t most_bytes;	/* of our memory: world.h */
	uint64_t pool_bytes;	/* a chunk of the pool */
	uint64_t batch_wait_ns;
};

struct replay {
	const struct replay_ops *ops;
	struct replay_opts opts;
	struct world world;
	struct replay_held *held;	/* by slot */
	uint32_t nheld;
	struct replay_pool pool;
	struct replay_batch batch;
	struct gms_lend_result blank;	/* for each call */
	struct gms_lend_result returned;	/* the same, with room for runs */
	struct used used;
	struct report *report;
	bool	 begun;
	uint64_t bytes_mapped;
	uint64_t slack_max;
	double	 slack_byte_ns;
	uint64_t interval_shared_max;
	char	 why[320];		/* what failed */
};

int  replay_make(struct replay *replay, const struct replay_opts *opts, struct report *report);
void replay_drop(struct replay *replay);
/* Steps in the order of their times; the first call says when the trace begins. */
int  replay_steps(struct replay *replay, uint64_t start_ns, const struct replay_step *step,
		  size_t n);
/* The trace is over then: fills in the report, but its cost. */
int  replay_end(struct replay *replay, uint64_t start_ns, uint64_t end_ns);

/* strategy_lend.c, strategy_batch.c, strategy_copy.c */
extern const struct replay_ops replay_lend_ops, replay_batch_ops, replay_pool_ops,
	replay_pread_ops;

/* For strategies. */
int  replay_fail(struct replay *replay, const char *doing, int err);
void replay_count_turn(struct gms_cost_turns *turns, const struct gms_lend_result *result);
/* The guest writes what a device is to read: faults, if the pages had turned private. */
void replay_count_map(struct replay *replay, uint64_t gpa, uint64_t bytes, uint32_t dir);
/* What turned private by a call; *result has its runs. */
int  replay_count_private(struct replay *replay, const struct gms_lend_result *result);
/* The guest looks at what a device wrote. */
void replay_count_unmap(struct replay *replay, const struct replay_step *step);
/* A map's bytes, if turning its pages shared loses them and the VMM has to copy. */
void replay_count_contents(struct replay *replay, uint64_t bytes, uint32_t dir);

/* series.c */
void series_begin(struct report_series *series, uint64_t start_ns);
/* Has the next point ended by then? */
bool series_is_due(const struct report_series *series, uint64_t now_ns);
/* All points that end by then, equal but for the first's shared_pages_max. */
void series_fill(struct report_series *series, uint64_t now_ns, const struct report_point *point);
/* One more, for what is left. */
void series_end(struct report_series *series, const struct report_point *point);

#endif

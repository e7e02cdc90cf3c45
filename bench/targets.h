/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * targets.h - what the state map has to reach, row by row.
 *
 * A target compares a row of this library with another row of the same run, or
 * with a number. They are data: see targets.c.
 */
#ifndef BENCH_TARGETS_H
#define BENCH_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "report.h"

enum target_kind {
	TARGET_IMPL,	/* at most limit times the same row of another implementation */
	TARGET_BEST,	/* at most limit times the best peer */
	TARGET_ROW,	/* at most limit times another row of its own, same state */
	TARGET_STATE,	/* at most limit times another row of its own in W1 */
	TARGET_MOST,	/* at most limit, in the row's unit */
	TARGET_LEAST	/* at least limit */
};

struct target {
	const char	*id;
	const char	*states;	/* by commas; NULL: all in which there is such a row */
	const char	*impl;		/* whose row */
	enum target_kind kind;
	const char	*other;		/* implementation or row id */
	double		 limit;
	const char	*text;		/* for people: limit and what it is of */
};

extern const struct target targets[];	/* ends with a NULL id */

/* One target in one state. */
struct verdict {
	const struct target *target;
	const struct row    *row;
	double		     got;	/* to be compared with the limit */
	bool		     met;
};

/* Compare what was measured with the targets; the rows must not change after it. */
void targets_judge(struct report *report);

/* The verdict on rows like this one that is missed, else the first; NULL: none. */
const struct verdict *targets_of(const struct report *report, const struct row *like);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - the results: rows, their ratios, and JSON. table.h prints them.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "peer.h"

enum unit { UNIT_NS, UNIT_BYTES, UNIT_INSTRUCTIONS, UNIT_TIMES };

struct row {
	char	    id[32];
	const char *state;
	char	    impl[32];
	enum unit   unit;
	double	    value;
	uint64_t    guest_gib;
	const struct peer *peer;
	double	    ratio_flat;	/* to flat in the same state and guest; 0: flat has no such row */
	double	    ratio_best;	/* to the best peer; 0: there is none, or its value is 0 */
	const char *best;
};

struct verdict;

struct report {
	struct row *row;
	size_t	    n;
	size_t	    room;
	char	   *missing;	/* lines */
	struct verdict *verdict;	/* targets.h */
	size_t	    nverdicts;
};

void report_add(struct report *report, const char *id, const char *state, const char *impl,
		const struct peer *peer, enum unit unit, double value, uint64_t guest_gib);
void report_missing(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report_ratios(struct report *report);
bool report_json(const struct report *report, const char *file, const char *mode, int argc,
		 char **argv);

/* The same measurement of two implementations. */
bool report_comparable(const struct row *a, const struct row *b);
const struct row *report_find(const struct report *report, const char *id, const char *state,
			      const char *impl);
void report_drop(struct report *report);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - the ledger as text, in the formats of gms_acct_write().
 *
 * Both are put together line by line in a buffer on the stack, and each line is
 * handed on: nothing is allocated and no lock is taken, so that a report may be
 * written from anywhere.
 */
#ifndef GMS_API_REPORT_H
#define GMS_API_REPORT_H

#include <gmemstate/account.h>

#include "base/text.h"

#define GMS__REPORT_LINE	256u

struct gms__report {
	const struct gms_space *space;
	gms_write_fn *write;
	void	*ctx;
	int	 err;		/* the first that write returned; it is not called again */
	struct gms__text text;	/* the line so far */
	char	 line[GMS__REPORT_LINE];
};

/* A gauge of struct gms_acct. */
struct gms__gauge {
	const char *name;	/* the member */
	const char *metric;	/* in OpenMetrics, without prefix and unit */
	const char *unit;	/* NULL: none */
	const char *help;
	size_t	    offset;
};

#define GMS__GAUGES_TOLD	12
extern const struct gms__gauge gms__gauges[GMS__GAUGES_TOLD];

static inline uint64_t gms__gauge_of(const struct gms_acct *acct, const struct gms__gauge *gauge)
{
	return *(const uint64_t *)((const char *)acct + gauge->offset);
}

/* The line ends here: hand it on. */
void gms__report_line(struct gms__report *report);

/* Of which events time is charged: those that others charge. */
static inline bool gms__kind_has_time(uint32_t kind)
{
	return kind >= GMS_ACCT_GUEST_EXITS;
}

void gms__report_metrics(struct gms__report *report);
void gms__report_json(struct gms__report *report);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * series.c - totals and gauges over the trace's time, in bounded memory.
 *
 * A full series halves its resolution: each two points become one. A gap in the
 * trace, however long, costs a bounded number of points: the intervals grow with it.
 */
#include "replay/replay.h"

#define FIRST_INTERVAL_NS	(UINT64_C(1) << 20)

void series_begin(struct report_series *series, uint64_t start_ns)
{
	series->start_ns = start_ns;
	series->interval_ns = FIRST_INTERVAL_NS;
	series->npoints = 0;
}

bool series_is_due(const struct report_series *series, uint64_t now_ns)
{
	const uint64_t n = (uint64_t)series->npoints + 1;

	/* One that would end after the last time there can be never does. */
	return series->interval_ns <= (UINT64_MAX - series->start_ns) / n &&
	       series->start_ns + n * series->interval_ns <= now_ns;
}

static void halve(struct report_series *series)
{
	for (uint32_t i = 0; i < series->npoints / 2; i++) {
		const uint64_t most = series->point[2 * i].shared_pages_max;

		series->point[i] = series->point[2 * i + 1];
		if (most > series->point[i].shared_pages_max)
			series->point[i].shared_pages_max = most;
	}
	series->npoints /= 2;
	series->interval_ns *= 2;
}

/* It is halved as soon as it is full: so the next point ends at a whole interval. */
static void put(struct report_series *series, const struct report_point *point)
{
	series->point[series->npoints++] = *point;
	if (series->npoints == REPORT_POINTS)
		halve(series);
}

void series_fill(struct report_series *series, uint64_t now_ns, const struct report_point *point)
{
	struct report_point still = *point;

	put(series, point);
	still.shared_pages_max = point->shared_pages;
	while (series_is_due(series, now_ns))
		put(series, &still);
}

void series_end(struct report_series *series, const struct report_point *point)
{
	put(series, point);
}

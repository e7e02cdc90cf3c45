/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plots_data.c - the numbers of the pictures, as gnuplot reads them: a file a
 * picture, columns by blanks, a block for each replay.
 */
#include <inttypes.h>

#include "replay/plots.h"

#define NS_PER_S	1e9

uint64_t plots_turned(const struct report *report)
{
	return report->page_transitions_to_shared + report->page_transitions_to_private;
}

bool plots_buckets(const struct report_histogram *histogram, unsigned int *first,
		   unsigned int *end)
{
	*first = REPORT_BUCKETS;
	*end = 0;
	for (unsigned int i = 0; i < REPORT_BUCKETS; i++) {
		if (!histogram->bucket[i])
			continue;
		*first = *first < i ? *first : i;
		*end = i + 1;
	}
	return *end;
}

double plots_share(const struct report_histogram *histogram, unsigned int i)
{
	uint64_t n = 0;

	for (unsigned int k = 0; k <= i && k < REPORT_BUCKETS; k++)
		n += histogram->bucket[k];
	return histogram->count ? (double)n / (double)histogram->count : 0;
}

/*
 * Where pages are kept, those that were ever lent are shared in the end: each comes
 * back as often as there are uses for one.
 */
uint64_t plots_reuse_ns(const struct report_run *run)
{
	for (uint32_t i = 0; i < run->nreports; i++) {
		const struct report *report = &run->report[i];
		const uint64_t hits = report->acct.event[GMS_ACCT_LEND_HITS].count;
		const double uses = (double)hits + (double)report->page_transitions_to_shared;

		if (report->setup.strategy == GMS_COST_PERSISTENT && hits)
			return (uint64_t)((double)(run->last_ns - run->first_ns) *
					  (double)report->pages_exposed_max / uses);
	}
	return 0;
}

void plots_pattern(const struct report_run *run, const struct report *report,
		   struct gms_cost_pattern *pattern)
{
	const struct replay_setup *setup = &report->setup;

	*pattern = run->pattern;
	if (!pattern->direction)
		pattern->direction = GMS_COST_BOTH;
	if (!pattern->reuse_ns)
		pattern->reuse_ns = plots_reuse_ns(run);
	pattern->backing = setup->backing;
	pattern->batch = setup->strategy == GMS_COST_CONVERT_BATCH ? setup->batch : 0;
	/* However long is as good as longer than any gap. */
	pattern->idle_ns = setup->idle_ns ? setup->idle_ns : UINT64_MAX;
}

/* --- over time ------------------------------------------------------------------------ */

/* Of the points [from, to). */
static void series_bin(struct plots *plots, const struct report_series *series, uint32_t from,
		       uint32_t to)
{
	static const struct report_point none;
	const struct report_point *before = from ? &series->point[from - 1] : &none;
	const struct report_point *after = &series->point[to - 1];
	const double seconds = (double)(to - from) * (double)series->interval_ns / NS_PER_S;
	const double at = ((double)series->start_ns - (double)plots->run->first_ns +
			   (double)from * (double)series->interval_ns) / NS_PER_S;
	uint64_t most = 0;

	for (uint32_t i = from; i < to; i++) {
		const uint64_t pages = series->point[i].shared_pages_max;

		most = most > pages ? most : pages;
	}
	out_print(&plots->out, "%.6f %.3f %" PRIu64 " %.6f %.6f\n", at,
		  ((double)(after->pages_to_shared - before->pages_to_shared) +
		   (double)(after->pages_to_private - before->pages_to_private)) / seconds, most,
		  (double)(after->bytes_mapped - before->bytes_mapped) / seconds / (1 << 20),
		  seconds);
	if (to == series->npoints)	/* a step ends somewhere */
		out_print(&plots->out, "%.6f nan %" PRIu64 " nan 0\n", at + seconds, most);
}

static int data_series(struct plots *plots)
{
	int err = plots_open(plots, "series.dat");

	if (err)
		return err;
	out_print(&plots->out, "# from second, pages turned a second, pages shared at most, "
		  "MiB mapped a second, seconds\n");
	for (uint32_t r = 0; r < plots->run->nreports; r++) {
		const struct report_series *series = &plots->run->report[r].series;
		const uint32_t step = (series->npoints + PLOTS_BINS - 1) / PLOTS_BINS;

		out_print(&plots->out, "%s# %s\n", r ? "\n\n" : "",
			  plots->run->report[r].setup.name);
		for (uint32_t i = 0; i < series->npoints; i += step)
			series_bin(plots, series, i,
				   i + step < series->npoints ? i + step : series->npoints);
		if (!series->npoints)
			out_print(&plots->out, "0 0 0 0 0\n");
	}
	return plots_close(plots);
}

/* --- the rest ------------------------------------------------------------------------- */

static int data_cost(struct plots *plots)
{
	int err = plots_open(plots, "cost.dat");

	if (err)
		return err;
	out_print(&plots->out, "# replay, 1 if known, ns: exits, system calls, page tables, "
		  "flushes, refaults, copies\n");
	for (uint32_t r = 0; r < plots->run->nreports; r++) {
		const struct report *report = &plots->run->report[r];
		const struct gms_cost_estimate *cost = &report->cost;

		out_print(&plots->out, "%" PRIu32 " %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			  " %" PRIu64 " %" PRIu64 " # %s\n", r, report->cost_known, cost->exits_ns,
			  cost->syscalls_ns, cost->page_table_ns, cost->flushes_ns,
			  cost->refaults_ns, cost->copies_ns, report->setup.name);
	}
	return plots_close(plots);
}

static int data_histogram(struct plots *plots, const char *name,
			  const struct report_histogram *histogram)
{
	int err = plots_open(plots, name);
	unsigned int i, end;

	if (err)
		return err;
	out_print(&plots->out, "# above, at most, percent of the mappings\n");
	if (!plots_buckets(histogram, &i, &end))
		out_print(&plots->out, "0.5 1 0\n");
	for (; i < end; i++)
		out_print(&plots->out, "%.1f %" PRIu64 " %.6f\n",
			  i ? (double)(UINT64_C(1) << i) / 2 : 0.5, UINT64_C(1) << i,
			  100 * (double)histogram->bucket[i] / (double)histogram->count);
	return plots_close(plots);
}

/* A line for each replay; what the model does not know is left out. */
static int data_break_even(struct plots *plots)
{
	int err = plots_open(plots, "break-even.dat");

	if (err)
		return err;
	out_print(&plots->out, "# bytes of a request, ns\n");
	for (uint32_t r = 0; r < plots->run->nreports; r++) {
		const struct report *report = &plots->run->report[r];
		struct gms_cost_estimate cost;
		struct gms_cost_pattern pattern;

		plots_pattern(plots->run, report, &pattern);
		out_print(&plots->out, "%s# %s\n", r ? "\n\n" : "", report->setup.name);
		for (pattern.bytes = PLOTS_LEAST_BYTES; pattern.bytes <= PLOTS_MOST_BYTES;
		     pattern.bytes += (UINT64_C(1) << (63 - __builtin_clzll(pattern.bytes))) / 4) {
			GMS_INIT(&cost);
			err = gms_cost_estimate(&plots->run->model, &pattern,
						report->setup.strategy, &cost);
			out_print(&plots->out, "%" PRIu64 " ", pattern.bytes);
			out_print(&plots->out, err ? "nan\n" : "%" PRIu64 "\n", cost.total_ns);
		}
	}
	return plots_close(plots);
}

int plots_data(struct plots *plots)
{
	int err = data_series(plots);

	if (!err)
		err = data_cost(plots);
	if (!err)
		err = data_histogram(plots, "lengths.dat", &plots->run->length_bytes);
	if (!err)
		err = data_histogram(plots, "lifetimes.dat", &plots->run->life_ns);
	return err ? err : data_break_even(plots);
}

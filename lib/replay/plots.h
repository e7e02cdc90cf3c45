/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plots.h - what the pictures of a run are made of: its numbers as files that
 * gnuplot reads, gnuplot's script, and the page that shows what it drew.
 */
#ifndef GMS_REPLAY_PLOTS_H
#define GMS_REPLAY_PLOTS_H

#include <limits.h>
#include <stdbool.h>

#include "replay/report.h"
#include "tool/out.h"

#define PLOTS_BINS	160u		/* of a series: a line that can be followed by eye */
#define PLOTS_LEAST_BYTES 4096u		/* of break-even.svg */
#define PLOTS_MOST_BYTES (UINT64_C(64) << 20)

/* In the order of the page. */
enum plot {
	PLOT_CONVERSIONS, PLOT_EXPOSURE, PLOT_COST, PLOT_LENGTHS, PLOT_LIFETIMES,
	PLOT_BREAK_EVEN, PLOTS
};

struct plots {
	const struct report_run *run;
	const char *dir;
	char path[PATH_MAX];		/* of the file that is open */
	struct out out;
	char	*why;
	size_t	 why_bytes;
};

extern const char *const plots_names[PLOTS];	/* "cost": cost.svg */

/* plots.c: a file of the folder. 0 or a negative errno, and why. */
int plots_open(struct plots *plots, const char *name);
int plots_close(struct plots *plots);

/* plots_data.c */
int plots_data(struct plots *plots);
/* What a replay is compared with, of the break-even picture. */
void plots_pattern(const struct report_run *run, const struct report *report,
		   struct gms_cost_pattern *pattern);
/* Mean time between two uses of a page, as the trace had it; 0: not known. */
uint64_t plots_reuse_ns(const struct report_run *run);
/* Pages that turned, either way. */
uint64_t plots_turned(const struct report *report);
/* Mappings of a share of the histogram up to and with 2^i; 0 to 1. */
double plots_share(const struct report_histogram *histogram, unsigned int i);
/* The buckets that are not empty: [*first, *end); false: none. */
bool plots_buckets(const struct report_histogram *histogram, unsigned int *first,
		   unsigned int *end);

/* plots_script.c */
int plots_script(struct plots *plots);

/* plots_page.c */
int plots_page(struct plots *plots);

#endif

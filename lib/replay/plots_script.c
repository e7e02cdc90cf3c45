/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plots_script.c - how gnuplot is to draw a run's numbers.
 *
 * A strategy has its colour in every picture, of those that people who see few of
 * them can tell apart (Okabe and Ito); several replays of one strategy differ in
 * their dashes. Legends stand beside the plots, phases of the trace above them.
 */
#include <inttypes.h>
#include <string.h>

#include "replay/plots.h"
#include "tool/text.h"

#define WIDTH		800.0
#define HEIGHT		450.0
#define MARK_PIXELS	11.0	/* names of phases are not nearer to each other */
/* gnuplot draws no axes without a point: this one is on one of them. */
#define EMPTY		"plot %.0f lw 0 lc rgb '#444444'\n"
#define LEGEND_TOP	0.88
#define LOG_RATIO	40	/* between replays: more does not fit a linear axis */

static const char *const colours[GMS_COST_STRATEGIES] = {
	[GMS_COST_BOUNCE] = "#555555",
	[GMS_COST_POOL] = "#e69f00",
	[GMS_COST_CONVERT] = "#d55e00",
	[GMS_COST_CONVERT_BATCH] = "#0072b2",
	[GMS_COST_LAZY] = "#009e73",
	[GMS_COST_PERSISTENT] = "#cc79a7",
	[GMS_COST_PREAD] = "#56b4e9",
};

static const struct {
	const char *name;
	const char *colour;
} parts[] = {
	{ "exits", "#e69f00" }, { "system calls", "#56b4e9" }, { "page tables", "#009e73" },
	{ "flushes", "#d55e00" }, { "faults again", "#cc79a7" }, { "copies", "#555555" },
};

#define NPARTS	(sizeof(parts) / sizeof(parts[0]))

/* A text as gnuplot takes it as it is; a name may have come with the trace. */
static void quoted(struct out *out, const char *text)
{
	out_write(out, "'", 1);
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c == '\'')
			out_write(out, "''", 2);
		else
			out_write(out, c < 0x20 || c > 0x7e || c == '`' ? "?" : text, 1);
	}
	out_write(out, "'", 1);
}

static void pen(struct out *out, const struct report_run *run, uint32_t r)
{
	static const char *const dashes[] = { "1", "'-'", "'.'", "'_.'" };
	const uint32_t strategy = run->report[r].setup.strategy;
	unsigned int before = 0;

	for (uint32_t i = 0; i < r; i++)
		before += run->report[i].setup.strategy == strategy;
	/* gnuplot 5.4's svg misses that one arrow differs from the last in its dashes alone. */
	out_print(out, "lc rgb '%s' lw %.2f dt %s", colours[strategy], 2 + 0.01 * before,
		  dashes[before % 4]);
}

/* Pixels of the longest name of a replay. */
static double name_pixels(const struct report_run *run)
{
	size_t longest = 0;

	for (uint32_t r = 0; r < run->nreports; r++) {
		const size_t n = strlen(run->report[r].setup.name);

		longest = longest > n ? longest : n;
	}
	return 7.4 * (double)longest;
}

/* Where plots end and legends begin, so that they fit with so many small letters below names. */
static double right_edge(const struct report_run *run, unsigned int letters)
{
	const double names = name_pixels(run), more = 6.0 * letters;
	const double edge = 1 - ((names > more ? names : more) + 68) / WIDTH;

	return edge < 0.5 ? 0.5 : edge;
}

static void begin_plot(struct out *out, enum plot plot, double left, double right, double top,
		       double bottom)
{
	out_print(out, "\nreset\nset output '%s.svg'\n"
		  "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
		  "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
		  "set border 3 lc rgb '#444444'\nset tics nomirror out\n"
		  "set grid y lc rgb '#dddddd' lt 1 lw 1\nset key off\n", plots_names[plot], left,
		  right, top, bottom);
}

/* A replay in the legend, beside its line, and more of it below if there is room. */
static void legend(struct out *out, const struct report_run *run, double right, double top,
		   uint32_t r, const char *more)
{
	const double room = top / run->nreports, step = room < 0.1 ? room : 0.1;
	const double y = top - step * r;

	out_print(out, "set arrow from screen %.4f,%.4f to screen %.4f,%.4f nohead front ",
		  right + 0.014, y, right + 0.066, y);
	pen(out, run, r);
	out_print(out, "\nset label ");
	quoted(out, run->report[r].setup.name);
	out_print(out, " at screen %.4f,%.4f left front\n", right + 0.074, y);
	if (!*more || step < 0.075)
		return;
	out_print(out, "set label ");
	quoted(out, more);
	out_print(out, " at screen %.4f,%.4f left front font ',10' tc rgb '#555555'\n",
		  right + 0.074, y - 0.038);
}

/* --- over time ------------------------------------------------------------------------ */

static double seconds_of(const struct report_run *run, uint64_t time_ns)
{
	return ((double)time_ns - (double)run->first_ns) / 1e9;
}

static double end_of(const struct report_run *run)
{
	const double seconds = seconds_of(run, run->last_ns);

	return seconds > 0 ? seconds : 1;
}

/* Lines through the plot where phases begin, and their names above it where there is room. */
static void marks(struct out *out, const struct report_run *run, double pixels, bool names)
{
	const double end = end_of(run);
	double last = -1;

	out_print(out, "unset arrow\n");
	for (uint32_t i = 0; i < run->nmarks; i++) {
		const double at = seconds_of(run, run->mark[i].time_ns);

		if (at < 0 || at > end)
			continue;
		out_print(out, "set arrow from first %.6f, graph 0 to first %.6f, graph 1 nohead "
			  "back lc rgb '#999999' lw 1 dt '.'\n", at, at);
		if (!names || (last >= 0 && (at - last) / end * pixels < MARK_PIXELS))
			continue;
		last = at;
		out_print(out, "set label ");
		quoted(out, run->mark[i].name);
		out_print(out, " at first %.6f, graph 1.03 left rotate by 60 font ',10' "
			  "tc rgb '#555555'\n", at);
	}
}

/* Where plots end, for the phases' names above. */
static double top_of(const struct report_run *run)
{
	size_t longest = 0;
	double top;

	for (uint32_t i = 0; i < run->nmarks; i++) {
		const size_t n = strlen(run->mark[i].name);

		longest = longest > n ? longest : n;
	}
	top = longest ? 1 - (5.6 * (double)longest + 16) / HEIGHT : 0.94;
	return top < 0.7 ? 0.7 : top;
}

/* Columns and style, one or two, for each replay. */
static void lines(struct out *out, const struct report_run *run, const char *const styles[2])
{
	for (uint32_t i = 0; i < 2 * run->nreports; i++) {
		const uint32_t r = i / 2;

		if (!styles[i % 2])
			continue;
		out_print(out, "%s'series.dat' index %" PRIu32 " using %s ",
			  i ? ", \\\n  " : "plot ", r, styles[i % 2]);
		pen(out, run, r);
	}
	out_print(out, "\n");
}

/* Does the most of one replay not fit an axis with the least of another? */
static bool needs_log(const struct report_run *run, uint64_t (*value)(const struct report *report))
{
	uint64_t least = UINT64_MAX, most = 0;

	for (uint32_t r = 0; r < run->nreports; r++) {
		const uint64_t v = value(&run->report[r]);

		least = v && v < least ? v : least;
		most = v > most ? v : most;
	}
	return most / LOG_RATIO > least;
}

static uint64_t exposed(const struct report *report)
{
	return report->pages_exposed_max;
}

static uint64_t page_seconds(const struct report *report)
{
	return (uint64_t)report->page_seconds_exposed;
}


/* Below the names of phases, the last of which may reach over it. */
static void replay_legend(struct out *out, const struct report_run *run, double right,
			  uint64_t (*value)(const struct report *report), const char *unit)
{
	const double top = run->nmarks ? top_of(run) - 0.02 : LEGEND_TOP;

	for (uint32_t r = 0; r < run->nreports; r++) {
		const struct report *report = &run->report[r];
		char number[TEXT_BYTES], more[TEXT_BYTES + 24];

		snprintf(more, sizeof(more), "%s %s", text_count(number, value(report)), unit);
		legend(out, run, right, top, r, more);
	}
}

static void conversions(struct out *out, const struct report_run *run)
{
	/* Where nothing turns steps end too early, and a lone one is not drawn. */
	static const char *const styles[2] = {
		"1:($2 > 0 ? $2 : NaN) with steps",
		"1:($2 > 0 ? $2 : NaN):5:(0) with vectors nohead",
	};
	const double right = right_edge(run, 15), top = top_of(run);
	bool any = false;

	for (uint32_t r = 0; r < run->nreports; r++)
		any |= plots_turned(&run->report[r]) != 0;

	begin_plot(out, PLOT_CONVERSIONS, 0.1, right, top, 0.4);
	out_print(out, "set multiplot\nset xrange [0:%.6f]\nset format x ''\n", end_of(run));
	/* Phases of a trace differ by more than a linear axis shows. */
	out_print(out, "set ylabel 'pages turned a second'\nset format y '%%.0s%%c'\n"
		  "set logscale y\nset yrange %s\n", any ? "[*:*]" : "[1:1000]");
	marks(out, run, (right - 0.1) * WIDTH, true);
	replay_legend(out, run, right, plots_turned, "pages");
	if (any)
		lines(out, run, styles);
	else
		out_print(out, EMPTY, 1.0);
	out_print(out, "unset label\nunset object\nunset logscale y\nset yrange [0:*]\n"
		  "set ytics autofreq\nset format y '%%g'\nset format x '%%g'\n"
		  "set tmargin at screen 0.36\nset bmargin at screen 0.15\n"
		  "set ylabel 'MiB a second'\nset xlabel 'seconds of the trace'\n");
	marks(out, run, 0, false);
	out_print(out, "plot 'series.dat' index 0 using 1:4 with fillsteps fc rgb '#aaaaaa' "
		  "fs solid noborder\nunset multiplot\n");
}

static void exposure(struct out *out, const struct report_run *run)
{
	static const char *const on_log[2] = { "1:($3 > 0 ? $3 : 0.5) with steps" };
	static const char *const on_linear[2] = { "1:3 with steps" };
	const double right = right_edge(run, 21);
	const bool log = needs_log(run, page_seconds);

	begin_plot(out, PLOT_EXPOSURE, 0.1, right, top_of(run), 0.15);
	out_print(out, "set xrange [0:%.6f]\nset xlabel 'seconds of the trace'\n", end_of(run));
	out_print(out, "set ylabel 'pages shared with the host'\nset format y '%%.0s%%c'\n");
	/* None is drawn at the lower edge of a logarithmic axis, and called so. */
	out_print(out, log ? "set logscale y\nset yrange [0.5:*]\nset ytics add ('none' 0.5)\n" :
		  "set yrange [0:*]\n");
	marks(out, run, (right - 0.1) * WIDTH, true);
	replay_legend(out, run, right, exposed, "pages at most");
	lines(out, run, log ? on_log : on_linear);
}

/* --- cost ----------------------------------------------------------------------------- */

static uint64_t cost_ns(const struct report *report)
{
	return report->cost_known ? report->cost.total_ns : 0;
}

/* Columns 3 to 3 + n, as a sum. */
static void sum_of(struct out *out, unsigned int n)
{
	out_print(out, "(0");
	for (unsigned int i = 0; i < n; i++)
		out_print(out, "+$%u", 3 + i);
	out_print(out, ")");
}

static void cost_labels(struct out *out, const struct report_run *run, double unit)
{
	out_print(out, "set ytics (");
	for (uint32_t r = 0; r < run->nreports; r++) {
		out_print(out, "%s", r ? ", " : "");
		quoted(out, run->report[r].setup.name);
		out_print(out, " %" PRIu32, r);
	}
	out_print(out, ")\n");
	for (uint32_t r = 0; r < run->nreports; r++) {
		const struct report *report = &run->report[r];
		char text[TEXT_BYTES + 64];

		if (report->cost_known)
			text_ns(text, (double)report->cost.total_ns);
		else
			snprintf(text, sizeof(text), "not known%s%s", report->cost.missing ?
				 ": the model lacks " : "", report->cost.missing ?
				 report->cost.missing : "");
		out_print(out, "set label ");
		quoted(out, text);
		out_print(out, " at %.6f, %" PRIu32 " left offset character 0.6,0 front\n",
			  (double)cost_ns(report) / unit, r);
	}
}

static void cost(struct out *out, const struct report_run *run)
{
	static const struct {
		double ns;
		const char *name;
	} units[] = { { 1e9, "seconds" }, { 1e6, "milliseconds" }, { 1e3, "microseconds" },
		      { 1, "nanoseconds" } };
	const double left = (name_pixels(run) + 32) / WIDTH;
	uint64_t most = 1;
	unsigned int u = 0;

	for (uint32_t r = 0; r < run->nreports; r++)
		most = most > cost_ns(&run->report[r]) ? most : cost_ns(&run->report[r]);
	while (u < 3 && (double)most < 2 * units[u].ns)
		u++;
	begin_plot(out, PLOT_COST, left, 0.97, 0.86, 0.14);
	out_print(out, "unset grid\nset grid x lc rgb '#dddddd' lt 1 lw 1\n"
		  "set yrange [%" PRIu32 ".5:-0.5]\nset xrange [0:%.6f]\n"
		  "set xlabel 'estimated cost of the whole trace, %s of CPU time'\n",
		  run->nreports - 1, 1.18 * (double)most / units[u].ns, units[u].name);
	for (unsigned int i = 0; i < NPARTS; i++) {
		const double x = 0.04 + 0.16 * i;

		out_print(out, "set object rectangle from screen %.4f,0.92 to screen %.4f,0.955 "
			  "fc rgb '%s' fs solid noborder\nset label '%s' at screen %.4f,0.9375\n",
			  x, x + 0.022, parts[i].colour, parts[i].name, x + 0.03);
	}
	cost_labels(out, run, units[u].ns);
	for (unsigned int i = 0; i < NPARTS; i++) {
		out_print(out, "%s'cost.dat' using (", i ? ", \\\n  " : "plot ");
		sum_of(out, i);
		out_print(out, "/%.0f):1:(", units[u].ns);
		sum_of(out, i);
		out_print(out, "/%.0f):(", units[u].ns);
		sum_of(out, i + 1);
		out_print(out, "/%.0f):($1-0.34):($1+0.34) with boxxyerror fc rgb '%s' fs solid "
			  "noborder", units[u].ns, parts[i].colour);
	}
	out_print(out, "\n");
}

/* --- lengths and lifetimes ------------------------------------------------------------ */

static void byte_tics(struct out *out, unsigned int every)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };

	out_print(out, "set xtics (");
	for (unsigned int i = 0; i < REPORT_BUCKETS; i += every)
		out_print(out, "%s'%u %s' %" PRIu64, i ? ", " : "", 1u << i % 10, units[i / 10],
			  UINT64_C(1) << i);
	out_print(out, ")\n");
}

static void time_tics(struct out *out, char axis)
{
	static const char *const names[] = { "1 ns", "10 ns", "100 ns", "1 us", "10 us", "100 us",
					     "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s",
					     "1000 s" };
	double ns = 1;

	out_print(out, "set %ctics (", axis);
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++, ns *= 10)
		out_print(out, "%s'%s' %.0f", i ? ", " : "", names[i], ns);
	out_print(out, ")\n");
}

static void histogram(struct out *out, enum plot plot, const struct report_histogram *of,
		      const char *label)
{
	unsigned int first, end;

	if (!plots_buckets(of, &first, &end)) {
		first = 0;
		end = 1;
	}
	begin_plot(out, plot, 0.09, 0.97, 0.95, 0.14);
	out_print(out, "set logscale x 2\nset xrange [%.1f:%" PRIu64 "]\nset yrange [0:*]\n"
		  "set ylabel 'percent of the mappings'\nset xlabel '%s'\nset style fill solid\n",
		  first > 1 ? (double)(UINT64_C(1) << (first - 1)) : 0.5, UINT64_C(1) << (end - 1),
		  label);
}

static void lengths(struct out *out, const struct report_run *run)
{
	const double pages = 100 * plots_share(&run->length_bytes, GMS_PAGE_SHIFT);

	histogram(out, PLOT_LENGTHS, &run->length_bytes,
		  "length of a mapping: more than the bar''s left edge, at most its right");
	byte_tics(out, 1);
	out_print(out, "set xtics font ',11' rotate by 45 right\nset bmargin at screen 0.23\n"
		  "set tmargin at screen 0.88\n"
		  "set label '%.1f %% are a page or less' at graph 0,1.08 left tc rgb '#0072b2'\n"
		  "set label '%.1f %% are longer' at graph 0.5,1.08 left tc rgb '#d55e00'\n"
		  "plot 'lengths.dat' using ($1*1.03):(0):($1*1.03):($2/1.03):(0):3:"
		  "($2 <= 4096 ? 0x0072b2 : 0xd55e00) with boxxyerror fc rgb variable fs solid "
		  "noborder\n", pages, run->length_bytes.count ? 100 - pages : 0);
}

static void lifetimes(struct out *out, const struct report_run *run)
{
	histogram(out, PLOT_LIFETIMES, &run->life_ns, "time from map to unmap");
	time_tics(out, 'x');
	out_print(out, "plot 'lifetimes.dat' using ($1*1.03):(0):($1*1.03):($2/1.03):(0):3 "
		  "with boxxyerror fc rgb '#009e73' fs solid noborder\n");
}

/* --- break-even ----------------------------------------------------------------------- */

/* What a request of so many bytes costs; false: the model does not know. */
static bool request_ns(const struct report_run *run, uint32_t r, uint64_t bytes,
		       struct gms_cost_estimate *estimate)
{
	struct gms_cost_pattern pattern;

	plots_pattern(run, &run->report[r], &pattern);
	pattern.bytes = bytes;
	GMS_INIT(estimate);
	return !gms_cost_estimate(&run->model, &pattern, run->report[r].setup.strategy, estimate);
}

/* The cheapest by length, as a band above the plot; of all, or but those that keep pages. */
static void band(struct out *out, const struct report_run *run, bool all, double y)
{
	const double step = 1.05;

	for (double bytes = PLOTS_LEAST_BYTES; bytes < PLOTS_MOST_BYTES; bytes *= step) {
		struct gms_cost_estimate estimate;
		uint64_t least = UINT64_MAX;
		uint32_t best = 0;

		for (uint32_t r = 0; r < run->nreports; r++) {
			if ((!all && run->report[r].setup.strategy == GMS_COST_PERSISTENT) ||
			    !request_ns(run, r, (uint64_t)bytes, &estimate) ||
			    estimate.total_ns >= least)
				continue;
			least = estimate.total_ns;
			best = r;
		}
		if (least == UINT64_MAX)
			return;
		out_print(out, "set object rectangle from first %.0f, graph %.3f to first %.0f, "
			  "graph %.3f noclip fc rgb '%s' fs solid noborder\n", bytes, y,
			  bytes * step < PLOTS_MOST_BYTES ? bytes * step : (double)PLOTS_MOST_BYTES,
			  y + 0.035, colours[run->report[best].setup.strategy]);
	}
	out_print(out, "set label 'the cheapest%s' at graph 0, graph %.3f left font ',10' "
		  "tc rgb '#555555'\n", all ? "" : " that takes pages back, or lends none",
		  y + 0.065);
}

/* Whole KiB as such: break-even lengths are whole pages. */
static const char *whole_bytes(char *text, uint64_t bytes)
{
	if (bytes >= 1 << 20 || bytes % 1024)
		return text_bytes(text, bytes);
	snprintf(text, TEXT_BYTES, "%" PRIu64 " KiB", bytes / 1024);
	return text;
}

/* The first length above that at which bouncing is cheaper again; 0: none that is drawn. */
static uint64_t loses_at(const struct report_run *run, uint32_t r, uint64_t bytes)
{
	struct gms_cost_estimate ours, bounce;
	struct gms_cost_pattern pattern;

	plots_pattern(run, &run->report[r], &pattern);
	for (; bytes <= PLOTS_MOST_BYTES; bytes += PLOTS_LEAST_BYTES * (1 + bytes / 131072)) {
		pattern.bytes = bytes;
		GMS_INIT(&bounce);
		if (!request_ns(run, r, bytes, &ours) ||
		    gms_cost_estimate(&run->model, &pattern, GMS_COST_BOUNCE, &bounce))
			return 0;
		if (ours.total_ns > bounce.total_ns)
			return bytes;
	}
	return 0;
}

static void where_cheaper(const struct report_run *run, uint32_t r, uint64_t bytes, char *text,
			  size_t room)
{
	const uint64_t end = loses_at(run, r, bytes);
	char from[TEXT_BYTES], to[TEXT_BYTES];

	if (end)
		snprintf(text, room, "%s to %s", whole_bytes(from, bytes), whole_bytes(to, end));
	else
		snprintf(text, room, "from %s on", whole_bytes(from, bytes));
}

static void break_even_legend(struct out *out, const struct report_run *run, double right)
{
	for (uint32_t r = 0; r < run->nreports; r++) {
		const struct report *report = &run->report[r];
		struct gms_cost_estimate at;
		char more[2 * TEXT_BYTES + 8] = "";

		if (!request_ns(run, r, PLOTS_LEAST_BYTES, &at)) {
			snprintf(more, sizeof(more), "not known");
		} else if (report->setup.strategy != GMS_COST_BOUNCE) {
			const uint64_t bytes = at.break_even_bytes;

			if (bytes == UINT64_MAX)
				snprintf(more, sizeof(more), "never beats bounce");
			else if (bytes)
				where_cheaper(run, r, bytes, more, sizeof(more));
			if (bytes && bytes <= PLOTS_MOST_BYTES && request_ns(run, r, bytes, &at))
				out_print(out, "set object circle at first %" PRIu64 ",%" PRIu64
					  " size screen 0.008 noclip fc rgb '%s' fs solid front\n",
					  bytes,
					  at.total_ns, colours[report->setup.strategy]);
		}
		legend(out, run, right, LEGEND_TOP, r, more);
	}
}

static void break_even(struct out *out, const struct report_run *run)
{
	const double right = right_edge(run, 18);
	bool keeps = false, known = false;
	struct gms_cost_estimate at;

	for (uint32_t r = 0; r < run->nreports; r++) {
		keeps |= run->report[r].setup.strategy == GMS_COST_PERSISTENT;
		known |= request_ns(run, r, PLOTS_LEAST_BYTES, &at);
	}
	/* With less room gnuplot leaves out the label of the axis, beside "100 ms". */
	begin_plot(out, PLOT_BREAK_EVEN, 0.13, right, keeps ? 0.8 : 0.87, 0.15);
	out_print(out, "set logscale xy\nset logscale x 2\nset xrange [%u:%" PRIu64 "]\n"
		  "set xlabel 'bytes of a request'\nset ylabel 'CPU time of a request'\n",
		  PLOTS_LEAST_BYTES, PLOTS_MOST_BYTES);
	byte_tics(out, 2);
	time_tics(out, 'y');
	if (!known)
		out_print(out, "set yrange [1e3:1e6]\nset label 'the model does not know' at graph "
			  "0.5,0.5 center\n");
	band(out, run, true, keeps ? 1.125 : 1.02);
	if (keeps)
		band(out, run, false, 1.02);
	break_even_legend(out, run, right);
	if (!known)
		out_print(out, EMPTY, 1e3);
	for (uint32_t r = 0; known && r < run->nreports; r++) {
		out_print(out, "%s'break-even.dat' index %" PRIu32 " using 1:2 with lines ",
			  r ? ", \\\n  " : "plot ", r);
		pen(out, run, r);
	}
	out_print(out, "\n");
}

int plots_script(struct plots *plots)
{
	static void (*const draw[PLOTS])(struct out *out, const struct report_run *run) = {
		conversions, exposure, cost, lengths, lifetimes, break_even,
	};
	int err = plots_open(plots, "plots.gnuplot");

	if (err)
		return err;
	out_print(&plots->out, "# Draws the pictures of this folder: gnuplot plots.gnuplot\n"
		  "set encoding utf8\nset terminal svg size %.0f,%.0f noenhanced font "
		  "'sans-serif,12' background '#ffffff'\n", WIDTH, HEIGHT);
	for (unsigned int i = 0; i < PLOTS; i++)
		draw[i](&plots->out, plots->run);
	out_print(&plots->out, "set output\n");
	return plots_close(plots);
}

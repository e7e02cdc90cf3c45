/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - what the replays of a run found, side by side, for a terminal.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "replay/report.h"
#include "tool/out.h"
#include "tool/term.h"
#include "tool/text.h"

/* With five replays of a trace of a million pages, 80 columns. */
#define LABEL_COLUMNS	24

/* A row: how its cells are written; false: nothing to say. */
struct row {
	const char *label;
	bool (*cell)(const struct report_run *run, const struct report *report, char *text);
};

#define COUNT(name, member) \
	static bool name(const struct report_run *run, const struct report *report, char *text) \
	{ \
		(void)run; \
		text_count(text, report->member); \
		return report->member != 0; \
	}
#define BYTES(name, member) \
	static bool name(const struct report_run *run, const struct report *report, char *text) \
	{ \
		(void)run; \
		text_bytes(text, report->member); \
		return report->member != 0; \
	}
#define COST(name, member) \
	static bool name(const struct report_run *run, const struct report *report, char *text) \
	{ \
		(void)run; \
		if (report->cost_known) \
			text_ns(text, (double)report->cost.member); \
		else \
			strcpy(text, "?"); \
		return !report->cost_known || report->cost.member; \
	}

COUNT(to_shared, page_transitions_to_shared)
COUNT(to_private, page_transitions_to_private)
COUNT(commits, commits)
COUNT(splits, splits)
COUNT(merges, merges)
COUNT(backend_calls, backend_calls)
COUNT(flushes, flushes)
BYTES(copied, bytes_copied)
BYTES(pool, pool_bytes)
COUNT(exposed_max, pages_exposed_max)
COUNT(exposed_end, pages_exposed_end)
BYTES(beyond_max, bytes_exposed_beyond_lent)
COUNT(entries, listener_entries_max)
COUNT(never_returned, loans_never_returned)
COST(cost, total_ns)
COST(cost_exits, exits_ns)
COST(cost_syscalls, syscalls_ns)
COST(cost_page_table, page_table_ns)
COST(cost_flushes, flushes_ns)
COST(cost_refaults, refaults_ns)
COST(cost_copies, copies_ns)

static bool page_seconds(const struct report_run *run, const struct report *report, char *text)
{
	(void)run;
	text_real(text, report->page_seconds_exposed);
	return report->page_seconds_exposed > 0;
}

static bool beyond_mean(const struct report_run *run, const struct report *report, char *text)
{
	const double seconds = (double)(run->last_ns - run->first_ns) / 1e9;

	text_bytes(text, seconds > 0 ?
		   (uint64_t)(report->byte_seconds_exposed_beyond_lent / seconds) : 0);
	return seconds > 0 && report->byte_seconds_exposed_beyond_lent > 0;
}

static bool cost_each(const struct report_run *run, const struct report *report, char *text)
{
	if (report->cost_known && run->maps)
		text_ns(text, (double)report->cost.total_ns / (double)run->maps);
	else
		strcpy(text, "?");
	return true;
}

static const struct row host_rows[] = {
	{ "pages turned shared", to_shared },
	{ "pages turned private", to_private },
	{ "conversions", commits },
	{ "folios split", splits },
	{ "folios merged", merges },
	{ "calls of the backend", backend_calls },
	{ "flushes", flushes },
	{ "copied", copied },
	{ "pool", pool },
};

static const struct row exposure_rows[] = {
	{ "pages shown, most", exposed_max },
	{ "  at the end", exposed_end },
	{ "  page-seconds", page_seconds },
	{ "shown beyond lent, most", beyond_max },
	{ "  mean", beyond_mean },
	{ "device entries, most", entries },
	{ "loans never returned", never_returned },
};

static const struct row cost_rows[] = {
	{ "cost, estimated", cost },
	{ "  exits", cost_exits },
	{ "  system calls", cost_syscalls },
	{ "  page tables", cost_page_table },
	{ "  flushes", cost_flushes },
	{ "  faults again", cost_refaults },
	{ "  copies", cost_copies },
	{ "  a map, with its unmap", cost_each },
};

#define NROWS(rows)	(sizeof(rows) / sizeof(rows[0]))

static int widest(const struct report_run *run, const struct report *report,
		  const struct row *rows, size_t nrows, int width)
{
	char text[TEXT_BYTES];

	for (size_t i = 0; i < nrows; i++) {
		rows[i].cell(run, report, text);
		if ((int)strlen(text) > width)
			width = (int)strlen(text);
	}
	return width;
}

static int width_of(const struct report_run *run, const struct report *report)
{
	int width = (int)strlen(report->setup.name);

	width = widest(run, report, host_rows, NROWS(host_rows), width);
	width = widest(run, report, exposure_rows, NROWS(exposure_rows), width);
	return 2 + widest(run, report, cost_rows, NROWS(cost_rows), width);
}

/* A row that says nothing of any replay is left out. */
static void print_rows(const struct report_run *run, struct out *out, const struct row *rows,
		       size_t nrows, uint32_t first, uint32_t end)
{
	char text[TEXT_BYTES];

	for (size_t r = 0; r < nrows; r++) {
		bool any = false;

		for (uint32_t i = 0; i < run->nreports; i++)
			any |= rows[r].cell(run, &run->report[i], text);
		if (!any)
			continue;
		out_print(out, "%-*s", LABEL_COLUMNS, rows[r].label);
		for (uint32_t i = first; i < end; i++) {
			const bool there = rows[r].cell(run, &run->report[i], text);

			out_print(out, "%*s", width_of(run, &run->report[i]), there ? text : "-");
		}
		out_print(out, "\n");
	}
}

/* As many replays side by side as the terminal has room for. */
static void print_some(const struct report_run *run, struct out *out, bool priced,
		       uint32_t *first)
{
	const int columns = (int)term_columns(STDOUT_FILENO);
	uint32_t end = *first;
	int used = LABEL_COLUMNS;

	do
		used += width_of(run, &run->report[end++]);
	while (end < run->nreports && used + width_of(run, &run->report[end]) <= columns);
	out_print(out, "\n%-*s", LABEL_COLUMNS, "");
	for (uint32_t i = *first; i < end; i++)
		out_print(out, "%*s", width_of(run, &run->report[i]), run->report[i].setup.name);
	out_print(out, "\n");
	print_rows(run, out, host_rows, NROWS(host_rows), *first, end);
	out_print(out, "\n");
	print_rows(run, out, exposure_rows, NROWS(exposure_rows), *first, end);
	if (priced) {
		out_print(out, "\n");
		print_rows(run, out, cost_rows, NROWS(cost_rows), *first, end);
	}
	*first = end;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_trace(const struct report_run *run, struct out *out)
{
	char a[TEXT_BYTES], b[TEXT_BYTES], c[TEXT_BYTES], d[TEXT_BYTES];

	out_print(out, "%s: %s events of %" PRIu32 " device%s in %s\n", run->trace_name,
		  text_count(a, run->events), run->seen.devices,
		  plural(run->seen.devices),
		  text_ns(b, (double)(run->last_ns - run->first_ns)));
	out_print(out, "%s maps of %s, %s mean; %s outstanding at most\n",
		  text_count(a, run->maps), text_bytes(b, run->bytes_mapped),
		  text_bytes(c, run->maps ? run->bytes_mapped / run->maps : 0),
		  text_count(d, run->outstanding_max));
	if (run->seen.bad_lines + run->bad_events)
		out_print(out, "%s damaged line%s passed over\n",
			  text_count(a, run->seen.bad_lines + run->bad_events),
			  plural(run->seen.bad_lines + run->bad_events));
	if (run->seen.lost_events)
		out_print(out, "%s events are missing, the trace says\n",
			  text_count(a, run->seen.lost_events));
	if (run->unmatched_unmaps)
		out_print(out, "%s unmap%s of what was mapped before the trace\n",
			  text_count(a, run->unmatched_unmaps), plural(run->unmatched_unmaps));
}

static void print_verdict(const struct report_run *run, struct out *out)
{
	const struct report *cheapest = NULL, *next = NULL, *least = NULL;
	char text[TEXT_BYTES];

	if (!run->maps && !run->coherent) {
		out_print(out, "\nno buffer was mapped: nothing to compare; were dma events on, "
			  "and has the\ndevice iommu_platform, if it is of virtio?\n");
		return;
	}
	for (uint32_t i = 0; i < run->nreports; i++) {
		const struct report *report = &run->report[i];

		if (report->cost_known &&
		    (!cheapest || report->cost.total_ns < cheapest->cost.total_ns)) {
			next = cheapest;
			cheapest = report;
		} else if (report->cost_known &&
			   (!next || report->cost.total_ns < next->cost.total_ns)) {
			next = report;
		}
		if (!least || report->page_seconds_exposed < least->page_seconds_exposed)
			least = report;
	}
	out_print(out, "\n");
	if (cheapest)
		out_print(out, "cheapest: %s, %s", cheapest->setup.name,
			  text_ns(text, (double)cheapest->cost.total_ns));
	/* How near it is says how much to rely on the first. */
	if (next)
		out_print(out, "; next: %s, %s", next->setup.name,
			  text_ns(text, (double)next->cost.total_ns));
	if (cheapest)
		out_print(out, "\n");
	out_print(out, "shows least: %s, %s page-seconds\n", least->setup.name,
		  text_real(text, least->page_seconds_exposed));
}

static void print_model(const struct report_run *run, struct out *out)
{
	static const char *const asks[GMS_COST_ASKS] = { "the VMM", "the kernel", "nobody" };
	const char *missing = NULL;

	for (uint32_t i = 0; i < run->nreports && !missing; i++) {
		if (!run->report[i].cost_known)
			missing = run->report[i].cost.missing;
	}
	out_print(out, "\ncost by %s; %" PRIu32 " vCPU%s beside;\n"
		  "a wish to convert is heard by %s, a request by %s\n", run->model_name,
		  run->pattern.threads, run->pattern.threads == 1 ? "" : "s",
		  asks[run->pattern.ask], asks[run->pattern.doorbell]);
	if (missing)
		out_print(out, "?: the model lacks %s\n", missing);
}

int report_table(const struct report_run *run, struct out *out)
{
	const bool priced = run->model_name != NULL;
	uint32_t first = 0;

	print_trace(run, out);
	while (first < run->nreports)
		print_some(run, out, priced, &first);
	if (priced)
		print_model(run, out);
	print_verdict(run, out);
	return out->err;
}

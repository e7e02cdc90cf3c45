/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics.c - what the replays of a run found, as OpenMetrics text.
 *
 * A family is one line a replay, told apart by labels. What is of the trace has none:
 * it is the same for all. What is not known is left out.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "replay/report.h"
#include "tool/out.h"

#define PREFIX	"gmemstate_replay_"

static void head(struct out *out, const char *name, const char *type, const char *unit,
		 const char *help)
{
	out_print(out, "# TYPE " PREFIX "%s %s\n", name, type);
	if (*unit)
		out_print(out, "# UNIT " PREFIX "%s %s\n", name, unit);
	out_print(out, "# HELP " PREFIX "%s %s\n", name, help);
}

/* A label's value. What is not ASCII came with a file's name, and need not be UTF-8. */
static void label(struct out *out, const char *name, const char *value)
{
	out_print(out, "%s=\"", name);
	for (; *value; value++) {
		const unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			out_print(out, "\\%c", c);
		else
			out_write(out, c < 0x20 || c > 0x7e ? "?" : value, 1);
	}
	out_write(out, "\"", 1);
}

/* --- of the trace --------------------------------------------------------------------- */

static void count(struct out *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "counter", "", help);
	out_print(out, PREFIX "%s_total %" PRIu64 "\n", name, value);
}

static void events(struct out *out, const struct report_run *run)
{
	const struct {
		const char *op;
		uint64_t n;
	} ops[] = {
		{ "map", run->maps }, { "unmap", run->unmaps }, { "coherent", run->coherent },
		{ "free", run->frees }, { "sync", run->syncs },
	};

	head(out, "events", "counter", "", "Events of the trace.");
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		out_print(out, PREFIX "events_total{op=\"%s\"} %" PRIu64 "\n", ops[i].op, ops[i].n);
}

/* unit: of a value, so many to a whole one. */
static void histogram(struct out *out, const char *name, const char *unit, double per_unit,
		      const char *help, const struct report_histogram *from)
{
	uint64_t sum = 0;

	head(out, name, "histogram", unit, help);
	for (unsigned int i = 0; i + 1 < REPORT_BUCKETS; i++) {
		sum += from->bucket[i];
		out_print(out, PREFIX "%s_bucket{le=\"%.17g\"} %" PRIu64 "\n", name,
			  (double)(UINT64_C(1) << i) / per_unit, sum);
	}
	out_print(out, PREFIX "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n" PREFIX "%s_count %" PRIu64
		  "\n" PREFIX "%s_sum %.17g\n", name, from->count, name, from->count, name,
		  (double)from->sum / per_unit);
}

static void trace(struct out *out, const struct report_run *run)
{
	head(out, "trace", "info", "", "What was replayed, and whose costs.");
	out_print(out, PREFIX "trace_info{");
	label(out, "trace", run->trace_name);
	if (run->model_name) {
		out_print(out, ",");
		label(out, "model", run->model_name);
	}
	out_print(out, "} 1\n");
	events(out, run);
	count(out, "lines", "Lines of the trace.", run->seen.lines);
	count(out, "bad_lines", "Damaged lines that were passed over.", run->seen.bad_lines);
	count(out, "lost_events", "Events that the trace itself says are missing.",
	      run->seen.lost_events);
	count(out, "bad_events", "Events of what no guest has that were passed over.",
	      run->bad_events);
	count(out, "unmatched_unmaps", "Unmaps of what was mapped before the trace began.",
	      run->unmatched_unmaps);
	head(out, "trace_seconds", "gauge", "seconds", "From the first event to the last.");
	out_print(out, PREFIX "trace_seconds %.9f\n", (double)(run->last_ns - run->first_ns) / 1e9);
	head(out, "outstanding_max", "gauge", "", "Most mappings at once.");
	out_print(out, PREFIX "outstanding_max %" PRIu64 "\n", run->outstanding_max);
	histogram(out, "length_bytes", "bytes", 1, "Lengths of the mappings.", &run->length_bytes);
	histogram(out, "life_seconds", "seconds", 1e9, "From map to unmap.", &run->life_ns);
}

/* --- of the replays ------------------------------------------------------------------- */

static void sample(struct out *out, const struct report *report, const char *name,
		   const char *suffix)
{
	const struct replay_setup *setup = &report->setup;
	struct gms_profile_info info;

	GMS_INIT(&info);
	out_print(out, PREFIX "%s%s{", name, suffix);
	label(out, "setup", setup->name);
	out_print(out, ",");
	label(out, "strategy", gms_cost_strategy_name(setup->strategy));
	out_print(out, ",");
	label(out, "profile", gms_profile_info(setup->profile, &info) ? "" : info.name);
	out_print(out, ",folio=\"%s\"", setup->base_order == GMS_ORDER_1G ? "1g" :
		  setup->base_order == GMS_ORDER_2M ? "2m" : "4k");
}

struct family {
	const char *name;
	const char *unit;
	size_t	    at;		/* in struct report */
	const char *help;
};

#define COUNT(member, unit, name, help) \
	{ name, unit, offsetof(struct report, member), help }

/* Counted over the trace. */
static const struct family counters[] = {
	COUNT(page_transitions_to_shared, "pages", "to_shared_pages", "Pages that turned shared."),
	COUNT(page_transitions_to_private, "pages", "to_private_pages",
	      "Pages that turned private."),
	COUNT(commits, "", "commits", "Conversions that changed something."),
	COUNT(flushes, "", "flushes", "Flushes of translations, of all kinds."),
	COUNT(backend_calls, "", "backend_calls", "Calls of the backend."),
	COUNT(bytes_copied, "bytes", "copied_bytes", "Bytes copied to and from the guest."),
	COUNT(splits, "", "splits", "Folios split."),
	COUNT(merges, "", "merges", "Folios merged."),
};

static const struct family gauges[] = {
	COUNT(pages_exposed_max, "", "pages_exposed_max", "Most pages shared at once."),
	COUNT(pages_exposed_end, "", "pages_exposed_end", "Pages shared at the end."),
	COUNT(bytes_exposed_beyond_lent, "", "bytes_exposed_beyond_lent_max",
	      "Most bytes shared that no loan is of."),
	COUNT(listener_entries_max, "", "listener_entries_max", "Most entries of a device."),
	COUNT(pool_bytes, "bytes", "pool_bytes", "Pool that stays shared."),
	COUNT(loans_never_returned, "", "loans_never_returned", "Mappings that stay."),
};

static const struct {
	const char *name;
	size_t	    at;
	const char *help;
} reals[] = {
	{ "exposed_page_seconds", offsetof(struct report, page_seconds_exposed),
	  "Pages shared, times how long." },
	{ "beyond_lent_byte_seconds", offsetof(struct report, byte_seconds_exposed_beyond_lent),
	  "Bytes shared that no loan is of, times how long." },
	{ "cpu_seconds", offsetof(struct report, replay_seconds), "CPU time of the replay." },
};

static void families(struct out *out, const struct report_run *run, const struct family *family,
		     size_t n, bool counter)
{
	for (size_t i = 0; i < n; i++) {
		head(out, family[i].name, counter ? "counter" : "gauge", family[i].unit,
		     family[i].help);
		for (uint32_t r = 0; r < run->nreports; r++) {
			const struct report *report = &run->report[r];
			const char *at = (const char *)report + family[i].at;

			sample(out, report, family[i].name, counter ? "_total" : "");
			out_print(out, "} %" PRIu64 "\n", *(const uint64_t *)(const void *)at);
		}
	}
}

static void costs(struct out *out, const struct report_run *run)
{
	static const struct {
		const char *part;
		size_t	    at;
	} parts[] = {
		{ "exits", offsetof(struct gms_cost_estimate, exits_ns) },
		{ "syscalls", offsetof(struct gms_cost_estimate, syscalls_ns) },
		{ "page_tables", offsetof(struct gms_cost_estimate, page_table_ns) },
		{ "flushes", offsetof(struct gms_cost_estimate, flushes_ns) },
		{ "refaults", offsetof(struct gms_cost_estimate, refaults_ns) },
		{ "copies", offsetof(struct gms_cost_estimate, copies_ns) },
	};

	head(out, "cost_seconds", "gauge", "seconds",
	     "Estimated cost of the whole trace, by part.");
	for (uint32_t r = 0; r < run->nreports; r++) {
		const struct report *report = &run->report[r];

		if (!report->cost_known)
			continue;
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			const char *at = (const char *)&report->cost + parts[i].at;
			const uint64_t ns = *(const uint64_t *)(const void *)at;

			sample(out, report, "cost_seconds", "");
			out_print(out, ",part=\"%s\"} %" PRIu64 ".%09" PRIu64 "\n", parts[i].part,
				  ns / 1000000000, ns % 1000000000);
		}
	}
}

int report_openmetrics(const struct report_run *run, struct out *out)
{
	trace(out, run);
	families(out, run, counters, sizeof(counters) / sizeof(counters[0]), true);
	families(out, run, gauges, sizeof(gauges) / sizeof(gauges[0]), false);
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		head(out, reals[i].name, "gauge", "seconds", reals[i].help);
		for (uint32_t r = 0; r < run->nreports; r++) {
			const char *at = (const char *)&run->report[r] + reals[i].at;

			sample(out, &run->report[r], reals[i].name, "");
			out_print(out, "} %.17g\n", *(const double *)(const void *)at);
		}
	}
	costs(out, run);
	out_print(out, "# EOF\n");
	return out->err;
}

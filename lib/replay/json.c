/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c - what the replays of a run found, as one JSON object.
 *
 * Numbers are the trace's, the ledger's and the counted steps', whole; only seconds are
 * not. What is not known is null.
 */
#include <inttypes.h>
#include <string.h>

#include "replay/report.h"
#include "tool/out.h"

/* Bytes of the UTF-8 character that begins here; 0: there is none. */
static size_t utf8_bytes(const unsigned char *text)
{
	const size_t n = *text < 0x80 ? 1 : *text >= 0xc2 && *text < 0xe0 ? 2 :
			 *text >= 0xe0 && *text < 0xf0 ? 3 : *text >= 0xf0 && *text < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++) {
		if (text[i] >> 6 != 2)
			return 0;
	}
	/* Longer than need be, a half of a pair, past the last. */
	if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) ||
	    (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
		return 0;
	return n;
}

static void string(struct out *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	out_write(out, "\"", 1);
	while (*at) {
		const size_t n = utf8_bytes(at);

		if (*at < 0x20 || *at == '"' || *at == '\\')
			out_print(out, "\\u%04x", *at);
		else if (n)
			out_write(out, at, n);
		else
			out_print(out, "\\ufffd");
		at += n ? n : 1;
	}
	out_write(out, "\"", 1);
}

static void named(struct out *out, const char *key, const char *text)
{
	out_print(out, "\"%s\": ", key);
	if (text)
		string(out, text);
	else
		out_print(out, "null");
}

static void number(struct out *out, const char *key, uint64_t value)
{
	out_print(out, ",\n    \"%s\": %" PRIu64, key, value);
}

static void real(struct out *out, const char *key, double value)
{
	out_print(out, ",\n    \"%s\": %.17g", key, value);
}

/* --- the trace ----------------------------------------------------------------------- */

static void histogram(struct out *out, const char *key, const struct report_histogram *from)
{
	const char *comma = "";

	out_print(out, ",\n  \"%s\": {\"count\": %" PRIu64 ", \"sum\": %" PRIu64 ", \"at_most\": [",
		  key, from->count, from->sum);
	for (unsigned int i = 0; i < REPORT_BUCKETS; i++) {
		if (!from->bucket[i])
			continue;
		out_print(out, "%s[%" PRIu64 ", %" PRIu64 "]", comma, UINT64_C(1) << i,
			  from->bucket[i]);
		comma = ", ";
	}
	out_print(out, "]}");
}

static void trace(struct out *out, const struct report_run *run)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "events", run->events }, { "maps", run->maps }, { "unmaps", run->unmaps },
		{ "coherent", run->coherent }, { "frees", run->frees }, { "syncs", run->syncs },
		{ "unmatched_unmaps", run->unmatched_unmaps },
		{ "bytes_mapped", run->bytes_mapped },
		{ "outstanding_max", run->outstanding_max },
		{ "first_ns", run->first_ns }, { "last_ns", run->last_ns },
		{ "devices", run->seen.devices }, { "guest_cpus", run->guest_cpus },
		{ "lines", run->seen.lines },
		{ "bad_lines", run->seen.bad_lines + run->bad_events },
		{ "other_lines", run->seen.other_lines },
		{ "lost_events", run->seen.lost_events },
	};

	out_print(out, "{\n  ");
	named(out, "version", gms_version_string());
	out_print(out, ",\n  ");
	named(out, "trace", run->trace_name);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		out_print(out, ",\n  \"%s\": %" PRIu64, numbers[i].key, numbers[i].value);
	out_print(out, ",\n  \"elapsed_seconds\": %.6f", run->elapsed_seconds);
	histogram(out, "length_bytes", &run->length_bytes);
	histogram(out, "life_ns", &run->life_ns);
	out_print(out, ",\n  \"marks\": [");
	for (uint32_t i = 0; i < run->nmarks; i++) {
		out_print(out, "%s{\"time_ns\": %" PRIu64 ", ", i ? ", " : "",
			  run->mark[i].time_ns);
		named(out, "name", run->mark[i].name);
		out_print(out, "}");
	}
	out_print(out, "]");
}

static void model(struct out *out, const struct report_run *run)
{
	static const char *const asks[GMS_COST_ASKS] = { "vmm", "kernel", "none" };
	struct gms_cost_item item;

	out_print(out, ",\n  \"model\": ");
	if (!run->model_name) {
		out_print(out, "null");
		return;
	}
	out_print(out, "{");
	named(out, "name", run->model_name);
	out_print(out, ", \"ask\": \"%s\", \"doorbell\": \"%s\", \"vcpus_beside\": %" PRIu32
		  ", \"guest_memfd\": %s, \"warm\": %s", asks[run->pattern.ask],
		  asks[run->pattern.doorbell], run->pattern.threads,
		  run->pattern.flags & GMS_COST_GUEST_MEMFD ? "true" : "false",
		  run->pattern.flags & GMS_COST_WARM ? "true" : "false");
	for (uint32_t i = 0; !gms_cost_item_at(&run->model, i, &item); i++) {
		if (item.value)
			out_print(out, ",\n    \"%s\": %" PRIu64, item.name, item.value);
	}
	out_print(out, "}");
}

/* By name; of what there is several of, the first profile's and folio's comes first. */
static void costs(struct out *out, const struct report_run *run)
{
	out_print(out, ",\n  \"cost_ns\": {");
	for (uint32_t i = 0; i < run->nreports; i++) {
		const struct report *report = &run->report[i];

		out_print(out, i ? ", " : "");
		string(out, report->setup.name);
		if (report->cost_known)
			out_print(out, ": %" PRIu64, report->cost.total_ns);
		else
			out_print(out, ": null");
	}
	out_print(out, "}");
}

/* --- a replay ------------------------------------------------------------------------ */

static void setup(struct out *out, const struct replay_setup *from)
{
	static const char *const backings[GMS_COST_BACKINGS] = {
		"guard", "mprotect", "attributes", "in-place"
	};
	struct gms_profile_info info;

	GMS_INIT(&info);
	named(out, "name", from->name);
	out_print(out, ",\n    ");
	named(out, "strategy", gms_cost_strategy_name(from->strategy));
	out_print(out, ",\n    ");
	named(out, "profile", gms_profile_info(from->profile, &info) ? NULL : info.name);
	out_print(out, ",\n    ");
	named(out, "backing", backings[from->backing]);
	number(out, "folio_bytes", (uint64_t)GMS_PAGE_SIZE << from->base_order);
	if (from->strategy == GMS_COST_CONVERT_BATCH)
		number(out, "batch", from->batch);
	if (from->strategy == GMS_COST_LAZY) {
		number(out, "idle_pages_most", from->idle_pages);
		number(out, "idle_ns_most", from->idle_ns);
	}
}

static void found(struct out *out, const struct report_run *run, const struct report *report)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "events", run->events }, { "maps", run->maps }, { "unmaps", run->unmaps },
		{ "page_transitions_to_shared", report->page_transitions_to_shared },
		{ "page_transitions_to_private", report->page_transitions_to_private },
		{ "commits", report->commits }, { "flushes", report->flushes },
		{ "backend_calls", report->backend_calls },
		{ "bytes_copied", report->bytes_copied },
		{ "splits", report->splits }, { "merges", report->merges },
		{ "pages_exposed_max", report->pages_exposed_max },
		{ "pages_exposed_end", report->pages_exposed_end },
		{ "bytes_exposed_beyond_lent", report->bytes_exposed_beyond_lent },
		{ "listener_entries_max", report->listener_entries_max },
		{ "pool_bytes", report->pool_bytes },
		{ "loans_never_returned", report->loans_never_returned },
		{ "idle_pages_end", report->acct.idle_pages },
		{ "metadata_bytes_max", report->acct.metadata_bytes_max },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		number(out, numbers[i].key, numbers[i].value);
	real(out, "page_seconds_exposed", report->page_seconds_exposed);
	real(out, "byte_seconds_exposed_beyond_lent", report->byte_seconds_exposed_beyond_lent);
	real(out, "replay_seconds", report->replay_seconds);
}

static void cost(struct out *out, const struct report *report)
{
	const struct gms_cost_estimate *from = &report->cost;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "total_ns", from->total_ns }, { "exits_ns", from->exits_ns },
		{ "syscalls_ns", from->syscalls_ns }, { "page_table_ns", from->page_table_ns },
		{ "flushes_ns", from->flushes_ns }, { "refaults_ns", from->refaults_ns },
		{ "copies_ns", from->copies_ns }, { "exits", from->exits },
		{ "syscalls", from->syscalls }, { "flushes", from->flushes },
		{ "refaulted_pages", from->refaulted_pages },
		{ "copied_bytes", from->copied_bytes },
	};

	out_print(out, ",\n    \"estimated_cost_ns\": ");
	if (!report->cost_known) {
		out_print(out, "null,\n    ");
		named(out, "cost_missing", from->missing);
		return;
	}
	out_print(out, "%" PRIu64 ",\n    \"cost\": {", from->total_ns);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		out_print(out, "%s\"%s\": %" PRIu64, i ? ", " : "", numbers[i].key,
			  numbers[i].value);
	out_print(out, "}");
}

static void turns(struct out *out, const char *key, const struct gms_cost_turns *from)
{
	out_print(out, ", \"%s\": {\"lone_runs\": %" PRIu64 ", \"lone_pages\": %" PRIu64
		  ", \"calls\": %" PRIu64 ", \"runs\": %" PRIu64 ", \"pages\": %" PRIu64 "}", key,
		  from->lone_runs, from->lone_pages, from->calls, from->runs, from->pages);
}

static void copies(struct out *out, const char *key, const struct gms_cost_copies *from)
{
	out_print(out, ", \"%s\": [", key);
	for (unsigned int i = 0; i <= GMS_COST_SIZE_COUNT; i++)
		out_print(out, "%s[%" PRIu64 ", %" PRIu64 "]", i ? ", " : "", from->copies[i],
			  from->bytes[i]);
	out_print(out, "]");
}

static void steps(struct out *out, const struct gms_cost_counts *from)
{
	out_print(out, ",\n    \"steps\": {\"requests\": %" PRIu64 ", \"doorbells\": %" PRIu64
		  ", \"asks\": %" PRIu64 ", \"used_pages\": %" PRIu64, from->requests,
		  from->doorbells, from->asks, from->used_pages);
	turns(out, "to_shared", &from->to_shared);
	turns(out, "to_private", &from->to_private);
	copies(out, "copied", &from->copied);
	copies(out, "read", &from->read);
	copies(out, "written", &from->written);
	out_print(out, "}");
}

static void ledger(struct out *out, const struct gms_acct *acct)
{
	const char *comma = "";

	out_print(out, ",\n    \"ledger\": {");
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		if (!acct->event[kind].count)
			continue;
		out_print(out, "%s\"%s\": %" PRIu64, comma, gms_acct_name(kind),
			  acct->event[kind].count);
		comma = ", ";
	}
	out_print(out, "}");
}

static void series(struct out *out, const struct report_series *from)
{
	out_print(out, ",\n    \"series\": {\"start_ns\": %" PRIu64 ", \"interval_ns\": %" PRIu64
		  ",\n      \"columns\": [\"pages_to_shared\", \"pages_to_private\", \"commits\", "
		  "\"bytes_copied\", \"bytes_mapped\", \"shared_pages\", \"shared_pages_max\", "
		  "\"slack_bytes\", \"lent_pages\"],\n      \"points\": [",
		  from->start_ns, from->interval_ns);
	for (uint32_t i = 0; i < from->npoints; i++) {
		const struct report_point *point = &from->point[i];

		out_print(out, "%s\n      [%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64
			  ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "]",
			  i ? "," : "", point->pages_to_shared, point->pages_to_private,
			  point->commits, point->bytes_copied, point->bytes_mapped,
			  point->shared_pages, point->shared_pages_max, point->slack_bytes,
			  point->lent_pages);
	}
	out_print(out, "]}");
}

int report_json(const struct report_run *run, struct out *out)
{
	trace(out, run);
	model(out, run);
	costs(out, run);
	out_print(out, ",\n  \"replays\": [");
	for (uint32_t i = 0; i < run->nreports; i++) {
		const struct report *report = &run->report[i];

		out_print(out, "%s\n   {", i ? "," : "");
		setup(out, &report->setup);
		found(out, run, report);
		cost(out, report);
		steps(out, &report->counts);
		ledger(out, &report->acct);
		series(out, &report->series);
		out_print(out, "}");
	}
	out_print(out, "]\n}\n");
	return out->err;
}

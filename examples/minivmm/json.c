/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c - everything that was counted, for programs.
 *
 * "ledger" of a run holds what that run alone cost; "totals" the whole ledger,
 * launch and the unsharing between runs included: what strace -c counts too.
 * One key a line, so that line tools can read it as well.
 */
#include "minivmm.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void put_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(out, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

static void put_key(FILE *out, const char *indent, const char *key)
{
	fprintf(out, "%s\"%s\": ", indent, key);
}

static void put_text(FILE *out, const char *indent, const char *key, const char *value)
{
	put_key(out, indent, key);
	put_string(out, value);
	fputs(",\n", out);
}

static void put_number(FILE *out, const char *indent, const char *key, uint64_t value)
{
	put_key(out, indent, key);
	fprintf(out, "%" PRIu64 ",\n", value);
}

static void put_bool(FILE *out, const char *indent, const char *key, bool value)
{
	put_key(out, indent, key);
	fprintf(out, "%s,\n", value ? "true" : "false");
}

/* All kinds of events; without a comma at the end. */
static void put_events(FILE *out, const char *indent, const struct gms_acct *acct)
{
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++)
		fprintf(out, "%s\"%s\": %" PRIu64 "%s\n", indent, gms_acct_name(kind),
			acct->event[kind].count, kind + 1 < GMS_ACCT_KINDS ? "," : "");
}

static void put_run(FILE *out, const struct mv_run *run, bool last)
{
	const char *in = "      ";

	fputs("    {\n", out);
	put_text(out, in, "strategy", run->strategy->name);
	put_number(out, in, "batch", run->strategy->batch);
	put_number(out, in, "size_bytes", run->size_bytes);
	put_number(out, in, "blocks", run->nblocks);
	put_number(out, in, "buffers", run->nbuffers);
	put_number(out, in, "skipped_ios", run->skipped_ios);
	put_bool(out, in, "writes", run->ops & 1u << MV_OP_WRITE);
	put_bool(out, in, "reads", run->ops & 1u << MV_OP_READ);
	put_number(out, in, "ios", mv_ios(run));
	put_number(out, in, "moved_bytes", mv_ios(run) * run->size_bytes);
	put_number(out, in, "elapsed_ns", run->cost.event[GMS_ACCT_REQUESTS].ns);
	put_number(out, in, "cpu_ns", run->cpu_ns);
	put_number(out, in, "conversion_calls", mv_conversion_calls(&run->cost));
	put_number(out, in, "flushing_calls", mv_flushes(&run->cost));
	put_number(out, in, "exposed_pages_max", run->shared_max);
	put_number(out, in, "exposed_page_ns", run->shared_page_ns);
	put_number(out, in, "checked_bytes", run->checked_bytes);
	put_number(out, in, "wrong_bytes", run->wrong_bytes);
	put_number(out, in, "wrong_disk_bytes", run->wrong_disk_bytes);
	put_number(out, in, "refusals", run->refusals);
	put_text(out, in, "check", run->check);
	put_bool(out, in, "passed", mv_run_passed(run));
	put_key(out, in, "ledger");
	fputs("{\n", out);
	put_events(out, "        ", &run->cost);
	fprintf(out, "      }\n    }%s\n", last ? "" : ",");
}

static void put_rogue(FILE *out)
{
	const char *in = "    ";

	if (!mv_rogue.happened) {
		fputs("  \"rogue\": null,\n", out);
		return;
	}
	fputs("  \"rogue\": {\n", out);
	put_number(out, in, "gfn", mv_rogue.gfn);
	put_number(out, in, "region", mv_rogue.region);
	put_text(out, in, "reason", gms_reason_name(mv_rogue.reason));
	put_key(out, in, "caught");
	fprintf(out, "%s\n  },\n", mv_rogue.caught ? "true" : "false");
}

static void put_report(FILE *out, const struct mv_report *report)
{
	const char *in = "  ";
	const char *revoke = gms_revoke_name(report->revoke);

	fputs("{\n", out);
	put_text(out, in, "program", "minivmm");
	put_text(out, in, "version", gms_version_string());
	put_text(out, in, "mode", report->mode);
	put_text(out, in, "memory", report->memory);
	put_number(out, in, "ram_bytes", MV_RAM_BYTES);
	put_text(out, in, "revoked_by", revoke ? revoke : "unknown");
	put_text(out, in, "disk", report->disk);
	put_bool(out, in, "direct_io", report->direct_io);
	put_number(out, in, "metadata_bytes_max", report->total.metadata_bytes_max);
	put_number(out, in, "arena_bytes", report->arena_bytes);
	put_number(out, in, "arena_bytes_max", report->arena_bytes_max);
	put_bool(out, in, "passed", report->passed);
	put_number(out, in, "hostile_sent", report->hostile_sent);
	put_number(out, in, "hostile_refused", report->hostile_refused);
	put_rogue(out);
	fputs("  \"runs\": [\n", out);
	for (unsigned int i = 0; i < report->nruns; i++)
		put_run(out, &report->run[i], i + 1 == report->nruns);
	fputs("  ],\n  \"launch\": {\n", out);
	put_events(out, "    ", &report->launch);
	fputs("  },\n  \"totals\": {\n", out);
	put_events(out, "    ", &report->total);
	fputs("  }\n}\n", out);
}

int mv_json_write(const struct mv_report *report, const char *path)
{
	FILE *out = fopen(path, "w");
	bool bad;

	if (!out)
		return -errno;
	put_report(out, report);
	bad = ferror(out);
	if (fclose(out) || bad)
		return -EIO;
	return 0;
}

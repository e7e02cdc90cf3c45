/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.c - rows, ratios and JSON.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "states.h"
#include "targets.h"

void report_add(struct report *report, const char *id, const char *state, const char *impl,
		const struct peer *peer, enum unit unit, double value, uint64_t guest_gib)
{
	struct row *row;

	if (report->n == report->room) {
		report->room = report->room ? 2 * report->room : 256;
		report->row = need(realloc(report->row, report->room * sizeof(*row)));
	}
	row = &report->row[report->n++];
	memset(row, 0, sizeof(*row));
	snprintf(row->id, sizeof(row->id), "%s", id);
	snprintf(row->impl, sizeof(row->impl), "%s", impl);
	row->state = state;
	row->peer = peer;
	row->unit = unit;
	row->value = value;
	row->guest_gib = guest_gib;
}

void report_missing(struct report *report, const char *format, ...)
{
	const size_t old = report->missing ? strlen(report->missing) : 0;
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "%s\n", line);
	report->missing = need(realloc(report->missing, old + strlen(line) + 2));
	sprintf(report->missing + old, "%s\n", line);
}

bool report_comparable(const struct row *a, const struct row *b)
{
	return a->unit == b->unit && a->guest_gib == b->guest_gib && !strcmp(a->id, b->id) &&
	       !strcmp(a->state, b->state);
}

const struct row *report_find(const struct report *report, const char *id, const char *state,
			      const char *impl)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct row *row = &report->row[i];

		if (!strcmp(row->id, id) && !strcmp(row->state, state) && !strcmp(row->impl, impl))
			return row;
	}
	return NULL;
}

/* A peer is somebody else's; in M it must hold what M is made of. */
static bool is_best_peer(const struct row *row)
{
	return !(row->peer->flags & (PEER_OURS | PEER_PLAIN)) &&
	       (strcmp(row->state, state_name[STATE_M]) || row->peer->attrs == PEER_FOUR_ATTRS);
}

void report_ratios(struct report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		struct row *row = &report->row[i];
		const struct row *flat = NULL, *best = NULL;

		for (size_t j = 0; j < report->n; j++) {
			const struct row *other = &report->row[j];

			if (!report_comparable(row, other))
				continue;
			if (!strcmp(other->impl, "flat"))
				flat = other;
			if (is_best_peer(other) && (!best || other->value < best->value))
				best = other;
		}
		if (flat && flat->value > 0)
			row->ratio_flat = row->value / flat->value;
		if (best) {	/* a tree of nothing may take no byte */
			row->ratio_best = best->value > 0 ? row->value / best->value : 0;
			row->best = best->impl;
		}
	}
}

/* --- JSON --- */

static void json_text(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		if ((unsigned char)*text >= ' ')
			putc(*text, out);
	}
	putc('"', out);
}

/* The value of the first "name : value" line of a file under /proc. */
static void proc_line(const char *file, const char *name, char *value, size_t bytes)
{
	FILE *in = fopen(file, "re");
	char line[256];

	snprintf(value, bytes, "unknown");
	while (in && fgets(line, sizeof(line), in)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, name, strlen(name)))
			continue;
		colon += 1 + strspn(colon + 1, " \t");
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(value, bytes, "%s", colon);
		break;
	}
	if (in)
		fclose(in);
}

static void json_machine(FILE *out)
{
	char cpu[128], memory[64], date[32];
	const time_t now = time(NULL);
	struct utsname uts;
	struct tm tm;

	proc_line("/proc/cpuinfo", "model name", cpu, sizeof(cpu));
	proc_line("/proc/meminfo", "MemTotal", memory, sizeof(memory));
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (uname(&uts))
		memset(&uts, 0, sizeof(uts));
	fputs("\"machine\":{\"cpu\":", out);
	json_text(out, cpu);
	fprintf(out, ",\"cpus\":%ld,\"memory\":", sysconf(_SC_NPROCESSORS_ONLN));
	json_text(out, memory);
	fputs(",\"kernel\":", out);
	json_text(out, uts.release);
	fputs(",\"arch\":", out);
	json_text(out, uts.machine);
	fputs(",\"compiler\":", out);
	json_text(out, __VERSION__);
	fprintf(out, ",\"date\":\"%s\"}", date);
}

static void json_row(FILE *out, const struct row *row)
{
	static const char *const key[] = { "ns", "bytes", "instructions", "times" };

	fputs("{\"id\":", out);
	json_text(out, row->id);
	fprintf(out, ",\"state\":\"%s\",\"impl\":", row->state);
	json_text(out, row->impl);
	fprintf(out, ",\"%s\":%.*f", key[row->unit], row->unit == UNIT_BYTES ? 0 : 3, row->value);
	fprintf(out, ",\"guest_gib\":%" PRIu64, row->guest_gib);
	if (row->ratio_flat > 0)
		fprintf(out, ",\"ratio_flat\":%.6g", row->ratio_flat);
	else
		fputs(",\"ratio_flat\":null", out);
	if (row->best) {
		if (row->ratio_best > 0)
			fprintf(out, ",\"ratio_best\":%.6g,\"best\":", row->ratio_best);
		else
			fputs(",\"ratio_best\":null,\"best\":", out);
		json_text(out, row->best);
	}
	putc('}', out);
}

/* As a person would give it: without what bench/run adds, and without files. */
static void json_command(FILE *out, int argc, char **argv)
{
	char command[512] = "bench/run";
	size_t length = strlen(command);

	for (int i = 1; i < argc && length < sizeof(command); i++) {
		if (!strcmp(argv[i], "--kernel") || !strcmp(argv[i], "--json")) {
			i++;
			continue;
		}
		if (strncmp(argv[i], "--kernel=", 9) && strncmp(argv[i], "--json=", 7))
			length += (size_t)snprintf(command + length, sizeof(command) - length,
						   " %s", argv[i]);
	}
	json_text(out, command);
}

static void json_verdict(FILE *out, const struct verdict *v)
{
	fputs("{\"id\":", out);
	json_text(out, v->row->id);
	fprintf(out, ",\"state\":\"%s\",\"impl\":", v->row->state);
	json_text(out, v->row->impl);
	fputs(",\"must\":", out);
	json_text(out, v->target->text);
	fprintf(out, ",\"limit\":%.6g,\"got\":%.6g,\"met\":%s}", v->target->limit, v->got,
		v->met ? "true" : "false");
}

bool report_json(const struct report *report, const char *file, const char *mode, int argc,
		 char **argv)
{
	FILE *out = strcmp(file, "-") ? fopen(file, "we") : stdout;
	const char *line = report->missing, *sep = "";
	bool good;

	if (!out) {
		fprintf(stderr, "bench: %s: %s\n", file, strerror(errno));
		return false;
	}
	putc('{', out);
	json_machine(out);
	fprintf(out, ",\n\"mode\":\"%s\",\n\"command\":", mode);
	json_command(out, argc, argv);
	fputs(",\n\"missing\":[", out);
	while (line && *line) {
		const size_t length = strcspn(line, "\n");
		char *one = need(strndup(line, length));

		fputs(sep, out);
		json_text(out, one);
		free(one);
		sep = ",";
		line += length + 1;
	}
	fputs("],\n\"rows\":[\n", out);
	for (size_t i = 0; i < report->n; i++) {
		json_row(out, &report->row[i]);
		fputs(i + 1 < report->n ? ",\n" : "\n", out);
	}
	fputs("],\n\"targets\":[\n", out);
	for (size_t i = 0; i < report->nverdicts; i++) {
		json_verdict(out, &report->verdict[i]);
		fputs(i + 1 < report->nverdicts ? ",\n" : "\n", out);
	}
	fputs("]}\n", out);
	good = !ferror(out);
	if (out != stdout)
		good = !fclose(out) && good;
	if (!good)
		fprintf(stderr, "bench: %s: %s\n", file, strerror(errno));
	return good;
}

void report_drop(struct report *report)
{
	free(report->row);
	free(report->verdict);
	free(report->missing);
}

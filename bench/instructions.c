/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instructions.c - how many instructions a lookup and a conversion are.
 *
 * Where clocks are noisy, callgrind's counts are not. The program runs itself
 * under valgrind with --count; only the loop counts, by its name. The loop's
 * own handful of instructions are included, the same for everybody. The guest
 * is small: what costs more in a large one is memory, not instructions.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define COUNT_GIB	4u
#define COUNT_N		20000u

static const char *const what[2] = { "lookup", "convert" };

/* Under callgrind: one state of one implementation, and one of the loops. */
int instructions_count(struct bench *bench, const char *kind)
{
	const struct peer *peer = bench->contender[0].peer;
	struct job job = { .peer = peer, .seed = 1, .n = COUNT_N };
	struct state state;
	unsigned id = 0;

	while (id < STATES - 1 && !listed(bench->options.states, state_name[id]))
		id++;
	state_make(&state, id, bench->options.guest_pages);
	job.state = &state;
	job.map = state_build(&state, peer, false);
	/* Once outside the count, so that memory that is kept is there. */
	for (unsigned round = 0; round < 2; round++) {
		if (!round)
			job.n = COUNT_N / 100;
		if (!strcmp(kind, what[0]))
			sink = counted_lookups(&job);
		else
			counted_conversions(&job);
		job.n = COUNT_N;
	}
	peer->destroy(job.map);
	state_drop(&state);
	return 0;
}

/* Starts one count; it runs beside the others. */
static FILE *start(const char *program, const struct bench *bench, const char *impl,
		   enum state_id id, unsigned kind)
{
	const char *kernel = bench->options.kernel_peers;
	char command[1024];

	snprintf(command, sizeof(command),
		 "valgrind --tool=callgrind --callgrind-out-file=/dev/null "
		 "--toggle-collect=counted_%s '%s' --count %s --impl '%s' --states %s --guest %u "
		 "%s%s%s 2>&1",
		 kind ? "conversions" : "lookups", program, what[kind], impl, state_name[id],
		 COUNT_GIB, kernel ? "--kernel '" : "", kernel ? kernel : "", kernel ? "'" : "");
	return popen(command, "r");
}

static double collected(FILE *in)
{
	double sum = 0;
	char line[512];

	while (in && fgets(line, sizeof(line), in)) {
		const char *at = strstr(line, "Collected : ");

		if (at)
			sum = strtod(at + strlen("Collected : "), NULL);
	}
	if (in && pclose(in))
		sum = 0;
	return sum;
}

static void count(struct bench *bench, const char *program, const struct peer *peer,
		  enum state_id id)
{
	const double n = COUNT_N + COUNT_N / 100;
	const unsigned kinds = id <= STATE_W2 ? 2 : 1;	/* conversions in W1 and W2 only */
	FILE *in[2];

	for (unsigned kind = 0; kind < kinds; kind++)
		in[kind] = start(program, bench, peer->name, id, kind);
	for (unsigned kind = 0; kind < kinds; kind++) {
		const double sum = collected(in[kind]);
		char row[32];

		if (sum <= 0) {
			report_missing(&bench->report, "instructions: %s: callgrind failed",
				       peer->name);
			continue;
		}
		snprintf(row, sizeof(row), "instructions-%s", what[kind]);
		report_add(&bench->report, row, state_name[id], peer->name, peer,
			   UNIT_INSTRUCTIONS, sum / (kind ? 2 * n : n), COUNT_GIB);
	}
}

/* Ours and flat always; the others take a minute, and a second each. */
static bool counted(const struct bench *bench, const struct peer *peer)
{
	if (peer->flags & (PEER_EXTRA | PEER_ATTACHED))
		return false;
	if (bench->options.quick && !bench->options.only)
		return peer->flags & PEER_OURS || !strcmp(peer->name, "flat");
	/* A page at a time, xarray would take minutes to fill. */
	return !peer->max_pages || peer->max_pages > UINT64_C(1) << 24;
}

void instructions_measure(struct bench *bench)
{
	const uint64_t begin = now_ns();
	char program[512];
	const ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (length < 0 || system("valgrind --version >/dev/null 2>&1")) {
		report_missing(&bench->report, "instructions: not counted, needs valgrind");
		return;
	}
	program[length] = '\0';
	fputs("instructions:", stderr);
	for (unsigned id = 0; id < STATES; id++) {
		if (id == STATE_D || !listed(bench->options.states, state_name[id]))
			continue;
		fprintf(stderr, " %s", state_name[id]);
		fflush(stderr);
		for (size_t i = 0; i < bench->n; i++) {
			if (counted(bench, bench->contender[i].peer))
				count(bench, program, bench->contender[i].peer, id);
		}
	}
	fprintf(stderr, " (%.0f s)\n", (double)(now_ns() - begin) / 1e9);
}

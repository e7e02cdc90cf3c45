/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instructions.c - how many instructions a lookup and a conversion are.
 *
 * Where clocks are noisy, callgrind's counts are not. The program runs itself
 * under valgrind with --count; only the loop counts, by its name. The loop's
 * own handful of instructions are included, the same for everybody.
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

static double collected(const char *program, const struct bench *bench, const char *impl,
			enum state_id id, unsigned kind)
{
	char command[1024], line[512];
	const char *kernel = bench->options.kernel_peers;
	double sum = 0;
	FILE *in;

	snprintf(command, sizeof(command),
		 "valgrind --tool=callgrind --callgrind-out-file=/dev/null "
		 "--toggle-collect=counted_%s '%s' --count %s --impl '%s' --states %s --guest %u "
		 "%s%s%s 2>&1",
		 kind ? "conversions" : "lookups", program, what[kind], impl, state_name[id],
		 COUNT_GIB, kernel ? "--kernel '" : "", kernel ? kernel : "", kernel ? "'" : "");
	in = popen(command, "r");
	while (in && fgets(line, sizeof(line), in)) {
		const char *at = strstr(line, "Collected : ");

		if (at)
			sum = strtod(at + strlen("Collected : "), NULL);
	}
	if (in && pclose(in))
		sum = 0;
	return sum;
}

void instructions_measure(struct bench *bench)
{
	const double n = COUNT_N + COUNT_N / 100;
	char program[512];
	const ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (length < 0 || system("valgrind --version >/dev/null 2>&1")) {
		report_missing(&bench->report, "instructions: not counted, needs valgrind");
		return;
	}
	program[length] = '\0';
	fputs("instructions:", stderr);
	for (unsigned id = STATE_W1; id <= STATE_W2; id++) {
		if (!listed(bench->options.states, state_name[id]))
			continue;
		for (size_t i = 0; i < bench->n; i++) {
			const struct peer *peer = bench->contender[i].peer;

			/* A page at a time, xarray would take minutes to fill. */
			if (peer->max_pages && peer->max_pages <= UINT64_C(1) << 24)
				continue;
			fprintf(stderr, " %s", peer->name);
			fflush(stderr);
			for (unsigned kind = 0; kind < 2; kind++) {
				char row[32];
				double sum = collected(program, bench, peer->name, id, kind);

				if (sum <= 0) {
					report_missing(&bench->report,
						       "instructions: %s: callgrind failed",
						       peer->name);
					continue;
				}
				snprintf(row, sizeof(row), "instructions-%s", what[kind]);
				report_add(&bench->report, row, state_name[id], peer->name,
					   peer, UNIT_INSTRUCTIONS,
					   sum / (kind ? 2 * n : n), COUNT_GIB);
			}
		}
	}
	fputc('\n', stderr);
}

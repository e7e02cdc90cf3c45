/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - options, and the loop over states, workloads and samples.
 *
 * Every implementation is built in one process and stays alive for all
 * workloads of a state; samples go round robin, so that whatever disturbs the
 * machine for a while disturbs all of them. What is reported is the median.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "table.h"
#include "verify.h"

#define SLOW	4	/* samples that an operation takes, to be sampled once only */

static const char usage[] =
"usage: bench/run [options]\n"
"  --only IDS        workloads, by commas (default all): lookup-throughput,\n"
"                    lookup-latency, W4a .. W16, grow, adversary, instructions;\n"
"                    W6 stands for W6-2M and W6-1G, and so on\n"
"  --states LIST     of W1,W2,W3,D,M (default all)\n"
"  --impl LIST       implementations (default all that were built)\n"
"  --quick           fewer and shorter samples\n"
"  --samples N       medians of N samples (default 7, quick 3)\n"
"  --guest GIB       size of the guest (default 64)\n"
"  --all             a second table: every implementation, as ratios to flat\n"
"  --json FILE       write the rows there too; - is standard output, without the table\n"
"  --cpu A,B         pin to A, the second thread of W11 to B (default: the last two)\n"
"  --kernel FILE     what bench/kernel/build made\n"
"  --help            this\n";

bool listed(const char *list, const char *word)
{
	const size_t length = strlen(word);

	while (list) {
		if (!strncmp(list, word, length) && (!list[length] || list[length] == ','))
			return true;
		list = strchr(list, ',');
		if (!list)
			return false;
		list++;
	}
	return true;
}

/* Equal, or one of them is what the other has before a '-'. */
static bool related(const char *word, size_t length, const char *id)
{
	const size_t id_length = strlen(id);

	if (strncmp(word, id, length < id_length ? length : id_length))
		return false;
	return length == id_length || (length < id_length ? id[length] : word[id_length]) == '-';
}

bool id_listed(const char *list, const char *id)
{
	const char *word = list;

	while (word) {
		const size_t length = strcspn(word, ",");

		if (related(word, length, id))
			return true;
		word = word[length] ? word + length + 1 : NULL;
	}
	return !list;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *value, unsigned n)
{
	qsort(value, n, sizeof(*value), compare);
	return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

/*
 * A host may take back memory that is free and give it again slowly: touch it
 * and free it right before it is wanted.
 */
void warm_memory(uint64_t bytes)
{
	char *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return;
	for (uint64_t at = 0; at < bytes; at += 4096)
		mem[at] = 1;
	munmap(mem, bytes);
}

void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);	/* not allowed: then without */
}

uint64_t malloc_bytes(void)
{
	const struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* How many operations fill a sample, found by doing ever more of them. */
uint64_t choose_n(const struct bench *bench, const struct workload *work, struct job *job)
{
	const double budget = (double)bench->options.sample_ns;
	double ns;

	for (job->n = 1;; job->n *= 4) {
		const uint64_t start = now_ns();

		ns = work->run(job);
		if (job->n * 4 > work->most || (double)(now_ns() - start) > budget / 8)
			break;
	}
	if (ns * (double)work->most <= budget)
		return work->most;
	return budget / ns < 1 ? 1 : (uint64_t)(budget / ns);
}

static bool takes_part(const struct contender *c, const struct workload *work)
{
	if (!c->map || (c->peer->flags ^ work->flags) & PEER_ATTACHED ||
	    (c->peer->flags & PEER_EXTRA && work->flags & WORK_NO_EXTRA) ||
	    (work->flags & WORK_LOANS && !c->peer->lend))
		return false;
	return strcmp(work->id, "W10") || !c->peer->max_pages ||
	       c->peer->max_pages >= 1024 * PAGES_1G;
}

static void measure(struct bench *bench, const struct state *state, const struct workload *work)
{
	static double sample[MAX_PEERS][MAX_SAMPLES];
	struct job job = { .state = state, .touched = bench->touched };
	unsigned samples[MAX_PEERS];
	uint64_t n[MAX_PEERS];

	for (unsigned k = 0; k <= bench->options.samples; k++) {
		for (size_t i = 0; i < bench->n; i++) {
			const struct contender *c = &bench->contender[i];

			if (!takes_part(c, work) || (k && k > samples[i]))
				continue;
			job.peer = c->peer;
			job.map = c->map;
			job.seed = UINT64_C(0x5eed0000) + k;
			if (!k) {	/* before the first sample */
				const uint64_t start = now_ns();

				n[i] = choose_n(bench, work, &job);
				samples[i] = n[i] == 1 && now_ns() - start >
					     SLOW * bench->options.sample_ns ?
					     1 : bench->options.samples;
			} else {
				job.n = n[i];
				sample[i][k - 1] = work->run(&job);
			}
			if (work->flags & WORK_CHANGES)
				state_restore(state, c->peer, c->map, bench->touched);
		}
	}
	for (size_t i = 0; i < bench->n; i++) {
		const struct contender *c = &bench->contender[i];

		if (takes_part(c, work))
			report_add(&bench->report, work->id, state_name[state->id],
				   peer_row_name(c->peer), c->peer, UNIT_NS,
				   median(sample[i], samples[i]), state->npages / PAGES_1G);
	}
}

static void check_all(struct bench *bench, const struct state *state, const char *when)
{
	char why[256];

	for (size_t i = 0; i < bench->n; i++) {
		struct contender *c = &bench->contender[i];

		if (!c->map || verify_state(state, c->peer, c->map, why, sizeof(why)))
			continue;
		report_missing(&bench->report, "%s: state %s: differs from the byte array %s: %s",
			       c->peer->name, state_name[state->id], when, why);
		c->peer->destroy(c->map);
		c->map = NULL;
	}
}

static bool wanted(const struct bench *bench, enum state_id id, const struct workload *work)
{
	return id_listed(bench->options.only, work->id) &&
	       (!(work->flags & WORK_ONE_STATE) || id == STATE_W1);
}

/* What has something attached is built for workloads about just that. */
static bool needed(const struct bench *bench, enum state_id id, const struct peer *peer)
{
	const struct workload *work = workloads;

	while (work->id && (!wanted(bench, id, work) ||
			    (peer->flags ^ work->flags) & PEER_ATTACHED))
		work++;
	return work->id || !(peer->flags & PEER_ATTACHED);
}

static void build_all(struct bench *bench, const struct state *state)
{
	for (size_t i = 0; i < bench->n; i++) {
		struct contender *c = &bench->contender[i];
		const uint64_t before = malloc_bytes();

		if ((c->peer->max_pages && c->peer->max_pages < state->npages) ||
		    !needed(bench, state->id, c->peer))
			continue;
		c->map = state_build(state, c->peer, false);
		c->bytes = c->peer->bytes ? c->peer->bytes(c->map) : malloc_bytes() - before;
		c->used_bytes = c->peer->used_bytes ? c->peer->used_bytes(c->map) : c->bytes;
	}
}

static void run_state(struct bench *bench, enum state_id id)
{
	const struct options *o = &bench->options;
	const struct workload *work;
	bool any = false, changed = false;
	const uint64_t start = now_ns();
	struct state state;

	for (work = workloads; work->id; work++)
		any |= wanted(bench, id, work);
	if (!any || !listed(o->states, state_name[id]))
		return;

	fprintf(stderr, "state %s:", state_name[id]);
	warm_memory(o->quick ? UINT64_C(256) << 20 : UINT64_C(1) << 30);
	state_make(&state, id, o->guest_pages);
	build_all(bench, &state);
	check_all(bench, &state, "before it is timed");
	for (work = workloads; work->id; work++) {
		if (!wanted(bench, id, work))
			continue;
		fprintf(stderr, " %s", work->id);
		fflush(stderr);
		changed |= work->flags & WORK_CHANGES;
		if (work->measure)
			work->measure(bench, &state);
		else
			measure(bench, &state, work);
	}
	fprintf(stderr, " (%.0f s)\n", (double)(now_ns() - start) / 1e9);
	if (changed)
		check_all(bench, &state, "after it was timed");
	for (size_t i = 0; i < bench->n; i++) {
		struct contender *c = &bench->contender[i];

		if (c->map)
			c->peer->destroy(c->map);
		c->map = NULL;
	}
	state_drop(&state);
}

static void choose_cpus(struct options *o)
{
	cpu_set_t set;
	int cpu, n = 0;

	if (o->cpu[0] >= 0 || sched_getaffinity(0, sizeof(set), &set))
		return;
	for (cpu = CPU_SETSIZE - 1; cpu >= 0 && n < 2; cpu--) {
		if (CPU_ISSET(cpu, &set))
			o->cpu[n++] = cpu;
	}
	if (n == 1)
		o->cpu[1] = o->cpu[0];
}

enum { OPT_ONLY = 256, OPT_STATES, OPT_IMPL, OPT_QUICK, OPT_SAMPLES, OPT_GUEST, OPT_ALL, OPT_JSON,
       OPT_CPU, OPT_KERNEL, OPT_HELP, OPT_COUNT };

static const struct option long_options[] = {
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "states", required_argument, NULL, OPT_STATES },
	{ "impl", required_argument, NULL, OPT_IMPL },
	{ "quick", no_argument, NULL, OPT_QUICK },
	{ "samples", required_argument, NULL, OPT_SAMPLES },
	{ "guest", required_argument, NULL, OPT_GUEST },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "count", required_argument, NULL, OPT_COUNT },	/* what callgrind runs */
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

static int bad(const char *what)
{
	fprintf(stderr, "bench: %s\n%s", what, usage);
	return 2;
}

static bool known_words(const char *list, bool (*known)(const char *word))
{
	char *copy = list ? need(strdup(list)) : NULL, *rest = copy, *word;
	bool all = true;

	while (all && (word = strsep(&rest, ",")))
		all = known(word);
	free(copy);
	return all;
}

static bool known_id(const char *word)
{
	const struct workload *work = workloads;

	while (work->id && !id_listed(word, work->id))
		work++;
	return work->id || id_listed(word, "grow") || id_listed(word, "adversary") ||
	       id_listed(word, "instructions");
}

static bool known_state(const char *word)
{
	unsigned i = 0;

	while (i < STATES && strcmp(state_name[i], word))
		i++;
	return i < STATES;
}

int main(int argc, char **argv)
{
	static struct bench bench = {
		.options = { .guest_pages = 64 * PAGES_1G, .cpu = { -1, -1 } }
	};
	struct options *o = &bench.options;
	const char *json = NULL, *count = NULL;
	long guest_gib = 64, samples = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_ONLY:		o->only = optarg; break;
		case OPT_STATES:	o->states = optarg; break;
		case OPT_IMPL:		o->impls = optarg; break;
		case OPT_QUICK:		o->quick = true; break;
		case OPT_SAMPLES:	samples = strtol(optarg, NULL, 10); break;
		case OPT_GUEST:		guest_gib = strtol(optarg, NULL, 10); break;
		case OPT_ALL:		o->all = true; break;
		case OPT_JSON:		json = optarg; break;
		case OPT_KERNEL:	o->kernel_peers = optarg; break;
		case OPT_COUNT:		count = optarg; break;
		case OPT_CPU:
			if (sscanf(optarg, "%d,%d", &o->cpu[0], &o->cpu[1]) != 2)
				return bad("--cpu wants two numbers: A,B");
			break;
		case OPT_HELP:
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc)
		return bad("what is left of the command line is not known");
	if (!known_words(o->only, known_id))
		return bad("--only: no such workload");
	if (!known_words(o->states, known_state))
		return bad("--states: no such state");
	if (guest_gib < 1 || guest_gib > 1024)
		return bad("--guest: 1 to 1024 GiB");
	if (samples < 0 || samples > MAX_SAMPLES)
		return bad("--samples: at most 31");

	o->guest_pages = (uint64_t)guest_gib * PAGES_1G;
	o->samples = samples ? (unsigned)samples : o->quick ? 3 : 7;
	o->sample_ns = o->quick ? 4000000 : 30000000;
	choose_cpus(o);
	if (o->cpu[0] >= 0)
		pin_to(o->cpu[0]);
	bench.touched = need(calloc(o->guest_pages / 64, sizeof(uint64_t)));

	peers_find(&bench, !count);
	if (!bench.n) {
		fputs("bench: no implementation to measure\n", stderr);
		return 1;
	}
	if (count)
		return instructions_count(&bench, count);
	for (unsigned id = 0; id < STATES; id++)
		run_state(&bench, id);
	if (id_listed(o->only, "adversary"))
		memory_adversary(&bench);
	if (id_listed(o->only, "grow"))
		growth_measure(&bench);
	if (id_listed(o->only, "instructions"))
		instructions_measure(&bench);

	report_ratios(&bench.report);
	targets_judge(&bench.report);
	if (!json || strcmp(json, "-"))
		table_print(&bench.report, o->all);
	opt = json && !report_json(&bench.report, json, o->quick ? "quick" : "full", argc, argv);
	report_drop(&bench.report);
	free(bench.touched);
	return opt;
}

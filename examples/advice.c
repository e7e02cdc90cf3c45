/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * advice - what each way to do I/O costs a request of such a guest on this host, and
 * which is the cheapest.
 *
 *   advice [--model FILE] [--sizes LIST] [--reuse NS] [--idle NS] [--batch N] ...
 *
 *   cc advice.c $(pkg-config --cflags --libs gmemstate-linux)
 */
#define _GNU_SOURCE	/* getopt_long */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmemstate/gmemstate-linux.h>

#include "cost_file.h"

#define SIZES_MAX	32u

struct options {
	const char *model;
	uint64_t size[SIZES_MAX];
	unsigned int nsizes;
	uint32_t allowed;
	bool tsv;
	struct gms_cost_pattern pattern;
};

static void usage(FILE *to)
{
	fputs("usage: advice [OPTION...]\n"
	      "Say what each way to do I/O costs a request, and which is the cheapest.\n\n"
	      "  --model FILE     the host's costs, as 'calibrate --save FILE' keeps them\n"
	      "                   (default: measure them now, which takes 1.5 s)\n"
	      "  --sizes LIST     bytes of a request (4K,64K,1M); K and M are understood\n"
	      "  --direction D    in, to the guest; out, the default; or both\n"
	      "  --reuse NS       time until the same buffer is used again (default: never)\n"
	      "  --idle NS        lazy: a buffer that was idle for longer is taken back\n"
	      "  --batch N        requests that can be converted at once (1)\n"
	      "  --adjacent       and their buffers lie side by side\n"
	      "  --threads N      vCPUs and other threads that run meanwhile (0)\n"
	      "  --guest-memfd    memory is a guest_memfd, and KVM's slot names the VMM's mapping\n"
	      "  --warm           data is in a cache when it is copied\n"
	      "  --allow LIST     strategies that may be: bounce, pool, convert, convert-batch,\n"
	      "                   lazy, persistent, pread (all)\n"
	      "  --tsv            a line a strategy and size, for programs\n", to);
}

static int number(const char **text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(*text, &end, 10);
	if (end == *text || errno || **text == '-')
		return -EINVAL;
	if (*end == 'K' || *end == 'M')
		*value <<= *end++ == 'K' ? 10 : 20;
	*text = end;
	return 0;
}

static int whole_number(const char *text, uint64_t most, uint64_t *value)
{
	const int err = number(&text, value);

	return err || *text || *value > most ? -EINVAL : 0;
}

static int parse_sizes(struct options *options, const char *text)
{
	options->nsizes = 0;
	for (;; text++) {
		uint64_t *size = &options->size[options->nsizes];

		if (options->nsizes == SIZES_MAX || number(&text, size) || !*size)
			return -EINVAL;
		options->nsizes++;
		if (!*text)
			return 0;
		if (*text != ',')
			return -EINVAL;
	}
}

static int parse_allowed(struct options *options, const char *text)
{
	options->allowed = 0;
	for (;; text++) {
		const size_t length = strcspn(text, ",");
		uint32_t i = 0;

		while (i < GMS_COST_STRATEGIES &&
		       (strncmp(gms_cost_strategy_name(i), text, length) ||
			gms_cost_strategy_name(i)[length]))
			i++;
		if (i == GMS_COST_STRATEGIES)
			return -EINVAL;
		options->allowed |= UINT32_C(1) << i;
		text += length;
		if (!*text)
			return 0;
	}
}

static int parse_direction(struct gms_cost_pattern *pattern, const char *text)
{
	if (!strcmp(text, "in"))
		pattern->direction = GMS_COST_IN;
	else if (!strcmp(text, "out"))
		pattern->direction = GMS_COST_OUT;
	else if (!strcmp(text, "both"))
		pattern->direction = GMS_COST_BOTH;
	else
		return -EINVAL;
	return 0;
}

static int parse_option(struct options *options, int option, const char *text)
{
	struct gms_cost_pattern *pattern = &options->pattern;
	uint64_t value = 0;
	int err = 0;

	switch (option) {
	case 'm':
		options->model = text;
		break;
	case 's':
		err = parse_sizes(options, text);
		break;
	case 'd':
		err = parse_direction(pattern, text);
		break;
	case 'r':
		err = whole_number(text, UINT64_MAX, &pattern->reuse_ns);
		break;
	case 'i':
		err = whole_number(text, UINT64_MAX, &pattern->idle_ns);
		break;
	case 'b':
		err = whole_number(text, UINT32_MAX, &value);
		pattern->batch = (uint32_t)value;
		break;
	case 't':
		err = whole_number(text, UINT32_MAX, &value);
		pattern->threads = (uint32_t)value;
		break;
	case 'a':
		pattern->flags |= GMS_COST_ADJACENT;
		break;
	case 'g':
		pattern->flags |= GMS_COST_GUEST_MEMFD | GMS_COST_GUEST_FAULTS;
		break;
	case 'w':
		pattern->flags |= GMS_COST_WARM;
		break;
	case 'l':
		err = parse_allowed(options, text);
		break;
	case 'v':
		options->tsv = true;
		break;
	default:
		err = -EINVAL;
		break;
	}
	return err;
}

/* 0: go on; 1: an error; -1: --help. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "model", required_argument, NULL, 'm' },
		{ "sizes", required_argument, NULL, 's' },
		{ "direction", required_argument, NULL, 'd' },
		{ "reuse", required_argument, NULL, 'r' },
		{ "idle", required_argument, NULL, 'i' },
		{ "batch", required_argument, NULL, 'b' },
		{ "adjacent", no_argument, NULL, 'a' },
		{ "threads", required_argument, NULL, 't' },
		{ "guest-memfd", no_argument, NULL, 'g' },
		{ "warm", no_argument, NULL, 'w' },
		{ "allow", required_argument, NULL, 'l' },
		{ "tsv", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	options->allowed = GMS_COST_ANY;
	options->size[0] = 4096;
	options->size[1] = 65536;
	options->size[2] = 1048576;
	options->nsizes = 3;
	GMS_INIT(&options->pattern);
	options->pattern.direction = GMS_COST_OUT;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'h') {
			usage(stdout);
			return -1;
		}
		if (option != '?' && parse_option(options, option, optarg))
			fprintf(stderr, "advice: not understood: '%s'\n", optarg);
		else if (option != '?')
			continue;
		usage(stderr);
		return 1;
	}
	if (optind < argc) {
		usage(stderr);
		return 1;
	}
	return 0;
}

static int get_model(const struct options *options, struct gms_cost_model *model)
{
	int err;

	GMS_INIT(model);
	if (options->model)
		return cost_file_load("advice", options->model, model);
	err = gms_calibrate(model, NULL, NULL);
	if (err)
		fprintf(stderr, "advice: calibration: %s\n", gms_strerror(err));
	return err;
}

static void print_tsv(uint64_t bytes, uint32_t strategy, const struct gms_cost_estimate *e)
{
	printf("%" PRIu64 "\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
	       "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
	       "\t%" PRIu64 "\t%" PRIu64 "\n", bytes, gms_cost_strategy_name(strategy), e->total_ns,
	       e->exits_ns, e->syscalls_ns, e->page_table_ns, e->flushes_ns, e->refaults_ns,
	       e->copies_ns, e->requests, e->exits, e->syscalls, e->flushes, e->refaulted_pages,
	       e->copied_bytes);
}

static void print_row(uint32_t strategy, const struct gms_cost_estimate *e)
{
	printf("  %-14s %10" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
	       " %9" PRIu64 " %9" PRIu64 "  ", gms_cost_strategy_name(strategy), e->total_ns,
	       e->exits_ns, e->syscalls_ns, e->page_table_ns, e->flushes_ns, e->refaults_ns,
	       e->copies_ns);
	if (!e->break_even_bytes)
		puts("-");
	else if (e->break_even_bytes == UINT64_MAX)
		puts("never");
	else
		printf("%" PRIu64 " KiB\n", e->break_even_bytes >> 10);
}

static int advise(const struct options *options, const struct gms_cost_model *model,
		  uint64_t bytes)
{
	struct gms_cost_pattern pattern = options->pattern;
	struct gms_cost_advice advice;
	int err;

	pattern.bytes = bytes;
	if (!options->tsv) {
		printf("%" PRIu64 " bytes a request, in ns:\n", bytes);
		printf("  %-14s %10s %9s %9s %9s %9s %9s %9s  %s\n", "strategy", "total", "exits",
		       "syscalls", "tables", "flushes", "faults", "copies", "less than bounce from");
	}
	for (uint32_t i = 0; i < GMS_COST_STRATEGIES; i++) {
		struct gms_cost_estimate e;

		if (!(options->allowed >> i & 1))
			continue;
		GMS_INIT(&e);
		err = gms_cost_estimate(model, &pattern, i, &e);
		if (err == -ENODATA && !options->tsv)
			printf("  %-14s unknown: this host's costs lack %s\n",
			       gms_cost_strategy_name(i), e.missing);
		if (err == -ENODATA)
			continue;
		if (err)
			return err;
		if (options->tsv)
			print_tsv(bytes, i, &e);
		else
			print_row(i, &e);
	}
	GMS_INIT(&advice);
	err = gms_cost_advise(model, &pattern, options->allowed, &advice);
	if (err)
		return err;
	if (!options->tsv)
		printf("  Take %s: %s%s%s.\n\n", gms_cost_strategy_name(advice.strategy), advice.why,
		       advice.runner_up == GMS_COST_STRATEGIES ? "" : ", ",
		       advice.runner_up == GMS_COST_STRATEGIES ? "" :
		       gms_cost_strategy_name(advice.runner_up));
	else
		printf("%" PRIu64 "\tadvice\t%s\n", bytes, gms_cost_strategy_name(advice.strategy));
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .model = NULL };
	struct gms_cost_model model;
	int err = parse(argc, argv, &options);

	if (err)
		return err > 0 ? 2 : 0;
	if (get_model(&options, &model))
		return 1;
	for (unsigned int i = 0; !err && i < options.nsizes; i++)
		err = advise(&options, &model, options.size[i]);
	if (err)
		fprintf(stderr, "advice: %s\n", gms_strerror(err));
	return err ? 1 : 0;
}

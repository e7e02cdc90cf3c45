/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibrate - measure what the steps of a conversion cost on this host, print
 * them, keep them in a file, and compare them with an earlier measurement.
 *
 *   calibrate [--save FILE] [--compare FILE] [--budget MS] [--threads N] [--no-kvm]
 *
 *   cc calibrate.c $(pkg-config --cflags --libs gmemstate-linux)
 */
#define _GNU_SOURCE	/* getopt_long */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gmemstate/gmemstate-linux.h>

#include "cost_file.h"

struct options {
	const char *save;
	const char *compare;
	struct gms_calibrate_opts how;
};

static void usage(FILE *to)
{
	fprintf(to, "usage: calibrate [OPTION...]\n"
		"  --save FILE      keep the numbers in FILE\n"
		"  --compare FILE   print how they differ from those in FILE\n"
		"  --budget MS      take that long (1500, at most %u)\n"
		"  --threads N      measure flushes with up to N threads beside\n"
		"  --no-kvm         leave out what needs /dev/kvm\n", GMS_CALIBRATE_MOST_MS);
}

static int number(const char *text, uint32_t *value)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n > UINT32_MAX)
		return -EINVAL;
	*value = (uint32_t)n;
	return 0;
}

/* 0: go on; 1: an error; -1: --help. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "save", required_argument, NULL, 's' },
		{ "compare", required_argument, NULL, 'c' },
		{ "budget", required_argument, NULL, 'b' },
		{ "threads", required_argument, NULL, 't' },
		{ "no-kvm", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, err = 0;

	GMS_INIT(&options->how);
	while (!err && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 's':
			options->save = optarg;
			break;
		case 'c':
			options->compare = optarg;
			break;
		case 'b':
			err = number(optarg, &options->how.budget_ms);
			break;
		case 't':
			err = number(optarg, &options->how.threads);
			break;
		case 'k':
			options->how.flags |= GMS_CALIBRATE_NO_KVM;
			break;
		case 'h':
			usage(stdout);
			return -1;
		default:
			err = -EINVAL;
		}
	}
	if (err || optind < argc) {
		usage(stderr);
		return 1;
	}
	return 0;
}

/* --- files ------------------------------------------------------------------------- */

static int put(void *ctx, const char *text, size_t bytes)
{
	return fwrite(text, 1, bytes, ctx) == bytes ? 0 : -EIO;
}

static int save(const char *path, const struct gms_cost_model *model)
{
	FILE *file = fopen(path, "w");
	int err = file ? gms_cost_save(model, put, file) : -errno;

	if (file && fclose(file) && !err)
		err = -errno;
	if (err)
		fprintf(stderr, "calibrate: %s: %s\n", path, strerror(-err));
	return err;
}

/* --- what it looks like ------------------------------------------------------------ */

static int progress(void *ctx, uint32_t part, uint32_t nparts)
{
	(void)ctx;
	if (part < nparts)
		fprintf(stderr, "\r%3u %%  %-32s", part * 100 / nparts,
			gms_calibrate_part_name(part));
	else
		fprintf(stderr, "\r%40s\r", "");
	return 0;
}

static void print_value(const char *name, uint64_t value)
{
	const size_t length = strlen(name);
	const int is_time = length > 3 && !strcmp(name + length - 3, "_ns");

	if (!value)
		printf(" %14s", "-");
	else if (!is_time)
		printf(" %14" PRIu64, value);
	else if (value < 10000)
		printf(" %11" PRIu64 " ns", value);
	else
		printf(" %11.1f us", (double)value / 1e3);
}

static void print_model(const struct gms_cost_model *model, const struct gms_cost_model *before)
{
	struct gms_cost_item now, then;

	printf("%-28s %14s%s\n", "", "this host", before ? "         before   ratio" : "");
	for (uint32_t i = 0; !gms_cost_item_at(model, i, &now); i++) {
		if (before && gms_cost_item_at(before, i, &then))
			return;
		if (!now.value && !(before && then.value))
			continue;
		printf("%-28s", now.name);
		print_value(now.name, now.value);
		if (before) {
			print_value(now.name, then.value);
			if (now.value && then.value)
				printf(" %7.2f", (double)now.value / (double)then.value);
		}
		printf("\n");
	}
}

static void print_result(const struct gms_calibrate_result *result)
{
	printf("\nmeasured in %" PRIu64 " ms, %" PRIu64 " batches\n",
	       result->elapsed_ns / 1000000, result->samples);
	for (uint32_t part = 0; part < GMS_CALIBRATE_PARTS; part++) {
		if (result->error[part])
			printf("not known: %s: %s\n", gms_calibrate_part_name(part),
			       strerror(-result->error[part]));
	}
}

int main(int argc, char **argv)
{
	struct gms_cost_model model, before;
	struct gms_calibrate_result result;
	struct options options = { 0 };
	const int rc = parse(argc, argv, &options);
	int err;

	if (rc)
		return rc < 0 ? 0 : 2;
	if (options.compare && cost_file_load("calibrate", options.compare, &before))
		return 1;
	if (isatty(STDERR_FILENO))
		options.how.progress = progress;
	GMS_INIT(&model);
	GMS_INIT(&result);
	err = gms_calibrate(&model, &options.how, &result);
	if (err) {
		fprintf(stderr, "calibrate: %s\n", strerror(-err));
		return 1;
	}
	print_model(&model, options.compare ? &before : NULL);
	print_result(&result);
	return options.save && save(options.save, &model) ? 1 : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gmemstate-replay - replay the DMA mappings of a guest under several strategies, and
 * say what each would have cost and shown.
 *
 * 0: done; 1: something failed, and a line says what; 2: the command line is wrong.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/model.h"
#include "replay/options.h"
#include "tool/out.h"

#define WHY_BYTES	512

static int complain(const char *why)
{
	fprintf(stderr, "gmemstate-replay: %s\n", why);
	return 1;
}

static int put(const struct report_run *run, const char *path,
	       int (*write)(const struct report_run *, struct out *))
{
	struct out out;
	int err = out_open(&out, path);

	if (!err)
		err = out_close(&out, write(run, &out));
	if (err)
		fprintf(stderr, "gmemstate-replay: %s: %s\n",
			strcmp(path, "-") ? path : "<stdout>", strerror(-err));
	return err ? 1 : 0;
}

static int put_all(const struct options *options, const struct report_run *run)
{
	char why[WHY_BYTES] = "";
	int failed = 0;

	if (options->table)
		failed |= put(run, "-", report_table);
	if (options->json)
		failed |= put(run, options->json, report_json);
	if (options->openmetrics)
		failed |= put(run, options->openmetrics, report_openmetrics);
	if (options->svg && report_plots(run, options->svg, why, sizeof(why)))
		failed |= complain(why);
	return failed;
}

/* The guest's CPUs, but the one that asks. */
static void set_threads(const struct options *options, struct report_run *run)
{
	run->pattern = options->pattern;
	if (!options->threads_given)
		run->pattern.threads = run->guest_cpus > 1 ? run->guest_cpus - 1 : 0;
}

static int replay(const struct options *options, struct report_run *run)
{
	const char *trace = options->run.path;
	char why[WHY_BYTES] = "";

	/* Told before the host is measured, not after. */
	if (strcmp(trace, "-") && access(trace, R_OK)) {
		snprintf(why, sizeof(why), "%s: %s", trace, strerror(errno));
		return complain(why);
	}
	if (model_get(run, options->model, options->run.quiet, why, sizeof(why)))
		return complain(why);
	if (options->save_model && model_save(run, options->save_model, why, sizeof(why)))
		return complain(why);
	if (run_trace(&options->run, run, why, sizeof(why)))
		return complain(why);
	set_threads(options, run);
	model_price(run);
	return put_all(options, run);
}

int main(int argc, char **argv)
{
	static struct options options;
	static struct report_run run;
	int failed;

	setlocale(LC_CTYPE, "");
	switch (options_parse(&options, argc, argv)) {
	case OPTIONS_DONE:
		return 0;
	case OPTIONS_WRONG:
		return 2;
	default:
		break;
	}
	run.report = calloc(options.run.nsetups, sizeof(*run.report));
	if (!run.report)
		return complain(strerror(ENOMEM));
	failed = replay(&options, &run);
	free(run.report);
	return failed;
}

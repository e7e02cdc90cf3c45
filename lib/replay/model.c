/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.c - the unit costs that replays are priced with; see model.h.
 */
#include "replay/model.h"

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_GMEMSTATE_LINUX
#include <gmemstate/linux/calibrate.h>
#endif

#include "tool/out.h"
#include "tool/term.h"

static int example(struct report_run *run)
{
	run->model_name = "an example's numbers, not this host's";
	return gms_cost_example(&run->model);
}

#ifdef HAVE_GMEMSTATE_LINUX

static int progress(void *ctx, uint32_t part, uint32_t nparts)
{
	term_progress(ctx, part, nparts, part < nparts ? gms_calibrate_part_name(part) : "");
	return 0;
}

static int measure(struct report_run *run, bool quiet, char *why, size_t why_bytes)
{
	struct gms_calibrate_opts opts;
	struct term_progress bar;
	int err;

	GMS_INIT(&opts);
	opts.progress = progress;
	opts.ctx = &bar;
	term_progress_begin(&bar, "measuring this host", !quiet);
	err = gms_calibrate(&run->model, &opts, NULL);
	term_progress_end(&bar);
	if (err)
		snprintf(why, why_bytes, "measuring this host: %s; --model example or a file does "
			 "without", strerror(-err));
	run->model_name = "this host, measured now";
	return err;
}

#else

static int measure(struct report_run *run, bool quiet, char *why, size_t why_bytes)
{
	(void)quiet;
	(void)why;
	(void)why_bytes;
	/* Somebody else's numbers are better than none, as long as that is said. */
	return example(run);
}

#endif

static int load(struct report_run *run, const char *path, char *why, size_t why_bytes)
{
	static char text[GMS_COST_TEXT_BYTES + 1];
	struct gms_cost_load_result seen;
	FILE *file = fopen(path, "r");
	size_t bytes;
	int err;

	if (!file) {
		err = -errno;
		snprintf(why, why_bytes, "%s: %s; --model takes host, example, none or a file",
			 path, strerror(errno));
		return err;
	}
	bytes = fread(text, 1, sizeof(text), file);
	err = ferror(file) ? -EIO : 0;
	fclose(file);
	GMS_INIT(&seen);
	if (!err)
		err = gms_cost_load(&run->model, text, bytes, &seen);
	if (err)
		snprintf(why, why_bytes, "%s:%" PRIu64 ": %s; expected %s", path, seen.line,
			 gms_strerror(err), seen.expected ? seen.expected : "a cost model");
	run->model_name = path;
	return err;
}

int model_get(struct report_run *run, const char *source, bool quiet, char *why,
	      size_t why_bytes)
{
	GMS_INIT(&run->model);
	run->model_name = NULL;
	if (!strcmp(source, "none"))
		return 0;
	if (!strcmp(source, "host"))
		return measure(run, quiet, why, why_bytes);
	return strcmp(source, "example") ? load(run, source, why, why_bytes) : example(run);
}

int model_save(const struct report_run *run, const char *path, char *why, size_t why_bytes)
{
	struct out out;
	int err = out_open(&out, path);

	if (!err)
		err = out_close(&out, gms_cost_save(&run->model, out_text, &out));
	if (err)
		snprintf(why, why_bytes, "%s: %s", path, strerror(-err));
	return err;
}

void model_price(struct report_run *run)
{
	for (uint32_t i = 0; i < run->nreports; i++) {
		struct gms_cost_pattern pattern = run->pattern;
		struct report *report = &run->report[i];

		pattern.backing = report->setup.backing;
		GMS_INIT(&report->cost);
		report->cost_known = run->model_name &&
				     !gms_cost_price(&run->model, &pattern, &report->counts,
						     &report->cost);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/replay's pictures and metrics: a run of known numbers, made by
 * hand, and a name as a hostile trace may have one.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "replay/plots.h"

#define SECOND	UINT64_C(1000000000)
#define NREPORTS 3u

static struct report_run *run;
static char folder[] = "plots-test-XXXXXX";
static char dir[64];

static void fill_series(struct report_series *series, uint64_t step)
{
	series->start_ns = run->first_ns;
	series->interval_ns = SECOND;
	series->npoints = 4;
	for (uint32_t i = 0; i < 4; i++) {
		struct report_point *point = &series->point[i];

		point->pages_to_shared = step * (i + 1);
		point->pages_to_private = step * i;
		point->bytes_mapped = (uint64_t)(i + 1) << 22;
		point->shared_pages_max = step * (i == 2 ? 9 : 1);
	}
}

static void setup(void)
{
	static const struct {
		uint32_t strategy;
		const char *name;
	} setups[NREPORTS] = {
		{ GMS_COST_BOUNCE, "bounce" }, { GMS_COST_CONVERT, "eager" },
		{ GMS_COST_PERSISTENT, "keep" },
	};

	strcpy(folder, "plots-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(dir, sizeof(dir), "%s/it's here", folder);
	run = calloc(1, sizeof(*run));
	ck_assert_ptr_nonnull(run);
	run->report = calloc(NREPORTS, sizeof(*run->report));
	ck_assert_ptr_nonnull(run->report);
	run->nreports = NREPORTS;
	run->trace_name = "a \"trace\" <of> \\ mine\n`'";
	run->model_name = "example";
	run->maps = 1000;
	run->unmaps = 990;
	run->first_ns = 7 * SECOND;
	run->last_ns = 11 * SECOND;
	run->length_bytes.count = 1000;
	run->length_bytes.sum = 5000000;
	run->length_bytes.bucket[9] = 700;
	run->length_bytes.bucket[13] = 300;
	run->life_ns.count = 990;
	run->life_ns.sum = 990 * 1000000;
	run->life_ns.bucket[20] = 990;
	run->nmarks = 2;
	run->mark[0] = (struct report_mark){ 8 * SECOND, "it's 'a' `mark`" };
	run->mark[1] = (struct report_mark){ 9 * SECOND, "\x1b[31m\xff" };
	GMS_INIT(&run->model);
	ck_assert_int_eq(gms_cost_example(&run->model), 0);
	GMS_INIT(&run->pattern);
	for (uint32_t i = 0; i < NREPORTS; i++) {
		struct report *report = &run->report[i];

		report->setup.strategy = setups[i].strategy;
		report->setup.profile = GMS_PROFILE_GMEM_INPLACE;
		report->setup.base_order = GMS_ORDER_2M;
		strcpy(report->setup.name, setups[i].name);
		report->page_transitions_to_shared = 400 * i;
		report->page_transitions_to_private = 300 * i;
		report->pages_exposed_max = 50 * i;
		report->page_seconds_exposed = 12.5 * i;
		report->cost_known = true;
		report->cost.exits_ns = 1500000000;
		report->cost.copies_ns = 250000000;
		report->cost.total_ns = 1750000000;
		fill_series(&report->series, 100 * i);
	}
	run->report[2].acct.event[GMS_ACCT_LEND_HITS].count = 1200;
}

static void teardown(void)
{
	char command[128];

	free(run->report);
	free(run);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
	unsetenv("GNUPLOT");
}

/* A file of the folder, or NULL. The caller frees it. */
static char *contents(const char *name)
{
	char path[128], *text = NULL;
	size_t n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	if (!file)
		return NULL;
	if (getdelim(&text, &n, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static bool has(const char *name, const char *text)
{
	char *all = contents(name);
	const bool found = all && strstr(all, text);

	free(all);
	return found;
}

/* Drawn by nothing: what is drawn is looked at by plots.sh. */
static void plot_with(const char *gnuplot, int wanted, char *why)
{
	int err;

	ck_assert_int_eq(setenv("GNUPLOT", gnuplot, 1), 0);
	err = report_plots(run, dir, why, 400);
	ck_assert_msg(err == wanted, "%d: %s", err, why);
}

START_TEST(data_are_the_numbers)
{
	char why[400] = "";

	plot_with("/nonexistent/gnuplot", -ENOENT, why);
	ck_assert_ptr_nonnull(strstr(why, "gnuplot-nox"));
	/* A second in which 100 pages turned, and then 200 a second: shared, and private again. */
	ck_assert(has("series.dat", "# eager\n0.000000 100.000 100 4.000000 1.000000\n"
		      "1.000000 200.000 100 4.000000 1.000000\n"
		      "2.000000 200.000 900 4.000000 1.000000\n"
		      "3.000000 200.000 100 4.000000 1.000000\n4.000000 nan 100 nan 0\n"));
	ck_assert(has("cost.dat", "1 1 1500000000 0 0 0 0 250000000 # eager\n"));
	ck_assert(has("lengths.dat", "256.0 512 70.000000\n512.0 1024 0.000000\n"));
	ck_assert(has("lengths.dat", "4096.0 8192 30.000000\n"));
	ck_assert(has("lifetimes.dat", "524288.0 1048576 100.000000\n"));
	/* 100 pages, used 800 times by 1200 + 800, for 4 seconds. */
	ck_assert_uint_eq(plots_reuse_ns(run), 4 * SECOND * 100 / (1200 + 800));
}
END_TEST

/* Nothing that came with a trace is a part of the script. */
START_TEST(names_are_quoted)
{
	char why[400], *script;

	plot_with("/nonexistent/gnuplot", -ENOENT, why);
	script = contents("plots.gnuplot");
	ck_assert_ptr_nonnull(script);
	ck_assert_ptr_nonnull(strstr(script, "set label 'it''s ''a'' ?mark?' at first 1.000000"));
	ck_assert_ptr_nonnull(strstr(script, "set label '?[31m?' at first 2.000000"));
	ck_assert_ptr_null(strchr(script, '`'));
	ck_assert_ptr_null(strchr(script, '\x1b'));
	free(script);
}
END_TEST

START_TEST(what_gnuplot_says_is_passed_on)
{
	char why[400], path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/gnuplot", folder);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs("#!/bin/sh\necho a warning\necho 'line 7: no such terminal' >&2\nexit 1\n", file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	snprintf(path, sizeof(path), "../gnuplot");	/* from where it runs */
	plot_with(path, -EIO, why);
	ck_assert_ptr_nonnull(strstr(why, "line 7: no such terminal"));
	ck_assert_ptr_null(contents("index.html"));
}
END_TEST

START_TEST(a_folder_that_cannot_be_is_named)
{
	char why[400] = "";

	snprintf(dir, sizeof(dir), "%s/none/none", folder);
	plot_with("true", -ENOENT, why);
	ck_assert_ptr_nonnull(strstr(why, dir));
	snprintf(dir, sizeof(dir), "/dev/null");
	plot_with("true", -ENOTDIR, why);
	ck_assert_ptr_nonnull(strstr(why, "/dev/null"));
}
END_TEST

START_TEST(metrics_are_the_numbers)
{
	char path[128];
	struct out out;

	ck_assert_int_eq(mkdir(dir, 0777), 0);
	snprintf(path, sizeof(path), "%s/metrics", dir);
	ck_assert_int_eq(out_open(&out, path), 0);
	run->report[0].cost_known = false;
	ck_assert_int_eq(report_openmetrics(run, &out), 0);
	ck_assert_int_eq(out_close(&out, 0), 0);
	ck_assert(has("metrics", "gmemstate_replay_trace_info{trace=\"a \\\"trace\\\" <of> \\\\ "
		      "mine?`'\",model=\"example\"} 1\n"));
	ck_assert(has("metrics", "gmemstate_replay_events_total{op=\"unmap\"} 990\n"));
	ck_assert(has("metrics", "gmemstate_replay_to_shared_pages_total{setup=\"keep\","
		      "strategy=\"persistent\",profile=\"gmem-inplace\",folio=\"2m\"} 800\n"));
	ck_assert(has("metrics", "gmemstate_replay_exposed_page_seconds{setup=\"eager\","
		      "strategy=\"convert\",profile=\"gmem-inplace\",folio=\"2m\"} 12.5\n"));
	ck_assert(has("metrics", "folio=\"2m\",part=\"copies\"} 0.250000000\n"));
	ck_assert(!has("metrics", "gmemstate_replay_cost_seconds{setup=\"bounce\""));
	ck_assert(has("metrics", "gmemstate_replay_length_bytes_bucket{le=\"4096\"} 700\n"));
	ck_assert(has("metrics", "gmemstate_replay_length_bytes_count 1000\n"));
	ck_assert(has("metrics", "gmemstate_replay_life_seconds_sum 0.98999999999999999\n"));
	ck_assert(has("metrics", "\n# EOF\n"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plots");
	TCase *t = fx_case(s, "by hand");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, data_are_the_numbers);
	tcase_add_test(t, names_are_quoted);
	tcase_add_test(t, what_gnuplot_says_is_passed_on);
	tcase_add_test(t, a_folder_that_cannot_be_is_named);
	tcase_add_test(t, metrics_are_the_numbers);
	return fx_run(s);
}

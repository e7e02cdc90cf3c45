/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plots_page.c - a page that shows the pictures of a run, each with what there is
 * to see. The pictures are in it, so that it can be sent as it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/plots.h"
#include "tool/text.h"

static void escaped(struct out *out, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c == '&' || c == '<' || c == '>' || c == '"')
			out_print(out, "&#%u;", c);
		else
			out_write(out, c < 0x20 || c > 0x7e ? "?" : text, 1);
	}
}

/* --- what there is to see --------------------------------------------------------------- */

static const struct report *extreme(const struct report_run *run, bool most,
				    uint64_t (*value)(const struct report *report))
{
	const struct report *found = NULL;

	for (uint32_t r = 0; r < run->nreports; r++) {
		const struct report *report = &run->report[r];

		if (!found || (most ? value(report) > value(found) : value(report) < value(found)))
			found = report;
	}
	return found;
}

static uint64_t exposed(const struct report *report)
{
	return report->pages_exposed_max;
}

static uint64_t price(const struct report *report)
{
	return report->cost_known ? report->cost.total_ns : UINT64_MAX;
}

static void name(struct out *out, const struct report *report)
{
	out_print(out, "<b>");
	escaped(out, report->setup.name);
	out_print(out, "</b>");
}

static void see_conversions(struct out *out, const struct report_run *run)
{
	const struct report *most = extreme(run, true, plots_turned);
	const struct report *least = extreme(run, false, plots_turned);
	char a[TEXT_BYTES], b[TEXT_BYTES];

	out_print(out, "The higher the busier: pages that turned shared or private, above "
		  "the bytes that the guest mapped. Where there is no line, none turned. ");
	name(out, most);
	out_print(out, " turned %s pages, ", text_count(a, plots_turned(most)));
	name(out, least);
	out_print(out, " %s.", text_count(b, plots_turned(least)));
}

static void see_exposure(struct out *out, const struct report_run *run)
{
	const struct report *most = extreme(run, true, exposed);
	const struct report *least = extreme(run, false, exposed);
	char a[TEXT_BYTES], b[TEXT_BYTES];

	out_print(out, "What the host could read and write, and for how long: lower is safer. ");
	name(out, most);
	out_print(out, " showed it %s at most, ", text_bytes(a, exposed(most) * GMS_PAGE_SIZE));
	name(out, least);
	out_print(out, " %s.", text_bytes(b, exposed(least) * GMS_PAGE_SIZE));
}

static void see_cost(struct out *out, const struct report_run *run)
{
	const struct report *best = extreme(run, false, price);
	char a[TEXT_BYTES], b[TEXT_BYTES];

	if (!best->cost_known) {
		out_print(out, "Steps were counted, and no model knows what they cost.");
		return;
	}
	out_print(out, "Counted steps, times what a step costs by the model (");
	escaped(out, run->model_name);
	out_print(out, "): the length of a bar is the bill, its colours what it is for. ");
	out_print(out, "The cheapest is ");
	name(out, best);
	out_print(out, ", with %s for %s mappings.",
		  text_ns(a, (double)best->cost.total_ns), text_count(b, run->maps));
}

static void see_lengths(struct out *out, const struct report_run *run)
{
	char a[TEXT_BYTES];

	out_print(out, "%.0f %% of the mappings are a page (4 KiB) or less, and yet a page is "
		  "the least that can be shared; on average a mapping is ",
		  100 * plots_share(&run->length_bytes, 12));
	out_print(out, "%s long.", text_bytes(a, run->length_bytes.count ?
					      run->length_bytes.sum / run->length_bytes.count : 0));
}

static void see_lifetimes(struct out *out, const struct report_run *run)
{
	unsigned int i = 0;
	char a[TEXT_BYTES];

	while (i + 1 < REPORT_BUCKETS && plots_share(&run->life_ns, i) < 0.5)
		i++;
	out_print(out, "Half of the mappings live for %s or less: what is converted for one is "
		  "converted back so soon.", text_ns(a, (double)(UINT64_C(1) << i)));
}

static void see_break_even(struct out *out, const struct report_run *run)
{
	const uint64_t reuse_ns = run->pattern.reuse_ns ? run->pattern.reuse_ns :
				  plots_reuse_ns(run);
	char a[TEXT_BYTES];

	out_print(out, "What one request costs by its length; a dot is where a strategy begins to "
		  "be cheaper than bouncing, as the legend says in words, and the band above "
		  "names the cheapest. ");
	if (reuse_ns)
		out_print(out, "A page is taken to be used again after %s, as pages of the trace "
			  "were on average.", text_ns(a, (double)reuse_ns));
	else
		out_print(out, "How soon a page is used again is known when <b>keep</b> is among "
			  "the strategies; here it is taken to be never.");
}

/* --- the page ----------------------------------------------------------------------------- */

static void base64(struct out *out, FILE *file)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char in[3];
	size_t n;

	while ((n = fread(in, 1, 3, file))) {
		const uint32_t bits = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) |
				      (n > 2 ? in[2] : 0);
		const char text[4] = { digits[bits >> 18], digits[bits >> 12 & 63],
				       n > 1 ? digits[bits >> 6 & 63] : '=',
				       n > 2 ? digits[bits & 63] : '=' };

		out_write(out, text, 4);
	}
}

static int picture(struct plots *plots, const char *title, enum plot plot)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.svg", plots->dir, plots_names[plot]);
	file = fopen(path, "r");
	if (!file) {
		const int err = -errno;

		snprintf(plots->why, plots->why_bytes, "%s: %s", path, strerror(-err));
		return err;
	}
	out_print(&plots->out, "<img width=\"800\" height=\"450\" alt=\"%s\" "
		  "src=\"data:image/svg+xml;base64,", title);
	base64(&plots->out, file);
	out_print(&plots->out, "\">\n");
	fclose(file);
	return 0;
}

static void head(struct out *out, const struct report_run *run)
{
	char a[TEXT_BYTES], b[TEXT_BYTES], c[TEXT_BYTES];

	out_print(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
	escaped(out, run->trace_name);
	out_print(out, "</title>\n<style>\nbody { max-width: 800px; margin: 2em auto; "
		  "font: 16px/1.45 sans-serif; color: #222; background: #fff }\n"
		  "h2 { margin: 2em 0 0 } p { margin: .4em 0 }\n"
		  "img { max-width: 100%%; height: auto }\n"
		  "</style>\n<h1>");
	escaped(out, run->trace_name);
	out_print(out, "</h1>\n<p>%s mappings of %s in %s of the guest&#39;s time.\n",
		  text_count(a, run->maps), text_bytes(b, run->bytes_mapped),
		  text_ns(c, (double)(run->last_ns - run->first_ns)));
}

int plots_page(struct plots *plots)
{
	static const struct {
		const char *title;
		void (*see)(struct out *out, const struct report_run *run);
	} sections[PLOTS] = {
		[PLOT_CONVERSIONS] = { "Conversions", see_conversions },
		[PLOT_EXPOSURE] = { "Exposure", see_exposure },
		[PLOT_COST] = { "Cost", see_cost },
		[PLOT_LENGTHS] = { "Lengths", see_lengths },
		[PLOT_LIFETIMES] = { "Lifetimes", see_lifetimes },
		[PLOT_BREAK_EVEN] = { "Break-even", see_break_even },
	};
	int err = plots_open(plots, "index.html");

	if (err)
		return err;
	head(&plots->out, plots->run);
	for (unsigned int i = 0; !err && i < PLOTS; i++) {
		out_print(&plots->out, "<h2>%s</h2>\n<p>", sections[i].title);
		sections[i].see(&plots->out, plots->run);
		out_print(&plots->out, "\n");
		err = picture(plots, sections[i].title, i);
	}
	return err ? out_close(&plots->out, err) : plots_close(plots);
}

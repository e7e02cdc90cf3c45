/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.c - what the formats of gms_acct_write() share; see report.h.
 */
#include "api/report.h"

#include <errno.h>

#define GAUGE(member, metric, unit, help) \
	{ #member, metric, unit, help, offsetof(struct gms_acct, member) }

const struct gms__gauge gms__gauges[GMS__GAUGES_TOLD] = {
	GAUGE(regions, "regions", NULL, "Regions."),
	GAUGE(pages, "region", "pages", "Pages of all regions."),
	GAUGE(shared_pages, "shared", "pages", "Pages that are shared."),
	GAUGE(shared_pages_max, "max_shared", "pages", "Most that were shared at once."),
	GAUGE(folios_4k, "folios_4k", NULL, "Folios of order 0."),
	GAUGE(folios_2m, "folios_2m", NULL, "Folios of order 9."),
	GAUGE(folios_1g, "folios_1g", NULL, "Folios of order 18."),
	GAUGE(pins, "live_pins", NULL, "Live pins."),
	GAUGE(pinned_pages, "pinned", "pages", "Sum of the lengths of live pins."),
	GAUGE(metadata_bytes, "metadata", "bytes", "Memory the space has."),
	GAUGE(metadata_bytes_max, "max_metadata", "bytes", "Most memory it ever had."),
	GAUGE(metadata_used_bytes, "used_metadata", "bytes", "Of its memory, in use."),
};

void gms__report_line(struct gms__report *report)
{
	gms__text_str(&report->text, "\n");
	if (!report->err)
		report->err = report->write(report->ctx, report->line, report->text.len);
	gms__text_begin(&report->text, report->line, sizeof(report->line));
}

int gms_acct_write(const struct gms_space *space, uint32_t format, gms_write_fn *write, void *ctx)
{
	struct gms__report report;

	if (!space || !write || format > GMS_ACCT_JSON)
		return -EINVAL;
	report.space = space;
	report.write = write;
	report.ctx = ctx;
	report.err = 0;
	gms__text_begin(&report.text, report.line, sizeof(report.line));
	if (format == GMS_ACCT_JSON)
		gms__report_json(&report);
	else
		gms__report_metrics(&report);
	return report.err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics.c - the ledger as OpenMetrics text.
 *
 * A metric's name ends with its unit, so pages_to_shared is told as
 * gmemstate_to_shared_pages; time is in seconds, with nine places. What was
 * counted for a tag is a family of its own, gmemstate_tag_..., since a family in
 * which one sample is the sum of the others would count twice when it is summed.
 */
#include <string.h>

#include "api/report.h"
#include "engine/space.h"

#define NS_PER_S	UINT64_C(1000000000)
/* Bounds that are told, of 2^0 to 2^40: a space has no more pages. */
#define BOUNDS		41u

static void str(struct gms__report *r, const char *text)
{
	gms__text_str(&r->text, text);
}

static void dec(struct gms__report *r, uint64_t value)
{
	gms__text_dec(&r->text, value);
}

static void seconds(struct gms__report *r, unsigned __int128 ns)
{
	const unsigned __int128 whole = ns / NS_PER_S;
	const uint64_t rest = (uint64_t)(ns % NS_PER_S);

	dec(r, whole > UINT64_MAX ? UINT64_MAX : (uint64_t)whole);
	str(r, ".");
	for (uint64_t unit = NS_PER_S / 10; unit > 1 && rest < unit; unit /= 10)
		str(r, "0");
	dec(r, rest);
}

/* A family: what its name is made of, and what is said of it. */
struct family {
	const char *prefix;
	const char *name;
	const char *unit;	/* at the end of the name, or NULL */
	bool	    time;	/* of the events of that name */
};

static void name(struct gms__report *r, const struct family *f)
{
	str(r, "gmemstate_");
	str(r, f->prefix);
	str(r, f->name);
	if (f->unit) {
		str(r, "_");
		str(r, f->unit);
	}
	if (f->time)
		str(r, "_time_seconds");
}

static void head(struct gms__report *r, const struct family *f, const char *type,
		 const char *help)
{
	str(r, "# TYPE ");
	name(r, f);
	str(r, " ");
	str(r, type);
	gms__report_line(r);
	if (f->unit || f->time) {
		str(r, "# UNIT ");
		name(r, f);
		str(r, " ");
		str(r, f->time ? "seconds" : f->unit);
		gms__report_line(r);
	}
	str(r, "# HELP ");
	name(r, f);
	str(r, f->time ? " Time charged. " : " ");
	str(r, help);
	gms__report_line(r);
}

/* pages_to_shared: to_shared, in pages. */
static void of_kind(struct family *f, uint32_t kind)
{
	static const char *const units[] = { "pages", "bytes" };

	f->name = gms_acct_name(kind);
	f->unit = NULL;
	for (unsigned i = 0; i < 2; i++) {
		const size_t n = strlen(units[i]);

		if (!strncmp(f->name, units[i], n) && f->name[n] == '_') {
			f->name += n + 1;
			f->unit = units[i];
		}
	}
}

static void value(struct gms__report *r, const struct family *f, uint64_t count)
{
	str(r, " ");
	if (f->time)
		seconds(r, count);
	else
		dec(r, count);
	gms__report_line(r);
}

static void total(struct gms__report *r, const struct family *f, uint64_t count)
{
	name(r, f);
	str(r, "_total");
	value(r, f, count);
}

static void total_of_tag(struct gms__report *r, const struct family *f,
			 const struct gms__tag *tag, uint32_t kind)
{
	const uint64_t count = f->time ? gms__tag_ns(tag, kind) :
					 gms__load(&tag->count[kind]);

	if (!count)
		return;
	name(r, f);
	str(r, "_total{tag=\"");
	if (tag->tag == GMS_TAG_OTHER)
		str(r, "other");
	else
		dec(r, tag->tag);
	str(r, "\"}");
	value(r, f, count);
}

static void tags(struct gms__report *r, const struct family *f, uint32_t kind)
{
	const struct gms__tags *all = &r->space->ledger.tags;
	const struct gms__tag *tag = NULL;

	while (!r->err && (tag = gms__tags_each(all, tag)))
		total_of_tag(r, f, tag, kind);
	total_of_tag(r, f, &all->other, kind);
}

static void events(struct gms__report *r, const struct gms_acct *acct)
{
	struct family f = { 0 };

	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS && !r->err; kind++) {
		const char *help = gms__kind_help(kind);

		of_kind(&f, kind);
		for (int time = 0; time <= gms__kind_has_time(kind); time++) {
			f.time = time;
			f.prefix = "";
			head(r, &f, "counter", help);
			total(r, &f, time ? acct->event[kind].ns : acct->event[kind].count);
			f.prefix = "tag_";
			head(r, &f, "counter", help);
			tags(r, &f, kind);
		}
	}
}

static void bound(struct gms__report *r, const struct family *f, bool time, unsigned i)
{
	name(r, f);
	str(r, "_bucket{le=\"");
	if (i == BOUNDS) {
		str(r, "+Inf");
	} else if (time) {
		seconds(r, UINT64_C(1) << i);
	} else {
		dec(r, UINT64_C(1) << i);
		str(r, ".0");
	}
	str(r, "\"} ");
}

static void histogram(struct gms__report *r, uint32_t kind, const struct family *f,
		      const char *help)
{
	const bool time = kind == GMS_HISTOGRAM_CONVERT_NS;
	struct gms_histogram h;
	uint64_t count = 0;

	GMS_INIT(&h);
	gms__ledger_histogram(&r->space->ledger, kind, &h);
	head(r, f, "histogram", help);
	for (unsigned i = 0; i <= BOUNDS; i++) {
		count = i < BOUNDS ? count + h.bucket[i] : h.count;
		bound(r, f, time, i);
		dec(r, count);
		gms__report_line(r);
	}
	name(r, f);
	str(r, "_count ");
	dec(r, h.count);
	gms__report_line(r);
	name(r, f);
	str(r, "_sum ");
	if (time)
		seconds(r, h.sum);
	else
		dec(r, h.sum);
	gms__report_line(r);
}

void gms__report_metrics(struct gms__report *r)
{
	struct family f = { "", "shared_page", "seconds", false };
	struct gms_acct acct;

	GMS_INIT(&acct);
	r->err = gms_acct_read(r->space, &acct);
	for (unsigned i = 0; i < GMS__GAUGES_TOLD; i++) {
		const struct gms__gauge *gauge = &gms__gauges[i];
		const struct family g = { "", gauge->metric, gauge->unit, false };

		head(r, &g, "gauge", gauge->help);
		name(r, &g);
		value(r, &g, gms__gauge_of(&acct, gauge));
	}
	head(r, &f, "counter", "Page-time shared.");
	name(r, &f);
	str(r, "_total ");
	seconds(r, (unsigned __int128)acct.shared_page_ns_high << 64 | acct.shared_page_ns);
	gms__report_line(r);
	events(r, &acct);
	f = (struct family){ "", "commit_to_shared", "pages", false };
	histogram(r, GMS_HISTOGRAM_TO_SHARED, &f, "Pages a commit turned shared, if any.");
	f.name = "commit_to_private";
	histogram(r, GMS_HISTOGRAM_TO_PRIVATE, &f, "Pages a commit turned private, if any.");
	f = (struct family){ "", "convert", "seconds", false };
	histogram(r, GMS_HISTOGRAM_CONVERT_NS, &f, "Time of conversion calls.");
	str(r, "# EOF");
	gms__report_line(r);
}

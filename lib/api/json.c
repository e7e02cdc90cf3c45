/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c - the ledger as one JSON object.
 *
 * Members are named as in account.h. Tags are strings, since a reader of JSON
 * may take numbers for doubles; the 128 bits of page-time are two numbers, as in
 * struct gms_acct. What follows a member is known only with the next one, so
 * every line but the first of an object begins with its comma.
 */
#include "api/report.h"
#include "engine/space.h"

static void str(struct gms__report *r, const char *text)
{
	gms__text_str(&r->text, text);
}

static void member(struct gms__report *r, bool *first, const char *name, uint64_t value)
{
	str(r, *first ? "\"" : ", \"");
	*first = false;
	str(r, name);
	str(r, "\": ");
	gms__text_dec(&r->text, value);
}

/* A line that begins a member of the object that was opened last. */
static void key(struct gms__report *r, bool *first, const char *name)
{
	str(r, *first ? " \"" : ",\"");
	*first = false;
	str(r, name);
	str(r, "\": ");
}

static void event(struct gms__report *r, bool *first, uint32_t kind, uint64_t count, uint64_t ns)
{
	bool inner = true;

	key(r, first, gms_acct_name(kind));
	str(r, "{");
	member(r, &inner, "count", count);
	if (gms__kind_has_time(kind))
		member(r, &inner, "ns", ns);
	str(r, "}");
	gms__report_line(r);
}

static void gauges(struct gms__report *r, const struct gms_acct *acct)
{
	bool first = true;

	for (unsigned i = 0; i < GMS__GAUGES_TOLD; i++) {
		key(r, &first, gms__gauges[i].name);
		gms__text_dec(&r->text, gms__gauge_of(acct, &gms__gauges[i]));
		gms__report_line(r);
	}
	key(r, &first, "shared_page_ns");
	gms__text_dec(&r->text, acct->shared_page_ns);
	gms__report_line(r);
	key(r, &first, "shared_page_ns_high");
	gms__text_dec(&r->text, acct->shared_page_ns_high);
	gms__report_line(r);
}

static void histogram(struct gms__report *r, bool *first, const char *name, uint32_t kind)
{
	struct gms_histogram h;
	bool inner = true;

	GMS_INIT(&h);
	gms__ledger_histogram(&r->space->ledger, kind, &h);
	key(r, first, name);
	str(r, "{");
	member(r, &inner, "count", h.count);
	member(r, &inner, "sum", h.sum);
	str(r, ", \"log2\": [");
	gms__report_line(r);
	for (unsigned i = 0; i < GMS_HISTOGRAM_BUCKETS; i++) {
		str(r, i ? "," : " ");
		gms__text_dec(&r->text, h.bucket[i]);
		gms__report_line(r);
	}
	str(r, "]}");
	gms__report_line(r);
}

static void account(struct gms__report *r, bool *first, const struct gms__tag *tag)
{
	char digits[24];
	struct gms__text text;
	bool inner = true;

	gms__text_begin(&text, digits, sizeof(digits));
	if (tag->tag == GMS_TAG_OTHER)
		gms__text_str(&text, "other");
	else
		gms__text_dec(&text, tag->tag);
	key(r, first, digits);
	str(r, "{");
	gms__report_line(r);
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		const uint64_t count = gms__load(&tag->count[kind]);
		const uint64_t ns = gms__tag_ns(tag, kind);

		if (count || ns)
			event(r, &inner, kind, count, ns);
	}
	str(r, "}");
	gms__report_line(r);
}

static void section(struct gms__report *r, const char *begin)
{
	str(r, begin);
	gms__report_line(r);
}

void gms__report_json(struct gms__report *r)
{
	const struct gms__tags *all = &r->space->ledger.tags;
	const struct gms__tag *tag = NULL;
	struct gms_acct acct;
	bool first = true;

	GMS_INIT(&acct);
	r->err = gms_acct_read(r->space, &acct);
	section(r, "{\"gauges\": {");
	gauges(r, &acct);
	section(r, "}, \"events\": {");
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++)
		event(r, &first, kind, acct.event[kind].count, acct.event[kind].ns);
	section(r, "}, \"histograms\": {");
	first = true;
	histogram(r, &first, "to_shared", GMS_HISTOGRAM_TO_SHARED);
	histogram(r, &first, "to_private", GMS_HISTOGRAM_TO_PRIVATE);
	histogram(r, &first, "convert_ns", GMS_HISTOGRAM_CONVERT_NS);
	section(r, "}, \"tags\": {");
	first = true;
	while (!r->err && (tag = gms__tags_each(all, tag)))
		account(r, &first, tag);
	account(r, &first, &all->other);
	section(r, "}}");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lend - replay the DMA of a Linux guest as loans, under each policy, and print
 * what each would cost the host and show it, side by side.
 *
 *   lend [--by gpa|dma] [--lazy PAGES[,MS]] TRACE
 *
 * trace_loans.h says what is lent. --by dma lends the addresses that the device was
 * given: bounce buffers, in a trace that has them. LAZY keeps at most PAGES idle
 * pages (256), and none that was idle for more than MS milliseconds when a buffer is
 * returned (0: however long). examples/traces has two traces, to unpack with xz.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "trace_loans.h"

/* --- one policy --------------------------------------------------------------- */

struct replay {
	const char *name;
	uint32_t policy;
	uint64_t now_ns;	/* the guest's clock */
	uint64_t pages_lent;	/* each as often as it was lent */
	uint64_t slack_max;
	double	 slack_byte_ns;
	double	 seconds;	/* of the trace */
	struct gms_acct acct;	/* at its end */
};

static uint64_t guest_clock(void *ctx)
{
	return ((const struct replay *)ctx)->now_ns;
}

static int make_guest(struct replay *replay, uint64_t lazy_pages, uint64_t lazy_ns,
		      struct gms_space **space)
{
	struct gms_space_opts opts;
	struct gms_region_opts ram;
	int err;

	GMS_INIT(&opts);
	GMS_INIT(&ram);
	opts.now_ns = guest_clock;
	opts.ctx = replay;
	opts.lend_policy = replay->policy;
	opts.lend_idle_pages = lazy_pages;
	opts.lend_idle_ns = lazy_ns;
	ram.npages = TRACE_RAM_PAGES;
	ram.base_order = GMS_ORDER_2M;
	ram.state = GMS_STATE_DIRECT_MAP;	/* all of it private */
	err = gms_space_new(space, &opts);
	if (!err)
		err = gms_region_add(*space, &ram, NULL);
	return err;
}

static int replay_line(struct gms_space *space, struct replay *replay, struct trace_loans *loans,
		       const struct trace_line *line, int by_dma)
{
	const uint64_t from = by_dma ? line->dma : line->gpa;
	const int err = trace_loan(loans, space, line, from);

	if (!err && line->op != TRACE_UNMAP)
		replay->pages_lent += ((from + line->bytes - 1) >> GMS_PAGE_SHIFT) -
				      (from >> GMS_PAGE_SHIFT) + 1;
	return err;
}

/* What the host sees beyond what is lent, over time. */
static int measure(struct gms_space *space, struct replay *replay, uint64_t since_ns)
{
	replay->slack_byte_ns += (double)replay->acct.slack_bytes *
				 (double)(replay->now_ns - since_ns);
	GMS_INIT(&replay->acct);
	if (gms_acct_read(space, &replay->acct))
		return -EINVAL;
	if (replay->acct.slack_bytes > replay->slack_max)
		replay->slack_max = replay->acct.slack_bytes;
	return 0;
}

static int replay_trace(struct gms_space *space, struct replay *replay, struct trace *trace,
			struct trace_loans *loans, int by_dma)
{
	uint64_t first_ns = 0, last_ns = 0;
	struct trace_line line;
	char why[256];
	int more, err = 0;

	while (!err && (more = trace_next(trace, &line)) != 0) {
		if (more < 0)
			return more;
		replay->now_ns = line.time_ns;
		if (!first_ns)
			first_ns = last_ns = line.time_ns;
		if (line.time_ns != last_ns)
			err = measure(space, replay, last_ns);
		last_ns = line.time_ns;
		if (!err)
			err = replay_line(space, replay, loans, &line, by_dma);
	}
	if (!err)
		err = measure(space, replay, last_ns);
	if (!err && gms_check(space, why, sizeof(why))) {
		fprintf(stderr, "lend: %s\n", why);
		err = -EBADMSG;
	}
	replay->seconds = (double)(last_ns - first_ns) / 1e9;
	return err;
}

/* --- the table ------------------------------------------------------------------ */

enum { REPLAYS = 3 };

static void row(const char *label, const uint64_t number[REPLAYS])
{
	printf("%-34s", label);
	for (int i = 0; i < REPLAYS; i++)
		printf(" %13" PRIu64, number[i]);
	printf("\n");
}

static void row_of(const char *label, const double number[REPLAYS], int digits)
{
	printf("%-34s", label);
	for (int i = 0; i < REPLAYS; i++)
		printf(" %13.*f", digits, number[i]);
	printf("\n");
}

static void events(const char *label, const struct replay *replay, uint32_t kind)
{
	uint64_t number[REPLAYS];

	for (int i = 0; i < REPLAYS; i++)
		number[i] = replay[i].acct.event[kind].count;
	row(label, number);
}

#define GAUGE(label, member) do { \
		uint64_t number_[REPLAYS]; \
		for (int i_ = 0; i_ < REPLAYS; i_++) \
			number_[i_] = replay[i_].member; \
		row(label, number_); \
	} while (0)

static void print(const struct replay *replay)
{
	double page_s[REPLAYS], idle_s[REPLAYS], slack[REPLAYS], hits[REPLAYS];

	for (int i = 0; i < REPLAYS; i++) {
		const struct gms_acct *acct = &replay[i].acct;

		/* Two minutes of 2 GiB are far below 2^64 page-nanoseconds. */
		page_s[i] = (double)acct->shared_page_ns / 1e9;
		idle_s[i] = (double)acct->idle_page_ns / 1e9;
		slack[i] = replay[i].slack_byte_ns / 1e9 / replay[i].seconds / 1024;
		hits[i] = 100. * (double)acct->event[GMS_ACCT_LEND_HITS].count /
			  (double)replay[i].pages_lent;
	}
	printf("%-34s", "");
	for (int i = 0; i < REPLAYS; i++)
		printf(" %13s", replay[i].name);
	printf("\n");
	events("loans made", replay, GMS_ACCT_LENDS);
	events("loans returned", replay, GMS_ACCT_RETURNS);
	GAUGE("pages lent, each time", pages_lent);
	row_of("  shared already, percent", hits, 1);
	events("pages turned shared", replay, GMS_ACCT_PAGES_TO_SHARED);
	events("pages turned private", replay, GMS_ACCT_PAGES_TO_PRIVATE);
	events("conversions", replay, GMS_ACCT_COMMITS);
	events("batches reclaimed", replay, GMS_ACCT_RECLAIMS);
	GAUGE("most pages shared at once", acct.shared_pages_max);
	GAUGE("pages shared at the end", acct.shared_pages);
	GAUGE("  of them idle", acct.idle_pages);
	row_of("page-seconds shared", page_s, 1);
	row_of("  page-seconds idle", idle_s, 1);
	row_of("KiB shown beyond those lent, mean", slack, 1);
	GAUGE("bytes shown beyond, most", slack_max);
}

static int usage(void)
{
	fprintf(stderr, "usage: lend [--by gpa|dma] [--lazy PAGES[,MS]] TRACE\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct replay replay[REPLAYS] = {
		{ .name = "EAGER", .policy = GMS_LEND_EAGER },
		{ .name = "LAZY", .policy = GMS_LEND_LAZY },
		{ .name = "PERSISTENT", .policy = GMS_LEND_PERSISTENT },
	};
	uint64_t lazy_pages = 256, lazy_ms = 0;
	struct trace_loans loans = { { NULL } };
	struct trace trace;
	int by_dma = 0, err, at = 1;

	for (; at + 1 < argc && !strncmp(argv[at], "--", 2); at += 2) {
		if (!strcmp(argv[at], "--by") && !strcmp(argv[at + 1], "dma"))
			by_dma = 1;
		else if (!strcmp(argv[at], "--by") && !strcmp(argv[at + 1], "gpa"))
			by_dma = 0;
		else if (strcmp(argv[at], "--lazy") ||
			 sscanf(argv[at + 1], "%" SCNu64 ",%" SCNu64, &lazy_pages, &lazy_ms) < 1)
			return usage();
	}
	if (at + 1 != argc)
		return usage();
	err = trace_open(&trace, argv[at]);
	for (int i = 0; !err && i < REPLAYS; i++) {
		struct gms_space *space = NULL;

		GMS_INIT(&replay[i].acct);
		trace_rewind(&trace);
		err = make_guest(&replay[i], lazy_pages, lazy_ms * 1000000, &space);
		if (!err)
			err = replay_trace(space, &replay[i], &trace, &loans, by_dma);
		gms_space_free(space);
		trace_loans_forget(&loans);
	}
	if (err)
		fprintf(stderr, "lend: %s: line %" PRIu64 ": %s\n", argv[at],
			trace.file ? trace.nlines : 0,
			trace.file ? gms_strerror(err) : strerror(-err));
	else
		print(replay);
	trace_close(&trace);
	return err ? 1 : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - the table, a row a run, grouped by size; and what to read from it.
 *
 * Every number is from the library's ledger, also those that the VMM charged to
 * it. The sentences at the end are computed from the same rows.
 */
#include "minivmm.h"

#include <string.h>

uint64_t mv_ios(const struct mv_run *run)
{
	return run->cost.event[GMS_ACCT_REQUESTS].count;
}

uint64_t mv_conversion_calls(const struct gms_acct *cost)
{
	return cost->event[GMS_ACCT_SYS_MADVISE].count +
	       cost->event[GMS_ACCT_SYS_PROCESS_MADVISE].count +
	       cost->event[GMS_ACCT_SYS_MPROTECT].count;
}

uint64_t mv_flushes(const struct gms_acct *cost)
{
	return cost->event[GMS_ACCT_FLUSH_STAGE2].count +
	       cost->event[GMS_ACCT_FLUSH_PROCESS].count +
	       cost->event[GMS_ACCT_FLUSH_KERNEL].count +
	       cost->event[GMS_ACCT_FLUSH_IOTLB].count;
}

uint32_t mv_ops(uint32_t ops)
{
	return (ops >> MV_OP_READ & 1) + (ops >> MV_OP_WRITE & 1);
}

bool mv_run_passed(const struct mv_run *run)
{
	const bool reads = run->ops & 1u << MV_OP_READ;

	return !run->wrong_bytes && !run->wrong_disk_bytes && !run->refusals && !run->check[0] &&
	       run->checked_bytes == (reads ? (uint64_t)run->nblocks * run->size_bytes : 0) &&
	       mv_ios(run) == (uint64_t)run->nblocks * mv_ops(run->ops) - run->skipped_ios;
}

static double ios_per_second(const struct mv_run *run)
{
	const uint64_t ns = run->cost.event[GMS_ACCT_REQUESTS].ns;

	return ns ? (double)mv_ios(run) * 1e9 / (double)ns : 0;
}

/* 12345678 as "12,345,678", in one of a few buffers that take turns. */
static const char *number(uint64_t value)
{
	static char ring[16][32];
	static unsigned int turn;
	char *s = ring[turn++ % 16] + 31;
	unsigned int digits = 0;

	*s = '\0';
	do {
		if (digits && digits % 3 == 0)
			*--s = ',';
		*--s = (char)('0' + value % 10);
		digits++;
		value /= 10;
	} while (value);
	return s;
}

void mv_table_group(const struct mv_options *options, uint32_t size_bytes, FILE *out)
{
	const uint64_t n = mv_options_blocks(options, size_bytes);
	const bool writes = options->ops & 1u << MV_OP_WRITE;
	const bool both = writes && options->ops & 1u << MV_OP_READ;
	char size[32];

	fprintf(out, "\n%s%s%s a request: each row %s %s%s, %s I/Os\n",
		mv_bold(), mv_size_text(size, sizeof(size), size_bytes), mv_plain(),
		writes ? "writes" : "reads", n == 1 ? "1 block" : number(n),
		both ? " and reads them back" : "", number(both ? 2 * n : n));
	fprintf(out, "%s%-10s %8s %7s %7s %8s %7s %8s %9s %6s %6s %8s %10s%s\n", mv_dim(),
		"", "", "", "guest", "syscalls", "syscalls", "flushing", "bytes", "", "",
		"pages", "exposure", mv_plain());
	fprintf(out, "%s%-10s %8s %7s %7s %8s %7s %8s %9s %6s %6s %8s %10s%s\n", mv_dim(),
		"strategy", "I/O/s", "MiB/s", "exits", "convert", "for I/O", "calls", "copied",
		"splits", "merges", "exposed", "page-s", mv_plain());
}

void mv_table_row(const struct mv_run *run, FILE *out)
{
	const struct gms_acct_event *event = run->cost.event;
	const double rate = ios_per_second(run);
	char copied[32];

	mv_size_text(copied, sizeof(copied), event[GMS_ACCT_BYTES_COPIED].count);
	fprintf(out, "%-10s %8s %7.1f %7s %8s %7s %8s %9s %6s %6s %8s %10.3f%s\n",
		run->strategy->name, number((uint64_t)(rate + 0.5)),
		rate * run->size_bytes / (1 << 20),
		number(event[GMS_ACCT_USER_EXITS].count), number(mv_conversion_calls(&run->cost)),
		number(event[GMS_ACCT_SYS_READ].count + event[GMS_ACCT_SYS_WRITE].count),
		number(mv_flushes(&run->cost)), event[GMS_ACCT_BYTES_COPIED].count ? copied : "0",
		number(event[GMS_ACCT_SPLITS_2M].count), number(event[GMS_ACCT_MERGES_2M].count),
		number(run->shared_max), (double)run->shared_page_ns / 1e9,
		mv_run_passed(run) ? "" : "  WRONG");
	if (run->check[0])
		fprintf(out, "  gms_check: %s\n", run->check);
	if (run->wrong_bytes || run->wrong_disk_bytes)
		fprintf(out, "  wrong bytes: %s seen by the guest, %s on the disk\n",
			number(run->wrong_bytes), number(run->wrong_disk_bytes));
	if (run->refusals)
		fprintf(out, "  the device refused the guest %s times\n", number(run->refusals));
}

static const struct mv_run *find(const struct mv_report *report, const char *prefix,
				 uint32_t size_bytes)
{
	for (unsigned int i = 0; i < report->nruns; i++)
		if (report->run[i].size_bytes == size_bytes &&
		    !strncmp(report->run[i].strategy->name, prefix, strlen(prefix)))
			return &report->run[i];
	return NULL;
}

static void lesson_flushes(const struct mv_report *report, uint32_t size_bytes, FILE *out)
{
	const struct mv_run *eager = find(report, "eager", size_bytes);
	const struct mv_run *batch = find(report, "batch", size_bytes);
	double of_eager, of_batch;
	char size[32];

	if (!eager || !batch)
		return;
	of_eager = (double)mv_flushes(&eager->cost) / (double)mv_ios(eager);
	of_batch = (double)mv_flushes(&batch->cost) / (double)mv_ios(batch);
	if (of_batch == 0)
		return;
	fprintf(out, "  Flushes:  for an I/O of %s, %s makes %.2f flushing calls, %s %.4f: "
		"%.0f times %s.\n",
		mv_size_text(size, sizeof(size), size_bytes), eager->strategy->name, of_eager,
		batch->strategy->name, of_batch,
		of_eager >= of_batch ? of_eager / of_batch : of_batch / of_eager,
		of_eager >= of_batch ? "fewer" : "more");
}

static void lesson_copies(const struct mv_report *report, FILE *out)
{
	const struct mv_options *options = report->options;

	fputs("  Copies:   bytes copied for each byte of I/O:", out);
	for (unsigned int s = 0; s < options->nstrategies; s++) {
		uint64_t moved = 0, copied = 0;

		for (unsigned int i = 0; i < report->nruns; i++) {
			const struct mv_run *run = &report->run[i];

			if (run->strategy != &options->strategy[s])
				continue;
			moved += mv_ios(run) * run->size_bytes;
			copied += run->cost.event[GMS_ACCT_BYTES_COPIED].count;
		}
		fprintf(out, "%s %s %.2g", s ? "," : "", options->strategy[s].name,
			moved ? (double)copied / (double)moved : 0);
	}
	fputs(".\n", out);
}

static void lesson_exposure(const struct mv_report *report, uint32_t size_bytes, FILE *out)
{
	const struct mv_run *least = NULL, *most = NULL;
	char size[32];

	for (unsigned int i = 0; i < report->nruns; i++) {
		const struct mv_run *run = &report->run[i];

		if (run->size_bytes != size_bytes)
			continue;
		if (!least || run->shared_page_ns < least->shared_page_ns)
			least = run;
		if (!most || run->shared_page_ns > most->shared_page_ns)
			most = run;
	}
	if (!least || least == most)
		return;
	fprintf(out, "  Exposure: at %s, %s shows the VMM %s %s at most, %.3f page-s in all; "
		"%s %s, %.3f page-s.\n",
		mv_size_text(size, sizeof(size), size_bytes), least->strategy->name,
		number(least->shared_max), least->shared_max == 1 ? "page" : "pages",
		(double)least->shared_page_ns / 1e9, most->strategy->name,
		number(most->shared_max), (double)most->shared_page_ns / 1e9);
}

static void lesson_speed(const struct mv_report *report, FILE *out)
{
	const struct mv_options *options = report->options;
	char size[32];

	if (options->nstrategies < 2)
		return;
	fputs("  Fastest: ", out);
	for (unsigned int k = 0; k < options->nsizes; k++) {
		const struct mv_run *best = NULL;

		for (unsigned int i = 0; i < report->nruns; i++) {
			const struct mv_run *run = &report->run[i];

			if (run->size_bytes != options->size_bytes[k])
				continue;
			if (!best || ios_per_second(run) > ios_per_second(best))
				best = run;
		}
		if (best)
			fprintf(out, "%s %s %s", k ? "," : "",
				mv_size_text(size, sizeof(size), best->size_bytes),
				best->strategy->name);
	}
	fputs(".\n", out);
}

void mv_table_lessons(const struct mv_report *report, FILE *out)
{
	const struct mv_options *options = report->options;
	uint32_t size_bytes = options->size_bytes[0];

	for (unsigned int k = 0; k < options->nsizes; k++)
		if (options->size_bytes[k] == MV_PAGE_BYTES)
			size_bytes = MV_PAGE_BYTES;
	fprintf(out, "\n%sWhat to read from it%s\n", mv_bold(), mv_plain());
	lesson_flushes(report, size_bytes, out);
	lesson_copies(report, out);
	lesson_exposure(report, size_bytes, out);
	lesson_speed(report, out);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.c - what a person sees: a picture of the memory while it comes, a table when
 * it has, and a look at every byte.
 */
#include "postcopy.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CELLS	48u

/* How full a cell of the picture is, in eighths of it. */
static const char *cell(uint64_t missing, uint64_t npages)
{
	static const char *const plain[] = { " ", ".", ":", "+", "#" };
	static const char *const shades[] = { " ", "░", "▒", "▓", "█" };
	const char *const *look = strcmp(nl_langinfo(CODESET), "UTF-8") ? plain : shades;
	const uint64_t there = npages - missing;

	return look[there == npages ? 4 : there ? 1 + 3 * there / npages : 0];
}

void pc_progress(const struct pc_guest *guest, const struct pc_handler *handler, bool last)
{
	const uint64_t npages = guest->range.npages, arrived = guest->arrived;
	const double seconds = (double)((last ? handler->ended_ns : pc_now_ns()) -
					handler->started_ns) / 1e9;

	fputs("\r  [", stdout);
	for (uint64_t i = 0; i < CELLS; i++) {
		const uint64_t from = npages * i / CELLS, to = npages * (i + 1) / CELLS;
		const struct gms_range range = { guest->range.first + from, to - from };
		uint64_t missing = 0;

		if (gms_count(guest->space, range, GMS_STATE_MISSING, GMS_STATE_MISSING, &missing))
			missing = range.npages;
		fputs(cell(missing, range.npages), stdout);
	}
	printf("] %3" PRIu64 " %%  %7.0f MiB/s  %8" PRIu64 " faults%s", 100 * arrived / npages,
	       seconds > 0 ? (double)arrived / 256 / seconds : 0, (uint64_t)handler->faults,
	       last ? "\n" : "");
	fflush(stdout);
}

static void times_row(const char *name, const struct pc_times *times)
{
	printf("  %-34s %9.1f %9.1f %9.1f %9.1f   (%" PRIu64 ")\n", name,
	       (double)pc_times_at(times, 0.5) / 1e3, (double)pc_times_at(times, 0.9) / 1e3,
	       (double)pc_times_at(times, 0.99) / 1e3, (double)pc_times_at(times, 1) / 1e3,
	       times->n);
}

static void count_row(const char *name, uint64_t n, const char *unit)
{
	printf("  %-34s %12" PRIu64 " %s\n", name, n, unit);
}

static void overhead(const struct pc_handler *handler, uint64_t baseline_ns)
{
	struct pc_times taking = handler->taking, filling = handler->filling;
	uint64_t each;

	pc_times_sort(&taking);
	pc_times_sort(&filling);
	each = pc_times_at(&taking, 0.5) + pc_times_at(&filling, 0.5);
	printf("  %-34s %12.2f us", "libgmemstate itself, a fault", (double)each / 1e3);
	if (baseline_ns)
		printf(": %.1f %% of the %.1f us that the kernel takes",
		       100 * (double)each / (double)baseline_ns, (double)baseline_ns / 1e3);
	putchar('\n');
}

void pc_report(const struct pc_guest *guest, const struct pc_handler *handler,
	       const struct pc_vcpu *vcpus, const struct pc_vcpu *device,
	       const struct pc_sent *sent, uint64_t baseline_ns)
{
	const double seconds = (double)(handler->ended_ns - handler->started_ns) / 1e9;
	struct pc_times faults = { 0 }, others = { 0 };
	uint64_t touches = 0;

	for (uint32_t i = 0; i < guest->options->vcpus; i++) {
		if (pc_times_join(&faults, &vcpus[i].faults) ||
		    pc_times_join(&others, &vcpus[i].others))
			fprintf(stderr, "postcopy: out of memory for all times\n");
		touches += vcpus[i].touches;
	}
	pc_times_sort(&faults);
	pc_times_sort(&others);

	printf("\n  transfer\n");
	printf("  %-34s %12.0f MiB/s (%.0f MiB in %.0f ms)\n", "throughput",
	       (double)guest->arrived / 256 / seconds, (double)guest->arrived / 256,
	       seconds * 1e3);
	count_row("pages asked for by a fault", handler->pages[PC_ASKED], "");
	count_row("pages prefetched", handler->pages[PC_PREFETCHED], "");
	count_row(guest->options->kvm ? "  of them used" : "  of them used before the end",
		  guest->prefetched_used, "");
	count_row("pages streamed", handler->pages[PC_STREAMED], "");
	count_row("pages fetched twice", sent->twice, "(counted by the source)");

	printf("\n  guest\n");
	count_row("touches of pages", touches, "");
	count_row("faults handed out", handler->faults, "");
	printf("  %-34s %12.2f\n", "waiters of a fault", handler->faults
	       ? (double)handler->waiters / (double)handler->faults : 0);
	overhead(handler, baseline_ns);

	printf("\n  %-34s %9s %9s %9s %9s\n", "as who touches sees it, us", "p50", "p90", "p99",
	       "max");
	times_row("a page that is missing", &faults);
	times_row("a page that is there", &others);
	if (device->faults.n) {
		struct pc_times sorted = device->faults;

		pc_times_sort(&sorted);
		times_row("gms_access_begin() of the device", &sorted);
	}
	free(faults.ns);
	free(others.ns);
}

static bool page_is(const struct pc_guest *guest, const uint64_t *word, uint64_t page)
{
	const uint64_t marks = word[PC_COUNTER] - pc_word(guest->options->seed, page, PC_COUNTER);

	for (uint64_t i = 0; i < PC_COUNTER; i++)
		if (word[i] != pc_word(guest->options->seed, page, i))
			return false;
	/* A vCPU that was stopped may have left its mark and not told. */
	return marks >= guest->touched[page] && marks <= guest->options->vcpus;
}

static bool page_is_empty(const uint64_t *word)
{
	for (uint64_t i = 0; i < PC_WORDS; i++)
		if (word[i])
			return false;
	return true;
}

int pc_verify(const struct pc_guest *guest, bool all, uint64_t *wrong, uint64_t *looked_at)
{
	uint64_t *copy = malloc(PC_PAGE);
	int rc = 0;

	*wrong = *looked_at = 0;
	if (!copy)
		return -1;
	/* Through the file: the mapping may be frozen. */
	for (uint64_t page = 0; !rc && page < guest->range.npages; page++) {
		const bool missing = gms_state_at(guest->space, guest->range.first + page) &
				     GMS_STATE_MISSING;

		if (pread(gms_backing_fd(guest->backing), copy, PC_PAGE,
			  (off_t)(page * PC_PAGE)) != (ssize_t)PC_PAGE)
			rc = -1;
		else if (missing)
			*wrong += all || !page_is_empty(copy);
		else
			*wrong += !page_is(guest, copy, page);
		*looked_at += !missing;
	}
	free(copy);
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - the results as text of at most 130 columns.
 *
 * The first table compares gmemstate with flat and with the best of everything
 * else; the second, on request, has a column for every implementation. Then the
 * targets that were missed, and what was not there to be measured.
 */
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define CELL		9	/* columns of a number, the space before it included */
#define MANY		48	/* implementations, with the locks of W11 */
#define BLOCK		10	/* implementations side by side in the second table */

/* Three digits that count. */
static void number_text(char *text, size_t bytes, double x)
{
	if (x >= 1e10)
		snprintf(text, bytes, "%.3g", x);
	else if (x >= 1e6)
		snprintf(text, bytes, "%.*fM", x < 1e8 ? 1 : 0, x / 1e6);
	else if (x >= 100)
		snprintf(text, bytes, "%.0f", x);
	else if (x >= 10)
		snprintf(text, bytes, "%.1f", x);
	else if (x >= 0.1 || x == 0)
		snprintf(text, bytes, "%.2f", x);
	else
		snprintf(text, bytes, "%.2g", x);
}

static void print_number(double x)
{
	char text[24];

	number_text(text, sizeof(text), x);
	printf("%*s", CELL, text);
}

static void print_cell(const struct row *row)
{
	if (row)
		print_number(row->unit == UNIT_BYTES ? row->value / 1024 : row->value);
	else
		printf("%*s", CELL, "-");
}

static const struct row *find_like(const struct report *report, const struct row *like,
				   const char *impl)
{
	for (size_t i = 0; i < report->n; i++) {
		if (report_comparable(&report->row[i], like) && !strcmp(report->row[i].impl, impl))
			return &report->row[i];
	}
	return NULL;
}

static bool better(const struct row *a, const struct row *b)
{
	return a->unit == UNIT_TIMES ? a->value > b->value : a->value < b->value;
}

/* The best of the arrays that are not flat as it is. */
static const struct row *best_plain(const struct report *report, const struct row *like)
{
	const struct row *best = NULL;

	for (size_t i = 0; i < report->n; i++) {
		const struct row *row = &report->row[i];

		if (report_comparable(row, like) && row->peer->flags & PEER_PLAIN &&
		    !(row->peer->flags & PEER_EXTRA) && strcmp(row->impl, "flat") &&
		    (!best || better(row, best)))
			best = row;
	}
	return best;
}

/* The part of a name after the '+' of its lock, or all of it. */
static const char *short_plain(const char *impl)
{
	const char *lock = strchr(impl, '+');

	return lock && !strncmp(impl, "flat+", 5) ? lock + 1 : impl;
}

static void print_name(const struct row *row)
{
	static const char *const unit[] = { "ns", "KiB", "ins", "x" };
	char name[48];

	if (!strncmp(row->id, "grow-", 5))
		snprintf(name, sizeof(name), "%s %" PRIu64 "G", row->id, row->guest_gib);
	else
		snprintf(name, sizeof(name), "%s", row->id);
	printf("%-21s %-2s %-3s", name, row->state, unit[row->unit]);
}

static void print_verdict(const struct verdict *v)
{
	char got[24];

	if (!v)
		return;
	number_text(got, sizeof(got), v->target->kind == TARGET_MOST &&
		    v->row->unit == UNIT_BYTES ? v->got / 1024 : v->got);
	printf("  %-4s %-3s %5s of %s", v->met ? "met" : "MISS",
	       strcmp(v->target->impl, "gmemstate") ? "map" : "", got, v->target->text);
}

static void print_line(const struct report *report, const struct row *like)
{
	const struct row *flat = find_like(report, like, "flat");
	const struct row *ours = find_like(report, like, "gmemstate");
	const struct row *plain = best_plain(report, like);
	const struct row *about = ours ? ours : find_like(report, like, "gmemstate-map");
	const struct row *peer = about && about->best ? find_like(report, like, about->best) : NULL;

	print_name(like);
	print_cell(flat);
	print_cell(ours);
	print_cell(find_like(report, like, "gmemstate-map"));
	print_cell(plain);
	printf(" %-5.5s", plain ? short_plain(plain->impl) : "");
	print_cell(peer);
	printf(" %-8.8s", peer ? peer->impl : "");
	if (about && about->ratio_flat > 0)
		print_number(about->ratio_flat);
	else
		printf("%*s", CELL, "-");
	if (peer && about->ratio_best > 0)
		print_number(about->ratio_best);
	else
		printf("%*s", CELL, "-");
	print_verdict(targets_of(report, like));
	putchar('\n');
}

/* Is it the first row of its measurement? */
static bool leads(const struct report *report, const struct row *row)
{
	const struct row *first = report->row;

	while (!report_comparable(first, row))
		first++;
	return first == row;
}

static void print_best(const struct report *report)
{
	printf("\n%-21s %-2s %-3s%*s%*s%*s%*s %-5s%*s %-8s%*s%*s  %s\n", "workload", "st", "", CELL,
	       "flat", CELL, "gms", CELL, "gms-map", CELL, "best", "array", CELL, "best", "peer",
	       CELL, "gms/flat", CELL, "gms/peer", "target");
	for (size_t i = 0; i < report->n; i++) {
		if (leads(report, &report->row[i]))
			print_line(report, &report->row[i]);
	}
	printf("\nst: the state. gms: gmemstate, whole public calls; gms-map: its map alone. best "
	       "array: another plain\narray (in W11 flat with a lock); best peer: the best that is "
	       "no array. ns but where it says KiB, ins\n(instructions) or x (times). target: what "
	       "gms reaches of what it must, or gms-map where it says map.\n");
}

/* The implementations in the order in which they come first. */
static size_t columns(const struct report *report, const char **impl)
{
	size_t n = 0;

	for (size_t i = 0; i < report->n; i++) {
		size_t at = 0;

		while (at < n && strcmp(impl[at], report->row[i].impl))
			at++;
		if (at == n && n < MANY && strcmp(report->row[i].impl, "flat"))
			impl[n++] = report->row[i].impl;
	}
	return n;
}

static bool has_any(const struct report *report, const struct row *like, const char *const *impl,
		    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (find_like(report, like, impl[i]))
			return true;
	}
	return false;
}

static void print_block(const struct report *report, const char *const *impl, size_t n)
{
	printf("\n%-21s %-2s %-3s%*s", "ratios to flat", "st", "", CELL, "flat");
	for (size_t i = 0; i < n; i++)
		printf(" %*.*s", CELL - 1, CELL - 1,
		       strncmp(impl[i], "gmemstate-", 10) ? impl[i] : impl[i] + 9);
	putchar('\n');
	for (size_t i = 0; i < report->n; i++) {
		const struct row *like = &report->row[i], *flat;

		if (!leads(report, like) || !has_any(report, like, impl, n))
			continue;
		flat = find_like(report, like, "flat");
		print_name(like);
		print_cell(flat);
		for (size_t k = 0; k < n; k++) {
			const struct row *row = find_like(report, like, impl[k]);

			if (row && flat && flat->value > 0)
				print_number(row->ratio_flat);
			else
				print_cell(row);
		}
		putchar('\n');
	}
}

/* A line a target, with the states in which it was missed. */
static void print_missed(const struct report *report)
{
	const struct target *last = NULL;
	size_t missed = 0;

	for (size_t i = 0; i < report->nverdicts; i++)
		missed += !report->verdict[i].met;
	if (!report->nverdicts)
		return;
	printf("\ntargets: %zu met, %zu missed", report->nverdicts - missed, missed);
	for (size_t i = 0; i < report->nverdicts; i++) {
		const struct verdict *v = &report->verdict[i];
		char got[24];

		if (v->met)
			continue;
		if (v->target != last)
			printf("\n  %-21s %-13s %-12s:", v->target->id, v->target->impl,
			       v->target->text);
		last = v->target;
		number_text(got, sizeof(got), v->target->kind == TARGET_MOST &&
			    v->row->unit == UNIT_BYTES ? v->got / 1024 : v->got);
		printf(" %s %s", v->row->state, got);
	}
	putchar('\n');
}

void table_print(const struct report *report, bool all)
{
	const char *impl[MANY];
	const size_t n = columns(report, impl);

	print_best(report);
	for (size_t i = 0; all && i < n; i += BLOCK)
		print_block(report, impl + i, n - i < BLOCK ? n - i : BLOCK);
	print_missed(report);
	if (report->missing)
		printf("\n%s", report->missing);
}

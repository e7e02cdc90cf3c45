/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * legend.c - what a picture shows in words; see legend.h.
 */
#include "picture/legend.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tool/text.h"

#define NAME_BYTES	64u

/* What is little is not nothing, and what is nearly all is not all. */
static const char *percent_text(char *text, uint64_t part, uint64_t total)
{
	const double percent = total ? 100. * (double)part / (double)total : 0;

	if (part && percent < 0.01)
		snprintf(text, TEXT_BYTES, "< 0.01 %%");
	else if (part < total && percent > 99.99)
		snprintf(text, TEXT_BYTES, "> 99.99 %%");
	else
		snprintf(text, TEXT_BYTES, "%.2f %%", percent);
	return text;
}

/* A file's name as letters that every font has; the end of it is what tells. */
static const char *name_text(char *text, const char *name)
{
	const size_t bytes = strlen(name);
	const bool cut = bytes >= NAME_BYTES;
	size_t n;

	n = (size_t)snprintf(text, NAME_BYTES, "%s%s", cut ? "..." : "",
			     cut ? name + bytes - (NAME_BYTES - 4) : name);
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	return strcmp(text, "-") ? text : "standard input";
}

__attribute__((format(printf, 4, 5)))
static void add(struct picture_legend *legend, enum picture_line_kind kind, unsigned int ink,
		const char *format, ...)
{
	struct picture_line *line = &legend->line[legend->nlines];
	va_list args;

	if (legend->nlines == PICTURE_LINES)
		return;
	legend->nlines++;
	line->kind = kind;
	line->ink = ink;
	va_start(args, format);
	vsnprintf(line->text, sizeof(line->text), format, args);
	va_end(args);
}

uint64_t picture_changed(const struct picture_counts *counts)
{
	uint64_t same = 0;

	for (unsigned int i = 0; i < PICTURE_DIFF_SAME; i++)
		same += counts->pages[i];
	return counts->total - same;
}

/* --- title and scale ------------------------------------------------------------------ */

static void write_title(struct picture_legend *legend, const struct picture_words *words,
			const struct picture_counts *counts)
{
	char name[NAME_BYTES], total[32], part[32], percent[TEXT_BYTES];
	const uint64_t shared = counts->shared_pages;

	picture_size_text(total, sizeof(total), counts->total);
	picture_size_text(part, sizeof(part), shared);
	snprintf(legend->title, sizeof(legend->title), "%s: %s of %s (%s) shared",
		 name_text(name, words->now), shared ? part : "nothing", total,
		 percent_text(percent, shared, counts->total));
}

static void write_diff_title(struct picture_legend *legend, const struct picture_words *words,
			     const struct picture_counts *counts)
{
	const uint64_t to_shared = counts->pages[PICTURE_DIFF_TO_SHARED];
	const uint64_t to_private = counts->pages[PICTURE_DIFF_TO_PRIVATE];
	char now[NAME_BYTES], before[NAME_BYTES], total[32], one[32], other[32];
	char *at = legend->title;
	const size_t room = sizeof(legend->title);
	const size_t bytes = (size_t)snprintf(at, room, "%s -> %s: ",
					      name_text(before, words->before),
					      name_text(now, words->now));

	picture_size_text(total, sizeof(total), counts->total);
	picture_size_text(one, sizeof(one), to_shared);
	picture_size_text(other, sizeof(other), to_private);
	if (!picture_changed(counts))
		snprintf(at + bytes, room - bytes, "no difference in %s", total);
	else if (!to_shared && !to_private)
		snprintf(at + bytes, room - bytes, "nothing turned shared or private in %s", total);
	else
		snprintf(at + bytes, room - bytes, "%s turned shared, %s private, of %s",
			 to_shared ? one : "nothing", to_private ? other : "nothing", total);
}

static void write_scale(struct picture_legend *legend, const struct picture_words *words,
			const struct picture_layout *layout)
{
	const uint64_t cell_pages = UINT64_C(1) << layout->cell_order;
	char cell[32], row[32], pages[TEXT_BYTES];

	picture_size_text(cell, sizeof(cell), cell_pages);
	text_count(pages, cell_pages);
	picture_size_text(row, sizeof(row), cell_pages * layout->columns);
	if (layout->columns)
		snprintf(legend->scale, sizeof(legend->scale),
			 "%s is %s (%s page%s), a row is %s", words->cell, cell, pages,
			 layout->cell_order ? "s" : "", row);
	else
		snprintf(legend->scale, sizeof(legend->scale),
			 "%s is %s (%s page%s), along a Hilbert curve from top left by top right "
			 "and bottom right", words->cell, cell, pages,
			 layout->cell_order ? "s" : "");
}

/* --- classes --------------------------------------------------------------------------- */

static void write_class(struct picture_legend *legend, const struct picture_view *view,
			const struct picture_counts *counts, unsigned int class)
{
	char pages[TEXT_BYTES], size[32], percent[TEXT_BYTES];

	picture_size_text(size, sizeof(size), counts->pages[class]);
	add(legend, PICTURE_LINE_INK, 1 + class, "%-29s %14s page%c %10s %9s",
	    view->class[class].name, text_count(pages, counts->pages[class]),
	    counts->pages[class] == 1 ? ' ' : 's', size,
	    percent_text(percent, counts->pages[class], counts->total));
}

static void write_classes(struct picture_legend *legend, const struct picture_words *words,
			  const struct picture_view *view, const struct picture_counts *counts,
			  const uint64_t used[])
{
	char cells[TEXT_BYTES], pages[TEXT_BYTES];
	bool marked = false;

	/* What the picture is about comes first, and is said also if there is none. */
	for (unsigned int rank = PICTURE_CLASSES; rank--; ) {
		const unsigned int ramp = picture_ramp(view, rank);
		uint64_t in_part = 0;

		for (unsigned int i = 0; i < PICTURE_CLASSES; i++) {
			const struct picture_class *class = &view->class[i];

			if (!class->name || class->rank != rank || (view->both && i == view->both))
				continue;
			if (counts->pages[i] || (rank == view->watch && ramp == PICTURE_RAMPS +
						 i * PICTURE_STEPS))
				write_class(legend, view, counts, i);
		}
		for (unsigned int i = 0; rank && i < PICTURE_STEPS; i++)
			in_part += used[ramp + i];
		if (in_part)
			add(legend, PICTURE_LINE_RAMP, ramp, "%-29s %14s cell%s",
			    "  a cell in part, few to most", text_count(cells, in_part),
			    in_part == 1 ? "" : "s");
	}
	if (view->both && used[1 + view->both])
		add(legend, PICTURE_LINE_INK, 1u + view->both, "%-29s %14s cells",
		    view->class[view->both].name, text_count(cells, used[1 + view->both]));
	for (unsigned int i = PICTURE_MARK; i < 256; i++)
		marked |= used[i] != 0;
	if (marked && words->marks)
		add(legend, PICTURE_LINE_MARK, 0, "a folio of 2 MiB that is cut");
	add(legend, PICTURE_LINE_TEXT, 0, "%-29s %14s pages", "all",
	    text_count(pages, counts->total));
	if (words->alone)
		add(legend, PICTURE_LINE_TEXT, 0, "%s cell%s alone and drawn 3 by 3, to be seen",
		    text_count(cells, words->alone), words->alone == 1 ? " is" : "s are");
}

/* --- what was counted beside -------------------------------------------------------------- */

static void write_folios(struct picture_legend *legend, const struct picture_words *words,
			 const struct picture_counts *counts)
{
	char a[TEXT_BYTES], b[TEXT_BYTES], c[TEXT_BYTES];

	if (counts->blocks_1g)
		add(legend, PICTURE_LINE_TEXT, 0, "%s of %s folios of 1 GiB are cut",
		    text_count(a, counts->cut_1g), text_count(b, counts->blocks_1g));
	if (counts->blocks_2m)
		add(legend, PICTURE_LINE_TEXT, 0, "%s of %s blocks of 2 MiB are cut, and %s hold "
		    "shared and private pages", text_count(a, counts->cut_2m),
		    text_count(b, counts->blocks_2m), text_count(c, counts->mixed));
	else
		add(legend, PICTURE_LINE_TEXT, 0, "%s blocks of 2 MiB hold shared and private "
		    "pages; no folio is large", text_count(c, counts->mixed));
	if (words->before)
		add(legend, PICTURE_LINE_TEXT, 0, "blocks of 2 MiB that were cut: %s, and that "
		    "were merged: %s", text_count(a, counts->newly_cut),
		    text_count(b, counts->newly_whole));
}

static void write_runs(struct picture_legend *legend, const struct picture_view *view,
		       const struct picture_counts *counts)
{
	char text[PICTURE_LINE_BYTES], number[TEXT_BYTES], range[64];
	size_t at;

	if (!counts->nruns)
		return;
	at = (size_t)snprintf(text, sizeof(text), "%s in %s run%s, the longest: ", view->watched,
			      text_count(number, counts->nruns), counts->nruns > 1 ? "s" : "");
	for (unsigned int i = 0; i < PICTURE_LONGEST && counts->longest[i].npages; i++) {
		picture_range_text(range, sizeof(range), counts->longest[i]);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? ", " : "", range);
	}
	add(legend, PICTURE_LINE_TEXT, 0, "%s", text);
}

/* Where the largest square's quarters begin, of those that it has. */
static void write_quarters(struct picture_legend *legend, const struct picture_layout *layout)
{
	static const char *const place[] = {
		"top left", "top right", "bottom right", "bottom left"
	};
	const struct picture_plot *plot = &layout->plot[0];
	char text[PICTURE_LINE_BYTES];
	uint64_t quarter;
	size_t bytes;

	for (size_t i = 1; i < layout->nplots; i++)
		if (layout->plot[i].range.npages > plot->range.npages)
			plot = &layout->plot[i];
	if (layout->columns || plot->order < 4)
		return;
	quarter = UINT64_C(1) << (2 * (plot->order - 1));
	bytes = (size_t)snprintf(text, sizeof(text), "quarters of %s begin at",
				 layout->nplots > 1 ? "the largest square" : "the square");
	for (unsigned int i = 0; i < 4 && i * quarter < plot->ncells; i++)
		bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s 0x%" PRIx64 " %s",
					  i ? "," : "", (plot->origin + ((i * quarter) <<
					  layout->cell_order)) << GMS_PAGE_SHIFT, place[i]);
	add(legend, PICTURE_LINE_TEXT, 0, "%s", text);
}

void picture_legend(struct picture_legend *legend, const struct picture_words *words,
		    const struct picture_view *view, const struct picture_layout *layout,
		    const struct picture_counts *counts, const uint8_t *inks)
{
	uint64_t used[256] = { 0 };

	for (uint64_t i = 0; i < layout->ncells; i++)
		used[inks[i]]++;
	for (unsigned int i = 0; i < PICTURE_MARK; i++)	/* with a mark or without */
		used[i] += used[i | PICTURE_MARK];
	legend->nlines = 0;
	if (words->before)
		write_diff_title(legend, words, counts);
	else
		write_title(legend, words, counts);
	write_scale(legend, words, layout);
	write_classes(legend, words, view, counts, used);
	write_folios(legend, words, counts);
	write_runs(legend, view, counts);
	write_quarters(legend, layout);
}

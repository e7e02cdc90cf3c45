/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picture.c - the guest's RAM for the eye: a character a 2 MiB folio, and mixed
 * folios opened up, a character for 8 pages.
 *
 * A snapshot is taken while the guest waits and printed later. Colour only where
 * a terminal has it and NO_COLOR does not forbid it; characters beyond ASCII only
 * where the locale's are UTF-8. Nothing is told by colour alone.
 */
#include "minivmm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAM_FIRST	(MV_RAM_GPA / MV_PAGE_BYTES)
#define CELL_PAGES	(MV_FOLIO_PAGES / MV_CELLS)
#define ROW_FOLIOS	64u

static bool color, utf8;

static int open_up(struct mv_snapshot *snapshot, const struct gms_space *space, unsigned int f)
{
	const gms_gfn first = RAM_FIRST + (gms_gfn)f * MV_FOLIO_PAGES;
	const unsigned int slot = snapshot->nopened++;
	struct gms_folio folio;
	int rc;

	rc = gms_folio_at(space, first, &folio);
	snapshot->opened[slot] = f;
	snapshot->split[slot] = !rc && folio.order == GMS_ORDER_4K;
	for (unsigned int i = 0; !rc && i < MV_CELLS; i++) {
		const struct gms_range cell = { first + i * CELL_PAGES, CELL_PAGES };
		uint64_t n = 0;

		rc = gms_count(space, cell, GMS_STATE_SHARED, GMS_STATE_SHARED, &n);
		snapshot->cell[slot][i] = (uint8_t)n;
	}
	return rc;
}

static int write_file(void *ctx, const char *text, size_t bytes)
{
	return fwrite(text, 1, bytes, ctx) == bytes ? 0 : -EIO;
}

/* For gmemstate-map(1): a later moment takes the place of an earlier one. */
static int save(const char *path, struct gms_space *space)
{
	FILE *file = fopen(path, "wb");
	int rc;

	if (!file)
		return -errno;
	rc = gms_save(space, write_file, file);
	if (fclose(file) && !rc)
		rc = -EIO;
	return rc;
}

int mv_snapshot_take(struct mv_snapshot *snapshot, struct gms_space *space)
{
	snapshot->shared_pages = 0;
	snapshot->nopened = snapshot->nmixed = 0;
	for (unsigned int f = 0; f < MV_FOLIOS; f++) {
		const struct gms_range folio = {
			RAM_FIRST + (gms_gfn)f * MV_FOLIO_PAGES, MV_FOLIO_PAGES
		};
		uint64_t n = 0;
		int rc;

		rc = gms_count(space, folio, GMS_STATE_SHARED, GMS_STATE_SHARED, &n);
		if (rc)
			return rc;
		snapshot->shared_of[f] = (uint16_t)n;
		snapshot->shared_pages += n;
		if (!n || n == MV_FOLIO_PAGES)
			continue;
		snapshot->nmixed++;
		if (snapshot->nopened < MV_OPENED_MAX) {
			rc = open_up(snapshot, space, f);
			if (rc)
				return rc;
		}
	}
	return snapshot->save_path ? save(snapshot->save_path, space) : 0;
}

static bool locale_is_utf8(void)
{
	static const char *const name[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (unsigned int i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		const char *value = getenv(name[i]);

		if (value && *value)
			return strstr(value, "UTF-8") || strstr(value, "utf8") ||
			       strstr(value, "UTF8") || strstr(value, "utf-8");
	}
	return false;
}

static bool terminal_has_color(void)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") &&
	       !(no_color && *no_color);
}

void mv_picture_setup(enum mv_color when)
{
	color = when == MV_COLOR_ALWAYS || (when == MV_COLOR_AUTO && terminal_has_color());
	utf8 = locale_is_utf8();
}

static const char *escape(const char *sequence)
{
	return color ? sequence : "";
}

const char *mv_bold(void)
{
	return escape("\033[1m");
}

const char *mv_dim(void)
{
	return escape("\033[2m");
}

const char *mv_plain(void)
{
	return escape("\033[0m");
}

/* How a block looks of which some pages are shared. */
static const char *hue(unsigned int shared, unsigned int of)
{
	if (!shared)
		return escape("\033[32m");			/* private: green */
	return escape(shared == of ? "\033[31m" : "\033[33m");	/* red, mixed: yellow */
}

static const char *folio_glyph(unsigned int shared)
{
	if (!shared)
		return utf8 ? "\u2591" : ".";			/* light shade */
	if (shared == MV_FOLIO_PAGES)
		return utf8 ? "\u2588" : "#";			/* full block */
	return utf8 ? "\u2584" : "+";				/* lower half */
}

static const char *cell_glyph(unsigned int shared)
{
	static const char *const bar[CELL_PAGES + 1] = {
		"\u2591", "\u2581", "\u2582", "\u2583", "\u2584",
		"\u2585", "\u2586", "\u2587", "\u2588",
	};
	static const char *const digit[CELL_PAGES + 1] = {
		".", "1", "2", "3", "4", "5", "6", "7", "#",
	};

	return utf8 ? bar[shared] : digit[shared];
}

static void print_folios(const struct mv_snapshot *snapshot, FILE *out)
{
	for (unsigned int f = 0; f < MV_FOLIOS; f++) {
		const unsigned int shared = snapshot->shared_of[f];

		if (f % ROW_FOLIOS == 0)
			fprintf(out, "  %s0x%05llx%s  ", mv_dim(),
				(unsigned long long)(RAM_FIRST + (gms_gfn)f * MV_FOLIO_PAGES),
				mv_plain());
		fprintf(out, "%s%s%s", hue(shared, MV_FOLIO_PAGES), folio_glyph(shared),
			mv_plain());
		if (f % ROW_FOLIOS == ROW_FOLIOS - 1)
			fputc('\n', out);
	}
}

static void print_opened(const struct mv_snapshot *snapshot, FILE *out)
{
	for (unsigned int i = 0; i < snapshot->nopened; i++) {
		const unsigned int f = snapshot->opened[i];

		fprintf(out, "  folio 0x%05llx opened up: %u of %u pages shared, %s\n            ",
			(unsigned long long)(RAM_FIRST + (gms_gfn)f * MV_FOLIO_PAGES),
			snapshot->shared_of[f], MV_FOLIO_PAGES,
			snapshot->split[i] ? "split into 4 KiB folios" : "one folio still");
		for (unsigned int c = 0; c < MV_CELLS; c++) {
			const unsigned int shared = snapshot->cell[i][c];

			fprintf(out, "%s%s%s", hue(shared, CELL_PAGES), cell_glyph(shared),
				mv_plain());
		}
		fputc('\n', out);
	}
	if (snapshot->nmixed > snapshot->nopened)
		fprintf(out, "  and %u more mixed folios\n", snapshot->nmixed - snapshot->nopened);
}

void mv_picture_print(const struct mv_snapshot *snapshot, FILE *out)
{
	char text[32];

	fprintf(out, "\n%s%s%s: %llu of %llu pages shared (%s)\n", mv_bold(), snapshot->title,
		mv_plain(), (unsigned long long)snapshot->shared_pages,
		(unsigned long long)(MV_RAM_BYTES / MV_PAGE_BYTES),
		mv_size_text(text, sizeof(text), snapshot->shared_pages * MV_PAGE_BYTES));
	print_folios(snapshot, out);
	print_opened(snapshot, out);
	fprintf(out, "  a folio of 2 MiB:  %s%s%s private   %s%s%s shared   %s%s%s mixed",
		hue(0, 2), folio_glyph(0), mv_plain(), hue(2, 2), folio_glyph(MV_FOLIO_PAGES),
		mv_plain(), hue(1, 2), folio_glyph(1), mv_plain());
	if (snapshot->nopened)
		fprintf(out, "\n  8 pages of 4 KiB:  %s%s%s private   %s%s%s shared   "
			"%s%s%s to %s%s%s in part",
			hue(0, 2), cell_glyph(0), mv_plain(), hue(2, 2), cell_glyph(CELL_PAGES),
			mv_plain(), hue(1, 2), cell_glyph(1), mv_plain(), hue(1, 2),
			cell_glyph(CELL_PAGES - 1), mv_plain());
	fputc('\n', out);
}

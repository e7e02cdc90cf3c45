/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * term.c - what a terminal can show, and a line that says how far something is; see
 * term.h.
 */
#include "tool/term.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool/clock.h"

#define REDRAW_NS	UINT64_C(100000000)
#define BAR_COLUMNS	30u

unsigned int term_columns(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long n;

	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	n = columns ? strtol(columns, NULL, 10) : 0;
	return n > 0 && n < 10000 ? (unsigned int)n : 80;
}

enum term_colours term_colours(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM"), *how = getenv("COLORTERM");

	if ((no && *no) || !isatty(fd) || !term || !strcmp(term, "dumb"))
		return TERM_PLAIN;
	if (how && (!strcmp(how, "truecolor") || !strcmp(how, "24bit")))
		return TERM_TRUE;
	return TERM_256;
}

bool term_is_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

void term_progress_begin(struct term_progress *bar, const char *what, bool wanted)
{
	*bar = (struct term_progress){
		.what = what,
		.start_ns = clock_ns(),
		.shown = wanted && isatty(STDERR_FILENO),
	};
}

void term_progress(struct term_progress *bar, uint64_t done, uint64_t total, const char *note)
{
	char full[BAR_COLUMNS + 1];
	uint64_t now, share;

	if (!bar->shown)
		return;
	now = clock_ns();
	/* What takes no time needs no bar. */
	if (now - (bar->drawn_ns ? bar->drawn_ns : bar->start_ns) < REDRAW_NS)
		return;
	bar->drawn_ns = now;
	fprintf(stderr, "\r\033[K%s ", bar->what);
	if (total) {
		share = done >= total ? 1000 : (uint64_t)((double)done / (double)total * 1000);
		memset(full, '#', BAR_COLUMNS);
		full[share * BAR_COLUMNS / 1000] = '\0';
		fprintf(stderr, "[%-*s] %2u %% ", (int)BAR_COLUMNS, full,
			(unsigned int)(share / 10));
	}
	if (note)
		fputs(note, stderr);
	fflush(stderr);
}

void term_progress_end(struct term_progress *bar)
{
	if (bar->shown && bar->drawn_ns)
		fputs("\r\033[K", stderr);
	bar->shown = false;
}

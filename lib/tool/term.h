/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * term.h - what a terminal can show, and a line that says how far something is.
 */
#ifndef GMS_TOOL_TERM_H
#define GMS_TOOL_TERM_H

#include <stdbool.h>
#include <stdint.h>

enum term_colours {
	TERM_PLAIN = 0,		/* none: no terminal, a dumb one, or NO_COLOR is set */
	TERM_256,
	TERM_TRUE		/* red, green and blue, 8 bits each */
};

/* Of what is behind a file descriptor; 80 if nobody says. */
unsigned int term_columns(int fd);
enum term_colours term_colours(int fd);
/* Does the locale write UTF-8? setlocale() was called. */
bool term_is_utf8(void);

/*
 * A bar on the standard error, drawn a few times a second, on a terminal only;
 * erased at the end.
 */
struct term_progress {
	const char *what;
	uint64_t drawn_ns;	/* when it was drawn last; 0: never */
	uint64_t start_ns;
	bool	 shown;		/* there is a terminal */
};

void term_progress_begin(struct term_progress *bar, const char *what, bool wanted);
/* total 0: not known; then only note is shown. note may be NULL. */
void term_progress(struct term_progress *bar, uint64_t done, uint64_t total, const char *note);
void term_progress_end(struct term_progress *bar);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - the command line of gmemstate-map.
 */
#ifndef GMS_PICTURE_OPTIONS_H
#define GMS_PICTURE_OPTIONS_H

#include "picture/view.h"
#include "tool/term.h"

enum picture_rows { PICTURE_ROWS_AUTO, PICTURE_ROWS_NO, PICTURE_ROWS_YES };

struct picture_options {
	const char *before, *now;	/* before NULL: no difference is asked for */
	const char *png, *svg;		/* NULL: not asked for */
	enum picture_rows rows;
	const struct picture_view *view;	/* NULL: state, as the file has it */
	struct gms_range zoom;
	uint32_t size;			/* 0: what fits */
	uint64_t most_bytes;
	bool	 colours_given;
	enum term_colours colours;
	bool	 exit_code, quiet;
};

/* 0: go on; 1: done (--help, --version); a negative errno: said what is wrong. */
int picture_options(struct picture_options *options, int argc, char **argv);
/* "0x100000000+2G" or "START-END"; false for what is neither. */
bool picture_parse_range(const char *text, struct gms_range *range);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - the command line of gmemstate-map; see options.h.
 */
#include "picture/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEAST_SIZE	256u
#define MOST_SIZE	8192u
#define LEAST_COLUMNS	40u
#define MOST_BYTES	(UINT64_C(1) << 30)
#define END_BYTES	(GMS_GFN_LIMIT << GMS_PAGE_SHIFT)

static void help(void)
{
	puts("Usage: gmemstate-map [OPTION]... FILE\n"
	     "       gmemstate-map [OPTION]... BEFORE NOW\n"
	     "Draw a guest's memory: what is shared with the host, how much of it, and where;\n"
	     "or what changed between two files. FILE is a snapshot of gms_save() or the text\n"
	     "of gms_dump(); - is the standard input. Without --png and --svg the picture goes\n"
	     "to the terminal.\n"
	     "\n"
	     "  --png FILE        write a PNG; - is the standard output\n"
	     "  --svg FILE        write an SVG; - is the standard output\n"
	     "  --hilbert         cells along a Hilbert curve: what is near in memory is near\n"
	     "                    in the picture (default for PNG and SVG)\n"
	     "  --rows            a block of 2 MiB a cell, a GiB a row, or as many as make it\n"
	     "                    fit, with addresses (default in the terminal)\n"
	     "  --what WHAT       state    shared, private, populated, missing (default)\n"
	     "                    folios   which are whole, and which are cut to what\n"
	     "                    access   what an access meets: frozen, missing,\n"
	     "                             write-protected, dirty\n"
	     "  --diff            what changed: as with two files, which it needs\n"
	     "  --zoom RANGE      only these addresses: 0x100000000+2G, or START-END\n"
	     "  --size N          pixels of the longer side (1024), or columns (the\n"
	     "                    terminal's)\n"
	     "  --color WHEN      auto, never, 256 or true, which is 24 bits\n"
	     "  --most-bytes N    most memory that a file may take to load (1G; 0: any)\n"
	     "  --exit-code       exit with 1 if two files differ\n"
	     "  --quiet           draw nothing: for --exit-code\n"
	     "  --help            this text\n"
	     "  --version         the version\n"
	     "\n"
	     "Exits with 0, with 1 if --exit-code says so, or with 2 if there was trouble.");
}

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "gmemstate-map: %s: '%s'; see --help\n", what, value);
	return -EINVAL;
}

/* Hexadecimal with 0x, else decimal; K, M, G, T or P behind it. What follows goes to rest. */
static bool parse_number(const char *text, uint64_t most, uint64_t *number, const char **rest)
{
	static const char units[] = "KMGTP";
	const unsigned int base = strncmp(text, "0x", 2) ? 10 : 16;
	const char *at = base == 16 ? text + 2 : text, *first = at;
	const char *unit;
	uint64_t value = 0;

	for (;; at++) {
		uint64_t digit;

		if (*at >= '0' && *at <= '9')
			digit = (uint64_t)(*at - '0');
		else if (base == 16 && *at >= 'a' && *at <= 'f')
			digit = (uint64_t)(*at - 'a') + 10;
		else if (base == 16 && *at >= 'A' && *at <= 'F')
			digit = (uint64_t)(*at - 'A') + 10;
		else
			break;
		if (value > most / base)
			return false;
		value = value * base + digit;
	}
	if (at == first || value > most)
		return false;
	unit = *at ? strchr(units, *at) : NULL;
	if (unit) {
		const unsigned int shift = 10 * (unsigned int)(unit - units + 1);

		if (value > most >> shift)
			return false;
		value <<= shift;
		at++;
	}
	*number = value;
	*rest = at;
	return true;
}

bool picture_parse_range(const char *text, struct gms_range *range)
{
	uint64_t start, end;
	const char *rest;

	if (!parse_number(text, END_BYTES, &start, &rest) || (*rest != '+' && *rest != '-'))
		return false;
	if (!parse_number(rest + 1, END_BYTES, &end, &text) || *text)
		return false;
	if (*rest == '+')
		end += start;
	if (end <= start || end > END_BYTES)
		return false;
	/* Whole pages: so the last byte of a range does for its end. */
	range->first = start >> GMS_PAGE_SHIFT;
	range->npages = ((end + GMS_PAGE_SIZE - 1) >> GMS_PAGE_SHIFT) - range->first;
	return true;
}

static bool parse_size(const char *text, uint64_t most, uint64_t *number)
{
	const char *rest;

	return parse_number(text, most, number, &rest) && !*rest;
}

static int set_view(struct picture_options *options, const char *text)
{
	if (!strcmp(text, "state"))
		options->view = NULL;
	else if (!strcmp(text, "folios"))
		options->view = &picture_folios;
	else if (!strcmp(text, "access"))
		options->view = &picture_access;
	else
		return wrong("no such --what", text);
	return 0;
}

static int set_colours(struct picture_options *options, const char *text)
{
	options->colours_given = strcmp(text, "auto");
	if (!strcmp(text, "never"))
		options->colours = TERM_PLAIN;
	else if (!strcmp(text, "256"))
		options->colours = TERM_256;
	else if (!strcmp(text, "true"))
		options->colours = TERM_TRUE;
	else if (options->colours_given)
		return wrong("no such --color", text);
	return 0;
}

static int set_files(struct picture_options *options, int n, char **files, bool diff)
{
	if (!n) {
		fputs("gmemstate-map: no file given; see --help\n", stderr);
		return -EINVAL;
	}
	if (n > 2)
		return wrong("more than two files", files[2]);
	if (diff && n < 2)
		return wrong("--diff wants two files, and there is only one", files[0]);
	if (n == 2 && options->view)
		return wrong("two files are compared, without --what", options->view->name);
	if (options->exit_code && n < 2)
		return wrong("--exit-code wants two files, and there is only one", files[0]);
	if (n == 2 && !strcmp(files[0], "-") && !strcmp(files[1], "-"))
		return wrong("the standard input cannot be both files", "-");
	options->before = n == 2 ? files[0] : NULL;
	options->now = files[n - 1];
	return 0;
}

static int check(const struct picture_options *options)
{
	const bool picture = options->png || options->svg;
	const uint32_t least = picture ? LEAST_SIZE : LEAST_COLUMNS;

	if (options->size && options->size < least) {
		fprintf(stderr, "gmemstate-map: --size must be at least %" PRIu32 "\n", least);
		return -EINVAL;
	}
	if (options->png && options->svg && !strcmp(options->png, "-") &&
	    !strcmp(options->svg, "-"))
		return wrong("the standard output cannot be both pictures", "-");
	return 0;
}

int picture_options(struct picture_options *options, int argc, char **argv)
{
	enum {
		PNG = 256, SVG, HILBERT, ROWS, WHAT, DIFF, ZOOM, SIZE, COLOR, MOST, EXIT_CODE,
		QUIET, HELP, VERSION
	};
	static const struct option longs[] = {
		{ "png", required_argument, NULL, PNG },
		{ "svg", required_argument, NULL, SVG },
		{ "hilbert", no_argument, NULL, HILBERT },
		{ "rows", no_argument, NULL, ROWS },
		{ "what", required_argument, NULL, WHAT },
		{ "diff", no_argument, NULL, DIFF },
		{ "zoom", required_argument, NULL, ZOOM },
		{ "size", required_argument, NULL, SIZE },
		{ "color", required_argument, NULL, COLOR },
		{ "most-bytes", required_argument, NULL, MOST },
		{ "exit-code", no_argument, NULL, EXIT_CODE },
		{ "quiet", no_argument, NULL, QUIET },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },
		{ NULL, 0, NULL, 0 },
	};
	bool diff = false;
	uint64_t number;
	int c, err = 0;

	*options = (struct picture_options){
		.zoom = { 0, GMS_GFN_LIMIT },
		.most_bytes = MOST_BYTES,
	};
	while (!err && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case PNG:
			options->png = optarg;
			break;
		case SVG:
			options->svg = optarg;
			break;
		case HILBERT:
			options->rows = PICTURE_ROWS_NO;
			break;
		case ROWS:
			options->rows = PICTURE_ROWS_YES;
			break;
		case WHAT:
			err = set_view(options, optarg);
			break;
		case DIFF:
			diff = true;
			break;
		case ZOOM:
			if (!picture_parse_range(optarg, &options->zoom))
				err = wrong("--zoom wants addresses such as 0x100000000+2G",
					    optarg);
			break;
		case SIZE:
			if (!parse_size(optarg, MOST_SIZE, &number) || !number)
				err = wrong("--size wants a number up to 8192", optarg);
			else
				options->size = (uint32_t)number;
			break;
		case COLOR:
			err = set_colours(options, optarg);
			break;
		case MOST:
			if (!parse_size(optarg, UINT64_MAX / 2, &options->most_bytes))
				err = wrong("--most-bytes wants a number such as 4G", optarg);
			break;
		case EXIT_CODE:
			options->exit_code = true;
			break;
		case QUIET:
			options->quiet = true;
			break;
		case HELP:
		case 'h':
			help();
			return 1;
		case VERSION:
			printf("gmemstate-map %s\n", gms_version_string());
			return 1;
		default:	/* getopt said what is wrong */
			fputs("gmemstate-map: see --help\n", stderr);
			return -EINVAL;
		}
	}
	if (!err)
		err = set_files(options, argc - optind, argv + optind, diff);
	return err ? err : check(options);
}

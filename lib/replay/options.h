/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - what is asked of gmemstate-replay.
 */
#ifndef GMS_REPLAY_OPTIONS_H
#define GMS_REPLAY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "replay/replay.h"
#include "replay/run.h"

#define OPTIONS_NAME		"gmemstate-replay"
#define OPTIONS_SETUPS		64u
#define OPTIONS_STRATEGIES	"bounce,eager,batch=8,lazy,keep"	/* unless told */

struct options {
	struct run_opts run;
	struct replay_opts setup[OPTIONS_SETUPS];	/* run.setup */
	struct gms_cost_pattern pattern;	/* of costs */
	bool	 threads_given;		/* else as many as the trace has CPUs, less one */
	const char *model;		/* "host", "example", "none", or a file */
	const char *save_model;
	const char *json;
	const char *openmetrics;
	const char *svg;		/* a folder */
	bool	 table;
};

enum options_what { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_WRONG };

/* DONE: --help or --version was printed; WRONG: a message was. */
enum options_what options_parse(struct options *options, int argc, char **argv);
/* help.c */
void options_help(void);
/* What takes access away under a profile, unless somebody says otherwise. */
uint32_t options_backing(uint32_t profile);

#endif

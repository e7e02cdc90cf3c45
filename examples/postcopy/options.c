/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - the command line.
 */
#include "postcopy.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"postcopy: a guest's memory arrives from another process while the guest runs\n"
	"\n"
	"  --size MIB        guest memory (256)\n"
	"  --vcpus N         threads that touch all of it (2)\n"
	"  --kvm             instead of them one vCPU of KVM\n"
	"  --device          and a device that reads through gms_access_begin()\n"
	"  --order ORDER     in which they touch: random, sequential, mixed (random)\n"
	"  --mode MODE       missing: UFFDIO_COPY; minor: write(2) and UFFDIO_CONTINUE (missing)\n"
	"  --pages SIZE      4k, or 2m: hugetlb, which needs a pool (4k)\n"
	"  --window BLOCKS   neighbours that are fetched with a block that faults (8; 2m: 0)\n"
	"  --kill-source-at PERCENT  the source dies when it has sent that much\n"
	"  --seed N          of the contents\n"
	"  --quiet           no progress bar; there is none either if this is no terminal\n"
	"\n"
	"Exit status: 0 all came and is right; 1 something failed; 2 the command line;\n"
	"3 the source died and the guest is frozen, with all that had come intact;\n"
	"77 this host cannot do what is asked.\n";

enum { SIZE = 1, VCPUS, KVM, DEVICE, ORDER, MODE, PAGES, WINDOW, KILL, SEED, QUIET, HELP };

static const struct option names[] = {
	{ "size", required_argument, NULL, SIZE },
	{ "vcpus", required_argument, NULL, VCPUS },
	{ "kvm", no_argument, NULL, KVM },
	{ "device", no_argument, NULL, DEVICE },
	{ "order", required_argument, NULL, ORDER },
	{ "mode", required_argument, NULL, MODE },
	{ "pages", required_argument, NULL, PAGES },
	{ "window", required_argument, NULL, WINDOW },
	{ "kill-source-at", required_argument, NULL, KILL },
	{ "seed", required_argument, NULL, SEED },
	{ "quiet", no_argument, NULL, QUIET },
	{ "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 },
};

/* A number within bounds, and nothing behind it. */
static bool number(const char *text, uint64_t least, uint64_t most, uint64_t *to)
{
	char *end;
	const uint64_t n = strtoull(text, &end, 10);

	*to = n;
	return *text >= '0' && *text <= '9' && !*end && n >= least && n <= most;
}

/* Which of some words, which end with NULL; -1: none. */
static int word(const char *text, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	return -1;
}

static bool take(struct pc_options *options, int name, const char *text)
{
	static const char *const orders[] = { "random", "sequential", "mixed", NULL };
	static const char *const modes[] = { "missing", "minor", NULL };
	static const char *const pages[] = { "4k", "2m", NULL };
	uint64_t n = 0;
	bool fine = true;
	int which = 0;

	switch (name) {
	case SIZE:
		fine = number(text, 4, 65536, &n) && !(n % 2);
		options->npages = n << (20 - GMS_PAGE_SHIFT);
		break;
	case VCPUS:
		fine = number(text, 1, PC_VCPUS, &n);
		options->vcpus = (uint32_t)n;
		break;
	case KVM:
		options->kvm = true;
		break;
	case DEVICE:
		options->device = true;
		break;
	case ORDER:
		which = word(text, orders);
		options->order = which < 0 ? PC_RANDOM : (enum pc_order)which;
		break;
	case MODE:
		which = word(text, modes);
		options->minor = which == 1;
		break;
	case PAGES:
		which = word(text, pages);
		options->huge = which == 1;
		break;
	case WINDOW:
		fine = number(text, 0, 256, &n);
		options->window = (uint32_t)n;
		break;
	case KILL:
		fine = number(text, 1, 99, &n);
		options->kill_percent = (uint32_t)n;
		break;
	case SEED:
		fine = number(text, 0, UINT64_MAX, &options->seed);
		break;
	case QUIET:
		options->quiet = true;
		break;
	default:
		fine = false;
	}
	return fine && which >= 0;
}

int pc_options(struct pc_options *options, int argc, char **argv)
{
	int name;

	*options = (struct pc_options){
		.npages = 65536, .vcpus = 2, .window = UINT32_MAX, .seed = 1,
	};
	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (name == HELP) {
			fputs(usage, stdout);
			return PC_FINE + 1;
		}
		if (!take(options, name, optarg)) {
			if (name != '?')
				fprintf(stderr, "postcopy: not possible: --%s %s\n",
					names[name - 1].name, optarg ? optarg : "");
			return PC_USAGE + 1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "postcopy: what is %s? --help tells the options\n", argv[optind]);
		return PC_USAGE + 1;
	}
	if (options->kvm)
		options->vcpus = 1;
	if (options->window == UINT32_MAX)
		options->window = options->huge ? 0 : 8;
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - the command line.
 */
#include "minivmm.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_DEFAULT		512u
#define BYTES_DEFAULT_MAX	(UINT64_C(128) << 20)
#define BLOCKS_MAX		(1u << 20)
#define BATCH_DEFAULT		64u

static const struct mv_strategy known[] = {
	{ .name = "bounce", .mode = MV_MODE_POOL, .batch = 1, .blind = true },
	{ .name = "pool", .mode = MV_MODE_POOL, .batch = 1 },
	{ .name = "eager", .mode = MV_MODE_CONVERT, .batch = 1 },
	{ .name = "batch", .mode = MV_MODE_CONVERT, .batch = BATCH_DEFAULT },
	{ .name = "keep", .mode = MV_MODE_KEEP, .batch = 1 },
	{ .name = "lazy", .mode = MV_MODE_CONVERT, .batch = BATCH_DEFAULT, .lazy = true },
	{ .name = "pread", .mode = MV_MODE_KICK, .batch = 1, .by_file = true },
};

#define NKNOWN (sizeof(known) / sizeof(known[0]))
#define NALL	5u	/* of them that "all" means: they run on every memory */

static void help(void)
{
	puts("Usage: minivmm [OPTION]...\n"
	     "Run a guest that does disk I/O from private memory, and show what it costs to\n"
	     "let the VMM at its pages: on KVM, or as a thread where there is none.\n"
	     "\n"
	     "  --strategy LIST   how the guest gives its buffers to the device, of:\n"
	     "                      bounce   a pool shared for ever: the guest copies into it,\n"
	     "                               the VMM copies again and asks nothing\n"
	     "                      pool     the same pool, but the VMM asks, and copies nothing\n"
	     "                      eager    share each request's buffer and unshare it after\n"
	     "                      batch=N  the same for N requests at once (64 if not said)\n"
	     "                      keep     share each buffer once and never take it back\n"
	     "                      lazy=N   as eager, but the VMM takes back N at once, when so\n"
	     "                               many are idle; a buffer used before that stays shared\n"
	     "                      pread    share nothing: the VMM reads and writes the memory's\n"
	     "                               file; with --memfd\n"
	     "                    or all, which is the first five and the default\n"
	     "  --sizes LIST      bytes a request, 512 to 1M; K and M are understood\n"
	     "                    (default 512,4K,16K,64K,256K,1M)\n"
	     "  --requests N      blocks that each run writes and reads back (default 512,\n"
	     "                    but not more than 128 MiB)\n"
	     "  --buffers N       buffers that the guest takes turns in (default 64): used again\n"
	     "                    soon if few; 'all': each once\n"
	     "  --direction D     out: only write; in: only read; or both\n"
	     "  --warm-up         touch all buffers first, and do not count the first use of what\n"
	     "                    is used again\n"
	     "  --memfd           RAM is a memfd, and the guest's mapping of it is not the VMM's\n"
	     "  --disk FILE       the disk: made or OVERWRITTEN, and kept (default: a\n"
	     "                    temporary file in $TMPDIR or /var/tmp)\n"
	     "  --json FILE       write everything that was counted to FILE\n"
	     "  --save FILE       write snapshots of guest memory for gmemstate-map: FILE of the\n"
	     "                    first picture's moment, FILE.end of the last run's end\n"
	     "  --rogue           let a device bug touch a private page, and see it stopped\n"
	     "  --hostile         let the guest ask for what it must not get, and see it refused\n"
	     "  --no-kvm          run the guest as a thread even if there is KVM\n"
	     "  --no-direct-map   describe RAM as absent from the kernel's direct map: nothing\n"
	     "                    may be pinned, so the VMM has to copy\n"
	     "  --color WHEN      auto, always or never\n"
	     "  --probe           say what this host offers, and stop\n"
	     "  --quiet           the table alone\n"
	     "  --help            this text\n"
	     "\n"
	     "Exits with 0 if every byte was right, 1 if not, 2 if it could not run.");
}

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "minivmm: %s: '%s'; see --help\n", what, value);
	return -EINVAL;
}

/* A decimal number with an optional K or M. */
static int parse_number(const char *text, size_t length, uint64_t max, uint32_t *out)
{
	uint64_t value = 0;
	size_t i = 0;

	for (; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value > max)
			return -EINVAL;
	}
	if (!i)
		return -EINVAL;
	if (i < length && (text[i] == 'K' || text[i] == 'k'))
		value <<= 10, i++;
	else if (i < length && (text[i] == 'M' || text[i] == 'm'))
		value <<= 20, i++;
	if (i != length || !value || value > max)
		return -EINVAL;
	*out = (uint32_t)value;
	return 0;
}

static int add_strategy(struct mv_options *options, const struct mv_strategy *strategy)
{
	struct mv_strategy *mine;

	for (unsigned int i = 0; i < options->nstrategies; i++)
		if (options->strategy[i].mode == strategy->mode &&
		    options->strategy[i].batch == strategy->batch &&
		    options->strategy[i].lazy == strategy->lazy &&
		    options->strategy[i].blind == strategy->blind)
			return 0;
	if (options->nstrategies == MV_STRATEGIES_MAX)
		return -EINVAL;
	mine = &options->strategy[options->nstrategies++];
	*mine = *strategy;
	if (strategy->mode == MV_MODE_CONVERT && strategy->batch > 1)
		snprintf(mine->name, sizeof(mine->name), "%s=%u",
			 strategy->lazy ? "lazy" : "batch", strategy->batch);
	return 0;
}

static int parse_strategy(struct mv_options *options, const char *text, size_t length)
{
	if (length == 3 && !memcmp(text, "all", 3)) {
		for (size_t i = 0; i < NALL; i++)
			if (add_strategy(options, &known[i]))
				return -EINVAL;
		return 0;
	}
	for (size_t i = 0; i < NKNOWN; i++) {
		const size_t name = strlen(known[i].name);
		struct mv_strategy strategy = known[i];

		if (length < name || memcmp(text, known[i].name, name))
			continue;
		if (length == name)
			return add_strategy(options, &strategy);
		if (strategy.batch == 1 || text[name] != '=')
			continue;
		if (parse_number(text + name + 1, length - name - 1, MV_BATCH_MAX,
				 &strategy.batch) || strategy.batch < 2)
			return -EINVAL;
		return add_strategy(options, &strategy);
	}
	return -EINVAL;
}

static int parse_size(struct mv_options *options, const char *text, size_t length)
{
	uint32_t bytes;

	if (parse_number(text, length, MV_LENGTH_MAX, &bytes) || bytes % MV_SECTOR_BYTES ||
	    options->nsizes == MV_SIZES_MAX)
		return -EINVAL;
	options->size_bytes[options->nsizes++] = bytes;
	return 0;
}

static int parse_list(struct mv_options *options, const char *text, const char *what,
		      int (*item)(struct mv_options *, const char *, size_t))
{
	for (const char *s = text;; s++) {
		const size_t length = strcspn(s, ",");

		if (item(options, s, length))
			return wrong(what, text);
		s += length;
		if (!*s)
			return 0;
	}
}

static int parse_color(struct mv_options *options, const char *text)
{
	static const char *const name[] = {
		[MV_COLOR_AUTO] = "auto",
		[MV_COLOR_ALWAYS] = "always",
		[MV_COLOR_NEVER] = "never",
	};

	for (unsigned int i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		if (!strcmp(text, name[i])) {
			options->color = (enum mv_color)i;
			return 0;
		}
	}
	return wrong("no such --color", text);
}

static int parse_buffers(struct mv_options *options, const char *text)
{
	if (!strcmp(text, "all"))
		options->nbuffers = UINT32_MAX;
	else if (parse_number(text, strlen(text), BLOCKS_MAX, &options->nbuffers))
		return wrong("--buffers wants a number, or all", text);
	return 0;
}

static int parse_direction(struct mv_options *options, const char *text)
{
	const uint32_t out = 1u << MV_OP_WRITE, in = 1u << MV_OP_READ;

	if (!strcmp(text, "out"))
		options->ops = out;
	else if (!strcmp(text, "in"))
		options->ops = in;
	else if (!strcmp(text, "both"))
		options->ops = out | in;
	else
		return wrong("--direction wants out, in or both", text);
	return 0;
}

/* All buffers must fit their area. */
static int check_batches(const struct mv_options *options)
{
	for (unsigned int i = 0; i < options->nstrategies; i++) {
		for (unsigned int k = 0; k < options->nsizes; k++) {
			const uint64_t bytes = options->size_bytes[k];

			const uint32_t n = mv_options_buffers(options, &options->strategy[i],
							      options->size_bytes[k]);

			if (n * bytes <= MV_AREA_BYTES)
				continue;
			fprintf(stderr, "minivmm: %s: %u buffers of %u bytes do not fit the "
				"guest's memory\n", options->strategy[i].name, n,
				options->size_bytes[k]);
			return -EINVAL;
		}
	}
	return 0;
}

static int defaults(struct mv_options *options)
{
	int rc = 0;

	if (!options->nstrategies)
		rc = parse_list(options, "all", "strategies", parse_strategy);
	if (!rc && !options->nsizes)
		rc = parse_list(options, "512,4K,16K,64K,256K,1M", "sizes", parse_size);
	return rc ? rc : check_batches(options);
}

int mv_options_parse(struct mv_options *options, int argc, char **argv)
{
	enum {
		STRATEGY = 256, SIZES, REQUESTS, BUFFERS, DIRECTION, WARM_UP, MEMFD, DISK, JSON,
		SAVE, ROGUE, HOSTILE, NO_KVM,
		NO_DIRECT_MAP, COLOR, PROBE, QUIET, HELP
	};
	static const struct option longs[] = {
		{ "strategy", required_argument, NULL, STRATEGY },
		{ "sizes", required_argument, NULL, SIZES },
		{ "requests", required_argument, NULL, REQUESTS },
		{ "buffers", required_argument, NULL, BUFFERS },
		{ "direction", required_argument, NULL, DIRECTION },
		{ "warm-up", no_argument, NULL, WARM_UP },
		{ "memfd", no_argument, NULL, MEMFD },
		{ "disk", required_argument, NULL, DISK },
		{ "json", required_argument, NULL, JSON },
		{ "save", required_argument, NULL, SAVE },
		{ "rogue", no_argument, NULL, ROGUE },
		{ "hostile", no_argument, NULL, HOSTILE },
		{ "no-kvm", no_argument, NULL, NO_KVM },
		{ "no-direct-map", no_argument, NULL, NO_DIRECT_MAP },
		{ "color", required_argument, NULL, COLOR },
		{ "probe", no_argument, NULL, PROBE },
		{ "quiet", no_argument, NULL, QUIET },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	int c, rc = 0;

	memset(options, 0, sizeof(*options));
	options->nbuffers = MV_SLOTS;
	options->ops = 1u << MV_OP_WRITE | 1u << MV_OP_READ;
	while (!rc && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case STRATEGY:
			rc = parse_list(options, optarg, "no such --strategy", parse_strategy);
			break;
		case SIZES:
			rc = parse_list(options, optarg, "--sizes wants multiples of 512 up to 1M",
					parse_size);
			break;
		case REQUESTS:
			if (parse_number(optarg, strlen(optarg), BLOCKS_MAX, &options->nblocks))
				rc = wrong("--requests wants a number", optarg);
			break;
		case BUFFERS:
			rc = parse_buffers(options, optarg);
			break;
		case DIRECTION:
			rc = parse_direction(options, optarg);
			break;
		case WARM_UP:
			options->warm_up = true;
			break;
		case MEMFD:
			options->memfd = true;
			break;
		case DISK:
			options->disk_path = optarg;
			break;
		case JSON:
			options->json_path = optarg;
			break;
		case SAVE:
			options->save_path = optarg;
			break;
		case ROGUE:
			options->rogue = true;
			break;
		case HOSTILE:
			options->hostile = true;
			break;
		case NO_KVM:
			options->no_kvm = true;
			break;
		case NO_DIRECT_MAP:
			options->no_direct_map = true;
			break;
		case COLOR:
			rc = parse_color(options, optarg);
			break;
		case PROBE:
			options->probe = true;
			break;
		case QUIET:
			options->quiet = true;
			break;
		case HELP:
		case 'h':
			help();
			return 1;
		default:	/* getopt said what is wrong */
			fprintf(stderr, "minivmm: see --help\n");
			return -EINVAL;
		}
	}
	if (!rc && optind < argc)
		rc = wrong("no such argument", argv[optind]);
	return rc ? rc : defaults(options);
}

uint32_t mv_options_blocks(const struct mv_options *options, uint32_t size_bytes)
{
	const uint64_t most = options->nbuffers == UINT32_MAX ? MV_AREA_BYTES : BYTES_DEFAULT_MAX;
	const uint64_t fit = most / size_bytes;

	if (options->nblocks)
		return options->nblocks;
	return fit < BLOCKS_DEFAULT ? (uint32_t)fit : BLOCKS_DEFAULT;
}

uint32_t mv_options_buffers(const struct mv_options *options, const struct mv_strategy *strategy,
			    uint32_t size_bytes)
{
	const uint32_t step = strategy->lazy ? 1 : strategy->batch;
	const uint32_t nblocks = mv_options_blocks(options, size_bytes);
	const uint32_t n = options->nbuffers < nblocks ? options->nbuffers : nblocks;

	return n < step ? step : (n + step - 1) / step * step;
}

uint64_t mv_options_area_bytes(const struct mv_options *options)
{
	uint64_t most = 0;

	for (unsigned int i = 0; i < options->nstrategies; i++) {
		for (unsigned int k = 0; k < options->nsizes; k++) {
			const uint64_t size = options->size_bytes[k];
			const uint64_t n = mv_options_buffers(options, &options->strategy[i],
							      options->size_bytes[k]);
			const uint64_t bytes = size * (n > MV_SLOTS ? n : MV_SLOTS);

			most = bytes > most ? bytes : most;
		}
	}
	return most < MV_AREA_BYTES ? most : MV_AREA_BYTES;
}

const char *mv_size_text(char *buf, size_t room, uint64_t bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned int i = 0;

	for (; value >= 1024 && i < 4; i++)
		value /= 1024;
	if (value < 10 && value != (double)(unsigned int)value)
		snprintf(buf, room, "%.1f %s", value, unit[i]);
	else
		snprintf(buf, room, "%.0f %s", value, unit[i]);
	return buf;
}

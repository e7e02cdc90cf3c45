/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - what is asked of gmemstate-replay; see options.h.
 */
#include "replay/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_MOST	32u
#define MEMORY_MOST	(UINT64_C(1) << 50)

enum {
	OPT_STRATEGY = 256, OPT_PROFILE, OPT_FOLIO, OPT_BY, OPT_RAM, OPT_POOL, OPT_BATCH_WAIT,
	OPT_FORM, OPT_SKIP_BAD, OPT_MOST, OPT_UNTIL, OPT_REALTIME, OPT_JOBS, OPT_MODEL,
	OPT_SAVE_MODEL, OPT_THREADS, OPT_ASK, OPT_DOORBELL, OPT_GUEST_MEMFD, OPT_WARM,
	OPT_BACKING, OPT_JSON, OPT_OPENMETRICS, OPT_SVG, OPT_SAVE, OPT_NO_TABLE, OPT_QUIET,
	OPT_MEMORY, OPT_VERSION
};

static const struct option known[] = {
	{ "strategy", required_argument, NULL, OPT_STRATEGY },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "folio", required_argument, NULL, OPT_FOLIO },
	{ "by", required_argument, NULL, OPT_BY },
	{ "ram", required_argument, NULL, OPT_RAM },
	{ "most-memory", required_argument, NULL, OPT_MEMORY },
	{ "pool", required_argument, NULL, OPT_POOL },
	{ "batch-wait", required_argument, NULL, OPT_BATCH_WAIT },
	{ "form", required_argument, NULL, OPT_FORM },
	{ "skip-bad", no_argument, NULL, OPT_SKIP_BAD },
	{ "most-outstanding", required_argument, NULL, OPT_MOST },
	{ "until", required_argument, NULL, OPT_UNTIL },
	{ "realtime", optional_argument, NULL, OPT_REALTIME },
	{ "jobs", required_argument, NULL, OPT_JOBS },
	{ "model", required_argument, NULL, OPT_MODEL },
	{ "save-model", required_argument, NULL, OPT_SAVE_MODEL },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "ask", required_argument, NULL, OPT_ASK },
	{ "doorbell", required_argument, NULL, OPT_DOORBELL },
	{ "backing", required_argument, NULL, OPT_BACKING },
	{ "guest-memfd", no_argument, NULL, OPT_GUEST_MEMFD },
	{ "warm", no_argument, NULL, OPT_WARM },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "openmetrics", required_argument, NULL, OPT_OPENMETRICS },
	{ "svg", required_argument, NULL, OPT_SVG },
	{ "save", required_argument, NULL, OPT_SAVE },
	{ "no-table", no_argument, NULL, OPT_NO_TABLE },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs(OPTIONS_NAME ": ", stderr);
	vfprintf(stderr, format, args);
	fputs("; --help says more\n", stderr);
	va_end(args);
	return -EINVAL;
}

/* --- values ------------------------------------------------------------------------ */

/* Digits, and of those a size has a unit: K, M, G, T. */
static int number(const char *text, uint64_t least, uint64_t most, bool size, uint64_t *value)
{
	static const char units[] = "kmgt";
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	unit = size && *end ? strchr(units, *end | 0x20) : NULL;
	if (unit) {
		const unsigned int shift = 10 * (unsigned int)(unit - units + 1);

		if (*value > UINT64_MAX >> shift)
			return -ERANGE;
		*value <<= shift;
		end++;
	}
	if (*end)
		return -EINVAL;
	return *value < least || *value > most ? -ERANGE : 0;
}

static int want_number(const char *option, const char *text, uint64_t least, uint64_t most,
		       uint64_t *value)
{
	if (!number(text, least, most, false, value))
		return 0;
	return complain("--%s wants a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"", option,
			least, most, text);
}

static int want_size(const char *option, const char *text, uint64_t granule, uint64_t most,
		     uint64_t *bytes)
{
	if (!number(text, granule, most, true, bytes) && *bytes % granule == 0)
		return 0;
	return complain("--%s wants a size such as %s: a multiple of %" PRIu64 " MiB, at most %"
			PRIu64 " GiB, not \"%s\"", option, granule == WORLD_GIB ? "64G" : "64M",
			granule >> 20, most >> 30, text);
}

static int want_name(const char *option, const char *text, const char *const *names, uint32_t n,
		     uint32_t *value)
{
	for (uint32_t i = 0; i < n; i++) {
		if (names[i] && !strcmp(text, names[i])) {
			*value = i;
			return 0;
		}
	}
	fprintf(stderr, OPTIONS_NAME ": --%s: \"%s\" is none that there is;", option, text);
	for (uint32_t i = 0; i < n; i++) {
		if (names[i])
			fprintf(stderr, " %s", names[i]);
	}
	fputs(" are\n", stderr);
	return -EINVAL;
}

static int want_speed(const char *text, double *speed)
{
	char *end;

	*speed = text ? strtod(text, &end) : 1;
	if (!text || (end != text && !*end && *speed > 0 && *speed < 1e12))
		return 0;
	return complain("--realtime wants how many times as fast, not \"%s\"", text);
}

static int want_seconds(const char *text, uint64_t *ns)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0 && seconds < 1e9))
		return complain("--until wants seconds of the trace's time, such as 12.5, not "
				"\"%s\"", text);
	*ns = (uint64_t)(seconds * 1e9 + 0.5);
	return 0;
}

/* --- strategies, profiles, folios -------------------------------------------------- */

/* What was named, before it is multiplied out. */
struct lists {
	struct replay_setup strategy[LIST_MOST];
	uint32_t profile[LIST_MOST];
	uint32_t folio[LIST_MOST];
	uint32_t nstrategies, nprofiles, nfolios;
};

static int want_strategy(const char *text, struct replay_setup *setup)
{
	static const char *const names[GMS_COST_STRATEGIES] = {
		[GMS_COST_BOUNCE] = "bounce", [GMS_COST_POOL] = "pool",
		[GMS_COST_CONVERT] = "eager", [GMS_COST_CONVERT_BATCH] = "batch",
		[GMS_COST_LAZY] = "lazy", [GMS_COST_PERSISTENT] = "keep",
		[GMS_COST_PREAD] = "pread",
	};
	const char *equals = strchr(text, '='), *numbers = equals ? equals + 1 : NULL;
	const int length = equals ? (int)(equals - text) : (int)strlen(text);
	char name[32], first[32];
	uint64_t value;

	*setup = (struct replay_setup){ .batch = 8, .idle_pages = 256 };
	snprintf(name, sizeof(name), "%.*s", length, text);
	if (want_name("strategy", name, names, GMS_COST_STRATEGIES, &setup->strategy))
		return -EINVAL;
	snprintf(setup->name, sizeof(setup->name), "%s%s", text,
		 setup->strategy == GMS_COST_CONVERT_BATCH && !numbers ? "=8" : "");
	if (!numbers)
		return 0;
	if (setup->strategy == GMS_COST_CONVERT_BATCH) {
		if (want_number("strategy batch", numbers, 1, 65536, &value))
			return -EINVAL;
		setup->batch = (uint32_t)value;
		return 0;
	}
	if (setup->strategy != GMS_COST_LAZY)
		return complain("--strategy %s takes no number", name);
	equals = strchr(numbers, ',');
	snprintf(first, sizeof(first), "%.*s", equals ? (int)(equals - numbers) : 31, numbers);
	if (want_number("strategy lazy", first, 0, UINT64_C(1) << 40, &setup->idle_pages))
		return -EINVAL;
	if (!equals)
		return 0;
	if (want_number("strategy lazy: milliseconds", equals + 1, 0, UINT64_C(1) << 40, &value))
		return -EINVAL;
	setup->idle_ns = value * 1000000;
	return 0;
}

static int add_strategy(struct lists *lists, const char *text)
{
	struct replay_setup *new = &lists->strategy[lists->nstrategies];

	if (lists->nstrategies == LIST_MOST)
		return complain("more than %u strategies", LIST_MOST);
	if (want_strategy(text, new))
		return -EINVAL;
	for (uint32_t i = 0; i < lists->nstrategies; i++) {
		const struct replay_setup *old = &lists->strategy[i];

		if (old->strategy == new->strategy && old->batch == new->batch &&
		    old->idle_pages == new->idle_pages && old->idle_ns == new->idle_ns)
			return complain("--strategy %s, twice", text);
	}
	lists->nstrategies++;
	return 0;
}

static int add_number(uint32_t *list, uint32_t *n, uint32_t value, const char *option,
		      const char *text)
{
	for (uint32_t i = 0; i < *n; i++) {
		if (list[i] == value)
			return complain("--%s %s, twice", option, text);
	}
	if (*n == LIST_MOST)
		return complain("--%s: more than %u", option, LIST_MOST);
	list[(*n)++] = value;
	return 0;
}

static int add_profile(struct lists *lists, const char *text)
{
	const char *names[GMS_PROFILE_COUNT] = { NULL };
	struct gms_profile_info info;
	uint32_t which = 0;

	for (uint32_t i = 0; i < GMS_PROFILE_COUNT; i++) {
		GMS_INIT(&info);
		if (!gms_profile_info(i, &info))
			names[i] = info.name;
	}
	if (want_name("profile", text, names, GMS_PROFILE_COUNT, &which))
		return -EINVAL;
	return add_number(lists->profile, &lists->nprofiles, which, "profile", text);
}

static int add_folio(struct lists *lists, const char *text)
{
	static const uint32_t orders[] = { 0, GMS_ORDER_2M, GMS_ORDER_1G };
	static const char *const names[] = { "4k", "2m", "1g" };
	uint32_t which = 0;

	if (want_name("folio", text, names, 3, &which))
		return -EINVAL;
	return add_number(lists->folio, &lists->nfolios, orders[which], "folio", text);
}

/* In a list, what begins with a digit goes on with what stands before: "lazy=256,5". */
static int add_list(struct lists *lists, const char *text,
		    int (*add)(struct lists *, const char *))
{
	char item[64];
	int err = 0;

	while (!err) {
		size_t length = strcspn(text, ",");

		if (add == add_strategy && text[length] == ',' && text[length + 1] >= '0' &&
		    text[length + 1] <= '9')
			length += 1 + strcspn(text + length + 1, ",");
		if (length >= sizeof(item) - 16)
			return complain("\"%s\" is too long", text);
		snprintf(item, sizeof(item), "%.*s", (int)length, text);
		err = add(lists, item);
		if (!text[length])
			break;
		text += length + 1;
	}
	return err;
}

static int add_strategies(struct lists *lists, const char *text)
{
	if (!strcmp(text, "all"))
		text = "bounce,pool,eager,batch=8,lazy,keep,pread";
	return add_list(lists, text, add_strategy);
}

uint32_t options_backing(uint32_t profile)
{
	switch (profile) {
	case GMS_PROFILE_GMEM_INPLACE:
	case GMS_PROFILE_GMEM_HUGETLB:
	case GMS_PROFILE_NO_DIRECT_MAP:
	case GMS_PROFILE_PKVM:
		return GMS_COST_IN_PLACE;
	case GMS_PROFILE_GENERIC:
	case GMS_PROFILE_SECRETMEM:
		return GMS_COST_GUARD;
	default:
		return GMS_COST_ATTRIBUTES;
	}
}

static void name_setup(const struct lists *lists, struct replay_setup *setup)
{
	const char *folio = setup->base_order == GMS_ORDER_1G ? "1g" :
			    setup->base_order == GMS_ORDER_2M ? "2m" : "4k";
	const size_t room = sizeof(setup->name);
	struct gms_profile_info info;

	GMS_INIT(&info);
	if (lists->nprofiles > 1 && !gms_profile_info(setup->profile, &info))
		snprintf(setup->name + strlen(setup->name), room - strlen(setup->name), " %s",
			 info.name);
	if (lists->nfolios > 1)
		snprintf(setup->name + strlen(setup->name), room - strlen(setup->name), " %s",
			 folio);
}

static int multiply(struct options *options, const struct lists *lists,
		    const struct replay_opts *common, bool backing_given)
{
	uint32_t n = 0;

	if (lists->nstrategies * lists->nprofiles * lists->nfolios > OPTIONS_SETUPS)
		return complain("more than %u combinations", OPTIONS_SETUPS);
	for (uint32_t p = 0; p < lists->nprofiles; p++) {
		for (uint32_t f = 0; f < lists->nfolios; f++) {
			for (uint32_t s = 0; s < lists->nstrategies; s++) {
				struct replay_opts *to = &options->setup[n++];

				*to = *common;
				to->setup = lists->strategy[s];
				to->setup.profile = lists->profile[p];
				to->setup.base_order = lists->folio[f];
				to->setup.backing = backing_given ? options->pattern.backing :
						    options_backing(lists->profile[p]);
				name_setup(lists, &to->setup);
			}
		}
	}
	options->pattern.backing = options->setup[0].setup.backing;
	options->run.setup = options->setup;
	options->run.nsetups = n;
	return 0;
}

/* --- the command line -------------------------------------------------------------- */

struct parse {
	struct options *options;
	struct lists lists;
	struct replay_opts common;
	bool backing_given;
};

static const char *const asks[GMS_COST_ASKS] = {
	[GMS_COST_ASK_VMM] = "vmm", [GMS_COST_ASK_KERNEL] = "kernel", [GMS_COST_ASK_NOT] = "none",
};

static int take_cost(struct parse *parse, int option, const char *value)
{
	static const char *const backings[GMS_COST_BACKINGS] = {
		[GMS_COST_GUARD] = "guard", [GMS_COST_MPROTECT] = "mprotect",
		[GMS_COST_ATTRIBUTES] = "attributes", [GMS_COST_IN_PLACE] = "in-place",
	};
	struct options *options = parse->options;
	struct gms_cost_pattern *pattern = &options->pattern;
	uint64_t n;

	switch (option) {
	case OPT_MODEL:
		options->model = value;
		return 0;
	case OPT_SAVE_MODEL:
		options->save_model = value;
		return 0;
	case OPT_THREADS:
		options->threads_given = true;
		if (want_number("threads", value, 0, 4096, &n))
			return -EINVAL;
		pattern->threads = (uint32_t)n;
		return 0;
	case OPT_ASK:
		return want_name("ask", value, asks, GMS_COST_ASKS, &pattern->ask);
	case OPT_DOORBELL:
		return want_name("doorbell", value, asks, GMS_COST_ASKS, &pattern->doorbell);
	case OPT_GUEST_MEMFD:
		pattern->flags |= GMS_COST_GUEST_MEMFD | GMS_COST_GUEST_FAULTS;
		return 0;
	case OPT_WARM:
		pattern->flags |= GMS_COST_WARM;
		return 0;
	default:	/* OPT_BACKING */
		parse->backing_given = true;
		return want_name("backing", value, backings, GMS_COST_BACKINGS, &pattern->backing);
	}
}

static int take_reading(struct parse *parse, int option, const char *value)
{
	static const char *const forms[] = {
		[TRACE_FORM_LINES] = "lines", [TRACE_FORM_FTRACE] = "ftrace",
		[TRACE_FORM_PERF] = "perf",
	};
	struct run_opts *run = &parse->options->run;
	uint64_t n;

	switch (option) {
	case OPT_FORM:
		return want_name("form", value, forms, 4, &run->trace.form);
	case OPT_MOST:
		if (want_number("most-outstanding", value, 1, 1u << 30, &n))
			return -EINVAL;
		run->most_outstanding = (uint32_t)n;
		return 0;
	case OPT_UNTIL:
		return want_seconds(value, &run->until_ns);
	case OPT_REALTIME:
		return want_speed(value, &run->speed);
	default:	/* OPT_JOBS */
		if (want_number("jobs", value, 1, 1024, &n))
			return -EINVAL;
		run->jobs = (uint32_t)n;
		return 0;
	}
}

static int take_replay(struct parse *parse, int option, const char *value)
{
	static const char *const addresses[] = { "gpa", "dma" };
	struct replay_opts *common = &parse->common;
	uint32_t by = 0;
	uint64_t n;

	switch (option) {
	case OPT_STRATEGY:
		return add_strategies(&parse->lists, value);
	case OPT_PROFILE:
		return add_list(&parse->lists, value, add_profile);
	case OPT_FOLIO:
		return add_list(&parse->lists, value, add_folio);
	case OPT_BY:
		if (want_name("by", value, addresses, 2, &by))
			return -EINVAL;
		parse->options->run.by_dma = by == 1;
		return 0;
	case OPT_RAM:
		return want_size("ram", value, WORLD_GIB, WORLD_RAM_BYTES_MOST, &common->ram_bytes);
	case OPT_MEMORY:
		return want_size("most-memory", value, 1u << 20, MEMORY_MOST, &common->most_bytes);
	case OPT_POOL:
		return want_size("pool", value, POOL_CHUNK_BYTES_LEAST, UINT64_C(1) << 36,
				 &common->pool_bytes);
	default:	/* OPT_BATCH_WAIT */
		if (want_number("batch-wait", value, 0, UINT64_C(1) << 40, &n))
			return -EINVAL;
		common->batch_wait_ns = n * 1000;
		return 0;
	}
}

static int take_option(struct parse *parse, int option, const char *value)
{
	struct options *options = parse->options;

	switch (option) {
	case OPT_SKIP_BAD:
		options->run.trace.skip_bad = true;
		return 0;
	case OPT_NO_TABLE:
		options->table = false;
		return 0;
	case OPT_QUIET:
		options->run.quiet = true;
		return 0;
	case OPT_JSON:
	case OPT_OPENMETRICS:
		*(option == OPT_JSON ? &options->json : &options->openmetrics) = value;
		/* One thing at a time on the standard output. */
		if (!strcmp(value, "-"))
			options->table = false;
		return 0;
	case OPT_SVG:
		options->svg = value;
		return 0;
	case OPT_SAVE:
		options->run.save = value;
		return 0;
	default:
		if (option >= OPT_MODEL && option <= OPT_BACKING)
			return take_cost(parse, option, value);
		if (option >= OPT_FORM && option <= OPT_JOBS)
			return take_reading(parse, option, value);
		return take_replay(parse, option, value);
	}
}

static int finish(struct parse *parse, int argc, char **argv)
{
	struct lists *lists = &parse->lists;
	int err = 0;

	if (optind == argc && isatty(STDIN_FILENO))
		return complain("which trace?");
	if (optind + 1 < argc)
		return complain("one trace at a time, not \"%s\" as well", argv[optind + 1]);
	if (parse->options->json && parse->options->openmetrics &&
	    !strcmp(parse->options->json, "-") && !strcmp(parse->options->openmetrics, "-"))
		return complain("--json and --openmetrics cannot both be the standard output");
	if (parse->options->save_model && !strcmp(parse->options->model, "none"))
		return complain("--save-model: there is none to keep with --model none");
	parse->options->run.path = optind < argc ? argv[optind] : "-";
	if (!lists->nstrategies)
		err = add_strategies(lists, OPTIONS_STRATEGIES);
	if (!err && !lists->nprofiles)
		err = add_profile(lists, "gmem-inplace");
	if (!err && !lists->nfolios)
		err = add_folio(lists, "2m");
	return err ? err : multiply(parse->options, lists, &parse->common, parse->backing_given);
}

enum options_what options_parse(struct options *options, int argc, char **argv)
{
	struct parse parse = { .options = options };
	int option;

	*options = (struct options){
		.run = { .most_outstanding = 1u << 24, .until_ns = UINT64_MAX },
		.model = "host", .table = true,
	};
	GMS_INIT(&options->pattern);
	options->pattern.direction = GMS_COST_BOTH;
	options->pattern.doorbell = GMS_COST_ASK_KERNEL;
	parse.common = (struct replay_opts){
		.ram_bytes = UINT64_C(4) << 40, .pool_bytes = UINT64_C(64) << 20,
		.batch_wait_ns = 1000000, .most_bytes = UINT64_C(2) << 30,
	};
	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (option == 'h') {
			options_help();
			return OPTIONS_DONE;
		}
		if (option == OPT_VERSION) {
			printf(OPTIONS_NAME " %s\n", gms_version_string());
			return OPTIONS_DONE;
		}
		if (option == '?') {
			fputs(OPTIONS_NAME ": --help says which there are\n", stderr);
			return OPTIONS_WRONG;
		}
		if (take_option(&parse, option, optarg))
			return OPTIONS_WRONG;
	}
	return finish(&parse, argc, argv) ? OPTIONS_WRONG : OPTIONS_RUN;
}

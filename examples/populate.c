/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * populate - how fast is guest memory filled, and by what: write(2) to the file, or
 * memcpy into a mapping? The Linux list measured plain pages (write() wins twofold,
 * since it saves a fault a page); here it is every kind of memory that this host
 * has, because huge pages turn the answer round.
 *
 *   populate [--size MIB] [--runs N] [--backing NAME]... [--settings]
 *
 * The source is one hot block of 2 MiB. Every run fills memory that was just made,
 * and right before it as much is touched and freed: a virtual host that had taken
 * free pages away gives them back then, and not while the clock runs.
 *
 *   cc populate.c $(pkg-config --cflags --libs gmemstate-linux)
 */
#define _GNU_SOURCE	/* fallocate, getopt_long */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/kvm.h>

#include <gmemstate/gmemstate-linux.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

#define MIB		(UINT64_C(1) << 20)
#define CHUNK		(2 * MIB)
#define GIB		(UINT64_C(1) << 30)
#define RUNS_MOST	101

/* Each page of it is taken out of the kernel's direct map, one by one. */
#define SECRET_MOST	(16 * MIB)

#define SHMEM_ENABLED	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define POOL_2M		"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define POOL_1G		"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"

enum way {
	WRITE_2M, WRITE_4K, MEMCPY, POPULATE_MEMCPY, FALLOCATE_MEMCPY, SECOND_PASS, WAYS
};

static const char *const way_name[WAYS] = {
	"write 2M", "write 4K", "memcpy", "populate", "fallocate", "2nd pass",
};

struct kind {
	uint32_t kind;
	const char *name;
	const char *remedy;	/* what to do if it is not there */
	uint64_t bytes;
	double ns[WAYS];	/* a MiB, median; 0: does not exist */
	const char *why;	/* it was left out; NULL: it was not */
	uint64_t page_bytes;
	int chosen;
};

static struct kind kinds[] = {
	{ .kind = GMS_BACKING_MEMFD, .name = "memfd", .remedy = "needs memfd_create(2)" },
	{ .kind = GMS_BACKING_MEMFD_THP, .name = "memfd-thp",
	  .remedy = "no huge pages came: as root, echo advise >" SHMEM_ENABLED },
	{ .kind = GMS_BACKING_HUGETLB_2M, .name = "hugetlb-2m",
	  .remedy = "not enough huge pages: as root, echo N >" POOL_2M },
	{ .kind = GMS_BACKING_HUGETLB_1G, .name = "hugetlb-1g",
	  .remedy = "not enough huge pages: hugepagesz=1G hugepages=1 at boot, or as root, "
		    "echo 1 >" POOL_1G },
	{ .kind = GMS_BACKING_GUEST_MEMFD, .name = "guest_memfd",
	  .remedy = "needs /dev/kvm, and a KVM whose guest_memfd can be mapped" },
	{ .kind = GMS_BACKING_MEMFD_SECRET, .name = "memfd_secret",
	  .remedy = "needs memfd_secret(2) (secretmem.enable=1 at boot), and locked memory" },
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

struct options {
	uint64_t bytes;
	unsigned int runs;
	int settings;
};

static int vm_fd = -1;
static char *source;

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* --- one run ------------------------------------------------------------------------- */

static int make(const struct kind *kind, struct gms_backing **backing)
{
	struct gms_backing_opts opts;

	GMS_INIT(&opts);
	opts.bytes = kind->bytes;
	opts.kind = kind->kind;
	opts.revoke = GMS_REVOKE_NONE;
	opts.vm_fd = vm_fd;
	return gms_backing_new(backing, &opts);
}

static void touch_all(struct gms_backing *backing)
{
	volatile char *mem = gms_backing_hva(backing);

	for (uint64_t at = 0; at < gms_backing_bytes(backing); at += GMS_PAGE_SIZE)
		mem[at] = 1;
}

static int warm(const struct kind *kind)
{
	struct gms_backing *backing = NULL;
	const int err = make(kind, &backing);

	if (!err)
		touch_all(backing);
	gms_backing_free(backing);
	return err;
}

static int write_all(struct gms_backing *backing, uint64_t chunk)
{
	const int fd = gms_backing_fd(backing);

	for (uint64_t at = 0; at < gms_backing_bytes(backing); at += chunk) {
		const ssize_t n = pwrite(fd, source + at % CHUNK, chunk, (off_t)at);

		if (n != (ssize_t)chunk)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

static int memcpy_all(struct gms_backing *backing)
{
	char *mem = gms_backing_hva(backing);

	for (uint64_t at = 0; at < gms_backing_bytes(backing); at += CHUNK)
		memcpy(mem + at, source, CHUNK);
	return 0;
}

static int fill(struct gms_backing *backing, enum way way)
{
	const uint64_t bytes = gms_backing_bytes(backing);

	switch (way) {
	case WRITE_2M:
		return write_all(backing, CHUNK);
	case WRITE_4K:
		return write_all(backing, GMS_PAGE_SIZE);
	case POPULATE_MEMCPY:
		if (madvise(gms_backing_hva(backing), bytes, MADV_POPULATE_WRITE))
			return -errno;
		return memcpy_all(backing);
	case FALLOCATE_MEMCPY:
		if (fallocate(gms_backing_fd(backing), FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes))
			return -errno;
		return memcpy_all(backing);
	default:
		return memcpy_all(backing);
	}
}

/* What was written must be there, however it came. */
static int compare(struct gms_backing *backing)
{
	const char *mem = gms_backing_hva(backing);

	for (uint64_t at = 0; at < gms_backing_bytes(backing); at += CHUNK) {
		if (memcmp(mem + at, source, CHUNK))
			return -EBADMSG;
	}
	return 0;
}

static int run_once(const struct kind *kind, enum way way, double *ns)
{
	struct gms_backing *backing = NULL;
	double start;
	int err = warm(kind);

	if (!err)
		err = make(kind, &backing);
	if (!err && way == SECOND_PASS)
		err = memcpy_all(backing);
	start = now_ns();
	if (!err)
		err = fill(backing, way);
	*ns = now_ns() - start;
	if (!err)
		err = compare(backing);
	gms_backing_free(backing);
	return err;
}

/* --- all of them --------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The file has no such operation: that is an answer, not a failure. */
static int is_refusal(int err)
{
	return err == -EINVAL || err == -ESPIPE || err == -EOPNOTSUPP || err == -EBADF;
}

static int measure(struct kind *kind, enum way way, unsigned int runs)
{
	double ns[RUNS_MOST];

	for (unsigned int i = 0; i < runs; i++) {
		const int err = run_once(kind, way, &ns[i]);

		if (err)
			return is_refusal(err) ? 0 : err;
	}
	qsort(ns, runs, sizeof(ns[0]), ascending);
	kind->ns[way] = ns[runs / 2] / (double)(kind->bytes / MIB);
	return 0;
}

/* How much of it: a whole number of its pages, and no more than may be locked. */
static uint64_t bytes_of(const struct kind *kind, uint64_t bytes)
{
	struct rlimit lock;

	if (kind->kind == GMS_BACKING_HUGETLB_1G)
		return (bytes + GIB - 1) / GIB * GIB;
	if (kind->kind != GMS_BACKING_MEMFD_SECRET)
		return bytes;
	if (bytes > SECRET_MOST)
		bytes = SECRET_MOST;
	if (!getrlimit(RLIMIT_MEMLOCK, &lock) && lock.rlim_cur < bytes)
		bytes = lock.rlim_cur / CHUNK * CHUNK;
	return bytes;
}

/* Is it there, with pages of the size that its name says? */
static int look(struct kind *kind)
{
	struct gms_backing *backing = NULL;
	struct gms_backing_info info;
	int err;

	if (!kind->bytes)
		return -ENOMEM;
	GMS_INIT(&info);
	err = make(kind, &backing);
	if (!err)
		err = gms_backing_get(backing, &info);
	gms_backing_free(backing);
	kind->page_bytes = info.page_bytes;
	if (!err && kind->kind == GMS_BACKING_MEMFD_THP && info.page_bytes < CHUNK)
		err = -EOPNOTSUPP;
	return err;
}

static int measure_kind(struct kind *kind, const struct options *options)
{
	int err;

	kind->bytes = bytes_of(kind, options->bytes);
	if (look(kind)) {
		kind->why = kind->remedy;
		return 0;
	}
	for (int way = 0; way < WAYS; way++) {
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r%-12s %-12s\r", kind->name, way_name[way]);
		err = measure(kind, (enum way)way, options->runs);
		if (err == -ENOMEM) {
			kind->why = kind->remedy;
			return 0;
		}
		if (err) {
			fprintf(stderr, "populate: %s, %s: %s\n", kind->name, way_name[way],
				strerror(-err));
			return err;
		}
	}
	return 0;
}

/* --- what it looks like -------------------------------------------------------------- */

static void print_table(double base)
{
	printf("us a MiB (ratio to write() of 2M to memfd)\n%-13s %6s", "", "MiB");
	for (int way = 0; way < WAYS; way++)
		printf(" %15s", way_name[way]);
	printf("\n");
	for (size_t i = 0; i < KINDS; i++) {
		const struct kind *kind = &kinds[i];

		if (!kind->chosen || kind->why)
			continue;
		printf("%-13s %6" PRIu64, kind->name, kind->bytes / MIB);
		for (int way = 0; way < WAYS; way++) {
			if (!kind->ns[way])
				printf(" %15s", "-");
			else if (base > 0)
				printf(" %7.1f (%.2fx)%s", kind->ns[way] / 1e3,
				       kind->ns[way] / base, kind->ns[way] / base < 10 ? " " : "");
			else
				printf(" %15.1f", kind->ns[way] / 1e3);
		}
		printf("\n");
	}
	printf("\n");
}

static void print_words(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		const struct kind *kind = &kinds[i];
		const double write = kind->ns[WRITE_2M], copy = kind->ns[MEMCPY];

		if (!kind->chosen)
			continue;
		if (kind->why)
			printf("%s: left out: %s\n", kind->name, kind->why);
		else if (!write)
			printf("%s: has no write(): memcpy, %.1f us a MiB\n", kind->name,
			       copy / 1e3);
		else if (copy > write)
			printf("%s: memcpy takes %.2f times as long as write(): a fault a page of "
			       "%" PRIu64 "K\n", kind->name, copy / write, kind->page_bytes >> 10);
		else
			printf("%s: reversed: memcpy takes %.2f of write(): a fault a page of "
			       "%" PRIu64 "K\n", kind->name, copy / write, kind->page_bytes >> 10);
	}
}

/* In the process that uses it: KVM serves no child. */
static void open_vm(void)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm >= 0) {
		vm_fd = ioctl(kvm, KVM_CREATE_VM, 0);
		close(kvm);
	}
}

static int run_all(const struct options *options)
{
	double base = 0;

	open_vm();
	source = malloc(CHUNK);
	if (!source)
		return -ENOMEM;
	for (uint64_t i = 0; i < CHUNK; i++)
		source[i] = (char)(i * 7 + i / GMS_PAGE_SIZE);
	for (size_t i = 0; i < KINDS; i++) {
		const int err = kinds[i].chosen ? measure_kind(&kinds[i], options) : 0;

		if (err)
			return err;
	}
	if (kinds[0].chosen && !kinds[0].why)
		base = kinds[0].ns[WRITE_2M];
	print_table(base);
	print_words();
	free(source);
	return 0;
}

/* --- settings -------------------------------------------------------------------------- */

struct setting {
	uint32_t kind;		/* that needs it */
	const char *path;
	char wanted[32];
	char before[64];	/* "": not changed */
};

/* As it would be written: of "always [never] deny" the word that is chosen. */
static int read_setting(struct setting *setting)
{
	FILE *file = fopen(setting->path, "r");
	char text[128], *from, *to;

	if (!file)
		return -errno;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	from = strchr(text, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to)
		*to = '\0';
	text[strcspn(text, "\n")] = '\0';
	snprintf(setting->before, sizeof(setting->before), "%.*s",
		 (int)sizeof(setting->before) - 1, to ? from + 1 : text);
	return 0;
}

static int write_setting(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");
	int err = file ? 0 : -errno;

	if (file && fputs(value, file) < 0)
		err = -errno;
	if (file && fclose(file) && !err)
		err = -errno;
	return err;
}

static void on_signal(int sig)
{
	(void)sig;	/* the child has it too, and ends; what is left is to put back */
}

static int is_chosen(uint32_t kind)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i].kind == kind)
			return kinds[i].chosen;
	}
	return 0;
}

/* In a child, so that however it ends its settings are put back. */
static int run_with_settings(const struct options *options)
{
	struct setting settings[] = {
		{ GMS_BACKING_MEMFD_THP, SHMEM_ENABLED, "advise", "" },
		{ GMS_BACKING_HUGETLB_2M, POOL_2M, "", "" },
		{ GMS_BACKING_HUGETLB_1G, POOL_1G, "", "" },
	};
	const size_t n = sizeof(settings) / sizeof(settings[0]);
	const struct sigaction act = { .sa_handler = on_signal };
	int status = 0, err;
	pid_t child;

	snprintf(settings[1].wanted, sizeof(settings[1].wanted), "%" PRIu64,
		 options->bytes / CHUNK);
	snprintf(settings[2].wanted, sizeof(settings[2].wanted), "%" PRIu64,
		 (options->bytes + GIB - 1) / GIB);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	for (size_t i = 0; i < n; i++) {
		if (!is_chosen(settings[i].kind))
			continue;
		err = read_setting(&settings[i]);
		if (!err)
			err = write_setting(settings[i].path, settings[i].wanted);
		if (err) {
			fprintf(stderr, "populate: %s: %s\n", settings[i].path, strerror(-err));
			settings[i].before[0] = '\0';
		}
	}
	fflush(NULL);
	child = fork();
	if (!child) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		err = run_all(options);
		fflush(NULL);
		_exit(err ? 1 : 0);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		kill(child, SIGTERM);
	for (size_t i = n; i-- > 0;) {
		if (settings[i].before[0] &&
		    write_setting(settings[i].path, settings[i].before))
			fprintf(stderr, "populate: %s: could not be put back to %s\n",
				settings[i].path, settings[i].before);
	}
	return child > 0 && WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

/* --- and options ------------------------------------------------------------------------ */

static void usage(FILE *to)
{
	fprintf(to, "usage: populate [OPTION...]\n"
		"  --size MIB       fill as much (256), a multiple of 2\n"
		"  --runs N         the median of N runs (5)\n"
		"  --backing NAME   only this one; may be given again\n"
		"  --settings       as root: turn huge pages on, and put the settings back\n"
		"backings:");
	for (size_t i = 0; i < KINDS; i++)
		fprintf(to, " %s", kinds[i].name);
	fprintf(to, "\n");
}

static int choose(const char *name)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (!strcmp(kinds[i].name, name)) {
			kinds[i].chosen = 1;
			return 0;
		}
	}
	return -EINVAL;
}

static int number(const char *text, unsigned long most, unsigned long *value)
{
	char *end;

	*value = strtoul(text, &end, 10);
	return end == text || *end || !*value || *value > most ? -EINVAL : 0;
}

/* 0: go on; 1: an error; -1: --help. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "size", required_argument, NULL, 's' },
		{ "runs", required_argument, NULL, 'r' },
		{ "backing", required_argument, NULL, 'b' },
		{ "settings", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, any = 0, err = 0;
	unsigned long n;

	while (!err && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 's':
			err = number(optarg, 1 << 20, &n);
			err = err || n % 2;
			options->bytes = n * MIB;
			break;
		case 'r':
			err = number(optarg, RUNS_MOST, &n);
			options->runs = (unsigned int)n;
			break;
		case 'b':
			err = choose(optarg);
			any = 1;
			break;
		case 't':
			options->settings = 1;
			break;
		case 'h':
			usage(stdout);
			return -1;
		default:
			err = -EINVAL;
		}
	}
	if (err || optind < argc) {
		usage(stderr);
		return 1;
	}
	for (size_t i = 0; !any && i < KINDS; i++)
		kinds[i].chosen = 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .bytes = 256 * MIB, .runs = 5 };
	const int rc = parse(argc, argv, &options);

	if (rc)
		return rc < 0 ? 0 : 2;
	return (options.settings ? run_with_settings(&options) : run_all(&options)) ? 1 : 0;
}

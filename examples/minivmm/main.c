/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - minivmm: a VMM that is small enough to be read, and shares pages for real.
 *
 * Where to read: memory.c how guest memory is described to libgmemstate, device.c
 * what the VMM asks it at each request, rogue.c what it answers to a signal
 * handler. guest.c is the guest, vm.c and thread_guest.c run it, and this file
 * goes through the strategies, one job of the guest for each and each size.
 */
#include "minivmm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef MV_HAVE_JEMALLOC
#include <gmemstate/jemalloc.h>
#endif

#define SEED	UINT64_C(0x6d696e69766d6d00)

/* What there was when the measurement began. */
struct start {
	struct gms_acct ledger;
	uint64_t began_ns, cpu_ns, clock_ns, copied_bytes;
};

struct machine {
	struct mv_memory memory;
	struct mv_vm *vm;		/* NULL: the guest is a thread */
	struct mv_thread *thread;
	struct mv_disk disk;
	struct mv_device device;
	struct mv_snapshot height;	/* the moment of one run when most was shared */
	struct mv_snapshot end;		/* how the last run left it */
	struct mv_run *run;		/* a run a strategy and size */
	struct start start;
	uint64_t left_ios;		/* of the warm-up; 0: what happens is measured */
	char	*end_path;		/* NULL, or where the end is saved */
};

static int failed(const char *what, int rc)
{
	fprintf(stderr, "minivmm: %s: %s\n", what, strerror(-rc));
	return rc;
}

static int new_memory(struct machine *m, const struct mv_options *options)
{
	const bool direct_map = !options->no_direct_map;
	int rc;

	if (m->vm && !options->memfd) {
		rc = mv_memory_new(&m->memory, mv_vm_fd(m->vm), direct_map);
		if (rc != -EOPNOTSUPP)
			return rc;
		fputs("minivmm: this KVM has no guest_memfd that can be mapped: using memfd\n",
		      stderr);
	}
	return mv_memory_new(&m->memory, -1, direct_map);
}

static int new_guest(struct machine *m, const struct mv_options *options)
{
	const char *why = NULL;
	int rc = -ENODEV;

	if (!options->no_kvm)
		rc = mv_vm_new(&m->vm, &why);
	if (rc && !options->quiet) {
		if (options->no_kvm)
			puts("running the guest as a thread, as --no-kvm asks");
		else
			printf("no KVM here: running the guest as a thread (%s: %s)\n", why,
			       strerror(-rc));
	}

	rc = new_memory(m, options);
	if (rc)
		return failed("guest memory", rc);
	rc = m->vm ? mv_vm_boot(m->vm, &m->memory) : mv_thread_new(&m->thread, &m->memory);
	return rc ? failed("guest", rc) : 0;
}

static uint64_t disk_bytes(const struct mv_options *options)
{
	uint64_t most = 0;

	for (unsigned int k = 0; k < options->nsizes; k++) {
		const uint64_t bytes = (uint64_t)options->size_bytes[k] *
				       mv_options_blocks(options, options->size_bytes[k]);

		most = bytes > most ? bytes : most;
	}
	return most;
}

static void machine_free(struct machine *m)
{
	mv_thread_free(m->thread);
	mv_vm_free(m->vm);
	mv_memory_free(&m->memory);
	mv_disk_close(&m->disk);
	free(m->run);
	free(m->end_path);
}

/* Where snapshots go: the height's, and the end's beside it. */
static int name_snapshots(struct machine *m, const char *path)
{
	const size_t bytes = path ? strlen(path) + sizeof(".end") : 0;

	if (!path)
		return 0;
	m->end_path = malloc(bytes);
	if (!m->end_path)
		return failed("snapshots", -ENOMEM);
	snprintf(m->end_path, bytes, "%s.end", path);
	m->height.save_path = path;
	m->end.save_path = m->end_path;
	return 0;
}

static int machine_new(struct machine *m, const struct mv_options *options)
{
	int rc;

	memset(m, 0, sizeof(*m));
	m->disk.direct_fd = m->disk.buffered_fd = -1;
	m->run = calloc((size_t)options->nstrategies * options->nsizes, sizeof(*m->run));
	if (!m->run)
		return failed("runs", -ENOMEM);
	rc = name_snapshots(m, options->save_path);
	if (rc)
		return rc;
	rc = new_guest(m, options);
	if (rc)
		return rc;
	rc = mv_disk_open(&m->disk, options->disk_path, disk_bytes(options));
	if (rc)
		return rc;
	m->device.memory = &m->memory;
	m->device.disk = &m->disk;
	m->device.firmware_pages = MV_FIRMWARE_BYTES / MV_PAGE_BYTES;
	m->device.rogue = options->rogue;
	if (options->rogue) {
		rc = mv_rogue_setup(&m->memory);
		if (rc)
			return failed("signal handlers", rc);
	}
	return 0;
}

static int read_ledger(struct machine *m, struct gms_acct *acct)
{
	const int rc = (GMS_INIT(acct), gms_acct_read(m->memory.space, acct));

	return rc ? failed("ledger", rc) : 0;
}

static int start(struct machine *m)
{
	int rc;

	rc = read_ledger(m, &m->start.ledger);
	m->start.clock_ns = m->memory.clock_ns;
	m->start.copied_bytes = m->memory.control->copied_bytes;
	m->start.began_ns = mv_now_ns();
	m->start.cpu_ns = mv_cpu_ns();
	return rc;
}

static int kick(struct machine *m)
{
	const uint64_t n = mv_device_kick(&m->device);

	if (!m->left_ios)
		return 0;
	m->left_ios -= n < m->left_ios ? n : m->left_ios;
	return m->left_ios ? 0 : start(m);
}

/* Run the guest, and do what it asks for, until it is ready for a job. */
static int serve(struct machine *m)
{
	for (;;) {
		uint32_t port = 0;
		int rc;

		rc = m->vm ? mv_vm_next(m->vm, &port) : mv_thread_next(m->thread, &port);
		if (rc)
			return failed("guest", rc);
		switch (port) {
		case MV_PORT_READY:
			return 0;
		case MV_PORT_CONVERT:
			rc = mv_device_convert(&m->device);
			break;
		case MV_PORT_KICK:
			rc = kick(m);
			break;
		default:
			rc = -EINVAL;
			break;
		}
		if (rc)
			return failed("doorbell", rc);
	}
}

/* What happened between two readings; gauges as at the later one. */
static struct gms_acct difference(const struct gms_acct *after, const struct gms_acct *before)
{
	struct gms_acct d = *after;

	d.shared_page_ns -= before->shared_page_ns;
	for (unsigned int kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		d.event[kind].count -= before->event[kind].count;
		d.event[kind].ns -= before->event[kind].ns;
	}
	return d;
}

/* One job of the guest, measured. */
static int measure(struct machine *m, struct mv_run *run, uint64_t seed)
{
	struct mv_control *control = m->memory.control;
	struct gms_acct after;
	uint64_t firmware_ns;
	int rc;

	control->seed = seed;
	control->mode = run->strategy->mode;
	control->batch = run->strategy->lazy ? 1 : run->strategy->batch;
	control->length_bytes = run->size_bytes;
	control->nblocks = run->nblocks;
	control->nbuffers = run->nbuffers;
	control->ops = run->ops;
	control->touch = run->skipped_ios != 0;
	m->device.strategy = run->strategy;
	m->device.shared_max = 0;
	memset(&m->device.pool, 0, sizeof(m->device.pool));

	m->left_ios = run->skipped_ios;
	control->copied_bytes = 0;
	rc = start(m);
	if (!rc)
		rc = serve(m);
	if (rc)
		return rc;
	run->cpu_ns = mv_cpu_ns() - m->start.cpu_ns;
	mv_charge(&m->memory, GMS_ACCT_REQUESTS, 0, mv_now_ns() - m->start.began_ns);
	/* What only the guest sees: its copies to and from the pool. */
	mv_charge(&m->memory, GMS_ACCT_BYTES_COPIED,
		  control->copied_bytes - m->start.copied_bytes, 0);
	rc = read_ledger(m, &after);
	if (rc)
		return rc;

	run->cost = difference(&after, &m->start.ledger);
	run->shared_max = m->device.shared_max;
	/* The clock is read again for the firmware's share: a moment later. */
	firmware_ns = m->device.firmware_pages * (m->memory.clock_ns - m->start.clock_ns);
	run->shared_page_ns = run->cost.shared_page_ns > firmware_ns ?
			      run->cost.shared_page_ns - firmware_ns : 0;
	run->checked_bytes = control->checked_bytes;
	run->wrong_bytes = control->wrong_bytes;
	run->refusals = control->refusals;
	return 0;
}

static int run_one(struct machine *m, struct mv_run *run, uint64_t seed)
{
	int rc;

	rc = mv_memory_all_private(&m->memory);
	if (rc)
		return failed("taking all pages back", rc);
	if (!(run->ops & 1u << MV_OP_WRITE)) {
		rc = mv_disk_fill(&m->disk, seed, (uint64_t)run->nblocks * run->size_bytes);
		if (rc)
			return failed("filling the disk", rc);
	}
	rc = measure(m, run, seed);
	if (rc)
		return rc;
	rc = mv_disk_verify(&m->disk, seed, (uint64_t)run->nblocks * run->size_bytes,
			    &run->wrong_disk_bytes);
	if (rc)
		return failed("reading the disk again", rc);
	rc = gms_check(m->memory.space, run->check, sizeof(run->check));
	if (rc && !run->check[0])
		return failed("gms_check", rc);
	return 0;
}

/* The run to draw: a batch where there is one, of pages if there are such. */
static const struct mv_run *run_to_watch(const struct mv_report *report)
{
	const struct mv_run *best = NULL;
	unsigned int best_score = 0;

	for (unsigned int i = 0; i < report->nruns; i++) {
		const struct mv_run *run = &report->run[i];
		const unsigned int score = 1 + 2 * (run->strategy->batch > 1) +
					   (run->size_bytes == MV_PAGE_BYTES);

		if (score > best_score) {
			best = run;
			best_score = score;
		}
	}
	return best;
}

/* Every buffer's first use, if there is another, and every slot's of the pool. */
static uint64_t warm_up_ios(const struct mv_run *run)
{
	uint64_t blocks = MV_POOL_SLOTS;

	if (run->nbuffers < run->nblocks && run->nbuffers > blocks)
		blocks = run->nbuffers;
	return blocks < run->nblocks ? blocks * mv_ops(run->ops) : 0;
}

static int run_all(struct machine *m, const struct mv_options *options, struct mv_report *report)
{
	const struct mv_run *watched;
	char size[32];
	int rc;

	for (unsigned int k = 0; k < options->nsizes; k++)
		for (unsigned int s = 0; s < options->nstrategies; s++)
			report->run[report->nruns++] = (struct mv_run){
				.strategy = &options->strategy[s],
				.size_bytes = options->size_bytes[k],
				.nblocks = mv_options_blocks(options, options->size_bytes[k]),
				.nbuffers = mv_options_buffers(options, &options->strategy[s],
							       options->size_bytes[k]),
				.ops = options->ops,
			};
	watched = run_to_watch(report);

	for (unsigned int i = 0; i < report->nruns; i++) {
		struct mv_run *run = &report->run[i];

		if (options->warm_up)
			run->skipped_ios = warm_up_ios(run);
		if (i % options->nstrategies == 0)
			mv_table_group(options, run->size_bytes, stdout);
		m->device.watch = run == watched ? &m->height : NULL;
		rc = run_one(m, run, SEED + i);
		if (rc)
			return rc;
		mv_table_row(run, stdout);
		fflush(stdout);
		report->passed = report->passed && mv_run_passed(run);
	}

	snprintf(m->height.title, sizeof(m->height.title), "RAM when %s of %s exposes most",
		 watched->strategy->name, mv_size_text(size, sizeof(size), watched->size_bytes));
	snprintf(m->end.title, sizeof(m->end.title), "RAM as %s of %s leaves it",
		 report->run[report->nruns - 1].strategy->name,
		 mv_size_text(size, sizeof(size), report->run[report->nruns - 1].size_bytes));
	return mv_snapshot_take(&m->end, m->memory.space);
}

/* A guest that means ill: all it asks for must be refused, and all stay private. */
static int run_hostile(struct machine *m, const struct mv_options *options,
		       struct mv_report *report)
{
	const struct mv_control *control = m->memory.control;
	char why[128] = "";
	int rc = mv_memory_all_private(&m->memory);

	if (rc)
		return failed("taking all pages back", rc);
	for (unsigned int s = 0; s < options->nstrategies; s++) {
		struct gms_acct acct;

		m->memory.control->mode = MV_MODE_HOSTILE;
		m->device.strategy = &options->strategy[s];
		memset(&m->device.pool, 0, sizeof(m->device.pool));
		rc = serve(m);
		if (!rc)
			rc = read_ledger(m, &acct);
		if (rc)
			return rc;
		report->hostile_sent += control->sent;
		report->hostile_refused += control->refusals;
		if (acct.shared_pages != m->device.firmware_pages)
			report->passed = false;
	}
	if (gms_check(m->memory.space, why, sizeof(why)) ||
	    !report->hostile_sent || report->hostile_refused != report->hostile_sent)
		report->passed = false;
	printf("\nhostile guest: sent %llu requests that must be refused, %llu were%s%s\n",
	       (unsigned long long)report->hostile_sent,
	       (unsigned long long)report->hostile_refused, *why ? "; gms_check: " : "", why);
	return 0;
}

/* Load RAM, boot up to the first READY, then take every page away from the VMM. */
static int launch(struct machine *m, struct mv_report *report)
{
	int rc;

	mv_memory_load(&m->memory, mv_options_area_bytes(report->options));
	rc = serve(m);
	if (rc)
		return rc;
	rc = mv_memory_all_private(&m->memory);
	if (rc)
		return failed("launch", rc);
	rc = read_ledger(m, &report->launch);
	report->revoke = gms_backing_revoke(m->memory.ram);
	report->memory = m->vm && !m->memory.guest_ram ? "guest_memfd" : "memfd";
	report->mode = m->vm ? "kvm" : "thread";
	report->disk = m->disk.temporary ? "temporary" : m->disk.path;
	return rc;
}

static void introduce(const struct machine *m, const struct mv_report *report)
{
	const char *revoke = gms_revoke_name(report->revoke);
	char bytes[32];

	printf("%sminivmm%s: a guest %s, %s of %s in %u folios of 2 MiB\n", mv_bold(), mv_plain(),
	       m->vm ? "on KVM, in ring 3" : "as a thread",
	       mv_size_text(bytes, sizeof(bytes), MV_RAM_BYTES), report->memory, MV_FOLIOS);
	printf("launch: %llu pages made private at once (system calls: %llu), revoked by %s\n",
	       (unsigned long long)report->launch.event[GMS_ACCT_PAGES_TO_PRIVATE].count,
	       (unsigned long long)mv_conversion_calls(&report->launch),
	       revoke ? revoke : "unknown means");
	printf("disk: %s%s, %s, %s\n", m->disk.temporary ? "a temporary file in " : "",
	       m->disk.path,
	       mv_size_text(bytes, sizeof(bytes), m->disk.nsectors * MV_SECTOR_BYTES),
	       m->disk.direct_fd >= 0 ? "O_DIRECT" : "through the page cache");
}

static void read_arena(const struct machine *m, struct mv_report *report)
{
#ifdef MV_HAVE_JEMALLOC
	struct gms_jemalloc_stats stats;

	GMS_INIT(&stats);
	if (gms_jemalloc_stats(m->memory.arena, &stats))
		return;
	report->arena_bytes = stats.asked_bytes;
	report->arena_bytes_max = stats.asked_bytes_max;
#else
	(void)m;
	report->arena_bytes = report->arena_bytes_max = 0;
#endif
}

static void conclude(const struct machine *m, const struct mv_report *report)
{
	char text[32], max[32];

	mv_picture_print(&m->height, stdout);
	mv_picture_print(&m->end, stdout);
	mv_table_lessons(report, stdout);
	printf("  Metadata: %s at most to describe %s of guest memory%s.\n",
	       mv_size_text(max, sizeof(max), report->total.metadata_bytes_max),
	       mv_size_text(text, sizeof(text), MV_RAM_BYTES),
	       report->arena_bytes_max ? ", in an arena of its own" : "");
}

static int report_line(void *ctx, const char *text, size_t bytes)
{
	return fwrite(text, 1, bytes, ctx) == bytes ? 0 : -EIO;
}

static int probe(void)
{
	struct gms_host host;
	int rc;

	GMS_INIT(&host);
	rc = gms_host_probe(&host);
	if (!rc)
		rc = gms_host_report(&host, report_line, stdout);
	return rc ? failed("probe", rc) : 0;
}

static int work(struct machine *m, const struct mv_options *options)
{
	struct mv_report report = { .options = options, .run = m->run, .passed = true };
	int rc;

	rc = launch(m, &report);
	if (rc)
		return rc;
	if (!options->quiet)
		introduce(m, &report);
	rc = run_all(m, options, &report);
	if (!rc && options->hostile)
		rc = run_hostile(m, options, &report);
	if (rc)
		return rc;
	rc = read_ledger(m, &report.total);
	if (rc)
		return rc;
	read_arena(m, &report);
	report.direct_io = m->disk.direct_fd >= 0;
	report.passed = report.passed && !m->device.rogue && !m->device.rogue_failed;
	if (!options->quiet)
		conclude(m, &report);
	if (options->json_path) {
		rc = mv_json_write(&report, options->json_path);
		if (rc)
			return failed(options->json_path, rc);
	}
	if (!options->quiet || !report.passed)
		printf("\n%s\n", report.passed ?
		       "Every byte was right, in the guest and on the disk." :
		       "SOMETHING WAS WRONG: see above.");
	return report.passed ? 0 : 1;
}

/* Find out now, not when everything has run. */
static int can_write(const char *path)
{
	FILE *file = fopen(path, "a");

	if (!file)
		return failed(path, -errno);
	fclose(file);
	return 0;
}

int main(int argc, char **argv)
{
	struct mv_options options;
	struct machine machine;
	int rc;

	rc = mv_options_parse(&options, argc, argv);
	if (rc)
		return rc > 0 ? 0 : 2;
	if (options.json_path && can_write(options.json_path))
		return 2;
	if (options.save_path && can_write(options.save_path))
		return 2;
	mv_picture_setup(options.color);
	if (options.probe)
		return probe() ? 2 : 0;

	rc = machine_new(&machine, &options);
	if (!rc)
		rc = work(&machine, &options);
	machine_free(&machine);
	return rc < 0 ? 2 : rc;
}

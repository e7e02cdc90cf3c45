/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * postcopy - a guest's memory arrives from another process over a socket, while the
 * guest runs on it.
 *
 * The source has the memory (source.c). Here all pages begin MISSING under a
 * userfaultfd; vCPUs touch them (vcpu.c, kvm.c), and one thread brings them in
 * (handler.c): gms_uffd_pump(), gms_fault_next(), a request, gms_uffd_fill().
 *
 * If the source dies, half a guest is left: it is frozen, so that nobody goes on with
 * it, whoever waits is told, and what has come stays as it came.
 */
#include "postcopy.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct program {
	struct pc_options options;
	struct pc_source source;
	struct pc_guest guest;
	struct pc_handler handler;
	struct pc_vcpu vcpu[PC_VCPUS];
	struct pc_vcpu device;
	uint64_t baseline_ns;
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "postcopy: %s: %s\n", what, strerror(-err));
	return err == -EOPNOTSUPP || err == -EPERM ? PC_SKIPPED : PC_FAILED;
}

/* Memory of which every page is missing, in a space of its own. */
static int make_memory(struct pc_guest *guest, const char **what)
{
	const bool huge = guest->options->huge;
	struct gms_backing_opts memory;
	struct gms_region_opts region;
	int rc;

	*what = huge ? "2 MiB pages (is there a pool? vm.nr_hugepages)" : "memfd";
	GMS_INIT(&memory);
	memory.bytes = guest->options->npages * PC_PAGE;
	memory.kind = huge ? GMS_BACKING_HUGETLB_2M : GMS_BACKING_MEMFD;
	memory.vm_fd = -1;
	rc = gms_backing_new(&guest->backing, &memory);
	if (rc)
		return huge && rc == -ENOMEM ? -EOPNOTSUPP : rc;
	guest->ram = gms_backing_hva(guest->backing);
	guest->range = (struct gms_range){ PC_FIRST_GFN, guest->options->npages };

	*what = "the space";
	GMS_INIT(&region);
	rc = gms_backing_region(guest->backing, guest->range.first,
				huge ? GMS_ORDER_2M : GMS_ORDER_4K,
				GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP | GMS_STATE_MISSING,
				&region);
	if (!rc)
		rc = gms_space_new(&guest->space, NULL);
	return rc ? rc : gms_region_add(guest->space, &region, NULL);
}

static int make_uffd(struct pc_guest *guest, const char **what)
{
	struct gms_uffd_opts opts;
	struct gms_range block;
	int rc;

	*what = "userfaultfd";
	GMS_INIT(&opts);
	opts.space = guest->space;
	opts.modes = GMS_UFFD_MISSING | (guest->options->minor ? GMS_UFFD_MINOR : 0);
	if (guest->options->kvm)
		opts.flags = GMS_UFFD_KERNEL_FAULTS;
	rc = gms_uffd_new(&guest->uffd, &opts);
	if (!rc)
		rc = gms_uffd_add(guest->uffd, guest->range, opts.modes);
	if (!rc)
		rc = gms_uffd_block(guest->uffd, guest->range.first, &block);
	if (!rc)
		guest->block = (uint32_t)block.npages;
	return rc;
}

static int make_guest(struct program *program, const char **what)
{
	struct pc_guest *guest = &program->guest;
	const uint64_t npages = program->options.npages;
	int rc;

	guest->options = &program->options;
	rc = make_memory(guest, what);
	if (!rc)
		rc = make_uffd(guest, what);
	if (rc)
		return rc;
	*what = "books of what comes";
	guest->why = calloc(npages, sizeof(guest->why[0]));
	guest->touched = calloc(npages, sizeof(guest->touched[0]));
	program->handler.buffer = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (!guest->why || !guest->touched || program->handler.buffer == MAP_FAILED)
		return -ENOMEM;
	for (uint32_t i = 0; !rc && i < program->options.vcpus; i++) {
		program->vcpu[i].guest = guest;
		program->vcpu[i].number = i;
		rc = pc_times_make(&program->vcpu[i].faults, npages);
		if (!rc)
			rc = pc_times_make(&program->vcpu[i].others, npages);
	}
	program->device.guest = guest;
	if (!rc)
		rc = pc_times_make(&program->device.faults, UINT64_C(1) << 20);
	if (!rc)
		rc = pc_times_make(&program->handler.taking, npages);
	if (!rc)
		rc = pc_times_make(&program->handler.filling, npages);
	program->handler.guest = guest;
	program->handler.source = &program->source;
	program->handler.wake_fd = -1;
	return rc ? rc : gms_fault_eventfd(guest->space, &program->handler.wake_fd);
}

static int start_threads(struct program *program)
{
	void *(*run)(void *arg) = program->options.kvm ? pc_kvm_run : pc_vcpu_run;
	int rc = pc_vcpus_prepare();

	if (rc)
		return rc;
	program->handler.started_ns = pc_now_ns();	/* for the first picture */
	rc = pthread_create(&program->handler.thread, NULL, pc_handler_run, &program->handler);
	for (uint32_t i = 0; !rc && i < program->options.vcpus; i++)
		rc = pthread_create(&program->vcpu[i].thread, NULL, run, &program->vcpu[i]);
	if (!rc && program->options.device)
		rc = pthread_create(&program->device.thread, NULL, pc_device_run, &program->device);
	return -rc;
}

/* Until the handler has everything, or has given up. */
static void watch(struct program *program)
{
	const bool bar = !program->options.quiet && isatty(STDOUT_FILENO);
	const struct pc_handler *handler = &program->handler;

	while (!program->guest.complete && !handler->err) {
		if (bar)
			pc_progress(&program->guest, handler, false);
		usleep(20000);
	}
	if (bar)
		pc_progress(&program->guest, handler, true);
}

static void join_threads(struct program *program)
{
	for (uint32_t i = 0; i < program->options.vcpus; i++)
		pthread_join(program->vcpu[i].thread, NULL);
	program->guest.stop = true;
	if (program->options.device)
		pthread_join(program->device.thread, NULL);
	pthread_join(program->handler.thread, NULL);
}

/* Half a guest: nobody may go on with it. */
static int freeze_half(struct program *program)
{
	struct pc_guest *guest = &program->guest;
	struct gms_convert_result did;
	uint64_t wrong, looked_at, missing = 0;
	int status = 0, rc;

	waitpid(program->source.pid, &status, 0);
	fprintf(stderr, "\npostcopy: the source (process %d) %s after %" PRIu64 " of %" PRIu64
		" pages; %" PRIu64 " %% of the guest is here\n", (int)program->source.pid,
		WIFSIGNALED(status) ? "was killed" : "has gone", (uint64_t)guest->arrived,
		guest->range.npages, 100 * guest->arrived / guest->range.npages);

	/* Whoever waits by the library is told; whoever begins now meets frozen memory. */
	GMS_INIT(&did);
	rc = gms_fault_fail(guest->space, guest->range, -EIO);
	if (!rc || rc == -ENOENT)
		rc = gms_freeze(guest->space, guest->range, GMS_FOREVER, &did);
	if (!rc)
		rc = gms_uffd_wake(guest->uffd, guest->range);	/* so do those in the kernel */
	if (rc)
		return fail("the guest could not be frozen", rc);
	guest->stop = true;
	join_threads(program);
	rc = gms_count(guest->space, guest->range, GMS_STATE_MISSING, GMS_STATE_MISSING, &missing);
	if (rc)
		return fail("the pages could not be counted", rc);
	if (pc_verify(guest, false, &wrong, &looked_at))
		return fail("the memory could not be read back", -EIO);
	printf("  guest frozen: %" PRIu64 " pages, %" PRIu64 " of them still missing;"
	       " %u of %u vCPUs stopped in the middle, %u accesses of the device refused\n",
	       did.changed_pages, missing, guest->frozen_vcpus, program->options.vcpus,
	       guest->refused);
	printf("  %" PRIu64 " pages that had come verified, %" PRIu64 " wrong\n", looked_at,
	       wrong + guest->wrong_pages);
	return wrong || guest->wrong_pages ? PC_FAILED : PC_SOURCE_DIED;
}

static int finish(struct program *program)
{
	struct pc_guest *guest = &program->guest;
	struct pc_sent sent = { 0 };
	uint64_t wrong, looked_at;
	char why[256] = "";
	int rc;

	join_threads(program);
	rc = program->handler.err;
	for (uint32_t i = 0; !rc && i < program->options.vcpus; i++)
		rc = program->vcpu[i].err;
	if (rc)
		return fail("the guest", rc);
	rc = pc_source_end(&program->source, &sent);
	if (rc)
		return fail("the source, at the end", rc);
	pc_report(guest, &program->handler, program->vcpu, &program->device, &sent,
		  program->baseline_ns);
	if (pc_verify(guest, true, &wrong, &looked_at))
		return fail("the memory could not be read back", -EIO);
	rc = gms_check(guest->space, why, sizeof(why));
	if (rc)
		return fail(why, rc);
	printf("\n  contents: %" PRIu64 " pages byte by byte, %" PRIu64 " wrong; seen wrong by the"
	       " guest: %" PRIu64 "\n", looked_at, wrong, (uint64_t)guest->wrong_pages);
	return wrong || guest->wrong_pages || sent.twice ? PC_FAILED : PC_FINE;
}

/* In the reverse order, when all threads have ended. */
static void close_guest(struct program *program)
{
	struct pc_guest *guest = &program->guest;

	gms_fault_eventfd_close(guest->space, program->handler.wake_fd);
	gms_uffd_free(guest->uffd);
	gms_space_free(guest->space);
	gms_backing_free(guest->backing);
}

int main(int argc, char **argv)
{
	static const char *const order[] = { "random", "sequential", "mixed" };
	static struct program program;
	const struct pc_options *options = &program.options;
	const char *what = "";
	int rc;

	setlocale(LC_ALL, "");
	rc = pc_options(&program.options, argc, argv);
	if (rc)
		return rc - 1;
	rc = pc_source_start(&program.source, options);	/* forks: before there are threads */
	if (rc)
		return fail("the source", rc);
	rc = make_guest(&program, &what);
	if (rc)
		return fail(what, rc);
	pc_clock_measure();
	rc = pc_baseline(options->huge, &program.baseline_ns);
	if (rc)
		fprintf(stderr, "postcopy: nothing to compare with: %s\n", strerror(-rc));
	printf("postcopy: %" PRIu64 " MiB from process %d, %s, %s pages, %s order, window %u\n",
	       options->npages / 256, (int)program.source.pid,
	       options->minor ? "write + UFFDIO_CONTINUE" : "UFFDIO_COPY",
	       options->huge ? "2M" : "4K", order[options->order], options->window);
	printf("  guest: %u %s%s\n", options->vcpus,
	       options->kvm ? "vCPU of KVM" : options->vcpus > 1 ? "threads" : "thread",
	       options->device ? " and a device" : "");
	fflush(stdout);
	pc_warm(options->npages);
	rc = start_threads(&program);
	if (rc)
		return fail("threads", rc);
	watch(&program);
	rc = program.handler.err == -EPIPE ? freeze_half(&program) : finish(&program);
	if (rc != PC_FAILED)
		close_guest(&program);
	return rc;
}

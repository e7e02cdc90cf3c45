/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freeze - take a running guest's memory away for a while, all of it, and lose
 * nothing: without deleting memory slots, and without stopping vCPUs.
 *
 *   freeze [--size MIB] [--rounds N] [--hold MS] [--thread]
 *
 * A guest counts up each of its pages, round and round. gms_freeze() takes the pages
 * from the VMM's mapping, by which KVM reaches them too: the vCPU's next touch ends
 * KVM_RUN, and its thread waits like any other that touches guest memory. What is in
 * memory is looked at through another mapping meanwhile. After gms_thaw() the guest
 * goes on with the same instruction; in the end every count must be there.
 *
 * Beside it what is done without the library: stop the vCPU, delete the slot, make
 * it again, go on; and what becomes of a guest that is not stopped: its writes turn
 * into device accesses, and are lost. And the books alone: 64 GiB with no memory behind, while two
 * threads touch it.
 *
 *   cc freeze.c freeze_guest.c $(pkg-config --cflags --libs gmemstate-linux) -pthread
 */
#define _GNU_SOURCE	/* getopt_long */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "freeze_guest.h"

#define MIB		(UINT64_C(1) << 20)
#define ROUNDS_MOST	1000

/* The books alone. */
#define TRACKED_PAGES	(UINT64_C(64) << 18)	/* 64 GiB */
#define TOUCHERS	2

struct options {
	uint64_t bytes;
	unsigned int rounds;
	unsigned int hold_ms;
	bool kvm;
};

/* Nanoseconds of each round. */
struct times {
	uint64_t ns[ROUNDS_MOST];
	unsigned int n;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void sleep_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

static int ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double median_us(struct times *times)
{
	if (!times->n)
		return 0;
	qsort(times->ns, times->n, sizeof(times->ns[0]), ascending);
	return (double)times->ns[times->n / 2] / 1e3;
}

static void add_time(struct times *times, uint64_t ns)
{
	times->ns[times->n++] = ns;
}

/* --- a guest ------------------------------------------------------------------------- */

struct world {
	struct gms_backing *ram;
	struct gms_space *space;
	struct gms_range all;
	uint64_t *view;		/* the file once more: what is in memory, frozen or not */
	struct guest *guest;
};

static int world_make(struct world *world, const struct options *options, bool *kvm)
{
	struct gms_backing_opts backing;
	struct gms_region_opts region;
	struct gms_space_opts space;
	void *view;
	int err;

	GMS_INIT(&backing);
	backing.bytes = options->bytes;
	err = gms_backing_new(&world->ram, &backing);
	if (err)
		return err;
	GMS_INIT(&region);
	err = gms_backing_region(world->ram, GUEST_GFN, GMS_ORDER_2M,
				 GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP, &region);
	if (err)
		return err;
	GMS_INIT(&space);
	space.flags = GMS_SPACE_ACCESS;
	err = gms_space_new(&world->space, &space);
	if (!err)
		err = gms_region_add(world->space, &region, NULL);
	if (err)
		return err;
	world->all = (struct gms_range){ region.first, region.npages };
	view = mmap(NULL, options->bytes, PROT_READ, MAP_SHARED, gms_backing_fd(world->ram), 0);
	if (view == MAP_FAILED)
		return -errno;
	world->view = view;
	err = guest_new(&world->guest, world->space, world->ram, kvm);
	return err ? err : guest_start(world->guest);
}

static void world_drop(struct world *world, const struct options *options)
{
	guest_free(world->guest);
	if (world->view)
		munmap(world->view, options->bytes);
	gms_space_free(world->space);
	gms_backing_free(world->ram);
}

/* The sum of all counts: it grows with every touch. */
static uint64_t sum_of(const struct world *world)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < world->all.npages; i++)
		sum += ((const volatile uint64_t *)world->view)[i * (GMS_PAGE_SIZE / 8)];
	return sum;
}

/* The guest has touched memory again since @before. */
static int wait_for_touches(const struct world *world, uint64_t before)
{
	while (sum_of(world) == before) {
		if (guest_error(world->guest))
			return guest_error(world->guest);
	}
	return 0;
}

/* The guest has gone over all of its memory, and its clock is set. */
static int settle(const struct world *world)
{
	const uint64_t before = sum_of(world);
	uint64_t gap_ns = 0;
	int err = guest_error(world->guest);

	while (!err && sum_of(world) < before + 2 * world->all.npages)
		err = guest_error(world->guest);
	if (!err)
		err = guest_gap(world->guest, &gap_ns);
	if (!err) {
		sleep_ms(1);
		err = wait_for_touches(world, sum_of(world));
	}
	return err;
}

struct freezing {
	struct times freeze, thaw, blackout;
	uint64_t changed;	/* counts that changed while all was frozen */
	uint64_t let_in;	/* accesses that were let in meanwhile */
};

static int freeze_once(struct world *world, const struct options *options,
		       struct freezing *result)
{
	const struct gms_range one = { world->all.first + world->all.npages / 2, 1 };
	struct gms_access access;
	uint64_t waits, start, sum, gap_ns = 0;
	int err = settle(world);

	if (err)
		return err;
	waits = guest_waits(world->guest);
	start = now_ns();
	err = gms_freeze(world->space, world->all, GMS_FOREVER, NULL);
	add_time(&result->freeze, now_ns() - start);
	if (err)
		return err;
	sum = sum_of(world);
	if (!gms_access_begin(world->space, one, 0, 0, &access)) {
		result->let_in++;
		gms_access_end(world->space, &access);
	}
	sleep_ms(options->hold_ms);
	while (guest_waits(world->guest) == waits && !guest_error(world->guest))
		sleep_ms(1);	/* its CPU has other things to do */
	result->changed += sum_of(world) - sum;
	start = now_ns();
	err = gms_thaw(world->space, world->all, NULL);
	add_time(&result->thaw, now_ns() - start);
	if (err)
		return err;
	err = wait_for_touches(world, sum);
	if (!err)
		err = guest_gap(world->guest, &gap_ns);
	add_time(&result->blackout, gap_ns);
	return err;
}

static int freeze_rounds(struct world *world, const struct options *options,
			 struct freezing *result, struct guest_report *report)
{
	int err = wait_for_touches(world, 0);

	for (unsigned int i = 0; !err && i < options->rounds; i++)
		err = freeze_once(world, options, result);
	guest_pause(world->guest);
	if (!err)
		err = guest_look(world->guest, report);
	guest_resume(world->guest);
	return err ? err : guest_error(world->guest);
}

struct deleting {
	struct times delete, create, blackout;
};

static int delete_once(struct world *world, const struct options *options, bool stop,
		       struct deleting *result)
{
	uint64_t start, at, sum, gap_ns = 0;
	int err = settle(world);

	if (err)
		return err;
	start = now_ns();
	if (stop)
		guest_pause(world->guest);
	sum = sum_of(world);
	err = guest_slot(world->guest, false);
	add_time(&result->delete, now_ns() - start);
	sleep_ms(options->hold_ms);
	at = now_ns();
	if (!err)
		err = guest_slot(world->guest, true);
	add_time(&result->create, now_ns() - at);
	if (stop)
		guest_resume(world->guest);
	if (!err)
		err = wait_for_touches(world, sum);
	if (!err)
		err = guest_gap(world->guest, &gap_ns);
	add_time(&result->blackout, gap_ns);
	return err;
}

static int delete_rounds(struct world *world, const struct options *options, bool stop,
			 struct deleting *result, struct guest_report *report)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < options->rounds; i++)
		err = delete_once(world, options, stop, result);
	guest_pause(world->guest);
	if (!err)
		err = guest_look(world->guest, report);
	guest_resume(world->guest);
	return err ? err : guest_error(world->guest);
}

static void print_row(const char *what, struct times *take, struct times *give,
		      struct times *blackout, uint64_t lost)
{
	printf("%-28s %10.1f %10.1f %10.1f %8" PRIu64 "\n", what, median_us(take), median_us(give),
	       median_us(blackout), lost);
}

static int run_guest(const struct options *options)
{
	struct guest_report frozen = { 0 }, stopped = { 0 }, running = { 0 };
	struct world world = { NULL, NULL, { 0, 0 }, NULL, NULL };
	static struct freezing freezing;
	static struct deleting stopping, deleting;
	bool kvm = options->kvm;
	int err = world_make(&world, options, &kvm);

	if (!err)
		err = freeze_rounds(&world, options, &freezing, &frozen);
	if (!err && kvm)
		err = delete_rounds(&world, options, true, &stopping, &stopped);
	if (!err && kvm)
		err = delete_rounds(&world, options, false, &deleting, &running);
	if (!err) {
		printf("%" PRIu64 " MiB of a running guest (%s), %u rounds, held %u ms; medians, us\n",
		       options->bytes / MIB, kvm ? "KVM, ring 3" : "a thread: no KVM",
		       options->rounds, options->hold_ms);
		printf("%-28s %10s %10s %10s %8s\n", "", "take", "give back", "blackout", "lost");
		print_row("gms_freeze, gms_thaw", &freezing.freeze, &freezing.thaw,
			  &freezing.blackout, frozen.lost);
		if (kvm) {
			print_row("vCPU stopped, slot deleted", &stopping.delete, &stopping.create,
				  &stopping.blackout, stopped.lost);
			print_row("slot deleted under it", &deleting.delete, &deleting.create,
				  &deleting.blackout, running.lost);
		}
		printf("counts that changed while all was frozen: %" PRIu64 "\n", freezing.changed);
		printf("accesses of the VMM that were let in meanwhile: %" PRIu64 "\n",
		       freezing.let_in);
		printf("times the guest waited: %" PRIu64 "; its rounds over its memory: %" PRIu64
		       "\n\n", frozen.waits, frozen.sweeps);
	}
	if (!err && (freezing.changed || freezing.let_in || frozen.lost || stopped.lost))
		err = -EBADMSG;
	world_drop(&world, options);
	return err;
}

/* --- the books alone ------------------------------------------------------------------- */

struct books {
	struct gms_space *space;
	atomic_bool frozen;	/* between the end of gms_freeze() and gms_thaw() */
	atomic_bool stop;
	atomic_bool go;
};

struct toucher {
	pthread_t thread;
	struct books *books;
	uint64_t begun;
	uint64_t ended;
	uint64_t waited;
	uint64_t wrong;		/* while all was frozen */
	int err;
	uint32_t seed;
};

static int touch_once(struct toucher *toucher)
{
	struct gms_range pages = { 0, 1 };
	struct gms_access access;
	int err;

	toucher->seed = toucher->seed * 1664525 + 1013904223;
	pages.npages = 1 + toucher->seed % 16;
	pages.first = (uint64_t)toucher->seed * 37 % (TRACKED_PAGES - 16);
	toucher->begun++;
	err = gms_access_begin(toucher->books->space, pages, GMS_ACCESS_WRITE, 0, &access);
	if (err == -EBUSY || err == -EAGAIN) {
		toucher->waited++;
		err = gms_access_begin(toucher->books->space, pages, GMS_ACCESS_WRITE, GMS_FOREVER,
				       &access);
	}
	if (err)
		return err;
	toucher->wrong += atomic_load(&toucher->books->frozen);
	gms_access_end(toucher->books->space, &access);
	toucher->ended++;
	return 0;
}

static void *touch(void *arg)
{
	struct toucher *toucher = arg;

	while (!atomic_load(&toucher->books->stop) && !toucher->err)
		toucher->err = touch_once(toucher);
	return NULL;
}

static int freeze_books(struct books *books, unsigned int rounds, struct times *freeze,
			struct times *thaw)
{
	const struct gms_range all = { 0, TRACKED_PAGES };
	int err = 0;

	for (unsigned int i = 0; !err && i < rounds; i++) {
		uint64_t start = now_ns();

		err = gms_freeze(books->space, all, GMS_FOREVER, NULL);
		add_time(freeze, now_ns() - start);
		if (err)
			break;
		atomic_store(&books->frozen, true);
		sleep_ms(1);
		atomic_store(&books->frozen, false);
		start = now_ns();
		err = gms_thaw(books->space, all, NULL);
		add_time(thaw, now_ns() - start);
		sleep_ms(1);
	}
	return err;
}

static int run_books(const struct options *options)
{
	struct toucher touchers[TOUCHERS] = { { .seed = 1 }, { .seed = 77 } };
	uint64_t begun = 0, ended = 0, waited = 0, wrong = 0;
	static struct times freeze, thaw;
	struct gms_region_opts region;
	struct gms_space_opts opts;
	struct books books = { .space = NULL };
	unsigned int started = 0;
	int err;

	GMS_INIT(&opts);
	opts.flags = GMS_SPACE_ACCESS;
	GMS_INIT(&region);
	region.npages = TRACKED_PAGES;
	region.base_order = GMS_ORDER_1G;
	region.state = GMS_STATE_SHARED;
	err = gms_space_new(&books.space, &opts);
	if (!err)
		err = gms_region_add(books.space, &region, NULL);
	while (!err && started < TOUCHERS) {
		touchers[started].books = &books;
		err = -pthread_create(&touchers[started].thread, NULL, touch, &touchers[started]);
		started += !err;
	}
	if (!err)
		err = freeze_books(&books, options->rounds, &freeze, &thaw);
	atomic_store(&books.stop, true);
	for (unsigned int i = 0; i < started; i++) {
		pthread_join(touchers[i].thread, NULL);
		err = err ? err : touchers[i].err;
		begun += touchers[i].begun;
		ended += touchers[i].ended;
		waited += touchers[i].waited;
		wrong += touchers[i].wrong;
	}
	gms_space_free(books.space);
	if (err)
		return err;
	printf("64 GiB in the books, %d threads that touch: freeze %.1f us, thaw %.1f us\n", TOUCHERS,
	       median_us(&freeze), median_us(&thaw));
	printf("accesses: %" PRIu64 " begun, %" PRIu64 " ended, %" PRIu64 " waited, %" PRIu64
	       " while frozen\n", begun, ended, waited, wrong);
	return wrong || begun != ended ? -EBADMSG : 0;
}

/* --- options ---------------------------------------------------------------------------- */

static void usage(FILE *to)
{
	fprintf(to, "usage: freeze [OPTION...]\n"
		"  --size MIB     as much guest memory (64), 2 to 1024, a multiple of 2\n"
		"  --rounds N     freeze so often (20)\n"
		"  --hold MS      and for so long (5)\n"
		"  --thread       a thread for a guest, though there is KVM\n");
}

static int number(const char *text, unsigned long most, unsigned long *value)
{
	char *end;

	*value = strtoul(text, &end, 10);
	return end == text || *end || *value > most ? -EINVAL : 0;
}

/* 0: go on; 1: an error; -1: --help. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "size", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "hold", required_argument, NULL, 'o' },
		{ "thread", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, err = 0;
	unsigned long n;

	while (!err && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 's':
			err = number(optarg, 1024, &n);
			err = err || n < 2 || n % 2;
			options->bytes = n * MIB;
			break;
		case 'r':
			err = number(optarg, ROUNDS_MOST, &n);
			err = err || !n;
			options->rounds = (unsigned int)n;
			break;
		case 'o':
			err = number(optarg, 60000, &n);
			options->hold_ms = (unsigned int)n;
			break;
		case 't':
			options->kvm = false;
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
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .bytes = 64 * MIB, .rounds = 20, .hold_ms = 5, .kvm = true };
	const int rc = parse(argc, argv, &options);
	int err;

	if (rc)
		return rc < 0 ? 0 : 2;
	err = run_guest(&options);
	if (!err)
		err = run_books(&options);
	if (err)
		fprintf(stderr, "freeze: %s\n", gms_strerror(err));
	return err ? 1 : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dirty - move a guest's memory while the guest goes on writing to it: pre-copy.
 *
 *   dirty [--log | --wp-async] [--thread] [--size MIB] [--hot MIB] [--rate PAGES]
 *         [--link MIB] [--blackout MS] [--rounds N]
 *
 * All pages are sent once, then, round after round, those that were written
 * meanwhile; when what is left fits into the blackout, the guest is stopped and the
 * rest is sent. Which pages were written is asked of KVM (--log), or of the VMM's
 * own page table (--wp-async), and kept as the attribute DIRTY: a page is clean
 * from before it is copied, so a write during the copy counts again.
 *
 * The guest writes --rate pages a second, anywhere in --hot MiB of its --size; the
 * link carries --link MiB a second. Without KVM, or with --thread, the guest is a
 * thread. At the end every byte is compared, and the guest's own count of its
 * writes with what has arrived. 77: this host lacks what is asked for.
 */
#include "dirty.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DIRTY		GMS_STATE_DIRTY
#define CHUNK_BYTES	(256 * UINT64_C(1024))
#define BAR		40

enum how { HOW_ANY, HOW_LOG, HOW_WP_ASYNC };

struct options {
	enum how how;
	int	 thread;
	uint64_t size_mib, hot_mib, rate, link_mib, blackout_ms, rounds;
};

struct move {
	struct options opts;
	struct gms_range all;
	struct gms_space *space;
	struct gms_backing *source;
	unsigned char *from, *to;
	struct guest *guest;
	struct tracker *tracker;
	uint64_t sent_bytes;
	uint64_t asked_ns;	/* what it took to know the pages of a round */
};

/* --- one round --- */

static int copy_run(struct move *move, const struct gms_run *run, uint64_t began_ns,
		    uint64_t *bytes)
{
	const uint64_t at = (run->first - RAM_FIRST) << GMS_PAGE_SHIFT;
	const uint64_t end = at + (run->npages << GMS_PAGE_SHIFT);
	const struct gms_change clean = {
		.range = { run->first, run->npages }, .clear = DIRTY,
	};
	int err = gms_convert(move->space, &clean, 1, NULL, NULL);

	for (uint64_t n, pos = at; !err && pos < end; pos += n) {
		uint64_t due_ns;

		n = end - pos < CHUNK_BYTES ? end - pos : CHUNK_BYTES;
		memcpy(move->to + pos, move->from + pos, n);
		*bytes += n;
		due_ns = began_ns + *bytes * 1000000000 / (move->opts.link_mib * MIB);
		if (due_ns > now_ns() + 100000)	/* the link is full */
			sleep_until_ns(due_ns);
	}
	return err;
}

static int send_round(struct move *move, const char *name)
{
	const uint64_t began_ns = now_ns();
	uint64_t bytes = 0, runs = 0, took_ns;
	struct gms_iter it;
	struct gms_run run;
	int err = gms_iter_init_match(&it, move->space, move->all, DIRTY, DIRTY);

	while (!err && gms_iter_next(&it, &run)) {
		err = copy_run(move, &run, began_ns, &bytes);
		runs++;
	}
	took_ns = now_ns() - began_ns;
	move->sent_bytes += bytes;
	printf("%6s %9" PRIu64 " %8" PRIu64 " %9.2f %9.2f %9.1f   ", name, bytes >> GMS_PAGE_SHIFT,
	       runs, (double)move->asked_ns / 1e6, (double)bytes / (double)MIB,
	       (double)took_ns / 1e6);
	for (uint64_t i = 0; i * (move->all.npages << GMS_PAGE_SHIFT) < bytes * BAR; i++)
		putchar('#');
	putchar('\n');
	fflush(stdout);
	return err;
}

/* Which pages were written meanwhile? */
static int ask(struct move *move)
{
	const uint64_t began_ns = now_ns();
	const int err = tracker_collect(move->tracker);

	move->asked_ns = now_ns() - began_ns;
	return err;
}

static double page_ms(const struct move *move, uint64_t npages)
{
	return (double)(npages << GMS_PAGE_SHIFT) * 1e3 / (double)(move->opts.link_mib * MIB);
}

/* Rounds until little is left, or it does not get less. */
static int send_while_it_runs(struct move *move, const char **why)
{
	const struct gms_change everything = { .range = move->all, .set = DIRTY };
	uint64_t left = 0, before = UINT64_MAX, stuck = 0;
	char name[32];
	int err = gms_convert(move->space, &everything, 1, NULL, NULL);

	*why = "no more rounds";
	for (uint64_t round = 1; !err && round <= move->opts.rounds; round++) {
		snprintf(name, sizeof(name), "%" PRIu64, round);
		err = send_round(move, name);
		if (!err)
			err = guest_error(move->guest);
		if (!err)
			err = ask(move);
		if (!err)
			err = gms_count(move->space, move->all, DIRTY, DIRTY, &left);
		if (err)
			break;
		if (page_ms(move, left) <= (double)move->opts.blackout_ms) {
			*why = "it fits into the blackout";
			break;
		}
		stuck = left >= before / 10 * 9 ? stuck + 1 : 0;
		before = left;
		if (stuck == 3) {
			*why = "it does not get less: the guest writes as fast as the link sends";
			break;
		}
	}
	if (!err)
		printf("       %" PRIu64 " pages are dirty, %.1f ms of the link: %s\n", left,
		       page_ms(move, left), *why);
	return err;
}

/* --- after the last one --- */

static uint64_t first_words(const unsigned char *mem, uint64_t npages)
{
	uint64_t sum = 0, word;

	for (uint64_t page = 0; page < npages; page++) {
		memcpy(&word, mem + (page << GMS_PAGE_SHIFT), sizeof(word));
		sum += word;
	}
	return sum;
}

static int verify(const struct move *move)
{
	const uint64_t writes = guest_writes(move->guest);
	const uint64_t arrived = first_words(move->to, move->all.npages);
	uint64_t wrong = 0, left = 0;
	int err = gms_count(move->space, move->all, DIRTY, DIRTY, &left);

	for (uint64_t page = 0; page < move->all.npages; page++)
		wrong += memcmp(move->from + (page << GMS_PAGE_SHIFT),
				move->to + (page << GMS_PAGE_SHIFT), GMS_PAGE_SIZE) != 0;
	printf("Compared: %" PRIu64 " pages, %" PRIu64 " differ. Writes of the guest: %" PRIu64
	       ", arrived: %" PRIu64 ". Dirty pages left: %" PRIu64 ".\n", move->all.npages, wrong,
	       writes, arrived, left);
	return err ? err : wrong || left || writes != arrived ? -EIO : 0;
}

static int move_memory(struct move *move, const char **what)
{
	const char *why = "";
	uint64_t began_ns = now_ns(), stopped_ns;
	int err;

	*what = "the guest";
	err = guest_start(move->guest);
	if (err)
		return err;
	printf("\n%6s %9s %8s %9s %9s %9s   %s\n", "round", "pages", "runs", "asked ms", "MiB",
	       "sent ms", "of all memory");
	*what = "a round";
	err = send_while_it_runs(move, &why);
	stopped_ns = now_ns();
	guest_stop(move->guest);
	if (!err)
		err = guest_error(move->guest);
	*what = "the last round";
	if (!err)
		err = ask(move);
	if (!err)
		err = send_round(move, "stop");
	if (err)
		return err;
	printf("\nBlackout: %.1f ms, the guest stopped, asked and sent. Before that it ran for "
	       "%.1f ms.\nSent: %.1f MiB for %" PRIu64 " MiB of memory, %.2f times.\n",
	       (double)(now_ns() - stopped_ns) / 1e6, (double)(stopped_ns - began_ns) / 1e6,
	       (double)move->sent_bytes / (double)MIB, move->opts.size_mib,
	       (double)move->sent_bytes / (double)(move->opts.size_mib * MIB));
	*what = "what arrived";
	return verify(move);
}

/* --- what it takes --- */

static int make_memory(struct move *move, const char **what)
{
	const uint64_t bytes = move->opts.size_mib * MIB;
	struct gms_backing_opts backing;
	struct gms_region_opts region;
	void *to;
	int err;

	*what = "guest memory";
	GMS_INIT(&backing);
	backing.bytes = bytes;
	backing.kind = GMS_BACKING_MEMFD;
	err = gms_backing_new(&move->source, &backing);
	if (err)
		return err;
	move->from = gms_backing_hva(move->source);
	to = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (to == MAP_FAILED)
		return -errno;
	move->to = to;
	/* Something in every page, behind the word that counts; and memory that is warm. */
	for (uint64_t page = 0; page < move->all.npages; page++) {
		memset(move->from + (page << GMS_PAGE_SHIFT) + 8, (int)(page % 251),
		       GMS_PAGE_SIZE - 8);
		memset(move->to + (page << GMS_PAGE_SHIFT), 0xff, GMS_PAGE_SIZE);
	}
	err = gms_space_new(&move->space, NULL);
	GMS_INIT(&region);
	if (!err)
		err = gms_backing_region(move->source, RAM_FIRST, 9,
					 GMS_STATE_SHARED | GMS_STATE_POPULATED, &region);
	if (!err)
		err = gms_region_add(move->space, &region, NULL);
	return err;
}

static int make_guest(struct move *move, const char **what)
{
	struct guest_opts opts = {
		.hva = move->from,
		.npages = move->all.npages,
		.hot_pages = move->opts.hot_mib * MIB >> GMS_PAGE_SHIFT,
		.rate = move->opts.rate,
		.on_kvm = !move->opts.thread,
		.with_log = move->opts.how == HOW_LOG,
	};

	return guest_new(&move->guest, &opts, what);
}

static int make_all(struct move *move, const char **what)
{
	int err = make_memory(move, what);

	if (!err)
		err = make_guest(move, what);
	if (err)
		return err;
	if (move->opts.how == HOW_LOG)
		return tracker_new_log(&move->tracker, move->space, move->guest, what);
	return tracker_new_wp_async(&move->tracker, move->space, move->from, move->all.npages,
				    what);
}

static void free_all(struct move *move)
{
	tracker_free(move->tracker);
	guest_free(move->guest);
	gms_space_free(move->space);
	if (move->to)
		munmap(move->to, move->opts.size_mib * MIB);
	gms_backing_free(move->source);
}

static int usage(FILE *out)
{
	fputs("usage: dirty [--log | --wp-async] [--thread] [--size MIB] [--hot MIB] [--rate PAGES]\n"
	      "             [--link MIB] [--blackout MS] [--rounds N]\n", out);
	return out == stdout ? 0 : 2;
}

static bool number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *value >= least && *value <= most;
}

static bool get_options(struct options *opts, int argc, char **argv, bool *help)
{
	const struct option known[] = {
		{ "log", no_argument, NULL, 'l' }, { "wp-async", no_argument, NULL, 'w' },
		{ "thread", no_argument, NULL, 't' }, { "size", required_argument, NULL, 's' },
		{ "hot", required_argument, NULL, 'h' }, { "rate", required_argument, NULL, 'r' },
		{ "link", required_argument, NULL, 'n' },
		{ "blackout", required_argument, NULL, 'b' },
		{ "rounds", required_argument, NULL, 'o' }, { "help", no_argument, NULL, 'H' },
		{ NULL, 0, NULL, 0 },
	};
	bool ok = true;
	int c;

	*opts = (struct options){
		.size_mib = 128, .hot_mib = 64, .rate = 50000, .link_mib = 500, .blackout_ms = 5,
		.rounds = 20,
	};
	while (ok && (c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'l': opts->how = HOW_LOG; break;
		case 'w': opts->how = HOW_WP_ASYNC; break;
		case 't': opts->thread = 1; break;
		case 's': ok = number(optarg, 2, 1024, &opts->size_mib); break;
		case 'h': ok = number(optarg, 1, 1024, &opts->hot_mib); break;
		case 'r': ok = number(optarg, 1, 100000000, &opts->rate); break;
		case 'n': ok = number(optarg, 1, 1000000, &opts->link_mib); break;
		case 'b': ok = number(optarg, 0, 100000, &opts->blackout_ms); break;
		case 'o': ok = number(optarg, 1, 1000, &opts->rounds); break;
		case 'H': *help = true; break;
		default: ok = false; break;
		}
	}
	/* Folios of 2M; the guest draws pages with a mask. */
	return ok && optind == argc && opts->size_mib % 2 == 0 &&
	       !(opts->hot_mib & (opts->hot_mib - 1)) && opts->hot_mib <= opts->size_mib &&
	       !(opts->thread && opts->how == HOW_LOG);
}

/* What was not said, as this host can. */
static void choose(struct options *opts)
{
	struct gms_host host;

	GMS_INIT(&host);
	if (gms_host_probe(&host) || opts->how == HOW_LOG)
		return;
	if (!gms_host_has(&host, GMS_HOST_KVM) && !opts->thread) {
		puts("There is no KVM here: the guest is a thread.");
		opts->thread = 1;
	}
	if (opts->how == HOW_ANY)
		opts->how = opts->thread ? HOW_WP_ASYNC : HOW_LOG;
}

/* Not there, or not for us: nothing that this program can do about. */
static bool host_lacks(int err)
{
	return err == -ENOENT || err == -EACCES || err == -EPERM || err == -ENOSYS ||
	       err == -ENODEV || err == -EINVAL || err == -ENOTTY || err == -EOPNOTSUPP;
}

int main(int argc, char **argv)
{
	struct move move = { .sent_bytes = 0 };
	const char *what = "";
	bool help = false, made;
	int err;

	if (!get_options(&move.opts, argc, argv, &help))
		return usage(stderr);
	if (help)
		return usage(stdout);
	choose(&move.opts);
	move.all = (struct gms_range){ RAM_FIRST, move.opts.size_mib * MIB >> GMS_PAGE_SHIFT };
	printf("%" PRIu64 " MiB of memory of a guest %s, which writes to %" PRIu64
	       " pages a second in %" PRIu64 " MiB of it.\nThe link carries %" PRIu64
	       " MiB a second. What was written is known from %s.\n", move.opts.size_mib,
	       move.opts.thread ? "that is a thread" : "on KVM", move.opts.rate,
	       move.opts.hot_mib, move.opts.link_mib,
	       move.opts.how == HOW_LOG ? "KVM's dirty log" :
					  "write protection that the kernel lifts (WP_ASYNC)");
	err = make_all(&move, &what);
	made = !err;
	if (!err)
		err = move_memory(&move, &what);
	if (err)
		fprintf(stderr, "dirty: %s: %s\n", what, strerror(-err));
	free_all(&move);
	return !err ? 0 : !made && host_lacks(err) ? 77 : 1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - one pass over a trace; see run.h. The reader's side.
 */
#include "replay/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replay/ring.h"
#include "replay/save.h"
#include "tool/clock.h"
#include "tool/term.h"

/* Events between two looks at the bar. */
#define BAR_EVENTS	4096u
/* What a sleep must be worth. */
#define SLEEP_LEAST_NS	1000000

struct reader {
	const struct run_opts *opts;
	struct report_run *run;
	struct trace *trace;
	struct match match;
	struct ring ring;
	struct ring_block *block;	/* that is being filled; NULL: none */
	struct term_progress bar;
	bool	 begun;			/* a time was seen */
	bool	 over;			/* what is read now is later than is asked for */
	uint64_t map_ns;		/* of the latest map, and whose it was */
	uint32_t map_device;
	bool	 mapped;
	uint64_t host_ns;		/* by the host's clock, when the trace began */
	char	*why;
	size_t	 why_bytes;
};

/* A live trace ends when its reader says so. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* The first ^C ends the trace, a second one the program. */
static void catch_interrupts(struct sigaction *before)
{
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND };

	sigemptyset(&action.sa_mask);
	/* What a shell starts in the background does not hear of it. */
	if (!sigaction(SIGINT, NULL, before) && before->sa_handler != SIG_IGN)
		sigaction(SIGINT, &action, NULL);
}

/* The trace is over: what comes now one may interrupt at once. */
static void leave_interrupts(const struct sigaction *before)
{
	sigaction(SIGINT, before, NULL);
	if (interrupted)
		fputs("gmemstate-replay: interrupted: this is of what was read until then\n",
		      stderr);
}

static int __attribute__((format(printf, 3, 4)))
fail(struct reader *reader, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reader->why, reader->why_bytes, format, args);
	va_end(args);
	return err;
}

/* --- what is counted for all replays ----------------------------------------------- */

static void histogram_add(struct report_histogram *histogram, uint64_t value)
{
	unsigned int bucket = value > 1 ? 64 - (unsigned int)__builtin_clzll(value - 1) : 0;

	if (bucket >= REPORT_BUCKETS)
		bucket = REPORT_BUCKETS - 1;
	histogram->bucket[bucket]++;
	histogram->count++;
	histogram->sum += value;
}

static void note_mark(struct reader *reader, uint64_t time_ns)
{
	struct report_run *run = reader->run;
	struct report_mark *mark = &run->mark[run->nmarks];

	if (run->nmarks == REPORT_MARKS)
		return;
	run->nmarks++;
	mark->time_ns = time_ns;
	snprintf(mark->name, sizeof(mark->name), "%s", trace_mark(reader->trace));
}

/* Lines of several CPUs may come a little out of order: time stands still meanwhile. */
static void note_time(struct reader *reader, struct trace_event *event)
{
	struct report_run *run = reader->run;

	if (!reader->begun)
		run->first_ns = run->last_ns = event->time_ns;
	reader->begun = true;
	if (event->time_ns < run->last_ns)
		event->time_ns = run->last_ns;
	run->last_ns = event->time_ns;
	if (event->cpu >= run->guest_cpus)
		run->guest_cpus = event->cpu + 1u;
}

/* Is an event or a mark of that time later than what is asked for? */
static bool is_beyond(const struct reader *reader, uint64_t time_ns)
{
	const uint64_t first_ns = reader->run->first_ns;

	return reader->begun && time_ns > first_ns &&
	       time_ns - first_ns > reader->opts->until_ns;
}

/* --- the clock ---------------------------------------------------------------------- */

static void give(struct reader *reader)
{
	if (reader->block && reader->block->n) {
		ring_give(&reader->ring, reader->run->first_ns);
		reader->block = NULL;
	}
}

/* Until the host's clock is where the trace's time is. */
static void wait_for(struct reader *reader, uint64_t time_ns)
{
	const double since_ns = (double)(time_ns - reader->run->first_ns) / reader->opts->speed;
	struct timespec ts;
	uint64_t then_ns;

	if (!reader->host_ns)
		reader->host_ns = clock_ns();
	then_ns = reader->host_ns + (since_ns < 1e18 ? (uint64_t)since_ns : UINT64_C(1) << 60);
	if (then_ns < clock_ns() + SLEEP_LEAST_NS)
		return;
	give(reader);
	ts.tv_sec = (time_t)(then_ns / 1000000000);
	ts.tv_nsec = (long)(then_ns % 1000000000);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR && !interrupted)
		;
}

/* --- events ------------------------------------------------------------------------- */

static const char *place(const struct reader *reader)
{
	return strcmp(reader->opts->path, "-") ? reader->opts->path : "<stdin>";
}

static uint64_t line_of(const struct reader *reader)
{
	return trace_seen(reader->trace)->lines;
}

static int put(struct reader *reader, const struct replay_step *step)
{
	if (!reader->block) {
		reader->block = ring_fill(&reader->ring);
		if (!reader->block)
			return -ECANCELED;
	}
	reader->block->step[reader->block->n++] = *step;
	if (reader->block->n == RING_STEPS)
		give(reader);
	return 0;
}

/* A line that says what no guest does: an error, or passed over. */
static int bad_event(struct reader *reader, const char *expected, uint64_t found)
{
	if (reader->opts->trace.skip_bad) {
		reader->run->bad_events++;
		return 0;
	}
	return fail(reader, -EBADMSG, "%s:%" PRIu64 ": expected %s, found %#" PRIx64,
		    place(reader), line_of(reader), expected, found);
}

static int no_slot(struct reader *reader, int err)
{
	if (err == -ENOMEM)
		return fail(reader, err, "out of memory");
	return fail(reader, err, "%s:%" PRIu64 ": %" PRIu32 " mappings are outstanding: are unmaps "
		    "missing from the trace? --most-outstanding allows more", place(reader),
		    line_of(reader), reader->opts->most_outstanding);
}

/* The address that is lent: the one that was asked for, or the one there is. */
static uint64_t address_of(const struct reader *reader, const struct trace_event *event)
{
	const uint64_t first = reader->opts->by_dma ? event->dma : event->gpa;

	if (first != TRACE_NO_ADDRESS)
		return first;
	return reader->opts->by_dma ? event->gpa : event->dma;
}

/* Segments of one time are of one request, which its driver tells the device of once. */
static bool begins_request(struct reader *reader, const struct trace_event *event)
{
	const bool same = reader->mapped && reader->map_ns == event->time_ns &&
			  reader->map_device == event->device;

	reader->mapped = true;
	reader->map_ns = event->time_ns;
	reader->map_device = event->device;
	return !same;
}

static int map(struct reader *reader, const struct trace_event *event)
{
	const uint64_t address = address_of(reader, event), ram = reader->opts->setup->ram_bytes;
	struct report_run *run = reader->run;
	struct replay_step step;
	int64_t slot;

	if (!event->bytes || event->bytes > RUN_BYTES_MOST)
		return bad_event(reader, "a length of 1 byte to 1 GiB", event->bytes);
	if (address >= ram || event->bytes > ram - address)
		return bad_event(reader, "an address within the guest's memory (--ram says "
				 "how much it may have, --by which address counts)", address);
	slot = match_begin(&reader->match, event, address);
	if (slot < 0)
		return no_slot(reader, (int)slot);
	step = (struct replay_step){
		.time_ns = event->time_ns, .address = address, .bytes = event->bytes,
		.slot = (uint32_t)slot, .op = event->op, .dir = event->dir,
	};
	if (event->op == TRACE_MAP) {
		run->maps++;
		run->bytes_mapped += event->bytes;
		histogram_add(&run->length_bytes, event->bytes);
		step.rings = begins_request(reader, event);
	} else {
		run->coherent++;
	}
	return put(reader, &step);
}

static int unmap(struct reader *reader, const struct trace_event *event)
{
	struct report_run *run = reader->run;
	struct match_mapping was;
	struct replay_step step;
	const int64_t slot = match_end(&reader->match, event, &was);

	if (slot == -ENOMEM)
		return no_slot(reader, -ENOMEM);
	if (slot < 0) {
		run->unmatched_unmaps++;
		return 0;
	}
	if (event->op == TRACE_UNMAP) {
		run->unmaps++;
		histogram_add(&run->life_ns, event->time_ns - was.time_ns);
	} else {
		run->frees++;
	}
	step = (struct replay_step){
		.time_ns = event->time_ns, .address = was.address, .bytes = was.bytes,
		.slot = (uint32_t)slot, .op = event->op, .dir = was.dir,
	};
	return put(reader, &step);
}

static int sync_one(struct reader *reader, const struct trace_event *event)
{
	const struct replay_step step = {
		.time_ns = event->time_ns, .bytes = event->bytes, .op = event->op,
		.dir = event->dir,
	};

	if (event->bytes > RUN_BYTES_MOST)
		return bad_event(reader, "a length of at most 1 GiB", event->bytes);
	reader->run->syncs++;
	return event->bytes ? put(reader, &step) : 0;
}

static int take(struct reader *reader, struct trace_event *event)
{
	if (is_beyond(reader, event->time_ns)) {
		reader->over = true;
		reader->run->last_ns = reader->run->first_ns + reader->opts->until_ns;
		return 0;
	}
	if (event->op == TRACE_MARK) {
		note_mark(reader, event->time_ns);
		return 0;
	}
	note_time(reader, event);
	if (reader->opts->speed > 0)
		wait_for(reader, event->time_ns);
	switch (event->op) {
	case TRACE_MAP:
	case TRACE_COHERENT:
		return map(reader, event);
	case TRACE_UNMAP:
	case TRACE_FREE:
		return unmap(reader, event);
	default:
		return sync_one(reader, event);
	}
}

/* --- the whole of it ----------------------------------------------------------------- */

static int trace_error(struct reader *reader, int err)
{
	const struct trace_fault *fault = trace_fault(reader->trace);
	const char *path = fault->path ? fault->path : place(reader);

	if (!fault->line)
		return fail(reader, err, "%s: %s", path,
			    fault->expected ? fault->expected : strerror(-err));
	return fail(reader, err, "%s:%" PRIu64 ": expected %s, found \"%s\"", path, fault->line,
		    fault->expected, fault->text);
}

/* One at a time: then the line that was read last is the event's. */
static int read_all(struct reader *reader)
{
	struct trace_event event;
	char note[64];
	int64_t got;
	int err = 0;

	for (uint64_t n = 0; !err && !reader->over && !interrupted; n++) {
		got = trace_read(reader->trace, &event, 1);
		if (!got)
			break;
		if (got == -EINTR)
			continue;
		if (got < 0)
			return trace_error(reader, (int)got);
		err = take(reader, &event);
		if (n % BAR_EVENTS == 0 && reader->bar.shown) {
			const struct trace_seen *seen = trace_seen(reader->trace);

			snprintf(note, sizeof(note), "%" PRIu64 " events", seen->events);
			term_progress(&reader->bar, seen->bytes, seen->total_bytes, note);
		}
	}
	if (!err)
		give(reader);
	return err;
}

static uint32_t default_jobs(void)
{
	const long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 && n < 1024 ? (uint32_t)n : 1;
}

static int make_lanes(struct reader *reader, struct ring_lane **lanes)
{
	const struct run_opts *opts = reader->opts;
	struct ring_lane *lane = calloc(opts->nsetups, sizeof(*lane));

	*lanes = lane;
	if (!lane)
		return fail(reader, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < opts->nsetups; i++) {
		const int err = replay_make(&lane[i].replay, &opts->setup[i],
					    &reader->run->report[i]);

		if (err)
			return fail(reader, err, "%s", lane[i].replay.why);
	}
	return 0;
}

static int replay_all(struct reader *reader, struct ring_lane *lane)
{
	const struct run_opts *opts = reader->opts;
	uint32_t jobs = opts->jobs ? opts->jobs : default_jobs();
	struct report_run *run = reader->run;
	sigset_t interrupts, before;
	int err, failed;

	if (jobs > opts->nsetups)
		jobs = opts->nsetups;
	/* Workers inherit it: what ends a read has to come to the thread that reads. */
	sigemptyset(&interrupts);
	sigaddset(&interrupts, SIGINT);
	pthread_sigmask(SIG_BLOCK, &interrupts, &before);
	err = ring_start(&reader->ring, lane, opts->nsetups, jobs);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return fail(reader, err, "starting threads: %s", strerror(-err));
	term_progress_begin(&reader->bar, "replaying", !opts->quiet);
	err = read_all(reader);
	failed = ring_stop(&reader->ring, run->first_ns, run->last_ns, err != 0);
	term_progress_end(&reader->bar);
	/* The reader only stopped because a replay had failed. */
	if (failed && failed != -ECANCELED)
		return fail(reader, failed, "%s", lane[reader->ring.failed].replay.why);
	return err;
}

static int save_all(struct reader *reader, const struct ring_lane *lane)
{
	const struct run_opts *opts = reader->opts;
	int err = 0;

	for (uint32_t i = 0; !err && i < opts->nsetups; i++)
		err = save_guest(opts->save, &lane[i].replay, reader->why, reader->why_bytes);
	return err;
}

static void drop_lanes(struct ring_lane *lane, uint32_t n)
{
	for (uint32_t i = 0; lane && i < n; i++)
		replay_drop(&lane[i].replay);
	free(lane);
}

int run_trace(const struct run_opts *opts, struct report_run *run, char *why, size_t why_bytes)
{
	struct reader reader = { .opts = opts, .run = run, .why = why, .why_bytes = why_bytes };
	const uint64_t start_ns = clock_ns();
	struct ring_lane *lane = NULL;
	struct sigaction before;
	int err;

	match_init(&reader.match, opts->most_outstanding);
	run->trace_name = place(&reader);
	run->nreports = opts->nsetups;
	/* Who cannot write there should hear of it now and not after the trace. */
	err = opts->save ? save_folder(opts->save, why, why_bytes) : 0;
	if (err)
		return err;
	err = trace_open(&reader.trace, opts->path, &opts->trace);
	if (err)
		return trace_error(&reader, err);
	catch_interrupts(&before);
	err = make_lanes(&reader, &lane);
	if (!err)
		err = replay_all(&reader, lane);
	leave_interrupts(&before);
	if (!err && opts->save)
		err = save_all(&reader, lane);
	drop_lanes(lane, opts->nsetups);
	run->seen = *trace_seen(reader.trace);
	run->events = run->maps + run->unmaps + run->coherent + run->frees;
	run->outstanding_max = reader.match.n_max;
	run->elapsed_seconds = (double)(clock_ns() - start_ns) / 1e9;
	trace_close(reader.trace);
	match_drop(&reader.match);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * collect.c - requests of many vCPUs, in one commit.
 *
 * There is no thread for it. The first that comes leads those that come after it: it
 * waits for them, commits for all, and tells each what became of it. What is left of a
 * request after that its own thread carries out, so that nobody waits for it.
 *
 *   G6  The first of those that wait is their leader, from when it comes until it takes
 *       them all, itself too. It then has a group that nobody can join, and the next to
 *       come leads another.
 *   G7  Commits take turns: who is ready to commit takes the next number, and the batch
 *       is whoever's who has the number that is served. A vCPU waits for those that were
 *       ready before it, however fast an event loop comes again.
 *   G8  A leader sleeps until its time is over, which whoever fills the group cuts short,
 *       and then until its turn, of which the end of each commit tells it. What it sleeps
 *       for it looks at with the lock held, before it sleeps and after.
 *   G9  A request is its leader's while it is seated, and the leader looks at it no more
 *       once it is not. Its own thread sees that with the lock held, and only then returns.
 *
 * Locking: a collector's lock (rank COLLECT) guards what gathers, its counts, and who is
 * seated. It is let go before anything is converted and before admit functions and
 * callbacks are called, and nothing else is locked under it.
 */
#include "guest/collect.h"

#include <errno.h>
#include <string.h>

#include "base/sized.h"
#include "base/wait.h"
#include "guest/group.h"
#include "guest/run.h"

#define REQUESTS	64u		/* defaults, and bounds */
#define REQUESTS_MOST	4096u
#define WAIT_NS_MOST	UINT64_C(1000000000)
#define PAGES		UINT64_C(131072)
#define CHANGES		16u		/* of each request: room from the start */

struct gms_collector {
	struct gms_space *space;
	struct gms_collector_opts opts;	/* defaults filled in */
	struct gms_batch *batch;	/* G7 */

	struct gms__lock lock;		/* guards all below */
	struct gms__group waiting;	/* G6 */
	uint64_t served, next;		/* G7: numbers */
	pthread_cond_t turn;		/* a commit is over; for who leads nobody */
	struct gms_collector_stats stats;
};

static int check_opts(struct gms_collector_opts *opts)
{
	if (!opts->most_requests)
		opts->most_requests = REQUESTS;
	if (!opts->most_pages)
		opts->most_pages = PAGES;
	return opts->most_requests > REQUESTS_MOST || opts->wait_ns > WAIT_NS_MOST ||
	       opts->reserved ? -EINVAL : 0;
}

static bool make_lock(struct gms_collector *collector)
{
	if (gms__lock_init(&collector->lock, GMS__RANK_COLLECT, 0))
		return false;
	if (gms__cond_init(&collector->turn))
		return true;
	gms__lock_fini(&collector->lock);
	return false;
}

int gms_collector_new(struct gms_collector **out, struct gms_space *space,
		      const struct gms_collector_opts *theirs)
{
	struct gms_collector *collector;
	struct gms_collector_opts opts;
	int err = 0;

	if (!out || !space)
		return -EINVAL;
	GMS_INIT(&opts);
	if (theirs)
		err = gms__sized_in(&opts, sizeof(opts), theirs);
	if (!err)
		err = check_opts(&opts);
	if (err)
		return err;
	collector = gms__mem_alloc(&space->map.mem, sizeof(*collector));
	if (!collector)
		return -ENOMEM;
	memset(collector, 0, sizeof(*collector));
	collector->space = space;
	collector->opts = opts;
	gms__group_init(&collector->waiting);
	if (!make_lock(collector)) {
		gms__mem_free(&space->map.mem, collector, sizeof(*collector));
		return -ENOMEM;
	}
	err = gms_batch_new(&collector->batch, space, (size_t)CHANGES * opts.most_requests);
	if (err) {
		gms_collector_free(collector);
		return err;
	}
	*out = collector;
	return 0;
}

void gms_collector_free(struct gms_collector *collector)
{
	if (!collector)
		return;
	gms_batch_free(collector->batch);
	gms__cond_fini(&collector->turn);
	gms__lock_fini(&collector->lock);
	gms__mem_free(&collector->space->map.mem, collector, sizeof(*collector));
}

const struct gms_space *gms__collector_space(const struct gms_collector *collector)
{
	return collector->space;
}

/* Can its next window be in a commit with others? */
static bool may_join(const struct gms_collector *collector, const struct gms_request *request)
{
	const uint64_t ahead = gms__request_ahead(request);

	return ahead && ahead <= collector->opts.most_pages;
}

/* The next commit may begin. */
static void end_commit(struct gms_collector *collector, const struct gms__group *group)
{
	struct gms_collector_stats *stats = &collector->stats;
	uint32_t joined = 0;

	for (const struct gms_request *one = group->first; one; one = one->next)
		joined += !one->aside && gms__request_over(one);
	gms__lock(&collector->lock);
	collector->served++;
	stats->joined += joined;
	stats->alone += group->n - joined;
	stats->commits += group->commits;
	stats->refused += group->refused;
	stats->largest = gms__max(stats->largest, group->tried);
	gms__cond_wake_all(&collector->turn);
	if (collector->waiting.first)
		gms__cond_wake(&collector->waiting.first->told);
	gms__unlock(&collector->lock);
}

/* --- Of threads that wait for each other --- */

/* Until enough have come, or it is time; then until it is its turn. */
static void lead(struct gms_collector *collector, struct gms_request *request)
{
	const struct gms_collector_opts *opts = &collector->opts;
	bool late = !opts->wait_ns || opts->most_requests == 1;
	const uint64_t until_ns = late ? 0 : gms__clock_after(opts->wait_ns);
	uint64_t mine;

	while (!late && collector->waiting.n < opts->most_requests)
		late = !gms__cond_wait(&request->told, &collector->lock, until_ns);
	mine = collector->next++;
	while (collector->served != mine)
		gms__cond_wait(&request->told, &collector->lock, GMS_FOREVER);
}

static void follow(struct gms_collector *collector, struct gms_request *request)
{
	if (collector->waiting.n == collector->opts.most_requests)
		gms__cond_wake(&collector->waiting.first->told);
	while (request->seated)
		gms__cond_wait(&request->told, &collector->lock, GMS_FOREVER);
}

/* Each goes on by itself; the first is the leader's own. */
static void dismiss(struct gms_collector *collector, const struct gms__group *group)
{
	struct gms_request *next = group->first->next;

	group->first->seated = false;
	while (next) {
		struct gms_request *one = next;

		next = one->next;
		gms__lock(&collector->lock);
		one->seated = false;
		gms__cond_wake(&one->told);
		gms__unlock(&collector->lock);
	}
}

void gms__collect(struct gms_collector *collector, struct gms_request *request)
{
	const bool joins = may_join(collector, request);
	struct gms__group group = { .n = 0 };

	gms__lock(&collector->lock);
	collector->stats.requests++;
	if (!joins) {
		collector->stats.alone++;
	} else {
		request->aside = false;
		request->seated = true;
		gms__group_add(&collector->waiting, request);
		if (collector->waiting.first != request) {
			follow(collector, request);
		} else {
			lead(collector, request);
			group = collector->waiting;
			gms__group_init(&collector->waiting);
		}
	}
	gms__unlock(&collector->lock);
	if (!group.n)
		return;
	gms__group_commit(&group, collector->batch, collector->opts.tag);
	end_commit(collector, &group);
	dismiss(collector, &group);
}

/* --- Of an event loop --- */

/* All that were given, in one group; those aside that cannot be in a commit. */
static int seat_all(struct gms_collector *collector, struct gms_request *const *requests,
		    size_t nrequests, struct gms__group *group)
{
	size_t n = 0;

	gms__group_init(group);
	for (; n < nrequests; n++) {
		struct gms_request *one = requests[n];

		if (!one || one->space != collector->space || one->step != GMS_REQUEST_READY ||
		    one->seated)
			break;
		one->seated = true;	/* so that it is noticed if it comes twice */
		one->aside = !may_join(collector, one);
		gms__group_add(group, one);
	}
	for (size_t i = 0; i < n; i++)
		requests[i]->seated = false;
	return n == nrequests ? 0 : -EINVAL;
}

static void begin_commit(struct gms_collector *collector, size_t nrequests)
{
	uint64_t mine;

	gms__lock(&collector->lock);
	collector->stats.requests += nrequests;
	mine = collector->next++;
	while (collector->served != mine)
		gms__cond_wait(&collector->turn, &collector->lock, GMS_FOREVER);
	gms__unlock(&collector->lock);
}

/* In two: those that are over, and those that go on. */
static void part(struct gms_request *first, struct gms__group *over, struct gms__group *rest)
{
	struct gms_request *next;

	gms__group_init(over);
	gms__group_init(rest);
	for (; first; first = next) {
		next = first->next;
		gms__group_add(gms__request_over(first) ? over : rest, first);
	}
}

static void finish_all(const struct gms__group *group, gms_request_done_fn *done, void *ctx)
{
	struct gms_request *next;

	for (struct gms_request *one = group->first; one; one = next) {
		next = one->next;
		gms__request_carry_on(one);
		gms__request_finish(one);
		if (done)
			done(ctx, one);
	}
}

int gms_collector_run_all(struct gms_collector *collector, struct gms_request *const *requests,
			  size_t nrequests, gms_request_done_fn *done, void *ctx)
{
	struct gms__group group, over, rest;
	int err;

	if (!collector || (nrequests && !requests))
		return -EINVAL;
	err = seat_all(collector, requests, nrequests, &group);
	if (err || !nrequests)
		return err;
	begin_commit(collector, nrequests);
	gms__group_commit(&group, collector->batch, collector->opts.tag);
	end_commit(collector, &group);
	part(group.first, &over, &rest);
	finish_all(&over, done, ctx);
	finish_all(&rest, done, ctx);
	return 0;
}

int gms_collector_stats(struct gms_collector *collector, struct gms_collector_stats *stats)
{
	struct gms_collector_stats ours;
	int err;

	if (!collector)
		return -EINVAL;
	err = gms__sized_check(stats, sizeof(ours));
	if (err)
		return err;
	gms__lock(&collector->lock);
	ours = collector->stats;
	gms__unlock(&collector->lock);
	gms__sized_out(stats, &ours, sizeof(ours));
	return 0;
}

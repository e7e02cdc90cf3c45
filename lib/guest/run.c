/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - carry out a request; see run.h.
 *
 * A window is tried as one conversion, without waiting for accesses if there is more
 * than one part in it. If it is refused, or there is no memory for it, its parts are
 * carried out in order, one conversion each, up to the one that fails: a guest pays for
 * what it asks with twice the work at most.
 *
 *   N1  A request's place moves over what is converted, and over nothing else.
 *   N2  error is set only while the part at place cannot go on, or at the end (R3).
 */
#include "guest/run.h"

#include <errno.h>

#include <gmemstate/account.h>

#include "guest/collect.h"

static bool asks_nothing(const struct gms_request_part *part)
{
	return !(part->change.set | part->change.clear);
}

static struct gms_range rest_of(const struct gms_request *request, struct gms__reached at,
				uint64_t most)
{
	const struct gms_range all = request->part[at.part].change.range;

	return (struct gms_range){ all.first + at.pages, gms__min(all.npages - at.pages, most) };
}

/*
 * Pages from the place on for which there is nothing to do. They are done at once: a
 * hole of terabytes would have as many chunks as a guest cares to name.
 */
static uint64_t idle_ahead(const struct gms_request *request)
{
	struct gms_region region;
	struct gms_range rest;

	if (gms__request_whole(request))
		return 0;
	rest = rest_of(request, request->place, UINT64_MAX);
	if (asks_nothing(&request->part[request->place.part]))
		return rest.npages;
	if (!(request->opts.flags & GMS_REQUEST_HOLES))
		return 0;
	GMS_INIT(&region);
	if (gms_region_next(request->space, rest.first, &region))
		return rest.npages;
	return region.first > rest.first ? gms__min(region.first - rest.first, rest.npages) : 0;
}

/* Pages that this call may still look after, up to the end of the chunk. */
static uint64_t pages_ahead(const struct gms_request *request)
{
	const uint64_t chunk = request->chunk_pages, done = request->pages_done;
	uint64_t most = UINT64_MAX;

	if (request->opts.most_pages)
		most = request->opts.most_pages - done;
	if (chunk == GMS_REQUEST_WHOLE)
		return most;
	return gms__min(most, gms__max(chunk - done % chunk, idle_ahead(request)));
}

static void step_over(const struct gms_request *request, struct gms__reached *place,
		      uint64_t npages)
{
	place->pages += npages;
	if (place->pages == request->part[place->part].change.range.npages)
		*place = (struct gms__reached){ place->part + 1, 0 };
}

uint64_t gms__request_ahead(const struct gms_request *request)
{
	uint64_t most = pages_ahead(request), asked = 0;

	for (uint32_t i = request->place.part; i < request->nparts && most; i++) {
		const uint64_t from = i == request->place.part ? request->place.pages : 0;
		const uint64_t npages = gms__min(request->part[i].change.range.npages - from, most);

		most -= npages;
		if (!asks_nothing(&request->part[i]))
			asked += npages;
	}
	return asked;
}

/* Only those of the pages that a region holds, where that is wanted. */
static int add_change(struct gms_request *request, struct gms_batch *batch,
		      struct gms_change change, size_t *nchanges)
{
	const gms_gfn end = change.range.first + change.range.npages;
	struct gms_region region;
	int err = 0;

	if (!(request->opts.flags & GMS_REQUEST_HOLES)) {
		++*nchanges;
		return gms_batch_add(batch, &change);
	}
	GMS_INIT(&region);
	for (gms_gfn at = change.range.first; !err && at < end;
	     at = change.range.first + change.range.npages) {
		if (gms_region_next(request->space, at, &region) || region.first >= end)
			return 0;
		change.range.first = gms__max(at, region.first);
		change.range.npages = gms__min(end, region.first + region.npages) -
				      change.range.first;
		++*nchanges;
		err = gms_batch_add(batch, &change);
	}
	return err;
}

/* What of the range may go ahead; the rest is to blame on the window's end. */
static uint64_t admitted(struct gms_request *request, struct gms_range range,
			 struct gms__window *window)
{
	uint64_t npages = range.npages;

	if (!request->admit)
		return npages;
	window->error = request->admit(request, range, &npages);
	if (window->error) {
		window->error_gfn = request->error_gfn;
		window->error_reason = request->error_reason;
		request->error_gfn = 0;
		request->error_reason = GMS_REASON_NONE;
	}
	return npages;
}

/* The part at the window's end, as far as it goes, whole parts that ask for nothing too. */
static int add_part(struct gms_request *request, struct gms_batch *batch, uint64_t most,
		    struct gms__window *window)
{
	const struct gms_request_part *part = &request->part[window->end.part];
	struct gms_range range = rest_of(request, window->end, most);
	int err = 0;

	if (!asks_nothing(part)) {
		struct gms_change change = part->change;

		range.npages = admitted(request, range, window);
		change.range = range;
		if (range.npages)
			err = add_change(request, batch, change, &window->nchanges);
	}
	window->pages += range.npages;
	step_over(request, &window->end, range.npages);
	return err;
}

int gms__request_window(struct gms_request *request, struct gms_batch *batch,
			struct gms__window *window)
{
	const uint64_t most = pages_ahead(request);
	int err = 0;

	*window = (struct gms__window){ .end = request->place };
	while (!err && !window->error && window->end.part < request->nparts &&
	       window->pages < most)
		err = add_part(request, batch, most - window->pages, window);
	return err;
}

/* What stands at the window's end, if anything does. */
static void meet_end(struct gms_request *request, const struct gms__window *window)
{
	request->error = window->error;
	request->error_gfn = window->error_gfn;
	request->error_reason = window->error_reason;
}

void gms__request_advance(struct gms_request *request, const struct gms__window *window)
{
	request->place = window->end;
	request->pages_done += window->pages;
	meet_end(request, window);
	if (window->nchanges)
		request->commits++;
}

static struct gms_convert_opts how_of(const struct gms_request *request)
{
	struct gms_convert_opts how;

	GMS_INIT(&how);
	how.tag = request->opts.tag;
	how.content = request->opts.content;
	how.wait_ns = request->opts.wait_ns;
	if (request->opts.flags & GMS_REQUEST_NO_WAIT)
		how.flags = GMS_CONVERT_NO_WAIT;
	return how;
}

static void count(struct gms_request *request, const struct gms_convert_result *did)
{
	request->changed_pages += did->changed_pages;
	request->splits += did->splits;
	request->flushes += did->flushes;
}

static void blame(struct gms_request *request, const struct gms_convert_result *did, int err)
{
	request->error = err;
	request->error_gfn = did->error_gfn;
	request->error_reason = did->error_reason;
}

/* What was done of the part before the page that failed. */
static void keep_progress(struct gms_request *request, const struct gms_convert_result *did)
{
	const gms_gfn first = rest_of(request, request->place, 1).first;
	const uint64_t done = did->next > first ? did->next - first : 0;

	if (!done)
		return;
	request->commits++;
	request->pages_done += done;
	step_over(request, &request->place, done);
}

/* A window of one part: all or nothing, or up to the page that fails. */
static void carry_part(struct gms_request *request, const struct gms__window *window)
{
	struct gms_convert_opts how = how_of(request);
	struct gms_convert_result did;
	int err = 0;

	GMS_INIT(&did);
	if (request->granular)
		how.mode = GMS_CONVERT_PROGRESS;
	if (window->nchanges)
		err = gms_batch_commit(request->batch, &how, &did);
	count(request, &did);
	if (!err) {
		gms__request_advance(request, window);
		return;
	}
	if (request->granular)
		keep_progress(request, &did);
	blame(request, &did, err);
}

static bool is_before(struct gms__reached a, struct gms__reached b)
{
	return a.part < b.part || (a.part == b.part && a.pages < b.pages);
}

/* Part by part, up to the first that fails. */
static void carry_parts(struct gms_request *request, const struct gms__window *all)
{
	const struct gms__reached end = all->end;

	while (!request->error && is_before(request->place, end)) {
		const uint64_t most = request->place.part == end.part ?
				      end.pages - request->place.pages : UINT64_MAX;
		struct gms__window window = { .end = request->place };

		gms_batch_clear(request->batch);
		request->error = add_part(request, request->batch, most, &window);
		if (!request->error)
			carry_part(request, &window);
	}
	if (!request->error)
		meet_end(request, all);
}

/* All of a window at once: false if that was refused, and nothing changed. */
static bool carry_whole(struct gms_request *request, const struct gms__window *window)
{
	struct gms_convert_opts how = how_of(request);
	struct gms_convert_result did;

	GMS_INIT(&did);
	how.flags |= GMS_CONVERT_NO_WAIT;
	if (gms_batch_commit(request->batch, &how, &did))
		return false;
	count(request, &did);
	gms__request_advance(request, window);
	return true;
}

static void carry_window(struct gms_request *request)
{
	struct gms__window window;
	int err;

	gms_batch_clear(request->batch);
	err = gms__request_window(request, request->batch, &window);
	if (!err && !window.nchanges)
		gms__request_advance(request, &window);
	else if (err || window.nchanges == 1 || !carry_whole(request, &window))
		carry_parts(request, &window);
}

bool gms__request_over(const struct gms_request *request)
{
	const uint64_t most = request->opts.most_pages;

	return request->error || gms__request_whole(request) ||
	       (most && request->pages_done >= most);
}

void gms__request_carry_on(struct gms_request *request)
{
	while (!gms__request_over(request)) {
		if (request->pages_done && request->opts.stop &&
		    request->opts.stop(request->opts.ctx))
			return;
		carry_window(request);
	}
}

static void charge(const struct gms_request *request, uint32_t kind)
{
	(void)!gms_acct_charge(request->space, request->opts.tag, kind, 1, 0);
}

static void charge_all(const struct gms_request *request)
{
	if (request->opts.flags & GMS_REQUEST_NO_CHARGE)
		return;
	if (request->protocol == GMS_PROTOCOL_TDX_ACCEPT) {	/* an instruction */
		charge(request, GMS_ACCT_ACCEPTS);
		return;
	}
	charge(request, GMS_ACCT_GUEST_EXITS);
	charge(request, GMS_ACCT_USER_EXITS);
	if (request->protocol != GMS_PROTOCOL_KVM_FAULT)
		charge(request, GMS_ACCT_HYPERCALLS);
}

void gms__request_finish(struct gms_request *request)
{
	if (!request->error && gms__request_whole(request))
		request->error = request->stop_error;
	request->step = GMS_REQUEST_DONE;
	charge_all(request);
}

int gms_request_run(struct gms_request *request)
{
	if (!request || request->step != GMS_REQUEST_READY)
		return -EINVAL;
	if (request->opts.collector)
		gms__collect(request->opts.collector, request);
	gms__request_carry_on(request);
	gms__request_finish(request);
	return 0;
}

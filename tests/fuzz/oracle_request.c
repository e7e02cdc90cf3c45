/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_request.c - a request in the model: all of a chunk at once, or part by part.
 */
#include "oracle_request.h"

#include <errno.h>
#include <string.h>

/* What is at hand: pieces of parts, up to the end of a chunk. */
struct piece {
	struct gms_change change;
	uint32_t part;
	int	 error;		/* of the page behind it, which is barred */
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool asks_nothing(const struct world *w, const struct gms_change *change)
{
	return !((change->set | change->clear) & w->known);
}

/* Of a chunk, or of the hole at hand, or of the part that asks for nothing. */
static uint64_t pages_ahead(const struct world *w, const struct ask *ask,
			    const struct reply *reply)
{
	const struct gms_change *part = &ask->part[reply->part];
	const uint64_t rest = part->range.npages - reply->part_pages;
	const gms_gfn at = part->range.first + reply->part_pages;
	uint64_t most = UINT64_MAX, idle = 0;

	if (asks_nothing(w, part))
		idle = rest;
	else if (ask->flags & GMS_REQUEST_HOLES)
		idle = least(world_next(at) - at, rest);
	if (ask->chunk_pages != GMS_REQUEST_WHOLE)
		most = ask->chunk_pages - reply->pages % ask->chunk_pages;
	if (most < idle)
		most = idle;
	return ask->most_pages ? least(most, ask->most_pages - reply->pages) : most;
}

/* Pages of a range before the first that is barred. */
static uint64_t admitted(const struct world *w, const struct ask *ask, struct gms_range range)
{
	uint64_t n = 0;

	for (unsigned i = 0; ask->barred && i < WORLD_PAGES; i++) {
		const gms_gfn gfn = world_gfn(i);

		if (gfn >= range.first && gfn - range.first < range.npages &&
		    (w->state[i] & ask->barred))
			return gfn - range.first;
	}
	n = range.npages;
	return n;
}

static unsigned cut(const struct world *w, const struct ask *ask, const struct reply *reply,
		    struct piece *pieces)
{
	uint64_t most = pages_ahead(w, ask, reply), done = reply->part_pages;
	unsigned n = 0;

	for (uint32_t i = reply->part; i < ask->nparts && most; i++, done = 0) {
		struct piece *piece = &pieces[n++];
		struct gms_range *range = &piece->change.range;

		*piece = (struct piece){ .change = ask->part[i], .part = i };
		range->first += done;
		range->npages = least(range->npages - done, most);
		most -= range->npages;
		if (asks_nothing(w, &piece->change))
			continue;
		done = admitted(w, ask, *range);
		if (done < range->npages) {
			range->npages = done;
			piece->error = ASK_BARRED;
			break;
		}
	}
	return n;
}

static void advance(const struct ask *ask, struct reply *reply, uint64_t npages)
{
	reply->pages += npages;
	reply->part_pages += npages;
	if (reply->part_pages == ask->part[reply->part].range.npages) {
		reply->part++;
		reply->part_pages = 0;
	}
}

/* All pieces as one conversion: false, and nothing done, if that is refused. */
static bool all_at_once(struct world *w, const struct ask *ask, struct reply *reply,
			const struct piece *pieces, unsigned n)
{
	struct gms_change changes[ASK_PARTS];
	size_t nchanges = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct gms_change *change = &pieces[i].change;

		if (asks_nothing(w, change) || !change->range.npages)
			continue;
		changes[nchanges++] = world_named(*change);
	}
	if (world_convert_all(w, changes, nchanges, ask->flags & GMS_REQUEST_HOLES ?
			      WORLD_SKIP_HOLES : 0, NULL))
		return false;
	for (unsigned i = 0; i < n; i++)
		advance(ask, reply, pieces[i].change.range.npages);
	return true;
}

static void barred(const struct piece *piece, struct reply *reply)
{
	reply->error = piece->error;
	if (piece->error)
		reply->error_gfn = piece->change.range.first + piece->change.range.npages;
}

static void one_by_one(struct world *w, const struct ask *ask, struct reply *reply,
		       const struct piece *pieces, unsigned n)
{
	const unsigned flags = (ask->flags & GMS_REQUEST_HOLES ? WORLD_SKIP_HOLES : 0) |
			       (ask->granular ? WORLD_AS_FAR : 0);

	for (unsigned i = 0; i < n && !reply->error; i++) {
		const struct gms_change *change = &pieces[i].change;
		struct world_did did = { .npages = change->range.npages };
		int err = 0;

		if (!asks_nothing(w, change))
			err = world_convert(w, change->range, change->set, change->clear, flags,
					    &did);
		advance(ask, reply, did.npages);
		if (err) {
			reply->error = err;
			reply->error_gfn = did.error_gfn;
			reply->error_reason = did.reason;
		} else {
			barred(&pieces[i], reply);
		}
	}
}

void oracle_request(struct world *w, const struct ask *ask, struct reply *reply)
{
	struct piece pieces[ASK_PARTS];
	unsigned n;

	memset(reply, 0, sizeof(*reply));
	while (!reply->error && reply->part < ask->nparts &&
	       (!ask->most_pages || reply->pages < ask->most_pages)) {
		n = cut(w, ask, reply, pieces);
		if (all_at_once(w, ask, reply, pieces, n))
			barred(&pieces[n - 1], reply);
		else
			one_by_one(w, ask, reply, pieces, n);
	}
	if (!reply->error && reply->part == ask->nparts)
		reply->error = ask->stop_error;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * group.c - requests that are carried out in one commit; see group.h.
 */
#include "guest/group.h"

#include <errno.h>

#include "guest/run.h"

#define TRIES	3u	/* G5 */

/* Between which pages all is that it still asks for. */
static void measure_one(struct gms_request *request)
{
	request->low = UINT64_MAX;
	request->high = 0;
	for (uint32_t i = request->place.part; i < request->nparts; i++) {
		const struct gms_range range = request->part[i].change.range;

		request->low = gms__min(request->low, range.first);
		request->high = gms__max(request->high, range.first + range.npages);
	}
}

/* All of them, if that matters to one (G3). */
static void measure(struct gms__group *group)
{
	struct gms_request *one = group->first;

	while (one && !one->admit)
		one = one->next;
	if (!one)
		return;
	for (one = group->first; one; one = one->next)
		measure_one(one);
}

/*
 * Does one before it come near it? This looks at all of them, but who is admitted by
 * state asks for a few pages side by side, and there are no more requests than vCPUs.
 */
static bool comes_near(const struct gms__group *group, const struct gms_request *request)
{
	for (const struct gms_request *one = group->first; one != request; one = one->next) {
		if (!one->aside && one->low < request->high && request->low < one->high)
			return true;
	}
	return false;
}

static void put_aside_from(struct gms_request *request)
{
	for (; request; request = request->next)
		request->aside = true;
}

/*
 * Add the changes of all: false if there was no room for those of one, which is aside
 * then with those after it; some of its changes are in the batch.
 */
static bool gather(struct gms__group *group, struct gms_batch *batch, size_t *nchanges,
		   uint32_t *content)
{
	bool any = false;

	*nchanges = 0;
	gms_batch_clear(batch);
	for (struct gms_request *one = group->first; one; one = one->next) {
		if (one->aside)
			continue;
		if (!any)
			*content = one->opts.content;
		one->aside = one->opts.content != *content ||
			     (one->admit && comes_near(group, one));
		if (one->aside)
			continue;
		if (gms__request_window(one, batch, &one->window)) {
			put_aside_from(one);
			return false;
		}
		*nchanges += one->window.nchanges;
		any = true;
	}
	return true;
}

/* Is it a page of the request's window? */
static bool has(const struct gms_request *request, gms_gfn gfn)
{
	const struct gms__reached from = request->place, end = request->window.end;

	for (uint32_t i = from.part; i < request->nparts && i <= end.part; i++) {
		const struct gms_range range = request->part[i].change.range;
		const uint64_t begin = i == from.part ? from.pages : 0;
		const uint64_t stop = i == end.part ? end.pages : range.npages;

		if (gfn - range.first >= begin && gfn - range.first < stop)
			return true;
	}
	return false;
}

/*
 * Those with the page that was refused: false if it is nobody's. Where memory ran out
 * says nothing of who asked for too much.
 */
static bool put_aside(struct gms__group *group, const struct gms_convert_result *did)
{
	bool found = false;

	if (did->error_reason == GMS_REASON_NONE || did->error_reason == GMS_REASON_NO_MEMORY)
		return false;
	for (struct gms_request *one = group->first; one; one = one->next) {
		if (one->aside)
			continue;
		one->aside = has(one, did->error_gfn);
		found |= one->aside;
	}
	return found;
}

static void advance(struct gms__group *group)
{
	for (struct gms_request *one = group->first; one; one = one->next) {
		if (one->aside)
			continue;
		gms__request_advance(one, &one->window);
		one->joint = true;
	}
}

/* One commit of those that are in: false if it was refused. */
static bool commit(struct gms__group *group, struct gms_batch *batch, gms_tag tag,
		   struct gms_convert_result *did)
{
	struct gms_convert_opts how;
	size_t nchanges;

	GMS_INIT(&how);
	GMS_INIT(did);
	how.flags = GMS_CONVERT_NO_WAIT;
	how.tag = tag;
	while (!gather(group, batch, &nchanges, &how.content))
		;
	if (!nchanges)
		return true;
	group->commits++;
	if (!gms_batch_commit(batch, &how, did))
		return true;
	group->refused++;
	return false;
}

void gms__group_commit(struct gms__group *group, struct gms_batch *batch, gms_tag tag)
{
	struct gms_convert_result did;
	unsigned tries = 0;

	for (const struct gms_request *one = group->first; one; one = one->next)
		group->tried += !one->aside;
	measure(group);
	do {
		if (commit(group, batch, tag, &did)) {
			advance(group);
			return;
		}
	} while (put_aside(group, &did) && ++tries < TRIES);
	put_aside_from(group->first);
}

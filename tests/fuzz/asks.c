/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asks.c - requests as no protocol makes them: drawn, begun, and compared; see asks.h.
 *
 * White box: parts are added as protocols add them, and are stranger than theirs.
 */
#include "asks.h"

#include <errno.h>

#define S	GMS_STATE_SHARED
#define PARTS	24u

static gms_state barred;	/* what the admit function below looks at */

static int admit(struct gms_request *request, struct gms_range range, uint64_t *npages)
{
	gms_gfn gfn;

	if (gms_find(request->space, range, barred, barred, &gfn))
		return 0;
	*npages = gfn - range.first;
	return gms__request_blame(request, gfn, GMS_REASON_NONE, ASK_BARRED);
}

static void draw_part(struct fuzz_in *in, struct ask *ask)
{
	static const struct { gms_state set, clear; } whats[] = {
		{ S, 0 }, { 0, S }, { S, GMS_STATE_ACCEPTED }, { 0, S | GMS_STATE_ACCEPTED },
		{ GMS_STATE_ACCEPTED, 0 }, { 0, GMS_STATE_POPULATED }, { GMS_STATE_DESTROYED, S },
		{ 0, 0 },
	};
	const gms_gfn first = fuzz_gfn(in);
	const uint64_t npages = fuzz_pages(in);
	const uint8_t what = fuzz_u8(in) % 8;

	if (npages && first < GMS_GFN_LIMIT && npages <= GMS_GFN_LIMIT - first)
		ask->part[ask->nparts++] = (struct gms_change){
			{ first, npages }, whats[what].set, whats[what].clear
		};
}

void ask_draw(struct fuzz_in *in, struct ask *ask, bool plain)
{
	static const uint64_t chunks[] = { GMS_REQUEST_WHOLE, GMS_REQUEST_WHOLE, 512, 512, 300, 64 };
	static const uint16_t most[] = { 0, 0, 1, 512, 700 };
	const uint8_t options = fuzz_u8(in);

	*ask = (struct ask){ 0 };
	ask->flags = options & 1 ? GMS_REQUEST_HOLES : 0;
	ask->granular = options & 2;
	ask->stop_error = options & 4 ? -EPROTO : 0;
	ask->chunk_pages = chunks[options / 8 % 6];
	ask->most_pages = most[fuzz_below(in, 5)];
	/* A protocol that looks at pages first has requests of one part. */
	ask->barred = options / 8 == 31 ? GMS_STATE_DIRTY : 0;
	if (plain) {
		ask->chunk_pages = GMS_REQUEST_WHOLE;
		ask->most_pages = 0;
		ask->barred = 0;
	}
	for (unsigned n = ask->barred ? 1 : fuzz_below(in, PARTS + 1); n && in->left; n--)
		draw_part(in, ask);
}

void ask_begin(struct gms_request *request, const struct ask *ask)
{
	fuzz_same("begin", gms__request_begin(request, GMS_PROTOCOL_SNP_PSC, ask->chunk_pages), 0);
	for (uint32_t i = 0; i < ask->nparts; i++)
		gms__request_add(request, ask->part[i].range, ask->part[i].set,
				 ask->part[i].clear);
	barred = ask->barred;
	request->admit = barred ? admit : NULL;
	request->granular = ask->granular;
	gms__request_ready(request, ask->stop_error);
}

void ask_end(struct gms_request *request, const struct reply *reply)
{
	struct gms_request_result result;

	GMS_INIT(&result);
	fuzz_same("gms_request_result()", gms_request_result(request, &result), 0);
	fuzz_same("step", result.step, GMS_REQUEST_DONE);
	fuzz_same("error", result.error, reply->error);
	fuzz_same("parts done", result.parts_done, reply->part);
	fuzz_same("pages done of the next part", result.part_pages_done, reply->part_pages);
	fuzz_same("pages done", result.pages_done, reply->pages);
	fuzz_same("error gfn", result.error_gfn, reply->error_gfn);
	fuzz_same("reason", result.error_reason, reply->error_reason);
	fuzz_same("end", gms__request_end(request, GMS_PROTOCOL_SNP_PSC), 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_request.c - requests as no protocol makes them, run one by one.
 *
 * Each is interrupted where its options say so, or where a page is held; then all is let
 * go of, and another goes on.
 */
#include "asks.h"

#define ROUNDS	4

const char fuzz_name[] = "request";

static const uint32_t profiles[] = {
	GMS_PROFILE_GENERIC, GMS_PROFILE_KVM_ATTRS, GMS_PROFILE_SNP, GMS_PROFILE_CCA,
};

static void run(struct world *w, const struct ask *ask)
{
	struct gms_request_opts opts;
	struct gms_request *request;
	struct reply reply;

	GMS_INIT(&opts);
	opts.flags = ask->flags;
	opts.most_pages = ask->most_pages;
	request = world_request(w, &opts);
	ask_begin(request, ask);
	fuzz_same("gms_request_run()", gms_request_run(request), 0);
	oracle_request(w, ask, &reply);
	ask_end(request, &reply);
	world_compare(w);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	struct fuzz_in in = fuzz_in(data, bytes);
	struct world *w = world_get(profiles[fuzz_below(&in, 4)]);
	struct ask ask;

	world_setup(w, &in);
	for (unsigned i = 0; i < ROUNDS && in.left; i++) {
		ask_draw(&in, &ask, false);
		run(w, &ask);
		if (fuzz_u8(&in) & 1) {
			world_release(w);
			world_thaw(w);
		}
	}
	world_compare(w);
	return 0;
}

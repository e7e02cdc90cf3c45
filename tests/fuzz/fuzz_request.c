/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_request.c - parts of requests as no protocol makes them, against parts in order.
 *
 * White box: parts are added as protocols add them. The oracle takes the request's words
 * at face value: all of a window at once where that is allowed, else part by part.
 */
#include "world.h"
#include "guest/request.h"

const char fuzz_name[] = "request";

static const uint32_t profiles[] = {
	GMS_PROFILE_GENERIC, GMS_PROFILE_KVM_ATTRS, GMS_PROFILE_SNP, GMS_PROFILE_CCA,
};

int fuzz_one(const uint8_t *data, size_t bytes)
{
	struct fuzz_in in = fuzz_in(data, bytes);
	struct world *w = world_get(profiles[fuzz_below(&in, 4)]);

	world_setup(w, &in);
	world_compare(w);
	for (unsigned n = fuzz_below(&in, 16); n && in.left; n--) {
		const gms_gfn first = fuzz_gfn(&in);
		const uint64_t npages = fuzz_pages(&in);
		const bool share = fuzz_u8(&in) & 1;

		if (npages && first < GMS_GFN_LIMIT && npages <= GMS_GFN_LIMIT - first)
			(void)world_convert_both(w, (struct gms_range){ first, npages },
						 share ? GMS_STATE_SHARED : 0,
						 share ? 0 : GMS_STATE_SHARED);
	}
	world_compare(w);
	if (fuzz_u8(&in) & 1) {
		world_release(w);
		world_thaw(w);
		world_compare(w);
	}
	return 0;
}

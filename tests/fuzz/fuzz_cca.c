/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_cca.c - RSI_IPA_STATE_SET as realms send it, asked again where that is said.
 */
#include "oracle_cca.h"

const char fuzz_name[] = "cca";

static const uint32_t profiles[] = {
	GMS_PROFILE_CCA, GMS_PROFILE_GENERIC, GMS_PROFILE_SNP, GMS_PROFILE_KVM_ATTRS,
};

static struct gms_cca_answer ask(struct world *w, struct limits *limits,
				 struct gms_request *request, uint64_t base, uint64_t top,
				 uint64_t ripas, uint64_t flags)
{
	struct gms_request_result result;
	struct gms_cca_answer answer;
	struct cca_answer must;

	limits_call(limits);
	fuzz_same("gms_cca_ripas()",
		  gms_cca_ripas(request, base, top, ripas, flags, &answer), 0);
	must = oracle_cca_ripas(w, limits, base, top, ripas, flags);
	fuzz_same("X0", answer.x0, must.x0);
	fuzz_same("X1", answer.x1, must.x1);
	fuzz_same("X2", answer.x2, must.x2);
	fuzz_same("times asked", limits->asked[0], limits->asked[1]);
	GMS_INIT(&result);
	fuzz_same("gms_request_result()", gms_request_result(request, &result), 0);
	fuzz_same("pages done", result.pages_done, must.pages);
	fuzz_same("changed pages", result.changed_pages, must.changed);
	return answer;
}

/* As Linux goes on, but not for ever. */
static void set(struct world *w, struct limits *limits, struct gms_request *request,
		struct fuzz_in *in)
{
	uint64_t base = limits_gpa(limits, in);
	const uint64_t top = base + limits_bytes(limits, base, in);
	const uint8_t ripas = fuzz_u8(in), flags = fuzz_u8(in);

	for (unsigned calls = fuzz_u8(in) % 8u + 1; calls; calls--) {
		const struct gms_cca_answer answer =
			ask(w, limits, request, base, top,
			    ripas < 240 ? ripas % 2u : (uint64_t)ripas << (ripas % 64), flags);

		if (answer.x0 || answer.x2 || answer.x1 == top)
			return;
		if (answer.x1 < base || answer.x1 > top)
			fuzz_fail("a realm would not believe X1");
		base = answer.x1;
	}
}

/* The host takes pages away. */
static void destroy(struct world *w, struct fuzz_in *in)
{
	const gms_gfn first = fuzz_gfn(in);
	const struct gms_range range = { first, fuzz_below(in, 64) + 1 };

	if (range.first < GMS_GFN_LIMIT - range.npages && (w->known & GMS_STATE_DESTROYED))
		(void)world_convert_both(w, range, GMS_STATE_DESTROYED, 0);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	struct fuzz_in in = fuzz_in(data, bytes);
	struct world *w = world_get(profiles[fuzz_below(&in, 4)]);
	struct limits limits = limits_draw(&in, UINT64_MAX);
	struct gms_request *request = limits_request(&limits, w);

	world_setup(w, &in);
	for (unsigned n = 0; n < 12 && in.left; n++) {
		const uint8_t what = fuzz_u8(&in);

		if (what < 200)
			set(w, &limits, request, &in);
		else if (what < 240)
			destroy(w, &in);
		else if (what < 248)
			world_release(w);
		else
			world_thaw(w);
	}
	world_compare(w);
	gms_request_free(request);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_tdx.c - MapGPA and acceptance, as guests send them, asked again where that is said.
 */
#include <errno.h>

#include "oracle_tdx.h"

const char fuzz_name[] = "tdx";

static const uint32_t profiles[] = {
	GMS_PROFILE_TDX, GMS_PROFILE_GENERIC, GMS_PROFILE_SNP, GMS_PROFILE_KVM_ATTRS,
};

static void compare_result(const struct gms_request *request, const struct tdx_answer *must)
{
	struct gms_request_result result;

	GMS_INIT(&result);
	fuzz_same("gms_request_result()", gms_request_result(request, &result), 0);
	fuzz_same("pages done", result.pages_done, must->pages);
	fuzz_same("changed pages", result.changed_pages, must->changed);
}

static void map_once(struct world *w, struct limits *limits, struct gms_request *request,
		     uint64_t r12, uint64_t r13, struct tdx_answer *answer)
{
	limits_call(limits);
	fuzz_same("gms_tdx_map()", gms_tdx_map(request, r12, r13, &answer->r10, &answer->r11), 0);
	const struct tdx_answer must = oracle_tdx_map(w, limits, r12, r13);

	fuzz_same("R10", answer->r10, must.r10);
	fuzz_same("R11", answer->r11, must.r11);
	fuzz_same("times asked", limits->asked[0], limits->asked[1]);
	compare_result(request, &must);
}

/* As Linux goes on, but not for ever. */
static void map(struct world *w, struct limits *limits, struct gms_request *request,
		struct fuzz_in *in)
{
	uint64_t r12 = limits_gpa(limits, in), r13 = limits_bytes(limits, r12, in);
	struct tdx_answer answer = { .r10 = 1 };

	for (unsigned calls = fuzz_u8(in) % 8u + 1; calls && answer.r10 == 1; calls--) {
		const uint64_t end = r12 + r13;

		map_once(w, limits, request, r12, r13, &answer);
		if (answer.r10 == 1 && (answer.r11 < r12 || answer.r11 >= end))
			fuzz_fail("a guest would not believe R11");
		r12 = answer.r11;
		r13 = end - r12;
	}
}

static void accept(struct world *w, struct limits *limits, struct gms_request *request,
		   struct fuzz_in *in)
{
	const uint8_t level = fuzz_u8(in);
	uint64_t rcx = limits_gpa(limits, in), rax;
	int err;

	if (level % 4 && level < 200)	/* mostly of a level that its address allows */
		rcx &= ~((UINT64_C(4096) << (9 * (level % 4))) - 1);
	rcx |= level < 240 ? level % 4 : level % 16;
	err = gms_tdx_accept(request, rcx, &rax);
	if (!(w->known & GMS_STATE_ACCEPTED)) {
		fuzz_same("gms_tdx_accept()", err, -EOPNOTSUPP);
		return;
	}
	fuzz_same("gms_tdx_accept()", err, 0);
	const struct tdx_answer must = oracle_tdx_accept(w, limits, rcx);

	fuzz_same("RAX", rax, must.rax);
	compare_result(request, &must);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	struct fuzz_in in = fuzz_in(data, bytes);
	struct world *w = world_get(profiles[fuzz_below(&in, 4)]);
	struct limits limits = limits_draw(&in, 512);
	struct gms_request *request = limits_request(&limits, w);

	world_setup(w, &in);
	for (unsigned n = 0; n < 12 && in.left; n++) {
		const uint8_t what = fuzz_u8(&in);

		if (what < 120)
			map(w, &limits, request, &in);
		else if (what < 240)
			accept(w, &limits, request, &in);
		else if (what < 248)
			world_release(w);
		else
			world_thaw(w);
	}
	world_compare(w);
	gms_request_free(request);
	return 0;
}

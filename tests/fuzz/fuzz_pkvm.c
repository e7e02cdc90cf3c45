/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_pkvm.c - share, unshare and relinquish as guests call them, with pages brought in
 * where that is asked for; and the pairs of the table, which every call keeps sound.
 */
#include "oracle_pkvm.h"

const char fuzz_name[] = "pkvm";

static const uint32_t profiles[] = {
	GMS_PROFILE_PKVM, GMS_PROFILE_GENERIC, GMS_PROFILE_GMEM_INPLACE, GMS_PROFILE_SNP,
};

/* Registers that are a call's, mostly. */
static void draw(struct fuzz_in *in, const struct limits *limits, uint64_t x[4])
{
	static const uint8_t calls[] = { 3, 3, 3, 4, 4, 4, 9, 2 };
	const uint8_t kind = fuzz_u8(in), reserved = fuzz_u8(in);

	x[0] = UINT64_C(0xc6000000) + (kind < 240 ? calls[kind % 8] : kind % 16u);
	x[1] = limits_gpa(limits, in);
	x[2] = kind % 8 < 6 ? fuzz_pages(in) : 0;
	x[3] = 0;
	if (reserved >= 240)
		x[reserved % 4] ^= UINT64_C(1) << fuzz_u8(in) % 64;
	if (kind % 8 == 7)
		x[1] = 0;
}

static uint32_t ask(struct world *w, struct limits *limits, struct gms_request *request,
		    bool ranges, const uint64_t x[4], gms_gfn *gfn)
{
	uint64_t regs[4] = { x[0], x[1], x[2], x[3] };
	struct gms_request_result result;
	struct pkvm_answer must;
	uint32_t action = UINT32_MAX;

	limits_call(limits);
	fuzz_same("gms_pkvm()", gms_pkvm(request, ranges ? GMS_PKVM_RANGES : 0, regs, &action), 0);
	must = oracle_pkvm(w, limits, ranges, x);
	fuzz_same("action", action, must.action);
	for (unsigned i = 0; i < 4; i++)
		fuzz_same("register", regs[i], action == GMS_PKVM_ANSWER ? must.x[i] : x[i]);
	GMS_INIT(&result);
	fuzz_same("gms_request_result()", gms_request_result(request, &result), 0);
	fuzz_same("pages done", result.pages_done, must.granules);
	fuzz_same("changed pages", result.changed_pages, must.changed);
	fuzz_same("times asked", limits->asked[0], limits->asked[1]);
	*gfn = result.error_gfn;
	if (action == GMS_PKVM_BRING_IN)
		fuzz_same("page to bring in", *gfn, must.gfn);
	return action;
}

/* A call, and the same again once its page was brought in. */
static void call(struct world *w, struct limits *limits, struct gms_request *request, bool ranges,
		 struct fuzz_in *in)
{
	gms_gfn gfn;
	uint64_t x[4];

	draw(in, limits, x);
	for (unsigned n = 0; n < 4; n++) {
		if (ask(w, limits, request, ranges, x, &gfn) != GMS_PKVM_BRING_IN)
			return;
		if (world_convert_both(w, (struct gms_range){ gfn, 1 }, GMS_STATE_POPULATED,
				       GMS_STATE_SHARED))
			return;
	}
	fuzz_fail("page 0x%llx was brought in again and again", (unsigned long long)gfn);
}

/* A guest that runs has most of its memory. */
static void populate(struct world *w, uint8_t regions)
{
	for (unsigned i = 0; i < 5; i++) {
		const gms_gfn first = world_border(2 * i), end = world_border(2 * i + 1);

		if (regions >> i & 1)
			(void)world_convert_both(w, (struct gms_range){ first, end - first },
						 GMS_STATE_POPULATED, 0);
	}
}

static bool owns(uint32_t side)
{
	return side == GMS_PKVM_OWNED || side == GMS_PKVM_SHARED_OWNED;
}

/* Whatever the table allows, one side owns the page then, and lends it if it is borrowed. */
static void table(struct fuzz_in *in)
{
	struct gms_pkvm_page page = {
		fuzz_u8(in) % 8u, fuzz_u8(in) % 8u, fuzz_u8(in) % 4u, fuzz_u8(in) % 2u,
	};
	const struct gms_pkvm_page before = page;
	const uint32_t op = fuzz_u8(in) % 16u;

	if (gms_pkvm_may(op, &page, &page)) {
		if (page.host != before.host || page.guest != before.guest ||
		    page.count != before.count || page.order != before.order)
			fuzz_fail("a page changed that was refused");
		return;
	}
	fuzz_same("owners", owns(page.host) + owns(page.guest), 1);
	if (page.host == GMS_PKVM_SHARED_BORROWED)
		fuzz_same("lent by the guest", page.guest, GMS_PKVM_SHARED_OWNED);
	if (page.guest == GMS_PKVM_SHARED_BORROWED)
		fuzz_same("lent by the host", page.host, GMS_PKVM_SHARED_OWNED);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	struct fuzz_in in = fuzz_in(data, bytes);
	struct world *w = world_get(profiles[fuzz_below(&in, 4)]);
	struct limits limits = limits_draw(&in, UINT64_MAX);
	struct gms_request *request = limits_request(&limits, w);
	const uint8_t kind = fuzz_u8(&in);

	populate(w, kind >> 1);
	world_setup(w, &in);
	for (unsigned n = 0; n < 16 && in.left; n++) {
		const uint8_t what = fuzz_u8(&in);

		if (what < 208)
			call(w, &limits, request, kind & 1, &in);
		else if (what < 232)
			table(&in);
		else if (what < 244)
			world_release(w);
		else
			world_thaw(w);
	}
	world_compare(w);
	gms_request_free(request);
	return 0;
}

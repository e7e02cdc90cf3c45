/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_tdx.c - what a TDX guest must be answered; see oracle_tdx.h.
 *
 * Addresses are 128 bits wide here, so that nothing wraps, and every page is looked at.
 */
#include "oracle_tdx.h"

#include <errno.h>

#define S	GMS_STATE_SHARED
#define A	GMS_STATE_ACCEPTED

typedef unsigned __int128 wide;

static uint64_t map_error(const struct limits *limits, uint64_t r12, uint64_t r13)
{
	const wide all = (wide)1 << limits->gpa_bits, half = all / 2;
	const wide end = (wide)r12 + r13;

	if (!r13 || end > all)
		return 0x8000000000000000u;
	if (r12 < half && end > half)
		return 0x8000000000000000u;
	if (r12 % 4096 || r13 % 4096)
		return 0x8000000000000002u;
	return 0;
}

struct tdx_answer oracle_tdx_map(struct world *w, struct limits *limits, uint64_t r12,
				 uint64_t r13)
{
	const uint64_t half = UINT64_C(1) << (limits->gpa_bits - 1), npages = r13 / 4096;
	const uint64_t first = r12 % half / 4096;
	const bool share = r12 >= half;
	struct tdx_answer answer = { .r10 = map_error(limits, r12, r13), .r11 = r12 };
	bool ends = answer.r10;

	while (!ends) {
		const struct gms_range next = { first + answer.pages,
						limits_next(limits, first, answer.pages, npages) };
		struct world_did did;
		const int err = world_convert(w, next, share ? S : 0, share ? 0 : S,
					      limits->holes ? WORLD_SKIP_HOLES : 0, &did);

		answer.pages += did.npages;
		answer.changed += did.changed;
		if (err == -EAGAIN || err == -EBUSY)
			answer.r10 = 1;
		else if (err)
			answer.r10 = 0x8000000000000000u;
		ends = err || limits_ends(limits, answer.pages, npages);
		if (!err && ends)
			answer.r10 = answer.pages < npages;
	}
	answer.r11 = answer.r10 ? r12 + 4096 * answer.pages : 0;
	return answer;
}

/* The level that a page is mapped at: its folio, and nothing shared or accepted in part. */
static unsigned mapped_level(const struct world *w, gms_gfn gfn)
{
	struct gms_folio folio;
	unsigned level = 2;

	GMS_INIT(&folio);
	fuzz_same("gms_folio_at()", gms_folio_at(w->space, gfn, &folio), 0);
	for (; level; level--) {
		const uint64_t size = UINT64_C(1) << (9 * level), first = gfn / size * size;
		uint64_t same = 0;

		if (folio.order < 9 * level)
			continue;
		while (same < size && !((world_state(w, first + same) ^ world_state(w, gfn)) &
					(S | A)))
			same++;
		if (same == size)
			break;
	}
	return level;
}

static uint64_t accept_page(struct world *w, gms_gfn gfn, unsigned level, struct world_did *did)
{
	unsigned mapped;

	if (world_state(w, gfn) == GMS_HOLE)
		return 0xc000010000000001u;
	mapped = mapped_level(w, gfn);
	if (mapped < level)
		return 0xc0000b0b00000000u + level;
	if (world_state(w, gfn) & S)
		return 0xc000010000000001u;
	if (world_state(w, gfn) & A)
		return 0x00000b0a00000000u + mapped;
	fuzz_same("the oracle's acceptance",
		  world_convert(w, (struct gms_range){ gfn, UINT64_C(1) << (9 * level) }, A, 0, 0,
				did), 0);
	return 0;
}

struct tdx_answer oracle_tdx_accept(struct world *w, const struct limits *limits, uint64_t rcx)
{
	const unsigned level = rcx % 8;
	const uint64_t gpa = rcx - level, half = UINT64_C(1) << (limits->gpa_bits - 1);
	struct tdx_answer answer = { .rax = 0xc000010000000001u };
	struct world_did did = { .npages = 0 };
	uint64_t size;

	if (level > 2)
		return answer;
	size = UINT64_C(1) << (9 * level);
	if (gpa >= half || gpa % (4096 * size))
		return answer;
	if (size > limits->most_pages)
		answer.rax = 0xc0000b0b00000000u + level;
	else
		answer.rax = accept_page(w, gpa / 4096, level, &did);
	answer.pages = did.npages;
	answer.changed = did.changed;
	return answer;
}

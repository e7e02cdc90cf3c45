/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.c - how far a call may go; see limits.h.
 */
#include "limits.h"

struct limits limits_draw(struct fuzz_in *in, uint64_t host_chunk)
{
	static const uint8_t bits[] = { 48, 52, 40, 32 };
	static const uint64_t worth[] = { 1, 3, 511, 512, 513, 700, 1024, 4096 };
	struct limits limits = { .gpa_bits = bits[fuzz_below(in, 4)], .host_chunk = host_chunk };
	const uint8_t chunk = fuzz_u8(in), most = fuzz_u8(in);

	limits.holes = fuzz_u8(in) & 1;
	limits.stop_after = fuzz_u8(in) % 16u;
	limits.chunk_pages = chunk < 100 ? host_chunk : chunk < 170 ? UINT64_MAX : worth[chunk % 8];
	limits.most_pages = most < 100 ? UINT64_MAX : worth[most % 8];
	return limits;
}

static bool stop(void *ctx)
{
	struct limits *limits = ctx;

	return ++limits->asked[0] == limits->stop_after;
}

struct gms_request *limits_request(struct limits *limits, struct world *w)
{
	struct gms_request *request = NULL;
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.flags = limits->holes ? GMS_REQUEST_HOLES : 0;
	opts.gpa_bits = limits->gpa_bits;
	if (limits->chunk_pages != limits->host_chunk)
		opts.chunk_pages = limits->chunk_pages;
	if (limits->most_pages != UINT64_MAX)
		opts.most_pages = limits->most_pages;
	opts.stop = stop;
	opts.ctx = limits;
	fuzz_same("gms_request_new()", gms_request_new(&request, w->space, &opts), 0);
	return request;
}

void limits_call(struct limits *limits)
{
	limits->asked[0] = limits->asked[1] = 0;
}

/* Frames from one on that are a hole. */
static uint64_t hole_at(gms_gfn gfn)
{
	for (unsigned i = 0; i < WORLD_PAGES; i++) {
		if (world_gfn(i) >= gfn)
			return world_gfn(i) - gfn;
	}
	return UINT64_MAX;
}

uint64_t limits_next(const struct limits *limits, gms_gfn first, uint64_t done, uint64_t npages)
{
	uint64_t next = limits->chunk_pages - done % limits->chunk_pages;

	if (limits->holes && hole_at(first + done) > next)
		next = hole_at(first + done);
	if (limits->most_pages - done < next)
		next = limits->most_pages - done;
	return npages - done < next ? npages - done : next;
}

bool limits_ends(struct limits *limits, uint64_t done, uint64_t npages)
{
	if (done == npages || done == limits->most_pages)
		return true;
	return ++limits->asked[1] == limits->stop_after;
}

uint64_t limits_gpa(const struct limits *limits, struct fuzz_in *in)
{
	const uint64_t half = UINT64_C(1) << (limits->gpa_bits - 1);
	const uint8_t kind = fuzz_u8(in);
	uint64_t gpa = fuzz_gfn(in) << GMS_PAGE_SHIFT;

	if (kind >= 240)
		gpa |= UINT64_C(1) << (kind % 16);
	else if (kind >= 192)	/* near the border of the halves, or of all */
		gpa = half * (1 + kind % 2) + (gpa & 0xf000) - 0x8000;
	return kind & 64 ? gpa ^ half : gpa;
}

uint64_t limits_bytes(const struct limits *limits, uint64_t gpa, struct fuzz_in *in)
{
	const uint64_t half = UINT64_C(1) << (limits->gpa_bits - 1);
	const uint8_t kind = fuzz_u8(in);
	const uint64_t bytes = fuzz_pages(in) << GMS_PAGE_SHIFT;

	if (kind < 200)
		return bytes;
	if (kind < 230)
		return half * (1 + kind % 2) - gpa + (kind >= 220);
	return kind % 2 ? bytes + kind - 230 : bytes - kind + 230;
}

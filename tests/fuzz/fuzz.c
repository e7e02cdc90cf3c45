/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.c - reads an input, and says what is wrong with what came of it.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	return fuzz_one(data, bytes);
}

void fuzz_fail(const char *form, ...)
{
	va_list args;

	fprintf(stderr, "fuzz_%s: ", fuzz_name);
	va_start(args, form);
	vfprintf(stderr, form, args);
	va_end(args);
	fputc('\n', stderr);
	fflush(stderr);
	abort();
}

void fuzz_same_at(const char *what, uint64_t ours, uint64_t theirs, const char *file, int line)
{
	if (ours != theirs)
		fuzz_fail("%s:%d: %s: %" PRId64 " (0x%" PRIx64 ") and not %" PRId64
			  " (0x%" PRIx64 ")", file, line, what, (int64_t)ours, ours,
			  (int64_t)theirs, theirs);
}

static uint64_t take(struct fuzz_in *in, unsigned bytes)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < bytes && in->left; i++, in->at++, in->left--)
		word |= (uint64_t)*in->at << (8 * i);
	return word;
}

uint8_t fuzz_u8(struct fuzz_in *in)
{
	return (uint8_t)take(in, 1);
}

uint16_t fuzz_u16(struct fuzz_in *in)
{
	return (uint16_t)take(in, 2);
}

uint32_t fuzz_u32(struct fuzz_in *in)
{
	return (uint32_t)take(in, 4);
}

uint64_t fuzz_u64(struct fuzz_in *in)
{
	return take(in, 8);
}

uint32_t fuzz_below(struct fuzz_in *in, uint32_t bound)
{
	return (uint32_t)take(in, bound <= 256 ? 1 : 2) % bound;
}

gms_gfn fuzz_gfn(struct fuzz_in *in)
{
	static const gms_gfn wrap[] = {
		UINT64_C(1) << 20, UINT64_C(1) << 32, GMS_GFN_LIMIT / 2, GMS_GFN_LIMIT,
		GMS_GFN_LIMIT - 512, UINT64_C(1) << 51, UINT64_C(1) << 52, 0,
	};
	const uint8_t kind = fuzz_u8(in);
	const uint16_t word = fuzz_u16(in);

	switch (kind % 8) {
	case 0: case 1: case 2:
		return world_gfn(word % WORLD_PAGES);
	case 3:		/* a block of 2M */
		return world_gfn(word % WORLD_PAGES) & ~UINT64_C(511);
	case 4: case 5:	/* near a border */
		return world_border(word / 16) + word % 16 - 8;
	case 6:
		return wrap[word % 8] + word / 8 % 16 - 8;
	default:	/* in a hole, or past all */
		return (gms_gfn)word << (kind / 8);
	}
}

uint64_t fuzz_pages(struct fuzz_in *in)
{
	static const uint64_t worth[] = {
		1, 2, 3, 511, 512, 513, 1024, 2048, 4096, 0, 8, 64, UINT64_C(1) << 18,
		GMS_GFN_LIMIT, UINT64_C(1) << 52, UINT64_MAX,
	};
	const uint8_t kind = fuzz_u8(in);

	if (kind < 128)
		return worth[kind % 16];
	return kind < 192 ? kind % 64u : fuzz_u8(in) | (kind % 16u) << 8;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.h - what every fuzz target stands on.
 *
 * A target is a program: fuzz_one(), which reads bytes with the fuzz_ functions, does
 * with them what a guest does, in the world (world.h) and beside it in an oracle, and
 * calls fuzz_fail() where the two differ. libFuzzer and AFL++ drive it (scripts/fuzz), and
 * replay.c runs the inputs of its corpus in "make check".
 *
 * A new target, NAME for short: fuzz_NAME.c defines fuzz_name and fuzz_one(); its
 * decoder that is slow and right goes into oracle_NAME.[ch]; tests/Makemodule.am gets
 *
 *	fuzz_targets += tests/fuzz/fuzz_NAME
 *	tests_fuzz_fuzz_NAME_SOURCES = tests/fuzz/fuzz_NAME.c tests/fuzz/oracle_NAME.c ..
 *	tests_fuzz_fuzz_NAME_CPPFLAGS = $(fuzz_cppflags)
 *	tests_fuzz_fuzz_NAME_LDADD = $(fuzz_libs)
 *
 * and tests/fuzz/corpus/NAME some inputs: "scripts/fuzz --seed NAME" makes them.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include <gmemstate/types.h>

/* The target's name, and the folder of its corpus. */
extern const char fuzz_name[];

/* One input. Does not rely on inputs before it; fails by fuzz_fail() only. Returns 0. */
int fuzz_one(const uint8_t *data, size_t bytes);

/* What libFuzzer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Say why, and stop the program: that is how a fuzzer learns of it. */
__attribute__((__format__(__printf__, 1, 2), __noreturn__))
void fuzz_fail(const char *form, ...);

/* fuzz_fail() with both numbers if they differ. */
#define fuzz_same(what, ours, theirs) \
	fuzz_same_at((what), (uint64_t)(ours), (uint64_t)(theirs), __FILE__, __LINE__)
void fuzz_same_at(const char *what, uint64_t ours, uint64_t theirs, const char *file, int line);

/* An input, read from its start; behind its end there are zeros. */
struct fuzz_in {
	const uint8_t *at;
	size_t	 left;
};

static inline struct fuzz_in fuzz_in(const uint8_t *data, size_t bytes)
{
	return (struct fuzz_in){ data, bytes };
}

uint8_t	 fuzz_u8(struct fuzz_in *in);
uint16_t fuzz_u16(struct fuzz_in *in);	/* little-endian, as the wider ones */
uint32_t fuzz_u32(struct fuzz_in *in);
uint64_t fuzz_u64(struct fuzz_in *in);
/* Below @bound, which is 1 to 2^16: of a byte or two. */
uint32_t fuzz_below(struct fuzz_in *in, uint32_t bound);
/*
 * A frame worth a try, of three bytes: mostly one of the world, near a border of its
 * regions or anywhere in them, but also where numbers wrap. Can be GMS_GFN_LIMIT and more.
 */
gms_gfn	 fuzz_gfn(struct fuzz_in *in);
/* A length in pages, of a byte or two: often 1, 512 or nearly that; 0 too, and huge ones. */
uint64_t fuzz_pages(struct fuzz_in *in);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk.h - questions about many words at once, with the instructions this CPU has.
 *
 * A plane is 512 bits in 8 words, bit b in plane[b / 64] at b % 64: a bit a page
 * of a 2 MiB block. Whoever asks holds a table of functions that
 * gms__bulk_choose() gave him; every table gives the same answers.
 *
 *   B1  Nothing outside of what the arguments name is read, and an answer is in
 *       its range whatever is read.
 *   B2  An aligned 8-byte word (of sum16, a count) is read once and in one piece,
 *       so each is one that somebody stored.
 *
 * Others may be storing to what is read here, in aligned words or counts. What
 * was gathered is then of no one moment: the caller looks afterwards, behind an
 * acquire fence, whether a generation has moved, and asks again. For plain C
 * the loads are relaxed atomics. Vector loads are none in the eyes of C, which
 * has no name for them; x86-64 and AArch64 do not split an aligned 8-byte part
 * of one, and volatile keeps the compiler from repeating it. ThreadSanitizer
 * cannot know, so its builds are given plain C.
 *
 * Locking: none, and no state: all functions are class R and async-signal-safe.
 */
#ifndef GMS_BASE_BULK_H
#define GMS_BASE_BULK_H

#include <stdbool.h>
#include <stdint.h>

#define GMS__PLANE_BITS		512u
#define GMS__PLANE_WORDS	8u

/* A plane, and what it is turned into: word i becomes (plane[i] & flip) ^ base. */
struct gms__plane_copy {
	const uint64_t *plane;
	uint64_t	flip;
	uint64_t	base;
};

struct gms__bulk {
	const char *name;

	/* Set bits of a plane; it is aligned to its 64 bytes. */
	unsigned (*plane_count)(const uint64_t plane[GMS__PLANE_WORDS]);
	/* Those of [first, end), first <= end <= 512. */
	unsigned (*plane_count_range)(const uint64_t plane[GMS__PLANE_WORDS], unsigned first,
				      unsigned end);
	/* The sum of at most 512 counts. */
	uint32_t (*sum16)(const uint16_t *count, unsigned n);
	/* Are all words equal to this one under the mask? Of none: yes. */
	bool (*all_equal)(const uint64_t *words, unsigned n, uint64_t word, uint64_t mask);
	/* How many are, before the first that is not. */
	unsigned (*equal_prefix)(const uint64_t *words, unsigned n, uint64_t word, uint64_t mask);
	/*
	 * 64 bytes for each of n planes, one after the other, little endian on
	 * every host, at any address outside of the planes.
	 */
	void (*planes_copy)(void *out, const struct gms__plane_copy *copy, unsigned n);
};

/* For every host. */
extern const struct gms__bulk gms__bulk_plain;

/* In the library, which says nothing of the CPU: that is asked when choosing. */
#if defined(__x86_64__) && defined(__GNUC__)
#define GMS__BULK_AVX2 1
extern const struct gms__bulk gms__bulk_avx2;
#endif

/* Part of every CPU of this kind. */
#if defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__) && \
	__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define GMS__BULK_NEON 1
extern const struct gms__bulk gms__bulk_neon;
#endif

/* The fastest that this CPU can run. Makes no system call. */
const struct gms__bulk *gms__bulk_choose(void);

#endif

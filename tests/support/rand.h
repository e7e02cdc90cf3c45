/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rand.h - random numbers that can be had again: xoshiro256**, seeded by
 * splitmix64 from GMS_SEED.
 */
#ifndef FX_RAND_H
#define FX_RAND_H

#include <stdbool.h>
#include <stdint.h>

struct fx_rand {
	uint64_t word[4];
};

/* GMS_SEED, or one of the moment; printed once, so that a failure replays. */
uint64_t fx_seed(void);

/* Streams of one seed are independent of each other. */
void fx_rand_init(struct fx_rand *rand, uint64_t seed, uint64_t stream);
uint64_t fx_rand_u64(struct fx_rand *rand);

/* Below @bound, which is not 0. */
uint64_t fx_rand_below(struct fx_rand *rand, uint64_t bound);

/* True @num times out of @den. */
bool fx_rand_odds(struct fx_rand *rand, uint64_t num, uint64_t den);

#endif

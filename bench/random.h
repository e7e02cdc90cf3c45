/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.h - numbers from a seed, the same in every run.
 */
#ifndef BENCH_RANDOM_H
#define BENCH_RANDOM_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_u64(struct rng *rng)	/* splitmix64 */
{
	uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* [0, bound); bound is below 2^40, so the bias is below 2^-24. */
static inline uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	return rng_u64(rng) % bound;
}

static inline double rng_unit(struct rng *rng)	/* [0, 1) */
{
	return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

#endif

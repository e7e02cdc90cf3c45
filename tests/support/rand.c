/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rand.c - random numbers that can be had again.
 */
#include "rand.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t fx_seed(void)
{
	static uint64_t seed;
	static bool known;

	if (!known) {
		const char *text = getenv("GMS_SEED");
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		seed = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20 ^ (uint64_t)getpid();
		seed = text ? strtoull(text, NULL, 0) : splitmix(&seed) >> 32;
		known = true;
		printf("GMS_SEED=0x%" PRIx64 "\n", seed);
		fflush(stdout);
	}
	return seed;
}

void fx_rand_init(struct fx_rand *rand, uint64_t seed, uint64_t stream)
{
	uint64_t x = seed ^ (stream * UINT64_C(0xd1342543de82ef95));

	for (int i = 0; i < 4; i++)
		rand->word[i] = splitmix(&x);
}

static uint64_t rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

uint64_t fx_rand_u64(struct fx_rand *rand)
{
	uint64_t *w = rand->word, result = rotl(w[1] * 5, 7) * 9, t = w[1] << 17;

	w[2] ^= w[0];
	w[3] ^= w[1];
	w[1] ^= w[2];
	w[0] ^= w[3];
	w[2] ^= t;
	w[3] = rotl(w[3], 45);
	return result;
}

uint64_t fx_rand_below(struct fx_rand *rand, uint64_t bound)
{
	return fx_rand_u64(rand) % bound;	/* the bias is below 2^-24 for what tests ask */
}

bool fx_rand_odds(struct fx_rand *rand, uint64_t num, uint64_t den)
{
	return fx_rand_below(rand, den) < num;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop - reads or converts in a loop, to be looked at from outside: by strace
 * (syscalls.sh) and by callgrind (counts.sh), which counts what is within the
 * functions counted_*().
 *
 *	loop STATE WHAT COUNT [ORDER]
 *
 * STATE is how a guest of 1 GiB looks: W1 all private, W2 1 % of single pages
 * shared at random, W3 every other page of a quarter of the 2 MiB blocks, M
 * ranges of random length in one of 16 states. WHAT is lookups, conversions
 * (a page shared and unshared), or reads: lookups and all other questions. ORDER
 * is that of the guest's folios, which conversions may have to cut.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gmemstate/gmemstate.h>

#define GUEST_PAGES	(UINT64_C(1) << 18)
#define BLOCK_PAGES	UINT64_C(512)

uint64_t counted_lookups(const struct gms_space *space, uint64_t n);
uint64_t counted_conversions(struct gms_space *space, uint64_t n);

/* Pages in an order that no cache or predictor knows. */
static uint64_t step(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

static void must(int err)
{
	if (err) {
		fprintf(stderr, "loop: %s\n", gms_strerror(err));
		exit(1);
	}
}

static void convert(struct gms_space *space, gms_gfn first, uint64_t npages, gms_state set,
		    gms_state clear)
{
	const struct gms_change change = { { first, npages }, set, clear };

	must(gms_convert(space, &change, 1, NULL, NULL));
}

static void make(struct gms_space *space, const char *state)
{
	const gms_state user = GMS_STATE_USER0 | GMS_STATE_USER1 | GMS_STATE_USER2;
	uint64_t seed = 1;

	if (!strcmp(state, "W2")) {
		for (uint64_t i = 0; i < GUEST_PAGES / 100; i++)
			convert(space, step(&seed) % GUEST_PAGES, 1, GMS_STATE_SHARED, 0);
	} else if (!strcmp(state, "W3")) {
		for (gms_gfn gfn = 0; gfn < GUEST_PAGES; gfn += 2) {
			if (gfn / BLOCK_PAGES % 4 == 0)
				convert(space, gfn, 1, GMS_STATE_SHARED, 0);
		}
	} else if (!strcmp(state, "M")) {
		for (uint64_t i = 0; i < GUEST_PAGES / 128; i++) {
			const uint64_t npages = 1 + step(&seed) % 64;
			const gms_state set = (gms_state)(step(&seed) % 8) * GMS_STATE_USER0 |
					      (step(&seed) & 1 ? GMS_STATE_SHARED : 0);

			convert(space, step(&seed) % (GUEST_PAGES - npages), npages, set,
				(user | GMS_STATE_SHARED) & ~set);
		}
	} else if (strcmp(state, "W1") != 0) {
		fprintf(stderr, "loop: no state %s\n", state);
		exit(2);
	}
}

uint64_t counted_lookups(const struct gms_space *space, uint64_t n)
{
	uint64_t seed = 2, sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += gms_state_at(space, step(&seed) % GUEST_PAGES);
	return sum;
}

uint64_t counted_conversions(struct gms_space *space, uint64_t n)
{
	uint64_t seed = 3, failed = 0;

	for (uint64_t i = 0; i < n; i++) {
		const struct gms_range page = { step(&seed) % GUEST_PAGES, 1 };

		failed += gms_share(space, page, NULL) != 0;
		failed += gms_unshare(space, page, NULL) != 0;
	}
	return failed;
}

/* Every question there is, about a page and the 2 MiB that follow it. */
static uint64_t read_everything(const struct gms_space *space, uint64_t n)
{
	uint64_t seed = 4, sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		const struct gms_range ahead = { step(&seed) % (GUEST_PAGES - BLOCK_PAGES),
						 BLOCK_PAGES };
		const uint64_t seq = gms_read_begin(space, ahead);
		struct gms_iter it;
		struct gms_run run = { 0 };
		uint64_t npages = 0;
		gms_gfn gfn = 0;
		bool uniform = false;
		int err = gms_run_at(space, ahead.first, GMS_STATE_SHARED, &run);

		sum += (uint64_t)err + run.npages;
		err = gms_find(space, ahead, GMS_STATE_SHARED, GMS_STATE_SHARED, &gfn);
		sum += (uint64_t)err + gfn;
		err = gms_count(space, ahead, GMS_STATE_SHARED, GMS_STATE_SHARED, &npages);
		sum += (uint64_t)err + npages;
		err = gms_uniform(space, ahead, GMS_STATE_ALL, &uniform);
		sum += (uint64_t)err + uniform + gms_map_order(space, gfn, GMS_STATE_SHARED);
		err = gms_iter_init(&it, space, ahead, GMS_STATE_ALL);
		while (!err && gms_iter_next(&it, &run))
			sum += run.npages;
		err = gms_iter_init_match(&it, space, ahead, GMS_STATE_SHARED, GMS_STATE_SHARED);
		while (!err && gms_iter_next(&it, &run))
			sum += run.npages;
		sum += gms_read_retry(space, ahead, seq);
	}
	return sum;
}

/* One system call each, which a trace shows: what is between them is the loop's. */
static void mark(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		exit(1);
}

int main(int argc, char **argv)
{
	struct gms_region_opts opts;
	struct gms_space *space;
	uint64_t n, sum = 0;

	if (argc < 4 || argc > 5) {
		fputs("usage: loop STATE WHAT COUNT [ORDER]\n", stderr);
		return 2;
	}
	n = strtoull(argv[3], NULL, 0);
	must(gms_space_new(&space, NULL));
	GMS_INIT(&opts);
	opts.npages = GUEST_PAGES;
	opts.base_order = argc > 4 ? (uint32_t)atoi(argv[4]) : GMS_ORDER_4K;
	must(gms_region_add(space, &opts, NULL));
	make(space, argv[1]);

	if (!strcmp(argv[2], "conversions")) {
		/* Once outside of the count, so that tables that are kept are there. */
		convert(space, 0, GUEST_PAGES, GMS_STATE_DIRTY, 0);
		convert(space, 0, GUEST_PAGES, 0, GMS_STATE_DIRTY);
		sum = counted_conversions(space, n);
		if (sum)
			return 1;
	} else if (!strcmp(argv[2], "lookups")) {
		sum = counted_lookups(space, n);
	} else if (!strcmp(argv[2], "reads")) {
		mark("begin\n");
		sum = counted_lookups(space, n) + read_everything(space, n / 16);
		mark("end\n");
	} else {
		fprintf(stderr, "loop: no such thing: %s\n", argv[2]);
		return 2;
	}
	printf("%" PRIu64 "\n", sum);
	gms_space_free(space);
	return 0;
}

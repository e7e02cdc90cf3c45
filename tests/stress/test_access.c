/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_access.c - threads touch the same few pages of two GiB, while others take them
 * away, freeze them, and swap them out and in.
 *
 * The pages are real memory. Who touches one adds to it atomically; everybody else,
 * who must find nobody there, reads and writes it plainly: the backend that unmaps,
 * maps and discards, the swapper that saves what it has frozen, the handler that brings
 * it back. So ThreadSanitizer finds whoever touches a page that is not fit, and in the
 * end no addition may be lost. Half of the pages have no backend, and take the quick way.
 */
#include "crew.h"

#include <gmemstate/access.h>

#define S	GMS_STATE_SHARED
#define P	GMS_STATE_POPULATED
#define MS	UINT64_C(1000000)
#define WINDOW	FX_RANGE(FX_1G - 32, 64)	/* the second half has a backend */
#define UNFIT	(GMS_STATE_FROZEN | GMS_STATE_MISSING | GMS_STATE_POISON)
#define GARBAGE	UINT64_C(0xdeadbeefdeadbeef)

static struct crew crew;

static struct page {
	uint64_t value;
	uint64_t saved;
	bool	 mapped;
} page[64];

static pthread_mutex_t swaps = PTHREAD_MUTEX_INITIALIZER;	/* whoever saves, or counts */

enum { ADDED, RAN, WAITED_IN_VAIN, TOOK, SWAPPED, FROZE, BROUGHT };	/* tallies */

static struct page *at(gms_gfn gfn)
{
	return &page[gfn - WINDOW.first];
}

/* --- the host -------------------------------------------------------------- */

static int map(const struct gms_host_run *runs, size_t nruns, bool mapped)
{
	for (size_t i = 0; i < nruns; i++)
		for (uint64_t k = 0; k < runs[i].npages; k++) {
			struct page *one = at(runs[i].first + k);

			if (one->mapped == mapped)
				crew_fail(&crew, "page 0x%" PRIx64 " is %smapped twice",
					  runs[i].first + k, mapped ? "" : "un");
			one->mapped = mapped;
		}
	return 0;
}

static int map_host(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		    struct gms_charge *charge)
{
	(void)ctx;
	(void)ndone;
	(void)charge;
	return map(runs, nruns, true);
}

static int unmap_host(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		      struct gms_charge *charge)
{
	(void)ctx;
	(void)ndone;
	(void)charge;
	return map(runs, nruns, false);
}

static int discard(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		   struct gms_charge *charge)
{
	(void)ctx;
	(void)ndone;
	(void)charge;
	for (size_t i = 0; i < nruns; i++)
		for (uint64_t k = 0; k < runs[i].npages; k++)
			at(runs[i].first + k)->value = GARBAGE;
	return 0;
}

/* --- who touches ------------------------------------------------------------ */

static struct gms_range draw(struct crew_member *me, uint64_t most)
{
	const uint64_t n = 1 + fx_rand_below(&me->rand, most);

	return FX_RANGE(WINDOW.first + fx_rand_below(&me->rand, WINDOW.npages - n + 1), n);
}

/* Fit for as long as the access runs. */
static void look(struct crew_member *me, struct gms_range range)
{
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		const gms_state state = gms_state_at(me->crew->space, gfn);

		if (!(state & S) || state & UNFIT)
			crew_fail(me->crew, "0x%" PRIx64 " is touched in state 0x%x", gfn, state);
		if (gfn >= FX_1G && !at(gfn)->mapped)
			crew_fail(me->crew, "0x%" PRIx64 " is touched and not mapped", gfn);
	}
}

static void touch(struct crew_member *me)
{
	const struct gms_range range = draw(me, fx_rand_odds(&me->rand, 1, 8) ? 48 : 4);
	const uint64_t timeout = fx_rand_below(&me->rand, 3) * 20 * MS;
	const bool nested = fx_rand_odds(&me->rand, 1, 8);
	struct gms_access access, inner;
	int err = gms_access_begin(me->crew->space, range, GMS_ACCESS_WRITE, timeout, &access);

	switch (err) {
	case 0:
		break;
	case -ETIMEDOUT:
		me->tally[WAITED_IN_VAIN]++;
		return;
	case -EBUSY: case -EAGAIN: case -EFAULT:
		return;
	default:
		crew_fail(me->crew, "access: %s", gms_strerror(err));
		return;
	}
	me->tally[RAN]++;
	look(me, range);
	if (nested && !gms_access_begin(me->crew->space, draw(me, 2), GMS_ACCESS_NESTED, timeout,
					&inner))
		gms_access_end(me->crew->space, &inner);
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++)
		__atomic_fetch_add(&at(gfn)->value, 1, __ATOMIC_RELAXED);
	me->tally[ADDED] += range.npages;
	look(me, range);
	gms_access_end(me->crew->space, &access);
}

/* --- who takes away ---------------------------------------------------------- */

static void parked(void *ctx, gms_ticket ticket, int err, const struct gms_convert_result *result)
{
	(void)ctx;
	(void)ticket;
	(void)result;
	if (err && err != -EBUSY)
		crew_fail(&crew, "parked: %s", gms_strerror(err));
}

static void take(struct crew_member *me)
{
	const struct gms_range range = draw(me, fx_rand_odds(&me->rand, 1, 4) ? 64 : 6);
	const struct gms_change change = { range, 0, S };
	gms_ticket ticket;
	int err;

	if (fx_rand_odds(&me->rand, 1, 4))
		err = gms_convert_park(me->crew->space, &change, 1, NULL, parked, NULL, &ticket,
				       NULL);
	else
		err = gms_unshare(me->crew->space, range, NULL);
	me->tally[TOOK] += !err;
	if (err && err != -EBUSY && err != -EAGAIN && err != -ENOSPC)
		crew_fail(me->crew, "unshare: %s", gms_strerror(err));
	err = gms_share(me->crew->space, draw(me, 64), NULL);
	if (!err)
		err = gms_share(me->crew->space, range, NULL);
	if (err)
		crew_fail(me->crew, "share: %s", gms_strerror(err));
}

/* --- who freezes, and swaps --------------------------------------------------- */

static uint64_t sum(bool frozen)
{
	uint64_t n = 0;

	for (gms_gfn gfn = WINDOW.first; gfn < WINDOW.first + WINDOW.npages; gfn++) {
		const gms_state state = gms_state_at(crew.space, gfn);

		if (frozen && !(state & GMS_STATE_FROZEN))
			crew_fail(&crew, "0x%" PRIx64 " thawed", gfn);
		n += state & GMS_STATE_MISSING ? at(gfn)->saved : at(gfn)->value;
	}
	return n;
}

/* What is frozen does not change, wherever it is. */
static void freeze(struct crew_member *me)
{
	int err = gms_freeze(me->crew->space, WINDOW, 1000 * MS, NULL);
	uint64_t before;

	if (err == -EAGAIN)
		return;
	if (err) {
		crew_fail(me->crew, "freeze: %s", gms_strerror(err));
		return;
	}
	pthread_mutex_lock(&swaps);
	before = sum(true);
	sched_yield();
	if (sum(true) != before)
		crew_fail(me->crew, "something changed while it was frozen");
	pthread_mutex_unlock(&swaps);
	me->tally[FROZE]++;
	err = gms_thaw(me->crew->space, WINDOW, NULL);
	if (err)
		crew_fail(me->crew, "thaw: %s", gms_strerror(err));
}

static void save(struct gms_range range)
{
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++)
		if (!(gms_state_at(crew.space, gfn) & GMS_STATE_MISSING))
			at(gfn)->saved = at(gfn)->value;
}

static void swap_out(struct crew_member *me)
{
	const struct gms_range range = draw(me, 8);
	int err = gms_freeze(me->crew->space, range, 1000 * MS, NULL);

	if (err == -EAGAIN)
		return;
	pthread_mutex_lock(&swaps);
	if (!err) {
		save(range);
		err = gms_miss(me->crew->space, range, 0, NULL);
	}
	pthread_mutex_unlock(&swaps);
	if (!err)
		err = gms_thaw(me->crew->space, range, NULL);
	if (err)
		crew_fail(me->crew, "swap out: %s", gms_strerror(err));
	me->tally[SWAPPED]++;
}

static void swap_in(struct crew_member *me)
{
	const uint32_t order = (uint32_t)fx_rand_below(&me->rand, 2);
	struct gms_fault fault[4];
	size_t n = 0;
	int err = gms_fault_next(me->crew->space, fault, 4, order, 10 * MS, &n);

	if (err && err != -ETIMEDOUT)
		crew_fail(me->crew, "fault: %s", gms_strerror(err));
	for (size_t i = 0; !err && i < n; i++) {
		const gms_gfn gfn = fault[i].gfn;

		pthread_mutex_lock(&swaps);
		if (gms_state_at(me->crew->space, gfn) & GMS_STATE_MISSING) {
			at(gfn)->value = at(gfn)->saved;
			err = gms_resolve(me->crew->space, fault[i].range, false, NULL);
			me->tally[BROUGHT]++;
		}
		pthread_mutex_unlock(&swaps);
		if (err)
			crew_fail(me->crew, "resolve: %s", gms_strerror(err));
	}
}

static void check(struct crew_member *me)
{
	char why[256] = "";

	if (gms_check(me->crew->space, why, sizeof(why)))
		crew_fail(me->crew, "check: %s", why);
}

START_TEST(nothing_is_lost_and_nobody_touches_what_is_not_fit)	/* _i: one swapper, or two */
{
	struct gms_region_opts opts;
	struct gms_backend backend;
	int err;

	memset(&crew, 0, sizeof(crew));
	memset(page, 0, sizeof(page));
	fx_mem_init(&crew.mem);
	crew.space = fx_plain_space(&crew.mem);
	GMS_INIT(&backend);
	backend.map_host = map_host;
	backend.unmap_host = unmap_host;
	backend.discard = discard;
	fx_region_opts(&opts, FX_RANGE(FX_1G, FX_2M), 0, S | P, NULL);
	opts.backend = &backend;
	for (gms_gfn gfn = FX_1G; gfn < WINDOW.first + WINDOW.npages; gfn++)
		at(gfn)->mapped = true;
	err = gms_region_add(crew.space, &opts, NULL);
	ck_assert_int_eq(err, 0);
	fx_region(crew.space, FX_RANGE(FX_1G - FX_2M, FX_2M), 9, S | P, NULL);

	crew_add(&crew, 4, touch);
	crew_add(&crew, 2, take);
	crew_add(&crew, 1, freeze);
	crew_add(&crew, 1 + (unsigned)_i, swap_out);
	crew_add(&crew, 2, swap_in);
	crew_add(&crew, 1, check);
	crew_run(&crew);
	printf("%" PRIu64 " accesses ran, %" PRIu64 " waited in vain; %" PRIu64 " taken away, %"
	       PRIu64 " swapped out, %" PRIu64 " in, %" PRIu64 " times all frozen; %" PRIu64
	       " waited for accesses\n", crew_tally(&crew, RAN), crew_tally(&crew, WAITED_IN_VAIN),
	       crew_tally(&crew, TOOK), crew_tally(&crew, SWAPPED), crew_tally(&crew, BROUGHT),
	       crew_tally(&crew, FROZE), fx_event(crew.space, GMS_ACCT_CONVERT_WAITS));
	ck_assert_uint_eq(sum(false), crew_tally(&crew, ADDED));
	ck_assert_uint_ge(fx_event(crew.space, GMS_ACCT_ACCESSES), crew_tally(&crew, RAN));
	ck_assert_uint_gt(crew_tally(&crew, RAN), 0);
	ck_assert_uint_gt(crew_tally(&crew, BROUGHT), 0);
	fx_check(crew.space);
	fx_space_done(crew.space, &crew.mem);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stress/access");
	TCase *tc = fx_case(s, "touch");

	fx_seed();
	tcase_add_loop_test(tc, nothing_is_lost_and_nobody_touches_what_is_not_fit, 0, 2);
	return fx_run(s);
}

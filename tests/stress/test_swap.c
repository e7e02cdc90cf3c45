/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_swap.c - pages are written to while they are frozen, swapped out and in,
 * taken back by the guest and given again. No write is lost, nobody touches a page
 * that is not fit, no page is brought in twice, and nobody waits for ever.
 *
 * A page is a cell here: a count of the writes to it, and what the backend and the
 * swapper know. Meant for ThreadSanitizer; GMS_STRESS_SECONDS sets how long.
 */
#include "crew.h"

#include <time.h>

#define S	GMS_STATE_SHARED
#define HOT	UINT64_C(48)
#define FIRST	(FX_1G - HOT / 2)	/* across the end of a GiB */
#define UNFIT	(GMS_STATE_FROZEN | GMS_STATE_MISSING)
#define MS	UINT64_C(1000000)

enum { WRITES, TOUCHED, REFUSED, SWAPPED_OUT, SWAPPED_IN, FROZEN, CONVERTED, PARKED };

/* Who may swap a page, and how far he is: counted up, this is the rest by three. */
enum { IN, GOING_OUT, COMING_IN };

static struct crew crew;
static struct cell {
	_Atomic uint64_t writes;
	_Atomic unsigned mapped;	/* by the backend, into the VMM */
	_Atomic uint64_t moves;
	uint64_t saved;
} cell[HOT];

static struct cell *cell_of(gms_gfn gfn)
{
	return &cell[gfn - FIRST];
}

static unsigned where_is(struct cell *c)
{
	return (unsigned)(atomic_load(&c->moves) % 3);
}

/* Only one who is there before goes on. */
static bool moves_on(struct cell *c, unsigned from)
{
	uint64_t moves = atomic_load(&c->moves);

	return moves % 3 == from && atomic_compare_exchange_strong(&c->moves, &moves, moves + 1);
}

/* --- The host --- */

static int on_cells(const struct gms_host_run *runs, size_t nruns, unsigned mapped)
{
	for (size_t i = 0; i < nruns; i++) {
		for (gms_gfn gfn = runs[i].first; gfn < runs[i].first + runs[i].npages; gfn++)
			atomic_store(&cell_of(gfn)->mapped, mapped);
	}
	return 0;
}

static int map_cells(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		     struct gms_charge *charge)
{
	(void)ctx, (void)ndone, (void)charge;
	return on_cells(runs, nruns, 1);
}

static int unmap_cells(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		       struct gms_charge *charge)
{
	(void)ctx, (void)ndone, (void)charge;
	return on_cells(runs, nruns, 0);
}

static int discard_cells(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
			 struct gms_charge *charge)
{
	(void)ctx, (void)ndone, (void)charge;
	for (size_t i = 0; i < nruns; i++) {
		for (gms_gfn gfn = runs[i].first; gfn < runs[i].first + runs[i].npages; gfn++)
			atomic_store(&cell_of(gfn)->writes, 0);
	}
	return 0;
}

static void setup(uint64_t access_wait_ns)
{
	const struct gms_range hot = FX_RANGE(FIRST, HOT);
	struct gms_space_opts space;
	struct gms_region_opts region;
	struct gms_backend backend;

	memset(&crew, 0, sizeof(crew));
	memset(cell, 0, sizeof(cell));
	GMS_INIT(&space);
	space.access_wait_ns = access_wait_ns;
	ck_assert_int_eq(gms_space_new(&crew.space, &space), 0);
	GMS_INIT(&backend);
	backend.map_host = map_cells;
	backend.unmap_host = unmap_cells;
	backend.discard = discard_cells;
	GMS_INIT(&region);
	region.first = hot.first;
	region.npages = hot.npages;
	region.backend = &backend;
	region.state = S | GMS_STATE_POPULATED;
	ck_assert_int_eq(gms_region_add(crew.space, &region, NULL), 0);
	for (unsigned i = 0; i < HOT; i++)
		atomic_store(&cell[i].mapped, 1);
}

static struct gms_range draw(struct crew_member *me, uint64_t most)
{
	const uint64_t npages = 1 + fx_rand_below(&me->rand, most);

	return FX_RANGE(FIRST + fx_rand_below(&me->rand, HOT - npages + 1), npages);
}

/* --- Who touches --- */

static void look_fit(struct gms_range range, const char *when)
{
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		const gms_state state = gms_state_at(crew.space, gfn);

		if ((state & UNFIT) || !(state & S) || !atomic_load(&cell_of(gfn)->mapped))
			crew_fail(&crew, "page 0x%" PRIx64 " is 0x%x, mapped %u, %s an access", gfn,
				  state, atomic_load(&cell_of(gfn)->mapped), when);
	}
}

static void write_cells(struct crew_member *me, struct gms_range range)
{
	look_fit(range, "at the begin of");
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		atomic_fetch_add_explicit(&cell_of(gfn)->writes, 1, memory_order_relaxed);
		me->tally[WRITES]++;
	}
	look_fit(range, "at the end of");
	me->tally[TOUCHED]++;
}

static bool may_refuse(const struct gms_access *access, int err)
{
	switch (access->error_reason) {
	case GMS_REASON_FROZEN:
		return err == -EBUSY;
	case GMS_REASON_PRIVATE:
		return err == -EFAULT;
	case GMS_REASON_MISSING:
		return err == -EAGAIN || err == -ETIMEDOUT || err == -EIO;
	case GMS_REASON_ACCESS:
		return err == -EAGAIN || err == -ETIMEDOUT;
	default:
		return false;
	}
}

static bool begin(struct crew_member *me, struct gms_range range, uint32_t flags,
		  struct gms_access *access)
{
	static const uint64_t patience_ns[] = { 0, MS / 10, 2 * MS, 50 * MS };
	const int err = gms_access_begin(crew.space, range, GMS_ACCESS_WRITE | flags,
					 patience_ns[fx_rand_below(&me->rand, 4)], access);

	if (!err)
		return true;
	me->tally[REFUSED]++;
	if (!may_refuse(access, err) || access->error_gfn - range.first >= range.npages)
		crew_fail(&crew, "an access: %s, %s at 0x%" PRIx64, gms_strerror(err),
			  gms_reason_name(access->error_reason), access->error_gfn);
	return false;
}

static void toucher(struct crew_member *me)
{
	const struct gms_range range = draw(me, 4), other = draw(me, 2);
	const uint32_t nowait = fx_rand_odds(&me->rand, 1, 4) ? GMS_ACCESS_NOWAIT : 0;
	struct gms_access access, nested;

	if (!begin(me, range, nowait, &access))
		return;
	if (fx_rand_odds(&me->rand, 1, 4) && begin(me, other, GMS_ACCESS_NESTED, &nested)) {
		write_cells(me, other);
		gms_access_end(crew.space, &nested);
	}
	write_cells(me, range);
	gms_access_end(crew.space, &access);
}

/* --- Who takes pages away, and who brings them in --- */

/* While all are frozen nobody writes. */
static void freezer(struct crew_member *me)
{
	const struct gms_range range = me->number ? FX_RANGE(FIRST, HOT) : draw(me, 16);
	const struct timespec pause = { 0, 200 * 1000 };
	uint64_t before[HOT], moves[HOT];
	int err = gms_freeze(crew.space, range, 100 * MS, NULL);

	if (err == -EAGAIN)
		return;
	if (err)
		crew_fail(&crew, "freeze: %s", gms_strerror(err));
	for (uint64_t i = 0; i < range.npages; i++) {
		moves[i] = atomic_load(&cell_of(range.first + i)->moves);
		before[i] = atomic_load(&cell_of(range.first + i)->writes);
	}
	nanosleep(&pause, NULL);
	for (uint64_t i = 0; i < range.npages; i++) {
		struct cell *c = cell_of(range.first + i);
		const uint64_t after = atomic_load(&c->writes);

		if (!(gms_state_at(crew.space, range.first + i) & GMS_STATE_FROZEN) ||
		    atomic_load(&c->mapped))
			crew_fail(&crew, "a frozen page is not frozen");
		/* What the swapper does to it is not a write. */
		if (moves[i] % 3 == IN && atomic_load(&c->moves) == moves[i] && after != before[i])
			crew_fail(&crew, "a frozen page was written to");
	}
	err = gms_thaw(crew.space, range, NULL);
	if (err)
		crew_fail(&crew, "thaw: %s", gms_strerror(err));
	me->tally[FROZEN]++;
}

static void swapper(struct crew_member *me)
{
	const struct timespec pause = { 0, 100 * 1000 };
	const gms_gfn gfn = draw(me, 1).first;
	const struct gms_range page = FX_RANGE(gfn, 1);
	struct cell *c = cell_of(gfn);
	int err;

	nanosleep(&pause, NULL);
	if (!moves_on(c, IN))
		return;
	err = gms_freeze(crew.space, page, 100 * MS, NULL);
	if (err) {
		if (err != -EAGAIN)
			crew_fail(&crew, "freeze: %s", gms_strerror(err));
		atomic_fetch_add(&c->moves, 2);
		return;
	}
	c->saved = atomic_load(&c->writes);
	err = gms_miss(crew.space, page, 0, NULL);
	if (err)
		crew_fail(&crew, "a frozen page does not turn missing: %s", gms_strerror(err));
	else if (atomic_load(&c->writes))
		crew_fail(&crew, "a page that is missing was written to, or not discarded");
	me->tally[SWAPPED_OUT]++;
	err = gms_thaw(crew.space, page, NULL);
	if (err)
		crew_fail(&crew, "thaw: %s", gms_strerror(err));
}

static void bring_in(struct crew_member *me, gms_gfn gfn)
{
	struct cell *c = cell_of(gfn);
	int err;

	if (!moves_on(c, GOING_OUT)) {
		crew_fail(&crew, "page 0x%" PRIx64 " is asked for, and it is %s", gfn,
			  where_is(c) == IN ? "there" : "on its way");
		return;
	}
	atomic_store(&c->writes, c->saved);
	err = gms_resolve(crew.space, FX_RANGE(gfn, 1), false, NULL);
	if (err)
		crew_fail(&crew, "resolve: %s", gms_strerror(err));
	atomic_fetch_add(&c->moves, 1);
	me->tally[SWAPPED_IN]++;
}

static void handler(struct crew_member *me)
{
	const uint32_t order = fx_rand_odds(&me->rand, 1, 2) ? GMS_FAULT_OLDEST
							      : GMS_FAULT_MOST_WAITERS;
	struct gms_fault fault[3];
	size_t found = 0;
	int err = gms_fault_next(crew.space, fault, 3, order, 5 * MS, &found);

	if (err && err != -ETIMEDOUT)
		crew_fail(&crew, "next fault: %s", gms_strerror(err));
	for (size_t i = 0; !err && i < found; i++) {
		const uint64_t what = fx_rand_below(&me->rand, 16);

		if (fault[i].reason != GMS_REASON_MISSING || fault[i].range.npages != 1)
			crew_fail(&crew, "a fault for %s", gms_reason_name(fault[i].reason));
		else if (what == 0 && gms_fault_again(crew.space, fault[i].range))
			crew_fail(&crew, "a fault cannot be put back");
		else if (what == 1 && gms_fault_fail(crew.space, fault[i].range, -EIO))
			crew_fail(&crew, "a fault cannot be given up");
		else if (what > 1)
			bring_in(me, fault[i].range.first);
	}
}

/* --- Who converts --- */

static void converter(struct crew_member *me)
{
	const struct timespec pause = { 0, 50 * 1000 };
	const struct gms_range range = draw(me, 6);
	struct gms_convert_result result;
	int err;

	GMS_INIT(&result);
	err = gms_unshare(crew.space, range, &result);
	if (!err)
		me->tally[CONVERTED]++;
	else if (err != -EBUSY && (err != -EAGAIN || result.error_reason != GMS_REASON_ACCESS))
		crew_fail(&crew, "unshare: %s, %s", gms_strerror(err),
			  gms_reason_name(result.error_reason));
	nanosleep(&pause, NULL);
	err = gms_share(crew.space, range, &result);
	if (err)
		crew_fail(&crew, "share: %s", gms_strerror(err));
}

static void parked_is_over(void *ctx, gms_ticket ticket, int err,
			   const struct gms_convert_result *result)
{
	const gms_gfn gfn = (gms_gfn)(uintptr_t)ctx;

	(void)ticket, (void)result;
	if (err && err != -EBUSY && err != -ECANCELED)
		crew_fail(&crew, "parked: %s", gms_strerror(err));
	if (!err && gms_share(crew.space, FX_RANGE(gfn, 1), NULL))
		crew_fail(&crew, "a page cannot be shared again");
}

static void parker(struct crew_member *me)
{
	const struct timespec pause = { 0, 100 * 1000 };
	const gms_gfn gfn = draw(me, 1).first;
	const struct gms_change change = { FX_RANGE(gfn, 1), 0, S };
	gms_ticket ticket = 0;
	int err = gms_convert_park(crew.space, &change, 1, NULL, parked_is_over,
				   (void *)(uintptr_t)gfn, &ticket, NULL);

	if (err && err != -EBUSY && err != -ENOSPC)
		crew_fail(&crew, "park: %s", gms_strerror(err));
	if (!err && !ticket && gms_share(crew.space, FX_RANGE(gfn, 1), NULL))
		crew_fail(&crew, "a page cannot be shared again");
	me->tally[PARKED] += ticket != 0;
	nanosleep(&pause, NULL);
}

static void no_write_is_lost(uint64_t access_wait_ns)
{
	uint64_t writes = 0;

	setup(access_wait_ns);
	crew_add(&crew, 5, toucher);
	crew_add(&crew, 2, freezer);
	crew_add(&crew, 2, swapper);
	crew_add(&crew, 2, handler);
	crew_add(&crew, 2, converter);
	crew_add(&crew, 1, parker);
	crew_run(&crew);

	fx_check(crew.space);
	for (gms_gfn gfn = FIRST; gfn < FIRST + HOT; gfn++) {
		const gms_state state = gms_state_at(crew.space, gfn);
		struct cell *c = cell_of(gfn);

		ck_assert_msg(!(state & GMS_STATE_FROZEN), "0x%" PRIx64 " is frozen", gfn);
		ck_assert_msg(!!(state & GMS_STATE_MISSING) == (where_is(c) != IN),
			      "0x%" PRIx64 " is missing, or not", gfn);
		writes += state & GMS_STATE_MISSING ? c->saved : atomic_load(&c->writes);
	}
	ck_assert_uint_eq(writes, crew_tally(&crew, WRITES));
	printf("%" PRIu64 " accesses, %" PRIu64 " refused, %" PRIu64 " pages out, %" PRIu64
	       " in, %" PRIu64 " freezes, %" PRIu64 " conversions, %" PRIu64 " parked\n",
	       crew_tally(&crew, TOUCHED), crew_tally(&crew, REFUSED),
	       crew_tally(&crew, SWAPPED_OUT), crew_tally(&crew, SWAPPED_IN),
	       crew_tally(&crew, FROZEN), crew_tally(&crew, CONVERTED),
	       crew_tally(&crew, PARKED));
	fflush(stdout);
	gms_space_free(crew.space);
}

START_TEST(no_write_is_lost_where_conversions_wait)
{
	no_write_is_lost(0);
}
END_TEST

/* Time runs out all the time. */
START_TEST(no_write_is_lost_where_conversions_give_up)
{
	no_write_is_lost(MS / 20);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("swap");
	TCase *t = fx_case(s, "all at once");

	fx_seed();
	tcase_add_test(t, no_write_is_lost_where_conversions_wait);
	tcase_add_test(t, no_write_is_lost_where_conversions_give_up);
	return fx_run(s);
}

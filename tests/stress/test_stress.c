/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stress.c - many threads on one space: writers on the same and on
 * different GiB, pins, regions that come and go, and readers who must never see
 * what nobody wrote. Meant to be run under ThreadSanitizer as well.
 *
 * Every page is always in one of two states: private, or shared with USER0 and
 * USER1 set in the same change. A reader who sees anything else saw a third
 * state (C10).
 */
#include "crew.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define MARK	(S | GMS_STATE_USER0 | GMS_STATE_USER1)
#define GIBS	4
#define RAM	FX_RANGE(0, GIBS * FX_1G)

/* Work is on the first blocks of each GiB and over each border, to meet often. */
#define BUSY	(4 * FX_2M)

static struct crew crew;

enum { CHANGED, PINS, UNPINS, COMMITS, HELD };	/* tallies */

static void setup(void)
{
	memset(&crew, 0, sizeof(crew));
	fx_mem_init(&crew.mem);
	crew.space = fx_plain_space(&crew.mem);
	fx_region(crew.space, RAM, 18, D, NULL);
}

static void teardown(void)
{
	fx_space_done(crew.space, &crew.mem);
	fx_host_free(crew.host);
}

static bool known(gms_state state)
{
	return state == D || state == (D | MARK);
}

static struct gms_range draw(struct fx_rand *rand, uint64_t gib, uint64_t most)
{
	gms_gfn first = gib * FX_1G + fx_rand_below(rand, BUSY);
	uint64_t npages = 1 + fx_rand_below(rand, most);

	if (fx_rand_odds(rand, 1, 8) && gib) {		/* over the border */
		first = gib * FX_1G - fx_rand_below(rand, 700);
		npages = 1 + fx_rand_below(rand, 1400);
	} else if (fx_rand_odds(rand, 1, 8)) {		/* whole blocks */
		first &= ~(FX_2M - 1);
		npages = FX_2M * (1 + fx_rand_below(rand, 3));
	}
	return FX_RANGE(first, npages);
}

static void turn(struct crew_member *me, struct gms_range range)
{
	const bool share = fx_rand_odds(&me->rand, 1, 2);
	const struct gms_change one = { range, share ? MARK : 0, share ? 0 : MARK };
	struct gms_convert_result result;
	int err;

	GMS_INIT(&result);
	err = gms_convert(me->crew->space, &one, 1, NULL, &result);
	if (!err) {
		me->tally[CHANGED] += result.changed_pages;
		me->tally[COMMITS] += result.changed_pages > 0;
		if (result.changed_pages + result.unchanged_pages != range.npages)
			crew_fail(me->crew, "a result that does not add up");
	} else if (err != -EAGAIN || share) {
		crew_fail(me->crew, "convert: %s", gms_strerror(err));
	}
}

static void write_own_gib(struct crew_member *me)
{
	struct gms_range range = draw(&me->rand, me->number, 64);

	if (range.first < me->number * FX_1G)
		range.first = me->number * FX_1G;
	turn(me, range);
}

static void write_anywhere(struct crew_member *me)
{
	turn(me, draw(&me->rand, fx_rand_below(&me->rand, GIBS), 64));
}

static void read_pages(struct crew_member *me)
{
	for (int i = 0; i < 64; i++) {
		gms_gfn gfn = draw(&me->rand, fx_rand_below(&me->rand, GIBS), 1).first;
		gms_state state = gms_state_at(me->crew->space, gfn);

		if (!known(state))
			crew_fail(me->crew, "page 0x%" PRIx64 " is 0x%x", gfn, state);
	}
}

static void read_runs(struct crew_member *me)
{
	const struct gms_range range = draw(&me->rand, fx_rand_below(&me->rand, GIBS), 2000);
	const struct gms_space *space = me->crew->space;
	uint64_t shared = 0, private = 0, seen = 0;
	struct gms_gup_answer answer;
	struct gms_folio folio;
	struct gms_iter it;
	struct gms_run run;
	gms_gfn gfn;
	bool same;

	GMS_INIT(&answer);
	if (gms_iter_init(&it, space, range, GMS_STATE_ALL))
		crew_fail(me->crew, "iter");
	while (gms_iter_next(&it, &run)) {
		if (run.first != range.first + seen || !known(run.state))
			crew_fail(me->crew, "run at 0x%" PRIx64 " state 0x%x", run.first,
				  run.state);
		seen += run.npages;
	}
	if (seen != range.npages)
		crew_fail(me->crew, "runs leave %" PRIu64 " pages out", range.npages - seen);
	if (gms_run_at(space, range.first, GMS_STATE_ALL, &run) || !known(run.state) ||
	    run.first > range.first || run.first + run.npages <= range.first)
		crew_fail(me->crew, "run around 0x%" PRIx64, range.first);
	if (gms_count(space, range, MARK, MARK, &shared) ||
	    gms_count(space, range, MARK, 0, &private) || shared > range.npages ||
	    private > range.npages)
		crew_fail(me->crew, "count");
	if (gms_count(space, range, MARK, S, &shared) || shared)
		crew_fail(me->crew, "%" PRIu64 " pages half shared", shared);
	if (!gms_find(space, range, MARK, GMS_STATE_USER0, &gfn))
		crew_fail(me->crew, "page 0x%" PRIx64 " is half private", gfn);
	if (gms_gup_query(space, range, GMS_PIN_WRITE, &answer) ||
	    answer.eligible_pages + answer.refused_pages != range.npages)
		crew_fail(me->crew, "gup query");
	if (gms_uniform(space, range, S, &same))
		crew_fail(me->crew, "uniform");
	if (gms_folio_at(space, range.first, &folio) || folio.shared_pages > FX_1G ||
	    folio.first > range.first || folio.first + (UINT64_C(1) << folio.order) <= range.first)
		crew_fail(me->crew, "folio around 0x%" PRIx64, range.first);
}

static void counters_add_up(void)
{
	struct gms_acct acct;

	fx_check(crew.space);
	fx_acct(crew.space, &acct);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_CHANGED].count, crew_tally(&crew, CHANGED));
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_TO_SHARED].count +
			  acct.event[GMS_ACCT_PAGES_TO_PRIVATE].count, crew_tally(&crew, CHANGED));
	ck_assert_uint_eq(acct.event[GMS_ACCT_COMMITS].count, crew_tally(&crew, COMMITS));
	ck_assert_uint_eq(acct.event[GMS_ACCT_PINS].count, crew_tally(&crew, PINS));
	ck_assert_uint_eq(acct.event[GMS_ACCT_UNPINS].count, crew_tally(&crew, UNPINS));
	ck_assert_uint_eq(acct.shared_pages, fx_shared(crew.space, FX_ALL));
	ck_assert_uint_eq(acct.shared_pages, acct.event[GMS_ACCT_PAGES_TO_SHARED].count -
					     acct.event[GMS_ACCT_PAGES_TO_PRIVATE].count);
	ck_assert_uint_eq(acct.folios_4k, 512 * (acct.event[GMS_ACCT_SPLITS_2M].count -
						 acct.event[GMS_ACCT_MERGES_2M].count));
	ck_assert_uint_eq(acct.folios_1g, GIBS - (acct.event[GMS_ACCT_SPLITS_1G].count -
						  acct.event[GMS_ACCT_MERGES_1G].count));
	ck_assert_uint_eq(acct.metadata_bytes, crew.mem.live_bytes);
}

START_TEST(writers_on_their_own_gib_with_readers)
{
	crew_add(&crew, GIBS, write_own_gib);
	crew_add(&crew, 1, read_pages);
	crew_add(&crew, 1, read_runs);
	crew_run(&crew);
	counters_add_up();
}
END_TEST

START_TEST(writers_on_the_same_gib_with_readers)
{
	crew_add(&crew, 3, write_anywhere);
	crew_add(&crew, 1, read_pages);
	crew_add(&crew, 1, read_runs);
	crew_run(&crew);
	counters_add_up();
}
END_TEST

/* --- windows ------------------------------------------------------------- */

/* Written whole each time, so a reader whose window held sees it of one state. */
static const struct gms_range window = { FX_1G - 600, 1200 };

static void write_window(struct crew_member *me)
{
	turn(me, window);
}

static void read_window(struct crew_member *me)
{
	const struct gms_space *space = me->crew->space;
	uint64_t seq = gms_read_begin(space, window), different = 0, shared = 0;
	gms_state first = gms_state_at(space, window.first);
	struct gms_run run;

	for (uint64_t i = 0; i < window.npages; i++)
		different += gms_state_at(space, window.first + i) != first;
	if (gms_count(space, window, S, S, &shared) ||
	    gms_run_at(space, window.first + 3, S, &run))
		crew_fail(me->crew, "a read failed");
	if (gms_read_retry(space, window, seq))
		return;
	me->tally[HELD]++;
	if (different || shared != (first & S ? window.npages : 0))
		crew_fail(me->crew, "window held, but %" PRIu64 " pages differ, %" PRIu64
			  " are shared", different, shared);
	if (run.first > window.first || run.first + run.npages < window.first + window.npages ||
	    run.state != (first & S))
		crew_fail(me->crew, "window held, but the run in it is torn");
}

START_TEST(windows_that_held_are_whole)
{
	crew_add(&crew, 2, write_window);
	crew_add(&crew, 2, read_window);
	crew_run(&crew);
	ck_assert_uint_gt(crew_tally(&crew, HELD), 0);
	counters_add_up();
}
END_TEST

/* --- pins ---------------------------------------------------------------- */

static void pin_and_look(struct crew_member *me)
{
	const struct gms_space *space = me->crew->space;
	const struct gms_range range = FX_RANGE(fx_rand_below(&me->rand, 2) * FX_1G +
						fx_rand_below(&me->rand, 600),
						1 + fx_rand_below(&me->rand, 12));
	gms_pin_id id;
	int err = gms_pin(me->crew->space, range, 0, me->number, &id, NULL);

	if (err) {
		if (err != -EFAULT)
			crew_fail(me->crew, "pin: %s", gms_strerror(err));
		return;
	}
	me->tally[PINS]++;
	for (int turns = 0; turns < 20; turns++)
		for (uint64_t i = 0; i < range.npages; i++)
			if (gms_state_at(space, range.first + i) != (D | MARK))
				crew_fail(me->crew, "pinned page 0x%" PRIx64 " turned",
					  range.first + i);
	err = gms_unpin(me->crew->space, id);
	if (err)
		crew_fail(me->crew, "unpin: %s", gms_strerror(err));
	me->tally[UNPINS]++;
}

static void write_near_pins(struct crew_member *me)
{
	turn(me, FX_RANGE(fx_rand_below(&me->rand, 2) * FX_1G + fx_rand_below(&me->rand, 600),
			  1 + fx_rand_below(&me->rand, 30)));
}

static void list_pins(struct crew_member *me)
{
	struct gms_pin_info list[8];
	size_t found = 0;

	if (gms_pins_in(me->crew->space, FX_RANGE(0, 2 * FX_1G), list, 8, &found) || found > 8)
		crew_fail(me->crew, "%zu pins", found);
}

START_TEST(pinned_pages_never_turn)
{
	crew_add(&crew, 3, pin_and_look);
	crew_add(&crew, 2, write_near_pins);
	crew_add(&crew, 1, list_pins);
	crew_run(&crew);
	counters_add_up();
}
END_TEST

/* --- regions ------------------------------------------------------------- */

#define GUEST_REGION	FX_RANGE(8 * FX_1G, 3 * FX_2M)

static void come_and_go(struct crew_member *me)
{
	struct gms_region_opts opts;
	uint32_t id = 0;
	int err;

	fx_region_opts(&opts, GUEST_REGION, 9, me->rounds & 1 ? D : D | MARK, NULL);
	err = gms_region_add(me->crew->space, &opts, &id);
	if (err)
		crew_fail(me->crew, "region add: %s", gms_strerror(err));
	err = gms_share(me->crew->space, FX_RANGE(8 * FX_1G + 7, 0x100), NULL);
	if (err)
		crew_fail(me->crew, "share: %s", gms_strerror(err));
	err = gms_region_remove(me->crew->space, id);
	if (err)
		crew_fail(me->crew, "region remove: %s", gms_strerror(err));
}

static void read_guest_region(struct crew_member *me)
{
	const struct gms_range range = GUEST_REGION;
	const struct gms_space *space = me->crew->space;
	uint64_t seq = gms_read_begin(space, range), pages = 0, sum = 0;
	gms_state first = gms_state_at(space, range.first);
	struct gms_region region;
	struct gms_iter it;
	struct gms_run run;
	int err;

	if (first != GMS_HOLE && !known(first))
		crew_fail(me->crew, "first page is 0x%x", first);
	if (gms_count(space, range, 0, 0, &pages))
		crew_fail(me->crew, "count");
	if (gms_iter_init(&it, space, range, 0))
		crew_fail(me->crew, "iter");
	while (gms_iter_next(&it, &run))
		sum += run.npages;
	GMS_INIT(&region);
	err = gms_region_get(space, range.first + 9, &region);
	if (!err && (region.first != range.first || region.npages != range.npages))
		crew_fail(me->crew, "a torn region");
	if (gms_read_retry(space, range, seq))
		return;
	if (pages != (first == GMS_HOLE ? 0 : range.npages) || sum != pages ||
	    (err == -ENOENT) != (first == GMS_HOLE))
		crew_fail(me->crew, "window held, but half a region is there: %" PRIu64 " pages",
			  pages);
}

START_TEST(regions_are_there_whole_or_not_at_all)
{
	crew_add(&crew, 1, come_and_go);
	crew_add(&crew, 2, read_guest_region);
	crew_add(&crew, 1, write_anywhere);
	crew_add(&crew, 1, read_runs);
	crew_run(&crew);
	fx_check(crew.space);
}
END_TEST

/* --- backends ------------------------------------------------------------ */

#define HOSTED	(32 * FX_1G)

static void write_hosted(struct crew_member *me)
{
	const gms_gfn first = HOSTED + me->number * FX_1G + fx_rand_below(&me->rand, 700);
	const bool share = fx_rand_odds(&me->rand, 1, 2);
	const struct gms_range range = FX_RANGE(first, 1 + fx_rand_below(&me->rand, 40));
	int err = share ? gms_share(me->crew->space, range, NULL)
			: gms_unshare(me->crew->space, range, NULL);

	if (err && err != -EIO)
		crew_fail(me->crew, "convert: %s", gms_strerror(err));
	if (fx_rand_odds(&me->rand, 1, 10)) {	/* whoever comes next meets it */
		pthread_mutex_lock(&me->crew->host->lock);
		fx_host_fail_after(me->crew->host, fx_rand_below(&me->rand, 3), -EIO);
		pthread_mutex_unlock(&me->crew->host->lock);
	}
}

START_TEST(a_backend_serves_several_gib_at_once_and_fails_at_times)
{
	crew.host = fx_host_new(HOSTED, 2 * FX_1G);
	crew.host->fail_op = FX_MAP;	/* its undo, an unmap, must work */
	fx_region(crew.space, FX_RANGE(HOSTED, 2 * FX_1G), 18, D, crew.host);
	crew_add(&crew, 2, write_hosted);
	crew_add(&crew, 1, read_pages);
	crew_run(&crew);
	fx_host_check(crew.host, crew.space, FX_RANGE(HOSTED, 1024));
	fx_host_check(crew.host, crew.space, FX_RANGE(HOSTED + FX_1G, 1024));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stress");
	TCase *tc = fx_case(s, "threads");

	fx_seed();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, writers_on_their_own_gib_with_readers);
	tcase_add_test(tc, writers_on_the_same_gib_with_readers);
	tcase_add_test(tc, windows_that_held_are_whole);
	tcase_add_test(tc, pinned_pages_never_turn);
	tcase_add_test(tc, regions_are_there_whole_or_not_at_all);
	tcase_add_test(tc, a_backend_serves_several_gib_at_once_and_fails_at_times);
	return fx_run(s);
}

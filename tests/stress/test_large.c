/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_large.c - a thread that turns more than 32 GiB at once, again and again,
 * while others turn and pin single pages within and beside them, and readers
 * read. Meant to be run under ThreadSanitizer as well.
 *
 * Such a conversion holds no stripe but owns its GiB (map/own.c): who meets it
 * waits for it, others do not. Every page is always in one of two states, as in
 * test_stress.c; two pages that only the large conversions turn are of one state
 * whenever a reader's window over both held.
 */
#include "crew.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define MARK	(S | GMS_STATE_USER0 | GMS_STATE_USER1)

#define RAM	FX_RANGE(0, 40 * FX_1G)
#define BESIDE	FX_RANGE(48 * FX_1G, FX_1G)
#define MORE	(32 * FX_1G + 1)
#define SLACK	(3 * FX_1G)		/* where large ranges begin, from 0 on */

/* In every large range, and turned by nothing else. */
#define NEAR	(5 * FX_1G + 4321)
#define FAR	(31 * FX_1G + 1234)

static struct crew crew;

enum { CHANGED, COMMITS, PINS, HELD, TURNED };	/* tallies; the last of whole conversions */

static void setup(void)
{
	memset(&crew, 0, sizeof(crew));
	fx_mem_init(&crew.mem);
	crew.space = fx_plain_space(&crew.mem);
	fx_region(crew.space, RAM, 18, D, NULL);
	fx_region(crew.space, BESIDE, 9, D, NULL);
}

static void teardown(void)
{
	fx_space_done(crew.space, &crew.mem);
}

static bool known(gms_state state)
{
	return state == D || state == (D | MARK);
}

/* The first blocks of some GiB, those at the border of large ranges among them. */
static gms_gfn draw_page(struct fx_rand *rand)
{
	static const gms_gfn gib[] = { 0, 1, 2, 10, 20, 33, 35, 39, 48 };

	return gib[fx_rand_below(rand, 9)] * FX_1G + fx_rand_below(rand, 2 * FX_2M);
}

static void turn(struct crew_member *me, struct gms_range range, bool share)
{
	const struct gms_change one = { range, share ? MARK : 0, share ? 0 : MARK };
	struct gms_convert_result result;
	int err;

	GMS_INIT(&result);
	err = gms_convert(me->crew->space, &one, 1, NULL, &result);
	if (!err) {
		me->tally[CHANGED] += result.changed_pages;
		me->tally[COMMITS] += result.changed_pages > 0;
		me->tally[TURNED] += range.npages >= MORE;
		if (result.changed_pages + result.unchanged_pages != range.npages)
			crew_fail(me->crew, "a result that does not add up");
	} else if (err != -EAGAIN || share) {
		crew_fail(me->crew, "convert: %s", gms_strerror(err));
	}
}

static void turn_large(struct crew_member *me)
{
	const gms_gfn first = fx_rand_below(&me->rand, SLACK);

	turn(me, FX_RANGE(first, MORE + fx_rand_below(&me->rand, SLACK)), me->rounds & 1);
}

static void turn_pages(struct crew_member *me)
{
	turn(me, FX_RANGE(draw_page(&me->rand), 1 + fx_rand_below(&me->rand, 4)),
	     fx_rand_odds(&me->rand, 1, 2));
}

static void pin_pages(struct crew_member *me)
{
	const struct gms_range range = FX_RANGE(draw_page(&me->rand), 1);
	gms_pin_id id;
	int err = gms_pin(me->crew->space, range, 0, me->number, &id, NULL);

	if (err) {
		if (err != -EFAULT)
			crew_fail(me->crew, "pin: %s", gms_strerror(err));
		return;
	}
	me->tally[PINS]++;
	for (int i = 0; i < 20; i++)
		if (gms_state_at(me->crew->space, range.first) != (D | MARK))
			crew_fail(me->crew, "pinned page 0x%" PRIx64 " turned", range.first);
	err = gms_unpin(me->crew->space, id);
	if (err)
		crew_fail(me->crew, "unpin: %s", gms_strerror(err));
	/* Large ranges shall get their turn between pins. */
	for (int i = 0; i < 2000; i++)
		if (!known(gms_state_at(me->crew->space, draw_page(&me->rand))))
			crew_fail(me->crew, "a page in a state that nobody wrote");
}

static void read_runs(struct crew_member *me)
{
	const struct gms_range range = FX_RANGE(draw_page(&me->rand), 1500);
	const struct gms_space *space = me->crew->space;
	uint64_t seen = 0, half;
	struct gms_iter it;
	struct gms_run run;

	if (range.first >= BESIDE.first + BESIDE.npages - range.npages)
		return;
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
	if (gms_count(space, RAM, MARK, GMS_STATE_USER0, &half) || half)
		crew_fail(me->crew, "%" PRIu64 " pages half private", half);
}

static void read_window(struct crew_member *me)
{
	const struct gms_range window = FX_RANGE(NEAR, FAR + 1 - NEAR);
	const struct gms_space *space = me->crew->space;
	const uint64_t seq = gms_read_begin(space, window);
	const gms_state a = gms_state_at(space, NEAR), b = gms_state_at(space, FAR);

	if (!known(a) || !known(b))
		crew_fail(me->crew, "states 0x%x and 0x%x, that nobody wrote", a, b);
	if (gms_read_retry(space, window, seq))
		return;
	me->tally[HELD]++;
	if (a != b)
		crew_fail(me->crew, "window held over half a conversion: 0x%x and 0x%x", a, b);
}

START_TEST(small_work_goes_on_beside_large_conversions)
{
	struct gms_acct acct;

	crew_add(&crew, 1, turn_large);
	crew_add(&crew, 2, turn_pages);
	crew_add(&crew, 1, pin_pages);
	crew_add(&crew, 1, read_runs);
	crew_add(&crew, 1, read_window);
	crew_run(&crew);
	printf("%" PRIu64 " large conversions, %" PRIu64 " pins, %" PRIu64 " windows held\n",
	       crew_tally(&crew, TURNED), crew_tally(&crew, PINS), crew_tally(&crew, HELD));
	ck_assert_uint_gt(crew_tally(&crew, TURNED), 1);
	ck_assert_uint_gt(crew_tally(&crew, PINS), 0);
	ck_assert_uint_gt(crew_tally(&crew, HELD), 0);

	fx_check(crew.space);
	fx_acct(crew.space, &acct);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_CHANGED].count, crew_tally(&crew, CHANGED));
	ck_assert_uint_eq(acct.event[GMS_ACCT_COMMITS].count, crew_tally(&crew, COMMITS));
	ck_assert_uint_eq(acct.event[GMS_ACCT_PINS].count, crew_tally(&crew, PINS));
	ck_assert_uint_eq(acct.event[GMS_ACCT_UNPINS].count, crew_tally(&crew, PINS));
	ck_assert_uint_eq(acct.shared_pages, fx_shared(crew.space, FX_ALL));
	ck_assert_uint_eq(acct.shared_pages, acct.event[GMS_ACCT_PAGES_TO_SHARED].count -
					     acct.event[GMS_ACCT_PAGES_TO_PRIVATE].count);
	ck_assert_uint_eq(acct.metadata_bytes, crew.mem.live_bytes);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("large");
	TCase *tc = fx_case(s, "threads");

	fx_seed();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, small_work_goes_on_beside_large_conversions);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lend.c - 64 threads lend and return the pages of the same few folios, of
 * two GiB and over their border, while others reclaim, convert, pin and list.
 *
 * Who has a page on loan must find it shared, whatever the others do, and in the
 * end every counter is what the threads say they did. Meant for ThreadSanitizer.
 */
#include "crew.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define PAGE	UINT64_C(4096)
#define LENDERS	64
#define HELD	4

/* Pages around the border of two GiB: a few folios of each. */
#define BUSY	FX_RANGE(FX_1G - 2 * FX_2M, 4 * FX_2M)

static struct crew crew;

struct loan {
	gms_loan_id id;
	uint64_t gpa, bytes;
};

static struct loan held[CREW_MAX][HELD];

enum { LENDS, RETURNS, HITS, TO_SHARED, TO_PRIVATE };	/* tallies */

static void make(uint32_t policy, uint64_t pages)
{
	struct gms_space_opts opts;

	memset(&crew, 0, sizeof(crew));
	memset(held, 0, sizeof(held));
	fx_mem_init(&crew.mem);
	GMS_INIT(&opts);
	opts.mem = &crew.mem.ops;
	opts.lend_policy = policy;
	opts.lend_idle_pages = pages;
	ck_assert_int_eq(gms_space_new(&crew.space, &opts), 0);
	crew.host = fx_host_new(FX_1G, FX_1G);
	fx_region(crew.space, FX_RANGE(0, FX_1G), 18, D, NULL);
	fx_region(crew.space, FX_RANGE(FX_1G, FX_1G), 9, D, crew.host);
}

static void eager(void)	{ make(GMS_LEND_EAGER, 0); }
static void lazy(void)	{ make(GMS_LEND_LAZY, 64); }

static void teardown(void)
{
	fx_space_done(crew.space, &crew.mem);
	fx_host_free(crew.host);
}

/* Everything that turned is in the result, whoever asked for it. */
static void give(struct crew_member *me, struct loan *loan)
{
	struct gms_lend_result result;
	int err;

	GMS_INIT(&result);
	err = gms_return(me->crew->space, loan->id, &result);
	if (err)
		crew_fail(me->crew, "return: %s", gms_strerror(err));
	if (gms_return(me->crew->space, loan->id, NULL) != -ENOENT)
		crew_fail(me->crew, "a loan was returned twice");
	me->tally[RETURNS]++;
	me->tally[TO_PRIVATE] += result.changed_pages;
	loan->id = 0;
}

static void draw_loan(struct crew_member *me, struct loan *loan)
{
	loan->gpa = BUSY.first * PAGE + fx_rand_below(&me->rand, BUSY.npages * PAGE - 64 * PAGE);
	loan->bytes = 1 + fx_rand_below(&me->rand, fx_rand_odds(&me->rand, 1, 8) ? 40 * PAGE :
							     2 * PAGE);
}

static void take(struct crew_member *me, struct loan *loan)
{
	struct gms_lend_result result;
	int err;

	draw_loan(me, loan);
	GMS_INIT(&result);
	err = gms_lend(me->crew->space, loan->gpa, loan->bytes, GMS_LEND_BOTH, me->number,
		       &loan->id, &result);
	if (err)
		crew_fail(me->crew, "lend: %s", gms_strerror(err));
	me->tally[LENDS]++;
	me->tally[HITS] += result.hit_pages;
	me->tally[TO_SHARED] += result.changed_pages;
}

static void check_shared(struct crew_member *me, const struct loan *loan)
{
	const gms_gfn last = (loan->gpa + loan->bytes - 1) / PAGE;

	for (gms_gfn gfn = loan->gpa / PAGE; gfn <= last; gfn++) {
		if (!(gms_state_at(me->crew->space, gfn) & S))
			crew_fail(me->crew, "%" PRIx64 " is lent and private", gfn);
	}
}

static void lend_and_return(struct crew_member *me)
{
	struct loan *loan = &held[me - crew.member][fx_rand_below(&me->rand, HELD)];

	if (!loan->id)
		take(me, loan);
	check_shared(me, loan);
	if (fx_rand_odds(&me->rand, 1, 2))
		give(me, loan);
}

/* Many at once, in the order that is drawn: two that want the same never wait for each other. */
static void lend_many(struct crew_member *me)
{
	struct loan *loan = held[me - crew.member];
	struct gms_loan_want want[HELD];
	struct gms_lend_result result;
	gms_loan_id ids[HELD];
	int err;

	for (unsigned i = 0; i < HELD; i++) {
		draw_loan(me, &loan[i]);
		want[i] = (struct gms_loan_want){ loan[i].gpa, loan[i].bytes, me->number,
						  GMS_LEND_BOTH, 0 };
	}
	GMS_INIT(&result);
	err = gms_lend_many(me->crew->space, want, HELD, ids, &result);
	if (err)
		crew_fail(me->crew, "lend many: %s", gms_strerror(err));
	me->tally[LENDS] += HELD;
	me->tally[HITS] += result.hit_pages;
	me->tally[TO_SHARED] += result.changed_pages;
	for (unsigned i = 0; i < HELD; i++) {
		loan[i].id = ids[i];
		check_shared(me, &loan[i]);
	}
	ids[0] = loan[1].id;
	if (gms_return_many(me->crew->space, ids, HELD, NULL) != -ENOENT)
		crew_fail(me->crew, "a loan was returned doubly");
	ids[0] = loan[0].id;
	GMS_INIT(&result);
	err = gms_return_many(me->crew->space, ids, HELD, &result);
	if (err)
		crew_fail(me->crew, "return many: %s", gms_strerror(err));
	me->tally[RETURNS] += HELD;
	me->tally[TO_PRIVATE] += result.changed_pages;
	for (unsigned i = 0; i < HELD; i++)
		loan[i].id = 0;
}

static void look(struct crew_member *me)
{
	struct gms_lend_gauges gauges;

	GMS_INIT(&gauges);
	if (gms_lend_read(me->crew->space, &gauges))
		crew_fail(me->crew, "gauges");
}

static void reclaim(struct crew_member *me)
{
	struct gms_lend_result result;

	GMS_INIT(&result);
	if (gms_reclaim(me->crew->space, 1 + fx_rand_below(&me->rand, 40), UINT64_MAX, &result))
		crew_fail(me->crew, "reclaim");
	me->tally[TO_PRIVATE] += result.changed_pages;
}

static struct gms_range draw(struct crew_member *me)
{
	return FX_RANGE(BUSY.first + fx_rand_below(&me->rand, BUSY.npages - 8),
			1 + fx_rand_below(&me->rand, 8));
}

static void convert(struct crew_member *me)
{
	const bool share = fx_rand_odds(&me->rand, 1, 8);
	struct gms_convert_result result;
	int err;

	GMS_INIT(&result);
	err = share ? gms_share(me->crew->space, draw(me), &result) :
		      gms_unshare(me->crew->space, draw(me), &result);
	if (err && (share || err != -EAGAIN))
		crew_fail(me->crew, "convert: %s", gms_strerror(err));
	me->tally[share ? TO_SHARED : TO_PRIVATE] += result.changed_pages;
}

static void pin(struct crew_member *me)
{
	gms_pin_id id;

	if (!gms_pin(me->crew->space, draw(me), 0, me->number, &id, NULL) &&
	    gms_unpin(me->crew->space, id))
		crew_fail(me->crew, "unpin");
}

static void list(struct crew_member *me)
{
	struct gms_loan_info info[256];
	size_t found;

	if (gms_loans_in(me->crew->space, draw(me), info, 256, &found) ||
	    found > LENDERS * HELD)
		crew_fail(me->crew, "%zu loans", found);
}

/* Nothing is out any more; what is idle goes too. */
static void settle(void)
{
	struct gms_lend_result result;
	struct gms_acct acct;

	for (unsigned i = 0; i < crew.nmembers; i++) {
		for (unsigned k = 0; k < HELD; k++) {
			if (held[i][k].id)
				give(&crew.member[i], &held[i][k]);
		}
	}
	fx_check(crew.space);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_reclaim(crew.space, UINT64_MAX, UINT64_MAX, &result), 0);
	fx_check(crew.space);
	fx_acct(crew.space, &acct);
	ck_assert_uint_eq(acct.loans + acct.lent_bytes + acct.lent_pages + acct.idle_pages, 0);
	ck_assert_uint_eq(acct.slack_bytes, 0);
	ck_assert_uint_eq(acct.event[GMS_ACCT_LENDS].count, crew_tally(&crew, LENDS));
	ck_assert_uint_eq(acct.event[GMS_ACCT_RETURNS].count, crew_tally(&crew, RETURNS));
	ck_assert_uint_eq(acct.event[GMS_ACCT_LEND_HITS].count, crew_tally(&crew, HITS));
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_TO_SHARED].count,
			  crew_tally(&crew, TO_SHARED));
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_TO_PRIVATE].count,
			  crew_tally(&crew, TO_PRIVATE) + result.changed_pages);
	ck_assert_uint_eq(acct.shared_pages, acct.event[GMS_ACCT_PAGES_TO_SHARED].count -
					     acct.event[GMS_ACCT_PAGES_TO_PRIVATE].count);
	fx_host_check(crew.host, crew.space, FX_RANGE(FX_1G, FX_1G));
}

START_TEST(loans_of_the_same_folios_are_exact)
{
	crew_add(&crew, LENDERS, lend_and_return);
	crew_run(&crew);
	settle();
	ck_assert_uint_eq(fx_shared(crew.space, FX_ALL), 0);
}
END_TEST

START_TEST(many_at_once_are_exact)
{
	crew_add(&crew, LENDERS / 2, lend_and_return);
	crew_add(&crew, LENDERS / 2, lend_many);
	crew_run(&crew);
	settle();
	ck_assert_uint_eq(fx_shared(crew.space, FX_ALL), 0);
}
END_TEST

START_TEST(lent_pages_stay_shared_whatever_others_do)
{
	crew_add(&crew, LENDERS - 8, lend_and_return);
	crew_add(&crew, 8, lend_many);
	crew_add(&crew, 1, look);
	crew_add(&crew, 2, reclaim);
	crew_add(&crew, 2, convert);
	crew_add(&crew, 1, pin);
	crew_add(&crew, 1, list);
	crew_run(&crew);
	settle();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stress of loans");
	TCase *t = fx_case(s, "eager");

	tcase_add_checked_fixture(t, eager, teardown);
	tcase_add_test(t, loans_of_the_same_folios_are_exact);
	tcase_add_test(t, many_at_once_are_exact);
	tcase_add_test(t, lent_pages_stay_shared_whatever_others_do);
	t = fx_case(s, "lazy");
	tcase_add_checked_fixture(t, lazy, teardown);
	tcase_add_test(t, loans_of_the_same_folios_are_exact);
	tcase_add_test(t, many_at_once_are_exact);
	tcase_add_test(t, lent_pages_stay_shared_whatever_others_do);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_shapes.c - folios under every policy while they are cut and merged:
 * writers, scans and a signal handler that asks. Meant for ThreadSanitizer too.
 *
 * A reader must always find a folio that holds the page it asked for, of an
 * order that the policy has, aligned, and never mixed where the policy says so.
 */
#include "crew.h"

#include <signal.h>
#include <sys/time.h>

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define GIBS	2
#define BUSY	(6 * FX_2M)

static const uint32_t policies[][3] = {	/* split, merge, base order */
	{ GMS_SPLIT_HALVES, GMS_MERGE_EAGER, 18 }, { GMS_SPLIT_HALVES, GMS_MERGE_DEFERRED, 18 },
	{ GMS_SPLIT_HALVES, GMS_MERGE_EAGER, 9 }, { GMS_SPLIT_ALL_4K, GMS_MERGE_EAGER, 9 },
	{ GMS_SPLIT_ALL_4K, GMS_MERGE_EAGER, 18 }, { GMS_SPLIT_LEVELS, GMS_MERGE_DEFERRED, 18 },
};

static struct crew crew;
static const uint32_t *policy;
static atomic_uint_fast64_t asked, wrong;

enum { CHANGED };

static void setup(int i)
{
	struct gms_space_opts opts;

	policy = policies[i];
	memset(&crew, 0, sizeof(crew));
	fx_mem_init(&crew.mem);
	GMS_INIT(&opts);
	opts.split = policy[0];
	opts.merge = policy[1];
	opts.merge_after_commits = policy[1] == GMS_MERGE_DEFERRED ? 20 : 0;
	opts.mem = &crew.mem.ops;
	ck_assert_int_eq(gms_space_new(&crew.space, &opts), 0);
	fx_region(crew.space, FX_RANGE(0, GIBS * FX_1G), policy[2], D, NULL);
}

static gms_gfn draw(struct fx_rand *rand)
{
	return fx_rand_below(rand, GIBS) * FX_1G + fx_rand_below(rand, BUSY);
}

/* Is this the folio of a page, and one that the policy may have? */
static bool is_folio(const struct gms_folio *folio, gms_gfn gfn)
{
	const uint64_t npages = UINT64_C(1) << folio->order;

	if (folio->order > policy[2] || folio->first % npages || gfn - folio->first >= npages)
		return false;
	if (policy[0] != GMS_SPLIT_HALVES && folio->order % 9)
		return false;
	return folio->shared_pages <= npages &&
	       (policy[0] != GMS_SPLIT_HALVES || !(folio->flags & GMS_FOLIO_MIXED));
}

static bool ask(gms_gfn gfn)
{
	struct gms_folio_iter it;
	struct gms_folio folio;
	bool good = !gms_folio_at(crew.space, gfn, &folio) && is_folio(&folio, gfn);
	gms_gfn next = gfn;

	if (gms_folio_iter_init(&it, crew.space, FX_RANGE(gfn, 700)))
		return false;
	while (gms_folio_iter_next(&it, &folio)) {
		good &= is_folio(&folio, next);
		next = folio.first + (UINT64_C(1) << folio.order);
	}
	good &= next >= gfn + 700;
	return good && gms_map_order(crew.space, gfn, S) <= policy[2];
}

static void handler(int signo)
{
	(void)signo;
	atomic_fetch_add(&wrong, !ask(atomic_fetch_add(&asked, 1) * 411 % BUSY));
}

/* A signal every now and then, which only writers let through. */
static void ring(uint64_t every_us)
{
	const struct itimerval timer = { { 0, (suseconds_t)every_us }, { 0, (suseconds_t)every_us } };

	ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void mask(int how)
{
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	if (pthread_sigmask(how, &alarm, NULL))
		abort();
}

static void write_pages(struct crew_member *me)
{
	struct gms_range range = FX_RANGE(draw(&me->rand), 1 + fx_rand_below(&me->rand, 40));
	struct gms_convert_result result;
	gms_pin_id id;
	int err;

	if (!me->rounds)
		mask(SIG_UNBLOCK);
	if (fx_rand_odds(&me->rand, 1, 4)) {		/* whole blocks */
		range.first &= ~(FX_2M - 1);
		range.npages = FX_2M * (1 + fx_rand_below(&me->rand, 4));
	} else if (fx_rand_odds(&me->rand, 1, 60)) {	/* all */
		range = FX_RANGE(range.first & ~(FX_1G - 1), FX_1G);
	}
	GMS_INIT(&result);
	if (fx_rand_odds(&me->rand, 1, 2)) {
		err = gms_share(me->crew->space, range, &result);
		if (!err && fx_rand_odds(&me->rand, 1, 8) &&
		    !gms_pin(me->crew->space, range, 0, 1, &id, NULL))
			err = gms_unpin(me->crew->space, id);
	} else {
		err = gms_unshare(me->crew->space, range, &result);
		err = err == -EAGAIN ? 0 : err;
	}
	if (err)
		crew_fail(me->crew, "convert: %s", gms_strerror(err));
	me->tally[CHANGED] += result.changed_pages;
}

static void cut_and_grow(struct crew_member *me)
{
	const gms_gfn gfn = draw(&me->rand);
	const unsigned order = policy[0] == GMS_SPLIT_HALVES ?
			       (unsigned)fx_rand_below(&me->rand, policy[2] + 1) :
			       fx_rand_odds(&me->rand, 1, 2) ? 0 : policy[2];
	struct gms_merge_result result;
	int err;

	GMS_INIT(&result);
	err = fx_rand_odds(&me->rand, 1, 2) ? gms_folio_split(me->crew->space, gfn, order) :
					      gms_folio_merge(me->crew->space, gfn, order);
	if (err && err != -EBUSY && err != -EAGAIN)
		crew_fail(me->crew, "cut or grow: %s", gms_strerror(err));
	if (gms_merge_scan(me->crew->space, 50, &result) || result.looked_blocks > 50)
		crew_fail(me->crew, "scan");
}

static void read_folios(struct crew_member *me)
{
	const gms_gfn gfn = draw(&me->rand);

	if (!ask(gfn))
		crew_fail(me->crew, "folios from 0x%" PRIx64 " on", gfn);
}

START_TEST(folios_are_folios_at_any_moment)	/* _i: policy */
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct gms_acct acct;

	setup(_i);
	sigemptyset(&action.sa_mask);
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	mask(SIG_BLOCK);
	ring(500 * fx_slowdown());
	crew_add(&crew, 2, write_pages);
	crew_add(&crew, 1, cut_and_grow);
	crew_add(&crew, 1, read_folios);
	crew_run(&crew);
	ring(0);
	mask(SIG_UNBLOCK);
	ck_assert_uint_eq(atomic_load(&wrong), 0);
	ck_assert_uint_gt(atomic_load(&asked), 0);
	fx_check(crew.space);
	fx_acct(crew.space, &acct);
	ck_assert_uint_eq(acct.event[GMS_ACCT_PAGES_CHANGED].count, crew_tally(&crew, CHANGED));
	fx_space_done(crew.space, &crew.mem);
}
END_TEST

/* --- a tree that goes from block to block ---------------------------------- */

#define LEAST	3u	/* the first block is cut down to this order, the second to 0 */

static void pass_a_tree_on(struct crew_member *me)
{
	struct gms_space *s = me->crew->space;
	const struct gms_range one = FX_RANGE(0, 1u << LEAST), other = FX_RANGE(FX_2M, 1);

	if (gms_share(s, one, NULL) || gms_unshare(s, one, NULL) || gms_share(s, other, NULL) ||
	    gms_unshare(s, other, NULL))
		crew_fail(me->crew, "convert");
}

static void read_the_first(struct crew_member *me)
{
	struct gms_folio folio;

	for (unsigned i = 0; i < 1000; i++) {
		if (gms_folio_at(me->crew->space, 0, &folio) || folio.order < LEAST)
			crew_fail(me->crew, "a folio of order %u: another block's", folio.order);
	}
}

START_TEST(a_tree_is_never_read_for_another_block)
{
	setup(2);
	crew_add(&crew, 1, pass_a_tree_on);
	crew_add(&crew, 2, read_the_first);
	crew_run(&crew);
	fx_check(crew.space);
	fx_space_done(crew.space, &crew.mem);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("shapes");
	TCase *tc = fx_case(s, "threads");

	fx_seed();
	tcase_add_loop_test(tc, folios_are_folios_at_any_moment, 0,
			    (int)(sizeof(policies) / sizeof(policies[0])));
	tcase_add_test(tc, a_tree_is_never_read_for_another_block);
	return fx_run(s);
}

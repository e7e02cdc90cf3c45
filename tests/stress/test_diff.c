/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_diff.c - copies are kept up to date by gms_diff() while others convert, cut
 * and merge folios, hold many GiB at a time, and fail half-way. When all is quiet and
 * the copies have followed once more, they are what the space is.
 *
 * A copy that was told too little once is never told of it again, so the end shows
 * it. Now and then, in the midst of it all, the copiers also look at a block that only
 * they convert: what they committed must be in the copy at once.
 *
 * Meant for ThreadSanitizer; GMS_STRESS_SECONDS sets how long.
 */
#include "crew.h"

#include "mirror.h"

#define S	GMS_STATE_SHARED
#define GIBS	UINT64_C(6)
#define COPIES	2u
#define OWN(n)	(GIBS * FX_1G + (n) * FX_2M)	/* the n-th copier's block */
#define SPAN	(OWN(COPIES))

enum { CONVERTED, LARGE, SHAPED, FROZEN, FOLLOWED, RUNS, UNDONE };

static struct crew crew;
static struct mirror mirror[COPIES];

/* The host of one GiB objects every third time, when all is flipped. */
static int object(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		  struct gms_charge *charge)
{
	static _Atomic unsigned calls;

	(void)ctx, (void)runs, (void)nruns, (void)ndone, (void)charge;
	return atomic_fetch_add(&calls, 1) % 3 ? 0 : -EIO;
}

static int agree(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		 struct gms_charge *charge)
{
	(void)ctx, (void)runs, (void)nruns, (void)ndone, (void)charge;
	return 0;
}

static void add_region(gms_gfn first, uint64_t npages, uint32_t order, bool objects)
{
	struct gms_region_opts opts;
	struct gms_backend backend;

	GMS_INIT(&backend);
	backend.map_host = object;
	backend.unmap_host = agree;
	GMS_INIT(&opts);
	opts.first = first;
	opts.npages = npages;
	opts.base_order = order;
	opts.backend = objects ? &backend : NULL;
	ck_assert_int_eq(gms_region_add(crew.space, &opts, NULL), 0);
}

static void setup(void)
{
	struct gms_space_opts opts;

	memset(&crew, 0, sizeof(crew));
	GMS_INIT(&opts);
	opts.flags = GMS_SPACE_TRACK_CHANGES | GMS_SPACE_ACCESS;
	ck_assert_int_eq(gms_space_new(&crew.space, &opts), 0);
	add_region(0, 3 * FX_1G, GMS_ORDER_1G, false);
	add_region(3 * FX_1G, FX_1G, GMS_ORDER_2M, true);
	add_region(4 * FX_1G, 2 * FX_1G, GMS_ORDER_2M, false);
	add_region(OWN(0), COPIES * FX_2M, GMS_ORDER_4K, false);
	for (unsigned i = 0; i < COPIES; i++)
		mirror_init(&mirror[i], SPAN);
}

static struct gms_range draw(struct crew_member *me, uint64_t most)
{
	const gms_gfn gib = fx_rand_below(&me->rand, GIBS) * FX_1G;

	return FX_RANGE(gib + fx_rand_below(&me->rand, 16 * FX_2M),
			1 + fx_rand_below(&me->rand, most));
}

static void convert(struct crew_member *me, struct gms_range range, unsigned tally)
{
	const struct gms_change change = {
		range, fx_rand_odds(&me->rand, 1, 2) ? S : GMS_STATE_USER0, 0,
	}, back = { range, 0, change.set };
	int err = gms_convert(crew.space, fx_rand_odds(&me->rand, 1, 2) ? &change : &back, 1, NULL,
			      NULL);

	if (!err)
		me->tally[tally]++;
	else if (err == -EIO)
		me->tally[UNDONE]++;
	else if (err != -EBUSY)
		crew_fail(&crew, "convert: %s", gms_strerror(err));
}

static void converter(struct crew_member *me)
{
	convert(me, draw(me, fx_rand_odds(&me->rand, 1, 8) ? 3 * FX_2M : 8), CONVERTED);
}

/* Many GiB, which are owned meanwhile. */
static void large(struct crew_member *me)
{
	convert(me, FX_RANGE(fx_rand_below(&me->rand, FX_2M), 2 * FX_1G), LARGE);
	convert(me, FX_RANGE(4 * FX_1G, 2 * FX_1G), LARGE);
}

static void shaper(struct crew_member *me)
{
	const gms_gfn gfn = draw(me, 1).first;
	int err = fx_rand_odds(&me->rand, 1, 2) ? gms_folio_split(crew.space, gfn, 0)
						: gms_folio_merge(crew.space, gfn, 9);

	if (!err)
		me->tally[SHAPED]++;
	else if (err != -EBUSY)
		crew_fail(&crew, "shape: %s", gms_strerror(err));
}

static void freezer(struct crew_member *me)
{
	const struct gms_range range = draw(me, 40);
	int err = gms_freeze(crew.space, range, 0, NULL);

	if (!err)
		while ((err = gms_thaw(crew.space, range, NULL)) == -EIO)
			me->tally[UNDONE]++;
	if (err)
		crew_fail(&crew, "freeze: %s", gms_strerror(err));
	me->tally[FROZEN]++;
}

static void copier(struct crew_member *me)
{
	struct mirror *mine = &mirror[me->number];
	const gms_gfn gfn = OWN(me->number) + fx_rand_below(&me->rand, FX_2M);
	const gms_state want = fx_rand_odds(&me->rand, 1, 2) ? S : 0;
	int err = want ? gms_share(crew.space, FX_RANGE(gfn, 1), NULL)
		       : gms_unshare(crew.space, FX_RANGE(gfn, 1), NULL);

	if (!err)
		err = mirror_follow(mine, crew.space);
	if (err)
		crew_fail(&crew, "follow: %s", gms_strerror(err));
	else if (mine->state[gfn] != want)
		crew_fail(&crew, "a copy has 0x%x for page 0x%" PRIx64 ", which is 0x%x",
			  mine->state[gfn], gfn, want);
	me->tally[FOLLOWED]++;
	me->tally[RUNS] += mine->runs;
}

static bool is_the_same(struct mirror *mine)
{
	struct gms_folio folio;

	for (gms_gfn gfn = 0; gfn < SPAN; gfn += gfn % FX_1G < 20 * FX_2M ? 1 : 41) {
		if (gms_state_at(crew.space, gfn) != mine->state[gfn] ||
		    gms_folio_at(crew.space, gfn, &folio) || folio.order != mine->order[gfn])
			return false;
	}
	return true;
}

START_TEST(copies_are_what_the_space_is)
{
	setup();
	crew_add(&crew, 3, converter);
	crew_add(&crew, 1, large);
	crew_add(&crew, 1, shaper);
	crew_add(&crew, 1, freezer);
	crew_add(&crew, COPIES, copier);
	crew_run(&crew);
	for (unsigned i = 0; i < COPIES; i++) {
		ck_assert_int_eq(mirror_follow(&mirror[i], crew.space), 0);
		ck_assert(is_the_same(&mirror[i]));
		ck_assert_uint_eq(mirror[i].anew, 0);
		/* And nothing is new when nothing is. */
		ck_assert_int_eq(mirror_follow(&mirror[i], crew.space), 0);
		ck_assert_uint_eq(mirror[i].runs, 0);
		mirror_free(&mirror[i]);
	}
	fx_check(crew.space);
	printf("%" PRIu64 " conversions, %" PRIu64 " large, %" PRIu64 " undone, %" PRIu64
	       " shapes, %" PRIu64 " freezes; followed %" PRIu64 " times, %" PRIu64 " runs\n",
	       crew_tally(&crew, CONVERTED), crew_tally(&crew, LARGE),
	       crew_tally(&crew, UNDONE), crew_tally(&crew, SHAPED),
	       crew_tally(&crew, FROZEN), crew_tally(&crew, FOLLOWED),
	       crew_tally(&crew, RUNS));
	fflush(stdout);
	gms_space_free(crew.space);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("diff");
	TCase *t = fx_case(s, "all at once");

	fx_seed();
	tcase_add_test(t, copies_are_what_the_space_is);
	return fx_run(s);
}

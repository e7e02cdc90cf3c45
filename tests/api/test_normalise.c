/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of C6 in gms_convert(): however a batch overlaps itself, its pages
 * are as if its changes came one after the other, backends and listeners are told
 * of each page once, in runs as long as can be, with one call a backend and
 * operation and one flush, although their regions lie in turn: A B A A.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define P	GMS_STATE_POPULATED
#define U	GMS_STATE_USER0

#define FIRST	UINT64_C(512)
#define PAGES	UINT64_C(1536)
#define CHANGES	12

static const struct {
	struct gms_range range;
	uint32_t order;
	bool	 b;
} places[] = {
	{ { 512, 512 }, 9, false }, { { 1024, 300 }, 0, true }, { { 1324, 212 }, 0, false },
	{ { 1536, 512 }, 9, false },
};

static struct fx_mem mem;
static struct gms_space *space;
static struct fx_host *host[2];
static struct fx_rand rand_;

/* A listener that only counts how often it is told of a page in one commit. */
static struct heard {
	uint8_t	 seen[PAGES];
	unsigned calls[2];
	uint64_t pages[2];
	bool	 twice, disordered;
} heard;

static int hear(const struct gms_host_run *runs, size_t n, bool gained)
{
	heard.calls[gained]++;
	for (size_t i = 0; i < n; i++) {
		if (i && runs[i].first < runs[i - 1].first + runs[i - 1].npages)
			heard.disordered = true;
		for (gms_gfn gfn = runs[i].first; gfn < runs[i].first + runs[i].npages; gfn++)
			heard.twice |= heard.seen[gfn - FIRST]++;
		heard.pages[gained] += runs[i].npages;
	}
	return 0;
}

static int revoke(void *ctx, const struct gms_host_run *runs, size_t n, size_t *ndone,
		  struct gms_charge *charge)
{
	(void)ctx;
	(void)ndone;
	(void)charge;
	return hear(runs, n, false);
}

static int commit(void *ctx, const struct gms_host_run *runs, size_t n, size_t *ndone,
		  struct gms_charge *charge)
{
	(void)ctx;
	(void)ndone;
	(void)charge;
	return hear(runs, n, true);
}

static void setup(void)
{
	struct gms_listener listener;
	uint32_t id;

	memset(&heard, 0, sizeof(heard));
	fx_mem_init(&mem);
	fx_rand_init(&rand_, fx_seed(), 6);
	space = fx_plain_space(&mem);
	for (int i = 0; i < 2; i++) {
		host[i] = fx_host_new(FIRST, PAGES);
		fx_host_do_all(host[i]);
	}
	for (int i = 0; i < 4; i++) {
		fx_region(space, places[i].range, places[i].order, D, host[places[i].b]);
		fx_host_mend(host[places[i].b], space, places[i].range);
	}
	GMS_INIT(&listener);
	listener.mask = listener.value = S;
	listener.flags = GMS_LISTEN_CAN_CUT | GMS_LISTEN_NO_JOIN;
	listener.revoke = revoke;
	listener.commit = commit;
	ck_assert_int_eq(gms_listener_add(space, &listener, &id), 0);
}

static void teardown(void)
{
	for (int i = 0; i < 4; i++)
		fx_host_check(host[places[i].b], space, places[i].range);
	fx_space_done(space, &mem);
	fx_host_free(host[0]);
	fx_host_free(host[1]);
}

static void draw(struct gms_change *change)
{
	static const gms_state bits[] = { S, S, S, P, U, S | P, S | U, P | U };
	const gms_state one = bits[fx_rand_below(&rand_, 8)];
	const gms_state other = bits[fx_rand_below(&rand_, 8)] & ~one;
	const uint64_t at = fx_rand_below(&rand_, PAGES);
	const uint64_t most = fx_rand_odds(&rand_, 1, 4) ? PAGES : 200;
	uint64_t npages = 1 + fx_rand_below(&rand_, most);

	npages = npages > PAGES - at ? PAGES - at : npages;
	change->range = FX_RANGE(FIRST + at, npages);
	if (fx_rand_odds(&rand_, 1, 2)) {
		change->set = one;
		change->clear = fx_rand_odds(&rand_, 1, 4) ? other : 0;
	} else {
		change->set = fx_rand_odds(&rand_, 1, 4) ? other : 0;
		change->clear = one;
	}
}

/* One change after the other, page by page. */
static void apply(gms_state *state, const struct gms_change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct gms_range r = changes[i].range;

		for (gms_gfn gfn = r.first; gfn < r.first + r.npages; gfn++) {
			gms_state *page = &state[gfn - FIRST];

			*page = (*page & ~changes[i].clear) | changes[i].set;
		}
	}
}

/* Calls of each operation, and no run that could have been part of the one before. */
static void check_host(const struct fx_host *h, unsigned which)
{
	static const char ops[] = "umadpx";
	unsigned flushes = 0;

	for (const char *op = ops; *op; op++)
		ck_assert_msg(h->calls_of[(unsigned char)*op] <= (*op == 'a' || *op == 'd' ? 2 : 1),
			      "backend %u: %" PRIu64 " calls of %c in one commit", which,
			      h->calls_of[(unsigned char)*op], *op);
	for (uint64_t i = 0; i < h->nlog; i++)
		flushes += h->log[i].op == FX_FLUSH;
	ck_assert_uint_le(flushes, 1);
	ck_assert_msg(!h->broken[0], "backend %u, contract: %s", which, h->broken);
}

static void one_batch(gms_state *state)
{
	struct gms_change changes[CHANGES];
	struct gms_convert_result result;
	const size_t n = 1 + fx_rand_below(&rand_, CHANGES);
	uint64_t changed = 0, asked = 0, gained = 0, lost = 0;
	gms_state want[PAGES];
	bool named[PAGES] = { false };

	for (size_t i = 0; i < n; i++) {
		draw(&changes[i]);
		for (uint64_t k = 0; k < changes[i].range.npages; k++)
			named[changes[i].range.first - FIRST + k] = true;
	}
	memcpy(want, state, sizeof(want));
	apply(want, changes, n);
	memset(&heard, 0, sizeof(heard));
	fx_host_forget(host[0]);
	fx_host_forget(host[1]);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(space, changes, n, NULL, &result), 0);
	for (uint64_t i = 0; i < PAGES; i++) {
		if (gms_state_at(space, FIRST + i) != want[i])
			ck_abort_msg("page 0x%" PRIx64 " is 0x%x, should be 0x%x", FIRST + i,
				     gms_state_at(space, FIRST + i), want[i]);
		changed += want[i] != state[i];
		asked += named[i];
		gained += !!(want[i] & ~state[i] & S);
		lost += !!(state[i] & ~want[i] & S);
	}
	memcpy(state, want, sizeof(want));
	ck_assert_uint_eq(result.changed_pages, changed);
	ck_assert_uint_eq(result.unchanged_pages, asked - changed);
	ck_assert(!heard.twice && !heard.disordered);
	ck_assert_uint_le(heard.calls[0], 1);
	ck_assert_uint_le(heard.calls[1], 1);
	ck_assert_uint_eq(heard.pages[0], lost);
	ck_assert_uint_eq(heard.pages[1], gained);
	check_host(host[0], 0);
	check_host(host[1], 1);
}

START_TEST(a_batch_is_its_changes_one_after_the_other)
{
	gms_state state[PAGES];

	for (uint64_t i = 0; i < PAGES; i++)
		state[i] = D;
	for (unsigned k = 0; k < 1200 / fx_slowdown(); k++) {
		one_batch(state);
		if (k % 64 == 0)
			fx_check(space);
	}
}
END_TEST

START_TEST(regions_in_turn_are_one_call_each)
{
	const struct gms_change all = { FX_RANGE(FIRST, PAGES), S | P, 0 };
	struct gms_convert_result result;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(space, &all, 1, NULL, &result), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(host[i]->calls_of[FX_MAP], 1);
		ck_assert_uint_eq(host[i]->calls_of[FX_ATTRIBUTES], 1);
		ck_assert_uint_eq(host[i]->calls_of[FX_POPULATE], 1);
		ck_assert_uint_eq(host[i]->flushes, 1);
	}
	ck_assert_uint_eq(result.host_runs, 4);
	ck_assert_uint_eq(result.flushes, 2);
	ck_assert_uint_eq(heard.calls[1], 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("normalise");
	TCase *t = fx_case(s, "C6");

	fx_seed();
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_batch_is_its_changes_one_after_the_other);
	tcase_add_test(t, regions_in_turn_are_one_call_each);
	return fx_run(s);
}

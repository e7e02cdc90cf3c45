/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/engine/batch.c, against changes applied page by page.
 *
 * The pages are in windows that lie far apart, so that first frames differ in
 * many digits; batches are drawn for each way there is to normalise them.
 */
#include "fixture.h"

#include "engine/batch.h"

#define WINDOW_PAGES	256u
#define CHANGES		300u	/* few ones, and more than are sorted by insertion */

/* Ascending; two are neighbours; the last ends where numbers do. */
static const gms_gfn window[] = {
	0, 0x100, 0x40300, 0x7fffe00, UINT64_C(1) << 40, (UINT64_C(1) << 52) - WINDOW_PAGES,
	UINT64_MAX - WINDOW_PAGES
};

#define WINDOWS		(sizeof(window) / sizeof(window[0]))
#define PAGES		(WINDOWS * WINDOW_PAGES)

struct page {
	gms_state set, clear;
	bool	  named;
};

static struct gms_change change[CHANGES];
static struct gms__segment out[2 * CHANGES], tmp[2 * CHANGES];

static struct gms_change change_of(size_t page, uint64_t npages, gms_state set, gms_state clear)
{
	return (struct gms_change){
		FX_RANGE(window[page / WINDOW_PAGES] + page % WINDOW_PAGES, npages), set, clear
	};
}

static void apply(struct page *pages, const struct gms_change *c)
{
	size_t w = WINDOWS - 1;

	while (c->range.first < window[w])
		w--;
	pages += w * WINDOW_PAGES + (c->range.first - window[w]);
	for (uint64_t i = 0; i < c->range.npages; i++) {
		pages[i].set = (pages[i].set & ~c->clear) | c->set;
		pages[i].clear = (pages[i].clear & ~c->set) | c->clear;
		pages[i].named = true;
	}
}

/* B1 to B3, and every page as it is in the array; NULL: so it is. */
static const char *differs(const struct page *pages, const struct gms__segment *s, size_t n)
{
	const struct gms__segment *const end = s + n;

	for (size_t i = 0; i < n; i++) {
		if (s[i].first >= s[i].end || (i && s[i].first < s[i - 1].end))
			return "B1: segments do not ascend, or one is empty";
		if (i && s[i].first == s[i - 1].end && s[i].set == s[i - 1].set &&
		    s[i].clear == s[i - 1].clear)
			return "B2: neighbours were not joined";
		if (s[i].set & s[i].clear)
			return "B3: an attribute is both set and cleared";
	}
	for (size_t p = 0; p < PAGES; p++) {
		const gms_gfn gfn = window[p / WINDOW_PAGES] + p % WINDOW_PAGES;

		while (s < end && s->end <= gfn)
			s++;
		if (pages[p].named != (s < end && s->first <= gfn))
			return "a page is named that no change names, or the other way round";
		if (pages[p].named && (s->set != pages[p].set || s->clear != pages[p].clear))
			return "a page does not become what the changes come to";
	}
	return NULL;
}

/*
 * Normalise the first n changes, and compare. Simple ones, ascending or sorted, take
 * n of tmp's segments at most. Laying an even number of them over each other takes
 * the next one too, so it is seen there if a simple way was missed.
 */
static void check(size_t n, bool is_simple, const char *what, unsigned round)
{
	static struct page pages[PAGES];
	uint64_t named = 0, in_segments = 0;
	const char *reason;
	size_t nsegments;

	memset(pages, 0, sizeof(pages));
	for (size_t i = 0; i < n; i++)
		apply(pages, &change[i]);
	tmp[n].end = UINT64_MAX;
	nsegments = gms__batch_normalise(change, n, out, tmp);
	reason = nsegments <= gms__batch_room(n) ? differs(pages, out, nsegments) :
						   "more segments than there is room for";
	for (size_t p = 0; p < PAGES; p++)
		named += pages[p].named;
	for (size_t i = 0; !reason && i < nsegments; i++)
		in_segments += out[i].end - out[i].first;
	if (!reason && named != in_segments)
		reason = "segments hold pages of no window";
	if (!reason && is_simple && n % 2 == 0 && tmp[n].end != UINT64_MAX)
		reason = "changes were laid over each other that are simple";
	if (reason)
		ck_abort_msg("%s, %zu changes, round %u: %s", what, n, round, reason);
}

enum kinds { ONE_KIND, TWO_KINDS, ANY_KIND };

static void draw_kind(struct fx_rand *rand, enum kinds kinds, gms_state *set, gms_state *clear)
{
	*set = GMS_STATE_SHARED;
	*clear = GMS_STATE_USER0;
	if (kinds == TWO_KINDS && fx_rand_below(rand, 2)) {
		*set = 0;
		*clear = GMS_STATE_SHARED;
	} else if (kinds == ANY_KIND) {
		*set = fx_rand_below(rand, 4);
		*clear = fx_rand_below(rand, 4) & ~*set;	/* or nothing at all */
	}
}

/* Ascending and disjoint; where two touch, it is as often as not. Returns how many. */
static size_t draw_disjoint(struct fx_rand *rand, size_t most, enum kinds kinds)
{
	const uint64_t spread = 2 * PAGES / most + 1;
	size_t n = 0, page = 0;

	while (n < most) {
		gms_state set, clear;
		uint64_t npages;

		page += fx_rand_below(rand, 2) ? fx_rand_below(rand, spread) : 0;
		if (page >= PAGES)
			break;
		npages = 1 + fx_rand_below(rand, 4);
		if (npages > WINDOW_PAGES - page % WINDOW_PAGES)
			npages = WINDOW_PAGES - page % WINDOW_PAGES;
		draw_kind(rand, kinds, &set, &clear);
		change[n++] = change_of(page, npages, set, clear);
		page += npages;
	}
	if (!n)
		change[n++] = change_of(0, 1, GMS_STATE_SHARED, 0);
	return n;
}

static void draw_any(struct fx_rand *rand, size_t n, enum kinds kinds)
{
	for (size_t i = 0; i < n; i++) {
		const size_t page = fx_rand_below(rand, PAGES);
		const uint64_t left = WINDOW_PAGES - page % WINDOW_PAGES;
		gms_state set, clear;

		draw_kind(rand, kinds, &set, &clear);
		change[i] = change_of(page, 1 + fx_rand_below(rand, fx_rand_below(rand, 2) ?
							      left : left < 8 ? left : 8),
				      set, clear);
	}
}

static void shuffle(struct fx_rand *rand, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		const size_t other = fx_rand_below(rand, i);
		const struct gms_change swap = change[i - 1];

		change[i - 1] = change[other];
		change[other] = swap;
	}
}

static size_t draw_count(struct fx_rand *rand)
{
	return 1 + fx_rand_below(rand, fx_rand_below(rand, 2) ? 40 : CHANGES);
}

START_TEST(ascending_batches_come_to_what_their_changes_do)
{
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 2);
	for (unsigned round = 0; round < 3000; round++)
		check(draw_disjoint(&rand, draw_count(&rand), round % 3), true, "ascending",
		      round);
}
END_TEST

START_TEST(disjoint_batches_come_to_the_same_in_any_order)
{
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 3);
	for (unsigned round = 0; round < 3000; round++) {
		const size_t n = draw_disjoint(&rand, draw_count(&rand), round % 3);

		shuffle(&rand, n);
		check(n, true, "shuffled", round);
	}
}
END_TEST

START_TEST(batches_of_one_kind_are_joined_where_they_overlap)
{
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 4);
	for (unsigned round = 0; round < 3000; round++) {
		const size_t n = draw_count(&rand);

		draw_any(&rand, n, ONE_KIND);
		check(n, true, "one kind", round);
	}
}
END_TEST

START_TEST(overlapping_batches_come_to_what_the_later_changes_say)
{
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 5);
	for (unsigned round = 0; round < 3000; round++) {
		const size_t n = draw_count(&rand);

		draw_any(&rand, n, round % 2 ? ANY_KIND : TWO_KINDS);
		check(n, false, "overlapping", round);
	}
}
END_TEST

START_TEST(one_change_that_differs_is_seen_wherever_it_is)
{
	/* Nearly the simple ways: what they have done by then must not be kept. */
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 6);
	for (unsigned round = 0; round < 3000; round++) {
		const size_t n = draw_disjoint(&rand, draw_count(&rand), ONE_KIND);
		struct gms_change *odd = &change[fx_rand_below(&rand, n)];

		if (round % 2)
			shuffle(&rand, n);
		odd->range = change[fx_rand_below(&rand, n)].range;
		odd->set = 0;
		odd->clear = GMS_STATE_SHARED;
		check(n, false, "one differs", round);
	}
}
END_TEST

START_TEST(nested_changes_stay_within_the_room)
{
	/* Each change inside the one before: the most borders there can be. */
	const size_t n = WINDOW_PAGES / 2;

	for (size_t i = 0; i < n; i++)
		change[i] = change_of(i, WINDOW_PAGES - 2 * i,
				      i % 2 ? GMS_STATE_USER0 : GMS_STATE_USER1,
				      i % 2 ? GMS_STATE_USER1 : GMS_STATE_USER0);
	check(n, false, "nested", 0);
	ck_assert_uint_eq(gms__batch_normalise(change, n, out, tmp), 2 * n - 1);
}
END_TEST

START_TEST(one_change_wants_no_second_array)
{
	change[0] = change_of(3, 5, GMS_STATE_SHARED, 0);
	ck_assert_uint_eq(gms__batch_normalise(change, 1, out, NULL), 1);
	ck_assert_uint_eq(out[0].first, 3);
	ck_assert_uint_eq(out[0].end, 8);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("batch");
	TCase *t = fx_case(s, "normalise");

	tcase_add_test(t, ascending_batches_come_to_what_their_changes_do);
	tcase_add_test(t, disjoint_batches_come_to_the_same_in_any_order);
	tcase_add_test(t, batches_of_one_kind_are_joined_where_they_overlap);
	tcase_add_test(t, overlapping_batches_come_to_what_the_later_changes_say);
	tcase_add_test(t, one_change_that_differs_is_seen_wherever_it_is);
	tcase_add_test(t, nested_changes_stay_within_the_room);
	tcase_add_test(t, one_change_wants_no_second_array);
	return fx_run(s);
}

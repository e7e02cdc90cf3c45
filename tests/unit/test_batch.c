/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/engine/batch.c, against changes applied page by page. */
#include "fixture.h"

#include "engine/batch.h"

#define PAGES	256
#define CHANGES	64

struct page {
	gms_state set, clear;
	bool	  named;
};

static void apply(struct page *pages, const struct gms_change *change)
{
	for (uint64_t i = 0; i < change->range.npages; i++) {
		struct page *page = &pages[change->range.first + i];

		page->set = (page->set & ~change->clear) | change->set;
		page->clear = (page->clear & ~change->set) | change->clear;
		page->named = true;
	}
}

static void compare(const struct page *pages, const struct gms__segment *segment, size_t n)
{
	uint64_t pos = 0;

	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_lt(segment[i].first, segment[i].end);
		ck_assert_uint_ge(segment[i].first, pos);				/* B1 */
		ck_assert(!(segment[i].set & segment[i].clear));			/* B3 */
		ck_assert(!i || segment[i - 1].end != segment[i].first ||
			  segment[i - 1].set != segment[i].set ||
			  segment[i - 1].clear != segment[i].clear);			/* B2 */
		for (; pos < segment[i].first; pos++)
			ck_assert(!pages[pos].named);
		for (; pos < segment[i].end; pos++) {
			ck_assert(pages[pos].named);
			ck_assert_uint_eq(pages[pos].set, segment[i].set);
			ck_assert_uint_eq(pages[pos].clear, segment[i].clear);
		}
	}
	for (; pos < PAGES; pos++)
		ck_assert(!pages[pos].named);
}

START_TEST(random_batches_come_to_what_their_changes_do)
{
	struct gms__segment out[2 * CHANGES], tmp[2 * CHANGES];
	struct gms_change change[CHANGES];
	struct fx_rand rand;

	fx_rand_init(&rand, fx_seed(), 2);
	for (int round = 0; round < 5000; round++) {
		const size_t n = 1 + fx_rand_below(&rand, CHANGES);
		struct page pages[PAGES];

		memset(pages, 0, sizeof(pages));
		for (size_t i = 0; i < n; i++) {
			const uint64_t first = fx_rand_below(&rand, PAGES);
			const gms_state set = fx_rand_below(&rand, 4);

			change[i].range = FX_RANGE(first, 1 + fx_rand_below(&rand, PAGES - first));
			change[i].set = set;
			change[i].clear = fx_rand_below(&rand, 4) & ~set;
			apply(pages, &change[i]);
		}
		compare(pages, out, gms__batch_normalise(change, n, out, tmp));
	}
}
END_TEST

START_TEST(nested_changes_stay_within_the_room)
{
	/* Each change inside the one before: the most borders there can be. */
	struct gms__segment out[2 * CHANGES], tmp[2 * CHANGES];
	struct gms_change change[CHANGES];
	struct page pages[PAGES];

	memset(pages, 0, sizeof(pages));
	for (size_t i = 0; i < CHANGES; i++) {
		change[i].range = FX_RANGE(i, PAGES - 2 * i);
		change[i].set = i % 2 ? GMS_STATE_USER0 : GMS_STATE_USER1;
		change[i].clear = i % 2 ? GMS_STATE_USER1 : GMS_STATE_USER0;
		apply(pages, &change[i]);
	}
	compare(pages, out, gms__batch_normalise(change, CHANGES, out, tmp));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("batch");
	TCase *t = fx_case(s, "normalise");

	tcase_add_test(t, random_batches_come_to_what_their_changes_do);
	tcase_add_test(t, nested_changes_stay_within_the_room);
	return fx_run(s);
}

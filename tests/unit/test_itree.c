/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/map/itree.c, against a plain array of ranges. */
#include "fixture.h"

#include "map/itree.h"

#define NODES	400
#define SPAN	1000

static struct gms__inode node[NODES];
static bool live[NODES];

/* The first live node that meets the range, by (first, serial), of some; NULL: none. */
static const struct gms__inode *slow_find(uint64_t first, uint64_t end, uint64_t divisor)
{
	const struct gms__inode *best = NULL;

	for (size_t i = 0; i < NODES; i++) {
		if (!live[i] || node[i].first >= end || node[i].end <= first ||
		    node[i].serial % divisor)
			continue;
		if (!best || node[i].first < best->first ||
		    (node[i].first == best->first && node[i].serial < best->serial))
			best = &node[i];
	}
	return best;
}

static bool divides(const struct gms__inode *n, void *ctx)
{
	return n->serial % *(uint64_t *)ctx == 0;
}

struct seen {
	const struct gms__inode *last;
	size_t n;
};

static void see(struct gms__inode *n, void *ctx)
{
	struct seen *seen = ctx;

	ck_assert(!seen->last || seen->last->first < n->first ||
		  (seen->last->first == n->first && seen->last->serial < n->serial));
	seen->last = n;
	seen->n++;
}

/* From one to the next, as a visit goes. */
static size_t count_by_steps(struct gms__inode *root, uint64_t first, uint64_t end)
{
	struct gms__inode *n = gms__itree_first(root, first, end);
	const struct gms__inode *last = NULL;
	size_t count = 0;

	for (; n; last = n, n = gms__itree_after(root, n, first, end)) {
		if (n->first >= end || n->end <= first || (last && !gms__itree_before(last, n)))
			ck_abort_msg("a step to where it should not go");
		count++;
	}
	return count;
}

static size_t slow_count(uint64_t first, uint64_t end)
{
	size_t n = 0;

	for (size_t i = 0; i < NODES; i++)
		n += live[i] && node[i].first < end && node[i].end > first;
	return n;
}

START_TEST(random_edits_find_what_a_scan_finds)
{
	struct gms__inode *root = NULL;
	struct fx_rand rand;
	uint64_t serial = 0, n;

	memset(live, 0, sizeof(live));
	fx_rand_init(&rand, fx_seed(), 1);
	for (int step = 0; step < 20000; step++) {
		const size_t i = fx_rand_below(&rand, NODES);
		const uint64_t first = fx_rand_below(&rand, SPAN);
		const uint64_t end = first + 1 + fx_rand_below(&rand, 40);
		uint64_t divisor = 1 + fx_rand_below(&rand, 9);
		struct seen seen = { NULL, 0 };

		if (live[i]) {
			gms__itree_remove(&root, &node[i]);
		} else {
			node[i].first = fx_rand_below(&rand, SPAN);
			node[i].end = node[i].first + 1 + fx_rand_below(&rand, 60);
			node[i].serial = serial++;
			gms__itree_insert(&root, &node[i]);
		}
		live[i] = !live[i];
		ck_assert_ptr_eq(gms__itree_first(root, first, end), slow_find(first, end, 1));
		ck_assert_ptr_eq(gms__itree_find(root, first, end, divides, &divisor),
				 slow_find(first, end, divisor));
		gms__itree_visit(root, first, end, see, &seen);
		ck_assert_uint_eq(seen.n, slow_count(first, end));
		ck_assert_uint_eq(seen.n, count_by_steps(root, first, end));
		if (step % 100 == 0) {
			ck_assert(gms__itree_sound(root, &n));
			ck_assert_uint_eq(n, slow_count(0, UINT64_MAX));
		}
	}
}
END_TEST

static unsigned depth(const struct gms__inode *n)
{
	unsigned left, right;

	if (!n)
		return 0;
	left = depth(n->left);
	right = depth(n->right);
	return 1 + (left > right ? left : right);
}

START_TEST(ascending_inserts_stay_shallow)
{
	const size_t count = 100000;
	struct gms__inode *many = calloc(count, sizeof(*many)), *root = NULL;

	ck_assert_ptr_nonnull(many);
	for (size_t i = 0; i < count; i++) {
		many[i].first = i;
		many[i].end = i + 1;
		many[i].serial = i;
		gms__itree_insert(&root, &many[i]);
	}
	/* log2(100000) is 17. */
	ck_assert_uint_lt(depth(root), 60);
	free(many);
}
END_TEST

struct ranked {
	uint64_t mixed;
	size_t	 serial;
};

static int by_mixed(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->mixed > y->mixed) - (x->mixed < y->mixed);
}

/*
 * A guest knows the serials, and how numbers are mixed: it may give each range the
 * page that would make a list of the tree, if nothing else went into the shape.
 */
START_TEST(who_knows_the_serials_does_not_choose_the_shape)
{
	const size_t count = 20000;
	struct gms__inode *many = calloc(count, sizeof(*many)), *root = NULL;
	struct ranked *ranked = calloc(count, sizeof(*ranked));

	ck_assert_ptr_nonnull(many);
	ck_assert_ptr_nonnull(ranked);
	for (size_t i = 0; i < count; i++) {
		uint64_t x = i;

		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		ranked[i] = (struct ranked){ x ^ x >> 31, i };
	}
	qsort(ranked, count, sizeof(*ranked), by_mixed);
	for (size_t rank = 0; rank < count; rank++)
		many[ranked[rank].serial].first = rank;
	for (size_t i = 0; i < count; i++) {
		many[i].end = many[i].first + 1;
		many[i].serial = i;
		gms__itree_insert(&root, &many[i]);
	}
	ck_assert_uint_lt(depth(root), 60);
	free(ranked);
	free(many);
}
END_TEST

START_TEST(sound_notices_a_wrong_end)
{
	struct gms__inode *root = NULL;
	uint64_t n;

	for (size_t i = 0; i < 10; i++) {
		node[i] = (struct gms__inode){ .first = i, .end = i + 5, .serial = i };
		gms__itree_insert(&root, &node[i]);
	}
	ck_assert(gms__itree_sound(root, &n));
	root->max_end++;
	ck_assert(!gms__itree_sound(root, &n));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("itree");
	TCase *t = fx_case(s, "itree");

	tcase_add_test(t, random_edits_find_what_a_scan_finds);
	tcase_add_test(t, ascending_inserts_stay_shallow);
	tcase_add_test(t, who_knows_the_serials_does_not_choose_the_shape);
	tcase_add_test(t, sound_notices_a_wrong_end);
	return fx_run(s);
}

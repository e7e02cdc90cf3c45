/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of cost.h: the price of counted steps.
 *
 * The table of the man page is written down here once more, as counts, and what they
 * cost must be what gms_cost_estimate() says of the same pattern.
 */
#include <stddef.h>

#include "fixture.h"

#define PAGE	UINT64_C(4096)
#define BLOCK	UINT64_C(2097152)
#define CLASSES	(GMS_COST_SIZE_COUNT + 1)

static const uint64_t sizes[GMS_COST_SIZE_COUNT] = { PAGE, 16384, 65536, 262144, BLOCK };

static void example(struct gms_cost_model *model, struct gms_cost_pattern *pattern)
{
	GMS_INIT(model);
	GMS_INIT(pattern);
	ck_assert_int_eq(gms_cost_example(model), 0);
}

static struct gms_cost_estimate price(const struct gms_cost_model *model,
				      const struct gms_cost_pattern *pattern,
				      const struct gms_cost_counts *counts)
{
	struct gms_cost_estimate e;

	GMS_INIT(&e);
	ck_assert_int_eq(gms_cost_price(model, pattern, counts, &e), 0);
	ck_assert_ptr_null(e.missing);
	return e;
}

START_TEST(copies_go_to_the_class_of_their_length)
{
	struct gms_cost_copies copies;

	memset(&copies, 0, sizeof(copies));
	gms_cost_count_copy(&copies, 0, 1);
	gms_cost_count_copy(&copies, 1, 1);
	for (unsigned int i = 0; i < GMS_COST_SIZE_COUNT; i++) {
		gms_cost_count_copy(&copies, sizes[i], 10);
		gms_cost_count_copy(&copies, sizes[i] + 1, 100);
	}
	gms_cost_count_copy(&copies, UINT64_C(1) << 40, 0);
	for (unsigned int i = 0; i < CLASSES; i++) {
		const uint64_t least = i ? 100 : 2, most = i < GMS_COST_SIZE_COUNT ? 10 : 0;

		ck_assert_uint_eq(copies.copies[i], least + most);
		ck_assert_uint_eq(copies.bytes[i], (i ? 100 * (sizes[i - 1] + 1) : 1) +
				  (most ? 10 * sizes[i] : 0));
	}
	gms_cost_count_copy(&copies, UINT64_MAX, 2);
	gms_cost_count_copy(&copies, UINT64_MAX, UINT64_MAX);
	ck_assert_uint_eq(copies.copies[GMS_COST_SIZE_COUNT], UINT64_MAX);
	ck_assert_uint_eq(copies.bytes[GMS_COST_SIZE_COUNT], UINT64_MAX);
}
END_TEST

static void count_turn(struct gms_cost_turns *turns, uint64_t nbuffers, uint64_t npages,
		       bool adjacent)
{
	if (nbuffers == 1 || adjacent) {
		turns->lone_runs++;
		turns->lone_pages += nbuffers * npages;
	} else {
		turns->calls++;
		turns->runs += nbuffers;
		turns->pages += nbuffers * npages;
	}
}

/* By the man page, a batch at a time, for so many batches. */
static void count_by_table(const struct gms_cost_pattern *p, uint32_t strategy, uint64_t batches,
			   struct gms_cost_counts *c)
{
	const uint64_t npages = (p->bytes + PAGE - 1) / PAGE;
	const uint64_t d = p->direction == GMS_COST_BOTH ? 2 : 1;
	const bool adjacent = p->flags & GMS_COST_ADJACENT, used = p->reuse_ns;
	const bool in_time = used && p->reuse_ns <= p->idle_ns;
	const bool lost = p->backing == GMS_COST_ATTRIBUTES;
	const uint64_t n = strategy == GMS_COST_CONVERT_BATCH || strategy == GMS_COST_LAZY ?
			   p->batch : 1;

	GMS_INIT(c);
	c->requests = n * batches;
	for (uint64_t i = 0; i < batches; i++) {
		c->doorbells += strategy == GMS_COST_CONVERT_BATCH ? 1 : n;
		if (strategy == GMS_COST_BOUNCE || strategy == GMS_COST_POOL)
			gms_cost_count_copy(&c->copied, p->bytes,
					    strategy == GMS_COST_BOUNCE ? 2 * d : d);
		if (strategy == GMS_COST_PREAD && p->direction & GMS_COST_IN)
			gms_cost_count_copy(&c->written, p->bytes, 1);
		if (strategy == GMS_COST_PREAD && p->direction & GMS_COST_OUT)
			gms_cost_count_copy(&c->read, p->bytes, 1);
		if (strategy == GMS_COST_CONVERT || strategy == GMS_COST_CONVERT_BATCH) {
			c->asks += 2;
			count_turn(&c->to_shared, n, npages, adjacent);
			count_turn(&c->to_private, n, npages, adjacent);
		}
		if (strategy == GMS_COST_LAZY) {
			c->asks += 2 * n;
			for (uint64_t k = 0; k < n && !in_time; k++)
				count_turn(&c->to_shared, 1, npages, false);
			if (!in_time)
				count_turn(&c->to_private, n, npages, adjacent);
		}
		if (strategy == GMS_COST_PERSISTENT && !used) {
			c->asks++;
			count_turn(&c->to_shared, 1, npages, false);
		}
	}
	if (used || (p->direction & GMS_COST_IN && strategy != GMS_COST_LAZY))
		c->used_pages = c->to_private.lone_pages + c->to_private.pages;
	if (lost)
		gms_cost_count_copy(&c->copied, p->bytes,
				    d * (c->to_shared.lone_pages + c->to_shared.pages) / npages);
}

static uint64_t share(uint64_t ns, uint64_t requests)
{
	return ns / requests + (ns % requests != 0);
}

static bool is_the_same(const struct gms_cost_estimate *whole,
			const struct gms_cost_estimate *one)
{
	const uint64_t n = whole->requests;

	return n == one->requests && share(whole->exits_ns, n) == one->exits_ns &&
	       share(whole->syscalls_ns, n) == one->syscalls_ns &&
	       share(whole->page_table_ns, n) == one->page_table_ns &&
	       share(whole->flushes_ns, n) == one->flushes_ns &&
	       share(whole->refaults_ns, n) == one->refaults_ns &&
	       share(whole->copies_ns, n) == one->copies_ns && whole->exits == one->exits &&
	       whole->syscalls == one->syscalls && whole->flushes == one->flushes &&
	       whole->refaulted_pages == one->refaulted_pages &&
	       whole->copied_bytes == one->copied_bytes;
}

START_TEST(estimate_of_a_pattern_is_the_price_of_its_counts)	/* _i: the strategy */
{
	static const uint64_t lengths[] = {
		1, PAGE, PAGE + 1, 16384, 65536 - 1, 65536, 262145, BLOCK, BLOCK + 1, 5 * BLOCK
	};
	struct gms_cost_pattern pattern;
	struct gms_cost_counts counts;
	struct gms_cost_model model;
	unsigned int differ = 0;

	example(&model, &pattern);
	pattern.idle_ns = 500;
	for (uint32_t i = 0; i < 4u * 3 * 16 * 2 * 3 * 3; i++) {
		pattern.backing = i % 4;
		pattern.direction = GMS_COST_IN + i / 4 % 3;
		pattern.flags = i / 12 % 16;
		pattern.threads = i / 192 % 2;
		pattern.batch = (const uint32_t[]){ 1, 3, 2500 }[i / 384 % 3];
		pattern.reuse_ns = (const uint64_t[]){ 0, 500, 501 }[i / 1152];
		for (unsigned int k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
			struct gms_cost_estimate e, p;

			GMS_INIT(&e);
			pattern.bytes = lengths[k];
			ck_assert(!gms_cost_estimate(&model, &pattern, (uint32_t)_i, &e));
			count_by_table(&pattern, (uint32_t)_i, 1, &counts);
			GMS_INIT(&p);
			ck_assert(!gms_cost_price(&model, &pattern, &counts, &p));
			differ += !is_the_same(&p, &e);
			differ += p.total_ns != p.exits_ns + p.syscalls_ns + p.page_table_ns +
				  p.flushes_ns + p.refaults_ns + p.copies_ns;
			differ += p.exposed_pages || p.exposed_ns || p.break_even_bytes;
		}
	}
	ck_assert_uint_eq(differ, 0);
}
END_TEST

/* Some steps of every kind. */
static void random_counts(struct fx_rand *rand, struct gms_cost_counts *c)
{
	GMS_INIT(c);
	c->doorbells = fx_rand_below(rand, 1000);
	c->asks = fx_rand_below(rand, 1000);
	for (unsigned int i = 0; i < 2; i++) {
		struct gms_cost_turns *t = i ? &c->to_private : &c->to_shared;

		t->lone_runs = 1 + fx_rand_below(rand, 1000);
		t->lone_pages = t->lone_runs + fx_rand_below(rand, 100000);
		t->calls = 1 + fx_rand_below(rand, 100);
		t->runs = t->calls + fx_rand_below(rand, 900 * t->calls);
		t->pages = t->runs + fx_rand_below(rand, 100000);
	}
	c->used_pages = fx_rand_below(rand, c->to_private.lone_pages);
	for (unsigned int i = 0; i < 100; i++) {
		const uint64_t bytes = fx_rand_below(rand, UINT64_C(2) << fx_rand_below(rand, 24));

		gms_cost_count_copy(&c->copied, bytes, fx_rand_below(rand, 9));
		gms_cost_count_copy(&c->read, bytes, fx_rand_below(rand, 9));
		gms_cost_count_copy(&c->written, bytes, fx_rand_below(rand, 9));
	}
}

static void add_up(const struct gms_cost_counts *a, struct gms_cost_counts *b)
{
	const uint64_t *from = &a->requests;
	uint64_t *to = &b->requests;

	for (size_t i = 0; i < (sizeof(*a) - sizeof(a->size)) / sizeof(*from); i++)
		to[i] += from[i];
}

/*
 * Each kind of step is rounded up alone: 6 of turns, 6 classes of copies, and of those by
 * file twice, warm, and cold less warm again.
 */
static bool is_but_rounded(uint64_t a, uint64_t b, uint64_t both)
{
	return (both > a + b ? both - a - b : a + b - both) <= 6 * 7;
}

START_TEST(price_is_linear)	/* _i: backing, and whether threads run and all is warm */
{
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;
	unsigned int wrong = 0;
	struct fx_rand rand;

	fx_rand_init(&rand, fx_env_u64("GMS_SEED", 7), (uint64_t)_i);
	example(&model, &pattern);
	pattern.backing = _i & 3;
	pattern.threads = _i >> 2 & 1;
	pattern.flags = _i >> 2 & 1 ? GMS_COST_WARM | GMS_COST_GUEST_FAULTS : 0;
	for (unsigned int i = 0; i < 200; i++) {
		struct gms_cost_estimate a, b, both;
		struct gms_cost_counts one, other;

		random_counts(&rand, &one);
		random_counts(&rand, &other);
		GMS_INIT(&a);
		GMS_INIT(&b);
		GMS_INIT(&both);
		ck_assert(!gms_cost_price(&model, &pattern, &one, &a));
		ck_assert(!gms_cost_price(&model, &pattern, &other, &b));
		add_up(&one, &other);
		ck_assert(!gms_cost_price(&model, &pattern, &other, &both));
		wrong += !is_but_rounded(a.exits_ns, b.exits_ns, both.exits_ns);
		wrong += !is_but_rounded(a.syscalls_ns, b.syscalls_ns, both.syscalls_ns);
		wrong += !is_but_rounded(a.page_table_ns, b.page_table_ns, both.page_table_ns);
		wrong += !is_but_rounded(a.flushes_ns, b.flushes_ns, both.flushes_ns);
		wrong += !is_but_rounded(a.refaults_ns, b.refaults_ns, both.refaults_ns);
		wrong += !is_but_rounded(a.copies_ns, b.copies_ns, both.copies_ns);
		wrong += a.exits + b.exits != both.exits || a.syscalls + b.syscalls != both.syscalls;
		wrong += a.flushes + b.flushes != both.flushes;
		wrong += a.refaulted_pages + b.refaulted_pages != both.refaulted_pages;
		wrong += a.copied_bytes + b.copied_bytes != both.copied_bytes;
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(runs_alone_and_together_by_hand)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_counts counts;
	struct gms_cost_estimate e;
	struct gms_cost_model model;

	GMS_INIT(&model);
	GMS_INIT(&pattern);
	GMS_INIT(&counts);
	model.host_page_bytes = PAGE;
	model.syscall_ns = 1;
	model.flush_ns[0] = 100;
	model.guard_install_page_ns = 1000 + 101;
	model.guard_install_2m_ns = 1000 + 101 + 511 * 10;
	model.guard_install_vector_ns = 400 + 101;

	/* 3 runs alone of 7 pages: 3 * 1000 + 4 * 10. 5 of 8 pages in 2 calls. */
	counts.to_private.lone_runs = 3;
	counts.to_private.lone_pages = 7;
	counts.to_private.calls = 2;
	counts.to_private.runs = 5;
	counts.to_private.pages = 8;
	e = price(&model, &pattern, &counts);
	ck_assert_uint_eq(e.page_table_ns, 3 * 1000 + 4 * 10 + 5 * 501 + 3 * 10 - 2 * 1 - 5 * 100);
	ck_assert_uint_eq(e.syscalls, 5);
	ck_assert_uint_eq(e.syscalls_ns, 5);
	ck_assert_uint_eq(e.flushes, 8);
	ck_assert_uint_eq(e.flushes_ns, 800);
	ck_assert_uint_eq(e.total_ns, e.page_table_ns + 5 + 800);
	ck_assert_uint_eq(e.requests, 1);

	/* 3 conversions of 5000 runs together: at least 5 calls. Of 6 and more: as counted. */
	counts.to_private.lone_runs = counts.to_private.lone_pages = 0;
	counts.to_private.calls = 3;
	counts.to_private.runs = counts.to_private.pages = 5000;
	ck_assert_uint_eq(price(&model, &pattern, &counts).syscalls, 5);
	counts.to_private.calls = 6;
	counts.requests = 40;
	e = price(&model, &pattern, &counts);
	ck_assert_uint_eq(e.syscalls, 6);
	ck_assert_uint_eq(e.page_table_ns, 5000 * 501 - 6 - 5000 * 100);
	ck_assert_uint_eq(e.requests, 40);
}
END_TEST

START_TEST(only_what_was_counted_is_needed)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_counts counts;
	struct gms_cost_estimate e;
	struct gms_cost_model model;

	GMS_INIT(&model);
	GMS_INIT(&pattern);
	GMS_INIT(&counts);
	GMS_INIT(&e);
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "host_page_bytes");
	model.host_page_bytes = PAGE;
	ck_assert_uint_eq(price(&model, &pattern, &counts).total_ns, 0);

	counts.asks = 1;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "guest_exit_ns");
	pattern.ask = GMS_COST_ASK_NOT;
	ck_assert_uint_eq(price(&model, &pattern, &counts).exits, 0);
	counts.to_private.lone_runs = counts.to_private.lone_pages = 1;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "syscall_ns");
	GMS_INIT(&counts);
	gms_cost_count_copy(&counts.copied, 0, 1);
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "copy_cold_4k_ns");
	model.copy_cold_ns[GMS_COST_SIZE_2M] = BLOCK;
	gms_cost_count_copy(&counts.copied, 10 * BLOCK, 3);
	ck_assert_uint_eq(price(&model, &pattern, &counts).copies_ns, 30 * BLOCK);
	gms_cost_count_copy(&counts.written, PAGE, 1);
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "syscall_ns");
	ck_assert_uint_eq(e.total_ns + e.copies_ns + e.copied_bytes + e.requests, 0);
	model.syscall_ns = 5;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "pwrite_4k_ns");
}
END_TEST

START_TEST(what_does_not_fit_is_the_most)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_counts counts;
	struct gms_cost_model model;
	struct gms_cost_estimate e;

	example(&model, &pattern);
	GMS_INIT(&counts);
	memset(&counts.requests, 0xff, sizeof(counts) - sizeof(counts.size));
	counts.copied.copies[GMS_COST_SIZE_COUNT] = UINT64_MAX / 4;
	for (pattern.backing = 0; pattern.backing < GMS_COST_BACKINGS; pattern.backing++) {
		e = price(&model, &pattern, &counts);
		ck_assert_uint_eq(e.total_ns, UINT64_MAX);
		ck_assert_uint_eq(e.page_table_ns, UINT64_MAX);
		ck_assert_uint_eq(e.flushes, UINT64_MAX);
		ck_assert_uint_eq(e.copied_bytes, UINT64_MAX);
		ck_assert_uint_eq(e.syscalls, UINT64_MAX);
	}
}
END_TEST

static int try_counts(const struct gms_cost_counts *counts)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_estimate e;
	struct gms_cost_model model;

	example(&model, &pattern);
	GMS_INIT(&e);
	return gms_cost_price(&model, &pattern, counts, &e);
}

START_TEST(counts_that_cannot_be_are_refused)
{
	struct gms_cost_counts counts, with;

	GMS_INIT(&counts);
	ck_assert_int_eq(try_counts(&counts), 0);
	with = counts;
	with.to_shared.lone_runs = 2;
	with.to_shared.lone_pages = 1;
	ck_assert_int_eq(try_counts(&with), -EINVAL);
	with.to_shared.lone_runs = 0;
	ck_assert_int_eq(try_counts(&with), -EINVAL);
	with = counts;
	with.to_private.runs = with.to_private.pages = 2;
	ck_assert_int_eq(try_counts(&with), 0);
	with.to_private.calls = 3;
	ck_assert_int_eq(try_counts(&with), -EINVAL);
	with.to_private.calls = 1;
	with.used_pages = 2;
	ck_assert_int_eq(try_counts(&with), 0);
	with.used_pages = 3;
	ck_assert_int_eq(try_counts(&with), -EINVAL);
	with.used_pages = 0;
	with.to_private.pages = 1;
	ck_assert_int_eq(try_counts(&with), -EINVAL);
	for (unsigned int i = 0; i < CLASSES; i++) {
		with = counts;
		with.copied.copies[i] = 2;
		with.copied.bytes[i] = i ? 2 * (sizes[i - 1] + 1) : 0;
		ck_assert_int_eq(try_counts(&with), 0);
		with.copied.bytes[i] -= i ? 1 : 0;
		ck_assert_int_eq(try_counts(&with), i ? -EINVAL : 0);
		with.copied.bytes[i] = i < GMS_COST_SIZE_COUNT ? 2 * sizes[i] : UINT64_MAX;
		ck_assert_int_eq(try_counts(&with), 0);
		with.copied.bytes[i] += i < GMS_COST_SIZE_COUNT;
		ck_assert_int_eq(try_counts(&with), i < GMS_COST_SIZE_COUNT ? -EINVAL : 0);
		with.copied = counts.copied;
		with.read.bytes[i] = 1;
		ck_assert_int_eq(try_counts(&with), -EINVAL);
		with.read = counts.read;
		with.written.bytes[i] = 1;
		ck_assert_int_eq(try_counts(&with), -EINVAL);
	}
}
END_TEST

START_TEST(structs_of_other_versions)
{
	FX_LONGER(struct gms_cost_counts) longer;
	FX_LONGER(struct gms_cost_estimate) told;
	struct gms_cost_pattern pattern;
	struct gms_cost_counts counts;
	struct gms_cost_estimate e;
	struct gms_cost_model model;

	example(&model, &pattern);
	GMS_INIT(&counts);
	GMS_INIT(&e);
	ck_assert_int_eq(gms_cost_price(NULL, &pattern, &counts, &e), -EINVAL);
	ck_assert_int_eq(gms_cost_price(&model, NULL, &counts, &e), -EINVAL);
	ck_assert_int_eq(gms_cost_price(&model, &pattern, NULL, &e), -EINVAL);
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, NULL), -EINVAL);
	counts.size = 0;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -EINVAL);
	counts.size = offsetof(struct gms_cost_counts, asks);	/* the rest reads as zeros */
	counts.doorbells = 3;
	counts.asks = 1000;
	ck_assert_uint_eq(price(&model, &pattern, &counts).exits, 3);

	GMS_INIT(&longer);
	longer.known.doorbells = 2;
	ck_assert_uint_eq(price(&model, &pattern, &longer.known).exits, 2);
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &longer.known, &e), -E2BIG);
	GMS_INIT(&told);
	told.tail[0] = 1;
	GMS_INIT(&counts);
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &told.known), -E2BIG);

	pattern.backing = GMS_COST_BACKINGS;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -EINVAL);
	pattern.backing = 0;
	pattern.ask = GMS_COST_ASKS;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -EINVAL);
	pattern.ask = 0;
	pattern.doorbell = GMS_COST_ASKS;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -EINVAL);
	pattern.doorbell = 0;
	pattern.flags = 16;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -EINVAL);
	pattern.flags = 0;
	model.syscall_ns = GMS_COST_MOST_NS + 1;
	ck_assert_int_eq(gms_cost_price(&model, &pattern, &counts, &e), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cost_price");
	TCase *count = fx_case(s, "count"), *cost = fx_case(s, "price");

	tcase_add_test(count, copies_go_to_the_class_of_their_length);
	tcase_add_loop_test(cost, estimate_of_a_pattern_is_the_price_of_its_counts, 0,
			    GMS_COST_STRATEGIES);
	tcase_add_loop_test(cost, price_is_linear, 0, 8);
	tcase_add_test(cost, runs_alone_and_together_by_hand);
	tcase_add_test(cost, only_what_was_counted_is_needed);
	tcase_add_test(cost, what_does_not_fit_is_the_most);
	tcase_add_test(cost, counts_that_cannot_be_are_refused);
	tcase_add_test(cost, structs_of_other_versions);
	return fx_run(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * White-box tests of lib/replay: one replay, step by step; the same random steps under
 * every strategy.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "rand.h"
#include "replay/replay.h"
#include "tool/text.h"

#define START_NS	UINT64_C(1000000000)

/* The report lives longer than its replay. */
static struct report *report_of(void)
{
	struct report *report = calloc(1, sizeof(*report));

	ck_assert_ptr_nonnull(report);
	return report;
}

static struct replay_opts opts_of(uint32_t strategy)
{
	return (struct replay_opts){
		.setup = {
			.strategy = strategy, .profile = GMS_PROFILE_GMEM_INPLACE,
			.base_order = GMS_ORDER_2M, .batch = 4, .idle_pages = 16, .name = "test",
		},
		.ram_bytes = UINT64_C(4) << 30,
		.most_bytes = UINT64_C(1) << 30,
		.pool_bytes = POOL_CHUNK_BYTES_LEAST,
		.batch_wait_ns = 1000,
	};
}

/* Times are from the start. */
static struct replay_step step(uint64_t ns, enum trace_op op, uint32_t slot, uint64_t address,
			       uint64_t bytes, enum trace_dir dir)
{
	return (struct replay_step){
		.time_ns = START_NS + ns, .op = op, .slot = slot, .address = address,
		.bytes = bytes, .dir = dir, .rings = op == TRACE_MAP,
	};
}

static struct report *replay_all(const struct replay_opts *opts, const struct replay_step *steps,
				 size_t n, uint64_t end_ns)
{
	struct report *report = report_of();
	struct replay replay;
	int err = replay_make(&replay, opts, report);

	if (!err)
		err = replay_steps(&replay, START_NS, steps, n);
	if (!err)
		err = replay_end(&replay, START_NS, START_NS + end_ns);
	ck_assert_msg(!err, "%s", replay.why);
	replay_drop(&replay);
	return report;
}

/* --- by hand -------------------------------------------------------------------------- */

START_TEST(eager_shows_a_page_as_long_as_it_is_lent)
{
	const struct replay_opts opts = opts_of(GMS_COST_CONVERT);
	const struct replay_step steps[] = {
		step(0, TRACE_MAP, 0, 0x1000, 96, TRACE_TO_DEVICE),
		step(0, TRACE_MAP, 1, 0x1060, 4000, TRACE_FROM_DEVICE),
		step(1000, TRACE_UNMAP, 0, 0x1000, 96, TRACE_TO_DEVICE),
		step(3000, TRACE_UNMAP, 1, 0x1060, 4000, TRACE_FROM_DEVICE),
	};
	struct report *report = replay_all(&opts, steps, 4, 10000);

	ck_assert_uint_eq(report->page_transitions_to_shared, 1);
	ck_assert_uint_eq(report->page_transitions_to_private, 1);
	ck_assert_uint_eq(report->commits, 2);
	ck_assert_uint_eq(report->pages_exposed_max, 1);
	ck_assert_uint_eq(report->pages_exposed_end, 0);
	ck_assert_uint_eq(report->bytes_exposed_beyond_lent, 96);
	ck_assert_uint_eq(report->listener_entries_max, 1);
	ck_assert_double_eq_tol(report->page_seconds_exposed, 3e-6, 1e-12);
	ck_assert_double_eq_tol(report->byte_seconds_exposed_beyond_lent, 96 * 2e-6, 1e-12);
	ck_assert_uint_eq(report->counts.doorbells, 2);
	ck_assert_uint_eq(report->counts.asks, 4);
	ck_assert_uint_eq(report->counts.to_shared.lone_runs, 1);
	ck_assert_uint_eq(report->counts.to_private.lone_pages, 1);
	ck_assert_uint_eq(report->counts.used_pages, 1);	/* the device wrote to it */
	free(report);
}
END_TEST

/* What the driver writes for the next request, it writes into a page that turned private. */
START_TEST(a_page_is_used_once_after_it_turned_private)
{
	const struct replay_step steps[] = {
		step(0, TRACE_MAP, 0, 0x1fff, 2, TRACE_TO_DEVICE),
		step(1, TRACE_UNMAP, 0, 0x1fff, 2, TRACE_TO_DEVICE),
		step(2, TRACE_MAP, 0, 0x1000, 1, TRACE_FROM_DEVICE),
		step(3, TRACE_UNMAP, 0, 0x1000, 1, TRACE_FROM_DEVICE),
		step(4, TRACE_MAP, 0, 0x1000, 8192, TRACE_TO_DEVICE),
		step(5, TRACE_UNMAP, 0, 0x1000, 8192, TRACE_TO_DEVICE),
	};
	/* At 3 the first page, at 4 the second; nobody uses the two of 5. */
	const struct replay_opts eager = opts_of(GMS_COST_CONVERT);
	struct replay_opts lazy = opts_of(GMS_COST_LAZY);
	struct report *report = replay_all(&eager, steps, 6, 10);

	ck_assert_uint_eq(report->page_transitions_to_private, 5);
	ck_assert_uint_eq(report->counts.used_pages, 2);
	free(report);

	/* All stay shared, or what the guest looked at before it is taken back. */
	report = replay_all(&lazy, steps, 6, 10);
	ck_assert_uint_eq(report->counts.used_pages, 0);
	free(report);
	lazy.setup.idle_pages = 0;
	report = replay_all(&lazy, steps, 6, 10);
	ck_assert_uint_eq(report->page_transitions_to_private, 5);
	ck_assert_uint_eq(report->counts.used_pages, 2);
	free(report);
}
END_TEST

START_TEST(keep_asks_for_what_is_new)
{
	const struct replay_opts opts = opts_of(GMS_COST_PERSISTENT);
	const struct replay_step steps[] = {
		step(0, TRACE_MAP, 0, 0x1000, 8192, TRACE_TO_DEVICE),
		step(1, TRACE_UNMAP, 0, 0x1000, 8192, TRACE_TO_DEVICE),
		step(2, TRACE_MAP, 0, 0x2000, 4096, TRACE_TO_DEVICE),
		step(3, TRACE_UNMAP, 0, 0x2000, 4096, TRACE_TO_DEVICE),
		step(4, TRACE_MAP, 0, 0x2000, 8192, TRACE_TO_DEVICE),
		step(5, TRACE_UNMAP, 0, 0x2000, 8192, TRACE_TO_DEVICE),
	};
	struct report *report = replay_all(&opts, steps, 6, 10);

	ck_assert_uint_eq(report->page_transitions_to_shared, 3);
	ck_assert_uint_eq(report->page_transitions_to_private, 0);
	ck_assert_uint_eq(report->counts.asks, 2);
	ck_assert_uint_eq(report->pages_exposed_end, 3);
	free(report);
}
END_TEST

START_TEST(bounce_copies_twice_what_goes_that_way)
{
	const struct replay_step steps[] = {
		step(0, TRACE_MAP, 0, 0x1000, 100, TRACE_TO_DEVICE),
		step(0, TRACE_MAP, 1, 0x2000, 1000, TRACE_FROM_DEVICE),
		step(0, TRACE_MAP, 2, 0x3000, 10000, TRACE_BOTH),
		step(0, TRACE_COHERENT, 3, 0x9000, 3, TRACE_BOTH),
		step(1, TRACE_SYNC_CPU, 0, 0, 7, TRACE_FROM_DEVICE),
		step(1, TRACE_SYNC_CPU, 0, 0, 70000, TRACE_TO_DEVICE),
		step(1, TRACE_SYNC_DEVICE, 0, 0, 5, TRACE_TO_DEVICE),
		step(2, TRACE_UNMAP, 0, 0x1000, 100, TRACE_TO_DEVICE),
		step(2, TRACE_UNMAP, 1, 0x2000, 1000, TRACE_FROM_DEVICE),
		step(2, TRACE_UNMAP, 2, 0x3000, 10000, TRACE_BOTH),
	};
	const uint64_t once = 100 + 1000 + 2 * 10000 + 7 + 5;

	for (uint32_t way = 0; way < 3; way++) {
		static const uint32_t ways[] = { GMS_COST_POOL, GMS_COST_BOUNCE, GMS_COST_PREAD };
		const struct replay_opts opts = opts_of(ways[way]);
		struct report *report = replay_all(&opts, steps, 10, 10);
		const struct gms_cost_counts *counts = &report->counts;

		ck_assert_uint_eq(report->bytes_copied, way == 1 ? 2 * once : once);
		ck_assert_uint_eq(report->page_transitions_to_private, 0);
		ck_assert_uint_eq(counts->doorbells, 3);
		if (ways[way] == GMS_COST_PREAD) {
			ck_assert_uint_eq(report->page_transitions_to_shared, 0);
			ck_assert_uint_eq(counts->read.bytes[0], 100 + 5);
			ck_assert_uint_eq(counts->read.bytes[1], 10000);
			ck_assert_uint_eq(counts->written.copies[0], 2);
		} else {
			ck_assert_uint_eq(report->page_transitions_to_shared, 512);
			ck_assert_uint_eq(report->pool_bytes, POOL_CHUNK_BYTES_LEAST);
			/* When everything is unmapped but the coherent memory. */
			ck_assert_uint_eq(report->bytes_exposed_beyond_lent,
					  POOL_CHUNK_BYTES_LEAST - 3);
			ck_assert_uint_eq(report->loans_never_returned, 1);
			ck_assert_uint_eq(counts->copied.bytes[1], way == 1 ? 40000 : 20000);
		}
		free(report);
	}
}
END_TEST

START_TEST(a_pool_that_is_full_grows)
{
	const struct replay_opts opts = opts_of(GMS_COST_POOL);
	struct replay_step steps[3];
	struct report *report;

	for (uint32_t i = 0; i < 3; i++)
		steps[i] = step(i, TRACE_MAP, i, i * UINT64_C(0x200000), 0x180000, TRACE_FROM_DEVICE);
	report = replay_all(&opts, steps, 3, 10);
	ck_assert_uint_eq(report->pool_bytes, 3 * POOL_CHUNK_BYTES_LEAST);
	ck_assert_uint_eq(report->page_transitions_to_shared, 3 * 512);
	ck_assert_uint_eq(report->commits, 3);
	ck_assert_uint_eq(report->counts.asks, 3);
	free(report);
}
END_TEST

START_TEST(a_batch_goes_when_it_is_full_or_late_or_needed)
{
	const struct replay_opts opts = opts_of(GMS_COST_CONVERT_BATCH);
	const struct replay_step full[] = {
		step(0, TRACE_MAP, 0, 0x1000, 4096, TRACE_TO_DEVICE),
		step(0, TRACE_MAP, 1, 0x3000, 4096, TRACE_TO_DEVICE),
		step(0, TRACE_MAP, 2, 0x5000, 4096, TRACE_TO_DEVICE),
		step(0, TRACE_MAP, 3, 0x7000, 4096, TRACE_TO_DEVICE),
		step(500, TRACE_UNMAP, 0, 0x1000, 4096, TRACE_TO_DEVICE),
		step(500, TRACE_UNMAP, 1, 0x3000, 4096, TRACE_TO_DEVICE),
	};
	const struct replay_step needed[] = {
		step(0, TRACE_MAP, 0, 0x1000, 4096, TRACE_TO_DEVICE),
		step(500, TRACE_UNMAP, 0, 0x1000, 4096, TRACE_TO_DEVICE),
	};
	struct report *report = replay_all(&opts, full, 6, 10000);

	ck_assert_uint_eq(report->page_transitions_to_shared, 4);
	/* The two that were unmapped waited from 500 to 1500. */
	ck_assert_uint_eq(report->page_transitions_to_private, 2);
	ck_assert_double_eq_tol(report->page_seconds_exposed, 2 * 1.5e-6 + 2 * 10e-6, 1e-12);
	ck_assert_uint_eq(report->bytes_exposed_beyond_lent, 2 * 4096);
	ck_assert_uint_eq(report->counts.asks, 2);
	ck_assert_uint_eq(report->counts.doorbells, 1);
	free(report);

	/* Mapped alone, it waited until it was unmapped; then that waited. */
	report = replay_all(&opts, needed, 2, 10000);
	ck_assert_double_eq_tol(report->page_seconds_exposed, 1e-6, 1e-12);
	ck_assert_uint_eq(report->counts.asks, 2);
	free(report);
}
END_TEST

START_TEST(what_takes_too_much_memory_ends)	/* _i: it is mapped one by one, or at once */
{
	struct report *report = report_of();
	struct replay_opts opts = opts_of(GMS_COST_PERSISTENT);
	struct replay replay;
	uint64_t i;
	int err;

	opts.most_bytes = UINT64_C(1) << 20;
	err = replay_make(&replay, &opts, report);
	for (i = 0; !err && i < 1024; i++) {
		const uint64_t at = i << 20;
		const struct replay_step steps[] = {
			step(2 * i, TRACE_MAP, 0, at, UINT64_C(1) << (_i ? 30 : 20), TRACE_BOTH),
			step(2 * i + 1, TRACE_UNMAP, 0, at, UINT64_C(1) << (_i ? 30 : 20), TRACE_BOTH),
		};

		err = replay_steps(&replay, START_NS, steps, 2);
	}
	ck_assert_int_eq(err, -ENOMEM);
	ck_assert_ptr_nonnull(strstr(replay.why, "--most-memory"));
	ck_assert_uint_le(replay.world.bytes, opts.most_bytes);
	ck_assert_uint_ge(i, _i ? 1 : 100);
	replay_drop(&replay);
	free(report);
}
END_TEST

/* --- at random ------------------------------------------------------------------------ */

#define SLOTS	64u

/* Mappings that come and go, and overlap; at the end all are unmapped but the last ones. */
static size_t some_steps(struct replay_step *steps, size_t most, struct fx_rand *rand)
{
	static struct replay_step out[SLOTS];
	uint64_t ns = 0;
	size_t n = 0;

	memset(out, 0, sizeof(out));
	while (n < most) {
		const uint32_t slot = (uint32_t)fx_rand_below(rand, SLOTS);
		struct replay_step *held = &out[slot];

		ns += fx_rand_odds(rand, 1, 3) ? fx_rand_below(rand, 3000) : 0;
		if (held->bytes) {
			steps[n] = *held;
			steps[n].time_ns = START_NS + ns;
			steps[n].op = held->op == TRACE_MAP ? TRACE_UNMAP : TRACE_FREE;
			steps[n++].rings = false;
			held->bytes = 0;
			continue;
		}
		*held = step(ns, fx_rand_odds(rand, 1, 50) ? TRACE_COHERENT : TRACE_MAP, slot,
			     fx_rand_below(rand, 1 << 20), 1 + fx_rand_below(rand, 20000),
			     1 + fx_rand_below(rand, 3));
		held->rings = held->op == TRACE_MAP && fx_rand_odds(rand, 1, 2);
		steps[n++] = *held;
	}
	return n;
}

START_TEST(every_strategy_agrees_on_what_is_lent)
{
	static struct replay_step steps[20000];
	struct report *report[GMS_COST_STRATEGIES];
	struct fx_rand rand;
	uint64_t end_ns;
	size_t n;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	n = some_steps(steps, 20000 / fx_slowdown(), &rand);
	end_ns = steps[n - 1].time_ns - START_NS;
	for (uint32_t i = 0; i < GMS_COST_STRATEGIES; i++) {
		const struct replay_opts opts = opts_of(i);

		report[i] = replay_all(&opts, steps, n, end_ns);
	}
	for (uint32_t i = GMS_COST_BOUNCE; i < GMS_COST_PREAD; i++) {
		ck_assert_uint_eq(report[i]->loans_never_returned,
				  report[GMS_COST_CONVERT]->loans_never_returned);
		ck_assert_uint_eq(report[i]->acct.lent_bytes,
				  report[GMS_COST_CONVERT]->acct.lent_bytes);
		ck_assert_uint_eq(report[i]->acct.event[GMS_ACCT_LENDS].count,
				  report[GMS_COST_CONVERT]->acct.event[GMS_ACCT_LENDS].count);
		ck_assert_uint_eq(report[i]->page_transitions_to_shared -
				  report[i]->page_transitions_to_private,
				  report[i]->pages_exposed_end);
		ck_assert_uint_le(report[i]->counts.used_pages,
				  report[i]->page_transitions_to_private);
	}
	/* A batch shows at the end what eager does, and converts less often. */
	ck_assert_uint_eq(report[GMS_COST_CONVERT_BATCH]->pages_exposed_end,
			  report[GMS_COST_CONVERT]->pages_exposed_end);
	ck_assert_uint_le(report[GMS_COST_CONVERT_BATCH]->counts.asks,
			  report[GMS_COST_CONVERT]->counts.asks);
	ck_assert_uint_le(report[GMS_COST_CONVERT_BATCH]->counts.doorbells,
			  report[GMS_COST_CONVERT]->counts.doorbells);
	ck_assert_uint_eq(report[GMS_COST_BOUNCE]->bytes_copied,
			  2 * report[GMS_COST_POOL]->bytes_copied);
	ck_assert_uint_eq(report[GMS_COST_POOL]->bytes_copied,
			  report[GMS_COST_PREAD]->bytes_copied);
	for (uint32_t i = 0; i < GMS_COST_STRATEGIES; i++)
		free(report[i]);
}
END_TEST

/* --- the series ----------------------------------------------------------------------- */

START_TEST(a_series_halves_its_resolution_and_keeps_its_totals)
{
	struct report_series *series = calloc(1, sizeof(*series));
	struct report_point point = { 0 };
	uint64_t now_ns = START_NS, most = 0;
	bool ordered = true, exact = true;

	ck_assert_ptr_nonnull(series);
	series_begin(series, START_NS);
	for (uint64_t i = 1; i <= 10 * REPORT_POINTS; i++) {
		now_ns += UINT64_C(1) << 20;
		point.commits = i;
		point.shared_pages = i % 7;
		point.shared_pages_max = i % 1000;
		if (series_is_due(series, now_ns))
			series_fill(series, now_ns, &point);
	}
	point.commits++;
	series_end(series, &point);
	ck_assert_uint_le(series->npoints, REPORT_POINTS);
	ck_assert_uint_ge(series->npoints, REPORT_POINTS / 2);
	/* One a step of time: a point has what was there when it ends. */
	for (uint32_t i = 0; i + 1 < series->npoints; i++)
		exact &= series->point[i].commits == (i + 1) * (series->interval_ns >> 20);
	ck_assert(exact);
	for (uint32_t i = 1; i < series->npoints; i++) {
		ordered &= series->point[i].commits >= series->point[i - 1].commits;
		if (series->point[i].shared_pages_max > most)
			most = series->point[i].shared_pages_max;
	}
	ck_assert(ordered);
	ck_assert_uint_eq(series->point[series->npoints - 1].commits, point.commits);
	ck_assert_uint_gt(most, 900);

	/* A gap of centuries. */
	series_fill(series, UINT64_MAX - 1, &point);
	ck_assert_uint_le(series->npoints, REPORT_POINTS);
	ck_assert(!series_is_due(series, UINT64_MAX - 1));
	/* No time is later, and nothing is due then that is not due at all. */
	series_fill(series, UINT64_MAX, &point);
	ck_assert_uint_le(series->npoints, REPORT_POINTS);
	free(series);
}
END_TEST

START_TEST(the_last_time_there_can_be_is_an_end)	/* _i: a strategy */
{
	const struct replay_opts opts = opts_of((uint32_t)_i);
	const struct replay_step steps[] = {
		step(0, TRACE_MAP, 0, 0x1000, 4096, TRACE_TO_DEVICE),
		step(UINT64_MAX - START_NS, TRACE_MAP, 1, 0x3000, 4096, TRACE_TO_DEVICE),
		step(UINT64_MAX - START_NS, TRACE_UNMAP, 0, 0x1000, 4096, TRACE_TO_DEVICE),
	};
	struct report *report = replay_all(&opts, steps, 3, UINT64_MAX - START_NS);

	ck_assert_uint_eq(report->loans_never_returned, _i != GMS_COST_PREAD);
	free(report);
}
END_TEST

START_TEST(numbers_are_readable)
{
	char text[TEXT_BYTES];

	ck_assert_str_eq(text_count(text, 0), "0");
	ck_assert_str_eq(text_count(text, 999), "999");
	ck_assert_str_eq(text_count(text, 89341), "89,341");
	ck_assert_str_eq(text_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
	ck_assert_str_eq(text_bytes(text, 1023), "1023 B");
	ck_assert_str_eq(text_bytes(text, 1024), "1.00 KiB");
	ck_assert_str_eq(text_bytes(text, 64 << 20), "64.0 MiB");
	ck_assert_str_eq(text_bytes(text, UINT64_MAX), "16.0 EiB");
	ck_assert_str_eq(text_ns(text, 0), "0 ns");
	ck_assert_str_eq(text_ns(text, 999.6), "1.00 us");
	ck_assert_str_eq(text_ns(text, 1234567), "1.23 ms");
	ck_assert_str_eq(text_ns(text, 61e9), "61.0 s");
	ck_assert_str_eq(text_ns(text, 86400e9), "86400 s");
	ck_assert_str_eq(text_real(text, 0.12345), "0.123");
	ck_assert_str_eq(text_real(text, 1234.5), "1,235");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("replay");
	TCase *hand = tcase_create("hand"), *any = tcase_create("random"),
	      *out = tcase_create("output");

	tcase_add_test(hand, eager_shows_a_page_as_long_as_it_is_lent);
	tcase_add_test(hand, a_page_is_used_once_after_it_turned_private);
	tcase_add_test(hand, keep_asks_for_what_is_new);
	tcase_add_test(hand, bounce_copies_twice_what_goes_that_way);
	tcase_add_test(hand, a_pool_that_is_full_grows);
	tcase_add_test(hand, a_batch_goes_when_it_is_full_or_late_or_needed);
	tcase_add_loop_test(hand, the_last_time_there_can_be_is_an_end, 0, GMS_COST_STRATEGIES);
	tcase_add_loop_test(hand, what_takes_too_much_memory_ends, 0, 2);
	suite_add_tcase(s, hand);
	tcase_add_loop_test(any, every_strategy_agrees_on_what_is_lent, 0, 4);
	tcase_set_timeout(any, 60);
	suite_add_tcase(s, any);
	tcase_add_test(out, a_series_halves_its_resolution_and_keeps_its_totals);
	tcase_add_test(out, numbers_are_readable);
	suite_add_tcase(s, out);
	return fx_run(s);
}

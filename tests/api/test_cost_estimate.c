/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of cost.h: estimates, break-even lengths, and advice.
 *
 * The hand model's numbers are such that every term is seen alone in the sum: less
 * the system call (1) and the flush (100) in it, the first page of each operation
 * costs a number of thousands, and each further page a hundredth of that. Copies cost
 * 1 ns a byte cold, and half of that warm; pwrite(2) 2, pread(2) 3, and a call.
 */
#include "fixture.h"

#define PAGE	UINT64_C(4096)
#define BLOCK	UINT64_C(2097152)

static const uint64_t sizes[GMS_COST_SIZE_COUNT] = { PAGE, 16384, 65536, 262144, BLOCK };

static void hand_model(struct gms_cost_model *model)
{
	GMS_INIT(model);
	model->host_page_bytes = PAGE;
	model->syscall_ns = 1;
	model->ioctl_ns = 2;
	model->guest_exit_ns = 10;
	model->user_exit_ns = 30;
	model->flush_ns[0] = 100;
	model->flush_ns[1] = 300;
	model->flush_ns[3] = 900;
	model->guard_install_page_ns = 1000 + 101;
	model->guard_install_2m_ns = 1000 + 101 + 511 * 10;
	model->guard_remove_page_ns = 2000 + 1;
	model->guard_remove_2m_ns = 2000 + 1 + 511 * 20;
	model->guard_install_vector_ns = 400 + 101;
	model->guard_remove_vector_ns = 500 + 1;
	model->mprotect_none_page_ns = 3000 + 101;
	model->mprotect_none_2m_ns = 3000 + 101 + 511 * 30;
	model->mprotect_rw_page_ns = 4000 + 1;
	model->mprotect_rw_2m_ns = 4000 + 1 + 511 * 40;
	model->punch_memfd_page_ns = 5000 + 101;
	model->punch_memfd_2m_ns = 5000 + 101 + 511 * 50;
	model->punch_gmem_page_ns = 6000 + 101;
	model->punch_gmem_2m_ns = 6000 + 101 + 511 * 60;
	model->dontneed_page_ns = 7000 + 101;
	model->dontneed_2m_ns = 7000 + 101 + 511 * 70;
	model->refault_page_ns = 10000;
	model->refault_read_page_ns = 10000;
	model->refault_read_2m_ns = 512 * 10000;
	model->refault_gmem_page_ns = 40000;
	model->refault_guest_page_ns = 50000;
	model->populate_memfd_page_ns = 20000;
	model->populate_gmem_page_ns = 30000;
	for (unsigned int i = 0; i < GMS_COST_SIZE_COUNT; i++) {
		model->copy_cold_ns[i] = sizes[i];
		model->copy_warm_ns[i] = sizes[i] / 2;
		model->pwrite_ns[i] = 1 + 2 * sizes[i];
		model->pread_ns[i] = 1 + 3 * sizes[i];
	}
}

static void page_pattern(struct gms_cost_pattern *pattern)
{
	GMS_INIT(pattern);
	pattern->bytes = PAGE;
	pattern->direction = GMS_COST_OUT;
}

/* As a caller who has to get it; what is not known is an error of the test. */
static struct gms_cost_estimate get(const struct gms_cost_model *model,
				    const struct gms_cost_pattern *pattern, uint32_t strategy)
{
	struct gms_cost_estimate e;

	GMS_INIT(&e);
	ck_assert_int_eq(gms_cost_estimate(model, pattern, strategy, &e), 0);
	ck_assert_ptr_null(e.missing);
	return e;
}

/* By hand: what one request of each kind makes, and what each part costs. */
struct row {
	uint32_t strategy, backing, direction, flags, batch, ask, threads;
	uint64_t pages, reuse_ns;
	uint64_t requests, exits, syscalls, flushes, refaults, copied;
	uint64_t exits_ns, syscalls_ns, page_table_ns, flushes_ns, refaults_ns, copies_ns;
};

#define OF(s, b, dir)	.strategy = GMS_COST_##s, .backing = GMS_COST_##b, \
			.direction = GMS_COST_##dir
#define COUNTS(r, e, s, f, p, c) \
	.requests = r, .exits = e, .syscalls = s, .flushes = f, .refaults = p, .copied = c
#define PARTS(e, s, t, f, r, c) \
	.exits_ns = e, .syscalls_ns = s, .page_table_ns = t, .flushes_ns = f, \
	.refaults_ns = r, .copies_ns = c

static const struct row rows[] = {
	{ OF(BOUNCE, GUARD, OUT), .pages = 1,
	  COUNTS(1, 1, 0, 0, 0, 2 * PAGE), PARTS(40, 0, 0, 0, 0, 2 * PAGE) },
	{ OF(BOUNCE, GUARD, BOTH), .pages = 3, .flags = GMS_COST_WARM,
	  COUNTS(1, 1, 0, 0, 0, 12 * PAGE), PARTS(40, 0, 0, 0, 0, 6 * PAGE) },
	{ OF(POOL, GUARD, IN), .pages = 1,
	  COUNTS(1, 1, 0, 0, 0, PAGE), PARTS(40, 0, 0, 0, 0, PAGE) },
	{ OF(PREAD, GUARD, IN), .pages = 1,
	  COUNTS(1, 1, 1, 0, 0, PAGE), PARTS(40, 1, 0, 0, 0, 2 * PAGE + PAGE / 2) },
	{ OF(PREAD, GUARD, OUT), .pages = 2,
	  COUNTS(1, 1, 1, 0, 0, 2 * PAGE), PARTS(40, 1, 0, 0, 0, 6 * PAGE + PAGE) },
	{ OF(PREAD, GUARD, BOTH), .pages = 1,
	  COUNTS(1, 1, 2, 0, 0, 2 * PAGE), PARTS(40, 2, 0, 0, 0, 6 * PAGE) },
	{ OF(PREAD, GUARD, BOTH), .pages = 1, .flags = GMS_COST_WARM,
	  COUNTS(1, 1, 2, 0, 0, 2 * PAGE), PARTS(40, 2, 0, 0, 0, 5 * PAGE) },

	/* One page, then five, then with threads, by each backing. */
	{ OF(CONVERT, GUARD, OUT), .pages = 1,
	  COUNTS(1, 3, 2, 1, 1, 0), PARTS(120, 2, 3000, 100, 10000, 0) },
	{ OF(CONVERT, GUARD, BOTH), .pages = 5,
	  COUNTS(1, 3, 2, 1, 5, 0), PARTS(120, 2, 3120, 100, 50000, 0) },
	{ OF(CONVERT, GUARD, OUT), .pages = 1024, .threads = 1,
	  COUNTS(1, 3, 2, 1, 1024, 0),
	  PARTS(120, 2, 3000 + 1023 * 30, 300, 10240000, 0) },
	{ OF(CONVERT, MPROTECT, OUT), .pages = 1, .threads = 1,
	  COUNTS(1, 3, 2, 1, 0, 0), PARTS(120, 2, 7000, 300, 0, 0) },
	{ OF(CONVERT, MPROTECT, OUT), .pages = 5,
	  COUNTS(1, 3, 2, 1, 0, 0), PARTS(120, 2, 7280, 100, 0, 0) },
	{ OF(CONVERT, ATTRIBUTES, OUT), .pages = 1,
	  COUNTS(1, 3, 4, 3, 2, PAGE), PARTS(120, 6, 11000, 300, 50000, PAGE) },
	{ OF(CONVERT, ATTRIBUTES, BOTH), .pages = 5,
	  COUNTS(1, 3, 4, 3, 10, 10 * PAGE), PARTS(120, 6, 11440, 300, 250000, 10 * PAGE) },
	{ OF(CONVERT, IN_PLACE, OUT), .pages = 1,
	  COUNTS(1, 3, 2, 3, 1, 0), PARTS(120, 4, 7000, 300, 40000, 0) },
	{ OF(CONVERT, IN_PLACE, OUT), .pages = 5, .threads = 1,
	  COUNTS(1, 3, 2, 3, 5, 0), PARTS(120, 4, 7280, 900, 200000, 0) },

	/* In batches: shares are rounded up. */
	{ OF(CONVERT_BATCH, GUARD, OUT), .pages = 1, .batch = 4,
	  COUNTS(4, 3, 2, 4, 4, 0),
	  PARTS(30, 1, (4 * 501 - 1 + 4 * 501 - 401 + 3) / 4, 100, 10000, 0) },
	{ OF(CONVERT_BATCH, GUARD, OUT), .pages = 3, .batch = 2,
	  COUNTS(2, 3, 2, 2, 6, 0),
	  PARTS(60, 1, (2 * 541 - 1 + 2 * 521 - 201 + 1) / 2, 100, 30000, 0) },
	{ OF(CONVERT_BATCH, GUARD, OUT), .pages = 1, .batch = 1025,
	  COUNTS(1025, 3, 4, 1025, 1025, 0),
	  PARTS(1, 1, 902, 100, 10000, 0) },
	{ OF(CONVERT_BATCH, GUARD, OUT), .pages = 1, .batch = 4, .flags = GMS_COST_ADJACENT,
	  COUNTS(4, 3, 2, 1, 4, 0), PARTS(30, 1, 773, 25, 10000, 0) },
	{ OF(CONVERT_BATCH, GUARD, OUT), .pages = 1, .batch = 1,
	  COUNTS(1, 3, 2, 1, 1, 0), PARTS(120, 2, 3000, 100, 10000, 0) },
	{ OF(CONVERT_BATCH, MPROTECT, OUT), .pages = 1, .batch = 4,
	  COUNTS(4, 3, 8, 4, 0, 0), PARTS(30, 2, 7000, 100, 0, 0) },
	{ OF(CONVERT_BATCH, ATTRIBUTES, OUT), .pages = 1, .batch = 4,
	  COUNTS(4, 3, 16, 12, 8, 4 * PAGE), PARTS(30, 6, 11000, 300, 50000, PAGE) },
	{ OF(CONVERT_BATCH, ATTRIBUTES, OUT), .pages = 1, .batch = 4, .flags = GMS_COST_ADJACENT,
	  COUNTS(4, 3, 4, 3, 8, 4 * PAGE), PARTS(30, 2, (11000 + 330 + 3) / 4, 75, 50000, PAGE) },
	{ OF(CONVERT_BATCH, IN_PLACE, OUT), .pages = 1, .batch = 4, .flags = GMS_COST_ADJACENT,
	  COUNTS(4, 3, 2, 3, 4, 0), PARTS(30, 1, (7000 + 210 + 3) / 4, 75, 40000, 0) },

	/* Idle for 500 ns at most: used again in time, at the last moment, too late, never. */
	{ OF(LAZY, GUARD, OUT), .pages = 1, .batch = 4, .reuse_ns = 1,
	  COUNTS(4, 12, 0, 0, 0, 0), PARTS(120, 0, 0, 0, 0, 0) },
	{ OF(LAZY, GUARD, OUT), .pages = 1, .batch = 4, .reuse_ns = 500,
	  COUNTS(4, 12, 0, 0, 0, 0), PARTS(120, 0, 0, 0, 0, 0) },
	{ OF(LAZY, GUARD, OUT), .pages = 1, .batch = 4, .reuse_ns = 501,
	  COUNTS(4, 12, 5, 4, 4, 0),
	  PARTS(120, 2, (8000 + 4 * 501 - 401 + 3) / 4, 100, 10000, 0) },
	{ OF(LAZY, GUARD, OUT), .pages = 1, .batch = 4, .flags = GMS_COST_ADJACENT,
	  COUNTS(4, 12, 5, 1, 4, 0), PARTS(120, 2, (8000 + 1030 + 3) / 4, 25, 10000, 0) },
	{ OF(LAZY, ATTRIBUTES, BOTH), .pages = 1, .batch = 2,
	  COUNTS(2, 6, 8, 6, 4, 4 * PAGE), PARTS(120, 6, 11000, 300, 50000, 2 * PAGE) },
	{ OF(PERSISTENT, GUARD, OUT), .pages = 2, .reuse_ns = 1000000,
	  COUNTS(1, 1, 0, 0, 0, 0), PARTS(40, 0, 0, 0, 0, 0) },
	{ OF(PERSISTENT, GUARD, OUT), .pages = 2,
	  COUNTS(1, 2, 1, 0, 2, 0), PARTS(80, 1, 2020, 0, 20000, 0) },

	/* Pages of guest_memfd; and the guest faults on what it uses again, if it does. */
	{ OF(CONVERT, GUARD, OUT), .pages = 1, .flags = GMS_COST_GUEST_MEMFD,
	  COUNTS(1, 3, 2, 1, 1, 0), PARTS(120, 2, 3000, 100, 40000, 0) },
	{ OF(CONVERT, GUARD, OUT), .pages = 1, .flags = GMS_COST_GUEST_FAULTS,
	  COUNTS(1, 3, 2, 1, 1, 0), PARTS(120, 2, 3000, 100, 10000, 0) },
	{ OF(CONVERT, GUARD, IN), .pages = 1, .flags = GMS_COST_GUEST_FAULTS,
	  COUNTS(1, 3, 2, 1, 2, 0), PARTS(120, 2, 3000, 100, 60000, 0) },
	{ OF(LAZY, GUARD, IN), .pages = 1, .flags = GMS_COST_GUEST_FAULTS,
	  COUNTS(1, 3, 2, 1, 1, 0), PARTS(120, 2, 3000, 100, 10000, 0) },
	{ OF(CONVERT, GUARD, OUT), .pages = 5, .reuse_ns = 900,
	  .flags = GMS_COST_GUEST_MEMFD | GMS_COST_GUEST_FAULTS,
	  COUNTS(1, 3, 2, 1, 10, 0), PARTS(120, 2, 3120, 100, 5 * 90000, 0) },
	{ OF(CONVERT_BATCH, GUARD, OUT), .pages = 1, .batch = 4, .reuse_ns = 900,
	  .flags = GMS_COST_GUEST_MEMFD | GMS_COST_GUEST_FAULTS | GMS_COST_ADJACENT,
	  COUNTS(4, 3, 2, 1, 8, 0), PARTS(30, 1, 773, 25, 90000, 0) },
	{ OF(LAZY, MPROTECT, OUT), .pages = 1, .batch = 4, .reuse_ns = 501,
	  .flags = GMS_COST_GUEST_FAULTS | GMS_COST_ADJACENT,
	  COUNTS(4, 12, 5, 1, 4, 0),
	  PARTS(120, 2, (4 * 4000 + 3000 + 3 * 30 + 3) / 4, 25, 50000, 0) },
	{ OF(LAZY, GUARD, OUT), .pages = 1, .batch = 4, .reuse_ns = 500,
	  .flags = GMS_COST_GUEST_FAULTS,
	  COUNTS(4, 12, 0, 0, 0, 0), PARTS(120, 0, 0, 0, 0, 0) },
	{ OF(PERSISTENT, GUARD, OUT), .pages = 2, .flags = GMS_COST_GUEST_FAULTS,
	  COUNTS(1, 2, 1, 0, 2, 0), PARTS(80, 1, 2020, 0, 20000, 0) },
	{ OF(POOL, GUARD, OUT), .pages = 1, .flags = GMS_COST_GUEST_FAULTS, .reuse_ns = 900,
	  COUNTS(1, 1, 0, 0, 0, PAGE), PARTS(40, 0, 0, 0, 0, PAGE) },

	/* How the guest asks. */
	{ OF(CONVERT, MPROTECT, OUT), .pages = 1, .ask = GMS_COST_ASK_KERNEL,
	  COUNTS(1, 3, 2, 1, 0, 0), PARTS(60, 2, 7000, 100, 0, 0) },
	{ OF(CONVERT, MPROTECT, OUT), .pages = 1, .ask = GMS_COST_ASK_NOT,
	  COUNTS(1, 1, 2, 1, 0, 0), PARTS(40, 2, 7000, 100, 0, 0) },
};

START_TEST(steps_are_as_counted_by_hand)	/* _i: the row */
{
	const struct row *row = &rows[_i];
	struct gms_cost_pattern pattern;
	struct gms_cost_estimate e;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	pattern.bytes = row->pages * PAGE;
	pattern.direction = row->direction;
	pattern.backing = row->backing;
	pattern.flags = row->flags;
	pattern.batch = row->batch;
	pattern.threads = row->threads;
	pattern.ask = row->ask;
	pattern.reuse_ns = row->reuse_ns;
	pattern.idle_ns = 500;
	e = get(&model, &pattern, row->strategy);
	ck_assert_uint_eq(e.requests, row->requests);
	ck_assert_uint_eq(e.exits, row->exits);
	ck_assert_uint_eq(e.syscalls, row->syscalls);
	ck_assert_uint_eq(e.flushes, row->flushes);
	ck_assert_uint_eq(e.refaulted_pages, row->refaults);
	ck_assert_uint_eq(e.copied_bytes, row->copied);
	ck_assert_uint_eq(e.exits_ns, row->exits_ns);
	ck_assert_uint_eq(e.syscalls_ns, row->syscalls_ns);
	ck_assert_uint_eq(e.page_table_ns, row->page_table_ns);
	ck_assert_uint_eq(e.flushes_ns, row->flushes_ns);
	ck_assert_uint_eq(e.refaults_ns, row->refaults_ns);
	ck_assert_uint_eq(e.copies_ns, row->copies_ns);
	ck_assert_uint_eq(e.total_ns, row->exits_ns + row->syscalls_ns + row->page_table_ns +
			  row->flushes_ns + row->refaults_ns + row->copies_ns);
}
END_TEST

START_TEST(doorbell_is_asked_for_apart)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	pattern.doorbell = GMS_COST_ASK_KERNEL;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).exits_ns, 10 + 2 * 40);
	pattern.doorbell = GMS_COST_ASK_NOT;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).exits_ns, 2 * 40);
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).exits, 0);
}
END_TEST

START_TEST(granule_is_what_is_converted_whole)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	pattern.bytes = 1;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).refaulted_pages, 1);
	pattern.bytes = PAGE + 1;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).refaulted_pages, 2);
	pattern.granule_bytes = 65536;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).refaulted_pages, 16);
	pattern.bytes = 65536 + 1;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).refaulted_pages, 32);
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copied_bytes, 65536 + 1);
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).break_even_bytes, 65536);

	/* A host whose page is a block: pages, and no line. */
	model.host_page_bytes = BLOCK;
	pattern.granule_bytes = 0;
	pattern.bytes = 3 * BLOCK;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).page_table_ns,
			  3 * 2001 - 1 + 3 * 1101 - 101);
}
END_TEST

START_TEST(copies_are_on_the_lines_between_known_sizes)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	memset(model.copy_cold_ns, 0, sizeof(model.copy_cold_ns));
	model.copy_cold_ns[GMS_COST_SIZE_4K] = 1000;
	model.copy_cold_ns[GMS_COST_SIZE_64K] = 7000;	/* 6000 in 61440: 16K passed over */
	pattern.bytes = 2048;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, 500);
	pattern.bytes = PAGE;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, 1000);
	pattern.bytes = PAGE + 30720;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, 4000);
	pattern.bytes = PAGE + 1;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, 1001);
	pattern.bytes = 65536;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, 7000);
	pattern.bytes = 65536 + 10 * 61440;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, 67000);

	/* A larger size that was measured cheaper counts as the smaller. */
	model.copy_cold_ns[GMS_COST_SIZE_64K] = 10;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, 1000);
	model.copy_cold_ns[GMS_COST_SIZE_16K] = 10;
	model.copy_cold_ns[GMS_COST_SIZE_64K] = 500;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, 1000);

	/* Nothing but a system call below the least size of pread(2). */
	model.pread_ns[GMS_COST_SIZE_4K] = 1 + 4096;
	pattern.bytes = 1024;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_PREAD).copies_ns, 1024);
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_PREAD).syscalls_ns, 1);
}
END_TEST

START_TEST(flushes_are_on_the_lines_between_known_threads)
{
	static const uint64_t ns[] = { 100, 300, 500, 700, 900, 1100 };
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	pattern.backing = GMS_COST_MPROTECT;
	for (uint32_t threads = 0; threads < sizeof(ns) / sizeof(ns[0]); threads++) {
		pattern.threads = threads;
		ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).flushes_ns, ns[threads]);
	}
	model.flush_ns[1] = model.flush_ns[3] = 0;
	model.flush_ns[7] = 100 + 64 * 5;
	pattern.threads = 3;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).flushes_ns, 115);
	pattern.threads = 128;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).flushes_ns, 100 + 128 * 5);
}
END_TEST

START_TEST(reads_of_a_memfd_fault_for_several_pages)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	model.refault_read_page_ns = 11000;
	model.refault_read_2m_ns = 11000 + 511 * 700;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).refaults_ns, 11000);
	pattern.bytes = 5 * PAGE;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).refaults_ns, 11000 + 4 * 700);
	pattern.batch = 2;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT_BATCH).refaults_ns,
			  11000 + 4 * 700);
	pattern.flags = GMS_COST_ADJACENT;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT_BATCH).refaults_ns,
			  (11000 + 9 * 700) / 2);
	pattern.direction = GMS_COST_IN;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).refaults_ns, 5 * 10000);
	pattern.direction = GMS_COST_BOTH;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).refaults_ns, 5 * 10000);
	pattern.direction = GMS_COST_OUT;
	pattern.flags = GMS_COST_GUEST_MEMFD;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).refaults_ns, 5 * 40000);
}
END_TEST

START_TEST(more_never_costs_less)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;
	bool falls = false;

	GMS_INIT(&model);
	ck_assert_int_eq(gms_cost_example(&model), 0);
	page_pattern(&pattern);
	pattern.batch = 8;
	pattern.idle_ns = 1;
	for (uint32_t i = 0; i < GMS_COST_STRATEGIES * GMS_COST_BACKINGS; i++) {
		uint64_t last = 0;

		pattern.backing = i / GMS_COST_STRATEGIES;
		pattern.threads = 0;
		for (pattern.bytes = 1; pattern.bytes < 8 * BLOCK; pattern.bytes += 9973) {
			const uint64_t ns = get(&model, &pattern,
						i % GMS_COST_STRATEGIES).total_ns;

			falls |= ns < last;
			last = ns;
		}
		for (; pattern.threads < 100; pattern.threads++) {
			const uint64_t ns = get(&model, &pattern,
						i % GMS_COST_STRATEGIES).total_ns;

			falls |= ns < last && pattern.threads;
			last = ns;
		}
	}
	ck_assert(!falls);
}
END_TEST

/* Is the strategy cheaper than BOUNCE at this length? */
static bool is_cheaper(const struct gms_cost_model *model, struct gms_cost_pattern pattern,
		       uint32_t strategy, uint64_t bytes)
{
	pattern.bytes = bytes;
	return get(model, &pattern, strategy).total_ns <
	       get(model, &pattern, GMS_COST_BOUNCE).total_ns;
}

START_TEST(break_even_is_where_the_two_cross)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;
	unsigned int crossed = 0;

	GMS_INIT(&model);
	ck_assert_int_eq(gms_cost_example(&model), 0);
	page_pattern(&pattern);
	pattern.batch = 8;
	for (uint32_t i = 0; i < 32 * GMS_COST_STRATEGIES; i++) {
		const uint32_t strategy = i / 32;
		uint64_t at;

		pattern.backing = i & 3;
		pattern.threads = i >> 2 & 1;
		pattern.flags = i >> 3 & 3;
		at = get(&model, &pattern, strategy).break_even_bytes;
		if (strategy == GMS_COST_BOUNCE) {
			ck_assert_uint_eq(at, 0);
			continue;
		}
		ck_assert_uint_gt(at, 0);
		if (at == UINT64_MAX) {
			for (uint64_t bytes = PAGE; bytes <= 16 * BLOCK; bytes *= 2)
				ck_assert(!is_cheaper(&model, pattern, strategy, bytes));
			ck_assert(!is_cheaper(&model, pattern, strategy, UINT64_C(1) << 40));
			continue;
		}
		ck_assert_uint_eq(at % PAGE, 0);
		ck_assert(is_cheaper(&model, pattern, strategy, at));
		if (at > PAGE) {
			bool before = false;

			for (uint64_t bytes = PAGE; bytes < at && bytes < BLOCK; bytes += PAGE)
				before |= is_cheaper(&model, pattern, strategy, bytes);
			ck_assert(!before);
			ck_assert(!is_cheaper(&model, pattern, strategy, at - PAGE));
			crossed++;
		}
	}
	ck_assert_uint_gt(crossed, 4);
}
END_TEST

START_TEST(break_even_by_hand)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	pattern.backing = GMS_COST_MPROTECT;
	/* 80 + 2 + 7000 + 70 (N - 1) + 100 < 8192 N: from 1 page on. */
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).break_even_bytes, PAGE);
	/* 1090 more, and they are equal at 1 page: not cheaper. */
	model.mprotect_rw_page_ns += 1090;
	model.mprotect_rw_2m_ns += 1090;
	pattern.ask = GMS_COST_ASK_NOT;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).total_ns,
			  get(&model, &pattern, GMS_COST_BOUNCE).total_ns);
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).break_even_bytes, 2 * PAGE);
	model.mprotect_rw_page_ns -= 1090;
	model.mprotect_rw_2m_ns -= 1090;
	pattern.ask = GMS_COST_ASK_VMM;
	/* Two exits more than BOUNCE, at 40040: 7032 + 70 N + 80080 < 8192 N, N = 10.7. */
	model.user_exit_ns += 40000;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).break_even_bytes, 11 * PAGE);
	/* A fault a page: 10000 > 8192 for ever. */
	pattern.backing = GMS_COST_GUARD;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).break_even_bytes, UINT64_MAX);
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).break_even_bytes, PAGE);
	/* Not known what 2 pages cost: neither is where it ends. */
	model.guard_remove_2m_ns = 0;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_CONVERT).break_even_bytes, 0);
}
END_TEST

START_TEST(exposure_is_beyond_need)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_estimate e;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	pattern.bytes = 2 * PAGE;
	pattern.outstanding = 8;
	pattern.batch = 4;
	pattern.reuse_ns = 300;
	pattern.idle_ns = 500;
	for (uint32_t i = 0; i < 3; i++) {
		static const uint32_t kept[] = { GMS_COST_BOUNCE, GMS_COST_POOL,
						 GMS_COST_PERSISTENT };

		e = get(&model, &pattern, kept[i]);
		ck_assert_uint_eq(e.exposed_pages, 16);
		ck_assert_uint_eq(e.exposed_ns, UINT64_MAX);
	}
	e = get(&model, &pattern, GMS_COST_CONVERT);
	ck_assert_uint_eq(e.exposed_pages + e.exposed_ns, 0);
	e = get(&model, &pattern, GMS_COST_PREAD);
	ck_assert_uint_eq(e.exposed_pages + e.exposed_ns, 0);
	e = get(&model, &pattern, GMS_COST_LAZY);
	ck_assert_uint_eq(e.exposed_pages, 16);
	ck_assert_uint_eq(e.exposed_ns, 300);
	pattern.reuse_ns = 0;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_LAZY).exposed_ns, 500);

	e = get(&model, &pattern, GMS_COST_CONVERT_BATCH);
	ck_assert_uint_eq(e.exposed_pages, 6);
	/* The batch: 3 exits, 2 calls, 4 * 520 + 4 * 510 less those, 4 flushes, 8 faults. */
	ck_assert_uint_eq(e.exposed_ns, 120 + 2 + (4 * 521 - 1 + 4 * 511 - 401) + 400 + 80000);
	pattern.outstanding = 1;
	e = get(&model, &pattern, GMS_COST_CONVERT_BATCH);
	ck_assert_uint_eq(e.requests, 1);
	ck_assert_uint_eq(e.exposed_pages + e.exposed_ns, 0);
}
END_TEST

/* What each way lacks if one number is 0; NULL: it does not need it. */
START_TEST(what_is_not_known_is_named)	/* _i: the number */
{
	static const uint32_t all[] = { GMS_COST_BOUNCE, GMS_COST_POOL, GMS_COST_CONVERT,
					GMS_COST_CONVERT_BATCH, GMS_COST_LAZY,
					GMS_COST_PERSISTENT, GMS_COST_PREAD };
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;
	struct gms_cost_item item;
	unsigned int unknown = 0;

	hand_model(&model);
	ck_assert_int_eq(gms_cost_item_at(&model, (uint32_t)_i, &item), 0);
	if (!item.value)
		return;
	(&model.host_page_bytes)[_i] = 0;
	page_pattern(&pattern);
	pattern.bytes = 2 * PAGE;
	pattern.direction = strstr(item.name, "_read_") ? GMS_COST_OUT : GMS_COST_BOTH;
	pattern.batch = 2;
	pattern.threads = 1;
	pattern.reuse_ns = (uint64_t)_i % 2;	/* that of the guest's faults is odd */
	for (uint32_t i = 0; i < 8 * 7; i++) {
		struct gms_cost_estimate e;
		int rc;

		pattern.backing = i & 3;
		pattern.flags = i >> 2 & 1 ? 15 : 0;
		GMS_INIT(&e);
		e.total_ns = 77;
		rc = gms_cost_estimate(&model, &pattern, all[i / 8], &e);
		if (!rc) {
			ck_assert_ptr_null(e.missing);
			continue;
		}
		ck_assert_int_eq(rc, -ENODATA);
		ck_assert_str_eq(e.missing, item.name);
		ck_assert_uint_eq(e.total_ns + e.exits + e.syscalls + e.break_even_bytes, 0);
		unknown++;
	}
	/* Sizes, and threads, in between are passed over: the next that is known will do. */
	if (strstr(item.name, "copy_") == item.name || strstr(item.name, "pwrite_") == item.name ||
	    strstr(item.name, "pread_") == item.name || !strcmp(item.name, "flush_1_ns") ||
	    !strcmp(item.name, "flush_4_ns"))
		ck_assert_uint_eq(unknown, 0);
	else
		ck_assert_uint_gt(unknown, 0);
}
END_TEST

START_TEST(curves_need_a_point)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_estimate e;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	GMS_INIT(&e);
	memset(model.copy_warm_ns, 0, sizeof(model.copy_warm_ns));
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_POOL, &e), 0);
	pattern.flags = GMS_COST_WARM;
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_POOL, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "copy_warm_4k_ns");
	memset(model.pread_ns, 0, sizeof(model.pread_ns));
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_PREAD, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "pread_4k_ns");
	model.flush_ns[1] = model.flush_ns[3] = 0;
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_CONVERT, &e), 0);
	pattern.threads = 1;
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_CONVERT, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "flush_1_ns");
}
END_TEST

START_TEST(what_does_not_fit_is_the_most)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_model model;
	uint64_t *number = &model.host_page_bytes;

	GMS_INIT(&model);
	for (size_t i = 0; i < (sizeof(model) - sizeof(size_t)) / sizeof(*number); i++)
		number[i] = GMS_COST_MOST_NS;
	model.cpus = model.threads = 1;
	page_pattern(&pattern);
	pattern.direction = GMS_COST_BOTH;
	pattern.batch = pattern.outstanding = pattern.threads = UINT32_MAX;
	for (unsigned int i = 0; i < 8 * GMS_COST_STRATEGIES; i++) {
		struct gms_cost_estimate e;

		pattern.backing = i & 3;
		pattern.flags = i >> 2 & 1 ? GMS_COST_ADJACENT : 0;
		model.host_page_bytes = 1;
		pattern.bytes = UINT64_MAX;
		e = get(&model, &pattern, i / 8);
		ck_assert_uint_ge(e.total_ns, e.exits_ns);
		ck_assert_uint_ge(e.total_ns, e.copies_ns);
		if (e.refaulted_pages)
			ck_assert_uint_eq(e.refaults_ns, UINT64_MAX);
		if (!pattern.flags)
			ck_assert_uint_gt(e.total_ns, GMS_COST_MOST_NS);
	}
	/* All sizes cost the same: so do lengths, until they are 2^64 on a line that rises. */
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, 2 * GMS_COST_MOST_NS);
	model.copy_cold_ns[GMS_COST_SIZE_256K] = 1;
	for (unsigned int i = 0; i < GMS_COST_SIZE_256K; i++)
		model.copy_cold_ns[i] = 1;
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).copies_ns, UINT64_MAX);
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_POOL).total_ns, UINT64_MAX);
	ck_assert_uint_eq(get(&model, &pattern, GMS_COST_BOUNCE).copied_bytes, UINT64_MAX);
}
END_TEST

/* The field of the pattern, as a number that is none. */
#define BAD(member, value) \
	do { \
		struct gms_cost_pattern bad = pattern; \
		bad.member = value; \
		ck_assert_int_eq(gms_cost_estimate(&model, &bad, GMS_COST_CONVERT, &e), -EINVAL); \
		ck_assert_int_eq(gms_cost_advise(&model, &bad, GMS_COST_ANY, &advice), -EINVAL); \
	} while (0)

START_TEST(what_makes_no_sense_is_refused)
{
	struct { struct gms_cost_pattern pattern; uint64_t later; } longer;
	struct gms_cost_pattern pattern;
	struct gms_cost_estimate e;
	struct gms_cost_advice advice;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	GMS_INIT(&e);
	GMS_INIT(&advice);
	e.total_ns = advice.total_ns = 77;
	BAD(bytes, 0);
	BAD(granule_bytes, 4097);
	BAD(granule_bytes, 2048);
	BAD(granule_bytes, UINT64_C(1) << 31);
	BAD(direction, 0);
	BAD(direction, 4);
	BAD(direction, 5);
	BAD(backing, GMS_COST_BACKINGS);
	BAD(ask, GMS_COST_ASKS);
	BAD(doorbell, GMS_COST_ASKS);
	BAD(flags, 16);
	BAD(size, 7);
	ck_assert_int_eq(gms_cost_estimate(NULL, &pattern, 0, &e), -EINVAL);
	ck_assert_int_eq(gms_cost_estimate(&model, NULL, 0, &e), -EINVAL);
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_STRATEGIES, &e), -EINVAL);
	ck_assert_int_eq(gms_cost_advise(NULL, &pattern, 1, &advice), -EINVAL);
	ck_assert_int_eq(gms_cost_advise(&model, NULL, 1, &advice), -EINVAL);
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, 1, NULL), -EINVAL);
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, 0, &advice), -EINVAL);
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, 1u << GMS_COST_STRATEGIES, &advice),
			 -EINVAL);
	model.refault_page_ns = GMS_COST_MOST_NS + 1;
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_POOL, &e), -EINVAL);
	model.refault_page_ns = 1;
	e.size = 3;
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_POOL, &e), -EINVAL);
	ck_assert_uint_eq(e.total_ns, 77);
	ck_assert_uint_eq(advice.total_ns, 77);

	longer.pattern = pattern;
	longer.pattern.size = sizeof(longer);
	longer.later = 0;
	GMS_INIT(&e);
	ck_assert_int_eq(gms_cost_estimate(&model, &longer.pattern, GMS_COST_POOL, &e), 0);
	longer.later = 1;
	ck_assert_int_eq(gms_cost_estimate(&model, &longer.pattern, GMS_COST_POOL, &e), -E2BIG);
	ck_assert_int_eq(gms_cost_advise(&model, &longer.pattern, 1, &advice), -E2BIG);
}
END_TEST

START_TEST(host_page_is_needed_by_all)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_estimate e;
	struct gms_cost_model model;

	hand_model(&model);
	model.host_page_bytes = 0;
	page_pattern(&pattern);
	GMS_INIT(&e);
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_BOUNCE, &e), -ENODATA);
	ck_assert_str_eq(e.missing, "host_page_bytes");
	pattern.granule_bytes = PAGE;
	ck_assert_int_eq(gms_cost_estimate(&model, &pattern, GMS_COST_BOUNCE, &e), -ENODATA);
}
END_TEST

START_TEST(advice_is_the_cheapest_of_what_may_be)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_advice advice;
	struct gms_cost_model model;
	unsigned int wrong = 0;

	GMS_INIT(&model);
	ck_assert_int_eq(gms_cost_example(&model), 0);
	page_pattern(&pattern);
	pattern.batch = 4;
	pattern.backing = GMS_COST_MPROTECT;
	for (uint32_t allowed = 1; allowed <= GMS_COST_ANY; allowed++) {
		uint64_t least = UINT64_MAX, next = UINT64_MAX;

		pattern.bytes = PAGE << allowed % 8;
		for (uint32_t i = 0; i < GMS_COST_STRATEGIES; i++) {
			uint64_t ns;

			if (!(allowed >> i & 1))
				continue;
			ns = get(&model, &pattern, i).total_ns;
			if (ns < least) {
				next = least;
				least = ns;
			} else if (ns < next) {
				next = ns;
			}
		}
		GMS_INIT(&advice);
		ck_assert_int_eq(gms_cost_advise(&model, &pattern, allowed, &advice), 0);
		wrong += !(allowed >> advice.strategy & 1) || advice.total_ns != least ||
			 advice.runner_up == advice.strategy || advice.unknown || advice.missing ||
			 !advice.why || strchr(advice.why, '\n') ||
			 advice.total_ns != get(&model, &pattern, advice.strategy).total_ns;
		if (advice.runner_up == GMS_COST_STRATEGIES)
			wrong += advice.runner_up_ns != 0 || (allowed & (allowed - 1)) != 0;
		else
			wrong += advice.runner_up_ns != next ||
				 !(allowed >> advice.runner_up & 1);
		wrong += advice.break_even_bytes !=
			 get(&model, &pattern, advice.strategy).break_even_bytes;
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(advice_says_why)
{
	const uint32_t bounce = 1u << GMS_COST_BOUNCE, convert = 1u << GMS_COST_CONVERT;
	const uint32_t keep = 1u << GMS_COST_PERSISTENT, batch = 1u << GMS_COST_CONVERT_BATCH;
	struct gms_cost_pattern pattern;
	struct gms_cost_advice advice;
	struct gms_cost_model model;

	hand_model(&model);
	page_pattern(&pattern);
	GMS_INIT(&advice);
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, bounce | convert, &advice), 0);
	ck_assert_uint_eq(advice.strategy, GMS_COST_BOUNCE);
	ck_assert_uint_eq(advice.runner_up, GMS_COST_CONVERT);
	ck_assert_str_eq(advice.why, "fewer pages fault than with the next");
	pattern.backing = GMS_COST_MPROTECT;
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, bounce | convert, &advice), 0);
	ck_assert_uint_eq(advice.strategy, GMS_COST_CONVERT);
	ck_assert_str_eq(advice.why, "it copies for less than the next");
	model.user_exit_ns = 1000000;
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, bounce | convert, &advice), 0);
	ck_assert_uint_eq(advice.strategy, GMS_COST_BOUNCE);
	ck_assert_str_eq(advice.why, "the guest exits for less than with the next");
	model.user_exit_ns = 1;
	pattern.reuse_ns = 1;
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, keep | convert, &advice), 0);
	ck_assert_uint_eq(advice.strategy, GMS_COST_PERSISTENT);
	ck_assert_str_eq(advice.why, "it has less work on page tables than the next");
	pattern.threads = 100;
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, keep | convert, &advice), 0);
	ck_assert_str_eq(advice.why, "it flushes for less than the next");
	pattern.threads = 0;

	/* A batch of one is the same; nothing is exposed by either: the first. */
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, batch | convert, &advice), 0);
	ck_assert_uint_eq(advice.strategy, GMS_COST_CONVERT);
	ck_assert_uint_eq(advice.runner_up_ns, advice.total_ns);
	ck_assert_str_eq(advice.why, "it costs the same as the next");

	/* Equal again, and PERSISTENT exposes for longer than LAZY, which comes first too. */
	pattern.ask = GMS_COST_ASK_NOT;
	pattern.idle_ns = 5;
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, keep | 1u << GMS_COST_LAZY, &advice),
			 0);
	ck_assert_uint_eq(advice.strategy, GMS_COST_LAZY);
	ck_assert_uint_eq(advice.runner_up, GMS_COST_PERSISTENT);

	/* Copies for nothing that is exposed: PREAD before POOL, which is the first. */
	pattern.direction = GMS_COST_IN;
	for (unsigned int i = 0; i < GMS_COST_SIZE_COUNT; i++)
		model.pwrite_ns[i] = model.copy_warm_ns[i];
	pattern.flags = GMS_COST_WARM;
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, 1u << GMS_COST_POOL |
					 1u << GMS_COST_PREAD, &advice), 0);
	ck_assert_uint_eq(advice.runner_up_ns, advice.total_ns);
	ck_assert_uint_eq(advice.strategy, GMS_COST_PREAD);

	ck_assert_int_eq(gms_cost_advise(&model, &pattern, bounce, &advice), 0);
	ck_assert_uint_eq(advice.runner_up, GMS_COST_STRATEGIES);
	ck_assert_str_eq(advice.why, "there is no other that is allowed and known");
}
END_TEST

START_TEST(advice_leaves_out_what_is_not_known)
{
	struct gms_cost_pattern pattern;
	struct gms_cost_advice advice;
	struct gms_cost_model model;

	hand_model(&model);
	model.guard_install_page_ns = 0;
	page_pattern(&pattern);
	GMS_INIT(&advice);
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, GMS_COST_ANY, &advice), 0);
	ck_assert_uint_eq(advice.unknown, 1u << GMS_COST_CONVERT | 1u << GMS_COST_CONVERT_BATCH |
			  1u << GMS_COST_LAZY);
	ck_assert_str_eq(advice.missing, "guard_install_page_ns");
	ck_assert_int_eq(gms_cost_advise(&model, &pattern, 1u << GMS_COST_CONVERT, &advice),
			 -ENODATA);
	ck_assert_str_eq(advice.missing, "guard_install_page_ns");
	ck_assert_str_eq(advice.why, "none is known");
	ck_assert_uint_eq(advice.strategy, GMS_COST_STRATEGIES);
	ck_assert_uint_eq(advice.total_ns, 0);
}
END_TEST

START_TEST(strategies_have_names)
{
	for (uint32_t i = 0; i < GMS_COST_STRATEGIES; i++) {
		ck_assert_ptr_nonnull(gms_cost_strategy_name(i));
		for (uint32_t k = 0; k < i; k++)
			ck_assert_str_ne(gms_cost_strategy_name(i), gms_cost_strategy_name(k));
	}
	ck_assert_str_eq(gms_cost_strategy_name(GMS_COST_CONVERT_BATCH), "convert-batch");
	ck_assert_ptr_null(gms_cost_strategy_name(GMS_COST_STRATEGIES));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cost_estimate");
	TCase *estimate = fx_case(s, "estimate"), *advise = fx_case(s, "advise");

	tcase_add_loop_test(estimate, steps_are_as_counted_by_hand, 0,
			    sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(estimate, doorbell_is_asked_for_apart);
	tcase_add_test(estimate, granule_is_what_is_converted_whole);
	tcase_add_test(estimate, copies_are_on_the_lines_between_known_sizes);
	tcase_add_test(estimate, flushes_are_on_the_lines_between_known_threads);
	tcase_add_test(estimate, reads_of_a_memfd_fault_for_several_pages);
	tcase_add_test(estimate, more_never_costs_less);
	tcase_add_test(estimate, break_even_is_where_the_two_cross);
	tcase_add_test(estimate, break_even_by_hand);
	tcase_add_test(estimate, exposure_is_beyond_need);
	tcase_add_loop_test(estimate, what_is_not_known_is_named, 0, 62);
	tcase_add_test(estimate, curves_need_a_point);
	tcase_add_test(estimate, what_does_not_fit_is_the_most);
	tcase_add_test(estimate, what_makes_no_sense_is_refused);
	tcase_add_test(estimate, host_page_is_needed_by_all);
	tcase_add_test(advise, advice_is_the_cheapest_of_what_may_be);
	tcase_add_test(advise, advice_says_why);
	tcase_add_test(advise, advice_leaves_out_what_is_not_known);
	tcase_add_test(advise, strategies_have_names);
	return fx_run(s);
}

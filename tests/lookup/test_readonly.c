/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box test that no reading call stores to what threads share: the space
 * and all its metadata lie in memory that is read-only while the calls run, so
 * a single store ends the test. The library has no variables of its own
 * (tests/abi/imports.sh), so there is nothing else to store to.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define S		GMS_STATE_SHARED
#define D		GMS_STATE_DIRECT_MAP
#define ARENA_BYTES	(UINT64_C(16) << 20)
#define RAM		FX_RANGE(FX_1G + 3 * FX_2M, 2 * FX_1G)

/* An allocator that gives everything back at once, at the end. */
static struct {
	struct gms_mem_ops ops;
	char	*base;
	uint64_t used;
} arena;

static struct gms_space *space;

static void *arena_alloc(void *ctx, size_t bytes, size_t align)
{
	const uint64_t at = (arena.used + align - 1) / align * align;

	(void)ctx;
	if (at + bytes > ARENA_BYTES)
		return NULL;
	arena.used = at + bytes;
	return arena.base + at;
}

static void arena_free(void *ctx, void *p, size_t bytes, size_t align)
{
	(void)ctx;
	(void)p;
	(void)bytes;
	(void)align;
}

static void arena_protect(int protection)
{
	ck_assert_int_eq(mprotect(arena.base, ARENA_BYTES, protection), 0);
}

static void convert(gms_gfn gfn, uint64_t n, gms_state set, gms_state clear)
{
	const struct gms_change change = { FX_RANGE(RAM.first + gfn, n), set, clear };

	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
}

/*
 * A block of each kind there is, by what makes it: one state; one run; every
 * other page; a few runs of several states, many of them, and very many; more
 * states than have a short name. And a GiB that is uniform.
 */
static void setup(void)
{
	static const gms_state user[4] = { GMS_STATE_USER0, GMS_STATE_USER1, GMS_STATE_USER2,
					   GMS_STATE_USER3 };
	struct gms_space_opts opts;
	gms_pin_id id;

	arena.base = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ck_assert_ptr_ne(arena.base, MAP_FAILED);
	arena.used = 0;
	GMS_INIT(&arena.ops);
	arena.ops.alloc = arena_alloc;
	arena.ops.free = arena_free;
	GMS_INIT(&opts);
	opts.mem = &arena.ops;
	opts.flags = GMS_SPACE_TRACK_CHANGES;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	fx_region(space, FX_RANGE(0, FX_2M), GMS_ORDER_4K, S | D, NULL);
	fx_region(space, RAM, GMS_ORDER_2M, D, NULL);

	convert(FX_2M + 100, 50, S, 0);
	for (gms_gfn gfn = 0; gfn < FX_2M; gfn += 2)
		convert(2 * FX_2M + gfn, 1, S, 0);
	for (unsigned i = 0; i < 4; i++)
		convert(3 * FX_2M + 20 * i, 5, user[i], 0);
	for (unsigned i = 0; i < 24; i++)
		convert(4 * FX_2M + 20 * i, 5, user[i % 4], 0);
	for (gms_gfn gfn = 0; gfn < FX_2M; gfn++)
		convert(5 * FX_2M + gfn, 1, user[gfn % 4], 0);
	for (gms_gfn gfn = 0; gfn < FX_2M; gfn++)	/* all sets of eight attributes */
		convert(6 * FX_2M + gfn, 1, (gms_state)(gfn & 15) * GMS_STATE_USER0 |
			(gfn & 16 ? S : 0) | (gfn & 32 ? GMS_STATE_DIRTY : 0) |
			(gfn & 64 ? GMS_STATE_POPULATED : 0) |
			(gfn & 128 ? GMS_STATE_WRITE_PROTECT : 0), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(RAM.first + FX_2M + 110, 3), 0, 1, &id, NULL), 0);
	fx_check(space);
	arena_protect(PROT_READ);
}

static void teardown(void)
{
	arena_protect(PROT_READ | PROT_WRITE);
	gms_space_free(space);
	munmap(arena.base, ARENA_BYTES);
}

/* The test would notice: whoever does store dies of it. */
START_TEST(a_store_would_be_noticed)
{
	const pid_t child = fork();
	int status = 0;

	ck_assert_int_ge(child, 0);
	if (!child) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		_exit(gms_share(space, FX_RANGE(RAM.first, 1), NULL) ? 1 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	ck_assert(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}
END_TEST

START_TEST(state_at_stores_nothing)
{
	uint64_t shared = 0, holes = 0;

	for (gms_gfn gfn = 0; gfn < RAM.first + RAM.npages + FX_2M; gfn++) {
		const gms_state state = gms_state_at(space, gfn);

		holes += state == GMS_HOLE;
		shared += state != GMS_HOLE && (state & S);
	}
	ck_assert_uint_eq(holes, RAM.first - FX_2M + FX_2M);
	ck_assert_uint_eq(shared, fx_shared(space, FX_ALL));
	ck_assert_uint_eq(shared, 512 + 50 + 256 + 256);
}
END_TEST

static uint64_t pages_walked(gms_state mask, bool match)
{
	struct gms_iter it;
	struct gms_run run;
	uint64_t n = 0;

	if (match)
		ck_assert_int_eq(gms_iter_init_match(&it, space, FX_ALL, mask, 0), 0);
	else
		ck_assert_int_eq(gms_iter_init(&it, space, FX_ALL, mask), 0);
	while (gms_iter_next(&it, &run))
		n += run.npages;
	return n;
}

START_TEST(queries_of_state_store_nothing)	/* _i: which mask */
{
	static const gms_state masks[] = { 0, S, GMS_STATE_USER0, S | GMS_STATE_DIRTY,
					   GMS_STATE_ALL };
	const gms_state mask = masks[_i];
	uint64_t n;

	ck_assert_uint_eq(pages_walked(mask, false), FX_2M + RAM.npages);
	ck_assert_int_eq(gms_count(space, FX_ALL, mask, 0, &n), 0);
	ck_assert_uint_eq(pages_walked(mask, true), n);
	for (gms_gfn gfn = RAM.first; gfn < RAM.first + 8 * FX_2M; gfn++) {
		const struct gms_range ahead = FX_RANGE(gfn, FX_1G);
		const uint64_t seq = gms_read_begin(space, ahead);
		struct gms_run run;
		gms_gfn found;
		bool uniform;

		ck_assert_int_eq(gms_run_at(space, gfn, mask, &run), 0);
		ck_assert(gfn - run.first < run.npages);
		(void)gms_map_order(space, gfn, mask);
		if (gfn % 16)
			continue;
		ck_assert_int_eq(gms_count(space, ahead, mask, 0, &n), 0);
		ck_assert_int_eq(gms_find(space, ahead, mask, 0, &found), n ? 0 : -ENOENT);
		ck_assert_int_eq(gms_uniform(space, ahead, mask, &uniform), 0);
		ck_assert_int_eq(gms_uniform(space, FX_RANGE(gfn & ~(FX_2M - 1), FX_2M), mask,
					     &uniform), 0);
		ck_assert(!gms_read_retry(space, ahead, seq));
	}
}
END_TEST

START_TEST(translations_folios_and_the_ledger_store_nothing)
{
	const struct gms_range pinned = FX_RANGE(RAM.first + FX_2M + 100, 20);
	struct gms_folio_iter folios;
	struct gms_gup_answer answer;
	struct gms_region region;
	struct gms_folio folio;
	struct gms_gup_iter gup;
	struct gms_gup_run run;
	struct gms_acct acct;
	uint64_t n = 0;
	gms_gfn gfn;

	GMS_INIT(&region);
	ck_assert_int_eq(gms_region_get(space, RAM.first, &region), 0);
	ck_assert_int_eq(gms_region_next(space, FX_2M, &region), 0);
	ck_assert_int_eq(gms_gfn_of(space, region.hva, &gfn), 0);
	ck_assert_uint_eq(gfn, RAM.first);
	ck_assert_int_eq(gms_gfn_of_offset(space, FX_BACKING_ID, region.backing_offset_bytes,
					   &gfn), 0);
	ck_assert_uint_eq(gfn, RAM.first);
	ck_assert_int_eq(gms_folio_iter_init(&folios, space, RAM), 0);
	while (gms_folio_iter_next(&folios, &folio))
		n += UINT64_C(1) << folio.order;
	ck_assert_uint_eq(n, RAM.npages);
	GMS_INIT(&answer);
	ck_assert_int_eq(gms_gup_query(space, pinned, 0, &answer), 0);
	ck_assert_int_eq(gms_gup_iter_init(&gup, space, RAM, 0), 0);
	while (gms_gup_iter_next(&gup, &run))
		n -= run.npages;
	ck_assert_uint_eq(n, 0);
	fx_acct(space, &acct);
	ck_assert_uint_eq(acct.pinned_pages, 3);
	ck_assert_uint_eq(fx_order_at(space, RAM.first + FX_2M), GMS_ORDER_4K);
}
END_TEST

START_TEST(what_changed_stores_nothing)
{
	struct gms_iter it;
	struct gms_run run;
	uint64_t now, n = 0;

	ck_assert_int_eq(gms_generation(space, &now), 0);
	ck_assert_int_eq(gms_diff(space, 0, &it), 0);
	while (gms_iter_next(&it, &run))
		n += run.npages;
	ck_assert_uint_eq(n, FX_2M + RAM.npages);
	ck_assert_int_eq(gms_diff(space, now, &it), 0);
	ck_assert(!gms_iter_next(&it, &run));
	ck_assert_int_eq(gms_diff(space, now + 1, &it), -ESTALE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("readonly");
	TCase *tc = fx_case(s, "readonly");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_store_would_be_noticed);
	tcase_add_test(tc, state_at_stores_nothing);
	tcase_add_loop_test(tc, queries_of_state_store_nothing, 0, 5);
	tcase_add_test(tc, translations_folios_and_the_ledger_store_nothing);
	tcase_add_test(tc, what_changed_stores_nothing);
	return fx_run(s);
}

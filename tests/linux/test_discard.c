/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of what a backing does with memory: give it back, have it
 * allocated, zero it; what it does not free and says so; and that nothing is
 * discarded under an I/O that holds it.
 */
#define _GNU_SOURCE
#include "settings.h"
#include "world.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#define S	GMS_STATE_SHARED
#define P	GMS_STATE_POPULATED
#define D	GMS_STATE_DIRECT_MAP

static struct gms_backing_info info_of(const struct lx_guest *guest)
{
	struct gms_backing_info info;

	GMS_INIT(&info);
	ck_assert_int_eq(gms_backing_get(guest->backing, &info), 0);
	return info;
}

static uint64_t exposed(const struct lx_guest *guest, uint64_t first, uint64_t npages)
{
	uint64_t n = 0;

	ck_assert_int_eq(gms_backing_exposed(guest->backing, first * LX_PAGE, npages, &n), 0);
	return n;
}

static int change(const struct lx_guest *guest, uint64_t first, uint64_t npages, gms_state set,
		  gms_state clear, uint32_t content)
{
	const struct gms_change one = { LX_RANGE(guest->first + first, npages), set, clear };
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.content = content;
	return gms_convert(guest->space, &one, 1, &opts, NULL);
}

static uint64_t charged_pages(const struct lx_guest *guest)
{
	return lx_event(guest->space, GMS_ACCT_PAGES_ZEROED);
}

/* Small pages: what is populated is allocated, what is discarded is freed, to the byte. */
START_TEST(memory_comes_and_goes_by_the_page)	/* _i: kind */
{
	struct lx_guest guest;

	lx_guest_new(&guest, (uint32_t)_i, GMS_REVOKE_BEST, 4 * LX_2M, 9, S | D);
	ck_assert_uint_eq(info_of(&guest).allocated_bytes, 0);
	ck_assert_int_eq(change(&guest, 0, 4 * LX_2M, P, 0, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(info_of(&guest).allocated_bytes, 4 * LX_2M * LX_PAGE);
	memset(guest.hva, 0x5a, 4 * LX_2M * LX_PAGE);
	ck_assert_int_eq(change(&guest, 7, 1, 0, P, GMS_CONTENT_ANY), 0);
	ck_assert_int_eq(change(&guest, 512, 700, 0, P, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(info_of(&guest).allocated_bytes, (4 * LX_2M - 701) * LX_PAGE);
	ck_assert_uint_eq(info_of(&guest).undiscarded_bytes, 0);
	ck_assert_uint_eq(charged_pages(&guest), 0);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_FALLOCATE), 3);
	ck_assert(lx_page_holds(lx_page(&guest, 7), 0));
	ck_assert(lx_page_holds(lx_page(&guest, 8), 0x5a));
	ck_assert(lx_page_holds(lx_page(&guest, 1211), 0));
	ck_assert(lx_page_holds(lx_page(&guest, 1212), 0x5a));
	lx_guest_free(&guest);
}
END_TEST

/* Huge pages: less than a whole one is zeroed and stays; that is said, and charged. */
START_TEST(parts_of_huge_pages_are_zeroed_and_not_called_free)	/* _i: kind */
{
	const uint64_t unit = lx_length((uint32_t)_i, 1), two = 2 * unit * LX_PAGE;
	struct lx_guest guest;

	lx_guest_new(&guest, (uint32_t)_i, GMS_REVOKE_BEST, 2 * unit, 9, S | D);
	ck_assert_int_eq(change(&guest, 0, 2 * unit, P, 0, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(info_of(&guest).allocated_bytes, two);
	memset(guest.hva, 0x5a, two);

	ck_assert_int_eq(change(&guest, 7, 5, 0, P, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(info_of(&guest).allocated_bytes, two);
	ck_assert_uint_eq(info_of(&guest).undiscarded_bytes, 5 * LX_PAGE);
	ck_assert_uint_eq(charged_pages(&guest), 5);
	ck_assert(lx_page_holds(lx_page(&guest, 11), 0));
	ck_assert(lx_page_holds(lx_page(&guest, 12), 0x5a));

	/* The tail of the first and all of the second: the second is freed. */
	ck_assert_int_eq(change(&guest, unit - 3, unit + 3, 0, P, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(info_of(&guest).allocated_bytes, two / 2);
	ck_assert_uint_eq(info_of(&guest).undiscarded_bytes, 8 * LX_PAGE);
	ck_assert_uint_eq(charged_pages(&guest), 8);
	ck_assert(lx_page_holds(lx_page(&guest, unit - 3), 0));
	ck_assert(lx_page_holds(lx_page(&guest, unit - 4), 0x5a));

	/* All of a huge page, bit by bit, frees nothing: some may be in use again. */
	ck_assert_int_eq(change(&guest, 0, unit, 0, P, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(info_of(&guest).allocated_bytes, two / 2);
	ck_assert_uint_eq(info_of(&guest).undiscarded_bytes, unit * LX_PAGE);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_DISCARD_FAILURES), 0);
	lx_guest_free(&guest);
}
END_TEST

/* A huge page is revoked when the last of its pages is private, until the first is shared. */
START_TEST(huge_pages_are_revoked_whole)	/* _i: kind */
{
	const uint64_t unit = lx_length((uint32_t)_i, 1);
	struct lx_guest guest;
	uint64_t calls;

	lx_guest_new(&guest, (uint32_t)_i, GMS_REVOKE_BEST, 2 * unit, 9, S | D);
	ck_assert_int_eq(change(&guest, 5, unit - 5, 0, S, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(exposed(&guest, 0, 2 * unit), unit - 5);
	ck_assert_uint_eq(exposed(&guest, 4, 1), 0);
	ck_assert_uint_eq(exposed(&guest, 5, 1), 1);
	ck_assert(lx_reaches(lx_page(&guest, 5)));
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_MPROTECT), 0);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_FLUSH_PROCESS), 0);

	ck_assert_int_eq(change(&guest, 0, 5, 0, S, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(exposed(&guest, 0, 2 * unit), 0);
	ck_assert(!lx_reaches(lx_page(&guest, 0)));
	ck_assert(!lx_reaches(lx_page(&guest, unit - 1)));
	ck_assert(lx_reaches(lx_page(&guest, unit)));
	ck_assert_uint_eq(gms_backing_revoke(guest.backing), GMS_REVOKE_MPROTECT);

	ck_assert_int_eq(change(&guest, unit - 1, 1, S, 0, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(exposed(&guest, 0, 2 * unit), unit - 1);
	ck_assert(lx_reaches(lx_page(&guest, 0)));

	/* One call for all that a run completes. */
	calls = lx_event(guest.space, GMS_ACCT_SYS_MPROTECT);
	ck_assert_int_eq(change(&guest, 0, 2 * unit, 0, S, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_MPROTECT), calls + 1);
	ck_assert(!lx_reaches(lx_page(&guest, 3)) && !lx_reaches(lx_page(&guest, 2 * unit - 1)));
	ck_assert_int_eq(change(&guest, 0, 2 * unit, S, 0, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_MPROTECT), calls + 2);
	lx_guest_check(&guest, 17);
	lx_guest_free(&guest);
}
END_TEST

START_TEST(a_backing_that_does_not_revoke_says_what_is_exposed)	/* _i: kind */
{
	const uint64_t npages = lx_length((uint32_t)_i, 2 * LX_2M);
	struct lx_guest guest;

	lx_guest_new(&guest, (uint32_t)_i, GMS_REVOKE_NONE, npages, 9, S | D);
	ck_assert_int_eq(gms_backing_can(guest.backing, GMS_BACKING_CAN_REVOKE, NULL),
			 -EOPNOTSUPP);
	ck_assert_int_eq(change(&guest, 60, 70, 0, S, GMS_CONTENT_ANY), 0);
	ck_assert_int_eq(change(&guest, 64, 64, S, 0, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(exposed(&guest, 0, npages), 6);
	ck_assert_uint_eq(exposed(&guest, 60, 5), 4);
	ck_assert_uint_eq(exposed(&guest, 127, 2), 1);
	ck_assert_int_eq(change(&guest, 0, npages, 0, S, GMS_CONTENT_ANY), 0);
	ck_assert_uint_eq(exposed(&guest, 0, npages), npages);
	ck_assert(lx_reaches(lx_page(&guest, 60)));
	lx_guest_free(&guest);
}
END_TEST

struct worker {
	pthread_t thread;
	struct gms_space *space;
	gms_gfn first;
	uint64_t seed;
	int bad;
};

#define HALF	256u	/* pages: a huge page of 2M lies half in one GiB and half in the next */

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct fx_rand rand;

	fx_rand_init(&rand, worker->seed, worker->first);
	for (unsigned int i = 0; i < 2000; i++) {
		const uint64_t at = fx_rand_below(&rand, HALF);
		const uint64_t n = fx_rand_odds(&rand, 1, 4) ? HALF - at : 1;
		const struct gms_range range = LX_RANGE(worker->first + at, n);

		worker->bad |= fx_rand_odds(&rand, 1, 2)
			       ? gms_share(worker->space, range, NULL)
			       : gms_unshare(worker->space, range, NULL);
		if (fx_rand_odds(&rand, 1, 8))
			worker->bad |= gms_unshare(worker->space, LX_RANGE(worker->first, HALF),
						   NULL);
	}
	return NULL;
}

/* Conversions of different GiB meet in one huge page, and it is counted right. */
START_TEST(threads_meet_in_a_huge_page)
{
	struct gms_backing *backing = NULL;
	struct gms_backing_opts opts;
	struct gms_region_opts region;
	struct gms_space *space;
	struct worker worker[2];
	uint64_t n, private = 0;

	GMS_INIT(&opts);
	opts.kind = GMS_BACKING_HUGETLB_2M;
	opts.bytes = LX_HUGE_2M;
	ck_assert_int_eq(gms_backing_new(&backing, &opts), 0);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(backing, LX_1G - HALF, 0, S, &region), 0);
	ck_assert_int_eq(gms_space_new(&space, NULL), 0);
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	for (unsigned int i = 0; i < 2; i++) {
		worker[i] = (struct worker){
			.space = space, .first = LX_1G - HALF + i * HALF, .seed = fx_seed(),
		};
		ck_assert_int_eq(pthread_create(&worker[i].thread, NULL, work, &worker[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(worker[i].thread, NULL), 0);
		ck_assert_int_eq(worker[i].bad, 0);
	}
	ck_assert_int_eq(gms_count(space, LX_RANGE(LX_1G - HALF, 2 * HALF), S, 0, &private), 0);
	ck_assert_int_eq(gms_backing_exposed(backing, 0, 2 * HALF, &n), 0);
	ck_assert_uint_eq(n, private == 2 * HALF ? 0 : private);
	ck_assert_int_eq(lx_reaches(gms_backing_hva(backing)), private != 2 * HALF);
	ck_assert_int_eq(gms_unshare(space, LX_RANGE(LX_1G - HALF, 2 * HALF), NULL), 0);
	ck_assert(!lx_reaches(gms_backing_hva(backing)));
	gms_space_free(space);
	gms_backing_free(backing);
}
END_TEST

/* No holes, so zeros are written; nothing is freed, and nothing can be populated. */
START_TEST(memory_without_holes_is_zeroed)
{
	struct gms_convert_result result;
	const char *why = NULL;
	struct lx_guest guest;
	struct gms_change populate;

	lx_guest_new(&guest, GMS_BACKING_MEMFD_SECRET, GMS_REVOKE_BEST, LX_2M, 9, S | P | D);
	ck_assert_uint_eq(gms_state_at(guest.space, guest.first), S | P);	/* never pinned */
	memset(guest.hva, 0x5a, 64 * LX_PAGE);
	ck_assert_int_eq(change(&guest, 3, 10, 0, P, GMS_CONTENT_ANY), 0);
	ck_assert(lx_page_holds(lx_page(&guest, 2), 0x5a) && lx_page_holds(lx_page(&guest, 3), 0));
	ck_assert(lx_page_holds(lx_page(&guest, 12), 0) && lx_page_holds(lx_page(&guest, 13), 0x5a));
	ck_assert_uint_eq(info_of(&guest).undiscarded_bytes, 10 * LX_PAGE);
	ck_assert_uint_eq(charged_pages(&guest), 10);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_OTHER), 2);

	populate = (struct gms_change){ LX_RANGE(guest.first + 3, 2), P, 0 };
	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(guest.space, &populate, 1, NULL, &result), -EOPNOTSUPP);
	ck_assert_uint_eq(result.error_gfn, guest.first + 3);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_BACKEND);
	ck_assert_int_eq(gms_backing_can(guest.backing, GMS_BACKING_CAN_POPULATE, &why),
			 -EOPNOTSUPP);
	ck_assert_ptr_nonnull(why);

	/* Into the direct map it does not come either. */
	ck_assert_int_eq(change(&guest, 0, 1, D, 0, GMS_CONTENT_ANY), -EPERM);
	ck_assert_uint_eq(gms_state_at(guest.space, guest.first), S | P);
	lx_guest_free(&guest);
}
END_TEST

/* As a user who may lock a little more than the guest has. */
static int give_back_under_a_limit(void)
{
	const struct rlimit limit = { 7 << 20, 7 << 20 };
	struct lx_guest guest;
	bool good;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || (!geteuid() && setresuid(65534, 65534, 65534)))
		return 77;
	lx_guest_new(&guest, GMS_BACKING_MEMFD_SECRET, GMS_REVOKE_BEST, 2 * LX_2M, 9, S | P);
	memset(guest.hva, 0x5a, 2 * LX_2M * LX_PAGE);
	good = !change(&guest, 0, 2 * LX_2M, 0, P, GMS_CONTENT_ANY) &&
	       !lx_event(guest.space, GMS_ACCT_DISCARD_FAILURES) &&
	       charged_pages(&guest) == 2 * LX_2M;
	for (uint64_t n = 0; n < 2 * LX_2M; n++)
		good = good && lx_page_holds(lx_page(&guest, n), 0);
	lx_guest_free(&guest);
	return good ? 0 : 1;
}

/* memfd_secret is locked memory, and so is what it is zeroed through. */
START_TEST(locked_memory_is_zeroed_within_the_limit)
{
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child)
		_exit(give_back_under_a_limit());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("left out: this user may not set a limit\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* Both ways, for each content: kept, or zeros. */
START_TEST(content_is_as_asked)	/* _i: kind */
{
	const uint64_t npages = lx_length((uint32_t)_i, 2 * LX_2M);
	struct lx_guest guest;

	lx_guest_new(&guest, (uint32_t)_i, GMS_REVOKE_BEST, npages, 9, S | P | D);
	for (uint32_t content = GMS_CONTENT_PRESERVE; content <= GMS_CONTENT_ZERO; content++) {
		const unsigned char left = content == GMS_CONTENT_ZERO ? 0 : 0x5a;

		memset(guest.hva, 0x5a, 2 * LX_2M * LX_PAGE);
		ck_assert_int_eq(change(&guest, 10, 20, 0, S, content), 0);
		ck_assert_int_eq(change(&guest, 10, 20, S, 0, GMS_CONTENT_PRESERVE), 0);
		for (uint64_t n = 8; n < 32; n++)
			ck_assert(lx_page_holds(lx_page(&guest, n), n < 10 || n >= 30 ? 0x5a : left));

		memset(guest.hva, 0x5a, 2 * LX_2M * LX_PAGE);
		ck_assert_int_eq(change(&guest, 0, npages, 0, S, GMS_CONTENT_PRESERVE), 0);
		ck_assert_int_eq(change(&guest, 100, 20, S, 0, content), 0);
		ck_assert_int_eq(change(&guest, 0, npages, S, 0, GMS_CONTENT_PRESERVE), 0);
		for (uint64_t n = 98; n < 122; n++)
			ck_assert(lx_page_holds(lx_page(&guest, n),
						n < 100 || n >= 120 ? 0x5a : left));
	}
	lx_guest_free(&guest);
}
END_TEST

struct parked {
	unsigned int called;
	int err;
};

static void on_parked(void *ctx, gms_ticket ticket, int err,
		      const struct gms_convert_result *result)
{
	struct parked *parked = ctx;

	(void)ticket;
	(void)result;
	parked->called++;
	parked->err = err;
}

/*
 * A device reads into a fixed buffer. What is pinned is not discarded, so the
 * data is there; the discard waits, and is done when the pin goes. Without the
 * pin the data goes to a page that nobody has any more: the kernel minds nothing.
 */
START_TEST(no_data_goes_to_an_orphan_while_the_page_is_pinned)	/* _i: kind */
{
	const uint64_t unit = _i == GMS_BACKING_HUGETLB_2M ? LX_2M : 1;	/* what is freed */
	const uint64_t first = 2 * unit;
	const struct gms_range held = LX_RANGE(LX_1G + first, 1);
	const struct gms_change discard = { LX_RANGE(LX_1G + first, unit), 0, P };
	struct gms_convert_result result;
	struct parked parked = { 0 };
	struct lx_guest guest;
	struct lx_ring ring;
	const int disk = lx_disk_file(2);	/* page n holds n + 1 */
	gms_ticket ticket = 0;
	gms_pin_id pin;
	char *mem;

	ck_assert_int_eq(lx_ring_new(&ring), 0);
	lx_guest_new(&guest, (uint32_t)_i, GMS_REVOKE_BEST, 8 * LX_2M, 9, S | P | D);
	mem = lx_page(&guest, first);
	memset(mem, 0x5a, LX_PAGE);

	/* Refused, and parked, while it is pinned. */
	ck_assert_int_eq(gms_pin(guest.space, held, GMS_PIN_WRITE | GMS_PIN_LONGTERM, 1, &pin, NULL),
			 0);
	ck_assert_int_eq(lx_ring_hold(&ring, mem, LX_PAGE), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(guest.space, &discard, 1, NULL, &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, held.first);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
	ck_assert_int_eq(gms_convert_park(guest.space, &discard, 1, NULL, on_parked, &parked,
					  &ticket, NULL), 0);
	ck_assert_uint_ne(ticket, 0);
	ck_assert_int_eq(lx_ring_read(&ring, disk, LX_PAGE, mem, LX_PAGE), (long)LX_PAGE);
	ck_assert(lx_page_holds(mem, 2));
	ck_assert_uint_eq(parked.called, 0);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_FALLOCATE), 0);

	ck_assert_int_eq(lx_ring_let_go(&ring), 0);
	ck_assert_int_eq(gms_unpin(guest.space, pin), 0);
	ck_assert_uint_eq(parked.called, 1);
	ck_assert_int_eq(parked.err, 0);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_FALLOCATE), 1);
	ck_assert_uint_eq(gms_state_at(guest.space, held.first) & P, 0);
	ck_assert(lx_page_holds(mem, 0));

	/* And what the pin was for: nobody told the library of this buffer. */
	ck_assert_int_eq(change(&guest, first, unit, P, 0, GMS_CONTENT_ANY), 0);
	memset(mem, 0x5a, LX_PAGE);
	ck_assert_int_eq(lx_ring_hold(&ring, mem, LX_PAGE), 0);
	ck_assert_int_eq(change(&guest, first, unit, 0, P, GMS_CONTENT_ANY), 0);
	ck_assert_int_eq(lx_ring_read(&ring, disk, LX_PAGE, mem, LX_PAGE), (long)LX_PAGE);
	/* Of a THP the kernel zeroes a pinned page in place. */
	if (_i != GMS_BACKING_MEMFD_THP)
		ck_assert(lx_page_holds(mem, 0));
	ck_assert_int_eq(lx_ring_let_go(&ring), 0);
	lx_guest_free(&guest);
	lx_ring_free(&ring);
	close(disk);
}
END_TEST

static void on_alarm(int sig)
{
	(void)sig;
}

/* A timer that interrupts faster than the kernel clears pages delays it, and no more. */
START_TEST(signals_do_not_keep_memory_from_coming)	/* _i: kind */
{
	const struct itimerval often = { { 0, 50 }, { 0, 50 } }, off = { { 0, 0 }, { 0, 0 } };
	const struct sigaction act = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct lx_guest guest;
	int rc;

	lx_guest_new(&guest, (uint32_t)_i, GMS_REVOKE_BEST, 32 * LX_2M, 9, S | D);
	ck_assert_int_eq(sigaction(SIGALRM, &act, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	rc = change(&guest, 0, 32 * LX_2M, P, 0, GMS_CONTENT_ANY);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &off, NULL), 0);
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(info_of(&guest).allocated_bytes, 32 * LX_2M * LX_PAGE);
	lx_guest_free(&guest);
}
END_TEST

static void prepare(void)
{
	lx_settings_begin();
	(void)lx_settings_thp();
	(void)lx_settings_huge(LX_HUGE_2M, 32);
	(void)lx_settings_huge(LX_HUGE_1G, 2);
}

static void add_kind(uint32_t kind, TCase *memory, TCase *revoke, TCase *pinned)
{
	const int i = (int)kind, disk = lx_disk_file(1);

	close(disk);
	if (kind == GMS_BACKING_MEMFD || kind == GMS_BACKING_MEMFD_THP)
		tcase_add_loop_test(memory, memory_comes_and_goes_by_the_page, i, i + 1);
	if (kind <= GMS_BACKING_HUGETLB_2M)
		tcase_add_loop_test(memory, signals_do_not_keep_memory_from_coming, i, i + 1);
	if (kind == GMS_BACKING_HUGETLB_2M || kind == GMS_BACKING_HUGETLB_1G) {
		tcase_add_loop_test(memory, parts_of_huge_pages_are_zeroed_and_not_called_free,
				    i, i + 1);
		tcase_add_loop_test(revoke, huge_pages_are_revoked_whole, i, i + 1);
	}
	if (kind == GMS_BACKING_HUGETLB_2M)
		tcase_add_test(revoke, threads_meet_in_a_huge_page);
	if (kind == GMS_BACKING_MEMFD_SECRET) {
		tcase_add_test(memory, memory_without_holes_is_zeroed);
		tcase_add_test(memory, locked_memory_is_zeroed_within_the_limit);
	}
	tcase_add_loop_test(memory, content_is_as_asked, i, i + 1);
	if (kind != GMS_BACKING_HUGETLB_1G)
		tcase_add_loop_test(revoke, a_backing_that_does_not_revoke_says_what_is_exposed,
				    i, i + 1);
	if (disk >= 0 && gms_host_has(lx_host(), GMS_HOST_IO_URING) &&
	    kind != GMS_BACKING_MEMFD_SECRET && kind != GMS_BACKING_HUGETLB_1G)
		tcase_add_loop_test(pinned, no_data_goes_to_an_orphan_while_the_page_is_pinned,
				    i, i + 1);
}

int main(void)
{
	Suite *suite = suite_create("discard");
	TCase *memory = lx_case(suite, "memory"), *revoke = lx_case(suite, "revoke");
	TCase *pinned = lx_case(suite, "pinned");

	prepare();
	if (lx_host()->page_bytes != LX_PAGE) {
		printf("skipped: the pages of this host are not 4096 bytes\n");
		return 77;
	}
	for (uint32_t kind = 0; kind <= GMS_BACKING_GUEST_MEMFD; kind++) {
		if (lx_missing(kind))
			lx_leave_out(gms_backing_kind_name(kind), lx_missing(kind));
		else
			add_kind(kind, memory, revoke, pinned);
	}
	return lx_run(suite);
}

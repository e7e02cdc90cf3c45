/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of linux/uffd.h: the calls that put pages in place, and what the map says. */
#define _GNU_SOURCE
#include "paging.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#define NPAGES	512u

#define LOOKED_AT (GMS_STATE_MISSING | GMS_STATE_POPULATED | GMS_STATE_WRITE_PROTECT | \
		   GMS_STATE_DIRTY | GMS_STATE_POISON | GMS_STATE_HOST_MAPPED)

static char contents[NPAGES * GMS_PAGE_SIZE];
static struct lx_paging paging;

static void all_modes(void)
{
	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE,
		      GMS_UFFD_MISSING | GMS_UFFD_MINOR | GMS_UFFD_WP);
	lx_paging_contents(contents, 0, NPAGES);
}

static void missing_only(void)
{
	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	lx_paging_contents(contents, 0, NPAGES);
}

static void end(void)
{
	char why[256] = "";

	ck_assert_msg(!gms_check(paging.guest.space, why, sizeof(why)), "%s", why);
	lx_paging_free(&paging);
}

static struct gms_range pages(uint64_t first, uint64_t npages)
{
	return LX_RANGE(paging.guest.first + first, npages);
}

static const char *source(uint64_t page)
{
	return contents + page * LX_PAGE;
}

static gms_state state(uint64_t page)
{
	return gms_state_at(paging.guest.space, paging.guest.first + page) & LOOKED_AT;
}

static bool range_is(uint64_t first, uint64_t npages, gms_state wanted)
{
	for (uint64_t n = first; n < first + npages; n++)
		if (state(n) != wanted)
			return false;
	return true;
}

/* Through the file, which asks nobody. */
static bool file_holds(uint64_t page, unsigned char byte)
{
	char copy[GMS_PAGE_SIZE];

	return pread(gms_backing_fd(paging.guest.backing), copy, LX_PAGE,
		     (off_t)(page * LX_PAGE)) == (ssize_t)LX_PAGE && lx_page_holds(copy, byte);
}

START_TEST(serving_refuses_what_it_does_not_know)
{
	LX_LONGER(struct gms_uffd_result) longer;
	const gms_gfn first = paging.guest.first;

	ck_assert_int_eq(gms_uffd_copy(NULL, pages(0, 1), contents, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 1), NULL, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 0), contents, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, LX_RANGE(UINT64_MAX, 2), contents, 0, NULL),
			 -EINVAL);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, pages(0, 1), NULL, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_uffd_zero(paging.uffd, pages(0, 0), NULL), -EINVAL);
	ck_assert_int_eq(gms_uffd_poison(paging.uffd, pages(0, 0), NULL), -EINVAL);
	ck_assert_int_eq(gms_uffd_wake(paging.uffd, pages(0, 0)), -EINVAL);
	ck_assert_int_eq(gms_uffd_wake(paging.uffd, pages(NPAGES, 1)), -ENOENT);
	ck_assert_int_eq(gms_uffd_arm(paging.uffd, pages(0, 0), 0, NULL), -EINVAL);
	for (int bit = 1; bit < 32; bit++) {
		const uint32_t flag = UINT32_C(1) << bit;

		ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 1), contents, flag, NULL),
				 -EINVAL);
		ck_assert_int_eq(gms_uffd_continue(paging.uffd, pages(0, 1), flag, NULL), -EINVAL);
	}
	ck_assert_int_eq(gms_uffd_protect(paging.uffd, pages(0, 1), GMS_UFFD_SET_DIRTY, NULL),
			 -EINVAL);
	ck_assert_int_eq(gms_uffd_unprotect(paging.uffd, pages(0, 1), GMS_UFFD_CLEAR_DIRTY, NULL),
			 -EINVAL);
	GMS_INIT(&longer);
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_uffd_zero(paging.uffd, pages(0, 1), &longer.known), -E2BIG);
	ck_assert_int_eq(gms_uffd_protect(paging.uffd, pages(0, 1), 0, &longer.known), -E2BIG);

	/* A page outside: nothing is done, also of those inside. */
	ck_assert_int_eq(gms_uffd_zero(paging.uffd, LX_RANGE(first + NPAGES - 2, 3), NULL),
			 -ENOENT);
	ck_assert(range_is(0, NPAGES, GMS_STATE_MISSING));
}
END_TEST

START_TEST(copy_goes_round_what_is_there)
{
	struct gms_uffd_result did;

	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_zero(paging.uffd, pages(5, 2), &did), 0);
	ck_assert_uint_eq(did.done_pages, 2);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(9, 1), source(9), 0, &did), 0);

	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 16), source(0), 0, &did), 0);
	ck_assert_uint_eq(did.done_pages, 13);
	ck_assert_uint_eq(did.present_pages, 3);
	ck_assert_uint_eq(did.next, paging.guest.first + 16);
	ck_assert(range_is(0, 16, GMS_STATE_POPULATED));
	ck_assert(range_is(16, NPAGES - 16, GMS_STATE_MISSING));
	for (uint64_t n = 0; n < 16; n++)
		ck_assert(file_holds(n, n == 5 || n == 6 ? 0 : lx_paging_byte(n)));
}
END_TEST

START_TEST(copy_from_nowhere_says_how_far_it_came)
{
	struct gms_uffd_result did;
	char *src = mmap(NULL, 4 * LX_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	ck_assert_ptr_ne(src, MAP_FAILED);
	lx_paging_contents(src, 0, 4);
	ck_assert_int_eq(munmap(src + 2 * LX_PAGE, 2 * LX_PAGE), 0);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 4), src, 0, &did), -EFAULT);
	ck_assert_uint_eq(did.next, paging.guest.first + 2);
	ck_assert_uint_eq(did.done_pages, 2);
	ck_assert(range_is(0, 2, GMS_STATE_POPULATED));
	ck_assert(range_is(2, 2, GMS_STATE_MISSING));

	/* Going on from there finishes it. */
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(2, 2), source(2), 0, &did), 0);
	ck_assert(range_is(0, 4, GMS_STATE_POPULATED));
	munmap(src, 2 * LX_PAGE);
}
END_TEST

START_TEST(continue_maps_what_the_file_has)
{
	const int fd = gms_backing_fd(paging.guest.backing);
	struct gms_uffd_result did;
	bool right = true;

	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_continue(paging.uffd, pages(0, 1), 0, &did), -EFAULT);
	ck_assert_uint_eq(did.next, paging.guest.first);
	ck_assert(range_is(0, NPAGES, GMS_STATE_MISSING));

	/* All 2 MiB eagerly, in one ioctl and one wake. */
	ck_assert_int_eq(pwrite(fd, contents, sizeof(contents), 0), (ssize_t)sizeof(contents));
	ck_assert_int_eq(gms_uffd_continue(paging.uffd, pages(0, NPAGES), 0, &did), 0);
	ck_assert_uint_eq(did.done_pages, NPAGES);
	ck_assert_uint_eq(did.calls, 2);
	ck_assert(range_is(0, NPAGES, GMS_STATE_POPULATED));
	for (uint64_t n = 0; n < NPAGES; n++)
		right = right && lx_page_holds(lx_page(&paging.guest, n), lx_paging_byte(n));
	ck_assert(right);
	ck_assert_int_eq(gms_uffd_continue(paging.uffd, pages(7, 2), 0, &did), 0);
	ck_assert_uint_eq(did.present_pages, 2);
	ck_assert_int_eq(gms_uffd_pump(paging.uffd, 0, NULL), -EAGAIN);
}
END_TEST

START_TEST(continue_stops_where_the_file_ends)
{
	const int fd = gms_backing_fd(paging.guest.backing);
	struct gms_uffd_result did;

	ck_assert_int_eq(pwrite(fd, contents, 3 * LX_PAGE, 0), (ssize_t)(3 * LX_PAGE));
	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_continue(paging.uffd, pages(0, 8), 0, &did), -EFAULT);
	ck_assert_uint_eq(did.next, paging.guest.first + 3);
	ck_assert_uint_eq(did.done_pages, 3);
	ck_assert(range_is(0, 3, GMS_STATE_POPULATED));
	ck_assert(range_is(3, 5, GMS_STATE_MISSING));
}
END_TEST

START_TEST(fill_with_minor_never_writes_over_the_guest)
{
	struct gms_uffd_result did;
	char *page = lx_page(&paging.guest, 4);

	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, pages(4, 1), source(4), 0, &did), 0);
	ck_assert_uint_eq(did.done_pages, 1);
	page[17] = 'g';			/* the guest writes, and an answer comes once more */
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, pages(2, 8), source(2), 0, &did), 0);
	ck_assert_uint_eq(did.done_pages, 7);
	ck_assert_uint_eq(did.present_pages, 1);
	ck_assert_int_eq(page[17], 'g');
	ck_assert(range_is(2, 8, GMS_STATE_POPULATED));
	for (uint64_t n = 2; n < 10; n++)
		ck_assert(n == 4 || lx_page_holds(lx_page(&paging.guest, n), lx_paging_byte(n)));
}
END_TEST

START_TEST(write_protection_traps_one_write_and_tells_dirty)
{
	struct lx_toucher toucher;
	struct gms_fault fault;

	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 8), source(0), 0, NULL), 0);
	ck_assert_int_eq(gms_uffd_protect(paging.uffd, pages(0, 8), GMS_UFFD_CLEAR_DIRTY, NULL), 0);
	ck_assert(range_is(0, 8, GMS_STATE_POPULATED | GMS_STATE_WRITE_PROTECT));
	ck_assert(lx_page_holds(lx_page(&paging.guest, 2), lx_paging_byte(2)));

	lx_touch_begin(&toucher, lx_page(&paging.guest, 2), true);
	lx_paging_await(&paging, 1);
	fault = lx_paging_fault(&paging);
	ck_assert_uint_eq(fault.gfn, paging.guest.first + 2);
	ck_assert_uint_eq(fault.reason, GMS_REASON_WRITE_PROTECT);
	ck_assert_uint_eq(fault.flags, GMS_ACCESS_WRITE);
	ck_assert_int_eq(gms_uffd_unprotect(paging.uffd, pages(2, 1), GMS_UFFD_SET_DIRTY, NULL), 0);
	ck_assert_uint_eq(lx_touch_end(&toucher), lx_paging_byte(2));
	ck_assert_uint_eq((unsigned char)*lx_page(&paging.guest, 2), lx_paging_byte(2) ^ 0xff);
	ck_assert_uint_eq(state(2), GMS_STATE_POPULATED | GMS_STATE_DIRTY);
	ck_assert_uint_eq(state(1), GMS_STATE_POPULATED | GMS_STATE_WRITE_PROTECT);

	/* The fault is over: nobody else is given it. */
	ck_assert_int_eq(gms_fault_raise(paging.guest.space, paging.guest.first + 2,
					 GMS_ACCESS_WRITE, 0), -EALREADY);
	ck_assert_int_eq(gms_uffd_remove(paging.uffd, paging.all), -EBUSY);
}
END_TEST

START_TEST(protection_that_only_the_kernel_knows_is_lifted)
{
	const struct gms_change clear = { .range = pages(0, 1), .clear = GMS_STATE_WRITE_PROTECT };
	struct lx_toucher toucher;

	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 1), source(0), 0, NULL), 0);
	ck_assert_int_eq(gms_uffd_protect(paging.uffd, pages(0, 1), 0, NULL), 0);
	ck_assert_int_eq(gms_convert(paging.guest.space, &clear, 1, NULL, NULL), 0);
	lx_touch_begin(&toucher, lx_page(&paging.guest, 0), true);
	ck_assert_int_eq(gms_uffd_pump(paging.uffd, GMS_FOREVER, NULL), 0);
	ck_assert_uint_eq(lx_touch_end(&toucher), lx_paging_byte(0));
}
END_TEST

START_TEST(pages_can_come_protected)
{
	struct lx_toucher toucher;
	struct gms_fault fault;

	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 2), source(0), GMS_UFFD_PROTECTED,
				       NULL), 0);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, pages(2, 2), source(2), GMS_UFFD_PROTECTED,
				       NULL), 0);
	ck_assert(range_is(0, 4, GMS_STATE_POPULATED | GMS_STATE_WRITE_PROTECT));
	for (uint64_t n = 1; n < 4; n += 2) {
		lx_touch_begin(&toucher, lx_page(&paging.guest, n), true);
		lx_paging_await(&paging, 1);
		fault = lx_paging_fault(&paging);
		ck_assert_uint_eq(fault.reason, GMS_REASON_WRITE_PROTECT);
		ck_assert_int_eq(gms_uffd_unprotect(paging.uffd, fault.range, 0, NULL), 0);
		ck_assert_uint_eq(lx_touch_end(&toucher), lx_paging_byte(n));
	}
}
END_TEST

static sigjmp_buf escape;
static volatile int bus_code;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	bus_code = info->si_code;
	siglongjmp(escape, 1);
}

START_TEST(poison_is_a_bus_error_and_known_to_the_map)
{
	struct sigaction act = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO }, old;
	struct gms_access access;
	struct gms_uffd_result did;
	volatile bool died = false;
	int rc;

	GMS_INIT(&did);
	rc = gms_uffd_poison(paging.uffd, pages(3, 2), &did);
	if (rc == -EOPNOTSUPP) {
		lx_leave_out("UFFDIO_POISON", "this kernel has none");
		return;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(did.done_pages, 2);
	ck_assert(range_is(3, 2, GMS_STATE_POISON));
	ck_assert_int_eq(gms_access_begin(paging.guest.space, pages(3, 1), 0, 0, &access),
			 -EHWPOISON);
	ck_assert_int_eq(sigaction(SIGBUS, &act, &old), 0);
	if (sigsetjmp(escape, 1))
		died = true;
	else
		(void)*(volatile char *)lx_page(&paging.guest, 3);
	ck_assert_int_eq(sigaction(SIGBUS, &old, NULL), 0);
	ck_assert(died);

	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(6, 1), source(6), 0, NULL), 0);
	ck_assert_int_eq(gms_uffd_poison(paging.uffd, pages(5, 3), &did), -EEXIST);
	ck_assert_uint_eq(did.next, paging.guest.first + 6);
	ck_assert_uint_eq(state(5), GMS_STATE_POISON);
	ck_assert_uint_eq(state(6), GMS_STATE_POPULATED);
	ck_assert_uint_eq(state(7), GMS_STATE_MISSING);
}
END_TEST

START_TEST(arm_makes_missing_again_and_the_contents_new)
{
	struct lx_toucher toucher;
	struct gms_fault fault;

	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 8), source(0), 0, NULL), 0);
	ck_assert_int_eq(gms_uffd_arm(paging.uffd, pages(2, 3), 0, NULL), 0);
	ck_assert(range_is(2, 3, GMS_STATE_MISSING));
	ck_assert(range_is(5, 3, GMS_STATE_POPULATED));
	ck_assert(file_holds(2, 0) && file_holds(5, lx_paging_byte(5)));

	lx_touch_begin(&toucher, lx_page(&paging.guest, 3), false);
	lx_paging_await(&paging, 1);
	fault = lx_paging_fault(&paging);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, fault.range, source(40), 0, NULL), 0);
	ck_assert_uint_eq(lx_touch_end(&toucher), lx_paging_byte(40));
}
END_TEST

/*
 * The kernel replaces a guard marker by what UFFDIO_COPY, ZEROPAGE or CONTINUE bring
 * (seen with 6.18). Pages that are private therefore never go that way.
 */
START_TEST(private_pages_stay_out_of_reach)
{
	struct gms_uffd_result did;
	void *at;

	if (!gms_host_has(lx_host(), GMS_HOST_GUARD)) {
		lx_leave_out("private pages under userfaultfd", "no guard markers");
		return;
	}
	ck_assert_int_eq(gms_unshare(paging.guest.space, pages(2, 4), NULL), 0);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, pages(0, 8), source(0), 0, &did), 0);
	ck_assert_uint_eq(did.done_pages, 8);
	ck_assert_uint_eq(did.file_pages, 4);
	ck_assert(range_is(0, 8, GMS_STATE_POPULATED));
	for (uint64_t n = 0; n < 8; n++) {
		const bool private = n >= 2 && n < 6;

		ck_assert_int_eq(lx_touch_faults(lx_page(&paging.guest, n), &at), private);
		ck_assert(file_holds(n, lx_paging_byte(n)));
	}
	/* Shared again, what was filled is there. */
	ck_assert_int_eq(gms_share(paging.guest.space, pages(2, 4), NULL), 0);
	for (uint64_t n = 2; n < 6; n++) {
		struct lx_toucher toucher;

		lx_touch_begin(&toucher, lx_page(&paging.guest, n), false);
		while (!toucher.done) {
			const int rc = gms_uffd_pump(paging.uffd, 1000000, NULL);

			ck_assert(!rc || rc == -ETIMEDOUT);
		}
		ck_assert_uint_eq(lx_touch_end(&toucher), lx_paging_byte(n));
	}
}
END_TEST

START_TEST(host_mapped_is_kept_where_asked_for)
{
	struct gms_uffd_opts opts;

	gms_uffd_free(paging.uffd);
	GMS_INIT(&opts);
	opts.space = paging.guest.space;
	opts.modes = GMS_UFFD_MISSING;
	opts.flags = GMS_UFFD_TRACK_MAPPED;
	ck_assert_int_eq(gms_uffd_new(&paging.uffd, &opts), 0);
	ck_assert_int_eq(gms_uffd_add(paging.uffd, paging.all, GMS_UFFD_MISSING), 0);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, pages(0, 4), source(0), 0, NULL), 0);
	ck_assert(range_is(0, 4, GMS_STATE_POPULATED | GMS_STATE_HOST_MAPPED));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uffd_serve");
	TCase *all = lx_case(suite, "all"), *missing = lx_case(suite, "missing");

	if (!gms_host_has(lx_host(), GMS_HOST_UFFD)) {
		printf("skipped: this host has no userfaultfd\n");
		return 77;
	}
	tcase_add_checked_fixture(all, all_modes, end);
	tcase_add_test(all, serving_refuses_what_it_does_not_know);
	tcase_add_test(all, copy_goes_round_what_is_there);
	tcase_add_test(all, copy_from_nowhere_says_how_far_it_came);
	tcase_add_test(all, continue_maps_what_the_file_has);
	tcase_add_test(all, continue_stops_where_the_file_ends);
	tcase_add_test(all, fill_with_minor_never_writes_over_the_guest);
	tcase_add_test(all, write_protection_traps_one_write_and_tells_dirty);
	tcase_add_test(all, protection_that_only_the_kernel_knows_is_lifted);
	tcase_add_test(all, pages_can_come_protected);
	tcase_add_test(all, poison_is_a_bus_error_and_known_to_the_map);
	tcase_add_test(all, private_pages_stay_out_of_reach);
	tcase_add_checked_fixture(missing, missing_only, end);
	tcase_add_test(missing, copy_goes_round_what_is_there);
	tcase_add_test(missing, arm_makes_missing_again_and_the_contents_new);
	tcase_add_test(missing, private_pages_stay_out_of_reach);
	tcase_add_test(missing, host_mapped_is_kept_where_asked_for);
	return lx_run(suite);
}

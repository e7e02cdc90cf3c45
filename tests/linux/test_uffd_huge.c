/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of linux/uffd.h on huge pages: hugetlb of 2 MiB, and memfd that may have them. */
#define _GNU_SOURCE
#include "paging.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "settings.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define BLOCKS	3u
#define NPAGES	(BLOCKS * LX_2M)

static const char *no_pool;	/* why there are no pages of 2 MiB */
static char *contents;

static bool holds(struct lx_paging *paging, uint64_t from, uint64_t npages)
{
	bool right = true;

	for (uint64_t n = from; n < from + npages; n++)
		right = right && lx_page_holds(lx_page(&paging->guest, n), lx_paging_byte(n));
	return right;
}

static uint64_t missing(struct lx_paging *paging)
{
	uint64_t n = 0;

	ck_assert_int_eq(gms_count(paging->guest.space, paging->all, GMS_STATE_MISSING,
				   GMS_STATE_MISSING, &n), 0);
	return n;
}

static bool left_out(void)
{
	if (no_pool)
		lx_leave_out("hugetlb of 2 MiB under userfaultfd", no_pool);
	return no_pool != NULL;
}

/* _i: modes besides MISSING */
START_TEST(a_touch_brings_the_whole_huge_page)
{
	struct lx_toucher toucher[2];
	struct gms_uffd_result did;
	struct gms_range block;
	struct lx_paging paging;
	struct gms_fault fault;

	if (left_out())
		return;
	lx_paging_new(&paging, GMS_BACKING_HUGETLB_2M, NPAGES, LX_MISSING_STATE,
		      GMS_UFFD_MISSING | (uint32_t)_i);
	ck_assert_int_eq(gms_uffd_block(paging.uffd, paging.guest.first + LX_2M + 7, &block), 0);
	ck_assert_uint_eq(block.first, paging.guest.first + LX_2M);
	ck_assert_uint_eq(block.npages, LX_2M);

	/* Two pages of one huge page are one fault. */
	lx_touch_begin(&toucher[0], lx_page(&paging.guest, LX_2M + 7), false);
	lx_touch_begin(&toucher[1], lx_page(&paging.guest, LX_2M + 400), false);
	lx_paging_await(&paging, 2);
	fault = lx_paging_fault(&paging);
	ck_assert_uint_eq(fault.gfn, block.first);
	ck_assert_uint_eq(fault.waiters, 2);

	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, LX_RANGE(block.first, 1), contents, 0, &did),
			 -EINVAL);
	ck_assert_uint_eq(missing(&paging), NPAGES);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, block, contents + LX_2M * LX_PAGE, 0, &did), 0);
	ck_assert_uint_eq(did.done_pages, LX_2M);
	ck_assert_uint_eq(lx_touch_end(&toucher[0]), lx_paging_byte(LX_2M + 7));
	ck_assert_uint_eq(lx_touch_end(&toucher[1]), lx_paging_byte(LX_2M + 400));
	ck_assert(holds(&paging, LX_2M, LX_2M));
	ck_assert_uint_eq(missing(&paging), NPAGES - LX_2M);
	lx_paging_free(&paging);
}
END_TEST

START_TEST(all_huge_pages_in_one_call_go_round_what_is_there)
{
	struct gms_uffd_result did;
	struct lx_paging paging;

	if (left_out())
		return;
	lx_paging_new(&paging, GMS_BACKING_HUGETLB_2M, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_zero(paging.uffd, LX_RANGE(paging.guest.first + LX_2M, LX_2M),
				       &did), 0);
	ck_assert_uint_eq(did.done_pages, LX_2M);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, paging.all, contents, 0, &did), 0);
	ck_assert_uint_eq(did.done_pages, NPAGES - LX_2M);
	ck_assert_uint_eq(did.present_pages, LX_2M);
	ck_assert(holds(&paging, 0, LX_2M));
	ck_assert(lx_page_holds(lx_page(&paging.guest, LX_2M + 5), 0));
	ck_assert(holds(&paging, 2 * LX_2M, LX_2M));
	lx_paging_free(&paging);
}
END_TEST

/* What khugepaged does: by another mapping, so that this one has to fault again. */
static void collapse(struct lx_paging *paging)
{
	void *other = mmap(NULL, (BLOCKS + 1) * LX_2M * LX_PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED, gms_backing_fd(paging->guest.backing), 0);

	ck_assert_ptr_ne(other, MAP_FAILED);
	if (madvise(other, NPAGES * LX_PAGE, MADV_COLLAPSE))
		printf("not collapsed: %s\n", strerror(errno));
	ck_assert_int_eq(munmap(other, (BLOCKS + 1) * LX_2M * LX_PAGE), 0);
}

START_TEST(memfd_that_may_have_huge_pages_is_served_in_small_ones)
{
	struct gms_uffd_result did;
	struct gms_range block;
	struct lx_paging paging;

	if (lx_settings_thp())
		lx_leave_out("memfd with huge pages", "the setting cannot be changed");
	lx_paging_new(&paging, GMS_BACKING_MEMFD_THP, NPAGES, LX_MISSING_STATE,
		      GMS_UFFD_MISSING | GMS_UFFD_MINOR);
	ck_assert_int_eq(gms_uffd_block(paging.uffd, paging.guest.first + 5, &block), 0);
	ck_assert_uint_eq(block.npages, 1);
	/* khugepaged may make huge pages of them at any time, which are not mapped at first. */
	lx_paging_begin(&paging);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, paging.all, contents, 0, &did), 0);
	ck_assert_uint_eq(did.done_pages, NPAGES);
	collapse(&paging);
	ck_assert(holds(&paging, 0, NPAGES));
	ck_assert_uint_eq(missing(&paging), 0);
	lx_paging_end(&paging);
	lx_paging_free(&paging);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uffd_huge");
	TCase *tcase = lx_case(suite, "huge");

	lx_settings_begin();
	if (!gms_host_has(lx_host(), GMS_HOST_UFFD)) {
		printf("skipped: this host has no userfaultfd\n");
		return 77;
	}
	if (lx_settings_huge(LX_HUGE_2M, BLOCKS + 1))
		no_pool = "no pool of such pages can be had";
	contents = mmap(NULL, NPAGES * LX_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (contents == MAP_FAILED)
		return 99;
	lx_paging_contents(contents, 0, NPAGES);
	tcase_add_loop_test(tcase, a_touch_brings_the_whole_huge_page, 0, 1);
	tcase_add_loop_test(tcase, a_touch_brings_the_whole_huge_page, GMS_UFFD_MINOR,
			    GMS_UFFD_MINOR + 1);
	tcase_add_test(tcase, all_huge_pages_in_one_call_go_round_what_is_there);
	tcase_add_test(tcase, memfd_that_may_have_huge_pages_is_served_in_small_ones);
	return lx_run(suite);
}

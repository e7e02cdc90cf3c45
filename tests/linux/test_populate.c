/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of linux/populate.h: first contents, by every way, on every kind of memory. */
#define _GNU_SOURCE
#include "support.h"

#include <sys/stat.h>

#define NPAGES	1536u	/* 6 MiB: more than a chunk of writing, and not whole ones */

static char contents[NPAGES * GMS_PAGE_SIZE];

static unsigned char byte_of(uint64_t page)
{
	return (unsigned char)(page % 250 + 1);
}

static void fill_contents(void)
{
	for (uint64_t n = 0; n < NPAGES; n++)
		memset(contents + n * LX_PAGE, byte_of(n), LX_PAGE);
}

/* Pages [from, to) of the guest hold what they should. */
static bool holds(const struct lx_guest *guest, uint64_t from, uint64_t to)
{
	bool right = true;

	for (uint64_t n = from; n < to; n++)
		right = right && lx_page_holds(lx_page(guest, n), byte_of(n));
	return right;
}

static void take(struct gms_populate_opts *opts, uint32_t way)
{
	GMS_INIT(opts);
	opts->way = way;
}

START_TEST(write_refuses_what_it_does_not_know)
{
	LX_LONGER(struct gms_populate_opts) longer;
	LX_LONGER(struct gms_populate_result) result;
	struct gms_populate_opts opts;
	struct lx_guest guest;
	struct gms_range all;

	lx_guest_new(&guest, GMS_BACKING_MEMFD, GMS_REVOKE_BEST, NPAGES, 0, GMS_STATE_SHARED);
	all = LX_RANGE(guest.first, NPAGES);
	ck_assert_int_eq(gms_populate_write(NULL, all, contents, NULL, NULL), -EINVAL);
	ck_assert_int_eq(gms_populate_write(guest.space, all, NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(guest.first, 0), contents, NULL,
					    NULL), -EINVAL);
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(UINT64_MAX, 2), contents, NULL,
					    NULL), -EINVAL);
	take(&opts, GMS_POPULATE_ADVISE_MEMCPY + 1);
	ck_assert_int_eq(gms_populate_write(guest.space, all, contents, &opts, NULL), -EINVAL);
	take(&opts, GMS_POPULATE_BEST);
	opts.order = 19;
	ck_assert_int_eq(gms_populate_write(guest.space, all, contents, &opts, NULL), -EINVAL);
	GMS_INIT(&longer);
	longer.tail[1] = 1;
	ck_assert_int_eq(gms_populate_write(guest.space, all, contents, &longer.known, NULL),
			 -E2BIG);
	GMS_INIT(&result);
	result.tail[1] = 1;
	ck_assert_int_eq(gms_populate_write(guest.space, all, contents, NULL, &result.known),
			 -E2BIG);
	ck_assert_ptr_null(gms_populate_name(4));
	for (uint32_t way = 0; way < 4; way++)
		ck_assert_ptr_nonnull(gms_populate_name(way));
	lx_guest_free(&guest);
}
END_TEST

/* _i: enum gms_populate_way */
START_TEST(write_by_each_way_is_in_the_file_and_in_the_map)
{
	struct gms_populate_result did;
	struct gms_populate_opts opts;
	struct lx_guest guest;
	uint64_t populated = 0;

	lx_guest_new(&guest, GMS_BACKING_MEMFD, GMS_REVOKE_BEST, NPAGES, 0, GMS_STATE_SHARED);
	take(&opts, (uint32_t)_i);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(guest.first + 1, NPAGES - 1),
					    contents + LX_PAGE, &opts, &did), 0);
	ck_assert_uint_eq(did.next, guest.first + NPAGES);
	ck_assert_uint_eq(did.way, _i ? (uint32_t)_i : (uint32_t)GMS_POPULATE_PWRITE);
	ck_assert_uint_ge(did.calls, 2);
	ck_assert_int_eq(gms_count(guest.space, LX_RANGE(guest.first, NPAGES), GMS_STATE_POPULATED,
				   GMS_STATE_POPULATED, &populated), 0);
	ck_assert_uint_eq(populated, NPAGES - 1);
	ck_assert(lx_page_holds(lx_page(&guest, 0), 0));
	ck_assert(holds(&guest, 1, NPAGES));
	lx_guest_free(&guest);
}
END_TEST

START_TEST(write_over_contents_is_refused_and_changes_nothing)
{
	struct gms_populate_result did;
	struct lx_guest guest;
	gms_gfn first;

	lx_guest_new(&guest, GMS_BACKING_MEMFD, GMS_REVOKE_BEST, NPAGES, 0, GMS_STATE_SHARED);
	first = guest.first;
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(first + 100, 1), contents, NULL,
					    NULL), 0);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(first, NPAGES), contents, NULL,
					    &did), -EEXIST);
	ck_assert_uint_eq(did.error_gfn, first + 100);
	ck_assert_uint_eq(did.next, first);
	ck_assert(lx_page_holds(lx_page(&guest, 100), byte_of(0)));
	ck_assert(lx_page_holds(lx_page(&guest, 99), 0));
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(first + NPAGES - 1, 2), contents,
					    NULL, &did), -ENOENT);
	ck_assert_uint_eq(did.error_gfn, first + NPAGES);
	lx_guest_free(&guest);
}
END_TEST

START_TEST(write_reaches_private_and_missing_pages)
{
	struct lx_guest guest;
	void *at;

	lx_guest_new(&guest, GMS_BACKING_MEMFD, GMS_REVOKE_BEST, NPAGES, 0, GMS_STATE_MISSING);
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(guest.first, NPAGES), contents,
					    NULL, NULL), 0);
	ck_assert_uint_eq(gms_state_at(guest.space, guest.first + 9), GMS_STATE_POPULATED);
	ck_assert(lx_touch_faults(lx_page(&guest, 9), &at));	/* still private */
	ck_assert_int_eq(gms_share(guest.space, LX_RANGE(guest.first, NPAGES), NULL), 0);
	ck_assert(lx_page_holds(lx_page(&guest, 9), byte_of(9)));
	lx_guest_free(&guest);
}
END_TEST

START_TEST(write_without_write_falls_back_to_memcpy)
{
	struct gms_populate_result did;
	struct gms_populate_opts opts;
	struct lx_guest guest;

	if (!gms_host_has(lx_host(), GMS_HOST_GMEM_INIT_SHARED)) {
		lx_leave_out("guest_memfd", "not on this host");
		return;
	}
	lx_guest_new(&guest, GMS_BACKING_GUEST_MEMFD, GMS_REVOKE_BEST, NPAGES, 0, GMS_STATE_SHARED);
	GMS_INIT(&did);
	take(&opts, GMS_POPULATE_PWRITE);
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(guest.first, NPAGES), contents,
					    &opts, &did), -EOPNOTSUPP);
	ck_assert_uint_eq(did.next, guest.first);
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(guest.first, NPAGES), contents,
					    NULL, &did), 0);
	ck_assert_uint_eq(did.way, GMS_POPULATE_ADVISE_MEMCPY);
	ck_assert(holds(&guest, 0, NPAGES));
	lx_guest_free(&guest);
}
END_TEST

START_TEST(write_of_huge_pages_is_a_memcpy)
{
	struct gms_populate_result did;
	struct lx_guest guest;

	lx_guest_new(&guest, GMS_BACKING_MEMFD, GMS_REVOKE_BEST, NPAGES, GMS_ORDER_2M,
		     GMS_STATE_SHARED);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_populate_write(guest.space, LX_RANGE(guest.first + 3, NPAGES - 7),
					    contents + 3 * LX_PAGE, NULL, &did), 0);
	ck_assert_uint_eq(did.way, GMS_POPULATE_MEMCPY);
	ck_assert(holds(&guest, 3, NPAGES - 4));
	ck_assert(lx_page_holds(lx_page(&guest, 2), 0));
	ck_assert(lx_page_holds(lx_page(&guest, NPAGES - 4), 0));
	lx_guest_free(&guest);
}
END_TEST

START_TEST(write_to_what_is_no_descriptor_is_refused)
{
	struct gms_region_opts region;
	struct gms_space *space = NULL;

	ck_assert_int_eq(gms_space_new(&space, NULL), 0);
	GMS_INIT(&region);
	region.first = LX_1G;
	region.npages = 8;
	region.backing_id = UINT64_MAX;
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	ck_assert_int_eq(gms_populate_write(space, LX_RANGE(LX_1G, 8), contents, NULL, NULL),
			 -EBADF);
	gms_space_free(space);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("populate");
	TCase *write = lx_case(suite, "write");

	fill_contents();
	tcase_add_test(write, write_refuses_what_it_does_not_know);
	tcase_add_loop_test(write, write_by_each_way_is_in_the_file_and_in_the_map, 0, 4);
	tcase_add_test(write, write_over_contents_is_refused_and_changes_nothing);
	tcase_add_test(write, write_reaches_private_and_missing_pages);
	tcase_add_test(write, write_without_write_falls_back_to_memcpy);
	tcase_add_test(write, write_of_huge_pages_is_a_memcpy);
	tcase_add_test(write, write_to_what_is_no_descriptor_is_refused);
	return lx_run(suite);
}

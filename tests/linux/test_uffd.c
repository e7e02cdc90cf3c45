/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of linux/uffd.h: the object, what is refused, and one event at a time. */
#define _GNU_SOURCE
#include "paging.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NPAGES	64u

static char contents[NPAGES * GMS_PAGE_SIZE];

static void opts_for(struct gms_uffd_opts *opts, struct gms_space *space)
{
	GMS_INIT(opts);
	opts->space = space;
	opts->modes = GMS_UFFD_MISSING;
}

START_TEST(new_refuses_what_it_does_not_know)
{
	LX_LONGER(struct gms_uffd_opts) longer;
	struct gms_uffd *const untouched = (void *)contents;
	struct gms_uffd *uffd = untouched;
	struct gms_space *space = NULL;
	struct gms_uffd_opts opts;

	ck_assert_int_eq(gms_space_new(&space, NULL), 0);
	opts_for(&opts, space);
	ck_assert_int_eq(gms_uffd_new(NULL, &opts), -EINVAL);
	ck_assert_int_eq(gms_uffd_new(&uffd, NULL), -EINVAL);
	opts.space = NULL;
	ck_assert_int_eq(gms_uffd_new(&uffd, &opts), -EINVAL);
	opts_for(&opts, space);
	opts.modes = 0;
	ck_assert_int_eq(gms_uffd_new(&uffd, &opts), -EINVAL);
	for (int bit = 3; bit < 32; bit++) {
		opts_for(&opts, space);
		opts.modes |= UINT32_C(1) << bit;
		ck_assert_int_eq(gms_uffd_new(&uffd, &opts), -EINVAL);
	}
	for (int bit = 2; bit < 32; bit++) {
		opts_for(&opts, space);
		opts.flags = UINT32_C(1) << bit;
		ck_assert_int_eq(gms_uffd_new(&uffd, &opts), -EINVAL);
	}
	GMS_INIT(&longer);
	longer.known.space = space;
	longer.known.modes = GMS_UFFD_MISSING;
	longer.tail[2] = 1;
	ck_assert_int_eq(gms_uffd_new(&uffd, &longer.known), -E2BIG);
	ck_assert_ptr_eq(uffd, untouched);
	longer.tail[2] = 0;
	ck_assert_int_eq(gms_uffd_new(&uffd, &longer.known), 0);
	gms_uffd_free(uffd);
	gms_uffd_free(NULL);
	gms_space_free(space);
}
END_TEST

START_TEST(new_agrees_with_the_kernel_and_leaves_nothing_behind)
{
	const unsigned int fds = lx_fds();
	struct gms_uffd_info info;
	struct lx_paging paging;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE,
		      GMS_UFFD_MISSING | GMS_UFFD_MINOR);
	GMS_INIT(&info);
	ck_assert_int_eq(gms_uffd_get(NULL, &info), -EINVAL);
	ck_assert_int_eq(gms_uffd_get(paging.uffd, NULL), -EINVAL);
	ck_assert_int_eq(gms_uffd_get(paging.uffd, &info), 0);
	ck_assert_uint_eq(info.modes, GMS_UFFD_MISSING | GMS_UFFD_MINOR);
	ck_assert_uint_eq(info.enabled & ~info.features, 0);
	ck_assert_uint_ne(info.enabled, 0);
	ck_assert_uint_eq(info.ranges, 1);
	ck_assert_uint_eq(info.events, 0);
	ck_assert_int_ge(gms_uffd_fd(paging.uffd), 0);
	ck_assert_int_eq(gms_uffd_fd(NULL), -EINVAL);
	lx_paging_free(&paging);
	ck_assert_uint_eq(lx_fds(), fds);
}
END_TEST

START_TEST(add_and_remove_refuse_what_is_not_so)
{
	struct gms_range block;
	struct gms_uffd_opts opts;
	struct gms_uffd *other;
	struct lx_paging paging;
	gms_gfn first;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES,
		      GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP, GMS_UFFD_MISSING);
	first = paging.guest.first;
	ck_assert_int_eq(gms_uffd_add(NULL, paging.all, GMS_UFFD_MISSING), -EINVAL);
	ck_assert_int_eq(gms_uffd_add(paging.uffd, LX_RANGE(first, 0), GMS_UFFD_MISSING), -EINVAL);
	ck_assert_int_eq(gms_uffd_add(paging.uffd, LX_RANGE(UINT64_MAX, 2), GMS_UFFD_MISSING),
			 -EINVAL);
	ck_assert_int_eq(gms_uffd_add(paging.uffd, paging.all, 0), -EINVAL);
	ck_assert_int_eq(gms_uffd_add(paging.uffd, paging.all, GMS_UFFD_WP), -EINVAL);
	ck_assert_int_eq(gms_uffd_add(paging.uffd, paging.all, GMS_UFFD_MISSING), -EEXIST);
	ck_assert_int_eq(gms_uffd_add(paging.uffd, LX_RANGE(first + 3, 1), GMS_UFFD_MISSING),
			 -EEXIST);
	ck_assert_int_eq(gms_uffd_add(paging.uffd, LX_RANGE(first - 1, 1), GMS_UFFD_MISSING),
			 -ENOENT);
	ck_assert_int_eq(gms_uffd_add(paging.uffd, LX_RANGE(first, NPAGES + 1), GMS_UFFD_MISSING),
			 -EINVAL);

	opts_for(&opts, paging.guest.space);
	ck_assert_int_eq(gms_uffd_new(&other, &opts), 0);
	ck_assert_int_eq(gms_uffd_add(other, paging.all, GMS_UFFD_MISSING), -EBUSY);
	gms_uffd_free(other);

	ck_assert_int_eq(gms_uffd_block(paging.uffd, first + 5, &block), 0);
	ck_assert_uint_eq(block.first, first + 5);
	ck_assert_uint_eq(block.npages, 1);
	ck_assert_int_eq(gms_uffd_block(paging.uffd, first + NPAGES, &block), -ENOENT);
	ck_assert_int_eq(gms_uffd_block(NULL, first, &block), -EINVAL);

	ck_assert_int_eq(gms_uffd_remove(paging.uffd, LX_RANGE(first, 1)), -ENOENT);
	ck_assert_int_eq(gms_uffd_remove(NULL, paging.all), -EINVAL);
	ck_assert_int_eq(gms_uffd_remove(paging.uffd, paging.all), 0);
	ck_assert_int_eq(gms_uffd_remove(paging.uffd, paging.all), -ENOENT);

	/* In parts, in any order. */
	for (gms_gfn at = NPAGES; at > 0; at -= 16)
		ck_assert_int_eq(gms_uffd_add(paging.uffd, LX_RANGE(first + at - 16, 16),
					      GMS_UFFD_MISSING), 0);
	ck_assert_int_eq(gms_uffd_block(paging.uffd, first + NPAGES - 1, &block), 0);
	ck_assert_uint_eq(block.first, first + NPAGES - 1);
	lx_paging_free(&paging);
}
END_TEST

START_TEST(remove_of_what_is_missing_is_refused)
{
	struct lx_paging paging;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	ck_assert_int_eq(gms_uffd_remove(paging.uffd, paging.all), -EBUSY);
	ck_assert_int_eq(gms_uffd_zero(paging.uffd, paging.all, NULL), 0);
	ck_assert_int_eq(gms_uffd_remove(paging.uffd, paging.all), 0);
	lx_paging_free(&paging);
}
END_TEST

/* Its event is there and nobody reads it: who waits is not forgotten. */
START_TEST(remove_wakes_who_waits)	/* _i: for a minor fault, or a missing page */
{
	struct lx_toucher toucher;
	struct lx_paging paging;
	struct pollfd event;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES,
		      GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP,
		      _i ? GMS_UFFD_MISSING : GMS_UFFD_MINOR);
	ck_assert_int_eq(pwrite(gms_backing_fd(paging.guest.backing), "x", 1, 5 * LX_PAGE), 1);
	lx_touch_begin(&toucher, lx_page(&paging.guest, _i ? 4 : 5), false);
	event = (struct pollfd){ .fd = gms_uffd_fd(paging.uffd), .events = POLLIN };
	ck_assert_int_eq(poll(&event, 1, -1), 1);
	ck_assert_int_eq(gms_uffd_remove(paging.uffd, paging.all), 0);
	ck_assert_uint_eq(lx_touch_end(&toucher), _i ? 0 : 'x');
	lx_paging_free(&paging);
}
END_TEST

START_TEST(memory_without_userfaultfd_is_told_by_trying)
{
	const uint64_t bytes = NPAGES * LX_PAGE;
	const int fd = (int)syscall(SYS_memfd_secret, 0);
	struct gms_region_opts region;
	struct gms_space *space = NULL;
	struct gms_uffd *uffd = NULL;
	struct gms_uffd_opts opts;
	void *mem;

	if (fd < 0) {
		lx_leave_out("memfd_secret under userfaultfd", strerror(errno));
		return;
	}
	ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
	mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(mem, MAP_FAILED);
	ck_assert_int_eq(gms_space_new(&space, NULL), 0);
	GMS_INIT(&region);
	region.first = LX_1G;
	region.npages = NPAGES;
	region.hva = mem;
	region.backing_id = (uint64_t)fd;
	region.state = GMS_STATE_SHARED;
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	opts_for(&opts, space);
	opts.modes = GMS_UFFD_MISSING | GMS_UFFD_MINOR | GMS_UFFD_WP;
	ck_assert_int_eq(gms_uffd_new(&uffd, &opts), 0);
	for (uint32_t mode = GMS_UFFD_MISSING; mode <= GMS_UFFD_WP; mode <<= 1)
		ck_assert_int_eq(gms_uffd_add(uffd, LX_RANGE(LX_1G, NPAGES), mode), -EOPNOTSUPP);
	gms_uffd_free(uffd);
	gms_space_free(space);
	munmap(mem, bytes);
	close(fd);
}
END_TEST

START_TEST(pump_without_events_says_so)
{
	struct lx_paging paging;
	uint64_t raised = 7;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	ck_assert_int_eq(gms_uffd_pump(NULL, 0, &raised), -EINVAL);
	ck_assert_int_eq(gms_uffd_pump(paging.uffd, 0, &raised), -EAGAIN);
	ck_assert_uint_eq(raised, 0);
	ck_assert_int_eq(gms_uffd_pump(paging.uffd, 2000000, NULL), -ETIMEDOUT);
	lx_paging_free(&paging);
}
END_TEST

START_TEST(a_touch_is_one_fault_and_its_end)
{
	struct lx_toucher toucher;
	struct gms_uffd_result did;
	struct gms_uffd_info info;
	struct lx_paging paging;
	struct gms_fault fault;
	gms_gfn gfn;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	gfn = paging.guest.first + 9;
	lx_touch_begin(&toucher, lx_page(&paging.guest, 9) + 100, true);
	lx_paging_await(&paging, 1);
	fault = lx_paging_fault(&paging);
	ck_assert_uint_eq(fault.gfn, gfn);
	ck_assert_uint_eq(fault.reason, GMS_REASON_MISSING);
	ck_assert_uint_eq(fault.flags, 0);	/* it reads first */
	GMS_INIT(&info);
	ck_assert_int_eq(gms_uffd_get(paging.uffd, &info), 0);
	ck_assert_uint_eq(info.events, 1);
	ck_assert_uint_eq(info.raised, 1);
	if (info.enabled & (1u << 8))	/* UFFD_FEATURE_THREAD_ID */
		ck_assert_uint_ne(fault.tag, 0);
	ck_assert(!toucher.done);

	lx_paging_contents(contents, 9, 1);
	GMS_INIT(&did);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, LX_RANGE(gfn, 1), contents, 0, &did), 0);
	ck_assert_uint_eq(lx_touch_end(&toucher), lx_paging_byte(9));
	ck_assert_uint_eq(did.next, gfn + 1);
	ck_assert_uint_eq(did.done_pages, 1);
	ck_assert_uint_eq(did.present_pages, 0);
	ck_assert_uint_eq(gms_state_at(paging.guest.space, gfn) &
			  (GMS_STATE_MISSING | GMS_STATE_POPULATED), GMS_STATE_POPULATED);

	/* Once more, as a second answer that comes late: nothing of the guest's is lost. */
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, LX_RANGE(gfn, 1), contents, 0, &did), 0);
	ck_assert_uint_eq(did.done_pages, 0);
	ck_assert_uint_eq(did.present_pages, 1);
	ck_assert_uint_eq((unsigned char)lx_page(&paging.guest, 9)[100],
			  lx_paging_byte(9) ^ 0xff);
	lx_paging_free(&paging);
}
END_TEST

START_TEST(many_threads_on_one_page_are_one_fault)
{
	enum { THREADS = 8 };
	struct lx_toucher toucher[THREADS];
	struct lx_paging paging;
	struct gms_fault fault;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	for (int i = 0; i < THREADS; i++)
		lx_touch_begin(&toucher[i], lx_page(&paging.guest, 3) + i, false);
	lx_paging_await(&paging, THREADS);
	fault = lx_paging_fault(&paging);
	ck_assert_uint_eq(fault.waiters, THREADS);
	lx_paging_contents(contents, 3, 1);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, fault.range, contents, 0, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_uint_eq(lx_touch_end(&toucher[i]), lx_paging_byte(3));
	lx_paging_free(&paging);
}
END_TEST

START_TEST(a_page_that_the_map_does_not_miss_is_zeros)
{
	struct lx_toucher toucher;
	struct gms_uffd_info info;
	struct lx_paging paging;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES,
		      GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP, GMS_UFFD_MISSING | GMS_UFFD_MINOR);
	ck_assert_int_eq(pwrite(gms_backing_fd(paging.guest.backing), "x", 1, 5 * LX_PAGE), 1);
	for (int n = 4; n < 6; n++) {		/* MISSING, and MINOR */
		lx_touch_begin(&toucher, lx_page(&paging.guest, (uint64_t)n), false);
		ck_assert_int_eq(gms_uffd_pump(paging.uffd, GMS_FOREVER, NULL), 0);
		ck_assert_uint_eq(lx_touch_end(&toucher), n == 5 ? 'x' : 0);
	}
	GMS_INIT(&info);
	ck_assert_int_eq(gms_uffd_get(paging.uffd, &info), 0);
	ck_assert_uint_eq(info.settled, 2);
	ck_assert_uint_eq(info.raised, 0);
	lx_paging_free(&paging);
}
END_TEST

START_TEST(eventfd_is_readable_when_there_is_a_fault)
{
	struct lx_paging paging;
	struct pollfd ready = { .events = POLLIN };
	uint64_t count;
	int fd = -1;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	ck_assert_int_eq(gms_fault_eventfd(NULL, &fd), -EINVAL);
	ck_assert_int_eq(gms_fault_eventfd(paging.guest.space, NULL), -EINVAL);
	ck_assert_int_eq(gms_fault_eventfd(paging.guest.space, &fd), 0);
	ready.fd = fd;
	ck_assert_int_eq(poll(&ready, 1, 0), 0);
	ck_assert_int_eq(gms_fault_raise(paging.guest.space, paging.guest.first, 0, 1), 0);
	ck_assert_int_eq(poll(&ready, 1, 1000), 1);
	ck_assert_int_eq(read(fd, &count, sizeof(count)), sizeof(count));
	(void)lx_paging_fault(&paging);
	ck_assert_int_eq(poll(&ready, 1, 0), 0);
	ck_assert_int_eq(gms_fault_raise(paging.guest.space, paging.guest.first + 1, 0, 1), 0);
	ck_assert_int_eq(poll(&ready, 1, 1000), 1);
	gms_fault_eventfd_close(paging.guest.space, fd);
	gms_fault_eventfd_close(paging.guest.space, -1);
	ck_assert_int_eq(gms_fault_raise(paging.guest.space, paging.guest.first + 2, 0, 1), 0);
	lx_paging_free(&paging);
}
END_TEST

START_TEST(a_fault_that_is_given_up_leaves_the_page_missing)
{
	struct lx_paging paging;
	struct gms_access access;
	struct gms_fault fault;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	ck_assert_int_eq(gms_access_begin(paging.guest.space, LX_RANGE(paging.guest.first + 1, 2),
					  GMS_ACCESS_NOWAIT, 0, &access), -EAGAIN);
	fault = lx_paging_fault(&paging);
	ck_assert_uint_eq(fault.gfn, paging.guest.first + 1);
	ck_assert_int_eq(gms_fault_fail(paging.guest.space, fault.range, -EIO), 0);
	ck_assert(gms_state_at(paging.guest.space, fault.gfn) & GMS_STATE_MISSING);

	/* It is asked for again, and this time it comes. */
	ck_assert_int_eq(gms_access_begin(paging.guest.space, LX_RANGE(paging.guest.first + 1, 1),
					  GMS_ACCESS_NOWAIT, 0, &access), -EAGAIN);
	fault = lx_paging_fault(&paging);
	lx_paging_contents(contents, 1, 1);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, fault.range, contents, 0, NULL), 0);
	ck_assert_int_eq(gms_access_begin(paging.guest.space, LX_RANGE(paging.guest.first + 1, 1),
					  0, 0, &access), 0);
	ck_assert(lx_page_holds(lx_page(&paging.guest, 1), lx_paging_byte(1)));
	gms_access_end(paging.guest.space, &access);
	lx_paging_free(&paging);
}
END_TEST

/* Who cannot be queued faults again until there is room, and waits in the kernel all the time. */
START_TEST(a_full_queue_loses_nobody)
{
	struct gms_region_opts region;
	struct lx_toucher toucher;
	struct gms_uffd_info info;
	struct lx_paging paging;
	struct gms_fault fault;
	bool queued = true;
	gms_gfn first;
	size_t n;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	GMS_INIT(&region);
	region.first = first = 4 * LX_1G;
	region.npages = GMS_FAULTS_MOST;
	region.state = LX_MISSING_STATE;
	ck_assert_int_eq(gms_region_add(paging.guest.space, &region, NULL), 0);
	for (gms_gfn gfn = first; gfn < first + GMS_FAULTS_MOST; gfn++)
		queued = !gms_fault_raise(paging.guest.space, gfn, 0, 0) && queued;
	ck_assert(queued);

	lx_touch_begin(&toucher, lx_page(&paging.guest, 5), false);
	GMS_INIT(&info);
	while (info.deferred < 3) {
		const int rc = gms_uffd_pump(paging.uffd, 10000000, NULL);

		ck_assert(!rc || rc == -ETIMEDOUT);
		ck_assert_int_eq(gms_uffd_get(paging.uffd, &info), 0);
	}
	ck_assert_uint_eq(info.raised, 0);
	ck_assert(!toucher.done);
	ck_assert_int_eq(gms_resolve(paging.guest.space, LX_RANGE(first, GMS_FAULTS_MOST), false,
				     NULL), 0);
	lx_paging_await(&paging, 1);
	ck_assert_int_eq(gms_fault_next(paging.guest.space, &fault, 1, GMS_FAULT_OLDEST, 0, &n), 0);
	ck_assert_uint_eq(fault.gfn, paging.guest.first + 5);
	lx_paging_contents(contents, 5, 1);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, fault.range, contents, 0, NULL), 0);
	ck_assert_uint_eq(lx_touch_end(&toucher), lx_paging_byte(5));
	lx_paging_free(&paging);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uffd");
	TCase *object = lx_case(suite, "object"), *event = lx_case(suite, "event");

	if (!gms_host_has(lx_host(), GMS_HOST_UFFD)) {
		printf("skipped: this host has no userfaultfd\n");
		return 77;
	}
	tcase_add_test(object, new_refuses_what_it_does_not_know);
	tcase_add_test(object, new_agrees_with_the_kernel_and_leaves_nothing_behind);
	tcase_add_test(object, add_and_remove_refuse_what_is_not_so);
	tcase_add_test(object, remove_of_what_is_missing_is_refused);
	tcase_add_loop_test(object, remove_wakes_who_waits, 0, 2);
	tcase_add_test(object, memory_without_userfaultfd_is_told_by_trying);
	tcase_add_test(event, pump_without_events_says_so);
	tcase_add_test(event, a_touch_is_one_fault_and_its_end);
	tcase_add_test(event, many_threads_on_one_page_are_one_fault);
	tcase_add_test(event, a_page_that_the_map_does_not_miss_is_zeros);
	tcase_add_test(event, eventfd_is_readable_when_there_is_a_fault);
	tcase_add_test(event, a_fault_that_is_given_up_leaves_the_page_missing);
	tcase_add_test(event, a_full_queue_loses_nobody);
	return lx_run(suite);
}

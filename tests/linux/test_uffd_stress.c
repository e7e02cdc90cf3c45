/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that touch, threads that ask by the choke points, two handlers, and pages that
 * turn missing again and again: no thread waits for ever, and nobody ever sees anything
 * but a page's contents.
 */
#define _GNU_SOURCE
#include "paging.h"

#include <time.h>

#define NPAGES		256u
#define TOUCHERS	4u
#define DEVICES		2u
#define HANDLERS	2u
#define SECONDS		3
#define JOIN_SECONDS	20

struct crew {
	struct lx_paging *paging;
	_Atomic bool stop;
	_Atomic uint64_t touches, accesses, armed;
	_Atomic uint64_t wrong;
	_Atomic int error;
	_Atomic unsigned int seeds;
};

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

static void *touch(void *arg)
{
	struct crew *crew = arg;
	uint64_t seed = ++crew->seeds;

	while (!crew->stop) {
		const uint64_t page = next(&seed) % NPAGES;
		const volatile unsigned char *mem = (void *)lx_page(&crew->paging->guest, page);

		crew->wrong += mem[next(&seed) % LX_PAGE] != lx_paging_byte(page);
		crew->touches++;
	}
	return NULL;
}

static void *use(void *arg)
{
	struct crew *crew = arg;
	uint64_t seed = ++crew->seeds;

	while (!crew->stop) {
		const uint64_t page = next(&seed) % (NPAGES - 4);
		struct gms_access access;
		int rc;

		rc = gms_access_begin(crew->paging->guest.space,
				      LX_RANGE(crew->paging->guest.first + page, 4), 0,
				      UINT64_C(10000000000), &access);
		if (rc) {
			crew->error = rc;
			return NULL;
		}
		for (uint64_t n = page; n < page + 4; n++)
			crew->wrong += !lx_page_holds(lx_page(&crew->paging->guest, n),
						      lx_paging_byte(n));
		gms_access_end(crew->paging->guest.space, &access);
		crew->accesses++;
	}
	return NULL;
}

static void *arm(void *arg)
{
	struct crew *crew = arg;
	uint64_t seed = ++crew->seeds;

	while (!crew->stop) {
		const uint64_t page = next(&seed) % (NPAGES - 8);
		const int rc = gms_uffd_arm(crew->paging->uffd,
					    LX_RANGE(crew->paging->guest.first + page, 8),
					    UINT64_C(1000000), NULL);

		if (rc && rc != -EAGAIN)
			crew->error = rc;
		crew->armed += !rc;
	}
	return NULL;
}

static bool join(pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += JOIN_SECONDS;
	return !pthread_timedjoin_np(thread, NULL, &until);
}

/* _i: 0 MISSING, 1 MISSING and MINOR */
START_TEST(no_wake_is_lost_and_nothing_but_contents_is_seen)
{
	pthread_t handler[HANDLERS], thread[TOUCHERS + DEVICES + 1];
	struct lx_paging paging;
	struct crew crew = { .paging = &paging };
	unsigned int n = 0;
	bool joined = true;
	char why[256] = "";

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE,
		      GMS_UFFD_MISSING | (_i ? GMS_UFFD_MINOR : 0));
	for (unsigned int i = 0; i < HANDLERS; i++) {
		lx_paging_begin(&paging);
		handler[i] = paging.handler;
	}
	for (unsigned int i = 0; i < TOUCHERS; i++)
		ck_assert_int_eq(pthread_create(&thread[n++], NULL, touch, &crew), 0);
	for (unsigned int i = 0; i < DEVICES; i++)
		ck_assert_int_eq(pthread_create(&thread[n++], NULL, use, &crew), 0);
	ck_assert_int_eq(pthread_create(&thread[n++], NULL, arm, &crew), 0);
	sleep(SECONDS);
	crew.stop = true;
	while (n)
		joined = join(thread[--n]) && joined;
	ck_assert_msg(joined, "a thread waits for ever");
	paging.stop = true;
	for (unsigned int i = 0; i < HANDLERS; i++)
		ck_assert(join(handler[i]));
	ck_assert_msg(!paging.error, "the handler: %s", gms_strerror(paging.error));
	ck_assert_msg(!crew.error, "%s", gms_strerror(crew.error));
	ck_assert_msg(!crew.wrong, "%" PRIu64 " looks saw something else", (uint64_t)crew.wrong);
	ck_assert_uint_gt(crew.touches, NPAGES);
	ck_assert_uint_gt(crew.accesses, 0);
	ck_assert_uint_gt(crew.armed, 0);
	ck_assert_uint_gt(paging.filled, NPAGES);
	ck_assert_msg(!gms_check(paging.guest.space, why, sizeof(why)), "%s", why);
	lx_paging_free(&paging);
}
END_TEST

struct patient {
	struct lx_paging *paging;
	uint64_t page;
	int rc;
};

static void *wait_for_page(void *arg)
{
	struct patient *patient = arg;
	struct gms_access access;

	patient->rc = gms_access_begin(patient->paging->guest.space,
				       LX_RANGE(patient->paging->guest.first + patient->page, 1), 0,
				       UINT64_C(20000000000), &access);
	if (!patient->rc)
		gms_access_end(patient->paging->guest.space, &access);
	return NULL;
}

START_TEST(a_source_that_died_is_an_error_for_who_waits_and_memory_is_frozen)
{
	enum { PATIENTS = 6 };
	pthread_t thread[PATIENTS];
	struct patient patient[PATIENTS];
	struct lx_paging paging;
	char one[GMS_PAGE_SIZE];
	uint64_t queued = 0, missing = 0;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, GMS_UFFD_MISSING);
	lx_paging_contents(one, 7, 1);
	ck_assert_int_eq(gms_uffd_fill(paging.uffd, LX_RANGE(paging.guest.first + 7, 1), one, 0,
				       NULL), 0);
	for (unsigned int i = 0; i < PATIENTS; i++) {
		patient[i] = (struct patient){ .paging = &paging, .page = 100 + i / 2 };
		ck_assert_int_eq(pthread_create(&thread[i], NULL, wait_for_page, &patient[i]), 0);
	}
	while (queued < PATIENTS) {	/* until all of them wait */
		struct gms_fault fault[PATIENTS];
		size_t n = 0;
		int rc;

		queued = 0;
		rc = gms_fault_next(paging.guest.space, fault, PATIENTS, GMS_FAULT_MOST_WAITERS, 0,
				    &n);
		ck_assert(!rc || rc == -EAGAIN);
		for (size_t i = 0; i < n; i++) {
			queued += fault[i].waiters;
			ck_assert_int_eq(gms_fault_again(paging.guest.space, fault[i].range), 0);
		}
		usleep(1000);
	}
	ck_assert_int_eq(gms_fault_fail(paging.guest.space, paging.all, -EIO), 0);
	for (unsigned int i = 0; i < PATIENTS; i++) {
		ck_assert(join(thread[i]));
		ck_assert_int_eq(patient[i].rc, -EIO);
	}
	ck_assert_int_eq(gms_freeze(paging.guest.space, paging.all, GMS_FOREVER, NULL), 0);
	ck_assert_int_eq(gms_count(paging.guest.space, paging.all, GMS_STATE_MISSING,
				   GMS_STATE_MISSING, &missing), 0);
	ck_assert_uint_eq(missing, NPAGES - 1);
	ck_assert_int_eq(pread(gms_backing_fd(paging.guest.backing), one, LX_PAGE, 7 * LX_PAGE),
			 (ssize_t)LX_PAGE);
	ck_assert(lx_page_holds(one, lx_paging_byte(7)));
	lx_paging_free(&paging);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uffd_stress");
	TCase *tcase = lx_case(suite, "stress");

	if (!gms_host_has(lx_host(), GMS_HOST_UFFD)) {
		printf("skipped: this host has no userfaultfd\n");
		return 77;
	}
	tcase_add_loop_test(tcase, no_wake_is_lost_and_nothing_but_contents_is_seen, 0, 2);
	tcase_add_test(tcase,
		       a_source_that_died_is_an_error_for_who_waits_and_memory_is_frozen);
	return lx_run(suite);
}

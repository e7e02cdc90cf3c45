/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paging.c - guest memory that is missing, threads that touch it, and a handler.
 */
#define _GNU_SOURCE
#include "paging.h"

#define SOON_NS	UINT64_C(10000000)

unsigned char lx_paging_byte(uint64_t page)
{
	return (unsigned char)(page * 7 % 251 + 1);
}

void lx_paging_contents(char *to, uint64_t page, uint64_t npages)
{
	for (uint64_t n = 0; n < npages; n++)
		memset(to + n * LX_PAGE, lx_paging_byte(page + n), LX_PAGE);
}

void lx_paging_new(struct lx_paging *paging, uint32_t kind, uint64_t npages, gms_state state,
		   uint32_t modes)
{
	struct gms_uffd_opts opts;
	int err;

	memset(paging, 0, sizeof(*paging));
	lx_guest_new(&paging->guest, kind, GMS_REVOKE_BEST, npages, 0, state);
	paging->all = LX_RANGE(paging->guest.first, npages);
	GMS_INIT(&opts);
	opts.space = paging->guest.space;
	opts.modes = modes;
	err = gms_uffd_new(&paging->uffd, &opts);
	ck_assert_msg(!err, "gms_uffd_new: %s", gms_strerror(err));
	err = gms_uffd_add(paging->uffd, paging->all, modes);
	ck_assert_msg(!err, "gms_uffd_add: %s", gms_strerror(err));
}

void lx_paging_free(struct lx_paging *paging)
{
	gms_uffd_free(paging->uffd);
	lx_guest_free(&paging->guest);
}

static int serve(struct lx_paging *paging, const struct gms_fault *fault, char *contents)
{
	struct gms_uffd_result did;
	struct gms_range block;
	int rc;

	if (fault->reason == GMS_REASON_WRITE_PROTECT)
		return gms_uffd_unprotect(paging->uffd, LX_RANGE(fault->gfn, 1),
					  GMS_UFFD_SET_DIRTY, NULL);
	rc = gms_uffd_block(paging->uffd, fault->gfn, &block);
	if (rc)
		return rc;
	lx_paging_contents(contents, block.first - paging->guest.first, block.npages);
	GMS_INIT(&did);
	rc = gms_uffd_fill(paging->uffd, block, contents, 0, &did);
	paging->filled += did.done_pages;
	return rc;
}

static void *handle(void *arg)
{
	struct lx_paging *paging = arg;
	char *contents = malloc(LX_2M * LX_PAGE);

	while (!paging->error && !paging->stop) {
		struct gms_fault fault[16];
		size_t n = 0;
		int rc;

		/* Faults of accesses come without an event. */
		rc = gms_uffd_pump(paging->uffd, SOON_NS / 10, NULL);
		if (rc && rc != -ETIMEDOUT && rc != -EINTR)
			paging->error = rc;
		rc = gms_fault_next(paging->guest.space, fault, 16, GMS_FAULT_OLDEST, 0, &n);
		for (size_t i = 0; !rc && i < n; i++) {
			paging->handed_out++;
			rc = serve(paging, &fault[i], contents);
		}
		if (rc && rc != -EAGAIN)
			paging->error = rc;
	}
	free(contents);
	return NULL;
}

void lx_paging_begin(struct lx_paging *paging)
{
	ck_assert_int_eq(pthread_create(&paging->handler, NULL, handle, paging), 0);
}

void lx_paging_end(struct lx_paging *paging)
{
	paging->stop = true;
	ck_assert_int_eq(pthread_join(paging->handler, NULL), 0);
	ck_assert_msg(!paging->error, "the handler: %s", gms_strerror(paging->error));
}

static void *touch(void *arg)
{
	struct lx_toucher *toucher = arg;

	toucher->begun = true;
	toucher->found = *toucher->at;
	if (toucher->writes)
		*toucher->at = (unsigned char)(toucher->found ^ 0xff);
	toucher->done = true;
	return NULL;
}

void lx_touch_begin(struct lx_toucher *toucher, const void *at, bool writes)
{
	memset(toucher, 0, sizeof(*toucher));
	toucher->at = (volatile unsigned char *)(uintptr_t)at;
	toucher->writes = writes;
	ck_assert_int_eq(pthread_create(&toucher->thread, NULL, touch, toucher), 0);
}

unsigned char lx_touch_end(struct lx_toucher *toucher)
{
	ck_assert_int_eq(pthread_join(toucher->thread, NULL), 0);
	return toucher->found;
}

void lx_paging_await(struct lx_paging *paging, uint64_t raised)
{
	for (uint64_t seen = 0, tries = 0; seen < raised; tries++) {
		uint64_t more = 0;
		const int rc = gms_uffd_pump(paging->uffd, SOON_NS, &more);

		ck_assert_msg(!rc || rc == -ETIMEDOUT, "pump: %s", gms_strerror(rc));
		ck_assert_msg(tries < 1000, "%" PRIu64 " of %" PRIu64 " events came", seen, raised);
		seen += more;
	}
}

struct gms_fault lx_paging_fault(struct lx_paging *paging)
{
	struct gms_fault fault[2];
	size_t n = 0;

	ck_assert_int_eq(gms_fault_next(paging->guest.space, fault, 2, GMS_FAULT_OLDEST, 0, &n), 0);
	ck_assert_uint_eq(n, 1);
	return fault[0];
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the library says of guest memory is what the kernel does, for every kind
 * of it: after random conversions, of random pages, in every way a page can be
 * touched. GMS_SEED replays a failure, CK_RUN_CASE picks a case.
 */
#define _GNU_SOURCE
#include "settings.h"
#include "world.h"

#define S	GMS_STATE_SHARED
#define P	GMS_STATE_POPULATED

/* The first kind is number 0; Check loops do not mind. */
START_TEST(books_and_kernel_agree_after_any_conversions)	/* _i: kind */
{
	const unsigned int nsteps = _i == GMS_BACKING_HUGETLB_1G ? 60 : 300;
	struct lx_world world;

	lx_world_new(&world, (uint32_t)_i, GMS_REVOKE_BEST, fx_seed());
	lx_world_write(&world, 0, 4 * LX_2M);
	lx_world_look(&world, 100);
	for (unsigned int step = 0; step < nsteps; step++) {
		lx_world_step(&world);
		if (step % 4 == 3)
			lx_world_look(&world, 50);
	}
	ck_assert_uint_eq(lx_event(world.guest.space, GMS_ACCT_UNDO_FAILURES), 0);
	ck_assert_uint_eq(lx_event(world.guest.space, GMS_ACCT_DISCARD_FAILURES), 0);
	printf("%s: %" PRIu64 " pages reached, %" PRIu64 " refused; guest: %" PRIu64 ", %" PRIu64
	       " refused\n", gms_backing_kind_name((uint32_t)_i), world.nreached, world.nrefused,
	       world.nguest, world.nguest_missing);
	lx_world_free(&world);
}
END_TEST

#define NATTEMPTS	10000u

/* Whatever the states: who is told that a page may be pinned can pin it. */
START_TEST(a_page_said_to_be_eligible_can_be_pinned)	/* _i: kind */
{
	const gms_state wp = GMS_STATE_WRITE_PROTECT;
	unsigned int eligible = 0, refused = 0, pinned_although_refused = 0;
	struct gms_gup_answer answer;
	struct lx_world world;

	lx_world_new(&world, (uint32_t)_i, GMS_REVOKE_BEST, fx_seed());
	ck_assert(world.has_ring && world.disk >= 0);
	for (unsigned int i = 0; i < NATTEMPTS; i++) {
		const uint64_t n = fx_rand_below(&world.rand, world.guest.npages);
		const uint32_t flags = (uint32_t)fx_rand_below(&world.rand, 4);
		const gms_gfn gfn = world.guest.first + n;
		long rc;

		if (i % 50 == 0) {
			const struct gms_change change = {
				LX_RANGE(gfn, 1), i & 64 ? wp : 0, i & 64 ? 0 : wp,
			};

			lx_world_step(&world);
			ck_assert_int_eq(gms_convert(world.guest.space, &change, 1, NULL, NULL), 0);
		}
		GMS_INIT(&answer);
		ck_assert_int_eq(gms_gup_query(world.guest.space, LX_RANGE(gfn, 1), flags, &answer),
				 0);
		rc = lx_world_pin(&world, n, flags);
		if (rc && rc != -EFAULT)
			ck_abort_msg("page %" PRIu64 ": pinning failed with %ld", n, rc);
		if (answer.eligible_pages && rc)
			ck_abort_msg("page %" PRIu64 ", flags %u: eligible, and refused", n, flags);
		eligible += answer.eligible_pages;
		refused += answer.refused_pages;
		pinned_although_refused += answer.refused_pages && !rc;
	}
	ck_assert_uint_eq(eligible + refused, NATTEMPTS);
	ck_assert(!eligible == !lx_world_can(&world, GMS_BACKING_CAN_GUP));
	printf("%s: %u eligible and pinned, %u refused, of which the kernel would pin %u\n",
	       gms_backing_kind_name((uint32_t)_i), eligible, refused, pinned_although_refused);
	lx_world_free(&world);
}
END_TEST

/* A disk, and io_uring: what pins are tried with. */
static bool pins_can_be_tried(void)
{
	const int disk = lx_disk_file(1);

	close(disk);
	return disk >= 0 && gms_host_has(lx_host(), GMS_HOST_IO_URING);
}

static void prepare(void)
{
	lx_settings_begin();
	(void)lx_settings_thp();
	(void)lx_settings_huge(LX_HUGE_2M, 16);
	(void)lx_settings_huge(LX_HUGE_1G, 1);
}

int main(void)
{
	Suite *suite = suite_create("conform");
	TCase *agree = lx_case(suite, "agree"), *gup = lx_case(suite, "gup");
	bool pins;

	prepare();
	if (lx_host()->page_bytes != LX_PAGE) {
		printf("skipped: the pages of this host are not 4096 bytes\n");
		return 77;
	}
	pins = pins_can_be_tried();
	if (!pins)
		lx_leave_out("pinning", "no io_uring, or no disk that does O_DIRECT");
	for (uint32_t kind = 0; kind < GMS_BACKING_KINDS; kind++) {
		const int i = (int)kind;

		if (lx_missing(kind)) {
			lx_leave_out(gms_backing_kind_name(kind), lx_missing(kind));
			continue;
		}
		tcase_add_loop_test(agree, books_and_kernel_agree_after_any_conversions, i, i + 1);
		if (pins)
			tcase_add_loop_test(gup, a_page_said_to_be_eligible_can_be_pinned, i, i + 1);
	}
	return lx_run(suite);
}

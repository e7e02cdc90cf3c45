/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of what a conversion does to the VMM's mapping, and of what
 * it is charged. Compiled once for memfd and once for guest_memfd (LX_KIND);
 * most tests run once for each way to revoke that this host has.
 */
#define _GNU_SOURCE
#include "settings.h"
#include "support.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Kinds that a backing charges. */
static const uint32_t charged[] = {
	GMS_ACCT_SYS_PROCESS_MADVISE, GMS_ACCT_SYS_MADVISE, GMS_ACCT_SYS_MPROTECT,
	GMS_ACCT_FLUSH_PROCESS, GMS_ACCT_SYS_FALLOCATE, GMS_ACCT_SYS_IOCTL, GMS_ACCT_SYS_OTHER,
};
#define NCHARGED	(sizeof(charged) / sizeof(charged[0]))

struct bill {
	uint64_t count[NCHARGED];
};

static struct bill bill_of(const struct lx_guest *guest)
{
	struct bill bill;

	for (size_t i = 0; i < NCHARGED; i++)
		bill.count[i] = lx_event(guest->space, charged[i]);
	return bill;
}

/* Charged since @since: so many calls of each kind, so many flushes, and nothing else. */
#define ck_bill(guest, since, vector, madvise, mprotect, flushes) do { \
	const struct bill now_ = bill_of(guest), was_ = (since); \
	const uint64_t want_[NCHARGED] = { (vector), (madvise), (mprotect), (flushes) }; \
	for (size_t i_ = 0; i_ < NCHARGED; i_++) \
		ck_assert_msg(now_.count[i_] - was_.count[i_] == want_[i_], \
			      "%s: %" PRIu64 " charged, %" PRIu64 " expected", \
			      gms_acct_name(charged[i_]), now_.count[i_] - was_.count[i_], \
			      want_[i_]); \
} while (0)

/* memfd_secret is locked memory: no guard markers, and nothing pins it. */
#define IS_SECRET	(LX_KIND == GMS_BACKING_MEMFD_SECRET)

static bool has_way(uint32_t way)
{
	if (way == GMS_REVOKE_GUARD_VECTOR)
		return !IS_SECRET && gms_host_has(lx_host(), GMS_HOST_GUARD_VECTOR);
	if (way == GMS_REVOKE_GUARD)
		return !IS_SECRET && gms_host_has(lx_host(), GMS_HOST_GUARD);
	return true;
}

/* What BEST turns out to be on this host. */
static uint32_t best_way(void)
{
	uint32_t way = GMS_REVOKE_GUARD_VECTOR;

	while (!has_way(way))
		way++;
	return way;
}

static uint32_t way_of(int loop)
{
	return loop == GMS_REVOKE_BEST ? best_way() : (uint32_t)loop;
}

/* Calls of each kind for @nruns runs that fit in one vector per @runs_a_call. */
static void ck_calls(const struct lx_guest *guest, struct bill since, uint32_t way,
		     uint64_t nruns, bool take)
{
	const uint64_t vectors = (nruns + 1023) / 1024;

	if (way == GMS_REVOKE_GUARD_VECTOR)
		ck_bill(guest, since, vectors, 0, 0, take ? vectors : 0);
	else if (way == GMS_REVOKE_GUARD)
		ck_bill(guest, since, 0, nruns, 0, take ? nruns : 0);
	else
		ck_bill(guest, since, 0, 0, nruns, take ? nruns : 0);
}

/* Every other page of the first 2 * @n, in one batch. */
static int convert_scattered(struct lx_guest *guest, uint64_t n, bool share,
			     struct gms_convert_result *result)
{
	struct gms_change *changes = calloc(n, sizeof(*changes));
	int rc;

	ck_assert_ptr_nonnull(changes);
	for (uint64_t i = 0; i < n; i++) {
		changes[i].range = LX_RANGE(guest->first + 2 * i, 1);
		changes[i].set = share ? GMS_STATE_SHARED : 0;
		changes[i].clear = share ? 0 : GMS_STATE_SHARED;
	}
	GMS_INIT(result);
	rc = gms_convert(guest->space, changes, n, NULL, result);
	free(changes);
	return rc;
}

START_TEST(share_of_a_page_leaves_the_other_511_out_of_reach)
{
	const int disk = lx_disk_file(3);
	struct lx_guest guest;

	ck_assert_int_ge(disk, 0);
	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, 2 * LX_2M, 9, 0);
	ck_assert_uint_eq(gms_backing_revoke(guest.backing), way_of(_i));
	lx_guest_check(&guest, 1);

	ck_assert_int_eq(gms_share(guest.space, LX_RANGE(guest.first + 137, 1), NULL), 0);
	lx_guest_check(&guest, 1);

	/* The disk writes into the shared page, and into neither neighbour. */
	ck_assert_int_eq(lx_direct_read(disk, 0, lx_page(&guest, 136)), -EFAULT);
	ck_assert_int_eq(lx_direct_read(disk, 2, lx_page(&guest, 138)), -EFAULT);
	ck_assert_int_eq(lx_direct_read(disk, 1, lx_page(&guest, 137)), (long)LX_PAGE);
	ck_assert(lx_page_holds(lx_page(&guest, 137), 2));

	/* What was refused also was not written. */
	ck_assert_int_eq(gms_share(guest.space, LX_RANGE(guest.first + 136, 3), NULL), 0);
	ck_assert(lx_page_holds(lx_page(&guest, 136), 0));
	ck_assert(lx_page_holds(lx_page(&guest, 138), 0));
	lx_guest_check(&guest, 1);
	lx_guest_free(&guest);
	close(disk);
}
END_TEST

START_TEST(unshare_and_share_keep_the_contents)
{
	struct lx_guest guest;

	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, LX_2M, 9, GMS_STATE_SHARED);
	for (uint64_t n = 0; n < LX_2M; n++)
		memset(lx_page(&guest, n), (int)(n % 251) + 1, LX_PAGE);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first + 10, 20), NULL), 0);
	lx_guest_check(&guest, 1);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first, LX_2M), NULL), 0);
	lx_guest_check(&guest, 1);
	ck_assert_int_eq(gms_share(guest.space, LX_RANGE(guest.first + 15, 2), NULL), 0);
	lx_guest_check(&guest, 1);
	ck_assert_int_eq(gms_share(guest.space, LX_RANGE(guest.first, LX_2M), NULL), 0);
	lx_guest_check(&guest, 1);
	for (uint64_t n = 0; n < LX_2M; n++)
		ck_assert(lx_page_holds(lx_page(&guest, n), (unsigned char)(n % 251 + 1)));
	lx_guest_free(&guest);
}
END_TEST

START_TEST(touch_of_a_private_page_is_a_signal_that_names_it)
{
	struct lx_guest guest;
	gms_gfn gfn = 0;
	void *at;

	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, LX_2M, 9, 0);
	ck_assert_int_eq(gms_share(guest.space, LX_RANGE(guest.first + 7, 1), NULL), 0);
	ck_assert(!lx_touch_faults(lx_page(&guest, 7), &at));
	ck_assert(lx_touch_faults(lx_page(&guest, 8) + 123, &at));
	ck_assert_ptr_eq(at, lx_page(&guest, 8) + 123);
	ck_assert_int_eq(gms_gfn_of(guest.space, at, &gfn), 0);
	ck_assert_uint_eq(gfn, guest.first + 8);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first + 7, 1), NULL), 0);
	ck_assert(lx_touch_faults(lx_page(&guest, 7), &at));
	lx_guest_free(&guest);
}
END_TEST

START_TEST(calls_of_one_run_are_charged_one_by_one)
{
	struct gms_convert_result result;
	struct lx_guest guest;
	struct bill bill;

	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, LX_2M, 9, 0);
	bill = bill_of(&guest);
	ck_bill(&guest, (struct bill){ { 0 } }, 0, 0, 0, 0);	/* the region itself is free */

	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(guest.space, LX_RANGE(guest.first + 3, 5), &result), 0);
	ck_calls(&guest, bill, way_of(_i), 1, false);
	ck_assert_uint_eq(result.flushes, 0);

	bill = bill_of(&guest);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first + 4, 2), &result), 0);
	ck_calls(&guest, bill, way_of(_i), 1, true);
	ck_assert_uint_eq(result.flushes, 1);

	/* What is so already costs nothing. */
	bill = bill_of(&guest);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first + 4, 2), NULL), 0);
	ck_bill(&guest, bill, 0, 0, 0, 0);
	lx_guest_free(&guest);
}
END_TEST

START_TEST(calls_of_a_scattered_batch_are_charged_exactly)
{
	static const uint64_t nruns[] = { 1, 2, 1000, 1024, 1025, 3000 };
	struct gms_convert_result result;
	struct lx_guest guest;
	struct bill bill;

	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, 12 * LX_2M, 9, 0);
	for (size_t i = 0; i < sizeof(nruns) / sizeof(nruns[0]); i++) {
		bill = bill_of(&guest);
		ck_assert_int_eq(convert_scattered(&guest, nruns[i], true, &result), 0);
		ck_assert_uint_eq(result.host_runs, nruns[i]);
		ck_assert_uint_eq(result.flushes, 0);
		ck_calls(&guest, bill, way_of(_i), nruns[i], false);
		lx_guest_check(&guest, 7);

		bill = bill_of(&guest);
		ck_assert_int_eq(convert_scattered(&guest, nruns[i], false, &result), 0);
		ck_calls(&guest, bill, way_of(_i), nruns[i], true);
		lx_guest_check(&guest, 7);
	}
	lx_guest_free(&guest);
}
END_TEST

START_TEST(no_revocation_keeps_the_books_only)
{
	struct lx_guest guest;
	struct bill bill;

	lx_guest_new(&guest, LX_KIND, GMS_REVOKE_NONE, LX_2M, 9, 0);
	bill = bill_of(&guest);
	ck_assert_int_eq(gms_share(guest.space, LX_RANGE(guest.first, 9), NULL), 0);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first, 3), NULL), 0);
	ck_bill(&guest, bill, 0, 0, 0, 0);
	ck_assert_uint_eq(gms_backing_revoke(guest.backing), GMS_REVOKE_NONE);
	ck_assert_int_eq(gms_state_at(guest.space, guest.first), 0);
	for (uint64_t n = 0; n < LX_2M; n++)
		ck_assert(lx_reaches(lx_page(&guest, n)));
	lx_guest_free(&guest);
}
END_TEST

/* One call of process_madvise does less than 2 GiB; the rest must follow, from mid-run. */
START_TEST(a_run_of_5_gib_is_revoked_to_its_end)
{
	const struct gms_range all = LX_RANGE(LX_1G, 5 * LX_1G);
	static const uint64_t probe[] = {
		0, LX_2M, 2 * LX_1G - 2, 2 * LX_1G - 1, 2 * LX_1G, 4 * LX_1G - 3, 4 * LX_1G - 2,
		4 * LX_1G - 1, 4 * LX_1G, 5 * LX_1G - 1,
	};
	struct lx_guest guest;
	struct bill bill;

	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, 5 * LX_1G, 18, 0);
	ck_assert_uint_eq(guest.first, all.first);
	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < sizeof(probe) / sizeof(probe[0]); i++)
			ck_assert(!lx_reaches(lx_page(&guest, probe[i])));
		bill = bill_of(&guest);
		ck_assert_int_eq(gms_share(guest.space, all, NULL), 0);
		if (way_of(_i) == GMS_REVOKE_GUARD_VECTOR)
			ck_bill(&guest, bill, 3, 0, 0, 0);
		else
			ck_calls(&guest, bill, way_of(_i), 1, false);
		for (size_t i = 0; i < sizeof(probe) / sizeof(probe[0]); i++)
			ck_assert(lx_reaches(lx_page(&guest, probe[i])));
		bill = bill_of(&guest);
		ck_assert_int_eq(gms_unshare(guest.space, all, NULL), 0);
		if (way_of(_i) == GMS_REVOKE_GUARD_VECTOR)
			ck_bill(&guest, bill, 3, 0, 0, 3);
		else
			ck_calls(&guest, bill, way_of(_i), 1, true);
	}
	lx_guest_free(&guest);
}
END_TEST

/* The kernel allows so many mappings; a batch that needs more is undone whole. */
START_TEST(mprotect_beyond_max_map_count_is_undone)
{
	const uint64_t npages = (lx_host()->max_map_count / LX_2M + 2) * LX_2M;
	struct gms_convert_result result;
	struct lx_guest guest;
	uint64_t shared = 0;

	lx_guest_new(&guest, LX_KIND, GMS_REVOKE_MPROTECT, npages, 9, GMS_STATE_SHARED);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first + 1001, 1), NULL), 0);
	ck_assert_uint_eq(lx_maps_of(&guest), 3);
	ck_assert_int_eq(convert_scattered(&guest, npages / 2, false, &result), -ENOMEM);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_BACKEND);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_ROLLBACKS), 1);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_UNDO_FAILURES), 0);
	ck_assert_uint_gt(lx_event(guest.space, GMS_ACCT_SYS_MPROTECT), 20000);

	/* All but, perhaps, the last cut: the kernel makes two for a page, and keeps the first. */
	ck_assert_uint_le(lx_maps_of(&guest), 4);
	ck_assert_int_eq(gms_count(guest.space, LX_RANGE(guest.first, npages), GMS_STATE_SHARED,
				   GMS_STATE_SHARED, &shared), 0);
	ck_assert_uint_eq(shared, npages - 1);
	lx_guest_check(&guest, 1);
	lx_guest_free(&guest);
}
END_TEST

START_TEST(guard_markers_know_no_max_map_count)
{
	const uint64_t npages = (lx_host()->max_map_count / LX_2M + 2) * LX_2M;
	struct gms_convert_result result;
	struct lx_guest guest;
	struct bill bill;

	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, npages, 9, GMS_STATE_SHARED);
	bill = bill_of(&guest);
	ck_assert_int_eq(convert_scattered(&guest, npages / 2, false, &result), 0);
	ck_calls(&guest, bill, (uint32_t)_i, npages / 2, true);
	ck_assert_uint_eq(lx_maps_of(&guest), 1);
	lx_guest_check(&guest, 1);
	lx_guest_free(&guest);
}
END_TEST

/* By number: sanitizers make the function do nothing. */
static bool lock_memory(const void *mem, size_t bytes)
{
	return !syscall(SYS_mlock, mem, bytes);
}

/*
 * Markers are refused on locked pages, which makes a failure in the midst of a
 * batch, and in the midst of a run: everything must be as it was.
 */
START_TEST(a_batch_that_fails_half_way_is_undone)
{
	struct gms_convert_result result;
	struct gms_change change[3];
	struct lx_guest guest;

	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, LX_2M, 9, GMS_STATE_SHARED);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first + 500, 1), NULL), 0);
	ck_assert(lock_memory(lx_page(&guest, 24), LX_PAGE));

	ck_assert_int_eq(convert_scattered(&guest, 100, false, &result), -EINVAL);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_BACKEND);
	lx_guest_check(&guest, 1);

	memset(change, 0, sizeof(change));
	for (uint64_t i = 0; i < 3; i++)
		change[i].clear = GMS_STATE_SHARED;
	change[0].range = LX_RANGE(guest.first + 1, 1);
	change[1].range = LX_RANGE(guest.first + 20, 10);	/* locked in its midst */
	change[2].range = LX_RANGE(guest.first + 40, 1);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(guest.space, change, 3, NULL, &result), -EINVAL);
	lx_guest_check(&guest, 1);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_ROLLBACKS), 2);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_UNDO_FAILURES), 0);

	ck_assert_int_eq(syscall(SYS_munlock, lx_page(&guest, 24), LX_PAGE), 0);
	ck_assert_int_eq(gms_convert(guest.space, change, 3, NULL, NULL), 0);
	lx_guest_check(&guest, 1);
	lx_guest_free(&guest);
}
END_TEST

/* The same when nothing was decided yet: what little was done decides, and is undone. */
START_TEST(a_first_batch_that_fails_half_way_is_undone)
{
	struct gms_convert_result result;
	struct lx_guest guest;

	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, LX_2M, 9, GMS_STATE_SHARED);
	ck_assert(lock_memory(lx_page(&guest, 24), LX_PAGE));
	ck_assert_int_eq(convert_scattered(&guest, 100, false, &result), -EINVAL);
	ck_assert_uint_eq(gms_backing_revoke(guest.backing), way_of(_i));
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_UNDO_FAILURES), 0);
	lx_guest_check(&guest, 1);
	lx_guest_free(&guest);
}
END_TEST

/* Where no marker can be set at all, the first conversion finds mprotect. */
START_TEST(locked_memory_is_revoked_with_mprotect)
{
	struct lx_guest guest;
	struct bill bill;

	lx_guest_new(&guest, LX_KIND, GMS_REVOKE_BEST, LX_2M, 9, GMS_STATE_SHARED);
	ck_assert_uint_eq(gms_backing_revoke(guest.backing), GMS_REVOKE_BEST);
	ck_assert(IS_SECRET || lock_memory(guest.hva, LX_2M * LX_PAGE));
	bill = bill_of(&guest);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first + 9, 1), NULL), 0);
	ck_bill(&guest, bill, gms_host_has(lx_host(), GMS_HOST_GUARD_VECTOR), 1, 1, 1);
	ck_assert_uint_eq(gms_backing_revoke(guest.backing), GMS_REVOKE_MPROTECT);
	lx_guest_check(&guest, 1);
	lx_guest_free(&guest);
}
END_TEST

/* In a child: a failed assertion there would end the wrong process, so count. */
#define EXPECT(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
		bad++; \
	} \
} while (0)

static int ladder_in_child(bool markers)
{
	const uint32_t next = markers ? GMS_REVOKE_GUARD : GMS_REVOKE_MPROTECT;
	struct gms_region_opts region;
	struct lx_guest guest;
	int bad = 0;

	lx_guest_new(&guest, LX_KIND, GMS_REVOKE_BEST, LX_2M, 9, GMS_STATE_SHARED);
	if (!lx_refuse_calls(markers ? LX_NO_VECTORS : LX_NO_MARKERS))
		return -1;

	/* The refused calls are on the bill, once; from then on only what works is called. */
	EXPECT(!gms_unshare(guest.space, LX_RANGE(guest.first + 5, 1), NULL));
	EXPECT(gms_backing_revoke(guest.backing) == next);
	EXPECT(lx_event(guest.space, GMS_ACCT_SYS_PROCESS_MADVISE) == 1);
	EXPECT(lx_event(guest.space, GMS_ACCT_SYS_MADVISE) == 1);
	EXPECT(lx_event(guest.space, GMS_ACCT_SYS_MPROTECT) == !markers);
	EXPECT(lx_event(guest.space, GMS_ACCT_FLUSH_PROCESS) == 1);
	EXPECT(!lx_reaches(lx_page(&guest, 5)) && lx_reaches(lx_page(&guest, 6)));
	EXPECT(!gms_unshare(guest.space, LX_RANGE(guest.first + 9, 1), NULL));
	EXPECT(!gms_share(guest.space, LX_RANGE(guest.first + 5, 1), NULL));
	EXPECT(lx_event(guest.space, GMS_ACCT_SYS_PROCESS_MADVISE) == 1);
	EXPECT(lx_event(guest.space, GMS_ACCT_SYS_MADVISE) == (markers ? 3 : 1));
	EXPECT(lx_event(guest.space, GMS_ACCT_SYS_MPROTECT) == (markers ? 0 : 3));
	EXPECT(lx_reaches(lx_page(&guest, 5)) && !lx_reaches(lx_page(&guest, 9)));
	lx_guest_free(&guest);

	/* What was asked for by name falls through to nothing else. */
	for (uint32_t way = GMS_REVOKE_GUARD_VECTOR; way <= GMS_REVOKE_GUARD; way++) {
		if (way == next)
			continue;
		lx_guest_new(&guest, LX_KIND, way, LX_2M, 9, GMS_STATE_SHARED);
		EXPECT(gms_unshare(guest.space, LX_RANGE(guest.first + 5, 1), NULL) == -EOPNOTSUPP);
		EXPECT(gms_backing_revoke(guest.backing) == GMS_REVOKE_BEST);
		EXPECT(gms_state_at(guest.space, guest.first + 5) & GMS_STATE_SHARED);
		EXPECT(lx_reaches(lx_page(&guest, 5)));
		EXPECT(lx_event(guest.space, GMS_ACCT_SYS_MPROTECT) == 0);
		GMS_INIT(&region);
		EXPECT(gms_backing_region(guest.backing, 0, 9, 0, &region) == -EOPNOTSUPP);
		EXPECT(region.npages == 0 && lx_reaches(lx_page(&guest, 5)));
		lx_guest_free(&guest);
	}
	return bad;
}

static void in_child(int (*test)(bool), bool arg)
{
	const pid_t child = fork();
	int status = 0;

	ck_assert_int_ge(child, 0);
	if (!child) {
		const int bad = test(arg);

		fflush(NULL);
		_exit(bad < 0 ? 77 : bad ? 1 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "the child was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 77)
		printf("left out: no seccomp filter could be set\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}

START_TEST(ladder_ends_where_the_kernel_does)
{
	in_child(ladder_in_child, _i);
}
END_TEST

/* A child must never convert its parent's mapping. */
START_TEST(a_child_does_not_convert_its_parent)
{
	struct lx_guest guest;
	int status = 0;
	pid_t child;

	lx_guest_new(&guest, LX_KIND, GMS_REVOKE_GUARD_VECTOR, LX_2M, 9, GMS_STATE_SHARED);
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first, 1), NULL), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child)
		_exit(gms_unshare(guest.space, LX_RANGE(guest.first + 5, 1), NULL) == -EINVAL &&
		      gms_state_at(guest.space, guest.first + 5) & GMS_STATE_SHARED &&
		      gms_share(guest.space, LX_RANGE(guest.first, 1), NULL) == -EINVAL ? 0 : 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	lx_guest_check(&guest, 1);
	lx_guest_free(&guest);
}
END_TEST

#define NTHREADS	4
#define NTURNS		200

struct worker {
	pthread_t thread;
	struct lx_guest *guest;
	uint64_t first;		/* page of the backing */
	int bad;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	const gms_gfn first = worker->guest->first + worker->first;

	for (uint64_t i = 0; i < NTURNS; i++) {
		worker->bad |= gms_unshare(worker->guest->space, LX_RANGE(first + 3 * i, 2), NULL);
		if (i & 1)
			worker->bad |= gms_share(worker->guest->space,
						 LX_RANGE(first + 3 * i, 1), NULL);
	}
	return NULL;
}

/* The first conversions meet: one finds the way, all use it, none is charged twice. */
START_TEST(threads_convert_different_gib_of_a_new_backing)
{
	struct worker worker[NTHREADS];
	struct lx_guest guest;

	lx_guest_new(&guest, LX_KIND, (uint32_t)_i, NTHREADS * LX_1G, 18, GMS_STATE_SHARED);
	for (uint64_t t = 0; t < NTHREADS; t++) {
		worker[t] = (struct worker){ .guest = &guest, .first = t * LX_1G };
		ck_assert_int_eq(pthread_create(&worker[t].thread, NULL, work, &worker[t]), 0);
	}
	for (uint64_t t = 0; t < NTHREADS; t++) {
		ck_assert_int_eq(pthread_join(worker[t].thread, NULL), 0);
		ck_assert_int_eq(worker[t].bad, 0);
	}
	ck_assert_uint_eq(gms_backing_revoke(guest.backing), way_of(_i));
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_PROCESS_MADVISE) +
			  lx_event(guest.space, GMS_ACCT_SYS_MADVISE) +
			  lx_event(guest.space, GMS_ACCT_SYS_MPROTECT), NTHREADS * NTURNS * 3 / 2);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_FLUSH_PROCESS), NTHREADS * NTURNS);
	for (uint64_t t = 0; t < NTHREADS; t++)
		for (uint64_t i = 0; i < 3 * NTURNS + 3; i++) {
			const uint64_t n = t * LX_1G + i;

			ck_assert_int_eq(lx_reaches(lx_page(&guest, n)),
					 gms_state_at(guest.space, guest.first + n) & 1);
		}
	lx_guest_check(&guest, LX_1G / 3);
	lx_guest_free(&guest);
}
END_TEST

static bool mlock_works(void)
{
	void *page = mmap(NULL, LX_2M * LX_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const bool works = page != MAP_FAILED && lock_memory(page, LX_2M * LX_PAGE);

	if (page != MAP_FAILED)
		munmap(page, LX_2M * LX_PAGE);
	return works;
}

static void add_for_ways(TCase *tcase, const TTest *test, bool best)
{
	for (int way = best ? GMS_REVOKE_BEST : GMS_REVOKE_GUARD_VECTOR;
	     way <= GMS_REVOKE_MPROTECT; way++)
		if (has_way((uint32_t)way))
			tcase_add_loop_test(tcase, test, way, way + 1);
}

static void add_for_markers(TCase *tcase, const TTest *test)
{
	for (int way = GMS_REVOKE_GUARD_VECTOR; way <= GMS_REVOKE_GUARD; way++)
		if (has_way((uint32_t)way))
			tcase_add_loop_test(tcase, test, way, way + 1);
}

static bool memory_is_there(void)
{
	if (lx_host()->page_bytes != LX_PAGE) {
		printf("skipped: the pages of this host are not 4096 bytes\n");
		return false;
	}
	if (lx_missing(LX_KIND)) {
		printf("skipped: %s\n", lx_missing(LX_KIND));
		return false;
	}
	return true;
}

int main(void)
{
	Suite *suite = suite_create("revoke");
	TCase *reach = lx_case(suite, "reach"), *bill = lx_case(suite, "bill");
	TCase *undo = lx_case(suite, "undo"), *ways = lx_case(suite, "ways");
	const int disk = lx_disk_file(1);

	if (LX_KIND == GMS_BACKING_MEMFD_THP) {
		lx_settings_begin();
		(void)lx_settings_thp();
	}
	if (!memory_is_there())
		return 77;
	if (disk >= 0 && !IS_SECRET)
		add_for_ways(reach, share_of_a_page_leaves_the_other_511_out_of_reach, true);
	else if (!IS_SECRET)
		lx_leave_out("O_DIRECT into guest memory",
			     "neither $TMPDIR nor this folder nor /var/tmp does O_DIRECT");
	close(disk);
	add_for_ways(reach, unshare_and_share_keep_the_contents, true);
	add_for_ways(reach, touch_of_a_private_page_is_a_signal_that_names_it, true);
	add_for_ways(reach, a_run_of_5_gib_is_revoked_to_its_end, false);
	add_for_ways(bill, calls_of_one_run_are_charged_one_by_one, true);
	add_for_ways(bill, calls_of_a_scattered_batch_are_charged_exactly, false);
	tcase_add_test(bill, no_revocation_keeps_the_books_only);

	if (lx_host()->max_map_count && lx_host()->max_map_count <= 1 << 20)
		tcase_add_test(undo, mprotect_beyond_max_map_count_is_undone);
	else
		lx_leave_out("the limit of mappings", "vm.max_map_count is not known, or too high");
	if (lx_host()->max_map_count && lx_host()->max_map_count <= 1 << 20)
		add_for_markers(undo, guard_markers_know_no_max_map_count);
	if (!gms_host_has(lx_host(), GMS_HOST_GUARD)) {
		lx_leave_out("guard markers", "this kernel has none for files");
	} else if (IS_SECRET) {
		tcase_add_test(ways, locked_memory_is_revoked_with_mprotect);
	} else if (!mlock_works()) {
		lx_leave_out("locked memory", "mlock is not permitted here");
	} else {
		add_for_markers(undo, a_batch_that_fails_half_way_is_undone);
		add_for_markers(undo, a_first_batch_that_fails_half_way_is_undone);
		tcase_add_loop_test(undo, a_first_batch_that_fails_half_way_is_undone,
				    GMS_REVOKE_BEST, GMS_REVOKE_BEST + 1);
		tcase_add_test(ways, locked_memory_is_revoked_with_mprotect);
	}
	if (has_way(GMS_REVOKE_GUARD_VECTOR)) {
		tcase_add_loop_test(ways, ladder_ends_where_the_kernel_does, false, true + 1);
		tcase_add_test(ways, a_child_does_not_convert_its_parent);
	}
	add_for_ways(ways, threads_convert_different_gib_of_a_new_backing, false);
	if (has_way(GMS_REVOKE_GUARD_VECTOR))
		tcase_add_loop_test(ways, threads_convert_different_gib_of_a_new_backing,
				    GMS_REVOKE_BEST, GMS_REVOKE_BEST + 1);
	return lx_run(suite);
}

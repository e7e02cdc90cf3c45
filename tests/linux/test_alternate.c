/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every other page of 1 GiB: 131,072 runs in one batch, more than a process may
 * have mappings. Guard markers know no limit; mprotect finds it, and then the page
 * is named and nothing is lost: no state, no contents, no mapping.
 */
#define _GNU_SOURCE
#include "support.h"

#include <sys/wait.h>

#define S	GMS_STATE_SHARED
#define NRUNS	(LX_1G / 2)
#define STRIDE	61u		/* of the pages that are written, and looked at in the end */

static void fill(const struct lx_guest *guest)
{
	for (uint64_t n = 0; n < LX_1G; n += STRIDE)
		memcpy(lx_page(guest, n), &n, sizeof(n));
}

/* The first page whose word is not its number; LX_1G if there is none. The whole must be shared. */
static uint64_t first_lost(const struct lx_guest *guest)
{
	for (uint64_t n = 0; n < LX_1G; n += STRIDE)
		if (memcmp(lx_page(guest, n), &n, sizeof(n)))
			return n;
	return LX_1G;
}

/* Every other page turns, with any content but what is lost; the library's answer. */
static int turn(const struct lx_guest *guest, bool share, uint32_t content,
		struct gms_convert_result *result)
{
	struct gms_change *changes = calloc(NRUNS, sizeof(*changes));
	struct gms_convert_opts opts;
	int rc;

	if (!changes)
		abort();
	for (uint64_t i = 0; i < NRUNS; i++) {
		changes[i].range = LX_RANGE(guest->first + 2 * i, 1);
		changes[i].set = share ? S : 0;
		changes[i].clear = share ? 0 : S;
	}
	GMS_INIT(result);
	GMS_INIT(&opts);
	opts.content = content;
	rc = gms_convert(guest->space, changes, NRUNS, &opts, result);
	free(changes);
	return rc;
}

/* Pages that the VMM does not reach as the books say, of those looked at. */
static unsigned int disagree(const struct lx_guest *guest)
{
	unsigned int n = 0;

	for (uint64_t page = 0; page < LX_1G; page += STRIDE)
		n += lx_reaches(lx_page(guest, page)) !=
		     !!(gms_state_at(guest->space, guest->first + page) & S);
	return n;
}

START_TEST(guard_markers_revoke_every_other_page)	/* _i: kind */
{
	const bool vector = gms_host_has(lx_host(), GMS_HOST_GUARD_VECTOR);
	struct gms_convert_result result;
	struct lx_guest guest;

	lx_guest_new(&guest, (uint32_t)_i, GMS_REVOKE_BEST, LX_1G, 9, S);
	fill(&guest);
	ck_assert_int_eq(turn(&guest, false, GMS_CONTENT_PRESERVE, &result), 0);
	ck_assert_uint_eq(result.host_runs, NRUNS);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_PROCESS_MADVISE),
			  vector ? NRUNS / 1024 : 0);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_MADVISE), vector ? 0 : NRUNS);
	ck_assert_uint_eq(lx_event(guest.space, GMS_ACCT_SYS_MPROTECT), 0);
	ck_assert_uint_eq(lx_maps_of(&guest), 1);
	ck_assert_uint_eq(disagree(&guest), 0);
	ck_assert_int_eq(turn(&guest, true, GMS_CONTENT_PRESERVE, &result), 0);
	ck_assert_uint_eq(disagree(&guest), 0);
	ck_assert_uint_eq(first_lost(&guest), LX_1G);
	lx_guest_free(&guest);
}
END_TEST

/* May run in a child, where a failed assertion would end the wrong process: count. */
#define EXPECT(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
		bad++; \
	} \
} while (0)

/* How many of the expectations do not hold. */
static unsigned int run_into_the_limit(const struct lx_guest *guest, uint32_t content)
{
	struct gms_convert_result result;
	uint64_t shared = 0;
	unsigned int bad = 0;

	fill(guest);
	EXPECT(turn(guest, false, content, &result) == -ENOMEM);
	EXPECT(result.error_reason == GMS_REASON_BACKEND);
	/* Two mappings a page; the rest of the process has some too. */
	EXPECT(result.error_gfn > guest->first + lx_host()->max_map_count / 2);
	EXPECT(result.error_gfn <= guest->first + lx_host()->max_map_count);
	EXPECT(!(result.error_gfn & 1));
	EXPECT(gms_backing_revoke(guest->backing) == GMS_REVOKE_MPROTECT);

	EXPECT(!gms_count(guest->space, LX_RANGE(guest->first, LX_1G), S, S, &shared));
	EXPECT(shared == LX_1G);
	EXPECT(disagree(guest) == 0);
	EXPECT(first_lost(guest) == LX_1G);
	EXPECT(lx_event(guest->space, GMS_ACCT_ROLLBACKS) == 1);
	EXPECT(lx_event(guest->space, GMS_ACCT_UNDO_FAILURES) == 0);
	EXPECT(lx_maps_of(guest) <= 2);

	/* And it goes on: what fits is done. */
	EXPECT(!gms_unshare(guest->space, LX_RANGE(guest->first, 1000), NULL));
	EXPECT(disagree(guest) == 0);
	return bad;
}

START_TEST(mprotect_finds_the_limit_and_nothing_is_lost)	/* _i: content */
{
	struct lx_guest guest;

	lx_guest_new(&guest, GMS_BACKING_MEMFD, GMS_REVOKE_MPROTECT, LX_1G, 9, S);
	ck_assert_uint_eq(run_into_the_limit(&guest, (uint32_t)_i), 0);
	lx_guest_free(&guest);
}
END_TEST

/* The best that there is, on a kernel that has no markers. */
START_TEST(where_markers_are_missing_the_limit_is_found)
{
	struct lx_guest guest;
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child) {
		unsigned int bad;

		if (!lx_refuse_calls(LX_NO_MARKERS))
			_exit(77);
		lx_guest_new(&guest, GMS_BACKING_MEMFD, GMS_REVOKE_BEST, LX_1G, 9, S);
		bad = run_into_the_limit(&guest, GMS_CONTENT_ANY);
		fflush(NULL);
		_exit(bad ? 1 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "the child was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 77)
		printf("left out: no seccomp filter could be set\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alternate");
	TCase *markers = lx_case(suite, "markers"), *limit = lx_case(suite, "limit");
	const uint64_t most = lx_host()->max_map_count;

	if (lx_host()->page_bytes != LX_PAGE) {
		printf("skipped: the pages of this host are not 4096 bytes\n");
		return 77;
	}
	if (gms_host_has(lx_host(), GMS_HOST_GUARD)) {
		tcase_add_loop_test(markers, guard_markers_revoke_every_other_page,
				    GMS_BACKING_MEMFD, GMS_BACKING_MEMFD + 1);
		if (!lx_missing(GMS_BACKING_GUEST_MEMFD))
			tcase_add_loop_test(markers, guard_markers_revoke_every_other_page,
					    GMS_BACKING_GUEST_MEMFD, GMS_BACKING_GUEST_MEMFD + 1);
	} else {
		lx_leave_out("guard markers", "this kernel has none for files");
	}
	if (most && most < NRUNS) {
		tcase_add_loop_test(limit, mprotect_finds_the_limit_and_nothing_is_lost,
				    GMS_CONTENT_ANY, GMS_CONTENT_ZERO + 1);
		tcase_add_test(limit, where_markers_are_missing_the_limit_is_found);
	} else {
		lx_leave_out("the limit of mappings", "vm.max_map_count is not known, or higher");
	}
	return lx_run(suite);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of linux/backing.h: making, describing and freeing guest memory. */
#define _GNU_SOURCE
#include "settings.h"
#include "support.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

static void memfd_opts(struct gms_backing_opts *opts, uint64_t bytes)
{
	GMS_INIT(opts);
	opts->bytes = bytes;
	opts->vm_fd = -1;
}

static struct gms_backing *memfd_backing(uint64_t bytes, uint32_t revoke)
{
	struct gms_backing *backing = NULL;
	struct gms_backing_opts opts;

	memfd_opts(&opts, bytes);
	opts.revoke = revoke;
	ck_assert_int_eq(gms_backing_new(&backing, &opts), 0);
	ck_assert_ptr_nonnull(backing);
	return backing;
}

/* What sets a filter, which is for ever: 0 is good, 77 that there can be no filter. */
static void in_a_child(int (*fn)(void))
{
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child)
		_exit(fn());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "the child was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 77)
		printf("left out: no seccomp filter could be set\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}

/* What is refused must say so, leave *out alone and keep nothing. */
static void refuse(const struct gms_backing_opts *opts, int error)
{
	struct gms_backing *const untouched = (void *)&error;
	struct gms_backing *backing = untouched;
	const unsigned int fds = lx_fds();
	unsigned int maps;

	/* Once before: an allocator may map memory for the first block of a size. */
	ck_assert_int_eq(gms_backing_new(&backing, opts), error);
	maps = lx_maps();
	ck_assert_int_eq(gms_backing_new(&backing, opts), error);
	ck_assert_ptr_eq(backing, untouched);
	ck_assert_uint_eq(lx_fds(), fds);
	ck_assert_uint_eq(lx_maps(), maps);
}

START_TEST(new_of_null_is_refused)
{
	struct gms_backing_opts opts;

	memfd_opts(&opts, LX_2M * LX_PAGE);
	refuse(NULL, -EINVAL);
	ck_assert_int_eq(gms_backing_new(NULL, &opts), -EINVAL);
}
END_TEST

START_TEST(new_with_a_bad_length_is_refused)
{
	static const uint64_t bytes[] = { 0, 1, 4095, 4097, UINT64_MAX, UINT64_C(1) << 63 | 512 };
	struct gms_backing_opts opts;

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		memfd_opts(&opts, bytes[i]);
		refuse(&opts, -EINVAL);
	}
}
END_TEST

START_TEST(new_that_no_address_space_holds_is_out_of_memory)
{
	static const uint64_t bytes[] = {
		UINT64_C(1) << 48, UINT64_C(1) << 63, UINT64_MAX - 4095 - (2u << 20),
		-UINT64_C(65536),
	};
	struct gms_backing_opts opts;

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		memfd_opts(&opts, bytes[i]);
		refuse(&opts, -ENOMEM);
	}
}
END_TEST

START_TEST(new_with_an_unknown_kind_way_or_flag_is_refused)
{
	struct gms_backing_opts opts;

	memfd_opts(&opts, 1 << 21);
	opts.kind = GMS_BACKING_KINDS;
	refuse(&opts, -EINVAL);
	memfd_opts(&opts, 1 << 21);
	opts.kind = UINT32_MAX;
	refuse(&opts, -EINVAL);
	memfd_opts(&opts, 1 << 21);
	opts.revoke = GMS_REVOKE_NONE + 1;
	refuse(&opts, -EINVAL);
	for (int bit = 0; bit < 32; bit++) {
		memfd_opts(&opts, 1 << 21);
		opts.flags = UINT32_C(1) << bit;
		refuse(&opts, -EINVAL);
	}
}
END_TEST

START_TEST(new_with_a_longer_struct_is_refused_unless_the_rest_is_zero)
{
	LX_LONGER(struct gms_backing_opts) longer;
	struct gms_backing *backing = NULL;

	GMS_INIT(&longer);
	longer.known.bytes = 1 << 21;
	longer.tail[15] = 1;
	refuse(&longer.known, -E2BIG);
	longer.tail[15] = 0;
	ck_assert_int_eq(gms_backing_new(&backing, &longer.known), 0);
	gms_backing_free(backing);
}
END_TEST

START_TEST(new_with_a_shorter_struct_takes_the_rest_for_zero)
{
	struct gms_backing *backing = NULL;
	struct gms_backing_opts opts;

	memset(&opts, 0xff, sizeof(opts));
	opts.size = offsetof(struct gms_backing_opts, kind);
	opts.bytes = 1 << 21;
	ck_assert_int_eq(gms_backing_new(&backing, &opts), 0);
	ck_assert_uint_eq(gms_backing_bytes(backing), 1 << 21);
	gms_backing_free(backing);

	for (size_t size = 0; size < sizeof(size_t); size++) {
		opts.size = size;
		refuse(&opts, -EINVAL);
	}
	opts.size = sizeof(size_t);	/* no length */
	refuse(&opts, -EINVAL);
}
END_TEST

START_TEST(new_guest_memfd_without_a_vm_is_refused)
{
	struct gms_backing_opts opts;
	int fd[2];

	memfd_opts(&opts, 1 << 21);
	opts.kind = GMS_BACKING_GUEST_MEMFD;
	refuse(&opts, -EBADF);
	opts.vm_fd = INT32_MIN;
	refuse(&opts, -EBADF);
	opts.vm_fd = 1000000;
	refuse(&opts, -EBADF);
	ck_assert_int_eq(pipe(fd), 0);
	opts.vm_fd = fd[0];		/* open, but no VM */
	refuse(&opts, -EBADF);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(new_memory_is_mapped_aligned_and_zero)
{
	static const uint64_t pages[] = { 1, 3, LX_2M, LX_2M + 1, 5 * LX_2M };

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		const uint64_t bytes = pages[i] * (uint64_t)sysconf(_SC_PAGESIZE);
		struct gms_backing *backing = memfd_backing(bytes, GMS_REVOKE_BEST);
		char *hva = gms_backing_hva(backing);
		struct stat st;

		ck_assert_uint_eq((uintptr_t)hva % (2u << 20), 0);
		ck_assert_uint_eq(gms_backing_bytes(backing), bytes);
		for (uint64_t at = 0; at < bytes; at += LX_PAGE) {
			ck_assert_int_eq(hva[at], 0);
			hva[at + LX_PAGE - 1] = 1;
		}
		ck_assert_int_eq(fstat(gms_backing_fd(backing), &st), 0);
		ck_assert_uint_eq((uint64_t)st.st_size, bytes);
		gms_backing_free(backing);
	}
}
END_TEST

START_TEST(new_memfd_keeps_its_length_and_stays_with_this_program)
{
	struct gms_backing *backing = memfd_backing(1 << 21, GMS_REVOKE_BEST);
	const int fd = gms_backing_fd(backing);

	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW),
			 F_SEAL_SHRINK | F_SEAL_GROW);
	ck_assert_int_ne(ftruncate(fd, 0), 0);
	ck_assert_int_ne(ftruncate(fd, 1 << 22), 0);
	gms_backing_free(backing);
}
END_TEST

START_TEST(new_and_free_leave_nothing_behind)
{
	unsigned int fds, maps;

	/* Once before: an allocator may map memory for the first block of a size. */
	for (uint32_t revoke = GMS_REVOKE_BEST; revoke <= GMS_REVOKE_NONE; revoke++)
		gms_backing_free(memfd_backing(6 << 20, revoke));
	fds = lx_fds();
	maps = lx_maps();
	for (uint32_t revoke = GMS_REVOKE_BEST; revoke <= GMS_REVOKE_NONE; revoke++)
		gms_backing_free(memfd_backing(6 << 20, revoke));
	ck_assert_uint_eq(lx_fds(), fds);
	ck_assert_uint_eq(lx_maps(), maps);
	gms_backing_free(NULL);
}
END_TEST

/*
 * Out of descriptors the trial sees nothing, and must not take that for what the
 * memory is: one that the VMM cannot touch would turn private without being revoked.
 */
START_TEST(new_with_too_few_descriptors_is_refused_or_as_good_as_ever)
{
	struct gms_backing *backing = memfd_backing(1 << 21, GMS_REVOKE_BEST);
	struct gms_backing_info usual, info;
	struct gms_backing_opts opts;
	unsigned int refused = 0;
	struct rlimit limit, whole;
	int rc = -1;

	GMS_INIT(&usual);
	ck_assert_int_eq(gms_backing_get(backing, &usual), 0);
	gms_backing_free(backing);
	memfd_opts(&opts, 1 << 21);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &whole), 0);
	limit = whole;
	for (limit.rlim_cur = 1; rc; limit.rlim_cur++) {
		ck_assert_uint_lt(limit.rlim_cur, limit.rlim_max);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		rc = gms_backing_new(&backing, &opts);
		if (rc) {
			refused++;
			ck_assert_int_eq(rc, -EMFILE);
		}
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &whole), 0);	/* tests may share a process */
	ck_assert_uint_gt(refused, 0);
	GMS_INIT(&info);
	ck_assert_int_eq(gms_backing_get(backing, &info), 0);
	ck_assert_uint_eq(info.abilities, usual.abilities);
	gms_backing_free(backing);
}
END_TEST

/* In a child, where no byte of memory can be had: as where a limit of the kernel is met. */
static int without_memory(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EFAULT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };
	struct gms_backing *backing = NULL;
	struct gms_backing_opts opts;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return 77;
	memfd_opts(&opts, 1 << 21);
	return gms_backing_new(&backing, &opts) == -ENOMEM && !backing ? 0 : 1;
}

/* In a child, whose kernel was built without hugetlb. */
static int without_hugetlb(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MFD_HUGETLB, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };
	struct gms_backing *backing = NULL;
	struct gms_backing_opts opts;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return 77;
	memfd_opts(&opts, 1 << 21);
	opts.kind = GMS_BACKING_HUGETLB_2M;
	return gms_backing_new(&backing, &opts) == -EOPNOTSUPP && !backing ? 0 : 1;
}

START_TEST(new_of_huge_pages_that_the_kernel_lacks_is_not_supported)
{
	in_a_child(without_hugetlb);
}
END_TEST

START_TEST(new_whose_first_page_cannot_be_had_is_out_of_memory)
{
	in_a_child(without_memory);
}
END_TEST

START_TEST(new_and_region_leave_errno_alone)
{
	struct gms_region_opts region;
	struct gms_backing *backing;

	errno = ENOTTY;
	backing = memfd_backing(1 << 21, GMS_REVOKE_BEST);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(backing, 0, 9, 0, &region), 0);
	gms_backing_free(backing);
	ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

START_TEST(questions_about_null_have_an_answer)
{
	ck_assert_int_eq(gms_backing_fd(NULL), -EINVAL);
	ck_assert_ptr_null(gms_backing_hva(NULL));
	ck_assert_uint_eq(gms_backing_bytes(NULL), 0);
	ck_assert_uint_eq(gms_backing_revoke(NULL), GMS_REVOKE_BEST);
}
END_TEST

START_TEST(revoke_name_is_there_for_every_way_and_no_two_share_one)
{
	for (uint32_t a = 0; a <= GMS_REVOKE_NONE; a++) {
		ck_assert_ptr_nonnull(gms_revoke_name(a));
		for (uint32_t b = 0; b < a; b++)
			ck_assert_str_ne(gms_revoke_name(a), gms_revoke_name(b));
	}
	ck_assert_str_eq(gms_revoke_name(GMS_REVOKE_GUARD_VECTOR), "guard markers, vectored");
	ck_assert_ptr_null(gms_revoke_name(GMS_REVOKE_NONE + 1));
	ck_assert_ptr_null(gms_revoke_name(UINT32_MAX));
}
END_TEST

START_TEST(region_describes_the_whole_backing)
{
	struct gms_backing *backing = memfd_backing(4 << 20, GMS_REVOKE_BEST);
	struct gms_region_opts region;

	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(backing, 0x1000, 9, GMS_STATE_SHARED, &region), 0);
	ck_assert_uint_eq(region.size, sizeof(region));
	ck_assert_uint_eq(region.first, 0x1000);
	ck_assert_uint_eq(region.npages, 2 * LX_2M);
	ck_assert_uint_eq(region.backing_id, (uint64_t)gms_backing_fd(backing));
	ck_assert_uint_eq(region.backing_offset_bytes, 0);
	ck_assert_ptr_eq(region.hva, gms_backing_hva(backing));
	ck_assert_uint_eq(region.base_order, 9);
	ck_assert_uint_eq(region.state, GMS_STATE_SHARED);
	ck_assert_ptr_nonnull(region.backend);
	ck_assert_uint_eq(region.backend->size, sizeof(*region.backend));
	ck_assert_ptr_nonnull(region.backend->ctx);
	ck_assert_ptr_nonnull(region.backend->unmap_host);
	ck_assert_ptr_nonnull(region.backend->map_host);
	gms_backing_free(backing);
}
END_TEST

START_TEST(region_makes_the_mapping_agree_with_the_state)
{
	struct gms_backing *backing = memfd_backing(4 << 20, (uint32_t)_i);
	char *hva = gms_backing_hva(backing);
	struct gms_region_opts region;

	memset(hva, 0x42, 4 << 20);
	ck_assert_uint_eq(gms_backing_revoke(backing), GMS_REVOKE_BEST);
	for (int turn = 0; turn < 2; turn++) {
		GMS_INIT(&region);
		ck_assert_int_eq(gms_backing_region(backing, 0, 9, 0, &region), 0);
		if (_i != GMS_REVOKE_BEST)
			ck_assert_uint_eq(gms_backing_revoke(backing), (uint32_t)_i);
		for (uint64_t at = 0; at < 4 << 20; at += 37 * LX_PAGE)
			ck_assert_int_eq(lx_reaches(hva + at), _i == GMS_REVOKE_NONE);
		GMS_INIT(&region);
		ck_assert_int_eq(gms_backing_region(backing, 0, 9, GMS_STATE_SHARED, &region), 0);
		for (uint64_t at = 0; at < 4 << 20; at += LX_PAGE)
			ck_assert_int_eq(hva[at], 0x42);
	}
	gms_backing_free(backing);
}
END_TEST

START_TEST(region_that_begins_frozen_is_out_of_reach)
{
	struct gms_backing *backing = memfd_backing(4 << 20, GMS_REVOKE_BEST);
	const char *hva = gms_backing_hva(backing);
	struct gms_region_opts region;
	struct gms_space *space;

	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(backing, 0, 9, GMS_STATE_SHARED | GMS_STATE_FROZEN,
					    &region), 0);
	ck_assert(!lx_reaches(hva + 5 * LX_PAGE));
	ck_assert_int_eq(gms_space_new(&space, NULL), 0);
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	ck_assert_int_eq(gms_thaw(space, LX_RANGE(5, 1), NULL), 0);
	ck_assert(lx_reaches(hva + 5 * LX_PAGE) && !lx_reaches(hva + 6 * LX_PAGE));
	gms_space_free(space);
	gms_backing_free(backing);
}
END_TEST

START_TEST(region_of_null_or_a_wrong_size_is_refused_and_changes_nothing)
{
	struct gms_backing *backing = memfd_backing(1 << 21, GMS_REVOKE_BEST);
	LX_LONGER(struct gms_region_opts) longer;
	struct gms_region_opts region, before;

	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(NULL, 0, 9, 0, &region), -EINVAL);
	ck_assert_int_eq(gms_backing_region(backing, 0, 9, 0, NULL), -EINVAL);
	for (region.size = 0; region.size < sizeof(size_t); region.size++) {
		before = region;
		ck_assert_int_eq(gms_backing_region(backing, 0, 9, 0, &region), -EINVAL);
		ck_assert_mem_eq(&region, &before, sizeof(region));
	}
	GMS_INIT(&longer);
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_backing_region(backing, 0, 9, 0, &longer.known), -E2BIG);
	ck_assert_uint_eq(longer.known.npages, 0);
	ck_assert(lx_reaches(gms_backing_hva(backing)));
	ck_assert_uint_eq(gms_backing_revoke(backing), GMS_REVOKE_BEST);

	longer.tail[0] = 0;
	ck_assert_int_eq(gms_backing_region(backing, 0, 9, 0, &longer.known), 0);
	ck_assert_uint_eq(longer.known.size, sizeof(longer));
	ck_assert_uint_eq(longer.known.npages, LX_2M);

	memset(&region, 0x5a, sizeof(region));
	region.size = offsetof(struct gms_region_opts, hva);
	ck_assert_int_eq(gms_backing_region(backing, 3, 0, GMS_STATE_SHARED, &region), 0);
	ck_assert_uint_eq(region.size, offsetof(struct gms_region_opts, hva));
	ck_assert_uint_eq(region.first, 3);
	ck_assert_uint_eq((uintptr_t)region.hva, UINT64_C(0x5a5a5a5a5a5a5a5a));
	gms_backing_free(backing);
}
END_TEST

/* The operations are public by the backend: they trust no offset. */
START_TEST(runs_outside_the_backing_are_refused_and_change_nothing)
{
	struct gms_backing *backing = memfd_backing(4 << 20, GMS_REVOKE_BEST);
	struct gms_host_run run[2] = { { .npages = 1 }, { .npages = 1 } };
	static const struct { uint64_t offset, npages; } bad[] = {
		{ 4 << 20, 1 }, { 0, 2 * LX_2M + 1 }, { (4 << 20) - 4096, 2 },
		{ -UINT64_C(4096), 2 }, { 4096, UINT64_MAX }, { 4096, UINT64_C(1) << 52 },
	};
	struct gms_region_opts region;

	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(backing, 0, 9, GMS_STATE_SHARED, &region), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct gms_backend *be = region.backend;
		size_t ndone = 0;

		run[1].backing_offset_bytes = bad[i].offset;
		run[1].npages = bad[i].npages;
		ck_assert_int_eq(be->unmap_host(be->ctx, run, 2, &ndone, NULL), -EINVAL);
		ck_assert_uint_eq(ndone, 0);
		ck_assert_int_eq(be->map_host(be->ctx, run, 2, &ndone, NULL), -EINVAL);
		ck_assert_uint_eq(ndone, 0);
		ck_assert(lx_reaches(gms_backing_hva(backing)));
	}
	gms_backing_free(backing);
}
END_TEST

START_TEST(names_are_there_for_every_kind_and_ability_and_no_two_share_one)
{
	for (uint32_t a = 0; a < GMS_BACKING_KINDS; a++) {
		ck_assert_ptr_nonnull(gms_backing_kind_name(a));
		for (uint32_t b = 0; b < a; b++)
			ck_assert_str_ne(gms_backing_kind_name(a), gms_backing_kind_name(b));
	}
	for (uint32_t a = 0; a < GMS_BACKING_ABILITIES; a++) {
		ck_assert_ptr_nonnull(gms_backing_ability_name(a));
		for (uint32_t b = 0; b < a; b++)
			ck_assert_str_ne(gms_backing_ability_name(a), gms_backing_ability_name(b));
	}
	ck_assert_str_eq(gms_backing_kind_name(GMS_BACKING_HUGETLB_2M), "hugetlb 2M");
	ck_assert_str_eq(gms_backing_ability_name(GMS_BACKING_CAN_DISCARD), "discard");
	ck_assert_ptr_null(gms_backing_kind_name(GMS_BACKING_KINDS));
	ck_assert_ptr_null(gms_backing_ability_name(GMS_BACKING_ABILITIES));
	ck_assert_ptr_null(gms_backing_ability_name(UINT32_MAX));
}
END_TEST

static struct gms_backing_info info_of(const struct gms_backing *backing)
{
	struct gms_backing_info info;

	GMS_INIT(&info);
	ck_assert_int_eq(gms_backing_get(backing, &info), 0);
	return info;
}

/* A backing of a kind with two pages of its own; *@vm must be closed. */
static struct gms_backing *backing_of(uint32_t kind, uint32_t revoke, int *vm)
{
	struct gms_backing *backing = NULL;
	struct gms_backing_opts opts;

	*vm = lx_vm();
	GMS_INIT(&opts);
	opts.kind = kind;
	opts.bytes = lx_length(kind, 2 * LX_2M) * LX_PAGE;
	opts.revoke = revoke;
	opts.vm_fd = *vm;
	ck_assert_int_eq(gms_backing_new(&backing, &opts), 0);
	return backing;
}

/* What is said of a kind is what the kernel does, asked by other means than the library's. */
START_TEST(get_and_can_say_what_the_kernel_does)
{
	static const char text[] = "text";
	const uint32_t kind = (uint32_t)_i;
	int vm;
	struct gms_backing *backing = backing_of(kind, GMS_REVOKE_BEST, &vm);
	const struct gms_backing_info info = info_of(backing);
	const int fd = gms_backing_fd(backing);
	char *hva = gms_backing_hva(backing);
	char byte = 1;

	ck_assert_uint_eq(info.kind, kind);
	ck_assert_uint_eq(info.bytes, gms_backing_bytes(backing));
	for (uint32_t a = 0; a < GMS_BACKING_ABILITIES; a++) {
		const char *why = text;

		ck_assert_int_eq(info.error[a] == 0, info.abilities >> a & 1);
		ck_assert_int_le(info.error[a], 0);
		ck_assert_int_eq(gms_backing_can(backing, a, &why),
				 info.error[a] ? -EOPNOTSUPP : 0);
		ck_assert_int_eq(why != text, info.error[a] != 0);
		ck_assert_uint_ge(strlen(why), 4);
		ck_assert_int_eq(gms_backing_can(backing, a, NULL), info.error[a] ? -EOPNOTSUPP : 0);
	}
	ck_assert_int_eq(info.error[GMS_BACKING_CAN_MAP] == 0, hva != NULL);
	if (hva)
		ck_assert_int_eq(info.error[GMS_BACKING_CAN_TOUCH] == 0, lx_reaches(hva));
	else
		ck_assert_int_ne(info.error[GMS_BACKING_CAN_TOUCH], 0);
	ck_assert_int_eq(info.error[GMS_BACKING_CAN_PREAD] == 0, pread(fd, &byte, 1, 0) == 1);
	ck_assert_int_eq(info.error[GMS_BACKING_CAN_PWRITE] == 0, pwrite(fd, &byte, 1, 0) == 1);
	ck_assert_int_eq(info.error[GMS_BACKING_CAN_POPULATE] == 0,
			 !fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LX_PAGE));
	ck_assert_int_eq(info.error[GMS_BACKING_CAN_REVOKE] == 0, info.revoke_bytes != 0);
	ck_assert_int_eq(info.error[GMS_BACKING_CAN_DISCARD] == 0, info.discard_bytes != 0);
	ck_assert_int_eq(info.error[GMS_BACKING_HAS_HUGE] == 0, info.page_bytes > LX_PAGE);
	ck_assert_uint_eq(info.undiscarded_bytes, 0);
	gms_backing_free(backing);
	close(vm);
}
END_TEST

/* Only what the trial gave back, or never took, is no allocation. */
START_TEST(new_leaves_memory_empty_and_zero)
{
	int vm;
	struct gms_backing *backing = backing_of((uint32_t)_i, GMS_REVOKE_BEST, &vm);
	const struct gms_backing_info info = info_of(backing);
	const char *hva = gms_backing_hva(backing);

	if (info.allocated_bytes != GMS_BACKING_UNKNOWN)
		ck_assert_uint_eq(info.allocated_bytes, 0);
	for (uint64_t at = 0; !info.error[GMS_BACKING_CAN_TOUCH] && at < 512 * LX_PAGE;
	     at += LX_PAGE)
		ck_assert(lx_page_holds(hva + at, 0));
	ck_assert_uint_eq((uintptr_t)hva % (_i == GMS_BACKING_HUGETLB_1G ? 1u << 30 : 1u << 21), 0);
	if (info.allocated_bytes != GMS_BACKING_UNKNOWN)
		ck_assert_uint_ge(info_of(backing).allocated_bytes, 1u << 21);
	gms_backing_free(backing);
	close(vm);
}
END_TEST

static uint64_t pool(uint64_t page_bytes, const char *what)
{
	unsigned long long n = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%llukB/%s_hugepages",
		 (unsigned long long)page_bytes >> 10, what);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%llu", &n), 1);
	fclose(file);
	return n;
}

/* All that the pool has: none of it is left for another, also not what the trial used. */
START_TEST(new_keeps_every_huge_page_reserved)	/* _i: kind */
{
	const uint64_t page = _i == GMS_BACKING_HUGETLB_1G ? LX_HUGE_1G : LX_HUGE_2M;
	const uint64_t left = pool(page, "free") - pool(page, "resv");
	struct gms_backing *all = NULL, *more = NULL;
	struct gms_backing_opts opts;
	int rc;

	if (pool(page, "nr_overcommit")) {
		printf("left out: the pool of this host grows\n");
		return;
	}
	memfd_opts(&opts, left * page);
	opts.kind = (uint32_t)_i;
	ck_assert_int_eq(gms_backing_new(&all, &opts), 0);
	opts.bytes = page;
	rc = gms_backing_new(&more, &opts);
	gms_backing_free(more);
	gms_backing_free(all);
	ck_assert_int_eq(rc, -ENOMEM);
}
END_TEST

START_TEST(get_can_and_exposed_refuse_bad_arguments)
{
	struct gms_backing *backing = memfd_backing(4 << 20, GMS_REVOKE_BEST);
	LX_LONGER(struct gms_backing_info) longer;
	struct gms_backing_info info;
	const char *why = NULL;
	uint64_t exposed = 9;

	GMS_INIT(&info);
	ck_assert_int_eq(gms_backing_get(NULL, &info), -EINVAL);
	ck_assert_int_eq(gms_backing_get(backing, NULL), -EINVAL);
	for (info.size = 0; info.size < sizeof(size_t); info.size++)
		ck_assert_int_eq(gms_backing_get(backing, &info), -EINVAL);
	GMS_INIT(&longer);
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_backing_get(backing, &longer.known), -E2BIG);
	ck_assert_uint_eq(longer.known.bytes, 0);
	longer.tail[0] = 0;
	ck_assert_int_eq(gms_backing_get(backing, &longer.known), 0);
	ck_assert_uint_eq(longer.known.bytes, 4 << 20);

	ck_assert_int_eq(gms_backing_can(NULL, GMS_BACKING_CAN_MAP, &why), -EINVAL);
	ck_assert_int_eq(gms_backing_can(backing, GMS_BACKING_ABILITIES, &why), -EINVAL);
	ck_assert_ptr_null(why);

	ck_assert_int_eq(gms_backing_exposed(NULL, 0, 1, &exposed), -EINVAL);
	ck_assert_int_eq(gms_backing_exposed(backing, 0, 1, NULL), -EINVAL);
	ck_assert_int_eq(gms_backing_exposed(backing, 0, 0, &exposed), -EINVAL);
	ck_assert_int_eq(gms_backing_exposed(backing, 1, 1, &exposed), -EINVAL);
	ck_assert_int_eq(gms_backing_exposed(backing, 4 << 20, 1, &exposed), -EINVAL);
	ck_assert_int_eq(gms_backing_exposed(backing, 0, 1025, &exposed), -EINVAL);
	ck_assert_int_eq(gms_backing_exposed(backing, 4096, UINT64_MAX, &exposed), -EINVAL);
	ck_assert_uint_eq(exposed, 9);
	ck_assert_int_eq(gms_backing_exposed(backing, 0, 1024, &exposed), 0);
	ck_assert_uint_eq(exposed, 0);
	gms_backing_free(backing);
}
END_TEST

START_TEST(memory_that_the_host_may_not_touch_is_never_shared)
{
	int vm;
	struct gms_backing *backing = backing_of((uint32_t)_i, GMS_REVOKE_BEST, &vm);
	struct gms_convert_result result;
	struct gms_region_opts region;
	struct gms_space *space;

	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(backing, 0, 9, GMS_STATE_SHARED, &region), -EOPNOTSUPP);
	ck_assert_uint_eq(region.npages, 0);
	ck_assert_int_eq(gms_backing_region(backing, 0, 9, GMS_STATE_DIRECT_MAP, &region), 0);
	ck_assert_uint_eq(region.state, 0);
	ck_assert_ptr_eq(region.hva, gms_backing_hva(backing));
	ck_assert_int_eq(gms_space_new(&space, NULL), 0);
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_share(space, LX_RANGE(3, 1), &result), -EOPNOTSUPP);
	ck_assert_uint_eq(result.error_gfn, 3);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_BACKEND);
	ck_assert_uint_eq(gms_state_at(space, 3), 0);
	gms_space_free(space);
	gms_backing_free(backing);
	close(vm);
}
END_TEST

/* Shared, and never fit for a pin: a profile that says otherwise gets none of it. */
START_TEST(secret_memory_has_no_profile_with_a_direct_map)
{
	int vm;
	struct gms_backing *backing = backing_of(GMS_BACKING_MEMFD_SECRET, GMS_REVOKE_BEST, &vm);
	struct gms_space_opts opts;
	struct gms_region_opts region;
	struct gms_gup_answer answer;
	struct gms_space *space;

	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(backing, 0, 0, GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP,
					    &region), 0);
	ck_assert_uint_eq(region.state, GMS_STATE_SHARED);
	ck_assert_uint_eq(region.flags, GMS_REGION_NO_DIRECT_MAP);
	for (uint32_t profile = 0; profile < GMS_PROFILE_COUNT; profile++) {
		const bool fits = profile == GMS_PROFILE_GENERIC || profile == GMS_PROFILE_SECRETMEM;

		GMS_INIT(&opts);
		opts.profile = profile;
		ck_assert_int_eq(gms_space_new(&space, &opts), 0);
		ck_assert_int_eq(gms_region_add(space, &region, NULL), fits ? 0 : -EOPNOTSUPP);
		if (fits) {
			GMS_INIT(&answer);
			ck_assert_int_eq(gms_gup_query(space, LX_RANGE(0, region.npages), 0,
						       &answer), 0);
			ck_assert_uint_eq(answer.eligible_pages, 0);
			ck_assert_uint_eq(answer.reason, GMS_REASON_NO_DIRECT_MAP);
		}
		gms_space_free(space);
	}
	gms_backing_free(backing);
	if (vm >= 0)
		close(vm);
}
END_TEST

START_TEST(new_of_huge_pages_wants_whole_ones)
{
	const uint64_t unit = _i == GMS_BACKING_HUGETLB_1G ? LX_1G : LX_2M;
	const uint64_t odd[] = { 1, unit / 2, unit - 1, unit + 1 };
	struct gms_backing_opts opts;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		memfd_opts(&opts, odd[i] * LX_PAGE);
		opts.kind = (uint32_t)_i;
		refuse(&opts, -EINVAL);
	}
	memfd_opts(&opts, unit * LX_PAGE << 16);	/* no pool is that large */
	opts.kind = (uint32_t)_i;
	refuse(&opts, -ENOMEM);
}
END_TEST

/* In a child, which has no calls left to revoke with: refused, and not only noted. */
static int without_a_way(void)
{
	struct gms_backing *backing;
	struct gms_backing_info info;
	struct gms_region_opts region;
	struct gms_space *space;
	const char *why = NULL;
	bool good;

	if (!lx_refuse_calls(LX_NO_MPROTECT))
		return 77;
	backing = memfd_backing(1 << 21, GMS_REVOKE_BEST);
	GMS_INIT(&info);
	GMS_INIT(&region);
	good = !gms_backing_get(backing, &info) && !info.revoke_bytes &&
	       gms_backing_can(backing, GMS_BACKING_CAN_REVOKE, &why) == -EOPNOTSUPP && why &&
	       gms_backing_region(backing, 0, 9, 0, &region) == -EOPNOTSUPP &&
	       !gms_backing_region(backing, 0, 9, GMS_STATE_SHARED, &region) &&
	       !gms_space_new(&space, NULL) && !gms_region_add(space, &region, NULL) &&
	       gms_unshare(space, LX_RANGE(3, 1), NULL) == -EOPNOTSUPP &&
	       gms_state_at(space, 3) == GMS_STATE_SHARED && lx_reaches(gms_backing_hva(backing));
	return good ? 0 : 1;
}

START_TEST(where_nothing_revokes_no_page_turns_private)
{
	in_a_child(without_a_way);
}
END_TEST

/* In a child, whose kernel says yes to mprotect(2) and does nothing, as an emulated one may. */
static int with_a_way_that_does_nothing(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };
	struct gms_backing *backing;
	struct gms_region_opts region;
	struct gms_space *space;
	bool good;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return 77;
	backing = memfd_backing(1 << 21, GMS_REVOKE_MPROTECT);
	GMS_INIT(&region);
	good = gms_backing_can(backing, GMS_BACKING_CAN_REVOKE, NULL) == -EOPNOTSUPP &&
	       gms_backing_region(backing, 0, 9, 0, &region) == -EOPNOTSUPP &&
	       !gms_backing_region(backing, 0, 9, GMS_STATE_SHARED, &region) &&
	       !gms_space_new(&space, NULL) && !gms_region_add(space, &region, NULL) &&
	       gms_unshare(space, LX_RANGE(3, 1), NULL) == -EOPNOTSUPP &&
	       gms_state_at(space, 3) == GMS_STATE_SHARED;
	return good ? 0 : 1;
}

START_TEST(what_revokes_nothing_turns_no_page_private)
{
	in_a_child(with_a_way_that_does_nothing);
}
END_TEST

/* Where every kind is taken to be: the settings of this machine that they need. */
static void prepare(void)
{
	lx_settings_begin();
	(void)lx_settings_thp();
	(void)lx_settings_huge(LX_HUGE_2M, 16);
	(void)lx_settings_huge(LX_HUGE_1G, 1);
}

static void add_kinds(TCase *tcase)
{
	for (uint32_t kind = 0; kind < GMS_BACKING_KINDS; kind++) {
		const int i = (int)kind;

		if (lx_missing(kind)) {
			lx_leave_out(gms_backing_kind_name(kind), lx_missing(kind));
			continue;
		}
		tcase_add_loop_test(tcase, get_and_can_say_what_the_kernel_does, i, i + 1);
		tcase_add_loop_test(tcase, new_leaves_memory_empty_and_zero, i, i + 1);
		if (kind == GMS_BACKING_HUGETLB_2M || kind == GMS_BACKING_HUGETLB_1G) {
			tcase_add_loop_test(tcase, new_of_huge_pages_wants_whole_ones, i, i + 1);
			tcase_add_loop_test(tcase, new_keeps_every_huge_page_reserved, i, i + 1);
		}
		if (kind == GMS_BACKING_MEMFD_SECRET)
			tcase_add_test(tcase, secret_memory_has_no_profile_with_a_direct_map);
		if (kind > GMS_BACKING_GUEST_MEMFD)
			tcase_add_loop_test(tcase,
					    memory_that_the_host_may_not_touch_is_never_shared,
					    i, i + 1);
	}
}

int main(void)
{
	Suite *suite = suite_create("backing");
	TCase *new = lx_case(suite, "new"), *region = lx_case(suite, "region");
	TCase *kinds = lx_case(suite, "kinds");
	bool guard, vector;

	prepare();
	guard = gms_host_has(lx_host(), GMS_HOST_GUARD);
	vector = gms_host_has(lx_host(), GMS_HOST_GUARD_VECTOR);
	tcase_add_test(new, new_of_null_is_refused);
	tcase_add_test(new, new_with_a_bad_length_is_refused);
	tcase_add_test(new, new_that_no_address_space_holds_is_out_of_memory);
	tcase_add_test(new, new_with_an_unknown_kind_way_or_flag_is_refused);
	tcase_add_test(new, new_with_a_longer_struct_is_refused_unless_the_rest_is_zero);
	tcase_add_test(new, new_with_a_shorter_struct_takes_the_rest_for_zero);
	tcase_add_test(new, new_guest_memfd_without_a_vm_is_refused);
	tcase_add_test(new, new_memory_is_mapped_aligned_and_zero);
	tcase_add_test(new, new_memfd_keeps_its_length_and_stays_with_this_program);
	tcase_add_test(new, new_and_free_leave_nothing_behind);
	tcase_add_test(new, new_with_too_few_descriptors_is_refused_or_as_good_as_ever);
	tcase_add_test(new, new_of_huge_pages_that_the_kernel_lacks_is_not_supported);
	tcase_add_test(new, new_whose_first_page_cannot_be_had_is_out_of_memory);
	tcase_add_test(new, new_and_region_leave_errno_alone);
	tcase_add_test(new, questions_about_null_have_an_answer);
	tcase_add_test(new, revoke_name_is_there_for_every_way_and_no_two_share_one);
	tcase_add_test(kinds, names_are_there_for_every_kind_and_ability_and_no_two_share_one);
	tcase_add_test(kinds, get_can_and_exposed_refuse_bad_arguments);
	tcase_add_test(kinds, where_nothing_revokes_no_page_turns_private);
	tcase_add_test(kinds, what_revokes_nothing_turns_no_page_private);
	add_kinds(kinds);
	tcase_add_test(region, region_describes_the_whole_backing);
	for (int way = GMS_REVOKE_BEST; way <= GMS_REVOKE_NONE; way++) {
		if ((way == GMS_REVOKE_GUARD && !guard) ||
		    (way == GMS_REVOKE_GUARD_VECTOR && !vector))
			lx_leave_out(gms_revoke_name((uint32_t)way), "this kernel lacks it");
		else
			tcase_add_loop_test(region, region_makes_the_mapping_agree_with_the_state,
					    way, way + 1);
	}
	tcase_add_test(region, region_that_begins_frozen_is_out_of_reach);
	tcase_add_test(region, region_of_null_or_a_wrong_size_is_refused_and_changes_nothing);
	tcase_add_test(region, runs_outside_the_backing_are_refused_and_change_nothing);
	return lx_run(suite);
}

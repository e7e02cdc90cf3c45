/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of linux/kvm.h against a KVM of the test's own: what no kernel
 * offers yet (attributes of a file, userfault exits), and what kernels do rarely
 * (fail half-way, be interrupted). ioctl() is defined here and comes before the C
 * library's; the private half is a memfd, which punches holes as guest_memfd does.
 */
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/kvm.h>

#define FIRST		UINT64_C(0x100000)	/* of guest memory */
#define PAGES		UINT64_C(1024)
#define FAR		(UINT64_C(1) << 18)	/* a region of a second thread is 1 GiB on */
#define GMEM_PAGE	UINT64_C(16)		/* where in the file it begins */
#define PRIVATE		(UINT64_C(1) << 3)
#define RUN_BYTES	0x3000u

struct attributes {
	uint64_t address, size, attributes, flags;
};

struct attributes2 {
	uint64_t offset, size, attributes, flags, error_offset, reserved[11];
};

struct pre_fault {
	uint64_t gpa, size, flags, padding[5];
};

#define SET_ATTRIBUTES	_IOW(KVMIO, 0xd2, struct attributes)
#define SET_ATTRIBUTES2	_IOWR(KVMIO, 0xd2, struct attributes2)
#define PRE_FAULT	_IOWR(KVMIO, 0xd5, struct pre_fault)

/* --- the kernel --- */

static struct {
	int vm_fd, gmem_fd, vcpu_fd;
	bool private[PAGES];	/* by frame; in place by page of the file */
	bool private_far[PAGES];
	unsigned int calls;	/* that set attributes */
	unsigned int fail_at;	/* the call that fails, from 1; 0: none */
	int fail_errno;
	uint64_t fail_offset;	/* and what is then written, if not 0 */
	uint64_t busy_page;	/* of the file: cannot turn private; 0: none */
	uint64_t pre_fault_most;	/* pages a call */
	unsigned int interrupts;	/* before that */
	unsigned int interrupts_each;	/* and before every next one */
	struct kvm_run *run;	/* what KVM_RUN leaves */
	struct kvm_run left;
	int run_errno;
} kernel;

static int fails(int err)
{
	errno = err;
	return -1;
}

static bool due_to_fail(void)
{
	return ++kernel.calls == kernel.fail_at;
}

static int set_pages(uint64_t first, uint64_t npages, uint64_t attributes)
{
	if (first + npages > PAGES || attributes & ~PRIVATE)
		return fails(EINVAL);
	for (uint64_t p = first; p < first + npages; p++)
		kernel.private[p] = attributes;
	return 0;
}

static int set_attributes(const struct attributes *arg)
{
	if (arg->flags || !arg->size || arg->address % GMS_PAGE_SIZE || arg->size % GMS_PAGE_SIZE)
		return fails(EINVAL);
	if (arg->address >> GMS_PAGE_SHIFT >= FIRST + FAR) {	/* by a thread of its own */
		const uint64_t first = (arg->address >> GMS_PAGE_SHIFT) - FIRST - FAR;

		for (uint64_t p = first; p < first + (arg->size >> GMS_PAGE_SHIFT); p++)
			kernel.private_far[p] = arg->attributes;
		return 0;
	}
	if (due_to_fail())
		return fails(kernel.fail_errno);
	return set_pages((arg->address >> GMS_PAGE_SHIFT) - FIRST, arg->size >> GMS_PAGE_SHIFT,
			 arg->attributes);
}

/* As documented: all or nothing, and the first page that is in the way. */
static int set_attributes2(struct attributes2 *arg)
{
	const uint64_t first = arg->offset >> GMS_PAGE_SHIFT, npages = arg->size >> GMS_PAGE_SHIFT;

	if (arg->flags || !arg->size || arg->offset % GMS_PAGE_SIZE || arg->size % GMS_PAGE_SIZE)
		return fails(EINVAL);
	if (due_to_fail()) {
		arg->error_offset = kernel.fail_offset;
		return fails(kernel.fail_errno);
	}
	if (arg->attributes && kernel.busy_page && kernel.busy_page - first < npages) {
		arg->error_offset = kernel.busy_page << GMS_PAGE_SHIFT;
		return fails(EAGAIN);
	}
	return first < GMEM_PAGE ? fails(EINVAL)
				 : set_pages(first - GMEM_PAGE, npages, arg->attributes);
}

static int pre_fault(struct pre_fault *arg)
{
	uint64_t bytes = kernel.pre_fault_most << GMS_PAGE_SHIFT;

	if (kernel.interrupts) {
		kernel.interrupts--;
		return fails(EINTR);
	}
	if (arg->gpa >> GMS_PAGE_SHIFT >= FIRST + PAGES)
		return fails(ENOENT);
	kernel.interrupts = kernel.interrupts_each;
	bytes = bytes < arg->size ? bytes : arg->size;
	arg->gpa += bytes;
	arg->size -= bytes;
	return 0;
}

static int run_vcpu(void)
{
	const uint32_t before = kernel.run->exit_reason;

	ck_assert_uint_eq(before, 0);
	memcpy(kernel.run, &kernel.left, sizeof(kernel.left));
	return kernel.run_errno ? fails(kernel.run_errno) : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd == kernel.vm_fd && request == KVM_CHECK_EXTENSION)
		return PRIVATE;
	if (fd == kernel.vm_fd && request == KVM_GET_API_VERSION)
		return fails(ENOTTY);
	if (fd == kernel.vm_fd && request == SET_ATTRIBUTES)
		return set_attributes(arg);
	if (fd == kernel.gmem_fd && request == SET_ATTRIBUTES2)
		return set_attributes2(arg);
	if (fd == kernel.vcpu_fd && request == PRE_FAULT)
		return pre_fault(arg);
	if (fd == kernel.vcpu_fd && request == KVM_RUN)
		return run_vcpu();
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

/* --- what is tested --- */

static struct gms_kvm_memory *memory;
static struct gms_space *space;
static struct gms_backing *backing;
static bool without_zero;	/* the mapping's backend puts no zeros */

static void open_kernel(void)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.vm_fd = memfd_create("vm", MFD_CLOEXEC);
	kernel.vcpu_fd = memfd_create("vcpu", MFD_CLOEXEC);
	kernel.gmem_fd = memfd_create("private half", MFD_CLOEXEC);
	ck_assert_int_ge(kernel.gmem_fd, 0);
	ck_assert_int_eq(ftruncate(kernel.gmem_fd, (off_t)((GMEM_PAGE + PAGES) * LX_PAGE)), 0);
}

static void close_kernel(void)
{
	close(kernel.vm_fd);
	close(kernel.vcpu_fd);
	close(kernel.gmem_fd);
}

static void begin(uint32_t flags, int gmem_fd, gms_state state)
{
	struct gms_backing_opts opts;
	struct gms_kvm_memory_opts how;
	struct gms_space_opts rules;
	struct gms_region_opts region;
	struct gms_backend behind;

	GMS_INIT(&opts);
	opts.bytes = PAGES * LX_PAGE;
	ck_assert_int_eq(gms_backing_new(&backing, &opts), 0);
	memset(gms_backing_hva(backing), 0x11, opts.bytes);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(backing, FIRST, 9, state, &region), 0);
	behind = *region.backend;
	if (without_zero)
		behind.zero = NULL;
	GMS_INIT(&how);
	how.shared = &behind;
	how.gmem_offset_bytes = GMEM_PAGE * LX_PAGE;
	how.vm_fd = kernel.vm_fd;
	how.gmem_fd = gmem_fd;
	how.flags = flags;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &how), 0);
	ck_assert_int_eq(gms_kvm_memory_region(memory, &region), 0);
	GMS_INIT(&rules);
	rules.profile = flags & GMS_KVM_MEMORY_IN_PLACE ? GMS_PROFILE_GMEM_INPLACE
							: GMS_PROFILE_KVM_ATTRS;
	ck_assert_int_eq(gms_space_new(&space, &rules), 0);
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	kernel.calls = 0;
}

static void end(void)
{
	char why[128];

	ck_assert_msg(!gms_check(space, why, sizeof(why)), "%s", why);
	gms_space_free(space);
	gms_kvm_memory_free(memory);
	gms_backing_free(backing);
}

/* What the kernel has is what the library says, and what the VMM reaches. */
static void kernel_agrees(void)
{
	const char *hva = gms_backing_hva(backing);
	uint64_t wrong = 0;

	for (uint64_t p = 0; p < PAGES; p++) {
		const bool shared = gms_state_at(space, FIRST + p) & GMS_STATE_SHARED;

		wrong += kernel.private[p] == shared;
		if (p % 7 == 0)
			wrong += lx_reaches(hva + p * LX_PAGE) != shared;
	}
	ck_assert_uint_eq(wrong, 0);
}

/* Three runs each way of a memory whose upper half is shared; C is in the way of none. */
static const struct gms_change both_ways[] = {
	{ { FIRST + 3, 5 }, GMS_STATE_SHARED, 0 }, { { FIRST + 100, 1 }, GMS_STATE_SHARED, 0 },
	{ { FIRST + 200, 50 }, GMS_STATE_SHARED, 0 }, { { FIRST + 600, 9 }, 0, GMS_STATE_SHARED },
	{ { FIRST + 700, 1 }, 0, GMS_STATE_SHARED }, { { FIRST + 800, 100 }, 0, GMS_STATE_SHARED },
};

#define NRUNS	6u
/* The order that the kernel gets them in: what turns private is first. */
static const unsigned int kernels_order[NRUNS] = { 3, 4, 5, 0, 1, 2 };

static void begin_halves(uint32_t flags)
{
	begin(flags, kernel.gmem_fd, 0);
	ck_assert_int_eq(gms_share(space, LX_RANGE(FIRST + 512, 512), NULL), 0);
	kernel.calls = 0;
	kernel_agrees();
}

static const uint32_t ways[] = { 0, GMS_KVM_MEMORY_PUNCH, GMS_KVM_MEMORY_IN_PLACE };

START_TEST(each_run_is_one_call)	/* _i: the way */
{
	uint64_t ioctls, flushes;

	begin_halves(ways[_i]);
	ioctls = lx_event(space, GMS_ACCT_SYS_IOCTL);
	flushes = lx_event(space, GMS_ACCT_FLUSH_STAGE2);
	ck_assert_int_eq(gms_convert(space, both_ways, NRUNS, NULL, NULL), 0);
	ck_assert_uint_eq(kernel.calls, NRUNS);
	ck_assert_uint_eq(lx_event(space, GMS_ACCT_SYS_IOCTL) - ioctls, NRUNS);
	ck_assert_uint_eq(lx_event(space, GMS_ACCT_FLUSH_STAGE2) - flushes, NRUNS);
	kernel_agrees();
	ck_assert_int_eq(gms_convert(space, both_ways, NRUNS, NULL, NULL), 0);
	ck_assert_uint_eq(kernel.calls, NRUNS);		/* nothing turns, nothing is said */
	end();
}
END_TEST

START_TEST(failure_of_any_call_undoes_all_runs)	/* _i: the way, and the call */
{
	const unsigned int call = (unsigned int)_i % NRUNS;
	struct gms_convert_result result;

	begin_halves(ways[(unsigned int)_i / NRUNS]);
	GMS_INIT(&result);
	kernel.fail_at = call + 1;
	kernel.fail_errno = ENOMEM;
	ck_assert_int_eq(gms_convert(space, both_ways, NRUNS, NULL, &result), -ENOMEM);
	ck_assert_uint_eq(result.error_gfn, both_ways[kernels_order[call]].range.first);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_BACKEND);
	ck_assert_uint_eq(kernel.calls, 2 * call + 1);
	ck_assert_uint_eq(lx_event(space, GMS_ACCT_UNDO_FAILURES), 0);
	kernel_agrees();
	ck_assert_uint_eq(gms_state_at(space, FIRST + 3) & GMS_STATE_SHARED, 0);
	ck_assert_uint_eq(gms_state_at(space, FIRST + 600) & GMS_STATE_SHARED, GMS_STATE_SHARED);
	ck_assert_int_eq(gms_convert(space, both_ways, NRUNS, NULL, NULL), 0);
	kernel_agrees();
	end();
}
END_TEST

START_TEST(in_place_names_the_page_that_is_in_use)
{
	struct gms_convert_result result;

	begin_halves(GMS_KVM_MEMORY_IN_PLACE);
	kernel.busy_page = GMEM_PAGE + 850;
	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(space, both_ways, NRUNS, NULL, &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, FIRST + 850);
	kernel_agrees();
	ck_assert_uint_eq(gms_state_at(space, FIRST + 600) & GMS_STATE_SHARED, GMS_STATE_SHARED);
	/* Around it there is nothing in the way; nor is it, going shared. */
	ck_assert_int_eq(gms_unshare(space, LX_RANGE(FIRST + 800, 50), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, LX_RANGE(FIRST + 851, 49), NULL), 0);
	kernel_agrees();
	kernel.busy_page = 0;
	ck_assert_int_eq(gms_convert(space, both_ways, NRUNS, NULL, NULL), 0);
	kernel_agrees();
	end();
}
END_TEST

/* Only for two errors is the offset defined, and only in the range can it be meant. */
START_TEST(in_place_offsets_that_mean_nothing_are_ignored)
{
	static const struct {
		int err;
		uint64_t page;		/* of the file */
		gms_gfn named;
	} cases[] = {
		{ EAGAIN, GMEM_PAGE + 603, FIRST + 603 },
		{ ENOMEM, GMEM_PAGE + 608, FIRST + 608 },
		{ EAGAIN, GMEM_PAGE + 609, FIRST + 600 },
		{ EAGAIN, GMEM_PAGE + 599, FIRST + 600 },
		{ EAGAIN, 0, FIRST + 600 },
		{ ENOMEM, UINT64_MAX >> GMS_PAGE_SHIFT, FIRST + 600 },
		{ EINVAL, GMEM_PAGE + 603, FIRST + 600 },
		{ EFAULT, GMEM_PAGE + 603, FIRST + 600 },
	};
	struct gms_convert_result result;

	begin_halves(GMS_KVM_MEMORY_IN_PLACE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kernel.calls = 0;
		kernel.fail_at = 1;
		kernel.fail_errno = cases[i].err;
		kernel.fail_offset = cases[i].page << GMS_PAGE_SHIFT;
		GMS_INIT(&result);
		ck_assert_int_eq(gms_unshare(space, both_ways[3].range, &result), -cases[i].err);
		ck_assert_uint_eq(result.error_gfn, cases[i].named);
	}
	kernel_agrees();
	end();
}
END_TEST

/* --- contents --- */

static int64_t private_pages(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(kernel.gmem_fd, &st), 0);
	return st.st_blocks * 512 / (int64_t)LX_PAGE;
}

static void fill_private(void)
{
	static unsigned char page[4096];

	memset(page, 0x22, sizeof(page));
	for (uint64_t p = 0; p < PAGES; p++)
		ck_assert_int_eq(pwrite(kernel.gmem_fd, page, sizeof(page),
					(off_t)((GMEM_PAGE + p) * LX_PAGE)), 4096);
}

static unsigned char private_byte(uint64_t page)
{
	unsigned char byte = 0xee;

	ck_assert_int_eq(pread(kernel.gmem_fd, &byte, 1, (off_t)((GMEM_PAGE + page) * LX_PAGE)), 1);
	return byte;
}

static unsigned char shared_byte(uint64_t page)
{
	unsigned char byte = 0xee;

	ck_assert_int_eq(pread(gms_backing_fd(backing), &byte, 1, (off_t)(page * LX_PAGE)), 1);
	return byte;
}

START_TEST(punching_gives_back_the_half_that_was_left)	/* _i: and the last call fails */
{
	begin_halves(GMS_KVM_MEMORY_PUNCH);
	fill_private();
	ck_assert_int_eq(private_pages(), PAGES);
	kernel.fail_at = _i ? NRUNS : 0;
	kernel.fail_errno = ENOMEM;
	ck_assert_int_eq(gms_convert(space, both_ways, NRUNS, NULL, NULL), _i ? -ENOMEM : 0);
	ck_assert_int_eq(private_pages(), _i ? PAGES : PAGES - 56);
	ck_assert_uint_eq(private_byte(3), _i ? 0x22 : 0);
	ck_assert_uint_eq(private_byte(8), 0x22);
	ck_assert_uint_eq(shared_byte(600), _i ? 0x11 : 0);
	ck_assert_uint_eq(shared_byte(609), 0x11);
	ck_assert_uint_eq(private_byte(600), 0x22);
	ck_assert_uint_eq(gms_kvm_memory_failures(memory), 0);
	end();
}
END_TEST

START_TEST(zeros_are_in_the_half_that_is_entered)	/* _i: and the last call fails */
{
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.content = GMS_CONTENT_ZERO;
	begin_halves(0);
	fill_private();
	kernel.fail_at = _i ? NRUNS : 0;
	kernel.fail_errno = ENOMEM;
	ck_assert_int_eq(gms_convert(space, both_ways, NRUNS, &opts, NULL), _i ? -ENOMEM : 0);
	ck_assert_uint_eq(private_byte(600), 0);	/* entered, or hidden as before */
	ck_assert_uint_eq(shared_byte(3), 0);
	ck_assert_uint_eq(private_byte(3), 0x22);	/* left, or what the guest sees */
	ck_assert_uint_eq(shared_byte(600), 0x11);
	kernel_agrees();
	end();
}
END_TEST

START_TEST(contents_that_cannot_be_are_refused)
{
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.content = GMS_CONTENT_PRESERVE;
	begin_halves(0);
	ck_assert_int_eq(gms_convert(space, both_ways, NRUNS, &opts, NULL), -EOPNOTSUPP);
	ck_assert_uint_eq(kernel.calls, 0);
	kernel_agrees();
	end();

	without_zero = true;
	begin_halves(GMS_KVM_MEMORY_IN_PLACE);
	ck_assert_int_eq(gms_convert(space, both_ways, 2, &opts, NULL), 0);
	opts.content = GMS_CONTENT_ZERO;
	kernel.calls = 0;
	ck_assert_int_eq(gms_convert(space, both_ways + 2, 1, &opts, NULL), -EOPNOTSUPP);
	ck_assert_uint_eq(kernel.calls, 0);
	kernel_agrees();
	end();
	without_zero = false;
}
END_TEST

/* In place the one half there is holds both: who maps it zeroes it. */
START_TEST(zeros_in_place_are_of_the_mappings_backend)
{
	struct gms_convert_opts opts;

	GMS_INIT(&opts);
	opts.content = GMS_CONTENT_ZERO;
	begin_halves(GMS_KVM_MEMORY_IN_PLACE);
	ck_assert_int_eq(gms_convert(space, both_ways, 3, &opts, NULL), 0);
	ck_assert_uint_eq(shared_byte(3), 0);
	ck_assert_uint_eq(shared_byte(8), 0x11);
	ck_assert_int_eq(gms_share(space, LX_RANGE(FIRST + 8, 1), NULL), 0);
	ck_assert_uint_eq(shared_byte(8), 0x11);
	kernel_agrees();
	end();
}
END_TEST

START_TEST(hole_that_is_refused_is_counted_and_stops_nothing)
{
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	begin(GMS_KVM_MEMORY_PUNCH, fd[0], 0);		/* a pipe has no holes */
	ck_assert_int_eq(gms_convert(space, both_ways, 3, NULL, NULL), 0);
	ck_assert_uint_eq(gms_kvm_memory_failures(memory), 3);
	kernel_agrees();
	end();
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(discard_is_of_both_halves_and_populate_of_one)
{
	const struct gms_change full = { { FIRST + 500, 20 }, GMS_STATE_POPULATED, 0 };
	const struct gms_change empty = { { FIRST + 500, 20 }, 0, GMS_STATE_POPULATED };

	begin_halves(0);
	fill_private();
	ck_assert_int_eq(gms_convert(space, &full, 1, NULL, NULL), 0);
	ck_assert_int_eq(gms_convert(space, &empty, 1, NULL, NULL), 0);
	ck_assert_uint_eq(private_byte(500), 0);
	ck_assert_uint_eq(private_byte(519), 0);
	ck_assert_uint_eq(private_byte(520), 0x22);
	ck_assert_uint_eq(shared_byte(500), 0);
	ck_assert_uint_eq(shared_byte(519), 0);
	ck_assert_uint_eq(shared_byte(520), 0x11);
	ck_assert_int_eq(private_pages(), PAGES - 20);
	end();
}
END_TEST

/* --- two commits at once --- */

#define TURNS	400u

struct turner {
	gms_gfn first;
	uint64_t seed;
	int err;
};

static void *turn_at_random(void *ctx)
{
	struct turner *turner = ctx;

	for (unsigned int i = 0; i < TURNS && !turner->err; i++) {
		struct gms_range range;

		turner->seed = turner->seed * UINT64_C(6364136223846793005) + 1;
		range.first = turner->first + (turner->seed >> 40) % (PAGES - 64);
		range.npages = 1 + (turner->seed >> 33) % 64;
		turner->err = turner->seed >> 63 ? gms_share(space, range, NULL)
						 : gms_unshare(space, range, NULL);
	}
	return NULL;
}

static void add_region(gms_gfn first)
{
	struct gms_region_opts region;

	GMS_INIT(&region);
	region.first = first;
	region.npages = PAGES;
	region.base_order = 9;
	ck_assert_int_eq(gms_kvm_memory_region(memory, &region), 0);
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
}

/* What each turned is given back by its own flush: at the end none is kept. */
START_TEST(commits_in_two_gib_do_not_meet)
{
	struct turner turner[2] = { { FIRST, 1, 0 }, { FIRST + FAR, 2, 0 } };
	struct gms_kvm_memory_opts how;
	uint64_t wrong = 0;
	pthread_t thread;

	GMS_INIT(&how);
	how.vm_fd = kernel.vm_fd;
	how.gmem_fd = kernel.gmem_fd;
	how.flags = GMS_KVM_MEMORY_PUNCH;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &how), 0);
	ck_assert_int_eq(gms_space_new(&space, NULL), 0);
	add_region(FIRST);
	add_region(FIRST + FAR);
	ck_assert_int_eq(pthread_create(&thread, NULL, turn_at_random, &turner[1]), 0);
	turn_at_random(&turner[0]);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(turner[0].err, 0);
	ck_assert_int_eq(turner[1].err, 0);
	for (uint64_t p = 0; p < PAGES; p++) {
		wrong += kernel.private[p] ==
			 !!(gms_state_at(space, FIRST + p) & GMS_STATE_SHARED);
		wrong += kernel.private_far[p] ==
			 !!(gms_state_at(space, FIRST + FAR + p) & GMS_STATE_SHARED);
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(gms_kvm_memory_failures(memory), 0);
	backing = NULL;
	end();		/* a sanitizer sees what is still kept */
}
END_TEST

/* --- pre-faulting and exits --- */

START_TEST(pre_fault_goes_on_where_the_kernel_stopped)
{
	gms_gfn next = 0;

	kernel.pre_fault_most = 7;
	kernel.interrupts = kernel.interrupts_each = 15;
	errno = EXDEV;
	ck_assert_int_eq(gms_kvm_pre_fault(kernel.vcpu_fd, LX_RANGE(FIRST, 100), &next), 0);
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_uint_eq(next, FIRST + 100);
	kernel.interrupts_each = 0;
	kernel.interrupts = 16;
	ck_assert_int_eq(gms_kvm_pre_fault(kernel.vcpu_fd, LX_RANGE(FIRST + 5, 100), &next),
			 -EINTR);
	ck_assert_uint_eq(next, FIRST + 5);
	ck_assert_int_eq(gms_kvm_pre_fault(kernel.vcpu_fd, LX_RANGE(FIRST + PAGES - 14, 15), &next),
			 -ENOENT);
	ck_assert_uint_eq(next, FIRST + PAGES);
	kernel.pre_fault_most = 0;	/* nothing done, and no error: not for ever */
	ck_assert_int_eq(gms_kvm_pre_fault(kernel.vcpu_fd, LX_RANGE(FIRST, 1), &next), -EAGAIN);
}
END_TEST

static struct gms_kvm_exit run_to(uint32_t reason, int err)
{
	struct gms_kvm_exit exit;

	kernel.left.exit_reason = reason;
	kernel.run_errno = err;
	GMS_INIT(&exit);
	ck_assert_int_eq(gms_kvm_run(kernel.vcpu_fd, kernel.run, RUN_BYTES, &exit), 0);
	ck_assert_uint_eq(exit.reason, reason);
	ck_assert_int_eq(exit.error, -err);
	return exit;
}

static void leave_fault(uint64_t flags, uint64_t gpa, uint64_t bytes)
{
	const uint64_t fault[3] = { flags, gpa, bytes };

	memcpy(&kernel.left.hw, fault, sizeof(fault));
}

START_TEST(exits_of_memory_are_told_apart)
{
	struct gms_kvm_exit exit;

	kernel.run = mmap(NULL, RUN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(kernel.run, MAP_FAILED);
	leave_fault(PRIVATE, 0x5000, 0x1000);
	exit = run_to(39, EFAULT);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_WANTS);
	ck_assert_uint_eq(exit.flags, GMS_KVM_ACCESS_PRIVATE);
	ck_assert_uint_eq(exit.raw_flags, PRIVATE);
	ck_assert_uint_eq(exit.gpa, 0x5000);
	ck_assert_uint_eq(exit.bytes, 0x1000);
	leave_fault(0, 0x6000, 0x200000);
	exit = run_to(39, 0);			/* a kernel that calls it no error */
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_WANTS);
	ck_assert_uint_eq(exit.flags, 0);
	ck_assert_uint_eq(exit.bytes, 0x200000);

	leave_fault(1 << 4 | PRIVATE, 0x7000, 0x1000);
	exit = run_to(39, EFAULT);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_MISSING);
	ck_assert_uint_eq(exit.flags, GMS_KVM_ACCESS_PRIVATE);
	ck_assert_uint_eq(exit.gpa, 0x7000);
	leave_fault(UINT64_C(1) << 40, 0x7000, 0x1000);	/* a flag of a later kernel */
	exit = run_to(39, EFAULT);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_WANTS);
	ck_assert_uint_eq(exit.raw_flags, UINT64_C(1) << 40);

	exit = run_to(0, EFAULT);		/* what the union holds is stale */
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_NO_PAGE);
	ck_assert_uint_eq(exit.gpa, 0);
	ck_assert_uint_eq(exit.bytes, 0);
	exit = run_to(0, EHWPOISON);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_POISON);
	ck_assert_uint_eq(exit.bytes, 0);
	leave_fault(0, 0x9000, 0x1000);
	exit = run_to(39, EHWPOISON);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_POISON);
	ck_assert_uint_eq(exit.gpa, 0x9000);
	ck_assert_uint_eq(exit.bytes, 0x1000);
	exit = run_to(39, EINVAL);		/* other errors leave it as it was */
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_ERROR);
	ck_assert_uint_eq(exit.bytes, 0);
	exit = run_to(KVM_EXIT_INTR, EINTR);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_AGAIN);
	exit = run_to(KVM_EXIT_HLT, 0);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_OTHER);
	munmap(kernel.run, RUN_BYTES);
}
END_TEST

START_TEST(hypercall_is_handed_on_as_it_is)
{
	const uint64_t call[9] = { 12, 0x5001, UINT64_MAX, 0x1f, 4, 5, 6, 0, 1 };
	struct gms_kvm_exit exit;

	kernel.run = mmap(NULL, RUN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(kernel.run, MAP_FAILED);
	memcpy(&kernel.left.hw, call, sizeof(call));
	exit = run_to(KVM_EXIT_HYPERCALL, 0);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_HYPERCALL);
	ck_assert_uint_eq(exit.nr, GMS_KVM_MAP_GPA_RANGE);
	ck_assert_mem_eq(exit.args, call + 1, sizeof(exit.args));
	ck_assert_uint_eq(exit.raw_flags, 1);
	ck_assert_int_eq(gms_kvm_hypercall_return(kernel.run, RUN_BYTES, -11), 0);
	ck_assert_uint_eq(kernel.run->hypercall.ret, (uint64_t)-11);
	munmap(kernel.run, RUN_BYTES);
}
END_TEST

START_TEST(region_is_told_or_left_alone)
{
	struct gms_kvm_memory_opts how;
	struct gms_region_opts region, before;

	GMS_INIT(&how);
	how.vm_fd = kernel.vm_fd;
	how.gmem_fd = -1;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &how), 0);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_kvm_memory_region(memory, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_memory_region(memory, &region), -EINVAL);
	region.first = FIRST + 8;
	region.npages = GMS_GFN_LIMIT;
	ck_assert_int_eq(gms_kvm_memory_region(memory, &region), -EINVAL);
	ck_assert_uint_eq(kernel.calls, 0);
	region.npages = 16;
	kernel.fail_at = 1;
	kernel.fail_errno = ENOMEM;
	before = region;
	ck_assert_int_eq(gms_kvm_memory_region(memory, &region), -ENOMEM);
	ck_assert_mem_eq(&region, &before, sizeof(region));
	ck_assert_int_eq(gms_kvm_memory_region(memory, &region), 0);
	ck_assert_ptr_ne(region.backend, NULL);
	for (uint64_t p = 0; p < PAGES; p++)
		ck_assert(kernel.private[p] == (p >= 8 && p < 24));
	region.state = GMS_STATE_SHARED;
	ck_assert_int_eq(gms_kvm_memory_region(memory, &region), 0);
	ck_assert(!kernel.private[8] && !kernel.private[23]);
	gms_kvm_memory_free(memory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kvm_fake");
	TCase *turn = lx_case(suite, "turn"), *contents = lx_case(suite, "contents");
	TCase *vcpu = lx_case(suite, "vcpu");

	tcase_add_checked_fixture(turn, open_kernel, close_kernel);
	tcase_add_test(turn, region_is_told_or_left_alone);
	tcase_add_loop_test(turn, each_run_is_one_call, 0, 3);
	tcase_add_test(turn, commits_in_two_gib_do_not_meet);
	tcase_add_loop_test(turn, failure_of_any_call_undoes_all_runs, 0, 3 * (int)NRUNS);
	tcase_add_test(turn, in_place_names_the_page_that_is_in_use);
	tcase_add_test(turn, in_place_offsets_that_mean_nothing_are_ignored);
	tcase_add_checked_fixture(contents, open_kernel, close_kernel);
	tcase_add_loop_test(contents, punching_gives_back_the_half_that_was_left, 0, 2);
	tcase_add_loop_test(contents, zeros_are_in_the_half_that_is_entered, 0, 2);
	tcase_add_test(contents, contents_that_cannot_be_are_refused);
	tcase_add_test(contents, zeros_in_place_are_of_the_mappings_backend);
	tcase_add_test(contents, hole_that_is_refused_is_counted_and_stops_nothing);
	tcase_add_test(contents, discard_is_of_both_halves_and_populate_of_one);
	tcase_add_checked_fixture(vcpu, open_kernel, close_kernel);
	tcase_add_test(vcpu, pre_fault_goes_on_where_the_kernel_stopped);
	tcase_add_test(vcpu, exits_of_memory_are_told_apart);
	tcase_add_test(vcpu, hypercall_is_handed_on_as_it_is);
	return lx_run(suite);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of linux/calibrate.h: what is measured hangs together, and
 * nothing is left behind. How long a thing takes is nobody's test.
 */
#define _GNU_SOURCE
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>

/* A budget that takes one batch of each. */
#define QUICK_MS	1

static int calibrate(struct gms_cost_model *model, uint32_t flags,
		     struct gms_calibrate_result *result)
{
	struct gms_calibrate_opts opts;

	GMS_INIT(&opts);
	GMS_INIT(model);
	GMS_INIT(result);
	opts.budget_ms = QUICK_MS;
	opts.flags = flags;
	return gms_calibrate(model, &opts, result);
}

static unsigned int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

START_TEST(bad_arguments_are_refused)
{
	LX_LONGER(struct gms_calibrate_opts) longer;
	LX_LONGER(struct gms_calibrate_result) more;
	LX_LONGER(struct gms_cost_model) bigger;
	struct gms_calibrate_result result;
	struct gms_calibrate_opts opts;
	struct gms_cost_model model;

	GMS_INIT(&model);
	ck_assert_int_eq(gms_calibrate(NULL, NULL, NULL), -EINVAL);
	GMS_INIT(&opts);
	opts.budget_ms = GMS_CALIBRATE_MOST_MS + 1;
	ck_assert_int_eq(gms_calibrate(&model, &opts, NULL), -EINVAL);
	GMS_INIT(&opts);
	opts.threads = 65;
	ck_assert_int_eq(gms_calibrate(&model, &opts, NULL), -EINVAL);
	for (int bit = 3; bit < 32; bit++) {
		GMS_INIT(&opts);
		opts.flags = UINT32_C(1) << bit;
		ck_assert_int_eq(gms_calibrate(&model, &opts, NULL), -EINVAL);
	}
	GMS_INIT(&opts);
	opts.size = 7;
	ck_assert_int_eq(gms_calibrate(&model, &opts, NULL), -EINVAL);
	GMS_INIT(&result);
	result.size = 7;
	ck_assert_int_eq(gms_calibrate(&model, NULL, &result), -EINVAL);
	GMS_INIT(&longer);
	longer.tail[15] = 1;
	ck_assert_int_eq(gms_calibrate(&model, &longer.known, NULL), -E2BIG);
	GMS_INIT(&more);
	more.tail[0] = 1;
	ck_assert_int_eq(gms_calibrate(&model, NULL, &more.known), -E2BIG);
	GMS_INIT(&bigger);
	bigger.tail[0] = 1;
	ck_assert_int_eq(gms_calibrate(&bigger.known, NULL, NULL), -E2BIG);
	model.size = 7;
	ck_assert_int_eq(gms_calibrate(&model, NULL, NULL), -EINVAL);
	ck_assert_uint_eq(model.cpus, 0);
}
END_TEST

/* A number is known if and only if its part has no error. */
static void ck_known(const struct gms_calibrate_result *result, uint32_t part, uint64_t number)
{
	ck_assert_msg(!result->error[part] == !!number, "%s: error %d, but %" PRIu64,
		      gms_calibrate_part_name(part), result->error[part], number);
}

static void ck_numbers(const struct gms_cost_model *model,
		       const struct gms_calibrate_result *result)
{
	for (uint32_t part = 0; part < GMS_CALIBRATE_PARTS; part++)
		ck_assert_int_le(result->error[part], 0);
	ck_known(result, GMS_CALIBRATE_CALLS, model->syscall_ns);
	ck_known(result, GMS_CALIBRATE_CALLS, model->ioctl_ns);
	ck_known(result, GMS_CALIBRATE_FLUSH, model->flush_ns[0]);
	ck_known(result, GMS_CALIBRATE_GUARD, model->guard_install_page_ns);
	ck_known(result, GMS_CALIBRATE_GUARD, model->guard_remove_2m_ns);
	ck_known(result, GMS_CALIBRATE_GUARD_VECTOR, model->guard_remove_vector_ns);
	ck_known(result, GMS_CALIBRATE_MPROTECT, model->mprotect_rw_2m_ns);
	ck_known(result, GMS_CALIBRATE_DONTNEED, model->refault_page_ns);
	ck_known(result, GMS_CALIBRATE_DONTNEED, model->refault_read_page_ns);
	ck_known(result, GMS_CALIBRATE_DONTNEED, model->refault_read_2m_ns);
	ck_known(result, GMS_CALIBRATE_VECTOR, model->process_madvise_ns);
	ck_known(result, GMS_CALIBRATE_VECTOR, model->process_madvise_vector_ns);
	ck_known(result, GMS_CALIBRATE_PUNCH, model->populate_memfd_page_ns);
	ck_known(result, GMS_CALIBRATE_COPY, model->copy_cold_ns[GMS_COST_SIZE_2M]);
	ck_known(result, GMS_CALIBRATE_FILE, model->pread_ns[GMS_COST_SIZE_2M]);
	ck_known(result, GMS_CALIBRATE_KVM, model->guest_exit_ns);
	ck_known(result, GMS_CALIBRATE_KVM, model->user_exit_ns);
	ck_known(result, GMS_CALIBRATE_GMEM, model->punch_gmem_2m_ns);
	ck_known(result, GMS_CALIBRATE_GMEM, model->refault_gmem_page_ns);
#if defined(__x86_64__)
	ck_known(result, GMS_CALIBRATE_GMEM, model->refault_guest_page_ns);
#endif
	ck_known(result, GMS_CALIBRATE_MISSING, model->userfault_missing_ns);
	ck_known(result, GMS_CALIBRATE_MINOR, model->userfault_minor_ns);
}

static int count_bytes(void *ctx, const char *text, size_t bytes)
{
	(void)text;
	*(size_t *)ctx += bytes;
	return 0;
}

START_TEST(numbers_hang_together)
{
	struct gms_calibrate_result result;
	struct gms_cost_model model;
	size_t bytes = 0;

	GMS_INIT(&model);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_calibrate(&model, NULL, &result), 0);
	ck_numbers(&model, &result);
	ck_assert_uint_eq(model.host_page_bytes, (uint64_t)sysconf(_SC_PAGESIZE));
	ck_assert_uint_ge(model.cpus, 1);
	ck_assert_uint_lt(model.threads, model.cpus);
	ck_assert_uint_gt(result.elapsed_ns, 0);
	ck_assert_uint_gt(result.samples, GMS_CALIBRATE_PARTS);

	/* More bytes, and farther away, take longer by an order; and a save takes them. */
	ck_assert_uint_gt(model.copy_warm_ns[GMS_COST_SIZE_2M],
			  model.copy_warm_ns[GMS_COST_SIZE_4K]);
	ck_assert_uint_gt(model.pwrite_ns[GMS_COST_SIZE_2M], model.pwrite_ns[GMS_COST_SIZE_4K]);
	ck_assert_uint_gt(model.mprotect_none_2m_ns, model.syscall_ns);
	for (int i = 0; i < GMS_COST_SIZE_COUNT; i++)
		ck_assert_uint_ge(model.copy_cold_ns[i], model.copy_warm_ns[i] / 2);
	ck_assert_int_eq(gms_cost_save(&model, count_bytes, &bytes), 0);
	ck_assert_uint_gt(bytes, 0);
}
END_TEST

/* A budget that is used up at once still measures all there is. */
START_TEST(no_time_is_time_for_a_batch)
{
	struct gms_calibrate_result result;
	struct gms_cost_model model;

	ck_assert_int_eq(calibrate(&model, 0, &result), 0);
	ck_numbers(&model, &result);
}
END_TEST

START_TEST(this_host_measures_what_it_has)
{
	struct gms_calibrate_result result;
	struct gms_cost_model model;

	ck_assert_int_eq(calibrate(&model, 0, &result), 0);
	ck_assert_int_eq(result.error[GMS_CALIBRATE_CALLS], 0);
	ck_assert_int_eq(result.error[GMS_CALIBRATE_FLUSH], 0);
	ck_assert_int_eq(result.error[GMS_CALIBRATE_COPY], 0);
	ck_assert_int_eq(result.error[GMS_CALIBRATE_FILE], 0);
	ck_assert_int_eq(!result.error[GMS_CALIBRATE_GUARD],
			 gms_host_has(lx_host(), GMS_HOST_GUARD));
	ck_assert_int_eq(!result.error[GMS_CALIBRATE_GUARD_VECTOR],
			 gms_host_has(lx_host(), GMS_HOST_GUARD_VECTOR));
	ck_assert_int_eq(!result.error[GMS_CALIBRATE_GMEM],
			 gms_host_has(lx_host(), GMS_HOST_GMEM_INIT_SHARED));
	ck_assert_int_eq(!result.error[GMS_CALIBRATE_MISSING],
			 gms_host_has(lx_host(), GMS_HOST_UFFD));
#if defined(__x86_64__)
	ck_assert_int_eq(!result.error[GMS_CALIBRATE_KVM], gms_host_has(lx_host(), GMS_HOST_KVM));
#endif
	ck_assert_int_eq(!!model.flush_ns[1], model.cpus > 1);
}
END_TEST

START_TEST(without_kvm_its_parts_are_not_known)
{
	struct gms_calibrate_result result;
	struct gms_calibrate_opts opts;
	struct gms_cost_model model;
	int pipes[2];

	ck_assert_int_eq(calibrate(&model, GMS_CALIBRATE_NO_KVM, &result), 0);
	ck_assert_int_eq(result.error[GMS_CALIBRATE_KVM], -EOPNOTSUPP);
	ck_assert_int_eq(result.error[GMS_CALIBRATE_GMEM], -EOPNOTSUPP);
	ck_numbers(&model, &result);

	/* Nor with a descriptor that is none of KVM, which stays open. */
	ck_assert_int_eq(pipe(pipes), 0);
	GMS_INIT(&opts);
	opts.budget_ms = QUICK_MS;
	opts.flags = GMS_CALIBRATE_KVM_FD;
	opts.kvm_fd = pipes[0];
	GMS_INIT(&model);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_calibrate(&model, &opts, &result), 0);
	ck_assert_int_eq(result.error[GMS_CALIBRATE_KVM], -ENOTTY);
	ck_assert_int_eq(result.error[GMS_CALIBRATE_GMEM], -ENOTTY);
	ck_numbers(&model, &result);
	opts.kvm_fd = -1;
	ck_assert_int_eq(gms_calibrate(&model, &opts, &result), 0);
	ck_assert_int_eq(result.error[GMS_CALIBRATE_KVM], -EBADF);
	ck_assert_int_eq(close(pipes[0]), 0);
	ck_assert_int_eq(close(pipes[1]), 0);
}
END_TEST

START_TEST(given_kvm_is_used_and_stays_open)
{
	struct gms_calibrate_result result;
	struct gms_calibrate_opts opts;
	struct gms_cost_model model;
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	GMS_INIT(&opts);
	opts.budget_ms = QUICK_MS;
	opts.flags = GMS_CALIBRATE_KVM_FD;
	opts.kvm_fd = kvm;
	GMS_INIT(&model);
	GMS_INIT(&result);
	ck_assert_int_ge(kvm, 0);
	ck_assert_int_eq(gms_calibrate(&model, &opts, &result), 0);
	ck_assert_int_ne(result.error[GMS_CALIBRATE_KVM], -EBADF);
	ck_numbers(&model, &result);
	ck_assert_int_eq(close(kvm), 0);
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	struct gms_calibrate_result result;
	struct gms_cost_model model;
	unsigned int fds, maps, nthreads;
	cpu_set_t before, after;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	ck_assert_int_eq(calibrate(&model, 0, &result), 0);	/* stacks that libc keeps */
	ck_assert_int_eq(calibrate(&model, 0, &result), 0);
	fds = lx_fds();
	maps = lx_maps();
	nthreads = threads();
	errno = ENOTTY;
	ck_assert_int_eq(calibrate(&model, 0, &result), 0);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(calibrate(&model, GMS_CALIBRATE_NO_BIND, &result), 0);
	ck_assert_uint_eq(lx_fds(), fds);
	ck_assert_uint_eq(lx_maps(), maps);
	ck_assert_uint_eq(threads(), nthreads);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
	ck_assert(CPU_EQUAL(&before, &after));
}
END_TEST

/* One CPU: no thread runs beside, and the handler of userfaults shares it. */
START_TEST(one_cpu_is_enough)
{
	struct gms_calibrate_result result;
	struct gms_cost_model model;
	cpu_set_t before, one;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ck_assert_int_eq(calibrate(&model, 0, &result), 0);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(before), &before), 0);
	ck_numbers(&model, &result);
	ck_assert_uint_eq(model.cpus, 1);
	ck_assert_uint_eq(model.threads, 0);
	ck_assert_uint_gt(model.flush_ns[0], 0);
	ck_assert_uint_eq(model.flush_ns[1], 0);
}
END_TEST

struct steps {
	uint32_t next;
	uint32_t stop_at;
};

static int step(void *ctx, uint32_t part, uint32_t nparts)
{
	struct steps *steps = ctx;

	ck_assert_uint_eq(part, steps->next++);
	ck_assert_uint_eq(nparts, GMS_CALIBRATE_PARTS);
	return part == steps->stop_at ? -ECANCELED : 0;
}

START_TEST(progress_tells_each_part_and_may_stop)	/* _i: where; one past the end: nowhere */
{
	struct steps steps = { 0, (uint32_t)_i };
	struct gms_calibrate_result result;
	struct gms_calibrate_opts opts;
	struct gms_cost_model model, before;
	const unsigned int fds = lx_fds();
	const bool stops = _i <= GMS_CALIBRATE_PARTS;

	GMS_INIT(&opts);
	opts.budget_ms = QUICK_MS;
	opts.progress = step;
	opts.ctx = &steps;
	GMS_INIT(&result);
	GMS_INIT(&model);
	before = model;
	ck_assert_int_eq(gms_calibrate(&model, &opts, &result), stops ? -ECANCELED : 0);
	ck_assert_uint_eq(steps.next, stops ? (uint32_t)_i + 1 : GMS_CALIBRATE_PARTS + 1);
	ck_assert_int_eq(!memcmp(&model, &before, sizeof(model)), stops);
	ck_assert_int_eq(!result.elapsed_ns, stops);
	ck_assert_uint_eq(lx_fds(), fds);
}
END_TEST

START_TEST(parts_have_names)
{
	for (uint32_t part = 0; part < GMS_CALIBRATE_PARTS; part++) {
		ck_assert_ptr_nonnull(gms_calibrate_part_name(part));
		for (uint32_t other = 0; other < part; other++)
			ck_assert_str_ne(gms_calibrate_part_name(part),
					 gms_calibrate_part_name(other));
	}
	ck_assert_ptr_null(gms_calibrate_part_name(GMS_CALIBRATE_PARTS));
	ck_assert_ptr_null(gms_calibrate_part_name(UINT32_MAX));
}
END_TEST

START_TEST(shorter_structs_are_filled_as_far_as_they_go)
{
	struct gms_calibrate_result result;
	struct gms_calibrate_opts opts;
	struct gms_cost_model model;

	memset(&opts, 0x5a, sizeof(opts));
	opts.size = offsetof(struct gms_calibrate_opts, flags);
	opts.progress = NULL;
	opts.budget_ms = QUICK_MS;
	opts.threads = 1;
	memset(&model, 0x5a, sizeof(model));
	model.size = offsetof(struct gms_cost_model, threads);
	memset(&result, 0x5a, sizeof(result));
	result.size = offsetof(struct gms_calibrate_result, samples);
	ck_assert_int_eq(gms_calibrate(&model, &opts, &result), 0);
	ck_assert_uint_ge(model.cpus, 1);
	ck_assert_uint_lt(model.cpus, UINT64_C(0x5a5a5a5a5a5a5a5a));
	ck_assert_uint_eq(model.threads, UINT64_C(0x5a5a5a5a5a5a5a5a));
	ck_assert_uint_lt(result.elapsed_ns, UINT64_C(0x5a5a5a5a5a5a5a5a));
	ck_assert_uint_eq(result.samples, UINT64_C(0x5a5a5a5a5a5a5a5a));
}
END_TEST

/* In a child, where no fault can be served. A touch that waits is ended by the alarm. */
static int without_service(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)UFFDIO_COPY, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)UFFDIO_CONTINUE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };
	struct gms_calibrate_result result;
	struct gms_cost_model model;
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return 77;
	alarm(15);
	rc = calibrate(&model, GMS_CALIBRATE_NO_KVM, &result);
	return !rc && result.error[GMS_CALIBRATE_MISSING] && result.error[GMS_CALIBRATE_MINOR] &&
	       !model.userfault_missing_ns && !model.userfault_minor_ns ? 0 : 1;
}

START_TEST(a_fault_that_is_not_served_is_not_waited_for)
{
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child)
		_exit(without_service());
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
	Suite *s = suite_create("calibrate");
	TCase *arguments = lx_case(s, "arguments"), *run = lx_case(s, "calibrate");

	tcase_add_test(arguments, bad_arguments_are_refused);
	tcase_add_test(arguments, parts_have_names);
	tcase_add_test(arguments, shorter_structs_are_filled_as_far_as_they_go);
	tcase_add_test(run, numbers_hang_together);
	tcase_add_test(run, no_time_is_time_for_a_batch);
	tcase_add_test(run, this_host_measures_what_it_has);
	tcase_add_test(run, without_kvm_its_parts_are_not_known);
	if (gms_host_has(lx_host(), GMS_HOST_KVM))
		tcase_add_test(run, given_kvm_is_used_and_stays_open);
	else
		lx_leave_out("a given /dev/kvm", "this host has none");
	tcase_add_test(run, nothing_is_left_behind);
	tcase_add_test(run, one_cpu_is_enough);
	tcase_add_test(run, a_fault_that_is_not_served_is_not_waited_for);
	tcase_add_loop_test(run, progress_tells_each_part_and_may_stop, 0,
			    GMS_CALIBRATE_PARTS + 2);
	return lx_run(s);
}

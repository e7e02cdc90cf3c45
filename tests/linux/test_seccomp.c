/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of linux/seccomp.h: every public call of the Linux library is run
 * for real, in a child, under a filter that allows what the table lists for it. A
 * system call that is not listed ends the child and is named.
 *
 * And the other way round: a system call that is listed without saying when must
 * be made in one of these runs, or it has no place in a filter.
 *
 * What the C library's malloc() needs beside is brk(2) only: it is told to make no
 * mappings, so that a mapping that a row lacks is seen.
 */
#define _GNU_SOURCE
#include "support.h"

#include <malloc.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "seccomp_runs.h"
#include "settings.h"

/* More than any row has, twice. */
#define CODE_MAX	512

/* What a child reports. */
struct report {
	volatile int listener;	/* its descriptor, once the filter is in force; -1 before */
	volatile int error;	/* what the run said: 0, or the line that failed */
	volatile int done;
};

static struct report *report;

/* How a run went. */
struct outcome {
	bool refused;		/* a system call was */
	int number;
	uint64_t request;
	int error;
	bool done;
};

struct filter {
	struct sock_filter code[CODE_MAX];
	unsigned short n;
};

static void put(struct filter *filter, struct sock_filter step)
{
	if (filter->n == CODE_MAX)
		abort();
	filter->code[filter->n++] = step;
}

static void allow(struct filter *filter, uint32_t value)
{
	put(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
	put(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

/* All of a row but one entry of it (-1: all), and what ends a process. */
static void build(struct filter *filter, const struct gms_linux_call *row, size_t without)
{
	filter->n = 0;
	put(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr)));
	allow(filter, SYS_exit_group);
	allow(filter, SYS_brk);
	for (size_t i = 0; i < row->nsyscalls; i++) {
		const struct gms_linux_syscall *sys = &row->syscalls[i];

		if (i != without && !sys->request && sys->number >= 0)
			allow(filter, (uint32_t)sys->number);
	}
	put(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0));
	put(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
	put(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, args[1])));
	for (size_t i = 0; i < row->nsyscalls; i++) {
		if (i != without && row->syscalls[i].request)
			allow(filter, (uint32_t)row->syscalls[i].request_number);
	}
	put(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
}

/* What is refused is told to the parent, of whichever thread and with whatever signals blocked. */
static int set(const struct filter *filter)
{
	const struct sock_fprog prog = { filter->n, (struct sock_filter *)(uintptr_t)filter->code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &prog);
}

static void child(const struct sc_run *run, const struct filter *filter)
{
	struct sc_world world;
	int listener;

	memset(&world, 0, sizeof(world));
	sc_world_init(&world, run->kind);
	report->error = run->prepare ? run->prepare(&world) : 0;
	if (report->error)
		_exit(0);
	listener = set(filter);
	if (listener < 0)
		_exit(1);
	report->listener = listener;
	report->error = run->run(&world);
	report->done = 1;
	_exit(0);
}

/* Until the child ends, or asks for what its row does not list. */
static void watch(int pidfd, int listener, struct outcome *outcome)
{
	struct pollfd fds[2] = {
		{ .fd = pidfd, .events = POLLIN }, { .fd = listener, .events = POLLIN },
	};
	struct seccomp_notif asked;

	while (!outcome->refused) {
		if (poll(fds, 2, -1) < 0 || fds[0].revents)
			return;
		memset(&asked, 0, sizeof(asked));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked))
			continue;	/* whoever asked is gone */
		outcome->refused = true;
		outcome->number = asked.data.nr;
		outcome->request = asked.data.args[1];
	}
}

/* Run it with all of its row but one entry. */
static struct outcome run_one(const struct sc_run *run, const struct gms_linux_call *row,
			      size_t without)
{
	struct outcome outcome = { 0 };
	struct filter filter;
	int status = 0, pidfd, listener;
	pid_t pid;

	build(&filter, row, without);
	memset(report, 0, sizeof(*report));
	report->listener = -1;
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		child(run, &filter);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ck_assert_int_ge(pidfd, 0);
	while (report->listener < 0 && !poll(&(struct pollfd){ pidfd, POLLIN, 0 }, 1, 0))
		usleep(50);
	listener = report->listener < 0 ? -1
		   : (int)syscall(SYS_pidfd_getfd, pidfd, report->listener, 0);
	if (listener >= 0)	/* else it is over already */
		watch(pidfd, listener, &outcome);
	if (outcome.refused)
		kill(pid, SIGKILL);
	close(listener);
	close(pidfd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(outcome.refused || (WIFEXITED(status) && !WEXITSTATUS(status)),
		      "%s (%s): ended with status %#x", run->call, run->what, (unsigned)status);
	outcome.error = report->error;
	outcome.done = report->done;
	return outcome;
}

static const struct gms_linux_call *row_of(const char *name)
{
	const struct gms_linux_call *rows;
	size_t n;

	rows = gms_linux_calls(&n);
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	}
	return NULL;
}

/* As some row has it. */
static const char *name_of(const struct outcome *seen)
{
	const struct gms_linux_call *rows;
	size_t n;

	rows = gms_linux_calls(&n);
	for (size_t i = 0; i < n; i++) {
		for (size_t s = 0; s < rows[i].nsyscalls; s++) {
			if (rows[i].syscalls[s].number == seen->number)
				return rows[i].syscalls[s].name;
		}
	}
	return "of another name";
}

START_TEST(call_makes_what_its_row_lists)	/* _i: which run */
{
	const struct sc_run *run = &sc_runs[_i];
	const struct gms_linux_call *row = row_of(run->call);
	struct outcome seen;

	ck_assert_msg(row != NULL, "%s: not in the table", run->call);
	if (run->needs && run->needs(run->kind)) {
		printf("%s (%s): left out: %s\n", run->call, run->what, run->needs(run->kind));
		return;
	}
	seen = run_one(run, row, SIZE_MAX);
	ck_assert_msg(!seen.refused, "%s (%s): makes system call %d, %s (second argument %#"
		      PRIx64 "), which its row does not list", run->call, run->what, seen.number,
		      name_of(&seen), seen.request);
	ck_assert_msg(seen.done && !seen.error, "%s (%s): failed at line %d of its run",
		      run->call, run->what, seen.error);
}
END_TEST

static bool is_needed(const struct gms_linux_call *row, size_t entry)
{
	const struct gms_linux_syscall *sys = &row->syscalls[entry];

	for (size_t i = 0; i < sc_nruns; i++) {
		const struct sc_run *run = &sc_runs[i];
		struct outcome seen;

		if (strcmp(run->call, row->name) || (run->needs && run->needs(run->kind)))
			continue;
		seen = run_one(run, row, entry);
		if (seen.refused && seen.number == sys->number &&
		    (!sys->request || (uint32_t)seen.request == sys->request_number))
			return true;
	}
	return false;
}

START_TEST(row_lists_nothing_that_is_not_made)	/* _i: which row */
{
	const struct gms_linux_call *row = gms_linux_calls(NULL) + _i;

	for (size_t i = 0; i < row->nsyscalls; i++) {
		const struct gms_linux_syscall *sys = &row->syscalls[i];

		if (!sys->when)
			ck_assert_msg(is_needed(row, i), "%s: %s %s is never made, and the row "
				      "does not say when it is", row->name, sys->name,
				      sys->request ? sys->request : "");
	}
}
END_TEST

START_TEST(rows_are_in_order_and_sound)
{
	const struct gms_linux_call *rows;
	size_t n = 0;

	rows = gms_linux_calls(&n);
	ck_assert_ptr_eq(rows, gms_linux_calls(NULL));
	ck_assert_uint_gt(n, 2);
	ck_assert_str_eq(rows[n - 2].name, "conversion");
	ck_assert_str_eq(rows[n - 1].name, "libc");
	for (size_t i = 0; i < n; i++) {
		ck_assert_msg(i == 0 || i + 2 >= n || strcmp(rows[i - 1].name, rows[i].name) < 0,
			      "%s: not in alphabetical order", rows[i].name);
		ck_assert_uint_gt(strlen(rows[i].about), 0);
		for (size_t s = 0; s < rows[i].nsyscalls; s++) {
			const struct gms_linux_syscall *sys = &rows[i].syscalls[s];

			ck_assert_int_ge(sys->number, -1);
			ck_assert_int_eq(!strcmp(sys->name, "ioctl"), sys->request != NULL);
			ck_assert_int_eq(sys->request != NULL, sys->request_number != 0);
			for (size_t o = 0; o < s; o++)
				ck_assert_msg(strcmp(rows[i].syscalls[o].name, sys->name) ||
					      (sys->request &&
					       strcmp(rows[i].syscalls[o].request, sys->request)),
					      "%s: %s twice", rows[i].name, sys->name);
		}
	}
}
END_TEST

/* The names that the version script exports. */
START_TEST(every_public_call_has_a_row_and_a_run)
{
	const char *top = getenv("top_srcdir");
	char path[4096], line[256], name[128];
	unsigned int exported = 0;
	size_t rows;
	FILE *map;

	snprintf(path, sizeof(path), "%s/lib/libgmemstate-linux.map", top ? top : ".");
	map = fopen(path, "r");
	ck_assert_msg(map != NULL, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), map)) {
		bool has_run = false;

		if (sscanf(line, " gms_%100[a-z0-9_];", name) != 1)
			continue;
		exported++;
		memmove(name + 4, name, strlen(name) + 1);
		memcpy(name, "gms_", 4);
		ck_assert_msg(row_of(name) != NULL, "%s: not in the table", name);
		for (size_t i = 0; i < sc_nruns; i++)
			has_run |= !strcmp(sc_runs[i].call, name);
		ck_assert_msg(has_run, "%s: never run under a filter", name);
	}
	fclose(map);
	(void)gms_linux_calls(&rows);
	ck_assert_uint_eq(rows, exported + 2);
}
END_TEST

static int refuse_line(void *ctx, const char *text, size_t bytes)
{
	int *left = ctx;

	(void)text;
	ck_assert_uint_gt(bytes, 0);
	return (*left)-- ? 0 : -EIO;
}

START_TEST(write_stops_where_the_writer_does)
{
	int left = 100000, lines;

	ck_assert_int_eq(gms_linux_calls_write(NULL, NULL), -EINVAL);
	ck_assert_int_eq(gms_linux_calls_write(refuse_line, &left), 0);
	lines = 100000 - left;
	for (int stop = 0; stop < lines; stop += 7) {
		left = stop;
		ck_assert_int_eq(gms_linux_calls_write(refuse_line, &left), -EIO);
		ck_assert_int_eq(left, -1);
	}
}
END_TEST

/* Under a sanitizer, every call would make those of the sanitizer. */
static const char *cannot_filter(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return "this is a build with a sanitizer, which makes system calls of its own";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return "this is a build with a sanitizer, which makes system calls of its own";
#endif
#endif
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 ? "this kernel has no seccomp filters" : NULL;
}

/* What the rows list without saying when needs all of this. */
static const char *cannot_be_complete(void)
{
	static const uint32_t needed[] = {
		GMS_HOST_KVM_MEMSLOT2, GMS_HOST_GMEM_INIT_SHARED, GMS_HOST_GUARD_VECTOR,
		GMS_HOST_UFFD, GMS_HOST_MEMFD_SECRET,
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!gms_host_has(lx_host(), needed[i]))
			return gms_host_feature_name(needed[i]);
	}
	return NULL;
}

int main(void)
{
	Suite *s = suite_create("seccomp");
	TCase *table = lx_case(s, "table"), *run = lx_case(s, "run");
	const char *why = cannot_filter();
	size_t rows;

	lx_settings_begin();
	if (lx_settings_huge(LX_HUGE_2M, 2) || lx_settings_thp())
		printf("runs on huge pages are left out where there are none: only root sets them\n");
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_ARENA_MAX, 1);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (report == MAP_FAILED)
		return 99;
	(void)gms_linux_calls(&rows);
	tcase_add_test(table, rows_are_in_order_and_sound);
	tcase_add_test(table, every_public_call_has_a_row_and_a_run);
	tcase_add_test(table, write_stops_where_the_writer_does);
	if (why) {
		lx_leave_out("calls under a filter", why);
		return lx_run(s);
	}
	tcase_add_loop_test(run, call_makes_what_its_row_lists, 0, (int)sc_nruns);
	why = cannot_be_complete();
	if (why)
		lx_leave_out("that no row lists too much: this host lacks", why);
	else
		tcase_add_loop_test(run, row_lists_nothing_that_is_not_made, 0, (int)rows);
	return lx_run(s);
}

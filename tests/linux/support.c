/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * support.c - what the tests of the Linux library share.
 */
#define _GNU_SOURCE
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>

#define TIMEOUT_SECONDS	300

static unsigned int left_out;

TCase *lx_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, TIMEOUT_SECONDS);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int lx_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (failed)
		return EXIT_FAILURE;
	return left_out ? 77 : EXIT_SUCCESS;
}

void lx_leave_out(const char *what, const char *why)
{
	printf("left out: %s: %s\n", what, why);
	left_out++;
}

int lx_vm(void)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm, err;

	if (kvm < 0)
		return -errno;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	err = errno;
	close(kvm);
	return vm < 0 ? -err : vm;
}

const struct gms_host *lx_host(void)
{
	static struct gms_host host;

	if (!host.size) {
		GMS_INIT(&host);
		if (gms_host_probe(&host))
			abort();
	}
	return &host;
}

bool lx_refuse_calls(enum lx_refusal refusal)
{
	const uint32_t markers = refusal >= LX_NO_MARKERS ? SECCOMP_RET_ERRNO | EINVAL
							  : SECCOMP_RET_ALLOW;
	const uint32_t mprotect = refusal >= LX_NO_MPROTECT ? SECCOMP_RET_ERRNO | EPERM
							    : SECCOMP_RET_ALLOW;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_madvise, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, mprotect),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 102, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 103, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, markers),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0);
}

const char *lx_missing(uint32_t kind)
{
	static const struct {
		enum gms_host_feature feature;
		const char *why;
	} need[GMS_BACKING_KINDS] = {
		[GMS_BACKING_MEMFD] = { GMS_HOST_MEMFD, "no memfd_create" },
		[GMS_BACKING_MEMFD_THP] = { GMS_HOST_MEMFD_THP, "shmem_enabled is never, and "
					    "may not be changed" },
		[GMS_BACKING_HUGETLB_2M] = { GMS_HOST_HUGETLB_2M, "no free huge pages of 2M" },
		[GMS_BACKING_HUGETLB_1G] = { GMS_HOST_HUGETLB_1G, "no free huge page of 1G" },
		[GMS_BACKING_MEMFD_SECRET] = { GMS_HOST_MEMFD_SECRET, "no memfd_secret" },
		[GMS_BACKING_GUEST_MEMFD] = { GMS_HOST_GMEM_INIT_SHARED, "no guest_memfd that "
					      "can be mapped and begins shared" },
		[GMS_BACKING_GUEST_MEMFD_PRIVATE] = { GMS_HOST_GMEM_MMAP, "no guest_memfd that "
						      "can be mapped" },
		[GMS_BACKING_GUEST_MEMFD_OPAQUE] = { GMS_HOST_GMEM, "no guest_memfd" },
	};

	return gms_host_has(lx_host(), need[kind].feature) ? NULL : need[kind].why;
}

uint64_t lx_length(uint32_t kind, uint64_t npages)
{
	const uint64_t unit = kind == GMS_BACKING_HUGETLB_1G ? LX_1G : LX_2M;

	return (npages + unit - 1) / unit * unit;
}

bool lx_reaches(const void *mem)
{
	ssize_t n;
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	n = write(fd[1], mem, 1);
	ck_assert_msg(n == 1 || errno == EFAULT, "write from guest memory: %s", strerror(errno));
	close(fd[0]);
	close(fd[1]);
	return n == 1;
}

static sigjmp_buf touched;
static void *volatile touched_at;

static void on_segv(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	touched_at = info->si_addr;
	siglongjmp(touched, 1);
}

bool lx_touch_faults(const volatile char *mem, void **at)
{
	struct sigaction act, old;
	volatile bool faulted = false;

	memset(&act, 0, sizeof(act));
	act.sa_sigaction = on_segv;
	act.sa_flags = SA_SIGINFO;
	ck_assert_int_eq(sigaction(SIGSEGV, &act, &old), 0);
	if (sigsetjmp(touched, 1))
		faulted = true;
	else
		(void)*mem;
	ck_assert_int_eq(sigaction(SIGSEGV, &old, NULL), 0);
	*at = faulted ? touched_at : NULL;
	return faulted;
}

bool lx_page_holds(const char *page, unsigned char byte)
{
	return (unsigned char)page[0] == byte && !memcmp(page, page + 1, LX_PAGE - 1);
}

static int disk_file_in(const char *folder, unsigned int npages)
{
	char name[512], *page;
	int fd = -1;

	if (!folder || snprintf(name, sizeof(name), "%s/gmemstate-XXXXXX", folder) >= 512)
		return -1;
	page = mmap(NULL, LX_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -1;
	fd = mkostemp(name, O_CLOEXEC | O_DIRECT);
	if (fd >= 0)
		unlink(name);
	for (unsigned int n = 0; fd >= 0 && n < npages; n++) {
		memset(page, (int)n + 1, LX_PAGE);
		if (pwrite(fd, page, LX_PAGE, (off_t)(n * LX_PAGE)) != (ssize_t)LX_PAGE) {
			close(fd);
			fd = -1;
		}
	}
	if (fd >= 0 && pread(fd, page, LX_PAGE, 0) != (ssize_t)LX_PAGE) {
		close(fd);
		fd = -1;
	}
	munmap(page, LX_PAGE);
	return fd;
}

int lx_disk_file(unsigned int npages)
{
	int fd = disk_file_in(getenv("TMPDIR"), npages);

	if (fd < 0)
		fd = disk_file_in(".", npages);
	if (fd < 0)
		fd = disk_file_in("/var/tmp", npages);
	return fd;
}

long lx_direct_read(int fd, unsigned int n, void *mem)
{
	const ssize_t rc = pread(fd, mem, LX_PAGE, (off_t)(n * LX_PAGE));

	return rc < 0 ? -errno : rc;
}

void lx_guest_new(struct lx_guest *guest, uint32_t kind, uint32_t revoke, uint64_t npages,
		  uint32_t base_order, gms_state state)
{
	struct gms_backing_opts opts;
	struct gms_region_opts region;
	int err;

	memset(guest, 0, sizeof(*guest));
	guest->vm = -1;
	if (kind >= GMS_BACKING_GUEST_MEMFD) {
		guest->vm = lx_vm();
		ck_assert_int_ge(guest->vm, 0);
	}
	GMS_INIT(&opts);
	opts.bytes = npages * LX_PAGE;
	opts.kind = kind;
	opts.revoke = revoke;
	opts.vm_fd = guest->vm;
	err = gms_backing_new(&guest->backing, &opts);
	ck_assert_msg(!err, "gms_backing_new: %d %s", err, gms_strerror(err));

	guest->first = LX_1G;
	guest->npages = npages;
	guest->hva = gms_backing_hva(guest->backing);
	GMS_INIT(&region);
	err = gms_backing_region(guest->backing, guest->first, base_order, state, &region);
	ck_assert_msg(!err, "gms_backing_region: %d %s", err, gms_strerror(err));
	ck_assert_int_eq(gms_space_new(&guest->space, NULL), 0);
	err = gms_region_add(guest->space, &region, &guest->region);
	ck_assert_msg(!err, "gms_region_add: %d %s", err, gms_strerror(err));
}

void lx_guest_free(struct lx_guest *guest)
{
	gms_space_free(guest->space);
	gms_backing_free(guest->backing);
	if (guest->vm >= 0)
		close(guest->vm);
}

char *lx_page(const struct lx_guest *guest, uint64_t n)
{
	return guest->hva + n * LX_PAGE;
}

void lx_guest_check(struct lx_guest *guest, uint64_t step)
{
	char why[256] = "";
	const int err = gms_check(guest->space, why, sizeof(why));

	ck_assert_msg(!err, "gms_check: %s: %s", gms_strerror(err), why);
	for (uint64_t n = 0; n < guest->npages; n += step) {
		const gms_state state = gms_state_at(guest->space, guest->first + n);

		ck_assert_msg(lx_reaches(lx_page(guest, n)) == !!(state & GMS_STATE_SHARED),
			      "page %" PRIu64 " is %s, but the VMM %s it", n,
			      state & GMS_STATE_SHARED ? "shared" : "private",
			      state & GMS_STATE_SHARED ? "does not reach" : "reaches");
	}
}

uint64_t lx_event(const struct gms_space *space, uint32_t kind)
{
	struct gms_acct acct;

	GMS_INIT(&acct);
	ck_assert_int_eq(gms_acct_read(space, &acct), 0);
	return acct.event[kind].count;
}

unsigned int lx_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Mappings that begin in [from, from + bytes). Allocates nothing, or it would count itself. */
static unsigned int count_maps(uintptr_t from, size_t bytes)
{
	const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	bool in_address = true;
	unsigned int n = 0;
	uintptr_t at = 0;
	char text[4096];
	ssize_t got;

	ck_assert_int_ge(fd, 0);
	while ((got = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < got; i++) {
			const char c = text[i];

			if (c == '\n') {
				in_address = true;
				at = 0;
			} else if (in_address && c == '-') {
				in_address = false;
				n += at - from < bytes;
			} else if (in_address) {
				at = at << 4 | (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
			}
		}
	close(fd);
	return n;
}

unsigned int lx_maps(void)
{
	return count_maps(0, SIZE_MAX);
}

unsigned int lx_maps_of(const struct lx_guest *guest)
{
	return count_maps((uintptr_t)guest->hva, guest->npages * LX_PAGE);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of linux/kvm.h: slots, and every kind of exit that this host
 * can be brought to. What needs /dev/kvm is left out where there is none.
 */
#define _GNU_SOURCE
#include "machine.h"
#include "support.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kvm.h>

#define GUEST_GFN	UINT64_C(0x200)		/* 2 MiB: where guest memory is put */
#define NOWHERE_GPA	UINT64_C(0x10000000)	/* no slot */

static void slot_opts(struct gms_kvm_slot *slot, void *hva)
{
	GMS_INIT(slot);
	slot->first = GUEST_GFN;
	slot->npages = 16;
	slot->hva = hva;
	slot->slot = 1;
}

/* Arguments are refused before the descriptor is looked at, so -1 will do. */
START_TEST(slot_with_bad_numbers_is_refused)
{
	struct gms_kvm_slot slot;

	ck_assert_int_eq(gms_kvm_slot_set(-1, NULL), -EINVAL);
	for (int bit = 4; bit < 32; bit++) {
		slot_opts(&slot, NULL);
		slot.flags = UINT32_C(1) << bit;
		ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EINVAL);
	}
	slot_opts(&slot, NULL);
	slot.reserved = 1;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EINVAL);
	slot_opts(&slot, NULL);
	slot.first = GMS_GFN_LIMIT;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EINVAL);
	slot_opts(&slot, NULL);
	slot.first = GMS_GFN_LIMIT - 15;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EINVAL);
	slot_opts(&slot, NULL);
	slot.npages = UINT64_MAX;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EINVAL);
	slot_opts(&slot, (void *)(UINTPTR_MAX - 4095));
	ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EINVAL);
	slot_opts(&slot, NULL);
	slot.flags = GMS_KVM_SLOT_GMEM;
	slot.gmem_offset_bytes = UINT64_MAX - 4095;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EINVAL);
	slot_opts(&slot, NULL);
	slot.flags = GMS_KVM_SLOT_GMEM;
	slot.gmem_fd = -1;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EBADF);
}
END_TEST

START_TEST(slot_of_a_wrong_size_is_refused)
{
	LX_LONGER(struct gms_kvm_slot) longer;
	struct gms_kvm_slot slot;

	slot_opts(&slot, NULL);
	for (slot.size = 0; slot.size < sizeof(size_t); slot.size++)
		ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EINVAL);
	GMS_INIT(&longer);
	longer.known.npages = 1;
	longer.tail[3] = 1;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &longer.known), -E2BIG);
	longer.tail[3] = 0;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &longer.known), -EBADF);
}
END_TEST

START_TEST(slot_of_no_vm_is_what_the_kernel_says)
{
	struct gms_kvm_slot slot;
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	slot_opts(&slot, NULL);
	ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EBADF);
	ck_assert_int_eq(gms_kvm_slot_set(fd[0], &slot), -ENOTTY);
	slot.flags = GMS_KVM_SLOT_GMEM;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &slot), -EBADF);
	ck_assert_int_eq(gms_kvm_slot_set(fd[0], &slot), -ENOTTY);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(run_of_null_or_a_wrong_size_is_refused)
{
	LX_LONGER(struct gms_kvm_exit) longer;
	struct gms_kvm_exit exit;
	void *run = lx_anonymous(LX_RAM_BYTES);

	GMS_INIT(&exit);
	ck_assert_int_eq(gms_kvm_run(-1, NULL, LX_RAM_BYTES, &exit), -EINVAL);
	ck_assert_int_eq(gms_kvm_run(-1, run, LX_RAM_BYTES, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_run(-1, run, 0, &exit), -EINVAL);
	ck_assert_int_eq(gms_kvm_run(-1, run, 255, &exit), -EINVAL);
	ck_assert_int_eq(gms_kvm_run(-1, run, sizeof(struct kvm_run) - 1, &exit), -EINVAL);
	for (exit.size = 0; exit.size < sizeof(size_t); exit.size++)
		ck_assert_int_eq(gms_kvm_run(-1, run, LX_RAM_BYTES, &exit), -EINVAL);
	GMS_INIT(&longer);
	longer.tail[15] = 1;
	ck_assert_int_eq(gms_kvm_run(-1, run, LX_RAM_BYTES, &longer.known), -E2BIG);
	ck_assert_uint_eq(longer.known.kind, 0);
	munmap(run, LX_RAM_BYTES);
}
END_TEST

START_TEST(run_that_fails_is_an_exit_too)
{
	LX_LONGER(struct gms_kvm_exit) longer;
	struct gms_kvm_exit exit;
	struct kvm_run *run = lx_anonymous(LX_RAM_BYTES);

	run->exit_reason = KVM_EXIT_MMIO;	/* of the exit before */
	GMS_INIT(&exit);
	errno = ENOTTY;
	ck_assert_int_eq(gms_kvm_run(-1, run, LX_RAM_BYTES, &exit), 0);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_ERROR);
	ck_assert_int_eq(exit.error, -EBADF);
	ck_assert_uint_eq(exit.reason, 0);
	ck_assert_uint_eq(run->exit_reason, 0);

	GMS_INIT(&longer);
	ck_assert_int_eq(gms_kvm_run(-1, run, LX_RAM_BYTES, &longer.known), 0);
	ck_assert_uint_eq(longer.known.size, sizeof(longer));
	ck_assert_int_eq(longer.known.error, -EBADF);

	memset(&exit, 0x5a, sizeof(exit));
	exit.size = offsetof(struct gms_kvm_exit, flags);
	ck_assert_int_eq(gms_kvm_run(-1, run, LX_RAM_BYTES, &exit), 0);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_ERROR);
	ck_assert_int_eq(exit.error, 0x5a5a5a5a);
	munmap(run, LX_RAM_BYTES);
}
END_TEST

START_TEST(slot_is_set_changed_and_deleted)
{
	const int vm = lx_vm();
	char *mem = lx_anonymous(LX_RAM_BYTES);
	struct gms_kvm_slot slot;

	ck_assert_int_ge(vm, 0);
	slot_opts(&slot, mem);
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), 0);
	slot.flags = GMS_KVM_SLOT_DIRTY_LOG;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), 0);
	slot.slot = 2;			/* the same frames once more */
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), -EEXIST);
	slot.slot = 1;
	slot.npages = 0;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), 0);
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), -EINVAL);	/* it is gone */
	slot_opts(&slot, mem + 1);
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), -EINVAL);
	slot_opts(&slot, mem);
	slot.slot = 0xffff;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), -EINVAL);
	slot_opts(&slot, mem);
	slot.flags = GMS_KVM_SLOT_READONLY;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), 0);
	munmap(mem, LX_RAM_BYTES);
	close(vm);
}
END_TEST

START_TEST(slot_of_guest_memfd_is_set_and_refused_as_the_kernel_does)
{
	struct gms_backing_opts opts;
	struct gms_backing *backing = NULL;
	struct gms_kvm_slot slot;
	const int vm = lx_vm();

	ck_assert_int_ge(vm, 0);
	GMS_INIT(&opts);
	opts.bytes = 2 << 20;
	opts.kind = GMS_BACKING_GUEST_MEMFD;
	opts.vm_fd = vm;
	ck_assert_int_eq(gms_backing_new(&backing, &opts), 0);
	slot_opts(&slot, gms_backing_hva(backing));
	slot.flags |= GMS_KVM_SLOT_GMEM;
	slot.gmem_fd = gms_backing_fd(backing);
	slot.gmem_offset_bytes = (2 << 20) - 8 * 4096;	/* 16 pages do not fit */
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), -EINVAL);
	slot.gmem_offset_bytes = 1;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), -EINVAL);
	slot.gmem_offset_bytes = 4096;
	slot.hva = (char *)slot.hva + 4096;
	slot.flags = GMS_KVM_SLOT_GMEM | GMS_KVM_SLOT_READONLY;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), -EINVAL);
	slot.flags = GMS_KVM_SLOT_GMEM;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), 0);
	slot.slot = 2;			/* the same pages of the file elsewhere */
	slot.first += 0x1000;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), -EINVAL);
	slot.slot = 1;
	slot.npages = 0;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), 0);
	gms_backing_free(backing);
	close(vm);
}
END_TEST

#if defined(__x86_64__)

START_TEST(run_tells_ports_mmio_signals_and_death_apart)
{
	static const unsigned char code[] = {
		0xe6, 0x10,	/* out %al, $0x10 */
		0x88, 0x07,	/* mov %al, (%rdi) */
		0x8a, 0x07,	/* mov (%rdi), %al */
		0x0f, 0x0b,	/* ud2, and nobody to catch it */
	};
	struct gms_kvm_exit exit;
	struct lx_machine m;

	lx_machine_new(&m);
	lx_put_code(&m, code, sizeof(code), NOWHERE_GPA, 0);

	m.run->immediate_exit = 1;
	exit = lx_run_machine(&m);
	m.run->immediate_exit = 0;
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_AGAIN);
	ck_assert_int_eq(exit.error, -EINTR);

	exit = lx_run_machine(&m);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_IO);
	ck_assert_int_eq(exit.error, 0);
	ck_assert_uint_eq(m.run->io.port, 0x10);
	ck_assert_uint_eq(((unsigned char *)m.run)[m.run->io.data_offset], 0x42);

	exit = lx_run_machine(&m);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_MMIO);
	ck_assert_uint_eq(exit.gpa, NOWHERE_GPA);
	ck_assert_uint_eq(exit.bytes, 1);
	ck_assert_uint_eq(exit.flags, GMS_KVM_ACCESS_WRITE);

	exit = lx_run_machine(&m);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_MMIO);
	ck_assert_uint_eq(exit.gpa, NOWHERE_GPA);
	ck_assert_uint_eq(exit.flags, 0);

	exit = lx_run_machine(&m);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_DEAD);
	lx_machine_free(&m);
}
END_TEST

/* A guest on memfd loses the page with the VMM, waits for it, and goes on. */
START_TEST(run_of_a_revoked_page_waits_until_it_is_shared)
{
	static const unsigned char code[] = {
		0x8a, 0x06,	/* mov (%rsi), %al */
		0xe6, 0x11,	/* out %al, $0x11 */
	};
	struct gms_kvm_exit exit;
	struct gms_kvm_slot slot;
	struct lx_guest guest;
	struct lx_machine m;

	lx_machine_new(&m);
	lx_guest_new(&guest, GMS_BACKING_MEMFD, GMS_REVOKE_BEST, LX_2M, 9, GMS_STATE_SHARED);
	GMS_INIT(&slot);
	slot.first = GUEST_GFN;
	slot.npages = LX_2M;
	slot.hva = guest.hva;
	slot.slot = 1;
	ck_assert_int_eq(gms_kvm_slot_set(m.vm, &slot), 0);
	*lx_page(&guest, 5) = 0x77;
	ck_assert_int_eq(gms_unshare(guest.space, LX_RANGE(guest.first + 5, 1), NULL), 0);

	lx_put_code(&m, code, sizeof(code), 0, (GUEST_GFN + 5) << GMS_PAGE_SHIFT);
	for (int turn = 0; turn < 2; turn++) {
		exit = lx_run_machine(&m);
		ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_NO_PAGE);
		ck_assert_int_eq(exit.error, -EFAULT);
	}
	ck_assert_int_eq(gms_share(guest.space, LX_RANGE(guest.first + 5, 1), NULL), 0);
	exit = lx_run_machine(&m);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_IO);
	ck_assert_uint_eq(m.run->io.port, 0x11);
	ck_assert_uint_eq(((unsigned char *)m.run)[m.run->io.data_offset], 0x77);
	lx_machine_free(&m);
	lx_guest_free(&guest);
}
END_TEST

/* A guest on guest_memfd reaches through the file what the VMM can not. */
START_TEST(run_on_guest_memfd_reads_what_the_vmm_lost)
{
	static const unsigned char code[] = {
		0x8a, 0x06,	/* mov (%rsi), %al */
		0xe6, 0x11,	/* out %al, $0x11 */
	};
	struct gms_backing_opts opts;
	struct gms_backing *backing = NULL;
	struct gms_region_opts region;
	struct gms_kvm_exit exit;
	struct gms_kvm_slot slot;
	struct lx_machine m;
	char *hva;

	lx_machine_new(&m);
	GMS_INIT(&opts);
	opts.bytes = 2 << 20;
	opts.kind = GMS_BACKING_GUEST_MEMFD;
	opts.vm_fd = m.vm;
	ck_assert_int_eq(gms_backing_new(&backing, &opts), 0);
	hva = gms_backing_hva(backing);
	hva[5 * LX_PAGE] = 0x66;
	GMS_INIT(&region);
	ck_assert_int_eq(gms_backing_region(backing, GUEST_GFN, 9, 0, &region), 0);
	ck_assert(!lx_reaches(hva + 5 * LX_PAGE));
	slot_opts(&slot, hva);
	slot.flags |= GMS_KVM_SLOT_GMEM;
	slot.gmem_fd = gms_backing_fd(backing);
	ck_assert_int_eq(gms_kvm_slot_set(m.vm, &slot), 0);

	lx_put_code(&m, code, sizeof(code), 0, (GUEST_GFN + 5) << GMS_PAGE_SHIFT);
	exit = lx_run_machine(&m);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_IO);
	ck_assert_uint_eq(((unsigned char *)m.run)[m.run->io.data_offset], 0x66);
	ck_assert(!lx_reaches(hva + 5 * LX_PAGE));
	lx_machine_free(&m);
	gms_backing_free(backing);
}
END_TEST

/* A guest_memfd that is gone while its slot lives: the kernel names the page it wants. */
START_TEST(run_on_a_closed_guest_memfd_names_the_page)
{
	static const unsigned char code[] = { 0x8a, 0x06 };	/* mov (%rsi), %al */
	struct { uint64_t size, flags, reserved[6]; } gmem = { .size = 2 << 20 };
	struct gms_kvm_exit exit;
	struct gms_kvm_slot slot;
	struct lx_machine m;

	lx_machine_new(&m);
	gmem.flags = lx_host()->gmem_flags & 3;
	slot_opts(&slot, lx_anonymous(16 * LX_PAGE));
	slot.flags |= GMS_KVM_SLOT_GMEM;
	slot.gmem_fd = ioctl(m.vm, _IOWR(KVMIO, 0xd4, gmem), &gmem);
	ck_assert_int_ge(slot.gmem_fd, 0);
	ck_assert_int_eq(gms_kvm_slot_set(m.vm, &slot), 0);
	close(slot.gmem_fd);

	lx_put_code(&m, code, sizeof(code), 0, (GUEST_GFN + 1) << GMS_PAGE_SHIFT);
	exit = lx_run_machine(&m);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_WANTS);
	ck_assert_int_eq(exit.error, -EFAULT);
	ck_assert_uint_eq(exit.gpa, (GUEST_GFN + 1) << GMS_PAGE_SHIFT);
	ck_assert_uint_eq(exit.bytes, LX_PAGE);
	ck_assert_uint_eq(exit.flags, 0);
	lx_machine_free(&m);
	munmap(slot.hva, 16 * LX_PAGE);
}
END_TEST

#endif

static void add_kvm_tests(TCase *slot, TCase *run)
{
	const bool gmem = gms_host_has(lx_host(), GMS_HOST_GMEM_INIT_SHARED);

	tcase_add_test(slot, slot_is_set_changed_and_deleted);
	if (gmem)
		tcase_add_test(slot, slot_of_guest_memfd_is_set_and_refused_as_the_kernel_does);
	else
		lx_leave_out("slots with guest_memfd", "this host has none that can be mapped");
#if defined(__x86_64__)
	tcase_add_test(run, run_tells_ports_mmio_signals_and_death_apart);
	tcase_add_test(run, run_of_a_revoked_page_waits_until_it_is_shared);
	if (gmem) {
		tcase_add_test(run, run_on_guest_memfd_reads_what_the_vmm_lost);
		tcase_add_test(run, run_on_a_closed_guest_memfd_names_the_page);
	}
#else
	(void)run;
	lx_leave_out("running a guest", "there is guest code for x86_64 only");
#endif
}

int main(void)
{
	Suite *suite = suite_create("kvm");
	TCase *slot = lx_case(suite, "slot"), *run = lx_case(suite, "run");

	tcase_add_test(slot, slot_with_bad_numbers_is_refused);
	tcase_add_test(slot, slot_of_a_wrong_size_is_refused);
	tcase_add_test(slot, slot_of_no_vm_is_what_the_kernel_says);
	tcase_add_test(run, run_of_null_or_a_wrong_size_is_refused);
	tcase_add_test(run, run_that_fails_is_an_exit_too);
	if (gms_host_has(lx_host(), GMS_HOST_KVM))
		add_kvm_tests(slot, run);
	else
		lx_leave_out("slots and runs of a VM", "there is no KVM here");
	return lx_run(suite);
}

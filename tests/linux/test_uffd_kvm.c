/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest in ring 3 on KVM whose memory is missing: it waits inside KVM_RUN, the handler
 * brings the page, and it reads what it should. Left out where there is no KVM, or
 * nobody may see the kernel's own faults.
 */
#define _GNU_SOURCE
#include "machine.h"
#include "paging.h"

#include <sys/ioctl.h>

#if defined(__x86_64__)

#define NPAGES		256u
#define RAM_GPA		(UINT64_C(512) << 20)

/* From page rdi on, rsi pages: add the first byte of each to rax, and 1 to its last byte. */
static const unsigned char code[] = {
	0x31, 0xc0,				/* xor %eax, %eax */
	0x0f, 0xb6, 0x17,			/* again: movzbl (%rdi), %edx */
	0x48, 0x01, 0xd0,			/* add %rdx, %rax */
	0x80, 0x87, 0xff, 0x0f, 0x00, 0x00, 0x01,	/* addb $1, 4095(%rdi) */
	0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00,	/* add $4096, %rdi */
	0x48, 0xff, 0xce,			/* dec %rsi */
	0x75, 0xe7,				/* jnz again */
	0xe6, 0x10,				/* out %al, $0x10 */
	0x0f, 0x0b,				/* ud2 */
};

/* A vCPU that is about to run the code, with the memory in slot 1. */
static void boot(struct lx_machine *machine, struct lx_paging *paging)
{
	struct gms_kvm_slot slot;

	lx_machine_new(machine);
	GMS_INIT(&slot);
	slot.slot = 1;
	slot.first = RAM_GPA >> GMS_PAGE_SHIFT;
	slot.npages = NPAGES;
	slot.hva = paging->guest.hva;
	ck_assert_int_eq(gms_kvm_slot_set(machine->vm, &slot), 0);
	lx_put_code(machine, code, sizeof(code), RAM_GPA, NPAGES);
}

/* Until it has been everywhere. */
static void run(struct lx_machine *machine)
{
	struct gms_kvm_exit left;

	do
		left = lx_run_machine(machine);
	while (left.kind == GMS_KVM_EXIT_AGAIN);
	ck_assert_uint_eq(left.kind, GMS_KVM_EXIT_IO);
}

/* _i: modes besides MISSING */
START_TEST(guest_reads_what_the_handler_brings)
{
	const uint32_t modes = GMS_UFFD_MISSING | (uint32_t)_i;
	struct lx_paging paging;
	struct gms_uffd_info info;
	struct kvm_regs regs;
	struct lx_machine machine;
	uint64_t sum = 0;
	bool marked = true;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE, modes);
	GMS_INIT(&info);
	ck_assert_int_eq(gms_uffd_get(paging.uffd, &info), 0);
	if (info.flags & GMS_UFFD_USER_MODE_ONLY) {
		lx_leave_out("a guest's faults", "no privilege for faults of the kernel");
		lx_paging_free(&paging);
		return;
	}
	lx_paging_begin(&paging);
	boot(&machine, &paging);
	run(&machine);
	ck_assert_int_eq(ioctl(machine.vcpu, KVM_GET_REGS, &regs), 0);
	for (uint64_t n = 0; n < NPAGES; n++) {
		sum += lx_paging_byte(n);
		marked = marked && (unsigned char)lx_page(&paging.guest, n)[LX_PAGE - 1] ==
				   (unsigned char)(lx_paging_byte(n) + 1);
	}
	ck_assert_uint_eq(regs.rax, sum);
	ck_assert(marked);
	lx_machine_free(&machine);
	lx_paging_end(&paging);		/* it counts after it has woken */
	ck_assert_uint_eq(paging.filled, NPAGES);
	lx_paging_free(&paging);
}
END_TEST

/* Protected pages: the guest writes to each of them, and each is dirty then. */
START_TEST(guest_writes_are_trapped_and_told)
{
	static char contents[NPAGES * GMS_PAGE_SIZE];
	struct lx_paging paging;
	struct gms_uffd_info info;
	uint64_t dirty = 0;
	struct lx_machine machine;

	lx_paging_new(&paging, GMS_BACKING_MEMFD, NPAGES, LX_MISSING_STATE,
		      GMS_UFFD_MISSING | GMS_UFFD_WP);
	GMS_INIT(&info);
	ck_assert_int_eq(gms_uffd_get(paging.uffd, &info), 0);
	if (info.flags & GMS_UFFD_USER_MODE_ONLY) {
		lx_leave_out("a guest's faults", "no privilege for faults of the kernel");
		lx_paging_free(&paging);
		return;
	}
	lx_paging_contents(contents, 0, NPAGES);
	ck_assert_int_eq(gms_uffd_copy(paging.uffd, paging.all, contents, GMS_UFFD_PROTECTED,
				       NULL), 0);
	lx_paging_begin(&paging);
	boot(&machine, &paging);
	run(&machine);
	ck_assert_int_eq(gms_count(paging.guest.space, paging.all,
				   GMS_STATE_DIRTY | GMS_STATE_WRITE_PROTECT, GMS_STATE_DIRTY,
				   &dirty), 0);
	ck_assert_uint_eq(dirty, NPAGES);
	lx_machine_free(&machine);
	lx_paging_end(&paging);
	lx_paging_free(&paging);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uffd_kvm");
	TCase *tcase = lx_case(suite, "guest");
	const int vm = lx_vm();

	if (vm < 0 || !gms_host_has(lx_host(), GMS_HOST_UFFD)) {
		printf("skipped: this host has no %s\n", vm < 0 ? "KVM" : "userfaultfd");
		return 77;
	}
	close(vm);
	tcase_add_test(tcase, guest_writes_are_trapped_and_told);
	tcase_add_loop_test(tcase, guest_reads_what_the_handler_brings, 0, 1);
	tcase_add_loop_test(tcase, guest_reads_what_the_handler_brings, GMS_UFFD_MINOR,
			    GMS_UFFD_MINOR + 1);
	return lx_run(suite);
}

#else

int main(void)
{
	printf("skipped: the guest's machine code is for x86-64 only\n");
	return 77;
}

#endif

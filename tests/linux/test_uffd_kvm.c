/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest in ring 3 on KVM whose memory is missing: it waits inside KVM_RUN, the handler
 * brings the page, and it reads what it should. Left out where there is no KVM, or
 * nobody may see the kernel's own faults.
 */
#define _GNU_SOURCE
#include "paging.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kvm.h>

#if defined(__x86_64__)

#define NPAGES		256u
#define LOW_BYTES	(UINT64_C(2) << 20)
#define CODE_GPA	UINT64_C(0x1000)
#define TABLES_GPA	UINT64_C(0x4000)
#define RAM_GPA		(LX_1G << GMS_PAGE_SHIFT)
#define ENTRY		UINT64_C(0x27)		/* present, write, user, accessed */
#define ENTRY_2M	(ENTRY | UINT64_C(0xc0))

/* From page rdi on, rcx pages: add the first byte of each to rax, and 1 to its last byte. */
static const unsigned char code[] = {
	0x31, 0xc0,				/* xor %eax, %eax */
	0x0f, 0xb6, 0x17,			/* again: movzbl (%rdi), %edx */
	0x48, 0x01, 0xd0,			/* add %rdx, %rax */
	0x80, 0x87, 0xff, 0x0f, 0x00, 0x00, 0x01,	/* addb $1, 4095(%rdi) */
	0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00,	/* add $4096, %rdi */
	0x48, 0xff, 0xc9,			/* dec %rcx */
	0x75, 0xe7,				/* jnz again */
	0xe6, 0x10,				/* out %al, $0x10 */
	0x0f, 0x0b,				/* ud2 */
};

struct vm {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	size_t run_bytes;
	char *low;
};

static void build_tables(char *low)
{
	uint64_t *pml4 = (void *)(low + TABLES_GPA), *pdpt = pml4 + 512, *pd = pdpt + 512;

	pml4[0] = (TABLES_GPA + 0x1000) | ENTRY;
	pdpt[0] = (TABLES_GPA + 0x2000) | ENTRY;
	pd[0] = ENTRY_2M;
	pdpt[RAM_GPA >> 30] = (TABLES_GPA + 0x3000) | ENTRY;
	pd[512] = RAM_GPA | ENTRY_2M;
}

static void set_cpuid(const struct vm *vm)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));

	ck_assert_ptr_nonnull(cpuid);
	cpuid->nent = 256;
	ck_assert_int_eq(ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid), 0);
	ck_assert_int_eq(ioctl(vm->vcpu, KVM_SET_CPUID2, cpuid), 0);
	free(cpuid);
}

static void set_registers(const struct vm *vm)
{
	const struct kvm_segment text = {
		.limit = 0xffffffff, .selector = 0x1b, .type = 11, .present = 1, .dpl = 3,
		.s = 1, .l = 1, .g = 1,
	};
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 0x23, .type = 3, .present = 1, .dpl = 3,
		.db = 1, .s = 1, .g = 1,
	};
	const struct kvm_regs regs = {
		.rip = CODE_GPA, .rflags = 0x3002, .rdi = RAM_GPA, .rcx = NPAGES,
	};
	struct kvm_sregs sregs;

	ck_assert_int_eq(ioctl(vm->vcpu, KVM_GET_SREGS, &sregs), 0);
	sregs.cs = text;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = 0x80050033;
	sregs.cr3 = TABLES_GPA;
	sregs.cr4 = 0x620;
	sregs.efer = 0x500;
	ck_assert_int_eq(ioctl(vm->vcpu, KVM_SET_SREGS, &sregs), 0);
	ck_assert_int_eq(ioctl(vm->vcpu, KVM_SET_REGS, &regs), 0);
}

static void boot(struct vm *vm, struct lx_paging *paging)
{
	struct gms_kvm_slot slot;
	void *run;

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(vm->kvm, 0);
	vm->vm = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	ck_assert_int_ge(vm->vm, 0);
	vm->low = mmap(NULL, LOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(vm->low, MAP_FAILED);
	memcpy(vm->low + CODE_GPA, code, sizeof(code));
	build_tables(vm->low);
	GMS_INIT(&slot);
	slot.npages = LOW_BYTES / LX_PAGE;
	slot.hva = vm->low;
	ck_assert_int_eq(gms_kvm_slot_set(vm->vm, &slot), 0);
	slot.slot = 1;
	slot.first = LX_1G;
	slot.npages = NPAGES;
	slot.hva = paging->guest.hva;
	ck_assert_int_eq(gms_kvm_slot_set(vm->vm, &slot), 0);
	vm->run_bytes = (size_t)ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
	ck_assert_int_ge(vm->vcpu, 0);
	run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	ck_assert_ptr_ne(run, MAP_FAILED);
	vm->run = run;
	set_cpuid(vm);
	set_registers(vm);
}

static void halt(struct vm *vm)
{
	munmap(vm->run, vm->run_bytes);
	munmap(vm->low, LOW_BYTES);
	close(vm->vcpu);
	close(vm->vm);
	close(vm->kvm);
}

/* _i: modes besides MISSING */
START_TEST(guest_reads_what_the_handler_brings)
{
	const uint32_t modes = GMS_UFFD_MISSING | (uint32_t)_i;
	struct lx_paging paging;
	struct gms_kvm_exit left;
	struct gms_uffd_info info;
	struct kvm_regs regs;
	struct vm vm;
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
	boot(&vm, &paging);
	do {
		GMS_INIT(&left);
		ck_assert_int_eq(gms_kvm_run(vm.vcpu, vm.run, vm.run_bytes, &left), 0);
	} while (left.kind == GMS_KVM_EXIT_AGAIN);
	ck_assert_uint_eq(left.kind, GMS_KVM_EXIT_IO);
	ck_assert_int_eq(ioctl(vm.vcpu, KVM_GET_REGS, &regs), 0);
	for (uint64_t n = 0; n < NPAGES; n++) {
		sum += lx_paging_byte(n);
		marked = marked && (unsigned char)lx_page(&paging.guest, n)[LX_PAGE - 1] ==
				   (unsigned char)(lx_paging_byte(n) + 1);
	}
	ck_assert_uint_eq(regs.rax, sum);
	ck_assert(marked);
	halt(&vm);
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
	struct gms_kvm_exit left;
	struct gms_uffd_info info;
	uint64_t dirty = 0;
	struct vm vm;

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
	boot(&vm, &paging);
	do {
		GMS_INIT(&left);
		ck_assert_int_eq(gms_kvm_run(vm.vcpu, vm.run, vm.run_bytes, &left), 0);
	} while (left.kind == GMS_KVM_EXIT_AGAIN);
	ck_assert_uint_eq(left.kind, GMS_KVM_EXIT_IO);
	ck_assert_int_eq(gms_count(paging.guest.space, paging.all,
				   GMS_STATE_DIRTY | GMS_STATE_WRITE_PROTECT, GMS_STATE_DIRTY,
				   &dirty), 0);
	ck_assert_uint_eq(dirty, NPAGES);
	halt(&vm);
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

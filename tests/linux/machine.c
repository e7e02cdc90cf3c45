/* SPDX-License-Identifier: BSD-2-Clause */
/* machine.c - a vCPU that runs a few 64-bit instructions, in ring 3 or ring 0. */
#define _GNU_SOURCE
#include "machine.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define CODE_GPA	0x8000u

void *lx_anonymous(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(mem, MAP_FAILED);
	return mem;
}

#if defined(__x86_64__)

static void set_ring(struct lx_machine *m, unsigned char ring)
{
	struct kvm_segment code = {
		.limit = 0xffffffff, .selector = ring ? 0x1b : 8, .present = 1, .type = 11,
		.dpl = ring, .s = 1, .l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = ring ? 0x23 : 16, .present = 1, .type = 3,
		.dpl = ring, .s = 1, .db = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	ck_assert_int_eq(ioctl(m->vcpu, KVM_GET_SREGS, &sregs), 0);
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.ss = data;
	sregs.cr0 = 0x80050033;
	sregs.cr3 = 0x1000;
	sregs.cr4 = 0x620;
	sregs.efer = 0x500;
	ck_assert_int_eq(ioctl(m->vcpu, KVM_SET_SREGS, &sregs), 0);
}

void lx_machine_new(struct lx_machine *m)
{
	lx_machine_in(m, lx_vm());
	m->borrowed = false;
}

void lx_machine_in(struct lx_machine *m, int vm)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct gms_kvm_slot slot;
	uint64_t *table;

	ck_assert_int_ge(kvm, 0);
	ck_assert_int_ge(vm, 0);
	m->vm = vm;
	m->borrowed = true;
	m->run_bytes = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	close(kvm);
	m->ram = lx_anonymous(LX_RAM_BYTES);
	GMS_INIT(&slot);
	slot.npages = LX_RAM_BYTES / 4096;
	slot.hva = m->ram;
	ck_assert_int_eq(gms_kvm_slot_set(m->vm, &slot), 0);
	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
	ck_assert_int_ge(m->vcpu, 0);
	m->run = mmap(NULL, m->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	ck_assert_ptr_ne(m->run, MAP_FAILED);

	/* The first GiB, mapped to itself by 2M pages that ring 3 may use. */
	table = (uint64_t *)(void *)(m->ram + 0x1000);
	table[0] = 0x2000 | 7;
	table = (uint64_t *)(void *)(m->ram + 0x2000);
	table[0] = 0x3000 | 7;
	table = (uint64_t *)(void *)(m->ram + 0x3000);
	for (uint64_t i = 0; i < 512; i++)
		table[i] = i << 21 | 0x87;
	set_ring(m, 3);
}

void lx_machine_ring0(struct lx_machine *m)
{
	set_ring(m, 0);
}

void lx_machine_free(struct lx_machine *m)
{
	munmap(m->run, m->run_bytes);
	close(m->vcpu);
	if (!m->borrowed)
		close(m->vm);
	munmap(m->ram, LX_RAM_BYTES);
}

void lx_put_code(struct lx_machine *m, const unsigned char *code, size_t bytes, uint64_t rdi,
		 uint64_t rsi)
{
	struct kvm_regs regs = {
		.rip = CODE_GPA, .rdi = rdi, .rsi = rsi, .rax = 0x42, .rsp = 0x9000,
		.rflags = 0x3002,	/* IOPL 3: ring 3 may use ports */
	};

	memcpy(m->ram + CODE_GPA, code, bytes);
	ck_assert_int_eq(ioctl(m->vcpu, KVM_SET_REGS, &regs), 0);
}

struct gms_kvm_exit lx_run_machine(struct lx_machine *m)
{
	struct gms_kvm_exit exit;

	GMS_INIT(&exit);
	ck_assert_int_eq(gms_kvm_run(m->vcpu, m->run, m->run_bytes, &exit), 0);
	ck_assert_uint_eq(exit.reason, m->run->exit_reason);
	return exit;
}

void lx_finish(struct lx_machine *m)
{
	m->run->immediate_exit = 1;
	(void)lx_run_machine(m);
	m->run->immediate_exit = 0;
}

void lx_touch_pages(struct lx_machine *m, const gms_gfn *gfn, size_t n)
{
	static const unsigned char code[] = {
		0x48, 0x8b, 0x3e,	/* 1: mov (%rsi), %rdi */
		0x48, 0x85, 0xff,	/*    test %rdi, %rdi */
		0x74, 0x08,		/*    jz 2f */
		0x88, 0x07,		/*    mov %al, (%rdi) */
		0x48, 0x83, 0xc6, 0x08,	/*    add $8, %rsi */
		0xeb, 0xf0,		/*    jmp 1b */
		0xe6, 0x11,		/* 2: out %al, $0x11 */
	};
	const size_t room = (LX_RAM_BYTES - LX_LIST_GPA) / sizeof(uint64_t) - 1;
	uint64_t *list = (uint64_t *)(void *)(m->ram + LX_LIST_GPA);
	struct gms_kvm_exit exit;

	while (n) {
		const size_t part = n < room ? n : room;

		for (size_t i = 0; i < part; i++)
			list[i] = gfn[i] << GMS_PAGE_SHIFT;
		list[part] = 0;
		lx_put_code(m, code, sizeof(code), 0, LX_LIST_GPA);
		do
			exit = lx_run_machine(m);
		while (exit.kind == GMS_KVM_EXIT_AGAIN);
		ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_IO);
		lx_finish(m);
		gfn += part;
		n -= part;
	}
}

#endif

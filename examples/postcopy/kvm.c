/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm.c - the guest on a vCPU of KVM, in ring 3 from its first instruction on.
 *
 * It has 20 instructions: take the number of the next page from a list, look at the
 * clock, read the page's first word, look at the clock, note the time and the word's
 * share of a sum, leave a mark in the page. List and times are in memory that is there;
 * the pages are guest memory under a userfaultfd, so the vCPU waits inside KVM_RUN.
 * (No kernel, for the reason that examples/minivmm/vm.c gives.)
 */
#include "../ring3.h"
#include "postcopy.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#if defined(__x86_64__)

#define CODE_GPA	UINT64_C(0x1000)
#define TABLES_GPA	UINT64_C(0x10000)	/* PML4, PDPT, PD of low memory, PDs of RAM */
#define LIST_GPA	UINT64_C(0x100000)
#define RAM_GPA		(PC_FIRST_GFN << GMS_PAGE_SHIFT)
#define PTE_TABLE	UINT64_C(0x27)		/* present, write, user, accessed */
#define PTE_2M		(PTE_TABLE | UINT64_C(0xc0))	/* dirty, huge */
#define FAULT_NS	20000	/* a touch this slow was a fault: KVM's own take a few us */

struct vm {
	struct pc_vcpu *vcpu;
	struct ring3 cpu;
	char *low;		/* low memory: code, tables, list, times */
	size_t low_bytes;
	uint64_t times_gpa;
};

/*
 * rsi: list of 32-bit page numbers; rdi: RAM; rbx: times, 32 bits each; rcx: how many;
 * r8: the sum.
 */
static const unsigned char code[] = {
	0x8b, 0x2e,				/* again: mov (%rsi), %ebp */
	0x48, 0x83, 0xc6, 0x04,			/* add $4, %rsi */
	0x48, 0xc1, 0xe5, 0x0c,			/* shl $12, %rbp */
	0x48, 0x01, 0xfd,			/* add %rdi, %rbp */
	0x0f, 0x31,				/* rdtsc */
	0x41, 0x89, 0xc1,			/* mov %eax, %r9d */
	0x4c, 0x03, 0x45, 0x00,			/* add (%rbp), %r8 */
	0x0f, 0xae, 0xe8,			/* lfence */
	0x0f, 0x31,				/* rdtsc */
	0x44, 0x29, 0xc8,			/* sub %r9d, %eax */
	0x89, 0x03,				/* mov %eax, (%rbx) */
	0x48, 0x83, 0xc3, 0x04,			/* add $4, %rbx */
	0xf0, 0x48, 0xff, 0x85, 0xf8, 0x0f, 0x00, 0x00,	/* lock incq 4088(%rbp) */
	0x48, 0xff, 0xc9,			/* dec %rcx */
	0x75, 0xcf,				/* jnz again */
	0x66, 0xba, 0x10, 0x05,			/* mov $0x510, %dx */
	0xee,					/* out %al, %dx */
	0x0f, 0x0b,				/* ud2 */
};

static void build_tables(struct vm *vm, uint64_t ram_bytes)
{
	uint64_t *pml4 = (void *)(vm->low + TABLES_GPA);
	uint64_t *pdpt = pml4 + 512, *pd = pdpt + 512;

	pml4[0] = (TABLES_GPA + 0x1000) | PTE_TABLE;
	pdpt[0] = (TABLES_GPA + 0x2000) | PTE_TABLE;
	for (uint64_t at = 0; at < vm->low_bytes; at += 2 << 20)
		pd[at >> 21] = at | PTE_2M;
	for (uint64_t at = 0; at < ram_bytes; at += 2 << 20) {
		const uint64_t gib = at >> 30;

		pdpt[(RAM_GPA >> 30) + gib] = (TABLES_GPA + 0x3000 + gib * 0x1000) | PTE_TABLE;
		pd[512 * (1 + gib) + ((at >> 21) & 511)] = (RAM_GPA + at) | PTE_2M;
	}
}

static int build_low(struct vm *vm)
{
	const struct pc_guest *guest = vm->vcpu->guest;
	const uint64_t npages = guest->range.npages;
	uint32_t *list;

	vm->times_gpa = LIST_GPA + 4 * npages;
	vm->low_bytes = (vm->times_gpa + 4 * npages + (2 << 20) - 1) & ~(size_t)((2 << 20) - 1);
	vm->low = mmap(NULL, vm->low_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (vm->low == MAP_FAILED)
		return -errno;
	memcpy(vm->low + CODE_GPA, code, sizeof(code));
	build_tables(vm, npages * PC_PAGE);
	list = (void *)(vm->low + LIST_GPA);
	for (uint64_t i = 0; i < npages; i++)
		list[i] = (uint32_t)pc_page_at(guest, vm->vcpu->number, i);
	return 0;
}

static int add_memory(struct vm *vm)
{
	const struct pc_guest *guest = vm->vcpu->guest;
	struct gms_kvm_slot slot;
	int rc;

	GMS_INIT(&slot);
	slot.npages = vm->low_bytes / PC_PAGE;
	slot.hva = vm->low;
	rc = gms_kvm_slot_set(vm->cpu.vm_fd, &slot);
	if (rc)
		return rc;
	GMS_INIT(&slot);
	slot.slot = 1;
	slot.first = PC_FIRST_GFN;
	slot.npages = guest->range.npages;
	slot.hva = guest->ram;
	return gms_kvm_slot_set(vm->cpu.vm_fd, &slot);
}

static int boot(struct vm *vm)
{
	struct kvm_regs regs = {
		.rip = CODE_GPA, .rflags = RING3_PORTS, .rsi = LIST_GPA, .rdi = RAM_GPA,
		.rcx = vm->vcpu->guest->range.npages,
	};
	int rc = build_low(vm);

	regs.rbx = vm->times_gpa;
	if (!rc)
		rc = ring3_open(&vm->cpu);
	if (!rc)
		rc = add_memory(vm);
	return rc ? rc : ring3_boot(&vm->cpu, TABLES_GPA, &regs);
}

/* 0: the guest has been everywhere. */
static int run_guest(struct vm *vm)
{
	struct pc_guest *guest = vm->vcpu->guest;
	struct gms_kvm_exit left;
	int rc;

	do {
		GMS_INIT(&left);
		rc = gms_kvm_run(vm->cpu.vcpu_fd, vm->cpu.run, vm->cpu.run_bytes, &left);
	} while (!rc && left.kind == GMS_KVM_EXIT_AGAIN && !guest->stop);
	if (rc || left.kind == GMS_KVM_EXIT_IO)
		return rc;
	if (left.kind == GMS_KVM_EXIT_NO_PAGE || left.kind == GMS_KVM_EXIT_AGAIN) {
		guest->frozen_vcpus++;
		return -EBUSY;
	}
	fprintf(stderr, "postcopy: the guest left KVM with kind %u, reason %u, error %d\n",
		left.kind, left.reason, left.error);
	return left.error ? left.error : -EIO;
}

/* How many turns of the clock a microsecond has. */
static double clock_per_us(void)
{
	const uint64_t from_ns = pc_now_ns(), from = __builtin_ia32_rdtsc();

	while (pc_now_ns() - from_ns < 5000000)
		;
	return (double)(__builtin_ia32_rdtsc() - from) * 1000 / (double)(pc_now_ns() - from_ns);
}

/* What the guest has noted, as a thread that is one would have. */
static int read_notes(struct vm *vm)
{
	struct pc_vcpu *vcpu = vm->vcpu;
	struct pc_guest *guest = vcpu->guest;
	const uint32_t *times = (void *)(vm->low + vm->times_gpa);
	const uint32_t *list = (void *)(vm->low + LIST_GPA);
	const double per_us = clock_per_us();
	struct kvm_regs regs;
	uint64_t sum = 0;

	if (ioctl(vm->cpu.vcpu_fd, KVM_GET_REGS, &regs))
		return -errno;
	vcpu->touches = guest->range.npages - regs.rcx;
	for (uint64_t i = 0; i < vcpu->touches; i++) {
		const uint64_t ns = (uint64_t)((double)times[i] * 1000 / per_us);

		sum += pc_word(guest->options->seed, list[i], 0);
		pc_times_add(ns > FAULT_NS ? &vcpu->faults : &vcpu->others, ns);
		guest->touched[list[i]]++;
		if (guest->why[list[i]] == PC_PREFETCHED)
			guest->prefetched_used++;
	}
	/* Stopped between a read and its mark, the sum is one page ahead. */
	if (!regs.rcx && sum != regs.r8)
		guest->wrong_pages++;
	return 0;
}

void *pc_kvm_run(void *arg)
{
	struct vm vm = { .vcpu = arg, .low = MAP_FAILED };
	int rc;

	ring3_init(&vm.cpu);
	rc = boot(&vm);
	pc_ready(vm.vcpu->guest);
	if (!rc)
		rc = run_guest(&vm);
	if (!rc || rc == -EBUSY)
		rc = read_notes(&vm);
	vm.vcpu->err = rc;
	ring3_close(&vm.cpu);
	if (vm.low != MAP_FAILED)
		munmap(vm.low, vm.low_bytes);
	return NULL;
}

#else /* not x86-64 */

void *pc_kvm_run(void *arg)
{
	struct pc_vcpu *vcpu = arg;

	vcpu->err = -EOPNOTSUPP;
	return NULL;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* vm.c - a guest with private memory, for the tests in the nested kernel. */
#define _GNU_SOURCE
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#define TYPE_SW_PROTECTED	1	/* KVM_X86_SW_PROTECTED_VM */
#define CREATE_GUEST_MEMFD	_IOWR(KVMIO, 0xd4, struct guest_memfd)
#define CAP_EXIT_HYPERCALL	201
#define SET_ATTRIBUTES		_IOW(KVMIO, 0xd2, struct attributes)
#define ATTRIBUTE_PRIVATE	8

#define LOW_BYTES	0x20000u
#define TABLES		0x1000u		/* six pages of them */
#define CODE		0x8000u
#define TABLE		0x10000u	/* what vm_read() found */
#define CPUID_ENTRIES	256
#define DONE_PORT	0x12

struct guest_memfd {
	uint64_t size, flags, reserved[6];
};

struct attributes {
	uint64_t address, size, attributes, flags;
};

static const unsigned char read_code[] = {
	0x48, 0x8b, 0x07,			/* 1: mov (%rdi), %rax */
	0x48, 0x89, 0x06,			/*    mov %rax, (%rsi) */
	0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, /*  add $0x1000, %rdi */
	0x48, 0x83, 0xc6, 0x08,			/*    add $8, %rsi */
	0x48, 0xff, 0xc9,			/*    dec %rcx */
	0x75, 0xea,				/*    jnz 1b */
	0xe6, DONE_PORT, 0xf4,			/*    out %al, $DONE_PORT; hlt */
};

static const unsigned char write_code[] = {
	0x48, 0x89, 0x07,			/* 1: mov %rax, (%rdi) */
	0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, /*  add $0x1000, %rdi */
	0x48, 0xff, 0xc0,			/*    inc %rax */
	0x48, 0xff, 0xc9,			/*    dec %rcx */
	0x75, 0xee,				/*    jnz 1b */
	0xe6, DONE_PORT, 0xf4,
};

static const unsigned char ask_code[] = {
	0x0f, 0x01, 0xd9,			/* vmmcall */
	0xe6, DONE_PORT, 0xf4,
};

_Noreturn void vm_die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	exit(1);
}

static void must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	if (rc != -1)
		errno = -rc;
	vm_die(what);
}

static void set_cpuid(int kvm_fd, int vcpu_fd)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		vm_die("memory");
	cpuid->nent = CPUID_ENTRIES;
	must(ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	must(ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

static void set_long_mode(int vcpu_fd)
{
	const struct kvm_segment code = {
		.limit = 0xffffffff, .selector = 8, .present = 1, .type = 11, .s = 1, .l = 1, .g = 1,
	};
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .present = 1, .type = 3, .s = 1, .db = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	must(ioctl(vcpu_fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = 0x80050033;
	sregs.cr3 = TABLES;
	sregs.cr4 = 0x620;
	sregs.efer = 0x500;
	must(ioctl(vcpu_fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
}

/* 4 GiB, mapped to themselves by 2M pages. */
static void build_tables(unsigned char *low)
{
	uint64_t *table = (uint64_t *)(void *)(low + TABLES);

	table[0] = (TABLES + 0x1000) | 3;
	for (uint64_t g = 0; g < 4; g++) {
		table[512 + g] = (TABLES + 0x2000 + g * 0x1000) | 3;
		for (uint64_t i = 0; i < 512; i++)
			table[1024 + 512 * g + i] = g << 30 | i << 21 | 0x83;
	}
}

static void add_slot(struct vm *vm, uint32_t number, gms_gfn first, uint64_t npages, void *hva,
		     int gmem_fd)
{
	struct gms_kvm_slot slot;

	GMS_INIT(&slot);
	slot.slot = number;
	slot.first = first;
	slot.npages = npages;
	slot.hva = hva;
	if (gmem_fd >= 0) {
		slot.flags = GMS_KVM_SLOT_GMEM;
		slot.gmem_fd = gmem_fd;
	}
	must(gms_kvm_slot_set(vm->fd, &slot), "gms_kvm_slot_set");
}

static void *anonymous(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		vm_die("mmap");
	return mem;
}

void vm_new(struct vm *vm)
{
	struct kvm_enable_cap hypercalls = {
		.cap = CAP_EXIT_HYPERCALL, .args = { 1 << GMS_KVM_MAP_GPA_RANGE },
	};
	const int kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	must(kvm_fd, "/dev/kvm");
	vm->gmem_fd = vm->plain_gmem_fd = -1;
	vm->fd = ioctl(kvm_fd, KVM_CREATE_VM, TYPE_SW_PROTECTED);
	must(vm->fd, "KVM_CREATE_VM");
	vm->low = anonymous(LOW_BYTES);
	build_tables(vm->low);
	add_slot(vm, 0, 0, LOW_BYTES / GMS_PAGE_SIZE, vm->low, -1);
	vm->plain = anonymous(VM_PLAIN_PAGES * GMS_PAGE_SIZE);
	add_slot(vm, 2, VM_PLAIN_FIRST, VM_PLAIN_PAGES, vm->plain, -1);
	vm->vcpu_fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	must(vm->vcpu_fd, "KVM_CREATE_VCPU");
	vm->run_bytes = (size_t)ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu_fd, 0);
	if (vm->run == MAP_FAILED)
		vm_die("mmap of kvm_run");
	set_cpuid(kvm_fd, vm->vcpu_fd);
	set_long_mode(vm->vcpu_fd);
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &hypercalls), "KVM_CAP_EXIT_HYPERCALL");
	close(kvm_fd);
}

static int new_gmem(const struct vm *vm, uint64_t npages)
{
	struct guest_memfd gmem = { .size = npages * GMS_PAGE_SIZE };
	const int fd = ioctl(vm->fd, CREATE_GUEST_MEMFD, &gmem);

	must(fd, "KVM_CREATE_GUEST_MEMFD");
	return fd;
}

void vm_add_memory(struct vm *vm, void *hva)
{
	vm->gmem_fd = new_gmem(vm, VM_PAGES);
	add_slot(vm, 1, VM_FIRST, VM_PAGES, hva, vm->gmem_fd);
}

void vm_give_plain_gmem(struct vm *vm)
{
	vm->plain_gmem_fd = new_gmem(vm, VM_PLAIN_PAGES);
	add_slot(vm, 2, VM_PLAIN_FIRST, 0, NULL, -1);
	add_slot(vm, 2, VM_PLAIN_FIRST, VM_PLAIN_PAGES, vm->plain, vm->plain_gmem_fd);
}

void vm_make_private(struct vm *vm, gms_gfn gfn)
{
	struct attributes attributes = {
		.address = gfn << GMS_PAGE_SHIFT, .size = GMS_PAGE_SIZE,
		.attributes = ATTRIBUTE_PRIVATE,
	};

	must(ioctl(vm->fd, SET_ATTRIBUTES, &attributes), "KVM_SET_MEMORY_ATTRIBUTES");
}

void vm_free(struct vm *vm)
{
	munmap(vm->run, vm->run_bytes);
	close(vm->vcpu_fd);
	close(vm->gmem_fd);
	if (vm->plain_gmem_fd >= 0)
		close(vm->plain_gmem_fd);
	close(vm->fd);
	munmap(vm->low, LOW_BYTES);
	munmap(vm->plain, VM_PLAIN_PAGES * GMS_PAGE_SIZE);
}

struct vm_left vm_go_on(struct vm *vm)
{
	struct vm_left left = { .done = false };
	struct kvm_regs regs;

	do {
		GMS_INIT(&left.exit);
		must(gms_kvm_run(vm->vcpu_fd, vm->run, vm->run_bytes, &left.exit), "gms_kvm_run");
	} while (left.exit.kind == GMS_KVM_EXIT_AGAIN);
	left.done = left.exit.kind == GMS_KVM_EXIT_IO && vm->run->io.port == DONE_PORT;
	if (left.done) {	/* finish the instruction before registers are set */
		vm->run->immediate_exit = 1;
		(void)ioctl(vm->vcpu_fd, KVM_RUN, 0);
		vm->run->immediate_exit = 0;
	}
	must(ioctl(vm->vcpu_fd, KVM_GET_REGS, &regs), "KVM_GET_REGS");
	left.rax = regs.rax;
	return left;
}

static struct vm_left start(struct vm *vm, const unsigned char *code, size_t bytes,
			    struct kvm_regs regs)
{
	memcpy(vm->low + CODE, code, bytes);
	regs.rip = CODE;
	regs.rsp = CODE;
	regs.rflags = 2;
	must(ioctl(vm->vcpu_fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	return vm_go_on(vm);
}

struct vm_left vm_read(struct vm *vm, gms_gfn first, uint64_t npages, uint64_t *value)
{
	const struct kvm_regs regs = {
		.rdi = first << GMS_PAGE_SHIFT, .rsi = TABLE, .rcx = npages,
	};
	struct vm_left left = start(vm, read_code, sizeof(read_code), regs);

	if (left.done)
		vm_table(vm, npages, value);
	return left;
}

void vm_table(const struct vm *vm, uint64_t npages, uint64_t *value)
{
	memcpy(value, vm->low + TABLE, npages * sizeof(*value));
}

struct vm_left vm_write(struct vm *vm, gms_gfn first, uint64_t npages, uint64_t value)
{
	const struct kvm_regs regs = {
		.rdi = first << GMS_PAGE_SHIFT, .rcx = npages, .rax = value,
	};

	return start(vm, write_code, sizeof(write_code), regs);
}

struct vm_left vm_ask(struct vm *vm, uint64_t gpa, uint64_t npages, uint64_t attributes)
{
	const struct kvm_regs regs = {
		.rax = GMS_KVM_MAP_GPA_RANGE, .rbx = gpa, .rcx = npages, .rdx = attributes,
	};

	return start(vm, ask_code, sizeof(ask_code), regs);
}

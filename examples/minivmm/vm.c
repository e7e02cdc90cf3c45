/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm.c - the guest on KVM: one vCPU that begins in ring 3.
 *
 * The guest has no kernel (examples/ring3.h). The VMM builds its page tables, and
 * lets it use ports, so that it may ring doorbells.
 */
#include "../ring3.h"
#include "minivmm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mv_vm {
	struct ring3 cpu;
	struct mv_memory *memory;
};

#if defined(__x86_64__)

#define PTE_PRESENT	(UINT64_C(1) << 0)
#define PTE_WRITE	(UINT64_C(1) << 1)
#define PTE_USER	(UINT64_C(1) << 2)
#define PTE_ACCESSED	(UINT64_C(1) << 5)
#define PTE_DIRTY	(UINT64_C(1) << 6)
#define PTE_HUGE	(UINT64_C(1) << 7)
#define PTE_TABLE	(PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)
#define PTE_2M		(PTE_TABLE | PTE_DIRTY | PTE_HUGE)

/* Addresses are what they are, 2 MiB at a time: the firmware and RAM. */
static void build_tables(char *firmware)
{
	uint64_t *table[4];

	for (unsigned int i = 0; i < 4; i++)
		table[i] = (uint64_t *)(void *)(firmware + MV_TABLES_GPA + i * MV_PAGE_BYTES);
	table[0][0] = (MV_TABLES_GPA + 1 * MV_PAGE_BYTES) | PTE_TABLE;
	table[1][0] = (MV_TABLES_GPA + 2 * MV_PAGE_BYTES) | PTE_TABLE;
	table[1][MV_RAM_GPA >> 30] = (MV_TABLES_GPA + 3 * MV_PAGE_BYTES) | PTE_TABLE;
	table[2][0] = MV_FIRMWARE_GPA | PTE_2M;
	for (unsigned int i = 0; i < MV_FOLIOS; i++)
		table[3][i] = (MV_RAM_GPA + ((uint64_t)i << 21)) | PTE_2M;
}

static int add_slots(struct mv_vm *vm, const struct mv_memory *memory)
{
	struct gms_kvm_slot slot;
	int rc;

	GMS_INIT(&slot);
	slot.slot = 0;
	slot.first = MV_FIRMWARE_GPA / MV_PAGE_BYTES;
	slot.npages = MV_FIRMWARE_BYTES / MV_PAGE_BYTES;
	slot.hva = memory->firmware_hva;
	rc = gms_kvm_slot_set(vm->cpu.vm_fd, &slot);
	if (rc)
		return rc;

	slot.slot = 1;
	slot.first = MV_RAM_GPA / MV_PAGE_BYTES;
	slot.npages = MV_RAM_BYTES / MV_PAGE_BYTES;
	if (memory->guest_ram) {
		slot.hva = memory->guest_ram;
	} else {
		slot.hva = memory->ram_hva;
		slot.flags = GMS_KVM_SLOT_GMEM;
		slot.gmem_fd = gms_backing_fd(memory->ram);
	}
	return gms_kvm_slot_set(vm->cpu.vm_fd, &slot);
}

int mv_vm_new(struct mv_vm **out, const char **why)
{
	struct mv_vm *vm = calloc(1, sizeof(*vm));
	int rc;

	*why = "out of memory";
	if (!vm)
		return -ENOMEM;
	ring3_init(&vm->cpu);
	rc = ring3_open(&vm->cpu);
	if (rc) {
		*why = vm->cpu.kvm_fd < 0 ? "/dev/kvm cannot be opened" : "/dev/kvm makes no VM";
		mv_vm_free(vm);
		return rc;
	}
	*out = vm;
	return 0;
}

int mv_vm_boot(struct mv_vm *vm, struct mv_memory *memory)
{
	const struct kvm_regs regs = {
		.rip = MV_IMAGE_GPA, .rsp = MV_STACK_TOP_GPA, .rflags = RING3_PORTS,
	};
	int rc;

	vm->memory = memory;
	build_tables(memory->firmware_hva);
	memcpy(memory->firmware_hva + MV_IMAGE_GPA, mv_guest_image,
	       (size_t)(mv_guest_image_end - mv_guest_image));
	rc = add_slots(vm, memory);
	return rc ? rc : ring3_boot(&vm->cpu, MV_TABLES_GPA, &regs);
}

#else /* not x86-64 */

int mv_vm_new(struct mv_vm **out, const char **why)
{
	(void)out;
	*why = "the guest's machine code is for x86-64 only";
	return -EOPNOTSUPP;
}

int mv_vm_boot(struct mv_vm *vm, struct mv_memory *memory)
{
	(void)vm;
	(void)memory;
	return -EOPNOTSUPP;
}

#endif

int mv_vm_fd(const struct mv_vm *vm)
{
	return vm->cpu.vm_fd;
}

static int died(const struct gms_kvm_exit *left)
{
	static const char *const what[] = {
		[GMS_KVM_EXIT_OTHER] = "an exit nobody expects",
		[GMS_KVM_EXIT_AGAIN] = "nothing",
		[GMS_KVM_EXIT_IO] = "access to a port that is no doorbell",
		[GMS_KVM_EXIT_MMIO] = "access to memory that is not there",
		[GMS_KVM_EXIT_WANTS] = "access with the wrong visibility",
		[GMS_KVM_EXIT_NO_PAGE] = "access to a page that the host does not have",
		[GMS_KVM_EXIT_POISON] = "access to a page with a hardware error",
		[GMS_KVM_EXIT_DEAD] = "a fault that the guest has no handler for",
		[GMS_KVM_EXIT_ERROR] = "an error of KVM_RUN",
		[GMS_KVM_EXIT_MISSING] = "access to a page that is not here yet",
		[GMS_KVM_EXIT_HYPERCALL] = "a hypercall",
	};

	fprintf(stderr, "minivmm: the guest stopped: %s (exit %u, address 0x%llx, error %d)\n",
		what[left->kind], left->reason, (unsigned long long)left->gpa, -left->error);
	return left->error ? left->error : -EIO;
}

int mv_vm_next(struct mv_vm *vm, uint32_t *port)
{
	struct gms_kvm_exit left;
	int rc;

	do {
		GMS_INIT(&left);
		rc = gms_kvm_run(vm->cpu.vcpu_fd, vm->cpu.run, vm->cpu.run_bytes, &left);
		if (rc)
			return rc;
		mv_charge(vm->memory, GMS_ACCT_SYS_IOCTL, 1, 0);
		mv_charge(vm->memory, GMS_ACCT_GUEST_EXITS, 1, 0);
	} while (left.kind == GMS_KVM_EXIT_AGAIN);

	if (left.kind != GMS_KVM_EXIT_IO || vm->cpu.run->io.direction != KVM_EXIT_IO_OUT)
		return died(&left);
	mv_charge(vm->memory, GMS_ACCT_USER_EXITS, 1, 0);
	*port = vm->cpu.run->io.port;
	return 0;
}

void mv_vm_free(struct mv_vm *vm)
{
	if (!vm)
		return;
	ring3_close(&vm->cpu);
	free(vm);
}

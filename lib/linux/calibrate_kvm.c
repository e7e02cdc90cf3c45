/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibrate_kvm.c - what a guest's exits cost.
 *
 * A guest of two loops, in ring 3 of 64-bit mode, where it runs natively also on
 * a KVM without hardware help: one writes to a port, which goes all the way to
 * the VMM; the other has KVM answer cpuid, which does not, BURST times for each
 * write to a port. One page of code and three of page tables are all its memory.
 */
#include "linux/calibrate.h"

#include <errno.h>
#include <string.h>

#include "linux/sys.h"
#include "linux/uapi.h"

#if defined(__x86_64__)

#define RUNS		8u	/* exits to the VMM of a batch */
#define BURST		32u	/* of the guest's code below */

#define PAGE		UINT64_C(4096)
#define MEMORY_BYTES	(4 * PAGE)
#define TABLES_GPA	0
#define CODE_GPA	(3 * PAGE)
#define PORTS_AT	18u

#define PTE_TABLE	7u	/* present, writable, for ring 3 */
#define PTE_2M		0x87u

static const unsigned char code[] = {
	/* again: */
	0xbe, BURST, 0, 0, 0,	/* mov $BURST, %esi */
	/* next: */
	0x31, 0xc0,		/* xor %eax, %eax */
	0x0f, 0xa2,		/* cpuid */
	0xff, 0xce,		/* dec %esi */
	0x75, 0xf8,		/* jnz next */
	0xe6, 0x10,		/* out %al, $0x10 */
	0xeb, 0xef,		/* jmp again */
	0x90,
	/* ports: */
	0xe6, 0x10,		/* out %al, $0x10 */
	0xeb, 0xfc,		/* jmp ports */
};

struct guest {
	char *memory;
	struct kvm_run *run;
	size_t run_bytes;
	int vcpu_fd;
};

static int enter_ring_3(const struct guest *guest)
{
	const struct kvm_segment text = {
		.limit = 0xffffffff, .selector = 0x1b, .type = 11, .present = 1, .dpl = 3,
		.s = 1, .l = 1, .g = 1,
	};
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 0x23, .type = 3, .present = 1, .dpl = 3,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs sregs;
	int rc = gms__linux_ioctl(guest->vcpu_fd, KVM_GET_SREGS, &sregs);

	if (rc)
		return rc;
	sregs.cs = text;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = 0x80050033;	/* paging, protection, native FPU errors */
	sregs.cr3 = TABLES_GPA;
	sregs.cr4 = 0x620;	/* PAE, FXSR, SIMD exceptions */
	sregs.efer = 0x500;	/* long mode */
	return gms__linux_ioctl(guest->vcpu_fd, KVM_SET_SREGS, &sregs);
}

static int go_to(const struct guest *guest, uint64_t rip)
{
	struct kvm_regs regs = {
		.rip = rip, .rsp = MEMORY_BYTES, .rflags = 0x3002,	/* ports in ring 3 */
	};

	return gms__linux_ioctl(guest->vcpu_fd, KVM_SET_REGS, &regs);
}

static void build_memory(char *memory)
{
	uint64_t *table = (uint64_t *)(void *)memory;

	table[0] = PAGE | PTE_TABLE;
	table[PAGE / sizeof(*table)] = 2 * PAGE | PTE_TABLE;
	table[2 * PAGE / sizeof(*table)] = PTE_2M;
	memcpy(memory + CODE_GPA, code, sizeof(code));
}

static int guest_init(struct gms__calib *calib, struct guest *guest)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEMORY_BYTES };
	void *mem;
	int rc = gms__linux_mmap(&mem, NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (rc)
		return rc;
	guest->memory = mem;
	build_memory(mem);
	slot.userspace_addr = (uintptr_t)mem;
	rc = gms__linux_ioctl(calib->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot);
	if (!rc)
		rc = gms__linux_ioctl_num(calib->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (rc < 0)
		return rc;
	guest->run_bytes = (size_t)rc;
	guest->vcpu_fd = gms__linux_ioctl_num(calib->vm_fd, KVM_CREATE_VCPU, 0);
	if (guest->vcpu_fd < 0)
		return guest->vcpu_fd;
	rc = gms__linux_mmap(&mem, NULL, guest->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			     guest->vcpu_fd);
	if (rc)
		return rc;
	guest->run = mem;
	return enter_ring_3(guest);
}

static void guest_fini(struct gms__calib *calib, struct guest *guest)
{
	struct kvm_userspace_memory_region slot = { .memory_size = 0 };

	if (guest->run)
		gms__linux_munmap(guest->run, guest->run_bytes);
	gms__linux_close(guest->vcpu_fd);
	(void)gms__linux_ioctl(calib->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot);
	gms__linux_munmap(guest->memory, MEMORY_BYTES);
}

/* Until the guest writes to its port; anything else, and it is no measure. */
static int run_to_port(const struct guest *guest)
{
	int rc;

	do {
		guest->run->exit_reason = 0;
		rc = gms__linux_ioctl_num(guest->vcpu_fd, KVM_RUN, 0);
	} while (rc == -EINTR || rc == -EAGAIN);
	if (rc < 0)
		return rc;
	return guest->run->exit_reason == KVM_EXIT_IO ? 0 : -EIO;
}

static int exits_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const struct guest *guest = arg;
	const uint64_t start = gms__calib_now();
	int rc = 0;

	(void)calib;
	for (unsigned int i = 0; !rc && i < RUNS; i++)
		rc = run_to_port(guest);
	ns[0] = gms__calib_each(start, RUNS);
	return rc;
}

/* A write to a port is under way after the last exit: it ends before registers change. */
static int finish_port(const struct guest *guest)
{
	int rc;

	guest->run->immediate_exit = 1;
	rc = gms__linux_ioctl_num(guest->vcpu_fd, KVM_RUN, 0);
	guest->run->immediate_exit = 0;
	return rc == -EINTR ? 0 : rc;
}

static int measure_exits(struct gms__calib *calib, struct guest *guest)
{
	uint64_t port = 0, burst = 0, inside;
	uint64_t *const ports[GMS__CALIB_NUMBERS] = { &port };
	uint64_t *const bursts[GMS__CALIB_NUMBERS] = { &burst };
	int rc = go_to(guest, CODE_GPA + PORTS_AT);

	if (!rc)
		rc = gms__calib_measure(calib, exits_batch, guest, ports);
	if (!rc)
		rc = finish_port(guest);
	if (!rc)
		rc = go_to(guest, CODE_GPA);
	if (!rc)
		rc = gms__calib_measure(calib, exits_batch, guest, bursts);
	if (rc)
		return rc;
	inside = gms__calib_difference(burst, port) / BURST;
	calib->model.guest_exit_ns = inside + !inside;
	calib->model.user_exit_ns = gms__calib_difference(port, calib->model.guest_exit_ns);
	return 0;
}

int gms__calib_kvm(struct gms__calib *calib)
{
	struct guest guest = { .vcpu_fd = -1 };
	int rc;

	if (calib->vm_fd < 0)
		return calib->vm_fd;
	rc = guest_init(calib, &guest);
	if (!rc)
		rc = measure_exits(calib, &guest);
	guest_fini(calib, &guest);
	return rc;
}

#else

/* There is no guest for other processors. */
int gms__calib_kvm(struct gms__calib *calib)
{
	return calib->vm_fd < 0 ? calib->vm_fd : -EOPNOTSUPP;
}

#endif

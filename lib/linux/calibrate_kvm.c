/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibrate_kvm.c - what a guest's exits cost, and its faults.
 *
 * A guest of three loops, in ring 3 of 64-bit mode, where it runs natively also on
 * a KVM without hardware help: one writes to a port, which goes all the way to
 * the VMM; the next has KVM answer cpuid, which does not, BURST times for each
 * write to a port; the last touches TOUCHED pages of a guest_memfd for each. One page
 * of code and three of page tables are all its other memory.
 */
#include "linux/calibrate.h"

#include <errno.h>
#include <string.h>

#include <gmemstate/linux/kvm.h>

#include "linux/sys.h"
#include "linux/uapi.h"

#if defined(__x86_64__)

#define RUNS		8u	/* exits to the VMM of a batch */
#define BURST		32u	/* of the guest's code below */
#define TOUCHED		64u	/* and pages that it touches */

#define PAGE		UINT64_C(4096)
#define MEMORY_BYTES	(4 * PAGE)
#define TABLES_GPA	0
#define CODE_GPA	(3 * PAGE)
#define PORTS_AT	18u
#define TOUCH_AT	22u
#define TOUCHED_GPA	(UINT64_C(2) << 20)

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
	/* touch: */
	0xbf, 0, 0, 0x20, 0,	/* mov $TOUCHED_GPA, %edi */
	0xb9, TOUCHED, 0, 0, 0,	/* mov $TOUCHED, %ecx */
	/* page: */
	0x88, 0x07,		/* mov %al, (%rdi) */
	0x81, 0xc7, 0, 0x10, 0, 0, /* add $4096, %edi */
	0xff, 0xc9,		/* dec %ecx */
	0x75, 0xf4,		/* jnz page */
	0xe6, 0x10,		/* out %al, $0x10 */
	0xeb, 0xe6,		/* jmp touch */
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
	table[2 * PAGE / sizeof(*table) + 1] = TOUCHED_GPA | PTE_2M;
	memcpy(memory + CODE_GPA, code, sizeof(code));
}

/* A VM keeps a vCPU that is closed: each guest's has a number of its own. */
static int guest_init(struct gms__calib *calib, struct guest *guest, unsigned long vcpu)
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
	guest->vcpu_fd = gms__linux_ioctl_num(calib->vm_fd, KVM_CREATE_VCPU, vcpu);
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
	rc = guest_init(calib, &guest, 0);
	if (!rc)
		rc = measure_exits(calib, &guest);
	guest_fini(calib, &guest);
	return rc;
}

/* --- faults ------------------------------------------------------------------------ */

/* The slot names one of two mappings of the same pages. */
struct touched {
	struct guest guest;
	char *named, *other;
};

static uint64_t since(uint64_t start)
{
	return gms__calib_now() - start;
}

static int take(char *mem, uint64_t *ns)
{
	const uint64_t start = gms__calib_now();
	const int rc = gms__linux_madvise(mem, TOUCHED * PAGE, MADV_DONTNEED);

	*ns = since(start);
	return rc;
}

static int touch(const struct guest *guest, uint64_t *ns)
{
	const uint64_t start = gms__calib_now();
	const int rc = run_to_port(guest);

	*ns = since(start);
	return rc;
}

/*
 * The pages are taken from the guest's tables with those of the mapping, and then it
 * faults on each: less the same of a mapping that the guest has no part in, and of a
 * guest that has its pages. The mapping stays without them meanwhile, as one that is
 * revoked: KVM may take neighbours along that it finds there.
 */
static int faults_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	uint64_t from_both = 0, from_one = 0, faulting = 0, there = 0;
	const struct touched *touched = arg;
	int rc;

	gms__calib_touch(calib, touched->named, TOUCHED * PAGE);
	gms__calib_touch(calib, touched->other, TOUCHED * PAGE);
	rc = take(touched->named, &from_both);
	if (!rc)
		rc = touch(&touched->guest, &faulting);
	if (!rc)
		rc = touch(&touched->guest, &there);
	if (!rc)
		rc = take(touched->other, &from_one);
	ns[0] = gms__calib_difference(from_both + faulting, from_one + there) / TOUCHED;
	ns[0] += !ns[0];
	return rc;
}

static int measure_faults(struct gms__calib *calib, struct touched *touched, int gmem_fd)
{
	uint64_t *const numbers[GMS__CALIB_NUMBERS] = { &calib->model.refault_guest_page_ns };
	struct gms_kvm_slot slot;
	int rc, deleted;

	GMS_INIT(&slot);
	slot.slot = 1;
	slot.first = TOUCHED_GPA / PAGE;
	slot.npages = GMS__CALIB_2M / PAGE;
	slot.hva = touched->named;
	slot.gmem_fd = gmem_fd;
	slot.flags = GMS_KVM_SLOT_GMEM;
	rc = gms_kvm_slot_set(calib->vm_fd, &slot);
	if (rc)
		return rc;
	rc = go_to(&touched->guest, CODE_GPA + TOUCH_AT);
	if (!rc)
		rc = gms__calib_measure(calib, faults_batch, touched, numbers);
	slot.npages = 0;
	deleted = gms_kvm_slot_set(calib->vm_fd, &slot);
	return rc ? rc : deleted;
}

int gms__calib_guest_faults(struct gms__calib *calib, struct gms_backing *gmem)
{
	struct touched touched = { .guest.vcpu_fd = -1, .named = gms_backing_hva(gmem) };
	void *mem;
	int rc = gms__linux_mmap(&mem, NULL, GMS__CALIB_2M, PROT_READ | PROT_WRITE, MAP_SHARED,
				 gms_backing_fd(gmem));

	if (rc)
		return rc;
	touched.other = mem;
	rc = guest_init(calib, &touched.guest, 1);
	if (!rc)
		rc = measure_faults(calib, &touched, gms_backing_fd(gmem));
	guest_fini(calib, &touched.guest);
	gms__linux_munmap(mem, GMS__CALIB_2M);
	return rc;
}

#else

/* There is no guest for other processors: its faults stay unknown. */
int gms__calib_guest_faults(struct gms__calib *calib, struct gms_backing *gmem)
{
	(void)calib;
	(void)gmem;
	return 0;
}

int gms__calib_kvm(struct gms__calib *calib)
{
	return calib->vm_fd < 0 ? calib->vm_fd : -EOPNOTSUPP;
}

#endif

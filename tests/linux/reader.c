/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.c - a guest in ring 3 that reads a word of each page it is told, or writes one.
 *
 * Low memory, 64 KiB in slot 0: page tables from 0x1000, code at 0x8000, pairs of
 * address and word from 0xc000. The first GiB and the second are mapped to themselves
 * by pages of 2M. The code is one load or store to step over, and a loop around it:
 *
 *	1:	mov	(%rsi), %rax
 *		mov	8(%rsi), %rdx
 *		mov	(%rax), %rdx		or	mov	%rdx, (%rax)
 *		mov	%rdx, 8(%rsi)
 *		add	$16, %rsi
 *		dec	%rcx
 *		jnz	1b
 *		out	%al, $0x10
 */
#define _GNU_SOURCE
#include "reader.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kvm.h>

#define LOW_BYTES	0x10000u
#define CODE_GPA	0x8000u
#define LIST_GPA	0xc000u
#define LIST_MAX	256u
#define TOUCH_AT	(CODE_GPA + 7)	/* the load or store, three bytes */

static void build_tables(struct lx_reader *reader)
{
	uint64_t *top = (uint64_t *)(void *)(reader->low + 0x1000);
	uint64_t *gib = (uint64_t *)(void *)(reader->low + 0x2000);
	uint64_t *mib = (uint64_t *)(void *)(reader->low + 0x3000);

	top[0] = 0x2000 | 7;
	gib[0] = 0x3000 | 7;
	gib[1] = 0x4000 | 7;
	for (uint64_t i = 0; i < 2 * 512; i++)
		mib[i] = i << 21 | 0x87;
}

static void set_up_cpu(const struct lx_reader *reader)
{
	struct kvm_segment code = {
		.limit = 0xffffffff, .selector = 0x1b, .present = 1, .type = 11, .dpl = 3, .s = 1,
		.l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 0x23, .present = 1, .type = 3, .dpl = 3, .s = 1,
		.db = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	ck_assert_int_eq(ioctl(reader->vcpu, KVM_GET_SREGS, &sregs), 0);
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.ss = data;
	sregs.cr0 = 0x80050033;
	sregs.cr3 = 0x1000;
	sregs.cr4 = 0x620;
	sregs.efer = 0x500;
	ck_assert_int_eq(ioctl(reader->vcpu, KVM_SET_SREGS, &sregs), 0);
}

static bool is_guest_memfd(const struct gms_backing *backing)
{
	struct gms_backing_info info;

	GMS_INIT(&info);
	ck_assert_int_eq(gms_backing_get(backing, &info), 0);
	return info.kind >= GMS_BACKING_GUEST_MEMFD;
}

void lx_reader_new(struct lx_reader *reader, int vm, const struct gms_backing *backing)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct gms_kvm_slot slot;

	ck_assert_int_ge(kvm, 0);
	reader->vm = vm;
	reader->run_bytes = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	close(kvm);
	reader->low = mmap(NULL, LOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	ck_assert_ptr_ne(reader->low, MAP_FAILED);
	GMS_INIT(&slot);
	slot.npages = LOW_BYTES / LX_PAGE;
	slot.hva = reader->low;
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), 0);

	GMS_INIT(&slot);
	slot.slot = 1;
	slot.first = LX_READER_FIRST;
	slot.npages = gms_backing_bytes(backing) >> GMS_PAGE_SHIFT;
	slot.hva = gms_backing_hva(backing);
	if (is_guest_memfd(backing)) {
		slot.flags = GMS_KVM_SLOT_GMEM;
		slot.gmem_fd = gms_backing_fd(backing);
	}
	ck_assert_int_eq(gms_kvm_slot_set(vm, &slot), 0);

	reader->vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	ck_assert_int_ge(reader->vcpu, 0);
	reader->run = mmap(NULL, reader->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			   reader->vcpu, 0);
	ck_assert_ptr_ne(reader->run, MAP_FAILED);
	build_tables(reader);
	set_up_cpu(reader);
}

void lx_reader_free(struct lx_reader *reader)
{
	munmap(reader->run, reader->run_bytes);
	close(reader->vcpu);
	munmap(reader->low, LOW_BYTES);
}

static struct gms_kvm_exit run(const struct lx_reader *reader)
{
	struct gms_kvm_exit exit;

	do {
		GMS_INIT(&exit);
		ck_assert_int_eq(gms_kvm_run(reader->vcpu, reader->run, reader->run_bytes, &exit), 0);
	} while (exit.kind == GMS_KVM_EXIT_AGAIN);
	return exit;
}

/* Go on behind the load or store; which page it was. */
static size_t step_over(const struct lx_reader *reader)
{
	struct kvm_regs regs;

	ck_assert_int_eq(ioctl(reader->vcpu, KVM_GET_REGS, &regs), 0);
	ck_assert_uint_eq(regs.rip, TOUCH_AT);
	regs.rip += 3;
	ck_assert_int_eq(ioctl(reader->vcpu, KVM_SET_REGS, &regs), 0);
	return (regs.rsi - LIST_GPA) / 16;
}

/* Complete the port access, so that registers can be set. */
static void finish(const struct lx_reader *reader)
{
	struct kvm_run *kvm_run = reader->run;

	kvm_run->immediate_exit = 1;
	(void)ioctl(reader->vcpu, KVM_RUN, 0);
	kvm_run->immediate_exit = 0;
}

static unsigned int touch_some(struct lx_reader *reader, struct lx_touch *touch, size_t n,
			       bool write)
{
	static const unsigned char load[] = {
		0x48, 0x8b, 0x06, 0x48, 0x8b, 0x56, 0x08, 0x48, 0x8b, 0x10, 0x48, 0x89, 0x56, 0x08,
		0x48, 0x83, 0xc6, 0x10, 0x48, 0xff, 0xc9, 0x75, 0xe9, 0xe6, 0x10,
	};
	struct kvm_regs regs = {
		.rip = CODE_GPA, .rsi = LIST_GPA, .rcx = n, .rsp = 0x7000,
		.rflags = 0x3002,	/* IOPL 3: ring 3 may use ports */
	};
	uint64_t *list = (uint64_t *)(void *)(reader->low + LIST_GPA);
	unsigned int exits = 0;

	memcpy(reader->low + CODE_GPA, load, sizeof(load));
	if (write)
		reader->low[TOUCH_AT + 1] = 0x89;
	for (size_t i = 0; i < n; i++) {
		list[2 * i] = touch[i].gfn << GMS_PAGE_SHIFT;
		list[2 * i + 1] = touch[i].word;
		touch[i].missing = false;
	}
	ck_assert_int_eq(ioctl(reader->vcpu, KVM_SET_REGS, &regs), 0);
	for (;;) {
		const struct gms_kvm_exit exit = run(reader);

		exits++;
		if (exit.kind == GMS_KVM_EXIT_IO)
			break;
		ck_assert_msg(exit.error == -EFAULT, "KVM_RUN: kind %u, reason %u, error %d",
			      exit.kind, exit.reason, exit.error);
		touch[step_over(reader)].missing = true;
	}
	finish(reader);
	for (size_t i = 0; i < n; i++)
		touch[i].word = list[2 * i + 1];
	return exits;
}

unsigned int lx_reader_touch(struct lx_reader *reader, struct lx_touch *touch, size_t n,
			     bool write)
{
	unsigned int exits = 0;

	for (size_t at = 0; at < n; at += LIST_MAX)
		exits += touch_some(reader, touch + at, n - at < LIST_MAX ? n - at : LIST_MAX,
				    write);
	return exits;
}

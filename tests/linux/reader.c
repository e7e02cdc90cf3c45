/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.c - a guest in ring 3 that reads a word of each page it is told, or writes one.
 *
 * Its list has pairs of address and word. The code is one load or store to step
 * over, and a loop around it:
 *
 *	1:	mov	(%rsi), %rax
 *		mov	8(%rsi), %rdx
 *		mov	(%rax), %rdx		or	mov	%rdx, (%rax)
 *		mov	%rdx, 8(%rsi)
 *		add	$16, %rsi
 *		dec	%rdi
 *		jnz	1b
 *		out	%al, $0x10
 */
#include "reader.h"

#include <sys/ioctl.h>

#if defined(__x86_64__)

#define TOUCH_OFFSET	7u	/* of the load or store, three bytes */
#define LIST_MAX	((LX_RAM_BYTES - LX_LIST_GPA) / 16)

void lx_reader_attach(struct lx_machine *m, const struct gms_backing *backing)
{
	uint64_t *gib = (uint64_t *)(void *)(m->ram + 0x2000);
	uint64_t *mib = (uint64_t *)(void *)(m->ram + 0x4000);
	struct gms_backing_info info;
	struct gms_kvm_slot slot;

	/* The second GiB of its addresses, like the first. */
	gib[1] = 0x4000 | 7;
	for (uint64_t i = 0; i < 512; i++)
		mib[i] = (512 + i) << 21 | 0x87;
	GMS_INIT(&info);
	ck_assert_int_eq(gms_backing_get(backing, &info), 0);
	GMS_INIT(&slot);
	slot.slot = 1;
	slot.first = LX_READER_FIRST;
	slot.npages = info.bytes >> GMS_PAGE_SHIFT;
	slot.hva = gms_backing_hva(backing);
	if (info.kind >= GMS_BACKING_GUEST_MEMFD) {
		slot.flags = GMS_KVM_SLOT_GMEM;
		slot.gmem_fd = gms_backing_fd(backing);
	}
	ck_assert_int_eq(gms_kvm_slot_set(m->vm, &slot), 0);
}

/* Go on behind the load or store; which page of the list it was. */
static size_t step_over(const struct lx_machine *m, uint64_t touch_at)
{
	struct kvm_regs regs;

	ck_assert_int_eq(ioctl(m->vcpu, KVM_GET_REGS, &regs), 0);
	ck_assert_uint_eq(regs.rip, touch_at);
	regs.rip += 3;
	ck_assert_int_eq(ioctl(m->vcpu, KVM_SET_REGS, &regs), 0);
	return (regs.rsi - LX_LIST_GPA) / 16;
}

static void touch_some(struct lx_machine *m, struct lx_touch *touch, size_t n, bool write)
{
	unsigned char code[] = {
		0x48, 0x8b, 0x06, 0x48, 0x8b, 0x56, 0x08, 0x48, 0x8b, 0x10, 0x48, 0x89, 0x56, 0x08,
		0x48, 0x83, 0xc6, 0x10, 0x48, 0xff, 0xcf, 0x75, 0xe9, 0xe6, 0x10,
	};
	uint64_t *list = (uint64_t *)(void *)(m->ram + LX_LIST_GPA);
	struct kvm_regs regs;

	if (write)
		code[TOUCH_OFFSET + 1] = 0x89;
	for (size_t i = 0; i < n; i++) {
		list[2 * i] = touch[i].gfn << GMS_PAGE_SHIFT;
		list[2 * i + 1] = touch[i].word;
		touch[i].missing = false;
	}
	lx_put_code(m, code, sizeof(code), n, LX_LIST_GPA);
	ck_assert_int_eq(ioctl(m->vcpu, KVM_GET_REGS, &regs), 0);
	for (;;) {
		const struct gms_kvm_exit exit = lx_run_machine(m);

		if (exit.kind == GMS_KVM_EXIT_AGAIN)
			continue;
		if (exit.kind == GMS_KVM_EXIT_IO)
			break;
		ck_assert_msg(exit.error == -EFAULT, "KVM_RUN: kind %u, reason %u, error %d",
			      exit.kind, exit.reason, exit.error);
		touch[step_over(m, regs.rip + TOUCH_OFFSET)].missing = true;
	}
	lx_finish(m);
	for (size_t i = 0; i < n; i++)
		touch[i].word = list[2 * i + 1];
}

void lx_reader_touch(struct lx_machine *m, struct lx_touch *touch, size_t n, bool write)
{
	for (size_t at = 0; at < n; at += LIST_MAX)
		touch_some(m, touch + at, n - at < LIST_MAX ? n - at : LIST_MAX, write);
}

#endif

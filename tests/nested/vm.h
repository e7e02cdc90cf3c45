/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm.h - a guest with private memory, for the tests in the nested kernel.
 *
 * One vCPU that runs a few instructions of ring 0 at a time: what it reads is what
 * the test wants to know. Any failure of the set-up ends the test program.
 */
#ifndef NESTED_VM_H
#define NESTED_VM_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/gmemstate-linux.h>

#define VM_PAGES	UINT64_C(2048)		/* of guest memory */
#define VM_FIRST	UINT64_C(0x40000)	/* its first frame: at 1 GiB */
#define VM_PLAIN_PAGES	UINT64_C(16)		/* in a slot without guest_memfd */
#define VM_PLAIN_FIRST	UINT64_C(0x80000)	/* at 2 GiB */

struct vm {
	int fd, vcpu_fd;
	struct kvm_run *run;
	size_t run_bytes;
	unsigned char *low;	/* the slot with code and page tables */
	int gmem_fd;		/* the private half of guest memory */
	char *plain;		/* mapping of the plain slot */
	int plain_gmem_fd;	/* its private half, or -1 */
};

/* Stop the program: says what failed and with which errno. */
_Noreturn void vm_die(const char *what);

void vm_new(struct vm *vm);
/* Guest memory: the private half is the file, the shared half a mapping. */
void vm_add_memory(struct vm *vm, void *hva);
/* The plain slot gets a private half, empty. */
void vm_give_plain_gmem(struct vm *vm);
/* Turn a page for KVM alone: the library is not told. */
void vm_make_private(struct vm *vm, gms_gfn gfn);
void vm_free(struct vm *vm);

/* What a piece of guest code came to. */
struct vm_left {
	struct gms_kvm_exit exit;
	uint64_t rax;
	bool done;	/* it ran to its end */
};

/* The first 8 bytes of each page, into a table of at least VM_PAGES words. */
struct vm_left vm_read(struct vm *vm, gms_gfn first, uint64_t npages, uint64_t *value);
/* Write value, value + 1, ... to the first 8 bytes of each page. */
struct vm_left vm_write(struct vm *vm, gms_gfn first, uint64_t npages, uint64_t value);
/*
 * The hypercall that shares or unshares: leaves with GMS_KVM_EXIT_HYPERCALL, or is done
 * at once if KVM itself refuses it.
 */
struct vm_left vm_ask(struct vm *vm, uint64_t gpa, uint64_t npages, uint64_t attributes);
/* Go on after an exit that was dealt with. */
struct vm_left vm_go_on(struct vm *vm);
/* After vm_go_on() ran vm_read()'s code to its end: its table. */
void vm_table(const struct vm *vm, uint64_t npages, uint64_t *value);

#endif

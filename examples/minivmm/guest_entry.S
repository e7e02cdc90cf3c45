/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_entry.S - where the vCPU starts: 64-bit mode, ring 3, I/O privilege
 * level 3, flat page tables, the stack set up by the VMM, no interrupt table.
 * And the two functions that compilers call by name on their own.
 */
	.section .text.entry, "ax"
	.globl	mv_guest_start
mv_guest_start:
	xorl	%ebp, %ebp
	call	mv_guest_entry
	ud2

	.text
	.globl	memcpy
memcpy:
	movq	%rdi, %rax
	movq	%rdx, %rcx
	rep movsb
	ret

	.globl	memset
memset:
	movq	%rdi, %r8
	movl	%esi, %eax
	movq	%rdx, %rcx
	rep stosb
	movq	%r8, %rax
	ret

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_image.c - the guest's image as data of the VMM.
 *
 * guest.bin is made by the build just before, from guest.c and guest_entry.S.
 * There is a guest for x86-64 only; elsewhere the image is empty and vm.c says so.
 */
#include "minivmm.h"

#if defined(__x86_64__)
__asm__(".pushsection .rodata\n"
	"	.globl	mv_guest_image\n"
	"mv_guest_image:\n"
	"	.incbin	\"" MV_GUEST_BIN "\"\n"
	"	.globl	mv_guest_image_end\n"
	"mv_guest_image_end:\n"
	"	.byte	0\n"
	"	.popsection\n");
#else
const char mv_guest_image[1], mv_guest_image_end[1];
#endif

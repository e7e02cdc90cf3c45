/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug.h - what is broken, and assertions of builds with --enable-debug.
 *
 * An assertion states what the code around it relies on and has established
 * itself; it never stands in for a check of what a caller or a guest gave.
 */
#ifndef GMS_BASE_DEBUG_H
#define GMS_BASE_DEBUG_H

#include <stdint.h>

/* What a recount found broken. */
struct gms__fault {
	const char *what;	/* begins with the label */
	uint64_t    gfn;
	uint64_t    seen;
	uint64_t    wanted;
};

#ifdef GMS_DEBUG
#define gms__assert(x)	do { if (!(x)) __builtin_trap(); } while (0)
#else
#define gms__assert(x)	do { (void)sizeof(x); } while (0)
#endif

#endif

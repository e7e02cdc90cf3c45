/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_tdx.h - what a TDX guest must be answered, found out slowly.
 *
 * Written from the interface of guest and hypervisor (MapGPA), KVM's order of checks,
 * and the TDX module's table of walks (TDG.MEM.PAGE.ACCEPT).
 */
#ifndef ORACLE_TDX_H
#define ORACLE_TDX_H

#include "limits.h"

struct tdx_answer {
	uint64_t r10, r11;	/* of MapGPA */
	uint64_t rax;		/* of an acceptance */
	uint64_t pages;		/* done */
	uint64_t changed;	/* of those, the ones that became something else */
};

/* Convert in the model as the guest asks. */
struct tdx_answer oracle_tdx_map(struct world *w, struct limits *limits, uint64_t r12,
				 uint64_t r13);
struct tdx_answer oracle_tdx_accept(struct world *w, const struct limits *limits, uint64_t rcx);

#endif

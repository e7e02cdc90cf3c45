/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_pkvm.h - what a guest under pKVM must be answered, found out slowly.
 *
 * Written from Linux's and Android's hypercalls.rst, and from what the hypervisor asks of
 * a page before it changes hands.
 */
#ifndef ORACLE_PKVM_H
#define ORACLE_PKVM_H

#include "limits.h"

struct pkvm_answer {
	uint32_t action;
	uint64_t x[4];		/* for GMS_PKVM_ANSWER */
	gms_gfn	 gfn;		/* for GMS_PKVM_BRING_IN */
	uint64_t granules;	/* done */
	uint64_t changed;	/* of those, the ones that became something else */
};

/* Convert in the model as the guest asks, a granule at a time. */
struct pkvm_answer oracle_pkvm(struct world *w, struct limits *limits, bool ranges,
			       const uint64_t x[4]);

#endif

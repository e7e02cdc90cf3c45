/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_cca.h - what a realm must be answered, found out slowly.
 *
 * Written from the RMM specification: RSI_IPA_STATE_SET, and the RIPAS change that it
 * begins.
 */
#ifndef ORACLE_CCA_H
#define ORACLE_CCA_H

#include "limits.h"

struct cca_answer {
	uint64_t x0, x1, x2;
	uint64_t pages;		/* done */
	uint64_t changed;	/* of those, the ones that became something else */
};

/* Convert in the model as the realm asks. */
struct cca_answer oracle_cca_ripas(struct world *w, struct limits *limits, uint64_t base,
				   uint64_t top, uint64_t ripas, uint64_t flags);

#endif

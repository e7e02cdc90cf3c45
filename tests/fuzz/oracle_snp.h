/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_snp.h - page state changes as the GHCB's specification and KVM have them, slowly.
 */
#ifndef FUZZ_ORACLE_SNP_H
#define FUZZ_ORACLE_SNP_H

#include "oracle_request.h"

/* Header and 253 entries. */
#define PSC_BYTES	2032u

/* A guest's buffer, and how the host deals with it: HOLES, most_pages, chunk_pages of how. */
struct psc {
	uint8_t	 buffer[PSC_BYTES];
	size_t	 bytes;		/* that the host may read; more than PSC_BYTES are no use */
	unsigned gpa_bits;
	struct ask how;
};

/* Carry it out in the model and in the buffer: sw_exit_info_2. */
uint64_t oracle_psc(struct world *w, struct psc *psc);

/* A word of the MSR with the code of a request: what the MSR holds then. */
uint64_t oracle_psc_msr(struct world *w, uint64_t word, unsigned gpa_bits, struct ask how);

#endif

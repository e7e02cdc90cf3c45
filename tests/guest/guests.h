/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guests.h - the guest's side of each protocol: share a range, or take it back.
 *
 * What Linux does as a guest: which words it sends for a range, and how it goes on where
 * the answer says that not all is done.
 */
#ifndef GUESTS_H
#define GUESTS_H

#include "fixture.h"

enum guest_kind {
	GUEST_KVM_CALL,		/* one hypercall a range */
	GUEST_KVM_FAULT,	/* touches each page, and faults */
	GUEST_SNP_PSC,		/* buffers of 64 entries, of 2M where that fits */
	GUEST_SNP_MSR,		/* page by page, early in its boot */
	GUEST_TDX,		/* MapGPA of a range */
	GUEST_TDX_RETRY,	/* the same, of a host that does 2M at a time */
	GUEST_PKVM,		/* granule by granule */
	GUEST_PKVM_RANGE,	/* up to 512 granules a call, as Android */
	GUEST_CCA,		/* RSI_IPA_STATE_SET of a range */
	GUEST_CCA_PARTS,	/* the same, of a host that does 100 pages at a time */
	GUEST_KINDS
};

#define GUEST_PSC_ENTRIES	64u
#define GUEST_PKVM_MOST		512u
#define GUEST_CCA_MOST		100u

/* One vCPU of a guest. */
struct guest {
	enum guest_kind kind;
	struct gms_request *request;
	unsigned wrong;		/* calls that failed, and answers that no guest should get */
	uint64_t buffer[1 + GUEST_PSC_ENTRIES];	/* of the GHCB */
};

const char *guest_name(enum guest_kind kind);
uint32_t guest_profile(enum guest_kind kind);

/* Fails the test on error. @collector may be NULL. */
void guest_init(struct guest *guest, enum guest_kind kind, struct gms_space *space,
		struct gms_collector *collector);
void guest_fini(struct guest *guest);

/*
 * Until all of it is done, or it may not be: false. A guest that is told to try again does
 * so up to @tries times without progress.
 */
bool guest_turn(struct guest *guest, struct gms_range range, bool share, unsigned tries);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_kvm.h - what KVM must be answered, found out slowly.
 *
 * Written from Linux's hypercalls.rst and api.rst: KVM_HC_MAP_GPA_RANGE and
 * KVM_EXIT_MEMORY_FAULT, and from what KVM takes in hypercall.ret.
 */
#ifndef ORACLE_KVM_H
#define ORACLE_KVM_H

#include "world.h"

struct kvm_rules {
	uint32_t gpa_bits;
	bool	 holes;		/* frames in holes count as done */
	uint64_t most_pages;	/* UINT64_MAX: no limit */
};

struct kvm_answer {
	int64_t  guest, platform; /* hypercall.ret for either */
	uint32_t action;	/* after a fault */
	uint64_t pages;		/* done: all, or none */
	uint64_t changed;	/* of those, the ones that became something else */
};

/* Convert in the model as the guest asks. */
struct kvm_answer oracle_kvm_call(struct world *w, const struct kvm_rules *rules, uint64_t nr,
				  const uint64_t args[6]);
struct kvm_answer oracle_kvm_fault(struct world *w, const struct kvm_rules *rules,
				   uint64_t flags, uint64_t gpa, uint64_t bytes);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_kvm.c - what KVM must be answered; see oracle_kvm.h.
 */
#include "oracle_kvm.h"

#include <errno.h>

__extension__ typedef unsigned __int128 wide;

/* Whole pages, at least one, within the guest's addresses: no sum can wrap here. */
static bool are_pages(const struct kvm_rules *rules, wide gpa, wide bytes)
{
	return gpa % 4096 == 0 && bytes % 4096 == 0 && bytes &&
	       gpa + bytes <= (wide)1 << rules->gpa_bits;
}

static struct kvm_answer refused(int error)
{
	struct kvm_answer answer = { .guest = -1, .platform = 22, .action = GMS_KVM_REFUSE };

	if (error == -EAGAIN || error == -EBUSY) {
		answer.platform = 11;
		answer.action = GMS_KVM_AGAIN;
	}
	if (error == -EINVAL)
		answer.guest = -22;
	if (error == -EMSGSIZE)
		answer.guest = -7;
	if (error == -ENOSYS)
		answer.guest = -1000;
	if (error == -ENOENT)
		answer.guest = -14;
	return answer;
}

static struct kvm_answer turn(struct world *w, const struct kvm_rules *rules, uint64_t gpa,
			      uint64_t npages, bool private)
{
	const gms_state shared = GMS_STATE_SHARED;
	struct kvm_answer answer = { .action = GMS_KVM_RESUME };
	struct world_did did;
	int err;

	if (npages > rules->most_pages)
		return refused(-EMSGSIZE);
	err = world_convert(w, (struct gms_range){ gpa / 4096, npages }, private ? 0 : shared,
			    private ? shared : 0, rules->holes ? WORLD_SKIP_HOLES : 0, &did);
	if (err)
		return refused(err);
	answer.pages = npages;
	answer.changed = did.changed;
	return answer;
}

struct kvm_answer oracle_kvm_call(struct world *w, const struct kvm_rules *rules, uint64_t nr,
				  const uint64_t args[6])
{
	if (nr != 12)
		return refused(-ENOSYS);
	if (!are_pages(rules, args[0], (wide)args[1] * 4096) || args[2] >= 32)
		return refused(-EINVAL);
	return turn(w, rules, args[0], args[1], args[2] & 16);
}

static bool has_poison(const struct world *w, gms_gfn first, uint64_t npages)
{
	for (unsigned i = 0; i < WORLD_PAGES; i++) {
		const gms_gfn gfn = world_gfn(i);

		if (gfn >= first && gfn < first + npages && (w->state[i] & GMS_STATE_POISON))
			return true;
	}
	return false;
}

struct kvm_answer oracle_kvm_fault(struct world *w, const struct kvm_rules *rules,
				   uint64_t flags, uint64_t gpa, uint64_t bytes)
{
	const gms_state state = world_state(w, gpa / 4096);
	struct kvm_answer answer;

	if ((flags != 0 && flags != 8 && flags != 16 && flags != 24) ||
	    !are_pages(rules, gpa, bytes) || state == GMS_HOLE)
		return refused(-EINVAL);
	if (flags & 16) {
		answer = (struct kvm_answer){ .action = GMS_KVM_RESUME, .pages = 1 };
		if (state & GMS_STATE_MISSING)
			answer.action = GMS_KVM_WAIT;
		return answer;
	}
	if (has_poison(w, gpa / 4096, bytes / 4096))
		return refused(-EINVAL);
	return turn(w, rules, gpa, bytes / 4096, flags & 8);
}

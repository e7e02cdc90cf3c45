/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ability.c - what guest memory can do, in numbers and in words.
 *
 * System calls, for a seccomp filter: fstat, in gms_backing_get.
 */
#include "linux/backing.h"

#include <errno.h>

#include "linux/sized.h"

int gms_backing_get(const struct gms_backing *backing, struct gms_backing_info *info)
{
	struct gms_backing_info seen = { 0 };
	int rc;

	if (!backing || !info)
		return -EINVAL;
	rc = gms__linux_sized_check(info, sizeof(seen));
	if (rc)
		return rc;
	seen.bytes = backing->revoker.bytes;
	seen.page_bytes = backing->got_bytes;
	seen.revoke_bytes = backing->revoke_bytes;
	seen.discard_bytes = backing->discard_bytes;
	seen.allocated_bytes = gms__linux_file_allocated(backing);
	seen.undiscarded_bytes = atomic_load_explicit(&backing->undiscarded_bytes,
						      memory_order_relaxed);
	seen.kind = backing->kind;
	for (unsigned int i = 0; i < GMS_BACKING_ABILITIES; i++) {
		seen.error[i] = backing->error[i];
		if (!backing->error[i])
			seen.abilities |= UINT64_C(1) << i;
	}
	gms__linux_sized_put(info, &seen, sizeof(seen));
	return 0;
}

static bool not_permitted(int err)
{
	return err == -EPERM || err == -EACCES || err == -ENOSYS;
}

static const char *reason(const struct gms_backing *backing, uint32_t ability)
{
	static const char *const text[GMS_BACKING_ABILITIES] = {
		[GMS_BACKING_CAN_MAP] = "the kernel maps this memory into no process",
		[GMS_BACKING_CAN_TOUCH] = "the kernel keeps the host out of this memory: a touch "
					  "is a signal",
		[GMS_BACKING_CAN_REVOKE] = "this kernel takes single pages from such a mapping "
					   "neither by guard markers nor by mprotect",
		[GMS_BACKING_CAN_DISCARD] = "the kernel punches no holes in this memory: what is "
					    "discarded is zeroed, and stays allocated",
		[GMS_BACKING_CAN_POPULATE] = "the kernel allocates this memory at the first touch "
					     "only",
		[GMS_BACKING_CAN_GUP] = "the kernel pins no page of this memory: no direct I/O, "
					"no fixed buffers, no DMA",
		[GMS_BACKING_CAN_PREAD] = "the kernel does not read this memory through its "
					  "descriptor",
		[GMS_BACKING_CAN_PWRITE] = "the kernel does not write this memory through its "
					   "descriptor",
		[GMS_BACKING_HAS_HUGE] = "this memory comes in pages of the host's size",
	};

	if (ability != GMS_BACKING_CAN_MAP && ability <= GMS_BACKING_CAN_GUP &&
	    ability != GMS_BACKING_CAN_DISCARD && ability != GMS_BACKING_CAN_POPULATE &&
	    backing->error[GMS_BACKING_CAN_MAP])
		return text[GMS_BACKING_CAN_MAP];
	if (ability == GMS_BACKING_CAN_REVOKE && backing->error[GMS_BACKING_CAN_TOUCH])
		return text[GMS_BACKING_CAN_TOUCH];
	if (ability == GMS_BACKING_CAN_REVOKE && backing->revoker.wanted == GMS_REVOKE_NONE)
		return "it was asked not to revoke";
	if (ability == GMS_BACKING_CAN_GUP && not_permitted(backing->error[ability]))
		return "whether it can be pinned is not known: process_vm_readv is not permitted "
		       "here";
	if (ability == GMS_BACKING_HAS_HUGE && backing->kind == GMS_BACKING_MEMFD_THP)
		return "the kernel gave small pages: it is too short for a huge one, or none was "
		       "free, or transparent_hugepage/shmem_enabled does not let them come";
	return text[ability];
}

int gms_backing_can(const struct gms_backing *backing, uint32_t ability, const char **why)
{
	if (!backing || ability >= GMS_BACKING_ABILITIES)
		return -EINVAL;
	if (!backing->error[ability])
		return 0;
	if (why)
		*why = reason(backing, ability);
	return -EOPNOTSUPP;
}

const char *gms_backing_ability_name(uint32_t ability)
{
	static const char *const name[GMS_BACKING_ABILITIES] = {
		[GMS_BACKING_CAN_MAP] = "map",
		[GMS_BACKING_CAN_TOUCH] = "touch",
		[GMS_BACKING_CAN_REVOKE] = "revoke",
		[GMS_BACKING_CAN_DISCARD] = "discard",
		[GMS_BACKING_CAN_POPULATE] = "populate",
		[GMS_BACKING_CAN_GUP] = "pin",
		[GMS_BACKING_CAN_PREAD] = "pread",
		[GMS_BACKING_CAN_PWRITE] = "pwrite",
		[GMS_BACKING_HAS_HUGE] = "huge pages",
	};

	return ability < GMS_BACKING_ABILITIES ? name[ability] : NULL;
}

const char *gms_backing_kind_name(uint32_t kind)
{
	static const char *const name[GMS_BACKING_KINDS] = {
		[GMS_BACKING_MEMFD] = "memfd",
		[GMS_BACKING_MEMFD_THP] = "memfd, huge pages",
		[GMS_BACKING_HUGETLB_2M] = "hugetlb 2M",
		[GMS_BACKING_HUGETLB_1G] = "hugetlb 1G",
		[GMS_BACKING_MEMFD_SECRET] = "memfd_secret",
		[GMS_BACKING_GUEST_MEMFD] = "guest_memfd",
		[GMS_BACKING_GUEST_MEMFD_PRIVATE] = "guest_memfd, private",
		[GMS_BACKING_GUEST_MEMFD_OPAQUE] = "guest_memfd, not mapped",
	};

	return kind < GMS_BACKING_KINDS ? name[kind] : NULL;
}

const char *gms_revoke_name(uint32_t revoke)
{
	static const char *const name[] = {
		[GMS_REVOKE_BEST] = "the best there is",
		[GMS_REVOKE_GUARD_VECTOR] = "guard markers, vectored",
		[GMS_REVOKE_GUARD] = "guard markers",
		[GMS_REVOKE_MPROTECT] = "mprotect",
		[GMS_REVOKE_NONE] = "not at all",
	};

	return revoke < sizeof(name) / sizeof(name[0]) ? name[revoke] : NULL;
}

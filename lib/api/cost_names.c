/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_names.c - the names of a cost model's numbers; see cost_text.h.
 *
 * Every member of the struct but its size has a row, in order, so that the rows
 * cover it without a hole.
 */
#include "api/cost_text.h"

#include <gmemstate/cost.h>

#define NS(member)	{ #member, offsetof(struct gms_cost_model, member), GMS__COST_NS }
#define FLUSH(threads, i) \
	{ "flush_" #threads "_ns", offsetof(struct gms_cost_model, flush_ns[i]), GMS__COST_NS }
#define SIZED(member, name, size, text) \
	{ name "_" text "_ns", offsetof(struct gms_cost_model, member[GMS_COST_SIZE_##size]), \
	  GMS__COST_NS }
#define SIZES(member, name) \
	SIZED(member, name, 4K, "4k"), SIZED(member, name, 16K, "16k"), \
	SIZED(member, name, 64K, "64k"), SIZED(member, name, 256K, "256k"), \
	SIZED(member, name, 2M, "2m")

const struct gms__cost_name gms__cost_names[GMS__COST_NAMES] = {
	{ "host_page_bytes", offsetof(struct gms_cost_model, host_page_bytes), GMS__COST_PAGE },
	{ "cpus", offsetof(struct gms_cost_model, cpus), GMS__COST_COUNT },
	{ "threads", offsetof(struct gms_cost_model, threads), GMS__COST_COUNT },
	NS(syscall_ns),
	NS(ioctl_ns),
	NS(guest_exit_ns),
	NS(user_exit_ns),
	FLUSH(0, 0),
	FLUSH(1, 1),
	FLUSH(2, 2),
	FLUSH(4, 3),
	FLUSH(8, 4),
	FLUSH(16, 5),
	FLUSH(32, 6),
	FLUSH(64, 7),
	NS(guard_install_page_ns),
	NS(guard_remove_page_ns),
	NS(guard_install_2m_ns),
	NS(guard_remove_2m_ns),
	NS(guard_install_vector_ns),
	NS(guard_remove_vector_ns),
	NS(mprotect_none_page_ns),
	NS(mprotect_rw_page_ns),
	NS(mprotect_none_2m_ns),
	NS(mprotect_rw_2m_ns),
	NS(punch_memfd_page_ns),
	NS(punch_memfd_2m_ns),
	NS(punch_gmem_page_ns),
	NS(punch_gmem_2m_ns),
	NS(dontneed_page_ns),
	NS(dontneed_2m_ns),
	NS(process_madvise_ns),
	NS(process_madvise_vector_ns),
	NS(refault_page_ns),
	NS(refault_read_page_ns),
	NS(refault_read_2m_ns),
	NS(refault_gmem_page_ns),
	NS(refault_guest_page_ns),
	NS(populate_memfd_page_ns),
	NS(populate_gmem_page_ns),
	NS(userfault_missing_ns),
	NS(userfault_minor_ns),
	SIZES(copy_warm_ns, "copy_warm"),
	SIZES(copy_cold_ns, "copy_cold"),
	SIZES(pwrite_ns, "pwrite"),
	SIZES(pread_ns, "pread"),
};

_Static_assert(sizeof(struct gms_cost_model) ==
	       sizeof(size_t) + GMS__COST_NAMES * sizeof(uint64_t), "a member has no name");
_Static_assert(GMS__COST_NAMES <= 64, "more names than a word has bits");

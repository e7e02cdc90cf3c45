/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file linux/probe.h
 * @brief What this host offers, found by trying, never by version.
 */
#ifndef GMEMSTATE_LINUX_PROBE_H
#define GMEMSTATE_LINUX_PROBE_H

#include <gmemstate/check.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief Features of a host. Grows at the end only. */
enum gms_host_feature {
	GMS_HOST_KVM = 0,	   /**< /dev/kvm opens and makes a VM. */
	GMS_HOST_KVM_MEMSLOT2,	   /**< KVM_SET_USER_MEMORY_REGION2. */
	GMS_HOST_KVM_MEMORY_FAULT, /**< KVM_EXIT_MEMORY_FAULT is filled in. */
	GMS_HOST_KVM_ATTRIBUTES,   /**< KVM_SET_MEMORY_ATTRIBUTES knows PRIVATE. */
	GMS_HOST_KVM_PRE_FAULT,	   /**< KVM_PRE_FAULT_MEMORY. */
	GMS_HOST_KVM_HYPERCALL,	   /**< KVM_EXIT_HYPERCALL for MAP_GPA_RANGE is advertised. */
	GMS_HOST_GMEM,		   /**< guest_memfd. */
	GMS_HOST_GMEM_MMAP,	   /**< guest_memfd can be mapped. */
	GMS_HOST_GMEM_INIT_SHARED, /**< guest_memfd can begin shared. */
	GMS_HOST_MEMFD,		   /**< memfd_create(2). */
	GMS_HOST_MEMFD_SECRET,	   /**< memfd_secret(2). */
	GMS_HOST_MEMFD_THP,	   /**< memfd memory may get huge pages when advised. */
	GMS_HOST_HUGETLB_2M,	   /**< A free or allocatable 2M huge page. */
	GMS_HOST_HUGETLB_1G,	   /**< A free or allocatable 1G huge page. */
	GMS_HOST_GUARD,		   /**< MADV_GUARD_INSTALL and REMOVE on file mappings. */
	GMS_HOST_GUARD_VECTOR,	   /**< The same through process_madvise(2) on oneself. */
	GMS_HOST_UFFD,		   /**< userfaultfd(2). */
	GMS_HOST_IO_URING,	   /**< io_uring_setup(2). */
	GMS_HOST_FEATURES	   /**< Number of features of this version. */
};

/** @brief What was found. Clear with GMS_INIT() first. */
struct gms_host {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t features;	/**< Bit n: enum gms_host_feature n is there. */
	uint64_t gmem_flags;	/**< guest_memfd flags this KVM takes. */
	uint64_t page_bytes;	/**< The host's page size. */
	uint64_t max_map_count;	/**< Mappings a process may have; 0: not known. */
	int32_t	 error[GMS_HOST_FEATURES]; /**< 0, or why not: a negative errno. */
};

/**
 * @brief Try everything and say what works.
 *
 * Makes and removes a VM, files and mappings of a few pages; changes no setting.
 *
 * @param host Filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in; a missing feature is no error.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p host is longer than this library knows and not zero there.
 * @par Threads
 * Any; not async-signal-safe.
 * @par Cost
 * Some fifty system calls, a few ms.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_host_probe(struct gms_host *host);

/**
 * @brief Is a feature there?
 * @param host    What gms_host_probe() filled in. NULL answers false.
 * @param feature enum gms_host_feature.
 * @return true if it was found to work.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API bool gms_host_has(const struct gms_host *host, uint32_t feature);

/**
 * @brief The name of a feature: "guest_memfd mmap".
 * @param feature enum gms_host_feature.
 * @return A constant string, or NULL for an unknown feature.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API const char *gms_host_feature_name(uint32_t feature);

/**
 * @brief Write the report for people: a line a feature, with the reason where it is missing.
 *
 * @param host  What gms_host_probe() filled in.
 * @param write Called once a line.
 * @param ctx   Handed to @p write.
 * @retval 0       Written.
 * @retval -EINVAL NULL.
 * @retval other   What @p write returned.
 * @par Threads
 * Any.
 * @par Cost
 * A call a line.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_host_report(const struct gms_host *host, gms_write_fn *write, void *ctx);

GMS_END_DECLS
#endif

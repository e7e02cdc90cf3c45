/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.c - say in words what the probe found.
 *
 * A line a feature: its name, yes or no, and for a no what it means on this
 * host. Makes no system call.
 */
#include <gmemstate/linux/probe.h>

#include <errno.h>
#include <stdio.h>

#include "linux/sized.h"

/* Room for the longest line: 27 columns, the answer, a reason. */
#define LINE_BYTES	192

static const char *const feature_name[GMS_HOST_FEATURES] = {
	[GMS_HOST_KVM] = "KVM",
	[GMS_HOST_KVM_MEMSLOT2] = "KVM slots with a file",
	[GMS_HOST_KVM_MEMORY_FAULT] = "KVM memory fault exits",
	[GMS_HOST_KVM_ATTRIBUTES] = "KVM private memory",
	[GMS_HOST_KVM_PRE_FAULT] = "KVM pre-fault",
	[GMS_HOST_KVM_HYPERCALL] = "KVM hypercall exits",
	[GMS_HOST_GMEM] = "guest_memfd",
	[GMS_HOST_GMEM_MMAP] = "guest_memfd mmap",
	[GMS_HOST_GMEM_INIT_SHARED] = "guest_memfd begins shared",
	[GMS_HOST_MEMFD] = "memfd",
	[GMS_HOST_MEMFD_SECRET] = "memfd_secret",
	[GMS_HOST_MEMFD_THP] = "memfd huge pages",
	[GMS_HOST_HUGETLB_2M] = "hugetlb 2M",
	[GMS_HOST_HUGETLB_1G] = "hugetlb 1G",
	[GMS_HOST_GUARD] = "guard markers",
	[GMS_HOST_GUARD_VECTOR] = "guard markers, vectored",
	[GMS_HOST_UFFD] = "userfaultfd",
	[GMS_HOST_IO_URING] = "io_uring",
};

/* What an error of one feature means. */
struct meaning {
	uint32_t feature;
	int32_t error;
	const char *text;
};

static const struct meaning meanings[] = {
	{ GMS_HOST_KVM, -ENOENT, "there is no /dev/kvm" },
	{ GMS_HOST_KVM, -EACCES, "no permission to open /dev/kvm" },
	{ GMS_HOST_KVM, -EPERM, "no permission to open /dev/kvm" },
	{ GMS_HOST_KVM, -ENODEV, "there is a /dev/kvm, but no KVM behind it" },
	{ GMS_HOST_KVM_MEMSLOT2, -EOPNOTSUPP,
	  "this KVM has no KVM_SET_USER_MEMORY_REGION2 (KVM_CAP_USER_MEMORY2 is 0)" },
	{ GMS_HOST_KVM_MEMORY_FAULT, -EOPNOTSUPP,
	  "this KVM does not say where a guest faulted (KVM_CAP_MEMORY_FAULT_INFO is 0)" },
	{ GMS_HOST_KVM_ATTRIBUTES, -EOPNOTSUPP,
	  "this KVM has no private memory (KVM_CAP_MEMORY_ATTRIBUTES is 0)" },
	{ GMS_HOST_KVM_PRE_FAULT, -EOPNOTSUPP,
	  "this KVM can not populate memory ahead (KVM_CAP_PRE_FAULT_MEMORY is 0)" },
	{ GMS_HOST_KVM_HYPERCALL, -EOPNOTSUPP,
	  "this KVM keeps MAP_GPA_RANGE to itself (KVM_CAP_EXIT_HYPERCALL lacks it)" },
	{ GMS_HOST_GMEM, -EOPNOTSUPP,
	  "this KVM has no guest_memfd (no KVM_CREATE_GUEST_MEMFD)" },
	{ GMS_HOST_GMEM_MMAP, -EOPNOTSUPP,
	  "guest_memfd can not be mapped (KVM_CAP_GUEST_MEMFD_FLAGS lacks MMAP)" },
	{ GMS_HOST_GMEM_INIT_SHARED, -EOPNOTSUPP,
	  "guest_memfd always begins private (KVM_CAP_GUEST_MEMFD_FLAGS lacks INIT_SHARED)" },
	{ GMS_HOST_MEMFD_SECRET, -ENOSYS,
	  "this kernel has no memfd_secret, or it is off (secretmem.enable=1 at boot)" },
	{ GMS_HOST_MEMFD_SECRET, -EAGAIN, "no locked memory left (RLIMIT_MEMLOCK)" },
	{ GMS_HOST_MEMFD_THP, -EOPNOTSUPP,
	  "turned off (/sys/kernel/mm/transparent_hugepage/shmem_enabled)" },
	{ GMS_HOST_MEMFD_THP, -ENOENT, "this kernel has no transparent huge pages" },
	{ GMS_HOST_HUGETLB_2M, -ENOMEM, "no free 2M page in the pool (vm.nr_hugepages)" },
	{ GMS_HOST_HUGETLB_2M, -EINVAL, "this kernel has no huge pages of 2M" },
	{ GMS_HOST_HUGETLB_1G, -ENOMEM, "no free 1G page in the pool (hugepagesz=1G at boot)" },
	{ GMS_HOST_HUGETLB_1G, -EINVAL, "this kernel has no huge pages of 1G" },
	{ GMS_HOST_GUARD, -EINVAL, "this kernel has no MADV_GUARD_INSTALL for files" },
	{ GMS_HOST_GUARD, -EOPNOTSUPP, "MADV_GUARD_INSTALL does not refuse a touch here" },
	{ GMS_HOST_GUARD_VECTOR, -EINVAL,
	  "process_madvise does not take MADV_GUARD_INSTALL on oneself" },
	{ GMS_HOST_GUARD_VECTOR, -ENOSYS, "this kernel has no process_madvise or no pidfd" },
	{ GMS_HOST_UFFD, -EPERM, "not permitted (vm.unprivileged_userfaultfd is 0)" },
	{ GMS_HOST_IO_URING, -EPERM, "not permitted (kernel.io_uring_disabled)" },
};

static const char *meaning_of(const struct gms_host *host, uint32_t feature)
{
	const int32_t error = host->error[feature];

	/* All that KVM would have to give fails with one cause. */
	if (feature > GMS_HOST_KVM && feature <= GMS_HOST_GMEM_INIT_SHARED &&
	    !(host->features >> GMS_HOST_KVM & 1))
		return "needs KVM";
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].feature == feature && meanings[i].error == error)
			return meanings[i].text;
	if (error == -ENOSYS)
		return "this kernel does not have the system call, or a filter hides it";
	return gms_strerror(error);
}

bool gms_host_has(const struct gms_host *host, uint32_t feature)
{
	if (!host || feature >= GMS_HOST_FEATURES)
		return false;
	if (gms__linux_size_of(host) < offsetof(struct gms_host, features) + sizeof(host->features))
		return false;
	return host->features >> feature & 1;
}

const char *gms_host_feature_name(uint32_t feature)
{
	return feature < GMS_HOST_FEATURES ? feature_name[feature] : NULL;
}

int gms_host_report(const struct gms_host *host, gms_write_fn *write, void *ctx)
{
	struct gms_host given;
	char line[LINE_BYTES];

	if (!host || !write || gms__linux_size_of(host) < sizeof(size_t))
		return -EINVAL;
	gms__linux_sized_get(&given, sizeof(given), host);

	for (uint32_t f = 0; f < GMS_HOST_FEATURES; f++) {
		const bool there = given.features >> f & 1;
		int n, rc;

		if (there)
			n = snprintf(line, sizeof(line), "%-27s yes\n", feature_name[f]);
		else
			n = snprintf(line, sizeof(line), "%-27s no   %s\n", feature_name[f],
				     meaning_of(&given, f));
		if (n < 0 || (size_t)n >= sizeof(line))
			return -EOVERFLOW;
		rc = write(ctx, line, (size_t)n);
		if (rc)
			return rc;
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm_tell.c - what KVM, guest_memfd and the backend of the mapping are asked.
 *
 * KVM does a range whole or not at all, so a run is a call and is never half done.
 *
 * System calls, for a seccomp filter: ioctl (KVM_CHECK_EXTENSION,
 * KVM_GET_API_VERSION, KVM_SET_MEMORY_ATTRIBUTES; in place
 * KVM_SET_MEMORY_ATTRIBUTES2), fallocate.
 */
#include "linux/kvm_memory.h"

#include <errno.h>

#include <linux/falloc.h>

#include <gmemstate/account.h>

#include "linux/backing.h"
#include "linux/sys.h"
#include "linux/uapi.h"

static uint64_t run_bytes(const struct gms_host_run *run)
{
	return run->npages << GMS_PAGE_SHIFT;
}

static uint64_t gmem_offset(const struct gms_kvm_memory *memory, const struct gms_host_run *run)
{
	return memory->gmem_offset_bytes + run->backing_offset_bytes;
}

static int fallocate_run(const struct gms_kvm_memory *memory, const struct gms_host_run *run,
			 int mode, struct gms_charge *charge)
{
	return gms__linux_fallocate_all(memory->gmem_fd, mode | FALLOC_FL_KEEP_SIZE,
					gmem_offset(memory, run), run_bytes(run), GMS_PAGE_SIZE,
					charge);
}

int gms__linux_kvm_punch(const struct gms_kvm_memory *memory, const struct gms_host_run *runs,
			 size_t nruns, size_t *ndone, struct gms_charge *charge)
{
	for (*ndone = 0; *ndone < nruns; ++*ndone) {
		const int rc = fallocate_run(memory, &runs[*ndone], FALLOC_FL_PUNCH_HOLE, charge);

		if (rc)
			return rc;
	}
	return 0;
}

int gms__linux_kvm_allocate(const struct gms_kvm_memory *memory, const struct gms_host_run *run,
			    struct gms_charge *charge)
{
	const int rc = fallocate_run(memory, run, 0, charge);

	if (rc)	/* what there is of it */
		(void)fallocate_run(memory, run, FALLOC_FL_PUNCH_HOLE, charge);
	return rc;
}

/* A few at a time are copied. */
int gms__linux_kvm_discard(const struct gms_kvm_memory *memory, const struct gms_host_run *runs,
			   size_t nruns, size_t *ndone, struct gms_charge *charge)
{
	const struct gms_backend *shared = &memory->shared;
	struct gms_host_run part[64];
	size_t n, did;
	int rc = 0;

	for (*ndone = 0; *ndone < nruns && !rc; *ndone += did) {
		for (n = 0; n < sizeof(part) / sizeof(part[0]) && *ndone + n < nruns; n++) {
			part[n] = runs[*ndone + n];
			part[n].mask = GMS_STATE_POPULATED;
			part[n].to = 0;
			part[n].content = GMS_CONTENT_ANY;
		}
		did = 0;
		rc = shared->discard(shared->ctx, part, n, &did, charge);
		if (!rc)
			did = n;
	}
	return rc;
}

/* In place the kernel names the offset at which it fails, if what fails is a page. */
static int tell_file(const struct gms_kvm_memory *memory, const struct gms_host_run *run,
		     struct gms_charge *charge)
{
	struct gms__kvm_attributes2 attributes = {
		.offset = gmem_offset(memory, run),
		.size = run_bytes(run),
		.attributes = run->to & GMS_STATE_SHARED ? 0 : GMS_KVM_ATTRIBUTE_PRIVATE,
	};
	const int rc = gms__linux_ioctl(memory->gmem_fd, GMS_KVM_SET_ATTRIBUTES2, &attributes);

	if ((rc == -EAGAIN || rc == -ENOMEM) && attributes.error_offset >= attributes.offset &&
	    attributes.error_offset - attributes.offset < attributes.size)
		gms_charge_error(charge, run->first + ((attributes.error_offset -
							attributes.offset) >> GMS_PAGE_SHIFT));
	return rc;
}

static int tell_vm(const struct gms_kvm_memory *memory, const struct gms_host_run *run)
{
	struct gms__kvm_attributes attributes = {
		.address = run->first << GMS_PAGE_SHIFT,
		.size = run_bytes(run),
		.attributes = run->to & GMS_STATE_SHARED ? 0 : GMS_KVM_ATTRIBUTE_PRIVATE,
	};

	return gms__linux_ioctl(memory->vm_fd, GMS_KVM_SET_ATTRIBUTES, &attributes);
}

int gms__linux_kvm_tell(const struct gms_kvm_memory *memory, const struct gms_host_run *run,
			struct gms_charge *charge)
{
	const int rc = gms__linux_in_place(memory) ? tell_file(memory, run, charge)
						   : tell_vm(memory, run);

	gms_charge_add(charge, GMS_ACCT_SYS_IOCTL, 1);
	if (!rc)
		gms_charge_add(charge, GMS_ACCT_FLUSH_STAGE2, 1);
	return rc;
}

/*
 * What a VM of this type can do the capability tells. /dev/kvm itself answers for
 * VMs too; the version of KVM's interface only it knows. Whether the attributes are
 * the file's is tried with those of no page at all: who knows the call says -EINVAL.
 */
int gms__linux_kvm_probe(const struct gms_kvm_memory_opts *opts)
{
	struct gms__kvm_attributes2 none = { 0 };
	int rc;

	if (opts->flags & GMS_KVM_MEMORY_IN_PLACE) {
		rc = gms__linux_ioctl(opts->gmem_fd, GMS_KVM_SET_ATTRIBUTES2, &none);
		return rc == -ENOTTY ? -EOPNOTSUPP : rc == -EINVAL ? 0 : rc;
	}
	rc = gms__linux_ioctl_num(opts->vm_fd, KVM_CHECK_EXTENSION, GMS_KVM_CAP_MEMORY_ATTRIBUTES);
	if (rc < 0)
		return rc == -ENOTTY || rc == -EINVAL ? -EBADF : rc;
	if (gms__linux_ioctl_num(opts->vm_fd, KVM_GET_API_VERSION, 0) >= 0)
		return -EBADF;
	return (unsigned int)rc & GMS_KVM_ATTRIBUTE_PRIVATE ? 0 : -EOPNOTSUPP;
}

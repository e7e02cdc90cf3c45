/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe_kvm.c - what the KVM of this host offers for guest memory.
 *
 * A capability is asked of the VM, because it may depend on the VM's type, and
 * then tried where a trial needs no guest: a slot, a guest_memfd, an attribute.
 * Private memory belongs to VMs of another type than 0, so each type that KVM
 * says it has is tried until one works.
 */
#include "linux/probe.h"

#include <errno.h>
#include <fcntl.h>

#include "linux/sys.h"
#include "linux/touch.h"
#include "linux/uapi.h"

/* VM types that KVM_CAP_VM_TYPES has bits for. */
#define VM_TYPES_MAX	32

static int vm_new(int kvm, unsigned int type)
{
	return gms__linux_ioctl_num(kvm, KVM_CREATE_VM, type);
}

static int capability(int fd, unsigned int cap)
{
	return gms__linux_ioctl_num(fd, KVM_CHECK_EXTENSION, cap);
}

/* 0 if a VM has the capability, with every one of the bits. */
static int has_capability(int vm, unsigned int cap, unsigned int bits)
{
	const int rc = capability(vm, cap);

	if (rc < 0)
		return rc;
	return ((unsigned int)rc & bits) == bits && rc ? 0 : -EOPNOTSUPP;
}

static int probe_memslot2(const struct gms__linux_probe *probe, int vm)
{
	struct gms__kvm_memslot2 slot = { .memory_size = probe->host.page_bytes };
	void *mem;
	int rc = has_capability(vm, GMS_KVM_CAP_USER_MEMORY2, 0);

	if (rc)
		return rc;
	rc = gms__linux_mmap(&mem, NULL, slot.memory_size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (rc)
		return rc;
	slot.userspace_addr = (uintptr_t)mem;
	rc = gms__linux_ioctl(vm, GMS_KVM_SET_MEMSLOT2, &slot);
	if (!rc) {
		slot.memory_size = 0;
		rc = gms__linux_ioctl(vm, GMS_KVM_SET_MEMSLOT2, &slot);
	}
	gms__linux_munmap(mem, probe->host.page_bytes);
	return rc;
}

/* Make a page private in a VM, and shared again. */
static int try_attributes(const struct gms__linux_probe *probe, int vm)
{
	struct gms__kvm_attributes set = {
		.size = probe->host.page_bytes,
		.attributes = GMS_KVM_ATTRIBUTE_PRIVATE,
	};
	int rc = has_capability(vm, GMS_KVM_CAP_MEMORY_ATTRIBUTES, GMS_KVM_ATTRIBUTE_PRIVATE);

	if (!rc)
		rc = gms__linux_ioctl(vm, GMS_KVM_SET_ATTRIBUTES, &set);
	if (!rc) {
		set.attributes = 0;
		rc = gms__linux_ioctl(vm, GMS_KVM_SET_ATTRIBUTES, &set);
	}
	return rc;
}

static int probe_attributes(const struct gms__linux_probe *probe, int kvm)
{
	const int types = capability(kvm, GMS_KVM_CAP_VM_TYPES);
	int rc = -EOPNOTSUPP;

	for (unsigned int type = 0; type < VM_TYPES_MAX && rc; type++) {
		int vm;

		/* Type 0 is there even if KVM knows of no types. */
		if (type && (types <= 0 || !((unsigned int)types >> type & 1)))
			continue;
		vm = vm_new(kvm, type);
		if (vm < 0)
			continue;
		rc = try_attributes(probe, vm);
		gms__linux_close(vm);
	}
	return rc;
}

/* Populate one page before a vCPU ever ran. */
static int probe_pre_fault(const struct gms__linux_probe *probe, int vm)
{
	struct kvm_userspace_memory_region slot = { .memory_size = probe->host.page_bytes };
	struct gms__kvm_pre_fault fault = { .size = probe->host.page_bytes };
	int rc = has_capability(vm, GMS_KVM_CAP_PRE_FAULT_MEMORY, 0);
	int vcpu = -1;
	void *mem;

	if (rc)
		return rc;
	rc = gms__linux_mmap(&mem, NULL, slot.memory_size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (rc)
		return rc;
	slot.userspace_addr = (uintptr_t)mem;
	rc = gms__linux_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot);
	if (!rc)
		rc = vcpu = gms__linux_ioctl_num(vm, KVM_CREATE_VCPU, 0);
	if (rc >= 0)
		rc = gms__linux_ioctl(vcpu, GMS_KVM_PRE_FAULT, &fault);
	gms__linux_close(vcpu);
	slot.memory_size = 0;
	(void)gms__linux_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot);
	gms__linux_munmap(mem, probe->host.page_bytes);
	return rc;
}

/* One page of guest_memfd; a descriptor or a negative errno. */
static int gmem_new(const struct gms__linux_probe *probe, int vm, uint64_t flags)
{
	struct gms__kvm_gmem gmem = { .size = probe->host.page_bytes, .flags = flags };

	return gms__linux_ioctl(vm, GMS_KVM_CREATE_GMEM, &gmem);
}

static int map_gmem(const struct gms__linux_probe *probe, int fd, void **mem)
{
	return gms__linux_mmap(mem, NULL, probe->host.page_bytes, PROT_READ | PROT_WRITE,
			       MAP_SHARED, fd);
}

static int probe_gmem(const struct gms__linux_probe *probe, int vm)
{
	const int fd = gmem_new(probe, vm, 0);

	gms__linux_close(fd);
	if (fd == -ENOTTY)	/* the ioctl is not there */
		return -EOPNOTSUPP;
	return fd < 0 ? fd : 0;
}

static int probe_gmem_mmap(const struct gms__linux_probe *probe, int vm)
{
	void *mem;
	int fd, rc;

	if (!(probe->host.gmem_flags & GMS_GMEM_MMAP))
		return -EOPNOTSUPP;
	fd = gmem_new(probe, vm, GMS_GMEM_MMAP);
	if (fd < 0)
		return fd;
	rc = map_gmem(probe, fd, &mem);
	if (!rc)
		gms__linux_munmap(mem, probe->host.page_bytes);
	gms__linux_close(fd);
	return rc;
}

/* Memory that begins shared can be touched, which only a mapping shows. */
static int probe_gmem_init_shared(const struct gms__linux_probe *probe, int vm)
{
	const uint64_t flags = GMS_GMEM_INIT_SHARED | (probe->host.gmem_flags & GMS_GMEM_MMAP);
	void *mem;
	int fd, rc = 0;

	if (!(probe->host.gmem_flags & GMS_GMEM_INIT_SHARED))
		return -EOPNOTSUPP;
	fd = gmem_new(probe, vm, flags);
	if (fd < 0)
		return fd;
	if (flags & GMS_GMEM_MMAP)
		rc = map_gmem(probe, fd, &mem);
	if (!rc && (flags & GMS_GMEM_MMAP)) {
		rc = gms__linux_touch(probe->pipe, mem);
		gms__linux_munmap(mem, probe->host.page_bytes);
	}
	gms__linux_close(fd);
	return rc;
}

static void probe_vm(struct gms__linux_probe *probe, int kvm, int vm)
{
	const unsigned int map_gpa_range = 1u << GMS_KVM_HC_MAP_GPA_RANGE;
	const int gmem_flags = capability(vm, GMS_KVM_CAP_GUEST_MEMFD_FLAGS);

	probe->host.gmem_flags = gmem_flags > 0 ? (uint64_t)gmem_flags : 0;
	gms__linux_probe_set(probe, GMS_HOST_KVM_MEMSLOT2, probe_memslot2(probe, vm));
	gms__linux_probe_set(probe, GMS_HOST_KVM_MEMORY_FAULT,
			     has_capability(vm, GMS_KVM_CAP_MEMORY_FAULT_INFO, 0));
	gms__linux_probe_set(probe, GMS_HOST_KVM_ATTRIBUTES, probe_attributes(probe, kvm));
	gms__linux_probe_set(probe, GMS_HOST_KVM_PRE_FAULT, probe_pre_fault(probe, vm));
	gms__linux_probe_set(probe, GMS_HOST_KVM_HYPERCALL,
			     has_capability(vm, KVM_CAP_EXIT_HYPERCALL, map_gpa_range));
	gms__linux_probe_set(probe, GMS_HOST_GMEM, probe_gmem(probe, vm));
	gms__linux_probe_set(probe, GMS_HOST_GMEM_MMAP, probe_gmem_mmap(probe, vm));
	gms__linux_probe_set(probe, GMS_HOST_GMEM_INIT_SHARED, probe_gmem_init_shared(probe, vm));
}

void gms__linux_probe_kvm(struct gms__linux_probe *probe)
{
	const int kvm = gms__linux_open("/dev/kvm", O_RDWR);
	const int vm = kvm < 0 ? kvm : vm_new(kvm, 0);

	if (vm < 0) {
		for (int f = GMS_HOST_KVM; f <= GMS_HOST_GMEM_INIT_SHARED; f++)
			gms__linux_probe_set(probe, (enum gms_host_feature)f, vm);
	} else {
		gms__linux_probe_set(probe, GMS_HOST_KVM, 0);
		probe_vm(probe, kvm, vm);
	}
	gms__linux_close(vm);
	gms__linux_close(kvm);
}

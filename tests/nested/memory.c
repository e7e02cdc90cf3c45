/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - conversions that the guest's own reads prove: contents, pre-faulting,
 * pages that the host has lost, and what goes wrong.
 */
#define _GNU_SOURCE
#include "nested.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/kvm.h>

#define RANGE(from, n)	((struct gms_range){ .first = VM_FIRST + (from), .npages = (n) })

/* What the shared half holds. */
static int64_t mapping_pages(const struct world *world)
{
	struct stat st = { .st_blocks = -1 };

	(void)fstat(gms_backing_fd(world->backing), &st);
	return st.st_blocks * 512 / GMS_PAGE_SIZE;
}

void test_refusals(void)
{
	struct gms_kvm_memory *memory = NULL;
	struct gms_kvm_memory_opts opts;
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const int plain_vm = ioctl(kvm, KVM_CREATE_VM, 0);
	struct world world;

	world_new(&world, 0);
	GMS_INIT(&opts);
	opts.gmem_fd = -1;
	opts.vm_fd = plain_vm;
	tap_is(gms_kvm_memory_new(&memory, &opts), -EOPNOTSUPP,
	       "a VM of a type without private memory is refused");
	opts.vm_fd = kvm;
	tap_is(gms_kvm_memory_new(&memory, &opts), -EBADF, "/dev/kvm itself is refused");
	opts.vm_fd = world.vm.fd;
	opts.gmem_fd = world.vm.gmem_fd;
	opts.flags = GMS_KVM_MEMORY_IN_PLACE;
	tap_is(gms_kvm_memory_new(&memory, &opts), -EOPNOTSUPP,
	       "this kernel's guest_memfd does not convert in place");
	opts.gmem_fd = -1;
	opts.flags = GMS_KVM_MEMORY_PUNCH;
	tap_is(gms_kvm_memory_new(&memory, &opts), -EBADF, "no file to punch");
	tap_ok(!memory, "and none was made");
	world_free(&world);
	close(plain_vm);
	close(kvm);
}

void test_contents(uint32_t flags)
{
	const bool punch = flags & GMS_KVM_MEMORY_PUNCH;
	const char *how = punch ? "punching" : "not punching";
	struct gms_convert_opts opts;
	struct gms_change to_private, to_shared;
	struct world world;

	to_private = (struct gms_change){ RANGE(10, 10), 0, GMS_STATE_SHARED };
	to_shared = (struct gms_change){ RANGE(10, 10), GMS_STATE_SHARED, 0 };
	world_new(&world, flags);
	tap_is((int64_t)world_guest_sees(&world, 12), 13, "%s: the guest reads what the VMM wrote", how);
	tap_is(gms_unshare(world.space, RANGE(10, 10), NULL), 0, "%s: unshare", how);
	tap_is(mapping_pages(&world), punch ? VM_PAGES - 10 : VM_PAGES,
	       "%s: memory of the shared half", how);
	tap_is((int64_t)world_guest_sees(&world, 12), 0, "%s: a private page begins with zeros", how);
	tap_is((int64_t)world_guest_sees(&world, 9), 10, "%s: the page before is as it was", how);
	tap_is((int64_t)world_guest_sees(&world, 20), 21, "%s: the page behind is as it was", how);
	tap_ok(!world_vmm_reaches(&world, 12) && world_vmm_reaches(&world, 9) && world_vmm_reaches(&world, 20),
	       "%s: the VMM has lost these pages and no other", how);
	tap_ok(vm_write(&world.vm, VM_FIRST + 12, 1, 0x1234).done &&
	       world_guest_sees(&world, 12) == 0x1234, "%s: the guest writes to its private page", how);
	tap_is(gms_share(world.space, RANGE(10, 10), NULL), 0, "%s: share", how);
	tap_is((int64_t)world_guest_sees(&world, 12), punch ? 0 : 13,
	       "%s: the shared half is %s", how, punch ? "new" : "what it was");
	tap_is((int64_t)world.hva[512 * 12], punch ? 0 : 13, "%s: for the VMM too", how);
	tap_is(gms_unshare(world.space, RANGE(10, 10), NULL), 0, "%s: unshare again", how);
	tap_is((int64_t)world_guest_sees(&world, 12), punch ? 0 : 0x1234,
	       "%s: the private half is %s", how, punch ? "new" : "what it was");

	GMS_INIT(&opts);
	opts.content = GMS_CONTENT_PRESERVE;
	tap_is(gms_convert(world.space, &to_shared, 1, &opts, NULL), -EOPNOTSUPP,
	       "%s: contents cannot be kept", how);
	tap_ok(!(gms_state_at(world.space, VM_FIRST + 12) & GMS_STATE_SHARED) &&
	       world_guest_sees(&world, 12) == (punch ? 0 : 0x1234), "%s: and nothing has changed", how);
	opts.content = GMS_CONTENT_ZERO;
	(void)vm_write(&world.vm, VM_FIRST + 10, 10, 77);
	tap_is(gms_convert(world.space, &to_shared, 1, &opts, NULL), 0, "%s: share as zeros", how);
	tap_is((int64_t)world_guest_sees(&world, 12), 0, "%s: zeros", how);
	world.hva[512 * 12] = 5;
	tap_is(gms_convert(world.space, &to_private, 1, &opts, NULL), 0,
	       "%s: unshare as zeros", how);
	tap_is((int64_t)world_guest_sees(&world, 12), 0, "%s: zeros, and not what was private", how);
	tap_is((int64_t)gms_kvm_memory_failures(world.memory), 0, "%s: no hole was refused", how);
	world_free(&world);
}

/* A shared page that the VMM has not got either: no address comes with that error. */
static void test_host_faults(struct world *world)
{
	const uint64_t gpa = (VM_PLAIN_FIRST + 5) << GMS_PAGE_SHIFT;
	char *page = world->vm.plain + 5 * GMS_PAGE_SIZE;
	uint64_t value = 0, found = 0;
	struct vm_left left;

	memset(page, 0x33, GMS_PAGE_SIZE);
	(void)mprotect(page, GMS_PAGE_SIZE, PROT_NONE);
	left = vm_read(&world->vm, VM_PLAIN_FIRST + 5, 1, &value);
	tap_ok(left.exit.kind == GMS_KVM_EXIT_NO_PAGE && left.exit.error == -EFAULT &&
	       !left.exit.reason && !left.exit.bytes, "host: a page that is gone is an error");
	tap_ok(!gms_kvm_translate(world->vm.vcpu_fd, gpa, &found) && found == gpa,
	       "host: its address is found by translation");
	(void)mprotect(page, GMS_PAGE_SIZE, PROT_READ | PROT_WRITE);
	left = vm_go_on(&world->vm);
	vm_table(&world->vm, 1, &value);
	tap_ok(left.done && value == UINT64_C(0x3333333333333333),
	       "host: the guest goes on when it is back");
}

static void test_pre_fault(struct world *world)
{
	gms_gfn next = 0;

	tap_is(gms_unshare(world->space, RANGE(512, 256), NULL), 0, "pre-fault: half is private");
	tap_is(gms_kvm_pre_fault(world->vm.vcpu_fd, RANGE(512, 512), &next), 0,
	       "pre-fault: all of a mixed block");
	tap_is((int64_t)next, VM_FIRST + 1024, "pre-fault: to its end");
	tap_is(gms_kvm_pre_fault(world->vm.vcpu_fd, RANGE(VM_PAGES - 8, 16), &next), -ENOENT,
	       "pre-fault: over the end of the slot");
	tap_is((int64_t)next, VM_FIRST + VM_PAGES, "pre-fault: went as far as it goes");
	tap_ok(world_guest_sees(world, 600) == 0 && world_guest_sees(world, 800) == 801,
	       "pre-fault: pages are what they were");
}

void test_host_pages(void)
{
	struct world world;

	world_new(&world, GMS_KVM_MEMORY_PUNCH);
	test_host_faults(&world);
	test_pre_fault(&world);
	world_free(&world);
}

void test_failures(uint32_t flags)
{
	const struct gms_change batch[] = {
		{ RANGE(100, 5), GMS_STATE_SHARED, 0 }, { RANGE(110, 5), GMS_STATE_SHARED, 0 },
		{ RANGE(120, 5), GMS_STATE_SHARED, 0 }, { RANGE(200, 50), 0, GMS_STATE_SHARED },
	};
	const struct gms_change both = { RANGE(100, 200), 0, GMS_STATE_POPULATED };
	const struct gms_change full = { RANGE(100, 200), GMS_STATE_POPULATED, 0 };
	struct gms_convert_result result;
	struct gms_convert_opts opts;
	struct world world;
	uint64_t ioctls;

	world_new(&world, flags);
	GMS_INIT(&opts);
	opts.content = GMS_CONTENT_ZERO;
	tap_is(gms_unshare(world.space, RANGE(100, 30), NULL), 0, "failure: pages are private");
	(void)vm_write(&world.vm, VM_FIRST + 100, 30, 1000);
	for (unsigned int after = 1; after < 3; after++) {
		GMS_INIT(&result);
		world.fail_after = after;
		tap_is(gms_convert(world.space, batch, 4, after == 1 ? &opts : NULL, &result),
		       -EIO, "failure: the VMM's mapping fails at run %u", after + 1);
		tap_is((int64_t)result.error_gfn, (int64_t)batch[after].range.first,
		       "failure: which is named");
		tap_ok(world_guest_sees(&world, 102) == 1002 && world_guest_sees(&world, 112) == 1012 &&
		       world_guest_sees(&world, 122) == 1022, "failure: private pages kept contents");
		tap_ok(world_guest_sees(&world, 210) == 211, "failure: shared pages kept theirs");
		tap_ok(!world_vmm_reaches(&world, 102) && world_vmm_reaches(&world, 210),
		       "failure: the VMM reaches what it did");
	}
	ioctls = world_charged(&world, GMS_ACCT_SYS_IOCTL);
	tap_is(gms_convert(world.space, batch, 4, NULL, NULL), 0, "failure: then it works");
	tap_is((int64_t)(world_charged(&world, GMS_ACCT_SYS_IOCTL) - ioctls), 4,
	       "failure: four runs, four calls");
	tap_ok(world_guest_sees(&world, 102) == 0 && world_guest_sees(&world, 210) == 0,
	       "failure: what turned is new, or was emptied when zeros were asked for");
	tap_is((int64_t)world_charged(&world, GMS_ACCT_UNDO_FAILURES), 0,
	       "failure: all was undone");

	world.hva[512 * 102] = 9;
	(void)vm_write(&world.vm, VM_FIRST + 200, 50, 2000);
	tap_is(gms_convert(world.space, &full, 1, NULL, NULL), 0, "discard: pages have memory");
	tap_ok(world_guest_sees(&world, 102) == 9 && world_guest_sees(&world, 210) == 2010,
	       "discard: and contents");
	tap_is(gms_convert(world.space, &both, 1, NULL, NULL), 0, "discard: of both kinds");
	tap_ok(world_guest_sees(&world, 102) == 0 && world_guest_sees(&world, 210) == 0,
	       "discard: then both are zeros");
	GMS_INIT(&result);
	tap_is(gms_unshare(world.space, RANGE(VM_PAGES - 1, 2), &result), -ENOENT,
	       "failure: beyond the memory");
	tap_is((int64_t)result.error_gfn, VM_FIRST + VM_PAGES, "failure: which is named too");
	world_free(&world);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c - what the guest asks for, all the way: from its VMMCALL, or its touch of a
 * page, through KVM's exit to the library, from there to KVM's attributes, and back to
 * RAX and to what the guest reads then.
 */
#include "nested.h"

#include <errno.h>
#include <string.h>

#define GPA(page)	((VM_FIRST + (page)) << GMS_PAGE_SHIFT)
#define RANGE(from, n)	((struct gms_range){ .first = VM_FIRST + (from), .npages = (n) })
#define PRIVATE		GMS_KVM_MAP_PRIVATE
#define NO_ANSWER	INT64_MIN

static void must(int rc, const char *what)
{
	if (!rc)
		return;
	errno = -rc;
	vm_die(what);
}

/* What the guest has in RAX after its hypercall. */
static int64_t asks(struct world *world, struct gms_request *request, uint64_t gpa,
		    uint64_t npages, uint64_t attributes)
{
	struct vm_left left = vm_ask(&world->vm, gpa, npages, attributes);
	int64_t ret;

	if (left.exit.kind == GMS_KVM_EXIT_HYPERCALL) {
		must(gms_kvm_call(request, left.exit.nr, left.exit.args, GMS_KVM_FOR_GUEST, &ret),
		     "gms_kvm_call");
		must(gms_kvm_hypercall_return(world->vm.run, world->vm.run_bytes, ret),
		     "gms_kvm_hypercall_return");
		left = vm_go_on(&world->vm);
	}
	return left.done ? (int64_t)left.rax : NO_ANSWER;
}

static int64_t guest_asks(struct world *world, uint64_t gpa, uint64_t npages,
			  uint64_t attributes)
{
	return asks(world, world->request, gpa, npages, attributes);
}

static void turn_there_and_back(struct world *world, bool punch)
{
	tap_is(guest_asks(world, GPA(32), 16, PRIVATE), 0, "call: the guest unshares");
	tap_is((int64_t)world_guest_sees(world, 40), 0, "call: it has new pages");
	tap_ok(!world_vmm_reaches(world, 32) && !world_vmm_reaches(world, 47) &&
	       world_vmm_reaches(world, 31) && world_vmm_reaches(world, 48),
	       "call: the VMM has lost these pages and no other");
	tap_ok(vm_write(&world->vm, VM_FIRST + 40, 1, 0x99).done &&
	       world_guest_sees(world, 40) == 0x99, "call: it keeps what it writes there");
	tap_is(guest_asks(world, GPA(32), 16, 0), 0, "call: the guest shares");
	tap_is((int64_t)world_guest_sees(world, 40), punch ? 0 : 41, "call: it has shared pages");
	tap_ok(world_vmm_reaches(world, 40), "call: so has the VMM");
	tap_is(gms_kvm_hypercall_return(world->vm.run, world->vm.run_bytes, 0), -ENOENT,
	       "call: no hypercall, nothing to answer");
}

/* Bits 3:0 are how large the guest would like it: a share with 2M was taken for private. */
static void hint_at_sizes(struct world *world)
{
	static const uint64_t hints[] = { 0, 1, 2, 3, 15 };
	const uint64_t ioctls = world_charged(world, GMS_ACCT_SYS_IOCTL);
	bool right = true;

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		right = right && !guest_asks(world, GPA(512), 512, PRIVATE | hints[i]) &&
			!world_vmm_reaches(world, 600);
		(void)vm_write(&world->vm, VM_FIRST + 600, 1, 1000 + i);
		right = right && world_guest_sees(world, 600) == 1000 + i;
		right = right && !guest_asks(world, GPA(512), 512, hints[i]) &&
			world_vmm_reaches(world, 600);
		world->hva[512 * 600] = 2000 + i;
		right = right && world_guest_sees(world, 600) == 2000 + i;
	}
	tap_ok(right, "call: hints at page sizes say nothing of private or shared");
	tap_is((int64_t)(world_charged(world, GMS_ACCT_SYS_IOCTL) - ioctls), 10,
	       "call: each is one ioctl");
	tap_is(guest_asks(world, GPA(512), 512, 1), 0, "call: to share what is shared is fine");
	tap_is((int64_t)(world_charged(world, GMS_ACCT_SYS_IOCTL) - ioctls), 10,
	       "call: and no ioctl");
}

static void refuse_what_is_pinned(struct world *world)
{
	gms_pin_id pin;

	tap_is(gms_pin(world->space, RANGE(70, 1), 0, 1, &pin, NULL), 0, "call: a page is pinned");
	tap_is(guest_asks(world, GPA(64), 16, PRIVATE), -GMS_KVM_EPERM,
	       "call: the guest hears so");
	tap_ok(world_guest_sees(world, 65) == 66 && world_guest_sees(world, 75) == 76 &&
	       world_vmm_reaches(world, 65), "call: all its pages are shared as before");
	tap_is(gms_unpin(world->space, pin), 0, "call: the page is unpinned");
	tap_is(guest_asks(world, GPA(64), 16, PRIVATE), 0, "call: then it may");
	tap_is((int64_t)world_guest_sees(world, 65), 0, "call: and has new pages");
}

/* KVM refuses the first ones itself: the guest hears the same from both. */
static void refuse_words(struct world *world)
{
	static const uint64_t wrong[][3] = {
		{ GPA(1) + 1, 1, PRIVATE }, { GPA(1) + 2048, 1, PRIVATE }, { GPA(1), 0, PRIVATE },
		{ GPA(1), UINT64_MAX, PRIVATE }, { UINT64_MAX - 4095, 1, PRIVATE },
		{ GPA(1), UINT64_C(1) << 40, PRIVATE }, { GPA(1), UINT64_C(1) << 52, PRIVATE },
		{ UINT64_C(1) << 52, 1, PRIVATE }, { GPA(1), 1, PRIVATE | 32 },
		{ GPA(1), 1, UINT64_C(1) << 63 },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int64_t ret = 0;

		must(gms_kvm_call(world->request, GMS_KVM_MAP_GPA_RANGE, (const uint64_t[6]){
				  wrong[i][0], wrong[i][1], wrong[i][2] }, GMS_KVM_FOR_GUEST, &ret),
		     "gms_kvm_call");
		tap_ok(guest_asks(world, wrong[i][0], wrong[i][1], wrong[i][2]) == -EINVAL &&
		       ret == -GMS_KVM_EINVAL, "call: wrong words %u are EINVAL", (unsigned int)i);
	}
	tap_is((int64_t)world_guest_sees(world, 1), 2, "call: and nothing has changed");
}

/* The end of one region, the hole behind it, and the beginning of the next one. */
static void cross_regions(struct world *world)
{
	const uint64_t npages = VM_PLAIN_FIRST + 4 - (VM_FIRST + VM_PAGES - 4);
	const uint64_t gpa = GPA(VM_PAGES - 4);
	struct gms_request_opts opts;
	struct gms_request *request;
	struct vm_left left;
	uint64_t value;

	tap_is(guest_asks(world, gpa, npages, PRIVATE), -GMS_KVM_EFAULT,
	       "call: over two regions, a hole between them is refused");
	tap_is((int64_t)world_guest_sees(world, VM_PAGES - 2), VM_PAGES - 1,
	       "call: and nothing has changed");
	GMS_INIT(&opts);
	opts.flags = GMS_REQUEST_HOLES;
	must(gms_request_new(&request, world->space, &opts), "gms_request_new");
	tap_is(asks(world, request, gpa, npages, PRIVATE), 0, "call: or passed over, if told so");
	tap_ok(world_guest_sees(world, VM_PAGES - 2) == 0 &&
	       world_guest_sees(world, VM_PAGES - 5) == VM_PAGES - 4,
	       "call: pages of the first region have turned");
	left = vm_read(&world->vm, VM_PLAIN_FIRST + 3, 1, &value);
	tap_ok(left.exit.kind == GMS_KVM_EXIT_WANTS && left.exit.flags == GMS_KVM_ACCESS_PRIVATE,
	       "call: and of the second");
	tap_ok(vm_read(&world->vm, VM_PLAIN_FIRST + 4, 1, &value).done,
	       "call: up to where the guest said");
	tap_is(asks(world, request, gpa, npages, 0), 0, "call: and back");
	tap_ok(vm_read(&world->vm, VM_PLAIN_FIRST + 3, 1, &value).done &&
	       world_vmm_reaches(world, VM_PAGES - 2), "call: all is shared");
	gms_request_free(request);
}

static void use_options(struct world *world)
{
	struct gms_collector *collector;
	struct gms_collector_stats stats;
	struct gms_request_opts opts;
	struct gms_request *request;

	must(gms_collector_new(&collector, world->space, NULL), "gms_collector_new");
	GMS_INIT(&opts);
	opts.collector = collector;
	opts.most_pages = 64;
	must(gms_request_new(&request, world->space, &opts), "gms_request_new");
	tap_is(asks(world, request, GPA(100), 65, PRIVATE), -GMS_KVM_E2BIG,
	       "call: more pages than allowed");
	tap_is((int64_t)world_guest_sees(world, 100), 101, "call: change nothing");
	tap_is(asks(world, request, GPA(100), 64, PRIVATE), 0, "call: through a collector");
	tap_ok(world_guest_sees(world, 163) == 0 && world_guest_sees(world, 164) == 165,
	       "call: the guest has its pages");
	GMS_INIT(&stats);
	must(gms_collector_stats(collector, &stats), "gms_collector_stats");
	tap_is((int64_t)stats.joined, 1, "call: they came with its commit");
	gms_request_free(request);
	gms_collector_free(collector);
}

void test_guest_calls(uint32_t flags)
{
	struct world world;

	world_new(&world, flags);
	turn_there_and_back(&world, flags & GMS_KVM_MEMORY_PUNCH);
	hint_at_sizes(&world);
	refuse_what_is_pinned(&world);
	refuse_words(&world);
	cross_regions(&world);
	use_options(&world);
	world_free(&world);
}

static struct gms_request_result result_of(const struct world *world)
{
	struct gms_request_result result;

	GMS_INIT(&result);
	must(gms_request_result(world->request, &result), "gms_request_result");
	return result;
}

/*
 * A slot without a guest_memfd has nothing to give for a private page. A VM of this type
 * takes every touch for what the page is: that the guest wants it shared is the VMM's
 * word here, where and how much is KVM's.
 */
static void share_by_fault(struct world *world)
{
	const struct gms_range range = { VM_PLAIN_FIRST + 2, 3 };
	uint64_t value[VM_PLAIN_PAGES];
	uint32_t action = 77;
	struct vm_left left;

	tap_is(gms_unshare(world->space, range, NULL), 0, "fault: unshare");
	left = vm_read(&world->vm, VM_PLAIN_FIRST, VM_PLAIN_PAGES, value);
	must(gms_kvm_fault(world->request, left.exit.raw_flags, left.exit.gpa, left.exit.bytes,
			   &action), "gms_kvm_fault");
	tap_ok(action == GMS_KVM_RESUME && !result_of(world).changed_pages,
	       "fault: the page is as KVM says that the guest has it: nothing turns");
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		tap_ok(left.exit.kind == GMS_KVM_EXIT_WANTS && left.exit.error == -EFAULT &&
		       left.exit.gpa == gfn << GMS_PAGE_SHIFT && left.exit.bytes == GMS_PAGE_SIZE &&
		       left.exit.raw_flags == GMS_KVM_FAULT_PRIVATE,
		       "fault: a touch of page %u", (unsigned int)(gfn - VM_PLAIN_FIRST));
		must(gms_kvm_fault(world->request, 0, left.exit.gpa, left.exit.bytes, &action),
		     "gms_kvm_fault");
		tap_ok(action == GMS_KVM_RESUME && result_of(world).changed_pages == 1,
		       "fault: shares it");
		left = vm_go_on(&world->vm);
	}
	vm_table(&world->vm, VM_PLAIN_PAGES, value);
	tap_ok(left.done && value[0] == value[4] && value[4] == UINT64_C(0x2222222222222222),
	       "fault: then the guest has read it all");
}

/* KVM knows a page as private, say from the guest, before the library does. */
static void unshare_by_fault(struct world *world)
{
	const gms_gfn gfn = VM_PLAIN_FIRST + 8;
	uint64_t value = 77;
	uint32_t action = 77;
	struct vm_left left;

	vm_make_private(&world->vm, gfn);
	left = vm_read(&world->vm, gfn, 1, &value);
	tap_ok(left.exit.kind == GMS_KVM_EXIT_WANTS &&
	       left.exit.raw_flags == GMS_KVM_FAULT_PRIVATE, "fault: the guest touches it");
	must(gms_kvm_fault(world->request, left.exit.raw_flags, left.exit.gpa, left.exit.bytes,
			   &action), "gms_kvm_fault");
	tap_ok(action == GMS_KVM_RESUME && result_of(world).changed_pages == 1 &&
	       !(gms_state_at(world->space, gfn) & GMS_STATE_SHARED) &&
	       gms_state_at(world->space, gfn + 1) & GMS_STATE_SHARED,
	       "fault: the page is private in the books too");
	vm_give_plain_gmem(&world->vm);
	left = vm_go_on(&world->vm);
	vm_table(&world->vm, 1, &value);
	tap_ok(left.done && !value, "fault: the guest goes on with a new page");
	(void)vm_write(&world->vm, gfn, 1, 0x55);
	must(gms_kvm_fault(world->request, 0, left.exit.gpa, 1, &action), "gms_kvm_fault");
	tap_is(action, GMS_KVM_REFUSE, "fault: what is no page turns none");
	must(gms_kvm_fault(world->request, 0, gfn << GMS_PAGE_SHIFT, GMS_PAGE_SIZE, &action),
	     "gms_kvm_fault");
	(void)vm_read(&world->vm, gfn, 1, &value);
	tap_ok(action == GMS_KVM_RESUME && value == UINT64_C(0x2222222222222222),
	       "fault: shared, it is what it was");
}

void test_guest_faults(void)
{
	struct world world;

	world_new(&world, GMS_KVM_MEMORY_PUNCH);
	memset(world.vm.plain, 0x22, VM_PLAIN_PAGES * GMS_PAGE_SIZE);
	share_by_fault(&world);
	unshare_by_fault(&world);
	world_free(&world);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of guest/kvm.h: every answer there is, and what a hostile guest asks. */
#include "vcpu.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define PAGES	UINT64_C(4096)		/* of each of two regions, one behind the other */
#define ALL	FX_RANGE(0, 2 * PAGES)
#define GPA(gfn)	((uint64_t)(gfn) << GMS_PAGE_SHIFT)
#define BIT(n)		(UINT64_C(1) << (n))

static void setup(void)
{
	vcpu_setup(GMS_PROFILE_GENERIC, GMS_MERGE_EAGER, PAGES, D);
	vcpu_make(NULL);
}

static int64_t call(uint64_t gpa, uint64_t npages, uint64_t attributes, uint32_t style)
{
	const uint64_t args[6] = { gpa, npages, attributes, ~UINT64_C(0), ~UINT64_C(0), 7 };
	int64_t ret = 12345;

	ck_assert_int_eq(gms_kvm_call(request, GMS_KVM_MAP_GPA_RANGE, args, style, &ret), 0);
	return ret;
}

static int64_t guest_call(uint64_t gpa, uint64_t npages, uint64_t attributes)
{
	return call(gpa, npages, attributes, GMS_KVM_FOR_GUEST);
}

static uint32_t fault(uint64_t flags, uint64_t gpa, uint64_t bytes)
{
	uint32_t action = 12345;

	ck_assert_int_eq(gms_kvm_fault(request, flags, gpa, bytes, &action), 0);
	return action;
}

START_TEST(a_share_and_its_unshare_are_a_commit_each)
{
	struct gms_request_result result;

	ck_assert_int_eq(guest_call(GPA(10), 600, 0), 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 600);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(10, 600)), 600);
	result = result_of();
	ck_assert_uint_eq(result.protocol, GMS_PROTOCOL_KVM_CALL);
	ck_assert_uint_eq(result.step, GMS_REQUEST_IDLE);
	ck_assert_uint_eq(result.commits, 1);
	ck_assert_uint_eq(result.pages_done, 600);
	ck_assert_uint_eq(host->calls, 1);
	ck_assert_int_eq(guest_call(GPA(10), 600, GMS_KVM_MAP_PRIVATE), 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_HYPERCALLS), 2);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_USER_EXITS), 2);
}
END_TEST

/* All of bits 3:0 are what the page is to be mapped with, and say nothing of its state. */
START_TEST(page_size_bits_are_a_hint)	/* _i: their value */
{
	static const uint32_t order[16] = { 0, 9, 18 };
	const uint64_t args[6] = { GPA(3), 5, (unsigned)_i, 0, 0, 0 };
	struct gms_request_part part;
	int64_t ret;

	ck_assert_int_eq(gms_kvm_call_begin(request, GMS_KVM_MAP_GPA_RANGE, args), 0);
	ck_assert_int_eq(gms_request_part_at(request, 0, &part), 0);
	ck_assert_uint_eq(part.order, order[_i]);
	ck_assert_uint_eq(part.change.set, S);
	ck_assert_uint_eq(part.change.clear & S, 0);
	ck_assert_uint_eq(part.change.range.first, 3);
	ck_assert_uint_eq(part.change.range.npages, 5);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_kvm_call_end(request, GMS_KVM_FOR_GUEST, &ret), 0);
	ck_assert_int_eq(ret, 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 5);
	ck_assert_int_eq(guest_call(GPA(3), 5, GMS_KVM_MAP_PRIVATE | (unsigned)_i), 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

/* A VMM that tested the attributes for "not 0" turned this one private (libkrun). */
START_TEST(a_share_with_2m_pages_does_not_turn_private)
{
	ck_assert_int_eq(guest_call(GPA(512), 512, 1), 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(512, 512)), 512);
	ck_assert_int_eq(guest_call(GPA(512), 512, 1), 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(512, 512)), 512);
}
END_TEST

static const struct {
	uint64_t gpa, npages, attributes;
} wrong_calls[] = {
	{ GPA(1) + 1, 1, 0 },			/* unaligned */
	{ GPA(1) + 2048, 1, 0 },
	{ GPA(1) + 4095, 1, 0 },
	{ GPA(1), 0, 0 },			/* nothing */
	{ 0, 0, 0 },
	{ 0, BIT(52), 0 },			/* its bytes wrap to 0 */
	{ 0, BIT(52) + 1, 0 },			/* and to a page */
	{ 0, BIT(63), 0 },
	{ 0, UINT64_MAX, 0 },
	{ GPA(GMS_GFN_LIMIT - 1), 2, 0 },	/* over the end of all memory */
	{ GPA(GMS_GFN_LIMIT), 1, 0 },
	{ GPA(2), GMS_GFN_LIMIT, 0 },
	{ 0, GMS_GFN_LIMIT + 1, 0 },
	{ UINT64_MAX - 4095, 1, 0 },
	{ UINT64_MAX - 4095, 2, 0 },		/* wraps to page 0 */
	{ UINT64_MAX - 4095, UINT64_MAX, 0 },
	{ UINT64_MAX, 1, 0 },
	{ BIT(63), 1, 0 },
	{ GPA(1), 1, BIT(5) },			/* reserved */
	{ GPA(1), 1, BIT(5) | GMS_KVM_MAP_PRIVATE },
	{ GPA(1), 1, BIT(32) },
	{ GPA(1), 1, BIT(63) },
	{ GPA(1), 1, UINT64_MAX },
};

START_TEST(words_that_are_wrong_are_einval)	/* _i: row */
{
	const uint64_t gpa = wrong_calls[_i].gpa, npages = wrong_calls[_i].npages;
	const uint64_t attributes = wrong_calls[_i].attributes;

	ck_assert_int_eq(guest_call(gpa, npages, attributes), -GMS_KVM_EINVAL);
	ck_assert_int_eq(call(gpa, npages, attributes, GMS_KVM_FOR_PLATFORM), EINVAL);
	ck_assert_uint_eq(result_of().nparts, 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	ck_assert_uint_eq(host->calls, 0);
}
END_TEST

START_TEST(addresses_beyond_the_guests_width_are_einval)
{
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.gpa_bits = 32;
	vcpu_make(&opts);
	ck_assert_int_eq(guest_call(BIT(32), 1, 0), -GMS_KVM_EINVAL);
	ck_assert_int_eq(guest_call(BIT(32) - GPA(1), 2, 0), -GMS_KVM_EINVAL);
	ck_assert_int_eq(guest_call(BIT(32) - GPA(1), 1, 0), -GMS_KVM_EFAULT);
}
END_TEST

START_TEST(another_hypercall_is_enosys)
{
	static const uint64_t numbers[] = { 0, 11, 13, 12 + BIT(32), UINT64_MAX };
	const uint64_t args[6] = { GPA(1), 1 };
	int64_t ret;

	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq(gms_kvm_call(request, numbers[i], args, GMS_KVM_FOR_GUEST, &ret),
				 0);
		ck_assert_int_eq(ret, -GMS_KVM_ENOSYS);
		ck_assert_int_eq(gms_kvm_call(request, numbers[i], args, GMS_KVM_FOR_PLATFORM,
					      &ret), 0);
		ck_assert_int_eq(ret, EINVAL);
	}
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

START_TEST(holes_are_refused_whole_or_passed_over)	/* _i: are they taken? */
{
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.flags = _i ? GMS_REQUEST_HOLES : 0;
	vcpu_make(&opts);
	ck_assert_int_eq(guest_call(GPA(2 * PAGES - 8), 16, 0), _i ? 0 : -GMS_KVM_EFAULT);
	ck_assert_uint_eq(fx_shared(space, ALL), _i ? 8 : 0);
	if (!_i) {
		ck_assert_uint_eq(result_of().error_gfn, 2 * PAGES);
		ck_assert_uint_eq(result_of().error_reason, GMS_REASON_HOLE);
	}
	ck_assert_int_eq(call(GPA(GMS_GFN_LIMIT - 1), 1, 0, GMS_KVM_FOR_PLATFORM),
			 _i ? 0 : EINVAL);
	ck_assert_int_eq(guest_call(0, GMS_GFN_LIMIT, 0), _i ? 0 : -GMS_KVM_EFAULT);
	ck_assert_uint_eq(fx_shared(space, ALL), _i ? 2 * PAGES : 0);
}
END_TEST

/* QEMU converted the whole range in KVM, and the first of its blocks in its own books. */
START_TEST(a_range_over_two_regions_is_done_in_both)
{
	ck_assert_int_eq(guest_call(GPA(PAGES - 100), 200, 0), 0);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(PAGES - 100, 200)), 200);
	ck_assert_int_eq(guest_call(GPA(PAGES - 100), 200, GMS_KVM_MAP_PRIVATE), 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

START_TEST(a_pinned_page_keeps_all_of_a_request_from_turning)
{
	gms_pin_id pin;

	ck_assert_int_eq(guest_call(GPA(PAGES - 100), 200, 0), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(PAGES + 50, 1), 0, 1, &pin, NULL), 0);
	ck_assert_int_eq(guest_call(GPA(PAGES - 100), 200, GMS_KVM_MAP_PRIVATE), -GMS_KVM_EPERM);
	ck_assert_int_eq(result_of().error, -EAGAIN);
	ck_assert_uint_eq(result_of().error_gfn, PAGES + 50);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_PINNED);
	ck_assert_int_eq(call(GPA(PAGES - 100), 200, GMS_KVM_MAP_PRIVATE, GMS_KVM_FOR_PLATFORM),
			 EAGAIN);
	ck_assert_uint_eq(fx_shared(space, ALL), 200);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_int_eq(guest_call(GPA(PAGES - 100), 200, GMS_KVM_MAP_PRIVATE), 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

START_TEST(a_frozen_page_is_held_too)
{
	ck_assert_int_eq(guest_call(GPA(8), 8, 0), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(9, 1), 0, NULL), 0);
	ck_assert_int_eq(call(GPA(8), 8, GMS_KVM_MAP_PRIVATE, GMS_KVM_FOR_PLATFORM), EAGAIN);
	ck_assert_int_eq(guest_call(GPA(8), 8, GMS_KVM_MAP_PRIVATE), -GMS_KVM_EPERM);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(9, 1), NULL), 0);
	ck_assert_int_eq(guest_call(GPA(8), 8, GMS_KVM_MAP_PRIVATE), 0);
}
END_TEST

START_TEST(more_pages_than_allowed_are_e2big)
{
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.most_pages = 64;
	opts.chunk_pages = 16;
	vcpu_make(&opts);
	ck_assert_int_eq(guest_call(0, 65, 0), -GMS_KVM_E2BIG);
	ck_assert_int_eq(call(0, GMS_GFN_LIMIT, 0, GMS_KVM_FOR_PLATFORM), EINVAL);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	ck_assert_int_eq(guest_call(0, 64, 0), 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 64);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, 0, GPA(65)), GMS_KVM_REFUSE);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, 0, GPA(64)), GMS_KVM_RESUME);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

static bool stop_always(void *ctx)
{
	++*(unsigned int *)ctx;
	return true;
}

/* KVM has no word for "half of it": nothing of it is done in chunks. */
START_TEST(chunks_and_stop_do_not_count)
{
	struct gms_request_opts opts;
	unsigned int asked = 0;
	gms_pin_id pin;

	GMS_INIT(&opts);
	opts.chunk_pages = 4;
	opts.stop = stop_always;
	opts.ctx = &asked;
	vcpu_make(&opts);
	ck_assert_int_eq(guest_call(0, 64, 0), 0);
	ck_assert_uint_eq(fx_shared(space, ALL), 64);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(40, 1), 0, 1, &pin, NULL), 0);
	ck_assert_int_eq(guest_call(0, 64, GMS_KVM_MAP_PRIVATE), -GMS_KVM_EPERM);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, 0, GPA(64)), GMS_KVM_AGAIN);
	ck_assert_uint_eq(fx_shared(space, ALL), 64);
	ck_assert_uint_eq(asked, 0);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
}
END_TEST

/* What a host's error, or the embedder's, is for each of those who read it. */
static const struct {
	int error;
	int64_t guest, platform;
	uint32_t action;
} errors[] = {
	{ -EAGAIN, -GMS_KVM_EPERM, EAGAIN, GMS_KVM_AGAIN },
	{ -EBUSY, -GMS_KVM_EPERM, EAGAIN, GMS_KVM_AGAIN },
	{ -ENOMEM, -GMS_KVM_EPERM, EAGAIN, GMS_KVM_AGAIN },
	{ -ENOSPC, -GMS_KVM_EPERM, EINVAL, GMS_KVM_AGAIN },
	{ -EPERM, -GMS_KVM_EPERM, EINVAL, GMS_KVM_REFUSE },
	{ -EIO, -GMS_KVM_EPERM, EINVAL, GMS_KVM_REFUSE },
	{ -EINVAL, -GMS_KVM_EINVAL, EINVAL, GMS_KVM_REFUSE },
	{ -EMSGSIZE, -GMS_KVM_E2BIG, EINVAL, GMS_KVM_REFUSE },
	{ -E2BIG, -GMS_KVM_E2BIG, EINVAL, GMS_KVM_REFUSE },
	{ -ENOENT, -GMS_KVM_EFAULT, EINVAL, GMS_KVM_REFUSE },
	{ -EFAULT, -GMS_KVM_EFAULT, EINVAL, GMS_KVM_REFUSE },
	{ -EHWPOISON, -GMS_KVM_EFAULT, EINVAL, GMS_KVM_REFUSE },
	{ -EOPNOTSUPP, -GMS_KVM_EOPNOTSUPP, EINVAL, GMS_KVM_REFUSE },
	{ -ENOSYS, -GMS_KVM_ENOSYS, EINVAL, GMS_KVM_REFUSE },
};

START_TEST(errors_of_the_host_have_their_numbers)	/* _i: row */
{
	fx_host_fail_after(host, 0, errors[_i].error);
	ck_assert_int_eq(guest_call(0, 8, 0), errors[_i].guest);
	fx_host_fail_after(host, 0, errors[_i].error);
	ck_assert_int_eq(call(0, 8, 0, GMS_KVM_FOR_PLATFORM), errors[_i].platform);
	fx_host_fail_after(host, 0, errors[_i].error);
	ck_assert_uint_eq(fault(0, 0, GPA(8)), errors[_i].action);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

START_TEST(the_embedder_refuses_with_the_same_numbers)	/* _i: row */
{
	const uint64_t args[6] = { 0, 8 };
	uint32_t action;
	int64_t ret;

	for (uint32_t style = 0; style < 2; style++) {
		ck_assert_int_eq(gms_kvm_call_begin(request, GMS_KVM_MAP_GPA_RANGE, args), 0);
		ck_assert_int_eq(gms_request_refuse(request, errors[_i].error), 0);
		ck_assert_int_eq(gms_kvm_call_end(request, style, &ret), 0);
		ck_assert_int_eq(ret, style ? errors[_i].platform : errors[_i].guest);
	}
	for (uint64_t flags = 0; flags < 32; flags += 8) {
		ck_assert_int_eq(gms_kvm_fault_begin(request, flags, 0, GPA(1)), 0);
		ck_assert_int_eq(gms_request_refuse(request, errors[_i].error), 0);
		ck_assert_int_eq(gms_kvm_fault_end(request, &action), 0);
		ck_assert_uint_eq(action, errors[_i].action);
	}
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
}
END_TEST

START_TEST(steps_out_of_order_are_the_embedders_fault)
{
	const uint64_t args[6] = { 0, 8 };
	uint32_t action = 77;
	int64_t ret = 77;

	ck_assert_int_eq(gms_kvm_call_begin(NULL, 12, args), -EINVAL);
	ck_assert_int_eq(gms_kvm_call_begin(request, 12, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_call_end(NULL, 0, &ret), -EINVAL);
	ck_assert_int_eq(gms_kvm_call_end(request, 0, &ret), -EINVAL);
	ck_assert_int_eq(gms_kvm_call(request, 12, args, 2, &ret), -EINVAL);
	ck_assert_int_eq(gms_kvm_call(request, 12, args, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_call(NULL, 12, args, 0, &ret), -EINVAL);
	ck_assert_int_eq(gms_kvm_fault_begin(NULL, 0, 0, 4096), -EINVAL);
	ck_assert_int_eq(gms_kvm_fault_end(request, &action), -EINVAL);
	ck_assert_int_eq(gms_kvm_fault_end(NULL, &action), -EINVAL);
	ck_assert_int_eq(gms_kvm_fault_end(request, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_fault(request, 0, 0, 4096, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_fault(NULL, 0, 0, 4096, &action), -EINVAL);

	ck_assert_int_eq(gms_kvm_call_begin(request, 12, args), 0);
	ck_assert_int_eq(gms_kvm_call_end(request, 0, &ret), -EINVAL);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_kvm_fault_end(request, &action), -EINVAL);
	ck_assert_int_eq(gms_kvm_call_end(request, 2, &ret), -EINVAL);
	ck_assert_int_eq(gms_kvm_call_end(request, 0, NULL), -EINVAL);
	ck_assert_int_eq(ret, 77);
	ck_assert_uint_eq(action, 77);
	ck_assert_int_eq(gms_kvm_call_end(request, 0, &ret), 0);
	ck_assert_int_eq(gms_kvm_call_end(request, 0, &ret), -EINVAL);
}
END_TEST

START_TEST(a_fault_turns_pages_both_ways)
{
	ck_assert_uint_eq(fault(0, GPA(7), GPA(2)), GMS_KVM_RESUME);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(7, 2)), 2);
	ck_assert_uint_eq(fault(0, GPA(7), GPA(2)), GMS_KVM_RESUME);
	ck_assert_uint_eq(fx_shared(space, ALL), 2);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, GPA(8), GPA(1)), GMS_KVM_RESUME);
	ck_assert_uint_eq(fx_shared(space, ALL), 1);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, GPA(8), GPA(1)), GMS_KVM_RESUME);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(7, 1)), 1);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_GUEST_EXITS), 4);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_HYPERCALLS), 0);
}
END_TEST

static const struct {
	uint64_t flags, gpa, bytes;
} wrong_faults[] = {
	{ BIT(0), 0, 4096 },	/* flags that are not known: accesses by kind */
	{ BIT(1), 0, 4096 },
	{ BIT(2), 0, 4096 },
	{ BIT(5), 0, 4096 },	/* asynchronous page faults */
	{ BIT(5) | GMS_KVM_FAULT_USERFAULT, 0, 4096 },
	{ BIT(63) | GMS_KVM_FAULT_PRIVATE, 0, 4096 },
	{ UINT64_MAX, 0, 4096 },
	{ 0, 0, 0 },
	{ 0, 1, 4096 },
	{ 0, 4096, 4095 },
	{ 0, 4096, 1 },		/* the access, and not its page */
	{ GMS_KVM_FAULT_PRIVATE, 2048, 2048 },
	{ 0, UINT64_MAX - 4095, 4096 },
	{ 0, UINT64_MAX - 4095, 8192 },
	{ 0, 0, UINT64_MAX - 4095 },
	{ 0, BIT(52), 4096 },
	{ 0, BIT(52) - 4096, 8192 },
	{ GMS_KVM_FAULT_USERFAULT, BIT(52), 4096 },
	{ GMS_KVM_FAULT_USERFAULT, 0, 0 },
	{ 0, GPA(2 * PAGES), 4096 },	/* holes */
	{ GMS_KVM_FAULT_PRIVATE, GPA(2 * PAGES), 4096 },
	{ GMS_KVM_FAULT_USERFAULT, GPA(2 * PAGES), 4096 },
	{ 0, BIT(52) - 4096, 4096 },
	{ 0, GPA(2 * PAGES), GPA(100) },
};

/* With holes passed over too: nothing would have changed when the guest comes back. */
START_TEST(a_fault_that_cannot_be_helped_is_refused)	/* _i: row */
{
	struct gms_request_opts opts;

	for (uint32_t holes = 0; holes < 2; holes++) {
		GMS_INIT(&opts);
		opts.flags = holes ? GMS_REQUEST_HOLES : 0;
		vcpu_make(&opts);
		ck_assert_uint_eq(fault(wrong_faults[_i].flags, wrong_faults[_i].gpa,
					wrong_faults[_i].bytes), GMS_KVM_REFUSE);
		ck_assert_int_lt(result_of().error, 0);
	}
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	ck_assert_uint_eq(host->calls, 0);
}
END_TEST

START_TEST(a_fault_over_the_end_of_memory_turns_what_there_is_if_told_so)	/* _i: told? */
{
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.flags = _i ? GMS_REQUEST_HOLES : 0;
	vcpu_make(&opts);
	ck_assert_uint_eq(fault(0, GPA(2 * PAGES - 1), GPA(2)),
			  _i ? GMS_KVM_RESUME : GMS_KVM_REFUSE);
	ck_assert_uint_eq(fx_shared(space, ALL), (unsigned)_i);
}
END_TEST

START_TEST(poison_is_refused_and_turns_nothing)
{
	const struct gms_change poison = { FX_RANGE(5, 1), GMS_STATE_POISON, 0 };

	ck_assert_int_eq(gms_convert(space, &poison, 1, NULL, NULL), 0);
	ck_assert_uint_eq(fault(0, GPA(5), GPA(1)), GMS_KVM_REFUSE);
	ck_assert_uint_eq(fault(0, GPA(4), GPA(2)), GMS_KVM_REFUSE);
	ck_assert_int_eq(result_of().error, -EHWPOISON);
	ck_assert_uint_eq(result_of().error_gfn, 5);
	ck_assert_uint_eq(result_of().error_reason, GMS_REASON_POISON);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_USERFAULT, GPA(5), GPA(1)), GMS_KVM_RESUME);
	ck_assert_uint_eq(fx_shared(space, ALL), 0);
	ck_assert_uint_eq(fault(0, GPA(6), GPA(1)), GMS_KVM_RESUME);
}
END_TEST

START_TEST(a_held_page_is_tried_again)
{
	gms_pin_id pin;

	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 8), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(3, 1), 0, 1, &pin, NULL), 0);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, GPA(3), GPA(1)), GMS_KVM_AGAIN);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, GPA(2), GPA(4)), GMS_KVM_AGAIN);
	ck_assert_uint_eq(fx_shared(space, ALL), 8);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, GPA(3), GPA(1)), GMS_KVM_RESUME);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(4, 1), 0, NULL), 0);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, GPA(4), GPA(1)), GMS_KVM_AGAIN);
	ck_assert_int_eq(gms_thaw(space, FX_RANGE(4, 1), NULL), 0);
}
END_TEST

START_TEST(a_userfault_is_queued_and_turns_nothing)	/* _i: does PRIVATE disagree too? */
{
	const uint64_t flags = GMS_KVM_FAULT_USERFAULT | (_i ? GMS_KVM_FAULT_PRIVATE : 0);
	struct gms_request_opts opts;
	struct gms_request_part part;
	struct gms_fault one;
	uint32_t action;
	size_t found;

	GMS_INIT(&opts);
	opts.tag = 9;
	vcpu_make(&opts);
	ck_assert_int_eq(gms_share(space, FX_RANGE(0, 16), NULL), 0);
	ck_assert_uint_eq(fault(flags, GPA(3), GPA(1)), GMS_KVM_RESUME);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(0, 8), 0, NULL), 0);

	ck_assert_int_eq(gms_kvm_fault_begin(request, flags, GPA(3), GPA(2)), 0);
	ck_assert_int_eq(gms_request_part_at(request, 0, &part), 0);
	ck_assert_uint_eq(part.change.range.first, 3);
	ck_assert_uint_eq(part.change.range.npages, 1);
	ck_assert_uint_eq(part.change.set | part.change.clear, 0);
	ck_assert_int_eq(gms_request_run(request), 0);
	ck_assert_int_eq(gms_kvm_fault_end(request, &action), 0);
	ck_assert_uint_eq(action, GMS_KVM_WAIT);
	ck_assert_uint_eq(fault(flags, GPA(3), GPA(1)), GMS_KVM_WAIT);
	ck_assert_uint_eq(fx_shared(space, ALL), 16);

	ck_assert_int_eq(gms_fault_next(space, &one, 1, GMS_FAULT_OLDEST, 0, &found), 0);
	ck_assert_uint_eq(one.gfn, 3);
	ck_assert_uint_eq(one.tag, 9);
	ck_assert_uint_eq(one.waiters, 2);
	ck_assert_int_eq(gms_resolve(space, one.range, false, NULL), 0);
	ck_assert_uint_eq(fault(flags, GPA(3), GPA(1)), GMS_KVM_RESUME);
	ck_assert_uint_eq(fx_shared(space, ALL), 16);
	/* The page is here now: what is left of the disagreement is another fault. */
	ck_assert_uint_eq(fault(flags & GMS_KVM_FAULT_PRIVATE, GPA(3), GPA(1)), GMS_KVM_RESUME);
	ck_assert_uint_eq(fx_shared(space, ALL), _i ? 15 : 16);
}
END_TEST

START_TEST(a_full_queue_of_faults_is_tried_again)
{
	struct gms_region_opts opts;
	unsigned int failures = 0;

	fx_region_opts(&opts, FX_RANGE(BIT(20), GMS_FAULTS_MOST + 8), 0, D, NULL);
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	ck_assert_int_eq(gms_miss(space, FX_RANGE(BIT(20), GMS_FAULTS_MOST + 8), 0, NULL), 0);
	for (gms_gfn i = 0; i < GMS_FAULTS_MOST; i++)
		failures += gms_fault_raise(space, BIT(20) + i, 0, 0) != 0;
	ck_assert_uint_eq(failures, 0);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_USERFAULT, GPA(BIT(20) + GMS_FAULTS_MOST), 4096),
			  GMS_KVM_AGAIN);
	ck_assert_int_eq(result_of().error, -ENOSPC);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_USERFAULT, GPA(BIT(20) + 1), 4096), GMS_KVM_WAIT);
}
END_TEST

/* Any allocation may be the one that fails: nothing of the request is done then. */
START_TEST(want_of_memory_changes_nothing_and_is_tried_again)
{
	uint64_t failures = 0;
	int64_t ret = EAGAIN;

	for (; ret && failures < 100; failures++) {
		ck_assert_uint_eq(fx_shared(space, ALL), 0);
		fx_mem_fail_after(&mem, failures, true);
		ret = call(GPA(PAGES - 100), 200, 0, GMS_KVM_FOR_PLATFORM);
		fx_mem_heal(&mem);
		ck_assert_int_eq(ret, ret ? EAGAIN : 0);
		ck_assert_int_eq(result_of().error, ret ? -ENOMEM : 0);
	}
	ck_assert_uint_gt(failures, 1);
	ck_assert_uint_eq(fx_shared(space, FX_RANGE(PAGES - 100, 200)), 200);
}
END_TEST

START_TEST(once_reserved_nothing_is_allocated)
{
	uint64_t calls;

	ck_assert_int_eq(gms_space_reserve(space, 16), 0);
	calls = mem.calls;
	ck_assert_int_eq(guest_call(GPA(PAGES - 100), 200, 1), 0);
	ck_assert_uint_eq(fault(GMS_KVM_FAULT_PRIVATE, GPA(PAGES), 4096), GMS_KVM_RESUME);
	ck_assert_int_eq(guest_call(GPA(PAGES - 100), 200, GMS_KVM_MAP_PRIVATE), 0);
	ck_assert_uint_eq(mem.calls, calls);
}
END_TEST

#define ROWS(table)	((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
	Suite *s = suite_create("kvm");
	TCase *calls = fx_case(s, "call"), *faults = fx_case(s, "fault");

	tcase_add_checked_fixture(calls, setup, vcpu_teardown);
	tcase_add_test(calls, a_share_and_its_unshare_are_a_commit_each);
	tcase_add_loop_test(calls, page_size_bits_are_a_hint, 0, 16);
	tcase_add_test(calls, a_share_with_2m_pages_does_not_turn_private);
	tcase_add_loop_test(calls, words_that_are_wrong_are_einval, 0, ROWS(wrong_calls));
	tcase_add_test(calls, addresses_beyond_the_guests_width_are_einval);
	tcase_add_test(calls, another_hypercall_is_enosys);
	tcase_add_loop_test(calls, holes_are_refused_whole_or_passed_over, 0, 2);
	tcase_add_test(calls, a_range_over_two_regions_is_done_in_both);
	tcase_add_test(calls, a_pinned_page_keeps_all_of_a_request_from_turning);
	tcase_add_test(calls, a_frozen_page_is_held_too);
	tcase_add_test(calls, more_pages_than_allowed_are_e2big);
	tcase_add_test(calls, chunks_and_stop_do_not_count);
	tcase_add_loop_test(calls, errors_of_the_host_have_their_numbers, 0, ROWS(errors));
	tcase_add_loop_test(calls, the_embedder_refuses_with_the_same_numbers, 0, ROWS(errors));
	tcase_add_test(calls, want_of_memory_changes_nothing_and_is_tried_again);
	tcase_add_test(calls, steps_out_of_order_are_the_embedders_fault);

	tcase_add_checked_fixture(faults, setup, vcpu_teardown);
	tcase_add_test(faults, a_fault_turns_pages_both_ways);
	tcase_add_loop_test(faults, a_fault_that_cannot_be_helped_is_refused, 0,
			    ROWS(wrong_faults));
	tcase_add_loop_test(faults, a_fault_over_the_end_of_memory_turns_what_there_is_if_told_so,
			    0, 2);
	tcase_add_test(faults, poison_is_refused_and_turns_nothing);
	tcase_add_test(faults, a_held_page_is_tried_again);
	tcase_add_loop_test(faults, a_userfault_is_queued_and_turns_nothing, 0, 2);
	tcase_add_test(faults, a_full_queue_of_faults_is_tried_again);
	tcase_add_test(faults, once_reserved_nothing_is_allocated);
	return fx_run(s);
}

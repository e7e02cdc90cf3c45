/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm.c - KVM's own requests: MAP_GPA_RANGE, and memory faults.
 *
 * Both name one range of pages, which is one part without chunks: done whole or not
 * at all. Their complaints about the words are errors of conversions too: what the
 * guest hears is made of the error alone (call_errors).
 *
 * Locking: see request.h.
 */
#include <gmemstate/guest/kvm.h>

#include <errno.h>

#include <gmemstate/access.h>
#include <gmemstate/state.h>

#include "guest/request.h"

#define MAP_KNOWN	(GMS_KVM_MAP_PAGE_SIZE | GMS_KVM_MAP_PRIVATE)
#define FAULT_KNOWN	(GMS_KVM_FAULT_PRIVATE | GMS_KVM_FAULT_USERFAULT)

/* One range, in one commit whatever the options say of chunks. */
static int begin(struct gms_request *request, uint32_t protocol)
{
	const int err = gms__request_begin(request, protocol, GMS_REQUEST_WHOLE);

	if (!err)
		request->chunk_pages = GMS_REQUEST_WHOLE;
	return err;
}

static bool too_long(const struct gms_request *request, struct gms_range range)
{
	return request->opts.most_pages && range.npages > request->opts.most_pages;
}

static struct gms_request_part *turn(struct gms_request *request, struct gms_range range,
				     bool to_private)
{
	return gms__request_add(request, range, to_private ? 0 : GMS_STATE_SHARED,
				to_private ? GMS_STATE_SHARED : 0);
}

/* KVM_MAP_GPA_RANGE_PAGE_SZ_4K, _2M and _1G; what is none of them hints at nothing. */
static uint32_t hinted_order(uint64_t attributes)
{
	switch (attributes & GMS_KVM_MAP_PAGE_SIZE) {
	case 1:
		return GMS_ORDER_2M;
	case 2:
		return GMS_ORDER_1G;
	default:
		return GMS_ORDER_4K;
	}
}

static int take_call(struct gms_request *request, uint64_t nr, uint64_t gpa, uint64_t npages,
		     uint64_t attributes)
{
	struct gms_range range;

	if (nr != GMS_KVM_MAP_GPA_RANGE)
		return -ENOSYS;
	if ((attributes & ~MAP_KNOWN) || npages > GMS_GFN_LIMIT ||
	    !gms__pages_of(request, gpa, npages << GMS_PAGE_SHIFT, &range))
		return -EINVAL;
	if (too_long(request, range))
		return -EMSGSIZE;
	turn(request, range, attributes & GMS_KVM_MAP_PRIVATE)->order = hinted_order(attributes);
	return 0;
}

int gms_kvm_call_begin(struct gms_request *request, uint64_t nr, const uint64_t args[6])
{
	int err;

	if (!args)
		return -EINVAL;
	err = begin(request, GMS_PROTOCOL_KVM_CALL);
	if (!err)
		gms__request_ready(request, take_call(request, nr, args[0], args[1], args[2]));
	return err;
}

/* What a guest hears of an error; of one that is not here: KVM_EPERM. */
static const struct {
	int error;
	int number;
} call_errors[] = {
	{ -EINVAL, GMS_KVM_EINVAL },	     { -ENOSYS, GMS_KVM_ENOSYS },
	{ -EMSGSIZE, GMS_KVM_E2BIG },	     { -E2BIG, GMS_KVM_E2BIG },
	{ -ENOENT, GMS_KVM_EFAULT },	     { -EFAULT, GMS_KVM_EFAULT },
	{ -EHWPOISON, GMS_KVM_EFAULT },	     { -EOPNOTSUPP, GMS_KVM_EOPNOTSUPP },
};

static int64_t for_guest(int error)
{
	for (size_t i = 0; i < sizeof(call_errors) / sizeof(call_errors[0]); i++)
		if (call_errors[i].error == error)
			return -call_errors[i].number;
	return error ? -GMS_KVM_EPERM : 0;
}

static int64_t for_platform(int error)
{
	if (!error)
		return 0;
	return gms__error_passes(error) ? EAGAIN : EINVAL;
}

int gms_kvm_call_end(struct gms_request *request, uint32_t style, int64_t *ret)
{
	int err;

	if (style > GMS_KVM_FOR_PLATFORM || !ret)
		return -EINVAL;
	err = gms__request_end(request, GMS_PROTOCOL_KVM_CALL);
	if (!err)
		*ret = style == GMS_KVM_FOR_GUEST ? for_guest(request->error) :
						    for_platform(request->error);
	return err;
}

int gms_kvm_call(struct gms_request *request, uint64_t nr, const uint64_t args[6], uint32_t style,
		 int64_t *ret)
{
	int err;

	if (style > GMS_KVM_FOR_PLATFORM || !ret)
		return -EINVAL;
	err = gms_kvm_call_begin(request, nr, args);
	if (!err)
		err = gms_request_run(request);
	return err ? err : gms_kvm_call_end(request, style, ret);
}

/*
 * What no conversion helps against: the guest would fault for ever. Holes are not
 * passed over here, whatever the options say.
 */
static int admit_fault(struct gms_request *request, struct gms_range range, uint64_t *npages)
{
	gms_gfn gfn;

	if (gms_state_at(request->space, range.first) == GMS_HOLE) {
		*npages = 0;
		return gms__request_blame(request, range.first, GMS_REASON_HOLE, -ENOENT);
	}
	if (!gms_find(request->space, range, GMS_STATE_POISON, GMS_STATE_POISON, &gfn)) {
		*npages = 0;
		return gms__request_blame(request, gfn, GMS_REASON_POISON, -EHWPOISON);
	}
	return 0;
}

static int take_fault(struct gms_request *request, uint64_t flags, uint64_t gpa, uint64_t bytes)
{
	struct gms_range range;

	if ((flags & ~FAULT_KNOWN) || !gms__pages_of(request, gpa, bytes, &range))
		return -EINVAL;
	if (flags & GMS_KVM_FAULT_USERFAULT) {
		range.npages = 1;
		gms__request_add(request, range, 0, 0);
		return 0;
	}
	if (too_long(request, range))
		return -EMSGSIZE;
	turn(request, range, flags & GMS_KVM_FAULT_PRIVATE);
	return 0;
}

int gms_kvm_fault_begin(struct gms_request *request, uint64_t flags, uint64_t gpa, uint64_t bytes)
{
	const int err = begin(request, GMS_PROTOCOL_KVM_FAULT);

	if (err)
		return err;
	request->words.kvm.flags = flags;
	request->admit = admit_fault;
	gms__request_ready(request, take_fault(request, flags, gpa, bytes));
	return 0;
}

/* Of a fault that was not seen to. */
static uint32_t action_of(int error)
{
	return gms__error_passes(error) || error == -ENOSPC ? GMS_KVM_AGAIN : GMS_KVM_REFUSE;
}

/* Ask for the page, which a request that was refused does not. */
static uint32_t raise_fault(struct gms_request *request)
{
	const gms_gfn gfn = request->part[0].change.range.first;
	const int err = gms_fault_raise(request->space, gfn, 0, request->opts.tag);

	if (!err)
		return GMS_KVM_WAIT;
	if (err == -EALREADY)
		return GMS_KVM_RESUME;
	request->error = gms__request_blame(request, gfn, err == -ENOENT ? GMS_REASON_HOLE :
					    GMS_REASON_NONE, err);
	return action_of(err);
}

int gms_kvm_fault_end(struct gms_request *request, uint32_t *action)
{
	int err;

	if (!action)
		return -EINVAL;
	err = gms__request_end(request, GMS_PROTOCOL_KVM_FAULT);
	if (err)
		return err;
	if (request->error)
		*action = action_of(request->error);
	else if (request->words.kvm.flags & GMS_KVM_FAULT_USERFAULT)
		*action = raise_fault(request);
	else
		*action = GMS_KVM_RESUME;
	return 0;
}

int gms_kvm_fault(struct gms_request *request, uint64_t flags, uint64_t gpa, uint64_t bytes,
		  uint32_t *action)
{
	int err;

	if (!action)
		return -EINVAL;
	err = gms_kvm_fault_begin(request, flags, gpa, bytes);
	if (!err)
		err = gms_request_run(request);
	return err ? err : gms_kvm_fault_end(request, action);
}

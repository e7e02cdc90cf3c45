/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pkvm.c - the calls of a guest under pKVM: share, unshare, relinquish.
 *
 * A call is one part, granule by granule: what is done before the granule that is
 * refused stays done. What a granule may become is asked of the table (pkvm_table.c)
 * right before it is converted.
 *
 * Locking: see request.h.
 */
#include <gmemstate/guest/pkvm.h>

#include <errno.h>

#include <gmemstate/state.h>

#include "guest/request.h"

#define HAS_RANGE	1	/* KVM_FUNC_HAS_RANGE, in X1 of HYP_MEMINFO's answer */
#define TABLE_MASK	(GMS_STATE_SHARED | GMS_STATE_POPULATED | GMS_STATE_POISON)

static uint32_t op_of(uint32_t call)
{
	switch (call) {
	case GMS_PKVM_MEM_SHARE:
		return GMS_PKVM_GUEST_SHARE_HOST;
	case GMS_PKVM_MEM_UNSHARE:
		return GMS_PKVM_GUEST_UNSHARE_HOST;
	default:
		return GMS_PKVM_GUEST_RELINQUISH;
	}
}

static uint32_t reason_of(int error, gms_state state)
{
	switch (error) {
	case -ENOENT:
		return GMS_REASON_MISSING;
	case -EHWPOISON:
		return GMS_REASON_POISON;
	default:
		return state & GMS_STATE_SHARED ? GMS_REASON_SHARED : GMS_REASON_PRIVATE;
	}
}

static int admit_state(struct gms_request *request, gms_gfn gfn, gms_state state)
{
	struct gms_pkvm_page page;
	int err = gms_pkvm_page_of(state, &page);

	if (!err)
		err = gms_pkvm_may(op_of(request->words.pkvm.call), &page, NULL);
	return err ? gms__request_blame(request, gfn, reason_of(err, state), err) : 0;
}

static int admit(struct gms_request *request, struct gms_range range, uint64_t *npages)
{
	const gms_gfn end = range.first + range.npages;
	gms_gfn at = range.first;
	struct gms_iter it;
	struct gms_run run;
	int err = gms_iter_init(&it, request->space, range, TABLE_MASK);

	while (!err && gms_iter_next(&it, &run) && run.first == at) {
		err = admit_state(request, at, run.state);
		if (!err)
			at = run.first + run.npages;
	}
	*npages = at - range.first;
	if (!err && at < end)
		err = gms__request_blame(request, at, GMS_REASON_HOLE, -ENOENT);
	return err;
}

static void add_granules(struct gms_request *request, struct gms_range range)
{
	switch (request->words.pkvm.call) {
	case GMS_PKVM_MEM_SHARE:
		gms__request_add(request, range, GMS_STATE_SHARED, 0);
		break;
	case GMS_PKVM_MEM_UNSHARE:
		gms__request_add(request, range, 0, GMS_STATE_SHARED);
		break;
	default:
		gms__request_add(request, range, 0, GMS_STATE_POPULATED);
		break;
	}
}

/* The granules of a call, from X1 to X3. */
static int take_granules(struct gms_request *request, const uint64_t regs[4], bool ranged)
{
	const uint64_t ngranules = ranged && regs[2] ? regs[2] : 1;
	struct gms_range range;

	if ((!ranged && regs[2]) || regs[3] || ngranules > GMS_GFN_LIMIT ||
	    !gms__pages_of(request, regs[1], ngranules << GMS_PAGE_SHIFT, &range))
		return -EINVAL;
	add_granules(request, range);
	return 0;
}

static int take(struct gms_request *request, const uint64_t regs[4])
{
	switch (request->words.pkvm.call) {
	case GMS_PKVM_HYP_MEMINFO:
		return regs[1] || regs[2] || regs[3] ? -EINVAL : 0;
	case GMS_PKVM_MEM_SHARE:
	case GMS_PKVM_MEM_UNSHARE:
		return take_granules(request, regs, request->words.pkvm.ranged);
	case GMS_PKVM_MEM_RELINQUISH:
		return take_granules(request, regs, false);
	default:
		return -ENOSYS;
	}
}

int gms_pkvm_begin(struct gms_request *request, uint32_t flags, const uint64_t regs[4])
{
	int err;

	if (!regs || (flags & ~GMS_PKVM_RANGES))
		return -EINVAL;
	err = gms__request_begin(request, GMS_PROTOCOL_PKVM, GMS_REQUEST_WHOLE);
	if (err)
		return err;
	request->words.pkvm.call = (uint32_t)regs[0];
	request->words.pkvm.ranged = flags & GMS_PKVM_RANGES;
	request->admit = admit;
	request->granular = true;
	gms__request_ready(request, take(request, regs));
	return 0;
}

/*
 * Another call turned the granule between the look at it and the conversion, which then
 * changed nothing. A collector's commit does not say whose pages they were.
 */
static bool came_second(const struct gms_request *request)
{
	return !request->error && !request->joint && request->commits &&
	       request->words.pkvm.call != GMS_PKVM_MEM_RELINQUISH &&
	       request->pages_done == 1 && !request->changed_pages;
}

static uint32_t action_of(const struct gms_request *request)
{
	const uint32_t reason = request->error_reason;

	if (request->pages_done)
		return GMS_PKVM_ANSWER;
	if (request->words.pkvm.call == GMS_PKVM_MEM_SHARE && request->error == -ENOENT &&
	    reason == GMS_REASON_MISSING)
		return GMS_PKVM_BRING_IN;
	if (request->error == -ENOMEM ||
	    (request->error == -EAGAIN && (!reason || reason == GMS_REASON_ACCESS)) ||
	    (request->error == -EBUSY && reason == GMS_REASON_FROZEN))
		return GMS_PKVM_LATER;
	return GMS_PKVM_ANSWER;
}

static void answer(const struct gms_request *request, uint64_t regs[4])
{
	const uint32_t call = request->words.pkvm.call;
	const bool ranged = request->words.pkvm.ranged;
	int64_t x0 = GMS_PKVM_SUCCESS;
	uint64_t x1 = 0;

	if (request->error && !request->pages_done) {
		x0 = request->error == -ENOSYS ? GMS_PKVM_NOT_SUPPORTED :
						 GMS_PKVM_INVALID_PARAMETER;
	} else if (call == GMS_PKVM_HYP_MEMINFO) {
		x0 = GMS_PAGE_SIZE;
		x1 = ranged ? HAS_RANGE : 0;
	} else if (ranged && call != GMS_PKVM_MEM_RELINQUISH) {
		x1 = request->pages_done;
	}
	regs[0] = (uint64_t)x0;
	regs[1] = x1;
	regs[2] = 0;
	regs[3] = 0;
}

int gms_pkvm_end(struct gms_request *request, uint64_t regs[4], uint32_t *action)
{
	int err;

	if (!regs || !action)
		return -EINVAL;
	err = gms__request_end(request, GMS_PROTOCOL_PKVM);
	if (err)
		return err;
	if (came_second(request)) {
		request->error = -EPERM;
		request->place = (struct gms__reached){ 0, 0 };
		request->pages_done = 0;
	}
	*action = action_of(request);
	if (*action == GMS_PKVM_ANSWER)
		answer(request, regs);
	return 0;
}

int gms_pkvm(struct gms_request *request, uint32_t flags, uint64_t regs[4], uint32_t *action)
{
	int err;

	if (!action)
		return -EINVAL;
	err = gms_pkvm_begin(request, flags, regs);
	if (!err)
		err = gms_request_run(request);
	return err ? err : gms_pkvm_end(request, regs, action);
}

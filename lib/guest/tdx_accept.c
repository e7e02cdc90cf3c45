/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tdx_accept.c - TDG.MEM.PAGE.ACCEPT: a block of private pages becomes accepted, or none
 * of it.
 *
 * What the TDX module learns by walking the secure page table is learnt from how large
 * a host may map the block, with pages that are shared, or accepted, kept apart from
 * those that are not:
 *
 *   walk ends at                   here                          answer
 *   a table: mapped smaller        order below the level's       PAGE_SIZE_MISMATCH
 *   a leaf that is accepted        its first page is ACCEPTED    PAGE_ALREADY_ACCEPTED
 *   no leaf: exit to the host      a hole, or SHARED             OPERAND_INVALID
 *   a leaf that is pending, of the level, or larger: then the
 *   host demotes it first          private, not ACCEPTED         SUCCESS
 *
 * A page that is SHARED is refused by the conversion, also if another vCPU shares it
 * meanwhile.
 */
#include <gmemstate/guest/tdx.h>

#include <errno.h>

#include <gmemstate/state.h>

#include "guest/request.h"
#include "guest/tdx.h"

/* No conversion returns these. */
#define BAD_OPERAND	(-EPROTO)	/* TDX_OPERAND_INVALID */
#define TOO_LARGE	(-EMSGSIZE)	/* TDX_PAGE_SIZE_MISMATCH */
#define HAD_BEFORE	(-EALREADY)	/* TDX_PAGE_ALREADY_ACCEPTED */

#define LEVEL_MASK	UINT64_C(7)
#define ADDRESS_MASK	UINT64_C(0x000ffffffffff000)	/* bits 51:12 */
#define LEVEL_ORDER	9u				/* a level is 512 of the one below */
#define PLAIN		(GMS_STATE_SHARED | GMS_STATE_ACCEPTED)

static uint32_t level_of(const struct gms_request *request)
{
	return (uint32_t)(request->words.tdx.gpa & LEVEL_MASK);
}

static unsigned order_of(const struct gms_request *request)
{
	return level_of(request) * LEVEL_ORDER;
}

static int admit_block(struct gms_request *request, struct gms_range range, uint64_t *npages)
{
	const gms_state state = gms_state_at(request->space, range.first);
	const unsigned order = gms_map_order(request->space, range.first, PLAIN);
	uint32_t reason = GMS_REASON_NONE;
	int err = 0;

	if (state & GMS_HOLE) {
		reason = GMS_REASON_HOLE;
		err = BAD_OPERAND;
	} else if (order < order_of(request)) {
		reason = GMS_REASON_MIXED;
		err = TOO_LARGE;
	} else if (state & GMS_STATE_ACCEPTED) {
		request->words.tdx.level = order / LEVEL_ORDER;
		err = HAD_BEFORE;
	}
	if (!err)
		return 0;
	*npages = 0;
	return gms__request_blame(request, range.first, reason, err);
}

/* What the word says is of a private block that is aligned; the rest depends on pages. */
static int check_word(const struct gms_request *request, struct gms_range *range)
{
	const uint64_t rcx = request->words.tdx.gpa, address = rcx & ADDRESS_MASK;
	const uint64_t most = request->opts.most_pages;
	uint64_t bytes;

	if ((rcx & ~(ADDRESS_MASK | LEVEL_MASK)) || level_of(request) > GMS_TDX_LEVEL_1G)
		return BAD_OPERAND;
	bytes = (uint64_t)GMS_PAGE_SIZE << order_of(request);
	if (address % bytes || address >= gms__tdx_shared_bit(request))
		return BAD_OPERAND;
	if (most && bytes >> GMS_PAGE_SHIFT > most)
		return TOO_LARGE;
	*range = (struct gms_range){ address >> GMS_PAGE_SHIFT, bytes >> GMS_PAGE_SHIFT };
	return 0;
}

int gms_tdx_accept_begin(struct gms_request *request, uint64_t rcx)
{
	struct gms_range range;
	int err;

	if (request && !(request->space->profile->settable & GMS_STATE_ACCEPTED))
		return -EOPNOTSUPP;
	err = gms__request_begin(request, GMS_PROTOCOL_TDX_ACCEPT, GMS_REQUEST_WHOLE);
	if (err)
		return err;
	request->chunk_pages = GMS_REQUEST_WHOLE;	/* a block that is accepted in part */
	request->words.tdx.gpa = rcx;			/* could not be accepted as one again */
	request->words.tdx.level = level_of(request);	/* unless a look at it says more */
	err = check_word(request, &range);
	if (!err) {
		gms__request_add(request, range, GMS_STATE_ACCEPTED, 0)->order = order_of(request);
		request->admit = admit_block;
	}
	gms__request_ready(request, err);
	return 0;
}

static uint64_t answer_of(const struct gms_request *request)
{
	const int error = request->nparts ? request->error : request->stop_error;

	switch (error) {
	case 0:
		return GMS_TDX_ACCEPT_SUCCESS;
	case HAD_BEFORE:
		return GMS_TDX_PAGE_ALREADY_ACCEPTED | request->words.tdx.level;
	case TOO_LARGE:
		return GMS_TDX_PAGE_SIZE_MISMATCH | level_of(request);
	default:
		return (gms__error_passes(error) ? GMS_TDX_OPERAND_BUSY : GMS_TDX_OPERAND_INVALID) |
		       GMS_TDX_OPERAND_RCX;
	}
}

int gms_tdx_accept_end(struct gms_request *request, uint64_t *rax)
{
	int err;

	if (!rax)
		return -EINVAL;
	err = gms__request_end(request, GMS_PROTOCOL_TDX_ACCEPT);
	if (!err)
		*rax = answer_of(request);
	return err;
}

int gms_tdx_accept(struct gms_request *request, uint64_t rcx, uint64_t *rax)
{
	int err;

	if (!rax)
		return -EINVAL;
	err = gms_tdx_accept_begin(request, rcx);
	if (!err)
		err = gms_request_run(request);
	return err ? err : gms_tdx_accept_end(request, rax);
}

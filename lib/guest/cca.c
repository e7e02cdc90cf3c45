/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cca.c - RSI_IPA_STATE_SET: a realm's pages become RAM or EMPTY, from the base up to
 * where that is not possible.
 *
 * The host's side of a RIPAS change is the attribute that its memory must have: private
 * for RAM, shared for EMPTY. Both are done here at once. DESTROYED is the realm's
 * protection against a host that took a page and gave another one: without
 * CHANGE_DESTROYED the change ends at such a page, whatever was asked for.
 */
#include <gmemstate/guest/cca.h>

#include <errno.h>

#include <gmemstate/state.h>

#include "guest/request.h"

/* No conversion returns these. */
#define BAD_INPUT	(-EPROTO)	/* RSI_ERROR_INPUT */
#define WAS_DESTROYED	(-EILSEQ)	/* a page that must not change unnoticed */

static bool may_change_destroyed(const struct gms_request *request)
{
	return request->words.cca.flags & GMS_CCA_CHANGE_DESTROYED;
}

static int admit_not_destroyed(struct gms_request *request, struct gms_range range,
			       uint64_t *npages)
{
	const gms_state destroyed = GMS_STATE_DESTROYED;
	gms_gfn first;

	if (may_change_destroyed(request) ||
	    gms_find(request->space, range, destroyed, destroyed, &first))
		return 0;
	*npages = first - range.first;
	return gms__request_blame(request, first, GMS_REASON_DESTROYED, WAS_DESTROYED);
}

static bool words_are_right(const struct gms_request *request, uint64_t top)
{
	const uint64_t base = request->words.cca.base, ripas = request->words.cca.ripas;
	const uint64_t half = UINT64_C(1) << (request->opts.gpa_bits - 1);

	return !((base | top) % GMS_PAGE_SIZE) && top > base && top <= half &&
	       (ripas == GMS_CCA_RIPAS_EMPTY || ripas == GMS_CCA_RIPAS_RAM);
}

static void add_change(struct gms_request *request, struct gms_range range)
{
	gms_state set = GMS_STATE_SHARED, clear = 0;	/* ACCEPTED goes with that */

	if (request->words.cca.ripas == GMS_CCA_RIPAS_RAM) {
		set = GMS_STATE_ACCEPTED;
		clear = GMS_STATE_SHARED;
	}
	/* Only then: a page that turns DESTROYED after it was admitted stays so. */
	if (may_change_destroyed(request))
		clear |= GMS_STATE_DESTROYED;
	gms__request_add(request, range, set, clear);
	request->admit = admit_not_destroyed;
	request->granular = true;
}

int gms_cca_ripas_begin(struct gms_request *request, uint64_t base, uint64_t top, uint64_t ripas,
			uint64_t flags)
{
	int err = gms__request_begin(request, GMS_PROTOCOL_CCA, GMS_REQUEST_WHOLE);

	if (err)
		return err;
	request->words.cca.base = base;
	request->words.cca.ripas = ripas;
	request->words.cca.flags = flags;
	if (words_are_right(request, top))
		add_change(request, (struct gms_range){ base >> GMS_PAGE_SHIFT,
							(top - base) >> GMS_PAGE_SHIFT });
	else
		err = BAD_INPUT;
	gms__request_ready(request, err);
	return 0;
}

/* Would asking again not help? */
static bool is_final(int error)
{
	return error && !gms__error_passes(error);
}

static struct gms_cca_answer answer_of(const struct gms_request *request)
{
	const uint64_t base = request->words.cca.base;
	struct gms_cca_answer answer = { GMS_CCA_ERROR_INPUT, 0, 0 };

	if (!request->nparts)
		return answer;
	answer.x0 = GMS_CCA_SUCCESS;
	answer.x1 = base + (request->pages_done << GMS_PAGE_SHIFT);
	answer.x2 = GMS_CCA_ACCEPT;
	if (request->words.cca.ripas == GMS_CCA_RIPAS_RAM && is_final(request->error))
		answer.x2 = GMS_CCA_REJECT;
	return answer;
}

int gms_cca_ripas_end(struct gms_request *request, struct gms_cca_answer *answer)
{
	int err;

	if (!answer)
		return -EINVAL;
	err = gms__request_end(request, GMS_PROTOCOL_CCA);
	if (!err)
		*answer = answer_of(request);
	return err;
}

int gms_cca_ripas(struct gms_request *request, uint64_t base, uint64_t top, uint64_t ripas,
		  uint64_t flags, struct gms_cca_answer *answer)
{
	int err;

	if (!answer)
		return -EINVAL;
	err = gms_cca_ripas_begin(request, base, top, ripas, flags);
	if (!err)
		err = gms_request_run(request);
	return err ? err : gms_cca_ripas_end(request, answer);
}

uint32_t gms_cca_ripas_of(gms_state state)
{
	if (state & GMS_HOLE)
		return GMS_CCA_RIPAS_EMPTY;
	if (state & GMS_STATE_DESTROYED)
		return GMS_CCA_RIPAS_DESTROYED;
	return state & GMS_STATE_ACCEPTED ? GMS_CCA_RIPAS_RAM : GMS_CCA_RIPAS_EMPTY;
}

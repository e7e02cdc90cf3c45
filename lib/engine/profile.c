/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.c - what the tables of profiles.c come to for a state or a change.
 *
 * Pure functions of states; who calls them holds what locks there are.
 */
#include "engine/profile.h"

#include <errno.h>

#include <gmemstate/pin.h>

bool gms__profile_may_change(const struct gms_profile_info *p, gms_state bits)
{
	return !(bits & ~p->settable);
}

gms_state gms__profile_first(const struct gms_profile_info *p, gms_state state)
{
	switch (p->direct_map) {
	case GMS_DIRECT_MAP_ALWAYS:
		return state | GMS_STATE_DIRECT_MAP;
	case GMS_DIRECT_MAP_SHARED:
		if (state & GMS_STATE_SHARED)
			return state | GMS_STATE_DIRECT_MAP;
		/* fall through */
	case GMS_DIRECT_MAP_NEVER:
		return state & ~GMS_STATE_DIRECT_MAP;
	case GMS_DIRECT_MAP_AS_TOLD:
		break;
	}
	return state;
}

void gms__profile_complete(const struct gms_profile_info *p, gms_state *set, gms_state *clear)
{
	gms_state also = 0;

	if (*clear & GMS_STATE_SHARED)
		also |= GMS_STATE_HOST_MAPPED;
	if (*set & GMS_STATE_SHARED)
		also |= GMS_STATE_ACCEPTED;
	if (*clear & GMS_STATE_POPULATED)
		also |= GMS_STATE_ACCEPTED | GMS_STATE_HOST_MAPPED | GMS_STATE_DIRTY;
	if (p->direct_map == GMS_DIRECT_MAP_SHARED) {
		if (*clear & GMS_STATE_SHARED)
			also |= GMS_STATE_DIRECT_MAP;
		if (*set & GMS_STATE_SHARED)
			*set |= GMS_STATE_DIRECT_MAP;
	}
	*clear |= also & ~*set;
}

static bool meant(const struct gms_refusal *r, gms_state old, gms_state new)
{
	return (!r->lost || (old & ~new & r->lost)) && (!r->gained || (new & ~old & r->gained)) &&
	       (old & r->was) == r->was && (new & r->is) == r->is && !(new & r->is_not);
}

int gms__rule_find(gms_state old, gms_state new, bool pinned, uint32_t *reason)
{
	for (uint32_t i = 0; i < GMS__REFUSALS; i++) {
		const struct gms_refusal *r = &gms__refusals[i];

		if (r->if_pinned <= pinned && meant(r, old, new)) {
			*reason = r->reason;
			return r->error;
		}
	}
	return 0;
}

int gms__rule_check(gms_state old, gms_state new, uint32_t *reason)
{
	if (!((old | new) & GMS__RULED))
		return 0;
	return gms__rule_find(old, new, false, reason);
}

int gms__rule_first(gms_state state)
{
	uint32_t reason;

	return gms__rule_check(state, state, &reason) ? -EINVAL : 0;
}

uint32_t gms__rule_access(gms_state state, bool writes)
{
	if (state & GMS_STATE_POISON)
		return GMS_REASON_POISON;
	if (state & GMS_STATE_FROZEN)
		return GMS_REASON_FROZEN;
	if (state & GMS_STATE_MISSING)
		return GMS_REASON_MISSING;
	if (!(state & GMS_STATE_SHARED))
		return GMS_REASON_PRIVATE;
	return writes && (state & GMS_STATE_WRITE_PROTECT) ? GMS_REASON_WRITE_PROTECT :
							     GMS_REASON_NONE;
}

uint32_t gms__rule_gup(gms_state state, uint32_t pin_flags)
{
	const uint32_t reason = gms__rule_access(state, false);

	if (reason)
		return reason;
	if (!(state & GMS_STATE_DIRECT_MAP))
		return GMS_REASON_NO_DIRECT_MAP;
	if ((pin_flags & GMS_PIN_WRITE) && (state & GMS_STATE_WRITE_PROTECT))
		return GMS_REASON_WRITE_PROTECT;
	return GMS_REASON_NONE;
}

gms_state gms__rule_gup_mask(uint32_t pin_flags)
{
	gms_state mask = GMS_STATE_POISON | GMS_STATE_FROZEN | GMS_STATE_MISSING |
			 GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP;

	return pin_flags & GMS_PIN_WRITE ? mask | GMS_STATE_WRITE_PROTECT : mask;
}

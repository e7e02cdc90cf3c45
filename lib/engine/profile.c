/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.c - the rules of the transitions table in gmemstate(7), in one place.
 *
 * Pure functions of states; who calls them holds what locks there are.
 */
#include "engine/profile.h"

#include <errno.h>

#include <gmemstate/pin.h>

#define COCO	(GMS_STATE_ACCEPTED | GMS_STATE_DESTROYED)

static const struct gms__profile profiles[GMS_PROFILE_COUNT] = {
	[GMS_PROFILE_GENERIC] = { GMS_STATE_ALL, GMS__DIRECT_MAP_AS_TOLD },
	[GMS_PROFILE_KVM_ATTRS] = { GMS_STATE_ALL & ~COCO, GMS__DIRECT_MAP_ALWAYS },
	[GMS_PROFILE_GMEM_INPLACE] = { GMS_STATE_ALL & ~COCO, GMS__DIRECT_MAP_ALWAYS },
	[GMS_PROFILE_GMEM_HUGETLB] = { GMS_STATE_ALL & ~COCO, GMS__DIRECT_MAP_ALWAYS },
	[GMS_PROFILE_NO_DIRECT_MAP] = { GMS_STATE_ALL & ~COCO, GMS__DIRECT_MAP_SHARED },
	[GMS_PROFILE_SECRETMEM] = { GMS_STATE_ALL & ~COCO, GMS__DIRECT_MAP_NEVER },
	[GMS_PROFILE_SNP] = { GMS_STATE_ALL & ~GMS_STATE_DESTROYED, GMS__DIRECT_MAP_ALWAYS },
	[GMS_PROFILE_TDX] = { GMS_STATE_ALL & ~GMS_STATE_DESTROYED, GMS__DIRECT_MAP_ALWAYS },
	[GMS_PROFILE_PKVM] = { GMS_STATE_ALL & ~COCO, GMS__DIRECT_MAP_ALWAYS },
	[GMS_PROFILE_CCA] = { GMS_STATE_ALL, GMS__DIRECT_MAP_ALWAYS },
};

const struct gms__profile *gms__profile_get(uint32_t profile)
{
	return profile < GMS_PROFILE_COUNT ? &profiles[profile] : NULL;
}

bool gms__profile_may_change(const struct gms__profile *p, gms_state bits)
{
	if ((bits & GMS_STATE_DIRECT_MAP) && p->direct_map != GMS__DIRECT_MAP_AS_TOLD)
		return false;
	return !(bits & ~p->known);
}

gms_state gms__profile_first(const struct gms__profile *p, gms_state state)
{
	switch (p->direct_map) {
	case GMS__DIRECT_MAP_ALWAYS:
		return state | GMS_STATE_DIRECT_MAP;
	case GMS__DIRECT_MAP_SHARED:
		if (state & GMS_STATE_SHARED)
			return state | GMS_STATE_DIRECT_MAP;
		/* fall through */
	case GMS__DIRECT_MAP_NEVER:
		return state & ~GMS_STATE_DIRECT_MAP;
	case GMS__DIRECT_MAP_AS_TOLD:
		break;
	}
	return state;
}

void gms__profile_complete(const struct gms__profile *p, gms_state *set, gms_state *clear)
{
	gms_state also = 0;

	if (*clear & GMS_STATE_SHARED)
		also |= GMS_STATE_HOST_MAPPED;
	if (*set & GMS_STATE_SHARED)
		also |= GMS_STATE_ACCEPTED;
	if (*clear & GMS_STATE_POPULATED)
		also |= GMS_STATE_ACCEPTED | GMS_STATE_HOST_MAPPED | GMS_STATE_DIRTY;
	if (p->direct_map == GMS__DIRECT_MAP_SHARED) {
		if (*clear & GMS_STATE_SHARED)
			also |= GMS_STATE_DIRECT_MAP;
		if (*set & GMS_STATE_SHARED)
			*set |= GMS_STATE_DIRECT_MAP;
	}
	*clear |= also & ~*set;
}

int gms__rule_check(gms_state old, gms_state new, uint32_t *reason)
{
	if ((old & ~new & GMS_STATE_POISON) && (new & GMS_STATE_POPULATED)) {
		*reason = GMS_REASON_POISON;
		return -EHWPOISON;
	}
	if ((old & ~new & GMS_STATE_SHARED) && (old & GMS_STATE_FROZEN)) {
		*reason = GMS_REASON_FROZEN;
		return -EBUSY;
	}
	if (!(new & GMS_STATE_SHARED) && (new & GMS_STATE_HOST_MAPPED)) {
		*reason = GMS_REASON_PRIVATE;
		return -EPERM;
	}
	if ((new & GMS_STATE_SHARED) && (new & GMS_STATE_ACCEPTED)) {
		*reason = GMS_REASON_SHARED;
		return -EPERM;
	}
	return 0;
}

int gms__rule_first(gms_state state)
{
	uint32_t reason;

	return gms__rule_check(state, state, &reason) ? -EINVAL : 0;
}

uint32_t gms__rule_gup(gms_state state, uint32_t pin_flags)
{
	if (state & GMS_STATE_POISON)
		return GMS_REASON_POISON;
	if (state & GMS_STATE_FROZEN)
		return GMS_REASON_FROZEN;
	if (state & GMS_STATE_MISSING)
		return GMS_REASON_MISSING;
	if (!(state & GMS_STATE_SHARED))
		return GMS_REASON_PRIVATE;
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

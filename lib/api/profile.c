/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.c - the calls of profile.h.
 */
#include <errno.h>

#include <gmemstate/profile.h>

#include "base/sized.h"
#include "engine/cost.h"
#include "engine/profile.h"

int gms_profile_info(uint32_t profile, struct gms_profile_info *info)
{
	const struct gms_profile_info *ours = gms__profile_get(profile);
	int err;

	if (!ours)
		return -EINVAL;
	err = gms__sized_check(info, sizeof(*info));
	if (!err)
		gms__sized_out(info, ours, sizeof(*info));
	return err;
}

int gms_refusal_at(uint32_t index, struct gms_refusal *refusal)
{
	if (!refusal)
		return -EINVAL;
	if (index >= GMS__REFUSALS)
		return -ENOENT;
	*refusal = gms__refusals[index];
	return 0;
}

/* DIRECT_MAP where the profile has it. */
static bool well_mapped(const struct gms_profile_info *p, gms_state state)
{
	return p->direct_map == GMS_DIRECT_MAP_AS_TOLD || gms__profile_first(p, state) == state;
}

int gms_profile_may(uint32_t profile, gms_state from, gms_state to, bool pinned, uint32_t *reason)
{
	const struct gms_profile_info *p = gms__profile_get(profile);
	uint32_t ours = GMS_REASON_NONE;
	int err = 0;

	if (!p || ((from | to) & ~GMS_STATE_ALL))
		return -EINVAL;
	if (from != to) {
		if (((from | to) & ~p->attributes) || !well_mapped(p, to)) {
			err = -EOPNOTSUPP;
			ours = GMS_REASON_PROFILE;
		} else {
			err = gms__rule_find(from, to, pinned, &ours);
		}
	}
	if (reason)
		*reason = ours;
	return err;
}

int gms_path_info(uint32_t path, struct gms_path_info *info)
{
	int err;

	if (path >= GMS_PATH_COUNT)
		return -EINVAL;
	err = gms__sized_check(info, sizeof(*info));
	if (!err)
		gms__sized_out(info, &gms__paths[path], sizeof(*info));
	return err;
}

struct bill {
	uint64_t *count;
	size_t	  nkinds;
};

static void add(void *to, uint32_t kind, uint64_t count)
{
	const struct bill *bill = to;

	if (kind < bill->nkinds)
		bill->count[kind] += count;
}

int gms_path_cost(uint32_t path, uint32_t event, const struct gms_range *ranges, size_t nranges,
		  uint64_t *count, size_t nkinds)
{
	struct bill bill = { count, nkinds };
	struct gms__units units = { { 0 }, 0, 0 };
	gms_gfn end = 0;

	if (path >= GMS_PATH_COUNT || (nranges && !ranges) || (nkinds && !count) || !event ||
	    (event & (event - 1)) || event > GMS_COST_DIRECT)
		return -EINVAL;
	for (size_t i = 0; i < nranges; i++) {
		const struct gms_range range = ranges[i];

		if (!range.npages || range.first < end || range.first >= GMS_GFN_LIMIT ||
		    range.npages > GMS_GFN_LIMIT - range.first)
			return -EINVAL;
		end = range.first + range.npages;
		gms__units_add(&units, range.first, range.npages);
		gms__units_new(&units, range.first, range.npages);
	}
	gms__units_end(&units);
	gms__path_cost(path, event, &units, add, &bill);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff.c - what changed since a generation; map/changes.h says how that is known.
 */
#include <errno.h>
#include <string.h>

#include <gmemstate/snapshot.h>

#include "api/state.h"
#include "engine/space.h"
#include "map/changes.h"

static bool tracks(const struct gms_space *space)
{
	return space->map.keeps & GMS__KEEPS_CHANGES;
}

int gms_generation(const struct gms_space *space, uint64_t *generation)
{
	if (!space || !generation)
		return -EINVAL;
	if (!tracks(space))
		return -EOPNOTSUPP;
	*generation = gms__changes_now(&space->map);
	return 0;
}

int gms_diff(const struct gms_space *space, uint64_t since, struct gms_iter *it)
{
	if (!it)
		return -EINVAL;
	memset(it, 0, sizeof(*it));
	if (!space)
		return -EINVAL;
	if (!tracks(space))
		return -EOPNOTSUPP;
	if (!gms__changes_tell(&space->map, since))
		return -ESTALE;
	it->space = space;
	it->since = since;
	it->mask = GMS_STATE_ALL;
	it->value = GMS__CHANGED_VALUE;
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mirror.c - a copy of a space that gms_diff() keeps up to date; see mirror.h.
 */
#include "mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gmemstate/folio.h>

static void clear(struct mirror *mirror)
{
	for (uint64_t i = 0; i < mirror->npages; i++)
		mirror->state[i] = GMS_HOLE;
	memset(mirror->order, 0, mirror->npages);
	mirror->generation = 0;
}

void mirror_init(struct mirror *mirror, uint64_t npages)
{
	memset(mirror, 0, sizeof(*mirror));
	mirror->npages = npages;
	mirror->state = malloc(npages * sizeof(*mirror->state));
	mirror->order = malloc(npages);
	if (!mirror->state || !mirror->order)
		abort();
	clear(mirror);
}

void mirror_free(struct mirror *mirror)
{
	free(mirror->state);
	free(mirror->order);
}

static int write_over(struct mirror *mirror, const struct gms_space *space,
		      const struct gms_run *run)
{
	const struct gms_range range = { run->first, run->npages };
	struct gms_folio_iter it;
	struct gms_folio folio;

	if (run->first + run->npages > mirror->npages)
		return -ERANGE;
	for (uint64_t i = 0; i < run->npages; i++)
		mirror->state[run->first + i] = run->state;
	if (gms_folio_iter_init(&it, space, range))
		return -EINVAL;
	while (gms_folio_iter_next(&it, &folio)) {
		const gms_gfn folio_end = folio.first + (UINT64_C(1) << folio.order);
		const gms_gfn run_end = run->first + run->npages;
		const gms_gfn first = folio.first > run->first ? folio.first : run->first;
		const gms_gfn end = folio_end < run_end ? folio_end : run_end;

		memset(mirror->order + first, (int)folio.order, end - first);
	}
	mirror->runs++;
	mirror->told += run->npages;
	return 0;
}

int mirror_follow(struct mirror *mirror, const struct gms_space *space)
{
	uint64_t generation;
	struct gms_iter it;
	struct gms_run run;
	int err = gms_generation(space, &generation);

	if (!err)
		err = gms_diff(space, mirror->generation, &it);
	if (err == -ESTALE) {
		clear(mirror);
		mirror->anew++;
		err = gms_diff(space, 0, &it);
	}
	mirror->runs = 0;
	mirror->told = 0;
	while (!err && gms_iter_next(&it, &run))
		err = write_over(mirror, space, &run);
	if (!err)
		mirror->generation = generation;
	return err;
}

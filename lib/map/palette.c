/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * palette.c - the states a guest really uses; see palette.h.
 */
#include "map/palette.h"

#include <string.h>

int gms__palette_init(struct gms__palette *palette)
{
	memset(palette, 0, sizeof(*palette));
	return gms__lock_init(&palette->lock, GMS__RANK_PALETTE, 0);
}

void gms__palette_fini(struct gms__palette *palette)
{
	gms__lock_fini(&palette->lock);
}

static int look(const struct gms__palette *palette, uint32_t n, gms_state state)
{
	for (uint32_t i = 0; i < n; i++) {
		if (gms__load_relaxed(&palette->state[i]) == state)
			return (int)i;
	}
	return -1;
}

int gms__palette_take(struct gms__palette *palette, gms_state state)
{
	int place;

	if (gms__load(&palette->n) == GMS__PLACES)
		return -1;
	gms__lock(&palette->lock);
	place = look(palette, palette->n, state);
	if (place < 0 && palette->n < GMS__PLACES) {
		place = (int)palette->n;
		gms__store(&palette->state[place], (uint16_t)state);
		gms__store(&palette->n, palette->n + 1);
	}
	gms__unlock(&palette->lock);
	return place;
}

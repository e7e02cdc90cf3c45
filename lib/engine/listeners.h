/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listeners.h - listeners come and go, and so do regions beneath them.
 */
#ifndef GMS_ENGINE_LISTENERS_H
#define GMS_ENGINE_LISTENERS_H

#include "engine/space.h"

int  gms__listeners_init(struct gms__listeners *all, struct gms__mem *mem);
void gms__listeners_fini(struct gms__listeners *all);

/* As gms_listener_add() and _remove(), with valid options; they take all stripes. */
int  gms__listener_add(struct gms_space *space, const struct gms_listener *ops, uint32_t *id);
int  gms__listener_remove(struct gms_space *space, uint32_t id);

/* The caller holds a stripe. NULL: there is none. */
struct gms__listener *gms__listener_of(struct gms_space *space, uint32_t id);

/*
 * A region is in the map from now on, or will not be: map, or revoke, what
 * matches in it. An error, and nothing changed. The caller holds all stripes.
 */
int  gms__listeners_region(struct gms_space *space, const struct gms__region *row, bool comes);

/* spans_check.c: I9 and S1 to S3, recounted. The caller holds all stripes. */
bool gms__spans_sound(struct gms_space *space, struct gms__fault *fault);

#endif

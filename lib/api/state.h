/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - what a walk of struct gms_iter looks for, where that is no state.
 */
#ifndef GMS_API_STATE_H
#define GMS_API_STATE_H

#include <gmemstate/state.h>

/* Every run. No state is this, and none the other. */
#define GMS__ANY_VALUE		GMS_HOLE
/* Runs of what changed since; next and end are of one stretch. */
#define GMS__CHANGED_VALUE	(GMS_HOLE | 1)

#endif

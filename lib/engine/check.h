/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.h - recount everything.
 */
#ifndef GMS_ENGINE_CHECK_H
#define GMS_ENGINE_CHECK_H

#include "base/text.h"
#include "engine/space.h"

/* 0, or -EBADMSG with the label of what broke in why. Takes every lock. */
int gms__check(struct gms_space *space, struct gms__text *why);

#endif

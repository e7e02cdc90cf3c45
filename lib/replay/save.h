/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * save.h - the guests of replays as snapshots, for gmemstate-map and gms_load().
 */
#ifndef GMS_REPLAY_SAVE_H
#define GMS_REPLAY_SAVE_H

#include <stddef.h>

#include "replay/replay.h"

/*
 * The folder, made if need be, and a replay's guest in it, under its setup's name. 0 or a
 * negative errno, with a line for people in why.
 */
int save_folder(const char *dir, char *why, size_t why_bytes);
int save_guest(const char *dir, const struct replay *replay, char *why, size_t why_bytes);

#endif

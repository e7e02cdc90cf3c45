/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * used.h - pages that turned private, until the guest uses them: then it faults, where
 * its mapping was taken away.
 *
 * A bit a page, 32 KiB a GiB, from the first page of it that turns.
 *
 * Locking: none; one replay has it.
 */
#ifndef GMS_REPLAY_USED_H
#define GMS_REPLAY_USED_H

#include <stddef.h>
#include <stdint.h>

#include <gmemstate/gmemstate.h>

struct used {
	uint64_t **gib;		/* bits of pages that turned and were not used since */
	uint64_t   ngib;
};

/* 0 or -ENOMEM; addresses below ngib GiB. */
int  used_init(struct used *used, uint64_t ngib);
void used_drop(struct used *used);
/* These turned private. 0 or -ENOMEM. */
int  used_turned(struct used *used, const struct gms_range *runs, size_t nruns);
/* These are used, or turn shared: how many had turned private. */
uint64_t used_take(struct used *used, uint64_t gpa, uint64_t bytes);

#endif

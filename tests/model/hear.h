/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hear.h - listeners of the model's space: each must have exactly the pages that the
 * oracle says match its predicate, in whole granules of one region.
 */
#ifndef MODEL_HEAR_H
#define MODEL_HEAR_H

#include "device.h"
#include "oracle.h"

#define HEAR_DEVICES	3

struct hear {
	struct gms_space *space;
	struct fx_device *device[HEAR_DEVICES];
	uint32_t id[HEAR_DEVICES];
};

/* Devices of three kinds; they have no budget, so that they refuse nothing by themselves. */
void hear_begin(struct hear *hear, struct gms_space *space);
void hear_end(struct hear *hear);

/* Compare what they have of a range with the oracle, and with what the library says. */
void hear_verify(struct hear *hear, const struct oracle *o, struct gms_range range);

/* Tell the oracle what they were called for, so that the ledger is compared with it. */
void hear_count(const struct hear *hear, struct oracle *o);
/* Flushes that they charged so far: one a revoke. */
uint64_t hear_flushes(const struct hear *hear);

/* Let one fail after some operations; and call it off: true if it did fail. */
struct fx_device *hear_arm(struct hear *hear, struct fx_rand *rand, int error);
bool hear_disarm(struct fx_device *device);

#endif

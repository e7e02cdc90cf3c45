/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.h - how the guest's logic is entered.
 */
#ifndef MINIVMM_GUEST_H
#define MINIVMM_GUEST_H

#include <stdint.h>

#include "protocol.h"

/* What the guest knows of its machine. */
struct mv_guest {
	struct mv_control *control;
	char *ram;				/* where MV_RAM_GPA is for the guest */
	void (*doorbell)(void *ctx, uint32_t port);	/* only where it is a thread */
	void *ctx;
};

/* Hand over to the VMM until it is done with what lies in the control page. */
void mv_guest_ring(const struct mv_guest *guest, uint32_t port);
/* Everything that a device must refuse. */
void mv_guest_hostile(const struct mv_guest *guest);
/* Jobs for ever: returns never. */
void mv_guest_loop(const struct mv_guest *guest);

#endif

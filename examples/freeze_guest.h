/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freeze_guest.h - a guest that counts up each page of its memory, round and round.
 *
 * On KVM it is a vCPU in ring 3; elsewhere a thread, which touches through
 * gms_access_begin() what a vCPU touches through its page tables.
 */
#ifndef FREEZE_GUEST_H
#define FREEZE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/gmemstate-linux.h>

#define GUEST_GFN	UINT64_C(0x40000)	/* 1 GiB */

struct guest;

/* What a guest saw, and what it has counted. */
struct guest_report {
	uint64_t waits;		/* times it found a page frozen */
	uint64_t mmio;		/* touches that no slot held: the writes are lost */
	uint64_t lost;		/* counts that are not there */
	uint64_t sweeps;	/* rounds over its memory */
};

/* A negative errno, or 0. On KVM if @kvm and if there is one: *kvm says which it is. */
int guest_new(struct guest **out, struct gms_space *space, struct gms_backing *ram, bool *kvm);
int guest_start(struct guest *guest);
void guest_free(struct guest *guest);

/* Out of KVM_RUN, and in again. While it is out its memory slots may change. */
void guest_pause(struct guest *guest);
void guest_resume(struct guest *guest);

/* Take the slot of its memory away, or put it there. */
int guest_slot(struct guest *guest, bool there);

/* Only while it is paused. */
int guest_look(struct guest *guest, struct guest_report *report);

/*
 * The longest time between two touches since this was asked last, by the guest's own
 * clock; of a thread how long it waited last.
 */
int guest_gap(struct guest *guest, uint64_t *gap_ns);

/* How often it ran into a frozen page, at any time. */
uint64_t guest_waits(const struct guest *guest);

/* Not 0: why it died. */
int guest_error(const struct guest *guest);

#endif

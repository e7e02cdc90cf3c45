/* SPDX-License-Identifier: BSD-2-Clause */
/* dirty.h - the parts of the example: a guest that writes, and who notices. */
#ifndef DIRTY_H
#define DIRTY_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/gmemstate-linux.h>

#define MIB		(UINT64_C(1) << 20)
#define RAM_FIRST	UINT64_C(0x40000)	/* first frame of the guest's memory: 1 GiB */

/* --- dirty_guest.c: it writes to random pages of a working set, at a rate --- */

struct guest;

struct guest_opts {
	unsigned char *hva;	/* its memory */
	uint64_t npages;
	uint64_t hot_pages;	/* it writes to these only: a power of two */
	uint64_t rate;		/* pages a second */
	bool	 on_kvm;	/* else it is a thread */
	bool	 with_log;	/* KVM keeps a dirty log */
};

/* 0, or a negative errno and what failed. */
int  guest_new(struct guest **out, const struct guest_opts *opts, const char **what);
void guest_free(struct guest *guest);
/* It does not run until it is told to; when stop returns it has stopped. */
int  guest_start(struct guest *guest);
void guest_stop(struct guest *guest);
/* How many writes it made. When it is stopped. */
uint64_t guest_writes(const struct guest *guest);
/* 0, or why it died. */
int  guest_error(const struct guest *guest);
/* For the log. */
int  guest_vm(const struct guest *guest);
const struct gms_kvm_slot *guest_slot(const struct guest *guest);

/* --- dirty_track.c: which pages were written since the last time --- */

struct tracker;

int  tracker_new_log(struct tracker **out, struct gms_space *space, struct guest *guest,
		     const char **what);
int  tracker_new_wp_async(struct tracker **out, struct gms_space *space, unsigned char *hva,
			  uint64_t npages, const char **what);
void tracker_free(struct tracker *tracker);
/* What was written becomes DIRTY in the space, and is watched anew. */
int  tracker_collect(struct tracker *tracker);

uint64_t now_ns(void);
void sleep_until_ns(uint64_t when_ns);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paging.h - guest memory that is missing, threads that touch it, and a handler.
 *
 * Page n of a guest's contents is filled with lx_paging_byte(n).
 */
#ifndef LINUX_PAGING_H
#define LINUX_PAGING_H

#include <pthread.h>
#include <stdatomic.h>

#include "support.h"

#define LX_MISSING_STATE (GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP | GMS_STATE_MISSING)

struct lx_paging {
	struct lx_guest guest;
	struct gms_uffd *uffd;
	struct gms_range all;
	pthread_t handler;
	_Atomic bool stop;
	_Atomic uint64_t handed_out;	/* faults that the handler was given */
	_Atomic uint64_t filled;	/* pages that it put in place */
	_Atomic int error;		/* of the handler */
};

/* Guest memory in a state, under a userfaultfd with these modes. Fails the test on any error. */
void lx_paging_new(struct lx_paging *paging, uint32_t kind, uint64_t npages, gms_state state,
		   uint32_t modes);
void lx_paging_free(struct lx_paging *paging);

unsigned char lx_paging_byte(uint64_t page);

/* The contents of [page, page + npages), in memory of the caller. */
void lx_paging_contents(char *to, uint64_t page, uint64_t npages);

/* A thread that serves every fault, until lx_paging_end(). */
void lx_paging_begin(struct lx_paging *paging);
void lx_paging_end(struct lx_paging *paging);

/* A thread that touches a byte; what it found. */
struct lx_toucher {
	pthread_t thread;
	volatile unsigned char *at;
	bool writes;
	unsigned char found;
	_Atomic bool begun;
	_Atomic bool done;
};

void lx_touch_begin(struct lx_toucher *toucher, const void *at, bool writes);
unsigned char lx_touch_end(struct lx_toucher *toucher);

/* Wait until so many faults have been raised; each event of a thread is one. */
void lx_paging_await(struct lx_paging *paging, uint64_t raised);

/* The one fault that is queued; fails the test if there is none, or more than one. */
struct gms_fault lx_paging_fault(struct lx_paging *paging);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - a listener that keeps its own list of what it has mapped.
 *
 * It checks what listen.h promises: what is committed was not mapped, what is
 * revoked is a span that was given, or for one that can cut a part of one; the
 * budget; addresses; prepare before, abort or end after; and at an operation that
 * a page is mapped only while its state matches. The first promise broken is kept
 * in @broken; fx_device_check() fails the test, as it does if what is mapped is not
 * exactly what matches.
 */
#ifndef FX_DEVICE_H
#define FX_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/listen.h>
#include <gmemstate/space.h>

#include "fuse.h"

enum fx_device_op {
	FX_PREPARE = 1,
	FX_REVOKE = 2,
	FX_COMMIT = 4
};

struct fx_span {
	gms_gfn	 first;
	uint64_t npages;
};

struct fx_device {
	struct gms_listener ops;	/* what gms_listener_add() is given */
	struct gms_space *space;	/* asked inside operations; NULL: not asked */
	pthread_mutex_t	lock;		/* guards all below */
	struct fx_span *span;		/* ascending */
	size_t	 nspans, capacity;
	size_t	 nspans_max;
	uint64_t prepares, revokes, commits, aborts, begins, ends;
	uint64_t spans_revoked, spans_committed;
	uint64_t pages_revoked;		/* also those that stay and come back at once */
	bool	 open;			/* between begin and end */
	bool	 threads;		/* several at once: begin and end are not paired */
	uint64_t pass;			/* operations, and runs of them, that still succeed, if armed */
	bool	 armed;
	int	 error;			/* what the failing operation returns */
	struct fx_fuse *fuse;		/* shared with others, who then say what fails; or NULL */
	uint64_t failures;
	uint64_t vetoes;		/* those of prepare, before which nothing was done */
	char	 broken[256];
};

/* A device with that predicate; the rest of ops is the caller's to set before it is added. */
struct fx_device *fx_device_new(struct gms_space *space, gms_state mask, gms_state value);
void fx_device_free(struct fx_device *device);

/* Let @pass prepares and runs through; then the next one fails with @error. */
void fx_device_fail_after(struct fx_device *device, uint64_t pass, int error);
/* Call off a failure that did not happen; true if it was still to come. */
bool fx_device_heal(struct fx_device *device);
/* Empty the counts. */
void fx_device_forget(struct fx_device *device);

/* The span that holds a page; NULL: none. */
const struct fx_span *fx_device_span(const struct fx_device *device, gms_gfn gfn);

/* Fail the test if a promise was broken, or if what is mapped is not what matches. */
void fx_device_check(struct fx_device *device, const struct gms_space *space,
		     struct gms_range range);

/*
 * What is mapped is made what these @n spans say, and what was complained of is
 * forgotten: for a device that failed to undo.
 */
void fx_device_mend(struct fx_device *device, const struct fx_span *spans, size_t n);

/* Of the spans, for snapshots. */
uint64_t fx_device_hash(struct fx_device *device);

#endif

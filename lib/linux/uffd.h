/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uffd.h - what the files of the userfaultfd share.
 *
 * Locks, in this order, before any of the core:
 *
 *   reading   one thread reads events at a time.
 *   spans     for reading while a call uses a span: what is registered stays so.
 *             For writing when a range is added, removed or turns missing.
 *   settling  whoever makes the kernel agree with the map about a page that is not
 *             missing, changes write protection, or writes to the file: the look at
 *             the map and what follows from it are one step to the others.
 */
#ifndef GMS_LINUX_UFFD_H
#define GMS_LINUX_UFFD_H

#include <pthread.h>
#include <stdatomic.h>

#include <gmemstate/linux/uffd.h>
#include <gmemstate/state.h>

#include "linux/uapi.h"

/* Most calls in a row that get nowhere before the error is believed. */
#define GMS__UFFD_TRIES	16

/* A range that is registered. */
struct gms__uffd_span {
	struct gms_range range;
	char *hva;
	uint64_t backing_id;
	uint64_t offset_bytes;	/* of the range, in its backing */
	uint32_t modes;
	uint32_t order;		/* of the host's pages */
};

struct gms_uffd {
	struct gms_space *space;
	int fd;
	uint32_t modes;
	uint32_t flags;
	uint64_t features;	/* offered */
	uint64_t enabled;
	uint32_t page_order;	/* of the host's small pages */

	pthread_mutex_t reading;
	pthread_rwlock_t spans_lock;
	pthread_mutex_t settling;

	struct gms__uffd_span *spans;	/* ascending, disjoint */
	size_t nspans;

	/* Written under reading. */
	_Atomic uint64_t events, raised, settled, deferred;
};

static inline gms_gfn gms__uffd_end(struct gms_range range)
{
	return range.first + range.npages;
}

static inline bool gms__uffd_range_ok(struct gms_range range)
{
	return range.npages && range.npages <= GMS_GFN_LIMIT &&
	       range.first <= GMS_GFN_LIMIT - range.npages;
}

/* Where the kernel has pages of a span. */
static inline struct uffdio_range gms__uffd_where(const struct gms__uffd_span *span,
						  struct gms_range range)
{
	const uint64_t at = (range.first - span->range.first) << GMS_PAGE_SHIFT;

	return (struct uffdio_range){ .start = (uintptr_t)span->hva + at,
				      .len = range.npages << GMS_PAGE_SHIFT };
}

/* The span that holds a page, or NULL. Under the lock of spans. */
const struct gms__uffd_span *gms__uffd_span_of(const struct gms_uffd *uffd, gms_gfn gfn);

/*
 * Is every page of a range registered for @modes, and are they whole host pages?
 * 0, -EINVAL or -ENOENT. Under the lock of spans.
 */
int gms__uffd_check(const struct gms_uffd *uffd, struct gms_range range, uint32_t modes);

/* The part of a range that is in the span. */
static inline struct gms_range gms__uffd_part(const struct gms__uffd_span *span,
					      struct gms_range range)
{
	const gms_gfn end = gms__uffd_end(span->range), stop = gms__uffd_end(range);

	return (struct gms_range){ range.first, (stop < end ? stop : end) - range.first };
}

/* UFFDIO_WAKE of a part of a span. */
int gms__uffd_wake_part(struct gms_uffd *uffd, const struct gms__uffd_span *span,
			struct gms_range range);

/* UFFDIO_WRITEPROTECT of a part of a span, tried again while the kernel says so. */
int gms__uffd_protect_part(struct gms_uffd *uffd, const struct gms__uffd_span *span,
			   struct gms_range range, uint64_t mode, uint64_t *calls);

/*
 * Zeros for one host page of a span, which need not be a small one: 0 or what the
 * ioctl said, -EEXIST if there is a page.
 */
int gms__uffd_zero_block(struct gms_uffd *uffd, const struct gms__uffd_span *span,
			 struct gms_range range, uint64_t mode);

/* UFFDIO_POISON of a part of a span: 0 or what the ioctl said; bytes done in *@done. */
int gms__uffd_poison_part(struct gms_uffd *uffd, struct uffdio_range where, uint64_t mode,
			  int64_t *done);

#endif

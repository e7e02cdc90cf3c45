/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uffd_protect.c - pages whose writes trap.
 *
 *   W1  Under settling the kernel is told first and the map follows, both ways; nobody
 *       who takes the lock sees one without the other (U3).
 *   W2  The ioctl does not say how far it came: after a failure the part is put back to
 *       what the map says of it.
 *
 * System calls, for a seccomp filter: ioctl (UFFDIO_WRITEPROTECT, UFFDIO_WAKE), and what
 * the backends of a conversion make.
 */
#include "linux/uffd.h"

#include <errno.h>

#include "linux/sized.h"
#include "linux/sys.h"

int gms__uffd_protect_part(struct gms_uffd *uffd, const struct gms__uffd_span *span,
			   struct gms_range range, uint64_t mode, uint64_t *calls)
{
	unsigned int tries = 0;
	int rc;

	do {
		struct uffdio_writeprotect protect = {
			.range = gms__uffd_where(span, range), .mode = mode,
		};

		rc = gms__linux_ioctl(uffd->fd, UFFDIO_WRITEPROTECT, &protect);
		++*calls;
	} while (rc == -EAGAIN && ++tries < GMS__UFFD_TRIES);
	return rc;
}

/* W2. Its own failure changes nothing about the first one. */
static void put_back(struct gms_uffd *uffd, const struct gms__uffd_span *span,
		     struct gms_range range, uint64_t *calls)
{
	struct gms_iter it;
	struct gms_run run;

	if (gms_iter_init(&it, uffd->space, range, GMS_STATE_WRITE_PROTECT))
		return;
	while (gms_iter_next(&it, &run)) {
		const struct gms_range same = { run.first, run.npages };

		(void)gms__uffd_protect_part(uffd, span, same,
					     run.state ? UFFDIO_WRITEPROTECT_MODE_WP : 0, calls);
	}
}

/* One part of a call; the change says which way it goes. */
static int turn(struct gms_uffd *uffd, const struct gms__uffd_span *span,
		const struct gms_change *change, uint64_t *calls)
{
	const bool protect = change->set & GMS_STATE_WRITE_PROTECT;
	const uint64_t mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP
				      : UFFDIO_WRITEPROTECT_MODE_DONTWAKE;
	int rc;

	pthread_mutex_lock(&uffd->settling);
	rc = gms__uffd_protect_part(uffd, span, change->range, mode, calls);
	if (!rc)
		rc = gms_convert(uffd->space, change, 1, NULL, NULL);
	if (rc)
		put_back(uffd, span, change->range, calls);
	if (!rc && !protect) {
		rc = gms__uffd_wake_part(uffd, span, change->range);
		++*calls;
	}
	pthread_mutex_unlock(&uffd->settling);
	return rc;
}

static int turn_all(struct gms_uffd *uffd, struct gms_change change,
		    struct gms_uffd_result *result)
{
	struct gms_range rest = change.range;
	struct gms_uffd_result did = { 0 };
	int rc;

	if (!uffd || !gms__uffd_range_ok(rest))
		return -EINVAL;
	if (result) {
		rc = gms__linux_sized_check(result, sizeof(*result));
		if (rc)
			return rc;
	}
	pthread_rwlock_rdlock(&uffd->spans_lock);
	rc = gms__uffd_check(uffd, rest, GMS_UFFD_WP);
	while (!rc && rest.npages) {
		const struct gms__uffd_span *span = gms__uffd_span_of(uffd, rest.first);

		change.range = gms__uffd_part(span, rest);
		rc = turn(uffd, span, &change, &did.calls);
		if (!rc) {
			rest.first += change.range.npages;
			rest.npages -= change.range.npages;
			did.done_pages += change.range.npages;
		}
	}
	pthread_rwlock_unlock(&uffd->spans_lock);
	did.next = rest.first;
	if (result)
		gms__linux_sized_put(result, &did, sizeof(did));
	return rc;
}

int gms_uffd_protect(struct gms_uffd *uffd, struct gms_range range, uint32_t flags,
		     struct gms_uffd_result *result)
{
	struct gms_change change = { .range = range, .set = GMS_STATE_WRITE_PROTECT };

	if (flags & ~GMS_UFFD_CLEAR_DIRTY)
		return -EINVAL;
	if (flags)
		change.clear = GMS_STATE_DIRTY;
	return turn_all(uffd, change, result);
}

int gms_uffd_unprotect(struct gms_uffd *uffd, struct gms_range range, uint32_t flags,
		       struct gms_uffd_result *result)
{
	struct gms_change change = { .range = range, .clear = GMS_STATE_WRITE_PROTECT };

	if (flags & ~GMS_UFFD_SET_DIRTY)
		return -EINVAL;
	if (flags)
		change.set = GMS_STATE_DIRTY;
	return turn_all(uffd, change, result);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uffd.c - a userfaultfd and what is registered with it.
 *
 * The size of the host's pages is found by registering the first of them: the
 * kernel refuses a piece of a huge page. Nothing is believed of memory that has
 * not been tried.
 *
 * Locking: see linux/uffd.h.
 *
 * System calls, for a seccomp filter:
 *   gms_uffd_new     userfaultfd, ioctl (UFFDIO_API), close; openat and ioctl
 *                    (USERFAULTFD_IOC_NEW) of /dev/userfaultfd if the first is refused
 *   gms_uffd_free    close
 *   gms_uffd_add     ioctl (UFFDIO_REGISTER, UFFDIO_UNREGISTER, UFFDIO_WAKE)
 *   gms_uffd_remove  ioctl (UFFDIO_UNREGISTER, UFFDIO_WAKE), and what the backends of a
 *                    conversion make
 *   gms_uffd_arm     madvise (MADV_REMOVE), ppoll to sleep, and what the backends of a
 *                    conversion make
 *   gms_uffd_wake    ioctl (UFFDIO_WAKE)
 */
#define _GNU_SOURCE
#include "linux/uffd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "linux/sized.h"
#include "linux/sys.h"

#define ALL_MODES	(GMS_UFFD_MISSING | GMS_UFFD_MINOR | GMS_UFFD_WP)
#define NEW_FLAGS	(GMS_UFFD_KERNEL_FAULTS | GMS_UFFD_TRACK_MAPPED)

/* Between two looks whether an access is still in the way of gms_uffd_arm(). */
#define NAP_NS	UINT64_C(100000)

/* What is switched on where it is offered. Events of fork and the like are not read. */
#define WANTED	(UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_MISSING_HUGETLBFS | \
		 UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_HUGETLBFS | \
		 UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_THREAD_ID | GMS__UFFD_WP_SHMEM | \
		 GMS__UFFD_POISON)

static int open_by_device(int flags)
{
	const int device = gms__linux_open("/dev/userfaultfd", O_RDWR);
	int fd;

	if (device < 0)
		return device;
	fd = gms__linux_ioctl_num(device, GMS__UFFD_IOC_NEW, (unsigned long)flags);
	gms__linux_close(device);
	return fd;
}

/* Sets USER_MODE_ONLY in uffd->flags if that is what there is. */
static int open_uffd(struct gms_uffd *uffd)
{
	const int flags = O_CLOEXEC | O_NONBLOCK;
	int fd = gms__linux_userfaultfd(flags);

	if (fd == -EPERM) {
		fd = open_by_device(flags);
		if (fd >= 0)
			return fd;
		if (uffd->flags & GMS_UFFD_KERNEL_FAULTS)
			return -EPERM;
		fd = gms__linux_userfaultfd(flags | GMS__UFFD_USER_MODE_ONLY);
		if (fd >= 0)
			uffd->flags |= GMS_UFFD_USER_MODE_ONLY;
	}
	return fd == -ENOSYS ? -EOPNOTSUPP : fd;
}

/* What the kernel offers is told once an object, and that uses it up: ask one that is closed. */
static int ask_features(struct gms_uffd *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	const int fd = open_uffd(uffd);
	int rc;

	if (fd < 0)
		return fd;
	rc = gms__linux_ioctl(fd, UFFDIO_API, &api);
	gms__linux_close(fd);
	uffd->features = api.features;
	return rc;
}

static int check_features(const struct gms_uffd *uffd)
{
	const uint64_t minor = UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_MINOR_HUGETLBFS;

	if (uffd->modes & GMS_UFFD_MINOR && !(uffd->features & minor))
		return -EOPNOTSUPP;
	if (uffd->modes & GMS_UFFD_WP && !(uffd->features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
		return -EOPNOTSUPP;
	return 0;
}

static int handshake(struct gms_uffd *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	int rc = ask_features(uffd);

	if (!rc)
		rc = check_features(uffd);
	if (rc)
		return rc;
	uffd->fd = open_uffd(uffd);
	if (uffd->fd < 0)
		return uffd->fd;
	api.features = uffd->enabled = uffd->features & WANTED;
	return gms__linux_ioctl(uffd->fd, UFFDIO_API, &api);
}

int gms_uffd_new(struct gms_uffd **out, const struct gms_uffd_opts *opts)
{
	struct gms_uffd_opts given;
	struct gms_uffd *uffd;
	int rc;

	if (!out)
		return -EINVAL;
	rc = gms__linux_sized_in(&given, sizeof(given), opts);
	if (rc)
		return rc;
	if (!given.space || !given.modes || given.modes & ~ALL_MODES || given.flags & ~NEW_FLAGS)
		return -EINVAL;

	uffd = calloc(1, sizeof(*uffd));
	if (!uffd)
		return -ENOMEM;
	uffd->space = given.space;
	uffd->modes = given.modes;
	uffd->flags = given.flags;
	while (GMS_PAGE_SIZE << uffd->page_order < (uint64_t)sysconf(_SC_PAGESIZE))
		uffd->page_order++;
	pthread_mutex_init(&uffd->reading, NULL);
	pthread_mutex_init(&uffd->settling, NULL);
	pthread_rwlock_init(&uffd->spans_lock, NULL);
	uffd->fd = -1;
	rc = handshake(uffd);
	if (rc) {
		gms_uffd_free(uffd);
		return rc;
	}
	*out = uffd;
	return 0;
}

void gms_uffd_free(struct gms_uffd *uffd)
{
	if (!uffd)
		return;
	gms__linux_close(uffd->fd);
	pthread_rwlock_destroy(&uffd->spans_lock);
	pthread_mutex_destroy(&uffd->settling);
	pthread_mutex_destroy(&uffd->reading);
	free(uffd->spans);
	free(uffd);
}

int gms_uffd_fd(const struct gms_uffd *uffd)
{
	return uffd ? uffd->fd : -EINVAL;
}

int gms_uffd_get(struct gms_uffd *uffd, struct gms_uffd_info *info)
{
	struct gms_uffd_info found = { 0 };
	int rc;

	if (!uffd || !info)
		return -EINVAL;
	rc = gms__linux_sized_check(info, sizeof(found));
	if (rc)
		return rc;
	found.features = uffd->features;
	found.enabled = uffd->enabled;
	found.events = atomic_load_explicit(&uffd->events, memory_order_relaxed);
	found.raised = atomic_load_explicit(&uffd->raised, memory_order_relaxed);
	found.settled = atomic_load_explicit(&uffd->settled, memory_order_relaxed);
	found.deferred = atomic_load_explicit(&uffd->deferred, memory_order_relaxed);
	found.modes = uffd->modes;
	found.flags = uffd->flags;
	pthread_rwlock_rdlock(&uffd->spans_lock);
	found.ranges = uffd->nspans;
	pthread_rwlock_unlock(&uffd->spans_lock);
	gms__linux_sized_put(info, &found, sizeof(found));
	return 0;
}

/* The first span that ends behind a page: where it is, or would be put. */
static size_t span_index(const struct gms_uffd *uffd, gms_gfn gfn)
{
	size_t low = 0, high = uffd->nspans;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (gms__uffd_end(uffd->spans[middle].range) <= gfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct gms__uffd_span *gms__uffd_span_of(const struct gms_uffd *uffd, gms_gfn gfn)
{
	const size_t i = span_index(uffd, gfn);

	return i < uffd->nspans && uffd->spans[i].range.first <= gfn ? &uffd->spans[i] : NULL;
}

int gms__uffd_check(const struct gms_uffd *uffd, struct gms_range range, uint32_t modes)
{
	const gms_gfn end = gms__uffd_end(range);

	for (gms_gfn at = range.first; at < end;) {
		const struct gms__uffd_span *span = gms__uffd_span_of(uffd, at);
		struct gms_range part;
		struct uffdio_range where;

		if (!span || (span->modes & modes) != modes)
			return -ENOENT;
		part = gms__uffd_part(span, (struct gms_range){ at, end - at });
		where = gms__uffd_where(span, part);
		if ((where.start | where.len) & (((uint64_t)GMS_PAGE_SIZE << span->order) - 1))
			return -EINVAL;
		at += part.npages;
	}
	return 0;
}

static int kernel_modes(uint32_t modes)
{
	return (modes & GMS_UFFD_MISSING ? UFFDIO_REGISTER_MODE_MISSING : 0) |
	       (modes & GMS_UFFD_MINOR ? UFFDIO_REGISTER_MODE_MINOR : 0) |
	       (modes & GMS_UFFD_WP ? UFFDIO_REGISTER_MODE_WP : 0);
}

static int register_part(const struct gms_uffd *uffd, const struct gms__uffd_span *span,
			 uint64_t npages)
{
	struct uffdio_register reg = {
		.range = gms__uffd_where(span, (struct gms_range){ span->range.first, npages }),
		.mode = (uint64_t)kernel_modes(span->modes),
	};

	return gms__linux_ioctl(uffd->fd, UFFDIO_REGISTER, &reg);
}

static int unregister(const struct gms_uffd *uffd, const struct gms__uffd_span *span)
{
	struct uffdio_range where = gms__uffd_where(span, span->range);
	const int rc = gms__linux_ioctl(uffd->fd, UFFDIO_UNREGISTER, &where);

	/* The kernel has woken who waits for a missing page, but nobody else. */
	if (!rc)
		(void)gms__linux_ioctl(uffd->fd, UFFDIO_WAKE, &where);
	return rc;
}

/* Find the order of the host's pages, and register all of them. */
static int register_span(const struct gms_uffd *uffd, struct gms__uffd_span *span)
{
	int rc = -EINVAL;

	for (span->order = uffd->page_order; span->order < GMS_ORDERS; span->order++) {
		const uint64_t npages = UINT64_C(1) << span->order;

		if (span->range.npages % npages ||
		    (uintptr_t)span->hva & ((npages << GMS_PAGE_SHIFT) - 1))
			break;
		rc = register_part(uffd, span, npages);
		if (rc != -EINVAL)
			break;
	}
	if (!rc)
		rc = register_part(uffd, span, span->range.npages);
	if (!rc)
		return 0;
	(void)unregister(uffd, span);	/* the first page, if that had worked */
	return rc == -EINVAL ? -EOPNOTSUPP : rc;
}

/* Describe a range of one region. */
static int describe(const struct gms_uffd *uffd, struct gms_range range,
		    struct gms__uffd_span *span)
{
	const uint64_t host_page_bytes = (uint64_t)GMS_PAGE_SIZE << uffd->page_order;
	struct gms_region region;
	int rc;

	GMS_INIT(&region);
	rc = gms_region_get(uffd->space, range.first, &region);
	if (rc)
		return rc;
	if (gms__uffd_end(range) > region.first + region.npages || !region.page_hva)
		return -EINVAL;
	if (((uintptr_t)region.page_hva | range.npages << GMS_PAGE_SHIFT) & (host_page_bytes - 1))
		return -EINVAL;
	span->range = range;
	span->hva = region.page_hva;
	span->backing_id = region.backing_id;
	span->offset_bytes = region.page_offset_bytes;
	return 0;
}

int gms_uffd_add(struct gms_uffd *uffd, struct gms_range range, uint32_t modes)
{
	struct gms__uffd_span span = { .modes = modes }, *more;
	size_t at;
	int rc;

	if (!uffd || !gms__uffd_range_ok(range) || !modes || modes & ~uffd->modes)
		return -EINVAL;
	rc = describe(uffd, range, &span);
	if (rc)
		return rc;

	pthread_rwlock_wrlock(&uffd->spans_lock);
	at = span_index(uffd, range.first);
	more = NULL;
	if (at < uffd->nspans && uffd->spans[at].range.first < gms__uffd_end(range))
		rc = -EEXIST;
	if (!rc) {
		more = realloc(uffd->spans, (uffd->nspans + 1) * sizeof(*more));
		rc = more ? 0 : -ENOMEM;
	}
	if (!rc) {
		uffd->spans = more;
		rc = register_span(uffd, &span);
	}
	if (!rc) {
		memmove(more + at + 1, more + at, (uffd->nspans - at) * sizeof(*more));
		more[at] = span;
		uffd->nspans++;
	}
	pthread_rwlock_unlock(&uffd->spans_lock);
	return rc;
}

/* Should the kernel fail: protection that the map does not know is lifted at the next write. */
static int remove_span(struct gms_uffd *uffd, struct gms__uffd_span *span)
{
	const struct gms_change change = { .range = span->range, .clear = GMS_STATE_WRITE_PROTECT };
	gms_gfn gfn;
	int rc = 0;

	if (!gms_find(uffd->space, span->range, GMS_STATE_MISSING, GMS_STATE_MISSING, &gfn))
		return -EBUSY;
	if (span->modes & GMS_UFFD_WP)
		rc = gms_convert(uffd->space, &change, 1, NULL, NULL);
	return rc ? rc : unregister(uffd, span);
}

int gms_uffd_remove(struct gms_uffd *uffd, struct gms_range range)
{
	struct gms__uffd_span *span;
	int rc = -ENOENT;
	size_t at;

	if (!uffd || !gms__uffd_range_ok(range))
		return -EINVAL;
	pthread_rwlock_wrlock(&uffd->spans_lock);
	at = span_index(uffd, range.first);
	span = uffd->spans + at;
	if (at < uffd->nspans && span->range.first == range.first &&
	    span->range.npages == range.npages)
		rc = remove_span(uffd, span);
	if (!rc) {
		uffd->nspans--;
		memmove(span, span + 1, (uffd->nspans - at) * sizeof(*span));
	}
	pthread_rwlock_unlock(&uffd->spans_lock);
	return rc;
}

int gms_uffd_block(struct gms_uffd *uffd, gms_gfn gfn, struct gms_range *block)
{
	const struct gms__uffd_span *span;

	if (!uffd || !block)
		return -EINVAL;
	pthread_rwlock_rdlock(&uffd->spans_lock);
	span = gms__uffd_span_of(uffd, gfn);
	if (span) {
		const uint64_t npages = UINT64_C(1) << span->order;

		block->first = gfn - (gfn - span->range.first) % npages;
		block->npages = npages;
	}
	pthread_rwlock_unlock(&uffd->spans_lock);
	return span ? 0 : -ENOENT;
}

int gms__uffd_wake_part(struct gms_uffd *uffd, const struct gms__uffd_span *span,
			struct gms_range range)
{
	struct uffdio_range where = gms__uffd_where(span, range);

	return gms__linux_ioctl(uffd->fd, UFFDIO_WAKE, &where);
}

int gms_uffd_wake(struct gms_uffd *uffd, struct gms_range range)
{
	int rc;

	if (!uffd || !gms__uffd_range_ok(range))
		return -EINVAL;
	pthread_rwlock_rdlock(&uffd->spans_lock);
	rc = gms__uffd_check(uffd, range, 0);
	while (!rc && range.npages) {
		const struct gms__uffd_span *span = gms__uffd_span_of(uffd, range.first);
		const struct gms_range part = gms__uffd_part(span, range);

		rc = gms__uffd_wake_part(uffd, span, part);
		range.first += part.npages;
		range.npages -= part.npages;
	}
	pthread_rwlock_unlock(&uffd->spans_lock);
	return rc;
}

/* Under the lock of spans for writing: nobody serves, or settles, between the two steps. */
static int arm(struct gms_uffd *uffd, struct gms_range range, struct gms_convert_result *result)
{
	int rc = gms_miss(uffd->space, range, 0, result);

	while (!rc && range.npages) {
		const struct gms__uffd_span *span = gms__uffd_span_of(uffd, range.first);
		const struct gms_range part = gms__uffd_part(span, range);
		const struct uffdio_range where = gms__uffd_where(span, part);

		rc = gms__linux_madvise((void *)(uintptr_t)where.start, where.len, MADV_REMOVE);
		range.first += part.npages;
		range.npages -= part.npages;
	}
	return rc;
}

/*
 * Someone who serves a fault meanwhile would find the old page, call the new contents there,
 * and leave a hole when the page goes. So there is a lock, and under it nobody waits: an
 * access that is in the way may itself wait for a page that a handler must bring.
 */
int gms_uffd_arm(struct gms_uffd *uffd, struct gms_range range, uint64_t timeout_ns,
		 struct gms_convert_result *result)
{
	int rc;

	if (!uffd || !gms__uffd_range_ok(range))
		return -EINVAL;
	for (;;) {
		pthread_rwlock_wrlock(&uffd->spans_lock);
		rc = gms__uffd_check(uffd, range, 0);
		if (!rc)
			rc = arm(uffd, range, result);
		pthread_rwlock_unlock(&uffd->spans_lock);
		if (rc != -EAGAIN || timeout_ns < NAP_NS)
			return rc;
		(void)gms__linux_wait_readable(-1, NAP_NS);
		if (timeout_ns != GMS_FOREVER)
			timeout_ns -= NAP_NS;
	}
}

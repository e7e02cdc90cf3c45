/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dirty_track.c - who notices that a page was written: KVM, or the VMM's page table.
 *
 * KVM's dirty log is one ioctl a slot, a bit a page. UFFD_FEATURE_WP_ASYNC
 * write-protects pages in the VMM's page table, where the kernel lifts the
 * protection by itself at the first write, and PAGEMAP_SCAN lists such pages and
 * protects them again, in one go: that works for memory that no VM has, too.
 */
#include "dirty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

/* Newer than the headers of Debian 12. */
#define FEATURE_WP_UNPOPULATED	(UINT64_C(1) << 13)
#define FEATURE_WP_ASYNC	(UINT64_C(1) << 15)
#define PAGE_WRITTEN		(UINT64_C(1) << 1)
#define SCAN_WP_MATCHING	(UINT64_C(1) << 0)
#define SCAN_CHECK_WPASYNC	(UINT64_C(1) << 1)

struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

struct scanned {
	uint64_t start, end, categories;
};

#define DO_SCAN		_IOWR('f', 16, struct scan)

_Static_assert(sizeof(struct scan) == 96, "struct pm_scan_arg");

#define SCANNED_MAX	512

struct tracker {
	struct gms_space *space;
	uint64_t npages;

	struct guest *guest;		/* NULL: not by the log */
	uint64_t *bitmap;

	unsigned char *hva;
	int uffd, pagemap_fd;
	struct gms_batch *batch;	/* of what one scan found */
};

static int collect_log(struct tracker *tracker)
{
	return gms_kvm_dirty_log(guest_vm(tracker->guest), guest_slot(tracker->guest),
				 tracker->space, tracker->bitmap,
				 GMS_KVM_BITMAP_BYTES(tracker->npages), 0, NULL);
}

static int add_dirty(struct tracker *tracker, const struct scanned *found)
{
	const struct gms_change change = {
		.range = {
			RAM_FIRST + ((found->start - (uintptr_t)tracker->hva) >> GMS_PAGE_SHIFT),
			(found->end - found->start) >> GMS_PAGE_SHIFT,
		},
		.set = GMS_STATE_DIRTY,
	};

	return gms_batch_add(tracker->batch, &change);
}

/* A full list ends a scan early; the next one goes on where it ended. */
static int collect_scan(struct tracker *tracker)
{
	struct scanned found[SCANNED_MAX];
	struct scan scan = {
		.size = sizeof(scan),
		.flags = SCAN_WP_MATCHING | SCAN_CHECK_WPASYNC,
		.start = (uintptr_t)tracker->hva,
		.end = (uintptr_t)tracker->hva + (tracker->npages << GMS_PAGE_SHIFT),
		.vec = (uintptr_t)found,
		.vec_len = SCANNED_MAX,
		.category_mask = PAGE_WRITTEN,
		.return_mask = PAGE_WRITTEN,
	};
	int rc = 0;

	for (; scan.start < scan.end && !rc; scan.start = scan.walk_end) {
		const int n = ioctl(tracker->pagemap_fd, DO_SCAN, &scan);

		if (n < 0)
			return -errno;
		gms_batch_clear(tracker->batch);
		for (int i = 0; i < n && !rc; i++)
			rc = add_dirty(tracker, &found[i]);
		if (!rc)
			rc = gms_batch_commit(tracker->batch, NULL, NULL);
	}
	return rc;
}

int tracker_collect(struct tracker *tracker)
{
	return tracker->guest ? collect_log(tracker) : collect_scan(tracker);
}

static struct tracker *tracker_new(struct gms_space *space, uint64_t npages)
{
	struct tracker *tracker = calloc(1, sizeof(*tracker));

	if (!tracker)
		return NULL;
	tracker->space = space;
	tracker->npages = npages;
	tracker->uffd = tracker->pagemap_fd = -1;
	return tracker;
}

int tracker_new_log(struct tracker **out, struct gms_space *space, struct guest *guest,
		    const char **what)
{
	const uint64_t npages = guest_slot(guest)->npages;
	struct tracker *tracker = tracker_new(space, npages);

	*what = "memory";
	if (!tracker)
		return -ENOMEM;
	tracker->guest = guest;
	tracker->bitmap = malloc(GMS_KVM_BITMAP_BYTES(npages));
	if (!tracker->bitmap) {
		tracker_free(tracker);
		return -ENOMEM;
	}
	*out = tracker;
	return 0;
}

static int open_uffd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 && errno == EPERM)
		fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1);	/* of user mode only */
	return fd < 0 ? -errno : fd;
}

static int watch(struct tracker *tracker, const char **what)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED,
	};
	struct uffdio_register range = {
		.range = { (uintptr_t)tracker->hva, tracker->npages << GMS_PAGE_SHIFT },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	*what = "userfaultfd";
	tracker->uffd = open_uffd();
	if (tracker->uffd < 0)
		return tracker->uffd;
	*what = "UFFD_FEATURE_WP_ASYNC";
	if (ioctl(tracker->uffd, UFFDIO_API, &api))
		return -errno;
	if (ioctl(tracker->uffd, UFFDIO_REGISTER, &range))
		return -errno;
	*what = "/proc/self/pagemap";
	tracker->pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (tracker->pagemap_fd < 0)
		return -errno;
	*what = "PAGEMAP_SCAN";
	return tracker_collect(tracker);	/* and all is protected */
}

int tracker_new_wp_async(struct tracker **out, struct gms_space *space, unsigned char *hva,
			 uint64_t npages, const char **what)
{
	struct tracker *tracker = tracker_new(space, npages);
	int rc = -ENOMEM;

	*what = "memory";
	if (!tracker)
		return rc;
	tracker->hva = hva;
	rc = gms_batch_new(&tracker->batch, space, SCANNED_MAX);
	if (!rc)
		rc = watch(tracker, what);
	if (rc)
		tracker_free(tracker);
	else
		*out = tracker;
	return rc;
}

void tracker_free(struct tracker *tracker)
{
	if (!tracker)
		return;
	gms_batch_free(tracker->batch);
	if (tracker->pagemap_fd >= 0)
		close(tracker->pagemap_fd);
	if (tracker->uffd >= 0)
		close(tracker->uffd);
	free(tracker->bitmap);
	free(tracker);
}

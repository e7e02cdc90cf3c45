/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uffd_pump.c - from the kernel's events to the core's faults.
 *
 * An event is read once, and its thread sleeps until somebody wakes it. So each
 * ends in one of four ways (U2): as a fault, which is over with a wake; settled,
 * because the page is not missing; woken, because it could not be queued; or
 * woken, because the page is not registered any more.
 *
 * Settling gives what the kernel would have given without us. It must not do so
 * for a page that turned missing since: zeros there would pass for contents. The
 * look at the map and the ioctl are therefore one step under the lock of spans, which
 * gms_uffd_arm() has for writing; write protection is looked at under settling.
 *
 * System calls, for a seccomp filter:
 *   gms_uffd_pump            read, ppoll; ioctl (UFFDIO_WAKE, ZEROPAGE, COPY, CONTINUE,
 *                            WRITEPROTECT, POISON), mmap and munmap to settle
 *   gms_fault_eventfd        eventfd2; write when the queue is no longer empty
 *   gms_fault_eventfd_close  close
 */
#define _GNU_SOURCE
#include "linux/uffd.h"

#include <errno.h>

#include "linux/sys.h"

/* Events a read: as many as a read() of 2 KiB on the stack takes. */
#define EVENTS	64

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static gms_gfn block_of(const struct gms__uffd_span *span, uint64_t address)
{
	const uint64_t page = (address - (uintptr_t)span->hva) >> GMS_PAGE_SHIFT;

	return span->range.first + (page >> span->order << span->order);
}

/* Spans are ascending by gfn, and few: addresses are looked through one by one. */
static const struct gms__uffd_span *span_at(const struct gms_uffd *uffd, uint64_t address)
{
	for (size_t i = 0; i < uffd->nspans; i++) {
		const struct gms__uffd_span *span = &uffd->spans[i];

		if (address - (uintptr_t)span->hva < span->range.npages << GMS_PAGE_SHIFT)
			return span;
	}
	return NULL;
}

static void wake(struct gms_uffd *uffd, const struct gms__uffd_span *span, gms_gfn gfn)
{
	(void)gms__uffd_wake_part(uffd, span,
				  (struct gms_range){ gfn, UINT64_C(1) << span->order });
}

/* The mapping lacks what the file has. 0: it is mapped, and who waited is awake. */
static int map_page(struct gms_uffd *uffd, struct uffdio_range where)
{
	struct uffdio_continue more = { .range = where };

	return gms__linux_ioctl(uffd->fd, UFFDIO_CONTINUE, &more);
}

/* The map calls the page neither missing nor, for a write, protected. Under settling. */
static void settle(struct gms_uffd *uffd, const struct gms__uffd_span *span, gms_gfn gfn,
		   uint64_t why)
{
	const struct gms_range range = { gfn, UINT64_C(1) << span->order };
	const struct uffdio_range where = gms__uffd_where(span, range);
	const gms_state state = gms_state_at(uffd->space, gfn);
	uint64_t calls = 0;
	int64_t done;
	int rc = -EEXIST;

	if (state & (GMS_HOLE | GMS_STATE_MISSING | GMS_STATE_FROZEN)) {
		rc = -EAGAIN;	/* it faults again, and then it is queued, or thawed */
	} else if (state & GMS_STATE_POISON) {
		rc = gms__uffd_poison_part(uffd, where, 0, &done);
	} else if (why & UFFD_PAGEFAULT_FLAG_WP) {
		if (!(state & GMS_STATE_WRITE_PROTECT))
			rc = gms__uffd_protect_part(uffd, span, range, 0, &calls);
	} else {
		if (why & UFFD_PAGEFAULT_FLAG_MINOR)
			rc = map_page(uffd, where);
		if (!(why & UFFD_PAGEFAULT_FLAG_MINOR) || rc == -EFAULT)
			rc = gms__uffd_zero_block(uffd, span, range, 0);
	}
	if (rc)
		wake(uffd, span, gfn);
}

/* Returns whether it became a fault. Under the lock of spans. */
static bool handle(struct gms_uffd *uffd, const struct uffd_msg *msg)
{
	const uint64_t why = msg->arg.pagefault.flags;
	const struct gms__uffd_span *span;
	gms_tag thread = 0;
	uint32_t flags = 0;
	gms_gfn gfn;
	int rc;

	count(&uffd->events);
	if (msg->event != UFFD_EVENT_PAGEFAULT)
		return false;
	span = span_at(uffd, msg->arg.pagefault.address);
	if (!span)	/* removed: the kernel has woken who waited */
		return false;
	gfn = block_of(span, msg->arg.pagefault.address);
	if (uffd->enabled & UFFD_FEATURE_THREAD_ID)
		thread = msg->arg.pagefault.feat.ptid;
	if (why & (UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP))
		flags = GMS_ACCESS_WRITE;

	rc = gms_fault_raise(uffd->space, gfn, flags, thread);
	if (!rc) {
		count(&uffd->raised);
	} else if (rc == -EALREADY) {
		pthread_mutex_lock(&uffd->settling);
		settle(uffd, span, gfn, why);
		pthread_mutex_unlock(&uffd->settling);
		count(&uffd->settled);
	} else {
		wake(uffd, span, gfn);
		count(&uffd->deferred);
	}
	return !rc;
}

/* One read. 0: some were there; -EAGAIN: none. */
static int read_events(struct gms_uffd *uffd, uint64_t *raised)
{
	struct uffd_msg msg[EVENTS];
	long bytes;

	pthread_mutex_lock(&uffd->reading);
	bytes = gms__linux_read(uffd->fd, msg, sizeof(msg));
	pthread_rwlock_rdlock(&uffd->spans_lock);
	for (long i = 0; i < bytes / (long)sizeof(msg[0]); i++)
		*raised += handle(uffd, &msg[i]);
	pthread_rwlock_unlock(&uffd->spans_lock);
	pthread_mutex_unlock(&uffd->reading);
	return bytes < 0 ? (int)bytes : 0;
}

int gms_uffd_pump(struct gms_uffd *uffd, uint64_t timeout_ns, uint64_t *raised)
{
	uint64_t n = 0;
	int rc;

	if (!uffd)
		return -EINVAL;
	rc = read_events(uffd, &n);
	if (rc == -EAGAIN && timeout_ns) {
		rc = gms__linux_wait_readable(uffd->fd, timeout_ns);
		if (rc > 0) {
			rc = read_events(uffd, &n);
			if (rc == -EAGAIN)	/* another thread was first */
				rc = 0;
		} else if (!rc) {
			rc = -ETIMEDOUT;
		}
	}
	if (raised)
		*raised = n;
	return rc;
}

/* The descriptor is the context: there is nothing else to remember. */
static void tell(void *ctx)
{
	gms__linux_eventfd_post((int)(intptr_t)ctx);
}

int gms_fault_eventfd(struct gms_space *space, int *fd)
{
	int made, rc;

	if (!space || !fd)
		return -EINVAL;
	made = gms__linux_eventfd();
	if (made < 0)
		return made;
	rc = gms_fault_notify(space, tell, (void *)(intptr_t)made);
	if (rc) {
		gms__linux_close(made);
		return rc;
	}
	*fd = made;
	return 0;
}

/* A callback that was set can be unset: the memory for it is there. */
void gms_fault_eventfd_close(struct gms_space *space, int fd)
{
	if (fd >= 0 && (!space || !gms_fault_notify(space, NULL, NULL)))
		gms__linux_close(fd);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uffd_fill.c - put pages in place: copy, zero, continue, poison.
 *
 * A call is cut at the ranges that were added, and within them into stretches of
 * pages that are alike: in the mapping, by the ioctl, or private and so in the
 * file. Each stretch goes through the same three steps, whatever stopped it:
 *
 *   F1  the kernel, without waking anybody
 *   F2  the map, for the pages that the kernel did or had
 *   F3  the threads that wait for these pages
 *
 * A page that is there stays as it is: the ioctls say -EEXIST, and the file is
 * written only where the map says MISSING. That look and the write are one step
 * under the lock "settling", or a slow writer would overwrite what the guest has
 * written since.
 *
 * System calls, for a seccomp filter:
 *   gms_uffd_copy, _zero, _continue, _poison
 *                   ioctl (UFFDIO_COPY, ZEROPAGE, CONTINUE, POISON; UFFDIO_WAKE);
 *                   mmap and munmap for zeros of huge pages; pwrite64 for pages that
 *                   are private, and mmap, madvise, munmap where files have no write
 *   gms_uffd_fill   those of both
 */
#define _GNU_SOURCE
#include "linux/uffd.h"

#include <errno.h>
#include <string.h>

#include "linux/fill.h"
#include "linux/sized.h"
#include "linux/sys.h"

enum op { OP_COPY, OP_ZERO, OP_CONTINUE, OP_POISON, OP_FILL };

struct job {
	struct gms_uffd *uffd;
	enum op op;
	uint32_t flags;		/* GMS_UFFD_PROTECTED */
	struct gms_range range;
	const char *src;	/* of the range's first page */
	struct gms_uffd_result did;
};

/* Pages of one span that are served alike. */
struct stretch {
	const struct gms__uffd_span *span;
	struct gms_range range;
	bool in_file;		/* written to the file, and not by the ioctl */
	bool mapped;		/* by the ioctl, maybe after it was written */
	bool skip;		/* there already */
};

static const char *src_of(const struct job *job, gms_gfn gfn)
{
	return job->src + ((gfn - job->range.first) << GMS_PAGE_SHIFT);
}

int gms__uffd_poison_part(struct gms_uffd *uffd, struct uffdio_range where, uint64_t mode,
			  int64_t *done)
{
	struct gms__uffd_poison poison = { .range = where, .mode = mode };
	int rc;

	if (!(uffd->enabled & GMS__UFFD_POISON))
		return -EOPNOTSUPP;
	rc = gms__linux_ioctl(uffd->fd, GMS__UFFDIO_POISON, &poison);
	*done = poison.updated;
	return rc;
}

static int copy_part(struct gms_uffd *uffd, struct uffdio_range where, const void *src,
		     uint64_t mode, int64_t *done)
{
	struct uffdio_copy copy = {
		.dst = where.start, .src = (uintptr_t)src, .len = where.len, .mode = mode,
	};
	const int rc = gms__linux_ioctl(uffd->fd, UFFDIO_COPY, &copy);

	*done = copy.copy;
	return rc;
}

static int zero_part(struct gms_uffd *uffd, struct uffdio_range where, uint64_t mode,
		     int64_t *done)
{
	struct uffdio_zeropage zero = { .range = where, .mode = mode };
	const int rc = gms__linux_ioctl(uffd->fd, UFFDIO_ZEROPAGE, &zero);

	*done = zero.zeropage;
	return rc;
}

static int continue_part(struct gms_uffd *uffd, struct uffdio_range where, uint64_t mode,
			 int64_t *done)
{
	struct uffdio_continue more = { .range = where, .mode = mode };
	const int rc = gms__linux_ioctl(uffd->fd, UFFDIO_CONTINUE, &more);

	*done = more.mapped;
	return rc;
}

/* A huge page has no zero page; one of memory that nobody wrote is as good a source. */
static int zero_huge(struct gms_uffd *uffd, struct uffdio_range where, uint64_t mode,
		     int64_t *done)
{
	void *zeros;
	int rc;

	rc = gms__linux_mmap(&zeros, NULL, where.len, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (rc)
		return rc;
	rc = copy_part(uffd, where, zeros, mode, done);
	gms__linux_munmap(zeros, where.len);
	return rc;
}

int gms__uffd_zero_block(struct gms_uffd *uffd, const struct gms__uffd_span *span,
			 struct gms_range range, uint64_t mode)
{
	const struct uffdio_range where = gms__uffd_where(span, range);
	int64_t done = 0;

	return span->order > uffd->page_order ? zero_huge(uffd, where, mode, &done)
					      : zero_part(uffd, where, mode, &done);
}

/* One ioctl. @done is what it wrote there: bytes, or the negative error of the first page. */
static int call_kernel(struct job *job, const struct stretch *stretch, struct gms_range range,
		       int64_t *done)
{
	const struct uffdio_range where = gms__uffd_where(stretch->span, range);
	const bool protect = job->flags & GMS_UFFD_PROTECTED;
	struct gms_uffd *uffd = job->uffd;

	job->did.calls++;
	*done = 0;
	switch (job->op) {
	case OP_COPY:
		return copy_part(uffd, where, src_of(job, range.first), UFFDIO_COPY_MODE_DONTWAKE |
				 (protect ? UFFDIO_COPY_MODE_WP : 0), done);
	case OP_ZERO:
		if (stretch->span->order > uffd->page_order)
			return zero_huge(uffd, where, UFFDIO_COPY_MODE_DONTWAKE, done);
		return zero_part(uffd, where, UFFDIO_ZEROPAGE_MODE_DONTWAKE, done);
	case OP_POISON:
		return gms__uffd_poison_part(uffd, where, UFFDIO_CONTINUE_MODE_DONTWAKE, done);
	case OP_CONTINUE:
	case OP_FILL:
		break;
	}
	return continue_part(uffd, where, UFFDIO_CONTINUE_MODE_DONTWAKE |
			     (protect ? GMS__UFFD_CONTINUE_WP : 0), done);
}

/*
 * F1 in the mapping. @npages: how many leading pages of the stretch are there now.
 * -EAGAIN is said of an ioctl that did a part, too; only when it did nothing
 * several times in a row the address space is really in the way.
 */
static int in_mapping(struct job *job, const struct stretch *stretch, uint64_t *npages)
{
	const uint64_t block = UINT64_C(1) << stretch->span->order;
	unsigned int tries = 0;

	for (*npages = 0; *npages < stretch->range.npages;) {
		const struct gms_range rest = { stretch->range.first + *npages,
						stretch->range.npages - *npages };
		int64_t done;
		const int rc = call_kernel(job, stretch, rest, &done);

		if (done > 0) {
			*npages += (uint64_t)done >> GMS_PAGE_SHIFT;
			job->did.done_pages += (uint64_t)done >> GMS_PAGE_SHIFT;
			tries = 0;
		} else if (rc == -EEXIST && job->op != OP_POISON) {
			*npages += block;
			job->did.present_pages += block;
			tries = 0;
		} else if (rc && (rc != -EAGAIN || ++tries == GMS__UFFD_TRIES)) {
			return rc;
		}
	}
	return 0;
}

/* F1 in the file. Zeros are what a hole in the file reads as; poison is the map's to keep. */
static int in_file(struct job *job, const struct stretch *stretch, uint64_t *npages)
{
	const struct gms__uffd_span *span = stretch->span;
	struct gms__linux_fill fill = { .order = span->order, .way = GMS_POPULATE_BEST };
	int rc;

	if (job->op != OP_COPY && job->op != OP_FILL) {
		*npages = stretch->range.npages;
		return 0;
	}
	fill.fd = span->backing_id <= INT32_MAX ? (int)span->backing_id : -1;
	fill.offset_bytes = span->offset_bytes +
			    ((stretch->range.first - span->range.first) << GMS_PAGE_SHIFT);
	fill.bytes = stretch->range.npages << GMS_PAGE_SHIFT;
	fill.src = src_of(job, stretch->range.first);
	rc = gms__linux_fill(&fill);
	*npages = fill.done_bytes >> GMS_PAGE_SHIFT;
	job->did.calls += fill.calls;
	return rc;
}

/* F2 for pages that are there. HOST_MAPPED and WRITE_PROTECT go first: a waiter must find them. */
static int in_map(struct job *job, const struct stretch *stretch, struct gms_range range)
{
	const bool protect = job->flags & GMS_UFFD_PROTECTED;
	struct gms_change change = { .range = range };

	if (job->op == OP_POISON) {
		change.set = GMS_STATE_POISON;
		change.clear = GMS_STATE_MISSING;
	} else {
		if (protect)
			change.set |= GMS_STATE_WRITE_PROTECT;
		if (stretch->mapped && job->uffd->flags & GMS_UFFD_TRACK_MAPPED)
			change.set |= GMS_STATE_HOST_MAPPED;
	}
	if (change.set) {
		const int rc = gms_convert(job->uffd->space, &change, 1, NULL, NULL);

		if (rc || job->op == OP_POISON)
			return rc;
	}
	return gms_resolve(job->uffd->space, range, !protect, NULL);
}

/* F1 to F3. @npages: how many leading pages are done, in the map too. */
static int serve(struct job *job, const struct stretch *stretch, uint64_t *npages)
{
	struct gms_range there = { stretch->range.first, 0 };
	int rc = 0, err;

	if (stretch->in_file)
		rc = in_file(job, stretch, &there.npages);
	if (!rc && stretch->mapped)
		rc = in_mapping(job, stretch, &there.npages);
	else
		job->did.done_pages += there.npages;
	if (stretch->in_file && !stretch->mapped)
		job->did.file_pages += there.npages;
	*npages = 0;
	if (!there.npages)
		return rc;

	err = in_map(job, stretch, there);
	if (err)
		return rc ? rc : err;
	*npages = there.npages;
	job->did.calls++;
	err = gms__uffd_wake_part(job->uffd, stretch->span, there);
	return rc ? rc : err;
}

/*
 * The next pages of a part of a span that are alike. Huge pages can not be taken away
 * one by one, so there is nothing to look at but what is missing, by whole ones.
 */
static int cut(const struct job *job, const struct gms__uffd_span *span, struct gms_range part,
	       struct stretch *stretch)
{
	const uint64_t block = UINT64_C(1) << span->order;
	const struct gms_range first = { part.first, block };
	struct gms_run run = { .first = part.first, .npages = block };
	struct gms_iter it;
	bool private;
	int rc;

	if (part.npages == block) {
		run.state = gms_state_at(job->uffd->space, part.first);
	} else {
		rc = gms_iter_init(&it, job->uffd->space, part,
				   GMS_STATE_SHARED | GMS_STATE_MISSING);
		if (rc || !gms_iter_next(&it, &run))
			return rc ? rc : -ENOENT;
	}
	if (run.state & GMS_HOLE || run.first != part.first)
		return -ENOENT;
	private = span->order == job->uffd->page_order && !(run.state & GMS_STATE_SHARED);
	stretch->span = span;
	stretch->range = run.npages < block ? first
			 : (struct gms_range){ part.first, run.npages - run.npages % block };
	stretch->in_file = private || job->op == OP_FILL;
	stretch->mapped = !private;
	stretch->skip = stretch->in_file && !(run.state & GMS_STATE_MISSING) &&
			job->op != OP_POISON;
	return 0;
}

/* One stretch of a part. Under settling, where what is seen must hold. */
static int serve_next(struct job *job, const struct gms__uffd_span *span, struct gms_range part,
		      uint64_t *npages)
{
	bool locked = span->modes & GMS_UFFD_WP || job->op == OP_FILL;
	struct stretch stretch;
	int rc;

	if (locked)
		pthread_mutex_lock(&job->uffd->settling);
	rc = cut(job, span, part, &stretch);
	if (!rc && !locked && stretch.in_file) {
		locked = true;
		pthread_mutex_lock(&job->uffd->settling);
		rc = cut(job, span, part, &stretch);
	}
	if (!rc && stretch.skip) {
		*npages = stretch.range.npages;
		job->did.present_pages += *npages;
		job->did.calls++;
		rc = gms__uffd_wake_part(job->uffd, span, stretch.range);
	} else if (!rc) {
		rc = serve(job, &stretch, npages);
	}
	if (locked)
		pthread_mutex_unlock(&job->uffd->settling);
	return rc;
}

static enum op op_for(enum op op, const struct gms__uffd_span *span)
{
	if (op == OP_FILL && !(span->modes & GMS_UFFD_MINOR))
		return OP_COPY;
	return op;
}

static int serve_all(struct job *job)
{
	struct gms_range rest = job->range;
	const enum op op = job->op;
	int rc;

	pthread_rwlock_rdlock(&job->uffd->spans_lock);
	rc = gms__uffd_check(job->uffd, rest, 0);
	while (!rc && rest.npages) {
		const struct gms__uffd_span *span = gms__uffd_span_of(job->uffd, rest.first);
		uint64_t npages = 0;

		job->op = op_for(op, span);
		rc = serve_next(job, span, gms__uffd_part(span, rest), &npages);
		rest.first += npages;
		rest.npages -= npages;
	}
	pthread_rwlock_unlock(&job->uffd->spans_lock);
	job->did.next = rest.first;
	return rc;
}

static int start(struct job *job, struct gms_uffd_result *result)
{
	int rc;

	if (!job->uffd || !gms__uffd_range_ok(job->range))
		return -EINVAL;
	if ((job->op == OP_COPY || job->op == OP_FILL) && !job->src)
		return -EINVAL;
	if (job->flags & ~GMS_UFFD_PROTECTED)
		return -EINVAL;
	if (result) {
		rc = gms__linux_sized_check(result, sizeof(*result));
		if (rc)
			return rc;
	}
	rc = serve_all(job);
	if (result)
		gms__linux_sized_put(result, &job->did, sizeof(job->did));
	return rc;
}

int gms_uffd_fill(struct gms_uffd *uffd, struct gms_range range, const void *src, uint32_t flags,
		  struct gms_uffd_result *result)
{
	struct job job = { .uffd = uffd, .op = OP_FILL, .flags = flags, .range = range,
			   .src = src };

	return start(&job, result);
}

int gms_uffd_copy(struct gms_uffd *uffd, struct gms_range range, const void *src, uint32_t flags,
		  struct gms_uffd_result *result)
{
	struct job job = { .uffd = uffd, .op = OP_COPY, .flags = flags, .range = range,
			   .src = src };

	return start(&job, result);
}

int gms_uffd_zero(struct gms_uffd *uffd, struct gms_range range, struct gms_uffd_result *result)
{
	struct job job = { .uffd = uffd, .op = OP_ZERO, .range = range };

	return start(&job, result);
}

int gms_uffd_continue(struct gms_uffd *uffd, struct gms_range range, uint32_t flags,
		      struct gms_uffd_result *result)
{
	struct job job = { .uffd = uffd, .op = OP_CONTINUE, .flags = flags, .range = range };

	return start(&job, result);
}

int gms_uffd_poison(struct gms_uffd *uffd, struct gms_range range, struct gms_uffd_result *result)
{
	struct job job = { .uffd = uffd, .op = OP_POISON, .range = range };

	return start(&job, result);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_steps.c - the steps of a way to do I/O, and what they cost by a model.
 *
 * N pages and B bytes are a request's, d is 1, or 2 if bytes go both ways. The rows
 * are what examples/minivmm does and its ledger counts; its names are in brackets.
 * The device's own read or write is the same in all rows and is left out.
 *
 *   strategy           doorbells asks     turns                     copies
 *   BOUNCE  (bounce)   1         0        0                         2 d B
 *   POOL    (pool)     1         0        0                         1 d B
 *   CONVERT (eager)    1         2        share 1, unshare 1        0
 *   CONVERT_BATCH      1 of n    2 of n   share n, unshare n        0
 *           (batch=n)
 *   LAZY, used again   1         2        0                         0
 *         else         1         2        share 1; unshare n of n   0
 *   PERSISTENT (keep)  1         0        0                         0
 *         first use    1         1        share 1                   0
 *   PREAD              1         0        0                         1 d B by system calls
 *
 * PERSISTENT pays for the first use where there is no other (reuse_ns is 0): in the
 * long run of a buffer that is used again it is nothing. A turn of r runs of N pages
 * each (one run of all pages if they are adjacent):
 *
 *   backing     share                              unshare
 *   GUARD       guard_remove; N refaults a run     guard_install, 1 flush a run
 *               one process_madvise(2) for 1024 runs
 *   MPROTECT    a call a run                       a call and 1 flush a run
 *   ATTRIBUTES  ioctl, 1 flush of stage 2,         ioctl, 1 flush of stage 2,
 *               hole in guest_memfd,               hole in memfd with 1 flush,
 *               N new pages of memfd               N new pages of guest_memfd
 *               and d B copied: its contents would be lost
 *   IN_PLACE    ioctl, 1 flush of stage 2,         ioctl, 1 flush of stage 2, 1 of the
 *               N refaults                         VMM's; N entries as MADV_DONTNEED
 *
 * Left out, because no model has a unit for it: the guest's own faults after its pages
 * were taken from a mapping that KVM's slot names; and that a page of guest_memfd costs
 * more to map again than one of memfd.
 *
 * That a flush of stage 2 costs what one of the process does is a stand-in: both are
 * an interrupt to the CPUs that run its threads.
 *
 *   E1  Sums and products saturate; UINT64_MAX means at least that much.
 *   E2  Nothing is added from a number that is not known without its name being kept.
 *   E3  More bytes, or threads, never cost less.
 */
#include <stdbool.h>
#include <string.h>

#include "api/cost_steps.h"

/* Most vectors the kernel takes in one call (UIO_MAXIOV). */
#define VECTOR_MOST	1024u

struct point {
	uint64_t x, y;
};

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/*
 * Rounded up. x is not left of from; to is right of it by 2^21 at most, and above it
 * by GMS_COST_MOST_NS at most: the product of the remainder fits.
 */
static uint64_t on_line(struct point from, struct point to, uint64_t x)
{
	const uint64_t dx = to.x - from.x, dy = minus(to.y, from.y);
	const uint64_t whole = (x - from.x) / dx, rest = (x - from.x) % dx;

	return gms__plus(from.y, gms__plus(gms__times(dy, whole), gms__divide_up(dy * rest, dx)));
}

/* Through the points that are known, on from the last two; 0: none is known. */
static uint64_t on_curve(struct point start, const uint64_t *x, const uint64_t *y, unsigned int n,
			 uint64_t at)
{
	struct point from = start, to = start;

	for (unsigned int i = 0; i < n && (to.x == start.x || at > to.x); i++) {
		if (!y[i])
			continue;
		from = to;
		to.x = x[i];
		to.y = y[i] > from.y ? y[i] : from.y;	/* E3 */
	}
	return to.x == start.x ? 0 : on_line(from, to, at);
}

static uint64_t need(struct gms__cost_sum *sum, uint64_t ns, const char *name)
{
	if (!ns && !sum->missing)
		sum->missing = name;
	return ns;
}

#define NEED(sum, member)	need(sum, (sum)->model->member, #member)

static void add_all(struct gms__cost_sum *sum, enum gms__cost_part part, uint64_t n,
		    uint64_t all_ns)
{
	sum->count[part] = gms__plus(sum->count[part], n);
	sum->ns[part] = gms__plus(sum->ns[part], all_ns);
}

static void add(struct gms__cost_sum *sum, enum gms__cost_part part, uint64_t n, uint64_t ns)
{
	add_all(sum, part, n, gms__times(n, ns));
}

static void add_exits(struct gms__cost_sum *sum, uint32_t ask, uint64_t n)
{
	uint64_t ns;

	if (ask == GMS_COST_ASK_NOT)
		return;
	ns = NEED(sum, guest_exit_ns);
	if (ask == GMS_COST_ASK_VMM)
		ns = gms__plus(ns, NEED(sum, user_exit_ns));
	add(sum, GMS__COST_EXITS, n, ns);
}

static void add_flushes(struct gms__cost_sum *sum, uint64_t n)
{
	static const uint64_t threads[] = { 1, 2, 4, 8, 16, 32, 64 };
	uint64_t ns = need(sum, sum->model->flush_ns[0], "flush_0_ns");

	_Static_assert(sizeof(threads) / sizeof(threads[0]) == GMS_COST_FLUSH_POINTS - 1,
		       "a point of flush_ns has no number of threads");
	if (sum->pattern->threads)
		ns = need(sum, on_curve((struct point){ 0, ns }, threads, sum->model->flush_ns + 1,
					GMS_COST_FLUSH_POINTS - 1, sum->pattern->threads),
			  "flush_1_ns");
	add(sum, GMS__COST_FLUSHES, n, ns);
}

static uint64_t by_size(const uint64_t *ns, uint64_t empty_ns, uint64_t bytes)
{
	static const uint64_t sizes[GMS_COST_SIZE_COUNT] = {
		4096, 16384, 65536, 262144, GMS__COST_BLOCK_BYTES
	};

	return on_curve((struct point){ 0, empty_ns }, sizes, ns, GMS_COST_SIZE_COUNT, bytes);
}

static void add_copies(struct gms__cost_sum *sum, uint64_t n)
{
	const struct gms_cost_model *model = sum->model;
	const bool warm = sum->pattern->flags & GMS_COST_WARM;
	const uint64_t ns = need(sum, by_size(warm ? model->copy_warm_ns : model->copy_cold_ns, 0,
					      sum->bytes),
				 warm ? "copy_warm_4k_ns" : "copy_cold_4k_ns");

	add_all(sum, GMS__COST_COPIES, gms__times(n, sum->bytes), gms__times(n, ns));
}

/* A copy by a system call, whose entry counts as what it is. */
static void add_file_copy(struct gms__cost_sum *sum, const uint64_t *by_bytes, const char *name)
{
	const uint64_t syscall_ns = NEED(sum, syscall_ns);
	const uint64_t ns = need(sum, by_size(by_bytes, syscall_ns, sum->bytes), name);

	add(sum, GMS__COST_SYSCALLS, 1, syscall_ns);
	add_all(sum, GMS__COST_COPIES, sum->bytes, minus(ns, syscall_ns));
}

/* Work of the kernel that was measured with so many system calls and flushes in it. */
static void add_work(struct gms__cost_sum *sum, uint64_t ns, uint64_t ncalls, uint64_t nflushes)
{
	const uint64_t calls_ns = gms__times(ncalls, NEED(sum, syscall_ns));
	const uint64_t flush_ns = nflushes ? need(sum, sum->model->flush_ns[0], "flush_0_ns") : 0;

	ns = minus(minus(ns, calls_ns), gms__times(nflushes, flush_ns));
	add_all(sum, GMS__COST_PAGE_TABLE, 0, ns);
}

/* What is measured by page and by block. */
struct unit {
	uint64_t page_ns, block_ns;
	const char *page_name, *block_name;
};

#define UNIT(sum, op)	((struct unit){ (sum)->model->op##_page_ns, (sum)->model->op##_2m_ns, \
					#op "_page_ns", #op "_2m_ns" })

static uint64_t of_pages(struct gms__cost_sum *sum, struct unit unit, uint64_t npages)
{
	const uint64_t block_pages = GMS__COST_BLOCK_BYTES / sum->model->host_page_bytes;
	const struct point page = { 1, need(sum, unit.page_ns, unit.page_name) };
	struct point block = { block_pages, 0 };

	if (npages == 1)
		return page.y;
	if (block_pages <= 1)
		return gms__times(page.y, npages);
	block.y = need(sum, unit.block_ns, unit.block_name);
	return on_line(page, block, npages);
}

/* Pages that turn: so many runs of so many pages each. */
struct turn {
	uint64_t runs, pages;
};

static void add_refaults(struct gms__cost_sum *sum, struct turn turn, uint64_t page_ns)
{
	add(sum, GMS__COST_REFAULTS, gms__times(turn.runs, turn.pages), page_ns);
}

static void turn_guard(struct gms__cost_sum *sum, struct turn turn, bool take)
{
	const struct unit unit = take ? UNIT(sum, guard_install) : UNIT(sum, guard_remove);
	const uint64_t ncalls = turn.runs / VECTOR_MOST + (turn.runs % VECTOR_MOST != 0);
	uint64_t ns;

	if (turn.runs == 1) {
		ns = of_pages(sum, unit, turn.pages);
	} else {
		ns = take ? NEED(sum, guard_install_vector_ns) : NEED(sum, guard_remove_vector_ns);
		if (turn.pages > 1)
			ns = gms__plus(ns, minus(of_pages(sum, unit, turn.pages), unit.page_ns));
	}
	add(sum, GMS__COST_SYSCALLS, ncalls, NEED(sum, syscall_ns));
	add_work(sum, gms__times(turn.runs, ns), ncalls, take ? turn.runs : 0);
	if (take)
		add_flushes(sum, turn.runs);
	else
		add_refaults(sum, turn, NEED(sum, refault_page_ns));
}

static void turn_mprotect(struct gms__cost_sum *sum, struct turn turn, bool take)
{
	const struct unit unit = take ? UNIT(sum, mprotect_none) : UNIT(sum, mprotect_rw);

	add(sum, GMS__COST_SYSCALLS, turn.runs, NEED(sum, syscall_ns));
	add_work(sum, gms__times(turn.runs, of_pages(sum, unit, turn.pages)), turn.runs,
		 take ? turn.runs : 0);
	if (take)
		add_flushes(sum, turn.runs);
}

static void turn_attributes(struct gms__cost_sum *sum, struct turn turn, bool take)
{
	const struct unit hole = take ? UNIT(sum, punch_memfd) : UNIT(sum, punch_gmem);

	add(sum, GMS__COST_SYSCALLS, turn.runs, NEED(sum, ioctl_ns));
	add(sum, GMS__COST_SYSCALLS, turn.runs, NEED(sum, syscall_ns));
	add_work(sum, gms__times(turn.runs, of_pages(sum, hole, turn.pages)), turn.runs, turn.runs);
	add_flushes(sum, take ? gms__times(turn.runs, 2) : turn.runs);
	add_refaults(sum, turn, take ? NEED(sum, populate_gmem_page_ns)
				     : NEED(sum, populate_memfd_page_ns));
}

/* No call of its own unmaps the VMM's pages: add_work() takes that of the unit away. */
static void turn_in_place(struct gms__cost_sum *sum, struct turn turn, bool take)
{
	add(sum, GMS__COST_SYSCALLS, turn.runs, NEED(sum, ioctl_ns));
	add_flushes(sum, take ? gms__times(turn.runs, 2) : turn.runs);
	if (take)
		add_work(sum, gms__times(turn.runs, of_pages(sum, UNIT(sum, dontneed), turn.pages)),
			 turn.runs, turn.runs);
	else
		add_refaults(sum, turn, NEED(sum, refault_page_ns));
}

static void turn(struct gms__cost_sum *sum, uint64_t nbuffers, bool take)
{
	static void (*const way[GMS_COST_BACKINGS])(struct gms__cost_sum *, struct turn, bool) = {
		[GMS_COST_GUARD] = turn_guard,
		[GMS_COST_MPROTECT] = turn_mprotect,
		[GMS_COST_ATTRIBUTES] = turn_attributes,
		[GMS_COST_IN_PLACE] = turn_in_place,
	};
	struct turn all = { nbuffers, sum->pages };

	if (sum->pattern->flags & GMS_COST_ADJACENT)
		all = (struct turn){ 1, gms__times(nbuffers, sum->pages) };
	way[sum->pattern->backing](sum, all, take);
}

static uint64_t directions(const struct gms__cost_sum *sum)
{
	return sum->pattern->direction == GMS_COST_BOTH ? 2 : 1;
}

static void share(struct gms__cost_sum *sum, uint64_t nbuffers)
{
	turn(sum, nbuffers, false);
	if (sum->pattern->backing == GMS_COST_ATTRIBUTES)
		add_copies(sum, gms__times(nbuffers, directions(sum)));
}

/* Each for itself: no batch. */
static void share_each(struct gms__cost_sum *sum, uint64_t nbuffers)
{
	struct gms__cost_sum one = *sum;

	memset(one.ns, 0, sizeof(one.ns));
	memset(one.count, 0, sizeof(one.count));
	share(&one, 1);
	for (unsigned int i = 0; i < GMS__COST_PARTS; i++)
		add_all(sum, i, gms__times(nbuffers, one.count[i]),
			gms__times(nbuffers, one.ns[i]));
	sum->missing = one.missing;
}

/* The steps of so many requests, which are one unless they go in batches. */
static void add_steps(struct gms__cost_sum *sum, uint32_t strategy)
{
	const struct gms_cost_pattern *pattern = sum->pattern;
	const bool hit = pattern->reuse_ns &&
			 (strategy == GMS_COST_PERSISTENT || pattern->reuse_ns <= pattern->idle_ns);
	const uint64_t n = sum->requests;

	add_exits(sum, pattern->doorbell, strategy == GMS_COST_CONVERT_BATCH ? 1 : n);
	switch (strategy) {
	case GMS_COST_BOUNCE:
		add_copies(sum, 2 * directions(sum));
		break;
	case GMS_COST_POOL:
		add_copies(sum, directions(sum));
		break;
	case GMS_COST_CONVERT:
	case GMS_COST_CONVERT_BATCH:
		add_exits(sum, pattern->ask, 2);
		share(sum, n);
		turn(sum, n, true);
		break;
	case GMS_COST_LAZY:
		add_exits(sum, pattern->ask, 2 * n);
		if (!hit) {
			share_each(sum, n);
			turn(sum, n, true);
		}
		break;
	case GMS_COST_PERSISTENT:
		if (!hit) {
			add_exits(sum, pattern->ask, 1);
			share(sum, 1);
		}
		break;
	default:	/* GMS_COST_PREAD */
		if (pattern->direction & GMS_COST_IN)
			add_file_copy(sum, sum->model->pwrite_ns, "pwrite_4k_ns");
		if (pattern->direction & GMS_COST_OUT)
			add_file_copy(sum, sum->model->pread_ns, "pread_4k_ns");
		break;
	}
}

struct gms__cost_sum gms__cost_steps(const struct gms_cost_model *model,
				     const struct gms_cost_pattern *pattern,
				     uint32_t strategy, uint64_t bytes)
{
	const uint64_t granule = gms__cost_granule(model, pattern);
	struct gms__cost_sum sum = {
		.model = model, .pattern = pattern, .bytes = bytes, .requests = 1,
	};

	sum.pages = gms__times((bytes - 1) / granule + 1, granule / model->host_page_bytes);
	if (strategy == GMS_COST_CONVERT_BATCH || strategy == GMS_COST_LAZY)
		sum.requests = gms__cost_batch(pattern);
	add_steps(&sum, strategy);
	return sum;
}


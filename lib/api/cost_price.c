/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_price.c - what counted steps cost by a model.
 *
 * A turn of runs of N pages together:
 *
 *   backing     share                              unshare
 *   GUARD       guard_remove; N refaults           guard_install, 1 flush a run
 *               a process_madvise(2) for each conversion, and for 1024 runs of it
 *   MPROTECT    a call a run                       a call and 1 flush a run
 *   ATTRIBUTES  ioctl, 1 flush of stage 2,         ioctl, 1 flush of stage 2,
 *               hole in guest_memfd,               hole in memfd with 1 flush,
 *               N new pages of memfd               N new pages of guest_memfd
 *   IN_PLACE    ioctl, 1 flush of stage 2,         ioctl, 1 flush of stage 2, 1 of the
 *               N refaults                         VMM's; N entries as MADV_DONTNEED
 *
 * IN_PLACE is guest_memfd, whose pages are dearer to map again; GUARD may be. Those of a
 * memfd are cheaper by reading (OUT), which maps several at once. With GUEST_FAULTS the
 * guest refaults what it uses after it turned private.
 *
 * That a flush of stage 2 costs what one of the process does is a stand-in: both are
 * an interrupt to the CPUs that run its threads.
 *
 *   E1  Sums and products saturate; UINT64_MAX means at least that much.
 *   E2  Nothing is added from a number that is not known without its name being kept.
 *   E3  More bytes, or threads, never cost less.
 *   E4  All is linear in the counts, and rounded up once a kind: what is counted
 *       together costs what the same costs apart, but for nanoseconds; and but for
 *       units that are less than the call and the flush they were measured with.
 */
#include <errno.h>

#include "base/sized.h"
#include "api/cost_steps.h"
#include "api/cost_text.h"

#define FLAGS	(GMS_COST_WARM | GMS_COST_ADJACENT | GMS_COST_GUEST_MEMFD | GMS_COST_GUEST_FAULTS)

/* Most vectors the kernel takes in one call (UIO_MAXIOV). */
#define VECTOR_MOST	1024u

static uint64_t minus(uint64_t a, uint64_t b)
{
	if (a == UINT64_MAX)	/* E1 */
		return a;
	return a > b ? a - b : 0;
}

struct point {
	uint64_t x, y;
};

struct line {
	struct point from, to;
};

/*
 * So many things on a line, which are at x together: none is left of from. It is 2^21
 * long at most, and rises by GMS_COST_MOST_NS at most: the product of the remainder fits.
 */
static uint64_t on_line(struct line line, uint64_t n, uint64_t x)
{
	const uint64_t dx = line.to.x - line.from.x, dy = minus(line.to.y, line.from.y);
	const uint64_t over = minus(x, gms__times(n, line.from.x));

	return gms__plus(gms__times(n, line.from.y),
			 gms__plus(gms__times(dy, over / dx),
				   gms__divide_up(dy * (over % dx), dx)));
}

/* The line between known points that x is on, or the last; false: none is known. */
static bool find_line(struct point start, const uint64_t *x, const uint64_t *y, unsigned int n,
		      uint64_t at, struct line *line)
{
	*line = (struct line){ start, start };
	for (unsigned int i = 0; i < n && (line->to.x == start.x || at > line->to.x); i++) {
		if (!y[i])
			continue;
		line->from = line->to;
		line->to.x = x[i];
		line->to.y = y[i] > line->from.y ? y[i] : line->from.y;	/* E3 */
	}
	return line->to.x != start.x;
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

	if (!n || ask == GMS_COST_ASK_NOT)
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
	struct line line;

	_Static_assert(sizeof(threads) / sizeof(threads[0]) == GMS_COST_FLUSH_POINTS - 1,
		       "a point of flush_ns has no number of threads");
	if (sum->pattern->threads) {
		if (find_line((struct point){ 0, ns }, threads, sum->model->flush_ns + 1,
			      GMS_COST_FLUSH_POINTS - 1, sum->pattern->threads, &line))
			ns = on_line(line, 1, sum->pattern->threads);
		else
			need(sum, 0, "flush_1_ns");
	}
	add(sum, GMS__COST_FLUSHES, n, ns);
}

/* Copies in all classes, each on the line that its sizes share. */
static uint64_t of_copies(struct gms__cost_sum *sum, const struct gms_cost_copies *copies,
			  const uint64_t *by_size, uint64_t empty_ns, const char *name)
{
	struct line line;
	uint64_t ns = 0;

	for (unsigned int i = 0; i <= GMS_COST_SIZE_COUNT; i++) {
		if (!copies->copies[i])
			continue;
		if (!find_line((struct point){ 0, empty_ns }, gms__cost_sizes, by_size,
			       GMS_COST_SIZE_COUNT, gms__cost_most_bytes(i), &line)) {
			need(sum, 0, name);
			return 0;
		}
		ns = gms__plus(ns, on_line(line, copies->copies[i], copies->bytes[i]));
	}
	return ns;
}

static uint64_t sum_of(const uint64_t value[GMS_COST_SIZE_COUNT + 1])
{
	uint64_t all = 0;

	for (unsigned int i = 0; i <= GMS_COST_SIZE_COUNT; i++)
		all = gms__plus(all, value[i]);
	return all;
}

static void add_copies(struct gms__cost_sum *sum, const struct gms_cost_copies *copies)
{
	const struct gms_cost_model *model = sum->model;
	const bool warm = sum->pattern->flags & GMS_COST_WARM;
	const uint64_t *by_size = warm ? model->copy_warm_ns : model->copy_cold_ns;

	add_all(sum, GMS__COST_COPIES, sum_of(copies->bytes),
		of_copies(sum, copies, by_size, 0, warm ? "copy_warm_4k_ns" : "copy_cold_4k_ns"));
}

/* What copies cost more where neither end is in the cache: those by file are measured warm. */
static uint64_t of_cold(struct gms__cost_sum *sum, const struct gms_cost_copies *copies)
{
	const struct gms_cost_model *model = sum->model;

	if (sum->pattern->flags & GMS_COST_WARM)
		return 0;
	return minus(of_copies(sum, copies, model->copy_cold_ns, 0, "copy_cold_4k_ns"),
		     of_copies(sum, copies, model->copy_warm_ns, 0, "copy_warm_4k_ns"));
}

/* Copies by system calls, whose entry counts as what it is. */
static void add_file_copies(struct gms__cost_sum *sum, const struct gms_cost_copies *copies,
			    const uint64_t *by_size, const char *name)
{
	const uint64_t n = sum_of(copies->copies);
	uint64_t syscall_ns, ns;

	if (!n)
		return;
	syscall_ns = NEED(sum, syscall_ns);
	ns = of_copies(sum, copies, by_size, syscall_ns, name);
	add(sum, GMS__COST_SYSCALLS, n, syscall_ns);
	add_all(sum, GMS__COST_COPIES, sum_of(copies->bytes),
		gms__plus(minus(ns, gms__times(n, syscall_ns)), of_cold(sum, copies)));
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

/* Runs of pages in all: whole conversions, of one run each or of several. */
struct runs {
	uint64_t runs, pages;
};

static struct runs all_runs(const struct gms_cost_turns *turns)
{
	return (struct runs){ gms__plus(turns->lone_runs, turns->runs),
			      gms__plus(turns->lone_pages, turns->pages) };
}

/* What the pages of each run behind its first add. */
static uint64_t of_more_pages(struct gms__cost_sum *sum, struct unit unit, struct runs all)
{
	const uint64_t block_pages = GMS__COST_BLOCK_BYTES / sum->model->host_page_bytes;
	const uint64_t page_ns = need(sum, unit.page_ns, unit.page_name);
	uint64_t block_ns;

	if (all.pages == all.runs)
		return 0;
	if (block_pages <= 1)
		return gms__times(page_ns, minus(all.pages, all.runs));
	block_ns = need(sum, unit.block_ns, unit.block_name);
	return on_line((struct line){ { 1, 0 }, { block_pages, minus(block_ns, page_ns) } },
		       all.runs, all.pages);
}

static uint64_t of_runs(struct gms__cost_sum *sum, struct unit unit, struct runs all)
{
	const uint64_t page_ns = need(sum, unit.page_ns, unit.page_name);

	return gms__plus(gms__times(all.runs, page_ns), of_more_pages(sum, unit, all));
}

/* Of the VMM, when it reads or writes what turned shared. */
static void add_refaults(struct gms__cost_sum *sum, struct runs all)
{
	const struct gms_cost_pattern *pattern = sum->pattern;

	if (pattern->backing == GMS_COST_IN_PLACE || pattern->flags & GMS_COST_GUEST_MEMFD)
		add(sum, GMS__COST_REFAULTS, all.pages, NEED(sum, refault_gmem_page_ns));
	else if (pattern->direction == GMS_COST_OUT)
		add_all(sum, GMS__COST_REFAULTS, all.pages,
			of_runs(sum, UNIT(sum, refault_read), all));
	else
		add(sum, GMS__COST_REFAULTS, all.pages, NEED(sum, refault_page_ns));
}

static void turn_guard(struct gms__cost_sum *sum, const struct gms_cost_turns *turns, bool take)
{
	const struct unit unit = take ? UNIT(sum, guard_install) : UNIT(sum, guard_remove);
	const struct runs lone = { turns->lone_runs, turns->lone_pages };
	const struct runs several = { turns->runs, turns->pages };
	const struct runs all = all_runs(turns);
	const uint64_t full_calls = gms__divide_up(several.runs, VECTOR_MOST);
	const uint64_t ncalls = turns->calls > full_calls ? turns->calls : full_calls;
	uint64_t ns;

	if (lone.runs) {
		add(sum, GMS__COST_SYSCALLS, lone.runs, NEED(sum, syscall_ns));
		add_work(sum, of_runs(sum, unit, lone), lone.runs, take ? lone.runs : 0);
	}
	if (several.runs) {
		ns = take ? NEED(sum, guard_install_vector_ns) : NEED(sum, guard_remove_vector_ns);
		ns = gms__times(several.runs, ns);
		if (several.pages > several.runs)
			ns = gms__plus(ns, of_more_pages(sum, unit, several));
		add(sum, GMS__COST_SYSCALLS, ncalls, NEED(sum, syscall_ns));
		add_work(sum, ns, ncalls, take ? several.runs : 0);
	}
	if (take)
		add_flushes(sum, all.runs);
	else
		add_refaults(sum, all);
}

static void turn_mprotect(struct gms__cost_sum *sum, const struct gms_cost_turns *turns, bool take)
{
	const struct unit unit = take ? UNIT(sum, mprotect_none) : UNIT(sum, mprotect_rw);
	const struct runs all = all_runs(turns);

	add(sum, GMS__COST_SYSCALLS, all.runs, NEED(sum, syscall_ns));
	add_work(sum, of_runs(sum, unit, all), all.runs, take ? all.runs : 0);
	if (take)
		add_flushes(sum, all.runs);
}

static void turn_attributes(struct gms__cost_sum *sum, const struct gms_cost_turns *turns,
			    bool take)
{
	const struct unit hole = take ? UNIT(sum, punch_memfd) : UNIT(sum, punch_gmem);
	const struct runs all = all_runs(turns);

	add(sum, GMS__COST_SYSCALLS, all.runs, NEED(sum, ioctl_ns));
	add(sum, GMS__COST_SYSCALLS, all.runs, NEED(sum, syscall_ns));
	add_work(sum, of_runs(sum, hole, all), all.runs, all.runs);
	add_flushes(sum, take ? gms__times(all.runs, 2) : all.runs);
	add(sum, GMS__COST_REFAULTS, all.pages, take ? NEED(sum, populate_gmem_page_ns)
						     : NEED(sum, populate_memfd_page_ns));
}

/* No call of its own unmaps the VMM's pages: add_work() takes that of the unit away. */
static void turn_in_place(struct gms__cost_sum *sum, const struct gms_cost_turns *turns, bool take)
{
	const struct runs all = all_runs(turns);

	add(sum, GMS__COST_SYSCALLS, all.runs, NEED(sum, ioctl_ns));
	add_flushes(sum, take ? gms__times(all.runs, 2) : all.runs);
	if (take)
		add_work(sum, of_runs(sum, UNIT(sum, dontneed), all), all.runs, all.runs);
	else
		add_refaults(sum, all);
}

static void turn(struct gms__cost_sum *sum, const struct gms_cost_turns *turns, bool take)
{
	static void (*const way[GMS_COST_BACKINGS])(struct gms__cost_sum *,
						    const struct gms_cost_turns *, bool) = {
		[GMS_COST_GUARD] = turn_guard,
		[GMS_COST_MPROTECT] = turn_mprotect,
		[GMS_COST_ATTRIBUTES] = turn_attributes,
		[GMS_COST_IN_PLACE] = turn_in_place,
	};

	if (turns->lone_runs || turns->runs)
		way[sum->pattern->backing](sum, turns, take);
}

static void add_guest_faults(struct gms__cost_sum *sum, uint64_t npages)
{
	if (npages && sum->pattern->flags & GMS_COST_GUEST_FAULTS)
		add(sum, GMS__COST_REFAULTS, npages, NEED(sum, refault_guest_page_ns));
}

struct gms__cost_sum gms__cost_price(const struct gms_cost_model *model,
				     const struct gms_cost_pattern *pattern,
				     const struct gms_cost_counts *counts)
{
	struct gms__cost_sum sum = { .model = model, .pattern = pattern };

	add_exits(&sum, pattern->doorbell, counts->doorbells);
	add_exits(&sum, pattern->ask, counts->asks);
	turn(&sum, &counts->to_shared, false);
	turn(&sum, &counts->to_private, true);
	add_guest_faults(&sum, counts->used_pages);
	add_copies(&sum, &counts->copied);
	add_file_copies(&sum, &counts->written, model->pwrite_ns, "pwrite_4k_ns");
	add_file_copies(&sum, &counts->read, model->pread_ns, "pread_4k_ns");
	return sum;
}

uint64_t gms__cost_total_ns(const struct gms__cost_sum *sum, uint64_t share)
{
	uint64_t ns = 0;

	for (unsigned int i = 0; i < GMS__COST_PARTS; i++)
		ns = gms__plus(ns, gms__divide_up(sum->ns[i], share));
	return ns;
}

void gms__cost_tell(const struct gms__cost_sum *sum, uint64_t share,
		    struct gms_cost_estimate *estimate)
{
	estimate->total_ns = gms__cost_total_ns(sum, share);
	estimate->exits_ns = gms__divide_up(sum->ns[GMS__COST_EXITS], share);
	estimate->syscalls_ns = gms__divide_up(sum->ns[GMS__COST_SYSCALLS], share);
	estimate->page_table_ns = gms__divide_up(sum->ns[GMS__COST_PAGE_TABLE], share);
	estimate->flushes_ns = gms__divide_up(sum->ns[GMS__COST_FLUSHES], share);
	estimate->refaults_ns = gms__divide_up(sum->ns[GMS__COST_REFAULTS], share);
	estimate->copies_ns = gms__divide_up(sum->ns[GMS__COST_COPIES], share);
	estimate->exits = sum->count[GMS__COST_EXITS];
	estimate->syscalls = sum->count[GMS__COST_SYSCALLS];
	estimate->flushes = sum->count[GMS__COST_FLUSHES];
	estimate->refaulted_pages = sum->count[GMS__COST_REFAULTS];
	estimate->copied_bytes = sum->count[GMS__COST_COPIES];
}

bool gms__cost_way_is_sound(const struct gms_cost_pattern *pattern)
{
	return pattern->direction <= GMS_COST_BOTH && pattern->backing < GMS_COST_BACKINGS &&
	       pattern->ask < GMS_COST_ASKS && pattern->doorbell < GMS_COST_ASKS &&
	       !(pattern->flags & ~FLAGS);
}

static bool runs_are_sound(uint64_t runs, uint64_t pages)
{
	return runs ? pages >= runs : !pages;
}

static uint64_t taken_pages(const struct gms_cost_counts *counts)
{
	return gms__plus(counts->to_private.lone_pages, counts->to_private.pages);
}

static bool turns_are_sound(const struct gms_cost_turns *turns)
{
	return runs_are_sound(turns->lone_runs, turns->lone_pages) &&
	       runs_are_sound(turns->runs, turns->pages) && turns->calls <= turns->runs;
}

/* The bytes of a class are what so many copies of its sizes can be. */
static bool copies_are_sound(const struct gms_cost_copies *copies)
{
	for (unsigned int i = 0; i <= GMS_COST_SIZE_COUNT; i++) {
		const uint64_t least = i ? gms__cost_most_bytes(i - 1) + 1 : 0;
		const uint64_t most = gms__cost_most_bytes(i);

		if (copies->bytes[i] < gms__times(copies->copies[i], least) ||
		    copies->bytes[i] > gms__times(copies->copies[i], most))
			return false;
	}
	return true;
}

static int price_known(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		       const struct gms_cost_counts *counts, struct gms_cost_estimate *estimate)
{
	struct gms__cost_sum sum;

	estimate->missing = "host_page_bytes";
	if (!model->host_page_bytes)
		return -ENODATA;
	sum = gms__cost_price(model, pattern, counts);
	estimate->missing = sum.missing;
	if (sum.missing)
		return -ENODATA;
	gms__cost_tell(&sum, 1, estimate);
	estimate->requests = counts->requests ? counts->requests : 1;
	return 0;
}

int gms_cost_price(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		   const struct gms_cost_counts *counts, struct gms_cost_estimate *estimate)
{
	struct gms_cost_estimate found = { .missing = NULL };
	struct gms_cost_pattern our_pattern;
	struct gms_cost_counts our_counts;
	struct gms_cost_model our_model;
	int err = gms__sized_in(&our_model, sizeof(our_model), model);

	if (!err)
		err = gms__sized_in(&our_pattern, sizeof(our_pattern), pattern);
	if (!err)
		err = gms__sized_in(&our_counts, sizeof(our_counts), counts);
	if (!err)
		err = gms__sized_check(estimate, sizeof(*estimate));
	if (err)
		return err;
	if (!gms__cost_in_bounds(&our_model) || !gms__cost_way_is_sound(&our_pattern) ||
	    !turns_are_sound(&our_counts.to_shared) || !turns_are_sound(&our_counts.to_private) ||
	    !copies_are_sound(&our_counts.copied) || !copies_are_sound(&our_counts.read) ||
	    !copies_are_sound(&our_counts.written) ||
	    our_counts.used_pages > taken_pages(&our_counts))
		return -EINVAL;
	err = price_known(&our_model, &our_pattern, &our_counts, &found);
	gms__sized_out(estimate, &found, sizeof(found));
	return err;
}

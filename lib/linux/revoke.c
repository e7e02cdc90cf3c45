/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * revoke.c - take pages of one mapping away from the VMM and give them back.
 *
 * Three ways, best first. A guard marker is a page-table entry that refuses
 * every touch; the mapping stays one piece, so there is no limit to how many
 * there are, and process_madvise(2) on oneself takes all runs in one call.
 * Without vectors it is one madvise(2) a run. Without markers it is mprotect(2),
 * which cuts the mapping at every run: vm.max_map_count ends that with -ENOMEM.
 *
 * Which way works is decided by the first call that takes a page away, because
 * only that proves it: removing markers succeeds on a locked mapping where
 * installing them does not. Until then every page is as it was mapped, so giving
 * pages back needs no call at all.
 *
 *   R1  Markers and mprotect are never mixed in one mapping: restoring one does
 *       not undo the other. Once a single page was revoked, found is set and
 *       never changes, also if the call failed further on.
 *   R2  A run that failed is put back whole: the kernel may have got half-way
 *       through a run of several pages, never through a single one.
 *   R3  Every system call is charged when it returns, whatever it returned.
 *   R4  A wait is never for ever: a call that makes no progress is tried
 *       TRIES_MAX times in a row.
 *   R5  Where pages are revoked by larger units (track.c), a run is a call for the
 *       units that turn, or none; it is noted after the call.
 *
 * Locking: deciding is taken only while found is BEST; found is published with
 * release. After that threads that convert different pages never meet here, but
 * where units are tracked: a conversion holds track.lock, which comes before
 * deciding.
 *
 * fork(2): pidfd goes on naming the parent, and the kernel refuses (-EINVAL)
 * to set markers in another process. A child that has vectors decided can not
 * convert; it must make backings of its own.
 *
 * System calls, for a seccomp filter: pidfd_open, process_madvise, madvise
 * (MADV_GUARD_INSTALL, MADV_GUARD_REMOVE), mprotect, close.
 */
#include "linux/revoke.h"

#include <errno.h>
#include <stdbool.h>

#include <gmemstate/account.h>
#include <gmemstate/linux/backing.h>
#include <gmemstate/types.h>

#include "linux/sys.h"
#include "linux/uapi.h"

/* Most vectors the kernel takes in one call (UIO_MAXIOV). */
#define VECTOR_MAX	1024

/* Most calls in a row that get nowhere before the error is believed. */
#define TRIES_MAX	16

/* Runs to revoke (take) or to restore, and who is charged for it. */
struct job {
	const struct gms__linux_revoker *on;
	const struct gms_host_run *runs;
	size_t nruns;
	struct gms_charge *charge;
	bool take;
};

static char *run_mem(const struct job *job, size_t i)
{
	return job->on->base + job->runs[i].backing_offset_bytes;
}

static uint64_t run_bytes(const struct job *job, size_t i)
{
	return job->runs[i].npages << GMS_PAGE_SHIFT;
}

static bool try_again(long rc)
{
	return rc == -EINTR || rc == -EAGAIN;
}

/* The kernel, or a seccomp filter, does not do this at all. */
static bool is_refusal(int rc)
{
	return rc == -EINVAL || rc == -ENOSYS || rc == -EPERM || rc == -EACCES ||
	       rc == -EOPNOTSUPP || rc == -ESRCH || rc == -EBADF;
}

static void charge_call(const struct job *job, uint32_t kind, bool worked)
{
	gms_charge_add(job->charge, kind, 1);
	/* Giving access needs no flush: a translation that is not there is not cached. */
	if (worked && job->take)
		gms_charge_add(job->charge, GMS_ACCT_FLUSH_PROCESS, 1);
}

/*
 * All runs by process_madvise. The kernel takes at most 2 GiB less a page a
 * call and stops at the first vector that fails; what it returns are the bytes
 * that are done, and the next call goes on from there, if need be within a run.
 */
static int by_vector(const struct job *job, size_t *ndone)
{
	const int advice = job->take ? GMS_MADV_GUARD_INSTALL : GMS_MADV_GUARD_REMOVE;
	struct iovec iov[VECTOR_MAX];
	uint64_t done = 0;	/* bytes of runs[run] that are done */
	unsigned int tries = 0;
	size_t run = 0;

	if (job->on->pidfd < 0)
		return -EOPNOTSUPP;
	while (run < job->nruns) {
		uint64_t skip = done;
		size_t niov = 0;
		long rc;

		for (size_t i = run; i < job->nruns && niov < VECTOR_MAX; i++, niov++) {
			iov[niov].iov_base = run_mem(job, i) + skip;
			iov[niov].iov_len = run_bytes(job, i) - skip;
			skip = 0;
		}
		rc = gms__linux_process_madvise(job->on->pidfd, iov, niov, advice);
		charge_call(job, GMS_ACCT_SYS_PROCESS_MADVISE, rc > 0);
		if (rc <= 0) {
			if ((!rc || try_again(rc)) && ++tries < TRIES_MAX)
				continue;
			*ndone = run;
			return rc ? (int)rc : -EAGAIN;
		}
		tries = 0;
		for (done += (uint64_t)rc; run < job->nruns && done >= run_bytes(job, run); run++)
			done -= run_bytes(job, run);
	}
	*ndone = run;
	return 0;
}

static int one_run(const struct job *job, uint32_t way, size_t i)
{
	unsigned int tries = 0;
	int rc;

	do {
		if (way == GMS_REVOKE_GUARD) {
			rc = gms__linux_madvise(run_mem(job, i), run_bytes(job, i),
						job->take ? GMS_MADV_GUARD_INSTALL
							  : GMS_MADV_GUARD_REMOVE);
			charge_call(job, GMS_ACCT_SYS_MADVISE, !rc);
		} else {
			rc = gms__linux_mprotect(run_mem(job, i), run_bytes(job, i),
						 job->take ? PROT_NONE : PROT_READ | PROT_WRITE);
			charge_call(job, GMS_ACCT_SYS_MPROTECT, !rc);
		}
	} while (try_again(rc) && ++tries < TRIES_MAX);
	return rc;
}

static int run_by_run(const struct job *job, uint32_t way, size_t *ndone)
{
	for (size_t i = 0; i < job->nruns; i++) {
		const int rc = one_run(job, way, i);

		if (rc) {
			*ndone = i;
			return rc;
		}
	}
	*ndone = job->nruns;
	return 0;
}

static int one_way(const struct job *job, uint32_t way, size_t *ndone)
{
	return way == GMS_REVOKE_GUARD_VECTOR ? by_vector(job, ndone) : run_by_run(job, way, ndone);
}

/* R2. Its own failure can not be helped, and changes nothing about the first one. */
static void put_back(const struct job *job, uint32_t way, size_t i)
{
	struct job back = *job;
	size_t ndone = 0;

	back.runs += i;
	back.nruns = 1;
	back.take = !job->take;
	(void)one_way(&back, way, &ndone);
}

static int carry_out(const struct job *job, uint32_t way, size_t *ndone)
{
	const int rc = one_way(job, way, ndone);

	if (rc && run_bytes(job, *ndone) > job->on->host_page_bytes)
		put_back(job, way, *ndone);
	return rc;
}

/* The first time that pages are taken away: try what was asked for, and keep what works. */
static int decide(struct gms__linux_revoker *on, const struct job *job, size_t *ndone)
{
	uint32_t way = GMS_REVOKE_GUARD_VECTOR, last = GMS_REVOKE_MPROTECT;
	int rc = -EOPNOTSUPP;

	if (on->wanted != GMS_REVOKE_BEST)
		way = last = on->wanted;
	for (; way <= last; way++) {
		rc = carry_out(job, way, ndone);
		if (!rc || *ndone) {	/* R1: even a failure may leave pages revoked */
			atomic_store_explicit(&on->found, way, memory_order_release);
			return rc;
		}
		if (!is_refusal(rc))
			return rc;
		rc = -EOPNOTSUPP;
	}
	return rc;
}

int gms__linux_runs_check(const struct gms__linux_revoker *on, const struct gms_host_run *runs,
			  size_t nruns)
{
	const uint64_t npages = on->bytes >> GMS_PAGE_SHIFT;

	for (size_t i = 0; i < nruns; i++) {
		const uint64_t first = runs[i].backing_offset_bytes >> GMS_PAGE_SHIFT;
		const uint64_t bytes = runs[i].npages << GMS_PAGE_SHIFT;

		if (first >= npages || runs[i].npages > npages - first)
			return -EINVAL;
		if ((runs[i].backing_offset_bytes | bytes) & (on->host_page_bytes - 1))
			return -EOPNOTSUPP;
	}
	return 0;
}

/* Runs that the host can be told of as they are. */
static int convert_whole(struct gms__linux_revoker *on, const struct job *job, size_t *ndone)
{
	uint32_t way = atomic_load_explicit(&on->found, memory_order_acquire);
	int rc;

	if (way != GMS_REVOKE_BEST)
		return carry_out(job, way, ndone);
	if (!job->take)		/* nothing was ever taken: it is there */
		return 0;

	pthread_mutex_lock(&on->deciding);
	way = atomic_load_explicit(&on->found, memory_order_acquire);
	if (way == GMS_REVOKE_BEST) {
		rc = decide(on, job, ndone);
		pthread_mutex_unlock(&on->deciding);
		return rc;
	}
	pthread_mutex_unlock(&on->deciding);
	return carry_out(job, way, ndone);
}

/* R5. One call a run at most, for the units that it completes or breaks. */
static int convert_tracked(struct gms__linux_revoker *on, const struct job *job, size_t *ndone)
{
	struct gms_host_run span;
	int rc = 0;

	pthread_mutex_lock(&on->track.lock);
	for (size_t i = 0; !rc && i < job->nruns; i++) {
		if (gms__linux_track_span(&on->track, &job->runs[i], job->take, &span)) {
			const struct job whole = { on, &span, 1, job->charge, job->take };
			size_t done = 0;

			rc = convert_whole(on, &whole, &done);
		}
		if (!rc)
			gms__linux_track_turn(&on->track, &job->runs[i], job->take);
		*ndone = rc ? i : i + 1;
	}
	pthread_mutex_unlock(&on->track.lock);
	return rc;
}

static int convert(struct gms__linux_revoker *on, const struct job *job, size_t *ndone)
{
	const int rc = gms__linux_runs_check(on, job->runs, job->nruns);

	if (rc)
		return rc;
	if (on->wanted == GMS_REVOKE_NONE)
		atomic_store_explicit(&on->found, GMS_REVOKE_NONE, memory_order_release);
	return on->track.private ? convert_tracked(on, job, ndone)
				 : convert_whole(on, job, ndone);
}

int gms__linux_revoke(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		      struct gms_charge *charge)
{
	const struct job job = { ctx, runs, nruns, charge, true };

	return convert(ctx, &job, ndone);
}

int gms__linux_restore(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		       struct gms_charge *charge)
{
	const struct job job = { ctx, runs, nruns, charge, false };

	return convert(ctx, &job, ndone);
}

int gms__linux_revoker_init(struct gms__linux_revoker *revoker, uint32_t wanted,
			    uint64_t host_page_bytes)
{
	const int rc = pthread_mutex_init(&revoker->deciding, NULL);

	if (rc)
		return -rc;
	revoker->host_page_bytes = host_page_bytes;
	revoker->wanted = wanted;
	revoker->pidfd = -EOPNOTSUPP;
	if (wanted == GMS_REVOKE_BEST || wanted == GMS_REVOKE_GUARD_VECTOR)
		revoker->pidfd = gms__linux_pidfd_self();
	atomic_init(&revoker->found, GMS_REVOKE_BEST);
	return 0;
}

int gms__linux_revoker_track(struct gms__linux_revoker *revoker, uint64_t unit_bytes)
{
	return gms__linux_track_init(&revoker->track, revoker->bytes, unit_bytes);
}

uint64_t gms__linux_revoker_exposed(struct gms__linux_revoker *revoker, uint64_t first,
				    uint64_t npages)
{
	uint64_t n;

	if (!revoker->track.private)
		return 0;
	pthread_mutex_lock(&revoker->track.lock);
	n = gms__linux_track_exposed(&revoker->track, first, npages);
	pthread_mutex_unlock(&revoker->track.lock);
	return n;
}

void gms__linux_revoker_fini(struct gms__linux_revoker *revoker)
{
	gms__linux_track_fini(&revoker->track);
	gms__linux_close(revoker->pidfd);
	pthread_mutex_destroy(&revoker->deciding);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibrate.h - what the parts of a calibration share.
 */
#ifndef GMS_LINUX_CALIBRATE_PRIV_H
#define GMS_LINUX_CALIBRATE_PRIV_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/cost.h>
#include <gmemstate/linux/backing.h>
#include <gmemstate/linux/calibrate.h>

#define GMS__CALIB_2M		(UINT64_C(2) << 20)

/* Guest memory that is measured on: two blocks of 2M, so that a page has neighbours. */
#define GMS__CALIB_BYTES	(2 * GMS__CALIB_2M)

/* Single pages of a batch, every other one: enough to drown the clock. */
#define GMS__CALIB_BATCH	16u

/* Numbers that one measurement takes at once. */
#define GMS__CALIB_NUMBERS	4

/* Most threads that run beside. */
#define GMS__CALIB_THREADS	64

/* Threads that do nothing but run. */
struct gms__calib_crew {
	pthread_t thread[GMS__CALIB_THREADS];
	unsigned int nthreads;
	atomic_uint running;
	atomic_bool stop;
};

struct gms__calib {
	struct gms_cost_model model;
	struct gms_calibrate_opts opts;
	struct gms_calibrate_result result;
	uint64_t page;		/* bytes of the host's page */
	uint64_t end_ns;	/* when the budget is used up */
	unsigned int left;	/* measurements to come, this one among them */

	struct gms_backing *memfd;
	char *mem;		/* its mapping */
	int pidfd;		/* this process, or a negative errno */
	int kvm_fd, vm_fd;	/* or negative errnos */

	cpu_set_t allowed;	/* where the caller may run */
	int cpu;		/* where it is bound to; -1: not bound */
	struct gms__calib_crew crew;
};

/*
 * A batch: writes what one operation of each kind took to ns[]. 0 or a negative
 * errno. A batch leaves all as it found it, for the next.
 */
typedef int gms__calib_batch_fn(struct gms__calib *calib, void *arg,
				uint64_t ns[GMS__CALIB_NUMBERS]);

/*
 * Medians of as many batches as this measurement's share of the budget allows: at
 * least one, and one more before them that is not counted. @medians[k] is NULL
 * for what is not wanted.
 */
int gms__calib_measure(struct gms__calib *calib, gms__calib_batch_fn *batch, void *arg,
		       uint64_t *const medians[GMS__CALIB_NUMBERS]);

uint64_t gms__calib_now(void);

/* Nanoseconds that each of @n operations took, that began at @start; at least 1. */
uint64_t gms__calib_each(uint64_t start, uint64_t n);

/* a - b, and 1 where noise makes that less. */
uint64_t gms__calib_difference(uint64_t a, uint64_t b);

/* Write to each page of a range, which maps it for writing. */
void gms__calib_touch(const struct gms__calib *calib, char *mem, uint64_t bytes);

/* Start @n threads that run beside until they are stopped; all run when it returns. */
int gms__calib_crew_start(struct gms__calib *calib, unsigned int n);
void gms__calib_crew_stop(struct gms__calib_crew *crew);

/* The n'th CPU that may be used, counted from the one after the caller's; -1: unbound. */
int gms__calib_cpu(const struct gms__calib *calib, unsigned int n);
/*
 * Start a thread on the CPU of the n-th, with every signal blocked: those are the
 * program's threads' to handle. 0 or a negative errno.
 */
int gms__calib_thread(const struct gms__calib *calib, unsigned int n, pthread_t *thread,
		      void *(*body)(void *arg), void *arg);

/* The parts, in order. Each takes as many measurements as calibrate.c says. */
int gms__calib_calls(struct gms__calib *calib);
int gms__calib_flush(struct gms__calib *calib);
int gms__calib_guard(struct gms__calib *calib);
int gms__calib_guard_vector(struct gms__calib *calib);
int gms__calib_mprotect(struct gms__calib *calib);
int gms__calib_dontneed(struct gms__calib *calib);
int gms__calib_vector(struct gms__calib *calib);
int gms__calib_punch(struct gms__calib *calib);
int gms__calib_copy(struct gms__calib *calib);
int gms__calib_file(struct gms__calib *calib);
int gms__calib_kvm(struct gms__calib *calib);
int gms__calib_gmem(struct gms__calib *calib);
int gms__calib_missing(struct gms__calib *calib);
int gms__calib_minor(struct gms__calib *calib);

/* Of a guest whose slot names the mapping of a guest_memfd; belongs to gms__calib_gmem(). */
int gms__calib_guest_faults(struct gms__calib *calib, struct gms_backing *gmem);

#endif

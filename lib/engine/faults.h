/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.h - pages that somebody wants and that are not there, each once.
 *
 * A fault asks for a block of its region's fault order, because it is missing or
 * because it is write-protected. It is queued or handed out, and over when a commit
 * has left no page of its block so, when it is given up, or with its region.
 *
 *   F1  Of a block there is at most one fault for a reason.
 *   F2  Some page of a fault's block is MISSING, or WRITE_PROTECT: its reason.
 *   F3  All are in the tree by page; those that are queued also in the one by age and
 *       in the one by weight, and nqueued counts them.
 *
 * F2 holds because a fault is queued under the lock of its stripe's shard of accesses,
 * after a look at the page, and commits look for faults that are over after they had
 * that lock.
 *
 * Locking: the faults' own lock (rank FAULTS), within a shard's of access.h.
 */
#ifndef GMS_ENGINE_FAULTS_H
#define GMS_ENGINE_FAULTS_H

#include <gmemstate/access.h>

#include "base/debug.h"
#include "base/pool.h"
#include "base/wait.h"
#include "map/itree.h"
#include "map/map.h"

struct gms_space;
struct gms__gate;

struct gms__faulted {		/* three cache lines */
	struct gms__inode gfns;		/* its block; the serial is its name */
	struct gms__inode age;		/* first: the serial */
	struct gms__inode weight;	/* first: from the most waiters down */
	gms_gfn	 gfn;
	gms_tag	 tag;
	uint64_t since_ns;
	uint64_t waiters;
	uint32_t reason;
	uint32_t flags;
	uint64_t queued;	/* or handed out */
};

/* What an access that waits has asked for: counted there once. */
struct gms__wish {
	uint64_t serial;	/* 0: nothing */
	gms_gfn	 gfn;
	uint32_t reason;
};

struct gms__faults {
	struct gms__lock   lock;
	struct gms__inode *by_gfn;
	struct gms__inode *by_age;
	struct gms__inode *by_weight;
	struct gms__pool   pool;
	uint64_t n;		/* read without the lock as a hint */
	uint64_t nqueued;
	uint64_t serial;
	uint64_t raised;
	uint64_t merged;
	uint64_t failed;
	gms_fault_fn *callback;
	void	*ctx;
	pthread_cond_t cond;	/* one more is queued, or it is cancelled */
};

int  gms__faults_init(struct gms__faults *faults, struct gms__mem *mem);
void gms__faults_fini(struct gms__faults *faults);

/* Who asks for a page, and why: GMS_REASON_MISSING or GMS_REASON_WRITE_PROTECT. */
struct gms__asked {
	gms_gfn	 gfn;
	uint32_t reason;
	uint32_t flags;
	gms_tag	 tag;
	bool	 counts;		/* as one that waits */
	struct gms__wish *wish;		/* or only if it does not count yet; may be NULL */
};

/* Queue it, or count. The caller has the lock of the page's shard, and looked at the page. */
int  gms__fault_ask(struct gms_space *space, const struct gms__asked *asked);
/* A wish that nobody has any more. */
void gms__fault_unwish(struct gms__faults *faults, struct gms__wish *wish);
int  gms__faults_next(struct gms_space *space, struct gms_fault *out, size_t most, uint32_t order,
		      uint64_t timeout_ns, size_t *found);
int  gms__faults_again(struct gms__faults *faults, gms_gfn first, gms_gfn end);
/* The name given last; names ascend. */
uint64_t gms__faults_last(struct gms__faults *faults);
/* The lowest fault's name and block, of those up to a serial; 0: none. */
uint64_t gms__faults_find(struct gms__faults *faults, gms_gfn first, gms_gfn end, uint64_t upto,
			  gms_gfn *gfn);
/* Give up the one of that name, if it is still there. */
void gms__fault_drop(struct gms__faults *faults, gms_gfn gfn, uint64_t serial);
/* After a commit, or the end of a region: what is over goes. */
void gms__faults_over(struct gms_space *space, const struct gms__gate *gate);
void gms__faults_cancel(struct gms__faults *faults);
void gms__faults_notify(struct gms__faults *faults, gms_fault_fn *callback, void *ctx);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - a backend that keeps its own view of the host, a bit a page.
 *
 * It checks what backend.h promises: runs ascend, are disjoint, coalesced,
 * never empty, lie in one region with the right translation, name only pages
 * that really turn, and find the state on the private side: a page is flipped
 * before it is unmapped, and mapped before it is flipped, in an undo as well.
 * The first promise broken is kept in @broken; fx_host_check() fails the test.
 */
#ifndef FX_HOST_H
#define FX_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/backend.h>
#include <gmemstate/space.h>

#define FX_HOST_LOG	1024

enum fx_host_op { FX_UNMAP = 'u', FX_MAP = 'm', FX_FLUSH = 'f' };

struct fx_host_entry {
	enum fx_host_op op;
	gms_gfn	 first;		/* 0 for a flush */
	uint64_t npages;
	bool	 failed;	/* the run at which the operation stopped */
};

struct fx_host {
	struct gms_backend backend;	/* what regions are given */
	struct gms_space  *space;	/* asked inside operations; NULL: not asked */
	pthread_mutex_t	   lock;	/* guards all below */
	gms_gfn	  first;		/* the window this host has */
	uint64_t  npages;
	uint64_t *mapped;		/* a bit a page of the window */
	uint64_t  mapped_pages;
	uint64_t  calls, runs, flushes;
	uint64_t  pass;			/* runs that still succeed, if armed */
	bool	  armed;
	enum fx_host_op fail_op;	/* which operation may fail; 0: either */
	int	  error;		/* what the failing operation returns */
	uint64_t  failures;
	uint64_t  charge_flush;		/* FLUSH_PROCESS to charge with each flush */
	size_t	  nlog;			/* entries in the log; later ones are only counted */
	struct fx_host_entry log[FX_HOST_LOG];
	char	  broken[256];
};

/* A host for frames [first, first + npages), none of them mapped. */
struct fx_host *fx_host_new(gms_gfn first, uint64_t npages);
void fx_host_free(struct fx_host *host);

/* Tell the host how the VMM sees these pages now. */
void fx_host_set(struct fx_host *host, struct gms_range range, bool mapped);
bool fx_host_maps(struct fx_host *host, gms_gfn gfn);

/* Let @pass runs through; then one operation fails with @error at its next run. */
void fx_host_fail_after(struct fx_host *host, uint64_t pass, int error);

/* Call off a failure that did not happen; true if it was still to come. */
bool fx_host_heal(struct fx_host *host);

/* Empty the log and the counts of calls. */
void fx_host_forget(struct fx_host *host);

/*
 * Fail the test if a promise was broken, or if the pages mapped in @range are
 * not exactly the shared ones.
 */
void fx_host_check(struct fx_host *host, const struct gms_space *space, struct gms_range range);

/* Of what is mapped, for snapshots. */
uint64_t fx_host_hash(struct fx_host *host);

#endif

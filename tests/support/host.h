/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - a backend that keeps its own view of the host, a bit a page.
 *
 * It checks what backend.h promises: runs ascend, are disjoint, coalesced,
 * never empty, lie in one region with the right translation, name only pages
 * that really turn, and find the state on the private side (or frozen): a page is
 * flipped before it is unmapped, and mapped before it is flipped, in an undo as well.
 * The first promise broken is kept in @broken; fx_host_check() fails the test.
 *
 * It maps and unmaps. With fx_host_do_all() it has every other operation too, and
 * of each page whether it is shared for KVM, in the direct map, and has memory; and
 * of each block whether its folio is cut.
 */
#ifndef FX_HOST_H
#define FX_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/backend.h>
#include <gmemstate/space.h>

#include "fuse.h"

#define FX_HOST_LOG	1024

enum fx_host_op {
	FX_UNMAP = 'u', FX_MAP = 'm', FX_FLUSH = 'f', FX_ATTRIBUTES = 'a', FX_DIRECT = 'd',
	FX_POPULATE = 'p', FX_DISCARD = 'x', FX_SPLIT = 's', FX_MERGE = 'g', FX_ZERO = 'z'
};

/* What a host knows of a page, a bit each. */
enum fx_host_plane { FX_IS_MAPPED, FX_IS_SHARED, FX_IS_DIRECT, FX_HAS_MEMORY, FX_HOST_PLANES };

struct fx_host_entry {
	enum fx_host_op op;
	gms_gfn	 first;		/* 0 for a flush */
	uint64_t npages;
	uint32_t content;	/* enum gms_content that the run asks for */
	bool	 failed;	/* the run at which the operation stopped */
};

struct fx_host {
	struct gms_backend backend;	/* what regions are given */
	struct gms_space  *space;	/* asked inside operations; NULL: not asked */
	pthread_mutex_t	   lock;	/* guards all below */
	gms_gfn	  first;		/* the window this host has */
	uint64_t  npages;
	uint64_t *plane[FX_HOST_PLANES]; /* a bit a page of the window */
	uint64_t *cut[2];		/* a bit a block of 2M, of 1G; NULL: does not follow */
	bool	  levels;		/* folios of 1G are cut to 2M, these to 4K */
	uint64_t  hash;			/* of all of it, kept up at every change */
	uint64_t  calls, runs, flushes;
	uint64_t  calls_of[128];	/* by enum fx_host_op */
	uint64_t  pass;			/* runs that still succeed, if armed */
	bool	  armed;
	enum fx_host_op fail_op;	/* which operation may fail; 0: either */
	int	  error;		/* what the failing operation returns */
	struct fx_fuse *fuse;		/* shared with others, who then say what fails; or NULL */
	uint64_t  failures;
	uint32_t  content;		/* what runs must say, with fx_host_do_all() */
	uint64_t  charge_flush;		/* FLUSH_PROCESS to charge with each flush */
	size_t	  nlog;			/* entries in the log; later ones are only counted */
	struct fx_host_entry log[FX_HOST_LOG];
	char	  broken[256];
};

/* A host for frames [first, first + npages), none of them mapped. */
struct fx_host *fx_host_new(gms_gfn first, uint64_t npages);
void fx_host_free(struct fx_host *host);

/* Have every operation. Before it is given to a region. */
void fx_host_do_all(struct fx_host *host);

/* Tell the host how the VMM sees these pages now. */
void fx_host_set(struct fx_host *host, struct gms_range range, bool mapped);
/* The same, and all else that it knows, from what the books say; complaints are forgotten. */
void fx_host_mend(struct fx_host *host, const struct gms_space *space, struct gms_range range);
bool fx_host_maps(struct fx_host *host, gms_gfn gfn);

/* A page that was missing has been brought in: it has memory that nobody asked it for. */
void fx_host_wrote(struct fx_host *host, gms_gfn gfn);

/* Let @pass runs through; then one operation fails with @error at its next run. */
void fx_host_fail_after(struct fx_host *host, uint64_t pass, int error);

/* Call off a failure that did not happen; true if it was still to come. */
bool fx_host_heal(struct fx_host *host);

/* Empty the log and the counts of calls. */
void fx_host_forget(struct fx_host *host);

/*
 * Fail the test if a promise was broken, or if the pages mapped in @range are
 * not exactly those shared and not frozen; with fx_host_do_all() likewise all else it knows.
 */
void fx_host_check(struct fx_host *host, const struct gms_space *space, struct gms_range range);

/* Of what is mapped, for snapshots. */
uint64_t fx_host_hash(struct fx_host *host);

#endif

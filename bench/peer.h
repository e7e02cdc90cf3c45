/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.h - what the benchmark asks of an implementation.
 *
 * An implementation maps page numbers [0, npages) to values. Bit 0 of a value
 * is "shared", which every query is about; an implementation that carries
 * several attributes holds four bits. Ranges are half open and not empty. A new
 * map is 0 everywhere. Calls come from one thread, but for get_mt and set_mt.
 *
 * Adapters do no more than the call they stand for needs, so that what is timed
 * is the implementation. None of them can fail: out of memory ends the program.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PEER_ONE_ATTR	1u	/* attrs of an implementation with "shared" alone */
#define PEER_FOUR_ATTRS	15u

#define PEER_OURS	(1u << 0)	/* part of this library */
#define PEER_PLAIN	(1u << 1)	/* a plain array: not a candidate for "best peer" */
#define PEER_NO_TOUCH	(1u << 2)	/* nothing to touch: not filled once before */
#define PEER_ANY_THREAD	(1u << 3)	/* get and set may run at once as they are, one writer */
#define PEER_EXTRA	(1u << 4)	/* a variant: only in the workloads about conversions */
#define PEER_BACKEND	(1u << 5)	/* with a backend attached */
#define PEER_LISTENER	(1u << 6)	/* with a listener attached */
/* What is attached: such a peer is only in the workloads about just that. */
#define PEER_ATTACHED	(PEER_BACKEND | PEER_LISTENER)

typedef void run_fn(void *arg, uint64_t first, uint64_t end);

struct peer {
	const char *name;
	unsigned    attrs;		/* the bits of a value that it holds */
	unsigned    flags;
	uint64_t    max_pages;		/* largest guest it can or should be tried with; 0: any */
	void	   *(*create)(uint64_t npages);
	void	    (*destroy)(void *map);
	unsigned    (*get)(void *map, uint64_t page);
	unsigned    (*value)(unsigned got);	/* from what get returned; NULL: it is the value */
	void	    (*set)(void *map, uint64_t first, uint64_t end, unsigned shared);
	void	    (*assign)(void *map, uint64_t first, uint64_t end, unsigned value);
			/* NULL: set takes all of its attributes */
	int	    (*uniform)(void *map, uint64_t first, uint64_t end); /* 0, 1; -1: mixed */
	uint64_t    (*next)(void *map, uint64_t first, uint64_t end);	 /* shared; end: none */
	void	    (*runs)(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg);
	uint64_t    (*count)(void *map, uint64_t first, uint64_t end);
	/* first and end are multiples of 64; NULL: made from runs */
	void	    (*bitmap)(void *map, uint64_t first, uint64_t end, uint64_t *bits);
	/* Single pages in any order; NULL: set */
	void	    (*batch)(void *map, const uint64_t *pages, size_t n, unsigned shared);
	/* A counted loan of one page, and its return; NULL: it counts none */
	uint64_t    (*lend)(void *map, uint64_t page);
	void	    (*unlend)(void *map, uint64_t loan);
	/* A faster set to make and restore states with, never timed; NULL: set */
	void	    (*load)(void *map, uint64_t first, uint64_t end, unsigned shared);
	void	    (*optimize)(void *map);	/* after a bulk load; NULL: nothing to do */
	uint64_t    (*bytes)(void *map);	/* metadata; NULL: what it has from malloc */
	uint64_t    (*used_bytes)(void *map);	/* without what is kept for later; NULL: bytes */

	/* With whatever lock it needs of its own; NULL: the benchmark's lock around get and set. */
	void	   *(*create_mt)(uint64_t npages);	/* NULL: create */
	unsigned    (*get_mt)(void *map, uint64_t page);
	void	    (*set_mt)(void *map, uint64_t first, uint64_t end, unsigned shared);
	void	    (*thread_begin)(void);
	void	    (*thread_end)(void);
};

/* Its rows are those of gmemstate, but in workloads that only it has. */
static inline const char *peer_row_name(const struct peer *peer)
{
	return peer->flags & PEER_ATTACHED ? "gmemstate" : peer->name;
}

extern const struct peer peer_gmemstate, peer_gmemstate_2m, peer_gmemstate_1g,
			 peer_gmemstate_pins;		/* impl_gmemstate.c */
extern const struct peer peer_gmemstate_backend, peer_gmemstate_listener, peer_gmemstate_both;
extern const struct peer peer_gmemstate_map;		/* impl_map.c */
extern const struct peer peer_flat, peer_flat4, peer_qemu;	/* impl_flat.c */
extern const struct peer peer_bytes;			/* impl_bytes.c */
extern const struct peer peer_stdmap;			/* impl_stdmap.cc */
extern const struct peer peer_absl;			/* impl_absl.cc */
extern const struct peer peer_icl;			/* impl_icl.cc */
extern const struct peer peer_roaring;			/* impl_roaring.c */
extern const struct peer peer_judy1, peer_judyl;	/* impl_judy.c */

/* The one symbol of bench/kernel/peers.so: a list that ends with NULL. */
#define PEER_KERNEL_SYMBOL	"bench_kernel_peers"

#ifdef __cplusplus
}
#endif

#endif
